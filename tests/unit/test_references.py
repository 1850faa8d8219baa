"""References of a run: where they end, which store they mean, one read each, all or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.contract import Backend
from kvtui.backends.crud.factory import CrudFactory
from kvtui.backends.crud.places import Places
from kvtui.backends.delegating import DelegatingBackend
from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from kvtui.domain.errors import InvalidInput, InvalidPath, KvtuiError, Locked, NotFound, Unavailable
from kvtui.domain.reference import InvalidReference, Reference, ReferenceCode
from kvtui.domain.secret import Secret
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.references import Resolver, Wanted, find, parse, parse_at, parse_map, parse_option
from kvtui.services.session import Session


class Counting(DelegatingBackend):
    """Remembers what was read."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.reads: list[tuple[str, int | None]] = []

    def read(self, path: str, version: int | None = None) -> Secret:
        self.reads.append((path, version))
        return self._inner.read(path, version)


class Meeting(DelegatingBackend):
    """Each read waits for another one to be under way."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self._both = threading.Barrier(2, timeout=20)

    def read(self, path: str, version: int | None = None) -> Secret:
        self._both.wait()
        return self._inner.read(path, version)


class Silent(DelegatingBackend):
    """Never answers, until it is interrupted."""

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        self._ended = threading.Event()
        yield self._ended.set

    def read(self, path: str, version: int | None = None) -> Secret:
        assert self._ended.wait(20)
        raise Locked("Interrupted.")


class Stores:
    """Two profiles of stores in memory, opened as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        profiles = {name: Profile(name, "memory", MappingProxyType({"name": f"{folder}/{name}"})) for name in "ab"}
        self.profiles = Profiles(profiles, profiles["a"])
        self.sessions: dict[str, Session] = {}

    def open(self, profile: Profile) -> Session:
        if profile.name not in self.sessions:
            session = Session(profile, state_dir=self._folder)
            session.unlock()
            self.sessions[profile.name] = session
        return self.sessions[profile.name]

    def put(self, profile: str, path: str, **fields: str) -> None:
        backend = self.open(self.profiles.get(profile)).backend
        backend.write(path, {name: SecretValue(text) for name, text in fields.items()})

    def wrap(self, profile: str, kind: Callable[[Backend], Backend]) -> Backend:
        session = self.open(self.profiles.get(profile))
        session._backend = kind(session.backend)
        return session._backend

    def resolve(self, *texts: str, seconds: float = 20.0) -> list[object]:
        wanted = [parse_at(text, f"line {number}") for number, text in enumerate(texts, 1)]
        resolver = Resolver(self.profiles, self.open, seconds=seconds)
        return [value.reveal() for value in resolver.resolve(wanted)]

    def journaled(self, profile: str) -> list[tuple[str, str, str | None, int | None]]:
        entries = self.sessions[profile].journal.entries()
        return [(each.act.value, each.path, each.field, each.version) for each in reversed(entries)]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = Stores(tmp_path)
    made.put("a", "app/db", user="me", password="p1")
    made.put("a", "app/db", user="me", password="p2")
    made.put("a", "keys/token", value="t")
    made.put("b", "app/db", password="other")
    return made


# -- the grammar


@given(st.text(), st.text(), st.sampled_from([" ", "\n", "\t", '"', "'", "\u2003"]))
def test_a_reference_in_a_text_ends_at_white_space_or_a_quote(before: str, after: str, end: str) -> None:
    reference = str(Reference("a b/c", "f'g", 3, "p"))
    text = f"{before} {reference}{end}{after}"
    mention = next(each for each in find(text) if each.start == len(before) + 1)
    assert mention.text == reference
    assert text[mention.start : mention.end] == reference


@given(st.lists(st.text(st.characters(exclude_characters="/"), min_size=1), min_size=1, max_size=3), st.text())
def test_every_reference_is_found_whole_in_a_text(segments: list[str], field: str) -> None:
    path = "/".join(part for part in segments if part not in {".", ".."}) or "a"
    written = str(Reference(path, field))
    for text in (f"x={written}", f"{{{{ {written} }}}}", f"'{written}'", f"({written}\n"):
        assert [mention.text for mention in find(text)] == [written]
        assert parse(written) == Reference(path, field)


