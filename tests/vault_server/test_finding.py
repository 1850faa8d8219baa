"""Names of a server: found from the first answers on, and shown to nobody who may see less."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.services.finding import Finding
from kvtui.services.kept_names import whose_names
from kvtui.services.profiles import Profile
from kvtui.services.session import Session
from kvtui.services.value_search import ValueSearch, parse
from tests.doubles.vault import VaultDouble

WAIT = 20.0


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble(flavour="vault") as double:
        yield double


def session_as(server: VaultDouble, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    monkeypatch.setenv("THE_TOKEN", token)
    auth = MappingProxyType({"method": "token", "token_env": "THE_TOKEN"})
    session = Session(Profile("bao", "vault", MappingProxyType({"url": server.url, "auth": auth})), state_dir=tmp_path)
    session.unlock()
    return session


def test_ten_thousand_secrets_are_found_among_long_before_all_are_listed(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in range(500):
        for number in range(20):
            server.write("secret", f"f{folder:03}/key{number:02}", {"value": "x"})
    session = session_as(server, server.root_token, monkeypatch, tmp_path)
    server.latency = 0.02
    came, before = threading.Event(), len(server.requests)
    with Finding([session], came=came.set) as finding:
        while not (found := finding.query("f00key19", 10)).matches:
            assert came.wait(WAIT)
            came.clear()
        asked = len(server.requests) - before
        (report,) = finding.reports()
        assert report.is_reading
        assert not found.complete
        assert 0 < report.count < 10_000
        assert asked < 500
    session.lock()


def test_a_token_that_sees_less_is_somebody_else_to_kept_names(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.policy("narrow", {"secret/*": ["list", "read"]})
    tokens = {"root": server.root_token, "narrow": server.token("narrow"), "again": server.token("narrow")}
    whose = {}
    for name, token in tokens.items():
        session = session_as(server, token, monkeypatch, tmp_path)
        whose[name] = whose_names(session)
        session.lock()
    assert None not in whose.values()
    assert whose["root"] != whose["narrow"] == whose["again"]


def test_values_of_a_server_are_one_read_for_each_secret_that_the_names_ask_for(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (("app/db", "hunter2"), ("app/api", "k-1"), ("prod/db", "hunter2")):
        server.write("secret", name, {"user": "admin", "value": value})
    session = session_as(server, server.root_token, monkeypatch, tmp_path)
    before = len(server.requests)
    with ValueSearch(session, parse("path:app value:HUNTER"), agreed=True) as search:
        assert [tuple(match) for match in search] == [("secret/app/db", ("value",))]
        assert search.complete
    read = [seen.path for seen in server.requests[before:] if "/data/" in seen.path]
    assert sorted(read) == ["/v1/secret/data/app/api", "/v1/secret/data/app/db"]
    assert not any("HUNTER" in seen.target or b"HUNTER" in seen.body for seen in server.requests)
    session.lock()
