"""What the double of the worker promises: each trap of the API, met with bare requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.doubles.bare import Got, send
from tests.doubles.clock import Clock
from tests.doubles.server import Fault
from tests.doubles.worker import WorkerDouble
from tests.doubles.worker.bindings import VARIABLES_FREE
from tests.doubles.worker.requests import call
from tests.doubles.worker.script import number, parse_int, pathname, string

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def worker() -> Iterator[WorkerDouble]:
    with WorkerDouble(clock=Clock(NOON)) as double:
        yield double


def write(worker: WorkerDouble, path: str, value: Any = "v", **more: Any) -> Got:
    return call(worker, "POST", f"/v1/secret/data/{path}", {"value": value, **more})


def read(worker: WorkerDouble, path: str) -> Any:
    got = call(worker, "GET", f"/v1/secret/data/{path}")
    assert got.status == 200, got.body
    return got.json()["data"]


def listed(worker: WorkerDouble, prefix: str = "", headers: Mapping[str, str] | None = None) -> list[str]:
    got = call(worker, "GET", f"/v1/secret/list/{prefix}" if prefix else "/v1/secret/list", headers=headers)
    assert got.status == 200, got.body
    assert got.json()["count"] == len(got.json()["keys"])
    return [one["path"] for one in got.json()["keys"]]


# The five calls as the document shows them.


def test_a_secret_is_written_read_listed_and_deleted(worker: WorkerDouble) -> None:
    about = {"description": "OpenAI", "type": "api_key", "tags": ["production", "ai"]}
    written = write(worker, "infra/openai_api_key", "sk-1", **about)
    assert written.status == 201
    assert written.json() == {
        "success": True,
        "path": "infra/openai_api_key",
        "cf_key": "SECRET_infra_openai_api_key",
        "stored": True,
        "message": "Secret stored successfully",
    }
    metadata = {
        **about,
        "created_by": worker.credentials.client_id,
        "created_at": "2026-01-02 12:00:00",
        "updated_at": "2026-01-02 12:00:00",
    }
    got = read(worker, "infra/openai_api_key")
    assert got == {"path": "infra/openai_api_key", "value": "sk-1", "metadata": metadata}
    shown = call(worker, "GET", "/v1/secret/metadata/infra/openai_api_key")
    assert shown.json() == {"success": True, "metadata": {"path": "infra/openai_api_key", **metadata}}
    keys = call(worker, "GET", "/v1/secret/list/infra/")
    assert keys.json() == {
        "success": True,
        "prefix": "infra/",
        "keys": [{"path": "infra/openai_api_key", "type": "api_key", "description": "OpenAI"}],
        "count": 1,
    }
    gone = call(worker, "DELETE", "/v1/secret/data/infra/openai_api_key")
    deleted = {"success": True, "path": "infra/openai_api_key", "deleted": True, "cf_deleted": True}
    assert (gone.status, gone.json()) == (200, deleted)
    assert worker.bindings.stored == {}
    assert call(worker, "GET", "/v1/secret/list").json() == {"success": True, "prefix": "", "keys": [], "count": 0}


def test_a_missing_secret_and_a_missing_route_say_different_things(worker: WorkerDouble) -> None:
    missing = call(worker, "GET", "/v1/secret/data/a/b")
    text = {"success": False, "error": "Secret not found at path: a/b", "code": "NOT_FOUND"}
    assert (missing.status, missing.json()) == (404, text)
    for method, target in (
        *(("GET", "/secret/data/a/b"), ("GET", "/v1/secret/data/"), ("PUT", "/v1/secret/data/a")),
        *(("GET", "/v1/health"), ("GET", "/v1/vault/connections"), ("POST", "/v1/secret/list")),
    ):
        route = call(worker, method, target)
        assert (route.status, route.json()["error"], route.json()["code"]) == (404, "Not found", "NOT_FOUND"), target
    worker.prefix = ""
    assert write(worker, "a").json()["error"] == "Not found"
    assert call(worker, "POST", "/secret/data/a", {"value": "v"}).status == 201


@pytest.mark.parametrize("body", [{}, {"value": None}, {"Value": "x"}, [], "text"])
def test_a_write_without_a_value_is_refused(worker: WorkerDouble, body: object) -> None:
    got = call(worker, "POST", "/v1/secret/data/a", body)
    assert got.json() == {"success": False, "error": "value is required", "code": "MISSING_VALUE"}
    assert got.status == 400


@pytest.mark.parametrize("body", ["", "{", "null", '{"value": NaN}'])
def test_a_body_that_is_no_object_is_an_error_500_without_code(worker: WorkerDouble, body: str) -> None:
    got = send(worker, "POST", "/v1/secret/data/a", body, worker.credentials.headers)
    assert got.status == 500
    assert got.json()["error"].startswith("Failed to write secret: ")
    assert "code" not in got.json()


def test_a_value_that_is_no_string_is_stored_as_javascript_writes_it(worker: WorkerDouble) -> None:
    for value, stored in (
        ({"user": "u", "password": "p"}, "[object Object]"),
        (["a", None, [1, True]], "a,,1,true"),
        (True, "true"),
        (12345678901234567890, "12345678901234567000"),
        (1.0, "1"),
    ):
        write(worker, "a", value)
        assert worker.value("a") == stored
        assert read(worker, "a")["value"] == stored


def test_numbers_paths_and_integers_are_read_as_javascript_does() -> None:
    assert [number(one) for one in (1e21, 1e-7, 1.5e-7, -0.0, 0.000001, 1e20, float("inf"))] == [
        *("1e+21", "1e-7", "1.5e-7", "0", "0.000001", "100000000000000000000", "Infinity")
    ]
    assert string(None) == "null"
    assert [parse_int(one, "50") for one in ("", "7", "7x", "x")] == [50, 7, 7, None]
    assert pathname("/a/./b/../c/%2E%2e/d?x#y") == "/a/d"
    assert pathname("/a/..") == "/"
    assert pathname("/a/b/.") == "/a/b/"
    assert pathname(r"/a\b") == "/a/b"


# What destroys or hides.


def test_writing_replaces_all_metadata_but_who_made_it_and_when(worker: WorkerDouble) -> None:
    worker.put("a", "old", kind="api_key", description="d", tags=["t"], created_by="matthieu@example.com")
    worker.clock.advance(60)
    write(worker, "a", "new")
    assert read(worker, "a")["metadata"] == {
        "type": "secret",
        "description": None,
        "tags": [],
        "created_by": "matthieu@example.com",
        "created_at": "2026-01-02 12:00:00",
        "updated_at": "2026-01-02 12:01:00",
    }
    for tags, stored in ((None, None), ([], "[]"), (["é", 1], '["é",1]')):
        write(worker, "a", "new", tags=tags)
        row = worker.row("a")
        assert row is not None
        assert row["tags_json"] == stored
    assert read(worker, "a")["metadata"]["tags"] == ["é", 1]


def test_a_colliding_key_destroys_the_other_value_before_it_fails(worker: WorkerDouble) -> None:
    worker.put("a/b_c", "precious")
    got = write(worker, "a_b/c", "other")
    assert got.status == 500
    assert got.json()["error"].startswith("Failed to write secret: ")
    assert "UNIQUE constraint failed: sys_secret.cf_key" in got.json()["error"]
    assert "code" not in got.json()
    assert worker.paths == ["a/b_c"]
    assert read(worker, "a/b_c")["value"] == "other"


def test_deleting_a_path_with_a_hash_or_question_mark_deletes_another_value(worker: WorkerDouble) -> None:
    for path in ("a%23b", "a%3Fb"):
        worker.put("a", "precious")
        write(worker, path, "other")
        assert call(worker, "DELETE", f"/v1/secret/data/{path}").json()["cf_deleted"]
        assert read(worker, "a")["value"] is None


def test_dots_in_a_path_reach_another_secret_even_when_escaped(worker: WorkerDouble) -> None:
    worker.put("b", "precious")
    assert call(worker, "DELETE", "/v1/secret/data/a/%2E%2e/b").json()["path"] == "b"


def test_a_value_is_null_until_it_is_rolled_out(worker: WorkerDouble) -> None:
    worker.bindings.rollout_reads = 2
    write(worker, "a", "new")
    assert [read(worker, "a")["value"] for _ in range(4)] == [None, None, "new", "new"]
    worker.bindings.before_rollout = "old"
    write(worker, "a", "newer")
    assert [read(worker, "a")["value"] for _ in range(3)] == ["new", "new", "newer"]


def test_an_empty_value_is_stored_and_shown_as_null(worker: WorkerDouble) -> None:
    assert write(worker, "a", "").status == 201
    assert worker.value("a") == ""
    assert read(worker, "a")["value"] is None


def test_a_value_may_linger_when_its_secret_is_deleted(worker: WorkerDouble) -> None:
    worker.put("a", "v")
    worker.bindings.delete_error = "Cloudflare API error"
    gone = call(worker, "DELETE", "/v1/secret/data/a")
    assert (gone.status, gone.json()["deleted"], gone.json()["cf_deleted"]) == (200, True, False)
    assert worker.value("a") == "v"
    assert call(worker, "DELETE", "/v1/secret/data/a").status == 404


def test_values_over_5_kb_and_variables_over_the_limit_are_refused(worker: WorkerDouble) -> None:
    assert write(worker, "a", "x" * 5120).status == 201
    for value in ("x" * 5121, "é" * 2561):
        got = write(worker, "a", value)
        assert got.status == 500
        assert got.json()["error"].startswith("Failed to write secret: ")
    assert worker.bindings.most_variables == 128
    assert VARIABLES_FREE == 64
    worker.bindings.most_variables = 2
    assert write(worker, "b").status == 201
    assert write(worker, "c").status == 500
    assert write(worker, "b", "again").status == 201
    assert worker.paths == ["a", "b"]


def test_cloudflare_may_refuse_to_store(worker: WorkerDouble) -> None:
    worker.bindings.put_error = "Authentication error"
    got = write(worker, "a")
    assert (got.status, got.json()) == (
        500,
        {"success": False, "error": "Failed to write secret: Authentication error"},
    )
    assert worker.paths == []


def test_metadata_the_database_cannot_hold_fails_after_the_value_is_stored(worker: WorkerDouble) -> None:
    got = write(worker, "a", "v", description={"x": 1})
    assert got.status == 500
    assert "D1_TYPE_ERROR" in got.json()["error"]
    assert worker.value("a") == "v"


def test_times_come_in_the_documents_form_too(worker: WorkerDouble) -> None:
    worker.database.time_format = "iso"
    write(worker, "a")
    assert read(worker, "a")["metadata"]["updated_at"] == "2026-01-02T12:00:00Z"


# Lists.


def test_a_prefix_is_a_pattern_that_ignores_folders_and_case(worker: WorkerDouble) -> None:
    for path in ("infra/a", "infrastructure/x", "INFRA/b", "in_ra/c", "other"):
        worker.put(path, "v")
    assert listed(worker) == ["INFRA/b", "in_ra/c", "infra/a", "infrastructure/x", "other"]
    assert listed(worker, "infra") == ["INFRA/b", "infra/a", "infrastructure/x"]
    assert listed(worker, "in_ra/") == ["INFRA/b", "in_ra/c", "infra/a"]
    assert listed(worker, "%25/x") == ["infrastructure/x"]
    assert listed(worker, "none") == []


def test_a_prefix_of_50_bytes_is_too_long_for_the_database(worker: WorkerDouble) -> None:
    worker.put("x" * 60, "v")
    assert listed(worker, "x" * 49) == ["x" * 60]
    got = call(worker, "GET", f"/v1/secret/list/{'x' * 50}")
    text = "Failed to list secrets: D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR"
    assert (got.status, got.json()) == (500, {"success": False, "error": text})


def test_users_see_their_own_part_of_users(worker: WorkerDouble) -> None:
    for path in ("users/u1/a", "users/u2/b", "infra/c"):
        worker.put(path, "v")
    mine = worker.user("me@example.com", "admin", "u1")
    assert listed(worker, headers=mine) == ["infra/c", "users/u1/a"]
    assert listed(worker, "users", headers=mine) == ["infra/c", "users/u1/a"]
    assert listed(worker, "users/u1/", headers=mine) == ["users/u1/a"]
    assert listed(worker, "users/u2/", headers=mine) == []
    assert listed(worker, "users/u2/") == ["users/u2/b"]
    assert listed(worker, "users", headers=worker.user("root@example.com", "superadmin", "u9")) == [
        *("users/u1/a", "users/u2/b")
    ]
    unknown = worker.user("new@example.com")
    assert listed(worker, "users", headers=unknown) == ["users/u1/a", "users/u2/b"]
    for method, target in (
        *(("GET", "/v1/secret/data/users/u2/b"), ("GET", "/v1/secret/metadata/users/u2/b")),
        *(("DELETE", "/v1/secret/data/users/u2/b"), ("POST", "/v1/secret/data/users/u2/new")),
    ):
        got = call(worker, method, target, {"value": "v"}, headers=mine)
        text = {"success": False, "error": "Access denied to other user secrets", "code": "FORBIDDEN"}
        assert (got.status, got.json()) == (403, text)
    assert call(worker, "GET", "/v1/secret/data/users/u1/a", headers=mine).status == 200
    assert read(worker, "users/u2/b")["value"] == "v"
    assert worker.paths == ["infra/c", "users/u1/a", "users/u2/b"]


# Paths.


def test_a_path_is_decoded_once(worker: WorkerDouble) -> None:
    assert write(worker, "a%2Fb%20%C3%A9%2525").json()["path"] == "a/b é%25"
    assert worker.paths == ["a/b é%25"]


@pytest.mark.parametrize("path", ["a%", "a%zz", "a%C3", "%ff"])
def test_a_bad_escape_is_a_page_of_cloudflare(worker: WorkerDouble, path: str) -> None:
    got = call(worker, "GET", f"/v1/secret/data/{path}")
    assert got.status == 500
    assert got.headers["content-type"].startswith("text/html")
    assert b"Worker threw exception" in got.body


# Who may.


@pytest.mark.parametrize("headers", [{}, {"CF-Access-Client-Id": "x.access", "CF-Access-Client-Secret": "y"}])
def test_without_good_credentials_the_edge_sends_to_its_login_page(
    worker: WorkerDouble, headers: dict[str, str]
) -> None:
    got = call(worker, "POST", "/v1/secret/data/a", {"value": "v"}, headers=headers)
    assert got.status == 302
    assert got.headers["location"].startswith("https://example.cloudflareaccess.com/cdn-cgi/access/login/")
    assert got.headers["content-type"].startswith("text/html")
    worker.access.refusal = "forbidden"
    got = call(worker, "GET", "/v1/secret/data/a", headers=headers)
    assert got.status == 403
    assert got.headers["content-type"].startswith("text/html")
    assert worker.paths == []


def test_a_wrong_secret_of_a_known_token_is_no_way_in(worker: WorkerDouble) -> None:
    headers = {**worker.credentials.headers, "CF-Access-Client-Secret": "wrong"}
    assert call(worker, "GET", "/v1/secret/list", headers=headers).status == 302


def test_the_worker_itself_refuses_those_who_come_past_the_edge(worker: WorkerDouble) -> None:
    worker.access.is_on = False
    stale = worker.user("me@example.com", lifetime=-1)
    good = worker.access.assertion(email="me@example.com")
    worker.access.team = "other"
    other = worker.access.assertion(email="me@example.com")
    worker.access.team = "example"
    for headers, text in (
        ({}, "Missing Cf-Access-Jwt-Assertion header"),
        ({"Cf-Access-Jwt-Assertion": "a.b"}, "Invalid JWT format"),
        ({"Cf-Access-Jwt-Assertion": other}, "Invalid issuer: https://other.cloudflareaccess.com"),
        (stale, "Token expired"),
        ({"Cf-Access-Jwt-Assertion": "a.!.c"}, "JWT validation error: Unexpected token in JSON"),
    ):
        got = call(worker, "GET", "/v1/secret/list", headers=headers)
        assert (got.status, got.json()) == (401, {"success": False, "error": text, "code": "UNAUTHORIZED"})
    assert call(worker, "GET", "/v1/secret/list", headers={"Cf-Access-Jwt-Assertion": good}).status == 200
    worker.clock.advance(61)
    assert call(worker, "GET", "/v1/secret/list", headers={"Cf-Access-Jwt-Assertion": good}).status == 401


def test_readers_may_only_read(worker: WorkerDouble) -> None:
    worker.put("a", "v")
    token = worker.service_token(read_only=True).headers
    reader = worker.user("reader@example.com", "reader", "u3")
    for headers, start in (
        (token, "Service tokens without scopes have READ ONLY access. Method POST not allowed. Link token to an"),
        (reader, "User reader@example.com has READ ONLY access. Admin role required for POST."),
    ):
        assert call(worker, "GET", "/v1/secret/data/a", headers=headers).status == 200
        got = call(worker, "POST", "/v1/secret/data/a", {"value": "x"}, headers=headers)
        assert (got.status, got.json()["code"]) == (403, "FORBIDDEN")
        assert got.json()["error"].startswith(start)
    assert worker.value("a") == "v"
    admin = worker.user("admin@example.com", "admin", "u4")
    assert call(worker, "POST", "/v1/secret/data/a", {"value": "x"}, headers=admin).status == 201
    worker.suspend(worker.credentials)
    got = call(worker, "GET", "/v1/secret/data/a")
    assert (got.status, got.json()["error"]) == (403, "Application is suspended or revoked")


# Around.


def test_health_is_public_and_counts_the_old_secrets(worker: WorkerDouble) -> None:
    worker.put("a", "v")
    worker.connection("conn_infra", {"KEY": "v"})
    got = call(worker, "GET", "/health", headers={})
    assert got.json() == {
        "success": True,
        "status": "healthy",
        "service": "vault-infra",
        "stats": {"connections": 1, "secrets": 1},
        "timestamp": "2026-01-02T12:00:00Z",
    }
    worker.is_healthy = False
    got = call(worker, "GET", "/health", headers={})
    assert (got.status, got.json()) == (503, {"success": False, "error": "Database unavailable"})


def test_what_happens_is_recorded_and_can_be_made_to_fail(worker: WorkerDouble) -> None:
    worker.break_next(Fault("reset_after", when=lambda seen: seen.method == "POST"))
    with pytest.raises(ConnectionError):
        write(worker, "a", "stored all the same")
    assert worker.value("a") == "stored all the same"
    assert [seen.target for seen in worker.mutations()] == ["/v1/secret/data/a"]
    assert [line["action"] for line in worker.audit()] == ["secret:write"]
    assert call(worker, "OPTIONS", "/v1/secret/data/a").status == 204
    assert call(worker, "HEAD", "/v1/secret/data/a").status == 404


def test_an_error_of_the_double_itself_is_raised_when_it_is_left() -> None:
    worker = WorkerDouble()
    with pytest.raises(TypeError), worker:  # noqa: PT012  the fault is raised at the end of the block
        worker.bindings.most_variables = None  # type: ignore[assignment]
        assert write(worker, "a").status == 500
