"""All login methods by the name of their type."""

from __future__ import annotations

from collections.abc import Callable

from tests.doubles.vault.auth import AppRole, Cert, Jwt, Kubernetes, Ldap, Userpass
from tests.doubles.vault.login import Login
from tests.doubles.vault.oidc import Oidc
from tests.doubles.vault.state import State

METHODS: dict[str, Callable[[State, str], Login]] = {
    method.kind: method for method in (Userpass, Ldap, AppRole, Jwt, Kubernetes, Cert, Oidc)
}
