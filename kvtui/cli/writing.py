"""set and meta: write a value, change what is known about it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kvtui.cli.arguments import (
    Command,
    Parser,
    add_metadata_options,
    add_retention_options,
    metadata_patch,
    retention_change,
    whole,
)
from kvtui.cli.context import Context
from kvtui.cli.credentials import ask_new
from kvtui.cli.exits import Exit
from kvtui.cli.inputs import read_file, read_stream
from kvtui.cli.output import Output
from kvtui.cli.records import metadata_json, retention_json, time_json, written
from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, NotFound, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Secret, VersionState
from kvtui.domain.value import Fields, SecretValue, decode_input
from kvtui.services.changes import Applied, Change, Op, prepared_on
from kvtui.services.describing import describe
from kvtui.services.diff import metadata_rows, retention_rows
from kvtui.services.explaining import how_checked
from kvtui.services.session import Session
from kvtui.text import show

_TRIES = 8
"""How often a write is prepared again when others keep writing the same secret in between."""


def _set_arguments(parser: Parser) -> None:
    parser.refuse_value = "A value is not taken from the command line, where other programs can read it."
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("-f", "--field", metavar="FIELD", help="the only field, else `value`, if left out")
    parser.add_argument("--file", metavar="FILE", type=Path, help="read the value from a file; - is standard input")
    parser.add_argument("--trim", action="store_true", help="drop one line end at the end of the value")
    parser.add_argument("--json-value", action="store_true", help="the value is JSON: a number, a list, a map …")
    parser.add_argument("--cas", metavar="N", type=whole(0), help="only if N is the current version; 0: must not exist")
    add_metadata_options(parser)


def _set(context: Context, args: Namespace) -> int:
    patch = metadata_patch(args)
    session, path = context.at(args.path)
    if args.cas == 0:
        paths.check_new(path)
    value = _read_value(context, args)
    context.caution(session, path)
    applied = write_field(session, path, args.field, value, patch, cas=args.cas)
    print_written(context.out, applied)
    replaced = applied.undo is not None and applied.undo.op is Op.SET
    if replaced and (said := how_checked(session.backend, path, cautioned=True)):
        context.out.note(said)
    return Exit.DONE


def _read_value(context: Context, args: Namespace) -> SecretValue:
    data = _read_bytes(context, args.file)
    if data is None:
        value = ask_new(context.ask, "Value")
        return _parse(value) if args.json_value else value
    if args.json_value:
        return _parse(decode_input(data))
    if args.trim:
        data = data.removesuffix(b"\r\n") if data.endswith(b"\r\n") else data.removesuffix(b"\n")
    elif data.endswith(b"\n"):
        context.out.note("The value ends with a line end, which was kept. Use --trim to drop it.")
    return decode_input(data)


def _read_bytes(context: Context, file: Path | None) -> bytes | None:
    """The value as given; None when it is to be typed."""
    if file is not None and str(file) != "-":
        return read_file(file.expanduser())
    if file is None and context.stdin is not None and context.stdin.isatty():
        return None
    return read_stream(context.stdin)


def _parse(value: SecretValue) -> SecretValue:
    text = value.reveal()
    if not isinstance(text, str):
        raise InvalidInput(
            "The input is not JSON: it is not UTF-8 text.", hint="Leave --json-value out to store bytes."
        )
    return SecretValue(json_text.parse(text))


def write_field(
    session: Session, path: str, field: str | None, value: SecretValue, patch: MetadataPatch, *, cas: int | None = None
) -> Applied:
    """Write one field and keep the others, also those somebody else writes at the same time.

    Without `cas` a write that lost a race is prepared again on what is there then. Raises Conflict.
    """
    if field is not None and not patch and (applied := _patched(session, path, {field: value}, cas)) is not None:
        return applied
    for _ in range(_TRIES):
        change = _prepare(session, path, field, value, patch, cas=cas)
        try:
            return session.apply(change)
        except Conflict as conflict:
            if cas is not None:
                raise
            last = conflict
    raise last


def _patched(session: Session, path: str, fields: Fields, cas: int | None) -> Applied | None:
    """One field alone, where the store can and the token may: no other value comes to this machine. None where all of
    the secret has to be written."""
    if not session.can(Capability.PATCH):
        return None
    (limits,) = session.backend.limits([path])
    if Capability.PATCH in limits:
        return None
    try:
        version = session.patch(path, fields, expected=cas)
    except (NotFound, Unsupported):
        return None
    return Applied(Change(Op.SET, path, fields=fields, base_version=cas), version, None)


def _prepare(
    session: Session, path: str, field: str | None, value: SecretValue, patch: MetadataPatch, *, cas: int | None
) -> Change:
    current = _current(session, path)
    fields = dict(current.fields) if current and current.version.state is VersionState.LIVE else {}
    name = field if field is not None else next(iter(fields)) if len(fields) == 1 else "value"
    fields[name] = value
    base = cas
    if base is None and session.can(Capability.READ):
        base = current.current if current else 0
    return prepared_on(Change(Op.SET, path, fields=fields, metadata=patch, base_version=base), current)


def _current(session: Session, path: str) -> Secret | None:
    """What is there; None for nothing, and where no value is ever read."""
    if not session.can(Capability.READ):
        return None
    try:
        return session.backend.read(path)
    except NotFound:
        return None


def print_written(out: Output, applied: Applied) -> None:
    number = applied.version.number if applied.version else None
    if out.json:
        out.dump({"path": applied.change.path, "version": number})
    elif not out.quiet:
        out.line(f"{out.name(applied.change.path)}: {written(applied.version)}")


def _meta_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    add_metadata_options(parser)
    add_retention_options(parser)


def _meta(context: Context, args: Namespace) -> int:
    patch, retention = metadata_patch(args), retention_change(args)
    session, path = context.at(args.path)
    if patch or retention:
        _refuse_alone(session, path, patch)
        context.caution(session, path)
        session.apply(Change(Op.META, path, metadata=patch, retention=retention))
    out = context.out
    if (patch or retention) and out.quiet and not out.json:
        return Exit.DONE
    outline = session.backend.outline(path)
    known = describe(session.backend, outline)
    metadata = known.metadata
    if out.json:
        told: dict[str, Json] = {"path": path, "version": outline.current, "metadata": metadata_json(metadata)}
        out.dump(told if known.retention is None else {**told, "retention": retention_json(known.retention)})
        return Exit.DONE
    rows = {
        **metadata_rows(metadata),
        "created by": metadata.created_by or "",
        "created": time_json(metadata.created_at) or "",
        "updated": time_json(metadata.updated_at) or "",
        **({} if known.retention is None else retention_rows(known.retention)),
    }
    out.table([(show(name), show(text)) for name, text in rows.items() if text])
    return Exit.DONE


def _refuse_alone(session: Session, path: str, patch: MetadataPatch) -> None:
    """Raise Unsupported for metadata that this store takes only with a new value."""
    can = session.can
    if patch and not can(Capability.EDIT_METADATA) and can(Capability.METADATA_WITH_VALUE):
        raise Unsupported(
            "This store takes metadata only together with a new value.",
            capability=Capability.EDIT_METADATA.value,
            hint="Use kvtui set with the same options.",
            path=path,
        )


COMMANDS = {"set": Command(_set, _set_arguments), "meta": Command(_meta, _meta_arguments)}
