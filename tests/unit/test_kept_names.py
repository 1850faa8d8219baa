"""Names kept between runs: sealed, whole or not there, for the same eyes only, and never a reason to fail."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui import config
from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Entry, Indexed, Skip, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services import kept_names, profiles
from kvtui.services.finding import Finding
from kvtui.services.kept_names import KeptNames, NameKeys, whose_names
from kvtui.services.names import Names, told_age
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from tests.vault.places import Place

ON_A_SERVER = ALL - {Capability.INDEX, Capability.CHANGE_SIGNAL}
KEY, WHOSE = bytes(range(32)), "ab" * 32
NOON = datetime(2026, 1, 2, 12, 3, tzinfo=UTC)
ROWS = [Indexed("app/db"), Indexed("app/é\ud800", SecretType.TOKEN, "why", ("a", "b"), "ann", VersionState.LIVE)]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here names need not be collected before they are put in."""
    monkeypatch.setattr("kvtui.services.names.PAUSE", 0.01)


def kept(folder: Path, *, key: bytes = KEY, whose: str = WHOSE) -> KeptNames:
    return KeptNames("prod", key, whose, folder)


def write(folder: Path, rows: list[Indexed] = ROWS) -> KeptNames:
    made = kept(folder)
    writing = made.writing()
    writing.add(rows)
    assert writing.save(NOON) == ""
    return made


# The file


def test_names_come_back_as_they_were_with_their_time(tmp_path: Path) -> None:
    write(tmp_path)
    found = kept(tmp_path).load()
    assert found is not None
    assert (found.names, found.as_of) == (ROWS, NOON)
    assert kept(tmp_path / "none").load() is None


def test_the_file_is_private_and_neither_it_nor_its_name_tells_anything(tmp_path: Path) -> None:
    name = secrets.token_hex(8)
    file = write(tmp_path, [Indexed(f"a/{name}", description=name, tags=(name,), owner=name)]).file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "prod" not in str(file.relative_to(tmp_path))
    for text in (name, "prod", WHOSE, "2026"):
        assert text.encode() not in file.read_bytes()


@settings(max_examples=30)
@given(st.data())
def test_any_byte_changed_cut_or_added_is_noticed_and_the_file_dropped(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    file = write(folder).file
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = data.draw(
        st.sampled_from(
            [
                whole[:at],
                whole + b"x",
                whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
                whole[at:] + whole[:at][:5],
            ]
        )
    )
    if bad == whole:
        return
    file.write_bytes(bad)
    again = kept(folder)
    assert again.load() is None
    assert again.note.startswith("Names that were kept are not used: ")
    assert not file.exists()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.write_bytes(b"kvtui names 2\nrest"), "another version of kvtui wrote them."),
        (lambda file: file.write_bytes(b"{}"), "their file is damaged."),
        (lambda file: file.write_bytes(b""), "their file is damaged."),
        (lambda file: file.write_bytes(file.read_bytes()[:20]), "their file is damaged, or sealed by another vault."),
    ],
)
def test_what_cannot_be_used_is_dropped_and_says_why(tmp_path: Path, spoil: Callable[[Path], object], why: str) -> None:
    file = write(tmp_path).file
    spoil(file)
    again = kept(tmp_path)
    assert again.load() is None
    assert again.note == f"Names that were kept are not used: {why}"
    assert not file.exists()


def test_another_key_or_somebody_else_is_shown_nothing(tmp_path: Path) -> None:
    for other, why in ((kept(tmp_path, key=bytes(32)), "another vault"), (kept(tmp_path, whose="cd" * 32), "else")):
        file = write(tmp_path).file
        assert other.load() is None
        assert why in other.note
        assert not file.exists()


