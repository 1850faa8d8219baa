"""The secrets of a file of another program, by its format."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from kvtui.services.transfer import json_tree
from kvtui.services.transfer.foreign import bitwarden, keepass_csv, keepass_xml, one_password
from kvtui.services.transfer.foreign.archive import Archive
from kvtui.services.transfer.foreign.recognizing import ARCHIVE_DATA, is_archive
from kvtui.services.transfer.model import Format, Item
from kvtui.services.transfer.window import Window


def read(file: BinaryIO, form: Format, into: str) -> Iterator[Item]:
    """From where the file stands. Raises InvalidInput."""
    if form is Format.KEEPASS_XML:
        yield from keepass_xml.read(file, into=into)
    elif form is Format.KEEPASS_CSV:
        yield from keepass_csv.read(Window(file), into=into)
    elif is_archive(_head(file)):
        with Archive(file) as archive:
            yield from _read_archive(archive, form, into)
    elif form is Format.BITWARDEN:
        yield from bitwarden.read(json_tree.parse(Window(file).whole()), into=into)
    else:
        yield from one_password.read(one_password.parse(Window(file).whole()), into=into)


def _read_archive(archive: Archive, form: Format, into: str) -> Iterator[Item]:
    text = Window(BytesIO(archive.read(ARCHIVE_DATA[form]))).whole()
    if form is Format.BITWARDEN:
        yield from bitwarden.read(json_tree.parse(text), bitwarden.attachments(archive), into=into)
    else:
        yield from one_password.read(one_password.parse(text), archive, into=into)


def _head(file: BinaryIO) -> bytes:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    return head
