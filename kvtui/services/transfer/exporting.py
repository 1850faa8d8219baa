"""Export: the secrets below a folder, or one secret, as a file that imports exactly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, Locked, NotFound
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import History, Secret, VersionState
from kvtui.domain.value import Fields
from kvtui.services.journal import Act
from kvtui.services.transfer import all_versions as envelope
from kvtui.services.transfer import dotenv, json_tree, kv_json, yaml_tree
from kvtui.services.transfer.guess import guess_type
from kvtui.services.transfer.model import Exported, Format, Problem

if TYPE_CHECKING:
    from kvtui.services.journal import Journal


def export(
    backend: Backend,
    folder: str,
    format: Format,  # noqa: A002 - the word for it
    *,
    all_versions: bool = False,
    journal: Journal | None = None,
) -> Exported:
    """Everything at and below a path ("" for all). Paths in the file are whole; dotenv names are relative.

    Each secret is journaled before it is read. One that cannot be read is a problem and does not stop the others.
    Raises NotFound where nothing is, InvalidInput for all versions in another format than json, Unsupported, Locked.
    """
    folder = paths.check_folder(folder)
    reading = _Reading(backend, journal)
    found = _paths(backend, folder)
    if all_versions:
        if format is not Format.JSON:
            raise InvalidInput("Only json holds all versions.", hint="Use --format json.")
        if not backend.can(Capability.HISTORY):
            backend.read_history(folder)  # says why not
        data = envelope.write(history for path in found for history in reading.history(path))
        return Exported(data, tuple(reading.problems), (*reading.notes, *reading.empty_containers(folder)))
    secrets = reading.secrets(found)
    notes: list[Problem] = []
    match format:
        case Format.JSON:
            data, problems = json_tree.write(secrets)
        case Format.YAML:
            data, problems = yaml_tree.write(secrets)
        case Format.KV_JSON:
            data, problems = kv_json.write(secrets)
        case Format.DOTENV:
            data, problems, notes = dotenv.write(secrets, folder)
    told = (*notes, *reading.summary(), *reading.empty_containers(folder))
    return Exported(data, (*reading.problems, *problems), told)


def _paths(backend: Backend, folder: str) -> Iterator[str]:
    """What is to be exported, sorted. Raises NotFound where there is neither a folder nor a secret."""
    try:
        below = (entry.path for entry in backend.walk(folder))
        first = next(below, None)
    except NotFound:
        backend.read(folder)
        return iter([folder])
    if first is None:
        return iter(())
    if folder:
        try:
            backend.read(folder)
        except NotFound:
            pass
        else:
            return chain([folder, first], below)
    return chain([first], below)


class _Reading:
    """Reads secrets one by one and remembers what could not be read or is left behind."""

    def __init__(self, backend: Backend, journal: Journal | None) -> None:
        self._backend = backend
        self._journal = journal
        self._deleted = self._described = 0
        self._containers: set[str] = set()
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []

    def secrets(self, found: Iterator[str]) -> Iterator[tuple[str, Fields]]:
        """The live ones with their fields."""
        for path in found:
            secret = self._read(path)
            if secret is None:
                continue
            if secret.version.state is not VersionState.LIVE:
                self._deleted += 1
                continue
            patch = MetadataPatch.replacing(secret.metadata)
            self._described += bool(patch) and patch != MetadataPatch(type=guess_type(path, secret.fields))
            yield path, secret.fields

    def history(self, path: str) -> Iterator[History]:
        self._record(path)
        try:
            history = self._backend.read_history(path)
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            self.problems.append(Problem(path, error.message))
        else:
            yield history

    def summary(self) -> Iterator[Problem]:
        if self._deleted:
            yield Problem("", f"Deleted secrets left out: {self._deleted}. --all-versions keeps them.")
        if self._described:
            yield Problem("", f"Secrets whose metadata is not in the file: {self._described}. --all-versions keeps it.")

    def empty_containers(self, folder: str) -> Iterator[Problem]:
        """Those nothing was read from."""
        if self._backend.can(Capability.CONTAINERS):
            for name in self._backend.containers():
                if folder in {"", name} and name not in self._containers:
                    yield Problem(name, "It is an empty container, which no format holds.")

    def _read(self, path: str) -> Secret | None:
        self._record(path)
        try:
            return self._backend.read(path)
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            self.problems.append(Problem(path, error.message))
            return None

    def _record(self, path: str) -> None:
        container, slash, _ = path.partition("/")
        if slash:
            self._containers.add(container)
        if self._journal is not None:
            self._journal.record(Act.EXPORT, path)
