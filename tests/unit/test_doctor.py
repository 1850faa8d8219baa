import resource
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kvtui import config, locations
from kvtui.backends.memory import MemoryBackend
from kvtui.config import Config
from kvtui.domain.progress import Progress, silent
from kvtui.services import doctor, doctor_files, profiles
from kvtui.services.doctor_finding import Finding, Level
from kvtui.services.profiles import Profile

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EDITOR", "vim")
    monkeypatch.delenv("VISUAL", raising=False)


def look(loaded: Config | None = None, environ: Mapping[str, str] = GOOD, **options: Any) -> dict[str, list[Finding]]:
    loaded = loaded or Config()
    found: dict[str, list[Finding]] = {}
    for finding in doctor.checkup(loaded, profiles.load(loaded, environ={}), environ=environ, **options):
        assert finding.message
        assert finding.hint or finding.level is Level.OK
        found.setdefault(finding.subject, []).append(finding)
    return found


def level(found: dict[str, list[Finding]], subject: str) -> Level:
    (finding,) = found[subject]
    return finding.level


def written(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return config.load(file)


def test_a_fresh_machine_has_no_problems_but_no_vault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look()
    assert not [each for some in found.values() for each in some if each.level is Level.PROBLEM]
    assert level(found, "profile personal") is Level.NOTE
    assert "kvtui init" in found["profile personal"][0].hint
    assert level(found, "environment") is Level.OK


def test_a_checkup_changes_nothing(tmp_path: Path) -> None:
    look()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, Level.OK), (0o644, Level.OK), (0o664, Level.PROBLEM), (0o666, Level.PROBLEM)]
)
def test_a_configuration_others_can_change_is_a_problem(tmp_path: Path, mode: int, expected: Level) -> None:
    loaded = written(tmp_path, "ui: {theme: x}")
    (tmp_path / "config.yaml").chmod(mode)
    assert level(look(loaded), "configuration") is expected


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o700, Level.OK), (0o755, Level.WARNING), (0o770, Level.PROBLEM), (0o777, Level.PROBLEM)]
)
def test_folders_are_to_be_private(mode: int, expected: Level) -> None:
    for folder in (locations.state_dir(), locations.data_dir()):
        folder.mkdir(parents=True)
        folder.chmod(mode)
    found = look()
    assert level(found, "state folder") is expected
    assert level(found, "data folder") is expected


def test_a_folder_that_is_none_is_a_problem(tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    state.symlink_to(tmp_path)
    assert level(look(state_dir=state), "state folder") is Level.PROBLEM
    assert level(look(state_dir=tmp_path / "elsewhere" / "x" / "y"), "state folder") is Level.OK


def test_a_profile_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("no vault")
    loaded = written(tmp_path, "profiles:\n  a: {backend: file, path: v}\n  b: {backend: memory}\ndefault: b")
    found = look(loaded)
    assert level(found, "profile a") is Level.PROBLEM
    assert level(found, "profile b") is Level.OK


@pytest.mark.parametrize(
    "name", ["KVTUI_PASSPHRASE", "VAULT_TOKEN", "BAO_TOKEN", "TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN"]
)
def test_a_secret_in_the_environment_is_a_warning_that_does_not_show_it(name: str) -> None:
    (finding,) = look(environ={**GOOD, name: "hunter2"})["environment"]
    assert finding.level is Level.WARNING
    assert name in finding.message
    assert "hunter2" not in repr(finding)


@pytest.mark.parametrize(
    ("environ", "terminal", "locale"),
    [
        (GOOD, Level.OK, Level.OK),
        ({"TERM": "xterm-256color", "LANG": "en_US.utf8"}, Level.NOTE, Level.OK),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "C.UTF-8"}, Level.NOTE, Level.WARNING),
        ({"TERM": "dumb"}, Level.PROBLEM, Level.WARNING),
        ({}, Level.PROBLEM, Level.WARNING),
    ],
)
def test_terminal_and_locale_are_judged(environ: dict[str, str], terminal: Level, locale: Level) -> None:
    found = look(environ=environ)
    assert (level(found, "terminal"), level(found, "locale")) == (terminal, locale)


def tool(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_a_missing_clipboard_tool_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert level(look(), "clipboard") is Level.WARNING
    tool(tmp_path / "bin", "xsel")
    found = look(environ={**GOOD, "DISPLAY": ":0"})
    assert (level(found, "clipboard"), found["clipboard"][0].message) == (Level.OK, "xsel is used.")


def test_an_unknown_or_missing_editor_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert look()["editor"][0].level is Level.NOTE
    tool(tmp_path / "bin", "vim")
    assert look()["editor"][0].level is Level.OK
    tool(tmp_path / "bin", "scribble")
    monkeypatch.setenv("EDITOR", "scribble -x")
    assert look()["editor"][0].level is Level.WARNING
    assert look(written(tmp_path, "ui: {editor: [vim]}"))["editor"][0].level is Level.OK


def test_broken_themes_are_told() -> None:
    (finding,) = look(theme_problems=["mine.yaml: 'x' is no colour."])["themes"]
    assert (finding.level, finding.message) == (Level.WARNING, "mine.yaml: 'x' is no colour.")


def test_core_dumps_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, -1))
    assert level(look(), "core dumps") is Level.WARNING
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (0, 0))
    assert level(look(), "core dumps") is Level.OK


