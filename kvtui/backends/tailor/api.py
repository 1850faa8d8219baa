"""Calls of the platform's OperatorService by the Connect protocol with JSON, and its errors as ours.

What an error of the platform says is never shown: it may hold what was sent. Its code says enough.
Sources: tailor-platform/sdk, packages/tailor-proto; connectrpc.com/docs/protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from kvtui.backends.http.answer import Answer, Unanswered, Unreadable
from kvtui.backends.http.client import Body, HttpClient, header_value
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

SERVICE = "/tailor.v1.OperatorService/"
USERINFO = "/auth/platform/userinfo"
SIGN_IN = "Sign in again with the platform's own tool (tailor-sdk login), or give another token."
RULE = "3 to 63 of a-z, 0-9 and -, none at either end"
"""The names that the platform's own definition allows, in words."""

_ADDRESS = "Is this the platform's address?"
_PAGE = 1000
"""The most that the platform's own tools ask for."""
_MOST_PAGES = 1000
_OF_STATUS = MappingProxyType(
    {
        400: "internal",
        401: "unauthenticated",
        403: "permission_denied",
        404: "unimplemented",
        429: "unavailable",
        502: "unavailable",
        503: "unavailable",
        504: "unavailable",
    }
)
"""The code of an answer that names none, by the protocol: it came from something in between."""
_UNDECIDED = frozenset({"canceled", "unknown", "deadline_exceeded", "internal", "unavailable", "data_loss"})
"""After these nobody knows whether a change was made."""


@dataclass(frozen=True, slots=True)
class Item:
    """A vault or a secret: all that the platform tells of one. Times are aware UTC."""

    name: str
    created_at: datetime | None = None
    updated_at: datetime | None = None


class RefusedError(Exception):
    """The platform refused a change and made none; `code` is of the protocol, `error` what to raise for it."""

    def __init__(self, code: str, error: KvtuiError) -> None:
        super().__init__(code)
        self.code = code
        self.error = error


