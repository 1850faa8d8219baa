"""How one deployment is set up, and which of the answers the documents leave open it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEV = frozenset({"dev", "test"})


@dataclass
class Settings:
    """The service's environment variables, and what its providers are. A test may change them at any time."""

    environment: str = "dev"
    """ENVIRONMENT: outside dev and test no YAML is written and there are neither events nor audit."""
    require_auth: bool = False
    """SECRETS_API_REQUIRE_AUTH."""
    enforce_scopes: bool = False
    """SECRETS_ENFORCE_SCOPES."""
    audience: str = "crud.secrets"
    """SECRETS_AUDIENCE; a token without an audience passes."""
    tenant: str = "dev"
    """TENANT_ID."""
    mounts: tuple[str, ...] = ("secret",)
    """TENANT_ALLOWED_MOUNTS; () allows all."""
    tenant_salt: bytes | None = b"salt of the tenant"
    """TENANT_SALT: without one, records name the URI itself."""
    providers: set[str] = field(default_factory=lambda: {"yaml", "openbao", "hashicorp"})
    """Those that are configured; the others answer 501."""
    searches_kv2: bool = True
    """Whether the KVv2 providers can list the names below a path, which search needs."""
    max_versions: int = 10
    """How many versions a KVv2 provider keeps of a secret."""
    rounds_numbers: bool = False
    """Whether numbers go through float64 on their way into a KVv2 provider, as in a real one."""
    page: int = 100
    """Default of `limit`."""
    max_page: int = 1000
    audit_size: int = 1000
    """Records the ring buffer holds."""

    @property
    def is_dev(self) -> bool:
        return self.environment in DEV


@dataclass
class Shape:
    """What the documents contradict each other about, or do not say. The defaults are the API reference's words."""

    value: Literal["fragment", "value", "bare"] = "fragment"
    """One key read from a provider: `{fragment: x}` (the service's library), `{"value": x}`, or x."""
    missing_fragment: Literal["404", "null"] = "404"
    """A key that is not in the map: 404 (runbook), or `{fragment: null}` (the service's library)."""
    fragment_writes: Literal["replace", "merge"] = "replace"
    """Writing one key to KVv2 replaces the whole map (reference), or changes only that key (rotation page)."""
    unwraps: bool = True
    """Whether `{"token": x}` written to `#token` means x, as in the examples."""
    lists: Literal["wrapped", "bare"] = "wrapped"
    """`{"items": [{"uri", …}], "total", …}`, or the plain list; metadata, keys, versions, search, audit and bulk."""
    writes: Literal["object", "empty"] = "object"
    """Answers to what changes something: an object, or 204 and nothing."""
    errors: Literal["flat", "text", "nested"] = "flat"
    """`{error, code, message}`, `{detail: message}` or `{detail: {code, message}}`; 422 is always FastAPI's list."""
    subjects: Literal["object", "text"] = "object"
    """Who did it, in records: `{"sub", "act"}`, or the name."""
