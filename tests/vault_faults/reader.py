"""A process that reads once and tells what came of it: `python -m tests.vault_faults.reader URL SECONDS`."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault.api import VaultApi
from kvtui.domain.errors import KvtuiError


def most_memory() -> int:
    """MiB that were resident at most. Not ru_maxrss, which begins with what the parent had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) // 1024


def main(url: str, timeout: float) -> None:
    before, started, told = most_memory(), time.monotonic(), ""
    with VaultApi(HttpClient(address.parse(url), timeout=timeout), token=None) as api:
        try:
            api.call("GET", "kv/data/a")
        except KvtuiError as error:
            told = f"{error.kind}: {error}"
    found = {"told": told, "seconds": time.monotonic() - started, "mib": most_memory(), "before": before}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
