"""What a `vault` profile may say, and how its connection is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.factory import Mapped, Setting
from kvtui.backends.http import settings as remote
from kvtui.backends.vault.capabilities import AT_BEST
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.backends.http.tls import Tls
    from kvtui.backends.vault.auth.environment import Environment
    from kvtui.domain.canonical_uri import CanonicalUri
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential

_TLS = {"ca_file": str, "ca_dir": str, "client_cert": str, "client_key": str, "server_name": str, "skip_verify": bool}
_MOST_AT_ONCE = 64
_SCHEMES = frozenset({"openbao+kv2", "hashicorp+kv2"})
"""Of the canonical URIs that name what lies in a KV engine of such a server."""


class VaultFactory(remote.RemoteFactory):
    """`environ` is where the servers' own variables (`BAO_*`, `VAULT_*`) are looked for."""

    kind: ClassVar[str] = "vault"
    title: ClassVar[str] = "HashiCorp Vault and OpenBao"
    capabilities: ClassVar[frozenset[Capability]] = AT_BEST
    settings: ClassVar[Sequence[Setting]] = (
        *remote.REMOTE,
        Setting("namespace", str, "the namespace to work in"),
        Setting("login_namespace", str, "the namespace to sign in at, where it is another one"),
        Setting("auth", dict, "how to sign in: method, and what that needs"),
        Setting("tls", dict, "ca_file, ca_dir, client_cert, client_key, server_name, skip_verify"),
        Setting("mounts", list, "the mounts to show; all that the token reaches without it"),
        Setting("root", str, "the folder to show as the root, such as secret/team-a"),
        Setting("concurrency", int, "requests at the same time; 10 without it"),
    )

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        from kvtui.backends.vault.auth import settings as auth  # noqa: PLC0415 - only where such a profile is

        remote.check(settings)
        auth.check(settings.get("auth", {}))
        _check_tls(settings.get("tls", {}))
        mounts = settings.get("mounts", [])
        if not all(isinstance(name, str) and name.strip("/") for name in mounts):
            raise InvalidInput("mounts must be a list of texts.", hint="Write it as [secret, kv/team].")
        if not 1 <= settings.get("concurrency", 1) <= _MOST_AT_ONCE:
            raise InvalidInput(f"concurrency must be from 1 to {_MOST_AT_ONCE}.", hint="10 is usual.")
        return settings

    def ambient(self, environ: Mapping[str, str]) -> Mapping[str, Any] | None:
        from kvtui.backends.vault.auth import environment  # noqa: PLC0415

        if not environment.has_server(environ):
            return None
        found = environment.read(environ)
        # The servers' own tools take plain HTTP to anywhere; here it is allowed too, and a banner says so.
        return {"url": found.address, "allow_http": True}

    def inner(self, settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        outer = self._namespace(settings)
        inside = "/".join(part for part in (outer, name.strip("/")) if part)
        return {"login_namespace": outer, **settings, "namespace": inside}

    def locate(self, settings: Mapping[str, Any], uri: CanonicalUri) -> Mapped | None:
        if uri.scheme not in _SCHEMES or not uri.path:
            return None
        mounts = [name.strip("/") for name in settings.get("mounts", ())]
        if mounts and not any(uri.location.startswith(f"{mount}/") for mount in mounts):
            return None
        root = str(settings.get("root", "")).strip("/")
        if not root:
            return Mapped(uri.location)
        return Mapped(uri.location[len(root) + 1 :]) if uri.location.startswith(f"{root}/") else None

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - passphrases open no server
        conversation: Conversation | None = None,
    ) -> Backend:
        from kvtui.backends.vault.opening import connect  # noqa: PLC0415 - loads the HTTP client

        environ = self._environ_of(settings)
        namespace = self._namespace(settings)
        login = str(settings.get("login_namespace", namespace)).strip("/")
        return connect(settings, environ, conversation, namespace=namespace, login=login)

    def _namespace(self, settings: Mapping[str, Any]) -> str:
        return str(settings.get("namespace") or self._read(settings).namespace or "").strip("/")

    def _environ_of(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The variables that are about this server: with an address of their own, they are about that one."""
        from kvtui.backends.http import address  # noqa: PLC0415
        from kvtui.backends.vault.auth import environment  # noqa: PLC0415

        named = environment.read(self._environ).address
        here = str(address.parse(str(settings["url"]), allow_http=True))
        if named is None or named == here:
            return self._environ
        return {name: text for name, text in self._environ.items() if not name.startswith(environment.PREFIXES)}

    def _read(self, settings: Mapping[str, Any]) -> Environment:
        from kvtui.backends.vault.auth import environment  # noqa: PLC0415

        return environment.read(self._environ_of(settings))


def tls_of(settings: Mapping[str, Any], found: Environment) -> Tls:
    """A profile's own settings, each before the variable that says the same."""
    from kvtui.backends.http.tls import Tls  # noqa: PLC0415

    given: Mapping[str, Any] = settings.get("tls", {})
    names_authority = "ca_file" in given or "ca_dir" in given

    def file(name: str, otherwise: Path | None) -> Path | None:
        return Path(given[name]).expanduser().absolute() if name in given else otherwise

    return Tls(
        ca_file=file("ca_file", None if names_authority else found.ca_file),
        ca_dir=file("ca_dir", None if names_authority else found.ca_dir),
        ca_pem=None if names_authority else found.ca_pem,
        client_cert=file("client_cert", found.client_cert),
        client_key=file("client_key", found.client_key),
        server_name=given.get("server_name", found.server_name),
        skip_verify=given.get("skip_verify", found.skip_verify is True),
    )


def _check_tls(given: Mapping[str, Any]) -> None:
    import difflib  # noqa: PLC0415

    for key, value in given.items():
        if key not in _TLS:
            near = difflib.get_close_matches(str(key), _TLS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(_TLS)}."
            raise InvalidInput(f"tls has no key {key}.", hint=hint)
        if type(value) is not _TLS[key] or value == "":
            what = "true or false" if _TLS[key] is bool else "a text"
            raise InvalidInput(f"tls.{key} must be {what}.", hint="Correct it in the profile.")
