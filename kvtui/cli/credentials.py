"""Where a passphrase comes from: a file, the environment, or a prompt; and where a key file is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from kvtui.cli.inputs import read_file
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AuthenticationRequired, InvalidInput
from kvtui.domain.value import SecretValue, decode_input

MAX_PASSPHRASE_BYTES = 64 * 1024

Ask = Callable[[str], str]


def given_credential(passphrase_file: Path | None, key_file: Path | None) -> Credential | None:
    """What the options and the environment give, in the order of precedence; None when somebody must be asked.

    A key file beside a passphrase means that both are needed together.
    """
    passphrase = _given_passphrase(passphrase_file)
    if passphrase is None and key_file is None:
        return None
    return Credential(passphrase, key_file and key_file.expanduser())


def _given_passphrase(passphrase_file: Path | None) -> SecretValue | None:
    if passphrase_file is None and (named := os.environ.get("KVTUI_PASSPHRASE_FILE")):
        passphrase_file = Path(named)
    if passphrase_file is not None:
        return passphrase_from(passphrase_file)
    if (typed := os.environb.get(b"KVTUI_PASSPHRASE")) is not None:
        return _checked(typed)
    return None


def passphrase_from(file: Path) -> SecretValue:
    """The first line of a file without its line end (`\\n` or `\\r\\n`), spaces kept. Raises InvalidInput and more."""
    line, end, _ = read_file(file.expanduser(), limit=MAX_PASSPHRASE_BYTES, first_line=True).partition(b"\n")
    if end:
        line = line.removesuffix(b"\r")
    return _checked(line)


def ask_passphrase(ask: Ask, question: str) -> SecretValue:
    """A passphrase typed once, to open something."""
    return _checked(ask(question).encode())


def ask_new(ask: Ask, what: str = "New passphrase") -> SecretValue:
    """Something secret typed twice. Raises InvalidInput when the two differ."""
    first = ask(f"{what}: ")
    if ask(f"{what} again: ") != first:
        raise InvalidInput("The two are not the same.", hint="Type it again.")
    return SecretValue(first)


def _checked(typed: bytes) -> SecretValue:
    if not typed:
        raise AuthenticationRequired("The passphrase is empty.", hint="Give the one that opens the vault.")
    return decode_input(typed)
