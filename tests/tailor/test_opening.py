"""Whose token, which server, which workspace: from the profile, the platform's variables, or its own file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kvtui.backends import registry
from kvtui.backends.contract import Backend
from kvtui.backends.factory import StoreState
from kvtui.backends.tailor import TailorFactory
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply
from tests.doubles.tailor import TailorDouble, error_reply
from tests.tailor.places import fields

ME = "me@example.com"


class Asked:
    """Somebody who types a token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.told: list[str] = []
        self.questions: list[tuple[str, bool]] = []

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        self.questions.append((question, secret))
        return SecretValue(self.token)

    def tell(self, message: str) -> None:
        self.told.append(message)

    def visit(self, url: str, message: str) -> None:
        raise AssertionError

    def cancelled(self) -> bool:
        return False


class Home:
    """A home with the platform's own file in it, and the variables of a shell there."""

    def __init__(self, folder: Path, double: TailorDouble) -> None:
        self.double = double
        self.file = folder / "tailor-platform" / "config.yaml"
        self.environ: dict[str, str] = {"XDG_CONFIG_HOME": str(folder), "PLATFORM_URL": double.url}

    def write(self, **data: Any) -> None:
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        self.file.write_text(yaml.safe_dump({"version": 1, **data}))
        self.file.chmod(0o600)

    def user(self, *, token: str = "", lasts: float = 3600, **more: Any) -> dict[str, Any]:
        ends = datetime.now(UTC) + timedelta(seconds=lasts)
        return {
            "access_token": token or self.double.login.access_token,
            "refresh_token": self.double.login.refresh_token,
            "token_expires_at": ends.isoformat().replace("+00:00", "Z"),
            **more,
        }

    def sign_in(self, **more: Any) -> None:
        self.write(users={ME: self.user(**more)}, current_user=ME)

    def open(self, asked: Asked | None = None, **settings: Any) -> Backend:
        factory = TailorFactory(self.environ)
        assert factory.probe(settings) is StoreState.READY
        return factory.open(factory.check(settings), None, asked)


@pytest.fixture
def double() -> Iterator[TailorDouble]:
    with TailorDouble() as made:
        made.vault("api-keys", {"stripe-key": "old"})
        yield made


@pytest.fixture
def home(double: TailorDouble, tmp_path: Path) -> Home:
    return Home(tmp_path, double)


def signed_in(store: Backend) -> str:
    assert store.signed_in is not None
    return store.signed_in.name


# The platform's own sign-in


def test_the_sign_in_of_the_platforms_own_tool_is_used(home: Home) -> None:
    home.sign_in()
    before = home.file.read_bytes()
    with home.open() as store:
        assert [entry.path for entry in store.walk()] == ["api-keys/stripe-key"]
        assert signed_in(store) == ME
        assert store.signed_in is not None
        assert store.signed_in.expires_at is not None
        assert store.notes == ()
        assert store.info().location == f"{home.double.url} main"
        for act in (store.store_sign_in, store.sign_out):
            with pytest.raises(Unsupported, match="its own tool"):
                act()
    assert home.file.read_bytes() == before


@pytest.mark.parametrize("lasts", [-1, -90000])
def test_an_expired_sign_in_is_told_and_never_refreshed(home: Home, lasts: float) -> None:
    """A refresh token may be good once: using it would end the sign-in of the platform's own tool."""
    home.sign_in(lasts=lasts)
    before = home.file.read_bytes()
    with pytest.raises(AuthenticationRequired, match=f"sign-in of {ME} at the platform has expired") as caught:
        home.open()
    assert "tailor-sdk login" in caught.value.hint
    assert home.double.requests == []
    assert home.file.read_bytes() == before


def test_a_token_that_the_platform_does_not_take_is_told(home: Home) -> None:
    home.sign_in(token="revoked")
    with pytest.raises(AuthenticationRequired, match="does not take this token"):
        home.open(workspace_id=home.double.main.id)
    assert not [one for one in home.double.requests if "oauth2" in one.path]


