"""The detail: its title, and its tabs fields, metadata, versions, activity, which turn domain data into rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from kvtui.domain.metadata import Metadata, format_duration
from kvtui.domain.secret import Outline, Version, VersionState
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.journal import JournalEntry
from kvtui.ui.show import MASK, show, show_name
from kvtui.ui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from kvtui.services.describing import Description

NONE_SELECTED = "No secret selected."
SHOWN_LINES = 2_000
SHOWN_CHARACTERS = 200_000
"""A revealed value longer than either is cut on the screen (never when copied), so that keys stay answered."""


class Title(Static):
    """Which secret the detail shows, and which version where that is not the newest, live one."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._secret: Outline | None = None

    def show_secret(self, secret: Outline | None) -> None:
        self._secret = secret
        self._draw()

    def on_unmount(self) -> None:
        self._secret = None

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        title = Content.styled("Nothing selected", "$foreground-muted")
        if (secret := self._secret) is not None:
            number, state = secret.version.number, secret.version.state
            facts = Content("")
            if state is not VersionState.LIVE:
                facts += Content.styled(f"  {state.value}", "$text-warning")
            if number != secret.current:
                facts += Content.styled(f"  version {number} of {secret.current}", "$text-accent")
            room = self.content_size.width - facts.cell_length
            title = _end_of(show_name(secret.path).stylize("bold"), room) + facts
        self.update(title, layout=False)


