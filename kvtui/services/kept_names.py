"""Names of a store on a server kept between runs: sealed with a key of a vault of this machine, readable nowhere else.

    <state folder>/names/<profile>    0600: what it is, 12 bytes of nonce, AES-256-GCM of lines of JSON

The first line says whose names these are: of which store with which settings, and as whom, with which policies they
were read. Whoever is somebody else now, or sees through other settings, is shown none of them: a token must not show
what another one saw. Names are never a promise: they are as old as their time says, and are read again when looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvtui import locations
from kvtui.backends.factory import StoreState
from kvtui.domain.errors import KvtuiError, Unavailable
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Indexed, VersionState

if TYPE_CHECKING:
    from kvtui.services.profiles import Profiles
    from kvtui.services.session import Session

PURPOSE = "names"
"""What the key is derived for, see Backend.derive_key."""
MAX_BYTES = 1 << 28
_KIND = b"kvtui names "
_FORMAT = _KIND + b"1\n"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept: names, and when reading them began (aware UTC)."""

    names: Sequence[Indexed]
    as_of: datetime


class KeptNames:
    """The file of one profile. `whose` are 64 hex digits, see `whose_names`."""

    def __init__(self, profile: str, key: bytes, whose: str, state_dir: Path | None = None) -> None:
        self.file = _file(profile, state_dir)
        self.note = ""
        """Why what was kept is not used, in a sentence."""
        self._key = key
        self._whose = whose

    def load(self) -> Kept | None:
        """What was kept for whoever this is; None for nothing. What cannot be used is removed, and `note` says why.
        Raises nothing."""
        try:
            data = self._read()
            if data is None:
                return None
            return self._opened(data)
        except _UnusableError as error:
            self.note = f"Names that were kept are not used: {error}"
            with suppress(OSError):
                self.file.unlink(missing_ok=True)
        except KvtuiError as error:
            self.note = f"Names that were kept are not used: {error.message}"
        return None

    def _read(self) -> bytes | None:
        locations.check_private_file(self.file)
        try:
            with self.file.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be read ({error.strerror}).", hint="Check its rights.") from error
        if len(data) > MAX_BYTES:
            raise _UnusableError("their file is too large.")
        return data

    def _opened(self, data: bytes) -> Kept:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - few profiles keep names
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        if not data.startswith(_FORMAT):
            known = data.startswith(_KIND)
            raise _UnusableError("another version of kvtui wrote them." if known else "their file is damaged.")
        box = data[len(_FORMAT) :]
        try:
            lines = AESGCM(self._key).decrypt(box[:_NONCE], box[_NONCE:], _FORMAT).split(b"\n")
            head, rows = json.loads(lines[0]), lines[1:]
            if head["whose"] != self._whose:
                raise _UnusableError("they were read as somebody else, or with other settings.")
            return Kept([_name(json.loads(row)) for row in rows if row], datetime.fromisoformat(head["as_of"]))
        except (InvalidTag, ValueError, TypeError, KeyError):
            raise _UnusableError("their file is damaged, or sealed by another vault.") from None

    def writing(self) -> Writing:
        """Takes the names of one reading."""
        return Writing(self)

    def save(self, rows: Iterable[bytes], as_of: datetime) -> None:
        """Replace what is kept: all of it, or what was there stays. Raises PermissionDenied, Unavailable."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        head = json.dumps({"whose": self._whose, "as_of": as_of.isoformat()}).encode("ascii")
        text = b"\n".join((head, *rows))
        if len(text) + 64 > MAX_BYTES:
            raise Unavailable("There are too many names to keep.", hint="They stay in memory.", retryable=False)
        nonce = os.urandom(_NONCE)
        locations.private_dir(self.file.parent)
        locations.write_private(self.file, _FORMAT + nonce + AESGCM(self._key).encrypt(nonce, text, _FORMAT))


class Writing:
    """The names of one reading on their way into the file."""

    def __init__(self, kept: KeptNames) -> None:
        self._kept = kept
        self._rows: list[bytes] = []

    def add(self, names: Iterable[Indexed]) -> None:
        self._rows += [json.dumps(_row(name)).encode("ascii") for name in names]

    def save(self, as_of: datetime) -> str:
        """Keep them. Why that was not possible, in a sentence; "" where it was. What is only kept for the next time is
        no reason to fail."""
        rows, self._rows = self._rows, []
        try:
            self._kept.save(rows, as_of)
        except KvtuiError as error:
            return f"These names are not kept: {error.message}"
        return ""


class NameKeys:
    """Keys that seal names, of vaults that were opened in this run. `drop` them when somebody locks."""

    def __init__(self, profiles: Profiles, *, state_dir: Path | None = None) -> None:
        self._profiles = profiles
        self._state_dir = state_dir
        self._keys: dict[str, bytes] = {}

    def take(self, session: Session) -> None:
        """A store was opened. Where it is a vault by which others keep names, its key for that stays here until `drop`,
        also after somebody went on to another profile."""
        self._take(session, self._keys)

    def _take(self, session: Session, keys: dict[str, bytes]) -> None:
        name = session.profile.name
        if name in self._profiles.keep_names and (key := session.backend.derive_key(PURPOSE)) is not None:
            keys[name] = key

    def drop(self) -> None:
        """Forget all keys. One that is on its way comes into what was forgotten."""
        self._keys = {}

    def attach(self, session: Session) -> None:
        """To be called on a thread before the names of an open session are looked at: what its profile kept is found at
        once, and what is read from now on is kept. `Names.note` says why not. Where the profile does not keep any, what
        was kept before is removed. Raises Locked."""
        profile = session.profile
        if not profile.remember_names:
            with suppress(KvtuiError):  # `profiles --forget` tells
                forget(profile.name, self._state_dir)
            return
        names = session.names
        if names.keeps:
            return
        whose = whose_names(session)
        if whose is None:
            names.note = "These names are not kept: the store does not tell whom it takes us for."
        elif (key := self._key(profile.remember_names)) is None:
            names.note = f"These names are not kept: the vault {profile.remember_names} is locked."
        else:
            names.keep(KeptNames(profile.name, key, whose, self._state_dir))

    def _key(self, vault: str) -> bytes | None:
        """Of a vault that was opened in this run, or that opens without asking anybody."""
        keys = self._keys
        if vault not in keys:
            from kvtui.services.session import Session  # noqa: PLC0415 - it loads this module

            session = Session(self._profiles.get(vault), state_dir=self._state_dir)
            try:
                if session.enter() is StoreState.READY:
                    self._take(session, keys)
            except KvtuiError:
                return None  # opening it tells why
            finally:
                session.lock()
        return keys.get(vault)


def whose_names(session: Session) -> str | None:
    """What tells these names from those that others would see, as 64 hex digits: the store, the profile's settings, and
    whom the server takes us for with which policies. None where it does not tell that. Raises Locked."""
    backend, profile = session.backend, session.profile
    who = backend.signed_in
    if who is None or not who.identity:
        return None
    told = [
        profile.kind,
        backend.info().location,
        {name: str(value) for name, value in sorted(profile.settings.items())},
        who.identity,
        sorted(who.policies),
    ]
    return hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()


def forget(profile: str, state_dir: Path | None = None) -> bool:
    """Remove what is kept for a profile; whether there was something. Raises Unavailable."""
    file = _file(profile, state_dir)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unavailable(f"{file} cannot be removed ({error.strerror}).", hint="Check its folder.") from error
    return True


class _UnusableError(Exception):
    """What was kept is of no use; the message goes on from a colon."""


def _file(profile: str, state_dir: Path | None) -> Path:
    base = hashlib.sha256(profile.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return (state_dir or locations.state_dir()) / "names" / base


def _row(name: Indexed) -> list[Any]:
    return [
        name.path,
        None if name.type is None else name.type.value,
        name.description,
        name.tags,
        name.owner,
        None if name.state is None else name.state.value,
    ]


def _name(row: Any) -> Indexed:
    path, kind, description, tags, owner, state = row
    return Indexed(
        path,
        None if kind is None else SecretType(kind),
        description,
        tuple(tags),
        owner,
        None if state is None else VersionState(state),
    )
