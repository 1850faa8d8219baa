import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.domain.errors import Conflict, PermissionDenied, Unavailable
from kvtui.domain.secret import Version
from kvtui.services.changes import Applied, Change, Op
from kvtui.services.journal import Act, Journal

KEY = bytes(range(32))
KEYS = pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])


def journal(folder: Path, key: bytes | None = KEY, name: str = "personal") -> Journal:
    return Journal.of(name, key, folder)


def lines(log: Journal) -> list[bytes]:
    return log.file.read_bytes().splitlines(keepends=True)


def written(folder: Path, count: int, key: bytes | None = KEY) -> Journal:
    log = journal(folder, key)
    for number in range(count):
        log.record(Act.READ, f"app/{number}", field="password", version=number + 1)
    return log


@KEYS
def test_an_entry_comes_back_as_it_was_recorded(tmp_path: Path, key: bytes | None) -> None:
    log = journal(tmp_path, key)
    log.record(Act.COPY, "app/db\n\ud800ü", field="pass", version=3, to="other", result="done")
    (entry,) = log.entries()
    assert (entry.act, entry.path, entry.field, entry.version) == (Act.COPY, "app/db\n\ud800ü", "pass", 3)
    assert (entry.to, entry.result) == ("other", "done")
    assert entry.actor
    assert timedelta(0) <= datetime.now(UTC) - entry.at < timedelta(minutes=1)


@KEYS
def test_entries_are_newest_first_limited_and_of_one_path(tmp_path: Path, key: bytes | None) -> None:
    log = written(tmp_path, 30, key)
    log.record(Act.MOVE, "app/3", to="app/new")
    assert [entry.path for entry in log.entries(limit=3)] == ["app/3", "app/29", "app/28"]
    assert [entry.act for entry in log.entries("app/3")] == [Act.MOVE, Act.READ]
    assert [entry.path for entry in log.entries("app/new")] == ["app/3"]
    assert log.entries("app") == []


def test_entries_are_read_backwards_across_blocks(tmp_path: Path) -> None:
    log = journal(tmp_path)
    long = "x" * 500
    for number in range(300):
        log.record(Act.READ, f"{long}/{number}")
    assert log.file.stat().st_size > 3 * (1 << 16)
    assert [entry.path for entry in log.entries(limit=1000)] == [f"{long}/{number}" for number in reversed(range(300))]


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = written(tmp_path / "state", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.file.parent.stat().st_mode) == 0o700
    for file in log.file.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_with_a_key_no_name_is_readable(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.record(Act.REVEAL, "finance/payroll", field="iban", to="elsewhere")
    for file in log.file.parent.iterdir():
        content = file.read_bytes()
        assert not any(word in content for word in (b"finance", b"payroll", b"iban", b"elsewhere", b"reveal"))


def test_one_vault_has_one_journal_whatever_profile_opens_it(tmp_path: Path) -> None:
    assert journal(tmp_path, KEY, "a").file == journal(tmp_path, KEY, "b").file
    assert journal(tmp_path, bytes(32), "a").file != journal(tmp_path, KEY, "a").file


@pytest.mark.parametrize(
    "name", ["../../etc/x", "", "A/B", "x" * 300, "https://vault:8200 (team)", "\ud800", ".", "Prod"]
)
def test_any_name_makes_a_file_in_the_journal_folder(tmp_path: Path, name: str) -> None:
    log = journal(tmp_path, None, name)
    log.record(Act.READ, "a")
    assert log.file.parent == tmp_path / "journal"
    assert log.file.is_file()


@KEYS
def test_an_untouched_journal_verifies(tmp_path: Path, key: bytes | None) -> None:
    assert journal(tmp_path, key).verify().ok
    check = written(tmp_path, 20, key).verify()
    assert (check.ok, check.lines) == (True, 20)


TAMPERED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Journal, bytes]:
    log = written(tmp_path_factory.mktemp("state"), 8)
    return log, log.file.read_bytes()


@TAMPERED
@given(data=st.data())
def test_any_changed_byte_is_noticed(eight: tuple[Journal, bytes], data: st.DataObject) -> None:
    log, content = eight
    at = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[at]))
    log.file.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    assert not log.verify().ok
    log.file.write_bytes(content)
    assert log.verify().ok


@TAMPERED
@given(data=st.data())
def test_any_removed_repeated_or_reordered_lines_are_noticed(eight: tuple[Journal, bytes], data: st.DataObject) -> None:
    log, content = eight
    whole = content.splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, 7), max_size=10).filter(lambda order: order != list(range(8))))
    log.file.write_bytes(b"".join(whole[number] for number in order))
    assert not log.verify().ok
    log.file.write_bytes(content)


