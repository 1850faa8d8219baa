"""Copying with a deadline: exact bytes in, cleared on time even without us, and nothing of the user's ever cleared."""

from __future__ import annotations

import base64
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kvtui.clipboard import OSC_52_LIMIT, Clipboard, clear, tools
from kvtui.clock import suspended_clock
from kvtui.domain.errors import InvalidInput, Unavailable
from tests.leaf.waiting import wait_for
from tests.support.hostile import BY_CATEGORY, HOSTILE, by_category
from tests.support.oracle import CLIPBOARD_WRITE

SENTINEL = b"SENTINEL-CLIPBOARD-3f1c"
LATER = 60.0

XCLIP = """#!/bin/sh
echo "$*" >> "@/argv"; env >> "@/env"
case "$*" in *primary*) f=primary;; *) f=clipboard;; esac
case "$*" in *-out*) cat "@/$f";; *) cat > "@/$f.new" && mv "@/$f.new" "@/$f"; echo "$*" >> "@/writes";; esac
"""
XSEL = """#!/bin/sh
echo "$*" >> "@/argv"
case "$*" in *primary*) f=primary;; *) f=clipboard;; esac
case "$*" in *--output) cat "@/$f";; *--clear) : > "@/$f";; *) cat > "@/$f";; esac
"""
WL_COPY = """#!/bin/sh
[ "$1" = --help ] && { echo "usage @HELP@"; exit 0; }
echo "$*" >> "@/argv"
case "$*" in *primary*) f=primary;; *) f=clipboard;; esac
case "$*" in *--clear) rm -f "@/$f";; *) cat > "@/$f";; esac
"""
WL_PASTE = """#!/bin/sh
case "$*" in *primary*) f=primary;; *) f=clipboard;; esac
exec cat "@/$f"
"""
PLAIN_COPY = '#!/bin/sh\necho "$*" >> "@/argv"\nexec cat > "@/clipboard"\n'
PLAIN_PASTE = '#!/bin/sh\nexec cat "@/clipboard"\n'


