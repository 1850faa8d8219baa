"""A read-only profile sends nothing that changes anything, whatever of the contract is called."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.read_only import ReadOnlyBackend
from kvtui.domain.credential import Credential
from kvtui.domain.errors import KvtuiError
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.progress import silent
from kvtui.domain.retention import Retention
from kvtui.domain.secret import History, Secret, StoredVersion, Version, Write
from kvtui.domain.value import SecretValue
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, fields, opened

PATHS = ["kv/a", "kv/new", "old/a", "old/new", "kv/folder", "database/creds/app", "sys/seal"]


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        made.mount("database", kind="database").add_role("app")
        with opened(made) as backend:
            backend.write("kv/a", fields(), expected=0)
            backend.write("kv/a", fields("2"), expected=1)
            backend.write("kv/folder/b", fields())
            backend.write("old/a", fields())
            backend.delete("kv/a", [1])
        yield made


def plausible(name: str, tmp_path: Path, path: str, default: object) -> Any:
    """Something for a parameter of this name. Raises KeyError for a new one that has no default: think of something."""
    history = History(path, Metadata(), (StoredVersion(Version(1), fields()),))
    values: dict[str, Any] = {
        "path": path,
        "folder": path.rpartition("/")[0],
        "source": path,
        "target": f"{path}-moved",
        "name": "kv-new",
        "places": [path],
        "wanted": [path],
        "version": 1,
        "versions": [1],
        "fields": fields("3"),
        "metadata": MetadataPatch(description="d"),
        "patch": MetadataPatch(description="d"),
        "expected": None,
        "change": Retention(max_versions=3),
        "retention": Retention(max_versions=3),
        "history": history,
        "secret": Secret(path, Version(1), fields(), Metadata(), 1),
        "histories": [history],
        "writes": [Write(path, fields("3"))],
        "text": "a",
        "limit": 10,
        "label": "l",
        "slot_id": "1",
        "credential": Credential(passphrase=SecretValue("p")),
        "old": Credential(passphrase=SecretValue("p")),
        "new": Credential(passphrase=SecretValue("q")),
        "file": tmp_path / "backup",
        "purpose": "journal",
        "progress": silent,
        "skipped": lambda _: None,
        "overwrite": True,
        "gently": False,
        "ttl": timedelta(minutes=5),
        "increment": timedelta(minutes=5),
        "role": "database/creds/app",
        "lease_id": "database/creds/app/abc",
        "known": [],
        "token": SecretValue("hvs.wrapping"),
    }
    if name not in values and default is not inspect.Parameter.empty:
        return default
    return values[name]


def members() -> list[str]:
    """Everything public that the contract has, but closing."""
    found = {name for name, _ in inspect.getmembers(Backend) if not name.startswith("_")}
    return sorted(found - {"close", "can", "why_not"})


def use(backend: Backend, name: str, tmp_path: Path, path: str) -> None:
    if isinstance(inspect.getattr_static(Backend, name), property):
        getattr(backend, name)
        return
    method = getattr(backend, name)
    parameters = inspect.signature(method).parameters.values()
    for chosen in (parameters, [each for each in parameters if each.default is inspect.Parameter.empty]):
        positional = [
            plausible(each.name, tmp_path, path, each.default)
            for each in chosen
            if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        named = {
            each.name: plausible(each.name, tmp_path, path, each.default)
            for each in chosen
            if each.kind is inspect.Parameter.KEYWORD_ONLY
        }
        try:
            result = method(*positional, **named)
            if isinstance(result, typing.Iterator):
                list(result)
        except KvtuiError:
            pass


def test_the_contract_has_what_changes_something() -> None:
    assert {"write", "delete", "undelete", "destroy", "write_metadata", "write_retention", "share"} <= {*members()}


@pytest.mark.parametrize("name", members())
def test_nothing_that_changes_anything_is_sent(double: VaultDouble, tmp_path: Path, name: str) -> None:
    with opened(double) as inner:
        backend = ReadOnlyBackend(inner)
        sent = len(double.mutations())
        for path in PATHS:
            use(backend, name, tmp_path, path)
        assert [f"{seen.method} {seen.target}" for seen in double.mutations()[sent:]] == []
        assert not any(seen.path.startswith("/v1/database/creds/") for seen in double.requests)  # reading makes some
    assert not double.broken
    assert double.secrets_of("kv")["a"].current == 2


@pytest.mark.parametrize("name", ["write", "delete", "destroy", "undelete", "write_metadata", "write_retention"])
def test_the_same_calls_do_change_something_without_read_only(double: VaultDouble, tmp_path: Path, name: str) -> None:
    with opened(double) as backend:
        sent = len(double.mutations())
        for path in PATHS:
            use(backend, name, tmp_path, path)
        assert len(double.mutations()) > sent
