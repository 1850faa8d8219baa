"""Copying and moving on the server: the newest values, which do not come here.

A move copies and then deletes, and may end in between: what is there afterwards is looked at whenever it did not say
that all is done. A move of a secret onto itself would delete it, and one of a map of the YAML file would take along, or
replace, what lies below: neither is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from kvtui.backends.crud import failures
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.engine import Engine, Standing
from kvtui.backends.crud.places import Place
from kvtui.backends.crud.yaml_tree import YamlTree
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing
from kvtui.domain.errors import (
    AlreadyExists,
    InvalidInput,
    KvtuiError,
    Unavailable,
)
from kvtui.domain.value import like_fields

_HALF: Final = "half"
_Found: TypeAlias = "bool | Literal['half'] | None"


@dataclass(frozen=True, slots=True)
class Side:
    """Where a secret is, or is to be, and what does things there."""

    at: Place
    engine: Engine

    def standing(self) -> Standing:
        return self.engine.standing(self.at)


def carry(api: CrudApi, source: Side, target: Side, *, move: bool, overwrite: bool) -> None:
    """Raises NotFound, AlreadyExists, InvalidInput for what would lose something, Unavailable for half a move."""
    if source.at.uri == target.at.uri:
        raise AlreadyExists("That is the secret itself.", hint="Name another path.", path=target.at.path)
    from_, to = source.standing(), target.standing()
    if from_.is_there is False or not from_.is_live:
        raise missing(source.at.path)
    if to.is_there and not overwrite:
        raise AlreadyExists("A secret is already there.", hint="Choose another path.", path=target.at.path)
    _check_maps(source, target, is_new=not to.is_there, move=move)
    before = (from_, to)
    try:
        _send(api, source, target, move=move, overwrite=overwrite)
    except Unanswered as error:
        found: _Found = settle(error, lambda: _look(source, target, before, move=move), target.at.path)
        if found == _HALF:
            raise _half(error, source) from None
    except KvtuiError as error:
        if move and not isinstance(error, AlreadyExists) and _is_half(source, target, before):
            raise _half(error, source) from None
        raise


def _send(api: CrudApi, source: Side, target: Side, *, move: bool, overwrite: bool) -> None:
    body: Body = {"fromUri": str(source.at.uri), "toUri": str(target.at.uri), "overwrite": overwrite}
    endpoint = "/move" if move else "/copy"
    changed = [side.engine for side in (target, source) if isinstance(side.engine, YamlTree)]
    if changed and (move or isinstance(target.engine, YamlTree)):
        with changed[0].noticing():
            api.change("POST", endpoint, failures.CARRY, body, about=target.at.path)
    else:
        api.change("POST", endpoint, failures.CARRY, body, about=target.at.path)


def _check_maps(source: Side, target: Side, *, is_new: bool, move: bool) -> None:
    """Raise InvalidInput where a map of the YAML file would take others along, or become one."""
    for side in (source, target):
        if isinstance(side.engine, YamlTree) and not side.engine.is_bare(side.at):
            raise InvalidInput(
                "Secrets lie below this one in the YAML file, and would go with it.", hint=_BY_US, path=side.at.path
            )
    if not isinstance(target.engine, YamlTree):
        return
    if not isinstance(source.engine, YamlTree):
        raise InvalidInput(
            "Copied into the YAML file on the server, a map in a field would become a folder.",
            hint=_BY_US,
            path=target.at.path,
        )
    if move and target.at.uri.location.startswith(f"{source.at.uri.location}/"):
        raise InvalidInput(
            "Moved below itself in the YAML file it would be deleted with the source.", hint=_BY_US, path=target.at.path
        )
    if is_new:
        target.engine.refuse_below_a_field(target.at)


_BY_US = "Let kvtui copy it: cp and mv without the server."


def _look(source: Side, target: Side, before: tuple[Standing, Standing], *, move: bool) -> _Found:
    """What became of it, by versions, or by names of fields: False for nothing, "half" for a copy without the rest.
    Values are compared then, and only then: a copy that is none must not be taken for one."""
    from_, to = source.standing(), target.standing()
    if to.is_there is None or from_.is_there is None or before[1].is_there is None:
        return None
    if to == before[1]:
        # in the YAML file a copy over the same fields looks like none
        return None if from_ != before[0] or (to.is_there and isinstance(target.engine, YamlTree)) else False
    if isinstance(to.mark, int) and isinstance(before[1].mark, int) and to.mark != before[1].mark + 1:
        return None
    if from_ != before[0]:
        return True if move else None
    if not like_fields(source.engine.read(source.at, None).fields, target.engine.read(target.at, None).fields):
        return None  # somebody else's
    return _HALF if move else True


def _is_half(source: Side, target: Side, before: tuple[Standing, Standing]) -> bool:
    """Whether a move that was refused was carried out up to the deletion."""
    try:
        return _look(source, target, before, move=True) == _HALF
    except KvtuiError:
        return False  # what the service said first holds


def _half(error: KvtuiError, source: Side) -> Unavailable:
    return Unavailable(
        f"It is copied, but the source is still there. {error.message}",
        hint="Look at the copy, then delete the source.",
        path=source.at.path,
        retryable=False,
    )
