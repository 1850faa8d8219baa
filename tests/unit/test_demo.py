"""The example data: the same each time, plainly made up, and something of everything."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from kvtui.backends.memory import MemoryBackend
from kvtui.domain import path as paths
from kvtui.domain.errors import AlreadyExists
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import VersionState
from kvtui.domain.value import ValueType
from kvtui.services import demo
from kvtui.services.rotation import DueState, due
from kvtui.services.transfer import Format, export

NOW = datetime(2026, 2, 28, 23, 59, 30, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def backend() -> MemoryBackend:
    filled = MemoryBackend()
    demo.fill(filled, NOW)
    return filled


def test_it_is_the_same_each_time(backend: MemoryBackend) -> None:
    again = MemoryBackend()
    demo.fill(again, NOW)
    first = export(backend, "", Format.JSON, all_versions=True)
    assert first.problems == ()
    assert first.data == export(again, "", Format.JSON, all_versions=True).data


def test_there_is_something_of_everything(backend: MemoryBackend) -> None:
    entries = list(backend.walk())
    secrets = [backend.read(entry.path) for entry in entries]
    assert 60 <= len(secrets) <= 100
    assert [entry.name for entry in backend.list().entries] == ["apps", "infra", "integrations", "users", "wifi"]
    assert {secret.metadata.type for secret in secrets} == set(SecretType)
    types = {value.type for secret in secrets for value in secret.fields.values()}
    assert types >= {ValueType.TEXT, ValueType.BYTES, ValueType.MAP, ValueType.NUMBER, ValueType.BOOLEAN}
    states = Counter(version.state for entry in entries for version in backend.versions(entry.path))
    assert states[VersionState.DELETED] >= 2
    assert states[VersionState.DESTROYED] >= 1
    assert [deleted.path for deleted in backend.trash()]
    assert any("\n" in str(value.reveal()) for secret in secrets for value in secret.fields.values())
    assert any(not entry.path.isascii() for entry in entries)
    verdicts = Counter(
        verdict.state
        for secret in secrets
        if (verdict := due(secret.metadata, NOW, rotated_at=secret.version.created_at))
    )
    assert min(verdicts[state] for state in DueState) >= 3


def test_every_path_could_be_made_by_hand_and_every_time_lies_before_now(backend: MemoryBackend) -> None:
    for entry in backend.walk():
        assert paths.check_new(entry.path) == entry.path
        times = [version.created_at for version in backend.versions(entry.path)]
        assert all(time is not None and time <= NOW - timedelta(hours=1) for time in times)
        assert times == sorted(times, key=lambda time: time or NOW)


def test_certificates_are_valid_expiring_and_expired(backend: MemoryBackend) -> None:
    left = {}
    for host in ("api.example.com", "legacy.example.com", "shop.example.com"):
        fields = backend.read(f"infra/tls/{host}").fields
        certificate = x509.load_pem_x509_certificate(fields["certificate"].reveal().encode())
        key = load_pem_private_key(fields["private_key"].reveal().encode(), None)
        assert certificate.public_key() == key.public_key()
        certificate.verify_directly_issued_by(certificate)
        left[host] = (certificate.not_valid_after_utc - NOW).days
    assert left["legacy.example.com"] < 0 < left["api.example.com"] < 30 < left["shop.example.com"]


def test_ssh_keys_are_read_by_others(backend: MemoryBackend) -> None:
    fields = backend.read("infra/ssh/deploy-bot").fields
    key = load_ssh_private_key(fields["private_key"].reveal().encode(), None)
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert fields["public_key"].reveal() == f"{public} deploy-bot@example.com\n"


def test_filling_twice_is_refused(backend: MemoryBackend) -> None:
    with pytest.raises(AlreadyExists):
        demo.fill(backend, NOW)


SCANNED = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_\w{20}|sk_(?:live|test)_|xox[abpr]-|SG\.[\w-]{16}|AIza[\w-]{20}|glpat-|hv[sb]\.|eyJ[\w-]{10}"
)


def test_no_scanner_takes_the_source_or_the_values_for_real_keys(backend: MemoryBackend) -> None:
    source = "".join(
        Path(demo.__file__).with_name(name).read_text(encoding="utf-8") for name in ("demo.py", "demo_keys.py")
    )
    assert not SCANNED.search(source)
    assert "BEGIN OPENSSH" not in source
    assert not SCANNED.search(export(backend, "", Format.KV_JSON).data.decode())
