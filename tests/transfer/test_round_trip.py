"""What is exported imports as the same store, in every format, or is reported."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.domain.characters import unsafe
from kvtui.domain.json_text import Json, Number
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import Fields, SecretValue, ValueType, same_fields
from kvtui.services.transfer import Format, ItemOutcome, export, import_items, read_items
from tests.support.hostile import HOSTILE, HostileString, on_every_string

TREES = [Format.JSON, Format.YAML, Format.KV_JSON]
MADE = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def holding(secrets: dict[str, dict[str, Json | bytes]]) -> MemoryBackend:
    """A store that holds these, whatever the names look like."""
    version = Version(1, created_at=MADE)
    histories = [
        History(
            path, Metadata(), [StoredVersion(version, {name: SecretValue(value) for name, value in fields.items()})]
        )
        for path, fields in secrets.items()
    ]
    return MemoryBackend(MemoryStore(histories))


def fields_of(backend: MemoryBackend) -> dict[str, Fields]:
    return {entry.path: backend.read(entry.path).fields for entry in backend.walk()}


def same(one: dict[str, Fields], other: dict[str, Fields]) -> bool:
    return sorted(one) == sorted(other) and all(same_fields(one[path], other[path]) for path in one)


def read_back(data: bytes, fmt: Format) -> dict[str, Fields]:
    return {item.path: item.fields for item in read_items(data, fmt)}


class TestHostileStrings:
    @on_every_string
    @pytest.mark.parametrize("fmt", TREES, ids=str)
    def test_value_and_field_name_come_back_exactly_and_nothing_in_the_file_is_unsafe(
        self, fmt: Format, entry: HostileString
    ) -> None:
        store = holding({"app/db": {"value": entry.value, entry.value: "x", "list": [entry.value]}})
        done = export(store, "", fmt)
        assert {ch for ch in done.data.decode("utf-8") if unsafe(ch)} <= {"\n", "\t"}
        if done.problems:
            assert fmt is Format.YAML
            assert any("\ud800" <= ch <= "\udfff" for ch in entry.value)
            assert [problem.path for problem in done.problems] == ["app/db"]
            assert read_back(done.data, fmt) == {}
        else:
            assert same(read_back(done.data, fmt), fields_of(store))

    @on_every_string
    @pytest.mark.parametrize("fmt", TREES, ids=str)
    def test_path_comes_back_exactly_or_is_reported(self, fmt: Format, entry: HostileString) -> None:
        path = "/".join(part for part in entry.value.split("/") if part not in {"", ".", ".."})
        if not path or len(path.encode("utf-8", "surrogatepass")) > 500:
            return  # not a path at all
        store = holding({path: {"value": "x"}})
        done = export(store, "", fmt)
        if done.problems:
            assert [problem.path for problem in done.problems] == [path]
            assert fmt is Format.YAML
        else:
            assert same(read_back(done.data, fmt), fields_of(store))

    @on_every_string
    def test_dotenv_value_comes_back_exactly_or_is_reported(self, entry: HostileString) -> None:
        store = holding({"app/VALUE": {"value": entry.value}})
        done = export(store, "app", Format.DOTENV)
        if done.problems:
            assert "\0" in entry.value or any("\ud800" <= ch <= "\udfff" for ch in entry.value)
            assert done.data == b""
        else:
            assert {i.path: i.fields["value"].reveal() for i in read_items(done.data, Format.DOTENV)} == {
                "VALUE": entry.value
            }

    def test_whole_corpus_in_one_store_comes_back(self) -> None:
        store = holding({f"h/{entry.id}": {"value": entry.value, "kept": 1} for entry in HOSTILE})
        for fmt in TREES:
            done = export(store, "", fmt)
            back = read_back(done.data, fmt)
            left_out = {problem.path for problem in done.problems}
            assert same(back, {path: fields for path, fields in fields_of(store).items() if path not in left_out})


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=12).filter(
    lambda text: not any("\ud800" <= a <= "\udbff" and "\udc00" <= b <= "\udfff" for a, b in pairwise(text))
)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1.10", "-0", "1E5", "0.10e-7", "1e400"]).map(Number),
)
scalars = st.one_of(texts, numbers, st.booleans(), st.none())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
segments = st.sampled_from(["app", "db", "base64", "value", "yes", "0123", "null", "é", "a b", "<<", "data"])
stores = st.dictionaries(
    st.lists(segments, min_size=1, max_size=3).map("/".join),
    st.dictionaries(texts | segments, values | st.binary(max_size=8), max_size=3),
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stores)
@pytest.mark.parametrize("fmt", TREES, ids=str)
def test_any_store_comes_back_but_for_what_is_reported(fmt: Format, secrets: dict) -> None:
    store = holding(secrets)
    done = export(store, "", fmt)
    left_out = {problem.path for problem in done.problems}
    kept = {path: fields for path, fields in fields_of(store).items() if path not in left_out}
    assert same(read_back(done.data, fmt), kept)
    again = holding({path: {n: v.reveal() for n, v in fields.items()} for path, fields in kept.items()})
    assert export(again, "", fmt).data == done.data


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCD"), texts.filter(lambda text: "\0" not in text), max_size=4))
def test_any_text_comes_back_from_dotenv_but_for_what_is_reported(values: dict[str, str]) -> None:
    done = export(holding({name: {"value": value} for name, value in values.items()}), "", Format.DOTENV)
    left_out = {problem.path for problem in done.problems}
    back = {item.path: item.fields["value"].reveal() for item in read_items(done.data, Format.DOTENV)}
    assert back == {name: value for name, value in values.items() if name not in left_out}
    assert all(max(values[name]) >= "\ud800" for name in left_out)


plain = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
documents = st.dictionaries(
    plain, st.dictionaries(plain, plain | st.booleans() | st.none() | st.integers(), max_size=3)
)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_other_yaml_readers_take_the_export_for_the_same(secrets: dict) -> None:
    secrets = {path: fields for path, fields in secrets.items() if path not in {"", ".", ".."} and "/" not in path}
    assert yaml.safe_load(export(holding(secrets), "", Format.YAML).data) == secrets


times = st.timedeltas(timedelta(0), timedelta(days=36500)).map(lambda since: MADE + since)
live = st.tuples(
    st.just(VersionState.LIVE), st.dictionaries(texts | segments, values | st.binary(max_size=8), max_size=2)
)
deleted = st.tuples(st.just(VersionState.DELETED), st.dictionaries(segments, values, max_size=2))
destroyed = st.tuples(st.just(VersionState.DESTROYED), st.none())
versions = st.lists(st.tuples(live | deleted | destroyed, times, st.integers(1, 3)), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.lists(segments, min_size=1, max_size=3).map("/".join), versions, max_size=3))
def test_any_history_comes_back_whatever_its_versions_hold(found: dict) -> None:
    histories = []
    for path, rows in found.items():
        stored, number = [], 0
        for (state, fields), made, step in rows:
            number += step
            held = None if fields is None else {name: SecretValue(value) for name, value in fields.items()}
            gone = made if state is VersionState.DELETED else None
            stored.append(StoredVersion(Version(number, state, made, deleted_at=gone), held))
        histories.append(History(path, Metadata(created_at=rows[0][1]), stored))
    store, target = MemoryBackend(MemoryStore(histories)), MemoryBackend()
    done = export(store, "", Format.JSON, all_versions=True)
    assert {r.outcome for r in import_items(target, read_items(done.data, Format.JSON))} <= {ItemOutcome.CREATED}
    assert export(target, "", Format.JSON, all_versions=True).data == done.data
    for history in histories:
        for old, new in zip(history.versions, target.read_history(history.path).versions, strict=True):
            assert old.version == new.version
            assert (old.fields is None) == (new.fields is None)
            assert old.fields is None or new.fields is None or same_fields(old.fields, new.fields)


class TestAllVersions:
    def histories(self) -> list[History]:
        def fields(value: Json | bytes) -> Fields:
            return {"value": SecretValue(value), "other": SecretValue({"json": {"base64": "!"}})}

        metadata = Metadata(
            description="of <b>", tags=("a", "b"), owner="me", created_at=MADE, updated_at=MADE,
            created_by="x", rotation=timedelta(days=90), custom={"k": "v"},
        )  # fmt: skip
        return [
            History("a/b", metadata, [
                StoredVersion(Version(2, VersionState.DESTROYED, MADE), None),
                StoredVersion(Version(3, VersionState.DELETED, MADE, "x", MADE, "y"), fields({"base64": "AAAA"})),
                StoredVersion(Version(5, VersionState.LIVE, MADE, "x"), fields(b"\xff\x00")),
            ]),
            History("a", Metadata(), [StoredVersion(Version(1, VersionState.DELETED, MADE), {})]),
        ]  # fmt: skip

    def test_everything_comes_back(self) -> None:
        store = MemoryBackend(MemoryStore(self.histories()))
        target = MemoryBackend()
        done = export(store, "", Format.JSON, all_versions=True)
        results = list(import_items(target, read_items(done.data, Format.JSON)))
        assert [(r.path, r.outcome, r.version) for r in results] == [
            ("a", ItemOutcome.CREATED, 1),
            ("a/b", ItemOutcome.CREATED, 5),
        ]
        assert export(target, "", Format.JSON, all_versions=True).data == done.data
        for path in ("a", "a/b"):
            one, other = store.read_history(path), target.read_history(path)
            assert one.metadata == other.metadata
            assert [v.version for v in one.versions] == [v.version for v in other.versions]
            for old, new in zip(one.versions, other.versions, strict=True):
                assert (old.fields is None) == (new.fields is None)
                assert old.fields is None or new.fields is None or same_fields(old.fields, new.fields)
        target.undelete("a/b", [3])
        assert target.read("a/b", 3).fields["value"].type is ValueType.MAP

    def test_importing_again_changes_nothing(self) -> None:
        store = MemoryBackend(MemoryStore(self.histories()))
        done = export(store, "", Format.JSON, all_versions=True)
        results = list(import_items(store, read_items(done.data, Format.JSON)))
        assert {result.outcome for result in results} == {ItemOutcome.SKIPPED}

    @pytest.mark.parametrize(
        "change",
        [
            {"versions": []},
            {"versions": [{"version": 1, "state": "live", "fields": None}]},
            {"versions": [{"version": True, "state": "live", "fields": {}}]},
            {"versions": [{"version": 1, "state": "gone", "fields": {}}]},
            {"versions": [{"version": 1, "state": "live", "fields": {}, "created_at": "2026-01-01T00:00:00"}]},
            {"metadata": []},
            {"metadata": {"rotation": "soon"}},
            {"path": 5},
        ],
    )
    def test_envelope_that_kvtui_did_not_write_is_refused(self, change: dict) -> None:
        from kvtui.domain.errors import InvalidInput

        row = {"path": "a", "metadata": {}, "versions": [{"version": 1, "state": "live", "fields": {}}]}
        data = json.dumps({"kvtui": 1, "secrets": [row | change]}).encode()
        with pytest.raises(InvalidInput):
            read_items(data, Format.JSON)
