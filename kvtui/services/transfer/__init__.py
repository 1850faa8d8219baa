"""Import and export: secrets from files other programs wrote, and files that import exactly.

read_items(data, format) -> Item …  -> import_items(backend, items) -> ItemResult …
export(backend, folder, format) -> Exported: the file, what it could not hold, what it holds differently
"""

from kvtui.services.transfer.exporting import export
from kvtui.services.transfer.importing import ItemOutcome, ItemResult, import_items, read_items
from kvtui.services.transfer.model import Exported, Format, Item, Problem

__all__ = ["Exported", "Format", "Item", "ItemOutcome", "ItemResult", "Problem", "export", "import_items", "read_items"]
