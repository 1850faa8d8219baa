"""How a server is, as far as it tells anybody: one request to sys/health, without token or namespace.

Sources: Vault's API docs (system/health) for the statuses; OpenBao's http/sys_health.go at v2.6.2, which has 200, 429,
501 and 503 of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from kvtui.backends.http.answer import Answer
from kvtui.backends.vault.api import VaultApi
from kvtui.domain.errors import KvtuiError, RateLimited

_LONGEST = 64


class State(StrEnum):
    """The value is the stable name; `words` is what people read."""

    ACTIVE = "active"
    STANDBY = "standby"
    PERFORMANCE_STANDBY = "performance_standby"
    SECONDARY = "disaster_recovery_secondary"
    CUT_OFF = "standby_cut_off"
    UNINITIALIZED = "uninitialized"
    SEALED = "sealed"
    REMOVED = "removed"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def brief(self) -> str:
        """The words without what follows from them: `sealed`."""
        return self.words.partition(":")[0]

    @property
    def serves(self) -> bool:
        """Whether secrets can be read there: by itself, or from the active server on our behalf."""
        return self in {State.ACTIVE, State.STANDBY, State.PERFORMANCE_STANDBY}


_WORDS: Mapping[State, str] = MappingProxyType(
    {
        State.ACTIVE: "active",
        State.STANDBY: "standby: passes requests on to the active server, or points at it",
        State.PERFORMANCE_STANDBY: "performance standby: answers reads itself, which may be a little behind",
        State.SECONDARY: "disaster recovery secondary: serves nobody until it is promoted",
        State.CUT_OFF: "standby without a connection to the active server",
        State.UNINITIALIZED: "not initialized: there is nothing in it yet",
        State.SEALED: "sealed: somebody has to unseal it",
        State.REMOVED: "removed from its cluster",
        State.UNREACHABLE: "cannot be reached",
        State.UNKNOWN: "answers, but not as a Vault or OpenBao server does",
    }
)
_BY_STATUS: Mapping[int, State] = MappingProxyType(
    {
        200: State.ACTIVE,
        429: State.STANDBY,
        472: State.SECONDARY,
        473: State.PERFORMANCE_STANDBY,
        474: State.CUT_OFF,
        501: State.UNINITIALIZED,
        503: State.SEALED,
        530: State.REMOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Health:
    """`version` is as the server says it; `trouble` says why it cannot be reached. Both are shown through show()."""

    state: State
    version: str = ""
    trouble: str = ""


def look(api: VaultApi) -> Health:
    """One request, whatever comes of it; raises nothing."""
    try:
        answer = api.health()
    except RateLimited:
        return Health(State.STANDBY)  # 429; sys/health has no quota
    except KvtuiError as error:
        return Health(State.UNREACHABLE, trouble=error.message)
    told = _body(answer)
    state = _BY_STATUS.get(answer.status)
    if state is None or told is None:
        return Health(State.UNKNOWN)
    if state is State.ACTIVE and told.get("performance_standby") is True:
        state = State.PERFORMANCE_STANDBY
    elif state is State.ACTIVE and told.get("standby") is True:
        state = State.STANDBY
    version = told.get("version")
    return Health(state, version if isinstance(version, str) and len(version) <= _LONGEST else "")


def _body(answer: Answer) -> Mapping[str, Any] | None:
    """What health says, or None: a proxy may answer 503 or 200 in its place."""
    try:
        told = answer.json()
    except KvtuiError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("sealed"), bool) else None
