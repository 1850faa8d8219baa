"""The file of `apply`: changes in YAML or JSON, checked as a whole before anything is done.

    {"changes": [{"op": "set", "path": …, "fields"?: {…}, "from"?: {…}, "metadata"?: {…}, "base_version"?: N},
                 {"op": "meta", "path": …, "metadata": {…}, "base_version"?: N},
                 {"op": "delete"|"undelete"|"destroy", "path": …, "base_version"?: N},
                 {"op": "move"|"copy", "path": …, "to": …, "base_version"?: N}]}

`metadata` is as `get --json` prints it, without what the store sets itself. A field is any JSON value, or bytes as
`{"base64": "…"}` (in YAML also `!!binary`). `from` has fields whose values are somewhere else, as references; a text in
`fields` is that text, whatever it looks like. Errors name the line, and never repeat what stands in the file, but for
references: it may be a value in the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, NoReturn

from kvtui.domain import json_text
from kvtui.domain.codec import encode_fields, from_json
from kvtui.domain.errors import InvalidInput, KvtuiError
from kvtui.domain.metadata import MetadataField, MetadataPatch, SecretType, check_tags, parse_duration
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.changes import Op
from kvtui.services.references import Resolver, Wanted, parse_at, parse_map
from kvtui.services.transfer import yaml_tree

MAX_CHANGES = 100_000
_REQUIRED: Mapping[Op, tuple[str, ...]] = {
    Op.META: ("metadata",),
    Op.MOVE: ("to",),
    Op.COPY: ("to",),
}
_OPTIONAL: Mapping[Op, tuple[str, ...]] = {Op.SET: ("fields", "from", "metadata")}
_STORES_OWN = ("created_by", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Step:
    """One change as written. `path` and `to` are addresses. `fields` are those to be written; others stay. `sources`
    are those whose values are still to be read, see `resolved`."""

    op: Op
    path: str
    fields: Fields | None = None
    sources: Mapping[str, Wanted] = field(default_factory=dict)
    metadata: MetadataPatch = MetadataPatch()
    to: str | None = None
    base_version: int | None = None


def parse(data: bytes, *, is_json: bool | None = None) -> Sequence[Step]:
    """The changes of a file; without `is_json`, JSON is what can be read as such. Raises InvalidInput."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The changes are not UTF-8 text.", hint="Write them as JSON or YAML.") from None
    return _Reader(text, _document(text, is_json)).steps()


def resolved(steps: Sequence[Step], resolver: Resolver) -> Sequence[Step]:
    """The same with all fields: each secret is read once. Raises as Resolver.resolve, with the lines."""
    wanted = [want for step in steps for want in step.sources.values()]
    if not wanted:
        return steps
    values = iter(resolver.resolve(wanted))
    return [
        replace(step, fields={**(step.fields or {}), **{name: next(values) for name in step.sources}})
        if step.sources
        else step
        for step in steps
    ]


def _document(text: str, is_json: bool | None) -> Any:
    if is_json is None and text.lstrip().startswith("{"):
        try:
            return json_text.parse(text)
        except InvalidInput:
            pass  # braces are YAML too
    return json_text.parse(text) if is_json else yaml_tree.parse(text)


