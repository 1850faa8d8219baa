"""Reading, one secret or many."""

from __future__ import annotations

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, InvalidPath, NotFound
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.testing.suite import Suite, holds, needs, one


class ReadingConformance(Suite):
    # Reading

    @needs(Capability.READ)
    def test_reading_what_was_never_there_raises_not_found(self, store: Backend) -> None:
        with pytest.raises(NotFound) as caught:
            store.read("app/db")
        assert caught.value.path == "app/db"
        assert caught.value.state is None

    @needs(Capability.READ)
    def test_reading_a_folder_raises_not_found(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.read("app")

    @needs(Capability.READ, Capability.FIELDS)
    def test_a_secret_without_fields_is_not_missing(self, store: Backend) -> None:
        if not self.keeps_empty_secrets:
            with pytest.raises(InvalidInput):
                self.seed(store).write("app/db", {})
            return
        self.seed(store).write("app/db", {})
        secret = store.read("app/db")
        assert secret.version.state is VersionState.LIVE
        assert not secret.fields

    @needs(Capability.READ)
    def test_an_empty_text_is_not_missing(self, store: Backend) -> None:
        if not self.keeps(""):
            with pytest.raises(InvalidInput):
                self.seed(store).write("app/db", one(""))
            return
        self.seed(store).write("app/db", one(""))
        secret = store.read("app/db")
        assert secret.version.state is VersionState.LIVE
        assert holds(secret, one(""))

    @needs(Capability.READ)
    def test_a_secret_tells_its_path_version_and_metadata(self, store: Backend) -> None:
        written = self.seed(store).write("app/db", one("x"))
        secret = store.read("app/db")
        assert (secret.path, secret.current, secret.version.number) == ("app/db", written.number, written.number)
        if store.can(Capability.METADATA) and self.tells_all_metadata:
            assert secret.metadata == store.metadata("app/db")

    @needs(Capability.READ)
    def test_an_outline_is_a_secret_without_its_values(self, store: Backend) -> None:
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

    @needs(Capability.METADATA)
    def test_an_outline_tells_that_something_is_there_whose_value_is_never_read(self, store: Backend) -> None:
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

    @needs(Capability.READ, Capability.VERSIONS, Capability.DELETE, Capability.UNDELETE)
    def test_an_outline_tells_versions_and_states(self, store: Backend) -> None:
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

    @needs(Capability.READ)
    def test_limits_are_told_for_each_path(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        limits = store.limits(["app/db", "app/", "", "nothing"])
        assert len(limits) == 4
        for found in limits:
            assert found.keys() <= store.info().capabilities
            assert all(found.values())
        assert Capability.READ not in limits[0]
        assert list(store.limits([])) == []

    @needs(Capability.READ, Capability.VERSIONS)
    def test_old_versions_are_read_by_number(self, store: Backend) -> None:
        given = self.seed(store)
        for text in ("first", "second", "third"):
            given.write("app/db", one(text))
        for number, text in enumerate(("first", "second", "third"), start=1):
            secret = store.read("app/db", number)
            assert (secret.version.number, secret.current) == (number, 3)
            assert holds(secret, one(text))

    @pytest.mark.parametrize("version", [0, -1, 2, 10**9])
    @needs(Capability.READ, Capability.VERSIONS)
    def test_a_version_that_was_never_there_raises_not_found(self, store: Backend, version: int) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound) as caught:
            store.read("app/db", version)
        assert caught.value.version == version

    @needs(Capability.READ)
    def test_what_was_read_can_be_changed_without_changing_the_store(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        fields = store.read("app/db").fields
        if isinstance(fields, dict):
            fields.clear()
        assert holds(store.read("app/db"), one("x"))

    # Reading in bulk

    @needs(Capability.READ, Capability.WRITE)
    def test_bulk_reads_give_one_result_each_in_order(self, store: Backend) -> None:
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

    @needs(Capability.READ, Capability.WRITE, Capability.UNDELETE)
    def test_bulk_reads_are_as_single_ones(self, store: Backend) -> None:
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

    @needs(Capability.READ, Capability.WRITE)
    def test_bulk_reads_are_lazy_and_take_many_large_values(self, store: Backend) -> None:
        given = self.seed(store)
        text = "0123456789abcdef" * (min(store.info().max_value_bytes or 2**20, 2**20) // 16)
        for number in range(self.large_values):
            given.write(f"large/{number:02}", one(text))
        asked = [path for number in range(self.large_values) for path in (f"large/{number:02}", f"none/{number}")]
        found = list(store.read_many(asked))
        assert [result.path for result in found] == asked
        assert all((result.secret is not None) == result.path.startswith("large/") for result in found)
        endless = store.read_many(f"none/{number}" for number in range(10**9))
        assert next(endless).secret is None
