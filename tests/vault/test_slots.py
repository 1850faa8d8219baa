"""What opens a vault: passphrase, key file, both, recovery key; changing them without touching the data."""

import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.factory import StoreState
from kvtui.backends.file import database, header, keys, recovery
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import (
    AlreadyExists,
    AuthenticationRequired,
    Corrupt,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    WrongCredential,
)
from kvtui.domain.value import SecretValue
from tests.vault.places import CHEAP, PASSPHRASE, Place

pytestmark = pytest.mark.usefixtures("stretched_each_time")

OTHER = Credential(SecretValue("battery staple"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(os.urandom(64))
    return path


def opens(place: Place, credential: Credential) -> bool:
    try:
        place.open(credential).close()
    except WrongCredential:
        return False
    return True


@pytest.mark.parametrize(
    "wrong", ["", "correct hors", "Correct horse", "correct horse ", "\x00", "x" * 100_000, "\ud800"]
)
def test_any_wrong_passphrase_gets_the_same_message(place: Place, wrong: str) -> None:
    with pytest.raises(WrongCredential) as caught:
        place.open(Credential(SecretValue(wrong)))
    with pytest.raises(WrongCredential) as other:
        place.open(Credential(SecretValue(recovery.to_text(bytes(32)))))
    assert str(caught.value) == str(other.value)
    assert caught.value.kind == "AuthenticationRequired"
    assert caught.value.__cause__ is None


def test_the_recovery_key_opens_however_it_is_typed(place: Place) -> None:
    text = place.recovery.passphrase.reveal()  # type: ignore[union-attr]
    for typed in (
        text,
        text.lower(),
        text.replace("-", " "),
        text.replace("-", ""),
        f"  {text}\t",
        text.replace("O", "0").replace("I", "1").replace("B", "8"),
    ):
        assert opens(place, Credential(SecretValue(typed)))


def test_a_mistyped_recovery_key_opens_nothing(place: Place) -> None:
    text = place.recovery.passphrase.reveal()  # type: ignore[union-attr]
    other = "A" if text[0] != "A" else "C"
    assert not opens(place, Credential(SecretValue(other + text[1:])))
    assert not opens(place, Credential(SecretValue(text[:-1])))


@given(st.binary(min_size=32, max_size=32))
def test_recovery_keys_round_trip_through_their_text(key: bytes) -> None:
    text = recovery.to_text(key)
    assert recovery.from_text(text) == key
    assert len(text) == 63
    assert [len(group) for group in text.split("-")] == [7] * 8


@given(st.text())
def test_ordinary_text_is_no_recovery_key(text: str) -> None:
    assert recovery.from_text(text) is None


def test_one_wrong_letter_in_a_recovery_key_fails_its_checksum() -> None:
    text = recovery.to_text(bytes(range(32)))
    for place_, letter in enumerate(text):
        if letter != "-":
            other = "A" if letter != "A" else "C"
            assert recovery.from_text(text[:place_] + other + text[place_ + 1 :]) is None


def test_a_passphrase_is_one_in_any_normal_form(tmp_path: Path) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    settings = {"path": tmp_path / "v"}
    word = "pässwörd é"
    factory.create_with(settings, Credential(SecretValue(unicodedata.normalize("NFD", word))), kdf=CHEAP)
    factory.open(settings, Credential(SecretValue(unicodedata.normalize("NFC", word)))).close()


def test_key_file_opens_alone_where_it_has_a_slot(place: Place, key_file: Path) -> None:
    with place.open() as vault:
        slot = vault.add_key_slot(Credential(key_file=key_file), "stick")
    assert (slot.type, slot.label) == ("keyfile", "stick")
    assert opens(place, Credential(key_file=key_file))
    assert place.factory.probe({**place.settings, "key_file": str(key_file)}) is StoreState.READY
    assert place.factory.probe(place.settings) is StoreState.LOCKED
    place.factory.open({**place.settings, "key_file": str(key_file)}).close()


def test_passphrase_and_key_file_together_need_both(place: Place, key_file: Path) -> None:
    both = Credential(SecretValue("third"), key_file)
    with place.open() as vault:
        assert vault.add_key_slot(both).type == "passphrase+keyfile"
    assert opens(place, both)
    assert not opens(place, Credential(SecretValue("third")))
    assert not opens(place, Credential(key_file=key_file))
    key_file.write_bytes(b"another content of a key file")
    assert not opens(place, both)


def test_a_configured_key_file_does_not_lock_out_passphrase_and_recovery_key(place: Place, key_file: Path) -> None:
    settings = {**place.settings, "key_file": str(key_file)}
    place.factory.open(settings, PASSPHRASE).close()
    place.factory.open(settings, place.recovery).close()
    with pytest.raises(WrongCredential):
        place.factory.open(settings)


def test_no_credential_at_all_asks_for_one(place: Place) -> None:
    with pytest.raises(AuthenticationRequired) as caught:
        place.factory.open(place.settings)
    assert not isinstance(caught.value, WrongCredential)


def test_unusable_key_files_are_named_and_never_block(place: Place, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    empty = tmp_path / "empty"
    empty.touch()
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    expected: dict[Path, type[KvtuiError]] = {
        tmp_path / "missing": AuthenticationRequired,
        fifo: InvalidInput,
        Path("/dev/zero"): InvalidInput,
        tmp_path: InvalidInput,
        empty: InvalidInput,
        huge: InvalidInput,
    }
    for path, error in expected.items():
        with pytest.raises(error, match=path.name):
            place.open(Credential(key_file=path))


def test_new_credentials_that_cannot_work_are_refused(vault: FileBackend, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"1234")
    before = vault.key_slots()
    for credential in (
        Credential(),
        Credential(SecretValue("")),
        Credential(SecretValue(recovery.to_text(bytes(32)))),
        Credential(SecretValue(5)),
        Credential(key_file=short),
    ):
        with pytest.raises(InvalidInput):
            vault.add_key_slot(credential)
    with pytest.raises(InvalidInput):
        vault.add_key_slot(OTHER, "x" * 201)
    assert vault.key_slots() == before


def test_slots_come_and_go_without_rewriting_data(place: Place) -> None:
    with place.open() as vault:
        vault.write("a", {"value": SecretValue("kept")})
        first, second = vault.key_slots()
        assert [first.type, second.type] == ["passphrase", "recovery"]
        added = vault.add_key_slot(OTHER, "laptop")
        assert [slot.id for slot in vault.key_slots()] == [first.id, second.id, added.id]
        vault.remove_key_slot(first.id)
    assert not opens(place, PASSPHRASE)
    assert opens(place, place.recovery)
    with place.open(OTHER) as vault:
        assert vault.read("a").fields["value"].reveal() == "kept"
        with pytest.raises(NotFound):
            vault.remove_key_slot(first.id)


def test_the_last_slot_stays(vault: FileBackend) -> None:
    first, second = vault.key_slots()
    vault.remove_key_slot(second.id)
    with pytest.raises(InvalidInput, match="last key"):
        vault.remove_key_slot(first.id)
    assert vault.key_slots() == [first]


def test_slots_have_an_end(vault: FileBackend) -> None:
    for _ in range(30):
        vault.add_recovery_key()
    with pytest.raises(InvalidInput, match="at most 32"):
        vault.add_recovery_key()
    assert len(vault.key_slots()) == 32


def test_a_changed_passphrase_opens_and_the_old_one_does_not(place: Place) -> None:
    with place.open() as vault:
        slot = vault.replace_key_slot(PASSPHRASE, OTHER)
        assert slot.type == "passphrase"
        with pytest.raises(WrongCredential):
            vault.replace_key_slot(PASSPHRASE, OTHER)
    assert opens(place, OTHER)
    assert not opens(place, PASSPHRASE)
    assert opens(place, place.recovery)


def test_the_recovery_key_replaces_a_forgotten_passphrase_and_stays(place: Place) -> None:
    with place.open(place.recovery) as vault:
        vault.replace_key_slot(place.recovery, OTHER)
    assert opens(place, place.recovery)
    assert opens(place, OTHER)
    assert not opens(place, PASSPHRASE)
    with place.open() if opens(place, PASSPHRASE) else place.open(OTHER) as vault:
        vault.add_key_slot(PASSPHRASE)
        with pytest.raises(InvalidInput, match="not clear"):
            vault.replace_key_slot(place.recovery, OTHER)


def test_another_recovery_key_opens_too(place: Place) -> None:
    with place.open() as vault:
        slot, text = vault.add_recovery_key("safe")
    assert (slot.type, slot.label) == ("recovery", "safe")
    assert repr(text) == "<secret>"
    assert opens(place, Credential(text))
    assert opens(place, place.recovery)


def test_header_and_copy_are_the_same_after_every_change(place: Place) -> None:
    vault = place.open()
    for change in (lambda: vault.add_key_slot(OTHER), vault.add_recovery_key):
        change()
        assert (place.path / header.NAME).read_bytes() == (place.path / header.COPY).read_bytes()


def test_two_connections_changing_slots_keep_both_changes(place: Place) -> None:
    one, two = place.open(), place.open()
    one.add_key_slot(OTHER)
    two.add_recovery_key()
    one.add_key_slot(Credential(SecretValue("more")))
    assert [slot.type for slot in two.key_slots()] == ["passphrase", "recovery", "passphrase", "recovery", "passphrase"]


def test_a_crash_between_header_and_database_is_finished_at_the_next_opening(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new header is there, its epoch not yet in the database: both keys it names work, whatever crashes next."""
    for credential in (OTHER, Credential(SecretValue("third"))):
        vault = place.open()
        with monkeypatch.context() as patched:
            write = vault._vault._write_header

            def crash(new: header.Header, write: Callable[[header.Header], None] = write) -> None:
                write(new)
                raise KeyboardInterrupt

            patched.setattr(vault._vault, "_write_header", crash)
            with pytest.raises(KeyboardInterrupt):
                vault.add_key_slot(credential)
        assert header.read(place.path).epoch != header.parse((place.path / header.COPY).read_bytes()).epoch
        vault.add_recovery_key()  # still open: goes on from there
        vault.close()
        assert opens(place, credential)
    assert (place.path / header.NAME).read_bytes() == (place.path / header.COPY).read_bytes()


def test_a_missing_copy_is_written_again_and_told(place: Place) -> None:
    (place.path / header.COPY).unlink()
    assert any(header.COPY in note for note in place.open().notes)
    assert (place.path / header.NAME).read_bytes() == (place.path / header.COPY).read_bytes()
    assert not place.open().notes


def test_the_copy_in_place_of_a_damaged_header_opens_the_vault(place: Place) -> None:
    (place.path / header.NAME).write_bytes(b"damage")
    with pytest.raises(Corrupt) as caught:
        place.open()
    assert header.COPY in caught.value.hint
    (place.path / header.COPY).replace(place.path / header.NAME)
    place.open().close()


def test_creating_over_a_vault_is_refused_and_leaves_it_alone(place: Place) -> None:
    before = {path.name: path.read_bytes() for path in place.path.iterdir()}
    with pytest.raises(AlreadyExists):
        place.factory.create_with(place.settings, OTHER, kdf=CHEAP)
    assert {path.name: path.read_bytes() for path in place.path.iterdir()} == before


def test_a_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    with pytest.raises(InvalidInput):
        factory.create_with({"path": tmp_path / "v"}, Credential(SecretValue("")), kdf=CHEAP)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database, "connect", fail)
    with pytest.raises(KvtuiError, match="disk is full"):
        factory.create_with({"path": tmp_path / "v"}, PASSPHRASE, kdf=CHEAP)
    assert not list(tmp_path.iterdir())


def test_calibration_measures_once_and_never_goes_below_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, passes in ((0.01, 64), (0.05, 30), (0.1, 15), (0.25, 6), (0.5, 3), (5.0, 3)):
        moments = iter([0.0, seconds])
        clock = SimpleNamespace(perf_counter=lambda moments=moments: next(moments))
        monkeypatch.setattr(keys, "time", clock)  # and not that of whoever runs the tests
        monkeypatch.setattr(keys, "argon2id", lambda *_: bytes(32))
        cost = keys.calibrated()
        assert cost == header.KdfCost(64 * 1024, passes, 4)
        assert cost.sane()


def test_a_real_creation_costs_seconds_at_most_and_meets_the_floor(tmp_path: Path) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    start = time.perf_counter()
    created = factory.create({"path": tmp_path / "v"}, PASSPHRASE)
    assert time.perf_counter() - start < 20
    assert created.recovery_key is not None
    cost = header.read(tmp_path / "v").slots[0].kdf
    assert cost is not None
    assert (cost.memory_kib, cost.lanes) == (64 * 1024, 4)
    assert cost.passes >= 3
    factory.open({"path": tmp_path / "v"}, Credential(created.recovery_key)).close()


def test_the_page_key_is_hex_and_hidden(vault: FileBackend) -> None:
    key = vault.export_page_key()
    assert len(bytes.fromhex(key.reveal())) == 32
    assert repr(key) == "<secret>"


def test_keys_for_a_purpose_are_stable_and_apart(place: Place) -> None:
    with place.open() as vault:
        journal, other = vault.derive_key("journal"), vault.derive_key("other")
    assert journal is not None
    assert len(journal) == 32
    assert journal != other
    with place.open(place.recovery) as vault:
        assert vault.derive_key("journal") == journal


def test_a_key_file_without_permission_is_denied(place: Place, key_file: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    key_file.chmod(0)
    with pytest.raises(PermissionDenied):
        place.open(Credential(key_file=key_file))
