"""The keepass-xml format: what KeePass 2 and KeePassXC export as XML.

    KeePassFile > Meta (Binaries, RecycleBinUUID), Root > Group > Group…, Entry > String, Binary, Times, Tags, History

It is streamed, but for the attachments, which stand in front. A document type declaration is refused where it begins,
and with it every entity, inner or outer: no KeePass writes one. Entries in the recycle bin are deleted secrets.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from xml.parsers import expat

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.foreign import one_time
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values
from kvtui.services.transfer.model import Item
from kvtui.services.transfer.window import MAX_VALUE, too_long

MAX_DEPTH = 200
"""Elements within each other. KeePassXC's own reader ends at 1000 groups, nobody has fifty."""
_PIECE = 1 << 16
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
"""KDBX 4 counts seconds from here, in 8 bytes, least first."""
_NO_UUID = base64.b64encode(bytes(16)).decode("ascii")
_STANDARD = {"UserName": "username", "Password": "password", "URL": "url", "Notes": "notes"}


def read(file: BinaryIO, *, into: str = "") -> Iterator[Item]:
    """The secrets in the order of the file. Raises InvalidInput with the line, never with content."""
    document = _Document()
    arrangement = Arrangement(into)
    while True:
        piece = file.read(_PIECE)
        document.parse(piece)
        for done in document.taken():
            if isinstance(done, Entry):
                yield from arrangement.items(done)
            else:
                folder, reason = done
                yield arrangement.folder_trouble(folder, reason)
        if not piece:
            return


class _Raw:
    """An entry, or an older one, as its elements come."""

    def __init__(self) -> None:
        self.strings: dict[str, str] = {}
        self.custom_data: dict[str, str] = {}
        self.attached: dict[str, bytes] = {}
        self.times: dict[str, str] = {}
        self.tags = ""
        self.override_url = ""
        self.history: list[_Raw] = []
        self.lost: dict[str, None] = {}


class _Group:
    def __init__(self) -> None:
        self.name = ""
        self.is_bin = False


