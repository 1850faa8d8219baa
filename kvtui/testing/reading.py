"""Paths, listing and reading."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, InvalidPath, Locked, NotFound, PermissionDenied
from kvtui.domain.metadata import Metadata, MetadataField, MetadataPatch, SecretType
from kvtui.domain.secret import EntryKind, History, Skipped, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue
from kvtui.testing.cruel import ALLOWED_NAMES, FORBIDDEN_NAMES
from kvtui.testing.suite import Suite, holds, need, one

BAD_PATHS = ("", "/", "/app", "app/", "app//db", ".", "..", "app/./db", "app/..", "../app")


class ReadingConformance(Suite):
    # Paths

    @pytest.mark.parametrize("path", BAD_PATHS)
    def test_reading_what_cannot_be_a_path_raises_invalid_path(self, store: Backend, path: str) -> None:
        need(store, Capability.READ)
        with pytest.raises(InvalidPath):
            store.read(path)

    @pytest.mark.parametrize("path", BAD_PATHS)
    def test_writing_what_cannot_be_a_path_raises_invalid_path(self, store: Backend, path: str) -> None:
        need(store, Capability.WRITE)
        with pytest.raises(InvalidPath):
            store.write(path, one("x"))
        if store.can(Capability.LIST):
            assert not store.list().entries

    @pytest.mark.parametrize("folder", ["/", "/app", "app//db", ".", "app/..", "app//"])
    def test_listing_what_cannot_be_a_folder_raises(self, store: Backend, folder: str) -> None:
        need(store, Capability.LIST)
        if folder == "/":
            assert store.list(folder).path == ""  # the root, with its forgiven slash
            return
        with pytest.raises(InvalidPath):
            store.list(folder)

    @pytest.mark.parametrize("name", FORBIDDEN_NAMES, ids=ascii)
    def test_creating_a_forbidden_name_raises_invalid_path(self, store: Backend, name: str) -> None:
        need(store, Capability.WRITE)
        for path in (name, f"app/{name}", f"{name}/password"):
            with pytest.raises(InvalidPath):
                store.write(path, one("x"))
        if store.can(Capability.LIST):
            assert not store.list().entries

    def test_cruel_names_come_back_as_they_were(self, store: Backend) -> None:
        need(store, Capability.LIST, Capability.READ)
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

    def test_the_longest_path_is_kept(self, store: Backend) -> None:
        need(store, Capability.LIST, Capability.READ)
        path = "/".join(["d" * 511] * 8)
        assert len(path) == paths.MAX_BYTES - 1
        if not self.keeps_path(path):
            with pytest.raises(InvalidPath):
                self.seed(store).write(path, one("x"))
            return
        self.seed(store).write(path, one("x"))
        assert holds(store.read(path), one("x"))
        assert [entry.path for entry in store.walk()] == [path]

    def test_a_path_that_is_too_long_raises_invalid_path(self, store: Backend) -> None:
        need(store, Capability.WRITE)
        with pytest.raises(InvalidPath):
            store.write("/".join(["d" * 511] * 8) + "/dd", one("x"))

    @pytest.mark.parametrize("near", ["App/db", "app/DB", "app/d", "app/db ", "app", "app/db/x", "app/d_", "app/d%"])
    def test_a_path_that_is_nearly_right_is_not_found(self, store: Backend, near: str) -> None:
        need(store, Capability.READ)
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.read(near)

    @pytest.mark.parametrize("name", [name for name in FORBIDDEN_NAMES if len(name) <= 512], ids=ascii)
    def test_an_old_name_is_found_by_its_exact_path_whatever_it_looks_like(self, name: str) -> None:
        store = self.plant(_history(f"{name}/{name}"))
        if store is None:
            pytest.skip("no other program writes into this store")
        with store:
            assert [entry.path for entry in store.list().entries] == [name]
            assert [entry.path for entry in store.list(name).entries] == [f"{name}/{name}"]
            assert holds(store.read(f"{name}/{name}"), one("old"))
            if store.can(Capability.WRITE):
                store.write(f"{name}/{name}", one("new"))
                assert holds(store.read(f"{name}/{name}"), one("new"))

    @pytest.mark.parametrize("path", ["caf\u00e9", "caf\u00e9/x", "caf\u00e9/\u212b"])
    def test_a_name_that_differs_only_by_normalisation_raises_already_exists(self, path: str) -> None:
        store = self.plant(_history(unicodedata.normalize("NFD", path)))
        if store is None:
            pytest.skip("no other program writes into this store")
        with store:
            need(store, Capability.WRITE)
            with pytest.raises(AlreadyExists):
                store.write(unicodedata.normalize("NFC", path), one("x"))
            store.write("cafe", one("x"))

    # Listing

    def test_an_empty_store_has_an_empty_root(self, store: Backend) -> None:
        need(store, Capability.LIST)
        listing = store.list()
        assert (listing.path, list(listing.entries)) == ("", [])
        assert list(store.walk()) == []

    def test_a_listing_has_the_direct_children_sorted_by_code_point(self, store: Backend) -> None:
        need(store, Capability.LIST)
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

    def test_a_listing_is_complete_or_says_why_it_is_not(self, store: Backend) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("app/db", one("x"))
        for folder in ("", "app"):
            listing = store.list(folder)
            assert listing.complete == (not listing.note)

    def test_a_folder_stands_before_the_secret_of_its_name(self, store: Backend) -> None:
        need(store, Capability.LIST, Capability.READ)
        given = self.seed(store)
        given.write("app", one("secret"))
        given.write("app/db", one("child"))
        assert [(entry.path, entry.kind) for entry in store.list().entries] == [
            ("app", EntryKind.FOLDER),
            ("app", EntryKind.SECRET),
        ]
        assert holds(store.read("app"), one("secret"))
        assert holds(store.read("app/db"), one("child"))

    def test_listing_a_leaf_raises_not_found(self, store: Backend) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.list("app/db")
        with pytest.raises(NotFound):
            list(store.walk("app/db"))

    @pytest.mark.parametrize("folder", ["nothing", "ap", "app/d", "App"])
    def test_listing_no_folder_raises_not_found(self, store: Backend, folder: str) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.list(folder)
        with pytest.raises(NotFound):
            list(store.walk(folder))

    def test_one_slash_after_a_folder_is_forgiven(self, store: Backend) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("app/db", one("x"))
        assert store.list("app/") == store.list("app")

    def test_folders_have_neither_type_nor_state(self, store: Backend) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("app/db", one("x"))
        (folder,) = store.list().entries
        assert folder.is_folder
        assert (folder.type, folder.state) == (None, None)

    def test_a_listed_type_and_state_are_those_of_the_secret(self, store: Backend) -> None:
        need(store, Capability.LIST)
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

    def test_walk_gives_every_secret_below_sorted_by_path(self, store: Backend) -> None:
        need(store, Capability.LIST)
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
        if denied is None:
            pytest.skip("everybody may list all of this store")
        return denied

    def test_a_folder_that_may_not_be_listed_ends_a_walk(self, store: Backend) -> None:
        need(store, Capability.LIST)
        with self._with_a_denied_folder(store) as denied:
            with pytest.raises(PermissionDenied) as caught:
                list(denied.walk())
            assert caught.value.path == "b"
            for skipped in (None, lambda _: None):
                with pytest.raises(PermissionDenied):
                    list(denied.walk("b", skipped=skipped))
            assert [entry.path for entry in denied.walk("a")] == ["a/x"]
            assert [entry.path for entry in denied.list().entries] == ["a", "b", "c"]

    def test_a_walk_goes_on_where_it_is_told_what_was_skipped(self, store: Backend) -> None:
        need(store, Capability.LIST)
        told: list[Skipped] = []
        with self._with_a_denied_folder(store) as denied:
            assert [entry.path for entry in denied.walk(skipped=told.append)] == ["a/x", "c/x"]
        (skipped,) = told
        assert (skipped.path, skipped.kind) == ("b", EntryKind.FOLDER)
        assert isinstance(skipped.error, PermissionDenied)

    def test_the_index_and_the_trash_go_on_where_they_are_told_what_was_skipped(self, store: Backend) -> None:
        need(store, Capability.LIST)
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

    def test_what_is_asked_for_in_an_interrupted_call_fails_at_once(self, store: Backend) -> None:
        need(store, Capability.LIST)
        self.seed(store).write("a/x", one("x"))
        with store.interruptible() as interrupt:
            assert store.list("a").entries
            interrupt()
            interrupt()
            with suppress(Locked):  # where no call can take long it may still be answered
                list(store.walk())
        assert [entry.path for entry in store.walk()] == ["a/x"]

    # Reading

    def test_reading_what_was_never_there_raises_not_found(self, store: Backend) -> None:
        need(store, Capability.READ)
        with pytest.raises(NotFound) as caught:
            store.read("app/db")
        assert caught.value.path == "app/db"
        assert caught.value.state is None

    def test_reading_a_folder_raises_not_found(self, store: Backend) -> None:
        need(store, Capability.READ)
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.read("app")

    def test_a_secret_without_fields_is_not_missing(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.FIELDS)
        if not self.keeps_empty_secrets:
            with pytest.raises(InvalidInput):
                self.seed(store).write("app/db", {})
            return
        self.seed(store).write("app/db", {})
        secret = store.read("app/db")
        assert secret.version.state is VersionState.LIVE
        assert not secret.fields

    def test_an_empty_text_is_not_missing(self, store: Backend) -> None:
        need(store, Capability.READ)
        if not self.keeps(""):
            with pytest.raises(InvalidInput):
                self.seed(store).write("app/db", one(""))
            return
        self.seed(store).write("app/db", one(""))
        secret = store.read("app/db")
        assert secret.version.state is VersionState.LIVE
        assert holds(secret, one(""))

    def test_a_secret_tells_its_path_version_and_metadata(self, store: Backend) -> None:
        need(store, Capability.READ)
        written = self.seed(store).write("app/db", one("x"))
        secret = store.read("app/db")
        assert (secret.path, secret.current, secret.version.number) == ("app/db", written.number, written.number)
        if store.can(Capability.METADATA) and self.tells_all_metadata:
            assert secret.metadata == store.metadata("app/db")

    def test_an_outline_is_a_secret_without_its_values(self, store: Backend) -> None:
        need(store, Capability.READ)
        given = self.seed(store)
        fields = {"value": SecretValue("x")}
        if given.can(Capability.FIELDS) and given.can(Capability.TYPED_VALUES):
            fields = {"user": SecretValue("u"), "number": SecretValue(1), "list": SecretValue(["x"])}
            if self.keeps({"inner": "x"}):
                fields["map"] = SecretValue({"inner": "x"})
        given.write("app/db", fields)
        outline, secret = store.outline("app/db"), store.read("app/db")
        assert list(outline.fields) == list(secret.fields)
        assert all(outline.fields[name] in (None, value.type) for name, value in secret.fields.items())
        assert (outline.path, outline.version, outline.current) == (secret.path, secret.version, secret.current)
        assert outline.metadata == secret.metadata
        for path in ("app", "nothing"):
            with pytest.raises(NotFound):
                store.outline(path)

    def test_an_outline_tells_that_something_is_there_whose_value_is_never_read(self, store: Backend) -> None:
        need(store, Capability.METADATA)
        if store.can(Capability.READ) or store.can(Capability.FIELDS):
            pytest.skip("this store is read, or has several fields")
        self.seed(store).write("app/db", one("x"))
        outline = store.outline("app/db")
        assert (outline.path, outline.version.state, dict(outline.fields)) == (
            "app/db",
            VersionState.LIVE,
            {"value": None},
        )
        with pytest.raises(NotFound):
            store.outline("app/nothing")

    def test_what_to_know_and_how_others_name_it_is_plain_text_without_a_value(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("SENTINEL"))
        for path in ("app/db", "app/nothing"):
            told = [store.caution(path), *store.references(path), *store.references(path, "value")]
            assert all("SENTINEL" not in text for text in told)

    def test_an_outline_tells_versions_and_states(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.VERSIONS, Capability.DELETE, Capability.UNDELETE)
        given = self.seed(store)
        given.write("app/db", one("first"))
        given.write("app/db", {"other": SecretValue("second")} if given.can(Capability.FIELDS) else one("second"))
        given.delete("app/db", [2])
        for version in (1, 2, None):
            outline, secret = store.outline("app/db", version), store.read("app/db", version)
            assert (outline.version, outline.current) == (secret.version, secret.current)
            assert list(outline.fields) == list(secret.fields)
        with pytest.raises(NotFound):
            store.outline("app/db", 3)

    def test_limits_are_told_for_each_path(self, store: Backend) -> None:
        need(store, Capability.READ)
        self.seed(store).write("app/db", one("x"))
        limits = store.limits(["app/db", "app/", "", "nothing"])
        assert len(limits) == 4
        for found in limits:
            assert found.keys() <= store.info().capabilities
            assert all(found.values())
        assert Capability.READ not in limits[0]
        assert list(store.limits([])) == []

    def test_old_versions_are_read_by_number(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.VERSIONS)
        given = self.seed(store)
        for text in ("first", "second", "third"):
            given.write("app/db", one(text))
        for number, text in enumerate(("first", "second", "third"), start=1):
            secret = store.read("app/db", number)
            assert (secret.version.number, secret.current) == (number, 3)
            assert holds(secret, one(text))

    @pytest.mark.parametrize("version", [0, -1, 2, 10**9])
    def test_a_version_that_was_never_there_raises_not_found(self, store: Backend, version: int) -> None:
        need(store, Capability.READ, Capability.VERSIONS)
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound) as caught:
            store.read("app/db", version)
        assert caught.value.version == version

    def test_what_was_read_can_be_changed_without_changing_the_store(self, store: Backend) -> None:
        need(store, Capability.READ)
        self.seed(store).write("app/db", one("x"))
        fields = store.read("app/db").fields
        if isinstance(fields, dict):
            fields.clear()
        assert holds(store.read("app/db"), one("x"))

    # Reading in bulk

    def test_bulk_reads_give_one_result_each_in_order(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.WRITE)
        given = self.seed(store)
        for path in ("a", "a/b", "z"):
            given.write(path, one(path))
        wanted = ["z", "nowhere", "a", "a", "a/b", "a/b/c", "bad//path", ""]
        found = list(store.read_many(iter(wanted)))
        assert [result.path for result in found] == wanted
        assert [result.path for result in found if result.secret is not None] == ["z", "a", "a", "a/b"]
        for result in found:
            if result.secret is not None:
                assert result.secret.path == result.path
                assert holds(result.secret, one(result.path))
        assert all(result.error is None for result in found[:6])
        assert all(isinstance(result.error, InvalidPath | None) for result in found[6:])

    def test_bulk_reads_are_as_single_ones(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.WRITE, Capability.UNDELETE)
        given = self.seed(store)
        for text in ("1", "2"):
            given.write("changed", one(text))
        given.write("gone", one("x"))
        given.delete("gone")
        for found in store.read_many(["changed", "gone"]):
            assert found.secret is not None
            single = store.read(found.path)
            assert (found.secret.version, found.secret.metadata) == (single.version, single.metadata)
            assert found.secret.current == single.current
            assert holds(found.secret, single.fields)

    def test_bulk_reads_are_lazy_and_take_many_large_values(self, store: Backend) -> None:
        need(store, Capability.READ, Capability.WRITE)
        given = self.seed(store)
        text = "0123456789abcdef" * (min(store.info().max_value_bytes or 2**20, 2**20) // 16)
        for number in range(12):
            given.write(f"large/{number:02}", one(text))
        asked = [path for number in range(12) for path in (f"large/{number:02}", f"none/{number}")]
        found = list(store.read_many(asked))
        assert [result.path for result in found] == asked
        assert all((result.secret is not None) == result.path.startswith("large/") for result in found)
        endless = store.read_many(f"none/{number}" for number in range(10**9))
        assert next(endless).secret is None


def _history(path: str) -> History:
    return History(path, Metadata(), (StoredVersion(Version(1), one("old")),))
