"""The double of Vault: what it promises to tests, and that it answers as a real OpenBao does."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.doubles.vault import RealServer, VaultDouble, real_server
from tests.doubles.vault.oidc import CALLBACK
from tests.doubles.vault.provider import CLIENT, SECRET
from tests.doubles.vault_requests import SCRIPTS

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


@pytest.fixture(scope="module")
def real() -> Iterator[RealServer]:
    server = real_server()
    if server is None:
        pytest.skip("NO REAL SERVER: neither BAO_BIN nor bao nor vault was found, nothing is compared with one")
    with server:
        yield server


@pytest.fixture(scope="module")
def vault() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        yield double


def signed_jwt() -> dict[str, str]:
    """A public key (PEM in a JSON string) and a JWT of `me` signed by it."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = {"sub": "me", "exp": int(time.time()) + 600, "iat": int(time.time()) - 60}
    parts = [json.dumps(part).encode() for part in ({"alg": "ES256", "typ": "JWT"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=")
    return {"key": json.dumps(pem.decode())[1:-1], "jwt": (signed + b"." + signature).decode()}


def lines_of(script: str) -> list[str]:
    return [line.strip() for line in script.strip().splitlines()]


@pytest.mark.parametrize("subject", SCRIPTS)
def test_the_double_answers_as_the_real_server_does(real: RealServer, vault: VaultDouble, subject: str) -> None:
    mount = "m" + str(list(SCRIPTS).index(subject))
    version = "1" if subject.startswith("kv1") else "2"
    kept = {"m": mount, **signed_jwt()} if subject == "jwt" else {"m": mount}
    servers = [Wire(real.url, real.token, dict(kept)), Wire(vault.url, vault.root_token, dict(kept))]
    for wire in servers:
        made = wire.send("POST", f"sys/mounts/{mount}", json.dumps({"type": "kv", "options": {"version": version}}))
        assert made.status == 204
        if version == "2":
            wire.wait(mount, {})
    differences = []
    for line in lines_of(SCRIPTS[subject]):
        theirs, ours = (comparable(wire.run(line)) for wire in servers)
        if theirs != ours:
            differences.append(f"{line}\n   real: {theirs}\n double: {ours}")
    assert not differences, "\n" + "\n".join(differences)


def compare(wires: list[Wire], lines: list[str]) -> None:
    for line in lines:
        theirs, ours = (comparable(wire.run(line)) for wire in wires)
        assert ours == theirs, line


def two(real: RealServer, vault: VaultDouble, mount: str) -> list[Wire]:
    return [Wire(real.url, real.token, {"m": mount}), Wire(vault.url, vault.root_token, {"m": mount})]


def oidc_mount(wires: list[Wire], vault: VaultDouble) -> None:
    about = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "default_role": "b"}
    config = json.dumps({"oidc_discovery_url": vault.provider.url, **about})
    browser = {"role_type": "oidc", "user_claim": "sub", "allowed_redirect_uris": CALLBACK, "token_policies": "a"}
    device = {**browser, "callback_mode": "device", "poll_interval": 1}
    for wire in wires:
        wire.run('POST sys/auth/$m {"type":"oidc"}')
    compare(wires, ['@none POST auth/$m/oidc/auth_url {"role":"b"}'])
    for wire in wires:
        assert wire.run(f"POST auth/$m/config {config}").status == 204
        assert wire.run(f"POST auth/$m/role/b {json.dumps(browser)}").status in {200, 204}
        assert wire.run(f"POST auth/$m/role/d {json.dumps(device)}").status in {200, 204}


def visit(wire: Wire, name: str) -> None:
    """What a browser does with the kept address; keeps what the provider tells our callback."""
    parts = urlsplit(wire.kept[name])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    wire.kept |= dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_login_by_browser_goes_as_at_the_real_server(real: RealServer, vault: VaultDouble) -> None:
    wires = two(real, vault, "oidc-browser")
    oidc_mount(wires, vault)
    body = f'{{"role":"b","redirect_uri":"{CALLBACK}","client_nonce":"n"}}'
    begin = f"@none POST auth/$m/oidc/auth_url {body} => u data.auth_url"
    other = begin.replace("localhost:8250", "localhost:1234").replace('"role":"b",', "")
    compare(
        wires,
        [
            '@none POST auth/$m/oidc/auth_url {"role":"none","redirect_uri":"x"}',
            '@none POST auth/$m/oidc/auth_url {"role":"b"}',
            '@none POST auth/$m/oidc/auth_url {"role":"b","redirect_uri":"http://elsewhere/oidc/callback"}',
            '@none POST auth/$m/oidc/auth_url {"role":"b","redirect_uri":"http://127.0.0.1:8250/oidc/callback"}',
            "@none GET auth/$m/oidc/callback?state=none&code=x",
            "@none GET auth/$m/oidc/callback",
            other,
            begin,
        ],
    )
    for wire in wires:
        visit(wire, "u")
    finish = "@none GET auth/$m/oidc/callback?state=$state&code=$code&client_nonce=n => t auth.client_token"
    compare(wires, [finish, "@t GET auth/token/lookup-self", finish.partition(" =>")[0], begin])
    for wire in wires:
        visit(wire, "u")
    compare(wires, ["@none GET auth/$m/oidc/callback?state=$state&code=$code&client_nonce=other", begin])
    for wire in wires:
        visit(wire, "u")
    compare(wires, ["@none GET auth/$m/oidc/callback?state=$state&client_nonce=n", begin])
    vault.provider.decision = "deny"
    for wire in wires:
        visit(wire, "u")
    vault.provider.decision = "approve"
    compare(wires, ["@none GET auth/$m/oidc/callback?state=$state&error=access_denied&client_nonce=n"])


def test_login_by_device_goes_as_at_the_real_server(real: RealServer, vault: VaultDouble) -> None:
    wires = two(real, vault, "oidc-device")
    oidc_mount(wires, vault)
    poll = '@none POST auth/$m/oidc/poll {"state":"$state","client_nonce":"n"}'
    begin = '@none POST auth/$m/oidc/auth_url {"role":"d","client_nonce":"n"}'
    vault.provider.decision = "wait"
    compare(
        wires,
        [
            '@none POST auth/$m/oidc/auth_url {"role":"d"}',
            '@none POST auth/$m/oidc/poll {"state":"none","client_nonce":"n"}',
            "@none GET auth/$m/oidc/poll?state=none",
        ],
    )
    for decision in ("approve", "deny"):
        for wire in wires:
            wire.kept |= wire.run(begin).json()["data"]
        compare(wires, [begin, poll, poll])
        for wire in wires:
            vault.provider.decide(wire.kept["user_code"], decision)
        keep = " => t auth.client_token" if decision == "approve" else ""
        compare(wires, [poll + keep, poll])
    compare(wires, ["@t GET auth/token/lookup-self"])
    for wire in wires:
        wire.kept |= wire.run(begin).json()["data"]
    compare(wires, ['@none POST auth/$m/oidc/poll {"state":"$state","client_nonce":"other"}', poll])
    vault.provider.decision = "approve"


def totp_of(url: str, later: int = 0) -> str:
    """RFC 6238 of an otpauth address; `later` counts periods."""
    secret = dict(parse_qsl(urlsplit(url).query))["secret"]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + later), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def test_a_second_factor_is_asked_for_as_at_the_real_server(real: RealServer, vault: VaultDouble) -> None:
    wires = two(real, vault, "up-mfa")
    theirs, ours = wires
    for wire in wires:
        wire.run('POST sys/auth/$m {"type":"userpass"}')
        wire.run('POST auth/$m/users/al {"password":"pw"}')
    theirs.run('@none POST auth/$m/login/al {"password":"pw"} => entity auth.entity_id')
    theirs.run("GET sys/auth/$m => accessor data.accessor")
    theirs.run('POST identity/mfa/method/totp {"issuer":"x"} => id data.method_id')
    theirs.run('POST identity/mfa/method/totp/admin-generate {"method_id":"$id","entity_id":"$entity"} => url data.url')
    enforcement = '{"mfa_method_ids":["$id"],"auth_method_accessors":["$accessor"]}'
    theirs.run(f"POST identity/mfa/login-enforcement/second {enforcement}")
    theirs.kept["code"] = totp_of(theirs.kept["url"])
    ours.kept |= {"id": vault.require_mfa("up-mfa", "123456"), "code": "123456"}
    begin = '@none POST auth/$m/login/al {"password":"pw"} => r auth.mfa_requirement.mfa_request_id'
    validate = '@none POST sys/mfa/validate {"mfa_request_id":"$r","mfa_payload":{"$id":["$code"]}}'
    compare(
        wires,
        [
            begin,
            "@none POST sys/mfa/validate {}",
            "@none GET sys/mfa/validate",
            '@none POST sys/mfa/validate {"mfa_request_id":"$r"}',
            '@none POST sys/mfa/validate {"mfa_request_id":"none","mfa_payload":{"$id":["1"]}}',
            '@none POST sys/mfa/validate {"mfa_request_id":"$r","mfa_payload":{"none":["1"]}}',
            '@none POST sys/mfa/validate {"mfa_request_id":"$r","mfa_payload":{"$id":["000000"]}}',
            f"{validate} => t auth.client_token",
            "@t GET auth/token/lookup-self",
            validate,
        ],
    )
    theirs.kept["code"] = totp_of(theirs.kept["url"], later=1)
    login = '@none POST auth/$m/login/al {"password":"pw"} | X-Vault-MFA: $id'
    compare(wires, [f"{login}:999999", f"{login}:$code", '@none POST auth/$m/login/al {"password":"bad"}'])


@pytest.fixture
def own(real: RealServer) -> Iterator[RealServer]:
    """A real server of this test alone."""
    if not real.is_ours:
        pytest.skip("a server that was there before is not sealed and not limited")
    with RealServer(real.binary) as server:
        yield server


def test_a_sealed_server_says_what_a_real_one_says(own: RealServer) -> None:
    with VaultDouble() as double:
        wires = two(own, double, "secret")
        lines = [
            "@none GET sys/health",
            "@none HEAD sys/health",
            "@none GET sys/seal-status",
            "@none GET sys/health?sealedcode=200",
        ]
        compare(wires, lines)
        assert wires[0].run("POST sys/seal").status == 204
        double.sealed = True
        compare(
            wires,
            [
                *lines,
                "GET secret/data/a",
                "@none GET secret/data/a",
                "@bad GET secret/data/a%2F..%2Fb",
                "GET secret/data/a | X-Vault-Namespace: none",
                "POST secret/data/ {}",
                'POST secret/data/a {"data":{}}',
                "POST secret/data/a {broken",
                "BREW secret/data/a",
                "GET secret/data/a | X-Vault-Wrap-TTL: soon",
                "GET sys/internal/ui/mounts",
                '@none POST auth/userpass/login/a {"password":"x"}',
                "POST sys/mfa/validate {}",
                'POST sys/wrapping/lookup {"token":"x"}',
            ],
        )


def test_a_quota_says_what_a_real_one_says(own: RealServer) -> None:
    with VaultDouble() as double:
        wires = two(own, double, "secret")
        wires[0].run('POST sys/quotas/config {"enable_rate_limit_response_headers":true}')
        wires[0].run('POST sys/quotas/rate-limit/q {"path":"secret/","rate":2,"interval":"600s"}')
        double.limit_rate(2, 600, "secret/")
        asked = ["GET secret/data/a", "LIST secret/metadata", "GET secret/data/a", "LIST secret/metadata"]
        compare(wires, [*asked, "@none GET secret/data/a", "GET cubbyhole/a", "@none GET sys/health"])
        last = wires[1].run("GET secret/data/a")
        assert last.status == 429
        assert 590 < int(last.headers["retry-after"]) <= 600


def test_enough_is_compared() -> None:
    assert sum(len(lines_of(script)) for script in SCRIPTS.values()) > 500