def test_a_link_in_its_place_is_not_followed_in_either_direction(tmp_path: Path) -> None:
    made = write(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    made.file.rename(elsewhere)
    made.file.symlink_to(elsewhere)
    again = kept(tmp_path)
    assert again.load() is None
    assert again.note
    before = elsewhere.read_bytes()
    assert again.writing().save(NOON).startswith("These names are not kept: ")
    assert elsewhere.read_bytes() == before


def test_a_writer_that_is_killed_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    old = write(tmp_path)
    before = old.file.read_bytes()
    script = (
        "import os, sys, signal\nfrom pathlib import Path\nfrom datetime import datetime, UTC\n"
        "from kvtui.services.kept_names import KeptNames\nfrom kvtui.domain.secret import Indexed\n"
        "step = int(sys.argv[2])\ncount = 0\n"
        "def die(event, args):\n"
        "    global count\n"
        "    if event in ('open', 'os.rename', 'os.chmod') and sys.argv[1] in str(args[0]):\n"
        "        count += 1\n"
        "        if count > step: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(die)\n"
        f"w = KeptNames('prod', bytes(range(32)), {WHOSE!r}, Path(sys.argv[1])).writing()\n"
        "w.add([Indexed('new')])\nprint(w.save(datetime.now(UTC)))\n"
    )
    ended = []
    for step in range(12):
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(step)], check=False)
        ended.append(done.returncode)
        found = kept(tmp_path).load()
        assert found is not None
        assert [row.path for row in found.names] in ([row.path for row in ROWS], ["new"])
        if not done.returncode:
            break
        old.file.write_bytes(before)
    assert ended[-1] == 0
    assert -signal.SIGKILL in ended


# Whose they are


class Signing(MemoryBackend):
    """A store that says who we are, and tells of no changes."""

    who: SignedIn | None = SignedIn("ann", ("dev", "default"), identity="id-1")

    def __init__(self, *paths: str) -> None:
        super().__init__(capabilities=ON_A_SERVER)
        self.failure: Exception | None = None
        self.walks = 0
        for path in paths:
            self.write(path, {"value": SecretValue("x")})

    @property
    def signed_in(self) -> SignedIn | None:
        return self.who

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        self.walks += 1
        if self.failure is not None:
            raise self.failure
        return super().walk(folder, skipped=skipped)


def session_of(folder: Path, backend: MemoryBackend, **how: Any) -> Session:
    session = Session(Profile("prod", "memory", MappingProxyType({"name": str(folder)}), **how), state_dir=folder)
    session.unlock()
    session._backend = backend
    return session


def test_who_else_sees_other_names_is_told_apart(tmp_path: Path) -> None:
    backend = Signing()
    session = session_of(tmp_path, backend)
    mine = whose_names(session)
    assert mine is not None
    assert len(mine) == 64
    assert whose_names(session) == mine
    who = SignedIn("ann", ("dev", "default"), identity="id-1")
    for other in (
        who._replace(policies=("dev",)),
        who._replace(identity="id-2"),
    ):
        backend.who = other
        assert whose_names(session) != mine
    # The same person by another way of signing in, which calls them otherwise.
    backend.who = who._replace(name="userpass-ann", policies=("default", "dev"), expires_at=NOON)
    assert whose_names(session) == mine
    backend.who = who
    session.profile = session.profile._replace(settings=MappingProxyType({"name": str(tmp_path), "namespace": "b"}))
    assert whose_names(session) != mine
    for unknown in (None, SignedIn("somebody")):
        backend.who = unknown
        assert whose_names(session) is None


# A run, and the next


class Vaults:
    """Two profiles: a store that keeps names by `mine`, which has the key of a vault."""

    def __init__(self, folder: Path, *, key: bytes | None = KEY) -> None:
        self.folder = folder
        self.key = key
        prod = Profile("prod", "memory", MappingProxyType({"name": str(folder)}), remember_names="mine")
        mine = Profile("mine", "file", MappingProxyType({"path": folder / "none"}))
        self.profiles = Profiles({"prod": prod, "mine": mine}, prod)
        self.keys = NameKeys(self.profiles, state_dir=folder)

    def unlocked(self) -> None:
        """Its vault was opened in this run."""
        vault = session_of(self.folder, MemoryBackend())
        vault.profile = self.profiles.get("mine")
        vault.backend.derive_key = lambda _: self.key  # type: ignore[method-assign]
        self.keys.take(vault)

    def names(self, backend: MemoryBackend) -> Names:
        session = session_of(self.folder, backend, remember_names="mine")
        self.keys.attach(session)
        return session.names


def paths(names: Names) -> list[str]:
    return sorted(match.path for match in names.query("").matches)


def test_names_of_one_run_are_found_in_the_next_before_anything_is_read(tmp_path: Path) -> None:
    first = Vaults(tmp_path)
    first.unlocked()
    names = first.names(Signing("app/db", "app/key"))
    assert (names.note, len(names), names.as_of) == ("", 0, None)
    names.read()
    assert not names.is_old
    later = Vaults(tmp_path)
    later.unlocked()
    store = Signing("app/key", "app/new")
    again = later.names(store)
    assert (paths(again), again.is_old, store.walks) == (["app/db", "app/key"], True, 0)
    assert again.as_of == names.as_of
    assert not again.query("db").complete
    again.read()
    assert (paths(again), again.is_old) == (["app/key", "app/new"], False)


