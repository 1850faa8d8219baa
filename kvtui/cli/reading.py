"""ls, tree, get: what is there and what it holds."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.output import Output
from kvtui.cli.records import entry_json, refuse_dead, secret_json
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_bytes, to_text
from kvtui.domain.errors import NotFound
from kvtui.domain.json_text import Json
from kvtui.domain.secret import Entry, EntryKind, Secret, VersionState
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.journal import Act
from kvtui.services.left_out import LeftOut
from kvtui.services.session import Session
from kvtui.services.walking import Walk
from kvtui.text import show


def _folder_argument(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="a folder; the root if left out")


def _ls_arguments(parser: Parser) -> None:
    _folder_argument(parser)
    parser.add_argument("-r", "--recursive", action="store_true", help="every secret below, with its whole path")


def _ls(context: Context, args: Namespace) -> int:
    session, path = context.at_folder(args.path)
    left_out = LeftOut()
    complete, note, code, walk = True, "", Exit.DONE, None
    entries: Iterable[Entry]
    if args.recursive:
        walk = Walk(session.backend, path, skipped=left_out)
        entries = walk.entries
    else:
        listing = session.backend.list(path)
        entries, complete, note = listing.entries, listing.complete, listing.note
        code = Exit.DONE if complete or listing.remembered else Exit.PARTLY
    out = context.out
    if out.json:
        rows: list[Json] = [entry_json(entry) for entry in entries]
        complete = complete and not (walk and walk.note)
        out.dump({"path": path, "entries": rows, "complete": complete, **skipped_json(left_out)})
    else:
        for entry in entries:
            out.line(_row(out, entry, entry.path if args.recursive else entry.name))
    note = note or (walk.note if walk else "")
    if note:
        out.note(note)
    return tell_skipped(out, left_out) or code


def _row(out: Output, entry: Entry, name: str) -> str:
    """A name as listed. The remark is for people only: in a pipe each line is a name."""
    text = out.name(name) + "/" * entry.is_folder
    return f"{text}  (deleted)" if out.is_terminal and entry.state is VersionState.DELETED else text


def _tree(context: Context, args: Namespace) -> int:
    session, path = context.at_folder(args.path)
    left_out = LeftOut()
    walk = Walk(session.backend, path, skipped=left_out)
    rows = _unfold(session, path, walk, left_out)
    out = context.out
    if walk.note:
        out.note(walk.note)
    if out.json:
        entries: list[Json] = [entry_json(entry) for entry in rows]
        out.dump({"path": path, "entries": entries, "complete": not walk.note, **skipped_json(left_out)})
        return tell_skipped(out, left_out)
    unlisted = {what.path for what in left_out.places if what.path != path}
    out.line(out.name(path) + "/")
    for entry, branch in zip(rows, _branches([paths.relative(entry.path, path) for entry in rows]), strict=True):
        remark = "  (not listed)" * (entry.is_folder and entry.path in unlisted)
        out.line(branch + _row(out, entry, entry.name) + remark)
    return tell_skipped(out, left_out)


def _unfold(session: Session, path: str, walk: Walk, left_out: LeftOut) -> list[Entry]:
    """Everything below a folder, each folder right before what is in it, else in the order of a listing."""
    found = list(walk.entries)
    known = [*(entry.path for entry in found), *(f"{what.path}/" for what in left_out.places)]
    folders = {folder for place in known for folder in paths.ancestors(place) if paths.is_under(folder, path)}
    if not path and session.can(Capability.CONTAINERS):
        folders.update(session.backend.containers())
    found += [Entry(folder, EntryKind.FOLDER) for folder in folders]
    return sorted(found, key=_place)


def _place(entry: Entry) -> list[tuple[str, bool]]:
    """Where an entry stands in a tree: a folder and what is in it come before the secret of its name."""
    *above, name = entry.path.split("/")
    return [*((part, False) for part in above), (name, not entry.is_folder)]


def _branches(names: list[str]) -> list[str]:
    """The lines in front of each row of a tree, given in depth-first order: rows below know what is still to come."""
    drawn = []
    waiting: set[int] = set()
    for name in reversed(names):
        depth = name.count("/")
        trunk = "".join("│   " if level in waiting else "    " for level in range(depth))
        drawn.append(trunk + ("├── " if depth in waiting else "└── "))
        waiting = {level for level in waiting if level < depth} | {depth}
    return drawn[::-1]


def _get_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("-f", "--field", metavar="FIELD", help="which field, where there are several")
    parser.add_argument("--version", metavar="N", type=whole(1), help="an old version")
    parser.add_argument("--raw", action="store_true", help="send control characters to a terminal too")


def _get(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path)
    secret = session.backend.read(path, args.version)
    refuse_dead(secret)
    out = context.out
    if out.json:
        chosen = _chosen(session, secret, args.field)
        out.dump(secret_json(secret, chosen))
        _note_caveats(out, session, secret, chosen)
        return Exit.DONE
    name = only_field(secret, args.field)
    value = session.disclose(Act.READ, secret, name)
    _note_caveats(out, session, secret, [name])
    if out.is_terminal and not args.raw:
        show_value(out, value)
    else:
        out.bytes(to_bytes(value))
    return Exit.DONE


def _note_caveats(out: Output, session: Session, secret: Secret, names: Iterable[str]) -> None:
    caveats = session.backend.caveats(secret)
    for name in names:
        if name in caveats:
            out.note(f"{out.name(name)}: {caveats[name]}")


def _chosen(session: Session, secret: Secret, field: str | None) -> Fields:
    """The fields to print as JSON, with one line in the journal whatever their number."""
    if field is not None:
        return {field: session.disclose(Act.READ, secret, only_field(secret, field))}
    session.journal.record(Act.READ, secret.path, version=secret.version.number)
    return secret.fields


def only_field(secret: Secret, field: str | None) -> str:
    """The field that is meant: the named one, or the only one. Raises Usage naming them where there are several,
    NotFound for one that is not there."""
    if field is not None:
        if field not in secret.fields:
            names = ", ".join(secret.fields) or "none"
            raise NotFound(f"It has no field {field}.", hint=f"Its fields: {names}.", path=secret.path)
        return field
    if len(secret.fields) == 1:
        return next(iter(secret.fields))
    if not secret.fields:
        raise Usage("This secret has no fields.", hint="Write one with kvtui set PATH -f FIELD.", path=secret.path)
    names = ", ".join(secret.fields)
    raise Usage("This secret has several fields.", hint=f"Choose one with -f: {names}.", path=secret.path)


def show_value(out: Output, value: SecretValue) -> None:
    """A value for people: control characters are shown, not sent."""
    text = to_text(value)
    shown = show(text, lines=True)
    out.bytes(shown.encode("utf-8") + b"\n")
    if value.type is ValueType.BYTES:
        out.note("These are bytes, shown as base64. Use --raw or a pipe for the bytes themselves.")
    elif shown != text:
        out.note("Control and invisible characters are shown, not sent. Use --raw or a pipe for the exact value.")


COMMANDS = {
    "ls": Command(_ls, _ls_arguments),
    "tree": Command(_tree, _folder_argument),
    "get": Command(_get, _get_arguments),
}
