"""Files into an encrypted vault and out again, through a store that groups its writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend
from kvtui.domain.value import SecretValue
from kvtui.services import demo
from kvtui.services.transfer import Format, Item, ItemOutcome, export, import_items, read_items
from tests.doubles.vault import VaultDouble
from tests.support.hostile import HOSTILE
from tests.transfer.exports import LOGIN, NOTE, bitwarden
from tests.vault.places import Place
from tests.vault_faults.places import opened


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Backend]:
    place = Place(tmp_path)
    yield place.open()
    place.close()


def test_whole_corpus_goes_through_a_vault_byte_for_byte(vault: Backend) -> None:
    items = [Item(f"h/{entry.id}", {"value": SecretValue(entry.value)}) for entry in HOSTILE]
    assert {result.outcome for result in import_items(vault, items)} == {ItemOutcome.CREATED}
    done = export(vault, "h", Format.JSON)
    assert done.problems == ()
    back = {item.path: item.fields["value"].reveal() for item in read_items(done.data, Format.JSON)}
    assert back == {f"h/{entry.id}": entry.value for entry in HOSTILE}
    assert {r.outcome for r in import_items(vault, read_items(done.data, Format.JSON))} == {ItemOutcome.SKIPPED}


def test_all_versions_of_a_server_go_into_a_vault_and_what_it_keeps_back_is_told(vault: Backend) -> None:
    with VaultDouble() as server, opened(server) as source:
        for text in ("one", "two", "three"):
            server.write("secret", "app/db", {"password": text, "port": 5432})
        source.delete("secret/app/db", [2])
        done = export(source, "secret", Format.JSON, all_versions=True)
        made = [version.created_at for version in source.versions("secret/app/db")]
    assert not done.problems
    (note,) = done.notes
    assert note.path == "secret/app/db"
    assert "Deleted versions (2) cannot be read" in note.reason
    results = list(import_items(vault, read_items(done.data, Format.JSON)))
    assert [result.outcome for result in results] == [ItemOutcome.CREATED]
    versions = vault.versions("secret/app/db")
    assert [version.state.value for version in versions] == ["live", "destroyed", "live"]
    assert [version.created_at for version in versions] == made
    assert vault.read("secret/app/db", 1).fields["password"].reveal() == "one"
    assert vault.read("secret/app/db").fields["port"].reveal() == 5432


def test_all_versions_of_a_vault_are_the_same_in_another_store(vault: Backend) -> None:
    demo.fill(vault, datetime(2026, 2, 28, tzinfo=UTC))
    done = export(vault, "", Format.JSON, all_versions=True)
    other = MemoryBackend()
    assert {result.outcome for result in import_items(other, read_items(done.data, Format.JSON))} == {
        ItemOutcome.CREATED
    }
    assert export(other, "", Format.JSON, all_versions=True).data == done.data


def test_what_a_password_manager_had_goes_to_a_server_with_its_versions_and_again_changes_nothing() -> None:
    gone = {**NOTE, "name": "gone", "deletedDate": "2024-01-01T00:00:00.000Z"}
    data = bitwarden(LOGIN, {**NOTE, "creationDate": "2020-01-01T00:00:00.000Z"}, gone)
    with VaultDouble() as server, opened(server) as target:
        first, again = (
            [
                (r.outcome.value, r.version)
                for r in import_items(target, read_items(data, Format.BITWARDEN, into="secret"))
            ]
            for _ in range(2)
        )
        assert [version.state.value for version in target.versions("secret/gone")] == ["deleted"]
        assert target.read("secret/Work/Servers/mail", 1).fields["password"].reveal() == "first"
    assert first == [("created", 3), ("created", 1), ("created", 1)]
    assert again == [("skipped", 3), ("skipped", 1), ("skipped", 1)]