@TAMPERED
@given(size=st.integers(0, 10_000))
def test_any_truncation_is_noticed(eight: tuple[Journal, bytes], size: int) -> None:
    log, content = eight
    size %= len(content)
    log.file.write_bytes(content[:size])
    assert not log.verify().ok
    log.file.write_bytes(content)


@KEYS
def test_writing_on_does_not_hide_removed_lines(tmp_path: Path, key: bytes | None) -> None:
    log = written(tmp_path, 5, key)
    log.file.write_bytes(b"".join(lines(log)[:3]))
    log.record(Act.READ, "later")
    check = log.verify()
    assert (check.ok, check.lines) == (False, 3)
    assert [entry.path for entry in log.entries(limit=2)] == ["later", "app/2"]


@KEYS
@pytest.mark.parametrize("damage", ["removed", "changed", "emptied"])
def test_a_damaged_head_is_noticed_also_after_writing_on(tmp_path: Path, key: bytes | None, damage: str) -> None:
    log = written(tmp_path, 5, key)
    head = log.file.with_suffix(".head")
    match damage:
        case "removed":
            head.unlink()
        case "changed":
            head.write_bytes(head.read_bytes().replace(b"5", b"4", 1))
        case "emptied":
            head.write_bytes(b"")
    assert not log.verify().ok
    log.record(Act.READ, "later")
    assert not log.verify().ok
    assert log.entries(limit=1)[0].path == "later"


def test_a_removed_file_is_noticed(tmp_path: Path) -> None:
    log = written(tmp_path, 3)
    log.file.unlink()
    assert not log.verify().ok
    log.record(Act.READ, "later")
    assert not log.verify().ok


def test_lines_of_another_key_are_noticed(tmp_path: Path) -> None:
    log, other = written(tmp_path / "a", 3), written(tmp_path / "b", 3, bytes(32))
    log.file.write_bytes(other.file.read_bytes())
    log.file.with_suffix(".head").write_bytes(other.file.with_suffix(".head").read_bytes())
    assert not log.verify().ok
    assert log.entries() == []


@KEYS
def test_a_line_cut_off_by_a_kill_is_told_apart_from_tampering(tmp_path: Path, key: bytes | None) -> None:
    log = written(tmp_path, 3, key)
    head = log.file.with_suffix(".head")
    state, size = head.read_bytes(), log.file.stat().st_size
    log.record(Act.READ, "never finished")
    os.truncate(log.file, size + 20)
    head.write_bytes(state)
    check = log.verify()
    assert (check.ok, check.lines) == (True, 3)
    assert "cut off" in check.message
    log.record(Act.READ, "next")
    check = log.verify()
    assert (check.ok, check.lines) == (True, 4)
    assert "cut off" in check.message
    assert [entry.path for entry in log.entries(limit=2)] == ["next", "app/2"]


@KEYS
def test_a_line_written_before_a_kill_but_not_yet_counted_is_kept(tmp_path: Path, key: bytes | None) -> None:
    log = written(tmp_path, 3, key)
    head = log.file.with_suffix(".head")
    state = head.read_bytes()
    log.record(Act.READ, "uncounted")
    head.write_bytes(state)
    assert (log.verify().ok, log.verify().lines) == (True, 4)
    log.record(Act.READ, "next")
    assert (log.verify().ok, log.verify().lines) == (True, 5)


def test_garbage_behind_the_last_line_is_noticed_for_good(tmp_path: Path) -> None:
    log = written(tmp_path, 3)
    with log.file.open("ab") as file:
        file.write(b'{"n":4,"box":"AAAA","mac":"00"}\r\n')
    assert not log.verify().ok
    log.record(Act.READ, "next")
    assert not log.verify().ok


def _append(folder: Path, worker: int) -> None:
    log = journal(folder)
    for number in range(50):
        log.record(Act.WRITE, f"{worker}/{number}")


def test_four_processes_append_without_losing_a_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    log = journal(tmp_path)
    assert (log.verify().ok, log.verify().lines) == (True, 200)
    for number in range(4):
        mine = [entry.path for entry in log.entries(limit=1000) if entry.path.startswith(f"{number}/")]
        assert mine == [f"{number}/{each}" for each in reversed(range(50))]


