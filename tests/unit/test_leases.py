"""What was issued from this machine is remembered without a value, and what is told once is not lost."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pytest

from kvtui.backends.memory import MemoryBackend, Role
from kvtui.domain import codec
from kvtui.domain.errors import Corrupt, NotFound, PermissionDenied, Unavailable
from kvtui.domain.value import SecretValue
from kvtui.services import once
from kvtui.services.journal import Act
from kvtui.services.leases import Leases, role_of
from kvtui.services.profiles import Profile
from kvtui.services.session import Session

ROLE = "database/creds/readonly"


class Unkeyed(MemoryBackend):
    """As a store on a server: no key of its own."""

    def derive_key(self, purpose: str) -> bytes | None:
        return None


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    opened = Session(Profile("test", "memory", MappingProxyType({"name": uuid4().hex})), state_dir=tmp_path)
    opened.unlock()
    backend = opened.backend
    assert isinstance(backend, MemoryBackend)
    backend._store.lent.roles[ROLE] = Role()
    yield opened
    opened.lock()


def unkeyed(session: Session) -> Session:
    """The same session on a store without a key."""
    backend = session.backend
    assert isinstance(backend, MemoryBackend)
    session._backend = Unkeyed(backend._store, location=backend.info().location)
    return session


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def acts(session: Session) -> list[tuple[Act, str, str]]:
    return [(entry.act, entry.path, entry.result) for entry in reversed(session.journal.entries())]


def test_what_was_issued_is_there_in_another_run(session: Session, tmp_path: Path) -> None:
    issued, note = Leases(session, tmp_path).issue(ROLE)
    assert note == ""
    backend = session.backend
    assert isinstance(backend, MemoryBackend)
    session._backend = backend.connect()
    (lease,) = Leases(session, tmp_path).all()
    assert lease == issued.lease


def test_the_first_to_end_stands_first(session: Session, tmp_path: Path) -> None:
    leases = Leases(session, tmp_path)
    late, soon = (leases.issue(ROLE, timedelta(minutes=m))[0].lease.id for m in (50, 5))
    assert [lease.id for lease in leases.all()] == [soon, late]


@pytest.mark.parametrize("keyed", [True, False])
def test_no_value_is_remembered_and_only_the_owner_reads_what_is(session: Session, tmp_path: Path, keyed: bool) -> None:
    session = session if keyed else unkeyed(session)
    issued, _ = Leases(session, tmp_path).issue(ROLE)
    found = files(tmp_path)
    for value in issued.fields.values():
        assert not any(codec.to_bytes(value) in data for data in found.values())
    named = [name for name, data in found.items() if issued.lease.id.encode() in data]
    assert bool(named) is not keyed, "sealed where the store has a key"
    for file in (tmp_path / "leases").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_renewed_and_revoked_is_remembered_so(session: Session, tmp_path: Path) -> None:
    leases = Leases(session, tmp_path)
    lease = leases.issue(ROLE)[0].lease
    renewed = leases.renew(lease.id, timedelta(minutes=5))
    assert [each.expires_at for each in leases.all()] == [renewed.expires_at]
    leases.revoke(lease.id)
    assert leases.all() == []
    assert not list((tmp_path / "leases").glob("*.json"))
    assert acts(session) == [(Act.ISSUE, ROLE, "done"), (Act.RENEW, ROLE, "done"), (Act.REVOKE, ROLE, "done")]


def test_what_ended_is_dropped(session: Session, tmp_path: Path) -> None:
    leases = Leases(session, tmp_path)
    lease = leases.issue(ROLE)[0].lease
    session.backend.revoke(lease.id)
    assert leases.all() == []
    leases.issue(ROLE)
    assert Leases(session, tmp_path, now=lambda: datetime.now(UTC) + timedelta(hours=2))._memory.read()


def test_leases_of_another_store_under_the_same_profile_are_left_alone(session: Session, tmp_path: Path) -> None:
    Leases(session, tmp_path).issue(ROLE)
    before = files(tmp_path / "leases")
    backend = session.backend
    session._backend = MemoryBackend(location="elsewhere")
    assert Leases(session, tmp_path).all() == []
    session._backend = backend
    assert files(tmp_path / "leases").items() >= {k: v for k, v in before.items() if k.endswith(".json")}.items()


def test_nothing_is_issued_where_it_could_not_be_remembered(session: Session, tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("in the way")
    with pytest.raises(PermissionDenied):
        Leases(session, tmp_path).issue(ROLE)
    assert session.backend.leases() == []


def test_a_damaged_file_is_named_and_kept(session: Session, tmp_path: Path) -> None:
    leases = Leases(unkeyed(session), tmp_path)
    leases.issue(ROLE)
    (file,) = (tmp_path / "leases").glob("*.json")
    for content in ("{}", "[", '{"leases": [{}]}', json.dumps({"leases": [{"id": 1, "role": 2, "path": 3}]})):
        file.write_text(content)
        with pytest.raises(Corrupt) as caught:
            leases.all()
        assert str(file) in caught.value.hint
        assert file.read_text() == content


def test_the_journal_tells_what_failed_too(session: Session, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Leases(session, tmp_path).issue("database/creds/none")
    assert acts(session) == [(Act.ISSUE, "database/creds/none", "NotFound")]


def test_a_lease_is_journaled_without_its_random_part() -> None:
    assert role_of("database/creds/readonly/abc123") == "database/creds/readonly"
    assert role_of("abc123") == "lease"


# Once


def test_what_was_told_once_is_kept_where_the_journal_fails_after_it() -> None:
    @contextmanager
    def breaking() -> Iterator[None]:
        yield
        raise Unavailable("The disk is full.")

    assert once.kept(lambda: "value", breaking) == ("value", "The disk is full.")


def test_nothing_is_done_where_the_journal_fails_before_it() -> None:
    @contextmanager
    def refusing() -> Iterator[None]:
        raise Unavailable("The disk is full.")
        yield

    done: list[int] = []
    with pytest.raises(Unavailable):
        once.kept(lambda: done.append(1), refusing)
    assert not done


def test_sharing_and_unwrapping_are_journaled_by_path(session: Session) -> None:
    session.backend.write("app/db", {"user": SecretValue("u"), "password": SecretValue("p")})
    wrapped, _ = once.share(session, "app/db", "password", timedelta(minutes=1))
    fields, _ = once.unwrap(session, session.backend.look_into(wrapped.token))
    assert list(fields) == ["password"]
    assert acts(session) == [(Act.SHARE, "app/db", "done"), (Act.UNWRAP, "memory/wrap", "done")]
    assert session.journal.entries(path="app/db")[0].field == "password"


def test_a_deleted_secret_and_a_missing_field_are_not_shared(session: Session) -> None:
    session.backend.write("app/db", {"user": SecretValue("u")})
    with pytest.raises(NotFound, match="no field password"):
        once.share(session, "app/db", "password", timedelta(minutes=1))
    session.backend.delete("app/db")
    with pytest.raises(NotFound, match="deleted"):
        once.share(session, "app/db", None, timedelta(minutes=1))
