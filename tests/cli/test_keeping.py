"""meta, set, get, rm, undelete where a store keeps or checks less than a vault file: KV version 1 and 2 on a double."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Typist, Vault, run_here
from tests.doubles.vault import VaultDouble


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        double.mount("old", version=1)
        yield double
        assert not double.broken


@pytest.fixture
def bao(server: VaultDouble, home: Path) -> Any:
    token = home / "token"
    token.write_text(server.root_token)
    token.chmod(0o600)
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True)
    auth = f"auth: {{method: token, token_file: {token}}}"
    file.write_text(
        f"default: bao\nprofiles:\n  bao: {{backend: vault, url: '{server.url}', {auth}}}\n"
        f"  locked: {{backend: vault, url: '{server.url}', {auth}, read_only: true}}\n"
    )
    run_here("set", "secret/db", stdin=b"one")
    run_here("set", "old/db", stdin=b"one")
    server.requests.clear()
    return run_here


# meta


def test_meta_sets_how_many_versions_are_kept_and_how_long(bao: Any, server: VaultDouble) -> None:
    ran = bao(
        "meta", "secret/db", "--max-versions", "7", "--cas-required", "yes", "--delete-after", "30d", "--owner", "me",
        "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["retention"] == {"max_versions": 7, "cas_required": True, "delete_after": "30d"}
    assert ran.json["metadata"]["owner"] == "me"
    assert ran.json["metadata"]["created_at"] is not None
    assert len(server.mutations()) == 1
    assert bao("meta", "secret/db", "--delete-after", "never", "--cas-required", "no").code == 0
    told = bao("meta", "secret/db").text
    assert [line.split(maxsplit=2)[2] for line in told.splitlines() if line.startswith(("max", "CAS", "delete"))] == [
        "7",
        "no",
        "never",
    ]
    assert bao("meta", "secret/db", "--max-versions", "0", "--json").json["retention"] == {
        "max_versions": 0,
        "cas_required": False,
        "delete_after": None,
    }


@pytest.mark.parametrize(
    "option",
    [("--max-versions", "-1"), ("--max-versions", "many"), ("--cas-required", "maybe"), ("--delete-after", "soon")],
)
def test_settings_that_are_none_are_a_usage_error_and_change_nothing(
    bao: Any, server: VaultDouble, option: tuple[str, str]
) -> None:
    ran = bao("meta", "secret/db", *option)
    assert ran.code == 2
    assert option[1] not in ran.err.replace("--", "")
    assert not server.mutations()


def test_a_store_without_settings_for_each_secret_says_so(bao: Any, vault: Vault) -> None:
    vault("set", "a", stdin=b"1")
    assert "retention" not in vault("meta", "a", "--json").json
    ran = vault("meta", "a", "--max-versions", "3", "--json")
    assert ran.code == 9
    assert ran.error["capability"] == "retention"
    assert bao("meta", "old/db", "--max-versions", "3").code == 9
    assert "retention" not in bao("meta", "old/db", "--json").json
    ran = bao("meta", "old/db", "--description", "x")
    assert ran.code == 9
    assert "KV version 1" in ran.err


def test_settings_are_read_but_not_changed_read_only(bao: Any, server: VaultDouble) -> None:
    assert bao("-p", "locked", "meta", "secret/db", "--json").json["retention"]["max_versions"] == 0
    assert bao("-p", "locked", "meta", "secret/db", "--max-versions", "3").code == 7
    assert not server.mutations()


def test_what_other_tools_keep_with_a_secret_is_shown_and_stays(bao: Any, server: VaultDouble) -> None:
    secret = server.secrets_of("secret")["db"]
    foreign = {"type": "database", "rotation": "every spring", "managed-by": "terraform", "created_by": "ann"}
    secret.custom = dict(foreign)
    ran = bao("meta", "secret/db", "--description", "new", "--json")
    assert ran.json["metadata"]["custom"] == {k: v for k, v in foreign.items() if k != "created_by"}
    assert ran.json["metadata"]["created_by"] == "ann"
    assert secret.custom == {**foreign, "description": "new"}
    refused = bao("meta", "secret/db", "--type", "password")
    assert refused.code == 2
    assert "another tool" in refused.err
    assert bao("meta", "secret/db", "--type", "password", "--custom", "type=").code == 0
    assert secret.custom["type"] == "password"


def test_the_65th_pair_is_refused_before_it_is_sent(bao: Any, server: VaultDouble) -> None:
    secret = server.secrets_of("secret")["db"]
    secret.custom = {f"key{number}": "x" for number in range(64)}
    ran = bao("meta", "secret/db", "--owner", "me")
    assert ran.code == 2
    assert "at most 64 pairs" in ran.err
    assert not server.mutations()


# set and get


def test_set_on_kv_1_tells_what_is_checked_and_gone(bao: Any) -> None:
    ran = bao("set", "old/db", stdin=b"two")
    assert ran.code == 0
    assert "KV version 1 keeps no versions: the value before is gone" in ran.err
    assert "a change in between is not noticed" in ran.err
    assert bao("get", "old/db").out == b"two"
    assert bao("set", "old/new", stdin=b"one").err == ""
    assert bao("set", "secret/db", stdin=b"two").err == ""
    assert bao("-q", "set", "old/db", stdin=b"three").err == ""


def test_cas_0_on_kv_1_means_it_must_not_exist(bao: Any) -> None:
    assert bao("set", "old/db", "--cas", "0", stdin=b"lost").code == 5
    assert bao("set", "old/other", "--cas", "0", stdin=b"kept").code == 0
    assert bao("get", "old/db").out == b"one"


def test_set_says_which_number_the_server_would_change(bao: Any, server: VaultDouble) -> None:
    ran = bao("set", "secret/db", "-f", "id", "--json-value", stdin=b"9007199254740993")
    assert ran.code == 2
    assert "would change a number in the field 'id'" in ran.err
    assert not server.mutations()
    assert bao("set", "old/db", "-f", "id", "--json-value", stdin=b"9007199254740993").code == 0
    assert bao("get", "old/db", "-f", "id").out == b"9007199254740993"


def test_get_of_a_large_number_says_that_the_server_rounds(bao: Any, server: VaultDouble) -> None:
    server.write("secret", "big", {"id": 2**53 + 1, "name": "x"})
    ran = bao("get", "secret/big", "-f", "id")
    assert ran.out == b"9007199254740992"
    assert "rounds large numbers" in ran.err
    assert bao("get", "secret/big", "-f", "name").err == ""
    assert "rounds large numbers" in bao("get", "secret/big", "--json").err


# rm and undelete


def test_rm_says_whether_it_can_come_back(bao: Any) -> None:
    assert "kvtui undelete brings it back" in bao("rm", "secret/db").text
    assert bao("undelete", "secret/db").text == "secret/db: is back. Its values can be read again.\n"
    ran = bao("rm", "old/db")
    assert ran.text == "old/db: deleted; this store keeps nothing of it\n"
    assert bao("get", "old/db").code == 3
    assert bao("undelete", "old/db").code in {3, 9}


def test_what_ends_by_itself_says_when(bao: Any) -> None:
    bao("meta", "secret/db", "--delete-after", "30d")
    bao("set", "secret/db", stdin=b"two")
    first, second = bao("versions", "secret/db", "--json").json["versions"]
    assert "expires_at" not in first
    assert second["expires_at"].endswith("Z")
    bao("rm", "secret/db")
    assert "until it is deleted by itself in 30d" in bao("undelete", "secret/db").text


def test_destroying_asks_with_what_is_removed(bao: Any) -> None:
    bao("set", "secret/db", stdin=b"two")
    typist = Typist("secret/db")
    ran = bao("rm", "secret/db", "--versions", "1", "--destroy", terminal=typist, typed=True)
    assert ran.code == 0, ran.err
    assert "the number 1 stays taken. This cannot be undone." in typist.questions[0][0]
    typist = Typist("secret/db")
    assert bao("rm", "secret/db", "--destroy", terminal=typist, typed=True).code == 0
    assert "All 2 versions and its metadata are removed. This cannot be undone." in typist.questions[0][0]
    assert bao("rm", "old/db", "--destroy", "--yes").code == 9


def test_importing_the_same_again_into_a_store_without_order_writes_nothing(
    bao: Any, server: VaultDouble, tmp_path: Path
) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"secret": {"map": {"value": [{"b": 1, "a": 2}], "text": "x"}}}')
    assert bao("import", str(file)).code == 0
    server.requests.clear()
    assert bao("import", str(file)).code == 0
    assert not server.mutations()
