"""The doctor: what about this machine, this configuration or a vault keeps kvtui from working well or safely."""

from __future__ import annotations

import importlib.util
import os
import resource
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import kvtui
from kvtui import editor, locations
from kvtui.backends.contract import Backend
from kvtui.backends.factory import StoreState
from kvtui.clipboard import tools
from kvtui.config import Config
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import KvtuiError
from kvtui.domain.progress import Progress, silent
from kvtui.services import doctor_files
from kvtui.services.doctor_finding import Finding, Level
from kvtui.services.profiles import Profile, Profiles

_LEAKING = ("KVTUI_PASSPHRASE", "VAULT_TOKEN", "BAO_TOKEN", "TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN")
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock of a running kvtui is before this."""
SKEW = timedelta(seconds=30)
"""From here on one-time codes fail, soon after that tokens."""


def checkup(
    config: Config,
    profiles: Profiles,
    *,
    environ: Mapping[str, str],
    state_dir: Path | None = None,
    theme_problems: Iterable[str] = (),
    now: datetime | None = None,
) -> list[Finding]:
    """Look at everything that can be looked at without opening a store, in a fixed order. Changes nothing.

    `theme_problems` are what loading the themes reported; `environ` is the environment the program was started with.
    """
    return [
        *_configuration(config),
        *_folder("state folder", state_dir or locations.state_dir()),
        *doctor_files.private_files("state folder", state_dir or locations.state_dir()),
        *_folder("data folder", locations.data_dir()),
        *(finding for profile in _all(profiles) for finding in _profile(profile)),
        *_environment(environ),
        *_passphrase_file(environ),
        *_clipboard(environ),
        *_terminal(environ),
        *_editor(config),
        *(Finding(Level.WARNING, "themes", problem, "It is skipped.") for problem in theme_problems),
        *_core_dumps(),
        *_clock(now or datetime.now(UTC)),
        *_installation(),
    ]


def examine(profile: Profile, backend: Backend, progress: Progress = silent) -> list[Finding]:
    """Check everything an open store holds, which may take long. Raises what the store raises."""
    subject = f"profile {profile.name}" if profile.name else "vault"
    if profile.factory.signs_in:
        return [_server(subject, backend, backend.signed_in), *_skew(subject, backend)]
    wrong = [
        Finding(Level.PROBLEM, subject, message, "Restore a backup.") for message in backend.verify(progress=progress)
    ]
    return wrong or [Finding(Level.OK, subject, "What is stored is whole.")]


def _server(subject: str, backend: Backend, who: SignedIn | None) -> Finding:
    trouble = backend.condition()
    if trouble:
        return Finding(Level.PROBLEM, subject, f"The server is {trouble}.", "Ask whoever runs it.")
    if who is None:
        return Finding(Level.OK, subject, "It is open.")
    until = f", until {who.expires_at:%Y-%m-%d %H:%M} UTC" if who.expires_at else ""
    return Finding(Level.OK, subject, f"The server answers, and takes us for {who.name or 'somebody'}{until}.")


def _skew(subject: str, backend: Backend) -> Iterator[Finding]:
    """By the last answer of the server, which was a moment ago."""
    skew = backend.clock_skew
    if skew is None or abs(skew) < SKEW:
        return
    ahead = "ahead of" if skew > timedelta(0) else "behind"
    message = f"The server's clock is {abs(skew) // timedelta(seconds=1)} s {ahead} this machine's."
    hint = "Set the clock that is wrong: tokens, leases and due dates depend on it."
    yield Finding(Level.PROBLEM if abs(skew) >= 10 * SKEW else Level.WARNING, subject, message, hint)


def _configuration(config: Config) -> Iterator[Finding]:
    if config.path is None:
        yield Finding(Level.OK, "configuration", "There is no file; the defaults hold.")
        return
    try:
        status = config.path.stat()
    except OSError as error:
        yield Finding(Level.PROBLEM, "configuration", f"{config.path}: {error.strerror}.", "Check its rights.")
        return
    if status.st_uid not in {0, os.geteuid()}:
        yield Finding(Level.PROBLEM, "configuration", f"{config.path} belongs to another user.", "Write your own.")
    elif status.st_mode & 0o022:
        hint = "Remove their right: chmod go-w."
        yield Finding(Level.PROBLEM, "configuration", f"{config.path} can be changed by others.", hint)
    else:
        yield Finding(Level.OK, "configuration", f"{config.path} is fine.")


def _folder(subject: str, folder: Path) -> Iterator[Finding]:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        yield Finding(Level.OK, subject, f"{folder} is made when it is needed.")
        return
    except OSError as error:
        yield Finding(Level.PROBLEM, subject, f"{folder}: {error.strerror}.", "Check the folders above it.")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield Finding(Level.PROBLEM, subject, f"{folder} is not a folder.", "Move it away.")
    elif status.st_uid != os.geteuid():
        yield Finding(Level.PROBLEM, subject, f"{folder} belongs to another user.", "Give it back with chown.")
    elif status.st_mode & 0o022:
        yield Finding(Level.PROBLEM, subject, f"{folder} can be changed by others.", "Remove their right: chmod go-w.")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(Level.PROBLEM, subject, f"{folder} cannot be written.", "Give yourself the right: chmod u+wx.")
    elif status.st_mode & 0o055:
        yield Finding(Level.WARNING, subject, f"{folder} can be read by others.", "Close it: chmod 700.")
    else:
        yield Finding(Level.OK, subject, f"{folder} is private.")


def _all(profiles: Profiles) -> list[Profile]:
    named = [profiles.get(name) for name in profiles.names]
    return named if profiles.current.name else [profiles.current, *named]


def _profile(profile: Profile) -> Iterator[Finding]:
    subject = f"profile {profile.name}" if profile.name else "vault"
    usable = False
    try:
        yield _probed(subject, profile)
        usable = True
    except KvtuiError as error:
        yield Finding(Level.PROBLEM, subject, error.message, error.hint)
    yield from doctor_files.vault_files(subject, profile, usable=usable)
    yield from doctor_files.credential_files(subject, profile.settings)
    yield from doctor_files.programs(subject, profile)


def _probed(subject: str, profile: Profile) -> Finding:
    state = profile.factory.probe(profile.settings)
    if state is StoreState.MISSING:
        return Finding(Level.NOTE, subject, "There is nothing yet.", "Create it with kvtui init, or open kvtui.")
    told = "It is on a server, which was not asked." if profile.factory.signs_in else "It is there."
    return Finding(Level.OK, subject, told if state is StoreState.READY else "It is there, locked.")


def _environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    found = [name for name in _LEAKING if environ.get(name)]
    for name in found:
        hint = "Use KVTUI_PASSPHRASE_FILE." if name == "KVTUI_PASSPHRASE" else "Use a token helper, or a file."
        message = f"{name} is set: programs of this account can read it."
        yield Finding(Level.WARNING, "environment", message, hint)
    if not found:
        yield Finding(Level.OK, "environment", "No variable holds a secret of ours.")


def _passphrase_file(environ: Mapping[str, str]) -> Iterator[Finding]:
    if named := environ.get("KVTUI_PASSPHRASE_FILE"):
        yield from doctor_files.credential_file("environment", "KVTUI_PASSPHRASE_FILE", named)


def _clipboard(environ: Mapping[str, str]) -> Iterator[Finding]:
    found = tools.find(dict(environ))
    if found:
        yield Finding(Level.OK, "clipboard", f"{found[0].name} is used.")
    else:
        message = "No clipboard tool was found: copies are sent to the terminal and cannot be verified."
        yield Finding(Level.WARNING, "clipboard", message, f"Install {tools.PACKAGES}.")


def _terminal(environ: Mapping[str, str]) -> Iterator[Finding]:
    term = environ.get("TERM", "")
    if term in {"", "dumb", "unknown"}:
        yield Finding(Level.PROBLEM, "terminal", "TERM names no terminal that can draw.", "Set it, as xterm-256color.")
    elif environ.get("COLORTERM") in {"truecolor", "24bit"}:
        yield Finding(Level.OK, "terminal", f"{term}, all colours.")
    elif "256" in term or "direct" in term:
        message = f"{term}: 256 colours, as COLORTERM does not say truecolor."
        yield Finding(Level.NOTE, "terminal", message, "Set COLORTERM=truecolor if it can.")
    else:
        message = f"{term}: perhaps only 16 colours."
        yield Finding(Level.NOTE, "terminal", message, "Use the theme that keeps to them, or set COLORTERM=truecolor.")
    # locale(7): the first that is set and not empty decides.
    variables = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environ[name] for name in variables if environ.get(name)), "")
    if "utf-8" in locale.lower() or "utf8" in locale.lower():
        yield Finding(Level.OK, "locale", f"{locale} is UTF-8.")
    else:
        yield Finding(
            Level.WARNING, "locale", "The locale is not UTF-8: lines and masks may look wrong.", "Set LANG=C.UTF-8."
        )


def _editor(config: Config) -> Iterator[Finding]:
    try:
        program, known, in_memory = editor.describe(config.ui.editor or None)
    except KvtuiError as error:
        yield Finding(Level.NOTE, "editor", error.message, error.hint)
        return
    if known:
        yield Finding(Level.OK, "editor", f"{program} is told to keep no copies.")
    else:
        message = f"{program} is not known here: it may keep swap, backup or history files of what is edited."
        yield Finding(Level.WARNING, "editor", message, "Turn them off in it, or use vim, nano, emacs or micro.")
    if not in_memory:
        message = "There is no memory-backed folder: what is edited is on disk meanwhile."
        yield Finding(Level.WARNING, "editor", message, "Set XDG_RUNTIME_DIR to one, or encrypt the disk.")


def _core_dumps() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft:
        yield Finding(Level.WARNING, "core dumps", "This process could leave a core file.", "Set ulimit -c 0.")
    else:
        yield Finding(Level.OK, "core dumps", "They are off.")


def _clock(now: datetime) -> Iterator[Finding]:
    if now < _RELEASED:
        message = f"The clock says {now:%Y-%m-%d}: due dates, one-time codes and the journal will be wrong."
        yield Finding(Level.PROBLEM, "clock", message, "Set it.")
    else:
        yield Finding(Level.OK, "clock", f"It says {now:%Y-%m-%d %H:%M} UTC.")


def _installation() -> Iterator[Finding]:
    source = Path(kvtui.__file__)
    try:
        compiled = Path(importlib.util.cache_from_source(str(source))).exists()
    except NotImplementedError:
        compiled = True
    if compiled:
        yield Finding(Level.OK, "installation", f"kvtui {kvtui.__version__}.")
    else:
        message = f"kvtui {kvtui.__version__} is not byte-compiled, so that every start takes longer."
        yield Finding(Level.NOTE, "installation", message, f"Run python -m compileall {source.parent}.")
