"""Tailor Platform's secret manager: vaults of secrets whose values only programs on the platform can read.

factory, opening  settings, connecting
own               what the platform's own tools left here: variables, and their configuration file
api               calls of the Connect protocol, and its errors as ours
backend           the contract: vaults as top-level folders, secrets in them
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "TailorFactory":
        raise AttributeError(name)
    from kvtui.backends.tailor.factory import TailorFactory  # noqa: PLC0415

    return TailorFactory
