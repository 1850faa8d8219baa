"""A trust profile as people use it: from a configuration, by commands, with paths remembered between them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kvtui.backends import registry
from kvtui.backends.trust.factory import TrustFactory
from kvtui.domain.capability import Capability
from kvtui.domain.conversation import Conversation
from kvtui.domain.errors import AuthenticationRequired, InvalidInput
from kvtui.domain.value import SecretValue
from kvtui.services.packing import pack
from tests.cli.conftest import Cli, run_here
from tests.cli.conftest import home as home  # noqa: PLC0414 - a fixture of its own for each test
from tests.doubles.server import Fault
from tests.doubles.trust import TrustDouble, error_reply
from tests.trust.places import PATH, changes, opened, reads


@pytest.fixture
def cli(double: TrustDouble, home: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`t` is an admin's profile, `plain` somebody else's, `mem` a store in memory."""
    registry.factory.cache_clear()
    monkeypatch.setitem(os.environ, "ADMIN", double.token)
    monkeypatch.setitem(os.environ, "PLAIN", double.new_token())
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True)
    trust = f"backend: trust, url: '{double.base_url}', requests_per_second: 1000, timeout_seconds: 2"
    file.write_text(
        f"default: t\nprofiles:\n  t: {{{trust}, token_env: ADMIN}}\n  plain: {{{trust}, token_env: PLAIN}}\n"
        f"  locked: {{{trust}, token_env: ADMIN, read_only: true}}\n  mem: {{backend: memory, name: {home}}}\n"
    )
    return run_here


@pytest.mark.parametrize("unknown", ["forbidden", "not_found"])
def test_something_new_is_made_however_the_server_answers_for_it(cli: Cli, double: TrustDouble, unknown: str) -> None:
    double.unknown = unknown  # type: ignore[assignment]
    ran = cli("set", PATH, "--owner", "svc-data", "--rotation", "90d", stdin=b"one")
    assert (ran.code, ran.text) == (0, f"{PATH}: version 1\n")
    assert double.secret(PATH).versions[1].metadata == {"owner": "svc-data", "rotation": "90d"}
    assert cli("set", PATH, stdin=b"two").text == f"{PATH}: version 2\n"
    assert cli("get", PATH).out == b"two"
    assert cli("get", PATH, "--version", "1").out == b"one"
    assert cli("ls", "-r", "--json").json == {
        "path": "",
        "entries": [{"name": "password", "path": PATH, "kind": "secret"}],
        "complete": False,
    }


def test_values_that_are_no_text_go_in_and_out_as_they_are(cli: Cli, double: TrustDouble) -> None:
    data = bytes(range(256))
    assert cli("set", "bin", stdin=data).code == 0
    assert double.values("bin") == [data]
    assert cli("get", "bin").out == data


def test_a_base_that_is_no_more_true_is_a_conflict(cli: Cli, double: TrustDouble) -> None:
    double.put(PATH, b"one", b"two")
    assert cli("set", PATH, "--cas", "1", stdin=b"x").code == 5
    assert cli("set", PATH, "--cas", "0", stdin=b"x").code == 5
    assert cli("set", PATH, "--cas", "2", stdin=b"three").code == 0
    assert double.values(PATH) == [b"one", b"two", b"three"]


def test_rolling_back_writes_the_old_value_anew(cli: Cli, double: TrustDouble) -> None:
    double.put(PATH, b"one", b"two")
    assert cli("rollback", PATH, "1").code == 0
    assert double.values(PATH) == [b"one", b"two", b"one"]
    assert [row["version"] for row in cli("versions", PATH, "--json").json["versions"]] == [1, 2, 3]


def test_rotating_there_is_for_admins(cli: Cli, double: TrustDouble) -> None:
    double.put(PATH, b"old")
    assert cli("rotate", PATH, "--server").code == 0
    refused = cli("-p", "plain", "rotate", PATH, "--server", "--json")
    assert (refused.code, refused.error["kind"]) == (7, "PermissionDenied")
    assert len(double.values(PATH)) == 2
    assert cli("-p", "plain", "rotate", PATH).code == 0  # from here, as for every store
    assert len(double.values(PATH)) == 3


