"""Changing one secret: edit, review, apply. A conflict overwrites nothing; one key takes a change back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import codec, json_text
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, NotFound
from kvtui.domain.secret import EntryKind, Secret, VersionState
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.changes import Applied, Change, Op
from kvtui.services.journal import Act
from kvtui.ui.screens.reading import Reading

if TYPE_CHECKING:
    from kvtui.ui.dialogs.rotate import Rotation


class Changing(Reading):
    """Everything that writes one secret goes through `review` and `apply`."""

    # -- new and edit

    def take_up_draft(self) -> None:
        """Go on with what was being typed when the vault was locked."""
        draft, self.session.draft = self.session.draft, None
        if draft is not None and draft.op is Op.SET:
            self.work(partial(self._take_up, draft), "form", "take up a draft")

    async def _take_up(self, draft: Change) -> None:
        before = None if draft.base_version == 0 else await self.call(self.session.backend.read, draft.path)
        self._form(before, draft.path, draft)

    def action_secret_new(self) -> None:
        folder = self.path_tree.cursor_folder
        self._form(None, f"{folder}/" if folder else "", None)

    def action_secret_edit(self) -> None:
        self.work(self._edit, "form", "edit")

    async def _edit(self) -> None:
        self._form(await self._newest(), "", None)

    async def _newest(self) -> Secret:
        """The newest version of the selected secret, read again; what is edited is what is there now."""
        secret = self.live_secret
        newest = await self.call(self.session.backend.read, secret.path)
        if newest.version.state is not VersionState.LIVE:
            raise InvalidInput(
                f"Version {newest.current} is {newest.version.state.value}.",
                hint="Undelete it with U, or roll back with b.",
            )
        return newest

    def _form(self, secret: Secret | None, path: str, draft: Change | None) -> None:
        from kvtui.ui.dialogs.edit import EditDialog  # noqa: PLC0415 - forms load when first asked for

        def done(change: Change | None) -> None:
            if change is not None:
                self.review(change, secret)

        dialog = EditDialog(
            self.session.info(),
            secret=secret,
            path=path,
            draft=draft,
            reveal_seconds=self.ui.reveal_seconds,
            disclose=self.disclosing(secret),
        )
        self.app.push_screen(dialog, done)

    def edit_again(self, change: Change, before: Secret | None) -> None:
        """Back to the form with what was typed."""
        if change.op is Op.SET:
            self._form(before, change.path, change)

    # -- metadata

    def action_secret_edit_metadata(self) -> None:
        self.work(self._edit_metadata, "form", "edit metadata")

    async def _edit_metadata(self) -> None:
        from kvtui.ui.dialogs.metadata import MetadataDialog  # noqa: PLC0415

        if self.secret is None:
            raise InvalidInput("No secret is selected.", hint="Put the cursor on one.")
        secret = await self.call(self.session.backend.read, self.secret.path)

        def done(change: Change | None) -> None:
            if change is not None:
                self.review(change, secret)

        self.app.push_screen(MetadataDialog(secret.path, secret.metadata, secret.current), done)

    # -- the external editor

    def action_secret_edit_external(self) -> None:
        self.work(self._edit_external, "form", "edit in an editor")

    async def _edit_external(self) -> None:
        from kvtui.editor import edit_text  # noqa: PLC0415

        secret = await self._newest()
        field = self.field_of(secret)
        value = self.session.disclose(Act.REVEAL, secret, field)
        with self.app.suspend():
            outcome = edit_text(codec.to_bytes(value), name_hint=paths.name(secret.path), editor=self.ui.editor or None)
        self.app.refresh()
        for note in outcome.notes:
            self.app.notify(note, severity="warning", markup=False)
        if outcome.content is None:
            self.say(outcome.message)
            return
        edited = from_editor(outcome.content, value)
        if edited.same_as(value):
            self.say("Nothing was changed.")
            return
        fields = {**secret.fields, field: edited}
        self.review(Change(Op.SET, secret.path, fields=fields, base_version=secret.current), secret)

    # -- review and apply

    def review(self, change: Change, before: Secret | None) -> None:
        """Show what will happen; apply, stage, or go back."""
        from kvtui.ui.dialogs.review import Decision, ReviewDialog  # noqa: PLC0415

        def decided(decision: Decision | None) -> None:
            if decision is Decision.APPLY:
                self.apply(change, before)
            elif decision is Decision.STAGE:
                self.session.staged.stage(change)
                self.show_staged()
                self.say(f"Staged. s shows it, with {len(self.session.staged)} in all.")
            else:
                self.edit_again(change, before)

        dialog = ReviewDialog(change, before, reveal_seconds=self.ui.reveal_seconds, disclose=self.disclosing(before))
        self.app.push_screen(dialog, decided)

    def apply(self, change: Change, before: Secret | None = None, act: Act | None = None) -> None:
        """Write it. Never cancelled, never repeated by itself."""
        self.work(partial(self._apply, change, before, act), "write", "write", exclusive=False)

    async def _apply(self, change: Change, before: Secret | None, act: Act | None) -> None:
        try:
            applied = await self.call(self.session.apply, change, act=act)
        except Conflict:
            if change.op is not Op.SET:
                raise
            await self._conflict(change, before)
        else:
            await self.after(applied)

    async def after(self, applied: Applied) -> None:
        """Show the result of a change: the tree, the secret, one line about it."""
        change = applied.change
        where = change.to if change.op in {Op.MOVE, Op.COPY} and change.to else change.path
        self.say(f"{_done(applied)}{'. u takes it back' if applied.undo else ''}.")
        self.show_staged()
        await self.reload_around(change)
        if change.op is not Op.DESTROY or change.versions:
            await self.go_to(where)
            await self.read_secret(where)
        if self.session.can(Capability.CHANGE_SIGNAL):
            self._change_token = await self.call(self.session.backend.change_token)

    async def reload_around(self, change: Change) -> None:
        """Read again the folders a change touched, as far as they are loaded."""
        if self.secret is not None and self.secret.path == change.path and change.op in {Op.DESTROY, Op.MOVE}:
            self.show_secret(None)
        touched = [path for path in (change.path, change.to) if path]
        folders = {folder for path in touched for folder in ["", *paths.ancestors(path)]}
        for folder in sorted(folders & {"", *self.path_tree.rows.loaded_folders()}):
            await self.load_folder(folder)

    async def _conflict(self, mine: Change, base: Secret | None) -> None:
        from kvtui.ui.dialogs.conflict import ConflictDialog, Resolution  # noqa: PLC0415

        theirs: Secret | None
        try:
            theirs = await self.call(self.session.backend.read, mine.path)
        except NotFound:
            theirs = None

        def decided(resolution: Resolution | None) -> None:
            if resolution is None or resolution.change is None:
                self.say("Not written. Nothing was overwritten.")
            elif resolution.again:
                self.edit_again(resolution.change, theirs)
            else:
                self.review(resolution.change, theirs)

        dialog = ConflictDialog(
            mine, base, theirs, reveal_seconds=self.ui.reveal_seconds, disclose=self.disclosing(base, theirs)
        )
        self.app.push_screen(dialog, decided)

    # -- rotate

    def action_secret_rotate(self) -> None:
        self.work(self._rotate, "form", "rotate")

    async def _rotate(self) -> None:
        from kvtui.ui.dialogs.rotate import RotateDialog  # noqa: PLC0415

        secret = await self._newest()

        def done(rotation: Rotation | None) -> None:
            if rotation is not None:
                self.work(partial(self._rotated, secret, rotation), "write", "rotate", exclusive=False)

        self.app.push_screen(RotateDialog(secret, self.fields.field, reveal_seconds=self.ui.reveal_seconds), done)

    async def _rotated(self, secret: Secret, rotation: Rotation) -> None:
        from kvtui.services.rotation import rotate  # noqa: PLC0415

        make = partial(_given, rotation.value)
        result = await self.call(rotate, self.session, secret.path, field=rotation.field, make=make)
        await self.reload_around(Change(Op.SET, secret.path))
        await self.read_secret(secret.path)
        self.say(f"Rotated {secret.path}: version {result.version.number}. u takes it back.")
        if rotation.copy:
            await self._copy_rotated(secret.path, rotation.field)
        if result.error is not None:
            self.problem(result.error)

    async def _copy_rotated(self, path: str, field: str) -> None:
        secret = await self.call(self.session.backend.read, path)
        value = await self.call(self.session.disclose, Act.COPY, secret, field)
        result = await self.call(self.kvtui.copy, codec.to_bytes(value))
        self.say(f"Rotated. u takes it back. {field}: {result.message}")

    # -- roll back and undo

    def action_secret_rollback(self) -> None:
        self.work(self._rollback, "form", "roll back")

    async def _rollback(self) -> None:
        if self.secret is None:
            raise InvalidInput("No secret is selected.", hint="Put the cursor on one.")
        path = self.secret.path
        number = self.version_list.version if self.tab == "versions" else self.secret.version.number
        newest = await self.call(self.session.backend.read, path)
        if number is None or number == newest.current:
            raise InvalidInput(
                "That is the current version already.", hint="Choose an older one in Versions (v), then press b."
            )
        old = await self.call(self.session.backend.read, path, number)
        if old.version.state is not VersionState.LIVE:
            raise InvalidInput(
                f"Version {number} is {old.version.state.value}.", hint="Only a live version can be restored."
            )
        from kvtui.ui.dialogs.confirm import ConfirmDialog  # noqa: PLC0415
        from kvtui.ui.show import say  # noqa: PLC0415

        question = say(
            "Write the values of version [b]$old[/b] of [b]$path[/b] as its new version [b]$new[/b]?",
            old=str(number),
            path=path,
            new=str(newest.current + 1),
        )
        change = Change(Op.SET, path, fields=old.fields, base_version=newest.current)

        def decided(yes: bool | None) -> None:
            if yes:
                self.apply(change, newest, Act.ROLLBACK)

        self.app.push_screen(ConfirmDialog("Roll back", question, "Roll back"), decided)

    def action_change_undo(self) -> None:
        self.work(self._undo, "write", "undo", exclusive=False)

    async def _undo(self) -> None:
        applied = await self.call(self.session.undo)
        await self.after(applied)
        self.say(f"Taken back: {_done(applied)}.")

    def selected_paths(self) -> list[str]:
        """The marked secrets, else the one under the cursor."""
        marked = [path for path, kind in self.path_tree.marked if kind is EntryKind.SECRET]
        if marked:
            return sorted(marked)
        path, kind = self.at_cursor
        return [path] if path is not None and kind is EntryKind.SECRET else []


def _given(value: SecretValue) -> SecretValue:
    return value


def from_editor(data: bytes, before: SecretValue) -> SecretValue:
    """What an editor gave back, as a value of the type it had. Raises InvalidInput where it is no JSON any more."""
    if before.type is ValueType.BYTES:
        return SecretValue(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return SecretValue(data)
    if before.type is ValueType.TEXT:
        return SecretValue(text)
    return SecretValue(json_text.parse(text))


def _done(applied: Applied) -> str:
    change = applied.change
    match change.op:
        case Op.SET if applied.version is not None:
            return f"Wrote version {applied.version.number} of {change.path}"
        case Op.META:
            return f"Changed the metadata of {change.path}"
        case Op.MOVE:
            return f"Moved {change.path} to {change.to}"
        case Op.COPY:
            return f"Copied {change.path} to {change.to}"
        case Op.DELETE:
            return f"Deleted {change.path}"
        case Op.UNDELETE:
            return f"Undeleted {change.path}"
        case _:
            return f"Destroyed {change.path}"
