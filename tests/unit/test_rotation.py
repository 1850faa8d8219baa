"""Rotation: one new version, the hook told, read back, and a way back."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from kvtui.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.services.profiles import Profile
from kvtui.services.rotation import (
    MAX_OUTPUT,
    Due,
    DueState,
    Make,
    Step,
    due,
    from_command,
    from_stdin,
    rotate,
    rotate_many,
)
from kvtui.services.session import Session

NEW = "SENTINEL-new-51c9"


def make() -> SecretValue:
    return SecretValue(NEW)


@pytest.fixture
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    yield from opened(tmp_path, request.node.nodeid)


def opened(tmp_path: Path, name: str, hook: tuple[str, ...] = ()) -> Iterator[Session]:
    profile = Profile("test", "memory", MappingProxyType({"name": name}), after_rotate=hook)
    session = Session(profile, state_dir=tmp_path / "state")
    session.unlock()
    fields = {"user": SecretValue("u"), "password": SecretValue("old"), "port": SecretValue(5432)}
    session.backend.write("app/db", fields)
    session.backend.write("app/token", {"value": SecretValue("old")}, metadata=MetadataPatch(owner="me"))
    yield session
    session.lock()


def hooked(tmp_path: Path, program: str) -> Session:
    """A session whose hook is a Python program; `out` is a file it may write."""
    hook = (sys.executable, "-c", f"import os, sys; out = {str(tmp_path / 'out')!r}\n{program}")
    return next(opened(tmp_path, str(tmp_path), hook))


class TestRotate:
    def test_only_that_field_changes_in_one_new_version(self, session: Session) -> None:
        result = rotate(session, "app/db", field="password", make=make)
        assert (result.version.number, result.step, result.field, result.error) == (2, Step.DONE, "password", None)
        fields = session.backend.read("app/db").fields
        assert list(fields) == ["user", "password", "port"]
        assert [value.reveal() for value in fields.values()] == ["u", NEW, 5432]
        assert session.activity("app/db")[0].act is Act.ROTATE

    def test_one_field_needs_no_name_and_metadata_stays(self, session: Session) -> None:
        assert rotate(session, "app/token", make=make).field == "value"
        assert session.backend.metadata("app/token").owner == "me"

    def test_undo_brings_the_old_value_back(self, session: Session) -> None:
        result = rotate(session, "app/token", make=make)
        assert session.undoable == result.undo
        session.undo()
        assert session.backend.read("app/token").fields["value"].reveal() == "old"
        assert session.backend.read("app/token").current == 3

    def test_several_fields_need_a_name(self, session: Session) -> None:
        with pytest.raises(InvalidInput, match="user, password, port"):
            rotate(session, "app/db", make=make)
        with pytest.raises(InvalidInput, match="no field other"):
            rotate(session, "app/db", field="other", make=make)
        assert session.backend.read("app/db").current == 1

    def test_secret_that_is_deleted_missing_or_empty_is_refused(self, session: Session) -> None:
        session.backend.write("app/empty", {})
        session.backend.delete("app/token")
        with pytest.raises(NotFound) as raised:
            rotate(session, "app/token", make=make)
        assert raised.value.state == "deleted"
        with pytest.raises(NotFound):
            rotate(session, "nowhere", make=make)
        with pytest.raises(InvalidInput):
            rotate(session, "app/empty", make=make)

    def test_same_value_again_is_refused(self, session: Session) -> None:
        with pytest.raises(InvalidInput):
            rotate(session, "app/token", make=lambda: SecretValue("old"))
        assert session.backend.read("app/token").current == 1

    def test_secret_written_while_the_value_was_made_is_a_conflict(self, session: Session) -> None:
        def slow() -> SecretValue:
            session.backend.write("app/token", {"value": SecretValue("theirs")})
            return SecretValue(NEW)

        with pytest.raises(Conflict):
            rotate(session, "app/token", make=slow)
        assert session.backend.read("app/token").fields["value"].reveal() == "theirs"

    def test_value_that_cannot_be_made_changes_nothing(self, session: Session) -> None:
        with pytest.raises(InvalidInput):
            rotate(session, "app/token", make=from_stdin(b""))
        assert session.backend.read("app/token").current == 1

    def test_batch_goes_on_after_one_that_fails(self, session: Session) -> None:
        targets = [("nowhere", None), ("app/db", None), ("app/db", "password"), ("app/token", None)]
        outcomes = list(rotate_many(session, targets, make=make))
        assert [outcome.path for outcome in outcomes] == [path for path, _ in targets]
        assert [type(outcome.error) for outcome in outcomes] == [NotFound, InvalidInput, type(None), type(None)]
        assert all(outcome.result and outcome.result.done for outcome in outcomes[2:])


class TestHook:
    def test_it_gets_the_value_on_stdin_and_the_names_in_its_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("VAULT_TOKEN", "KVTUI_PASSPHRASE", "KVTUI_PASSPHRASE_FILE"):
            monkeypatch.setenv(name, "SENTINEL-env")
        program = """
