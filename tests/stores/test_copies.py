"""From every store that gives values into a vault file, and back into an empty store of that kind: nothing changes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.stores.places import VAULT, Commands, Stores

TEXTS: Mapping[str, Any] = {
    "app/plain": {"value": "hunter2"},
    "app/deep/er/lines": {"value": "first\r\nsecond\n\n"},
    "app/unicode": {"value": "schlüssel 🔑 \u202e שלום"},
    "app/shell": {"value": "\"'\\ $HOME `x` #: {[ "},
    "app/number": {"value": "0123"},
}
"""What every store can hold that gives values."""

MAPS: Mapping[str, Any] = {
    "app/several": {"user": "ann", "empty": "", "password": "p\n"},
    "app/typed": {"yes": True, "no": False, "none": None, "number": 5432, "half": 0.5, "list": ["a", 1, None]},
}
NESTED: Mapping[str, Any] = {"app/nested": {"map": {"a": {"b": [1, {"c": ""}]}}, "empty": {}, "list": []}}
BIG: Mapping[str, Any] = {"app/big": {"value": 2**80 + 1}}
BYTES: Mapping[str, Any] = {"app/bytes": {"value": b"\xff\x00\xfe"}}
EMPTY: Mapping[str, Any] = {"app/empty": {"value": ""}}

HELD: Mapping[str, Mapping[str, Any]] = {
    "vault": {**TEXTS, **MAPS, **NESTED, **EMPTY},
    "kv1": {**TEXTS, **MAPS, **NESTED, **EMPTY, **BIG},
    "worker": TEXTS,
    "trust": {**TEXTS, **BYTES, **EMPTY},
    "crud": {**TEXTS, **MAPS, **NESTED, **EMPTY},
    "crud_yaml": {**TEXTS, **MAPS, **EMPTY, **BIG},
    "yaml": {**TEXTS, **MAPS, **BIG, **BYTES, **EMPTY},
}
"""By store, what it holds."""

ONE_VALUE = {"worker", "trust"}
UNLISTED = {"trust", "crud"}


@pytest.fixture(params=HELD)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def other(stores: Stores) -> Iterator[Stores]:
    """A second set of stores, all empty."""
    with ExitStack() as stack:
        home = stores.home / "other"
        home.mkdir()
        yield Stores(home, stack)


def as_json(fields: Mapping[str, Any]) -> str:
    """Exact, so that 1, 1.0 and true are three things."""

    def plain(value: Any) -> Any:
        return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value

    return json.dumps({key: plain(value) for key, value in fields.items()}, sort_keys=True)


def as_held(name: str, fields: Mapping[str, Any]) -> Any:
    """As the store of this name keeps them."""
    if name == "trust":
        return fields["value"] if isinstance(fields["value"], bytes) else fields["value"].encode()
    return fields["value"] if name == "worker" else fields


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return as_json(found) == as_json(wanted)
    return bool(found == wanted)


def test_values_go_into_a_vault_file_and_back_as_they_are(stores: Stores, other: Stores, name: str) -> None:
    held = HELD[name]
    run = stores.commands(name, "file", empty=other.settings(name))
    for path, fields in held.items():
        stores.put(name, path, fields)
        if name in UNLISTED:
            run.json("get", path)  # from now on it is remembered
    planned = run.json("cp", "-r", f"{name}:app", "file:copied/app", "--dry-run")["plan"]
    assert {step["path"] for step in planned} == set(held)
    assert run("ls", "file:copied").code == 3
    done = run.json("cp", "-r", f"{name}:app", "file:copied/app")
    assert {step["path"] for step in done["done"]} == set(held)
    for path, fields in held.items():
        assert as_json(run.json("get", f"file:copied/{path}")["fields"]) == as_json(fields), path
    run.json("cp", "-r", "file:copied/app", "empty:app")
    for path, fields in held.items():
        assert same(other.held(name, path), as_held(name, fields)), path
        assert same(stores.held(name, path), as_held(name, fields)), path
    if name != "yaml":
        assert stores.mutations(name) == []
        sent = [seen for seen in other.mutations(name) if not seen.path.endswith("/metadata/owner")]
        assert len(sent) == len(held)


def test_all_of_a_store_goes_into_a_folder_of_a_vault_file(stores: Stores, name: str) -> None:
    run = stores.commands(name, "file")
    for path, fields in HELD[name].items():
        stores.put(name, path, fields)
        if name in UNLISTED:
            run.json("get", path)
    done = run.json("cp", "-r", f"{name}:", "file:all")["done"]
    assert {step["path"]: step["to"] for step in done} == {path: f"all/{path}" for path in HELD[name]}
    for path, fields in HELD[name].items():
        assert as_json(run.json("get", f"file:all/{path}")["fields"]) == as_json(fields), path


def test_metadata_goes_along_as_far_as_the_other_store_keeps_it(stores: Stores, other: Stores) -> None:
    run = stores.commands("worker", "file", "vault", empty=other.settings("worker"))
    stores.put("worker", "app/key", {"value": "k"})
    for source, target in (("worker:app", "file:app"), ("file:app", "vault:app"), ("vault:app", "empty:app")):
        run.json("cp", "-r", source, target)
    before, after = stores.worker.row("app/key"), other.worker.row("app/key")
    assert before is not None
    assert after is not None
    kept = ("type", "description", "tags_json")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert after["tags_json"] == '["prod","ü"]'
    assert len(other.worker.mutations()) == 1


def test_all_versions_go_along_between_stores_that_keep_them(stores: Stores, other: Stores) -> None:
    run = stores.commands("trust", "file", empty=other.settings("trust"))
    stores.trust.put("app/a", b"one", b"\xff", b"")
    run.json("get", "app/a")
    run.json("cp", "-r", "trust:app", "file:app")
    run.json("cp", "-r", "file:app", "empty:app")
    assert other.trust.values("app/a") == [b"one", b"\xff", b""]
    assert len(other.trust.mutations()) == 3  # one for each version


# What does not arrive is said beforehand.

_ONE = "1 older one does not arrive"
_BARE = "keeps no type, description, tags, owner or custom pairs"
TOLD: Mapping[str, Sequence[str]] = {
    "vault": (),
    "kv1": (_ONE, _BARE),
    "worker": (_ONE, "keeps no custom, owner, rotation"),
    "trust": ("keeps no custom, description, tags, type",),
    "tailor": (
        "not compared",
        _ONE,
        _BARE,
    ),
    "crud": ("keeps no custom, description, rotation, tags, type",),
    "crud_yaml": (_ONE, _BARE),
    "yaml": (_ONE, _BARE),
}
"""Of a secret with two versions and all kinds of metadata."""

REFUSED: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "vault": {"bytes": (9, "bytes are none"), "big": (2, "would change a number")},
    "kv1": {"bytes": (9, "bytes are none")},
    "worker": {
        "bytes": (9, "keeps text"),
        "big": (9, "keeps text"),
        "map": (9, "keeps text"),
        "empty": (2, "cannot tell an empty text"),
        "two": (9, "one value per path"),
    },
    "trust": {"big": (9, "keeps bytes"), "map": (9, "keeps bytes"), "two": (9, "one value for each path")},
    "tailor": {
        "bytes": (9, "is one text"),
        "big": (9, "is one text"),
        "map": (9, "is one text"),
        "two": (9, "is one text"),
    },
    "crud": {"bytes": (9, "bytes are none"), "big": (2, "would change a number")},
    "crud_yaml": {"bytes": (9, "bytes are none"), "map": (2, "is a folder")},
    "yaml": {"map": (2, "is a folder")},
}
"""What one of these does not hold, by the name of the secret."""


@pytest.fixture(params=TOLD)
def target(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def run(stores: Stores, target: str) -> Commands:
    """With a vault file that has one secret of each kind: `rich` has a history and metadata."""
    commands = stores.commands("file", target)
    about = ("--type", "token", "--owner", "ann", "--tag", "prod", "--description", "what", "--rotation", "90d")
    commands.json("set", "rich", *about, "--custom", "a=b", stdin=b"one")
    commands.json("set", "rich", stdin=b"two")
    commands.json("set", "bytes", stdin=b"\xff\x00")
    commands.json("set", "big", "--json-value", stdin=str(2**80 + 1).encode())
    commands.json("set", "map", "--json-value", stdin=b'{"a": {"b": 1}}')
    commands.json("set", "empty")
    commands.json("import", "-", "--format", "json", "--as", "two", stdin=b'{"a": "1", "b": "2"}')
    return commands


def _place(target: str, name: str) -> str:
    return f"{VAULT if target == 'tailor' else 'app'}/{name}-1"


def test_what_does_not_arrive_is_said_before_and_moved_by_nobody_unasked(
    stores: Stores, target: str, run: Commands
) -> None:
    place = _place(target, "rich")
    (step,) = run.json("cp", "rich", f"{target}:{place}", "--dry-run")["plan"]
    assert all(any(words in note for note in step["notes"]) for words in TOLD[target]), step
    assert stores.held(target, place) is None
    moved = run("mv", "rich", f"{target}:{place}") if TOLD[target] else None
    assert moved is None or (moved.code, TOLD[target][-1] in moved.err) == (9, True)
    assert stores.held(target, place) is None
    copied = run("cp", "rich", f"{target}:{place}")
    assert copied.code == 0
    assert all(words in copied.err for words in TOLD[target])
    text = b"two" if target == "trust" else "two"
    assert stores.held(target, place) == (text if target in {*ONE_VALUE, "tailor"} else {"value": "two"})
    assert run("get", "rich").out == b"two"
    assert run("get", "rich", "--version", "1").out == b"one"
    if target == "trust":
        newest = stores.trust.secret(place).versions[2]
        assert newest.metadata == {"owner": "ann", "rotation": "90d"}
    elif target in {"vault", "crud"}:
        known = run.json("get", f"{target}:{place}")["metadata"]
        assert known["owner"] == "ann"
        assert target == "crud" or (known["type"], known["tags"], known["custom"]) == ("token", ["prod"], {"a": "b"})
    elif target == "worker":
        row = stores.worker.row(place)
        assert row is not None
        assert (row["type"], row["description"], row["tags_json"]) == ("token", "what", '["prod"]')


def test_what_cannot_be_held_is_refused_before_anything_is_sent(stores: Stores, target: str, run: Commands) -> None:
    wrong = {}
    for name in ("bytes", "big", "map", "empty", "two"):
        place = _place(target, name)
        code, said = REFUSED[target].get(name, (0, ""))
        before = 0 if target == "yaml" else len(stores.mutations(target))
        planned = run("cp", name, f"{target}:{place}", "--dry-run")
        copied = run("cp", name, f"{target}:{place}")
        sent = 0 if target == "yaml" else len(stores.mutations(target)) - before
        told = ("It cannot be done: " in planned.text) == bool(code) and said in planned.text and said in copied.err
        arrived = stores.held(target, place) is not None
        if (copied.code, told, arrived, sent) != (code, True, not code, int(not code and target != "yaml")):
            wrong[name] = (planned.text, copied.code, copied.err, arrived, sent)
    assert wrong == {}
    assert run.json("get", "bytes")["fields"] == {"value": {"base64": "/wA="}}


def test_a_folder_that_a_store_can_hold_only_in_part_arrives_in_that_part(stores: Stores) -> None:
    run = stores.commands("file", "worker")
    run.json("set", "in/text", stdin=b"t")
    run.json("set", "in/bytes", stdin=b"\xff")
    ran = run("cp", "-r", "in", "worker:app", "--json")
    assert ran.code == 4
    assert [step["path"] for step in ran.json["done"]] == ["in/text"]
    assert [step["path"] for step in ran.json["failed"]] == ["in/bytes"]
    assert stores.worker.paths == ["app/text"]
    assert {run("get", f"in/{name}").code for name in ("text", "bytes")} == {0}


def test_values_arrive_at_a_store_that_gives_none_back_and_leave_it_for_nobody(stores: Stores) -> None:
    run = stores.commands("file", "tailor")
    texts = {"plain": "hunter2", "lines": "a\r\nb\n", "unicode": "schlüssel 🔑", "empty-one": ""}
    for name, text in texts.items():
        run.json("set", f"in/{name}", stdin=text.encode())
    run.json("cp", "-r", "in", f"tailor:{VAULT}")
    assert {name: stores.held("tailor", f"{VAULT}/{name}") for name in texts} == texts
    assert len(stores.mutations("tailor")) == len(texts)
    for command in ("cp", "mv"):
        for argv in ((f"tailor:{VAULT}/plain", "file:out"), ("-r", f"tailor:{VAULT}", "file:out")):
            ran = run(command, *argv)
            assert (ran.code, "never gives a value back" in ran.err) == (9, True), (command, *argv, ran)
    assert run("ls", "out").code == 3
    assert len(stores.mutations("tailor")) == len(texts)
