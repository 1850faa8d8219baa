"""What the documentation says of profiles is what profiles take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvtui import config
from kvtui.backends import registry
from kvtui.services import profiles

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/servers.md", "docs/finding.md")
SECTIONS = {
    "Vault and OpenBao": "vault",
    "A YAML file": "yaml",
    "Tailor Platform": "tailor",
    "A trust service": "trust",
    "A worker on Cloudflare": "worker",
    "A secrets API of canonical URIs": "crud",
}
COMMON = {"read_only", "colour", "banner", "remember", "after_rotate", "remember_names", "refresh_names_minutes"}
EXAMPLES = [
    pytest.param(block, id=f"{page} {number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


def _section(title: str) -> str:
    text = (ROOT / "docs" / "servers.md").read_text()
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_a_profile_is_taken_by_its_kind_of_store(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    found = profiles.load(config.load(file), environ={"KVTUI_PROFILE": re.findall(r"^  (\w+):", text, re.MULTILINE)[0]})
    assert found.current.kind in {*SECTIONS.values(), "file"}


def test_there_is_an_example_of_every_kind_in_the_readme_and_a_section_of_its_own() -> None:
    shown = {kind for page in PAGES for kind in re.findall(r"backend: (\w+)", (ROOT / page).read_text())}
    assert shown == set(registry.kinds()) - {"memory"}
    assert set(SECTIONS.values()) == shown - {"file"}
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"docs/servers\.md#([\w-]+)", readme)) == {
        title.lower().replace(" ", "-") for title in SECTIONS
    }


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_names_the_settings_of_its_store_and_no_others(title: str) -> None:
    text = _section(title)
    known = {setting.name for setting in registry.factory(SECTIONS[title]).settings}
    assert {name for name in known if not _names(text, name)} == set()
    table = re.search(r"^\| key \| what \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    if table is not None:
        listed = {name for row in table[1].splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert listed - known - COMMON == set()


def _names(text: str, setting: str) -> bool:
    """By its whole name, or as one of `token_file`, `…_env`, `…_command`."""
    base, _, ending = setting.rpartition("_")
    return bool(re.search(rf"\b{setting}\b", text)) or (f"`{base}_file`" in text and f"`…_{ending}`" in text)
