"""The editor of one secret value, of one line or many: masked until shown, exact, and nothing can be copied out of it.

    held ──typing, pasting──> replaced (bullets) <──show, hide──> shown
      ^                                                             |
      └────────────────────── hide, not changed ────────────────────┘

A held value is not in the widget at all: no length, no line count to be seen. What the form could not give back exactly
(control or invisible characters, mixed line ends, something huge) stays held, and is replaced only by `replace_held`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, overload

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.document._document import Document, EditResult, Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._wrapped_document import WrappedDocument
from textual.message import Message
from textual.widgets import TextArea

from kvtui import text as texts
from kvtui.domain import codec, json_text
from kvtui.domain.value import SecretValue, ValueType
from kvtui.ui.keymap import active_key
from kvtui.ui.show import MASK

MAX_BYTES = 64 * 1024
MAX_LINES = 5_000
BULLET = "•"

CANNOT_HOLD = "This value holds characters a form cannot hold exactly; edit it with E ($EDITOR) or replace it."
_REFUSED_PASTE = "What you pasted is not taken: a form cannot hold it exactly. Use E ($EDITOR) or kvtui set."


def holds_exactly(text: str) -> bool:
    """Whether a form can show a text as it is and give it back the same. Its line ends have to be `\\n`."""
    if text.count("\n") >= MAX_LINES or len(text) > MAX_BYTES:
        return False
    if not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return False
    flat = text.replace("\t", " ")
    return texts.show(flat, lines=True) == flat


def form_text(value: SecretValue) -> str:
    """A value as people edit it: text itself, JSON on several lines, bytes as base64, null as nothing."""
    if value.type is ValueType.NULL:
        return ""
    if value.type not in {ValueType.LIST, ValueType.MAP}:
        return codec.to_text(value)
    tree = value.reveal()
    written = json_text.dump(tree, indent=2, ascii_only=False)
    return written if holds_exactly(written) else json_text.dump(tree, indent=2)


def split_line_ends(text: str) -> tuple[str, bool]:
    """A text with every line end `\\r\\n` as one with `\\n`, and True; any other as it is, and False."""
    pairs = text.count("\r\n")
    if pairs and pairs == text.count("\n") == text.count("\r"):
        return text.replace("\r\n", "\n"), True
    return text, False


class _Drawn(Document):
    """A document that is drawn, wrapped and walked through as bullets while it is concealed. `text` is the true one."""

    def __init__(self, text: str, concealed: bool) -> None:
        super().__init__(text)
        self.concealed = concealed

    @property
    def lines(self) -> list[str]:
        return [BULLET * len(line) for line in self._lines] if self.concealed else self._lines

    @overload
    def __getitem__(self, line_index: int) -> str: ...
    @overload
    def __getitem__(self, line_index: slice) -> list[str]: ...
    def __getitem__(self, line_index: int | slice) -> str | list[str]:
        if isinstance(line_index, slice):
            return self.lines[line_index]
        line = self._lines[line_index]
        return BULLET * len(line) if self.concealed else line


class ValueArea(TextArea):
    """Edits the text form of a value. Enter goes on while there is one line; ctrl+j always starts a new one."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+j", "new_line", "New line", show=False)]
    DEFAULT_CSS = """
    ValueArea {
        height: auto; min-height: 1; max-height: 10; border: none; padding: 0 1; background: $panel;
        scrollbar-size-vertical: 1;
        &:focus { border: none; background: $primary 15%; }
        & .text-area--placeholder { color: $text-muted; }
    }
    """

    @dataclass
    class Submitted(Message):
        """Enter on a value of one line."""

        area: ValueArea

        @property
        def control(self) -> ValueArea:
            return self.area

    def __init__(self, value: SecretValue | None = None, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._concealed = True
        self._original = value
        self._held = value is not None
        self._crlf = False
        self.is_exact = True
        """Whether the original can be edited here at all."""
        if value is not None:
            text, self._crlf = split_line_ends(form_text(value))
            self.is_exact = holds_exactly(text)
        super().__init__(
            id=id, classes=classes, read_only=not self.is_exact, highlight_cursor_line=False, tab_behavior="focus"
        )

    def on_mount(self) -> None:
        self._describe()

    def on_unmount(self) -> None:
        """Nothing of the value stays behind in a widget that may be kept."""
        self._original, self._held = None, False
        self.history.clear()
        self._line_cache.clear()
        self.document = _Drawn("", concealed=True)
        self.wrapped_document = WrappedDocument(self.document)
        self.navigator = DocumentNavigator(self.wrapped_document)

    # -- what it holds

    @property
    def original(self) -> SecretValue | None:
        return self._original

    @property
    def is_held(self) -> bool:
        """Whether the original stands, unseen."""
        return self._held

    @property
    def is_shown(self) -> bool:
        return not self._concealed

    @property
    def has_crlf(self) -> bool:
        """Whether line ends are saved as `\\r\\n`, as all of the original's were."""
        return self._crlf

    @property
    def is_touched(self) -> bool:
        """Whether what is held now differs from the original, or is anything at all where there is none."""
        if self._original is None:
            return bool(self.text)
        return not self._held and self.form_text() != form_text(self._original)

    def form_text(self) -> str:
        """The text to save, whether shown or not."""
        if self._held:
            return form_text(self._original) if self._original is not None else ""
        return self.text.replace("\n", "\r\n") if self._crlf else self.text

    def put(self, text: str) -> None:
        """Take a text in place of what is there, as typing it would; ctrl+z brings that back."""
        self.read_only = False
        if self._held:
            self._let_go()
        self.history.checkpoint()
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
        self._describe()

    def replace_held(self) -> None:
        """Start anew in place of a value that cannot be edited here."""
        self.read_only = False
        self._let_go()
        self._describe()

    def restore_original(self) -> None:
        """Back to the value there was."""
        self.read_only = not self.is_exact
        if self._original is not None:
            self._crlf = self.is_exact and split_line_ends(form_text(self._original))[1]
            self._hold()

    # -- showing and hiding

    def set_shown(self, shown: bool) -> None:
        """Show the text, or bullets in its place."""
        if shown is self.is_shown:
            return
        self._concealed = not shown
        if shown and self._held:
            self._load()
        elif not shown and self._original is not None and not self.is_touched:
            self._hold()
        else:
            self._draw_again()
        self._describe()

    def _load(self) -> None:
        """Put the held value into the widget; of one that cannot be edited, what can be shown of it."""
        if self._original is None:
            return
        text, _ = split_line_ends(form_text(self._original))
        if self.is_exact:
            self._held = False
            self.load_text(text)
        else:
            self.load_text(texts.show(text[:MAX_BYTES], lines=True))

    def _hold(self) -> None:
        """Take the value out of the widget, with its history."""
        self._held = True
        if self.is_shown:
            self._load()
        else:
            self.load_text("")
        self._describe()

    def _let_go(self) -> None:
        """Start empty; line ends of the value there was do not carry over to what replaces it."""
        self._held = self._crlf = False
        self.load_text("")

    def _draw_again(self) -> None:
        if isinstance(self.document, _Drawn):
            self.document.concealed = self._concealed
        self._rewrap_and_refresh_virtual_size()
        self._recompute_cursor_offset()  # type: ignore[no-untyped-call]
        self.refresh(layout=True)

    def on_resize(self) -> None:
        self._describe()

    def _describe(self) -> None:
        """What an empty area says, as far as there is room for it."""
        if not self.is_attached:
            return
        reveal, generate = active_key(self.screen, "dialog.reveal"), active_key(self.screen, "dialog.generate")
        if not self._held:
            hints = ["empty", f"{generate} generates", "ctrl+j starts a new line"]
        elif self.is_exact:
            hints = [f"{MASK}  type to replace", f"{reveal} shows it"]
        else:
            hints = [MASK]
        while len(hints) > 1 and len(", ".join(hints)) > self.content_size.width:
            hints.pop()
        self.placeholder = Content.styled(", ".join(hints), "$text-muted")

    # -- hooks of TextArea

    def _set_document(self, text: str, language: str | None) -> None:  # noqa: ARG002 - values are never coloured
        self.document = _Drawn(text, self._concealed)
        self.wrapped_document = WrappedDocument(self.document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _replace_via_keyboard(self, insert: str, start: Location, end: Location) -> EditResult | None:
        if self._held:
            if self.read_only or not insert:
                self.app.bell()
                return None
            self._let_go()
            self._describe()
            start = end = (0, 0)
        return super()._replace_via_keyboard(insert, start, end)

    def _delete_via_keyboard(self, start: Location, end: Location) -> EditResult | None:
        return None if self._held else super()._delete_via_keyboard(start, end)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self.document.line_count == 1:
            event.stop()
            event.prevent_default()
            self.post_message(self.Submitted(self))
        elif self.read_only and event.is_printable:
            event.stop()
            event.prevent_default()
            self.app.bell()

    async def _on_paste(self, event: events.Paste) -> None:
        """Take all of it or nothing. Terminals send line ends as `\\r`: they are no part of what was copied."""
        event.stop()
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        kept = "" if self._held else self.text
        if self.read_only:
            self.app.bell()
        elif not holds_exactly(text) or len(kept) + len(text) > MAX_BYTES:
            self.app.bell()
            self.app.notify(_REFUSED_PASTE, severity="warning", markup=False)
        elif result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def action_new_line(self) -> None:
        if self._held:
            self.app.bell()
        else:
            self._replace_via_keyboard("\n", *self.selection)

    def action_copy(self) -> None:
        self.app.bell()

    def action_cut(self) -> None:
        self.app.bell()

    def undo(self) -> None:
        super().undo()
        if self._original is not None and not self._held and not self.text and not self.history.undo_stack:
            self.restore_original()
