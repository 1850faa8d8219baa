"""Key to frame: scripted keys in a real terminal over a large vault, at two sizes of the screen."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.terminal import Terminal
from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue

PASSPHRASE = "a long enough passphrase for a benchmark"
SIZES = ((80, 24), (200, 50))
KEYS_PER_SECOND = 30
IN_FOLDER = 1000


def secrets(count: int) -> Iterator[Write]:
    """`count` secrets in folders of a thousand."""
    for index in range(count):
        path = f"folder{index // IN_FOLDER:04}/secret{index % IN_FOLDER:04}"
        yield Write(path, {"user": SecretValue("admin"), "password": SecretValue(f"{index:032}")})


def run(count: int, keys: int) -> dict[str, object]:
    """Milliseconds from a key to the first byte of its answer, with one folder of a thousand open."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = Path(folder)
        _fill(home / "vault", home / "state", count)
        return {f"{width}x{height}": _keys(home, (width, height), keys) for width, height in SIZES}


def _fill(vault: Path, state: Path, count: int) -> None:
    factory = FileFactory(lambda: state)
    credential = Credential(SecretValue(PASSPHRASE))
    factory.create_with({"path": vault}, credential, kdf=KdfCost(memory_kib=8 * 1024, passes=1, lanes=1))
    with factory.open({"path": vault}, credential) as backend:
        if any(written.error is not None for written in backend.write_many(secrets(count))):
            raise RuntimeError("a write failed")


def _keys(home: Path, size: tuple[int, int], keys: int) -> dict[str, float]:
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "KVTUI_PASSPHRASE": PASSPHRASE,
    }
    terminal = Terminal([sys.executable, "-m", "kvtui", "--vault", str(home / "vault")], environment, size)
    try:
        terminal.wait_for(b"folder0000")
        terminal.drain()
        opened = terminal.key_until(b"l", b"secret0000")
        terminal.drain(0.5)
        cpu = terminal.cpu_ms
        times = _at_a_pace(terminal, [b"j"] * (keys // 2) + [b"k"] * (keys // 4) + [b"j"] * (keys // 4))
        cpu = (terminal.cpu_ms - cpu) / keys
        jump = [terminal.key(key) for key in [b"G", b"g"] * 5]
        return {
            "open_1000_ms": round(opened, 1),
            "p50_ms": round(statistics.median(times), 1),
            "p99_ms": round(sorted(times)[int(len(times) * 0.99)], 1),
            "main_thread_cpu_per_key_ms": round(cpu, 1),
            "jump_to_end_p50_ms": round(statistics.median(jump), 1),
            "rss_mb": round(terminal.resident_mb),
        }
    finally:
        terminal.close()


def _at_a_pace(terminal: Terminal, keys: Sequence[bytes]) -> list[float]:
    times = []
    due = time.perf_counter()
    for key in keys:
        due += 1 / KEYS_PER_SECOND
        terminal.drain_until(due)
        times.append(terminal.answer_ms(key))
    return times
