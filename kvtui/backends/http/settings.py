"""What the profiles of all stores on servers share: settings, the client they describe, how one is opened. Reading them
loads no HTTP library."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.factory import BackendFactory, Setting, StoreState
from kvtui.backends.http import address
from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    from kvtui.backends.http.answer import Answer
    from kvtui.backends.http.client import HttpClient
    from kvtui.backends.http.rate import TokenBucket
    from kvtui.backends.http.tls import Tls
    from kvtui.domain.value import SecretValue

REMOTE: Sequence[Setting] = (
    Setting("url", str, "the server's address, such as https://vault.example.com:8200", required=True),
    Setting("timeout_seconds", int, "how long a whole call may take; 15 without it"),
    Setting("proxy", str, "an HTTP proxy's address; none without it"),
    Setting("allow_http", bool, "let the address be plain HTTP to another machine: everybody on the way can read it"),
)
LONGEST = 600
WAYS = ("file", "env", "command")
"""Where a secret of a profile may come from, `<secret>_file` and so on; never from the profile itself."""


class RemoteFactory(BackendFactory):
    """Of stores on a server, where somebody signs in."""

    signs_in: ClassVar[bool] = True

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """`environ` is where variables are looked for: those a profile names, and those of a server's own tools."""
        self._environ = environ

    def probe(self, settings: Mapping[str, Any]) -> StoreState:  # noqa: ARG002 - opening it tells
        return StoreState.READY


def secret(name: str, what: str) -> Sequence[Setting]:
    """The settings for a secret; `what` is in words, such as "the token"."""
    return (
        Setting(f"{name}_file", str, f"a file that holds {what} alone"),
        Setting(f"{name}_env", str, f"the variable that holds {what}"),
        Setting(f"{name}_command", list, f"a program and its arguments that print {what}"),
    )


def check_secret(settings: Mapping[str, Any], name: str) -> None:
    """Raises InvalidInput for more than one way to the same secret, and for what is no program."""
    if len(ways := [key for way in WAYS if (key := f"{name}_{way}") in settings]) > 1:
        raise InvalidInput(f"The profile has both {ways[0]} and {ways[1]}.", hint="Keep one of them.")
    command = settings.get(f"{name}_command")
    if command is not None and not (command and all(isinstance(word, str) and word for word in command)):
        raise InvalidInput(
            f"{name}_command must be a list of texts, a program and its arguments.", hint="No shell reads it."
        )


def check(settings: Mapping[str, Any]) -> None:
    """Raises InvalidInput for an address, proxy or time that cannot be used."""
    address.parse(str(settings["url"]), allow_http=settings.get("allow_http") is True)
    if "proxy" in settings:
        address.parse(str(settings["proxy"]), allow_http=True)
    if not 0 < int(settings.get("timeout_seconds", 1)) <= LONGEST:
        raise InvalidInput(f"timeout_seconds must be from 1 to {LONGEST}.", hint="Without it, a call takes up to 15 s.")


def client(
    settings: Mapping[str, Any],
    *,
    tls: Tls | None = None,
    proxy: str | None = None,
    connections: int = 10,
    attempts: int | None = None,
    headers: Mapping[str, str | SecretValue] | None = None,
    id_header: str | None = None,
    rate: TokenBucket | None = None,
    is_final: Callable[[Answer], bool] = lambda _: False,
) -> HttpClient:
    """Raises InvalidInput. `proxy` is for a profile that names none."""
    from kvtui.backends.http.client import ATTEMPTS, TIMEOUT, HttpClient  # noqa: PLC0415 - loads the HTTP library

    check(settings)
    return HttpClient(
        address.parse(str(settings["url"]), allow_http=settings.get("allow_http") is True),
        timeout=float(settings.get("timeout_seconds", TIMEOUT)),
        tls=tls,
        proxy=settings.get("proxy", proxy),
        connections=connections,
        attempts=ATTEMPTS if attempts is None else attempts,
        headers=headers,
        id_header=id_header,
        rate=rate,
        is_final=is_final,
    )


def warning(settings: Mapping[str, Any], tls: Tls | None) -> str:
    """What must always be seen while such a connection is open; "" for nothing."""
    where = address.parse(str(settings["url"]), allow_http=True)
    if where.is_plain and not where.is_loopback:
        return "NO TLS: everybody on the way can read and change what is sent"
    if tls is not None and tls.skip_verify and not where.is_plain:
        return "TLS NOT CHECKED: this may be another server"
    return ""
