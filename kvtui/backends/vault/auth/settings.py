"""What a profile's `auth` may say: the keys of each method, checked. A secret itself is never among them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from kvtui.backends.http.settings import WAYS
from kvtui.domain.errors import InvalidInput
from kvtui.domain.path import display

Check = Callable[[Any], str]
"""What a value must be, in words; "" where it is."""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value and value.isprintable() else "a text"


def _port(value: Any) -> str:
    return "" if type(value) is int and 1 <= value <= 65535 else "a port from 1 to 65535"


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _mount(value: Any) -> str:
    fine = not _text(value) and not {"", ".", ".."} & {*value.strip("/").split("/")}
    return "" if fine else "the path of an auth mount, such as ldap"


def _file(value: Any) -> str:
    try:
        fine = not _text(value) and Path(value).expanduser().is_absolute()
    except RuntimeError:
        fine = False
    return "" if fine else "a whole path, from / or ~ on"


def _argv(value: Any) -> str:
    fine = isinstance(value, list | tuple) and value and all(isinstance(word, str) and word for word in value)
    return "" if fine else "a list of texts, a program and its arguments, which no shell reads"


_WAY_CHECKS: Mapping[str, Check] = {"file": _file, "env": _text, "command": _argv}


@dataclass(frozen=True, slots=True)
class Method:
    """The keys of one method. `secret` is its secret's name, which comes from a file, a variable or a command."""

    secret: str | None = None
    keys: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    has_mount: bool = True

    def checks(self) -> Mapping[str, Check]:
        secrets = {f"{self.secret}_{way}": _WAY_CHECKS[way] for way in WAYS} if self.secret else {}
        return {"method": _text, **({"mount": _mount} if self.has_mount else {}), **self.keys, **secrets}


_PASSWORD = Method("password", {"username": _text})
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "token": Method("token", has_mount=False),
        "userpass": _PASSWORD,
        "ldap": _PASSWORD,
        "radius": _PASSWORD,
        "okta": _PASSWORD,
        "approle": Method("secret_id", {"role_id": _text}, ("role_id",)),
        "jwt": Method("jwt", {"role": _text}),
        "kubernetes": Method("jwt", {"role": _text}, ("role",)),
        "cert": Method(None, {"name": _text}),
        "oidc": Method(None, {"role": _text, "port": _port, "device": _truth}),
    }
)
_SECRETS = frozenset({"password", "passphrase", "token", "secret", "secret_id", "jwt", "pin", "passcode", "client_key"})


def check(auth: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings with their method, token where they name none. Raises InvalidInput naming what is wrong, with the
    nearest known key; never a value."""
    method = auth.get("method", "token")
    if not isinstance(method, str) or method not in METHODS:
        _refuse("auth.method is no way to sign in.", _near(str(method), METHODS))
    found = METHODS[method]
    checks = found.checks()
    for key, value in auth.items():
        if key not in checks:
            _refuse_key(method, str(key), checks)
        if what := checks[key](value):
            _refuse(f"auth.{key} must be {what}.", "Correct it in the profile.")
    for key in found.required:
        if key not in auth:
            _refuse(f"auth has no {key}, which {method} needs.", f"Add {key} to the profile's auth.")
    if len(sources := [key for way in WAYS if (key := f"{found.secret}_{way}") in auth]) > 1:
        _refuse(f"auth has both {sources[0]} and {sources[1]}.", "Keep one of them.")
    return MappingProxyType({"method": method, **auth})


def mount_of(auth: Mapping[str, Any]) -> str:
    """Where checked settings say the method is mounted: under its own name unless they name a mount."""
    return str(auth.get("mount", auth["method"])).strip("/")


def _refuse_key(method: str, key: str, known: Mapping[str, Check]) -> NoReturn:
    if key.lower() in _SECRETS:
        ways = [f"{key.lower()}_{way}" for way in WAYS if f"{key.lower()}_{way}" in known]
        hint = f"Use {', '.join(ways[:-1])} or {ways[-1]}, or leave it out: it is asked for." if ways else "Remove it."
        _refuse(f"auth has the key {key}, but no secret belongs in a configuration.", hint)
    _refuse(f"auth has no key {display(key)} with the method {method}.", _near(key, known))


def _near(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known))}."


def _refuse(message: str, hint: str) -> NoReturn:
    raise InvalidInput(message, hint=hint)
