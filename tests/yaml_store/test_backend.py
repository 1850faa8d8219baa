"""A YAML file as a store: where it may be written, who else writes it, and what others may read of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.yaml import YamlFactory
from kvtui.backends.yaml.backend import YamlBackend
from kvtui.domain.capability import WRITING, Capability
from kvtui.domain.errors import Conflict, Corrupt, InvalidInput, KvtuiError, NotFound, PermissionDenied
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue


def one(text: str) -> dict[str, SecretValue]:
    return {"value": SecretValue(text)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secrets.yaml"


@pytest.fixture
def store(file: Path) -> Iterator[YamlBackend]:
    file.write_text("# ours\nsecret:\n  env: {A: a}\n")
    with YamlBackend(file) as backend:
        yield backend


def opened(file: Path, environment: str | None, variable: str = "") -> Backend:
    settings = {"path": file} | ({"environment": environment} if environment is not None else {})
    return YamlFactory({"ENVIRONMENT": variable} if variable else {}).open(settings)


@pytest.mark.parametrize(("environment", "variable"), [("dev", ""), ("test", "prod"), (None, "dev"), ("DEV", "")])
def test_it_is_written_in_dev_and_test(file: Path, environment: str | None, variable: str) -> None:
    with opened(file, environment, variable) as store:
        store.write("m/s", one("v"))
    assert file.read_text() == "m:\n  s:\n    value: v\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("environment", "variable"), [("prod", ""), ("prod", "dev"), (None, "staging"), (None, "")])
def test_it_is_read_only_elsewhere_with_the_reason(file: Path, environment: str | None, variable: str) -> None:
    file.write_text("m: {s: {k: v}}")
    with opened(file, environment, variable) as store:
        assert not store.info().capabilities & WRITING
        assert "dev and test only" in store.why_not(Capability.WRITE)
        for refused in (lambda: store.write("m/s", one("x")), lambda: store.delete("m/s")):
            with pytest.raises(PermissionDenied, match="dev and test only"):
                refused()
        assert store.read("m/s").fields["k"].same_as(SecretValue("v"))
    assert file.read_text() == "m: {s: {k: v}}"


def test_a_missing_file_is_an_empty_store_only_where_it_may_be_made(file: Path) -> None:
    with opened(file, "dev") as store:
        assert list(store.list().entries) == []
    with pytest.raises(NotFound):
        opened(file, "prod")
    assert not file.exists()


def test_plain_text_is_always_said(store: YamlBackend) -> None:
    assert "PLAIN TEXT" in store.info().warning


def test_the_mode_of_the_file_stays_and_is_told_where_others_can_read_it(file: Path, store: YamlBackend) -> None:
    file.chmod(0o640)
    store.write("secret/env", one("b"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert any("chmod" in note for note in store.notes)
    file.chmod(0o600)
    assert not store.notes


def test_nothing_is_left_beside_the_file(file: Path, store: YamlBackend) -> None:
    store.write("secret/env", one("b"))
    with pytest.raises(InvalidInput):
        store.write("secret/env", {"map": SecretValue({"a": 1})})
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("kind", ["symlink", "folder", "fifo"])
def test_what_is_no_file_of_ours_is_refused(file: Path, kind: str) -> None:
    if kind == "symlink":
        file.symlink_to("/etc/hostname")
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    with pytest.raises(PermissionDenied):
        YamlBackend(file)


def test_a_foreign_change_is_seen_and_never_overwritten(file: Path, store: YamlBackend) -> None:
    token = store.change_token()
    store.read("secret/env")
    file.write_text(file.read_text().replace("A: a", "A: b"))
    assert store.change_token() != token
    with pytest.raises(Conflict):
        store.write("secret/env", one("mine"), expected=1)
    assert store.read("secret/env").fields["A"].same_as(SecretValue("b"))
    store.write("secret/env", one("mine"), expected=1)


def test_a_foreign_change_in_the_last_moment_is_noticed(
    file: Path, store: YamlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor saves while the new file is being made."""
    from kvtui.backends.yaml.document import Document

    change = Document.changed

    def save_meanwhile(self: Document, wanted: dict[str, object]) -> bytes:
        file.write_text("secret: {env: {A: theirs}}\n")
        return change(self, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(Document, "changed", save_meanwhile)
    with pytest.raises(Conflict):
        store.write("secret/env", one("mine"))
    assert file.read_text() == "secret: {env: {A: theirs}}\n"


def test_two_changes_within_a_tick_of_the_clock_are_told_apart(file: Path, store: YamlBackend) -> None:
    """The same time, size and inode, as a coarse clock gives them."""
    store.read("secret/env")
    info = file.stat()
    with file.open("r+") as handle:
        handle.write(file.read_text().replace("A: a", "A: b"))
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert store.read("secret/env").fields["A"].same_as(SecretValue("b"))


def test_a_broken_file_is_told_and_left_alone(file: Path, store: YamlBackend) -> None:
    file.write_text("secret: {env: [")
    for call in (store.list, lambda: store.write("secret/env", one("x"))):
        with pytest.raises(Corrupt, match="at line"):
            call()
    assert file.read_text() == "secret: {env: ["
    file.write_text("secret: {env: {A: z}}")
    assert store.read("secret/env").fields["A"].same_as(SecretValue("z"))


def _write(file: Path, start: int, state: Path) -> None:
    os.environ["XDG_STATE_HOME"] = os.environ["XDG_RUNTIME_DIR"] = str(state)
    with YamlBackend(file) as mine:
        for number in range(start, start + 15):
            mine.write(f"m/s{number}", one(str(number)))


def test_two_processes_lose_none_of_each_other_s_writes(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("state")
    spawn = multiprocessing.get_context("spawn")
    running = [spawn.Process(target=_write, args=(file, start, state)) for start in (0, 100)]
    for each in running:
        each.start()
    for each in running:
        each.join()
        assert each.exitcode == 0
    with YamlBackend(file) as store:
        assert len(list(store.walk())) == 30


def _write_on(file: Path, state: Path, done: int) -> None:
    os.environ["XDG_STATE_HOME"] = os.environ["XDG_RUNTIME_DIR"] = str(state)
    with YamlBackend(file) as mine, os.fdopen(done, "w") as told:
        for number in range(10_000):
            mine.write("m/s", one(f"{number}" * 50))
            told.write(f"{number}\n")
            told.flush()


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_or_the_new_file(file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("state")
    for round_ in range(20):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _write_on(file, state, write)
            os._exit(0)
        os.close(write)
        last = -1
        with os.fdopen(read) as told:
            for line in told:
                last = int(line)
                if last >= 3 + round_:
                    os.kill(pid, signal.SIGKILL)
                    break
            last = max([last, *map(int, (line for line in told if line.endswith("\n")))])
        os.waitpid(pid, 0)
        with YamlBackend(file) as store:
            found = store.read("m/s").fields["value"]
        assert any(found.same_as(SecretValue(f"{number}" * 50)) for number in (last, last + 1))


def test_many_writes_go_into_the_file_together_and_a_bad_one_leaves_the_others_alone(store: YamlBackend) -> None:
    writes = [Write(f"bulk/s{number}", one(str(number))) for number in range(60)]
    writes[7] = Write("bulk/s7", {"map": SecretValue({"a": 1})})
    results = list(store.write_many(writes))
    assert [each.path for each in results if each.error] == ["bulk/s7"]
    assert len(list(store.walk("bulk"))) == 59


def test_threads_share_one_connection(store: YamlBackend) -> None:
    errors: list[KvtuiError] = []

    def write(name: str) -> None:
        try:
            for number in range(10):
                store.write(f"t/{name}", one(str(number)))
                store.read(f"t/{name}")
        except KvtuiError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors
    assert [entry.name for entry in store.list("t").entries] == list("abcd")


def test_caveats_name_the_fields_with_a_tag(file: Path, store: YamlBackend) -> None:
    file.write_text("m: {s: {k: !vault x, other: y}}")
    assert set(store.caveats(store.read("m/s"))) == {"k"}
