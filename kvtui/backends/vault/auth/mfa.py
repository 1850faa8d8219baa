"""The second factor of a login: passcodes that are asked for, and confirmations on a phone.

Source: OpenBao 2.6's vault/login_mfa.go. A refused passcode does not end the request, so another can be tried; each
try is something the user typed, and is sent once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvtui.backends.http.sources import asked, named
from kvtui.backends.vault.auth.login import PATIENCE, LoginApi, RefusedError, Said
from kvtui.domain.conversation import Conversation
from kvtui.domain.errors import AuthenticationRequired, Unavailable, WrongCredential
from kvtui.domain.path import display
from kvtui.domain.value import SecretValue

TRIES = 3
_UNASKED = "Set BAO_MFA to method:passcode, or sign in where you can be asked."


@dataclass(frozen=True, slots=True)
class Factor:
    """One method a user may prove themselves by. `name` and `type` are for showing."""

    id: str
    type: str
    name: str
    uses_passcode: bool

    @property
    def label(self) -> str:
        return display(f"{self.type} {self.name}".strip())


def validate(
    api: LoginApi,
    requirement: Mapping[str, Any],
    conversation: Conversation | None,
    passcodes: Mapping[str, SecretValue | None],
) -> Mapping[str, Any]:
    """Satisfy a login's `mfa_requirement`: the `auth` of the answer. `passcodes` are those of the environment.

    Raises WrongCredential, AuthenticationRequired, Unavailable.
    """
    request = requirement.get("mfa_request_id")
    groups = _groups(requirement.get("mfa_constraints"))
    if not isinstance(request, str) or not groups:
        raise Unavailable("The server asks for a second factor but not which.", hint="Ask who runs it.")
    factors = [_chosen(group, conversation, passcodes) for group in groups]
    typed = any(factor.uses_passcode and _known(factor, passcodes) is None for factor in factors)
    for left in reversed(range(TRIES if typed else 1)):
        payload = {factor.id: _proof(factor, conversation, passcodes) for factor in factors}
        patience = None if all(factor.uses_passcode for factor in factors) else PATIENCE
        try:
            envelope = api.post(
                "sys/mfa/validate", {"mfa_request_id": request, "mfa_payload": payload}, patience=patience
            )
        except RefusedError as error:
            _heed(error, factors, conversation, left)
            continue
        auth = envelope.get("auth")
        return auth if isinstance(auth, Mapping) else {}
    raise AssertionError("the last try returns or raises")


def _groups(constraints: object) -> list[list[Factor]]:
    """One list of methods for each constraint; any of a list satisfies it."""
    if not isinstance(constraints, Mapping):
        return []
    found: list[list[Factor]] = []
    for name in sorted(constraints):
        group = constraints[name]
        methods = group.get("any") if isinstance(group, Mapping) else None
        found.append([_factor(each) for each in methods] if isinstance(methods, list) else [])
    return found if all(group and all(factor.id for factor in group) for group in found) else []


def _factor(told: object) -> Factor:
    told = told if isinstance(told, Mapping) else {}
    id_, type_, name = (str(told.get(key) or "") for key in ("id", "type", "name"))
    return Factor(id_, type_, name, uses_passcode=told.get("uses_passcode") is True)


def _key(factor: Factor, passcodes: Mapping[str, SecretValue | None]) -> str | None:
    return next((key for key in (factor.id, factor.name, factor.type) if key and key in passcodes), None)


def _known(factor: Factor, passcodes: Mapping[str, SecretValue | None]) -> SecretValue | None:
    key = _key(factor, passcodes)
    return None if key is None else passcodes[key]


def _chosen(
    group: list[Factor], conversation: Conversation | None, passcodes: Mapping[str, SecretValue | None]
) -> Factor:
    if len(group) == 1:
        return group[0]
    if (known := next((factor for factor in group if _key(factor, passcodes) is not None), None)) is not None:
        return known
    offered = ", ".join(f"{number} {factor.label}" for number, factor in enumerate(group, 1))
    answer = named(conversation, f"Second factor ({offered})", hint=_UNASKED)
    for number, factor in enumerate(group, 1):
        if answer in {str(number), factor.name, factor.type}:
            return factor
    raise AuthenticationRequired("That is none of the second factors.", hint="Sign in again and type its number.")


def _proof(
    factor: Factor, conversation: Conversation | None, passcodes: Mapping[str, SecretValue | None]
) -> list[SecretValue]:
    if not factor.uses_passcode:
        if conversation is not None:
            conversation.tell(f"Confirm the sign-in with {factor.label}.")
        return []
    known = _known(factor, passcodes)
    return [asked(conversation, f"Passcode ({factor.label})", hint=_UNASKED) if known is None else known]


def _heed(error: RefusedError, factors: list[Factor], conversation: Conversation | None, left: int) -> None:
    """Go on where another passcode may do. Raises WrongCredential, AuthenticationRequired."""
    if error.said is Said.REQUEST_GONE:
        raise AuthenticationRequired("The second factor came too late.", hint="Sign in again.") from None
    if not any(factor.uses_passcode for factor in factors):
        raise WrongCredential("The sign-in was not confirmed.", hint="Sign in again and confirm it.") from None
    if not left or conversation is None:
        raise WrongCredential(
            "The passcode is wrong, or was used already.", hint="Sign in again with a new one."
        ) from None
    conversation.tell("The passcode is wrong, or was used already. Wait for a new one.")
