"""Random histories of a vault against a model: what is written, and what happens to it: locks, kills, older copies,
backups, other keys."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from kvtui.backends.contract import Backend
from kvtui.backends.file.backend import FileBackend
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, InvalidInput, NotFound, WrongCredential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Write
from kvtui.domain.value import Fields, SecretValue
from kvtui.testing import BackendMachine
from kvtui.testing.machine import PATHS, Model, some_path
from tests.vault.places import PASSPHRASE, Place


@dataclass
class Kept:
    """A copy of the vault at some moment, and what it must hold."""

    folder: Path
    generation: int
    secrets: dict[str, Model]
    boxes: set[str]
    keys: dict[str, Credential]
    backup: Path | None = None


class VaultMachine(BackendMachine):
    """The random changes of the conformance suite, and everything that can become of a vault between them."""

    steps = 0
    """How many there were in this process."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="kvtui-machine-"))
        self.place = Place(self.home)
        self.keys: dict[str, Credential] = {}
        """By the id of the slot."""
        self.copies: list[Kept] = []
        self.turns = 0
        super().__init__()
        self._know_keys(self.place.recovery)

    def _know_keys(self, recovery: Credential) -> None:
        passphrase, spare = self.store.key_slots()
        self.keys = {passphrase.id: PASSPHRASE, spare.id: recovery}

    def make(self) -> Backend:  # type: ignore[override]  # of this vault, not of any
        return self.place.open()

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.home)

    @property
    def vault(self) -> FileBackend:
        assert isinstance(self.store, FileBackend)
        return self.store

    def _reopen(self, credential: Credential = PASSPHRASE) -> None:
        self.store.close()
        self.store = self.place.open(credential)

    def _name(self, what: str) -> Path:
        self.turns += 1
        return self.home / f"{what}{self.turns}"

    def check_invariants(self, *arguments: Any, **named: Any) -> None:
        VaultMachine.steps += 1
        super().check_invariants(*arguments, **named)

    # What else can be written

    def _written(self, path: str, fields: Fields, patch: MetadataPatch, number: int) -> None:
        super()._written(path, fields, patch, number)
        self._prune(self.secrets[path])

    @staticmethod
    def _prune(secret: Model) -> None:
        limit = getattr(secret, "limit", 0)
        if limit:
            secret.versions = {
                number: kept for number, kept in secret.versions.items() if number > secret.current - limit
            }

    @rule(path=some_path, count=st.integers(0, 3))
    def limit_versions(self, path: str, count: int) -> None:
        if path not in self.secrets:
            with pytest.raises(NotFound):
                self.vault.limit_versions(path, count)
            return
        self.vault.limit_versions(path, count)
        self.secrets[path].limit = count  # type: ignore[attr-defined]
        self._prune(self.secrets[path])

    @rule(paths=st.lists(st.sampled_from(PATHS), max_size=4), text=st.text("xyz", max_size=3))
    def write_in_bulk(self, paths: list[str], text: str) -> None:
        fields = {"value": SecretValue(text)}
        written = list(self.store.write_many(Write(path, fields) for path in paths))
        for path, result in zip(paths, written, strict=True):
            assert result.version is not None, result.error
            self._written(path, fields, MetadataPatch(), result.version.number)

    # Locks, kills, older copies

    @rule(data=st.data())
    def lock_and_unlock(self, data: st.DataObject) -> None:
        self._reopen(data.draw(st.sampled_from(list(self.keys.values()))))

    @rule()
    def be_killed(self) -> None:
        """What is on disk at this moment is what a kill would leave."""
        image = self._name("image")
        shutil.copytree(self.place.path, image)
        self.store.close()
        shutil.rmtree(self.place.path)
        image.rename(self.place.path)
        self.store = self.place.open()

    @precondition(lambda self: len(self.copies) < 3)
    @rule(as_backup=st.booleans())
    def keep_a_copy(self, as_backup: bool) -> None:
        kept = self._name("kept")
        backup = None
        if as_backup:
            backup = self.store.backup(kept).path
        else:
            self._reopen()
            self.store.close()
            shutil.copytree(self.place.path, kept)
            self.store = self.place.open()
        secrets = {path: self._copied(secret) for path, secret in self.secrets.items()}
        generation = self.store.change_token()
        self.copies.append(Kept(kept, generation, secrets, set(self.boxes), dict(self.keys), backup))

    @staticmethod
    def _copied(secret: Model) -> Model:
        made = Model(dict(secret.versions), secret.metadata)
        made.limit = getattr(secret, "limit", 0)  # type: ignore[attr-defined]
        return made

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def put_back_an_older_copy(self, data: st.DataObject) -> None:
        kept = data.draw(st.sampled_from(self.copies))
        older = kept.generation < self.store.change_token()
        self.store.close()
        if kept.backup is not None:
            self.place.factory.restore(kept.backup, self.place.settings, PASSPHRASE, replace=True)
        else:
            shutil.rmtree(self.place.path)
            shutil.copytree(kept.folder, self.place.path)
        if older:
            with pytest.raises(Corrupt, match="older"):
                self.place.open()
            self.place.factory.accept_rollback(self.place.settings, PASSPHRASE)
        self.store = self.place.open()
        self.secrets = {path: self._copied(secret) for path, secret in kept.secrets.items()}
        self.boxes, self.keys = set(kept.boxes), dict(kept.keys)

    @rule()
    def verify(self) -> None:
        assert self.store.verify() == []

    # Keys

    @precondition(lambda self: len(self.keys) < 4)
    @rule(words=st.text("abcdef ", min_size=8, max_size=12))
    def add_a_key(self, words: str) -> None:
        credential = Credential(SecretValue(words))
        self.keys[self.store.add_key_slot(credential).id] = credential

    @rule(data=st.data())
    def remove_a_key(self, data: st.DataObject) -> None:
        assert [slot.id for slot in self.store.key_slots()] == list(self.keys)
        removable = [slot for slot, key in self.keys.items() if key is not PASSPHRASE]
        if not removable:
            with pytest.raises(InvalidInput):
                self.store.remove_key_slot(next(iter(self.keys)))
            return
        slot = data.draw(st.sampled_from(removable))
        self.store.remove_key_slot(slot)
        key = self.keys.pop(slot)
        if not any(_same(key, other) for other in self.keys.values()):
            with pytest.raises(WrongCredential):
                self.place.factory.open(self.place.settings, key)

    @rule()
    def rotate_the_master_key(self) -> None:
        self.store.close()
        created = self.place.factory.rotate_master(self.place.settings, PASSPHRASE)
        assert created.recovery_key is not None
        self.store = self.place.open()
        self._know_keys(Credential(created.recovery_key))


def _same(one: Credential, other: Credential) -> bool:
    assert one.passphrase is not None
    assert other.passphrase is not None
    return one.passphrase.same_as(other.passphrase)


def run(examples: int, length: int) -> int:
    """Random histories; how many steps they had."""
    before = VaultMachine.steps
    profile: Callable[..., Any] = settings
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        VaultMachine,
        settings=profile(
            max_examples=examples,
            stateful_step_count=length,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    return VaultMachine.steps - before


def test_random_histories_of_a_vault_are_as_the_model_says() -> None:
    assert run(6, 25) > 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_thousand_steps_of_random_histories_are_as_the_model_says(capsys: pytest.CaptureFixture[str]) -> None:
    taken = run(140, 50)
    assert taken >= 5000
    with capsys.disabled():
        print(f"\n{taken} steps against the model, 0 divergences")
