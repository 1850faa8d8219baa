"""What a profile may say, where its token comes from, and where the token and the values go: nowhere else."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends import registry
from kvtui.backends.crud import CrudFactory
from kvtui.backends.crud.capabilities import AT_BEST
from kvtui.backends.factory import StoreState
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, PermissionDenied, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue
from tests.crud.places import APP, APP_URI, ENV, TOKEN, fields, store
from tests.doubles.crud import CrudDouble
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.support.logs import Log, kept_log


class Asked:
    """A conversation in which a token is typed."""

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.questions: list[str] = []

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        assert secret
        self.questions.append(question)
        return SecretValue(self.typed)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nothing else is asked: {name}")


def settings(double: CrudDouble, **more: Any) -> dict[str, Any]:
    return {"url": double.url, "roots": ["openbao+kv2://secret"], **more}


def test_it_is_a_kind_of_store_among_the_others() -> None:
    assert isinstance(registry.factory("crud"), CrudFactory)
    assert registry.factory("crud").probe({}) is StoreState.READY
    assert Capability.SEARCH in AT_BEST


@pytest.mark.parametrize(
    "wrong",
    [
        {"roots": ["secret/app"]},
        {"roots": ["openbao+kv2://secret/app#token"]},
        {"roots": ["openbao+kv2://secret/app?version=3"]},
        {"roots": ["openbao://secret"]},
        {"roots": [7]},
        {"root": "yaml://"},
        {"root": "yaml://secret", "roots": ["yaml://secret"]},
        {"token_env": "A", "token_file": "b"},
        {"token_command": []},
        {"url": "http://example.com"},
        {"url": "https://user:pw@example.com"},
        {"timeout_seconds": 0},
    ],
    ids=str,
)
def test_a_profile_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        CrudFactory({}).check({"url": "https://secrets.example.com", **wrong})
    assert caught.value.hint


@pytest.mark.parametrize("way", ["env", "file", "command"])
def test_a_token_comes_from_where_the_profile_says(crud: CrudDouble, tmp_path: Path, way: str) -> None:
    crud.settings.require_auth = True
    crud.put(APP_URI, {"a": "1"})
    crud.token(TOKEN)
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    source = {"env": "MY_TOKEN", "file": str(file), "command": ["/bin/cat", str(file)]}[way]
    factory = CrudFactory({"MY_TOKEN": TOKEN})
    with factory.open(settings(crud, **{f"token_{way}": source})) as backend:
        assert backend.read(APP).fields
        assert backend.info().kind == "crud"
    assert {seen.headers["authorization"] for seen in crud.requests} == {f"Bearer {TOKEN}"}


def test_without_a_token_the_service_is_asked_whether_it_wants_one(crud: CrudDouble) -> None:
    crud.put(APP_URI, {"a": "1"})
    with CrudFactory({}).open(settings(crud)) as backend:
        assert backend.read(APP).fields
    assert all("authorization" not in seen.headers for seen in crud.requests)
    crud.settings.require_auth = True
    with pytest.raises(AuthenticationRequired, match="nobody can be asked") as caught:
        CrudFactory({}).open(settings(crud))
    assert "token_env" in caught.value.hint
    asked = Asked(crud.token(TOKEN))
    with CrudFactory({}).open(settings(crud), conversation=asked) as backend:  # type: ignore[arg-type]
        assert backend.read(APP).fields
    assert asked.questions == ["Bearer token"]
    with pytest.raises(AuthenticationRequired, match="not set"):
        CrudFactory({}).open(settings(crud, token_env="MISSING"))


def test_a_service_that_is_not_there_is_told_when_it_is_opened_or_used() -> None:
    with CrudDouble() as gone:
        pass
    with pytest.raises(Unavailable):
        CrudFactory({}).open(settings(gone))


@pytest.mark.parametrize("suffix", ["", "/", "/api/secrets", "/api/secrets/"])
def test_the_address_may_end_where_the_api_begins(crud: CrudDouble, suffix: str) -> None:
    crud.put(APP_URI, {"a": "1"})
    with CrudFactory({}).open({"url": crud.url + suffix}) as backend:
        assert backend.read(APP).fields
    assert all(seen.path.startswith("/api/secrets/") for seen in crud.requests)


def test_a_connection_says_where_it_goes(crud: CrudDouble) -> None:
    with CrudFactory({}).open({"url": crud.url, "root": "yaml://secret/team"}) as backend:
        assert backend.info().location == f"{crud.url} yaml://secret/team"
        assert backend.info().warning == ""
        with pytest.raises(KvtuiError):
            backend.read("env")


# Where secrets go


class Recorder(Double):
    """Any other server."""

    def answer(self, request: Seen) -> Reply:
        return Reply(body=b"{}")


@pytest.fixture
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


def everything(backend: Any, value: str) -> None:
    """Each thing that can be done, whatever becomes of it."""
    deeds: list[Any] = [
        lambda: backend.write(APP, fields(token=value), metadata=MetadataPatch(owner="me")),
        lambda: backend.write(ENV, fields(A=value, B=value)),
        lambda: backend.write(ENV, fields(A=value, B=f"{value}2")),
        lambda: backend.rotate(APP, fields(token=f"{value}3")),
        lambda: list(backend.write_many([Write(f"{APP}/x", fields(token=value))])),
        lambda: backend.read(APP),
        lambda: backend.read(APP, 1),
        lambda: backend.outline(ENV),
        lambda: backend.versions(APP),
        lambda: backend.metadata(APP),
        lambda: list(backend.walk("yaml/secret")),
        lambda: backend.find("app", 5, skipped=[].append),
        lambda: backend.copy(APP, f"{APP}/copy"),
        lambda: backend.copy(APP, f"{APP}/moved", move=True),
        lambda: backend.undelete(APP),
        lambda: backend.destroy(APP, [1]),
        backend.audit,
        backend.events,
        lambda: backend.delete(ENV),
        lambda: backend.destroy(APP),
    ]
    for deed in deeds:
        with suppress(KvtuiError):
            deed()


@pytest.mark.parametrize("fault", ["", "reset_after", "redirect", "error"])
def test_token_and_values_are_in_no_url_log_error_or_second_server(
    crud: CrudDouble, log: Log, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    value = secrets.token_hex(8)
    crud.settings.require_auth = True
    crud.token(TOKEN)
    with Recorder() as other, store(crud, token=TOKEN, roots=("openbao+kv2://secret", "yaml://secret")) as backend:
        replies = {
            "redirect": Reply(307, headers={"Location": f"{other.url}/steal"}),
            "error": Reply(422, json.dumps({"detail": [{"msg": value, "input": value}]}).encode()),
        }
        if fault in replies:
            crud.break_next(Fault("reply", times=99, reply=replies[fault]))
        elif fault:
            crud.break_next(Fault(fault, times=99, when=lambda seen: seen.method != "GET"))
        everything(backend, value)
        assert not other.requests
    sent = [seen for seen in crud.requests if TOKEN in seen.headers.get("authorization", "")]
    assert sent == crud.requests
    for seen in crud.requests:
        assert value not in seen.target
        assert TOKEN not in seen.target
        assert TOKEN.encode() not in seen.body
        assert all(TOKEN not in text for name, text in seen.headers.items() if name != "authorization")
    said = "\n".join([*log.lines, *capfd.readouterr()])
    assert value not in said
    assert TOKEN not in said
    assert TOKEN not in repr(vars(backend)) + repr(vars(backend._api))


def test_errors_hold_neither_token_nor_value(crud: CrudDouble) -> None:
    value = secrets.token_hex(8)
    crud.settings.require_auth = True
    with store(crud, token=TOKEN) as backend:
        for deed in (lambda: backend.read(APP), lambda: backend.write(APP, fields(token=value))):
            with pytest.raises(AuthenticationRequired) as caught:
                deed()
            assert value not in f"{caught.value!r} {caught.value.__dict__}"
            assert TOKEN not in f"{caught.value!r} {caught.value.__dict__} {caught.value.__context__!r}"
    crud.token(TOKEN)
    crud.deny("write")
    with store(crud, token=TOKEN) as backend, pytest.raises(PermissionDenied) as denied:
        backend.write(APP, fields(token=value))
    assert value not in str(denied.value)


def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(crud: CrudDouble) -> None:
    with pytest.raises(InvalidInput) as caught:
        store(crud, token="two\nlines")
    assert "lines" not in str(caught.value)
