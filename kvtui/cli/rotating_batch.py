"""rotate of several: in batches, one for each store, which are gone on with and taken back."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from functools import partial

from kvtui.cli.context import Context
from kvtui.cli.exits import Usage
from kvtui.cli.records import time_json
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, PermissionDenied
from kvtui.services.generator import generate
from kvtui.services.rotation import Make, RotationOutcome
from kvtui.services.rotation_batch import How, RotationBatch
from kvtui.services.session import Session


def batches(
    context: Context, args: Namespace, targets: list[tuple[Session, str]], how: How, make: Make | None
) -> Iterator[RotationOutcome]:
    """Rotate what was named, store by store."""
    for session in dict.fromkeys(session for session, _ in targets):
        _refuse_read_only(session)
    for session in dict.fromkeys(session for session, _ in targets):
        wanted = [(path, args.field) for store, path in targets if store is session]
        batch = RotationBatch.begin(session, wanted, how, resume=args.resume, anew=args.anew)
        yield from _run(context, batch, make)


def go_on(context: Context, make: Make | None) -> Iterator[RotationOutcome]:
    """Go on with all that the current profile has begun. Raises Usage where there is none."""
    session = context.session()
    begun = [batch for batch in RotationBatch.all_of(session) if not batch.is_finished]
    if not begun:
        raise InvalidInput("No rotation was begun and not finished here.", hint="Name what to rotate.")
    for batch in begun:
        recipe = batch.how.recipe
        makes = batch.how.there and session.info().makes_values
        if make is None and recipe is None and not makes:
            raise Usage("The new values came from a command.", hint="Name it again: --resume --command …")
        made = make or (None if recipe is None else partial(generate, recipe))
        yield from _run(context, batch, None if makes else made)


def take_back(context: Context, args: Namespace) -> Iterator[RotationOutcome]:
    """The values before, of the batch that was begun last."""
    if args.paths:
        raise Usage("--undo takes back all of the last ones.", hint="For one of them use kvtui rollback.")
    begun = RotationBatch.all_of(context.session())
    if not begun:
        raise InvalidInput("There is no rotation of several to take back.", hint="Use kvtui rollback PATH N.")
    _refuse_read_only(context.session())
    with begun[-1].taking_back() as outcomes:
        yield from outcomes


def _run(context: Context, batch: RotationBatch, make: Make | None) -> Iterator[RotationOutcome]:
    if batch.is_begun:
        context.out.note(
            f"Going on with what was begun at {time_json(batch.begun_at.replace(microsecond=0))}: "
            f"{batch.done} of {len(batch.targets)} are rotated. --anew rotates all of them again."
        )
    with batch.going_on(make) as outcomes:
        yield from outcomes
    if not batch.is_begun:
        batch.forget()
    elif not batch.is_finished:
        context.out.note("The same again, or kvtui rotate --resume, does exactly the rest.")


def _refuse_read_only(session: Session) -> None:
    if session.info().read_only:
        raise PermissionDenied(session.why_not(Capability.WRITE), hint="Nothing was changed.")
