"""Deleting, undeleting, destroying, the trash, histories, moving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, InvalidPath, NotFound, Unsupported
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue, same_fields
from kvtui.testing.suite import EVERYTHING, Suite, holds, is_recent, need, needs, one

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED

_DAY = datetime(2024, 2, 29, 12, 30, 45, 123000, tzinfo=UTC)
OLD = History(
    "old/secret",
    Metadata(
        type=SecretType.CERTIFICATE,
        description="restored",
        tags=("a", "b"),
        owner="them",
        created_by="ann",
        created_at=_DAY,
        updated_at=_DAY + timedelta(days=9),
        rotation=timedelta(days=30),
        custom=MappingProxyType({"k": "v"}),
    ),
    (
        StoredVersion(Version(2, LIVE, _DAY, "ann"), {"value": SecretValue("second"), "more": SecretValue("m")}),
        StoredVersion(Version(3, DESTROYED, _DAY + timedelta(days=1), "bob"), None),
        StoredVersion(
            Version(5, DELETED, _DAY + timedelta(days=2), "ann", _DAY + timedelta(days=3), "eve"),
            {"value": SecretValue("fifth")},
        ),
        StoredVersion(Version(6, LIVE, _DAY + timedelta(days=4)), {}),
    ),
)
"""A secret as another store had it: its first versions pruned, one destroyed, one deleted, one without fields."""


class LifecycleConformance(Suite):
    # Deleting

    @needs(Capability.READ, Capability.DELETE, Capability.UNDELETE)
    def test_a_deleted_secret_is_read_in_that_state_without_fields(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.delete("app/db")
        secret = store.read("app/db")
        assert (secret.version.state, dict(secret.fields), secret.current) == (DELETED, {}, 1)
        assert is_recent(secret.version.deleted_at, self.clock_skew)

    @needs(Capability.READ, Capability.DELETE)
    def test_what_is_deleted_cannot_be_read_any_more(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.delete("app/db")
        try:
            assert not store.read("app/db").fields
        except NotFound:
            assert not store.can(Capability.UNDELETE)

    @needs(Capability.LIST, Capability.DELETE, Capability.UNDELETE)
    def test_a_deleted_secret_is_listed_with_its_state(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.delete("app/db")
        told = (DELETED,) if self.tells_states else (DELETED, None)
        (entry,) = store.list("app").entries
        assert entry.path == "app/db"
        assert entry.state in told
        (entry,) = store.walk()
        assert entry.state in told

    @needs(Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS)
    def test_deleting_again_changes_nothing(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.delete("app/db")
        before = store.versions("app/db")
        store.delete("app/db")
        assert list(store.versions("app/db")) == list(before)

    @needs(Capability.READ, Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS)
    def test_delete_with_versions_deletes_just_those(self, store: Backend) -> None:
        _write(store, "1", "2", "3")
        if not self.deletes_old_versions:
            with pytest.raises(Unsupported):
                store.delete("app/db", [1, 2])
            assert _states(store) == [LIVE, LIVE, LIVE]
            return
        store.delete("app/db", [1, 2])
        assert _states(store) == [DELETED, DELETED, LIVE]
        assert holds(store.read("app/db"), one("3"))
        assert not store.read("app/db", 1).fields

    @needs(Capability.READ, Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS)
    def test_a_write_after_a_delete_is_live_and_the_old_version_stays_deleted(self, store: Backend) -> None:
        _write(store, "1")
        store.delete("app/db")
        assert store.write("app/db", one("2")).number == 2
        assert _states(store) == [DELETED, LIVE]

    @needs(Capability.READ, Capability.DELETE, Capability.UNDELETE)
    def test_undelete_gives_the_same_values_back(self, store: Backend) -> None:
        version = store.write("app/db", one("x"))
        store.delete("app/db")
        store.undelete("app/db")
        secret = store.read("app/db")
        assert holds(secret, one("x"))
        assert secret.version == version

    @needs(Capability.READ, Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS)
    def test_undelete_with_versions_restores_just_those(self, store: Backend) -> None:
        for text in "123":
            _write(store, text)
            store.delete("app/db")
        assert _states(store) == [DELETED, DELETED, DELETED]
        store.undelete("app/db", [1, 3])
        assert _states(store) == [LIVE, DELETED, LIVE]
        assert holds(store.read("app/db", 1), one("1"))

    @needs(Capability.UNDELETE, Capability.VERSIONS)
    def test_undeleting_what_is_live_changes_nothing(self, store: Backend) -> None:
        _write(store, "1")
        before = store.versions("app/db")
        store.undelete("app/db", [1])
        assert list(store.versions("app/db")) == list(before)

    # Destroying

    @needs(Capability.READ, Capability.DESTROY, Capability.VERSIONS)
    def test_destroying_versions_drops_their_values_and_keeps_the_numbers(self, store: Backend) -> None:
        _write(store, "1", "2", "3")
        store.destroy("app/db", [1, 3])
        assert _states(store) == [DESTROYED, LIVE, DESTROYED]
        secret = store.read("app/db")
        assert (secret.version.state, dict(secret.fields), secret.current) == (DESTROYED, {}, 3)
        assert holds(store.read("app/db", 2), one("2"))
        assert store.write("app/db", one("4")).number == 4

    @needs(Capability.DESTROY, Capability.VERSIONS)
    def test_destroying_again_changes_nothing(self, store: Backend) -> None:
        _write(store, "1", "2")
        store.destroy("app/db", [1])
        before = store.versions("app/db")
        store.destroy("app/db", [1])
        assert list(store.versions("app/db")) == list(before)

    @needs(Capability.DESTROY, Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS)
    def test_destroyed_stays_destroyed(self, store: Backend) -> None:
        _write(store, "1")
        store.delete("app/db")
        _write(store, "2")
        store.destroy("app/db", [2])
        store.delete("app/db", [2])
        for versions in ([], [2], [1, 2]):
            with pytest.raises(NotFound):
                store.undelete("app/db", versions)
        assert _states(store) == [DELETED, DESTROYED]

    @needs(Capability.READ, Capability.LIST, Capability.DESTROY)
    def test_a_secret_destroyed_as_a_whole_is_gone(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.write("app", one("y"))
        store.destroy("app/db")
        with pytest.raises(NotFound):
            store.read("app/db")
        assert [(entry.path, entry.is_folder) for entry in store.list().entries] == [("app", False)]
        assert [entry.path for entry in store.walk()] == ["app"]
        if store.can(Capability.TRASH):
            assert not list(store.trash())

    @needs(Capability.READ, Capability.DESTROY, Capability.METADATA, Capability.EDIT_METADATA)
    def test_a_path_is_free_again_after_its_secret_was_destroyed(self, store: Backend) -> None:
        store.write("app/db", one("x"), metadata=EVERYTHING.only(store.info().metadata_fields))
        store.destroy("app/db")
        store.write("app/db", one("y"))
        assert not MetadataPatch.replacing(store.metadata("app/db"), self.fresh)
        assert holds(store.read("app/db"), one("y"))

    @pytest.mark.parametrize("verb", ["delete", "undelete", "destroy"])
    def test_numbers_that_do_not_exist_raise_not_found_and_nothing_changes(self, store: Backend, verb: str) -> None:
        need(store, Capability(verb), Capability.VERSIONS, Capability.DELETE, Capability.UNDELETE)
        _write(store, "1", "2")
        store.delete("app/db", [2])
        before = store.versions("app/db")
        for versions in ([3], [0], [-1], [1, 2, 3]):
            with pytest.raises(NotFound):
                getattr(store, verb)("app/db", versions)
        assert list(store.versions("app/db")) == list(before)

    @pytest.mark.parametrize("verb", ["delete", "undelete", "destroy", "versions"])
    def test_what_was_never_there_raises_not_found(self, store: Backend, verb: str) -> None:
        need(store, Capability(verb))
        self.seed(store).write("app/db/x" if self.keeps_path("app/db/x") else "app/x", one("x"))
        with pytest.raises(NotFound):
            getattr(store, verb)("app/db")

    # Trash

    @needs(Capability.TRASH)
    def test_the_trash_has_every_secret_with_restorable_versions(self, store: Backend) -> None:
        given = self.seed(store)
        for path in ("z", "a/b", "a", "untouched", "destroyed"):
            given.write(path, one("1"))
            given.write(path, one("2"))
        for path, versions in {"z": [1, 2], "a/b": [2], "a": [1], "destroyed": [1, 2]}.items():
            given.delete(path, versions)
        given.destroy("destroyed", [1, 2])
        found = list(store.trash())
        assert [(item.path, item.versions) for item in found] == [("a", (1,)), ("a/b", (2,)), ("z", (1, 2))]
        assert all(is_recent(item.deleted_at, self.clock_skew) for item in found)
        given.undelete("a", [1])
        assert [item.path for item in store.trash()] == ["a/b", "z"]

    # History

    @needs(Capability.HISTORY)
    def test_a_history_is_written_and_read_back_exactly(self, store: Backend) -> None:
        self.seed(store).write_history(OLD)
        read = store.read_history(OLD.path)
        assert (read.path, read.metadata) == (OLD.path, OLD.metadata)
        assert [stored.version for stored in read.versions] == [stored.version for stored in OLD.versions]
        for mine, theirs in zip(read.versions, OLD.versions, strict=True):
            if theirs.fields is None:
                assert mine.fields is None
            else:
                assert mine.fields is not None
                assert same_fields(mine.fields, theirs.fields)

    @needs(Capability.HISTORY, Capability.READ, Capability.VERSIONS, Capability.UNDELETE, Capability.WRITE)
    def test_a_restored_secret_goes_on_like_any_other(self, store: Backend) -> None:
        store.write_history(OLD)
        assert holds(store.read("old/secret", 2), OLD.versions[0].fields or {})
        with pytest.raises(NotFound):
            store.read("old/secret", 1)
        store.undelete("old/secret", [5])
        assert holds(store.read("old/secret", 5), one("fifth"))
        assert store.write("old/secret", one("new")).number == 7

    @needs(Capability.HISTORY, Capability.READ, Capability.WRITE)
    def test_a_history_does_not_replace_what_is_there(self, store: Backend) -> None:
        store.write(OLD.path, one("mine"))
        with pytest.raises(AlreadyExists):
            store.write_history(OLD)
        assert holds(store.read(OLD.path), one("mine"))

    @needs(Capability.HISTORY, Capability.READ, Capability.WRITE)
    def test_histories_in_bulk_give_one_result_each_in_order(self, store: Backend) -> None:
        store.write("taken", one("mine"))
        places = ["first", "taken", "bad//path", "second", "first"]
        wrong = History("wrong", Metadata(), ())
        histories = [History(path, OLD.metadata, OLD.versions) for path in places]
        results = list(store.write_histories(iter([*histories, wrong])))
        assert [result.path for result in results] == [*places, "wrong"]
        kinds = [type(result.error) for result in results]
        assert kinds == [type(None), AlreadyExists, InvalidPath, type(None), AlreadyExists, InvalidInput]
        assert [result.version for result in results if result.error is None] == [OLD.versions[-1].version] * 2
        for path in ("first", "second"):
            kept = store.read_history(path)
            assert kept.metadata == OLD.metadata
            assert [stored.version for stored in kept.versions] == [stored.version for stored in OLD.versions]
        assert holds(store.read("taken"), one("mine"))

    @pytest.mark.parametrize(
        "versions",
        [
            (),
            (StoredVersion(Version(0), one("x")),),
            (StoredVersion(Version(2), one("x")), StoredVersion(Version(1), one("x"))),
            (StoredVersion(Version(1), one("x")), StoredVersion(Version(1), one("x"))),
            (StoredVersion(Version(1), None),),
            (StoredVersion(Version(1, DESTROYED), one("x")),),
        ],
        ids=["none", "zero", "descending", "twice", "live without fields", "destroyed with fields"],
    )
    @needs(Capability.HISTORY, Capability.WRITE)
    def test_a_history_that_cannot_be_raises_invalid_input(
        self, store: Backend, versions: Sequence[StoredVersion]
    ) -> None:
        with pytest.raises(InvalidInput):
            store.write_history(History("app/db", Metadata(), versions))
        with pytest.raises(NotFound):
            store.read_history("app/db")

    @needs(Capability.HISTORY)
    def test_a_history_of_what_is_not_there_raises_not_found(self, store: Backend) -> None:
        with pytest.raises(NotFound):
            store.read_history("app/db")

    # Moving

    @needs(Capability.MOVE, Capability.HISTORY, Capability.LIST)
    def test_a_move_takes_all_versions_and_metadata_along(self, store: Backend) -> None:
        store.write_history(OLD)
        store.write("old/secret/below", one("stays"))
        store.move(OLD.path, "new/place")
        moved = store.read_history("new/place")
        assert moved.metadata == OLD.metadata
        assert [stored.version for stored in moved.versions] == [stored.version for stored in OLD.versions]
        assert [entry.path for entry in store.walk()] == ["new/place", "old/secret/below"]
        with pytest.raises(NotFound):
            store.read_history(OLD.path)

    @needs(Capability.MOVE, Capability.READ, Capability.DELETE, Capability.UNDELETE)
    def test_a_move_onto_a_secret_raises_already_exists_and_changes_nothing(self, store: Backend) -> None:
        store.write("a", one("mine"))
        store.write("b", one("theirs"))
        store.write("deleted", one("restorable"))
        store.delete("deleted")
        for target in ("b", "a", "deleted"):
            with pytest.raises(AlreadyExists):
                store.move("a", target)
        assert holds(store.read("a"), one("mine"))
        assert holds(store.read("b"), one("theirs"))

    @needs(Capability.MOVE)
    def test_a_move_of_nothing_raises_not_found(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.move("app", "elsewhere")

    @pytest.mark.parametrize("target", ["", "a//b", "new\u202ename", "e\u0301"])
    @needs(Capability.MOVE, Capability.READ)
    def test_a_move_to_a_bad_path_raises_invalid_path(self, store: Backend, target: str) -> None:
        store.write("app/db", one("x"))
        with pytest.raises(InvalidPath):
            store.move("app/db", target)
        assert holds(store.read("app/db"), one("x"))

    @needs(Capability.MOVE, Capability.READ, Capability.LIST)
    def test_a_secret_moves_below_itself(self, store: Backend) -> None:
        store.write("a", one("x"))
        store.move("a", "a/b")
        assert [entry.path for entry in store.walk()] == ["a/b"]
        store.move("a/b", "a")
        assert holds(store.read("a"), one("x"))


def _write(store: Backend, *texts: str) -> None:
    for text in texts:
        store.write("app/db", one(text))


def _states(store: Backend) -> list[VersionState]:
    return [version.state for version in store.versions("app/db")]