class TailorApi:
    """One token, and once it is known one workspace."""

    def __init__(self, client: HttpClient, token: SecretValue, workspace: str = "") -> None:
        self._client = client
        self.workspace = workspace
        self._headers: Mapping[str, str | SecretValue] = {
            "Authorization": SecretValue(f"Bearer {header_value(token)}"),
            "Connect-Protocol-Version": "1",
        }

    @property
    def address(self) -> str:
        return str(self._client.address)

    @property
    def clock_skew(self) -> timedelta | None:
        return self._client.clock_skew

    def close(self) -> None:
        self._client.close()
        self._headers = {}  # last, so that nothing is sent without them

    def email(self) -> str | None:
        """Whom the token is of; None where the platform does not tell."""
        answer = self._client.send("GET", USERINFO, headers=self._headers, repeat=True)
        if not answer.ok:
            return None
        try:
            told = answer.json()
        except Unreadable:
            return None
        found = told.get("email") if isinstance(told, dict) else None
        return found if isinstance(found, str) and found else None

    def workspaces(self) -> Mapping[str, str]:
        """Those that the token reaches: names by ID."""
        found = self._pages("ListWorkspaces", "workspaces", {})
        rows = [] if found is None else list(found)
        return {_text(row, "id"): _text(row, "name") for row in rows}

    # Vaults

    def vaults(self) -> list[Item]:
        """Raises NotFound where the workspace is not there."""
        found = self._pages("ListSecretManagerVaults", "vaults", self._of())
        if found is None:
            raise NotFound("There is no such workspace.", hint="Correct workspace_id, or use another token.")
        return [_item(row) for row in found]

    def vault(self, name: str) -> Item | None:
        found = self._read("GetSecretManagerVault", self._of(name), about=name)
        return None if found is None else _item(found.get("vault"))

    def create_vault(self, name: str) -> None:
        self._change("CreateSecretManagerVault", self._of(name), about=name)

    def delete_vault(self, name: str) -> None:
        self._change("DeleteSecretManagerVault", self._of(name), about=name)

    def labels(self, vault: str) -> Mapping[str, str]:
        """Nothing for a vault that is not there."""
        trn = f"trn:v1:workspace:{self.workspace}:vault:{vault}"
        found = self._read("GetMetadata", {"trn": trn}, about=vault)
        metadata = None if found is None else found.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        return {k: v for k, v in labels.items() if isinstance(v, str)} if isinstance(labels, dict) else {}

    # Secrets

    def secrets(self, vault: str) -> list[Item] | None:
        """None where there is no such vault."""
        found = self._pages("ListSecretManagerSecrets", "secrets", self._of(vault), about=vault)
        return None if found is None else [_item(row) for row in found]

    def has_secrets(self, vault: str) -> bool | None:
        """None where there is no such vault."""
        found = self._read("ListSecretManagerSecrets", {**self._of(vault), "pageSize": 1}, about=vault)
        return None if found is None else bool(found.get("secrets"))

    def secret(self, vault: str, name: str) -> Item | None:
        """None where there is none, or no such vault."""
        found = self._read("GetSecretManagerSecret", self._of(vault, name), about=f"{vault}/{name}")
        return None if found is None else _item(found.get("secret"))

    def create_secret(self, vault: str, name: str, value: SecretValue) -> Item:
        return self._put("CreateSecretManagerSecret", vault, name, value)

    def update_secret(self, vault: str, name: str, value: SecretValue) -> Item:
        return self._put("UpdateSecretManagerSecret", vault, name, value)

    def delete_secret(self, vault: str, name: str) -> None:
        self._change("DeleteSecretManagerSecret", self._of(vault, name), about=f"{vault}/{name}")

    def _put(self, method: str, vault: str, name: str, value: SecretValue) -> Item:
        message: dict[str, Body] = {**self._of(vault, name), "secretmanagerSecretValue": value}
        told = self._change(method, message, about=f"{vault}/{name}").get("secret")
        return _item(told) if isinstance(told, dict) and told.get("name") == name else Item(name)

    # Calls

    def _of(self, vault: str | None = None, secret: str | None = None) -> dict[str, Body]:
        message: dict[str, Body] = {"workspaceId": self.workspace}
        if vault is not None:
            message["secretmanagerVaultName"] = vault
        if secret is not None:
            message["secretmanagerSecretName"] = secret
        return message

    def _pages(
        self, method: str, key: str, message: Mapping[str, Body], *, about: str | None = None
    ) -> list[Json] | None:
        """Every row, page by page until no token of a next one comes; None where what is listed is not there."""
        rows: list[Json] = []
        for page in self._each_page(method, message, about):
            if page is None:
                return None
            found = page.get(key, [])
            if not isinstance(found, list):
                raise _odd()
            rows += found
        return rows

    def _each_page(
        self, method: str, message: Mapping[str, Body], about: str | None
    ) -> Iterator[Mapping[str, Any] | None]:
        token, seen = "", set[str]()
        while len(seen) < _MOST_PAGES:
            more: Mapping[str, Body] = {"pageToken": token} if token else {}
            page = self._read(method, {**message, "pageSize": _PAGE, **more}, about=about)
            yield page
            token = "" if page is None else page.get("nextPageToken", "")
            if not token:
                return
            if not isinstance(token, str) or token in seen:
                raise _odd()
            seen.add(token)
        raise Unreadable("The platform's list does not end.", hint="Check the address.")

    def _read(self, method: str, message: Mapping[str, Body], *, about: str | None = None) -> Mapping[str, Any] | None:
        """None where nothing is."""
        answer = self._send(method, message, repeat=True)
        if answer.ok:
            return _message(answer)
        code = _code(answer)
        if code == "not_found":
            return None
        raise self._failure(code, answer, about)

    def _change(self, method: str, message: Mapping[str, Body], *, about: str) -> Mapping[str, Any]:
        """Sent once. Raises RefusedError where nothing was changed, Unanswered with `may_have_arrived` where nobody
        knows, and Unavailable, RateLimited or Locked as the client does."""
        try:
            answer = self._send(method, message)
            if answer.ok:
                return _message(answer)
        except Unanswered as error:
            if not error.may_have_arrived:
                raise
            raise _unknown(error.message) from None
        except Unreadable as error:
            raise _unknown(error.message) from None
        named = _named(answer)
        code = named or _code(answer)
        if code in _UNDECIDED and (named or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR):
            raise _unknown(f"The platform failed ({code}).")
        raise RefusedError(code, self._failure(code, answer, about))

    def _send(self, method: str, message: Mapping[str, Body], *, repeat: bool = False) -> Answer:
        return self._client.send("POST", SERVICE + method, json=message, headers=self._headers, repeat=repeat)

    def _failure(self, code: str, answer: Answer, about: str | None) -> KvtuiError:
        if answer.is_redirect:
            where = answer.redirect_origin()
            return Unavailable(
                f"This server sends us to another one, which kvtui does not follow with a token{': ' * bool(where)}"
                f"{where}.",
                hint="If you trust that one, use its address.",
                retryable=False,
            )
        if answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return Unavailable("The server does not take JSON.", hint=_ADDRESS, retryable=False)
        match code:
            case "unauthenticated":
                return AuthenticationRequired("The platform does not take this token (any more).", hint=SIGN_IN)
            case "permission_denied":
                return PermissionDenied(
                    "You may not do this in this workspace.",
                    hint="Ask for the role of an editor, or check workspace_id.",
                    path=about,
                )
            case "invalid_argument" | "out_of_range":
                return InvalidInput(
                    f"The platform refuses this request ({code}).",
                    hint=f"Its names are {RULE}. A value may be too long for it.",
                    path=about,
                )
            case "failed_precondition":
                return InvalidInput(
                    "The platform refuses this as things are.", hint="Look at it again, there and here.", path=about
                )
            case "already_exists" | "aborted":
                return Unavailable("Somebody else changed something at the same time.", hint="Try again.", path=about)
            case "not_found":
                return NotFound("Nothing is there (any more).", hint="It may have been removed.", path=about)
            case "resource_exhausted":
                return RateLimited("The platform wants fewer requests.", retry_after=1.0, hint="Try again in a moment.")
            case "unimplemented":
                return Unavailable(
                    "This server does not know what it is asked for.", hint=_ADDRESS, path=about, retryable=False
                )
            case _:
                return Unavailable(f"The platform has a problem of its own ({code}).", hint="Try again.", path=about)


