"""Kills, other processes, threads: nothing acknowledged is lost, nothing is half there."""

import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kvtui.backends.file import header
from kvtui.backends.file import vault as vaults
from kvtui.backends.file.anchor import Anchor
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Conflict, KvtuiError, Locked, Unavailable, WrongCredential
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place

WRITER = Path(__file__).with_name("writer.py")


def start(place: Place, name: str, *task: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(place.path), str(place.state), name, *task],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )


def kill_loop(place: Place, rounds: int) -> None:
    """Kill a writer again and again, after another number of writes each time; every line it printed must be there."""
    chosen = random.Random(7)
    for turn in range(rounds):
        name = f"turn{turn}"
        process = start(place, name, "append")
        assert process.stdout is not None
        wanted = chosen.randrange(0, 60)
        acknowledged = 0
        for line in process.stdout:
            acknowledged = 0 if line == "ready\n" else int(line)
            if acknowledged >= wanted:
                break
        process.kill()
        rest = process.stdout.read().split("\n")
        process.wait()
        process.stdout.close()
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        with place.open() as vault:
            assert vault.verify() == []
            if not acknowledged:
                continue
            secret = vault.read(f"{name}/log")
            assert secret.current in {acknowledged, acknowledged + 1}
            assert secret.fields["value"].reveal() == str(secret.current) * 50
            assert secret.metadata.tags == (str(secret.current),)
            each = [entry.name for entry in vault.walk(f"{name}/each")]
            assert len(each) in {acknowledged, acknowledged + 1}
            for number in range(1, acknowledged + 1):
                assert vault.read(f"{name}/each/{number}").fields["value"].reveal() == str(number)


def test_kills_lose_nothing_that_was_acknowledged(place: Place) -> None:
    kill_loop(place, 6)


def test_threads_share_one_backend_without_losing_an_update(place: Place) -> None:
    vault = place.open()
    vault.write("counter", {"value": SecretValue(0)})
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                while True:
                    secret = vault.read("counter")
                    assert secret.fields["value"].reveal() == secret.current - 1
                    try:
                        value = SecretValue(secret.fields["value"].reveal() + 1)
                        vault.write("counter", {"value": value}, expected=secret.current)
                    except Conflict:
                        continue
                    break
                list(vault.walk())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert vault.read("counter").fields["value"].reveal() == 180


def test_closing_while_others_read_locks_them_out_cleanly(place: Place) -> None:
    vault = place.open()
    for number in range(200):
        vault.write(f"a/{number}", {"value": SecretValue("x")})
    started = threading.Barrier(5)
    outcomes: list[BaseException] = []

    def work() -> None:
        started.wait()
        try:
            while True:
                list(vault.index())
                vault.read("a/1")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    vault.close()
    for thread in threads:
        thread.join(10)
    assert [type(outcome) for outcome in outcomes] == [Locked] * 4
    assert {path.name for path in place.path.iterdir()} == {"vault.hdr", "vault.hdr.bak", "vault.db"}


def test_a_stream_outlives_neither_close_nor_a_chunk(place: Place) -> None:
    vault = place.open()
    vault.write("a", {"value": SecretValue("x")})
    stream = vault.walk()
    vault.close()
    vault.close()
    for call in (vault.info, vault.list, vault.key_slots, vault.change_token, vault.verify, vault.export_page_key):
        with pytest.raises(Locked):
            call()
    with pytest.raises(Locked):
        vault.derive_key("x")
    assert [entry.path for entry in stream] in ([], ["a"])


def test_keys_are_dropped_at_close(place: Place) -> None:
    vault = place.open()
    inner = vault._vault
    vault.close()
    assert inner.keys.page == inner.keys.value == inner._master == inner._seed == b""
    assert inner.database._key == b""


def test_another_connection_sees_a_write_at_once(place: Place) -> None:
    one, two = place.open(), place.open()
    before = two.change_token()
    assert two.change_token() == before
    one.write("a", {"value": SecretValue("x")})
    assert two.change_token() != before
    assert two.read("a").current == 1
    before = one.change_token()
    one.write("a", {"value": SecretValue("y")})
    assert one.change_token() != before


