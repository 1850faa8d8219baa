"""The vault at several sizes, beside this disk's own floor: open, list, read, write, import."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kvtui.backends.contract import Backend, Write
from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)
"""The KDF is measured on its own; here it would only hide the rest."""


def secrets(count: int) -> Iterator[Write]:
    """`count` secrets in folders of 100, values of 100 bytes."""
    for index in range(count):
        yield Write(
            f"group{index // 10_000:03}/folder{index // 100 % 100:02}/secret{index % 100:02}",
            {"value": SecretValue(f"{index:0100}")},
        )


def disk_floor_ms(folder: Path, repeats: int = 200) -> float:
    """Median of appending 4 KiB and fsync."""
    times = []
    with (folder / "floor").open("wb", buffering=0) as file:
        for _ in range(repeats):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def timed(action: Callable[[int], object], repeats: int) -> float:
    """Median milliseconds of `action(turn)`."""
    times = []
    for turn in range(repeats):
        start = time.perf_counter()
        action(turn)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def run(sizes: list[int], repeats: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = Path(folder)
        floor = disk_floor_ms(home)
        rows = {str(size): measure(home / f"vault{size}", size, repeats) for size in sizes}
        small, large = rows[str(sizes[0])], rows[str(sizes[-1])]
        return {
            "disk_append_fsync_ms": round(floor, 3),
            "sizes": rows,
            f"ratio_{sizes[-1]}_to_{sizes[0]}": {
                name: round(large[name] / small[name], 2) for name in small if name.endswith("_ms")
            },
            "write_to_floor": round(large["write_ms"] / floor, 2),
        }


def measure(vault: Path, size: int, repeats: int) -> dict[str, float]:
    factory = FileFactory(lambda: vault.parent / "state")
    settings = {"path": vault}
    credential = Credential(SecretValue("a long enough passphrase for a benchmark"))
    factory.create_with(settings, credential, kdf=CHEAP)
    with factory.open(settings, credential) as backend:
        start = time.perf_counter()
        failed = sum(1 for written in backend.write_many(secrets(size)) if written.error is not None)
        imported = time.perf_counter() - start
    if failed:
        raise RuntimeError(f"{failed} writes failed")

    def open_and_list(_: int) -> None:
        with factory.open(settings, credential) as opened:
            opened.list("")

    opening = timed(open_and_list, min(repeats, 20))
    kdf = kdf_ms(vault, credential)
    with factory.open(settings, credential) as backend:
        return {
            "import_per_s": round(size / imported),
            "open_to_root_beyond_kdf_ms": round(opening - kdf, 2),
            **_operations(backend, size, repeats),
        }


def kdf_ms(vault: Path, credential: Credential) -> float:
    from kvtui.backends.file import header, slots

    read = header.read(vault)
    return timed(lambda _: slots.unlock(read, credential), 10)


def _operations(backend: Backend, size: int, repeats: int) -> dict[str, float]:
    def path(turn: int) -> str:
        index = turn * 7919 % size
        return f"group{index // 10_000:03}/folder{index // 100 % 100:02}/secret{index % 100:02}"

    value = {"value": SecretValue("n" * 100)}
    return {
        "list_100_ms": round(timed(lambda turn: backend.list(path(turn).rpartition("/")[0]), repeats), 3),
        "read_ms": round(timed(lambda turn: backend.read(path(turn)), repeats), 3),
        "write_ms": round(timed(lambda turn: backend.write(path(turn), value), repeats), 3),
        "create_ms": round(timed(lambda turn: backend.write(f"new/{turn}", value), repeats), 3),
        "find_ms": round(
            timed(lambda turn: backend.find(f"der0{turn % 10}/secret0{turn % 7}", 100), min(repeats, 20)), 3
        ),
    }
