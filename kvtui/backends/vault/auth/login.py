"""Requests of somebody who is not signed in yet, and what a server says to those.

Sources: OpenBao 2.6's vault/request_handling.go, vault/login_mfa.go and builtin/credential/.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeAlias

from kvtui.backends.http.answer import Answer
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault.api import PREFIX, VaultApi
from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

Body: TypeAlias = "Mapping[str, str | SecretValue | Body | list[SecretValue]]"
PATIENCE = 90.0
"""Seconds for an answer that waits for a person, who confirms on a phone."""


class Said(Enum):
    """What of a refusal's text means something to us. Its own words go nowhere: they can quote what was sent."""

    PENDING = b"authorization_pending"
    SLOW_DOWN = b"slow_down"
    NOT_OIDC = b"OIDC login is not configured"
    NOT_DEVICE = b"missing redirect_uri"
    NOT_CONFIGURED = b"could not load configuration"
    NO_NAMESPACE = b"namespace not found"
    NO_ROUTE = b"no handler for route"
    REQUEST_GONE = b"invalid request ID"
    NOTHING = b""


class RefusedError(Exception):
    """400, 403 or 404: the server refuses to sign in."""

    def __init__(self, status: int, said: Said) -> None:
        super().__init__(status)
        self.status = status
        self.said = said

    def told(self, mount: str, otherwise: KvtuiError) -> KvtuiError:
        """The error for a method at a mount. `otherwise` is for a refusal of what was given, in the method's words."""
        match self.said:
            case Said.NO_NAMESPACE:
                return NotFound("There is no such namespace.", hint="Correct the profile's namespace.")
            case Said.NO_ROUTE:
                return NotFound(f"No auth method is mounted at {mount}.", hint="Set mount in the profile's auth.")
            case Said.NOT_CONFIGURED | Said.NOT_OIDC:
                return Unavailable(
                    f"The auth method at {mount} is not set up for this.",
                    hint="Ask who runs the server, or set mount in the profile's auth.",
                    retryable=False,
                )
        return otherwise


class LoginApi(VaultApi):
    """A server one is not signed in at, and one of its namespaces. 400, 403 and 404 raise RefusedError."""

    def __init__(self, client: HttpClient, *, namespace: str = "") -> None:
        super().__init__(client, token=None, namespace=namespace)

    def signed_in(self, token: SecretValue) -> VaultApi:
        """The same server and namespace with a token."""
        return VaultApi(self._client, token=token, namespace=self._namespace)

    def post(self, path: str, body: Body, *, patience: float | None = None) -> Mapping[str, Any]:
        """One POST, sent once; the answer's envelope. `patience` is seconds where the profile's time is too short.

        Raises RefusedError, and as `call` does.
        """
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Namespace": self._namespace} if self._namespace else {})
        answer = self._client.send("POST", PREFIX + path, json=_plain(body), headers=headers, timeout=patience)
        if not answer.ok:
            raise self._failure(answer, None)
        envelope = answer.json() if answer.body else None
        if not isinstance(envelope, dict):
            raise Unavailable("The server's answer has no envelope.", hint="Check the address.", retryable=False)
        return envelope

    def _failure(self, answer: Answer, about: str | None) -> Exception:
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return RefusedError(answer.status, next(said for said in Said if said.value in answer.body))
        return super()._failure(answer, about)


def _plain(value: Any) -> Json:
    if isinstance(value, SecretValue):
        plain = value.reveal()
        try:
            if isinstance(plain, str) and plain.encode("utf-8"):
                return plain
        except UnicodeEncodeError:
            pass  # refused as bytes are
        raise InvalidInput("A secret to sign in with is empty, or no text.", hint="Use text in UTF-8.") from None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return str(value)
