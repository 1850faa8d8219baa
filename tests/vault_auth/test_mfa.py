"""The second factor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvtui.backends.vault.auth import methods
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, WrongCredential
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault
from tests.vault_auth.double import (
    MFA_METHOD,
    MFA_REQUEST,
    PASSCODE,
    PASSWORD,
    TOKEN,
    Server,
    enveloped,
    granted,
    refused,
)
from tests.vault_auth.talk import Talk, connected

AUTH = {"method": "userpass", "username": "ann", "password_env": "PW"}
PW = {"PW": PASSWORD}
TOTP = {"type": "totp", "id": MFA_METHOD, "uses_passcode": True, "name": "my"}
DUO = {"type": "duo", "id": "method-2", "uses_passcode": False, "name": "phone"}


def payloads(server: Server) -> list[Any]:
    return [json.loads(one.body) for one in server.requests if one.path == "/v1/sys/mfa/validate"]


def test_a_passcode_is_asked_for(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    talk = Talk(PASSCODE)
    signed = methods.sign_in(api, AUTH, talk, PW)
    assert signed.token.same_as(SecretValue(TOKEN))
    assert talk.asked == [("Passcode (totp my)", True)]
    assert payloads(server) == [{"mfa_request_id": MFA_REQUEST, "mfa_payload": {MFA_METHOD: [PASSCODE]}}]
    assert len(server.requests) == 2


def test_a_wrong_passcode_can_be_typed_again_without_the_password(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    talk = Talk("000000", PASSCODE)
    assert methods.sign_in(api, AUTH, talk, PW).lease_duration == 3600
    assert "wrong" in talk.told[0]
    assert [one.path for one in server.requests].count("/v1/auth/userpass/login/ann") == 1


def test_three_wrong_passcodes_end_it(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    with pytest.raises(WrongCredential, match="passcode"):
        methods.sign_in(api, AUTH, Talk("1", "2", "3", PASSCODE), PW)
    assert len(payloads(server)) == 3


@pytest.mark.parametrize("key", [MFA_METHOD, "my", "totp"])
def test_the_environment_may_hold_the_passcode(server: Server, api: LoginApi, key: str) -> None:
    server.second_factor = [[DUO, TOTP]]
    assert methods.sign_in(api, AUTH, None, PW | {"BAO_MFA": f"{key}:{PASSCODE}"}).lease_duration == 3600
    assert payloads(server)[0]["mfa_payload"] == {MFA_METHOD: [PASSCODE]}


def test_a_wrong_passcode_of_the_environment_is_sent_once(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    with pytest.raises(WrongCredential):
        methods.sign_in(api, AUTH, Talk(), PW | {"VAULT_MFA": "my:999999"})
    assert len(payloads(server)) == 1


def test_a_variable_that_holds_no_method_is_refused(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    with pytest.raises(InvalidInput, match="VAULT_MFA"):
        methods.sign_in(api, AUTH, None, PW | {"VAULT_MFA": ":1"})


def test_a_confirmation_on_a_phone_needs_no_passcode(server: Server, api: LoginApi) -> None:
    server.second_factor = [[DUO]]
    talk = Talk()
    assert methods.sign_in(api, AUTH, talk, PW).lease_duration == 3600
    assert talk.told == ["Confirm the sign-in with duo phone."]
    assert payloads(server)[0]["mfa_payload"] == {"method-2": []}


def test_a_person_has_more_time_to_confirm_than_a_server_to_answer(server: Server) -> None:
    server.second_factor = [[DUO]]
    slow = Fault("reply", when=lambda seen: "validate" in seen.path, reply=enveloped(auth=granted("ann")), seconds=1.5)
    server.break_next(slow)
    with connected(server.url, timeout=1) as api:
        assert methods.sign_in(api, AUTH, Talk(), PW).lease_duration == 3600


def test_a_confirmation_that_is_refused_is_told_and_not_asked_for_again(server: Server, api: LoginApi) -> None:
    server.second_factor, server.confirms = [[DUO]], False
    with pytest.raises(WrongCredential, match="not confirmed"):
        methods.sign_in(api, AUTH, Talk(), PW)
    assert len(payloads(server)) == 1


@pytest.mark.parametrize("answer", ["2", "my", "totp"])
def test_of_several_methods_one_is_chosen(server: Server, api: LoginApi, answer: str) -> None:
    server.second_factor = [[DUO, TOTP]]
    talk = Talk(answer, PASSCODE)
    methods.sign_in(api, AUTH, talk, PW)
    assert talk.asked == [("Second factor (1 duo phone, 2 totp my)", False), ("Passcode (totp my)", True)]
    assert payloads(server)[0]["mfa_payload"] == {MFA_METHOD: [PASSCODE]}


def test_choosing_none_of_them_ends_it(server: Server, api: LoginApi) -> None:
    server.second_factor = [[DUO, TOTP]]
    with pytest.raises(AuthenticationRequired, match="none of the second factors"):
        methods.sign_in(api, AUTH, Talk("3"), PW)
    assert not payloads(server)


def test_each_constraint_is_satisfied(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP], [DUO]]
    methods.sign_in(api, AUTH, Talk(PASSCODE), PW)
    assert payloads(server)[0]["mfa_payload"] == {MFA_METHOD: [PASSCODE], "method-2": []}


def test_where_nobody_can_be_asked_it_says_what_to_set(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    with pytest.raises(AuthenticationRequired) as caught:
        methods.sign_in(api, AUTH, None, PW)
    assert "BAO_MFA" in caught.value.hint


def test_a_passcode_that_comes_too_late_is_told(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP]]
    late = Fault("reply", when=lambda seen: "validate" in seen.path, reply=refused(400, "invalid request ID"))
    server.break_next(late)
    with pytest.raises(AuthenticationRequired, match="too late"):
        methods.sign_in(api, AUTH, Talk(PASSCODE, PASSCODE), PW)


def test_names_of_methods_cannot_command_the_terminal(server: Server, api: LoginApi) -> None:
    server.second_factor = [[TOTP | {"name": "\x1b]52;c;eA==\x07\u202e"}]]
    talk = Talk(PASSCODE)
    methods.sign_in(api, AUTH, talk, PW)
    assert talk.asked[0][0].isprintable()
