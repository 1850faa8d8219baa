"""What the double of the worker promises of its deprecated connections, met with bare requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.doubles.clock import Clock
from tests.doubles.worker import WorkerDouble
from tests.doubles.worker.requests import call


@pytest.fixture
def worker() -> Iterator[WorkerDouble]:
    with WorkerDouble(clock=Clock(datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC))) as double:
        yield double


def test_connections_show_their_values_and_warn_that_they_are_old(worker: WorkerDouble) -> None:
    worker.connection("conn_infra", {"OPENAI_API_KEY": "sk", "EMPTY": ""})
    got = call(worker, "GET", "/vault/connections")
    assert got.headers["deprecation"] == "true"
    assert got.headers["sunset"] == "2025-06-01"
    assert "Use /secret/* endpoints" in got.headers["x-deprecation-notice"]
    assert got.json()["connections"] == [
        {
            "id": "conn_infra",
            "integration_type": "infra",
            "integration_name": "infra",
            "categories": [],
            "environment": "production",
            "secret_count": 2,
            "created_at": "2026-01-02 12:00:00",
            "updated_at": "2026-01-02 12:00:00",
        }
    ]
    one = call(worker, "GET", "/vault/connections/conn_infra").json()["connection"]
    assert one["auth"]["secrets"] == {"OPENAI_API_KEY": {"value": "sk", "type": "api_key", "description": None}}
    refs = call(worker, "GET", "/vault/connections/conn_infra/secrets").json()["secrets"]
    assert [(ref["name"], ref["cf_key"], ref["has_value"]) for ref in refs] == [
        ("EMPTY", "CONN_infra_EMPTY", False),
        ("OPENAI_API_KEY", "CONN_infra_OPENAI_API_KEY", True),
    ]
    missing = call(worker, "GET", "/vault/connections/none")
    assert (missing.status, missing.json()["code"], missing.headers["deprecation"]) == (404, "NOT_FOUND", "true")
    assert "deprecation" not in call(worker, "GET", "/vault/connections", headers={}).headers


def test_connections_and_their_secrets_can_still_be_changed(worker: WorkerDouble) -> None:
    base = "/vault/connections"
    made = call(worker, "POST", base, {"integration_type": "infra"})
    assert (made.status, made.json()["connection"]["id"]) == (201, "conn_infra")
    assert call(worker, "POST", base, {"integration_type": "infra"}).json()["code"] == "EXISTS"
    assert call(worker, "POST", base, {}).json()["code"] == "MISSING_FIELD"
    added = call(worker, "POST", f"{base}/conn_infra/secrets", {"name": "KEY"})
    assert added.status == 201
    assert added.json()["secret"]["value_stored"] is False
    again = call(worker, "POST", f"{base}/conn_infra/secrets", {"name": "KEY"})
    assert (again.status, again.json()["error"]) == (500, "Internal error: body is not defined")
    assert call(worker, "PUT", f"{base}/conn_infra/secrets/KEY", {}).json()["code"] == "MISSING_FIELD"
    assert call(worker, "PUT", f"{base}/conn_infra/secrets/KEY", {"value": "v"}).status == 200
    assert worker.bindings.stored == {"CONN_infra_KEY": "v"}
    assert call(worker, "PATCH", f"{base}/conn_infra", {}).json()["code"] == "NO_UPDATES"
    assert call(worker, "PATCH", f"{base}/conn_infra", {"environment": "dev", "categories": ["x"]}).status == 200
    assert call(worker, "GET", f"{base}/conn_infra").json()["connection"]["categories"] == ["x"]
    gone = call(worker, "DELETE", f"{base}/conn_infra/secrets/KEY")
    assert gone.json()["cf_deleted"] is True
    assert call(worker, "DELETE", f"{base}/conn_infra/secrets/KEY").status == 404
    assert call(worker, "DELETE", f"{base}/conn_infra").status == 200
    assert call(worker, "GET", base).json()["connections"] == []
    logs = call(worker, "GET", f"{base}/conn_infra/audit?limit=2&offset=1").json()["logs"]
    assert [(log["action"], log["context"]) for log in logs] == [("DELETE", {"cf_deleted": True}), ("READ", None)]
    created = call(worker, "GET", f"{base}/conn_infra/audit?action=CREATE").json()["logs"]
    assert [log["context"] for log in created] == [{"value_stored": False}, None]
    assert call(worker, "GET", f"{base}/none/audit").json()["code"] == "CONNECTION_NOT_FOUND"


def test_every_answer_about_connections_says_that_they_are_old(worker: WorkerDouble) -> None:
    worker.connection("conn_infra", {"KEY": "v"})
    base = "/vault/connections"
    for method, target, body in (
        *(("GET", "", None), ("POST", "", {}), ("GET", "/conn_infra", None), ("PATCH", "/conn_infra", {})),
        *(("GET", "/conn_infra/secrets", None), ("POST", "/conn_infra/secrets", {}), ("GET", "/none/audit", None)),
        *(("PUT", "/conn_infra/secrets/KEY", {}), ("DELETE", "/conn_infra/secrets/KEY", None)),
        ("DELETE", "/conn_infra", None),
    ):
        got = call(worker, method, base + target, body)
        assert (got.headers.get("deprecation"), got.headers.get("sunset")) == ("true", "2025-06-01"), target


def test_old_secrets_keep_their_type_and_may_lack_or_leave_behind_a_value(worker: WorkerDouble) -> None:
    worker.connection("conn_infra", {"KEY": "v"})
    base = "/vault/connections/conn_infra"
    about = {"name": "CERT", "type": "pem", "description": "d"}
    for value in ("", 1, {"a": 1}):
        made = call(worker, "POST", f"{base}/secrets", {**about, "name": f"N{value}", "value": value})
        assert made.json()["secret"]["value_stored"] is False, value
    call(worker, "POST", f"{base}/secrets", {**about, "value": "-----BEGIN"})
    shown = call(worker, "GET", base).json()["connection"]["auth"]["secrets"]
    assert shown["CERT"] == {"value": "-----BEGIN", "type": "pem", "description": "d"}
    assert sorted(shown) == ["CERT", "KEY"]
    assert call(worker, "PUT", f"{base}/secrets/KEY", {"value": 1}).status == 500
    worker.bindings.delete_error = "Cloudflare API error"
    assert call(worker, "DELETE", f"{base}/secrets/KEY").json()["cf_deleted"] is False
    assert worker.bindings.stored == {"CONN_infra_KEY": "v", "CONN_infra_CERT": "-----BEGIN"}


def test_the_settings_of_a_user_are_theirs_alone(worker: WorkerDouble) -> None:
    worker.connection("conn_user_1", {"TOKEN": "t"}, kind="user_settings", owner="u1")
    mine = worker.user("me@example.com", "reader", "u1")
    theirs = worker.user("you@example.com", "admin", "u2")
    target = "/vault/connections/conn_user_1"
    assert call(worker, "GET", target, headers=mine).status == 200
    got = call(worker, "GET", target, headers=theirs)
    assert (got.status, got.json()["error"]) == (403, "Access denied to this connection")
    assert call(worker, "GET", f"{target}/secrets", headers=theirs).status == 403
    assert call(worker, "GET", target).status == 200
    worker.connection("conn_infra", {})
    shown = call(worker, "GET", "/vault/connections", headers=theirs).json()["connections"]
    assert [one["id"] for one in shown] == ["conn_infra"]
    named = call(worker, "POST", "/vault/connections", {"integration_type": "x", "integration_name": "X"})
    assert named.status == 201
    assert call(worker, "GET", "/vault/connections/conn_x").json()["connection"]["auth"]["name"] == "X Secrets"
