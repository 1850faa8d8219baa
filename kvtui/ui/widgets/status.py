"""The status line: profile, backend, read-only or not, lock time left, what is staged, what is going on."""

from __future__ import annotations

from datetime import timedelta

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from kvtui.ui.show import show, show_name

MOST_LINES = 3
"""Of a message too long to stand beside the facts."""


SOON = timedelta(minutes=2)


def left_of(time: timedelta) -> str:
    """A time to come, in its largest unit."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds else "expired"


class StatusLine(Static):
    """Always tells where one is. `message` is the last thing that happened: at the left, or above where it is long."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StatusLine { height: auto; max-height: 4; background: $panel; color: $foreground; padding: 0 1; }
    """

    profile: reactive[str] = reactive("")
    backend: reactive[str] = reactive("")
    read_only: reactive[bool] = reactive(False)
    staged: reactive[int] = reactive(0)
    marked: reactive[int] = reactive(0)
    lock_left: reactive[int | None] = reactive(None)
    """Whole minutes, or seconds below one minute, as a negative number; None for never."""
    checking: reactive[str] = reactive("")
    """How far the check of a large vault is, while it runs."""
    token_left: reactive[timedelta | None] = reactive(None)
    """How long the server still takes us for somebody; None for ever."""
    trouble: reactive[str] = reactive("")
    """What keeps the server from answering."""
    not_listed: reactive[str] = reactive("")
    """How many folders the last look at all of them left out."""
    busy: reactive[str] = reactive("")
    message: reactive[str] = reactive("", layout=True)
    failed: reactive[bool] = reactive(False)

    def render(self) -> Content:
        facts = [Content.assemble(show_name(self.profile).stylize("bold"), " ", (self.backend, "$foreground-muted"))]
        if self.read_only:
            facts.append(Content.styled("Read-only", "$text-warning"))
        if self.staged:
            facts.append(Content.styled(f"Staged {self.staged}", "$text-accent"))
        if self.marked:
            facts.append(Content(f"Marked {self.marked}"))
        if self.lock_left is not None:
            left = f"{-self.lock_left}s" if self.lock_left < 0 else f"{self.lock_left}min"
            facts.append(Content.styled(f"lock {left}", "$foreground-muted"))
        if self.trouble:
            facts.append(show_name(self.trouble).stylize("$text-error"))
        if self.token_left is not None:
            style = "$text-warning" if self.token_left < SOON else "$foreground-muted"
            facts.append(Content.styled(f"token {left_of(self.token_left)}", style))
        if self.not_listed:
            facts.append(Content.styled(f"not listed: {self.not_listed}", "$text-warning"))
        if self.checking:
            facts.append(Content.styled(f"checking {self.checking}", "$foreground-muted"))
        if self.busy:
            facts.append(Content.styled(f"… {self.busy} (esc cancels)", "$text-accent"))
        right = Content("  ").join(facts)
        width = max(1, self.app.size.width - 2)  # as wide as the screen; also while its height is asked for
        said = show(self.message).stylize("$text-error" if self.failed else "$text-success")
        if said.cell_length + 2 <= width - right.cell_length or not self.message:
            return said + Content(" " * max(0, width - said.cell_length - right.cell_length)) + right
        lines = said.wrap(width)
        if len(lines) > MOST_LINES:
            lines = [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1].truncate(width - 1) + Content("…")]
        return Content("\n").join([*lines, Content(" " * max(0, width - right.cell_length)) + right])
