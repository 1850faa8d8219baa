"""The peer of the start-up benchmark: the smallest Textual app with a tree, a table and a text area."""

import sys

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import DataTable, Footer, Input, Static, TextArea, Tree


class Minimal(App[None]):
    def compose(self) -> ComposeResult:
        if "--bare" in sys.argv:
            yield Static("first-frame")
            yield Input()
            return
        with Horizontal():
            tree: Tree[None] = Tree("first-frame")
            tree.root.expand()
            for name in ("apps", "infra"):
                tree.root.add_leaf(name)
            yield tree
            table: DataTable[str] = DataTable()
            table.add_columns("name", "value")
            table.add_row("a", "b")
            yield table
            yield TextArea("text")
        yield Footer()


Minimal().run()
