"""Signing in by each method, against a double."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.vault.auth import methods
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    NotFound,
    RateLimited,
    Unavailable,
    WrongCredential,
)
from kvtui.domain.value import SecretValue, ValueType
from tests.doubles.server import Fault, Reply
from tests.vault_auth.double import PASSWORD, TOKEN, Server, refused, token
from tests.vault_auth.talk import Talk, connected

WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "userpass": ({"method": "userpass", "username": "ann", "password_env": "PW"}, "/v1/auth/userpass/login/ann"),
    "ldap": ({"method": "ldap", "username": "ann", "password_env": "PW"}, "/v1/auth/ldap/login/ann"),
    "ldap elsewhere": (
        {"method": "ldap", "username": "ann", "password_env": "PW", "mount": "/people/"},
        "/v1/auth/people/login/ann",
    ),
    "radius": ({"method": "radius", "username": "ann", "password_env": "PW"}, "/v1/auth/radius/login/ann"),
    "okta": ({"method": "okta", "username": "ann", "password_env": "PW"}, "/v1/auth/okta/login/ann"),
    "approle": ({"method": "approle", "role_id": "role-1", "secret_id_env": "PW"}, "/v1/auth/approle/login"),
    "jwt": ({"method": "jwt", "role": "app", "jwt_env": "PW"}, "/v1/auth/jwt/login"),
    "kubernetes": ({"method": "kubernetes", "role": "app", "jwt_env": "PW"}, "/v1/auth/kubernetes/login"),
    "cert": ({"method": "cert", "name": "web"}, "/v1/auth/cert/login"),
}
PW = {"PW": PASSWORD}


def good(signed: Signed) -> bool:
    return signed.token.same_as(SecretValue(TOKEN)) and signed.lease_duration == 3600 and signed.renewable


@pytest.mark.parametrize("way", WAYS)
def test_each_method_signs_in_with_one_request(server: Server, api: LoginApi, way: str) -> None:
    auth, path = WAYS[way]
    signed = methods.sign_in(api, auth, None, PW)
    assert good(signed)
    assert signed.policies == ("default", "dev")
    assert [request.target for request in server.requests] == [path]
    assert server.requests[0].method == "POST"
    assert server.requests[0].headers["x-vault-request"] == "true"
    assert "x-vault-token" not in server.requests[0].headers


@pytest.mark.parametrize("way", [way for way in WAYS if way != "cert"])
def test_a_wrong_secret_is_told_in_our_words(server: Server, api: LoginApi, way: str) -> None:
    with pytest.raises(WrongCredential) as caught:
        methods.sign_in(api, WAYS[way][0], None, {"PW": "SENTINEL-wrong"})
    assert "SENTINEL" not in str(caught.value)
    assert "invalid username" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_certificate_the_server_does_not_take_is_told(server: Server, api: LoginApi) -> None:
    with pytest.raises(WrongCredential, match="TLS client certificate"):
        methods.sign_in(api, {"method": "cert"}, None, {})


def test_name_and_password_are_asked_for(api: LoginApi) -> None:
    talk = Talk("ann", PASSWORD)
    signed = methods.sign_in(api, {"method": "userpass"}, talk, {})
    assert good(signed)
    assert signed.display == "ann"
    assert talk.asked == [("User name", False), ("Password of ann", True)]


@pytest.mark.parametrize(
    ("auth", "asked"),
    [
        ({"method": "approle", "role_id": "role-1"}, "Secret ID"),
        ({"method": "jwt", "role": "app"}, "JWT"),
        ({"method": "token"}, "Token"),
    ],
)
def test_what_is_nowhere_else_is_asked_for(
    api: LoginApi, environ: dict[str, str], auth: dict[str, Any], asked: str
) -> None:
    talk = Talk(TOKEN if asked == "Token" else PASSWORD)
    signed = methods.sign_in(api, auth, talk, environ)
    assert signed.token.same_as(SecretValue(TOKEN))
    assert talk.asked == [(asked, True)]


@pytest.mark.parametrize("way", ["userpass", "approle", "jwt"])
def test_where_nobody_can_be_asked_it_says_what_to_set(server: Server, api: LoginApi, way: str) -> None:
    auth = {key: value for key, value in WAYS[way][0].items() if not key.endswith("_env")}
    with pytest.raises(AuthenticationRequired, match="nobody can be asked") as caught:
        methods.sign_in(api, auth, None, {})
    assert "_file" in caught.value.hint
    assert not server.requests


def test_in_place_of_a_token_that_is_of_no_use_any_more_another_one_is_asked_for(
    api: LoginApi, environ: dict[str, str]
) -> None:
    environ["BAO_TOKEN"] = "hvs.ended"
    talk = Talk(TOKEN)
    signed = methods.sign_in(api, {"method": "token"}, talk, environ)
    assert signed.token.same_as(SecretValue(TOKEN))
    assert talk.asked == [("Token", True)]
    with pytest.raises(WrongCredential, match="BAO_TOKEN"):
        methods.sign_in(api, {"method": "token"}, None, environ)


def test_cancelling_a_question_sends_nothing(server: Server, api: LoginApi) -> None:
    with pytest.raises(AuthenticationRequired):
        methods.sign_in(api, {"method": "userpass", "username": "ann"}, Talk(), {})
    with pytest.raises(AuthenticationRequired, match="Nothing was typed"):
        methods.sign_in(api, {"method": "userpass", "username": "ann"}, Talk(""), {})
    assert not server.requests


def test_a_password_keeps_all_but_one_newline(server: Server, api: LoginApi, tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_bytes(b" p\xc3\xa4ss\n\r\n")
    with pytest.raises(WrongCredential):
        methods.sign_in(api, {"method": "userpass", "username": "ann", "password_file": str(file)}, None, {})
    assert json.loads(server.requests[0].body) == {"password": " päss\n"}


@pytest.mark.parametrize("password", ["a\udcffb", "\ud800"])
def test_a_password_that_is_no_text_is_not_sent(server: Server, api: LoginApi, password: str) -> None:
    with pytest.raises(InvalidInput, match="no text"):
        methods.sign_in(api, WAYS["userpass"][0], None, {"PW": password})
    assert not server.requests


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["client_token", "mfa_requirement", "mfa_request_id", "mfa_constraints", "e", "any", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(answer=JSON)
def test_whatever_a_server_answers_is_a_token_or_one_of_our_errors(server: Server, api: LoginApi, answer: Any) -> None:
    server.break_next(Fault("reply", reply=Reply(body=json.dumps({"auth": answer}).encode())))
    try:
        signed = methods.sign_in(api, WAYS["userpass"][0], Talk("1", "2", "3"), PW)
    except KvtuiError:
        return
    assert signed.token.type is ValueType.TEXT


def test_kubernetes_uses_the_pods_own_token(api: LoginApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(PASSWORD)
    monkeypatch.setattr(methods, "KUBERNETES_TOKEN", str(file))
    assert good(methods.sign_in(api, {"method": "kubernetes", "role": "app"}, None, {}))
    file.unlink()
    with pytest.raises(InvalidInput, match="no file"):
        methods.sign_in(api, {"method": "kubernetes", "role": "app"}, None, {})


@pytest.mark.parametrize("user", ["a/b", "a b", "a?x=1", "a%2fb", "ä", "a#b"])
def test_a_user_name_stays_one_segment_of_the_path(server: Server, api: LoginApi, user: str) -> None:
    with pytest.raises(WrongCredential):
        methods.sign_in(api, {"method": "ldap", "username": user, "password_env": "PW"}, None, PW)
    assert server.requests[0].target.count("/") == 5
    assert server.requests[0].target.isascii()
    assert "?" not in server.requests[0].target


@pytest.mark.parametrize("user", [".", "..", "a\nb"])
def test_what_is_no_user_name_is_not_sent(server: Server, api: LoginApi, user: str) -> None:
    with pytest.raises(InvalidInput):
        methods.sign_in(api, {"method": "ldap"}, Talk(user, PASSWORD), {})
    assert not server.requests


def test_the_namespace_goes_with_a_login(server: Server) -> None:
    with connected(server.url, namespace="team-a") as api:
        signed = methods.sign_in(api, WAYS["userpass"][0], None, PW)
        api.signed_in(signed.token).call("GET", "auth/token/lookup-self")
    assert [request.headers["x-vault-namespace"] for request in server.requests] == ["team-a", "team-a"]


REFUSALS: list[tuple[Reply, type[KvtuiError], str]] = [
    (refused(403, "permission denied"), WrongCredential, "refuses to sign in at auth/userpass"),
    (refused(404, 'no handler for route "auth/userpass/login/ann"'), NotFound, "mounted at auth/userpass"),
    (refused(404, "namespace not found"), NotFound, "namespace"),
    (refused(400, "could not load configuration"), Unavailable, "not set up"),
    (refused(503, "Vault is sealed"), Unavailable, "sealed"),
    (refused(500, "boom SENTINEL"), Unavailable, "500"),
    (Reply(429, b"{}", {"Retry-After": "7"}), RateLimited, "fewer requests"),
    (Reply(307, b"", {"Location": "http://other.example:8200/v1/x"}), Unavailable, "another one"),
    (Reply(200, b"<html>SENTINEL</html>"), Unavailable, "something else than JSON"),
    (Reply(200, b"[]"), Unavailable, "no envelope"),
    (Reply(204), Unavailable, "no envelope"),
    (Reply(200, b'{"auth": null}'), Unavailable, "no token"),
    (Reply(200, b'{"auth": {"client_token": 7}}'), Unavailable, "no token"),
    (Reply(200, b'{"auth": {"client_token": "s.SENTINEL\\r\\nX: 1"}}'), Unavailable, "cannot be one"),
    (Reply(200, b'{"auth": {"mfa_requirement": {}}}'), Unavailable, "second factor"),
]


@pytest.mark.parametrize(("reply", "error", "words"), REFUSALS)
def test_any_other_answer_is_told_and_the_login_not_repeated(
    server: Server, api: LoginApi, reply: Reply, error: type[KvtuiError], words: str
) -> None:
    server.break_next(Fault("reply", reply=reply, times=5))
    with pytest.raises(error, match=words) as caught:
        methods.sign_in(api, WAYS["userpass"][0], None, PW)
    assert "SENTINEL" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "close_early"])
def test_a_login_without_an_answer_is_not_sent_again(server: Server, api: LoginApi, kind: str) -> None:
    server.break_next(Fault(kind, times=5))
    with pytest.raises(Unanswered):
        methods.sign_in(api, WAYS["userpass"][0], None, PW)
    assert len(server.requests) == 1


def test_a_token_is_looked_up(server: Server, api: LoginApi, environ: dict[str, str]) -> None:
    signed = methods.sign_in(api, {}, None, {**environ, "BAO_TOKEN": TOKEN})
    assert (signed.lease_duration, signed.span, signed.display) == (1800, 3600, "token-ann")
    assert signed.policies == ("default", "dev", "team")
    assert [request.path for request in server.requests] == ["/v1/auth/token/lookup-self"]


def test_a_token_that_may_not_look_itself_up_is_still_one(
    server: Server, api: LoginApi, environ: dict[str, str]
) -> None:
    server.tokens[TOKEN] = token(policies=["dev"])
    signed = methods.sign_in(api, {}, None, {**environ, "BAO_TOKEN": TOKEN})
    assert signed.token.same_as(SecretValue(TOKEN))
    assert not signed.is_known
    assert signed.expires_at is None
    assert "may not look itself up" in signed.notes[0]


def test_a_token_the_server_does_not_know_is_refused(api: LoginApi, environ: dict[str, str]) -> None:
    with pytest.raises(WrongCredential, match="variable VAULT_TOKEN") as caught:
        methods.sign_in(api, {"method": "token"}, None, {**environ, "VAULT_TOKEN": "s.SENTINEL"})
    assert "SENTINEL" not in str(caught.value)


def test_without_a_token_and_nobody_to_ask_it_says_what_to_set(
    server: Server, api: LoginApi, environ: dict[str, str]
) -> None:
    with pytest.raises(AuthenticationRequired) as caught:
        methods.sign_in(api, {}, None, environ)
    assert "BAO_TOKEN" in caught.value.hint
    assert not server.requests


def test_the_notes_about_a_token_come_along(api: LoginApi, environ: dict[str, str]) -> None:
    file = Path(environ["HOME"]) / ".vault-token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    assert "chmod 600" in methods.sign_in(api, {}, None, environ).notes[0]


def test_no_secret_shows_in_logs_errors_or_addresses(
    server: Server, environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, name)
    shown: list[str] = []
    wrong = {"PW": f"{PASSWORD}-wrong"}
    with connected(server.url) as api:
        for auth, _ in WAYS.values():
            shown.append(repr(methods.sign_in(api, auth, None, PW)))
            try:
                methods.sign_in(api, auth | {"mount": "nowhere"}, None, wrong)
            except KvtuiError as error:
                shown.append("".join(traceback.format_exception(error)) + repr(error.args))
        shown.append(repr(methods.sign_in(api, {}, None, {**environ, "BAO_TOKEN": TOKEN})))
    assert len(shown) == 2 * len(WAYS) + 1
    assert not [text for text in shown if "SENTINEL" in text]
    assert not [request.target for request in server.requests if "SENTINEL" in request.target]
    assert not [record for record in caplog.records if PASSWORD in record.getMessage()]
    assert not [record for record in caplog.records if TOKEN in record.getMessage()]
