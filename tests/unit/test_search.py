import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.secret import Indexed
from kvtui.domain.value import SecretValue
from kvtui.services.matcher import fold
from kvtui.services.search import NamesIndex, Query, search, search_exact

ROWS = [
    Indexed("app/db/password", SecretType.PASSWORD, "main Database", ("prod", "Critical Path"), "alice"),
    Indexed("app/db/user", SecretType.SECRET, "", ("prod",), "bob"),
    Indexed("app/api", SecretType.API_KEY, "for payments", (), "Alice"),
    Indexed("Legacy/İstanbul", SecretType.SECRET),
    Indexed("odd\nname/db", SecretType.SECRET),
]


def found(query: str, rows: list[Indexed] = ROWS, **options: object) -> list[str]:
    return [match.path for match in search(rows, query, **options).matches]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("db", ["odd\nname/db", "app/db/user", "app/db/password"]),
        ("DB", ["odd\nname/db", "app/db/user", "app/db/password"]),
        ("apd", ["app/db/user", "app/db/password"]),
        ("db pass", ["app/db/password"]),
        ("payments", ["app/api"]),
        ("MAIN", ["app/db/password"]),
        ("critical", ["app/db/password"]),
        ('"critical path"', ["app/db/password"]),
        ("istanbul", []),
        ("İstanbul", ["Legacy/İstanbul"]),
        ("legacy", ["Legacy/İstanbul"]),
        ("tag:prod", ["app/db/password", "app/db/user"]),
        ("tag:pro", []),
        ("tag:PROD user", ["app/db/user"]),
        ('tag:"critical path"', ["app/db/password"]),
        ("type:api_key", ["app/api"]),
        ("type:api", ["app/api"]),
        ("owner:ALICE", ["app/api", "app/db/password"]),
        ("owner:alice type:password", ["app/db/password"]),
        ("desc:database", ["app/db/password"]),
        ("description:database", ["app/db/password"]),
        ("Tags:prod OWNER:alice", ["app/db/password"]),
        ("path:db/", ["app/db/password", "app/db/user"]),
        ("tag:", ["Legacy/İstanbul", "app/api", "app/db/password", "app/db/user", "odd\nname/db"]),
        ("app: db", []),
        ("nothing-like-this", []),
        ("", ["Legacy/İstanbul", "app/api", "app/db/password", "app/db/user", "odd\nname/db"]),
    ],
)
@pytest.mark.parametrize("limit", [None, 100])
def test_a_query_finds(query: str, paths: list[str], limit: int | None) -> None:
    assert found(query, limit=limit) == paths


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("db/", ["app/db/password", "app/db/user"]),
        ("apd", []),
        ("App", []),
        ("tag:prod", []),
        ("odd\nname", ["odd\nname/db"]),
    ],
)
def test_an_exact_query_is_a_literal_piece_of_a_path(query: str, paths: list[str]) -> None:
    assert found(query, exact=True) == paths


def test_matches_say_what_matched_and_where() -> None:
    (match,) = search(ROWS, "main").matches
    assert (match.where, match.positions) == ("description", ())
    (match,) = search(ROWS, "critical pass").matches
    assert (match.where, match.positions) == ("tags", (7, 8, 9, 10))
    (match,) = search(ROWS, "i/p", exact=True).matches or search(ROWS, "app/api", exact=True).matches
    assert match.positions == tuple(range(7))


def test_a_limit_cuts_the_worst_and_says_so() -> None:
    assert found("db", limit=1) == ["odd\nname/db"]
    assert not search(ROWS, "db", limit=2).complete
    assert search(ROWS, "db", limit=3).complete
    assert not search(ROWS, "db/", exact=True, limit=1).complete
    assert search(ROWS, "db/", exact=True, limit=2).complete
    assert not search(ROWS, "db", complete=False).complete


def test_the_same_score_is_ordered_by_code_point() -> None:
    rows = [Indexed(path) for path in ("é/key", "b/key", "Z/key", "a/key")]
    assert found("key", rows) == ["Z/key", "a/key", "b/key", "é/key"]


def test_a_query_is_taken_apart() -> None:
    assert Query.parse('db tag:A "x y" owner:"Bob B" desc:"open path: kv:x') == Query(
        ("db", "x y"), (("tag", "a"), ("owner", "bob b"), ("desc", "open path: kv:x"))
    )
    assert Query.parse("kv:x type: \t") == Query(("kv:x",))
    assert Query.parse("Description: description") == Query(("description",))


PATHS = st.lists(st.text(alphabet="ab/D\n", min_size=1, max_size=8), unique=True, max_size=12)


