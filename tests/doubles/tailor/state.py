"""What the platform keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["viewer", "editor"]


@dataclass
class Secret:
    name: str
    value: str
    """No call shows it."""
    created: datetime
    updated: datetime
    order: int
    """When it was made, among all things: lists come in this order."""


@dataclass
class Vault:
    name: str
    created: datetime
    updated: datetime
    order: int
    secrets: dict[str, Secret] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Workspace:
    id: str
    name: str
    created: datetime
    order: int
    region: str = "asia-northeast"
    vaults: dict[str, Vault] = field(default_factory=dict)


@dataclass
class Login:
    """Somebody's access. `workspaces` maps ids to roles; None is an editor of all."""

    email: str
    access_token: str
    refresh_token: str
    expires_at: datetime
    workspaces: dict[str, Role] | None = None

    def role(self, workspace: str) -> Role | None:
        return "editor" if self.workspaces is None else self.workspaces.get(workspace)