class _Reader:
    def __init__(self, text: str, document: Any) -> None:
        self._text = text
        self._document = document
        self._root: Any = None

    def steps(self) -> Sequence[Step]:
        document = self._document
        if not isinstance(document, dict):
            self._refuse((), "The file is no map.", 'Write {"changes": [...]}.')
        self._known((), document, ("changes",))
        rows = document.get("changes")
        if not isinstance(rows, list):
            self._refuse((), "There is no list of changes.", 'Write {"changes": [...]}.')
        if len(rows) > MAX_CHANGES:
            self._refuse((), f"There are more than {MAX_CHANGES} changes.", "Split the file.")
        return [self._step(("changes", index), row) for index, row in enumerate(rows)]

    def _step(self, at: tuple[Any, ...], row: Any) -> Step:
        if not isinstance(row, dict):
            self._refuse(at, "A change is no map.", "Write op, path and what belongs to it.")
        op = self._op(at, row)
        needed, also = _REQUIRED.get(op, ()), _OPTIONAL.get(op, ())
        known = ("op", "path", *needed, *also, "base_version")
        self._known(at, row, known, f"{op.value} takes: {', '.join(known)}.")
        for key in ("path", *needed):
            if key not in row:
                self._refuse(at, f"{op.value} needs {key}.", f"It takes: {', '.join(known)}.")
        if op is Op.SET and not {"fields", "from"}.intersection(row):
            self._refuse(at, "set needs fields, or from.", f"It takes: {', '.join(known)}.")
        return Step(
            op,
            self._text_of(at, row, "path"),
            self._fields((*at, "fields"), row["fields"]) if "fields" in row else None,
            self._sources((*at, "from"), row["from"], row.get("fields", {})) if "from" in row else {},
            self._metadata((*at, "metadata"), row["metadata"]) if "metadata" in row else MetadataPatch(),
            self._text_of(at, row, "to") if "to" in row else None,
            self._number((*at, "base_version"), row.get("base_version")),
        )

    def _op(self, at: tuple[Any, ...], row: dict[str, Any]) -> Op:
        try:
            return Op(row.get("op", ""))
        except (ValueError, TypeError):
            if "op" not in row:
                self._known(at, row, ("op", "path", "fields", "metadata", "to", "base_version"))
            near = get_close_matches(str(row.get("op", "")), list(Op), n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            self._refuse((*at, "op"), "There is no such op.", f"{meant}One of: {', '.join(Op)}.")

    def _text_of(self, at: tuple[Any, ...], row: dict[str, Any], key: str) -> str:
        found = row[key]
        if not isinstance(found, str):
            self._refuse((*at, key), f"{key} is not text.", "Put it in quotes.")
        return found

    def _number(self, at: tuple[Any, ...], found: Any) -> int | None:
        if found is not None and (type(found) is not int or found < 0):
            self._refuse(at, "base_version is not usable.", "Give a whole number; 0: must not exist.")
        return found

    def _fields(self, at: tuple[Any, ...], found: Any) -> Fields:
        if not isinstance(found, dict):
            self._refuse(at, "fields is no map.", 'Write {"name": value}.')
        fields = {}
        for name, value in found.items():
            try:
                fields[name] = SecretValue(value) if isinstance(value, bytes) else from_json(value)
                encode_fields({name: fields[name]})
            except (KvtuiError, TypeError) as error:
                why = error.message if isinstance(error, KvtuiError) else "Bytes stand inside of a list or map."
                self._refuse((*at, name), f"A field cannot be kept: {why}", "Write another value.")
        return fields

    def _sources(self, at: tuple[Any, ...], found: Any, fields: Mapping[str, Any]) -> Mapping[str, Wanted]:
        if not isinstance(found, dict):
            self._refuse(at, "from is no map.", 'Write {"name": "kv:///path#field"}.')
        sources = {}
        for name, source in found.items():
            if name in fields:
                self._refuse((*at, name), "A field stands in fields and in from.", "Keep one of the two.")
            where = self._where((*at, name))
            if isinstance(source, str) and "://" in source:
                sources[name] = parse_at(source, where)
            elif isinstance(source, dict) and source.keys() == {"vault", "key"}:
                sources[name] = parse_map(source["vault"], source["key"], where)
            else:
                self._refuse((*at, name), "This is no reference.", "Write it as kv:///path#field.")
        return sources

    def _metadata(self, at: tuple[Any, ...], found: Any) -> MetadataPatch:
        if not isinstance(found, dict):
            self._refuse(at, "metadata is no map.", 'Write {"description": "…"}.')
        own = [key for key in _STORES_OWN if key in found]
        if own:
            self._refuse((*at, own[0]), f"{own[0]} is set by the store.", "Leave it out.")
        self._known(at, found, tuple(MetadataField))
        patch: dict[str, Any] = {}
        for key, value in found.items():
            try:
                patch[key] = _piece(MetadataField(key), value)
            except InvalidInput as error:
                self._refuse((*at, key), f"{key}: {error.message}", error.hint)
        return MetadataPatch(**patch)

    def _known(self, at: tuple[Any, ...], row: dict[str, Any], known: Sequence[str], all_of_them: str = "") -> None:
        for key in row:
            if key not in known:
                near = get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]}?" if near else all_of_them or f"Known are: {', '.join(known)}."
                self._refuse((*at, key), "There is a key that is not known here.", hint)

    def _refuse(self, at: tuple[Any, ...], message: str, hint: str) -> NoReturn:
        where = self._where(at)
        raise InvalidInput(f"{where}: {message}" if where else message, hint=hint)

    def _where(self, at: tuple[Any, ...]) -> str:
        """The line of what is reached by these keys and indexes; of a change the number, where lines are not known."""
        self._root = self._root or _composed(self._text)
        if line := _line(self._root, at):
            return f"Line {line}"
        return f"Change {at[1] + 1}" if len(at) > 1 else ""


def _piece(key: MetadataField, value: Any) -> Any:
    """One piece of metadata as it is kept. Raises InvalidInput."""
    match key, value:
        case (MetadataField.TYPE, str()):
            return SecretType.parse(value)
        case (MetadataField.DESCRIPTION, str()):
            return value
        case (MetadataField.OWNER, str() | None):
            return value or None
        case (MetadataField.ROTATION, str() | None):
            return parse_duration(value) if value not in {None, "", "never"} else None
        case (MetadataField.TAGS, list()) if all(isinstance(tag, str) for tag in value):
            return check_tags(tuple(value))
        case (MetadataField.CUSTOM, dict()) if all(isinstance(text, str | None) for text in value.values()):
            return dict(value)
    raise InvalidInput("not what belongs there.", hint=_SHAPES.get(key, "Write text."))


_SHAPES = {
    MetadataField.TAGS: "Write a list of texts.",
    MetadataField.CUSTOM: "Write a map of texts; null drops one.",
    MetadataField.ROTATION: "Write it as 90d, or null for none.",
}


def _composed(text: str) -> Any:
    """The document with its places; False where the text is no YAML (JSON nearly always is)."""
    import yaml  # noqa: PLC0415 - slow to import, needed by few commands

    try:
        return yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return False


def _line(node: Any, at: Sequence[Any]) -> int:
    """Counted from 1; 0 where it is not known."""
    import yaml  # noqa: PLC0415

    if not isinstance(node, yaml.Node):
        return 0
    found = node
    for key in at:
        if isinstance(found, yaml.SequenceNode) and isinstance(key, int) and key < len(found.value):
            found = node = found.value[key]
            continue
        if not isinstance(found, yaml.MappingNode):
            break
        pair = next((pair for pair in found.value if pair[0].value == key), None)
        if pair is None:
            break
        node, found = pair
    return int(node.start_mark.line) + 1
