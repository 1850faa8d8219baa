"""KVv2 behind the service: versions, what is known of a secret, no listing and no check-and-set.

A map is always read and written whole. Writing one key by its fragment may lose the others, deleting one deletes the
whole secret, and what a fragment's answer means is not certain: so none is ever sent.

One intent is one request that changes something. The version is looked at before, so that a write based on another one
is refused, and after: a lost answer is told by what is there. A token that may not look at metadata is told less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Literal

from kvtui.backends.crud import exact, failures
from kvtui.backends.crud.answers import Known, known_of, map_of, version_in
from kvtui.backends.crud.capabilities import KV2
from kvtui.backends.crud.engine import ONLY, Engine, Look, Standing
from kvtui.backends.crud.failures import GoneError, Operation
from kvtui.backends.crud.places import Place
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.vault import numbers
from kvtui.backends.vault.engine import to_fields
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    Conflict,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import UNSET, Metadata, MetadataPatch
from kvtui.domain.secret import Secret, Version, VersionState
from kvtui.domain.value import Fields, like_fields

KEPT = 10
"""Versions of a secret where nothing is set for it: the engine's own default."""
_MAX_OWNER = 512
_LATER = 5
"""Versions after ours that are looked through for it."""
_BLIND = (PermissionDenied, Unsupported)
"""A token that may not look at metadata, or a provider that tells none."""