def test_a_clock_before_the_release_is_a_problem() -> None:
    assert level(look(now=datetime(1970, 1, 1, tzinfo=UTC)), "clock") is Level.PROBLEM
    assert level(look(now=datetime(2030, 1, 1, tzinfo=UTC)), "clock") is Level.OK


class Damaged(MemoryBackend):
    def verify(self, *, gently: bool = False, progress: Progress = silent) -> list[str]:
        return ["Row 3 was changed."]


def test_examining_an_open_store_reports_what_it_finds() -> None:
    profile = Profile("personal", "memory")
    (finding,) = doctor.examine(profile, MemoryBackend())
    assert finding.level is Level.OK
    (finding,) = doctor.examine(profile, Damaged())
    assert (finding.level, finding.message) == (Level.PROBLEM, "Row 3 was changed.")


@pytest.mark.parametrize(("mode", "expected"), [(0o600, None), (0o640, Level.WARNING), (0o620, Level.PROBLEM)])
def test_files_that_open_a_store_are_to_be_private(tmp_path: Path, mode: int, expected: Level | None) -> None:
    secret, vault = tmp_path / "secret", tmp_path / "v"
    secret.write_text("x")
    secret.chmod(mode)
    vault.mkdir(mode=0o700)
    loaded = written(
        tmp_path,
        f"default: a\nprofiles:\n  a: {{backend: file, path: {vault}, key_file: {secret}}}\n"
        f"  b: {{backend: vault, url: 'https://x', auth: {{method: approle, role_id: r, secret_id_file: {secret}}}}}\n",
    )
    found = look(loaded, {**GOOD, "KVTUI_PASSPHRASE_FILE": str(secret)})
    for subject in ("profile a", "profile b", "environment"):
        levels = [one.level for one in found[subject] if str(secret) in one.message]
        assert levels == ([] if expected is None else [expected]), subject


@pytest.mark.parametrize(("mode", "expected"), [(0o600, None), (0o644, Level.WARNING), (0o666, Level.PROBLEM)])
@pytest.mark.parametrize("place", ["state", "vault"])
def test_files_of_the_vault_and_of_the_state_are_to_be_private(
    tmp_path: Path, place: str, mode: int, expected: Level | None
) -> None:
    folder = locations.state_dir() if place == "state" else tmp_path / "v"
    (folder / "deep").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (folder / "deep" / "one").write_text("x")
    (folder / "deep" / "one").chmod(mode)
    found = look(written(tmp_path, f"profiles:\n  v: {{backend: file, path: {tmp_path / 'v'}}}\n"))
    levels = [one.level for some in found.values() for one in some if str(folder / "deep" / "one") in one.message]
    assert levels == ([] if expected is None else [expected])


def test_of_files_others_can_open_those_they_can_change_are_named_and_those_that_go_meanwhile_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("gone", "read", "changed")]
    for file, mode in zip(files[1:], (0o604, 0o622), strict=True):
        file.touch()
        file.chmod(mode)
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(files))
    (finding,) = doctor_files.private_files("state folder", tmp_path)
    assert (finding.level, finding.message) == (Level.PROBLEM, f"{files[2]} can be changed by others.")


def test_a_credential_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    found = look(environ={**GOOD, "KVTUI_PASSPHRASE_FILE": str(tmp_path / "none")})
    assert Level.PROBLEM in [one.level for one in found["environment"]]


def test_programs_that_a_profile_names_are_to_be_there(tmp_path: Path) -> None:
    loaded = written(
        tmp_path,
        "default: a\nprofiles:\n  a: {backend: memory, after_rotate: [sh, -c, 'true']}\n"
        "  b: {backend: memory, after_rotate: [no-such-program, x]}\n"
        "  c: {backend: vault, url: 'https://x', auth: {method: token, token_command: [no-such-helper]}}\n",
    )
    found = look(loaded)
    missing = {name: [one for one in found[f"profile {name}"] if "is not there" in one.message] for name in "abc"}
    assert {name: len(some) for name, some in missing.items()} == {"a": 0, "b": 1, "c": 1}


class Elsewhere(MemoryBackend):
    """As a server whose clock is this far ahead."""

    skew: timedelta | None = None

    @property
    def clock_skew(self) -> timedelta | None:
        return self.skew


@pytest.mark.parametrize(
    ("seconds", "expected", "told"),
    [
        (None, None, ""),
        (20, None, ""),
        (-45, Level.WARNING, "45 s behind"),
        (400, Level.PROBLEM, "400 s ahead of"),
    ],
)
def test_a_servers_clock_that_differs_is_told(
    monkeypatch: pytest.MonkeyPatch, seconds: int | None, expected: Level | None, told: str
) -> None:
    profile = Profile("far", "memory")
    monkeypatch.setattr(type(profile.factory), "signs_in", True)
    store = Elsewhere()
    store.skew = None if seconds is None else timedelta(seconds=seconds)
    first, *rest = doctor.examine(profile, store)
    assert first.level is Level.OK
    assert [one.level for one in rest] == ([] if expected is None else [expected])
    assert all(told in one.message for one in rest)
