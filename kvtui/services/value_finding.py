"""Looking through the values of the stores that are searched, one store after the other; see `value_search`.

places = places_of(finding, "path:prod")           # what would be read, and where that is a request each
looking = ValueFinding(places, asked, most=1000)
looking.run()                                      # on some thread; `stop` ends it from another
looking.found, looking.read, looking.total         # at any time
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.services.finding import Finding
from kvtui.services.left_out import LeftOut
from kvtui.services.session import Session
from kvtui.services.value_search import Asked, ValueSearch, caution


class Place(NamedTuple):
    """A store whose values are looked through."""

    session: Session
    paths: Sequence[str] | None = None
    """On a server just those secrets, each a request; None where all whose names fit are read on this machine."""
    refused: str = ""
    """Why no value is ever read there."""

    @property
    def profile(self) -> str:
        return self.session.profile.name


class Holding(NamedTuple):
    """A secret and the names of its fields that hold what was asked for."""

    profile: str
    path: str
    fields: Sequence[str]


def places_of(finding: Finding, names: str) -> Sequence[Place]:
    """The stores of a search that are open. On a server it is the names that are known by now that would be read."""
    sessions = [finding.session(report.profile) for report in finding.reports()]
    there = {session.profile.name: list[str]() for session in sessions if session is not None and caution(session)}
    for found in finding.query(names).matches if there else ():
        if found.profile in there:
            there[found.profile].append(found.path)
    return [
        Place(session, there.get(session.profile.name), session.why_not(Capability.READ))
        for session in sessions
        if session is not None
    ]


class ValueFinding:
    """One look. A store that fails or refuses does not keep the others from being looked through."""

    def __init__(self, places: Sequence[Place], asked: Asked, *, most: int) -> None:
        """Ends as soon as `most` were found. That each of the paths on servers is read was agreed to."""
        self.found: list[Holding] = []
        self.read = 0
        """Secrets that were looked at."""
        self.total: int | None = None
        """How many there are, in the stores that it has come to; None while that is not known."""
        self.left_out: list[LeftOut] = []
        """Of each store what could not be read."""
        self.failed: list[tuple[str, KvtuiError]] = []
        """Profiles that were not looked through to their end, and why."""
        self.has_more = False
        self._places = places
        self._asked = asked
        self._most = most
        self._search: ValueSearch | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """End it, with the requests that are under way, and forget what was looked for. What was found stays."""
        self._stopped = True
        self._asked = Asked()
        if (search := self._search) is not None:
            search.stop()

    def run(self) -> None:
        """Look, until all is looked through or it is stopped."""
        try:
            for place in self._places:
                if self._stopped or self.has_more:
                    return
                try:
                    self._look(place)
                except KvtuiError as error:
                    if not self._stopped:
                        self.failed.append((place.profile, error))
        finally:
            self._search, self._asked = None, Asked()

    def _look(self, place: Place) -> None:
        before = self.read, self.total or 0

        def tell(read: int, total: int | None) -> None:
            self.read, self.total = before[0] + read, None if total is None else before[1] + total

        asked = self._asked
        with ValueSearch(place.session, asked, agreed=True, progress=tell, paths=place.paths) as search:
            self._search = search
            self.left_out.append(search.left_out)
            if self._stopped:
                return
            with closing(iter(search)) as found:
                for match in found:
                    self.found.append(Holding(place.profile, *match))
                    if len(self.found) >= self._most:
                        self.has_more = True
                        return
            if search.is_over_time:
                raise KvtuiError("It took too long.", hint="Narrow it by names.")
