"""Names and answers from an enemy: no name addresses anything but itself, no answer speaks through our errors."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.errors import InvalidInput, InvalidPath, KvtuiError
from tests.doubles.server import Fault, Reply
from tests.doubles.vault import VaultDouble
from tests.support.hostile import BY_CATEGORY, HOSTILE, HostileString
from tests.support.oracle import bad_tokens
from tests.vault_faults.places import MOUNTS, api, fields, opened

LONGEST = 500
"""Characters of an error on the screen."""
STATUSES = (400, 403, 404, 405, 412, 418, 429, 472, 500, 503, 200, 307)
THOROUGH = {"csi", "osc", "c1", "error_body", "leak_sentinel"}
CATEGORIES = [
    pytest.param(each, id=each, marks=() if each in {*THOROUGH, "path", "bidi"} else pytest.mark.slow)
    for each in BY_CATEGORY
]
SHORT = 4
"""A payload of so few characters is in any text by chance."""


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made


def as_bytes(entry: HostileString) -> bytes:
    return entry.value.encode("utf-8", "surrogatepass")


def told(double: VaultDouble, entry: HostileString, reply: Reply) -> str:
    """The error that this reply becomes; nothing where it is taken for an answer."""
    double.break_next(Fault("reply", reply=reply))
    with api(double, timeout=0.3) as made:  # a line of theirs may end the head early, and promise a body
        try:
            made.call("GET", "kv/data/a", about="kv/a")
        except KvtuiError as error:
            return f"{error.message}\n{error.hint}" + (f"\n{error.__cause__!r}" if error.__cause__ else "")
    return ""


def check(shown: str, entry: HostileString) -> None:
    assert bad_tokens(shown.encode("utf-8", "surrogatepass")) == [], entry
    assert len(shown) <= LONGEST, entry
    payload = entry.value.strip()
    assert len(payload) < SHORT or payload not in shown, entry


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_byte_of_a_hostile_body_is_in_an_error(double: VaultDouble, category: str) -> None:
    for number, entry in enumerate(BY_CATEGORY[category]):
        for status in STATUSES if category in THOROUGH else STATUSES[number % len(STATUSES) :][:1]:
            check(told(double, entry, Reply(status, as_bytes(entry))), entry)


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_byte_of_a_hostile_status_line_or_header_is_in_an_error(double: VaultDouble, category: str) -> None:
    for number, entry in enumerate(BY_CATEGORY[category]):
        text = as_bytes(entry).decode("latin-1")
        status = STATUSES[number % len(STATUSES)]
        check(told(double, entry, Reply(status, b"{}", reason=text)), entry)
        for name in ("Location", "Retry-After", "Warning", "Content-Type", "X-Vault-Index", "Content-Encoding"):
            shown = told(double, entry, Reply(307 if name == "Location" else status, b"{}", {name: text}))
            if name != "Location":
                check(shown, entry)
            assert bad_tokens(shown.encode("utf-8", "surrogatepass")) == [], entry
            assert len(shown) <= LONGEST, entry


def test_the_server_a_redirect_names_is_shown_harmlessly(double: VaultDouble) -> None:
    for number, entry in enumerate(HOSTILE):
        text = as_bytes(entry).decode("latin-1").replace("\r", "").replace("\n", "")[:5000]
        forms = [f"http://{text}/", f"http://user:pw-{text}@evil.example/{text}", f"//{text}", f"{text}:"]
        for location in forms if entry.category in THOROUGH else forms[number % len(forms) :][:1]:
            shown = told(double, entry, Reply(307, b"", {"Location": location}))
            assert bad_tokens(shown.encode("utf-8", "surrogatepass")) == [], entry
            assert len(shown) <= LONGEST, entry
            assert "pw-" not in shown or "pw-" in entry.value, entry


def deeds(backend: Backend, path: str) -> None:
    with suppress(KvtuiError):
        backend.write(path, fields())
    for act in (backend.read, backend.outline, backend.metadata, backend.versions, backend.list, backend.retention):
        with suppress(KvtuiError):
            act(path)
    with suppress(KvtuiError):
        list(backend.walk(path))
    with suppress(KvtuiError):
        backend.limits([path, f"{path}/"])


HERE = (
    *("/v1/kv/", "/v1/old/", "/v1/cubbyhole/", "/v1/sys/internal/ui/mounts/", "/v1/sys/capabilities-self/"),
    "/v1/auth/token/lookup-self/",
)


def outside(double: VaultDouble) -> list[str]:
    """Requests that went, once decoded as a server or proxy may do (twice even), elsewhere than to the mounts."""
    found = []
    for seen in double.requests:
        for path in (unquote(seen.path), unquote(unquote(seen.path))):
            clean = posixpath.normpath(path)
            if unquote(seen.path) == path and not f"{clean}/".startswith(HERE):
                found.append(seen.target)
            if clean.startswith(("/v1/sys/seal", "/v1/sys/step-down", "/v1/auth/token/create")):
                found.append(seen.target)
    return found


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_a_hostile_name_is_refused_or_addressed_exactly(double: VaultDouble, category: str, mount: str) -> None:
    with opened(double, root=mount) as inside, opened(double) as above:
        secrets = double.secrets_of(mount)
        for entry in BY_CATEGORY[category]:
            name = entry.value
            for backend, path in ((inside, name), (above, f"{mount}/{name}")):
                secrets.clear()
                try:
                    backend.write(path, fields())
                except (InvalidPath, InvalidInput):
                    assert not secrets, entry
                else:
                    assert [*secrets] == [name], entry
                    assert backend.read(path).fields["field"].same_as(fields()["field"]), entry
                    assert path in {found.path for found in backend.walk("")}, entry
                    backend.delete(path)
                deeds(backend, path)
    assert not double.broken
    assert outside(double) == []
    assert not double.sealed


def test_a_hostile_name_above_the_mounts_goes_nowhere_else(double: VaultDouble) -> None:
    with opened(double) as backend:
        sent = len(double.mutations())
        for entry in BY_CATEGORY["path"]:
            for path in (entry.value, f"nowhere/{entry.value}", f"{entry.value}/kv/a"):
                deeds(backend, path)
        assert len(double.mutations()) == sent
    assert outside(double) == []


def test_a_hostile_role_is_refused_or_asked_for_exactly(double: VaultDouble) -> None:
    with opened(double) as backend:
        for entry in HOSTILE:
            for role in (entry.value, f"database/creds/{entry.value}"):
                double.requests.clear()
                with suppress(KvtuiError):
                    backend.issue(role)
                for seen in double.requests:
                    if seen.path == "/v1/auth/token/lookup-self":
                        continue  # after a refusal
                    whole = unquote(seen.path).removeprefix("/v1/")
                    path = whole.removeprefix("sys/internal/ui/mounts/")
                    assert path in {role.strip("/"), f"database/creds/{role.strip('/')}"}, entry
                    assert posixpath.normpath(path) == path, entry
                    assert path != whole or path.partition("/")[0] not in {"sys", "auth"}, entry


@pytest.mark.parametrize("text", ["..", ".", "a/../b", "../sys/seal", "./a"])
def test_no_path_of_the_api_can_climb(double: VaultDouble, text: str) -> None:
    """Below the contract too, for names that come from listings or settings."""
    from kvtui.backends.vault.api import path_of

    with pytest.raises(InvalidPath):
        path_of("kv", "data", text)
    with opened(double, root=f"kv/{text}") as backend, suppress(KvtuiError):
        backend.list()
    assert not any(".." in seen.target or "seal" in seen.target for seen in double.requests)
