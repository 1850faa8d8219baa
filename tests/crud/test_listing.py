"""Folders, search, and what can be said of what is not listed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.remembering import RememberingBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.secret import EntryKind, Listing
from tests.contract.test_crud import Names
from tests.crud.places import APP, APP_URI, ENV_URI, Told, fields, store
from tests.doubles.crud import CrudDouble
from tests.doubles.server import Fault, Reply


def rows(listing: Listing) -> list[tuple[str, bool]]:
    return [(entry.path, entry.is_folder) for entry in listing.entries]


def test_the_roots_of_a_profile_are_the_folders_at_the_top(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1"}}
    assert rows(backend.list()) == [("openbao+kv2", True), ("yaml", True)]
    assert rows(backend.list("openbao+kv2")) == [("openbao+kv2/secret", True)]
    assert rows(backend.list("yaml")) == [("yaml/secret", True)]
    assert rows(backend.list("yaml/secret")) == [("yaml/secret/env", False)]
    with pytest.raises(Unsupported, match="search"):
        backend.list("openbao+kv2/secret")
    for folder in ("nothing", "yaml/secret/other", "yaml/secret/env", "yaml/secret/en"):
        with pytest.raises(NotFound):
            backend.list(folder)


def test_nothing_is_asked_for_what_the_profile_says_itself(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.list()
    backend.list("openbao+kv2")
    backend.limits([APP, "yaml/secret/env", ""])
    assert not crud.requests


def test_a_root_that_is_not_there_yet_is_an_empty_folder(backend: CrudBackend) -> None:
    assert rows(backend.list("yaml/secret")) == []
    assert list(backend.walk("yaml/secret")) == []


def test_keys_directly_at_a_root_are_a_secret_beside_its_folder(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"KEY": "x", "env": {"A": "1"}}
    assert rows(backend.list("yaml")) == [("yaml/secret", True), ("yaml/secret", False)]
    assert [entry.path for entry in backend.walk("yaml")] == ["yaml/secret", "yaml/secret/env"]
    with store(crud, roots=(), root="yaml://secret") as inside:
        listing = inside.list()
        assert rows(listing) == [("env", False)]
        assert "root" in listing.note


def test_the_whole_yaml_file_is_walked_by_one_listing(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {f"f{number}": {"s": {"A": "1", "B": "2"}} for number in range(20)}
    assert len(list(backend.walk("yaml/secret"))) == 20
    assert [request.path for request in crud.requests] == ["/api/secrets/metadata"]


@pytest.mark.parametrize("lists", ["wrapped", "bare"])
def test_a_listing_of_many_pages_is_whole(crud: CrudDouble, lists: Any) -> None:
    crud.shape.lists = lists
    crud.yaml["secret"] = {f"n{number:03}": {"A": "1", "B": "2"} for number in range(130)}
    with store(crud) as backend:
        assert [entry.path for entry in backend.list("yaml/secret").entries] == [
            f"yaml/secret/n{number:03}" for number in range(130)
        ]
        offsets = [parse_qs(request.target.partition("?")[2])["offset"][0] for request in crud.requests]
        assert offsets == (["0", "100", "200"] if lists == "wrapped" else ["0", "100", "200", "260"])


def test_pages_shorter_than_asked_for_are_no_end(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.shape.lists = "bare"
    first = [f"yaml://secret/n{number}#A" for number in range(40)]
    for page in (first, ["yaml://secret/last#A"]):
        crud.break_next(Fault("reply", reply=Reply(body=json.dumps(page).encode())))
    crud.break_next(Fault("reply", reply=Reply(body=b"[]")))
    assert len(list(backend.walk("yaml/secret"))) == 41


def test_a_service_that_knows_no_pages_is_asked_once_more(crud: CrudDouble, backend: CrudBackend) -> None:
    page = json.dumps(["yaml://secret/a#A", "yaml://secret/b#A"]).encode()
    crud.break_next(Fault("reply", reply=Reply(body=page), times=50))
    assert len(list(backend.walk("yaml/secret"))) == 2
    assert len(crud.requests) == 2


def test_an_older_service_is_asked_by_mount_and_path(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"app": {"x": {"A": "1"}}}
    body = Reply(422, b'{"detail": [{"loc": ["query", "mount"], "msg": "Field required", "type": "missing"}]}')
    crud.break_next(Fault("reply", when=lambda seen: "mount=" not in seen.target, reply=body))
    assert rows(backend.list("yaml/secret/app")) == [("yaml/secret/app/x", False)]
    assert "mount=secret&prefix=app&" in crud.requests[-1].target


def test_a_prefix_of_letters_is_not_taken_for_a_folder(crud: CrudDouble, backend: CrudBackend) -> None:
    page = {"items": ["yaml://secret/app/x#A", "yaml://secret/application#A", "openbao+kv2://secret/app/y"], "total": 3}
    crud.break_next(Fault("reply", reply=Reply(body=json.dumps(page).encode())))
    assert rows(backend.list("yaml/secret/app")) == [("yaml/secret/app/x", False)]


def test_names_that_no_uri_can_have_are_told_as_left_out(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"good": {"A": "1"}, "bad name": {"B": "2"}}
    listing = backend.list("yaml/secret")
    assert rows(listing) == [("yaml/secret/good", False)]
    assert not listing.complete
    assert "left out" in listing.note
    told = Told()
    assert [entry.path for entry in backend.walk("", skipped=told.skip)] == ["yaml/secret/good"]
    assert {skipped.path for skipped in told} == {"yaml/secret", "openbao+kv2/secret"}
    with pytest.raises(Unavailable):
        list(backend.walk("yaml/secret"))


def test_a_key_that_no_fragment_can_name_stays_with_its_secret(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"a#b?c": "1", "plain": "2"}}
    assert set(backend.outline("yaml/secret/env").fields) == {"a#b?c", "plain"}
    assert set(backend.read("yaml/secret/env").fields) == {"a#b?c", "plain"}


def test_what_is_not_listed_is_told_or_ends_a_walk_of_everything(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(ENV_URI, {"A": "1"})
    told = Told()
    assert [entry.path for entry in backend.walk(skipped=told.skip)] == ["yaml/secret/env"]
    (skipped,) = told
    assert (skipped.path, type(skipped.error)) == ("openbao+kv2/secret", Unsupported)
    with pytest.raises(Unsupported):
        list(backend.walk())
    assert [row.path for row in backend.index("yaml")] == ["yaml/secret/env"]


def test_what_was_used_is_shown_where_nothing_is_listed(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(APP_URI, {"A": "1"})
    crud.put(ENV_URI, {"A": "1"})
    shown = RememberingBackend(backend, Names())
    shown.read(APP)
    listing = shown.list("openbao+kv2/secret")
    assert (rows(listing), listing.remembered) == ([(APP, False)], True)
    assert rows(shown.list()) == [("openbao+kv2", True), ("yaml", True)]
    assert [entry.path for entry in shown.walk()] == [APP, "yaml/secret/env"]


def test_without_roots_the_tree_is_what_was_used(crud: CrudDouble) -> None:
    crud.put(APP_URI, {"A": "1"})
    crud.put(ENV_URI, {"A": "1"})
    with store(crud, roots=()) as backend:
        assert not backend.can(Capability.LIST)
        with pytest.raises(Unsupported):
            backend.list()
        shown = RememberingBackend(backend, Names())
        shown.read(APP)
        shown.read("yaml/secret/env")
        assert rows(shown.list()) == [("openbao+kv2", True), ("yaml", True)]
        assert rows(shown.list("yaml")) == [("yaml/secret", True)]
        assert shown.list("yaml/secret").complete  # which the service lists


# Search


@pytest.mark.parametrize("lists", ["wrapped", "bare"])
def test_the_service_searches_and_what_it_does_not_look_into_is_told(crud: CrudDouble, lists: Any) -> None:
    crud.shape.lists = lists
    for uri in (APP_URI, "openbao+kv2://secret/App2", "openbao+kv2://secret/app/deep/app", "yaml://secret/x/app"):
        crud.put(uri, {"app": "1"})
    crud.put("yaml://secret/other", {"app": "only a key"})
    told = Told()
    with store(crud) as backend:
        found = backend.find("app", 10, skipped=told.skip)
        assert [row.path for row in found] == ["openbao+kv2/secret/App2", APP, "yaml/secret/x/app"]
        assert [(skipped.path, skipped.kind) for skipped in told] == [("openbao+kv2/secret", EntryKind.FOLDER)]
        assert "directly below" in told[0].error.message
        with pytest.raises(Unavailable, match="directly below"):
            backend.find("app", 10)
        assert len(backend.find("app", 1, skipped=told.skip)) == 1
        sent = len(crud.requests)
        assert backend.find("app", 0) == ()
        assert len(crud.requests) == sent


def test_a_search_of_many_pages_is_whole(crud: CrudDouble) -> None:
    for number in range(120):
        crud.put(f"openbao+kv2://secret/app{number}", {"a": "1"})
    with store(crud, roots=(), root="openbao+kv2://secret") as backend:
        told = Told()
        assert len(backend.find("app", 500, skipped=told.skip)) == 120
        assert len(crud.requests) == 2


def test_without_roots_everything_is_searched(crud: CrudDouble) -> None:
    crud.put("hashicorp+kv2://secret/app", {"a": "1"})
    crud.put(ENV_URI, {"A": "1"})
    with store(crud, roots=()) as backend:
        told = Told()
        assert [row.path for row in backend.find("app", 9, skipped=told.skip)] == ["hashicorp+kv2/secret/app"]
        assert told


def test_a_provider_that_cannot_be_searched_is_told(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.settings.searches_kv2 = False
    crud.put("yaml://secret/app", {"A": "1"})
    told = Told()
    assert [row.path for row in backend.find("app", 9, skipped=told.skip)] == ["yaml/secret/app"]
    assert isinstance(told[0].error, Unsupported)
    assert told[0].error.capability == Capability.SEARCH


def test_an_empty_text_is_not_searched_for(crud: CrudDouble, backend: CrudBackend) -> None:
    told = Told()
    assert backend.find("", 9, skipped=told.skip) == ()
    assert told
    assert not crud.requests


def test_a_refused_listing_names_the_scope(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    with store(crud, token=crud.token("reader", scopes=["secrets.read"])) as backend:
        for call in (lambda: backend.list("yaml/secret"), lambda: backend.find("x", 1)):
            with pytest.raises(PermissionDenied, match=r"secrets\.read_metadata"):
                call()


def test_a_search_hit_on_a_folder_is_no_secret(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(f"{APP}/below", fields(a="1"))
    told = Told()
    assert backend.find("app", 9, skipped=told.skip) == []
