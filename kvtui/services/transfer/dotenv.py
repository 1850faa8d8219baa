"""The dotenv format: `NAME=value` lines, as shells and dotenv libraries share them. `$` is never expanded.

    [export] NAME=bare words # a comment after white space
    NAME='exactly this'
    NAME="with \\n \\r \\t \\" \\\\ in it"

Bare values lose white space at both ends; quoted ones may go over several lines and keep line ends as they are, and
quoted parts that touch are one value. Values are text. What is written is read back exactly, by a POSIX shell too,
which never runs any of it: bare, else in single quotes, else, with a single quote in it, in double quotes, or in parts
where there is a `$` or a backquote as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kvtui.domain import path as paths
from kvtui.domain.codec import to_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.model import Item, Problem
from kvtui.services.transfer.names import Names
from kvtui.services.transfer.tree import ONLY_FIELD
from kvtui.services.transfer.window import Window

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=")
_QUOTED = re.compile(r"[ \t]*(?=['\"])")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\r?\Z)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"[ \t]+#.*", re.DOTALL)
_ESCAPE = re.compile(r'\\([nrt"\\])')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def read(window: Window, *, into: str = "", as_path: str | None = None) -> Iterator[Item]:
    """A secret for each variable, or all as the fields of one. Raises InvalidInput with the line, never its content."""
    if as_path is not None:
        yield Item(as_path, {name: SecretValue(value) for name, value in _decrypted(assignments(window))})
        return
    for name, value in _decrypted(assignments(window)):
        yield Item(paths.join(into, name), {ONLY_FIELD: SecretValue(value)})


def _decrypted(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Raises InvalidInput for what SOPS has not decrypted."""
    for name, value in pairs:
        if name == "sops_mac" and value.startswith("ENC["):
            from kvtui.services.transfer.foreign.sops import still_encrypted  # noqa: PLC0415 - few files are

            raise still_encrypted("dotenv")
        yield name, value


def parse(text: str) -> dict[str, str]:
    """Variables in order of appearance."""
    return dict(assignments(Window.of(text)))


def assignments(window: Window) -> Iterator[tuple[str, str]]:
    """Variables in order of appearance. A name that is there twice is refused: readers differ in which they take."""
    names = Names()
    while window.at < len(window.text) or not window.ended:
        try:
            name, value, end = _assignment(window.text, window.at)
        except _Unread as unread:
            if window.ended or not (unread.may_go_on or window.text.find("\n", unread.at) < 0):
                line = window.line(unread.at)
                raise InvalidInput(f"Line {line} {unread.what}.", hint=_HINT) from None
            window.more()
            continue
        if end >= len(window.text) - _MARGIN and not window.ended:
            window.more()
            continue
        if name:
            if not names.add(name):
                line = window.line(window.at)
                raise InvalidInput(f"Line {line} names a variable a second time.", hint=_HINT)
            yield name, value
        window.at = end


_HINT = "Correct that line, then import again."
_MARGIN = 2
"""What ends this close to the end of the window may go on behind it: `\r` before a line end, a quote after a quote."""


class _Unread(Exception):  # noqa: N818 - caught here
    """No assignment can be read. `may_go_on`: unless what follows the window completes it."""

    def __init__(self, at: int, what: str, *, may_go_on: bool = False) -> None:
        self.at = at
        self.what = what
        self.may_go_on = may_go_on


