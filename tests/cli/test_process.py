"""The program as a process: real streams, signals, a real terminal, what it imports and what it leaves in argv."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import PASSPHRASE, Vault

KVTUI = (sys.executable, "-m", "kvtui")
SECONDS = 60.0


def _argv(vault: Vault, *argv: str, passphrase: bool = True) -> list[str]:
    given = ["--passphrase-file", str(vault.passphrase_file)] if passphrase else []
    return [*KVTUI, "--vault", str(vault.path), *given, *argv]


def _run(argv: Sequence[str], data: bytes = b"", **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        argv, input=data, capture_output=True, timeout=SECONDS, check=False, start_new_session=True, **options
    )


class AtTerminal:
    """The program with a terminal of its own for all three streams."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)

        # A session leader that opens a terminal gets it as its own.
        shell = ["sh", "-c", 'exec 0<>"$0" 1>&0 2>&0; exec "$@"', os.ttyname(slave)]
        self.process = subprocess.Popen([*shell, *argv], start_new_session=True)
        self._slave = slave
        self.shown = b""

    def wait_for(self, text: bytes) -> None:
        """Read until the text is on the terminal."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read(1.0)

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def end(self) -> int:
        """Read until the program is gone. Returns its exit code."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def settings(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            self.shown += os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@contextmanager
def at_terminal(argv: Sequence[str]) -> Iterator[AtTerminal]:
    program = AtTerminal(argv)
    try:
        yield program
    finally:
        program.close()


def test_version_is_one_line() -> None:
    done = _run([*KVTUI, "--version"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(rb"kvtui \d+\.\d+\.\d+\n", done.stdout)


def _imported(argv: Sequence[str], data: bytes = b"") -> set[str]:
    done = _run([argv[0], "-X", "importtime", *argv[1:]], data)
    assert done.returncode == 0, done.stderr
    return {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines() if b"|" in line}


def test_get_imports_nothing_it_does_not_need(vault: Vault) -> None:
    vault("set", "a", stdin=b"1")
    loaded = _imported(_argv(vault, "get", "a"))
    assert not loaded & {"textual", "rich", "yaml", "asyncio", "logging", "kvtui.ui", "kvtui.services.transfer"}
    assert "kvtui.cli.writing" not in loaded


def test_version_imports_neither_the_parser_nor_hardening() -> None:
    assert not _imported([*KVTUI, "--version"]) & {"argparse", "ctypes", "kvtui.hardening", "kvtui.cli"}


def test_set_and_get_are_byte_exact_through_real_pipes(vault: Vault) -> None:
    data = bytes(range(256)) + b"\r\n\n"
    assert _run(_argv(vault, "set", "a"), data).returncode == 0
    done = _run(_argv(vault, "get", "a"))
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


def test_without_terminal_and_passphrase_it_exits_6_and_does_not_hang(vault: Vault) -> None:
    done = _run(_argv(vault, "ls", passphrase=False), stdin=None)
    assert done.returncode == 6
    assert done.stdout == b""
    assert done.stderr.startswith(b"kvtui: ")


def test_a_device_as_passphrase_file_is_refused_at_once(vault: Vault) -> None:
    done = _run(_argv(vault, "ls", "--passphrase-file", "/dev/zero"))
    assert done.returncode == 2


def test_passphrase_and_value_can_share_standard_input(vault: Vault) -> None:
    argv = _argv(vault, "set", "a", "--passphrase-file", "/dev/stdin", passphrase=False)
    done = _run(argv, f"{PASSPHRASE}\nthe value".encode())
    assert done.returncode == 0, done.stderr
    assert vault("get", "a").out == b"the value"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_large_value_arrives_whole(vault: Vault, unbuffered: str) -> None:
    data = b"0123456789abcde\n" * 200_000
    vault("set", "a", stdin=data)
    assert _run(_argv(vault, "get", "a"), env={**os.environ, "PYTHONUNBUFFERED": unbuffered}).stdout == data


def test_fields_written_by_many_processes_at_once_are_all_kept(vault: Vault) -> None:
    names = [f"f{number}" for number in range(6)]
    programs = [
        subprocess.Popen(_argv(vault, "set", "a", "-q", "-f", name, "--file", str(vault.passphrase_file)))
        for name in names
    ]
    assert [program.wait(SECONDS) for program in programs] == [0] * len(names)
    found = vault("get", "a", "--json").json
    assert set(found["fields"]) == set(names)
    assert found["version"] == len(names)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_stops_early_is_no_error(vault: Vault, unbuffered: str) -> None:
    vault("set", "a", stdin=b"x" * 2_000_000)
    with subprocess.Popen(
        _argv(vault, "get", "a"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.read(1) == b"x"
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait(SECONDS) == 141


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 1), (">/dev/full", 1), ("2>&-", 0), ("<&-", 0)])
def test_closed_and_full_streams_end_without_a_traceback(vault: Vault, redirection: str, code: int) -> None:
    vault("set", "a", stdin=b"1")
    done = _run(["sh", "-c", f'"$@" {redirection}', "sh", *_argv(vault, "get", "a")])
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert len(done.stderr.splitlines()) == (0 if code == 0 else 1)


def test_a_prompt_does_not_echo_and_leaves_the_terminal_as_it_was(vault: Vault) -> None:
    vault("set", "a", stdin=b"the value")
    with at_terminal(_argv(vault, "get", "a", passphrase=False)) as program:
        program.wait_for(b"Passphrase: ")
        program.type(PASSPHRASE.encode() + b"\n")
        assert program.end() == 0
        assert PASSPHRASE.encode() not in program.shown
        assert program.shown.endswith(b"the value\r\n")
        assert program.settings() == program.before


def test_ctrl_c_at_the_prompt_is_quiet_exits_130_and_leaves_the_terminal_as_it_was(vault: Vault) -> None:
    with at_terminal(_argv(vault, "ls", passphrase=False)) as program:
        program.wait_for(b"Passphrase: ")
        program.type(b"\x03")
        assert program.end() == 130
        assert b"Traceback" not in program.shown
        assert b"Error" not in program.shown
        assert program.settings() == program.before


def test_a_value_is_typed_twice_without_echo(vault: Vault) -> None:
    with at_terminal(_argv(vault, "set", "a")) as program:
        program.wait_for(b"Value: ")
        program.type(b"SENTINEL 1\n")
        program.wait_for(b"Value again: ")
        program.type(b"SENTINEL 1\n")
        assert program.end() == 0
        assert b"SENTINEL" not in program.shown
    assert vault("get", "a").out == b"SENTINEL 1"


def test_a_line_too_long_for_a_terminal_is_refused_not_cut(vault: Vault) -> None:
    with at_terminal(_argv(vault, "set", "a")) as program:
        program.wait_for(b"Value: ")
        program.type(b"x" * 4095)
        program.type(b"xxxx\n")
        assert program.end() == 2
        assert b"too long" in program.shown
    assert vault("get", "a").code == 3


def test_a_piped_value_leaves_the_terminal_for_the_passphrase(vault: Vault) -> None:
    argv = ["sh", "-c", 'printf piped | "$@"', "sh", *_argv(vault, "set", "a", passphrase=False)]
    with at_terminal(argv) as program:
        program.wait_for(b"Passphrase: ")
        program.type(PASSPHRASE.encode() + b"\n")
        assert program.end() == 0
    assert vault("get", "a").out == b"piped"


def test_destroying_at_a_terminal_asks_for_the_path(vault: Vault) -> None:
    vault("set", "a/b", stdin=b"1")
    for answer, code in ((b"a/c\n", 2), (b"a/b\n", 0)):
        with at_terminal(_argv(vault, "rm", "a/b", "--destroy")) as program:
            program.wait_for(b"Type the path")
            program.type(answer)
            assert program.end() == code, program.shown
    assert vault("get", "a/b").code == 3


def test_the_vault_is_private_whatever_the_umask(tmp_path: Path, vault: Vault) -> None:
    new = tmp_path / "new"
    argv = [*KVTUI, "init", str(new), "--passphrase-file", str(vault.passphrase_file)]
    assert _run(["sh", "-c", 'umask 000; exec "$@"', "sh", *argv]).returncode == 0
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (new, *new.rglob("*"))}
    assert set(modes.values()) <= {0o700, 0o600}, modes


