"""The app underneath every screen: nothing a stored text holds can command the terminal or the program, nothing leaks,
and no error is lost.

Overrides hooks of Textual 8.2 that are not stable API, which is why the minor version is pinned and `tests/ui/safety`
covers each: line filters, `_broker_event`, `_handle_exception`, `_fatal_error`, `copy_to_clipboard`, screenshots.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from rich.cells import cached_cell_len
from rich.console import RenderableType
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.app import App, ReturnType, SystemCommand
from textual.await_complete import AwaitComplete
from textual.color import Color
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import WorkerFailed, get_current_worker

from kvtui.domain.errors import KvtuiError, told
from kvtui.hardening import describe, install_excepthooks, loop_exception_handler
from kvtui.text import sanitize


class SinkFilter(LineFilter):
    """The last net: drops control, format and line-separator characters and links from every drawn segment."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [_clean(segment) for segment in segments]


def _clean(segment: Segment) -> Segment:
    text, style, control = segment
    safe = sanitize(text)
    if style is not None and style.link:
        style = style.update_link(None)
    elif safe == text:
        return segment
    return Segment(safe, style, control)


@runtime_checkable
class Tells(Protocol):
    """Who starts workers and goes on where one of them fails."""

    def went_wrong(self, error: KvtuiError) -> None:
        """Say so to the user."""


class SafeApp(App[ReturnType]):
    """An App that shows nothing raw, runs no action out of text, and says nothing of values when it crashes."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__(watch_css=False)
        self._sink = SinkFilter()
        self.stray_errors = io.StringIO()
        """Errors nobody waited for (threads, finalisers, the event loop), described; shown when the screen is left."""

    def on_mount(self) -> None:
        if not self.is_headless:
            install_excepthooks(self.stray_errors)
            asyncio.get_running_loop().set_exception_handler(loop_exception_handler(self.stray_errors))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._sink]

    async def _broker_event(self, event_name: str, event: events.Event, default_namespace: DOMNode) -> bool:  # noqa: ARG002
        """Style metadata never runs an action: we use none, so whatever asks for one came from data."""
        return False

    def _handle_exception(self, error: Exception) -> None:
        """What a worker raises is told by who started it, where that can tell it. Anything else ends the program."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            node = get_current_worker().node
            if isinstance(node, Tells):
                self.tell(node, error.error)
                return
        super()._handle_exception(error)

    def tell(self, teller: DOMNode, error: Exception) -> None:
        """Have an error told, one that nobody foresaw without its message; of that, kind and place are kept besides."""
        is_leaving = teller is not self and (not teller.is_attached or teller.screen not in self.screen_stack)
        if is_leaving and isinstance(error, NoMatches):
            return  # what was read came back to widgets that are gone
        if not isinstance(error, KvtuiError):
            self.stray_errors.write(f"{describe(error)}\n")
        if isinstance(teller, Tells) and not is_leaving:
            teller.went_wrong(told(error))

    def _fatal_error(self) -> None:
        """Leave with the exception's type and our own frames; no message and no locals, either may hold a value."""
        error = sys.exc_info()[1]
        self._return_code = 1
        if not self._exit_renderables:  # what fails after the first error is a consequence of it
            self._exit_renderables.append(Text(describe(error) if error else "kvtui: internal error"))
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:  # noqa: ARG002
        """Leave as after any error: a traceback, or the picture an exception brings with it, may hold a value."""
        self._fatal_error()

    def forget_drawn(self) -> None:
        """Drop the texts that are remembered from measuring them."""
        cached_cell_len.cache_clear()

    def pop_screen(self) -> AwaitComplete:
        """What was typed there is forgotten: timers, watchers and contexts keep a screen for a while that is gone."""
        for box in self.screen.query(Input):
            box.set_reactive(Input.value, "")
            box.refresh()  # what was drawn of it is remembered, too
        return super().pop_screen()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """None of Textual's own: the palette is made from our table of actions, and has no screenshot."""
        return ()

    def copy_to_clipboard(self, text: str) -> None:  # noqa: ARG002
        """Refused: whatever a widget wants to copy goes through the timed clipboard, by an action of its own."""
        self.bell()

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:  # noqa: ARG002
        """Refused: a picture of the screen could show a value."""
        self.bell()

    def deliver_screenshot(
        self,
        filename: str | None = None,  # noqa: ARG002
        path: str | None = None,  # noqa: ARG002
        time_format: str | None = None,  # noqa: ARG002
    ) -> str | None:
        self.bell()
        return None

    def save_screenshot(
        self,
        filename: str | None = None,  # noqa: ARG002
        path: str | None = None,  # noqa: ARG002
        time_format: str | None = None,  # noqa: ARG002
    ) -> str:
        raise PermissionError("kvtui writes no screenshots")
