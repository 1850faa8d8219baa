"""Every state of a server has a name, asked for with one request that carries no token; sealed passes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.health import Health, State, look
from kvtui.domain.errors import Locked, Unavailable
from kvtui.domain.value import SecretValue
from tests.doubles.server import Double, Fault, Reply
from tests.doubles.vault import VaultDouble
from tests.support.hostile import BY_CATEGORY
from tests.vault_faults.places import MOUNTS, TOKEN, answering, api, fields, opened


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made


STATUSES = {
    429: State.STANDBY,
    472: State.SECONDARY,
    473: State.PERFORMANCE_STANDBY,
    474: State.CUT_OFF,
    501: State.UNINITIALIZED,
    503: State.SEALED,
    530: State.REMOVED,
    200: State.ACTIVE,
}


@pytest.mark.parametrize("status", STATUSES)
def test_each_health_status_is_a_named_state(double: VaultDouble, status: int) -> None:
    double.break_next(answering(status, {"initialized": True, "sealed": False, "standby": False, "version": "2.6.2"}))
    with api(double) as made:
        found = look(made)
    assert found.state is STATUSES[status]
    assert found.state.words
    assert found.version == ("" if status == 429 else "2.6.2")
    assert len(double.requests) == 1


def test_the_states_of_a_server_are_told_apart(double: VaultDouble) -> None:
    with api(double) as made:
        assert look(made).state is State.ACTIVE
        for name, state in {
            "standby": State.STANDBY,
            "performance": State.PERFORMANCE_STANDBY,
            "secondary": State.SECONDARY,
            "cut off": State.CUT_OFF,
            "removed": State.REMOVED,
        }.items():
            double.state.flavour = "vault"
            double.standby = name  # type: ignore[assignment]
            assert look(made).state is state, name
        double.standby = ""
        double.sealed = True
        assert look(made).state is State.SEALED
        double.initialized = False
        assert look(made).state is State.UNINITIALIZED


def test_health_is_asked_for_without_token_or_namespace(double: VaultDouble) -> None:
    with api(double, TOKEN) as made:
        look(VaultApi(made._client, token=SecretValue(TOKEN), namespace="team"))
    (seen,) = double.requests
    assert "x-vault-token" not in seen.headers
    assert "x-vault-namespace" not in seen.headers
    assert seen.path == "/v1/sys/health"


TROUBLE: dict[str, Fault] = {
    "reset": Fault("reset_before"),
    "early close": Fault("close_early"),
    "hang": Fault("hang", seconds=5),
    "a redirect": answering(307, location="http://127.0.0.1:1/"),
    "a login page": answering(200, b"<html>"),
    "a proxy's error": answering(503, b"<html>Service Unavailable"),
    "another API": answering(200, {"status": "ok"}),
    "a list": answering(200, []),
    "odd members": answering(200, {"sealed": False, "version": {"a": 1}, "standby": 7}),
    "a long version": answering(200, {"sealed": False, "version": "9" * 10_000}),
    **{entry.id: answering(500, entry.value.encode("utf-8", "surrogatepass")) for entry in BY_CATEGORY["error_body"]},
}


@pytest.mark.parametrize("name", TROUBLE)
def test_looking_is_never_an_error(double: VaultDouble, name: str) -> None:
    double.break_next(TROUBLE[name])
    with api(double, timeout=0.5) as made:
        found = look(made)
    assert isinstance(found, Health)
    assert len(found.version) <= 64
    assert found.state in {State.UNREACHABLE, State.UNKNOWN} or name in {"odd members", "a long version"}
    assert len(double.requests) == 1


def test_looking_at_nothing_says_that_it_cannot_be_reached() -> None:
    with VaultDouble() as double:
        pass
    with api(double, timeout=2) as made:
        found = look(made)
    assert found.state is State.UNREACHABLE
    assert "reached" in found.trouble


def test_a_sealed_server_is_named_with_one_request_and_used_again_once_it_is_unsealed(double: VaultDouble) -> None:
    with opened(double) as backend:
        backend.write("kv/a", fields())
        double.sealed = True
        double.requests.clear()
        sent = len(double.mutations())
        for act in (
            lambda: backend.read("kv/a"),
            lambda: backend.list("kv"),
            lambda: list(backend.walk()),
            lambda: backend.metadata("kv/a"),
            lambda: backend.write("kv/a", fields("2"), expected=1),
        ):
            double.requests.clear()
            with pytest.raises(Unavailable, match="sealed") as caught:
                act()
            assert caught.value.retryable
            assert len(double.requests) == 1  # no knocking
        assert backend.condition() == "sealed"
        assert len(double.mutations()) <= sent + 1
        double.sealed = False
        assert backend.condition() == ""
        assert backend.read("kv/a").version.number == 1
        assert backend.write("kv/a", fields("2"), expected=1).number == 2


def test_opening_a_sealed_server_says_so(double: VaultDouble) -> None:
    double.sealed = True
    with pytest.raises(Unavailable, match="sealed"), opened(double):
        pass


def test_a_standby_that_points_at_the_active_server_is_named_and_not_followed(double: VaultDouble) -> None:
    class Active(Double):
        def answer(self, request: Any) -> Reply:
            return Reply(body=b"{}")

    with Active() as active, opened(double) as backend:
        backend.write("kv/a", fields())
        double.standby, double.active_url = "standby", active.url
        with pytest.raises(Unavailable, match="sends us to another one") as caught:
            backend.read("kv/a")
        assert active.url in str(caught.value)
        assert backend.condition() == ""
        assert look(backend._api).state is State.STANDBY
        assert active.requests == []


def test_a_closed_connection_has_no_condition(double: VaultDouble) -> None:
    with opened(double) as backend:
        pass
    with pytest.raises(Locked):
        backend.condition()
