import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.config import MAX_BYTES, Config, UiConfig, load
from kvtui.domain.errors import InvalidInput

FULL = """\
default: personal
profiles:
  personal: {backend: file, path: ~/personal.kvtui}
  staging:
    backend: vault
    url: https://vault.example.com:8200
    auth: {method: approle, secret_id_file: ~/.secret-id}
    read_only: true
ui: {theme: kvtui-light, reveal_seconds: 5, clipboard_seconds: 0, lock_minutes: 1, mouse: false, editor: [vim, -R]}
keymap: {secret.rotate: ctrl+o}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def refused(file: Path, text: str | bytes) -> InvalidInput:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput) as error:
        load(file)
    assert error.value.hint
    return error.value


def test_a_missing_file_is_the_defaults(file: Path) -> None:
    assert load(file) == Config()
    assert Config().ui == UiConfig("kvtui-dark", 20, 30, 5)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "profiles:\nui:\nkeymap:\n"])
def test_an_empty_file_is_the_defaults(file: Path, text: str) -> None:
    file.write_text(text)
    assert load(file) == Config(path=file)


def test_everything_of_a_full_file_is_read(file: Path) -> None:
    file.write_text(FULL)
    config = load(file)
    assert config.default == "personal"
    assert list(config.profiles) == ["personal", "staging"]
    staging = config.profiles["staging"]
    assert (staging.backend, staging.line) == ("vault", 4)
    assert staging.settings == {
        "url": "https://vault.example.com:8200",
        "auth": {"method": "approle", "secret_id_file": "~/.secret-id"},
        "read_only": True,
    }
    assert staging.lines == {"url": 6, "auth": 7, "read_only": 8}
    assert config.ui == UiConfig("kvtui-light", 5, 0, 1, mouse=False, editor=("vim", "-R"))
    assert config.keymap == {"secret.rotate": "ctrl+o"}
    assert config.keymap_lines == {"secret.rotate": 10}


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        ("profils: {}", 1, "no key profils", "Did you mean profiles?"),
        ("ui:\n  theme: x\n  reveal_second: 3", 3, "no key reveal_second", "Did you mean reveal_seconds?"),
        ("ui: {zzzz: 3}", 1, "no key zzzz", "Known are: clipboard_seconds"),
        ("default: a", 1, "no such profile", "none"),
        ("profiles: {prod: {backend: file}}\ndefault: prd", 2, "no such profile", "Did you mean prod?"),
        ("profiles:\n  a:\n    path: x", 2, "has no backend", "backend: file"),
        ("profiles:\n  a/b: {backend: file}", 2, "name", ""),
        ("profiles:\n  a: {backend: [file]}", 2, "must be a text", ""),
        ("profiles: [a]", 1, "must be a map", ""),
        ("ui: {lock_minutes: soon}", 1, "from 0 to 1440", "default is 5"),
        ("ui: {lock_minutes: -1}", 1, "from 0 to 1440", ""),
        ("ui: {lock_minutes: 1441}", 1, "from 0 to 1440", ""),
        ("ui: {lock_minutes: true}", 1, "from 0 to 1440", ""),
        ("ui: {mouse: 1}", 1, "true or false", ""),
        ("ui: {theme: 3}", 1, "must be a text", ""),
        ("ui: {editor: vim}", 1, "list of texts", "no shell"),
        ("ui: {editor: []}", 1, "list of texts", ""),
        ("keymap:\n  a.b: 3", 2, "must be a text", ""),
        ("keymap:\n  a.b: x\n  a.b: y", 3, "twice", ""),
        ("token: abcdef", 1, "no secret belongs", ""),
        ("a: &x [1]\nb: *x", 2, "Aliases", ""),
        ("ui: {theme: 'x}", 1, "not YAML", ""),
        ("ui: !!python/object/apply:os.system ['true']", 1, "not YAML", ""),
        ("a: 1\n--- \nb: 2", 2, "not YAML", ""),
        ("? [a]\n: b", 1, "plain name", ""),
        ("ui: {theme: 2020-13-45}", 1, "not YAML", ""),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(file: Path, text: str, line: int, words: str, hint: str) -> None:
    error = refused(file, text)
    assert error.message.startswith(f"{file}:{line}: ")
    assert words in error.message
    assert hint in error.hint


@pytest.mark.parametrize("data", [b"\xff\xfe\xff", b"ui: \x00", b"ui: {theme: \x1b[2J}", b"a: " + b"1" * 5000])
def test_what_is_no_text_is_refused(file: Path, data: bytes) -> None:
    refused(file, data)


def test_no_error_repeats_what_was_put_where_a_secret_could_be(file: Path) -> None:
    error = refused(file, "profiles: {a: {backend: file}}\npassphrase: hunter2\n")
    assert "hunter2" not in str(error)


def test_deep_nesting_is_refused(file: Path) -> None:
    assert "nested" in refused(file, "a: " + "[" * 100_000).message


def test_an_alias_bomb_is_refused(file: Path) -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert "Aliases" in refused(file, "\n".join(rows)).message


def test_a_file_too_large_is_refused(file: Path) -> None:
    assert "larger" in refused(file, b"#" * (MAX_BYTES + 1)).message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InvalidInput, match="regular file"):
            load(path)


def test_the_null_device_is_an_empty_file() -> None:
    assert load(Path("/dev/null")).profiles == {}


@pytest.mark.parametrize("who", ["file", "folder"])
def test_programs_are_not_taken_from_a_file_others_can_change(file: Path, who: str) -> None:
    file.write_text("ui: {editor: [vim]}")
    (file if who == "file" else file.parent).chmod(0o777)
    with pytest.raises(InvalidInput, match="changed by others"):
        load(file)
    file.write_text("ui: {theme: x}")
    assert load(file).ui.theme == "x"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(alphabet="ab:{}[]-,'\"!&*? \n#|>%@0", max_size=60))
def test_any_text_is_read_or_refused_as_invalid_input(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with suppress(InvalidInput):
        assert load(file).path == file
