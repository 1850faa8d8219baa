"""apply: a file of changes, checked as a whole, planned, done with version checks, and gone on with."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import Unavailable
from kvtui.services import applying
from kvtui.services.batch_record import BatchRecord
from kvtui.services.session import Session
from tests.cli.conftest import Cli, Ran, Vault
from tests.cli.killing import killed_after


def apply(cli: Any, changes: list[dict[str, Any]], *options: str) -> Ran:
    ran: Ran = cli("apply", "-", *options, stdin=json.dumps({"changes": changes}).encode())
    return ran


def value(cli: Any, path: str, field: str = "value") -> str:
    ran = cli("get", path, "-f", field)
    assert ran.code == 0, ran.err
    return str(ran.text)


EVERY = [
    {"op": "set", "path": "new/one", "fields": {"user": "u", "port": 5}, "metadata": {"tags": ["a"]}},
    {"op": "meta", "path": "app/db", "metadata": {"owner": "me", "rotation": "90d", "custom": {"k": "v"}}},
    {"op": "copy", "path": "app/api", "to": "copied/api"},
    {"op": "move", "path": "note", "to": "moved/note"},
    {"op": "delete", "path": "app/api"},
    {"op": "undelete", "path": "app/api"},
    {"op": "destroy", "path": "app/api"},
]


def test_every_op_is_done_in_the_order_of_the_file(filled: Cli) -> None:
    ran = apply(filled, EVERY, "--json")
    assert (ran.code, ran.json["failed"]) == (0, [])
    assert [row["op"] for row in ran.json["done"]] == [change["op"] for change in EVERY]
    assert json.loads(filled("get", "new/one", "--json").text)["fields"] == {"user": "u", "port": 5}
    metadata = filled("meta", "app/db", "--json").json["metadata"]
    assert (metadata["owner"], metadata["rotation"], metadata["custom"]) == ("me", "90d", {"k": "v"})
    assert value(filled, "copied/api") == "k-1"
    assert value(filled, "moved/note") == "remember"
    assert filled("get", "app/api").code == 3
    assert filled("get", "note").code == 3


def test_set_leaves_the_fields_it_does_not_name(filled: Cli) -> None:
    assert apply(filled, [{"op": "set", "path": "app/db", "fields": {"password": "next"}, "base_version": 2}]).code == 0
    assert value(filled, "app/db", "user") == "admin"
    assert value(filled, "app/db", "password") == "next"


def test_yaml_is_read_as_import_reads_it(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "changes.yaml"
    file.write_text(
        "changes:\n  - op: set\n    path: y\n    fields: {when: 2024-01-01, no: no, n: 1.10, b: !!binary aGk=}\n"
    )
    file.chmod(0o600)
    ran = filled("apply", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert filled("get", "y", "--json").text.count('"n": 1.10') == 1
    fields = filled("get", "y", "--json").json["fields"]
    assert fields == {"when": "2024-01-01", "no": "no", "n": 1.1, "b": {"base64": "aGk="}}


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        ("{op: set, path: a, feilds: {x: y}}", 3, "Did you mean fields?"),
        ("{op: sett, path: a, fields: {x: y}}", 3, "Did you mean set?"),
        ("{op: move, path: a}", 3, "move needs to."),
        ("{op: delete, path: a, to: b}", 3, "not known here"),
        ("{op: set, path: a, fields: [1]}", 3, "fields is no map."),
        ("{op: set, path: a, fields: {x: y}, metadata: {tag: [b]}}", 3, "Did you mean tags?"),
        ("{op: meta, path: a, metadata: {created_by: me}}", 3, "set by the store"),
        ("{op: meta, path: a, metadata: {rotation: often}}", 3, "Not an interval."),
        ("{op: set, path: a, fields: {x: y}, base_version: -1}", 3, "base_version is not usable."),
        ("{op: set, path: a, fields: {x: y}, base_version: true}", 3, "base_version is not usable."),
        ("{op: set, fields: {x: y}}", 3, "set needs path."),
        ("{op: set, path: a}", 3, "set needs fields, or from."),
        ("{op: set, path: a, from: [1]}", 3, "from is no map."),
        ("{op: set, path: a, from: {x: note}}", 3, "This is no reference."),
        ("{op: set, path: a, from: {x: {vault: v}}}", 3, "This is no reference."),
        ("{op: set, path: a, from: {x: 'kv:///a//b'}}", 3, ""),
        ("{op: set, path: a, fields: {x: y}, from: {x: 'kv:///note'}}", 3, "in fields and in from."),
        ("{op: meta, path: a, from: {x: 'kv:///note'}}", 3, "not known here"),
    ],
)
def test_a_file_with_one_wrong_change_is_refused_whole_with_its_line(
    filled: Cli, change: str, line: int, told: str
) -> None:
    text = f"changes:\n  - {{op: set, path: fine, fields: {{a: b}}}}\n  - {change}\n"
    ran = filled("apply", "-", stdin=text.encode())
    assert ran.code == 2
    assert f"Line {line}: " in ran.err
    assert told in ran.err
    assert filled("get", "fine").code == 3


def test_what_is_wrong_is_told_without_quoting_the_file(filled: Cli) -> None:
    canary = secrets.token_hex(8)
    for change in (
        {"op": "set", "path": "a", "fields": {"x": "y"}, canary: 1},
        {"op": canary, "path": "a"},
        {"op": "set", "path": "a", "fields": canary},
        {"op": "meta", "path": "a", "metadata": {"type": canary}},
        {"op": "set", "path": "a", "fields": {"x": "y"}, "base_version": canary},
    ):
        ran = apply(filled, [change])
        assert ran.code == 2
        assert canary not in ran.err


def test_a_path_that_cannot_be_is_refused_before_anything_is_done(filled: Cli) -> None:
    ran = apply(filled, [EVERY[0], {"op": "delete", "path": "a//b"}])
    assert (ran.code, "Change 2:" in ran.err) == (2, True)
    assert filled("get", "new/one", "--json").code == 3


def test_the_dry_run_shows_a_masked_comparison_and_does_nothing(filled: Cli) -> None:
    canary = secrets.token_hex(8)
    changes = [
        {"op": "set", "path": "app/db", "fields": {"password": canary, "port": canary}, "metadata": {"owner": "me"}},
        {"op": "move", "path": "app/db", "to": "b"},
        {"op": "copy", "path": "app/api", "to": "note"},
        {"op": "delete", "path": "nothing", "base_version": 3},
    ]
    ran = apply(filled, changes, "--dry-run")
    assert ran.code == 0
    assert ran.text.splitlines() == [
        "set app/db",
        "    user: ••••••••",
        "  ~ password: •••••••• → ••••••••",
        "  + port: ••••••••",
        "  ~ owner: - → me",
        "move app/db → b: After change 1.",
        "copy app/api → note: Something is at the target already; it will be left alone.",
        "delete nothing: It is at version 0 now, not 3: a conflict. Nothing is there.",
    ]
    found = apply(filled, changes, "--dry-run", "--json")
    assert found.json["plan"][0]["base_version"] == 2
    assert found.json["plan"][1] == {"op": "move", "path": "app/db", "to": "b", "notes": ["After change 1."]}
    assert canary not in ran.text + found.text
    assert value(filled, "app/db", "password") == "hunter2"


def test_each_change_has_its_result_and_what_failed_is_done_by_the_same_again(filled: Cli) -> None:
    changes = [
        {"op": "set", "path": "app/api", "fields": {"value": "k-2"}, "base_version": 1},
        {"op": "set", "path": "note", "fields": {"value": "x"}, "base_version": 7},
        {"op": "move", "path": "app/db", "to": "app/database"},
        {"op": "delete", "path": "missing"},
    ]
    ran = apply(filled, changes, "--json")
    assert ran.code == 4
    assert [row["path"] for row in ran.json["done"]] == ["app/api", "app/db"]
    assert [(row["path"], row["error"]["kind"]) for row in ran.json["failed"]] == [
        ("note", "Conflict"),
        ("missing", "NotFound"),
    ]
    filled("set", "missing", stdin=b"there now")
    again = apply(filled, changes, "--json")
    assert [(row["path"], row.get("unchanged")) for row in again.json["done"]] == [
        ("app/api", True),
        ("app/db", True),
        ("missing", None),
    ]
    assert filled("versions", "app/api", "--json").json["current"] == 2
    assert filled("versions", "app/database", "--json").json["current"] == 2
    assert "Going on with what was begun at" in again.err


def test_one_failure_alone_gives_its_own_exit_code(filled: Cli) -> None:
    conflict = apply(filled, [{"op": "set", "path": "note", "fields": {"value": "x"}, "base_version": 9}])
    assert conflict.code == 5
    assert apply(filled, [{"op": "delete", "path": "missing"}]).code == 3
    assert filled("-p", "locked", "apply", "-", stdin=json.dumps({"changes": EVERY}).encode()).code == 7


def test_a_file_that_is_done_changes_nothing_when_repeated(filled: Cli) -> None:
    changes = [EVERY[0], EVERY[1], {"op": "delete", "path": "note"}]
    assert apply(filled, changes).code == 0
    again = apply(filled, changes, "--json")
    assert [row["unchanged"] for row in again.json["done"]] == [True] * 3
    assert filled("versions", "new/one", "--json").json["current"] == 1


def test_a_file_with_values_that_others_may_read_is_advised_against(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "changes.json"
    file.write_text(json.dumps({"changes": [EVERY[0]]}))
    file.chmod(0o644)
    assert "chmod 600" in filled("apply", str(file)).err
    file.chmod(0o600)
    assert filled("apply", str(file)).err == ""


MOVED = [
    {"op": "set", "path": "other:db", "fields": {"note": "kv:///note"}, "from": {"password": "kv:///app/db#password"}},
    {"op": "set", "path": "other:user", "from": {"name": "kv://mem/app/db#user", "k": {"vault": "app", "key": "api"}}},
    {"op": "delete", "path": "app/db"},
]


def test_values_are_taken_from_where_a_change_says(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = list[str]()
    read = MemoryBackend.read

    def reading(self: MemoryBackend, path: str, version: int | None = None) -> Any:
        reads.append(path)
        return read(self, path, version)

    monkeypatch.setattr(MemoryBackend, "read", reading)
    ran = apply(filled, MOVED[:2], "--json")
    assert (ran.code, ran.json["failed"]) == (0, [])
    assert reads.count("app/db") == 1
    assert filled("get", "other:db", "--json").json["fields"] == {"note": "kv:///note", "password": "hunter2"}
    assert filled("get", "other:user", "--json").json["fields"] == {"name": "admin", "k": "k-1"}
    entries = filled("journal", "--json").json["entries"]
    shown = [(entry["path"], entry["field"]) for entry in entries if entry["act"] == "reveal"]
    assert sorted(shown) == [("app/api", "value"), ("app/db", "password"), ("app/db", "user")]


def test_the_dry_run_reads_what_is_referred_to_and_shows_none_of_it(filled: Cli) -> None:
    filled("set", "other:db", "-f", "password", stdin=b"hunter2")
    ran = apply(filled, MOVED, "--dry-run")
    assert (ran.code, ran.text.splitlines()[:3]) == (
        0,
        ["set other:db", "    password: ••••••••", "  + note: ••••••••"],
    )
    found = apply(filled, MOVED, "--dry-run", "--json")
    assert "hunter2" not in ran.text + found.text
    assert found.json["plan"][1]["fields"] == [{"name": "name", "kind": "added"}, {"name": "k", "kind": "added"}]


def test_nothing_is_done_where_a_value_cannot_be_had(filled: Cli, home: Path) -> None:
    wrong = {"op": "set", "path": "b", "from": {"a": "kv:///app/none", "b": "kv:///app/db#nope", "c": "kv:///note"}}
    text = json.dumps({"changes": [EVERY[0], wrong]}, indent=1).encode()
    ran = filled("apply", "-", stdin=text)
    assert ran.code == 3
    assert "Line 20, kv:///app/none: No such secret. Line 21, kv:///app/db#nope: It has no such field." in ran.err
    assert filled("get", "new/one").code == 3
    assert list((home / "state").rglob("*.rows")) == []


def test_nothing_is_taken_away_after_a_value_that_was_not_taken(filled: Cli) -> None:
    filled("set", "other:db", "-f", "password", stdin=b"somebody's")
    refused = {**MOVED[0], "base_version": 0}
    ran = apply(filled, [refused, *MOVED[1:]], "--json")
    assert ran.code == 4
    assert [(row["path"], row["error"]["kind"]) for row in ran.json["failed"]] == [
        ("other:db", "Conflict"),
        ("app/db", "Failed"),
    ]
    assert "change 1, which takes values from elsewhere" in ran.json["failed"][1]["error"]["message"]
    assert [row["path"] for row in ran.json["done"]] == ["other:user"]
    assert value(filled, "app/db", "password") == "hunter2"
    assert apply(filled, MOVED).code == 0
    assert filled("get", "app/db").code == 3


@pytest.mark.parametrize("moment", range(1, 2 * 3 + 2))
def test_a_value_that_was_taken_is_not_looked_for_again(
    filled: Cli, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The run was killed; by then the file itself may have deleted what it refers to."""
    with monkeypatch.context() as patch:
        stop_at(patch, moment)
        with pytest.raises(Killed):
            apply(filled, MOVED)
    again = apply(filled, MOVED, "--json")
    assert (again.code, again.json["failed"]) == (0, [])
    assert value(filled, "other:db", "password") == "hunter2"
    assert filled("versions", "other:user", "--json").json["current"] == 1


