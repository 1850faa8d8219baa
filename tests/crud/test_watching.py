"""What the service tells of what is done: live, and from its ring buffer; in dev and test only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kvtui.backends.crud.backend import CrudBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, Locked, Unavailable, Unsupported
from kvtui.domain.event import Event
from tests.crud.places import APP, APP_URI, ENV, fields, store
from tests.doubles.crud import CrudDouble
from tests.doubles.server import Fault, Reply, Seen


def take(stream: Iterator[Event], count: int) -> list[Event]:
    return [next(stream) for _ in range(count)]


@pytest.mark.parametrize("subjects", ["object", "text"])
@pytest.mark.parametrize("piece", [0, 1])
def test_events_come_as_they_happen(crud: CrudDouble, subjects: Any, piece: int) -> None:
    crud.settings.tenant_salt = None
    crud.shape.subjects = subjects
    crud.piece = piece
    with store(crud, token=crud.token("t", subject="ann")) as backend:
        stream = backend.events()
        crud.wait_for_listeners()
        crud.put(APP_URI, {"token": "x"})
        backend.delete(APP)
        look, delete = take(stream, 2)
    assert (look.act, look.path, look.by) == ("read_metadata", APP, "ann")
    assert (delete.act, delete.path, delete.by) == ("delete", APP, "ann")
    assert delete.at is not None
    assert "Permit" in delete.detail


def test_with_a_salt_which_secret_it_was_is_not_made_up(crud: CrudDouble, backend: CrudBackend) -> None:
    stream = backend.events()
    crud.wait_for_listeners()
    backend.write(APP, fields(token="x"))
    event = next(stream)
    assert event.path is None
    assert "decision-" in event.detail
    records = backend.audit()
    assert records.events
    assert all(each.path is None for each in records.events)
    with pytest.raises(Unsupported, match="TENANT_SALT"):
        backend.audit("openbao+kv2/secret")


def test_an_event_shows_nothing_but_what_is_named(crud: CrudDouble, backend: CrudBackend) -> None:
    stream = backend.events()
    crud.wait_for_listeners()
    subject = {"sub": "bot", "act": {"sub": "ann"}}
    odd = json.dumps({"value": "SENTINEL", "resource_ref": APP_URI, "subject": subject})
    for line in (f"data: {odd}", "data: no json: SENTINEL", 'event: secret.updated\ndata: ["SENTINEL"]', ": ping"):
        crud.emit(f"{line}\n\n".encode())
    crud.emit(b'data: {"purpose": "read", "resource_ref": "openbao+kv2://secret/app#token?version=3"}\n\n')
    first, second, last = take(stream, 3)
    assert (first.path, first.by) == (APP, "ann for bot")
    assert (second.act, second.path) == ("secret.updated", None)
    assert (last.path, last.act, last.detail) == (APP, "read", "#token")
    assert all("SENTINEL" not in repr(each) for each in (first, second, last))


def test_an_event_outside_of_the_root_names_its_uri(crud: CrudDouble) -> None:
    crud.settings.tenant_salt = None
    with store(crud, roots=(), root="yaml://secret") as backend:
        stream = backend.events()
        crud.wait_for_listeners()
        crud.emit(f'data: {{"purpose": "read", "resource_ref": "{APP_URI}"}}\n\n'.encode())
        event = next(stream)
    assert event.path is None
    assert APP_URI in event.detail


def test_a_stream_that_ends_or_breaks_says_so(crud: CrudDouble, backend: CrudBackend) -> None:
    for end in (crud.end_events, crud.drop_events):
        stream = backend.events()
        crud.wait_for_listeners()
        end()
        with pytest.raises(Unavailable):
            next(stream)
        crud.wait_for_listeners(0)


def test_a_stream_that_is_let_go_of_ends_on_the_server_too(crud: CrudDouble, backend: CrudBackend) -> None:
    stream = backend.events()
    crud.wait_for_listeners()
    del stream
    crud.wait_for_listeners(0)


def test_interrupting_and_closing_end_what_listens(crud: CrudDouble) -> None:
    for end in ("interrupt", "close"):
        ended = threading.Event()
        ways: dict[str, Any] = {}
        ready = threading.Event()

        def listen(ways: dict[str, Any] = ways, ready: threading.Event = ready, ended: Any = ended) -> None:
            with store(crud) as backend, backend.interruptible() as interrupt:
                ways.update(interrupt=interrupt, close=backend.close)
                stream = backend.events()
                ready.set()
                with pytest.raises(Locked):
                    next(stream)
            ended.set()

        thread = threading.Thread(target=listen)
        thread.start()
        assert ready.wait(10)
        ways[end]()
        thread.join(10)
        assert ended.is_set()


@pytest.mark.parametrize("capability", [Capability.EVENTS, Capability.AUDIT])
def test_outside_of_dev_it_is_not_there_and_greyed_once_that_is_known(
    crud: CrudDouble, backend: CrudBackend, capability: Capability
) -> None:
    crud.settings.environment = "prod"
    ask = {Capability.EVENTS: backend.events, Capability.AUDIT: backend.audit}[capability]
    assert backend.can(capability)
    with pytest.raises(Unsupported, match="in dev and test only") as caught:
        ask()
    assert caught.value.capability == capability
    assert not backend.can(capability)
    assert "in dev and test only" in backend.info().reasons[capability]
    sent = len(crud.requests)
    with pytest.raises(Unsupported):
        ask()
    assert len(crud.requests) == sent


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_that_has_turned_it_off_in_any_way_has_it_not(
    crud: CrudDouble, backend: CrudBackend, status: int
) -> None:
    for ask in (backend.events, backend.audit):
        crud.break_next(Fault("reply", reply=Reply(status, b'{"detail": "Not Found"}')))
        with pytest.raises(Unsupported, match="in dev and test only"):
            ask()
    assert not {Capability.EVENTS, Capability.AUDIT} & backend.info().capabilities


def test_events_need_a_token_where_everything_does(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.settings.require_auth = True
    for ask in (backend.events, backend.audit):
        with pytest.raises(AuthenticationRequired):
            ask()
    assert backend.can(Capability.EVENTS)


@pytest.mark.parametrize("lists", ["wrapped", "bare"])
def test_the_audit_is_told_by_place_and_page(crud: CrudDouble, lists: Any) -> None:
    crud.settings.tenant_salt = None
    crud.shape.lists = lists
    with store(crud) as backend:
        for number in range(80):
            backend.write(f"openbao+kv2/secret/n{number % 4}", fields(token=str(number)))
        backend.write(ENV, fields(A="1"))
        everything = backend.audit(limit=1000)
        assert len(everything.events) == len(crud.audit.records)
        assert not everything.more
        assert everything.events[0].path == ENV
        below = backend.audit("openbao+kv2/secret", limit=1000).events
        assert {event.path for event in below} == {f"openbao+kv2/secret/n{number}" for number in range(4)}
        one = backend.audit("openbao+kv2/secret/n1", limit=1000).events
        pages = [backend.audit("openbao+kv2/secret/n1", offset=offset, limit=25) for offset in (0, 25, 50)]
        assert [event for page in pages for event in page.events] == list(one)[:75]
        assert [page.more for page in pages] == [True, True, False]
        assert backend.audit("openbao+kv2/nothing").events == ()


def test_records_that_come_meanwhile_are_not_counted_twice(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.settings.tenant_salt = None
    for number in range(120):
        crud.audit.record("ann", "read", APP_URI, "Permit", number)
    asked: list[str] = []

    def more(request: Seen) -> bool:
        asked.append(request.target)
        for _ in range(7):
            crud.audit.record("eve", "read", APP_URI, "Permit", None)
        return False

    crud.break_next(Fault("hang", when=more))
    events = [event for event in backend.audit(limit=1000).events if event.by == "ann"]
    assert len(events) == 120
    assert len(asked) > 1
