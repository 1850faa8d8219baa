"""What the vault does beyond the contract: search, bounds on versions, bulk, full disks."""

import gc
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends import one_by_one
from kvtui.backends.contract import Backend
from kvtui.backends.file import backend as backends
from kvtui.backends.file import reading
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.registry import factory
from kvtui.domain.errors import Conflict, InvalidInput, InvalidPath, NotFound, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import VersionState, Write
from kvtui.domain.value import SecretValue
from tests.vault.places import Place


def one(value: object) -> dict[str, SecretValue]:
    return {"value": SecretValue(value)}  # type: ignore[arg-type]


def test_the_registry_finds_the_vault() -> None:
    made = factory("file")
    assert (made.kind, [setting.name for setting in made.settings]) == ("file", ["path", "key_file", "max_versions"])


WORDS = st.text(st.sampled_from("aAbBä%_\"'ßÄ \n*-"), min_size=1, max_size=5)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=150
)
@given(WORDS, WORDS, WORDS, WORDS)
def test_find_gives_what_a_look_at_every_secret_gives(
    vault: FileBackend, description: str, tag: str, other: str, needle: str
) -> None:
    vault.write(
        "abba/Bäb", one(""), metadata=MetadataPatch(description=description, tags=(tag,) if tag.strip() else ())
    )
    vault.write("other", one(""), metadata=MetadataPatch(description=other))
    assert vault.find(needle, 10) == Backend.find(vault, needle, 10)


def test_find_follows_every_change(vault: FileBackend) -> None:
    vault.write("one/needle", one("haystack"))
    assert [entry.path for entry in vault.find("NEEDLE", 10)] == ["one/needle"]
    assert not vault.find("haystack", 10)
    vault.move("one/needle", "two/pin")
    assert not vault.find("needle", 10)
    vault.write_metadata("two/pin", MetadataPatch(description="a needle", tags=("sharp-thing",)))
    assert vault.find("needle", 10) == vault.find("arp-th", 10)
    vault.write("two/pin", one("x"), metadata=MetadataPatch(description=""))
    assert not vault.find("needle", 10)
    vault.destroy("two/pin")
    assert not vault.find("sharp", 10)
    assert vault.verify() == []


def test_find_keeps_to_its_limit_over_many_chunks(vault: FileBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 3)
    list(vault.write_many(Write(f"a/needle{number:02}", one("")) for number in range(20)))
    assert len(vault.find("needle", 7)) == 7
    assert len(vault.find("needle", 100)) == 20
    assert [entry.path for entry in vault.walk()] == [f"a/needle{number:02}" for number in range(20)]


def test_listing_skips_what_is_below_and_beside(vault: FileBackend) -> None:
    for path in ("a", "a-b", "a/b", "a/c/d", "a0", "b/x/y/z", "ä/x", "b.c"):
        vault.write(path, one(""))
    vault.create_container("empty")
    assert [(entry.path, entry.is_folder) for entry in vault.list().entries] == [
        ("a", True),
        ("a", False),
        ("a-b", False),
        ("a0", False),
        ("b", True),
        ("b.c", False),
        ("empty", True),
        ("ä", True),
    ]
    assert [entry.path for entry in vault.list("a").entries] == ["a/b", "a/c"]
    assert vault.list("empty").entries == ()
    with pytest.raises(NotFound):
        vault.list("a-b")


def test_old_versions_go_when_there_are_too_many(place: Place) -> None:
    vault = place.open(max_versions=3)
    for number in range(1, 8):
        vault.write("a", one(number))
    assert [version.number for version in vault.versions("a")] == [5, 6, 7]
    with pytest.raises(NotFound):
        vault.read("a", 4)
    vault.delete("a", [5, 6])
    vault.write("a", one(8))
    assert [(version.number, version.state) for version in vault.versions("a")] == [
        (6, VersionState.DELETED),
        (7, VersionState.LIVE),
        (8, VersionState.LIVE),
    ]
    assert vault.verify() == []


def test_a_secret_may_have_its_own_limit(place: Place) -> None:
    vault = place.open()
    for number in range(1, 6):
        vault.write("a", one(number))
    vault.limit_versions("a", 2)
    assert [version.number for version in vault.versions("a")] == [4, 5]
    vault.write("a", one(6))
    assert [version.number for version in vault.versions("a")] == [5, 6]
    vault.limit_versions("a", 0)
    vault.write("a", one(7))
    assert len(vault.versions("a")) == 3
    for count in (-1, 2**31):
        with pytest.raises(InvalidInput):
            vault.limit_versions("a", count)
    assert vault.verify() == []


