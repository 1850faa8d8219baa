"""What is told of a store that was made of the remains of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kvtui.domain.value import SecretValue


@dataclass(frozen=True, slots=True)
class Lost:
    """A version that could not be read; the whole secret where `version` is None."""

    path: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A new store: where it is, its recovery key, shown once, how many secrets it holds, what is known to be lost."""

    location: str
    recovery_key: SecretValue
    saved: int
    lost: Sequence[Lost]
