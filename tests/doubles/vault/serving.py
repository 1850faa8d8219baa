"""From a request line to an engine and back (openbao http/logical.go, vault/request_handling.go)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from tests.doubles.server import Reply, Seen
from tests.doubles.vault.admin import SUDO, Admin
from tests.doubles.vault.around import SELF_CHECKED, UNCHECKED, Around
from tests.doubles.vault.call import Call
from tests.doubles.vault.login import Login
from tests.doubles.vault.state import State, envelope
from tests.doubles.vault.tree import Mount
from tests.doubles.vault.wire import UNSUPPORTED, Answer, Failed, Json, Struct, dumps, loads, one_error, seconds_of

if TYPE_CHECKING:
    from tests.doubles.vault.double import VaultDouble

OPERATIONS = {"GET": "read", "HEAD": "head", "POST": "write", "PUT": "write", "DELETE": "delete", "PATCH": "patch"}
OPERATIONS |= {"LIST": "list", "SCAN": "scan", "OPTIONS": "help"}
MERGE_PATCH = "application/merge-patch+json"
SELF = {"auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self"}
"""Found from any namespace."""
TRUE = {"1", "t", "T", "true", "TRUE", "True"}
FALSE = {"0", "f", "F", "false", "FALSE", "False"}


def error(failed: Failed) -> Reply:
    body = Struct(errors=[failed.message] if failed.message is not None else [])
    if failed.data is not None:
        body["data"] = failed.data
    return Reply(failed.status, (dumps(body) + "\n").encode(), failed.headers)


def operation_of(request: Seen, query: dict[str, str], openbao: bool) -> str:
    """Raises Failed."""
    operation = OPERATIONS.get(request.method)
    if operation is None or (operation == "scan" and not openbao):
        raise Failed(405)
    if operation != "read":
        return operation
    flags = [name for name in ("list", "scan") if query.get(name) and (openbao or name == "list")]
    if any(query[name] not in TRUE | FALSE for name in flags):
        raise Failed(400)
    chosen = [name for name in flags if query[name] in TRUE]
    if len(chosen) > 1:
        raise Failed(400)
    for name in chosen:
        del query[name]
    return chosen[0] if chosen else "read"


def merged_query(text: str) -> dict[str, Json]:
    """Fields of a query or form; what is there several times is joined by commas."""
    fields: dict[str, Json] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def body_of(request: Seen) -> dict[str, Json]:
    """Raises Failed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "PATCH":
        if not kind:
            raise Failed(400, "mime: no media type")
        if kind != MERGE_PATCH:
            raise Failed(415, f"PATCH requires Content-Type of {MERGE_PATCH}, provided {kind}")
    text = request.body.strip()
    if kind == "application/x-www-form-urlencoded" and text[:1] not in {b"{", b"["}:
        return merged_query(text.decode("utf-8", "replace"))
    if not text:
        return {}
    try:
        loaded = loads(request.body)
    except (ValueError, RecursionError):
        raise Failed(400, "failed to decode JSON input: invalid character in the body") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        name = {list: "array", str: "string", bool: "bool"}.get(type(loaded), "number")
        problem = f"json: cannot unmarshal {name} into Go value of type map[string]interface {{}}"
        raise Failed(400, f"failed to decode JSON input: {problem}")
    return loaded


