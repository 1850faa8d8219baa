"""After every command: no value where it does not belong, what was done in the journal, JSON where it is asked for."""

from __future__ import annotations

import base64
import io
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvtui.cli import commands
from kvtui.cli.main import run
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import vault_profile
from kvtui.services.session import Session
from tests.cli.conftest import PASSPHRASE, Cli, Ran, Vault
from tests.cli.test_commands import ON_SERVERS
from tests.cli.test_process import KVTUI, at_terminal

SCREENS = {"open", "demo"}
"""open is below, demo in test_the_demo_shows_example_data_and_leaves_nothing_behind."""


@dataclass(frozen=True)
class Line:
    """One command line. `acts`: what the journal has of it, as `act path`. `tells`: whether its output is a value, or
    holds some. `plain`: files it makes, or is given, that hold values by intent. `json`: whether its output is JSON
    with --json; else it is what was asked for, byte for byte."""

    argv: str
    acts: tuple[str, ...] = ()
    tells: bool = False
    plain: str = ""
    stdin: str = ""
    json: bool = True
    code: int = 0

    @property
    def is_costly(self) -> bool:
        """Whether it makes a key of a passphrase at full cost."""
        return self.argv.startswith(("init", "key add", "key passwd", "key remove", "key rotate-master", "restore"))


VALUE, NEXT = "{value}", "{next}"
LINES = (
    Line("ls"),
    Line("ls -r app"),
    Line("tree"),
    Line("search db"),
    Line("search --value", ("search ",), stdin=VALUE),
    Line("get app/db", ("read app/db",), tells=True),
    Line("get app/db --version 1", ("read app/db",), tells=True),
    Line("versions app/db"),
    Line("diff app/db"),
    Line("diff app/db --reveal", ("read app/db", "read app/db"), tells=True),
    Line("set app/new", ("write app/new",), stdin=NEXT),
    Line("set app/new --json-value", ("write app/new",), stdin='{"password": "{next}"}'),
    Line("meta app/db"),
    Line("meta app/db --owner me", ("meta app/db",)),
    Line("rotate app/new", ("rotate app/new",)),
    Line("rotate app/new app/other", ("rotate app/new", "rotate app/other")),
    Line("rotate --undo", ("undo app/new", "undo app/other")),
    Line("rollback app/new 1", ("rollback app/new",)),
    Line("cp app/new app/copied", ("copy_secret app/new",)),
    Line("cp -r app kept", tuple(f"copy_secret app/{name}" for name in ("copied", "db", "new", "other"))),
    Line("mv app/copied app/moved", ("move app/copied",)),
    Line("rm app/moved", ("delete app/moved",)),
    Line("trash"),
    Line("undelete app/moved", ("undelete app/moved",)),
    Line("rm app/moved --destroy --yes", ("destroy app/moved",)),
    Line("import in.json", ("import ", "import imported"), plain="in.json"),
    Line("export app", tuple(f"export app/{name}" for name in ("db", "new", "other")), tells=True),
    Line("export app -o out.json", tuple(f"export app/{name}" for name in ("db", "new", "other")), plain="out.json"),
    Line("apply changes.json", ("write applied",), plain="changes.json"),
    Line("apply changes.json --dry-run", plain="changes.json"),
    Line("apply from.json", ("reveal app/db", "write taken")),
    Line("apply from.json --dry-run", ("reveal app/db",)),
    Line("generate", tells=True),
    Line("due"),
    Line("health", ("read ",)),
    Line("inject -i template -o injected", ("reveal app/db",), plain="injected"),
    Line("inject -i template", ("reveal app/db",), tells=True, json=False),
    Line("run --env PASSWORD=app/db -- true", ("reveal app/db",)),
    Line("init other"),
    Line("backup kept-backup", ("backup ",)),
    Line("restore kept-backup restored", ("restore ",)),
    Line("vault create box", ("write box",)),
    Line("vault list"),
    Line("vault delete box", ("delete box",)),
    Line("key list"),
    Line("key add --recovery", ("key ",)),
    Line("key add --new-key-file key-file", ("key ",)),
    Line("key passwd --new-passphrase-file pass", ("key ",)),
    Line("key export-raw", ("key ",)),
    Line("key remove SLOT", ("key ",)),
    Line("profiles"),
    Line("backends"),
    Line("keys"),
    Line("completion bash"),
    Line("config path"),
    Line("config check"),
    Line("doctor --verify"),
    Line("journal"),
    Line("journal app/db"),
    Line("journal verify"),
    Line("get app/none", code=3),
    Line("set app/db --cas 1", ("write app/db",), stdin=NEXT, code=5),
    Line("set app//db", stdin=NEXT, code=2),
    Line("set app/db {next}", stdin=NEXT, code=2),
    Line("import wrong.json", plain="wrong.json", code=2),
    Line("apply wrong.json", plain="wrong.json", code=2),
    Line("inject -i wrong.json -f yaml -o never", plain="wrong.json", code=2),
    Line("run --env PATH=app/db -- true", code=2),
    Line("run --env A=app/none -- true", code=3),
    Line("rotate app/db --command false", code=8),
    Line("key rotate-master --yes", ("key ",)),
)


