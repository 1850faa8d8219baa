"""What a checkup finds, and that it keeps and shows no value."""

from __future__ import annotations

import base64
import gc
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.value import SecretValue
from kvtui.services.generator import Recipe, generate
from kvtui.services.health import Checkup, Finding, Kind, _looks_random
from kvtui.services.left_out import LeftOut
from kvtui.services.strength import estimate

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def look(store: MemoryBackend, now: datetime = NOW, **options: Any) -> list[Finding]:
    return sorted(Checkup(now, **options).findings(store), key=lambda one: one.rank)


def kinds(store: MemoryBackend, now: datetime = NOW, **options: Any) -> list[tuple[str, str, str | None]]:
    return [(one.kind.value, one.path, one.field) for one in look(store, now, **options)]


def certificate(ends: datetime, *, der: bool = False) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - 90 * DAY)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER if der else serialization.Encoding.PEM)


def jwt(claims: object) -> str:
    parts = [json.dumps({"alg": "none"}), json.dumps(claims)]
    coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, secrets.token_urlsafe(16)])


def strong() -> str:
    return secrets.token_urlsafe(24)


def test_nothing_is_found_where_all_is_well() -> None:
    store = MemoryBackend()
    store.write("a", {"user": SecretValue("admin"), "password": SecretValue(strong()), "port": SecretValue(5432)})
    store.write("b", {"user": SecretValue("admin"), "password": SecretValue(strong())})
    store.write("cert", {"value": SecretValue(certificate(NOW + 60 * DAY).decode())})
    store.write("note", {"value": SecretValue("aaaa")}, metadata=MetadataPatch(type=SecretType.NOTE))
    store.write("address", {"value": SecretValue("https://example.com/x")})
    assert look(store) == []


def test_certificates_are_told_of_by_the_first_that_ends() -> None:
    store = MemoryBackend()
    chain = certificate(NOW + 80 * DAY) + certificate(NOW + 5 * DAY)
    store.write("chain", {"pem": SecretValue(chain.decode())})
    store.write("der", {"value": SecretValue(certificate(NOW - DAY, der=True))})
    store.write("broken", {"value": SecretValue("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")})
    found = look(store)
    assert [(one.kind, one.path, one.detail) for one in found] == [
        (Kind.EXPIRED, "der", "certificate"),
        (Kind.EXPIRING, "chain", "certificate"),
    ]
    assert found[1].at is not None
    assert abs(found[1].at - (NOW + 5 * DAY)) < timedelta(seconds=2)
    assert kinds(store, notice=DAY) == [("expired", "der", "value")]


def test_odd_certificates_neither_end_a_look_nor_say_anything(recwarn: pytest.WarningsRecorder) -> None:
    store, usual = MemoryBackend(), certificate(NOW - DAY, der=True)
    version, serial = bytes.fromhex("a003020102"), bytes.fromhex("020101")
    store.write("serial", {"value": SecretValue(usual.replace(serial, bytes.fromhex("0201ff"), 1))})
    store.write("version", {"value": SecretValue(usual.replace(version, bytes.fromhex("a003020105"), 1))})
    assert kinds(store) == [("expired", "serial", "value")]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"exp": (NOW + 3 * DAY).timestamp()}, ["expiring"]),
        ({"exp": 1}, ["expired"]),
        ({"exp": (NOW + 300 * DAY).timestamp()}, []),
        ({"exp": "soon"}, []),
        ({"exp": 1e300}, []),
        ({}, []),
        ([], []),
    ],
)
def test_tokens_are_told_of_by_their_own_end(claims: object, kind: list[str]) -> None:
    store = MemoryBackend()
    store.write("t", {"token": SecretValue(jwt(claims))})
    assert [one for one, _, _ in kinds(store)] == kind


def test_equal_values_are_one_group_wherever_they_are() -> None:
    store, one, two = MemoryBackend(), strong(), strong()
    store.write("a", {"password": SecretValue(one), "other": SecretValue(two)})
    store.write("b", {"value": SecretValue(one), "username": SecretValue(two)})
    store.write("c", {"value": SecretValue(one.encode()), "key": SecretValue(one)})
    store.write("d", {"x": SecretValue("12345"), "y": SecretValue("12345")})
    found = [one for one in look(store) if one.kind is Kind.DUPLICATE]
    assert [(one.path, one.field, one.group) for one in found] == [
        ("a", "password", 1),
        ("b", "value", 1),
        ("c", "key", 1),
    ]


