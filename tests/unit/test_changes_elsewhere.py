"""Changes on stores that keep or check less than a vault file: KV version 1 and 2 on a double, and stores in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.backends.vault.backend import VaultBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Version, VersionState
from kvtui.domain.value import Fields, SecretValue, like_fields
from kvtui.services import explaining
from kvtui.services.changes import Basis, Change, Op, is_up_to_date, prepared_on
from kvtui.services.describing import describe
from kvtui.services.doing import apply
from kvtui.services.pending import seal, unseal
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import opened

UNVERSIONED = ALL - {Capability.VERSIONS, Capability.HISTORY, Capability.UNDELETE, Capability.CHECK_AND_SET}


def fields(**values: Any) -> Fields:
    return {name: SecretValue(value) for name, value in values.items()}


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        double.mount("kv", version=2)
        double.mount("old", version=1)
        yield double
        assert not double.broken


@pytest.fixture
def vault(double: VaultDouble) -> Iterator[VaultBackend]:
    with opened(double) as backend:
        yield backend


class ChecksNothing(MemoryBackend):
    """Refuses to be asked for a check, as most HTTP stores do; `told` are the versions it was asked for."""

    def __init__(self) -> None:
        super().__init__(capabilities=UNVERSIONED)
        self.told: list[int | None] = []

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self.told.append(expected)
        return super().write(path, fields, metadata=metadata, expected=expected)


Prepare = Callable[[Backend, str], Change]


def edit(backend: Backend, path: str, **values: Any) -> Change:
    """What a form gives that was opened now."""
    secret = backend.read(path)
    return prepared_on(Change(Op.SET, path, fields(**values), base_version=secret.current), secret)


def text(backend: Backend, path: str) -> object:
    return backend.read(path).fields["value"].reveal()


# What is checked


def test_a_store_that_checks_nothing_is_never_asked_to() -> None:
    store = ChecksNothing()
    apply(store, Change(Op.SET, "a", fields(value="1"), base_version=0))
    applied = apply(store, edit(store, "a", value="2"))
    assert applied.undo is not None
    apply(store, applied.undo)
    assert store.told == [None, None, None]
    assert text(store, "a") == "1"


@pytest.mark.parametrize("path", ["a", "old/a"])
def test_creating_refuses_where_something_is(path: str, vault: VaultBackend) -> None:
    store: Backend = vault if path == "old/a" else ChecksNothing()
    store.write(path, fields(value="theirs"))
    with pytest.raises(Conflict, match="Something is there already"):
        apply(store, Change(Op.SET, path, fields(value="mine"), base_version=0))
    assert text(store, path) == "theirs"


@pytest.mark.parametrize("path", ["a", "old/a"])
def test_what_somebody_wrote_while_a_form_was_open_is_not_overwritten(path: str, vault: VaultBackend) -> None:
    """Although the screen, which looks again by itself, has read what they wrote."""
    store: Backend = vault if path == "old/a" else ChecksNothing()
    store.write(path, fields(value="base"))
    change = edit(store, path, value="mine")
    store.write(path, fields(value="theirs"))
    store.read(path)
    with pytest.raises(Conflict):
        apply(store, change)
    assert text(store, path) == "theirs"
    assert not is_up_to_date(change, store.read(path))


def test_another_order_is_no_change_of_somebody_else(vault: VaultBackend, double: VaultDouble) -> None:
    double.write("old", "a", {"value": "x", "map": {"b": 1, "a": 2}})
    other_order = vault.read("old/a")._replace(fields=fields(map={"a": 2, "b": 1}, value="x"))
    change = prepared_on(Change(Op.SET, "old/a", fields(value="y"), base_version=1), other_order)
    apply(vault, change)
    assert text(vault, "old/a") == "y"


def test_a_secret_that_somebody_removed_is_not_made_again(vault: VaultBackend) -> None:
    vault.write("old/a", fields(value="base"))
    change = edit(vault, "old/a", value="mine")
    vault.delete("old/a")
    with pytest.raises(Conflict, match="no such secret"):
        apply(vault, change)
    with pytest.raises(NotFound):
        vault.read("old/a")


def test_a_token_that_may_write_but_not_read_writes(double: VaultDouble) -> None:
    double.policy("blind", {"kv/data/*": ["create", "update"]})
    double.write("kv", "a", {"value": "before"})
    with opened(double, double.token("blind")) as store:
        applied = apply(store, Change(Op.SET, "kv/a", fields(value="after"), base_version=1))
        assert applied.version is not None
        assert applied.version.number == 2
        assert applied.undo is None
        with pytest.raises(Conflict):
            apply(store, Change(Op.SET, "kv/a", fields(value="lost"), base_version=1))


# What is taken back


@pytest.mark.parametrize("path", ["a", "old/a"])
def test_undo_where_no_versions_are_kept_writes_the_old_values_back(path: str, vault: VaultBackend) -> None:
    store: Backend = vault if path == "old/a" else ChecksNothing()
    store.write(path, fields(value="one", other="kept"))
    undo = apply(store, edit(store, path, value="two")).undo
    assert undo is not None
    assert undo.op is Op.SET
    again = apply(store, undo)
    assert like_fields(store.read(path).fields, fields(value="one", other="kept"))
    assert again.undo is not None
    apply(store, again.undo)
    assert like_fields(store.read(path).fields, fields(value="two"))


@pytest.mark.parametrize("path", ["a", "old/a"])
def test_undo_leaves_alone_what_others_wrote_since(path: str, vault: VaultBackend) -> None:
    store: Backend = vault if path == "old/a" else ChecksNothing()
    made = apply(store, Change(Op.SET, path, fields(value="mine"), base_version=0)).undo
    store.write(path, fields(value="mine"))
    changed = apply(store, edit(store, path, value="mine again")).undo
    store.write(path, fields(value="theirs"))
    for undo in (made, changed):
        assert undo is not None
        with pytest.raises(Conflict):
            apply(store, undo)
    assert text(store, path) == "theirs"


def test_a_delete_on_kv_1_beside_kv_2_is_done_and_not_undoable(vault: VaultBackend) -> None:
    vault.write("old/a", fields(value="x"))
    assert apply(vault, Change(Op.DELETE, "old/a", base_version=1)).undo is None
    with pytest.raises(NotFound):
        vault.read("old/a")


def test_a_delete_by_a_token_that_may_not_see_versions_is_done(double: VaultDouble) -> None:
    double.policy("narrow", {"kv/data/*": ["read", "delete"], "kv/undelete/*": ["update"]})
    double.write("kv", "a", {"value": "x"})
    with opened(double, double.token("narrow")) as store:
        applied = apply(store, Change(Op.DELETE, "kv/a"))
        assert applied.undo is not None
        assert applied.undo.versions == (1,)
        assert store.read("kv/a").version.state is VersionState.DELETED


# Settings


def test_metadata_and_settings_are_one_request_and_one_undo(vault: VaultBackend, double: VaultDouble) -> None:
    double.write("kv", "a", {"value": "x"})
    vault.write_metadata("kv/a", MetadataPatch(owner="ops", custom={"by": "terraform"}), Retention(max_versions=5))
    before = vault.metadata("kv/a"), vault.retention("kv/a")
    change = Change(
        Op.META,
        "kv/a",
        metadata=MetadataPatch(description="about"),
        retention=Retention(max_versions=7, delete_after=timedelta(days=30)),
    )
    double.requests.clear()
    applied = apply(vault, change)
    assert len(double.mutations()) == 1
    after = vault.metadata("kv/a")
    assert (after.description, after.owner, dict(after.custom)) == ("about", "ops", {"by": "terraform"})
    assert vault.retention("kv/a") == Retention(7, cas_required=False, delete_after=timedelta(days=30))
    vault.write_retention("kv/a", Retention(cas_required=True))
    assert applied.undo is not None
    apply(vault, applied.undo)
    restored = vault.metadata("kv/a")
    assert (restored.description, restored.owner) == (before[0].description, before[0].owner)
    assert vault.retention("kv/a") == before[1].changed(Retention(cas_required=True))
    assert len(vault.versions("kv/a")) == 1


def test_undoing_metadata_leaves_what_others_described_since(vault: VaultBackend) -> None:
    vault.write("kv/a", fields(value="x"))
    undo = apply(vault, Change(Op.META, "kv/a", metadata=MetadataPatch(description="mine"))).undo
    vault.write_metadata("kv/a", MetadataPatch(owner="theirs"))
    assert undo is not None
    apply(vault, undo)
    assert (vault.metadata("kv/a").description, vault.metadata("kv/a").owner) == ("", "theirs")


def test_values_metadata_and_settings_put_together_are_two_requests(vault: VaultBackend, double: VaultDouble) -> None:
    vault.write("kv/a", fields(value="one"))
    change = Change(
        Op.SET,
        "kv/a",
        fields(value="two"),
        MetadataPatch(description="d"),
        base_version=1,
        retention=Retention(max_versions=3),
    )
    double.requests.clear()
    applied = apply(vault, change)
    assert len(double.mutations()) == 2
    assert vault.retention("kv/a").max_versions == 3
    assert applied.undo is not None
    apply(vault, applied.undo)
    assert (text(vault, "kv/a"), vault.metadata("kv/a").description) == ("one", "")
    assert vault.retention("kv/a").max_versions == 0


def test_what_is_written_without_its_settings_is_told() -> None:
    class NoSettings(MemoryBackend):
        def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Any:
            raise PermissionDenied("It may not be described.")

    store = NoSettings()
    store.write("a", fields(value="one"))
    change = Change(Op.SET, "a", fields(value="two"), base_version=1, retention=Retention(max_versions=3))
    with pytest.raises(Unavailable, match="Version 2 is written, its metadata and settings may not be"):
        apply(store, change)


def test_settings_that_cannot_be_change_nothing(vault: VaultBackend, double: VaultDouble) -> None:
    vault.write("kv/a", fields(value="x"))
    double.requests.clear()
    bad = Change(Op.META, "kv/a", metadata=MetadataPatch(owner="me"), retention=Retention(max_versions=2**31))
    with pytest.raises(InvalidInput):
        apply(vault, bad)
    assert not double.mutations()


def test_two_who_describe_one_secret_at_once_lose_nothing(vault: VaultBackend, double: VaultDouble) -> None:
    """OpenBao takes the pairs as a whole, but checks what they were made of."""
    vault.write("kv/a", fields(value="x"))
    with opened(double) as other:
        engine = vault._engine("kv/a")[0]
        look = engine._known_or_new  # type: ignore[attr-defined]
        seen: list[None] = []

        def overtaken(at: Any, patch: MetadataPatch) -> Any:
            known = look(at, patch)
            if not seen:
                seen.append(None)
                other.write_metadata("kv/a", MetadataPatch(owner="theirs", custom={"k": "theirs"}))
            return known

        engine._known_or_new = overtaken  # type: ignore[attr-defined]
        vault.write_metadata("kv/a", MetadataPatch(description="mine"))
    known = vault.metadata("kv/a")
    assert (known.description, known.owner, dict(known.custom)) == ("mine", "theirs", {"k": "theirs"})


def test_pending_changes_keep_settings_and_what_they_were_made_of() -> None:
    key = bytes(32)
    change = Change(
        Op.SET,
        "a",
        fields(value="mine"),
        base_version=1,
        retention=Retention(3, cas_required=False, delete_after=timedelta(hours=1)),
        basis=Basis(b"digest", numbered=False),
    )
    (back,) = unseal(seal([change], key), key)
    assert back.retention == change.retention
    assert (back.basis.digest, back.basis.numbered) == (b"digest", False)
    (plain,) = unseal(seal([Change(Op.META, "a", retention=Retention(delete_after=timedelta()))], key), key)
    assert (plain.retention, plain.basis.digest) == (Retention(delete_after=timedelta()), None)


# Words


def test_how_a_write_is_checked_is_told_in_honest_words(vault: VaultBackend) -> None:
    assert explaining.how_checked(vault, "kv/a") == ""
    assert explaining.how_checked(MemoryBackend(), "a") == ""
    assert explaining.how_checked(vault, "old/a") == (
        "KV version 1 keeps no versions: the value before is gone once this is written. "
        "It is read again just before the write; a change in between is not noticed."
    )
    blind = MemoryBackend(capabilities={Capability.WRITE})
    assert "Nothing is checked: whatever is there is overwritten." in explaining.how_checked(blind, "a")


def test_what_deleting_leaves_is_told(vault: VaultBackend) -> None:
    vault.write("kv/a", fields(value="x"))
    vault.write("old/a", fields(value="x"))
    assert explaining.deleting(vault, "kv/a") == "It can be undeleted until newer versions push it out."
    vault.write_retention("kv/a", Retention(delete_after=timedelta(days=30)))
    assert "deleted by themselves after 30d" in explaining.deleting(vault, "kv/a")
    assert explaining.undeleting(vault, "kv/a") == (
        "Its values can be read again, until it is deleted by itself in 30d."
    )
    assert explaining.deleting(vault, "old/a") == "It is deleted for good: this store keeps nothing of it."


def test_what_destroying_leaves_is_told(vault: VaultBackend) -> None:
    for _ in range(3):
        vault.write("kv/a", fields(value="x"))
    assert explaining.destroying(vault, "kv/a", [2]) == (
        "Its values are removed; the number 2 stays taken. This cannot be undone."
    )
    assert "the numbers 1, 2 stay taken" in explaining.destroying(vault, "kv/a", [1, 2])
    assert explaining.destroying(vault, "kv/a", ()) == (
        "All 3 versions and its metadata are removed. This cannot be undone."
    )


def test_a_version_that_ends_by_itself_says_when(vault: VaultBackend, double: VaultDouble) -> None:
    vault.write_retention("kv/a", Retention(delete_after=timedelta(hours=1)))
    written = vault.write("kv/a", fields(value="x"))
    (version,) = vault.versions("kv/a")
    assert version == written
    assert version.expires_at is not None
    assert version.created_at is not None
    assert version.expires_at - version.created_at == timedelta(hours=1)
    assert version.state is VersionState.LIVE


# What is known


def test_a_description_knows_the_times_and_settings_an_outline_may_not(vault: VaultBackend) -> None:
    vault.write("kv/a", fields(value="x"), metadata=MetadataPatch(owner="me"))
    known = describe(vault, vault.outline("kv/a"))
    assert known.metadata == vault.metadata("kv/a")
    assert known.retention == Retention(0, cas_required=False, delete_after=timedelta())
    vault.write("old/a", fields(value="x"))
    assert describe(vault, vault.outline("old/a")).retention is None


def test_a_description_by_a_token_that_may_not_see_metadata_says_so(double: VaultDouble) -> None:
    double.policy("narrow", {"kv/data/*": ["read"], "kv/subkeys/*": ["read"]})
    double.write("kv", "a", {"value": "x"})
    with opened(double, double.token("narrow")) as store:
        known = describe(store, store.outline("kv/a"))
        assert known.denied
        assert known.retention is None


def test_numbers_that_may_have_been_rounded_are_named(vault: VaultBackend, double: VaultDouble) -> None:
    data = {"big": 2**53 + 1, "deep": [{"n": -(2**60)}], "small": 2**53 - 1, "text": str(2**60), "yes": True}
    double.write("kv", "a", data)
    double.write("old", "a", data)
    assert set(vault.caveats(vault.read("kv/a"))) == {"big", "deep"}
    assert not vault.caveats(vault.read("old/a"))
    with suppress(PermissionDenied):
        assert not MemoryBackend().caveats(vault.read("kv/a"))


def test_what_to_know_of_a_place_is_said_wherever_something_is_changed_there() -> None:
    class Managed(MemoryBackend):
        def caution(self, path: str) -> str:
            return "The next apply overwrites it." if path == "api/key" else ""

    for capabilities in (ALL, ALL - {Capability.UNDELETE}):
        store = Managed(capabilities=capabilities)
        for path in ("api/key", "other"):
            store.write(path, {"value": SecretValue("x")})
            said = [
                explaining.how_checked(store, path),
                explaining.deleting(store, path),
                explaining.destroying(store, path, ()),
            ]
            assert all(("The next apply overwrites it." in text) is (path == "api/key") for text in said)
