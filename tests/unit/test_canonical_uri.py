"""Canonical URIs: one text for each secret, and no text that means something else than it says."""

import string
from collections.abc import Callable
from random import Random
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvtui.domain.canonical_uri import ENGINES, MAX_LENGTH, CanonicalUri, InvalidUri, UriCode
from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidInput
from tests.support.hostile import HostileString, on_every_string

SCHEMES = [(provider, engine) for provider, engines in ENGINES.items() for engine in engines]

segments = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=8).filter(
    lambda text: text != "." and ".." not in text
)
shown = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")).filter(lambda ch: not unsafe(ch))
fragments = st.text(shown.filter(lambda ch: ch not in "#?"), min_size=1, max_size=8)
names = st.text(shown.filter(lambda ch: ch not in "#&="), min_size=1, max_size=8).filter(
    lambda name: name not in ("mount", "version")
)
texts = st.text(shown.filter(lambda ch: ch not in "#&"), max_size=8)


@st.composite
def uris(draw: st.DrawFn) -> CanonicalUri:
    provider, engine = draw(st.sampled_from(SCHEMES))
    params = draw(st.dictionaries(names, texts, max_size=3))
    if draw(st.booleans()):
        params["version"] = str(draw(st.integers(1, 999_999_999)))
    return CanonicalUri(
        provider,
        draw(segments),
        "/".join(draw(st.lists(segments, max_size=4))),
        draw(st.none() | fragments),
        tuple(params.items()),
        engine,
    )


PIECES = [
    *(
        "openbao",
        "yaml",
        "DB",
        "+",
        "kv2",
        "://",
        "/",
        "//",
        "secret",
        "a.b",
        ".",
        "..",
        "*",
        "%2F",
        "%",
        "#",
        "?",
        "&",
    ),
    *("=", "mount", "version", "3", "0", "", " ", "\n", "\u200b", "\u212a", "\ud800", "\u00fc"),
]
near_uris = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def made(make: Callable[[], CanonicalUri]) -> CanonicalUri | InvalidUri:
    try:
        return make()
    except InvalidUri as error:
        return error


@given(uris())
def test_a_uri_is_read_back_as_it_was_written(uri: CanonicalUri) -> None:
    assert CanonicalUri.parse(str(uri)) == uri
    assert str(CanonicalUri.parse(str(uri))) == str(uri)


@given(uris(), st.randoms(use_true_random=False))
def test_all_spellings_of_a_uri_have_one_canonical_form(uri: CanonicalUri, chance: Random) -> None:
    shuffled = list(uri.params)
    chance.shuffle(shuffled)
    scheme = "".join(chance.choice([ch, ch.upper()]) for ch in uri.scheme)
    fragment = "" if uri.fragment is None else f"#{uri.fragment}"
    query = "&&".join(f"{name}={value}" for name, value in shuffled)
    spelled = f"{scheme}://{uri.location}/{fragment}?{query}&"
    assert CanonicalUri.parse(spelled) == uri
    assert hash(CanonicalUri.parse(spelled)) == hash(uri)


@given(uris())
def test_the_parameter_of_a_request_arrives_as_the_uri(uri: CanonicalUri) -> None:
    assert set(uri.parameter) <= set(string.ascii_letters + string.digits + "-._~%")
    assert parse_qs(f"uri={uri.parameter}&version=3")["uri"] == [str(uri)]


@given(near_uris | st.text() | st.text().map(lambda text: f"openbao+kv2://secret/{text}"))
@example("openbao+kv2://secret/app\n")
@example("openbao+\u212av2://secret/app")
@example("yaml://secret/env#\ud800")
def test_what_is_taken_has_no_illegal_shape(text: str) -> None:
    uri = made(lambda: CanonicalUri.parse(text))
    if isinstance(uri, InvalidUri):
        assert uri.code in UriCode
        assert uri.message
        assert uri.hint
        return
    parts = uri.location.split("/")
    assert all(part and set(part) <= set(string.ascii_letters + string.digits + "._-") for part in parts)
    assert not any(part == "." or ".." in part for part in parts)
    assert uri.engine in ENGINES[uri.provider]
    assert uri.fragment != ""
    assert not any(unsafe(ch) for ch in str(uri))
    assert str(uri).count("#") == (uri.fragment is not None)
    assert "mount" not in dict(uri.params)
    assert [name for name, _ in uri.params] == sorted({name for name, _ in uri.params})
    assert CanonicalUri.parse(str(uri)) == uri


