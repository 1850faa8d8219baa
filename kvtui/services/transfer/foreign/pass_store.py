"""The stores of pass and gopass, read through these programs: they decrypt, and ask for what they need.

Nothing is written anywhere, and their arguments are names only. An entry is taken for what both make of it: the first
line is the password, `key: value` lines behind it are fields, from the first other line on all is `notes`. What begins
as a key or certificate (`-----BEGIN`), or is not text, is one field `value`.

Two programs are called gopass. gopass of gopasspw lists names by `ls --flat` and knows where its stores are; the one of
Debian (aviau) cannot, so its store is looked for where pass has it. Only pass prints entries to the byte: of line ends
at the end of an entry one is dropped for either.

Source: pass(1), gopass(1), gopasspw/gopass internal/action/show.go and binary.go.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput, NotFound, Unavailable
from kvtui.hardening import child_environment
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values
from kvtui.services.transfer.model import Format, Item

MAX_ENTRY = 64 << 20
"""Bytes of one entry."""
_LINE = re.compile(r"([^\s:][^:]*):(?:[ \t](.*))?", re.DOTALL)
_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]+-----")
_SHOW = ("show", "--")
_SHOW_GOPASSPW = ("show", "--unsafe", "--noparsing", "--alsoclip=false", "--")
"""With `show.autoclip` it would put each password on the clipboard."""
_TRIMMED = "This gopass leaves out line ends at the end, and adds one."
_INTERRUPTED = {-2, 130}


def read_store(form: Format, folder: Path | None = None, *, into: str = "") -> PassStore:
    """The store in a folder, None for where the program has it. Raises Unavailable without the program, NotFound,
    InvalidInput, InvalidPath."""
    return PassStore(form, folder, into=paths.check_folder(into))


class PassStore:
    """The entries of a store, decrypted one by one as they are asked for."""

    chunk = 50
    """How many to decrypt before what differs is written: one takes some 30 ms, or a touch of a key."""

    def __init__(self, form: Format, folder: Path | None, *, into: str) -> None:
        self._tool = form.value
        self._into = into
        program = shutil.which(self._tool)
        if program is None:
            raise Unavailable(
                f"There is no program {self._tool} here.",
                hint=f"Install {self._tool}: it is what decrypts the store.",
                retryable=False,
            )
        self._program = program
        self._environment = _environment(folder)
        names = self._flat() if form is Format.GOPASS else None
        if names is not None and folder is not None:
            raise InvalidInput(
                "This gopass knows where its stores are, and reads no other.",
                hint=f"Leave the folder out, or have pass read it: kvtui import {folder} --format pass",
            )
        self._show = _SHOW if names is None else _SHOW_GOPASSPW
        self.names: Sequence[str] = _names_in(_place(folder)) if names is None else names

    def __iter__(self) -> Iterator[Item]:
        arrangement = Arrangement(self._into)
        for name in self.names:
            *folder, title = name.split("/")
            values, trouble = self._entry(name)
            trimmed = self._show is _SHOW and self._tool == Format.GOPASS and _is_binary(values)
            notes = [_TRIMMED] if trimmed else []
            yield from arrangement.items(Entry(folder, title, values, notes=notes, trouble=trouble))

    def _entry(self, name: str) -> tuple[Values, str]:
        """Its fields, or why there are none."""
        data, code = self._run(*self._show, name)
        if len(data) > MAX_ENTRY:
            return Values(), f"It has more than {MAX_ENTRY >> 20} MiB."
        if code in _INTERRUPTED:
            raise KeyboardInterrupt
        return (Values(), self._failed(code)) if code else (values_of(data), "")

    def _failed(self, code: int) -> str:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        return f"{self._tool} did not give it ({how}); {self._tool} show tells why."

    def _flat(self) -> list[str] | None:
        """The names of all its stores; None where this gopass cannot list them so."""
        listed, code = self._run("ls", "--flat")
        if code:
            return None
        try:
            return [line for line in listed.decode("utf-8").split("\n") if line]
        except UnicodeDecodeError:
            raise InvalidInput("A name in the store is not UTF-8.", hint="Rename it with gopass mv.") from None

    def _run(self, *arguments: str) -> tuple[bytes, int]:
        """What it prints, cut behind MAX_ENTRY, and its exit code.

        It shares our terminal, for whoever asks for a passphrase or a touch.
        """
        with subprocess.Popen(
            [self._program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        ) as child:
            try:
                data = child.stdout.read(MAX_ENTRY + 1) if child.stdout else b""
            except BaseException:
                child.kill()
                raise
            if len(data) > MAX_ENTRY:
                child.kill()
        return data, child.returncode


def values_of(data: bytes) -> Values:
    """The fields of an entry."""
    values = Values()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        values.put("value", data)
        return values
    if _BLOCK.match(text):
        values.put("value", text)
        return values
    password, _, rest = text.removesuffix("\n").partition("\n")
    if password.startswith("otpauth:"):
        values.put("totp", password)
    elif password or not rest:
        values.put("password", password)
    at = 0
    while at < len(rest):
        end = rest.find("\n", at) + 1 or len(rest)
        line = rest[at:end].removesuffix("\n")
        match = _LINE.fullmatch(line)
        if line.startswith("otpauth:"):
            values.put("totp", line)
        elif match is not None:
            values.put(match[1], match[2] or "")
        else:
            break
        at = end
    if rest[at:] and not _take_file(values, rest[at:]):
        values.put("notes", rest[at:])
    return values


def _take_file(values: Values, body: str) -> bool:
    """What gopass fscopy and cat keep: a file in base64, and a field that says so."""
    name = next((name for name in values if name.lower() == "content-transfer-encoding"), None)
    if name is None or str(values[name]).lower() != "base64":
        return False
    try:
        data = base64.b64decode(body.strip(), validate=True)
    except ValueError:
        return False
    del values[name]
    values.put("value", data)
    return True


def _is_binary(values: Values) -> bool:
    return any(isinstance(value, bytes) for value in values.values())


def _environment(folder: Path | None) -> Mapping[str, str]:
    environment = child_environment()
    if folder is not None:
        environment["PASSWORD_STORE_DIR"] = str(folder)
    if "GPG_TTY" not in environment and (terminal := _terminal()) is not None:
        environment["GPG_TTY"] = terminal  # gpg-agent was started elsewhere: it has to be told where to ask
    return environment


def _terminal() -> str | None:
    for descriptor in (0, 2, 1):
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return None


def _place(folder: Path | None) -> Path:
    """Where pass has its store. Raises NotFound."""
    place = folder or Path(os.environ.get("PASSWORD_STORE_DIR") or Path.home() / ".password-store")
    if not place.is_dir():
        raise NotFound(f"There is no store in {place}.", hint="Name its folder: kvtui import FOLDER --format pass")
    return place


def _names_in(store: Path) -> list[str]:
    """The names of its entries, sorted. Symbolic links to folders are followed, as pass does, but not in circles."""
    names = []
    entered: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(store, followlinks=True):
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in entered:
            folders.clear()
            continue
        entered.add((about.st_dev, about.st_ino))
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        below = "" if place == str(store) else f"{os.path.relpath(place, store)}/"
        names += [f"{below}{file.removesuffix('.gpg')}" for file in files if file.endswith(".gpg") and file != ".gpg"]
    return sorted(names)
