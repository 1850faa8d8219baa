"""One request as the engines see it, and the token it came with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.doubles.vault.names import Names
from tests.doubles.vault.wire import Answer, Json, new_name

if TYPE_CHECKING:
    from tests.doubles.vault.tree import Namespace


@dataclass
class Token:
    """All times in nanoseconds since 1970; `expires` None is never. `left` 0 is unlimited uses."""

    id: str
    policies: list[str]
    namespace: Namespace
    issued: int
    ttl: int = 0
    expires: int | None = None
    explicit_max_ttl: int = 0
    max_ttl: int = 768 * 3600
    renewed: int | None = None
    granted: int = 0
    """Seconds the last renewal gave."""
    renews: int = 0
    """Seconds a renewal gives that asks for none; tokens of logins have it."""
    period: int = 0
    renewable: bool = False
    left: int = 0
    orphan: bool = True
    display_name: str = "token"
    path: str = "auth/token/create"
    kind: str = "service"
    meta: dict[str, str] | None = None
    entity_id: str = ""
    wraps: str = ""
    """What a wrapping token holds: the JSON of the answer; "" for all other tokens."""
    wrapped_path: str = ""
    wrapped_status: int = 200
    parent: str = ""
    accessor: str = field(default_factory=new_name)
    cubbyhole: Names[dict[str, Json]] = field(default_factory=Names)


@dataclass
class Call:
    """`path` is inside the mount (or inside the namespace for what is no engine's), percent-decoded."""

    operation: str
    """read, write, delete, patch, list or scan."""
    path: str
    data: dict[str, Json]
    headers: Mapping[str, str]
    namespace: Namespace
    now: int
    openbao: bool
    mount: str = ""
    """Where the engine or login method is mounted, with its final slash."""
    full: str = ""
    """`mount` and `path`: what policies are about."""
    known_token: Token | None = None
    has_token: bool = False
    """Did it come with any token, good or not?"""
    known: frozenset[str] | None = None
    """The fields this endpoint knows; a warning tells of others. None knows all."""
    address: str = "127.0.0.1"

    @property
    def token(self) -> Token:
        assert self.known_token is not None
        return self.known_token

    @property
    def is_write(self) -> bool:
        return self.operation == "write"


class Engine(Protocol):
    kind: str
    version: int | None

    def exists(self, call: Call) -> bool:
        """Does what is written exist already? Decides between the capabilities create and update."""

    def handle(self, call: Call) -> Answer:
        """Raises Failed."""
