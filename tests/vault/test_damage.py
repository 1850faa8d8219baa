"""Bytes that are not what was written: noticed, told in words, and left as they are."""

import os
import random
import shutil
from pathlib import Path

import apsw
import pytest

from kvtui.backends.file import database, faults, schema
from kvtui.backends.file import vault as vaults
from kvtui.backends.file.backend import FileBackend
from kvtui.domain.errors import Corrupt, KvtuiError, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place

PAGE = 4096

Full = tuple[Place, dict[str, str], bytes]


def fill(vault: FileBackend, count: int = 60) -> dict[str, str]:
    expected = {}
    for number in range(count):
        path, value = f"team{number % 7}/app{number}", f"value {number} " * 30
        vault.write(path, {"value": SecretValue(value)}, metadata=MetadataPatch(description=f"about {number}"))
        expected[path] = value
    return expected


def use(vault: FileBackend) -> dict[str, str]:
    """Everything a vault says of itself."""
    found = {}
    vault.list()
    for entry in vault.index():
        assert entry.description.startswith("about ")
        found[entry.path] = vault.read(entry.path).fields["value"].reveal()
        vault.versions(entry.path)
    vault.find("about", 1000)
    return found


def rows(path: Path, key: bytes) -> dict[str, list[object]]:
    """All that is stored, table by table, but for the inner tables of the search index: what they say of themselves is
    in two places, and the index's integrity check, which compares what it finds with the secrets, is part of verify."""
    connection = database.connect(path, key)
    try:
        listed = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%'")
        tables = [row[0] for row in listed.fetchall()]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608
    finally:
        connection.close()


@pytest.fixture
def full(place: Place) -> Full:
    with place.open() as vault:
        expected = fill(vault)
    return place, expected, (place.path / schema.FILE).read_bytes()


def noticed(place: Place, expected: dict[str, str]) -> bool:
    """Whether damage is refused, at opening or when used or verified. Anything read meanwhile must be true."""
    before = (place.path / schema.FILE).read_bytes()
    try:
        vault = place.open()
    except (Corrupt, PermissionDenied, Unsupported):
        assert (place.path / schema.FILE).read_bytes() == before
        return True
    try:
        assert use(vault) == expected
        return bool(vault.verify())
    except Corrupt:
        return True
    finally:
        vault.close()


def test_flipped_bits_anywhere_in_the_database_are_noticed(full: Full) -> None:
    place, expected, true = full
    path = place.path / schema.FILE
    chosen = random.Random(1)
    # Every page at least once, the header of the file densely.
    places = [*range(0, 100, 9), *(page + chosen.randrange(PAGE) for page in range(0, len(true), PAGE))]
    for at in places:
        flipped = bytearray(true)
        flipped[at] ^= 1 << chosen.randrange(8)
        path.write_bytes(flipped)
        assert noticed(place, expected), at


def test_truncated_and_swapped_and_zeroed_pages_are_noticed(full: Full) -> None:
    place, expected, true = full
    path = place.path / schema.FILE
    for length in (0, 1, 15, 100, 1024, PAGE - 1, PAGE, PAGE + 7, 5 * PAGE, len(true) - PAGE, len(true) - 1):
        path.write_bytes(true[:length])
        assert noticed(place, expected), length
    pages = [true[start : start + PAGE] for start in range(0, len(true), PAGE)]
    for one in range(1, len(pages) - 1, 5):
        swapped = [*pages]
        swapped[one], swapped[one + 1] = swapped[one + 1], swapped[one]
        path.write_bytes(b"".join(swapped))
        assert noticed(place, expected), one
        zeroed = [*pages]
        zeroed[one] = bytes(PAGE)
        path.write_bytes(b"".join(zeroed))
        assert noticed(place, expected), one


