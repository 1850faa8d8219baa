"""Signing in through an identity provider: in a browser that comes back to a port of ours, or on another device.

Sources: OpenBao 2.6's builtin/credential/jwt/path_oidc.go; RFC 8252 for the port, RFC 8628 for the device.
"""

from __future__ import annotations

import errno
import hmac
import queue
import secrets
import socketserver
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from kvtui.backends.vault.api import path_of
from kvtui.backends.vault.auth.login import LoginApi, RefusedError, Said
from kvtui.domain.conversation import Conversation
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, Unavailable, WrongCredential
from kvtui.domain.path import display

PORT = 8250
PATH = "/oidc/callback"
PATIENCE = 300.0
"""Seconds a person has to sign in."""
SLOWER = 5.0
"""Seconds added to the pause between polls when the server asks for that (RFC 8628, section 3.5)."""
_LONGEST_PAUSE = 60.0
_LETTING_GO = 1.0
_STEP = 0.1
"""Seconds between two looks whether it was cancelled, or a port is free: soon enough for who pressed Esc."""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


def sign_in(api: LoginApi, auth: Mapping[str, Any], mount: str, conversation: Conversation | None) -> Mapping[str, Any]:
    """The envelope of the login's answer. `auth` are checked settings.

    Raises AuthenticationRequired (nobody to ask, cancelled, too late), WrongCredential, Unavailable, InvalidInput.
    """
    if conversation is None:
        raise AuthenticationRequired(
            "Signing in by OIDC needs somebody with a browser.", hint="Use another auth method where nobody is asked."
        )
    attempt = _Attempt(api, mount, conversation)
    return attempt.run(auth.get("role", ""), port=auth.get("port", PORT), device=auth.get("device", False))


class _Attempt:
    """One attempt to sign in, with a nonce that ties all of its requests together."""

    def __init__(self, api: LoginApi, mount: str, conversation: Conversation) -> None:
        self._api = api
        self._mount = mount
        self._conversation = conversation
        self._nonce = secrets.token_urlsafe(24)
        self._watch = _Watch(conversation, PATIENCE)

    def run(self, role: str, *, port: int, device: bool) -> Mapping[str, Any]:
        redirect = f"http://localhost:{port}{PATH}"
        body = {"client_nonce": self._nonce} | ({"role": role} if role else {})
        try:
            envelope = self._api.post(self._path("auth_url"), body if device else body | {"redirect_uri": redirect})
        except RefusedError as error:
            raise error.told(f"auth/{self._mount}", _no_start(error)) from None
        data = envelope.get("data")
        data = data if isinstance(data, Mapping) else {}
        url = _address(data.get("auth_url"), redirect)
        try:
            return self._on_device(url, data) if data.get("poll_interval") else self._in_browser(url, port)
        except RefusedError as error:
            refused = WrongCredential(
                "The server does not accept what the identity provider says.",
                hint="Check the role in the profile's auth, and that it is meant for you.",
            )
            raise error.told(f"auth/{self._mount}", refused) from None

    def _path(self, step: str) -> str:
        return path_of("auth", self._mount, "oidc", step)

    def _in_browser(self, url: str, port: int) -> Mapping[str, Any]:
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        if not state:
            raise Unavailable("The server's page to sign in at has no state.", hint="Ask who runs it.", retryable=False)
        with _Listener(port, state) as listener:
            self._conversation.visit(url, "Sign in in your browser; kvtui waits for it.")
            callback = self._watch.take(listener.callbacks)
        if callback.error:
            raise WrongCredential(
                "The identity provider did not sign you in.", hint="Sign in again, and allow it there."
            )
        # The server takes these in the query alone. The code is good once, for the server alone, with our nonce.
        pairs = [("state", state), ("code", callback.code), ("client_nonce", self._nonce)]
        return self._api.call("GET", self._path("callback"), pairs=pairs).envelope

    def _on_device(self, url: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        code = data.get("user_code")
        typed = f" and type the code {display(code)}" if isinstance(code, str) and code else ""
        self._conversation.visit(url, f"Open this address on any device{typed}; kvtui waits for it.")
        pause = _interval(data.get("poll_interval"))
        body = {"state": str(data.get("state") or ""), "client_nonce": self._nonce}
        while True:
            self._watch.pause(pause)
            try:
                return self._api.post(self._path("poll"), body)
            except RefusedError as error:
                if error.said is Said.SLOW_DOWN:
                    pause = min(pause + SLOWER, _LONGEST_PAUSE)
                elif error.said is not Said.PENDING:
                    raise


def _no_start(error: RefusedError) -> KvtuiError:
    if error.said is Said.NOT_DEVICE:
        return InvalidInput("This role signs in with a browser here.", hint="Leave device out of the profile's auth.")
    return AuthenticationRequired(
        "The server does not start signing in by OIDC.", hint="Check role and mount in the profile's auth."
    )


def _address(url: object, redirect: str) -> str:
    """The page to open, as the server says. Raises AuthenticationRequired when it says none, Unavailable for others."""
    if not url:
        raise AuthenticationRequired(
            "The server gives no page to sign in at.",
            hint=f"Check that the role exists and allows the redirect address {redirect}.",
        )
    if isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url:
        try:
            parts = urlsplit(url)
            if parts.scheme in {"http", "https"} and parts.hostname:
                return url
        except ValueError:
            pass  # refused below, as every other text that is no address
    raise Unavailable("The server gives no web address to sign in at.", hint="Ask who runs it.", retryable=False)


def _interval(told: object) -> float:
    """Seconds between polls; the server writes the number as text."""
    text = str(told)
    return min(max(1.0, float(text)), _LONGEST_PAUSE) if text.isascii() and text.isdigit() and len(text) < 10 else 5.0


@dataclass(frozen=True, slots=True, repr=False)
class _Callback:
    """What came back with the right state: a code, or that the provider refused."""

    code: str
    error: bool


class _Watch:
    """Waiting that ends when it was cancelled, or took too long."""

    def __init__(self, conversation: Conversation, seconds: float) -> None:
        self._conversation = conversation
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """Raises AuthenticationRequired when there is no point in waiting any longer."""
        if self._conversation.cancelled():
            raise AuthenticationRequired("Signing in was cancelled.", hint="Sign in again when you want to.")
        if time.monotonic() >= self._deadline:
            raise AuthenticationRequired("Nobody signed in, so kvtui stopped waiting.", hint="Sign in again.")

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _STEP))  # a conversation says that it was cancelled when it is asked, only then
        self.check()

    def take(self, callbacks: queue.SimpleQueue[_Callback]) -> _Callback:
        while True:
            self.check()
            try:
                return callbacks.get(timeout=_STEP)
            except queue.Empty:
                continue


