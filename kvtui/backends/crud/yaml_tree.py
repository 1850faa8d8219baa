"""The YAML file behind the service: nested maps, no versions, and nothing known of a secret but its values.

A map is a folder; what in it is no map are the fields of the secret of the same path. Writing or deleting a map takes
all that lies below it along: so that is done only where nothing does, and else each field is named by its fragment,
several in one bulk request. Nothing is written below a field either, which would become a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import ClassVar

from kvtui.backends.crud import exact, failures
from kvtui.backends.crud.answers import key_of, names_of
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.capabilities import YAML
from kvtui.backends.crud.engine import ONLY, Engine, Standing
from kvtui.backends.crud.failures import GoneError, Operation, YamlClosed
from kvtui.backends.crud.places import Place
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.vault import numbers
from kvtui.backends.vault.engine import to_fields
from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import Outline, Secret, Version
from kvtui.domain.value import Fields, ValueType, like_fields

_CHANGING = frozenset({Capability.WRITE, Capability.DELETE, Capability.ROTATE, Capability.COPY})
_SET: Mapping[Operation, str] = {failures.WRITE: "set", failures.ROTATE: "rotate"}


@dataclass(frozen=True, slots=True)
class Map:
    """What lies at a path: fields, and names of what lies below."""

    fields: Fields
    below: frozenset[str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A key of the file, and the map it is in; `uri` None where no URI can name that."""

    uri: CanonicalUri | None
    key: str


