"""Stores in memory by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kvtui.backends.contract import Backend
from kvtui.backends.factory import BackendFactory, Setting, StoreState
from kvtui.backends.memory.backend import ALL, MemoryBackend
from kvtui.backends.memory.store import MemoryStore
from kvtui.domain.capability import Capability
from kvtui.domain.conversation import Conversation
from kvtui.domain.credential import Credential


class MemoryFactory(BackendFactory):
    """Stores by name, for as long as the process lives."""

    kind: ClassVar[str] = "memory"
    title: ClassVar[str] = "in memory, gone with the program"
    capabilities: ClassVar[frozenset[Capability]] = ALL
    settings: ClassVar[Sequence[Setting]] = (Setting("name", str, "profiles of one name share their secrets"),)

    def __init__(self) -> None:
        self._stores: dict[str, MemoryStore] = {}

    def probe(self, settings: Mapping[str, Any]) -> StoreState:
        return StoreState.READY

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,
        conversation: Conversation | None = None,
    ) -> Backend:
        name = str(settings.get("name", ""))
        store = self._stores.setdefault(name, MemoryStore())
        return MemoryBackend(store, location=f"memory:{name}" if name else "memory")