def _assignment(text: str, at: int) -> tuple[str, str, int]:
    """Name and value of what begins here, "" for a blank line, and where the next line begins."""
    if blank := _BLANK.match(text, at):
        return "", "", blank.end()
    match = _NAME.match(text, at)
    if match is None:
        raise _Unread(at, "is not NAME=value")
    return (match[1], *_value(text, match.end()))


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins here, and where the next line begins."""
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        match = _BARE.match(text, at)
        line = match[0] if match else ""
        return _COMMENT.sub("", line.removesuffix("\r")).strip(" \t"), at + len(line) + 1
    at = quoted.end()
    value = ""
    while text[at : at + 1] in {"'", '"'}:
        single = text[at] == "'"
        match = (_SINGLE if single else _DOUBLE).match(text, at)
        if match is None:
            raise _Unread(at, "opens a quote that is never closed", may_go_on=True)
        value += match[1] if single else _ESCAPE.sub(lambda found: _ESCAPES[found[1]], match[1])
        at = match.end()
    rest = _BLANK.match(text, at)
    if rest is None:
        raise _Unread(at, "goes on after the closing quote")
    return value, rest.end()


# -- writing

_WRITTEN_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_APOSTROPHE = "'\"'\"'"
"""Inside single quotes: close them, a single quote in double quotes, open them again."""
_OTHER = re.compile(r"[^A-Z0-9_]")


def variable_name(path: str, field: str | None = None) -> str:
    """The variable for a secret, or one of its fields: upper case, other characters `_`; a digit in front gets a `_`.

    `path` is relative to what is exported, "" for the very secret.
    """
    name = _OTHER.sub("_", "_".join(part for part in (path, field) if part).upper())
    return f"_{name}" if not name or name[0].isdigit() else name


def variables(path: str, fields: Fields) -> dict[str, str]:
    """The variable name of each field; two can be equal. A sole field `value` adds nothing to its secret's name."""
    if list(fields) == [ONLY_FIELD] and path:
        return {ONLY_FIELD: variable_name(path)}
    return {field: variable_name(path, field) for field in fields}


def relative_to(path: str, folder: str, fields: Fields) -> str:
    """What of a path goes into names when `folder` is exported: nothing of the secret that is exported itself, but for
    a sole field `value` its name."""
    if path != folder:
        return paths.relative(path, folder)
    return paths.name(path) if list(fields) == [ONLY_FIELD] else ""


def line(name: str, text: str) -> str:
    """One assignment, with its line end."""
    if _WRITTEN_BARE.fullmatch(text):
        return f"{name}={text}\n"
    if "'" in text and not _expandable(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{escaped}"\n'
    quoted = text.replace("'", _APOSTROPHE)
    return f"{name}='{quoted}'\n"


def _expandable(text: str) -> bool:
    """Whether a shell, or a less careful reader, would put something else in its place between double quotes."""
    return "$" in text or "`" in text


def unwritable(value: SecretValue) -> str | None:
    """Why a value cannot be a variable."""
    if value.type is ValueType.BYTES:
        try:
            text = value.reveal().decode("utf-8")
        except UnicodeDecodeError:
            return "holds bytes that are not text"
    else:
        text = to_text(value)
    if "\0" in text:
        return "holds a NUL"
    if any("\ud800" <= ch <= "\udfff" for ch in text):
        return "holds a lone surrogate"
    return None


def refuses(fields: Fields) -> str | None:
    """Why a secret cannot be written, None if it can."""
    for field, value in fields.items():
        if reason := unwritable(value):
            return f"Its field {paths.display(field)} {reason}. Use json."
    return None if fields else "It has no fields, so there is no variable. Use json."


def text_of(value: SecretValue) -> str:
    """What stands in the file for a value that is writable."""
    if value.type is ValueType.BYTES:
        decoded: str = value.reveal().decode("utf-8")
        return decoded
    return to_text(value)


def notes(path: str, fields: Fields) -> Iterator[Problem]:
    """What will not come back the same, or surprise a shell, of a secret that is written."""
    for field, value in fields.items():
        text = text_of(value)
        if value.type is not ValueType.TEXT:
            kind = value.type.value
            yield Problem(path, f"Its field {paths.display(field)} is a {kind}; here it is text.")
        if "'" in text and _expandable(text):
            yield Problem(path, "A value is quoted in parts: shells read it, some dotenv readers do not.")
