import threading
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kvtui.backends.factory import StoreState
from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import WRITING, Capability
from kvtui.domain.errors import Conflict, InvalidInput, Locked, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import VersionState
from kvtui.domain.value import Fields, SecretValue, same_fields
from kvtui.services.changes import Change, Op
from kvtui.services.journal import Act
from kvtui.services.profiles import Profile
from kvtui.services.session import Session


def fields(**values: Any) -> Fields:
    return {name: SecretValue(value) for name, value in values.items()}


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> Profile:
    return Profile("test", "memory", MappingProxyType({"name": request.node.nodeid}))


@pytest.fixture
def session(profile: Profile, tmp_path: Path) -> Session:
    session = Session(profile, state_dir=tmp_path)
    session.unlock()
    session.backend.write("app/db", fields(password="one", port=5432))
    return session


def acts(session: Session) -> list[tuple[Act, str, int | None, str]]:
    """The journal, oldest first."""
    return [(entry.act, entry.path, entry.version, entry.result) for entry in reversed(session.journal.entries())]


def spoil(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")


def test_a_lock_forgets_the_paths_that_were_used(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_opened", lambda *_: MemoryBackend(capabilities=ALL - {Capability.LIST}))
    session = Session(profile._replace(remember=False), state_dir=tmp_path)
    session.unlock()
    session.backend.write("app/db", fields(value="x"))
    assert session.remembers
    session.lock()
    assert not session.remembers


def test_a_locked_session_refuses_everything(profile: Profile, tmp_path: Path) -> None:
    session = Session(profile, state_dir=tmp_path)
    assert not session.is_open
    assert session.probe() is StoreState.READY
    assert not session.can(Capability.READ)
    assert "locked" in session.why_not(Capability.READ)
    for use in (
        lambda: session.backend,
        lambda: session.journal,
        session.info,
        lambda: session.activity("app/db"),
        lambda: session.apply(Change(Op.DELETE, "app/db")),
    ):
        with pytest.raises(Locked):
            use()


def test_locking_closes_the_store_and_forgets_staged_changes_and_undo(session: Session) -> None:
    backend = session.backend
    session.apply(Change(Op.DELETE, "app/db"))
    session.staged.stage(Change(Op.UNDELETE, "app/db"))
    session.lock()
    session.lock()
    assert not session.is_open
    assert len(session.staged) == 0
    assert session.undoable is None
    with pytest.raises(Locked):
        backend.read("app/db")
    session.unlock()
    assert session.backend.read("app/db").current == 1


def test_unlocking_again_closes_the_store_that_was_open(session: Session) -> None:
    before = session.backend
    session.unlock()
    assert session.backend is not before
    with pytest.raises(Locked):
        before.list()


def test_capabilities_say_what_is_missing_and_why(session: Session) -> None:
    assert session.can(Capability.WRITE)
    assert session.why_not(Capability.WRITE) == ""
    assert not session.can(Capability.KEY_SLOTS)
    assert "memory" in session.why_not(Capability.KEY_SLOTS)
    assert session.info().kind == "memory"


def test_disclosing_a_value_is_journaled_first(session: Session) -> None:
    secret = session.backend.read("app/db")
    assert session.disclose(Act.REVEAL, secret, "password").reveal() == "one"
    (entry,) = session.activity("app/db")
    assert (entry.act, entry.path, entry.field, entry.version) == (Act.REVEAL, "app/db", "password", 1)


def test_a_field_that_is_not_there_is_refused_and_not_journaled(session: Session) -> None:
    with pytest.raises(InvalidInput, match="no field user") as error:
        session.disclose(Act.COPY, session.backend.read("app/db"), "user")
    assert error.value.hint == "Its fields: password, port."
    assert acts(session) == []


def test_without_a_journal_nothing_is_disclosed_or_changed(session: Session, tmp_path: Path) -> None:
    secret = session.backend.read("app/db")
    spoil(tmp_path)
    with pytest.raises((PermissionDenied, Unavailable), match="journal"):
        session.disclose(Act.REVEAL, secret, "password")
    for change in (
        Change(Op.SET, "app/db", fields(value="x")),
        Change(Op.META, "app/db", metadata=MetadataPatch(owner="me")),
        Change(Op.DELETE, "app/db"),
        Change(Op.DESTROY, "app/db"),
        Change(Op.MOVE, "app/db", to="b"),
        Change(Op.COPY, "app/db", to="b"),
    ):
        with pytest.raises((PermissionDenied, Unavailable), match="journal"):
            session.apply(change)
    assert session.backend.read("app/db") is not None
    assert [entry.path for entry in session.backend.walk()] == ["app/db"]
    assert session.backend.read("app/db").metadata == secret.metadata
    assert session.undoable is None


def test_every_change_is_journaled_once_with_its_version_and_result(session: Session) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="x"), base_version=1))
    with pytest.raises(Conflict):
        session.apply(Change(Op.SET, "app/db", fields(value="y"), base_version=1))
    session.apply(Change(Op.SET, "app/db", fields(value="z"), base_version=2), act=Act.ROTATE)
    session.apply(Change(Op.META, "app/db", metadata=MetadataPatch(owner="me")))
    session.apply(Change(Op.COPY, "app/db", to="copy"))
    session.apply(Change(Op.MOVE, "copy", to="moved"))
    session.apply(Change(Op.DELETE, "app/db"))
    session.undo()
    session.apply(Change(Op.DESTROY, "moved"))
    assert acts(session) == [
        (Act.WRITE, "app/db", 2, "done"),
        (Act.WRITE, "app/db", None, "Conflict"),
        (Act.ROTATE, "app/db", 3, "done"),
        (Act.META, "app/db", None, "done"),
        (Act.COPY_SECRET, "app/db", None, "done"),
        (Act.MOVE, "copy", None, "done"),
        (Act.DELETE, "app/db", None, "done"),
        (Act.UNDO, "app/db", None, "done"),
        (Act.DESTROY, "moved", None, "done"),
    ]
    assert session.journal.verify().ok
    assert [entry.to for entry in session.activity("moved")] == [None, "moved"]


