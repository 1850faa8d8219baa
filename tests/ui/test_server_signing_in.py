"""Signing in at a server: the first time, again over whatever is open, and at another one."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

import pytest

from kvtui.services.profiles import Profile
from kvtui.ui.dialogs import sign_in
from kvtui.ui.screens import problem, watching
from tests.doubles.server import Fault, Reply
from tests.doubles.vault import VaultDouble
from tests.ui.serving import ALL, Clock, Served, fill, profile_of, served, value_of

DEV = {"secret/*": ALL, "sys/internal/ui/namespaces": ["list"]}


@pytest.fixture(autouse=True)
def _quick_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "FIRST_DELAY", 0.1)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _dev(server: VaultDouble) -> None:
    fill(server)
    server.policy("dev", DEV)


def asking(server: VaultDouble, **more: object) -> Profile:
    """A profile whose user types a token."""
    return profile_of(server, {"method": "token"}, **more)


def by_password(server: VaultDouble, ttl: int = 0) -> Profile:
    server.login_method("userpass").add("ann", "dev", secret="right", ttl=ttl)
    return profile_of(server, {"method": "userpass", "username": "ann"})


async def sign_in_as_ann(screen: Served) -> str:
    await screen.until("Password")
    await screen.answer("right")
    return await screen.until("secret", lambda: screen.app.main is not None)


async def type_an_edit(screen: Served, path: str, text: str) -> None:
    await screen.go_to(path)
    await screen.press("e")
    await screen.type(text)


async def stage(screen: Served, path: str, text: str) -> str:
    await type_an_edit(screen, path, text)
    await screen.press("ctrl+s")
    screen.app.screen.query_one("#review-stage").focus()
    return await screen.press("enter")


# The first time


async def test_a_typed_token_opens_the_tree_and_stands_nowhere_on_the_screen(server: VaultDouble) -> None:
    token = server.token("dev")
    async with served(asking(server)) as screen:
        assert "Server of profile bao" in await screen.until("Token")
        await screen.answer(token)
        text = await screen.until("▸ secret")
        assert token not in text
        assert not server.mutations()


async def test_a_wrong_password_is_told_with_the_delay_and_the_right_one_goes_in(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FIRST_DELAY", 2.0)  # so that the keys below come before its end on a busy machine
    async with served(by_password(server)) as screen:
        await screen.until("Password")
        await screen.answer("wrong")
        text = await screen.until("The user name or password is wrong.", "Next try in")
        assert "wrong" not in text.replace("password is wrong", "")
        tries = len(server.sent("POST"))
        await screen.keys("enter", "ctrl+s")  # nothing can be sent before its time
        assert len(server.sent("POST")) == tries
        await screen.until(lambda: any(box.display for box in screen.app.screen.query("#sign-in-secret")))
        await screen.answer("right")
        await screen.until("▸ secret")
        assert len([seen for seen in server.requests if "/login/" in seen.path]) == 2


async def test_delays_after_wrong_passwords_double(server: VaultDouble) -> None:
    async with served(by_password(server)) as screen:
        delays = [0.0]
        for _ in range(3):
            await screen.until(lambda: any(box.display for box in screen.app.screen.query("#sign-in-secret")))
            await screen.answer("wrong")
            await screen.until(lambda: screen.app.screen._delay != delays[-1])  # type: ignore[attr-defined]
            delays.append(screen.app.screen._delay)  # type: ignore[attr-defined]
            await screen.until("Next try in")
        assert delays == [0.0, 0.1, 0.2, 0.4]


async def test_a_second_factor_is_asked_for_after_the_password(server: VaultDouble) -> None:
    profile = by_password(server)
    server.require_mfa("userpass", "123456")
    async with served(profile) as screen:
        await screen.until("Password")
        await screen.answer("right")
        await screen.until("Passcode (totp)")
        await screen.answer("000000")
        await screen.until("The passcode is wrong")
        await screen.until("Passcode (totp)")
        await screen.answer("123456")
        await screen.until("▸ secret")


def _come_back(url: str) -> None:
    """What a browser does with the page of the provider and the address it sends on to."""
    page = urlsplit(url)
    there = HTTPConnection(page.hostname or "", page.port, timeout=10)
    there.request("GET", f"{page.path}?{page.query}")
    back = urlsplit(there.getresponse().headers["Location"])
    there.close()
    ours = HTTPConnection("127.0.0.1", back.port, timeout=10)
    ours.request("GET", f"{back.path}?{back.query}", headers={"Host": back.netloc})
    assert ours.getresponse().status == 200
    ours.close()


def by_browser(server: VaultDouble, port: int) -> Profile:
    redirect = f"http://localhost:{port}/oidc/callback"
    server.login_method("oidc").add("dev", "dev", allowed_redirect_uris=[redirect])
    return profile_of(server, {"method": "oidc", "role": "dev", "port": port})


async def test_the_page_of_an_identity_provider_is_shown_and_waited_for(server: VaultDouble, unused_port: int) -> None:
    async with served(by_browser(server, unused_port), size=(100, 40)) as screen:
        text = await screen.until("Sign in in your browser", "/provider/authorize", "Copy address")
        dialog = screen.app.screen
        assert isinstance(dialog, sign_in.SignInDialog)
        assert not dialog.query_one("#main").display  # nothing to press until the page is done with
        assert parse_qs(urlsplit(dialog._url).query)["redirect_uri"] == [
            f"http://localhost:{unused_port}/oidc/callback"
        ]
        assert dialog._url[:60] in text.replace("│", "").replace("\n", "").replace(" ", "")
        screen.app.screen.query_one("#copy-address").focus()
        await screen.keys("enter")
        await screen.until("Nothing here can copy")  # there is no terminal
        _come_back(dialog._url)
        await screen.until("▸ secret")


async def test_cancelling_leads_to_a_screen_that_tries_again(server: VaultDouble, unused_port: int) -> None:
    async with served(by_browser(server, unused_port)) as screen:
        await screen.until("Sign in in your browser")
        await screen.keys("escape")
        await screen.until("This profile cannot be opened", "Try again")
        await screen.keys("enter")
        await screen.until("Sign in in your browser")  # the port is free again
        _come_back(screen.app.screen._url)  # type: ignore[attr-defined]
        await screen.until("▸ secret")


async def test_a_device_shows_its_code(server: VaultDouble) -> None:
    server.login_method("oidc").add("dev", "dev", callback_mode="device", poll_interval="1")
    server.provider.decision = "wait"
    async with served(profile_of(server, {"method": "oidc", "role": "dev", "device": True})) as screen:
        await screen.until(lambda: server.provider.user_codes)
        (code,) = server.provider.user_codes
        await screen.until(code, "/provider/activate")
        server.provider.decide(code, "approve")
        await screen.until("▸ secret")


async def test_a_server_that_is_not_there_is_told_and_tried_again_by_itself(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem, "AGAIN_SECONDS", 0.2)
    monkeypatch.setenv("BAO_TOKEN", server.token("dev"))
    server.sealed = True
    async with served(asking(server)) as screen:
        await screen.until("is sealed", "Try again")
        server.sealed = False
        await screen.until("▸ secret")


# Again, over what is open


async def test_a_token_that_ends_while_a_form_is_open_costs_nothing_of_it(server: VaultDouble) -> None:
    async with served(by_password(server, ttl=600)) as screen:
        await sign_in_as_ann(screen)
        await type_an_edit(screen, "secret/app/api", "typed before it ended")
        server.advance(601)
        await screen.keys("ctrl+s")
        await screen.until("Review")
        await screen.keys("ctrl+s")
        await screen.until("Sign in", "expired or revoked", "Password")
        assert not server.mutations()
        await screen.answer("right")
        await screen.until("Signed in again.")
        await screen.settle()
        assert type(screen.app.screen).__name__ == "EditDialog"
        await screen.press("ctrl+s", "ctrl+s")
        assert "Wrote version 2" in screen.text
        assert value_of(server, "app/api") == "typed before it ended"
        assert len(server.mutations()) == 1


async def test_staged_changes_outlive_the_token_and_are_applied_once_each(server: VaultDouble) -> None:
    async with served(by_password(server, ttl=600)) as screen:
        await sign_in_as_ann(screen)
        await stage(screen, "secret/app/api", "first")
        await stage(screen, "secret/top", "second")
        server.advance(601)
        await screen.keys("s")
        await screen.until("Write version 2 of secret/app/api")
        await screen.keys("ctrl+s")
        await screen.until("Password")
        await screen.answer("right")
        await screen.until("Signed in again.")
        await screen.settle()
        assert "Staged 2" in screen.text
        assert not server.mutations()
        await screen.press("escape", "s", "ctrl+s")
        assert "Staged" not in screen.text
        assert (value_of(server, "app/api"), value_of(server, "top")) == ("first", "second")
        assert len(server.mutations()) == 2


async def test_whoever_leaves_the_sign_in_keeps_what_was_typed(server: VaultDouble) -> None:
    async with served(by_password(server, ttl=600)) as screen:
        await sign_in_as_ann(screen)
        await stage(screen, "secret/app/api", "first")
        server.advance(601)
        await screen.keys("ctrl+r")
        await screen.until("Password")
        await screen.keys("escape")
        text = await screen.until("The token is missing, expired or revoked.", "Staged 1")
        assert "Sign in again" in text
        await screen.keys("ctrl+r")  # and it is asked for when something is wanted of the server
        await screen.until("Password")
        await screen.answer("right")
        await screen.until("Signed in again.", "Staged 1")


async def test_a_revoked_token_is_asked_for_again_at_the_next_look(server: VaultDouble) -> None:
    token = server.token("dev", ttl=3600)
    async with served(asking(server)) as screen:
        await screen.until("Token")
        await screen.answer(token)
        await screen.until("▸ secret")
        await screen.settle()
        server.state.revoke(server.state.tokens[token])
        await screen.keys("l")
        await screen.until("Token", "expired or revoked")
        await screen.answer(server.token("dev"))
        await screen.until("Signed in again.", "empty")


async def test_the_time_left_is_shown_and_the_token_renewed_before_its_end(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(watching, "monotonic", clock)
    async with served(by_password(server, ttl=600)) as screen:
        await sign_in_as_ann(screen)
        await screen.tick()
        assert "token 9min" in screen.text
        keeper = screen.backend._keeper  # type: ignore[attr-defined]
        for seconds, renewed in ((390, 0), (20, 1)):  # two thirds of ten minutes
            server.advance(seconds)
            keeper._signed = replace(keeper._signed, at=keeper._signed.at - timedelta(seconds=seconds))
            clock.now += 6
            await screen.tick()
            assert len([seen for seen in server.requests if seen.path.endswith("renew-self")]) == renewed
        await screen.tick()
        assert "token 9min" in screen.text
        server.advance(500)  # longer than the first one would have lasted
        await screen.press("ctrl+r")
        assert "Sign in" not in screen.text
        assert not server.mutations()


async def test_a_token_that_cannot_be_renewed_is_signed_in_again_in_time(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(watching, "monotonic", clock)
    token = server.token("dev", ttl=90, renewable=False)
    async with served(asking(server)) as screen:
        await screen.until("Token")
        await screen.answer(token)
        await screen.until("▸ secret")
        assert "token 8" in await screen.tick()
        server.advance(91)
        await screen.keys("l")
        await screen.until("expired or revoked")


# Locking


async def test_locking_keeps_staged_changes_and_what_was_typed_until_the_next_sign_in(server: VaultDouble) -> None:
    async with served(by_password(server)) as screen:
        await sign_in_as_ann(screen)
        await stage(screen, "secret/app/api", "kept")
        await screen.keys("L")
        text = await screen.until("Locked.")
        assert "api" not in text
        assert len(screen.session.staged) == 0
        await screen.keys("enter")
        await sign_in_as_ann(screen)
        text = await screen.until("Staged 1", "api")
        await screen.settle()
        await screen.press("s", "ctrl+s")
        assert value_of(server, "app/api") == "kept"
        assert len(server.mutations()) == 1


async def test_locking_with_a_token_at_hand_shows_nothing_until_a_key_is_pressed(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAO_TOKEN", server.token("dev"))
    async with served(asking(server)) as screen:
        await screen.until("▸ secret")
        await stage(screen, "secret/app/api", "kept")
        await screen.keys("L")
        text = await screen.until("Locked.")
        assert "app" not in text.replace("bao", "")
        seen = len(server.requests)
        await screen.pilot.pause(0.1)
        assert len(server.requests) == seen
        await screen.keys("enter")
        await screen.until("Staged 1", "api")


# Other servers and namespaces


async def test_profiles_are_switched_both_ways_and_each_keeps_its_place(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VaultDouble(flavour="vault") as other:
        other.write("secret", "there/x", {"value": "elsewhere"})
        for name, double in (("ONE", server), ("TWO", other)):
            double.policy("dev", DEV)
            monkeypatch.setenv(name, double.token("dev"))
        one = profile_of(server, {"method": "token", "token_env": "ONE"}, "one")
        two = profile_of(other, {"method": "token", "token_env": "TWO"}, "two", read_only=True)
        async with served(one, two) as screen:
            await screen.until("▸ secret")
            await stage(screen, "secret/app/db", "mine")
            await screen.press("P", "t", "w", "o", "enter")
            text = await screen.until("two vault", "Read-only")
            assert "Staged" not in text
            await screen.settle()
            await screen.go_to("secret/there/x")
            await screen.press("P", "o", "n", "e", "enter")
            text = await screen.until("one vault", "Staged 1", "secret/app/db")
            await screen.press("P", "t", "w", "o", "enter")
            await screen.until("two vault", "secret/there/x")
            assert not server.mutations()
            assert not other.mutations()
            tokens = {seen.headers.get("x-vault-token") for seen in other.requests}
            assert tokens <= {None, *other.state.tokens}
        assert not other.broken


async def test_namespaces_stand_below_their_profile_and_are_gone_into_and_left(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.namespace("team-a")
    server.mount("kv", namespace="team-a")
    server.write("kv", "inside", {"value": "x"}, namespace="team-a")
    monkeypatch.setenv("ROOT", server.root_token)
    async with served(profile_of(server, {"method": "token", "token_env": "ROOT"})) as screen:
        await screen.until("▸ secret")
        text = await screen.press("P")
        assert "bao/team-a (vault)" in text
        await screen.press(*"team", "enter")
        await screen.until("bao/team-a vault", "▸ kv")
        await screen.settle()
        await screen.go_to("kv/inside")
        assert server.requests[-1].headers["x-vault-namespace"] == "team-a"
        await screen.press("P", "b", "a", "o", "enter")
        await screen.until("bao vault", "▸ secret")


async def test_the_server_of_the_environment_is_a_profile_of_its_own(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"BAO_ADDR": server.url, "BAO_TOKEN": server.token("dev")}
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    async with served(environ=environ) as screen:
        await screen.until("▸ secret", "vault vault")
        text = await screen.press("P")
        assert "personal (file)" in text
        assert "vault (vault, now)" in text


async def test_an_answer_that_is_no_server_s_leads_to_the_problem_screen(server: VaultDouble) -> None:
    server.break_next(Fault("reply", times=50, reply=Reply(200, b"<html>a proxy</html>")))
    async with served(asking(server)) as screen:
        await screen.until("Token")
        await screen.answer("s.some-token")
        await screen.until("something else than JSON")
        await screen.keys("escape")
        assert "a proxy<" not in await screen.until("Try again")
