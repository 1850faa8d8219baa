"""Program start to first frame and first answered key, beside minimal Textual apps in the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.terminal import Run, Terminal

DOWN = b"\x1b[B"
HERE = Path(__file__).parent
PASSPHRASE = "a long enough passphrase for a benchmark"


def measure(argv: Sequence[str], marker: bytes, key_bytes: bytes, environment: dict[str, str]) -> Run:
    terminal = Terminal(argv, environment)
    try:
        frame = terminal.wait_for(marker)
        cpu = terminal.cpu_ms
        key = terminal.key(key_bytes)
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


def command_ms(argv: Sequence[str], environment: dict[str, str], repeats: int) -> float:
    """Median milliseconds of a whole command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def kdf_ms(vault: Path) -> float:
    """Median milliseconds of the vault's own key derivation, in this process."""
    from kvtui.backends.file import header, slots
    from kvtui.domain.credential import Credential
    from kvtui.domain.value import SecretValue

    read = header.read(vault)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        slots.unlock(read, Credential(SecretValue(PASSPHRASE)))
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def run(repeats: int) -> dict[str, object]:
    """All numbers; ratios are to the app with tree, table and text area."""
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
        kvtui = [sys.executable, "-m", "kvtui"]
        vault = home / "vault"
        subprocess.run([*kvtui, "--vault", vault, "init"], env=environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            [*kvtui, "--vault", vault, "set", "first-frame/secret"],
            env=environment,
            check=True,
            input=b"value",
            stdout=subprocess.DEVNULL,
        )
        apps: dict[str, tuple[list[str], bytes, bytes]] = {
            "minimal Textual app": ([sys.executable, str(HERE / "minimal_app.py"), "--bare"], b"first-frame", b"x"),
            "Tree + DataTable + TextArea": ([sys.executable, str(HERE / "minimal_app.py")], b"first-frame", DOWN),
            "kvtui, unlocked vault": ([*kvtui, "--vault", str(vault)], b"first-frame", b"l"),
        }
        runs: dict[str, list[Run]] = {name: [] for name in apps}
        for _ in range(repeats):  # interleaved, so that a busy moment meets all of them
            for name, (argv, marker, key) in apps.items():
                runs[name].append(measure(argv, marker, key, environment))
        medians = {name: median(each) for name, each in runs.items()}
        floor = command_ms([sys.executable, "-c", "pass"], environment, repeats)
        kdf = kdf_ms(vault)
        peer, ours = medians["Tree + DataTable + TextArea"], medians["kvtui, unlocked vault"]
        get = command_ms([*kvtui, "--vault", str(vault), "get", "first-frame/secret"], environment, repeats)
        version = command_ms([*kvtui, "--version"], environment, repeats)
        return {
            "apps": {
                name: {
                    "frame_ms": round(each.frame_ms),
                    "key_ms": round(each.key_ms, 1),
                    "rss_mb": round(each.resident_mb),
                    "main_thread_cpu_ms": round(each.cpu_ms),
                }
                for name, each in medians.items()
            },
            "kdf_ms": round(kdf),
            "frame_ratio": round(ours.frame_ms / peer.frame_ms, 2),
            "frame_cpu_ratio": round(ours.cpu_ms / peer.cpu_ms, 2),
            "frame_ratio_beyond_kdf": round((ours.frame_ms - kdf) / peer.frame_ms, 2),
            "first_key_ratio_beyond_kdf": round((ours.frame_ms + ours.key_ms - kdf) / (peer.frame_ms + peer.key_ms), 2),
            "python_pass_ms": round(floor, 1),
            "version_ms": round(version, 1),
            "version_ratio": round(version / floor, 2),
            "get_beyond_kdf_ms": round(get - kdf),
        }
