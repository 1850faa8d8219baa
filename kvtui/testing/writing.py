"""Writing: versions, values, metadata, check-and-set, bulk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain import json_text
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, InvalidPath, NotFound, Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import VersionState, Write
from kvtui.domain.value import SecretValue, ValueType, same_fields
from kvtui.testing.cruel import BYTES, JSON_LITERALS, TEXTS
from kvtui.testing.suite import EVERYTHING, Suite, holds, is_recent, needs, one


class WritingConformance(Suite):
    # Versions

    @needs(Capability.WRITE, Capability.VERSIONS)
    def test_each_write_adds_one_version(self, store: Backend) -> None:
        assert [store.write("app/db", one("x")).number for _ in range(3)] == [1, 2, 3]
        assert [version.number for version in store.versions("app/db")] == [1, 2, 3]

    @needs(Capability.WRITE, Capability.READ, Capability.FIELDS)
    def test_a_write_replaces_all_fields(self, store: Backend) -> None:
        store.write("app/db", {"user": SecretValue("u"), "password": SecretValue("p")})
        store.write("app/db", {"password": SecretValue("q")})
        assert holds(store.read("app/db"), {"password": SecretValue("q")})

    @needs(Capability.WRITE, Capability.VERSIONS, Capability.METADATA)
    def test_times_are_aware_utc_and_set_by_the_store(self, store: Backend) -> None:
        version = store.write("app/db", one("x"))
        assert is_recent(version.created_at, self.clock_skew)
        assert store.versions("app/db")[0] == version
        metadata = store.metadata("app/db")
        assert is_recent(metadata.created_at, self.clock_skew)
        assert is_recent(metadata.updated_at, self.clock_skew)

    @needs(Capability.WRITE, Capability.READ)
    def test_writing_leaves_other_secrets_alone(self, store: Backend) -> None:
        for path in ("app", "app/db", "app/db/x"):
            store.write(path, one(path))
        store.write("app/db", one("changed"))
        assert holds(store.read("app"), one("app"))
        assert holds(store.read("app/db/x"), one("app/db/x"))

    # Values

    @needs(Capability.WRITE, Capability.READ)
    def test_cruel_texts_come_back_code_point_for_code_point(self, store: Backend) -> None:
        store.write("app/db", one("before"))
        before = one("before")
        for text in TEXTS:
            if self.keeps(text):
                before = one(text)
                store.write("app/db", before)
            else:
                with pytest.raises(InvalidInput):
                    store.write("app/db", one(text))
            assert holds(store.read("app/db"), before), ascii(text[:40])

    @needs(Capability.WRITE, Capability.READ, Capability.FIELDS)
    def test_cruel_field_names_come_back_in_order(self, store: Backend) -> None:
        kept = [text for text in TEXTS if self.keeps_name(text)]
        for text in sorted({*TEXTS}.difference(kept)):
            with pytest.raises(InvalidInput):
                store.write("app/db", {text: SecretValue("x")})
        fields = {text: SecretValue(str(number)) for number, text in enumerate(kept)}
        store.write("app/db", fields)
        read = store.read("app/db")
        assert same_fields(read.fields, fields) if self.keeps_field_order else holds(read, fields)

    @needs(Capability.WRITE, Capability.READ, Capability.FIELDS)
    def test_field_order_is_kept_through_a_rewrite(self, store: Backend) -> None:
        if not self.keeps_field_order:
            pytest.skip("this store has no order of fields")
        for names in ("zab", "abz", "bza"):
            store.write("app/db", {name: SecretValue(name) for name in names})
            assert list(store.read("app/db").fields) == list(names)

    @pytest.mark.parametrize("literal", JSON_LITERALS, ids=lambda text: text[:20])
    @needs(Capability.WRITE, Capability.READ, Capability.TYPED_VALUES)
    def test_json_values_come_back_literal_for_literal(self, store: Backend, literal: str) -> None:
        parsed = json_text.parse(literal)
        value = SecretValue(parsed)
        if not self.keeps(parsed):
            with pytest.raises(InvalidInput):
                store.write("app/db", {"value": value})
            with pytest.raises(NotFound):
                store.read("app/db")
            return
        store.write("app/db", {"value": value})
        (read,) = store.read("app/db").fields.values()
        assert read.type is value.type
        assert self.alike(read, value)

    @pytest.mark.parametrize("data", BYTES)
    @needs(Capability.WRITE, Capability.READ, Capability.BYTES)
    def test_bytes_come_back_as_bytes(self, store: Backend, data: bytes) -> None:
        if not self.keeps(data):
            with pytest.raises(InvalidInput):
                store.write("app/db", one(data))
            with pytest.raises(NotFound):
                store.read("app/db")
            return
        store.write("app/db", one(data))
        assert holds(store.read("app/db"), one(data))

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], {1: "x"}, [b"x"], "\ud83d\ude00"])
    @needs(Capability.WRITE, Capability.READ, Capability.TYPED_VALUES)
    def test_what_is_no_json_raises_invalid_input_and_writes_nothing(self, store: Backend, value: object) -> None:
        with pytest.raises(InvalidInput):
            store.write("app/db", {"value": SecretValue(value)})  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            store.read("app/db")

    @needs(Capability.WRITE, Capability.READ)
    def test_a_value_of_a_megabyte_is_kept(self, store: Backend) -> None:
        limit = store.info().max_value_bytes
        text = "0123456789abcdef" * (min(limit or 2**20, 2**20) // 16)
        store.write("app/db", one(text))
        assert holds(store.read("app/db"), one(text))

    @needs(Capability.WRITE, Capability.READ, Capability.TYPED_VALUES)
    def test_a_list_changed_after_it_was_written_does_not_change_the_store(self, store: Backend) -> None:
        numbers: list[json_text.Json] = [1, 2]
        store.write("app/db", {"value": SecretValue(numbers)})
        numbers.append(3)
        assert holds(store.read("app/db"), one([1, 2]))

    # One field alone

    @needs(Capability.PATCH, Capability.READ, Capability.VERSIONS, Capability.TYPED_VALUES)
    def test_a_patched_field_leaves_the_others_as_they_are(self, store: Backend) -> None:
        before = {"user": SecretValue("u"), "port": SecretValue(5432), "map": SecretValue({"a": [1]})}
        store.write("app/db", before)
        version = store.patch("app/db", {"user": SecretValue("v"), "new": SecretValue("n")})
        assert version.number == 2
        assert store.versions("app/db")[1] == version
        assert holds(store.read("app/db"), {**before, "user": SecretValue("v"), "new": SecretValue("n")})
        assert holds(store.read("app/db", 1), before)

    @needs(Capability.PATCH, Capability.READ, Capability.TYPED_VALUES)
    def test_a_patch_is_exact_or_refused(self, store: Backend) -> None:
        before = {"kept": SecretValue("k"), "value": SecretValue({"old": 1})}
        for literal in JSON_LITERALS:
            store.write("app/db", before)
            value = SecretValue(json_text.parse(literal))
            try:
                store.patch("app/db", {"value": value})
            except (InvalidInput, Unsupported):
                assert holds(store.read("app/db"), before)
            else:
                assert self.alike(store.read("app/db").fields["value"], value), literal
                assert holds(store.read("app/db"), {**before, "value": value}) or not self.keeps_field_order

    @needs(Capability.PATCH, Capability.READ, Capability.CHECK_AND_SET, Capability.DELETE, Capability.UNDELETE)
    def test_a_patch_checks_the_version_and_needs_something_live(self, store: Backend) -> None:
        with pytest.raises(NotFound):
            store.patch("app/db", one("x"))
        store.write("app/db", one("first"))
        store.write("app/db", one("second"))
        for stale in (0, 1, 3, -1):
            with pytest.raises(Conflict) as caught:
                store.patch("app/db", one("lost"), expected=stale)
            assert (caught.value.expected, caught.value.actual) == (stale, 2)
        assert holds(store.read("app/db"), one("second"))
        assert store.patch("app/db", one("third"), expected=2).number == 3
        store.delete("app/db")
        with pytest.raises(NotFound):
            store.patch("app/db", one("lost"))
        assert store.read("app/db").current == 3

    # Retention

    @needs(Capability.WRITE, Capability.RETENTION, Capability.VERSIONS)
    def test_what_is_not_named_of_retention_stays(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.write_retention("app/db", Retention(max_versions=7, delete_after=timedelta(days=3)))
        store.write_retention("app/db", Retention(cas_required=True))
        told = store.retention("app/db")
        assert (told.max_versions, told.cas_required, told.delete_after) == (7, True, timedelta(days=3))
        store.write_retention("app/db", Retention(cas_required=False, delete_after=timedelta()))
        assert store.retention("app/db") == Retention(7, cas_required=False, delete_after=timedelta())
        assert len(store.versions("app/db")) == 1
        with pytest.raises(InvalidInput):
            store.write_retention("app/db", Retention(max_versions=-1))
        with pytest.raises(NotFound):
            store.retention("nothing")

    @needs(Capability.WRITE, Capability.RETENTION, Capability.METADATA, Capability.EDIT_METADATA)
    def test_metadata_and_retention_are_changed_together_or_not_at_all(self, store: Backend) -> None:
        store.write("app/db", one("x"), metadata=MetadataPatch(owner="me"))
        before = store.retention("app/db")
        returned = store.write_metadata("app/db", MetadataPatch(description="d"), Retention(max_versions=4))
        assert returned == store.metadata("app/db")
        assert (returned.description, returned.owner) == ("d", "me")
        assert store.retention("app/db") == before.changed(Retention(max_versions=4))
        store.write_metadata("app/db", MetadataPatch(), Retention(delete_after=timedelta(days=2)))
        assert store.metadata("app/db").description == "d"
        assert store.retention("app/db").delete_after == timedelta(days=2)
        with pytest.raises(InvalidInput):
            store.write_metadata("app/db", MetadataPatch(description="lost"), Retention(max_versions=-1))
        assert store.metadata("app/db").description == "d"
        with pytest.raises(NotFound):
            store.write_metadata("nothing", MetadataPatch(), Retention(max_versions=4))

    @needs(Capability.WRITE, Capability.RETENTION, Capability.DESTROY)
    def test_a_secret_made_anew_has_nothing_of_the_settings_of_the_one_before(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        fresh = store.retention("app/db")
        store.write_retention("app/db", Retention(max_versions=4))
        store.destroy("app/db")
        store.write("app/db", one("x"))
        assert store.retention("app/db") == fresh

    @needs(Capability.WRITE, Capability.READ)
    def test_what_cannot_be_written_is_told_without_writing(self, store: Backend) -> None:
        store.check("app/db", one("x"))
        for value in (*map(json_text.parse, JSON_LITERALS), *BYTES, *TEXTS):
            fields = one(value)
            kind = fields["value"].type
            allowed = kind is ValueType.TEXT or store.can(
                Capability.BYTES if kind is ValueType.BYTES else Capability.TYPED_VALUES
            )
            if allowed and self.keeps(value):
                store.check("app/db", fields)
            else:
                with pytest.raises((InvalidInput, Unsupported)):
                    store.check("app/db", fields)
        with pytest.raises(NotFound):
            store.read("app/db")

    # Check-and-set

    @needs(Capability.WRITE, Capability.READ)
    def test_expected_zero_means_must_not_exist(self, store: Backend) -> None:
        if not store.checks_writes:
            pytest.skip("this store checks no write")
        store.write("app/db", one("mine"), expected=0)
        with pytest.raises(Conflict) as caught:
            store.write("app/db", one("theirs"), expected=0)
        assert (caught.value.expected, caught.value.actual) == (0, 1)
        assert holds(store.read("app/db"), one("mine"))

    @needs(Capability.WRITE, Capability.READ, Capability.CHECK_AND_SET)
    def test_write_with_stale_version_raises_conflict_and_changes_nothing(self, store: Backend) -> None:
        for text in ("first", "second"):
            store.write("app/db", one(text))
        before = store.read("app/db").metadata
        for stale in (1, 3, -1):
            patch = EVERYTHING.only(store.info().metadata_fields) if store.describes_writes else MetadataPatch()
            with pytest.raises(Conflict) as caught:
                store.write("app/db", one("lost"), metadata=patch, expected=stale)
            assert (caught.value.expected, caught.value.actual) == (stale, 2)
            assert caught.value.path == "app/db"
        after = store.read("app/db")
        assert holds(after, one("second"))
        assert (after.current, after.metadata) == (2, before)

    @needs(Capability.WRITE, Capability.READ, Capability.CHECK_AND_SET)
    def test_write_with_current_version_succeeds(self, store: Backend) -> None:
        store.write("app/db", one("first"))
        assert store.write("app/db", one("second"), expected=1).number == 2
        assert holds(store.read("app/db"), one("second"))

    @needs(Capability.WRITE, Capability.READ, Capability.REREAD)
    def test_reading_again_notices_what_others_wrote(self, store: Backend) -> None:
        other = self.second(store)
        if other is None:
            pytest.skip("there is just one connection to this store")
        with other:
            store.write("app/db", one("first"), expected=0)
            base = store.read("app/db").current
            other.write("app/db", one("theirs"))
            with pytest.raises(Conflict):
                store.write("app/db", one("mine"), expected=base)
            assert holds(store.read("app/db"), one("theirs"))
            store.write("app/db", one("mine"), expected=store.read("app/db").current)
            assert holds(other.read("app/db"), one("mine"))

    @needs(Capability.WRITE, Capability.READ)
    def test_expecting_a_version_of_what_is_not_there_raises_conflict(self, store: Backend) -> None:
        if not store.checks_writes:
            pytest.skip("this store checks no write")
        with pytest.raises(Conflict) as caught:
            store.write("app/db", one("x"), expected=1)
        assert (caught.value.expected, caught.value.actual) == (1, 0)
        with pytest.raises(NotFound):
            store.read("app/db")

    @needs(Capability.WRITE, Capability.READ, Capability.CHECK_AND_SET, Capability.DELETE, Capability.UNDELETE)
    def test_a_deleted_secret_still_has_its_version_number(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        store.delete("app/db")
        with pytest.raises(Conflict) as caught:
            store.write("app/db", one("y"), expected=0)
        assert caught.value.actual == 1
        assert store.write("app/db", one("y"), expected=1).number == 2
        assert store.read("app/db").version.state is VersionState.LIVE

    # Bulk

    @needs(Capability.WRITE, Capability.READ)
    def test_bulk_gives_one_result_each_in_order_and_failures_leave_the_others_alone(self, store: Backend) -> None:
        results = list(
            store.write_many(
                [
                    Write("a", one("1")),
                    Write("bad//path", one("x")),
                    Write("b", one("2")),
                    Write("a", one("3")),
                    Write("new\u202ename", one("x")),
                ]
            )
        )
        assert [result.path for result in results] == ["a", "bad//path", "b", "a", "new\u202ename"]
        assert [type(result.error) for result in results] == [
            type(None),
            InvalidPath,
            type(None),
            type(None),
            InvalidPath,
        ]
        assert all((result.version is None) == (result.error is not None) for result in results)
        assert holds(store.read("a"), one("3"))
        assert holds(store.read("b"), one("2"))

    @needs(Capability.WRITE, Capability.READ, Capability.CHECK_AND_SET)
    def test_bulk_checks_versions_one_by_one(self, store: Backend) -> None:
        writes = [Write("a", one(str(expected)), expected=expected) for expected in (0, 1, 1, 2)]
        results = list(store.write_many(writes))
        assert [result.version.number if result.version else 0 for result in results] == [1, 2, 0, 3]
        assert isinstance(results[2].error, Conflict)
        assert holds(store.read("a"), one("2"))

    @needs(Capability.WRITE, Capability.READ)
    def test_bulk_is_lazy_and_durable_once_closed(self, store: Backend) -> None:
        taken = []

        def source() -> Iterator[Write]:
            for number in range(100_000):
                taken.append(number)
                yield Write(f"bulk/{number}", one("x"))

        bulk = store.write_many(source())
        first = next(bulk)
        bulk.close()  # type: ignore[attr-defined]
        assert first.path == "bulk/0"
        assert len(taken) < 100_000
        assert holds(store.read("bulk/0"), one("x"))
