"""Several secrets at once: marks, plans, batches, staged changes, the trash, containers."""

from __future__ import annotations

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.errors import NotFound
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from tests.ui.conftest import Running, Screen


async def stage(screen: Screen, path: str, text: str) -> str:
    await screen.go_to(path)
    await screen.press("e")
    await screen.type(text)
    await screen.press("ctrl+s", "tab")
    screen.app.screen.query_one("#review-stage").focus()
    return await screen.press("enter")


async def test_staged_changes_are_applied_together_and_what_fails_stays_staged(running: Running) -> None:
    async with running() as screen:
        assert "Staged 1" in await stage(screen, "app/api", "new-api")
        assert "Staged 2" in await stage(screen, "top", "new-top")
        assert screen.backend.read("app/api").current == 1
        screen.backend.write("top", {"value": SecretValue("theirs")})
        text = await screen.press("s")
        assert "Write version 2 of app/api" in text
        text = await screen.press("ctrl+s")
        assert "1 of 2 done. 1 failed." in text
        assert "Not done" in text
        said = " ".join(text.replace("│", " ").split())
        assert "s, then enter on it, shows base, theirs and mine." in said
        assert screen.backend.read("app/api").fields["value"].reveal() == "new-api"
        assert screen.backend.read("top").fields["value"].reveal() == "theirs"
        text = await screen.press("escape")
        assert "Staged 1" in text
        text = await screen.press("s", "enter")  # look at it again: it became a conflict
        assert "Conflict" in text
        await screen.press("ctrl+s")
        assert "Write version 3 of top" in screen.text
        text = await screen.press("ctrl+s")
        assert screen.backend.read("top").fields["value"].reveal() == "new-top"
        assert "Staged" not in text


async def test_a_staged_change_is_dropped_and_quitting_asks_about_the_others(running: Running) -> None:
    async with running() as screen:
        await stage(screen, "app/api", "first")
        await stage(screen, "top", "second")
        await screen.press("s", "j")
        screen.app.screen.query_one("#staged-drop").focus()
        await screen.press("enter")
        assert [change.path for change in screen.session.staged] == ["app/api"]
        text = await screen.press("escape", "q")
        assert "1 staged changes are not applied" in text
        assert screen.app.is_running


async def test_an_empty_list_of_staged_changes_says_once_what_to_do(running: Running) -> None:
    async with running() as screen:
        assert "Nothing is staged." in await screen.press("s")
        assert (await screen.press("ctrl+s")).count("Review an edit and press Stage.") == 1


async def test_editing_a_staged_secret_goes_on_with_what_is_staged(running: Running) -> None:
    async with running() as screen:
        await stage(screen, "app/db", "first")
        await screen.press("i", "tab", "end")
        await screen.type("tained")
        await screen.press("ctrl+s")
        screen.app.screen.query_one("#review-stage").focus()
        await screen.press("enter")
        assert len(screen.session.staged) == 1
        await screen.press("e", "ctrl+s")
        assert "Write version 3 of app/db" in screen.text
        await screen.press("ctrl+s")
        assert screen.backend.read("app/db").fields["password"].reveal() == "first"
        assert screen.backend.metadata("app/db").description == "maintained"
        assert len(screen.session.staged) == 0


async def test_marked_secrets_rotate_as_a_batch_and_each_is_reported(running: Running) -> None:
    async with running() as screen:
        screen.backend.write("infra/odd", {"a": SecretValue("1"), "b": SecretValue("2")})
        await screen.press("ctrl+r")
        await screen.go_to("infra/odd")
        await screen.press("space")
        await screen.go_to("app/db")
        await screen.press("space")
        await screen.go_to("top")
        await screen.press("space")
        text = await screen.press("o")
        assert "3 secrets a new value each" in text
        assert "has no such field: left" in text
        assert screen.app.focused is not None
        assert screen.app.focused.id == "cancel"
        text = await screen.press("ctrl+s")
        assert "2 of 3 done. 1 failed." in text
        assert "infra/odd" in text
        db = screen.backend.read("app/db")
        assert db.current == 3
        assert db.fields["user"].reveal() == "admin"
        new = {db.fields["password"].reveal(), screen.backend.read("top").fields["value"].reveal()}
        assert len(new) == 2
        await screen.press("escape", "u", "u")
        assert screen.backend.read("top").fields["value"].reveal() == "three"
        assert (
            screen.backend.read("app/db")
            .fields["password"]
            .same_as(screen.backend.read("app/db", 2).fields["password"])
        )


