"""Fixed inputs, fixed bytes: what docs/vault-format.md says, worked out once more by other means."""

import base64
import hashlib
import hmac
import json
import threading

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.file import anchor, keys, recovery, sealing, slots
from kvtui.backends.file.accumulator import Accumulator
from kvtui.backends.file.header import Header, KdfCost, Slot
from kvtui.backends.file.schema import ContainerRow, SecretRow, VersionRow
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, WrongCredential
from kvtui.domain.value import SecretValue
from tests.vault.places import CHEAP, Place
from tests.vault.test_header import HEADER

pytestmark = pytest.mark.usefixtures("stretched_each_time")

MASTER = bytes(range(32))
UUID = bytes(range(16))
SEALED = "172deb05f451a7780493f69497c17fefddabee9ec21b778270ae8f66d0772e1cf87f742dfd9c0e23b562f503"


def expand(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block, from its two formulas."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_two_vaults_are_opened_at_the_same_time() -> None:
    """OpenSSL's threads are shared: two derivations that wait for each other's would never end."""
    cost = KdfCost(memory_kib=1024, passes=1, lanes=4)
    found: list[bytes] = []
    both = [
        threading.Thread(target=lambda: found.append(keys.argon2id(b"x", UUID, UUID, cost)), daemon=True)
        for _ in range(8)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join(20)
    assert len(found) == len(both)
    assert len({*found}) == 1


def test_sub_keys_are_hkdf_of_the_master_key() -> None:
    derived = keys.Keys.derive(MASTER, UUID)
    assert derived.page == expand(MASTER, UUID, b"kvtui/page-key")
    assert derived.value == expand(MASTER, UUID, b"kvtui/value")
    assert derived.accumulator == expand(MASTER, UUID, b"kvtui/acc")
    assert derived.header == expand(MASTER, UUID, b"kvtui/header-mac")
    assert len({derived.page, derived.value, derived.accumulator, derived.header}) == 4


def test_keys_for_files_outside_come_from_the_seed() -> None:
    assert keys.purpose_key(MASTER, UUID, "anchor") == expand(MASTER, UUID, b"kvtui/purpose/anchor")
    assert keys.backup_key(MASTER, UUID) == expand(MASTER, UUID, b"kvtui/backup")


def test_argon2id_gives_the_answer_of_rfc_9106() -> None:
    """Section 5.3 without its secret key, which we do not use; this is what the authors' own C library gives."""
    derived = keys.argon2id(b"\x01" * 32, b"\x02" * 16, b"\x04" * 12, KdfCost(32, 3, 4))
    assert derived.hex() == "58a04dad07148fec37788cae426e39e4c710c1b06e551346293ea3372ec4bc0d"


def test_a_sealed_value_is_opened_by_the_written_recipe() -> None:
    sealed = sealing.seal(MASTER, UUID, 5, 7, b"value")
    place = UUID + (5).to_bytes(8, "big") + (7).to_bytes(8, "big")
    key = hashlib.blake2b(sealed[:16] + place, key=MASTER, digest_size=32).digest()
    assert AESGCM(key).decrypt(bytes(12), sealed[16:], place) == b"value"
    assert len(sealed) == 5 + sealing.OVERHEAD


def test_a_value_sealed_once_is_still_opened() -> None:
    assert sealing.unseal(MASTER, UUID, 5, 7, bytes.fromhex(SEALED)) == b"golden value"


def test_a_sealed_value_opens_nowhere_else() -> None:
    sealed = bytes.fromhex(SEALED)
    for uuid, secret, version, key in (
        (bytes(16), 5, 7, MASTER),
        (UUID, 6, 7, MASTER),
        (UUID, 5, 8, MASTER),
        (UUID, 7, 5, MASTER),
        (UUID, 5, 7, bytes(32)),
    ):
        with pytest.raises(Corrupt):
            sealing.unseal(key, uuid, secret, version, sealed)
    for at in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1
        with pytest.raises(Corrupt):
            sealing.unseal(MASTER, UUID, 5, 7, bytes(flipped))
        with pytest.raises(Corrupt):
            sealing.unseal(MASTER, UUID, 5, 7, sealed[:at])


def test_no_value_is_sealed_twice_alike() -> None:
    assert len({sealing.seal(MASTER, UUID, 5, 7, b"value") for _ in range(50)}) == 50


SECRET = SecretRow(1, "ä/b", "secret", "d\n", "t\nu", None, "ann", 1, 2, None, None, '{"k": "v"}', 3, 0, 0)
VERSION = VersionRow(1, 3, 0, 1, "ann", None, None, b"\x00\xff")
CONTAINER = ContainerRow("c", 9)


def test_the_accumulator_is_the_sum_of_keyed_hashes_of_rows() -> None:
    total = 0
    for row in (
        b"s" + json.dumps(list(SECRET), separators=(",", ":")).encode(),
        b"v" + json.dumps(list(VERSION[:-1]), separators=(",", ":")).encode() + b"\x00\xff",
        b"c" + json.dumps(list(CONTAINER), separators=(",", ":")).encode(),
    ):
        total += int.from_bytes(hashlib.blake2b(row, key=MASTER, digest_size=32).digest(), "big")
    expected = (total % 2**256).to_bytes(32, "big")
    summed = Accumulator(MASTER)
    for each in (CONTAINER, VERSION, SECRET):
        summed.add(each)
    assert (summed.digest(), summed.rows) == (expected, 3)
    assert expected.hex() == "78f5d0f21eca37217cf3e40b23867bf895cd99e6ec2db92e9f6da210683ff6db"
    for each in (SECRET, VERSION, CONTAINER):
        summed.remove(each)
    assert (summed.digest(), summed.rows) == (bytes(32), 0)


@given(st.text(st.characters(codec=None)), st.none() | st.text(), st.none() | st.integers(-(2**63), 2**63 - 1))
def test_rows_are_hashed_as_json(path: str, owner: str | None, moment: int | None) -> None:
    row = SECRET._replace(path=path, owner=owner, updated_at=moment)
    data = b"s" + json.dumps(list(row), separators=(",", ":")).encode("ascii")
    summed = Accumulator(MASTER)
    summed.add(row)
    assert summed.digest() == hashlib.blake2b(data, key=MASTER, digest_size=32).digest()
    with pytest.raises(TypeError):
        summed.add(row._replace(owner=1.5))  # type: ignore[arg-type]


def test_every_column_counts_in_the_accumulator() -> None:
    def digest(row: SecretRow | VersionRow | ContainerRow) -> bytes:
        one = Accumulator(MASTER)
        one.add(row)
        return one.digest()

    for row in (SECRET, VERSION, CONTAINER):
        seen = {digest(row)}
        for name, value in row._asdict().items():
            other = b"x" if name == "sealed" else f"{value}x" if isinstance(value, str) else 12345 if value else "null"
            seen.add(digest(row._replace(**{name: other})))
        assert len(seen) == len(row) + 1


def test_the_recovery_key_is_base32_of_key_and_checksum() -> None:
    text = recovery.to_text(MASTER)
    assert text == "AAAQEAY-EAUDAOC-AJBIFQY-DIOB4IB-CEQTCQK-RMFYYDE-NBWHA5D-YPROLSL"
    data = base64.b32decode(text.replace("-", ""))
    assert data == MASTER + hashlib.sha256(b"kvtui/recovery" + MASTER).digest()[:3]


def test_a_slot_is_unwrapped_by_the_written_recipe() -> None:
    made = slots.new_slot(MASTER, UUID, Credential(SecretValue("pass")), "l", CHEAP)
    plain = {
        "id": made.id,
        "type": "passphrase",
        "label": "l",
        "created": made.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "salt": made.salt.hex(),
        "kdf": {"name": "argon2id", "memory_kib": CHEAP.memory_kib, "passes": CHEAP.passes, "lanes": CHEAP.lanes},
        "nonce": made.nonce.hex(),
    }
    bound = UUID + json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    kek = expand(keys.argon2id(b"pass", made.salt, UUID, CHEAP), made.salt, b"kvtui/kek/passphrase")
    assert AESGCM(kek).decrypt(made.nonce, made.wrapped, bound) == MASTER


def test_every_part_of_a_slot_is_bound_to_it() -> None:

    credential = Credential(SecretValue("pass"))
    made = slots.new_slot(MASTER, UUID, credential, "l", CHEAP)

    def opened(slot: Slot, uuid: bytes = UUID) -> bytes:
        return slots.unlock(Header(uuid, 1, HEADER.created, (slot,)), credential)[1]

    assert opened(made) == MASTER
    for changed in (
        made._replace(id="00000000"),
        made._replace(label="m"),
        made._replace(created=HEADER.created),
        made._replace(salt=bytes(16)),
        made._replace(nonce=bytes(12)),
        made._replace(kdf=KdfCost(8 * 1024, 2, 1)),
    ):
        with pytest.raises(WrongCredential):
            opened(changed)
    with pytest.raises(WrongCredential):
        opened(made, bytes(16))


def test_the_anchor_is_a_number_and_its_mac(place: Place) -> None:
    one = anchor.Anchor(place.state, UUID, MASTER)
    assert one.read() == 0
    one.raise_to(258)
    one.raise_to(257)
    path = place.state / "anchors" / UUID.hex()
    number = (258).to_bytes(8, "big")
    assert path.read_bytes() == number + hmac.digest(MASTER, UUID + number, "sha256")
    assert one.read() == 258
    assert anchor.Anchor(place.state, UUID, bytes(32)).read() == 0
    for content in (b"", bytes(40), path.read_bytes()[:-1]):
        path.write_bytes(content)
        assert one.read() == 0
        one.raise_to(3)
        assert one.read() == 3
        assert not one.note
