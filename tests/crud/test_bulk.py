"""Many writes in one request: each is told what became of it, whatever the service leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvtui.backends.crud import bulk
from kvtui.backends.crud.backend import CrudBackend
from kvtui.domain.errors import Conflict, InvalidInput, InvalidPath, PermissionDenied, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Write
from tests.crud.places import fields, store
from tests.doubles.crud import CrudDouble
from tests.doubles.server import Fault, Reply

BASE = "openbao+kv2/secret"


def writes(count: int) -> list[Write]:
    return [Write(f"{BASE}/n{number}", fields(value=str(number))) for number in range(count)]


def operations(crud: CrudDouble) -> list[int]:
    return [len(json.loads(sent.body)["operations"]) for sent in crud.mutations() if sent.path.endswith("/bulk")]


@pytest.mark.parametrize("lists", ["wrapped", "bare"])
def test_many_writes_are_few_requests(crud: CrudDouble, lists: Any) -> None:
    crud.shape.lists = lists
    with store(crud) as backend:
        results = list(backend.write_many(writes(bulk.MOST + 1)))
    assert [result.version.number if result.version else None for result in results] == [1] * (bulk.MOST + 1)
    assert operations(crud) == [bulk.MOST, 1]
    assert len(crud.requests) == 2  # nothing is looked at
    assert crud.live("openbao+kv2://secret/n7") == {"value": "7"}


def test_one_that_fails_leaves_the_others_alone(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.deny("write", "openbao+kv2://secret/n1")
    several = [*writes(3), Write(f"{BASE}/bad name", fields(value="x")), Write(f"{BASE}/n4", fields(value=2**60 + 1))]
    results = list(backend.write_many(several))
    kinds = [type(result.error) for result in results]
    assert kinds == [type(None), PermissionDenied, type(None), InvalidPath, InvalidInput]
    assert "purpose write" in str(results[1].error)
    assert [each.path for each in results] == [each.path for each in several]
    assert operations(crud) == [3]


def test_a_path_that_comes_twice_is_written_twice_in_order(crud: CrudDouble, backend: CrudBackend) -> None:
    twice = [Write(f"{BASE}/a", fields(value=text)) for text in "12"]
    numbers = [result.version.number for result in backend.write_many(twice) if result.version]
    assert numbers == [1, 2]
    assert crud.live("openbao+kv2://secret/a") == {"value": "2"}


def test_what_tells_an_owner_or_is_in_the_yaml_file_goes_alone(crud: CrudDouble, backend: CrudBackend) -> None:
    some = [
        *writes(2),
        Write(f"{BASE}/n0", fields(value="x"), expected=0),
        Write(f"{BASE}/owned", fields(value="x"), MetadataPatch(owner="me")),
        Write("yaml/secret/env", fields(A="1")),
        Write(f"{BASE}/last", fields(value="x")),
    ]
    results = list(backend.write_many(some))
    assert [result.path for result in results] == [write.path for write in some]
    assert [type(result.error) for result in results] == [type(None), type(None), Conflict, *[type(None)] * 3]
    assert operations(crud) == [2, 1]


def test_what_is_based_on_a_version_is_compared_with_it_just_before(crud: CrudDouble, backend: CrudBackend) -> None:
    for number in range(4):
        crud.put(f"openbao+kv2://secret/n{number}", {"value": "theirs"})
    some = [Write(f"{BASE}/n{number}", fields(value="x"), expected=number % 2) for number in range(5)]
    results = list(backend.write_many(some))
    assert [result.version.number if result.version else 0 for result in results] == [0, 2, 0, 2, 1]
    assert all(isinstance(results[number].error, Conflict) for number in (0, 2))
    assert operations(crud) == [3]
    assert len(crud.mutations()) == 1


def test_what_the_answer_leaves_out_is_looked_at(crud: CrudDouble, backend: CrudBackend) -> None:
    def cut(seen: Any) -> bool:
        return bool(seen.path.endswith("/bulk"))

    told = {"results": [{"index": 0, "status": "ok", "version": 1}]}
    crud.break_next(Fault("reply_after", when=cut, reply=Reply(body=json.dumps(told).encode())))
    results = list(backend.write_many(writes(3)))
    assert [result.error for result in results] == [None] * 3
    crud.break_next(Fault("reply", when=cut, reply=Reply(body=json.dumps(told).encode())))
    more = [Write(f"{BASE}/m{number}", fields(value="x")) for number in range(2)]
    first, second = backend.write_many(more)
    assert first.error is None
    assert isinstance(second.error, Unavailable)
    assert "does not say" in second.error.message


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"status": "ok"}', b'{"results": ["x", 1, null]}'])
def test_an_answer_that_says_nothing_is_no_success(crud: CrudDouble, backend: CrudBackend, body: bytes) -> None:
    crud.break_next(Fault("reply", when=lambda seen: seen.path.endswith("/bulk"), reply=Reply(body=body)))
    (result,) = backend.write_many(writes(1))
    assert isinstance(result.error, Unavailable)
    assert len(crud.mutations()) == 1


def test_a_refusal_of_all_is_the_error_of_each(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    with store(crud, token=crud.token("reader", scopes=["secrets.read"])) as backend:
        results = list(backend.write_many(writes(2)))
    assert all("secrets.write" in str(result.error) for result in results)
    assert len(crud.mutations()) == 1


def test_large_writes_are_split(crud: CrudDouble, backend: CrudBackend) -> None:
    large = [Write(f"{BASE}/n{number}", fields(value="x" * 600_000)) for number in range(3)]
    assert all(result.error is None for result in backend.write_many(large))
    assert operations(crud) == [1, 1, 1]
