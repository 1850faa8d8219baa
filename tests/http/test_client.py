"""The HTTP client against a real server that does what servers do on bad days."""

from __future__ import annotations

import base64
import gzip
import logging
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kvtui.backends.http import address
from kvtui.backends.http.answer import Answer, Unanswered
from kvtui.backends.http.client import HttpClient, header_value
from kvtui.backends.http.tls import Tls
from kvtui.domain.errors import InvalidInput, KvtuiError, Locked, RateLimited, Unavailable
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply
from tests.http.echo import Echo, reply

TOKEN = SecretValue("token-" + "7f3a" * 6)


def test_the_target_reaches_the_server_byte_for_byte(client: HttpClient, server: Echo) -> None:
    for name in ("a b", "a/b", "..", "%2f", "é", "a?b#c", "%41", "~", "a+b", "'"):
        path = "/secret/" + address.encode(name) + address.query([("list", "true"), ("q", "ü&=?")])
        client.send("GET", path)
        assert server.requests[-1].target == f"/v1{path}"


def test_numbers_keep_their_literal(client: HttpClient) -> None:
    answer = client.send("GET", "/x").json()
    assert isinstance(answer, dict)
    assert getattr(answer["number"], "literal", None) == "1.10"


@pytest.mark.parametrize("status", [412, 429, 500, 502, 503, 504])
def test_a_read_is_tried_again_where_that_may_help(client: HttpClient, server: Echo, status: int) -> None:
    server.break_next(reply(status, retry_after="0"), reply(status, retry_after="0"))
    assert client.send("GET", "/x", repeat=True).status == 200
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 501])
def test_an_answer_that_will_not_change_is_not_asked_for_again(client: HttpClient, server: Echo, status: int) -> None:
    server.break_next(reply(status, location="http://127.0.0.1:1/elsewhere"))
    assert client.send("GET", "/x", repeat=True).status == status
    assert len(server.requests) == 1


def test_a_final_answer_ends_the_repeating(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), is_final=lambda answer: b"sealed" in answer.body)
    server.break_next(Fault("reply", reply=Reply(503, b'{"errors":["sealed"]}'), times=3))
    assert client.send("GET", "/x", repeat=True).status == 503
    assert len(server.requests) == 1
    client.close()


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "close_early"])
def test_a_write_is_sent_once_whatever_happens(client: HttpClient, server: Echo, kind: str) -> None:
    server.break_next(Fault(kind))
    with pytest.raises(Unanswered) as caught:
        client.send("POST", "/x", json={"a": "b"})
    assert caught.value.may_have_arrived
    assert not caught.value.retryable
    assert len(server.requests) == 1
    assert server.changes == (kind != "reset_before")


def test_what_never_left_is_known_not_to_have_arrived() -> None:
    client = HttpClient(address.parse("http://127.0.0.1:1"), timeout=3)
    with pytest.raises(Unanswered) as caught:
        client.send("POST", "/x", json={})
    assert not caught.value.may_have_arrived
    assert caught.value.retryable
    client.close()


@pytest.mark.parametrize(
    "fault",
    [Fault("hang", seconds=30), Fault("drip_head", seconds=0.3), Fault("drip_body", seconds=0.3)],
    ids=lambda fault: fault.kind,
)
def test_a_slow_server_ends_at_the_deadline_of_the_whole_call(server: Echo, fault: Fault) -> None:
    client = HttpClient(address.parse(server.url), timeout=1.0)
    server.break_next(fault)
    started = time.monotonic()
    with pytest.raises(Unanswered, match="in time"):
        client.send("GET", "/x", repeat=True)
    assert time.monotonic() - started < 10
    client.close()


def test_too_much_and_compressed_bodies_are_refused(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), max_body=1024 * 1024)
    server.break_next(Fault("reply", reply=Reply(body=b"x" * (1024 * 1024 + 1))))
    with pytest.raises(Unavailable, match="longer than 1 MiB"):
        client.send("GET", "/x", repeat=True)
    bomb = gzip.compress(b"0" * 10_000_000)
    server.break_next(Fault("reply", reply=Reply(body=bomb, headers={"Content-Encoding": "gzip"})))
    with pytest.raises(Unavailable, match="compressed"):
        client.send("GET", "/x", repeat=True)
    assert len(server.requests) == 2
    client.close()