def test_a_foreign_file_is_told_as_one(full: Full, tmp_path: Path) -> None:
    place, _, true = full
    path = place.path / schema.FILE
    other = tmp_path / "other"
    other.mkdir()
    foreign = Place(other)
    plain = tmp_path / "plain"
    connection = apsw.Connection(str(plain))
    connection.execute("CREATE TABLE t(x)")
    connection.close()
    for content in (
        (foreign.path / schema.FILE).read_bytes(),
        plain.read_bytes(),
        b"",
        os.urandom(len(true)),
        b"SQLite format 3\x00" + true[16:],
    ):
        path.write_bytes(content)
        with pytest.raises(Corrupt, match="damaged"):
            place.open()
        assert path.read_bytes() == content


def test_an_older_copy_of_any_page_is_noticed(place: Place) -> None:
    """Page encryption accepts it: only accumulator, generation and integrity check tell."""
    with place.open() as vault:
        expected = fill(vault, 30)
    path = place.path / schema.FILE
    old = path.read_bytes()
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
        for name in sorted(expected)[::3]:
            expected[name] = "changed " * 20
            vault.write(name, {"value": SecretValue(expected[name])}, metadata=MetadataPatch(description="about it"))
        vault.delete("team0/app0")
        vault.undelete("team0/app0")
    new = path.read_bytes()
    true = rows(path, key)
    unseen = 0
    changed = [at for at in range(0, min(len(old), len(new)), PAGE) if old[at : at + PAGE] != new[at : at + PAGE]]
    assert len(changed) >= 5
    for at in changed:
        path.write_bytes(new[:at] + old[at : at + PAGE] + new[at + PAGE :])
        before = path.read_bytes()
        try:
            with place.open() as vault:
                found = vault.verify()
        except Corrupt:
            assert path.read_bytes() == before
        else:
            if not found:  # a page whose unused bytes alone had changed
                assert rows(path, key) == true, at // PAGE
                unseen += 1
    assert unseen < len(changed) / 2


