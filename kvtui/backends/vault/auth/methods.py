"""Signing in, by whichever method a profile names. A login is one request, sent once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.backends.http import sources
from kvtui.backends.http.address import encode
from kvtui.backends.http.client import header_value
from kvtui.backends.http.settings import WAYS
from kvtui.backends.vault.api import path_of
from kvtui.backends.vault.auth import environment, lifetime, mfa, settings, tokens
from kvtui.backends.vault.auth.lifetime import Signed
from kvtui.backends.vault.auth.login import PATIENCE, Body, LoginApi, RefusedError
from kvtui.domain.conversation import Conversation
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, PermissionDenied, WrongCredential
from kvtui.domain.value import SecretValue

KUBERNETES_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - where a pod has its own
_WHERE = "the profile's auth"
_SLOW = frozenset({"okta", "radius"})
"""These may ask for confirmation on a phone before they answer."""
_REFUSALS = {
    "userpass": ("The user name or password is wrong.", "Type them again."),
    "ldap": ("The directory does not accept this user name and password.", "Type them again."),
    "radius": ("The RADIUS server does not accept this user name and password.", "Type them again."),
    "okta": ("Okta does not accept this user name and password.", "Type them again."),
    "approle": ("The role ID or the secret ID is wrong, expired or used up.", "Get a new secret ID."),
    "jwt": ("The server does not accept this JWT for the role.", "Check role, audience and age of the JWT."),
    "kubernetes": ("The server does not accept this service account for the role.", "Check role and service account."),
    "cert": (
        "The server accepts no TLS client certificate of ours.",
        "Set client_cert and client_key in the profile's tls, and see that the server trusts them.",
    ),
}


def sign_in(
    api: LoginApi, auth: Mapping[str, Any], conversation: Conversation | None, environ: Mapping[str, str]
) -> Signed:
    """Sign in as a profile's `auth` says, a second factor included. `conversation` None: nobody is asked anything.

    Raises InvalidInput for wrong settings, WrongCredential where the server refuses what was given,
    AuthenticationRequired where something is missing or it was cancelled, and as `VaultApi.call` does.
    """
    auth = settings.check(auth)
    method = auth["method"]
    if method == "token":
        return _with_token(api, auth, conversation, environ)
    mount = settings.mount_of(auth)
    if method == "oidc":
        from kvtui.backends.vault.auth import oidc  # noqa: PLC0415 - brings a web server along

        envelope = oidc.sign_in(api, auth, mount, conversation)
        whose = auth.get("role", mount)
    else:
        path, body, whose = _request(auth, mount, conversation, environ)
        try:
            envelope = api.post(path, body, patience=PATIENCE if method in _SLOW else None)
        except RefusedError as error:
            raise error.told(f"auth/{mount}", _refused(error, method, mount)) from None
    login = envelope.get("auth")
    login = login if isinstance(login, Mapping) else {}
    if isinstance(requirement := login.get("mfa_requirement"), Mapping):
        login = mfa.validate(api, requirement, conversation, environment.passcodes(environ))
    return lifetime.from_login(login, whose)


def _request(
    auth: Mapping[str, Any], mount: str, conversation: Conversation | None, environ: Mapping[str, str]
) -> tuple[str, Body, str]:
    """Path and body of a login, and who it is for."""
    path = path_of("auth", mount, "login")
    match auth["method"]:
        case "userpass" | "ldap" | "radius" | "okta":
            user = auth.get("username") or sources.named(
                conversation, "User name", hint="Set username in the profile's auth."
            )
            _check_name(user)
            password = sources.secret(auth, "password", f"Password of {user}", conversation, environ, where=_WHERE)
            return f"{path}/{encode(user)}", {"password": password}, user
        case "approle":
            secret_id = sources.secret(auth, "secret_id", "Secret ID", conversation, environ, where=_WHERE)
            return path, {"role_id": auth["role_id"], "secret_id": secret_id}, mount
        case "kubernetes" if not any(f"jwt_{way}" in auth for way in WAYS):
            jwt = sources.secret({"jwt_file": KUBERNETES_TOKEN}, "jwt", "JWT", conversation, environ, where=_WHERE)
            return path, {"role": auth["role"], "jwt": jwt}, auth["role"]
        case "jwt" | "kubernetes":
            jwt = sources.secret(auth, "jwt", "JWT", conversation, environ, where=_WHERE)
            role = {"role": auth["role"]} if "role" in auth else {}
            return path, {**role, "jwt": jwt}, auth.get("role", mount)
        case "cert":
            return path, {"name": auth["name"]} if "name" in auth else {}, auth.get("name", mount)
    raise AssertionError("the settings were checked")


def _check_name(user: str) -> None:
    if user in {".", ".."} or not user.isprintable():
        raise InvalidInput("This is no user name.", hint="Type it again.")


def _refused(error: RefusedError, method: str, mount: str) -> WrongCredential:
    if error.status == 400:
        message, hint = _REFUSALS[method]
        return WrongCredential(message, hint=hint)
    # One answer for a mount that is not there, a name that is locked, an address that is not allowed, and more.
    return WrongCredential(
        f"The server refuses to sign in at auth/{mount}.",
        hint="Check mount, namespace and credentials; after many failures a name is locked for some minutes.",
    )


def _with_token(
    api: LoginApi, auth: Mapping[str, Any], conversation: Conversation | None, environ: Mapping[str, str]
) -> Signed:
    """With the one that is at hand; where that is of no use any more, with one that somebody types instead."""
    found = tokens.find(auth, environ)
    if found is not None:
        try:
            return _looked_up(api, found)
        except WrongCredential as error:
            if conversation is None:
                raise
            conversation.tell(f"{error.message} Type another one.")
    hint = "Set BAO_TOKEN or VAULT_TOKEN, or token_file, token_env or token_command in the profile's auth."
    typed = sources.asked(conversation, "Token", hint=hint)
    return _looked_up(api, tokens.Found(SecretValue(header_value(typed)), "what was typed"))


def _looked_up(api: LoginApi, found: tokens.Found) -> Signed:
    signed_in = api.signed_in(found.token)
    try:
        return lifetime.from_look_up(found.token, lifetime.look_up(signed_in), found.notes)
    except (AuthenticationRequired, PermissionDenied):
        # A token without the default policy may not look itself up. This needs a good token, and no policy at all.
        try:
            signed_in.call("GET", "sys/internal/ui/mounts", repeat=True)
        except (AuthenticationRequired, PermissionDenied):
            raise WrongCredential(
                f"The server does not accept the token of {found.source}: it is expired, revoked or of another server.",
                hint="Sign in again, or check address and namespace.",
            ) from None
    note = "This token may not look itself up: how long it lasts is not known."
    return Signed(found.token, 0, False, (), "", is_known=False, notes=(*found.notes, note))
