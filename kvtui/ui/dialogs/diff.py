"""What differs between two versions or two secrets, to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from kvtui.services.diff import FieldDiff, MetadataDiff
from kvtui.ui.dialogs.form import REVEAL_SECONDS, DiffDialogBase
from kvtui.ui.show import show_name


class DiffDialog(DiffDialogBase[None]):
    """title: which two, data. disclose: called on a thread before values are shown, see FormDialog."""

    def __init__(
        self,
        title: str,
        fields: Sequence[FieldDiff],
        metadata: Sequence[MetadataDiff],
        disclose: Callable[[], None],
        *,
        reveal_seconds: float = REVEAL_SECONDS,
    ) -> None:
        super().__init__("Diff", "", fields, metadata, cancel="Close", reveal_seconds=reveal_seconds, disclose=disclose)
        self._sides = title

    def body(self) -> Iterable[Widget]:
        yield Static(show_name(self._sides), id="diff-sides", markup=False)
        yield self.diff
