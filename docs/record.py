"""Record the main flows as text: the real program in a real terminal, keys as a person presses them.

python docs/record.py        writes docs/flows.md; needs tmux
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.tmux import Tmux  # noqa: E402


@dataclass(frozen=True, slots=True)
class Step:
    """Keys (tmux' names; text in quotes is typed), a text that is on the screen when they are answered, and a caption;
    an empty caption is not shown."""

    caption: str
    keys: tuple[str, ...]
    shows: str


FLOW = (
    Step("`kvtui demo` opens a throw-away vault with example data.", (), "integrations"),
    Step("", ("J", "'apps/shop/prod/database'", "Enter"), "apps/shop/prod/database"),
    Step("A secret is shown masked.", (), "••••••••"),
    Step("`r` reveals one field, for 20 seconds.", ("r",), "password"),
    Step("`e` edits: values stay hidden, typing replaces one.", ("e",), "type to replace"),
    Step("The change is reviewed before it is written.", ("'a-new-value'", "C-s"), "Review"),
    Step("Applied with a version check; `u` takes it back.", ("C-s",), "Wrote version"),
    Step("`v` lists the versions.", ("v",), "current"),
    Step("`=` compares the version under the cursor with the newest.", ("j", "="), "Diff"),
    Step("`b` rolls back, as a new version.", ("Escape", "b"), "Roll back"),
    Step("", ("C-s",), "Wrote version"),
    Step("`o` rotates: generated, written, copied.", ("o",), "Recipe"),
    Step("", ("Escape",), "apps/shop"),
    Step("`ctrl+f` finds everywhere, fuzzily.", ("C-f", "'shpdb'"), "apps/shop/prod/database"),
    Step("", ("Escape",), "apps/shop"),
    Step("`d` deletes, after asking.", ("d",), "can be undeleted"),
    Step("`t` lists what can be restored.", ("C-s", "t"), "Trash"),
    Step("`L` locks: nothing readable is left.", ("Escape", "L"), "Passphrase"),
)


def record() -> str:
    parts = ["# The main flows\n\nRecorded by `docs/record.py` from the real program in a terminal of 80 × 24.\n"]
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        with Tmux([sys.executable, "-m", "kvtui", "demo"], Path(home), env=environment) as tmux:
            for step in FLOW:
                for key in step.keys:
                    if key.startswith("'"):
                        tmux.type(key.strip("'"))
                    else:
                        tmux.keys(key)
                    _settle(tmux)
                screen = tmux.wait_for(step.shows)
                if step.caption:
                    parts.append(f"\n{step.caption}\n\n```text\n{_tidy(screen)}\n```\n")
            tmux.keys("C-c")
    return "".join(parts)


def _settle(tmux: Tmux) -> None:
    """Wait until the screen stays as it is."""
    before = ""
    while (now := tmux.screen) != before:
        before = now
        time.sleep(0.3)


def _tidy(screen: str) -> str:
    """Without trailing blanks, and with the demo's random passphrase left out."""
    text = re.sub(r"passphrase: [a-z-]+", "passphrase: …", screen)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


if __name__ == "__main__":
    (ROOT / "docs" / "flows.md").write_text(record(), encoding="utf-8")
