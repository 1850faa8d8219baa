"""What is found first, beside fzf's own first ten; and that being fast changes nothing of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks import search
from kvtui.clock import utc_now
from kvtui.domain.secret import Indexed
from kvtui.services import matcher, names_part, ranking
from kvtui.services.matcher import Word, fold
from kvtui.services.names_part import NamesPart, merged
from kvtui.services.query import Query
from kvtui.services.ranking import at_once
from kvtui.services.search import NamesIndex
from kvtui.services.segments import Segments

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "ranking.json").read_text())
"""Paths, and for queries the wanted one and the numbers of fzf's first ten; made by `benchmarks.search.record`."""
SEGMENTS = st.text(alphabet="abAB-_1é\n", max_size=5)
PATHS = st.lists(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), unique=True, max_size=15)
QUERIES = st.lists(st.text(alphabet="abA/-1é", min_size=1, max_size=4), min_size=1, max_size=2).map(" ".join)


@pytest.fixture(scope="module")
def listed() -> NamesIndex:
    return NamesIndex(map(Indexed, RECORDED["paths"]))


def test_the_wanted_path_is_first_at_least_as_often_as_with_fzf(listed: NamesIndex) -> None:
    ours = theirs = 0
    for row in RECORDED["asked"]:
        first = [match.path for match in listed.query(row["query"], 200, at_once=True).matches[:10]]
        ours += row["wanted"] in first
        theirs += row["wanted"] in [RECORDED["paths"][number] for number in row["fzf"]]
    assert ours >= theirs > len(RECORDED["asked"]) // 2


def test_what_is_best_at_once_is_best_of_everything(listed: NamesIndex) -> None:
    for row in RECORDED["asked"]:
        first = listed.query(row["query"], 200, at_once=True).matches[0]
        assert first == listed.query(row["query"]).matches[0]