def test_a_secret_destroyed_and_made_again_starts_afresh(vault: FileBackend) -> None:
    vault.write("a", one("old"), metadata=MetadataPatch(owner="ann"))
    vault.write("a", one("old"))
    vault.destroy("a")
    assert vault.write("a", one("new")).number == 1
    assert vault.metadata("a").owner is None
    assert len(vault.versions("a")) == 1


def test_rotation_due_counts_from_the_current_version(place: Place) -> None:
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 6)]
    ticking = iter(moments)
    vault = place.open()
    vault._clock = lambda: next(ticking)

    def due() -> int | None:
        with vault._database.reading() as connection:
            return connection.execute("SELECT rotate_due FROM secret").fetchall()[0][0]  # type: ignore[return-value]

    def micros(moment: datetime) -> int:
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000

    vault.write("a", one(1))
    assert due() is None
    vault.write_metadata("a", MetadataPatch(rotation=timedelta(days=90)))
    assert due() == micros(moments[0] + timedelta(days=90))
    vault.write("a", one(2))
    assert due() == micros(moments[2] + timedelta(days=90))
    vault.write_metadata("a", MetadataPatch(rotation=None))
    assert due() is None


def test_what_is_rotated_is_told_in_one_look_as_a_look_at_each_secret_tells_it(vault: FileBackend) -> None:
    rotated = MetadataPatch(rotation=timedelta(days=90), owner="ann")
    for path in ("a/never", "a/rotated", "a/gone", "b"):
        vault.write(path, one(1), metadata=MetadataPatch() if path == "a/never" else rotated)
    vault.write("a/rotated", one(2))
    vault.delete("a/gone")
    found = list(vault.scheduled())
    assert found == list(one_by_one.scheduled(vault, "", None))
    assert [each.path for each in found] == ["a/rotated", "b"]
    assert list(vault.scheduled("a")) == found[:1]
    with pytest.raises(NotFound):
        vault.scheduled("nothing")


