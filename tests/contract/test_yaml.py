"""The whole contract on a YAML file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.yaml.backend import YamlBackend
from kvtui.domain import json_text
from kvtui.domain.capability import Capability
from kvtui.domain.json_text import Json
from kvtui.testing import BackendConformance

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*(?:[eE][+-][0-9]+)?)?")


class TestYaml(BackendConformance):
    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.READ,
            Capability.WRITE,
            Capability.FIELDS,
            Capability.TYPED_VALUES,
            Capability.BYTES,
            Capability.DELETE,
            Capability.REREAD,
            Capability.INDEX,
            Capability.CHANGE_SIGNAL,
        }
    )
    tells_states = False
    keeps_field_order = False
    keeps_empty_secrets = False
    machine_examples = 4
    large_values = 3

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.count = 0

    def make(self) -> Backend:
        self.count += 1
        return YamlBackend(self.folder / f"secrets{self.count}.yaml")

    def reopen(self, backend: Backend) -> Backend:
        assert isinstance(backend, YamlBackend)
        return YamlBackend(backend._file)

    def second(self, backend: Backend) -> Backend:
        return self.reopen(backend)

    def keeps(self, value: Json | bytes) -> bool:
        return not isinstance(value, dict) and _keeps(value)


def _keeps(value: object) -> bool:
    """YAML 1.1 has no number without a dot before its exponent, and no half of a character."""
    match value:
        case str():
            return not any(0xD800 <= ord(ch) < 0xE000 for ch in value)
        case list():
            return all(map(_keeps, value))
        case dict():
            return all(_keeps(each) for pair in value.items() for each in pair)
        case float():
            return _NUMBER.fullmatch(json_text.dump(value)) is not None
    return True
