"""Who may take a value out of its SecretValue, and that nothing else does by accident."""

import ast
import copy
import dataclasses
import json
import logging
import pickle
import pprint
import re
import traceback
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain import codec
from kvtui.domain.credential import Created, Credential
from kvtui.domain.errors import Corrupt, KvtuiError
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import History, Secret, StoredVersion, Version, Write, Written
from kvtui.domain.value import SecretValue

PACKAGE = Path(__file__).parents[1] / "kvtui"

MAY_REVEAL = {
    "backends/file/slots.py": "a passphrase becomes a key",
    "backends/http/client.py": "a token becomes a header, a value part of what is sent",
    "backends/http/sources.py": "a user name that was asked for becomes part of a path",
    "backends/vault/auth/login.py": "a password, passcode or secret ID becomes part of a login's request",
    "backends/vault/engine.py": "a KV engine keeps the fields of a secret as JSON",
    "backends/vault/numbers.py": "a number the server would change is found before it is sent",
    "backends/yaml/editing.py": "a value becomes YAML in a file that holds plain text",
    "cli/writing.py": "text that is JSON becomes a value of that type",
    "domain/codec.py": "the one place where values become bytes, text and JSON",
    "services/transfer/dotenv.py": "a .env file holds text only",
    "services/transfer/guess.py": "the first characters of an imported text tell its type",
    "services/transfer/kv_json.py": "a field's type decides how it is written",
    "services/transfer/tree.py": "a field's type decides how it is written",
    "services/transfer/yaml_tree.py": "YAML writes values by type",
    "ui/screens/create.py": "a new recovery key is shown once",
    "ui/widgets/diff_view.py": "a comparison shows values when it is asked to",
    "ui/widgets/value_area.py": "an editor holds the text it edits",
}
"""Module -> why. Everybody else passes SecretValue on."""


def reveals(source: str) -> list[int]:
    """The lines where a value is taken out: `x.reveal()`, `SecretValue.reveal`, by name, or past the method."""
    if not re.search("reveal|_value|getattr|methodcaller", unicodedata.normalize("NFKC", source)):
        return []  # names are written in full but for what Python normalises
    return sorted({node.lineno for node in ast.walk(ast.parse(source)) if _takes_out(node)})


def _takes_out(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="reveal"), args=[], keywords=[]):
            return True
        case ast.Attribute(value=ast.Name(id="SecretValue"), attr="reveal"):
            return True
        case ast.Call(func=ast.Name(id="getattr") | ast.Name(id="methodcaller"), args=arguments):
            names = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
            return bool({"reveal", "_value"} & {*names})
        case ast.Attribute(value=ast.Name(id="self")):
            return False
        case ast.Attribute(attr="_value"):
            return True
    return False


def test_a_value_is_taken_out_only_where_the_list_says() -> None:
    found = {
        str(file.relative_to(PACKAGE)): lines
        for file in sorted(PACKAGE.rglob("*.py"))
        if (lines := reveals(file.read_text(encoding="utf-8")))
    }
    new = {module: lines for module, lines in found.items() if module not in MAY_REVEAL}
    assert not new, "a new place takes values out; give the reason in MAY_REVEAL, or pass SecretValue on"
    assert set(MAY_REVEAL) <= set(found), "the list names modules that take nothing out"


@pytest.mark.parametrize(
    "source",
    [
        "value.reveal()",
        "map(SecretValue.reveal, all)",
        "getattr(v, 'reveal')",
        "getattr(v, 'rev\\x65al')",
        "v._value",
        "v.ｒeveal()",
        "methodcaller('reveal')",
    ],
)
def test_every_way_to_take_a_value_out_is_noticed(source: str) -> None:
    assert reveals(source) == [1]


SENTINEL = "SENTINEL-5e1f"
BYTES = SENTINEL.encode()

_FIELDS = {
    "text": SecretValue(SENTINEL),
    "bytes": SecretValue(BYTES),
    "list": SecretValue([SENTINEL]),
    "map": SecretValue({SENTINEL: SENTINEL}),
}
_VERSION = Version(1, created_at=datetime(2024, 1, 1, tzinfo=UTC))


def _holders() -> dict[str, Any]:
    store = MemoryBackend()
    store.write("app", _FIELDS)
    return {
        **_FIELDS,
        "fields": _FIELDS,
        "secret": Secret("app", _VERSION, _FIELDS, Metadata(), 1),
        "stored version": StoredVersion(_VERSION, _FIELDS),
        "history": History("app", Metadata(), (StoredVersion(_VERSION, _FIELDS),)),
        "credential": Credential(passphrase=SecretValue(SENTINEL), key_file=Path("k")),
        "created": Created("here", SecretValue(SENTINEL)),
        "write": Write("app", _FIELDS),
        "written": Written("app", error=_error()),
        "error": _error(),
        "read": store.read("app"),
        "memory backend": store,
        "memory store": store._store,
        "memory store's secrets": store._store.secrets,
    }


def _error() -> KvtuiError:
    try:
        codec.decode_fields(BYTES)
    except Corrupt as error:
        return error
    raise AssertionError


def _logged(thing: Any) -> str:
    record = logging.LogRecord("kvtui", logging.DEBUG, "f", 1, "%s %r", (thing, thing), None)
    return logging.Formatter().format(record)


def _pickled(thing: Any) -> str:
    try:
        return repr(pickle.dumps(thing))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        return f"{error!r}"


def _as_dict(thing: Any) -> str:
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return ""
    try:
        return f"{dataclasses.asdict(thing)!r} {dataclasses.astuple(thing)!r}"
    except TypeError as error:  # read-only mappings are not copied
        return f"{error!r}"


SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": lambda thing: f"{thing} {thing!r:>40} {format(thing)}",
    "percent": lambda thing: "%s %r" % (thing, thing),  # noqa: UP031
    "in a list": lambda thing: str([thing]),
    "copy": lambda thing: repr(copy.copy(thing)),
    "deepcopy": lambda thing: repr(_FIELDS if isinstance(thing, MemoryBackend) else _deepcopied(thing)),
    "pprint": pprint.pformat,
    "pickle": _pickled,
    "json": lambda thing: json.dumps({"x": thing}, default=str),
    "logging": _logged,
    "asdict": _as_dict,
    "exception": lambda thing: "".join(traceback.format_exception(ValueError(thing))),
}


def _deepcopied(thing: Any) -> Any:
    try:
        return copy.deepcopy(thing)
    except TypeError as error:  # locks are not copied
        return error


@pytest.mark.parametrize("holder", _holders())
def test_no_value_shows_in(holder: str) -> None:
    for way, show in SHOWN.items():
        shown = show(_holders()[holder])
        assert SENTINEL not in shown, way
        assert codec.to_text(SecretValue(BYTES)) not in shown, way  # nor as base64


@pytest.mark.parametrize("value", list(_FIELDS.values()))
def test_a_value_is_not_compared_hashed_or_iterated_by_accident(value: SecretValue) -> None:
    with pytest.raises(TypeError):
        _ = value == value  # noqa: PLR0124
    with pytest.raises(TypeError):
        hash(value)
    with pytest.raises(TypeError):
        iter(value)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        len(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pickle.dumps(value)
    with pytest.raises(TypeError):
        json.dumps(value)


def test_an_error_about_stored_bytes_has_no_cause_that_quotes_them() -> None:
    error = _error()
    assert error.__cause__ is None
    assert error.__suppress_context__
