"""HashiCorp Vault and OpenBao: every KV mount the token reaches, as one tree.

factory, opening  settings, the environment, connecting
auth, token       signing in, and staying so
backend           the contract: which mount a path is in, and what its engine can do
kv1, kv2          the two engines, behind one face (engine); answers: what KV 2 says, as ours
mounts, rights    which mounts there are, and what may be done, with as little right as possible
labels            metadata as custom_metadata
api               requests, envelopes, errors
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "VaultFactory":
        raise AttributeError(name)
    from kvtui.backends.vault.factory import VaultFactory  # noqa: PLC0415

    return VaultFactory
