"""Leases and what is shown once: names from a server are shown as they are, values only when asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from textual.content import Content

from kvtui.domain.lease import Lease
from kvtui.domain.value import SecretValue
from kvtui.ui.dialogs.leases import IssueDialog, LeasesDialog, Wanted
from kvtui.ui.dialogs.sharing import OnceDialog, Share, ShareDialog
from tests.ui.dialogs.hosting import UNANSWERED, showing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "db/creds/[/][@click=app.quit]x[/]\x1b]52;c;eA==\x07\u202e"


def lease(role: str = "db/creds/app", *, renewable: bool = True) -> Lease:
    return Lease(f"{role}/1", role, role, NOW, NOW + timedelta(minutes=5), renewable)


async def copying(field: str, value: SecretValue) -> str:
    return f"copied {field}"


async def test_hostile_names_are_shown_as_they_are() -> None:
    async with showing(LeasesDialog([lease(HOSTILE)], lambda: NOW), size=(120, 30)) as shown:
        assert "[/][@click=app.quit]x[/]" in shown.screen
        assert "\x1b" not in shown.screen
        assert "ends in 5min 00s" in shown.screen
    async with showing(IssueDialog([HOSTILE]), size=(120, 30)) as shown:
        assert "[/][@click=app.quit]x[/]" in shown.screen
    fields = {HOSTILE: SecretValue(HOSTILE)}
    async with showing(OnceDialog("Issued", Content("facts"), fields, copying), size=(120, 30)) as shown:
        await shown.press("ctrl+r")
        assert shown.screen.count("[/][@click=app.quit]x[/]") == 2
        assert "\x1b" not in shown.screen


async def test_a_lease_that_cannot_be_renewed_says_so_and_stays_open() -> None:
    async with showing(LeasesDialog([lease(renewable=False)], lambda: NOW), size=(100, 30)) as shown:
        assert "not renewable" in shown.screen
        await shown.press("tab", "tab", "enter")
        assert "cannot be renewed" in shown.error
        assert shown.answer is UNANSWERED
        await shown.press("tab", "enter")
        assert shown.answer == Wanted("revoke", lease(renewable=False))


async def test_without_a_lease_there_is_nothing_to_renew() -> None:
    async with showing(LeasesDialog([], lambda: NOW), size=(100, 30)) as shown:
        await shown.press("tab", "tab", "enter")
        assert "There is no lease" in shown.error


async def test_no_role_is_issued_by_an_empty_form() -> None:
    async with showing(IssueDialog([]), size=(100, 30)) as shown:
        await shown.press("ctrl+s")
        assert "No role is named" in shown.error
        assert shown.answer is UNANSWERED


async def test_one_field_or_all_of_them_are_shared_for_a_typed_time() -> None:
    async with showing(ShareDialog("app/db", ["user", "password"], "password"), size=(100, 30)) as shown:
        await shown.press("ctrl+s")
        assert shown.answer == Share("password", timedelta(minutes=15))
    async with showing(ShareDialog("app/db", ["user", "password"], "password"), size=(100, 30)) as shown:
        await shown.press("enter", "down", "enter", "tab")
        await shown.press("backspace", "backspace", "backspace", "2", "h", "ctrl+s")
        assert shown.answer == Share(None, timedelta(hours=2))


async def test_values_shown_once_are_masked_until_asked_for_and_again_after_their_time() -> None:
    fields = {"password": SecretValue("SENTINEL-once")}
    dialog = OnceDialog("Issued", Content("facts"), fields, copying, reveal_seconds=0.05)
    async with showing(dialog, size=(100, 30)) as shown:
        assert "SENTINEL" not in shown.screen
        await shown.press("escape")
        assert "neither revealed nor copied" in shown.screen
        await shown.press("ctrl+r")
        assert "neither revealed nor copied" not in shown.screen
        await shown.pilot.pause(0.2)
        assert "SENTINEL" not in shown.screen
        await shown.press("ctrl+s")
        assert "password: copied password" in shown.screen
        await shown.press("escape")
        assert shown.answer is None
    assert not dialog._fields
