"""Key to frame: keys at the pace of a held key, in a real terminal over a large vault, at two sizes of the screen.

A key counts from when it is sent until the frame is complete that shows the row it leads to, or one that a later key
leads to. It is sent when its time has come, whether or not the one before was answered. The cursor has to end where all
keys together lead, or one of them was dropped and the run fails. The peer is the smallest Textual app with a tree, of
three rows, under the same keys.

python -m benchmarks.keys FOLDER     makes the vault in FOLDER, for `python -m benchmarks keys --data FOLDER`
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.terminal import Terminal
from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue

PASSPHRASE = "a long enough passphrase for a benchmark"
SECRETS, WIDE = 1_000_000, 100_000
"""In the vault, and of them in one folder; the others are in folders of a thousand."""
KEYS, JUMPS = 360, 20
SIZES = ((80, 24), (200, 50))
KEYS_PER_SECOND = 30.15
"""Not a multiple of what the program does twice a second: the keys of a run come at every moment between two of those,
where 30 a second would all come at the same one, and a run would measure which one that is."""
LOST_SECONDS = 1.0
"""After the last key: what is not answered by then is dropped."""
GOALS = {"p50_ms": 5, "p99_ms": 16, "open_ms": 100, "jump_p50_ms": 16, "rss_mb": 60}
MINIMAL_APP = Path(__file__).parent / "minimal_app.py"
_SYNCHRONISED, _FRAME_END = b"\x1b[?2026;2$y", b"\x1b[?2026l"
"""What a terminal that shows only whole frames says of itself, and how it is told that one is complete."""
_DOWN, _UP = b"\x1b[B", b"\x1b[A"


def secrets(count: int, wide: int) -> Iterator[Write]:
    """`count` secrets, the last `wide` of them in the last folder of the root."""
    for index in range(count):
        path = f"many/folder{index // 1000:04}/secret{index % 1000:04}"
        if index >= count - wide:
            path = path_of(index - count + wide)
        yield Write(path, {"user": SecretValue("admin"), "password": SecretValue(f"{index:032}")})


def path_of(entry: int) -> str:
    """Of a row in the wide folder."""
    return f"wide/entry{entry:06}"


def run(
    count: int = SECRETS, wide: int = WIDE, keys: int = KEYS, jumps: int = JUMPS, data: Path | None = None
) -> dict[str, Any]:
    """`keys` of each kind and `jumps` to the end, at each size. The vault is in `data`, or made there if it is not."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = data or Path(folder)
        filled = fill(home, count, wide)
        sizes = {f"{width}x{height}": _beside(home, (width, height), wide, keys, jumps) for width, height in SIZES}
    return {"secrets": count, "in_one_folder": wide, "fill_s": round(filled, 1), "sizes": sizes}


def fill(home: Path, count: int = SECRETS, wide: int = WIDE) -> float:
    """Make the vault where there is none of this size; seconds that took."""
    done = home / f"filled-{count}-{wide}"
    if done.exists():
        return 0.0
    start = time.perf_counter()
    home.mkdir(exist_ok=True)
    factory = FileFactory(lambda: home / "state")
    settings, credential = {"path": home / "vault"}, Credential(SecretValue(PASSPHRASE))
    factory.create_with(settings, credential, kdf=KdfCost(memory_kib=8 * 1024, passes=1, lanes=1))
    with factory.open(settings, credential) as backend:
        if any(written.error is not None for written in backend.write_many(secrets(count, wide))):
            raise RuntimeError("a write failed")
    done.touch()
    return time.perf_counter() - start


# What is pressed, and what answers it


@dataclass(frozen=True, slots=True)
class Press:
    key: bytes
    shows: bytes
    """Text of the row it leads to."""


class Steps:
    """Where keys lead from the first row of the wide folder."""

    def __init__(self, wide: int, half: int) -> None:
        self.at = 0
        self._by = {b"j": 1, b"k": -1, b"\x04": half, b"\x15": -half}
        self._last = wide - 1

    def press(self, key: bytes) -> Press:
        at = self._last if key == b"G" else self.at + self._by[key]
        if not 0 <= at <= self._last:
            raise ValueError("these keys lead out of the folder")
        self.at = at
        return Press(key, path_of(at).partition("/")[2].encode())


