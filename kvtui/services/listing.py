"""Listings of more than one folder."""

from __future__ import annotations

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.secret import Entry, EntryKind, Listing


def whole_tree(backend: Backend, most: int) -> tuple[list[Listing], bool]:
    """The listing of every folder below the root, parents first, and whether that is all there is."""
    children: dict[str, dict[tuple[str, bool], Entry]] = {"": {}}
    complete = True
    for count, entry in enumerate(backend.walk()):
        if count == most:
            complete = False
            break
        children.setdefault(paths.parent(entry.path), {})[entry.name, True] = entry
        for folder in paths.ancestors(entry.path):
            children.setdefault(folder, {})
            children[paths.parent(folder)].setdefault((paths.name(folder), False), Entry(folder, EntryKind.FOLDER))
    if backend.can(Capability.CONTAINERS):
        for name in backend.containers():
            children.setdefault(name, {})
            children[""].setdefault((name, False), Entry(name, EntryKind.FOLDER))
    listings = [
        Listing(folder, [entry for _, entry in sorted(rows.items())], complete=complete)
        for folder, rows in sorted(children.items())
    ]
    return listings, complete
