"""Bindings out of the table of actions. The user's keys come in through Textual's keymap, by action id."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from textual.binding import Binding, BindingType
from textual.screen import Screen

from kvtui.actions import ACTIONS, Keymap, Scope


def bindings(*scopes: Scope, only: Collection[str] = ()) -> list[BindingType]:
    """The default bindings of these scopes, or of some ids in them, for a BINDINGS attribute. Each calls
    `action_SCOPE_VERB`."""
    return [
        Binding(
            ",".join(action.keys),
            action.method,
            action.title,
            show=action.bar,
            id=action.id,
            tooltip=action.help,
        )
        for action in ACTIONS
        if action.scope in scopes and action.keys and (not only or action.id in only)
    ]


def overrides(keymap: Keymap) -> dict[str, str]:
    """What `App.set_keymap` takes."""
    return {name: ",".join(keys) for name, keys in keymap.overrides.items()}


def active_key(screen: Screen[Any], action_id: str) -> str:
    """The key of an action as it is bound on a screen now; empty where it is not."""
    return next((key for key, active in screen.active_bindings.items() if active.binding.id == action_id), "")
