"""The path-based secrets engine on Cloudflare Workers, behind Cloudflare Access: one text per path, and what is known
of it.

factory, opening  settings, signing in, connecting
api               requests, envelopes, errors
rows, listed      what the worker says of a secret, and its flat list as folders
keys              where a value really lies, and which names would hit another one
rollout           values that were written and are not everywhere yet
writing           one write and what became of it
legacy            the connections from before paths
backend           the contract
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "WorkerFactory":
        raise AttributeError(name)
    from kvtui.backends.worker.factory import WorkerFactory  # noqa: PLC0415

    return WorkerFactory
