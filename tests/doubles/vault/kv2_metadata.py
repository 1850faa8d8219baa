"""The half of KV v2 that is about metadata: reading and setting it, lists, and the mount's settings."""

from __future__ import annotations

from tests.doubles.vault.call import Call
from tests.doubles.vault.kv2_secret import Secret, Settings, apply, changes_of, merged, parsed, refuse_negative
from tests.doubles.vault.names import Names
from tests.doubles.vault.wire import Answer, Failed, Json, integer


class Kv2Metadata:
    """`secrets` maps names to their versions and metadata; `config` are the settings of the mount."""

    def __init__(self) -> None:
        self.secrets: Names[Secret] = Names()
        self.config = Settings()

    def _metadata(self, call: Call, name: str) -> Answer:
        secret = self.secrets.get(name)
        return Answer(secret.shown(call.openbao) if secret is not None else None)

    def _check_metadata(self, call: Call, secret: Secret | None) -> None:
        if not call.openbao:
            return
        required = self.config.metadata_cas_required or (secret is not None and secret.settings.metadata_cas_required)
        given = call.data.get("metadata_cas")
        if "metadata_cas" not in call.data:
            if required:
                raise Failed(400, "metadata check-and-set parameter required for this call")
        elif secret is None:
            if integer("metadata_cas", given) != 0:
                raise Failed(400, "metadata_cas must be 0 when creating new metadata")
        elif integer("metadata_cas", given) != secret.metadata_version:
            raise Failed(400, "metadata check-and-set parameter does not match the current version")

    def _set(self, call: Call, name: str) -> Answer:
        changes = changes_of(call)
        if not changes:
            return Answer()
        refuse_negative(changes)
        custom = parsed(changes["custom_metadata"] or {}) if "custom_metadata" in changes else None
        secret = self.secrets.get(name)
        self._check_metadata(call, secret)
        if secret is None:
            secret = self.secrets[name] = Secret(call.now, call.now, metadata_version=1)
        else:
            secret.metadata_version += 1
            secret.updated = call.now
        apply(secret.settings, changes)
        if custom is not None:
            secret.custom = custom or None
        return self._warned(changes)

    def _patch_metadata(self, call: Call, name: str) -> Answer:
        changes = changes_of(call)
        if not changes:
            return Answer()
        refuse_negative(changes)
        given = changes.get("custom_metadata")
        if given:
            parsed({key: value for key, value in given.items() if value is not None})
        secret = self.secrets.get(name)
        if secret is None:
            return Answer(status=404, empty=True)
        self._check_metadata(call, secret)
        secret.metadata_version += 1
        secret.updated = call.now
        apply(secret.settings, changes)
        if "custom_metadata" in changes:
            secret.custom = merged(secret.custom or {}, given) or None if given is not None else None
        return self._warned(changes)

    def _warned(self, changes: dict[str, Json]) -> Answer:
        warnings = [
            f'"{name}" set to false, but is mandated by backend config. This value will be ignored.'
            for name in ("cas_required", "metadata_cas_required")
            if name in changes and getattr(self.config, name) and not changes[name]
        ]
        return Answer(warnings=warnings or None)

    def _delete_metadata(self, call: Call, name: str) -> Answer:
        self.secrets.pop(name, None)
        return Answer()

    def _list(self, call: Call, name: str) -> Answer:
        after = call.data.get("after", "") if call.openbao else ""
        limit = integer("limit", call.data.get("limit")) if call.openbao else 0
        return self._keyed(call, name, self.secrets.listing(name, after, limit))

    def _scan(self, call: Call, name: str) -> Answer:
        return self._keyed(call, name, self.secrets.scanning(name))

    def _keyed(self, call: Call, folder: str, keys: list[str]) -> Answer:
        if not keys:
            return Answer({})
        if not call.path.startswith("detailed-metadata/"):
            return Answer({"keys": keys})
        found = {key: self.secrets.get((folder + key).rstrip("/")) for key in keys}
        info = {key: secret.shown(call.openbao) if secret is not None else {} for key, secret in found.items()}
        return Answer({"keys": keys, "key_info": info})

    def _config(self, call: Call, _: str) -> Answer:
        return Answer(self.config.shown(call.openbao))

    def _set_config(self, call: Call, _: str) -> Answer:
        apply(self.config, changes_of(call))
        return Answer()
