"""Which format a file is of: what it begins with where that leaves no doubt, else its name."""

from __future__ import annotations

import re
from typing import BinaryIO

from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.model import Format, encoding_of

_HEAD = 4096
_KDBX = bytes.fromhex("03d9a29a")
"""Signature 1 of all versions of KDBX and KDB."""
_ZIP = b"PK\x03\x04"
_BEGINS = (
    (Format.KEEPASS_XML, re.compile(r"\s*(?:<[^\0]*)?<KeePassFile")),
    (Format.KEEPASS_CSV, re.compile(r'"Group","Title",|"Account","Login Name",')),
    (Format.BITWARDEN, re.compile(r'\s*\{\s*"encrypted"\s*:\s*(?:true|false)\s*,')),
    (Format.ONE_PASSWORD, re.compile(r'\s*\{\s*"accounts"\s*:\s*\[\s*\{\s*"(?:attrs|vaults)"')),
    (Format.ONE_PASSWORD, re.compile(r'\s*(?:\[\s*)?\{\s*"id"\s*:\s*"[a-z0-9]{26}"\s*,\s*"title"\s*:')),  # op
)
ARCHIVE_DATA = {Format.ONE_PASSWORD: "export.data", Format.BITWARDEN: "data.json"}
"""The file with the entries in an archive."""


def is_archive(head: bytes) -> bool:
    return head.startswith(_ZIP)


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
        try:
            return _format_of_archive(file)
        finally:
            file.seek(start)
    mark, encoding = encoding_of(head)
    text = head[len(mark) :].decode(encoding, "replace")
    for form, begins in _BEGINS:
        if begins.match(text):
            return form
    return Format.of_file(name)


def _format_of_archive(file: BinaryIO) -> Format:
    from kvtui.services.transfer.foreign.archive import Archive  # noqa: PLC0415 - few are one

    with Archive(file) as archive:
        for form, data in ARCHIVE_DATA.items():
            if data in archive.names:
                return form
    raise InvalidInput("The archive is no export that is read.", hint="Give the 1PUX of 1Password, or Bitwarden's ZIP.")
