"""The screen's start: what goes on beside it, and how that is left."""

from __future__ import annotations

import threading
from types import MappingProxyType

import pytest

from kvtui.backends.factory import StoreState
from kvtui.cli import launch
from kvtui.domain.errors import Locked
from kvtui.services.profiles import Profile
from kvtui.services.session import Session


@pytest.mark.parametrize("answers", [True, False])
def test_an_opening_is_left_when_its_thread_has_ended_but_a_server_is_not_waited_for_long(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def enter(_credential: object) -> StoreState:
        go_on.wait(60)
        ended.set()
        raise Locked("The store is locked.")

    session = Session(Profile("test", "memory", MappingProxyType({})))
    monkeypatch.setattr(session, "enter", enter)
    monkeypatch.setattr(launch, "_LEAVING", 60 if answers else 0.01)
    opening = launch.Opening(session, None)
    if answers:
        threading.Timer(0.05, go_on.set).start()
    opening.leave()
    assert ended.is_set() == answers
    go_on.set()
    with pytest.raises(Locked):
        opening.result()
