"""The secrets of a file, streamed: gone through once to check it all, then as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from io import SEEK_END, BytesIO
from typing import BinaryIO, cast

from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.progress import Progress, silent
from kvtui.services.transfer import all_versions, dotenv, json_tree, kv_json, legacy_connections, yaml_tree
from kvtui.services.transfer.foreign.sops import check_decrypted
from kvtui.services.transfer.json_stream import Entered, JsonStream
from kvtui.services.transfer.model import Format, Item
from kvtui.services.transfer.window import SIZE, Window

_TOLD_EVERY = 1000


class Items:
    """The secrets of a seekable file from where it stands. Each iteration reads it again, in bounded memory."""

    def __init__(
        self,
        file: BinaryIO,
        format: Format,  # noqa: A002 - the word for it
        *,
        into: str = "",
        as_path: str | None = None,
        window: int = SIZE,
    ) -> None:
        self._file = file
        self._start = file.tell()
        self.size = file.seek(0, SEEK_END) - self._start
        """Bytes of the file."""
        self._format = format
        self._into = into
        self._as_path = as_path
        self._window = Window(BytesIO())
        self._window_size = window
        self._may_be_envelope = True

    @property
    def bytes_read(self) -> int:
        """How many bytes the last iteration has read."""
        return self._window.bytes_read or self._file.tell() - self._start

    def __iter__(self) -> Iterator[Item]:
        """Raises InvalidInput, with the line or the path where there is one, where it comes to what is not in order."""
        self._file.seek(self._start)
        if self._format.is_foreign:
            if self._as_path is not None:
                raise _own_paths()
            from kvtui.services.transfer.foreign.reading import read  # noqa: PLC0415 - only who changes over needs it

            return read(self._file, self._format, self._into)
        window = self._window = Window(self._file, self._window_size)
        match self._format:
            case Format.DOTENV:
                return dotenv.read(window, into=self._into, as_path=self._as_path)
            case Format.YAML:
                return yaml_tree.read(window, into=self._into, as_path=self._as_path)
            case Format.JSON | Format.KV_JSON:
                return self._json(window)
            case Format.SOPS:
                return self._decrypted(window)
            case Format.LEGACY_CONNECTIONS:
                if self._as_path is not None:
                    raise _own_paths()
                return legacy_connections.read(json_tree.parse(window.whole()), into=self._into)
            case _:
                raise InvalidInput(f"{self._format} is no file.", hint=f"Use import --format {self._format}.")

    def check(self, progress: Progress = silent) -> None:
        """Go through all of the file. Raises InvalidInput as iterating does."""
        try:
            self._go_through(progress)
        except _NoEnvelope:
            self._may_be_envelope = False
            self._go_through(progress)

    def _go_through(self, progress: Progress) -> None:
        for count, _ in enumerate(self):
            if count % _TOLD_EVERY == 0:
                progress(self.bytes_read, self.size)

    def _decrypted(self, window: Window) -> Iterator[Item]:
        """What SOPS prints: JSON for what was JSON, else YAML."""
        if window.text.lstrip().startswith("{"):
            return self._whole(window.whole())
        return yaml_tree.read(window, into=self._into, as_path=self._as_path)

    def _json(self, window: Window) -> Iterator[Item]:
        window.more()
        if window.ended or self._as_path is not None:
            return self._whole(window.whole())
        return self._streamed(window)

    def _whole(self, text: str) -> Iterator[Item]:
        into, as_path = self._into, self._as_path
        document = json_tree.parse(text)
        check_decrypted(document)
        if all_versions.is_envelope(document):
            if as_path is not None:
                raise _own_paths()
            return all_versions.read(document, into=into)
        if self._format is Format.KV_JSON or kv_json.is_kv_get(document):
            return kv_json.read(document, into=into, as_path=as_path)
        return json_tree.read(document, into=into, as_path=as_path)

    def _streamed(self, window: Window) -> Iterator[Item]:
        """A document that does not fit the window. What Vault prints is no such: it comes with --as."""
        document = JsonStream(window)
        document.begin()
        first = document.name()
        if self._may_be_envelope and first in all_versions.KEYS:
            return _envelope(document, first, self._into)
        if self._format is Format.KV_JSON:
            return _flat(document, first, self._into)
        return json_tree.stream(document, first, self._into)


def _own_paths() -> InvalidInput:
    return InvalidInput("The file names its own paths.", hint="Use --into PATH, or leave --as out.")


class _NoEnvelope(Exception):  # noqa: N818 - caught here
    """The document began like an envelope, but is none."""


def _envelope(document: JsonStream, first: str, into: str) -> Iterator[Item]:
    """What a row has wrong is told at the end: only there it shows that this is an envelope, and of which version."""
    found: set[str] = set()
    mark: Json = None
    wrong: InvalidInput | None = None
    name: str | None = first
    while name is not None:
        value = document.value(enter="[")
        if name == "secrets" and isinstance(value, Entered | list):
            for row in _items(document) if isinstance(value, Entered) else value:
                try:
                    item = all_versions.item(row, into)
                except InvalidInput as error:
                    wrong = wrong or error
                else:
                    yield item
        elif name == "kvtui" and all_versions.is_mark(value):
            mark = cast("Json", value)
        else:
            raise _NoEnvelope
        found.add(name)
        name = document.name()
    if found != all_versions.KEYS:
        raise _NoEnvelope
    all_versions.check_mark(mark)
    if wrong is not None:
        raise wrong


def _items(document: JsonStream) -> Iterator[Json]:
    while document.has_item():
        yield cast("Json", document.value())


def _flat(document: JsonStream, first: str | None, into: str) -> Iterator[Item]:
    name = first
    while name is not None:
        yield kv_json.item(name, cast("Json", document.value()), into)
        name = document.name()
