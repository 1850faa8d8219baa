"""The screen on a worker: what is asked of it on the way, and what is said."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from kvtui.services.profiles import Profile
from tests.doubles.worker import Credentials, WorkerDouble
from tests.ui.serving import Served, served


@pytest.fixture
def profile(double: WorkerDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    double.put("infra/key", "SENTINEL-value", kind="api_key", description="of production", tags=["prod"])
    double.put("infra/other", "x")
    return profile_of(double, double.credentials, monkeypatch)


def profile_of(double: WorkerDouble, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("WORKER_SECRET", credentials.client_secret)
    settings = {"url": double.url, "client_id": credentials.client_id, "client_secret_env": "WORKER_SECRET"}
    return Profile("team", "worker", MappingProxyType(settings))


def reads(double: WorkerDouble) -> int:
    return sum(line["action"] == "secret:read" for line in double.audit())


async def at_the_key(screen: Served) -> str:
    await screen.until("infra")
    await screen.settle()
    return await screen.go_to("infra/key")


async def confirmed(screen: Served) -> str:
    """What a dialog wants typed is."""
    await screen.press("tab")
    await screen.type("infra/key")
    return await screen.press("ctrl+s")


async def test_moving_onto_a_secret_reads_no_value_and_revealing_does(double: WorkerDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        text = await at_the_key(screen)
        assert "••••••••" in text
        assert "SENTINEL" not in text
        assert reads(double) == 0
        assert "SENTINEL-value" in await screen.press("r")
        assert reads(double) == 1
        text = await screen.press("2")
        assert "of production" in text
        assert "prod" in text


async def test_a_value_that_is_not_rolled_out_is_said_in_place_of_it(double: WorkerDouble, profile: Profile) -> None:
    del double.bindings.stored["SECRET_infra_key"]
    async with served(profile) as screen:
        await at_the_key(screen)
        text = await screen.press("r")
        assert "not rolled out yet" in " ".join(text.split())


async def test_deleting_says_that_nothing_comes_back_and_what_is_left_behind(
    double: WorkerDouble, profile: Profile
) -> None:
    double.bindings.delete_error = "no"
    async with served(profile) as screen:
        await at_the_key(screen)
        assert "cannot be undeleted" in " ".join((await screen.press("d")).split())
        text = await confirmed(screen)
        assert double.paths == ["infra/other"]
        assert "infra/key is deleted" in " ".join(text.split())
        assert "Cloudflare did not delete" in " ".join(text.split())


async def test_who_may_only_read_is_told_and_offered_no_more(
    double: WorkerDouble, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_reads = profile_of(double, double.service_token(read_only=True), monkeypatch)
    async with served(only_reads) as screen:
        await at_the_key(screen)
        await screen.press("d")
        text = await confirmed(screen)
        assert "may only read" in " ".join(text.split())
        text = await screen.press("d")
        assert len(double.mutations()) == 1
        assert "Path" not in text
        assert "may only read" in " ".join(text.split())
