"""Works on vaults while the disk fails at one call or from one call on, and looks after each what has become of them.

faulty.py FOLDER TURNS SEED       with faults.c preloaded; prints what happened as one line of JSON
"""

from __future__ import annotations

import ctypes
import errno
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kvtui.backends.file import backend as backends
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import KvtuiError, WrongCredential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue
from tests.vault.places import CHEAP, OTHER_PLACE, PASSPHRASE, Place

WRITE, SYNC, OPEN, RENAME, TRUNCATE, READ, MAKE = (1 << bit for bit in range(7))
CHANGES = WRITE | SYNC | OPEN | RENAME | TRUNCATE | MAKE
ERRORS = {"ENOSPC": CHANGES, "EDQUOT": CHANGES, "EROFS": CHANGES, "EIO": CHANGES | READ}
SENTINEL = "in-plain-sight"
FILES = {"vault.hdr", "vault.hdr.bak", "vault.db", "vault.db-wal", "vault.db-shm", "vault.db-journal"}
"""The journal is one that is spent: what an exchange of keys may leave that was cut short."""
COMMIT = 10

Content = dict[str, tuple[str, int, str]]
"""Value, current version and description of every secret."""

shim = ctypes.CDLL(None)


def content(backend: FileBackend) -> Content:
    found: Content = {}
    for entry in backend.walk():
        secret = backend.read(entry.path)
        value = secret.fields["value"].reveal() if secret.fields else ""
        found[entry.path] = (str(value), secret.current, secret.metadata.description)
    return found


Deed = Callable[[], object]


class Work:
    """One vault, what it must hold, and what can be done to it: each deed with what it leads to."""

    def __init__(self, place: Place, folder: Path, chance: random.Random) -> None:
        self.place, self.folder, self.chance = place, folder, chance
        self.key = PASSPHRASE
        self.known: Content = {}
        self._made = 0
        self.backend = self.open()
        for _ in range(3):
            deed, self.known = self.write_new()
            deed()

    def open(self) -> FileBackend:
        return self.place.open(self.key)

    def _text(self) -> str:
        return f"{SENTINEL} {self.chance.randrange(10**9)} " * self.chance.choice([1, 30, 400])

    def _new(self) -> str:
        self._made += 1
        return f"folder{self._made % 3}/{SENTINEL}{self._made}"

    def _one(self) -> str:
        return self.chance.choice(sorted(self.known))

    def write_new(self) -> tuple[Deed, Content]:
        path, text = self._new(), self._text()
        after = self.known | {path: (text, 1, "")}
        return lambda: self.backend.write(path, {"value": SecretValue(text)}), after

    def write_version(self) -> tuple[Deed, Content]:
        path, text = self._one(), self._text()
        _, current, description = self.known[path]
        after = self.known | {path: (text, current + 1, description)}
        return lambda: self.backend.write(path, {"value": SecretValue(text)}), after

    def describe(self) -> tuple[Deed, Content]:
        path, text = self._one(), self._text()[:80]
        after = self.known | {path: (*self.known[path][:2], text)}
        return lambda: self.backend.write_metadata(path, MetadataPatch(description=text)), after

    def move(self) -> tuple[Deed, Content]:
        path, there = self._one(), self._new()
        after = {there if each == path else each: kept for each, kept in self.known.items()}
        return lambda: self.backend.move(path, there), after

    def destroy(self) -> tuple[Deed, Content]:
        path = self._one()
        return lambda: self.backend.destroy(path), {each: kept for each, kept in self.known.items() if each != path}

    def fold(self) -> tuple[Deed, Content]:
        """A write at whose end the write-ahead log is folded in: that failing is no failure of the write."""
        write, after = self.write_version()

        def do() -> None:
            self.backend._database._writer.wal_autocheckpoint(1)
            try:
                write()
            finally:
                self.backend._database._writer.wal_autocheckpoint(1000)

        return do, after

    def bulk(self) -> tuple[Deed, Content]:
        """Three commits: what is told is there, and of the rest whole ones."""
        paths, text = [self._new() for _ in range(3 * COMMIT)], self._text()
        rows = dict.fromkeys(paths, (text, 1, ""))
        after = self.known | rows

        def do() -> None:
            told = list(self.backend.write_many(Write(path, {"value": SecretValue(text)}) for path in paths))
            failed = [one for one in told if one.error is not None]
            if failed:
                self.known |= {one.path: rows[one.path] for one in told if one.error is None}
                after.clear()
                after.update(self.known | {path: rows[path] for path in [one.path for one in failed][:COMMIT]})
                raise failed[0].error or AssertionError

        return do, after

    def open_again(self) -> tuple[Deed, Content]:
        def do() -> None:
            self.backend.close()
            self.backend = self.open()

        return do, self.known

    def change_key(self) -> tuple[Deed, Content]:
        old, new = self.key, OTHER_PLACE if self.key is PASSPHRASE else PASSPHRASE

        def do() -> None:
            said = ""
            try:
                self.backend.replace_key_slot(old, new)
            except KvtuiError as error:
                said = error.message
                raise
            finally:
                shim.fault_disarm()
                changed = opens(self.place, new)
                assert changed != opens(self.place, old)
                self.key = new if changed else old
                assert "may be changed" in said or changed == (not said or "keys are changed" in said), said

        return do, self.known

    def back_up(self) -> tuple[Deed, Content]:
        file = self.folder / "backup"

        def do() -> None:
            try:
                self.backend.backup(file)
            finally:
                file.unlink(missing_ok=True)

        return do, self.known

    def rotate_master(self) -> tuple[Deed, Content]:
        def do() -> None:
            self.backend.close()
            self.place.factory.rotate_master(self.place.settings, self.key)
            self.backend = self.open()

        return do, self.known

    def create(self) -> tuple[Deed, Content]:
        path = self.folder / "new"

        def do() -> None:
            try:
                self.place.factory.create_with({"path": path}, PASSPHRASE, kdf=CHEAP)
            except KvtuiError:
                assert not path.exists(), "a vault whose recovery key nobody has seen"
                raise
            shim.fault_disarm()
            self.place.factory.open({"path": path}, PASSPHRASE).close()
            shutil.rmtree(path)

        return do, self.known

    def look(self, states: list[Content]) -> None:
        """What is there is one of these states: here, and for whoever opens it after a kill now."""
        if self.backend._database._closed:
            self.backend = self.open()
        image, state = self.folder / "image", self.folder / "image-state"
        shutil.copytree(self.place.path, image, ignore=shutil.ignore_patterns("*-shm"))
        shutil.copytree(self.place.state, state)
        now = content(self.backend)
        assert now in states
        opened = FileFactory(lambda: state).open({"path": image}, self.key)
        assert isinstance(opened, FileBackend)
        with opened as killed:
            assert content(killed) in states
            found = killed.verify()
            assert not found, found
        shutil.rmtree(image)
        shutil.rmtree(state)
        self.known = now
        found = self.backend.verify()
        assert not found, found
        for path in self.folder.rglob("*"):
            assert not path.is_file() or SENTINEL.encode() not in path.read_bytes(), path.name
        left = {path.name for path in self.place.path.iterdir()} | {path.name for path in self.folder.glob(".*")}
        assert left <= FILES, left


