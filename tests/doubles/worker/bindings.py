"""The values: variables of the worker script, kept by Cloudflare and rolled out to it after a while."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote

from tests.doubles.worker.script import ScriptError

VALUE_BYTES = 5 * 1024
VARIABLES_PAID = 128
VARIABLES_FREE = 64


class Bindings:
    """`stored` is what Cloudflare keeps by key. Texts of its refusals are stated nowhere and are ours."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.most_variables = VARIABLES_PAID
        self.rollout_reads = 0
        """So many reads after a write do not see it yet."""
        self.before_rollout: Literal["null", "old"] = "null"
        """What those reads see: nothing, or the value from before the write."""
        self.put_error = ""
        """Where set, Cloudflare refuses to store, with this text."""
        self.delete_error = ""
        """Where set, Cloudflare refuses to delete, and values linger."""
        self._pending: dict[str, tuple[str | None, int]] = {}

    def put(self, key: str, value: str) -> None:
        """Raises ScriptError."""
        if self.put_error:
            raise ScriptError(self.put_error)
        if len(value.encode()) > VALUE_BYTES:
            raise ScriptError("Secret text exceeds the limit of 5 KB")
        if key not in self.stored and len(self.stored) >= self.most_variables:
            raise ScriptError(f"Script has more than {self.most_variables} variables")
        if self.rollout_reads:
            self._pending[key] = (self.read(key) if self.before_rollout == "old" else None, self.rollout_reads)
        self.stored[key] = value

    def delete(self, key: str) -> None:
        """`key` goes into a URL as it is, so what follows a ? or # is lost, as are spaces at its end; `\\` is `/`, and
        `%41` is `A`. Raises ScriptError."""
        key = unquote(key.partition("#")[0].partition("?")[0].rstrip(" ").replace("\\", "/"))
        if self.delete_error:
            raise ScriptError(self.delete_error)
        if key not in self.stored:
            raise ScriptError("Secret not found")
        del self.stored[key]
        self._pending.pop(key, None)

    def read(self, key: str) -> str | None:
        """`env[key]`, as the running script sees it."""
        if key in self._pending:
            value, left = self._pending.pop(key)
            if left > 1:
                self._pending[key] = (value, left - 1)
            return value
        return self.stored.get(key)
