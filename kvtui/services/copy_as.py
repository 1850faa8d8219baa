"""Copy as…: the forms a secret, or one field of it, can be put on the clipboard in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kvtui.domain import path as paths
from kvtui.domain.characters import unsafe
from kvtui.domain.codec import to_bytes, to_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json, dump
from kvtui.domain.reference import Reference
from kvtui.domain.secret import Secret
from kvtui.domain.value import Fields
from kvtui.services.transfer import dotenv, yaml_tree


class FormKind(StrEnum):
    NATIVE = "native"
    """How other programs of the store write it: the form's `text`."""
    VALUE = "value"
    PATH = "path"
    REFERENCE = "reference"
    VAULT_KEY = "vault_key"
    COMMAND = "command"
    JSON = "json"
    YAML = "yaml"
    DOTENV = "dotenv"
    EXPORT = "export"


_TITLES = {
    FormKind.NATIVE: "reference",
    FormKind.VALUE: "value",
    FormKind.PATH: "path",
    FormKind.REFERENCE: "reference kv://…",
    FormKind.VAULT_KEY: "reference {vault, key}",
    FormKind.COMMAND: "shell command kvtui get …",
    FormKind.JSON: "JSON",
    FormKind.YAML: "YAML",
    FormKind.DOTENV: "dotenv",
    FormKind.EXPORT: "shell export NAME=…",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One entry of the menu. `fields` are those whose values it holds. `reason` says why it cannot be, "" if it can."""

    kind: FormKind
    fields: tuple[str, ...]
    field: str | None
    reason: str = ""
    text: str = ""

    @property
    def title(self) -> str:
        return f"reference {self.text}" if self.text else _TITLES[self.kind]

    @property
    def holds_value(self) -> bool:
        return bool(self.fields)


def forms(
    secret: Secret, field: str | None = None, *, references: Sequence[str] = (), unreadable: str = ""
) -> list[Form]:
    """Every form of one field, or of all fields without `field`, and the store's own `references`. `unreadable`: why
    those that hold a value cannot be. Raises InvalidInput for a field it has not."""
    if field is not None and field not in secret.fields:
        raise InvalidInput("It has no such field.", hint="Look at its fields again.", path=secret.path)
    names = tuple(secret.fields) if field is None else (field,)
    fields = {name: secret.fields[name] for name in names}
    known = [
        Form(kind, names if kind in _HOLDING else (), field, _reason(kind, secret, fields, unreadable))
        for kind in FormKind
        if kind is not FormKind.NATIVE and (kind is not FormKind.VAULT_KEY or secret.path.count("/") == 1)
    ]
    there = {render(form, secret) for form in known if form.kind is FormKind.VAULT_KEY and not form.reason}
    native = [Form(FormKind.NATIVE, (), field, text=text) for text in references if _encode(text) not in there]
    at = next(index for index, form in enumerate(known) if form.kind is FormKind.COMMAND)
    return [*known[:at], *native, *known[at:]]


_HOLDING = frozenset({FormKind.VALUE, FormKind.JSON, FormKind.YAML, FormKind.DOTENV, FormKind.EXPORT})


def _reason(kind: FormKind, secret: Secret, fields: Fields, unreadable: str) -> str:
    if kind in _HOLDING and unreadable:
        return unreadable
    if kind in _HOLDING and not fields:
        return "It has no fields."
    match kind:
        case FormKind.VALUE if len(fields) > 1:
            return "It has several fields. Choose one."
        case FormKind.YAML:
            return yaml_tree.refuses("", fields) or ""
        case FormKind.DOTENV:
            return dotenv.refuses(fields) or ""
        case FormKind.EXPORT if any(b"\0" in to_bytes(value) for value in fields.values()):
            return "A variable cannot hold a NUL."
        case FormKind.COMMAND if "\0" in secret.path or any("\0" in name for name in fields):
            return "A command cannot hold a NUL."
    return ""


def render(form: Form, secret: Secret, *, profile: str = "") -> bytes:
    """What goes on the clipboard. `profile` "" is the current one. Raises InvalidInput where the form has a reason."""
    if form.reason:
        raise InvalidInput(form.reason, hint="Choose another form.", path=secret.path)
    fields = {name: secret.fields[name] for name in form.fields}
    version = secret.version.number if secret.version.number != secret.current else None
    match form.kind:
        case FormKind.VALUE:
            return to_bytes(next(iter(fields.values())))
        case FormKind.PATH:
            return _encode(secret.path)
        case FormKind.NATIVE:
            return _encode(form.text)
        case FormKind.REFERENCE:
            return _encode(str(Reference(secret.path, form.field, version, profile)))
        case FormKind.VAULT_KEY:
            vault, _, key = secret.path.partition("/")
            return json.dumps({"vault": vault, "key": key}).encode("ascii")
        case FormKind.COMMAND:
            return _command(secret.path, form.field, version, profile).encode("utf-8")
        case FormKind.JSON:
            plain: Json = {name: to_json(value) for name, value in fields.items()}
            return (dump(plain, indent=2) + "\n").encode("ascii")
        case FormKind.YAML:
            return yaml_tree.fields_text(fields).encode("utf-8")
        case FormKind.DOTENV:
            names = dotenv.variables(paths.name(secret.path), secret.fields)
            return "".join(dotenv.line(names[n], dotenv.text_of(v)) for n, v in fields.items()).encode("utf-8")
        case FormKind.EXPORT:
            names = dotenv.variables(paths.name(secret.path), secret.fields)
            return "".join(f"export {names[n]}={shell_quote(to_bytes(v))}\n" for n, v in fields.items()).encode("utf-8")


def _command(path: str, field: str | None, version: int | None, profile: str) -> str:
    words = ["kvtui"]
    if profile:
        words.append(_option("-p", profile))
    words.append("get")
    if field is not None:
        words.append(_option("-f", field))
    if version is not None:
        words.append(f"--version {version}")
    if path.startswith("-"):
        words.append("--")
    words.append(shell_quote(_encode(path)))
    return " ".join(words)


def _option(flag: str, text: str) -> str:
    # A value that looks like an option is only taken when it stands at its flag.
    return f"{flag}{'' if text.startswith('-') else ' '}{shell_quote(_encode(text))}"


_ANSI_C = {0x07: "\\a", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x27: "\\'", 0x5C: "\\\\"}


def shell_quote(data: bytes) -> str:
    """One word of a shell. What a terminal would act on while it is pasted is written as `$'…'` (bash, zsh, ksh)."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if not any(map(unsafe, text)):
        return shlex.quote(text)
    return "$'" + "".join(_ANSI_C.get(byte) or _ansi_c(byte) for byte in data) + "'"


def _ansi_c(byte: int) -> str:
    # "!" may start a history expansion in some shells.
    return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x21 else f"\\x{byte:02x}"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