def _message(answer: Answer) -> Mapping[str, Any]:
    told = answer.json()
    if not isinstance(told, dict):
        raise _odd()
    return told


def _code(answer: Answer) -> str:
    """The code that an error names, or else the one that its status stands for."""
    return _named(answer) or _OF_STATUS.get(answer.status, "unknown")


def _named(answer: Answer) -> str:
    """ "" where it names none that the protocol has."""
    try:
        told = answer.json()
    except Unreadable:
        return ""
    named = told.get("code") if isinstance(told, dict) else None
    return named if isinstance(named, str) and named in _CODES else ""


_CODES = _UNDECIDED | {
    *("invalid_argument", "not_found", "already_exists", "permission_denied", "resource_exhausted"),
    *("failed_precondition", "aborted", "out_of_range", "unimplemented", "unauthenticated"),
}


def _unknown(what: str) -> Unanswered:
    return Unanswered(
        f"{what} Whether the change was made is not known.",
        hint="Look whether it is there. A value cannot be read back: set it again to be sure.",
        may_have_arrived=True,
    )


def _item(row: object) -> Item:
    if not isinstance(row, dict):
        raise _odd()
    return Item(_text(row, "name"), _moment(row.get("createTime")), _moment(row.get("updateTime")))


def _text(row: object, key: str) -> str:
    found = row.get(key) if isinstance(row, dict) else None
    if not isinstance(found, str):
        raise _odd()
    return found


def _moment(text: object) -> datetime | None:
    """RFC 3339, as the protocol's JSON has it; None for none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return None if found is None or found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _odd() -> Unreadable:
    return Unreadable("The server's answer does not look like the platform's.", hint="Check the address.")
