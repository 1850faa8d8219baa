"""What is said where part of what happened is known: never more than that, and never something else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kvtui.backends.recent import Recent
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.factory import VaultFactory
from kvtui.backends.vault.mounts import Mounts
from kvtui.backends.vault.token import Keeper
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, Locked, NotFound, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, TOKEN, answering, api, changes, fields, opened
from tests.vault_faults.test_changes import behind_our_back, is_unknown, three_versions


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made
        assert not made.broken


def test_a_write_of_a_token_that_may_not_look_is_told_as_taken(double: VaultDouble) -> None:
    double.policy("blind", {"kv/data/*": ["create", "update"]})
    with opened(double, double.token("blind")) as backend:
        for reply in (Reply(200, b""), Reply(200, b"{}"), Reply(200, b'{"data": {"version": true}}')):
            double.break_next(Fault("reply_after", changes, reply=reply))
            with pytest.raises(Unavailable, match="took this") as caught:
                backend.write("kv/a", fields())
            assert is_unknown(caught.value)
            assert not caught.value.retryable
    assert double.secrets_of("kv")["a"].current == 3


def test_a_refused_write_is_a_conflict_even_where_nobody_can_tell_with_what(double: VaultDouble) -> None:
    double.policy("blind", {"kv/data/*": ["create", "update"]})
    with opened(double) as backend:
        three_versions(backend, "kv/a")
    with opened(double, double.token("blind")) as backend, pytest.raises(Conflict, match="another than 2"):
        backend.write("kv/a", fields(), expected=2)
    with opened(double) as backend:
        backend.versions("kv/a")
        double.break_next(replace(answering(501, times=50), when=lambda seen: not changes(seen)))
        with pytest.raises(Conflict, match="another than 2"):
            backend.write("kv/a", fields(), expected=2)


def test_a_lost_deletion_that_another_wrote_over_is_not_guessed_about(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")
        double.break_next(behind_our_back(double, lambda other: other.write("kv/a", fields("theirs"))))
        with pytest.raises(Unavailable) as caught:
            backend.delete("kv/a")
        assert is_unknown(caught.value)
        assert "nothing is changed" not in str(caught.value)


def test_lost_metadata_that_another_changed_too_is_not_guessed_about(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")
        theirs = MetadataPatch(description="theirs")
        double.break_next(behind_our_back(double, lambda other: other.write_metadata("kv/a", theirs)))
        with pytest.raises(Unavailable) as caught:
            backend.write_metadata("kv/a", MetadataPatch(description="ours"))
        assert is_unknown(caught.value)


def test_a_name_is_not_taken_for_new_while_its_folder_cannot_be_listed(double: VaultDouble) -> None:
    with opened(double) as backend:
        double.write("kv", "a\u0308", {"field": "theirs"})
        sent = len(double.mutations())
        double.break_next(replace(answering(501, times=10), when=lambda seen: "list=true" in seen.target))
        with pytest.raises(Unavailable):
            backend.write("kv/ä", fields(), expected=0)
        assert len(double.mutations()) == sent


def test_an_answer_without_a_version_is_not_taken_for_nothing(double: VaultDouble) -> None:
    with opened(double) as backend:
        backend.write("kv/a", fields())
        for data in (None, {}, {"data": {"field": "x"}}, {"data": None, "metadata": []}):
            double.break_next(answering(200, {"data": data}))
            with pytest.raises(Unavailable, match="no version"):
                backend.read("kv/a")
        double.break_next(answering(404, {"errors": []}))
        with pytest.raises(NotFound):
            backend.read("kv/a")


def test_one_path_without_outlines_is_no_reason_to_read_values_elsewhere(double: VaultDouble) -> None:
    double.policy("most", {"kv/*": ["create", "read", "update", "list"], "kv/subkeys/b": ["deny"]})
    with opened(double, double.token("most")) as backend:
        for name in "ab":
            backend.write(f"kv/{name}", fields())
        backend.outline("kv/a")
        assert list(backend.outline("kv/b").fields) == ["field"]
        seen = len(double.requests)
        backend.outline("kv/a")
        assert all("/data/" not in request.path for request in double.requests[seen:])


# The token


def renewing(seen: Seen) -> bool:
    return seen.path.endswith("/renew-self")


@contextmanager
def kept(double: VaultDouble) -> Iterator[Keeper]:
    with api(double, TOKEN) as made:
        yield Keeper(made, due(), {})


def due() -> Signed:
    """A token of a minute whose two thirds are over."""
    return Signed(SecretValue(TOKEN), 60, True, (), "ann", at=datetime.now(UTC) - timedelta(seconds=50), span=60)


@pytest.mark.parametrize("fault", [answering(429), answering(503), Fault("reset_before")], ids=["429", "503", "reset"])
def test_a_renewal_a_busy_server_puts_off_is_tried_again(
    double: VaultDouble, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvtui.backends.vault.token._AGAIN", timedelta())
    double.token("root", id=TOKEN, ttl=60)
    double.break_next(replace(fault, when=renewing))
    with kept(double) as keeper:
        before = keeper.signed_in.expires_at
        keeper.keep()
        assert keeper.signed_in.expires_at == before
        keeper.keep()
        assert keeper.signed_in.expires_at is not None
        assert keeper.signed_in.expires_at > datetime.now(UTC) + timedelta(seconds=40)


def test_a_token_that_may_not_renew_itself_is_not_asked_to_again(double: VaultDouble) -> None:
    double.policy("some", {"auth/token/renew-self": ["deny"]})
    double.token("some", id=TOKEN, ttl=60)
    with kept(double) as keeper:
        for _ in range(3):
            keeper.keep()
    assert len(list(filter(renewing, double.requests))) == 1


def test_one_of_many_threads_renews(double: VaultDouble) -> None:
    double.token("root", id=TOKEN, ttl=60)
    with kept(double) as keeper, ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(keeper.keep) for _ in range(50)]:
            each.result()
    assert len(list(filter(renewing, double.requests))) == 1


def test_a_closed_connection_is_not_taken_for_a_token_that_may_not_renew(double: VaultDouble) -> None:
    with kept(double) as keeper:
        pass
    with pytest.raises(Locked):
        keeper.keep()


def test_closing_lets_go_of_the_token(double: VaultDouble) -> None:
    double.token("root", id=TOKEN, ttl=60)
    made = api(double, TOKEN)
    keeper = Keeper(made, due(), {})
    backend = VaultBackend(made, Mounts(made), location="double", keeper=keeper)
    backend.close()
    assert keeper._signed.token.same_as(SecretValue(""))
    assert backend.signed_in is not None
    with pytest.raises(Locked):
        backend.store_sign_in()


def test_listing_renews_the_token_too(double: VaultDouble) -> None:
    double.token("root", id=TOKEN, ttl=60)
    with opened(double) as other:
        other.write("old/a/b/c", fields())
    made = api(double, TOKEN)
    keeper = Keeper(made, due(), {})
    with VaultBackend(made, Mounts(made), location="double", keeper=keeper) as backend:
        assert [entry.path for entry in backend.list("old/a").entries] == ["old/a/b"]
    assert len(list(filter(renewing, double.requests))) == 1


def test_what_is_remembered_is_bounded_and_can_be_shared_by_threads() -> None:
    recent: Recent[int] = Recent(10)

    def work(start: int) -> None:
        for number in range(2000):
            recent.remember(str((start + number) % 40), number)
            recent.forget(str(number % 7))

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(work, start) for start in range(8)]:
            each.result()
    for number in range(20):
        recent.remember(str(number), number)
    assert [number for number in range(20) if recent.get(str(number)) is not None] == list(range(10, 20))


# The environment


def test_the_servers_own_variables_set_how_often_and_how_fast_is_asked(double: VaultDouble) -> None:
    environ = {"BAO_TOKEN": double.root_token, "BAO_MAX_RETRIES": "0", "BAO_RATE_LIMIT": "50:1"}
    with VaultFactory(environ).open({"url": double.url}) as backend:
        backend.write("kv/a", fields())
        started, seen = time.monotonic(), len(double.requests)
        for _ in range(5):
            backend.read("kv/a")
        assert len(double.requests) == seen + 5
        assert time.monotonic() - started >= 4 / 50
        double.break_next(answering(503))
        with pytest.raises(Unavailable):
            backend.read("kv/a")
        assert len(double.requests) == seen + 6


def test_many_mounts_are_looked_into_at_the_same_time(double: VaultDouble) -> None:
    for number in range(30):
        double.mount(f"m{number:02}")
    meeting, met = threading.Barrier(4), threading.Event()
    answer = double.answer

    def together(request: Seen) -> Reply:
        if "/detailed-metadata" in request.path and not met.is_set():
            with suppress(threading.BrokenBarrierError):
                meeting.wait(60)
                met.set()
        return answer(request)

    double.answer = together  # type: ignore[method-assign]
    with opened(double, width=8) as backend:
        assert backend.can(Capability.INDEX)
    assert met.is_set()