def test_threads_append_without_losing_a_line(tmp_path: Path) -> None:
    threads = [threading.Thread(target=_append, args=(tmp_path, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check = journal(tmp_path).verify()
    assert (check.ok, check.lines) == (True, 200)


_ENDLESS = """
import itertools, sys
from pathlib import Path
from kvtui.services.journal import Act, Journal
log = Journal.of("p", bytes(range(32)), Path(sys.argv[1]))
for number in itertools.count():
    log.record(Act.READ, str(number))
    print(number, flush=True)
"""


def test_what_was_recorded_before_a_kill_is_there_and_the_journal_goes_on(tmp_path: Path) -> None:
    for _ in range(4):
        before = len(journal(tmp_path).entries(limit=100_000))
        with subprocess.Popen(
            [sys.executable, "-c", _ENDLESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _line in range(30):
                process.stdout.readline()
            process.kill()
            told = 30 + len(process.stdout.read().splitlines())
        check = journal(tmp_path).verify()
        assert check.ok, check.message
        assert check.lines - before in {told, told + 1}
        journal(tmp_path).record(Act.READ, "next")
        assert journal(tmp_path).verify().ok


def test_around_writes_one_line_with_the_new_version(tmp_path: Path) -> None:
    log = journal(tmp_path)
    change = Change(Op.SET, "a")
    with log.around(Act.WRITE, "a", to="b") as note:
        assert log.entries() == []
        note(Applied(change, Version(7), None))
    (entry,) = log.entries()
    assert (entry.act, entry.path, entry.to, entry.version, entry.result) == (Act.WRITE, "a", "b", 7, "done")


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Conflict("x", expected=1, actual=2), "Conflict"),
        (ValueError("secret"), "Failed"),
        (KeyboardInterrupt(), "Failed"),
    ],
)
def test_around_writes_one_line_with_the_kind_of_error(tmp_path: Path, error: BaseException, result: str) -> None:
    log = journal(tmp_path)
    with pytest.raises(type(error)), log.around(Act.WRITE, "a"):
        raise error
    (entry,) = log.entries()
    assert (entry.result, entry.version) == (result, None)


def _folder_is_file(log: Journal) -> None:
    log.file.parent.parent.mkdir(parents=True, exist_ok=True)
    log.file.parent.write_text("")


def _log_is_folder(log: Journal) -> None:
    log.file.mkdir(parents=True)


def _log_is_link(log: Journal) -> None:
    log.file.parent.mkdir(parents=True)
    log.file.symlink_to("/dev/null")


def _log_is_fifo(log: Journal) -> None:
    log.file.parent.mkdir(parents=True)
    os.mkfifo(log.file)


@pytest.mark.parametrize("spoil", [_folder_is_file, _log_is_folder, _log_is_link, _log_is_fifo])
def test_where_it_cannot_be_written_the_act_is_refused_before_it_happens(tmp_path: Path, spoil: object) -> None:
    log = journal(tmp_path)
    spoil(log)  # type: ignore[operator]
    with pytest.raises((PermissionDenied, Unavailable)) as refused:
        log.record(Act.REVEAL, "a")
    assert "journal" in refused.value.message
    assert refused.value.hint
    happened = False
    with pytest.raises((PermissionDenied, Unavailable)), log.around(Act.WRITE, "a"):
        happened = True
    assert not happened


def test_when_the_disk_is_full_the_act_is_refused_before_it_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = written(tmp_path, 1)
    room = os.statvfs(tmp_path)
    full = os.statvfs_result((*room[:4], 0, *room[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _file: full)
    happened = False
    with pytest.raises(Unavailable, match="No space left"), log.around(Act.WRITE, "a"):
        happened = True
    assert not happened
    assert log.verify().lines == 1


_LIMITED = """
import resource, sys
from pathlib import Path
from kvtui.domain.errors import Unavailable
from kvtui.services.journal import Act, Journal
log = Journal.of("p", bytes(32), Path(sys.argv[1]))
log.record(Act.READ, "a")
resource.setrlimit(resource.RLIMIT_FSIZE, (log.file.stat().st_size + 30,) * 2)
try:
    log.record(Act.READ, "b")
except Unavailable as error:
    print(error.message)
"""


def test_a_line_that_fits_only_in_part_is_taken_back(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "The journal cannot be written (File too large).\n"
    check = journal(tmp_path, bytes(32)).verify()
    assert (check.ok, check.lines) == (True, 1)
    assert "cut off" not in check.message


def test_a_file_readable_by_others_is_closed_to_them(tmp_path: Path) -> None:
    log = written(tmp_path, 1)
    log.file.chmod(0o644)
    log.record(Act.READ, "a")
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


def test_lines_of_a_plain_journal_are_json_for_other_tools(tmp_path: Path) -> None:
    log = written(tmp_path, 2, None)
    rows = [json.loads(line) for line in lines(log)]
    assert [(row["n"], row["act"], row["path"]) for row in rows] == [(1, "read", "app/0"), (2, "read", "app/1")]
