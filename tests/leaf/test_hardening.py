"""The process protects itself, and its crash reports tell where but never what."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading
import types
from datetime import timedelta
from pathlib import Path

import pytest

from kvtui import clock, hardening
from kvtui.hardening import child_environment, describe, install_excepthooks, loop_exception_handler, scrub_environment

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: only Linux has prctl and /proc")


def run(script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=30)


def test_harden_leaves_no_core_and_new_files_to_the_owner(tmp_path: Path) -> None:
    done = run(
        "import os, resource; from kvtui.hardening import harden\n"
        "harden(); harden()\n"
        f"open({str(tmp_path / 'file')!r}, 'w').close()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), os.umask(0))"
    )
    assert done.stdout.decode().strip() == f"(0, 0) {0o077}", done.stderr
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@LINUX
def test_harden_makes_the_process_unreadable_to_its_user() -> None:
    script = (
        "import os, ctypes; from kvtui.hardening import harden\n"
        "print(ctypes.CDLL(None).prctl(3)); harden(); print(ctypes.CDLL(None).prctl(3))\n"
    )
    assert run(script).stdout.split() == [b"1", b"0"]


def test_scrubbing_removes_every_variable_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEXTUAL", "TEXTUAL_LOG", "TEXTUAL_DRIVER", "TEXTUAL_NEW_IN_A_LATER_RELEASE"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KVTUI_PASSPHRASE_FILE", "/f")
    scrub_environment()
    assert [name for name in os.environ if name.startswith("TEXTUAL")] == []
    assert os.environ["KVTUI_PASSPHRASE_FILE"] == "/f"


def test_children_get_our_environment_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ["VAULT_TOKEN", "BAO_TOKEN", "TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN"]
    secret = [*tokens, "KVTUI_PASSPHRASE", "KVTUI_PASSPHRASE_FILE", "TEXTUAL_LOG"]
    for name in secret:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("VAULT_ADDR", "https://vault")
    environment = child_environment()
    assert set(secret).isdisjoint(environment)
    assert environment == {name: value for name, value in os.environ.items() if name not in secret}


def crash(path: str = "kvtui/domain/codec.py") -> BaseException:
    """An error whose message, cause, attributes and locals all hold a sentinel, raised from a file of ours."""
    source = (
        "def inner(value):\n    return int(value)\n"
        "def outer(value):\n"
        "    try:\n        inner(value)\n"
        "    except ValueError as error:\n        raise KeyError('SENTINEL-KEY') from error\n"
    )
    module = types.ModuleType("crash")
    file = Path(hardening.__file__).parents[1] / path
    exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - a traceback through a chosen file
    try:
        module.outer("SENTINEL-VALUE")
    except KeyError as error:
        return error
    raise AssertionError


def test_a_crash_report_names_types_and_our_frames_only() -> None:
    report = describe(crash())
    assert "SENTINEL" not in report
    assert report.splitlines() == [
        "kvtui: internal error: KeyError",
        "  kvtui/domain/codec.py in outer:7",
        "kvtui: internal error: ValueError",
        "  kvtui/domain/codec.py in outer:5",
        "  kvtui/domain/codec.py in inner:2",
    ]


def test_frames_of_others_are_left_out() -> None:
    assert describe(crash("elsewhere/x.py")).splitlines() == [
        "kvtui: internal error: KeyError",
        "kvtui: internal error: ValueError",
    ]


def test_groups_are_opened_and_circles_end() -> None:
    first, second = ValueError("SENTINEL"), TypeError("SENTINEL")
    first.__cause__, second.__cause__ = second, first
    report = describe(ExceptionGroup("SENTINEL", [first, RuntimeError("SENTINEL")]))
    assert report.split("kvtui: internal error: ")[1:] == [
        "ExceptionGroup\n",
        "ValueError\n",
        "TypeError\n",
        "RuntimeError",
    ]


def test_a_hidden_cause_stays_hidden() -> None:
    error = ValueError()
    error.__context__ = KeyError()
    error.__suppress_context__ = True
    assert describe(error) == "kvtui: internal error: ValueError"


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    for owner, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    found = io.StringIO()
    install_excepthooks(found)
    return found


def test_hooks_report_from_main_thread_other_threads_and_finalisers(stream: io.StringIO) -> None:
    error = crash()
    sys.excepthook(type(error), error, error.__traceback__)

    def fail() -> None:
        raise LookupError("SENTINEL")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    class Finalised:
        def __del__(self) -> None:
            raise OSError("SENTINEL")

    Finalised()
    kinds = [line.rpartition(" ")[2] for line in stream.getvalue().splitlines() if "internal error" in line]
    assert kinds == ["KeyError", "ValueError", "LookupError", "OSError"]
    assert "SENTINEL" not in stream.getvalue()


def test_an_interrupt_is_no_crash(stream: io.StringIO) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""


def test_a_whole_process_that_crashes_prints_no_value() -> None:
    done = run(
        "import sys; from kvtui.hardening import install_excepthooks; install_excepthooks(sys.stderr)\n"
        "secret = 'SENTINEL-VALUE'; int(secret)"
    )
    assert done.returncode == 1
    assert done.stderr == b"kvtui: internal error: ValueError\n"


def test_the_loop_handler_prints_neither_context_nor_message() -> None:
    found = io.StringIO()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(loop_exception_handler(found))
        loop.call_soon(int, "SENTINEL")
        loop.call_exception_handler({"message": "SENTINEL", "task": "SENTINEL"})
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert sorted(found.getvalue().splitlines()) == [
        "kvtui: internal error in the event loop",
        "kvtui: internal error: ValueError",
    ]


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    assert clock.utc_now().utcoffset() == timedelta(0)
    assert clock.SystemClock().now().utcoffset() == timedelta(0)


@LINUX
def test_the_deadline_clock_counts_time_in_suspend() -> None:
    import time

    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert (
        before <= clock.suspended_clock() <= clock.SystemClock().boottime() <= time.clock_gettime(time.CLOCK_BOOTTIME)
    )


def test_without_a_better_clock_deadlines_use_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(clock.time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(clock.sys, "platform", "freebsd14")
    monkeypatch.setattr(clock.time, "time", lambda: 7.0)
    assert clock.suspended_clock() == 7.0
