"""Edit what is known about a secret besides its values. It adds no version."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from types import MappingProxyType

from textual import on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Select, Static

from kvtui import text as texts
from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import (
    ALL_FIELDS,
    Metadata,
    MetadataField,
    MetadataPatch,
    SecretType,
    format_duration,
    parse_duration,
)
from kvtui.domain.retention import Retention
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.ui.dialogs.edit import split_tags
from kvtui.ui.dialogs.form import ChangeForm, Fits
from kvtui.ui.show import show_name
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.line_input import LineInput


class CustomRow(Horizontal):
    """One pair of custom metadata."""

    DEFAULT_CSS = """
    CustomRow {
        height: 1;
        & > Label { width: 13; color: $text-muted; }
        & > .custom-key { width: 1fr; margin-right: 1; }
        & > .custom-value { width: 2fr; }
        & > .custom-remove { min-width: 10; width: 10; height: 1; border: none; margin-left: 1; padding: 0; }
    }
    """

    def __init__(self, key: str = "", value: str = "") -> None:
        self.key, self.value = LineInput(key, classes="custom-key", placeholder="name"), LineInput(value)
        self.value.add_class("custom-value")
        self.value.placeholder = "value"
        super().__init__(
            Label(Content("Custom")), self.key, self.value, Button(Content("Remove"), classes="custom-remove")
        )


class MetadataDialog(ChangeForm):
    """Returns a META change of what differs. version: the current one, which the change is based on. draft: a change to
    go on with. settings: what is set for this secret, where its store has that. fits: whether its store could take the
    metadata, asked before it is returned. keeps: what of it can be written."""

    DEFAULT_CSS = """
    MetadataDialog #metadata-custom { height: auto; }
    MetadataDialog .not-kept { color: $text-muted; }
    """

    def __init__(
        self,
        path: str,
        metadata: Metadata,
        version: int,
        draft: Change | None = None,
        *,
        settings: Retention | None = None,
        fits: Fits | None = None,
        keeps: Collection[MetadataField] = ALL_FIELDS,
    ) -> None:
        super().__init__("Edit metadata", "Review", wide=True)
        self._keeps = keeps
        self._settings, self.fits = settings, fits
        self._set = settings.changed(draft.retention) if settings and draft and draft.retention else settings
        """The settings the form starts with."""
        self._path, self._metadata, self._version = path, metadata, version
        self._start = draft.metadata.apply(metadata) if draft is not None else metadata
        """What the form starts with."""

    def body(self) -> Iterable[Widget]:
        metadata = self._start
        kinds = [(Content(kind.value), kind) for kind in SecretType]
        interval = format_duration(metadata.rotation) if metadata.rotation else ""
        yield FormRow("Path", Static(show_name(self._path), markup=False))
        types = Select(kinds, value=metadata.type, allow_blank=False, compact=True, id="metadata-type")
        yield self._row(MetadataField.TYPE, types)
        yield self._row(MetadataField.DESCRIPTION, LineInput(metadata.description, id="metadata-description"))
        tags = LineInput(", ".join(metadata.tags), id="metadata-tags", placeholder="separated by commas")
        yield self._row(MetadataField.TAGS, tags)
        yield self._row(MetadataField.OWNER, LineInput(metadata.owner or "", id="metadata-owner"))
        rotation = LineInput(interval, id="metadata-rotation", placeholder="such as 90d; empty: never")
        yield self._row(MetadataField.ROTATION, rotation)
        if self._set is not None:
            yield from self._setting_rows(self._set)
        custom = metadata.custom if MetadataField.CUSTOM in self._keeps else {}
        yield Vertical(*(CustomRow(key, value) for key, value in custom.items()), id="metadata-custom")

    def _row(self, field: MetadataField, box: Widget) -> FormRow:
        if field not in self._keeps:
            box = Static(Content(f"This store keeps no {field.value}."), classes="not-kept")
        return FormRow(field.value.capitalize(), box)

    def _setting_rows(self, settings: Retention) -> Iterable[Widget]:
        most = str(settings.max_versions) if settings.max_versions else ""
        after = format_duration(settings.delete_after) if settings.delete_after else ""
        answers = [(Content("no"), False), (Content("yes"), True)]
        required = Select(answers, value=bool(settings.cas_required), allow_blank=False, compact=True)
        required.id = "metadata-cas"
        yield FormRow("Max versions", LineInput(most, id="metadata-most", placeholder="empty: as the store has it"))
        yield FormRow("CAS required", required)
        yield FormRow("Delete after", LineInput(after, id="metadata-after", placeholder="such as 30d; empty: never"))

    def more_buttons(self) -> Iterable[Button]:
        if MetadataField.CUSTOM in self._keeps:
            yield Button(Content("+ Add custom"), id="metadata-add")

    def result(self) -> Change:
        patch, retention = MetadataPatch.replacing(self._typed(), self._metadata), self._retention()
        if not patch and not retention:
            raise InvalidInput("Nothing was changed.", hint="Change something, or press esc.")
        return Change(Op.META, self._path, metadata=patch, base_version=self._version, retention=retention)

    def refusal(self, change: Change) -> None:
        if self.fits is not None and change.metadata:
            all_of_it = MetadataPatch.replacing(change.metadata.apply(self._metadata))
            self.fits(self._path, {"value": SecretValue("")}, all_of_it)

    def _retention(self) -> Retention | None:
        """What differs of the settings; what was not touched is taken as it was."""
        if self._settings is None or self._set is None:
            return None
        most, after = self._line("most"), self._line("after")
        answer = self.query_one("#metadata-cas", Select).value
        required = answer if isinstance(answer, bool) and answer != bool(self._set.cas_required) else None
        typed = Retention(
            _count(most.value) if most.is_touched else self._set.max_versions,
            self._set.cas_required if required is None else required,
            (self._interval(after.value) or timedelta()) if after.is_touched else self._set.delete_after,
        )
        return Retention.replacing(typed, self._settings) or None

    def _typed(self) -> Metadata:
        """The metadata as the form has it; what was not touched is taken as it was, not read back from its text."""
        typed = {box.id: box.value for box in self.query(LineInput) if box.is_touched}
        metadata = self._start._replace(type=self._type(), custom=self._custom())
        if (text := typed.get("metadata-description")) is not None:
            metadata = metadata._replace(description=text)
        if (text := typed.get("metadata-tags")) is not None:
            metadata = metadata._replace(tags=split_tags(text))
        if (text := typed.get("metadata-owner")) is not None:
            metadata = metadata._replace(owner=text or None)
        if (text := typed.get("metadata-rotation")) is not None:
            metadata = metadata._replace(rotation=self._interval(text))
        return metadata

    def _type(self) -> SecretType:
        chosen = [select.value for select in self.query("#metadata-type").results(Select)]
        return next((kind for kind in chosen if isinstance(kind, SecretType)), self._start.type)

    def _line(self, name: str) -> LineInput:
        return self.query_one(f"#metadata-{name}", LineInput)

    def _interval(self, text: str) -> timedelta | None:
        return parse_duration(text.strip()) if text.strip() else None

    def _custom(self) -> MappingProxyType[str, str]:
        if MetadataField.CUSTOM not in self._keeps:
            return MappingProxyType({**self._start.custom})
        pairs: dict[str, str] = {}
        for row in self.query(CustomRow):
            key = row.key.value
            if not key:
                raise InvalidInput("A custom pair has no name.", hint="Name it, or remove it.")
            shown = texts.clip(texts.show_name(key), 40)
            if key in pairs:
                raise InvalidInput(f"Two custom pairs are named {shown}.", hint="Give one of them another name.")
            if key not in self._metadata.custom and any(map(unsafe, key)):
                raise InvalidInput(
                    f"A new name may not hold control, bidirectional or invisible characters: {shown}.",
                    hint="Type the name again without them.",
                )
            pairs[key] = row.value.value
        return MappingProxyType(pairs)

    def draft(self) -> Change | None:
        """The form as it is, as far as it can be read; None when nothing was typed."""
        if not self.is_dirty():
            return None
        try:
            patch, retention = MetadataPatch.replacing(self._typed(), self._metadata), self._retention()
        except InvalidInput:
            patch, retention = MetadataPatch.replacing(self._start, self._metadata), None
        if not patch and not retention:
            return None
        return Change(Op.META, self._path, metadata=patch, base_version=self._version, retention=retention)

    def is_dirty(self) -> bool:
        if self._set is not None:
            if self._set != self._settings:
                return True
            if self.query_one("#metadata-cas", Select).value != bool(self._set.cas_required):
                return True
        if self._start != self._metadata or any(box.is_touched for box in self.query(LineInput)):
            return True
        if self._type() != self._metadata.type:
            return True
        return MetadataField.CUSTOM in self._keeps and len(self.query(CustomRow)) != len(self._metadata.custom)

    def show_values(self, shown: bool) -> None:
        """Metadata is never masked."""

    @on(Button.Pressed, "#metadata-add")
    async def _add_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.action_dialog_add_field()

    async def action_dialog_add_field(self) -> None:
        if MetadataField.CUSTOM not in self._keeps:
            self.show_error("This store keeps no custom metadata.")
            return
        row = CustomRow()
        await self.query_one("#metadata-custom", Vertical).mount(row)
        row.key.focus()

    @on(Button.Pressed, ".custom-remove")
    async def _remove_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.query_one("#metadata-add").focus()
        if isinstance(event.button.parent, CustomRow):
            await event.button.parent.remove()


def _count(text: str) -> int:
    """How many versions, 0 for as many as the store has it. Raises InvalidInput."""
    text = text.strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput("That is no number of versions.", hint="Write it as 10, or leave it empty.")
    return int(text)
