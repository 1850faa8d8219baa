"""References: text that names a secret, `kv://PROFILE/path#field?version=N`.

    reference = "kv://" [profile] "/" path ["#" field] ["?version=" number]
    path      = segment *("/" segment)

Every part but the scheme is percent-encoded (RFC 3986, UTF-8) where it would end the reference or change its meaning;
`kv:///path` is the current profile. A reference holds no white space and no quote. Canonical URIs
(`kvtui.domain.canonical_uri`) and `{vault, key}` maps are other spellings; `kvtui.services.references` reads them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput

_FORM = re.compile(
    r"kv://(?P<profile>[^/#?]*)/(?P<path>[^#?]+)(?:#(?P<field>[^?]*))?(?:\?version=(?P<version>[0-9]{1,9}))?"
)
_SAFE = "-._~!$&()*+,;=:@"


class ReferenceCode(StrEnum):
    """What is wrong with a text that should be a reference. A path that can be none raises InvalidPath."""

    NOT_A_REFERENCE = "NOT_A_REFERENCE"
    ILLEGAL_VERSION = "ILLEGAL_VERSION"
    ILLEGAL_ESCAPE = "ILLEGAL_ESCAPE"
    ENCODED_SLASH = "ENCODED_SLASH"
    ILLEGAL_MAP = "ILLEGAL_MAP"


class InvalidReference(InvalidInput):
    """No reference. The message quotes nothing of the text: it may be a value in the wrong place."""

    def __init__(self, code: ReferenceCode, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.code = code


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
        """Raises InvalidReference when the text is no reference, InvalidPath when its path is none."""
        match = _FORM.fullmatch(text)
        if match is None or re.search(r"[\s\"']", text):
            raise InvalidReference(
                ReferenceCode.NOT_A_REFERENCE, "Not a reference.", hint="Write it as kv://PROFILE/path#field?version=N."
            )
        version = match["version"]
        return cls(
            path=paths.check("/".join(_segment(part) for part in match["path"].split("/"))),
            field=None if match["field"] is None else _unquote(match["field"]),
            version=None if version is None else version_number(version),
            profile=_unquote(match["profile"]),
        )

    @classmethod
    def of_map(cls, vault: object, key: object) -> Reference:
        """`{vault: V, key: K}`: the path V/K in the current profile. Raises InvalidReference, InvalidPath."""
        if not (isinstance(vault, str) and isinstance(key, str) and vault and key):
            raise InvalidReference(
                ReferenceCode.ILLEGAL_MAP, "A map of vault and key holds two names.", hint="Write {vault: V, key: K}."
            )
        return cls(paths.check(f"{vault}/{key}"))


def version_number(digits: str) -> int:
    """A version that a reference names. Raises InvalidReference."""
    if int(digits) < 1:
        raise InvalidReference(
            ReferenceCode.ILLEGAL_VERSION,
            "Versions are numbered from 1.",
            hint="Leave ?version= out for the newest.",
        )
    return int(digits)


def _quote(text: str) -> str:
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _unquote(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise InvalidReference(
            ReferenceCode.ILLEGAL_ESCAPE,
            "A reference has a % that is not followed by two hex digits.",
            hint="Write %25 for %.",
        )
    try:
        return unquote(text, errors="surrogatepass")
    except UnicodeDecodeError:
        raise InvalidReference(
            ReferenceCode.ILLEGAL_ESCAPE, "A reference has %-escapes that are not UTF-8.", hint="Encode it again."
        ) from None


def _segment(text: str) -> str:
    decoded = _unquote(text)
    if "/" in decoded:
        raise InvalidReference(
            ReferenceCode.ENCODED_SLASH,
            "A segment of a reference may not hold an encoded slash.",
            hint="Write a plain /.",
        )
    return decoded
