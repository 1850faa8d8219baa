"""Where a token and a value go, and where not: URLs, logs, reprs, other hosts, proxies, servers nobody vouches for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.tls import Tls
from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.mounts import Mounts
from kvtui.domain.errors import InvalidInput, KvtuiError, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.value import SecretValue
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.http.test_client import Authority
from tests.support.logs import Log, kept_log
from tests.vault_faults.places import MOUNTS, TOKEN, VALUE, answering, api, changes, fields, opened


class Recorder(Double):
    """Any other server: answers everything, does nothing."""

    def answer(self, request: Seen) -> Reply:
        return Reply(body=b'{"data": {}}')


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        made.token("root", id=TOKEN)
        yield made


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as made:
        yield made


@pytest.fixture
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


def use_everything(backend: VaultBackend) -> None:
    """Every kind of request once, on both engines, with some of what goes wrong."""
    for mount in MOUNTS:
        path = f"{mount}/folder/a"
        backend.write(path, fields(), expected=0)
        backend.write(path, fields())
        backend.read(path)
        backend.outline(path)
        list(backend.walk())
        backend.limits([path, f"{mount}/"])
        with pytest.raises(KvtuiError):
            backend.write(path, fields(), expected=9)
        with pytest.raises(KvtuiError):
            backend.read(f"{path}/nothing")
    path = "kv/folder/a"
    backend.read(path, 1)
    backend.write_metadata(path, MetadataPatch(description="d"))
    backend.write_retention(path, Retention(max_versions=5))
    backend.versions(path)
    list(backend.trash())
    list(backend.index())
    backend.delete(path)
    backend.undelete(path)
    backend.destroy(path, [1])
    backend.destroy(path)
    backend.delete("old/folder/a")
    shared = backend.share(fields(), timedelta(minutes=1))
    backend.look_into(shared.token)
    backend.unwrap(shared.token)
    backend.keep_alive()
    backend.condition()


def test_no_token_and_no_value_is_in_a_url_a_header_of_its_own_or_a_log(double: VaultDouble, log: Log) -> None:
    with opened(double, TOKEN) as backend:
        use_everything(backend)
        for kind in ("reset_after", "reset_before", "close_early"):
            double.break_next(Fault(kind, when=changes))
            with suppress(KvtuiError):
                backend.write("kv/log", fields())
    assert not double.broken
    assert len(double.requests) > 30
    assert len(log.lines) > 30  # the loggers are loud enough to prove something
    for line in log.lines:
        assert TOKEN not in line
        assert VALUE not in line
        assert "?" not in line.partition("{")[0], line
    for seen in double.requests:
        assert TOKEN not in seen.target
        assert VALUE not in seen.target
        others = {name: value for name, value in seen.headers.items() if name != "x-vault-token"}
        assert TOKEN not in repr(others)
        assert TOKEN.encode() not in seen.body


def test_no_repr_tells_a_token_or_a_value(double: VaultDouble) -> None:
    with opened(double, TOKEN) as backend:
        backend.write("kv/a", fields())
        secret = backend.read("kv/a")
        client = backend._api._client
        answer = client.send("GET", "/v1/kv/data/a", headers={"X-Vault-Token": SecretValue(TOKEN)})
        reply = backend._api.get("kv/data/a")
        assert VALUE.encode() in answer.body
        holders = [backend, backend._api, client, client._transport, client._transport._pool, answer, reply, secret]
        for holder in holders:
            told = repr(holder) + str(holder)
            told += repr(getattr(holder, "__dict__", {}) if holder not in (answer, reply) else "")
            assert TOKEN not in told, type(holder)
            assert VALUE not in told, type(holder)


def test_after_closing_no_connection_object_holds_the_token(double: VaultDouble) -> None:
    made = api(double, TOKEN)
    made.get("sys/internal/ui/mounts")
    client = made._client
    made.close()
    held = [repr(each) for each in gc.get_referents(made, made.__dict__, client.__dict__)]
    assert made._token is None
    assert not any(TOKEN in each for each in held)


def test_no_cookie_is_kept(double: VaultDouble) -> None:
    with opened(double, TOKEN) as backend:
        double.break_next(answering(200, {"data": {}}, set_cookie="session=1; Path=/"))
        backend.namespaces()
        backend.write("kv/a", fields())
        assert not any("cookie" in seen.headers for seen in double.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["other port", "other host", "another scheme", "here"])
def test_a_redirect_is_told_and_followed_by_nothing(
    double: VaultDouble, recorder: Recorder, status: int, where: str
) -> None:
    targets = {
        "other port": recorder.url,
        "other host": f"http://localhost:{recorder.port}",
        "another scheme": f"https://127.0.0.1:{recorder.port}",
        "here": "",
    }
    with opened(double, TOKEN) as backend:
        backend.write("kv/a", fields())
        double.requests.clear()
        for method in ("GET", "POST"):
            location = f"{targets[where]}/v1/kv/data/a"
            double.break_next(answering(status, location=location))
            with pytest.raises(Unavailable, match="sends us to another one") as caught:
                backend._api.call(method, "kv/data/a", {"data": {}} if method == "POST" else None, repeat=True)
            assert len(str(caught.value)) <= 500
            assert TOKEN not in str(caught.value)
        assert len(double.requests) == 2
    assert recorder.requests == []


def test_proxies_netrc_and_certificates_of_the_environment_are_ignored(
    double: VaultDouble, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password netrc-password\n")
    (tmp_path / ".netrc").chmod(0o600)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, recorder.url)
        monkeypatch.setenv(name.upper(), recorder.url)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with opened(double, TOKEN) as backend:
        use_everything(backend)
    assert recorder.requests == []
    assert not any("authorization" in seen.headers or "netrc-password" in repr(seen) for seen in double.requests)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def named(double: VaultDouble, tls: Tls, timeout: float = 5.0) -> VaultApi:
    client = HttpClient(address.parse(double.url.replace("127.0.0.1", "localhost")), tls=tls, timeout=timeout)
    return VaultApi(client, token=SecretValue(TOKEN))


@pytest.mark.parametrize("case", ["self-signed", "expired", "wrong host"])
def test_a_certificate_nobody_vouches_for_is_refused_with_its_reason(authority: Authority, case: str) -> None:
    context, tls, reason = {
        "self-signed": (authority.server("localhost"), Tls(), "authority"),
        "expired": (authority.server("localhost", days=-1), Tls(ca_file=authority.file), "expired"),
        "wrong host": (authority.server("other"), Tls(ca_file=authority.file), "another name"),
    }[case]
    with VaultDouble(context=context) as double:
        with named(double, tls) as made, pytest.raises(Unavailable, match=reason) as caught:
            made.change("POST", "secret/data/a", {"data": {}})
        assert "nothing" not in str(caught.value)
        assert "not known" not in str(caught.value)  # no request was sent
        assert double.requests == []


def test_a_certificate_in_the_environment_is_not_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with VaultDouble(context=authority.server("localhost")) as double:
        with named(double, Tls()) as made, pytest.raises(Unavailable, match="authority"):
            made.get("secret/data/a")
        assert double.requests == []


@pytest.mark.parametrize("kind", ["reset_after", "close_early", "reset_before"])
def test_a_write_over_tls_is_settled_like_any_other(authority: Authority, kind: str) -> None:
    with VaultDouble(context=authority.server("localhost")) as double:
        double.token("root", id=TOKEN)
        with named(double, Tls(ca_file=authority.file)) as made:
            backend = VaultBackend(made, Mounts(made), location="double")
            backend.write("secret/a", fields(), expected=0)
            double.break_next(Fault(kind, when=changes))
            sent = len(double.mutations())
            if kind == "reset_before":
                with pytest.raises(Unavailable, match="nothing is changed"):
                    backend.write("secret/a", fields("b"), expected=1)
            else:
                assert backend.write("secret/a", fields("b"), expected=1).number == 2
            assert len(double.mutations()) == sent + 1


@pytest.mark.parametrize("text", [f"{TOKEN}\r\nX-Evil: 1", f"{TOKEN}\0", f"{TOKEN}é", f"{TOKEN}\n\n", f"a\n{TOKEN}"])
def test_a_token_no_header_can_hold_is_refused_before_anything_is_sent(double: VaultDouble, text: str) -> None:
    with api(double, text) as made:
        with pytest.raises(InvalidInput) as caught:
            made.get("kv/data/a")
        assert TOKEN not in str(caught.value) + repr(caught.value.__dict__)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    assert double.requests == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_newline_at_the_end_of_a_token_is_dropped(double: VaultDouble, end: str) -> None:
    with opened(double, TOKEN + end) as backend:
        backend.write("kv/a", fields())
    assert {seen.headers["x-vault-token"] for seen in double.requests} == {TOKEN}
