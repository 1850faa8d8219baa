"""The second factor of logins: by header at once, or in two steps by sys/mfa/validate (vault/login_mfa.go)."""

from __future__ import annotations

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.state import State
from tests.doubles.vault.tree import Enforcement
from tests.doubles.vault.wire import Answer, Failed, Struct, new_id, one_error, several, strings

WARNING = (
    "A login request was issued that is subject to MFA validation. Please make sure to validate the login by sending"
    " another request to mfa/validate endpoint."
)


class Mfa:
    def __init__(self, state: State) -> None:
        self.state = state
        self.pending: dict[str, tuple[Token, list[Enforcement]]] = {}
        """Tokens that are given out when their request is validated."""

    def demand(self, call: Call, token: Token, accessor: str) -> Answer | None:
        """What a login is answered where its mount wants a second factor; None where it wants none or has it."""
        wanted = [one for one in call.namespace.enforcements if one.accessor == accessor]
        if not wanted:
            return None
        del self.state.tokens[token.id]
        header = call.headers.get("x-vault-mfa")
        if header:
            name, _, code = header.partition(":")
            if all(one.methods.get(name) == code for one in wanted):
                self.state.tokens[token.id] = token
                return None
            raise Failed(403, "permission denied")
        request = new_id()
        self.pending[request] = (token, wanted)
        constraints = {one.name: {"any": [self._method(one, name) for name in one.methods]} for one in wanted}
        auth = self.state.auth(token)
        auth |= {"client_token": "", "accessor": "", "policies": None, "metadata": None, "lease_duration": 0}
        auth |= {"renewable": False, "entity_id": "", "token_type": "default", "orphan": False, "num_uses": 0}
        auth["mfa_requirement"] = Struct(mfa_request_id=request, mfa_constraints=constraints)
        del auth["token_policies"]
        return Answer(auth=auth, warnings=[WARNING])

    @staticmethod
    def _method(one: Enforcement, name: str) -> Struct:
        return Struct(type=one.kind, id=name, uses_passcode=one.kind == "totp")

    def validate(self, call: Call) -> Answer:
        """`sys/mfa/validate`."""
        if call.operation != "write":
            raise Failed(405, "unsupported operation")
        request = call.data.get("mfa_request_id")
        if not request:
            raise Failed(400, "missing request ID")
        if request not in self.pending:
            raise Failed(400, "invalid request ID")
        token, wanted = self.pending[str(request)]
        payload = call.data.get("mfa_payload") or {}
        for one in wanted:
            self._check(one, {str(name): strings(codes) for name, codes in payload.items()})
        del self.pending[str(request)]
        self.state.tokens[token.id] = token
        return Answer(auth=self.state.auth(token))

    @staticmethod
    def _check(one: Enforcement, payload: dict[str, list[str]]) -> None:
        name = next((name for name in one.methods if name in payload), None)
        fault = f"failed to satisfy enforcement {one.name}. error: "
        if name is None:
            missing = f"failed to find MFA credentials associated with an MFA method ID {next(iter(one.methods))}"
            raise Failed(403, f"{fault}failed to sanitize MFA creds, {one_error(missing + ', method name ')}")
        if one.kind == "totp" and one.methods[name] not in payload[name]:
            told = f"login MFA validation failed for methodID: [{' '.join(one.methods)}]"
            raise Failed(403, fault + several(["MFA credentials not supplied or incorrect", told]))
