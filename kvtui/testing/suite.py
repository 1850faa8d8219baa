"""What the parts of the suite share: the hooks a tested backend gives, its facts, and few words for tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import prod
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import KvtuiError, PermissionDenied, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType
from kvtui.domain.secret import History, Secret
from kvtui.domain.value import Fields, SecretValue

EVERYTHING = MetadataPatch(
    type=SecretType.API_KEY,
    description="of the staging database",
    tags=("prod", "db"),
    owner="team-a",
    rotation=timedelta(days=90),
    custom=MappingProxyType({"ticket": "OPS-1", "a key": "a value"}),
)
"""Some of each kind of metadata."""


Test = TypeVar("Test", bound=Callable[..., None])


def needs(*capabilities: Capability) -> Callable[[Test], Test]:
    """A test of what only stores with these can do: made where they are stated, skipped where they turn out missing."""

    def needing(test: Test) -> Test:
        vars(test)["needed"] = capabilities
        return test

    return needing


def needs_hook(name: str) -> Callable[[Test], Test]:
    """A test that is made only where the tested class gives this hook."""

    def needing(test: Test) -> Test:
        vars(test)["hook"] = name
        return test

    return needing


def of_read_only(test: Test) -> Test:
    """A test that is made only for a store that refuses what writes."""
    vars(test)["of_read_only"] = True
    return test


class Suite:
    """Hooks and facts. Only `make` is needed; each other hook lets more be proved."""

    capabilities: ClassVar[frozenset[Capability] | None] = None
    """Fact: all that the store can do. Where it is stated, that is tested too, and tests of anything else are not made;
    where not, they are made and skipped."""
    read_only: ClassVar[bool] = False
    """Fact: the store refuses what writes."""
    untried: ClassVar[Mapping[str, int]] = MappingProxyType({})
    """Why tests of this class were not made, and how many for each reason."""

    def __init_subclass__(cls, **more: Any) -> None:
        """Hide the tests that a store with these facts and hooks would only skip."""
        super().__init_subclass__(**more)
        if cls.make is Suite.make:
            return  # a part of the suite, not a store
        untried: dict[str, int] = {}
        for name in dict.fromkeys(name for base in cls.__mro__ for name in vars(base) if name.startswith("test_")):
            test = next(found for base in cls.__mro__ if (found := vars(base).get(name)) is not None)
            reason = cls._untried_because(test)
            if reason:
                untried[reason] = untried.get(reason, 0) + _variants(test)
            if reason or getattr(cls, name) is None:
                setattr(cls, name, None if reason else test)
        cls.untried = MappingProxyType(untried)

    @classmethod
    def _untried_because(cls, test: Callable[..., None]) -> str:
        hook = getattr(test, "hook", None)
        if hook is not None and getattr(cls, hook) is getattr(Suite, hook):
            return f"no {hook}()"
        if getattr(test, "of_read_only", False) and not cls.read_only:
            return "not read-only"
        missing = set() if cls.capabilities is None else {*getattr(test, "needed", ())} - cls.capabilities
        return f"lacks {min(missing)}" if missing else ""

    keeps_field_order = True
    """Fact: the fields of a secret, and the keys of a map, come back in the order they were written in."""
    keeps_empty_secrets = True
    """Fact: a secret may have no field. Where it may not, writing one raises InvalidInput."""
    indexes_tags = True
    """Fact: the index has tags too, so that a text in one is found."""
    tells_states = True
    """Fact: a listing tells the state of each secret, and from when on it is due."""
    tells_all_metadata = True
    """Fact: reading a secret tells all that is known of it, its times too."""
    gives_metadata_back = True
    """Fact: the metadata that is written is told again when the secret is read."""
    writes_at_once = True
    """Fact: a version and the metadata written with it are there at the same moment."""
    fresh = Metadata()
    """Fact: what is known of a secret that was just made and nothing was said of, apart from times and its maker."""
    clears_owner = True
    """Fact: an owner can be taken away. Where not, that raises InvalidInput."""
    deletes_old_versions = True
    """Fact: older versions than the newest can be deleted too. Where not, that raises Unsupported."""
    searches_below = True
    """Fact: a search on the server looks into all folders. Where not, it tells each that it did not look into."""
    clock_skew = timedelta(seconds=5)
    """Fact: how far the store's clock may be from ours. None of the tests needs it to move."""
    machine_examples = 30
    machine_steps = 30
    """How many random histories to try, and how long. Slow stores take fewer."""
    large_values = 12
    """How many values as large as may be are read in one go. Slow stores take fewer."""

    def keeps(self, value: Json | bytes) -> bool:
        """Fact: whether a value, or a text as the name of a field, comes back as it was. Where it does not, writing it
        raises InvalidInput and changes nothing."""
        return True

    def keeps_path(self, path: str) -> bool:
        """Fact: whether a new secret may have this path. Where it may not, writing one raises InvalidPath and changes
        nothing."""
        return True

    def keeps_name(self, name: str) -> bool:
        """Fact: the same for a text as the name of a field, where that differs."""
        return self.keeps(name)

    def keeps_metadata(self, text: str) -> bool:
        """Fact: the same for a text as description, tag, owner, custom key and custom value, all at once."""
        return True

    def make(self) -> Backend:
        """A fresh, empty store. Called often; what it makes is closed by the suite."""
        raise NotImplementedError

    def seed(self, backend: Backend) -> Backend:
        """Through what the store behind `backend` is filled for a test. Another one for a read-only backend."""
        return backend

    def reopen(self, backend: Backend) -> Backend | None:
        """The same store opened again after `backend` was closed; None where it does not outlive its connection."""
        return None

    def second(self, backend: Backend) -> Backend | None:
        """Another connection to the same store."""
        return None

    def without(self, capability: Capability) -> Backend | None:
        """A fresh, empty store of this kind that lacks one capability."""
        return None

    def deny(self, backend: Backend, folder: str) -> Backend | None:
        """Another connection to the same store, for somebody who may list all of it but this folder and what is below
        it, and who may do as much as `backend` elsewhere."""
        return None

    def plant(self, history: History) -> Backend | None:
        """A fresh store into which another program wrote this secret, whatever its name is like; None for a name that
        none can give it."""
        return None

    @pytest.fixture
    def store(self, request: pytest.FixtureRequest) -> Iterator[Backend]:
        with closing(self.make()) as backend:
            need(backend, *getattr(request.function, "needed", ()))
            yield backend

    def test_the_store_can_do_what_is_stated(self, store: Backend) -> None:
        assert self.capabilities in {None, store.info().capabilities}
        assert self.read_only == store.info().read_only

    def keeps_fields(self, fields: Fields) -> bool:
        if not fields:
            return self.keeps_empty_secrets
        return all(self.keeps_name(name) and self.keeps(_plain(value)) for name, value in fields.items())

    def alike(self, read: SecretValue, written: SecretValue) -> bool:
        """Whether a value came back as it was, as far as this store keeps order."""
        return read.same_as(written) if self.keeps_field_order else read.like(written)


