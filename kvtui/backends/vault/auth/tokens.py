"""Tokens that exist already, and where one is kept between runs: as Vault's and OpenBao's own tools do it.

A token helper, where one is configured, takes the place of the token file (command/config of OpenBao 2.6).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvtui import locations
from kvtui.backends.http import programs, sources
from kvtui.backends.http.client import header_value
from kvtui.backends.http.settings import WAYS
from kvtui.backends.vault.auth import environment
from kvtui.domain.errors import InvalidInput, PermissionDenied
from kvtui.domain.path import display
from kvtui.domain.value import SecretValue

_FILE = ".vault-token"
_CONFIGS = (".bao", ".vault")
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_COMMENT = re.compile(r"^\s*(?:#|//).*$", re.MULTILINE)
_HELPER = re.compile(r'^\s*"?token_helper"?\s*=\s*"([^"\\\n]*)"\s*(?:(?:#|//).*)?$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A token, in words where it comes from, and what its owner should know about that."""

    token: SecretValue
    source: str
    notes: tuple[str, ...] = ()


def find(auth: Mapping[str, Any], environ: Mapping[str, str]) -> Found | None:
    """The token of the profile's `token_file`, `token_env` or `token_command`; else of BAO_TOKEN or VAULT_TOKEN; else
    of the token helper; else of the token file. None where there is none.

    Raises InvalidInput for what is no token, and as `sources.given` and `programs.run` do.
    """
    if (secret := sources.given(auth, "token", environ)) is not None:
        way = next(f"token_{way}" for way in WAYS if f"token_{way}" in auth)
        return Found(_checked(secret, f"The profile's {way}"), f"the profile's {way}", _notes_of(auth))
    if (variable := environment.variable(environ, "TOKEN")) is not None:
        name, value = variable
        return Found(_checked(SecretValue(value), f"The variable {name}"), f"the variable {name}")
    if (helper := _helper(environ)) is not None:
        printed = programs.run([str(helper), "get"], what="The token helper")
        if not printed.strip():
            return None
        said = "The output of the token helper"
        return Found(_checked(sources.text(printed, said), said), "the token helper")
    path = _token_file(environ)
    content = sources.read_file(path)
    if content is None or not content.data.strip():
        return None
    where = display(str(path))
    token = _checked(sources.text(content.data.strip(), where), where)
    return Found(token, where, _readable(where) if content.readable_by_others else ())


def store(token: SecretValue, environ: Mapping[str, str]) -> str:
    """Keep a token for later runs, with the token helper or in a file only its owner may read. Returns where, in words.

    Raises InvalidInput for what is no token, PermissionDenied, Unavailable.
    """
    plain = header_value(token)
    if (helper := _helper(environ)) is not None:
        programs.run([str(helper), "store"], what="The token helper", given=plain.encode("ascii"))
        return "the token helper"
    path = _token_file(environ)
    locations.write_private(path, plain.encode("ascii"))
    return display(str(path))


def erase(environ: Mapping[str, str]) -> str:
    """Forget the token that is kept, if there is one. Returns where it was, in words. Raises as `store` does."""
    if (helper := _helper(environ)) is not None:
        programs.run([str(helper), "erase"], what="The token helper")
        return "the token helper"
    path = _token_file(environ)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise PermissionDenied(
            f"{display(str(path))} cannot be removed: {error.strerror}.", hint="Check who owns its folder."
        ) from None
    return display(str(path))


def _checked(token: SecretValue, where: str) -> SecretValue:
    try:
        return SecretValue(header_value(token))
    except InvalidInput:
        raise InvalidInput(
            f"{where} holds characters no token has.", hint="It should hold the token alone, on one line."
        ) from None


def _notes_of(auth: Mapping[str, Any]) -> tuple[str, ...]:
    if "token_file" in auth:
        path = Path(auth["token_file"]).expanduser()
        with suppress(OSError):  # it was there a moment ago
            return _readable(display(str(path))) if path.stat().st_mode & 0o077 else ()
    return ()


def _readable(where: str) -> tuple[str, ...]:
    return (f"{where} can be read by others. Close it to them: chmod 600.",)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _token_file(environ: Mapping[str, str]) -> Path:
    return environment.path(environ, "TOKEN_PATH") or _home(environ) / _FILE


def _helper(environ: Mapping[str, str]) -> Path | None:
    """The token helper's path. Raises InvalidInput for a relative or unreadable one, PermissionDenied where others
    could put another program in its place."""
    named = environment.path(environ, "CONFIG_PATH")
    if named == Path(os.devnull):
        return None
    for file in [named] if named else [_home(environ) / name for name in _CONFIGS]:
        if (content := sources.read_file(file)) is not None:
            return _helper_in(file, content.data.decode("utf-8", "replace"))
    return None


def _helper_in(file: Path, written: str) -> Path | None:
    shown = display(str(file))
    settings = _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", written))
    found = _HELPER.findall(settings)
    if not found:
        if "token_helper" in settings:
            raise InvalidInput(f"The token helper in {shown} cannot be read.", hint='Write token_helper = "/its/path".')
        return None
    if len(found) > 1:
        raise InvalidInput(f"{shown} names several token helpers.", hint="Keep one of them.")
    if not found[0]:
        return None
    helper = Path(found[0])
    if not helper.is_absolute():
        raise InvalidInput(f"The token helper in {shown} is no absolute path.", hint="Write it from / on.")
    try:
        sources.refuse_shared(file, "the token helper it names is not run")
        sources.refuse_shared(helper, "it is not run as token helper")
    except (OSError, ValueError):
        raise InvalidInput(f"The token helper in {shown} is not there.", hint="Correct its path.") from None
    return helper
