from datetime import timedelta
from typing import Any

import pytest

from kvtui.backends.memory import ALL, MemoryBackend, MemoryStore
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, InvalidPath, KvtuiError, NotFound, Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Version, VersionState
from kvtui.domain.value import Fields, SecretValue, same_fields
from kvtui.services.changes import Change, ChangeSet, Op
from kvtui.services.doing import apply


def fields(**values: Any) -> Fields:
    return {name: SecretValue(value) for name, value in values.items()}


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    backend.write("app/db", fields(value="one"), metadata=MetadataPatch(description="first", custom={"k": "v"}))
    backend.write("app/db", fields(value="two", port=5432))
    return backend


def state(backend: MemoryBackend, path: str) -> object:
    """What of a secret undo has to bring back: fields, state and metadata, but not numbers and times."""
    secret = backend.read(path)
    known = secret.metadata
    values = {name: value.reveal() for name, value in secret.fields.items()}
    return (values, secret.version.state, known.type, known.description, known.tags, known.owner, dict(known.custom))


def undone(backend: MemoryBackend, change: Change, path: str = "app/db") -> None:
    before = state(backend, path)
    applied = apply(backend, change)
    assert applied.undo is not None
    assert state(backend, path) != before
    apply(backend, applied.undo)
    assert state(backend, path) == before


def test_creating_needs_that_nothing_is_there(backend: MemoryBackend) -> None:
    applied = apply(backend, Change(Op.SET, "new", fields(value="x"), base_version=0))
    assert applied.version == backend.read("new").version
    with pytest.raises(Conflict) as error:
        apply(backend, Change(Op.SET, "new", fields(value="y"), base_version=0))
    assert (error.value.expected, error.value.actual) == (0, 1)
    assert same_fields(backend.read("new").fields, fields(value="x"))


def test_creating_is_undone_by_a_restorable_delete(backend: MemoryBackend) -> None:
    applied = apply(backend, Change(Op.SET, "new", fields(value="x"), base_version=0))
    assert applied.undo is not None
    apply(backend, applied.undo)
    assert backend.read("new").version.state is VersionState.DELETED


@pytest.mark.parametrize(
    "change",
    [
        Change(Op.SET, "app/db", fields(value="three"), base_version=2),
        Change(Op.SET, "app/db", fields(), MetadataPatch(description="", owner="me", custom={"k": None, "n": "1"})),
        Change(Op.META, "app/db", metadata=MetadataPatch(tags=("a",), rotation=timedelta(days=1), custom={"k": "w"})),
        Change(Op.DELETE, "app/db", base_version=2),
        Change(Op.DELETE, "app/db", versions=(1, 2)),
    ],
    ids=lambda change: change.describe(),
)
def test_a_change_is_undone_to_what_was_there(backend: MemoryBackend, change: Change) -> None:
    undone(backend, change)


def test_undelete_is_undone(backend: MemoryBackend) -> None:
    backend.delete("app/db")
    undone(backend, Change(Op.UNDELETE, "app/db"))


def test_undoing_a_delete_restores_only_what_it_deleted(backend: MemoryBackend) -> None:
    backend.delete("app/db", [1])
    applied = apply(backend, Change(Op.DELETE, "app/db", versions=(1, 2)))
    assert applied.undo is not None
    assert applied.undo.versions == (2,)
    assert apply(backend, Change(Op.DELETE, "app/db", versions=(1,))).undo is None


def test_writing_over_a_deleted_version_is_undone_to_deleted(backend: MemoryBackend) -> None:
    backend.delete("app/db")
    undone(backend, Change(Op.SET, "app/db", fields(value="x"), base_version=2))


def test_undo_of_a_write_conflicts_when_somebody_wrote_since(backend: MemoryBackend) -> None:
    applied = apply(backend, Change(Op.SET, "app/db", fields(value="three"), base_version=2))
    backend.write("app/db", fields(value="theirs"))
    assert applied.undo is not None
    with pytest.raises(Conflict):
        apply(backend, applied.undo)
    assert same_fields(backend.read("app/db").fields, fields(value="theirs"))


@pytest.mark.parametrize(
    "change",
    [
        Change(Op.SET, "app/db", fields(value="x"), base_version=1),
        Change(Op.DELETE, "app/db", base_version=1),
        Change(Op.UNDELETE, "app/db", base_version=1),
        Change(Op.DESTROY, "app/db", base_version=1),
        Change(Op.DESTROY, "app/db", versions=(2,), base_version=1),
        Change(Op.MOVE, "app/db", to="x", base_version=1),
        Change(Op.COPY, "app/db", to="x", base_version=1),
    ],
    ids=lambda change: change.describe(),
)
def test_a_stale_base_conflicts_and_changes_nothing(backend: MemoryBackend, change: Change) -> None:
    token, before = backend.change_token(), state(backend, "app/db")
    with pytest.raises(Conflict) as error:
        apply(backend, change)
    assert (error.value.expected, error.value.actual) == (1, 2)
    assert (backend.change_token(), state(backend, "app/db")) == (token, before)


