"""Moving and copying: asks where to; then the store does it, or `carrying`. Loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, KvtuiError, NotFound
from kvtui.domain.secret import EntryKind
from kvtui.services.changes import Change, Op
from kvtui.services.session import Session
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.goto import Target, TargetDialog
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.ui.screens.main import MainScreen


async def choose_target(screen: MainScreen, op: Op) -> None:
    """One secret or folder gets a new path; several marked ones go into a folder, each under its name."""
    targets = await screen.targets()
    chosen = screen.path_tree.marked or [screen.path_tree.cursor or ("", EntryKind.FOLDER)]
    one = chosen[0] if len(chosen) == 1 else None
    source = one[0] if one else ""
    title = "Move or rename" if op is Op.MOVE else "Copy to…"

    def decided(target: Target | None) -> None:
        if target is None:
            return
        roots = [path for path, kind in chosen if kind is EntryKind.FOLDER]
        single = one is not None and one[1] is EntryKind.SECRET
        goals = [target.path if single else _rebased(p, roots, target.path, rename=one is not None) for p in targets]
        can = screen.session.can
        if target.there:
            pairs = list(zip(targets, goals, strict=True))
            screen.work(partial(_plan_there, screen, op, pairs), "form", title)
        elif target.profile or not (can(Capability.MOVE) and can(Capability.HISTORY)):
            pairs = list(zip(targets, goals, strict=True))
            screen.work(partial(_carry, screen, op, pairs, target.profile), "beside", title)
        elif single:
            change = Change(op, source, to=target.path)
            screen.work(partial(_one, screen, change), "write", title, exclusive=False)
        else:
            changes = [Change(op, path, to=goal) for path, goal in zip(targets, goals, strict=True)]
            screen.work(partial(_plan, screen, op, changes), "form", title)

    dialog = TargetDialog(
        title,
        op.value.capitalize(),
        source,
        len(targets),
        folder=one is not None and one[1] is EntryKind.FOLDER,
        here=screen.session.profile.label,
        profiles=[name for name in screen.kvtui.profiles.names if name != screen.session.profile.name],
        there=screen.session.can(Capability.COPY),
    )
    screen.app.push_screen(dialog, decided)


async def _carry(screen: MainScreen, op: Op, pairs: Sequence[tuple[str, str]], profile: str) -> None:
    from kvtui.ui.screens.carrying import begin  # noqa: PLC0415 - most stores move by themselves

    await begin(screen, op, pairs, screen.kvtui.profiles.get(profile) if profile else None)


async def _plan_there(screen: MainScreen, op: Op, pairs: Sequence[tuple[str, str]]) -> None:
    """Show what the server is going to be asked for; what is there is left alone."""
    from kvtui.ui.dialogs.plan import PlanDialog  # noqa: PLC0415 - dialogs load when first asked for

    backend, items = screen.session.backend, list[tuple[str, str]]()
    for path, to in pairs:
        changed = [to, path] if op is Op.MOVE else [to]
        cautions = [await screen.call(backend.caution, place) for place in changed]
        items.append((f"{path} → {to}", " ".join(filter(None, cautions))))
    verb = op.value.capitalize()
    question = say(
        f"{verb} these $count on the server? It copies the newest values alone: older versions and metadata are not "
        "carried. Nothing takes it back with one key.",
        count=f"{len(pairs)} secret{'s' * (len(pairs) != 1)}",
    )

    def decided(yes: bool | None) -> None:
        if yes:
            screen.work(partial(_do_there, screen, op, pairs), "write", f"{op.value} on the server", exclusive=False)

    screen.app.push_screen(PlanDialog(verb, question, verb, items, danger=op is Op.MOVE), decided)


async def _do_there(screen: MainScreen, op: Op, pairs: Sequence[tuple[str, str]]) -> None:
    def do(path: str, to: str) -> tuple[str, str]:
        try:
            screen.session.copy_there(path, to, move=op is Op.MOVE)
        except KvtuiError as error:
            return path, str(error)
        return path, ""

    outcomes = await screen.each((do(path, to) for path, to in pairs), len(pairs))
    screen.path_tree.clear_marks()
    await screen.reload()
    if not outcomes[0][1]:
        with suppress(NotFound):
            await screen.go_to(pairs[0][1])
    screen.tell_counts(len(outcomes), len(pairs), [(path, error) for path, error in outcomes if error])


async def _one(screen: MainScreen, change: Change) -> None:
    try:
        await screen.run_changes([change])
    except AlreadyExists:
        if change.to is None:
            raise
        question = say(
            "[b]$target[/b] exists. Write the newest values of [b]$path[/b] as its next version?",
            target=change.to,
            path=change.path,
        )

        def decided(yes: bool | None) -> None:
            if yes:
                screen.work(partial(_overwrite, screen, change), "write", "overwrite", exclusive=False)

        screen.app.push_screen(ConfirmDialog("It exists", question, "Write a version", danger=True), decided)


async def _overwrite(screen: MainScreen, change: Change) -> None:
    await screen.after(await screen.call(partial(screen.session.apply, change, overwrite=True)))


async def _plan(screen: MainScreen, op: Op, changes: list[Change]) -> None:
    ends = [change.to for change in changes if change.to]
    taken = await screen.call(_existing, screen.session, ends)
    twice = {end for end in ends if ends.count(end) > 1} if len(set(ends)) < len(ends) else set()
    if twice:
        raise InvalidInput(
            f"Several of them would become {min(twice)}.", hint="Move them one by one, or rename one first."
        )
    if taken >= set(ends):
        raise InvalidInput("All of them exist there already.", hint="Choose another folder. Nothing was changed.")
    verb = op.value.capitalize()
    question = say(f"{verb} these $count secrets, with their versions?", count=str(len(changes)))
    screen.plan(verb, question, changes, taken)


def _existing(session: Session, ends: list[str]) -> frozenset[str]:
    """Which of these paths are taken. Blocking."""
    found: set[str] = set()
    for folder in {paths.parent(end) for end in ends}:
        with suppress(NotFound):
            listing = session.backend.list(folder)
            found |= {entry.path for entry in listing.entries if not entry.is_folder}
    return frozenset(found & set(ends))


def _rebased(path: str, roots: list[str], target: str, *, rename: bool) -> str:
    """Where a secret goes that is below one of the folders `roots`, or stands for itself. rename: the one folder is
    called `target` then; else everything goes into `target` under its name."""
    root = next((root for root in roots if path.startswith(f"{root}/")), None)
    if root is None:
        return paths.join(target, paths.name(path))
    below = paths.relative(path, root)
    return paths.join(target, below if rename else paths.join(paths.name(root), below))
