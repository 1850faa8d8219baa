"""A disk that fails at any call: what was acknowledged is there, what failed is told in our words, and it goes on."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvtui.domain.value import SecretValue
from tests.vault.chaos import COUNTER, Chaos
from tests.vault.places import Place
from tests.vault.test_kills import stored

ROOT = Path(__file__).parents[2]
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS, "EDQUOT": errno.EDQUOT}

WORK = """
import sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.errors import KvtuiError
from kvtui.domain.value import SecretValue
from tests.vault import chaos
from tests.vault.places import PASSPHRASE

vault, state, seed = sys.argv[1:]
changes = chaos.Chaos("w", int(seed))
done = 0
try:
    with FileFactory(lambda: Path(state)).open({"path": vault}, PASSPHRASE) as backend:
        try:
            for done in range(60):
                kind, arguments = changes.choose()
                chaos.apply(backend, kind, arguments)
                changes.note(kind, arguments)
            done = 60
        except KvtuiError as error:
            print("failed", type(error).__name__, error)
        try:
            backend.write("after", {"value": SecretValue("x")})
            print("after")
        except KvtuiError as error:
            print("still", type(error).__name__)
except KvtuiError as error:
    print("closing", type(error).__name__, error)
print("done", done)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("NOT PROVEN: failing system calls need a C compiler on Linux")
    made = tmp_path_factory.mktemp("shim") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


def run(place: Place, shim: Path, seed: int, at: int, error: str, *, stays: bool) -> list[str]:
    """What the program says that works on the vault while its `at`-th call fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": str(shim),
        "FAULT_PATH": str(place.path),
        "FAULT_AT": str(at),
        "FAULT_ERRNO": str(ERRORS[error]),
        **({"FAULT_STAYS": "1"} if stays else {}),
    }
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(place.path), str(place.state), str(seed)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def sample(new_place: Callable[[], Place], shim: Path, turns: int, seed: int) -> None:
    chance = random.Random(seed)
    failed = 0
    for turn in range(turns):
        place = new_place()
        with place.open() as vault:
            vault.write(COUNTER, {"value": SecretValue(0)})
        error = list(ERRORS)[turn % len(ERRORS)]
        stays = chance.random() < 0.4
        said = run(place, shim, turn, chance.randrange(1, 260), error, stays=stays)
        told = {line.split()[0] for line in said}
        failed += "failed" in told
        done = int(said[-1].split()[1])
        with place.open() as vault:
            assert vault.verify() == []
            chaos = Chaos("w", turn)
            for _ in range(done):
                chaos.note(*chaos.choose())
            actual = stored(vault, "w")
            if actual != chaos.secrets:  # what failed may be there as a whole, as after a lost answer
                assert "failed" in told, said
                chaos.note(*chaos.choose())
                assert actual == chaos.secrets, said
            if "after" in told:
                assert vault.read("after").current == 1
        if not stays:
            assert "still" not in told, said  # once the fault is gone, the process works on
        kept = b"".join(path.read_bytes() for path in place.path.iterdir())
        assert b"w/folder" not in kept  # no plain text was left by what was cut short
    assert failed > turns // 4


def test_a_call_that_fails_loses_nothing_that_was_acknowledged(new_place: Callable[[], Place], shim: Path) -> None:
    sample(new_place, shim, 12, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_hundred_calls_that_fail_lose_nothing_that_was_acknowledged(
    new_place: Callable[[], Place], shim: Path
) -> None:
    sample(new_place, shim, 500, 2)
