"""Sharing once through the server's response wrapping (Vault's and OpenBao's API docs, sys/wrapping).

A wrapping token never goes along as header and in the body of one request: that uses it up for nothing. Looking at one
sends it in the body, with no token at all; unwrapping sends it as the header, with no body.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.vault import durations, numbers
from kvtui.backends.vault.api import VaultApi, moment
from kvtui.backends.vault.engine import to_fields, to_map
from kvtui.clock import utc_now
from kvtui.domain import codec
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, PermissionDenied, Unavailable
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.domain.wrapping import Wrapped, check_shared, used_up

_WRAP = "sys/wrapping/wrap"
_UNSHARED = "If it was shared, nobody has the token; it ends by itself."
_USED_UP = "The wrapping token may be used up, and what it held lost."
_LOOK = "Look at the token; where it is gone, ask for another share."
_REFUSALS = (InvalidInput, PermissionDenied, AuthenticationRequired)
"""What a server says of a token that wraps nothing (any more)."""


class Wrapping(Backend):
    """The part of a backend that shares once."""

    _api: VaultApi

    @abstractmethod
    def _check_open(self) -> None:
        """Raises Locked."""

    def share(self, fields: Fields, ttl: timedelta) -> Wrapped:
        self._check_open()
        check_shared(fields, ttl)
        if any(value.type is ValueType.BYTES for value in fields.values()):
            self._lacks(Capability.BYTES)
        data = to_map(fields, _WRAP)
        numbers.check_finite(fields, _WRAP)
        try:
            reply = self._api.change("POST", _WRAP, data, wrap=durations.written(ttl))
        except Unanswered as error:
            raise _lost(error, _UNSHARED, "Share it again.") from None
        told = reply.envelope.get("wrap_info")
        token = told.get("token") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(token, str) or not token:
            raise Unavailable("The server wrapped nothing.", hint="Is something between it and us?", retryable=False)
        return _wrapped(SecretValue(token), told, "ttl", told.get("accessor"))

    def look_into(self, token: SecretValue) -> Wrapped:
        self._check_open()
        _check(token)
        body: Any = {"token": codec.to_text(token)}
        try:
            reply = self._api.with_token(None).call("POST", "sys/wrapping/lookup", body, repeat=True)
        except _REFUSALS:
            raise used_up() from None
        return _wrapped(token, reply.data, "creation_ttl", None)

    def unwrap(self, token: SecretValue) -> Fields:
        self._check_open()
        _check(token)
        try:
            reply = self._api.with_token(token).change("POST", "sys/wrapping/unwrap")
        except Unanswered as error:
            raise _lost(error, _USED_UP, _LOOK) from None
        except _REFUSALS:
            raise used_up() from None
        if not reply.envelope and reply.status != HTTPStatus.NO_CONTENT:
            raise Unavailable(f"The server's answer is empty. {_USED_UP}", hint=_LOOK, retryable=False)
        signed_in = reply.envelope.get("auth")
        return to_fields(signed_in if not reply.data and isinstance(signed_in, dict) else reply.data)


def _wrapped(token: SecretValue, told: Any, ttl_name: str, accessor: object) -> Wrapped:
    created: datetime = moment(told.get("creation_time")) or utc_now()
    ttl = durations.parse(told.get(ttl_name)) or timedelta()
    name = accessor if isinstance(accessor, str) and accessor else None
    return Wrapped(token, name, created, created + ttl, str(told.get("creation_path") or ""))


def _check(token: SecretValue) -> None:
    """Raise NotFound for what no server ever gave out: it is not sent anywhere."""
    text = codec.to_text(token)
    if token.type is not ValueType.TEXT or not text or not text.isascii() or not text.isprintable() or " " in text:
        raise used_up()


def _lost(error: Unanswered, what: str, hint: str) -> Unavailable:
    if not error.may_have_arrived:
        return error
    return Unavailable(f"No answer came. {what}", hint=hint, retryable=False)