def _variants(test: Callable[..., None]) -> int:
    """How many tests a parametrised one is."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    return prod(len(mark.args[1]) for mark in marks)


def _plain(value: SecretValue) -> Any:
    """What a test wrote or read, to compare."""
    (row,) = json.loads(encode_fields({"": value}))
    return row[2] if row[1] == "j" else base64.b64decode(row[2])


def need(backend: Backend, *capabilities: Capability) -> None:
    """Skip the test unless the store has these."""
    missing = [capability for capability in capabilities if not backend.can(capability)]
    if missing:
        pytest.skip(f"this store lacks: {', '.join(missing)}")


def refusal(backend: Backend) -> type[KvtuiError]:
    """What a missing capability raises: a read-only profile refuses writes, other stores do not know them."""
    return PermissionDenied if backend.info().read_only else Unsupported


def one(value: Json | bytes) -> Mapping[str, SecretValue]:
    """The fields of a secret with one value."""
    return {"value": SecretValue(value)}


def holds(secret: Secret, fields: Fields) -> bool:
    """Whether a secret has just these fields, in any order."""
    return set(secret.fields) == set(fields) and all(secret.fields[name].same_as(fields[name]) for name in fields)


def is_recent(moment: datetime | None, skew: timedelta) -> bool:
    """Whether a time is aware, in UTC and about now."""
    return moment is not None and moment.utcoffset() == timedelta(0) and abs(datetime.now(UTC) - moment) <= skew