@pytest.mark.parametrize("body", [b"<html>login</html>", b"\xff\xfe", b"", b"[" * 100_000, b'{"a":1,"a":2}', b"NaN"])
def test_what_is_no_json_is_told_without_quoting_it(client: HttpClient, server: Echo, body: bytes) -> None:
    server.break_next(Fault("reply", reply=Reply(body=body)))
    with pytest.raises(Unavailable, match="something else than JSON") as caught:
        client.send("GET", "/x").json()
    assert "login" not in str(caught.value).replace("login page", "")


def test_retry_after_is_read_in_seconds_and_as_a_date() -> None:
    def after(text: str) -> float | None:
        return Answer(429, {"retry-after": text}, b"").retry_after()

    assert after("2") == 2
    assert after("999999") == 999999
    assert 55 < (after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)) or 0) <= 60
    assert after(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0
    assert [after(text) for text in ("", "soon", "-1", "1e9", "٣", "9" * 400)] == [None] * 6


def test_a_limit_is_waited_for_and_told_when_it_is_too_long(client: HttpClient, server: Echo) -> None:
    server.break_next(reply(429, retry_after="1"))
    started = time.monotonic()
    assert client.send("GET", "/x", repeat=True).ok
    assert time.monotonic() - started >= 0.9
    server.break_next(reply(429, retry_after="999999"))
    with pytest.raises(RateLimited) as caught:
        client.send("GET", "/x", repeat=True)
    assert caught.value.retry_after == 60
    server.break_next(reply(429, retry_after="0"))
    with pytest.raises(RateLimited):
        client.send("POST", "/x", json={})


def test_closing_ends_what_waits_at_once(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), timeout=30)
    server.break_next(reply(429, retry_after="20"))
    failures: list[KvtuiError] = []

    def call() -> None:
        try:
            client.send("GET", "/x", repeat=True)
        except KvtuiError as error:
            failures.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    server.until(lambda: bool(server.requests))
    started = time.monotonic()
    client.close()
    waiting.join(60)
    assert time.monotonic() - started < 15
    assert isinstance(failures[0], Locked)
    with pytest.raises(Locked):
        client.send("GET", "/x")


def test_proxies_and_certificates_of_the_environment_are_not_used(
    server: Echo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login somebody password {'x' * 8}\n")
    with Echo() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        client = HttpClient(address.parse(server.url))
        client.send("GET", "/x", headers={"X-Vault-Token": TOKEN})
        client.close()
        assert not proxy.requests
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].headers["x-vault-token"] == TOKEN.reveal()


def test_a_proxy_of_the_profile_is_used(server: Echo) -> None:
    with Echo() as proxy:
        client = HttpClient(address.parse(server.url), proxy=proxy.url)
        client.send("GET", "/x")
        client.close()
        assert proxy.requests[0].target == f"{server.url}/x"
    assert not server.requests


