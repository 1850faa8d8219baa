"""The header: one form, bounded before use, nothing but Corrupt for anything else."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.file import header
from kvtui.backends.file.header import Header, KdfCost, Slot
from kvtui.domain.errors import Corrupt, KvtuiError, Unsupported, WrongCredential
from tests.vault.places import CHEAP, Place

KEY = bytes(range(32))
SLOT = Slot(
    id="0a0b0c0d",
    type="passphrase",
    label="läptop",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    salt=bytes(range(16)),
    kdf=KdfCost(65536, 3, 4),
    nonce=bytes(12),
    wrapped=bytes(48),
)
HEADER = Header(uuid=bytes(range(16)), epoch=7, created=datetime(2026, 1, 1, tzinfo=UTC), slots=(SLOT,))

GOLDEN_JSON = (
    '{"cipher":"sqlcipher-4","created":"2026-01-01T00:00:00Z","epoch":7,"slots":[{"created":"2026-01-02T03:04:05Z",'
    '"id":"0a0b0c0d","kdf":{"lanes":4,"memory_kib":65536,"name":"argon2id","passes":3},"label":"l\\u00e4ptop",'
    '"nonce":"000000000000000000000000","salt":"000102030405060708090a0b0c0d0e0f","type":"passphrase","wrapped":"'
    + "00" * 48
    + '"}],"uuid":"000102030405060708090a0b0c0d0e0f","v":1}'
)


def packed(plain: Any, *, key: bytes = KEY, version: int = 1) -> bytes:
    """A header file around any JSON, with right length, MAC and checksum: what an enemy can write."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")
    signed = b"KVTUIVLT" + bytes([version]) + len(text).to_bytes(4, "big") + text
    body = signed + hmac.digest(key, signed, "sha256")
    return body + hashlib.sha256(body).digest()


def test_the_bytes_of_a_header_are_fixed() -> None:
    data = HEADER.encode(KEY)
    assert data == packed(json.loads(GOLDEN_JSON))
    assert data[13:-64].decode("ascii") == GOLDEN_JSON
    assert hashlib.sha256(data).hexdigest() == "0c1247d0ab069cb178ccede3133b29e206583d26d170c5cc2d637a318747f2d0"


def test_a_header_reads_back_and_is_verified_under_its_key_only() -> None:
    parsed = header.parse(HEADER.encode(KEY))
    assert parsed._replace(mac=b"") == HEADER
    assert parsed.verified(KEY) is parsed
    with pytest.raises(Corrupt):
        parsed.verified(bytes(32))


def test_every_flipped_bit_is_noticed() -> None:
    data = HEADER.encode(KEY)
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises(Corrupt):
                header.parse(bytes(flipped))


def test_every_truncation_and_any_addition_is_noticed() -> None:
    data = HEADER.encode(KEY)
    for length in range(len(data)):
        with pytest.raises(Corrupt):
            header.parse(data[:length])
    with pytest.raises(Corrupt):
        header.parse(data + b"\x00")


def at(plain: Any, *keys: str | int) -> Any:
    for key in keys:
        plain = plain[key]
    return plain


def rename(plain: Any, old: str, new: str) -> None:
    plain[new] = plain.pop(old)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: rename(plain, "uuid", "id"),
        lambda plain: rename(plain["slots"][0], "salt", "sald"),
        lambda plain: rename(plain["slots"][0]["kdf"], "passes", "t"),
        lambda plain: plain.update(extra=1),
        lambda plain: plain["slots"][0].update(extra=1),
        lambda plain: plain.update(slots={}),
        lambda plain: plain.update(slots=[]),
        lambda plain: plain.update(slots=[None]),
        lambda plain: plain.update(slots=plain["slots"] * 2),
        lambda plain: plain.update(slots=[{**plain["slots"][0], "id": f"{n:08x}"} for n in range(33)]),
        lambda plain: plain.update(epoch=0),
        lambda plain: plain.update(epoch=-1),
        lambda plain: plain.update(epoch=True),
        lambda plain: plain.update(epoch=1.0),
        lambda plain: plain.update(epoch=2**63),
        lambda plain: plain.update(epoch="7"),
        lambda plain: plain.update(uuid="00" * 15),
        lambda plain: plain.update(uuid="zz" * 16),
        lambda plain: plain.update(uuid=" 0" * 16),
        lambda plain: plain.update(uuid=5),
        lambda plain: plain.update(created="yesterday"),
        lambda plain: plain.update(created=0),
        lambda plain: plain.update(cipher="none"),
        lambda plain: plain.update(cipher=None),
        lambda plain: plain.update(v=2),
        lambda plain: plain.update(v=[[[[1]]]]),
        lambda plain: plain["slots"][0].update(type="admin"),
        lambda plain: plain["slots"][0].update(type=["passphrase"]),
        lambda plain: plain["slots"][0].update(type="recovery"),
        lambda plain: plain["slots"][0].update(kdf=None),
        lambda plain: plain["slots"][0].update(kdf=[]),
        lambda plain: plain["slots"][0].update(label=5),
        lambda plain: plain["slots"][0].update(label="x" * 201),
        lambda plain: plain["slots"][0].update(wrapped="00" * 47),
        lambda plain: plain["slots"][0]["kdf"].update(name="argon2d"),
        lambda plain: plain["slots"][0]["kdf"].update(memory_kib=2**30),  # 1 TiB
        lambda plain: plain["slots"][0]["kdf"].update(memory_kib=8 * 1024 - 1),
        lambda plain: plain["slots"][0]["kdf"].update(memory_kib=10**400),
        lambda plain: plain["slots"][0]["kdf"].update(passes=2**31),
        lambda plain: plain["slots"][0]["kdf"].update(passes=0),
        lambda plain: plain["slots"][0]["kdf"].update(lanes=17),
        lambda plain: plain["slots"][0]["kdf"].update(lanes=-4),
        lambda plain: plain["slots"][0]["kdf"].update(memory_kib=4 * 1024 * 1024, passes=64),
    ],
)
def test_a_header_with_anything_out_of_place_is_damaged(spoil: Callable[[Any], None]) -> None:
    plain = json.loads(GOLDEN_JSON)
    header.parse(packed(plain))
    spoil(plain)
    start = time.process_time()
    with pytest.raises(Corrupt, match="damaged header"):
        header.parse(packed(plain))
    assert time.process_time() - start < 1