def test_what_was_kept_is_found_while_it_is_read_again_and_where_that_fails(tmp_path: Path) -> None:
    vaults = Vaults(tmp_path)
    vaults.unlocked()
    vaults.names(Signing("app/db")).read()
    store = Signing("app/db")
    store.failure = Unavailable("It is gone.")
    names = vaults.names(store)
    with pytest.raises(Unavailable):
        names.read()
    assert (paths(names), names.is_old) == (["app/db"], True)
    assert KeptNames("prod", KEY, WHOSE, tmp_path).file.exists()


def test_what_is_not_found_any_more_is_dropped_until_it_is_read_again(tmp_path: Path) -> None:
    store = Signing("a/db", "b/db", "c/db")
    names = session_of(tmp_path, store).names
    names.read()
    names.drop("b/db")
    assert paths(names) == ["a/db", "c/db"]
    found = names.query("db", 2)
    assert ([match.path for match in found.matches], found.more) == (["a/db", "c/db"], False)
    assert names.query("db", 1).more
    names.read()
    assert paths(names) == ["a/db", "b/db", "c/db"]


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda *_: None, "the vault mine is locked."),
        (lambda vaults, _: (vaults.unlocked(), vaults.keys.drop()), "the vault mine is locked."),
        (lambda vaults, store: (vaults.unlocked(), setattr(store, "who", None)), "whom it takes us for."),
    ],
)
def test_where_they_cannot_be_kept_they_are_in_memory_and_it_says_why(
    tmp_path: Path, prepare: Callable[[Vaults, Signing], object], why: str
) -> None:
    vaults, store = Vaults(tmp_path), Signing("app/db")
    prepare(vaults, store)
    names = vaults.names(store)
    assert names.note.startswith("These names are not kept: ")
    assert names.note.endswith(why)
    names.read()
    assert paths(names) == ["app/db"]
    assert not (tmp_path / "names").exists()


def test_what_is_locked_while_its_names_are_looked_up_takes_none_and_no_key(tmp_path: Path) -> None:
    for forgotten_first in (True, False):
        made, names = write(tmp_path), Names(Signing("app/db"))
        load = made.load

        def late(names: Names = names, load: Callable[[], object] = load) -> object:
            names.forget()
            return load()

        if forgotten_first:
            names.forget()
        made.load = late  # type: ignore[method-assign, assignment]
        names.keep(made)
        assert (len(names), names.keeps) == (0, False)


def test_a_key_that_comes_after_somebody_locked_is_not_kept(tmp_path: Path) -> None:
    vaults = Vaults(tmp_path)
    vaults.unlocked()
    vault = session_of(tmp_path, MemoryBackend())
    vault.profile = vaults.profiles.get("mine")

    def late(_: str) -> bytes:
        vaults.keys.drop()
        return KEY

    vault.backend.derive_key = late  # type: ignore[method-assign]
    vaults.keys.take(vault)
    assert "is locked" in vaults.names(Signing("app/db")).note


def test_with_the_setting_off_what_was_kept_is_removed(tmp_path: Path) -> None:
    vaults = Vaults(tmp_path)
    vaults.unlocked()
    vaults.names(Signing("app/db")).read()
    assert KeptNames("prod", KEY, WHOSE, tmp_path).file.exists()
    vaults.keys.attach(session_of(tmp_path, Signing()))
    assert not KeptNames("prod", KEY, WHOSE, tmp_path).file.exists()
    assert not kept_names.forget("prod", tmp_path)


def test_a_reading_that_ends_early_keeps_what_was_kept(tmp_path: Path) -> None:
    vaults = Vaults(tmp_path)
    vaults.unlocked()
    vaults.names(Signing("app/db")).read()
    names = vaults.names(Signing("other"))
    stop = threading.Event()
    stop.set()
    names.read(stop)
    assert paths(vaults.names(Signing())) == ["app/db"]


def test_no_name_is_in_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = secrets.token_hex(8)
    with caplog.at_level(logging.DEBUG):
        vaults = Vaults(tmp_path)
        vaults.unlocked()
        vaults.names(Signing(name)).read()
        assert paths(vaults.names(Signing())) == [name]
    assert name not in caplog.text
    held = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert held
    assert not any(name.encode() in each for each in held)


