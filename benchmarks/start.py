"""Program start to first frame and first answered key, beside Textual programs in the same run; commands beside Python.

Programs take turns, so that a busy moment meets all of them. Each start of kvtui is followed by its key derivation on
its own: *beyond the KDF* is the difference. It is measured with the vault people have, whose key is derived while the
screen loads, and with the cheapest KDF there is, behind which nothing can hide.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.terminal import Run, Terminal
from benchmarks.vault import CHEAP, kdf_ms
from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

DOWN = b"\x1b[B"
HERE = Path(__file__).parent
PASSPHRASE = "a long enough passphrase for a benchmark"
FLOOR, PEER, KVTUI, CHEAP_KVTUI = (
    "minimal Textual app",
    "Tree + DataTable + TextArea",
    "kvtui, unlocked vault",
    "kvtui, cheapest KDF",
)
LOADED = "import sys; sys.argv = ['kvtui']; import {}; print(len(sys.modules))"


class Program(NamedTuple):
    """What is started: the last text of its first complete frame (of the peer without the keys at its bottom, which
    come later), and a key that it answers."""

    argv: Sequence[str]
    marker: bytes
    key: bytes


OTHERS = {
    "posting": Program(["posting"], b"Collection is empty", DOWN),
    "harlequin": Program(["harlequin"], b"Query Results", DOWN),
}
"""Of the size of ours. They are looked for in the folders of BENCHMARK_PEERS, then of PATH."""


def find(name: str) -> str | None:
    """The path of a peer's program."""
    folders = os.pathsep.join(filter(None, (os.environ.get("BENCHMARK_PEERS"), os.environ.get("PATH"))))
    return shutil.which(name, path=folders)


def measure(program: Program, environment: Mapping[str, str]) -> Run:
    terminal = Terminal(program.argv, environment)
    try:
        frame = terminal.wait_for(program.marker)
        cpu = terminal.cpu_ms
        key = terminal.key(program.key)
        return Run(frame, key, terminal.resident_mb, cpu)
    finally:
        terminal.close()


def median(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(run.frame_ms for run in runs),
        statistics.median(run.key_ms for run in runs),
        statistics.median(run.resident_mb for run in runs),
        statistics.median(run.cpu_ms for run in runs),
    )


