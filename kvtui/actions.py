"""The one table of what a person can do: bindings, help, palette, README, `kvtui keys`, the user's keymap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput


class Scope(StrEnum):
    """Where an action's keys work."""

    APP = "everywhere"
    MAIN = "tree and detail"
    DIALOG = "dialogs and forms"


class Action(NamedTuple):
    """`id` is `scope.verb`: binding id, keymap key and palette id. `keys` are Textual key names, the first one shown.

    `needs`: what the store must be able to do, else the action is greyed with the store's reason.
    `reads`: it takes values out, so the store must give them too. `anywhere`: the place under the cursor has no say.
    `danger`: cannot be undone with one key. `bar`: shown in the footer.
    """

    id: str
    keys: tuple[str, ...]
    title: str
    help: str
    scope: Scope = Scope.MAIN
    needs: Capability | None = None
    reads: bool = False
    anywhere: bool = False
    danger: bool = False
    bar: bool = False
    palette: bool = True

    @property
    def method(self) -> str:
        """The Textual action name: `secret.edit` is `secret_edit`."""
        return self.id.replace(".", "_")


C = Capability
ACTIONS: tuple[Action, ...] = (
    Action("nav.down", ("j", "down"), "Down", "Next row", palette=False),
    Action("nav.up", ("k", "up"), "Up", "Previous row", palette=False),
    Action("nav.left", ("h", "left"), "Fold", "Fold this folder, or go to the one it is in", palette=False),
    Action("nav.right", ("l", "right"), "Unfold", "Unfold this folder, or go into it", palette=False),
    Action("nav.top", ("g", "home"), "Top", "First row", palette=False),
    Action("nav.bottom", ("G", "end"), "Bottom", "Last row", palette=False),
    Action("nav.half_down", ("ctrl+d",), "Half page down", "Half a page down", palette=False),
    Action("nav.half_up", ("ctrl+u",), "Half page up", "Half a page up", palette=False),
    Action("nav.page_down", ("pagedown",), "Page down", "A page down", palette=False),
    Action("nav.page_up", ("pageup",), "Page up", "A page up", palette=False),
    Action("nav.open", ("enter",), "Open", "Open this folder or secret", palette=False),
    Action("nav.back", ("escape",), "Back", "Leave, cancel what runs, hide what is revealed", palette=False),
    Action("pane.next", ("tab",), "Next pane", "Go to the next pane", palette=False),
    Action("pane.previous", ("shift+tab",), "Previous pane", "Go to the previous pane", palette=False),
    Action("pane.fields", ("1",), "Fields", "Show the fields"),
    Action("pane.metadata", ("2",), "Metadata", "Show the metadata"),
    Action("pane.versions", ("3",), "Versions", "Show the versions"),
    Action("pane.activity", ("4",), "Activity", "Show what was done with it"),
    Action("tree.filter", ("/",), "Filter", "Filter this tree", needs=C.LIST, anywhere=True, bar=True),
    Action("find.everywhere", ("ctrl+f",), "Find", "Find everywhere: all paths, descriptions and tags", bar=True),
    Action("app.palette", (":", "ctrl+p"), "Palette", "Any action by name", Scope.APP, palette=False),
    Action("app.help", ("?",), "Help", "Help for where I am", Scope.APP, bar=True),
    Action("secret.reveal", ("r",), "Reveal", "Show or hide this field", needs=C.READ, bar=True),
    Action("secret.reveal_all", ("R",), "Reveal all", "Show or hide all fields", needs=C.READ),
    Action("secret.copy", ("y",), "Copy", "Copy this value; the clipboard is cleared in time", needs=C.READ, bar=True),
    Action("secret.copy_as", ("Y",), "Copy as…", "Copy as path, reference, JSON, YAML, dotenv or command"),
    Action("secret.new", ("n",), "New", "New secret here", needs=C.WRITE, bar=True),
    Action("secret.edit", ("e",), "Edit", "Edit the fields", needs=C.WRITE, bar=True),
    Action(
        "secret.edit_external",
        ("E",),
        "Edit in $EDITOR",
        "Edit this field in your editor",
        needs=C.WRITE,
        reads=True,
    ),
    Action(
        "secret.edit_metadata", ("i",), "Edit metadata", "Edit type, description, tags, owner", needs=C.EDIT_METADATA
    ),
    Action("secret.rotate", ("o",), "Rotate", "New value: generate, write, copy", needs=C.WRITE, bar=True),
    Action("secret.versions", ("v",), "Versions", "Go to the versions", needs=C.VERSIONS),
    Action("secret.diff", ("=",), "Diff", "Compare versions, or two marked secrets", needs=C.READ),
    Action("secret.rollback", ("b",), "Roll back", "Write this version's values as a new version", needs=C.VERSIONS),
    Action("change.undo", ("u",), "Undo", "Undo my last change"),
    Action("secret.delete", ("d",), "Delete", "Delete; it can be undeleted", needs=C.DELETE),
    Action("secret.undelete", ("U",), "Undelete", "Restore what was deleted", needs=C.UNDELETE),
    Action("secret.destroy", ("D",), "Destroy", "Destroy for good; the path is typed", needs=C.DESTROY, danger=True),
    Action("trash.open", ("t",), "Trash", "Everything deleted and restorable", needs=C.TRASH),
    Action("health.open", ("H",), "Health", "What is overdue, ends soon, is weak or used twice"),
    Action("tree.mark", ("space",), "Mark", "Mark or unmark this secret", needs=C.LIST, anywhere=True),
    Action(
        "tree.mark_all",
        ("ctrl+a",),
        "Mark all shown",
        "Mark all shown secrets, or unmark them",
        needs=C.LIST,
        anywhere=True,
    ),
    Action("secret.move", ("m",), "Move or rename", "Move or rename this secret or folder", needs=C.WRITE, reads=True),
    Action("secret.copy_to", ("C",), "Copy to…", "Copy this secret or folder elsewhere", needs=C.WRITE, reads=True),
    Action("secret.share", ("w",), "Share once", "Make a token that reads this secret one time", needs=C.SHARE),
    Action(
        "share.unwrap",
        (),
        "Unwrap",
        "Look into a wrapping token, then read what it holds",
        needs=C.SHARE,
        anywhere=True,
    ),
    Action("lease.list", ("I",), "Leases", "Short-lived credentials: issue, renew, revoke", needs=C.LEASES),
    Action("change.staged", ("s",), "Staged changes", "Staged changes: review, apply, drop"),
    Action("bookmark.list", ("'",), "Bookmarks", "Go to a bookmark"),
    Action("bookmark.add", ("B",), "Bookmark this", "Bookmark this path, or drop its bookmark"),
    Action("tree.goto", ("J",), "Go to a path", "Go to a typed path"),
    Action("profile.switch", ("P",), "Profiles", "Switch to another profile", Scope.APP),
    Action("container.create", (), "Create container", "A top-level folder that may be empty", needs=C.CONTAINERS),
    Action("container.delete", (), "Delete container", "Delete an empty top-level folder", needs=C.CONTAINERS),
    Action("tree.forget", (), "Forget this path", "Drop what is remembered here of a store that cannot list"),
    Action("tree.forget_all", (), "Forget remembered paths", "Drop all paths remembered of this store"),
    Action("tree.fold_all", ("z",), "Fold all", "Fold all folders", needs=C.LIST, anywhere=True),
    Action("tree.unfold_all", ("Z",), "Unfold a level", "Unfold all folders in this one", needs=C.LIST),
    Action("tree.refresh", ("ctrl+r",), "Refresh", "Read again"),
    Action("app.lock", ("L",), "Lock", "Lock now", Scope.APP),
    Action("app.suspend", ("ctrl+z",), "Suspend", "Stop the program; fg brings it back, locked", Scope.APP),
    Action("app.theme", ("T",), "Theme", "Choose a theme", Scope.APP),
    Action("app.quit", ("q",), "Quit", "Quit", Scope.APP, bar=True),
    Action("dialog.apply", ("ctrl+s",), "Apply", "Do what the main button does", Scope.DIALOG, palette=False),
    Action("dialog.cancel", ("escape",), "Cancel", "Leave without doing anything", Scope.DIALOG, palette=False),
    Action(
        "dialog.scope",
        ("ctrl+t",),
        "All stores",
        "Find in all stores that open without asking, or in this one alone",
        Scope.DIALOG,
        palette=False,
    ),
    Action("dialog.generate", ("ctrl+g",), "Generate", "Generate a value for this field", Scope.DIALOG, palette=False),
    Action(
        "dialog.reveal", ("ctrl+r",), "Show values", "Show or hide the values of this form", Scope.DIALOG, palette=False
    ),
    Action("dialog.add_field", ("ctrl+n",), "Add field", "Add a field to this form", Scope.DIALOG, palette=False),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


class WrongKey(InvalidInput):
    """The user's key for `action` cannot work."""

    def __init__(self, message: str, action: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.action = action


class Keymap:
    """The keys of every action after the user's changes. Raises WrongKey where those cannot work."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self.overrides = {name: _keys(name, keys) for name, keys in (overrides or {}).items()}
        taken: dict[tuple[str, str], str] = {}
        for action in ACTIONS:
            for key in self.keys(action):
                for scope in _visible_from(action.scope):
                    other = taken.setdefault((scope, normal_key(key)), action.id)
                    if other != action.id:
                        raise WrongKey(
                            f"The key {key} would do both {other} and {action.id}.",
                            action.id if action.id in self.overrides else other,
                            hint="Give one of them another key in keymap.",
                        )

    def keys(self, action: Action) -> tuple[str, ...]:
        return self.overrides.get(action.id, action.keys)

    def shown(self, action: Action) -> str:
        """The keys as people read them: `ctrl+s`, `?`."""
        return " ".join(self.keys(action))

    def actions(self, *scopes: Scope) -> Iterator[Action]:
        return (action for action in ACTIONS if action.scope in scopes)


def _visible_from(scope: Scope) -> tuple[str, ...]:
    """The places where a key of this scope is heard; two actions may not share a key in one place."""
    return (Scope.MAIN.value,) if scope in {Scope.APP, Scope.MAIN} else (scope.value,)


def _keys(name: str, text: str) -> tuple[str, ...]:
    if name not in BY_ID:
        from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

        near = get_close_matches(name, BY_ID, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See kvtui keys."
        raise WrongKey(f"The keymap names an unknown action: {name}.", name, hint=hint)
    keys = (",",) if text == "," else tuple(key.strip() for key in text.split(",") if key.strip())
    for key in keys:
        _check_key(name, key)
    if not keys and BY_ID[name].id in {"app.quit", "app.palette"}:
        raise WrongKey(f"The action {name} needs a key.", name, hint="Leave it out of keymap to keep its default.")
    return keys


_NAMED = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace", "enter"}
    | {"tab", "escape", "space"}
    | {f"f{number}" for number in range(1, 25)}
)


def _check_key(name: str, key: str) -> None:
    *modifiers, last = key.split("+") if key != "+" else ["+"]
    known = last in _NAMED or (len(last) == 1 and last.isprintable())
    if not known or not set(modifiers) <= {"ctrl", "shift", "alt"}:
        raise WrongKey(
            f"The keymap gives {name} a key that does not exist: {key}.",
            name,
            hint="Use a character, a name such as f5 or pageup, with ctrl+, alt+ or shift+ before it.",
        )
    if modifiers == ["ctrl"] and last in {"c", "z"}:
        raise WrongKey(f"ctrl+{last} stays with the terminal.", name, hint=f"Choose another key for {name}.")


def normal_key(key: str) -> str:
    """One spelling for one key: `shift+a` is `A`, `ctrl+I` is `ctrl+i`; in a terminal `ctrl+i` is tab."""
    *modifiers, last = key.split("+") if key != "+" else ["+"]
    if modifiers == ["shift"] and len(last) == 1:
        return last.upper()
    if "ctrl" in modifiers:
        last = last.lower()
    same = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace"}
    text = "+".join([*sorted(modifiers), last])
    return same.get(text, text)
