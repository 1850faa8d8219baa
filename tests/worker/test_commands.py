"""The command line on a worker: what somebody does there every day."""

from __future__ import annotations

import json

import pytest

from tests.doubles.worker import WorkerDouble
from tests.worker.places import Cli

TEXTS = {
    "infra/openai_api_key": "sk-abc",
    "apps/lms/db_password": "line\r\nline\n",
    "apps/lms/quoted": "\"'\\ $HOME \U0001f511",
    "integrations/stripe": " spaces ",
}


@pytest.fixture
def filled(double: WorkerDouble) -> WorkerDouble:
    for path, text in TEXTS.items():
        double.put(path, text, kind="api_key", description=f"of {path}", tags=["prod"])
    return double


def test_reading(filled: WorkerDouble, worker: Cli) -> None:
    assert [row["path"] for row in worker.json("ls", "-r")["entries"]] == sorted(TEXTS)
    assert [row["name"] for row in worker.json("ls", "apps")["entries"]] == ["lms"]
    for path, text in TEXTS.items():
        assert worker("get", path).out == text
    assert worker.json("get", "infra/openai_api_key")["metadata"]["tags"] == ["prod"]
    assert worker.json("meta", "infra/openai_api_key")["metadata"]["description"] == "of infra/openai_api_key"
    assert [row["path"] for row in worker.json("search", "of integrations")["matches"]] == ["integrations/stripe"]
    assert worker("get", "infra/nothing").code == 3
    assert worker("versions", "infra/openai_api_key").code == 9


def test_writing(filled: WorkerDouble, worker: Cli) -> None:
    before = filled.row("infra/openai_api_key")
    worker.json("set", "infra/openai_api_key", stdin=b"sk-new")
    worker.json("rotate", "infra/openai_api_key")
    after = filled.row("infra/openai_api_key")
    assert before is not None
    assert after is not None
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert filled.value("infra/openai_api_key") not in {"sk-abc", "sk-new"}
    assert len(filled.mutations()) == 2
    worker.json("meta", "apps/lms/quoted", "--description", "new", "--tag", "a", "--tag", "b")
    assert filled.value("apps/lms/quoted") == TEXTS["apps/lms/quoted"]
    assert len(filled.mutations()) == 3
    assert worker("set", "infra_openai/api_key", stdin=b"x").code == 5
    assert worker("set", "a", "--owner", "me", stdin=b"x").code == 9
    assert worker("set", "infra/openai_api_key", "--cas", "0", stdin=b"x").code == 5
    assert worker("set", "a", "--json-value", stdin=b"[1]").code == 9
    assert worker("set", "a#b", stdin=b"x").code == 2
    assert worker("set", "a", stdin=b"").code == 2
    assert len(filled.mutations()) == 3


def test_to_a_vault_and_back(filled: WorkerDouble, worker: Cli) -> None:
    planned = set()
    for folder in ("infra", "apps", "integrations"):
        places = ("cp", "-r", f"worker:{folder}", f"vault:copied/{folder}")
        planned |= {row["path"] for row in worker.json(*places, "--dry-run")["plan"]}
        worker.json(*places)
    assert planned == set(TEXTS)
    for path, text in TEXTS.items():
        told = worker.json("get", f"vault:copied/{path}")
        assert told["fields"] == {"value": text}
        assert (told["metadata"]["type"], told["metadata"]["tags"]) == ("api_key", ["prod"])
    rows = {path: filled.row(path) for path in TEXTS}
    worker.json("cp", "-r", "vault:copied", "worker:back")
    for path, text in TEXTS.items():
        row, old = filled.row(f"back/{path}"), rows[path]
        assert row is not None
        assert old is not None
        assert filled.value(f"back/{path}") == text
        assert [row[key] for key in ("type", "description", "tags_json")] == [
            old[key] for key in ("type", "description", "tags_json")
        ]
    assert len(filled.mutations()) == len(TEXTS)


def test_what_a_worker_cannot_hold_is_said_before_it_is_carried(double: WorkerDouble, worker: Cli) -> None:
    worker.json("set", "vault:a/owned", "--owner", "me", "--custom", "k=v", "--rotation", "90d", stdin=b"1")
    worker.json("set", "vault:a/owned", stdin=b"2")
    plan = worker.json("cp", "vault:a/owned", "worker:a/owned", "--dry-run")["plan"]
    said = json.dumps(plan)
    for word in ("version", "owner", "rotation", "custom"):
        assert word in said
    assert not double.mutations()
    worker.json("set", "vault:bytes", stdin=b"\xff")
    assert worker("cp", "vault:bytes", "worker:bytes").code == 9
    worker.json("set", "vault:two", "-f", "a", stdin=b"1")
    worker.json("set", "vault:two", "-f", "b", stdin=b"2")
    assert worker("cp", "vault:two", "worker:two").code == 9
    assert not double.mutations()


def test_moving_deletes_only_what_has_arrived(filled: WorkerDouble, worker: Cli) -> None:
    del filled.bindings.stored["SECRET_apps_lms_quoted"]
    ran = worker("mv", "-r", "worker:apps", "vault:apps")
    assert ran.code == 4, ran.err
    assert filled.row("apps/lms/quoted") is not None
    assert filled.row("apps/lms/db_password") is None
    assert worker("get", "vault:apps/lms/db_password").out == TEXTS["apps/lms/db_password"]


def test_a_name_changes_by_moving_and_its_value_arrives(filled: WorkerDouble, worker: Cli) -> None:
    worker.json("mv", "infra/openai_api_key", "infra/openai")
    assert filled.value("infra/openai") == "sk-abc"
    assert filled.row("infra/openai_api_key") is None
    assert worker("mv", "integrations/stripe", "integrations_stripe").code == 5
    assert filled.value("integrations/stripe") == " spaces "
