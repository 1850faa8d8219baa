"""A backup: one tar file that is the vault. `tar xf` alone gives a folder that opens.

Members, in this order, each a plain ustar header and its bytes:

    vault.kvtui/                of mode 0700, which not every umask would give it
    vault.kvtui/backup.json     canonical JSON: v, uuid, generation, epoch, created, secrets,
                                files {name: {size, sha256}}, mac
    vault.kvtui/vault.hdr       as it is
    vault.kvtui/vault.hdr.bak   the same bytes
    vault.kvtui/vault.db        a snapshot, encrypted under the vault's own page key

mac = HMAC-SHA256(HKDF(master key, uuid, "kvtui/backup"), canonical JSON without mac). The layout leaves nothing open: a
reader makes each tar header again from the manifest and compares, so every byte of a backup is hashed or known.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from kvtui.backends.file import header, schema
from kvtui.backends.file.keys import backup_key
from kvtui.domain.errors import Corrupt, KvtuiError, Unsupported
from kvtui.domain.progress import Progress, silent

VERSION = 1
FOLDER = "vault.kvtui"
MANIFEST = "backup.json"
MEMBERS = (header.NAME, header.COPY, schema.FILE)
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_CHUNK = 1024 * 1024
_MAX_MANIFEST = 64 * 1024
_KEYS = {"v", "uuid", "generation", "epoch", "created", "secrets", "files", "mac"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `files` maps a member to its size in bytes and its SHA-256 in hex."""

    uuid: bytes
    generation: int
    epoch: int
    created: datetime
    secrets: int
    files: Mapping[str, tuple[int, str]]
    mac: bytes = field(default=b"", repr=False)

    def signed(self) -> bytes:
        return _canonical(self._plain())

    def encode(self, key: bytes) -> bytes:
        """The member's bytes under the backup key."""
        return _canonical({**self._plain(), "mac": hmac.digest(key, self.signed(), "sha256").hex()})

    def verified(self, key: bytes) -> Manifest:
        """Itself, if it was written under this key. Raises Corrupt."""
        if not hmac.compare_digest(self.mac, hmac.digest(key, self.signed(), "sha256")):
            raise damaged()
        return self

    def _plain(self) -> dict[str, Any]:
        return {
            "v": VERSION,
            "uuid": self.uuid.hex(),
            "generation": self.generation,
            "epoch": self.epoch,
            "created": self.created.strftime(_TIME),
            "secrets": self.secrets,
            "files": {name: {"size": size, "sha256": digest} for name, (size, digest) in self.files.items()},
        }


def damaged() -> Corrupt:
    return Corrupt("This is no backup of a vault, or a damaged one.", hint="Use another copy of it.")


# Writing


def write(target: BinaryIO, manifest: bytes, created: datetime, sources: Mapping[str, BinaryIO | bytes]) -> None:
    """The archive's bytes. `sources` are the members in order; files are read from where they stand. Raises OSError."""
    target.write(_tar_header("", 0, created))
    for name, source in {MANIFEST: manifest, **sources}.items():
        size = len(source) if isinstance(source, bytes) else os.fstat(source.fileno()).st_size
        target.write(_tar_header(name, size, created))
        if isinstance(source, bytes):
            target.write(source)
        else:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
        target.write(bytes(-size % _BLOCK))
    target.write(_END)


