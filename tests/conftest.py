"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled code where the environment asks for none beside the sources.

    Every worker, and every program that a test starts, would compile the same modules again: half of what collecting
    takes.
    """
    # Whoever starts this in the background (nohup, &) has signals ignored, and every program inherits that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    if sys.dont_write_bytecode:
        kept = str(config.rootpath / ".pytest_cache" / "bytecode")
        sys.pycache_prefix, sys.dont_write_bytecode = kept, False
        os.environ["PYTHONPYCACHEPREFIX"] = kept
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    gc.disable()  # what is collected stays


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _look_sooner_whether_the_app_rests() -> None:
    """The pilot sleeps 20 ms at a time until the process is idle; most keys are answered in a fraction of it."""
    from textual import _wait

    _wait.SLEEP_GRANULARITY = 1 / 250
    _wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 3
