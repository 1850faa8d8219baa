"""run: real programs, their environment, signals and terminal, and what is left of a value: nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import PASSPHRASE, Ran, Vault
from tests.cli.test_process import KVTUI, SECONDS, at_terminal

PASSWORD = f"SENTINEL-{1:03}-pass'w\"o$rd"
"""Made at run time, so that it stands in no file of the tests as it is."""
SHOW_ENVIRONMENT = (sys.executable, "-I", "-c", "import os, json; print(json.dumps(dict(os.environ)))")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the first test leaves its vault, filled, and what is remembered of it, for the others."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def stored(tmp_path: Path, kept: Path, request: pytest.FixtureRequest) -> Vault:
    if not (kept / "key").exists():
        made = filled(request.getfixturevalue("vault"))
        shutil.copytree(made.path, kept / made.path.name)
        shutil.copy2(made.passphrase_file, kept)
        state = Path(os.environ["XDG_STATE_HOME"])
        shutil.copytree(state, kept / state.relative_to(tmp_path))
        (kept / "key").write_text(made.recovery_key)  # last: from here on it is whole
        return made
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return Vault(tmp_path / "v.kvtui", tmp_path / "pass", (tmp_path / "key").read_text())


def filled(vault: Vault) -> Vault:
    vault("set", "app/db", "-f", "password", stdin=PASSWORD.encode())
    vault("set", "app/db", "-f", "user", stdin=b"admin")
    vault("set", "app/api", stdin=b"\xff\xfe raw")
    vault("set", "app/port", "--json-value", stdin=b"5432")
    vault("set", "nul", stdin=b"a\0b")
    return vault


def command(vault: Vault, *argv: str) -> list[str]:
    return [*KVTUI, "--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file), *argv]


def run(vault: Vault, *argv: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
    done = subprocess.run(
        command(vault, "run", *argv),
        input=data,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
        env=None if env is None else {**os.environ, **env},
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8"))


def slow(*values: object) -> list[object]:
    """More of a kind that others stand for: for the long run alone."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


# -- the environment


