"""What the API does badly hurts nobody here: each trap of it, and that nothing is sent where it would spring."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kvtui.backends.worker.backend import WorkerBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    InvalidPath,
    NotFound,
    Unavailable,
    Unsupported,
)
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.secret import Skipped
from kvtui.domain.value import SecretValue
from tests.doubles.clock import Clock
from tests.doubles.server import Fault, Reply
from tests.doubles.worker import WorkerDouble
from tests.worker.places import one, opened, value_of


class TestListing:
    def test_a_folder_has_what_is_below_it_and_not_what_begins_like_it(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        for path in ("infra/a", "infrastructure/x", "infra_/y", "Infra/z", "in%/w"):
            double.put(path, "x")
        assert [entry.path for entry in store.list("infra").entries] == ["infra/a"]
        assert [entry.path for entry in store.list("infra_").entries] == ["infra_/y"]
        assert [entry.path for entry in store.list("in%").entries] == ["in%/w"]

    def test_no_prefix_is_ever_asked_for(self, double: WorkerDouble, store: WorkerBackend) -> None:
        deep = "a/" * 40 + "x"
        double.put(deep, "x")
        double.put("users/ann/x", "x")
        for folder in ("", "users", "users/ann", deep.rpartition("/")[0]):
            store.list(folder)
            list(store.walk(folder))
            list(store.index(folder))
        assert {request.target for request in double.requests} == {"/v1/secret/list"}

    def test_a_walk_and_an_index_take_one_request_and_read_no_value(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        for number in range(20):
            double.put(f"a/{number}/x", "x", kind="token", description=f"the {number}th")
        assert len(list(store.walk())) == 20
        assert len(double.requests) == 1
        rows = list(store.index("a"))
        assert len(double.requests) == 2
        assert {row.type for row in rows} == {SecretType.TOKEN}
        assert [row.path for row in store.find("the 7TH", 5)] == ["a/7/x"]
        assert not [line for line in double.audit() if line["action"] == "secret:read"]

    def test_folders_opened_one_after_the_other_share_a_listing(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        for path in ("a/b/x", "c/d/x"):
            double.put(path, "x")
        store.list()
        for folder in ("a", "a/b", "c", "c/d"):
            store.list(folder)
        assert len(double.requests) == 1
        store.write("a/new", one("x"))
        assert [entry.name for entry in store.list("a").entries] == ["b", "new"]

    def test_paths_that_cannot_be_shown_are_said_and_not_lost(self, double: WorkerDouble, store: WorkerBackend) -> None:
        for path in ("a/b", "a//c", "x/", "/y", "a/../b"):
            double.put(path, "x")
        for folder, names in {"": ["a", "x"], "a": ["b"], "x": []}.items():
            listing = store.list(folder)
            assert [entry.name for entry in listing.entries] == names
            assert not listing.complete
            assert "cannot be shown" in listing.note
        with pytest.raises(Unavailable):
            list(store.walk())
        told: list[Skipped] = []
        assert [entry.path for entry in store.walk(skipped=told.append)] == ["a/b"]
        assert [each.path for each in told] == ["", "a", "x"]


class TestMetadata:
    def test_writing_a_value_alone_wipes_nothing(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("infra/key", "old", kind="api_key", description="of production", tags=["prod", "ai"])
        store.write("infra/key", one("new"))
        store.write("infra/key", one("newer"), expected=1)
        row = double.row("infra/key")
        assert row is not None
        assert (row["type"], row["description"], row["tags_json"]) == ("api_key", "of production", '["prod","ai"]')
        assert row["created_by"] == "setup@example.com"
        assert double.value("infra/key") == "newer"

    def test_a_type_that_is_not_ours_stays(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("hook", "x", kind="webhook_url")
        assert store.metadata("hook").type is SecretType.SECRET
        store.write("hook", one("y"), metadata=MetadataPatch(description="d"))
        store.write_metadata("hook", MetadataPatch(tags=("t",)))
        row = double.row("hook")
        assert row is not None
        assert (row["type"], row["description"], row["tags_json"]) == ("webhook_url", "d", '["t"]')

    def test_metadata_alone_is_written_with_the_value_that_is_there(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        double.put("a", "kept", description="old", tags=["t"])
        told = store.write_metadata("a", MetadataPatch(description="new", tags=()))
        assert (told.description, told.tags) == ("new", ())
        assert double.value("a") == "kept"
        assert len(double.mutations()) == 1

    @pytest.mark.parametrize("time_format", ["d1", "iso"])
    def test_both_ways_to_write_a_time_are_read(self, time_format: str) -> None:
        at = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
        with WorkerDouble(clock=Clock(at), time_format=time_format) as double, opened(double) as store:  # type: ignore[arg-type]
            double.put("a", "x")
            assert store.metadata("a").created_at == store.read("a").metadata.updated_at == at


class TestSharedKeys:
    @pytest.mark.parametrize(("there", "new"), [("a/b_c", "a_b/c"), ("a_b_c", "a/b/c"), ("a/b/c", "a_b_c")])
    def test_a_path_that_would_take_anothers_place_is_refused_and_nothing_is_sent(
        self, double: WorkerDouble, store: WorkerBackend, there: str, new: str
    ) -> None:
        double.put(there, "precious")
        for expected in (None, 0):
            with pytest.raises(AlreadyExists) as caught:
                store.write(new, one("x"), expected=expected)
            assert there in str(caught.value)
        assert store.place(new) == store.place(there)
        assert not double.mutations()
        assert double.value(there) == "precious"

    def test_what_is_there_is_written_whatever_its_name_shares(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        double.put("a/b_c", "old")
        store.write("a/b_c", one("new"), expected=1)
        assert double.value("a/b_c") == "new"

    def test_what_was_overwritten_all_the_same_is_named(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("a/b_c", "precious")
        empty = Reply(200, b'{"success":true,"prefix":"","keys":[],"count":0}')
        double.break_next(Fault("reply", lambda request: request.target.endswith("/list"), reply=empty))
        with pytest.raises(Unavailable) as caught:
            store.write("a_b/c", one("x"))
        assert "of a/b_c is overwritten" in caught.value.message
        assert not caught.value.retryable
        assert len(double.mutations()) == 1


STRAYS = ["a#b", "a?b", "a%41", "a\\b", "a ", "%2e%2e", "a/%2E%2E/b"]


def test_a_list_of_a_moment_ago_forbids_nothing_that_is_free_now(double: WorkerDouble, store: WorkerBackend) -> None:
    double.put("a/b_c", "x")
    store.list()
    with pytest.raises(AlreadyExists):
        store.check("a_b/c", one("x"))
    with opened(double) as other:
        other.delete("a/b_c")
    store.write("a_b/c", one("y"))
    assert double.value("a_b/c") == "y"


class TestStrayNames:
    @pytest.mark.parametrize("name", STRAYS)
    def test_a_name_that_would_hit_another_is_neither_created_nor_deleted(
        self, double: WorkerDouble, store: WorkerBackend, name: str
    ) -> None:
        for other in ("a", "aA", "b", ".."):
            double.bindings.stored[f"SECRET_{other}"] = "precious"
        with pytest.raises(InvalidPath):
            store.write(name, one("x"))
        double.put(name, "x")
        with pytest.raises(InvalidPath):
            store.delete(name)
        assert not double.mutations()
        assert value_of(store, name) == "x"
        assert sorted(set(double.bindings.stored.values())) == ["precious", "x"]

    def test_what_is_there_under_such_a_name_is_written(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("a#b?c", "x")
        double.put("a", "precious")
        store.write("a#b?c", one("y"), expected=None)
        assert (double.value("a#b?c"), double.value("a")) == ("y", "precious")


class TestValues:
    @pytest.mark.parametrize("value", [1, True, None, {"a": 1}, ["x"], b"bytes"], ids=repr)
    def test_what_javascript_would_turn_into_other_text_is_refused(
        self, double: WorkerDouble, store: WorkerBackend, value: Json | bytes
    ) -> None:
        with pytest.raises(Unsupported):
            store.write("a", {"value": SecretValue(value)})
        assert not double.requests

    @pytest.mark.parametrize("text", ["", "a\x00b", "\ud800", "x" * 5121, "\u00e9" * 2561], ids=ascii)
    def test_a_text_it_would_lose_is_refused(self, double: WorkerDouble, store: WorkerBackend, text: str) -> None:
        with pytest.raises(InvalidInput):
            store.write("a", one(text))
        assert not double.requests

    def test_a_field_of_another_name_is_refused(self, double: WorkerDouble, store: WorkerBackend) -> None:
        with pytest.raises(InvalidInput):
            store.write("a", {"password": SecretValue("x")})
        assert not double.requests

    def test_metadata_that_would_be_refused_after_the_value_was_stored_is_not_sent(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        double.put("a", "precious")
        with pytest.raises(InvalidInput):
            store.write("a", one("x"), metadata=MetadataPatch(description="d" * 2_000_000))
        assert not double.mutations()


class TestRollout:
    @pytest.mark.parametrize("before", ["null", "old"])
    def test_a_value_just_written_is_waited_for(self, double: WorkerDouble, before: str) -> None:
        double.put("a", "old")
        double.bindings.before_rollout = before  # type: ignore[assignment]
        with opened(double, pauses=(0.0, 0.0, 0.0)) as store:
            assert value_of(store, "a") == "old"
            double.bindings.rollout_reads = 2
            store.write("a", one("new"), expected=1)
            assert value_of(store, "a") == "new"

    @pytest.mark.parametrize("before", ["null", "old"])
    def test_one_that_does_not_come_is_explained_and_no_old_one_is_given(
        self, double: WorkerDouble, store: WorkerBackend, before: str
    ) -> None:
        double.put("a", "old", description="d")
        double.bindings.before_rollout = before  # type: ignore[assignment]
        store.read("a")
        double.bindings.rollout_reads = 3
        store.write("a", one("new"), expected=1)
        with pytest.raises(Unavailable, match="not rolled out yet") as caught:
            store.read("a")
        assert caught.value.retryable
        with pytest.raises(Unavailable):
            store.write_metadata("a", MetadataPatch(description="other"))
        assert len(double.mutations()) == 1
        assert store.outline("a").metadata.description == "d"

    def test_the_value_before_is_no_conflict_with_oneself(self, double: WorkerDouble) -> None:
        double.put("a", "first")
        double.bindings.before_rollout = "old"
        with opened(double, pauses=(0.0,) * 4) as store:
            store.read("a")
            double.bindings.rollout_reads = 2
            store.write("a", one("second"), expected=1)
            store.write("a", one("third"), expected=1)
        assert double.value("a") == "third"

    def test_what_somebody_else_wrote_meanwhile_is_a_conflict(self, double: WorkerDouble, store: WorkerBackend) -> None:
        store.write("a", one("mine"))
        double.bindings.stored["SECRET_a"] = "theirs"
        with pytest.raises(Conflict):
            store.write("a", one("again"), expected=1)
        assert double.value("a") == "theirs"

    def test_a_lost_value_is_never_written_over_by_other_metadata_and_can_be_set_anew(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        double.put("a", "x", kind="token", description="d", tags=["t"])
        del double.bindings.stored["SECRET_a"]
        for call in (
            lambda: store.read("a"),
            lambda: store.write("a", one("y"), expected=1),
            lambda: store.write_metadata("a", MetadataPatch(description="other")),
        ):
            with pytest.raises(Unavailable, match="no value for it"):
                call()
        assert not double.mutations()
        with pytest.raises(Conflict):
            store.write("a", one("y"), expected=0)
        store.write("a", one("y"))
        row = double.row("a")
        assert row is not None
        assert (row["type"], row["description"], row["tags_json"]) == ("token", "d", '["t"]')
        assert value_of(store, "a") == "y"


class TestDeleting:
    def test_a_value_that_lingers_is_told(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("infra/key", "x")
        double.bindings.delete_error = "no"
        store.delete("infra/key")
        assert double.paths == []
        assert double.value("infra/key") == "x"
        (note,) = store.notes
        assert "SECRET_infra_key" in note
        with pytest.raises(NotFound):
            store.read("infra/key")

    def test_other_versions_than_the_only_one_are_not_there(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("a", "x")
        with pytest.raises(NotFound):
            store.delete("a", [2])
        assert not double.mutations()
        store.delete("a", [1])
        assert double.paths == []

    def test_it_says_why_it_cannot_do_what_others_can(self, store: WorkerBackend) -> None:
        info = store.info()
        assert not info.capabilities & info.reasons.keys()
        for capability in (Capability.VERSIONS, Capability.UNDELETE, Capability.BYTES, Capability.CHECK_AND_SET):
            assert "worker" in info.reasons[capability]


def test_a_closed_answer_for_another_path_is_not_taken(double: WorkerDouble, store: WorkerBackend) -> None:
    body = b'{"success":true,"data":{"path":"other","value":"x","metadata":{}}}'
    double.break_next(Fault("reply", reply=Reply(200, body)))
    with pytest.raises(Unavailable):
        store.read("a")
