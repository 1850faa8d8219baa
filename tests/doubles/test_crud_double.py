"""What the double of the secrets API promises: each endpoint and each trap of the documents, met with bare requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from tests.doubles.bare import Got, send
from tests.doubles.clock import Clock
from tests.doubles.crud import SCOPES, CrudDouble, Settings, Shape
from tests.doubles.crud.uri import parse
from tests.doubles.crud.wire import Failed
from tests.doubles.server import Fault

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
API = "openbao+kv2://secret/app/api"
ENV = "yaml://secret/env"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def crud() -> Iterator[CrudDouble]:
    with CrudDouble(clock=Clock(NOON)) as double:
        yield double


def get(crud: CrudDouble, path: str, token: str = "", **query: object) -> Got:
    text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return send(crud, "GET", f"/api/secrets{path}?{text}", headers=headers)


def post(crud: CrudDouble, path: str, body: Any, token: str = "") -> Got:
    headers = {"Authorization": f"Bearer {token}", **JSON} if token else JSON
    return send(crud, "POST", f"/api/secrets{path}", json.dumps(body), headers)


def delete(crud: CrudDouble, uri: str, token: str = "", **query: object) -> Got:
    text = "".join(f"&{name}={value}" for name, value in query.items())
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return send(crud, "DELETE", f"/api/secrets?uri={quote(uri, safe='')}{text}", headers=headers)


def write(crud: CrudDouble, uri: str, value: Any) -> Got:
    got = post(crud, "", {"uri": uri, "value": value})
    assert got.status == 200, got.body
    return got


def refused(got: Got) -> tuple[int, str]:
    return got.status, got.json()["code"]


# Values.


def test_a_map_is_written_and_read_whole_and_by_key(crud: CrudDouble) -> None:
    assert write(crud, API, {"token": "t", "n": 1}).json() == {"status": "ok", "uri": API, "version": 1}
    assert get(crud, "/value", uri=API).json() == {"token": "t", "n": 1}
    assert get(crud, "/value", uri=f"{API}#token").json() == {"token": "t"}
    write(crud, f"{ENV}#KEY", "v")
    assert get(crud, "/value", uri=f"{ENV}#KEY").json() == {"KEY": "v"}
    assert get(crud, "", uri=ENV).json() == {"KEY": "v"}
    assert get(crud, "", uri=f"{ENV}#KEY").json() == {"value": "v"}


@pytest.mark.parametrize(
    ("shape", "answer"), [("fragment", {"token": "t"}), ("value", {"value": "t"}), ("bare", "t")], ids=str
)
def test_one_key_is_answered_in_any_documented_shape(
    crud: CrudDouble, shape: Literal["fragment", "value", "bare"], answer: object
) -> None:
    crud.put(API, {"token": "t"})
    crud.shape.value = shape
    assert get(crud, "/value", uri=f"{API}#token").json() == answer
    assert get(crud, "/value", uri=API).json() == {"token": "t"}


def test_the_yaml_read_knows_no_other_provider(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t"})
    assert refused(get(crud, "", uri=API)) == (501, "PROVIDER_UNSUPPORTED")


def test_what_is_not_there_is_not_found(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t"})
    crud.put(f"{ENV}#KEY", "v")
    for uri in (f"{API}x", f"{API}#other", f"{API}?version=9", f"{ENV}x", f"{ENV}#other", f"{ENV}/KEY"):
        assert refused(get(crud, "/value", uri=uri)) == (404, "NOT_FOUND")
    crud.shape.missing_fragment = "null"
    assert get(crud, "/value", uri=f"{API}#other").json() == {"other": None}


def test_without_a_fragment_only_a_map_can_be_written(crud: CrudDouble) -> None:
    for uri in (API, ENV):
        assert refused(post(crud, "", {"uri": uri, "value": "x"})) == (400, "INVALID_VALUE")
    assert crud.live(API) is None
    assert crud.live(ENV) is None


def test_writing_one_key_loses_the_others_of_kv2_or_keeps_them(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t", "user": "u"})
    crud.put(ENV, {"A": "1", "B": "2"})
    crud.shape.fragment_writes = "merge"
    write(crud, f"{API}#token", "t2")
    assert crud.live(API) == {"token": "t2", "user": "u"}
    crud.shape.fragment_writes = "replace"
    write(crud, f"{API}#token", "t3")
    assert crud.live(API) == {"token": "t3"}
    write(crud, f"{ENV}#A", "3")
    assert crud.live(ENV) == {"A": "3", "B": "2"}


def test_a_map_of_just_the_fragment_is_taken_for_its_value(crud: CrudDouble) -> None:
    write(crud, f"{API}#token", {"token": "t"})
    assert crud.live(API) == {"token": "t"}
    crud.shape.unwraps = False
    write(crud, f"{API}#token", {"token": "t"})
    assert crud.live(API) == {"token": {"token": "t"}}


def test_writing_a_yaml_map_replaces_all_below_it(crud: CrudDouble) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "sub": {"B": "2"}}}
    write(crud, ENV, {"C": "3"})
    assert crud.yaml == {"secret": {"env": {"C": "3"}}}


def test_rotating_writes_a_version_and_tells_both_numbers(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t"})
    assert post(crud, "/rotate", {"uri": API, "value": {"token": "t2"}}).json() == {
        "status": "rotated",
        "old_version": 1,
        "new_version": 2,
    }
    assert post(crud, "/rotate", {"uri": f"{ENV}#K", "value": "v"}).json() == {"status": "rotated"}
    assert crud.live(f"{ENV}#K") == "v"


def test_a_provider_may_round_numbers_and_never_keeps_half_a_character(crud: CrudDouble) -> None:
    big = 2**53 + 1
    crud.settings.rounds_numbers = True
    write(crud, API, {"n": big, "list": [big], "text": "\ud800", "yes": True})
    assert crud.live(API) == {"n": 2**53, "list": [2**53], "text": "\ufffd", "yes": True}
    write(crud, f"{ENV}#n", big)
    assert crud.live(f"{ENV}#n") == big


# Versions.


def test_a_version_is_pinned_by_parameter_or_in_the_uri(crud: CrudDouble) -> None:
    for number in (1, 2, 3):
        crud.put(API, {"n": number})
    assert get(crud, "/value", uri=API, version=1).json() == {"n": 1}
    assert get(crud, "/value", uri=f"{API}#n?version=2").json() == {"n": 2}
    assert get(crud, "/value", uri=f"{API}#n?version=2", version=1).json() == {"n": 1}
    assert get(crud, "/value", uri=API, version="x").status == 422
    assert refused(get(crud, "/value", uri=f"{API}?version=x")) == (400, "AMBIGUOUS_QUERY")
    assert get(crud, "/value", uri=ENV, version=1).status == 501


def test_a_pinned_version_that_is_gone_is_a_conflict_and_the_newest_is_not_found(crud: CrudDouble) -> None:
    for number in (1, 2):
        crud.put(API, {"n": number})
    assert delete(crud, API).status == 200
    assert refused(get(crud, "/value", uri=API, version=2)) == (409, "VERSION_DELETED")
    assert refused(get(crud, "/value", uri=API)) == (404, "NOT_FOUND")
    assert get(crud, "/value", uri=API, version=1).json() == {"n": 1}
    assert post(crud, "/undelete", {"uri": API, "versions": [2]}).status == 200
    assert get(crud, "/value", uri=API).json() == {"n": 2}
    assert post(crud, "/destroy-versions", {"uri": API, "versions": [1]}).status == 200
    assert refused(get(crud, "/value", uri=API, version=1)) == (409, "VERSION_DESTROYED")
    post(crud, "/undelete", {"uri": API, "versions": [1, 77]})
    assert refused(get(crud, "/value", uri=API, version=1)) == (409, "VERSION_DESTROYED")


@pytest.mark.parametrize("path", ["/undelete", "/destroy-versions"])
def test_versions_are_named_for_a_whole_secret_and_at_least_one(crud: CrudDouble, path: str) -> None:
    crud.put(API, {"n": 1})
    assert refused(post(crud, path, {"uri": API, "versions": []})) == (400, "INVALID_VERSIONS")
    assert refused(post(crud, path, {"uri": f"{API}#n", "versions": [1]})) == (400, "ILLEGAL_SEGMENT")
    assert refused(post(crud, path, {"uri": f"{API}x", "versions": [1]})) == (404, "NOT_FOUND")
    assert refused(post(crud, path, {"uri": ENV, "versions": [1]})) == (501, "PROVIDER_UNSUPPORTED")
    for versions in ("1", ["1"], [True], [1.5], None):
        assert post(crud, path, {"uri": API, "versions": versions}).status == 422
    assert crud.live(API) == {"n": 1}


def test_old_versions_are_dropped(crud: CrudDouble) -> None:
    crud.settings.max_versions = 2
    for number in (1, 2, 3):
        crud.put(API, {"n": number})
    assert refused(get(crud, "/value", uri=API, version=1)) == (404, "NOT_FOUND")
    assert get(crud, "/metadata/detail", uri=API).json()["metadata"]["oldest_version"] == 2


def test_deleting_with_a_fragment_takes_one_key_of_yaml_and_the_whole_secret_of_kv2(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t", "user": "u"})
    crud.put(ENV, {"A": "1", "B": "2"})
    assert delete(crud, f"{ENV}#A").json() == {"status": "deleted", "uri": f"{ENV}#A"}
    assert crud.live(ENV) == {"B": "2"}
    assert delete(crud, f"{API}#token").status == 200
    assert crud.live(API) is None
    assert delete(crud, f"{API}#token", destroy="true").json()["status"] == "destroyed"
    assert crud.cluster().secrets == {}
    assert delete(crud, ENV).status == 200
    assert crud.yaml == {"secret": {}}
    for uri in (API, ENV, f"{ENV}#A"):
        assert delete(crud, uri).status == 404
    assert delete(crud, API, destroy="perhaps").status == 422


# Metadata.


def test_the_first_write_stamps_who_and_when_and_only_the_owner_changes(crud: CrudDouble) -> None:
    alice, bob = crud.token("one", subject="alice"), crud.token("two", subject="bob")
    post(crud, "", {"uri": API, "value": {"n": 1}}, alice)
    crud.clock.advance(3600)
    post(crud, "/rotate", {"uri": API, "value": {"n": 2}}, bob)
    assert post(crud, "/metadata/owner", {"uri": API, "owner": "team"}).status == 200
    shown = get(crud, "/metadata/detail", uri=API).json()
    assert shown == {
        "uri": API,
        "metadata": {
            "created_time": "2026-01-02T12:00:00Z",
            "updated_time": "2026-01-02T13:00:00Z",
            "current_version": 2,
            "oldest_version": 1,
            "max_versions": 10,
            "custom_metadata": {"created_by": "alice", "created_at": "2026-01-02T12:00:00Z", "owner": "team"},
            "versions": {
                "1": {"created_time": "2026-01-02T12:00:00Z", "deletion_time": "", "destroyed": False},
                "2": {"created_time": "2026-01-02T13:00:00Z", "deletion_time": "", "destroyed": False},
            },
        },
    }
    assert refused(post(crud, "/metadata/owner", {"uri": f"{API}#n", "owner": "x"})) == (400, "ILLEGAL_SEGMENT")
    assert post(crud, "/metadata/owner", {"uri": ENV, "owner": "x"}).status == 501


def test_versions_are_listed_in_both_shapes(crud: CrudDouble) -> None:
    crud.put(API, {"n": 1})
    delete(crud, API)
    about = {"created_time": "2026-01-02T12:00:00Z", "deletion_time": "2026-01-02T12:00:00Z", "destroyed": False}
    assert get(crud, "/versions", uri=API).json() == {"uri": API, "versions": {"1": about}}
    crud.shape.lists = "bare"
    assert get(crud, "/versions", uri=API).json() == [{"version": 1, **about}]
    assert get(crud, "/metadata/detail", uri=API).json()["current_version"] == 1
    for path in ("/versions", "/metadata/detail"):
        assert get(crud, path, uri=ENV).status == 501


def test_only_the_yaml_file_is_listed(crud: CrudDouble) -> None:
    crud.yaml["secret"] = {"env": {"A": "1", "sub": {"B": [2]}}, "envy": {"C": "3"}}
    listed = get(crud, "/metadata", prefix=f"{ENV}/").json()
    assert [item["uri"] for item in listed["items"]] == [f"{ENV}#A", f"{ENV}/sub#B"]
    assert (listed["total"], listed["offset"], listed["limit"]) == (2, 0, 100)
    assert get(crud, "/keys", uri=ENV).json() == {"uri": ENV, "keys": ["A", "sub"]}
    crud.shape.lists = "bare"
    assert get(crud, "/metadata", prefix="yaml://secret", offset=1, limit=1).json() == [f"{ENV}/sub#B"]
    assert get(crud, "/keys", uri=ENV).json() == ["A", "sub"]
    assert get(crud, "/keys", mount="secret", prefix="env").json() == ["A", "sub"]
    assert get(crud, "/metadata", mount="secret", prefix="envy").json() == ["yaml://secret/envy#C"]
    assert get(crud, "/metadata", mount="secret").json()[-1] == "yaml://secret/envy#C"
    assert get(crud, "/keys", uri=f"{ENV}x").status == 404
    for path, name in (("/metadata", "prefix"), ("/keys", "uri")):
        assert get(crud, path, **{name: API}).status == 501
        assert get(crud, path).status == 422


# Search.


def test_search_is_deep_in_yaml_and_shallow_in_kv2(crud: CrudDouble) -> None:
    crud.yaml["secret"] = {"env": {"API_KEY": "v", "sub": {"B": "api"}}, "api": {"C": "3"}}
    crud.put(API, {"n": 1})
    crud.put("hashicorp+kv2://secret/api2", {"n": 1})
    crud.put("openbao+kv2://other/api", {"n": 1})
    found = get(crud, "/search", q="api").json()
    assert [item["uri"] for item in found["results"]] == [
        f"{ENV}#API_KEY",
        "yaml://secret/api#C",
        "hashicorp+kv2://secret/api2",
    ]
    crud.shape.lists = "bare"
    assert get(crud, "/search", q="a", prefix="openbao+kv2://secret").json() == ["openbao+kv2://secret/app/"]
    assert get(crud, "/search", q="API", prefix="openbao+kv2://secret/app/").json() == [API]
    assert get(crud, "/search", q="b", prefix=ENV).json() == [f"{ENV}/sub#B"]
    assert get(crud, "/search", q="zzz").json() == []


def test_search_needs_a_query_and_a_prefix_that_is_a_uri(crud: CrudDouble) -> None:
    assert get(crud, "/search", prefix=ENV).json()["detail"][0]["loc"] == ["query", "q"]
    assert refused(get(crud, "/search", q="")) == (400, "INVALID_QUERY")
    assert refused(get(crud, "/search", q="x", prefix="yaml://secret/../other")) == (400, "ILLEGAL_SEGMENT")
    assert refused(get(crud, "/search", q="x", prefix="yaml://other")) == (400, "TENANT_MOUNT_MISMATCH")
    crud.settings.searches_kv2 = False
    assert refused(get(crud, "/search", q="x", prefix=API)) == (501, "PROVIDER_UNSUPPORTED")


def test_lists_come_in_pages(crud: CrudDouble) -> None:
    crud.put(ENV, {f"K{number:03}": "v" for number in range(150)})
    first = get(crud, "/search", q="k").json()
    assert (len(first["results"]), first["total"]) == (100, 150)
    rest = get(crud, "/search", q="k", offset=100, limit=1000).json()["results"]
    assert [item["key"] for item in rest] == [f"K{number:03}" for number in range(100, 150)]
    for wrong in ({"offset": -1}, {"limit": 0}, {"limit": 1001}, {"limit": "x"}):
        assert get(crud, "/search", q="k", **wrong).status == 422


# Many at once.


def test_bulk_does_each_operation_and_tells_of_each(crud: CrudDouble) -> None:
    crud.put(API, {"n": 1})
    crud.put("openbao+kv2://secret/gone", {"n": 1})
    operations = [
        {"op": "set", "uri": f"{ENV}#NEW", "value": "abc"},
        {"op": "rotate", "uri": API, "value": {"n": 2}},
        {"op": "delete", "uri": API},
        {"op": "undelete", "uri": API, "versions": [2]},
        {"op": "destroy", "uri": API, "versions": [1]},
        {"op": "destroy", "uri": "openbao+kv2://secret/gone"},
    ]
    got = post(crud, "/bulk", {"operations": operations}).json()
    assert (got["succeeded"], got["failed"]) == (6, 0)
    assert got["results"][1] == {"index": 1, "op": "rotate", "uri": API, "status": "ok", "version": 2}
    assert crud.live(f"{ENV}#NEW") == "abc"
    assert crud.live(API) == {"n": 2}
    assert crud.cluster().secrets["secret/app/api"].versions[1].destroyed
    assert list(crud.cluster().secrets) == ["secret/app/api"]


@pytest.mark.parametrize("goes_on", [True, False])
def test_bulk_stops_at_the_first_failure_or_goes_on(crud: CrudDouble, goes_on: bool) -> None:
    operations = [
        {"op": "set", "uri": f"{ENV}#A", "value": "1"},
        {"op": "set", "uri": "yaml://other#B", "value": "2"},
        {"op": "set", "uri": f"{ENV}#C"},
        {"op": "undelete", "uri": API},
        {"op": "set", "uri": f"{ENV}#D", "value": "4"},
    ]
    crud.shape.lists = "bare"
    got = post(crud, "/bulk", {"operations": operations, "continueOnError": goes_on})
    assert got.status == 200
    codes = [one.get("error", {}).get("code", "ok") for one in got.json()]
    all_codes = ["ok", "TENANT_MOUNT_MISMATCH", "INVALID_VALUE", "INVALID_VERSIONS", "ok"]
    assert codes == (all_codes if goes_on else all_codes[:2])
    assert crud.live(ENV) == ({"A": "1", "D": "4"} if goes_on else {"A": "1"})


def test_bulk_that_is_malformed_does_nothing_and_repeats_what_was_sent(crud: CrudDouble) -> None:
    good = {"op": "set", "uri": f"{ENV}#A", "value": "sensitive"}
    for bad in ({**good, "op": "read"}, {"op": "set", "value": "sensitive"}, "set", {**good, "versions": "1"}):
        got = post(crud, "/bulk", {"operations": [good, bad]})
        assert got.status == 422
        assert got.json()["detail"][0]["loc"][:3] == ["body", "operations", 1]
    assert b"sensitive" in post(crud, "/bulk", {"operations": [good, {**good, "op": "x"}]}).body
    assert post(crud, "/bulk", {}).status == 422
    assert crud.yaml == {}


def test_copy_keeps_the_source_and_never_overwrites_unasked(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t"})
    crud.put(ENV, {"FROM": {"a": 1}, "TO": "old"})
    body = {"fromUri": f"{ENV}#FROM", "toUri": f"{ENV}#TO", "overwrite": False}
    assert refused(post(crud, "/copy", body)) == (409, "DESTINATION_EXISTS")
    assert post(crud, "/copy", {**body, "overwrite": True}).status == 200
    assert crud.live(ENV) == {"FROM": {"a": 1}, "TO": {"a": 1}}
    assert post(crud, "/copy", {"fromUri": API, "toUri": "hashicorp+kv2://secret/b"}).json()["version"] == 1
    assert crud.live("hashicorp+kv2://secret/b") == crud.live(API) == {"token": "t"}
    assert refused(post(crud, "/copy", {"fromUri": f"{API}x", "toUri": f"{API}y"})) == (404, "NOT_FOUND")
    delete(crud, API)
    assert post(crud, "/copy", {"fromUri": f"{API}?version=1", "toUri": API}).status == 409
    assert post(crud, "/copy", {"fromUri": "hashicorp+kv2://secret/b", "toUri": API}).json()["version"] == 2


def test_move_is_a_copy_and_a_soft_delete_of_the_whole_source(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t", "user": "u"})
    body = {"fromUri": f"{API}#token", "toUri": "openbao+kv2://secret/b#token"}
    assert post(crud, "/move", body).json()["status"] == "moved"
    assert crud.live("openbao+kv2://secret/b") == {"token": "t"}
    assert crud.live(API) is None
    assert crud.cluster().secrets["secret/app/api"].versions[1].data == {"token": "t", "user": "u"}


def test_a_move_onto_itself_loses_the_secret(crud: CrudDouble) -> None:
    crud.put(f"{ENV}#A", "1")
    assert post(crud, "/move", {"fromUri": f"{ENV}#A", "toUri": f"{ENV}#A"}).status == 409
    assert post(crud, "/move", {"fromUri": f"{ENV}#A", "toUri": f"{ENV}#A", "overwrite": True}).status == 200
    assert crud.live(f"{ENV}#A") is None


def test_a_move_can_fail_halfway(crud: CrudDouble) -> None:
    crud.put(API, {"token": "t"})
    crud.break_provider("delete")
    got = post(crud, "/move", {"fromUri": API, "toUri": "openbao+kv2://secret/b"})
    assert refused(got) == (502, "PROVIDER_ERROR")
    assert crud.live("openbao+kv2://secret/b") == crud.live(API) == {"token": "t"}


# URIs on the wire.


def test_a_raw_uri_loses_its_fragment_and_turns_plus_into_a_space(crud: CrudDouble) -> None:
    crud.put(f"{ENV}#A", "1")
    crud.put(API, {"token": "t", "user": "u"})
    assert refused(send(crud, "GET", f"/api/secrets/value?uri={API}")) == (400, "UNSUPPORTED_ENGINE")
    half = API.replace("+", "%2B")
    pinned = send(crud, "GET", f"/api/secrets/value?uri={half}#token&version=7")
    assert pinned.json() == {"token": "t", "user": "u"}
    assert send(crud, "DELETE", f"/api/secrets?uri={ENV}#A").status == 200
    assert crud.live(ENV) is None


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("secret/app", "ILLEGAL_SEGMENT"),
        ("yaml://", "ILLEGAL_SEGMENT"),
        ("hashicorp+kv2://secret//path", "ILLEGAL_SEGMENT"),
        ("openbao+kv2://secret/a%2Fb#key", "ILLEGAL_SEGMENT"),
        ("openbao+kv2://secret/../a", "ILLEGAL_SEGMENT"),
        ("openbao+kv2://secret/a b", "ILLEGAL_SEGMENT"),
        ("openbao+kv2://secret/jira/*/token", "INVALID_WILDCARD"),
        ("openbao+kv1://secret/a", "UNSUPPORTED_ENGINE"),
        ("openbao://secret/a", "UNSUPPORTED_ENGINE"),
        ("vault://secret/a", "UNSUPPORTED_ENGINE"),
        ("yaml://secret/a?x=1&x=2", "AMBIGUOUS_QUERY"),
        ("yaml://secret/a?mount=secret", "DOUBLE_MOUNT_SOURCE"),
        ("yaml://other/a", "TENANT_MOUNT_MISMATCH"),
    ],
)
def test_a_bad_uri_is_refused_with_its_code(crud: CrudDouble, uri: str, code: str) -> None:
    assert refused(get(crud, "/value", uri=uri)) == (400, code)
    assert refused(post(crud, "", {"uri": uri, "value": {}})) == (400, code)


@given(st.text(st.sampled_from("openbaykv2+:/.#?&=%F s*\n"), max_size=30).map(lambda text: f"yaml://secret/a{text}"))
@example("yaml://secret/a?version=3#x")
@example("OpenBao+KV2://secret/a/#b?c=1&b=2")
def test_what_our_uris_may_be_the_service_takes_for_the_same(text: str) -> None:
    try:
        ours = CanonicalUri.parse(text)
    except InvalidUri:
        return
    theirs = parse(text)
    assert str(theirs) == str(ours)
    assert (theirs.location, theirs.fragment, theirs.version) == (ours.location, ours.fragment, ours.version)


def test_the_service_takes_texts_that_mean_something_else() -> None:
    assert parse("openbao+kv2://secret/a?version=3#token").fragment is None
    assert str(parse("yaml://secret/env#")) == "yaml://secret/env"
    assert parse("yaml://secret/env\n").location == "secret/env\n"
    with pytest.raises(Failed):
        parse("yaml://secret/env#a#b")


# Access.


def test_without_a_token_nothing_is_answered_where_one_is_required(crud: CrudDouble) -> None:
    crud.settings.require_auth = True
    token = crud.token("t", ttl=60)
    assert refused(get(crud, "/search", q="x")) == (401, "UNAUTHORIZED")
    assert get(crud, "/search", "wrong", q="x").headers["www-authenticate"] == "Bearer"
    assert get(crud, "/search", token, q="x").status == 200
    crud.clock.advance(60)
    assert get(crud, "/search", token, q="x").status == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("read", "GET", f"?uri={quote(ENV, safe='')}", None),
        ("read", "GET", f"/value?uri={quote(API, safe='')}", None),
        ("write", "POST", "", {"uri": API, "value": {}}),
        ("rotate", "POST", "/rotate", {"uri": API, "value": {}}),
        ("delete", "DELETE", f"?uri={quote(API, safe='')}", None),
        ("destroy", "DELETE", f"?uri={quote(API, safe='')}&destroy=true", None),
        ("delete", "POST", "/undelete", {"uri": API, "versions": [1]}),
        ("destroy", "POST", "/destroy-versions", {"uri": API, "versions": [1]}),
        ("set_owner", "POST", "/metadata/owner", {"uri": API, "owner": "x"}),
        ("read_metadata", "GET", f"/metadata?prefix={quote(ENV, safe='')}", None),
        ("read_metadata", "GET", f"/keys?uri={quote(ENV, safe='')}", None),
        ("read_metadata", "GET", f"/metadata/detail?uri={quote(API, safe='')}", None),
        ("read_metadata", "GET", f"/versions?uri={quote(API, safe='')}", None),
        ("read_metadata", "GET", "/search?q=x", None),
        ("read", "POST", "/copy", {"fromUri": API, "toUri": f"{API}2"}),
        ("write", "POST", "/copy", {"fromUri": API, "toUri": f"{API}2"}),
        ("write", "POST", "/move", {"fromUri": API, "toUri": f"{API}2"}),
    ],
)
def test_each_endpoint_needs_its_scope(crud: CrudDouble, scope: str, method: str, path: str, body: Any) -> None:
    crud.put(API, {"n": 1})
    crud.put(ENV, {"A": "1"})
    crud.settings.enforce_scopes = True
    name = f"secrets.{scope}"
    crud.token("all but one", scopes=SCOPES - {name})
    crud.token("all")
    sent = None if body is None else json.dumps(body)
    for token, status in (("all but one", 403), ("all", 200)):
        headers = {"Authorization": f"Bearer {token}", **JSON}
        got = send(crud, method, f"/api/secrets{path}", sent, headers)
        assert got.status == status
        if status == 403:
            assert name in got.json()["message"]


def test_bulk_needs_the_scope_of_each_operation(crud: CrudDouble) -> None:
    crud.settings.enforce_scopes = True
    token = crud.token("t", scopes=["secrets.write"])
    operations = [{"op": "delete", "uri": f"{ENV}#A"}, {"op": "set", "uri": f"{ENV}#A", "value": "1"}]
    results = post(crud, "/bulk", {"operations": operations, "continueOnError": True}, token).json()["results"]
    assert results[0]["error"]["code"] == "INSUFFICIENT_SCOPE"
    assert results[1]["status"] == "ok"


def test_a_token_for_others_or_used_again_is_refused(crud: CrudDouble) -> None:
    crud.token("other", audience="else")
    crud.token("none", audience=None)
    crud.token("once", single_use=True)
    assert refused(get(crud, "/search", "other", q="x")) == (403, "SECRET_AUTHZ_FAILED")
    assert get(crud, "/search", "none", q="x").status == 200
    assert get(crud, "/search", "once", q="x").status == 200
    assert refused(get(crud, "/search", "once", q="x")) == (403, "SECRET_AUTHZ_FAILED")


def test_the_policy_denies_by_purpose_path_and_subject(crud: CrudDouble) -> None:
    crud.put(API, {"n": 1})
    crud.token("t")
    crud.deny("rotate", API)
    crud.deny(subject="alice")
    assert refused(post(crud, "/rotate", {"uri": API, "value": {}})) == (403, "SECRET_AUTHZ_FAILED")
    assert "rotate" in post(crud, "/rotate", {"uri": API, "value": {}}).json()["message"]
    assert get(crud, "/value", uri=API).status == 200
    assert get(crud, "/value", "t", uri=API).status == 403
    assert crud.live(API) == {"n": 1}


def test_yaml_is_only_written_in_dev_and_test(crud: CrudDouble) -> None:
    crud.put(ENV, {"A": "1"})
    crud.settings.environment = "prod"
    for got in (
        post(crud, "", {"uri": f"{ENV}#A", "value": "2"}),
        post(crud, "/rotate", {"uri": f"{ENV}#A", "value": "2"}),
        delete(crud, f"{ENV}#A"),
        post(crud, "/copy", {"fromUri": f"{ENV}#A", "toUri": f"{ENV}#B"}),
    ):
        assert refused(got) == (403, "YAML_DISABLED")
    assert get(crud, "", uri=ENV).json() == {"A": "1"}
    crud.settings.environment = "test"
    assert write(crud, f"{ENV}#A", "2").status == 200


# Errors.


def test_errors_come_in_each_shape(crud: CrudDouble) -> None:
    message = "mount not allowed for tenant"
    code = "TENANT_MOUNT_MISMATCH"
    assert get(crud, "", uri="yaml://x").json() == {"error": "Bad Request", "code": code, "message": message}
    crud.shape.errors = "text"
    assert get(crud, "", uri="yaml://x").json() == {"detail": message}
    crud.shape.errors = "nested"
    assert get(crud, "", uri="yaml://x").json() == {"detail": {"code": code, "message": message}}
    got = post(crud, "", {"value": {"token": "sensitive"}}).json()
    assert got["detail"][0]["loc"] == ["body", "uri"]
    assert got["detail"][0]["input"] == {"value": {"token": "sensitive"}}


def test_a_body_that_is_no_json_object_is_invalid(crud: CrudDouble) -> None:
    for body, headers in (("{", JSON), ("[]", JSON), ('{"uri": 1, "value": 1}', JSON), ('{"uri": "x"}', {})):
        assert send(crud, "POST", "/api/secrets", body, headers).status == 422
    assert post(crud, "", {"uri": ENV}).json()["detail"][0]["loc"] == ["body", "value"]
    assert post(crud, "/copy", {"fromUri": API, "toUri": API, "overwrite": "yes"}).status == 422


def test_a_provider_that_is_not_there_or_fails(crud: CrudDouble) -> None:
    crud.put(API, {"n": 1})
    crud.break_provider("write", "openbao", after=True)
    assert refused(post(crud, "", {"uri": API, "value": {"n": 2}})) == (502, "PROVIDER_ERROR")
    assert crud.live(API) == {"n": 2}
    crud.break_provider(times=2)
    for _ in range(2):
        assert get(crud, "/value", uri=API).status == 502
    assert get(crud, "/value", uri=API).status == 200
    crud.settings.providers -= {"openbao", "yaml"}
    for uri in (API, ENV, "file://secret/a", "db+cred://secret/a"):
        assert refused(get(crud, "/value", uri=uri)) == (501, "PROVIDER_UNSUPPORTED")
        assert post(crud, "", {"uri": uri, "value": {}}).status == 501


def test_an_overloaded_service_does_nothing(crud: CrudDouble) -> None:
    crud.refuse_next(429, retry_after="2")
    crud.refuse_next(503, times=2)
    got = post(crud, "", {"uri": ENV, "value": {}})
    assert (got.status, got.headers["retry-after"]) == (429, "2")
    assert [post(crud, "", {"uri": ENV, "value": {}}).status for _ in range(3)] == [503, 503, 200]
    assert len(crud.mutations()) == 4
    crud.refuse_next(400, "AMBIGUOUS_MOUNT")
    assert refused(get(crud, "", uri=ENV)) == (400, "AMBIGUOUS_MOUNT")


def test_routes_methods_and_slashes(crud: CrudDouble) -> None:
    assert send(crud, "GET", "/api/secret").json() == {"detail": "Not Found"}
    assert send(crud, "PUT", "/api/secrets").json() == {"detail": "Method Not Allowed"}
    got = send(crud, "GET", "/api/secrets/search/?q=x")
    assert (got.status, got.headers["location"]) == (307, f"{crud.url}/api/secrets/search?q=x")


def test_writes_may_be_answered_with_nothing(crud: CrudDouble) -> None:
    crud.shape.writes = "empty"
    assert (post(crud, "", {"uri": ENV, "value": {}}).status, delete(crud, ENV).status) == (204, 204)


def test_a_connection_lost_after_a_write_leaves_it_written(crud: CrudDouble) -> None:
    crud.break_next(Fault("reset_after"))
    with pytest.raises(ConnectionResetError):
        post(crud, "", {"uri": API, "value": {"n": 1}})
    assert crud.live(API) == {"n": 1}


# Audit and events.


def test_everything_is_on_record_newest_first_and_without_values(crud: CrudDouble) -> None:
    crud.token("t", subject="bob")
    crud.deny("delete")
    post(crud, "", {"uri": f"{API}#token", "value": "sensitive"}, "t")
    post(crud, "/rotate", {"uri": f"{API}#token", "value": "sensitive"}, "t")
    get(crud, "/value", uri=f"{API}#other")
    delete(crud, API)
    got = get(crud, "/audit")
    assert b"sensitive" not in got.body
    assert b"secret/app" not in got.body
    rows = [(one["event"], one["purpose"], one["effect"], one["subject"]["sub"]) for one in got.json()["events"]]
    assert rows == [
        ("SECRET_DENY", "delete", "Deny", "anonymous"),
        ("SECRET_ERROR", "read", "Error", "anonymous"),
        ("SECRET_ROTATED", "rotate", "Permit", "bob"),
        ("SECRET_PERMIT", "write", "Permit", "bob"),
    ]
    newest = got.json()["events"][0]
    digest = hmac.digest(crud.settings.tenant_salt or b"", API.encode(), hashlib.sha256)
    assert newest["resource_ref"] == base64.urlsafe_b64encode(digest).decode()
    assert newest["ts"] == "2026-01-02T12:00:00Z"
    assert newest["decision_id"]


def test_the_records_are_a_ring_that_is_filtered_and_paged(crud: CrudDouble) -> None:
    crud.settings.audit_size = 5
    crud.settings.tenant_salt = None
    crud.shape.subjects = "text"
    for number in range(7):
        write(crud, f"{ENV}#K{number}", "v")
    get(crud, "", uri=f"{ENV}#K6")
    kept = get(crud, "/audit").json()
    refs = [one["resource_ref"] for one in kept["events"]]
    assert refs == [f"{ENV}#K6", f"{ENV}#K6", f"{ENV}#K5", f"{ENV}#K4", f"{ENV}#K3"]
    assert get(crud, "/audit", purpose="read").json()["total"] == 1
    assert get(crud, "/audit", subject="nobody").json()["events"] == []
    assert get(crud, "/audit", resource_ref=f"{ENV}#K6", effect="Permit").json()["total"] == 2
    crud.shape.lists = "bare"
    assert get(crud, "/audit", offset=1, limit=2).json() == kept["events"][1:3]
    crud.settings.environment = "prod"
    assert get(crud, "/audit").json() == get(crud, "/events").json() == {"detail": "Not Found"}


@contextmanager
def listening(crud: CrudDouble) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", crud.port, timeout=10)
    try:
        connection.request("GET", "/api/secrets/events")
        crud.wait_for_listeners()
        yield connection.getresponse()
    finally:
        connection.close()


def test_events_stream_what_happens_until_the_server_ends_them(crud: CrudDouble) -> None:
    with listening(crud) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["transfer-encoding"] == "chunked"
        write(crud, f"{API}#token", "sensitive")
        delete(crud, API)
        get(crud, "/value", uri=API)
        crud.emit(b": keep-alive\r\n\r\n")
        crud.end_events()
        text = answer.read().decode()
    assert "sensitive" not in text
    lines = text.splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names == ["secret.updated", "secret.deleted", "secret.read"]
    datas = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert datas == list(crud.audit.records)
    assert lines[-2:] == [": keep-alive", ""]
    crud.wait_for_listeners(0)


def test_events_may_come_in_pieces(crud: CrudDouble) -> None:
    crud.piece = 1
    with socket.create_connection(("127.0.0.1", crud.port), timeout=10) as raw:
        raw.sendall(b"GET /api/secrets/events HTTP/1.1\r\nHost: x\r\n\r\n")
        crud.wait_for_listeners()
        crud.emit("data: é\n\n".encode())
        crud.end_events()
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.endswith(b"1\r\n\xc3\r\n1\r\n\xa9\r\n1\r\n\n\r\n1\r\n\n\r\n0\r\n\r\n")


def test_a_listener_that_leaves_is_forgotten(crud: CrudDouble) -> None:
    with listening(crud):
        pass
    crud.wait_for_listeners(0)
    write(crud, ENV, {})


def test_a_stream_can_break_off_or_never_begin(crud: CrudDouble) -> None:
    crud.break_next(Fault("reset_before"), Fault("reset_after"))
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            send(crud, "GET", "/api/secrets/events")
    with listening(crud) as answer:
        crud.emit(b"data: half")
        assert answer.read1() == b"data: half"
        crud.drop_events()
        with pytest.raises(ConnectionResetError):
            answer.read()
    crud.wait_for_listeners(0)


def test_leaving_the_double_ends_its_streams() -> None:
    with CrudDouble() as crud:
        connection = http.client.HTTPConnection("127.0.0.1", crud.port, timeout=10)
        connection.request("GET", "/api/secrets/events")
        crud.wait_for_listeners()
    assert connection.getresponse().read() == b""
    connection.close()


def test_a_double_begins_as_it_is_told() -> None:
    with CrudDouble(Settings(mounts=()), Shape(value="bare")) as crud:
        crud.put("yaml://anything/a#b", "c")
        assert get(crud, "/value", uri="yaml://anything/a#b").json() == "c"