def test_the_program_gets_what_was_asked_for_and_all_that_was_there(stored: Vault) -> None:
    inherited = {
        "KEPT": "a b\n'c'",
        "LC_ALL": "C.UTF-8",
        "VAULT_TOKEN": "t1",
        "BAO_TOKEN": "t2",
        "KVTUI_PASSPHRASE": "x",
    }
    inherited["KVTUI_PASSPHRASE_FILE"] = str(stored.passphrase_file)
    ran = run(
        stored,
        *("--env", "DB_PASSWORD=kv:///app/db#password", "--env", "DB_USER=app/db#user", "--env", "PORT=app/port"),
        *("--", *SHOW_ENVIRONMENT),
        env=inherited,
    )
    assert (ran.code, ran.err) == (0, "")
    asked = {"DB_PASSWORD": PASSWORD, "DB_USER": "admin", "PORT": "5432"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEXTUAL", "KVTUI_PASS"))}
    kept = {name: value for name, value in kept.items() if name not in {"VAULT_TOKEN", "BAO_TOKEN"}}
    assert ran.json == {**kept, "KEPT": "a b\n'c'", "LC_ALL": "C.UTF-8", **asked}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"LC_CTYPE": "C.UTF-8"},
        *slow({"LANG": "C"}, {"LC_ALL": "C"}),
    ],
)
def test_without_a_locale_nothing_is_added(stored: Vault, given: dict[str, str]) -> None:
    environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **given}
    done = subprocess.run(
        command(stored, "run", "--env", "A=app/port", "--", "env"),
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    assert dict(line.split("=", 1) for line in done.stdout.decode().splitlines()) == {**environment, "A": "5432"}


def test_a_token_that_is_asked_for_is_given(stored: Vault) -> None:
    argv = ("--env", "VAULT_TOKEN=app/db#user", "--", "printenv", "VAULT_TOKEN")
    assert run(stored, *argv, env={"VAULT_TOKEN": "ours"}).out == b"admin\n"


def test_variables_of_a_profile_that_hold_its_token_stay_here(config_file: Path, tmp_path: Path) -> None:
    text = config_file.read_text()
    config_file.write_text(f"{text}  far: {{backend: trust, url: 'https://127.0.0.1:1/t', token_env: FAR_TOKEN}}\n")
    done = subprocess.run(
        [*KVTUI, "run", "--", *SHOW_ENVIRONMENT],
        env={**os.environ, "FAR_TOKEN": "ours", "FAR_OTHER": "theirs"},
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    assert "FAR_TOKEN" not in json.loads(done.stdout)
    assert json.loads(done.stdout)["FAR_OTHER"] == "theirs"


def test_values_are_bytes_as_they_are(stored: Vault) -> None:
    program = "import os; os.write(1, os.environb[b'A'])"
    assert run(stored, "--env", "A=app/api", "--", sys.executable, "-I", "-c", program).out == b"\xff\xfe raw"


def test_an_env_file_has_references_and_plain_text(stored: Vault, tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text(
        '# comment\nexport URL="postgres://{{kv:///app/db#user}}@h:{{ kv:///app/port }}/x"\n'
        "PW=kv:///app/db#password\nPLAIN='$HOME kv'\nUSER_NAME=kv:///app/db#user\n"
    )
    ran = run(stored, "--env-file", str(file), "--env", "USER_NAME=app/port", "--", *SHOW_ENVIRONMENT)
    assert {name: ran.json[name] for name in ("URL", "PW", "PLAIN", "USER_NAME")} == {
        "URL": "postgres://admin@h:5432/x",
        "PW": PASSWORD,
        "PLAIN": "$HOME kv",
        "USER_NAME": "5432",  # the option wins
    }
    assert run(stored, "--env-file", "-", "--", "printenv", "A", data=b"A=kv:///app/db#user\n").out == b"admin\n"


def test_a_path_names_its_variables_as_an_export_does(stored: Vault) -> None:
    ran = run(stored, "--path", "app", "--", *SHOW_ENVIRONMENT[:-1], "import os; print(sorted(os.environ))")
    assert all(f"'{name}'" in ran.text for name in ("DB_PASSWORD", "DB_USER", "API", "PORT"))
    exported = {line.partition("=")[0] for line in stored("export", "app/db", "--format", "dotenv").text.splitlines()}
    ran = run(stored, "--path", "app/db", "--", *SHOW_ENVIRONMENT)
    assert exported <= set(ran.json)
    assert ran.json["PASSWORD"] == PASSWORD


def test_two_values_for_one_name_are_refused(stored: Vault, tmp_path: Path) -> None:
    stored("set", "twice/a-b", stdin=b"1")
    stored("set", "twice/a.b", stdin=b"2")
    refused(stored, tmp_path, "--path", "twice", code=2, says="A_B")
    refused(stored, tmp_path, "--env", "A=app/port", "--env", "A=app/api", code=2, says="'A'")


def test_uses_are_in_the_journal(stored: Vault) -> None:
    run(stored, "--env", "A=app/db#password", "--path", "app/port", "--", "true")
    entries = stored("journal", "--json").json["entries"]
    found = [(each["act"], each["path"], each.get("field")) for each in entries if each["act"] == "reveal"]
    assert sorted(found, key=str) == [("reveal", "app/db", "password"), ("reveal", "app/port", None)]


# -- what is refused


def refused(vault: Vault, folder: Path, *argv: str, code: int, says: str) -> None:
    """Nothing is started, the reason is told, and no value with it."""
    marker = folder / "started"
    ran = run(vault, *argv, "--", "touch", str(marker))
    assert ran.code == code, ran.err
    assert says in ran.err
    assert ran.err.startswith("kvtui: ")
    assert len(ran.err.splitlines()) == 1
    assert PASSWORD not in ran.err
    assert "hunter2" not in ran.err
    assert ran.out == b""
    assert not marker.exists()


# fmt: off
DANGEROUS = [
    "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES", "GCONV_PATH",
    "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASH_FUNC_x", "PS4", "PROMPT_COMMAND", "PYTHONPATH",
    "PYTHONSTARTUP", "PYTHONHOME", "NODE_OPTIONS", "npm_config_script_shell", "PERL5OPT", "PERL5LIB",
    "RUBYOPT", "RUBYLIB", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "GIT_ASKPASS", "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS", "CLASSPATH", "EDITOR", "PAGER", "LESSOPEN", "OPENSSL_CONF", "DOTNET_STARTUP_HOOKS",
    "KVTUI_CONFIG", "KVTUI_VAULT", "HOSTALIASES", "TERMINFO",
]
HARMLESS = [
    "DB_PASSWORD", "API_KEY", "GITHUB_TOKEN", "PGPASSWORD", "LDAP_PASSWORD", "HTTPS_PROXY", "PASSWORD",
    "ENVIRONMENT", "_A", "a", "PATHS",
]
# fmt: on


@pytest.mark.parametrize("name", DANGEROUS)
def test_names_that_programs_obey_are_refused(name: str) -> None:
    from kvtui.services.running import is_dangerous

    assert is_dangerous(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_names_of_secrets_are_not(name: str) -> None:
    from kvtui.services.running import is_dangerous

    assert not is_dangerous(name)


def test_all_dangerous_names_are_told_and_each_can_be_allowed(stored: Vault, tmp_path: Path) -> None:
    both = ("--env", "LD_PRELOAD=app/port", "--env", "GIT_PASSWORD=app/port")
    refused(stored, tmp_path, *both, code=2, says="LD_PRELOAD, GIT_PASSWORD")
    refused(stored, tmp_path, *both, "--allow-env", "GIT_PASSWORD", code=2, says="in LD_PRELOAD.")
    allowed = ("--env", "GIT_PASSWORD=app/port", "--allow-env", "GIT_PASSWORD")
    assert run(stored, *allowed, "--", "printenv", "GIT_PASSWORD").out == b"5432\n"


def test_dangerous_names_are_refused_wherever_they_come_from(stored: Vault, tmp_path: Path) -> None:
    stored("set", "shell/path", stdin=b"/tmp")
    refused(stored, tmp_path, "--path", "shell", code=2, says="PATH")
    file = tmp_path / "env"
    file.write_text("PYTHONPATH=/tmp\n")
    refused(stored, tmp_path, "--env-file", str(file), code=2, says="PYTHONPATH")


@pytest.mark.parametrize("name", ["1A", "A-B", "A B", "\u00c4", "BASH_FUNC_x%%", "A\x1b[2J"])
def test_names_that_are_none_are_refused(stored: Vault, tmp_path: Path, name: str) -> None:
    refused(
        stored, tmp_path, "--env", f"{name}=app/port", "--allow-env", name, code=2, says="No variable can be called"
    )


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--env", "A=nul"], 2, "NUL"),
        (["--path", "nul"], 2, "NUL"),
        (["--env", "A"], 2, "NAME=REF"),
        (["--env", "=app/port"], 2, "NAME=REF"),
        (["--env", "A=kv:///app/nope"], 3, "--env A, kv:///app/nope: "),
        (["--env", "A=app/db#nope"], 3, "--env A: It has no such field. Its fields: password, user."),
        (["--env", "A=app/db"], 2, "--env A: "),
        (["--env", "A=kv:///app/%"], 2, "--env A: "),
        (["--env", "A=kv://nobody/app"], 2, "nobody"),
        (["--path", "nope"], 3, "nope"),
        (["--env-file", "nope"], 3, "nope"),
        (["--mask", "--env", "A=kv:///app/nope"], 3, "kv:///app/nope"),
    ],
)
def test_what_cannot_be_had_starts_nothing(
    stored: Vault, tmp_path: Path, argv: list[str], code: int, says: str
) -> None:
    refused(stored, tmp_path, *argv, code=code, says=says)


def test_an_env_file_is_told_by_variable_and_line(stored: Vault, tmp_path: Path) -> None:
    file, typed = tmp_path / "app.env", "hunter" + str(2)
    file.write_text(f"A=1\nB=kv:///app/nope\nC={typed}\n")
    refused(stored, tmp_path, "--env-file", str(file), code=3, says="app.env, B, kv:///app/nope: ")
    file.write_text(f"A=1\n{typed}\n")
    refused(stored, tmp_path, "--env-file", str(file), code=2, says="app.env: Line 2")


def test_without_a_program_there_is_nothing_to_run(stored: Vault) -> None:
    for argv in ([], ["--"], ["--env", "A=app/port"]):
        assert run(stored, *argv).code == 2


def test_programs_that_cannot_be_started_end_as_in_a_shell(stored: Vault, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("\x7fnonsense")
    assert run(stored, "--", "no-such-program-at-all").code == 127
    assert run(stored, "--", str(tmp_path / "nope")).code == 127
    assert run(stored, "--", str(file)).code == 126
    file.chmod(0o700)
    for how in ([], ["--mask"]):
        ran = run(stored, *how, "--env", "A=app/port", "--", str(file))
        assert ran.code == 126, ran.err
        assert "cannot be started" in ran.err


def test_values_that_the_system_does_not_take_are_told_without_them(stored: Vault) -> None:
    large = b"SENTINEL-large" * 20_000  # Linux takes 128 KiB in one variable
    stored("set", "large", stdin=large)
    for how in ([], ["--mask"], ["--debug"]):
        ran = run(stored, *how, "--env", "A=large", "--", "true")
        assert ran.code == 126
        assert "too long" in ran.err
        assert "SENTINEL" not in ran.err


def test_an_error_from_inside_shows_no_value(stored: Vault) -> None:
    """With --debug too: a reveal whose journal cannot be written, after the value was read."""
    state = Path(os.environ["XDG_STATE_HOME"]) / "kvtui" / "journal"
    for file in state.glob("*"):
        file.unlink()
    state.rmdir()
    state.write_text("")
    for how in ([], ["--mask"]):
        ran = run(stored, "--debug", *how, "--env", "A=app/db#password", "--", "echo", "started")
        assert ran.code not in {0, 1}
        assert ran.out == b""
        assert PASSWORD not in ran.err


def test_options_after_the_dashes_belong_to_the_program(stored: Vault) -> None:
    ran = run(stored, "--", "echo", "--json", "-q", "--", "--env", "x")
    assert (ran.code, ran.out) == (0, b"--json -q -- --env x\n")


# -- how it ends


@pytest.mark.parametrize("how", [[], ["--mask"]])
@pytest.mark.parametrize("code", [0, 7, *slow(1, 255)])
def test_the_exit_code_is_passed_on(stored: Vault, how: list[str], code: int) -> None:
    assert run(stored, *how, "--", "sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("how", [[], ["--mask"]])
@pytest.mark.parametrize("name", ["TERM", "KILL", *slow("HUP", "SEGV", "PIPE", "USR1")])
def test_a_program_killed_by_a_signal_gives_128_and_its_number(stored: Vault, how: list[str], name: str) -> None:
    ran = run(stored, *how, "--", "sh", "-c", f"kill -{name} $$")
    assert ran.code == 128 + signal.Signals[f"SIG{name}"]


TRAPPING = "trap 'echo got; exit 9' {name}; echo ready; while :; do read x || sleep 0.01; done"


@pytest.mark.parametrize("how", [[], ["--mask"]])
@pytest.mark.parametrize("name", ["TERM", "INT", *slow("HUP", "QUIT", "USR1", "USR2", "WINCH")])
def test_signals_sent_to_kvtui_reach_the_program(stored: Vault, how: list[str], name: str) -> None:
    argv = command(stored, "run", *how, "--", "sh", "-c", TRAPPING.format(name=name))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.Signals[f"SIG{name}"])
        shown, _ = process.communicate(b"\n", SECONDS)  # a shell about to read looks for signals after a line
        assert (shown, process.returncode) == (b"got\n", 9)


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_ctrl_c_reaches_the_program_once(stored: Vault, how: list[str]) -> None:
    script = "trap 'echo caught' INT; echo ready; while [ \"$line\" != end ]; do read line; done; exit 4"
    with at_terminal(command(stored, "run", *how, "--", "bash", "-c", script)) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(b"\x03")
        terminal.type(b"x\n")  # a shell about to read looks for signals after a line
        terminal.wait_for(b"caught")
        terminal.type(b"end\n")
        assert terminal.end() == 4, terminal.shown
    assert terminal.shown.count(b"caught") == 1


def test_ctrl_c_at_the_programs_end_is_not_taken_for_ours() -> None:
    """Where we are not on the processor between ctrl+c and the end of the program, it still waits for us then."""
    script = (
        "import os, signal, sys\n"
        "from kvtui.services.running_child import Supervisor\n"
        "supervisor = Supervisor()\n"
        "if not supervisor.pid:\n"
        "    os._exit(4)\n"
        "os.waitid(os.P_PID, supervisor.pid, os.WEXITED | os.WNOWAIT)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "code = supervisor.wait()\n"
        "supervisor.take_over()\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (4, b"")


def test_the_program_has_the_terminal(stored: Vault) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && stty size >/dev/null && read -r x </dev/tty && echo =$x="
    with at_terminal(command(stored, "run", "--", "bash", "-c", f"echo ready; {script}")) as terminal:
        terminal.wait_for(b"ready")
        terminal.type(b"hello\n")
        terminal.wait_for(b"=hello=")
        assert terminal.end() == 0


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_a_passphrase_is_asked_for_first_and_the_terminal_is_as_before(stored: Vault, how: list[str]) -> None:
    argv = [*KVTUI, "--vault", str(stored.path), "run", *how, "--env", "PORT=app/port", "--"]
    with at_terminal([*argv, "sh", "-c", "echo got=${PORT:+it}; stty -a"]) as terminal:
        terminal.wait_for(b"Passphrase")
        terminal.type(PASSPHRASE.encode() + b"\n")
        terminal.wait_for(b"got=it")
        assert terminal.end() == 0
    assert b" echo " in terminal.shown
    assert PASSPHRASE.encode() not in terminal.shown


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_ctrl_c_at_the_question_ends_it(stored: Vault, how: list[str]) -> None:
    argv = [*KVTUI, "--vault", str(stored.path), "run", *how, "--env", "PORT=app/port", "--", "echo", "started"]
    with at_terminal(argv) as terminal:
        terminal.wait_for(b"Passphrase")
        terminal.type(b"\x03")
        assert terminal.end() == 130
        assert terminal.settings() == terminal.before
    assert b"started" not in terminal.shown


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_ctrl_z_stops_it_and_fg_goes_on(stored: Vault, how: list[str]) -> None:
    with at_terminal([shutil.which("bash") or "bash", "--norc", "--noprofile", "-i"]) as terminal:
        line = " ".join(command(stored, "run", *how, "--", "sh", "-c"))
        terminal.type(f"{line} 'echo ready; exec cat'\n".encode())
        terminal.wait_for(b"ready\r\n")
        terminal.type(b"one\n")
        terminal.wait_for(b"one\r\none\r\n")
        terminal.type(b"\x1a")
        terminal.wait_for(b"Stopped")
        terminal.shown = b""
        terminal.type(b"fg; echo the code is $?\n")
        terminal.wait_for(b"exec cat'\r\n")  # bash tells what goes on; it drops what is typed before
        terminal.type(b"two\n")
        terminal.wait_for(b"two\r\ntwo\r\n")
        terminal.type(b"\x04")
        terminal.wait_for(b"the code is 0\r\n")


# -- what is left behind


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_the_program_starts_as_from_a_shell(stored: Vault, how: list[str]) -> None:
    script = "umask; grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status; ls /proc/self/fd | wc -l"
    before = os.umask(0o027)
    try:
        direct = subprocess.run(["sh", "-c", script], capture_output=True, check=True, stdin=subprocess.PIPE)
        assert run(stored, *how, "--env", "A=app/port", "--", "sh", "-c", script).out == direct.stdout
    finally:
        os.umask(before)


@pytest.mark.parametrize("how", [[], ["--mask"]])
def test_a_passphrase_given_by_a_descriptor_is_not_passed_on(stored: Vault, how: list[str]) -> None:
    with stored.passphrase_file.open("rb") as passphrase, stored.path.parent.joinpath("other").open("wb") as other:
        argv = [*KVTUI, "--vault", str(stored.path), "--passphrase-file", f"/dev/fd/{passphrase.fileno()}"]
        done = subprocess.run(
            [*argv, "run", *how, "--env", "A=app/port", "--", "ls", "/proc/self/fd"],
            pass_fds=[passphrase.fileno(), other.fileno()],
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
        assert str(passphrase.fileno()).encode() not in done.stdout.split()
        assert str(other.fileno()).encode() in done.stdout.split()


@pytest.fixture
def waiting(stored: Vault, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """kvtui while the program it has started waits."""
    how: list[str] = request.param
    script = "echo $$; read x"
    argv = command(stored, "run", *how, "--env", "PW=kv:///app/db#password", "--", "sh", "-c", script)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def child_of(process: subprocess.Popen[bytes]) -> Path:
    assert process.stdout is not None
    return Path("/proc", process.stdout.readline().decode().strip())


@pytest.mark.parametrize("waiting", [[], ["--mask"]], indirect=True)
def test_no_value_is_in_an_argument_or_our_environment(waiting: subprocess.Popen[bytes]) -> None:
    child, ours = child_of(waiting), Path("/proc", str(waiting.pid))
    value = PASSWORD.encode()
    assert value in (child / "environ").read_bytes()
    for file in (child / "cmdline", ours / "cmdline", ours / "environ"):
        assert value not in file.read_bytes()


@pytest.mark.parametrize("waiting", [[]], indirect=True)
def test_who_waits_for_the_program_has_never_known_a_value(waiting: subprocess.Popen[bytes]) -> None:
    child_of(waiting)
    memory = b"".join(writable_memory(waiting.pid))
    assert b"kvtui.services.running_child" in memory  # it is this process's memory
    assert PASSWORD.encode() not in memory
    assert PASSPHRASE.encode() not in memory


def writable_memory(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            place, rights, *_ = line.split()
            if rights.startswith("rw") and "[v" not in line:
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                yield memory.read(end - start)


@pytest.mark.parametrize("waiting", [[], ["--mask"]], indirect=True)
def test_the_vault_is_closed_while_the_program_runs(waiting: subprocess.Popen[bytes], stored: Vault) -> None:
    child = child_of(waiting)
    for process in (child, Path("/proc", str(waiting.pid))):
        files = [str(file.readlink()) for file in (process / "fd").iterdir()]
        assert not any(str(stored.path) in file for file in files)


def test_no_file_has_a_value_afterwards(stored: Vault, tmp_path: Path) -> None:
    temp = tmp_path / "tmp"
    temp.mkdir()
    for how in ([], ["--mask"], ["--debug"]):
        ran = run(stored, *how, "--env", "A=kv:///app/db#password", "--", "true", env={"TMPDIR": str(temp)})
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file
    assert list(temp.iterdir()) == []


def test_no_screen_and_no_yaml_is_loaded(stored: Vault) -> None:
    argv = command(stored, "run", "--mask", "--env", "A=app/port", "--", "true")
    done = subprocess.run([argv[0], "-X", "importtime", *argv[1:]], capture_output=True, check=True, timeout=SECONDS)
    loaded = {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}
    assert "kvtui.services.running_mask" in loaded
    assert not loaded & {"textual", "rich", "yaml", "asyncio", "httpx", "subprocess"}


# -- masking


def test_output_is_masked_on_both_streams(stored: Vault) -> None:
    script = (
        'printf "[%s]" "$PW"; printf "(%s)" "$PW" >&2; printf "%s" "$PW" | base64 -w0; printf "u:%s" "$PW" | base64 -w0'
    )
    ran = run(stored, "--mask", "--env", "PW=app/db#password", "--", "sh", "-c", script)
    assert ran.code == 0
    assert ran.out.startswith(b"[<secret>]<secret>")
    assert ran.out.count(b"<secret>") == 3
    assert ran.err == "(<secret>)"


def test_a_value_printed_in_pieces_is_masked(stored: Vault) -> None:
    program = (
        "import os, sys\nfor byte in os.environb[b'PW']:\n sys.stdout.buffer.write(bytes([byte])); sys.stdout.flush()"
    )
    argv = ("--mask", "--env", "PW=app/db#password", "--", sys.executable, "-I", "-c", program)
    assert run(stored, *argv).out == b"<secret>"


def test_what_is_no_secret_comes_as_it_is(stored: Vault, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    file = tmp_path / "data"
    file.write_bytes(data)
    assert run(stored, "--mask", "--env", "PW=app/db#password", "--", "cat", str(file)).out == data


def test_values_too_short_to_mask_are_told(stored: Vault) -> None:
    stored("set", "pin", stdin=b"123")
    ran = run(stored, "--mask", "--env", "PIN=pin", "--", "printenv", "PIN")
    assert ran.out == b"123\n"
    assert "fewer than 4 bytes" in ran.err


def test_a_reader_that_goes_away_ends_the_program(stored: Vault) -> None:
    argv = command(stored, "run", "--mask", "--env", "PW=app/db#password", "--", "yes")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"y\ny\n"
        process.stdout.close()
        assert process.wait(SECONDS) == 128 + signal.SIGPIPE


# -- real programs


WEB_SERVER = (
    "import base64, http.server, os\n"
    "wanted = 'Basic ' + base64.b64encode(b'admin:' + os.environb[b'PASSWORD']).decode()\n"
    "class Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200 if self.headers['Authorization'] == wanted else 401)\n"
    "        self.end_headers()\n"
    "web = http.server.HTTPServer(('127.0.0.1', 0), Page)\n"
    "print(web.server_port, flush=True)\n"
    "web.serve_forever()\n"
)
"""`http.server` behind a password that is only in its environment; prints its port."""


def test_a_web_server_gets_its_password_from_the_vault(stored: Vault, tmp_path: Path) -> None:
    argv = command(
        stored, "run", "--env", "PASSWORD=kv:///app/db#password", "--", sys.executable, "-I", "-c", WEB_SERVER
    )
    check_web_server(argv, PASSWORD)


def check_web_server(argv: Sequence[str], password: str, env: Mapping[str, str] | None = None) -> None:
    """It serves whoever knows the password, as a client would ask it, and nobody else."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, **streams, env=env, start_new_session=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert asked(port, password) == 200
        assert asked(port, "guess") == 401
        process.terminate()
        assert process.wait(SECONDS) == 128 + signal.SIGTERM


def asked(port: int, password: str) -> int:
    import base64
    from http.client import HTTPConnection

    header = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/", headers={"Authorization": header})
        return connection.getresponse().status
    finally:
        connection.close()
