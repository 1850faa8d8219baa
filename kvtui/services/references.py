"""References of one run: found in text, each secret read once, several at a time, none after a deadline.

Three spellings are read: `kv://PROFILE/path#field?version=N`, `{vault, key}` maps, and canonical URIs such as
`openbao+kv2://secret/app/api#token`. A URI names no profile. It is looked for in the profile whose `root` or `roots`
hold it; else in the current one, where that maps it; else in the only one that does. Where several would do it is
refused: two servers may well have the same mount.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from kvtui.domain.canonical_uri import ENGINES, CanonicalUri
from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound, Unavailable
from kvtui.domain.reference import Reference, version_number
from kvtui.domain.secret import Secret, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session

SECONDS = 60.0
"""How long all reads of a run may take together."""
_AT_ONCE = 8
_TOLD = 5
"""Failures told one by one; of more there is only the number."""

_URI = "|".join(
    f"{provider}[+]{engine}" if engine else provider
    for provider, engines in ENGINES.items()
    for engine in sorted(engines, key=str)
    if engine or provider == "yaml"
)
_SCHEME = rf"(?:kv|(?i:{_URI}))://"
_MENTION = re.compile(
    rf"\{{\{{[ \t]*(?P<braced>{_SCHEME}[^\s\"'{{}}]*)[ \t]*\}}\}}|(?<![A-Za-z0-9+.-])(?P<bare>{_SCHEME}[^\s\"']*)"
)
_PLAIN = re.compile(r"(?P<path>[^#]*?)(?:#(?P<field>.*?))?(?:\?version=(?P<version>[0-9]{1,9}))?", re.DOTALL)

AnyReference = Reference | CanonicalUri


@dataclass(frozen=True, slots=True)
class Mention:
    """A reference in a text, and which part of the text it takes the place of."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reference and, for messages, where it stands. `shown` is its text unless that might be a value by mistake."""

    reference: AnyReference
    where: str
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.where}, {self.shown}" if self.shown else self.where


def find(text: str) -> Iterator[Mention]:
    """The references in any text. One ends at white space or a quote, or at the end of the double braces around it,
    which belong to it: `{{ kv:///app/db#password }}`.

    Of canonical URIs those whose scheme means nothing else: `file://`, `db://` and `bootstrap://` are left alone.
    """
    for match in _MENTION.finditer(text):
        yield Mention(match.start(), match.end(), match["braced"] or match["bare"])


def parse(text: str) -> AnyReference:
    """Raises InvalidReference, InvalidUri, InvalidPath."""
    if "://" in text and not text.startswith("kv://"):
        return CanonicalUri.parse(text)
    return Reference.parse(text)


def parse_at(text: str, where: str) -> Wanted:
    """A reference that stands somewhere: what is wrong with it is said of that place."""
    try:
        return Wanted(parse(text), where, text)
    except InvalidInput as error:
        raise _told(error, where) from None
    except KvtuiError as error:
        error.path = None
        raise _told(error, where) from None


def parse_option(text: str, where: str, profiles: Profiles) -> Wanted:
    """As it is given to an option: a reference, or a plain `[PROFILE:]path#field?version=N` with nothing encoded."""
    if "://" in text:
        return parse_at(text, where)
    profile, address = profiles.parse_address(text)
    match = _PLAIN.fullmatch(address)
    if match is None or not match["path"]:
        raise InvalidInput(f"{where}: not a reference.", hint="Write it as kv:///path#field, or path#field.")
    version = match["version"]
    try:
        number = None if version is None else version_number(version)
    except InvalidInput as error:
        raise _told(error, where) from None
    # What is plain may be a value that was typed in the wrong place: it is not shown.
    return Wanted(Reference(match["path"], match["field"], number, profile.name if profile else ""), where)


def parse_map(vault: object, key: object, where: str) -> Wanted:
    """`{vault: V, key: K}`."""
    try:
        reference = Reference.of_map(vault, key)
    except KvtuiError as error:
        error.path = None
        raise _told(error, where) from None
    return Wanted(reference, where, str(reference))


def _told(error: KvtuiError, where: str) -> KvtuiError:
    error.message = f"{where}: {error.message}"
    return error


@dataclass(frozen=True, slots=True)
class _Place:
    """One secret at one version; `at` is the number of its session."""

    at: int
    path: str
    version: int | None


