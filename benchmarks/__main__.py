"""All benchmarks in one command; they make their own data.

python -m benchmarks [start] [keys] [vault] [peers] [walk] [--sizes 1000,100000] [--repeats N] [--data FOLDER]
                     [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import keys, peers, start, vault, walk


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "which", nargs="*", choices=["start", "keys", "vault", "peers", "walk", []], help="all when left out"
    )
    parser.add_argument("--sizes", default="1000,100000", help="secrets in the vault, comma separated")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--data", type=Path, help="where the vault of `keys` is, or is to be made and kept")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    args = parser.parse_args()
    results: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    if not args.which or "start" in args.which:
        results["start"] = start.run(args.repeats)
        show("Start", results["start"])
    sizes = [int(size) for size in args.sizes.split(",")]
    if not args.which or "keys" in args.which:
        results["keys"] = keys.run(keys=args.repeats * 40, data=args.data)
        print(keys.table(results["keys"]))
    if not args.which or "vault" in args.which:
        results["vault"] = vault.run(sizes, args.repeats * 20)
        show("Vault", results["vault"])
    if not args.which or "peers" in args.which:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            results["peers"] = peers.run(Path(folder), sizes, args.repeats * 20)
        show("Peers", results["peers"])
    if not args.which or "walk" in args.which:
        results["walk"] = walk.run(args.repeats, keys=args.repeats * 40)
        print(walk.table(results["walk"]))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def show(title: str, numbers: dict[str, Any], indent: int = 0) -> None:
    print("  " * indent + title)
    for name, value in numbers.items():
        if isinstance(value, dict):
            show(name, value, indent + 1)
        else:
            print("  " * (indent + 1) + f"{name:<30} {value}")


if __name__ == "__main__":
    sys.exit(main())
