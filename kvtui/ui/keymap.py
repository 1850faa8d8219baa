"""Bindings out of the table of actions. The user's keys come in through Textual's keymap, by action id."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from kvtui.actions import ACTIONS, Keymap, Scope


def bindings(*scopes: Scope) -> list[BindingType]:
    """The default bindings of these scopes, for a BINDINGS attribute. Each calls `action_SCOPE_VERB`."""
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
        if action.scope in scopes and action.keys
    ]


def overrides(keymap: Keymap) -> dict[str, str]:
    """What `App.set_keymap` takes."""
    return {name: ",".join(keys) for name, keys in keymap.overrides.items()}