class _Listener(ThreadingHTTPServer):
    """Our end of the browser's way back. Only this machine reaches it, and one request with the right state counts.

    Each connection has a thread of its own: browsers open some that they say nothing on.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_port = False

    def __init__(self, port: int, state: str) -> None:
        self.callbacks: queue.SimpleQueue[_Callback] = queue.SimpleQueue()
        self.hosts = {f"localhost:{port}", f"127.0.0.1:{port}"}
        self._state = state.encode()
        self._first = threading.Lock()
        self._listen(port)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": _STEP}, name="oidc", daemon=True
        )

    def _listen(self, port: int) -> None:
        """An attempt of ours that was just cancelled may still be letting go of the port."""
        until = time.monotonic() + _LETTING_GO
        while True:
            try:
                return super().__init__(("127.0.0.1", port), _Handler)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise Unavailable(
                        f"Port {port} of this machine, where the browser comes back to, cannot be used: "
                        f"{error.strerror}.",
                        hint="End what uses it, or set another port that the role allows in the profile's auth.",
                        retryable=False,
                    ) from None
            time.sleep(_STEP)  # the system does not tell when a port is free again

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask the name service who we are

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no error of ours, and the default would print to the screen."""

    def accept(self, query: Mapping[str, list[str]]) -> tuple[HTTPStatus, str]:
        """Judge a callback's query; what the browser is to show."""
        state, code, error = (query.get(name, [""])[0] for name in ("state", "code", "error"))
        if not hmac.compare_digest(state.encode(), self._state):
            return HTTPStatus.BAD_REQUEST, "This is not the sign-in kvtui waits for."
        if not code and not error:
            return HTTPStatus.BAD_REQUEST, "The identity provider sent no code, which kvtui needs."
        if not self._first.acquire(blocking=False):
            return HTTPStatus.BAD_REQUEST, "kvtui has its answer already."
        self.callbacks.put(_Callback(code, bool(error)))
        if error:
            return HTTPStatus.OK, "The identity provider did not sign you in. Go back to kvtui."
        return HTTPStatus.OK, "kvtui has its answer. Close this page and go back to it."


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Listener

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != PATH or self.headers.get("host") not in self.server.hosts:
            self._show(HTTPStatus.NOT_FOUND, "Nothing is here.")
            return
        try:
            query = parse_qs(parts.query, max_num_fields=50)
        except ValueError:
            query = {}
        self._show(*self.server.accept(query))

    def _show(self, status: HTTPStatus, words: str) -> None:
        page = f"<!DOCTYPE html><title>kvtui</title><p>{words}</p>\n".encode()
        self.send_response_only(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(page))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """The default prints the query, and with it the code."""