@given(paths=PATHS, word=st.text(alphabet="abdD/", min_size=1, max_size=3))
def test_the_index_finds_all_subsequences_and_only_those(paths: list[str], word: str) -> None:
    def fits(path: str) -> bool:
        letters = iter(fold(path))
        return all(ch in letters for ch in fold(word))

    rows = [Indexed(path) for path in paths]
    wanted = sorted(path for path in paths if fits(path))
    assert sorted(found(word, rows)) == wanted
    assert sorted(found(word, rows, limit=50)) == wanted
    assert found(word, rows) == found(word, rows, limit=50)


def test_the_best_classes_come_first_among_very_many() -> None:
    rows = [Indexed(f"x{number}/k-e-y") for number in range(2000)]
    rows += [Indexed(f"x{number}/monkey-{number}") for number in range(2000)]
    rows += [Indexed("zz/key"), Indexed("zz/keys/a")]
    assert found("key", rows, limit=3)[:2] == ["zz/key", "zz/keys/a"]
    assert found("key", rows)[:2] == ["zz/key", "zz/keys/a"]


def test_names_that_come_are_found_as_those_that_came() -> None:
    names = [Indexed(f"team{number % 7}/svc{number % 90:02d}/key-{number}\u00fc") for number in range(6000)]
    index = NamesIndex()
    index.begin()
    for start in range(0, 6000, 700):
        index.add(names[start : start + 700])
    queries = ["key-59", "svc07/key-5", "team3", "t3s07k5", "KEY-4001", "team1 59", "path:svc07 key-1", "nowhere"]
    some = {query: index.query(query, 50, at_once=True) for query in queries}
    all_of = {query: index.query(query) for query in queries}
    index.end(complete=True, as_of=utc_now())
    for query in queries:
        whole = index.query(query)
        assert all_of[query].matches == whole.matches, query
        paths = {match.path for match in whole.matches}
        assert {match.path for match in some[query].matches} <= paths
        assert bool(some[query].matches) == bool(paths), query
        assert some[query].more or len(some[query].matches) == len(paths), query


def test_the_first_of_very_many_names_are_found_while_the_rest_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.services.search._FIRST_PARTS", (3,))
    monkeypatch.setattr("kvtui.services.search._LARGE", 4)
    backend = MemoryBackend()
    for number in range(13):
        backend.write(f"app/s{number:02d}", {"value": SecretValue("x")})
    index, seen = NamesIndex(), list[int]()
    assert index.refresh(backend, came=lambda: seen.append(len(index.query("app", at_once=True).matches)))
    assert seen == [3, 7, 11, 13]
    assert len(index) == len(index.query("app", 20, at_once=True).matches) == 13
    assert not index.query("nowhere", 20, at_once=True).matches


def test_refresh_reads_again_only_after_a_change() -> None:
    backend = MemoryBackend()
    index = NamesIndex()
    assert index.refresh(backend)
    assert len(index) == 0
    assert not index.refresh(backend)
    patch = MetadataPatch(description="for billing")
    backend.write("app/db", {"value": SecretValue("hunter2")}, metadata=patch)
    assert index.refresh(backend)
    assert [match.path for match in index.query("billing").matches] == ["app/db"]
    assert index.query("hunter2").matches == []
    assert not index.refresh(backend)


def test_a_store_without_an_index_is_walked() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.INDEX, Capability.CHANGE_SIGNAL})
    backend.write("app/db", {"value": SecretValue("x")})
    index = NamesIndex()
    assert index.refresh(backend)
    result = index.query("db")
    assert ([match.path for match in result.matches], result.complete) == (["app/db"], True)
    assert index.refresh(backend)


@pytest.mark.slow
def test_a_hundred_thousand_paths_answer_while_typing() -> None:
    words = "app api prod staging db user password token grafana redis kafka payment billing zeta".split()  # noqa: SIM905
    pick = random.Random(1)
    index = NamesIndex(Indexed("/".join(pick.choices(words, k=4)) + f"/{number:x}") for number in range(100_000))
    took = []
    for query in ("p", "pa", "pas", "pass", "pgp", "zdb", "qqq", "prod pass"):
        begin = time.process_time()
        assert index.query(query, 100, at_once=True).matches or query == "qqq"
        took.append(time.process_time() - begin)
    assert sorted(took)[len(took) // 2] < 0.05


@pytest.mark.parametrize("text", ["b", "App/DB", "app", "zz", "/", "db", "é"])
def test_an_exact_query_by_the_stores_index_finds_what_one_over_all_names_does(text: str) -> None:
    store = MemoryBackend()
    for path in ("app/db", "App/DB", "b/é", "other"):
        store.write(path, {"value": SecretValue("x")}, metadata=MetadataPatch(description="app zz"))
    index = NamesIndex()
    index.refresh(store)
    assert search_exact(store, text) == index.query(text, exact=True)
    assert search_exact(store, text, 1) == index.query(text, 1, exact=True)