@given(st.text())
def test_what_is_found_are_parts_of_the_text_in_order(text: str) -> None:
    at = 0
    for mention in find(f"{text}kv://{text}{{{{kv:///a}}}}{text}"):
        assert at <= mention.start < mention.end
        at = mention.end


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("url: postgres://u:{{kv:///db#p}}@h/x", ["kv:///db#p"]),
        ("<pw>{{ kv:///db }}</pw>", ["kv:///db"]),
        ("a=openbao+kv2://secret/app#k", ["openbao+kv2://secret/app#k"]),
        ("OpenBao+KV2://secret/app", ["OpenBao+KV2://secret/app"]),
        ("yaml://dev/a hashicorp+kv2://s/b", ["yaml://dev/a", "hashicorp+kv2://s/b"]),
        ("file:///etc/passwd db://x/y bootstrap://x", []),
        ("https://x/kv://y mykv:///a KV:///a", ["kv://y"]),
        ("", []),
    ],
)
def test_what_is_a_reference_in_a_text(text: str, found: list[str]) -> None:
    assert [mention.text for mention in find(text)] == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kv://", ReferenceCode.NOT_A_REFERENCE),
        ("nothing", ReferenceCode.NOT_A_REFERENCE),
        ("kv:///a?version=x", ReferenceCode.NOT_A_REFERENCE),
        ("kv:///a?version=0", ReferenceCode.ILLEGAL_VERSION),
        ("kv:///a%2", ReferenceCode.ILLEGAL_ESCAPE),
        ("kv:///a%ff", ReferenceCode.ILLEGAL_ESCAPE),
        ("kv:///a%2fb", ReferenceCode.ENCODED_SLASH),
    ],
)
def test_what_is_wrong_has_a_code(text: str, code: ReferenceCode) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert caught.value.code is code


def test_a_canonical_uri_has_the_codes_of_its_own_grammar() -> None:
    with pytest.raises(InvalidUri) as caught:
        parse("openbao+kv2://secret/a?version=1&version=2")
    assert caught.value.code == "AMBIGUOUS_QUERY"


@pytest.mark.parametrize("pair", [("", "k"), ("v", ""), (1, "k"), ("v", None), (["v"], "k")])
def test_a_map_of_anything_but_two_names_is_refused(pair: tuple[object, object]) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.of_map(*pair)
    assert caught.value.code is ReferenceCode.ILLEGAL_MAP


def test_a_map_is_the_path_of_its_two_names() -> None:
    assert parse_map("keys", "token", "line 1").reference == Reference("keys/token")
    with pytest.raises(InvalidPath, match="line 7"):
        parse_map("..", "token", "line 7")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("app/db#password", Reference("app/db", "password")),
        ("app/db", Reference("app/db")),
        ("app/db#a#b?version=2", Reference("app/db", "a#b", 2)),
        ("app/db?version=2", Reference("app/db", None, 2)),
        ("b:app/db#p", Reference("app/db", "p", None, "b")),
        ("c:app/db", Reference("c:app/db")),
        ("100%", Reference("100%")),
        ("kv://b/app#p", Reference("app", "p", None, "b")),
    ],
)
def test_an_option_takes_plain_paths_too(stores: Stores, text: str, reference: Reference) -> None:
    assert parse_option(text, "--env A", stores.profiles).reference == reference


def test_what_is_no_reference_is_not_quoted(stores: Stores) -> None:
    typed = "hunt" + "er2"
    for text in (f"kv://{typed}", f"{typed}://x", f"#{typed}", f"{typed}?version=0"):
        with pytest.raises(KvtuiError) as caught:
            parse_option(text, "--env A", stores.profiles)
        assert typed not in str(caught.value)
        assert "--env A" in str(caught.value)


# -- resolving


def test_values_come_in_order_from_several_stores(stores: Stores) -> None:
    found = stores.resolve(
        "kv:///app/db#password", "kv://b/app/db", "kv:///app/db#password?version=1", "kv:///keys/token"
    )
    assert found == ["p2", "other", "p1", "t"]


def test_each_secret_is_read_once(stores: Stores) -> None:
    backend = stores.wrap("a", Counting)
    stores.resolve("kv:///app/db#user", "kv:///app/db#password", "kv://a/app/db#user", "kv:///keys/token")
    assert isinstance(backend, Counting)
    assert sorted(backend.reads) == [("app/db", None), ("keys/token", None)]


def test_secrets_are_read_at_the_same_time(stores: Stores) -> None:
    stores.wrap("a", Meeting)
    assert stores.resolve("kv:///app/db#user", "kv:///keys/token") == ["me", "t"]


def test_every_field_is_journaled_once_as_a_reveal(stores: Stores) -> None:
    stores.resolve("kv:///app/db#user", "kv:///app/db#user", "kv:///app/db#password", "kv://b/app/db")
    assert stores.journaled("a") == [("reveal", "app/db", "user", 2), ("reveal", "app/db", "password", 2)]
    assert stores.journaled("b") == [("reveal", "app/db", "password", 1)]


def test_where_one_is_missing_none_is_given_and_none_journaled(stores: Stores) -> None:
    with pytest.raises(NotFound) as caught:
        stores.resolve("kv:///app/db#user", "kv:///app/nope", "kv:///app/db#nope", "kv:///keys/token")
    assert "line 2, kv:///app/nope: " in caught.value.message
    assert "line 3, kv:///app/db#nope: " in caught.value.message
    assert "line 1" not in caught.value.message
    assert stores.journaled("a") == []


def test_many_missing_ones_are_counted(stores: Stores) -> None:
    with pytest.raises(NotFound, match=r"And 4 more\."):
        stores.resolve(*(f"kv:///no/{number}" for number in range(9)))