def test_a_token_in_a_keyring_is_told_and_may_be_typed(home: Home) -> None:
    home.write(version=2, users={ME: {"storage": "keyring"}}, current_user=ME)
    with pytest.raises(AuthenticationRequired, match="keyring, which kvtui does not read"):
        home.open()
    asked = Asked(home.double.login.access_token)
    with home.open(asked) as store:
        assert store.list().entries
    assert asked.questions == [("Token", True)]
    assert "keyring" in asked.told[0]


@pytest.mark.parametrize(
    "data",
    [{}, {"current_user": ME}, {"users": {}, "current_user": ME}, {"users": {ME: {}}, "current_user": ME}],
    ids=str,
)
def test_a_file_without_a_token_says_what_to_do(home: Home, data: Mapping[str, Any]) -> None:
    home.write(**data)
    with pytest.raises(AuthenticationRequired) as caught:
        home.open()
    assert "TAILOR_PLATFORM_TOKEN" in caught.value.hint


def test_nobody_signed_in_says_what_to_do(home: Home) -> None:
    with pytest.raises(AuthenticationRequired, match="Nobody is signed in") as caught:
        home.open()
    assert "tailor-sdk login" in caught.value.hint


@pytest.mark.parametrize("data", [b"a: [", b"\xff\xfe\x00", b"- 1", b"version: 9", b"[" * 5000, b"version: 1999-99-99"])
def test_a_file_that_is_not_understood_is_refused_without_its_text(home: Home, data: bytes) -> None:
    home.write()
    home.file.write_bytes(data + b"\nSENTINEL: x\n")
    with pytest.raises(InvalidInput) as caught:
        home.open()
    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_others_may_read_is_warned_about(home: Home) -> None:
    home.sign_in()
    home.file.chmod(0o644)
    with home.open() as store:
        assert "Others on this machine may read" in store.notes[0]


def test_without_a_folder_named_the_file_is_looked_for_at_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.file = home.file.parent.parent / ".config" / "tailor-platform" / "config.yaml"
    home.file.parent.mkdir(parents=True)
    home.sign_in()
    monkeypatch.setenv("HOME", str(home.file.parent.parent.parent))
    for folder in ("", "relative"):
        home.environ["XDG_CONFIG_HOME"] = folder
        with home.open() as store:
            assert signed_in(store) == ME


# What comes first


def test_a_token_comes_from_the_profile_then_variables_then_the_platforms_profile_then_its_user(
    home: Home, tmp_path: Path
) -> None:
    names = ("file", "variable", "old", "profiled", "current")
    tokens = {name: home.double.new_login(f"{name}@example.com").access_token for name in names}
    home.write(
        users={f"{name}@example.com": home.user(token=token) for name, token in tokens.items()},
        profiles={"work": {"user": "profiled@example.com", "workspace_id": home.double.main.id}},
        current_user="current@example.com",
    )
    file = tmp_path / "token"
    file.write_text(tokens["file"] + "\n")
    home.environ |= {
        "TAILOR_PLATFORM_TOKEN": tokens["variable"],
        "TAILOR_TOKEN": tokens["old"],
        "TAILOR_PLATFORM_PROFILE": "work",
        "MINE": tokens["file"],
    }
    found = []
    ways: list[dict[str, Any]] = [
        {"token_file": str(file)},
        {"token_env": "MINE"},
        {"token_command": ["cat", str(file)]},
        {"platform_profile": "work"},
        {},
    ]
    for settings in ways:
        with home.open(**settings) as store:
            found.append(signed_in(store).partition("@")[0])
    for variable in ("TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN", "TAILOR_PLATFORM_PROFILE"):
        del home.environ[variable]
        with home.open() as store:
            found.append(signed_in(store).partition("@")[0])
            assert ("deprecated" in "".join(store.notes)) == (variable == "TAILOR_PLATFORM_TOKEN")
    assert found == ["file", "file", "file", "profiled", "variable", "old", "profiled", "current"]