@pytest.fixture(scope="module", autouse=True)
def _laid_out_from_the_first_name() -> Iterator[None]:
    """Few names are looked through one by one; here their segments are to be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names_part, "_PLAIN", 0)
        yield


@given(paths=PATHS, text=QUERIES)
def test_the_fast_way_finds_what_each_name_by_itself_says(paths: list[str], text: str) -> None:
    words, plain = [Word(each) for each in text.split()], []
    for path in paths:
        scores = [word.score(path, fold(path)) for word in words]
        if all(scores):
            plain.append((-sum(scores), len(path), path))
    part = NamesPart(map(Indexed, paths))
    query = Query.parse(text)
    for found in (part.best(query, 50), at_once([part], query, 50)):
        assert [(-match.score, len(match.path), match.path) for match in found.matches] == sorted(plain)
        assert not found.more


@given(paths=PATHS, text=QUERIES, cut=st.integers(0, 15), most=st.integers(1, 5))
@example(paths=["1", "11", "A1", "_11"], text="1", cut=1, most=3)  # the third best is of the worst class
def test_names_that_came_in_parts_are_found_as_one(paths: list[str], text: str, cut: int, most: int) -> None:
    query, rows = Query.parse(text), [Indexed(path) for path in paths]
    parts = [NamesPart(rows[:cut]), NamesPart(rows[cut:])]
    apart = merged([part.best(query, most) for part in parts], query, most)
    assert apart.matches == NamesPart(rows).best(query, most).matches
    index = NamesIndex()
    index.begin()
    for some in (rows[:cut], rows[cut:]):
        index.add(some)
        index.query(text, most, at_once=True)
    index.end(complete=True, as_of=utc_now())
    assert index.query(text, most, at_once=True).matches == apart.matches[:most]


def bits_of(rows: int, size: int) -> list[bool]:
    return [bool(rows >> at & 1) for at in range(size)]


@given(paths=PATHS, text=st.text(alphabet="ab/-1é\n", min_size=1, max_size=4))
def test_no_row_of_a_class_is_left_out(paths: list[str], text: str) -> None:
    folded, text = [fold(path).replace("\n", " ") for path in paths], text.replace("\n", " ")
    segments = Segments(folded)
    for rows, fits in [
        (segments.containing(text), lambda path: text in path),
        (segments.prefix(text), lambda path: f"/{text}" in f"/{path}"),
        (segments.exact(text), lambda path: f"/{text.removesuffix('/')}/" in f"/{path}/" and "/" not in text),
        (segments.zones.in_order(text), Word(text).in_order),
        (segments.zones.starting(text[0]), lambda path: re.search(rf"(?<![^\W_])(?=[^\W_]){re.escape(text[0])}", path)),
    ]:
        told = bits_of(rows, len(paths))
        assert all(is_told for path, is_told in zip(folded, told, strict=True) if fits(path))


@given(name=st.text(alphabet="abAB/-1", min_size=1, max_size=12), word=st.text(alphabet="ab/1", min_size=1, max_size=4))
def test_positions_are_those_of_the_score(name: str, word: str) -> None:
    hit = Word(word).match(name)
    assert (hit.score if hit else 0) == Word(word).score(name, fold(name))
    if hit is None or word in fold(name):
        return
    score, run = 0, 0
    bonus = [matcher._BONUSES[name[at - 1 : at + 1]] for at in range(len(name))]
    for index, at in enumerate(hit.positions):
        before = hit.positions[index - 1] if index else None
        if before is None:
            score, run = 16 + 2 * bonus[at], bonus[at]
        elif before == at - 1:
            score, run = score + 16 + max(bonus[at], matcher._RUN[run]), max(run, bonus[at])
        else:
            score, run = score + 16 + bonus[at] - (at - before), bonus[at]
    assert hit.score == max(1, score)


@given(words=st.lists(st.sampled_from(["ab", "ba", "ab1", "b"]), min_size=2, max_size=3), cuts=st.data())
def test_letters_that_start_words_are_in_pieces(words: list[str], cuts: st.DataObject) -> None:
    typed = "".join(word[: cuts.draw(st.integers(1, len(word)))] for word in words)
    paths = ["-".join(words), "/".join(words), f"x/{'_'.join(words)}/x"]
    rows = ranking._in_pieces(Segments(paths), typed)
    assert bits_of(rows, len(paths)) == [True] * len(paths)


def test_a_long_path_of_many_words_takes_no_backtracking() -> None:
    assert Word("a" * 12 + "b").in_pieces("a-" * 500) is None


def test_the_benchmark_runs_on_next_to_nothing() -> None:
    results = search.run((60,), queries=8, typed=1)
    assert results["60 paths"]["typing"]["all"]["keys"] > 1
    assert results["ranking"]["kinds"]["all"]["queries"] == 8
    assert "| 60 | all |" in search.table(results)


def test_two_who_search_at_once_each_get_what_they_asked_for() -> None:
    part = NamesPart([Indexed("one"), Indexed("two")])
    others: list[Query] = []

    class Overtaken(Query):
        """Somebody else asks for something while this is compared with what was asked for last."""

        def __eq__(self, other: object) -> bool:
            while others:
                at_once([part], others.pop(), 10)
            return isinstance(other, Query) and self.words == other.words

        __hash__ = Query.__hash__

    at_once([part], Overtaken(("one",)), 10)
    others.append(Query(("two",)))
    assert [match.path for match in at_once([part], Overtaken(("one",)), 10).matches] == ["one"]
    assert not others


def test_two_letters_inside_of_a_word_are_no_better_than_others_in_order() -> None:
    paths = [f"{folder}/sandbox-{number:02}" for folder in ("a", "b") for number in range(40)]
    part = NamesPart(map(Indexed, [*paths, "app/database", "team/old-db"]))
    query = Query.parse("db")
    for most in (3, 200):
        for found in (part.best(query, most), at_once([part], query, most)):
            first = [match.path for match in found.matches[:3]]
            assert first == ["team/old-db", "app/database", "a/sandbox-00"]


def test_few_names_beside_very_many_are_looked_for_as_well() -> None:
    """What is good enough for a large part must not keep a small one from giving all it has."""
    index = NamesIndex()
    index.begin()
    index.add([Indexed(f"team-{number % 7}/service-{number:05}/token") for number in range(6000)])
    index.add([Indexed(f"kafka/{name}") for name in ("user", "password", "host")])
    index.add([Indexed(f"other/{number}/kafka") for number in range(20)])
    for text, count in (("kafka", 23), ("kfka", 23), ("kafka user", 1)):
        assert len(index.query(text, 200, at_once=True).matches) == count
