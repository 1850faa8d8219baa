"""The service's errors as ours: its statuses, its codes, and what a refused token lacks, in words.

Its error bodies are read for a few words that mean something, and never quoted: they may repeat what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from kvtui.backends.http.answer import Answer, Unreadable
from kvtui.domain.canonical_uri import InvalidUri, UriCode
from kvtui.domain.errors import (
    AlreadyExists,
    AuthenticationRequired,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.json_text import Json

SCOPES: Final = ("read", "write", "delete", "destroy", "rotate", "read_metadata", "set_owner")


@dataclass(frozen=True, slots=True)
class Operation:
    """What an endpoint needs: scopes of the token, and a purpose that the policy permits, as the documents have it."""

    scopes: tuple[str, ...]
    purpose: str
    capability: str = "read"
    """What is told to be missing where a provider does not do it."""


READ: Final = Operation(("secrets.read",), "read")
WRITE: Final = Operation(("secrets.write",), "write", "write")
DELETE: Final = Operation(("secrets.delete",), "delete", "delete")
DESTROY: Final = Operation(("secrets.destroy",), "destroy_versions", "destroy")
UNDELETE: Final = Operation(("secrets.delete",), "undelete", "undelete")
ROTATE: Final = Operation(("secrets.rotate",), "rotate", "rotate")
LOOK: Final = Operation(("secrets.read_metadata",), "read_metadata", "metadata")
LIST: Final = Operation(("secrets.read_metadata",), "read_metadata", "list")
SEARCH: Final = Operation(("secrets.read_metadata",), "read_metadata", "search")
OWNER: Final = Operation(("secrets.set_owner",), "owner_update", "edit_metadata")
CARRY: Final = Operation(("secrets.read", "secrets.write"), "read of the source, or write of the target", "copy")
WATCH: Final = Operation((), "", "events")
AUDIT: Final = Operation((), "", "audit")

_CHANGING = frozenset({"write", "delete", "rotate", "copy"})
_OF_PATHS = frozenset({UriCode.ILLEGAL_SEGMENT, UriCode.INVALID_WILDCARD})


class GoneError(Exception):
    """The version that was asked for by number is deleted, or destroyed."""

    def __init__(self, *, destroyed: bool) -> None:
        super().__init__()
        self.destroyed = destroyed


class YamlClosed(PermissionDenied):
    """The service does not write its YAML file where it runs."""

    def __init__(self, path: str | None) -> None:
        super().__init__(YAML_CLOSED, hint="ENVIRONMENT of the service has to be dev or test.", path=path)


NOT_HERE: Final = "The service tells this in dev and test only."
YAML_CLOSED: Final = "The service writes its YAML file in dev and test only."


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """What an error says in any of the shapes it may have; text for matching alone."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def scopes(self) -> list[str]:
        """Those it names."""
        words = self.message.replace(",", " ").split()
        return [scope for scope in (f"secrets.{verb}" for verb in SCOPES) if scope in words]


def told(answer: Answer) -> Told:
    """`{error, code, message}`, `{detail: text}`, `{detail: {code, message}}`, or anything else."""
    try:
        body: Json = answer.json()
    except Unreadable:
        return Told(answer.status)
    return told_by(answer.status, body)


def told_by(status: int, body: Json) -> Told:
    if isinstance(body, dict) and "detail" in body:
        body = body["detail"]
    if isinstance(body, str):
        return Told(status, "", body)
    if not isinstance(body, dict):
        return Told(status)
    return Told(status, _text(body, "code"), _text(body, "message"))


