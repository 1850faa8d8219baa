"""What the double of the versioned API promises: each trap of it, met with bare requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.doubles.bare import Got, send
from tests.doubles.clock import Clock
from tests.doubles.server import Fault
from tests.doubles.trust import TrustDouble, error_reply
from tests.doubles.trust.encoding import ERRORS

NOON = datetime(2025, 10, 5, 10, 0, 0, tzinfo=UTC)
BASE = "/api/v1/trust/secrets"
PASSWORD = f"{BASE}/secrets/db/password"


@pytest.fixture
def trust() -> Iterator[TrustDouble]:
    with TrustDouble(clock=Clock(NOON)) as double:
        yield double


def call(
    trust: TrustDouble,
    method: str,
    target: str,
    body: object = None,
    *,
    token: str | None = None,
    request_id: str = "",
    **headers: str,
) -> Got:
    sent = {
        "Authorization": f"Bearer {trust.token if token is None else token}",
        "Content-Type": "application/json",
        **({"X-Request-Id": request_id} if request_id else {}),
        **headers,
    }
    return send(trust, method, target, None if body is None else json.dumps(body), sent)


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def write(trust: TrustDouble, value: bytes = b"v", target: str = PASSWORD, **more: str) -> Got:
    return call(trust, "POST", target, {"value_b64": b64(value)}, **more)


def refused(got: Got, status: int) -> bool:
    return (got.status, got.json()) == (status, {"error": ERRORS[status]})


# The four calls as the document shows them.


def test_a_secret_is_written_in_versions_and_each_can_be_read(trust: TrustDouble) -> None:
    body = {"value_b64": b64(b"one"), "metadata": {"owner": "svc-data", "rotation": "90d"}}
    first = call(trust, "POST", PASSWORD, body)
    assert (first.status, first.json()) == (200, {"version": 1, "created_at": "2025-10-05T10:00:00Z"})
    trust.clock.advance(3600)
    assert write(trust, b"two").json() == {"version": 2, "created_at": "2025-10-05T11:00:00Z"}
    latest = call(trust, "GET", PASSWORD)
    assert latest.json() == {"value_b64": b64(b"two"), "version": 2, "lease_ttl_s": 3600}
    old = call(trust, "GET", f"{PASSWORD}?version=1")
    assert old.json() == {"value_b64": b64(b"one"), "version": 1, "lease_ttl_s": 3600}
    secret = trust.secret("db/password")
    assert secret.owner == "svc-data"
    assert [version.metadata for version in secret.versions.values()] == [body["metadata"], {}]
    assert trust.values("db/password") == [b"one", b"two"]


def test_the_server_rotates_with_a_value_of_its_own(trust: TrustDouble) -> None:
    trust.put("db/password", b"one", owner="svc-data", rotation="90d")
    got = call(trust, "POST", f"{BASE}/admin/rotate/db/password", {"strategy": "immediate"})
    assert got.json() == {"path": "db/password", "new_version": 2}
    one, two = trust.values("db/password")
    assert one != two
    assert trust.secret("db/password").versions[2].metadata == {"owner": "svc-data", "rotation": "90d"}
    bad: list[object] = [{}, {"strategy": "later"}, []]
    for body in bad:
        assert refused(call(trust, "POST", f"{BASE}/admin/rotate/db/password", body), 400)
    assert refused(call(trust, "POST", f"{BASE}/admin/rotate/none", {"strategy": "immediate"}), 403)
    plain = trust.new_token()
    refusal = call(trust, "POST", f"{BASE}/admin/rotate/db/password", {"strategy": "immediate"}, token=plain)
    assert refused(refusal, 403)
    assert len(trust.values("db/password")) == 2


def test_leases_end_when_they_say_not_when_they_were_asked_to(trust: TrustDouble) -> None:
    trust.role("etl-reader", longest_s=1800)
    got = call(trust, "POST", f"{BASE}/leases", {"role": "etl-reader", "ttl_s": 900}).json()
    assert sorted(got) == ["access_key", "expires_at", "secret_key"]
    assert got["expires_at"] == "2025-10-05T10:15:00Z"
    long = call(trust, "POST", f"{BASE}/leases", {"role": "etl-reader", "ttl_s": 3600}).json()
    assert long["expires_at"] == "2025-10-05T10:30:00Z"
    assert long["access_key"] != got["access_key"]
    assert [lease.secret_key for lease in trust.leases] == [got["secret_key"], long["secret_key"]]
    for body in ({"role": "etl-reader"}, {"role": "", "ttl_s": 1}, {"role": "etl-reader", "ttl_s": 0}):
        assert refused(call(trust, "POST", f"{BASE}/leases", body), 400)
    assert refused(call(trust, "POST", f"{BASE}/leases", {"role": "etl-reader", "ttl_s": True}), 400)
    assert refused(call(trust, "POST", f"{BASE}/leases", {"role": "none", "ttl_s": 1}), 403)
    other = trust.new_token(roles=["other"])
    assert refused(call(trust, "POST", f"{BASE}/leases", {"role": "etl-reader", "ttl_s": 1}, token=other), 403)
    mine = trust.new_token(roles=["etl-reader"])
    assert call(trust, "POST", f"{BASE}/leases", {"role": "etl-reader", "ttl_s": 1}, token=mine).status == 200
    assert len(trust.leases) == 3
    assert [(line.action, line.path) for line in trust.evidence] == [("lease", "etl-reader")] * 3


# Where things are.


def test_the_doubled_segment_and_the_base_can_be_set() -> None:
    with TrustDouble(base="/s", segment="") as trust:
        assert trust.base_url == f"{trust.url}/s"
        trust.role("r")
        assert write(trust, target="/s/db/password").json()["version"] == 1
        assert call(trust, "POST", "/s/leases", {"role": "r", "ttl_s": 1}).status == 200
        assert call(trust, "POST", "/s/admin/rotate/db/password", {"strategy": "immediate"}).status == 200
        assert trust.values("leases") == []
        assert refused(write(trust, target="/s/"), 403)


def test_one_segment_alone_is_an_unknown_path(trust: TrustDouble) -> None:
    for target in (f"{BASE}/db/password", BASE, f"{BASE}/", f"{BASE}/secrets", f"{BASE}/secrets/", "/"):
        trust.clock.advance(1)
        assert refused(write(trust, target=target), 403), target
        assert refused(call(trust, "GET", target), 403), target
    assert trust.state.secrets == {}


def test_what_is_unknown_is_denied_or_not_found(trust: TrustDouble) -> None:
    unknown = [
        *(("GET", PASSWORD, None), ("GET", f"{PASSWORD}?version=1", None), ("DELETE", PASSWORD, None)),
        *(("GET", f"{BASE}/leases", None), ("POST", f"{BASE}/admin/rotate/x", {"strategy": "immediate"})),
        ("POST", f"{BASE}/leases", {"role": "none", "ttl_s": 1}),
    ]
    for unknown_is, status in (("forbidden", 403), ("not_found", 404)):
        trust.unknown = unknown_is  # type: ignore[assignment]
        for method, target, body in unknown:
            trust.clock.advance(1)
            assert refused(call(trust, method, target, body), status), target


def test_a_version_that_is_gone_or_never_was_is_not_found(trust: TrustDouble) -> None:
    trust.put("db/password", b"one", b"two", b"three")
    trust.forget("db/password", 2)
    got = [call(trust, "GET", f"{PASSWORD}?version={number}").status for number in (1, 2, 3, 4)]
    assert got == [200, 404, 200, 404]
    for bad in ("0", "-1", "x", "", "1.0", "01"):
        trust.clock.advance(1)
        assert refused(call(trust, "GET", f"{PASSWORD}?version={bad}"), 400), bad


@pytest.mark.parametrize("path", ["a%", "a%zz", "%ff", "a//b", "/a", "a/", "a/../b", "a/%2e%2e/b", "."])
def test_paths_that_cannot_be_are_invalid(trust: TrustDouble, path: str) -> None:
    assert refused(write(trust, target=f"{BASE}/secrets/{path}"), 400)


def test_a_path_is_decoded_once(trust: TrustDouble) -> None:
    write(trust, target=f"{BASE}/secrets/a%2Fb%20%C3%A9%2525")
    assert trust.values("a/b é%25") == [b"v"]


# Values.


def test_values_are_bytes_in_either_alphabet(trust: TrustDouble) -> None:
    value = bytes(range(256))
    trust.put("db/password", value)
    shown = {}
    for trust.alphabet in ("standard", "urlsafe"):
        for trust.is_padded in (True, False):
            shown[trust.alphabet, trust.is_padded] = call(trust, "GET", PASSWORD).json()["value_b64"]
    assert shown["standard", True] == b64(value)
    assert shown["urlsafe", False] == base64.urlsafe_b64encode(value).decode().rstrip("=")
    assert len(set(shown.values())) == 4
    for text in shown.values():
        assert call(trust, "POST", PASSWORD, {"value_b64": text}).status == 200
    assert trust.values("db/password") == [value] * 5


GOOD = {"value_b64": "YQ=="}
BAD_WRITES: list[object] = [
    *({}, {"value_b64": None}, {"value_b64": 1}, {"value_b64": "a"}, {"value_b64": "a b="}, {"value_b64": "YQ==="}),
    *(GOOD | {"metadata": []}, GOOD | {"metadata": "x"}, GOOD | {"metadata": {"owner": 1}}, [], "text"),
]


@pytest.mark.parametrize("body", BAD_WRITES, ids=str)
def test_a_write_without_a_good_value_and_metadata_is_invalid(trust: TrustDouble, body: object) -> None:
    assert refused(call(trust, "POST", PASSWORD, body), 400)
    assert trust.state.secrets == {}


def test_an_empty_value_is_a_value(trust: TrustDouble) -> None:
    write(trust, b"")
    assert call(trust, "GET", PASSWORD).json()["value_b64"] == ""


def test_the_lease_of_a_read_may_be_null_or_absent(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    trust.lease_ttl_s = None
    assert call(trust, "GET", PASSWORD).json() == {"value_b64": "dg==", "version": 1, "lease_ttl_s": None}
    trust.lease_ttl_s = "absent"
    assert call(trust, "GET", PASSWORD).json() == {"value_b64": "dg==", "version": 1}
    trust.put("db/password", b"v", lease_ttl_s=60)
    assert call(trust, "GET", PASSWORD).json()["lease_ttl_s"] == 60


def test_answers_may_grow_and_writes_may_be_201(trust: TrustDouble) -> None:
    trust.additions = {"trace": {"id": 1}}
    trust.success_status = 201
    got = write(trust)
    assert (got.status, got.json()["trace"]) == (201, {"id": 1})


# The same request twice.


def test_the_same_request_id_gets_the_same_answer_and_no_second_version(trust: TrustDouble) -> None:
    first = write(trust, b"one", request_id="intent-1")
    again = write(trust, b"one", request_id="intent-1")
    assert first.body == again.body
    assert trust.values("db/password") == [b"one"]
    assert write(trust, b"two", request_id="intent-2").json()["version"] == 2
    assert trust.request_ids == ["intent-1", "intent-1", "intent-2"]
    assert trust.idempotency.replays == 1


def test_a_lost_answer_can_be_asked_for_again(trust: TrustDouble) -> None:
    trust.break_next(Fault("reset_after"))
    with pytest.raises(ConnectionError):
        write(trust, b"one", request_id="intent")
    assert write(trust, b"one", request_id="intent").json()["version"] == 1
    assert trust.values("db/password") == [b"one"]
    trust.break_next(Fault("reset_after"))
    with pytest.raises(ConnectionError):
        write(trust, b"two")
    write(trust, b"two")
    assert trust.values("db/password") == [b"one", b"two", b"two"]


def test_requests_of_one_id_at_the_same_time_make_one_version(trust: TrustDouble) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: write(trust, b"one", request_id="intent").body, range(8)))
    assert len(set(answers)) == 1
    assert trust.values("db/password") == [b"one"]


def test_leases_and_rotations_are_idempotent_too(trust: TrustDouble) -> None:
    trust.role("r")
    trust.put("a", b"v")
    for body, target in (({"role": "r", "ttl_s": 9}, "leases"), ({"strategy": "immediate"}, "admin/rotate/a")):
        answers = {call(trust, "POST", f"{BASE}/{target}", body, request_id=target).body for _ in range(2)}
        assert len(answers) == 1
    assert len(trust.leases) == 1
    assert len(trust.values("a")) == 2


def test_an_id_used_again_for_something_else_gets_the_first_answer_or_is_refused(trust: TrustDouble) -> None:
    write(trust, b"one", request_id="x")
    assert call(trust, "GET", PASSWORD, request_id="x").json() == {"version": 1, "created_at": "2025-10-05T10:00:00Z"}
    assert write(trust, b"two", request_id="x").json()["version"] == 1
    assert trust.values("db/password") == [b"one"]
    trust.idempotency.refuses_reuse = True
    assert refused(write(trust, b"two", request_id="x"), 400)
    assert write(trust, b"one", request_id="x").json()["version"] == 1


def test_a_read_with_an_old_id_is_an_old_read(trust: TrustDouble) -> None:
    trust.put("db/password", b"one")
    call(trust, "GET", PASSWORD, request_id="read")
    trust.put("db/password", b"two")
    assert call(trust, "GET", PASSWORD, request_id="read").json()["version"] == 1
    assert call(trust, "GET", PASSWORD).json()["version"] == 2


def test_answers_are_kept_for_a_time_by_tenant_and_errors_not_at_all(trust: TrustDouble) -> None:
    trust.is_dependency_down = True
    assert refused(write(trust, b"one", request_id="x"), 503)
    trust.is_dependency_down = False
    assert write(trust, b"one", request_id="x").json()["version"] == 1
    write(trust, b"other", request_id="x", token=trust.new_token(tenant="other"))
    assert trust.values("db/password", tenant="other") == [b"other"]
    trust.idempotency.retention_s = 60
    write(trust, b"two", request_id="y")
    trust.clock.advance(60)
    assert write(trust, b"two", request_id="y").json()["version"] == 3


# Who may, and how often.


def test_without_a_known_token_all_is_unauthorized(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    old = trust.new_token()
    trust.revoke(old)
    for authorization in ("", "Bearer", "Bearer no", f"Basic {trust.token}", trust.token, f"Bearer {old}"):
        for target in (PASSWORD, "/nowhere"):
            assert refused(call(trust, "GET", target, Authorization=authorization), 401)
    assert call(trust, "GET", PASSWORD, Authorization=f"bearer {trust.token}").status == 200


def test_rights_are_prefixes_and_tenants_are_apart(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    trust.put("web/key", b"v")
    token = trust.new_token(read=["db/"], write=["web/"], subject="svc")
    assert call(trust, "GET", PASSWORD, token=token).status == 200
    assert refused(call(trust, "GET", f"{BASE}/secrets/web/key", token=token), 403)
    assert refused(write(trust, token=token), 403)
    assert write(trust, target=f"{BASE}/secrets/web/new", token=token).status == 200
    assert refused(call(trust, "GET", PASSWORD, token=trust.new_token(tenant="other")), 403)
    trust.unknown = "not_found"
    assert refused(call(trust, "GET", f"{BASE}/secrets/web/none", token=token), 403)
    assert refused(call(trust, "GET", f"{BASE}/secrets/db/none", token=token), 404)
    assert [(line.subject, line.action, line.path, line.version) for line in trust.evidence] == [
        ("svc", "read", "db/password", 1),
        ("svc", "write", "web/new", 1),
    ]


def test_an_eleventh_request_in_a_second_is_refused(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    statuses = [call(trust, "GET", PASSWORD).status for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    got = call(trust, "GET", PASSWORD)
    assert refused(got, 429)
    assert "retry-after" not in got.headers
    assert trust.rate.refused == 3
    assert call(trust, "GET", PASSWORD, token=trust.new_token()).status == 429
    assert call(trust, "GET", PASSWORD, token=trust.new_token(tenant="other")).status == 403
    trust.rate.retry_after = "seconds"
    assert call(trust, "GET", PASSWORD).headers["retry-after"] == "1"
    trust.rate.retry_after = "date"
    assert call(trust, "GET", PASSWORD).headers["retry-after"] == "Sun, 05 Oct 2025 10:00:01 GMT"
    trust.clock.advance(0.999)
    assert call(trust, "GET", PASSWORD).status == 429
    trust.clock.advance(0.001)
    assert call(trust, "GET", PASSWORD).status == 200
    trust.rate.per_second = None
    assert {call(trust, "GET", PASSWORD).status for _ in range(20)} == {200}


def test_ten_requests_a_second_apart_by_a_tenth_are_never_refused(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    for _ in range(40):
        assert call(trust, "GET", PASSWORD).status == 200
        trust.clock.advance(0.1)


def test_the_rate_follows_the_clock_of_the_machine_unless_set() -> None:
    with TrustDouble() as trust:
        trust.rate.per_second = 1
        statuses = [call(trust, "GET", PASSWORD).status for _ in range(4)]
        assert 429 in statuses


# Headers and bodies.


def test_the_content_type_is_required_on_reads_too_and_a_body_may_be_refused(trust: TrustDouble) -> None:
    trust.put("db/password", b"v")
    for kind in ("", "text/plain", "application/x-www-form-urlencoded"):
        assert refused(call(trust, "GET", PASSWORD, **{"Content-Type": kind}), 400)
        assert refused(call(trust, "POST", PASSWORD, GOOD, **{"Content-Type": kind}), 400)
    assert call(trust, "GET", PASSWORD, **{"Content-Type": "application/json; charset=utf-8"}).status == 200
    trust.needs_content_type = False
    assert call(trust, "GET", PASSWORD, **{"Content-Type": ""}).status == 200
    assert call(trust, "GET", PASSWORD, {}).status == 200
    trust.refuses_get_body = True
    trust.clock.advance(1)
    assert refused(call(trust, "GET", PASSWORD, {}), 400)
    assert call(trust, "GET", PASSWORD).status == 200


@pytest.mark.parametrize("status", list(ERRORS))
def test_every_error_of_the_document_can_be_made_to_happen(trust: TrustDouble, status: int) -> None:
    trust.break_next(Fault("reply", reply=error_reply(status)))
    assert refused(call(trust, "GET", PASSWORD), status)
