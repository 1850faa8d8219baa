"""Dialogs that ask for a path or a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select, Static

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import say, show_name


class GotoDialog(Dialog[str]):
    """Any path, whether or not its folders can be listed."""

    ENTER_FINISHES = True

    def __init__(self, start: str) -> None:
        super().__init__("Go to a path", "Go")
        self._start = start

    def body(self) -> Iterable[Widget]:
        yield Label("Path", classes="label", markup=False)
        yield Input(id="path", placeholder=self._start or "app/db/password")

    def is_dirty(self) -> bool:
        return False

    def result(self) -> str:
        path = paths.check_folder(self.query_one("#path", Input).value)
        if not path:
            raise InvalidInput("Type a path.", hint="For example app/db/password.")
        return path


@dataclass(frozen=True, slots=True)
class Target:
    """A path, in a profile by name; "" for the one that is open. there: the server is to do it."""

    path: str
    profile: str = ""
    there: bool = False


class TargetDialog(Dialog[Target]):
    """Where to move or copy: the new path of one secret, or the folder that several go into. `profiles` are the names
    of others it may go to. there: whether the server could do it."""

    def __init__(
        self,
        title: str,
        main: str,
        source: str,
        count: int,
        *,
        folder: bool = False,
        here: str = "",
        profiles: Sequence[str] = (),
        there: bool = False,
    ) -> None:
        super().__init__(title, main)
        self._there = there
        self._source, self._count, self._folder = source, count, folder
        self._here, self._profiles = here, profiles

    def body(self) -> Iterable[Widget]:
        count = f"{self._count} secret{'s' * (self._count != 1)}"
        if self._folder:
            yield Static(say("The folder [b]$path[/b], $count", path=self._source, count=count))
        elif self._source:
            yield Static(say("From [b]$path[/b]", path=self._source))
        else:
            yield Static(say("$count, into the folder (empty: the top)", count=count))
        yield Label("Path", classes="label", markup=False)
        yield Input(self._source, id="path", select_on_focus=False)
        if self._profiles:
            yield Label("Profile", classes="label", markup=False)
            rows = [(show_name(f"{self._here} (this one)"), "")]
            rows += [(show_name(name), name) for name in self._profiles]
            yield Select(rows, value="", allow_blank=False, id="profile", compact=True)
        if self._there:
            yield Checkbox(Content("On the server: the newest values alone"), id="target-there", compact=True)

    def is_dirty(self) -> bool:
        return self.query_one("#path", Input).value != self._source

    def result(self) -> Target:
        chosen = self.query_one("#profile", Select).value if self._profiles else ""
        profile = chosen if isinstance(chosen, str) else ""
        there = any(box.value for box in self.query("#target-there").results(Checkbox))
        if there and profile:
            raise InvalidInput("A server copies only within itself.", hint="Choose this profile, or untick it.")
        return Target(self._path(elsewhere=bool(profile)), profile, there)

    def _path(self, *, elsewhere: bool) -> str:
        typed = self.query_one("#path", Input).value
        path = typed.removesuffix("/")
        if typed.endswith("/") and path and self._source:  # into that folder, under its name
            path = paths.join(path, paths.name(self._source))
        if path == self._source and path and not elsewhere:
            raise InvalidInput("That is where it is.", hint="Type another path.")
        if not path and not self._source:
            return ""
        return paths.check_new(path)


class NameDialog(Dialog[str]):
    """The name of a container."""

    def body(self) -> Iterable[Widget]:
        yield Label("Name", classes="label", markup=False)
        yield Input(id="name")

    def result(self) -> str:
        name = paths.check_new(self.query_one("#name", Input).value)
        if "/" in name:
            raise InvalidInput("A container is a top-level folder.", hint="Leave the slash out.")
        return name
