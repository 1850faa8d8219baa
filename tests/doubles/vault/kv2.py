"""The KV v2 engine (openbao builtin/logical/kv/path_*.go)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from tests.doubles.vault.call import Call
from tests.doubles.vault.kv2_metadata import Kv2Metadata
from tests.doubles.vault.kv2_secret import (
    Secret,
    Version,
    merged,
)
from tests.doubles.vault.wire import (
    SECOND,
    UNSUPPORTED,
    Answer,
    Failed,
    Json,
    Number,
    integer,
    is_deleted,
    mapping,
    one_error,
    strings,
    through_float,
)

Handlers: TypeAlias = dict[str, Callable[[Call, str], Answer]]
ROOTS = ("metadata", "data", "delete", "undelete", "destroy")
COMMANDS = {"read": "get", "write": "put"}


FIELDS = {
    "data": {"data", "options", "version"},
    "metadata": {
        *("cas_required", "metadata_cas_required", "max_versions", "delete_version_after"),
        *("custom_metadata", "metadata_cas", "after", "limit"),
    },
    "detailed-metadata": {"after", "limit"},
    "subkeys": {"depth", "version"},
    "config": {"max_versions", "cas_required", "metadata_cas_required", "delete_version_after"},
}
"""What each endpoint knows; it warns of other members."""
OPENBAO_FIELDS = frozenset({"after", "limit", "metadata_cas", "metadata_cas_required"})


class Kv2(Kv2Metadata):
    """The whole engine."""

    kind = "kv"
    version: int | None = 2

    def __init__(self) -> None:
        super().__init__()
        self.upgrading = False
        """While a mount is made versioned it answers 400 to everything."""

    def exists(self, call: Call) -> bool:
        part, _, name = call.path.partition("/")
        return part not in {"data", "metadata", "detailed-metadata"} or name in self.secrets

    def handle(self, call: Call) -> Answer:
        if self.upgrading:
            text = "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period"
            raise Failed(400, f"{text} and will resume service shortly.")
        part, slash, name = call.path.partition("/")
        call.known = frozenset(FIELDS.get(part, {"versions"})) - (frozenset() if call.openbao else OPENBAO_FIELDS)
        if call.path == "config":
            handlers: Handlers | None = {"read": self._config, "write": self._set_config}
        else:
            handlers = self._handlers(part, call.openbao) if slash else None
        if handlers is None:
            call.known = None
            return self._invalid(call)
        try:
            return self._run(handlers, call, name)
        except Failed as failed:
            early = call.is_write and part in {"data", "metadata"}
            if not early and (failed.message or "").startswith("error converting input"):
                raise Failed(failed.status, f"Field validation failed: {failed.message}") from None
            raise

    def _handlers(self, part: str, openbao: bool) -> Handlers | None:
        lists = {"list": self._list} | ({"scan": self._scan} if openbao else {})
        match part:
            case "data":
                return {"read": self._read, "write": self._put, "patch": self._patch, "delete": self._delete}
            case "metadata":
                changing = {"write": self._set, "patch": self._patch_metadata, "delete": self._delete_metadata}
                return {"read": self._metadata, **changing, **lists}
            case "detailed-metadata" if openbao:
                return dict(lists)
            case "delete" | "undelete" | "destroy":
                return {"write": self._mark}
            case "subkeys":
                return {"read": self._subkeys}
            case _:
                return None

    @staticmethod
    def _run(handlers: Handlers, call: Call, name: str) -> Answer:
        if call.operation not in handlers:
            raise UNSUPPORTED
        return handlers[call.operation](call, name)

    def _invalid(self, call: Call) -> Answer:
        if call.path in ROOTS:
            return Answer(
                warnings=["Non-listing operations on the root of a K/V v2 mount are not supported."], status=404
            )
        command = COMMANDS.get(call.operation, call.operation)
        text = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints"
        tool = ("OpenBao CLI", "bao") if call.openbao else ("Vault CLI", "vault")
        return Answer(
            warnings=[f"{text} to use. If using the {tool[0]}, use '{tool[1]} kv {command}' for this operation."],
            status=404,
        )

    def _version(self, call: Call, name: str, key: str, of: Callable[[Json], Json]) -> Answer:
        secret = self.secrets.get(name)
        if secret is None:
            return Answer()
        wanted = integer("version", call.data.get("version"))
        number = wanted if wanted > 0 else secret.current
        version = secret.versions.get(number)
        if version is None:
            return Answer()
        told = {"version": number, **version.shown(), "custom_metadata": secret.custom}
        if is_deleted(version.deletion, call.now) or version.destroyed:
            return Answer({key: None, "metadata": told}, status=404)
        return Answer({key: of(through_float(version.data)), "metadata": told})

    def _read(self, call: Call, name: str) -> Answer:
        return self._version(call, name, "data", lambda data: data)

    def _subkeys(self, call: Call, name: str) -> Answer:
        depth = integer("depth", call.data.get("depth"))

        def bare(data: Json, level: int) -> Json:
            if not isinstance(data, dict) or not data or (depth and level > max(depth, 1)):
                return None
            return {key: bare(item, level + 1) for key, item in data.items()}

        return self._version(call, name, "subkeys", lambda data: bare(data, 1) if data else data)

    def _checked(self, call: Call, secret: Secret | None) -> None:
        options = mapping("options", call.data.get("options")) or {}
        if "cas" in options:
            raw = options["cas"]
            text = raw.literal if isinstance(raw, Number) else str(int(raw)) if isinstance(raw, bool) else raw
            text = "0" if raw is None or raw == "" else text
            if not isinstance(text, str) or not re.fullmatch(r"[+-]?\d+", text):
                raise Failed(400, "error parsing check-and-set parameter")
            if int(text) != (secret.current if secret else 0):
                raise Failed(400, "check-and-set parameter did not match the current version")
        elif self.config.cas_required or (secret is not None and secret.settings.cas_required):
            raise Failed(400, "check-and-set parameter required for this call")

    def _data(self, call: Call) -> dict[str, Json] | None:
        mapping("options", call.data.get("options"))
        if "data" not in call.data:
            raise Failed(400, "no data provided")
        return mapping("data", call.data["data"])

    def _deletion(self, secret: Secret, now: int) -> int | None:
        ours, its = self.config.delete_after, secret.settings.delete_after
        if ours < 0 or not (ours or its):
            return None
        return now + SECOND * (min(ours, its) if ours and its else ours or its)

    def _add(self, call: Call, secret: Secret, data: dict[str, Json] | None) -> Answer:
        version = Version(data, call.now, self._deletion(secret, call.now))
        secret.current += 1
        secret.versions[secret.current] = version
        secret.updated = call.now
        kept = max(secret.settings.max_versions, self.config.max_versions) or 10
        if secret.current - secret.oldest >= kept:
            for number in range(secret.oldest, secret.current - kept + 1):
                secret.versions.pop(number, None)
            secret.oldest = secret.current - kept + 1
        return Answer({"version": secret.current, **version.shown(), "custom_metadata": secret.custom})

    def _put(self, call: Call, name: str) -> Answer:
        data = self._data(call)
        secret = self.secrets.get(name)
        self._checked(call, secret)
        secret = secret or Secret(call.now, call.now)
        self.secrets[name] = secret
        return self._add(call, secret, data)

    def _patch(self, call: Call, name: str) -> Answer:
        data = self._data(call)
        secret = self.secrets.get(name)
        if secret is None:
            return Answer(status=404, empty=True)
        self._checked(call, secret)
        version = secret.versions.get(secret.current)
        if version is None:
            return Answer(status=404, empty=True)
        if is_deleted(version.deletion, call.now) or version.destroyed:
            told = {"version": secret.current, **version.shown(), "custom_metadata": secret.custom}
            return Answer(told, status=404)
        if version.data is None:
            raise Failed(500, one_error("resource does not exist"))
        return self._add(call, secret, merged(through_float(version.data), data))

    def _delete(self, call: Call, name: str) -> Answer:
        secret = self.secrets.get(name)
        if secret is not None:
            self._soft_delete(secret, secret.current, call.now)
        return Answer()

    @staticmethod
    def _soft_delete(secret: Secret, number: int, now: int) -> None:
        version = secret.versions.get(number)
        if version is not None and not version.destroyed and not is_deleted(version.deletion, now):
            version.deletion = now

    def _mark(self, call: Call, name: str) -> Answer:
        how = call.path.partition("/")[0]
        numbers = [self._number(index, text) for index, text in enumerate(strings(call.data.get("versions")))]
        if not numbers:
            raise Failed(400, f"{'no' if how == 'destroy' else 'No'} version number provided")
        secret = self.secrets.get(name)
        for number in numbers if secret is not None else ():
            assert secret is not None
            version = secret.versions.get(number)
            if version is None or version.destroyed:
                continue
            if how == "delete":
                self._soft_delete(secret, number, call.now)
            elif how == "undelete":
                version.deletion = self._deletion(secret, call.now)
            else:
                version.destroyed, version.data = True, None
        return Answer()

    @staticmethod
    def _number(index: int, text: str) -> int:
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        problem = f"'[{index}]' cannot parse value as 'int': strconv.ParseInt: invalid syntax"
        text = 'error converting input for field "versions": decoding failed due to the following error(s):'
        raise Failed(400, f"{text}\n\n{problem}")
