"""Many writes in few requests: those that are based on nothing go together, each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import Result
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.engine import ONLY
from kvtui.backends.crud.kv2 import Kv2
from kvtui.backends.crud.places import Place
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import Version, Write, Written

MOST = 50
"""Writes of one request."""
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


def _sent(api: CrudApi, engine: Kv2, batch: list[Planned]) -> list[Written]:
    going = [each for each in batch if each.at is not None]
    results = iter(_results(api, engine, going) if going else [])
    return [next(results) if each.at is not None else Written(each.write.path, error=each.error) for each in batch]


def _results(api: CrudApi, engine: Kv2, going: list[Planned]) -> list[Written]:
    operations: list[Body] = [
        {"op": "set", "uri": str(each.at.uri), "value": each.write.fields} for each in going if each.at is not None
    ]
    try:
        results = api.bulk(operations, failures.WRITE, stop=False)
    except Unanswered as error:
        return [_settled(engine, each, error) for each in going]
    except KvtuiError as error:
        return [Written(each.write.path, error=error) for each in going]
    return [_written(engine, each, result) for each, result in zip(going, results, strict=True)]


def _written(engine: Kv2, each: Planned, result: Result) -> Written:
    if result.done is False:
        return Written(each.write.path, error=result.error(failures.WRITE, each.write.path))
    if result.done is None:
        return _settled(engine, each, _untold())
    engine.seen.saw(each.write.path, each.write.fields)
    return Written(each.write.path, ONLY if result.version is None else Version(result.version))


def _settled(engine: Kv2, each: Planned, error: Unanswered) -> Written:
    """By what is there: the same values are taken for ours, whoever wrote them."""
    if not error.may_have_arrived or each.at is None:
        return Written(each.write.path, error=error)
    try:
        found = engine.ours(each.at, each.write.fields, None)
    except KvtuiError:
        found = None
    if found:
        return Written(each.write.path, found)
    told = Unanswered(error.message, hint=error.hint, may_have_arrived=True)
    told.path = each.write.path
    return Written(each.write.path, error=told)


def _untold() -> Unanswered:
    return Unanswered("The service does not say what became of this write.", hint="Look at it.", may_have_arrived=True)