def error_for(about: Told, what: Operation, path: str | None) -> Exception:
    """Ours for an answer that is no success; GoneError for a read of a version that is no more."""
    match about.status:
        case 400:
            return _refused(about, path)
        case 401:
            return _signed_out()
        case 403:
            return _denied(about, what, path)
        case 404:
            return NotFound("Nothing is there.", hint="It may have been removed.", path=path)
        case 409:
            if what == READ:
                return GoneError(destroyed="destroy" in f"{about.code} {about.message}".lower())
            return AlreadyExists("Something is there already.", hint="Choose another path.", path=path)
        case 413:
            return InvalidInput("This is too large for the service.", hint="Split it.", path=path)
        case 405 | 501:
            return Unsupported(
                "The service does not do this with that provider.", capability=what.capability, path=path
            )
        case 422:
            return InvalidInput("The service refuses this request (422).", hint="Is it another version?", path=path)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(failed(status), hint="Try again; see the service's log.", path=path)
        case status:
            return Unavailable(
                f"The service answered {status}, which kvtui does not understand.",
                hint="Check the address.",
                retryable=False,
            )


def failed(status: int) -> str:
    """What a status from 500 on means."""
    if status == HTTPStatus.BAD_GATEWAY:
        return "The store behind the service failed (502)."
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "The service has too much to do (503)."
    return f"The service has a problem of its own ({status})."


def not_here(what: Operation) -> Unsupported:
    """For a helper of the service that is not there outside of dev and test."""
    return Unsupported(NOT_HERE, capability=what.capability, hint="ENVIRONMENT of the service has to be dev or test.")


def elsewhere(answer: Answer) -> Unavailable:
    named = answer.redirect_origin()
    return Unavailable(
        "The service sends us to another address, which kvtui does not follow with a token"
        + (f": {named}." if named else "."),
        hint="Somebody may have to sign in there. If you trust that one, use its address.",
        retryable=False,
    )


def _is_yaml_closed(about: Told, what: Operation) -> bool:
    """Whether a refused change is one that nobody may make there. The documents give it no code."""
    words = f"{about.code} {about.message}".lower()
    by_policy = about.code == "SECRET_AUTHZ_FAILED" or bool(about.scopes) or "purpose" in words
    return what.capability in _CHANGING and not by_policy and "yaml" in words


def _refused(about: Told, path: str | None) -> KvtuiError:
    try:
        code = UriCode(about.code)
    except ValueError:
        return InvalidInput("The service refuses this request (400).", hint="See the service's log.", path=path)
    words = InvalidUri(code)
    if code in _OF_PATHS:
        return InvalidPath(words.message, hint=words.hint, path=path)
    if code is UriCode.TENANT_MOUNT_MISMATCH:
        return PermissionDenied(words.message, hint=words.hint, path=path)
    return InvalidInput(words.message, hint=words.hint, path=path)


def _denied(about: Told, what: Operation, path: str | None) -> KvtuiError:
    if _is_yaml_closed(about, what):
        return YamlClosed(path)
    words = about.message.lower()
    if "not authenticated" in words:  # as the framework says it of a request without a token
        return _signed_out()
    needed = " and ".join(what.scopes)
    if lacking := about.scopes:
        return PermissionDenied(
            f"The token lacks the scope {' and '.join(lacking)}.",
            hint=f"This needs {needed or 'it'}: have it granted where the token comes from.",
            path=path,
        )
    if "audience" in words:
        return PermissionDenied(
            "The token is meant for another audience.", hint="The service's own is crud.secrets by default.", path=path
        )
    if "replay" in words:
        return PermissionDenied(
            "The token was used before, and the service takes each once.", hint="Use one for many requests.", path=path
        )
    purpose = f" the purpose {what.purpose}" if what.purpose else " this"
    scopes = f", and whether the token has {needed}" if needed else ""
    return PermissionDenied(
        f"The service does not permit{purpose} here.", hint=f"Ask who writes its policies{scopes}.", path=path
    )


def _signed_out() -> AuthenticationRequired:
    return AuthenticationRequired(
        "The token is missing, expired or not accepted.",
        hint="Sign in again; token_file, token_env or token_command of the profile name one.",
    )


def _text(body: Mapping[str, Json], name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) else ""
