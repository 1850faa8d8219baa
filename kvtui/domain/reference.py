"""References: text that names a secret, `kv://PROFILE/path#field?version=N`.

Every part but the scheme is percent-encoded (RFC 3986, UTF-8) where it would end the reference or change its meaning;
`kv:///path` is the current profile. Canonical URIs and `{vault, key}` maps are other spellings read by the services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput

_FORM = re.compile(
    r"kv://(?P<profile>[^/#?]*)/(?P<path>[^#?]+)(?:#(?P<field>[^?]*))?(?:\?version=(?P<version>[0-9]{1,9}))?"
)
_SAFE = "-._~!$&()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Reference:
    """profile "" is the current one; field None the only one; version None the newest."""

    path: str
    field: str | None = None
    version: int | None = None
    profile: str = ""

    def __str__(self) -> str:
        text = f"kv://{_quote(self.profile)}/{'/'.join(_quote(part) for part in self.path.split('/'))}"
        if self.field is not None:
            text += f"#{_quote(self.field)}"
        if self.version is not None:
            text += f"?version={self.version}"
        return text

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises InvalidInput when the text is no reference, InvalidPath when its path is none."""
        match = _FORM.fullmatch(text)
        if match is None or re.search(r"[\s\"']", text):
            raise InvalidInput("Not a reference.", hint="Write it as kv://PROFILE/path#field?version=N.")
        version = match["version"]
        if version is not None and int(version) < 1:
            raise InvalidInput("Versions are numbered from 1.", hint="Leave ?version= out for the newest.")
        return cls(
            path=paths.check("/".join(_segment(part) for part in match["path"].split("/"))),
            field=None if match["field"] is None else _unquote(match["field"]),
            version=None if version is None else int(version),
            profile=_unquote(match["profile"]),
        )


def _quote(text: str) -> str:
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _unquote(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise InvalidInput("A reference has a % that is not followed by two hex digits.", hint="Write %25 for %.")
    try:
        return unquote(text, errors="surrogatepass")
    except UnicodeDecodeError:
        raise InvalidInput("A reference has %-escapes that are not UTF-8.", hint="Encode it again.") from None


def _segment(text: str) -> str:
    decoded = _unquote(text)
    if "/" in decoded:
        raise InvalidInput("A segment of a reference may not hold an encoded slash.", hint="Write a plain /.")
    return decoded
