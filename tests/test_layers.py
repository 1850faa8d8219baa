"""The folder listing is the architecture: who may import whom, and calls that are in no module."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kvtui"

LEAVES = {"actions", "browser", "clipboard", "clock", "config", "courtesy", "editor", "hardening", "locations", "text"}
MAY_IMPORT = {
    "domain": {"domain"},
    **{leaf: {"domain", *LEAVES} for leaf in LEAVES},
    "backends": {"domain", "backends", *LEAVES},
    "services": {"domain", "backends", "services", *LEAVES},
    "cli": {"domain", "backends", "services", "cli", *LEAVES},
    "ui": {"domain", "backends", "services", "ui", *LEAVES},
    "testing": {"domain", "backends", "testing"},
    "__main__": {"", "cli", *LEAVES},
    "": set(),
}
"""Top-level part -> the parts it may import; "" is the package itself, which every part may import for its version."""

EXCEPTIONS = {("kvtui.cli.launch", "ui")}
"""The command that opens the screen, and only when it does."""

PUBLIC_BACKENDS = {
    "kvtui.backends",
    "kvtui.backends.checking",
    "kvtui.backends.contract",
    "kvtui.backends.delegating",
    "kvtui.backends.factory",
    "kvtui.backends.not_found",
    "kvtui.backends.one_by_one",
    "kvtui.backends.read_only",
    "kvtui.backends.registry",
    "kvtui.backends.remembering",
}
"""What is about every store. The rest of kvtui.backends is one kind of store each, reached through the registry."""

ONLY_IN = {
    "textual": ("kvtui.ui",),
    "rich": ("kvtui.ui",),
    "pytest": ("kvtui.testing",),
    "hypothesis": ("kvtui.testing",),
    "apsw": ("kvtui.backends.file",),
    "httpx2": ("kvtui.backends.http",),
    "httpcore2": ("kvtui.backends.http",),
    "argparse": ("kvtui.cli",),
}


def module_name(file: Path) -> str:
    parts = ["kvtui", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports(nodes: Sequence[ast.AST], package: str) -> Iterator[str]:
    """The dotted names a module imports anywhere in it; of `from a import b` both `a` and `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def nodes_of(source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source)))


@cache
def looked_through(module: str) -> tuple[frozenset[str], list[str]]:
    """What a module imports, and what of it security forbids: all that is asked of it, parsed once."""
    file = FILES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    nodes = nodes_of(file.read_text(encoding="utf-8"))
    return frozenset(imports(nodes, package)), violations(nodes)


def imports_of(module: str) -> frozenset[str]:
    return looked_through(module)[0]


def part(module: str) -> str:
    """`kvtui.cli.main` -> `cli`; the package itself -> ""."""
    return [*module.split("."), ""][1]


def ours(names: frozenset[str]) -> set[str]:
    """Those of the names that are modules of kvtui, by their full name."""
    return {name for name in names if name in FILES}


def test_imports_are_found_in_every_form() -> None:
    source = (
        "import a.b\nfrom kvtui import text\nfrom . import x\nfrom ..y import z\ndef f():\n    from kvtui.ui import app"
    )
    assert set(imports(nodes_of(source), "kvtui.cli")) == {
        *("a.b", "kvtui", "kvtui.text", "kvtui.cli", "kvtui.cli.x", "kvtui.y", "kvtui.y.z", "kvtui.ui", "kvtui.ui.app"),
    }


def test_each_module_imports_only_its_own_layer_and_those_below() -> None:
    wrong = []
    for module in FILES:
        own = part(module)
        assert own in MAY_IMPORT, f"{own} has no place among the layers"
        for name in ours(imports_of(module)):
            other = part(name)
            allowed = not other or other in MAY_IMPORT[own] or (module, other) in EXCEPTIONS
            wrong += [] if allowed else [f"{module} imports {name}"]
    assert wrong == []


def test_the_domain_imports_nothing_but_the_standard_library() -> None:
    for module in FILES:
        if part(module) == "domain":
            foreign = {name.partition(".")[0] for name in imports_of(module)} - {"kvtui", "__future__"}
            assert foreign <= sys.stdlib_module_names, module


def concrete_stores(module: str) -> set[str]:
    """The parts of one kind of store that a module imports."""
    return {name for name in ours(imports_of(module)) if part(name) == "backends"} - PUBLIC_BACKENDS


def test_no_concrete_store_is_imported_outside_the_backends() -> None:
    outside = [module for module in FILES if part(module) not in ("backends", "testing")]
    assert {module: found for module in outside if (found := concrete_stores(module))} == {}


def test_what_is_about_every_store_knows_no_concrete_one() -> None:
    assert {module: found for module in sorted(PUBLIC_BACKENDS) if (found := concrete_stores(module))} == {}


def test_a_library_is_imported_only_where_it_belongs() -> None:
    for library, homes in ONLY_IN.items():
        users = {module for module in FILES if library in {name.partition(".")[0] for name in imports_of(module)}}
        strangers = {user for user in users if not (user + ".").startswith(tuple(home + "." for home in homes))}
        assert not strangers, library


def loaded_after(code: str) -> set[str]:
    """The modules of a fresh interpreter after running `code`."""
    probe = f"{code}\nimport sys, json\nprint('\\n' + json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


LIGHT = [
    *(module for module in FILES if part(module) in ("domain", "services")),
    *sorted(PUBLIC_BACKENDS),
]


def test_domain_services_and_contract_load_no_screen() -> None:
    loaded = loaded_after("".join(f"import {module}\n" for module in LIGHT))
    assert set(LIGHT) <= loaded
    assert not loaded & {"textual", "rich", "kvtui.ui", "kvtui.cli", "apsw", "pytest", "hypothesis"}


def test_the_domain_loads_nothing_heavy() -> None:
    loaded = loaded_after("".join(f"import {module}\n" for module in FILES if part(module) == "domain"))
    assert not loaded & {"textual", "cryptography", "apsw", "yaml", "asyncio", "argparse", "logging", "subprocess"}


def test_the_version_is_printed_before_anything_heavy_is_loaded() -> None:
    loaded = loaded_after("import sys\nsys.argv = ['kvtui', '--version']\nfrom kvtui.__main__ import main\nmain()")
    assert {name for name in loaded if name.startswith("kvtui")} == {"kvtui", "kvtui.__main__"}
    assert not loaded & {"textual", "argparse", "cryptography", "apsw", "yaml", "asyncio", "subprocess"}


FORBIDDEN_IMPORTS = {
    "pickle": "runs what it reads",
    "marshal": "runs what it reads",
    "shelve": "runs what it reads",
    "random": "is no source of secrets",
    "rich.markup": "escape() there misses cases; show() gives text, not markup",
    "textual.markup": "escape() there misses cases; show() gives text, not markup",
    "webbrowser": "nothing stored opens anything",
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "os.system", "os.popen", "tempfile.mktemp"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "markup.escape"),
    *("ssl._create_unverified_context", "subprocess.getoutput", "subprocess.getstatusoutput"),
}
FORBIDDEN_KEYWORDS = {("shell", True), ("verify", False), ("check_hostname", False)}


def called_name(node: ast.expr) -> str:
    """`a.b.c` as it is written; of anything but names, what is looked up in it."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=holder, attr=name):
            return f"{called_name(holder)}.{name}"
    return ""


def violations(nodes: Sequence[ast.AST]) -> list[str]:
    """What security forbids of a module: one line each."""
    found = []
    for name in imports(nodes, "kvtui"):
        found += [f"import {bad}" for bad in FORBIDDEN_IMPORTS if name == bad or name.startswith(bad + ".")]
    for node in nodes:
        if isinstance(node, ast.Call):
            called = called_name(node.func)
            found += [called for bad in FORBIDDEN_CALLS if called == bad or called.endswith("." + bad)]
            found += [
                f"{keyword.arg}={keyword.value.value}"
                for keyword in node.keywords
                if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in FORBIDDEN_KEYWORDS
            ]
    return found


def test_no_module_does_what_security_forbids() -> None:
    assert {module: found for module in FILES if (found := looked_through(module)[1])} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import pickle",
        "def f():\n    from random import choice",
        "import yaml\nyaml.load(x)",
        "eval('1')",
        "httpx.get(url, verify=False)",
        "from rich.markup import escape",
        "from rich import markup\nmarkup.escape(x)",
        "rich.markup.escape(x)",
        "os.system('ls')",
        "made()[0].os.system('ls')",
    ],
)
def test_what_security_forbids_is_noticed(source: str) -> None:
    assert violations(nodes_of(source))


@pytest.mark.parametrize("source", ["yaml.safe_load(x)", "secrets.choice(x)", "run(x, shell=False)", "retrieval(x)"])
def test_what_security_allows_is_not(source: str) -> None:
    assert violations(nodes_of(source)) == []
