"""The vault backend keeps the contract on a real server, KV version 1 and 2."""

from __future__ import annotations

import itertools
import os

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault import numbers
from kvtui.backends.vault.api import VaultApi, is_final
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.mounts import Mounts
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue
from kvtui.testing import BackendConformance

URL, TOKEN = os.environ.get("KVTUI_LIVE_ADDR", ""), os.environ.get("KVTUI_LIVE_TOKEN", "")
_count = itertools.count()


def api(url: str) -> VaultApi:
    return VaultApi(HttpClient(address.parse(url), is_final=is_final), token=SecretValue(TOKEN))


def connect(root: str) -> VaultBackend:
    opened = api(URL)
    return VaultBackend(opened, Mounts(opened), location=URL, root=root)


@pytest.mark.skipif(not URL, reason="no server")
class TestKv2(BackendConformance):
    keeps_field_order = False
    tells_states = False
    tells_all_metadata = False
    writes_at_once = False
    machine_examples = 3
    machine_steps = 10
    version = "2"

    def keeps(self, value: Json | bytes) -> bool:
        if _has_half_characters(value):
            return False
        try:
            numbers.check_exact({"": SecretValue(value)}, "")
        except InvalidInput:
            return False
        return True

    def keeps_metadata(self, text: str) -> bool:
        return 0 < len(text.encode("utf-8", "surrogatepass")) <= 128 and text.isprintable()

    def make(self) -> Backend:
        root = f"conformance{os.getpid()}x{next(_count)}"
        api(URL).call("POST", f"sys/mounts/{root}", {"type": "kv", "options": {"version": self.version}})
        return connect(root)

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, VaultBackend)
        return connect(backend._root)

    reopen = second


class TestKv1(TestKv2):
    version = "1"
    keeps_empty_secrets = False

    def keeps(self, value: Json | bytes) -> bool:
        return not _has_half_characters(value) and getattr(value, "literal", "") != "1e400"


def _has_half_characters(value: Json | bytes) -> bool:
    match value:
        case str():
            return any("\ud800" <= ch <= "\udfff" for ch in value)
        case dict():
            return any(map(_has_half_characters, (*value, *value.values())))
        case list():
            return any(map(_has_half_characters, value))
    return False
