"""Requests to a Vault or OpenBao server, its envelope, and its errors as ours.

Sources: API docs of Vault 1.21 and OpenBao 2.6, and OpenBao's http/ and sdk/logical/ at v2.6.2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self, TypeAlias

from kvtui.backends.http.address import encode, query
from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.client import HttpClient
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Names and values of a query."""

PREFIX = "/v1/"
_WRAP_TTL = "X-Vault-Wrap-TTL"
_SEALED = b"is sealed"
_PREPARING = b"Upgrading from non-versioned"
"""What KV 2 answers to everything for a moment after it was mounted."""
_ALL = 1_000_000
"""More names than a folder has."""
_PREPARING_TRIES, _PREPARING_PAUSE = 12, 0.25
_GOOD_SECONDS = 1.0
"""For so long a token that was good is taken for one: a folder of refusals costs one question, not one each."""
_MERGE_PATCH = "application/merge-patch+json"
_STANDBY = frozenset({472, 473, 474})
_MISMATCHES = (
    b"check-and-set parameter did not match",
    b"metadata check-and-set parameter does not match",
    b"metadata_cas must be 0",
)


class CasMismatchError(Exception):
    """The server's check-and-set refused a write: another version is current."""


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """A successful answer. `data` is what the engine said; the rest stands beside it in the envelope."""

    status: int
    data: Mapping[str, Any]
    envelope: Mapping[str, Any]

    @property
    def warnings(self) -> Sequence[str]:
        found = self.envelope.get("warnings")
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


