"""import from the stores of pass and gopass through these programs, and what every import keeps to itself."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvtui.domain.errors import NotFound, Unavailable
from kvtui.services.transfer import Format, Item
from kvtui.services.transfer.foreign import pass_store
from kvtui.services.transfer.foreign.pass_store import read_store, values_of
from tests.cli.conftest import Cli, Vault
from tests.support.terminal import Terminal
from tests.transfer.exports import (
    KEY,
    NOTE,
    PRINTED,
    bitwarden,
    entry,
    keepass,
    string,
)
from tests.transfer.programs import script

ROOT = Path(__file__).parents[2]
BINARY = b"\xff\x00\r\n"
ENTRIES = {
    "web/mail": b"p w\nuser: bob\nurl: https://a.example:8443/x\nempty:\n\nfree text: not a field\n",
    "-dash": b"only",
    "keys/id": KEY.encode(),
    "blob": BINARY,
    "otp": b"otpauth://totp/x?secret=AAAA\n",
}


# -- with the real programs


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """The environment of a store that pass made, whose key has no passphrase. GnuPG's sockets need a short path."""
    if shutil.which("pass") is None or shutil.which("gpg") is None:
        pytest.skip("NOT TESTED: pass or gpg is not installed, no store is read through them")
    with tempfile.TemporaryDirectory(prefix="kv", dir="/tmp") as place:
        found = _made_store(Path(place), "")
        yield found
        _end_agent(found)


def _made_store(place: Path, passphrase: str) -> dict[str, str]:
    home = place / "gnupg"
    home.mkdir(mode=0o700)
    # Without a count, the agent first finds out for seconds how many times it can hash a passphrase in one.
    (home / "gpg-agent.conf").write_text("s2k-count 65536\npinentry-program /usr/bin/pinentry-curses\n")
    environment = {"GNUPGHOME": str(home), "PASSWORD_STORE_DIR": str(place / "store")}
    argv = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase]
    _run([*argv, "--quick-generate-key", "t@example.com", "future-default", "default", "never"], environment)
    _run(["pass", "init", "t@example.com"], environment)
    for name, content in ENTRIES.items():
        _run(["pass", "insert", "-m", "--", name], environment, content)
    return environment


def _run(argv: list[str], environment: dict[str, str], given: bytes = b"") -> None:
    subprocess.run(argv, env={**os.environ, **environment}, input=given, check=True, capture_output=True)


def _end_agent(environment: dict[str, str]) -> None:
    _run(["gpgconf", "--kill", "gpg-agent"], environment)