def test_a_workspace_comes_from_the_profile_then_the_variable_then_the_platforms_profile(home: Home) -> None:
    ids = [home.double.workspace(name).id for name in ("one", "two", "three")]
    home.write(
        users={ME: home.user()},
        profiles={"work": {"user": ME, "workspace_id": ids[2]}},
        current_user=ME,
    )
    home.environ |= {"TAILOR_PLATFORM_WORKSPACE_ID": ids[1], "TAILOR_PLATFORM_PROFILE": "work"}
    places = []
    for settings in ({"workspace_id": ids[0]}, {"platform_profile": "work"}, {}):
        with home.open(**settings) as store:
            places.append(store.info().location.split()[-1])
    del home.environ["TAILOR_PLATFORM_WORKSPACE_ID"]
    with home.open() as store:
        places.append(store.info().location.split()[-1])
    assert places == [ids[0], ids[2], ids[1], ids[2]]


def test_several_workspaces_are_named_where_none_is_chosen(home: Home) -> None:
    home.sign_in()
    other = home.double.workspace("other")
    with pytest.raises(InvalidInput, match="several") as caught:
        home.open()
    assert f"main is {home.double.main.id}, other is {other.id}" in caught.value.hint
    for number in range(9):
        home.double.workspace(f"more-{number}")
    with pytest.raises(InvalidInput) as caught:
        home.open()
    assert "and 6 more" in caught.value.hint


def test_somebody_in_no_workspace_is_told(home: Home) -> None:
    home.double.login = home.double.new_login("nobody@example.com", {})
    home.sign_in()
    with pytest.raises(Unavailable, match="no workspace"):
        home.open()


def test_a_platforms_profile_that_is_not_there_is_named(home: Home) -> None:
    with pytest.raises(InvalidInput, match="no profile work"):
        home.open(platform_profile="work")
    home.write(profiles={"other": {}}, users={ME: home.user()}, current_user=ME)
    with pytest.raises(InvalidInput, match="no profile work") as caught:
        home.open(platform_profile="work")
    assert "It has: other." in caught.value.hint


def test_a_read_only_profile_of_the_platform_is_read_only_here(home: Home) -> None:
    mine = {"user": ME, "workspace_id": home.double.main.id, "readonly": True}
    home.write(version=2, users={ME: home.user(storage="file")}, profiles={"safe": mine}, current_user=ME)
    with home.open(platform_profile="safe") as store:
        assert store.info().read_only
        assert store.list("api-keys").entries
        with pytest.raises(PermissionDenied, match="safe"):
            store.write("api-keys/stripe-key", fields())
    assert home.double.mutations() == []


# Which server


def test_the_platforms_own_token_goes_to_no_other_server(home: Home) -> None:
    home.sign_in()
    home.environ |= {
        "TAILOR_PLATFORM_TOKEN": home.double.login.access_token,
        "TAILOR_PLATFORM_WORKSPACE_ID": home.double.main.id,
    }
    with TailorDouble() as other:
        with pytest.raises(AuthenticationRequired, match="another server") as caught:
            home.open(url=other.url)
        assert "token_file" in caught.value.hint
        assert other.requests == []
        home.environ["MINE"] = other.login.access_token
        with home.open(url=other.url, token_env="MINE") as store:
            assert store.info().location == f"{other.url} main"
    assert home.double.requests == []


def test_an_address_of_the_platforms_profile_is_used_for_its_own_token(home: Home) -> None:
    mine = {"user": ME, "workspace_id": home.double.main.id, "platform_url": home.double.url}
    home.write(version=2, users={ME: home.user()}, profiles={"work": mine})
    home.environ["PLATFORM_URL"] = "https://elsewhere.example"
    with home.open(platform_profile="work") as store:
        assert store.list().entries


