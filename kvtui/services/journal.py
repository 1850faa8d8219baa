"""The journal: what was done with which secret, when and by whom, kept in this machine's state folder. Never a value.

Sealed with a key from the store where it has one; see `kvtui.services.sealed_log` for what shows and what does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from kvtui import locations
from kvtui.domain import json_text
from kvtui.domain.errors import KvtuiError
from kvtui.services.sealed_log import LogCheck, LogWriter, SealedLog, subkey

if TYPE_CHECKING:
    from kvtui.services.changes import Applied

DONE = "done"
"""The result of what worked; of what did not, it is the error's kind."""

_PLAIN_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}")


class Act(StrEnum):
    REVEAL = "reveal"
    COPY = "copy"
    READ = "read"
    SEARCH = "search"
    """Values were looked through; what for is not told."""
    EXPORT = "export"
    IMPORT = "import"
    WRITE = "write"
    META = "meta"
    DELETE = "delete"
    UNDELETE = "undelete"
    DESTROY = "destroy"
    MOVE = "move"
    COPY_SECRET = "copy_secret"  # noqa: S105
    ROTATE = "rotate"
    ROLLBACK = "rollback"
    UNDO = "undo"
    KEY = "key"
    UNLOCK = "unlock"
    BACKUP = "backup"
    RESTORE = "restore"
    ISSUE = "issue"
    RENEW = "renew"
    REVOKE = "revoke"
    SHARE = "share"
    UNWRAP = "unwrap"


class JournalEntry(NamedTuple):
    """One act. `at` is aware UTC, `actor` the login name, `to` the target of a copy or move."""

    at: datetime
    actor: str
    act: Act
    path: str
    field: str | None = None
    version: int | None = None
    to: str | None = None
    result: str = DONE


class Done(NamedTuple):
    """One of many changes journaled together; `result` as in JournalEntry."""

    path: str
    version: int | None = None
    result: str = DONE


JournalCheck: TypeAlias = LogCheck


class Journal:
    """The journal of one store. Any number of threads and processes may write it."""

    def __init__(self, log: SealedLog) -> None:
        self._log = log
        self._actor = _login()

    @classmethod
    def of(cls, name: str, key: bytes | None, state_dir: Path | None = None) -> Journal:
        """The journal of a store: found by its key, so that a vault has one whatever profile opens it, else by name.

        Touches no file. `state_dir` defaults to the platform's.
        """
        if key is not None:
            base = subkey(key, "name").hex()[:32]
        elif _PLAIN_NAME.fullmatch(name):
            base = name
        else:
            base = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        folder = (state_dir or locations.state_dir()) / "journal"
        return cls(SealedLog(folder / f"{base}.jsonl", key))

    @property
    def file(self) -> Path:
        return self._log.file

    def record(
        self,
        act: Act,
        path: str,
        *,
        field: str | None = None,
        version: int | None = None,
        to: str | None = None,
        result: str = DONE,
    ) -> None:
        """Add one entry. Raises PermissionDenied or Unavailable when it cannot be written."""
        with self._log.opened() as log:
            self._append(log, JournalEntry(datetime.now(UTC), self._actor, act, path, field, version, to, result))

    def record_many(self, act: Act, paths: Iterable[str]) -> None:
        """Add an entry for each path, together and durably. Raises PermissionDenied or Unavailable."""
        with self._log.opened() as log:
            self._append_many(log, act, (Done(path) for path in paths))

    @contextmanager
    def around_many(self, act: Act, count: int) -> Iterator[Callable[[Iterable[Done]], None]]:
        """Journal up to `count` changes together: refused beforehand where they could not be journaled.

        The body calls what it is given with what was done, which is on disk when that returns. Raises PermissionDenied
        or Unavailable.
        """
        with self._log.opened() as log:
            log.refuse_when_full(count)

            yield partial(self._append_many, log, act)

    @contextmanager
    def around(
        self, act: Act, path: str, *, field: str | None = None, to: str | None = None
    ) -> Iterator[Callable[[Applied], None]]:
        """Journal what the body does: refused beforehand where it could not be journaled, one entry after it.

        The body calls what it is given with what was applied. Raises PermissionDenied or Unavailable.
        """
        version: int | None = None

        def note(applied: Applied) -> None:
            nonlocal version
            version = applied.version.number if applied.version else None

        def entry(result: str) -> JournalEntry:
            return JournalEntry(datetime.now(UTC), self._actor, act, path, field, version, to, result)

        with self._log.opened() as log:
            log.refuse_when_full()
            try:
                yield note
            except BaseException as error:
                try:
                    self._append(log, entry(error.kind if isinstance(error, KvtuiError) else KvtuiError.kind))
                except KvtuiError as unwritten:
                    error.add_note(unwritten.message)
                raise
            self._append(log, entry(DONE))

    def entries(self, path: str | None = None, limit: int = 200) -> list[JournalEntry]:
        """The newest first: at most `limit`, of one path (as source or target) or of all.

        Lines that cannot be read are left out: `verify` is what tells about them. Raises PermissionDenied, Unavailable.
        """
        found: list[JournalEntry] = []
        for row in self._log.newest():
            if len(found) >= limit:
                break
            entry = _entry(row)
            if entry is not None and path in {None, entry.path, entry.to}:
                found.append(entry)
        return found

    def verify(self) -> JournalCheck:
        """Go through the whole journal. Raises PermissionDenied or Unavailable when it cannot be read."""
        return self._log.verify()

    def _append_many(self, log: LogWriter, act: Act, done: Iterable[Done]) -> None:
        """As `_append` for each, at one time; what they share is written out once."""
        shared = json.dumps({"at": _stamp(datetime.now(UTC)), "actor": self._actor, "act": act.value})[:-1]
        results = {DONE: json.dumps(DONE)}
        log.append_all(
            f'{shared}, "path": {json_text.dump(one.path)}'
            f'{"" if one.version is None else f""", "version": {one.version}"""}'
            f', "result": {results.get(one.result) or json.dumps(one.result)}}}'
            for one in done
        )

    @staticmethod
    def _append(log: LogWriter, entry: JournalEntry) -> None:
        row = {
            "at": _stamp(entry.at),
            "actor": entry.actor,
            "act": entry.act.value,
            "path": entry.path,
            "field": entry.field,
            "version": entry.version,
            "to": entry.to,
            "result": entry.result,
        }
        log.append({name: value for name, value in row.items() if value is not None})


def _stamp(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _entry(row: dict[str, Any]) -> JournalEntry | None:
    try:
        return JournalEntry(
            at=datetime.fromisoformat(row["at"]).astimezone(UTC),
            actor=str(row["actor"]),
            act=Act(row["act"]),
            path=str(row["path"]),
            field=row.get("field"),
            version=row.get("version"),
            to=row.get("to"),
            result=str(row["result"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _login() -> str:
    """Who runs this, by the system's account list: the environment could say anything."""
    import pwd  # noqa: PLC0415 - the first line that is written needs it

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
