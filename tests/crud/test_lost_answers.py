"""One intent is one request that changes something, whatever goes wrong with it; and what is said of it is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.domain.errors import KvtuiError, RateLimited, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Write
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, fields, store
from tests.doubles.crud import CrudDouble, Shape
from tests.doubles.server import Fault, Reply, Seen

OTHER = "openbao+kv2/secret/other"
ENV_OTHER = "yaml/secret/other"


@dataclass(frozen=True)
class Deed:
    """Something a user wants done once `made` has put something there; `done` is how it looks then."""

    name: str
    do: Callable[[Backend], object]
    done: Callable[[CrudDouble], object]
    purpose: str = "write"


def versions(crud: CrudDouble) -> list[str]:
    secret = crud.cluster().secrets.get("secret/app")
    found = secret.versions.values() if secret else ()
    return ["destroyed" if one.destroyed else "deleted" if one.deleted else "live" for one in found]


def made(crud: CrudDouble) -> None:
    crud.put(APP_URI, {"value": "first"})
    crud.put(APP_URI, {"value": "second", "user": "u"})
    cluster = crud.cluster()
    cluster.write("secret/deleted", {"value": "x"}, subject="s", now=crud.clock.now(), keep=10)
    cluster.delete("secret/deleted", crud.clock.now())
    crud.put(ENV_URI, {"A": "1", "B": "2"})
    crud.put("yaml://secret/deep", {"A": "1", "B": "2", "sub": {"C": "3"}})


DEEDS = [
    Deed("write", lambda b: b.write(APP, fields(value="new")), lambda d: d.live(APP_URI) == {"value": "new"}),
    Deed(
        "write-on",
        lambda b: b.write(APP, fields(value="new"), expected=2),
        lambda d: d.live(APP_URI) == {"value": "new"},
    ),
    Deed(
        "create",
        lambda b: b.write(OTHER, fields(value="new"), expected=0),
        lambda d: d.live("openbao+kv2://secret/other") == {"value": "new"},
    ),
    Deed(
        "rotate",
        lambda b: b.rotate(APP, fields(value="new")),
        lambda d: d.live(APP_URI) == {"value": "new", "user": "u"},
    ),
    Deed("delete", lambda b: b.delete(APP), lambda d: versions(d) == ["live", "deleted"], "delete"),
    Deed("destroy", lambda b: b.destroy(APP), lambda d: versions(d) == [], "destroy"),
    Deed(
        "destroy-versions",
        lambda b: b.destroy(APP, [1]),
        lambda d: versions(d) == ["destroyed", "live"],
        "destroy_versions",
    ),
    Deed(
        "undelete",
        lambda b: b.undelete("openbao+kv2/secret/deleted"),
        lambda d: d.live("openbao+kv2://secret/deleted") == {"value": "x"},
        "undelete",
    ),
    Deed(
        "owner",
        lambda b: b.write_metadata(APP, MetadataPatch(owner="new")),
        lambda d: d.cluster().secrets["secret/app"].custom["owner"] == "new",
        "metadata",
    ),
    Deed(
        "bulk",
        lambda b: _all([*b.write_many([Write(APP, fields(value="new")), Write(OTHER, fields(value="o"))])]),
        lambda d: [d.live(APP_URI), d.live("openbao+kv2://secret/other")] == [{"value": "new"}, {"value": "o"}],
    ),
    Deed("copy", lambda b: b.copy(APP, OTHER), lambda d: d.live("openbao+kv2://secret/other") == d.live(APP_URI)),
    Deed(
        "move",
        lambda b: b.copy(APP, OTHER, move=True),
        lambda d: (d.live("openbao+kv2://secret/other") or {}).get("user") == "u" and d.live(APP_URI) is None,
    ),
    Deed("yaml-field", lambda b: b.write(ENV, fields(A="9", B="2")), lambda d: d.live(f"{ENV_URI}#A") == "9"),
    Deed("yaml-map", lambda b: b.write(ENV, fields(A="9")), lambda d: d.live(ENV_URI) == {"A": "9"}),
    Deed(
        "yaml-bulk",
        lambda b: b.write("yaml/secret/deep", fields(A="8", B="9")),
        lambda d: d.live("yaml://secret/deep") == {"A": "8", "B": "9", "sub": {"C": "3"}},
    ),
    Deed("yaml-rotate", lambda b: b.rotate(ENV, fields(A="9")), lambda d: d.live(f"{ENV_URI}#A") == "9"),
    Deed("yaml-delete", lambda b: b.delete(ENV), lambda d: d.live(ENV_URI) is None, "delete"),
    Deed(
        "yaml-copy", lambda b: b.copy(ENV, ENV_OTHER), lambda d: d.live("yaml://secret/other") == {"A": "1", "B": "2"}
    ),
    Deed(
        "yaml-move",
        lambda b: b.copy(ENV, ENV_OTHER, move=True),
        lambda d: d.live("yaml://secret/other") == {"A": "1", "B": "2"} and d.live(ENV_URI) is None,
    ),
]


def _all(written: list[Any]) -> None:
    for one in written:
        if one.error is not None:
            raise one.error


def is_change(seen: Seen) -> bool:
    return seen.method != "GET"


@pytest.fixture(params=[Shape(), Shape(writes="empty", lists="bare", errors="text")], ids=["told", "untold"])
def double(request: pytest.FixtureRequest) -> Any:
    with CrudDouble(shape=request.param) as crud:
        made(crud)
        yield crud


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_what_is_done_is_one_request_that_changes_something(double: CrudDouble, deed: Deed) -> None:
    with store(double) as backend:
        deed.do(backend)
    assert deed.done(double)
    assert len(double.mutations()) == 1


@pytest.mark.parametrize(
    "kind",
    ["reset_after", pytest.param("late", marks=pytest.mark.slow), pytest.param("close_early", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_what_was_done_without_an_answer_is_seen_to_be_done(double: CrudDouble, deed: Deed, kind: str) -> None:
    double.break_next(Fault(kind, when=is_change))
    with store(double) as backend:
        deed.do(backend)
    assert deed.done(double)
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("kind", ["reset_before", pytest.param("hang", marks=pytest.mark.slow)])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_what_never_came_is_said_to_be_not_done(double: CrudDouble, deed: Deed, kind: str) -> None:
    double.break_next(Fault(kind, when=is_change))
    with store(double) as backend, pytest.raises(Unavailable) as caught:
        deed.do(backend)
    assert "nothing is changed so far" in caught.value.message or "not known" in caught.value.message
    assert not deed.done(double)
    assert len(double.mutations()) == 1


@pytest.mark.slow  # each waits for its time
@pytest.mark.parametrize("deed", DEEDS[1:], ids=lambda deed: deed.name)
def test_any_change_that_takes_too_long_is_one_request(crud: CrudDouble, deed: Deed) -> None:
    test_a_service_that_takes_too_long_gets_one_request(crud, deed)


@pytest.mark.parametrize("deed", DEEDS[:1], ids=lambda deed: deed.name)
def test_a_service_that_takes_too_long_gets_one_request(crud: CrudDouble, deed: Deed) -> None:
    made(crud)
    crud.break_next(Fault("hang", when=is_change, seconds=30))
    with store(crud, timeout=0.5) as backend, pytest.raises(Unavailable):
        deed.do(backend)
    assert len(crud.mutations()) == 1


@pytest.mark.parametrize(
    "status",
    [
        500,
        pytest.param(502, marks=pytest.mark.slow),
        pytest.param(503, marks=pytest.mark.slow),
        pytest.param(504, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("done", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_a_failure_of_the_service_is_looked_into_and_not_repeated(
    double: CrudDouble, deed: Deed, status: int, *, done: bool
) -> None:
    body = Reply(status, b'{"error": "x", "code": "PROVIDER_ERROR", "message": "SENTINEL"}')
    double.break_next(Fault("reply_after" if done else "reply", when=is_change, reply=body))
    with store(double) as backend:
        if done:
            deed.do(backend)
        else:
            with pytest.raises(Unavailable) as caught:
                deed.do(backend)
            assert "SENTINEL" not in str(caught.value)
    assert bool(deed.done(double)) is done
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_where_nobody_can_look_afterwards_the_error_says_that_nobody_knows(double: CrudDouble, deed: Deed) -> None:
    double.break_next(Fault("reset_after", when=is_change))
    gone = Fault("reset_before", when=lambda seen: seen.method == "GET" and bool(double.mutations()), times=99)
    double.break_next(gone)
    with store(double, attempts=1) as backend, pytest.raises(Unanswered) as caught:
        deed.do(backend)
    assert "not known" in caught.value.message
    assert not caught.value.retryable
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_a_429_means_that_nothing_was_done(double: CrudDouble, deed: Deed) -> None:
    double.break_next(Fault("reply", when=is_change, reply=Reply(429, b"{}", {"Retry-After": "7"})))
    with store(double) as backend, pytest.raises(RateLimited) as caught:
        deed.do(backend)
    assert caught.value.retry_after == 7
    assert not deed.done(double)
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_a_redirect_of_a_change_is_not_followed(double: CrudDouble, deed: Deed) -> None:
    double.break_next(Fault("reply", when=is_change, reply=Reply(307, headers={"Location": f"{double.url}/x"})))
    with store(double) as backend, pytest.raises(KvtuiError, match="another address"):
        deed.do(backend)
    assert len(double.mutations()) == 1


def test_a_write_that_somebody_else_overtook_is_not_taken_for_done(double: CrudDouble) -> None:
    """Ours never came, theirs did: nobody can tell from the number alone."""
    double.break_next(Fault("reset_before", when=lambda seen: is_change(seen) and not _theirs(double)))
    with store(double) as backend, pytest.raises(Unanswered, match="not known"):
        backend.write(APP, fields(value="mine"), expected=2)
    assert double.live(APP_URI) == {"value": "theirs"}


def _theirs(double: CrudDouble) -> None:
    double.put(APP_URI, {"value": "theirs"})


def test_reads_are_repeated_after_resets_and_overload(double: CrudDouble) -> None:
    double.break_next(Fault("reset_before", when=lambda seen: "/value" in seen.path))
    double.refuse_next(503, retry_after="0")
    with store(double) as backend:
        assert set(backend.read(APP).fields) == {"value", "user"}
