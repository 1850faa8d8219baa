"""The keepass-csv format: the CSV of KeePassXC, and the one of KeePass (which it calls CSV (1.x)).

    "Group","Title","Username","Password","URL","Notes","TOTP","Icon","Last Modified","Created"
    "Account","Login Name","Password","Web Site","Comments"

KeePassXC doubles quotes, KeePass writes them and the backslash behind a backslash. Neither has custom fields,
attachments, tags or older versions; XML has. KeePassXC's groups begin with the root's name, which is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values
from kvtui.services.transfer.model import Item
from kvtui.services.transfer.window import MAX_VALUE, Window

MAX_TEXT = 64 << 20
"""Characters of a file: it is held as a whole."""
_FIELDS = {
    "Username": "username",
    "Login Name": "username",
    "Password": "password",
    "URL": "url",
    "Web Site": "url",
    "TOTP": "totp",
    "Notes": "notes",
    "Comments": "notes",
}
_TITLES = ("Title", "Account")
_APART = {"Group", "Icon", "Last Modified", "Created", *_TITLES}
_RECYCLE_BIN = "Recycle Bin"


def read(window: Window, *, into: str = "") -> Iterator[Item]:
    """The secrets in the order of the file. Raises InvalidInput with the line, never with content."""
    text = window.whole(MAX_TEXT)
    escapes = text.startswith('"Account"')
    csv.field_size_limit(MAX_VALUE)  # of the process, but nobody else reads CSV
    rows = csv.reader(
        StringIO(text, newline=""), strict=True, doublequote=not escapes, escapechar="\\" if escapes else None
    )
    arrangement = Arrangement(into)
    try:
        header = next(rows, [])
        title = next((name for name in _TITLES if name in header), None)
        if title is None or "Password" not in header:
            raise InvalidInput("The first line names no columns of KeePass.", hint="Export with KeePass or KeePassXC.")
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise InvalidInput(
                    f"Line {rows.line_num} has {len(row)} columns, the first one {len(header)}.",
                    hint="Export it again.",
                )
            yield from arrangement.items(_entry(dict(zip(header, row, strict=True)), title))
    except csv.Error:
        raise InvalidInput(f"Line {rows.line_num} is not CSV.", hint="Export it again.") from None


def _entry(row: dict[str, str], title: str) -> Entry:
    values = Values()
    for column, text in row.items():
        if text and column not in _APART:
            values.put(_FIELDS.get(column, column), text)
    folder = row["Group"].split("/")[1:] if row.get("Group") else []
    changed = _time(row.get("Last Modified"))
    is_deleted = folder[:1] == [_RECYCLE_BIN]
    return Entry(
        folder,
        row[title],
        values,
        created_at=_time(row.get("Created")),
        changed_at=changed,
        is_deleted=is_deleted,
        deleted_at=changed if is_deleted else None,
    )


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
