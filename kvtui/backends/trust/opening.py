"""A connection as a profile describes it. Nothing is sent: the API has no call that changes and reads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.backends.http import address, sources
from kvtui.backends.http import settings as remote
from kvtui.backends.http.client import header_value
from kvtui.backends.trust import pace
from kvtui.backends.trust.api import ID_HEADER, TrustApi, headers_of
from kvtui.backends.trust.backend import TrustBackend
from kvtui.backends.trust.factory import SEGMENT
from kvtui.domain.conversation import Conversation
from kvtui.domain.value import SecretValue


def connect(settings: Mapping[str, Any], environ: Mapping[str, str], conversation: Conversation | None) -> TrustBackend:
    """Raises InvalidInput, AuthenticationRequired, PermissionDenied, Unavailable."""
    where = address.parse(str(settings["url"]), allow_http=settings.get("allow_http") is True)
    token = header_value(sources.secret(settings, "token", "Token", conversation, environ))
    client = remote.client(
        settings,
        headers=headers_of(token),
        id_header=ID_HEADER,
        rate=pace.shared(str(where), SecretValue(token), int(settings.get("requests_per_second", pace.PER_SECOND))),
    )
    api = TrustApi(client, segment=str(settings.get("segment", SEGMENT)))
    return TrustBackend(api, location=str(where), warning=remote.warning(settings, None))
