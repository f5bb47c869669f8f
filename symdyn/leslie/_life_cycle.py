"""Where the boxes, arrows and labels of a life-cycle graph go; lengths in inches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Arrow", "LabelBox", "LifeCycleLayout", "arrange"]

#: Height of a box, and of a line of its text.
TALL, LINE = 0.44, 0.15
#: Height of the innermost arc and what each further one adds; the least distance of boxes, alone and where arrows pass between
#: rows; room for those.
LOW, STEP, APART, WIDER, BETWEEN = 0.30, 0.27, 0.55, 1.15, 1.5
#: Places of a label along its arrow, the best first.
PLACES = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8)


@dataclass
class LabelBox:
    """A stage: the middle and the size of its box, and its row."""

    x: float
    y: float
    width: float
    height: float
    row: int


@dataclass
class Arrow:
    """A contribution of one stage to another: four points of a cubic curve, the middle of its label and the label's size.

    The kind is 'survival', 'reproduction', 'gain' or 'loss'.
    """

    source: int
    target: int
    kind: str
    label: str
    size: tuple[float, float]
    curve: np.ndarray = field(default_factory=lambda: np.zeros((4, 2)))
    place: np.ndarray = field(default_factory=lambda: np.zeros(2))
    #: Side of the boxes on which it leaves and arrives: 1 above, -1 below, 0 from box to next box.
    sides: tuple[int, int] = (0, 0)

    @property
    def loop(self) -> bool:
        return self.source == self.target

    def along(self, t: float | np.ndarray) -> np.ndarray:
        """Points of the curve, (..., 2)."""
        t = np.asarray(t)[..., None]
        a, b, c, d = self.curve
        return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


@dataclass
class LifeCycleLayout:
    """Boxes and arrows, and the corners of all of them."""

    boxes: list[LabelBox]
    arrows: list[Arrow]
    low: np.ndarray
    high: np.ndarray


def arrange(rows: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]], arrows: list[Arrow]) -> LifeCycleLayout:
    """Places for stages in rows, with the sizes of their names, and for arrows between them.

    Reproduction bends above a row, all else below; the last of two rows is a mirror image, so that arrows between the
    rows cross no reproduction.
    """
    row_of = {s: r for r, members in enumerate(rows) for s in members}
    order = {s: k for members in rows for k, s in enumerate(members)}
    up = [-1 if len(rows) == 2 and r == 1 else 1 for r in range(len(rows))]
    for a in arrows:
        a.sides = _sides(a, row_of, order, up)
    width = max(w for w, _ in sizes) + 0.26
    height = max(TALL, max(h for _, h in sizes) + 0.2)
    between = [a.size[0] + 0.34 for a in arrows if a.sides == (0, 0)]
    mixed = any(row_of[a.source] != row_of[a.target] for a in arrows)
    pitch = width + max([WIDER if mixed else APART, *between])
    levels = {id(a): _level(a, arrows, order, row_of) for a in arrows if _arc(a, row_of)}
    longest = max(len(members) for members in rows)
    y, boxes = 0.0, {}
    for r, members in enumerate(rows):
        if r > 0:
            y -= height + _room(arrows, levels, row_of, r - 1, -1) + _room(arrows, levels, row_of, r, 1)
            y -= BETWEEN if mixed else 0.3
        start = (longest - len(members)) / 2
        for k, s in enumerate(members):
            boxes[s] = LabelBox(pitch * (start + k), y, width, height, r)
    placed = [boxes[s] for s in range(len(row_of))]
    _draw_curves(placed, arrows, levels, row_of)
    _place_labels(placed, arrows)
    points = [a.along(np.linspace(0, 1, 20)) for a in arrows]
    rectangles = [(np.array([b.x, b.y]), np.array([b.width, b.height])) for b in placed]
    rectangles += [(a.place, np.array(a.size)) for a in arrows]
    corners = [middle + sign * size / 2 for middle, size in rectangles for sign in (-1, 1)]
    everything = np.vstack([*points, *corners])
    return LifeCycleLayout(placed, arrows, everything.min(axis=0) - 0.12, everything.max(axis=0) + 0.12)


def _sides(a: Arrow, row_of: dict[int, int], order: dict[int, int], up: list[int]) -> tuple[int, int]:
    here, there = row_of[a.source], row_of[a.target]
    if here != there:
        return (-1, 1) if here < there else (1, -1)
    side = up[here] if a.kind == "reproduction" else -up[here]
    if not a.loop and a.kind != "reproduction" and order[a.target] == order[a.source] + 1:
        return (0, 0)
    return (side, side)


def _arc(a: Arrow, row_of: dict[int, int]) -> bool:
    return row_of[a.source] == row_of[a.target] and a.sides != (0, 0)


def _level(a: Arrow, arrows: Iterable[Arrow], order: dict[int, int], row_of: dict[int, int]) -> int:
    """0 for loops; else one more than the highest of the arcs on the same side that lie within its span."""
    if a.loop:
        return 0
    low, high = sorted((order[a.source], order[a.target]))
    inside = 0
    for b in arrows:
        if b is a or not _arc(b, row_of) or row_of[b.source] != row_of[a.source] or b.sides != a.sides:
            continue
        first, last = sorted((order[b.source], order[b.target]))
        within = low <= first and last <= high and (last - first) < (high - low)
        # two arcs over the same boxes, one each way
        same = (first, last) == (low, high) and not b.loop and b.source > a.source
        if within or same:
            inside = max(inside, _level(b, arrows, order, row_of))
    return inside + 1


def _room(arrows: list[Arrow], levels: dict[int, int], row_of: dict[int, int], row: int, side: int) -> float:
    """How far arcs of a row reach on a side."""
    reach = [
        LOW + STEP * levels[id(a)] + a.size[1]
        for a in arrows
        if id(a) in levels and row_of[a.source] == row and a.sides[0] == side
    ]
    return max(reach, default=0.0)


def _draw_curves(boxes: list[LabelBox], arrows: list[Arrow], levels: dict[int, int], row_of: dict[int, int]) -> None:
    ports = _ports(boxes, arrows)
    for a in arrows:
        s, t = boxes[a.source], boxes[a.target]
        if a.sides == (0, 0):
            start, end = np.array([s.x + s.width / 2, s.y]), np.array([t.x - t.width / 2, t.y])
            a.curve = np.array([start, start + (end - start) / 3, end - (end - start) / 3, end])
            continue
        start = np.array([ports[id(a), 0], s.y + a.sides[0] * s.height / 2])
        end = np.array([ports[id(a), 1], t.y + a.sides[1] * t.height / 2])
        if a.loop:
            away = np.array([0.17, a.sides[0] * 0.46])
            a.curve = np.array([start, start + away * [-1, 1], end + away, end])
        elif row_of[a.source] == row_of[a.target]:
            rise = np.array([0.0, a.sides[0] * (LOW + STEP * levels[id(a)]) * 4 / 3])
            inward = np.array([0.12 * (end[0] - start[0]), 0.0])
            a.curve = np.array([start, start + rise + inward, end + rise - inward, end])
        else:
            drop = np.array([0.0, 0.3 * abs(end[1] - start[1])])
            aside = np.zeros(2)
            if abs(s.row - t.row) > 1 and abs(s.x - t.x) < s.width:  # around the boxes between
                aside[0] = (1.2 * s.width + 0.1 * abs(a.source - a.target)) * (1 if s.x > np.mean([b.x for b in boxes]) else -1)
            a.curve = np.array([start, start + a.sides[0] * drop + aside, end + a.sides[1] * drop + aside, end])


def _ports(boxes: list[LabelBox], arrows: list[Arrow]) -> dict[tuple[int, int], float]:
    """Where arrows meet the upper and lower edges of boxes, in an order in which they do not cross."""
    ends: dict[tuple[int, int], list[tuple[tuple[float, ...], tuple[int, int]]]] = {}
    for a in arrows:
        if a.sides == (0, 0):
            continue
        for end, (here, there) in enumerate(((a.source, a.target), (a.target, a.source))):
            apart = boxes[there].x - boxes[here].x
            if a.loop:  # from left to right in the middle
                key: tuple[float, ...] = (1.0, float(end), 0.0)
            elif boxes[there].row != boxes[here].row:  # straight ones fan out
                key = (1.0 + np.sign(apart) * 0.5, 0.5 + 0.1 * apart, float(end))
            else:  # arcs are nested: the outer one further from where it comes
                key = (0.0 if apart < 0 else 2.0, -apart, float(end if apart > 0 else -end))
            ends.setdefault((here, a.sides[end]), []).append((key, (id(a), end)))
    ports: dict[tuple[int, int], float] = {}
    for (stage, _), found in ends.items():
        found.sort()
        box = boxes[stage]
        span = min(0.78 * box.width, 0.2 * (len(found) - 1))
        for k, (_, port) in enumerate(found):
            ports[port] = box.x + (span * (k / (len(found) - 1) - 0.5) if len(found) > 1 else 0.0)
    return ports


def _place_labels(boxes: list[LabelBox], arrows: list[Arrow]) -> None:
    """Labels on arcs and along straight arrows, at the first place where they cover nothing, or least."""
    taken = [(np.array([b.x, b.y]), np.array([b.width, b.height]) / 2) for b in boxes]
    samples = {id(a): a.along(np.linspace(0.02, 0.98, 40)) for a in arrows}
    for a in sorted(arrows, key=lambda a: (not a.loop, a.sides != (0, 0), abs(a.source - a.target))):
        half = np.array(a.size) / 2
        others = np.vstack([samples[id(b)] for b in arrows if b is not a] or [np.full((1, 2), np.inf)])
        best, least = a.along(0.5), np.inf
        for rank, t in enumerate(PLACES if not a.loop else (0.5,)):
            middle = a.along(t)
            if a.sides == (0, 0):
                middle = middle + np.array([0.0, half[1] + 0.03])
            elif a.loop:
                middle = middle + np.array([0.0, a.sides[0] * (half[1] + 0.02)])
            cost = 0.01 * rank
            for centre, reach in taken:
                overlap = np.clip(reach + half + 0.02 - np.abs(middle - centre), 0, None)
                cost += 100 * overlap.prod()
            cost += 0.05 * (np.abs(others - middle) < half + 0.02).all(axis=1).sum()
            if cost < least:
                best, least = middle, cost
        a.place = best
        taken.append((best, half))
