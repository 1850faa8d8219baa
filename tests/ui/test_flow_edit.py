"""Edit, review, apply; what is typed survives going back, conflicts and the lock."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from tests.ui.conftest import SENTINEL, Running, Screen


def text_of(value: SecretValue) -> object:
    return value.reveal()


async def test_a_new_secret_is_typed_reviewed_and_written_with_the_keyboard_alone(running: Running) -> None:
    async with running(size=(80, 24)) as screen:
        await screen.go_to("app/db")
        text = await screen.press("n")
        for word in ("Path", "Field", "Value", "Type", "Description", "Tags", "Owner", "Review", "Cancel"):
            assert word in text, word
        assert "app/" in text
        await screen.type("web")
        await screen.press("enter")
        await screen.press("enter")
        await screen.type("s3cret")
        await screen.press("enter")
        text = await screen.press("ctrl+s")
        assert "Create app/web, version 1" in text
        assert "s3cret" not in text
        text = await screen.press("ctrl+s")
        await screen.settle()
        assert text_of(screen.backend.read("app/web").fields["value"]) == "s3cret"
        assert "app/web" in screen.text
        assert "u takes it back" in screen.text
        await screen.press("u")
        assert screen.backend.read("app/web").version.state is VersionState.DELETED


async def test_a_new_secret_at_a_taken_path_is_refused_in_the_form(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("n")
        await screen.type("db")
        await screen.press("enter", "enter")
        await screen.type("x")
        assert "There is a secret at this path" in await screen.press("ctrl+s")
        assert screen.backend.read("app/db").current == 2


async def test_a_new_secret_where_a_deleted_one_is_offers_undelete_or_a_new_version(running: Running) -> None:
    async with running() as screen:
        screen.backend.delete("app/api")
        await screen.press("ctrl+r")
        await screen.go_to("app/db")
        await screen.press("n")
        await screen.type("api")
        await screen.press("enter", "enter")
        await screen.type("mine")
        await screen.press("ctrl+s")
        text = await screen.press("ctrl+s")
        assert "was there before" in text
        assert "Undelete" in text
        assert "Write version 2" in text
        assert screen.app.focused is not None
        assert screen.app.focused.id == "cancel"
        text = await screen.press("enter")
        assert "New secret" in text
        await screen.press("ctrl+s", "ctrl+s", "ctrl+s")
        assert "Write version 2 of app/api" in screen.text
        await screen.press("ctrl+s")
        assert screen.backend.read("app/api").current == 2
        assert text_of(screen.backend.read("app/api").fields["value"]) == "mine"


async def test_review_goes_back_to_the_form_with_everything_typed(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("e")
        await screen.type("changed")
        assert "Review" in await screen.press("ctrl+s")
        text = await screen.press("escape")
        assert "Edit" in text
        text = await screen.press("ctrl+s")
        assert "Write version 2 of app/api" in text
        await screen.press("ctrl+s")
        assert text_of(screen.backend.read("app/api").fields["value"]) == "changed"


async def test_metadata_goes_back_to_its_form_with_everything_typed(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("i", "tab", "end")
        await screen.type("2")
        assert "no new version" in await screen.press("ctrl+s")
        assert "main2" in await screen.press("escape")
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.metadata("app/db").description == "main2"
        assert screen.backend.read("app/db").current == 2
        assert "main2" in await screen.press("2")
        await screen.press("u")
        assert screen.backend.metadata("app/db").description == "main"


async def test_a_conflict_overwrites_nothing_and_keeps_the_edit(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("e")
        await screen.type("mine")
        await screen.press("ctrl+s")
        screen.backend.write("app/api", {"value": SecretValue("theirs"), "extra": SecretValue("new")})
        text = await screen.press("ctrl+s")
        for word in ("Conflict", "base", "theirs", "mine"):
            assert word in text
        assert text_of(screen.backend.read("app/api").fields["value"]) == "theirs"
        text = await screen.press("escape")  # back to the form, not lost
        assert "Edit" in text
        await screen.press("ctrl+s", "ctrl+s")
        assert "Conflict" in screen.text
        text = await screen.press("ctrl+s")  # mine on top of theirs
        assert "Write version 3" in text
        await screen.press("ctrl+s")
        merged = screen.backend.read("app/api").fields
        assert text_of(merged["value"]) == "mine"
        assert text_of(merged["extra"]) == "new"


class FakeEditor:
    """An $EDITOR that replaces the file's content."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script = folder / "editor"
        monkeypatch.setenv("VISUAL", str(self.script))
        monkeypatch.setenv("EDITOR", str(self.script))

    def writes(self, text: str | None) -> None:
        body = "exit 0" if text is None else f"printf '%s' '{text}' > \"$1\""
        self.script.write_text(f"#!/bin/sh\n{body}\n")
        self.script.chmod(0o700)


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEditor:
    return FakeEditor(tmp_path, monkeypatch)


