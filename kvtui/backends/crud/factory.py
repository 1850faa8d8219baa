"""What a `crud` profile may say, and how its connection is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.crud.capabilities import AT_BEST
from kvtui.backends.factory import Mapped, Setting
from kvtui.backends.http import settings as remote
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.canonical_uri import CanonicalUri
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential


class CrudFactory(remote.RemoteFactory):
    """`environ` is where the variable of `token_env` is looked for."""

    kind: ClassVar[str] = "crud"
    title: ClassVar[str] = "a secrets API of canonical URIs"
    capabilities: ClassVar[frozenset[Capability]] = AT_BEST
    settings: ClassVar[Sequence[Setting]] = (
        *remote.REMOTE,
        *remote.secret("token", "the bearer token"),
        Setting("roots", list, "URIs to show as folders, such as [openbao+kv2://secret, yaml://dev]"),
        Setting("root", str, "one URI to show as the root, such as openbao+kv2://secret/team-a"),
    )

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        remote.check(settings)
        remote.check_secret(settings, "token")
        if "root" in settings and "roots" in settings:
            raise InvalidInput("The profile has both root and roots.", hint="Keep one of them.")
        for text in (*settings.get("roots", ()), *([settings["root"]] if "root" in settings else [])):
            _uri(text)
        return settings

    def locate(self, settings: Mapping[str, Any], uri: CanonicalUri) -> Mapped | None:
        from kvtui.backends.crud.places import Places  # noqa: PLC0415 - only where a URI is looked for

        path = Places(root=_uri(settings["root"]) if "root" in settings else None).path(uri)
        if not path:
            return None
        roots = [_uri(text) for text in settings.get("roots", ())]
        held = any(uri.scheme == root.scheme and f"{uri.location}/".startswith(f"{root.location}/") for root in roots)
        return Mapped(path, by_root=held or "root" in settings)

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - passphrases open no server
        conversation: Conversation | None = None,
    ) -> Backend:
        from kvtui.backends.crud.opening import connect  # noqa: PLC0415 - loads the HTTP client

        self.check(settings)
        roots = [_uri(text) for text in settings.get("roots", ())]
        root = _uri(settings["root"]) if "root" in settings else None
        return connect(settings, self._environ, conversation, roots=roots, root=root)


def _uri(text: object) -> CanonicalUri:
    """A folder of the profile. Raises InvalidInput."""
    from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri  # noqa: PLC0415 - only where such a profile is

    try:
        found = CanonicalUri.parse(text if isinstance(text, str) else "")
    except InvalidUri as error:
        raise InvalidInput(f"In root or roots: {error.message}", hint=error.hint) from None
    if found != found.whole:
        raise InvalidInput("In root or roots: a folder has no fragment and no query.", hint="Leave # and ? out.")
    return found