def test_each_vault_has_a_key_of_its_own_for_them(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        place = Place(tmp_path / name)
        with place.open() as vault:
            keys |= {vault.derive_key(kept_names.PURPOSE), vault.derive_key("journal")}
        with place.open() as vault:
            assert vault.derive_key(kept_names.PURPOSE) in keys
    assert len(keys) == 4
    assert None not in keys


# In the background


def test_they_are_read_again_as_often_as_somebody_asked_and_no_more(tmp_path: Path) -> None:
    now = NOON
    names = Names(Signing("a"), now=lambda: now)
    every = timedelta(minutes=15)
    assert not names.is_due(every)  # nobody has looked at them yet
    names.read()
    assert not names.is_due(every)
    now += timedelta(minutes=14)
    assert not names.is_due(every)
    now += timedelta(minutes=1)
    assert names.is_due(every)
    assert not names.is_due(timedelta())
    names._took = timedelta(minutes=1)  # that long a walk is not done every quarter of an hour
    assert not names.is_due(every)
    names._took = timedelta()
    names._backend.close()
    names.read_again()  # fails, which is for whoever looks next
    assert names.note.startswith("They could not be read again")
    assert not names.is_due(every)
    here = Names(MemoryBackend(), now=lambda: now)
    here.read()
    now += timedelta(days=1)
    assert not here.is_due(every)


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(minutes=2), "as of 12:03"),
        (timedelta(days=1), "as of yesterday 12:03"),
        (timedelta(days=30), "as of 2026-01-02"),
    ],
)
def test_the_age_is_told_where_the_user_is(monkeypatch: pytest.MonkeyPatch, ago: timedelta, told: str) -> None:
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    assert told_age(NOON, NOON + ago) == told


def test_a_session_knows_when_its_profile_wants_them_again(tmp_path: Path) -> None:
    session = session_of(tmp_path, Signing("a"), refresh_names_minutes=1)
    assert not session.names_are_due
    session.names.read()
    assert not session.names_are_due
    session.names._looked = NOON
    assert session.names_are_due
    session.lock()
    assert not session.names_are_due


def test_what_was_kept_is_found_in_several_stores_before_any_is_read(tmp_path: Path) -> None:
    vaults = Vaults(tmp_path)
    vaults.unlocked()
    vaults.names(Signing("app/db")).read()
    store = Signing("app/new")
    store.failure = Unavailable("It is gone.")
    session = session_of(tmp_path, store, remember_names="mine")
    with Finding([session], keys=vaults.keys) as finding:
        assert finding.wait(60)
        (report,) = finding.reports()
        assert [found.address for found in finding.query("db").matches] == ["prod:app/db"]
        assert (report.is_old, report.count, type(report.error)) == (True, 1, Unavailable)
        assert not finding.query("db").complete


# The configuration


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ("remember_names: mime", "names mime, but there is no such profile"),
        ("remember_names: prod", "which is a memory store"),
        ("remember_names: ''", "is empty"),
        ("remember_names: true", "must be a text"),
        ("refresh_names_minutes: often", "must be a whole number"),
        ("refresh_names_minutes: -1", "must be from 0"),
        ("remember_name: mine", "has no key remember_name"),
    ],
)
def test_wrong_settings_are_refused_with_their_line(tmp_path: Path, settings_: str, message: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"default: prod\nprofiles:\n  mine: {{backend: file, path: v}}\n  prod:\n    backend: memory\n    {settings_}\n"
    )
    with pytest.raises(InvalidInput) as caught:
        profiles.load(config.load(file), environ={})
    assert message in caught.value.message
    assert f"{file}:6: " in caught.value.message


def test_a_vault_keeps_its_own_names_and_others_name_a_vault(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = "default: mine\nprofiles:\n  mine: {backend: file, path: v}\n"
    file.write_text(f"{text}  prod: {{backend: memory, remember_names: mine, refresh_names_minutes: 30}}\n")
    found = profiles.load(config.load(file), environ={}).get("prod")
    assert (found.remember_names, found.refresh_names_minutes) == ("mine", 30)
    file.write_text(f"{text}  more: {{backend: file, path: w, remember_names: mine}}\n")
    with pytest.raises(InvalidInput, match="a vault has its names in itself"):
        profiles.load(config.load(file), environ={})
