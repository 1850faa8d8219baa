"""A connection as a profile describes it: address, TLS, signing in, the mounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.backends.http import settings as remote
from kvtui.backends.http.client import ATTEMPTS
from kvtui.backends.http.rate import TokenBucket
from kvtui.backends.vault.api import VaultApi, is_final
from kvtui.backends.vault.auth import environment, methods
from kvtui.backends.vault.auth import settings as auth_settings
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.factory import tls_of
from kvtui.backends.vault.mounts import Mounts
from kvtui.backends.vault.token import Keeper
from kvtui.domain.conversation import Conversation

WIDTH = 10


def connect(
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    conversation: Conversation | None,
    *,
    namespace: str,
    login: str,
) -> VaultBackend:
    """Sign in at the namespace `login` and look which mounts there are.

    Raises InvalidInput, AuthenticationRequired, PermissionDenied, Unavailable.
    """
    found = environment.read(environ)
    tls = tls_of(settings, found)
    width = int(settings.get("concurrency", WIDTH))
    if found.timeout is not None:
        settings = {"timeout_seconds": min(remote.LONGEST, max(1, round(found.timeout))), **settings}
    client = remote.client(
        settings,
        tls=tls,
        proxy=found.proxy,
        connections=width + 2,
        attempts=ATTEMPTS if found.retries is None else 1 + found.retries,
        rate=None if found.rate is None else TokenBucket(found.rate[0], burst=found.rate[1]),
        is_final=is_final,
    )
    try:
        auth = auth_settings.check(settings.get("auth", {}))
        signed = methods.sign_in(LoginApi(client, namespace=login), auth, conversation, environ)
        api = VaultApi(client, token=signed.token, namespace=namespace)
        keeper = Keeper(api, signed, environ)
        location = f"{client.address}{f' {namespace}/' if namespace else ''}"
        return VaultBackend(
            api,
            Mounts(api, settings.get("mounts", ())),
            location=location,
            root=str(settings.get("root", "")),
            width=width,
            keeper=keeper,
            warning=remote.warning(settings, tls),
        )
    except BaseException:
        client.close()
        raise
