"""The platform's own commands, as kvtui has them: each against the double, end to end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Cli, run_here
from tests.doubles.tailor import TailorDouble


@pytest.fixture
def double() -> Iterator[TailorDouble]:
    with TailorDouble() as made:
        made.vault("api-keys", {"stripe-key": "old"})
        yield made


@pytest.fixture
def cli(double: TailorDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """With the current profile `tailor`, and `mem` in memory."""
    profiles = {
        "tailor": {"backend": "tailor", "url": double.url, "token_env": "MY_TOKEN"},
        "mem": {"backend": "memory", "name": str(tmp_path)},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"default": "tailor", "profiles": profiles}))
    file.chmod(0o600)
    for name in [name for name in os.environ if name.startswith(("KVTUI_", "TAILOR_", "PLATFORM_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("KVTUI_CONFIG", str(file))
    monkeypatch.setenv("MY_TOKEN", double.login.access_token)
    return run_here


def test_vaults_are_listed_created_and_deleted_when_empty(cli: Cli, double: TailorDouble) -> None:
    assert cli("vault", "create", "database").code == 0
    assert cli("vault", "list").text.split() == ["api-keys", "database"]
    assert cli("vault", "create", "database").code == 5
    assert cli("vault", "delete", "api-keys").code == 5
    assert cli("vault", "delete", "database").code == 0
    assert list(double.main.vaults) == ["api-keys"]


def test_secrets_are_created_updated_listed_and_deleted(cli: Cli, double: TailorDouble) -> None:
    assert cli("set", "api-keys/new-key", stdin=b"one").code == 0
    assert cli("set", "api-keys/new-key", stdin=b"two").code == 0
    assert double.value("api-keys", "new-key") == "two"
    assert cli("ls", "api-keys").text == "new-key\nstripe-key\n"
    assert [entry["path"] for entry in cli("ls", "-r", "--json").json["entries"]] == [
        "api-keys/new-key",
        "api-keys/stripe-key",
    ]
    assert cli("search", "stripe").code == 0
    assert cli("rm", "api-keys/new-key").code == 0
    assert double.value("api-keys", "new-key") is None
    assert cli("rm", "api-keys/new-key").code == 3
    assert len(double.mutations()) == 3


def test_a_value_is_never_given(cli: Cli) -> None:
    ran = cli("get", "api-keys/stripe-key")
    assert (ran.code, ran.out) == (9, b"")
    assert "Tailor Platform never gives a value back" in ran.err


def test_what_must_not_exist_and_does_is_a_conflict(cli: Cli, double: TailorDouble) -> None:
    assert cli("set", "api-keys/stripe-key", "--cas", "0", stdin=b"x").code == 5
    assert double.value("api-keys", "stripe-key") == "old"
    assert double.mutations() == []
    assert cli("set", "api-keys/other-key", "--cas", "0", stdin=b"x").code == 0


def test_a_new_value_is_made_here_and_written_there(cli: Cli, double: TailorDouble) -> None:
    ran = cli("rotate", "api-keys/stripe-key", "--length", "32")
    assert ran.code == 0, ran.err
    assert re.fullmatch(r"\S{32}", double.value("api-keys", "stripe-key") or "")
    assert len(double.mutations()) == 1


def test_a_secret_in_no_vault_says_how_to_make_one(cli: Cli, double: TailorDouble) -> None:
    ran = cli("set", "none/abc", stdin=b"x")
    assert ran.code == 3
    assert "kvtui vault create" in ran.err
    assert cli("set", "deep/er/abc", stdin=b"x").code == 2
    assert list(double.main.vaults) == ["api-keys"]


def test_a_vault_of_a_configuration_is_warned_about_on_every_change(cli: Cli, double: TailorDouble) -> None:
    double.vault("managed", {"abc": "x"}, managed_by="my-app")
    for words in (("set", "managed/abc"), ("rotate", "managed/abc"), ("rm", "managed/abc")):
        assert "configuration of my-app" in cli(*words, stdin=b"y").err, words
    assert "configuration of my-app" in cli("vault", "delete", "managed").err


def test_copies_into_it_are_told_to_be_unverified_and_copies_out_of_it_refused(cli: Cli, double: TailorDouble) -> None:
    cli("set", "mem:app/db", stdin=b"SENTINEL")
    planned = cli("cp", "mem:app/db", "tailor:api-keys/db-key", "--dry-run")
    assert "not compared" in planned.text + planned.err
    assert double.mutations() == []
    ran = cli("cp", "mem:app/db", "tailor:api-keys/db-key")
    assert ran.code == 0, ran.err
    assert double.value("api-keys", "db-key") == "SENTINEL"
    ran = cli("cp", "tailor:api-keys/db-key", "mem:app/other")
    assert ran.code != 0
    assert "never gives a value back" in ran.text + ran.err
    assert "SENTINEL" not in planned.text + planned.err + ran.err


def test_a_read_only_profile_changes_nothing(cli: Cli, double: TailorDouble) -> None:
    for words in (("set", "api-keys/x"), ("rm", "api-keys/stripe-key"), ("vault", "create", "abc")):
        assert cli("--read-only", *words, stdin=b"x").code == 7, words
    assert double.mutations() == []
