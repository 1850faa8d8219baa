"""Metadata: what is known about a secret besides its values."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, NotFound, Unsupported
from kvtui.domain.metadata import Metadata, MetadataField, MetadataPatch
from kvtui.testing.cruel import TEXTS
from kvtui.testing.suite import EVERYTHING, Suite, holds, needs, one


class DescribingConformance(Suite):
    def _everything(self, store: Backend) -> MetadataPatch:
        """All that this store keeps. Skips the test where that is nothing."""
        if not store.describes_writes:
            pytest.skip("this store writes no metadata")
        return EVERYTHING.only(store.info().metadata_fields)

    @needs(Capability.WRITE, Capability.METADATA)
    def test_metadata_is_written_with_the_version(self, store: Backend) -> None:
        everything = self._everything(store)
        store.write("app/db", one("x"), metadata=everything)
        assert _same_apart_from_times(store.metadata("app/db"), everything.apply(Metadata()))

    @needs(Capability.WRITE, Capability.METADATA)
    def test_a_write_without_metadata_keeps_it(self, store: Backend) -> None:
        everything = self._everything(store)
        store.write("app/db", one("x"), metadata=everything)
        store.write("app/db", one("y"))
        assert _same_apart_from_times(store.metadata("app/db"), everything.apply(Metadata()))

    @needs(Capability.WRITE, Capability.METADATA, Capability.EDIT_METADATA, Capability.VERSIONS)
    def test_editing_metadata_adds_no_version_and_keeps_what_is_not_named(self, store: Backend) -> None:
        everything = self._everything(store)
        store.write("app/db", one("x"), metadata=everything)
        owner = None if self.clears_owner else "somebody else"
        patch = MetadataPatch(owner=owner, custom=MappingProxyType({"ticket": None, "new": "pair"}))
        patch = patch.only(store.info().metadata_fields)
        returned = store.write_metadata("app/db", patch)
        assert returned == store.metadata("app/db")
        assert _same_apart_from_times(returned, patch.apply(everything.apply(Metadata())))
        assert len(store.versions("app/db")) == 1

    @needs(Capability.WRITE, Capability.METADATA, Capability.EDIT_METADATA)
    def test_an_owner_is_taken_away_or_that_is_refused(self, store: Backend) -> None:
        if MetadataField.OWNER not in store.info().metadata_fields:
            pytest.skip("this store keeps no owner")
        store.write("app/db", one("x"), metadata=MetadataPatch(owner="me"))
        if self.clears_owner:
            assert store.write_metadata("app/db", MetadataPatch(owner=None)).owner is None
        else:
            with pytest.raises(InvalidInput):
                store.write_metadata("app/db", MetadataPatch(owner=None))
            assert store.metadata("app/db").owner == "me"

    @needs(Capability.WRITE, Capability.METADATA, Capability.EDIT_METADATA)
    def test_cruel_metadata_comes_back(self, store: Backend) -> None:
        store.write("app/db", one("x"))
        for text in TEXTS:
            tags = (text, "plain") if text.strip() else ("plain",)
            patch = MetadataPatch(description=text, tags=tags, owner=text, custom=MappingProxyType({text: text}))
            patch = patch.only(store.info().metadata_fields)
            if not self.keeps_metadata(text):
                before = store.metadata("app/db")
                with pytest.raises(InvalidInput):
                    store.write_metadata("app/db", patch)
                assert store.metadata("app/db") == before
                continue
            store.write_metadata("app/db", patch)
            kept = store.metadata("app/db")
            assert _same_apart_from_times(kept, patch.apply(kept)), ascii(text[:40])

    @needs(Capability.METADATA)
    def test_metadata_of_what_is_not_there_raises_not_found(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.metadata("app")
        if store.can(Capability.EDIT_METADATA):
            with pytest.raises(NotFound):
                store.write_metadata("app", self._everything(store))

    @pytest.mark.parametrize("field", list(MetadataField))
    @needs(Capability.WRITE)
    def test_metadata_that_is_not_kept_is_refused_by_name_and_nothing_is_written(
        self, store: Backend, field: MetadataField
    ) -> None:
        if not store.describes_writes or field in store.info().metadata_fields:
            pytest.skip("this store keeps it, or no metadata at all")
        store.write("app/db", one("x"))
        patch = EVERYTHING.only([field])
        for call in (
            lambda: store.check("app/db", one("y"), patch),
            lambda: store.write("app/db", one("y"), metadata=patch),
            lambda: store.write_metadata("app/db", patch),
        ):
            with pytest.raises(Unsupported) as caught:
                call()
            assert caught.value.capability == Capability.EDIT_METADATA
        if store.can(Capability.READ):
            assert holds(store.read("app/db"), one("x"))
        if store.can(Capability.METADATA):
            assert not MetadataPatch.replacing(store.metadata("app/db"), self.fresh)


def _same_apart_from_times(one_: Metadata, other: Metadata) -> bool:
    names = ("type", "description", "tags", "owner", "rotation")
    return all(getattr(one_, name) == getattr(other, name) for name in names) and dict(one_.custom) == dict(
        other.custom
    )
