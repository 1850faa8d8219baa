"""A connection as a profile describes it: address, token, what to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.crud.places import Places
from kvtui.backends.http import settings as remote
from kvtui.backends.http import sources
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.conversation import Conversation


def connect(
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    conversation: Conversation | None,
    *,
    roots: Sequence[CanonicalUri] = (),
    root: CanonicalUri | None = None,
) -> CrudBackend:
    """Without a token in the profile the service is asked whether it wants one: for development it may not.

    Raises InvalidInput, AuthenticationRequired, PermissionDenied, Unavailable.
    """
    token = sources.given(settings, "token", environ)
    client = remote.client(settings)
    try:
        api = CrudApi(client, token=token)
        if token is None and api.asks_for_a_token():
            token = sources.secret(settings, "token", "Bearer token", conversation, environ)
            api = CrudApi(client, token=token)
        return CrudBackend(api, Places(roots, root), warning=remote.warning(settings, None))
    except BaseException:
        client.close()
        raise
