"""A process that changes a vault at random until it is killed, and the model that says what it must have done.

Both sides make the same choices from the same seed, so the process tells only how many changes were acknowledged:

chaos.py VAULT STATE NAME SEED        prints `ready`, then the number of each change once it has returned
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Conflict, NotFound
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import VersionState, Write
from kvtui.domain.value import SecretValue

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED
COUNTER = "counter"
_LABEL = "chaos"
OP_WEIGHTS = {"write": 6, "create": 4, "describe": 2, "delete": 2, "undelete": 1, "destroy": 1, "remove": 1, "move": 2,
              "batch": 2, "count": 3, "key": 0.2}  # fmt: skip


@dataclass
class Kept:
    """One secret as it must be: state and value of each version, and its description."""

    versions: dict[int, tuple[VersionState, str]] = field(default_factory=dict)
    description: str = ""

    @property
    def current(self) -> int:
        return max(self.versions, default=0)


class Chaos:
    """The changes of one process, one after the other, each chosen when the one before is done."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.secrets: dict[str, Kept] = {}
        self.counted = 0
        self._random = random.Random(seed)
        self._made = 0

    def choose(self) -> tuple[str, list[Any]]:
        """The next change: what, and with which arguments. It is not done in the model before `note`."""
        kinds = list(OP_WEIGHTS)
        kind = self._random.choices(kinds, [OP_WEIGHTS[each] for each in kinds])[0]
        if not self.secrets and kind not in {"batch", "count", "key"}:
            kind = "create"
        text = f"{self.name} {self._random.randrange(10**9)} " * self._random.randrange(1, 20)
        if kind == "create":
            return kind, [self._new(), text]
        if kind == "batch":
            return kind, [[self._new() for _ in range(self._random.randrange(1, 6))], text]
        if kind in {"count", "key"}:
            return kind, []
        path = self._random.choice(sorted(self.secrets))
        version = self._random.choice(sorted(self.secrets[path].versions))
        more = {"write": [text], "describe": [text[:60]], "move": [self._new()]}
        return kind, [path, *more.get(kind, [version] if kind in {"delete", "undelete", "destroy"} else [])]

    def _new(self) -> str:
        self._made += 1
        return f"{self.name}/folder{self._made % 3}/{self._made}"

    def note(self, kind: str, arguments: list[Any]) -> None:
        """The change is done in the model."""
        if kind == "count":
            self.counted += 1
        elif kind == "batch":
            for path in arguments[0]:
                self.secrets[path] = Kept({1: (LIVE, arguments[1])})
        elif kind == "create":
            self.secrets[arguments[0]] = Kept({1: (LIVE, arguments[1])})
        elif kind == "move":
            self.secrets[arguments[1]] = self.secrets.pop(arguments[0])
        elif kind == "remove":
            del self.secrets[arguments[0]]
        elif kind != "key":
            self._note_version(kind, *arguments)

    def _note_version(self, kind: str, path: str, given: Any) -> None:
        kept = self.secrets[path]
        if kind == "write":
            kept.versions[kept.current + 1] = (LIVE, given)
        elif kind == "describe":
            kept.description = given
        else:
            state, value = kept.versions[given]
            to = {"delete": DELETED, "undelete": LIVE, "destroy": DESTROYED}[kind]
            if state is not DESTROYED:
                kept.versions[given] = (to, "" if to is DESTROYED else value)


def apply(backend: Backend, kind: str, arguments: list[Any]) -> None:
    """The change, in the vault."""
    doing: dict[str, Callable[..., object]] = {
        "create": lambda path, text: backend.write(path, {"value": SecretValue(text)}, expected=0),
        "write": lambda path, text: backend.write(path, {"value": SecretValue(text)}),
        "describe": lambda path, text: backend.write_metadata(path, MetadataPatch(description=text)),
        "delete": lambda path, version: backend.delete(path, [version]),
        "undelete": lambda path, version: _undelete(backend, path, version),
        "destroy": lambda path, version: backend.destroy(path, [version]),
        "remove": backend.destroy,
        "move": backend.move,
        "batch": lambda paths, text: _batch(backend, paths, text),
        "count": lambda: _count(backend),
        "key": lambda: _key(backend),
    }
    doing[kind](*arguments)


def _undelete(backend: Backend, path: str, version: int) -> None:
    try:
        backend.undelete(path, [version])
    except NotFound:  # it is destroyed
        return


def _batch(backend: Backend, paths: list[str], text: str) -> None:
    results = list(backend.write_many(Write(path, {"value": SecretValue(text)}, expected=0) for path in paths))
    for result in results:
        if result.error is not None:
            raise result.error


def _count(backend: Backend) -> None:
    """One more on the counter all processes share, checked."""
    while True:
        secret = backend.read(COUNTER)
        try:
            value = SecretValue(secret.fields["value"].reveal() + 1)
            backend.write(COUNTER, {"value": value}, expected=secret.current)
        except Conflict:
            continue
        return


def _key(backend: Backend) -> None:
    """A change of slots, and back. Kills leave some of them; before there are too many those go too."""
    left = [slot.id for slot in backend.key_slots() if slot.label == _LABEL]
    slot, _ = backend.add_recovery_key(_LABEL)
    for slot_id in [slot.id, *(left if len(left) > 8 else [])]:
        try:
            backend.remove_key_slot(slot_id)
        except NotFound:  # another process was faster
            continue


def main() -> None:
    vault, state, name, seed = sys.argv[1:]
    chaos = Chaos(name, int(seed))
    factory = FileFactory(lambda: Path(state))
    with factory.open({"path": vault}, Credential(SecretValue("correct horse"))) as backend:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        done = 0
        while True:
            kind, arguments = chaos.choose()
            apply(backend, kind, arguments)
            chaos.note(kind, arguments)
            done += 1
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
