"""Requests to the worker, its envelope, and its errors as ours.

Two speak here: Cloudflare Access in front, which answers in HTML or sends elsewhere, and the worker, in JSON. Sources:
the worker's core/vault-api/backend (index.js, handlers, middleware/auth.js, utils/response.js) and Cloudflare's docs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from kvtui.backends.http.address import encode
from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.client import Body, HttpClient
from kvtui.backends.not_found import missing
from kvtui.backends.worker.rows import Row, row_of
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from kvtui.domain.path import display
from kvtui.domain.value import SecretValue

_EDGE = "Cloudflare Access, which stands in front of this store,"
_SIGN_IN = "Check the client ID and secret, or the token: it may have expired or been revoked."
_NO_ROUTE = "Not found"
"""Of a path no route is for; a missing secret is told as `Secret not found at path: …`."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HTML = frozenset({"text/html", "application/xhtml+xml"})


class KeyTakenError(Exception):
    """A write found the variable of its path in use by another row, when the value was stored there already."""


class ReadOnlyRole(PermissionDenied):
    """Whoever we are may read, and nothing else."""


class WorkerApi:
    """One worker, with one way to sign in, which the client's headers hold."""

    def __init__(self, client: HttpClient, *, prefix: str = "/v1") -> None:
        self._client = client
        self.prefix = prefix

    @property
    def location(self) -> str:
        return f"{self._client.address}{self.prefix}"

    @property
    def clock_skew(self) -> timedelta | None:
        return self._client.clock_skew

    def close(self) -> None:
        self._client.close()

    def pause(self, seconds: float) -> None:
        """Wait. Raises Locked at once when it is closed."""
        self._client.pause(seconds)

    def keys(self) -> list[Mapping[str, Any]]:
        """The whole list. Never a prefix: `_` and `%` in it are wildcards, letter case does not count, 50 bytes are too
        many, and for `users` something else is listed."""
        told = self._get(f"{self.prefix}/secret/list").get("keys")
        if not isinstance(told, list) or not all(isinstance(key, dict) for key in told):
            raise _odd_shape()
        return told

    def metadata(self, path: str) -> Row | None:
        """None where nothing is."""
        try:
            told = self._get(self._at("metadata", path), about=path)
        except NotFound:
            return None
        return row_of(_of(told, "metadata", path))

    def read(self, path: str) -> tuple[Row, SecretValue | None] | None:
        """None where nothing is. The value is None where the worker has none: it is lost, was stored as an empty text,
        or was written and is not rolled out yet."""
        try:
            told = self._get(self._at("data", path), about=path)
        except NotFound:
            return None
        data = _of(told, "data", path)
        value, about = data.get("value"), data.get("metadata")
        if not isinstance(about, dict) or not isinstance(value, str | None):
            raise _odd_shape()
        return row_of(about), SecretValue(value) if value else None

    def write(self, path: str, body: Mapping[str, Body]) -> None:
        """Sent once. Raises KeyTakenError, and Unanswered with `may_have_arrived` where nobody knows."""
        self._change("POST", path, body)

    def delete(self, path: str) -> bool:
        """Whether the value is gone too, not the row alone. Sent once. Raises NotFound, and as `write`."""
        return self._change("DELETE", path).get("cf_deleted") is not False

    def old(self, *segments: str) -> Mapping[str, Any]:
        """GET of the deprecated connections, which have no prefix. When they were to end is under `sunset`, as
        2025-06-01, where the worker says so."""
        answer = self._client.send("GET", "/vault/" + encode("connections", *segments), repeat=True)
        if not answer.ok or _is_page(answer):
            raise self._failure(answer, None)
        ends = answer.headers.get("sunset", "")
        return {**_envelope(answer), "sunset": ends if _DATE.fullmatch(ends) else ""}

    def health(self) -> Answer:
        """Asked once, of the worker itself: any status, but 429 raises RateLimited."""
        return self._client.send("GET", "/health")

    def _at(self, what: str, path: str) -> str:
        return f"{self.prefix}/secret/{what}/{encode(*path.split('/'))}"

    def _get(self, target: str, *, about: str | None = None) -> Mapping[str, Any]:
        answer = self._client.send("GET", target, repeat=True)
        if answer.ok and not _is_page(answer):
            return _envelope(answer)
        raise self._failure(answer, about)

    def _change(self, method: str, path: str, body: Mapping[str, Body] | None = None) -> Mapping[str, Any]:
        answer = self._client.send(method, self._at("data", path), json=body)
        try:
            if answer.ok and not _is_page(answer):
                return _envelope(answer)
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._failure(answer, path)
        except Unreadable as error:
            raise Unanswered(
                f"{error.message} Whether the change was made is not known.",
                hint="Look before you try again.",
                may_have_arrived=True,
            ) from None
        if "UNIQUE" in _told(answer)[0]:
            raise KeyTakenError
        raise Unanswered(
            f"The worker failed ({answer.status}). Whether the change was made is not known.",
            hint="Look at it again. A worker holds 64 variables, or 128 of a paid plan: is it full?",
            may_have_arrived=True,
        )

    def _failure(self, answer: Answer, about: str | None) -> KvtuiError:
        if answer.is_redirect:
            return self._sent_elsewhere(answer)
        if _is_page(answer):
            return self._page(answer)
        text, code = _told(answer)
        match answer.status:
            case 400:
                return InvalidInput("The worker refuses this request (400).", hint=_known(code), path=about)
            case 401:
                return _not_signed_in(text)
            case 403:
                return _denied(text, about)
            case 404 if text == _NO_ROUTE:
                return self._no_route()
            case 404 if about is not None:
                return missing(about)
            case 404:
                return NotFound("The worker knows nothing of that name.", hint="It may have been removed.")
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(f"The worker has a problem of its own ({status}).", hint="Try again; see its log.")
            case status:
                return Unavailable(
                    f"The worker answered {status}, which kvtui does not understand.",
                    hint="Check the address.",
                    retryable=False,
                )

    def _no_route(self) -> KvtuiError:
        other = "prefix: /" if self.prefix else "prefix: /v1"
        return Unavailable(
            f"This worker has nothing at {self.prefix}/secret.",
            hint=f"Set {other} in the profile: some have their paths there.",
            retryable=False,
        )

    def _sent_elsewhere(self, answer: Answer) -> KvtuiError:
        where = answer.redirect_origin()
        if where.partition("://")[2].partition(":")[0] == self._client.address.host:
            return Unavailable(
                f"The server sends us on to {where}, which kvtui does not follow with a secret.",
                hint="If that is right, use it as the url.",
                retryable=False,
            )
        login = f", at {where}" if where else ""
        return AuthenticationRequired(f"{_EDGE} shows its login page{login}: nobody is signed in.", hint=_SIGN_IN)

    @staticmethod
    def _page(answer: Answer) -> KvtuiError:
        """HTML never comes from the worker."""
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(
                f"Cloudflare answered {answer.status} in place of the worker.", hint="Try again; see the worker's log."
            )
        if answer.status == HTTPStatus.NOT_FOUND:
            return Unavailable("No worker answers there.", hint="Check the address.", retryable=False)
        return AuthenticationRequired(
            f"{_EDGE} answered with a page of its own ({answer.status}): nobody is signed in, or may not come here.",
            hint=_SIGN_IN,
        )


