"""The double of Vault answers as a real OpenBao does. Skipped, and said so, where there is none."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import struct
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.doubles.vault import RealServer, VaultDouble, real_server
from tests.doubles.vault.oidc import CALLBACK
from tests.doubles.vault.provider import CLIENT, SECRET
from tests.doubles.vault_requests import SCRIPTS
from tests.doubles.vault_wire import Wire, comparable


@pytest.fixture(scope="module")
def real() -> Iterator[RealServer]:
    server = real_server()
    if server is None:
        pytest.skip("NO REAL SERVER: neither BAO_BIN nor bao nor vault was found, nothing is compared with one")
    if not server.is_ours:
        pytest.skip("NOTHING IS COMPARED with a server that was there before: it is full of other things")
    with server:
        if server.flavour != "openbao":
            pytest.skip(f"NOTHING IS COMPARED with {server.version}: the requests are those of an OpenBao")
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


@pytest.mark.slow
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
