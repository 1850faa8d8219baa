"""Stores on the double of the platform, and what a test says about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.backends.http import address
from kvtui.backends.http.client import ATTEMPTS, HttpClient
from kvtui.backends.tailor.api import TailorApi
from kvtui.backends.tailor.backend import TailorBackend
from kvtui.domain.value import SecretValue
from tests.doubles.tailor import TailorDouble


def opened(
    double: TailorDouble, workspace: str = "", *, timeout: float = 5.0, attempts: int = ATTEMPTS
) -> TailorBackend:
    """As somebody who is signed in at the double."""
    client = HttpClient(address.parse(double.url), timeout=timeout, attempts=attempts)
    api = TailorApi(client, SecretValue(double.login.access_token), workspace or double.main.id)
    return TailorBackend(api, location=double.url)


def fields(value: Any = "v") -> Mapping[str, SecretValue]:
    return {"value": SecretValue(value)}
