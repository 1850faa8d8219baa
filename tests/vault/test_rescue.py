"""What does not open any more is looked into on a copy, and what lies there stays as it is to the byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.file import header, schema
from kvtui.backends.file.backend import FileBackend
from kvtui.domain.errors import Corrupt, KvtuiError, PermissionDenied, WrongCredential
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place

PAGE = 4096


def fill(vault: FileBackend) -> dict[str, str]:
    expected = {f"team{number % 5}/app{number}": f"value {number} " * 40 for number in range(60)}
    for path, value in expected.items():
        vault.write(path, {"value": SecretValue(value)})
    return expected


def photo(folder: Path) -> dict[str, Any]:
    """Every file with its content, mode and time of change; SQLite's shared memory is nobody's content."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if not path.name.endswith("-shm")
    }


def readable(store: Backend) -> dict[str, str]:
    found = {}
    for entry in store.walk():
        try:
            found[entry.path] = store.read(entry.path).fields["value"].reveal()
        except Corrupt:
            continue
    return found


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def header_damaged(place: Place) -> None:
    _flip(place.path / header.NAME, 50)


def header_missing(place: Place) -> None:
    (place.path / header.NAME).unlink()


def rows_altered(place: Place) -> None:
    with place.open() as vault, vault._database.writing() as connection:
        connection.execute("UPDATE secret SET description = 'eve was here' WHERE id = 7")


def rolled_back(place: Place) -> None:
    old = {path.name: path.read_bytes() for path in place.path.iterdir()}
    with place.open() as vault:
        vault.write("later", {"value": SecretValue("x")})
    for name, data in old.items():
        (place.path / name).write_bytes(data)


def log_damaged(place: Place) -> None:
    with place.open() as vault:
        vault.write("in the log", {"value": SecretValue("x")})
        vault.write("in the log", {"value": SecretValue("y")})
        shutil.copytree(place.path, place.path.with_name("crashed"))
    shutil.rmtree(place.path)
    place.path.with_name("crashed").rename(place.path)
    log = place.path / f"{schema.FILE}-wal"
    _flip(log, log.stat().st_size - 2000)


def older_header(place: Place) -> None:
    old = (place.path / header.NAME).read_bytes()
    with place.open() as vault:
        vault.add_key_slot(OTHER_PLACE)
    (place.path / header.NAME).write_bytes(old)


CASES: dict[str, tuple[Callable[[Place], None], str]] = {
    "header damaged": (header_damaged, r"damaged header"),
    "header missing": (header_missing, r"vault\.hdr is missing"),
    "rows altered": (rows_altered, r"changed from outside"),
    "rolled back": (rolled_back, r"older than when it was last used here"),
    "write-ahead log damaged": (log_damaged, r"older than when it was last used here"),
    "older header": (older_header, r"header is older than its database"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_it_is_refused_in_words_and_rescued_without_a_byte_changed(place: Place, case: str) -> None:
    damage, words = CASES[case]
    with place.open() as vault:
        expected = fill(vault)
    damage(place)
    before = photo(place.path)
    with pytest.raises(Corrupt, match=words) as caught:
        place.open()
    assert caught.value.hint
    assert photo(place.path) == before
    with place.factory.rescue(place.settings, PASSPHRASE) as store:
        found = readable(store)
        assert expected.items() <= found.items()
        assert store.info().read_only
        with pytest.raises(PermissionDenied, match="rescued copy"):
            store.write("a", {"value": SecretValue("x")})
    assert photo(place.path) == before
    assert not list((place.state / "rescue").iterdir())


def test_a_damaged_page_costs_what_is_on_it_and_no_more(place: Place) -> None:
    with place.open() as vault:
        expected = fill(vault)
    true = (place.path / schema.FILE).read_bytes()
    rescued = []
    for page in range(1, len(true) // PAGE):
        damaged = bytearray(true)
        damaged[page * PAGE + 100] ^= 1
        (place.path / schema.FILE).write_bytes(damaged)
        before = photo(place.path)
        try:
            with place.factory.rescue(place.settings, PASSPHRASE) as store:
                found = readable(store)
        except KvtuiError as error:
            assert isinstance(error, Corrupt)  # noqa: PT017 - which of the two it is depends on the page
            found = {}
        assert found.items() <= expected.items()  # never a wrong one
        assert photo(place.path) == before
        rescued.append(len(found))
    assert max(rescued) == len(expected)


def test_a_wrong_key_and_no_vault_are_told(place: Place, tmp_path: Path) -> None:
    with pytest.raises(WrongCredential):
        place.factory.rescue(place.settings, OTHER_PLACE)
    with pytest.raises(KvtuiError):
        place.factory.rescue({"path": str(tmp_path / "nothing")}, PASSPHRASE)


def test_the_copy_of_a_process_that_was_killed_goes_with_the_next(place: Place) -> None:
    stale = place.state / "rescue" / "999999999-0123456789abcdef"
    stale.mkdir(parents=True)
    (stale / "vault.db").write_bytes(b"encrypted")
    mine = place.state / "rescue" / f"{os.getpid()}-0123456789abcdef"
    mine.mkdir()
    place.factory.rescue(place.settings, PASSPHRASE).close()
    assert not stale.exists()
    assert mine.exists()


def test_the_copy_is_private_and_encrypted(place: Place) -> None:
    with place.open() as vault:
        vault.write("secret-path", {"value": SecretValue("secret-value")})
    store = place.factory.rescue(place.settings, PASSPHRASE)
    (copy,) = (place.state / "rescue").iterdir()
    assert copy.stat().st_mode & 0o777 == 0o700
    for path in copy.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600
            assert b"secret-" not in path.read_bytes()
    assert store.info().location == str(place.path)
    store.close()
