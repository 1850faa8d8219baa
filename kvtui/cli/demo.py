"""demo: the screen on a throw-away vault with example data, which is gone afterwards however the program ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kvtui.cli.arguments import Command
from kvtui.cli.context import Context
from kvtui.cli.launch import launch, require_terminal
from kvtui.domain.codec import to_text
from kvtui.domain.credential import Credential
from kvtui.services.demo import fill
from kvtui.services.generator import Recipe, generate
from kvtui.services.profiles import vault_profile
from kvtui.services.session import Session

_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - what we make there is 0700


class _Ended(BaseException):
    """A signal asked us to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _demo(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    require_terminal(context)
    try:
        with _signals_as_exceptions(), _throw_away_folder() as folder:
            session = _filled_session(folder)
            try:
                return launch(context, session=session)
            finally:
                session.lock()
    except _Ended as ended:
        return 128 + ended.number


def _filled_session(folder: Path) -> Session:
    """An open vault with the example data. Its passphrase is in the banner, for coming back after a lock."""
    passphrase = generate(Recipe(kind="words", words=2))
    profile = vault_profile(folder / "demo.kvtui", name="demo")
    profile = profile._replace(banner=f"DEMO, passphrase: {to_text(passphrase)}")
    session = Session(profile)
    credential = Credential(passphrase)
    session.create(credential)
    session.unlock(credential)
    fill(session.backend, datetime.now(UTC))
    return session


@contextmanager
def _throw_away_folder() -> Iterator[Path]:
    """A private folder, in memory where there is such a place, that also takes what is remembered between runs."""
    memory = str(_IN_MEMORY) if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"kvtui-demo-{os.getpid()}-", dir=memory))
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        yield folder
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before
        shutil.rmtree(folder)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Ending signals run the clean-up; while the screen is up it takes them itself."""

    def end(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature is signal's
        raise _Ended(number)

    before = {number: signal.signal(number, end) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMANDS = {"demo": Command(_demo)}
