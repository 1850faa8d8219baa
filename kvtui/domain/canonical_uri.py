"""Canonical secret URIs, `provider[+engine]://mount/segment/...[#fragment][?name=value&...]`.

They only look like RFC 3986: there is no authority, the fragment comes *before* the query, and nothing in them is
percent-encoded, so no URI library reads them. The query begins at the first `?`, the fragment at the first `#` before
it. Equal secrets have equal text: the scheme is lower-case, no slash ends the path, parameters are sorted.

Stricter than the service's own parser where that one takes what means something else than it says: a fragment after
the query, an empty fragment, a segment `.`, a version that is no number, characters a terminal would hide.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidInput

ENGINES: Final[Mapping[str, frozenset[str | None]]] = {
    "openbao": frozenset({"kv2"}),
    "hashicorp": frozenset({"kv2"}),
    "yaml": frozenset({None}),
    "file": frozenset({None}),
    "db": frozenset({None, "cred", "db"}),
    "bootstrap": frozenset({None}),
}
"""The engines of each provider; None where the provider may or must stand alone."""

MAX_LENGTH = 4096
"""Characters of a whole URI: encoded, it has to fit into a request line."""

_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class UriCode(StrEnum):
    """What is wrong with a URI, in the service's own words; it answers them with status 400."""

    ILLEGAL_SEGMENT = "ILLEGAL_SEGMENT"
    INVALID_WILDCARD = "INVALID_WILDCARD"
    UNSUPPORTED_ENGINE = "UNSUPPORTED_ENGINE"
    AMBIGUOUS_QUERY = "AMBIGUOUS_QUERY"
    DOUBLE_MOUNT_SOURCE = "DOUBLE_MOUNT_SOURCE"
    TENANT_MOUNT_MISMATCH = "TENANT_MOUNT_MISMATCH"
    AMBIGUOUS_MOUNT = "AMBIGUOUS_MOUNT"
    PROVIDER_TRAILING_SLASH_MISMATCH = "PROVIDER_TRAILING_SLASH_MISMATCH"


_TOLD: Final[Mapping[UriCode, tuple[str, str]]] = {
    UriCode.ILLEGAL_SEGMENT: (
        "A part of the URI is empty or holds what it may not.",
        "Write it as openbao+kv2://secret/app/api#key, with letters, digits, dot, dash and underscore in the path.",
    ),
    UriCode.INVALID_WILDCARD: ("A URI names one secret and holds no *.", "Search instead, or name the secret."),
    UriCode.UNSUPPORTED_ENGINE: (
        "The URI begins with a provider or engine that is not known.",
        "Begin with openbao+kv2://, hashicorp+kv2:// or yaml://.",
    ),
    UriCode.AMBIGUOUS_QUERY: (
        "The URI's query can be read in two ways.",
        "Give each parameter once, after the fragment: secret/app#key?version=3.",
    ),
    UriCode.DOUBLE_MOUNT_SOURCE: (
        "The URI names its mount in the query as well.",
        "Leave mount= out: the first part of the path is the mount.",
    ),
    UriCode.TENANT_MOUNT_MISMATCH: (
        "The URI's mount is not one of this tenant's.",
        "Use a mount of the tenant, or have it added to TENANT_ALLOWED_MOUNTS.",
    ),
    UriCode.AMBIGUOUS_MOUNT: (
        "The service knows more than one mount the URI may mean.",
        "Ask whoever runs it which mount to name.",
    ),
    UriCode.PROVIDER_TRAILING_SLASH_MISMATCH: (
        "The service's provider takes this path only with, or only without, a slash at its end.",
        "Ask whoever runs it how its mounts are configured.",
    ),
}


class InvalidUri(InvalidInput):
    """No canonical URI, or none for this tenant. Without a message it tells what `code` means wherever it came from."""

    def __init__(self, code: UriCode, message: str | None = None, *, hint: str | None = None) -> None:
        told, todo = _TOLD[code]
        super().__init__(told if message is None else message, hint=todo if hint is None else hint)
        self.code = code


