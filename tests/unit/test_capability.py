"""Capabilities are data with stable names."""

import pytest

from kvtui.domain.capability import WRITING, BackendInfo, Capability


@pytest.mark.parametrize("capability", list(Capability))
def test_a_capability_has_a_stable_name_and_words_for_people(capability: Capability) -> None:
    assert capability.value == capability.name.lower()
    assert capability.title
    assert "_" not in capability.title


def test_titles_differ() -> None:
    assert len({capability.title for capability in Capability}) == len(Capability)


def test_nothing_that_only_reads_counts_as_writing() -> None:
    reading = {Capability.LIST, Capability.READ, Capability.METADATA, Capability.VERSIONS, Capability.TRASH}
    assert not WRITING & (reading | {Capability.INDEX, Capability.CHANGE_SIGNAL, Capability.HISTORY})


def test_info_is_not_changed() -> None:
    info = BackendInfo("memory", "memory", frozenset())
    with pytest.raises(AttributeError):
        info.read_only = True  # type: ignore[misc]
    assert not info.reasons
    with pytest.raises(TypeError):
        info.reasons[Capability.READ] = "x"  # type: ignore[index]
