"""Export: the secrets below a folder, or one secret, as a file that imports exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, Locked, NotFound
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import History, Secret, VersionState
from kvtui.domain.value import Fields
from kvtui.services.journal import Act
from kvtui.services.transfer import dotenv, json_tree, kv_json, yaml_tree
from kvtui.services.transfer.guess import guess_type
from kvtui.services.transfer.listed import Listed, listed
from kvtui.services.transfer.model import Exported, Format, Problem, Report
from kvtui.services.transfer.names import Names
from kvtui.services.transfer.tree import unfit
from kvtui.services.transfer.tree_order import in_tree_order
from kvtui.services.transfer.writing import JsonWriter, Sink, YamlWriter, write_envelope, write_flat

if TYPE_CHECKING:
    from kvtui.services.journal import Journal

_CHUNK = 1000
"""Secrets journaled, and then read, together."""


def export(
    backend: Backend,
    folder: str,
    format: Format,  # noqa: A002 - the word for it
    *,
    all_versions: bool = False,
    partial: bool = False,
    journal: Journal | None = None,
) -> Exported:
    """An export as a whole; see `export_to`."""
    pieces: list[str] = []
    report = export_to(
        pieces.append, backend, folder, format, all_versions=all_versions, partial=partial, journal=journal
    )
    return Exported(report.problems, report.notes, "".join(pieces).encode("utf-8"))


def export_to(
    sink: Sink,
    backend: Backend,
    folder: str,
    format: Format,  # noqa: A002
    *,
    all_versions: bool = False,
    partial: bool = False,
    journal: Journal | None = None,
    progress: Progress = silent,
) -> Report:
    """Everything at and below a path ("" for all). Paths in the file are whole; dotenv names are relative.

    Streams, with a bounded number of secrets in memory; progress counts them. Each is journaled before it is read. One
    that cannot be read is a problem and does not stop the others. Folders that cannot be listed refuse all of it before
    anything is written, as PermissionDenied or Unavailable; with `partial` they are problems too. Raises NotFound where
    nothing is, InvalidInput for all versions in another format than json, Unsupported, Locked.
    """
    folder = paths.check_folder(folder)
    if format not in Format.written():
        raise InvalidInput(f"{format} is only read.", hint=f"Use one of: {', '.join(Format.written())}.")
    reading = _Reading(backend, listed(backend, folder, partial=partial), journal, progress)
    found = reading.names.all()
    reading.problems += (
        Problem(what.path, f"What is in it is missing: {what.error.message}") for what in reading.names.left_out
    )
    if all_versions:
        if format is not Format.JSON:
            raise InvalidInput("Only json holds all versions.", hint="Use --format json.")
        if not (backend.can(Capability.HISTORY) or backend.can(Capability.VERSIONS)):
            backend.read_history(folder)  # says why not
        write_envelope(reading.histories(found), sink)
        return Report(tuple(reading.problems), (*reading.notes, *reading.empty_containers(folder)))
    match format:
        case Format.JSON:
            JsonWriter(sink).write(_Nested(reading, json_tree.refuses).secrets(found))
        case Format.YAML:
            YamlWriter(sink).write(_Nested(reading, yaml_tree.refuses).secrets(found))
        case Format.KV_JSON:
            write_flat(reading.fitting(found, kv_json.refuses), sink)
        case Format.DOTENV:
            _write_dotenv(reading, found, folder, sink)
    return Report(tuple(reading.problems), (*reading.notes, *reading.summary(), *reading.empty_containers(folder)))


_Refuses = Callable[[str, Fields], str | None]
"""Why a format cannot hold a secret, None if it can."""


class _Reading:
    """Reads secrets in bulk and remembers what could not be read or is left behind."""

    def __init__(self, backend: Backend, names: Listed, journal: Journal | None, progress: Progress) -> None:
        self.backend = backend
        self.names = names
        self._journal = journal
        self._progress = progress
        self._done = self._deleted = self._described = 0
        self._containers: set[str] = set()
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []

    def quiet(self, *, journaled: bool) -> _Reading:
        """One that reads the same again, of which nothing is told."""
        return _Reading(self.backend, self.names, None if journaled else self._journal, silent)

    def secrets(self, found: Iterator[str]) -> Iterator[tuple[str, Fields]]:
        """The live ones with their fields."""
        for chunk in self._chunks(found):
            for path, read in zip(chunk, self.backend.read_many(chunk), strict=True):
                if read.error is not None:
                    self.problems.append(Problem(path, read.error.message))
                elif read.secret is not None and self._is_live(read.secret):
                    yield path, read.secret.fields

    def fitting(self, found: Iterator[str], refuses: _Refuses) -> Iterator[tuple[str, Fields]]:
        """The live ones that a format can hold."""
        for path, fields in self.secrets(found):
            if reason := refuses(path, fields):
                self.problems.append(Problem(path, reason))
            else:
                yield path, fields

    def histories(self, found: Iterator[str]) -> Iterator[History]:
        for chunk in self._chunks(found):
            for path in chunk:
                try:
                    history = self._history(path)
                except (Locked, AuthenticationRequired):
                    raise
                except NotFound:
                    continue  # gone since it was listed
                except KvtuiError as error:
                    self.problems.append(Problem(path, error.message))
                else:
                    yield history

    def _history(self, path: str) -> History:
        """As the store gives it, or version by version; what it keeps back is told."""
        if self.backend.can(Capability.HISTORY):
            return self.backend.read_history(path)
        from kvtui.services.packing import as_history, pack  # noqa: PLC0415 - most stores give it whole

        history, lost = as_history(pack(self.backend, path))
        self.notes += (Problem(path, loss.what) for loss in lost)
        return history

    def summary(self) -> Iterator[Problem]:
        if self._deleted:
            yield Problem("", f"Deleted secrets left out: {self._deleted}. --all-versions keeps them.")
        if self._described:
            yield Problem("", f"Secrets whose metadata is not in the file: {self._described}. --all-versions keeps it.")

    def empty_containers(self, folder: str) -> Iterator[Problem]:
        """Those nothing was read from."""
        if self.backend.can(Capability.CONTAINERS):
            for name in self.backend.containers():
                if folder in {"", name} and name not in self._containers:
                    yield Problem(name, "It is an empty container, which no format holds.")

    def _chunks(self, found: Iterator[str]) -> Iterator[list[str]]:
        while chunk := list(islice(found, _CHUNK)):
            self._progress(self._done, None)
            self._containers.update(path.partition("/")[0] for path in chunk if "/" in path)
            if self._journal is not None:
                self._journal.record_many(Act.EXPORT, chunk)
            yield chunk
            self._done += len(chunk)

    def _is_live(self, secret: Secret) -> bool:
        if secret.version.state is not VersionState.LIVE:
            self._deleted += 1
            return False
        patch = MetadataPatch.replacing(secret.metadata)
        self._described += bool(patch) and patch != MetadataPatch(type=guess_type(secret.path, secret.fields))
        return True


class _Nested:
    """The secrets of a nested document, in its order, without those it cannot hold."""

    def __init__(self, reading: _Reading, refuses: _Refuses) -> None:
        self._reading = reading
        self._format_refuses = refuses

    def secrets(self, found: Iterator[str]) -> Iterator[tuple[str, Fields]]:
        rest = self._reading.fitting(in_tree_order(found, self._reading.names.below), self._refuses)
        held = next(rest, None)
        while held is not None:
            following = next(rest, None)
            path, fields = held
            if following is not None and paths.is_under(following[0], path) and (clash := self._clash(path, fields)):
                self._reading.problems.append(Problem(path, f"It is a secret and a folder, and {clash}. Use kv-json."))
            else:
                yield held
            held = following

    def _clash(self, path: str, fields: Fields) -> str | None:
        """Why a secret cannot share a map with what is below it."""
        if not fields:
            return "it is empty"
        if any(self._is_any_at(f"{path}/{name}") for name in fields):
            return "its fields and the names below it clash"
        return None

    def _is_any_at(self, path: str) -> bool:
        """Whether anything at or below a path is going to be in the document."""
        try:
            found = chain([paths.check(path)], self._reading.names.below(path))
        except KvtuiError:  # a field's name need not be one of a path
            return False
        again = self._reading.quiet(journaled=False)
        return any(True for _ in again.fitting(found, self._refuses))

    def _refuses(self, path: str, fields: Fields) -> str | None:
        return unfit(path, fields) or self._format_refuses(path, fields)


def _write_dotenv(reading: _Reading, found: Iterator[str], folder: str, sink: Sink) -> None:
    """Gone through twice: whether two variables have one name shows at the end of the first time."""
    refuses: _Refuses = lambda _path, fields: dotenv.refuses(fields)  # noqa: E731
    names, clashing = Names(), set()
    for path, fields in reading.fitting(found, refuses):
        for name in _variables(path, folder, fields).values():
            if not names.add(name):
                clashing.add(name)
    names = Names()
    again = reading.quiet(journaled=True)
    for path, fields in again.fitting(reading.names.all(), refuses):
        variables = _variables(path, folder, fields)
        # Not even a secret written since the first time may be in the way of another.
        clash = next((name for name in variables.values() if name in clashing or not names.add(name)), None)
        reading.notes.extend(dotenv.notes(path, fields))
        if clash is not None:
            reading.problems.append(Problem(path, f"Its variable would be {clash}, as another's."))
        else:
            sink("".join(dotenv.line(variables[name], dotenv.text_of(value)) for name, value in fields.items()))


def _variables(path: str, folder: str, fields: Fields) -> dict[str, str]:
    return dotenv.variables(dotenv.relative_to(path, folder, fields), fields)
