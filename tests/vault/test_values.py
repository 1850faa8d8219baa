"""What goes in comes out: fields, metadata, names, of any text whatever."""

import re
import string
from datetime import UTC, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.columns import from_column, join_tags, split_tags, to_column
from kvtui.domain.errors import InvalidInput, InvalidPath, NotFound
from kvtui.domain.json_text import Number
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType
from kvtui.domain.secret import History, StoredVersion, Version, VersionState, Write
from kvtui.domain.value import SecretValue, same_fields
from tests.support.hostile import HOSTILE
from tests.vault.places import Place

MOMENTS = st.datetimes(timezones=st.just(UTC))
TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=50)
WHOLE = TEXT.filter(lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text))
"""Without what JSON would change, a character in two halves: that is refused."""
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WHOLE
JSON = st.recursive(
    LEAVES | st.just(Number("1.10")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WHOLE, inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.dictionaries(WHOLE, (JSON | st.binary(max_size=200)).map(SecretValue), max_size=5)
PATCHES = st.builds(
    MetadataPatch,
    type=st.sampled_from(SecretType),
    description=TEXT,
    tags=st.lists(TEXT.filter(str.strip), max_size=4, unique=True).map(tuple),
    owner=st.none() | TEXT,
    rotation=st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=36500)),
    custom=st.dictionaries(WHOLE, WHOLE, max_size=4),
)
shared_vault = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=40
)


@given(TEXT)
def test_any_text_fits_a_column(text: str) -> None:
    column = to_column(text)
    column.encode("utf-8")
    assert "\x00" not in column
    assert from_column(column) == text


@given(st.lists(TEXT.filter(bool)).map(tuple))
def test_any_tags_fit_a_column(tags: tuple[str, ...]) -> None:
    assert split_tags(join_tags(tags)) == tags


@given(st.text(string.printable))
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert to_column(text) == text


@shared_vault
@given(FIELDS, PATCHES)
def test_fields_and_metadata_round_trip(
    vault: FileBackend, fields: dict[str, SecretValue], patch: MetadataPatch
) -> None:
    current = vault.write("a/b", fields, metadata=patch).number
    secret = vault.read("a/b")
    assert same_fields(secret.fields, fields)
    assert secret.current == current
    expected = patch.apply(Metadata())
    known = secret.metadata
    assert (known.type, known.description, known.tags, known.owner, known.rotation) == (
        expected.type,
        expected.description,
        expected.tags,
        expected.owner,
        expected.rotation,
    )
    assert dict(expected.custom).items() <= dict(known.custom).items()
    assert vault.metadata("a/b") == known
    (entry,) = vault.index()
    assert (entry.description, entry.tags, entry.owner) == (known.description, known.tags, known.owner)


@shared_vault
@given(st.data())
def test_a_history_round_trips_with_its_times_and_states(vault: FileBackend, data: st.DataObject) -> None:
    versions = []
    for number in sorted(data.draw(st.sets(st.integers(1, 2**40), min_size=1, max_size=5))):
        state = data.draw(st.sampled_from(VersionState))
        deleted = state is VersionState.DELETED
        version = Version(
            number,
            state,
            created_at=data.draw(st.none() | MOMENTS),
            created_by=data.draw(st.none() | TEXT),
            deleted_at=data.draw(MOMENTS) if deleted else None,
            deleted_by=data.draw(st.none() | TEXT) if deleted else None,
        )
        versions.append(StoredVersion(version, None if state is VersionState.DESTROYED else data.draw(FIELDS)))
    created = Metadata(
        created_by=data.draw(st.none() | TEXT), created_at=data.draw(st.none() | MOMENTS), updated_at=data.draw(MOMENTS)
    )
    metadata = data.draw(PATCHES).apply(created)
    vault.write_history(History("h", metadata, versions))
    back = vault.read_history("h")
    vault.destroy("h")
    assert back.metadata == metadata
    assert [stored.version for stored in back.versions] == [stored.version for stored in versions]
    for one, other in zip(back.versions, versions, strict=True):
        assert (one.fields is None) == (other.fields is None)
        assert one.fields is None or other.fields is None or same_fields(one.fields, other.fields)


def test_hostile_strings_survive_as_value_field_and_metadata(place: Place) -> None:
    with place.open() as vault:
        writes = [Write(f"h/{number}", _fields(one.value), _patch(one.value)) for number, one in enumerate(HOSTILE)]
        assert not [written for written in vault.write_many(writes) if written.error]
    with place.open() as vault:
        for number, hostile in enumerate(HOSTILE):
            secret = vault.read(f"h/{number}")
            assert same_fields(secret.fields, _fields(hostile.value)), hostile
            assert secret.metadata == _patch(hostile.value).apply(Metadata())._replace(
                created_at=secret.metadata.created_at,
                created_by=secret.metadata.created_by,
                updated_at=secret.metadata.updated_at,
            ), hostile
        assert vault.verify() == []


def _fields(text: str) -> dict[str, SecretValue]:
    return {text: SecretValue(text), "in bytes": SecretValue(text.encode("utf-8", "surrogatepass"))}


def _patch(text: str) -> MetadataPatch:
    tags = (text,) if text.strip() else ()
    return MetadataPatch(description=text, owner=text, tags=tags, custom={text: text, "k": text})


def test_hostile_strings_as_paths_are_addressed_exactly_or_refused(vault: FileBackend) -> None:
    wanted = [path for one in HOSTILE for path in (one.value, f"a/{one.value}", f"{one.value}/b")]
    results = list(vault.write_many(Write(path, {"value": SecretValue(path)}) for path in wanted))
    stored = {written.path for written in results if written.version}
    assert [entry.path for entry in vault.walk()] == sorted(stored)
    for written in results:
        if written.version:
            assert vault.read(written.path).fields["value"].reveal() == written.path
        else:
            assert isinstance(written.error, InvalidPath)
            for call in (vault.read, vault.metadata, vault.versions, vault.delete, vault.read_history):
                with pytest.raises((InvalidPath, NotFound)):
                    call(written.path)
    assert vault.verify() == []


def test_metadata_that_cannot_be_is_refused_and_changes_nothing(vault: FileBackend) -> None:
    vault.write("a", {"value": SecretValue("x")})
    token = vault.change_token()
    for patch in (
        MetadataPatch(tags=(" ",)),
        MetadataPatch(rotation=timedelta(0)),
        MetadataPatch(rotation=timedelta(days=-1)),
        MetadataPatch(rotation=timedelta(days=40000)),
        MetadataPatch(custom={"k": 5}),  # type: ignore[dict-item]
        MetadataPatch(custom={"k": "\ud83d\ude00"}),
    ):
        with pytest.raises(InvalidInput):
            vault.write_metadata("a", patch)
        with pytest.raises(InvalidInput):
            vault.write("a", {"value": SecretValue("y")}, metadata=patch)
        with pytest.raises(InvalidInput):
            vault.write("new", {"value": SecretValue("y")}, metadata=patch)
    assert vault.change_token() == token
    assert [entry.path for entry in vault.walk()] == ["a"]
    assert vault.read("a").current == 1


def test_a_large_value_round_trips(vault: FileBackend) -> None:
    value = bytes(range(256)) * 40_000
    vault.write("large", {"value": SecretValue(value)})
    assert vault.read("large").fields["value"].reveal() == value
