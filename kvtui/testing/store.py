"""The store as a whole: backups, containers, index, change signal, key slots, closing, durability, concurrency."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from kvtui.backends.contract import Backend
from kvtui.domain import json_text
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_text
from kvtui.domain.credential import Credential
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    InvalidPath,
    Locked,
    NotFound,
    Unsupported,
    WrongCredential,
)
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.testing.machine import BackendMachine
from kvtui.testing.refusing import READS, SLOT, WRITES
from kvtui.testing.suite import Suite, holds, need, needs, one


class StoreConformance(Suite):
    # Backups

    @needs(Capability.BACKUP)
    def test_a_backup_is_one_private_file_and_replaces_nothing_unasked(self, store: Backend, tmp_path: Path) -> None:
        self.seed(store).write("app/db", one("x"))
        folder = tmp_path / "backups"
        folder.mkdir()
        file = folder / "backup"
        made = store.backup(file)
        assert (made.path, made.size, made.secrets) == (file, file.stat().st_size, 1)
        assert file.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in folder.iterdir()] == ["backup"]
        with pytest.raises(AlreadyExists):
            store.backup(file)
        assert store.backup(file, overwrite=True).secrets == 1

    @needs(Capability.BACKUP)
    def test_a_stopped_backup_leaves_nothing(self, store: Backend, tmp_path: Path) -> None:
        self.seed(store).write("app/db", one("x"))

        def stop(_done: int, _total: int | None) -> None:
            raise KeyboardInterrupt

        folder = tmp_path / "backups"
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            store.backup(folder / "backup", progress=stop)
        assert not list(folder.iterdir())

    # Containers

    @needs(Capability.CONTAINERS, Capability.LIST)
    def test_an_empty_container_is_a_folder(self, store: Backend) -> None:
        store.create_container("box")
        assert list(store.containers()) == ["box"]
        assert [(entry.path, entry.is_folder) for entry in store.list().entries] == [("box", True)]
        assert not store.list("box").entries
        assert not list(store.walk("box"))

    @needs(Capability.CONTAINERS)
    def test_top_level_folders_are_containers_too_and_sorted(self, store: Backend) -> None:
        for name in ("z", "\u00e9", "a"):
            store.create_container(name)
        store.write("m/n/o" if self.keeps_path("m/n/o") else "m/n", one("x"))
        if self.keeps_path("leaf"):
            store.write("leaf", one("x"))
        assert list(store.containers()) == ["a", "m", "z", "\u00e9"]

    @needs(Capability.CONTAINERS, Capability.LIST, Capability.DESTROY)
    def test_a_container_outlives_its_last_secret(self, store: Backend) -> None:
        store.create_container("box")
        store.write("box/a", one("x"))
        store.destroy("box/a")
        assert list(store.containers()) == ["box"]
        assert not store.list("box").entries

    @needs(Capability.CONTAINERS)
    def test_creating_a_container_that_is_there_raises_already_exists(self, store: Backend) -> None:
        store.create_container("box")
        store.write("folder/a", one("x"))
        for name in ("box", "folder"):
            with pytest.raises(AlreadyExists):
                store.create_container(name)

    @pytest.mark.parametrize("name", ["", "a/b", "/", "..", "new\u202ename", "e\u0301"])
    @needs(Capability.CONTAINERS)
    def test_a_container_with_a_bad_name_raises_invalid_path(self, store: Backend, name: str) -> None:
        with pytest.raises(InvalidPath):
            store.create_container(name)
        assert not store.containers()

    @needs(Capability.CONTAINERS, Capability.DELETE, Capability.DESTROY)
    def test_just_an_empty_container_is_deleted(self, store: Backend) -> None:
        store.create_container("box")
        store.write("box/a", one("x"))
        store.delete("box/a")
        with pytest.raises(Conflict):
            store.delete_container("box")
        store.destroy("box/a")
        store.delete_container("box")
        assert not store.containers()
        with pytest.raises(NotFound):
            store.delete_container("box")

    # Index

    @needs(Capability.INDEX, Capability.DELETE, Capability.UNDELETE)
    def test_the_index_has_what_may_be_searched(self, store: Backend) -> None:
        given = self.seed(store)
        patch = MetadataPatch(type=SecretType.TOKEN, description="of staging", tags=("t", "u"), owner="me")
        given.write("b", one("x"), metadata=patch)
        given.write("a/b", one("x"))
        given.write("a", one("x"))
        given.delete("a")
        rows = list(store.index())
        assert [row.path for row in rows] == ["a", "a/b", "b"]
        assert (rows[2].type, rows[2].description, rows[2].tags) == (SecretType.TOKEN, "of staging", ("t", "u"))
        assert rows[2].owner == "me"
        assert [row.state for row in rows] == [VersionState.DELETED, VersionState.LIVE, VersionState.LIVE]
        assert [row.path for row in store.index("a")] == ["a/b"]

    @needs(Capability.INDEX)
    def test_the_index_of_no_folder_raises_not_found(self, store: Backend) -> None:
        self.seed(store).write("a/b", one("x"))
        for folder in ("a/b", "nothing"):
            with pytest.raises(NotFound):
                list(store.index(folder))

    @needs(Capability.INDEX)
    def test_a_text_is_found_in_path_description_and_tags_in_any_case(self, store: Backend) -> None:
        given = self.seed(store)
        need(given, Capability.EDIT_METADATA)
        given.write("z/\u00c9COLE Needle", one("x"))
        given.write("b", one("x"), metadata=MetadataPatch(description="the \u00e9cole NEEDLE"))
        given.write("a", one("x"), metadata=MetadataPatch(tags=("other", "\u00e9cole needle")))
        owner = MetadataPatch(owner="\u00e9cole needle").only(given.info().metadata_fields)
        given.write("value", one("\u00e9cole needle"), metadata=owner)
        found = ["a", "b", "z/\u00c9COLE Needle"] if self.indexes_tags else ["b", "z/\u00c9COLE Needle"]
        for text in ("needle", "NEEDLE", "\u00e9cole needle", "\u00c9cole Needle", "e n"):
            assert [entry.path for entry in store.find(text, 10)] == found
        assert list(store.find("needles", 10)) == []

    @pytest.mark.parametrize(
        "text", ["%", "_", '"', "'", "*", "\\", "a-b", "a b", "AND", "\u4e16", "\U0001f511", "\x1b["]
    )
    @needs(Capability.INDEX)
    def test_a_text_is_found_literally(self, store: Backend, text: str) -> None:
        given = self.seed(store)
        need(given, Capability.EDIT_METADATA)
        if not self.keeps_metadata(text):
            pytest.skip("this store holds no such text")
        given.write("found", one("x"), metadata=MetadataPatch(description=f"<{text}>"))
        given.write("other", one("x"), metadata=MetadataPatch(description="xyz"))
        for needle in (text, f"<{text}>"):
            assert [entry.path for entry in store.find(needle, 10)] == ["found"]

    @needs(Capability.INDEX)
    def test_no_more_are_found_than_asked_for(self, store: Backend) -> None:
        given = self.seed(store)
        for name in "edcba":
            given.write(f"needle/{name}", one("x"))
        found = [entry.path for entry in store.find("needle", 3)]
        assert len(set(found)) == 3
        assert found == sorted(found)
        assert len(store.find("needle", 5)) == 5
        assert list(store.find("needle", 0)) == []

    def test_a_store_in_order_verifies(self, store: Backend) -> None:
        given = self.seed(store)
        given.write("app/db", one("x"))
        assert list(store.verify()) == []

    # Change signal

    @needs(Capability.CHANGE_SIGNAL, Capability.READ)
    def test_the_change_token_differs_after_every_change_and_only_then(self, store: Backend) -> None:
        given = self.seed(store)
        changes: list[Callable[[], object]] = [
            lambda: given.write("a", one("x")),
            lambda: given.write_metadata("a", MetadataPatch(description="d")),
            lambda: given.delete("a"),
            lambda: given.undelete("a"),
            lambda: given.move("a", "b"),
            lambda: given.create_container("box"),
            lambda: given.destroy("b"),
        ]
        seen = [store.change_token()]
        for change in changes:
            try:
                change()
            except Unsupported:
                continue
            seen.append(store.change_token())
            if store.can(Capability.LIST):
                list(store.walk())
            assert store.change_token() == seen[-1]
        assert len(set(seen)) == len(seen)

    @needs(Capability.CHANGE_SIGNAL)
    def test_the_change_token_notices_others(self, store: Backend) -> None:
        other = self.second(self.seed(store))
        if other is None:
            pytest.skip("there is just one connection to this store")
        with other:
            before = store.change_token()
            other.write("a", one("x"))
            assert store.change_token() != before

    # Key slots

    @needs(Capability.KEY_SLOTS)
    def test_key_slots_are_added_and_removed_but_the_last_stays(self, store: Backend) -> None:
        if store.info().read_only:
            pytest.skip("this store is read-only")
        before = list(store.key_slots())
        assert before
        added = store.add_key_slot(SLOT, "spare")
        recovery, key = store.add_recovery_key("paper")
        assert (added.type, added.label) == ("passphrase", "spare")
        assert (recovery.type, recovery.label) == ("recovery", "paper")
        assert not key.same_as(SecretValue(""))
        assert {slot.id for slot in store.key_slots()} == {slot.id for slot in (*before, added, recovery)}
        for slot in (*before, recovery):
            store.remove_key_slot(slot.id)
        assert [slot.id for slot in store.key_slots()] == [added.id]
        with pytest.raises(InvalidInput):
            store.remove_key_slot(added.id)
        with pytest.raises(NotFound):
            store.remove_key_slot("no-such-slot")

    @needs(Capability.KEY_SLOTS)
    def test_replacing_a_credential_that_opens_nothing_raises_wrong_credential(self, store: Backend) -> None:
        if store.info().read_only:
            pytest.skip("this store is read-only")
        before = list(store.key_slots())
        with pytest.raises(WrongCredential):
            store.replace_key_slot(Credential(passphrase=SecretValue("not it")), SLOT)
        assert list(store.key_slots()) == before

    def test_derived_keys_differ_by_purpose_and_stay(self, store: Backend) -> None:
        key = store.derive_key("journal")
        if key is None:
            pytest.skip("this store has no key")
        assert len(key) == 32
        assert store.derive_key("journal") == key
        assert store.derive_key("other") != key

    # Closing and reopening

    def test_a_closed_store_is_locked_and_closes_again(self) -> None:
        store = self.make()
        store.close()
        store.close()
        calls = [call for table in (READS, WRITES) for calls in table.values() for call in calls]
        calls += [lambda store: store.info(), lambda store: store.derive_key("x"), lambda store: store.verify()]
        for call in calls:
            with pytest.raises(Locked):
                call(store)

    def test_what_was_written_is_there_after_reopening(self) -> None:
        store = self.make()
        given = self.seed(store)
        given.write("app/db", one("first"))
        given.write("app/db", one("second"))
        if given.can(Capability.DELETE) and given.can(Capability.UNDELETE):
            given.write("gone", one("x"))
            given.delete("gone")
        before = list(store.walk()) if store.can(Capability.LIST) else []
        key = store.derive_key("journal")
        store.close()
        again = self.reopen(store)
        if again is None:
            pytest.skip("this store does not outlive its connection")
        with again:
            if again.can(Capability.LIST):
                assert list(again.walk()) == before
            if again.can(Capability.READ):
                assert holds(again.read("app/db"), one("second"))
            assert again.derive_key("journal") == key

    # Concurrency

    @needs(Capability.READ)
    def test_another_connection_sees_what_was_written(self, store: Backend) -> None:
        other = self.second(store)
        if other is None:
            pytest.skip("there is just one connection to this store")
        with other:
            given = self.seed(store)
            for text in ("first", "second"):
                given.write("app/db", one(text))
                assert holds(other.read("app/db"), one(text))

    @pytest.mark.parametrize("connections", [1, 2])
    @needs(Capability.WRITE, Capability.READ, Capability.CHECK_AND_SET, Capability.TYPED_VALUES)
    def test_no_update_is_lost_between_threads(self, store: Backend, connections: int) -> None:
        other = self.second(store) if connections == 2 else store
        if other is None:
            pytest.skip("there is just one connection to this store")
        store.write("counter", one([]), expected=0)
        threads, turns = 4, 10
        together = Barrier(threads, timeout=60)

        def count(thread: int) -> None:
            backend = (store, other)[thread % 2]
            for turn in range(turns):
                first = True
                while True:
                    secret = backend.read("counter")
                    marks = json_text.parse(to_text(secret.fields["value"]))
                    assert isinstance(marks, list)
                    if first:  # everybody has read the same before anybody writes
                        together.wait()
                        first = False
                    try:
                        backend.write("counter", one([*marks, [thread, turn]]), expected=secret.current)
                    except Conflict:
                        continue
                    break

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(count, range(threads)))
        if other is not store:
            other.close()
        secret = store.read("counter")
        assert secret.current == threads * turns + 1
        marks = json_text.parse(to_text(secret.fields["value"]))
        assert isinstance(marks, list)
        assert sorted(map(json_text.dump, marks)) == sorted(f"[{t}, {n}]" for t in range(threads) for n in range(turns))

    @needs(Capability.WRITE, Capability.READ, Capability.EDIT_METADATA, Capability.FIELDS)
    def test_a_reader_never_sees_half_of_a_write(self, store: Backend) -> None:
        if not self.writes_at_once:
            pytest.skip("this store writes metadata after the version")
        states = [
            ({"a": SecretValue(text), "b": SecretValue(text)}, MetadataPatch(description=text)) for text in ("1", "2")
        ]
        store.write("app/db", states[0][0], metadata=states[0][1])
        turns = 25

        def write() -> None:
            for turn in range(turns):
                fields, patch = states[turn % 2]
                store.write("app/db", fields, metadata=patch)

        with ThreadPoolExecutor(2) as pool:
            writing = pool.submit(write)
            while not writing.done():
                secret = store.read("app/db")
                fields = states[int(secret.metadata.description) - 1][0]
                assert holds(secret, fields)
            writing.result()

    # Everything at random

    def test_random_changes_leave_the_store_as_the_model_says(self) -> None:
        probe = self.make()
        writable = probe.can(Capability.WRITE) and probe.can(Capability.READ) and probe.can(Capability.LIST)
        probe.close()
        if not writable:
            pytest.skip("this store cannot be written and read")
        machine = type("Machine", (BackendMachine,), {"make": staticmethod(self.make), "facts": self})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=self.machine_examples,
                stateful_step_count=self.machine_steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
