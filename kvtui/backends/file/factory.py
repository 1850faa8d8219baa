"""The file kind: settings, what is there, opening and creating."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.contract import Backend
from kvtui.backends.factory import BackendFactory, Setting, StoreState
from kvtui.backends.file import checks, files, header
from kvtui.domain.capability import ON_SERVERS, Capability
from kvtui.domain.credential import Created, Credential, KeySlot
from kvtui.domain.errors import AuthenticationRequired, InvalidInput
from kvtui.domain.progress import Progress, silent
from kvtui.locations import state_dir

if TYPE_CHECKING:
    from kvtui.backends.file.header import KdfCost
    from kvtui.domain.backup import Restored
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.salvage import Salvaged

# What needs SQLite and cryptography is imported when a vault is opened: asking whether there is one stays cheap.


class FileFactory(BackendFactory):
    """`state_dir` gives the folder rollback anchors are kept in."""

    kind: ClassVar[str] = "file"
    title: ClassVar[str] = "an encrypted vault on this machine"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability) - ON_SERVERS
    settings: ClassVar[Sequence[Setting]] = (
        Setting("path", str, "the vault's folder", required=True, path=True),
        Setting("key_file", str, "a key file that opens it, alone or with the passphrase", path=True),
        Setting("max_versions", int, "how many versions of a secret are kept, 0 for all"),
    )

    rescues: ClassVar[bool] = True

    def __init__(self, state_dir: Callable[[], Path] = state_dir) -> None:
        self._state_dir = state_dir

    def prepare(self) -> None:
        from kvtui.backends.file import backend, vault  # noqa: F401, PLC0415

    def probe(self, settings: Mapping[str, Any]) -> StoreState:
        vault = _path(settings)
        if not checks.exists(vault):
            return StoreState.MISSING
        checks.inspect(vault)
        types = {slot.type for slot in header.read(vault).slots}
        return StoreState.READY if "keyfile" in types and settings.get("key_file") else StoreState.LOCKED

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,
        conversation: Conversation | None = None,  # noqa: ARG002 - a vault asks for nothing else
    ) -> Backend:
        return self._open(settings, credential, accept_rollback=False)

    def create(self, settings: Mapping[str, Any], credential: Credential) -> Created:
        return self.create_with(settings, credential)

    def create_with(
        self, settings: Mapping[str, Any], credential: Credential, *, kdf: KdfCost | None = None
    ) -> Created:
        """`create` at a chosen cost of the passphrase; None measures this machine."""
        from kvtui.backends.file.creating import create_vault  # noqa: PLC0415

        vault = _path(settings)
        recovery_key = create_vault(vault, _with_key_file(settings, credential), kdf=kdf)
        return Created(location=files.shown(vault), recovery_key=recovery_key)

    def accept_rollback(self, settings: Mapping[str, Any], credential: Credential) -> None:
        """Take a restored vault for the newest one: from then on it opens again. Raises as `open` does."""
        self._open(settings, credential, accept_rollback=True).close()

    def restore(
        self,
        archive: Path,
        settings: Mapping[str, Any],
        credential: Credential,
        *,
        replace: bool = False,
        progress: Progress = silent,
    ) -> Restored:
        from kvtui.backends.file import backups  # noqa: PLC0415

        vault, credential = _path(settings), _with_key_file(settings, credential)
        return backups.restore(archive, vault, credential, self._state_dir(), replace=replace, progress=progress)

    def rescue(self, settings: Mapping[str, Any], credential: Credential) -> Backend:
        from kvtui.backends.file import rescuing  # noqa: PLC0415
        from kvtui.backends.file.backend import FileBackend  # noqa: PLC0415
        from kvtui.backends.read_only import ReadOnlyBackend  # noqa: PLC0415

        opened = rescuing.rescue(_path(settings), _with_key_file(settings, credential), self._state_dir())
        return ReadOnlyBackend(FileBackend(opened), "This is a rescued copy of a damaged vault.")

    def salvage(
        self, settings: Mapping[str, Any], credential: Credential, target: Path, *, progress: Progress = silent
    ) -> Salvaged:
        from kvtui.backends.file import salvaging  # noqa: PLC0415

        vault, credential = _path(settings), _with_key_file(settings, credential)
        return salvaging.salvage(vault, credential, _expanded(target), self._state_dir(), progress=progress)

    def ending_slots(self, settings: Mapping[str, Any], credential: Credential) -> Sequence[KeySlot]:
        from kvtui.backends.file import mastering  # noqa: PLC0415

        return mastering.ending(_path(settings), _with_key_file(settings, credential))

    def rotate_master(
        self,
        settings: Mapping[str, Any],
        credential: Credential,
        *,
        new: Credential | None = None,
        progress: Progress = silent,
    ) -> Created:
        from kvtui.backends.file import mastering  # noqa: PLC0415

        vault, credential = _path(settings), _with_key_file(settings, credential)
        recovery = mastering.rotate_master(vault, credential, self._state_dir(), new=new, progress=progress)
        return Created(location=files.shown(vault), recovery_key=recovery)

    def _open(self, settings: Mapping[str, Any], credential: Credential | None, *, accept_rollback: bool) -> Backend:
        vault = _path(settings)
        credential = _with_key_file(settings, credential or Credential())
        limit = settings.get("max_versions", 0)
        if not isinstance(limit, int) or not 0 <= limit < 2**31:
            raise InvalidInput("max_versions is a number, 0 or more.", hint="0 keeps all versions.")
        if credential.passphrase is None and credential.key_file is None:
            checks.inspect(vault)
            raise AuthenticationRequired("This vault needs a passphrase or a key file.", hint="Give one of them.")
        from kvtui.backends.file.backend import FileBackend  # noqa: PLC0415
        from kvtui.backends.file.vault import open_vault  # noqa: PLC0415

        opened = open_vault(vault, credential, self._state_dir(), accept_rollback=accept_rollback)
        return FileBackend(opened, max_versions=limit)


def _path(settings: Mapping[str, Any]) -> Path:
    path = settings.get("path")
    if not path:
        raise InvalidInput("A file profile needs a path.", hint="Add path: to it.")
    return _expanded(path)


def _expanded(path: str | Path) -> Path:
    try:
        expanded = Path(path).expanduser()
        encoded = str(expanded).encode("utf-8")  # SQLite's names of files are UTF-8
    except (ValueError, RuntimeError):  # a lone surrogate; a home nobody has
        encoded = b"\0"
    if b"\0" in encoded:
        raise InvalidInput("No file can have this path.", hint="Check the profile's settings.")
    return expanded


def _with_key_file(settings: Mapping[str, Any], credential: Credential) -> Credential:
    """A key file named in the profile goes with whatever else is given."""
    configured = settings.get("key_file")
    if configured and credential.key_file is None:
        return Credential(credential.passphrase, _expanded(configured))
    return credential