def test_the_address_is_the_platforms_without_one() -> None:
    from kvtui.backends.tailor.opening import _place

    assert _place({}, {}).url == "https://api.tailor.tech"
    assert _place({}, {}).is_own
    assert not _place({"url": "https://api.tailor.tech"}, {"PLATFORM_URL": "no address"}).is_own


def test_plain_http_to_elsewhere_is_refused_before_anything_is_sent(home: Home) -> None:
    home.sign_in()
    home.environ["PLATFORM_URL"] = "http://platform.example"
    with pytest.raises(InvalidInput, match="without TLS"):
        home.open()


# Whether the token is good


def test_a_platform_that_does_not_tell_whose_the_token_is_is_asked_whether_it_is_good(home: Home) -> None:
    home.sign_in()
    for reply in (Reply(404, b"no"), Reply(200, b"<html>"), Reply(200, b"{}"), Reply(401)):
        home.double.break_next(Fault("reply", lambda seen: seen.method == "GET", reply=reply))
        with home.open(workspace_id=home.double.main.id) as store:
            assert store.signed_in is None
            assert store.list().entries
    denied = error_reply("permission_denied")
    home.double.break_next(
        Fault("reply", lambda seen: seen.method == "GET", reply=Reply(404)),
        Fault("reply", lambda seen: seen.path.endswith("ListWorkspaces"), reply=denied),
    )
    with home.open(workspace_id=home.double.main.id) as store:
        assert store.list().entries


# The profile


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"workspace_id": "main"}, "workspace_id"),
        ({"url": "nothing"}, "address"),
        ({"token_env": "A", "token_file": "b"}, "token"),
        ({"token_command": []}, "token_command"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: Mapping[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TailorFactory({}).check(settings)
    assert word in caught.value.message


def test_a_variable_that_is_no_workspace_is_named(home: Home) -> None:
    home.sign_in()
    home.environ["TAILOR_PLATFORM_WORKSPACE_ID"] = "main"
    with pytest.raises(InvalidInput, match="TAILOR_PLATFORM_WORKSPACE_ID"):
        home.open()


@pytest.mark.parametrize(
    ("environ", "is_there"),
    [
        ({}, False),
        ({"TAILOR_PLATFORM_TOKEN": "t"}, False),
        ({"TAILOR_PLATFORM_WORKSPACE_ID": "w"}, False),
        ({"TAILOR_PLATFORM_TOKEN": "t", "TAILOR_PLATFORM_WORKSPACE_ID": "w"}, True),
        ({"TAILOR_TOKEN": "t", "TAILOR_PLATFORM_WORKSPACE_ID": "w"}, True),
        ({"TAILOR_PLATFORM_PROFILE": "work"}, True),
        ({"PLATFORM_URL": "https://x.example"}, False),
    ],
    ids=json.dumps,
)
def test_variables_that_name_a_token_and_a_workspace_make_a_profile(
    environ: Mapping[str, str], *, is_there: bool
) -> None:
    assert registry.ambient(environ) == ({"tailor": {}} if is_there else {})


def test_the_kind_says_what_it_can_do_before_it_is_open(home: Home) -> None:
    home.sign_in()
    factory = registry.factory("tailor")
    with home.open() as store:
        assert store.info().capabilities == factory.capabilities
    assert Capability.READ not in factory.capabilities
    assert factory.signs_in


def test_no_token_is_in_what_opening_says(home: Home) -> None:
    home.sign_in(lasts=-1)
    told: list[str] = []
    for settings in ({}, {"platform_profile": "none"}, {"workspace_id": home.double.main.id}):
        with pytest.raises(KvtuiError) as caught:
            home.open(**settings)
        told.append(f"{caught.value!r} {caught.value}")
    secret = home.user()
    assert not any(secret[name] in text for text in told for name in ("access_token", "refresh_token"))
