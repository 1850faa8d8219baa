"""What the platform's own tools have on this machine: variables, and a configuration file. Read, never written.

An expired token is not refreshed: the server may give out a new refresh token with it, and the old one, which is still
in their file, would open nothing any more.
Source: tailor-platform/sdk, packages/sdk/src/cli/shared/context.ts and its configuration file, versions 1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kvtui.backends.http import sources
from kvtui.domain.errors import AuthenticationRequired, InvalidInput
from kvtui.domain.path import display
from kvtui.domain.value import SecretValue

ADDRESS = "https://api.tailor.tech"
TOKEN, OLD_TOKEN = "TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN"
WORKSPACE, PROFILE, URL = "TAILOR_PLATFORM_WORKSPACE_ID", "TAILOR_PLATFORM_PROFILE", "PLATFORM_URL"
SIGN_IN = f"Sign in with the platform's own tool (tailor-sdk login), or set {TOKEN}."

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSIONS = (1, 2)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    value: SecretValue
    expires_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of the platform's tools."""

    name: str
    user: str | None
    workspace: str | None
    url: str | None
    read_only: bool


class Config:
    """The platform's configuration file. Nothing of it is in an error but names of profiles and users."""

    def __init__(self, data: Mapping[str, Any], where: str, *, readable_by_others: bool) -> None:
        self._data = data
        self._where = where
        self._readable_by_others = readable_by_others

    def profile(self, name: str) -> Profile:
        """Raises InvalidInput where there is none of that name."""
        known = _map(self._data.get("profiles"))
        if name not in known:
            listed = ", ".join(display(str(each)) for each in known)
            raise InvalidInput(
                f"{self._where} has no profile {display(name)}.",
                hint=f"It has: {listed}." if listed else "Make one with the platform's own tool.",
            )
        found = _map(known[name])
        workspace = _text(found.get("workspace_id"))
        return Profile(
            name,
            _text(found.get("user")),
            None if workspace is None else check_workspace(workspace, f"workspace_id of the profile {display(name)}"),
            _text(found.get("platform_url")),
            found.get("readonly") is True,
        )

    @property
    def current_user(self) -> str | None:
        return _text(self._data.get("current_user"))

    def token(self, user: str | None, now: datetime) -> Token:
        """Raises AuthenticationRequired where there is none that can be used."""
        if user is None:
            raise AuthenticationRequired(f"Nobody is signed in by {self._where}.", hint=SIGN_IN)
        found = _map(_map(self._data.get("users")).get(user))
        shown = display(user)
        if found.get("storage") == "keyring":
            raise AuthenticationRequired(
                f"The platform's tool keeps the token of {shown} in the system's keyring, which kvtui does not read.",
                hint=f"Set {TOKEN}, or token_command in the profile.",
            )
        token = _text(found.get("access_token"))
        if token is None:
            raise AuthenticationRequired(f"{self._where} has no token of {shown}.", hint=SIGN_IN)
        expires_at = _moment(found.get("token_expires_at"))
        if expires_at is not None and expires_at <= now:
            raise AuthenticationRequired(f"The sign-in of {shown} at the platform has expired.", hint=SIGN_IN)
        note = f"Others on this machine may read {self._where}, which holds tokens." if self._readable_by_others else ""
        return Token(SecretValue(token), expires_at, note)


def read(environ: Mapping[str, str]) -> Config | None:
    """None where there is no such file. Raises InvalidInput for one that cannot be understood, PermissionDenied."""
    import yaml  # noqa: PLC0415 - not needed where a token is named

    folder = Path(environ.get("XDG_CONFIG_HOME", ""))
    path = (folder if folder.is_absolute() else Path.home() / ".config") / "tailor-platform" / "config.yaml"
    content = sources.read_file(path)
    if content is None:
        return None
    where = f"The platform's file {display(str(path))}"
    try:
        data = yaml.safe_load(content.data)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        raise InvalidInput(f"{where} is not YAML.", hint="Sign in again with the platform's own tool.") from None
    if not isinstance(data, dict) or data.get("version") not in _VERSIONS:
        raise InvalidInput(
            f"{where} is of a version that kvtui does not know.", hint=f"Set {TOKEN}, or token_file in the profile."
        )
    return Config(data, where, readable_by_others=content.readable_by_others)


def from_variables(environ: Mapping[str, str]) -> Token | None:
    """The token that a variable holds."""
    if environ.get(TOKEN):
        return Token(SecretValue(environ[TOKEN]))
    if environ.get(OLD_TOKEN):
        return Token(SecretValue(environ[OLD_TOKEN]), note=f"{OLD_TOKEN} is deprecated: use {TOKEN}.")
    return None


def names_a_store(environ: Mapping[str, str]) -> bool:
    """Whether variables name both whose sign-in to use and a workspace."""
    has_token = bool(environ.get(TOKEN) or environ.get(OLD_TOKEN))
    return bool(environ.get(PROFILE)) or (has_token and bool(environ.get(WORKSPACE)))


def check_workspace(text: str, where: str) -> str:
    """Raises InvalidInput for what cannot be the ID of one."""
    if not _UUID.fullmatch(text):
        raise InvalidInput(
            f"{where} is not the ID of a workspace.", hint="It looks like 01234567-89ab-cdef-0123-456789abcdef."
        )
    return text


def _map(found: object) -> Mapping[Any, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str | None:
    return found if isinstance(found, str) and found else None


def _moment(found: object) -> datetime | None:
    """A time as YAML or a text has it; None where it is neither, so that the server decides."""
    try:
        moment = found if isinstance(found, datetime) else datetime.fromisoformat(str(found))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
