"""Review: exactly what a change will do, before it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from kvtui.domain.capability import Capability
from kvtui.domain.metadata import Metadata
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Secret
from kvtui.services.changes import Change, Op
from kvtui.services.diff import FieldDiff, MetadataDiff, compare_fields, compare_metadata, compare_retention
from kvtui.ui.dialogs.form import REVEAL_SECONDS, DiffDialogBase
from kvtui.ui.show import say, show


class Decision(StrEnum):
    APPLY = "apply"
    STAGE = "stage"


class ReviewDialog(DiffDialogBase[Decision]):
    """Returns whether to apply or to stage; None goes back. before: the secret as it is, None where there is none.
    settings: what is set for it now, where that is to be changed. ordered: whether its store keeps the order of keys.
    lacks: what cannot be done at its path, with the reasons. caution: what else to know of it."""

    def __init__(
        self,
        change: Change,
        before: Secret | None,
        *,
        settings: Retention | None = None,
        ordered: bool = True,
        lacks: Mapping[Capability, str] = MappingProxyType({}),
        caution: str = "",
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
    ) -> None:
        fields, metadata = differences(change, before, ordered=ordered)
        if settings is not None and change.retention is not None:
            metadata += compare_retention(settings, change.retention)
        super().__init__("Review", "Apply", fields, metadata, reveal_seconds=reveal_seconds, disclose=disclose)
        self._change, self._before, self._lacks, self._caution = change, before, lacks, caution

    def on_unmount(self) -> None:
        del self._change, self._before

    def body(self) -> Iterable[Widget]:
        said: Content = summary(self._change, self._lacks)
        if self._caution:
            said += Content.styled(f" {show(self._caution).plain}", "$text-warning")
        yield Static(said, id="review-summary", markup=False)
        yield self.diff

    def more_buttons(self) -> Iterable[Button]:
        yield Button(Content("Stage"), id="review-stage")

    def draft(self) -> Change | None:
        return self._change if self._change.op in {Op.SET, Op.META} else None

    def is_dirty(self) -> bool:
        return False

    def result(self) -> Decision:
        return Decision.APPLY

    @on(Button.Pressed, "#review-stage")
    def _stage(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(Decision.STAGE)


def differences(
    change: Change, before: Secret | None, *, ordered: bool = True
) -> tuple[list[FieldDiff], list[MetadataDiff]]:
    """What a change makes of a secret's fields and metadata."""
    old = before.metadata if before is not None else Metadata()
    fields: list[FieldDiff] = []
    if change.op is Op.SET:
        fields = compare_fields(before.fields if before is not None else {}, change.fields or {}, ordered=ordered)
    metadata = compare_metadata(old, change.metadata.apply(old)) if change.op in {Op.SET, Op.META} else []
    return fields, metadata


def summary(change: Change, lacks: Mapping[Capability, str] = MappingProxyType({})) -> Content:
    """What will happen to which path and version, and what keeps others' changes from being lost where it is not a
    version check."""
    match change.op:
        case Op.SET if Capability.CHECK_AND_SET in lacks:
            return _unchecked(change, lacks)
        case Op.SET if change.base_version == 0:
            return say("Create [b]$path[/b], version 1.", path=change.path)
        case Op.SET if change.base_version is not None:
            new, old = str(change.base_version + 1), str(change.base_version)
            return say(
                "Write version [b]$new[/b] of [b]$path[/b]; version $old stays.", path=change.path, new=new, old=old
            )
        case Op.META:
            what = "settings" if not change.metadata else "metadata and settings" if change.retention else "metadata"
            return say("Change the $what of [b]$path[/b]; no new version.", path=change.path, what=what)
        case _:
            return show(change.describe()) + Content(".")


def _unchecked(change: Change, lacks: Mapping[Capability, str]) -> Content:
    if Capability.VERSIONS not in lacks:
        what = summary(change)
    elif change.base_version == 0:
        what = say("Create [b]$path[/b].", path=change.path)
    else:
        what = say("Write [b]$path[/b]. No versions are kept here: what is there now is gone then.", path=change.path)
    if Capability.READ in lacks:
        check = "Values cannot be read back here: what is there is neither compared nor brought back."
    else:
        check = "It is read again just before; a change by somebody else in that moment would be overwritten."
    return what + Content(f" {check}")