names = [f"{key}={os.environ[key]}" for key in ("KVTUI_PATH", "KVTUI_FIELD", "KVTUI_VERSION")]
leaked = [key for key, value in os.environ.items() if "SENTINEL" in value]
open(out, "w").write(repr([sys.stdin.read(), names, leaked, NEW in repr(sys.argv)]))
""".replace("NEW", repr(NEW))
        session = hooked(tmp_path, program)
        result = rotate(session, "app/db", field="password", make=make)
        assert result.done
        names = ["KVTUI_PATH=app/db", "KVTUI_FIELD=password", "KVTUI_VERSION=2"]
        # The program's own text, which this test put on its command line, holds the value too.
        assert (tmp_path / "out").read_text() == repr([NEW, names, [], False])

    def test_bytes_arrive_as_they_are(self, tmp_path: Path) -> None:
        session = hooked(tmp_path, "open(out, 'wb').write(sys.stdin.buffer.read())")
        assert rotate(session, "app/token", make=lambda: SecretValue(b"\xff\r\n\0")).done
        assert (tmp_path / "out").read_bytes() == b"\xff\r\n\0"

    @pytest.mark.parametrize(
        ("program", "words"),
        [
            ("print(sys.stdin.read()); sys.exit(3)", "exit code 3"),
            (f"os.kill(os.getpid(), {int(signal.SIGTERM)})", "signal 15"),
        ],
    )
    def test_failure_keeps_the_new_version_and_tells_how_far_it_came(
        self, tmp_path: Path, program: str, words: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        session = hooked(tmp_path, program)
        result = rotate(session, "app/token", make=make)
        assert result.step is Step.WRITTEN
        assert isinstance(result.error, Unavailable)
        assert words in result.error.message
        assert "Version 2 stays" in result.error.hint
        assert session.backend.read("app/token").fields["value"].reveal() == NEW
        assert NEW not in "".join([*capfd.readouterr(), str(result.error), repr(result)])
        session.undo()
        assert session.backend.read("app/token").fields["value"].reveal() == "old"

    def test_hook_that_is_not_there_is_named_as_such(self, tmp_path: Path) -> None:
        session = next(opened(tmp_path, str(tmp_path), ("/nowhere/hook",)))
        result = rotate(session, "app/token", make=make)
        assert result.step is Step.WRITTEN
        assert result.error is not None
        assert "cannot be started" in result.error.message

    def test_hook_that_does_not_read_its_input_is_no_failure(self, tmp_path: Path) -> None:
        session = hooked(tmp_path, "os.close(0)")
        assert rotate(session, "app/token", make=lambda: SecretValue("x" * 1_000_000)).done

    def test_hook_that_hangs_is_ended_with_its_children(self, tmp_path: Path) -> None:
        program = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
open(out, "w").write(str(child.pid))
child.wait()
"""
        session = hooked(tmp_path, program)
        result = rotate(session, "app/token", make=make, hook_seconds=3)
        assert result.error is not None
        assert "did not end" in result.error.message
        pid = int((tmp_path / "out").read_text())
        assert gone(pid)

    def test_batch_reports_the_hook_for_each(self, tmp_path: Path) -> None:
        session = hooked(tmp_path, "sys.exit(os.environ['KVTUI_PATH'] == 'app/token')")
        targets = [("app/token", None), ("app/db", "password")]
        first, second = rotate_many(session, targets, make=make)
        assert first.result is not None
        assert first.error is first.result.error is not None
        assert second.error is None