DEEDS: list[Callable[[Work], tuple[Deed, Content]]] = [
    Work.create, Work.write_new, Work.write_version, Work.describe, Work.move, Work.destroy, Work.fold, Work.bulk,
    Work.open_again, Work.change_key, Work.back_up, Work.rotate_master,
]  # fmt: skip


def opens(place: Place, key: Credential) -> bool:
    try:
        place.factory.open(place.settings, key).close()
    except WrongCredential:
        return False
    return True


def calls_of(work: Work, deed: Callable[[Work], tuple[Deed, Content]], kinds: int) -> int:
    """How many calls of a deed may fail."""
    do, after = deed(work)
    shim.fault_arm(str(work.folder).encode(), 0, kinds, 0, 0, 0)
    do()
    calls: int = shim.fault_disarm()
    work.known = after
    return calls


def main() -> None:
    folder, turns, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    backends._COMMIT_WRITES = COMMIT
    chance = random.Random(seed)
    failures: Counter[str] = Counter()
    unharmed = 0
    work: Work | None = None
    for turn in range(turns):
        if work is None or turn % 50 == 0:
            if work is not None:
                work.backend.close()
            home = folder / f"home{turn}"
            home.mkdir(mode=0o700)
            work = Work(Place(home), home, chance)
        deed = DEEDS[turn % len(DEEDS)]
        name = list(ERRORS)[turn // len(DEEDS) % len(ERRORS)]
        calls = calls_of(work, deed, ERRORS[name])
        do, after = deed(work)
        at, stays, torn = chance.randint(1, max(calls, 1)), chance.random() < 0.4, chance.random() < 0.5
        error = getattr(errno, name)
        where = f"turn {turn}: {deed.__name__}, {name} at {at} of {calls}{', stays' * stays}{', torn' * torn}"
        try:
            shim.fault_arm(str(work.folder).encode(), at, ERRORS[name], error, int(stays), int(torn))
            try:
                do()
            except KvtuiError as problem:
                if not (problem.message and problem.hint):
                    raise AssertionError("a failure without words") from problem
                failures[deed.__name__] += 1
                states = [work.known, after]
            else:
                unharmed += 1
                states = [after]
            finally:
                shim.fault_disarm()
            work.look(states)
            do, after = work.write_version()  # the fault is gone, and so is its effect
            do()
            work.look([after])
        except BaseException:
            sys.stderr.write(f"{where}\n")
            raise
    sys.stdout.write(json.dumps({"turns": turns, "failed": failures, "unharmed": unharmed}) + "\n")


if __name__ == "__main__":
    main()
