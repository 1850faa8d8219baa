"""Response wrapping: one request each, never a token twice in one, and a lost answer said as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from kvtui.domain import codec, json_text
from kvtui.domain.errors import InvalidInput, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, answering, api, fields, opened

QUARTER = timedelta(minutes=15)


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made
        assert not made.broken


def to(name: str) -> Any:
    def when(request: Seen) -> bool:
        return request.path.endswith(name)

    return when


@pytest.mark.parametrize("kind", ["reset_after", "close_early", "hang"])
def test_a_lost_answer_to_unwrap_is_not_asked_for_again(double: VaultDouble, kind: str) -> None:
    with opened(double, timeout=1.0) as backend:
        token = backend.share(fields(), QUARTER).token
        double.break_next(Fault(kind, to("/unwrap"), seconds=5.0))
        with pytest.raises(Unavailable) as caught:
            backend.unwrap(token)
        assert "may be used up" in caught.value.message
        assert not caught.value.retryable
    assert len([request for request in double.requests if to("/unwrap")(request)]) == 1


def test_an_empty_answer_to_unwrap_is_not_taken_for_an_empty_secret(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), QUARTER).token
        double.break_next(Fault("reply_after", to("/unwrap"), reply=Reply(200, b"")))
        with pytest.raises(Unavailable, match="may be used up") as caught:
            backend.unwrap(token)
        assert not caught.value.retryable


@pytest.mark.parametrize("kind", ["reset_after", "close_early", "hang"])
def test_a_lost_answer_to_share_is_not_asked_for_again(double: VaultDouble, kind: str) -> None:
    double.break_next(Fault(kind, to("/wrap"), seconds=5.0))
    with opened(double, timeout=1.0) as backend, pytest.raises(Unavailable) as caught:
        backend.share(fields(), QUARTER)
    assert "nobody has the token" in caught.value.message
    assert len([request for request in double.requests if to("/wrap")(request)]) == 1


def test_looking_is_repeated_where_that_may_help(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), QUARTER).token
        double.break_next(Fault("reset_before", to("/lookup")))
        assert backend.look_into(token).creation_path == "sys/wrapping/wrap"


def test_a_wrapping_token_goes_as_header_or_in_the_body_and_alone(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), QUARTER).token
        backend.look_into(token)
        backend.unwrap(token)
    text = codec.to_text(token)
    (looked,) = [request for request in double.requests if to("/wrapping/lookup")(request)]
    (unwrapped,) = [request for request in double.requests if to("/unwrap")(request)]
    assert "x-vault-token" not in looked.headers
    assert text.encode() in looked.body
    assert unwrapped.headers["x-vault-token"] == text
    assert unwrapped.body == b""
    for request in double.requests:
        assert text not in request.target


def test_a_connection_whose_own_token_is_the_wrapping_token_uses_it_up_for_something(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), QUARTER).token
    with opened(double, codec.to_text(token)) as backend:
        assert backend.unwrap(token)["field"].same_as(fields()["field"])


def test_a_token_that_may_nearly_nothing_still_looks_and_unwraps(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), QUARTER).token
    double.policy("nothing", {f"sys/wrapping/{name}": ["deny"] for name in ("wrap", "lookup", "unwrap")})
    with opened(double, double.token("nothing")) as backend:
        assert backend.look_into(token).creation_path
        assert backend.unwrap(token)["field"].same_as(fields()["field"])
        with pytest.raises(PermissionDenied):
            backend.share(fields(), QUARTER)


def test_where_a_token_came_from_is_told_before_it_is_read(double: VaultDouble) -> None:
    """What somebody else wrapped: the answer of any request."""
    with opened(double) as backend, api(double) as other:
        backend.write("kv/app", fields())
        reply = other.change("GET", "kv/data/app", wrap="60s")
        token = SecretValue(reply.envelope["wrap_info"]["token"])
        assert backend.look_into(token).creation_path == "kv/data/app"
        assert set(backend.unwrap(token)) == {"data", "metadata"}


def test_a_wrapped_sign_in_is_not_lost(double: VaultDouble) -> None:
    with opened(double) as backend, api(double) as other:
        reply = other.change("POST", "auth/token/create", {}, wrap="60s")
        unwrapped = backend.unwrap(SecretValue(reply.envelope["wrap_info"]["token"]))
        assert codec.to_text(unwrapped["client_token"]) in double.state.tokens


def test_it_lasts_as_long_as_it_was_shared_for(double: VaultDouble) -> None:
    with opened(double) as backend:
        token = backend.share(fields(), timedelta(seconds=90)).token
        double.advance(89)
        backend.look_into(token)
        double.advance(2)
        for call in (backend.look_into, backend.unwrap):
            with pytest.raises(NotFound, match="used already, has expired"):
                call(token)


def test_numbers_come_back_digit_for_digit(double: VaultDouble) -> None:
    numbers = json_text.parse("[12345678901234567890123, 1.50, 1e3, 0.1]")
    with opened(double) as backend:
        got = backend.unwrap(backend.share({"n": SecretValue(numbers)}, QUARTER).token)
    assert got["n"].same_as(SecretValue(numbers))


def test_what_the_server_cannot_hold_is_refused_before_it_is_sent(double: VaultDouble) -> None:
    huge = json_text.parse("1e400")
    with opened(double) as backend:
        for value, error in ((b"\x00", Unsupported), ("\ud800", InvalidInput), (huge, InvalidInput)):
            with pytest.raises(error):
                backend.share({"field": SecretValue(value)}, QUARTER)
    assert not double.mutations()


@pytest.mark.parametrize("body", [{}, {"wrap_info": None}, {"wrap_info": []}, {"wrap_info": {"token": 7}}])
def test_an_answer_without_a_token_is_no_share(double: VaultDouble, body: Any) -> None:
    double.break_next(Fault("reply", to("/wrap"), reply=answering(200, body).reply))
    with opened(double) as backend, pytest.raises(Unavailable, match="wrapped nothing"):
        backend.share(fields(), QUARTER)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\r\nX-Evil: 1", "tökén", "a\x00b"])
def test_what_can_be_no_token_is_not_sent(double: VaultDouble, text: str) -> None:
    with opened(double) as backend:
        for call in (backend.look_into, backend.unwrap):
            with pytest.raises(NotFound):
                call(SecretValue(text))
    assert not [request for request in double.requests if "/wrapping/" in request.path]
