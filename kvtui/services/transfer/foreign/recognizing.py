"""Which format a file is of: what it begins with where that leaves no doubt, else its name."""

from __future__ import annotations

from typing import BinaryIO

from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.foreign import bitwarden, keepass_csv, one_password
from kvtui.services.transfer.foreign.archive import Archive, is_archive
from kvtui.services.transfer.model import Format, encoding_of

_HEAD = 4096
_KDBX = bytes.fromhex("03d9a29a")
"""Signature 1 of all versions of KDBX and KDB."""


def format_of(file: BinaryIO, name: str) -> Format:
    """Leaves the file where it stands. `name` is "-" for standard input. Raises InvalidInput."""
    start = file.tell()
    head = file.read(_HEAD)
    file.seek(start)
    if head.startswith(_KDBX):
        raise InvalidInput(
            "This is a database of KeePass, and encrypted.",
            hint="keepassxc-cli export -f xml FILE | kvtui import - --format keepass-xml",
        )
    if is_archive(head):
        found = _format_of_archive(file)
        file.seek(start)
        return found
    mark, encoding = encoding_of(head)
    text = head[len(mark) :].decode(encoding, "replace")
    if "<KeePassFile" in text:
        return Format.KEEPASS_XML
    if keepass_csv.is_header(text):
        return Format.KEEPASS_CSV
    if bitwarden.is_begun(text):
        return Format.BITWARDEN
    if one_password.is_begun(text):
        return Format.ONE_PASSWORD
    return Format.of_file(name)


def _format_of_archive(file: BinaryIO) -> Format:
    with Archive(file) as archive:
        if one_password.ARCHIVE_DATA in archive.names:
            return Format.ONE_PASSWORD
        if bitwarden.ARCHIVE_DATA in archive.names:
            return Format.BITWARDEN
    raise InvalidInput("The archive is no export that is read.", hint="Give the 1PUX of 1Password, or Bitwarden's ZIP.")
