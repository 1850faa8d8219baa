"""The token of an open connection: whose it is, until when, and renewed in time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.auth import lifetime, tokens
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import InvalidInput, NotFound, PermissionDenied, RateLimited, Unavailable, Unsupported
from kvtui.domain.value import SecretValue

_AGAIN = timedelta(seconds=30)
"""After a renewal that failed."""


class Keeper:
    """One token. Safe for any number of threads; only one renews."""

    def __init__(self, api: VaultApi, signed: Signed, environ: Mapping[str, str]) -> None:
        self._api = api
        self._environ = environ
        self._signed = signed
        self._renewing = threading.Lock()
        self._not_before: datetime | None = None

    @property
    def signed_in(self) -> SignedIn:
        signed = self._signed
        renewable = signed.renew_at is not None
        identity = signed.entity or signed.display
        return SignedIn(signed.display, signed.policies, signed.expires_at, renewable, identity)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._signed.notes

    def store(self) -> str:
        """Keep it for later runs; says where."""
        return tokens.store(self._signed.token, self._environ)

    def end(self) -> None:
        """Revoke it, and forget what is kept of it."""
        lifetime.revoke(self._api)
        kept = tokens.find({}, self._environ)
        if kept is not None and kept.token.same_as(self._signed.token):
            tokens.erase(self._environ)

    def keep(self) -> None:
        """Renew the token when two thirds of its time are over. Raises AuthenticationRequired, Locked; a server that
        cannot be reached, or wants fewer requests, is asked again later."""
        if not self._is_due() or not self._renewing.acquire(blocking=False):
            return
        try:
            if self._is_due():  # still: another thread may have renewed it just now
                self._signed = lifetime.renew(self._api, self._signed)
        except (Unavailable, RateLimited):
            self._not_before = datetime.now(UTC) + _AGAIN
        except (PermissionDenied, Unsupported, InvalidInput, NotFound):  # it may not renew itself: what is left is used
            self._not_before = self._signed.expires_at
        finally:
            self._renewing.release()

    def _is_due(self) -> bool:
        now, due = datetime.now(UTC), self._signed.renew_at
        return due is not None and now >= due and (self._not_before is None or now >= self._not_before)

    def forget(self) -> None:
        """Let go of the token. Call last."""
        self._signed = replace(self._signed, token=SecretValue(""))