def gone(pid: int) -> bool:
    """Whether a killed process ends within a few seconds (as a zombie, where nobody reaps orphans)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        os.sched_yield()
    return False


def command(program: str) -> Make:
    return from_command([sys.executable, "-c", f"import sys; {program}"], seconds=10)


class TestSources:
    @pytest.mark.parametrize(
        ("program", "value"),
        [("print('abc')", "abc"), ("print('abc\\n')", "abc\n"), ("sys.stdout.write('a\\r\\n')", "a"),
         ("sys.stdout.buffer.write(b'\\xff\\n')", b"\xff"), ("print(' x ')", " x ")],
    )  # fmt: skip
    def test_output_without_its_line_end_is_the_value(self, program: str, value: str | bytes) -> None:
        assert command(program)().reveal() == value

    @pytest.mark.parametrize(
        ("program", "error", "words"),
        [
            ("print('SENTINEL'); sys.exit(4)", Unavailable, "exit code 4"),
            ("print()", InvalidInput, "empty"),
            (f"sys.stdout.write('x' * {MAX_OUTPUT + 2})", InvalidInput, "more than"),
            ("[print('x' * 65536) for _ in iter(int, 1)]", InvalidInput, "more than"),
        ],
    )
    def test_output_that_is_no_value_is_refused(self, program: str, error: type, words: str) -> None:
        with pytest.raises(error, match=words) as raised:
            command(program)()
        assert "SENTINEL" not in str(raised.value)

    def test_command_that_hangs_or_is_missing_is_told(self) -> None:
        with pytest.raises(Unavailable, match="did not end"):
            from_command(["sleep", "600"], seconds=0.2)()
        with pytest.raises(Unavailable, match="cannot be started"):
            from_command(["/nowhere/command"])()

    def test_given_bytes_are_taken_as_they_are(self) -> None:
        assert from_stdin(b"a\n")().reveal() == "a\n"
        assert from_stdin(b"\xff\n")().reveal() == b"\xff\n"


NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def aged(age: timedelta, rotation: timedelta | None = timedelta(days=90)) -> Metadata:
    return Metadata(updated_at=NOW - age, rotation=rotation)


class TestDue:
    @pytest.mark.parametrize(
        ("age", "state"),
        [
            (timedelta(days=-1), DueState.FRESH),
            (timedelta(days=82), DueState.FRESH),
            (timedelta(days=83), DueState.DUE),
            (timedelta(days=90) - timedelta(microseconds=1), DueState.DUE),
            (timedelta(days=90), DueState.OVERDUE),
            (timedelta(days=5000), DueState.OVERDUE),
        ],
    )
    def test_state_follows_from_age_and_interval(self, age: timedelta, state: DueState) -> None:
        assert due(aged(age), NOW) == Due(state, NOW - age + timedelta(days=90))

    def test_short_interval_has_a_short_notice(self) -> None:
        assert due(aged(timedelta(hours=10), timedelta(hours=12)), NOW).state is DueState.FRESH  # type: ignore[union-attr]
        assert due(aged(timedelta(hours=11), timedelta(hours=12)), NOW).state is DueState.DUE  # type: ignore[union-attr]

    def test_without_an_interval_or_an_age_nothing_is_ever_due(self) -> None:
        assert due(aged(timedelta(days=9999), None), NOW) is None
        assert due(Metadata(rotation=timedelta(days=1)), NOW) is None

    def test_version_counts_and_not_the_last_edit_of_metadata(self) -> None:
        edited = aged(timedelta(0))
        assert due(edited, NOW, rotated_at=NOW - timedelta(days=91)).state is DueState.OVERDUE  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "zone", [ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"), timezone(timedelta(hours=-12)), UTC], ids=str
    )
    def test_verdict_is_the_same_in_every_time_zone_and_across_clock_changes(self, zone: ZoneInfo | timezone) -> None:
        # 29 March 2026, 01:00 UTC: clocks go forward in Berlin. 29 February 2028 is a leap day.
        for made, interval in [
            (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), timedelta(days=1)),
            (datetime(2028, 2, 28, 12, 0, tzinfo=UTC), timedelta(days=2)),
        ]:
            metadata = Metadata(updated_at=made.astimezone(zone), rotation=interval)
            end = made + interval
            before = due(metadata, (end - timedelta(seconds=1)).astimezone(zone))
            after = due(metadata, end.astimezone(zone))
            assert before == Due(DueState.DUE, end)
            assert after == Due(DueState.OVERDUE, end)

    def test_date_beyond_the_calendar_is_clamped(self) -> None:
        metadata = Metadata(updated_at=datetime(9999, 1, 1, tzinfo=UTC), rotation=timedelta(days=36500))
        assert due(metadata, NOW).state is DueState.FRESH  # type: ignore[union-attr]
