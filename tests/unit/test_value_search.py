"""Finding by value: only when asked, each read once, nothing kept, and nothing but paths and fields told."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, Locked, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.secret import Secret
from kvtui.domain.value import SecretValue
from kvtui.services import value_search
from kvtui.services.profiles import Profile
from kvtui.services.session import Session
from kvtui.services.value_search import Asked, ValueMatch, ValueSearch, caution, parse

WAIT = 60.0
"""Seconds after which something hangs."""
ON_A_SERVER = ALL - {Capability.INDEX, Capability.CHANGE_SIGNAL}


class Counting(MemoryBackend):
    """A store that counts what is read, and fails for some paths; `held` waits until `gate` is open."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.reads: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.held, self.waits, self.gate = "", threading.Event(), threading.Event()

    def read(self, path: str, version: int | None = None) -> Secret:
        self.reads.append(path)
        if path == self.held:
            self.waits.set()
            assert self.gate.wait(WAIT)
        if path in self.failures:
            raise self.failures[path]
        return super().read(path, version)


@pytest.fixture
def store() -> Counting:
    backend = Counting()
    backend.write("app/db", {"user": SecretValue("admin"), "password": SecretValue("S3cret-One")})
    backend.write("app/key", {"value": SecretValue(b"\x00\xffs3CRET\x01")})
    backend.write("app/map", {"value": SecretValue({"a": ["x", "my s3cret"], "n": 5432})})
    backend.write("other", {"value": SecretValue("nothing")})
    return backend


def session_of(backend: MemoryBackend, state_dir: Path, name: str = "one") -> Session:
    session = Session(Profile(name, "memory", MappingProxyType({"name": str(state_dir)})), state_dir=state_dir)
    session.unlock()
    session._backend = backend
    return session


@pytest.fixture
def session(store: Counting, tmp_path: Path) -> Session:
    return session_of(store, tmp_path)


def found(session: Session, text: str, **how: Any) -> list[tuple[str, tuple[str, ...]]]:
    with ValueSearch(session, parse(text), **how) as search:
        return [tuple(match) for match in search]  # type: ignore[misc]


# What is asked


@pytest.mark.parametrize(
    ("text", "names", "parts", "is_open"),
    [
        ("db pass", "db pass", 0, False),
        ("value:xyz", "", 1, False),
        ("db value:xyz tag:prod", "db tag:prod", 1, False),
        ('value:"two words" value:b', "", 2, False),
        ("path:app value:", "path:app", 0, True),
        ("myvalue:xyz", "myvalue:xyz", 0, False),
        ('"a value:b"', '"a', 1, False),
    ],
)
def test_value_filters_are_taken_out_of_a_query(text: str, names: str, parts: int, is_open: bool) -> None:
    asked = parse(text)
    assert (asked.names, len(asked.parts), asked.is_open) == (names, parts, is_open)
    assert asked.of_values == (parts > 0 or is_open)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters='"', exclude_categories=("Z", "C")), min_size=1)


@given(
    st.lists(WORDS.filter(lambda word: not word.startswith("value:"))),
    st.lists(st.text().filter(lambda t: '"' not in t)),
)
def test_filters_and_words_come_apart_as_they_were_put_together(words: list[str], parts: list[str]) -> None:
    asked = parse(" ".join([*words, *(f'value:"{part}"' for part in parts)]))
    assert asked.names.split() == words
    assert [each.reveal() for each in asked.parts] == [part for part in parts if part]
    assert asked.is_open == ("" in parts)


