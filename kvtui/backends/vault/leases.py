"""Short-lived credentials of a server: `database/creds/NAME` and any other path whose answer has a lease.

Sources: the API docs of Vault (sys/leases, the engines below) and OpenBao's logical_system.go at v2.6.2. Every read of
such a path makes credentials, so only `issue` sends one, once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.vault import durations
from kvtui.backends.vault.api import Reply, VaultApi, moment, path_of
from kvtui.backends.vault.engine import must_be_possible, to_fields
from kvtui.backends.vault.mounts import Mounts
from kvtui.clock import utc_now
from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.lease import Issued, Lease

_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "database": "roles",
        "rabbitmq": "roles",
        "aws": "roles",
        "azure": "roles",
        "consul": "roles",
        "mongodbatlas": "roles",
        "ldap": "role",
        "openldap": "role",
        "nomad": "role",
        "alicloud": "role",
        "terraform": "role",
    }
)
"""Engines that issue by reading MOUNT/creds/NAME, and where each lists its names."""
_OURS = ("sys", "auth", "identity", "cubbyhole")
"""What no engine for credentials can be mounted under: reading there is something else."""
_CLOSE = timedelta(seconds=1)
_SAME = timedelta(seconds=2)
"""Two times a lease is said to end, as near as this, are one: the server tells what is left in whole seconds, and the
answer takes a while."""


class Leasing(Backend):
    """The part of a backend that issues credentials."""

    _api: VaultApi
    _mounts: Mounts
    _issued: dict[str, Lease]
    """Those of this connection, by id."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises Locked."""

    def roles(self) -> Sequence[str]:
        self._check_open()
        try:
            reply = self._api.get("sys/internal/ui/mounts")
        except (PermissionDenied, NotFound):
            return ()
        mounts = reply.data.get("secret") if reply is not None else None
        return sorted(self._roles_of(mounts)) if isinstance(mounts, dict) else ()

    def _roles_of(self, mounts: Mapping[str, Any]) -> Iterator[str]:
        for mount, about in mounts.items():
            listed = _ROLES.get(str(about.get("type"))) if isinstance(about, dict) else None
            if listed is None:
                continue
            root = mount.strip("/")
            with suppress(PermissionDenied, NotFound, Unsupported):  # a role can be typed all the same
                for name in self._api.keys(path_of(root, listed) + "/"):
                    if not name.endswith("/"):
                        yield f"{root}/creds/{name}"

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        self._check_open()
        path = self._role_path(role)
        asked = [] if ttl is None else [("ttl", durations.written(ttl))]
        try:
            reply = self._api.change("GET", path_of(path), pairs=asked, about=path)
        except Unanswered as error:
            raise (_lost() if error.may_have_arrived else error) from None
        except NotFound:
            raise NotFound("The server knows no such role.", hint="Check its name and mount.", path=path) from None
        except Unsupported:
            raise _no_lease(path) from None
        except InvalidInput:
            raise InvalidInput(
                "The server issues nothing here (400).",
                hint="Check the role's name; the server's log says more.",
                path=path,
            ) from None
        lease = _issued(reply, path)
        if lease is None:
            raise _no_lease(path) if reply.envelope else _lost()
        self._issued[lease.id] = lease
        issued = Issued(lease, to_fields(reply.data))
        return replace(issued, lease=self._cut(lease, ttl)) if ttl is not None else issued

    def _cut(self, lease: Lease, ttl: timedelta) -> Lease:
        """Most engines know no time but their role's: then the new lease is renewed for the one that was asked for.
        Where that fails the credentials are good all the same."""
        if lease.renewable and lease.expires_at is not None and abs(lease.expires_at - utc_now() - ttl) > _CLOSE:
            with suppress(KvtuiError):
                return self.renew(lease.id, ttl)
        return lease

    def _role_path(self, role: str) -> str:
        """Where a role is issued. Raises InvalidInput for what certainly is none."""
        path = role.strip("/")
        path = path if "/" in path else f"database/creds/{path}"
        paths.check(path)
        must_be_possible(path)
        if path.partition("/")[0] in _OURS or self._mounts.of(path) is not None:
            raise _no_lease(path)
        return path

    def leases(self, known: Sequence[Lease] = ()) -> Sequence[Lease]:
        self._check_open()
        found = []
        for lease in {each.id: each for each in (*known, *self._issued.values())}.values():
            try:
                found.append(self._looked_up(lease))
            except NotFound:
                self._issued.pop(lease.id, None)
            except (PermissionDenied, Unsupported):
                found.append(lease)
        return found

    def look_up_lease(self, lease_id: str) -> Lease:
        self._check_open()
        path = lease_id.rpartition("/")[0]
        return self._looked_up(self._issued.get(lease_id) or Lease(lease_id, path, path, None, None, renewable=False))

    def _looked_up(self, lease: Lease) -> Lease:
        body: Json = {"lease_id": lease.id}
        try:
            reply = self._api.call("POST", "sys/leases/lookup", body, repeat=True)
        except InvalidInput:  # the only thing this can be about
            raise _ended() from None
        told = reply.data
        expires = moment(told.get("expire_time"))
        ttl = durations.parse(told.get("ttl"))
        if ttl is not None and expires is not None:
            expires = utc_now() + ttl  # by our clock
            if lease.expires_at is not None and abs(lease.expires_at - expires) <= _SAME:
                expires = lease.expires_at
        issued = moment(told.get("issue_time"))
        return replace(
            lease,
            issued_at=lease.issued_at if issued is None else _whole(issued),
            expires_at=None if expires is None else _whole(expires),
            renewable=told.get("renewable") is True,
        )

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        self._check_open()
        body: dict[str, Json] = {"lease_id": lease_id}
        if increment is not None:
            body["increment"] = durations.written(increment)
        try:
            reply = self._api.change("POST", "sys/leases/renew", body)
        except InvalidInput:
            if not self.look_up_lease(lease_id).renewable:
                raise InvalidInput("This lease cannot be renewed.", hint="Issue new credentials.") from None
            raise
        if "lease_duration" not in reply.envelope:
            return self.look_up_lease(lease_id)  # it is renewed, but not told until when
        path = lease_id.rpartition("/")[0]
        before = self._issued.get(lease_id) or Lease(lease_id, path, path, None, None, renewable=True)
        now = replace(before, expires_at=_end(reply), renewable=reply.envelope.get("renewable") is True)
        if lease_id in self._issued:
            self._issued[lease_id] = now
        return now

    def revoke(self, lease_id: str) -> None:
        self._check_open()
        try:
            self._api.change("POST", "sys/leases/revoke", {"lease_id": lease_id, "sync": True})
        except (InvalidInput, NotFound):
            with suppress(NotFound):
                self.look_up_lease(lease_id)
                raise
        self._issued.pop(lease_id, None)


def _issued(reply: Reply, path: str) -> Lease | None:
    lease_id = reply.envelope.get("lease_id")
    if not isinstance(lease_id, str) or not lease_id:
        return None
    return Lease(lease_id, path, path, _whole(utc_now()), _end(reply), reply.envelope.get("renewable") is True)


def _end(reply: Reply) -> datetime | None:
    duration = durations.parse(reply.envelope.get("lease_duration"))
    return _whole(utc_now() + duration) if duration else None


def _whole(time: datetime) -> datetime:
    """In seconds, as the server counts."""
    return time.replace(microsecond=0)


def _no_lease(path: str) -> InvalidInput:
    return InvalidInput(
        "Nothing is issued here: this path gives no lease. Nothing of it was kept.",
        hint="Name a role, such as database/creds/NAME.",
        path=path,
    )


def _ended() -> NotFound:
    return NotFound("This lease has ended.", hint="Issue new credentials.")


def _lost() -> Unavailable:
    return Unavailable(
        "No answer came. Credentials may have been issued that nobody knows; those end by themselves.",
        hint="Look at the server before you issue others.",
        retryable=False,
    )
