"""search --all: every store that opens without asking anybody, and what was left out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvtui.backends.factory import StoreState
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit
from kvtui.cli.output import Output, error_json
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, NotFound, Unsupported
from kvtui.domain.json_text import Json
from kvtui.services.finding import Finding, Report
from kvtui.services.left_out import LeftOut
from kvtui.services.server_search import MOST
from kvtui.services.session import Session

if TYPE_CHECKING:
    from kvtui.services.profiles import Profile


def everywhere(context: Context, args: Namespace) -> int:
    """By name."""
    with Finding() as finding:
        for profile in profiles_of(context):
            finding.open(profile, context.given_credential())
        finding.wait()
        finding.ask(args.query, args.limit or MOST, exact=args.exact)
        finding.wait()
        found, reports = finding.query(args.query, args.limit, exact=args.exact), finding.reports()
    out, skipped = context.out, Skips(context.out)
    for report in reports:
        _tell(skipped, report)
    skipped.refuse_if_all(len(reports))
    if out.json:
        matches: list[Json] = [{"profile": each.profile, "path": each.path} for each in found.matches]
        out.dump({"query": found.query, "matches": matches, "complete": found.complete, **skipped.json()})
        return skipped.code
    for each in found.matches:
        out.line(out.name(each.address))
    if found.more:
        out.note("There are more.")
    for report in reports:
        if report.unlisted and report.error is None:
            out.note(f"{out.name(report.profile)}: it cannot list, and others may be there that were not found.")
    return skipped.code


def _tell(skipped: Skips, report: Report) -> None:
    for error in (report.error, report.refused):
        if error is not None:
            skipped.store(report.profile, error)
    skipped.places(report.profile, report.left_out or LeftOut())


def profiles_of(context: Context) -> Iterator[Profile]:
    """The current one, then all that are configured."""
    profiles = context.profiles
    yield profiles.current
    is_made_up = not context.config.profiles
    for profile in map(profiles.get, profiles.names):
        # Without a configuration there is a profile of a vault that may never have been made.
        if profile is not profiles.current and not (is_made_up and Session(profile).probe() is StoreState.MISSING):
            yield profile


class Skips:
    """What was left out of a search of several stores: told in words at once, as JSON at the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._rows: list[Json] = []
        self._errors: list[KvtuiError] = []
        self.code = Exit.DONE

    def store(self, profile: str, error: KvtuiError, *, on_purpose: bool = False) -> None:
        """All of a store, or what was still to come of it. That somebody would have to be asked, that it is not there
        or can do nothing of the kind is no failure: wanted are those that can without asking. Nor is what was left out
        `on_purpose`."""
        self._errors.append(error)
        self._rows.append({"profile": profile, "error": error_json(error)})
        self._out.note(f"{self._named(profile)}: left out. {error}")
        if not (on_purpose or isinstance(error, (AuthenticationRequired, NotFound, Unsupported))):
            self.code = Exit.PARTLY

    def places(self, profile: str, left_out: LeftOut) -> None:
        """What could not be looked at in a store."""
        if left_out:
            self._rows += [
                {"profile": profile, "path": what.path, "error": error_json(what.error)} for what in left_out.places
            ]
            self._out.note(f"{self._named(profile)}: {left_out.told}.")
            self.code = Exit.PARTLY

    def refuse_if_all(self, stores: int) -> None:
        """Raise the first error where no store at all was searched."""
        if stores and len(self._errors) >= stores:
            raise self._errors[0]

    def json(self) -> dict[str, Json]:
        """`{"complete": false, "skipped": [{"profile", "path"?, "error"}]}`; nothing where all was looked at."""
        return {"complete": False, "skipped": self._rows} if self._rows else {}

    def _named(self, profile: str) -> str:
        return self._out.name(profile) if profile else "The vault"
