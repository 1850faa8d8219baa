"""The four calls as they are on the wire, and what comes back of them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.contract import Backend
from kvtui.backends.trust import encoding
from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Corrupt, InvalidInput, InvalidPath, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.lease import Lease
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue, ValueType, decode_input
from tests.doubles.server import Fault, Reply
from tests.doubles.trust import TrustDouble, error_reply
from tests.trust.places import PATH, changes, ids, one, opened, reads

BINARY = bytes(range(256))


def test_a_write_sends_base64_and_metadata_to_the_doubled_segment(store: Backend, double: TrustDouble) -> None:
    patch = MetadataPatch(owner="svc-data", rotation=timedelta(days=90))
    version = store.write(PATH, one("pässword"), metadata=patch)
    (seen,) = double.requests
    assert (seen.method, seen.target) == ("POST", "/api/v1/trust/secrets/secrets/db/password")
    assert json.loads(seen.body) == {
        "value_b64": base64.b64encode("pässword".encode()).decode(),
        "metadata": {"owner": "svc-data", "rotation": "90d"},
    }
    assert seen.headers["authorization"] == f"Bearer {double.token}"
    assert seen.headers["content-type"] == "application/json"
    assert version.number == 1
    assert version.created_at is not None
    assert abs(version.created_at - utc_now()) < timedelta(seconds=5)
    kept = double.secret(PATH).versions[1]
    assert (kept.value, kept.metadata) == ("pässword".encode(), {"owner": "svc-data", "rotation": "90d"})


def test_a_write_without_metadata_sends_none(store: Backend, double: TrustDouble) -> None:
    store.write(PATH, one("x"))
    store.write(PATH, one("y"), metadata=MetadataPatch(owner=None, rotation=None))
    assert [sorted(json.loads(seen.body)) for seen in double.requests] == [["value_b64"]] * 2


def test_a_read_has_a_content_type_and_no_content(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"one", b"two")
    double.refuses_get_body = True
    assert store.read(PATH, 1).fields["value"].same_as(SecretValue("one"))
    first = double.requests[0]
    assert (first.method, first.target) == ("GET", "/api/v1/trust/secrets/secrets/db/password?version=1")
    assert (first.body, first.headers["content-type"]) == (b"", "application/json")


def test_each_call_has_an_id_of_its_own(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"one")
    double.role("r")
    for _ in range(2):
        store.read(PATH)
        store.write(PATH, one("same"))
        store.rotate(PATH)
        store.issue("r")
    assert len(set(ids(double.requests))) == len(double.requests) == 8
    assert double.idempotency.replays == 0
    assert len(double.values(PATH)) == 5


def test_what_was_read_before_is_not_what_is_read_now(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"one")
    store.read(PATH)
    double.put(PATH, b"two")
    assert store.read(PATH).fields["value"].same_as(SecretValue("two"))


@pytest.mark.parametrize("alphabet", ["standard", "urlsafe"])
@pytest.mark.parametrize("is_padded", [True, False])
def test_values_are_read_in_either_alphabet_padded_or_not(
    store: Backend, double: TrustDouble, alphabet: str, is_padded: bool
) -> None:
    double.alphabet, double.is_padded = alphabet, is_padded  # type: ignore[assignment]
    for value in (BINARY, b"", b"\xfb\xef\xbe", b"\xff", b"text"):
        double.put(PATH, value)
        assert store.read(PATH).fields["value"].same_as(decode_input(value))


@given(st.binary(max_size=40))
def test_every_value_comes_back_from_its_own_base64(data: bytes) -> None:
    value = decode_input(data)
    wire = encoding.to_wire(value, PATH)
    assert wire.same_as(SecretValue(base64.b64encode(data).decode()))
    urlsafe = base64.urlsafe_b64encode(data).decode()
    for text in (urlsafe, urlsafe.rstrip("="), base64.b64encode(data).decode().rstrip("=")):
        assert encoding.from_wire(text, PATH).same_as(value)


@pytest.mark.parametrize("text", ["Q", "YQ=", "YQ===", "Y Q=", "YQ==\n", "=", "Y=Q=", "ü", "YWJj*"])
def test_what_is_no_base64_is_not_guessed_at(text: str) -> None:
    with pytest.raises(Corrupt) as caught:
        encoding.from_wire(text, PATH)
    assert text not in str(caught.value)


def test_text_and_bytes_come_back_as_what_they_were(store: Backend, double: TrustDouble) -> None:
    for number, value in enumerate(("text", "", "line\n", BINARY, b"\xff"), start=1):
        store.write(PATH, one(value))
        read = store.read(PATH).fields["value"]
        assert read.type is (ValueType.TEXT if isinstance(value, str) else ValueType.BYTES)
        assert read.same_as(SecretValue(value))
        assert len(double.values(PATH)) == number


@pytest.mark.parametrize("value", [b"plain", b"", "half \ud800"])
def test_what_would_come_back_as_another_type_is_refused_before_it_is_sent(
    store: Backend, double: TrustDouble, value: str | bytes
) -> None:
    for call in (store.check, store.write):
        with pytest.raises(InvalidInput):
            call(PATH, one(value))
    assert not double.requests


def test_a_field_that_is_not_the_value_is_refused_before_it_is_sent(store: Backend, double: TrustDouble) -> None:
    for fields in ({"password": SecretValue("x")}, {}):
        with pytest.raises(InvalidInput, match="one value"):
            store.write(PATH, fields)
    with pytest.raises(Unsupported):
        store.write(PATH, {"value": SecretValue("x"), "user": SecretValue("y")})
    assert not double.requests


@pytest.mark.parametrize("patch", [MetadataPatch(description="x"), MetadataPatch(tags=("x",), owner="me")])
def test_metadata_that_is_not_kept_is_refused_before_it_is_sent(
    store: Backend, double: TrustDouble, patch: MetadataPatch
) -> None:
    with pytest.raises(Unsupported):
        store.write(PATH, one("x"), metadata=patch)
    assert not double.requests


def test_that_metadata_is_not_carried_over_is_said_before_a_change(store: Backend) -> None:
    assert "cannot be read" in store.caution(PATH)


def test_names_reach_the_server_as_they_are(store: Backend, double: TrustDouble) -> None:
    for path in ("a b/ü", "100%/%2e%2e", "a?version=1#x", "x/..."):
        store.write(path, one(path))
        assert double.values(path) == [path.encode()]
        assert store.read(path).fields["value"].same_as(SecretValue(path))
        (url,) = store.references(path)
        assert url == double.url + double.requests[-1].target


@pytest.mark.parametrize("path", ["leases", "leases/x", "admin/rotate/db", "admin/x"])
def test_no_path_becomes_another_call(double: TrustDouble, path: str) -> None:
    double.put("db", b"v")
    with opened(double, segment="") as bare:
        for call in (bare.read, bare.versions, lambda path: bare.write(path, one("x"))):
            with pytest.raises(InvalidPath):
                call(path)
    with opened(double) as store:
        store.write(path, one("x"))
        assert double.values(path) == [b"x"]
    assert double.values("db") == [b"v"]


def test_the_segment_can_be_another_or_none() -> None:
    for segment in ("", "kv", "a/b"):
        with TrustDouble(base="/s", segment=segment) as double, opened(double, segment=segment) as store:
            double.rate.per_second = None
            store.write(PATH, one("x"))
            assert double.values(PATH) == [b"x"]
            store.rotate(PATH)
            assert len(double.values(PATH)) == 2


def test_a_new_name_that_hides_something_is_refused_and_an_old_one_written(store: Backend, double: TrustDouble) -> None:
    double.put("old\u202e", b"one")
    store.write("old\u202e", one("two"))
    assert double.values("old\u202e") == [b"one", b"two"]
    for double.unknown in ("forbidden", "not_found"):
        with pytest.raises(InvalidPath):
            store.write("new\u202e", one("x"))
    assert double.values("new\u202e") == []


# Versions


def test_versions_are_found_from_the_newest_down_and_gaps_left_out(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, *(b"v%d" % number for number in range(1, 6)))
    double.forget(PATH, 3)
    assert [version.number for version in store.versions(PATH)] == [1, 2, 4, 5]
    assert [seen.target.partition("=")[2] for seen in double.requests] == ["", "4", "3", "2", "1"]


def test_no_more_than_twenty_versions_are_looked_for(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, *(b"%d" % number for number in range(40)))
    assert [version.number for version in store.versions(PATH)] == list(range(21, 41))
    assert len(double.requests) == 20
    assert store.info().probes_versions


def test_a_version_that_was_written_from_here_has_its_time(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"theirs")
    made = store.write(PATH, one("ours"))
    versions = store.versions(PATH)
    assert [version.created_at for version in versions] == [None, made.created_at]
    assert store.read(PATH).version == made


def test_an_old_version_costs_one_request_where_the_newest_was_seen(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"one", b"two", b"three")
    assert store.read(PATH, 2).current == 3
    assert len(double.requests) == 2
    secret = store.read(PATH, 1)
    assert (secret.version.number, secret.current, len(double.requests)) == (1, 3, 3)


def test_another_version_than_was_asked_for_is_not_taken(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"one", b"two")
    body = json.dumps({"value_b64": "b25l", "version": 2}).encode()
    double.break_next(Fault("reply", reply=Reply(200, body)))
    with pytest.raises(Unavailable, match="version 2, not 1"):
        store.read(PATH, 1)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"version": 1}', b'{"value_b64": "YQ=="}', b'{"version": true, "value_b64": "YQ=="}', b"", b"<p>"]
)
def test_an_answer_that_is_none_of_a_read_is_not_taken(store: Backend, double: TrustDouble, body: bytes) -> None:
    double.break_next(Fault("reply", reply=Reply(200, body)))
    with pytest.raises(Unavailable):
        store.read(PATH)


@pytest.mark.parametrize("lease", [None, "absent", 0, -1, True, "3600"])
def test_a_value_without_a_lease_has_no_caveat(store: Backend, double: TrustDouble, lease: object) -> None:
    double.lease_ttl_s = lease  # type: ignore[assignment]
    double.put(PATH, b"v")
    assert dict(store.caveats(store.read(PATH))) == {}


def test_a_leased_value_says_for_how_long(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"v", lease_ttl_s=5400)
    assert "1h30m" in store.caveats(store.read(PATH))["value"]


# Rotating there


def test_rotating_sends_the_strategy_and_gives_the_new_version(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"old", rotation="90d")
    assert store.rotate(PATH).number == 2
    (seen,) = double.mutations()
    assert seen.target == "/api/v1/trust/secrets/admin/rotate/db/password"
    assert json.loads(seen.body) == {"strategy": "immediate"}
    with pytest.raises(InvalidInput):
        store.rotate(PATH, one("given"))
    assert len(double.mutations()) == 1


def test_who_is_no_admin_is_told_once_and_not_offered_it_again(double: TrustDouble) -> None:
    double.put(PATH, b"old")
    with opened(double, double.new_token()) as store:
        assert store.can(Capability.ROTATE)
        store.read(PATH)
        with pytest.raises(PermissionDenied, match="admins"):
            store.rotate(PATH)
        assert "admins" in store.why_not(Capability.ROTATE)
        assert Capability.ROTATE not in store.info().capabilities
        with pytest.raises(Unsupported, match="admins"):
            store.rotate(PATH)
    assert len(double.mutations()) == 1
    assert double.values(PATH) == [b"old"]


def test_a_refusal_where_perhaps_nothing_is_says_nothing_about_the_token(store: Backend) -> None:
    with pytest.raises(PermissionDenied, match="or nothing is there"):
        store.rotate("nothing/here")
    assert store.can(Capability.ROTATE)


# Leases


def test_credentials_have_their_fields_and_an_end(store: Backend, double: TrustDouble) -> None:
    double.role("etl-reader", longest_s=1800)
    issued = store.issue("etl-reader", timedelta(minutes=15))
    (seen,) = double.requests
    assert seen.target == "/api/v1/trust/secrets/leases"
    assert json.loads(seen.body) == {"role": "etl-reader", "ttl_s": 900}
    (lease,) = double.leases
    assert issued.fields["access_key"].same_as(SecretValue(lease.access_key))
    assert issued.fields["secret_key"].same_as(SecretValue(lease.secret_key))
    assert sorted(issued.fields) == ["access_key", "secret_key"]
    assert issued.lease.expires_at == lease.expires_at.replace(microsecond=0)
    assert not issued.lease.renewable
    long = store.issue("etl-reader")
    assert json.loads(double.requests[-1].body)["ttl_s"] == 3600
    assert long.lease.expires_at is not None
    assert long.lease.expires_at < utc_now() + timedelta(minutes=31)
    assert {each.id for each in store.leases()} == {issued.lease.id, long.lease.id}


def test_what_credentials_have_besides_is_not_lost(store: Backend, double: TrustDouble) -> None:
    double.role("r")
    double.additions = {"session_token": "t-1", "trace": {"id": 1}}
    assert sorted(store.issue("r").fields) == ["access_key", "secret_key", "session_token"]


def test_leases_that_ended_are_left_out(store: Backend) -> None:
    past = Lease("r/1", "r", "leases", None, datetime(2020, 1, 1, tzinfo=UTC), renewable=False)
    lasting = Lease("r/2", "r", "leases", None, None, renewable=False)
    assert list(store.leases([past, lasting])) == [lasting]


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta(days=40000)])
def test_a_time_that_cannot_be_is_refused_before_it_is_asked_for(
    store: Backend, double: TrustDouble, ttl: timedelta
) -> None:
    double.role("r")
    with pytest.raises(InvalidInput):
        store.issue("r", ttl)
    with pytest.raises(InvalidInput):
        store.issue(" ")
    assert not double.requests


def test_an_unknown_role_is_refused_in_either_way_of_the_server(store: Backend, double: TrustDouble) -> None:
    for double.unknown, kind in (("forbidden", PermissionDenied), ("not_found", NotFound)):
        with pytest.raises(kind, match="role"):
            store.issue("nobody")
    assert not store.leases()


def test_nothing_there_may_be_a_refusal_which_says_so(store: Backend, double: TrustDouble) -> None:
    with pytest.raises(PermissionDenied, match="or nothing is there") as caught:
        store.read(PATH)
    assert caught.value.path == PATH
    double.unknown = "not_found"
    with pytest.raises(NotFound):
        store.read(PATH)
    double.break_next(Fault("reply", when=reads, reply=error_reply(404)))
    double.put(PATH, b"v")
    with pytest.raises(NotFound):
        store.read(PATH)
    assert not any(map(changes, double.requests))
