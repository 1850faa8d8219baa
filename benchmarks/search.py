"""Find everywhere: each key of a query typed and deleted again over many paths, the first screen ranked; the same over
paths that are still coming; memory; and what fzf finds and takes on the same lists in the same run.

`kvtui` has its list in memory, as fzf has while somebody types; `fzf --filter` reads it anew, so what it takes with a
query that no path matches is told beside.
"""

from __future__ import annotations

import gc
import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import search_data
from kvtui.domain.secret import Indexed
from kvtui.services.search import NamesIndex

SIZES = (10_000, 100_000, 1_000_000)
SHOWN = 200
"""Matches that the screen asks for."""
FIRST = 10
"""A path that is wanted has to be among so many."""
RANKED_AMONG = 10_000
"""Paths, or fewer where all sizes are smaller."""
COMPARED = 100_000
"""Paths of which a complete ranking is made, too, which takes a second a query."""
BATCH = 1000
SCHEMES = ("path", "default")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NOTHING = "\x01\x02"


def run(sizes: Sequence[int] = SIZES, queries: int = 200, typed: int = 48) -> dict[str, Any]:
    """`queries` for the ranking, `typed` for the times at each size."""
    results: dict[str, Any] = {}
    for size in sizes:
        results[f"{size} paths"] = _sized(size, typed)
    results["ranking"] = ranking(min(RANKED_AMONG, max(sizes)), queries)
    return results


def _sized(size: int, typed: int) -> dict[str, Any]:
    paths = search_data.paths(size)
    asked = [(kind, query) for kind, query, _ in search_data.wanted(paths, typed)]
    held = _bytes_held(paths)
    start = time.process_time()
    index = NamesIndex(map(Indexed, paths))
    built = time.process_time() - start
    start = time.perf_counter()
    index.query(asked[0][1], SHOWN, at_once=True)
    first = time.perf_counter() - start
    by_kind = dict[str, list[Taken]]()
    for kind, query in asked:
        for text in _typed(query):
            by_kind.setdefault(kind, []).append(_taken(lambda text=text: index.query(text, SHOWN, at_once=True)))
    swapped = [_mistyped(query) for _, query in asked]
    mistyped = [_taken(lambda text=text: index.query(text, SHOWN, at_once=True)) for text in swapped]
    everything = [each for times in by_kind.values() for each in times]
    fastest = min(each.beside for each in everything)
    return {
        "characters_per_path": round(sum(map(len, paths)) / size, 1),
        "bytes_per_path": held,
        "laid_out_cpu_s": round(built, 2),
        "first_query_ms": round(first * 1000, 1),
        "fixed_work_fastest_ms": round(fastest * 1000, 3),
        "fixed_work_p50_ms": round(statistics.median(each.beside for each in everything) * 1000, 3),
        "typing": {"all": _told(everything, fastest)}
        | {kind: _told(times, fastest) for kind, times in by_kind.items()},
        "mistyped": _told(mistyped, fastest),
        "as_good": _as_good(index, [query for _, query in asked]) if size <= COMPARED else None,
        "arriving": _arriving(paths[: RANKED_AMONG * 10], asked[0][1]),
        "fzf": _fzf_times(paths, [query for _, query in asked]),
    }


def _mistyped(query: str) -> str:
    """Two letters swapped: nothing may be found, and all that could be is looked at."""
    at = len(query) // 2
    return query[: at - 1] + query[at] + query[at - 1] + query[at + 1 :]


def _as_good(index: NamesIndex, queries: Sequence[str]) -> dict[str, int]:
    """Of the first ten of a complete ranking, how many matches as good are among the first ten at once."""
    of = as_good = 0
    for query in queries:
        best = [match.score for match in index.query(query, FIRST).matches]
        found = [match.score for match in index.query(query, SHOWN, at_once=True).matches[:FIRST]]
        of += len(best)
        as_good += sum(score >= best[-1] for score in found) if best else 0
    return {"of": of, "as_good": as_good}


def _typed(query: str) -> Iterator[str]:
    """What is looked for while a query is typed, and deleted again."""
    texts = [query[:end] for end in range(1, len(query) + 1)]
    return iter([*texts, *texts[-2::-1]])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Taken(NamedTuple):
    """Seconds by the clock; and those of a fixed piece of work right before and after, on average: the machine may do
    other things besides, and be half as fast from one second to the next."""

    clock: float
    beside: float


