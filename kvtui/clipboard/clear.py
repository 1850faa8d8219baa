"""The helper that clears the clipboard, alive or not its parent.

It is run by path in an isolated interpreter (`python -I -S clear.py`), so it imports the standard library only and no
kvtui. It gets one JSON line on stdin: when to clear, the salted hash of what was copied, and which commands read and
clear. It never gets the secret; nothing is in its argv or environment. Further lines on stdin are commands: `drop` ends
it. The end of stdin means only that the parent is gone.

    {"deadline": seconds of suspended_clock(), "salt": hex, "digest": hex,
     "targets": [{"read": argv | null, "newest": argv | null, "name": str, "clear": [[argv, stdin text]…],
                  "forget": [argv…]}…],
     "terminal": {"path", "device", "changed", "session", "started"} | null}

A target is cleared if `read` gives the bytes of the digest (or there is no way to read it). If `newest` is given and
does not answer `name`, something newer was copied: only the `forget` commands run. A terminal (OSC 52) cannot be read
back: it is cleared if it is still the same terminal of the same login session.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

# A space first: some terminals take an empty value for nothing to do.
CLEAR_OSC_52 = "\x1b]52;c;IA==\x07\x1b]52;c;\x07"
TOOL_SECONDS = 3.0  # no clipboard tool takes longer unless it hangs
Environment = dict[str, str] | None  # for the tools; None: our own
_SLICE = 0.5  # sleep in short pieces: a long one would be stretched by suspend


def now() -> float:
    """As kvtui.clock.suspended_clock, which cannot be imported here."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None and sys.platform == "darwin":
        clock = time.CLOCK_MONOTONIC
    return time.time() if clock is None else time.clock_gettime(clock)


def digest(data: bytes, salt: bytes) -> bytes:
    """A hash that is slow to guess from (scrypt, 16 MiB): copied values are often short."""
    return hashlib.scrypt(data, salt=salt, n=2**14, r=8, p=1, dklen=32)


def read(argv: list[str], environment: Environment = None) -> bytes | None:
    """What a tool prints, None if it fails: an empty clipboard is a failure for most."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def write(argv: list[str], data: bytes, environment: Environment = None) -> bool:
    """Give `data` to a tool on stdin. Its output goes nowhere: these tools stay in the background holding it open."""
    try:
        done = subprocess.run(
            argv,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=False,
            start_new_session=True,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def clear(job: dict[str, Any], environment: Environment = None) -> bool:
    """Clear what still holds ours. Returns whether every clearing that was due worked."""
    done = [_clear_target(job, target, environment) for target in job["targets"]]
    return all([*done, _clear_terminal(job["terminal"])])


def _clear_target(job: dict[str, Any], target: dict[str, Any], environment: Environment) -> bool:
    if target["read"] is not None:
        found = read(target["read"], environment)
        if found is None:
            return True
        if not hmac.compare_digest(digest(found, bytes.fromhex(job["salt"])), bytes.fromhex(job["digest"])):
            return True
    newest = target["newest"] and read(target["newest"], environment)
    ours = not target["newest"] or (newest or b"").split(b"\n")[0] == target["name"].encode()
    cleared = [write(argv, text.encode(), environment) for argv, text in target["clear"]] if ours else []
    return all(cleared + [write(argv, b"", environment) for argv in target["forget"]])


def terminal_identity(path: str) -> dict[str, Any] | None:
    """What tells one terminal from a later one of the same name: device, its last change of owner, login session."""
    try:
        info = os.stat(path)  # noqa: PTH116 - pathlib would be one more import in a helper that starts on each copy
    except OSError:
        return None
    session = os.getsid(0)
    return {
        "path": path,
        "device": info.st_rdev,
        "changed": info.st_ctime_ns,
        "session": session,
        "started": _session_start(session),
    }


def _session_start(session: int) -> str | None:
    """When the process leading a session started, on Linux: proc(5), field 22 of stat. None where it is not known."""
    try:
        with open(f"/proc/{session}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - as above
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _clear_terminal(terminal: dict[str, Any] | None) -> bool:
    if terminal is None:
        return True
    found = terminal_identity(terminal["path"])
    if found is None or any(found[key] != terminal[key] for key in ("device", "changed")):
        return True
    if _session_start(terminal["session"]) != terminal["started"]:
        return True
    try:
        handle = os.open(terminal["path"], os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # One write: the sequence cannot be torn apart by what others print.
        return os.write(handle, CLEAR_OSC_52.encode()) == len(CLEAR_OSC_52)
    except OSError:
        return False
    finally:
        os.close(handle)


def wait_until(deadline: float, control: int) -> bool:
    """Wait, listening on `control`. Returns False if told to drop the job."""
    pending = b""
    parent_alive = True
    while (left := deadline - now()) > 0:
        pause = min(left, _SLICE)
        if not parent_alive:
            time.sleep(pause)
        elif select.select([control], [], [], pause)[0]:
            received = os.read(control, 64)
            pending += received
            parent_alive = received != b""
            if b"drop" in pending:
                return False
    return True


def _read_line(control: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(control, 1)  # byte by byte: what follows the line belongs to wait_until
        if not byte:
            raise EOFError
        line += byte
    return line


def main() -> int:
    import resource  # noqa: PLC0415 - not needed by those who only call clear()

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    job = json.loads(_read_line(0))
    if os.fork():  # the parent waits for this process only, and never has a zombie of the other
        os._exit(0)
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    # At shutdown there may be no later: clear now.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0 if clear(job) else 1))
    if wait_until(job["deadline"], 0) and not clear(job):
        return 1
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, EOFError):
        sys.exit(main())
