"""Copying and moving on the server: nothing is lost by what it does badly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvtui.backends.crud.backend import CrudBackend
from kvtui.domain.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, Unavailable
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, fields, store
from tests.doubles.crud import CrudDouble
from tests.doubles.server import Fault

OTHER, OTHER_URI = "openbao+kv2/secret/other", "openbao+kv2://secret/other"


def test_a_copy_names_whole_secrets_and_brings_no_value_here(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(APP_URI, {"token": "SENTINEL"})
    backend.copy(APP, "hashicorp+kv2/secret/other")
    (sent,) = crud.mutations()
    uris = {"fromUri": APP_URI, "toUri": "hashicorp+kv2://secret/other", "overwrite": False}
    assert json.loads(sent.body) == uris
    assert crud.live("hashicorp+kv2://secret/other") == {"token": "SENTINEL"}
    assert not [request for request in crud.requests if request.path.endswith("/value")]


@pytest.mark.parametrize("path", [APP, ENV])
@pytest.mark.parametrize("move", [True, False])
def test_a_secret_is_not_moved_onto_itself(crud: CrudDouble, backend: CrudBackend, path: str, *, move: bool) -> None:
    backend.write(path, fields(A="1"))
    sent = len(crud.mutations())
    with pytest.raises(AlreadyExists, match="itself"):
        backend.copy(path, path, move=move, overwrite=True)
    assert len(crud.mutations()) == sent


def test_two_paths_of_one_secret_are_the_same_secret(crud: CrudDouble) -> None:
    crud.put(APP_URI, {"A": "1"})
    with store(crud, roots=(), root="openbao+kv2://secret") as backend, pytest.raises(AlreadyExists):
        backend.copy("app", "app", move=True, overwrite=True)


def test_a_yaml_secret_with_others_below_it_is_not_carried_by_the_server(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    before = {"env": {"A": "1", "sub": {"B": "2"}}, "plain": {"C": "3"}}
    crud.yaml["secret"] = json.loads(json.dumps(before))
    for source, target in ((ENV, "yaml/secret/new"), ("yaml/secret/plain", ENV), (ENV, OTHER)):
        for move in (False, True):
            with pytest.raises(InvalidInput, match="lie below"):
                backend.copy(source, target, move=move, overwrite=True)
    assert crud.yaml["secret"] == before
    assert not crud.mutations()


def test_a_yaml_folder_is_not_replaced_by_a_secret(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"folder": {"sub": {"B": "2"}}, "plain": {"C": "3"}}
    with pytest.raises(InvalidInput, match="lie below"):
        backend.copy("yaml/secret/plain", "yaml/secret/folder", overwrite=True)
    assert not crud.mutations()


def test_a_yaml_secret_is_not_moved_below_itself_nor_below_a_field(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1"}, "other": {"K": "v"}}
    with pytest.raises(InvalidInput, match="below itself"):
        backend.copy(ENV, f"{ENV}/sub", move=True)
    with pytest.raises(AlreadyExists, match="field"):
        backend.copy(ENV, "yaml/secret/other/K")
    with pytest.raises(AlreadyExists, match="field"):
        backend.copy(ENV, "yaml/secret/other/K/x", overwrite=True)
    assert not crud.mutations()


def test_maps_of_kv2_would_become_folders_of_the_yaml_file(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(APP_URI, {"map": {"a": "1"}})
    with pytest.raises(InvalidInput, match="folder"):
        backend.copy(APP, "yaml/secret/new")
    crud.put(ENV_URI, {"A": "1"})
    backend.copy(ENV, OTHER)
    assert crud.live(OTHER_URI) == {"A": "1"}


def test_what_is_deleted_is_there_to_copy_onto_only_when_asked_to(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(APP, fields(A="1"))
    backend.write(OTHER, fields(A="old"))
    backend.delete(OTHER)
    with pytest.raises(AlreadyExists):
        backend.copy(APP, OTHER)
    backend.copy(APP, OTHER, overwrite=True)
    assert crud.live(OTHER_URI) == {"A": "1"}
    backend.delete(APP)
    with pytest.raises(NotFound):
        backend.copy(APP, OTHER, overwrite=True)


@pytest.mark.parametrize("shape", ["flat", "text", "nested"])
def test_somebody_who_was_there_first_is_not_overwritten(crud: CrudDouble, backend: CrudBackend, shape: Any) -> None:
    crud.shape.errors = shape
    crud.put(APP_URI, {"A": "1"})
    crud.break_next(Fault("reset_before", when=lambda seen: _put(crud, seen.method)))
    with pytest.raises(AlreadyExists):
        backend.copy(APP, OTHER, move=True)
    assert crud.live(OTHER_URI) == {"A": "theirs"}
    assert crud.live(APP_URI) == {"A": "1"}


def _put(crud: CrudDouble, method: str) -> bool:
    if method == "POST":
        crud.put(OTHER_URI, {"A": "theirs"})
    return False


@pytest.mark.parametrize("after", [True, False])
def test_a_move_that_failed_halfway_says_that_the_source_is_still_there(
    crud: CrudDouble, backend: CrudBackend, *, after: bool
) -> None:
    crud.put(APP_URI, {"A": "1"})
    crud.break_provider("delete", after=after)
    if after:
        backend.copy(APP, OTHER, move=True)
        assert crud.live(APP_URI) is None
    else:
        with pytest.raises(Unavailable, match="copied, but the source is still there") as caught:
            backend.copy(APP, OTHER, move=True)
        assert not caught.value.retryable
        assert crud.live(APP_URI) == {"A": "1"}
    assert crud.live(OTHER_URI) == {"A": "1"}
    assert len(crud.mutations()) == 1


def test_a_move_whose_deletion_is_refused_says_that_the_source_is_still_there(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    crud.put(APP_URI, {"A": "1"})
    crud.deny("delete")
    with pytest.raises(Unavailable, match=r"copied, but the source is still there.*not permit"):
        backend.copy(APP, OTHER, move=True)
    crud.deny("write", OTHER_URI)
    with pytest.raises(PermissionDenied, match="read of the source, or write of the target"):
        backend.copy(APP, OTHER, move=True, overwrite=True)
