"""What a token may do on some paths, in one request: sys/capabilities-self, which the default policy allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kvtui.backends.vault.api import VaultApi, texts
from kvtui.backends.vault.engine import Right
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, NotFound, PermissionDenied, Unsupported


def ask(api: VaultApi, wanted: Sequence[Mapping[Capability, Right]]) -> Sequence[Mapping[Capability, str]]:
    """For each place what of it the token may not do, with the reason. Nothing where the server does not tell."""
    asked = sorted({right.path for each in wanted for right in each.values()})
    if not asked:
        return [{} for _ in wanted]
    try:
        reply = api.call("POST", "sys/capabilities-self", {"paths": [*asked]}, repeat=True)
    except (PermissionDenied, NotFound, Unsupported, InvalidInput):
        return [{} for _ in wanted]
    told = reply.data or reply.envelope
    has = {path: frozenset(texts(verbs)) for path, verbs in told.items() if isinstance(verbs, list)}
    return [
        {capability: _reason(right) for capability, right in each.items() if not _may(right, has.get(right.path))}
        for each in wanted
    ]


def _may(right: Right, verbs: frozenset[str] | None) -> bool:
    if verbs is None:
        return True  # not told: trying tells
    return "deny" not in verbs and bool(verbs & {*right.verbs, "root"})


def _reason(right: Right) -> str:
    return f"The token's policies do not allow it ({' or '.join(sorted(right.verbs))} on {right.path})."


SHARING: Mapping[Capability, Right] = {Capability.SHARE: Right("sys/wrapping/wrap", frozenset({"update"}))}
"""What sharing needs besides reading what is shared."""


def without_reading(refused: Mapping[Capability, str]) -> Mapping[Capability, str]:
    """What may not be read cannot be shared."""
    why = refused.get(Capability.READ)
    return refused if why is None else {Capability.SHARE: why, **refused}