def digest_of(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def digest(file: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of what is left of a file."""
    found = hashlib.sha256()
    size = 0
    while chunk := file.read(_CHUNK):
        found.update(chunk)
        size += len(chunk)
    return size, found.hexdigest()


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A private path beside a file in the making; whatever is left there in the end is removed."""
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.new")
    try:
        yield temporary
    finally:
        for leftover in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            leftover.unlink(missing_ok=True)


# Reading


class Archive:
    """A backup being read, front to back. Nothing in it is believed before it was compared or hashed."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the manifest and the two headers. Raises Corrupt, Unsupported for a newer format."""
        self._file = file
        folder, first = self._take(_BLOCK), self._take(_BLOCK)
        try:
            size = tarfile.TarInfo.frombuf(first, "ascii", "strict").size
        except (tarfile.HeaderError, ValueError):
            raise damaged() from None
        if not 0 < size <= _MAX_MANIFEST:
            raise damaged()
        encoded = self._take_padded(size)
        self.manifest = _parse(encoded)
        created = self.manifest.created
        if folder + first != _tar_header("", 0, created) + _tar_header(MANIFEST, size, created):
            raise damaged()
        self.headers = {name: self._small(name) for name in (header.NAME, header.COPY)}

    def verified(self, master: bytes) -> Manifest:
        """The manifest, checked under the master key. Raises Corrupt."""
        return self.manifest.verified(backup_key(master, self.manifest.uuid))

    def copy_database(self, target: BinaryIO, progress: Progress = silent) -> None:
        """Write the snapshot to a file. Raises Corrupt when it is not the one the manifest speaks of."""
        size, expected = self.manifest.files[schema.FILE]
        self._expect_member(schema.FILE, size)
        found = hashlib.sha256()
        left = size
        while left:
            chunk = self._take(min(left, _CHUNK))
            found.update(chunk)
            target.write(chunk)
            left -= len(chunk)
            progress(size - left, size)
        if found.hexdigest() != expected or any(self._take(-size % _BLOCK)):
            raise damaged()
        if self._file.read(len(_END) + 1) != _END:
            raise damaged()

    def _small(self, name: str) -> bytes:
        size, expected = self.manifest.files[name]
        if size > _MAX_MANIFEST:
            raise damaged()
        self._expect_member(name, size)
        data = self._take_padded(size)
        if hashlib.sha256(data).hexdigest() != expected:
            raise damaged()
        return data

    def _expect_member(self, name: str, size: int) -> None:
        if self._take(_BLOCK) != _tar_header(name, size, self.manifest.created):
            raise damaged()

    def _take_padded(self, size: int) -> bytes:
        data = self._take(size + -size % _BLOCK)
        if any(data[size:]):
            raise damaged()
        return data[:size]

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise damaged()
        return data


def _parse(data: bytes) -> Manifest:
    try:
        plain = json.loads(data.decode("ascii"))
        if not isinstance(plain, dict) or "v" not in plain:
            raise ValueError
        if type(plain["v"]) is int and plain["v"] > VERSION:
            raise Unsupported(
                "This backup was made by a newer kvtui.", capability="restore", hint="Use that version or a later one."
            )
        members = {name: (one["size"], one["sha256"]) for name, one in plain["files"].items()}
        manifest = Manifest(
            uuid=bytes.fromhex(plain["uuid"]),
            generation=plain["generation"],
            epoch=plain["epoch"],
            created=datetime.strptime(plain["created"], _TIME).replace(tzinfo=UTC),
            secrets=plain["secrets"],
            files=members,
            mac=bytes.fromhex(plain["mac"]),
        )
        numbers = (manifest.generation, manifest.epoch, manifest.secrets, *(size for size, _ in members.values()))
        fits = set(plain) == _KEYS and set(members) == set(MEMBERS) and len(manifest.uuid) == 16
        fits = fits and 0 <= manifest.created.timestamp() < 8**11  # what a tar header can tell
        if not fits or not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
            raise ValueError
        if _canonical({**manifest._plain(), "mac": manifest.mac.hex()}) != data:  # noqa: SLF001 - one backup, one form
            raise ValueError
    except KvtuiError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise damaged() from None
    return manifest


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")


def _tar_header(name: str, size: int, created: datetime) -> bytes:
    """The ustar header (POSIX.1-1988) of a member, private and nobody's; of the folder for no name. Sizes from 8 GiB on
    are in base 256, as GNU has them."""
    info = tarfile.TarInfo(f"{FOLDER}/{name}")
    info.size, info.mode, info.mtime = size, 0o600, int(created.timestamp())
    if not name:
        info.type, info.mode = tarfile.DIRTYPE, 0o700
    return info.tobuf(tarfile.GNU_FORMAT if size >= 8**11 else tarfile.USTAR_FORMAT)
