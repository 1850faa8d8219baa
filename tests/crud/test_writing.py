"""Writing through the service destroys nothing but what it is told to: a test for each trap of the documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvtui.backends.crud.backend import CrudBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import MetadataPatch
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, fields, plain, store
from tests.doubles.crud import CrudDouble


def bodies(crud: CrudDouble) -> list[Any]:
    return [json.loads(request.body) if request.body else request.target for request in crud.mutations()]


# KVv2


@pytest.mark.parametrize("fragment_writes", ["replace", "merge"])
@pytest.mark.parametrize("verb", ["write", "rotate"])
def test_a_field_is_changed_without_losing_the_others(crud: CrudDouble, fragment_writes: Any, verb: str) -> None:
    crud.shape.fragment_writes = fragment_writes
    crud.put(APP_URI, {"token": "t", "user": "u"})
    with store(crud) as backend:
        if verb == "rotate":
            made = backend.rotate(APP, fields(token="t2"))
        else:
            now = backend.read(APP)
            made = backend.write(APP, {**now.fields, **fields(token="t2")}, expected=now.current)
    assert made.number == 2
    assert crud.live(APP_URI) == {"token": "t2", "user": "u"}
    (body,) = bodies(crud)
    assert body["uri"] == APP_URI  # the whole map, and no fragment


@pytest.mark.parametrize("value", [{"token": "x"}, {"token": {"token": "x"}}, "x", None])
def test_a_map_of_just_its_own_name_is_not_unwrapped(crud: CrudDouble, backend: CrudBackend, value: Any) -> None:
    backend.write(APP, fields(token=value))
    assert crud.live(APP_URI) == {"token": value}


def test_deleting_sends_no_fragment_and_takes_the_newest_version_alone(crud: CrudDouble, backend: CrudBackend) -> None:
    for text in "12":
        backend.write(APP, fields(value=text))
    backend.delete(APP)
    assert not any("%23" in request.target for request in crud.requests)
    assert "destroy=false" in crud.mutations()[-1].target
    assert plain(backend.read(APP, 1).fields) == {"value": "1"}
    backend.delete(APP)  # again: nothing is sent
    assert sum(request.method == "DELETE" for request in crud.requests) == 1


def test_only_the_newest_version_can_be_deleted_and_nothing_else_is_instead(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    for text in "123":
        backend.write(APP, fields(value=text))
    for versions in ([1], [1, 3], [2, 3]):
        with pytest.raises(Unsupported, match="newest"):
            backend.delete(APP, versions)
    backend.delete(APP, [3])
    assert [version.state.value for version in backend.versions(APP)] == ["live", "live", "deleted"]


def test_no_empty_list_of_versions_is_ever_sent(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(APP, fields(value="x"))
    backend.undelete(APP)  # it is live
    backend.delete(APP)
    backend.undelete(APP)
    backend.write(APP, fields(value="y"))
    backend.destroy(APP, [1])
    backend.destroy(APP, [1])  # it is destroyed
    sent = [body["versions"] for body in bodies(crud) if "versions" in body]
    assert sent == [[1], [1]]
    assert plain(backend.read(APP).fields) == {"value": "y"}


def test_destroying_as_a_whole_is_not_deleting(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(APP, fields(value="x"))
    backend.destroy(APP)
    with pytest.raises(NotFound):
        backend.versions(APP)
    assert "destroy=true" in crud.mutations()[-1].target


def test_an_owner_is_set_and_who_made_it_stays(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(APP, fields(value="x"))
    made = backend.metadata(APP)
    after = backend.write_metadata(APP, MetadataPatch(owner="team-a"))
    assert (after.owner, after.created_by, after.created_at) == ("team-a", made.created_by, made.created_at)
    assert bodies(crud)[-1] == {"uri": APP_URI, "owner": "team-a"}
    sent = len(crud.mutations())
    backend.write_metadata(APP, MetadataPatch(owner="team-a"))
    assert len(crud.mutations()) == sent
    assert len(backend.versions(APP)) == 1


def test_an_owner_that_fails_after_the_values_are_written_says_what_is_there(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    scopes = ["secrets.read", "secrets.write", "secrets.read_metadata"]
    with (
        store(crud, token=crud.token("writer", scopes=scopes)) as backend,
        pytest.raises(Unavailable, match=r"written as version 1, the owner is not: .*secrets\.set_owner"),
    ):
        backend.write(APP, fields(value="x"), metadata=MetadataPatch(owner="team-a"))
    assert crud.live(APP_URI) == {"value": "x"}


def test_what_others_wrote_meanwhile_is_a_conflict_and_stays(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(APP, fields(value="first"))
    crud.put(APP_URI, {"value": "theirs"})
    with pytest.raises(Conflict) as caught:
        backend.write(APP, fields(value="mine"), expected=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert crud.live(APP_URI) == {"value": "theirs"}


# YAML


def test_a_yaml_map_is_never_written_over_what_lies_below_it(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "B": "2", "sub": {"C": "3"}}}
    now = backend.read(ENV)
    backend.write(ENV, fields(A="4", D="5"), expected=now.current)
    assert crud.yaml["secret"] == {"env": {"A": "4", "D": "5", "sub": {"C": "3"}}}
    (body,) = bodies(crud)
    assert [each["op"] for each in body["operations"]] == ["set", "set", "delete"]
    assert body["continueOnError"] is False
    backend.rotate(ENV, fields(A="6", D="7"))
    assert crud.yaml["secret"] == {"env": {"A": "6", "D": "7", "sub": {"C": "3"}}}


def test_one_field_of_a_yaml_secret_is_named_by_its_fragment(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "B": "2"}}
    backend.write(ENV, fields(A="1", B="3"))
    backend.rotate(ENV, fields(B="4"))
    assert bodies(crud) == [{"uri": f"{ENV_URI}#B", "value": "3"}, {"uri": f"{ENV_URI}#B", "value": "4"}]
    assert [request.path for request in crud.mutations()] == ["/api/secrets", "/api/secrets/rotate"]


def test_a_yaml_secret_with_nothing_below_is_written_whole(crud: CrudDouble, backend: CrudBackend) -> None:
    backend.write(ENV, fields(A="1", B="2"))
    assert bodies(crud) == [{"uri": ENV_URI, "value": {"A": "1", "B": "2"}}]
    backend.write(ENV, fields(B="2"))
    assert crud.live(ENV_URI) == {"B": "2"}


def test_the_same_again_in_the_yaml_file_is_not_sent(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(ENV_URI, {"A": "1"})
    backend.write(ENV, fields(A="1"))
    assert not crud.mutations()


@pytest.mark.parametrize("path", [f"{ENV}/A", f"{ENV}/A/x", f"{ENV}/A/x/y"])
def test_nothing_is_written_below_a_field_of_the_yaml_file(crud: CrudDouble, backend: CrudBackend, path: str) -> None:
    crud.put(ENV_URI, {"A": "1"})
    with pytest.raises(AlreadyExists, match="field"):
        backend.write(path, fields(value="x"))
    assert crud.yaml["secret"] == {"env": {"A": "1"}}
    assert not crud.mutations()


def test_a_field_does_not_replace_a_folder_of_its_name(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "sub": {"C": "3"}}}
    with pytest.raises(AlreadyExists, match="folder"):
        backend.write(ENV, fields(A="1", sub="x"))
    with pytest.raises(InvalidInput, match="folder"):
        backend.write(ENV, fields(A={"x": 1}))
    assert not crud.mutations()


def test_deleting_a_yaml_secret_leaves_what_lies_below_it(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "B": "2", "sub": {"C": "3"}}, "other": {"D": "4"}}
    backend.delete(ENV)
    assert crud.yaml["secret"] == {"env": {"sub": {"C": "3"}}, "other": {"D": "4"}}
    backend.delete(f"{ENV}/sub")
    assert crud.yaml["secret"] == {"env": {}, "other": {"D": "4"}}
    with pytest.raises(NotFound):
        backend.delete(ENV)
    assert len(crud.mutations()) == 2


def test_a_bulk_that_stops_halfway_says_how_far_it_came(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "B": "2", "sub": {"C": "3"}}}
    crud.deny("write", f"{ENV_URI}#B")
    with pytest.raises(Unavailable, match=r"1 of 2 fields .* purpose write"):
        backend.write(ENV, fields(A="4", B="5"))
    assert crud.yaml["secret"] == {"env": {"A": "4", "B": "2", "sub": {"C": "3"}}}
    crud.deny("write", f"{ENV_URI}#A")
    with pytest.raises(PermissionDenied, match="purpose write"):
        backend.write(ENV, fields(A="6", B="7"))
    assert len(crud.mutations()) == 2


@pytest.mark.parametrize("errors", ["flat", "text", "nested"])
@pytest.mark.parametrize("verb", ["write", "delete", "rotate", "copy", "move", "bulk"])
def test_after_the_first_refusal_yaml_writes_are_greyed_with_the_reason(
    crud: CrudDouble, backend: CrudBackend, verb: str, errors: Any
) -> None:
    crud.shape.errors = errors
    crud.yaml["secret"] = {"env": {"A": "1"}, "deep": {"B": "1", "C": "2", "x": {"D": "1"}}}
    crud.settings.environment = "prod"
    assert backend.can(Capability.WRITE, ENV)
    deeds = {
        "write": lambda: backend.write(ENV, fields(A="2")),
        "delete": lambda: backend.delete(ENV),
        "rotate": lambda: backend.rotate(ENV, fields(A="2")),
        "copy": lambda: backend.copy(ENV, "yaml/secret/copy"),
        "move": lambda: backend.copy(ENV, f"{APP}/moved", move=True),
        "bulk": lambda: backend.write("yaml/secret/deep", fields(B="3", C="4")),
    }
    with pytest.raises((PermissionDenied, Unavailable), match="in dev and test only"):
        deeds[verb]()
    for capability in (Capability.WRITE, Capability.DELETE, Capability.ROTATE, Capability.COPY):
        assert "in dev and test only" in backend.why_not(capability, ENV) or verb == "move"
        assert backend.can(capability, APP)
    assert Capability.READ not in backend.limits([ENV])[0]
    assert crud.yaml["secret"]["env"] == {"A": "1"}


def test_a_refusal_for_another_reason_greys_nothing(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.put(ENV_URI, {"A": "1"})
    crud.deny("write", ENV_URI)
    with pytest.raises(PermissionDenied, match="purpose write"):
        backend.write(ENV, fields(A="2"))
    assert backend.can(Capability.WRITE, ENV)
