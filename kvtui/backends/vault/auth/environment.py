"""The variables of Vault's and OpenBao's own tools. `BAO_X` counts, and `VAULT_X` only where `BAO_X` is not set at all.

Source: api/env.go and api/client.go of OpenBao 2.6. A variable that is set but empty says nothing, and hides the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, TypeVar

from kvtui.backends.http import address
from kvtui.backends.http.client import header_value
from kvtui.backends.vault.durations import seconds_of
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue

PREFIXES = ("BAO_", "VAULT_")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""strconv.ParseBool of Go."""
_LONGEST = 366 * 86400.0
_RATE = re.compile(r"(?:\d+\.?\d*|\.\d+)(?::\d+)?")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Environment:
    """What is set, checked; None where nothing is. Files are named, not read."""

    address: str | None = None
    """AGENT_ADDR, else ADDR."""
    token: SecretValue | None = None
    namespace: str | None = None
    ca_file: Path | None = None
    """CACERT. It comes before `ca_pem`, and that before `ca_dir`."""
    ca_pem: str | None = None
    """CACERT_BYTES: certificates themselves."""
    ca_dir: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    timeout: float | None = None
    """Seconds."""
    skip_verify: bool | None = None
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    """PROXY_ADDR, else HTTP_PROXY; may hold a password."""
    token_path: Path | None = None
    config_path: Path | None = None
    mfa: Mapping[str, SecretValue | None] = field(default_factory=lambda: MappingProxyType({}))
    """Passcodes by the id, name or type of their method; None for a method that needs none."""
    wrap_ttl: timedelta | None = None
    """Checked, and used for nothing: each share is asked for how long it lasts."""
    retries: int | None = None
    """How often a read is tried again."""
    rate: tuple[float, int] | None = None
    """Requests a second, and how many at once after a rest."""


def variable(environ: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """The full name and value of what holds for a name such as `ADDR`; None where it is not set, or is empty."""
    for prefix in PREFIXES:
        if (value := environ.get(prefix + name)) is not None:
            return (prefix + name, value) if value else None
    return None


def path(environ: Mapping[str, str], name: str) -> Path | None:
    """The file that a variable such as `TOKEN_PATH` names. Raises InvalidInput."""
    found = variable(environ, name)
    return _path(*found) if found else None


def has_server(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a server."""
    return any(variable(environ, name) for name in ("AGENT_ADDR", "ADDR"))


def read(environ: Mapping[str, str]) -> Environment:
    """Raises InvalidInput naming the variable that cannot be used; never with the value of one that may be secret."""

    def get(name: str, parse: Callable[[str, str], _T]) -> _T | None:
        found = variable(environ, name)
        return None if found is None else parse(*found)

    return Environment(
        address=get("AGENT_ADDR", _address) or get("ADDR", _address),
        token=get("TOKEN", _token),
        namespace=get("NAMESPACE", _namespace),
        ca_file=get("CACERT", _path),
        ca_pem=get("CACERT_BYTES", _certificates),
        ca_dir=get("CAPATH", _path),
        client_cert=get("CLIENT_CERT", _path),
        client_key=get("CLIENT_KEY", _path),
        timeout=get("CLIENT_TIMEOUT", _seconds),
        skip_verify=get("SKIP_VERIFY", _truth),
        server_name=get("TLS_SERVER_NAME", _printable),
        proxy=get("PROXY_ADDR", _proxy) or get("HTTP_PROXY", _proxy),
        token_path=get("TOKEN_PATH", _path),
        config_path=get("CONFIG_PATH", _path),
        mfa=passcodes(environ),
        wrap_ttl=get("WRAP_TTL", _ttl),
        retries=get("MAX_RETRIES", _count),
        rate=get("RATE_LIMIT", _rate),
    )


def passcodes(environ: Mapping[str, str]) -> Mapping[str, SecretValue | None]:
    """`Environment.mfa` alone. Raises InvalidInput."""
    found = variable(environ, "MFA")
    return _mfa(*found) if found else MappingProxyType({})


def seconds(text: str) -> float:
    """Whole seconds, or a Go duration such as `1m30s`, up to a year. Raises ValueError."""
    found = seconds_of(text)
    if found > _LONGEST:
        raise ValueError
    return found


def _refuse(name: str, what: str, hint: str) -> NoReturn:
    raise InvalidInput(f"The variable {name} {what}.", hint=hint) from None


def _printable(name: str, value: str) -> str:
    if not value.isprintable():
        _refuse(name, "holds characters that cannot be in it", "Set it again, without them.")
    return value


def _path(name: str, value: str) -> Path:
    try:
        return Path(_printable(name, value)).expanduser()
    except RuntimeError:
        _refuse(name, "names the home of nobody", "Write the whole path.")


def _address(name: str, value: str) -> str:
    try:
        return str(address.parse(value, allow_http=True))
    except InvalidInput as error:
        _refuse(name, "holds no address of a server that can be used", error.hint)


def _token(name: str, value: str) -> SecretValue:
    try:
        return SecretValue(header_value(value))
    except InvalidInput:
        _refuse(name, "holds characters no token has", "Set it again, to the token alone.")


def _namespace(name: str, value: str) -> str:
    return _printable(name, value).strip("/")


def _certificates(name: str, value: str) -> str:
    if "-----BEGIN CERTIFICATE-----" not in value or not value.isascii():
        _refuse(name, "holds no certificates", "It takes PEM itself; CACERT names a file.")
    return value


def _seconds(name: str, value: str) -> float:
    try:
        found = seconds(value)
    except ValueError:
        _refuse(name, "holds no time", "Write it in seconds, or as 1m30s.")
    if not found:
        _refuse(name, "leaves no time at all", "Write it in seconds, or as 1m30s.")
    return found


def _ttl(name: str, value: str) -> timedelta:
    return timedelta(seconds=_seconds(name, value))


def _truth(name: str, value: str) -> bool:
    if value not in _TRUE | _FALSE:
        _refuse(name, "is neither true nor false", "Set it to true or false.")
    return value in _TRUE


def _proxy(name: str, value: str) -> str:
    scheme = value.partition("://")[0]
    if scheme not in {"http", "https"} or not value.isascii() or not value.isprintable() or " " in value:
        _refuse(name, "holds no address of a proxy that can be used", "Write it as http://proxy.example.com:3128.")
    return value


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        _refuse(name, "is no whole number", "Set it to a number such as 2, or not at all.")
    return int(value)


def _rate(name: str, value: str) -> tuple[float, int]:
    """As parseRateLimit of Go's api/client.go reads it; without the second number it is the first."""
    if not _RATE.fullmatch(value) or not (rate := float(value.partition(":")[0])):
        _refuse(name, "is no rate", "Write it as 10 or 10:20, requests a second and at once.")
    return rate, max(1, int(value.partition(":")[2] or rate))


def _mfa(name: str, value: str) -> Mapping[str, SecretValue | None]:
    found: dict[str, SecretValue | None] = {}
    for part in value.split(","):
        method, colon, code = part.strip().partition(":")
        if not method or not method.isprintable() or not (code.isascii() and code.isprintable()):
            _refuse(name, "names no method", "Write it as method:passcode.")
        found[method] = SecretValue(code) if colon and code else None
    return MappingProxyType(found)
