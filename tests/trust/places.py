"""A trust service and a connection to it, as a profile makes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.trust.factory import TrustFactory
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.trust import TrustDouble, error_reply

PATH = "db/password"


def opened(double: TrustDouble, token: str | None = None, **settings: Any) -> Backend:
    given: Mapping[str, Any] = {
        "url": double.base_url,
        "token_env": "TRUST_TOKEN",
        "requests_per_second": 1000,
        "timeout_seconds": 5,
        **settings,
    }
    factory = TrustFactory({"TRUST_TOKEN": token or double.token})
    return factory.open(factory.check(given))


def one(value: str | bytes) -> Mapping[str, SecretValue]:
    return {"value": SecretValue(value)}


def changes(seen: Seen) -> bool:
    return seen.method == "POST"


def reads(seen: Seen) -> bool:
    return seen.method == "GET"


def answering(status: int, *, times: int = 1) -> Fault:
    return Fault("reply", times=times, reply=error_reply(status))


def gateway(status: int) -> Fault:
    """What somebody in front of the service says."""
    return Fault("reply", reply=Reply(status, b"<html>SENTINEL</html>", {"Content-Type": "text/html"}))


def ids(requests: Iterable[Seen]) -> list[str]:
    return [seen.headers["x-request-id"] for seen in requests]