def test_bulk_writes_report_each_and_keep_order(vault: FileBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_COMMIT_WRITES", 4)
    vault.write("taken", one(0))
    writes = [
        Write("a", one(1)),
        Write("a", one(2)),
        Write("bad//path", one(3)),
        Write("taken", one(4), expected=0),
        Write("b", one(5), MetadataPatch(tags=("",))),
        Write("b", one(6), MetadataPatch(description="six")),
        Write("c", one("x" * 200)),
    ]
    results = list(vault.write_many(writes))
    assert [written.path for written in results] == [write.path for write in writes]
    assert [written.version and written.version.number for written in results] == [1, 2, None, None, None, 1, 1]
    assert [type(written.error) for written in results if written.error] == [InvalidPath, Conflict, InvalidInput]
    assert vault.read("a").fields["value"].reveal() == 2
    assert [entry.path for entry in vault.find("six", 5)] == ["b"]
    assert vault.verify() == []


def test_bulk_writes_are_durable_when_their_results_are_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_COMMIT_WRITES", 3)
    vault, other = place.open(), place.open()
    told = vault.write_many(Write(f"a/{number}", one(number)) for number in range(10))
    for _ in range(4):
        other.read(next(told).path)
    told.close()  # type: ignore[attr-defined]
    assert len(list(other.walk())) == 6


def test_bulk_writes_commit_by_size_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_COMMIT_BYTES", 1000)
    vault = place.open()
    before = vault.change_token()
    list(vault.write_many(Write(f"a/{number}", one("x" * 600)) for number in range(6)))
    assert vault.change_token() - before == 3


def test_many_small_secrets_are_written_quickly(vault: FileBackend) -> None:
    """A bound that only a mistake in the order of magnitude misses; benchmarks/ has the numbers."""
    import time

    start = time.process_time()
    assert not any(
        written.error for written in vault.write_many(Write(f"team{n % 31}/app{n}", one("x" * 50)) for n in range(2000))
    )
    assert time.process_time() - start < 3


def test_a_bulk_may_write_a_secret_again_and_again(place: Place) -> None:
    vault = place.open(max_versions=2)
    paths = ["a", "b", "a", "c", "a", "b", "a"]
    results = list(vault.write_many(Write(path, one(turn)) for turn, path in enumerate(paths)))
    assert [written.version and written.version.number for written in results] == [1, 1, 2, 1, 3, 2, 4]
    assert [version.number for version in vault.versions("a")] == [3, 4]
    assert [vault.read(path).fields["value"].reveal() for path in "abc"] == [6, 5, 3]
    assert vault.verify() == []


def test_the_id_of_a_secret_is_never_used_again(place: Place) -> None:
    """Not even of the newest one: values are sealed to it, and an old one must open nowhere."""

    def ids() -> list[int]:
        with vault._database.reading() as connection:
            return [int(str(row[0])) for row in connection.execute("SELECT id FROM secret ORDER BY id")]

    vault = place.open()
    list(vault.write_many(Write(path, one(1)) for path in ("a", "b", "c")))
    assert ids() == [1, 2, 3]
    vault.destroy("c")
    vault.close()
    vault = place.open()
    vault.write("c", one(2))
    assert ids() == [1, 2, 4]
    for path in ("a", "b", "c"):
        vault.destroy(path)
    list(vault.write_many(Write(path, one(3)) for path in ("a", "b")))
    vault.write_history(vault.read_history("a")._replace(path="d"))
    assert ids() == [5, 6, 7]
    with vault._database.writing() as connection:  # as a tool may leave it that copies tables
        connection.execute("DELETE FROM sqlite_sequence")
    vault.write("e", one(4))
    assert ids() == [5, 6, 7, 8]


def test_no_change_leaves_a_cursor_behind(vault: FileBackend) -> None:
    """apsw 3.54 never frees a cursor that lived while a later one went, and looks through them at every statement: the
    20,000th write of a session took four times as long as the first."""

    def cursors() -> int:
        gc.collect()
        return sum(isinstance(each, apsw.Cursor) for each in gc.get_objects())

    before = cursors()
    vault.write("a", one(1))
    vault.write("a", one(2), metadata=MetadataPatch(description="x"))
    list(vault.write_many(Write(path, one(3)) for path in ("a", "b", "b")))
    list(vault.write_histories([vault.read_history("a")._replace(path="c")]))
    vault.write_metadata("a", MetadataPatch(owner="ann"))
    vault.limit_versions("a", 2)
    vault.delete("a")
    vault.undelete("a")
    vault.destroy("a", [3])
    vault.move("b", "d/e")
    vault.destroy("d/e")
    vault.create_container("f")
    vault.delete_container("f")
    with pytest.raises(Conflict):
        vault.write("a", one(4), expected=1)
    assert vault.verify() == []
    assert cursors() <= before


def test_a_call_without_effect_commits_nothing(vault: FileBackend) -> None:
    vault.write("a", one(1))
    vault.delete("a")
    token = vault.change_token()
    vault.delete("a")
    vault.delete("a", [1])
    vault.undelete("a")
    assert vault.change_token() == token + 1
    vault.undelete("a")
    assert vault.change_token() == token + 1


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 2 MB; needs root and mount."""
    folder = Path(tempfile.mkdtemp())
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", folder], check=False)
    if not done or done.returncode:
        folder.rmdir()
        pytest.skip("cannot mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    place = Place(small_disk)
    vault = place.open()
    written = 0
    refused = None
    while refused is None:
        try:
            vault.write(f"a/{written}", one("x" * 5000))
            written += 1
        except Unavailable as error:
            refused = error
    assert "disk is full" in refused.message
    assert written > 20
    for number in range(written):
        assert vault.read(f"a/{number}").current == 1
    failed = list(vault.write_many([Write("b", one("y" * 900_000))]))
    assert isinstance(failed[0].error, Unavailable)
    vault.close()
    with place.open() as again:
        assert len(list(again.walk())) == written
        assert again.verify() == []


def test_a_busy_vault_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    one_, two = place.open(), place.open()
    two._database._writer.set_busy_timeout(1)
    with one_._database.writing(), pytest.raises(Unavailable, match="Another program") as caught:
        two.write("a", one(1))
    assert caught.value.retryable
    two.write("a", one(1))


def test_a_failing_write_leaves_nothing_behind(vault: FileBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.write("a", one(1))

    def fail(*args: object) -> bytes:
        raise apsw.FullError("SENTINEL")

    with monkeypatch.context() as patched:
        patched.setattr(vault, "_seal", fail)
        for path in ("a", "b"):
            with pytest.raises(Unavailable) as caught:
                vault.write(path, one(2))
            assert "SENTINEL" not in str(caught.value)
    assert [entry.path for entry in vault.walk()] == ["a"]
    assert vault.read("a").current == 1
    assert vault.verify() == []
