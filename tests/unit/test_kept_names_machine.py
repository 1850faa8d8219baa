"""Any history of runs: somebody is shown what they themselves read last, or nothing; never what another one saw."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvtui.domain.secret import Indexed
from kvtui.services import kept_names
from kvtui.services.kept_names import KeptNames

BEGAN = datetime(2026, 1, 2, 12, 3, tzinfo=UTC)
PEOPLE = st.sampled_from(["aa" * 32, "bb" * 32])
KEYS = st.sampled_from([bytes(32), bytes(range(32))])
NAMES = st.lists(st.text(min_size=1, max_size=6), max_size=5)


class Runs(RuleBasedStateMachine):
    """One profile whose file is written and read by two people with the keys of two vaults."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runs = 0
        self.there: tuple[bytes, str, list[str], datetime] | None = None
        """Key, person, names and time of what must be in the file, None where nothing that opens may be."""

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def kept(self, key: bytes, whose: str) -> KeptNames:
        return KeptNames("prod", key, whose, self.folder)

    @rule(key=KEYS, whose=PEOPLE, names=NAMES)
    def reads_all(self, key: bytes, whose: str, names: list[str]) -> None:
        self.runs += 1
        as_of = BEGAN + timedelta(minutes=self.runs)
        writing = self.kept(key, whose).writing()
        for name in names:
            writing.add([Indexed(name)])
        assert writing.save(as_of) == ""
        self.there = (key, whose, names, as_of)

    @rule(key=KEYS, whose=PEOPLE, names=NAMES)
    def reads_not_to_the_end(self, key: bytes, whose: str, names: list[str]) -> None:
        self.kept(key, whose).writing().add(map(Indexed, names))

    @rule(key=KEYS, whose=PEOPLE)
    def begins_a_run(self, key: bytes, whose: str) -> None:
        kept = self.kept(key, whose)
        found = kept.load()
        if self.there is None or self.there[:2] != (key, whose):
            assert found is None
            assert bool(kept.note) == (self.there is not None)
            self.there = None
        else:
            assert found is not None
            assert ([row.path for row in found.names], found.as_of) == self.there[2:]
            assert kept.note == ""

    @rule(at=st.integers(0, 200), bit=st.integers(0, 7))
    def is_damaged(self, at: int, bit: int) -> None:
        if self.there is None:
            return
        key, whose, _, _ = self.there
        kept = self.kept(key, whose)
        data = bytearray(kept.file.read_bytes())
        data[at % len(data)] ^= 1 << bit
        kept.file.write_bytes(data)
        assert kept.load() is None
        assert kept.note
        self.there = None

    @rule()
    def is_forgotten(self) -> None:
        assert kept_names.forget("prod", self.folder) == (self.there is not None)
        self.there = None

    @invariant()
    def nothing_else_is_left(self) -> None:
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        assert len(files) == (self.there is not None)


TestRuns = Runs.TestCase
TestRuns.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
