"""A connection as a profile describes it. One request proves that it works."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kvtui.backends.http import settings as remote
from kvtui.backends.http import sources
from kvtui.backends.http.client import header_value
from kvtui.backends.worker.api import WorkerApi
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.backends.worker.factory import is_person, prefix_of
from kvtui.domain.conversation import Conversation
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import AuthenticationRequired
from kvtui.domain.value import SecretValue


def connect(
    settings: Mapping[str, Any], environ: Mapping[str, str], conversation: Conversation | None
) -> WorkerBackend:
    """Raises InvalidInput, AuthenticationRequired, PermissionDenied, Unavailable."""
    person = is_person(settings)
    headers: Mapping[str, str | SecretValue]
    if person:
        token = sources.secret(settings, "token", "Token", conversation, environ)
        headers, signed = {"cf-access-token": token}, _claimed(header_value(token))
    else:
        client_id = _client_id(settings, environ, conversation)
        secret = sources.secret(settings, "client_secret", "Client secret", conversation, environ)
        headers = {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": secret}
        signed = SignedIn(client_id, identity=client_id)
    client = remote.client(settings, headers=headers)
    api = WorkerApi(client, prefix=prefix_of(settings))
    try:
        backend = WorkerBackend(api, signed_in=signed, is_person=person, warning=remote.warning(settings, None))
        backend.list()
    except BaseException:
        client.close()
        raise
    return backend


def _client_id(settings: Mapping[str, Any], environ: Mapping[str, str], conversation: Conversation | None) -> str:
    if (variable := settings.get("client_id_env")) is not None:
        if not environ.get(variable):
            raise AuthenticationRequired(
                f"The variable {variable} is not set.", hint="The profile's client_id_env names it."
            )
        return environ[variable]
    if "client_id" in settings:
        return str(settings["client_id"])
    return sources.named(conversation, "Client ID", hint="Set client_id in the profile.")


def _claimed(token: str) -> SignedIn:
    """Whom a JWT says it is of, and until when. Nobody checks it here: the server does."""
    try:
        part = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        name = told.get("email") or told.get("common_name")
        ends = datetime.fromtimestamp(told["exp"], UTC) if "exp" in told else None
    except (IndexError, ValueError, TypeError, AttributeError, OverflowError, OSError):
        return SignedIn("somebody")
    identity = name if isinstance(name, str) else ""
    return SignedIn(identity or "somebody", expires_at=ends, identity=identity)
