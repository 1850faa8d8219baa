"""So many requests a second and never more, whoever asks: no long job meets a 429."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.rate import TokenBucket
from kvtui.backends.trust import pace
from kvtui.backends.trust.api import ID_HEADER, TrustApi, headers_of
from kvtui.backends.trust.backend import TrustBackend
from kvtui.domain.errors import Locked, RateLimited
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue
from tests.doubles.clock import Clock
from tests.doubles.trust import TrustDouble
from tests.trust.places import PATH, one, opened

NOON = datetime(2025, 10, 5, 10, 0, 0, tzinfo=UTC)


class Jumping(TokenBucket):
    """Lets the time to wait go by on the service's clock, in place of waiting for it."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        super().__init__(per_second, clock=clock.seconds)
        self._goes_by = clock.advance

    def reserve(self, longest: float) -> float:
        self._goes_by(super().reserve(longest))
        return 0.0


@pytest.fixture
def double() -> Iterator[TrustDouble]:
    """A service that takes ten requests in any second, counted strictly."""
    with TrustDouble(clock=Clock(NOON)) as made:
        yield made


@pytest.fixture
def store(double: TrustDouble) -> Iterator[TrustBackend]:
    where = address.parse(double.base_url)
    rate = Jumping(pace.turns(pace.PER_SECOND), double.clock)
    client = HttpClient(where, headers=headers_of(double.token), id_header=ID_HEADER, rate=rate)
    with TrustBackend(TrustApi(client, segment="secrets"), location=str(where)) as made:
        yield made


def test_a_thousand_secrets_are_read_without_a_429(store: TrustBackend, double: TrustDouble) -> None:
    names = [f"app/{number}" for number in range(1000)]
    for name in names:
        double.put(name, b"v")
    found = list(store.read_many(names))
    assert all(each.secret is not None for each in found)
    assert (double.rate.refused, len(double.requests)) == (0, 1000)
    assert double.clock.seconds() - NOON.timestamp() < 120  # and it is not much slower than it may be


def test_many_writes_and_versions_are_taken_without_a_429(store: TrustBackend, double: TrustDouble) -> None:
    double.put(PATH, *(b"%d" % number for number in range(30)))
    written = list(store.write_many(Write(f"w/{number}", one("x")) for number in range(60)))
    assert all(each.error is None for each in written)
    assert len(store.versions(PATH)) == 20
    double.role("r")
    for _ in range(15):
        store.rotate(PATH)
        store.issue("r")
    assert double.rate.refused == 0


@given(st.lists(st.floats(0, 0.4), min_size=40, max_size=80), st.integers(2, 20))
def test_one_after_the_other_is_never_more_than_allowed_however_late_each_comes(
    delays: list[float], per_second: int
) -> None:
    """`delays` are seconds from the sending of a request to the service, and as long back."""
    now = 0.0
    bucket = TokenBucket(pace.turns(per_second), clock=lambda: now)
    came = []
    for delay in delays:
        now += bucket.reserve(60)
        came.append(now + delay)
        now += 2 * delay
    for first, eleventh in zip(came, came[per_second:], strict=False):
        assert eleventh - first >= 1 - 1e-9


def test_sessions_of_one_address_and_token_share_their_turns(double: TrustDouble) -> None:
    double.rate.per_second = None
    with opened(double, requests_per_second=50) as one_, opened(double, requests_per_second=50) as other:
        double.put(PATH, b"v")
        start = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda store: [store.read(PATH) for _ in range(10)], (one_, other)))
        assert time.monotonic() - start >= 19 / 49


def test_turns_are_shared_by_address_and_token_at_the_slowest_rate() -> None:
    token = SecretValue("t")
    first = pace.shared("https://a", token, 10)
    assert pace.shared("https://a", SecretValue("t"), 10) is first
    assert pace.shared("https://a", SecretValue("u"), 10) is not first
    assert pace.shared("https://b", token, 10) is not first
    assert pace.shared("https://a", token, 4) is first
    first.reserve(9)
    assert first.reserve(9) == pytest.approx(1 / 3, abs=0.05)
    assert pace.shared("https://a", token, 100) is first
    assert first.reserve(9) == pytest.approx(2 / 3, abs=0.05)
    del first
    gc.collect()
    assert not any(pace._buckets)


def test_waiting_for_a_turn_ends_when_it_is_closed_or_interrupted(double: TrustDouble) -> None:
    double.put(PATH, b"v")
    for way in ("close", "interrupt"):
        store = opened(double, double.new_token(), requests_per_second=1, timeout_seconds=60)
        ended = threading.Event()
        ends: list[object] = []
        waiting = threading.Event()

        def read_on(store=store, ends=ends, ended=ended, waiting=waiting) -> None:  # type: ignore[no-untyped-def]
            try:
                with store.interruptible() as interrupt:
                    ends.append(interrupt)
                    store.read(PATH)
                    waiting.set()
                    for _ in range(50):
                        store.read(PATH)
            except Locked:
                ended.set()

        thread = threading.Thread(target=read_on)
        thread.start()
        assert waiting.wait(10)
        store.close() if way == "close" else ends[0]()  # type: ignore[operator]
        assert ended.wait(10), way
        thread.join()
        store.close()


def test_no_turn_within_the_time_of_a_call_is_told_with_whose_they_are(double: TrustDouble) -> None:
    double.put(PATH, b"v")
    with opened(double, requests_per_second=1, timeout_seconds=1) as store:
        store.read(PATH)
        with pytest.raises(RateLimited, match="tenant"):
            store.read(PATH)
    assert len(double.requests) == 1
