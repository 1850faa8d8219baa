"""What one command line works with: its options, its streams, and the stores it opens, each closed at the end."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from kvtui.backends.factory import StoreState
from kvtui.cli.arguments import GlobalOptions
from kvtui.cli.credentials import ask_passphrase, given_credential
from kvtui.cli.inputs import Terminal, no_terminal
from kvtui.cli.output import Output
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.credential import Credential
from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.services.profiles import Profile, Profiles, load
from kvtui.services.session import Session
from kvtui.text import show_name

if TYPE_CHECKING:
    from pathlib import Path

    from kvtui.actions import Keymap
    from kvtui.config import Config
    from kvtui.domain.conversation import Conversation


class Context:
    """Handed to every command. Stores are opened when first asked for, each once."""

    def __init__(
        self, options: GlobalOptions, stdin: BinaryIO | None, out: Output, terminal: Terminal | None = None
    ) -> None:
        self.options = options
        self.stdin = stdin
        self.out = out
        self._terminal = terminal
        self._config: Config | None = None
        self._profiles: Profiles | None = None
        self._sessions: list[tuple[Session, Credential]] = []
        self._noted: dict[Session, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all stores that were opened, and forget their keys. Closing twice is fine."""
        for session, _ in self._sessions:
            if session.is_open:
                self._tell_notes(session)
            session.lock()
        self._sessions.clear()

    # -- asking

    @property
    def is_interactive(self) -> bool:
        """Whether a question can be asked: somebody sits there, and standard input is not the data."""
        return self._terminal is not None and self.stdin is not None and self.stdin.isatty()

    def ask(self, question: str) -> str:
        """Something secret, typed without echo. Raises AuthenticationRequired without a terminal."""
        if self._terminal is None:
            raise no_terminal()
        return self._terminal.ask(question)

    def ask_echoed(self, question: str) -> str:
        """Something that is not secret. Raises AuthenticationRequired without a terminal."""
        if self._terminal is None:
            raise no_terminal()
        return self._terminal.ask(question, echo=True)

    @property
    def conversation(self) -> Conversation | None:
        """With whoever sits at the terminal; None where nobody does."""
        if self._terminal is None:
            return None
        from kvtui.cli.signing_in import TerminalConversation  # noqa: PLC0415

        return TerminalConversation(self)

    # -- configuration

    @property
    def config_path(self) -> Path:
        from kvtui import locations  # noqa: PLC0415

        chosen = self.options.config
        return chosen.expanduser().absolute() if chosen is not None else locations.config_file()

    @property
    def config(self) -> Config:
        """Raises InvalidInput."""
        if self._config is None:
            from kvtui.config import load as load_config  # noqa: PLC0415

            path = self.config_path
            if self.options.config is not None and not path.exists():
                raise InvalidInput(f"There is no file {path}.", hint="Name another with --config.")
            self._config = load_config(path)
        return self._config

    def keymap(self) -> Keymap:
        """The keys of the screen. Raises InvalidInput with the file and line of one that cannot work."""
        from kvtui.actions import Keymap, WrongKey  # noqa: PLC0415

        config = self.config
        try:
            return Keymap(config.keymap)
        except WrongKey as error:
            config.refuse(config.keymap_lines[error.action], error.message, error.hint)

    @property
    def profiles(self) -> Profiles:
        """Raises InvalidInput."""
        if self._profiles is None:
            options = self.options
            self._profiles = load(
                self.config,
                environ=os.environ,
                vault=options.vault,
                name=options.profile,
                read_only=options.read_only,
                rescue=options.rescue,
            )
        return self._profiles

    # -- stores

    def at(self, address: str) -> tuple[Session, str]:
        """The open store and the path that `PROFILE:path` or `path` names. Raises InvalidPath, and as opening does."""
        profile, path = self.profiles.parse_address(address)
        path = paths.check(path)
        return self.session(profile), path

    def at_folder(self, address: str) -> tuple[Session, str]:
        """Like at, for a folder; the root is ""."""
        profile, path = self.profiles.parse_address(address)
        path = paths.check_folder(path)
        return self.session(profile), path

    def session(self, profile: Profile | None = None) -> Session:
        """The open store of a profile, the current one by default."""
        profile = profile or self.profiles.current
        for session, _ in self._sessions:
            if session.profile is profile:  # a vault named directly may have the name of a profile
                return session
        session = Session(profile)
        credential = self._credential(session)
        session.unlock(credential, self.conversation)
        self._sessions.append((session, credential or Credential()))
        self._tell_notes(session)
        return session

    def _tell_notes(self, session: Session) -> None:
        """What its store has to say that was not said yet."""
        for note in session.backend.notes[self._noted.get(session, 0) :]:
            self.out.note(note)
        self._noted[session] = len(session.backend.notes)

    def caution(self, session: Session, path: str, needs: Capability = Capability.WRITE) -> None:
        """Say what is to be known before something is changed there, if that can be done at all."""
        if (said := session.backend.caution(path)) and session.can(needs, path):
            self.out.note(f"{self.out.name(path)}: {said}")

    def credential_of(self, session: Session) -> Credential:
        """What an open store was opened with."""
        return next(credential for opened, credential in self._sessions if opened is session)

    def given_credential(self) -> Credential | None:
        """What the options and the environment give; None when somebody must be asked."""
        return given_credential(self.options.passphrase_file, self.options.key_file)

    def credential(self, profile: Profile) -> Credential:
        """What opens a profile's store: given, else typed."""
        which = "" if profile is self.profiles.current else f" for {show_name(profile.name)}"
        return self.given_credential() or Credential(ask_passphrase(self.ask, f"Passphrase{which}: "))

    def _credential(self, session: Session) -> Credential | None:
        match session.probe():
            case StoreState.MISSING:
                raise NotFound(f"There is no vault: {location(session.profile)}.", hint="Create one with kvtui init.")
            case StoreState.READY:
                return self.given_credential()
            case StoreState.LOCKED:
                return self.credential(session.profile)


def location(profile: Profile) -> str:
    """Where a profile's store is, for messages, before it is open: settings are never secret."""
    return str(profile.settings.get("path") or profile.settings.get("url") or profile.kind)
