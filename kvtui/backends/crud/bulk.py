"""Many writes in few requests: those of values alone go together, each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import Result
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.engine import ONLY
from kvtui.backends.crud.kv2 import Kv2
from kvtui.backends.crud.places import Place
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.backends.http.settle import settle
from kvtui.backends.http.walk import each_in_order
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import Version, Write, Written

MOST = 50
"""Writes of one request."""
WIDTH = 8
"""Reads at the same time."""
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Planned:
    """A write that may go with others, to a place where versions are kept; `error` where it may not be made at all."""

    write: Write
    at: Place | None = None
    error: KvtuiError | None = None


def together(api: CrudApi, engine: Kv2, planned: Iterable[Planned]) -> Iterator[Written]:
    """One result each, in order. All of a request is done or told of before the first of its results."""
    batch: list[Planned] = []
    size = 0
    for each in planned:
        more = 0 if each.error else len(encode_fields(each.write.fields))
        again = any(each.write.path == other.write.path for other in batch)
        if batch and (len(batch) >= MOST or size + more > _MOST_BYTES or again):
            yield from _sent(api, engine, batch)
            batch, size = [], 0
        batch.append(each)
        size += more
    if batch:
        yield from _sent(api, engine, batch)


@dataclass(frozen=True, slots=True)
class _Going:
    """A write on its way, and the version it is based on; None where that is not looked at, or not told."""

    write: Write
    at: Place
    base: int | None = None


def _sent(api: CrudApi, engine: Kv2, batch: Sequence[Planned]) -> Sequence[Written]:
    """Those based on something are compared with what is there just before, several at a time."""
    with closing(each_in_order(lambda each: _looked_at(engine, each), batch, width=WIDTH)) as found:
        looked = [*found]
    going = [each for each in looked if isinstance(each, _Going)]
    results = iter(_results(api, engine, going) if going else [])
    return [next(results) if isinstance(each, _Going) else each for each in looked]


def _looked_at(engine: Kv2, each: Planned) -> _Going | Written:
    if each.at is None:
        return Written(each.write.path, error=each.error)
    if each.write.expected is None:
        return _Going(each.write, each.at)
    try:
        base = engine.base(each.at)
        engine.compare(each.at, base, each.write.expected)
    except KvtuiError as error:
        return Written(each.write.path, error=error)
    return _Going(each.write, each.at, base)


def _results(api: CrudApi, engine: Kv2, going: Sequence[_Going]) -> Sequence[Written]:
    operations: list[Body] = [{"op": "set", "uri": str(each.at.uri), "value": each.write.fields} for each in going]
    try:
        results = api.bulk(operations, failures.WRITE, stop=False)
    except Unanswered as error:
        lost = error
        return [_settled(engine, each, lost) for each in going]
    except KvtuiError as error:
        return [Written(each.write.path, error=error) for each in going]
    return [_written(engine, each, result) for each, result in zip(going, results, strict=True)]


def _written(engine: Kv2, each: _Going, result: Result) -> Written:
    if result.done is False:
        return Written(each.write.path, error=result.error(failures.WRITE, each.write.path))
    if result.done is None:
        return _settled(engine, each, _untold())
    engine.seen.saw(each.write.path, each.write.fields)
    return Written(each.write.path, ONLY if result.version is None else Version(result.version))


def _settled(engine: Kv2, each: _Going, error: Unanswered) -> Written:
    """By what is there. Where nobody looked before, the same values are taken for ours, whoever wrote them."""
    path = each.write.path
    lost = Unanswered(error.message, hint=error.hint, may_have_arrived=error.may_have_arrived)
    try:
        return Written(path, settle(lost, lambda: engine.ours(each.at, each.write.fields, each.base), path))
    except KvtuiError as failure:
        return Written(path, error=failure)


def _untold() -> Unanswered:
    return Unanswered("The service does not say what became of this write.", hint="Look at it.", may_have_arrived=True)
