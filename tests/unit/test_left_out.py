"""What is left out of a look at many folders: told in a sentence, and a refusal for whoever changes something."""

from __future__ import annotations

import pytest

from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.domain.errors import KvtuiError, PermissionDenied, Unavailable
from kvtui.domain.secret import EntryKind, Skipped
from kvtui.domain.value import SecretValue
from kvtui.services.left_out import LeftOut, all_below


def left(*errors: KvtuiError, kind: EntryKind = EntryKind.FOLDER) -> LeftOut:
    found = LeftOut()
    for number, error in enumerate(errors):
        found(Skipped(f"f{number}", error, kind))
    return found


DENIED, FAILED = PermissionDenied("It is not allowed."), Unavailable("It does not answer.")


def test_denied_and_failed_folders_are_counted_and_the_first_are_named() -> None:
    assert left(DENIED).told == "1 folder was not listed: 1 denied (f0: It is not allowed.)"
    assert left(DENIED, FAILED, DENIED).told == (
        "3 folders were not listed: 2 denied, 1 failed"
        " (f0: It is not allowed. f1: It does not answer. f2: It is not allowed.)"
    )
    assert left(*[FAILED] * 1200).told.startswith("1,200 folders were not listed: 1200 failed (f0: ")
    assert left(*[FAILED] * 4).told.endswith(" …)")
    assert left(FAILED, kind=EntryKind.SECRET).told.startswith("1 secret was not looked at: 1 failed")


def test_nothing_left_out_is_false_and_what_is_told_twice_counts_once() -> None:
    found = left()
    assert not found
    assert found.counts == ""
    for _ in range(2):
        found(Skipped("a", DENIED))
    assert (len(found), found.counts) == (1, "1 denied")


def test_a_refusal_is_of_the_kind_of_what_happened() -> None:
    refusal = left(DENIED, DENIED).refusal()
    assert isinstance(refusal, PermissionDenied)
    assert refusal.path == "f0"
    assert "Nothing was changed." in refusal.hint
    refusal = left(DENIED, FAILED).refusal()
    assert isinstance(refusal, Unavailable)
    assert refusal.retryable


def test_all_below_is_all_or_a_refusal() -> None:
    store = MemoryStore()
    backend = MemoryBackend(store)
    for path in ("a/x", "b/x", "b/c/x"):
        backend.write(path, {"value": SecretValue("x")})
    assert [entry.path for entry in all_below(backend, "b")] == ["b/c/x", "b/x"]
    store.denied.update(("b/c", "a"))
    with pytest.raises(PermissionDenied, match="1 folder was not listed"):
        all_below(backend, "b")
    with pytest.raises(PermissionDenied, match="2 folders were not listed"):
        all_below(backend, "")