def test_credentials_are_issued_and_remembered_until_they_end(cli: Cli, double: TrustDouble) -> None:
    double.role("etl-reader")
    issued = cli("lease", "issue", "etl-reader", "--ttl", "15m", "--json").json
    (lease,) = double.leases
    assert issued["fields"] == {"access_key": lease.access_key, "secret_key": lease.secret_key}
    (row,) = cli("lease", "list", "--json").json["leases"]
    assert (row["id"], row["renewable"]) == (issued["id"], False)
    for verb in ("renew", "revoke"):
        assert cli("lease", verb, issued["id"]).code == 9
    assert len(double.requests) == 1


@pytest.mark.parametrize(
    "argv",
    [("rm", PATH), ("rm", PATH, "--destroy", "--yes"), ("undelete", PATH), ("trash",), ("meta", PATH, "--owner", "x")],
)
def test_what_the_api_has_not_is_refused_with_a_reason_and_sends_nothing(
    cli: Cli, double: TrustDouble, argv: tuple[str, ...]
) -> None:
    double.put(PATH, b"v")
    ran = cli(*argv)
    assert ran.code == 9
    assert "store" in ran.err
    assert not double.mutations()


def test_a_read_only_profile_changes_nothing(cli: Cli, double: TrustDouble) -> None:
    double.put(PATH, b"v")
    assert cli("-p", "locked", "get", PATH).out == b"v"
    assert cli("-p", "locked", "set", PATH, stdin=b"x").code == 7
    assert cli("-p", "locked", "rotate", PATH, "--server").code == 7
    assert not double.mutations()


def test_secrets_are_copied_out_and_back_with_all_their_versions(cli: Cli, double: TrustDouble) -> None:
    cli("set", "app/a", stdin=b"one")
    cli("set", "app/a", stdin=b"\xff\x00")
    cli("set", "app/b", stdin=b"text\n")
    plan = cli("cp", "-r", "t:app", "mem:app", "--dry-run", "--json").json["plan"]
    assert all("gives them back to nobody" in " ".join(row["notes"]) for row in plan)
    assert cli("cp", "-r", "t:app", "mem:app").code == 0
    assert cli("cp", "-r", "mem:app", "t:back").code == 0
    assert double.values("back/a") == double.values("app/a") == [b"one", b"\xff\x00"]
    assert double.values("back/b") == [b"text\n"]


def test_more_versions_than_are_looked_for_are_told_as_a_loss(double: TrustDouble) -> None:
    double.put(PATH, *(b"%d" % number for number in range(25)))
    with opened(double) as store:
        packed = pack(store, PATH)
    assert [stored.version.number for stored in packed.versions] == list(range(6, 26))
    assert any("before 6" in str(loss) and not loss.slight for loss in packed.lost)


def test_what_cannot_be_taken_away_is_not_moved_but_copied_by_who_wants_that(cli: Cli, double: TrustDouble) -> None:
    cli("set", PATH, stdin=b"v")
    for argv in (("mv", PATH, "elsewhere"), ("mv", PATH, "elsewhere", "--lossy"), ("mv", PATH, "mem:x", "--lossy")):
        ran = cli(*argv)
        assert (ran.code, "deletes nothing" in ran.err) == (9, True)
    assert double.values("elsewhere") == []
    assert cli("cp", PATH, "elsewhere").code == 0
    assert double.values("elsewhere") == [b"v"]


def test_what_may_not_be_read_is_missing_in_no_export_unnoticed(cli: Cli, double: TrustDouble) -> None:
    for name in ("app/a", "app/b"):
        cli("set", name, stdin=b"v")
    double.break_next(Fault("reply", when=lambda seen: seen.target.endswith("/b"), reply=error_reply(403)))
    ran = cli("export", "app")
    assert ran.code == 4
    assert "app/b" in ran.err
    assert cli("ls", "app").text.split() == ["a", "b"]


