"""Every way of signing in that a real server can do on this machine alone."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kvtui.backends.http.tls import Tls
from kvtui.backends.vault.auth import lifetime, methods, tokens
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.domain.errors import (
    AuthenticationRequired,
    NotFound,
    PermissionDenied,
    Unavailable,
    WrongCredential,
)
from tests.vault_auth.jwts import Provider, Signer
from tests.vault_auth.openbao import BINARY, Running, running
from tests.vault_auth.talk import Talk, connected, free_port

pytestmark = pytest.mark.skipif(BINARY is None, reason="no bao or vault on PATH, and no BAO_BIN: no real server")


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("bao")) as server:
        server.enable("userpass")
        server.write(
            "auth/userpass/users/ann", password="right", policies="default", token_ttl="1h", token_max_ttl="2h"
        )
        yield server


def sign_in(
    server: Running, auth: dict[str, Any], talk: Talk | None = None, environ: dict[str, str] | None = None, **more: Any
) -> Signed:
    with connected(server.url, ca_file=server.ca_file, **more) as api:
        return methods.sign_in(api, auth, talk, environ or {})


def path_of(server: Running, signed: Signed) -> str:
    """Where the server says the token was made."""
    with connected(server.url, ca_file=server.ca_file) as api:
        return lifetime.look_up(api.signed_in(signed.token)).path


def test_a_name_and_password(bao: Running) -> None:
    signed = sign_in(bao, {"method": "userpass"}, Talk("ann", "right"))
    assert path_of(bao, signed) == "auth/userpass/login/ann"
    assert (signed.display, signed.policies, signed.lease_duration) == ("ann", ("default",), 3600)


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("nobody", "right"), ("ann/x", "right")])
def test_a_wrong_name_or_password(bao: Running, user: str, password: str) -> None:
    with pytest.raises(WrongCredential):
        sign_in(bao, {"method": "userpass"}, Talk(user, password))


def test_a_mount_or_a_namespace_that_is_not_there(bao: Running) -> None:
    with pytest.raises(WrongCredential, match="auth/nowhere"):
        sign_in(bao, {"method": "userpass", "mount": "nowhere"}, Talk("ann", "right"))
    with pytest.raises(NotFound, match="namespace"):
        sign_in(bao, {"method": "userpass"}, Talk("ann", "right"), namespace="nowhere")


def test_a_name_that_is_locked_after_many_failures(bao: Running) -> None:
    bao.write("auth/userpass/users/bob", password="right")
    for _ in range(5):
        with pytest.raises(WrongCredential):
            sign_in(bao, {"method": "userpass", "username": "bob"}, Talk("wrong"))
    with pytest.raises(WrongCredential, match="refuses to sign in") as caught:
        sign_in(bao, {"method": "userpass", "username": "bob"}, Talk("right"))
    assert "locked" in caught.value.hint


def test_a_role_id_and_secret_id(bao: Running, tmp_path: Path) -> None:
    bao.enable("approle")
    bao.write("auth/approle/role/app", token_policies="default", secret_id_num_uses=1)
    with bao.root() as api:
        role_id = api.call("GET", "auth/approle/role/app/role-id").data["role_id"]
    file = tmp_path / "secret-id"
    file.write_text(bao.write("auth/approle/role/app/secret-id")["secret_id"] + "\n")
    auth = {"method": "approle", "role_id": role_id, "secret_id_file": str(file)}
    assert path_of(bao, sign_in(bao, auth)) == "auth/approle/login"
    with pytest.raises(WrongCredential, match="secret ID"):  # it was good once
        sign_in(bao, auth)
    with pytest.raises(WrongCredential, match="role ID"):
        sign_in(bao, auth | {"role_id": "other"})


def test_a_jwt(bao: Running) -> None:
    signer = Signer()
    bao.enable("jwt")
    with pytest.raises(Unavailable, match="auth/jwt is not set up"):
        sign_in(bao, {"method": "jwt", "role": "app"}, Talk("x"))
    bao.write("auth/jwt/config", jwt_validation_pubkeys=[signer.public_pem])
    bao.write(
        "auth/jwt/role/app", role_type="jwt", user_claim="sub", bound_audiences=["kvtui"], token_policies=["default"]
    )
    auth = {"method": "jwt", "role": "app", "jwt_env": "JWT"}
    signed = sign_in(bao, auth, environ={"JWT": signer.token(sub="ann", aud="kvtui")})
    assert path_of(bao, signed) == "auth/jwt/login"
    for wrong in (Signer().token(sub="ann", aud="kvtui"), signer.token(sub="ann", aud="other"), "SENTINEL"):
        with pytest.raises(WrongCredential) as caught:
            sign_in(bao, auth, environ={"JWT": wrong})
        assert wrong not in str(caught.value)
    with pytest.raises(WrongCredential):
        sign_in(bao, auth | {"role": "nowhere"}, environ={"JWT": signer.token(sub="ann", aud="kvtui")})


def test_kubernetes_that_is_not_set_up(bao: Running) -> None:
    bao.enable("kubernetes")
    with pytest.raises(WrongCredential, match="service account"):
        sign_in(bao, {"method": "kubernetes", "role": "app", "jwt_env": "JWT"}, environ={"JWT": "x"})


def test_a_second_factor(bao: Running) -> None:
    mount = bao.enable("userpass", at="second")
    bao.write("auth/second/users/ann", password="right")
    entity = bao.write("identity/entity", name="second-ann")["id"]
    bao.write("identity/entity-alias", name="ann", canonical_id=entity, mount_accessor=mount)
    # A period of hours: what is made now and what was made before stay what they are during the test.
    method = bao.write(
        "identity/mfa/method/totp", issuer="kvtui", method_name="my", period=36000, algorithm="SHA256", digits=6, skew=1
    )["method_id"]
    made = bao.write("identity/mfa/method/totp/admin-generate", method_id=method, entity_id=entity)
    bao.write("identity/mfa/login-enforcement/second", mfa_method_ids=[method], auth_method_accessors=[mount])
    key = parse_qs(urlsplit(made["url"]).query)["secret"][0]
    code = _passcode(key, 36000)
    auth = {"method": "userpass", "username": "ann", "mount": "second"}
    wrong = "000000" if code != "000000" else "111111"
    talk = Talk("right", wrong, code)
    signed = sign_in(bao, auth, talk)
    assert path_of(bao, signed) == "auth/second/login/ann"
    assert [question for question, _ in talk.asked] == ["Password of ann", "Passcode (totp my)", "Passcode (totp my)"]
    with pytest.raises(WrongCredential, match="used already"):
        sign_in(bao, auth, Talk("right"), {"BAO_MFA": f"my:{code}"})


def _passcode(key: str, period: int) -> str:
    padded = key + "=" * (-len(key) % 8)
    now = dt.datetime.now(dt.UTC).timestamp()
    return (
        TOTP(base64.b32decode(padded), 6, hashes.SHA256(), period, enforce_key_length=False).generate(int(now)).decode()
    )


def test_a_token_of_the_environment_and_one_kept_in_a_file(bao: Running, tmp_path: Path) -> None:
    child = _token(bao, policies=["default"], ttl="30m", display_name="ci")
    signed = sign_in(bao, {}, environ={"HOME": str(tmp_path), "VAULT_TOKEN": child})
    assert signed.display == "token-ci"
    assert 1795 <= signed.lease_duration <= 1800
    tokens.store(signed.token, {"HOME": str(tmp_path)})
    assert sign_in(bao, {}, environ={"HOME": str(tmp_path)}).token.same_as(signed.token)


def test_a_root_token_never_ends(bao: Running) -> None:
    signed = sign_in(bao, {}, environ={"BAO_TOKEN": "root-of-the-test"})
    assert signed.expires_at is None
    assert signed.is_known


def test_a_token_without_the_default_policy_is_told_from_a_bad_one(bao: Running, tmp_path: Path) -> None:
    bare = _token(bao, policies=["none"], no_default_policy=True, ttl="30m")
    signed = sign_in(bao, {}, environ={"HOME": str(tmp_path), "BAO_TOKEN": bare})
    assert not signed.is_known
    with pytest.raises(WrongCredential):
        sign_in(bao, {}, environ={"HOME": str(tmp_path), "BAO_TOKEN": "s.bad"})


def test_renewing_up_to_the_greatest_lifetime_and_revoking(bao: Running) -> None:
    signed = sign_in(bao, {"method": "userpass"}, Talk("ann", "right"))
    with connected(bao.url) as login:
        api = login.signed_in(signed.token)
        renewed = lifetime.renew(api, signed)
        assert not renewed.is_final
        assert renewed.lease_duration == 3600
        short = _token(bao, policies=["default"], ttl="60s", explicit_max_ttl="61s")
        child = sign_in(bao, {}, environ={"BAO_TOKEN": short})
        assert lifetime.renew(login.signed_in(child.token), child).lease_duration <= 61
        much = Signed(child.token, 60, True, (), "", span=3600)
        assert lifetime.renew(login.signed_in(child.token), much).is_final
        info = lifetime.look_up(api)
        assert (info.kind, info.renewable, info.display) == ("service", True, "userpass-ann")
        assert info.expires_at is not None
        lifetime.revoke(api)
        with pytest.raises((PermissionDenied, AuthenticationRequired)):
            lifetime.look_up(api)


def _token(server: Running, **about: Any) -> str:
    with server.root() as api:
        found = api.call("POST", "auth/token/create", about).envelope["auth"]["client_token"]
    assert isinstance(found, str)
    return found


def test_oidc_with_a_browser(bao: Running) -> None:
    port = free_port()
    redirect = f"http://localhost:{port}/oidc/callback"
    person = _become_provider(bao, redirect)
    talk = Talk(on_visit=person)
    signed = sign_in(bao, {"method": "oidc", "role": "dev", "port": port}, talk)
    assert path_of(bao, signed) == "auth/oidc/oidc/callback"
    bao.write("auth/oidc/role/strict", **_role("https://elsewhere.example/callback"))
    with pytest.raises(AuthenticationRequired, match="redirect address") as caught:
        sign_in(bao, {"method": "oidc", "role": "strict", "port": port}, Talk())
    assert redirect in caught.value.hint
    with pytest.raises(AuthenticationRequired, match="does not start"):
        sign_in(bao, {"method": "oidc", "role": "nowhere"}, Talk())


def _role(redirect: str) -> dict[str, Any]:
    policies = {"token_policies": ["default"]}
    return {"role_type": "oidc", "user_claim": "sub", "allowed_redirect_uris": [redirect], **policies}


def _become_provider(bao: Running, redirect: str) -> Any:
    """The server signs in at itself; what is returned is a person who is signed in there already, and agrees."""
    bao.write("sys/policies/acl/authorize", policy='path "identity/oidc/provider/+/authorize" {capabilities=["read"]}')
    bao.write("auth/userpass/users/ann", password="right", policies="default,authorize")
    bao.write(
        "identity/oidc/client/kvtui",
        redirect_uris=[redirect],
        assignments=["allow_all"],
        key="default",
        id_token_ttl="5m",
    )
    with bao.root() as api:
        client = api.call("GET", "identity/oidc/client/kvtui").data
    issuer = f"{bao.url}/v1/identity/oidc/provider/default"
    bao.enable("oidc")
    bao.write(
        "auth/oidc/config",
        oidc_discovery_url=issuer,
        oidc_client_id=client["client_id"],
        oidc_client_secret=client["client_secret"],
    )
    bao.write("auth/oidc/role/dev", **_role(redirect))
    user = sign_in(bao, {"method": "userpass"}, Talk("ann", "right"))

    def person(url: str) -> None:
        with connected(bao.url) as login:
            asked = parse_qs(urlsplit(url).query)
            pairs = [(name, value[0]) for name, value in asked.items()]
            path = "identity/oidc/provider/default/authorize"
            answer = login.signed_in(user.token).call("GET", path, pairs=pairs).envelope
        back = urlsplit(redirect)
        connection = http.client.HTTPConnection("127.0.0.1", back.port or 0, timeout=10)
        connection.request(
            "GET", f"{back.path}?code={answer['code']}&state={answer['state']}", headers={"Host": back.netloc}
        )
        assert connection.getresponse().status == 200
        connection.close()

    return person


def test_oidc_with_another_device(bao: Running) -> None:
    with Provider("authorization_pending", "ok", "access_denied") as provider:
        bao.enable("oidc", at="devices")
        bao.write(
            "auth/devices/config", oidc_discovery_url=provider.url, oidc_client_id="kvtui", oidc_client_secret="x"
        )
        role = {"role_type": "oidc", "user_claim": "sub", "token_policies": ["default"], "callback_mode": "device"}
        bao.write("auth/devices/role/dev", **role, poll_interval=1, allowed_redirect_uris=["http://localhost/x"])
        auth = {"method": "oidc", "role": "dev", "mount": "devices"}
        talk = Talk()
        signed = sign_in(bao, auth | {"device": True}, talk)
        assert path_of(bao, signed) == "auth/devices/oidc/poll"
        assert talk.visited == [f"{provider.url}/device"]
        assert "WXYZ" in talk.told[0]
        with pytest.raises(WrongCredential):
            sign_in(bao, auth, Talk())


def test_a_client_certificate(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    with running(tmp_path, tls=True) as server:
        server.enable("cert")
        server.write("auth/cert/certs/web", certificate=certificate.read_text(), token_policies=["default"])
        tls = Tls(ca_file=server.ca_file, client_cert=certificate, client_key=key)
        signed = sign_in(server, {"method": "cert", "name": "web"}, tls=tls)
        assert path_of(server, signed) == "auth/cert/login"
        assert sign_in(server, {"method": "cert"}, tls=tls).policies == ("default",)
        with pytest.raises(WrongCredential, match="TLS client certificate"):
            sign_in(server, {"method": "cert"})


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate, private
