"""Reading through the service: every shape its documents have, and tokens that may not do all of it."""

from __future__ import annotations

import itertools
import json
from typing import Literal

import pytest

from kvtui.backends.crud.backend import CrudBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.secret import VersionState
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, fields, plain, store
from tests.doubles.crud import SCOPES, CrudDouble, Settings, Shape
from tests.doubles.server import Fault, Reply

MAP = {"token": "t", "n": 1, "value": {"value": "x"}, "map": {"a": [1]}}


@pytest.mark.parametrize(
    ("value", "lists"), list(itertools.product(["fragment", "value", "bare"], ["wrapped", "bare"]))
)
def test_a_map_reads_the_same_in_every_documented_shape(
    crud: CrudDouble, value: Literal["fragment", "value", "bare"], lists: Literal["wrapped", "bare"]
) -> None:
    crud.shape.value, crud.shape.lists = value, lists
    crud.put(APP_URI, {"old": 1})
    crud.put(APP_URI, MAP)
    with store(crud) as backend:
        secret = backend.read(APP)
        assert plain(secret.fields) == MAP
        assert (secret.current, secret.version.state) == (2, VersionState.LIVE)
        assert secret.metadata.owner == secret.metadata.created_by == "setup"
        assert secret.metadata.created_at is not None
        assert [version.number for version in backend.versions(APP)] == [1, 2]
        assert plain(backend.read(APP, 1).fields) == {"old": 1}


@pytest.mark.parametrize("only", [{"value": "x"}, {"value": {"a": 1}}, {"token": "x"}, {"token": {"token": "x"}}])
def test_a_map_with_one_field_is_not_mistaken_for_its_value(crud: CrudDouble, only: dict[str, object]) -> None:
    crud.put(APP_URI, only)
    with store(crud) as backend:
        assert plain(backend.read(APP).fields) == only
    assert not [request for request in crud.requests if "%23" in request.target]  # no fragment is asked for


def test_a_version_that_is_gone_is_a_secret_in_that_state(crud: CrudDouble, backend: CrudBackend) -> None:
    for text in "123":
        backend.write(APP, fields(value=text))
    backend.destroy(APP, [1])
    backend.delete(APP)
    assert backend.read(APP, 1).version.state is VersionState.DESTROYED
    assert backend.read(APP).version.state is VersionState.DELETED
    assert not backend.read(APP).fields
    assert plain(backend.read(APP, 2).fields) == {"value": "2"}


@pytest.mark.parametrize(("destroy", "state"), [(False, VersionState.DELETED), (True, VersionState.DESTROYED)])
def test_a_version_that_goes_while_it_is_read_is_a_secret_in_that_state(
    crud: CrudDouble, backend: CrudBackend, state: VersionState, *, destroy: bool
) -> None:
    backend.write(APP, fields(value="x"))
    code = "VERSION_DESTROYED" if destroy else "VERSION_DELETED"
    body = json.dumps({"error": "Conflict", "code": code, "message": "gone"}).encode()
    crud.break_next(Fault("reply", when=lambda seen: "/value" in seen.path, reply=Reply(409, body)))
    secret = backend.read(APP)
    assert (secret.version.state, dict(secret.fields)) == (state, {})


