"""inject: where the output goes and what is left when it goes nowhere."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Vault


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "app.conf"
    file.write_bytes(b"user=kv:///app/db#user\npassword='kv:///app/db#password'\n")
    return file


DONE = b"user=admin\npassword='hunter2'\n"


def test_standard_input_becomes_standard_output(filled: Cli, template: Path) -> None:
    for argv in (["inject"], ["inject", "-i", "-", "-o", "-"]):
        ran = filled(*argv, stdin=template.read_bytes())
        assert (ran.code, ran.out, ran.err) == (0, DONE, "")


def test_a_file_becomes_a_file_of_its_owner_alone(filled: Cli, template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.conf"
    out.write_text("old")
    out.chmod(0o644)
    ran = filled("inject", "-i", str(template), "-o", str(out))
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert out.read_bytes() == DONE
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["kv:///app/nope", "kv:///app/db#nope", "kv:///app/db", "kv://nope/app/db", "kv://"])
def test_all_or_nothing(filled: Cli, template: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out.conf"
    out.write_text("old")
    template.write_bytes(template.read_bytes() + b"\n" + kind.encode())
    before = sorted(tmp_path.iterdir())
    ran = filled("inject", "-i", str(template), "-o", str(out))
    assert ran.code in {2, 3}
    assert ran.err.startswith("kvtui: line 4")
    assert "hunter2" not in ran.err
    assert out.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == before
    assert filled("inject", "-i", str(template)).out == b""


def test_a_link_is_not_followed(filled: Cli, template: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    ran = filled("inject", "-i", str(template), "-o", str(link))
    assert ran.code == 7
    assert "symlink" in ran.err
    assert target.read_text() == "old"
    assert link.is_symlink()


def test_a_folder_that_is_not_there_is_told(filled: Cli, template: Path, tmp_path: Path) -> None:
    assert filled("inject", "-i", str(template), "-o", str(tmp_path / "no" / "out")).code == 8
    assert filled("inject", "-i", str(tmp_path / "no")).code == 3
    assert filled("inject", "-i", "/dev/zero").code == 2


def test_the_extension_tells_the_format(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("db: {vault: app, key: api} # here\n")
    assert filled("inject", "-i", str(file)).out == b'db: "k-1" # here\n'
    assert filled("inject", "-i", str(file), "--format", "text").out == file.read_bytes()
    assert filled("inject", "--format", "json", stdin=b'{"a": "kv:///note"}').json == {"a": "remember"}


def test_on_a_terminal_control_characters_are_shown(filled: Cli) -> None:
    filled("set", "odd", stdin=b"\x1b[31mred")
    ran = filled("inject", stdin=b"a=kv:///odd\n", screen=True)
    assert b"\x1b" not in ran.out
    assert "shown, not sent" in ran.err
    assert filled("inject", stdin=b"a=kv:///odd\n").out == b"a=\x1b[31mred\n"


def test_it_is_in_the_journal_without_a_value(filled: Cli, template: Path) -> None:
    filled("inject", "-i", str(template))
    entries = filled("journal", "--json").json["entries"]
    assert {("reveal", "app/db", "user"), ("reveal", "app/db", "password")} <= {
        (each["act"], each["path"], each.get("field")) for each in entries
    }
    assert b"hunter2" not in filled("journal").out


def test_json_errors_have_the_code_of_the_grammar(filled: Cli) -> None:
    error = filled("--json", "inject", stdin=b"kv:///a%zz").error
    assert (error["kind"], error["code"]) == ("InvalidInput", "ILLEGAL_ESCAPE")
    error = filled("--json", "inject", stdin=b"openbao+kv2://a/*").error
    assert (error["kind"], error["code"]) == ("InvalidInput", "INVALID_WILDCARD")


def test_profiles_are_named_in_references(filled: Cli) -> None:
    filled("-p", "other", "set", "x", stdin=b"from other")
    assert filled("inject", stdin=b"kv://other/x kv://mem/note").out == b"from other remember"


def test_bytes_come_from_a_vault_as_they_are(vault: Vault, tmp_path: Path) -> None:
    data = bytes(range(256))
    vault("set", "app/bin", stdin=data)
    out = tmp_path / "out"
    assert vault("inject", "-o", str(out), stdin=b"[kv:///app/bin\n]").code == 0
    assert out.read_bytes() == b"[" + data + b"\n]"
