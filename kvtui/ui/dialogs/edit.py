"""New secret and edit: the fields of one secret, typed; what is not edited stays the very same value."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from types import MappingProxyType

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Select, Static

from kvtui import text as texts
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.characters import unsafe
from kvtui.domain.errors import AlreadyExists, InvalidInput, KvtuiError
from kvtui.domain.metadata import (
    Metadata,
    MetadataField,
    MetadataPatch,
    SecretType,
    check_tags,
    format_duration,
    parse_duration,
)
from kvtui.domain.secret import Secret
from kvtui.domain.value import Fields, SecretValue, ValueType, like_fields, same_fields
from kvtui.services.changes import Change, Op
from kvtui.ui.dialogs.form import REVEAL_SECONDS, ChangeForm, Fits
from kvtui.ui.show import show_name
from kvtui.ui.widgets.field_form import FieldRow, FormRow
from kvtui.ui.widgets.line_input import LineInput
from kvtui.ui.widgets.value_area import ValueArea

DEFAULT_FIELD = "value"
_JSON_KINDS = (ValueType.NUMBER, ValueType.BOOLEAN, ValueType.NULL, ValueType.LIST, ValueType.MAP)
_NOTHING: Fields = MappingProxyType({})


class EditDialog(ChangeForm):
    """Returns a SET change based on `secret`, or on "must not exist" for a new one.

    fits: whether its store could take it, asked before it is returned. caveats: by field, what to know of its value.
    path: what a new secret's path starts with. draft: a change to go on with, as `draft()` or a conflict gave it.
    existing: paths that are taken. field: the one whose value somebody came to change.
    """

    DEFAULT_CSS = """
    EditDialog #edit-fields { height: auto; }
    EditDialog .-only .field-remove { display: none; }
    """

    def __init__(
        self,
        info: BackendInfo,
        *,
        secret: Secret | None = None,
        path: str = "",
        draft: Change | None = None,
        existing: Container[str] = (),
        field: str | None = None,
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
        fits: Fits | None = None,
        caveats: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        title = "New secret" if secret is None else "Edit"
        super().__init__(title, "Review", wide=True, reveal_seconds=reveal_seconds, disclose=disclose)
        self._can = info.capabilities
        with_value = Capability.METADATA_WITH_VALUE in self._can and Capability.EDIT_METADATA not in self._can
        describes = with_value or (secret is None and Capability.EDIT_METADATA in self._can)
        self._keeps = info.metadata_fields if describes else frozenset()
        """What of the metadata this form has: all that is kept where it is new, or goes with each value."""
        self._with_value = with_value
        self._same = same_fields if info.keeps_order else like_fields
        self.fits, self._caveats = fits, caveats
        self._at_fault = ""
        """The field that the store would not take."""
        self._secret, self._draft, self._existing = secret, draft, existing
        self._field = field
        self._path = draft.path if draft is not None else path
        self.is_settling = secret is not None  # until the focus is on the value, see _focus_value
        self._before: Fields = secret.fields if secret is not None else _NOTHING

    # -- layout

    def on_unmount(self) -> None:
        self._secret = self._draft = None
        self._before = _NOTHING

    def body(self) -> Iterable[Widget]:
        if self._secret is None:
            yield FormRow(
                "Path", LineInput(self._path, id="edit-path", select_on_focus=False, placeholder="folder/name")
            )
        else:
            yield FormRow("Path", Static(show_name(self._secret.path), id="edit-path-shown", markup=False))
        yield Vertical(*self._rows(), id="edit-fields")
        if self._keeps:
            yield from self._metadata_rows()

    def _rows(self) -> list[FieldRow]:
        fields = self._before
        if self._draft is not None and self._draft.fields is not None:
            fields = self._draft.fields
        rows = [self._row(name, value) for name, value in fields.items()]
        if not rows and (self._secret is None or self._unread):
            rows = [self._row(DEFAULT_FIELD, None)]
        return rows

    def _row(self, name: str, value: SecretValue | None) -> FieldRow:
        kinds = [*_JSON_KINDS] if Capability.TYPED_VALUES in self._can else []
        if Capability.BYTES in self._can:
            kinds.append(ValueType.BYTES)
        return FieldRow(name, value, kinds, named=self._many, caveat=self._caveats.get(name, ""))

    @property
    def _unread(self) -> bool:
        """Whether nobody can see the values that are there."""
        return Capability.READ not in self._can

    @property
    def _many(self) -> bool:
        return Capability.FIELDS in self._can

    @property
    def _described(self) -> Metadata:
        """As it is before this form."""
        return self._secret.metadata if self._secret is not None else Metadata()

    @property
    def _start(self) -> Metadata:
        """What the form starts with."""
        return self._draft.metadata.apply(self._described) if self._draft is not None else self._described

    def _metadata_rows(self) -> Iterable[Widget]:
        start = self._start
        kinds = [(Content(kind.value), kind) for kind in SecretType]
        if MetadataField.TYPE in self._keeps:
            types = Select(kinds, value=start.type, allow_blank=False, compact=True, id="edit-type")
            yield FormRow("Type", types)
        if MetadataField.DESCRIPTION in self._keeps:
            yield FormRow("Description", LineInput(start.description, id="edit-description"))
        if MetadataField.TAGS in self._keeps:
            yield FormRow("Tags", LineInput(", ".join(start.tags), id="edit-tags", placeholder="separated by commas"))
        if MetadataField.OWNER in self._keeps:
            yield FormRow("Owner", LineInput(start.owner or "", id="edit-owner"))
        if MetadataField.ROTATION in self._keeps and self._with_value:  # elsewhere i has it, and needs no new value
            interval = format_duration(start.rotation) if start.rotation else ""
            yield FormRow("Rotation", LineInput(interval, id="edit-rotation", placeholder="such as 90d; empty: never"))

    def more_buttons(self) -> Iterable[Button]:
        if self._many:
            yield Button(Content("+ Add field"), id="edit-add")

    def on_mount(self) -> None:
        super().on_mount()
        self._count_rows()
        if self._secret is not None:
            self.call_after_refresh(self._focus_value)

    def _focus_value(self) -> None:
        """To the value somebody came to change, else to the first one."""
        areas = {row.field_name: row.query_one(ValueArea) for row in self.rows}
        area = areas.get(self._field or "") or next(iter(areas.values()), None)
        if area is not None:
            self.set_focus(area)
        self.is_settling = False

    # -- what is in it

    @property
    def rows(self) -> list[FieldRow]:
        return list(self.query(FieldRow))

    def result(self) -> Change:
        path = self._checked_path()
        fields: dict[str, SecretValue] = {}
        for row in self.rows:
            name = row.field_name
            self._check_name(name)
            if name in fields:
                raise InvalidInput(f"Two fields are named {_short(name)}.", hint="Give one of them another name.")
            fields[name] = row.value()
        if self._secret is None:
            return Change(Op.SET, path, fields=fields, metadata=self._patch(), base_version=0)
        patch = self._patch()
        if self._unread and not any(row.is_touched for row in self.rows):
            raise InvalidInput("There is no new value.", hint="Type one, or press esc: what is there stays.")
        if self._same(fields, self._before) and not patch:
            raise InvalidInput("Nothing was changed.", hint="Change a field, or press esc.")
        return Change(Op.SET, path, fields=fields, metadata=patch, base_version=self._secret.current)

    def refusal(self, change: Change) -> None:
        """Also finds the field it is about."""
        self._at_fault = ""
        if self.fits is None:
            return
        fields = change.fields or {}
        try:
            self.fits(change.path, fields, change.metadata)
        except KvtuiError as whole:
            for name, value in fields.items():
                try:
                    self.fits(change.path, {name: value}, MetadataPatch())
                except KvtuiError as one:
                    if one.message == whole.message:
                        self._at_fault = name
                        break
            raise

    def show_refusal(self, error: KvtuiError) -> None:
        """At the field, too."""
        self.show_error(error)
        for row in self.rows:
            if self._at_fault and row.field_name == self._at_fault:
                row.complain(str(error))
                row.area.focus()

    def _checked_path(self) -> str:
        if self._secret is not None:
            return self._secret.path
        path = paths.check_new(self.query_one("#edit-path", LineInput).value)
        if path in self._existing:
            raise AlreadyExists("There is a secret at this path.", hint="Choose another path, or edit it.", path=path)
        return path

    def _check_name(self, name: str) -> None:
        if not name:
            raise InvalidInput("A field has no name.", hint="Name it, or remove it.")
        if name not in self._before and any(map(unsafe, name)):
            raise InvalidInput(
                f"A new field name may not hold control, bidirectional or invisible characters: {_short(name)}.",
                hint="Type the name again without them.",
            )

    def _patch(self) -> MetadataPatch:
        """What the form makes of the metadata; what was not touched is as it was."""
        metadata = self._start
        for select in self.query("#edit-type").results(Select):
            if isinstance(select.value, SecretType):
                metadata = metadata._replace(type=select.value)
        typed = {box.id: box.value for box in self.query(LineInput) if box.is_touched}
        if (text := typed.get("edit-description")) is not None:
            metadata = metadata._replace(description=text)
        if (text := typed.get("edit-tags")) is not None:
            metadata = metadata._replace(tags=split_tags(text))
        if (text := typed.get("edit-owner")) is not None:
            metadata = metadata._replace(owner=text or None)
        if (text := typed.get("edit-rotation")) is not None:
            metadata = metadata._replace(rotation=parse_duration(text.strip()) if text.strip() else None)
        return MetadataPatch.replacing(metadata, self._described)

    def is_dirty(self) -> bool:
        if self._draft is not None or any(row.is_touched for row in self.rows):
            return True
        if any(box.is_touched for box in self.query(LineInput)):
            return True
        names = [row.field_name for row in self.rows]
        return self._secret is not None and names != list(self._before)

    def draft(self) -> Change | None:
        """The form as it is, to come back to after a lock; None when nothing was typed. Nothing is checked."""
        if not self.is_dirty():
            return None
        fields = {row.field_name: row.lenient_value() for row in self.rows}
        if self._secret is not None:
            patch = self._lenient_patch()
            return Change(Op.SET, self._secret.path, fields=fields, metadata=patch, base_version=self._secret.current)
        patch = self._lenient_patch()
        path = self.query_one("#edit-path", LineInput).value
        return Change(Op.SET, path, fields=fields, metadata=patch, base_version=0)

    def _lenient_patch(self) -> MetadataPatch:
        try:
            return self._patch()
        except InvalidInput:
            return MetadataPatch()

    # -- what is done in it

    def show_values(self, shown: bool) -> None:
        for row in self.rows:
            row.set_shown(shown)

    @on(Button.Pressed, "#edit-add")
    async def _add_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.action_dialog_add_field()

    async def action_dialog_add_field(self) -> None:
        if not self._many:
            self.show_error("This store holds one value for each path.")
            return
        row = self._row("" if self.rows else DEFAULT_FIELD, None)
        await self.query_one("#edit-fields", Vertical).mount(row)
        row.set_shown(self.values_shown)
        row.name_input.focus()
        self._count_rows()

    @on(FieldRow.Removed)
    async def _removed(self, event: FieldRow.Removed) -> None:
        event.stop()
        rows = self.rows
        at = rows.index(event.row)
        await event.row.remove()
        if left := self.rows:
            left[min(at, len(left) - 1)].name_input.focus()
        self._count_rows()

    def _count_rows(self) -> None:
        """The last field cannot be removed."""
        self.query_one("#edit-fields").set_class(len(self.rows) < 2, "-only")

    def action_dialog_generate(self) -> None:
        """Generate a value for the field the cursor is in."""
        from kvtui.ui.dialogs.generate import GeneratorDialog  # noqa: PLC0415 - loads the word list

        focused = self.focused
        row = next((row for row in self.rows if focused is not None and row in focused.ancestors), None)
        if row is None:
            row = next((row for row in self.rows if not row.area.form_text()), None)
        if row is None:
            self.show_error("Put the cursor into the field that is to be generated.")
            return
        target = row

        def generated(value: SecretValue | None) -> None:
            if value is not None:
                target.put(value)
                target.area.focus()

        self.app.push_screen(GeneratorDialog(), generated)


def split_tags(text: str) -> tuple[str, ...]:
    """Tags as typed, separated by commas, without the blanks around them."""
    return check_tags(tuple(tag.strip() for tag in text.split(",") if tag.strip()))


def _short(name: str) -> str:
    return texts.clip(texts.show_name(name), 40)
