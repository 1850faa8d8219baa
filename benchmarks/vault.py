"""The vault at several sizes, each in a process of its own, beside this disk's own floor.

python -m benchmarks.vault SIZE REPEATS FOLDER     one size, as JSON: what `run` starts
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kvtui.backends.contract import Backend
from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.secret import Write
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


PASSPHRASE = "a long enough passphrase for a benchmark"


def path_of(turn: int, size: int) -> str:
    """One of `size` secrets, another one each turn."""
    index = turn * 7919 % size
    return f"group{index // 10_000:03}/folder{index // 100 % 100:02}/secret{index % 100:02}"


def disk_floor_ms(folder: Path, repeats: int = 200) -> float:
    """Median of appending 4 KiB and fsync."""
    return timed(Floor(folder), repeats)


class Floor:
    """An append of 4 KiB with fsync, one at a time: measured in turn with what it is the floor of."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "floor").open("ab", buffering=0)

    def __call__(self, _turn: int) -> None:
        self._file.write(b"x" * 4096)
        os.fsync(self._file.fileno())


def timed(action: Callable[[int], object], repeats: int) -> float:
    """Median milliseconds of `action(turn)`."""
    return statistics.median(times(action, repeats))


def times(action: Callable[[int], object], repeats: int) -> list[float]:
    found = []
    for turn in range(repeats):
        start = time.perf_counter()
        action(turn)
        found.append((time.perf_counter() - start) * 1000)
    return found


def run(sizes: list[int], repeats: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = Path(folder)
        floor = disk_floor_ms(home)
        rows = {str(size): _apart(size, repeats, home / str(size)) for size in sizes}
        small, large = rows[str(sizes[0])], rows[str(sizes[-1])]
        return {
            "disk_append_4k_fsync_ms": round(floor, 3),
            "sizes": rows,
            f"ratio_{sizes[-1]}_to_{sizes[0]}": {
                name: round(large[name] / small[name], 2) for name in small if name.endswith("_ms")
            },
        }


def _apart(size: int, repeats: int, folder: Path) -> dict[str, float]:
    """One size in a fresh process, whose memory is its own."""
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.vault", str(size), str(repeats), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def fill(vault: Path, size: int) -> float:
    """Make a vault of `size` secrets; seconds that took."""
    factory, settings, credential = access(vault)
    factory.create_with(settings, credential, kdf=CHEAP)
    with factory.open(settings, credential) as backend:
        start = time.perf_counter()
        failed = sum(1 for written in backend.write_many(secrets(size)) if written.error is not None)
        if failed:
            raise RuntimeError(f"{failed} writes failed")
        return time.perf_counter() - start


def access(vault: Path) -> tuple[FileFactory, dict[str, Path], Credential]:
    return FileFactory(lambda: vault.parent / "state"), {"path": vault}, Credential(SecretValue(PASSPHRASE))


def measure(vault: Path, size: int, repeats: int) -> dict[str, float]:
    """Of a vault that is there, from opening on: nothing before takes part in the memory."""
    factory, settings, credential = access(vault)

    def open_and_list(_: int) -> None:
        with factory.open(settings, credential) as opened:
            opened.list("")

    opening = timed(open_and_list, min(repeats, 20))
    kdf = kdf_ms(vault, credential)
    with factory.open(settings, credential) as backend:
        found = {"open_to_root_beyond_kdf_ms": round(opening - kdf, 2), **_operations(backend, size, repeats)}
        found["resident_mb"] = resident_mb()
        return {**found, **_beside_floor(backend, size, repeats, Floor(vault.parent))}


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000, 1)


def kdf_ms(vault: Path, credential: Credential, repeats: int = 10) -> float:
    """Median milliseconds of the derivation of a vault's key on its own."""
    from kvtui.backends.file import header, slots

    read = header.read(vault)
    return timed(lambda _: slots.unlock(read, credential), repeats)


def _operations(backend: Backend, size: int, repeats: int) -> dict[str, float]:
    value = {"value": SecretValue("n" * 100)}
    actions: dict[str, Callable[[int], object]] = {
        "list_100": lambda turn: backend.list(path_of(turn, size).rpartition("/")[0]),
        "read": lambda turn: backend.read(path_of(turn, size)),
        "write": lambda turn: backend.write(path_of(turn, size), value),
        "create": lambda turn: backend.write(f"new/{turn}", value),
        "find_rare": lambda turn: backend.find(f"{turn % 10}/secret{turn % 7}{turn % 9}x", 100),
        "find_100": lambda turn: backend.find(f"der0{turn % 10}/secret0{turn % 7}", 100),
        "poll": lambda _: backend.change_token(),
    }
    found = {}
    for name, action in actions.items():
        taken = times(action, repeats)
        found[f"{name}_ms"] = round(statistics.median(taken), 3)
        found[f"{name}_p95_ms"] = round(sorted(taken)[int(len(taken) * 0.95)], 3)
    versioned = "versions/one"
    for _ in range(2000):
        backend.write(versioned, value)
    found["write_of_2000_versions_ms"] = round(timed(lambda _: backend.write(versioned, value), repeats), 3)
    return found


_WRITES = 400
"""Durable writes in turn with the floor: the first ones in a large vault read pages that later ones have at hand."""
_FIRST = 60


def _beside_floor(backend: Backend, size: int, repeats: int, floor: Floor) -> dict[str, float]:
    """A durable write and this disk's floor, in turn: the disk of a shared machine has moods. The first of them apart,
    too."""
    value = {"value": SecretValue("m" * 100)}
    floors, writes = [], []
    for turn in range(max(repeats, _WRITES)):
        floors += times(floor, 1)
        writes += times(lambda _, turn=turn: backend.write(path_of(turn * 31, size), value), 1)  # type: ignore[misc]
    floor_ms, write_ms = statistics.median(floors), statistics.median(writes)
    return {
        "floor_ms": round(floor_ms, 3),
        "write_beside_floor_ms": round(write_ms, 3),
        "write_to_floor": round(write_ms / floor_ms, 2),
        "first_writes_to_floor": round(statistics.median(writes[:_FIRST]) / statistics.median(floors[:_FIRST]), 2),
    }


def main() -> None:
    size, repeats, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    vault = folder / "vault"
    if os.environ.get(_FILLED):
        print(json.dumps(measure(vault, size, repeats)))
        return
    seconds = fill(vault, size)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.vault", *sys.argv[1:]],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, _FILLED: "1"},
    )
    print(json.dumps({"import_per_s": round(size / seconds), **json.loads(done.stdout)}))


_FILLED = "KVTUI_BENCHMARK_FILLED"


if __name__ == "__main__":
    main()
