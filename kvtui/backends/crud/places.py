"""Paths of the tree and canonical URIs: `openbao+kv2/secret/app/api` is `openbao+kv2://secret/app/api`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kvtui.domain import path as paths
from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from kvtui.domain.errors import InvalidPath


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the tree, and the URI of the secret or folder there."""

    path: str
    uri: CanonicalUri


class Places:
    """`roots` are the folders shown at the top; `root` is one that is the root itself, with nothing above it."""

    def __init__(self, roots: Sequence[CanonicalUri] = (), root: CanonicalUri | None = None) -> None:
        self.root = None if root is None else root.whole
        self.roots = tuple(sorted({_path(uri): uri.whole for uri in roots}.items()))
        """Their paths and URIs, sorted."""

    def find(self, path: str) -> Place | None:
        """None for a path that no URI can name, such as one above all mounts."""
        try:
            return Place(path, self._uri(path))
        except InvalidUri:
            return None

    def new(self, path: str) -> Place:
        """Raises InvalidPath for a path that no URI can name."""
        try:
            return Place(path, self._uri(path))
        except InvalidUri as error:
            hint = error.hint if self.root or "/" in path else "Write it as openbao+kv2/secret/app/api."
            raise InvalidPath(error.message, hint=hint, path=path) from None

    def path(self, uri: CanonicalUri) -> str | None:
        """The path of a URI's secret; None for one outside of the root."""
        if self.root is None:
            return _path(uri)
        if uri.scheme != self.root.scheme or not f"{uri.location}/".startswith(f"{self.root.location}/"):
            return None
        return uri.location[len(self.root.location) + 1 :]

    def below(self, folder: str) -> Sequence[tuple[str, CanonicalUri]]:
        """The roots below a folder that is above them, by path. A root itself is not above itself."""
        return [each for each in self.roots if paths.is_under(each[0], folder)]

    def is_root(self, path: str) -> bool:
        """Whether a folder is there because the profile names it."""
        return not path if self.root is not None else any(path == root for root, _ in self.roots)

    def searched(self) -> Sequence[tuple[str, CanonicalUri]]:
        """Where a search of everything looks; nothing where that is all the service has."""
        return self.roots if self.root is None else [("", self.root)]

    def _uri(self, path: str) -> CanonicalUri:
        if self.root is not None:
            return self.root.child(path)
        scheme, _, location = path.partition("/")
        provider, plus, engine = scheme.partition("+")
        mount, _, below = location.partition("/")
        return CanonicalUri(provider, mount, below, engine=engine if plus else None)


def _path(uri: CanonicalUri) -> str:
    return f"{uri.scheme}/{uri.location}"
