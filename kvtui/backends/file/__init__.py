"""The encrypted vault: a folder with key slots beside a SQLCipher-4 database. The format is in docs/vault-format.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvtui.backends.file.factory import FileFactory

__all__ = ["FileFactory"]


def __getattr__(name: str) -> Any:
    """Load the factory when it is asked for: naming the package costs nothing."""
    if name != "FileFactory":
        raise AttributeError(name)
    from kvtui.backends.file.factory import FileFactory  # noqa: PLC0415

    return FileFactory