@on_every_string
def test_hostile_strings_are_kept_exactly_or_refused_without_being_repeated(entry: HostileString) -> None:
    root = CanonicalUri.parse("openbao+kv2://secret/app")
    child = made(lambda: root.child(entry.value))
    key = made(lambda: root.key(entry.value))
    read = made(lambda: CanonicalUri.parse(f"{root}/x#{entry.value}"))
    for uri in (child, key, read, made(lambda: CanonicalUri.parse(entry.value))):
        assert not any(unsafe(ch) for ch in str(uri))
        if isinstance(uri, InvalidUri):
            assert len(str(uri)) < 300
    assert isinstance(child, InvalidUri) or child.path == f"app/{entry.value}".removesuffix("/")
    assert isinstance(key, InvalidUri) or (key.fragment, key.path) == (entry.value, "app")
    assert isinstance(read, InvalidUri) or (read.path == "app/x" and entry.value.startswith(str(read.fragment)))


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (
            "openbao+kv2://secret/jira/api#token?version=12",
            CanonicalUri("openbao", "secret", "jira/api", "token", (("version", "12"),), "kv2"),
        ),
        ("yaml://secret/env#MY_API_KEY", CanonicalUri("yaml", "secret", "env", "MY_API_KEY")),
        ("HashiCorp+KV2://secret/App", CanonicalUri("hashicorp", "secret", "App", engine="kv2")),
        ("yaml://secret", CanonicalUri("yaml", "secret")),
        ("yaml://secret/", CanonicalUri("yaml", "secret")),
        ("yaml://secret/crud/#DB PASS", CanonicalUri("yaml", "secret", "crud", "DB PASS")),
        ("db+cred://pg/readonly?", CanonicalUri("db", "pg", "readonly", engine="cred")),
        ("db://pg?b=2&a", CanonicalUri("db", "pg", params=(("b", "2"), ("a", "")))),
        ("file://etc/a?x=a=b?c", CanonicalUri("file", "etc", "a", params=(("x", "a=b?c"),))),
    ],
)
def test_a_uri_is_read(text: str, uri: CanonicalUri) -> None:
    assert CanonicalUri.parse(text) == uri


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", UriCode.ILLEGAL_SEGMENT),
        ("secret/app", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2:/secret/app", UriCode.ILLEGAL_SEGMENT),
        ("://secret/app", UriCode.ILLEGAL_SEGMENT),
        ("yaml://", UriCode.ILLEGAL_SEGMENT),
        ("yaml:///", UriCode.ILLEGAL_SEGMENT),
        ("yaml:///env", UriCode.ILLEGAL_SEGMENT),
        ("hashicorp+kv2://secret//path", UriCode.ILLEGAL_SEGMENT),
        ("yaml://secret//", UriCode.ILLEGAL_SEGMENT),
        ("yaml://secret/env//", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a%2Fb#key", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a%2fb#key", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/../b", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a..b", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/./b", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a b", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/caf\u00e9", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a\n", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://user@host/a", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://host:8200/a", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a#", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a#b#c", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a#b\u202e", UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/a?x=\x1b", UriCode.ILLEGAL_SEGMENT),
        ("yaml://secret/" + "a" * MAX_LENGTH, UriCode.ILLEGAL_SEGMENT),
        ("openbao+kv2://secret/jira/*/token", UriCode.INVALID_WILDCARD),
        ("openbao+kv2://secret/jira/*", UriCode.INVALID_WILDCARD),
        ("openbao+kv2://*/jira", UriCode.INVALID_WILDCARD),
        ("openbao://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("openbao+://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("openbao+kv1://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("openbao+kv2+kv2://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("openbao kv2://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("yaml+kv2://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("vault://secret/a", UriCode.UNSUPPORTED_ENGINE),
        (" yaml://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("openbao+\u212av2://secret/a", UriCode.UNSUPPORTED_ENGINE),
        ("yaml://secret/a?x=1&x=2", UriCode.AMBIGUOUS_QUERY),
        ("yaml://secret/a?x=1&x=1", UriCode.AMBIGUOUS_QUERY),
        ("yaml://secret/a?=1", UriCode.AMBIGUOUS_QUERY),
        ("openbao+kv2://secret/a?version=3#token", UriCode.AMBIGUOUS_QUERY),
        ("openbao+kv2://secret/a?version=0", UriCode.AMBIGUOUS_QUERY),
        ("openbao+kv2://secret/a?version=03", UriCode.AMBIGUOUS_QUERY),
        ("openbao+kv2://secret/a?version=latest", UriCode.AMBIGUOUS_QUERY),
        ("openbao+kv2://secret/a?version=\u0663", UriCode.AMBIGUOUS_QUERY),
        ("yaml://secret/a?mount=secret", UriCode.DOUBLE_MOUNT_SOURCE),
    ],
    ids=lambda value: ascii(value)[:60] if type(value) is str else None,
)
def test_what_is_no_uri_is_refused_with_the_services_code(text: str, code: UriCode) -> None:
    with pytest.raises(InvalidUri) as caught:
        CanonicalUri.parse(text)
    assert caught.value.code is code
    assert caught.value.hint


def test_a_mount_of_another_tenant_is_refused() -> None:
    assert CanonicalUri.parse("yaml://secret/env", mounts=["kv", "secret"]).mount == "secret"
    with pytest.raises(InvalidUri) as caught:
        CanonicalUri.parse("yaml://other/env", mounts=["kv", "secret"])
    assert caught.value.code is UriCode.TENANT_MOUNT_MISMATCH


@pytest.mark.parametrize("code", UriCode)
def test_every_code_of_the_service_is_told_in_words(code: UriCode) -> None:
    error = InvalidUri(code)
    assert isinstance(error, InvalidInput)
    assert error.kind == "InvalidInput"
    assert error.message.endswith(".")
    assert error.hint.endswith(".")
    assert error.path is None


def test_the_neighbours_of_a_uri() -> None:
    uri = CanonicalUri.parse("openbao+kv2://secret/app#token?version=3&x=1")
    assert uri.version == 3
    assert str(uri.whole) == "openbao+kv2://secret/app"
    assert str(uri.child("api/v1")) == "openbao+kv2://secret/app/api/v1"
    assert uri.child("") == uri.whole
    assert str(CanonicalUri.parse("yaml://secret").child("env")) == "yaml://secret/env"
    assert str(uri.key("other")) == "openbao+kv2://secret/app#other?version=3&x=1"
    assert str(uri.key(None).pinned(None)) == "openbao+kv2://secret/app?x=1"
    assert uri.pinned(None).version is None
    assert uri.pinned(12).version == 12
    assert uri.parameter == "openbao%2Bkv2%3A%2F%2Fsecret%2Fapp%23token%3Fversion%3D3%26x%3D1"


def test_parts_that_would_be_read_otherwise_are_refused() -> None:
    root = CanonicalUri.parse("openbao+kv2://secret/app")
    for make in (
        lambda: CanonicalUri("yaml", "a/b"),
        lambda: CanonicalUri("YAML", "a"),
        lambda: root.child("/x"),
        lambda: root.child("x/"),
        lambda: root.child("x#y"),
        lambda: root.child("x?destroy=true"),
        lambda: root.key("a?version=1"),
        lambda: root.key(""),
        lambda: root.pinned(0),
        lambda: CanonicalUri("yaml", "a", params=(("a=b", "c"),)),
        lambda: CanonicalUri("yaml", "a", params=(("a", "b&c=d"),)),
    ):
        with pytest.raises(InvalidUri):
            make()
