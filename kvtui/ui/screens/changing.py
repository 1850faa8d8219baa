"""Changing one secret: edit, review, apply. A conflict overwrites nothing; one key takes a change back."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    NotFound,
    PermissionDenied,
)
from kvtui.domain.metadata import UNSET, MetadataPatch
from kvtui.domain.secret import EntryKind, Outline, Secret, Version, VersionState
from kvtui.domain.value import Fields
from kvtui.services.changes import Applied, Change, Op, is_up_to_date, prepared_on
from kvtui.services.journal import Act
from kvtui.ui.screens.reading import Reading
from kvtui.ui.show import show

if TYPE_CHECKING:
    from kvtui.ui.widgets.tree_rows import TreeRows


class Changing(Reading):
    """Everything that writes one secret goes through `review` and `apply`."""

    # -- new and edit

    def take_up_draft(self) -> None:
        """Go on with what was being typed when the vault was locked."""
        draft, self.session.draft = self.session.draft, None
        if draft is not None:
            self.work(partial(self._take_up, draft), "form", "take up a draft")

    async def _take_up(self, draft: Change) -> None:
        """Back into the form; where somebody wrote meanwhile, into the conflict."""
        now = await self._read_if_there(draft.path) if draft.base_version else None
        if draft.op is Op.SET and draft.base_version and not is_up_to_date(draft, now):
            await self._conflict(draft, await self._read_if_there(draft.path, draft.base_version))
        else:
            self.edit_again(draft, now)
        self.say("What you were typing when the vault was locked is back.")

    async def _read_if_there(self, path: str, version: int | None = None) -> Secret | None:
        try:
            if not self.session.can(Capability.READ):
                return unread(await self.call(self.session.backend.outline, path))
            return await self.call(self.session.backend.read, path, version)
        except (NotFound, InvalidPath):  # a half-typed path is none yet
            return None

    def action_secret_new(self) -> None:
        folder = self.path_tree.cursor_folder
        self.open_form(None, f"{folder}/" if folder else "", None)

    def action_secret_edit(self) -> None:
        self.work(self._edit, "form", "edit")

    async def _edit(self) -> None:
        """What is staged for it is gone on with; two edits of one secret would lose the first."""
        secret = await self.newest()
        staged = self.session.staged.paths.get(secret.path)
        if staged is None or staged.op is not Op.SET:
            self.open_form(secret, "", None)
        elif is_up_to_date(staged, secret):
            self.open_form(secret, "", staged)
        else:
            await self.review_staged(staged)

    async def newest(self) -> Secret:
        """The newest version of the selected secret, read again; what is edited is what is there now. Without fields
        where no value is ever given back."""
        secret = await self.selected()
        if not self.session.can(Capability.READ):
            return unread(await self.call(self.session.backend.outline, secret.path))
        newest = await self.call(self.session.backend.read, secret.path)
        if newest.version.state is not VersionState.LIVE:
            raise InvalidInput(
                f"Version {newest.current} is {newest.version.state.value}.",
                hint="Undelete it with U, or roll back with b.",
            )
        return newest

    def open_form(self, secret: Secret | None, path: str, draft: Change | None) -> None:
        """To edit `secret`, or for a new one that starts with `path`; with a draft, what was typed before."""
        from kvtui.ui.dialogs.edit import EditDialog  # noqa: PLC0415 - forms load when first asked for

        def done(change: Change | None) -> None:
            if change is not None:
                self.review(change, secret)

        dialog = EditDialog(
            self.session.info(),
            secret=secret,
            path=path,
            draft=draft,
            existing=LiveSecrets(self.path_tree.rows),
            field=self.fields.field,
            reveal_seconds=self.ui.reveal_seconds,
            disclose=self.disclosing(secret),
            fits=self._fits,
            caveats=self.session.backend.caveats(secret) if secret is not None else {},
        )
        self.app.push_screen(dialog, done)

    def _fits(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:
        """Of the connection there is then: somebody may sign in again while a form is open. Blocking."""
        self.session.backend.check(path, fields, metadata)

    def edit_again(self, change: Change, before: Secret | None) -> None:
        """Back to the form with what was typed."""
        if change.op is Op.SET:
            self.open_form(before, change.path, change)
        elif change.op is Op.META and before is not None:
            self.work(partial(self._metadata_form, before, change), "form", "edit metadata")

    # -- metadata

    def action_secret_edit_metadata(self) -> None:
        self.work(self._edit_metadata, "form", "edit metadata")

    async def _edit_metadata(self) -> None:
        """What is staged for it is gone on with."""
        newest = await self.call(self.session.backend.outline, (await self.selected()).path)
        staged = self.session.staged.paths.get(newest.path)
        draft = None
        if staged is not None and (staged.metadata or staged.retention):
            draft = Change(Op.META, newest.path, metadata=staged.metadata, retention=staged.retention)
        await self._metadata_form(unread(newest), draft)

    async def _metadata_form(self, secret: Secret, draft: Change | None) -> None:
        from kvtui.services.describing import describe  # noqa: PLC0415 - forms load when first asked for
        from kvtui.ui.dialogs.metadata import MetadataDialog  # noqa: PLC0415

        known = await self.call(describe, self.session.backend, secret.outline())

        def done(change: Change | None) -> None:
            if change is not None:
                self.review(change, secret)

        dialog = MetadataDialog(
            secret.path,
            secret.metadata,
            secret.current,
            draft,
            settings=known.retention,
            fits=self._fits,
            keeps=self.session.info().metadata_fields,
        )
        self.app.push_screen(dialog, done)

    # -- the external editor

    def action_secret_edit_external(self) -> None:
        from kvtui.ui.screens.editing_outside import edit  # noqa: PLC0415 - loaded when it is first asked for

        self.work(partial(edit, self), "form", "edit in an editor")

    # -- review and apply

    def review(self, change: Change, before: Secret | None) -> None:
        """Show what will happen; apply, stage, or go back."""
        self.work(partial(self._review, prepared_on(change, before), before), "form", "review")

    async def _review(self, change: Change, before: Secret | None) -> None:
        backend, settings = self.session.backend, None
        try:
            caution = await self.call(backend.caution, change.path)
            if change.retention:
                settings = await self.call(backend.retention, change.path)
        except KvtuiError:
            self.edit_again(change, before)  # what was typed is not lost
            raise
        lacks = await self.what_lacks(change.path)

        from kvtui.ui.dialogs.review import Decision, ReviewDialog  # noqa: PLC0415

        def decided(decision: Decision | None) -> None:
            if decision is Decision.APPLY:
                self.apply(change, before)
            elif decision is Decision.STAGE:
                self.session.staged.stage(together(self.session.staged.paths.get(change.path), change))
                self.show_staged()
                self.say(f"Staged. s shows it, with {len(self.session.staged)} in all.")
            else:
                self.edit_again(change, before)

        dialog = ReviewDialog(
            change,
            before,
            settings=settings,
            ordered=self.session.info().keeps_order,
            lacks=lacks,
            caution=caution,
            reveal_seconds=self.ui.reveal_seconds,
            disclose=self.disclosing(before),
        )
        self.app.push_screen(dialog, decided)

    def apply(self, change: Change, before: Secret | None = None, act: Act | None = None) -> None:
        """Write it. Never cancelled, never repeated by itself."""
        if change.basis.digest is None:
            change = prepared_on(change, before)
        self.work(partial(self._apply, change, before, act), "write", "write", exclusive=False)

    async def _apply(self, change: Change, before: Secret | None, act: Act | None) -> None:
        try:
            applied = await self.call(self.session.apply, change, act=act)
        except (Conflict, AlreadyExists):
            if change.op is not Op.SET:
                raise
            await self._conflict(change, before)
        except KvtuiError:
            if change.op is Op.SET and act is None:
                self.edit_again(change, before)  # what was typed is not lost
            raise
        else:
            staged = self.session.staged.paths.get(change.path)
            if staged is not None and staged.op is change.op and act is None:  # it is what was gone on with
                self.session.staged.unstage(change.path)
            await self.after(applied)

    async def after(self, applied: Applied) -> None:
        """Show the result of a change: the tree, the secret, one line about it."""
        change = applied.change
        where = change.to if change.op in {Op.MOVE, Op.COPY} and change.to else change.path
        said = [_done(applied)]
        if change.op is Op.UNDELETE:
            from kvtui.services.explaining import undeleting  # noqa: PLC0415

            said.append((await self.call(undeleting, self.session.backend, change.path)).removesuffix("."))
        self.say(". ".join([*said, "u takes it back"] if applied.undo else said) + ".")
        for note in applied.notes:
            self.app.notify(show(note).plain, severity="warning", markup=False)
        self.show_staged()
        await self.reload_around(change)
        if not self._is_for_good(change):
            with suppress(PermissionDenied):  # what may be written may not always be looked at
                await self.go_to(where)
                await self.read_secret(where)
        # The next look finds the store changed and reads all of it again: others may have changed it meanwhile.

    def _is_for_good(self, change: Change) -> bool:
        """Whether nothing is left to look at."""
        if change.op is Op.DELETE:
            return not self.session.can(Capability.UNDELETE, change.path)
        return change.op is Op.DESTROY and not change.versions

    async def reload_around(self, change: Change) -> None:
        """Read again the folders a change touched, as far as they are loaded."""
        is_gone = change.op in {Op.DESTROY, Op.MOVE} or self._is_for_good(change)
        if is_gone and self.secret is not None and self.secret.path == change.path:
            self.show_secret(None)
        touched = [path for path in (change.path, change.to) if path]
        folders = {folder for path in touched for folder in ["", *paths.ancestors(path)]}
        for folder in sorted(folders & {"", *self.path_tree.rows.loaded_folders()}):
            await self.load_folder(folder)

    async def _conflict(self, mine: Change, base: Secret | None) -> None:
        from kvtui.ui.dialogs.conflict import ConflictDialog, Resolution  # noqa: PLC0415

        theirs = await self._read_if_there(mine.path)
        if theirs is not None and theirs.version.state is not VersionState.LIVE and not mine.base_version:
            self._onto_deleted(mine, theirs)
            return

        def decided(resolution: Resolution | None) -> None:
            if resolution is None:  # left: as it was, or what was typed would be lost
                self.edit_again(mine, base)
                self.say("Not written. Nothing was overwritten.")
            elif resolution.change is None:
                self.session.staged.unstage(mine.path)
                self.show_staged()
                self.say("Dropped what you typed. Nothing was overwritten.")
            elif resolution.again:
                self.edit_again(resolution.change, theirs)
            else:
                self.review(resolution.change, theirs)

        dialog = ConflictDialog(
            mine, base, theirs, reveal_seconds=self.ui.reveal_seconds, disclose=self.disclosing(base, theirs)
        )
        self.app.push_screen(dialog, decided)

    def _onto_deleted(self, mine: Change, theirs: Secret) -> None:
        """A new secret where a deleted one is: its history is not overwritten by accident."""
        from kvtui.ui.dialogs.confirm import DeletedDialog  # noqa: PLC0415

        def decided(choice: str | None) -> None:
            if choice == "write":
                self.review(mine._replace(base_version=theirs.current), theirs)
            elif choice == "undelete":
                self.apply(Change(Op.UNDELETE, mine.path))
            else:
                self.edit_again(mine, None)

        self.app.push_screen(DeletedDialog(mine.path, theirs), decided)

    async def review_staged(self, change: Change) -> None:
        """Look at a staged change again, against what is there now."""
        now = await self._read_if_there(change.path)
        if change.op is Op.SET and not is_up_to_date(change, now):
            base = await self._read_if_there(change.path, change.base_version) if change.base_version else None
            await self._conflict(change, base)
        else:
            self.review(change, now)

    # -- roll back and undo

    def action_secret_rollback(self) -> None:
        from kvtui.ui.screens.rolling_back import roll_back  # noqa: PLC0415 - loaded when it is first asked for

        self.work(partial(roll_back, self), "form", "roll back")

    def action_change_undo(self) -> None:
        self.work(self._undo, "write", "undo", exclusive=False)

    async def _undo(self) -> None:
        applied = await self.call(self.session.undo)
        await self.after(applied)
        self.say(f"Taken back: {_done(applied)}.")

    async def targets(self, states: Collection[VersionState] = frozenset(VersionState)) -> list[str]:
        """The secrets an action is about: all that is marked, else what is under the cursor; of a folder, all below it
        that are in one of these states. Raises InvalidInput where there is none."""
        path, kind = self.at_cursor
        chosen = self.path_tree.marked or ([(path, kind)] if path is not None and kind is not None else [])
        found: set[str] = set()
        for place, what in chosen:
            if what is EntryKind.SECRET:
                found.add(place)
            else:
                below = await self.all_below(place)
                found |= {entry.path for entry in below if entry.state is None or entry.state in states}
        if not found:
            where = "Nothing of that kind is in it." if chosen else "No secret is selected."
            raise InvalidInput(where, hint="Put the cursor on a secret, or mark some with space.")
        return sorted(found)


def unread(outline: Outline) -> Secret:
    """What is known of a secret whose values cannot be read."""
    return Secret(outline.path, outline.version, {}, outline.metadata, outline.current)


class LiveSecrets:
    """The paths the tree knows a live secret at. A deleted one is dealt with when it comes to writing."""

    def __init__(self, rows: TreeRows) -> None:
        self._rows = rows

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str) or not self._rows.has(path, EntryKind.SECRET):
            return False
        entry = self._rows.entry(path)
        return entry is None or entry.state in {None, VersionState.LIVE}


def together(staged: Change | None, change: Change) -> Change:
    """A change to stage where one is staged already: of values and of metadata, neither replaces the other."""
    if staged is None or {staged.op, change.op} != {Op.SET, Op.META}:
        return change
    values = staged if staged.op is Op.SET else change
    patches = (staged.metadata, change.metadata)
    given = {name: value for patch in patches for name, value in patch._asdict().items() if value is not UNSET}
    settings = [each.retention for each in (staged, change) if each.retention is not None]
    retention = settings[0].changed(settings[-1]) if settings else None
    return values._replace(metadata=MetadataPatch(**given), retention=retention)


def _done(applied: Applied) -> str:
    change = applied.change
    match change.op:
        case Op.SET if applied.version is not None:
            return f"Wrote {_numbered(applied.version, change.path)}"
        case Op.META:
            return f"Changed the metadata of {change.path}"
        case Op.MOVE:
            return f"Moved {change.path} to {change.to}"
        case Op.COPY:
            return f"Copied {change.path} to {change.to}"
        case Op.DELETE:
            return f"Deleted {change.of_versions}{change.path}"
        case Op.UNDELETE:
            return f"Undeleted {change.of_versions}{change.path}"
        case _:
            return f"Destroyed {change.of_versions}{change.path}"


def _numbered(version: Version, path: str) -> str:
    return f"version {version.number} of {path}" if version.numbered else path
