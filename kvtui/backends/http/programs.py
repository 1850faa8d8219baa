"""Programs that give or take a secret: an argv list without a shell, a time limit, none of our tokens to inherit."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.path import display
from kvtui.hardening import child_environment

SECONDS = 10.0
MAX_OUTPUT = 1 << 20


def run(argv: Sequence[str], *, what: str, given: bytes = b"") -> bytes:
    """What a program prints, given at most a pipe's content (64 KiB); its messages are seen by nobody.

    Raises Unavailable when it cannot be started, fails, or takes longer than SECONDS; InvalidInput for endless output.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no program"
        raise Unavailable(
            f"{what}, {display(argv[0])}, cannot be started: {reason}.", hint="Check its path and rights."
        ) from None
    with child:
        try:
            return _output(child, given, what)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            raise


def _output(child: subprocess.Popen[bytes], given: bytes, what: str) -> bytes:
    deadline = time.monotonic() + SECONDS
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    with suppress(BrokenPipeError):  # one that reads nothing
        child.stdin.write(given)
        child.stdin.flush()
    with suppress(BrokenPipeError):
        child.stdin.close()
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while len(output) <= MAX_OUTPUT:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise _late(what)
            chunk = os.read(child.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            output += chunk
        else:
            raise InvalidInput(
                f"{what} printed more than {MAX_OUTPUT} bytes.", hint="It should print the secret alone."
            )
    try:
        code = child.wait(max(deadline - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise _late(what) from None
    if code:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise Unavailable(f"{what} failed ({how}).", hint="Run it yourself to see why.", retryable=False)
    return bytes(output)


def _late(what: str) -> Unavailable:
    return Unavailable(f"{what} took longer than {SECONDS:.0f} s.", hint="Run it yourself to see why.")