def test_a_header_in_another_form_of_the_same_json_is_damaged() -> None:
    text = json.dumps(json.loads(GOLDEN_JSON)).encode("ascii")
    signed = b"KVTUIVLT\x01" + len(text).to_bytes(4, "big") + text
    body = signed + hmac.digest(KEY, signed, "sha256")
    with pytest.raises(Corrupt):
        header.parse(body + hashlib.sha256(body).digest())


def test_a_newer_header_asks_for_a_newer_kvtui() -> None:
    with pytest.raises(Unsupported, match="newer kvtui"):
        header.parse(packed(json.loads(GOLDEN_JSON), version=2))


@given(st.binary(max_size=300))
def test_no_bytes_are_a_header_or_anything_but_our_error(data: bytes) -> None:
    for candidate in (data, b"KVTUIVLT\x01" + data, packed(0)[:13] + data):
        with pytest.raises(Corrupt):
            header.parse(candidate)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_is_a_header_or_anything_but_our_error(plain: Any) -> None:
    with pytest.raises(Corrupt):
        header.parse(packed(plain))


def test_deeply_nested_json_is_a_damaged_header() -> None:
    text = b"[" * 20000
    signed = b"KVTUIVLT\x01" + len(text).to_bytes(4, "big") + text
    body = signed + hmac.digest(KEY, signed, "sha256")
    with pytest.raises(Corrupt):
        header.parse(body + hashlib.sha256(body).digest())


def test_a_forged_header_opens_nothing(place: Place) -> None:
    """Somebody who cannot derive the keys adds a slot, moves the epoch on, or cheapens the derivation."""
    path = place.path / header.NAME
    true = path.read_bytes()
    plain = json.loads(true[13:-64])
    forgeries: list[Callable[[Any], object]] = [
        lambda it: it.update(epoch=it["epoch"] + 1),
        lambda it: it.update(slots=it["slots"][:1]),
        lambda it: it["slots"][0].update(label="mine"),
        lambda it: it["slots"][0]["kdf"].update(passes=2),
        lambda it: it["slots"][0].update(salt="00" * 16),
        lambda it: it.update(uuid="00" * 16),
    ]
    for forge in forgeries:
        forged = json.loads(json.dumps(plain))
        forge(forged)
        path.write_bytes(packed(forged))
        with pytest.raises((Corrupt, WrongCredential)):
            place.open()
        assert path.read_bytes() == packed(forged)
    path.write_bytes(true)
    place.open().close()


def test_flipped_bytes_of_a_real_header_are_told_as_damage_and_leave_the_file_alone(place: Place) -> None:
    path = place.path / header.NAME
    true = path.read_bytes()
    for at_byte in range(0, len(true), 7):
        flipped = bytearray(true)
        flipped[at_byte] ^= 0x20
        path.write_bytes(flipped)
        with pytest.raises(Corrupt, match="damaged header"):
            place.open()
        assert path.read_bytes() == flipped


def test_only_sane_costs_are_accepted() -> None:
    assert CHEAP.sane()
    assert KdfCost(65536, 3, 4).sane()
    assert KdfCost(2 * 1024 * 1024, 1, 4).sane()  # RFC 9106, first recommended option
    assert not KdfCost(4 * 1024 * 1024, 3, 4).sane()


def test_errors_of_parsing_have_a_hint() -> None:
    with pytest.raises(KvtuiError) as caught:
        header.parse(b"")
    assert header.COPY in caught.value.hint