def run(repeats: int) -> dict[str, Any]:
    """All numbers, medians of `repeats` rounds; ratios are to the app with tree, table and text area."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "KVTUI_PASSPHRASE": PASSPHRASE,
        }
        vaults = {KVTUI: _vault(home / "usual", None), CHEAP_KVTUI: _vault(home / "cheap", CHEAP)}
        apps = {
            FLOOR: Program([sys.executable, str(HERE / "minimal_app.py"), "--bare"], b"first-frame", b"x"),
            PEER: Program([sys.executable, str(HERE / "minimal_app.py")], b"first-frame", DOWN),
            **{name: Program(_kvtui("--vault", str(vault)), b"Quit", b"l") for name, vault in vaults.items()},
        }
        others = {
            name: other._replace(argv=[found]) for name, other in OTHERS.items() if (found := find(name)) is not None
        }
        apps |= {name: other for name, other in others.items() if _starts(other, environment)}
        return {
            "apps": _screens(apps, vaults, environment, repeats),
            "versions": {name: _version(other.argv[0], environment) for name, other in others.items()},
            "missing": [name for name in OTHERS if name not in apps],
            **_commands(vaults, environment, repeats),
            **_modules(environment),
        }


def _starts(other: Program, environment: Mapping[str, str]) -> bool:
    """Whether a peer works here at all: that it does not is told, and keeps nothing else from being measured."""
    try:
        measure(other, environment)
    except OSError:  # a timeout too, or it has ended
        return False
    return True


def _version(program: str, environment: Mapping[str, str]) -> str:
    told = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, check=False)
    return (told.stdout.split() or [""])[-1]


def _kvtui(*argv: str) -> list[str]:
    return [sys.executable, "-m", "kvtui", *argv]


def _vault(place: Path, kdf: KdfCost | None) -> Path:
    """With one secret; `kdf` None for the one a new vault gets."""
    factory, settings = FileFactory(lambda: place.parent / "state"), {"path": place}
    credential = Credential(SecretValue(PASSPHRASE))
    if kdf is None:
        factory.create(settings, credential)
    else:
        factory.create_with(settings, credential, kdf=kdf)
    with factory.open(settings, credential) as backend:
        backend.write("first-frame/secret", {"value": SecretValue("value")})
    return place


def _screens(
    apps: Mapping[str, Program], vaults: Mapping[str, Path], environment: Mapping[str, str], repeats: int
) -> dict[str, dict[str, float]]:
    credential = Credential(SecretValue(PASSPHRASE))
    runs: dict[str, list[Run]] = {name: [] for name in apps}
    kdfs: dict[str, list[float]] = {name: [] for name in vaults}
    for program in apps.values():
        measure(program, environment)  # what it leaves behind, such as compiled files, is there from now on
    for _ in range(repeats):
        for name, program in apps.items():
            runs[name].append(measure(program, environment))
            if name in vaults:
                kdfs[name].append(kdf_ms(vaults[name], credential, 1))
    medians = {name: median(each) for name, each in runs.items()}
    peer = medians[PEER]
    found = {}
    for name, each in medians.items():
        kdf = statistics.median(kdfs[name]) if name in vaults else 0.0
        frame, key = each.frame_ms - kdf, each.frame_ms + each.key_ms - kdf
        found[name] = {
            "frame_ms": round(each.frame_ms),
            "kdf_ms": round(kdf),
            "frame_beyond_kdf_ms": round(frame),
            "first_key_beyond_kdf_ms": round(key),
            "frame_ratio": round(frame / peer.frame_ms, 2),
            "first_key_ratio": round(key / (peer.frame_ms + peer.key_ms), 2),
            "main_thread_cpu_ms": round(each.cpu_ms),
            "cpu_ratio": round(each.cpu_ms / peer.cpu_ms, 2),
            "rss_mb": round(each.resident_mb),
        }
    return found


def _commands(vaults: Mapping[str, Path], environment: Mapping[str, str], repeats: int) -> dict[str, float]:
    """Whole commands. `get` is of the vault with the cheapest KDF, whose own milliseconds are taken off."""
    vault = vaults[CHEAP_KVTUI]
    commands: dict[str, list[str]] = {
        "python_pass_ms": [sys.executable, "-c", "pass"],
        "version_ms": _kvtui("--version"),
        "get_ms": _kvtui("--vault", str(vault), "get", "first-frame/secret"),
        "get_usual_ms": _kvtui("--vault", str(vaults[KVTUI]), "get", "first-frame/secret"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    kdfs: dict[str, list[float]] = {name: [] for name in vaults}
    credential = Credential(SecretValue(PASSPHRASE))
    for _ in range(2 * repeats):
        for name, argv in commands.items():
            times[name].append(
                _timed(
                    lambda argv=argv: subprocess.run(  # type: ignore[misc]
                        argv, env=environment, check=True, stdout=subprocess.DEVNULL
                    )
                )
            )
        for name, place in vaults.items():
            kdfs[name].append(kdf_ms(place, credential, 1))
    taken = {name: statistics.median(each) for name, each in times.items()}
    kdf = {name: statistics.median(each) for name, each in kdfs.items()}
    return {
        "python_pass_ms": round(taken["python_pass_ms"], 1),
        "version_ms": round(taken["version_ms"], 1),
        "version_ratio": round(taken["version_ms"] / taken["python_pass_ms"], 2),
        "get_beyond_kdf_ms": round(taken["get_ms"] - kdf[CHEAP_KVTUI]),
        "get_usual_beyond_kdf_ms": round(taken["get_usual_ms"] - kdf[KVTUI]),
    }


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def _modules(environment: Mapping[str, str]) -> dict[str, int]:
    """How many modules are loaded before the first frame."""

    def loaded(modules: str) -> int:
        argv = [sys.executable, "-c", LOADED.format(modules)]
        return int(subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout)

    return {
        "modules": loaded("kvtui.cli.main, kvtui.cli.launch, kvtui.ui.app"),
        "modules_of_textual_app": loaded("textual.app"),
        "modules_of_peer": loaded(
            "textual.app, textual.drivers.linux_driver; "
            "from textual.widgets import DataTable, Footer, Input, Static, TextArea, Tree"
        ),
    }
