"""What a `tailor` profile may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.factory import Setting
from kvtui.backends.http import settings as remote
from kvtui.backends.tailor.capabilities import CAPABILITIES
from kvtui.domain.capability import Capability

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential


class TailorFactory(remote.RemoteFactory):
    """`environ` is where the platform's own variables (`TAILOR_*`, `PLATFORM_URL`) are looked for."""

    kind: ClassVar[str] = "tailor"
    title: ClassVar[str] = "Tailor Platform's secret manager (values are never read back)"
    capabilities: ClassVar[frozenset[Capability]] = CAPABILITIES
    settings: ClassVar[Sequence[Setting]] = (
        Setting("url", str, "the platform's address; https://api.tailor.tech without it"),
        *(setting for setting in remote.REMOTE if setting.name != "url"),
        Setting("workspace_id", str, "the workspace; without it the platform's own, or the only one there is"),
        *remote.secret("token", "the token; the platform's own sign-in is used without it"),
        Setting("platform_profile", str, "whose sign-in to use: a profile of the platform's own tools"),
    )

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        from kvtui.backends.tailor import own  # noqa: PLC0415 - only where such a profile is

        remote.check({"url": own.ADDRESS, **settings})
        remote.check_secret(settings, "token")
        if "workspace_id" in settings:
            own.check_workspace(settings["workspace_id"], "workspace_id")
        return settings

    def ambient(self, environ: Mapping[str, str]) -> Mapping[str, Any] | None:
        from kvtui.backends.tailor import own  # noqa: PLC0415

        return {} if own.names_a_store(environ) else None

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - passphrases open no server
        conversation: Conversation | None = None,
    ) -> Backend:
        from kvtui.backends.tailor.opening import connect  # noqa: PLC0415 - loads the HTTP client

        return connect(settings, self._environ, conversation)
