"""A ZIP archive that is looked into, never unpacked: one member at a time, in memory, of a bounded size."""

from __future__ import annotations

import zipfile
import zlib
from types import TracebackType
from typing import BinaryIO, Self

from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.window import MAX_VALUE

MAX_MEMBERS = 100_000
MAX_TOTAL = 1 << 30
"""Bytes of all members that are read together, unpacked."""


class Archive:
    """Names are only ever compared, never taken for paths of this machine. Raises InvalidInput."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise _damaged() from None
        if len(self._zip.filelist) > MAX_MEMBERS:
            raise InvalidInput(f"The archive holds more than {MAX_MEMBERS} files.", hint="Export a part of it.")
        self._left = MAX_TOTAL
        self.names = frozenset(self._zip.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()  # not the file: it was given open

    def read(self, name: str) -> bytes:
        """A member. What it says of its size is not believed."""
        try:
            with self._zip.open(name) as member:
                data = member.read(MAX_VALUE + 1)
        except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, RuntimeError, NotImplementedError):
            raise _damaged() from None  # RuntimeError: it wants a password
        if len(data) > MAX_VALUE:
            raise InvalidInput(
                f"A file in the archive has more than {MAX_VALUE >> 20} MiB.", hint="Import it by itself."
            )
        self._left -= len(data)
        if self._left < 0:
            raise InvalidInput(f"The archive unpacks to more than {MAX_TOTAL >> 20} MiB.", hint="Export a part of it.")
        return data


def _damaged() -> InvalidInput:
    return InvalidInput("The archive is damaged, or of a kind that is not read.", hint="Export it again.")
