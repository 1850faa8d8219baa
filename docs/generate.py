"""Write the generated parts of the README from the code: the keys and the backends' table.

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

README = Path(__file__).parents[1] / "README.md"


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


def main(argv: list[str]) -> int:
    text = README.read_text(encoding="utf-8")
    wanted = generated(text)
    if "--check" in argv:
        if text != wanted:
            print("README.md is not what the code says. Run: python docs/generate.py", file=sys.stderr)
            return 1
        return 0
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
