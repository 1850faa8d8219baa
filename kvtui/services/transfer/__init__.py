"""Import and export: secrets from files other programs wrote, and files that import exactly. Both stream.

read_items(file, format) -> Items -> import_items(backend, items) -> ItemResult …
export_to(sink, backend, folder, format) -> Report: what the file could not hold, what it holds differently
"""

from kvtui.services.transfer.exporting import export, export_to
from kvtui.services.transfer.importing import ItemOutcome, ItemResult, import_items, read_items
from kvtui.services.transfer.model import Exported, Format, Item, Problem, Report
from kvtui.services.transfer.reading import Items

__all__ = [
    "Exported",
    "Format",
    "Item",
    "ItemOutcome",
    "ItemResult",
    "Items",
    "Problem",
    "Report",
    "export",
    "export_to",
    "import_items",
    "read_items",
]
