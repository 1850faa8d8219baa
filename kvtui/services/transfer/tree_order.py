"""The order nested documents are written in, out of the order stores list in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kvtui.domain import path as paths


def in_tree_order(sorted_paths: Iterator[str], below: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Paths so that right behind each come those below it.

    By code point `a-b` stands between `a` and `a/b`. Only where it might, the store is asked for what is `below` a
    path, so that nothing has to be held until its turn.
    """
    done: set[str] = set()
    previous = ""
    for path in sorted_paths:
        if done and not done.isdisjoint(paths.ancestors(path)):
            continue
        if previous and path.startswith(previous) and path[len(previous)] < "/":
            yield from in_tree_order(below(previous), below)
            done.add(previous)
        yield path
        previous = path
