"""kvtui that kills itself with SIGKILL so many calls of Python functions after it has begun a batch: real kills at any
moment, and at the same one however busy the machine is.

python tests/cli/killing.py CALLS ARGUMENT…
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any


def killed_after(calls: int, *argv: str) -> bool:
    """Run it. Returns whether it was killed, rather than done before."""
    done = subprocess.run([sys.executable, Path(__file__), str(calls), *argv], capture_output=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode == -signal.SIGKILL


def _main() -> int:
    from kvtui.__main__ import main
    from kvtui.services.batch_record import BatchRecord

    left, add = int(sys.argv.pop(1)), BatchRecord.add

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        left -= event == "call"
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(self: BatchRecord, row: Any, **how: bool) -> None:
        BatchRecord.add = add  # type: ignore[method-assign]
        sys.setprofile(count)
        add(self, row, **how)

    BatchRecord.add = begin  # type: ignore[method-assign]
    code = main()
    sys.setprofile(None)
    return code


if __name__ == "__main__":
    sys.exit(_main())
