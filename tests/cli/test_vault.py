"""init, key, vault and where a passphrase comes from: on a real vault on disk."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from kvtui.backends.file import creating, mastering, salvaging
from kvtui.backends.file import vault as file_vault
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.cli.conftest import CHEAP, PASSPHRASE, Typist, Vault, run_here


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """New passphrases cost milliseconds."""
    for module in (creating, mastering, salvaging, file_vault):
        monkeypatch.setattr(module, "calibrated", lambda: CHEAP)


def test_init_creates_and_prints_the_recovery_key_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
    ran = run_here("init", str(tmp_path / "new"), "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["vault", "recovery_key"]
    assert Path(ran.json["vault"]) == tmp_path / "new"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    monkeypatch.setenv("KVTUI_PASSPHRASE", ran.json["recovery_key"])
    assert run_here("--vault", str(tmp_path / "new"), "ls").code == 0


def test_init_asks_twice_and_warns_on_a_weak_passphrase(tmp_path: Path) -> None:
    typist = Typist("password", "password")
    ran = run_here("init", str(tmp_path / "new"), terminal=typist)
    assert ran.code == 0, ran.err
    assert len(typist.questions) == 2
    assert not any(echo for _, echo in typist.questions)
    assert "easy to guess" in ran.err
    assert "Recovery key: " in ran.text


@pytest.mark.parametrize("answers", [("one long passphrase here", "another"), ("", "")])
def test_init_makes_nothing_when_the_two_differ_or_are_empty(tmp_path: Path, answers: tuple[str, str]) -> None:
    assert run_here("init", str(tmp_path / "new"), terminal=Typist(*answers)).code == 2
    assert not (tmp_path / "new").exists()


def test_init_where_something_is_does_not_ask_and_changes_nothing(vault: Vault) -> None:
    ran = run_here("init", str(vault.path), terminal=Typist(), stdin=b"")
    assert ran.code == 5
    assert vault("ls").code == 0


def test_init_without_terminal_or_passphrase_exits_6(tmp_path: Path) -> None:
    ran = run_here("init", str(tmp_path / "new"), "--json")
    assert ran.code == 6
    assert ran.error["kind"] == "AuthenticationRequired"


def test_init_in_the_default_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
    found = run_here("init", "--json").json["vault"]
    assert found.startswith(str(home))
    run_here("set", "a", stdin=b"1")
    assert run_here("get", "a").out == b"1"


def test_a_missing_vault_is_not_found_before_a_passphrase_is_asked(tmp_path: Path) -> None:
    ran = run_here("--vault", str(tmp_path / "none"), "ls", terminal=Typist())
    assert ran.code == 3
    assert "kvtui init" in ran.err


def test_a_wrong_passphrase_exits_6_and_is_not_echoed(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("SENTINEL wrong")
    ran = run_here("--vault", str(vault.path), "--passphrase-file", str(tmp_path / "wrong"), "ls", "--json")
    assert ran.code == 6
    assert ran.error["kind"] == "AuthenticationRequired"
    assert "SENTINEL" not in ran.err


def test_without_terminal_and_passphrase_exits_6(vault: Vault) -> None:
    assert run_here("--vault", str(vault.path), "ls").code == 6


def test_the_prompt_is_the_last_resort(vault: Vault) -> None:
    typist = Typist(PASSPHRASE)
    assert run_here("--vault", str(vault.path), "ls", terminal=typist).code == 0
    assert typist.questions == [("Passphrase: ", False)]


def test_the_order_of_passphrases(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = str(vault.passphrase_file), tmp_path / "wrong"
    wrong.write_text("wrong")
    base = ("--vault", str(vault.path), "ls")
    monkeypatch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
    assert run_here(*base).code == 0
    monkeypatch.setenv("KVTUI_PASSPHRASE_FILE", str(wrong))
    assert run_here(*base).code == 6
    assert run_here(*base, "--passphrase-file", right).code == 0
    monkeypatch.setenv("KVTUI_PASSPHRASE", "wrong")
    monkeypatch.setenv("KVTUI_PASSPHRASE_FILE", right)
    assert run_here(*base).code == 0
    assert run_here(*base, "--passphrase-file", str(wrong)).code == 6


@pytest.mark.parametrize("passphrase", [" spaces around ", "tab\there", "ünïcode ☃"])
def test_the_first_line_is_the_passphrase_spaces_and_all(tmp_path: Path, passphrase: str) -> None:
    file, plain = tmp_path / "p", tmp_path / "plain"
    plain.write_bytes(passphrase.encode())
    target = str(tmp_path / "new")
    assert run_here("init", target, "--passphrase-file", str(plain), "-q").code == 0
    for line_end in ("", "\n", "\r\n", "\nsecond line\n"):
        file.write_bytes((passphrase + line_end).encode())
        assert run_here("--vault", target, "ls", "--passphrase-file", str(file)).code == 0, repr(line_end)


def test_a_passphrase_file_that_is_a_device_is_refused_unread(vault: Vault) -> None:
    for device in ("/dev/zero", "/dev/full", "/dev/random"):
        ran = run_here("--vault", str(vault.path), "ls", "--passphrase-file", device)
        assert ran.code == 2
        assert "device" in ran.err


def test_a_passphrase_file_without_end_of_line_is_bounded(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 200_000)
    assert run_here("--vault", str(vault.path), "ls", "--passphrase-file", str(tmp_path / "big")).code == 2


def test_a_passphrase_file_that_gives_none(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "p"
    argv = ("--vault", str(vault.path), "ls", "--passphrase-file", str(file))
    assert run_here(*argv).code == 3
    file.touch()
    assert run_here(*argv).code == 6
    file.unlink()
    file.mkdir()
    assert run_here(*argv).code == 2


def test_a_pipe_gives_its_first_line_and_keeps_the_rest(vault: Vault) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{PASSPHRASE}\nrest".encode())
    try:
        ran = run_here("--vault", str(vault.path), "ls", "--passphrase-file", f"/dev/fd/{reading}")
        assert ran.code == 0, ran.err
        assert os.read(reading, 100) == b"rest"
    finally:
        os.close(reading)
        os.close(writing)


def test_a_named_pipe_is_read_when_somebody_writes_to_it(vault: Vault, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(PASSPHRASE + "\n",))
    writer.start()
    ran = run_here("--vault", str(vault.path), "ls", "--passphrase-file", str(fifo))
    writer.join(10)
    assert ran.code == 0, ran.err


def test_a_key_file_opens_what_it_was_added_to(vault: Vault, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(os.urandom(64))
    added = vault("key", "add", "--new-key-file", str(key), "--label", "usb", "--json").json
    assert (added["type"], added["label"]) == ("keyfile", "usb")
    assert run_here("--vault", str(vault.path), "ls", "--key-file", str(key)).code == 0
    key.write_bytes(os.urandom(64))
    assert run_here("--vault", str(vault.path), "ls", "--key-file", str(key)).code == 6


def test_key_list_has_the_documented_shape(vault: Vault) -> None:
    slots = vault("key", "list", "--json").json["slots"]
    assert [slot["type"] for slot in slots] == ["passphrase", "recovery"]
    assert list(slots[0]) == ["id", "type", "label", "created_at"]
    assert slots[0]["created_at"].endswith("Z")


def test_key_passwd_changes_the_passphrase(vault: Vault, tmp_path: Path) -> None:
    new = tmp_path / "new-pass"
    new.write_text("another long passphrase\n")
    assert vault("key", "passwd", "--new-passphrase-file", str(new)).code == 0
    assert vault("ls").code == 6
    assert run_here("--vault", str(vault.path), "ls", "--passphrase-file", str(new)).code == 0


def test_key_passwd_asks_twice_when_no_file_is_given(vault: Vault) -> None:
    typist = Typist("another long passphrase", "another long passphrase")
    assert vault("key", "passwd", terminal=typist).code == 0
    assert len(typist.questions) == 2
    assert run_here("--vault", str(vault.path), "ls", terminal=Typist("another long passphrase")).code == 0


def test_key_add_of_a_recovery_key_prints_one_that_opens(vault: Vault) -> None:
    made = vault("key", "add", "--recovery", "--json").json
    assert made["type"] == "recovery"
    assert run_here("--vault", str(vault.path), "ls", terminal=Typist(made["recovery_key"])).code == 0


def test_key_remove_and_the_last_one_stays(vault: Vault) -> None:
    slots = vault("key", "list", "--json").json["slots"]
    assert vault("key", "remove", "nonsense").code == 3
    assert vault("key", "remove", slots[1]["id"]).code == 0
    assert vault("key", "remove", slots[0]["id"]).code == 2
    assert len(vault("key", "list", "--json").json["slots"]) == 1


def test_key_export_raw_prints_64_hex_digits(vault: Vault) -> None:
    text = vault("key", "export-raw").text.strip()
    assert len(text) == 64
    assert set(text) <= set("0123456789abcdef")
    assert run_here("--vault", str(vault.path), "key", "export-raw").code == 6


def test_keys_are_not_managed_on_a_store_without_them(home: Path) -> None:
    file = home / "c.yaml"
    file.write_text(f"profiles:\n  mem: {{backend: memory, name: {home}}}\n")
    ran = run_here("key", "list", "--config", str(file), "--json")
    assert ran.code == 9
    assert ran.error["capability"] == "key_slots"


def test_containers_can_be_made_listed_and_removed_when_empty(vault: Vault) -> None:
    assert vault("vault", "create", "team", "--json").json == {"name": "team"}
    assert vault("vault", "create", "team").code == 5
    assert vault("vault", "list", "--json").json == {"containers": ["team"]}
    vault("set", "team/a", stdin=b"1")
    assert vault("vault", "delete", "team").code == 5
    vault("rm", "team/a", "--destroy", "--yes")
    assert vault("vault", "delete", "team").code == 0
    assert vault("vault", "list").text == ""


def test_a_vault_that_is_a_symlink_is_refused_by_name(vault: Vault, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(vault.path)
    ran = run_here("--vault", str(link), "--passphrase-file", str(vault.passphrase_file), "ls", "--json")
    assert ran.code == 7
    assert str(link) in ran.err


def test_a_second_hard_link_is_a_warning(vault: Vault, tmp_path: Path) -> None:
    database = max((file for file in vault.path.iterdir() if file.is_file()), key=lambda file: file.stat().st_size)
    (tmp_path / "second").hardlink_to(database)
    ran = vault("ls")
    assert ran.code == 0
    assert "hard link" in ran.err
    assert "hard link" in vault("ls", "--read-only").err
    assert vault("ls", "-q").err == ""


def test_nothing_of_the_keys_changes_read_only(vault: Vault, tmp_path: Path) -> None:
    slots = vault("key", "list", "--json").json["slots"]
    for argv in (
        ("key", "add", "--recovery"),
        ("key", "remove", slots[1]["id"]),
        ("key", "passwd", "--new-passphrase-file", str(vault.passphrase_file)),
        ("vault", "create", "x"),
        ("init", str(tmp_path / "new")),
    ):
        assert vault(*argv, "--read-only").code == 7, argv
    assert vault("key", "list", "--json").json["slots"] == slots
    assert not (tmp_path / "new").exists()


def test_a_damaged_vault_is_told_and_exits_1(vault: Vault) -> None:
    for file in vault.path.iterdir():
        if file.is_file() and file.stat().st_size:
            file.write_bytes(b"not a vault at all" * 100)
    ran = vault("ls", "--json")
    assert ran.code == 1
    assert ran.error["kind"] == "Corrupt"


def test_a_restored_older_vault_is_refused_until_accepted(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a", stdin=b"old")
    subprocess.run(["cp", "-a", vault.path, tmp_path / "backup"], check=True)
    vault("set", "a", stdin=b"new")
    subprocess.run(["rm", "-r", vault.path], check=True)
    subprocess.run(["cp", "-a", tmp_path / "backup", vault.path], check=True)
    assert vault("get", "a").code == 1
    assert vault("doctor", "--accept-rollback").code in {0, 1}
    assert vault("get", "a").out == b"old"


def test_a_removed_line_of_the_journal_fails_its_check(vault: Vault, home: Path) -> None:
    for value in (b"1", b"2", b"3"):
        vault("set", "a", stdin=value)
    assert vault("journal", "verify").code == 0
    file = next((home / "state").rglob("*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:1] + lines[2:]))
    ran = vault("journal", "verify", "--json")
    assert ran.code == 1
    assert ran.error["kind"] == "Corrupt"


def test_where_the_journal_cannot_be_written_nothing_is_told_or_done(vault: Vault, home: Path) -> None:
    vault("set", "a", stdin=b"1")
    for file in [*(home / "state").rglob("*.jsonl"), *(home / "state").rglob("*.head")]:
        file.unlink()
        file.mkdir()
    ran = vault("get", "a")
    assert ran.code in {7, 8}
    assert ran.out == b""
    assert vault("set", "a", stdin=b"2").code in {7, 8}


def test_two_vaults_in_one_command_each_ask_for_their_own_passphrase(vault: Vault, tmp_path: Path, home: Path) -> None:
    (tmp_path / "p2").write_text("quite another passphrase")
    run_here("init", str(tmp_path / "second"), "--passphrase-file", str(tmp_path / "p2"))
    config = home / "c.yaml"
    config.write_text(f"profiles:\n  second: {{backend: file, path: {tmp_path / 'second'}}}\n")
    vault("set", "a", stdin=b"1")
    second = ("--vault", str(tmp_path / "second"), "--passphrase-file", str(tmp_path / "p2"))
    run_here(*second, "set", "a", stdin=b"2")
    typist = Typist(PASSPHRASE, "quite another passphrase")
    argv = ("--vault", str(vault.path), "--config", str(config), "diff", "a", "second:a", "--reveal", "--json")
    ran = run_here(*argv, terminal=typist)
    assert ran.code == 0, ran.err
    assert ran.json["fields"] == [{"name": "value", "kind": "changed", "old": "1", "new": "2"}]
    assert [question for question, _ in typist.questions] == ["Passphrase: ", "Passphrase for second: "]


def test_key_passwd_keeps_the_key_file_a_passphrase_was_paired_with(vault: Vault, tmp_path: Path) -> None:
    key, new = tmp_path / "key", tmp_path / "new-pass"
    key.write_bytes(os.urandom(64))
    new.write_text("another long passphrase")
    both = ("--vault", str(tmp_path / "both"), "--key-file", str(key))
    old = ("--passphrase-file", str(vault.passphrase_file))
    assert run_here("init", str(tmp_path / "both"), "--key-file", str(key), *old).code == 0
    assert run_here("--vault", str(tmp_path / "both"), *old, "ls").code == 6
    assert run_here(*both, *old, "key", "passwd", "--new-passphrase-file", str(new)).code == 0
    assert run_here(*both, "--passphrase-file", str(new), "ls").code == 0
    assert run_here("--vault", str(tmp_path / "both"), "--passphrase-file", str(new), "ls").code == 6


def test_rotate_master_prints_a_new_recovery_key_and_names_what_ends(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a/b", stdin=b"s3cret")
    (tmp_path / "other").write_text("another passphrase\n")
    vault("key", "add", "--new-passphrase-file", str(tmp_path / "other"), "--label", "laptop")
    refused = vault("key", "rotate-master")
    assert refused.code == 2
    assert "laptop" in refused.err
    ran = vault("key", "rotate-master", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert sorted(slot["type"] for slot in ran.json["dropped"]) == ["passphrase", "recovery"]
    assert ran.json["recovery_key"] != vault.recovery_key
    assert vault("get", "a/b").out == b"s3cret"
    assert [slot["type"] for slot in vault("key", "list", "--json").json["slots"]] == ["passphrase", "recovery"]
    assert vault("journal", "verify").code == 0


def test_rotate_master_with_the_recovery_key_needs_a_new_passphrase(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "recovery").write_text(vault.recovery_key + "\n")
    (tmp_path / "new").write_text("a passphrase made anew\n")
    by_recovery = ("--vault", str(vault.path), "--passphrase-file", str(tmp_path / "recovery"))
    ran = run_here(*by_recovery, "key", "rotate-master", "--yes", "--new-passphrase-file", str(tmp_path / "new"))
    assert ran.code == 0, ran.err
    assert "Recovery key: " in ran.text
    assert vault("ls").code == 6
    assert run_here("--vault", str(vault.path), "--passphrase-file", str(tmp_path / "new"), "ls").code == 0


def test_rotate_master_is_refused_read_only(vault: Vault) -> None:
    assert vault("--read-only", "key", "rotate-master", "--yes").code == 7


def _damage(vault: Vault) -> None:
    with FileFactory().open({"path": str(vault.path)}, Credential(SecretValue(PASSPHRASE))) as backend:
        assert isinstance(backend, FileBackend)
        with backend._database.writing() as connection:
            connection.execute("UPDATE version SET sealed = zeroblob(60) WHERE secret = 1")


def test_a_damaged_vault_is_looked_into_and_salvaged(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a/lost", stdin=b"1")
    vault("set", "a/kept", stdin=b"s3cret")
    _damage(vault)
    assert vault("get", "a/kept").code == 1
    looked = vault("--rescue", "get", "a/kept")
    assert (looked.code, looked.out) == (0, b"s3cret")
    assert vault("--rescue", "get", "a/lost").code == 1
    assert vault("--rescue", "set", "a/new", stdin=b"x").code == 7
    made = vault("doctor", "--salvage", str(tmp_path / "new"), "--json")
    assert made.code == 4, made.err
    assert made.json["saved"] == 1
    assert made.json["lost"] == [{"path": "a/lost", "version": 1}, {"path": "a/lost"}]
    new = Vault(tmp_path / "new", vault.passphrase_file, made.json["recovery_key"])
    assert new("get", "a/kept").out == b"s3cret"
    assert new("doctor", "--verify").code in {0, 1}
    assert vault("doctor", "--salvage", str(tmp_path / "new")).code == 5


def test_doctor_verify_says_what_is_wrong(vault: Vault) -> None:
    vault("set", "a", stdin=b"1")
    well = vault("doctor", "--verify", "--json").json["findings"]
    assert any(one["message"] == "What is stored is whole." for one in well)
    _damage(vault)
    ran = vault("doctor", "--verify", "--json")
    assert ran.code == 1
    assert any("changed from outside" in one["message"] for one in ran.json["findings"])
