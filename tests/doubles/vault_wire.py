"""Raw requests to a real server or to its double, in the words of vault_requests, and what must be equal."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

LINE = re.compile(
    r"(?:@(?P<token>\S+) )?(?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<body>[^|=].*?))?"
    r"(?: \| (?P<headers>.*?))?(?: => (?P<name>\S+) (?P<member>\S+))?"
)
ROOT = "root"
"""The token whose policy is root, in scripts."""
HIDDEN = {
    "request_id", "accessor", "uuid", "client_token", "token", "wrapped_accessor", "entity_id", "cluster_id", "id",
    "cluster_name", "server_time_utc", "last_renewal_time", "running_plugin_version", "role_id", "secret_id",
    "secret_id_accessor", "auth_url", "state", "user_code", "mfa_request_id",
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
VAGUE = re.compile(r"(invalid character|TTL of|error validating token:) .*")
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
NAMES = re.compile(r"\b(?:[sb]\.)?[A-Za-z0-9]{24}(?:\.[A-Za-z0-9]{6})?\b")


@dataclass
class Raw:
    """An answer as it came."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """One server and what a script has kept of its answers."""

    url: str
    root: str
    kept: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, body: str = "", token: str = ROOT, headers: dict[str, str] | None = None
    ) -> Raw:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        sent = {"X-Vault-Token": self.root if token == ROOT else self.kept.get(token, token), **(headers or {})}
        if token == "none":
            del sent["X-Vault-Token"]
        if body:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            sent.setdefault("Content-Type", kind)
        try:
            connection.putrequest(method, "/v1/" + path, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if body or method in {"POST", "PUT"}:
                connection.putheader("Content-Length", str(len(body.encode())))
            connection.endheaders(body.encode() or None)
            answer = connection.getresponse()
            return Raw(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()

    def run(self, line: str) -> Raw:
        match = LINE.fullmatch(line)
        assert match, line
        filled = {
            name: re.sub(r"\$(\w+)", lambda found: self.kept.get(found[1], found[0]), text or "")
            for name, text in match.groupdict().items()
        }
        headers = dict(one.split(": ", 1) for one in filled["headers"].split("; ") if ": " in one)
        if filled["method"] == "WAIT":
            return self.wait(filled["path"], headers)
        answer = self.send(filled["method"], filled["path"], filled["body"], match["token"] or ROOT, headers)
        if match["name"]:
            found = answer.json()
            for member in match["member"].split("."):
                assert member in found, (self.url, line, found)
                found = found[member]
            self.kept[match["name"]] = found
        return answer

    def wait(self, mount: str, headers: dict[str, str]) -> Raw:
        """Until a new KV v2 mount is ready."""
        for _ in range(1000):
            answer = self.send("GET", f"{mount}/config", headers=headers)
            if answer.status == 200:
                return answer
        raise AssertionError(answer)


def masked(value: Any, key: str = "") -> Any:
    """What must be equal: times, ids and lifetimes to the second are not."""
    match value:
        case dict():
            return {name: masked(item, name) for name, item in value.items()}
        case list():
            return [masked(item) for item in value]
        case str() if key in HIDDEN and value:
            return "<hidden>"
        case str():
            return VAGUE.sub(r"\1 …", NAMES.sub("<name>", UUID.sub("<uuid>", TIME.sub("<time>", value))))
        case int() if key in HIDDEN or key == "creation_time":
            return "<hidden>"
        case int() if key in {"ttl", "lease_duration"} and not isinstance(value, bool):
            return -(-value // 20) * 20
        case _:
            return value


class Literal(float):
    """A number that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text


def comparable(answer: Raw) -> dict[str, Any]:
    """Status, the headers that matter, and the body: the order of keys counts except at the top."""
    shown: dict[str, Any] = {"status": answer.status}
    if "retry-after" in answer.headers:
        shown["retry-after"] = int(answer.headers["retry-after"]) // 100
    for name in ("location", "x-vault-namespace", "content-type", "x-ratelimit-limit", "x-ratelimit-remaining"):
        if name in answer.headers and (answer.body or name != "content-type"):
            shown[name] = answer.headers[name]
    try:
        body = json.loads(answer.body, parse_float=Literal)
    except ValueError:
        return shown | {"text": answer.body}
    body = masked(body)
    if isinstance(body, dict):
        if "errors" in body:
            body["errors"] = ["\n".join(sorted(text.split("\n"))) for text in body["errors"]]
        body = {name: body[name] for name in sorted(body)}
        return shown | {"body": {name: json.dumps(item, default=repr) for name, item in body.items()}}
    return shown | {"body": body}