@dataclass(slots=True)
class Answers:
    """Milliseconds of the keys that were answered, and how many were not."""

    times: list[float] = field(default_factory=list)
    dropped: int = 0

    def told(self) -> dict[str, float]:
        ordered = sorted(self.times)
        return {
            "p50_ms": round(statistics.median(ordered), 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
            "longest_ms": round(ordered[-1], 1),
            "keys": len(ordered),
            "dropped": self.dropped,
        }


def pressed(terminal: Terminal, presses: Sequence[Press]) -> Answers:
    """Send the keys at the pace of a held key, then look at what came back when."""
    sent: list[tuple[float, int]] = []
    read: list[tuple[int, float]] = []  # up to which byte, and when
    start = time.perf_counter()
    for turn, press in enumerate(presses):
        terminal.drain_until(start + turn / KEYS_PER_SECOND, read)
        sent.append((time.perf_counter(), len(terminal.output)))
        terminal.press(press.key)
    terminal.drain_until(time.perf_counter() + LOST_SECONDS, read)
    answers = Answers()
    answered = inf
    for press, (when, at) in reversed(list(zip(presses, sent, strict=True))):
        shown = terminal.output.find(press.shows, at)
        end = terminal.output.find(_FRAME_END, shown) + len(_FRAME_END)
        if shown >= 0 and end >= len(_FRAME_END):
            answered = min(answered, read[bisect_left(read, (end, 0.0))][1])
        if answered == inf:
            answers.dropped += 1
        else:  # at the latest by what a later key led to: two keys may share a frame
            answers.times.insert(0, (answered - when) * 1000)
    return answers


def _beside(home: Path, size: tuple[int, int], wide: int, keys: int, jumps: int) -> dict[str, Any]:
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "KVTUI_PASSPHRASE": PASSPHRASE,
    }
    peer = Terminal([sys.executable, str(MINIMAL_APP)], environment, size)
    try:
        theirs = _peer(peer, keys)
    finally:
        peer.close()
    terminal = Terminal([sys.executable, "-m", "kvtui", "--vault", str(home / "vault")], environment, size)
    try:
        ours = _ours(terminal, wide, keys, jumps)
    finally:
        terminal.close()
    ratio = round(ours["line"]["p50_ms"] / theirs["line"]["p50_ms"], 2)
    return {"kvtui": ours, "minimal Textual app": theirs, "p50_ratio": ratio}