def test_no_value_reaches_the_journal(session: Session, tmp_path: Path) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="hunter2-sentinel"), base_version=1))
    session.disclose(Act.COPY, session.backend.read("app/db"), "value")
    assert "hunter2" not in repr(session.journal.entries())
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"hunter2" not in file.read_bytes()


def test_undo_takes_changes_back_one_by_one(session: Session) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="2"), base_version=1))
    session.apply(Change(Op.META, "app/db", metadata=MetadataPatch(owner="me")))
    session.apply(Change(Op.SET, "new", fields(value="n"), base_version=0))
    session.undo()
    assert not session.backend.read("new").fields
    session.undo()
    assert session.backend.metadata("app/db").owner is None
    session.undo()
    assert same_fields(session.backend.read("app/db").fields, fields(password="one", port=5432))
    with pytest.raises(InvalidInput, match="nothing to undo"):
        session.undo()


def test_several_writes_of_one_secret_are_undone_one_by_one(session: Session) -> None:
    for number in range(3):
        session.apply(Change(Op.SET, "new", fields(value=str(number)), base_version=number))
    session.undo()
    assert same_fields(session.backend.read("new").fields, fields(value="1"))
    session.undo()
    assert same_fields(session.backend.read("new").fields, fields(value="0"))
    session.undo()
    assert session.backend.read("new").version.state is VersionState.DELETED
    assert session.undoable is None


def test_undo_stops_at_what_somebody_else_wrote_between_my_changes(session: Session) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="mine"), base_version=1))
    session.backend.write("app/db", fields(value="theirs"))
    session.apply(Change(Op.SET, "app/db", fields(value="mine again"), base_version=3))
    session.undo()
    assert same_fields(session.backend.read("app/db").fields, fields(value="theirs"))
    with pytest.raises(Conflict):
        session.undo()
    assert same_fields(session.backend.read("app/db").fields, fields(value="theirs"))


