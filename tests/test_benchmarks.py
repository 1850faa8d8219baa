"""Benchmarks run, on next to nothing: what they say is not looked at, but that they say it is."""

from __future__ import annotations

from benchmarks import servers, walk
from benchmarks.proxy import Proxy


def test_folders_and_secrets_are_as_many_as_asked_for() -> None:
    folders = servers.folders_of(500)
    assert len(folders) == len({*folders}) == 500
    assert len({*servers.secrets_of(folders, 10_000)}) == 10_000


def test_listing_of_a_few_secrets_has_a_row_for_each_walk() -> None:
    with servers.double(60, 30) as double, Proxy(double.port) as proxy:
        rows = walk.listing(double, proxy, 0.002, 1, 30)
    assert rows[walk.SERIAL]["requests"] == 31
    assert rows[walk.SERIAL]["seconds"] >= 31 * 0.002
    assert 31 <= rows["kvtui, LIST"]["requests"] <= 33  # the look for SCAN, and its 403
    table = walk.table({"double": {"listing, 2 ms": rows}})
    assert all(f"| 2 ms | {name} | {row['requests']} |" in table for name, row in rows.items())