def _use_in_child(backend: object, answers: object) -> None:
    try:
        backend.list()  # type: ignore[attr-defined]
    except KvtuiError as error:
        answers.put((type(error).__name__, error.message))  # type: ignore[attr-defined]
    backend.close()  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_may_not_use_the_vault_and_does_no_harm(place: Place) -> None:
    vault = place.open()
    vault.write("a", {"value": SecretValue("x")})
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=_use_in_child, args=(vault, answers))
    process.start()
    kind, message = answers.get(timeout=20)
    process.join()
    assert kind == Unavailable.__name__
    assert "forked" in message
    vault.write("a", {"value": SecretValue("y")})
    assert vault.read("a").current == 2
    assert vault.verify() == []


def test_a_kill_between_header_and_commit_leaves_exactly_one_of_both_passphrases(place: Place) -> None:
    """At every step of changing a passphrase the process is killed; the vault opens with the old or the new, never both
    and never neither."""
    code = """
import os, sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file import vault as vaults
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
path, state, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
old, new = Credential(SecretValue(sys.argv[4])), Credential(SecretValue(sys.argv[5]))
backend = FileFactory(lambda: Path(state)).open({"path": path}, old)
left = steps
def trace(event, args):
    global left
    if event in ("open", "os.rename", "os.chmod") and "vault.hdr" in str(args[0]):
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(trace)
backend.replace_key_slot(old, new)
os._exit(0)
"""
    current, other = PASSPHRASE, OTHER_PLACE
    finished = False
    for step in range(40):
        names = [_reveal(current), _reveal(other)]
        arguments = [sys.executable, "-c", code, str(place.path), str(place.state), str(step), *names]
        finished = subprocess.run(arguments, check=False).returncode == 0
        opening = []
        for credential in (current, other):
            try:
                place.open(credential).close()
                opening.append(credential)
            except KvtuiError:
                continue
        assert len(opening) == 1
        if opening[0] is other:
            current, other = other, current
        if finished:
            break
    assert finished
    place.open(place.recovery).close()


def _reveal(credential: Credential) -> str:
    assert credential.passphrase is not None
    return str(credential.passphrase.reveal())


