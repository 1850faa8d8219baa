"""What the documents say is so."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from kvtui.actions import BY_ID
from kvtui.backends import registry
from kvtui.cli import commands
from kvtui.cli.main import run

ROOT = Path(__file__).parents[1]


def _tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name for file in files for name in re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_every_test_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "threat-model.md").read_text()))
    assert len(named) > 20
    assert named - _tests() == set()


def test_the_generated_parts_of_the_readme_are_those_of_the_code() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_links_to_files_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# docs/documents.md: the four documents, each in a section.

ENDPOINTS = {
    "Secrets Engine (KV)": (
        "POST /v1/secret/data/:path",
        "GET /v1/secret/data/:path",
        "GET /v1/secret/metadata/:path",
        "DELETE /v1/secret/data/:path",
        "GET /v1/secret/list/:prefix",
        "GET /v1/secret/list",
    ),
    "Secrets – API": (
        "POST /secrets/{path}",
        "GET /secrets/{path}",
        "GET /secrets/{path}?version=n",
        "POST /leases",
        "POST /admin/rotate/{path}",
    ),
    "Secret Manager": (
        "tailor-sdk secret vault create",
        "tailor-sdk secret vault list",
        "tailor-sdk secret vault delete",
        "tailor-sdk secret create",
        "tailor-sdk secret update",
        "tailor-sdk secret list",
        "tailor-sdk secret delete",
    ),
    "API reference": (
        "POST /api/secrets",
        "GET /api/secrets?uri=...",
        "GET /api/secrets/value?uri=...",
        "GET /api/secrets/value?version=N",
        "DELETE /api/secrets?destroy=false",
        "DELETE /api/secrets?destroy=true",
        "POST /api/secrets/rotate",
        "GET /api/secrets/metadata?prefix=...",
        "GET /api/secrets/keys?uri=...",
        "GET /api/secrets/metadata/detail?uri=...",
        "GET /api/secrets/versions?uri=...",
        "POST /api/secrets/undelete",
        "POST /api/secrets/destroy-versions",
        "POST /api/secrets/metadata/owner",
        "POST /api/secrets/bulk",
        "POST /api/secrets/copy",
        "POST /api/secrets/move",
        "GET /api/secrets/search?q=...",
        "GET /api/secrets/events",
        "GET /api/secrets/audit",
    ),
}
"""The endpoints and commands of each document, by the name of its section."""

QUOTED = re.compile(r"`([^`]+)`")


def _rows() -> list[tuple[str, list[str]]]:
    """The section and the cells of every row."""
    rows, section = [], ""
    for line in (ROOT / "docs" / "documents.md").read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and not line.startswith("| document |"):
            rows.append((section, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return rows


def test_every_endpoint_of_the_documents_has_a_row_and_no_cell_is_empty() -> None:
    rows = _rows()
    assert {section for section, _ in rows} == set(ENDPOINTS)
    assert [cells for _, cells in rows if len(cells) != 5 or not all(cells)] == []
    for section, endpoints in ENDPOINTS.items():
        first = [name for title, cells in rows if title == section for name in QUOTED.findall(cells[0])]
        assert set(endpoints) - set(first) == set()


def test_every_test_the_documents_name_exists() -> None:
    known = _tests()
    for _, cells in _rows():
        named = QUOTED.findall(cells[4])
        assert named, cells
        assert set(named) - known == set(), cells


def test_every_key_the_documents_name_is_one_of_its_actions() -> None:
    for _, (_, _, keys, *_) in _rows():
        shown, _, ids = keys.partition("(")
        actions = [BY_ID[name] for name in QUOTED.findall(ids)]
        if actions:
            assert set(QUOTED.findall(shown)) <= {key for action in actions for key in action.keys}, keys
            assert QUOTED.findall(shown) or shown.strip() in {"palette", "space"}, keys
        else:
            assert keys.startswith("no key: "), keys


def test_every_command_option_and_setting_the_documents_name_is_there() -> None:
    settings = {each.name for kind in registry.kinds() for each in registry.factory(kind).settings} | {"after_rotate"}
    for _, (_, _, _, column, _) in _rows():
        named = QUOTED.findall(column)
        assert named or column.startswith("no command: "), column
        for one in named:
            if not one.startswith("kvtui "):
                assert one in settings, one
                continue
            words = one.split(" -- ")[0].split()[1:]
            name, _ = commands.find(words)
            wanted = {word for word in words if word.startswith("-")}
            assert wanted <= set(re.findall(r"(?<![\w-])--?\w[\w-]*", _help(name))), one


def _help(name: str) -> str:
    out = io.BytesIO()
    assert run([*name.split(), "--help"], None, out, io.BytesIO(), None) == 0
    return out.getvalue().decode()
