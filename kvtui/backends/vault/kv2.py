"""KV version 2 (vault's builtin/logical/kv).

One intent is one request that changes something. Where its answer is lost the secret is read back: the next version
with our fields is ours; an unchanged one means that nothing was done so far; another's is a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing
from kvtui.backends.vault import labels, numbers, patching
from kvtui.backends.vault.answers import (
    described_in,
    numbered,
    retention_of,
    settings_of,
    written,
)
from kvtui.backends.vault.api import CasMismatchError
from kvtui.backends.vault.engine import (
    Known,
    Place,
    to_map,
)
from kvtui.backends.vault.kv2_reading import Kv2Reading
from kvtui.domain.errors import Conflict, KvtuiError, NotFound, PermissionDenied, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Version, VersionState
from kvtui.domain.value import Fields, like_fields

KEPT = 10
"""Versions of a secret where neither it nor its mount says (path_data.go)."""
_GONE = "There is no such secret (any more)."
_TRIES = 5
"""Writes over whatever is there that others keep overtaking."""


class Kv2(Kv2Reading):
    # Writing

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:
        data = to_map(fields, at.path)
        if patch:
            labels.patched(self._known_or_new(at, patch).labels, patch)  # refused before anything is sent
        version = self._put(at, data, fields, expected)
        if patch:
            try:
                self._describe(at, patch, None)
            except KvtuiError as error:
                unknown = isinstance(error, Unanswered) and error.may_have_arrived
                raise Unavailable(
                    f"Version {version.number} is written, its metadata {'may not be' if unknown else 'is not'}: "
                    + error.message,
                    hint="Edit the metadata again.",
                    path=at.path,
                    retryable=False,
                ) from None
        return version

    def check(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:
        super().check(path, fields, metadata)
        numbers.check_exact(fields, path)
        labels.patched({}, metadata)

    def caveats(self, fields: Fields) -> Mapping[str, str]:
        return numbers.rounded(fields)

    def _put(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int | None) -> Version:
        if expected is not None:
            return self._put_onto(at, data, fields, expected)
        for _ in range(_TRIES):  # over whatever is there, but still with a version: a lost answer can be told then
            base = self._base(at)
            if base is None:
                return self._send(at, {"data": dict(data)})
            try:
                return self._send_onto(at, data, fields, base)
            except CasMismatchError:
                continue
        raise self._conflict(at, base or 0)

    def patch(self, at: Place, fields: Fields, expected: int | None) -> Version:
        patching.check(fields, at.path)
        base = self._base(at) if expected is None else expected
        if base == 0 or (base is not None and base < 0):
            raise self._conflict(at, base) if expected is not None else missing(at.path)
        try:
            made = patching.send(self.api, self.where("data", at), at, fields, base)
        except CasMismatchError:
            raise self._conflict(at, base or 0) from None
        except Unanswered as error:
            outline, read = partial(self.outline, at, None), partial(self.read, at)
            made = patching.settled(error, at, fields, base, outline=outline, read=read)
        self._written.remember(at.path, made.number)
        return made

    def _base(self, at: Place) -> int | None:
        """The current version's number, 0 for none; None where this token may only write."""
        try:
            return self.known(at).current
        except NotFound:
            return 0
        except PermissionDenied:
            pass
        try:
            return self.read(at, None).current
        except NotFound:
            return 0
        except PermissionDenied:
            return None

    def _put_onto(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int) -> Version:
        if expected < 0:
            raise self._conflict(at, expected)
        try:
            return self._send_onto(at, data, fields, expected)
        except CasMismatchError:
            raise self._conflict(at, expected) from None

    def _send_onto(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int) -> Version:
        """Raises CasMismatchError, by which alone it is certain that another write would be the first one."""
        try:
            return self._send(at, {"data": dict(data), "options": {"cas": expected}})
        except Unanswered as error:
            ours = settle(error, lambda: self._ours(at, fields, expected), at.path)
            self._written.remember(at.path, ours.number)
            return ours

    def _send(self, at: Place, body: dict[str, Json]) -> Version:
        version = written(self.api.change("POST", self.where("data", at), body, about=at.path))
        self._written.remember(at.path, version.number)
        return version

    def _ours(self, at: Place, fields: Fields, expected: int) -> Version | Literal[False] | None:
        """The version after `expected` if it is ours; others may have written over it already. Raises Conflict where it
        is another's."""
        try:
            secret = self.read(at, expected + 1)
        except NotFound:
            return False if self._base(at) == expected else None
        if secret.version.state is not VersionState.LIVE:
            return None
        if not like_fields(secret.fields, fields):
            raise self._conflict(at, expected, secret.current)
        return secret.version

    def _conflict(self, at: Place, expected: int, actual: int | None = None) -> Conflict:
        """The error for a write that the server refused, whatever can be found out of what is there instead."""
        if actual is None:
            try:
                actual = self._base(at)
            except KvtuiError:
                actual = None
        if actual is None:
            told = f"The current version is another than {expected}."
        else:
            told = f"The current version is {actual}, not {expected}." if actual else _GONE
        return Conflict(
            told,
            expected=expected,
            actual=actual or 0,
            hint="Read it again and repeat the change.",
            path=at.path,
        )

    def write_metadata(self, at: Place, patch: MetadataPatch, retention: Retention | None) -> Metadata:
        before = self.known(at).metadata
        self._describe(at, patch, retention)
        try:
            return self.known(at).metadata
        except KvtuiError:
            return patch.apply(before)  # it is written, whatever became of the server then

    def retention(self, at: Place) -> Retention:
        reply = self.api.get(self.where("metadata", at), about=at.path)
        if reply is None:
            raise missing(at.path)
        return retention_of(reply.data)

    def write_retention(self, at: Place, change: Retention) -> None:
        self._describe(at, MetadataPatch(), change)

    def _describe(self, at: Place, patch: MetadataPatch, retention: Retention | None) -> None:
        """Labels and settings in one request, over what others change meanwhile: as a patch, whose labels the server
        takes only as a whole. OpenBao checks that they are still those it was made of."""
        settings = {} if retention is None else settings_of(retention, at.path)
        if not patch and not settings:
            return
        for _ in range(_TRIES):
            known = self._known_or_new(at, patch)
            body: dict[str, Json] = {**settings}
            described = labels.patched(known.labels, patch) if patch else known.labels
            if patch:
                body["custom_metadata"] = {**described}
            if known.revision is not None:
                body["metadata_cas"] = known.revision
            try:
                self.api.change("POST", self.where("metadata", at), body, about=at.path)
            except CasMismatchError:
                continue
            except Unanswered as error:
                look = partial(self._is_described, at, patch, described, retention, known)
                settle(error, look, at.path)
            return
        raise Conflict(
            "Others keep changing what is known about it.",
            expected=known.current,
            actual=known.current,
            hint="Try again.",
            path=at.path,
        )

    def _is_described(
        self,
        at: Place,
        patch: MetadataPatch,
        described: Mapping[str, str],
        retention: Retention | None,
        before: Known,
    ) -> bool | None:
        """None where somebody else has changed it too, before or after us."""
        now = self._described(at)
        kept = retention is None or now.retention.changed(retention) == now.retention
        if kept and (not patch or now.labels == described):
            return True
        return False if (now.labels, now.retention) == (before.labels, before.retention) else None

    def _known_or_new(self, at: Place, patch: MetadataPatch) -> Known:
        """As `_described`. A token that may not look can only change settings."""
        try:
            return self._described(at)
        except PermissionDenied:
            if patch:
                raise
            return Known(0, (), Metadata())

    def _described(self, at: Place) -> Known:
        """Also of a path that has no version yet."""
        reply = self.api.get(self.where("metadata", at), about=at.path)
        return Known(0, (), Metadata()) if reply is None else described_in(reply.data)

    # Deleting. All of it may be done twice without harm: a lost answer is settled by looking.

    def delete(self, at: Place, versions: Sequence[int]) -> None:
        base = None if versions else self._base(at)
        if base == 0:
            raise missing(at.path)
        if not versions:
            self._delete_current(at, base)
        elif live := self._chosen(at, versions, VersionState.LIVE):
            self._flip("POST", "delete", at, live, VersionState.DELETED)

    def _delete_current(self, at: Place, base: int | None) -> None:
        """Whichever it is by then; `base` was it a moment ago, as far as that can be told."""

        def look() -> bool | None:
            known = self.known(at)
            if known.current != base:
                return None  # somebody wrote: which version ours has met is not told
            return numbered(known, at, known.current).state is not VersionState.LIVE

        try:
            self.api.change("DELETE", self.where("data", at), about=at.path)
        except Unanswered as error:
            settle(error, look, at.path)

    def undelete(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        for number in versions or [known.current]:
            if numbered(known, at, number).state is VersionState.DESTROYED:
                raise NotFound(
                    f"Version {number} is destroyed.",
                    hint="Nothing brings it back.",
                    path=at.path,
                    state=VersionState.DESTROYED.value,
                    version=number,
                )
        if deleted := self._chosen(at, versions, VersionState.DELETED, known):
            self._flip("POST", "undelete", at, deleted, VersionState.LIVE)

    def destroy(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        if not versions:
            self._remove(at)
            return
        gone = VersionState.DESTROYED
        left = [number for number in dict.fromkeys(versions) if numbered(known, at, number).state is not gone]
        if left:
            self._flip("PUT", "destroy", at, left, gone)

    def _remove(self, at: Place) -> None:
        try:
            self.api.change("DELETE", self.where("metadata", at), about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._base(at) == 0, at.path)
        self._written.forget(at.path)

    def _flip(self, method: str, kind: str, at: Place, versions: Sequence[int], state: VersionState) -> None:
        """Bring versions into a state. Where the answer is lost, what is there tells."""
        try:
            self.api.change(method, self.where(kind, at), {"versions": [*versions]}, about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._all_are(at, versions, state), at.path)

    def _all_are(self, at: Place, versions: Sequence[int], state: VersionState) -> bool:
        known = self.known(at)
        return all(numbered(known, at, number).state is state for number in versions)

    def _chosen(self, at: Place, versions: Sequence[int], state: VersionState, known: Known | None = None) -> list[int]:
        """Those of the versions meant (the current one without any) that are in a state. Raises NotFound."""
        known = known or self.known(at)
        wanted = dict.fromkeys(versions or [known.current])
        return [number for number in wanted if numbered(known, at, number).state is state]
