"""The conformance suite notices what it is there for: each broken store fails the test that names its fault."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend
from kvtui.backends.read_only import ReadOnlyBackend
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import KvtuiError, NotFound
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Deleted, Entry, History, Indexed, Listing, Secret, Version, Write, Written
from kvtui.domain.value import Fields, SecretValue
from kvtui.testing import BackendConformance, BackendMachine


class LosesUpdates(MemoryBackend):
    def write(self, path: str, fields: Fields, *, metadata: Any = MetadataPatch(), expected: Any = None) -> Version:
        return super().write(path, fields, metadata=metadata)


class DropsEmptyTexts(MemoryBackend):
    def write(self, path: str, fields: Fields, *, metadata: Any = MetadataPatch(), expected: Any = None) -> Version:
        kept = {name: value for name, value in fields.items() if not value.same_as(SecretValue(""))}
        return super().write(path, kept, metadata=metadata, expected=expected)


class MergesFields(MemoryBackend):
    def write(self, path: str, fields: Fields, *, metadata: Any = MetadataPatch(), expected: Any = None) -> Version:
        old: Fields = {}
        with suppress(KvtuiError):
            old = self.read(path).fields
        return super().write(path, {**old, **fields}, metadata=metadata, expected=expected)


class StripsText(MemoryBackend):
    def write(self, path: str, fields: Fields, *, metadata: Any = MetadataPatch(), expected: Any = None) -> Version:
        plain = {name: value.reveal() for name, value in fields.items()}
        kept = {name: SecretValue(one.strip() if isinstance(one, str) else one) for name, one in plain.items()}
        return super().write(path, kept, metadata=metadata, expected=expected)


class KeepsThePatchOfARefusedWrite(MemoryBackend):
    def write(self, path: str, fields: Fields, *, metadata: Any = MetadataPatch(), expected: Any = None) -> Version:
        with suppress(NotFound):
            self.write_metadata(path, metadata)
        return super().write(path, fields, expected=expected)


class ListsUnsorted(MemoryBackend):
    def list(self, folder: str = "") -> Listing:
        listing = super().list(folder)
        return listing._replace(entries=sorted(listing.entries, key=lambda entry: entry.name.lower()))


class ListsLeaves(MemoryBackend):
    def list(self, folder: str = "") -> Listing:
        try:
            return super().list(folder)
        except NotFound:
            return Listing(folder, ())


class WalksTooFar(MemoryBackend):
    def walk(self, folder: str = "") -> Iterator[Entry]:
        return (entry for entry in super().walk() if entry.path.startswith(folder))


class ReadsDeletedAsMissing(MemoryBackend):
    def read(self, path: str, version: int | None = None) -> Secret:
        secret = super().read(path, version)
        if not secret.fields:
            raise NotFound("No such secret.", path=path)
        return secret


class FoldsCase(MemoryBackend):
    def read(self, path: str, version: int | None = None) -> Secret:
        return super().read(path.lower(), version)


class DeletesAgain(MemoryBackend):
    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        with suppress(NotFound):
            self.undelete(path, versions)
        super().delete(path, versions)


class DestroysHalfOfThem(MemoryBackend):
    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        for number in versions:
            super().destroy(path, [number])
        if not versions:
            super().destroy(path)


class HidesDestroyed(MemoryBackend):
    def trash(self) -> Iterator[Deleted]:
        return iter(sorted(super().trash(), key=lambda item: item.path, reverse=True))


class RestoresWithNewTimes(MemoryBackend):
    def read_history(self, path: str) -> History:
        history = super().read_history(path)
        return history._replace(metadata=history.metadata._replace(created_at=None))


class MovesOver(MemoryBackend):
    def move(self, source: str, target: str) -> None:
        with suppress(NotFound):
            self.destroy(target)
        super().move(source, target)


class AddsVersionsForMetadata(MemoryBackend):
    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        self.write(path, self.read(path).fields)
        return super().write_metadata(path, patch, retention)


class StopsBulkAtTheFirstError(MemoryBackend):
    def write_many(self, writes: Any) -> Iterator[Written]:
        for result in super().write_many(writes):
            yield result
            if result.error:
                return


class TakesAllOfABulkAtOnce(MemoryBackend):
    def write_many(self, writes: Any) -> Iterator[Written]:
        everything: Sequence[Write] = list(writes)
        yield from super().write_many(everything)


class FindsValues(MemoryBackend):
    def find(self, text: str, limit: int) -> Sequence[Indexed]:
        return [Indexed(entry.path) for entry in self.walk()][:limit]


class ForgetsToClose(MemoryBackend):
    def close(self) -> None:
        """Nothing."""


class PromisesTooMuch(MemoryBackend):
    def info(self) -> BackendInfo:
        info = super().info()
        return info._replace(capabilities=info.capabilities | {Capability.CONTAINERS})

    def create_container(self, name: str) -> None:
        raise NotFound(name)


class SameTokenForAll(MemoryBackend):
    def change_token(self) -> int:
        return 1


FAULTS: list[tuple[type[MemoryBackend], str]] = [
    (LosesUpdates, "test_write_with_stale_version_raises_conflict_and_changes_nothing"),
    (DropsEmptyTexts, "test_an_empty_text_is_not_missing"),
    (MergesFields, "test_a_write_replaces_all_fields"),
    (StripsText, "test_cruel_texts_come_back_code_point_for_code_point"),
    (KeepsThePatchOfARefusedWrite, "test_write_with_stale_version_raises_conflict_and_changes_nothing"),
    (ListsUnsorted, "test_a_listing_has_the_direct_children_sorted_by_code_point"),
    (ListsLeaves, "test_listing_a_leaf_raises_not_found"),
    (WalksTooFar, "test_walk_gives_every_secret_below_sorted_by_path"),
    (ReadsDeletedAsMissing, "test_a_deleted_secret_is_read_in_that_state_without_fields"),
    (ReadsDeletedAsMissing, "test_a_secret_without_fields_is_not_missing"),
    (FoldsCase, "test_cruel_names_come_back_as_they_were"),
    (DeletesAgain, "test_deleting_again_changes_nothing"),
    (HidesDestroyed, "test_the_trash_has_every_secret_with_restorable_versions"),
    (RestoresWithNewTimes, "test_a_history_is_written_and_read_back_exactly"),
    (MovesOver, "test_a_move_onto_a_secret_raises_already_exists_and_changes_nothing"),
    (AddsVersionsForMetadata, "test_editing_metadata_adds_no_version_and_keeps_what_is_not_named"),
    (StopsBulkAtTheFirstError, "test_bulk_gives_one_result_each_in_order_and_failures_leave_the_others_alone"),
    (TakesAllOfABulkAtOnce, "test_bulk_is_lazy_and_durable_once_closed"),
    (FindsValues, "test_a_text_is_found_in_path_description_and_tags_in_any_case"),
    (PromisesTooMuch, "test_an_empty_container_is_a_folder"),
    (SameTokenForAll, "test_the_change_token_differs_after_every_change_and_only_then"),
]


def _suite(broken: type[MemoryBackend]) -> BackendConformance:
    suite = BackendConformance()
    suite.make = broken  # type: ignore[method-assign, assignment]
    return suite


@pytest.mark.parametrize(("broken", "name"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_store_fails_the_test_of_what_it_breaks(broken: type[MemoryBackend], name: str) -> None:
    getattr(_suite(MemoryBackend), name)(MemoryBackend())
    with pytest.raises((AssertionError, KvtuiError, pytest.fail.Exception)):
        getattr(_suite(broken), name)(broken())


def test_a_verb_that_does_half_fails() -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        _suite(DestroysHalfOfThem).test_numbers_that_do_not_exist_raise_not_found_and_nothing_changes(
            DestroysHalfOfThem(), "destroy"
        )


def test_a_store_that_works_on_after_closing_fails() -> None:
    with pytest.raises(pytest.fail.Exception):
        _suite(ForgetsToClose).test_a_closed_store_is_locked_and_closes_again()


def test_a_lost_update_between_threads_fails() -> None:
    with pytest.raises(AssertionError):
        _suite(LosesUpdates).test_no_update_is_lost_between_threads(LosesUpdates(), 1)


@pytest.mark.parametrize("broken", [LosesUpdates, MergesFields, MovesOver, ReadsDeletedAsMissing])
def test_random_changes_find_it_too(broken: type[MemoryBackend]) -> None:
    machine = type("Machine", (BackendMachine,), {"make": staticmethod(broken)})
    quick = settings(max_examples=200, stateful_step_count=30, deadline=None, database=None, phases=[Phase.generate])
    with pytest.raises((AssertionError, KvtuiError, pytest.fail.Exception, BaseExceptionGroup)):
        run_state_machine_as_test(machine, settings=quick)


def test_a_wrapper_that_lets_a_write_through_fails() -> None:
    class Leaky(ReadOnlyBackend):
        def delete(self, path: str, versions: Sequence[int] = ()) -> None:
            self._inner.delete(path, versions)

    class Leaks(BackendConformance):
        def seed(self, backend: Backend) -> Backend:
            assert isinstance(backend, ReadOnlyBackend)
            return backend._inner

    with pytest.raises(pytest.fail.Exception):
        Leaks().test_a_read_only_store_refuses_what_writes(Leaky(MemoryBackend()), Capability.DELETE)
