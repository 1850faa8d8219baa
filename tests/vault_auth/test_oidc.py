"""OIDC: by a browser on this machine, and by another device."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kvtui.backends.vault.auth import methods, oidc
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, Unavailable, WrongCredential
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault
from tests.vault_auth.double import TOKEN, Server, enveloped, refused
from tests.vault_auth.talk import Talk, free_port

GOOD = "/oidc/callback?state=st_1&code=c0de"


@pytest.fixture
def port() -> int:
    return free_port()


def browse(port: int, target: str = GOOD, method: str = "GET", host: str | None = None) -> tuple[int, str, Any]:
    """What a browser sees there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, target, headers={"Host": host or f"localhost:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def sign_in(api: LoginApi, port: int, person: Callable[[str], Any], **more: Any) -> tuple[Signed, Talk]:
    talk = Talk(on_visit=lambda url: person(url) and None)
    return methods.sign_in(api, {"method": "oidc", "role": "dev", "port": port, **more}, talk, {}), talk


def test_the_browser_comes_back_with_a_code(server: Server, api: LoginApi, port: int) -> None:
    pages: list[tuple[int, str, Any]] = []
    signed, talk = sign_in(api, port, lambda _: pages.append(browse(port)))
    assert signed.token.same_as(SecretValue(TOKEN))
    assert signed.display == "dev"
    assert talk.visited == [server.auth_url]
    assert [request.method for request in server.requests] == ["POST", "GET"]
    status, page, headers = pages[0]
    assert status == 200
    assert "script" not in page
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["Cache-Control"] == "no-store"
    assert "c0de" not in page
    assert "Server" not in headers
    with pytest.raises(OSError, match="refused"):
        browse(port)


def test_each_attempt_has_a_nonce_of_its_own(server: Server, api: LoginApi, port: int) -> None:
    nonces = set()
    for _ in range(2):
        sign_in(api, port, lambda _: browse(port))
        nonces.add(parse_qs(urlsplit(server.requests[-1].target).query)["client_nonce"][0])
    assert len(nonces) == 2
    assert all(len(nonce) >= 32 for nonce in nonces)


def test_requests_that_are_not_the_right_one_change_nothing(server: Server, api: LoginApi, port: int) -> None:
    statuses: list[int] = []

    def person(_: str) -> None:
        for target, method, host in [
            ("/favicon.ico", "GET", None),
            ("/", "GET", None),
            ("/oidc/callback", "GET", None),
            ("/oidc/callback?code=evil", "GET", None),
            ("/oidc/callback?state=other&code=evil", "GET", None),
            ("/oidc/callback?state=%C3%A9%ED%A0%80&code=evil", "GET", None),
            ("/oidc/callback?state=st_1", "GET", None),
            ("/oidc/callback?" + "a=b&" * 100, "GET", None),
            (GOOD, "POST", None),
            (GOOD, "GET", f"evil.example:{port}"),
            (GOOD, "GET", "localhost"),
        ]:
            statuses.append(browse(port, target, method, host)[0])
        assert len(server.requests) == 1
        browse(port)

    signed, _ = sign_in(api, port, person)
    assert signed.token.same_as(SecretValue(TOKEN))
    assert statuses == [404, 404, 400, 400, 400, 400, 400, 400, 501, 404, 404]
    assert len(server.requests) == 2


def test_a_second_answer_is_not_taken(server: Server, api: LoginApi, port: int) -> None:
    second: list[int] = []

    def person(_: str) -> None:
        browse(port)
        second.append(browse(port, "/oidc/callback?state=st_1&code=evil")[0])

    sign_in(api, port, person)
    assert second == [400]
    assert len(server.requests) == 2


def test_connections_that_say_nothing_hold_nobody_up(api: LoginApi, port: int) -> None:
    silent: list[socket.socket] = []

    def person(_: str) -> None:
        silent.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(3))
        browse(port)

    started = time.monotonic()
    sign_in(api, port, person)
    assert time.monotonic() - started < 30
    for each in silent:
        each.close()