def test_a_token_that_may_only_read_values_reads_them(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    crud.put(APP_URI, {"token": "t"})
    with store(crud, token=crud.token("reader", scopes=["secrets.read"])) as backend:
        secret = backend.read(APP)
        assert plain(secret.fields) == {"token": "t"}
        assert not secret.version.numbered
        with pytest.raises(PermissionDenied, match=r"lacks the scope secrets\.read_metadata"):
            backend.metadata(APP)
        with pytest.raises(NotFound):
            backend.read(f"{APP}/other")
        crud.cluster().delete("secret/app", crud.clock.now())
        with pytest.raises(NotFound):
            backend.read(APP)
        assert backend.read(APP, 1).version.state is VersionState.DELETED


def test_without_a_look_at_versions_a_write_still_notices_what_others_wrote(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    crud.put(APP_URI, {"token": "t"})
    scopes = ["secrets.read", "secrets.write"]
    with store(crud, token=crud.token("writer", scopes=scopes)) as backend:
        base = backend.read(APP).current
        backend.write(APP, fields(token="mine"), expected=base)
        crud.put(APP_URI, {"token": "theirs"})
        with pytest.raises(Conflict):
            backend.write(APP, fields(token="lost"), expected=base)
        with pytest.raises(Conflict):
            backend.write(APP, fields(token="lost"), expected=0)
        assert crud.live(f"{APP_URI}#token") == "theirs"
        crud.settings.enforce_scopes = True
        backend.write(APP, fields(token="over"))
        assert crud.live(f"{APP_URI}#token") == "over"


def test_a_token_that_may_only_write_writes(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    with store(crud, token=crud.token("writer", scopes=["secrets.write"])) as backend:
        assert backend.write(APP, fields(value="x")).number == 1
        with pytest.raises(PermissionDenied):
            backend.write(APP, fields(value="y"), expected=1)
    assert crud.live(APP_URI) == {"value": "x"}


def test_the_names_of_a_yaml_secret_are_told_without_its_values(crud: CrudDouble) -> None:
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    crud.yaml["secret"] = {"env": {"A": "1", "B": [1], "sub": {"C": "2"}}}
    with store(crud, token=crud.token("looker", scopes=["secrets.read_metadata"])) as backend:
        assert dict(backend.outline(ENV).fields) == {"A": None, "B": None}
        with pytest.raises(NotFound):
            backend.outline("yaml/secret")
        with pytest.raises(PermissionDenied, match=r"secrets\.read"):
            backend.read(ENV)


def test_a_yaml_secret_has_what_is_no_map_and_a_folder_has_none(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "sub": {"C": "2"}}, "folder": {"x": {"D": 1}}, "KEY": True}
    assert plain(backend.read(ENV).fields) == {"A": "1"}
    assert plain(backend.read("yaml/secret").fields) == {"KEY": True}
    for path in ("yaml/secret/folder", "yaml/secret/KEY", f"{ENV}/A"):
        with pytest.raises(NotFound):
            backend.read(path)
    with pytest.raises(Unsupported) as caught:
        backend.read(ENV, 1)
    assert caught.value.capability == Capability.VERSIONS


def test_providers_that_are_only_read_say_so(crud: CrudDouble, backend: CrudBackend) -> None:
    with pytest.raises(Unsupported):
        backend.read("file/secret/app")  # 501, as this service has none
    with pytest.raises(Unsupported):
        backend.write("file/secret/app", fields(value="x"))
    body = Reply(body=b'"a plain text"')
    crud.break_next(Fault("reply", when=lambda seen: "bootstrap" in seen.target, reply=body))
    assert plain(backend.read("bootstrap/secret/app").fields) == {"value": "a plain text"}
    assert not crud.mutations()


def test_reading_a_databases_secret_would_make_credentials_and_is_never_sent(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    for look in (backend.read, backend.outline):
        with pytest.raises(Unsupported, match="credentials"):
            look("db+cred/secret/app")
    assert "credentials" in backend.why_not(Capability.READ, "db+cred/secret/app")
    assert not crud.requests


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"[1, 2", b"\xff"])
def test_what_is_no_answer_of_the_service_is_told_and_not_taken_for_nothing(
    crud: CrudDouble, backend: CrudBackend, body: bytes
) -> None:
    for path in (APP, ENV):
        crud.break_next(Fault("reply", reply=Reply(body=body)))
        with pytest.raises(Unavailable):
            backend.read(path)


def test_numbers_that_would_be_changed_are_refused_before_anything_is_sent(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    crud.settings.rounds_numbers = True
    for value in (2**53 + 1, 10**30):
        with pytest.raises(InvalidInput, match="number"):
            backend.write(APP, fields(n=value))
    assert not crud.requests
    backend.write(APP, fields(n=2**53))
    assert plain(backend.read(APP).fields) == {"n": 2**53}
    assert backend.caveats(backend.read(APP)).keys() == {"n"}


def test_what_each_path_can_do_is_told_with_the_reason(backend: CrudBackend) -> None:
    kv2, yaml, above = backend.limits([APP, ENV, "openbao+kv2/"])
    assert {Capability.LIST, Capability.INDEX} <= kv2.keys()
    assert "search" in kv2[Capability.LIST]
    assert {Capability.VERSIONS, Capability.UNDELETE, Capability.DESTROY, Capability.EDIT_METADATA} <= yaml.keys()
    assert Capability.LIST not in yaml
    assert not above
    for path, can in ((APP, False), (ENV, True)):
        assert backend.can(Capability.LIST, path) is can
        assert backend.can(Capability.VERSIONS, path) is not can


def test_a_store_of_one_provider_claims_no_more_than_that_one(crud: CrudDouble) -> None:
    with store(crud, roots=(), root="yaml://secret") as yaml:
        assert not {Capability.VERSIONS, Capability.METADATA} & yaml.info().capabilities
        assert not yaml.info().unlisted
    with store(crud, roots=(), root=APP_URI) as kv2:
        assert not {Capability.LIST, Capability.INDEX} & kv2.info().capabilities
        assert kv2.info().unlisted


def test_a_salt_or_a_shape_changes_nothing_that_is_read() -> None:
    shape = Shape(errors="nested", writes="empty", subjects="text", missing_fragment="null")
    with CrudDouble(Settings(), shape) as crud, store(crud) as backend:
        with pytest.raises(NotFound):
            backend.read(APP)
        backend.write(APP, fields(value="x"))
        assert plain(backend.read(APP).fields) == {"value": "x"}
        assert {*SCOPES}
        crud.put(ENV_URI, {"A": "1"})
        assert plain(backend.read(ENV).fields) == {"A": "1"}