def test_of_several_fields_one_must_be_named(stores: Stores) -> None:
    with pytest.raises(InvalidInput, match=r"line 1, kv:///app/db: .*user, password"):
        stores.resolve("kv:///app/db")


def test_what_is_deleted_is_told_as_that(stores: Stores) -> None:
    stores.sessions["a"].backend.delete("keys/token")
    with pytest.raises(NotFound, match=r"kv:///keys/token: Version 1 is deleted") as caught:
        stores.resolve("kv:///keys/token")
    assert caught.value.state == "deleted"


def test_a_profile_that_is_not_there_is_told_with_the_reference(stores: Stores) -> None:
    with pytest.raises(InvalidInput, match=r"line 1, kv://c/x: There is no profile c"):
        stores.resolve("kv://c/x")


def test_what_does_not_answer_is_given_up_at_the_deadline(stores: Stores) -> None:
    stores.wrap("b", Silent)
    with pytest.raises(Unavailable, match=r"line 2, kv://b/app/db: No answer within 0 s"):
        stores.resolve("kv:///keys/token", "kv://b/app/db", seconds=0.2)


def test_nothing_is_read_for_no_references(stores: Stores) -> None:
    assert stores.resolve() == []


# -- canonical URIs


def profile(name: str, kind: str, **settings: object) -> Profile:
    url = {"url": "https://127.0.0.1:1"}
    return Profile(name, kind, MappingProxyType({**url, **settings}))


def meant(uri: str, current: str, *profiles: Profile) -> tuple[str, str, str | None, int | None]:
    """The profile, path, field and version that a URI is resolved to, without opening anything."""
    known: Mapping[str, Profile] = {each.name: each for each in profiles}
    resolver = Resolver(Profiles(known, known[current]), lambda _: pytest.fail("opened"))
    found, reference = resolver._located(CanonicalUri.parse(uri))
    return found.name, reference.path, reference.field, reference.version


def test_a_uri_goes_to_the_service_whose_roots_hold_it() -> None:
    crud = profile("crud", "crud", roots=["yaml://dev", "openbao+kv2://secret"])
    other = profile("other", "crud", roots=["yaml://test"])
    vault = profile("bao", "vault")
    asked = "openbao+kv2://secret/app/api#token?version=3"
    assert meant(asked, "bao", crud, other, vault) == ("crud", "openbao+kv2/secret/app/api", "token", 3)


def test_a_root_of_its_own_is_left_out_of_the_path() -> None:
    crud = profile("crud", "crud", root="openbao+kv2://secret/team")
    assert meant("openbao+kv2://secret/team/api", "crud", crud) == ("crud", "api", None, None)
    with pytest.raises(InvalidInput, match="No profile"):
        meant("openbao+kv2://secret/teams/api", "crud", crud)


def test_without_a_root_that_holds_it_a_uri_goes_to_the_current_profile() -> None:
    one, two = profile("one", "vault"), profile("two", "vault")
    assert meant("openbao+kv2://secret/app#k", "two", one, two) == ("two", "secret/app", "k", None)


def test_else_to_the_only_profile_that_maps_it() -> None:
    vault, memory = profile("bao", "vault", mounts=["secret"]), Profile("mem", "memory")
    assert meant("hashicorp+kv2://secret/app", "mem", vault, memory) == ("bao", "secret/app", None, None)
    with pytest.raises(InvalidInput, match="No profile"):
        meant("hashicorp+kv2://other/app", "mem", vault, memory)


def test_where_several_may_have_it_somebody_must_choose() -> None:
    one, two = profile("one", "vault"), profile("two", "vault", root="secret/app")
    with pytest.raises(InvalidInput, match="one, two"):
        meant("openbao+kv2://secret/app/db", "mem", one, two, Profile("mem", "memory"))
    assert meant("openbao+kv2://secret/app/db", "two", one, two) == ("two", "db", None, None)


@pytest.mark.parametrize("settings", [{}, {"roots": ["yaml://dev"]}, {"root": "openbao+kv2://secret/team"}])
def test_a_place_in_the_service_and_its_uri_are_each_others_reverse(settings: Mapping[str, object]) -> None:
    root = settings.get("root")
    places = Places(root=CanonicalUri.parse(str(root)) if root else None)
    for path in ("openbao+kv2/secret/team/a", "yaml/dev/a/b", "db+cred/x"):
        place = places.find("a/b" if root else path)
        assert place is not None
        mapped = CrudFactory().locate({"url": "https://127.0.0.1:1", **settings}, place.uri)
        assert mapped is not None
        assert mapped.path == place.path
        assert mapped.by_root is bool(root or ("roots" in settings and path.startswith("yaml")))


def test_a_uri_with_other_parameters_is_refused() -> None:
    with pytest.raises(InvalidInput, match="parameter ttl"):
        meant("openbao+kv2://secret/app?ttl=5", "bao", profile("bao", "vault"))


def test_wanted_tells_where_it_stands() -> None:
    assert str(Wanted(Reference("a"), "line 3", "kv:///a")) == "line 3, kv:///a"
    assert str(Wanted(Reference("a"), "--env A")) == "--env A"
