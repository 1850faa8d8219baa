"""Four writers on one vault, killed again and again: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.value import SecretValue
from tests.vault.chaos import COUNTER, DESTROYED, Chaos, Kept
from tests.vault.places import Place

ROOT = Path(__file__).parents[2]
WRITERS = 4
ROUNDS_PER_VAULT = 25


@dataclass
class Told:
    """What the loop has seen."""

    kills: int = 0
    acknowledged: int = 0
    reopened_ms: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        middle, most = statistics.median(self.reopened_ms), max(self.reopened_ms)
        return (
            f"{self.kills} kills, {self.acknowledged} acknowledged changes, 0 lost, 0 torn;"
            f" opening after a kill: median {middle:.1f} ms, longest {most:.1f} ms"
        )


class Writer:
    """One process at work; a thread reads what it acknowledges."""

    def __init__(self, place: Place, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.ready = threading.Event()
        self.acknowledged = 0
        command = [sys.executable, str(ROOT / "tests" / "vault" / "chaos.py"), str(place.path), str(place.state)]
        self.process = subprocess.Popen(
            [*command, name, str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == "ready\n":
                self.ready.set()
            elif line.endswith("\n"):
                self.acknowledged = int(line)
        self.ready.set()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._reader.join()
        assert self.process.wait() == -signal.SIGKILL, self.process.stderr and self.process.stderr.read()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def stored(backend: Backend, name: str) -> dict[str, Kept]:
    """Everything of one writer, as the model has it."""
    found = {}
    for entry in backend.walk():
        if entry.path.startswith(f"{name}/"):
            history = backend.read_history(entry.path)
            versions = {
                one.version.number: (one.version.state, "" if one.fields is None else one.fields["value"].reveal())
                for one in history.versions
            }
            found[entry.path] = Kept(versions, history.metadata.description)
    return found


def check(backend: Backend, writer: Writer) -> int:
    """What is there is what was acknowledged, or that and the one change under way. How often it counted at least."""
    chaos = Chaos(writer.name, writer.seed)
    for _ in range(writer.acknowledged):
        chaos.note(*chaos.choose())
    counted = chaos.counted
    actual = stored(backend, writer.name)
    if actual != chaos.secrets:
        chaos.note(*chaos.choose())
        assert actual == chaos.secrets, f"{writer.name}, seed {writer.seed}, after {writer.acknowledged}"
    return counted


def loop(new_place: Any, kills: int) -> Told:
    told = Told()
    chance = random.Random(kills)
    while told.kills < kills:
        place = new_place()
        with place.open() as vault:
            vault.write(COUNTER, {"value": SecretValue(0)})
        least = 0
        for turn in range(ROUNDS_PER_VAULT):
            writers = [Writer(place, f"turn{turn}writer{number}", chance.randrange(10**9)) for number in range(WRITERS)]
            for writer in writers:
                writer.ready.wait()
            time.sleep(chance.random() * 0.12)
            for writer in writers:
                writer.kill()
            started = time.perf_counter()
            with place.open() as vault:
                told.reopened_ms.append((time.perf_counter() - started) * 1000)
                least += sum(check(vault, writer) for writer in writers)
                counted = vault.read(COUNTER).fields["value"].reveal()
                assert least <= counted <= least + WRITERS * (turn + 1)
                assert vault.read(COUNTER).current == counted + 1
                if turn % 5 == 4 or told.kills + WRITERS >= kills:
                    assert vault.verify() == []
            told.kills += WRITERS
            told.acknowledged += sum(writer.acknowledged for writer in writers)
            if told.kills >= kills:
                break
    return told


def test_kills_of_four_writers_lose_and_tear_nothing(new_place: Any) -> None:
    told = loop(new_place, 8)
    assert told.acknowledged > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_kills_of_four_writers_lose_and_tear_nothing(
    new_place: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    told = loop(new_place, 1000)
    assert told.kills == 1000
    assert told.acknowledged > 5000
    with capsys.disabled():
        print(f"\n{told}")


def test_a_model_of_the_chaos_knows_every_kind_of_change() -> None:
    chaos = Chaos("x", 1)
    kinds = set()
    for _ in range(500):
        kind, arguments = chaos.choose()
        chaos.note(kind, arguments)
        kinds.add(kind)
    assert len(kinds) == 11
    assert any(state is DESTROYED for kept in chaos.secrets.values() for state, _ in kept.versions.values())
