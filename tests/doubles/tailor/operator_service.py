"""The methods of tailor.v1.OperatorService that deal with secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from tests.doubles.clock import Clock
from tests.doubles.tailor.connect import ConnectError, Json, message, timestamp
from tests.doubles.tailor.paging import Pages
from tests.doubles.tailor.state import Login, Secret, Vault, Workspace

Message: TypeAlias = dict[str, Json]

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
TRN = re.compile(r"trn:v1:workspace:(?P<workspace>" + UUID.pattern + r")(:(?P<inside>[a-zA-Z0-9_.:*-]+))?")
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")

VAULT = {"workspaceId": "string", "secretmanagerVaultName": "string"}
SECRET = {**VAULT, "secretmanagerSecretName": "string"}
WRITTEN = {**SECRET, "secretmanagerSecretValue": "string"}
PAGE = {"pageToken": "string", "pageSize": "uint32"}
DIRECTED = {**PAGE, "pageDirection": "direction"}
FIELDS = {
    "ListWorkspaces": PAGE,
    "ListSecretManagerVaults": {"workspaceId": "string", **DIRECTED},
    "GetSecretManagerVault": VAULT,
    "CreateSecretManagerVault": VAULT,
    "DeleteSecretManagerVault": VAULT,
    "ListSecretManagerSecrets": {**VAULT, **DIRECTED},
    "GetSecretManagerSecret": SECRET,
    "CreateSecretManagerSecret": WRITTEN,
    "UpdateSecretManagerSecret": WRITTEN,
    "DeleteSecretManagerSecret": SECRET,
    "GetMetadata": {"trn": "string"},
    "SetMetadata": {"trn": "string", "labels": "labels"},
}


def has_side_effects(method: str) -> bool:
    return not method.startswith(("Get", "List"))


class OperatorService:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.workspaces: dict[str, Workspace] = {}
        self.pages = Pages()
        self.is_strict = False
        """Are names that break the pattern of the proto file refused?"""
        self.shows_total = True
        self.shows_times = True
        self.refusal_of_full_vaults = "failed_precondition"
        """The code for deleting a vault that holds secrets; stated nowhere."""
        self._made = 0
        self._methods: dict[str, Callable[[Login, Message], Message]] = {
            "ListWorkspaces": self._list_workspaces,
            "ListSecretManagerVaults": self._list_vaults,
            "GetSecretManagerVault": lambda _, asked: {"vault": self._vault_shown(self.vault(asked))},
            "CreateSecretManagerVault": self._create_vault,
            "DeleteSecretManagerVault": self._delete_vault,
            "ListSecretManagerSecrets": self._list_secrets,
            "GetSecretManagerSecret": lambda _, asked: {"secret": self._secret_shown(self.secret(asked))},
            "CreateSecretManagerSecret": self._create_secret,
            "UpdateSecretManagerSecret": self._update_secret,
            "DeleteSecretManagerSecret": self._delete_secret,
            "GetMetadata": self._get_metadata,
            "SetMetadata": self._set_metadata,
        }

    def call(self, method: str, login: Login, asked: Message) -> Message:
        """Raises ConnectError."""
        self._validate(asked)
        found = TRN.fullmatch(asked.get("trn", ""))
        workspace = found["workspace"] if found else asked.get("workspaceId", "")
        if workspace:
            role = login.role(workspace)
            if role is None or (role == "viewer" and has_side_effects(method)):
                raise ConnectError("permission_denied", "permission denied")
        return self._methods[method](login, asked)

    def add_workspace(self, name: str, id: str) -> Workspace:  # noqa: A002
        self.workspaces[id] = Workspace(id, name, self.clock.now(), self._next())
        return self.workspaces[id]

    def add_vault(self, workspace: Workspace, name: str) -> Vault:
        now = self.clock.now()
        workspace.vaults[name] = Vault(name, now, now, self._next())
        return workspace.vaults[name]

    def add_secret(self, vault: Vault, name: str, value: str) -> Secret:
        now = self.clock.now()
        vault.secrets[name] = Secret(name, value, now, now, self._next())
        return vault.secrets[name]

    def workspace(self, asked: Message) -> Workspace:
        """Raises ConnectError."""
        found = self.workspaces.get(asked["workspaceId"])
        if found is None:
            raise ConnectError("not_found", "workspace not found")
        return found

    def vault(self, asked: Message) -> Vault:
        """Raises ConnectError."""
        found = self.workspace(asked).vaults.get(asked["secretmanagerVaultName"])
        if found is None:
            raise ConnectError("not_found", f"vault {asked['secretmanagerVaultName']} not found")
        return found

    def secret(self, asked: Message) -> Secret:
        """Raises ConnectError."""
        found = self.vault(asked).secrets.get(asked["secretmanagerSecretName"])
        if found is None:
            raise ConnectError("not_found", f"secret {asked['secretmanagerSecretName']} not found")
        return found

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _validate(self, asked: Message) -> None:
        """Raises ConnectError."""
        wrong: list[str] = []
        if "workspaceId" in asked and not UUID.fullmatch(asked["workspaceId"]):
            wrong.append("workspace_id: value must be a valid UUID [string.uuid]")
        for field, shown in (
            ("secretmanagerVaultName", "secretmanager_vault_name"),
            ("secretmanagerSecretName", "secretmanager_secret_name"),
        ):
            if field in asked and not (NAME.fullmatch(asked[field]) if self.is_strict else asked[field]):
                wrong.append(f"{shown}: value does not match regex pattern `^{NAME.pattern}$` [string.pattern]")
        if "trn" in asked and not TRN.fullmatch(asked["trn"]):
            wrong.append("trn: value does not match regex pattern [string.pattern]")
        for key, value in asked.get("labels", {}).items():
            if not LABEL.fullmatch(key) or not (value == "" or LABEL.fullmatch(value)):
                wrong.append(f'labels["{key}"]: value does not match regex pattern [string.pattern]')
        if wrong:
            raise ConnectError("invalid_argument", "validation error: " + ", ".join(wrong))

    def _list_workspaces(self, login: Login, asked: Message) -> Message:
        mine = [one for one in self.workspaces.values() if login.role(one.id)]
        page, token = self.pages.cut(mine, "workspaces", asked)
        shown = [
            message(id=one.id, name=one.name, region=one.region, **self._times(one.created, one.created))
            for one in page
        ]
        return message(workspaces=shown, nextPageToken=token)

    def _list_vaults(self, _: Login, asked: Message) -> Message:
        vaults = self.workspace(asked).vaults.values()
        page, token = self.pages.cut(vaults, asked["workspaceId"], asked)
        total = len(vaults) if self.shows_total else 0
        return message(vaults=[self._vault_shown(one) for one in page], nextPageToken=token, totalCount=total)

    def _create_vault(self, _: Login, asked: Message) -> Message:
        workspace, name = self.workspace(asked), asked["secretmanagerVaultName"]
        if name in workspace.vaults:
            raise ConnectError("already_exists", f"vault {name} already exists")
        return {"vault": self._vault_shown(self.add_vault(workspace, name))}

    def _delete_vault(self, _: Login, asked: Message) -> Message:
        vault = self.vault(asked)
        if vault.secrets:
            raise ConnectError(self.refusal_of_full_vaults, f"vault {vault.name} is not empty")
        del self.workspace(asked).vaults[vault.name]
        return {}

    def _list_secrets(self, _: Login, asked: Message) -> Message:
        vault = self.vault(asked)
        page, token = self.pages.cut(vault.secrets.values(), f"{asked['workspaceId']}/{vault.name}", asked)
        total = len(vault.secrets) if self.shows_total else 0
        return message(secrets=[self._secret_shown(one) for one in page], nextPageToken=token, totalCount=total)

    def _create_secret(self, _: Login, asked: Message) -> Message:
        vault, name = self.vault(asked), asked["secretmanagerSecretName"]
        if name in vault.secrets:
            raise ConnectError("already_exists", f"secret {name} already exists")
        return {"secret": self._secret_shown(self.add_secret(vault, name, asked["secretmanagerSecretValue"]))}

    def _update_secret(self, _: Login, asked: Message) -> Message:
        secret = self.secret(asked)
        secret.value, secret.updated = asked["secretmanagerSecretValue"], self.clock.now()
        return {"secret": self._secret_shown(secret)}

    def _delete_secret(self, _: Login, asked: Message) -> Message:
        del self.vault(asked).secrets[self.secret(asked).name]
        return {}

    def _get_metadata(self, _: Login, asked: Message) -> Message:
        return {"metadata": message(trn=asked["trn"], labels=self._labels(asked["trn"]))}

    def _set_metadata(self, _: Login, asked: Message) -> Message:
        labels = self._labels(asked["trn"])
        labels.clear()
        labels.update(asked["labels"])
        return {"metadata": message(trn=asked["trn"], labels=labels)}

    def _labels(self, trn: str) -> dict[str, str]:
        """Raises ConnectError. Only vaults have labels here."""
        found = TRN.fullmatch(trn)
        kind, _, name = ((found["inside"] if found else "") or "").partition(":")
        workspace = self.workspaces.get(found["workspace"]) if found else None
        if workspace is None or kind != "vault" or name not in workspace.vaults:
            raise ConnectError("not_found", f"resource {trn} not found")
        return workspace.vaults[name].labels

    def _times(self, created: datetime, updated: datetime) -> Message:
        if not self.shows_times:
            return {}
        return {"createTime": timestamp(created), "updateTime": timestamp(updated)}

    def _vault_shown(self, vault: Vault) -> Message:
        return message(name=vault.name, **self._times(vault.created, vault.updated))

    def _secret_shown(self, secret: Secret) -> Message:
        return message(name=secret.name, **self._times(secret.created, secret.updated))
