"""The whole suite in one class to inherit from."""

from __future__ import annotations

from kvtui.testing.describing import DescribingConformance
from kvtui.testing.leases import LendingConformance
from kvtui.testing.lifecycle import LifecycleConformance
from kvtui.testing.listing import ListingConformance
from kvtui.testing.reading import ReadingConformance
from kvtui.testing.refusing import RefusingConformance
from kvtui.testing.serving import ServingConformance
from kvtui.testing.store import StoreConformance
from kvtui.testing.writing import WritingConformance


class BackendConformance(
    ListingConformance,
    ReadingConformance,
    WritingConformance,
    DescribingConformance,
    LifecycleConformance,
    LendingConformance,
    ServingConformance,
    RefusingConformance,
    StoreConformance,
):
    """Inherit, give `make`, and every promise of the contract is a test of yours."""
