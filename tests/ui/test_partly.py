"""Stores that cannot do everything: what they cannot is greyed with the reason, what they can has the same keys."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.clipboard import CopyResult
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.event import Audit, Event
from kvtui.domain.metadata import MetadataField
from kvtui.domain.secret import Indexed, Skip, Version
from kvtui.domain.value import SecretValue
from kvtui.ui.screens.main import MainScreen
from kvtui.ui.widgets.row_list import RowList
from tests.support.variants import SEARCHING, UNLISTED, WRITE_ONLY, stores, use
from tests.ui.conftest import Running, Screen


def two(backend: Backend) -> None:
    backend.write("app/key", {"value": SecretValue("one")})
    backend.write("app/other", {"value": SecretValue("two")})


def stored(screen: Screen, path: str, field: str = "value") -> object:
    """What is in the store behind the screen, whoever may read it."""
    return MemoryBackend(stores()[str(screen.session.profile.settings["name"])]).read(path).fields[field].reveal()


# -- values that are never given back


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, WRITE_ONLY)


@pytest.mark.usefixtures("unread")
async def test_fields_say_that_they_cannot_be_read_instead_of_masking_them(running: Running) -> None:
    async with running(contents=two) as screen:
        text = await screen.go_to("app/key")
        assert "Values cannot be read back here." in text
        assert "This memory store cannot read values." in text
        assert "••••" not in text


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("r", "Reveal"),
        ("R", "Reveal all"),
        ("y", "Copy"),
        ("E", "Edit in $EDITOR"),
        ("=", "Diff"),
        ("C", "Copy to…"),
        ("m", "Move or rename"),
    ],
)
async def test_what_would_take_values_out_is_refused_with_the_reason(running: Running, key: str, title: str) -> None:
    async with running(contents=two) as screen:
        await screen.go_to("app/key")
        text = await screen.press({"=": "equals_sign"}.get(key, key))
        assert f"{title}: This memory store cannot read values." in text
        assert isinstance(screen.app.screen, MainScreen)


@pytest.mark.usefixtures("unread")
async def test_an_edit_is_a_new_value_that_is_typed_and_nothing_takes_it_back(running: Running) -> None:
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("e")
        text = await screen.press("ctrl+s")
        assert "There is no new value." in text
        await screen.type("typed")
        text = await screen.press("ctrl+s")
        assert "Review" in text
        assert "neither compared nor brought back" in text.replace("\n", " ")
        text = await screen.press("ctrl+s")
        assert "Wrote" in text
        assert "u takes it back" not in text
        assert stored(screen, "app/key") == "typed"


@pytest.mark.usefixtures("unread")
async def test_somebody_who_deleted_it_meanwhile_is_noticed(running: Running) -> None:
    async with running(contents=two) as screen:
        await screen.go_to("app/key")
        await screen.press("e")
        await screen.type("typed")
        await screen.press("ctrl+s")
        screen.backend.delete("app/key")
        text = await screen.press("ctrl+s")
        assert "Conflict" in text
        assert not list(MemoryBackend(stores()[str(screen.session.profile.settings["name"])]).list("app").entries)[1:]


@pytest.mark.usefixtures("unread")
async def test_a_new_secret_is_made_and_rotated_without_being_read(running: Running) -> None:
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.press("n")
        await screen.type("new")  # in the folder under the cursor
        await screen.press("tab")
        await screen.type("fresh")
        await screen.press("ctrl+s", "ctrl+s")
        assert stored(screen, "app/new") == "fresh"
        text = await screen.press("o")
        assert "Values cannot be read back here: nothing is compared" in text
        text = await screen.press("ctrl+s")
        assert "gives no value back" in text
        assert stored(screen, "app/new") != "fresh"


@pytest.mark.usefixtures("unread")
async def test_copy_as_gives_what_holds_no_value_and_greys_what_does(running: Running) -> None:
    async with running(contents=two) as screen:
        await screen.go_to("app/key")
        text = await screen.press("Y")
        assert "value (This memory store cannot read values.)" in text
        assert "reference {vault, key}" in text
        assert "reference kv://" in text


class Named(MemoryBackend):
    def references(self, path: str, field: str | None = None) -> Sequence[str]:
        vault, _, key = path.partition("/")
        return (f'{{"vault": "{vault}", "key": "{key}"}}', f"far+kv://{path}#{field}")


async def test_copy_as_has_the_references_of_the_store_each_once(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, {}, made=Named)
    async with running(contents=two) as screen:
        await screen.go_to("app/key")
        text = await screen.press("Y")
        assert "reference far+kv://app/key#value" in text
        assert text.count("vault") == 1
        await screen.type("far")
        assert "reference kv" not in await screen.settle()
        copied: list[bytes] = []

        def copy(data: bytes) -> CopyResult:
            copied.append(data)
            return CopyResult("test", verified=True, message="copied")

        monkeypatch.setattr(screen.app, "copy", copy)
        await screen.press("enter")
        assert copied == [b"far+kv://app/key#value"]


# -- rotation by the store


async def test_the_server_makes_the_value_where_it_does_that(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, UNLISTED)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("o")
        select = screen.app.screen.query_one("#rotate-source")
        select.focus()
        text = await screen.press("enter", "down", "down", "enter")
        assert "On the server: it makes the value" in text
        assert "Recipe" not in text
        text = await screen.press("ctrl+s")
        assert "Rotated value on the server: version 2. The store made the new value." in text
        assert stored(screen, "app/key") != "one"
        assert screen.backend.read("app/key").current == 2


async def test_marked_secrets_are_rotated_by_the_server(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SEARCHING)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("space", "space")
        await screen.press("o")
        screen.app.screen.query_one("#batch-there").focus()
        assert "On the server" in await screen.press("space")
        text = await screen.press("ctrl+s")
        assert "2 of 2 done." in text
        assert "takes them back" not in text
        assert [entry.act for entry in screen.backend.audit("app").events[:2]] == ["write", "write"]
        assert stored(screen, "app/other") != "two"


# -- metadata


async def test_only_metadata_that_is_kept_is_offered_and_goes_with_a_value_where_it_must(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, UNLISTED)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        text = await screen.press("i")
        assert "takes metadata only together with a new value: e has both." in text
        text = await screen.press("e")
        assert "Owner" in text
        assert "Rotation" in text
        assert "Tags" not in text
        screen.app.screen.query_one("#edit-owner").focus()
        await screen.type("ann")
        await screen.press("ctrl+s", "ctrl+s")
        secret = screen.backend.read("app/key")
        assert (secret.metadata.owner, secret.current, secret.fields["value"].reveal()) == ("ann", 2, "one")


async def test_the_form_of_metadata_names_what_is_not_kept(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"metadata_fields": {MetadataField.DESCRIPTION}})
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        text = await screen.press("i")
        assert "This store keeps no tags." in text
        assert "This store keeps no owner." in text
        assert "Add custom" not in text
        await screen.type("known")
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.metadata("app/key").description == "known"


# -- leases, cautions


async def test_leases_that_nobody_can_renew_say_so(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, UNLISTED)
    async with running(contents=two, size=(120, 30)) as screen:
        text = await screen.press("I")
        assert "None can be renewed or revoked: This memory store cannot renew and revoke them." in text
        assert screen.app.screen.query_one("#lease-revoke").disabled


class Managed(MemoryBackend):
    def caution(self, path: str) -> str:
        return f"A configuration manages {path}." if path.startswith("app/") else ""


async def test_what_is_to_be_known_of_a_place_is_said_before_it_is_changed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, {}, made=Managed)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("e")
        await screen.type("more")
        assert "A configuration manages app/key." in await screen.press("ctrl+s")
        await screen.press("escape", "escape", "escape")
        assert "A configuration manages app/key." in await screen.press("o")
        await screen.press("escape")
        assert "A configuration manages" in await screen.press("d")


# -- remembered paths


async def test_one_remembered_path_is_forgotten_and_any_is_reached_by_typing_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, UNLISTED)
    async with running(contents=two, size=(120, 30)) as screen:
        text = await screen.go_to("app/key")
        assert "other" in text
        await screen.press("colon")
        await screen.type("forget this")
        assert "Forget app/key" in await screen.press("enter")
        text = await screen.press("ctrl+s")
        assert "Forgot 1 path." in text
        assert "• key" not in text
        assert "• other" in text
        text = await screen.go_to("app/key")
        assert "• key" in text
        assert screen.backend.read("app/key").current == 1


async def test_a_store_that_lists_has_nothing_to_forget(running: Running) -> None:
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.press("colon")
        text = await screen.type("forget remembered")
        assert "Nothing is remembered" in text


# -- what was done


async def until(screen: Screen, wanted: str) -> str:
    async with asyncio.timeout(60):
        while wanted not in screen.text:
            await screen.pilot.pause(0.01)  # the store is listened to on a timer
    return screen.text


def listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "survey"]


async def test_activity_tells_what_was_done_here_what_the_store_wrote_down_and_what_happens(
    running: Running,
) -> None:
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("r")
        text = str(await screen.press("4"))
        assert re.search(r"here  .* reveal +value", text)
        assert re.search(r"store .* write", text)
        assert "live" not in text
        store = stores()[str(screen.session.profile.settings["name"])]
        other = MemoryBackend(store, user="bob \x1b[31m")
        other.write("app/key", {"value": SecretValue("more")})
        other.write("app/other", {"value": SecretValue("more")})
        text = await until(screen, "live")
        assert re.search(r"live  .* write +by bob", text)
        assert "\x1b" not in text
        assert text.count("live") == 1
        before = listeners()
        assert before
        await screen.press("1")
        await until(screen, "••••")
        await gone(before)


async def gone(threads: Sequence[threading.Thread]) -> None:
    """Whoever listened ends by itself."""
    for thread in threads:
        await asyncio.to_thread(thread.join, 20)
        assert not thread.is_alive()


async def test_the_store_is_not_listened_to_once_it_is_locked(running: Running) -> None:
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("4")
        before = listeners()
        assert before
        await screen.press("L")
        await gone(before)


async def test_activity_of_a_folder_is_of_all_below_it_and_read_by_pages(running: Running) -> None:
    def many(backend: Backend) -> None:
        for number in range(150):
            backend.write("app/key", {"value": SecretValue(str(number))})
        backend.write("top", {"value": SecretValue("x")})

    async with running(contents=many, size=(120, 30)) as screen:
        await screen.press("4")
        text = await screen.settle()
        assert "app/key" in text
        await screen.press("G")
        text = await screen.settle()
        assert "There are older ones. Enter reads more." in text
        await screen.press("enter")
        await screen.press("G")
        assert "There are older ones" not in await screen.settle()
        pane = screen.app.screen.query_one("#pane-activity", RowList)
        assert len(pane.rows) == 150
        assert "top" not in screen.text.split("│", 1)[1].splitlines()[3]


class Silent(MemoryBackend):
    def audit(self, folder: str = "", *, offset: int = 0, limit: int = 100) -> Audit:
        raise PermissionDenied("The token lacks the scope audit.", hint="Ask for it.")

    def events(self) -> Iterator[Event]:
        return iter(())


async def test_a_source_that_tells_nothing_says_why_and_keeps_none_of_the_others(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, {}, made=Silent)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("r", "4")
        text = await until(screen, "The store ended it. ctrl+r listens again.")
        assert "store The token lacks the scope audit." in text
        assert re.search(r"here  .* reveal +value", text)


# -- versions that are asked for one by one


class Probed(MemoryBackend):
    asked: ClassVar[list[str]] = []

    def info(self) -> BackendInfo:
        return super().info()._replace(probes_versions=True)

    def versions(self, path: str) -> Sequence[Version]:
        self.asked.append(path)
        return super().versions(path)[1:]


async def test_versions_that_have_to_be_asked_for_are_looked_for_only_when_wanted(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    Probed.asked.clear()
    use(monkeypatch, {}, made=Probed)

    def contents(backend: Backend) -> None:
        for number in range(3):
            backend.write("app/key", {"value": SecretValue(str(number))})
        two(backend)

    async with running(contents=contents, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        assert Probed.asked == []
        text = await screen.press("v")
        assert Probed.asked == ["app/key"]
        assert "4 live current" in text
        assert "Older ones may be there" in text
        await screen.press("tab", "j")
        text = await screen.settle()
        assert "app/other" in text
        assert "Looking for versions asks the server for each number" in " ".join(text.split())
        assert Probed.asked == ["app/key"]
        await screen.press("v")
        assert Probed.asked == ["app/key", "app/other"]


# -- searching and copying by the server


async def test_find_asks_the_server_for_what_was_never_used_from_here(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SEARCHING)
    async with running(contents=two, size=(120, 30)) as screen:
        store = stores()[str(screen.session.profile.settings["name"])]
        MemoryBackend(store).write("far/away-key", {"value": SecretValue("3")})
        text = await screen.press("ctrl+f")
        assert "2 names" in text
        assert "used from here" in text
        await screen.type("key")
        await until(screen, "the server found 2")
        text = await until(screen, "far/away-key")
        assert "app/key" in text
        assert "app/other" not in text.split("Find everywhere")[1]
        await screen.press("down", "enter")
        assert "far/away-key" in await screen.settle()


class Refusing(MemoryBackend):
    def find(self, text: str, limit: int, *, skipped: Skip | None = None) -> Sequence[Indexed]:
        raise PermissionDenied("The token lacks the scope search.", hint="Ask for it.")


async def test_a_server_that_does_not_search_says_why_and_the_known_names_stay(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SEARCHING, made=Refusing)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.press("ctrl+f")
        await screen.type("key")
        text = await until(screen, "the server: The token lacks the scope search.")
        assert "app/key" in text


async def test_the_server_copies_when_it_is_ticked_and_says_what_is_left_behind(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SEARCHING)
    async with running(contents=two, size=(120, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("C")
        await screen.type("2")
        screen.app.screen.query_one("#target-there").focus()
        text = await screen.press("space")
        assert "On the server: the newest values alone" in text
        text = await screen.press("ctrl+s")
        assert "older versions and metadata are not carried" in " ".join(text.replace("│", " ").split())
        text = await screen.press("ctrl+s")
        assert "1 of 1 done." in text
        assert stored(screen, "app/key2") == "one"
        acts = [entry.act for entry in screen.session.activity("app/key")]
        assert acts[0] == "copy_secret"


# -- containers


@pytest.mark.usefixtures("unread")
async def test_a_container_is_made_shown_empty_and_deleted_only_while_it_is(running: Running) -> None:
    async def palette(screen: Screen, what: str) -> str:
        await screen.press("colon")
        await screen.type(what)
        return await screen.press("enter")

    async with running(contents=lambda _backend: None, size=(120, 30)) as screen:
        await palette(screen, "create container")
        await screen.type("prod")
        text = await screen.press("ctrl+s")
        assert "Created prod." in text
        assert "▸ prod" in text
        await screen.press("g")
        await screen.press("n")
        await screen.type("key")
        await screen.press("tab")
        await screen.type("one")
        await screen.press("ctrl+s", "ctrl+s")
        assert stored(screen, "prod/key") == "one"
        await screen.press("g")
        assert "Delete the container prod?" in await palette(screen, "delete container")
        text = await screen.press("ctrl+s")
        assert "The container holds secrets (1). Move or destroy them first." in text
        await screen.go_to("prod/key")
        await screen.press("d")
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("prod/key")  # nothing brings it back, so it is typed
        await screen.press("ctrl+s")
        await screen.press("g")
        await palette(screen, "delete container")
        text = await screen.press("ctrl+s")
        assert "Deleted prod." in text
        assert "▸ prod" not in text
        assert "▾ prod" not in text


async def test_any_typed_path_is_reached_where_nothing_can_be_listed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, UNLISTED)
    async with running(contents=lambda _backend: None, size=(120, 30)) as screen:
        store = stores()[str(screen.session.profile.settings["name"])]
        MemoryBackend(store).write("deep/down/key", {"value": SecretValue("3")})
        text = await screen.go_to("deep/down/key")
        assert "• key" in text
        assert "deep/down/key" in text
        text = await screen.go_to("deep/down/none")
        assert "There is no such path here." in text


async def test_several_at_once_say_what_is_to_be_known_of_each(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = {"capabilities": ALL - {Capability.MOVE, Capability.HISTORY, Capability.COPY}}
    use(monkeypatch, variant, made=Managed)
    async with running(contents=two, size=(140, 30)) as screen:
        await screen.go_to("app/key")
        await screen.press("space", "space")
        text = await screen.press("d")
        assert "A configuration manages app/key." in text
        assert "A configuration manages app/other." in text
        await screen.press("escape", "escape")
        await screen.go_to("app/key")
        await screen.press("m")
        await screen.type("-new")
        text = await screen.press("ctrl+s")
        words = " ".join(text.replace("│", " ").split())
        assert "A configuration manages app/key-new. A configuration manages app/key." in words