class Serving:
    def __init__(self, double: VaultDouble, state: State, around: Around, admin: Admin) -> None:
        self.double, self.state, self.around, self.admin = double, state, around, admin

    def reply(self, request: Seen) -> Reply:
        raw, _, raw_query = request.target.partition("?")
        if re.search(r"%(?![0-9A-Fa-f]{2})", raw):
            return Reply(400, b"400 Bad Request", {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"})
        path = unquote(raw)
        if not path.isprintable():
            return Reply(400)
        clean = posixpath.normpath("/" + raw.lstrip("/")) + ("/" if raw.endswith("/") and raw != "/" else "")
        if clean != raw:
            where = clean + (f"?{raw_query}" if raw_query else "")
            body = f'<a href="{where}">Temporary Redirect</a>.\n\n'
            return Reply(307, body.encode(), {"Location": where, "Content-Type": "text/html; charset=utf-8"})
        if not path.startswith("/v1/"):
            return self.double.outside(request) or Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        header = request.headers.get("x-vault-namespace", "")
        echo = {"X-Vault-Namespace": header} if header else {}
        try:
            found = self._reply(request, path.removeprefix("/v1/"), merged_query(raw_query), header)
        except Failed as failed:
            found = error(failed)
        except Exception as broken:  # noqa: BLE001
            self.double.broken.append(broken)
            found = error(Failed(500, f"THE DOUBLE IS BROKEN: {broken!r}"))
        return Reply(found.status, found.body, {"Cache-Control": "no-store", **found.headers, **echo})

    def _reply(self, request: Seen, path: str, query: dict[str, str], header: str) -> Reply:
        state = self.state
        if path in {"sys/health", "sys/seal-status"}:
            if header.strip("/"):
                raise Failed(400, "operation unavailable in namespaces")
            return self.double.health(query) if path == "sys/health" else self.double.seal_status()
        operation = operation_of(request, query, state.openbao)
        data: dict[str, Json] = body_of(request) if operation in {"write", "patch"} else dict(query)
        if operation in {"list", "scan"} and not path.endswith("/"):
            path += "/"
        limits = self.double.check_quota(path)
        wrap_ttl = self._wrap_ttl(request)
        if {".", ".."} & set(path.split("/")):
            raise Failed(400, "relative paths not supported")
        if self.double.sealed:
            raise Failed(503, "Vault is sealed")
        resolved = state.resolve(header, path)
        if resolved is None:
            raise Failed(404, "namespace not found")
        if operation in {"write", "patch"} and path.endswith("/"):
            raise Failed(400, "cannot write to a path ending in '/'")
        namespace, inside = resolved
        given = request.headers.get("x-vault-token", "")
        bearer = request.headers.get("authorization", "")
        given = given or (bearer[7:] if bearer.startswith("Bearer ") else "")
        call = Call(operation, inside, data, request.headers, namespace, state.now(), state.openbao, full=inside)
        call.has_token = bool(given)
        call.known_token = state.token(given) if given else None
        found = self._answer(call, wrap_ttl)
        return Reply(found.status, found.body, {**found.headers, **limits})

    @staticmethod
    def _wrap_ttl(request: Seen) -> int:
        text = request.headers.get("x-vault-wrap-ttl", "")
        try:
            seconds = seconds_of(text)
        except ValueError:
            raise Failed(400, f'error parsing X-Vault-Wrap-TTL header: time: invalid duration "{text}"') from None
        if seconds < 0:
            raise Failed(400, "error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative")
        return seconds

    def _answer(self, call: Call, wrap_ttl: int) -> Reply:
        if call.path.startswith("sys/"):
            handler, mount = self._system(call), None
        else:
            handler, mount = self._mounted(call)
        answer = handler(call)
        odd = sorted(set(call.data) - call.known) if call.known is not None else []
        if odd and answer.is_something:
            text = f"Endpoint ignored these unrecognized parameters: [{' '.join(odd)}]"
            answer.warnings = [*(answer.warnings or []), text]
        if answer.whole:
            return Reply(answer.status or 200, answer.whole.encode())
        kind = mount.engine.kind if mount is not None else "system"
        if wrap_ttl and not answer.empty and answer.is_something:
            body = envelope(self.state, answer, kind)
            info = self.state.wrap(body, wrap_ttl, call.full, call.namespace, answer.status or 200)
            answer = Answer(wrap_info=info)
        return self._encoded(call, answer, kind)

    def _system(self, call: Call) -> Callable[[Call], Answer]:
        path = call.path.rstrip("/")
        handler = self.around.find(call) or self.admin.find(call)
        if path in UNCHECKED:
            return handler or self._unknown
        if path.startswith(SELF_CHECKED[:2]):
            if call.has_token and call.known_token is None:
                raise self.state.denied()
            return handler or self._unknown
        if path in SELF_CHECKED:
            return handler or self._unknown
        self._authorise(call)
        return handler or self._unknown

    def _unknown(self, call: Call) -> Answer:
        if call.path.rstrip("/") in {path for _, path in self.around.exact}:
            raise UNSUPPORTED
        raise Failed(404, one_error("unsupported path"))

    def _mounted(self, call: Call) -> tuple[Callable[[Call], Answer], Mount | None]:
        found = call.namespace.match(call.path)
        if found is None:
            if call.path.startswith("auth/") and not call.has_token:
                raise Failed(403, "permission denied")
            self._authorise(call)
            raise Failed(404, f'no handler for route "{call.full}". route entry not found.')
        mount, rest = found
        call.mount, call.path = call.path[: len(call.path) - len(rest)], rest
        engine = mount.engine
        if isinstance(engine, Login) and engine.is_open(call):
            return engine.handle, mount
        self._authorise(call, engine.exists)
        if call.operation in {"head", "help"}:
            internal = Failed(400, "cannot handle internal-only request operation")
            raise UNSUPPORTED if call.operation == "head" else internal
        return engine.handle, mount

    def _authorise(self, call: Call, exists: Callable[[Call], bool] = lambda _: True) -> None:
        token = call.known_token
        if token is None:
            raise self.state.denied()
        if call.full in SELF and not call.namespace.is_within(token.namespace):
            call.namespace = token.namespace
        if not call.namespace.is_within(token.namespace):
            self.state.spend(token)
            raise Failed(403, one_error("permission denied"))
        acl = self.state.acl(token)
        whole = call.namespace.path + call.full
        needed = ("update" if exists(call) else "create") if call.operation == "write" else call.operation
        allowed = acl.allows(needed, whole)
        if call.full.startswith(SUDO) and not acl.allows("sudo", whole):
            allowed = False
        self.state.spend(token)
        if not allowed:
            raise Failed(403, one_error("permission denied"))

    def _encoded(self, call: Call, answer: Answer, kind: str) -> Reply:
        if answer.empty:
            return Reply(answer.status, b"")
        body = envelope(self.state, answer, kind)
        if answer.status:
            return Reply(answer.status, dumps(body).encode())
        bare = not answer.is_something
        empty_list = call.operation == "list" and not answer.wrap_info and not (answer.data or {}).get("keys")
        if (bare and call.operation in {"read", "list"}) or (empty_list and not answer.warnings):
            return error(Failed(404))
        if bare:
            return Reply(204)
        if answer.injected:
            body = Struct({**(answer.data or {}), **body})
        return Reply(body=(dumps(body) + "\n").encode(), headers=answer.headers)
