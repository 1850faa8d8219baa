"""The one HTTP client of all remote stores. Safe for any number of threads.

* One deadline for a whole call, repeats and waiting included.
* A read is repeated a bounded number of times where that may help; anything else is sent once, and when no answer comes
  the error says whether the server may have got it.
* No redirect is followed, no cookie kept, nothing read from the environment; a body has a greatest size and may not be
  compressed (a few kilobytes can unpack to gigabytes).
* Closing it, from any thread, ends what is under way at once.
* Errors say what happened in our words. None holds a header, a query or a byte of a body.
"""

from __future__ import annotations

import logging
import math
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore2
import httpx2

from kvtui.backends.http.address import Address
from kvtui.backends.http.tls import Tls
from kvtui.backends.http.transport import Call, Calls, DeadlineTransport, calling
from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput, KvtuiError, Locked, RateLimited, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log URLs and headers below that

TIMEOUT = 15.0
"""Seconds for a whole call where a profile says nothing."""
MAX_BODY = 64 * 1024 * 1024
MAX_JSON_DEPTH = 250
MAX_PARTS = 2_000_000
"""Values in one answer. Each takes a hundred bytes here, and as few as two on the way."""
_ATTEMPTS = 3
_LONGEST_WAIT = 60.0
"""A server that asks for more is told to the user instead of waited for."""
_LONGEST_END = 1.0
"""Seconds for calls to end when they are told to. A name look-up or a connection being made takes no notice."""
_NETWORK = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol)
_REPEATABLE = frozenset({412, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a server said, values and all. `headers` have lower-case names. All of it is shown through show() only."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Json:
        """The body as JSON, number literals kept. Raises Unreadable for anything else."""
        if len(self.body) > MAX_PARTS and sum(map(self.body.count, (b",", b"{", b"["))) > MAX_PARTS:
            raise Unreadable(
                f"The server's answer has more than {MAX_PARTS // 1_000_000} million parts.",
                hint="Ask for less, or check the address.",
            )
        try:
            return json_text.parse(self.body.decode("utf-8"), max_depth=MAX_JSON_DEPTH)
        except (UnicodeDecodeError, InvalidInput):
            raise Unreadable(
                "The server answered with something else than JSON.",
                hint="Is this its address? A proxy or a login page may be in front of it.",
            ) from None

    def retry_after(self) -> float | None:
        """Seconds the server wants us to wait, by Retry-After (RFC 9110, section 10.2.3); None when it does not say."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())


class Unreadable(Unavailable):
    """An answer came that says nothing to us: what was asked may be done or not."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint, retryable=False)


class Unanswered(Unavailable):
    """No answer came to something that was sent once. `may_have_arrived`: whether the server can have done it."""

    def __init__(self, message: str, *, hint: str, may_have_arrived: bool) -> None:
        super().__init__(message, hint=hint, retryable=not may_have_arrived)
        self.may_have_arrived = may_have_arrived


class HttpClient:
    """`headers` go with every request. `is_final` ends repeating early for an answer that will stay as it is."""

    def __init__(
        self,
        address: Address,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        tls: Tls | None = None,
        proxy: str | None = None,
        connections: int = 10,
        max_body: int = MAX_BODY,
        is_final: Callable[[Answer], bool] = lambda _: False,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._max_body = max_body
        self._is_final = is_final
        self._calls = Calls()
        tls = tls or Tls()
        context = None if address.is_plain else tls.context()
        self._extensions = {} if tls.server_name is None else {"sni_hostname": tls.server_name}
        # Not a httpx.Client: that keeps cookies, reads the environment, and prepares to follow a redirect whether it
        # does or not, which a hostile Location breaks.
        self._transport = DeadlineTransport(context, connections=connections, proxy=proxy)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "kvtui",
            **(headers or {}),
        }

    def close(self) -> None:
        """Anything under way ends with Locked, as does every later call. Waits a moment for it, so that each socket is
        closed by the thread that uses it."""
        self._calls.end(_LONGEST_END)
        self._transport.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Json = None,
        headers: Mapping[str, str | SecretValue] | None = None,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """One call to `path` (from the address' prefix on, encoded already, with its query). `json` None: no body.

        With `repeat`, for what changes nothing, failures and 412, 429, 5xx but 501 are tried again within the deadline.
        Any status comes back as an Answer. Raises Unavailable, Unreadable, Unanswered, RateLimited (429 that asks for
        a longer wait), Locked after close.
        """
        call = Call(time.monotonic() + (self._timeout if timeout is None else timeout))
        request = self._request(method, path, json, headers or {})
        with self._calls.one(call), calling(call):
            return self._attempts(call, request, repeat=repeat)

    def pause(self, seconds: float) -> None:
        """Wait. Raises Locked at once when the client is closed."""
        call = Call(math.inf)
        with self._calls.one(call), calling(call):
            self._wait(call, seconds)

    def _attempts(self, call: Call, request: httpx2.Request, *, repeat: bool) -> Answer:
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS or not repeat
            try:
                answer = self._once(call, request)
            except Unanswered:
                if last or not self._wait(call, _pause(attempt)):
                    raise
                continue
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._heed_limit(call, answer, last=last)
                continue
            if last or answer.status not in _REPEATABLE or self._is_final(answer):
                return answer
            if not self._wait(call, max(_pause(attempt), answer.retry_after() or 0.0)):
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _heed_limit(self, call: Call, answer: Answer, *, last: bool) -> None:
        """Wait as long as a 429 asks for, where that is worth it. Raises RateLimited."""
        asked = answer.retry_after()
        wait = min(asked if asked is not None else 1.0, _LONGEST_WAIT)
        if last or not self._wait(call, wait):
            raise RateLimited(
                "The server wants fewer requests.", retry_after=wait, hint=f"Try again in {max(1, round(wait))} s."
            )

    def _request(self, method: str, path: str, json: Json, headers: Mapping[str, str | SecretValue]) -> httpx2.Request:
        plain = {
            name: header_value(value, "token" if isinstance(value, SecretValue) else "namespace")
            for name, value in headers.items()
        }
        content = None
        if json is not None:
            content = json_text.dump(json).encode("ascii")
            plain.setdefault("Content-Type", "application/json")
        # The target is ours byte for byte: httpx would fold `..` and leave `%41` as it is.
        extensions = {**self._extensions, "target": (self.address.prefix + path).encode("ascii")}
        return httpx2.Request(
            method, self.address.origin, headers={**self._headers, **plain}, content=content, extensions=extensions
        )

    def _once(self, call: Call, request: httpx2.Request) -> Answer:
        if call.ended.is_set():
            raise _closed()
        call.sent = False
        request.extensions["timeout"] = {"pool": max(0.0, call.deadline - time.monotonic())}
        try:
            response = self._transport.handle_request(request)
            try:
                body = self._body(response)
            finally:
                response.close()
        except (*_NETWORK, OSError) as error:
            raise self._failure(call, error) from None
        return Answer(response.status_code, _headers(response.headers.items()), body)

    def _body(self, response: httpx2.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unreadable(
                "The server compressed its answer, which it was asked not to.",
                hint="A proxy in front of it may do that.",
            )
        parts: list[bytes] = []
        size = 0
        for part in response.iter_raw():
            size += len(part)
            if size > self._max_body:
                raise Unreadable(
                    f"The server's answer is longer than {self._max_body // (1024 * 1024)} MiB.",
                    hint="Ask for less, or check the address.",
                )
            parts.append(part)
        return b"".join(parts)

    def _failure(self, call: Call, error: Exception) -> KvtuiError:
        """Ours for what went wrong on the way; its text, which can hold headers and hosts, is not passed on."""
        if call.ended.is_set():
            return _closed(halfway=call.sent)
        refused = _refused(error, self.address)
        if refused is not None and not call.sent:
            return refused
        what, hint = (refused.message, refused.hint) if refused else _told(error, self.address)
        return Unanswered(what, hint=hint, may_have_arrived=call.sent)

    def _wait(self, call: Call, seconds: float) -> bool:
        """Whether there was time to wait. Ends at once with Locked when the client is closed."""
        if time.monotonic() + seconds >= call.deadline:
            return False
        if call.ended.wait(seconds):
            raise _closed()
        return True


def header_value(value: str | SecretValue, what: str = "token") -> str:
    """What a header can carry: printable ASCII, one newline at the end dropped. Raises InvalidInput, never with it."""
    plain = value.reveal() if isinstance(value, SecretValue) else value
    if isinstance(plain, bytes):
        plain = plain.decode("latin-1")
    text = str(plain).removesuffix("\n").removesuffix("\r")
    if not text.isascii() or not text.isprintable():
        raise InvalidInput(
            f"The {what} holds characters no {what} has.", hint="Check the file or variable it comes from."
        ) from None
    return text


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs}


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: twice as long each time, spread so that clients do not come back together."""
    spread: float = secrets.randbelow(1000) / 1000
    return 0.25 * (1 << (attempt - 1)) * (1 + spread)


def _refused(error: BaseException, address: Address) -> Unavailable | None:
    """The error for a connection without trust, which trying again does not make."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        if isinstance(each, ssl.SSLCertVerificationError):
            return Unavailable(
                f"The certificate of {address.host} is not trusted: {_reason(each)}.",
                hint="Check the address; for an authority of your own set tls: ca_file.",
                retryable=False,
            )
        if isinstance(each, ssl.SSLError):
            return Unavailable(
                f"No TLS connection to {address.host} could be made.",
                hint="Check the address, its port, and the client certificate.",
                retryable=False,
            )
        seen.append(each)
        each = each.__cause__ or each.__context__
    return None


def _told(error: BaseException, address: Address) -> tuple[str, str]:
    if isinstance(error, httpcore2.TimeoutException):
        return f"{address.host} did not answer in time.", "Try again; timeout_seconds sets how long to wait."
    if isinstance(error, httpcore2.ConnectError):
        return f"{address.host} cannot be reached.", "Check the address, the network, and that the server runs."
    if isinstance(error, (httpcore2.ProxyError, httpcore2.UnsupportedProtocol)):
        return "The proxy does not let us through.", "Check the profile's proxy setting."
    if isinstance(error, httpcore2.RemoteProtocolError):
        return f"{address.host} broke off, or does not speak HTTP.", "Try again; check the address and its port."
    return f"The connection to {address.host} was lost.", "Try again."


_REASONS = {
    10: "it has expired",
    9: "it is not valid yet",
    18: "it is signed by itself",
    19: "it is signed by an unknown authority",
    20: "it is signed by an unknown authority",
    21: "it is signed by an unknown authority",
    23: "it was revoked",
    62: "it is for another name",
    64: "it is for another address",
}
"""OpenSSL's X509_V_ERR_* numbers (x509_vfy.h) in words."""


def _reason(error: ssl.SSLCertVerificationError) -> str:
    return _REASONS.get(error.verify_code, f"OpenSSL's reason {error.verify_code}")


def _closed(*, halfway: bool = False) -> Locked:
    if halfway:
        return Locked(
            "The connection was closed before the server answered: what was asked of it may be done or not.",
            hint="Open the profile again, and look.",
        )
    return Locked("The connection is closed.", hint="Open the profile again.")
