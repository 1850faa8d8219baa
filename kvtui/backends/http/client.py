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
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TypeAlias

import httpx2

from kvtui.backends.http import events
from kvtui.backends.http.address import Address
from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.failure import closed, told
from kvtui.backends.http.rate import TokenBucket
from kvtui.backends.http.tls import Tls
from kvtui.backends.http.transport import Call, Calls, DeadlineTransport, calling
from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput, RateLimited
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log URLs and headers below that

TIMEOUT = 15.0
"""Seconds for a whole call where a profile says nothing."""
MAX_BODY = 64 * 1024 * 1024
ATTEMPTS = 3
"""How often a read is sent at most."""
_LONGEST_WAIT = 60.0
"""A server that asks for more is told to the user instead of waited for."""
_LONGEST_PAUSE = 4.0
_LONGEST_END = 1.0
"""Seconds for calls to end when they are told to."""
_WORTH_REPEATING = frozenset({412, 429, 500, 502, 503, 504})
"""412: a replica that is behind; a request without conditions gets it for nothing else."""


Body: TypeAlias = "Json | SecretValue | Mapping[str, Body] | Sequence[Body]"
"""What is sent as JSON; a SecretValue in it stands for its value."""


class HttpClient:
    """A server as one profile sees it.

    `headers` go with every request; with `id_header` each call carries an id of its own in the header so named, the
    same one when it is repeated. `is_final` ends repeating early for an answer that will stay as it is. `rate` is kept
    by all calls together, repeats included.
    """

    def __init__(
        self,
        address: Address,
        *,
        headers: Mapping[str, str | SecretValue] | None = None,
        id_header: str | None = None,
        timeout: float = TIMEOUT,
        tls: Tls | None = None,
        proxy: str | None = None,
        connections: int = 10,
        max_body: int = MAX_BODY,
        attempts: int = ATTEMPTS,
        rate: TokenBucket | None = None,
        is_final: Callable[[Answer], bool] = lambda _: False,
    ) -> None:
        self.address = address
        self.clock_skew: timedelta | None = None
        """How far the server's clock is ahead of ours, by its last answer; None where it has not told."""
        self._timeout = timeout
        self._max_body = max_body
        self._most = attempts
        self._rate = rate
        self._is_final = is_final
        self._calls = Calls()
        tls = tls or Tls()
        context = None if address.is_plain else tls.context()
        self._extensions = {} if tls.server_name is None else {"sni_hostname": tls.server_name}
        # Not a httpx.Client: that keeps cookies, reads the environment, and prepares to follow a redirect whether it
        # does or not, which a hostile Location breaks.
        self._transport = DeadlineTransport(context, connections=connections, proxy=proxy)
        self._id_header = id_header
        self._headers: Mapping[str, str | SecretValue] = {
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
        self._headers = {}  # last, so that nothing is sent without them

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Body = None,
        headers: Mapping[str, str | SecretValue] | None = None,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """One call to `path` (from the address' prefix on, encoded already, with its query). `json` None: no body.
        `headers` replace those of the client of the same name, in the same letter case.

        With `repeat`, for what changes nothing, failures and 412, 429, 5xx but 501 are tried again within the deadline.
        Any status comes back as an Answer. Raises Unavailable, Unreadable, Unanswered, RateLimited (429 that asks for
        a longer wait, or no turn within the deadline: nothing was done), Locked after close, InvalidInput for what no
        header or JSON can carry.
        """
        call = Call(self._deadline(timeout), repeatable=repeat)
        request = self._request(method, path, json, headers or {})
        with self._calls.one(call), calling(call):
            return self._attempts(call, request)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str | SecretValue] | None = None,
        timeout: float | None = None,
        silence: float | None = None,
    ) -> Iterator[events.EventStream]:
        """Server-sent events by a GET of `path`. `timeout` is for the answer to begin; after that there is no deadline,
        but the connection counts as lost after `silence` seconds without a byte. One connection is taken all the while.

        Any status comes back in the stream's `answer`. Nothing is repeated: to go on after a loss, open another. Raises
        as `send`.
        """
        call = Call(self._deadline(timeout), repeatable=True)
        request = self._request("GET", path, None, {"Accept": events.MEDIA_TYPE, **(headers or {})})
        with self._calls.one(call):
            with told(call, self.address), calling(call):
                response = self._opened(call, request)
            try:
                answer = Answer(response.status_code, _headers(response), b"")
                if not events.begins(answer):
                    with told(call, self.address), calling(call):
                        answer = Answer(answer.status, answer.headers, self._body(response))
                if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self._heed_limit(call, answer, last=True)
                yield events.EventStream(answer, self._parts(call, response, silence), call.end)
            finally:
                response.close()

    def pause(self, seconds: float) -> None:
        """Wait. Raises Locked at once when the client is closed."""
        call = Call(math.inf)
        with self._calls.one(call), calling(call):
            self._wait(call, seconds)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self._timeout if timeout is None else timeout)

    def _attempts(self, call: Call, request: httpx2.Request) -> Answer:
        for attempt in range(1, self._most + 1):
            last = attempt == self._most or not call.repeatable
            try:
                answer = self._once(call, request)
            except Unanswered:
                if last or not self._wait(call, _pause(attempt)):
                    raise
                continue
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._heed_limit(call, answer, last=last)
                continue
            if last or answer.status not in _WORTH_REPEATING or self._is_final(answer):
                return answer
            if not self._wait(call, max(_pause(attempt), answer.retry_after() or 0.0)):
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _heed_limit(self, call: Call, answer: Answer, *, last: bool) -> None:
        """Wait as long as a 429 asks for, where that is worth it. Raises RateLimited."""
        asked = answer.retry_after()
        wait = min(asked if asked is not None else 1.0, _LONGEST_WAIT)
        if self._rate is not None:
            self._rate.hold(wait)
        if last or not self._wait(call, wait):
            raise RateLimited(
                "The server wants fewer requests.", retry_after=wait, hint=f"Try again in {max(1, round(wait))} s."
            )

    def _request(self, method: str, path: str, json: Body, headers: Mapping[str, str | SecretValue]) -> httpx2.Request:
        sent = {**self._headers, **({self._id_header: str(uuid.uuid4())} if self._id_header else {}), **headers}
        plain = {name: header_value(value, f"value of the header {name}") for name, value in sent.items()}
        content = None
        if json is not None:
            content = json_text.dump(_plain(json)).encode("ascii")
            plain.setdefault("Content-Type", "application/json")
        # The target is ours byte for byte: httpx would fold `..` and leave `%41` as it is.
        extensions = {**self._extensions, "target": (self.address.prefix + path).encode("ascii")}
        return httpx2.Request(method, self.address.origin, headers=plain, content=content, extensions=extensions)

    def _once(self, call: Call, request: httpx2.Request) -> Answer:
        with told(call, self.address):
            response = self._opened(call, request)
            try:
                answer = Answer(response.status_code, _headers(response), self._body(response))
            finally:
                response.close()
        date = answer.date()
        self.clock_skew = None if date is None else date - datetime.now(UTC)
        return answer

    def _opened(self, call: Call, request: httpx2.Request) -> httpx2.Response:
        if call.ended.is_set():
            raise closed()
        if self._rate is not None:
            self._wait(call, self._rate.reserve(call.deadline - time.monotonic()))
        call.sent = False
        request.extensions["timeout"] = {"pool": max(0.0, call.deadline - time.monotonic())}
        return self._transport.handle_request(request)

    def _body(self, response: httpx2.Response) -> bytes:
        _refuse_compressed(response)
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

    def _parts(self, call: Call, response: httpx2.Response, silence: float | None) -> Iterator[bytes]:
        """A body without end, as it comes."""
        _refuse_compressed(response)
        raw = response.iter_raw()
        while True:
            call.deadline = math.inf if silence is None else time.monotonic() + silence
            with told(call, self.address), calling(call):
                part = next(raw, None)
            if part is None:
                return
            yield part

    def _wait(self, call: Call, seconds: float) -> bool:
        """Whether there was time to wait. Ends at once with Locked when the client is closed."""
        if time.monotonic() + seconds >= call.deadline:
            return False
        if call.ended.wait(seconds):
            raise closed()
        return True


