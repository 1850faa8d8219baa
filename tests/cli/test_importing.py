"""import from the stores of pass and gopass through these programs, and the examples of docs/importing.md."""

from __future__ import annotations

import json
import os
import re
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
from tests.cli.conftest import Cli, Vault, run_here
from tests.support.terminal import Terminal
from tests.transfer.exports import BIN as RECYCLE_BIN
from tests.transfer.exports import (
    ITEM,
    KEY,
    LOGIN,
    NOTE,
    PRINTED,
    SSH_ITEM,
    bitwarden,
    entry,
    group,
    keepass,
    one_pux,
    string,
    times,
)

PAGE = Path(__file__).parents[2] / "docs" / "importing.md"
BINARY = b"\xff\x00\r\n"
ENTRIES = {
    "web/mail": b"p w\nuser: bob\nurl: https://a.example:8443/x\nempty:\n\nfree text: not a field\n",
    "-dash": b"only",
    "keys/id": KEY.encode(),
    "blob": BINARY,
    "otp": b"otpauth://totp/x?secret=AAAA\n",
}


def _script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    return program


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
        python_path = {"PYTHONPATH": str(PAGE.parents[1]), "TERM": "xterm"}
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
    _script(folder, "pass", body + 'printf "secret of %s\\n" "$3"')
    _script(folder, "gopass", f'{body}case "$*" in "ls --flat") printf "a b\\nx/y\\n";; *) printf "s\\nk: v\\n";; esac')
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
        "show --unsafe --noparsing --nosync -- a b",
        "show --unsafe --noparsing --nosync -- x/y",
    ]


def test_the_gopass_that_knows_its_stores_reads_no_folder_it_is_given(
    told: Callable[[], list[str]], cli: Cli, tmp_path: Path
) -> None:
    ran = cli("import", str(tmp_path / "store"), "--format", "gopass")
    assert ran.code == 2
    assert "--format pass" in ran.err


def test_ctrl_c_at_a_question_ends_the_import(told: Callable[[], list[str]], cli: Cli, tmp_path: Path) -> None:
    _script(tmp_path / "programs", "pass", "kill -INT $$")
    assert cli("import", "--format", "pass").code == 130


def test_an_entry_that_never_ends_is_told_and_the_program_ended(
    told: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_store, "MAX_ENTRY", 1 << 20)
    _script(tmp_path / "programs", "pass", "exec yes")
    (item,) = read_store(Format.PASS)
    assert (item.fields, item.trouble) == ({}, "It has more than 1 MiB.")


def test_a_program_or_a_store_that_is_not_there_is_named(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no program pass"):
        read_store(Format.PASS)
    assert cli("import", "--format", "gopass").code == 8
    _script(tmp_path, "pass", "exit 1")
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
    _script(tmp_path / "programs", "pass", f"printf %s {sentinel[:8]}; printf %s {sentinel[8:]}")
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


# -- the page


def examples() -> list[tuple[str, str]]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def _programs(folder: Path, place: Path) -> None:
    """Programs that print what theirs would, and the files the page names."""
    older = entry("mail", password="old", times=times("2020-02-03T04:05:06Z"))
    first = entry("mail", f"<History>{older}</History>", password="p", times=times("2021-02-03T04:05:06Z"))
    second = entry("mail", '<Binary><Key>scan.pdf</Key><Value Ref="0"/></Binary>', string("pin", "1"))
    bin_ = group("Recycle Bin", entry("old", password="o", times=times("2020-01-01T00:00:00Z")), uuid=RECYCLE_BIN)
    printed = {
        "keepassxc-cli": keepass(group("Web", first, second), bin_),
        "bw": bitwarden(LOGIN, NOTE),
        "op": json.dumps(PRINTED).encode(),
        "sops": b"db:\n  password: s3\n",
        "vault": b'{"request_id": "r", "lease_id": "", "data": {"data": {"a": "1"}, "metadata": {"version": 1}}}',
    }
    for name, data in printed.items():
        (place.parent / name).write_bytes(data)
        _script(folder, name, f"cat {place.parent / name}")
    _script(folder, "pass", 'case "$3" in web/mail) printf "p\\nuser: bob\\n";; *) printf "x\\n";; esac')
    show = '*" -- web") printf "p\\n";;'
    _script(folder, "gopass", f'case "$*" in "ls --flat") printf "locked\\nweb\\n";; {show} *) exit 1;; esac')
    store = place / ".password-store"
    (store / "web").mkdir(parents=True)
    for name in (".gpg-id", "web/mail.gpg", "x.gpg"):
        (store / name).touch()
    (place / "passwords.csv").write_text('"Group","Title","Username","Password","URL","Notes"\n"R","m","","p","",""\n')
    (place / "EXPORT.1pux").write_bytes(one_pux(ITEM, SSH_ITEM))
    (place / "secrets.enc.yaml").write_text("a: ENC[x]\nsops:\n  mac: ENC[x]\n  lastmodified: '2024'\n")
    (place / ".env").write_text("A=1\nB=2\n")
    (place / "secrets.yaml").write_text("yaml:\n  db: {password: x}\n  api: {key: y}\n")


def test_every_example_prints_what_the_page_says(
    vault: Vault, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _programs(tmp_path / "programs", home)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    monkeypatch.delenv("PASSWORD_STORE_DIR", raising=False)
    monkeypatch.chdir(home)
    assert len(examples()) > 15
    for command, printed in examples():
        before, _, ours = command.rpartition("| ")
        given = (
            subprocess.run(["sh", "-c", before.strip(" |")], capture_output=True, check=True).stdout if before else b""
        )
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', ours)]
        assert words[0] == "kvtui"
        ran = vault(*words[1:], stdin=given)
        shown = ran.err + ran.text
        assert shown.rstrip("\n") == printed.rstrip("\n"), command


ROWS = {
    Format.JSON: "JSON, YAML",
    Format.YAML: "JSON, YAML",
    Format.DOTENV: "dotenv",
    Format.KV_JSON: "Vault, OpenBao",
    Format.KEEPASS_XML: "KeePass 2, KeePassXC: XML",
    Format.KEEPASS_CSV: "KeePassXC, KeePass: CSV",
    Format.PASS: "pass",
    Format.GOPASS: "gopass",
    Format.BITWARDEN: "Bitwarden: JSON, ZIP",
    Format.ONE_PASSWORD: "1Password: 1PUX, `op`",
    Format.SOPS: "SOPS",
}


def test_every_format_that_is_read_has_its_row_on_the_page() -> None:
    assert set(ROWS) == set(Format) - {Format.LEGACY_CONNECTIONS}  # docs/servers.md has that one
    rows = {line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")}
    assert set(ROWS.values()) <= rows
    help_ = run_here("import", "--help").text
    assert all(form.value in "".join(help_.split()) for form in Format)  # it is wrapped
