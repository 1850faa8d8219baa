"""The tables of docs/benchmarks.md from the numbers of a run.

python -m benchmarks.page NUMBERS.json                              print them
python -m benchmarks.page NUMBERS.json --write docs/benchmarks.md   put them between its `<!-- NAME -->` and `<!-- -->`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import goals, keys, search, walk

Numbers = Mapping[str, Any]

_END = "<!-- -->"


def sections(results: Numbers) -> dict[str, str]:
    """By name, those of the groups that ran. The first is of all of them."""
    found = {"goals": f"{_run(results)}\n\n{goals.table(goals.goals(results))}"}
    return found | {name: told(results[name]) for name, told in _TABLES.items() if name in results}


def written(page: str, results: Numbers) -> str:
    """The page with these sections in place of those it has; one without a place in it is left out."""
    for name, text in sections(results).items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(_END)
        if end:
            page = f"{before}{mark}{text}\n{end}{after}"
    return page


def _run(results: Numbers) -> str:
    minutes = sum(results["seconds"].values()) / 60
    return (
        f"Python {results['python']}, {results['processors']} processors, load {results['load_before']} before and "
        f"{results['load_after']} after; {minutes:.0f} min."
    )


def _start(found: Numbers) -> str:
    lines = [
        "| program | first frame | beyond the KDF | ratio | first key, too | ratio | processor time | ratio | memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["apps"].items():
        version = found["versions"].get(name, "")
        lines.append(
            f"| {f'{name} {version}'.strip()} | {row['frame_ms']} ms | {row['frame_beyond_kdf_ms']} ms "
            f"| {row['frame_ratio']} | {row['first_key_beyond_kdf_ms']} ms | {row['first_key_ratio']} "
            f"| {row['main_thread_cpu_ms']} ms | {row['cpu_ratio']} | {row['rss_mb']} MB |"
        )
    lines += [f"| {name} | not installed |" + " |" * 7 for name in found["missing"]]
    return "\n".join(lines)


def _vault(found: Numbers) -> str:
    sizes = found["sizes"]
    names = [name for name in next(iter(sizes.values())) if not name.endswith("_p95_ms")]
    lines = [f"| | {' | '.join(f'{int(size):,}' for size in sizes)} |", "|---|" + "---|" * len(sizes)]
    return "\n".join(
        lines + [f"| {name} | {' | '.join(f'{row[name]:,g}' for row in sizes.values())} |" for name in names]
    )


_TABLES: Mapping[str, Callable[[Numbers], str]] = {
    "start": _start,
    "keys": keys.table,
    "search": search.table,
    "vault": _vault,
    "walk": walk.table,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.page", description=__doc__)
    parser.add_argument("numbers", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    args = parser.parse_args()
    results = json.loads(args.numbers.read_text())
    if args.write is None:
        for name, text in sections(results).items():
            print(f"{name}\n\n{text}\n")
    else:
        args.write.write_text(written(args.write.read_text(), results))


if __name__ == "__main__":
    main()
