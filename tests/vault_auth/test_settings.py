"""What a profile's `auth` may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.vault.auth import settings
from kvtui.domain.errors import InvalidInput

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=4), max_size=3)
KEYS = st.sampled_from(sorted({key for method in settings.METHODS.values() for key in method.checks()})) | st.text()


@given(method=st.sampled_from([*settings.METHODS]), auth=st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_is_written_is_taken_or_refused_as_input(method: str, auth: dict[str, Any]) -> None:
    try:
        checked = settings.check({"method": method, **auth})
    except InvalidInput as error:
        assert error.hint  # noqa: PT017 - either outcome is right
    else:
        assert set(checked) <= set(settings.METHODS[checked["method"]].checks())


GOOD: list[dict[str, Any]] = [
    {},
    {"method": "token", "token_command": ["pass", "show", "vault"]},
    {"method": "userpass", "username": "ann", "password_file": "~/.pw", "mount": "people/eu"},
    {"method": "ldap", "password_env": "PW"},
    {"method": "radius"},
    {"method": "okta"},
    {"method": "approle", "role_id": "r", "secret_id_file": "/run/id"},
    {"method": "jwt", "role": "r", "jwt_env": "JWT"},
    {"method": "kubernetes", "role": "r"},
    {"method": "cert", "name": "web"},
    {"method": "oidc", "role": "r", "port": 8251, "device": True},
]


@pytest.mark.parametrize("auth", GOOD)
def test_settings_of_every_method_are_taken(auth: dict[str, Any]) -> None:
    checked = settings.check(auth)
    assert checked == {"method": "token", **auth}
    assert settings.mount_of(checked) == auth.get("mount", checked["method"])


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"method": "userpas"}, "auth.method", "userpass"),
    ({"method": ["token"]}, "auth.method", "token"),
    ({"method": "ldap", "usernam": "x"}, "no key usernam", "username"),
    ({"method": "ldap", "role_id": "x"}, "no key role_id", "Known are"),
    ({"method": "approle"}, "no role_id", "Add role_id"),
    ({"method": "kubernetes"}, "no role", "Add role"),
    ({"method": "token", "mount": "x"}, "no key mount", ""),
    ({"method": "oidc", "port": 0}, "auth.port", ""),
    ({"method": "oidc", "port": True}, "auth.port", ""),
    ({"method": "oidc", "device": "yes"}, "auth.device", ""),
    ({"method": "ldap", "mount": "a/../b"}, "auth.mount", ""),
    ({"method": "ldap", "mount": "/"}, "auth.mount", ""),
    ({"method": "token", "token_command": "cat x"}, "auth.token_command", ""),
    ({"method": "token", "token_command": []}, "auth.token_command", ""),
    ({"method": "token", "token_file": "relative"}, "auth.token_file", ""),
    ({"method": "ldap", "username": 7}, "auth.username", ""),
    ({"method": "ldap", "username": "a\nb"}, "auth.username", ""),
    ({"method": "token", "token_env": "A", "token_file": "/b"}, "both token_file and token_env", "one"),
]


@pytest.mark.parametrize(("auth", "message", "hint"), BAD)
def test_a_wrong_setting_is_named(auth: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings.check(auth)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("auth", "hint"),
    [
        ({"method": "userpass", "password": "SENTINEL"}, "password_file, password_env or password_command"),
        ({"method": "token", "token": "SENTINEL"}, "token_file"),
        ({"method": "approle", "role_id": "r", "secret_id": "SENTINEL"}, "secret_id_file"),
        ({"method": "jwt", "JWT": "SENTINEL"}, "jwt_env"),
        ({"method": "oidc", "password": "SENTINEL"}, "Remove it"),
    ],
)
def test_a_secret_in_the_settings_is_refused_and_not_quoted(auth: dict[str, Any], hint: str) -> None:
    with pytest.raises(InvalidInput, match="no secret belongs") as caught:
        settings.check(auth)
    assert hint in caught.value.hint
    assert "SENTINEL" not in str(caught.value)