@pytest.mark.parametrize("op", [Op.META, Op.DELETE, Op.UNDELETE, Op.DESTROY, Op.MOVE, Op.COPY])
def test_a_change_of_what_is_not_there_is_not_found(backend: MemoryBackend, op: Op) -> None:
    with pytest.raises(NotFound):
        apply(backend, Change(op, "none", to="x"))


def test_destroying_cannot_be_undone(backend: MemoryBackend) -> None:
    assert apply(backend, Change(Op.DESTROY, "app/db", versions=(1,))).undo is None
    assert backend.read("app/db", 1).version.state is VersionState.DESTROYED
    assert apply(backend, Change(Op.DESTROY, "app/db")).undo is None
    with pytest.raises(NotFound):
        backend.read("app/db")


def test_moving_carries_everything_and_is_undone(backend: MemoryBackend) -> None:
    before = state(backend, "app/db")
    applied = apply(backend, Change(Op.MOVE, "app/db", to="other/db", base_version=2))
    assert state(backend, "other/db") == before
    assert [version.number for version in backend.versions("other/db")] == [1, 2]
    assert applied.undo is not None
    apply(backend, applied.undo)
    assert state(backend, "app/db") == before


def test_copying_carries_all_versions_and_is_undone(backend: MemoryBackend) -> None:
    applied = apply(backend, Change(Op.COPY, "app/db", to="other"))
    assert state(backend, "other") == state(backend, "app/db")
    assert [version.number for version in backend.versions("other")] == [1, 2]
    assert applied.undo is not None
    apply(backend, applied.undo)
    with pytest.raises(NotFound):
        backend.read("other")


def test_copying_without_history_writes_the_versions_again() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY})
    backend.write("a", fields(value="old"))
    backend.write("a", fields(value="new"), metadata=MetadataPatch(owner="me"))
    apply(backend, Change(Op.COPY, "a", to="b"))
    assert state(backend, "b") == state(backend, "a")
    assert [same_fields(backend.read("b", n).fields, backend.read("a", n).fields) for n in (1, 2)] == [True, True]


def test_a_store_that_cannot_move_copies_checks_and_destroys() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY, Capability.MOVE})
    backend.write("a", fields(value="old"))
    backend.write("a", fields(value="new"))
    applied = apply(backend, Change(Op.MOVE, "a", to="b"))
    assert [entry.path for entry in backend.walk()] == ["b"]
    assert same_fields(backend.read("b", 1).fields, fields(value="old"))
    assert applied.undo is not None
    apply(backend, applied.undo)
    assert [entry.path for entry in backend.walk()] == ["a"]


def test_copying_without_versions_carries_the_current_one() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY, Capability.VERSIONS})
    backend.write("a", fields(value="old"))
    backend.write("a", fields(value="new"), metadata=MetadataPatch(owner="me"))
    apply(backend, Change(Op.COPY, "a", to="b"))
    assert state(backend, "b") == state(backend, "a")
    assert backend.read("b").current == 1


@pytest.mark.parametrize("op", [Op.MOVE, Op.COPY])
def test_an_existing_target_is_kept_unless_overwritten(backend: MemoryBackend, op: Op) -> None:
    backend.write("other", fields(value="theirs"), metadata=MetadataPatch(owner="them", custom={"only": "there"}))
    source = state(backend, "app/db")
    with pytest.raises(AlreadyExists):
        apply(backend, Change(op, "app/db", to="other"))
    applied = apply(backend, Change(op, "app/db", to="other"), overwrite=True)
    assert applied.version is not None
    assert applied.version.number == 2
    assert state(backend, "other") == source
    assert same_fields(backend.read("other", 1).fields, fields(value="theirs"))
    expected = VersionState.DELETED if op is Op.MOVE else VersionState.LIVE
    assert backend.read("app/db").version.state is expected


@pytest.mark.parametrize("op", [Op.MOVE, Op.COPY])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_secret_is_not_copied_or_moved_onto_itself(backend: MemoryBackend, op: Op, overwrite: bool) -> None:
    token = backend.change_token()
    with pytest.raises(InvalidInput):
        apply(backend, Change(op, "app/db", to="app/db"), overwrite=overwrite)
    assert backend.change_token() == token


