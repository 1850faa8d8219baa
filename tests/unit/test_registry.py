"""Kinds of stores are found by name: ours, and those other packages add."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.backends import registry
from kvtui.backends.contract import Backend
from kvtui.backends.factory import BackendFactory, Setting
from kvtui.backends.memory import MemoryFactory
from kvtui.domain.capability import Capability
from kvtui.domain.credential import Credential
from kvtui.domain.errors import InvalidInput, Unavailable, Unsupported

PLUGIN = """
from kvtui.backends.memory import MemoryFactory

class AcmeFactory(MemoryFactory):
    kind = "acme"

class Abstract(MemoryFactory.__mro__[1]):
    pass

not_a_class = 7
nothing = object
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package another person installed, with good and bad entry points."""
    (tmp_path / "acme_kvtui.py").write_text(PLUGIN)
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('SENTINEL')")
    info = tmp_path / "acme_kvtui-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kvtui\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[kvtui.backends]\n"
        "acme = acme_kvtui:AcmeFactory\n"
        "memory = acme_kvtui:AcmeFactory\n"
        "missing-module = acme_gone:Factory\n"
        "missing-name = acme_kvtui:Gone\n"
        "abstract = acme_kvtui:Abstract\n"
        "number = acme_kvtui:not_a_class\n"
        "other = acme_kvtui:nothing\n"
        "broken = acme_broken:Factory\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.factory.cache_clear()
    yield
    registry.factory.cache_clear()
    for name in ("acme_kvtui", "acme_broken"):
        sys.modules.pop(name, None)


def test_our_kinds_are_there() -> None:
    assert {"file", "memory"} <= set(registry.kinds())
    assert registry.kinds() == sorted(registry.kinds())


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_factory_describes_its_kind(kind: str) -> None:
    factory = registry.factory(kind)
    assert factory.kind == kind
    assert factory.title
    assert factory.capabilities <= frozenset(Capability)
    assert all(isinstance(setting, Setting) and setting.help for setting in factory.settings)
    assert registry.factory(kind) is factory


def test_a_kind_of_another_package_is_found(plugins: None) -> None:
    assert "acme" in registry.kinds()
    assert registry.factory("acme").kind == "acme"


def test_ours_cannot_be_replaced(plugins: None) -> None:
    assert registry.kinds().count("memory") == 1
    assert type(registry.factory("memory")) is MemoryFactory


@pytest.mark.parametrize("kind", ["missing-module", "missing-name", "abstract", "number", "other", "broken"])
def test_a_broken_kind_is_unavailable_and_names_itself(plugins: None, kind: str) -> None:
    assert kind in registry.kinds()
    with pytest.raises(Unavailable, match=kind) as caught:
        registry.factory(kind)
    assert not caught.value.retryable
    assert caught.value.hint
    assert "SENTINEL" not in str(caught.value)


@pytest.mark.parametrize("kind", ["", "vaultt", "kvtui.backends.memory", "memory:MemoryFactory", "../memory"])
def test_an_unknown_kind_is_refused_with_those_there_are(kind: str) -> None:
    with pytest.raises(InvalidInput, match=r"file.*memory"):
        registry.factory(kind)


def test_naming_the_kinds_imports_none_of_them() -> None:
    code = (
        "import sys; from kvtui.backends.registry import kinds; kinds(); "
        "sys.exit(any(name in sys.modules for name in ('kvtui.backends.memory', 'kvtui.backends.file', 'apsw')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_a_store_that_is_not_created_from_here_says_so() -> None:
    with pytest.raises(Unsupported, match="memory"):
        BackendFactory.create(MemoryFactory(), {}, Credential())
    assert issubclass(MemoryFactory().open({}).__class__, Backend)
