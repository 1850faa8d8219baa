"""Requests to the secrets API, and its errors as ours.

Sources: the service's API reference, and facts about its parser and its double. Every URI goes into a query whole and
percent-encoded; sent as it is, all from its `#` on would be lost, and with it the version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeAlias

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import Page, Results, page_of, results_of
from kvtui.backends.crud.failures import Operation, Told
from kvtui.backends.http.address import query
from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.client import Body, HttpClient, header_value
from kvtui.backends.http.events import EventStream, begins
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.errors import NotFound, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Names and values of a query."""

BASE: Final = "/api/secrets"
_PAGE: Final = 100
"""The documents' own limit: more may be refused."""
_DEV_ONLY: Final = (failures.WATCH, failures.AUDIT)
_UNKNOWN: Final = "Whether the change was made is not known."


class CrudApi:
    """The service as one token sees it; None for one that asks for none."""

    def __init__(self, client: HttpClient, *, token: SecretValue | None = None) -> None:
        self._client = client
        self._bearer = None if token is None else SecretValue(f"Bearer {header_value(token)}")
        self._base = "" if client.address.prefix.endswith(BASE) else BASE
        self._is_there = False

    @property
    def clock_skew(self) -> timedelta | None:
        return self._client.clock_skew

    def close(self) -> None:
        self._client.close()
        self._bearer = None  # last, so that nothing is sent without it

    @property
    def address(self) -> str:
        return str(self._client.address)

    def asks_for_a_token(self) -> bool:
        """Whether it answers nobody without one. One request, which changes nothing and names no secret."""
        answer = self._client.send("GET", f"{self._base}/versions", repeat=True)
        return answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    def get(self, endpoint: str, what: Operation, *, pairs: Pairs = (), about: str | None = None) -> Json:
        """A read. `about` is the path an error is told for. Raises GoneError, and our errors."""
        answer = self._client.send("GET", self._base + endpoint + query(pairs), headers=self._headers, repeat=True)
        if answer.ok:
            return answer.json()
        raise self._failure(answer, what, about)

    def look(
        self, endpoint: str, what: Operation, uri: CanonicalUri, *, pairs: Pairs = (), about: str | None = None
    ) -> Json:
        """A read of what one URI names."""
        return self.get(endpoint, what, pairs=[("uri", str(uri)), *pairs], about=about)

    def pages(self, endpoint: str, what: Operation, *, pairs: Pairs = (), about: str | None = None) -> Iterator[Page]:
        """Everything of a list, page by page, until it says that this is all or nothing new comes."""
        offset, last = 0, None
        while True:
            page = self.page(endpoint, what, offset=offset, limit=_PAGE, pairs=pairs, about=about)
            if not page.items or page.items == last:  # the same again: a service that knows no pages
                return
            yield page
            offset, last = offset + len(page.items), page.items
            if page.total is not None and offset >= page.total:
                return

    def page(
        self,
        endpoint: str,
        what: Operation,
        *,
        offset: int,
        limit: int,
        pairs: Pairs = (),
        about: str | None = None,
    ) -> Page:
        limits = [("offset", str(offset)), ("limit", str(limit))]
        return page_of(self.get(endpoint, what, pairs=[*pairs, *limits], about=about))

    def change(
        self,
        method: str,
        endpoint: str,
        what: Operation,
        body: Body = None,
        *,
        pairs: Pairs = (),
        about: str | None = None,
    ) -> Mapping[str, Json]:
        """One request that changes something, sent once. What it answers, {} where that is nothing.

        Any error means that nothing was changed, but Unanswered with `may_have_arrived`, as where the service failed
        after it got the request.
        """
        try:
            answer = self._client.send(method, self._base + endpoint + query(pairs), json=body, headers=self._headers)
        except Unanswered as error:
            raise _unknown(error.message) if error.may_have_arrived else error from None
        except Unreadable as error:
            raise _unknown(error.message) from None
        return self._changed(answer, what, about)

    def bulk(self, operations: Sequence[Body], what: Operation, *, stop: bool, about: str | None = None) -> Results:
        """Many changes in one request, sent once; with `stop` those after the first that fails are left out. Raises as
        `change`: any error means that none was made."""
        body: Body = {"operations": operations, "continueOnError": not stop}
        return results_of(self.change("POST", "/bulk", what, body, about=about), len(operations))

    @contextmanager
    def events(self) -> Iterator[EventStream]:
        with self._client.stream(f"{self._base}/events", headers=self._headers) as stream:
            if not begins(stream.answer):
                if stream.answer.ok:
                    raise Unavailable(
                        "The service sent no events.", hint="A proxy may be in front of it.", retryable=False
                    )
                raise self._failure(stream.answer, failures.WATCH, None)
            yield stream

    def _changed(self, answer: Answer, what: Operation, about: str | None) -> Mapping[str, Json]:
        if answer.ok:
            try:
                body = answer.json() if answer.body else {}
            except Unreadable as error:
                raise _unknown(error.message) from None
            return body if isinstance(body, dict) else {"results": body}
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.NOT_IMPLEMENTED:
            raise _unknown(failures.failed(answer.status))
        raise self._failure(answer, what, about)

    def _failure(self, answer: Answer, what: Operation, about: str | None) -> Exception:
        if answer.is_redirect:
            return failures.elsewhere(answer)
        said = failures.told(answer)
        if _may_be_no_route(said) and not self._has_routes():
            return Unavailable(
                "There is no secrets API at this address.",
                hint=f"The profile's url is what stands before {BASE}.",
                path=about,
                retryable=False,
            )
        error = failures.error_for(said, what, about)
        is_not_here = what in _DEV_ONLY and isinstance(error, (NotFound, Unsupported))
        return failures.not_here(what) if is_not_here else error

    def _has_routes(self) -> bool:
        """Whether the service is there at all: a route of its own says something else than that there is none."""
        if not self._is_there:
            answer = self._client.send("GET", f"{self._base}/versions", headers=self._headers, repeat=True)
            self._is_there = answer.status != HTTPStatus.NOT_FOUND
        return self._is_there

    @property
    def _headers(self) -> Mapping[str, str | SecretValue]:
        return {} if self._bearer is None else {"Authorization": self._bearer}


def _may_be_no_route(said: Told) -> bool:
    """The framework's own words, which a service without words of its own uses for secrets too."""
    return said.status == HTTPStatus.NOT_FOUND and not said.code and said.message in {"", "Not Found"}


def _unknown(what: str) -> Unanswered:
    return Unanswered(f"{what} {_UNKNOWN}", hint="Look before you try again.", may_have_arrived=True)
