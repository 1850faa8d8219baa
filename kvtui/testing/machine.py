"""Random changes against a store, and the model that says what must be there afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, InvalidPath, NotFound, Unsupported
from kvtui.domain.metadata import UNSET, Metadata, MetadataPatch
from kvtui.domain.secret import History, StoredVersion, VersionState
from kvtui.domain.value import Fields, SecretValue
from kvtui.testing.cruel import BYTES, TEXTS
from kvtui.testing.suite import Suite

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED

PATHS = ("a", "a/b", "a/b/c", "a-b", "a/\u00e9 [b]x", "\U0001f511/%2F", "box/x")
CONTAINERS = ("box", "a", "empty")

some_path = st.sampled_from(PATHS)
some_numbers = st.lists(st.integers(0, 4), max_size=3)
_texts = st.sampled_from([text for text in TEXTS if len(text) < 1000])
_typed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_patches = st.builds(
    MetadataPatch,
    type=st.just(UNSET),
    description=_texts,
    tags=st.just(("t",)) | st.just(()),
    owner=st.none() | _texts,
    rotation=st.just(UNSET),
    custom=st.dictionaries(st.sampled_from("ab"), st.none() | _texts, max_size=2),
)


@dataclass
class Model:
    """One secret as it must be: what each version holds and in which state it is, and what is known about it."""

    versions: dict[int, tuple[VersionState, Fields]] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def current(self) -> int:
        return max(self.versions)

    def set_state(self, numbers: Sequence[int], state: VersionState) -> None:
        for number in numbers or [self.current]:
            old, fields = self.versions[number]
            if old is not DESTROYED:
                self.versions[number] = (state, {} if state is DESTROYED else fields)


class BackendMachine(RuleBasedStateMachine):
    """Subclass with `make`. What the store cannot do is left out."""

    facts = Suite()
    """What this store keeps."""

    @staticmethod
    def make() -> Backend:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.store = self.make()
        self.secrets: dict[str, Model] = {}
        self.boxes: set[str] = set()

    def teardown(self) -> None:
        self.store.close()

    def can(self, *capabilities: Capability) -> bool:
        return all(map(self.store.can, capabilities))

    def draw_fields(self, data: st.DataObject) -> Mapping[str, SecretValue]:
        kinds: st.SearchStrategy[Any] = _texts
        if self.can(Capability.TYPED_VALUES):
            kinds |= _typed
        if self.can(Capability.BYTES):
            kinds |= st.sampled_from(BYTES)
        names = st.just("value")
        fewest, most = 1, 1
        if self.can(Capability.FIELDS):
            names, fewest, most = _texts, 0, 3
        return data.draw(st.dictionaries(names, kinds.map(SecretValue), min_size=fewest, max_size=most))

    # Changes

    @rule(data=st.data(), path=some_path, patch=st.just(MetadataPatch()) | _patches)
    def write(self, data: st.DataObject, path: str, patch: MetadataPatch) -> None:
        if not self.facts.keeps_path(path):
            with pytest.raises(InvalidPath):
                self.store.write(path, {"value": SecretValue("x")})
            return
        patch = patch.only(self.store.info().metadata_fields if self.store.describes_writes else ())
        fields = self.draw_fields(data)
        if not (self.facts.keeps_fields(fields) and self._keeps(path, patch)):
            with pytest.raises(InvalidInput):
                self.store.write(path, fields, metadata=patch)
            return
        version = self.store.write(path, fields, metadata=patch)
        self._written(path, fields, patch, version.number)

    def _keeps(self, path: str, patch: MetadataPatch) -> bool:
        if patch.owner is None and not self.facts.clears_owner:
            return False
        known = patch.apply(self.secrets[path].metadata if path in self.secrets else self.facts.fresh)
        texts = [known.owner, *known.custom.values()]
        kept = all(self.facts.keeps_metadata(text) for text in texts if text is not None)
        return kept and (not known.description or self.facts.keeps_metadata(known.description))

    @precondition(lambda self: self.can(Capability.CHECK_AND_SET))
    @rule(data=st.data(), path=some_path, expected=st.integers(0, 5))
    def write_with_a_version(self, data: st.DataObject, path: str, expected: int) -> None:
        fields = self.draw_fields(data)
        current = self.secrets[path].current if path in self.secrets else 0
        if not self.facts.keeps_fields(fields):
            with pytest.raises(InvalidInput):
                self.store.write(path, fields, expected=expected)
        elif expected == current:
            version = self.store.write(path, fields, expected=expected)
            self._written(path, fields, MetadataPatch(), version.number)
        else:
            with pytest.raises(Conflict) as caught:
                self.store.write(path, fields, expected=expected)
            assert (caught.value.expected, caught.value.actual) == (expected, current)

    def _written(self, path: str, fields: Fields, patch: MetadataPatch, number: int) -> None:
        secret = self.secrets.setdefault(path, Model(metadata=self.facts.fresh))
        if not self.can(Capability.VERSIONS):
            secret.versions.clear()
        assert not secret.versions or number == secret.current + 1
        secret.versions[number] = (LIVE, fields)
        secret.metadata = patch.apply(secret.metadata)

    @precondition(lambda self: self.can(Capability.EDIT_METADATA, Capability.METADATA))
    @rule(path=some_path, patch=_patches)
    def write_metadata(self, path: str, patch: MetadataPatch) -> None:
        patch = patch.only(self.store.info().metadata_fields)
        if path in self.secrets and not self._keeps(path, patch):
            with pytest.raises(InvalidInput):
                self.store.write_metadata(path, patch)
        elif path in self.secrets:
            self.store.write_metadata(path, patch)
            self.secrets[path].metadata = patch.apply(self.secrets[path].metadata)
        else:
            with pytest.raises(NotFound):
                self.store.write_metadata(path, patch)

    @precondition(lambda self: self.can(Capability.DELETE, Capability.UNDELETE, Capability.VERSIONS))
    @rule(path=some_path, numbers=some_numbers)
    def delete(self, path: str, numbers: list[int]) -> None:
        if self._exist(path, numbers) and self._has_older(path, numbers):
            with pytest.raises(Unsupported):
                self.store.delete(path, numbers)
        elif self._exist(path, numbers):
            self.store.delete(path, numbers)
            self.secrets[path].set_state(numbers, DELETED)
        else:
            with pytest.raises(NotFound):
                self.store.delete(path, numbers)

    @precondition(lambda self: self.can(Capability.UNDELETE, Capability.VERSIONS))
    @rule(path=some_path, numbers=some_numbers)
    def undelete(self, path: str, numbers: list[int]) -> None:
        secret = self.secrets.get(path)
        if (
            secret
            and self._exist(path, numbers)
            and not any(secret.versions[number][0] is DESTROYED for number in numbers or [secret.current])
        ):
            self.store.undelete(path, numbers)
            secret.set_state(numbers, LIVE)
        else:
            with pytest.raises(NotFound):
                self.store.undelete(path, numbers)

    @precondition(lambda self: self.can(Capability.DESTROY, Capability.VERSIONS))
    @rule(path=some_path, numbers=some_numbers.filter(bool))
    def destroy_versions(self, path: str, numbers: list[int]) -> None:
        if self._exist(path, numbers):
            self.store.destroy(path, numbers)
            self.secrets[path].set_state(numbers, DESTROYED)
        else:
            with pytest.raises(NotFound):
                self.store.destroy(path, numbers)

    @precondition(lambda self: self.can(Capability.DESTROY))
    @rule(path=some_path)
    def destroy(self, path: str) -> None:
        if path in self.secrets:
            self.store.destroy(path)
            del self.secrets[path]
        else:
            with pytest.raises(NotFound):
                self.store.destroy(path)

    @precondition(lambda self: self.can(Capability.MOVE))
    @rule(here=some_path, there=some_path)
    def move(self, here: str, there: str) -> None:
        if here not in self.secrets:
            with pytest.raises(NotFound):
                self.store.move(here, there)
        elif there in self.secrets:
            with pytest.raises(AlreadyExists):
                self.store.move(here, there)
        else:
            self.store.move(here, there)
            self.secrets[there] = self.secrets.pop(here)

    @precondition(lambda self: self.can(Capability.HISTORY))
    @rule(here=some_path, there=some_path)
    def copy_with_history(self, here: str, there: str) -> None:
        if here not in self.secrets:
            with pytest.raises(NotFound):
                self.store.read_history(here)
            return
        copy = self.store.read_history(here)._replace(path=there)
        if there in self.secrets:
            with pytest.raises(AlreadyExists):
                self.store.write_history(copy)
        else:
            self.store.write_history(copy)
            model = self.secrets[here]
            self.secrets[there] = Model(dict(model.versions), model.metadata)

    @precondition(lambda self: self.can(Capability.CONTAINERS))
    @rule(name=st.sampled_from(CONTAINERS))
    def create_container(self, name: str) -> None:
        if name in self._containers():
            with pytest.raises(AlreadyExists):
                self.store.create_container(name)
        else:
            self.store.create_container(name)
            self.boxes.add(name)

    @precondition(lambda self: self.can(Capability.CONTAINERS))
    @rule(name=st.sampled_from(CONTAINERS))
    def delete_container(self, name: str) -> None:
        if name not in self._containers():
            with pytest.raises(NotFound):
                self.store.delete_container(name)
        elif any(paths.is_under(path, name) for path in self.secrets):
            with pytest.raises(Conflict):
                self.store.delete_container(name)
        else:
            self.store.delete_container(name)
            self.boxes.remove(name)

    # What must be true after each

    @invariant()
    def every_secret_is_as_the_model_says(self) -> None:
        for path in PATHS:
            if path not in self.secrets:
                with pytest.raises(NotFound):
                    self.store.read(path)
                continue
            model = self.secrets[path]
            secret = self.store.read(path)
            assert secret.current == model.current
            self._check(secret.version.state, secret.fields, *model.versions[model.current])
            if self.facts.gives_metadata_back:
                assert _known(secret.metadata) == _known(model.metadata)
            if self.can(Capability.METADATA):
                told = self.store.metadata(path)
                assert (
                    told == secret.metadata
                    if self.facts.tells_all_metadata
                    else _known(told) == _known(secret.metadata)
                )
            if self.can(Capability.VERSIONS):
                listed = [(version.number, version.state) for version in self.store.versions(path)]
                assert listed == [(number, state) for number, (state, _) in sorted(model.versions.items())]
                for number, (state, fields) in model.versions.items():
                    old = self.store.read(path, number)
                    self._check(state, old.fields, state, fields)

    @invariant()
    def histories_hold_what_can_be_restored(self) -> None:
        if self.can(Capability.HISTORY):
            for path, model in self.secrets.items():
                history: History = self.store.read_history(path)
                for stored in history.versions:
                    self._check_stored(stored, *model.versions[stored.version.number])

    @invariant()
    def listings_have_what_is_there(self) -> None:
        assert [entry.path for entry in self.store.walk()] == sorted(self.secrets)
        folders = {folder for path in self.secrets for folder in paths.ancestors(path)}
        for folder in {"", *folders, *self.boxes}:
            rows = {(path, 1) for path in self.secrets if paths.parent(path) == folder}
            rows |= {(path, 0) for path in folders | self.boxes if paths.parent(path) == folder}
            listing = self.store.list(folder)
            assert [(entry.path, int(not entry.is_folder)) for entry in listing.entries] == sorted(rows)
            for entry in listing.entries:
                if not entry.is_folder:
                    model = self.secrets[entry.path]
                    assert entry.state in (model.versions[model.current][0], None)
        if self.can(Capability.CONTAINERS):
            assert list(self.store.containers()) == sorted(self._containers())

    @invariant()
    def the_index_and_the_trash_agree(self) -> None:
        if self.can(Capability.INDEX):
            rows = {row.path: row for row in self.store.index()}
            assert list(rows) == sorted(self.secrets)
            for path, model in self.secrets.items():
                assert rows[path].description == model.metadata.description
                assert rows[path].tags == (model.metadata.tags if self.facts.indexes_tags else ())
        if self.can(Capability.TRASH):
            deleted = {
                path: tuple(number for number, (state, _) in sorted(model.versions.items()) if state is DELETED)
                for path, model in self.secrets.items()
            }
            found = [(item.path, item.versions) for item in self.store.trash()]
            assert found == sorted((path, numbers) for path, numbers in deleted.items() if numbers)

    def _has_older(self, path: str, numbers: Sequence[int]) -> bool:
        """Whether one of them is live and may not be deleted here, as it is not the newest."""
        if self.facts.deletes_old_versions:
            return False
        secret = self.secrets[path]
        return any(number != secret.current and secret.versions[number][0] is LIVE for number in numbers)

    def _exist(self, path: str, numbers: Sequence[int]) -> bool:
        return path in self.secrets and set(numbers) <= self.secrets[path].versions.keys()

    def _containers(self) -> set[str]:
        return self.boxes | {path.partition("/")[0] for path in self.secrets if "/" in path}

    def _check(self, state: VersionState, fields: Fields, wanted_state: VersionState, wanted: Fields) -> None:
        assert state is wanted_state
        wanted = wanted if wanted_state is LIVE else {}
        assert fields.keys() == wanted.keys()
        assert all(self.facts.alike(fields[name], wanted[name]) for name in wanted)

    @staticmethod
    def _check_stored(stored: StoredVersion, state: VersionState, fields: Fields) -> None:
        assert stored.version.state is state
        assert (stored.fields is None) == (state is DESTROYED)
        if stored.fields is not None:
            assert stored.fields.keys() == fields.keys()
            assert all(stored.fields[name].same_as(fields[name]) for name in fields)


def _known(metadata: Metadata) -> tuple[object, ...]:
    return (
        metadata.type,
        metadata.description,
        metadata.tags,
        metadata.owner,
        metadata.rotation,
        dict(metadata.custom),
    )