def occurs(data: bytes, values: Iterable[str]) -> bool:
    """Whether one of the values is in it, plain or as people write bytes."""
    encoded = [value.encode() for value in values]
    return any(
        form in data for value in encoded for form in (value, base64.b64encode(value)[:-4], value.hex().encode())
    )


@dataclass(frozen=True)
class Place:
    """A vault in a home of its own, with values that are nowhere else in the world."""

    vault: Vault
    root: Path
    value: str
    next: str

    def argv(self, line: Line) -> list[str]:
        found = line.argv.replace(NEXT, self.next)
        if "SLOT" in found:
            slots = self.vault("key", "list", "--json").json["slots"]
            found = found.replace("SLOT", next(slot["id"] for slot in slots if slot["type"] == "recovery"))
        return found.split()

    def __call__(self, line: Line, *how: str) -> Ran:
        """In this process, but for `run`, which becomes another one."""
        if not line.argv.startswith("run "):
            return self.vault(*how, *self.argv(line), stdin=self.stdin(line))
        options = ["--vault", str(self.vault.path), "--passphrase-file", str(self.vault.passphrase_file)]
        argv = [sys.executable, "-m", "kvtui", *options, *how, *self.argv(line)]
        ran = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return Ran(ran.returncode, ran.stdout, ran.stderr.decode())

    def stdin(self, line: Line) -> bytes:
        return line.stdin.replace(NEXT, self.next).replace(VALUE, self.value).encode()

    def holds(self, data: bytes) -> bool:
        return occurs(data, (self.value, self.next))

    def leaks(self) -> set[str]:
        return {file.name for file in self.root.rglob("*") if file.is_file() and self.holds(file.read_bytes())}

    def acts(self) -> list[str]:
        """What the journal has, the first one first. Nothing of the vault is open while its files are read: that would
        drop SQLite's locks, which are the process' (fcntl(2))."""
        session = Session(vault_profile(self.vault.path))
        session.unlock(Credential(SecretValue(PASSPHRASE)))
        entries = session.journal.entries(limit=1000)
        session.lock()
        assert not self.holds(repr(entries).encode())
        return [f"{entry.act.value} {entry.path}" for entry in reversed(entries)]


