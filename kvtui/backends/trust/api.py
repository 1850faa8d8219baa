"""Requests to a trust service, and its errors in words.

Source: the service's Secrets API page (four calls, a table of errors, a rate for each tenant). It leaves open which
2xx means success, whether an unknown path is 403 or 404, and which base64 is meant: any of them is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from kvtui.backends.http.address import encode, query
from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.client import Body, HttpClient
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.trust import encoding
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Undisclosed,
)
from kvtui.domain.value import SecretValue

ID_HEADER = "X-Request-Id"
_OTHER_CALLS = ("leases", "admin")
"""What else is below the address, where secrets may be too."""


def headers_of(token: str) -> Mapping[str, str | SecretValue]:
    """What goes with every request. The API wants a content type on reads too, which have no content."""
    return {"Authorization": SecretValue(f"Bearer {token}"), "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Got:
    """A version as it was read. `lease` is in seconds, None where the server says nothing of one."""

    number: int
    value: SecretValue
    lease: int | None


class TrustApi:
    """One token at one address. `segment` stands between the address and each path; "" for nothing."""

    def __init__(self, client: HttpClient, *, segment: str) -> None:
        self._client = client
        self._segment = segment.strip("/")

    @property
    def clock_skew(self) -> timedelta | None:
        return self._client.clock_skew

    def close(self) -> None:
        self._client.close()

    def address_of(self, path: str) -> str:
        """The whole URL of a secret."""
        return f"{self._client.address}{self._where(path)}"

    def get(self, path: str, version: int | None = None) -> Got:
        """Raises NotFound, Undisclosed, Corrupt, and as `_failure`."""
        target = self._where(path) + query([] if version is None else [("version", str(version))])
        answer = self._send("GET", target, None, {}, path, repeat=True)
        if not answer.ok:
            raise self._failure(answer, path, version=version)
        told = _members(answer)
        number, text = encoding.count(told.get("version"), 1), told.get("value_b64")
        if number is None or not isinstance(text, str):
            raise Unreadable("The server's answer is not that of a read.", hint="Check the profile's url and segment.")
        if version is not None and number != version:
            raise Unreadable(
                f"The server answered with version {number}, not {version}.", hint="A cache may be in front of it."
            )
        return Got(number, encoding.from_wire(text, path), encoding.count(told.get("lease_ttl_s"), 1))

    def put(self, path: str, body: Body, request_id: str) -> Mapping[str, Any]:
        """A new version. Raises PermissionDenied, and as `_change`."""
        try:
            return self._change(self._where(path), body, request_id, path, lambda told: _number(told, "version"))
        except Undisclosed:
            raise PermissionDenied(
                "The token may not write here (forbidden).", hint="Check which paths the token is for.", path=path
            ) from None

    def rotate(self, path: str, request_id: str) -> int:
        """The number of the version that the server made. Raises as `_change`."""
        where = f"/admin/rotate/{_encoded(path)}"
        body: Body = {"strategy": "immediate"}
        told = self._change(where, body, request_id, path, lambda told: _number(told, "new_version"))
        return int(told["new_version"])

    def lend(self, role: str, seconds: int, request_id: str) -> Mapping[str, Any]:
        """New credentials. Raises as `_change`."""
        body: Body = {"role": role, "ttl_s": seconds}
        return self._change("/leases", body, request_id, role, lambda told: isinstance(told.get("secret_key"), str))

    def _where(self, path: str) -> str:
        """Raises InvalidPath for what would be another call of the API."""
        first = path.partition("/")[0]
        if not self._segment and first in _OTHER_CALLS:
            raise InvalidPath(
                f"No secret's path begins with {first} here: that is another call of the API.",
                hint="Choose another path, or set segment in the profile.",
                path=path,
            )
        return f"/{encode(*self._segment.split('/'))}/{_encoded(path)}" if self._segment else f"/{_encoded(path)}"

    def _change(
        self, where: str, body: Body, request_id: str, about: str, is_whole: Callable[[Mapping[str, Any]], bool]
    ) -> Mapping[str, Any]:
        """One request, sent once, and what it is answered, which has to be whole.

        Any error means that nothing was changed, but for Unanswered with `may_have_arrived`: then nobody knows, and it
        tells the id.
        """
        try:
            answer = self._send("POST", where, body, {ID_HEADER: request_id}, about)
            if answer.ok:
                told = _members(answer)
                if not is_whole(told):
                    raise Unreadable("The server's answer is not that of this call.", hint="")
                return told
            failure = self._failure(answer, about)
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise failure
            what = failure.message
        except Unanswered as error:
            if not error.may_have_arrived:
                raise
            what = error.message
        except Unreadable as error:
            what = error.message
        raise Unanswered(
            f"{what} Whether it was done is not known; its request id is {request_id}.",
            hint="Look first. The same again, while this is open, goes out under the same id: it is not done twice.",
            may_have_arrived=True,
        )

    def _send(
        self, method: str, where: str, body: Body, headers: Mapping[str, str], about: str, *, repeat: bool = False
    ) -> Answer:
        try:
            return self._client.send(method, where, json=body, headers=headers, repeat=repeat)
        except RateLimited as error:
            raise RateLimited(
                error.message,
                retry_after=error.retry_after,
                hint=f"{error.hint} The limit is one for all of your tenant.",
                path=about,
            ) from None

    def _failure(self, answer: Answer, about: str, *, version: int | None = None) -> KvtuiError:
        code = _code(answer)
        match answer.status:
            case 400:
                return InvalidInput(
                    "The server refuses this request (invalid_request).",
                    hint="Check the path and what is set.",
                    path=about,
                )
            case 401:
                return AuthenticationRequired(
                    "The token is missing, expired or revoked (unauthorized).", hint="Sign in again with another."
                )
            case 403:
                return Undisclosed(
                    "The token may not do this here, or nothing is there: the server does not tell which (forbidden).",
                    hint="Check the path, and which paths the token is for.",
                    path=about,
                )
            case 404 if code:
                return missing(about) if version is None else missing_version(about, version)
            case 413:
                return InvalidInput("This is too large for the server.", hint="Split it.", path=about)
            case 503 if code == "dependency_down":
                return Unavailable(
                    "A service that the server needs is down (dependency_down).", hint="Try again later."
                )
            case _ if answer.is_redirect:
                named = answer.redirect_origin()
                return Unavailable(
                    "The server sends us elsewhere, where kvtui does not go with a token"
                    + (f": {named}." if named else "."),
                    hint="Check the profile's url; a login page may be in front of it.",
                    retryable=False,
                )
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                known = f"{status}, {code}" if code == "internal_error" else str(status)
                return Unavailable(f"The server has a problem of its own ({known}).", hint="Try again; see its log.")
            case status:
                return Unavailable(
                    f"The server answered {status}, and not as this API does.",
                    hint="Check the profile's url and segment.",
                    retryable=False,
                )


def _number(told: Mapping[str, Any], name: str) -> bool:
    return encoding.count(told.get(name), 1) is not None


def _encoded(path: str) -> str:
    """Raises InvalidPath."""
    try:
        return encode(*path.split("/"))
    except InvalidInput as error:
        raise InvalidPath(error.message, hint=error.hint, path=path) from None


def _members(answer: Answer) -> Mapping[str, Any]:
    """Raises Unreadable."""
    told = answer.json()
    if not isinstance(told, dict):
        raise Unreadable("The server's answer is not one of this API.", hint="Check the profile's url.")
    return told


def _code(answer: Answer) -> str:
    """The `error` of the body; "" where it is not an error of this API, but such as a gateway's."""
    try:
        code = _members(answer).get("error")
    except Unreadable:
        return ""
    return code if isinstance(code, str) else ""
