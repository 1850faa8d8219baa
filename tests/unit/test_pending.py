from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

import pytest
from cryptography.exceptions import InvalidTag

from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.value import SecretValue, same_fields
from kvtui.services.changes import Change, Op
from kvtui.services.pending import seal, unseal
from kvtui.services.profiles import Profile
from kvtui.services.session import Session

KEY = bytes(range(32))
FIELDS = {"text": SecretValue("SENTINEL"), "bytes": SecretValue(b"\xff\0"), "map": SecretValue({"a": [1, None]})}
PATCH = MetadataPatch(
    type=SecretType.TOKEN,
    tags=("a", "b"),
    owner=None,
    rotation=timedelta(days=90),
    custom=MappingProxyType({"k": None}),
)


def test_changes_come_back_as_they_were_sealed() -> None:
    changes = [
        Change(Op.SET, "a/b", fields=FIELDS, metadata=PATCH, base_version=3),
        Change(Op.META, "c", metadata=MetadataPatch(rotation=None)),
        Change(Op.DELETE, "d", versions=(1, 3)),
        Change(Op.MOVE, "e", to="f"),
    ]
    back = unseal(seal(changes, KEY), KEY)
    assert [(c.op, c.path, c.to, c.versions, c.base_version, c.metadata) for c in back] == [
        (c.op, c.path, c.to, c.versions, c.base_version, c.metadata) for c in changes
    ]
    assert back[0].fields is not None
    assert same_fields(back[0].fields, FIELDS)


def test_sealed_changes_hold_nothing_readable_and_open_with_their_key_alone() -> None:
    sealed = seal([Change(Op.SET, "a/b", fields=FIELDS)], KEY)
    assert b"SENTINEL" not in sealed
    assert b"a/b" not in sealed
    with pytest.raises(InvalidTag):
        unseal(sealed, bytes(32))


def test_a_session_keeps_staged_changes_and_the_draft_over_a_lock() -> None:
    session = Session(Profile("kept", "memory", MappingProxyType({"name": "pending"})))
    session.unlock()
    session.staged.stage(Change(Op.SET, "a", fields=FIELDS, base_version=0))
    session.lock(draft=Change(Op.SET, "b", fields=FIELDS, base_version=0))
    assert len(session.staged) == 0
    session.unlock()
    assert list(session.staged.paths) == ["a"]
    assert session.draft is not None
    assert session.draft.path == "b"
    session.lock()
