"""A new vault of what can be read of a damaged one: nothing wrong in it, and what is missing is named."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.file import header, schema
from kvtui.backends.file.backend import FileBackend
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AlreadyExists, Corrupt, WrongCredential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.salvage import Lost
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place
from tests.vault.test_rescue import PAGE, photo


def fill(vault: FileBackend, count: int = 120) -> None:
    for number in range(count):
        path = f"team{number % 5}/app{number}"
        vault.write(path, {"value": SecretValue(f"first {number}")})
        patch = MetadataPatch(description=f"about {number}", tags=("t",))
        vault.write(path, {"value": SecretValue(f"value {number} " * 20)}, metadata=patch)
    vault.delete("team1/app1")
    vault.destroy("team2/app2", [1])
    vault.create_container("empty")


def content(vault: FileBackend) -> dict[str, Any]:
    found = {}
    for entry in vault.walk():
        history = vault.read_history(entry.path)
        found[entry.path] = {
            one.version.number: (
                one.version.state,
                None if one.fields is None else {name: value.reveal() for name, value in one.fields.items()},
            )
            for one in history.versions
        }
        assert history.metadata.description.startswith("about")
    return found


def salvaged(place: Place, name: str, credential: Credential = PASSPHRASE) -> tuple[dict[str, Any], Any]:
    """What is in the new vault, and what was told of it."""
    target = place.path.with_name(name)
    told = place.factory.salvage(place.settings, credential, target)
    opened = place.factory.open({"path": target}, Credential(told.recovery_key))
    assert isinstance(opened, FileBackend)
    with opened as vault:
        assert vault.verify() == []
        found = content(vault)
        assert told.saved == len(found)
        vault.write("new", {"value": SecretValue("x")}, metadata=MetadataPatch(description="about"))
    shutil.rmtree(target)
    return found, told


def test_a_whole_vault_is_salvaged_whole(place: Place) -> None:
    with place.open() as vault:
        fill(vault)
        expected = content(vault)
    before = photo(place.path)
    found, told = salvaged(place, "new")
    assert found == expected
    assert told.lost == ()
    assert photo(place.path) == before
    assert not list((place.state / "rescue").iterdir())


def test_the_passphrase_opens_it_and_the_old_recovery_key_does_not(place: Place) -> None:
    with place.open() as vault:
        fill(vault, 5)
    target = place.path.with_name("new")
    place.factory.salvage(place.settings, PASSPHRASE, target)
    place.factory.open({"path": target}, PASSPHRASE).close()
    with pytest.raises(WrongCredential):
        place.factory.open({"path": target}, place.recovery)
    by_recovery = place.path.with_name("by recovery")
    told = place.factory.salvage(place.settings, place.recovery, by_recovery)
    place.factory.open({"path": by_recovery}, Credential(told.recovery_key)).close()


@pytest.mark.parametrize("step", [7, pytest.param(2, marks=pytest.mark.slow)])
def test_any_damaged_page_costs_only_what_is_on_it_and_that_is_named(place: Place, step: int) -> None:
    with place.open() as vault:
        fill(vault)
        expected = content(vault)
    true = (place.path / schema.FILE).read_bytes()
    whole = partly = 0
    for page in range(1, len(true) // PAGE, step):
        damaged = bytearray(true)
        damaged[page * PAGE + 2000] ^= 1
        (place.path / schema.FILE).write_bytes(damaged)
        try:
            found, told = salvaged(place, f"new{page}")
        except Corrupt:
            continue  # the tables themselves are gone
        for path, versions in found.items():
            assert versions.items() <= expected[path].items()
        gone = {Lost(path) for path in expected if path not in found}
        gone |= {
            Lost(path, number)
            for path, versions in found.items()
            for number in expected[path]
            if number not in versions
        }
        # What was only on the damaged page may not be known by name; what is named is really gone.
        assert set(told.lost) <= gone | {Lost(path, number) for path in expected for number in expected[path]}
        whole += found == expected
        partly += bool(gone)
    assert whole > 0
    assert partly > 0


def test_a_value_that_does_not_open_is_named(place: Place) -> None:
    with place.open() as vault:
        fill(vault, 6)
        with vault._database.writing() as connection:
            connection.execute("UPDATE version SET sealed = zeroblob(60) WHERE secret = 3 AND number = 2")
            connection.execute("UPDATE version SET sealed = zeroblob(60) WHERE secret = 5")
    found, told = salvaged(place, "new")
    assert Lost("team2/app2", 2) in told.lost
    assert Lost("team4/app4") in told.lost
    assert set(found["team2/app2"]) == {1}
    assert "team4/app4" not in found


def test_a_lost_header_is_taken_from_its_copy_and_an_old_log_is_read(place: Place) -> None:
    vault = place.open()
    fill(vault, 5)
    expected = content(vault)
    image = place.path.with_name("image")
    shutil.copytree(place.path, image)
    vault.close()
    (image / header.NAME).write_bytes(b"gone")
    place.settings = {"path": str(image)}
    found, _ = salvaged(place, "new")
    assert found == expected


def test_nothing_is_overwritten_and_a_wrong_key_makes_nothing(place: Place, tmp_path: Path) -> None:
    with pytest.raises(AlreadyExists):
        place.factory.salvage(place.settings, PASSPHRASE, place.path)
    with pytest.raises(WrongCredential):
        place.factory.salvage(place.settings, OTHER_PLACE, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".new*"))


@pytest.mark.parametrize("turns", [5, pytest.param(12, marks=pytest.mark.slow)])
def test_random_damage_never_ends_in_anything_but_our_words(place: Place, turns: int) -> None:
    with place.open() as vault:
        fill(vault, 60)
        expected = content(vault)
    true = (place.path / schema.FILE).read_bytes()
    chance = random.Random(3)
    for turn in range(turns):
        damaged = bytearray(true)
        for _ in range(chance.randrange(1, 6)):
            start = chance.randrange(PAGE, len(true) - 700)
            damaged[start : start + 600] = chance.randbytes(600)
        if turn % 3 == 0:
            del damaged[chance.randrange(PAGE * 2, len(damaged)) :]
        (place.path / schema.FILE).write_bytes(damaged)
        try:
            found, _ = salvaged(place, f"new{turn}")
        except Corrupt:
            continue
        for path, versions in found.items():
            assert versions.items() <= expected[path].items()
