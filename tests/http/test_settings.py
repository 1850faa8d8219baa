"""What profiles of remote stores share: settings, and where their secrets come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.http import settings, sources
from kvtui.domain.errors import AuthenticationRequired, InvalidInput
from kvtui.domain.value import SecretValue


class Somebody:
    """Types the same to every question."""

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.questions: list[str] = []

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        assert secret
        self.questions.append(question)
        return SecretValue(self.typed)

    def tell(self, message: str) -> None: ...
    def visit(self, url: str, message: str) -> None: ...
    def cancelled(self) -> bool:
        return False


def test_a_secret_comes_from_a_file_a_variable_or_a_program_and_else_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n")
    somebody = Somebody("typed")
    ways: dict[str, dict[str, Any]] = {
        "from a file": {"token_file": str(file)},
        "from a variable": {"token_env": "TOKEN_OF_OURS"},
        "printed": {"token_command": [sys.executable, "-c", "print('printed')"]},
        "typed": {},
    }
    assert {setting.name for setting in settings.secret("token", "the token")} == {
        key for way in ways.values() for key in way
    }
    for expected, given in ways.items():
        settings.check_secret(given, "token")
        found = sources.secret(given, "token", "Token", somebody, {"TOKEN_OF_OURS": "from a variable"})
        assert found.same_as(SecretValue(expected))
    assert somebody.questions == ["Token"]
    with pytest.raises(AuthenticationRequired, match="token_file, token_env or token_command in the profile"):
        sources.secret({}, "token", "Token", None, {})


@pytest.mark.parametrize(
    "given",
    [{"token_file": "/x", "token_env": "X"}, {"token_env": "X", "token_command": ["x"]}, {"token_command": []},
     {"token_command": ["x", 1]}, {"token_command": [""]}],
)  # fmt: skip
def test_two_ways_to_a_secret_and_what_is_no_program_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="token_"):
        settings.check_secret(given, "token")


def test_reading_settings_loads_no_http_library() -> None:
    code = "import sys, kvtui.backends.http.settings, kvtui.backends.vault.factory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"httpx2", "httpcore2", "ssl"} & {*loaded}
