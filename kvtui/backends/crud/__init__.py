"""The secrets API of canonical URIs (EmpowerNow's CRUDService): a YAML file and KVv2 engines behind one service.

factory, opening        settings, the token, connecting
backend                 the contract: which provider a path is in, and what it can do
places                  paths and URIs
kv2, yaml_tree, sealed  what the providers do, behind one face (engine)
exact                   what would not come back as it was sent
listing                 the tree of the YAML file, search
carrying, bulk          what the server does with two secrets, or with many
watching                events and audit
answers                 what the service says, in each shape its documents have
api, failures           requests, and errors in words
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "CrudFactory":
        raise AttributeError(name)
    from kvtui.backends.crud.factory import CrudFactory  # noqa: PLC0415

    return CrudFactory