class _Document:
    """What expat tells, by the element that ends and the one around it."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.EntityDeclHandler = self._refuse_doctype
        self._parser.ExternalEntityRefHandler = self._refuse_doctype
        self._open: list[str] = []
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []
        self._length = 0
        self._groups: list[_Group] = []
        self._entries: list[_Raw] = []
        self._binaries: dict[str, bytes] = {}
        self._binaries_size = 0
        self._bin = ""
        self._key = ""
        self._value: tuple[str, dict[str, str]] = ("", {})
        self._done: list[Entry | tuple[list[str], str]] = []

    def parse(self, piece: bytes) -> None:
        """The next piece, empty for the end."""
        try:
            self._parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            raise InvalidInput(
                f"Not XML: {what} at line {error.lineno}, column {error.offset + 1}.", hint="Export it again."
            ) from None

    def taken(self) -> list[Entry | tuple[list[str], str]]:
        done, self._done = self._done, []
        return done

    def _refuse_doctype(self, *_: object) -> int:
        raise InvalidInput(
            f"Line {self._parser.CurrentLineNumber} declares a document type, which no KeePass does.",
            hint="Take the file as it was exported.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "KeePassFile":
            raise InvalidInput("The XML is no export of KeePass.", hint="Export with KeePass 2 or KeePassXC.")
        if len(self._open) == MAX_DEPTH:
            raise InvalidInput(f"The XML is nested deeper than {MAX_DEPTH} levels.", hint="Flatten the groups.")
        self._open.append(name)
        self._attributes = attributes
        self._text = []
        self._length = 0
        if name == "Group":
            self._groups.append(_Group())
        elif name == "Entry":
            self._entries.append(_Raw())
        elif name in {"String", "Binary", "Item"}:
            self._key, self._value = "", ("", {})

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_VALUE:
            raise too_long(self._parser.CurrentLineNumber)
        self._text.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        around = self._open[-1] if self._open else ""
        text = "".join(self._text)
        self._text = []
        match around, name:
            case "Binaries", "Binary":
                self._keep_binary(text)
            case "Meta", "RecycleBinUUID":
                self._bin = text if text != _NO_UUID else ""
            case "Group", "UUID":
                self._groups[-1].is_bin = bool(self._bin) and text == self._bin
            case "Group", "Name":
                self._groups[-1].name = text
            case "Group", "Notes" if text:
                self._done.append((self._folder(), "The notes of a folder have no place here."))
            case _, "Group":
                self._groups.pop()
            case "String" | "Binary" | "Item", "Key":
                self._key = text
            case "String" | "Binary" | "Item", "Value":
                self._value = (text, self._attributes)
            case "History", "Entry" if len(self._entries) > 1:
                older = self._entries.pop()
                self._entries[-1].history.append(older)
            case _, "Entry":
                self._done.append(self._entry(self._entries.pop()))
            case _ if self._entries:
                self._part_of_entry(around, name, text)
            case _:
                pass

    def _part_of_entry(self, around: str, name: str, text: str) -> None:
        entry = self._entries[-1]
        match around, name:
            case "Entry", "String":
                self._string(entry)
            case "Entry", "Binary":
                self._attachment(entry)
            case "CustomData", "Item" if self._key != "_LAST_MODIFIED":
                entry.custom_data[self._key] = self._value[0]
            case "Entry", "Tags":
                entry.tags = text
            case "Entry", "OverrideURL":
                entry.override_url = text
            case "Times", _:
                entry.times[name] = text
            case _:
                pass

    def _keep_binary(self, text: str) -> None:
        data = _bytes(text, self._attributes)
        if data is None:
            return  # told where it is attached
        self._binaries_size += len(data)
        if self._binaries_size > MAX_VALUE:
            raise InvalidInput(
                f"The attachments have more than {MAX_VALUE >> 20} MiB together.", hint="Take the largest out."
            )
        self._binaries[self._attributes.get("ID", "")] = data

    def _string(self, entry: _Raw) -> None:
        text, attributes = self._value
        if attributes.get("Protected") == "True":
            entry.lost[f"Its field {paths.display(self._key)} is still encrypted in the file."] = None
        else:
            entry.strings[self._key] = text

    def _attachment(self, entry: _Raw) -> None:
        text, attributes = self._value
        reference = attributes.get("Ref")
        encrypted = attributes.get("Protected") == "True"
        if reference is not None:
            data = self._binaries.get(reference)
        else:
            data = None if encrypted else _bytes(text, attributes)
        if data is None:
            entry.lost[f"Its attachment {paths.display(self._key)} is not in the file, or damaged."] = None
        else:
            entry.attached[self._key] = data

    def _folder(self) -> list[str]:
        """The names of the groups around, without the root's: it stands for the database."""
        return [group.name for group in self._groups[1:]]

    def _entry(self, raw: _Raw) -> Entry:
        title = raw.strings.get("Title", "")
        older = [(_time(one.times.get("LastModificationTime")), _values(one)) for one in raw.history]
        changed = _time(raw.times.get("LastModificationTime"))
        is_deleted = any(group.is_bin for group in self._groups)
        custom = {}
        if raw.times.get("Expires") == "True" and (expires := _time(raw.times.get("ExpiryTime"))):
            custom["expires"] = expires.isoformat().replace("+00:00", "Z")
        if raw.override_url:
            custom["override_url"] = raw.override_url
        notes = []
        if any(text.startswith("{REF:") for text in raw.strings.values()):
            notes.append("It refers to another entry by {REF:…}, which stays as it is.")
        if any(one.strings.get("Title", "") != title for one in raw.history):
            notes.append("It had another name in older versions.")
        return Entry(
            self._folder(),
            title,
            _values(raw),
            tags=raw.tags.replace(",", ";").split(";"),
            custom=custom,
            created_at=_time(raw.times.get("CreationTime")),
            changed_at=changed,
            older=older,
            is_deleted=is_deleted,
            deleted_at=(_time(raw.times.get("LocationChanged")) or changed) if is_deleted else None,
            notes=notes,
            lost=[*dict.fromkeys(reason for one in (raw, *raw.history) for reason in one.lost)],
        )


def _values(raw: _Raw) -> Values:
    """Its fields. The standard ones are always in the file, so those without text are not."""
    values = Values()
    uri, taken = one_time.taken_from(raw.strings, raw.strings.get("Title", ""))
    for name in ("UserName", "Password", "URL"):
        if raw.strings.get(name):
            values.put(_STANDARD[name], raw.strings[name])
    if uri is not None:
        values.put("totp", uri)
    if raw.strings.get("Notes"):
        values.put("notes", raw.strings["Notes"])
    for name, text in raw.strings.items():
        if name not in _STANDARD and name != "Title" and name not in taken:
            values.put(name, text)
    for name, text in raw.custom_data.items():
        values.put(name, text)
    for name, data in raw.attached.items():
        values.put(name, data)
    return values


def _bytes(text: str, attributes: dict[str, str]) -> bytes | None:
    """None for what is damaged. Raises InvalidInput for what unpacks to too much."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if attributes.get("Compressed") != "True":
            return data
        unpacker = zlib.decompressobj(wbits=31)
        data = unpacker.decompress(data, MAX_VALUE + 1)
    except (binascii.Error, zlib.error):
        return None
    if len(data) > MAX_VALUE:
        raise InvalidInput(f"An attachment has more than {MAX_VALUE >> 20} MiB.", hint="Take it out.")
    return data if unpacker.eof else None


def _time(text: str | None) -> datetime | None:
    """ISO 8601, or seconds in base64; None for what is neither."""
    if not text:
        return None
    try:
        if "T" in text and "-" in text:
            time = datetime.fromisoformat(text)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        (seconds,) = struct.unpack("<q", base64.b64decode(text, validate=True))
        return _EPOCH + timedelta(seconds=seconds)
    except (ValueError, struct.error, OverflowError):
        return None
