"""The worker's D1 database: a real SQLite with D1's limits and texts of errors."""

from __future__ import annotations

import sqlite3
from typing import Literal, TypeAlias

from tests.doubles.clock import Clock
from tests.doubles.worker.script import Json, ScriptError

LIKE_PATTERN_BYTES = 50
"""D1 refuses longer patterns (developers.cloudflare.com/d1/platform/limits)."""

TimeFormat: TypeAlias = Literal["d1", "iso"]
"""d1 is `YYYY-MM-DD HH:MM:SS` (UTC), what the server shows; iso is what its documents show."""

SCHEMA = """
CREATE TABLE sys_secret (
    path TEXT PRIMARY KEY, cf_key TEXT UNIQUE NOT NULL, type TEXT, description TEXT, tags_json TEXT,
    created_by TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE connection (
    id TEXT PRIMARY KEY, workspace_id TEXT, integration_type TEXT NOT NULL, integration_name TEXT,
    categories_json TEXT, permissions_json TEXT, environment TEXT DEFAULT 'production', is_paused INTEGER DEFAULT 0,
    owner_user_id TEXT, auth_name TEXT, api_url TEXT, app_id TEXT, meta_json TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE sys_secret_ref (
    id TEXT PRIMARY KEY, connection_id TEXT NOT NULL, name TEXT NOT NULL, cf_key TEXT NOT NULL UNIQUE,
    type TEXT, description TEXT, created_at TEXT, updated_at TEXT, UNIQUE(connection_id, name));
CREATE TABLE sys_audit_log (
    id TEXT PRIMARY KEY, connection_id TEXT, secret_ref_id TEXT, action TEXT NOT NULL, actor_id TEXT,
    actor_type TEXT, context_json TEXT, created_at TEXT);
"""


class Database:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.time_format: TimeFormat = "d1"
        self._ids = 0
        self._sqlite = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._sqlite.row_factory = sqlite3.Row
        self._sqlite.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIKE_PATTERN_BYTES)
        self._sqlite.executescript(SCHEMA)

    def close(self) -> None:
        self._sqlite.close()

    def now(self) -> str:
        """`datetime('now')`, or the same moment as the documents write it."""
        return self.clock.now().strftime("%Y-%m-%d %H:%M:%S" if self.time_format == "d1" else "%Y-%m-%dT%H:%M:%SZ")

    def new_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._ids:06d}"

    def all(self, query: str, *values: Json) -> list[dict[str, Json]]:
        """Raises ScriptError as D1 throws."""
        for value in values:
            if isinstance(value, dict | list):
                kind = "[object Object]" if isinstance(value, dict) else str(value)
                raise ScriptError(f"D1_TYPE_ERROR: Type 'object' not supported for value '{kind}'")
        try:
            return [dict(row) for row in self._sqlite.execute(query, values)]
        except sqlite3.Error as failed:
            name = failed.sqlite_errorname.split("_UNIQUE")[0].split("_PRIMARYKEY")[0]
            raise ScriptError(f"D1_ERROR: {failed}: {name}") from None

    def first(self, query: str, *values: Json) -> dict[str, Json] | None:
        found = self.all(query, *values)
        return found[0] if found else None

    def log(
        self,
        action: str,
        actor_id: str,
        actor_type: str,
        context_json: str | None,
        *,
        connection: str | None = None,
        ref: str | None = None,
    ) -> None:
        """One line of the audit log."""
        about = (self.new_id("audit"), connection, ref, action, actor_id, actor_type, context_json, self.now())
        self.all("INSERT INTO sys_audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *about)
