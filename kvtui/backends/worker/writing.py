"""One write, with everything said again that would be wiped; and what became of it when its answer was lost."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.worker.api import WorkerApi
from kvtui.backends.worker.rollout import Rollout
from kvtui.backends.worker.rows import Row, check_texts, described
from kvtui.domain.codec import to_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue

MAX_VALUE_BYTES = 5 * 1024
"""Of a variable (developers.cloudflare.com/workers/platform/limits)."""


class Writing:
    """Sends once; looks, and never sends again, when nobody answers."""

    def __init__(self, api: WorkerApi, rollout: Rollout, pauses: Sequence[float]) -> None:
        self._api = api
        self._rollout = rollout
        self._pauses = pauses

    def send(self, path: str, row: Row | None, value: SecretValue, patch: MetadataPatch, before: bytes | None) -> None:
        """`row` is what is there now, and `before` the digest of its value, as far as that is known. Raises
        KeyTakenError, and as `settle` does."""
        sent = described(row, patch)
        try:
            self._api.write(path, {"value": value, **sent})
        except Unanswered as error:
            settle(error, lambda: self._became(path, row, sent, value, before), path)
        self._rollout.wrote(path, value, before)

    def _became(
        self, path: str, row: Row | None, sent: Mapping[str, Json], value: SecretValue, before: bytes | None
    ) -> bool | None:
        """True where it is there as it was sent, False where all is as it was, None where that cannot be told.

        The value is stored before the row: a row that has changed has its value on the way.
        """
        for pause in (*self._pauses, None):
            found = self._api.read(path)
            if found is None:
                return False if row is None else None
            now, held = found
            if held is not None and held.same_as(value):
                return True if now.is_described_as(sent) else None
            is_old = held is None or before is None or hmac.compare_digest(self._rollout.digest(held), before)
            if not is_old:
                return None  # somebody else wrote
            if row is not None and now.changed_at == row.changed_at and now.metadata == row.metadata:
                return False
            if pause is None:
                break
            self._api.pause(pause)
        return None


def check_value(value: SecretValue, path: str) -> None:
    """Raises InvalidInput for a text that no worker keeps."""
    text = to_text(value)
    if not text:
        raise InvalidInput(
            "A worker cannot tell an empty text from a value that is lost, so none is stored.",
            hint="Give it a value, or delete it.",
            path=path,
        )
    check_texts([text], "The value", path)
    if len(text.encode("utf-8")) > MAX_VALUE_BYTES:
        raise InvalidInput(
            "The value is longer than the 5 KB that Cloudflare keeps of one.", hint="Shorten or split it.", path=path
        )