def test_a_whole_older_vault_is_refused_until_it_is_accepted(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        vault.write("a", {"value": SecretValue("old")})
    shutil.copytree(place.path, tmp_path / "backup")
    with place.open() as vault:
        vault.write("a", {"value": SecretValue("new")})
    shutil.rmtree(place.path)
    shutil.copytree(tmp_path / "backup", place.path)
    with pytest.raises(Corrupt, match="older than when it was last used here") as caught:
        place.open()
    assert "doctor --accept-rollback" in caught.value.hint
    place.factory.accept_rollback(place.settings, PASSPHRASE)
    with place.open() as vault:
        assert vault.read("a").fields["value"].reveal() == "old"
        vault.write("a", {"value": SecretValue("newer")})
    place.open().close()


def test_an_older_header_beside_a_newer_database_is_refused(place: Place) -> None:
    header = place.path / "vault.hdr"
    old = header.read_bytes()
    with place.open() as vault:
        vault.replace_key_slot(PASSPHRASE, OTHER_PLACE)
    new = header.read_bytes()
    header.write_bytes(old)
    with pytest.raises(Corrupt, match="header is older"):
        place.open()
    assert header.read_bytes() == old
    place.factory.accept_rollback(place.settings, PASSPHRASE)
    place.open().close()
    header.write_bytes(new)  # accepting moved on: what was newer is now older
    with pytest.raises(Corrupt, match="header is older"):
        place.open(OTHER_PLACE)


def test_an_older_database_beside_a_newer_header_is_refused(place: Place) -> None:
    path = place.path / schema.FILE
    place.open().close()
    old = path.read_bytes()
    with place.open() as vault:
        vault.add_recovery_key()
        vault.add_recovery_key()
    path.write_bytes(old)
    with pytest.raises(Corrupt, match="rolled back"):
        place.open()
    shutil.rmtree(place.state)  # on another machine too
    with pytest.raises(Corrupt, match="rolled back"):
        place.open()


def test_a_deleted_or_damaged_write_ahead_log_is_refused(place: Place, tmp_path: Path) -> None:
    """What was acknowledged and is not there any more is a rollback, however it came about."""
    vault = place.open()
    vault.write("a", {"value": SecretValue("1")})
    vault.write("a", {"value": SecretValue("2")})
    shutil.copytree(place.path, tmp_path / "copy")  # as a kill leaves it
    vault.close()
    wal = (tmp_path / "copy" / "vault.db-wal").read_bytes()
    assert wal
    spoilt = [b"", wal[:-1], wal[: len(wal) // 2], *(bytes(at) for at in [len(wal)])]
    for at in range(40, len(wal), 1500):
        flipped = bytearray(wal)
        flipped[at] ^= 4
        spoilt.append(bytes(flipped))
    for content in spoilt:
        shutil.rmtree(place.path)
        shutil.copytree(tmp_path / "copy", place.path)
        (place.path / "vault.db-shm").unlink()
        (place.path / "vault.db-wal").write_bytes(content)
        (place.path / "vault.db-wal").chmod(0o600)
        with pytest.raises(Corrupt, match=r"rolled back|damaged"):
            place.open()
    shutil.rmtree(place.path)
    shutil.copytree(tmp_path / "copy", place.path)
    with place.open() as vault:
        assert vault.read("a").current == 2


def test_rows_changed_with_the_raw_key_are_noticed(full: Full) -> None:
    """Somebody with the page key but not the others: a value moved to another secret, a row added, a row changed."""
    place, _, true = full
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
    edits = [
        "UPDATE secret SET path = 'team0/else' WHERE id = 1",
        "UPDATE secret SET max_versions = 1 WHERE id = 1",
        "UPDATE version SET created_by = 'eve' WHERE secret = 1",
        "UPDATE version SET sealed = (SELECT sealed FROM version WHERE secret = 2) WHERE secret = 1",
        "DELETE FROM version WHERE secret = 3",
        "INSERT INTO container VALUES('new', 0)",
        "UPDATE state SET row_count = 0",
        "UPDATE state SET accumulator = zeroblob(32)",
    ]
    for edit in edits:
        (place.path / schema.FILE).write_bytes(true)
        connection = database.connect(place.path / schema.FILE, key)
        connection.execute(edit)
        connection.close()
        with pytest.raises(Corrupt, match="changed from outside"):
            place.open()
        with pytest.raises(Corrupt, match="changed from outside"):
            place.factory.accept_rollback(place.settings, PASSPHRASE)


def test_swapped_values_are_refused_even_where_the_accumulator_is_not_checked(
    full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _, _ = full
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
    connection = database.connect(place.path / schema.FILE, key)
    connection.execute("UPDATE version SET sealed = (SELECT sealed FROM version WHERE secret = 2) WHERE secret = 1")
    connection.close()
    monkeypatch.setattr(vaults, "CHECKED_AT_OPEN", 0)
    with place.open() as vault:
        with pytest.raises(Corrupt, match="stored value"):
            vault.read("team0/app0")
        assert vault.verify() == [
            "Stored values that cannot be read: 1.",
            "Some stored rows are not those last written: changed from outside, or partly old.",
        ]


def test_tables_of_a_newer_kvtui_are_not_touched(place: Place) -> None:
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
    connection = database.connect(place.path / schema.FILE, key)
    connection.pragma("user_version", schema.VERSION + 1)
    connection.close()
    with pytest.raises(Unsupported, match="newer kvtui"):
        place.open()


def test_a_database_without_our_tables_is_damaged(place: Place) -> None:
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
    for edit in ("DELETE FROM state", "DROP TABLE state"):
        connection = database.connect(place.path / schema.FILE, key)
        connection.execute(edit)
        connection.close()
        with pytest.raises(Corrupt):
            place.open()


def test_verify_finds_nothing_in_a_sound_vault(full: Full) -> None:
    place, expected, _ = full
    with place.open() as vault:
        assert use(vault) == expected
        assert vault.verify() == []


def test_verify_names_a_search_index_and_a_header_copy_that_are_wrong(
    full: Full,
) -> None:
    place, _, _ = full
    with place.open() as vault:
        with vault._database.writing() as connection:
            connection.execute(
                "INSERT INTO search(search, rowid, path, description, tags) VALUES('delete', 1, 'x', '', '')"
            )
            connection.execute("INSERT INTO search(rowid, path, description, tags) VALUES(9999, 'ghost', '', '')")
        (place.path / "vault.hdr.bak").write_bytes(b"junk")
        found = vault.verify()
    assert "The search index does not match the secrets." in found
    assert "vault.hdr.bak is damaged or missing." in found


def test_verify_tells_a_damaged_page_without_failing(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    place, _, true = full
    monkeypatch.setattr(vaults, "CHECKED_AT_OPEN", 0)
    path = place.path / schema.FILE
    told = 0
    for page in range(2, len(true) // PAGE, 4):
        flipped = bytearray(true)
        flipped[page * PAGE + 100] ^= 1
        path.write_bytes(flipped)
        try:
            with place.open() as vault:
                assert "The database file is damaged." in vault.verify()
                told += 1
        except Corrupt:
            continue
    assert told


def test_every_sqlite_error_is_one_of_ours_and_says_nothing_of_its_own() -> None:
    kinds = [kind for kind in vars(apsw).values() if isinstance(kind, type) and issubclass(kind, apsw.Error)]
    assert len(kinds) > 20
    for kind in kinds:
        error = faults.translate(kind("near SENTINEL: syntax error"))
        assert isinstance(error, KvtuiError)
        assert "SENTINEL" not in str(error)
        assert error.message
        assert error.hint
    assert isinstance(faults.translate(apsw.FullError()), Unavailable)
    assert faults.translate(apsw.BusyError()).retryable


def test_a_key_of_the_wrong_length_is_never_taken_for_a_passphrase(place: Place) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        database.connect(place.path / schema.FILE, bytes(31))


def test_a_plain_database_is_not_opened(tmp_path: Path) -> None:
    plain = tmp_path / "plain.db"
    connection = apsw.Connection(str(plain))
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)")
    connection.close()
    with pytest.raises((apsw.NotADBError, Corrupt)):
        database.connect(plain, bytes(32))


def test_nothing_readable_is_on_disk(place: Place) -> None:
    vault = place.open()
    patch = MetadataPatch(owner="SENTINEL-owner")
    vault.write("SENTINEL-path/x", {"SENTINEL-field": SecretValue("SENTINEL-value")}, metadata=patch)
    for again in range(2):
        for path in [*place.path.rglob("*"), *place.state.rglob("*")]:
            if path.is_file() and again:
                content = path.read_bytes()
                assert b"SENTINEL" not in content, path
                assert b"CREATE TABLE" not in content, path
                assert b"correct horse" not in content, path
        vault.close()  # no file of an open vault is read: that would drop its locks


def test_destroyed_values_leave_the_file(place: Place) -> None:
    with place.open() as vault:
        key = bytes.fromhex(vault.export_page_key().reveal())
        vault.write("keep", {"value": SecretValue("x")})
        vault.write(
            "gone/SENTINEL-name",
            {"value": SecretValue("y" * 5000)},
            metadata=MetadataPatch(description="SENTINEL-text"),
        )
        with vault._database.reading() as connection:
            sealed = connection.execute("SELECT sealed FROM version ORDER BY secret DESC LIMIT 1").fetchall()[0][0]
        vault.destroy("gone/SENTINEL-name")
    connection = database.connect(place.path / schema.FILE, key)
    image = bytes(connection.serialize("main"))
    connection.close()
    assert image.startswith(b"SQLite format 3")
    assert bytes(sealed)[:64] not in image
    assert bytes(sealed)[-64:] not in image
    assert b"SENTINEL-name" not in image
