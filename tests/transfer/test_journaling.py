"""The journal takes the lines of many writes at once, and they are as good as single ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import PermissionDenied, Unavailable
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act, Done, Journal
from kvtui.services.transfer import Item, import_items
from kvtui.services.transfer.importing import CHUNK

KEYS = [None, b"k" * 32]


@pytest.mark.parametrize("key", KEYS)
def test_many_lines_are_entries_like_single_ones(tmp_path: Path, key: bytes | None) -> None:
    journal = Journal.of("j", key, tmp_path)
    journal.record(Act.IMPORT, "")
    paths = ["a", 'q"\\', "\ud800", "é/\u202e"]
    with journal.around_many(Act.IMPORT, len(paths)) as note:
        note([Done(path, number) for number, path in enumerate(paths, 1)])
        note([Done("failed", None, "Conflict")])
        note([])
    journal.record_many(Act.EXPORT, paths)
    journal.record(Act.READ, "last", version=3)
    entries = list(reversed(journal.entries()))
    assert [(entry.act, entry.path, entry.version, entry.result) for entry in entries] == [
        (Act.IMPORT, "", None, "done"),
        *[(Act.IMPORT, path, number, "done") for number, path in enumerate(paths, 1)],
        (Act.IMPORT, "failed", None, "Conflict"),
        *[(Act.EXPORT, path, None, "done") for path in paths],
        (Act.READ, "last", 3, "done"),
    ]
    assert len({entry.actor for entry in entries}) == 1
    check = journal.verify()
    assert (check.ok, check.lines) == (True, len(entries))


@pytest.mark.parametrize("key", KEYS)
def test_lines_of_a_process_killed_among_many_are_taken_over_up_to_the_torn_one(
    tmp_path: Path, key: bytes | None
) -> None:
    journal = Journal.of("j", key, tmp_path)
    journal.record(Act.IMPORT, "")
    head = journal.file.with_suffix(".head")
    before = head.read_bytes()
    journal.record_many(Act.IMPORT, [f"p{number}" for number in range(50)])
    head.write_bytes(before)
    journal.file.write_bytes(journal.file.read_bytes()[:-10])
    journal.record_many(Act.IMPORT, ["again", "and again"])
    check = journal.verify()
    assert (check.ok, check.lines) == (True, 1 + 49 + 2)
    assert "cut off" in check.message


def test_changed_line_among_many_shows(tmp_path: Path) -> None:
    journal = Journal.of("j", b"k" * 32, tmp_path)
    journal.record_many(Act.IMPORT, [f"p{number}" for number in range(50)])
    lines = journal.file.read_bytes().splitlines(keepends=True)
    journal.file.write_bytes(b"".join([*lines[:20], *lines[21:]]))
    check = journal.verify()
    assert (check.ok, check.lines) == (False, 20)


def test_nothing_is_written_where_it_could_not_be_journaled(tmp_path: Path) -> None:
    journal, backend = Journal.of("j", None, tmp_path), MemoryBackend()
    items = (Item(f"p{number}", {"value": SecretValue("v")}) for number in range(CHUNK + 10))
    results = import_items(backend, items, journal=journal)
    next(results)
    journal.file.unlink()
    journal.file.mkdir()
    with pytest.raises((PermissionDenied, Unavailable)):
        list(results)
    assert sum(1 for _ in backend.walk()) == CHUNK


def test_import_that_is_stopped_has_journaled_what_it_wrote_and_goes_on_when_repeated(tmp_path: Path) -> None:
    journal, backend = Journal.of("j", None, tmp_path), MemoryBackend()
    items = [Item(f"p{number:05}", {"value": SecretValue("v")}) for number in range(2 * CHUNK + 10)]
    told: list[tuple[int, int | None]] = []

    def stop_after_one(done: int, total: int | None) -> None:
        told.append((done, total))
        raise KeyboardInterrupt

    results = []
    with pytest.raises(KeyboardInterrupt):
        results.extend(import_items(backend, items, journal=journal, progress=stop_after_one))
    assert told == [(CHUNK, None)]
    assert sum(1 for _ in backend.walk()) == CHUNK
    assert len(journal.entries(limit=10**6)) == CHUNK + 1
    outcomes = [result.outcome.value for result in import_items(backend, items, journal=journal)]
    assert outcomes == ["skipped"] * CHUNK + ["created"] * (CHUNK + 10)
