"""What the service refuses, in words: statuses, codes, scopes and purposes, in all shapes of its errors."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.crud import CrudFactory, answers, failures
from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.http.answer import Answer
from kvtui.domain.canonical_uri import UriCode
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import MetadataPatch
from tests.crud.places import APP, APP_URI, ENV_URI, fields, store
from tests.doubles.crud import SCOPES, CrudDouble
from tests.doubles.server import Fault, Reply

SHAPES = ["flat", "text", "nested"]
DEEDS: dict[str, tuple[str, str, Any]] = {
    "read": ("secrets.read", "read", lambda b: b.read(APP)),
    "read-yaml": ("secrets.read", "read", lambda b: b.read("yaml/secret/env")),
    "write": ("secrets.write", "write", lambda b: b.write(APP, fields(value="y"))),
    "rotate": ("secrets.rotate", "rotate", lambda b: b.rotate(APP, fields(value="y"))),
    "delete": ("secrets.delete", "delete", lambda b: b.delete(APP)),
    "destroy": ("secrets.destroy", "destroy_versions", lambda b: b.destroy(APP)),
    "destroy-versions": ("secrets.destroy", "destroy_versions", lambda b: b.destroy(APP, [1])),
    "undelete": ("secrets.delete", "undelete", lambda b: b.undelete("openbao+kv2/secret/deleted")),
    "owner": ("secrets.set_owner", "owner_update", lambda b: b.write_metadata(APP, MetadataPatch(owner="o"))),
    "metadata": ("secrets.read_metadata", "read_metadata", lambda b: b.metadata(APP)),
    "versions": ("secrets.read_metadata", "read_metadata", lambda b: b.versions(APP)),
    "list": ("secrets.read_metadata", "read_metadata", lambda b: b.list("yaml/secret")),
    "search": ("secrets.read_metadata", "read_metadata", lambda b: b.find("x", 1)),
    "copy": ("secrets.write", "write of the target", lambda b: b.copy(APP, "openbao+kv2/secret/new")),
}


@pytest.fixture(autouse=True)
def _made(crud: CrudDouble) -> None:
    crud.put(APP_URI, {"value": "x"})
    crud.put(ENV_URI, {"A": "1"})
    crud.put("openbao+kv2://secret/deleted", {"value": "x"})
    crud.cluster().delete("secret/deleted", crud.clock.now())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DEEDS)
def test_a_scope_that_the_token_lacks_is_named(crud: CrudDouble, name: str, shape: Any) -> None:
    scope, _, deed = DEEDS[name]
    crud.shape.errors = shape
    crud.settings.require_auth = crud.settings.enforce_scopes = True
    token = crud.token("narrow", scopes=SCOPES - {scope})
    with store(crud, token=token) as backend, pytest.raises(PermissionDenied) as caught:
        deed(backend)
    assert f"lacks the scope {scope}." in caught.value.message
    assert scope in caught.value.hint


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DEEDS)
def test_a_purpose_that_the_policy_denies_is_named(crud: CrudDouble, name: str, shape: Any) -> None:
    scope, purpose, deed = DEEDS[name]
    crud.shape.errors = shape
    for uri in (APP_URI, ENV_URI, "yaml://secret", "openbao+kv2://secret"):
        crud.deny(purpose.split()[0], uri)
    with store(crud) as backend, pytest.raises(PermissionDenied) as caught:
        deed(backend)
    assert purpose in caught.value.message
    assert scope in caught.value.hint


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_for_others_or_used_before_is_told_apart(crud: CrudDouble, shape: Any) -> None:
    crud.shape.errors = shape
    foreign = store(crud, token=crud.token("foreign", audience="other"))
    with foreign, pytest.raises(PermissionDenied, match="another audience"):
        foreign.metadata(APP)
    with store(crud, token=crud.token("once", single_use=True)) as backend:
        backend.metadata(APP)
        with pytest.raises(PermissionDenied, match="used before"):
            backend.metadata(APP)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_that_has_ended_has_to_sign_in(crud: CrudDouble, shape: Any) -> None:
    crud.shape.errors = shape
    crud.settings.require_auth = True
    with store(crud, token=crud.token("t", ttl=60)) as backend:
        backend.read(APP)
        crud.clock.advance(61)
        with pytest.raises(AuthenticationRequired):
            backend.read(APP)
        with pytest.raises(AuthenticationRequired):
            backend.write(APP, fields(value="y"))


def test_the_frameworks_403_without_a_token_is_no_refusal(crud: CrudDouble, backend: CrudBackend) -> None:
    body = Reply(403, b'{"detail": "Not authenticated"}')
    crud.break_next(Fault("reply", reply=body, times=3))
    with pytest.raises(AuthenticationRequired):
        backend.versions(APP)
    with pytest.raises(AuthenticationRequired, match="nobody can be asked"):
        CrudFactory({}).open({"url": crud.url})


@pytest.mark.parametrize("shape", ["flat", "nested"])
@pytest.mark.parametrize("code", UriCode)
def test_every_code_of_the_grammar_is_told_in_words(
    crud: CrudDouble, backend: CrudBackend, code: UriCode, shape: Any
) -> None:
    crud.shape.errors = shape
    crud.refuse_next(400, code.value)
    kinds = {
        UriCode.ILLEGAL_SEGMENT: InvalidPath,
        UriCode.INVALID_WILDCARD: InvalidPath,
        UriCode.TENANT_MOUNT_MISMATCH: PermissionDenied,
    }
    with pytest.raises(kinds.get(code, InvalidInput)) as caught:
        backend.metadata(APP)
    assert caught.value.message
    assert caught.value.hint
    assert caught.value.path == APP
    assert code.value not in caught.value.message


def test_a_mount_of_another_tenant_is_refused_in_words(backend: CrudBackend) -> None:
    with pytest.raises(PermissionDenied, match="mount is not one of this tenant"):
        backend.read("openbao+kv2/others/app")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, InvalidInput, "400"),
        (413, InvalidInput, "too large"),
        (418, Unavailable, "418"),
        (422, InvalidInput, "422"),
        (405, Unsupported, "does not do this"),
        (501, Unsupported, "does not do this"),
        (500, Unavailable, "500"),
        (502, Unavailable, "store behind the service"),
        (503, Unavailable, "too much to do"),
    ],
)
def test_every_status_is_told_in_words(crud: CrudDouble, status: int, kind: type[KvtuiError], words: str) -> None:
    crud.refuse_next(status, "SOMETHING", times=3, retry_after="0")
    with store(crud, attempts=1) as backend, pytest.raises(kind, match=words):
        backend.versions(APP)


def test_a_limit_is_waited_for_or_told(crud: CrudDouble) -> None:
    crud.refuse_next(429, retry_after="0")
    with store(crud) as backend:
        backend.versions(APP)
        crud.refuse_next(429, retry_after="30")
        with pytest.raises(RateLimited) as caught:
            backend.versions(APP)
    assert caught.value.retry_after == 30


def test_a_provider_that_is_not_there_says_what_it_does_not_do(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.settings.providers.discard("openbao")
    with pytest.raises(Unsupported):
        backend.read(APP)
    with pytest.raises(Unsupported) as caught:
        backend.write(APP, fields(value="y"))
    assert caught.value.capability == "write"


@pytest.mark.parametrize("body", [b'{"detail": "Not Found"}', b"<html>", b"", b'{"detail": [{"msg": "x"}]}'])
def test_an_address_without_the_api_is_not_taken_for_an_empty_store(
    crud: CrudDouble, backend: CrudBackend, body: bytes
) -> None:
    crud.break_next(Fault("reply", times=9, reply=Reply(404, body)))
    for call in (lambda: backend.metadata(APP), lambda: backend.write(APP, fields(value="y"))):
        with pytest.raises(Unavailable, match="no secrets API at this address") as caught:
            call()
        assert not caught.value.retryable


def test_a_service_that_says_not_found_in_the_frameworks_words_has_no_such_secret(
    crud: CrudDouble, backend: CrudBackend
) -> None:
    body = Reply(404, b'{"detail": "Not Found"}')
    crud.break_next(Fault("reply", times=9, reply=body, when=lambda seen: "uri=" in seen.target))
    with pytest.raises(NotFound):
        backend.read(APP)


def test_a_login_page_is_no_answer(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.break_next(Fault("reply", reply=Reply(302, headers={"Location": "https://login.example/?next=secret"})))
    with pytest.raises(Unavailable, match=r"another address.*: https://login\.example") as caught:
        backend.read(APP)
    assert "next=" not in str(caught.value)


def test_nothing_that_an_error_repeats_is_shown(crud: CrudDouble, backend: CrudBackend) -> None:
    sentinel = secrets.token_hex(8)
    found = {"type": "x", "loc": ["body"], "msg": sentinel, "input": {"value": sentinel}}
    for status in (400, 401, 403, 404, 409, 413, 418, 422, 429, 500, 501, 502, 503):
        for body in ({"detail": [found]}, {"detail": sentinel}, {"error": sentinel, "code": sentinel}, [sentinel]):
            reply = Reply(status, json.dumps(body).encode(), {"Retry-After": "90"})
            crud.break_next(Fault("reply", when=lambda seen: seen.method != "GET", reply=reply))
            with pytest.raises(KvtuiError) as caught:
                backend.write(APP, fields(value="y"))
            assert sentinel not in f"{caught.value} {caught.value.__dict__} {caught.value.__cause__!r}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["detail", "code", "message", "status", "results", "versions", "metadata", "uri", "key", "1"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.integers(300, 599), json_values)
def test_any_answer_is_read_as_some_error(status: int, body: Any) -> None:
    answer = Answer(status, {}, json.dumps(body).encode())
    for what in (failures.READ, failures.WRITE, failures.WATCH):
        assert failures.error_for(failures.told(answer), what, None)


@given(json_values)
def test_any_answer_is_read_or_refused(body: Any) -> None:
    answers.known_of(body)
    answers.event_of(body)
    answers.key_of(body)
    answers.is_folder(body)
    if isinstance(body, dict):
        answers.version_in(body)
        results = answers.results_of(body, 3)
        assert len(results) == 3
        assert all(result.error(failures.WRITE, None) for result in results)
    try:
        answers.page_of(body)
    except Unavailable:
        assert not isinstance(body, list)


def test_a_refusal_is_no_reason_to_send_it_again(crud: CrudDouble, backend: CrudBackend) -> None:
    crud.deny("write")
    with pytest.raises(PermissionDenied):
        backend.write(APP, fields(value="y"))
    assert len(crud.mutations()) == 1