@dataclass(frozen=True, slots=True)
class CanonicalUri:
    """A valid URI; `str()` is its canonical form. Making one of parts raises InvalidUri as `parse` does.

    `path` is below the mount, without slashes at its ends, "" for the mount itself. `fragment` is one key of the map
    that lies there, None for the whole map. Nothing is decoded: all parts are what stands in the text.
    """

    provider: str
    mount: str
    path: str = ""
    fragment: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    engine: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES.get(self.provider, frozenset()):
            raise InvalidUri(UriCode.UNSUPPORTED_ENGINE)
        _check_fragment(self.fragment)
        _check_params(self.params)
        _check_segments(self.mount, self.path)
        object.__setattr__(self, "params", tuple(sorted(self.params)))
        if len(str(self)) > MAX_LENGTH:
            raise InvalidUri(UriCode.ILLEGAL_SEGMENT, f"A URI has at most {MAX_LENGTH} characters.")

    @classmethod
    def parse(cls, text: str, *, mounts: Collection[str] = ()) -> CanonicalUri:
        """`mounts` are those the tenant may use; none given, any. Raises InvalidUri, which never quotes the text."""
        scheme, found, rest = text.partition("://")
        if not found or not scheme:
            raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "This is no URI: it does not begin with a provider and ://.")
        if not scheme.isascii():  # Some other letters become ASCII ones in lower case.
            raise InvalidUri(UriCode.UNSUPPORTED_ENGINE)
        provider, plus, engine = scheme.lower().partition("+")
        before, _, query = rest.partition("?")
        path, hash_, fragment = before.partition("#")
        mount, slash, below = path.removesuffix("/").partition("/")
        if slash and not below:
            raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI has an empty segment.")
        uri = cls(
            provider,
            mount,
            below,
            fragment if hash_ else None,
            tuple(_param(pair) for pair in query.split("&") if pair),
            engine if plus else None,
        )
        if mounts and mount not in mounts:
            raise InvalidUri(UriCode.TENANT_MOUNT_MISMATCH)
        return uri

    def __str__(self) -> str:
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        query = "&".join(f"{name}={value}" for name, value in self.params)
        return f"{self.scheme}://{self.location}{fragment}{'?' if query else ''}{query}"

    @property
    def scheme(self) -> str:
        return self.provider if self.engine is None else f"{self.provider}+{self.engine}"

    @property
    def location(self) -> str:
        """Mount and path, as the provider addresses it."""
        return f"{self.mount}/{self.path}" if self.path else self.mount

    @property
    def parameter(self) -> str:
        """The value of `uri=` in a request: all but letters, digits and `-._~` percent-encoded.

        Sent as it is, a `+` would arrive as a space, and all from the `#` on would not arrive at all.
        """
        return quote(str(self), safe="")

    @property
    def version(self) -> int | None:
        """The version it is pinned to, None for the newest."""
        text = dict(self.params).get("version")
        return None if text is None else int(text)

    @property
    def whole(self) -> CanonicalUri:
        """The secret itself: without fragment and parameters."""
        return replace(self, fragment=None, params=())

    def child(self, path: str) -> CanonicalUri:
        """The secret or folder at this path below, "" for this one. Raises InvalidUri for a path no URI can name."""
        return replace(self.whole, path=f"{self.path}/{path}" if self.path and path else self.path or path)

    def key(self, name: str | None) -> CanonicalUri:
        """The same with this fragment. Raises InvalidUri for a key no URI can name."""
        return replace(self, fragment=name)

    def pinned(self, version: int | None) -> CanonicalUri:
        """The same at this version, numbered from 1, or at the newest."""
        others = tuple(pair for pair in self.params if pair[0] != "version")
        return replace(self, params=others if version is None else (*others, ("version", str(version))))


def _param(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name, value


def _check_fragment(fragment: str | None) -> None:
    if fragment is None:
        return
    if not fragment:
        raise InvalidUri(
            UriCode.ILLEGAL_SEGMENT,
            "The URI has an empty fragment.",
            hint="Name the key after #, or leave # out for the whole secret.",
        )
    if "#" in fragment or "?" in fragment:
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "A fragment holds neither # nor ?.")
    _check_characters(fragment)


def _check_params(params: tuple[tuple[str, str], ...]) -> None:
    names = [name for name, _ in params]
    if len(set(names)) != len(names):
        raise InvalidUri(UriCode.AMBIGUOUS_QUERY, "The URI gives a parameter twice.")
    for name, value in params:
        if "#" in name + value:
            raise InvalidUri(UriCode.AMBIGUOUS_QUERY, "The URI has a # after its ?.")
        if not name or "=" in name or "&" in name + value:
            raise InvalidUri(UriCode.AMBIGUOUS_QUERY)
        _check_characters(name + value)
    if "mount" in names:
        raise InvalidUri(UriCode.DOUBLE_MOUNT_SOURCE)
    version = dict(params).get("version")
    if version is not None and not _VERSION.fullmatch(version):
        raise InvalidUri(
            UriCode.AMBIGUOUS_QUERY,
            "The URI's version is no number from 1 on.",
            hint="Leave version= out for the newest.",
        )


def _check_segments(mount: str, path: str) -> None:
    location = f"{mount}/{path}" if path else mount
    if not mount or "/" in mount:
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI does not begin with one mount.")
    if "%2f" in location.lower():
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI has an encoded slash.", hint="Write a plain /.")
    segments = location.split("/")
    if ".." in location or "." in segments:
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI has a .. in its path, or a segment . in it.")
    if "" in segments:
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI has an empty segment.")
    if "*" in location:
        raise InvalidUri(UriCode.INVALID_WILDCARD)
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise InvalidUri(UriCode.ILLEGAL_SEGMENT, "The URI's path has a character that may not be in one.")


def _check_characters(text: str) -> None:
    if bad := sorted({ch for ch in text if unsafe(ch)}):
        names = ", ".join(f"U+{ord(ch):04X}" for ch in bad[:5])
        raise InvalidUri(
            UriCode.ILLEGAL_SEGMENT,
            f"The URI holds control, bidirectional or invisible characters ({names}).",
            hint="Type it again without them.",
        )
