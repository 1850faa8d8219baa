"""The main screen: what acts on several secrets, the trash, staged changes, containers; and the screen as a whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import EntryKind, VersionState
from kvtui.services.changes import Change, Op, Outcome
from kvtui.ui.dialogs.confirm import ConfirmDialog, TypedConfirmDialog
from kvtui.ui.screens.changing import Changing
from kvtui.ui.screens.workbench import Place
from kvtui.ui.show import say

__all__ = ["MainScreen", "Place"]


class MainScreen(Changing):
    """Tree and detail, with every action of the table that has a meaning here."""

    def on_mount(self) -> None:
        super().on_mount()
        self.take_up_draft()

    # -- delete, undelete, destroy

    def action_secret_delete(self) -> None:
        self.work(self._delete, "form", "delete")

    async def _delete(self) -> None:
        targets = await self._targets()
        versions = self._versions_under_cursor(VersionState.LIVE)
        await self._ask(Op.DELETE, targets, versions, "It can be undeleted.")

    def action_secret_undelete(self) -> None:
        self.work(self._undelete, "form", "undelete")

    async def _undelete(self) -> None:
        targets = await self._targets()
        versions = self._versions_under_cursor(VersionState.DELETED)
        changes = [Change(Op.UNDELETE, path, versions=versions) for path in targets]
        await self.run_changes(changes)

    def action_secret_destroy(self) -> None:
        self.work(self._destroy, "form", "destroy")

    async def _destroy(self) -> None:
        targets = await self._targets()
        if len(targets) != 1:
            raise InvalidInput("Only one secret at a time is destroyed.", hint="Take the marks off with ctrl+a.")
        path = targets[0]
        versions = tuple(sorted(self.marked_versions)) if self.secret and self.secret.path == path else ()
        question = (
            say(
                "Destroy version [b]$versions[/b] of [b]$path[/b] for good? Their values cannot be restored.",
                versions=", ".join(map(str, versions)),
                path=path,
            )
            if versions
            else say("Destroy [b]$path[/b] with all its versions for good? It cannot be restored.", path=path)
        )

        def decided(yes: bool | None) -> None:
            if yes:
                self.apply(Change(Op.DESTROY, path, versions=versions))

        self.app.push_screen(TypedConfirmDialog("Destroy", question, "Destroy", path), decided)

    def _versions_under_cursor(self, state: VersionState) -> tuple[int, ...]:
        """In the Versions tab: the marked versions, else the one under the cursor. Elsewhere: the current one."""
        if self.focused is not self.version_list or self.path_tree.marked:
            return ()
        numbers = self.marked_versions or {self.version_list.version or 0}
        return tuple(v.number for v in self.versions if v.number in numbers and v.state is state)

    async def _targets(self) -> list[str]:
        """The secrets an action is about: marked ones, the one under the cursor, or all below the folder under it."""
        if chosen := self.selected_paths():
            return chosen
        folders = sorted(path for path, kind in self.path_tree.marked if kind is EntryKind.FOLDER)
        path, kind = self.at_cursor
        if not folders and path is not None and kind is EntryKind.FOLDER:
            folders = [path]
        if not folders:
            raise InvalidInput("No secret is selected.", hint="Put the cursor on one, or mark some with space.")
        return [
            entry.path
            for folder in folders
            for entry in await self.call(lambda where: list(self.session.backend.walk(where)), folder)
        ]

    async def _ask(self, op: Op, targets: list[str], versions: tuple[int, ...], comfort: str) -> None:
        """Ask once, naming what will happen, then do it."""
        verb = op.value.capitalize()
        changes = [Change(op, path, versions=versions) for path in targets]
        if len(targets) == 1:
            question = say("$what? $comfort", what=changes[0].describe(), comfort=say(comfort))
        else:
            names = ", ".join(targets[:5]) + (" …" if len(targets) > 5 else "")
            question = say(
                "$verb [b]$count[/b] secrets: $names? $comfort",
                verb=say(verb),
                count=str(len(targets)),
                names=names,
                comfort=say(comfort),
            )

        def decided(yes: bool | None) -> None:
            if yes:
                self.work(partial(self.run_changes, changes), "long", verb, exclusive=False)

        self.app.push_screen(ConfirmDialog(verb, question, verb, danger=op is Op.DELETE), decided)

    async def run_changes(self, changes: list[Change], *, overwrite: bool = False) -> None:
        """Apply changes one by one with progress; what fails is listed, the rest is done."""
        if len(changes) == 1:
            applied = await self.call(partial(self.session.apply, changes[0], overwrite=overwrite))
            await self.after(applied)
            return
        outcomes: list[Outcome] = []
        try:
            for count, change in enumerate(changes, 1):
                self.status.busy = f"{count}/{len(changes)}"
                outcomes.append(await self.call(self.session.attempt, change, overwrite=overwrite))
        finally:
            self.status.busy = ""
            await self._summarise(outcomes, len(changes))

    async def _summarise(self, outcomes: list[Outcome], planned: int) -> None:
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        self.path_tree.clear_marks()
        await self.reload()
        done = len(outcomes) - len(failed)
        self.say(f"{done} of {planned} done." + (f" {len(failed)} failed." if failed else ""), failed=bool(failed))
        if failed:
            from kvtui.ui.dialogs.pick import ReportDialog  # noqa: PLC0415

            self.app.push_screen(ReportDialog("Not done", [(o.change.path, str(o.error)) for o in failed]))

    # -- move and copy

    def action_secret_move(self) -> None:
        self.work(partial(self._transfer, Op.MOVE), "form", "move")

    def action_secret_copy_to(self) -> None:
        self.work(partial(self._transfer, Op.COPY), "form", "copy")

    async def _transfer(self, op: Op) -> None:
        from kvtui.ui.dialogs.goto import TargetDialog  # noqa: PLC0415

        path, kind = self.at_cursor
        targets = await self._targets()
        one = len(targets) == 1 and kind is EntryKind.SECRET
        source = targets[0] if one else (path or "") if kind is EntryKind.FOLDER and not self.path_tree.marked else ""
        title = "Move or rename" if op is Op.MOVE else "Copy to…"
        count = 1 if one else len(targets)

        def decided(target: str | None) -> None:
            if target is None:
                return
            changes = [Change(op, old, to=target if one else _rebased(old, source, target)) for old in targets]
            self.work(partial(self.run_changes, changes), "long", title, exclusive=False)

        self.app.push_screen(TargetDialog(title, op.value.capitalize(), source, count), decided)

    # -- trash and staged changes

    def action_trash_open(self) -> None:
        self.work(self._trash, "form", "read the trash")

    async def _trash(self) -> None:
        from kvtui.ui.dialogs.trash import TrashDialog  # noqa: PLC0415

        deleted = await self.call(lambda: list(self.session.backend.trash()))
        dialog = TrashDialog(deleted, self.now)

        def decided(path: str | None) -> None:
            if path is not None:
                self.apply(Change(Op.UNDELETE, path, versions=dialog.versions(path)))

        self.app.push_screen(dialog, decided)

    def action_change_staged(self) -> None:
        from kvtui.ui.dialogs.staged import StagedDialog  # noqa: PLC0415

        def decided(apply: bool | None) -> None:
            self.show_staged()
            if apply:
                self.work(self._apply_staged, "long", "apply staged changes", exclusive=False)

        self.app.push_screen(StagedDialog(self.session), decided)

    async def _apply_staged(self) -> None:
        planned = len(self.session.staged)
        outcomes = self.session.apply_staged()
        done: list[Outcome] = []
        try:
            while (outcome := await self.call(next, outcomes, None)) is not None:
                done.append(outcome)
                self.status.busy = f"{len(done)}/{planned}"
                self.show_staged()
        finally:
            self.status.busy = ""
            await self._summarise(done, planned)

    # -- containers

    def action_container_create(self) -> None:
        from kvtui.ui.dialogs.goto import NameDialog  # noqa: PLC0415

        def decided(name: str | None) -> None:
            if name is not None:
                self.work(
                    partial(self._container, self.session.create_container, name, "Created"),
                    "write",
                    "create a container",
                )

        self.app.push_screen(NameDialog("Create container", "Create"), decided)

    def action_container_delete(self) -> None:
        path, kind = self.at_cursor
        if path is None or kind is not EntryKind.FOLDER or "/" in path:
            self.problem(InvalidInput("No container is selected.", hint="Put the cursor on an empty top-level folder."))
            return

        def decided(yes: bool | None) -> None:
            if yes:
                self.work(
                    partial(self._container, self.session.delete_container, path, "Deleted"),
                    "write",
                    "delete a container",
                )

        question = say("Delete the container [b]$name[/b]? It has to be empty.", name=path)
        self.app.push_screen(ConfirmDialog("Delete container", question, "Delete", danger=True), decided)

    async def _container(self, function: Callable[[str], None], name: str, done: str) -> None:
        await self.call(function, name)
        await self.load_folder("")
        self.say(f"{done} {name}.")

    # -- leaving

    def ask_to_quit(self) -> None:
        """Staged changes are not kept over the end of the program."""

        def decided(yes: bool | None) -> None:
            if yes:
                self.session.staged.clear()
                self.app.call_later(self.kvtui.action_app_quit)

        question = say(
            "[b]$count[/b] staged changes are not applied and will be dropped.", count=str(len(self.session.staged))
        )
        self.app.push_screen(ConfirmDialog("Quit", question, "Quit", danger=True), decided)


def _rebased(path: str, source: str, target: str) -> str:
    """The place below `target` that `path` has below `source`; several marked secrets go side by side into it."""
    return paths.join(target, paths.relative(path, source) if source else paths.name(path))