class Kv2(Engine):
    capabilities: ClassVar[frozenset[Capability]] = KV2
    lacking: ClassVar[str] = "KVv2 behind this service has none of that."
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType(
        {
            Capability.LIST: "The service does not list KVv2: search, or go to a path by typing it.",
            Capability.INDEX: "The service does not list KVv2: it searches the names directly below a folder.",
        }
    )

    # Reading

    def known(self, at: Place) -> Known:
        """Raises NotFound, and what `_BLIND` holds."""
        found = known_of(self.api.look("/metadata/detail", failures.LOOK, at.uri, about=at.path))
        if found is None:
            raise missing(at.path)
        return found

    def versions(self, at: Place) -> Sequence[Version]:
        found = known_of(self.api.look("/versions", failures.LOOK, at.uri, about=at.path))
        if found is None:
            raise missing(at.path)
        return found.versions

    def read(self, at: Place, version: int | None) -> Secret:
        try:
            known = self.known(at)
        except _BLIND:
            return self._unseen(at, version)
        except NotFound:
            raise missing(at.path) from None
        found = self._version(known, at, known.current if version is None else version)
        if found.state is VersionState.LIVE:
            try:
                return Secret(at.path, found, self._fields(at, found.number), known.metadata, known.current)
            except GoneError as gone:  # since then
                found = found._replace(state=VersionState.DESTROYED if gone.destroyed else VersionState.DELETED)
        return Secret(at.path, found, {}, known.metadata, known.current)

    def _unseen(self, at: Place, version: int | None) -> Secret:
        """What is there for a token that may not look at metadata: which version it is it does not learn."""
        number = ONLY if version is None else Version(version)
        try:
            fields = self._fields(at, version)
        except GoneError as gone:
            state = VersionState.DESTROYED if gone.destroyed else VersionState.DELETED
            return Secret(at.path, Version(number.number, state), {}, Metadata(), number.number)
        except NotFound:
            raise missing(at.path) if version is None else missing_version(at.path, version) from None
        if version is None:
            self.seen.saw(at.path, fields)
        return Secret(at.path, number, fields, Metadata(), number.number)

    def _fields(self, at: Place, version: int | None) -> Fields:
        """Raises GoneError."""
        pinned = [] if version is None else [("version", str(version))]
        return to_fields(map_of(self.api.look("/value", failures.READ, at.uri, pairs=pinned, about=at.path)))

    @staticmethod
    def _version(known: Known, at: Place, number: int) -> Version:
        found = known.version(number)
        if found is None:
            raise missing_version(at.path, number)
        return found

    def standing(self, at: Place) -> Standing:
        try:
            known = self.known(at)
        except NotFound:
            return Standing(is_there=False, mark=0)
        except _BLIND:
            return Standing(is_there=None)
        newest = self._version(known, at, known.current)
        return Standing(is_there=True, mark=known.current, is_live=newest.state is VersionState.LIVE)

    # Writing

    def check(self, path: str, fields: Fields, patch: MetadataPatch) -> None:
        exact.checked(fields, path)
        numbers.check_exact(fields, path)
        _check_owner(patch, path)

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:
        base = self.base(at)
        if expected is not None:
            self.compare(at, base, expected)
        version = self._put("", failures.WRITE, at, fields, base)
        if patch.owner is not UNSET and patch.owner is not None:
            self._own_too(at, version, patch.owner)
        return version

    def rotate(self, at: Place, fields: Fields) -> Version:
        """The others are read and go with them: what the documents say of rotating one key alone differs."""
        now = self.read(at, None)
        if now.version.state is not VersionState.LIVE:
            raise missing(at.path)
        base = now.current if now.version.numbered else None
        return self._put("/rotate", failures.ROTATE, at, {**now.fields, **fields}, base)

    def base(self, at: Place) -> int | None:
        """The current version's number, 0 for none; None where it is not told."""
        try:
            return self.known(at).current
        except NotFound:
            return 0
        except _BLIND:
            return None

    def compare(self, at: Place, base: int | None, expected: int) -> None:
        """The nearest to check-and-set there is. Raises Conflict."""
        if base is None:
            self.seen.check(at.path, self._fields_or_none(at), expected)
        elif base != expected:
            told = f"The current version is {base}, not {expected}." if base else "There is no such secret (any more)."
            raise Conflict(
                told, expected=expected, actual=base, hint="Read it again and repeat the change.", path=at.path
            )

    def _fields_or_none(self, at: Place) -> Fields | None:
        try:
            return self._fields(at, None)
        except (NotFound, GoneError):
            return None

    def _put(self, endpoint: str, what: Operation, at: Place, fields: Fields, base: int | None) -> Version:
        body: Body = {"uri": str(at.uri), "value": fields}
        try:
            made = self.api.change("POST", endpoint, what, body, about=at.path)
        except Unanswered as error:
            version = settle(error, lambda: self.ours(at, fields, base), at.path)
        else:
            version = self._made(at, fields, base, version_in(made))
        self.seen.saw(at.path, fields)
        return version

    def _made(self, at: Place, fields: Fields, base: int | None, number: int | None) -> Version:
        """The version that a write has made. It is written, whatever becomes of looking at it."""
        told = ONLY if number is None else Version(number)
        try:
            if number is None:
                return self.ours(at, fields, base) or told
            return self.known(at).version(number) or told
        except (KvtuiError, GoneError):
            return told

    def ours(self, at: Place, fields: Fields, base: int | None) -> Version | Literal[False] | None:
        """The version after `base` that has these fields; False where none was made, None where that is not told."""
        if base is None:
            now = self._fields_or_none(at)
            return ONLY if now is not None and like_fields(now, fields) else None
        try:
            known = self.known(at)
        except NotFound:
            return None if base else False
        if known.current == base:
            return False
        for version in known.versions:
            if base < version.number <= base + _LATER and version.state is VersionState.LIVE:
                try:
                    if like_fields(self._fields(at, version.number), fields):
                        return version
                except GoneError:
                    continue
        return None

    # What is known of it

    def write_metadata(self, at: Place, patch: MetadataPatch) -> Metadata:
        before = self.known(at).metadata
        _check_owner(patch, at.path)
        if patch.owner is UNSET or patch.owner is None or patch.owner == before.owner:
            return before
        self._own(at, patch.owner, before.owner)
        try:
            return self.known(at).metadata
        except KvtuiError:
            return patch.apply(before)  # it is written, whatever became of the service then

    def _own_too(self, at: Place, version: Version, owner: str) -> None:
        try:
            known = self._owner(at)
            if known != owner:
                self._own(at, owner, known)
        except KvtuiError as error:
            unknown = isinstance(error, Unanswered) and error.may_have_arrived
            raise Unavailable(
                f"The values are written{_as(version)}, the owner {'may not be' if unknown else 'is not'}: "
                + error.message,
                hint="Edit the metadata again.",
                path=at.path,
                retryable=False,
            ) from None

    def _owner(self, at: Place) -> str | None:
        try:
            return self.known(at).metadata.owner
        except _BLIND:
            return None

    def _own(self, at: Place, owner: str, before: str | None) -> None:
        def look() -> bool | None:
            now = self.known(at).metadata.owner
            return True if now == owner else False if now == before else None

        try:
            body = {"uri": str(at.uri), "owner": owner}
            self.api.change("POST", "/metadata/owner", failures.OWNER, body, about=at.path)
        except Unanswered as error:
            settle(error, look, at.path)

    # Deleting. All of it may be done twice without harm: a lost answer is settled by looking.

    def delete(self, at: Place, versions: Sequence[int]) -> None:
        try:
            known = self.known(at)
        except _BLIND:
            if versions:
                raise
            self._remove(at, failures.DELETE, destroy=False, look=lambda: None)
            return
        live = self._chosen(known, at, versions, VersionState.LIVE)
        if any(number != known.current for number in live):
            raise Unsupported(
                "The service deletes the newest version alone.",
                capability=Capability.DELETE.value,
                hint="Older ones can be destroyed.",
                path=at.path,
            )
        if live:
            self._remove(at, failures.DELETE, destroy=False, look=lambda: self._is_deleted(at, known.current))

    def undelete(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        for number in versions or [known.current]:
            if self._version(known, at, number).state is VersionState.DESTROYED:
                raise NotFound(
                    f"Version {number} is destroyed.",
                    hint="Nothing brings it back.",
                    path=at.path,
                    state=VersionState.DESTROYED.value,
                    version=number,
                )
        if deleted := self._chosen(known, at, versions, VersionState.DELETED):
            self._turn("/undelete", failures.UNDELETE, at, deleted, VersionState.LIVE)

    def destroy(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        if not versions:
            self._remove(at, failures.DESTROY, destroy=True, look=lambda: self.base(at) == 0)
            return
        gone = VersionState.DESTROYED
        left = [number for number in dict.fromkeys(versions) if self._version(known, at, number).state is not gone]
        if left:
            self._turn("/destroy-versions", failures.DESTROY, at, left, gone)

    def _chosen(self, known: Known, at: Place, versions: Sequence[int], state: VersionState) -> list[int]:
        """Those of the versions meant (the current one without any) that are in a state. Raises NotFound."""
        wanted = dict.fromkeys(versions or [known.current])
        return [number for number in wanted if self._version(known, at, number).state is state]

    def _is_deleted(self, at: Place, base: int) -> bool | None:
        """None where somebody wrote meanwhile: which version the deletion has met is not told."""
        known = self.known(at)
        if known.current != base:
            return None
        return self._version(known, at, base).state is not VersionState.LIVE

    def _remove(self, at: Place, what: Operation, *, destroy: bool, look: Look) -> None:
        pairs = [("uri", str(at.uri)), ("destroy", "true" if destroy else "false")]
        try:
            self.api.change("DELETE", "", what, pairs=pairs, about=at.path)
        except Unanswered as error:
            settle(error, look, at.path)
        self.seen.saw(at.path, None)

    def _turn(self, endpoint: str, what: Operation, at: Place, versions: Sequence[int], state: VersionState) -> None:
        """Bring versions into a state. They are named one by one: an empty list may mean none, or all."""

        def look() -> bool:
            known = self.known(at)
            return all(self._version(known, at, number).state is state for number in versions)

        try:
            body: Body = {"uri": str(at.uri), "versions": [*versions]}
            self.api.change("POST", endpoint, what, body, about=at.path)
        except Unanswered as error:
            settle(error, look, at.path)


def _check_owner(patch: MetadataPatch, path: str) -> None:
    """Raise InvalidInput for what custom metadata of KVv2 does not hold, or the service cannot say."""
    if patch.owner is UNSET:
        return
    if patch.owner is None:
        raise InvalidInput("The service takes no owner away.", hint="Name another one.", path=path)
    if not patch.owner.isprintable() or not 1 <= len(patch.owner.encode()) <= _MAX_OWNER:
        raise InvalidInput(
            f"An owner is printable text of 1 to {_MAX_OWNER} bytes here.", hint="Shorten it.", path=path
        )


def _as(version: Version) -> str:
    return f" as version {version.number}" if version.numbered else ""
