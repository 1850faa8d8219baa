"""A store that cannot list, keeps one value a path, and refuses what may not be there: on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from kvtui.services.profiles import Profile
from tests.doubles.server import Fault
from tests.doubles.trust import TrustDouble, error_reply
from tests.ui.serving import SENTINEL, Served, served

PATH = "db/password"


@pytest.fixture
def double() -> Iterator[TrustDouble]:
    with TrustDouble() as made:
        made.rate.per_second = None
        made.put(PATH, b"one", b"two", SENTINEL.encode())
        yield made


@pytest.fixture
def profile(double: TrustDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("THE_TOKEN", double.token)
    settings = {"url": double.base_url, "token_env": "THE_TOKEN", "requests_per_second": 1000}
    return Profile("trust", "trust", MappingProxyType(settings))


async def at_the_secret(screen: Served) -> str:
    """Gone to and read; not revealed."""
    await screen.until("not complete")  # it is open
    await screen.go_to(PATH)
    return await screen.until("• password", "value  ••••••••")


async def test_a_path_is_gone_to_and_then_remembered(double: TrustDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await screen.until("not complete")
        assert not double.requests  # nothing is read that nobody asked for
        assert SENTINEL not in await at_the_secret(screen)
        await screen.press("r")
        await screen.until(SENTINEL, "Leased")
    async with served(profile) as screen:
        await screen.until("▸ db")


async def test_versions_are_looked_for_when_they_are_to_be_seen(double: TrustDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await at_the_secret(screen)
        assert not any("version=" in seen.target for seen in double.requests)
        await screen.press("3")
        await screen.until("3 live", "2 live", "1 live")
        assert [seen.target[-1] for seen in double.requests if "version=" in seen.target] == ["2", "1"]


async def test_what_is_refused_is_not_said_to_be_gone(double: TrustDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await at_the_secret(screen)
        double.break_next(Fault("reply", times=2, reply=error_reply(403)))
        await screen.press("ctrl+r")
        text = await screen.until("or nothing is there")
        assert "is not there any more" not in text
        assert "• password" in text


async def test_a_new_secret_is_applied_again_under_the_same_id_when_no_answer_came(
    double: TrustDouble, profile: Profile
) -> None:
    async with served(profile, size=(120, 30)) as screen:
        await screen.until("not complete")
        await screen.press("n")
        await screen.type("new")
        await screen.press("enter")
        await screen.type("hello")
        await screen.press("ctrl+s")
        double.break_next(Fault("reset_before", lambda seen: seen.method == "POST"))
        await screen.press("ctrl+s")
        await screen.until("is not known")
        assert double.values("new") == []
        for _ in range(3):  # away with the error, to the review again, apply
            if not double.values("new"):
                await screen.press("ctrl+s")
        await screen.until(lambda: double.values("new"))
        ids = {seen.headers["x-request-id"] for seen in double.mutations()}
        assert (len(ids), double.values("new")) == (1, [b"hello"])


async def test_what_the_store_has_not_says_why(double: TrustDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await at_the_secret(screen)
        for key, words in (("d", "deletes nothing"), ("i", "together with a new value"), ("D", "deletes nothing")):
            await screen.press(key)
            await screen.until(words)
    assert not double.mutations()


async def test_a_token_that_ended_is_asked_for_where_one_is(double: TrustDouble) -> None:
    asking = Profile("trust", "trust", MappingProxyType({"url": double.base_url, "requests_per_second": 1000}))
    async with served(asking) as screen:
        await screen.until("Token")
        await screen.answer(double.token)
        await at_the_secret(screen)
        double.revoke(double.token)
        await screen.keys("r")
        await screen.until("Sign in", "expired or revoked")
        await screen.answer(double.new_token())
        await screen.until("Signed in again")
        await screen.press("r")
        await screen.until(SENTINEL)