def test_the_screen_without_a_terminal_is_refused(vault: Vault) -> None:
    for argv in ((), ("open", "a"), ("demo",)):
        done = _run(_argv(vault, *argv))
        assert done.returncode == 8
        assert b"terminal" in done.stderr


def test_an_interrupt_while_waiting_for_a_value_is_quiet(vault: Vault, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    argv = _argv(vault, "set", "a", "--file", str(fifo))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        writing = os.open(fifo, os.O_WRONLY)  # returns when the program has opened the other end
        program.send_signal(signal.SIGINT)
        assert program.wait(SECONDS) == 130
        assert program.stderr.read() == b""
        os.close(writing)
    assert vault("get", "a").code == 3


def _demo_folders(pid: int) -> list[Path]:
    places = {"/dev/shm", os.environ.get("TMPDIR", "/tmp")}
    return [folder for place in places for folder in Path(place).glob(f"kvtui-demo-{pid}-*")]


@pytest.mark.pty
def test_the_demo_shows_example_data_and_leaves_nothing_behind(home: Path) -> None:
    for ending in (signal.SIGTERM, signal.SIGHUP, None):
        with at_terminal([*KVTUI, "demo"]) as program:
            program.wait_for(b"DEMO")
            (folder,) = _demo_folders(program.process.pid)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            if ending is None:
                program.type(b"q")
                assert program.end() == 0, program.shown[-500:]
            else:
                program.process.send_signal(ending)
                assert program.end() == 128 + ending
            assert _demo_folders(program.process.pid) == []
    assert not [file for file in home.rglob("*") if file.is_file()]