def _ours(terminal: Terminal, wide: int, keys: int, jumps: int) -> dict[str, Any]:
    terminal.wait_for(b"wide")
    _start(terminal)
    at_start = terminal.resident_mb
    terminal.key(b"j")
    opened = terminal.key_until(b"l", b"entry000000")
    terminal.drain(0.5)
    terminal.key(b"l")
    _arrived(terminal, path_of(0))
    terminal.key(b"\x04")
    steps = Steps(wide, _selected(terminal))
    terminal.key(b"\x15")
    _arrived(terminal, path_of(0))
    found: dict[str, Any] = {"open_ms": round(opened, 1)}
    for name, held in {
        "line": [b"j"] * (keys // 2) + [b"k"] * (keys // 4) + [b"j"] * (keys // 4),
        "half_page": [b"\x04"] * (keys // 2) + [b"\x15"] * (keys // 2),
    }.items():
        cpu = terminal.cpu_ms
        answers = pressed(terminal, [steps.press(key) for key in held])
        found[name] = answers.told() | {"main_thread_cpu_ms": round((terminal.cpu_ms - cpu) / len(held), 2)}
        _arrived(terminal, path_of(steps.at))
    there_and_back = [step for _ in range(jumps) for step in (steps.press(b"G"), Press(b"g", b"many"))]
    answers = pressed(terminal, there_and_back)
    found["jump_p50_ms"] = round(statistics.median(answers.times[::2]), 1)
    found["jump_longest_ms"] = round(max(answers.times[::2]), 1)
    found["jumps_dropped"] = answers.dropped
    terminal.key(b"G")
    _arrived(terminal, path_of(wide - 1))
    return found | {"rss_mb": round(at_start), "rss_wide_mb": round(terminal.resident_mb)}


def _peer(terminal: Terminal, keys: int) -> dict[str, Any]:
    terminal.wait_for(b"first-frame")
    _start(terminal)
    terminal.press(_UP)
    terminal.drain()
    rows = [Press(_DOWN, b"apps"), Press(_DOWN, b"infra"), Press(_UP, b"apps"), Press(_UP, b"first-frame")]
    cpu = terminal.cpu_ms
    answers = pressed(terminal, (rows * keys)[:keys])
    line = answers.told() | {"main_thread_cpu_ms": round((terminal.cpu_ms - cpu) / keys, 2)}
    return {"line": line, "rss_mb": round(terminal.resident_mb)}


def _start(terminal: Terminal) -> None:
    terminal.press(_SYNCHRONISED)
    terminal.drain(0.5)


def _selected(terminal: Terminal) -> int:
    """The entry whose path stands above the detail: the one the cursor rests on."""
    terminal.drain(0.3)
    found = re.findall(rb"wide/entry(\d{6})", terminal.output)
    return int(found[-1]) if found else -1


def _arrived(terminal: Terminal, path: str) -> None:
    at = path_of(_selected(terminal))
    if at != path:
        raise RuntimeError(f"the keys led to {at}, not to {path}")


# As text


def table(results: Mapping[str, Any]) -> str:
    """A table in Markdown, as docs/benchmarks.md has it."""
    sizes: Mapping[str, Any] = results["sizes"]
    rows: list[tuple[str, list[str]]] = []

    def row(name: str, cells: Sequence[str]) -> None:
        rows.append((name, list(cells)))

    for name, part in (("a line up or down", "line"), ("half a page", "half_page")):
        each = [size["kvtui"][part] for size in sizes.values()]
        row(f"{name}, p50 / p99 / longest", [_times(one) for one in each])
        row(f"{name}, processor time of the main thread", [f"{one['main_thread_cpu_ms']} ms" for one in each])
        row(f"{name}, keys dropped", [f"{one['dropped']} of {one['keys'] + one['dropped']}" for one in each])
    peers = [size["minimal Textual app"]["line"] for size in sizes.values()]
    row("minimal Textual app, p50 / p99 / longest", [_times(one, judged=False) for one in peers])
    row("beside it, p50", [f"{size['p50_ratio']} ×" for size in sizes.values()])
    ours = [size["kvtui"] for size in sizes.values()]
    row(f"open the folder of {results['in_one_folder']:,}", [_judged(one, "open_ms", "ms") for one in ours])
    row("jump to its end", [f"{_judged(one, 'jump_p50_ms', 'ms')}, longest {one['jump_longest_ms']}" for one in ours])
    row("resident memory, vault opened", [_judged(one, "rss_mb", "MB") for one in ours])
    row("resident memory, that folder too", [f"{one['rss_wide_mb']} MB" for one in ours])
    head = [f"| {results['secrets']:,} secrets | {' | '.join(sizes)} |", "|---|" + "---|" * len(sizes)]
    return "\n".join(head + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows])


def _times(found: Mapping[str, Any], *, judged: bool = True) -> str:
    missed = judged and (found["p50_ms"] > GOALS["p50_ms"] or found["p99_ms"] > GOALS["p99_ms"])
    return f"{found['p50_ms']} / {found['p99_ms']} / {found['longest_ms']} ms{' (missed)' * missed}"


def _judged(found: Mapping[str, Any], name: str, unit: str) -> str:
    return f"{found[name]} {unit}{' (missed)' * (found[name] > GOALS[name])}"


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
