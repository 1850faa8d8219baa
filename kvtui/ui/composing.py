"""Draws what changed, and nothing else.

Textual's compositor (of 8.2, whose internals these are) renders whatever widgets a changed line touches, the containers
behind them too, from their first line to their last, and then picks what is seen: nine of them when a cursor moves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from rich.console import Console
from textual._compositor import Compositor, CompositorUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

Piece: TypeAlias = "tuple[int, int, Strip]"
"""Line and column on the screen, and what is drawn from there on."""


class Pieces(CompositorUpdate):
    """Parts of lines, from top to bottom and left to right."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        parts = []
        after = (-1, -1)
        for y, x, strip in self.pieces:
            if (y, x) != after:
                parts.append(f"\x1b[{y + 1};{x + 1}H")
            parts.append(strip.render(console))
            after = (y, x + strip.cell_length)
        return "".join(parts)


class QuickCompositor(Compositor):
    """Asks only those widgets for lines that are seen in a changed one, and only for lines from the first of those to
    the last."""

    def render_partial_update(self) -> Pieces | None:  # type: ignore[override]  # another kind of update
        dirty = self._dirty_regions.copy()
        self._dirty_regions.clear()
        # By line, from top to bottom: from which column to which.
        wanted: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for y, start, end in self._regions_to_spans(dirty):
            wanted[y].append((start, end))
        if not wanted:
            return None
        around = Region.from_union(dirty)
        pieces: list[Piece] = []
        for widget, (region, clip) in self.visible_widgets.items():  # from front to back
            seen = region.intersection(clip)
            if not around.overlaps(seen):
                continue
            cuts = _taken(wanted, *seen.corners)
            if not cuts:
                continue
            first, last = cuts[0][0], cuts[-1][0]
            strips = widget.render_lines(Region(0, first - region.y, region.width, last - first + 1))
            at = region.x
            pieces += [(y, here, strips[y - first].crop(here - at, there - at)) for y, here, there in cuts]
            if not wanted:
                break
        return Pieces(sorted(pieces, key=itemgetter(0, 1)))


def _taken(
    wanted: dict[int, list[tuple[int, int]]], left: int, top: int, right: int, bottom: int
) -> list[tuple[int, int, int]]:
    """What is wanted of a part of the screen: line, and from which column to which. It is wanted no more."""
    cuts: list[tuple[int, int, int]] = []
    for y in [y for y in wanted if top <= y < bottom]:
        rest: list[tuple[int, int]] = []
        for start, end in wanted[y]:
            here, there = max(start, left), min(end, right)
            if here >= there:
                rest.append((start, end))
                continue
            cuts.append((y, here, there))
            if start < here:
                rest.append((start, here))
            if there < end:
                rest.append((there, end))
        if rest:
            wanted[y] = rest
        else:
            del wanted[y]
    return cuts


def draw_now(screen: Screen[Any]) -> None:
    """Draw what looks otherwise on the screen in front, without waiting for the turn of a frame.

    Textual draws 60 times a second: what changes right after a frame, of a clock or of progress say, is drawn up to
    16 ms later. What has to be laid out first still waits: more of that may come, and Textual tells a widget its size
    only where it is drawn first after being laid out.
    """
    if screen._layout_required or screen._scroll_required or screen.app._batch_count:  # noqa: SLF001
        return
    dirty, visible = screen._dirty_widgets, screen._compositor.visible_widgets.keys()  # noqa: SLF001
    if any(widget._layout_required or widget._scroll_required for widget in visible):  # noqa: SLF001
        return
    for widget in visible - {screen}:
        if widget._repaint_required:  # noqa: SLF001 - which it would tell the screen by a message
            widget._repaint_required = False  # noqa: SLF001
            dirty.add(widget)
    if dirty and dirty <= visible:
        screen._on_timer_update()  # noqa: SLF001
