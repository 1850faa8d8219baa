"""Real-world .env files, read and written."""

from __future__ import annotations

import subprocess

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue
from kvtui.services.transfer import Format, export, import_items, read_items
from kvtui.services.transfer.dotenv import parse, variable_name
from tests.support.hostile import BY_CATEGORY, HostileString, hostile_id

SENTINEL = "SENTINEL-51c9"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("\n# comment\n  # another\nA=1", {"A": "1"}),
        ("export A=1\nexport\tB=2", {"A": "1", "B": "2"}),
        ("  A = spaced out  \t", {"A": "spaced out"}),
        ("A=", {"A": ""}),
        ("A=''\nB=\"\"", {"A": "", "B": ""}),
        ("A= # nothing", {"A": ""}),
        ("A=b#c # d", {"A": "b#c"}),
        ("A=#fff", {"A": "#fff"}),
        ("A='b' # c", {"A": "b"}),
        ("A=b=c==", {"A": "b=c=="}),
        ("A=it's", {"A": "it's"}),
        ("A='it'\"'\"'s $HOME' # c", {"A": "it's $HOME"}),
        (r"A='\n $HOME `id` \\'", {"A": r"\n $HOME `id` \\"}),
        (r'A="a\nb\rc\td\"e\\f"', {"A": 'a\nb\rc\td"e\\f'}),
        (r'A="\$HOME \x \\n"', {"A": r"\$HOME \x \n"}),
        ("A=$HOME ${B} $(id)", {"A": "$HOME ${B} $(id)"}),
        ('A="l1\nl2\n"\nB=2', {"A": "l1\nl2\n", "B": "2"}),
        ("A='l1\r\nl2'\r\nB=2\r\n", {"A": "l1\r\nl2", "B": "2"}),
        ("A=back\\slash\\n", {"A": "back\\slash\\n"}),
        ("db.host-name=x\nlower_case=y", {"db.host-name": "x", "lower_case": "y"}),
        ("", {}),
        ("\n \n", {}),
    ],
)
def test_file_is_read_as_shells_and_dotenv_libraries_do(text: str, values: dict[str, str]) -> None:
    assert parse(text) == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"A=1\n{SENTINEL}\n", 2),
        (f"A=1\n\n1B={SENTINEL}", 3),
        (f"={SENTINEL}", 1),
        (f"A=1\nB='{SENTINEL}\n\n", 2),
        (f'B="{SENTINEL}\\"', 1),
        (f"A=1\nB='x'{SENTINEL}", 2),
        (f"A='l1\nl2'\nA={SENTINEL}", 3),
    ],
)
def test_line_that_cannot_be_read_is_refused_by_number_and_not_quoted(text: str, line: int) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(text)
    assert f"Line {line} " in raised.value.message
    assert SENTINEL not in str(raised.value)


def test_bytes_that_are_not_text_are_refused_by_line() -> None:
    with pytest.raises(InvalidInput, match="Line 2 ") as raised:
        read_items(b"A=1\nB=\xff" + SENTINEL.encode(), Format.DOTENV)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    (item,) = read_items("A=é".encode(encoding), Format.DOTENV)
    assert item.path == "A"
    assert item.fields["value"].reveal() == "é"


REAL = r"""API_TOKEN=not-a-real-token.0
DATABASE_URL=postgres://app:pa%24s@db.example.test:5432/app
EMPTY=
GREETING='hello world # not a comment'
PEM='-----BEGIN X-----
AAAA
-----END X-----
'
PRICE='$100 and `more`'
QUOTED="it's a \"quote\" and a \\"
"""


def test_canonical_file_goes_in_and_out_without_a_changed_byte() -> None:
    backend = MemoryBackend()
    list(import_items(backend, read_items(REAL.encode(), Format.DOTENV, into="app/env")))
    assert [entry.path for entry in backend.walk()][:2] == ["app/env/API_TOKEN", "app/env/DATABASE_URL"]
    assert export(backend, "app/env", Format.DOTENV).data.decode() == REAL


def test_canonical_file_goes_in_and_out_as_one_secret() -> None:
    backend = MemoryBackend()
    list(import_items(backend, read_items(REAL.encode(), Format.DOTENV, as_path="app/env")))
    assert export(backend, "app/env", Format.DOTENV).data.decode() == REAL
    backend.write("app/env", {**backend.read("app/env").fields, "EMPTY": SecretValue("no more")})
    assert export(backend, "app/env", Format.DOTENV).data.decode() == REAL.replace("EMPTY=", "EMPTY='no more'")


@pytest.mark.parametrize(
    ("path", "field", "name"),
    [
        ("app/db-main/password", None, "APP_DB_MAIN_PASSWORD"),
        ("app/db", "user", "APP_DB_USER"),
        ("", "user", "USER"),
        ("2fa", None, "_2FA"),
        ("straße", None, "STRASSE"),
        ("日本", None, "__"),
    ],
)
def test_variable_is_named_after_path_and_field(path: str, field: str | None, name: str) -> None:
    assert variable_name(path, field) == name


def test_exported_single_value_is_named_after_its_secret() -> None:
    backend = MemoryBackend()
    backend.write("app/db/password", {"value": SecretValue("x")})
    assert export(backend, "app/db/password", Format.DOTENV).data == b"PASSWORD=x\n"
    assert export(backend, "app", Format.DOTENV).data == b"DB_PASSWORD=x\n"


def test_value_that_only_some_readers_take_is_noted() -> None:
    backend = MemoryBackend()
    backend.write("X", {"value": SecretValue("it's $(id)")})
    done = export(backend, "", Format.DOTENV)
    assert done.data == b"X='it'\"'\"'s $(id)'\n"
    assert [note.path for note in done.notes] == ["X"]


def test_secrets_whose_variables_clash_are_all_reported() -> None:
    backend = MemoryBackend()
    for path in ("a/b-c", "a/b_c", "a/other"):
        backend.write(path, {"value": SecretValue("x")})
    done = export(backend, "a", Format.DOTENV)
    assert [problem.path for problem in done.problems] == ["a/b-c", "a/b_c"]
    assert done.data == b"OTHER=x\n"


def test_what_a_variable_cannot_hold_is_reported_and_what_becomes_text_noted() -> None:
    backend = MemoryBackend()
    backend.write("bytes", {"value": SecretValue(b"\xff")})
    backend.write("empty", {})
    backend.write("list", {"value": SecretValue([1, "a b"])})
    backend.write("nul", {"value": SecretValue("a\0b")})
    backend.write("port", {"value": SecretValue(5432)})
    done = export(backend, "", Format.DOTENV)
    assert done.data == b"LIST='[1, \"a b\"]'\nPORT=5432\n"
    assert [problem.path for problem in done.problems] == ["bytes", "empty", "nul"]
    assert [note.path for note in done.notes] == ["list", "port"]


SHELL_VALUES = [entry for category in ("shell", "newline", "serial") for entry in BY_CATEGORY[category]]


@pytest.mark.parametrize("entry", SHELL_VALUES, ids=hostile_id)
def test_shell_reads_the_value_exactly_and_runs_none_of_it(entry: HostileString) -> None:
    backend = MemoryBackend()
    backend.write("X", {"value": SecretValue(entry.value)})
    done = export(backend, "", Format.DOTENV)
    script = done.data + b'printf %s. "$X"'
    child = subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, check=True, env={})
    assert child.stdout.removesuffix(b".") == entry.value.encode()
    assert child.stderr == b""