class VaultApi:
    """One token in one namespace of one server."""

    def __init__(self, client: HttpClient, *, token: SecretValue | None, namespace: str = "") -> None:
        self._client = client
        self._token = token
        self._namespace = namespace
        self._good_until = 0.0

    def with_token(self, token: SecretValue | None) -> VaultApi:
        """The same server and namespace under another token, or none, over the same connections; not to be closed."""
        return VaultApi(self._client, token=token, namespace=self._namespace)

    @property
    def host(self) -> str:
        return self._client.address.host

    def pause(self, seconds: float) -> None:
        """Wait. Raises Locked at once when it is closed."""
        self._client.pause(seconds)

    @property
    def clock_skew(self) -> timedelta | None:
        return self._client.clock_skew

    def close(self) -> None:
        self._client.close()
        self._token = None  # last, so that nothing is sent without it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get(self, path: str, *, pairs: Pairs = (), about: str | None = None) -> Reply | None:
        """A read; None where nothing is (404 without data). `about` is the path an error is told for."""
        reply = self.call("GET", path, pairs=pairs, about=about, repeat=True, missing_ok=True)
        return None if reply.status == HTTPStatus.NOT_FOUND and not reply.data else reply

    def keys(self, path: str, *, about: str | None = None) -> list[str]:
        """LIST: names, folders with a slash at their end, sorted by the server; none where there is no such folder.
        What is no text is an empty one.

        A policy of OpenBao may have a pagination_limit. A listing without a limit is then cut there without a word, and
        one with a larger limit refused: so all is asked for with a limit, and where that is refused page by page.
        As GET with list=true: proxies drop odd verbs.
        """
        try:
            found = self._page(path, about, [("limit", str(_ALL))])
        except PermissionDenied:
            found = self._page(path, about)
        else:
            if len(found) != _ALL:
                return found
        while found:
            more = self._page(path, about, [("after", found[-1])])
            if not more or more[0] <= found[-1]:  # the end; or a server that knows no pages, and gave all at once
                break
            found += more
        return found

    def _page(self, path: str, about: str | None, pairs: Pairs = ()) -> list[str]:
        pairs = [("list", "true"), *pairs]
        reply = self.call("GET", path, pairs=pairs, about=about, repeat=True, missing_ok=True)
        return texts(reply.data.get("keys"))

    def scan(self, path: str, *, about: str | None = None) -> Sequence[str] | None:
        """SCAN (OpenBao 2.2): every key below a folder, in no order; None where the server does not know it, does not
        allow it, or has nothing there. Vault ignores the flag, and answers that there is no such path."""
        pairs = [("scan", "true")]
        try:
            reply = self.call("GET", path, pairs=pairs, about=about, repeat=True, missing_ok=True)
        except (PermissionDenied, Unsupported, InvalidInput, Unreadable):  # the last, where it is too long
            return None
        found = reply.data.get("keys") if reply.status == HTTPStatus.OK else None
        if not isinstance(found, list):
            return None
        return [key for key in found if isinstance(key, str) and not key.endswith("/")]

    def change(
        self, method: str, path: str, body: Json = None, *, pairs: Pairs = (), about: str | None = None, wrap: str = ""
    ) -> Reply:
        """One request that changes something, sent once. Raises as `call`: any error means that nothing was changed,
        but Unanswered with `may_have_arrived`, as where the server failed after it got the request. `wrap`: how long
        the server keeps the answer, to be unwrapped once, in place of giving it."""
        headers = {_WRAP_TTL: wrap} if wrap else {}
        try:
            return self._changed(self._send(method, path, body, pairs, headers), about)
        except Unanswered as error:
            if not error.may_have_arrived:
                raise
            what = error.message
        except Unreadable as error:
            what = error.message
        raise Unanswered(
            f"{what} Whether the change was made is not known.",
            hint="Look before you try again.",
            may_have_arrived=True,
        )

    def _changed(self, answer: Answer, about: str | None) -> Reply:
        if answer.ok:
            return _reply(answer)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_final(answer):
            raise Unanswered(f"The server failed ({answer.status}).", hint="See its log.", may_have_arrived=True)
        raise self._failure(answer, about)

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        pairs: Pairs = (),
        about: str | None = None,
        repeat: bool = False,
        missing_ok: bool = False,
    ) -> Reply:
        """One request to `path` (encoded, below /v1/). With `missing_ok` a 404 comes back as a Reply.

        Raises CasMismatchError, and our errors: PermissionDenied, AuthenticationRequired, NotFound, InvalidInput,
        Unavailable, Unsupported, RateLimited.
        """
        answer = self._send(method, path, body, pairs, {}, repeat=repeat)
        if answer.ok or (missing_ok and answer.status == HTTPStatus.NOT_FOUND):
            return _reply(answer)
        raise self._failure(answer, about)

    def _send(
        self, method: str, path: str, body: Json, pairs: Pairs, headers: Mapping[str, str], *, repeat: bool = False
    ) -> Answer:
        sent = {**self._headers, **headers}
        if method == "PATCH":
            sent["Content-Type"] = _MERGE_PATCH
        for attempt in range(_PREPARING_TRIES * repeat + 1):
            if attempt:
                self._client.pause(_PREPARING_PAUSE)
            answer = self._client.send(method, PREFIX + path + query(pairs), json=body, headers=sent, repeat=repeat)
            if _PREPARING not in answer.body or answer.status != HTTPStatus.BAD_REQUEST:
                break
        return answer

    def health(self) -> Answer:
        """sys/health, asked once without token or namespace: any status, but 429 raises RateLimited. Where the server
        heeds it, a standby that answers for the active one says so with 200."""
        pairs = [("standbyok", "true"), ("perfstandbyok", "true")]
        return self._client.send("GET", PREFIX + "sys/health" + query(pairs), headers={"X-Vault-Request": "true"})

    def look_up_self(self) -> Mapping[str, Any]:
        """auth/token/lookup-self of this token. Its `id` is the token itself and is left out."""
        reply = self.call("GET", "auth/token/lookup-self", repeat=True)
        return {key: value for key, value in reply.data.items() if key != "id"}

    def _failure(self, answer: Answer, about: str | None) -> Exception:
        match answer.status:
            case 400:
                return _bad_request(answer, about)
            case 401:
                return _signed_out()
            case 403:
                return self._denied(about)
            case 404:
                return NotFound("Nothing is there.", hint="It may have been removed.", path=about)
            case 405:
                return Unsupported("The server does not do this here.", capability="write", path=about)
            case 412:
                return Unavailable("The server's copy is behind the one that was written to.", hint="Try again.")
            case 413:
                return InvalidInput("This is too large for the server.", hint="Split it.", path=about)
            case 503 if _SEALED in answer.body:
                return sealed(self.host)
            case _ if answer.is_redirect:
                return _elsewhere(answer)
            case status if status in _STANDBY:
                return Unavailable("This server is a standby and does not answer.", hint="Use the active one.")
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(f"The server has a problem of its own ({status}).", hint="Try again; see its log.")
            case status:
                return Unavailable(
                    f"The server answered {status}, which kvtui does not understand.",
                    hint="Check the address.",
                    retryable=False,
                )

    def _denied(self, about: str | None) -> KvtuiError:
        """403 is a refusal and an expired token alike. Who one is, and which mounts there are, is told to any good
        token (the first by the default policy, the second whatever its policies), so asking tells which."""
        if self._token is None:
            return _signed_out()
        if time.monotonic() >= self._good_until:
            if (error := self._ended()) is not None:
                return error
            self._good_until = time.monotonic() + _GOOD_SECONDS
        return PermissionDenied(
            "The token's policies do not allow this.", hint="Ask for the right, or use another token.", path=about
        )

    def _ended(self) -> KvtuiError | None:
        """Why nothing is answered to this token at all; None where it is good, or that cannot be told."""
        for path in ("auth/token/lookup-self", "sys/internal/ui/mounts"):
            try:
                answer = self._client.send("GET", PREFIX + path, headers=self._headers, repeat=True)
            except Locked as error:
                return error
            except KvtuiError:
                return None  # the server went away meanwhile: what it said first holds
            if is_final(answer):
                return sealed(self.host)
            if answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                return None
        return _signed_out()

    @property
    def _headers(self) -> dict[str, str | SecretValue]:
        sent: dict[str, str | SecretValue] = {"X-Vault-Request": "true"}
        if self._namespace:
            sent["X-Vault-Namespace"] = self._namespace
        if self._token is not None:
            sent["X-Vault-Token"] = self._token
        return sent


