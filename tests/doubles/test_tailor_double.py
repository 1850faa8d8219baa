"""What the double of the platform promises: each trap of its secret manager, met with bare requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.doubles.bare import Got, send
from tests.doubles.clock import Clock
from tests.doubles.server import Fault
from tests.doubles.tailor import TailorDouble, error_reply
from tests.doubles.tailor.connect import STATUS, ConnectError, parse, timestamp
from tests.doubles.tailor.operator_service import FIELDS

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
T0 = "2026-01-02T12:00:00Z"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def tailor() -> Iterator[TailorDouble]:
    with TailorDouble(clock=Clock(NOON)) as double:
        yield double


def rpc(tailor: TailorDouble, method: str, message: object, *, token: str | None = None, **headers: str) -> Got:
    sent = {
        "Content-Type": "application/json",
        "Connect-Protocol-Version": "1",
        "Authorization": f"Bearer {tailor.login.access_token if token is None else token}",
        **headers,
    }
    body = message if isinstance(message, str) else json.dumps(message)
    return send(tailor, "POST", f"/tailor.v1.OperatorService/{method}", body, {k: v for k, v in sent.items() if v})


def call(tailor: TailorDouble, method: str, vault: str = "", secret: str = "", value: str = "", **more: Any) -> Got:
    names = {"secretmanagerVaultName": vault, "secretmanagerSecretName": secret, "secretmanagerSecretValue": value}
    known = {name: text for name, text in names.items() if text}
    return rpc(tailor, method, {"workspaceId": tailor.main.id, **known, **more})


def failed(got: Got, code: str) -> bool:
    assert sorted(got.json()) == ["code", "message"]
    return (got.status, got.json()["code"]) == (STATUS[code], code)


# The methods.


def test_vaults_are_made_shown_listed_and_deleted(tailor: TailorDouble) -> None:
    shown = {"name": "api-keys", "createTime": T0, "updateTime": T0}
    made = call(tailor, "CreateSecretManagerVault", "api-keys")
    assert (made.status, made.json()) == (200, {"vault": shown})
    assert made.headers["content-type"] == "application/json"
    assert failed(call(tailor, "CreateSecretManagerVault", "api-keys"), "already_exists")
    assert call(tailor, "GetSecretManagerVault", "api-keys").json() == {"vault": shown}
    assert call(tailor, "ListSecretManagerVaults").json() == {"vaults": [shown], "totalCount": "1"}
    assert call(tailor, "DeleteSecretManagerVault", "api-keys").json() == {}
    assert failed(call(tailor, "DeleteSecretManagerVault", "api-keys"), "not_found")
    assert failed(call(tailor, "GetSecretManagerVault", "api-keys"), "not_found")
    assert call(tailor, "ListSecretManagerVaults").json() == {}


def test_secrets_are_made_updated_listed_and_deleted(tailor: TailorDouble) -> None:
    tailor.vault("api-keys")
    stripe = ("api-keys", "stripe-key")
    shown = {"name": "stripe-key", "createTime": T0, "updateTime": T0}
    assert failed(call(tailor, "UpdateSecretManagerSecret", *stripe, "v0"), "not_found")
    assert call(tailor, "CreateSecretManagerSecret", *stripe, "v1").json() == {"secret": shown}
    assert failed(call(tailor, "CreateSecretManagerSecret", *stripe, "v2"), "already_exists")
    assert tailor.value(*stripe) == "v1"
    tailor.clock.advance(90)
    later = {**shown, "updateTime": "2026-01-02T12:01:30Z"}
    assert call(tailor, "UpdateSecretManagerSecret", *stripe, "v3").json() == {"secret": later}
    assert tailor.value(*stripe) == "v3"
    assert call(tailor, "GetSecretManagerSecret", *stripe).json() == {"secret": later}
    assert call(tailor, "ListSecretManagerSecrets", "api-keys").json() == {"secrets": [later], "totalCount": "1"}
    assert failed(call(tailor, "DeleteSecretManagerVault", "api-keys"), "failed_precondition")
    assert call(tailor, "DeleteSecretManagerSecret", *stripe).json() == {}
    assert failed(call(tailor, "DeleteSecretManagerSecret", *stripe), "not_found")
    assert failed(call(tailor, "GetSecretManagerSecret", *stripe), "not_found")
    assert failed(call(tailor, "CreateSecretManagerSecret", "none", "stripe-key", "v"), "not_found")
    assert failed(call(tailor, "ListSecretManagerSecrets", "none"), "not_found")
    assert call(tailor, "DeleteSecretManagerVault", "api-keys").json() == {}


def test_no_method_ever_shows_a_value(tailor: TailorDouble) -> None:
    sentinel = f"value-of-{id(tailor)}"
    vault = tailor.vault("api-keys", {"old-key": sentinel}, managed_by="my-app")
    messages = {"trn": f"trn:v1:workspace:{tailor.main.id}:vault:{vault.name}", "labels": {"a": "b"}}
    for method in sorted(FIELDS):
        for secret in ("old-key", "new-key"):
            got = call(tailor, method, vault.name, secret, sentinel, **messages)
            assert sentinel.encode() not in got.body, method
    assert [name for name, _ in tailor.calls("CreateSecretManagerSecret")] == ["CreateSecretManagerSecret"] * 2


def test_an_empty_value_is_left_out_on_the_wire_and_kept(tailor: TailorDouble) -> None:
    tailor.vault("api-keys")
    assert call(tailor, "CreateSecretManagerSecret", "api-keys", "empty-one").status == 200
    assert tailor.value("api-keys", "empty-one") == ""


def test_the_refusal_of_a_full_vault_may_have_another_code(tailor: TailorDouble) -> None:
    tailor.vault("full-one", {"abc": "v"})
    tailor.service.refusal_of_full_vaults = "aborted"
    assert failed(call(tailor, "DeleteSecretManagerVault", "full-one"), "aborted")
    assert "full-one" in tailor.main.vaults


# Lists.


def names(tailor: TailorDouble, vault: str = "many", **asked: Any) -> tuple[list[str], str]:
    got = call(tailor, "ListSecretManagerSecrets", vault, **asked).json()
    return [one["name"] for one in got.get("secrets", [])], got.get("nextPageToken", "")


def test_lists_come_in_pages_in_the_order_things_were_made(tailor: TailorDouble) -> None:
    tailor.vault("many", dict.fromkeys(("ccc", "aaa", "bbb", "eee", "ddd"), "v"))
    first, token = names(tailor, pageSize=2)
    assert first == ["ccc", "aaa"]
    del tailor.main.vaults["many"].secrets["aaa"]
    second, token = names(tailor, pageSize=2, pageToken=token)
    assert second == ["bbb", "eee"]
    third, token = names(tailor, pageSize=2, pageToken=token)
    assert (third, token) == (["ddd"], "")
    assert names(tailor, pageToken="", pageDirection="PAGE_DIRECTION_DESC", pageSize="3")[0] == ["ddd", "eee", "bbb"]
    _, token = names(tailor, pageDirection=2, pageSize=3)
    assert names(tailor, pageDirection=2, pageSize=3, pageToken=token) == (["ccc"], "")
    total = call(tailor, "ListSecretManagerSecrets", "many", pageSize=1).json()["totalCount"]
    assert total == "4"
    tailor.service.shows_total = False
    assert "totalCount" not in call(tailor, "ListSecretManagerSecrets", "many").json()


def test_a_page_holds_100_unless_asked_and_1000_at_most(tailor: TailorDouble) -> None:
    tailor.vault("many", {f"secret-{number}": "v" for number in range(1001)})
    assert len(names(tailor)[0]) == 100
    whole, token = names(tailor, pageSize=2000)
    assert len(whole) == 1000
    assert names(tailor, pageSize=1000, pageToken=token) == (["secret-1000"], "")
    tailor.pages.refuses_larger = True
    assert failed(call(tailor, "ListSecretManagerSecrets", "many", pageSize=1001), "invalid_argument")
    assert len(names(tailor, pageSize=1000)[0]) == 1000


def test_a_full_last_page_may_be_followed_by_an_empty_one(tailor: TailorDouble) -> None:
    tailor.vault("many", {"aaa": "v", "bbb": "v"})
    assert names(tailor, pageSize=2)[1] == ""
    tailor.pages.ends_with_empty_page = True
    _, token = names(tailor, pageSize=2)
    assert token
    assert names(tailor, pageSize=2, pageToken=token) == ([], "")
    assert names(tailor, pageSize=3)[1] == ""


def test_page_tokens_are_good_for_their_own_list_only(tailor: TailorDouble) -> None:
    tailor.vault("many", {"aaa": "v", "bbb": "v"})
    tailor.vault("other", {"aaa": "v"})
    _, token = names(tailor, pageSize=1)
    for bad in (token[:-4], "x", "é"):
        assert failed(call(tailor, "ListSecretManagerSecrets", "many", pageToken=bad), "invalid_argument"), bad
    assert failed(call(tailor, "ListSecretManagerSecrets", "other", pageToken=token), "invalid_argument")
    assert failed(call(tailor, "ListSecretManagerVaults", pageToken=token), "invalid_argument")


def test_workspaces_are_listed_as_far_as_somebody_is_in_them(tailor: TailorDouble) -> None:
    other = tailor.workspace("other")
    all_of_them = rpc(tailor, "ListWorkspaces", {"pageSize": 1}).json()
    times = {"createTime": T0, "updateTime": T0}
    main = {"id": tailor.main.id, "name": "main", "region": "asia-northeast", **times}
    assert all_of_them["workspaces"] == [main]
    rest = rpc(tailor, "ListWorkspaces", {"pageToken": all_of_them["nextPageToken"]}).json()
    assert [one["name"] for one in rest["workspaces"]] == ["other"]
    assert "nextPageToken" not in rest
    guest = tailor.new_login("guest@example.com", {other.id: "viewer"}).access_token
    assert [one["name"] for one in rpc(tailor, "ListWorkspaces", {}, token=guest).json()["workspaces"]] == ["other"]
    nobody = tailor.new_login("nobody@example.com", {}).access_token
    assert rpc(tailor, "ListWorkspaces", {}, token=nobody).json() == {}


def test_times_have_the_digits_they_need_and_may_be_missing(tailor: TailorDouble) -> None:
    moments = (NOON, NOON.replace(microsecond=120_000), NOON.replace(microsecond=123_456))
    assert [timestamp(one) for one in moments] == [T0, "2026-01-02T12:00:00.120Z", "2026-01-02T12:00:00.123456Z"]
    tailor.vault("api-keys")
    tailor.service.shows_times = False
    assert call(tailor, "GetSecretManagerVault", "api-keys").json() == {"vault": {"name": "api-keys"}}


# Metadata.


def test_a_vault_made_from_a_configuration_says_so(tailor: TailorDouble) -> None:
    tailor.vault("managed", managed_by="my-app")
    tailor.vault("by-hand")
    trn = f"trn:v1:workspace:{tailor.main.id}:vault:"
    got = rpc(tailor, "GetMetadata", {"trn": f"{trn}managed"})
    assert got.json() == {"metadata": {"trn": f"{trn}managed", "labels": {"sdk-name": "my-app"}}}
    assert rpc(tailor, "GetMetadata", {"trn": f"{trn}by-hand"}).json() == {"metadata": {"trn": f"{trn}by-hand"}}
    for missing in (f"{trn}none", trn[:-7], f"{trn[:-6]}function:x", trn.replace(tailor.main.id, NOWHERE) + "managed"):
        assert failed(rpc(tailor, "GetMetadata", {"trn": missing}), "not_found"), missing
    for bad in ("", "managed", "trn:v1:workspace:x:vault:managed", f"{trn}a b"):
        assert failed(rpc(tailor, "GetMetadata", {"trn": bad}), "invalid_argument"), bad
    rpc(tailor, "SetMetadata", {"trn": f"{trn}managed", "labels": {"team": "a", "empty": ""}})
    assert tailor.main.vaults["managed"].labels == {"team": "a", "empty": ""}
    bad_label = rpc(tailor, "SetMetadata", {"trn": f"{trn}managed", "labels": {"Team": "a"}})
    assert failed(bad_label, "invalid_argument")


# What is asked for wrongly.


def test_names_are_checked_only_where_the_platform_is_strict(tailor: TailorDouble) -> None:
    odd = ("API_KEY", "ab", "a" * 64, "-abc", "abc-", "a b", "é")
    tailor.vault("api-keys")
    for name in odd:
        assert call(tailor, "CreateSecretManagerVault", name).status == 200, name
        assert call(tailor, "CreateSecretManagerSecret", "api-keys", name, "v").status == 200, name
    tailor.service.is_strict = True
    for name in odd:
        assert failed(call(tailor, "GetSecretManagerVault", name), "invalid_argument"), name
        assert failed(call(tailor, "GetSecretManagerSecret", "api-keys", name), "invalid_argument"), name
    for name in ("abc", "a-1", "0" * 63):
        assert call(tailor, "CreateSecretManagerVault", name).status == 200, name
    tailor.service.is_strict = False
    assert failed(call(tailor, "GetSecretManagerVault"), "invalid_argument")


def test_a_workspace_is_a_uuid_that_exists(tailor: TailorDouble) -> None:
    for bad in ("", "main", tailor.main.id[:-1], tailor.main.id + "0"):
        got = rpc(tailor, "ListSecretManagerVaults", {"workspaceId": bad})
        assert failed(got, "invalid_argument")
        assert "workspace_id" in got.json()["message"]
    assert failed(rpc(tailor, "ListSecretManagerVaults", {"workspaceId": NOWHERE}), "not_found")


NO_MESSAGES = [
    *(
        "",
        "{",
        "[]",
        "null",
        '{"workspaceId": 1}',
        '{"pageSize": -1}',
        '{"pageSize": 4294967296}',
        '{"pageSize": true}',
    ),
    *('{"pageDirection": "UP"}', '{"pageDirection": 3}', '{"pageDirection": true}', '{"pageToken": "\\ud800"}'),
]


@pytest.mark.parametrize("message", NO_MESSAGES)
def test_a_message_that_is_none_is_an_invalid_argument(tailor: TailorDouble, message: str) -> None:
    got = rpc(tailor, "ListSecretManagerVaults", message)
    assert failed(got, "invalid_argument")
    assert got.json()["message"].startswith("unmarshal message: proto: ")


def test_messages_are_read_as_proto3_json() -> None:
    fields = {"workspaceId": "string", "pageSize": "uint32", "pageDirection": "direction"}
    sent = b'{"workspace_id": "w", "pageSize": 5.0, "pageDirection": null, "unknown": {}}'
    assert parse(sent, fields) == {
        "workspaceId": "w",
        "pageSize": 5,
        "pageDirection": "PAGE_DIRECTION_UNSPECIFIED",
    }
    with pytest.raises(ConnectError):
        parse(b'{"labels": {"a": 1}}', {"labels": "labels"})


# Who may.


def test_without_a_good_token_nothing_is_done(tailor: TailorDouble) -> None:
    stale = tailor.new_login("old@example.com").access_token
    tailor.clock.advance(3600)
    tailor.login = tailor.new_login("me@example.com")
    for token in ("no", stale, tailor.login.refresh_token):
        assert failed(rpc(tailor, "ListWorkspaces", {}, token=token), "unauthenticated")
    assert failed(rpc(tailor, "ListWorkspaces", {}, Authorization=""), "unauthenticated")
    assert failed(rpc(tailor, "ListWorkspaces", {}, Authorization="Basic x"), "unauthenticated")


def test_viewers_may_look_and_strangers_may_not(tailor: TailorDouble) -> None:
    tailor.vault("api-keys", {"abc": "v"})
    trn = f"trn:v1:workspace:{tailor.main.id}:vault:api-keys"
    viewer = tailor.new_login("viewer@example.com", {tailor.main.id: "viewer"})
    stranger = tailor.new_login("stranger@example.com", {})
    for login, allowed in ((viewer, True), (stranger, False)):
        tailor.login = login
        assert (call(tailor, "ListSecretManagerSecrets", "api-keys").status == 200) is allowed
        assert (rpc(tailor, "GetMetadata", {"trn": trn}).status == 200) is allowed
        for method in ("CreateSecretManagerVault", "DeleteSecretManagerSecret", "UpdateSecretManagerSecret"):
            assert failed(call(tailor, method, "api-keys", "abc", "x"), "permission_denied")
        assert failed(rpc(tailor, "SetMetadata", {"trn": trn}), "permission_denied")
    assert tailor.value("api-keys", "abc") == "v"


def test_userinfo_tells_whose_a_token_is(tailor: TailorDouble) -> None:
    bearer = {"Authorization": f"Bearer {tailor.login.access_token}"}
    got = send(tailor, "GET", "/auth/platform/userinfo", headers=bearer)
    assert (got.status, got.json()) == (200, {"sub": "me@example.com", "email": "me@example.com"})
    assert send(tailor, "GET", "/auth/platform/userinfo").status == 401


def refresh(tailor: TailorDouble, **form: str) -> Got:
    metadata = send(tailor, "GET", "/.well-known/oauth-authorization-server/oauth2/platform").json()
    sent = {"grant_type": "refresh_token", "client_id": "cli", **form}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return send(tailor, "POST", urlsplit(metadata["token_endpoint"]).path, urlencode(sent), headers)


def test_a_token_is_refreshed_and_the_refresh_token_is_good_once(tailor: TailorDouble) -> None:
    old_access, old_refresh = tailor.login.access_token, tailor.login.refresh_token
    tailor.clock.advance(4000)
    assert failed(rpc(tailor, "ListWorkspaces", {}), "unauthenticated")
    got = refresh(tailor, refresh_token=old_refresh)
    assert sorted(got.json()) == ["access_token", "expires_in", "refresh_token", "token_type"]
    assert got.json()["expires_in"] == 3600
    assert rpc(tailor, "ListWorkspaces", {}, token=got.json()["access_token"]).status == 200
    assert rpc(tailor, "ListWorkspaces", {}, token=old_access).status == 401
    again = refresh(tailor, refresh_token=old_refresh)
    assert (again.status, again.json()) == (400, {"error": "invalid_grant"})
    tailor.sign_in.rotates_refresh_tokens = False
    kept = refresh(tailor, refresh_token=got.json()["refresh_token"])
    assert "refresh_token" not in kept.json()
    assert refresh(tailor, refresh_token=got.json()["refresh_token"]).status == 200
    assert refresh(tailor, grant_type="password").json() == {"error": "unsupported_grant_type"}
    nobody = refresh(tailor, client_id="", refresh_token="x")
    assert (nobody.status, nobody.json()) == (401, {"error": "invalid_client"})
    assert send(tailor, "POST", "/oauth2/platform/token", "{}").json() == {"error": "invalid_request"}
    assert tailor.mutations() == []


# The protocol.


def test_requests_must_be_posts_of_json_that_name_the_version(tailor: TailorDouble) -> None:
    target = "/tailor.v1.OperatorService/ListWorkspaces"
    got = send(tailor, "GET", f"{target}?encoding=json&message=%7B%7D")
    assert (got.status, got.headers["allow"], got.body) == (405, "POST", b"")
    for kind in ("", "text/plain", "application/proto", "application/json; charset=latin-1"):
        refused = rpc(tailor, "ListWorkspaces", {}, **{"Content-Type": kind})
        assert (refused.status, refused.headers["accept-post"]) == (415, "application/json")
    assert rpc(tailor, "ListWorkspaces", {}, **{"Content-Type": 'application/json; charset="UTF-8"'}).status == 200
    for version in ("", "2"):
        assert failed(rpc(tailor, "ListWorkspaces", {}, **{"Connect-Protocol-Version": version}), "invalid_argument")
    tailor.needs_version = False
    assert rpc(tailor, "ListWorkspaces", {}, **{"Connect-Protocol-Version": ""}).status == 200
    tailor.speaks_json = False
    assert rpc(tailor, "ListWorkspaces", {}).status == 415


@pytest.mark.parametrize("target", ["/", "/tailor.v1.OperatorService/", "/tailor.v1.OperatorService/GetSecretValue"])
def test_what_is_no_method_is_a_plain_404(tailor: TailorDouble, target: str) -> None:
    got = send(tailor, "POST", target, "{}")
    assert (got.status, got.body) == (404, b"404 page not found\n")
    assert got.headers["content-type"].startswith("text/plain")


def test_codes_come_with_the_statuses_of_the_protocol() -> None:
    by_status: dict[int, set[str]] = {}
    for code, status in STATUS.items():
        by_status.setdefault(status, set()).add(code)
    assert by_status == {
        400: {"invalid_argument", "failed_precondition", "out_of_range"},
        401: {"unauthenticated"},
        403: {"permission_denied"},
        404: {"not_found"},
        409: {"already_exists", "aborted"},
        429: {"resource_exhausted"},
        499: {"canceled"},
        500: {"unknown", "internal", "data_loss"},
        501: {"unimplemented"},
        503: {"unavailable"},
        504: {"deadline_exceeded"},
    }


@pytest.mark.parametrize("code", list(STATUS))
def test_every_code_can_be_made_to_happen(tailor: TailorDouble, code: str) -> None:
    tailor.fail("ListWorkspaces", code, "why")
    got = rpc(tailor, "ListWorkspaces", {})
    assert (got.status, got.json()) == (STATUS[code], {"code": code, "message": "why"})
    assert rpc(tailor, "ListWorkspaces", {}).status == 200


def test_a_call_may_fail_after_it_was_carried_out(tailor: TailorDouble) -> None:
    tailor.vault("api-keys")
    tailor.fail("CreateSecretManagerSecret", "unavailable", after=True)
    assert call(tailor, "CreateSecretManagerSecret", "api-keys", "abc", "v").status == 503
    assert failed(call(tailor, "CreateSecretManagerSecret", "api-keys", "abc", "v"), "already_exists")
    assert tailor.value("api-keys", "abc") == "v"
    tailor.break_next(Fault("reset_after"))
    with pytest.raises(ConnectionError):
        call(tailor, "DeleteSecretManagerSecret", "api-keys", "abc")
    assert tailor.value("api-keys", "abc") is None
    assert len(tailor.mutations()) == 3


def test_errors_may_have_details_and_the_statuses_of_older_servers(tailor: TailorDouble) -> None:
    details = [{"type": "google.rpc.ErrorInfo", "value": "CgA"}]
    tailor.break_next(Fault("reply", reply=error_reply("failed_precondition", status=412, details=details)))
    got = rpc(tailor, "ListWorkspaces", {})
    assert (got.status, got.json()) == (412, {"code": "failed_precondition", "details": details})
