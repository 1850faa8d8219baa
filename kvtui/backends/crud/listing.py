"""What can be listed, and searched: the YAML file as a tree, KVv2 by the names directly below a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import is_folder, key_of
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.places import Place, Places
from kvtui.backends.crud.yaml_tree import YamlTree
from kvtui.backends.not_found import missing_folder
from kvtui.domain import path as paths
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Locked, Unavailable, Unsupported
from kvtui.domain.secret import Entry, EntryKind, Indexed, Listing, Skip, Skipped

_SHALLOW = "The service searches KVv2 by the names directly below a folder, not further down."
_ODD = "Some names in the YAML file are none that a URI can have: they are left out."
_OWN = "Keys lie directly at the root, where no secret can be: they are left out."


def above(yaml: YamlTree, places: Places, folder: str) -> Listing:
    """A folder above the roots. A root in the YAML file is a secret too where keys lie directly in it."""
    roots = places.below(folder)
    found = {(_child(path, folder), True) for path, _ in roots}
    for path, uri in roots:
        if uri.provider == "yaml" and paths.parent(path) == folder and _has_keys(yaml, Place(path, uri)):
            found.add((path, False))
    return Listing(folder, _entries(found))


def _has_keys(yaml: YamlTree, at: Place) -> bool:
    return any(leaf.uri is not None and leaf.uri.location == at.uri.location for leaf in yaml.leaves(at.uri, at.path))


def listed(yaml: YamlTree, at: Place, *, is_root: bool) -> Listing:
    """A folder of the YAML file; a root is one whatever is in it. Raises NotFound."""
    secrets, note = _secrets(yaml, at)
    below = [path for path in secrets if path != at.path]
    if not is_root and not below:
        raise missing_folder(at.path)
    found = {(_child(path, at.path), _child(path, at.path) != path) for path in below}
    return Listing(at.path, _entries(found), complete=not note, note=note)


def walk(yaml: YamlTree, at: Place, *, is_root: bool, skipped: Skip | None) -> Sequence[Entry]:
    """Everything below a folder of the YAML file, by one deep listing. Raises NotFound."""
    secrets, note = _secrets(yaml, at)
    below = [path for path in secrets if path != at.path]
    if not is_root and not below:
        raise missing_folder(at.path)
    if note:
        _tell(skipped, Skipped(at.path, Unavailable(note, path=at.path, retryable=False)))
    return [Entry(path, EntryKind.SECRET) for path in below]


def walk_roots(
    yaml: YamlTree, places: Places, folder: str, why_not: Callable[[Capability, str], str], skipped: Skip | None
) -> Sequence[Entry]:
    """Everything below the roots in a folder above them."""
    found: set[str] = set()
    for path, uri in places.below(folder):
        try:
            if why := why_not(Capability.LIST, path):
                raise Unsupported(why, capability=Capability.LIST.value, path=path)
            secrets, note = _secrets(yaml, Place(path, uri))
            found.update(secrets)
            if note:
                raise Unavailable(note, path=path, retryable=False)
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            _tell(skipped, Skipped(path, error))
    return [Entry(path, EntryKind.SECRET) for path in sorted(found)]


def _secrets(yaml: YamlTree, at: Place) -> tuple[Sequence[str], str]:
    """The paths of all secrets at and below a place, sorted, and what is to be said of those left out."""
    found: set[str] = set()
    note = ""
    for leaf in yaml.leaves(at.uri, at.path):
        below = "" if leaf.uri is None else leaf.uri.location[len(at.uri.location) + 1 :]
        path = paths.join(at.path, below) if below else at.path
        if leaf.uri is None:
            note = _ODD
        elif not path:
            note = note or _OWN
        else:
            found.add(path)
    return sorted(found), note


def find(api: CrudApi, places: Places, text: str, limit: int, skipped: Skip | None) -> Sequence[Indexed]:
    """Secrets with this text in their path, by the service's own search."""
    if limit < 1:
        return ()
    if not text:
        _tell(skipped, Skipped("", Unavailable("The service searches for a text alone.", retryable=False)))
        return ()
    found: set[str] = set()
    for path, uri in _searched(places):
        try:
            for each in _hits(api, path, uri, text):
                found |= _path_of(each, places, text)
                if len(found) >= limit:
                    break
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            _tell(skipped, Skipped(path, error))
        if uri is None or uri.provider in {"openbao", "hashicorp"}:
            _tell(skipped, Skipped(path, Unavailable(_SHALLOW, path=path, retryable=False)))
    return [Indexed(path) for path in sorted(found)[:limit]]


def _searched(places: Places) -> Sequence[tuple[str, CanonicalUri | None]]:
    """None for all there is."""
    return places.searched() or [("", None)]


def _hits(api: CrudApi, path: str, uri: CanonicalUri | None, text: str) -> Iterator[CanonicalUri]:
    pairs = [("q", text), *([] if uri is None else [("prefix", str(uri))])]
    for page in api.pages("/search", failures.SEARCH, pairs=pairs, about=path or None):
        for item in page.items:
            told = key_of(item)
            if told is not None and not is_folder(item):
                yield told[0]


def _path_of(uri: CanonicalUri, places: Places, text: str) -> set[str]:
    """Where it is, if the text is in its path: the service looks into names of keys too."""
    path = places.path(uri)
    return {path} if path and text.casefold() in path.casefold() else set()


def _child(path: str, folder: str) -> str:
    return paths.join(folder, paths.relative(path, folder).partition("/")[0])


def _entries(found: set[tuple[str, bool]]) -> Sequence[Entry]:
    ordered = sorted(found, key=lambda each: (each[0], not each[1]))
    return tuple(Entry(path, EntryKind.FOLDER if folder else EntryKind.SECRET) for path, folder in ordered)


def _tell(skipped: Skip | None, what: Skipped) -> None:
    if skipped is None:
        raise what.error
    skipped(what)
