"""Values of several stores, one after the other: on a server just what was agreed to, and none keeps others back."""

from __future__ import annotations

from pathlib import Path

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.value import SecretValue
from kvtui.services.finding import Finding
from kvtui.services.value_finding import ValueFinding, places_of
from kvtui.services.value_search import Asked
from tests.unit.test_value_search import ON_A_SERVER, WAIT, Counting, session_of

ASKED = Asked("db", (SecretValue("hunter2"),))


def filled(capabilities: frozenset[Capability] = ALL) -> Counting:
    store = Counting(capabilities=capabilities)
    for path in ("app/db", "app/web", "db"):
        MemoryBackend.write(store, path, {"value": SecretValue("my hunter2")})
    return store


def test_each_store_is_looked_through_or_told_why_not_and_on_servers_just_what_is_known_is_read(tmp_path: Path) -> None:
    here, there, never = filled(), filled(ON_A_SERVER), filled(ALL - {Capability.READ})
    sessions = [session_of(store, tmp_path, f"store{at}") for at, store in enumerate((here, there, never))]
    with Finding(sessions) as finding:
        assert finding.wait(WAIT)
        places = places_of(finding, "db")
        assert [place.paths for place in places] == [None, ["db", "app/db"], None]
        assert [bool(place.refused) for place in places] == [False, False, True]
        there.write("later/db", {"value": SecretValue("my hunter2")})
        looking = ValueFinding(places, ASKED, most=100)
        looking.run()
    assert [(held.profile, held.path) for held in looking.found] == [
        ("store0", "app/db"),
        ("store0", "db"),
        ("store1", "db"),
        ("store1", "app/db"),
    ]
    assert there.reads == ["db", "app/db"]
    assert (looking.read, looking.total) == (4, 4)
    assert [profile for profile, _ in looking.failed] == ["store2"]


def test_it_ends_with_enough_and_when_it_is_stopped_and_forgets_what_was_looked_for(tmp_path: Path) -> None:
    session = session_of(filled(), tmp_path)
    with Finding([session]) as finding:
        looking = ValueFinding(places_of(finding, ""), ASKED, most=1)
        looking.run()
        assert (len(looking.found), looking.has_more) == (1, True)
        assert not looking._asked.parts
        ended = ValueFinding(places_of(finding, ""), ASKED, most=1)
        ended.stop()
        ended.run()
        assert (ended.found, ended.failed, ended.read) == ([], [], 0)