class Resolver:
    """Gives the values of references. `open_session` opens a profile's store, once however often it is called."""

    def __init__(
        self, profiles: Profiles, open_session: Callable[[Profile], Session], *, seconds: float = SECONDS
    ) -> None:
        self._profiles = profiles
        self._open = open_session
        self._seconds = seconds

    def resolve(self, wanted: Sequence[Wanted]) -> list[SecretValue]:
        """The value of each, in order: all, or none. Every disclosed field is in the journal, as a reveal.

        Raises the error of the first that cannot be had, with all of them named; Unavailable after the deadline.
        """
        sessions, places = self._opened(wanted)
        found = self._read(sessions, [place for place, _ in places])
        chosen: list[tuple[_Place, Secret, str]] = []
        failed: dict[str, KvtuiError] = {}
        for want, (place, field) in zip(wanted, places, strict=True):
            try:
                secret = found[place]
                if isinstance(secret, KvtuiError):
                    raise secret
                chosen.append((place, secret, only_field(secret, field)))
            except KvtuiError as error:
                failed[str(want)] = error
        if failed:
            raise _all_of(failed)
        return self._disclosed(sessions, chosen)

    def _opened(self, wanted: Sequence[Wanted]) -> tuple[list[Session], list[tuple[_Place, str | None]]]:
        """The stores that are needed, and in which of them each reference is, with its field."""
        profiles: list[Profile] = []
        places: list[tuple[_Place, str | None]] = []
        for want in wanted:
            try:
                profile, reference = self._located(want.reference)
            except KvtuiError as error:
                raise _told(error, str(want)) from None
            if profile not in profiles:
                profiles.append(profile)
            at = profiles.index(profile)
            places.append((_Place(at, reference.path, reference.version), reference.field))
        return [self._open(profile) for profile in profiles], places

    def _located(self, reference: AnyReference) -> tuple[Profile, Reference]:
        if isinstance(reference, Reference):
            return self._profiles.get(reference.profile), reference
        if others := [name for name, _ in reference.params if name != "version"]:
            raise InvalidInput(
                f"A URI with the parameter {others[0]} is no reference.", hint="Only version= is understood."
            )
        mapped = self._mapped(reference)
        rooted = {name: path for name, (_, path, by_root) in mapped.items() if by_root}
        current = self._profiles.current
        if not rooted and current.name in mapped and mapped[current.name][0] is current:
            name = current.name
        else:
            name = _only(rooted or {name: path for name, (_, path, _) in mapped.items()})
        profile, path, _ = mapped[name]
        return profile, Reference(path, reference.fragment, reference.version, name)

    def _mapped(self, uri: CanonicalUri) -> dict[str, tuple[Profile, str, bool]]:
        """The profiles that have what the URI names, by name."""
        found: dict[str, tuple[Profile, str, bool]] = {}
        for profile in [self._profiles.current, *map(self._profiles.get, self._profiles.names)]:
            try:
                mapped = profile.factory.locate(profile.settings, uri)
            except Unavailable:  # a broken backend: opening it tells
                continue
            if mapped is not None:
                found.setdefault(profile.name, (profile, mapped.path, mapped.by_root))
        return found

    def _read(self, sessions: Sequence[Session], wanted: Sequence[_Place]) -> dict[_Place, Secret | KvtuiError]:
        """Each secret, or why it could not be read."""
        deadline = time.monotonic() + self._seconds
        reads = _Reads()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                asked: dict[_Place, Future[Secret | KvtuiError]] = {}
                for place in wanted:
                    if place not in asked:
                        asked[place] = pool.submit(reads.read, sessions[place.at], place)
                _, late = wait(asked.values(), timeout=max(0.0, deadline - time.monotonic()))
            finally:
                # Also when somebody presses ctrl+c: leaving waits for the threads.
                reads.stop()
                pool.shutdown(wait=False, cancel_futures=True)
        return {place: self._too_late() if future in late else future.result() for place, future in asked.items()}

    def _too_late(self) -> KvtuiError:
        return Unavailable(f"No answer within {self._seconds:.0f} s.", hint="Try again, or allow more with --timeout.")

    @staticmethod
    def _disclosed(sessions: Sequence[Session], chosen: Sequence[tuple[_Place, Secret, str]]) -> list[SecretValue]:
        """The values, each in the journal first and once."""
        values: dict[tuple[_Place, str], SecretValue] = {}
        for place, secret, field in chosen:
            if (place, field) not in values:
                values[place, field] = sessions[place.at].disclose(Act.REVEAL, secret, field)
        return [values[place, field] for place, _, field in chosen]


class _Reads:
    """Reads that can be ended together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        self._stopped = False

    def read(self, session: Session, place: _Place) -> Secret | KvtuiError:
        try:
            with session.backend.interruptible() as stop:
                with self._lock:
                    self._stops.append(stop)
                    if self._stopped:
                        stop()
                return session.backend.read(place.path, place.version)
        except KvtuiError as error:
            return error

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for stop in self._stops:
                stop()


def only_field(secret: Secret, field: str | None) -> str:
    """The field that a reference means. Raises NotFound for one that is not there and for what was deleted,
    InvalidInput where none is named of several."""
    if secret.version.state is not VersionState.LIVE:
        number, state = secret.version.number, secret.version.state.value
        hint = "Bring it back with kvtui undelete." if state == VersionState.DELETED else "Name another version."
        raise NotFound(f"Version {number} is {state}.", hint=hint, state=state, version=number)
    names = ", ".join(secret.fields) or "none"
    if field is not None and field not in secret.fields:
        raise NotFound("It has no such field.", hint=f"Its fields: {names}.")
    if field is None and len(secret.fields) != 1:
        raise InvalidInput("It does not have one field.", hint=f"Name one of them with #FIELD: {names}.")
    return next(iter(secret.fields)) if field is None else field


def _only(mapped: dict[str, str]) -> str:
    if not mapped:
        raise InvalidInput("No profile has this URI.", hint="Add a profile of a store that does, or its root to roots.")
    if len(mapped) > 1:
        names = ", ".join(mapped)
        raise InvalidInput(
            f"Several profiles may have this URI: {names}.",
            hint="Choose one with --profile, or write kv://PROFILE/path.",
        )
    return next(iter(mapped))


def _all_of(failed: dict[str, KvtuiError]) -> KvtuiError:
    """The first error, with all that failed in its message: which reference, where it stands, what happened."""
    told = [f"{want}: {error.message}" for want, error in failed.items()]
    more = f" And {len(told) - _TOLD} more." if len(told) > _TOLD else ""
    first = next(iter(failed.values()))
    first.message = " ".join(told[:_TOLD]) + more
    first.path = None
    if len(told) > 1:
        first.hint = ""  # it is about one of them
    return first
