"""The examples of docs/importing.md, as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from kvtui.services.transfer import Format
from tests.cli.conftest import Vault, run_here
from tests.transfer.exports import BIN as RECYCLE_BIN
from tests.transfer.exports import (
    ITEM,
    LOGIN,
    NOTE,
    PRINTED,
    SSH_ITEM,
    bitwarden,
    entry,
    group,
    keepass,
    one_pux,
    string,
    times,
)
from tests.transfer.programs import script

PAGE = Path(__file__).parents[2] / "docs" / "importing.md"


def examples() -> list[tuple[str, str]]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def _programs(folder: Path, place: Path) -> None:
    """Programs that print what theirs would, and the files the page names."""
    older = entry("mail", password="old", times=times("2020-02-03T04:05:06Z"))
    first = entry("mail", f"<History>{older}</History>", password="p", times=times("2021-02-03T04:05:06Z"))
    second = entry("mail", '<Binary><Key>scan.pdf</Key><Value Ref="0"/></Binary>', string("pin", "1"))
    bin_ = group("Recycle Bin", entry("old", password="o", times=times("2020-01-01T00:00:00Z")), uuid=RECYCLE_BIN)
    printed = {
        "keepassxc-cli": keepass(group("Web", first, second), bin_),
        "bw": bitwarden(LOGIN, NOTE),
        "op": json.dumps(PRINTED).encode(),
        "sops": b"db:\n  password: s3\n",
        "vault": b'{"request_id": "r", "lease_id": "", "data": {"data": {"a": "1"}, "metadata": {"version": 1}}}',
    }
    for name, data in printed.items():
        (place.parent / name).write_bytes(data)
        script(folder, name, f"cat {place.parent / name}")
    script(folder, "pass", 'case "$3" in web/mail) printf "p\\nuser: bob\\n";; *) printf "x\\n";; esac')
    show = '*" -- web") printf "p\\n";;'
    script(folder, "gopass", f'case "$*" in "ls --flat") printf "locked\\nweb\\n";; {show} *) exit 1;; esac')
    store = place / ".password-store"
    (store / "web").mkdir(parents=True)
    for name in (".gpg-id", "web/mail.gpg", "x.gpg"):
        (store / name).touch()
    (place / "passwords.csv").write_text('"Group","Title","Username","Password","URL","Notes"\n"R","m","","p","",""\n')
    (place / "EXPORT.1pux").write_bytes(one_pux(ITEM, SSH_ITEM))
    (place / "secrets.enc.yaml").write_text("a: ENC[x]\nsops:\n  mac: ENC[x]\n  lastmodified: '2024'\n")
    (place / ".env").write_text("A=1\nB=2\n")
    (place / "secrets.yaml").write_text("yaml:\n  db: {password: x}\n  api: {key: y}\n")


def test_every_example_prints_what_the_page_says(
    vault: Vault, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _programs(tmp_path / "programs", home)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    monkeypatch.delenv("PASSWORD_STORE_DIR", raising=False)
    monkeypatch.chdir(home)
    assert len(examples()) > 15
    for command, printed in examples():
        before, _, ours = command.rpartition("| ")
        given = (
            subprocess.run(["sh", "-c", before.strip(" |")], capture_output=True, check=True).stdout if before else b""
        )
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', ours)]
        assert words[0] == "kvtui"
        ran = vault(*words[1:], stdin=given)
        shown = ran.err + ran.text
        assert shown.rstrip("\n") == printed.rstrip("\n"), command


ROWS = {
    Format.JSON: "JSON, YAML",
    Format.YAML: "JSON, YAML",
    Format.DOTENV: "dotenv",
    Format.KV_JSON: "Vault, OpenBao",
    Format.KEEPASS_XML: "KeePass 2, KeePassXC: XML",
    Format.KEEPASS_CSV: "KeePassXC, KeePass: CSV",
    Format.PASS: "pass",
    Format.GOPASS: "gopass",
    Format.BITWARDEN: "Bitwarden: JSON, ZIP",
    Format.ONE_PASSWORD: "1Password: 1PUX, `op`",
    Format.SOPS: "SOPS",
}


def test_every_format_that_is_read_has_its_row_on_the_page() -> None:
    assert set(ROWS) == set(Format) - {Format.LEGACY_CONNECTIONS}  # docs/servers.md has that one
    rows = {line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")}
    assert set(ROWS.values()) <= rows
    help_ = run_here("import", "--help").text
    assert all(form.value in "".join(help_.split()) for form in Format)  # it is wrapped
