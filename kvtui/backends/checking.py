"""Whether a store could keep what is to be written, told by what it is and can do alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import Fields, ValueType

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend


def check_write(backend: Backend, path: str, fields: Fields, metadata: MetadataPatch) -> None:
    """`Backend.check` of a store that has no rules of its own. Raises InvalidPath, InvalidInput, Unsupported."""
    info = backend.info()
    paths.check(path)
    encode_fields(fields)
    lacking = [one for one in (Capability.WRITE, *needs(fields)) if one not in info.capabilities]
    if metadata and not backend.describes_writes:
        lacking.append(Capability.EDIT_METADATA)
    if lacking:
        why = backend.why_not(lacking[0])
        raise Unsupported(why, capability=lacking[0].value, hint="See kvtui backends.", path=path)
    check_kept(info, metadata, path)


def needs(fields: Fields) -> Iterator[Capability]:
    """What only some stores can do and these fields ask of one."""
    types = {value.type for value in fields.values()}
    if len(fields) > 1:
        yield Capability.FIELDS
    if ValueType.BYTES in types:
        yield Capability.BYTES
    if types - {ValueType.TEXT, ValueType.BYTES}:
        yield Capability.TYPED_VALUES


def check_kept(info: BackendInfo, metadata: MetadataPatch, path: str) -> None:
    """Raise Unsupported for metadata of a kind that a store does not keep."""
    if foreign := metadata.fields - info.metadata_fields:
        raise Unsupported(
            f"This {info.kind} store keeps no {', '.join(sorted(foreign))}.",
            capability=Capability.EDIT_METADATA.value,
            hint="Leave it out.",
            path=path,
        )
