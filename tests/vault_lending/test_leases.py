"""Credentials of a server: asked for once whatever happens, and told in words when there are none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from kvtui.domain.lease import Lease
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, answering, fields, opened

ROLE = "database/creds/readonly"


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        engine: Any = made.mount("database", kind="database")
        engine.add_role("readonly")
        engine.add_role("short", ttl=60, max_ttl=120)
        yield made
        assert not made.broken


def users(double: VaultDouble) -> dict[str, str]:
    engine: Any = double.state.root.mounts["database/"].engine
    found: dict[str, str] = engine.users
    return found


def issuing(request: Seen) -> bool:
    return request.path.startswith("/v1/database/creds/")


LOST = [
    Fault("reset_after", issuing),
    Fault("close_early", issuing),
    Fault("reply_after", issuing, reply=answering(502).reply),
    Fault("reply_after", issuing, reply=answering(200, b"<html>").reply),
    Fault("hang", issuing, seconds=5.0),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.kind} {fault.reply.status}")
def test_credentials_are_asked_for_once_though_the_answer_is_lost(double: VaultDouble, fault: Fault) -> None:
    double.break_next(fault)
    with opened(double, timeout=1.0) as backend:
        with pytest.raises(Unavailable) as caught:
            backend.issue(ROLE)
        assert "may have been issued" in caught.value.message
        assert not caught.value.retryable
    assert len([request for request in double.requests if issuing(request)]) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_that_says_later_is_not_waited_for_with_a_second_request(double: VaultDouble, status: int) -> None:
    double.break_next(Fault("reply", issuing, reply=answering(status, Retry_After="1").reply))
    with opened(double) as backend, pytest.raises((RateLimited, Unavailable)):
        backend.issue(ROLE)
    assert len([request for request in double.requests if issuing(request)]) == 1
    assert users(double) == {}


@pytest.mark.parametrize(
    "path",
    ["kv/app", "kv/data/app", "old/app", "cubbyhole/x", "sys/health", "auth/token/lookup-self", "identity/entity/id/x"],
)
def test_a_path_that_is_no_role_is_not_read_at_all(double: VaultDouble, path: str) -> None:
    with opened(double) as backend:
        backend.write("kv/app", fields())
        backend.write("old/app", fields())
        before = len(double.requests)
        with pytest.raises(InvalidInput, match="no lease"):
            backend.issue(path)
    assert f"/v1/{path}" not in [request.path for request in double.requests[before:]]


def test_an_answer_without_a_lease_is_dropped(double: VaultDouble) -> None:
    with opened(double) as backend:
        with pytest.raises(InvalidInput, match="no lease"):
            backend.issue("database/roles/readonly")
        assert backend.leases() == []


@pytest.mark.parametrize("path", ["../sys/seal", "database//creds", "database/creds/a\x1bb", "database/creds/.."])
def test_a_path_no_server_has_is_refused_before_it_is_sent(double: VaultDouble, path: str) -> None:
    with opened(double) as backend, pytest.raises(KvtuiError):
        backend.issue(path)
    assert not [request for request in double.requests if "creds" in request.path or "seal" in request.path]


def test_a_time_the_role_does_not_know_is_set_by_renewing_the_new_lease(double: VaultDouble) -> None:
    with opened(double) as backend:
        lease = backend.issue(ROLE, timedelta(minutes=5)).lease
    assert [request.path for request in double.sent("POST")] == ["/v1/sys/leases/renew"]
    assert lease.expires_at is not None
    assert abs(lease.expires_at - datetime.now(UTC) - timedelta(minutes=5)) < timedelta(seconds=5)


def test_credentials_are_good_where_their_time_could_not_be_set(double: VaultDouble) -> None:
    double.break_next(Fault("reset_before", lambda request: request.path.endswith("/renew")))
    with opened(double) as backend:
        issued = backend.issue(ROLE, timedelta(minutes=5))
        assert issued.fields
        assert [lease.id for lease in backend.leases()] == [issued.lease.id]


def test_a_lease_lasts_no_longer_than_the_server_lets_it(double: VaultDouble) -> None:
    with opened(double) as backend:
        lease = backend.renew(backend.issue("database/creds/short").lease.id, timedelta(hours=9))
    assert lease.expires_at is not None
    assert lease.expires_at - datetime.now(UTC) <= timedelta(seconds=121)


def test_what_a_token_may_not_do_is_said_and_nothing_is_lost(double: VaultDouble) -> None:
    double.policy("user", {"database/creds/readonly": ["read"]})
    with opened(double, double.token("user")) as backend:
        assert backend.roles() == []
        issued = backend.issue(ROLE)
        with pytest.raises(PermissionDenied, match="policies"):
            backend.issue("database/creds/short")
        with pytest.raises(PermissionDenied):
            backend.revoke(issued.lease.id)
        assert [lease.id for lease in backend.leases()] == [issued.lease.id]


def test_a_lease_that_may_not_be_looked_up_is_as_it_was(double: VaultDouble) -> None:
    double.policy("blind", {"sys/leases/lookup": ["deny"], "sys/*": ["read"]})
    known = Lease(f"{ROLE}/abc", ROLE, ROLE, None, datetime(2100, 1, 1, tzinfo=UTC), renewable=True)
    with opened(double, double.token("blind")) as backend:
        assert backend.leases([known]) == [known]


def test_a_revoked_token_takes_its_leases_along(double: VaultDouble) -> None:
    token = double.token("root")
    with opened(double, token) as backend:
        lease = backend.issue(ROLE).lease
        found = double.state.token(token)
        assert found is not None
        double.state.revoke(found)
        with pytest.raises((AuthenticationRequired, PermissionDenied)):
            backend.issue(ROLE)
    with opened(double) as backend:
        assert backend.leases([lease]) == []
        with pytest.raises(NotFound):
            backend.look_up_lease(lease.id)


def test_an_expired_lease_is_gone_from_the_list(double: VaultDouble) -> None:
    with opened(double) as backend:
        backend.issue("database/creds/short")
        kept = backend.issue(ROLE).lease
        double.advance(61)
        assert [lease.id for lease in backend.leases()] == [kept.id]


def test_the_end_is_told_by_our_clock_though_the_servers_is_another(double: VaultDouble) -> None:
    double.advance(5 * 86400)
    with opened(double) as backend:
        lease = backend.issue(ROLE).lease
        for end in (lease.expires_at, backend.look_up_lease(lease.id).expires_at):
            assert end is not None
            assert abs(end - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=10)


def test_the_end_of_a_lease_is_the_same_whole_second_whenever_it_is_looked_at(double: VaultDouble) -> None:
    with opened(double) as backend:
        issued = backend.issue(ROLE).lease
        ends = {issued.expires_at}
        for seconds in (0.0, 0.4, 0.4):
            double.advance(seconds)  # the server counts on, and tells whole seconds of what is left
            (seen,) = backend.leases([issued])
            ends.add(seen.expires_at)
            assert seen.issued_at is not None
            assert seen.issued_at.microsecond == 0
        (end,) = ends
        assert end is not None
        assert end.microsecond == 0


@pytest.mark.parametrize(
    "body",
    [
        {"lease_id": 7, "data": {}},
        {"lease_id": "", "data": {"password": "x"}},
        {"lease_id": ["x"], "lease_duration": "x"},
        {"lease_id": None, "lease_duration": 10**30},
    ],
)
def test_an_odd_answer_is_no_lease(double: VaultDouble, body: Any) -> None:
    double.break_next(Fault("reply", issuing, reply=answering(200, body).reply))
    with opened(double) as backend, pytest.raises(InvalidInput):
        backend.issue(ROLE)


@pytest.mark.parametrize("duration", [10**30, -5, "soon", None, True, []])
def test_an_odd_lifetime_is_taken_for_none(double: VaultDouble, duration: Any) -> None:
    body = {"lease_id": f"{ROLE}/x", "lease_duration": duration, "renewable": "yes", "data": {"password": "x"}}
    double.break_next(Fault("reply", issuing, reply=answering(200, body).reply))
    with opened(double) as backend:
        lease = backend.issue(ROLE).lease
    assert (lease.expires_at, lease.renewable) == (None, False)


def test_roles_are_those_of_engines_that_issue_by_reading(double: VaultDouble) -> None:
    other: Any = double.mount("team/db", kind="database")
    other.add_role("owner")
    with opened(double) as backend:
        assert backend.roles() == [ROLE, "database/creds/short", "team/db/creds/owner"]
        assert backend.issue("team/db/creds/owner").lease.path == "team/db/creds/owner"
    assert users(double) == {}


def test_an_empty_answer_is_not_taken_for_a_path_that_issues_nothing(double: VaultDouble) -> None:
    double.break_next(Fault("reply_after", issuing, reply=Reply(200, b"")))
    with opened(double) as backend, pytest.raises(Unavailable, match="may have been issued"):
        backend.issue(ROLE)


def test_a_renewal_that_does_not_say_until_when_is_looked_up(double: VaultDouble) -> None:
    with opened(double) as backend:
        lease = backend.issue(ROLE).lease
        double.break_next(Fault("reply_after", lambda seen: seen.path.endswith("/leases/renew"), reply=Reply(200, b"")))
        renewed = backend.renew(lease.id, timedelta(minutes=10))
        assert renewed.expires_at is not None
        assert lease.expires_at is not None
        assert renewed.expires_at < lease.expires_at