def test_verifying_while_another_writes_finds_no_rollback(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, other = place.open(), place.open()
    vault.write("a", {"value": SecretValue("x")})
    read = Anchor.read

    def after_another_write(anchor: Anchor) -> int:
        other.write("a", {"value": SecretValue("y")})
        return read(anchor)

    monkeypatch.setattr(Anchor, "read", after_another_write)
    assert vault.verify() == []
    assert vault.read("a").current == 2


def test_a_change_of_keys_whose_commit_fails_says_that_they_are_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header is written before the commit and counts: the old passphrase is gone, and the message may not say
    otherwise."""
    vault = place.open()
    real = vaults.write_private

    def then_full(path: Path, data: bytes) -> None:
        real(path, data)
        if path.name == header.NAME:
            raise Unavailable("The disk is full.", hint="Nothing was changed.")

    with monkeypatch.context() as patched:
        patched.setattr(vaults, "write_private", then_full)
        with pytest.raises(Unavailable, match=r"The keys are changed, but .* disk is full") as caught:
            vault.replace_key_slot(PASSPHRASE, OTHER_PLACE)
        assert "Nothing was changed" not in str(caught.value)
    vault.write("a", {"value": SecretValue("x")})
    vault.close()
    with pytest.raises(WrongCredential):
        place.open()
    with place.open(OTHER_PLACE) as again:
        assert again.read("a").current == 1
        assert again.verify() == []


@pytest.mark.slow
def test_four_processes_change_a_thousand_times_without_a_lost_update(place: Place) -> None:
    change_at_once(place, 250)


def test_four_processes_change_at_once_without_a_lost_update(place: Place) -> None:
    change_at_once(place, 40)


def change_at_once(place: Place, each: int) -> None:
    """At once with a writer of its own secrets and with changes of the keys."""
    with place.open() as vault:
        vault.write("counter", {"value": SecretValue(0)})
        processes = [start(place, f"p{number}", "count", str(each)) for number in range(4)]
        keys = 0
        while any(process.poll() is None for process in processes):
            slot, _ = vault.add_recovery_key("while others write")
            vault.write("own", {"value": SecretValue(keys)})
            vault.remove_key_slot(slot.id)
            keys += 1
        for process in processes:
            assert process.stdout is not None
            process.stdout.close()
            assert process.returncode == 0
        secret = vault.read("counter")
        assert secret.fields["value"].reveal() == 4 * each
        assert secret.current == 4 * each + 1
        assert vault.read("own").current == keys
        assert vault.verify() == []


def test_a_killed_writer_leaves_no_lock(place: Place) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
backend = FileFactory(lambda: Path(sys.argv[2])).open({"path": sys.argv[1]}, Credential(SecretValue("correct horse")))
with backend._vault.change() as transaction:
    transaction.connection.execute("UPDATE state SET generation = generation + 100")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    vault = place.open()
    before = vault.change_token()
    done = subprocess.run([sys.executable, "-c", code, str(place.path), str(place.state)], check=False)
    assert done.returncode == -9
    vault._database._writer.set_busy_timeout(0)
    vault.write("a", {"value": SecretValue("x")})
    assert vault.change_token() == before + 1
    assert vault.verify() == []


def test_a_long_reader_holds_up_nobody(place: Place) -> None:
    vault, other = place.open(), place.open()
    vault.write("a", {"value": SecretValue(0)})
    other._database._writer.set_busy_timeout(0)
    with vault._database.reading() as connection:
        before = connection.execute("SELECT generation FROM state").fetchall()
        for number in range(300):
            other.write("a", {"value": SecretValue("x" * 5000 + str(number))})
        assert connection.execute("SELECT generation FROM state").fetchall() == before
    assert vault.read("a").current == 301
    assert vault.verify() == []


def test_a_writer_that_waits_gives_up_after_its_time_and_not_before(place: Place) -> None:
    one, two = place.open(), place.open()
    two._database._writer.set_busy_timeout(700)
    with one._database.writing():
        started = time.monotonic()
        with pytest.raises(Unavailable, match="Another program is using the vault") as caught:
            two.write("a", {"value": SecretValue("x")})
        assert 0.5 < time.monotonic() - started < 30
    assert caught.value.retryable
    assert two.write("a", {"value": SecretValue("x")}).number == 1


def test_a_writer_waits_for_another_and_then_writes(place: Place) -> None:
    one, two = place.open(), place.open()
    holds = threading.Event()

    def hold() -> None:
        with one._database.writing():
            holds.set()
            waiting.wait()
            time.sleep(0.2)  # the other one waits in SQLite, where nothing tells of it

    waiting = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    waiting.set()
    assert two.write("a", {"value": SecretValue("x")}).number == 1
    thread.join()


def open_and_close(place: Place, times: int) -> list[BaseException]:
    """Two processes that come and go, each the last one out now and then, which removes the write-ahead log."""
    code = """
import sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
factory, credential = FileFactory(lambda: Path(sys.argv[2])), Credential(SecretValue("correct horse"))
for number in range(int(sys.argv[4])):
    with factory.open({"path": sys.argv[1]}, credential) as backend:
        backend.write(sys.argv[3], {"value": SecretValue(number)})
        assert not [note for note in backend.notes if "missing" in note], backend.notes
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(place.path), str(place.state), name, str(times)])
        for name in ("one", "two")
    ]
    failures: list[BaseException] = []
    while any(process.poll() is None for process in processes):
        try:
            place.factory.open(place.settings, PASSPHRASE).close()
        except KvtuiError as error:
            failures.append(error)
    assert [process.returncode for process in processes] == [0, 0]
    return failures


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_opening_while_another_closes_never_fails(place: Place, times: int) -> None:
    assert not open_and_close(place, times)
    with place.open() as vault:
        assert (vault.read("one").current, vault.read("two").current) == (times, times)
        assert vault.verify() == []


OPENS = """
import sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import KvtuiError
from kvtui.domain.value import SecretValue
factory, credential = FileFactory(lambda: Path(sys.argv[2])), Credential(SecretValue("correct horse"))
for turn in range(int(sys.argv[3])):
    try:
        with factory.open({"path": sys.argv[1]}, credential) as vault:
            if turn % 3 == 0:
                vault.write(f"x/{turn % 7}", {"value": SecretValue(turn)})
    except KvtuiError as error:
        print(repr(error))
"""


@pytest.mark.parametrize("times", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_opening_while_others_close_works_every_time(place: Place, times: int) -> None:
    """The last one out removes the write-ahead log while another one comes in."""
    command = [sys.executable, "-c", OPENS, str(place.path), str(place.state), str(times)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in processes] == [""] * 4
    assert [process.returncode for process in processes] == [0] * 4
    assert place.open().verify() == []
