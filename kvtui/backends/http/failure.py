"""What went wrong on the way to a server, in our words: the library's own hold headers and hosts."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore2

from kvtui.backends.http.address import Address
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.transport import Call
from kvtui.domain.errors import KvtuiError, Locked, Unavailable

_NETWORK = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol)


@contextmanager
def told(call: Call, address: Address) -> Iterator[None]:
    """Errors of the network in here come out as ours: Locked where the call was ended, else Unavailable, and
    Unanswered but for a server that is not trusted before anything was sent."""
    try:
        yield
    except (*_NETWORK, OSError) as error:
        raise _failure(call, address, error) from None


def closed(*, halfway: bool = False) -> Locked:
    if halfway:
        return Locked(
            "The connection was closed before the server answered: what was asked of it may be done or not.",
            hint="Open the profile again, and look.",
        )
    return Locked("The connection is closed.", hint="Open the profile again.")


def _failure(call: Call, address: Address, error: Exception) -> KvtuiError:
    if call.ended.is_set():
        return closed(halfway=call.sent and not call.repeatable)
    refused = _refused(error, address)
    if refused is not None and not call.sent:
        return refused
    what, hint = (refused.message, refused.hint) if refused else _words(error, address)
    return Unanswered(what, hint=hint, may_have_arrived=call.sent, retryable=call.repeatable or not call.sent)


def _refused(error: BaseException, address: Address) -> Unavailable | None:
    """The error for a connection without trust, which trying again does not make."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        if isinstance(each, ssl.SSLCertVerificationError):
            return Unavailable(
                f"The certificate of {address.host} is not trusted: {_reason(each)}.",
                hint="Check the address; for an authority of your own set tls: ca_file.",
                retryable=False,
            )
        if isinstance(each, ssl.SSLError):
            return Unavailable(
                f"No TLS connection to {address.host} could be made.",
                hint="Check the address, its port, and the client certificate.",
                retryable=False,
            )
        seen.append(each)
        each = each.__cause__ or each.__context__
    return None


def _words(error: BaseException, address: Address) -> tuple[str, str]:
    if isinstance(error, httpcore2.TimeoutException):
        return f"{address.host} did not answer in time.", "Try again; timeout_seconds sets how long to wait."
    if isinstance(error, httpcore2.ConnectError):
        return f"{address.host} cannot be reached.", "Check the address, the network, and that the server runs."
    if isinstance(error, (httpcore2.ProxyError, httpcore2.UnsupportedProtocol)):
        return "The proxy does not let us through.", "Check the profile's proxy setting."
    if isinstance(error, httpcore2.RemoteProtocolError):
        return f"{address.host} broke off, or does not speak HTTP.", "Try again; check the address and its port."
    return f"The connection to {address.host} was lost.", "Try again."


_REASONS = {
    10: "it has expired",
    9: "it is not valid yet",
    18: "it is signed by itself",
    19: "it is signed by an unknown authority",
    20: "it is signed by an unknown authority",
    21: "it is signed by an unknown authority",
    23: "it was revoked",
    62: "it is for another name",
    64: "it is for another address",
}
"""OpenSSL's X509_V_ERR_* numbers (x509_vfy.h) in words."""


def _reason(error: ssl.SSLCertVerificationError) -> str:
    return _REASONS.get(error.verify_code, f"OpenSSL's reason {error.verify_code}")