def path_of(*parts: str) -> str:
    """Parts of an API path, each of which may hold slashes of its own: `secret/data/a b` -> `secret/data/a%20b`.

    Raises InvalidPath for a `.` or `..` in it: encoding does not keep a server, or a proxy, from going by them.
    """
    segments = [segment for part in parts for segment in part.split("/")]
    if "." in segments or ".." in segments:
        raise InvalidPath("A path has no segment . or .. in it.", hint="Write the whole path.")
    return encode(*segments)


def texts(listed: object) -> list[str]:
    """A JSON list of texts; what is none becomes an empty one, so that it is not lost unnoticed."""
    return [each if isinstance(each, str) else "" for each in listed] if isinstance(listed, list) else []


def is_final(answer: Answer) -> bool:
    """A sealed server stays sealed until somebody unseals it: no reason to knock again."""
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE and _SEALED in answer.body


def sealed(host: str) -> Unavailable:
    return Unavailable(f"The server {host} is sealed.", hint="Unseal it. An open screen goes on by itself then.")


def moment(text: object) -> datetime | None:
    """RFC 3339 with up to nanoseconds, as UTC; None for none and for Go's zero time."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    try:
        found = datetime.fromisoformat(text)  # what is finer than microseconds is cut
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _reply(answer: Answer) -> Reply:
    if answer.status == HTTPStatus.NO_CONTENT or not answer.body:
        return Reply(answer.status, {}, {})
    parsed = answer.json()
    if not isinstance(parsed, dict):
        raise Unreadable("The server's answer has no envelope.", hint="Check the address.")
    data = parsed.get("data")
    return Reply(answer.status, data if isinstance(data, dict) else {}, parsed)


def _bad_request(answer: Answer, about: str | None) -> Exception:
    """The few texts that mean something to us; any other is not quoted, as it may hold what was sent."""
    body = answer.body
    if any(text in body for text in _MISMATCHES):
        return CasMismatchError()
    if _PREPARING in body:
        return Unavailable("The server is still preparing this mount.", hint="Try again in a moment.", path=about)
    if b"operation unavailable in namespaces" in body:
        return Unsupported("The server does this in its root namespace only.", capability="namespace", path=about)
    if b"custom_metadata validation failed" in body:
        return InvalidInput(
            "The server takes at most 64 pairs of printable text, 128 bytes a key and 512 a value.",
            hint="Shorten the metadata.",
            path=about,
        )
    if b"unsupported path" in body or b"relative paths not supported" in body:
        return InvalidInput("The server takes no such path.", hint="Choose another name.", path=about)
    return InvalidInput("The server refuses this request (400).", hint="See the server's log.", path=about)


def _signed_out() -> AuthenticationRequired:
    return AuthenticationRequired("The token is missing, expired or revoked.", hint="Sign in again.")


def _elsewhere(answer: Answer) -> Unavailable:
    named = answer.redirect_origin()
    return Unavailable(
        "This server sends us to another one, which kvtui does not follow with a token"
        + (f": {named}." if named else "."),
        hint="If you trust that one, use its address.",
        retryable=False,
    )
