"""Policies: which rule is for a path and what it allows (openbao vault/policy/acl.go)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Rules: TypeAlias = Mapping[str, Iterable[str]]
"""Path globs and their capabilities, as in `path "secret/data/+/x*" { capabilities = ["read"] }`."""

DEFAULT: Rules = {
    "auth/token/lookup-self": ["read"],
    "auth/token/renew-self": ["update"],
    "auth/token/revoke-self": ["update"],
    "sys/capabilities-self": ["update"],
    "sys/internal/ui/resultant-acl": ["read"],
    "sys/leases/renew": ["update"],
    "sys/leases/lookup": ["update"],
    "cubbyhole/*": ["create", "read", "update", "delete", "list"],
    "sys/wrapping/wrap": ["update"],
    "sys/wrapping/lookup": ["update"],
    "sys/wrapping/unwrap": ["update"],
    "sys/tools/hash": ["update"],
    "sys/tools/hash/*": ["update"],
    "identity/oidc/provider/+/authorize": ["read", "update"],
}


WRAPPING: Rules = {"cubbyhole/response": ["create", "read"], "sys/wrapping/unwrap": ["update"]}


@dataclass(frozen=True)
class Acl:
    """All rules a token is under. `rules` are keyed by whole paths, namespaces included."""

    rules: Mapping[str, frozenset[str]]
    is_root: bool = False

    @classmethod
    def of(cls, policies: Iterable[tuple[str, Rules]]) -> Acl:
        """From (path of the policy's namespace, rules) pairs: capabilities add up, deny takes all."""
        merged: dict[str, frozenset[str]] = {}
        for prefix, rules in policies:
            for path, capabilities in rules.items():
                key = prefix + path
                both = merged.get(key, frozenset()) | frozenset(capabilities)
                merged[key] = frozenset({"deny"}) if "deny" in both else both
        return cls(merged)

    def capabilities(self, path: str, *, listing: bool = True) -> frozenset[str]:
        """Of the one rule that is most specific for this path; empty without one."""
        found = self._exact(path)
        if found is None and listing:
            found = self._exact(path.removesuffix("/"))
        if found is None:
            found = self._inexact(path)
        if found is None and listing and path.endswith("/"):
            found = self._inexact(path.removesuffix("/"))
        return found or frozenset()

    def allows(self, operation: str, path: str) -> bool:
        if self.is_root:
            return True
        found = self.capabilities(path, listing=operation in {"list", "scan"})
        return "deny" not in found and operation in found

    def names(self, path: str) -> list[str]:
        """As `sys/capabilities-self` answers."""
        if self.is_root:
            return ["root"]
        found = self.capabilities(path)
        return ["deny"] if "deny" in found or not found else sorted(found)

    def reaches_into(self, mount: str) -> bool:
        """Is any rule (that denies not) for something inside this mount? Decides what ui/mounts shows."""
        if self.is_root:
            return True
        if self.names(mount) != ["deny"]:
            return True
        return any("deny" not in found and found and _meets(rule, mount) for rule, found in self.rules.items())

    def _exact(self, path: str) -> frozenset[str] | None:
        if path.endswith("*") or "+" in path.split("/"):
            return None
        return self.rules.get(path)

    def _inexact(self, path: str) -> frozenset[str] | None:
        matching = [rule for rule in self.rules if _is_glob(rule) and _matches(rule, path)]
        return self.rules[max(matching, key=_specific)] if matching else None


def _is_glob(rule: str) -> bool:
    return rule.endswith("*") or "+" in rule.split("/")


def _matches(rule: str, path: str) -> bool:
    parts = ["[^/]*" if part == "+" else re.escape(part) for part in rule.removesuffix("*").split("/")]
    return re.fullmatch("/".join(parts) + (".*" if rule.endswith("*") else ""), path, re.DOTALL) is not None


def _meets(rule: str, mount: str) -> bool:
    """Is this rule one for paths below `mount`?"""
    plain = rule.removesuffix("*")
    if "+" not in rule.split("/"):
        return plain.startswith(mount)
    ours, theirs = plain.split("/"), mount.removesuffix("/").split("/")
    return len(ours) > len(theirs) and all(mine in {"+", part} for mine, part in zip(ours, theirs, strict=False))


def _specific(rule: str) -> tuple[int, bool, int, int, str]:
    """The order in which rules win; the greatest does."""
    segments = rule.removesuffix("*").split("/")
    pluses = segments.count("+")
    plain = rule.removesuffix("*")
    first = plain.index("+") if pluses else len(plain)
    return first, not rule.endswith("*"), -pluses, len(plain), plain


def parse(text: str) -> Rules:
    """Rules from a policy's text: JSON, or HCL as simple as the documentation's. Raises ValueError."""
    if text.lstrip().startswith("{"):
        loaded = json.loads(text)
        return {path: rule["capabilities"] for path, rule in loaded.get("path", {}).items()}
    bare = re.sub(r"(?m)^\s*#.*$", "", text)
    blocks = re.findall(r'path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}', bare)
    if bare.strip() and not blocks:
        raise ValueError(text)
    return {path: re.findall(r'"([^"]+)"', names) for path, names in blocks}