def _taken(work: Callable[[], object]) -> Taken:
    before = _seconds(_fixed_work)
    clock = _seconds(work)
    return Taken(clock, (before + _seconds(_fixed_work)) / 2)


def _fixed_work() -> None:
    """What Python does while it searches, for about 0.4 ms."""
    counts: dict[int, tuple[int, str]] = {}
    for number in range(2500):
        counts[number & 127] = number, _LETTERS[number & 15 : (number & 15) + 9]


def _told(taken: Sequence[Taken], fastest: float) -> dict[str, float]:
    """`even` is what each had taken at the machine's `fastest`, by the fixed work beside it."""
    ordered = sorted(each.clock * 1000 for each in taken)
    even = sorted(each.clock * 1000 * fastest / each.beside for each in taken)
    return {
        "keys": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "max_ms": round(ordered[-1], 2),
        "even_p50_ms": round(statistics.median(even), 2),
        "even_p99_ms": round(even[int(len(even) * 0.99)], 2),
        "even_max_ms": round(even[-1], 2),
    }


def _bytes_held(paths: Sequence[str]) -> float:
    """What an index keeps for each path, the names it was given gone."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    index = NamesIndex(Indexed("".join(path)) for path in paths)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return round(held / len(index), 1)


def _arriving(paths: Sequence[str], query: str) -> dict[str, float]:
    """A query that stands while names come: to lay out a thousand, and to look for it again."""
    index = NamesIndex()
    index.begin()
    added, asked = [], []
    for at in range(0, len(paths), BATCH):
        names = [Indexed(path) for path in paths[at : at + BATCH]]
        added.append(_seconds(lambda names=names: index.add(names)))
        asked.append(_seconds(lambda: index.query(query, SHOWN, at_once=True)))
    index.end(complete=True, as_of=datetime.now(UTC))
    return {
        "batches": len(added),
        "batch": BATCH,
        "add_p50_ms": round(statistics.median(added) * 1000, 2),
        "add_all_s": round(sum(added), 2),
        "query_p50_ms": round(statistics.median(asked) * 1000, 2),
        "query_max_ms": round(max(asked) * 1000, 2),
    }


# fzf


def _fzf_times(paths: Sequence[str], queries: Sequence[str]) -> dict[str, float] | str:
    """Milliseconds for whole queries and for as many of half their letters; `reading` is one that finds nothing."""
    if not shutil.which("fzf"):
        return "no fzf on PATH"
    with tempfile.TemporaryDirectory() as folder:
        listed = _listed(Path(folder), paths)
        texts = [text for query in queries[:12] for text in (query, query[: len(query) // 2 + 1])]
        reading = [_seconds(lambda: _fzf(listed, _NOTHING, "path")) for _ in range(5)]
        before = _children_s()
        times = [_seconds(lambda text=text: _fzf(listed, text, "path")) for text in texts]
        return {
            "queries": len(times),
            "reading_p50_ms": round(statistics.median(reading) * 1000, 1),
            "p50_ms": round(statistics.median(times) * 1000, 1),
            "max_ms": round(max(times) * 1000, 1),
            "cpu_mean_ms": round((_children_s() - before) / len(times) * 1000, 1),
        }


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _listed(folder: Path, paths: Sequence[str]) -> Path:
    file = folder / "paths"
    file.write_text("".join(f"{path}\n" for path in paths))
    return file


def _fzf(listed: Path, query: str, scheme: str) -> list[str]:
    with listed.open() as lines:
        ran = subprocess.run(
            ["fzf", f"--scheme={scheme}", "--filter", query], stdin=lines, capture_output=True, text=True, check=False
        )
    return ran.stdout.splitlines()


# Ranking


def ranking(size: int, queries: int) -> dict[str, Any]:
    """By kind of query, how often the wanted path is among the first ten; `apart` are the queries where kvtui has it
    and fzf has not, or the other way round."""
    paths = search_data.paths(size)
    index = NamesIndex(map(Indexed, paths))
    asked = list(search_data.wanted(paths, queries))
    firsts = recorded(paths, [query for _, query, _ in asked])
    counts: dict[str, dict[str, int]] = {}
    apart = []
    for kind, query, path in asked:
        ours = [match.path for match in index.query(query, SHOWN, at_once=True).matches[:FIRST]]
        row = counts.setdefault(kind, {"queries": 0, "kvtui": 0, **{f"fzf, {scheme}": 0 for scheme in firsts}})
        row["queries"] += 1
        row["kvtui"] += path in ours
        for scheme, found in firsts.items():
            row[f"fzf, {scheme}"] += path in found[query]
            if scheme == SCHEMES[0] and (path in ours) is not (path in found[query]):
                apart.append({"query": query, "wanted": path, "kvtui": path in ours})
    names = counts[next(iter(counts))]
    total = {name: sum(row[name] for row in counts.values()) for name in names}
    return {"paths": size, "first": FIRST, "kinds": {**counts, "all": total}, "apart": apart}


def recorded(paths: Sequence[str], queries: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """By scheme and query fzf's first ten, where there is fzf."""
    if not shutil.which("fzf"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        listed = _listed(Path(folder), paths)
        return {scheme: {query: _fzf(listed, query, scheme)[:FIRST] for query in queries} for scheme in SCHEMES}


def record(file: Path, size: int = 600, queries: int = 64) -> None:
    """Write what the ranking test compares with: python -c 'from benchmarks import search; search.record(...)'."""
    paths = search_data.paths(size)
    asked = list(search_data.wanted(paths, queries))
    number = {path: at for at, path in enumerate(paths)}
    firsts = recorded(paths, [query for _, query, _ in asked])["path"]
    rows = [
        {"kind": kind, "query": query, "wanted": path, "fzf": [number[each] for each in firsts[query]]}
        for kind, query, path in asked
    ]
    file.write_text(json.dumps({"paths": paths, "asked": rows}, indent=0) + "\n")


# As text


def _times(row: Mapping[str, float]) -> str:
    by_clock = f"{row['p50_ms']} / {row['p99_ms']} / {row['max_ms']}"
    return f"{by_clock} | {row['even_p50_ms']} / {row['even_p99_ms']} / {row['even_max_ms']}"


def table(results: Mapping[str, Any]) -> str:
    """Tables in Markdown, as docs/benchmarks.md has them."""
    lines = [
        "| paths | query | keys | p50 / p99 / longest, ms | evened out | bytes each | fzf, ms (reading; processor) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in results.items():
        if name.endswith(" paths"):
            fzf = found["fzf"]
            told = (
                fzf
                if isinstance(fzf, str)
                else (f"{fzf['p50_ms']}, to {fzf['max_ms']} ({fzf['reading_p50_ms']}; {fzf['cpu_mean_ms']})")
            )
            for kind, row in found["typing"].items():
                times = _times(row)
                beside = f"{found['bytes_per_path']} | {told}" if kind == "all" else " | "
                lines.append(f"| {int(name.split()[0]):,} | {kind} | {row['keys']} | {times} | {beside} |")
            row = found["mistyped"]
            lines.append(f"| {int(name.split()[0]):,} | two letters swapped | {row['keys']} | {_times(row)} | | |")
            came = found["arriving"]
            times = f"{came['query_p50_ms']} / / {came['query_max_ms']}"
            lines.append(f"| {int(name.split()[0]):,} | stands while names come | {came['batches']} | {times} | | | |")
    kinds = results["ranking"]["kinds"]
    columns = list(kinds["all"])
    lines += ["", f"| wanted path among the first {FIRST} | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    lines += [f"| {kind} | {' | '.join(str(row[name]) for name in columns)} |" for kind, row in kinds.items()]
    for name, found in results.items():
        if name.endswith(" paths") and (good := found["as_good"]):
            told = f"{good['as_good']} of {good['of']} are as good at once as in a complete ranking"
            slower = found["fixed_work_p50_ms"] / found["fixed_work_fastest_ms"]
            lines += ["", f"The fixed work beside the keys took {slower:.1f} × its fastest, in the middle."]
            lines += ["", f"Of the first {FIRST} of {int(name.split()[0]):,} paths for the whole queries, {told}."]
    return "\n".join(lines)