class YamlTree(Engine):
    capabilities: ClassVar[frozenset[Capability]] = YAML
    lacking: ClassVar[str] = "A YAML file keeps no versions, and values alone."
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType(
        {
            Capability.VERSIONS: "A YAML file keeps no versions.",
            Capability.UNDELETE: "A YAML file keeps nothing of what is deleted.",
            Capability.DESTROY: "A YAML file keeps nothing of what is deleted.",
            Capability.METADATA: "A YAML file keeps values alone: no type, description, tags or owner.",
            Capability.EDIT_METADATA: "A YAML file keeps values alone: no type, description, tags or owner.",
        }
    )

    def __init__(self, api: CrudApi) -> None:
        super().__init__(api)
        self._is_closed = False

    def why_not(self, capability: Capability) -> str:
        if self._is_closed and capability in _CHANGING:
            return failures.YAML_CLOSED
        return super().why_not(capability)

    # Listing

    def leaves(self, uri: CanonicalUri, about: str) -> Iterator[Leaf]:
        """Every key at and below a path, once each. Raises Unreadable."""
        seen: set[tuple[str, str]] = set()
        for page in self._pages(uri, about):
            for item in page:
                found = key_of(item)
                if found is None:
                    yield Leaf(None, "")
                    continue
                where, key = found
                if (where.location, key) not in seen and _is_at_or_below(where, uri):
                    seen.add((where.location, key))
                    yield Leaf(where, key)

    def _pages(self, uri: CanonicalUri, about: str) -> Iterator[Sequence[Json]]:
        """As the documents have it, or, where that is refused, as older ones do: by mount and path."""
        for pairs in ([("prefix", str(uri))], [("mount", uri.mount), ("prefix", uri.path)]):
            try:
                for page in self.api.pages("/metadata", failures.LIST, pairs=pairs, about=about):
                    yield page.items
            except NotFound:
                return  # a service may say that of a path with nothing below
            except InvalidInput:
                if pairs[0][0] == "mount":
                    raise
            else:
                return

    def names(self, uri: CanonicalUri, about: str) -> Sequence[str]:
        """Fields and what lies below, in one list. Raises NotFound where no map is."""
        try:
            return names_of(self.api.look("/keys", failures.LIST, uri, about=about))
        except (PermissionDenied, Unsupported):
            return [*self._node(uri, about)]

    # Reading

    def _node(self, uri: CanonicalUri, about: str) -> Mapping[str, Json]:
        try:
            answer = self.api.look("", failures.READ, uri, about=about)
        except GoneError:
            raise missing(about) from None
        if not isinstance(answer, dict):
            raise missing(about)
        return answer

    def look(self, at: Place) -> Map | None:
        """None where no map is."""
        try:
            node = self._node(at.uri, at.path)
        except NotFound:
            return None
        fields = to_fields(node)
        below = frozenset(name for name, value in fields.items() if value.type is ValueType.MAP)
        return Map({name: value for name, value in fields.items() if name not in below}, below)

    def read(self, at: Place, version: int | None) -> Secret:
        if version is not None:
            self.lacks(Capability.VERSIONS, at.path)
        found = self.look(at)
        if found is None or not found.fields:
            self.seen.saw(at.path, None)
            raise missing(at.path)
        self.seen.saw(at.path, found.fields)
        return Secret(at.path, ONLY, found.fields, Metadata(), 1)

    def outline(self, at: Place, version: int | None) -> Outline:
        if version is not None:
            self.lacks(Capability.VERSIONS, at.path)
        leaves = self.leaves(at.uri, at.path)
        keys = [leaf.key for leaf in leaves if leaf.uri is not None and leaf.uri.location == at.uri.location]
        if not keys:
            raise missing(at.path)
        return Outline(at.path, ONLY, dict.fromkeys(keys), Metadata(), 1)

    # Writing

    def check(self, path: str, fields: Fields, patch: MetadataPatch) -> None:  # noqa: ARG002 - none is kept
        exact.checked(fields, path)
        numbers.check_finite(fields, path)
        if not fields:
            raise InvalidInput("A YAML file keeps no secret without fields.", hint="Give it one.", path=path)
        for name, value in fields.items():
            if value.type is ValueType.MAP:
                raise InvalidInput(
                    f"A map in a YAML file is a folder, and the field {name!a} is one.",
                    hint="Write what is in it to a path of its own.",
                    path=path,
                )
            _fragment(name, path)

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:  # noqa: ARG002
        now = self.look(at)
        before = None if now is None or not now.fields else now.fields
        self.seen.check(at.path, before, expected)
        return self._put(failures.WRITE, at, now, fields)

    def rotate(self, at: Place, fields: Fields) -> Version:
        now = self.look(at)
        if now is None or not now.fields:
            raise missing(at.path)
        return self._put(failures.ROTATE, at, now, {**now.fields, **fields})

    def _put(self, what: Operation, at: Place, now: Map | None, fields: Fields) -> Version:
        if now is None:
            self.refuse_below_a_field(at)
            now = Map({}, frozenset())
        if taken := sorted(now.below & fields.keys()):
            raise AlreadyExists(
                f"There is a folder of the name of the field {taken[0]!a}.", hint="Name it otherwise.", path=at.path
            )
        if not like_fields(fields, now.fields):
            send = partial(self._change, what, at, now, fields)
            self._settled(at, now.fields or None, fields, send)
        self.seen.saw(at.path, fields)
        return ONLY

    def _change(self, what: Operation, at: Place, now: Map, fields: Fields) -> None:
        """One request: by the fragment of the one field that changes, else whole, else by many fragments."""

        def keyed(name: str) -> str:
            return str(at.uri.key(_fragment(name, at.path)))

        changed = [name for name in fields if name not in now.fields or not fields[name].like(now.fields[name])]
        removed = [name for name in now.fields if name not in fields]
        endpoint = "/rotate" if what is failures.ROTATE else ""
        if len(changed) == 1 and not removed:
            body: Body = {"uri": keyed(changed[0]), "value": fields[changed[0]]}
            self.api.change("POST", endpoint, what, body, about=at.path)
        elif not now.below:
            self.api.change("POST", endpoint, what, {"uri": str(at.uri), "value": fields}, about=at.path)
        else:
            operations: list[Body] = [{"op": _SET[what], "uri": keyed(name), "value": fields[name]} for name in changed]
            operations += [{"op": "delete", "uri": keyed(name)} for name in removed]
            self._bulk(at, operations, what)

    def delete(self, at: Place, versions: Sequence[int]) -> None:
        now = self.look(at)
        if now is None or not now.fields:
            raise missing(at.path)
        if wrong := [number for number in versions if number != 1]:
            raise missing_version(at.path, wrong[0])

        def send() -> None:
            if not now.below:
                pairs = [("uri", str(at.uri)), ("destroy", "false")]
                self.api.change("DELETE", "", failures.DELETE, pairs=pairs, about=at.path)
                return
            uris = [str(at.uri.key(_fragment(name, at.path))) for name in now.fields]
            self._bulk(at, [{"op": "delete", "uri": uri} for uri in uris], failures.DELETE)

        self._settled(at, now.fields, None, send)
        self.seen.saw(at.path, None)

    def _settled(self, at: Place, before: Fields | None, wanted: Fields | None, send: Callable[[], None]) -> None:
        """Send a change of what is `before`. Where its answer is lost, what is there tells."""

        def look() -> bool | None:
            found = self.look(at)
            now = self.seen.digest(found.fields if found is not None and found.fields else None)
            if now == self.seen.digest(wanted):
                return True
            return False if now == self.seen.digest(before) else None

        try:
            with self.noticing():
                send()
        except Unanswered as error:
            settle(error, look, at.path)

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """A refusal in here that holds for every change is remembered."""
        try:
            yield
        except YamlClosed:
            self._is_closed = True
            raise

    def _bulk(self, at: Place, operations: Sequence[Body], what: Operation) -> None:
        """All of these, or an error that says how many."""
        results = self.api.bulk(operations, what, stop=True, about=at.path)
        done = sum(result.done is True for result in results)
        if done == len(operations):
            return
        refused = next((result for result in results if result.done is False), None)
        if refused is None:
            raise Unanswered(
                "The service does not say what became of each field.", hint="Look at it.", may_have_arrived=True
            )
        error = refused.error(what, at.path)
        if not done:
            raise error
        raise Unavailable(
            f"{done} of {len(operations)} fields are changed, the others are not: {error.message}",
            hint="Read it again and repeat the change.",
            path=at.path,
            retryable=False,
        )

    def refuse_below_a_field(self, at: Place) -> None:
        """Raise AlreadyExists where a new path would lie below something that is a field, or be one itself."""
        *above, name = at.uri.location.split("/")
        while above:
            uri = CanonicalUri(at.uri.provider, above[0], "/".join(above[1:]), engine=at.uri.engine)
            try:
                names = self.names(uri, at.path)
            except NotFound:
                *above, name = above
                continue
            if name in names:
                raise AlreadyExists(
                    f"{name} is a field of the secret above it, and would be lost.",
                    hint="Choose another path.",
                    path=at.path,
                )
            return

    def standing(self, at: Place) -> Standing:
        leaves = self.leaves(at.uri, at.path)
        keys = frozenset(leaf.key for leaf in leaves if leaf.uri is not None and leaf.uri.location == at.uri.location)
        return Standing(bool(keys), keys)

    def is_bare(self, at: Place) -> bool:
        """Whether nothing lies below a map, as far as the listing tells."""
        leaves = self.leaves(at.uri, at.path)
        return all(leaf.uri is not None and leaf.uri.location == at.uri.location for leaf in leaves)


def _fragment(name: str, path: str) -> str:
    """Raises InvalidInput for a field that no URI can name."""
    try:
        return CanonicalUri("yaml", "any").key(name).fragment or ""
    except InvalidUri as error:
        raise InvalidInput(
            f"No URI can name the field {name!a}: {error.message}", hint="Name it otherwise.", path=path
        ) from None


def _is_at_or_below(uri: CanonicalUri, above: CanonicalUri) -> bool:
    return uri.provider == above.provider and f"{uri.location}/".startswith(f"{above.location}/")