def lend_terminal(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.app, "suspend", nullcontext)


async def test_the_external_editor_changes_one_field_and_nothing_else(
    running: Running, editor: FakeEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        lend_terminal(screen, monkeypatch)
        await screen.go_to("app/db")
        editor.writes(None)
        assert "Nothing was changed" in await screen.press("E")
        assert screen.backend.read("app/db").current == 2
        editor.writes("from the editor")
        text = await screen.press("E")
        assert "Write version 3 of app/db" in text
        await screen.press("ctrl+s")
        fields = screen.backend.read("app/db").fields
        assert text_of(fields["password"]) == "from the editor"
        assert text_of(fields["user"]) == "admin"
        assert text_of(fields["port"]) == 5432


async def test_what_an_editor_made_of_a_number_is_not_lost_when_it_is_none(
    running: Running, editor: FakeEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        lend_terminal(screen, monkeypatch)
        await screen.go_to("app/db")
        await screen.press("tab", "j", "j")
        editor.writes("no number")
        text = await screen.press("E")
        assert "Edit" in text
        await screen.press("ctrl+s")
        assert "Write version 3" in screen.text
        await screen.press("ctrl+s")
        assert text_of(screen.backend.read("app/db").fields["port"]) == "no number"


async def test_a_terminal_that_cannot_be_lent_says_so(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        assert "cannot be given to an editor" in " ".join((await screen.press("E")).split())


async def test_leaving_a_form_with_something_typed_asks_once(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("e")
        await screen.type("half")
        assert "not saved" in await screen.press("escape")
        assert "Edit" not in (await screen.press("escape")).split("e Edit")[0]
        assert screen.backend.read("app/api").current == 1


async def test_ctrl_q_does_not_throw_away_a_half_typed_form(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("e")
        await screen.type("half")
        assert "not saved" in await screen.press("ctrl+q")
        assert screen.app.is_running


async def test_a_write_that_fails_comes_back_to_the_form_with_what_was_typed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kvtui.domain.errors import Unavailable

    def fail(*_: object, **__: object) -> None:
        raise Unavailable("The disk is full.", hint="Make room.")

    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("e")
        await screen.type("kept")
        await screen.press("ctrl+s")
        with monkeypatch.context() as patched:
            patched.setattr(type(screen.backend), "write", fail)
            text = await screen.press("ctrl+s")
        assert "disk is full" in text
        assert "Edit" in text
        await screen.press("ctrl+s", "ctrl+s")
        assert text_of(screen.backend.read("app/api").fields["value"]) == "kept"


async def test_rolling_back_comparing_and_looking_at_old_versions(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        text = await screen.press("v", "j", "enter")
        assert "version 1 of 2" in text
        assert "version 1 of 2" not in await screen.press("escape")
        await screen.press("v", "g", "j")
        text = await screen.press("=")
        assert "Diff" in text
        assert "version 1 → 2" in text
        assert SENTINEL not in text
        await screen.press("escape", "b")
        assert "Roll back" in screen.text
        assert screen.app.focused is not None
        assert screen.app.focused.id == "cancel"
        await screen.press("ctrl+s")
        assert screen.backend.read("app/db").current == 3


async def test_two_marked_secrets_are_compared(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("space", "space")
        text = await screen.press("=")
        assert "app/api → app/db" in text


def described(backend: Backend) -> None:
    backend.write("a/b", {"value": SecretValue("1")}, metadata=MetadataPatch(description="d"))


async def test_lists_of_tags_and_types_are_set_when_a_secret_is_made(running: Running) -> None:
    async with running(contents=described, size=(100, 40)) as screen:
        await screen.go_to("a/b")
        await screen.press("n")
        await screen.type("c")
        screen.app.screen.query_one("#edit-tags").focus()
        await screen.type("x, y")
        screen.app.screen.query_one("#edit-owner").focus()
        await screen.type("me")
        await screen.press("ctrl+s", "ctrl+s")
        metadata = screen.backend.metadata("a/c")
        assert metadata.tags == ("x", "y")
        assert metadata.owner == "me"
