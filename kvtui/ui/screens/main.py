"""The main screen: what acts on several secrets, the trash, staged changes, containers, what is lent; and the screen as
a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual.content import Content

from kvtui.actions import Scope
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from kvtui.domain.secret import EntryKind, VersionState
from kvtui.services.changes import Change, Op, Outcome
from kvtui.ui.keymap import bindings
from kvtui.ui.screens.changing import Changing
from kvtui.ui.screens.showing import Place
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.ui.screens.lending import Lending

__all__ = ["MainScreen", "Place"]


class MainScreen(Changing):
    """Tree and detail, with every action of the table that has a meaning here."""

    BINDINGS = bindings(Scope.MAIN)  # here alone: Textual merges them anew for every class below the one that has them
    together: Sequence[Change] = ()
    """What takes back those that were rotated together, the last one at the end."""

    def on_mount(self) -> None:
        """After this, Textual calls those of its bases by itself."""
        self.take_up_draft()
        if self.session.batches_dir.is_dir():
            from kvtui.ui.screens.rotating import offer_to_go_on  # noqa: PLC0415 - few batches are killed

            self.work(partial(offer_to_go_on, self), "batches", "look for what was begun")

    # -- delete, undelete, destroy

    def action_secret_delete(self) -> None:
        self.work(self._delete, "form", "delete")

    async def _delete(self) -> None:
        targets = await self.targets({VersionState.LIVE})
        versions = await self._chosen_versions(targets, VersionState.LIVE)
        changes = [Change(Op.DELETE, path, versions=versions) for path in targets]
        lost = (await self.what_lacks(*targets)).get(Capability.UNDELETE, "")
        if len(changes) == 1:
            await self._delete_one(changes[0], lost)
        else:
            from kvtui.services.explaining import cautions  # noqa: PLC0415

            known = await self.call(cautions, self.session.backend, targets)
            after = f"Not all of them can be undeleted. {lost}" if lost else "They can be undeleted."
            question = say("Delete these $count secrets? $after", count=_n(changes), after=after)
            self.plan("Delete", question, changes, known=known)

    async def _delete_one(self, change: Change, lost: str) -> None:
        """`lost`: why it cannot be undeleted. Where nobody could, its path is to be typed."""
        from kvtui.services.explaining import can_come_back, deleting  # noqa: PLC0415
        from kvtui.ui.dialogs.confirm import ConfirmDialog, TypedConfirmDialog  # noqa: PLC0415 - few keys ask anything

        path, backend = change.path, self.session.backend
        after = await self.call(deleting, backend, path, lost)
        question = say("$what? $after", what=change.describe(), after=after)
        decided = self._confirmed([change])
        if await self.call(can_come_back, backend, path):
            self.app.push_screen(ConfirmDialog("Delete", question, "Delete", danger=True), decided)
        else:
            self.app.push_screen(TypedConfirmDialog("Delete", question, "Delete", path), decided)

    def action_secret_undelete(self) -> None:
        self.work(self._undelete, "form", "undelete")

    async def _undelete(self) -> None:
        targets = await self.targets({VersionState.DELETED})
        versions = await self._chosen_versions(targets, VersionState.DELETED)
        changes = [Change(Op.UNDELETE, path, versions=versions) for path in targets]
        if len(changes) == 1:
            self.apply(changes[0])
        else:
            self.plan("Undelete", say("Undelete these $count secrets?", count=_n(changes)), changes)

    def action_secret_destroy(self) -> None:
        self.work(self._destroy, "form", "destroy")

    async def _destroy(self) -> None:
        targets = await self.targets()
        if len(targets) != 1:
            raise InvalidInput("Only one secret at a time is destroyed.", hint="Mark one, or put the cursor on it.")
        path = targets[0]
        versions = await self._chosen_versions(targets, VersionState.LIVE, VersionState.DELETED)
        from kvtui.services.explaining import destroying  # noqa: PLC0415

        after = await self.call(destroying, self.session.backend, path, versions)
        question = (
            say(
                "Destroy version [b]$versions[/b] of [b]$path[/b] for good? $after",
                versions=", ".join(map(str, versions)),
                path=path,
                after=after,
            )
            if versions
            else say("Destroy [b]$path[/b] for good? $after", path=path, after=after)
        )

        def decided(yes: bool | None) -> None:
            if yes:
                self.apply(Change(Op.DESTROY, path, versions=versions))

        from kvtui.ui.dialogs.confirm import TypedConfirmDialog  # noqa: PLC0415 - few keys ask anything

        self.app.push_screen(TypedConfirmDialog("Destroy", question, "Destroy", path), decided)

    async def _chosen_versions(self, targets: list[str], *states: VersionState) -> tuple[int, ...]:
        """With the focus in Versions: the marked versions in one of these states, else the one under the cursor.
        Elsewhere none, which means the secret as it is; raises InvalidInput where that has nothing to act on."""
        secret = self.secret
        if len(targets) != 1 or secret is None or secret.path != targets[0]:
            return ()
        if self.focused is self.version_list and not self.path_tree.marked:
            numbers = self.marked_versions or {self.version_list.version or 0}
            chosen = tuple(v.number for v in self.versions if v.number in numbers and v.state in states)
            if not chosen:
                wrong = next((v for v in self.versions if v.number in numbers), secret.version)
                raise InvalidInput(f"Version {wrong.number} is {wrong.state.value}.", hint="Choose another version.")
            return chosen
        newest = await self.call(self.session.backend.outline, secret.path)
        if len(states) == 1 and newest.version.state not in states:
            raise InvalidInput(
                f"Its newest version is {newest.version.state.value} already.", hint="See its versions with v."
            )
        return ()

    # -- several at once

    def _confirmed(self, changes: list[Change], goal: str = "") -> Callable[[bool | None], None]:
        def decided(yes: bool | None) -> None:
            if yes:
                self.work(partial(self.run_changes, changes, goal), "write", "change", exclusive=False)

        return decided

    def plan(
        self,
        verb: str,
        question: Content,
        changes: list[Change],
        taken: frozenset[str] = frozenset(),
        *,
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Show all that is going to be done; do it when that is wanted, but for what would go to a `taken` path. known:
        by path, what else to know of it."""
        from kvtui.ui.dialogs.plan import PlanDialog  # noqa: PLC0415 - dialogs load when first asked for

        items = [
            (
                f"{change.path} → {change.to}" if change.to else change.path,
                "exists: left" if change.to in taken else known.get(change.path, ""),
            )
            for change in changes
        ]
        goal = paths.parent(changes[0].to) if changes[0].to else ""
        danger = changes[0].op is Op.DELETE
        self.app.push_screen(
            PlanDialog(verb, question, verb, items, danger=danger),
            self._confirmed([change for change in changes if change.to not in taken], goal),
        )

    async def run_changes(self, changes: list[Change], goal: str = "") -> None:
        """Apply changes one by one with progress; what fails is listed, the rest is done. goal: where to go then."""
        if len(changes) == 1:
            await self.after(await self.call(self.session.apply, changes[0]))
            return
        outcomes = await self.each((self.session.attempt(change) for change in changes), len(changes))
        await self._summarise(outcomes, len(changes), goal)

    async def _summarise(self, outcomes: list[Outcome], planned: int, goal: str = "") -> None:
        failed = [(outcome.change.path, self._told(outcome)) for outcome in outcomes if outcome.error is not None]
        self.path_tree.clear_marks()
        self.show_staged()
        await self.reload()
        if goal:
            with suppress(NotFound):
                await self.go_to(goal)
        self.tell_counts(len(outcomes), planned, failed)

    def _told(self, outcome: Outcome) -> str:
        """Why it failed; of values that stay staged, where both sides are seen."""
        change, error = outcome.change, outcome.error
        if isinstance(error, (Conflict, AlreadyExists)) and change.op is Op.SET and change in self.session.staged:
            return f"{error.message} It stays staged: s, then enter on it, shows base, theirs and mine."
        return str(error)

    def tell_counts(self, tried: int, planned: int, failed: list[tuple[str, str]]) -> None:
        """How much of something was done; what failed is listed."""
        said = f"{tried - len(failed)} of {planned} done."
        if failed:
            said += f" {len(failed)} failed."
        if tried < planned:
            said += f" Cancelled: {planned - tried} left as they were."
        elif tried > len(failed) and self.session.undoable is not None:
            said += f" u takes them back{', the last one first' * (not self._undoes_together)}."
        self.report(said, failed)

    def report(self, said: str, failed: list[tuple[str, str]]) -> None:
        """What became of several things; those that failed are listed."""
        self.say(said, failed=bool(failed))
        if failed:
            from kvtui.ui.dialogs.pick import ReportDialog  # noqa: PLC0415

            self.app.push_screen(ReportDialog("Not done", failed))

    # -- move and copy

    def action_secret_move(self) -> None:
        self._choose_target(Op.MOVE)

    def action_secret_copy_to(self) -> None:
        self._choose_target(Op.COPY)

    def _choose_target(self, op: Op) -> None:
        from kvtui.ui.screens.moving import choose_target  # noqa: PLC0415 - loaded when it is first asked for

        self.work(partial(choose_target, self, op), "form", op.value)

    # -- rotate

    def action_secret_rotate(self) -> None:
        """The marked secrets as a batch, else the one under the cursor."""
        from kvtui.ui.screens.rotating import rotate_marked, rotate_selected  # noqa: PLC0415 - when first asked for

        self.work(partial(rotate_marked if self.path_tree.marked else rotate_selected, self), "form", "rotate")

    @property
    def _undoes_together(self) -> bool:
        return bool(self.together) and self.session.undoable == self.together[-1]

    def action_change_undo(self) -> None:
        """My last change; of a batch that was rotated together, all of it."""
        if self._undoes_together:
            from kvtui.ui.screens.rotating import take_batch_back  # noqa: PLC0415 - when first asked for

            self.work(partial(take_batch_back, self), "write", "undo", exclusive=False)
        else:
            super().action_change_undo()

    # -- trash and staged changes

    def action_trash_open(self) -> None:
        from kvtui.ui.dialogs.trash import TrashDialog  # noqa: PLC0415

        dialog = TrashDialog(self.session, self.now)

        def decided(path: str | None) -> None:
            self.status.not_listed = dialog.left_out.counts
            if path is not None:
                self.apply(Change(Op.UNDELETE, path, versions=dialog.versions(path)))

        self.app.push_screen(dialog, decided)

    def action_health_open(self) -> None:
        from kvtui.ui.dialogs.health import HealthDialog  # noqa: PLC0415 - loaded when first asked for

        dialog = HealthDialog(self.session, self.now)

        def decided(path: str | None) -> None:
            self.status.not_listed = dialog.left_out.counts
            self.arrive(path)

        self.app.push_screen(dialog, decided)

    def action_change_staged(self) -> None:
        from kvtui.ui.dialogs.staged import StagedDialog  # noqa: PLC0415

        dialog = StagedDialog(self.session)

        def decided(changes: list[Change] | None) -> None:
            self.show_staged()
            if changes and dialog.reviewing:
                self.work(partial(self.review_staged, changes[0]), "form", "review")
            elif changes:
                self.work(self._apply_staged, "write", "apply staged changes", exclusive=False)

        self.app.push_screen(dialog, decided)

    async def _apply_staged(self) -> None:
        planned = len(self.session.staged)
        await self._summarise(await self.each(self.session.apply_staged(), planned), planned)

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
        self.work(partial(self._delete_container, path), "form", "delete a container")

    async def _delete_container(self, path: str) -> None:
        caution = await self.call(self.session.backend.caution, path)

        def decided(yes: bool | None) -> None:
            if yes:
                self.work(
                    partial(self._container, self.session.delete_container, path, "Deleted"),
                    "write",
                    "delete a container",
                )

        after = f"It has to be empty. {caution}".rstrip()
        question = say("Delete the container [b]$name[/b]? $after", name=path, after=after)
        from kvtui.ui.dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - few keys ask anything

        self.app.push_screen(ConfirmDialog("Delete container", question, "Delete", danger=True), decided)

    async def _container(self, function: Callable[[str], None], name: str, done: str) -> None:
        await self.call(function, name)
        await self.load_folder("")
        self.say(f"{done} {name}.")

    # -- leases, and sharing once

    @property
    def _lending(self) -> Lending:
        from kvtui.ui.screens.lending import Lending  # noqa: PLC0415 - few stores lend anything

        return Lending(self)

    def action_lease_list(self) -> None:
        self.work(self._lending.show_leases, "form", "read the leases")

    def action_secret_share(self) -> None:
        self.work(self._lending.choose_share, "form", "share")

    def action_share_unwrap(self) -> None:
        self._lending.ask_for_token()

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
        from kvtui.ui.dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - few keys ask anything

        self.app.push_screen(ConfirmDialog("Quit", question, "Quit", danger=True), decided)


def _n(changes: list[Change]) -> str:
    return str(len(changes))
