"""Short-lived credentials issued from this machine: which there are, and what is done with them.

What was issued is remembered for each profile in the state folder, so that another run can renew or revoke it: ids,
roles and times, never a value; 0600, and sealed with a key of the store where it has one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvtui import locations
from kvtui.clock import utc_now
from kvtui.domain.errors import Corrupt, KvtuiError, Unavailable
from kvtui.domain.lease import Issued, Lease
from kvtui.services.journal import Act, Journal
from kvtui.services.once import kept

if TYPE_CHECKING:
    from kvtui.services.session import Session

PURPOSE = "leases"
"""What the key is derived for, see Backend.derive_key."""
MAX_BYTES = 1 << 22


class Leases:
    """Those of one open session. Every call may block; each that changes something is journaled."""

    def __init__(self, session: Session, state_dir: Path | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self._backend = session.backend
        self._journal: Journal = session.journal
        key = self._backend.derive_key(PURPOSE)
        self._memory = _Memory(f"{session.profile.name}\0{session.info().location}", key, state_dir)
        self._now = now

    def all(self) -> list[Lease]:
        """What lasts of what was issued from this machine, as the store knows it now; the first to end first.

        Raises as Backend.leases, and Corrupt, PermissionDenied, Unavailable for the file it is remembered in.
        """
        remembered, now = self._memory.read(), self._now()
        known = [lease for lease in remembered if lease.expires_at is None or lease.expires_at > now]
        found = list(self._backend.leases(known))
        gone = {lease.id for lease in remembered} - {lease.id for lease in found}
        if found or gone:
            self._memory.change(put=found, drop=gone)
        return sorted(found, key=lambda lease: (lease.expires_at is None, str(lease.expires_at), lease.id))

    def issue(self, role: str, ttl: timedelta | None = None) -> tuple[Issued, str]:
        """New credentials, and why they will not be in the list or the journal: "" if they will.

        Refused before anything is issued where that is known beforehand. Raises as Backend.issue.
        """
        self._memory.change()
        issued, note = kept(lambda: self._backend.issue(role, ttl), lambda: self._journal.around(Act.ISSUE, role))
        try:
            self._memory.change(put=[issued.lease])
        except KvtuiError as error:  # what is issued is issued
            note = error.message
        return issued, note

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        """Raises as Backend.renew."""
        with self._journal.around(Act.RENEW, role_of(lease_id)):
            renewed = self._backend.renew(lease_id, increment)
        before = {lease.id: lease for lease in self._memory.read()}.get(lease_id)
        if before is not None:
            self._memory.change(put=[renewed])
        return renewed

    def revoke(self, lease_id: str) -> None:
        """Raises as Backend.revoke."""
        with self._journal.around(Act.REVOKE, role_of(lease_id)):
            self._backend.revoke(lease_id)
        self._memory.change(drop={lease_id})


def role_of(lease_id: str) -> str:
    """What the journal calls a lease: the id without its last, random part."""
    return lease_id.rpartition("/")[0] or "lease"


class _Memory:
    """The file. Read as a whole, and changed as a whole by one process at a time."""

    def __init__(self, name: str, key: bytes | None, state_dir: Path | None) -> None:
        base = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self.file = (state_dir or locations.state_dir()) / "leases" / f"{base}.json"
        self._key = key

    def read(self) -> list[Lease]:
        locations.check_private_file(self.file)
        try:
            with self.file.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be read ({error.strerror}).", hint="Check its rights.") from error
        try:
            return [_lease(row) for row in self._opened(json.loads(data))]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Corrupt("The remembered leases cannot be read.", hint=f"Remove {self.file}.") from None

    def change(self, *, put: Iterable[Lease] = (), drop: Collection[str] = ()) -> None:
        locations.private_dir(self.file.parent)
        with locations.alone(self.file.with_suffix(".lock")):
            leases = {lease.id: lease for lease in self.read() if lease.id not in drop}
            leases |= {lease.id: lease for lease in put}
            if leases:
                rows = [_row(lease) for lease in leases.values()]
                locations.write_private(self.file, json.dumps(self._sealed(rows)).encode("ascii"))
            else:
                with suppress(FileNotFoundError):
                    self.file.unlink()

    def _sealed(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        if self._key is None:
            return {"leases": rows}
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - few stores have a key

        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self._key).encrypt(nonce, json.dumps(rows).encode("ascii"), None)
        return {"sealed": base64.b64encode(sealed).decode("ascii")}

    def _opened(self, content: Any) -> Any:
        if self._key is None:
            return content["leases"]
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        sealed = base64.b64decode(content["sealed"], validate=True)
        try:
            return json.loads(AESGCM(self._key).decrypt(sealed[:12], sealed[12:], None))
        except InvalidTag:
            raise ValueError from None


def _row(lease: Lease) -> dict[str, Any]:
    return {
        "id": lease.id,
        "role": lease.role,
        "path": lease.path,
        "issued_at": None if lease.issued_at is None else lease.issued_at.isoformat(),
        "expires_at": None if lease.expires_at is None else lease.expires_at.isoformat(),
        "renewable": lease.renewable,
    }


def _lease(row: Any) -> Lease:
    lease_id, role, path = (row[name] for name in ("id", "role", "path"))
    if not all(isinstance(text, str) for text in (lease_id, role, path)):
        raise ValueError
    times = _time(row["issued_at"]), _time(row["expires_at"])
    return Lease(lease_id, role, path, *times, renewable=row["renewable"] is True)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time
