"""What a command that looks at many folders says of those it could not list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvtui.cli.exits import Exit
from kvtui.cli.output import Output, error_json
from kvtui.domain.json_text import Json

if TYPE_CHECKING:
    from kvtui.services.left_out import LeftOut


def skipped_json(left_out: LeftOut) -> dict[str, Json]:
    """`{"complete": false, "skipped": [{"path", "error"}]}`; nothing where all was looked at."""
    if not left_out:
        return {}
    rows: list[Json] = [{"path": what.path, "error": error_json(what.error)} for what in left_out.places]
    return {"complete": False, "skipped": rows}


def tell_skipped(out: Output, left_out: LeftOut) -> Exit:
    """A note where something was left out, and the exit code."""
    if not left_out:
        return Exit.DONE
    out.note(f"{left_out.told}.")
    return Exit.PARTLY
