"""What the service tells of what is done: server-sent events, and the audit's ring buffer; in dev and test only.

A service with a salt tells no URI but a keyed hash of one: which secret such a record is about cannot be told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import event_of
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.places import Places
from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.errors import InvalidInput, Unavailable, Unsupported
from kvtui.domain.event import Audit, Event
from kvtui.domain.json_text import Json


def events(api: CrudApi, places: Places) -> Iterator[Event]:
    """Listens by the time this returns. Ends with Unavailable when the service ends it, or Locked."""
    listening = _events(api, places)
    next(listening)  # the stream is open, and is closed with the iterator
    return _told(listening)


def _told(listening: Iterator[Event | None]) -> Iterator[Event]:
    for event in listening:
        if event is not None:
            yield event


def _events(api: CrudApi, places: Places) -> Iterator[Event | None]:
    with api.events() as stream:
        yield None
        for each in stream:
            kind = "" if each.type == "message" else each.type
            event = _event(_parsed(each.data), places, kind)
            if event is not None:
                yield event
    raise Unavailable("The service ended its events.", hint="Listen again.")


def _parsed(data: str) -> Json:
    try:
        return json_text.parse(data)
    except InvalidInput:
        return None


def audit(api: CrudApi, places: Places, folder: str, offset: int, limit: int) -> Audit:
    """Records are filtered here: the service filters by one URI at most, and never by what is below. Records that come
    meanwhile move the pages along, so none is counted twice."""
    found: list[Event] = []
    hidden = False
    before: set[str] = set()
    for page in api.pages("/audit", failures.AUDIT, about=folder or None):
        marks = [json_text.dump(item) for item in page.items]
        for mark, item in zip(marks, page.items, strict=True):
            told = event_of(item)
            if told is None or mark in before:
                continue
            uri, event = told
            event = _placed(uri, event, places)
            hidden = hidden or uri is None
            if not folder or (event.path is not None and (event.path == folder or paths.is_under(event.path, folder))):
                found.append(event)
        before.update(marks)
        if len(found) > offset + limit:
            break
    if hidden and folder and not found:
        raise Unsupported(
            "The service hides which secret a record is about (TENANT_SALT).",
            capability="audit",
            hint="Ask for all records, without a path.",
            path=folder,
        )
    return Audit(tuple(found[offset : offset + limit]), more=len(found) > offset + limit)


def _event(record: Json, places: Places, kind: str) -> Event | None:
    """What is no record of the documents is told by its kind alone: it may hold anything."""
    told = event_of(record, kind)
    if told is None:
        return Event(None, kind, None) if kind else None
    return _placed(*told, places)


def _placed(uri: CanonicalUri | None, event: Event, places: Places) -> Event:
    if uri is None:
        return event
    path = places.path(uri)
    if path is not None:
        return replace(event, path=path)
    return replace(event, detail=", ".join(filter(None, (event.detail, str(uri.whole)))))
