"""kvtui's vault beside what people use now, in one run on one disk: whole commands, and libraries.

Commands: `pass` (and `gopass` where it reads the same store), `keepassxc-cli`, `kvtui`. Each pays for its start and its
key: keepassxc-cli is told to take 100 ms for the key, kvtui's costs a few here, gpg's agent keeps it. Libraries: bare
sqlite3 of the standard library with the same columns, a write-ahead log and full syncs, but no encryption and no search
index. What is not installed is named.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.vault import CHEAP, PASSPHRASE, path_of, secrets, timed
from kvtui.backends.file import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

Operations = Mapping[str, Callable[[int], object]]
Row = dict[str, object]

KDBX_KEY_MS = 100


def run(folder: Path, sizes: Sequence[int], repeats: int) -> dict[str, object]:
    """Milliseconds, medians, by program and size."""
    tables: dict[str, object] = {}
    for name, peer in {"pass": Pass, "keepassxc-cli": KeePassXC, "kvtui": Kvtui}.items():
        if not peer.is_there():
            tables[f"{name} (command)"] = "not installed"
            continue
        rows: Row = {}
        for size in sizes:
            if size > peer.most:
                rows[str(size)] = peer.why_not_more
                continue
            rows[str(size)] = _command(peer, folder / f"{name}{size}", size, min(repeats, 15))
        tables[f"{name} (command)"] = rows
    tables["sqlite3 (library, not encrypted)"] = {
        str(size): _library(folder / f"plain{size}.db", size, repeats) for size in sizes
    }
    return tables


def _command(peer: type[Peer], place: Path, size: int, repeats: int) -> Row:
    place.mkdir()
    made = peer(place)
    started = time.perf_counter()
    made.fill(size)
    filled = time.perf_counter() - started
    row: Row = {"fill_s": round(filled, 2)}
    for name, action in made.operations(size).items():
        row[f"{name}_ms"] = round(timed(action, repeats), 1)
    made.close()
    return row


class Peer:
    """A password store used by its command."""

    most = 1_000_000
    why_not_more = ""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.environment = {**os.environ, "HOME": str(place), "LC_ALL": "C.UTF-8"}

    @staticmethod
    def is_there() -> bool:
        raise NotImplementedError

    def fill(self, size: int) -> None:
        raise NotImplementedError

    def operations(self, size: int) -> Operations:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def call(self, *argv: str, stdin: str = "") -> None:
        done = subprocess.run(
            argv, input=stdin, text=True, capture_output=True, env=self.environment, cwd=self.place, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{argv[0]}: {done.stderr[-200:]}")


class Pass(Peer):
    most = 1_000
    why_not_more = "a gpg process for each secret: filling takes minutes"

    @staticmethod
    def is_there() -> bool:
        return bool(shutil.which("pass") and shutil.which("gpg"))

    def fill(self, size: int) -> None:
        gnupg = self.place / ".gnupg"
        gnupg.mkdir(mode=0o700)
        self.environment["GNUPGHOME"] = str(gnupg)
        self.call("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "benchmark", "rsa2048", "encr", "never")
        self.call("pass", "init", "benchmark")
        for write in secrets(size):
            self.call("pass", "insert", "-m", write.path, stdin=f"{len(write.path):0100}\n")

    def operations(self, size: int) -> Operations:
        return {
            "show": lambda turn: self.call("pass", "show", path_of(turn, size)),
            "insert": lambda turn: self.call("pass", "insert", "-m", "-f", path_of(turn, size), stdin="new\n"),
            "list": lambda turn: self.call("pass", "ls", path_of(turn, size).rpartition("/")[0]),
            "find": lambda turn: self.call("pass", "find", f"secret0{turn % 7}"),
        }

    def close(self) -> None:
        self.call("gpgconf", "--kill", "all")


class KeePassXC(Peer):
    most = 10_000
    why_not_more = "every command reads, and every change writes, the whole file"

    @staticmethod
    def is_there() -> bool:
        return shutil.which("keepassxc-cli") is not None

    def fill(self, size: int) -> None:
        self.environment["QT_QPA_PLATFORM"] = "offscreen"
        (self.place / "all.xml").write_text("".join(_keepass_xml(size)))
        self._cli("import", "-t", str(KDBX_KEY_MS), "--set-password", "all.xml", "all.kdbx", stdin="pw\npw\n")

    def operations(self, size: int) -> Operations:
        def entry(turn: int) -> str:
            return "/" + path_of(turn, size)

        return {
            "show": lambda turn: self._cli("show", "-q", "-s", "-a", "Password", "all.kdbx", entry(turn)),
            "insert": lambda turn: self._cli("edit", "-q", "-u", f"user{turn}", "all.kdbx", entry(turn)),
            "list": lambda turn: self._cli("ls", "-q", "all.kdbx", entry(turn).rpartition("/")[0]),
            "find": lambda turn: self._cli("search", "-q", "all.kdbx", f"secret0{turn % 7}"),
        }

    def _cli(self, *argv: str, stdin: str = "pw\n") -> None:
        self.call("keepassxc-cli", *argv, stdin=stdin)


def _keepass_xml(size: int) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?><KeePassFile><Meta/><Root><Group><Name>Root</Name>'
    opened: list[str] = []
    for write in secrets(size):
        *folders, name = write.path.split("/")
        if folders != opened:
            yield "</Group>" * len(opened) + "".join(f"<Group><Name>{escape(folder)}</Name>" for folder in folders)
            opened = folders
        yield f"<Entry><String><Key>Title</Key><Value>{escape(name)}</Value></String>"
        yield f"<String><Key>Password</Key><Value>{len(write.path):0100}</Value></String></Entry>"
    yield "</Group>" * len(opened) + "</Group></Root></KeePassFile>"


class Kvtui(Peer):
    @staticmethod
    def is_there() -> bool:
        return True

    def fill(self, size: int) -> None:
        (self.place / "pass").write_text(PASSPHRASE)
        factory = FileFactory(lambda: self.place / "state")
        settings, credential = {"path": self.place / "vault"}, Credential(SecretValue(PASSPHRASE))
        factory.create_with(settings, credential, kdf=CHEAP)
        with factory.open(settings, credential) as backend:
            for _ in backend.write_many(secrets(size)):
                pass

    def operations(self, size: int) -> Operations:
        start = [sys.executable, "-m", "kvtui", "--vault", "vault", "--passphrase-file", "pass"]
        root = str(Path(__file__).parents[1])
        self.environment["PYTHONPATH"] = root
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled
        return {
            "show": lambda turn: self.call(*start, "get", path_of(turn, size)),
            "insert": lambda turn: self.call(*start, "set", path_of(turn, size), stdin="new\n"),
            "list": lambda turn: self.call(*start, "ls", path_of(turn, size).rpartition("/")[0]),
            "find": lambda turn: self.call(*start, "search", "--exact", f"secret0{turn % 7}"),
        }


# The same as a library


def _library(file: Path, size: int, repeats: int) -> Row:
    with _plain(file) as database:
        started = time.perf_counter()
        with database:
            for write in secrets(size):
                row = database.execute("INSERT INTO secret(path, current) VALUES(?, 1)", (write.path,))
                database.execute("INSERT INTO version VALUES(?, 1, ?)", (row.lastrowid, "n" * 100))
        filled = time.perf_counter() - started

        def read(turn: int) -> None:
            database.execute(
                "SELECT value FROM version JOIN secret ON secret = id AND number = current WHERE path = ?",
                (path_of(turn, size),),
            ).fetchall()

        def write_one(turn: int) -> None:
            with database:
                path = path_of(turn, size)
                database.execute("UPDATE secret SET current = current + 1 WHERE path = ?", (path,))
                database.execute(
                    "INSERT INTO version SELECT id, current, ? FROM secret WHERE path = ?", ("n" * 100, path)
                )

        def list_one(turn: int) -> None:
            folder = path_of(turn, size).rpartition("/")[0]
            database.execute(
                "SELECT path FROM secret WHERE path >= ? AND path < ?", (f"{folder}/", f"{folder}0")
            ).fetchall()

        def find(turn: int) -> None:
            database.execute("SELECT path FROM secret WHERE path LIKE ?", (f"%der0{turn % 10}/secret0%",)).fetchmany(
                100
            )

        found = {"read": read, "write": write_one, "list": list_one, "find": find}
        return {
            "fill_per_s": round(size / filled),
            **{f"{name}_ms": round(timed(action, repeats), 3) for name, action in found.items()},
        }


@contextmanager
def _plain(file: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(file)
    database.executescript(
        """PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
        CREATE TABLE secret(id INTEGER PRIMARY KEY, path TEXT UNIQUE, current INTEGER, description TEXT, tags TEXT);
        CREATE TABLE version(secret INTEGER, number INTEGER, value TEXT, PRIMARY KEY(secret, number)) WITHOUT ROWID;"""
    )
    try:
        yield database
    finally:
        database.close()