@pytest.mark.parametrize("op", [Op.MOVE, Op.COPY])
def test_nothing_is_not_written_over_something(backend: MemoryBackend, op: Op) -> None:
    backend.write("other", fields(value="theirs"))
    backend.delete("app/db")
    token = backend.change_token()
    with pytest.raises(NotFound) as error:
        apply(backend, Change(op, "app/db", to="other"), overwrite=True)
    assert error.value.state == "deleted"
    assert backend.change_token() == token


@pytest.mark.parametrize("to", ["", "a//b", "../x", "a\x1bb", None])
def test_a_target_must_be_a_good_new_path(backend: MemoryBackend, to: str | None) -> None:
    for op in (Op.MOVE, Op.COPY):
        with pytest.raises(InvalidPath):
            apply(backend, Change(op, "app/db", to=to))


def test_without_versions_and_undelete_a_delete_is_not_undoable() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.UNDELETE, Capability.VERSIONS, Capability.HISTORY})
    backend.write("a", fields(value="x"))
    assert apply(backend, Change(Op.DELETE, "a")).undo is None
    with pytest.raises(Unsupported):  # rather than that nothing is there
        apply(backend, Change(Op.UNDELETE, "a"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(Op.SET, "a", base_version=0), "Create a"),
        (Change(Op.SET, "a", base_version=3), "Write version 4 of a"),
        (Change(Op.SET, "a"), "Write a"),
        (Change(Op.META, "a"), "Change metadata of a"),
        (Change(Op.MOVE, "a", to="b"), "Move a to b"),
        (Change(Op.COPY, "a", to="b"), "Copy a to b"),
        (Change(Op.DELETE, "a"), "Delete a"),
        (Change(Op.DELETE, "a", versions=(1,)), "Delete version 1 of a"),
        (Change(Op.UNDELETE, "a", versions=(1, 3)), "Undelete versions 1, 3 of a"),
        (Change(Op.DESTROY, "a"), "Destroy a with all its versions"),
        (Change(Op.DESTROY, "a", versions=(2,)), "Destroy version 2 of a"),
    ],
)
def test_a_change_describes_itself(change: Change, words: str) -> None:
    assert change.describe() == words


def test_a_change_does_not_show_its_values() -> None:
    assert "hunter2" not in repr(Change(Op.SET, "a", fields(value="hunter2")))


def test_a_change_set_has_one_change_for_each_path() -> None:
    staged = ChangeSet()
    staged.stage(Change(Op.SET, "b", fields(value="1")))
    staged.stage(Change(Op.DELETE, "a"))
    staged.stage(Change(Op.DELETE, "b"))
    assert [(change.op, change.path) for change in staged] == [(Op.DELETE, "b"), (Op.DELETE, "a")]
    staged.unstage("b")
    staged.unstage("never there")
    assert list(staged.paths) == ["a"]
    staged.clear()
    assert len(staged) == 0


def test_what_fails_stays_staged_and_applying_again_does_exactly_the_rest() -> None:
    class Once(MemoryBackend):
        refuse: str | None = "b"

        def write(self, path: str, *args: Any, **options: Any) -> Version:
            if path == self.refuse:
                raise Unsupported("Not now.", capability="write")
            return super().write(path, *args, **options)

    backend = Once(MemoryStore())
    staged = ChangeSet()
    for path in ("a", "b", "c"):
        staged.stage(Change(Op.SET, path, fields(value=path), base_version=0))
    outcomes = list(staged.apply(backend))
    assert [(outcome.change.path, isinstance(outcome.error, KvtuiError)) for outcome in outcomes] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert list(staged.paths) == ["b"]
    backend.refuse = None
    assert [outcome.change.path for outcome in staged.apply(backend)] == ["b"]
    assert len(staged) == 0
    assert [backend.read(path).current for path in ("a", "b", "c")] == [1, 1, 1]


def test_what_must_be_new_is_not_written_over_where_no_value_is_ever_read() -> None:
    store = MemoryBackend(capabilities={Capability.LIST, Capability.WRITE, Capability.METADATA, Capability.DELETE})
    change = Change(Op.SET, "app/db", fields=fields(value="first"), base_version=0)
    assert apply(store, change).undo is None
    with pytest.raises(Conflict) as caught:
        apply(store, change)
    assert (caught.value.expected, caught.value.actual) == (0, 1)
    assert apply(store, change._replace(base_version=None)).version is not None


def test_a_named_version_is_not_ignored_where_nobody_can_tell_the_current_one() -> None:
    store = MemoryBackend(capabilities={Capability.LIST, Capability.WRITE})
    change = Change(Op.SET, "app/db", fields=fields(value="first"), base_version=3)
    with pytest.raises(Unsupported, match="current"):
        apply(store, change)
    assert not list(store.walk())
    assert apply(store, change._replace(base_version=0)).version is not None