class Killed(BaseException):
    """In place of SIGKILL, where the process goes on to look at what is left."""


def stop_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Die at the moment the record is written for the so-manieth time; even ones are after a change was done."""
    count = 0
    add = BatchRecord.add

    def adding(self: BatchRecord, row: Any, **how: bool) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise Killed
        add(self, row, **how)

    monkeypatch.setattr(BatchRecord, "add", adding)


@pytest.mark.parametrize("profile", ["mem", "sealed"])
def test_a_run_killed_at_any_moment_is_completed_by_the_same_again(
    filled: Cli, vault: Vault, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli: Any = vault if profile == "sealed" else filled
    for moment in (3, 7, 12) if profile == "sealed" else range(1, 2 * 6 + 2):
        at = f"r{moment}"
        for path in ("db", "api", "note"):
            cli("set", f"{at}/{path}", stdin=b"k-1")
        here: list[dict[str, Any]] = [
            {"op": "set", "path": f"{at}/new", "fields": {"user": "u"}},
            {"op": "meta", "path": f"{at}/db", "metadata": {"owner": "me"}},
            {"op": "copy", "path": f"{at}/api", "to": f"{at}/copied"},
            {"op": "move", "path": f"{at}/note", "to": f"{at}/moved"},
            {"op": "delete", "path": f"{at}/db"},
            {"op": "destroy", "path": f"{at}/api"},
        ]
        with monkeypatch.context() as patch:
            stop_at(patch, moment)
            with pytest.raises(Killed):
                apply(cli, here)
        again = apply(cli, here, "--json")
        assert (again.code, again.json["failed"]) == (0, []), moment
        assert cli("versions", f"{at}/new", "--json").json["current"] == 1
        assert cli("versions", f"{at}/copied", "--json").json["current"] == 1
        assert value(cli, f"{at}/moved") == "k-1"
        assert json.loads(cli("get", f"{at}/db", "--json").err)["error"]["state"] == "deleted"
        assert cli("get", f"{at}/api").code == 3


def test_an_old_run_is_gone_on_with_only_when_asked(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [{"op": "move", "path": "note", "to": "b"}, {"op": "delete", "path": "missing"}]
    assert apply(filled, changes).code == 4
    monkeypatch.setattr(applying, "REPEATED_WITHIN", applying.timedelta(0))
    resumed = apply(filled, changes, "--resume", "--json")
    assert [row["path"] for row in resumed.json["done"]] == ["note"]
    anew = apply(filled, changes, "--json")
    assert [row["path"] for row in anew.json["failed"]] == ["note", "missing"]


@pytest.mark.parametrize("row", ["{}", '{"at": 3}', '{"at": "soon"}', '{"at": "2026-11-21"}\n{"is": "done"}'])
def test_a_record_that_somebody_changed_is_told(filled: Cli, home: Path, row: str) -> None:
    changes = [{"op": "move", "path": "note", "to": "b"}, {"op": "delete", "path": "missing"}]
    assert apply(filled, changes).code == 4
    (record,) = (home / "state").rglob("apply-*.rows")
    record.write_text(f"{row}\n")
    again = apply(filled, changes)
    assert again.code == 1
    assert "The record of a batch cannot be read." in again.err
    assert str(record) in again.err


def test_what_was_lost_on_the_way_is_looked_for_when_repeated(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [{"op": "destroy", "path": "note"}, {"op": "delete", "path": "app/api"}]
    done = Session.apply

    def lost(self: Session, *args: Any, **options: Any) -> Any:
        done(self, *args, **options)
        raise Unavailable("The answer was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "apply", lost)
        assert apply(filled, changes).code == 4
    again = apply(filled, changes, "--json")
    assert [(row["path"], row["unchanged"]) for row in again.json["done"]] == [("note", True), ("app/api", True)]


def test_two_runs_of_one_file_do_not_mix(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    do, inner = applying._do, list[Ran]()

    def doing(task: applying.Task, *, doubtful: bool) -> applying.TaskDone:
        inner.append(apply(filled, [EVERY[0]]))
        return do(task, doubtful=doubtful)

    monkeypatch.setattr(applying, "_do", doing)
    assert apply(filled, [EVERY[0]]).code == 0
    assert [(ran.code, "Another process is doing this" in ran.err) for ran in inner] == [(8, True)]


def test_the_record_of_a_vault_is_sealed_and_gone_at_the_end(vault: Vault, home: Path) -> None:
    canary = secrets.token_hex(8)
    changes = [{"op": "set", "path": f"p-{canary}", "fields": {"f": canary}}, {"op": "delete", "path": "missing"}]
    assert apply(vault, changes).code == 4
    files = list((home / "state").rglob("*.rows"))
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o077 == 0
    assert canary.encode() not in b"".join(file.read_bytes() for file in (home / "state").rglob("*") if file.is_file())
    vault("set", "missing", stdin=b"x")
    assert apply(vault, changes).code == 0
    assert list((home / "state").rglob("*.rows")) == []


@pytest.mark.slow
def test_kill_9_in_a_loop_does_each_change_once(vault: Vault, tmp_path: Path) -> None:
    made = [{"op": "set", "path": f"k/{number}", "fields": {"v": str(number)}} for number in range(60)]
    moved = [{"op": "move", "path": f"k/{number}", "to": f"m/{number}"} for number in range(60)]
    file = tmp_path / "changes.json"
    file.write_text(json.dumps({"changes": [*made, *moved]}))
    file.chmod(0o600)
    command = ["apply", str(file), "--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file)]
    for calls in (1, 100, 333, 1000, 3000, 7000, 12_000):  # of some 50,000
        assert killed_after(calls, *command)
    last = vault("apply", str(file), "--json")
    assert (last.code, len(last.json["done"])) == (0, 120)
    found = {entry["path"] for entry in vault("ls", "-r", "--json").json["entries"]}
    assert found == {f"m/{number}" for number in range(60)}
    assert all(vault("versions", path, "--json").json["current"] == 1 for path in found)
