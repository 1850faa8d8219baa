"""Where a token is found, and where it is kept."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from kvtui.backends.http import programs
from kvtui.backends.vault.auth import tokens
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, PermissionDenied, Unavailable
from kvtui.domain.value import SecretValue

HELPER = """#!{python}
import os, sys, pathlib
kept = pathlib.Path({kept!r})
log = pathlib.Path({kept!r} + ".log")
log.write_text(repr(sys.argv[1:]) + repr(sorted(os.environ)))
match sys.argv[1]:
    case "get": print(kept.read_text() if kept.exists() else "")
    case "store": kept.write_text(sys.stdin.read())
    case "erase": kept.unlink(missing_ok=True)
"""


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def helper(home: Path) -> Path:
    """A token helper that is configured; it keeps its token in `kept`."""
    path = write(home / "helper", HELPER.format(python=sys.executable, kept=str(home / "kept")), 0o700)
    write(home / ".vault", f'# mine\ntoken_helper = "{path}"  # this one\n')
    return path


def found(auth: dict[str, object], environ: dict[str, str]) -> tuple[SecretValue, str]:
    one = tokens.find(auth, environ)
    assert one is not None
    return one.token, one.source


def test_each_source_comes_before_the_next(home: Path, helper: Path, environ: dict[str, str]) -> None:
    write(home / ".vault-token", "s.file\n")
    write(home / "kept", "s.helper")
    write(home / "profile", "s.profile\n")
    both = {**environ, "VAULT_TOKEN": "s.env"}
    token, source = found({"token_file": str(home / "profile")}, both)
    assert (token.same_as(SecretValue("s.profile")), source) == (True, "the profile's token_file")
    token, source = found({}, both)
    assert (token.same_as(SecretValue("s.env")), source) == (True, "the variable VAULT_TOKEN")
    token, source = found({}, environ)
    assert (token.same_as(SecretValue("s.helper")), source) == (True, "the token helper")
    (home / ".vault").unlink()
    token, source = found({}, environ)
    assert (token.same_as(SecretValue("s.file")), source) == (True, str(home / ".vault-token"))
    (home / ".vault-token").unlink()
    assert tokens.find({}, environ) is None


def test_an_empty_bao_token_leaves_the_word_to_the_file(home: Path, environ: dict[str, str]) -> None:
    write(home / ".vault-token", "s.file")
    _, source = found({}, {**environ, "BAO_TOKEN": "", "VAULT_TOKEN": "s.env"})
    assert source == str(home / ".vault-token")


def test_a_helper_that_has_no_token_takes_the_files_place_all_the_same(
    home: Path, helper: Path, environ: dict[str, str]
) -> None:
    write(home / ".vault-token", "s.stale")
    assert tokens.find({}, environ) is None


def test_the_profile_may_name_a_variable_or_a_program(home: Path, environ: dict[str, str]) -> None:
    token, source = found({"token_env": "MINE"}, {**environ, "MINE": "s.mine"})
    assert (token.same_as(SecretValue("s.mine")), source) == (True, "the profile's token_env")
    token, source = found({"token_command": [sys.executable, "-c", "print('s.printed')"]}, environ)
    assert (token.same_as(SecretValue("s.printed")), source) == (True, "the profile's token_command")
    with pytest.raises(AuthenticationRequired, match="MINE is not set"):
        tokens.find({"token_env": "MINE"}, environ)


def test_the_token_file_may_be_a_link_and_stand_elsewhere(home: Path, environ: dict[str, str]) -> None:
    write(home / "real", "  s.real\r\n")
    (home / ".vault-token").symlink_to(home / "real")
    token, _ = found({}, environ)
    assert token.same_as(SecretValue("s.real"))
    write(home / "other", "s.other")
    token, source = found({}, {**environ, "BAO_TOKEN_PATH": str(home / "other")})
    assert (token.same_as(SecretValue("s.other")), source) == (True, str(home / "other"))


@pytest.mark.parametrize("name", [".vault-token", "profile"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_token_file_that_others_can_read_is_used_and_told(
    home: Path, environ: dict[str, str], name: str, mode: int
) -> None:
    write(home / name, "s.file", mode)
    auth = {"token_file": str(home / name)} if name == "profile" else {}
    one = tokens.find(auth, environ)
    assert one is not None
    assert "can be read by others" in one.notes[0]
    (home / name).chmod(0o600)
    one = tokens.find(auth, environ)
    assert one is not None
    assert not one.notes


def test_a_pipe_or_a_device_is_no_token_file(home: Path, environ: dict[str, str]) -> None:
    os.mkfifo(home / ".vault-token")
    with pytest.raises(InvalidInput, match="not a regular file"):
        tokens.find({}, environ)
    with pytest.raises(InvalidInput, match="not a regular file"):
        tokens.find({"token_file": "/dev/zero"}, environ)


def test_an_endless_token_file_is_not_read_to_its_end(home: Path, environ: dict[str, str]) -> None:
    with (home / ".vault-token").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(InvalidInput, match="larger than"):
        tokens.find({}, environ)


@pytest.mark.parametrize("text", ["s.SENTINEL\nsecond", "s.SENTINEL\x00", "s.SENTINELé", "s.SEN\x1b[31mTINEL"])
def test_what_is_no_token_is_refused_without_quoting_it(home: Path, environ: dict[str, str], text: str) -> None:
    write(home / ".vault-token", text)
    write(home / "profile", text)
    for auth, more in (({}, {}), ({"token_file": str(home / "profile")}, {}), ({}, {"VAULT_TOKEN": text})):
        with pytest.raises(InvalidInput, match="characters no token has") as caught:
            tokens.find(auth, {**environ, **more})
        assert "SEN" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_bytes_that_are_no_text_are_refused(home: Path, environ: dict[str, str]) -> None:
    (home / ".vault-token").write_bytes(b"s.\xff\xfe")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        tokens.find({}, environ)


def test_the_helper_sees_neither_our_token_nor_a_shell(
    home: Path, helper: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VAULT_TOKEN", "BAO_TOKEN", "KVTUI_PASSPHRASE"):
        monkeypatch.setenv(name, "SENTINEL")
    monkeypatch.setenv("VAULT_ADDR", "https://v")
    assert tokens.store(SecretValue("s.kept"), environ) == "the token helper"
    assert (home / "kept").read_text() == "s.kept"
    log = (home / "kept.log").read_text()
    assert log.startswith("['store']")
    assert "VAULT_ADDR" in log
    assert "_TOKEN" not in log
    assert "KVTUI_PASSPHRASE" not in log
    assert tokens.erase(environ) == "the token helper"
    assert not (home / "kept").exists()


def test_a_token_is_kept_in_a_file_of_its_owner_alone_and_forgotten(home: Path, environ: dict[str, str]) -> None:
    write(home / ".vault-token", "s.old", 0o644)
    before = os.umask(0)
    try:
        assert tokens.store(SecretValue("s.new"), environ) == str(home / ".vault-token")
    finally:
        os.umask(before)
    assert (home / ".vault-token").read_text() == "s.new"
    assert stat.S_IMODE((home / ".vault-token").stat().st_mode) == 0o600
    assert [each.name for each in home.iterdir()] == [".vault-token"]
    tokens.erase(environ)
    tokens.erase(environ)
    assert list(home.iterdir()) == []


def test_what_is_no_token_is_not_kept(home: Path, environ: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        tokens.store(SecretValue("s.x\ny"), environ)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "error", "words"),
    [
        ('token_helper = "helper"', InvalidInput, "no absolute path"),
        ('token_helper = "~/helper"', InvalidInput, "no absolute path"),
        ('token_helper = "/nowhere/helper"', InvalidInput, "not there"),
        ("token_helper = helper", InvalidInput, "cannot be read"),
        ('token_helper = "/a\\"b"', InvalidInput, "cannot be read"),
        ('token_helper = "/a"\ntoken_helper = "/b"', InvalidInput, "several"),
    ],
)
def test_a_helper_that_is_not_clearly_named_is_refused(
    home: Path, environ: dict[str, str], written: str, error: type[Exception], words: str
) -> None:
    write(home / ".bao", written)
    with pytest.raises(error, match=words):
        tokens.find({}, environ)


@pytest.mark.parametrize(
    "written", ["", "# token_helper = helper\n", "/* token_helper = x\n*/", "// token_helper = x", 'token_helper = ""']
)
def test_a_configuration_without_a_helper_has_none(home: Path, environ: dict[str, str], written: str) -> None:
    write(home / ".vault", written)
    write(home / ".vault-token", "s.file")
    assert tokens.find({}, environ) is not None


@pytest.mark.parametrize("name", ["helper", ".vault", ""])
def test_a_helper_that_others_could_change_is_not_run(
    home: Path, helper: Path, environ: dict[str, str], name: str
) -> None:
    (home / name).chmod(0o777)
    with pytest.raises(PermissionDenied, match="can be changed by others"):
        tokens.find({}, environ)
    assert not (home / "kept.log").exists()


def test_the_helpers_configuration_is_found_where_the_variable_says(
    home: Path, helper: Path, environ: dict[str, str]
) -> None:
    (home / ".vault").rename(home / "elsewhere")
    write(home / "kept", "s.kept")
    assert tokens.find({}, environ) is None
    assert tokens.find({}, {**environ, "VAULT_CONFIG_PATH": str(home / "elsewhere")}) is not None
    assert tokens.find({}, {**environ, "VAULT_CONFIG_PATH": str(home / "nowhere")}) is None
    assert tokens.find({}, {**environ, "VAULT_CONFIG_PATH": "/dev/null"}) is None
    with pytest.raises(InvalidInput, match="VAULT_CONFIG_PATH"):
        tokens.find({}, {**environ, "VAULT_CONFIG_PATH": "~nobody-of-that-name/x"})


def test_a_link_to_a_helper_where_others_could_put_another_is_not_followed(
    home: Path, helper: Path, environ: dict[str, str]
) -> None:
    shared = home / "shared"
    shared.mkdir()
    (shared / "link").symlink_to(helper)
    write(home / ".vault", f'token_helper = "{shared / "link"}"')
    shared.chmod(0o777)
    with pytest.raises(PermissionDenied, match="can be changed by others"):
        tokens.find({}, environ)
    assert not (home / "kept.log").exists()


def run(code: str, given: bytes = b"") -> bytes:
    return programs.run([sys.executable, "-c", code], what="The program", given=given)


def test_a_program_that_fails_is_told_without_its_words() -> None:
    with pytest.raises(Unavailable, match="exit code 3") as caught:
        run("import sys; print('SENTINEL'); print('SENTINEL', file=sys.stderr); sys.exit(3)")
    assert "SENTINEL" not in str(caught.value)
    with pytest.raises(Unavailable, match="signal 9"):
        run("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(Unavailable, match="cannot be started"):
        programs.run(["/nowhere/program"], what="The program")
    with pytest.raises(Unavailable, match="cannot be started"):
        programs.run(["a\0b"], what="The program")


def test_a_program_that_takes_too_long_is_ended_with_its_children(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.5)
    pid = home / "pid"
    with pytest.raises(Unavailable, match="longer than"):
        programs.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], what="The program")
    child = Path(f"/proc/{pid.read_text().strip()}/cmdline")
    deadline = time.monotonic() + 5
    while child.exists() and child.read_bytes():  # a zombie has none
        assert time.monotonic() < deadline, "the program's child lives on"


def test_a_program_that_prints_for_ever_is_ended() -> None:
    with pytest.raises(InvalidInput, match="printed more than"):
        run("while True: print('x' * 65536)")


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    assert run("print('done')", b"x" * 60000) == b"done\n"
