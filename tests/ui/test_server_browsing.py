"""Looking around on a server: with narrow policies, old engines, hostile content, and servers that fail."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest

from kvtui.domain.secret import EntryKind
from kvtui.services.profiles import Profile
from kvtui.ui.screens import watching
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.support.hostile import HOSTILE
from tests.support.screens import wait_for_idle
from tests.ui.safety.conftest import Watched
from tests.ui.safety.contents import as_path, sample
from tests.ui.serving import SENTINEL, Clock, Served, fill, profile_of, reads_of_values, served


@pytest.fixture(autouse=True)
def _filled(server: VaultDouble) -> None:
    fill(server)


def as_somebody(server: VaultDouble, monkeypatch: pytest.MonkeyPatch, *policies: str, **more: object) -> Profile:
    monkeypatch.setenv("THE_TOKEN", server.token(*policies) if policies else server.root_token)
    return profile_of(server, {"method": "token", "token_env": "THE_TOKEN"}, **more)


async def opened(screen: Served) -> str:
    await screen.until("▸ ")
    return await screen.settle()


# Narrow policies


async def test_why_a_folder_may_not_be_listed_is_said_whole_in_80_columns(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("narrow", {"secret/+/app/api": ["read"]})
    async with served(as_somebody(server, monkeypatch, "narrow"), size=(80, 24)) as screen:
        await opened(screen)
        text = await screen.press("j", "l")
        assert "denied: J goes inside" in text
        said = " ".join(row.partition("│")[2].rpartition("│")[2].strip() for row in text.splitlines())
        whole = "denied: The token's policies do not allow this. Ask for the right, or use another token."
        assert f"{whole} J goes to a path inside" in " ".join(said.split())
        assert "No secret selected." not in text
        assert "No secret selected." in await screen.press("k")


async def test_a_folder_that_may_not_be_listed_says_so_and_a_path_in_it_is_gone_to(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("narrow", {"secret/+/app/api": ["read"]})
    async with served(as_somebody(server, monkeypatch, "narrow")) as screen:
        await opened(screen)
        text = await screen.press("j", "l")
        assert "▾ secret" in text
        assert "denied: The token's policies" in text
        text = await screen.go_to("secret/app/api")
        assert "• api" in text
        assert "denied" in text
        assert "value  ••••••••" in text
        assert screen.app.main is not None
        assert screen.app.main.at_cursor == ("secret/app/api", EntryKind.SECRET)
        text = await screen.press("ctrl+r")
        assert "• api" in text  # it stays, as nothing says that it is gone
        assert "one" in await screen.press("r")


async def test_whoever_unlocks_is_back_at_a_path_that_may_not_be_listed(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("narrow", {"secret/+/app/api": ["read"]})
    async with served(as_somebody(server, monkeypatch, "narrow")) as screen:
        await opened(screen)
        await screen.go_to("secret/app/api")
        assert "Locked" in await screen.press("L")
        await screen.press("enter")
        await screen.until("• api", "value  ••••••••")
        assert screen.app.main is not None
        assert screen.app.main.at_cursor == ("secret/app/api", EntryKind.SECRET)
        del server.secrets_of("secret")["app/api"]
        await screen.press("L", "enter")
        text = await screen.until("denied")
        assert "• api" not in text


async def test_a_folder_below_closed_ones_is_gone_to_and_opened(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("narrow", {"secret/metadata/app/*": ["list", "read"], "secret/data/app/*": ["read"]})
    async with served(as_somebody(server, monkeypatch, "narrow")) as screen:
        await opened(screen)
        await screen.go_to("secret/app")
        text = await screen.press("l")
        assert "• api" in text
        assert "• db" in text


async def test_where_mounts_are_not_told_at_all_a_path_is_still_gone_to(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hides = Reply(403, b'{"errors":["permission denied"]}')
    server.break_next(
        Fault("reply", when=lambda seen: seen.path == "/v1/sys/internal/ui/mounts", times=1000, reply=hides)
    )
    server.policy("narrow", {"secret/*": ["read", "list"]})
    async with served(as_somebody(server, monkeypatch, "narrow")) as screen:
        await screen.until("Nothing selected")
        await screen.settle()
        text = await screen.go_to("secret/app/db")
        assert "• db" in text
        assert "password" in text


async def test_a_path_that_is_not_there_and_one_that_may_not_be_looked_at_are_told_apart(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("narrow", {"secret/data/app/*": ["read"]})
    async with served(as_somebody(server, monkeypatch, "narrow")) as screen:
        await opened(screen)
        assert "There is no such path here." in await screen.go_to("secret/app/none")
        assert "The token's policies do not allow this." in await screen.go_to("secret/closed")


async def test_keys_the_token_may_not_use_are_greyed_with_the_policy_s_reason(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("reader", {"secret/*": ["read", "list"]})
    async with served(as_somebody(server, monkeypatch, "reader")) as screen:
        await opened(screen)
        await screen.go_to("secret/app/db")
        asked = len(server.requests)
        for key, path in (("e", "data"), ("d", "data"), ("i", "metadata"), ("D", "")):
            text = (await screen.press(key)).replace("\n", " ")
            assert "policies do not allow it" in text, key
            assert f"secret/{path}" in text
        assert "Share once" in await screen.press("w")  # what it may still works
        assert "password" in await screen.press("escape", "r")
        assert not server.mutations()
        assert [seen.path for seen in server.requests[asked:]] == ["/v1/secret/data/app/db"]


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ({"secret/*": ["read", "list"], "sys/wrapping/wrap": ["deny"]}, "sys/wrapping/wrap"),
        ({"secret/metadata/*": ["read", "list"]}, "secret/data/app/db"),
    ],
)
async def test_sharing_needs_the_right_to_wrap_and_to_read_and_unwrapping_neither(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, policy: dict[str, list[str]], path: str
) -> None:
    server.policy("nobody", policy)
    async with served(as_somebody(server, monkeypatch, "nobody")) as screen:
        await opened(screen)
        await screen.go_to("secret/app/db")
        text = " ".join((await screen.press("w")).split())
        assert "Share once: The token's policies do not allow it" in text
        assert path in text
        await screen.press(":")
        await screen.type("unwrap")
        assert "Wrapping token" in await screen.press("enter")
        assert not server.mutations()


async def test_no_value_is_read_before_it_is_asked_for(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("secret/app/db")
        await screen.press("1", "2", "3", "4", "escape", "space", "d", "escape", "i", "escape", "J", "escape", "ctrl+r")
        await screen.press("/", *"api", "enter", "escape")
        await screen.go_to("secret/app/db")
        assert reads_of_values(server) == []
        kinds = {seen.path.split("/")[3] for seen in server.requests if seen.path.startswith("/v1/secret/")}
        assert kinds <= {"subkeys", "metadata", "detailed-metadata"}
        assert SENTINEL in await screen.press("1", "R")
        assert len(reads_of_values(server)) == 1
        assert not server.mutations()


@pytest.mark.parametrize("key", ["r", "y", "e", "o", "E"])
async def test_one_request_reads_the_value_when_it_is_asked_for(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("secret/app/api")
        assert reads_of_values(server) == []
        await screen.press(key)
        assert len(reads_of_values(server)) == 1


# KV version 1


async def test_an_old_engine_says_what_it_cannot_do(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    server.mount("old", version=1)
    server.write("old", "x", {"value": "one"})
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("old/x")
        for key in ("v", "b", "i", "U", "D"):
            assert "KV version 1" in await screen.press(key), (key, screen.text)
        text = (await screen.press("d")).replace("│", "").replace("\n", "")
        assert "It cannot be undeleted." in text
        assert "It can be" not in text
        assert "type its path" in text
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("old/x")
        await screen.press("ctrl+s")
        assert server.secrets_of("old") == {}
        assert len(server.mutations()) == 1


async def test_a_change_of_an_old_engine_is_honest_about_versions(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mount("old", version=1)
    server.write("old", "x", {"value": "one"})
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("old/x")
        await screen.press("e")
        await screen.type("two")
        text = " ".join((await screen.press("ctrl+s")).replace("│", " ").split())
        assert "No versions are kept here: what is there now is gone then." in text
        assert "It is read again just before" in text
        assert "version 2" not in text
        await screen.press("ctrl+s")
        assert server.secrets_of("old")["x"] == {"value": "two"}
        assert "Wrote old/x. u takes it back" in screen.text
        await screen.press("u")
        assert server.secrets_of("old")["x"] == {"value": "one"}


async def test_an_old_engine_is_shown_without_versions_wherever_one_is_named(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.mount("old", version=1)
    server.write("old", "x", {"value": "one"})
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("old/x")
        said = await screen.press("2")
        await screen.press("e")
        await screen.type("two")
        await screen.press("ctrl+s", "tab", "tab", "enter")
        said += await screen.press("s")
        assert "Write old/x" in screen.text
        said += await screen.press("ctrl+s")
        assert server.secrets_of("old")["x"] == {"value": "two"}
        said += await screen.press("o")
        assert "No versions are kept here: the old value is gone then." in " ".join(said.replace("│", " ").split())
        said += await screen.press("ctrl+s")
        assert "Rotated value. u takes it back." in screen.text
        assert not re.search(r"[vV]ersion +\d", str(said) + screen.text)


@pytest.mark.parametrize("how", ["edit", pytest.param("staged", marks=pytest.mark.slow), "locked"])
async def test_an_old_engine_overwrites_nobody_s_change(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    server.mount("old", version=1)
    server.write("old", "x", {"value": "one"})
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("old/x")
        await screen.press("e")
        await screen.type("mine")
        await screen.press("ctrl+s")
        if how != "edit":
            screen.app.screen.query_one("#review-stage").focus()
            await screen.press("enter")
        server.write("old", "x", {"value": "theirs"})
        if how == "locked":
            await screen.keys("L")
            await screen.until("Locked.")
            await screen.keys("enter")
            await screen.until("Staged 1")
            await screen.settle()
        if how != "edit":
            await screen.press("s")
        text = await screen.press("ctrl+s")
        assert "Somebody changed" in text
        assert server.secrets_of("old")["x"] == {"value": "theirs"}
        assert not server.mutations()


# Hostile content


async def watched(screen: Served, size: tuple[int, int]) -> Watched:
    found = Watched(screen.app, size)
    found.pilot = screen.pilot
    screen.app.screen.refresh()
    await found.rest()
    return found


async def test_hostile_names_fields_and_metadata_send_nothing_of_their_own(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [entry.value for entry in sample() if entry.value and entry.value.isprintable() is not None]
    texts = [text for text in texts if text.encode("utf-8", "replace").decode() == text][:80]
    server.write("secret", "hostile/one", dict.fromkeys(texts, "x") | {"values": texts})
    server.secrets_of("secret")["hostile/one"].custom = {text[:128]: text for text in texts}
    names = sorted({path.split("/")[0] for path in map(as_path, HOSTILE[:400]) if path})
    listing = json.dumps({"data": {"keys": [*names, "one"], "key_info": {}}}).encode()
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        seen = await watched(screen, (100, 30))
        server.break_next(
            Fault("reply", when=lambda seen: "metadata/hostile/" in seen.path, times=100, reply=Reply(200, listing))
        )
        await screen.go_to("secret/hostile/one")
        for _ in range(4):
            await screen.press("pageup")
            seen.check()
        await screen.go_to("secret/hostile/one")
        for tab in "1234":
            await screen.press(tab)
            seen.check()
        await screen.press("1", "R")
        seen.check()


async def test_hostile_bodies_of_errors_stand_nowhere(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        seen = await watched(screen, (100, 30))
        said = [f"QUOTED {entry.value}" for entry in sample(1)]
        body = json.dumps({"errors": said, "data": dict.fromkeys(said, "QUOTED")}).encode()
        for status in (400, 403, 404, 500, 502):
            server.break_next(Fault("reply", when=_is_secret, times=9, reply=Reply(status, body, {"X-Odd": "QUOTED"})))
            await screen.press("J", *"secret", "enter")
            await screen.press("h", "l")
            server._faults.clear()
            assert "QUOTED" not in screen.text
            seen.check()


def _is_secret(seen: Seen) -> bool:
    return seen.path.startswith("/v1/secret/")


# Servers that fail


async def test_a_server_sealed_at_work_is_told_probed_seldom_and_gone_on_with_by_itself(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(watching, "monotonic", clock)
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("secret/app/db")
        server.sealed = True
        text = await screen.press("r")
        assert "is sealed" in text
        before = len(server.requests)
        for _ in range(60):  # half a minute
            await screen.app._tick()
            await wait_for_idle(screen.pilot)
            clock.now += 0.5
        text = await screen.settle()
        assert 3 <= len(server.requests) - before <= 7
        assert {seen.path for seen in server.requests[before:]} == {"/v1/sys/health"}
        assert "sealed" in text.splitlines()[-1]
        await screen.press("j", "k")  # the keys answer
        server.sealed = False
        clock.now += 5
        text = await screen.tick()
        assert "The server answers again." in await screen.until("answers again")
        assert "sealed" not in screen.text.splitlines()[-1]
        assert SENTINEL in await screen.press("R")


async def test_keys_answer_while_a_server_hangs_and_esc_leaves_it(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("secret/app/db")
        server.break_next(Fault("hang", when=lambda seen: "/data/" in seen.path, seconds=60, times=100))
        await screen.keys("r")
        slowest = 0.0
        for key in ("j", "k", "3", "1", "T", "escape", "h"):
            start = time.monotonic()
            await screen.keys(key)
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 20
        await screen.until("esc cancels")
        await screen.keys("escape")
        await screen.until("Cancelled.")
        await screen.gone("esc cancels")
        assert "•••" in screen.text


async def test_a_folder_that_hangs_is_cancelled_and_read_again_later(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        server.break_next(Fault("hang", when=_is_secret, seconds=60, times=1))
        await screen.keys("j", "l")
        await screen.until("loading", "esc cancels")
        await screen.keys("escape")
        await screen.until("Cancelled")
        assert "▸ app" in await screen.press("ctrl+r")


async def test_many_calls_that_hang_do_not_keep_the_lock_waiting(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        server.write("secret", f"many/s{number:02}", {"value": "x"})
    async with served(as_somebody(server, monkeypatch)) as screen:
        await opened(screen)
        await screen.go_to("secret/many")
        await screen.press("l")
        server.break_next(Fault("hang", when=_is_secret, seconds=60, times=1000))
        for _ in range(12):
            await screen.keys("j")
            await screen.pilot.pause(0.07)
        start = time.monotonic()
        await screen.keys("L")
        await screen.until("Locked.", lambda: not screen.session.is_open)
        assert time.monotonic() - start < 30
        assert threading.active_count() < 80
