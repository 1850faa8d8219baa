"""What a `trust` profile may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.factory import Setting
from kvtui.backends.http import settings as remote
from kvtui.backends.trust.capabilities import AT_BEST
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential

SEGMENT = "secrets"
_FASTEST = 1000
"""More is no limit to speak of."""


class TrustFactory(remote.RemoteFactory):
    """`environ` is where the variable named by `token_env` is looked for."""

    kind: ClassVar[str] = "trust"
    title: ClassVar[str] = "a trust service: versioned secrets, leases, rotation"
    capabilities: ClassVar[frozenset[Capability]] = AT_BEST
    settings: ClassVar[Sequence[Setting]] = (
        *remote.REMOTE,
        *remote.secret("token", "the token"),
        Setting("segment", str, "what follows the address before each path; secrets without it"),
        Setting("requests_per_second", int, "how many the service takes; 10 without it"),
    )

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        remote.check(settings)
        remote.check_secret(settings, "token")
        if not 1 <= settings.get("requests_per_second", 1) <= _FASTEST:
            raise InvalidInput(f"requests_per_second must be from 1 to {_FASTEST}.", hint="10 is usual.")
        parts = settings.get("segment", SEGMENT).strip("/").split("/")
        if parts != [""] and not all(part.isprintable() and part not in {"", ".", ".."} for part in parts):
            raise InvalidInput("segment must be a part of a path, or empty.", hint="secrets is usual.")
        return settings

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - passphrases open no server
        conversation: Conversation | None = None,
    ) -> Backend:
        from kvtui.backends.trust.opening import connect  # noqa: PLC0415 - loads the HTTP client

        return connect(settings, self._environ, conversation)
