"""What the parts of the suite share: the hooks a tested backend gives, its facts, and few words for tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

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


class Suite:
    """Hooks and facts. Only `make` is needed; each other hook lets more be proved."""

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
        """A fresh store into which another program wrote this secret, whatever its name looks like."""
        return None

    @pytest.fixture
    def store(self) -> Iterator[Backend]:
        backend = self.make()
        yield backend
        backend.close()

    def keeps_fields(self, fields: Fields) -> bool:
        if not fields:
            return self.keeps_empty_secrets
        return all(self.keeps_name(name) and self.keeps(_plain(value)) for name, value in fields.items())

    def alike(self, read: SecretValue, written: SecretValue) -> bool:
        """Whether a value came back as it was, as far as this store keeps order."""
        return read.same_as(written) if self.keeps_field_order else read.like(written)


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
