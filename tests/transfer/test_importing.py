"""Importing into a store: what is written, what is left alone, and what each result says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from kvtui.backends.memory import ALL, MemoryBackend, MemoryStore
from kvtui.backends.read_only import ReadOnlyBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, InvalidPath, PermissionDenied, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.secret import VersionState, Write, Written
from kvtui.domain.value import SecretValue, same_fields
from kvtui.services.journal import Act, Journal
from kvtui.services.transfer import Exported, Format, Item, ItemOutcome, ItemResult, export, import_items, read_items
from kvtui.services.transfer.importing import CHUNK

OUTCOMES = ItemOutcome


def item(path: str, **fields: Json) -> Item:
    return Item(path, {name: SecretValue(value) for name, value in fields.items()})


def outcomes(results: Iterable[ItemResult]) -> list[tuple[str, str, int | None]]:
    return [(result.path, result.outcome.value, result.version) for result in results]


class TestOutcomes:
    def test_new_is_created_same_is_skipped_different_is_updated(self) -> None:
        backend = MemoryBackend()
        backend.write("same", {"a": SecretValue(1), "b": SecretValue("x")})
        backend.write("other", {"a": SecretValue(1)})
        items = [item("new", a=1), item("same", b="x", a=1), item("other", a=True)]
        assert outcomes(import_items(backend, items)) == [
            ("new", "created", 1),
            ("same", "skipped", 1),
            ("other", "updated", 2),
        ]
        assert backend.read("other").fields["a"].reveal() is True

    def test_importing_twice_changes_nothing(self) -> None:
        backend = MemoryBackend()
        items = [item("a/b", x="1"), item("a", y=None)]
        list(import_items(backend, items))
        token = backend.change_token()
        assert {result.outcome for result in import_items(backend, items)} == {OUTCOMES.SKIPPED}
        assert backend.change_token() == token

    def test_deleted_secret_gets_a_new_version(self) -> None:
        backend = MemoryBackend()
        backend.write("a", {"x": SecretValue("1")})
        backend.delete("a")
        assert outcomes(import_items(backend, [item("a", x="1")])) == [("a", "updated", 2)]
        assert backend.read("a").version.state is VersionState.LIVE

    def test_dry_run_tells_the_same_and_writes_nothing(self) -> None:
        backend = MemoryBackend()
        backend.write("b", {"x": SecretValue("1")})
        items = [item("a", x="1"), item("b", x="2"), item("b/../c", x="1"), item("a", x="2")]
        token = backend.change_token()
        planned = outcomes(import_items(backend, items, dry_run=True))
        assert backend.change_token() == token
        assert planned == outcomes(import_items(backend, items))

    def test_one_that_fails_leaves_the_others_alone(self) -> None:
        backend = MemoryBackend()
        items = [item("a", x="1"), item("a//b", x="1"), item("", x="1"), item("bad\u202ename", x="1"), item("c", x="1")]
        results = list(import_items(backend, items))
        assert [result.outcome.value for result in results] == ["created", "failed", "failed", "failed", "created"]
        assert all(isinstance(result.error, InvalidPath) for result in results[1:4])

    def test_secret_that_the_file_holds_twice_fails_the_second_time(self) -> None:
        backend = MemoryBackend()
        data = b'{"a/b": {"x": 1}, "a": {"b": {"x": 2}}}'
        first, second = import_items(backend, read_items(data, Format.JSON))
        assert first.outcome is OUTCOMES.CREATED
        assert isinstance(second.error, InvalidInput)

    def test_metadata_that_differs_is_written_without_a_new_version(self) -> None:
        backend = MemoryBackend()
        backend.write("a", {"x": SecretValue("1")})
        described = Item("a", {"x": SecretValue("1")}, MetadataPatch(owner="me"))
        assert outcomes(import_items(backend, [described])) == [("a", "updated", 1)]
        assert backend.metadata("a").owner == "me"
        assert outcomes(import_items(backend, [described])) == [("a", "skipped", 1)]

    def test_read_only_store_refuses_the_whole_but_not_a_dry_run(self) -> None:
        store = MemoryStore()
        backend = ReadOnlyBackend(MemoryBackend(store))
        described = Item("a", {}, MetadataPatch(owner="me"))
        with pytest.raises(PermissionDenied):
            next(import_items(backend, [described]))
        assert store.changes == 0
        assert outcomes(import_items(backend, [item("a", x="1")], dry_run=True)) == [("a", "created", 1)]


class Interrupting(MemoryBackend):
    """Somebody else writes between comparing and writing."""

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        self.write("b", {"x": SecretValue("theirs")})
        yield from super().write_many(writes)


def test_secret_written_meanwhile_is_a_conflict_and_stays() -> None:
    backend = Interrupting()
    backend.write("b", {"x": SecretValue("old")})
    first, second = import_items(backend, [item("a", x="1"), item("b", x="mine")])
    assert first.outcome is OUTCOMES.CREATED
    assert isinstance(second.error, Conflict)
    assert backend.read("b").fields["x"].reveal() == "theirs"


def test_items_are_taken_a_bounded_number_at_a_time_and_results_keep_their_order() -> None:
    backend = MemoryBackend()
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for number in range(3 * CHUNK):
            taken += 1
            yield item(f"p{number:05}", x=number)

    results = import_items(backend, items())
    next(results)
    assert taken == CHUNK
    assert [result.path for result in results] == [f"p{number:05}" for number in range(1, 3 * CHUNK)]


@pytest.mark.parametrize(
    ("lacking", "path", "fields", "outcome"),
    [
        ({Capability.FIELDS}, "a", {"x": 1, "y": 2}, "failed"),
        ({Capability.TYPED_VALUES}, "a", {"x": 1}, "failed"),
        ({Capability.EDIT_METADATA}, "api_token", {"value": "x"}, "created"),
        ({Capability.CHECK_AND_SET}, "a", {"x": "1"}, "created"),
    ],
)
def test_store_that_can_less_takes_what_it_can(lacking: set, path: str, fields: dict, outcome: str) -> None:
    backend = MemoryBackend(capabilities=ALL - lacking)
    (result,) = import_items(backend, [item(path, **fields)])
    assert result.outcome.value == outcome


class TestHistories:
    def exported(self) -> Exported:
        backend = MemoryBackend()
        backend.write("a", {"x": SecretValue("1")})
        backend.write("a", {"x": SecretValue("2")}, metadata=MetadataPatch(owner="me"))
        backend.write("gone", {"x": SecretValue("1")})
        backend.delete("gone")
        return export(backend, "", Format.JSON, all_versions=True)

    def test_existing_secret_gets_the_newest_version_and_says_so(self) -> None:
        backend = MemoryBackend()
        backend.write("a", {"x": SecretValue("mine")})
        items = read_items(self.exported().data, Format.JSON)
        first, second = import_items(backend, items)
        assert (first.outcome, first.version) == (OUTCOMES.UPDATED, 2)
        assert first.note
        assert second.outcome is OUTCOMES.CREATED
        assert backend.read("gone").version.state is VersionState.DELETED

    def test_store_without_histories_takes_the_newest_live_version(self) -> None:
        backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY, Capability.VERSIONS})
        first, second = import_items(backend, read_items(self.exported().data, Format.JSON, into="b"))
        assert (first.path, first.outcome, first.version) == ("b/a", OUTCOMES.CREATED, 1)
        assert first.note
        assert backend.metadata("b/a").owner == "me"
        assert second.outcome is OUTCOMES.FAILED

    def test_store_that_takes_one_version_after_the_other_gets_all_of_them(self) -> None:
        backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY})
        data = self.exported().data
        planned = list(import_items(backend, read_items(data, Format.JSON), dry_run=True))
        assert not list(backend.walk())
        results = list(import_items(backend, read_items(data, Format.JSON)))
        assert results == planned
        assert {result.outcome for result in results} == {OUTCOMES.CREATED}
        source = MemoryBackend()
        list(import_items(source, read_items(data, Format.JSON)))
        for path in ("a", "gone"):
            wanted, found = source.read_history(path), backend.versions(path)
            assert [each.version.state for each in wanted.versions] == [each.state for each in found]
            for number in (one.number for one in found if one.state is VersionState.LIVE):
                assert same_fields(source.read(path, number).fields, backend.read(path, number).fields)
        assert backend.metadata("a").owner == "me"


class TestTypes:
    @pytest.mark.parametrize(
        ("path", "fields", "expected"),
        [
            ("app/DB_PASSWORD", {"value": "x"}, SecretType.PASSWORD),
            ("app/db", {"password": "x"}, SecretType.PASSWORD),
            ("app/stripe-api-key", {"value": "x"}, SecretType.API_KEY),
            ("app/apiKey", {"value": "x"}, SecretType.API_KEY),
            ("app/GITHUB_TOKEN", {"value": "x"}, SecretType.TOKEN),
            ("app/tokens", {"value": "x"}, SecretType.SECRET),
            ("app/password_policy", {"value": "x"}, SecretType.SECRET),
            ("app/db", {"user": "u", "password": "x"}, SecretType.SECRET),
            ("tls", {"key": "k", "crt": "-----BEGIN CERTIFICATE-----\nAA"}, SecretType.CERTIFICATE),
            ("ssh", {"value": "-----BEGIN OPENSSH PRIVATE KEY-----\nAA"}, SecretType.SSH_KEY),
            ("mfa", {"value": "otpauth://totp/x?secret=A"}, SecretType.TOTP),
            ("n", {"value": 5}, SecretType.SECRET),
        ],
    )
    def test_type_is_guessed_only_where_it_is_plain(self, path: str, fields: dict, expected: SecretType) -> None:
        backend = MemoryBackend()
        list(import_items(backend, [item(path, **fields)]))
        assert backend.metadata(path).type is expected

    def test_type_of_an_existing_secret_stays(self) -> None:
        backend = MemoryBackend()
        backend.write("token", {"value": SecretValue("x")}, metadata=MetadataPatch(type=SecretType.NOTE))
        list(import_items(backend, [item("token", value="y")]))
        assert backend.metadata("token").type is SecretType.NOTE


class TestJournal:
    def test_every_import_and_export_is_journaled(self, tmp_path: Path) -> None:
        backend, journal = MemoryBackend(), Journal.of("j", None, tmp_path)
        list(import_items(backend, [item("a", x="1"), item("a//b", x="1")], journal=journal))
        export(backend, "", Format.JSON, journal=journal)
        acts = [(entry.act, entry.path, entry.result) for entry in reversed(journal.entries())]
        assert acts == [
            (Act.IMPORT, "", "done"),
            (Act.IMPORT, "a", "done"),
            (Act.IMPORT, "a//b", "InvalidPath"),
            (Act.EXPORT, "a", "done"),
        ]

    def test_without_a_journal_nothing_is_written_or_read(self, tmp_path: Path) -> None:
        backend, journal = MemoryBackend(), Journal.of("j", None, tmp_path / "file")
        (tmp_path / "file").write_text("in the way")
        token = backend.change_token()
        with pytest.raises((PermissionDenied, Unavailable)):
            list(import_items(backend, [item("a", x="1")], journal=journal))
        assert backend.change_token() == token
        backend.write("a", {"x": SecretValue("1")})
        with pytest.raises((PermissionDenied, Unavailable)):
            export(backend, "", Format.JSON, journal=journal)


def test_results_and_exports_do_not_show_values() -> None:
    backend = MemoryBackend()
    results = list(import_items(backend, [item("a", x="SENTINEL-51c9")]))
    assert "SENTINEL" not in repr([results, item("a", x="SENTINEL-51c9"), export(backend, "", Format.JSON)])
