"""Secrets of a profile: from a file, a variable, a command, or somebody who is asked. Never from the profile itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvtui.backends.http import programs
from kvtui.domain.conversation import Conversation
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, PermissionDenied
from kvtui.domain.path import display
from kvtui.domain.value import SecretValue

MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class FileContent:
    data: bytes
    readable_by_others: bool


def given(settings: Mapping[str, Any], key: str, environ: Mapping[str, str]) -> SecretValue | None:
    """The secret `key` from `<key>_file`, `<key>_env` or `<key>_command` of a profile; None where it has none
    of them. One newline at its end is dropped.

    Raises InvalidInput, PermissionDenied, Unavailable, AuthenticationRequired for a variable that is not set.
    """
    if (name := settings.get(f"{key}_file")) is not None:
        path = Path(name).expanduser()
        content = read_file(path)
        if content is None:
            raise InvalidInput(f"There is no file {display(str(path))}.", hint=f"Correct {key}_file in the profile.")
        return text(content.data, f"The file {display(str(path))}")
    if (variable := settings.get(f"{key}_env")) is not None:
        if not environ.get(variable):
            raise AuthenticationRequired(
                f"The variable {display(variable)} is not set.", hint=f"The profile's {key}_env names it."
            )
        return SecretValue(environ[variable])
    if (argv := settings.get(f"{key}_command")) is not None:
        what = f"The program of {key}_command"
        return text(programs.run(argv, what=what), f"The output of {key}_command")
    return None


def secret(
    settings: Mapping[str, Any],
    key: str,
    question: str,
    conversation: Conversation | None,
    environ: Mapping[str, str],
    *,
    where: str = "the profile",
) -> SecretValue:
    """As `given`; else what somebody types when asked a question such as "Token". Raises AuthenticationRequired too."""
    found = given(settings, key, environ)
    if found is not None:
        return found
    ways = f"{key}_file, {key}_env or {key}_command"
    return asked(conversation, question, hint=f"Set {ways} in {where}.")


def asked(conversation: Conversation | None, question: str, *, hint: str) -> SecretValue:
    """What somebody types. Raises AuthenticationRequired when nobody can be asked; `hint` says what to do then."""
    if conversation is None:
        raise AuthenticationRequired(f"{question}: nobody can be asked.", hint=hint)
    typed = conversation.ask(question, secret=True)
    if typed.same_as(SecretValue("")):
        raise AuthenticationRequired("Nothing was typed.", hint="Sign in again.")
    return typed


def named(conversation: Conversation | None, question: str, *, hint: str) -> str:
    """A name or number that somebody types, which is no secret. Raises AuthenticationRequired as `asked` does."""
    if conversation is None:
        raise AuthenticationRequired(f"{question}: nobody can be asked.", hint=hint)
    typed = str(conversation.ask(question, secret=False).reveal()).strip()
    if not typed:
        raise AuthenticationRequired("Nothing was typed.", hint="Sign in again.")
    return typed


def read_file(path: Path) -> FileContent | None:
    """A regular file's bytes, through links; None where there is none. Raises InvalidInput for devices, pipes and what
    is too large, PermissionDenied where it may not be read."""
    shown = display(str(path))
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise PermissionDenied(f"{shown} cannot be read: {reason}.", hint="Check its rights.") from None
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise InvalidInput(f"{shown} is not a regular file.", hint="Name a file that holds the secret alone.")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{shown} is larger than {MAX_BYTES} bytes.", hint="It should hold the secret alone.")
    return FileContent(data, bool(mode & 0o077))


def text(data: bytes, where: str) -> SecretValue:
    """Bytes as text without one newline at their end. Raises InvalidInput for none, and for what is not UTF-8."""
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise InvalidInput(f"{where} is empty.", hint="It should hold the secret alone.")
    try:
        return SecretValue(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput(f"{where} is not UTF-8 text.", hint="It should hold the secret alone.") from None


def refuse_shared(path: Path, what: str) -> None:
    """Raise PermissionDenied where others can change what is at a path, or put something else there."""
    for each in (path, path.parent, path.resolve().parent):
        status = each.stat()
        sticky_folder = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid not in {0, os.geteuid()} or (status.st_mode & 0o022 and not sticky_folder):
            raise PermissionDenied(
                f"{display(str(each))} can be changed by others, so {what}.", hint="Remove their rights: chmod go-w."
            )
