"""The five calls of the secrets engine."""

from __future__ import annotations

import re

from tests.doubles.server import Reply
from tests.doubles.worker.access import Actor
from tests.doubles.worker.answers import Refused, success
from tests.doubles.worker.bindings import Bindings
from tests.doubles.worker.database import Database
from tests.doubles.worker.routes import Call, Route
from tests.doubles.worker.script import Json, ScriptError, members, parse, string, stringify, truthy

UPSERT = """
INSERT INTO sys_secret (path, cf_key, type, description, tags_json, created_by, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(path) DO UPDATE SET
    type = excluded.type, description = excluded.description, tags_json = excluded.tags_json,
    updated_at = excluded.updated_at
"""
LIST = "SELECT path, type, description FROM sys_secret WHERE path LIKE ? ORDER BY path"
LIST_OWN = """
SELECT path, type, description FROM sys_secret
WHERE (path NOT LIKE 'users/%' OR path LIKE ?) ORDER BY path
"""


def cf_key(path: str) -> str:
    """Not one to one: `a/b_c` and `a_b/c` have the same."""
    return "SECRET_" + path.replace("/", "_")


class Secrets:
    def __init__(self, database: Database, bindings: Bindings) -> None:
        self.database = database
        self.bindings = bindings

    def routes(self, prefix: str) -> list[Route]:
        base = f"{re.escape(prefix)}/secret"
        return [
            Route("POST", f"{base}/data/(.+)", "write secret", self.write),
            Route("GET", f"{base}/data/(.+)", "read secret", self.read),
            Route("DELETE", f"{base}/data/(.+)", "delete secret", self.delete),
            Route("GET", f"{base}/metadata/(.+)", "read metadata", self.metadata),
            Route("GET", f"{base}/list(?:/(.*))?", "list secrets", self.list),
        ]

    def write(self, call: Call) -> Reply:
        """Raises Refused, ScriptError. The value is stored before the row that may fail."""
        (path,) = call.names
        self._check(call.actor, path)
        sent = members(parse(call.body))
        if sent.get("value") is None:
            raise Refused("value is required", 400, "MISSING_VALUE")
        key, now, tags = cf_key(path), self.database.now(), sent.get("tags")
        self.bindings.put(key, string(sent["value"]))
        kind = sent.get("type", "secret")
        description = sent.get("description") if truthy(sent.get("description")) else None
        tags_json = stringify(tags) if truthy(tags) else None
        self.database.all(UPSERT, path, key, kind, description, tags_json, call.actor.id, now, now)
        self._audit(call, "secret:write", path=path, type=kind)
        return success(201, path=path, cf_key=key, stored=True, message="Secret stored successfully")

    def read(self, call: Call) -> Reply:
        """Raises Refused."""
        row = self._row(call)
        value = self.bindings.read(row["cf_key"])
        self._audit(call, "secret:read", path=row["path"])
        return success(data={"path": row["path"], "value": value or None, "metadata": _metadata(row)})

    def metadata(self, call: Call) -> Reply:
        """Raises Refused."""
        row = self._row(call)
        return success(metadata={"path": row["path"], **_metadata(row)})

    def delete(self, call: Call) -> Reply:
        """Raises Refused. Succeeds even where the value could not be deleted and lingers."""
        row = self._row(call)
        try:
            self.bindings.delete(row["cf_key"])
            cf_deleted = True
        except ScriptError:
            cf_deleted = False
        self.database.all("DELETE FROM sys_secret WHERE path = ?", row["path"])
        self._audit(call, "secret:delete", path=row["path"], cf_deleted=cf_deleted)
        return success(path=row["path"], deleted=True, cf_deleted=cf_deleted)

    def list(self, call: Call) -> Reply:
        """Raises ScriptError. For "" and "users" the filter of a user replaces the prefix."""
        (prefix,) = call.names
        query, pattern, actor = LIST, f"{prefix}%", call.actor
        if actor.user_id and not actor.sees_all:
            if prefix in {"", "users"}:
                query, pattern = LIST_OWN, f"users/{actor.user_id}/%"
            elif prefix.startswith("users/") and prefix.split("/")[1] != actor.user_id:
                return success(prefix=prefix, keys=[], count=0)
        keys = self.database.all(query, pattern)
        return success(prefix=prefix, keys=keys, count=len(keys))

    def _row(self, call: Call) -> dict[str, Json]:
        (path,) = call.names
        self._check(call.actor, path)
        row = self.database.first("SELECT * FROM sys_secret WHERE path = ?", path)
        if row is None:
            raise Refused(f"Secret not found at path: {path}", 404, "NOT_FOUND")
        return row

    def _check(self, actor: Actor, path: str) -> None:
        if not path.startswith("users/") or actor.sees_all:
            return
        if not actor.user_id or path.split("/")[1] != actor.user_id:
            raise Refused("Access denied to other user secrets", 403, "FORBIDDEN")

    def _audit(self, call: Call, action: str, **context: Json) -> None:
        self.database.log(action, call.actor.id, call.actor.kind, stringify(context))


def _metadata(row: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": row["type"],
        "description": row["description"],
        "tags": parse(row["tags_json"].encode()) if row["tags_json"] else [],
        **{name: row[name] for name in ("created_by", "created_at", "updated_at")},
    }
