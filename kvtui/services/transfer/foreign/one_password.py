"""The 1password format: a 1PUX file, its `export.data` alone, or what `op item get --format json` prints.

    {"accounts": [{"attrs": {"name"}, "vaults": [{"attrs": {"name"}, "items": [{"overview": {"title", "urls", "tags"},
        "details": {"loginFields": […], "notesPlain", "passwordHistory": […], "documentAttributes",
        "sections": [{"title", "fields": [{"title", "value": {KIND: …}}]}]},
        "createdAt", "updatedAt", "state", "categoryUuid"}]}]}]}

    {"title", "category", "vault": {"name"}, "fields": [{"id", "label", "purpose", "type", "value", "section"}], …}

Source: support.1password.com/1pux-format, developer.1password.com/docs/cli/item-template-json. Dates and months are the
numbers that they are there. Secrets lie in a folder for their vault, within one for the account where there are many.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import MAX_DEPTH, Json
from kvtui.domain.metadata import SecretType
from kvtui.services.transfer.foreign.archive import Archive
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values, older_passwords
from kvtui.services.transfer.foreign.shapes import is_there, map_of, rows, text_of, texts, time_of
from kvtui.services.transfer.model import Item

_TYPES = {
    "003": SecretType.NOTE,
    "112": SecretType.API_KEY,
    "114": SecretType.SSH_KEY,
    "SECURE_NOTE": SecretType.NOTE,
    "API_CREDENTIAL": SecretType.API_KEY,
    "SSH_KEY": SecretType.SSH_KEY,
}
_PURPOSES = {"USERNAME": "username", "PASSWORD": "password", "NOTES": "notes"}
_SPACE = re.compile(r"[ \t\r\n]*")


def parse(text: str) -> Sequence[Json]:
    """The JSON values of a file: `op` prints several behind each other. Raises InvalidInput with the line."""
    documents: list[Json] = []
    at = _end_of_space(text, 0)
    while at < len(text):
        try:
            document, end = json_text.parse_at(text, at)
        except json.JSONDecodeError as error:
            raise json_text.refusal(error.msg, error.lineno, error.colno) from None
        except RecursionError:
            raise json_text.too_deep(MAX_DEPTH) from None
        json_text.check_depth(document, MAX_DEPTH)
        documents += document if isinstance(document, list) else [document]
        at = _end_of_space(text, end)
    return documents


def read(documents: Sequence[Json], archive: Archive | None = None, *, into: str = "") -> Iterator[Item]:
    """The secrets in the order of the file. Raises InvalidInput."""
    arrangement = Arrangement(into)
    for document in map(map_of, documents):
        if "accounts" in document:
            for entry in _exported(document, archive):
                yield from arrangement.items(entry)
        elif "title" in document and "category" in document:
            yield from arrangement.items(_printed(document))
        else:
            raise InvalidInput(
                "This is nothing that 1Password exports.",
                hint="Export as 1PUX, or: op item list --format json | op item get - --format json",
            )


def _end_of_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


# -- 1PUX


def _exported(document: Mapping[str, Json], archive: Archive | None) -> Iterator[Entry]:
    accounts = rows(document["accounts"])
    for account in accounts:
        name = _name(account)
        for vault in rows(account.get("vaults")):
            folder = [name, _name(vault)] if len(accounts) > 1 else [_name(vault)]
            for row in rows(vault.get("items")):
                yield _exported_item(map_of(row["item"]) if "item" in row else row, folder, archive)


def _name(row: Mapping[str, Json]) -> str:
    attributes = map_of(row.get("attrs"))
    return text_of(attributes.get("name")) or text_of(attributes.get("accountName"))


def _exported_item(item: dict[str, Json], folder: Sequence[str], archive: Archive | None) -> Entry:
    overview, details = map_of(item.get("overview")), map_of(item.get("details"))
    fields = _Fields(archive)
    values = fields.values
    for row in rows(details.get("loginFields")):
        if is_there(row.get("value")):
            values.put(text_of(row.get("designation")) or text_of(row.get("name")) or "field", row["value"])
    if is_there(details.get("password")):
        values.put("password", details["password"])
    addresses = [text_of(row.get("url")) for row in rows(overview.get("urls"))] or [text_of(overview.get("url"))]
    for address in filter(None, addresses):
        values.put_address(address)
    for section in rows(details.get("sections")):
        for row in rows(section.get("fields")):
            name = _field_name(text_of(section.get("title")), text_of(row.get("title")) or text_of(row.get("id")))
            for kind, value in map_of(row.get("value")).items():
                if is_there(value):
                    fields.put(name, kind, value)
    if is_there(details.get("notesPlain")):
        values.put("notes", details["notesPlain"])
    if document := map_of(details.get("documentAttributes")):
        fields.put_file("document", document)
    created, changed = time_of(item.get("createdAt")), time_of(item.get("updatedAt"))
    replaced = [(time_of(row.get("time")), row.get("value")) for row in rows(details.get("passwordHistory"))]
    is_deleted = item.get("trashed") is True or item.get("state") == "deleted"
    return Entry(
        folder,
        text_of(overview.get("title")),
        values,
        type=_TYPES.get(text_of(item.get("categoryUuid"))),
        tags=[
            *texts(overview.get("tags")),
            *(["favorite"] if item.get("favIndex") else []),
            *(["archived"] if item.get("state") == "archived" else []),
        ],
        created_at=created,
        changed_at=changed,
        older=older_passwords(replaced, created),
        is_deleted=is_deleted,
        deleted_at=changed if is_deleted else None,
        lost=fields.lost,
    )


class _Fields:
    """The fields of an item, and what of them is not there."""

    def __init__(self, archive: Archive | None) -> None:
        self._archive = archive
        self.values = Values()
        self.lost: list[str] = []

    def put(self, name: str, kind: str, value: Json) -> None:
        """One of the kinds of values that sections have."""
        match kind:
            case "totp":
                self.values.put("totp", value)
            case "sshKey":
                self._put_ssh_key(map_of(value))
            case "email" if isinstance(value, dict):
                if is_there(value.get("email_address")):
                    self.values.put(name, value["email_address"])
            case "file":
                self.put_file(name, map_of(value))
            case _:
                self.values.put(name, value)

    def _put_ssh_key(self, key: Mapping[str, Json]) -> None:
        about = map_of(key.get("metadata"))
        self.values.put("private_key", key.get("privateKey"))
        for inner, name in (("publicKey", "public_key"), ("fingerprint", "fingerprint"), ("keyType", "key_type")):
            if is_there(about.get(inner)):
                self.values.put(name, about[inner])

    def put_file(self, name: str, about: Mapping[str, Json]) -> None:
        """A file of the archive: `files/ID__NAME`."""
        number, called = text_of(about.get("documentId")), text_of(about.get("fileName")) or name
        begins = f"files/{number}__"
        found = [each for each in self._archive.names if each.startswith(begins)] if self._archive and number else []
        if self._archive is None or len(found) != 1:
            self.lost.append(_absent(called))
        else:
            self.values.put(called, self._archive.read(found[0]))


def _absent(file: str) -> str:
    return f"Its file {paths.display(file)} is not here: only a 1PUX file has it."


def _field_name(section: str, title: str) -> str:
    return f"{section}.{title}" if section else title


# -- what `op` prints


def _printed(item: dict[str, Json]) -> Entry:
    values, lost = Values(), list[str]()
    if "fields" not in item:
        lost.append("This is a list without values: take what op item get prints.")
    for row in rows(item.get("fields")):
        value = row.get("value")
        if not is_there(value):
            continue
        purpose, kind = text_of(row.get("purpose")), text_of(row.get("type"))
        name = text_of(row.get("label")) or text_of(row.get("id"))
        if kind == "OTP":
            values.put("totp", value)
        elif purpose in _PURPOSES:
            values.put(_PURPOSES[purpose], value)
        elif kind == "SSHKEY":
            values.put("private_key", value)
        else:
            values.put(_field_name(text_of(map_of(row.get("section")).get("label")), name), value)
    for row in rows(item.get("urls")):
        if is_there(row.get("href")):
            values.put_address(row["href"])
    for row in rows(item.get("files")):
        lost.append(_absent(text_of(row.get("name"))))
    vault = text_of(map_of(item.get("vault")).get("name"))
    return Entry(
        [vault] if vault else [],
        text_of(item.get("title")),
        values,
        type=_TYPES.get(text_of(item.get("category"))),
        tags=[*texts(item.get("tags")), *(["favorite"] if item.get("favorite") is True else [])],
        created_at=time_of(item.get("created_at")),
        changed_at=time_of(item.get("updated_at")),
        lost=lost,
    )
