from pathlib import Path

import pytest

from kvtui import locations
from kvtui.config import Config, load
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.services import profiles
from kvtui.services.profiles import Profiles

THREE = """\
default: b
profiles:
  a: {backend: memory}
  b: {backend: file, path: ~/b.kvtui}
  c: {backend: memory, read_only: true, colour: red, banner: PRODUCTION, after_rotate: [deploy, --now], remember: false}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def made(file: Path, text: str, environ: dict[str, str] | None = None, **options: object) -> Profiles:
    file.write_text(text)
    return profiles.load(load(file), environ=environ or {}, **options)  # type: ignore[arg-type]


def refused(file: Path, text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        made(file, text)
    return error.value


def test_without_a_configuration_there_is_a_vault_in_the_data_folder() -> None:
    found = profiles.load(Config(), environ={})
    assert found.names == ["personal"]
    assert found.current == found.get("personal")
    assert (found.current.kind, found.current.settings["path"]) == ("file", locations.default_vault())


def test_profiles_have_their_settings(file: Path) -> None:
    found = made(file, THREE)
    assert found.names == ["a", "b", "c"]
    assert found.get("b").settings == {"path": Path("~/b.kvtui").expanduser()}
    last = found.get("c")
    assert (last.read_only, last.colour, last.banner, last.remember) == (True, "red", "PRODUCTION", False)
    assert last.after_rotate == ("deploy", "--now")
    assert last.offers(Capability.WRITE)


def test_a_relative_path_is_beside_the_configuration(file: Path) -> None:
    found = made(file, "profiles: {a: {backend: file, path: v.kvtui}}")
    assert found.current.settings["path"] == file.parent / "v.kvtui"


@pytest.mark.parametrize(
    ("environ", "name", "current"),
    [
        ({}, None, "b"),
        ({"KVTUI_PROFILE": "a"}, None, "a"),
        ({"KVTUI_PROFILE": ""}, None, "b"),
        ({"KVTUI_PROFILE": "a"}, "c", "c"),
        ({"KVTUI_PROFILE": "a", "KVTUI_VAULT": "/v"}, None, ""),
        ({"KVTUI_VAULT": "/v"}, "c", "c"),
    ],
)
def test_the_nearest_choice_of_a_profile_wins(
    file: Path, environ: dict[str, str], name: str | None, current: str
) -> None:
    assert made(file, THREE, environ, name=name).current.name == current


def test_a_vault_named_directly_is_current_and_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    for found in (made(file, THREE, vault=Path("x")), made(file, THREE, {"KVTUI_VAULT": "x"})):
        assert found.current.settings == {"path": file.parent / "x"}
        assert found.get("") is found.current
        assert found.names == ["a", "b", "c"]


def test_a_vault_and_a_profile_together_are_refused(file: Path) -> None:
    with pytest.raises(InvalidInput, match="both"):
        made(file, THREE, vault=Path("x"), name="a")


def test_read_only_makes_all_profiles_so(file: Path) -> None:
    found = made(file, THREE, read_only=True)
    assert all(found.get(name).read_only for name in found.names)
    assert made(file, THREE, vault=Path("x"), read_only=True).current.read_only


def test_several_profiles_without_a_default_need_a_name(file: Path) -> None:
    text = "profiles: {a: {backend: memory}, b: {backend: memory}}"
    assert "a, b" in refused(file, text).hint
    assert made(file, text, name="b").current.name == "b"
    assert made(file, text.replace("a:", "personal:")).current.name == "personal"


def test_an_unknown_profile_is_refused_with_the_nearest(file: Path) -> None:
    with pytest.raises(InvalidInput, match="no profile bb") as error:
        made(file, THREE, name="bb")
    assert error.value.hint == "Did you mean b?"


@pytest.mark.parametrize(
    ("settings", "words", "hint"),
    [
        ("backend: memry", "No backend is called memry", "Did you mean memory?"),
        ("{backend: memory, red_only: true}", "has no key red_only", "Did you mean read_only?"),
        ("{backend: memory, read_only: 'yes'}", "must be true or false", "read_only"),
        ("{backend: memory, colour: mauve}", "no colour", "red"),
        ("{backend: memory, banner: ''}", "is empty", "banner"),
        ("{backend: memory, banner: [x]}", "must be a text", "banner"),
        ("{backend: memory, after_rotate: deploy now}", "list of texts", "no shell"),
        ("{backend: memory, passphrase: hunter2}", "no secret belongs", "asked for"),
        ("{backend: file}", "has no path", "path"),
        ("{backend: file, path: 3}", "must be a text", "path"),
        ("{backend: file, path: x, max_versions: -1}", "from 0", "max_versions"),
        ("{backend: file, path: x, max_versions: 1.5}", "whole number", "max_versions"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(file: Path, settings: str, words: str, hint: str) -> None:
    error = refused(file, f"profiles:\n  ok: {{backend: memory}}\n  bad:\n    {settings}\n")
    assert error.message.startswith((f"{file}:3: ", f"{file}:4: "))
    assert words in error.message
    assert hint in error.hint
    assert "hunter2" not in str(error)


def test_an_address_names_a_profile_only_where_there_is_one(file: Path) -> None:
    found = made(file, THREE)
    assert found.parse_address("a:app/db") == (found.get("a"), "app/db")
    assert found.parse_address("a:") == (found.get("a"), "")
    assert found.parse_address("x:app/db") == (None, "x:app/db")
    assert found.parse_address("app/a:b") == (None, "app/a:b")
    assert found.parse_address("app") == (None, "app")


def test_settings_cannot_be_changed_afterwards(file: Path) -> None:
    with pytest.raises(TypeError):
        made(file, THREE).current.settings["path"] = "x"  # type: ignore[index]
