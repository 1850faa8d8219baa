"""run --mask: the program beside us, what it prints through us."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress

from kvtui.cli.context import Context
from kvtui.services.running import Environment
from kvtui.services.running_child import Supervisor, become
from kvtui.services.running_mask import LEAST, Masker

_STEP = 1 << 16


def run_masked(context: Context, environment: Environment, file: str, argv: Sequence[str]) -> int:
    """Run it until it ends and all of its output was passed on. Returns its exit code."""
    values = list(environment.secrets.values())
    if any(len(value) < LEAST for value in values):
        context.out.note(f"A value of fewer than {LEAST} bytes is not masked.")
    whole = environment.whole(context.profiles)
    context.out.flush()
    pipes = [os.pipe(), os.pipe()]
    supervisor = Supervisor()
    if not supervisor.pid:
        for target, (_, writing) in zip((1, 2), pipes, strict=True):
            os.dup2(writing, target)
        become(file, argv, whole)
    for _, writing in pipes:
        os.close(writing)
    threads = [
        threading.Thread(target=_pass_on, args=(reading, target, values), daemon=True)
        for target, (reading, _) in zip((1, 2), pipes, strict=True)
    ]
    for thread in threads:
        thread.start()
    code = supervisor.wait()
    supervisor.take_over()
    # What it left behind may still print, as in a pipeline of a shell.
    for thread in threads:
        thread.join()
    return code


def _pass_on(reading: int, target: int, values: Iterable[bytes]) -> None:
    """From a pipe to one of our streams. Where nobody reads that any more, nobody reads the pipe either."""
    masker = Masker(values)
    try:
        with suppress(OSError):
            while piece := os.read(reading, _STEP):
                _write(target, masker.feed(piece))
            _write(target, masker.flush())
    finally:
        os.close(reading)


def _write(target: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]
