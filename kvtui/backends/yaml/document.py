"""One YAML file as folders and secrets, and the same file after a change."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from kvtui.backends.yaml import editing, nodes
from kvtui.backends.yaml.editing import Below, Removed, UneditableError, Way, edited
from kvtui.backends.yaml.nodes import Child, Folder
from kvtui.domain import path as paths
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.value import Fields, SecretValue, ValueType

_BOM = "\ufeff"
_WAYS = (Way(), Way(at_end=True), Way(blocks=False), Way(blocks=False, at_end=True))


class Document:
    """`about` is what to call the file. Never changes; `changed` gives the text of another one."""

    def __init__(self, data: bytes, about: str) -> None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Corrupt(f"{about} cannot be read: it is not UTF-8.", hint="Save it as UTF-8.") from None
        self._about = about
        self._bom = _BOM if text.startswith(_BOM) else ""
        self._text = text.removeprefix(_BOM)
        self._root = nodes.folder_of(nodes.compose(self._text, about), about)
        self.hidden = self._hidden(self._root)
        """How many entries cannot be shown."""

    def _hidden(self, folder: Folder) -> int:
        return folder.hidden + sum(map(self._hidden, folder.folders.values()))

    def folder(self, path: str) -> Folder | None:
        """The map at a path; None where none is."""
        found: Folder | None = self._root
        for segment in path.split("/") if path else ():
            found = found.folders.get(segment) if found else None
        return found

    def secrets(self, folder: str = "") -> Iterator[str]:
        """Paths of all secrets below a folder, in the order of the file."""
        at = self.folder(folder)
        waiting = [(folder, at)] if at else []
        while waiting:
            path, each = waiting.pop()
            if path != folder and each.is_secret:
                yield path
            waiting += [(paths.join(path, name), below) for name, below in each.folders.items()]

    def fields(self, path: str) -> dict[str, SecretValue] | None:
        """The fields of a secret; None where there is no secret."""
        found = self.folder(path)
        if not path or found is None or not found.is_secret:
            return None
        return {name: nodes.value_of(child.node, self._about) for name, child in found.fields.items()}

    def caveats(self, path: str) -> Mapping[str, str]:
        """By field: what the file says of it that is not shown."""
        found = self.folder(path)
        every = found.fields.items() if found else ()
        return {name: why for name, child in every if (why := nodes.caveat_of(child.node))}

    def twin(self, path: str) -> str | None:
        """A path that is there and differs from this one only in how its characters are composed."""
        found: Folder | None = self._root
        above = ""
        for segment in path.split("/"):
            names = found.children if found else {}
            if segment not in names:
                plain = unicodedata.normalize("NFC", segment)
                same = (name for name in names if not name.isascii() and unicodedata.normalize("NFC", name) == plain)
                twin = next(same, None)
                return None if twin is None else paths.join(above, twin)
            found = found.folders.get(segment) if found else None
            above = paths.join(above, segment)
        return None

    def refusal(self, path: str, fields: Fields) -> InvalidInput | None:
        """Why these fields cannot be at this path; None where they can."""
        if not fields:
            return InvalidInput("A secret without fields is nothing in this file.", hint="Give it a field.", path=path)
        for name, value in fields.items():
            if value.type is ValueType.MAP:
                what = "A map is a folder in this file, not a value."
                return InvalidInput(what, hint="Write its entries as fields.", path=path)
            if not editing.is_exact(value) or any(0xD800 <= ord(ch) < 0xE000 for ch in name):
                what = "YAML cannot hold this value as it is."
                return InvalidInput(what, hint="Write it another way, such as text.", path=path)
        found: Folder | None = self._root
        above = ""
        for segment in path.split("/"):
            child = found.children.get(segment) if found else None
            if (
                found
                and child is not None
                and segment not in found.folders
                and (above or not nodes.is_null(child.node))
            ):
                where = above or "the file"
                what = f"{segment} is a field of {where}, so nothing can be below it."
                return InvalidInput(what, hint="Choose another path.", path=path)
            found = found.folders.get(segment) if found else None
            above = paths.join(above, segment)
        clash = next((name for name in fields if found and name in found.folders), None)
        if clash is not None:
            what = f"{paths.join(path, clash)} is a folder, so there can be no field of its name."
            return InvalidInput(what, hint="Give the field another name.", path=path)
        return None

    def changed(self, wanted: Mapping[str, Fields | None]) -> bytes:
        """The file after a change: by path all fields of a secret, or None for no secret there. Everything else stays
        byte for byte. Raises InvalidInput where the file is such that this cannot be done."""
        change = self._change(wanted)
        if not change.entries:
            return (self._bom + self._text).encode("utf-8")
        why = ""
        for way in _WAYS:
            try:
                text = edited(self._text, self._root, change, way)
                data = (self._bom + text).encode("utf-8")
                if self._is_right(Document(data, self._about), wanted):
                    return data
            except UneditableError as error:
                why = str(error)
            except Corrupt:
                continue
        path = next(iter(wanted)) if len(wanted) == 1 else None
        raise InvalidInput(
            f"This part of the file cannot be changed from here{': ' + why if why else ''}.",
            hint="Change it in an editor.",
            path=path,
        )

    def _change(self, wanted: Mapping[str, Fields | None]) -> Below:
        root = Below(kept=True)
        for path, fields in wanted.items():
            found = self.folder(path)
            now = found.fields if found else {}
            if fields is None and not now and not (found and found.is_secret):
                continue
            below = root
            for segment in path.split("/"):
                inner = below.entries.setdefault(segment, Below())
                assert isinstance(inner, Below)  # noqa: S101 - `refusal` told of any other
                below = inner
            below.kept = fields is not None
            self._change_fields(below, now, fields or {})
        return root

    def _change_fields(self, below: Below, now: Mapping[str, Child], fields: Fields) -> None:
        for name, value in fields.items():
            child = now.get(name)
            if child is None or not nodes.value_of(child.node, self._about).same_as(value):
                below.entries[name] = value
        below.entries.update({name: Removed() for name in now if name not in fields})

    def _is_right(self, after: Document, wanted: Mapping[str, Fields | None]) -> bool:
        """Whether another document is this one, changed as wanted and in nothing else."""
        for path, fields in wanted.items():
            found = after.fields(path)
            if (found is None) != (fields is None):
                return False
            if fields is not None and found is not None and not _same(found, fields):
                return False
        return self._rest(self._root, "", wanted) == after._rest(after._root, "", wanted)

    def _rest(self, folder: Folder, path: str, wanted: Mapping[str, Fields | None]) -> dict[str, object]:
        """Everything but what is wanted, to compare; maps with nothing in them left out."""
        rest: dict[str, object] = {}
        for name, child in folder.children.items():
            if name in folder.folders:
                below = self._rest(folder.folders[name], paths.join(path, name), wanted)
                if below or (paths.join(path, name) not in wanted and not folder.folders[name].children):
                    rest[name] = below
            elif path and path not in wanted:
                rest[name] = _shape(child)
        if folder.hidden:
            rest[""] = folder.hidden
        return rest


def _same(found: Fields, wanted: Fields) -> bool:
    """In any order: a new field stands behind those that are there."""
    return set(found) == set(wanted) and all(found[name].same_as(wanted[name]) for name in wanted)


def _shape(child: Child) -> object:
    """A node's tags and texts, without recursion into Python objects."""
    return child.node.tag, _content(child.node.value)


def _content(value: object) -> object:
    import yaml  # noqa: PLC0415

    if isinstance(value, list | tuple):
        return [_content(each) for each in value]
    if isinstance(value, yaml.Node):
        return value.tag, _content(value.value)
    return value