def test_only_this_machine_reaches_the_port(api: LoginApi, port: int) -> None:
    bound: list[str] = []

    def person(_: str) -> None:
        with open("/proc/net/tcp") as table:  # noqa: PTH123
            rows = [line.split() for line in table][1:]
        bound.extend(row[1].partition(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
        browse(port)

    sign_in(api, port, person)
    assert bound == ["0100007F"]


def test_a_provider_that_refuses_is_told_without_its_words(server: Server, api: LoginApi, port: int) -> None:
    target = "/oidc/callback?state=st_1&error=access_denied&error_description=%1b[31mSENTINEL"
    with pytest.raises(WrongCredential, match="identity provider") as caught:
        sign_in(api, port, lambda _: browse(port, target))
    assert "SENTINEL" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_code_the_server_does_not_take_is_told(server: Server, api: LoginApi, port: int) -> None:
    with pytest.raises(WrongCredential, match="does not accept"):
        sign_in(api, port, lambda _: browse(port, "/oidc/callback?state=st_1&code=other"))
    assert len(server.requests) == 2


def test_the_code_is_sent_once_whatever_happens(server: Server, api: LoginApi, port: int) -> None:
    server.break_next(Fault("reset_after", when=lambda seen: "callback" in seen.path, times=3))
    with pytest.raises(Unavailable) as caught:
        sign_in(api, port, lambda _: browse(port))
    assert "c0de" not in str(caught.value)
    assert len(server.requests) == 2


def test_it_can_be_cancelled(server: Server, api: LoginApi, port: int) -> None:
    talk = Talk(cancel=True)
    with pytest.raises(AuthenticationRequired, match="cancelled"):
        methods.sign_in(api, {"method": "oidc", "role": "dev", "port": port}, talk, {})
    assert len(server.requests) == 1


def test_it_does_not_wait_for_ever(api: LoginApi, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "PATIENCE", 0.2)
    with pytest.raises(AuthenticationRequired, match="stopped waiting"):
        sign_in(api, port, lambda _: None)


def test_a_port_that_is_taken_is_named(api: LoginApi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"Port {port} "):
            sign_in(api, port, lambda _: None)


def test_nobody_with_a_browser_is_told_before_anything_is_sent(server: Server, api: LoginApi) -> None:
    with pytest.raises(AuthenticationRequired, match="browser"):
        methods.sign_in(api, {"method": "oidc"}, None, {})
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", AuthenticationRequired),
        ("file:///etc/passwd", Unavailable),
        ("javascript:alert(1)", Unavailable),
        ("https://idp/\x1b[31m?state=x", Unavailable),
        ("https://[idp?state=x", Unavailable),
        ("https://idp/a b?state=x", Unavailable),
        ("https://idp/", Unavailable),
        (7, Unavailable),
    ],
)
def test_a_page_that_is_no_web_address_is_not_opened(
    server: Server, api: LoginApi, port: int, url: Any, error: type[KvtuiError]
) -> None:
    server.break_next(Fault("reply", reply=enveloped(data={"auth_url": url})))
    talk = Talk()
    with pytest.raises(error):
        methods.sign_in(api, {"method": "oidc", "role": "dev", "port": port}, talk, {})
    assert not talk.visited


@pytest.mark.parametrize("text", ['role "x" could not be found', "missing role"])
def test_a_server_that_does_not_start_it_is_told(server: Server, api: LoginApi, text: str) -> None:
    server.break_next(Fault("reply", reply=refused(400, text)))
    with pytest.raises(AuthenticationRequired, match="does not start"):
        methods.sign_in(api, {"method": "oidc", "role": "x"}, Talk(), {})


def test_a_mount_without_oidc_is_told(server: Server, api: LoginApi) -> None:
    server.break_next(Fault("reply", reply=refused(400, "OIDC login is not configured for this mount")))
    with pytest.raises(Unavailable, match="auth/oidc is not set up"):
        methods.sign_in(api, {"method": "oidc", "role": "x"}, Talk(), {})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between polls take no time; what they would have been."""
    paused: list[float] = []

    def pause(watch: oidc._Watch, seconds: float) -> None:
        paused.append(seconds)
        watch.check()

    monkeypatch.setattr(oidc._Watch, "pause", pause)
    return paused


def test_another_device_signs_in_while_the_server_is_polled(server: Server, api: LoginApi, quick: list[float]) -> None:
    server.device = ["authorization_pending", "slow_down", "authorization_pending", "ok"]
    signed, talk = sign_in(api, 1, lambda _: None, device=True)
    assert signed.token.same_as(SecretValue(TOKEN))
    assert talk.visited == ["https://idp.example/device"]
    assert "WXYZ" in talk.told[0]
    assert quick == [1, 1, 6, 6]
    assert b"redirect_uri" not in server.requests[0].body


def test_a_role_for_devices_needs_no_setting(server: Server, api: LoginApi, quick: list[float]) -> None:
    server.device = ["ok"]
    signed, _ = sign_in(api, 1, lambda _: None)
    assert signed.token.same_as(SecretValue(TOKEN))


def test_a_role_that_is_not_for_devices_says_what_to_change(api: LoginApi) -> None:
    with pytest.raises(InvalidInput, match="browser") as caught:
        sign_in(api, 1, lambda _: None, device=True)
    assert "device" in caught.value.hint


def test_a_device_that_is_refused_ends_the_polling(server: Server, api: LoginApi, quick: list[float]) -> None:
    server.device = ["authorization_pending", "authorization failed: access_denied", "ok"]
    with pytest.raises(WrongCredential):
        sign_in(api, 1, lambda _: None, device=True)
    assert len(server.requests) == 3


def test_polling_ends_when_it_is_cancelled(server: Server, api: LoginApi) -> None:
    server.device = ["authorization_pending"] * 100
    talk = Talk()
    talk._on_visit = lambda _: setattr(talk, "cancel", True)
    with pytest.raises(AuthenticationRequired, match="cancelled"):
        methods.sign_in(api, {"method": "oidc", "role": "dev", "device": True}, talk, {})
    assert len(server.requests) == 1


def test_polling_ends_when_time_is_over(server: Server, api: LoginApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "PATIENCE", 0.3)
    server.device = ["authorization_pending"] * 100
    with pytest.raises(AuthenticationRequired, match="stopped waiting"):
        sign_in(api, 1, lambda _: None, device=True)


@pytest.mark.parametrize(("told", "pause"), [("5", 5), ("0", 1), ("999", 60), (7, 7), ("soon", 5), (None, 5)])
def test_the_pause_between_polls_is_the_servers_within_bounds(told: object, pause: float) -> None:
    assert oidc._interval(told) == pause
