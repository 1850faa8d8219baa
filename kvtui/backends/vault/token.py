"""The token of an open connection: whose it is, until when, and renewed in time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.auth import lifetime, tokens
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Unavailable

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
        return SignedIn(signed.display, signed.policies, signed.expires_at, signed.renew_at is not None)

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
        """Renew the token when two thirds of its time are over. Raises AuthenticationRequired; a server that cannot be
        reached is asked again later."""
        now = datetime.now(UTC)
        due = self._signed.renew_at
        if due is None or now < due or (self._not_before is not None and now < self._not_before):
            return
        if not self._renewing.acquire(blocking=False):
            return
        try:
            self._signed = lifetime.renew(self._api, self._signed)
        except AuthenticationRequired:
            raise
        except Unavailable:
            self._not_before = now + _AGAIN
        except KvtuiError:  # it may not renew itself: what is left of it is used up
            self._not_before = self._signed.expires_at
        finally:
            self._renewing.release()
