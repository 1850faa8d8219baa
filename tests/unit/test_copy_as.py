"""Every form of a secret on the clipboard."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest
import yaml

from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import Metadata
from kvtui.domain.reference import Reference
from kvtui.domain.secret import Secret, Version
from kvtui.domain.value import SecretValue
from kvtui.services.copy_as import Form, FormKind, forms, render, shell_quote
from tests.support.hostile import HOSTILE, HostileString, on_every_string

BASH = shutil.which("bash")


def secret(path: str = "app/db", version: int = 2, current: int = 2, **fields: object) -> Secret:
    values = {name: SecretValue(value) for name, value in fields.items()}  # type: ignore[arg-type]
    return Secret(path, Version(version), values, Metadata(), current)


def form(of: Secret, kind: FormKind, field: str | None = None) -> Form:
    return next(form for form in forms(of, field) if form.kind is kind)


def copied(of: Secret, kind: FormKind, field: str | None = None, *, profile: str = "") -> str:
    return render(form(of, kind, field), of, profile=profile).decode("utf-8", "surrogatepass")


class TestForms:
    def test_each_says_which_values_it_holds(self) -> None:
        held = {form.kind: form.fields for form in forms(secret(user="u", password="p"), "user")}
        assert held == {
            FormKind.VALUE: ("user",), FormKind.PATH: (), FormKind.REFERENCE: (), FormKind.VAULT_KEY: (),
            FormKind.COMMAND: (), FormKind.JSON: ("user",), FormKind.YAML: ("user",), FormKind.DOTENV: ("user",),
            FormKind.EXPORT: ("user",),
        }  # fmt: skip
        assert form(secret(user="u", password="p"), FormKind.JSON).fields == ("user", "password")

    def test_form_without_a_value_renders_without_one(self) -> None:
        of = secret(user="SENTINEL-51c9")
        for one in forms(of, "user"):
            assert (b"SENTINEL" in render(one, of)) is one.holds_value

    def test_what_cannot_be_says_why_and_is_refused(self) -> None:
        of = secret(a="x\0y", b="\ud800", c=b"\xff")
        reasons = {form.kind: bool(form.reason) for form in forms(of)}
        assert {kind for kind, refused in reasons.items() if refused} == {
            FormKind.VALUE, FormKind.YAML, FormKind.DOTENV, FormKind.EXPORT
        }  # fmt: skip
        with pytest.raises(InvalidInput):
            render(form(of, FormKind.EXPORT), of)

    def test_secret_without_fields_has_no_value_forms(self) -> None:
        assert {form.kind for form in forms(secret()) if not form.reason} == {
            FormKind.PATH, FormKind.REFERENCE, FormKind.VAULT_KEY, FormKind.COMMAND
        }  # fmt: skip

    def test_field_it_has_not_is_refused(self) -> None:
        with pytest.raises(InvalidInput):
            forms(secret(user="u"), "password")

    def test_vault_and_key_need_two_segments(self) -> None:
        assert json.loads(copied(secret("a/b", x="1"), FormKind.VAULT_KEY)) == {"vault": "a", "key": "b"}
        assert FormKind.VAULT_KEY not in {form.kind for form in forms(secret("a/b/c", x="1"))}


class TestRendering:
    def test_names(self) -> None:
        of = secret(user="u", password="p")
        assert copied(of, FormKind.PATH) == "app/db"
        assert copied(of, FormKind.REFERENCE, "user", profile="prod") == "kv://prod/app/db#user"
        assert copied(of, FormKind.COMMAND, "user", profile="prod") == "kvtui -p prod get -f user app/db"
        assert copied(of, FormKind.COMMAND) == "kvtui get app/db"

    def test_old_version_is_named_as_such(self) -> None:
        of = secret(version=1, current=2, x="1")
        assert Reference.parse(copied(of, FormKind.REFERENCE)).version == 1
        assert copied(of, FormKind.COMMAND) == "kvtui get --version 1 app/db"

    def test_fields(self) -> None:
        of = secret(user="u", ratio=1.5, key=b"\xff")
        assert json.loads(copied(of, FormKind.JSON)) == {"user": "u", "ratio": 1.5, "key": {"base64": "/w=="}}
        assert yaml.safe_load(copied(of, FormKind.YAML)) == {"user": "u", "ratio": 1.5, "key": b"\xff"}
        assert copied(of, FormKind.DOTENV, "user") == "DB_USER=u\n"
        assert copied(secret("app/TOKEN", value="a b"), FormKind.DOTENV) == "TOKEN='a b'\n"
        assert copied(of, FormKind.EXPORT, "key") == "export DB_KEY=$'\\xff'\n"
        assert copied(secret("app/TOKEN", value="it's"), FormKind.EXPORT) == "export TOKEN='it'\"'\"'s'\n"

    @on_every_string
    def test_value_and_json_are_exact_for_any_text(self, entry: HostileString) -> None:
        of = secret(value=entry.value)
        assert copied(of, FormKind.VALUE) == entry.value
        assert json.loads(copied(of, FormKind.JSON)) == {"value": entry.value}

    @on_every_string
    def test_command_holds_nothing_unsafe_and_options_are_no_paths(self, entry: HostileString) -> None:
        of = secret(entry.value, **{entry.value: "x"})
        one = form(of, FormKind.COMMAND, entry.value)
        if one.reason:
            assert "\0" in entry.value
            return
        text = render(one, of).decode("ascii" if "$'" in render(one, of).decode() else "utf-8")
        assert not any(map(unsafe, text))
        if entry.value.startswith("-") and "$'" not in text:
            assert shlex.split(text) == ["kvtui", "get", f"-f{entry.value}", "--", entry.value]


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_shell_gets_every_text_back_as_it_was() -> None:
    words = [entry.value.encode("utf-8", "surrogatepass") for entry in HOSTILE if "\0" not in entry.value]
    words += [bytes(range(1, 256)), b""]
    script = "printf '%s\\0' " + " ".join(map(shell_quote, words))
    child = subprocess.run([BASH or "", "-s"], input=script.encode(), capture_output=True, check=True, env={})
    assert child.stdout == b"".join(word + b"\0" for word in words)
    assert child.stderr == b""