def header_value(value: str | SecretValue, what: str = "token") -> str:
    """What a header can carry: printable ASCII, one newline at the end dropped. Raises InvalidInput, never with it."""
    plain = value.reveal() if isinstance(value, SecretValue) else value
    if isinstance(plain, bytes):
        plain = plain.decode("latin-1")
    text = str(plain).removesuffix("\n").removesuffix("\r")
    if not text.isascii() or not text.isprintable():
        raise InvalidInput(
            f"The {what} holds characters that no header can carry.", hint="Check the file or variable it comes from."
        ) from None
    return text


def _plain(body: Body) -> Json:
    """Raises InvalidInput for bytes, which JSON cannot hold."""
    value = body.reveal() if isinstance(body, SecretValue) else body
    match value:
        case bytes():
            raise InvalidInput("These are bytes, which JSON cannot hold.", hint="Store them as text.")
        case str() | bool() | int() | float() | None:
            return value
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value]


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _refuse_compressed(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreadable(
            "The server compressed its answer, which it was asked not to.",
            hint="A proxy in front of it may do that.",
        )


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: twice as long each time, spread so that clients do not come back together."""
    spread: float = secrets.randbelow(1000) / 1000
    return min(0.25 * (1 << min(attempt - 1, 10)), _LONGEST_PAUSE) * (1 + spread)
