"""Editing in the user's editor: exact bytes both ways, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kvtui import editor
from kvtui.domain.errors import Unavailable
from kvtui.editor import EditOutcome, EditStatus, edit_text
from tests.leaf.waiting import wait_for
from tests.support.hostile import BY_CATEGORY, HOSTILE, by_category

SENTINEL = b"SENTINEL-EDIT-77aa"
FAKE = """#!{python}
import json, os, stat, sys
file = sys.argv[-1]
json.dump(
    {{
        "argv": sys.argv[1:], "env": dict(os.environ), "file": file,
        "mode": stat.S_IMODE(os.stat(file).st_mode), "folder": stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode),
        "content": open(file, "rb").read().hex(),
    }},
    open({record!r}, "w"),
)
{action}
"""


class FakeEditor:
    """A program of any name that records what it was given and then does something to the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "record.json"

    def make(self, action: str = "", name: str = "vim") -> list[str]:
        program = self.folder / name
        program.write_text(FAKE.format(python=sys.executable, record=str(self.record), action=action))
        program.chmod(0o755)
        return [str(program)]

    def seen(self) -> dict[str, object]:
        return json.loads(self.record.read_text())


@pytest.fixture
def fake(tmp_path: Path) -> FakeEditor:
    return FakeEditor(tmp_path)


def edit(initial: bytes, argv: list[str]) -> EditOutcome:
    outcome = edit_text(initial, name_hint="cert.pem", editor=argv)
    assert editor._open == set()
    assert (outcome.content is not None) == (outcome.status is EditStatus.CHANGED)
    assert b"SENTINEL" not in repr(outcome).encode()
    return outcome


def append(data: bytes) -> str:
    return f"open(file, 'ab').write({data!r})"


def test_the_file_is_private_in_memory_and_gone_afterwards(fake: FakeEditor) -> None:
    argv = fake.make(append(b"!"))
    outcome = edit(SENTINEL, argv)
    assert (outcome.status, outcome.content) == (EditStatus.CHANGED, SENTINEL + b"!")
    seen = fake.seen()
    file = Path(str(seen["file"]))
    assert (seen["mode"], seen["folder"]) == (0o600, 0o700)
    assert seen["content"] == SENTINEL.hex()
    assert file.name == "value.pem"
    assert not file.parent.exists()
    if editor._in_memory("/dev/shm"):
        assert editor._in_memory(str(file.parent.parent))
        assert outcome.notes == ()


def test_without_a_memory_backed_folder_the_user_is_told(fake: FakeEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "_in_memory", lambda _: False)
    outcome = edit(SENTINEL, fake.make())
    assert [note for note in outcome.notes if "on disk" in note]


def test_modes_do_not_depend_on_the_umask(fake: FakeEditor) -> None:
    argv = fake.make()
    before = os.umask(0)
    try:
        edit(SENTINEL, argv)
    finally:
        os.umask(before)
    assert (fake.seen()["mode"], fake.seen()["folder"]) == (0o600, 0o700)


def test_vim_is_told_to_keep_nothing(fake: FakeEditor) -> None:
    edit(SENTINEL, fake.make())
    argv = fake.seen()["argv"]
    assert isinstance(argv, list)
    assert argv[argv.index("-i") : argv.index("-i") + 2] == ["-i", "NONE"]
    assert {"-n", "-b"} <= set(argv)
    assert "noundofile" in argv[-2]
    assert "nofixendofline" in argv[-2]


@pytest.mark.parametrize(
    ("name", "flag"), [("nano", "--ignorercfiles"), ("emacs", "--eval"), ("nvim", "-n"), ("micro", "-backup")]
)
def test_other_known_editors_get_their_flags(name: str, flag: str, fake: FakeEditor) -> None:
    assert not [note for note in edit(b"x", fake.make(name=name)).notes if "not an editor" in note]
    assert flag in fake.seen()["argv"]  # type: ignore[operator]


def test_an_unknown_editor_is_named_in_a_note(fake: FakeEditor) -> None:
    outcome = edit(b"x", fake.make(name="scribble"))
    assert [note for note in outcome.notes if "scribble" in note]


