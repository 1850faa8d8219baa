import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.services import matcher
from kvtui.services.matcher import Word, fold, match, rank

NAMES = st.text(alphabet="abAB/-_1 İßſK", max_size=25)
WORDS = st.text(alphabet="abAB/-1İK", min_size=1, max_size=6)


def is_subsequence(word: str, name: str) -> bool:
    letters = iter(name)
    return all(ch in letters for ch in word)


@given(word=WORDS, name=NAMES)
def test_a_word_matches_exactly_where_it_is_a_subsequence(word: str, name: str) -> None:
    assert (Word(word).match(name) is not None) == is_subsequence(fold(word), fold(name))


@given(word=WORDS, name=NAMES)
def test_positions_are_ascending_and_spell_the_word(word: str, name: str) -> None:
    hit = Word(word).match(name)
    if hit is not None:
        assert list(hit.positions) == sorted(set(hit.positions))
        assert "".join(fold(name)[at] for at in hit.positions) == fold(word)
        assert hit.score > 0


@given(word=WORDS, before=NAMES, after=NAMES)
def test_a_literal_match_scores_above_any_other(word: str, before: str, after: str) -> None:
    hit = Word(word).match(before + word + after)
    assert hit is not None
    is_inside = matcher.says_little(fold(word)) and not Word(word).stands_in(fold(before + word + after))
    assert is_inside == (hit.score < matcher.LITERAL)
    at = hit.positions[0]
    assert is_inside or hit.positions == tuple(range(at, at + len(word)))


@given(word=WORDS, before=NAMES, after=NAMES)
def test_two_letters_alone_have_to_start_a_word_to_stand_somewhere(word: str, before: str, after: str) -> None:
    name = f"{before}-{word}{after}"
    assert Word(word).stands_in(fold(name))
    inside = f"s{word}"
    assert Word(word).stands_in(fold(inside)) is not (len(word) == 2 and word.isalnum())
    assert Word(word).match(inside) is not None


@given(text=st.text(max_size=50))
def test_folding_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@given(name=st.text(min_size=1, max_size=30).filter(lambda name: not any(ch.isspace() for ch in name)))
def test_every_name_matches_itself_best(name: str) -> None:
    hit = match(name, name)
    assert hit is not None
    assert hit.positions == tuple(range(len(name)))


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("db", "app/db", "app/dbx"),
        ("db", "app/db/user", "app/mydb"),
        ("db", "app/dbx", "app/xdby"),
        ("db", "app/database", "app/sandbox"),
        ("db", "app/x-db", "database"),
        ("box", "app/sandbox", "backup/oracle/x"),
        ("pgp", "app/gpgp-less", "prod/grafana/password"),
        ("pgp", "prod/grafana/password", "xpxgxpx"),
        ("ad", "api-dev", "abcd"),
        ("ud", "userData", "understood"),
        ("Db", "x/Db", "x/db"),
        ("tok", "a/token", "a/the-old-key"),
        ("smtp", "mail/smtp", "some/team/path"),
    ],
)
def test_the_better_match_comes_first(query: str, better: str, worse: str) -> None:
    names = [worse, better]
    assert next(name for name, _ in rank(query, names, name=str)) == better


def test_all_words_must_match_in_any_order() -> None:
    assert match("db prod", "prod/db") is not None
    assert match("db prod", "prod/api") is None
    assert match("", "anything") == matcher.Hit(0, ())


def test_letters_at_starts_are_chosen_over_the_nearest() -> None:
    hit = match("apd", "snap/app/prod/db")
    assert hit is not None
    assert hit.positions == (5, 9, 14)


def test_ranking_keeps_the_order_of_equals() -> None:
    names = ["b/key", "a/key", "none"]
    assert [name for name, _ in rank("key", names, name=str)] == ["b/key", "a/key"]


def test_a_long_word_on_a_long_name_takes_no_backtracking() -> None:
    assert Word("ab" * 500 + "c").match("ab" * 20_000) is None
