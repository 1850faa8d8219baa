"""The secret value: a type of its own, so that showing one is always a decision.

Nothing but `reveal()` gets the value out; `tests/test_reveal_sites.py` lists who may call it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Never, TypeAlias

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json

REDACTED = "<secret>"


class ValueType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    LIST = "list"
    MAP = "map"
    BYTES = "bytes"


class SecretValue:
    """One value of a secret: JSON or bytes. Redacted in repr, str, format; refuses pickle, hash and `==`."""

    __slots__ = ("_value", "type")

    def __init__(self, value: Json | bytes) -> None:
        self._value = value
        self.type = _TYPES.get(type(value)) or _type_of(value)

    def reveal(self) -> Any:
        """The value itself: str, int, float, bool, None, list, dict or bytes."""
        return self._value

    def same_as(self, other: SecretValue) -> bool:
        """Whether both hold the same value of the same type, literal for literal. Takes no shortcut on text."""
        if self.type is not other.type:
            return False
        return hmac.compare_digest(self._comparable(), other._comparable())

    def like(self, other: SecretValue) -> bool:
        """The same, in whatever order the keys of maps are: some stores sort them."""
        if self.type is not other.type or self.type not in {ValueType.MAP, ValueType.LIST}:
            return self.same_as(other)
        return hmac.compare_digest(self._in_order(), other._in_order())

    def contains(self, part: SecretValue) -> bool:
        """Whether a text, or bytes, are part of it, in any case: of a text, of bytes (a text as UTF-8), of a number as
        it is written, of what a list or map holds. Never where the types do not fit."""
        return any(part._is_in(piece) for piece in _pieces(self._value))

    def _is_in(self, piece: str | bytes) -> bool:
        part = self._value
        if isinstance(piece, bytes):
            sought = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            return isinstance(sought, bytes) and sought.lower() in piece.lower()
        return isinstance(part, str) and part.casefold() in piece.casefold()

    def digest(self, key: bytes) -> bytes:
        """The same for values that are alike; it tells nothing to who has no key."""
        data = self._value if isinstance(self._value, bytes) else self._in_order()
        return hmac.digest(key, self.type.encode() + b"\0" + data, "sha256")

    def _in_order(self) -> bytes:
        return json_text.dump(_ordered(self._value)).encode("ascii")

    def _comparable(self) -> bytes:
        if isinstance(self._value, bytes):
            return self._value
        return json_text.dump(self._value).encode("ascii")

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        raise TypeError("compare secret values with same_as()")

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> SecretValue:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> SecretValue:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("secret values are not pickled")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("secret values are not pickled")


Fields: TypeAlias = Mapping[str, SecretValue]
"""The fields of a secret by name, in the store's order where it has one."""


def _pieces(value: Json | bytes) -> Iterator[str | bytes]:
    """The texts and bytes in a value: each in a list, the keys and values of a map, numbers and the like as JSON."""
    match value:
        case str() | bytes():
            yield value
        case list():
            for each in value:
                yield from _pieces(each)
        case dict():
            for key, each in value.items():
                yield key
                yield from _pieces(each)
        case _:
            yield json_text.dump(value)


def _ordered(value: Json | bytes) -> Json:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return None if isinstance(value, bytes) else value


_TYPES: Mapping[type, ValueType] = {str: ValueType.TEXT, bytes: ValueType.BYTES, int: ValueType.NUMBER}
"""What `_type_of` finds for the most common types, without looking."""


def _type_of(value: Json | bytes) -> ValueType:
    match value:
        case str():
            return ValueType.TEXT
        case bytes():
            return ValueType.BYTES
        case None:
            return ValueType.NULL
        case bool():
            return ValueType.BOOLEAN
        case int() | float():
            return ValueType.NUMBER
        case list():
            return ValueType.LIST
        case dict():
            return ValueType.MAP
    raise InvalidInput(f"A value cannot be a {type(value).__name__}.", hint="Use JSON values or bytes.")


def same_fields(one: Fields, other: Fields) -> bool:
    """Whether both hold the same names in the same order with the same values."""
    return list(one) == list(other) and all(one[name].same_as(other[name]) for name in one)


def like_fields(one: Fields, other: Fields) -> bool:
    """Whether both hold the same names and values, in whatever order."""
    return set(one) == set(other) and all(one[name].like(other[name]) for name in one)


def decode_input(data: bytes) -> SecretValue:
    """Bytes from outside as a value: text where they are valid UTF-8, else bytes. Nothing is stripped."""
    try:
        return SecretValue(data.decode("utf-8"))
    except UnicodeDecodeError:
        return SecretValue(data)