def test_the_editor_sees_no_token_and_no_passphrase(fake: FakeEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["VAULT_TOKEN", "BAO_TOKEN", "KVTUI_PASSPHRASE", "KVTUI_PASSPHRASE_FILE", "TEXTUAL_LOG"]
    for name in names:
        monkeypatch.setenv(name, "SENTINEL-ENVIRONMENT")
    edit(b"x", fake.make())
    assert set(names).isdisjoint(fake.seen()["env"])  # type: ignore[arg-type]


def test_visual_goes_before_editor_and_is_split_without_a_shell(
    fake: FakeEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (argv,) = fake.make(name="with space")
    monkeypatch.setenv("VISUAL", f"'{argv}' '$(touch /tmp/x); rm' --wait")
    monkeypatch.setenv("EDITOR", "/bin/false")
    assert edit_text(b"x", name_hint="x").status is EditStatus.UNCHANGED
    assert fake.seen()["argv"][:2] == ["$(touch /tmp/x); rm", "--wait"]  # type: ignore[index]


@pytest.mark.parametrize("value", ["no-such-editor-here", "'open quote"])
def test_an_unusable_editor_is_refused_before_any_file_exists(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", value)
    monkeypatch.setattr(editor, "_make_folder", lambda: pytest.fail("a folder was made"))
    with pytest.raises(Unavailable):
        edit_text(SENTINEL, name_hint="x")


@pytest.mark.parametrize(
    ("action", "status", "word"),
    [
        ("sys.exit(3)", EditStatus.FAILED, "status 3"),
        (append(b"x") + "; sys.exit(1)", EditStatus.FAILED, "nothing is written"),
        ("os.kill(os.getpid(), 9)", EditStatus.FAILED, "signal 9"),
        ("", EditStatus.UNCHANGED, "Nothing was changed"),
        ("open(file, 'wb').close()", EditStatus.EMPTIED, "empty"),
        ("os.remove(file)", EditStatus.DELETED, "deleted"),
        ("os.remove(file); os.symlink('/etc/passwd', file)", EditStatus.DELETED, "deleted"),
        ("os.remove(file); os.mkfifo(file)", EditStatus.DELETED, "deleted"),
    ],
)
def test_an_edit_that_says_nothing_certain_writes_nothing(
    action: str, status: EditStatus, word: str, fake: FakeEditor
) -> None:
    outcome = edit(SENTINEL, fake.make(action))
    assert outcome.status is status
    assert outcome.content is None
    assert word in outcome.message
    assert not Path(str(fake.seen()["file"])).parent.exists()


def test_an_editor_that_saves_by_renaming_is_read(fake: FakeEditor) -> None:
    outcome = edit(b"old", fake.make("open(file + '~', 'wb').write(b'new'); os.rename(file + '~', file)"))
    assert outcome.content == b"new"


def test_a_final_newline_alone_from_an_unknown_editor_is_no_change(fake: FakeEditor) -> None:
    outcome = edit(b"x", fake.make(append(b"\n"), "scribble"))
    assert (outcome.status, outcome.newline_added) == (EditStatus.UNCHANGED, True)
    outcome = edit(b"x", fake.make(append(b"y\n"), "scribble"))
    assert (outcome.content, outcome.newline_added) == (b"xy\n", True)
    outcome = edit(b"x", fake.make(append(b"\n"), "vim"))
    assert (outcome.content, outcome.newline_added) == (b"x\n", False)


def test_every_hostile_value_comes_back_unchanged_through_the_file() -> None:
    for entry in HOSTILE:
        value = entry.value.encode("utf-8", "surrogatepass")
        folder, _ = editor._make_folder()
        try:
            editor._write(folder / "value.txt", value)
            assert editor._outcome(value, folder / "value.txt", 0, True, ()).status is EditStatus.UNCHANGED
        finally:
            editor._remove(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminating_signal_ends_the_editor_and_removes_the_file(number: signal.Signals, fake: FakeEditor) -> None:
    (program,) = fake.make("import time; print('ready', flush=True); time.sleep(60)")
    script = (
        "import sys; from kvtui.editor import edit_text; edit_text(b'SENTINEL', name_hint='x', editor=[sys.argv[1]])"
    )
    with subprocess.Popen([sys.executable, "-c", script, program], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        folder = Path(str(fake.seen()["file"])).parent
        assert folder.exists()
        running.send_signal(number)
        assert running.wait(20) == -number
        assert not folder.exists()
        assert running.stdout.read() == b""  # the editor, the other holder of the pipe, is gone too


def test_an_interrupt_is_the_editors_and_does_not_end_the_edit(fake: FakeEditor) -> None:
    (program,) = fake.make(
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n    os.kill(os.getppid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); signal.pause()\n"
        "except KeyboardInterrupt: open(file, 'ab').write(b'!')"
    )
    before = signal.getsignal(signal.SIGINT)
    assert edit(b"x", [program]).content == b"x!"
    assert signal.getsignal(signal.SIGINT) is before


def test_an_event_loop_gets_its_signal_after_the_clean_up_and_none_of_the_editors(fake: FakeEditor) -> None:
    (program,) = fake.make(
        "import signal; os.kill(os.getppid(), signal.SIGINT); os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    )
    script = (
        "import asyncio, signal, sys\n"
        "from kvtui import editor; from kvtui.domain.errors import Unavailable\n"
        "async def main():\n"
        "    got = asyncio.Event(); loop = asyncio.get_running_loop()\n"
        "    loop.add_signal_handler(signal.SIGTERM, got.set)\n"
        "    loop.add_signal_handler(signal.SIGINT, print, 'interrupted')\n"
        "    try: editor.edit_text(b'x', name_hint='x', editor=[sys.argv[1]])\n"
        "    except Unavailable: print('ended', len(editor._open))\n"
        "    await asyncio.wait_for(got.wait(), 10); print('told')\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", script, program], stdout=subprocess.PIPE, check=True, timeout=30)
    assert done.stdout.split(b"\n") == [b"ended 0", b"told", b""]


def test_a_hangup_ignored_before_stays_ignored(fake: FakeEditor) -> None:
    argv = fake.make("import signal; os.kill(os.getppid(), signal.SIGHUP); open(file, 'ab').write(b'!')")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert edit(b"x", argv).content == b"x!"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_cleanup_removes_what_is_open() -> None:
    folder, _ = editor._make_folder()
    editor._write(folder / "value.txt", SENTINEL)
    editor.cleanup()
    assert not folder.exists()
    assert editor._open == set()


VIM = "/usr/bin/vim"
needs_vim = pytest.mark.skipif(not Path(VIM).exists(), reason="NOT TESTED: vim is not installed")


def vim(home: Path, keys: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A real vim whose user wants swap, backup, undo and history, fed with keys."""
    (home / ".vimrc").write_text(
        "set nocompatible undofile backup writebackup swapfile viminfo='100,<1000,s100\n"
        "set undodir=~/undo backupdir=~/backup directory=~/swap modeline\n"
    )
    for name in ("undo", "backup", "swap"):
        (home / name).mkdir(exist_ok=True)
    (home / "keys").write_bytes(keys.replace("\n", "\r").encode())  # Enter is CR
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TERM", "dumb")  # others make vim ask the terminal things, and there is none to answer
    return [VIM, "--not-a-term", "-s", str(home / "keys")]


@needs_vim
def test_a_real_vim_keeps_nothing_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = vim(tmp_path, "yyppddGoSENTINEL-typed\x1b:w\ndd:s/SENTINEL/x/e\n:wq\n", monkeypatch)
    outcome = edit(SENTINEL + b"\nline\n", argv)
    capfd.readouterr()
    assert outcome.status is EditStatus.CHANGED
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in {"keys", ".vimrc"}]
    assert [path for path in left if b"SENTINEL" in path.read_bytes()] == []
    assert [path for name in ("undo", "backup", "swap") for path in (tmp_path / name).iterdir()] == []


@needs_vim
@pytest.mark.parametrize(
    "value",
    [
        b"no newline at end", b"one\n", b"a\r\nb\r\n", b"a\r\nb\nc\rd", b"\xff\xfe\x00binary\x80", b"\xef\xbb\xbfbom",
        b"vim: set noeol ff=dos:\n", "漢字\u2028\x85".encode(), b"\n", b"a\n\n\n",
    ],
)  # fmt: skip
def test_a_real_vim_saving_without_an_edit_changes_no_byte(
    value: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert edit(value, vim(tmp_path, ":w!\n:q\n", monkeypatch)).status is EditStatus.UNCHANGED
    capfd.readouterr()


@needs_vim
@pytest.mark.parametrize("category", by_category())
def test_a_real_vim_keeps_hostile_values(
    category: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for entry in BY_CATEGORY[category]:
        value = entry.value.encode("utf-8", "surrogatepass")
        if value:
            outcome = edit(value, vim(tmp_path, ":w!\n:q\n", monkeypatch))
            assert outcome.status is EditStatus.UNCHANGED, entry.id
    capfd.readouterr()


def test_a_crash_of_ours_leaves_no_file(fake: FakeEditor) -> None:
    script = (
        "import sys; from kvtui import editor\n"
        "folder, _ = editor._make_folder(); editor._write(folder / 'value.txt', b'SENTINEL')\n"
        "print(folder, flush=True); raise SystemExit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False)
    wait_for(lambda: not Path(done.stdout.decode().strip()).exists(), "folder removed at exit")
