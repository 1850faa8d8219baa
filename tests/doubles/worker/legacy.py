"""The deprecated connections, from before paths."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from tests.doubles.server import Reply
from tests.doubles.worker.access import Actor
from tests.doubles.worker.answers import Refused, success
from tests.doubles.worker.bindings import Bindings
from tests.doubles.worker.database import Database
from tests.doubles.worker.routes import Call, Route
from tests.doubles.worker.script import Json, ScriptError, members, parse, parse_int, stringify, truthy

BASE = "/vault/connections"
ONE = f"{BASE}/([^/]+)"
SECRET = f"{ONE}/secrets/([^/]+)"
DEPRECATED = {
    "Deprecation": "true",
    "Sunset": "2025-06-01",
    "X-Deprecation-Notice": "This endpoint is deprecated. Use /secret/* endpoints instead.",
}
COUNTED = """
SELECT c.*, (SELECT COUNT(*) FROM sys_secret_ref WHERE connection_id = c.id) AS secret_count
FROM connection c WHERE is_paused = 0 ORDER BY integration_type
"""
INSERT = """
INSERT INTO connection (
    id, integration_type, integration_name, categories_json, environment, owner_user_id, auth_name, created_at,
    updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
UPDATE = """
UPDATE connection SET integration_name = ?, environment = ?, is_paused = ?, categories_json = ?, updated_at = ?
WHERE id = ?
"""
REFS = """
SELECT id, name, cf_key, type, description, created_at FROM sys_secret_ref WHERE connection_id = ? ORDER BY name
"""
LOGS = """
SELECT * FROM sys_audit_log WHERE connection_id = ? AND action = COALESCE(?, action)
ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?
"""


class Uncaught(Exception):  # noqa: N818
    """Thrown out of a handler's own catch: the router answers, without the headers of deprecation."""


@dataclass(frozen=True)
class Connection:
    id: str
    kind: str
    title: str
    categories: Json = ()
    environment: Json = "production"
    owner: str | None = None
    """The id of a user, where `kind` is user_settings."""


class Connections:
    def __init__(self, database: Database, bindings: Bindings) -> None:
        self.database = database
        self.bindings = bindings

    def routes(self) -> list[Route]:
        return [
            Route("GET", BASE, "list connections", self.list, is_deprecated=True),
            Route("POST", BASE, "create connection", self.create, is_deprecated=True),
            Route("GET", ONE, "get connection", self.get, is_deprecated=True),
            Route("PATCH", ONE, "update", self.update, is_deprecated=True),
            Route("DELETE", ONE, "delete", self.delete, is_deprecated=True),
            Route("GET", f"{ONE}/secrets", "list secrets", self.secrets, is_deprecated=True),
            Route("POST", f"{ONE}/secrets", "add secret", self.add_secret, is_deprecated=True),
            Route("PUT", SECRET, "update secret", self.put_secret, is_deprecated=True),
            Route("DELETE", SECRET, "delete", self.delete_secret, is_deprecated=True),
            Route("GET", f"{ONE}/audit", "get audit log", self.audit, is_deprecated=True),
        ]

    def list(self, call: Call) -> Reply:
        names = ("id", "integration_type", "integration_name", "categories", "environment", "secret_count")
        shown = [
            {name: _shown(row, name) for name in (*names, "created_at", "updated_at")}
            for row in self.database.all(COUNTED)
            if _may(call.actor, row)
        ]
        return success(connections=shown)

    def get(self, call: Call) -> Reply:
        """With all values. Raises Refused."""
        row = self._connection(call, checks_rights=True)
        refs = self.database.all("SELECT * FROM sys_secret_ref WHERE connection_id = ?", row["id"])
        values = [(ref, self.bindings.read(ref["cf_key"])) for ref in refs]
        auth = {
            "name": row["auth_name"],
            "api_url": row["api_url"],
            "app_id": row["app_id"],
            "meta": parse(row["meta_json"].encode()) if row["meta_json"] else None,
            "secrets": {
                ref["name"]: {"value": value, "type": ref["type"] or "api_key", "description": ref["description"]}
                for ref, value in values
                if value
            },
        }
        names = ("id", "workspace_id", "integration_type", "integration_name", "categories", "permissions")
        more = ("environment", "is_paused", "created_at", "updated_at")
        self._audit(call, "READ", row["id"])
        return success(connection={one: _shown(row, one) for one in (*names, *more)} | {"auth": auth})

    def create(self, call: Call) -> Reply:
        """Raises Refused, ScriptError."""
        sent = members(parse(call.body))
        kind: Json = sent.get("integration_type")
        if not truthy(kind):
            raise Refused("integration_type is required", 400, "MISSING_FIELD")
        name = sent.get("id") or f"conn_{kind}"
        if self.database.first("SELECT id FROM connection WHERE id = ?", name):
            raise Refused(f"Connection '{name}' already exists", 409, "EXISTS")
        title: Json = sent.get("integration_name") or kind
        environment = sent.get("environment", "production")
        self.add(Connection(name, kind, title, sent.get("categories", []), environment))
        self._audit(call, "CREATE", name)
        text = "Connection created. Add secrets with POST /vault/connections/:id/secrets"
        return success(201, connection={"id": name, "integration_type": kind, "message": text})

    def add(self, one: Connection) -> None:
        now = self.database.now()
        about = (one.id, one.kind, one.title, stringify(one.categories), one.environment, one.owner)
        self.database.all(INSERT, *about, f"{one.title} Secrets", now, now)

    def add_ref(self, connection: str, secret: str, kind: str = "api_key", description: Json = None) -> tuple[str, str]:
        """Its id and the key of its value. Raises ScriptError."""
        key = f"CONN_{connection.replace('conn_', '', 1)}_{secret}"
        ref, now = self.database.new_id("ref"), self.database.now()
        about = (ref, connection, secret, key, kind, description, now, now)
        self.database.all("INSERT INTO sys_secret_ref VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *about)
        return ref, key

    def update(self, call: Call) -> Reply:
        """Raises Refused, ScriptError."""
        row = self._connection(call)
        sent = members(parse(call.body))
        known = {
            key: sent[key] for key in ("integration_name", "environment", "is_paused", "categories") if key in sent
        }
        if not known:
            raise Refused("No fields to update", 400, "NO_UPDATES")
        categories = stringify(known["categories"]) if "categories" in known else row["categories_json"]
        new = row | known
        values = (new["integration_name"], new["environment"], int(truthy(new["is_paused"])), categories)
        self.database.all(UPDATE, *values, self.database.now(), row["id"])
        self._audit(call, "UPDATE", row["id"])
        return success(message=f"Connection '{row['id']}' updated")

    def delete(self, call: Call) -> Reply:
        """Only pauses it; its values stay. Raises Refused."""
        name = self._connection(call)["id"]
        self.database.all("UPDATE connection SET is_paused = 1, updated_at = ? WHERE id = ?", self.database.now(), name)
        self._audit(call, "DELETE", name)
        return success(message=f"Connection '{name}' deleted")

    def secrets(self, call: Call) -> Reply:
        """Raises Refused."""
        row = self._connection(call, checks_rights=True)
        refs = self.database.all(REFS, row["id"])
        return success(secrets=[{**ref, "has_value": bool(self.bindings.read(ref["cf_key"]))} for ref in refs])

    def add_secret(self, call: Call) -> Reply:
        """Raises Refused, ScriptError, and Uncaught where the secret exists: its catch names what it does not know."""
        name = self._connection(call)["id"]
        sent = members(parse(call.body))
        secret: Json = sent.get("name")
        value: Json = sent.get("value")
        if not truthy(secret):
            raise Refused("name is required", 400, "MISSING_FIELD")
        try:
            ref, key = self.add_ref(name, secret, sent.get("type", "api_key"), sent.get("description") or None)
        except ScriptError as failed:
            if "UNIQUE" in str(failed):
                raise Uncaught("body is not defined") from None
            raise
        stored = truthy(value) and self._store(key, value)
        self._audit(call, "CREATE", name, ref, value_stored=stored)
        shown = {"id": ref, "name": secret, "cf_key": key, "value_stored": stored}
        if not truthy(value):
            shown["message"] = f"Secret ref created. Set value with PUT /vault/connections/{name}/secrets/{secret}"
        return success(201, secret=shown)

    def put_secret(self, call: Call) -> Reply:
        """Raises Refused, ScriptError."""
        ref, (name, secret) = self._ref(call), call.names
        value = members(parse(call.body)).get("value")
        if not truthy(value):
            raise Refused("value is required", 400, "MISSING_FIELD")
        if not isinstance(value, str):
            raise ScriptError("Secret text must be a string")
        self.bindings.put(ref["cf_key"], value)
        self.database.all("UPDATE sys_secret_ref SET updated_at = ? WHERE id = ?", self.database.now(), ref["id"])
        self._audit(call, "UPDATE", name, ref["id"])
        return success(message=f"Secret '{secret}' updated successfully", cf_key=ref["cf_key"])

    def delete_secret(self, call: Call) -> Reply:
        """Raises Refused."""
        ref, (name, secret) = self._ref(call), call.names
        self.database.all("DELETE FROM sys_secret_ref WHERE id = ?", ref["id"])
        try:
            self.bindings.delete(ref["cf_key"])
            cf_deleted = True
        except ScriptError:
            cf_deleted = False
        self._audit(call, "DELETE", name, ref["id"], cf_deleted=cf_deleted)
        return success(message=f"Secret '{secret}' deleted", cf_key=ref["cf_key"], cf_deleted=cf_deleted)

    def audit(self, call: Call) -> Reply:
        """Raises Refused, ScriptError."""
        (name,) = call.names
        if self.database.first("SELECT id FROM connection WHERE id = ?", name) is None:
            raise Refused(f"Connection '{name}' not found", 404, "CONNECTION_NOT_FOUND")
        asked = {key: values[0] for key, values in parse_qs(call.query).items()}
        page = parse_int(asked.get("limit", ""), "50"), parse_int(asked.get("offset", ""), "0")
        rows = self.database.all(LOGS, name, asked.get("action"), *page)
        for row in rows:
            row["context"] = parse(row["context_json"].encode()) if row["context_json"] else None
        return success(logs=rows)

    def _store(self, key: str, value: Json) -> bool:
        """A value that cannot be stored leaves a reference without one."""
        try:
            if not isinstance(value, str):
                return False
            self.bindings.put(key, value)
        except ScriptError:
            return False
        return True

    def _connection(self, call: Call, *, checks_rights: bool = False) -> dict[str, Json]:
        """Raises Refused. Not every call checks rights on the server either."""
        name = call.names[0]
        row = self.database.first("SELECT * FROM connection WHERE id = ?", name)
        if row is None:
            raise Refused(f"Connection '{name}' not found", 404, "NOT_FOUND")
        if checks_rights and not _may(call.actor, row):
            raise Refused("Access denied to this connection", 403, "FORBIDDEN")
        return row

    def _ref(self, call: Call) -> dict[str, Json]:
        """Raises Refused."""
        query = "SELECT id, cf_key FROM sys_secret_ref WHERE connection_id = ? AND name = ?"
        row = self.database.first(query, *call.names)
        if row is None:
            raise Refused(f"Secret '{call.names[1]}' not found", 404, "NOT_FOUND")
        return row

    def _audit(self, call: Call, action: str, name: str, ref: str | None = None, **context: Json) -> None:
        text = stringify(context) if context else None
        self.database.log(action, call.actor.id, call.actor.kind, text, connection=name, ref=ref)


def _may(actor: Actor, row: dict[str, Json]) -> bool:
    return row["integration_type"] != "user_settings" or actor.sees_all or row["owner_user_id"] == actor.user_id


def _shown(row: dict[str, Json], name: str) -> Json:
    if name in {"categories", "permissions"}:
        text = row[f"{name}_json"]
        return parse(text.encode()) if text else []
    return bool(row[name]) if name == "is_paused" else row[name]
