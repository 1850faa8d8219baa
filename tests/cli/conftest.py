"""The command line in this process: on a store in memory for breadth, on a real vault for what only that can do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends import registry
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.cli.inputs import Terminal
from kvtui.cli.main import run
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

PASSPHRASE = "correct horse battery staple"
CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)


class Screen(io.BytesIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Typist(Terminal):
    """A terminal where somebody types these answers, one for each question."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[tuple[str, bool]] = []

    def ask(self, question: str, *, echo: bool = False) -> str:
        self.questions.append((question, echo))
        return self.answers.pop(0)


@dataclass(frozen=True)
class Ran:
    """What one command line came to."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.out.decode("ascii"))

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return found


Cli = Callable[..., Ran]


def run_here(
    *argv: str, stdin: bytes | None = b"", terminal: Terminal | None = None, screen: bool = False, typed: bool = False
) -> Ran:
    """`screen`: standard output and error are a terminal. `typed`: standard input is one."""
    out = Screen() if screen else io.BytesIO()
    err = Screen() if screen else io.BytesIO()
    source = None if stdin is None else Screen(stdin) if typed else io.BytesIO(stdin)
    code = run(list(argv), source, out, err, terminal)
    return Ran(int(code), out.getvalue(), err.getvalue().decode("utf-8"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, nothing of ours in the environment."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))
    for name in ("CONFIG", "PROFILE", "VAULT", "PASSPHRASE_FILE", "PASSPHRASE"):
        monkeypatch.delenv(f"KVTUI_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return place


@pytest.fixture
def config_file(home: Path) -> Path:
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"default: mem\nprofiles:\n  mem: {{backend: memory, name: {home}}}\n"
        f"  other: {{backend: memory, name: {home}/other}}\n"
        f"  locked: {{backend: memory, name: {home}, read_only: true}}\n"
    )
    return file


@pytest.fixture
def cli(config_file: Path) -> Iterator[Cli]:
    """Commands on an empty store in memory; `other` is another profile, `locked` a read-only one of the same store."""
    yield run_here
    registry.factory.cache_clear()


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """The same with three secrets in it."""
    cli("set", "app/db", "-f", "user", "--description", "the database", "--tag", "prod", stdin=b"admin")
    cli("set", "app/db", "-f", "password", stdin=b"hunter2")
    cli("set", "app/api", "--type", "api_key", stdin=b"k-1")
    cli("set", "note", stdin=b"remember")
    return cli


@dataclass(frozen=True)
class Vault:
    """A real vault on disk, its passphrase in a file."""

    path: Path
    passphrase_file: Path
    recovery_key: str

    def __call__(self, *argv: str, **options: Any) -> Ran:
        return run_here("--vault", str(self.path), "--passphrase-file", str(self.passphrase_file), *argv, **options)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    path, file = tmp_path / "v.kvtui", tmp_path / "pass"
    file.write_text(PASSPHRASE + "\n")
    created = FileFactory().create_with({"path": str(path)}, Credential(SecretValue(PASSPHRASE)), kdf=CHEAP)
    assert created.recovery_key is not None
    return Vault(path, file, created.recovery_key.reveal())