def _is_page(answer: Answer) -> bool:
    return answer.media_type in _HTML or answer.body.lstrip()[:1] == b"<"


def _envelope(answer: Answer) -> Mapping[str, Any]:
    """Raises Unreadable."""
    told = answer.json()
    if not isinstance(told, dict) or told.get("success") is False:
        raise _odd_shape()
    return told


def _of(told: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """Raises Unreadable where that is not there, or is about another path."""
    found = told.get(name)
    if not isinstance(found, dict) or found.get("path", path) != path:
        raise _odd_shape()
    return found


def _told(answer: Answer) -> tuple[str, str]:
    """The text and the code of an error; neither is passed on."""
    try:
        body: Any = answer.json()
    except Unreadable:
        return "", ""
    text, code = (body.get("error"), body.get("code")) if isinstance(body, dict) else ("", "")
    return text if isinstance(text, str) else "", code if isinstance(code, str) else ""


def _known(code: str) -> str:
    match code:
        case "MISSING_VALUE" | "MISSING_FIELD":
            return "It got no value."
        case "MISSING_PATH":
            return "It got no path."
    return "See the worker's log."


def _not_signed_in(text: str) -> KvtuiError:
    """The worker itself looks at what the edge vouches for."""
    if "Missing" in text:
        return AuthenticationRequired(
            "The worker was reached past Cloudflare Access, which has to vouch for us.",
            hint="Use the address that Access stands in front of.",
        )
    if "expired" in text:
        return AuthenticationRequired("What Cloudflare Access vouched for has expired.", hint="Sign in again.")
    if "issuer" in text:
        return AuthenticationRequired(
            "The worker trusts another Cloudflare team than the one that vouches for us.",
            hint="Check the address, and which team the token is of.",
        )
    return AuthenticationRequired("The worker does not take what Cloudflare Access vouches for.", hint=_SIGN_IN)


def _denied(text: str, about: str | None) -> KvtuiError:
    if "READ ONLY" in text:
        who, how = (
            ("This service token", "Link it to an application that may write, or use another.")
            if "ervice token" in text
            else ("Your role", "Ask for the role admin.")
        )
        return ReadOnlyRole(f"{who} may only read here.", hint=how, path=about)
    if "other user" in text:
        return PermissionDenied("This belongs to somebody else.", hint="Below users/ each has their own.", path=about)
    if "suspended" in text:
        return PermissionDenied(
            "The application of this service token is suspended or revoked.", hint="Ask its owner.", path=about
        )
    if "connection" in text:
        return PermissionDenied("This connection belongs to somebody else.", hint="Its owner can read it.", path=about)
    return PermissionDenied("The worker does not allow this.", hint="Ask for the right.", path=about)


def _odd_shape() -> Unreadable:
    return Unreadable("The answer is not what this kind of store gives.", hint="Check the address and the prefix.")


def key_taken(path: str, other: str | None) -> Unavailable:
    """Somebody created the other path between our look and our write."""
    whose = f"of {display(other)}" if other else "of another secret"
    return Unavailable(
        f"It was not created, and the value {whose} is overwritten with its value: somebody created that meanwhile.",
        hint="Set that one anew, and choose another name for this one.",
        path=path,
        retryable=False,
    )
