"""Every goal of speed as a row: what was measured, beside what, and whether that is enough. From a run's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks import start

Numbers = Mapping[str, Any]


class Goal(NamedTuple):
    """One row. `met` is None where a peer that the goal names was not there."""

    what: str
    goal: str
    measured: str
    ratio: str
    met: bool | None


def goals(results: Numbers) -> list[Goal]:
    """Of the groups that ran, in the order of the groups."""
    return [goal for group, told in _GROUPS.items() if group in results for goal in told(results[group])]


def table(rows: Sequence[Goal]) -> str:
    """In Markdown."""
    said = {True: "met", False: "**missed**", None: "not measured"}
    lines = ["| what | goal | measured | ratio | |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.goal} | {row.measured} | {row.ratio} | {said[row.met]} |" for row in rows]
    return "\n".join(lines)


def _at_most(what: str, most: float, measured: float, unit: str) -> Goal:
    return Goal(what, f"≤ {most:,g} {unit}", f"{measured:,g} {unit}", "", measured <= most)


def _start(found: Numbers) -> Iterator[Goal]:
    apps = found["apps"]
    peer = apps[start.PEER]
    for name, how in ((start.KVTUI, "the usual vault"), (start.CHEAP_KVTUI, "the cheapest KDF")):
        ours = apps[name]
        for what, ms, ratio in (
            ("first frame", "frame_beyond_kdf_ms", "frame_ratio"),
            ("first key answered", "first_key_beyond_kdf_ms", "first_key_ratio"),
        ):
            yield Goal(
                f"{what} beyond the KDF, {how}",
                f"≤ 1.25 × {start.PEER}",
                f"{ours[ms]} ms; {peer[ms]} ms",
                f"{ours[ratio]} ×",
                ours[ratio] <= 1.25,
            )
    ours = apps[start.KVTUI]
    for name in start.OTHERS:
        what, goal = f"first frame beyond the KDF, beside {name}", "≥ 2.5 × faster"
        if name not in apps:
            yield Goal(what, goal, "not installed", "", None)
            continue
        faster = apps[name]["frame_ms"] / ours["frame_beyond_kdf_ms"]
        measured = f"{ours['frame_beyond_kdf_ms']} ms; {apps[name]['frame_ms']} ms"
        yield Goal(what, goal, measured, f"{faster:.2f} ×", faster >= 2.5)
    yield Goal(
        "`--version`",
        "≤ 2 × `python -c pass`",
        f"{found['version_ms']} ms; {found['python_pass_ms']} ms",
        f"{found['version_ratio']} ×",
        found["version_ratio"] <= 2,
    )
    yield _at_most("`get` beyond the KDF", 150, found["get_beyond_kdf_ms"], "ms")
    modules = f"{found['modules']}; {found['modules_of_textual_app']} of `textual.app` alone"
    yield Goal("modules before the first frame", "≤ 420", modules, "", found["modules"] <= 420)


def _keys(found: Numbers) -> Iterator[Goal]:
    for size, row in found["sizes"].items():
        ours = row["kvtui"]
        where = f"{found['secrets']:,} secrets, {size}"
        for part, name in (("line", "a line"), ("half_page", "half a page")):
            each = ours[part]
            yield Goal(
                f"key to frame, {name}, {where}",
                "p50 ≤ 5 ms, p99 ≤ 16 ms",
                f"{each['p50_ms']} / {each['p99_ms']} ms",
                f"{row['p50_ratio']} × a minimal app" if part == "line" else "",
                each["p50_ms"] <= 5 and each["p99_ms"] <= 16,
            )
        pressed = sum(ours[part]["keys"] + ours[part]["dropped"] for part in ("line", "half_page"))
        dropped = sum(ours[part]["dropped"] for part in ("line", "half_page")) + ours["jumps_dropped"]
        yield Goal(f"keys dropped at 30 a second, {size}", "0", f"{dropped} of {pressed}", "", dropped == 0)
        yield _at_most(f"open a folder of {found['in_one_folder']:,}, {size}", 100, ours["open_ms"], "ms")
        yield _at_most(f"jump to its end, {size}", 16, ours["jump_p50_ms"], "ms")
        yield _at_most(f"memory, {where}", 60, ours["rss_mb"], "MB")


def _search(found: Numbers) -> Iterator[Goal]:
    for size, most in ((100_000, 5), (1_000_000, 30)):
        if (row := found.get(f"{size} paths")) is None:
            continue
        where, typing, fzf = f"{size:,} paths", row["typing"]["all"], row["fzf"]
        even = f"evened out {typing['even_p50_ms']} / {typing['even_p99_ms']} ms"
        measured = f"p50 / p99 {typing['p50_ms']} / {typing['p99_ms']} ms; {even}"
        yield Goal(f"find everywhere, {where}", f"p99 ≤ {most} ms", measured, "", typing["even_p99_ms"] <= most)
        what, goal = f"find everywhere beside fzf, {where}", "≤ fzf beyond its reading"
        if isinstance(fzf, str):
            yield Goal(what, goal, fzf, "", None)
        else:
            beyond = max(fzf["p50_ms"] - fzf["reading_p50_ms"], 0.1)
            measured = f"p50 {typing['p50_ms']} ms; {beyond:.1f} ms and {fzf['reading_p50_ms']} of reading"
            yield Goal(what, goal, measured, f"{typing['p50_ms'] / beyond:.2f} ×", typing["p50_ms"] <= beyond)
        yield _at_most(f"memory for search, {where}", 200, row["bytes_per_path"], "bytes per path")
    counts = found["ranking"]["kinds"]["all"]
    theirs = [name for name in counts if name.startswith("fzf")]
    measured = f"{counts['kvtui']} of {counts['queries']}; " + ", ".join(f"{counts[name]} {name}" for name in theirs)
    met = counts["kvtui"] >= max(counts[name] for name in theirs) if theirs else None
    yield Goal("wanted path among the first ten", "as often as in fzf's", measured, "", met)


def _vault(found: Numbers) -> Iterator[Goal]:
    size, row = list(found["sizes"].items())[-1]
    where = f"{int(size):,} secrets"
    yield _at_most(f"open a vault beyond the KDF, {where}", 25, row["open_to_root_beyond_kdf_ms"], "ms")
    yield _at_most(f"read, {where}", 0.3, row["read_ms"], "ms")
    yield Goal(
        f"durable write, {where}",
        "≤ 4 × append and fsync",
        f"{row['write_beside_floor_ms']} ms; {row['floor_ms']} ms",
        f"{row['write_to_floor']} ×, the first ones {row['first_writes_to_floor']} ×",
        row["write_to_floor"] <= 4,
    )
    yield _at_most(f"list a folder of 100, {where}", 4, row["list_100_ms"], "ms")
    yield _at_most(f"search for something rare, {where}", 40, row["find_rare_ms"], "ms")
    per_s = row["import_per_s"]
    yield Goal(f"import, {where}", "≥ 20,000 /s", f"{per_s:,} /s", "", per_s >= 20_000)
    yield _at_most(f"memory as a library, {where}", 60, row["resident_mb"], "MB")


def _walk(found: Numbers) -> Iterator[Goal]:
    for server, groups in found.items():
        if not isinstance(groups, Mapping):
            continue
        here, far = groups["listing, 0 ms"], groups["listing, 20 ms"]
        bare = next(row for name, row in here.items() if name.startswith("bare httpx2"))
        times = far["kvtui, LIST"]["times_serial"]
        yield Goal(f"list all at 20 ms, {server}", "≥ 5 × a serial walk", "", f"{times} ×", times >= 5)
        ratio = here["kvtui, LIST"]["seconds"] / bare["seconds"]
        yield Goal(f"list all at 0 ms, {server}", "≤ 2 × a bare client", "", f"{ratio:.2f} ×", ratio <= 2)
        if "kvtui, SCAN" in here:
            requests = here["kvtui, SCAN"]["requests"]
            ratio = here["kvtui, SCAN"]["seconds"] / here["bare SCAN, http.client"]["seconds"]
            yield Goal(
                f"list all where there is SCAN, {server}", "1 request", f"{requests:g}", f"{ratio:.2f} ×", requests <= 1
            )
        screens = [row for name, kinds in groups.items() if name.startswith("screen") for row in kinds.values()]
        worst = max(
            ((row["p99_ms"], name) for rows in screens for name, row in rows.items() if row["walks"]), default=None
        )
        if worst is not None:
            measured = f"{worst[0]} ms ({worst[1]})"
            yield Goal(f"key to frame while all is listed, {server}", "p99 ≤ 33 ms", measured, "", worst[0] <= 33)


_GROUPS: Mapping[str, Callable[[Numbers], Iterator[Goal]]] = {
    "start": _start,
    "keys": _keys,
    "search": _search,
    "vault": _vault,
    "walk": _walk,
}