@pytest.fixture
def real(store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return Path(store["PASSWORD_STORE_DIR"])


def _fields(items: Iterator[Item]) -> dict[str, dict[str, object]]:
    return {item.path: {name: value.reveal() for name, value in item.fields.items()} for item in items}


def test_every_entry_of_pass_comes_to_the_byte(real: Path) -> None:
    assert _fields(iter(read_store(Format.PASS))) == {
        "-dash": {"password": "only"},
        "blob": {"value": BINARY},
        "keys/id": {"value": KEY},
        "otp": {"totp": "otpauth://totp/x?secret=AAAA"},
        "web/mail": {
            "password": "p w",
            "user": "bob",
            "url": "https://a.example:8443/x",
            "empty": "",
            "notes": "\nfree text: not a field",
        },
    }


def test_the_gopass_of_debian_is_read_from_where_pass_has_its_store(real: Path) -> None:
    program = shutil.which("gopass")
    if program is None or subprocess.run([program, "ls", "--flat"], capture_output=True, check=False).returncode == 0:
        pytest.skip("NOT TESTED: the gopass of Debian is not installed")
    items = list(read_store(Format.GOPASS, into="g"))
    found = _fields(iter(items))
    assert found["g/web/mail"]["user"] == "bob"
    assert found["g/keys/id"] == {"value": KEY}
    assert found["g/blob"] == {"value": b"\xff\x00\n"}
    assert [item.path for item in items if "leaves out line ends" in item.note] == ["g/blob"]


def test_what_cannot_be_decrypted_is_told_by_name_and_the_rest_imported(real: Path, cli: Cli) -> None:
    (real / "broken.gpg").write_bytes(b"no message")
    try:
        ran = cli("import", str(real), "--json", "--into", "p")
    finally:
        (real / "broken.gpg").unlink()
    assert ran.code == 4
    assert len(ran.json["done"]) == len(ENTRIES)
    (failed,) = ran.json["failed"]
    assert failed["path"] == "p/broken"
    assert "pass show tells why" in failed["error"]["message"]
    types = {name: cli("get", f"p/{name}", "--json").json["metadata"]["type"] for name in ENTRIES}
    assert types == {"web/mail": "password", "-dash": "password", "keys/id": "ssh_key", "blob": "secret", "otp": "totp"}


def test_a_dry_run_writes_nothing_and_importing_again_skips_all(real: Path, cli: Cli) -> None:
    assert cli("import", "--format", "pass", "--dry-run").text.count("created") == len(ENTRIES)
    assert cli("ls").text == ""
    assert cli("import", "--format", "pass").code == 0
    assert cli("import", "--format", "pass").text == f"Imported: {len(ENTRIES)} skipped\n"


def test_gnupg_asks_for_the_passphrase_at_the_terminal(vault: Vault) -> None:
    if None in {shutil.which(name) for name in ("pass", "gpg", "pinentry-curses")}:
        pytest.skip("NOT TESTED: pass, gpg or pinentry-curses is not installed")
    with tempfile.TemporaryDirectory(prefix="kv", dir="/tmp") as place:
        found = _made_store(Path(place), "only for this test")
        _end_agent(found)  # it still knows the passphrase
        environment = {name: value for name, value in os.environ.items() if name != "GPG_TTY"}
        argv = [sys.executable, "-m", "kvtui", "--vault", str(vault.path)]
        argv += ["--passphrase-file", str(vault.passphrase_file), "import", "--format", "pass"]
        python_path = {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
        with Terminal(argv, env={**environment, **found, **python_path}) as terminal:
            terminal.wait_for("Passphrase:")
            terminal.send(b"only for this test\r")
            assert terminal.wait_end() == 0
        _end_agent(found)
    assert vault("get", "web/mail", "-f", "user").out == b"bob"


# -- with programs that tell how they were called


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A pass and a gopass (of gopasspw) that write down how they are called."""
    log = tmp_path / "log"
    folder = tmp_path / "programs"
    body = f'printf "%s\\n" "$0 $*" >>{log}; env >>{log}; ls /proc/self/fd >>{log}\n'
    script(folder, "pass", body + 'printf "secret of %s\\n" "$3"')
    script(folder, "gopass", f'{body}case "$*" in "ls --flat") printf "a b\\nx/y\\n";; *) printf "s\\nk: v\\n";; esac')
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    place = tmp_path / "store"
    place.mkdir()
    (place / ".gpg-id").write_text("x\n")
    (place / "a;$(touch x).gpg").touch()
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(place))
    return lambda: log.read_text().splitlines()


def test_programs_get_names_only_no_shell_and_nothing_of_ours(
    told: Callable[[], list[str]], vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KVTUI_PASSPHRASE", "not for them")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert vault("import", "--format", "pass").code == 0
    lines = told()
    assert lines[0].endswith("/pass show -- a;$(touch x)")
    assert not any("not for them" in line or "KVTUI_PASS" in line for line in lines)
    assert not any("secret of" in line for line in lines)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert vault("get", "a;$(touch x)").out == b"secret of a;$(touch x)"


def test_the_gopass_that_lists_all_its_stores_is_asked_for_them(told: Callable[[], list[str]]) -> None:
    assert _fields(iter(read_store(Format.GOPASS))) == {
        "a b": {"password": "s", "k": "v"},
        "x/y": {"password": "s", "k": "v"},
    }
    assert [line.rpartition("/gopass ")[2] for line in told() if "/gopass " in line] == [
        "ls --flat",
        "show --unsafe --noparsing --alsoclip=false -- a b",
        "show --unsafe --noparsing --alsoclip=false -- x/y",
    ]


def test_the_gopass_that_knows_its_stores_reads_no_folder_it_is_given(
    told: Callable[[], list[str]], cli: Cli, tmp_path: Path
) -> None:
    ran = cli("import", str(tmp_path / "store"), "--format", "gopass")
    assert ran.code == 2
    assert "--format pass" in ran.err


def test_ctrl_c_at_a_question_ends_the_import(told: Callable[[], list[str]], cli: Cli, tmp_path: Path) -> None:
    script(tmp_path / "programs", "pass", "kill -INT $$")
    assert cli("import", "--format", "pass").code == 130


def test_an_entry_that_never_ends_is_told_and_the_program_ended(
    told: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_store, "MAX_ENTRY", 1 << 20)
    script(tmp_path / "programs", "pass", "exec yes")
    (item,) = read_store(Format.PASS)
    assert (item.fields, item.trouble) == ({}, "It has more than 1 MiB.")


def test_a_program_or_a_store_that_is_not_there_is_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no program pass"):
        read_store(Format.PASS)
    assert cli("import", "--format", "gopass").code == 8
    script(tmp_path, "pass", "exit 1")
    monkeypatch.delenv("PASSWORD_STORE_DIR", raising=False)
    with pytest.raises(NotFound, match=r"\.password-store"):
        read_store(Format.PASS)


def test_links_to_folders_are_followed_but_not_in_circles(told: Callable[[], list[str]], tmp_path: Path) -> None:
    (tmp_path / "store" / "loop").symlink_to(tmp_path / "store")
    (tmp_path / "store" / ".git").mkdir()
    (tmp_path / "store" / ".git" / "x.gpg").touch()
    assert list(read_store(Format.PASS).names) == ["a;$(touch x)"]


def test_what_an_entry_holds_becomes_fields() -> None:
    def values(text: str) -> dict[str, object]:
        return dict(values_of(text.encode()))

    assert values("") == {"password": ""}
    assert values("\nkey: v\n") == {"key": "v"}
    assert values("p\nhttp://x\na: 1\n") == {"password": "p", "notes": "http://x\na: 1"}
    assert values("p\npassword: q\na:  b \n") == {"password": "p", "password 2": "q", "a": " b "}
    assert values("p\r\na: 1\r\n") == {"password": "p\r", "a": "1\r"}
    assert values("p\notpauth://totp/x\n---\na: 1\n") == {
        "password": "p",
        "totp": "otpauth://totp/x",
        "notes": "---\na: 1",
    }


def test_a_file_that_gopass_keeps_in_base64_is_the_file() -> None:
    head = '\ncontent-disposition: attachment; filename="x"\nContent-Transfer-Encoding: Base64\n'
    assert values_of(f"{head}/wAK".encode()) == {
        "content-disposition": 'attachment; filename="x"',
        "value": b"\xff\x00\n",
    }
    assert values_of(f"{head}no base64".encode())["notes"] == "no base64"


# -- what is asked for


@pytest.mark.parametrize(
    "argv",
    [
        ("import",),
        ("import", "x.json", "--from", "mem"),
        ("import", "--format", "pass", "--as", "a"),
        ("import", "-", "--format", "bitwarden", "--as", "a"),
    ],
)
def test_what_does_not_go_together_is_refused(told: Callable[[], list[str]], cli: Cli, argv: tuple[str, ...]) -> None:
    assert cli(*argv, stdin=bitwarden(NOTE)).code == 2


def test_no_value_is_in_a_file_or_on_the_terminal_afterwards(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Callable[[], list[str]]
) -> None:
    sentinel = secrets.token_hex(8)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    damaged = string("k", "x", Protected="True")
    old = entry("x", password=f"{sentinel}1")
    given = {
        "keepass-xml": keepass(entry("x", f"<History>{old}</History>", damaged, password=sentinel)),
        "keepass-csv": f'"Account","Login Name","Password","Web Site","Comments"\n"x","","{sentinel}","",""\n'.encode(),
        "bitwarden": bitwarden({**NOTE, "notes": sentinel}),
        "1password": json.dumps({**PRINTED, "fields": [{"label": "a", "value": sentinel}]}).encode(),
        "sops": f"a: {sentinel}\n".encode(),
    }
    script(tmp_path / "programs", "pass", f"printf %s {sentinel[:8]}; printf %s {sentinel[8:]}")
    shown = []
    for form, data in given.items():
        ran = vault("import", "-", "--format", form, "--into", form, "--json", stdin=data)
        assert ran.code == (4 if form == "keepass-xml" else 0)
        shown.append(ran)
        assert vault("import", "-", "--format", form, stdin=data[:-3] + b"{<\xff").code in {2, 4}
    shown.append(vault("import", "--format", "pass", "--into", "pass", "--json"))
    assert vault("get", "pass/a;$(touch x)").out == sentinel.encode()
    assert not any(sentinel in ran.text + ran.err for ran in shown)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if sentinel.encode() in file.read_bytes()] == []


def test_the_journal_has_every_secret_that_was_imported(told: Callable[[], list[str]], vault: Vault) -> None:
    vault("import", "--format", "gopass")
    rows = vault("journal", "--json").text
    assert "import" in rows
    assert "x/y" in rows
    assert "secret" not in rows
