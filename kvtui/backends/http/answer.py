"""What a server said, and the errors for saying nothing or nothing of use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.path import display

MAX_JSON_DEPTH = 250
MAX_PARTS = 2_000_000
"""Values in one answer. Each takes a hundred bytes here, and as few as two on the way."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a server said, values and all. `headers` have lower-case names. All of it is shown through show() only."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """No redirect is followed: a token would go with it. Often it means that nobody is signed in."""
        return self.status in {301, 302, 303, 307, 308}

    @property
    def media_type(self) -> str:
        """Of the body as the server calls it, such as text/html; lower case, without parameters; "" where it does not
        say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def redirect_origin(self) -> str:
        """`scheme://host[:port]` a redirect leads to, safe to show; "" where it names none. The rest of a Location may
        hold what was sent."""
        try:
            where = urlsplit(self.headers.get("location", ""))
            port = "" if where.port is None else f":{where.port}"
        except ValueError:
            return ""
        host = f"[{where.hostname}]" if where.hostname and ":" in where.hostname else where.hostname
        return display(f"{where.scheme}://{host}{port}")[:200] if host else ""

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

    def date(self) -> datetime | None:
        """When the server says that it is (RFC 9110, section 6.6.1), to the second; None when it does not say."""
        try:
            at = parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

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
    """No answer came. `may_have_arrived`: whether the server can have got, and done, what was sent."""

    def __init__(self, message: str, *, hint: str, may_have_arrived: bool, retryable: bool | None = None) -> None:
        super().__init__(message, hint=hint, retryable=not may_have_arrived if retryable is None else retryable)
        self.may_have_arrived = may_have_arrived