@pytest.fixture
def place(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    value, following = (f"canary-{secrets.token_hex(12)}" for _ in range(2))
    for path in ("app/db", "app/other"):
        vault("set", path, stdin=b"first")
        vault("set", path, stdin=value.encode())
    files = {
        "in.json": json.dumps({"imported": {"password": following}}),
        "changes.json": json.dumps({"changes": [{"op": "set", "path": "applied", "fields": {"password": following}}]}),
        "from.json": json.dumps({"changes": [{"op": "set", "path": "taken", "from": {"password": "kv:///app/db"}}]}),
        "wrong.json": f'{{"changes": [{{"op": "{following}"}}], {following}',
        "template": "password = {{ kv:///app/db }}\n",
        "key-file": secrets.token_hex(32),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Place(vault, tmp_path, value, following)


def test_every_command_is_in_the_list() -> None:
    named = {name for name in commands.names() for line in LINES if f"{line.argv} ".startswith(f"{name} ")}
    assert named == set(commands.names()) - ON_SERVERS - SCREENS


@pytest.mark.parametrize(
    "how", [(), *(pytest.param(how, marks=pytest.mark.slow) for how in (("--debug",), ("--json",)))]
)
def test_no_command_leaves_a_value_anywhere_and_the_journal_has_what_was_done(
    place: Place, how: tuple[str, ...]
) -> None:
    plain = {"in.json", "changes.json", "wrong.json"}
    expected = place.acts()
    wrong = {}
    for line in LINES if how else [line for line in LINES if not line.is_costly]:
        plain |= {line.plain} - {""}
        ran = place(line, *how)
        expected += line.acts
        told = {
            "code": ran.code == line.code or (ran.code, ran.err),
            "output": line.tells or not place.holds(ran.out),
            "errors": (not place.holds(ran.err.encode()) and "Traceback" not in ran.err) or ran.err,
            "files": place.leaks() <= plain or place.leaks() - plain,
            "json": not ("--json" in how and line.json) or is_json(ran) or (ran.text, ran.err),
        }
        if any(value is not True for value in told.values()):
            wrong[line.argv] = {name: value for name, value in told.items() if value is not True}
    assert wrong == {}
    assert place.acts() == expected
    assert place.vault("journal", "verify").code == 0
    assert list((place.root / "tmp").iterdir()) == []


def is_json(ran: Ran) -> bool:
    """One value, or nothing; ASCII only. An error is the last line of standard error."""
    text = ran.out.decode("ascii")
    if ran.code and not text:
        return set(json.loads(ran.err.splitlines()[-1])) == {"error"}
    return not text or json.loads(text) is not None


@pytest.mark.pty
def test_the_screen_leaves_no_value_anywhere(place: Place) -> None:
    """Of one that was shown; the terminal has it meanwhile, on the screen that it leaves."""
    acts, files = place.acts(), place.leaks()
    options = ["--vault", str(place.vault.path), "--passphrase-file", str(place.vault.passphrase_file)]
    with at_terminal([*KVTUI, *options, "open", "app/db"]) as terminal:
        terminal.wait_for("••••••••".encode())
        terminal.type(b"r")
        terminal.wait_for(place.value.encode())
        for name in ("cmdline", "environ"):
            assert not place.holds(read(Path("/proc", str(terminal.process.pid), name)))
        terminal.type(b"q")
        assert terminal.end() == 0, terminal.shown[-500:]
    _, _, after = terminal.shown.rpartition(b"\x1b[?1049l")
    assert not place.holds(after)
    assert place.leaks() == files
    assert place.acts() == [*acts, "reveal app/db"]
    assert list((place.root / "tmp").iterdir()) == []


class Gone(io.BytesIO):
    """Standard output whose reader has stopped."""

    def write(self, _: object) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_every_command_is_quiet_when_its_reader_stops(filled: Cli, tmp_path: Path) -> None:
    (tmp_path / "template").write_text("x")
    (tmp_path / "changes.json").write_text('{"changes": [{"op": "delete", "path": "app/db"}]}')
    wrong, stopped = {}, 0
    for line in LINES:
        name = line.argv.partition(" ")[0]
        if line.code or name in {"run", "key", "init", "backup", "restore", "import"} or "app/new" in line.argv:
            continue
        filled("set", "app/db", "-f", "password", stdin=b"x")
        err = io.BytesIO()
        argv = line.argv.split()
        code = run(["-q", *argv] if name in {"trash", "due"} else argv, io.BytesIO(b"x"), Gone(), err)
        notes = [text for text in err.getvalue().decode().splitlines() if "Traceback" in text or "Broken" in text]
        stopped += code == 141
        if code not in {141, 2, 3, 5, 9} or notes:
            wrong[line.argv] = (code, notes)
    assert wrong == {}
    assert stopped > 30


@pytest.mark.slow
def test_no_process_of_a_command_has_a_value_in_its_arguments_or_environment(place: Place) -> None:
    options = ["--vault", str(place.vault.path), "--passphrase-file", str(place.vault.passphrase_file)]
    seen = 0
    for line in LINES:
        if line.argv.startswith("run ") or NEXT in line.argv:
            continue
        child = subprocess.Popen(
            [sys.executable, "-m", "kvtui", *options, *place.argv(line)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert child.stdin is not None
        child.stdin.write(place.stdin(line))
        child.stdin.close()
        while child.poll() is None:
            for process in of_session(child.pid):
                for name in ("cmdline", "environ"):
                    seen += 1
                    assert not place.holds(read(process / name)), (line.argv, name)
    assert seen > len(LINES)


def of_session(leader: int) -> Iterator[Path]:
    """The processes that a command has started, and itself."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            fields = read(process / "stat").rpartition(b")")[2].split()
            if len(fields) > 3 and int(fields[3]) == leader:
                yield process


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it is gone
        return b""
