"""Errors that nobody foresaw, in what runs beside the screen: told, written down without a value, and not the end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from textual.css.query import NoMatches

import kvtui.ui
from kvtui.domain.errors import Unavailable
from kvtui.services.completing import Completions
from kvtui.services.finding import Finding
from kvtui.services.session import Session
from kvtui.ui.dialogs import find
from kvtui.ui.screens.problem import ProblemScreen
from kvtui.ui.widgets.passphrase_form import PassphraseForm
from kvtui.ui.widgets.secret_input import SecretInput
from tests.ui.conftest import Running, Screen

TOLD = "Something went wrong inside kvtui (ZeroDivisionError). Report it."


def failing(value: str) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(value)

    return fail


def written_down(screen: Screen, value: str) -> str:
    strays = screen.app.stray_errors.getvalue()
    assert strays.startswith("kvtui: internal error: ZeroDivisionError\n  kvtui/")
    assert value not in strays
    return strays


async def test_a_dialog_tells_what_nobody_foresaw_of_its_workers_and_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = uuid4().hex
    async with running() as screen:
        await screen.press("ctrl+f")
        monkeypatch.setattr(find, "_AT_ONCE", -1)  # as with very many names, in a worker
        with monkeypatch.context() as broken:
            broken.setattr(Finding, "query", failing(value))
            text = await screen.press("t")
            assert TOLD in text
            assert value not in text
            assert "FindDialog._search" in written_down(screen, value)
        assert "infra/token" in await screen.type("oken")
        await screen.press("escape")
        monkeypatch.setattr(Completions, "knows", failing(value))
        await screen.press("J")
        assert TOLD in await screen.type("app/")
        assert screen.app.return_code is None


async def test_errors_of_a_store_that_no_worker_caught_are_told_in_their_own_words(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        await screen.press("ctrl+f")
        monkeypatch.setattr(find, "_AT_ONCE", -1)

        def out_of_order(*_: Any, **__: Any) -> Any:
            raise Unavailable("Out of order.", hint="Wait.")

        monkeypatch.setattr(Finding, "query", out_of_order)
        assert "Out of order. Wait." in await screen.press("t")
        assert screen.app.stray_errors.getvalue() == ""


async def test_a_list_that_is_read_tells_and_writes_down_what_nobody_foresaw(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = uuid4().hex
    monkeypatch.setattr(Finding, "read", failing(value))
    async with running() as screen:
        assert TOLD in await screen.press("ctrl+f")
        assert "FindDialog.look" in written_down(screen, value)


async def test_a_profile_that_cannot_be_opened_says_so_and_one_that_cannot_be_unlocked_asks_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = uuid4().hex
    async with running() as screen:
        with monkeypatch.context() as broken:
            broken.setattr(Session, "enter", failing(value))
            screen.app.enter()
            await screen.settle()
            await screen.app.show_only(None)
            screen.app.enter()
            text = await screen.settle()
            assert isinstance(screen.app.screen, ProblemScreen)
            assert "Something went wrong inside kvtui" in text
            written_down(screen, value)
        form = PassphraseForm(screen.session)
        await screen.app.screen.mount(form)
        monkeypatch.setattr(Session, "unlock", failing(value))
        form.query_one(SecretInput).value = "wrong"
        form.submit()
        assert "Something went wrong inside kvtui" in await screen.settle()
        assert not form.query_one(SecretInput).disabled


async def test_what_comes_back_to_a_dialog_that_was_left_is_for_nobody(running: Running) -> None:
    async with running() as screen:
        await screen.press("ctrl+f")
        left = screen.app.screen
        await screen.press("escape")
        screen.app.tell(left, NoMatches("#rows"))
        assert screen.app.stray_errors.getvalue() == ""
        screen.app.tell(left, ZeroDivisionError())
        assert "ZeroDivisionError" in screen.app.stray_errors.getvalue()
        assert "Something went wrong" not in screen.text


def test_no_worker_is_told_to_keep_its_errors_to_itself() -> None:
    files = Path(kvtui.ui.__file__).parent.rglob("*.py")
    assert [file for file in files if re.search(r"exit_on_error\s*=\s*False", file.read_text())] == []
