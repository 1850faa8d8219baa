"""What is not imported costs nothing: what a start may load."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

PASSPHRASE = "correct horse battery staple"
CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)

REPORT = """
import atexit, json, os, sys
report = os.environ.pop("REPORT")
atexit.register(lambda: open(report, "w").write(json.dumps(sorted(sys.modules))))
from kvtui.__main__ import main
sys.exit(main())
"""
NEVER = {
    "hypothesis",
    "httpx",
    "httpx2",
    "keyring",
    "markdown_it",
    "numpy",
    "pygments",
    "pytest",
    "tree_sitter",
    "yaml",
}
"""Packages no command needs that has no file of YAML to read or write, nor a server to ask."""
SCREEN = {"textual", "rich"}
DEAR = {"dataclasses", "difflib", "inspect"}
"""What a command that only reads does without, as it takes a tenth of its time: rows are named tuples."""
BASE = "textual.app, textual.drivers.linux_driver, platformdirs"
"""What a screen is drawn and its settings are found with; how many modules that is, is for their releases to say."""
SCREEN_MODULES = 65
"""Modules of ours there may be before the first frame."""
SCREEN_MODULES_OF_PYTHON = {
    "_blake2",
    "_hashlib",
    "argparse",
    "concurrent.futures.thread",
    "gc",
    "gettext",
    "hashlib",
    "hmac",
    "resource",
}
"""What they load of Python's own, beyond what `BASE` loads."""


def loaded(folder: Path, *argv: str) -> set[str]:
    """The modules a command line has loaded when it ends."""
    report = folder / "modules"
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "REPORT": str(report),
        "KVTUI_PASSPHRASE": PASSPHRASE,
    }
    subprocess.run(
        [sys.executable, "-c", REPORT, *argv],
        env=environment,
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
    )
    return set(json.loads(report.read_text()))


def imported(*names: str) -> set[str]:
    """The modules there are when these have been imported, and nothing else."""
    program = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return set(json.loads(run.stdout))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    factory, settings = FileFactory(lambda: tmp_path / "state"), {"path": tmp_path / "vault"}
    credential = Credential(SecretValue(PASSPHRASE))
    factory.create_with(settings, credential, kdf=CHEAP)
    with factory.open(settings, credential) as backend:
        backend.write("app/db", {"value": SecretValue("one")})
    return tmp_path / "vault"


def test_the_version_needs_nothing_but_the_package_itself(tmp_path: Path) -> None:
    ours = {module for module in loaded(tmp_path, "--version") if module.startswith("kvtui")}
    assert ours == {"kvtui", "kvtui.__main__"}


@pytest.mark.parametrize("command", [["get", "app/db"], ["ls"], ["--json", "get", "app/db"]])
def test_reading_a_vault_loads_no_screen_no_yaml_and_no_client(tmp_path: Path, vault: Path, command: list[str]) -> None:
    modules = loaded(tmp_path, "--vault", str(vault), *command)
    assert packages(modules).isdisjoint(NEVER | SCREEN | DEAR)
    assert not any(module.startswith(("kvtui.ui", "cryptography.x509", "importlib.metadata")) for module in modules)


def test_the_screen_is_up_before_what_only_some_of_it_needs() -> None:
    modules = imported("kvtui.cli.launch", "kvtui.ui.app")
    assert packages(modules).isdisjoint(NEVER | {"apsw", "cryptography"})
    assert not any(module.startswith("kvtui.ui.dialogs") for module in modules)
    assert modules.isdisjoint(f"kvtui.ui.screens.{name}" for name in ("create", "problem", "unlock"))
    ours = {module for module in modules if packages({module}) == {"kvtui"}}
    assert len(ours) <= SCREEN_MODULES
    assert modules - ours - imported(BASE) <= SCREEN_MODULES_OF_PYTHON


def test_a_vault_is_opened_by_what_was_prepared(vault: Path) -> None:
    program = f"""
import json, sys
from kvtui.backends.file import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from pathlib import Path
vault = Path(sys.argv[1])
factory = FileFactory(lambda: vault.parent / "state")
factory.prepare()
before = set(sys.modules)
factory.open({{"path": vault}}, Credential(SecretValue({PASSPHRASE!r}))).close()
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    run = subprocess.run([sys.executable, "-c", program, str(vault)], check=True, capture_output=True)
    assert packages(set(json.loads(run.stdout))).isdisjoint({"apsw", "cryptography", "kvtui"})