class Desktop:
    """A PATH with fake tools that keep the clipboard in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("cat", "env", "mv", "rm"):
            (self.bin / name).symlink_to(f"/bin/{name}")

    def install(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(script.replace("@HELP@", "").replace("@/", f"{self.folder}/"))
        path.chmod(0o755)

    def read(self, name: str = "clipboard") -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def lines(self, name: str) -> list[str]:
        return (self.read(name) or b"").decode(errors="replace").splitlines()

    def helpers(self) -> list[int]:
        """The clearing helpers started with this PATH and still running."""
        return [pid for pid in _pids() if _is_helper(pid, str(self.bin))]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _is_helper(pid: int, path: str) -> bool:
    return clear.__file__.encode() in _proc(pid, "cmdline") and path.encode() in _proc(pid, "environ")


def _children() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    found = Desktop(tmp_path)
    monkeypatch.setenv("PATH", str(found.bin))
    for name in ("WAYLAND_DISPLAY", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":99")
    return found


@pytest.fixture
def clipboard() -> Iterator[Clipboard]:
    made = Clipboard()
    yield made
    made.clear_now()


@pytest.mark.parametrize("name", ["xclip", "xsel", "wl-copy", "pbcopy", "clip.exe"])
def test_each_tool_gets_the_exact_value_on_stdin_and_is_cleared(
    name: str, desktop: Desktop, clipboard: Clipboard
) -> None:
    scripts = {"xclip": XCLIP, "xsel": XSEL, "wl-copy": WL_COPY, "pbcopy": PLAIN_COPY, "clip.exe": PLAIN_COPY}
    desktop.install(name, scripts[name])
    readers = {
        "wl-copy": ("wl-paste", WL_PASTE),
        "pbcopy": ("pbpaste", PLAIN_PASTE),
        "clip.exe": ("powershell.exe", PLAIN_PASTE),
    }
    if name in readers:
        desktop.install(*readers[name])
    value = SENTINEL + b"\n\x00\r\n "
    result = clipboard.copy(value, LATER)
    assert (result.tool, result.verified) == (name, True)
    assert desktop.read() == value
    assert "SENTINEL" not in result.message + "".join(desktop.lines("argv"))
    assert _children() == []
    assert clipboard.clear_now()
    assert not desktop.read()
    wait_for(lambda: not desktop.helpers(), "helper gone")


@pytest.mark.parametrize("category", by_category())
def test_hostile_values_are_copied_byte_for_byte(category: str, desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP)
    value = BY_CATEGORY[category][0].value.encode("utf-8", "surrogatepass")
    assert clipboard.copy(value, LATER).verified
    assert desktop.read() == value


@pytest.mark.slow
def test_every_hostile_value_survives_the_way_through_a_tool(desktop: Desktop) -> None:
    desktop.install("xsel", XSEL)
    (tool,) = tools.find(dict(os.environ))
    assert tool.targets[0].read is not None
    for entry in HOSTILE:
        value = entry.value.encode("utf-8", "surrogatepass")
        assert clear.write(tool.copy, value)
        assert clear.read(tool.targets[0].read) == value, entry.id


def test_clip_exe_gets_utf_16_where_the_value_is_not_ascii(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("clip.exe", PLAIN_COPY)
    clipboard.copy("grüße".encode(), LATER)
    assert desktop.read() == "grüße".encode("utf-16-le")


@pytest.mark.parametrize(("help_text", "expected"), [("--sensitive", ["--sensitive"]), ("--trim-newline", [])])
def test_wl_copy_marks_the_value_sensitive_only_where_it_can(
    help_text: str, expected: list[str], desktop: Desktop, clipboard: Clipboard
) -> None:
    desktop.install("wl-copy", WL_COPY.replace("@HELP@", help_text))
    clipboard.copy(SENTINEL, LATER)
    assert desktop.lines("argv")[0].split() == ["--type", "text/plain", *expected]


def test_the_tool_of_the_running_display_comes_first(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in (("xclip", XCLIP), ("xsel", XSEL), ("wl-copy", WL_COPY), ("tmux", PLAIN_COPY)):
        desktop.install(name, script)
    assert [tool.name for tool in tools.find({"DISPLAY": ":0"})] == ["xclip", "xsel", "wl-copy"]
    assert [tool.name for tool in tools.find({"WAYLAND_DISPLAY": "w", "TMUX": "x"})] == [
        "wl-copy",
        "xclip",
        "xsel",
        "tmux",
    ]


def test_a_tool_that_fails_gives_way_to_the_next(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", "#!/bin/sh\nexit 1\n")
    desktop.install("xsel", XSEL)
    assert clipboard.copy(SENTINEL, LATER).tool == "xsel"
    wait_for(lambda: len(desktop.helpers()) == 1, "only the helper of the second tool")


def test_an_unchanged_clipboard_and_primary_are_cleared_at_the_deadline(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP)
    (desktop.folder / "primary").write_bytes(SENTINEL)
    start = suspended_clock()
    assert clipboard.copy(SENTINEL, 2).verified
    wait_for(lambda: desktop.read() == b"" and desktop.read("primary") == b"", "cleared")
    assert suspended_clock() - start >= 2
    wait_for(lambda: not desktop.helpers(), "helper gone")
    assert _children() == []


def test_what_the_user_copied_since_is_left_alone(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP)
    clipboard.copy(SENTINEL, 0.4)
    (desktop.folder / "clipboard").write_bytes(b"the user's own")
    wait_for(lambda: not desktop.helpers(), "helper done")
    assert desktop.read() == b"the user's own"
    assert clipboard.clear_now()
    assert desktop.read() == b"the user's own"


def test_a_second_copy_moves_the_deadline_and_clears_once(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP)
    clipboard.copy(SENTINEL, LATER)
    wait_for(lambda: len(desktop.helpers()) == 1, "the first helper")
    (first,) = desktop.helpers()
    second = suspended_clock()
    clipboard.copy(SENTINEL, 1.2)
    wait_for(lambda: first not in desktop.helpers(), "the first helper was called off")
    wait_for(lambda: desktop.read() == b"", "cleared")
    assert suspended_clock() - second >= 1.2
    wait_for(lambda: not desktop.helpers(), "helper gone")
    assert desktop.lines("writes") == ["-selection clipboard -in"] * 3


def test_the_helper_outlives_a_killed_parent_and_knows_no_secret(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop.install("xclip", XCLIP)
    for name in ("VAULT_TOKEN", "BAO_TOKEN", "KVTUI_PASSPHRASE", "KVTUI_PASSPHRASE_FILE", "TEXTUAL_LOG"):
        monkeypatch.setenv(name, "SENTINEL-ENVIRONMENT")
    script = (
        "import os, sys; from kvtui.clipboard import copy\ncopy(sys.stdin.buffer.read(), 4); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", script], input=SENTINEL, check=False)
    assert died.returncode == -signal.SIGKILL
    assert desktop.read() == SENTINEL
    (pid,) = desktop.helpers()
    for name in ("cmdline", "environ"):
        assert b"SENTINEL" not in _proc(pid, name)
    assert os.getsid(pid) != os.getsid(0)
    wait_for(lambda: desktop.read() == b"", "cleared without us")
    wait_for(lambda: not desktop.helpers(), "helper gone")
    assert "SENTINEL" not in "".join(desktop.lines("env") + desktop.lines("argv"))


def test_a_helper_told_to_terminate_clears_first(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP)
    clipboard.copy(SENTINEL, LATER)
    (pid,) = desktop.helpers()
    # Its handler stands a moment after the fork; until then the signal would just end it.
    wait_for(lambda: _catches(pid, signal.SIGTERM), "handler installed")
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: desktop.read() == b"", "cleared")


def _catches(pid: int, number: int) -> bool:
    caught = [line.split()[1] for line in _proc(pid, "status").decode().splitlines() if line.startswith("SigCgt")]
    return bool(caught) and bool(int(caught[0], 16) >> (number - 1) & 1)


def test_what_cannot_be_read_back_is_cleared_all_the_same(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("pbcopy", PLAIN_COPY)
    result = clipboard.copy(SENTINEL, 2)
    assert not result.verified
    assert "cannot be verified" in result.message
    assert desktop.read() == SENTINEL
    wait_for(lambda: desktop.read() == b"", "cleared")


def test_a_value_the_tool_altered_is_told_and_still_cleared(desktop: Desktop, clipboard: Clipboard) -> None:
    desktop.install("xclip", XCLIP.replace('cat > "@/$f.new"', 'tail -c +4 > "@/$f.new"'))
    (desktop.bin / "tail").symlink_to("/usr/bin/tail")
    result = clipboard.copy(b"abcdef", 3)
    assert not result.verified
    assert "exact bytes" in result.message
    assert desktop.read() == b"def"
    wait_for(lambda: desktop.read() == b"", "cleared")


def test_the_deadline_counts_suspended_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(clear, "now", lambda: clock[0])

    def resume_eight_hours_later(*_: object) -> tuple[list[int], list[int], list[int]]:
        clock[0] += 8 * 3600
        return [], [], []

    monkeypatch.setattr(clear.select, "select", resume_eight_hours_later)
    assert clear.wait_until(130.0, 0)
    assert clock[0] == 100.0 + 8 * 3600


def test_without_any_tool_the_error_names_what_to_install(desktop: Desktop, clipboard: Clipboard) -> None:
    with pytest.raises(Unavailable) as caught:
        clipboard.copy(SENTINEL, 30)
    assert "xclip" in caught.value.hint
    assert "wl-clipboard" in caught.value.hint
    assert "SENTINEL" not in str(caught.value)
    assert desktop.helpers() == []


def test_nothing_is_copied_if_it_could_not_be_cleared(
    desktop: Desktop, clipboard: Clipboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop.install("xclip", XCLIP)
    for program in ("/nonexistent/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(Unavailable, match="nothing was copied"):
            clipboard.copy(SENTINEL, 30)
    assert desktop.read() is None


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "linux"), ("STY", "1.x")])
def test_terminals_without_a_clipboard_are_not_written_to(
    name: str, value: str, desktop: Desktop, clipboard: Clipboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("kvtui.clipboard._terminal", lambda: {"path": "/dev/null"})
    written: list[str] = []
    with pytest.raises(Unavailable):
        clipboard.copy(SENTINEL, 30, written.append)
    assert written == []


def test_a_value_too_big_for_the_terminal_is_refused_with_the_reason(
    desktop: Desktop, clipboard: Clipboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("kvtui.clipboard._terminal", lambda: {"path": "/dev/null"})
    written: list[str] = []
    with pytest.raises(InvalidInput, match="75 kB"):
        clipboard.copy(b"x" * (OSC_52_LIMIT + 1), 30, written.append)
    assert written == []


def _read_until(master: int, done: Callable[[bytes], object], seconds: float = 15.0) -> bytes:
    """Output of a pty until `done(output)`."""
    received = bytearray()
    os.set_blocking(master, False)

    def ready() -> bool:
        with suppress(BlockingIOError):
            received.extend(os.read(master, 65536))
        return bool(done(bytes(received)))

    wait_for(ready, "the expected bytes from the pty", seconds)
    return bytes(received)


def test_the_terminal_way_is_cleared_even_when_we_are_killed(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    script = (
        "import os; from kvtui.clipboard import copy\n"
        "result = copy(b'SENTINEL', 0.7, lambda text: os.write(1, text.encode()))\n"
        "print(result); os.kill(os.getpid(), 9)"
    )
    pid, master = pty.fork()
    if pid == 0:  # the shell of a login session, in which the program runs and dies
        try:
            subprocess.run([sys.executable, "-c", script], check=False)
            os.read(0, 1)
        finally:
            os._exit(0)
    try:
        clearing = clear.CLEAR_OSC_52.encode()
        output = _read_until(master, lambda data: clearing in data)
        writes = CLIPBOARD_WRITE.findall(output)
        assert b"".join(writes) == b"\x1b]52;c;" + base64.b64encode(b"SENTINEL") + b"\x07" + clearing
    finally:
        os.write(master, b"\n")
        os.close(master)
        os.waitpid(pid, 0)


def test_a_terminal_of_another_session_is_not_written_to(tmp_path: Path) -> None:
    master, slave = os.openpty()
    try:
        identity = clear.terminal_identity(os.ttyname(slave))
        assert identity is not None
        job = {"salt": "", "digest": "", "targets": [], "terminal": identity}
        for change in ({"started": "0"}, {"changed": 1}, {"device": 1}, {"path": str(tmp_path / "gone")}):
            assert clear.clear({**job, "terminal": {**identity, **change}})
        assert clear.clear(job)
        assert _read_until(master, lambda data: data) == clear.CLEAR_OSC_52.encode()
    finally:
        os.close(master)
        os.close(slave)


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A tmux server with default options and one client attached in a pty; yields argv to talk to it."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("NOT TESTED: tmux is not installed")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "tmux").symlink_to(program)
    for name in ("TMUX", "DISPLAY", "WAYLAND_DISPLAY", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    socket = tmp_path / "s"
    argv = [program, "-S", str(socket), "-f", "/dev/null"]
    subprocess.run([*argv, "new-session", "-d", "-s", "t", "/bin/cat"], check=True)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TMUX", f"{socket},0,0")
    yield argv
    subprocess.run([*argv, "kill-server"], check=False)


def test_tmux_passes_the_value_on_and_forgets_it(tmux: list[str], clipboard: Clipboard) -> None:
    pid, master = pty.fork()
    if pid == 0:
        del os.environ["TMUX"]
        os.execv(tmux[0], [*tmux, "attach", "-t", "t"])
    try:
        _read_until(master, lambda data: b"[t]" in data)
        result = clipboard.copy(SENTINEL, 1.0)
        assert (result.tool, result.verified) == ("tmux", True)
        encoded = base64.b64encode(SENTINEL)
        _read_until(master, lambda data: encoded in data)
        _read_until(master, lambda data: b";" + base64.b64encode(b" ") in data)
        wait_for(lambda: not _tmux_buffers(tmux), "buffer deleted")
    finally:
        os.kill(pid, signal.SIGTERM)
        os.close(master)
        os.waitpid(pid, 0)


def test_tmux_keeps_what_was_copied_after_ours(tmux: list[str], clipboard: Clipboard) -> None:
    clipboard.copy(SENTINEL, LATER)
    subprocess.run([*tmux, "set-buffer", "-b", "mine", "the user's own"], check=True)
    assert clipboard.clear_now()
    assert _tmux_buffers(tmux) == ["mine"]


def _tmux_buffers(tmux: list[str]) -> list[str]:
    listed = subprocess.run(
        [*tmux, "list-buffers", "-F", "#{buffer_name}"], capture_output=True, text=True, check=False
    )
    return listed.stdout.split()


def test_the_helper_runs_isolated_and_imports_the_standard_library_only() -> None:
    source = Path(clear.__file__)
    assert stat.S_ISREG(source.stat().st_mode)
    script = (
        "import runpy, sys\n"
        f"runpy.run_path({str(source)!r})\n"
        "print(*(name for name in sys.modules if name.startswith('kvtui')))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_digest_is_salted() -> None:
    start = time.perf_counter()
    assert clear.digest(SENTINEL, b"one") != clear.digest(SENTINEL, b"two")
    assert time.perf_counter() - start > 0.005  # slow on purpose
