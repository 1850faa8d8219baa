"""No widget is given a text that did not come through `kvtui.ui.show`: the calls in kvtui/ui are read, not run."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

UI = Path(__file__).parents[3] / "kvtui" / "ui"
PARSING = {"Static", "Label", "Button", "Checkbox", "Tab", "update", "add_row", "add_leaf", "notify"}
"""Calls whose first argument Textual shows, and parses for markup unless told otherwise."""
SAFE_CALLS = {"show", "show_name", "say", "Content", "styled", "assemble", "join", "stylize", "markup", "truncate"}
NEVER = {"from_markup", "escape", "Text", "open_url", "copy_to_clipboard", "Markdown", "RichLog", "Pretty"}

# Bare names and other expressions that are safe, each with the reason.
ALLOWED = {
    ("safety.py", "Text"): "types and our own frames of a crash; Rich's Text does not parse",
    ("line_input.py", "Text"): "one picture for each character; Rich's Text does not parse",
    ("field_form.py", "update(note)"): "one of two sentences of ours, or nothing",
    ("value_area.py", "notify(_REFUSED_PASTE)"): "a sentence of ours",
    ("show.py", "from_markup"): "say(): a template of ours, data as variables, which are not parsed",
}


NO_WIDGETS_UPDATED = {"themes.py": "a mapping", "panes.py": "a mapping"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            yield name, node


def is_safe(node: ast.expr, known: Container[str] = ()) -> bool:
    """Whether an expression is a literal, or Content made by the functions that make it."""
    match node:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in SAFE_CALLS or name in known
        case ast.IfExp(body=body, orelse=orelse):
            return is_safe(body, known) and is_safe(orelse, known)
        case ast.BinOp(left=left, right=right):
            return is_safe(left, known) and is_safe(right, known)
    return False


def contents(tree: ast.AST) -> set[str]:
    """Names annotated as Content somewhere in a module: parameters, attributes, functions that return it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            if ast.unparse(node.annotation) == "Content":
                target = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
                found |= {target, f"self._{target}"}
        elif isinstance(node, ast.FunctionDef) and node.returns is not None and ast.unparse(node.returns) == "Content":
            found.add(node.name)
        elif isinstance(node, ast.Assign) and is_safe(node.value) and not isinstance(node.value, ast.Constant):
            found |= {ast.unparse(target) for target in node.targets}
    return found


def is_plain(call: ast.Call) -> bool:
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def complaints(source: str, file: str) -> Iterator[str]:
    tree = ast.parse(source)
    known = contents(tree)
    for name, call in calls(tree):
        if name in NEVER and (file, name) not in ALLOWED:
            yield f"{file}:{call.lineno}: {name}"
        if name not in PARSING or not call.args:
            continue
        first = call.args[0]
        if file in NO_WIDGETS_UPDATED and name == "update":
            continue
        if is_safe(first, known) or ast.unparse(first) in known:
            continue
        if name == "notify" and is_plain(call) and ".plain" in ast.unparse(first):
            continue  # show(...).plain: the message of a toast has to be text
        shown = f"{name}({ast.unparse(first)})"
        if (file, shown) not in ALLOWED:
            yield f"{file}:{call.lineno}: {shown}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                named = isinstance(target, ast.Attribute) and target.attr in {
                    "border_title",
                    "border_subtitle",
                    "tooltip",
                }
                if named and not is_safe(node.value):
                    yield f"{file}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("file", sorted(UI.rglob("*.py")), ids=lambda file: str(file.relative_to(UI)))
def test_widgets_get_text_only_through_show(file: Path) -> None:
    assert list(complaints(file.read_text(encoding="utf-8"), file.name)) == []


@pytest.mark.parametrize(
    "line",
    [
        "Static(name)",
        "Label(f'{name}')",
        "button.update(secret.path)",
        "app.notify(str(error), markup=False)",
        "box.border_title = path",
        "Content.from_markup(name)",
        "Static(show(a) + b)",
    ],
)
def test_the_gate_notices(line: str) -> None:
    assert list(complaints(line, "x.py"))
