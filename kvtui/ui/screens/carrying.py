"""Copying and moving where the store does not do it by itself, or into another profile: planned, with what would be
lost, then one by one. Loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain.errors import AlreadyExists, AuthenticationRequired, KvtuiError, NotFound
from kvtui.services.carrying import begun
from kvtui.services.changes import Op
from kvtui.services.explaining import cautions
from kvtui.services.session import Session
from kvtui.ui.dialogs.plan import PlanDialog
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.services.profiles import Profile
    from kvtui.ui.screens.main import MainScreen


@dataclass(frozen=True, slots=True)
class _Item:
    """One secret: where it goes, what is to be known before, and why it cannot be carried at all."""

    path: str
    to: str
    remark: str = ""
    refused: str = ""
    begun: bool = False
    """Whether an earlier run has left its beginning there, which is gone on with."""


@dataclass(frozen=True, slots=True)
class Carrying:
    """`pairs` of path and new path, from the screen's session into another one, or into itself."""

    screen: MainScreen
    op: Op
    pairs: Sequence[tuple[str, str]]
    other: Session

    @property
    def where(self) -> str:
        return "" if self.other is self.screen.session else f" to {self.other.profile.label}"

    async def close(self) -> None:
        """Lock what was opened beside."""
        if self.other is not self.screen.session:
            await self.screen.call(self.other.lock)

    async def plan(self) -> None:
        """Show all that is going to be done, and what would be lost; do it when that is wanted."""
        screen, verb = self.screen, self.op.value.capitalize()
        items: list[_Item] = []
        try:
            items = await screen.each((self._look(path, to) for path, to in self.pairs), len(self.pairs))
        finally:
            if len(items) < len(self.pairs):
                await self.close()
        able = [item for item in items if not item.refused]
        if len(items) < len(self.pairs):
            screen.say("Cancelled. Nothing was changed.")
        elif not able:
            await self.close()
            screen.report("Nothing was changed.", [(item.path, item.refused) for item in items])
        else:
            some = f"{len(able):,} of " if len(able) < len(items) else ""
            count = f"{some}{len(items):,} secret{'s' * (len(items) > 1)}"
            where = " to $profile" if self.other is not screen.session else ""
            question = say(f"{verb} $count{where}, with all versions?", count=count, profile=self.other.profile.label)
            if self.op is Op.MOVE:
                question += say("\nEach is checked there before it is removed here.")
            rows = [(f"{item.path} → {item.to}", item.refused or item.remark) for item in items]
            dialog = PlanDialog(verb, question, verb, rows, danger=self.op is Op.MOVE)
            screen.app.push_screen(dialog, partial(self._decided, able))

    def _decided(self, able: list[_Item], yes: bool | None) -> None:
        if yes:
            self.screen.work(partial(self._do_all, able), "write", self.op.value, exclusive=False)
        else:
            self.screen.work(self.close, "write", "lock what was opened beside", exclusive=False)

    async def _do_all(self, items: list[_Item]) -> None:
        screen = self.screen
        try:
            outcomes = await screen.each((self._do(item) for item in items), len(items))
        finally:
            await self.close()
        failed = [(path, error) for path, error in outcomes if error]
        screen.path_tree.clear_marks()
        await screen.reload()
        if self.other is screen.session:
            with suppress(NotFound):
                await screen.go_to(items[0].to)
        done = len(outcomes) - len(failed)
        said = f"{done} of {len(items)} {'moved' if self.op is Op.MOVE else 'copied'}{self.where}."
        if len(outcomes) < len(items):
            said += f" Cancelled: {len(items) - len(outcomes)} left as they were."
        screen.report(said, failed)

    def _look(self, path: str, to: str) -> _Item:
        """What would become of one of them. Blocking."""
        try:
            losses = self.screen.session.losses(path, self.other, to)
        except KvtuiError as error:
            return _Item(path, to, refused=str(error))
        grave = " ".join(loss.what for loss in losses if not loss.slight)
        if self.op is Op.MOVE and grave:
            return _Item(path, to, refused=f"stays, as something would be lost: {grave}")
        remark = " ".join([grave or " ".join(loss.what for loss in losses), *self._cautions(path, to)]).strip()
        try:
            self.other.backend.outline(to)
            there, whole = begun(self.screen.session.backend, path, self.other.backend, to)
        except NotFound:
            return _Item(path, to, remark=remark)
        except AlreadyExists:
            return _Item(path, to, refused="exists there: left")
        except KvtuiError as error:
            return _Item(path, to, refused=str(error))
        if there == whole and self.op is Op.COPY:
            return _Item(path, to, refused="is there already, the same: left")
        if not there:
            return _Item(path, to, remark=remark)
        begins = f"{there} of {whole} versions are there already: goes on with them."
        return _Item(path, to, remark=f"{begins} {remark}".rstrip(), begun=True)

    def _cautions(self, path: str, to: str) -> Iterable[str]:
        """What to know of the places that something is changed at."""
        yield from cautions(self.other.backend, [to]).values()
        if self.op is Op.MOVE:
            yield from cautions(self.screen.session.backend, [path]).values()

    def _do(self, item: _Item) -> tuple[str, str]:
        """Its path, and why it failed, "" where it did not. Blocking."""
        try:
            how = {"move": self.op is Op.MOVE, "resume": item.begun}
            self.screen.session.carry(item.path, self.other, item.to, **how)
        except KvtuiError as error:
            return item.path, str(error)
        return item.path, ""


async def begin(screen: MainScreen, op: Op, pairs: Sequence[tuple[str, str]], profile: Profile | None) -> None:
    """Open what they go into (`profile` None: the screen's own), then plan."""
    other = screen.session if profile is None else await open_beside(screen, profile)
    if other is None:
        screen.say("Nothing was changed.")
    else:
        screen.work(Carrying(screen, op, pairs, other).plan, "form", f"plan to {op.value}")


async def open_beside(screen: MainScreen, profile: Profile) -> Session | None:
    """Another profile's store, open until it is locked again; whoever sits there may have to sign in. None where that
    was left."""
    from kvtui.backends.factory import StoreState  # noqa: PLC0415
    from kvtui.ui.dialogs.sign_in import SignInDialog  # noqa: PLC0415
    from kvtui.ui.dialogs.unlock import UnlockDialog  # noqa: PLC0415

    session = Session(profile)
    try:
        state = await screen.call(session.enter)
    except AuthenticationRequired as error:
        if not profile.factory.signs_in:
            raise
        return session if await screen.app.push_screen_wait(SignInDialog(session, error.message)) else None
    if state is StoreState.MISSING:
        raise NotFound(f"The profile {profile.name} has no vault yet.", hint="Open it once with P to create it.")
    if state is StoreState.LOCKED:
        return session if await screen.app.push_screen_wait(UnlockDialog(session)) else None
    return session
