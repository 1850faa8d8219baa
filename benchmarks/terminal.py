"""Run a program in a pty and stamp when text appears: what a person waits for."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds from exec to the text on the screen, and from a key to its first answer; resident megabytes.

    `cpu_ms` is the processor time of the main thread up to the text: what a busy machine does not change much.
    """

    frame_ms: float
    key_ms: float
    resident_mb: float
    cpu_ms: float


class Terminal:
    """A child with a terminal of its own."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (80, 24)) -> None:
        self.output = bytearray()  # grows by what is read: bytes would be copied whole each time, in the time of a key
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], list(argv), dict(environment))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def wait_for(self, text: bytes, start: int = 0, seconds: float = 60) -> float:
        """Until the output holds `text` after position `start`; milliseconds since the program was started."""
        deadline = time.perf_counter() + seconds
        while self.output.find(text, start) < 0:
            self._read(deadline)
        return (time.perf_counter() - self.started) * 1000

    def key(self, key: bytes) -> float:
        """Milliseconds from a key to the first byte of the answer."""
        self.drain()
        return self.answer_ms(key)

    def answer_ms(self, key: bytes) -> float:
        """The same at once, whatever is still being drawn."""
        before = len(self.output)
        sent = time.perf_counter()
        os.write(self._fd, key)
        while len(self.output) == before:
            self._read(sent + 30)
        return (time.perf_counter() - sent) * 1000

    def press(self, key: bytes) -> None:
        """Wait for nothing: there may be no answer."""
        os.write(self._fd, key)

    def key_until(self, key: bytes, text: bytes) -> float:
        """Milliseconds from a key to some text."""
        before = len(self.output)
        sent = time.perf_counter()
        os.write(self._fd, key)
        self.wait_for(text, before)
        return (time.perf_counter() - sent) * 1000

    def drain_until(self, when: float, read: list[tuple[int, float]] | None = None) -> None:
        """Read whatever comes until a point of `time.perf_counter()`. Adds to `read` how much there was of it at which
        such point."""
        while (left := when - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                self.output += os.read(self._fd, 65536)
                if read is not None:
                    read.append((len(self.output), time.perf_counter()))

    def drain(self, quiet_seconds: float = 0.15) -> None:
        """Read until nothing more comes for a while."""
        while select.select([self._fd], [], [], quiet_seconds)[0]:
            self.output += os.read(self._fd, 65536)

    def _read(self, deadline: float) -> None:
        left = deadline - time.perf_counter()
        if left <= 0 or not select.select([self._fd], [], [], left)[0]:
            raise TimeoutError(f"no such output; the last of it: {self.output[-300:]!r}")
        self.output += os.read(self._fd, 65536)

    @property
    def cpu_ms(self) -> float:
        """Processor time of the main thread so far (Linux)."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e6

    @property
    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)
