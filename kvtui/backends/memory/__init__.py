"""The reference backend: a store in this process, every promise of the contract kept in the plainest way.

It holds nothing on disk and is gone with the process. Several `MemoryBackend`s on one `MemoryStore` are connections to
the same store, as processes are to a file. Fields are kept encoded, so nobody who wrote or read them can change them.

store     what is kept
backend   a connection to it
showing   what it lists and finds
lending   leases and sharing once, kept as plainly
serving   rotating by itself, and telling what happens and what was done
factory   stores by name
"""

from kvtui.backends.memory.backend import ALL, MemoryBackend
from kvtui.backends.memory.factory import MemoryFactory
from kvtui.backends.memory.lending import Role
from kvtui.backends.memory.store import MemoryStore

__all__ = ["ALL", "MemoryBackend", "MemoryFactory", "MemoryStore", "Role"]
