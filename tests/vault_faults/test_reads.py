"""Reads in bad weather: limits, replicas that are behind, servers that fail for a moment; and odd things to read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.backend import VaultBackend
from kvtui.domain.errors import (
    AuthenticationRequired,
    Conflict,
    InvalidInput,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from kvtui.domain.secret import Skipped, VersionState
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, answering, api, fields, opened


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made


@pytest.fixture
def backend(double: VaultDouble) -> Iterator[VaultBackend]:
    with opened(double) as made:
        made.write("kv/a", fields())
        made.write("old/a", fields())
        double.requests.clear()
        yield made


def seconds_to_read(backend: VaultBackend) -> float:
    started = time.monotonic()
    assert backend.read("kv/a").version.number == 1
    return time.monotonic() - started


def test_a_limit_of_two_seconds_is_waited_for(double: VaultDouble, backend: VaultBackend) -> None:
    double.break_next(answering(429, retry_after="2"))
    assert seconds_to_read(backend) >= 1.9
    assert len(double.requests) == 2


def test_a_limit_until_a_date_is_waited_for(double: VaultDouble, backend: VaultBackend) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)  # of which the header keeps whole seconds
    double.break_next(answering(429, retry_after=format_datetime(until, usegmt=True)))
    assert seconds_to_read(backend) < 30
    assert datetime.now(UTC) >= until.replace(microsecond=0)


def test_a_limit_nobody_would_wait_for_is_told_at_once(double: VaultDouble) -> None:
    with opened(double, timeout=50) as backend:
        backend.write("kv/a", fields())
        double.break_next(answering(429, retry_after="999999"))
        started = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            backend.read("kv/a")
        assert time.monotonic() - started < 30
    assert caught.value.retry_after == 60
    assert caught.value.retryable


def at_once(double: VaultDouble, backend: VaultBackend, faults: Sequence[Fault]) -> list[float]:
    """Reads a secret for each fault, all at the same time; the seconds that each took."""
    for number in range(len(faults)):
        backend.write(f"kv/{number}", fields())

    def one(number: int) -> float:
        started = time.monotonic()
        assert backend.read(f"kv/{number}").version.number == 1
        return time.monotonic() - started

    for number, fault in enumerate(faults):
        double.break_next(replace(fault, when=lambda seen, number=number: seen.path == f"/v1/kv/data/{number}"))
    with ThreadPoolExecutor(len(faults)) as pool:
        return list(pool.map(one, range(len(faults))))


def test_a_limit_without_a_sensible_time_is_waited_for_a_second(double: VaultDouble, backend: VaultBackend) -> None:
    texts = ["soon", "-1", "", "1e9", "NaN", "9" * 400]
    for seconds in at_once(double, backend, [answering(429, retry_after=text) for text in texts]):
        assert 0.9 <= seconds < 30  # where a text is taken for a time it is more than a minute


def test_a_limit_that_stays_is_told_after_three_requests(double: VaultDouble, backend: VaultBackend) -> None:
    double.limit_rate(0, 60, path="kv/")
    double.break_next(*[answering(429, retry_after="0")] * 3)
    with pytest.raises(RateLimited):
        backend.read("kv/a")
    assert len(double.requests) == 3


def test_waiting_for_a_limit_ends_when_the_connection_is_closed(double: VaultDouble) -> None:
    with opened(double, timeout=50) as backend:
        backend.write("kv/a", fields())
        double.requests.clear()
        double.break_next(answering(429, retry_after="40"))

        def close() -> None:
            double.until(lambda: bool(double.requests))
            backend.close()

        closing = threading.Thread(target=close)
        closing.start()
        started = time.monotonic()
        with pytest.raises(Locked):
            backend.read("kv/a")
        assert time.monotonic() - started < 30
        closing.join()


def test_a_read_succeeds_at_the_third_try(double: VaultDouble, backend: VaultBackend) -> None:
    statuses = [412, 500, 502, 503, 504]
    at_once(double, backend, [answering(status, times=2) for status in statuses])  # within the 5 s of a call
    for number in range(len(statuses)):
        assert len([seen for seen in double.sent("GET") if seen.path == f"/v1/kv/data/{number}"]) == 3


def test_a_replica_that_stays_behind_is_named_within_ten_seconds(double: VaultDouble, backend: VaultBackend) -> None:
    double.break_next(answering(412, times=100))
    started = time.monotonic()
    with pytest.raises(Unavailable, match="behind") as caught:
        backend.read("kv/a")
    assert time.monotonic() - started < 10
    assert len(double.requests) == 3
    assert caught.value.retryable


@pytest.mark.parametrize("status", [501, 505])
def test_an_answer_that_is_final_is_not_asked_for_again(
    double: VaultDouble, backend: VaultBackend, status: int
) -> None:
    double.break_next(answering(status, times=100))
    with pytest.raises(Unavailable):
        backend.read("kv/a")
    assert len(double.requests) == 1


def test_a_mount_that_is_being_upgraded_is_waited_for(double: VaultDouble, backend: VaultBackend) -> None:
    engine: Any = double._space("").mounts["kv/"].engine
    engine.upgrading = True

    def ready(seen: Seen) -> bool:
        engine.upgrading = len(double.requests) < 3
        return False

    double.break_next(Fault("reply", when=ready))
    assert backend.read("kv/a").version.number == 1


def test_a_server_that_was_down_is_used_again_without_another_sign_in(
    double: VaultDouble, backend: VaultBackend
) -> None:
    double.break_next(Fault("reset_before", times=3))
    with pytest.raises(Unavailable):
        backend.read("kv/a")
    assert backend.read("kv/a").version.number == 1
    assert backend.write("kv/a", fields("2"), expected=1).number == 2


def test_an_expired_token_asks_to_sign_in_again_and_changes_nothing(double: VaultDouble) -> None:
    token = double.token("root", ttl=60)
    with opened(double, token) as backend:
        backend.write("kv/a", fields())
        double.advance(120)
        sent = len(double.mutations())
        for act in (lambda: backend.read("kv/a"), lambda: backend.write("kv/a", fields("2"), expected=1)):
            with pytest.raises(AuthenticationRequired):
                act()
        assert len(double.mutations()) - sent <= 1
    assert double.secrets_of("kv")["a"].current == 1


# Check-and-set, and what stands in for it


def test_a_stale_write_is_a_conflict_and_overwrites_nothing(double: VaultDouble, backend: VaultBackend) -> None:
    backend.write("kv/a", fields("theirs"))
    with pytest.raises(Conflict) as caught:
        backend.write("kv/a", fields("mine"), expected=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert "mine" not in str(caught.value)
    assert backend.read("kv/a").fields["field"].same_as(SecretValue("theirs"))
    assert backend.write("kv/a", fields("mine"), expected=caught.value.actual).number == 3


def test_creating_over_a_deleted_secret_is_a_conflict_that_names_the_version_to_build_on(
    double: VaultDouble, backend: VaultBackend
) -> None:
    backend.delete("kv/a")
    with pytest.raises(Conflict) as caught:
        backend.write("kv/a", fields("new"), expected=0)
    assert caught.value.actual == 1
    assert backend.read("kv/a").version.state is VersionState.DELETED  # so undeleting it can be offered
    assert backend.write("kv/a", fields("new"), expected=1).number == 2


def test_without_versions_a_change_by_another_is_noticed_before_it_is_written_over(
    double: VaultDouble, backend: VaultBackend
) -> None:
    backend.read("old/a")
    double.secrets_of("old")["a"] = {"field": "theirs"}
    for _ in range(2):  # the same write again is the same conflict, until it was read
        with pytest.raises(Conflict, match="Somebody changed it"):
            backend.write("old/a", fields("mine"), expected=1)
    assert double.secrets_of("old")["a"] == {"field": "theirs"}
    backend.read("old/a")
    backend.write("old/a", fields("mine"), expected=1)
    assert double.secrets_of("old")["a"] == {"field": "mine"}


def test_without_versions_a_secret_that_appeared_or_went_is_a_conflict(
    double: VaultDouble, backend: VaultBackend
) -> None:
    with pytest.raises(Conflict):
        backend.write("old/a", fields("mine"), expected=0)
    backend.read("old/a")
    del double.secrets_of("old")["a"]
    with pytest.raises(Conflict):
        backend.write("old/a", fields("mine"), expected=1)
    assert "a" not in double.secrets_of("old")


# Odd things to read


def test_a_folder_one_may_not_list_is_refused_there_and_told_of_by_a_walk(double: VaultDouble) -> None:
    with opened(double) as all_of_it:
        for path in ("kv/open/a", "kv/shut/b", "kv/z"):
            all_of_it.write(path, fields())
    shut = {"kv/metadata/shut/*": ["deny"], "kv/detailed-metadata/*": ["deny"]}
    double.policy("some", {"kv/*": ["create", "read", "update", "list"], **shut})
    with opened(double, double.token("some")) as backend:
        assert [entry.path for entry in backend.list("kv").entries] == ["kv/open", "kv/shut", "kv/z"]
        with pytest.raises(PermissionDenied) as caught:
            backend.list("kv/shut")
        assert caught.value.path == "kv/shut"
        with pytest.raises(PermissionDenied):
            list(backend.walk("kv"))
        skipped: list[Skipped] = []
        assert [entry.path for entry in backend.walk("kv", skipped=skipped.append)] == ["kv/open/a", "kv/z"]
        assert [(each.path, type(each.error)) for each in skipped] == [("kv/shut", PermissionDenied)]


def test_an_empty_mount_is_empty_and_a_folder_that_is_not_there_is_missing(backend: VaultBackend) -> None:
    backend.destroy("kv/a")
    assert backend.list("kv").entries == ()
    assert list(backend.walk("kv")) == []
    with pytest.raises(NotFound):
        backend.list("kv/nothing")


def test_metadata_without_a_version_is_no_secret_but_can_be_written(double: VaultDouble, backend: VaultBackend) -> None:
    with backend._api as api:
        api.change("POST", "kv/metadata/bare", {"custom_metadata": {"owner": "me"}})
        with opened(double) as other:
            for read in (other.read, other.metadata, other.versions, other.outline):
                with pytest.raises(NotFound):
                    read("kv/bare")
            assert [entry.path for entry in other.list("kv").entries] == ["kv/a", "kv/bare"]
            assert [entry.path for entry in other.walk("kv")] == ["kv/a", "kv/bare"]
            assert other.write("kv/bare", fields(), expected=0).number == 1


def test_deleted_and_destroyed_versions_are_states_and_no_errors(backend: VaultBackend) -> None:
    for number in range(1, 3):
        backend.write("kv/a", fields(), expected=number)
    backend.delete("kv/a", [3])
    backend.destroy("kv/a", [1])
    assert backend.read("kv/a").version.state is VersionState.DELETED
    assert backend.read("kv/a", 1).version.state is VersionState.DESTROYED
    assert backend.read("kv/a", 1).fields == {}
    assert backend.outline("kv/a").version.state is VersionState.DELETED
    states = [version.state for version in backend.versions("kv/a")]
    assert states == [VersionState.DESTROYED, VersionState.LIVE, VersionState.DELETED]
    with pytest.raises(NotFound):
        backend.read("kv/a", 9)


def test_a_secret_written_as_null_has_no_fields(double: VaultDouble, backend: VaultBackend) -> None:
    double.secrets_of("kv")["a"].versions[1].data = None
    assert backend.read("kv/a").fields == {}
    assert backend.outline("kv/a").fields == {}


def test_values_that_are_no_text_keep_their_types(double: VaultDouble, backend: VaultBackend) -> None:
    data = {"n": 1.5, "i": 7, "t": True, "none": None, "list": [1, [2]], "map": {"a": {"b": ""}}, "": "empty name"}
    backend.write("kv/odd", {name: SecretValue(value) for name, value in data.items()})
    assert {name: value.reveal() for name, value in backend.read("kv/odd").fields.items()} == data


ODD_DATA: list[Any] = [
    None,
    [],
    "text",
    {},
    {"data": None, "metadata": None},
    {"data": {"a": "b"}, "metadata": {}},
    {"data": {"a": "b"}, "metadata": {"version": "1"}},
    {"data": {"a": "b"}, "metadata": {"version": True}},
    {"data": {"a": "b"}, "metadata": {"version": 10**30}},
    {"data": ["a"], "metadata": {"version": 1, "created_time": 5, "deletion_time": [], "custom_metadata": "no"}},
    {"data": {"a": "b"}, "metadata": {"version": 1, "created_time": "9999-12-31T23:59:59.9-14:00"}},
    {"data": {"a": "b"}, "metadata": {"version": 1, "created_time": "x" * 10_000, "created_by": {"actor": 5}}},
    {"keys": "a"},
    {"keys": [None, 1, {}]},
    {"keys": {"a": 1}, "key_info": []},
    {"keys": ["a"], "key_info": {"a": [], "b": "x"}},
    {"keys": ["a"], "key_info": {"a": {"versions": {"x": {}, "²": {}, "1": 5}, "current_version": 1}}},
    {"versions": {"abc": {}, "9" * 5000: {}, "1": None}, "current_version": 1},
    {"versions": {"1": {}}, "current_version": "1"},
    {"versions": {"1": {"created_time": {}, "deletion_time": 7, "destroyed": "yes"}}, "current_version": 1},
    {"versions": [], "current_version": -1, "max_versions": "many", "delete_version_after": "9" * 400 + "h"},
    {"versions": {"1": {}}, "current_version": 1, "custom_metadata": {"tags": 5, "rotation": "9" * 50 + "d"}},
    {"secret": {"kv/": None, "x": {"type": 5}, "": {"type": "kv"}, "y/": {"type": "kv", "options": []}}},
    {"path": 5, "type": "kv"},
    {"subkeys": [], "metadata": {"version": 1}},
]


@pytest.mark.parametrize(
    "envelope", ["data", pytest.param("bare", marks=pytest.mark.slow), pytest.param("warned", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("data", ODD_DATA, ids=lambda data: repr(data)[:40])
def test_an_answer_of_any_shape_is_taken_or_refused_in_our_words(
    double: VaultDouble, backend: VaultBackend, data: Any, envelope: str
) -> None:
    body = {"data": {"data": data}, "bare": data, "warned": {"data": data, "warnings": [None, 5]}}[envelope]
    deeds = [
        lambda: backend.read("kv/a"),
        lambda: backend.read("old/a"),
        lambda: backend.outline("kv/a"),
        lambda: backend.metadata("kv/a"),
        lambda: backend.versions("kv/a"),
        lambda: backend.retention("kv/a"),
        lambda: backend.limits(["kv/a"]),
        backend.namespaces,
        backend.roles,
        backend.condition,
        lambda: list(backend.trash()),
        lambda: list(backend.index()),
        lambda: [backend.list(folder) for folder in ("", "kv", "old")],
        lambda: list(backend.walk("kv")),
        lambda: backend.write("kv/a", fields("b"), expected=1),
        lambda: opened(double).__enter__(),
    ]
    for deed in deeds:
        with double._lock:
            double._faults[:] = []
        double.break_next(answering(200, body, times=1000))
        with suppress(KvtuiError):
            deed()


def test_five_thousand_keys_in_a_folder_are_all_listed_in_order(double: VaultDouble, backend: VaultBackend) -> None:
    twin = double.secrets_of("kv")["a"]
    double.secrets_of("kv").update({f"many/{number:05}": twin for number in range(5000)})
    started = time.monotonic()
    listing = backend.list("kv/many")
    assert [entry.name for entry in listing.entries] == [f"{number:05}" for number in range(5000)]
    assert listing.complete
    assert len(list(backend.walk("kv"))) == 5001
    assert time.monotonic() - started < 5


ODD_KEYS = ["ok", "dir/", "ok", "dir/", "a/b", "/x", "x//", "//", "/", "", ".", "..", "../", "../../sys/seal", 5, None]


def listing_of(keys: list[Any]) -> Fault:
    def when(seen: Seen) -> bool:
        return "list=true" in seen.target and seen.path in {"/v1/kv/metadata/", "/v1/kv/detailed-metadata/"}

    fault = answering(200, {"data": {"keys": keys, "key_info": {"ok": {}}}}, times=100)
    return Fault("reply", when=when, times=100, reply=fault.reply)


@pytest.mark.parametrize("flavour", ["openbao", "vault"])
def test_keys_no_path_can_have_are_left_out_and_counted(flavour: Any) -> None:
    with VaultDouble(flavour=flavour, mounts={"kv": 2}) as double, opened(double) as backend:
        backend.write("kv/dir/in", fields())
        double.break_next(listing_of(ODD_KEYS))
        listing = backend.list("kv")
        assert [(entry.path, entry.is_folder) for entry in listing.entries] == [("kv/dir", True), ("kv/ok", False)]
        assert not listing.complete
        assert "12 names" in listing.note or "10 names" in listing.note  # a map counts doubles once
        assert not any("seal" in seen.target or ".." in seen.target for seen in double.requests)


def test_a_walk_tells_of_keys_no_path_can_have(double: VaultDouble, backend: VaultBackend) -> None:
    scan = Fault("reply", times=100, when=lambda seen: "scan=true" in seen.target, reply=answering(405).reply)
    backend.write("kv/dir/in", fields())
    double.break_next(scan, listing_of(ODD_KEYS))
    with pytest.raises(Unavailable, match="no path can have"):
        list(backend.walk("kv"))
    skipped: list[Skipped] = []
    assert [entry.path for entry in backend.walk("kv", skipped=skipped.append)] == ["kv/dir/in", "kv/ok"]
    assert [each.path for each in skipped] == ["kv"]
    with double._lock:
        double._faults[:] = []
    keys = ["b", "a/c", "a/c", "../x", "a//b", "/", "."]
    found = answering(200, {"data": {"keys": keys}}, times=100).reply
    double.break_next(Fault("reply", times=100, when=lambda seen: "scan=true" in seen.target, reply=found))
    skipped.clear()
    assert [entry.path for entry in backend.walk("kv", skipped=skipped.append)] == ["kv/a/c", "kv/b"]
    assert [each.path for each in skipped] == ["kv"]
    with pytest.raises(Unavailable, match="no path can have"):
        list(backend.walk("kv"))


def test_a_mount_that_could_not_be_asked_for_is_asked_for_again(double: VaultDouble, backend: VaultBackend) -> None:
    nothing = answering(200, {"data": {"secret": {}}}).reply
    double.break_next(Fault("reply", when=lambda seen: seen.target.endswith("ui/mounts"), reply=nothing))
    down = Fault("reply", times=3, when=lambda seen: "ui/mounts/" in seen.target, reply=answering(500).reply)
    double.break_next(down)
    with opened(double) as other:
        with pytest.raises(Unavailable):
            other.read("kv/a")
        assert other.read("kv/a").version.number == 1


def test_a_name_the_header_of_a_namespace_cannot_hold_is_refused_as_such(double: VaultDouble) -> None:

    with api(double) as made:
        other = VaultApi(made._client, token=SecretValue("root"), namespace="tökén\r\nX-Evil: 1")
        with pytest.raises(InvalidInput) as caught:
            other.get("kv/data/a")
        assert "namespace" in str(caught.value).lower()
    assert double.requests == []
