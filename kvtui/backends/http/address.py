"""Where a server is: a URL from a profile, checked; and paths for it, encoded by us and by nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from kvtui.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Address:
    """`origin` is `scheme://host[:port]`; `prefix` the path before everything else, without a slash at its end."""

    origin: str
    prefix: str
    host: str
    is_plain: bool
    """Without TLS."""

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        return self.origin + self.prefix


def parse(url: str, *, allow_http: bool = False) -> Address:
    """Raises InvalidInput for what is no server's address, and for plain HTTP to other machines unless allowed."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused() from None
    if parts.scheme not in {"http", "https"} or not host or not url.isascii() or not url.strip().isprintable():
        raise _refused()
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("The address holds a user name or password.", hint="Use the profile's auth settings.")
    if parts.query or parts.fragment:
        raise InvalidInput("The address has a query or fragment.", hint="Leave what follows ? or # out.")
    plain = parts.scheme == "http"
    if plain and not is_loopback(host) and not allow_http:
        raise InvalidInput(
            "This server is addressed without TLS: everybody on the way could read its secrets.",
            hint="Use https://, or set allow_http: true if you must.",
        )
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
    return Address(origin, parts.path.rstrip("/"), host, plain)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def encode(*segments: str) -> str:
    """Segments as a path, each percent-encoded whole: no `/`, `?`, `#`, `%` or `..` of a name becomes the server's.

    Raises InvalidInput for text that has no UTF-8.
    """
    try:
        return "/".join(quote(segment, safe="") for segment in segments)
    except UnicodeEncodeError:
        raise InvalidInput("A name holds half a character, which no URL can carry.", hint="Choose another.") from None


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """`?name=value&…`, or nothing; both sides percent-encoded whole."""
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return f"?{text}" if text else ""


def _refused() -> InvalidInput:
    return InvalidInput("This is no address of a server.", hint="Write it as https://vault.example.com:8200.")
