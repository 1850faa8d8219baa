"""A small OpenID provider at `<url>/provider`, good enough for a real server: authorize, device and token endpoints."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.doubles.server import Reply, Seen
from tests.doubles.vault.wire import new_name

CLIENT = "kvtui"
SECRET = "provider-secret"

Decision = Literal["approve", "deny", "wait"]


@dataclass
class Grant:
    """Of one code: what the user has decided, and the nonce its token must carry."""

    nonce: str = ""
    decision: Decision = "approve"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """`decision` is what the user does on the page; with "wait" a device waits for `decide(user_code, …)`."""

    def __init__(self) -> None:
        self.url = ""
        self.user = "mona"
        self.decision: Decision = "approve"
        self.codes: dict[str, Grant] = {}
        self.devices: dict[str, Grant] = {}
        """By device code."""
        self.user_codes: dict[str, str] = {}
        """Device codes by user code."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        """RS256 is what servers take if nothing else is configured; made when first used, it takes a while."""
        return rsa.generate_private_key(65537, 2048)

    def decide(self, user_code: str, decision: Decision) -> None:
        self.devices[self.user_codes[user_code]].decision = decision

    def new_device(self) -> tuple[str, str]:
        """A device code and the user code shown to the user."""
        device, user = new_name(20), f"{new_name(4)}-{new_name(4)}".upper()
        self.devices[device] = Grant(decision=self.decision)
        self.user_codes[user] = device
        return device, user

    def authorize_url(self, **query: str) -> str:
        return f"{self.url}/authorize?" + urlencode({"client_id": CLIENT, "response_type": "code", **query})

    def reply(self, request: Seen) -> Reply | None:
        """None for what is no page of the provider."""
        path, _, raw = request.target.partition("?")
        query = dict(parse_qsl(raw))
        form = dict(parse_qsl(request.body.decode()))
        match path.removeprefix("/provider/"):
            case ".well-known/openid-configuration":
                return _json(200, self._about())
            case "keys":
                return _json(200, {"keys": [self._public()]})
            case "authorize":
                return self._authorize(query)
            case "device":
                device, user = self.new_device()
                page = f"{self.url}/activate"
                about = {"device_code": device, "user_code": user, "verification_uri": page, "interval": 1}
                return _json(200, {**about, "expires_in": 600})
            case "activate":
                return Reply(200, b"<html>Enter the code you were shown</html>", {"Content-Type": "text/html"})
            case "token":
                return self._token(form)
            case "userinfo":
                return _json(200, {"sub": self.user})
            case _:
                return None

    def _about(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "device_authorization_endpoint": f"{self.url}/device",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _public(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        n, e = (_encoded(part.to_bytes((part.bit_length() + 7) // 8, "big")) for part in (numbers.n, numbers.e))
        return {"kty": "RSA", "n": n, "e": e, "kid": "one", "alg": "RS256", "use": "sig"}

    def _authorize(self, query: dict[str, str]) -> Reply:
        told = {"state": query.get("state", "")}
        if self.decision == "wait":
            return Reply(200, b"<html>Do you agree?</html>", {"Content-Type": "text/html"})
        if self.decision == "approve":
            told["code"] = new_name()
            self.codes[told["code"]] = Grant(query.get("nonce", ""))
        else:
            told["error"] = "access_denied"
        where = query["redirect_uri"]
        return Reply(302, headers={"Location": where + ("&" if "?" in where else "?") + urlencode(told)})

    def _token(self, form: dict[str, str]) -> Reply:
        device = form.get("device_code")
        grant = self.devices.get(device) if device else self.codes.pop(form.get("code", ""), None)
        if grant is None:
            return _json(400, {"error": "invalid_grant"})
        if grant.decision == "wait":
            return _json(400, {"error": "authorization_pending"})
        if grant.decision == "deny":
            return _json(400, {"error": "access_denied"})
        told = {"access_token": new_name(), "token_type": "Bearer", "expires_in": 600}
        return _json(200, {**told, "id_token": self._signed(grant.nonce)})

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": self.user, "iat": now, "exp": now + 600}
        header = {"alg": "RS256", "typ": "JWT", "kid": "one"}
        parts = [header, claims | ({"nonce": nonce} if nonce else {})]
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_encoded(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _json(status: int, body: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(body).encode())
