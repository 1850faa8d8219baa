"""All benchmarks in one command; they make their own data. Prints a table of the goals, and the numbers behind it.

python -m benchmarks                                    everything; twenty minutes on two processors
python -m benchmarks start keys                         some of it
python -m benchmarks --repeats 3 --json numbers.json    a quarter of an hour, and kept for `python -m benchmarks.page`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import goals, keys, page, peers, search, start, vault, walk


def _start(args: argparse.Namespace) -> Mapping[str, Any]:
    return start.run(args.repeats * 3)  # a median of fewer than nine starts says little


def _keys(args: argparse.Namespace) -> Mapping[str, Any]:
    return keys.run(keys=args.repeats * 72, data=args.data)


def _search(_args: argparse.Namespace) -> Mapping[str, Any]:
    return search.run((100_000, 1_000_000))


def _vault(args: argparse.Namespace) -> Mapping[str, Any]:
    return vault.run(_sizes(args), args.repeats * 20)


def _peers(args: argparse.Namespace) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return peers.run(Path(folder), _sizes(args)[:1], args.repeats * 2)


def _walk(args: argparse.Namespace) -> Mapping[str, Any]:
    return walk.run(max(1, args.repeats // 2))


def _sizes(args: argparse.Namespace) -> list[int]:
    return [int(size) for size in args.sizes.split(",")]


GROUPS: Mapping[str, Callable[[argparse.Namespace], Mapping[str, Any]]] = {
    "start": _start,
    "keys": _keys,
    "search": _search,
    "vault": _vault,
    "peers": _peers,
    "walk": _walk,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--repeats", type=int, default=5, help="rounds; of starts three times as many")
    parser.add_argument(
        "--sizes", default="1000,1000000", help="secrets in the vaults of `vault`; the first of `peers`"
    )
    parser.add_argument("--data", type=Path, help="where the vault of `keys` is, or is to be made and kept")
    parser.add_argument("--json", type=Path, help="write the numbers here too, after each group")
    args = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "load_before": _load(),
        "seconds": {},
    }
    for name, group in GROUPS.items():
        if args.which and name not in args.which:
            continue
        began = time.perf_counter()
        results[name] = group(args)
        results["seconds"][name] = round(time.perf_counter() - began)
        results["load_after"] = _load()
        print(f"\n{name}, {results['seconds'][name]} s\n")
        told = page.sections(results)
        print(told[name] if name in told else json.dumps(results[name], indent=2), flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{goals.table(goals.goals(results))}")
    return 0


def _load() -> float:
    return round(os.getloadavg()[0], 2)


if __name__ == "__main__":
    sys.exit(main())
