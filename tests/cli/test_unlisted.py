"""Where some folders may not be listed: who looks goes on and says so, who carries away refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends import registry
from kvtui.backends.memory import MemoryBackend, MemoryFactory, MemoryStore
from kvtui.domain.errors import PermissionDenied
from tests.cli.conftest import Cli


@pytest.fixture
def denied(filled: Cli, home: Path) -> MemoryStore:
    """The filled store with a folder that may not be listed."""
    filled("set", "prod/key", stdin=b"SENTINEL")
    factory = registry.factory("memory")
    assert isinstance(factory, MemoryFactory)
    store = factory._stores[str(home)]
    store.denied.add("prod")
    return store


ERROR = {
    "kind": "PermissionDenied",
    "message": "This folder may not be listed.",
    "hint": "Ask for the right.",
    "path": "prod",
}
NOTE = "kvtui: 1 folder was not listed: 1 denied (prod: This folder may not be listed.).\n"


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (("ls", "-r"), "app/api\napp/db\nnote\n"),
        (("tree",), "/\n├── app/\n│   ├── api\n│   └── db\n├── note\n└── prod/  (not listed)\n"),
        (("search", "app"), "app/db\napp/api\n"),
        (("search", "app", "--exact"), "app/api\napp/db\n"),
        (("search", "app", "--limit", "2"), "app/db\napp/api\n"),
        (("trash",), ""),
        (("due",), ""),
    ],
)
def test_who_looks_is_given_the_rest_and_told_what_was_left_out(filled: Cli, argv: tuple[str, ...], out: str) -> None:
    ran = filled(*argv)
    assert (ran.code, ran.text, ran.err) == (4, out, NOTE)
    assert filled(*argv, "-q").err == ""
    told = filled(*argv, "--json").json
    assert (told["complete"], told["skipped"]) == (False, [{"path": "prod", "error": ERROR}])


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize("argv", [("ls", "-r", "app"), ("tree", "app"), ("due", "app"), ("ls",)])
def test_a_folder_elsewhere_is_not_missed(filled: Cli, argv: tuple[str, ...]) -> None:
    ran = filled(*argv, "--json")
    assert ran.code == 0
    assert "skipped" not in ran.json
    assert ran.json.get("complete", True)


@pytest.mark.usefixtures("denied")
def test_the_folder_itself_is_denied_as_before(filled: Cli) -> None:
    assert filled("ls", "-r", "prod", "--json").code == 7
    assert filled("get", "prod/key").out == b"SENTINEL"


def test_more_than_a_few_are_counted_and_all_are_told_as_json(filled: Cli, denied: MemoryStore) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        filled("set", f"{name}/key", stdin=b"x")
        denied.denied.add(name)
    err = filled("ls", "-r").err
    assert err.startswith("kvtui: 6 folders were not listed: 6 denied (p0: ")
    assert err.endswith(" …).\n")
    assert [row["path"] for row in filled("ls", "-r", "--json").json["skipped"]] == [*names, "prod"]


@pytest.mark.usefixtures("denied")
def test_a_limit_that_cuts_is_told_beside_what_was_not_listed(filled: Cli) -> None:
    err = filled("search", "app", "--limit", "1").err
    assert "There are more." in err
    assert "1 folder was not listed" in err


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize("form", ["json", "yaml", "kv-json", "dotenv"])
def test_export_of_what_cannot_all_be_listed_writes_nothing(filled: Cli, tmp_path: Path, form: str) -> None:
    file = tmp_path / "out"
    ran = filled("export", "--format", form, "-o", str(file), "--json")
    assert ran.code == 7
    assert ran.error["kind"] == "PermissionDenied"
    assert ran.error["path"] == "prod"
    assert "--partial" in ran.error["hint"]
    assert not file.exists()
    assert filled("export", "--format", form).out == b""


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize("form", ["json", "yaml", "kv-json", "dotenv"])
def test_a_partial_export_has_the_rest_and_names_what_is_missing(filled: Cli, tmp_path: Path, form: str) -> None:
    file = tmp_path / "out"
    ran = filled("export", "--partial", "--format", form, "-o", str(file), "--json")
    assert ran.code == 4
    (failed,) = ran.json["failed"]
    assert failed["path"] == "prod"
    assert "hunter2" in file.read_text()
    assert "SENTINEL" not in file.read_text()
    ran = filled("export", "--partial", "--format", form)
    assert (ran.code, ran.text) == (4, file.read_text())
    assert "kvtui: prod: What is in it is missing" in ran.err


@pytest.mark.usefixtures("denied")
def test_a_partial_export_of_what_can_all_be_listed_is_whole(filled: Cli) -> None:
    assert filled("export", "app", "--partial").code == 0


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize("command", ["cp", "mv"])
def test_a_folder_is_carried_whole_or_not_at_all(filled: Cli, command: str) -> None:
    filled("set", "prod2/in/key", stdin=b"x")
    before = filled("ls", "-r").out
    assert filled(command, "-r", "prod", "copy").code == 7
    assert filled("ls", "-r").out == before


@pytest.fixture
def unseen(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Paths the token may change, but neither read nor look at."""
    hidden: set[str] = set()
    for name in ("read", "outline", "versions", "metadata", "read_history"):
        look = getattr(MemoryBackend, name)

        def refusing(store: MemoryBackend, path: str, *rest: Any, look: Callable[..., Any] = look) -> Any:
            if path in hidden:
                raise PermissionDenied("The policy forbids it.", hint="Ask for the right.", path=path)
            return look(store, path, *rest)

        monkeypatch.setattr(MemoryBackend, name, refusing)
    return hidden


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_a_folder_whose_own_name_may_not_be_read_is_carried_with_what_is_in_it(
    filled: Cli, unseen: set[str], command: str
) -> None:
    unseen |= {"app", "nothing"}
    ran = filled(command, "-r", "app", "copy")
    assert ran.code == 0
    assert "whether it is a secret too" in ran.err
    assert filled("ls", "copy").text == "api\ndb\n"
    assert filled(command, "app", "elsewhere").code == 7
    assert filled(command, "-r", "nothing", "elsewhere").code == 7


def test_what_may_be_deleted_but_not_looked_at_is_deleted_and_comes_back(filled: Cli, unseen: set[str]) -> None:
    unseen.add("note")
    assert filled("rm", "note", "--json").json == {"path": "note", "version": None}
    unseen.clear()
    assert filled("get", "note").code == 3
    unseen.add("note")
    assert filled("undelete", "note").code == 0
    unseen.clear()
    assert filled("get", "note").out == b"remember"