def test_a_proxy_gets_the_name_and_password_of_its_address_and_the_server_does_not(server: Echo) -> None:
    with Echo() as proxy:
        url = proxy.url.replace("//", "//us:p%40ss@")
        client = HttpClient(address.parse(server.url), proxy=url)
        client.send("GET", "/x")
        client.close()
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"us:p@ss").decode()
    assert not server.requests


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_how_often_a_read_is_tried_can_be_set(server: Echo, attempts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.backends.http.client._pause", lambda _: 0.0)
    client = HttpClient(address.parse(server.url), attempts=attempts)
    server.break_next(reply(503), *[reply(503)] * 9)
    assert client.send("GET", "/x", repeat=True).status == 503
    assert len(server.requests) == attempts
    client.close()


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\0b", "tökén", "a\tb", "a\nb\n"])
def test_a_token_no_header_can_hold_is_refused_without_being_told(client: HttpClient, server: Echo, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.send("GET", "/x", headers={"X-Vault-Token": SecretValue(text)})
    assert text not in str(caught.value) + repr(caught.value.__dict__)
    assert caught.value.__cause__ is None
    assert not server.requests


def test_one_newline_at_the_end_of_a_token_is_dropped() -> None:
    assert header_value(SecretValue("abc\n")) == "abc"
    assert header_value(SecretValue("abc\r\n")) == "abc"


def test_nothing_of_a_call_is_logged(client: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.send("GET", "/x?q=topsecret", headers={"X-Vault-Token": TOKEN})
    assert TOKEN.reveal() not in caplog.text
    assert "topsecret" not in caplog.text


@pytest.mark.parametrize(
    "url",
    ["", "vault", "ftp://x", "https://", "https://u:p@x", "https://x?a=b", "https://x#f", "http://example.com",
     "https://x\x1b[0m", "https://bücher.example", "https://x:99999", "https://x:port"],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        address.parse(url)
    assert "u:p" not in str(caught.value)


def test_plain_http_goes_to_this_machine_or_where_it_is_allowed() -> None:
    assert address.parse("http://127.0.0.1:8200").is_loopback
    assert address.parse("http://[::1]:8200/").origin == "http://[::1]:8200"
    assert address.parse("http://localhost").is_plain
    assert not address.parse("http://example.com", allow_http=True).is_loopback
    assert str(address.parse("https://example.com/base/")) == "https://example.com/base"


class Authority:
    """Certificates for tests, made here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.certificate = self._made("authority", None, None, days=10)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, *, days: int = 10) -> ssl.SSLContext:
        key, certificate = self._made(name, self.key, self.certificate, days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files(name, key, certificate))
        return context

    def client(self, name: str) -> tuple[Path, Path]:
        key, certificate = self._made(name, self.key, self.certificate, days=10)
        return self._files(name, key, certificate)

    def _files(self, name: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate) -> tuple[Path, Path]:
        pair = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        pair[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        pair[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair

    @staticmethod
    def _made(
        name: str, by: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None, *, days: int
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        signer = by or key
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        return key, builder.sign(signer, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def call(server: Echo, tls: Tls) -> Answer:
    client = HttpClient(address.parse(server.url.replace("127.0.0.1", "localhost")), tls=tls, timeout=5)
    try:
        return client.send("GET", "/x", headers={"X-Vault-Token": TOKEN}, repeat=True)
    finally:
        client.close()


def test_a_certificate_is_checked_and_the_reason_told(authority: Authority) -> None:
    cases = [
        (authority.server("localhost"), Tls(ca_file=authority.file), ""),
        (authority.server("localhost"), Tls(), "unknown authority"),
        (authority.server("other"), Tls(ca_file=authority.file), "for another name"),
        (authority.server("other"), Tls(ca_file=authority.file, server_name="other"), ""),
        (authority.server("localhost", days=-1), Tls(ca_file=authority.file), "expired"),
        (authority.server("other"), Tls(skip_verify=True), ""),
    ]
    for context, tls, refused in cases:
        with Echo(context) as server:
            if not refused:
                assert call(server, tls).ok
                continue
            with pytest.raises(Unavailable, match=refused) as caught:
                call(server, tls)
            assert not caught.value.retryable
            assert not server.requests


def test_a_client_certificate_is_presented(authority: Authority) -> None:
    context = authority.server("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(authority.file))
    certificate, key = authority.client("me")
    with Echo(context) as server:
        assert call(server, Tls(authority.file, client_cert=certificate, client_key=key)).ok
        with pytest.raises(Unavailable):
            call(server, Tls(authority.file))


def test_unusable_tls_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(InvalidInput, match=r"broken\.pem"):
        Tls(ca_file=broken).context()
    with pytest.raises(InvalidInput, match=r"broken\.pem"):
        Tls(client_cert=broken).context()
    with pytest.raises(InvalidInput, match="without client_cert"):
        Tls(client_key=broken).context()


def test_the_servers_clock_is_known_by_its_last_answer(client: HttpClient, server: Echo) -> None:
    assert client.clock_skew is None
    ahead = timedelta(minutes=7)
    server.break_next(reply(200, date=format_datetime(datetime.now(UTC) + ahead, usegmt=True)))
    client.send("GET", "/x")
    assert client.clock_skew is not None
    assert abs(client.clock_skew - ahead) < timedelta(seconds=5)
    for wrong in ("", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"):
        server.break_next(reply(200, date=wrong))
        client.send("GET", "/x")
        assert client.clock_skew is None
