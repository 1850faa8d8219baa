"""The themes there are; the screen changes as the cursor moves."""

from __future__ import annotations

from textual import on
from textual.content import Content

from kvtui.locations import themes_dir
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show, show_name
from kvtui.ui.themes import load_themes
from kvtui.ui.widgets.row_list import Row, RowList


class ThemeDialog(ListDialog):
    """Previews while choosing; who opens it goes back to what was when nothing is chosen."""

    def __init__(self) -> None:
        super().__init__("Theme", main="Use")
        self._before = ""
        self._names: list[str] = []

    def on_mount(self) -> None:
        self._before = self.app.theme
        loaded = load_themes(themes_dir())
        for theme in loaded.themes:
            self.app.register_theme(theme)
        self._names = [theme.name for theme in loaded.themes]
        super().on_mount()
        self.rows.select(self._before)
        for problem in loaded.problems:
            self.app.notify(show(problem).plain, severity="warning", markup=False)

    def narrow(self, query: str) -> None:
        names = [name for name in self._names if query.casefold() in name.casefold()]
        now, other = Content.styled("  now", "$foreground-muted"), Content("")
        self.show_rows([Row(name, [show_name(name) + (now if name == self._before else other)]) for name in names])

    @on(RowList.CursorMoved)
    def _preview(self, event: RowList.CursorMoved) -> None:
        event.stop()
        self.app.theme = event.key

    def result(self) -> str:
        self.app.theme = super().result()
        return self.app.theme
