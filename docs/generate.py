"""Write what is generated of the documentation: the README's keys and backends' table from the code, and commands.md
from the table that tests/stores runs.

python docs/generate.py           rewrite them
python docs/generate.py --check   fail when they are not what the code says
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from kvtui.actions import ACTIONS, Scope
from kvtui.backends import registry
from kvtui.domain.capability import Capability

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COMMANDS = ROOT / "docs" / "commands.md"
_INTRO = """\
# Commands on each kind of store

Every command line below is run on every kind of store by `test_every_command_does_what_the_table_says`, which also
counts the requests that change something. Where a cell has no *yes*, nothing is changed and nothing that would change
something is sent; the number leads to what is said, and to the exit code. `--read-only` refuses every change with 7.

This page is written by `docs/generate.py`.
"""


def keys() -> str:
    """Every action with a key, in the order of the table."""
    rows = ["| key | action | what it does | id |", "|---|---|---|---|"]
    for action in ACTIONS:
        shown = " ".join(_code(key) for key in action.keys) or "palette"
        where = " (forms)" if action.scope is Scope.DIALOG else ""
        rows.append(f"| {shown} | {action.title}{where} | {action.help} | `{action.id}` |")
    return "\n".join(rows)


def _code(key: str) -> str:
    return "`` ` ``" if key == "`" else f"`{key}`"


def backends() -> str:
    """What each kind of store can do at best."""
    kinds = registry.kinds()
    factories = [registry.factory(kind) for kind in kinds]
    rows = ["| | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    rows.append("| what it is | " + " | ".join(factory.title for factory in factories) + " |")
    for capability in Capability:
        cells = ["yes" if capability in factory.capabilities else "–" for factory in factories]
        rows.append(f"| {capability.title} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def generated(text: str) -> str:
    """The README with its generated parts made anew."""
    for name, part in (("keys", keys()), ("backends", backends())):
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"README.md has {count} places for the generated part {name}")
    return text


def commands() -> str:
    """Every command on every kind of store, with the reasons below."""
    sys.path.insert(0, str(ROOT))
    from tests.stores.table import LINES, STORES  # noqa: PLC0415 - the tests are no package of ours

    reasons: dict[tuple[int, str], int] = {}
    rows = ["| kvtui | what it does | " + " | ".join(STORES.values()) + " |", "|---" * (len(STORES) + 2) + "|"]
    for line in LINES:
        cells = []
        for store in STORES:
            refused = line.refused.get(store)
            number = 0 if refused is None else reasons.setdefault(refused, len(reasons) + 1)
            cells.append(f"[{number}](#why-not)" if number else "yes")
        rows.append(f"| `{line.shown}` | {line.what} | " + " | ".join(cells) + " |")
    told = [f"{number}. Exit {code}: “… {text} …”" for (code, text), number in reasons.items()]
    return "\n".join([_INTRO, *rows, "", "## Why not", "", *told, ""])


def main(argv: list[str]) -> int:
    text = README.read_text(encoding="utf-8")
    wanted = {README: generated(text), COMMANDS: commands()}
    if "--check" not in argv:
        for page, made in wanted.items():
            page.write_text(made, encoding="utf-8")
        return 0
    stale = [
        page.name for page, made in wanted.items() if not page.exists() or page.read_text(encoding="utf-8") != made
    ]
    if stale:
        print(f"{', '.join(stale)}: not what the code says. Run: python docs/generate.py", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