def test_weak_values_are_told_of_but_not_what_stands_beside_them() -> None:
    store = MemoryBackend()
    fields = {"password": "password1", "username": "root", "db_host": "db", "pin": "1234", "key": strong()}
    store.write("a", {name: SecretValue(text) for name, text in fields.items()})
    store.write("b", {"value": SecretValue("-----BEGIN x")})
    found = look(store)
    assert [(one.kind, one.field) for one in found] == [(Kind.WEAK, "password"), (Kind.WEAK, "pin")]
    assert found[0].detail.startswith("estimate: ")


@pytest.mark.parametrize(
    "text", ["Password2024Password", "Aa1Aa1Aa1Aa1Aa1Aa1Aa1", "correct-Horse-2024", "qwertyuiopQWERTY1234"]
)
def test_long_values_that_people_type_are_judged(text: str) -> None:
    store = MemoryBackend()
    store.write("a", {"v": SecretValue(text)})
    assert bool(kinds(store)) == (estimate(text).label in {"very weak", "weak"})
    assert not _looks_random(text)


def test_what_a_generator_makes_is_mostly_not_judged() -> None:
    made = [generate(Recipe()).reveal() for _ in range(200)]
    assert sum(map(_looks_random, made)) > 150


def test_what_is_to_be_rotated_and_what_is_old_comes_with_its_dates() -> None:
    store = MemoryBackend()
    store.write("a", {"v": SecretValue(strong())}, metadata=MetadataPatch(rotation=10 * DAY))
    store.write("b", {"v": SecretValue(strong())}, metadata=MetadataPatch(rotation=500 * DAY))
    store.write("c", {"v": SecretValue(strong())})
    assert kinds(store, NOW + 9.5 * DAY) == [("due", "a", None)]
    found = look(store, NOW + 400 * DAY)
    assert [(one.kind, one.path) for one in found] == [(Kind.OVERDUE, "a"), (Kind.OLD, "c")]
    assert found[0].at is not None
    assert found[0].made_at is not None
    assert found[0].at - found[0].made_at == 10 * DAY
    assert kinds(store, NOW + 30 * DAY, old=20 * DAY) == [("overdue", "a", None), ("old", "c", None)]


def test_without_values_only_dates_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryBackend()
    store.write("a", {"v": SecretValue("1234")}, metadata=MetadataPatch(rotation=10 * DAY))
    monkeypatch.setattr(MemoryBackend, "read", None)
    monkeypatch.setattr(MemoryBackend, "read_many", None)
    assert kinds(store, NOW + 11 * DAY, values=False) == [("overdue", "a", None)]


def test_a_store_that_gives_no_values_is_looked_at_by_its_dates() -> None:
    store = MemoryBackend(capabilities=ALL - {Capability.READ})
    store.write("a", {"v": SecretValue("1234")}, metadata=MetadataPatch(rotation=10 * DAY))
    assert kinds(store, NOW + 11 * DAY) == [("overdue", "a", None)]


def test_deleted_secrets_and_other_folders_are_left_alone() -> None:
    store = MemoryBackend()
    for path in ("in/gone", "out/there"):
        store.write(path, {"v": SecretValue("1234")})
    store.delete("in/gone")
    assert list(Checkup(NOW).findings(store, "in")) == []


def test_what_cannot_be_read_is_told_and_the_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryBackend()
    for path in "ab":
        store.write(path, {"v": SecretValue("1234")})
    read = MemoryBackend.read

    def reading(self: MemoryBackend, path: str, version: int | None = None) -> Any:
        if path == "a":
            raise PermissionDenied("No.", path=path)
        return read(self, path, version)

    monkeypatch.setattr(MemoryBackend, "read", reading)
    left_out = LeftOut()
    assert [one.path for one in Checkup(NOW).findings(store, skipped=left_out)] == ["b"]
    assert [what.path for what in left_out.places] == ["a"]
    with pytest.raises(PermissionDenied):
        list(Checkup(NOW).findings(store))


def test_no_value_stays_in_what_a_checkup_holds() -> None:
    canary = f"{secrets.token_hex(20)}"
    store = MemoryBackend()
    for path in "ab":
        store.write(path, {"v": SecretValue(canary), "w": SecretValue(f"1111{canary[:4]}")})
    checkup = Checkup(NOW)
    found = list(checkup.findings(store))
    assert {one.kind for one in found} == {Kind.DUPLICATE, Kind.WEAK}
    held: list[Any] = [checkup, found]
    known: set[int] = set()
    while held:
        one = held.pop()
        if id(one) in known or isinstance(one, type) or one is canary:
            continue
        known.add(id(one))
        if isinstance(one, str | bytes):
            assert canary not in str(one)
            assert canary[:4] not in str(one)
        held += [each for each in gc.get_referents(one) if not isinstance(each, type(gc)) and not callable(each)]


def test_two_looks_hash_with_different_keys() -> None:
    assert Checkup(NOW)._key != Checkup(NOW)._key
