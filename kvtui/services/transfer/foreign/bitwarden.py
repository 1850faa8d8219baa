"""The bitwarden format: its unencrypted JSON, of a person (`folders`) or an organization (`collections`), and the ZIP
with attachments around it.

    {"encrypted": false, "folders": [{"id", "name"}], "items": [{"type", "name", "folderId", "notes", "fields": […],
        "login": {"username", "password", "totp", "uris": [{"uri"}]}, "passwordHistory": […], …}]}

Source: bitwarden/clients, libs/common/src/models/export. Slashes in the names of folders nest them, as Bitwarden does.
Earlier passwords are versions with that one field: no more is known of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import SecretType
from kvtui.services.transfer.foreign.archive import Archive
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values, older_passwords
from kvtui.services.transfer.foreign.shapes import is_there, map_of, rows, text_of, texts, time_of
from kvtui.services.transfer.model import Item

_TYPES = {"2": SecretType.NOTE, "5": SecretType.SSH_KEY}
"""Of items by their number. What the fields of all others are tells their type."""
_KINDS = ("card", "identity", "sshKey", "bankAccount", "driversLicense", "passport")
_LINKED = 3
"""A field that only points to another one of its item."""

Attached = Callable[[str], Mapping[str, bytes]]
"""The attachments of an item by its id."""


def attachments(archive: Archive) -> Attached:
    """Those of the ZIP: `attachments/ITEM/NAME`."""

    def of_item(item: str) -> Mapping[str, bytes]:
        folder = f"attachments/{item}/"
        names = sorted(name for name in archive.names if name.startswith(folder) and name != folder)
        return {name.removeprefix(folder): archive.read(name) for name in names}

    return of_item


def read(document: Mapping[str, Json], attached: Attached = lambda _: {}, *, into: str = "") -> Iterator[Item]:
    """The secrets in the order of the file. Raises InvalidInput."""
    if document.get("encrypted") is not False:
        raise InvalidInput(
            "The export is encrypted, or none of Bitwarden.",
            hint="Export again as .json, not .json (Encrypted): bw export --format json --raw | kvtui import - "
            "--format bitwarden",
        )
    if not isinstance(document.get("items"), list):
        raise InvalidInput("The export of Bitwarden holds no items.", hint="Export it again.")
    folders = {text_of(row.get("id")): text_of(row.get("name")) for row in rows(document.get("folders"))}
    collections = {text_of(row.get("id")): text_of(row.get("name")) for row in rows(document.get("collections"))}
    arrangement = Arrangement(into)
    for item in rows(document["items"]):
        yield from arrangement.items(_entry(item, folders, collections, attached))


def _entry(
    item: dict[str, Json], folders: Mapping[str, str], collections: Mapping[str, str], attached: Attached
) -> Entry:
    values, notes = Values(), []
    login = map_of(item.get("login"))
    for name in ("username", "password", "totp"):
        if is_there(login.get(name)):
            values.put(name, login[name])
    for uri in rows(login.get("uris")):
        if is_there(uri.get("uri")):
            values.put_address(uri["uri"])
    if is_there(login.get("fido2Credentials")):
        values.put("fido2Credentials", login["fido2Credentials"])
    for kind in _KINDS:
        for name, value in map_of(item.get(kind)).items():
            if is_there(value):
                values.put(name, value)
    for row in rows(item.get("fields")):
        name = text_of(row.get("name")) or "field"
        if row.get("type") == _LINKED:
            notes.append(f"Its field {paths.display(name)} only pointed to another one, and is left out.")
        else:
            values.put(name, row.get("value"))
    if is_there(item.get("notes")):
        values.put("notes", item["notes"])
    lost = _attach(values, item, attached)
    held = [collections[each] for each in texts(item.get("collectionIds")) if each in collections]
    place = folders.get(text_of(item.get("folderId"))) or next(iter(held), "")
    created, changed = time_of(item.get("creationDate")), time_of(item.get("revisionDate"))
    deleted = time_of(item.get("deletedDate"))
    replaced = [(time_of(row.get("lastUsedDate")), row.get("password")) for row in rows(item.get("passwordHistory"))]
    return Entry(
        [name for name in place.split("/") if name],
        text_of(item.get("name")),
        values,
        type=_TYPES.get(str(item.get("type"))),
        tags=[
            *(name for name in held if name != place),
            *(["favorite"] if item.get("favorite") is True else []),
            *(["archived"] if is_there(item.get("archivedDate")) else []),
        ],
        created_at=created,
        changed_at=changed,
        older=older_passwords(replaced, created),
        is_deleted=is_there(item.get("deletedDate")),
        deleted_at=deleted,
        notes=notes,
        lost=lost,
    )


def _attach(values: Values, item: dict[str, Json], attached: Attached) -> list[str]:
    """Put the attachments that are there into the fields; told are those that are only named."""
    there = attached(text_of(item.get("id")))
    for name, data in there.items():
        values.put(name, data)
    named = [text_of(row.get("fileName")) for row in rows(item.get("attachments"))]
    return [f"Its attachment {paths.display(name)} is not in the file." for name in named if name not in there]
