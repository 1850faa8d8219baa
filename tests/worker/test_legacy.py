"""The connections of before paths: read from the live API or a file, and imported anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.metadata import SecretType
from kvtui.services.transfer import Format, export, import_items, read_items
from tests.doubles.server import Fault, Reply
from tests.doubles.worker import WorkerDouble
from tests.worker.places import Cli, answering, one

FORMAT = Format.LEGACY_CONNECTIONS


def document(*connections: dict[str, Any]) -> bytes:
    return json.dumps({"success": True, "connections": connections}).encode()


def connection(name: str, **secrets: Any) -> dict[str, Any]:
    return {"id": name, "auth": {"secrets": {key: {"value": value} for key, value in secrets.items()}}}


@pytest.fixture
def old(double: WorkerDouble) -> WorkerDouble:
    double.connection("conn_infra", {"OPENAI_API_KEY": "sk-1", "EMPTY": ""})
    double.connection("conn_stripe", {"STRIPE_KEY": "sk-2"})
    double.connection("conn_mine", {"THEME": "dark"}, kind="user_settings", owner="1")
    return double


class TestLive:
    def test_everything_is_read_and_nothing_changed(self, old: WorkerDouble, store: WorkerBackend) -> None:
        held = json.loads(to_bytes(store.legacy()))
        assert [each["id"] for each in held["connections"]] == ["conn_infra", "conn_stripe", "conn_mine"]
        assert held["connections"][0]["auth"]["secrets"]["OPENAI_API_KEY"]["value"] == "sk-1"
        assert not old.mutations()
        assert "2025-06-01" in store.notes[0]
        assert {request.target.split("/")[1] for request in old.requests} == {"vault"}

    def test_they_become_paths_and_what_has_no_value_is_told(self, old: WorkerDouble, store: WorkerBackend) -> None:
        target = MemoryBackend()
        results = list(import_items(target, read_items(to_bytes(store.legacy()), FORMAT)))
        told = {result.path: result.error.message if result.error else "" for result in results}
        assert told.pop("infra/empty").startswith("It has no value")
        assert set(told.values()) == {""}
        assert sorted(told) == ["infra/openai_api_key", "mine/theme", "stripe/stripe_key"]
        assert target.read("infra/openai_api_key").fields["value"].reveal() == "sk-1"
        assert target.metadata("infra/openai_api_key").type is SecretType.API_KEY

    def test_what_belongs_to_somebody_else_is_told(self, old: WorkerDouble, store: WorkerBackend) -> None:
        denied = b'{"success":false,"error":"Access denied to this connection","code":"FORBIDDEN"}'
        old.break_next(Fault("reply", lambda request: request.target.endswith("_mine"), reply=Reply(403, denied)))
        items = list(read_items(to_bytes(store.legacy()), FORMAT))
        (mine,) = [item for item in items if item.path == "mine"]
        assert "may not be read" in mine.trouble

    def test_an_odd_answer_is_refused(self, double: WorkerDouble, store: WorkerBackend) -> None:
        for body in (b"{}", b'{"connections":[1]}', b'{"connections":[{"id":".."}]}'):
            double.break_next(answering(Reply(200, body)))
            with pytest.raises(Unavailable):
                store.legacy()
        assert {request.target for request in double.requests} == {"/vault/connections"}


class TestFile:
    def test_two_that_become_one_are_both_told_and_neither_is_taken(self) -> None:
        data = document(connection("conn_a", KEY="1", key="2", other="3"), connection("a", Other="4"))
        target = MemoryBackend()
        results = list(import_items(target, read_items(data, FORMAT)))
        assert {result.path for result in results if result.error} == {"a/key", "a/other"}
        assert {result.error.message for result in results if result.path == "a/key"} == {
            "conn_a/KEY and conn_a/key would all become this."
        }
        assert {result.error.message for result in results if result.path == "a/other"} == {
            "conn_a/other and a/Other would all become this."
        }
        assert [entry.path for entry in target.walk()] == []

    def test_names_without_a_value_are_told(self) -> None:
        row = {**connection("conn_a", KEPT="1"), "secrets": [{"name": "GONE", "has_value": False}, {"name": "KEPT"}]}
        items = {item.path: item.trouble for item in read_items(document(row), FORMAT)}
        assert items["a/kept"] == ""
        assert "no value" in items["a/gone"]

    def test_one_connection_as_the_api_gives_it_is_read(self) -> None:
        data = json.dumps({"success": True, "connection": connection("conn_a", KEY="1")}).encode()
        (item,) = read_items(data, FORMAT, into="old")
        assert (item.path, item.fields["value"].reveal()) == ("old/a/key", "1")

    def test_a_list_without_values_is_told(self) -> None:
        (item,) = read_items(document({"id": "conn_a", "secret_count": 3}), FORMAT)
        assert "list without values" in item.trouble

    @pytest.mark.parametrize(
        "data", [b"[]", b"{}", b'{"connections": {}}', b'{"connections": ["x"]}', b'{"connections": [{}]}', b"{"]
    )
    def test_what_is_no_such_document_is_refused(self, data: bytes) -> None:
        with pytest.raises(InvalidInput):
            read_items(data, FORMAT)

    def test_it_names_its_own_paths_and_is_only_read(self) -> None:
        with pytest.raises(InvalidInput):
            read_items(document(), FORMAT, as_path="a")
        with pytest.raises(InvalidInput, match="only read"):
            export(MemoryBackend(), "", FORMAT)


class TestIntoAWorker:
    def test_a_dry_run_tells_what_would_share_a_place_and_what_is_too_long(
        self, double: WorkerDouble, store: WorkerBackend
    ) -> None:
        double.put("a/b_c", "precious")
        data = document(
            connection("conn_a_b", C="1"),
            connection("conn_x", Y_Z="2"),
            connection("conn_x_y", Z="3"),
            connection("conn_long", KEY="x" * 6000, FINE="4"),
        )
        results = {
            result.path: str(result.error or "")
            for result in import_items(store, read_items(data, FORMAT), dry_run=True)
        }
        assert "a/b_c" in results["a_b/c"]
        assert "another one" in results["x_y/z"]
        assert "5 KB" in results["long/key"]
        assert results["x/y_z"] == results["long/fine"] == ""
        assert not double.mutations()

    def test_what_fails_leaves_the_others_alone(self, double: WorkerDouble, store: WorkerBackend) -> None:
        double.put("a/b_c", "precious")
        double.put("same/key", "5")
        data = document(connection("conn_a_b", C="1"), connection("conn_same", KEY="5"), connection("conn_n", K="6"))
        outcomes = {result.path: result.outcome for result in import_items(store, read_items(data, FORMAT))}
        assert outcomes == {"a_b/c": "failed", "same/key": "skipped", "n/k": "created"}
        assert double.value("a/b_c") == "precious"
        assert len(double.mutations()) == 1


class TestCommand:
    def test_a_store_s_own_past_is_imported_from_it(self, old: WorkerDouble, worker: Cli) -> None:
        planned = worker("import", "--from", "worker", "--dry-run", "--json")
        plan = {row["path"]: row["notes"] for row in json.loads(planned.out)["plan"]}
        assert plan["infra/openai_api_key"] == []
        assert "no value" in plan["infra/empty"][0]
        assert not old.mutations()
        done = worker("import", "--format", "legacy-connections", "--from", "worker")
        assert done.code == 4
        assert old.value("infra/openai_api_key") == "sk-1"
        assert "infra/empty" in done.err

    def test_a_file_or_a_store_is_named_and_no_other_format(self, worker: Cli) -> None:
        for args in (
            ["import"],
            ["import", "x.json", "--from", "worker"],
            ["import", "--from", "worker", "--format", "yaml"],
            ["import", "--from", "nobody"],
        ):
            assert worker(*args).code == 2
        assert worker("import", "--from", "elsewhere", "--dry-run").code == 0

    def test_a_deleted_value_that_lingers_is_noted(self, old: WorkerDouble, worker: Cli) -> None:
        old.put("a/b", "x")
        old.bindings.delete_error = "no"
        done = worker("rm", "a/b")
        assert done.code == 0
        assert "SECRET_a_b" in done.err
        assert worker("get", "a/b").code == 3


def test_the_past_of_a_worker_is_not_mixed_with_its_present(double: WorkerDouble, store: WorkerBackend) -> None:
    store.write("infra/openai_api_key", one("now"))
    double.connection("conn_infra", {"OPENAI_API_KEY": "then"})
    (result,) = import_items(store, read_items(to_bytes(store.legacy()), FORMAT))
    assert result.outcome == "updated"
    assert double.value("infra/openai_api_key") == "then"
