"""A connection as a profile describes it: whose token, which server, which workspace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.http import address, sources
from kvtui.backends.http import settings as remote
from kvtui.backends.read_only import ReadOnlyBackend
from kvtui.backends.tailor import own
from kvtui.backends.tailor.api import TailorApi
from kvtui.backends.tailor.backend import TailorBackend
from kvtui.domain.conversation import Conversation
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, PermissionDenied, Unavailable
from kvtui.domain.path import display

_SHOWN = 5
"""Workspaces named in an error."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which server; `is_own`: it is the one that the platform's own variables and file are about."""

    url: str
    is_own: bool
    profile: own.Profile | None = None


def connect(settings: Mapping[str, Any], environ: Mapping[str, str], conversation: Conversation | None) -> Backend:
    """Raises InvalidInput, AuthenticationRequired, PermissionDenied, Unavailable."""
    place = _place(settings, environ)
    settings = {**settings, "url": place.url}
    token = _token(settings, environ, conversation, place)
    client = remote.client(settings)
    try:
        api = TailorApi(client, token.value, _workspace(settings, environ, place))
        email = api.email()
        name = ""
        if not api.workspace:
            api.workspace, name = _only(api.workspaces())
        elif email is None:  # whose the token is, it does not tell; whether it is good, this does
            with suppress(PermissionDenied):
                api.workspaces()
        backend = TailorBackend(
            api,
            location=f"{api.address} {display(name or api.workspace)}",
            signed_in=None if email is None else SignedIn(email, expires_at=token.expires_at, identity=email),
            notes=[token.note] if token.note else [],
            warning=remote.warning(settings, None),
        )
    except BaseException:
        client.close()
        raise
    if place.profile is not None and place.profile.read_only:
        named = display(place.profile.name)
        return ReadOnlyBackend(backend, f"The profile {named} of the platform's own tool is read-only.")
    return backend


def _place(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Place:
    """The platform's own profile counts where it is named, and something is left for it to say."""
    named = settings.get("platform_profile")
    if named is None and not ("workspace_id" in settings and _names_token(settings)):
        named = environ.get(own.PROFILE) or None
    profile = None if named is None else _config(environ, named).profile(named)
    theirs = (profile.url if profile is not None else None) or environ.get(own.URL) or own.ADDRESS
    url = str(settings.get("url", theirs))
    is_own = _same(url, theirs)
    return Place(url, is_own, profile if is_own else None)


def _config(environ: Mapping[str, str], profile: str) -> own.Config:
    found = own.read(environ)
    if found is None:
        raise InvalidInput(
            f"The platform's own tool has no configuration here, so no profile {display(profile)}.", hint=own.SIGN_IN
        )
    return found


def _same(url: str, other: str) -> bool:
    try:
        return address.parse(url, allow_http=True) == address.parse(other, allow_http=True)
    except InvalidInput:  # of what is used, the client tells
        return url == other


def _names_token(settings: Mapping[str, Any]) -> bool:
    return any(f"token_{way}" in settings for way in remote.WAYS)


def _token(
    settings: Mapping[str, Any], environ: Mapping[str, str], conversation: Conversation | None, place: Place
) -> own.Token:
    """The profile's own, else the platform's where this is its server, else what is typed. Raises
    AuthenticationRequired."""
    given = sources.given(settings, "token", environ)
    if given is not None:
        return own.Token(given)
    try:
        return _of_platform(settings, environ, place)
    except AuthenticationRequired as error:
        if conversation is None:
            raise
        conversation.tell(error.message)
        return own.Token(sources.asked(conversation, "Token", hint=error.hint))


def _of_platform(settings: Mapping[str, Any], environ: Mapping[str, str], place: Place) -> own.Token:
    """Raises AuthenticationRequired."""
    if not place.is_own:
        raise AuthenticationRequired(
            "The platform's own sign-in is for another server than this one, and is not sent here.",
            hint="Set token_file, token_env or token_command in the profile.",
        )
    if "platform_profile" not in settings and (found := own.from_variables(environ)) is not None:
        return found
    config = own.read(environ)
    if config is None:
        raise AuthenticationRequired("Nobody is signed in at Tailor Platform here.", hint=own.SIGN_IN)
    user = place.profile.user if place.profile is not None else config.current_user
    return config.token(user, datetime.now(UTC))


def _workspace(settings: Mapping[str, Any], environ: Mapping[str, str], place: Place) -> str:
    """ "" where none is named."""
    if "workspace_id" in settings:
        return str(settings["workspace_id"])
    of_profile = place.profile.workspace if place.profile is not None else None
    if "platform_profile" in settings and of_profile is not None:
        return of_profile
    if place.is_own and environ.get(own.WORKSPACE):
        return own.check_workspace(environ[own.WORKSPACE], own.WORKSPACE)
    return of_profile or ""


def _only(workspaces: Mapping[str, str]) -> tuple[str, str]:
    """The ID and name of the only one. Raises InvalidInput that names them where there are several."""
    if len(workspaces) == 1:
        return next(iter(workspaces.items()))
    if not workspaces:
        raise Unavailable(
            "This token reaches no workspace.", hint="Ask to be invited to one, or use another token.", retryable=False
        )
    named = [f"{display(name)} is {display(each)}" for each, name in sorted(workspaces.items(), key=lambda one: one[1])]
    more = f", and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    raise InvalidInput(
        "No workspace was named, and there are several.",
        hint=f"Set workspace_id to one of them: {', '.join(named[:_SHOWN])}{more}.",
    )