def _end_of(name: Content, cells: int) -> Content:
    """A name that is too long without its beginning: its end tells more."""
    if name.cell_length <= cells or cells < 2:
        return name
    rest = name
    while rest.cell_length > cells - 1:
        rest = rest[max(1, (rest.cell_length - cells) // 2) :]
    return Content("…") + rest


class FieldsPane(RowList):
    """One row a field: name, type, and the mask or the revealed value."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, empty=NONE_SELECTED)
        self._secret: Outline | None = None
        self._revealed: dict[str, SecretValue] = {}
        self._caveats: Mapping[str, str] = {}
        self.unreadable = ""
        """Why no value can ever be shown here, to stand in place of the masks; for the next secret."""
        self._nothing = NONE_SELECTED

    @property
    def nothing(self) -> str:
        """What is said while no secret is selected; set to "" for the usual."""
        return self._nothing

    @nothing.setter
    def nothing(self, text: str) -> None:
        self._nothing = text or NONE_SELECTED
        if self._secret is None:
            self._draw()

    @property
    def revealed(self) -> Collection[str]:
        return self._revealed.keys()

    @property
    def field(self) -> str | None:
        """Name of the field under the cursor."""
        return self.key if self._secret is not None and self._secret.fields else None

    def show_secret(self, secret: Outline | None) -> None:
        """Show a secret, masked."""
        self._secret = secret
        self._revealed.clear()
        self._draw()

    def reveal(self, values: Mapping[str, SecretValue], caveats: Mapping[str, str] = MappingProxyType({})) -> None:
        """Show these fields' values, by name, with what there is to know of one."""
        self._revealed.update(values)
        self._caveats = {name: caveats[name] for name in self._revealed if name in caveats}
        self._draw()

    def mask(self) -> None:
        """Hide whatever is revealed."""
        if self._revealed:
            self._revealed.clear()
            self._draw()

    def on_unmount(self) -> None:
        self._secret = None
        self._revealed.clear()

    def on_resize(self) -> None:
        self._draw()
        super().on_resize()

    def _draw(self) -> None:
        secret = self._secret
        if secret is None:
            self.empty = self._nothing
            self.set_rows(())
            return
        if secret.version.state is not VersionState.LIVE:
            self.empty = _state_note(secret)
        else:
            self.empty = "This secret has no fields. e adds one."
        name_width = min(24, max((len(name) for name in secret.fields), default=0)) + 2
        self.set_rows([Row(name, self._lines(name, kind, name_width)) for name, kind in secret.fields.items()])

    def _lines(self, name: str, told: ValueType | None, name_width: int) -> Sequence[Content]:
        width = max(10, self.scrollable_content_region.width)
        label = show_name(name).stylize("bold")
        if label.cell_length >= (most := max(8, width - len(MASK) - 10)):
            label = label.truncate(most - 1, ellipsis=True)
        label += Content(" " * max(1, name_width - label.cell_length))
        revealed = self._revealed.get(name)
        type_ = revealed.type if revealed is not None else told
        kind = "" if type_ in {None, ValueType.TEXT} else f"{type_} "
        if revealed is None and self.unreadable:
            said = Content("Values cannot be read back here.")
            why = Content.styled(f"  {self.unreadable}", "$foreground-muted")
            return [label + said, *why.fold(width - 3)]
        if revealed is None:
            return [label + Content.styled(kind, "$foreground-muted") + Content(MASK)]
        lines = _revealed_lines(label, kind, revealed, width)
        if name in self._caveats:
            lines = [*lines, *Content.styled(f"  {self._caveats[name]}", "$text-warning").fold(width - 3)]
        return lines


def _revealed_lines(label: Content, kind: str, value: SecretValue, width: int) -> Sequence[Content]:
    from kvtui.domain import codec  # noqa: PLC0415 - the first value that is revealed loads it

    text = codec.to_text(value)
    kind = "base64 " if value.type is ValueType.BYTES else kind
    cut = len(text) > SHOWN_CHARACTERS
    lines = text[:SHOWN_CHARACTERS].split("\n")
    if len(lines) > SHOWN_LINES:
        lines, cut = lines[:SHOWN_LINES], True
    first = label + Content.styled(kind, "$foreground-muted")
    style = "$text-accent"
    shown = [show(line).stylize(style) for line in lines]
    if len(shown) == 1 and not cut and first.cell_length + shown[0].cell_length <= width:
        return [first + (shown[0] if text else Content.styled("(empty)", "$foreground-muted"))]
    rows = [first]
    for line in shown:
        rows += [Content("  ") + piece for piece in (line.fold(width - 3) or [Content("")])]
    if cut:
        rows.append(Content.styled(f"  … cut here; y copies all {len(text):,} characters", "$text-warning"))
    return rows


def _state_note(secret: Outline) -> str:
    number = secret.version.number
    if secret.version.state is VersionState.DELETED:
        return f"Version {number} is deleted. Press U to undelete it."
    return f"Version {number} was destroyed: its values are gone."


class MetadataPane(RowList):
    """What is known besides the values; i edits it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, empty=NONE_SELECTED)

    def show_metadata(
        self, metadata: Metadata | None, version: Version | None, now: datetime, known: Description | None = None
    ) -> None:
        rows = [] if metadata is None else _metadata(metadata, version, now) + _settings(known)
        self.set_rows([Row(name, [_pair(name, content)]) for name, content in rows])


def _metadata(metadata: Metadata, version: Version | None, now: datetime) -> list[tuple[str, Content]]:
    nothing = Content.styled("–", "$foreground-muted")
    rows = [
        ("Type", Content(metadata.type.value)),
        ("Description", show(metadata.description) if metadata.description else nothing),
        ("Tags", Content(" ").join(show_name(f"#{tag}") for tag in metadata.tags) if metadata.tags else nothing),
        ("Owner", show_name(metadata.owner) if metadata.owner else nothing),
        ("Rotation", Content(f"every {format_duration(metadata.rotation)}") if metadata.rotation else nothing),
        ("Created", Content(when(metadata.created_at, now))),
        ("Created by", show_name(metadata.created_by) if metadata.created_by else nothing),
        ("Updated", Content(when(metadata.updated_at, now))),
    ]
    if version is not None:
        if version.numbered:
            rows.append(("Version", Content(f"{version.number} ({version.state.value})")))
        if version.expires_at is not None:
            rows.append(("Deleted", Content(f"by itself at {when(version.expires_at, now)}")))
    return rows + [(f"custom: {key}", show(value)) for key, value in metadata.custom.items()]


def _settings(known: Description | None) -> list[tuple[str, Content]]:
    """What is set for this secret, where its store has that."""
    if known is not None and known.denied:
        return [("Settings", Content.styled("denied: this token may not see them", "$text-warning"))]
    if known is None or known.retention is None:
        return []
    from kvtui.services.diff import retention_rows  # noqa: PLC0415 - most start with the fields

    return [(name[0].upper() + name[1:], Content(text)) for name, text in retention_rows(known.retention).items()]


def _pair(name: str, value: Content) -> Content:
    label = show_name(name).stylize("$foreground-muted")
    return label + Content(" " * max(1, 14 - label.cell_length)) + value


class VersionsPane(RowList):
    """One row a version, the newest first."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, empty="No versions.")

    @property
    def version(self) -> int | None:
        """Number of the version under the cursor."""
        return None if self.key is None else int(self.key)

    def show_versions(self, versions: Sequence[Version], current: int, marked: Collection[int], now: datetime) -> None:
        # As wide as they need to be: in 80 columns, beside the tree, there is no more room than for that.
        states = {version.number: _state(version, current) for version in versions}
        number = max((len(str(each)) for each in states), default=0)
        state = max((each.cell_length for each in states.values()), default=0)
        self.set_rows(
            [
                Row(
                    str(version.number),
                    [
                        Content.assemble(
                            "✓ " if version.number in marked else "  ",
                            (f"{version.number:>{number}} ", "bold"),
                            states[version.number].pad_right(state - states[version.number].cell_length + 2),
                            _times(version, now),
                        )
                    ],
                )
                for version in reversed(versions)
            ]
        )


_STATE_STYLES = {
    VersionState.LIVE: "$text-success",
    VersionState.DELETED: "$text-warning",
    VersionState.DESTROYED: "$text-error",
}


def _state(version: Version, current: int) -> Content:
    styled = Content.styled(version.state.value, _STATE_STYLES[version.state])
    return styled + Content(" current") if version.number == current else styled


def _times(version: Version, now: datetime) -> Content:
    return Content.assemble(
        when(version.created_at, now),
        "  ",
        show_name(version.created_by or ""),
        f"until {when(version.expires_at, now)}" if version.expires_at is not None else "",
    )


class ActivityPane(RowList):
    """What was done with this secret from this machine, the newest first."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, empty="Nothing was done with it yet from this machine.")

    def show_entries(self, entries: Sequence[JournalEntry], now: datetime) -> None:
        self.set_rows([Row(str(index), [entry_line(entry, now)]) for index, entry in enumerate(entries)])


def entry_line(entry: JournalEntry, now: datetime) -> Content:
    parts: list[Content | str | tuple[str, str]] = [f"{when(entry.at, now):<22}", (f"{entry.act.value:<11}", "bold")]
    if entry.field is not None:
        parts += [show_name(entry.field), " "]
    if entry.version is not None:
        parts.append(f"version {entry.version} ")
    if entry.to is not None:
        parts += ["to ", show_name(entry.to), " "]
    if entry.result != "done":
        parts.append((show(entry.result).plain, "$text-error"))
    if entry.actor:
        parts.append(Content("by ") + show_name(entry.actor))
    return Content.assemble(*parts)


def when(time: datetime | None, now: datetime) -> str:
    """A UTC time for people: minutes, and how long ago."""
    if time is None:
        return "–"
    return f"{time:%Y-%m-%d %H:%M}Z {ago(now - time)}".rstrip()


def ago(age: timedelta) -> str:
    """How long ago, in the largest unit: `3d`. Empty for the future."""
    seconds = int(age.total_seconds())
    if seconds < 0:
        return ""
    for unit, size in (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return "now"
