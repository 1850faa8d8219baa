"""The limit a client keeps by itself."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.http.rate import TokenBucket
from kvtui.domain.errors import RateLimited


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(1, 50),
    st.integers(1, 20),
    st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=60),
)
def test_no_second_ever_sees_more_turns_than_the_rate_and_the_burst(
    per_second: int, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    bucket = TokenBucket(per_second, burst=burst, clock=clock)
    turns = []
    for pause in pauses:
        clock.now += pause
        turns.append(clock.now + bucket.reserve(1e9))
    assert turns == sorted(turns)
    for index, first in enumerate(turns):
        within = [turn for turn in turns[index:] if turn < first + 1 - 1e-6]
        assert len(within) <= per_second + burst - 1


def test_a_rested_bucket_gives_its_burst_at_once_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(10, burst=3, clock=clock)
    clock.now += 60
    assert [bucket.reserve(9) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_a_turn_that_is_too_far_away_is_not_taken() -> None:
    bucket = TokenBucket(1, clock=Clock())
    assert bucket.reserve(0) == 0
    with pytest.raises(RateLimited) as caught:
        bucket.reserve(0.5)
    assert caught.value.retry_after == pytest.approx(1)
    assert bucket.reserve(1) == pytest.approx(1)


def test_a_store_that_asks_for_a_rest_gets_it_from_everybody() -> None:
    clock = Clock()
    bucket = TokenBucket(10, burst=2, clock=clock)
    bucket.hold(5)
    assert bucket.reserve(9) == pytest.approx(5)
    bucket.hold(1)
    assert bucket.reserve(9) == pytest.approx(5.1)


def test_threads_get_a_turn_each() -> None:
    bucket = TokenBucket(1000, clock=Clock())
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(bucket.reserve(9))) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(waits) == pytest.approx([number / 1000 for number in range(20)])


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_a_bucket_without_turns_is_refused(per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="without turns"):
        TokenBucket(per_second, burst=burst)