async def test_marks_and_not_the_cursor_say_what_is_deleted(running: Running) -> None:
    async with running() as screen:
        await screen.press("space")  # the folder app
        await screen.go_to("top")
        text = await screen.press("d")
        assert "these 2 secrets" in text
        assert "app/api" in text
        assert "app/db" in text
        await screen.press("ctrl+s")
        assert screen.backend.read("top").version.state is VersionState.LIVE
        assert screen.backend.read("app/db").version.state is VersionState.DELETED
        assert "u takes them back" in " ".join(screen.text.split())
        await screen.press("u", "u")
        assert screen.backend.read("app/api").version.state is VersionState.LIVE


async def test_in_versions_the_version_under_the_cursor_is_deleted_restored_and_destroyed(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("v", "j")
        assert "version 1 of app/db" in await screen.press("d")
        await screen.press("ctrl+s")
        assert [v.state.value for v in screen.backend.versions("app/db")] == ["deleted", "live"]
        await screen.press("3", "G")
        assert "Version 1 is deleted" in await screen.press("d")
        assert screen.backend.read("app/db").version.state is VersionState.LIVE
        await screen.press("U")
        assert [v.state.value for v in screen.backend.versions("app/db")] == ["live", "live"]
        await screen.press("3", "G")
        assert "version 1 of app/db for good" in await screen.press("D")
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("app/db")
        await screen.press("ctrl+s")
        assert [v.state.value for v in screen.backend.versions("app/db")] == ["destroyed", "live"]


async def test_deleting_twice_and_undeleting_what_lives_say_so(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        assert "live already" in await screen.press("U")
        await screen.press("d", "ctrl+s")
        assert "deleted already" in await screen.press("d")
        assert screen.backend.read("app/api").version.state is VersionState.DELETED
        assert "is deleted" in await screen.press("e")


async def test_pasted_text_does_not_destroy(running: Running) -> None:
    from textual import events

    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("D")
        box = screen.app.screen.query_one("#confirm-path")
        box.focus()
        box.post_message(events.Paste("app/api"))
        await screen.press("ctrl+s")
        assert screen.backend.read("app/api").current == 1


async def test_moving_onto_a_secret_asks_before_it_adds_a_version(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("C", "ctrl+u")
        await screen.type("top")
        text = await screen.press("ctrl+s")
        assert "exists" in text
        await screen.press("enter")
        assert screen.backend.read("top").current == 1
        await screen.go_to("app/api")
        await screen.press("C", "ctrl+u")
        await screen.type("top")
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.read("top").current == 2
        assert screen.backend.read("top").fields["value"].reveal() == "one"
        assert screen.backend.read("app/api").current == 1


async def test_a_folder_is_renamed_with_everything_in_it_and_one_mark_goes_into_a_folder(running: Running) -> None:
    async with running() as screen:
        await screen.press("m", "ctrl+u")
        await screen.type("apps")
        text = await screen.press("ctrl+s")
        assert "app/db → apps/db" in text
        await screen.press("ctrl+s")
        assert screen.backend.read("apps/db").current == 2
        with pytest.raises(NotFound):
            screen.backend.read("app/db")
        await screen.go_to("top")
        await screen.press("space")
        await screen.go_to("apps")
        await screen.press("m", "ctrl+u")
        await screen.type("apps/")
        await screen.press("ctrl+s")
        assert screen.backend.read("apps/top").current == 1


async def test_marked_secrets_go_into_a_folder_but_never_two_onto_one_path(running: Running) -> None:
    async with running() as screen:
        screen.backend.write("infra/db", {"value": SecretValue("other")})
        await screen.press("ctrl+r")
        for path in ("app/db", "infra/db"):
            await screen.go_to(path)
            await screen.press("space")
        await screen.press("m")
        await screen.type("all")
        assert "Several of them would become all/db" in await screen.press("ctrl+s")
        await screen.press("escape", "escape")
        for path in ("app/db", "infra/token"):
            await screen.go_to(path)
            await screen.press("space")
        await screen.press("m")
        await screen.type("all")
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.read("all/db").current == 2
        assert screen.backend.read("all/token").current == 1


async def test_the_trash_lists_filters_and_restores_with_enter_and_the_mouse(running: Running) -> None:
    async with running() as screen:
        for path in ("app/api", "app/db", "top"):
            screen.backend.delete(path)
        text = await screen.press("t")
        assert "Trash" in text
        assert "Undelete" in text
        await screen.press("down", "tab", "j")
        await screen.press("enter")
        assert screen.backend.read("top").version.state is VersionState.LIVE
        await screen.press("t")
        await screen.type("db")
        await screen.press("enter")
        assert screen.backend.read("app/db").version.state is VersionState.LIVE
        await screen.press("t")
        await screen.pilot.click("#rows", offset=(2, 0), times=2)
        await screen.settle()
        assert screen.backend.read("app/api").version.state is VersionState.LIVE
        assert "Nothing is deleted" in await screen.press("t")


async def test_a_row_of_the_trash_is_not_cut_in_80_columns(running: Running) -> None:
    long = "platform/services/payments/production/europe/database-credentials-of-the-primary"
    async with running(size=(80, 24)) as screen:
        for path in (long, "top"):
            screen.backend.write(path, {"value": SecretValue("old")})
            screen.backend.delete(path)
        rows = [row.strip("│ ") for row in (await screen.press("t")).splitlines()]
        row = next(index for index, text in enumerate(rows) if "platform/" in text)
        assert long in "".join(rows[row : row + 2]).replace("│", "").replace(" ", "")
        assert "version 1" in rows[row + 2]
        assert rows[row + 2].endswith("now")
        assert any("top" in text and "now" in text for text in rows)  # on one line where there is room


async def test_a_container_that_is_not_empty_stays(running: Running) -> None:
    async with running() as screen:
        await screen.press(":")
        await screen.type("delete container")
        assert "It has to be empty" in await screen.press("enter")
        await screen.press("ctrl+s")
        assert screen.backend.read("app/db").current == 2
        assert "holds secrets" in screen.text


async def test_esc_ends_bulk_work_after_the_item_it_is_at(running: Running) -> None:
    from threading import Event

    from kvtui.backends.memory import MemoryBackend

    def many(backend: Backend) -> None:
        for number in range(6):
            backend.write(f"many/s{number}", {"value": SecretValue(str(number))})

    reached, go_on = Event(), Event()

    class Slow(MemoryBackend):
        def delete(self, path: str, versions: object = ()) -> None:
            reached.set()
            go_on.wait(10)
            super().delete(path)

    async with running(contents=many) as screen:
        slow = Slow()
        many(slow)
        screen.session._backend = slow
        await screen.press("d")
        await screen.pilot.press("ctrl+s")
        while not reached.is_set():
            await screen.pilot.pause(0.01)
        await screen.pilot.press("escape")
        await screen.pilot.pause()
        go_on.set()
        text = await screen.settle()
        assert "1 of 6 done. Cancelled: 5 left as they were." in text
        assert slow.read("many/s1").version.state is VersionState.LIVE