# What is found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value:s3cret", [("app/db", ("password",)), ("app/key", ("value",)), ("app/map", ("value",))]),
        ("value:S3CRET-ONE", [("app/db", ("password",))]),
        ("value:543", [("app/map", ("value",))]),
        ('value:"my s3c"', [("app/map", ("value",))]),
        ("value:admin value:one", [("app/db", ("user", "password"))]),
        ("value:admin value:nothing", []),
        ("key value:s3cret", [("app/key", ("value",))]),
        ("path:app/m value:s3cret", [("app/map", ("value",))]),
        ("value:gone", []),
    ],
)
def test_fields_whose_values_hold_it_are_named_by_path(
    session: Session, text: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert found(session, text) == expected


def test_bytes_are_looked_for_in_bytes(session: Session) -> None:
    with ValueSearch(session, Asked(parts=(SecretValue(b"\xffS3"),))) as search:
        assert list(search) == [ValueMatch("app/key", ("value",))]


@given(st.text(max_size=8), st.text(max_size=3), st.text(max_size=3))
def test_a_value_contains_each_of_its_parts_in_any_case(part: str, before: str, after: str) -> None:
    whole = before + part + after
    for value in (whole, whole.encode("utf-8", "surrogatepass"), [1, {"k": whole}], {whole: None}):
        assert SecretValue(value).contains(SecretValue(part))  # type: ignore[arg-type]
    assert SecretValue(whole.upper()).contains(SecretValue(part.upper()))
    assert not SecretValue(whole).contains(SecretValue(part + "\x00" * 9))


def test_what_is_deleted_is_not_read(session: Session, store: Counting) -> None:
    store.delete("app/db")
    assert "app/db" not in [path for path, _ in found(session, "value:s3cret")]
    assert "app/db" not in store.reads


# What is read


def test_each_secret_is_read_once_and_names_narrow_what_is(session: Session, store: Counting) -> None:
    found(session, "value:x")
    assert store.reads == ["app/db", "app/key", "app/map", "other"]
    store.reads.clear()
    found(session, "path:app/d value:x")
    assert store.reads == ["app/db"]


def test_progress_and_what_could_not_be_read_are_told(session: Session, store: Counting) -> None:
    store.failures["app/key"] = PermissionDenied("No.")
    told: list[tuple[int, int | None]] = []
    with ValueSearch(session, parse("value:s3cret"), progress=lambda *at: told.append(at)) as search:
        assert [match.path for match in search] == ["app/db", "app/map"]
    assert (told[0], told[-1]) == ((0, 4), (4, 4))
    assert [what.path for what in search.left_out.places] == ["app/key"]
    assert not search.complete
    assert search.read == 4


def test_a_store_of_a_server_is_read_only_when_that_was_agreed_to(tmp_path: Path) -> None:
    there = Counting(capabilities=ON_A_SERVER)
    there.write("a", {"value": SecretValue("xyz")})
    session = session_of(there, tmp_path)
    assert "request" in caution(session)
    with pytest.raises(InvalidInput):
        found(session, "value:y")
    assert there.reads == []
    assert found(session, "value:y", agreed=True) == [("a", ("value",))]


def test_a_server_that_fails_again_and_again_is_asked_no_more(tmp_path: Path) -> None:
    there = Counting(capabilities=ON_A_SERVER)
    for number in range(200):
        there.write(f"s{number:03}", {"value": SecretValue("x")})
        there.failures[f"s{number:03}"] = Unavailable("It is gone.")
    with pytest.raises(Unavailable):
        found(session_of(there, tmp_path), "value:x", agreed=True)
    assert len(there.reads) < 100


def test_stopping_ends_it_and_keeps_what_was_found(tmp_path: Path) -> None:
    there = Counting(capabilities=ON_A_SERVER)
    for number in range(200):
        there.write(f"s{number:03}", {"value": SecretValue("x")})
    with ValueSearch(session_of(there, tmp_path), parse("value:x"), agreed=True) as search:
        matches = iter(search)
        assert next(matches).path == "s000"
        search.stop()
        assert len(list(matches)) < 100
    assert not search.complete
    assert len(there.reads) < 100


def test_the_time_ends_it_though_a_read_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Counting(capabilities=ON_A_SERVER)
    for name in "abcdefgh":
        there.write(name, {"value": SecretValue("x")})
    there.held = "e"
    with ValueSearch(session_of(there, tmp_path), parse("value:x"), agreed=True, seconds=WAIT) as search:
        matches = iter(search)
        assert [next(matches).path for _ in range(4)] == list("abcd")
        assert there.waits.wait(WAIT)
        later = SimpleNamespace(monotonic=lambda: monotonic() + WAIT)
        monkeypatch.setattr(value_search, "time", later)
        assert list(matches) == []
        assert search.is_over_time
        assert not search.complete
    there.gate.set()


def test_values_that_are_never_given_out_are_not_looked_for(tmp_path: Path) -> None:
    session = session_of(Counting(capabilities=ALL - {Capability.READ}), tmp_path)
    with pytest.raises(Unsupported):
        found(session, "value:x")


def test_nothing_to_look_for_is_refused_before_anything_is_read(session: Session, store: Counting) -> None:
    with pytest.raises(InvalidInput):
        ValueSearch(session, parse("value:"))
    assert store.reads == []


def test_without_a_journal_no_value_is_read(session: Session, store: Counting, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(PermissionDenied):
        found(session, "value:x")
    assert store.reads == []


def test_a_session_that_is_locked_meanwhile_ends_it(tmp_path: Path) -> None:
    there = Counting(capabilities=ON_A_SERVER)
    for number in range(100):
        there.write(f"s{number:03}", {"value": SecretValue("x")})
    session = session_of(there, tmp_path)
    with ValueSearch(session, parse("value:x"), agreed=True) as search:
        matches = iter(search)
        next(matches)
        session.lock()
        with pytest.raises(Locked):
            list(matches)


# What is kept


def _files(folder: Path) -> Iterator[bytes]:
    return (file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_neither_what_is_sought_nor_what_is_read_is_kept(
    store: Counting, session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sought, value = (secrets.token_hex(8) for _ in range(2))
    store.write("app/new", {"value": SecretValue(f"{value} {sought} {value}")})
    with caplog.at_level(logging.DEBUG):
        asked = parse(f"value:{sought}")
        with ValueSearch(session, asked) as search:
            matches = list(search)
    assert [match.path for match in matches] == ["app/new"]
    (entry,) = session.journal.entries()
    assert (entry.act.value, entry.path, entry.field) == ("search", "", None)
    said = [repr(asked), repr(search.__dict__), repr(matches), caplog.text]
    for text in (sought, value):
        assert not any(text in each for each in said)
        assert not any(text.encode() in each for each in _files(tmp_path))
