"""Versioned secrets of a trust service: one value of bytes a path, leases, rotation on the server.

factory, opening  settings, the token, connecting
backend           the contract: reading, writing, rotating
probing           versions, found by asking for each number
leasing           short-lived credentials
capabilities      what the API has, and why it has no more
api               requests and errors, as the API has them
encoding          values and times on the wire
intents           one request id for each thing that somebody wants done
pace              how often the service may be asked, for all sessions together
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "TrustFactory":
        raise AttributeError(name)
    from kvtui.backends.trust.factory import TrustFactory  # noqa: PLC0415

    return TrustFactory