@pytest.mark.parametrize("unknown", ["forbidden", "not_found"])
def test_what_is_imported_need_not_be_there(cli: Cli, double: TrustDouble, tmp_path: Path, unknown: str) -> None:
    double.unknown = unknown  # type: ignore[assignment]
    file = tmp_path / "in.json"
    file.write_text(json.dumps({"app": {"a": {"value": "one"}, "b": {"value": "two"}}}))
    assert cli("import", str(file)).code == 0
    assert (double.values("app/a"), double.values("app/b")) == ([b"one"], [b"two"])
    assert cli("import", str(file)).code == 0  # the same again is skipped
    assert len(double.mutations()) == 2


def test_a_lost_write_is_one_request_and_tells_its_id(cli: Cli, double: TrustDouble) -> None:
    double.break_next(Fault("reset_after", changes))
    ran = cli("set", "new", stdin=b"v")
    (sent,) = double.mutations()
    assert ran.code == 8
    assert sent.headers["x-request-id"] in ran.err
    double.put(PATH, b"one")
    double.break_next(Fault("reset_after", changes))
    assert cli("set", PATH, stdin=b"two").code == 0  # it was looked at, and is there
    assert double.values(PATH) == [b"one", b"two"]


def test_a_token_that_is_no_more_good_is_told_as_such(cli: Cli, double: TrustDouble) -> None:
    double.revoke(double.token)
    assert cli("get", PATH).code == 6
    assert not any(map(changes, double.requests))
    assert all(map(reads, double.requests))


# Settings


def test_the_token_is_asked_for_where_nothing_gives_it(double: TrustDouble) -> None:
    class Typing(Conversation):
        def ask(self, question: str, *, secret: bool) -> SecretValue:
            asked.append((question, secret))
            return SecretValue(double.token)

    asked: list[tuple[str, bool]] = []
    double.put(PATH, b"v")
    factory, settings = TrustFactory({}), {"url": double.base_url}
    with factory.open(settings, None, Typing()) as store:
        assert store.read(PATH).fields["value"].same_as(SecretValue("v"))
    assert asked == [("Token", True)]
    with pytest.raises(AuthenticationRequired):
        factory.open(settings)


def test_nothing_is_sent_to_open_a_profile(double: TrustDouble) -> None:
    opened(double).close()
    assert double.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://elsewhere.example.com/api/v1/trust/secrets"},
        {"requests_per_second": 0},
        {"requests_per_second": 10_000},
        {"segment": "a/../b"},
        {"segment": "a//b"},
        {"segment": "a\nb"},
        {"token_file": "x", "token_env": "y"},
        {"token_command": []},
        {"timeout_seconds": 0},
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        TrustFactory({}).check({"url": "https://api.example.com/api/v1/trust/secrets", **wrong})


@pytest.mark.parametrize("token", ["", "two\nlines", "tökén"])
def test_a_token_that_no_header_can_carry_is_refused_when_it_is_opened(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(InvalidInput) as caught:
        TrustFactory({}).open({"url": "http://127.0.0.1:1/s", "token_file": str(file)})
    assert not token or token not in str(caught.value)


def test_every_capability_that_is_missing_has_its_reason(double: TrustDouble) -> None:
    with opened(double) as store:
        info = store.info()
        missing = set(Capability) - info.capabilities
        later = {"legacy", "bulk"}  # what only one other kind of store has is told by its title
        assert {capability for capability in missing if capability not in info.reasons} <= later
        assert all(reason.endswith(".") for reason in info.reasons.values())


def test_plain_http_to_elsewhere_is_always_seen() -> None:
    settings = {"url": "http://trust.example.com/s", "allow_http": True, "token_env": "T"}
    with TrustFactory({"T": "t"}).open(settings) as store:
        assert "NO TLS" in store.info().warning
        assert store.info().location == "http://trust.example.com/s"
        assert store.info().unlisted
