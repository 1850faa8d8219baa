"""Pages of lists, by opaque tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Protocol, TypeVar

from tests.doubles.tailor.connect import ConnectError, Json


class Ordered(Protocol):
    @property
    def order(self) -> int: ...


Item = TypeVar("Item", bound=Ordered)


class Pages:
    def __init__(self) -> None:
        self.default_size = 100
        """Of a page nobody gave a size for; the API does not say."""
        self.largest = 1000
        self.refuses_larger = False
        """Otherwise a larger page is cut to `largest`."""
        self.ends_with_empty_page = False
        """A full page has a token for the next one even if nothing follows."""

    def cut(self, items: Iterable[Item], name: str, asked: dict[str, Json]) -> tuple[list[Item], str]:
        """The page `asked` for of the list `name`, and the token of the next. Raises ConnectError."""
        size = asked["pageSize"] or self.default_size
        if size > self.largest and self.refuses_larger:
            raise ConnectError("invalid_argument", f"page size must not exceed {self.largest}")
        size = min(size, self.largest)
        backwards = asked.get("pageDirection") == "PAGE_DIRECTION_DESC"
        ordered = sorted(items, key=lambda one: one.order, reverse=backwards)
        if asked["pageToken"]:
            last = _place(asked["pageToken"], name)
            ordered = [one for one in ordered if (one.order < last if backwards else one.order > last)]
        page = ordered[:size]
        has_next = len(ordered) > size or (self.ends_with_empty_page and len(page) == size)
        return page, _token(name, page[-1].order) if has_next else ""


def _token(name: str, order: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, order]).encode()).decode()


def _place(token: str, name: str) -> int:
    """Raises ConnectError for tokens that are none, or another list's."""
    try:
        owner, order = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError):
        owner, order = None, 0
    if owner != name:
        raise ConnectError("invalid_argument", "invalid page token")
    return int(order)
