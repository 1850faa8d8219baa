"""Paths and listing."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import timedelta

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidPath, Locked, NotFound, PermissionDenied
from kvtui.domain.metadata import Metadata, MetadataField, MetadataPatch, SecretType, due_from
from kvtui.domain.secret import EntryKind, History, Skipped, StoredVersion, Version, VersionState
from kvtui.testing.cruel import ALLOWED_NAMES, FORBIDDEN_NAMES
from kvtui.testing.suite import Suite, holds, need, needs, needs_hook, one

BAD_PATHS = ("", "/", "/app", "app/", "app//db", ".", "..", "app/./db", "app/..", "../app")


class ListingConformance(Suite):
    # Paths

    @pytest.mark.parametrize("path", BAD_PATHS)
    @needs(Capability.READ)
    def test_reading_what_cannot_be_a_path_raises_invalid_path(self, store: Backend, path: str) -> None:
        with pytest.raises(InvalidPath):
            store.read(path)

    @pytest.mark.parametrize("path", BAD_PATHS)
    @needs(Capability.WRITE)
    def test_writing_what_cannot_be_a_path_raises_invalid_path(self, store: Backend, path: str) -> None:
        with pytest.raises(InvalidPath):
            store.write(path, one("x"))
        if store.can(Capability.LIST):
            assert not store.list().entries

    @pytest.mark.parametrize("folder", ["/", "/app", "app//db", ".", "app/..", "app//"])
    @needs(Capability.LIST)
    def test_listing_what_cannot_be_a_folder_raises(self, store: Backend, folder: str) -> None:
        if folder == "/":
            assert store.list(folder).path == ""  # the root, with its forgiven slash
            return
        with pytest.raises(InvalidPath):
            store.list(folder)

    @pytest.mark.parametrize("name", FORBIDDEN_NAMES, ids=ascii)
    @needs(Capability.WRITE)
    def test_creating_a_forbidden_name_raises_invalid_path(self, store: Backend, name: str) -> None:
        for path in (name, f"app/{name}", f"{name}/password"):
            with pytest.raises(InvalidPath):
                store.write(path, one("x"))
        if store.can(Capability.LIST):
            assert not store.list().entries

    @needs(Capability.LIST, Capability.READ)
    def test_cruel_names_come_back_as_they_were(self, store: Backend) -> None:
        given = self.seed(store)
        kept = [name for name in ALLOWED_NAMES if self.keeps_path(f"{name}/{name}")]
        for number, name in enumerate(kept):
            given.write(f"{name}/{name}", one(str(number)))
        for name in sorted({*ALLOWED_NAMES}.difference(kept)):
            with pytest.raises(InvalidPath):
                given.write(f"{name}/{name}", one("x"))
        assert [entry.path for entry in store.list().entries] == sorted(kept)
        for number, name in enumerate(kept):
            assert [entry.name for entry in store.list(name).entries] == [name]
            assert holds(store.read(f"{name}/{name}"), one(str(number)))

    @needs(Capability.LIST, Capability.READ)
    def test_the_longest_path_is_kept(self, store: Backend) -> None:
        path = "/".join(["d" * 511] * 8)
        assert len(path) == paths.MAX_BYTES - 1
        if not self.keeps_path(path):
            with pytest.raises(InvalidPath):
                self.seed(store).write(path, one("x"))
            return
        self.seed(store).write(path, one("x"))
        assert holds(store.read(path), one("x"))
        assert [entry.path for entry in store.walk()] == [path]

    @needs(Capability.WRITE)
    def test_a_path_that_is_too_long_raises_invalid_path(self, store: Backend) -> None:
        with pytest.raises(InvalidPath):
            store.write("/".join(["d" * 511] * 8) + "/dd", one("x"))

    @pytest.mark.parametrize("near", ["App/db", "app/DB", "app/d", "app/db ", "app", "app/db/x", "app/d_", "app/d%"])
    @needs(Capability.READ)
    def test_a_path_that_is_nearly_right_is_not_found(self, store: Backend, near: str) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.read(near)

    @pytest.mark.parametrize("name", [name for name in FORBIDDEN_NAMES if len(name) <= 512], ids=ascii)
    @needs_hook("plant")
    def test_an_old_name_is_found_by_its_exact_path_whatever_it_looks_like(self, name: str) -> None:
        store = self.plant(_history(f"{name}/{name}"))
        if store is None:
            pytest.skip(f"half a character, {name!a}, cannot be said in the JSON that gives this store its names")
        with store:
            assert [entry.path for entry in store.list().entries] == [name]
            assert [entry.path for entry in store.list(name).entries] == [f"{name}/{name}"]
            assert holds(store.read(f"{name}/{name}"), one("old"))
            if store.can(Capability.WRITE):
                store.write(f"{name}/{name}", one("new"))
                assert holds(store.read(f"{name}/{name}"), one("new"))

    @pytest.mark.parametrize("path", ["caf\u00e9", "caf\u00e9/x", "caf\u00e9/\u212b"])
    @needs_hook("plant")
    def test_a_name_that_differs_only_by_normalisation_raises_already_exists(self, path: str) -> None:
        store = self.plant(_history(unicodedata.normalize("NFD", path)))
        assert store is not None, "these names can be given everywhere"
        with store:
            need(store, Capability.WRITE)
            with pytest.raises(AlreadyExists):
                store.write(unicodedata.normalize("NFC", path), one("x"))
            store.write("cafe", one("x"))

    # Listing

    @needs(Capability.LIST)
    def test_an_empty_store_has_an_empty_root(self, store: Backend) -> None:
        listing = store.list()
        assert (listing.path, list(listing.entries)) == ("", [])
        assert list(store.walk()) == []

    @needs(Capability.LIST)
    def test_a_listing_has_the_direct_children_sorted_by_code_point(self, store: Backend) -> None:
        given = self.seed(store)
        names = ["z", "a", "Z", "a-b", "a b", "\u00e9", "10", "9", "\U0001f511", "\uac00"]
        names = [name for name in names if self.keeps_path(f"app/{name}")]
        for name in names:
            given.write(f"app/{name}", one("x"))
        folders = ["a"] if self.keeps_path("app/a/deep/er") else []
        for name in folders:
            given.write(f"app/{name}/deep/er", one("x"))
        given.write("application/a", one("x"))
        listing = store.list("app")
        assert listing.path == "app"
        rows = [(entry.name, entry.kind) for entry in listing.entries]
        assert rows == sorted(
            [*((name, EntryKind.SECRET) for name in names), *((name, EntryKind.FOLDER) for name in folders)]
        )
        assert all(entry.path == f"app/{entry.name}" for entry in listing.entries)

    @needs(Capability.LIST)
    def test_the_parts_of_a_listing_are_what_the_listing_has(self, store: Backend) -> None:
        given = self.seed(store)
        for path in ("app/b", "app/a", "app/deep/x"):
            if self.keeps_path(path):
                given.write(path, one("x"))
        for folder in ("", "app"):
            listing = store.list(folder)
            parts = list(store.list_parts(folder))
            together = [entry for part in parts for entry in part.entries]
            assert sorted(together, key=listing.entries.index) == [*listing.entries]
            assert [part.complete for part in parts] == [*[False] * (len(parts) - 1), listing.complete]
        with pytest.raises(NotFound):
            next(store.list_parts("app/nothing"))

    @needs(Capability.LIST)
    def test_a_listing_is_complete_or_says_why_it_is_not(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        for folder in ("", "app"):
            listing = store.list(folder)
            assert listing.complete == (not listing.note)

    @needs(Capability.LIST, Capability.READ)
    def test_a_folder_stands_before_the_secret_of_its_name(self, store: Backend) -> None:
        given = self.seed(store)
        given.write("app", one("secret"))
        given.write("app/db", one("child"))
        assert [(entry.path, entry.kind) for entry in store.list().entries] == [
            ("app", EntryKind.FOLDER),
            ("app", EntryKind.SECRET),
        ]
        assert holds(store.read("app"), one("secret"))
        assert holds(store.read("app/db"), one("child"))

    @needs(Capability.LIST)
    def test_listing_a_leaf_raises_not_found(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.list("app/db")
        with pytest.raises(NotFound):
            list(store.walk("app/db"))

    @pytest.mark.parametrize("folder", ["nothing", "ap", "app/d", "App"])
    @needs(Capability.LIST)
    def test_listing_no_folder_raises_not_found(self, store: Backend, folder: str) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.list(folder)
        with pytest.raises(NotFound):
            list(store.walk(folder))

    @needs(Capability.LIST)
    def test_one_slash_after_a_folder_is_forgiven(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        assert store.list("app/") == store.list("app")

    @needs(Capability.LIST)
    def test_folders_have_neither_type_nor_state(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        (folder,) = store.list().entries
        assert folder.is_folder
        assert (folder.type, folder.state) == (None, None)

    @needs(Capability.LIST)
    def test_a_listed_type_and_state_are_those_of_the_secret(self, store: Backend) -> None:
        given = self.seed(store)
        path = "db" if self.keeps_path("db") else "app/db"
        is_typed = given.can(Capability.EDIT_METADATA) and MetadataField.TYPE in given.info().metadata_fields
        if is_typed:
            given.write(path, one("x"), metadata=MetadataPatch(type=SecretType.TOKEN))
        else:
            given.write(path, one("x"))
        (entry,) = store.list(paths.parent(path)).entries
        assert entry.state in (VersionState.LIVE, None)
        if is_typed:
            assert entry.type in (SecretType.TOKEN, None)

    @needs(Capability.LIST)
    def test_a_listing_tells_from_when_on_a_secret_is_due_or_nothing_of_it(self, store: Backend) -> None:
        given = self.seed(store)
        path = "db" if self.keeps_path("db") else "app/db"
        given.write(path, one("x"))
        assert [entry.due_from for entry in store.list(paths.parent(path)).entries] == [None]
        if not (given.can(Capability.EDIT_METADATA) and MetadataField.ROTATION in given.info().metadata_fields):
            return
        given.write(path, one("y"), metadata=MetadataPatch(rotation=timedelta(days=90)))
        made = store.versions(path)[-1].created_at if store.can(Capability.VERSIONS) else None
        (entry,) = store.list(paths.parent(path)).entries
        (walked,) = store.walk()
        assert walked.due_from in {None, entry.due_from}
        assert entry.due_from in {None, due_from(timedelta(days=90), made)}
        assert entry.due_from is not None or not self.tells_states
        if given.can(Capability.DELETE) and given.can(Capability.UNDELETE):
            given.delete(path)
            assert [entry.due_from for entry in store.list(paths.parent(path)).entries] == [None]

    @needs(Capability.LIST)
    def test_walk_gives_every_secret_below_sorted_by_path(self, store: Backend) -> None:
        given = self.seed(store)
        everything = ["a", "a-b", "a-b/c", "a/b", "a/b/c", "a/b-c", "a0", "b/\U0001f511", "b/\uffdc"]
        everything = [path for path in everything if self.keeps_path(path)]
        for path in everything:
            given.write(path, one("x"))
        assert [entry.path for entry in store.walk()] == sorted(everything)
        below = [path for path in ("a/b", "a/b-c", "a/b/c") if self.keeps_path(path)]
        assert [entry.path for entry in store.walk("a")] == below
        assert not any(entry.is_folder for entry in store.walk())

    def _with_a_denied_folder(self, store: Backend) -> Backend:
        given = self.seed(store)
        for path in ("a/x", "b/deep/x", "b/x", "c/x"):
            if self.keeps_path(path):
                given.write(path, one("x"))
        denied = self.deny(store, "b")
        assert denied is not None, "the hook is given"
        return denied

    @needs(Capability.LIST)
    @needs_hook("deny")
    def test_a_folder_that_may_not_be_listed_ends_a_walk(self, store: Backend) -> None:
        with self._with_a_denied_folder(store) as denied:
            with pytest.raises(PermissionDenied) as caught:
                list(denied.walk())
            assert caught.value.path == "b"
            for skipped in (None, lambda _: None):
                with pytest.raises(PermissionDenied):
                    list(denied.walk("b", skipped=skipped))
            assert [entry.path for entry in denied.walk("a")] == ["a/x"]
            assert [entry.path for entry in denied.list().entries] == ["a", "b", "c"]

    @needs(Capability.LIST)
    @needs_hook("deny")
    def test_a_walk_goes_on_where_it_is_told_what_was_skipped(self, store: Backend) -> None:
        told: list[Skipped] = []
        with self._with_a_denied_folder(store) as denied:
            assert [entry.path for entry in denied.walk(skipped=told.append)] == ["a/x", "c/x"]
        (skipped,) = told
        assert (skipped.path, skipped.kind) == ("b", EntryKind.FOLDER)
        assert isinstance(skipped.error, PermissionDenied)

    @needs(Capability.LIST)
    @needs_hook("deny")
    def test_the_index_and_the_trash_go_on_where_they_are_told_what_was_skipped(self, store: Backend) -> None:
        with self._with_a_denied_folder(store) as denied:
            if store.can(Capability.INDEX):
                told: list[Skipped] = []
                assert [row.path for row in denied.index(skipped=told.append)] == ["a/x", "c/x"]
                assert [skipped.path for skipped in told] == ["b"]
                assert [row.path for row in denied.find("x", 9, skipped=told.append)] == ["a/x", "c/x"]
                with pytest.raises(PermissionDenied):
                    list(denied.index())
            if store.can(Capability.TRASH):
                self.seed(store).delete("c/x")
                told = []
                assert [item.path for item in denied.trash(skipped=told.append)] == ["c/x"]
                assert [skipped.path for skipped in told] == ["b"]
                with pytest.raises(PermissionDenied):
                    list(denied.trash())

    @needs(Capability.LIST)
    def test_what_is_asked_for_in_an_interrupted_call_fails_at_once(self, store: Backend) -> None:
        self.seed(store).write("a/x", one("x"))
        with store.interruptible() as interrupt:
            assert store.list("a").entries
            interrupt()
            interrupt()
            with suppress(Locked):  # where no call can take long it may still be answered
                list(store.walk())
        assert [entry.path for entry in store.walk()] == ["a/x"]


def _history(path: str) -> History:
    return History(path, Metadata(), (StoredVersion(Version(1), one("old")),))
