"""What a `worker` profile may say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.factory import Setting
from kvtui.backends.http import settings as remote
from kvtui.backends.worker.capabilities import CAPABILITIES
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


class WorkerFactory(remote.RemoteFactory):
    """`environ` is where the variables that a profile names are looked for; no others are."""

    kind: ClassVar[str] = "worker"
    title: ClassVar[str] = "path-based secrets on Cloudflare Workers"
    capabilities: ClassVar[frozenset[Capability]] = CAPABILITIES
    settings: ClassVar[Sequence[Setting]] = (
        *remote.REMOTE,
        Setting("prefix", str, "what stands before /secret; /v1 without it, / for nothing"),
        Setting("client_id", str, "of a service token of Cloudflare Access, such as 1f3b….access"),
        Setting("client_id_env", str, "the variable that holds it"),
        *remote.secret("client_secret", "the service token's secret"),
        *remote.secret("token", "a person's token, as cloudflared access token prints it, in place of these"),
    )

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        remote.check(settings)
        for name in ("client_secret", "token"):
            remote.check_secret(settings, name)
        prefix_of(settings)
        if "client_id" in settings and "client_id_env" in settings:
            raise InvalidInput("The profile has both client_id and client_id_env.", hint="Keep one of them.")
        given = {key for key in settings if key.startswith(("client_id", "client_secret"))}
        if given and is_person(settings):
            raise InvalidInput("The profile has both a service token and a person's.", hint="Keep one of them.")
        return settings

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - passphrases open no server
        conversation: Conversation | None = None,
    ) -> Backend:
        from kvtui.backends.worker.opening import connect  # noqa: PLC0415 - loads the HTTP client

        return connect(settings, self._environ, conversation)


def is_person(settings: Mapping[str, Any]) -> bool:
    return any(f"token_{way}" in settings for way in remote.WAYS)


def prefix_of(settings: Mapping[str, Any]) -> str:
    """`/v1` or the like, or nothing. Raises InvalidInput."""
    given = str(settings.get("prefix", "/v1")).strip("/")
    prefix = f"/{given}" if given else ""
    if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise InvalidInput("prefix must be the beginning of a path.", hint="Write it as /v1, or as / for none.")
    return prefix
