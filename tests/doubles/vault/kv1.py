"""The KV v1 engine, and the cubbyhole, which is the same for one token (openbao builtin/logical/kv/passthrough.go)."""

from __future__ import annotations

from tests.doubles.vault.call import Call
from tests.doubles.vault.names import Names
from tests.doubles.vault.state import State
from tests.doubles.vault.wire import UNSUPPORTED, Answer, Failed, Json, one_error, seconds_of

DEFAULT_LEASE = 2_764_800
OLD_WAY = (
    "Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap responses, as it"
    " provides additional security checks and other benefits."
)


class Kv1:
    """`secrets` maps names to what was written; numbers stay as they were written."""

    kind = "kv"
    version: int | None = 1

    def __init__(self, state: State, options: dict[str, Json]) -> None:
        self.state = state
        self.is_leased = options.get("leased_passthrough") == "true"
        """An old way of KV v1: each read gives a lease, renewable where the secret has a `ttl`."""
        self.secrets: Names[dict[str, Json]] = Names()

    def exists(self, call: Call) -> bool:
        return call.path in self._of(call)

    def _of(self, call: Call) -> Names[dict[str, Json]]:
        return self.secrets

    def _bad(self, text: str) -> Failed:
        return Failed(400, text)

    def _leased(self, call: Call, data: dict[str, Json]) -> Answer:
        seconds = DEFAULT_LEASE
        raw = data["ttl"] if "ttl" in data else data.get("lease")
        if raw is not None:
            try:
                seconds = seconds_of(raw)
            except ValueError:
                seconds = DEFAULT_LEASE
        if not self.is_leased:
            return Answer(data, lease_duration=seconds)
        renewable = raw is not None
        lease = self.state.add_lease(call.full, call.namespace, seconds, renewable, token=call.token.id)
        return Answer(data, lease_id=lease.id, renewable=renewable, lease_duration=seconds)

    def handle(self, call: Call) -> Answer:
        secrets, path = self._of(call), call.path
        call.known = None if call.operation == "write" else frozenset()
        if not path and (call.operation == "write" or (self.version is None and call.operation == "read")):
            raise self._bad("missing path")
        match call.operation:
            case "read":
                return self._leased(call, secrets[path]) if path in secrets else Answer()
            case "write":
                if not call.data:
                    raise self._bad("missing data fields")
                secrets[path] = call.data
                return Answer()
            case "delete":
                secrets.pop(path, None)
                return Answer()
            case "list":
                return Answer({"keys": secrets.listing(path)})
            case "scan" if call.openbao and self.kind == "kv":
                found = secrets.scanning(path)
                return Answer({"keys": found} if found else {})
            case _:
                raise UNSUPPORTED


class Cubbyhole(Kv1):
    """Each token's own."""

    version: int | None = None

    def __init__(self, state: State, prefix: str) -> None:
        super().__init__(state, {})
        self.kind = f"{prefix}cubbyhole"

    def _of(self, call: Call) -> Names[dict[str, Json]]:
        return call.token.cubbyhole

    def _bad(self, text: str) -> Failed:
        return Failed(500, one_error(text))

    def handle(self, call: Call) -> Answer:
        if call.path == "response" and call.operation == "read" and call.token.wraps:
            self.state.revoke(call.token)
            return Answer({"response": call.token.wraps}, [OLD_WAY])
        return super().handle(call)

    def _leased(self, call: Call, data: dict[str, Json]) -> Answer:
        return Answer(data)
