"""A list that grows while it is read from the store: what is there can be chosen, and leaving it ends the reading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.widget import Widget
from textual.widgets import Static

from kvtui.domain.errors import AuthenticationRequired
from kvtui.services.left_out import LeftOut
from kvtui.services.session import Session
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show
from kvtui.ui.widgets.row_list import QueryInput, Row, RowList

if TYPE_CHECKING:
    from kvtui.ui.app import KvtuiApp


class SurveyDialog(ListDialog):
    """Subclasses read in `look`, say how far it is in `told`, and call `show_rows` for each query."""

    BESIDE: ClassVar[int] = 10
    DEFAULT_CSS = """
    SurveyDialog #told { height: 1; text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; }
    """

    def __init__(self, session: Session, title: str, *, placeholder: str, main: str, empty: str) -> None:
        super().__init__(title, placeholder=placeholder, main=main, empty=empty)
        self.add_class("-wide")
        self.session = session
        self.left_out = LeftOut()
        self.is_reading = True
        self.failed = False
        self.query_text = ""
        self._is_shown = False
        self._finishes = False
        self._is_due = False

    def body(self) -> Iterable[Widget]:
        yield self.query_input()
        yield Static(id="told", markup=False)
        yield RowList(id="rows", empty="Reading…")

    def query_input(self) -> QueryInput:
        return QueryInput(id="query", placeholder=self._placeholder)

    @abstractmethod
    async def look(self) -> None:
        """Read it, with `left_out` for what cannot be, calling `tell` and `update` as it comes."""

    @abstractmethod
    def told(self) -> str:
        """What is known so far."""

    def told_beside(self) -> str:
        """What else there is to say, which comes last: it is what a narrow screen has no room for."""
        return ""

    @abstractmethod
    def update(self) -> None:
        """Show what there is for the query by now."""

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.read)  # once it is seen: threads that read would hold that up

    async def on_unmount(self) -> None:
        self.query_text = ""

    @work(exclusive=True, group="survey", description="read all of it")
    async def read(self) -> None:
        app = cast("KvtuiApp", self.app)
        self.is_reading, self.failed = True, False
        self.tell()
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - what nobody foresaw must not pass for the end of it either
            self.failed = True
            app.tell(self, error)
            if isinstance(error, AuthenticationRequired) and self.session.profile.factory.signs_in:
                app.sign_in_again(error)
        finally:
            self.is_reading = False
        self.tell()
        self.update()

    def tell(self) -> None:
        said = self.told()
        if self.left_out:
            said += f" · {len(self.left_out):,} not listed: {self.left_out.counts}"
        self.query_one("#told", Static).update(show(said + self.told_beside()), layout=False)

    def narrow(self, query: str) -> None:
        if query != self.query_text:
            self.query_text, self._is_shown, self._finishes = query, False, False
        self._is_due = True
        self.call_after_refresh(self.settle)  # the letter that was typed is seen first

    def settle(self) -> None:
        """Show what there is for what was typed."""
        if self._is_due and self.is_attached:
            self._is_due = False
            self.update()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """For the query as it is now. Its first rows have the cursor on the best; later the cursor stays on its row."""
        self.rows.empty = "Nothing so far…" if self.is_reading or self.failed else self._empty
        super().show_rows(rows)
        if not self._is_shown:
            self._is_shown = True
            self.rows.move_to_top()
        if self._finishes and self._is_answered:
            self._finishes = False
            super().finish()

    def finish(self) -> None:
        """What was typed is looked for first, until there is something of it or nothing left to read."""
        if self._is_shown and self._is_answered:
            super().finish()
        else:
            self._finishes = True

    @property
    def _is_answered(self) -> bool:
        return self.rows.key is not None or not self.is_reading
