"""JSON Web Tokens (RFC 7519, ES256), and an identity provider that gives them to devices (RFC 8628)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.doubles.server import Double, Reply, Seen


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_pem(self) -> str:
        public = self._key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return public.public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        x, y = (_encoded(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": x, "y": y}

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        told = {"iat": now, "nbf": now - 5, "exp": now + 300, **claims}
        head = {"alg": "ES256", "typ": "JWT", "kid": "1"}
        signed = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(told).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Provider(Double):
    """`answers` are what polling gives, one after the other: an error of RFC 8628, or "ok"."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.signer = Signer()
        self.answers = list(answers)

    def answer(self, request: Seen) -> Reply:
        match request.path:
            case "/.well-known/openid-configuration":
                names = ("authorization", "token", "device_authorization", "userinfo")
                told: dict[str, Any] = {f"{name}_endpoint": f"{self.url}/{name}" for name in names}
                algorithms = {"id_token_signing_alg_values_supported": ["ES256"]}
                return _json({"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **told, **algorithms})
            case "/jwks":
                return _json({"keys": [self.signer.jwk]})
            case "/device_authorization":
                told = {"device_code": "d", "user_code": "WXYZ", "verification_uri": f"{self.url}/device"}
                return _json({**told, "expires_in": 300, "interval": 1})
            case "/token":
                assert parse_qs(request.body.decode())["device_code"] == ["d"]
                if (said := self.answers.pop(0)) != "ok":
                    return _json({"error": said}, 400)
                token = self.signer.token(iss=self.url, aud="kvtui", sub="ann")
                return _json({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token})
            case "/userinfo":
                return _json({"sub": "ann"})
        return Reply(404)


def _json(told: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(told).encode())
