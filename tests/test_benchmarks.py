"""Benchmarks run, on next to nothing: what they say is not looked at, but that they say it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import goals, servers, start, walk
from benchmarks.page import written as page_of
from benchmarks.proxy import Proxy

NUMBERS = json.loads((Path(__file__).parent / "data" / "benchmark_numbers.json").read_text())


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


# The goals


def test_every_goal_is_a_row_and_says_whether_it_is_met() -> None:
    rows = {row.what: row for row in goals.goals(NUMBERS)}
    assert [row.met for row in rows.values()].count(False) == 1
    assert rows["modules before the first frame"].met is False
    assert rows["first frame beyond the KDF, the usual vault"].ratio == "1.1 ×"
    assert rows["first frame beyond the KDF, beside posting"].ratio == "3.00 ×"
    assert rows["first frame beyond the KDF, beside harlequin"].met is None
    assert rows["keys dropped at 30 a second, 80x24"].measured == "0 of 720"
    assert rows["find everywhere beside fzf, 1,000,000 paths"].ratio == "0.05 ×"
    assert rows["wanted path among the first ten"].met
    assert rows["durable write, 1,000,000 secrets"].met
    assert rows["key to frame while all is listed, double"].measured == "30.5 ms (/, typing)"


def test_page_gets_the_tables_of_a_run_and_keeps_the_rest() -> None:
    page = "<!-- goals -->\n<!-- -->\n\n<!-- start -->\nbygone\n<!-- -->\n\n<!-- peers -->\nkept\n<!-- -->\nend\n"
    ran = {name: found for name, found in NUMBERS.items() if name not in {"keys", "search", "walk"}}
    written = page_of(page, ran)
    assert written == page_of(written, ran)
    assert "bygone" not in written
    assert "| posting 2.11 | 660 ms |" in written
    assert "| harlequin | not installed |" in written
    assert written.endswith("<!-- peers -->\nkept\n<!-- -->\nend\n")


def test_a_peer_is_looked_for_in_the_named_folders_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert start.find("posting") is None
    (tmp_path / "posting").touch(0o755)
    monkeypatch.setenv("BENCHMARK_PEERS", str(tmp_path))
    assert start.find("posting") == str(tmp_path / "posting")
