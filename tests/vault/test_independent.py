"""Programs that are not kvtui: another implementation of the format, and none that opens it without the key."""

import sqlite3

import pytest

from kvtui.backends.file import schema
from kvtui.backends.file.backend import FileBackend
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import Place

sqlcipher = pytest.importorskip("sqlcipher3", reason="NOT PROVEN: needs pip install sqlcipher3")


def test_sqlcipher_opens_the_database_with_the_exported_key(place: Place) -> None:
    with place.open() as vault:
        key = vault.export_page_key().reveal()
        for number in range(100):
            patch = MetadataPatch(description=f"about {number}")
            vault.write(f"team/app{number}", {"value": SecretValue("x" * 100)}, metadata=patch)
    connection = sqlcipher.connect(place.path / schema.FILE)
    connection.execute(f"PRAGMA key = \"x'{key}'\"")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*), min(path) FROM secret").fetchone() == (100, "team/app0")
    assert connection.execute("SELECT count(*) FROM version WHERE sealed IS NOT NULL").fetchone() == (100,)
    found = connection.execute("SELECT path FROM search WHERE path LIKE '%app77%'").fetchall()
    assert found == [("team/app77",)]
    connection.close()
    assert place.open().verify() == []


def test_it_opens_while_the_vault_is_in_use(place: Place, vault: FileBackend) -> None:
    """In another process: one SQLite library for one file in each, or POSIX locks are lost."""
    import subprocess
    import sys

    vault.write("a", {"value": SecretValue("x")})
    code = (
        "import sqlcipher3, sys\n"
        "c = sqlcipher3.connect(sys.argv[1])\n"
        'c.execute(f"PRAGMA key = \\"x\'{sys.stdin.read()}\'\\"")\n'
        "print(c.execute('SELECT path FROM secret').fetchall(), c.execute('PRAGMA integrity_check').fetchall())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place.path / schema.FILE)],
        input=vault.export_page_key().reveal(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[('a',)] [('ok',)]\n"
    vault.write("a", {"value": SecretValue("y")})
    assert vault.verify() == []


def test_without_the_key_it_is_no_database(place: Place) -> None:
    plain = sqlite3.connect(place.path / schema.FILE)
    with pytest.raises(sqlite3.DatabaseError):
        plain.execute("SELECT * FROM sqlite_schema")
    plain.close()
    other = sqlcipher.connect(place.path / schema.FILE)
    other.execute(f"PRAGMA key = \"x'{'00' * 32}'\"")
    with pytest.raises(sqlcipher.DatabaseError):
        other.execute("SELECT * FROM sqlite_schema")
    other.close()