def test_undo_that_conflicts_changes_nothing_and_is_dropped(session: Session) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="mine"), base_version=1))
    session.backend.write("app/db", fields(value="theirs"))
    with pytest.raises(Conflict):
        session.undo()
    assert same_fields(session.backend.read("app/db").fields, fields(value="theirs"))
    assert session.undoable is None


def test_what_cannot_be_undone_leaves_nothing_older_to_undo(session: Session) -> None:
    session.apply(Change(Op.SET, "app/db", fields(value="2"), base_version=1))
    session.apply(Change(Op.DESTROY, "app/db"))
    assert session.undoable is None


def test_staged_changes_are_applied_one_by_one_and_what_fails_stays(session: Session) -> None:
    session.staged.stage(Change(Op.SET, "a", fields(value="x"), base_version=0))
    session.staged.stage(Change(Op.SET, "app/db", fields(value="x"), base_version=7))
    session.staged.stage(Change(Op.SET, "c", fields(value="x"), base_version=0))
    outcomes = list(session.apply_staged())
    assert [(outcome.change.path, outcome.error is None) for outcome in outcomes] == [
        ("a", True),
        ("app/db", False),
        ("c", True),
    ]
    assert list(session.staged.paths) == ["app/db"]
    session.staged.stage(Change(Op.SET, "app/db", fields(value="x"), base_version=1))
    assert [outcome.error for outcome in session.apply_staged()] == [None]
    assert [session.backend.read(path).current for path in ("a", "app/db", "c")] == [1, 2, 1]


def test_an_attempt_gives_its_error_back(session: Session) -> None:
    assert session.attempt(Change(Op.DELETE, "app/db")).error is None
    assert isinstance(session.attempt(Change(Op.DELETE, "none")).error, NotFound)


def test_a_read_only_profile_refuses_every_change_but_reads(session: Session, profile: Profile, tmp_path: Path) -> None:
    only = Session(Profile("test", "memory", profile.settings, read_only=True), state_dir=tmp_path)
    only.unlock()
    assert only.disclose(Act.READ, only.backend.read("app/db"), "password").reveal() == "one"
    assert only.info().read_only
    for capability in WRITING:
        assert not only.can(capability)
        assert "read-only" in only.why_not(capability) or capability not in ALL  # what the store never had
    for change in (
        Change(Op.SET, "app/db", fields(value="x")),
        Change(Op.META, "app/db", metadata=MetadataPatch(owner="me")),
        Change(Op.DELETE, "app/db"),
        Change(Op.UNDELETE, "app/db"),
        Change(Op.DESTROY, "app/db"),
        Change(Op.MOVE, "app/db", to="b"),
        Change(Op.COPY, "app/db", to="b"),
    ):
        with pytest.raises(PermissionDenied):
            only.apply(change)
    with pytest.raises(PermissionDenied):
        only.create_container("team")
    assert [entry.path for entry in session.backend.walk()] == ["app/db"]


def test_containers_are_made_and_removed_and_journaled(session: Session) -> None:
    session.create_container("team")
    with pytest.raises(Conflict):
        session.delete_container("app")
    session.delete_container("team")
    assert acts(session) == [
        (Act.WRITE, "team", None, "done"),
        (Act.DELETE, "app", None, "Conflict"),
        (Act.DELETE, "team", None, "done"),
    ]


def test_a_store_that_is_not_made_from_here_says_so(profile: Profile) -> None:
    from kvtui.domain.credential import Credential

    with pytest.raises(Unsupported):
        Session(profile).create(Credential())


def test_threads_write_one_by_one_and_every_write_is_journaled(session: Session) -> None:
    def write(worker: int) -> None:
        for number in range(20):
            session.apply(Change(Op.SET, f"w/{worker}", fields(value=str(number)), base_version=number))

    workers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [session.backend.read(f"w/{number}").current for number in range(4)] == [20] * 4
    assert (session.journal.verify().ok, session.journal.verify().lines) == (True, 80)
