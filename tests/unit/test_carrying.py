"""Secrets carried from one store into another: whole where that can be, told before where it cannot, resumed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kvtui.backends.memory import ALL, MemoryBackend, MemoryStore
from kvtui.backends.not_found import missing
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    Corrupt,
    InvalidInput,
    KvtuiError,
    NotFound,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import Metadata, MetadataField, MetadataPatch, SecretType
from kvtui.domain.retention import Retention
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import Fields, SecretValue, same_fields
from kvtui.services.carrying import carry
from kvtui.services.packing import fit, pack

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED
C = Capability
REPLAYED = ALL - {C.HISTORY, C.MOVE}
"""A store like a server: versions are written one after the other, and read one by one."""
DAY = datetime(2024, 2, 29, tzinfo=UTC)


def fields(text: str) -> Fields:
    return {"value": SecretValue(text), "map": SecretValue({"b": 1, "a": [text]})}


def full(capabilities: frozenset[Capability] = ALL) -> MemoryBackend:
    """A store with a secret that has a past."""
    store = MemoryBackend(capabilities=capabilities)
    patch = MetadataPatch(type=SecretType.TOKEN, description="d", tags=("t",), owner="o", custom={"k": "v"})
    for text in "12345":
        store.write("a", fields(text), metadata=patch)
    store.destroy("a", [2])
    store.delete("a", [4])
    return store


def states(store: MemoryBackend, path: str = "b") -> list[tuple[int, VersionState]]:
    return [(version.number, version.state) for version in store.versions(path)]


WHOLE = [(1, LIVE), (2, DESTROYED), (3, LIVE), (4, DELETED), (5, LIVE)]


def words(lost: Any) -> str:
    return " ".join(loss.what for loss in lost if not loss.slight)


def test_a_store_of_histories_gets_everything_times_included() -> None:
    source, target = full(), MemoryBackend()
    carried = carry(source, "a", target, "b")
    assert (carried.version, carried.lost) == (5, ())
    assert states(target) == WHOLE
    assert target.read_history("b").metadata == source.read_history("a").metadata
    target.undelete("b", [4])
    assert same_fields(target.read("b", 4).fields, fields("4"))


def test_a_store_like_a_server_gets_all_versions_with_their_numbers_and_states() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    carried = carry(source, "a", target, "b")
    assert states(target) == WHOLE
    assert not words(carried.lost)
    assert [loss.what for loss in carried.lost] == ["Times and authors of versions are set anew."]
    for number in (1, 3, 5):
        assert same_fields(target.read("b", number).fields, fields(str(number)))
    told = target.metadata("b")
    assert (told.type, told.description, told.tags, told.owner) == (SecretType.TOKEN, "d", ("t",), "o")
    target.undelete("b", [4])
    assert same_fields(target.read("b", 4).fields, fields("4"))


def test_values_a_server_keeps_back_arrive_destroyed_and_that_is_told_before() -> None:
    source, target = full(REPLAYED), MemoryBackend()
    lost = fit(pack(source, "a"), target, "b").lost
    assert "(4)" in words(lost)
    carry(source, "a", target, "b")
    assert states(target) == [(1, LIVE), (2, DESTROYED), (3, LIVE), (4, DESTROYED), (5, LIVE)]


def test_a_store_of_one_version_gets_the_newest_and_says_what_it_does_not() -> None:
    target = MemoryBackend(capabilities=ALL - {C.HISTORY, C.VERSIONS, C.EDIT_METADATA, C.METADATA})
    carried = carry(full(), "a", target, "b")
    assert same_fields(target.read("b").fields, fields("5"))
    assert "4 older ones" in words(carried.lost)
    assert "description" in words(carried.lost)


def test_what_the_target_cannot_keep_is_refused_before_anything_is_written() -> None:
    target = MemoryBackend(capabilities=REPLAYED - {C.TYPED_VALUES})
    with pytest.raises(KvtuiError):
        carry(full(), "a", target, "b")
    assert not list(target.walk())


def test_pruned_versions_leave_their_numbers_taken() -> None:
    versions = tuple(StoredVersion(Version(number, LIVE, DAY), fields(str(number))) for number in (3, 5))
    source = MemoryBackend()
    source.write_history(History("a", Metadata(), versions))
    target = MemoryBackend(capabilities=REPLAYED)
    carry(source, "a", target, "b")
    assert states(target) == [(1, DESTROYED), (2, DESTROYED), (3, LIVE), (4, DESTROYED), (5, LIVE)]


def test_many_pruned_versions_are_not_made_up_the_numbers_change() -> None:
    versions = tuple(StoredVersion(Version(number, LIVE, DAY), fields(str(number))) for number in (500, 501))
    source = MemoryBackend()
    source.write_history(History("a", Metadata(), versions))
    target = MemoryBackend(capabilities=REPLAYED)
    carried = carry(source, "a", target, "b")
    assert states(target) == [(1, LIVE), (2, LIVE)]
    assert any("new numbers" in loss.what for loss in carried.lost)


def test_settings_are_carried_along() -> None:
    source = full()
    source.write_retention("a", Retention(max_versions=50, cas_required=True, delete_after=timedelta(days=2)))
    target = MemoryBackend(capabilities=REPLAYED)
    carry(source, "a", target, "b")
    assert target.retention("b") == source.retention("a")


def test_a_limit_that_is_raised_for_all_versions_to_arrive_is_told() -> None:
    class Keeping(MemoryBackend):
        def info(self) -> BackendInfo:
            return super().info()._replace(keeps_versions=10)

    source, target = full(), Keeping(capabilities=REPLAYED)
    source.write_retention("a", Retention(max_versions=3))
    parcel = fit(pack(source, "a"), target, "b")
    assert "Max versions becomes 5 so that all arrive." in [loss.what for loss in parcel.lost]
    carry(source, "a", target, "b")
    assert target.retention("b").max_versions == 5


def test_a_move_removes_the_source_once_the_copy_is_there() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    carry(source, "a", target, "b", move=True)
    assert not list(source.walk())
    assert states(target) == WHOLE


def test_a_move_that_would_lose_something_is_refused_and_with_consent_leaves_it_restorable() -> None:
    source = full()
    target = MemoryBackend(capabilities=ALL - {C.HISTORY, C.VERSIONS})
    with pytest.raises(Unsupported, match="older ones"):
        carry(source, "a", target, "b", move=True)
    assert not list(target.walk())
    assert source.read("a").version.state is LIVE
    carry(source, "a", target, "b", move=True, lossy=True)
    assert source.read("a").version.state is DELETED
    source.undelete("a")
    assert same_fields(source.read("a").fields, fields("5"))


def test_what_is_there_stays_unless_overwritten() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    target.write("b", fields("theirs"), metadata=MetadataPatch(custom={"only": "there"}))
    for how in ({}, {"resume": True}):
        with pytest.raises(AlreadyExists):
            carry(source, "a", target, "b", move=True, **how)
    assert same_fields(target.read("b").fields, fields("theirs"))
    assert source.read("a").current == 5
    carried = carry(source, "a", target, "b", overwrite=True)
    assert carried.version == 2
    assert same_fields(target.read("b").fields, fields("5"))
    assert same_fields(target.read("b", 1).fields, fields("theirs"))


class Failing(MemoryBackend):
    """Stops being there after so many changes; what was done before stays done."""

    left = 10**9

    def _change(self, call: Callable[[], Any]) -> Any:
        if self.left == 0:
            raise Unavailable("gone")
        self.left -= 1
        return call()

    def write(self, *args: Any, **named: Any) -> Version:
        found: Version = self._change(lambda: super(Failing, self).write(*args, **named))
        return found

    def delete(self, *args: Any) -> None:
        self._change(lambda: super(Failing, self).delete(*args))

    def destroy(self, *args: Any) -> None:
        self._change(lambda: super(Failing, self).destroy(*args))

    def write_retention(self, *args: Any) -> None:
        self._change(lambda: super(Failing, self).write_retention(*args))


@pytest.mark.parametrize("after", range(10))
@pytest.mark.parametrize("move", [False, True])
def test_a_run_that_ended_anywhere_is_resumed_without_anything_done_twice(after: int, move: bool) -> None:
    source = full()
    source.write_retention("a", Retention(max_versions=50))
    target = Failing(capabilities=REPLAYED)
    target.left = after
    try:
        carry(source, "a", target, "b", move=move)
    except Unavailable:
        assert source.read("a").current == 5, "the source is not touched before the copy is whole"
        target.left = 10**9
        carry(source, "a", target, "b", move=move, resume=True)
    assert states(target) == WHOLE
    assert target.retention("b").max_versions == 50
    assert same_fields(target.read("b", 1).fields, fields("1"))
    assert bool(list(source.walk())) is not move


def test_a_run_is_not_resumed_onto_something_else() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    target.write("b", fields("1"))
    target.write("b", fields("somebody's second"))
    with pytest.raises(AlreadyExists, match="Something else"):
        carry(source, "a", target, "b", resume=True)


class Lying(MemoryBackend):
    """Gives back another value than was written."""

    def read(self, path: str, version: int | None = None) -> Any:
        secret = super().read(path, version)
        return type(secret)(secret.path, secret.version, fields("lie"), secret.metadata, secret.current)


def test_a_copy_that_is_not_what_was_sent_leaves_the_source_alone() -> None:
    source, target = full(), Lying(capabilities=REPLAYED)
    with pytest.raises(Corrupt):
        carry(source, "a", target, "b", move=True)
    assert states(source, "a") == WHOLE


def test_a_source_that_somebody_wrote_to_meanwhile_stays() -> None:
    source = full()

    class Meddling(MemoryBackend):
        def destroy(self, *args: Any) -> None:
            source.write("a", fields("6"))
            super().destroy(*args)

    target = Meddling(capabilities=REPLAYED)
    with pytest.raises(Conflict):
        carry(source, "a", target, "b", move=True)
    assert source.read("a").current == 6


def test_a_deleted_secret_is_not_carried_where_only_the_newest_arrives() -> None:
    source = full()
    source.delete("a", [5])
    with pytest.raises(NotFound, match="deleted"):
        carry(source, "a", MemoryBackend(capabilities=ALL - {C.HISTORY, C.VERSIONS}), "b")


def test_a_move_that_ended_before_its_source_was_removed_is_resumed_where_histories_arrive_whole() -> None:
    versions = tuple(StoredVersion(Version(number, LIVE, DAY), fields(str(number))) for number in (3, 5))
    source, target = MemoryBackend(), MemoryBackend()
    for store, path in ((source, "a"), (target, "b")):
        store.write_history(History(path, Metadata(), versions))
    carry(source, "a", target, "b", move=True, resume=True)
    assert states(target) == [(3, LIVE), (5, LIVE)]
    assert not list(source.walk())


def test_a_history_that_is_the_beginning_of_another_is_not_gone_on_with() -> None:
    source, target = full(), MemoryBackend()
    target.write("b", fields("1"))
    with pytest.raises(AlreadyExists, match="Something else"):
        carry(source, "a", target, "b", move=True, resume=True)
    assert states(source, "a") == WHOLE


def test_a_run_that_ended_between_the_last_values_and_the_metadata_is_resumed_with_the_metadata() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    for text in ("1", "", "3", "4", "5"):
        target.write("b", fields(text) if text else {})
    carry(source, "a", target, "b", move=True, resume=True)
    told = target.metadata("b")
    assert (told.type, told.description, told.tags, told.owner) == (SecretType.TOKEN, "d", ("t",), "o")
    assert states(target) == WHOLE


class Forgetful(MemoryBackend):
    """Takes metadata and keeps none of it."""

    def write(self, *args: Any, **named: Any) -> Version:
        return super().write(*args, **{**named, "metadata": MetadataPatch()})


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_move_whose_metadata_did_not_arrive_leaves_the_source_alone(overwrite: bool) -> None:
    source, target = full(), Forgetful(capabilities=REPLAYED)
    if overwrite:
        target.write("b", fields("theirs"))
    with pytest.raises(Corrupt):
        carry(source, "a", target, "b", move=True, overwrite=overwrite)
    assert states(source, "a") == WHOLE


class Mangling(MemoryBackend):
    """Keeps another value than was written, where nobody looks once it is deleted."""

    def write(self, path: str, given: Fields, **named: Any) -> Version:
        is_fourth = given and same_fields(given, fields("4"))
        return super().write(path, fields("lie") if is_fourth else given, **named)


def test_a_deleted_version_is_compared_before_it_is_deleted_there() -> None:
    source = full()
    with pytest.raises(Corrupt):
        carry(source, "a", Mangling(capabilities=REPLAYED), "b", move=True)
    assert states(source, "a") == WHOLE


PLAIN = frozenset({C.LIST, C.READ, C.WRITE, C.FIELDS, C.TYPED_VALUES, C.DELETE, C.REREAD})
"""A store of one version of each secret, which tells no times."""


class Timeless(MemoryBackend):
    def read(self, path: str, version: int | None = None) -> Any:
        secret = super().read(path, version)
        return type(secret)(path, Version(1, secret.version.state), secret.fields, Metadata(), 1)


def test_a_source_without_versions_that_was_written_to_meanwhile_stays() -> None:
    source = Timeless(capabilities=PLAIN)
    source.write("a", fields("1"))

    class Meddling(MemoryBackend):
        def write(self, *args: Any, **named: Any) -> Version:
            source.write("a", fields("2"))
            return super().write(*args, **named)

    with pytest.raises(Conflict):
        carry(source, "a", Meddling(capabilities=REPLAYED), "b", move=True)
    assert same_fields(source.read("a").fields, fields("2"))


@pytest.mark.parametrize("how", [{"resume": True}, {"overwrite": True}, {"overwrite": True, "resume": True}, {}])
@pytest.mark.parametrize(("kind", "capabilities"), [(MemoryBackend, REPLAYED), (Timeless, PLAIN)])
def test_a_secret_is_not_moved_onto_itself_by_another_address(
    kind: type[MemoryBackend], capabilities: frozenset[Capability], how: dict[str, bool]
) -> None:
    store = MemoryStore()
    one, other = (kind(store, capabilities=capabilities, location=where) for where in ("localhost", "127.0.0.1"))
    one.write("team/a", fields("1"))
    for target, to in ((other, "team/a"), (one, "team/a"), (kind(store, capabilities=capabilities), "team/a")):
        with pytest.raises((InvalidInput, AlreadyExists)):
            carry(one, "team/a", target, to, move=True, **how)
        assert same_fields(one.read("team/a").fields, fields("1"))
        assert one.read("team/a").current == 1


def test_a_move_over_another_secret_leaves_the_older_versions_restorable() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    target.write("b", fields("theirs"))
    carried = carry(source, "a", target, "b", move=True, overwrite=True)
    assert words(carried.lost) == "4 older versions are not carried over."
    assert source.read("a").version.state is DELETED
    source.undelete("a", [3])
    assert same_fields(source.read("a", 3).fields, fields("3"))


def test_a_move_over_another_secret_is_refused_where_older_versions_could_not_be_restored() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    target.write("b", fields("theirs"))
    forgetting = MemoryBackend(source._store, capabilities=REPLAYED - {C.UNDELETE})
    with pytest.raises(Unsupported, match="older versions"):
        carry(forgetting, "a", target, "b", move=True, overwrite=True)
    assert target.read("b").current == 1
    assert states(source, "a") == WHOLE


def test_what_a_move_over_another_secret_loses_is_told_and_leaves_the_source_restorable() -> None:
    source, target = MemoryBackend(), MemoryBackend(capabilities=REPLAYED - {C.EDIT_METADATA})
    source.write("a", fields("1"), metadata=MetadataPatch(description="d"))
    target.write("b", fields("theirs"))
    with pytest.raises(Unsupported, match="description"):
        carry(source, "a", target, "b", move=True, overwrite=True)
    carried = carry(source, "a", target, "b", move=True, overwrite=True, lossy=True)
    assert "description" in words(carried.lost)
    assert source.read("a").version.state is DELETED


def test_a_deleted_secret_is_not_written_over_another_though_its_store_still_has_the_values() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    source.delete("a", [5])
    target.write("b", fields("theirs"))
    with pytest.raises(NotFound, match="deleted"):
        carry(source, "a", target, "b", overwrite=True)
    assert target.read("b").current == 1


def test_what_was_written_over_by_a_run_that_ended_is_not_written_over_again() -> None:
    source, target = full(), MemoryBackend(capabilities=REPLAYED)
    target.write("b", fields("theirs"))
    carry(source, "a", target, "b", overwrite=True)
    carry(source, "a", target, "b", overwrite=True, resume=True, move=True)
    assert target.read("b").current == 2
    assert source.read("a").version.state is DELETED


def test_versions_that_would_have_ended_by_themselves_are_told_to_stay() -> None:
    class Ending(MemoryBackend):
        def versions(self, path: str) -> Any:
            return [version._replace(expires_at=DAY) for version in super().versions(path)]

        def read(self, path: str, version: int | None = None) -> Any:
            secret = super().read(path, version)
            return secret._replace(version=secret.version._replace(expires_at=DAY))

    source = Ending(capabilities=REPLAYED)
    source.write("a", fields("1"))
    lost = fit(pack(source, "a"), MemoryBackend(capabilities=REPLAYED), "b").lost
    assert any("by themselves" in loss.what and loss.slight for loss in lost)


def test_a_path_with_settings_but_no_versions_has_nothing_to_carry() -> None:
    class Empty(MemoryBackend):
        def versions(self, path: str) -> Any:
            return ()

    with pytest.raises(NotFound):
        carry(Empty(full()._store, capabilities=REPLAYED), "a", MemoryBackend(), "b")


OWNED = MemoryBackend(
    capabilities=(REPLAYED - {C.EDIT_METADATA}) | {C.METADATA_WITH_VALUE},
    metadata_fields={MetadataField.OWNER, MetadataField.ROTATION},
)
"""A store of few things about a secret, each told with a value."""


def test_of_the_metadata_arrives_what_the_target_keeps_and_the_rest_is_told() -> None:
    source, target = full(), OWNED.connect()
    carried = carry(source, "a", target, "some")
    assert words(carried.lost) == "The target keeps no custom, description, tags, type."
    assert target.metadata("some").owner == "o"
    assert target.metadata("some").description == ""
    with pytest.raises(Unsupported, match="tags"):
        carry(source, "a", target, "moved", move=True)
    target.write("over", fields("theirs"))
    assert "tags" in words(carry(source, "a", target, "over", overwrite=True).lost)
    assert target.metadata("over").owner == "o"


def test_what_is_never_read_back_is_told_and_a_move_there_is_refused() -> None:
    source = full()
    target = MemoryBackend(capabilities=frozenset({C.LIST, C.WRITE, C.FIELDS, C.TYPED_VALUES, C.METADATA}))

    def outline(path: str, version: int | None = None) -> Any:
        raise missing(path)

    target.outline = outline  # type: ignore[method-assign]
    with pytest.raises(Unsupported, match="cannot be read back"):
        carry(source, "a", target, "b", move=True)
    assert "cannot be read back" in words(carry(source, "a", target, "b").lost)
    assert [entry.path for entry in target.walk()] == ["b"]
