"""What goes with a request, and when and where it goes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from kvtui.backends.http import address
from kvtui.backends.http.answer import Answer, Unanswered
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.rate import TokenBucket
from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput, KvtuiError, Locked, RateLimited
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault
from tests.http.echo import Echo, reply


def test_headers_of_the_client_go_with_every_request_and_can_be_secret(server: Echo) -> None:
    secret = SecretValue("secret-" + "5e1f" * 6)
    client = HttpClient(
        address.parse(server.url), headers={"CF-Access-Client-Id": "us", "CF-Access-Client-Secret": secret}
    )
    client.send("GET", "/x")
    client.send("POST", "/x", json={}, headers={"CF-Access-Client-Id": "others"})
    seen = [each.headers for each in server.requests]
    assert [each["cf-access-client-secret"] for each in seen] == [secret.reveal()] * 2
    assert [each["cf-access-client-id"] for each in seen] == ["us", "others"]
    assert secret.reveal() not in repr(client.__dict__)
    client.close()


def test_each_call_has_an_id_of_its_own_and_keeps_it_when_it_is_repeated(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), id_header="X-Request-Id", timeout=5)
    server.break_next(reply(503), reply(503))
    client.send("GET", "/x", repeat=True)
    client.send("POST", "/x", json={})
    client.send("POST", "/x", json={}, headers={"X-Request-Id": "chosen"})
    ids = [each.headers["x-request-id"] for each in server.requests]
    assert len(ids) == 5
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert ids[4] == "chosen"
    client.close()


def test_a_body_may_hold_secrets_and_is_sent_exactly(client: HttpClient, server: Echo) -> None:
    map_ = json_text.parse('{"z": 1.10, "a": [null, "é"]}')
    client.send(
        "POST",
        "/x",
        json={"value": SecretValue("s"), "all": [SecretValue(map_), {"n": SecretValue(None)}], "t": (1, 2)},
    )
    assert server.requests[-1].body == (
        b'{"value": "s", "all": [{"z": 1.10, "a": [null, "\\u00e9"]}, {"n": null}], "t": [1, 2]}'
    )
    with pytest.raises(InvalidInput, match="bytes"):
        client.send("POST", "/x", json={"value": SecretValue(b"\0")})
    assert len(server.requests) == 1


def test_a_rate_is_kept_by_all_threads_and_by_repeats(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), rate=TokenBucket(50), timeout=5)
    server.break_next(reply(503, retry_after="0"))
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        assert all(answer.ok for answer in pool.map(lambda _: client.send("GET", "/x", repeat=True), range(9)))
    assert len(server.requests) == 10
    assert time.monotonic() - started >= 9 / 50
    client.close()


def test_a_turn_beyond_the_deadline_is_told_and_nothing_is_sent(server: Echo) -> None:
    client = HttpClient(address.parse(server.url), rate=TokenBucket(0.01), timeout=60)
    client.send("POST", "/x", json={})
    started = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        client.send("POST", "/x", json={})
    assert time.monotonic() - started < 30
    assert 40 < caught.value.retry_after <= 100
    assert server.changes == 1
    client.close()


def test_a_wait_for_a_turn_is_cut_by_closing(server: Echo) -> None:
    bucket = TokenBucket(0.1)
    client = HttpClient(address.parse(server.url), rate=bucket, timeout=30)
    client.send("GET", "/x")
    failures: list[KvtuiError] = []
    taken = threading.Event()
    reserve = bucket.reserve
    bucket.reserve = lambda longest: (reserve(longest), taken.set())[0]  # type: ignore[method-assign]

    def call() -> None:
        try:
            client.send("GET", "/x")
        except KvtuiError as error:
            failures.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    assert taken.wait(60)
    client.close()
    waiting.join(60)
    assert [type(each) for each in failures] == [Locked]
    assert len(server.requests) == 1


def test_a_limit_the_store_tells_holds_the_others_up_too(server: Echo) -> None:
    bucket = TokenBucket(1000)
    client = HttpClient(address.parse(server.url), rate=bucket, timeout=5)
    server.break_next(reply(429, retry_after="30"))
    with pytest.raises(RateLimited):
        client.send("POST", "/x", json={})
    with pytest.raises(RateLimited) as caught:
        client.send("GET", "/x")
    assert 25 < caught.value.retry_after <= 30
    assert len(server.requests) == 1
    client.close()


@pytest.mark.parametrize(
    ("location", "told"),
    [("https://team.cloudflareaccess.com/cdn-cgi/access/login/x?kid=secret", "https://team.cloudflareaccess.com"),
     ("http://[::1]:8200/v1/x", "http://[::1]:8200"), ("/login?token=x", ""), ("https://x:port/", ""), ("", ""),
     ("https://user:password@x/", "https://x"), ("//evil", "://evil")],
)  # fmt: skip
def test_where_a_redirect_leads_is_told_without_what_it_may_hold(location: str, told: str) -> None:
    answer = Answer(302, {"location": location}, b"")
    assert answer.is_redirect
    assert answer.redirect_origin() == told


def test_what_kind_of_body_came_can_be_asked_without_reading_it() -> None:
    assert Answer(200, {"content-type": "Text/HTML; charset=utf-8"}, b"").media_type == "text/html"
    assert Answer(200, {}, b"").media_type == ""
    assert not Answer(304, {}, b"").is_redirect


def test_a_read_that_got_no_answer_can_be_tried_again(client: HttpClient, server: Echo) -> None:
    server.break_next(Fault("reset_before", times=3))
    with pytest.raises(Unanswered) as caught:
        client.send("GET", "/x", repeat=True)
    assert caught.value.retryable


@contextmanager
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A look-up of names that takes as long as the block; set when one has begun."""
    begun, done = threading.Event(), threading.Event()
    found = socket.getaddrinfo

    def look_up(*args: object, **named: object) -> object:
        begun.set()
        done.wait(30)
        return found(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield begun
    done.set()
    for each in threading.enumerate():
        if each.name == "connecting":
            each.join(5)


def test_a_name_look_up_is_cut_by_closing(server: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    client = HttpClient(address.parse(server.url), timeout=30)
    failures: list[KvtuiError] = []

    def call() -> None:
        try:
            client.send("POST", "/x", json={})
        except KvtuiError as error:
            failures.append(error)

    with slow_names(monkeypatch) as begun:
        waiting = threading.Thread(target=call)
        waiting.start()
        assert begun.wait(60)
        started = time.monotonic()
        client.close()
        waiting.join(60)
        assert time.monotonic() - started < 15  # the look-up and the call would take 30 s
        assert [type(each) for each in failures] == [Locked]
        assert "may be done" not in str(failures[0])
    assert not server.requests


def test_a_name_look_up_has_the_deadline_of_the_call(server: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    client = HttpClient(address.parse(server.url), timeout=0.3)
    with slow_names(monkeypatch):
        started = time.monotonic()
        with pytest.raises(Unanswered, match="in time") as caught:
            client.send("POST", "/x", json={})
        assert time.monotonic() - started < 15  # the look-up would take 30 s
        assert not caught.value.may_have_arrived
    client.close()


def test_an_address_that_is_silent_leaves_time_for_the_next(server: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", server.port), backlog=0) as full, closing_all() as taken:
        for _ in range(3):  # what a full backlog leaves out gets no answer at all
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(full.getsockname())
            taken.append(each)
        found = socket.getaddrinfo

        def both(host: str, *rest: object, **named: object) -> object:
            if host != "two.example":
                return found(host, *rest, **named)  # type: ignore[call-overload]
            return [(0, 0, 0, "", (each, server.port)) for each in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        client = HttpClient(address.parse(f"http://two.example:{server.port}", allow_http=True), timeout=1)
        assert client.send("GET", "/x").ok
        client.close()


@contextmanager
def closing_all() -> Iterator[list[socket.socket]]:
    taken: list[socket.socket] = []
    yield taken
    for each in taken:
        each.close()
