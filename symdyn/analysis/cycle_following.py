"""Branches of limit cycles followed through folds as a parameter varies, with their bifurcations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn.analysis.collocation import DEGREE
from symdyn.analysis.cycle_curve import CycleCurve, CyclePlace, signed_product
from symdyn.analysis.cycle_doubling import doubling, halved
from symdyn.analysis.special_points import locate

__all__ = ["CycleBranch", "SpecialCycle", "follow_cycle", "settle"]

#: Fewest and most intervals of an orbit.
FEWEST, MOST = 20, 1000
#: Steps after which the mesh is adapted in any case.
PATIENCE = 4
#: Shortest step, in scaled coordinates.
SHORTEST = 1e-7
#: Cosine of the largest angle between the tangents at both ends of a step.
STRAIGHT = 0.95
#: Values of test functions that are rounding errors.
LEVEL = 1e-8
#: Multipliers above this are taken for so large in products of two.
LARGEST = 1e100
#: Imaginary parts below this belong to real multipliers.
REAL = 1e-5
#: Share of a direction along the parameter below which it stands still, while the period grows by a factor, and the least speed
#: on the orbit relative to the largest: near a homoclinic orbit.
STILL, GROWN, SLOW = 1e-5, 1.5, 1e-2
#: Cycles in a row with a multiplier so near to 1, while the parameter stands still, that show a family of cycles.
FAMILY, NEUTRAL = 8, 1e-6
#: Deviations below this are rounding errors.
ROUNDING = 1e-9


@dataclass
class SpecialCycle:
    """'fold', 'period doubling', 'torus', 'branch point', 'hopf' or ''; a torus has an angle, in radians a period."""

    kind: str
    place: CyclePlace
    angle: float = float("nan")


@dataclass
class CycleBranch:
    """A followed curve of cycles, what was found on the way, and why it ended at either end."""

    curve: CycleCurve
    places: list[CyclePlace]
    specials: list[SpecialCycle | None]
    ends: tuple[str, ...]


def follow_cycle(
    curve: CycleCurve, begin: SpecialCycle, span: tuple[float, float], *, step: float, points: int, accuracy: float,
    max_period: float,
) -> CycleBranch:  # fmt: skip
    """The branch through a cycle, within the span; from a special one in the direction of its tangent alone."""
    halves = []
    for sign in (1.0,) if begin.kind else (-1.0, 1.0):
        place = replace(begin.place, du=sign * begin.place.du, dt=sign * begin.place.dt, dq=sign * begin.place.dq)
        first = replace(begin, place=place)
        halves.append(_Following(curve, span, step, points, accuracy, max_period).run(first))
        if halves[-1][2] == "closed":
            break
    if len(halves) == 1:
        places, specials, end = halves[0]
        return CycleBranch(curve, places, specials, (end, end) if end == "closed" else (end,))
    (back, found_back, end_back), (ahead, found_ahead, end_ahead) = halves
    return CycleBranch(curve, [*back[:0:-1], *ahead], [*found_back[:0:-1], *found_ahead], (end_back, end_ahead))


def settle(curve: CycleCurve, place: CyclePlace, accuracy: float, other: CyclePlace | None = None) -> CyclePlace | None:
    """The cycle on a mesh adapted to it, or to another on the same mesh, with as many intervals as the accuracy takes."""
    like = other or place
    scaled = like.u / like.scale
    need = (like.mesh.error(scaled) / (0.5 * accuracy)) ** (1 / (DEGREE + 1))
    count = int(np.clip(np.ceil(like.mesh.count * np.clip(need, 0.8, 1.5)), FEWEST, MOST))
    moved = place.on(like.mesh.adapted(scaled, count))
    return curve.correct(moved, moved.u, moved.log_period, moved.q) if place.size > 0 else moved


class _Following:
    """Steps along a curve in one direction."""

    def __init__(
        self, curve: CycleCurve, span: tuple[float, float], longest: float, points: int, accuracy: float, max_period: float
    ) -> None:
        self.curve, self.longest, self.points, self.accuracy, self.max_period = curve, longest, points, accuracy, max_period
        self.bounds = sorted(curve.q(v) for v in span)
        self.places: list[CyclePlace] = []
        self.specials: list[SpecialCycle | None] = []
        self.still = np.inf  # the period since which the parameter stands still
        self.neutral = 0  # cycles since then with a multiplier 1

    def run(self, begin: SpecialCycle) -> tuple[list[CyclePlace], list[SpecialCycle | None], str]:
        curve, longest, place = self.curve, self.longest, begin.place
        self._add(place, begin if begin.kind else None)
        low, high = self.bounds
        edge = 1e-12 * (abs(low) + abs(high))
        length = longest / 10 if place.size > 0 else longest / 2
        if not low + edge < place.q + place.dq * SHORTEST < high - edge:
            return self.places, self.specials, "span"
        since = 0
        while len(self.places) < self.points:
            new = curve.step(place, length)
            if new is None or not _fits(curve, place, new, longest):
                length /= 2
                if length < SHORTEST:
                    return self.places, self.specials, "no further: the steps became too small"
                continue
            end = ""
            if not low <= new.q <= high:
                last = curve.at(place, low if new.q < low else high)
                if last is None:
                    length /= 2
                    if length < SHORTEST:
                        return self.places, self.specials, "span"
                    continue
                new, end = last, "span"
            if new.mesh.error(new.u / new.scale) > self.accuracy:  # the step is done again on a mesh for what it leads to
                if place.mesh.count >= MOST:
                    return self.places, self.specials, f"no further: the orbit needs more than {MOST} intervals"
                finer = settle(curve, place, self.accuracy, new)
                place, length = (place, length / 2) if finer is None else (finer, length)
                if length < SHORTEST:
                    return self.places, self.specials, "no further: the steps became too small"
                continue
            fresh = begin.kind and len(self.places) == 1
            if not fresh and _passed(place, new) is not None:
                return self.places, self.specials, self._collapse(place, new)
            if not fresh:
                for special in special_cycles(curve, place, new):
                    self._add(special.place, special)
            since += 1
            if since >= PATIENCE:
                since, new = 0, settle(curve, new, self.accuracy) or new
            self._add(new)
            end = end or self._ended(new)
            if end:
                return self.places, self.specials, end
            place = new
            length = min(1.4 * length, longest)
        return self.places, self.specials, f"{self.points} points"

    def _add(self, place: CyclePlace, special: SpecialCycle | None = None) -> None:
        self.places.append(place)
        self.specials.append(special)

    def _ended(self, new: CyclePlace) -> str:
        """Why the curve ends at a point within the span, or nothing."""
        if abs(new.dq) < STILL * abs(new.dt) and new.dt > 0:
            self.still = min(self.still, new.period)
        else:
            self.still = np.inf
        if new.period > GROWN * self.still:
            speed = np.linalg.norm(self.curve.field(new.u, self.curve.row(new.q)[None, None]) / new.scale, axis=2)
            if speed.min() < SLOW * speed.max():
                slowest = new.u.reshape(-1, new.u.shape[-1])[int(speed.argmin())]
                at = self.curve.rest(slowest, new.q)
                at = slowest if at is None or (np.abs(at - slowest) > 0.1 * new.scale).any() else at
                shown = np.where(np.abs(at) > 1e-9 * new.scale, at, 0.0)
                near = ", ".join(f"{n} = {v:.6g}" for n, v in zip(self.curve.field.system.names, shown, strict=True))
                name = f"{self.curve.symbol} = {self.curve.value(new.q):.10g}"
                return f"homoclinic: the period grows without bound at {name}, where the orbit comes to rest near {near}"
        neutral = abs(new.dq) < LEVEL and np.abs(new.multipliers - 1).min(initial=1) < NEUTRAL
        self.neutral = self.neutral + 1 if neutral else 0
        if self.neutral >= FAMILY:
            name = f"{self.curve.symbol} = {self.curve.value(new.q):.10g}"
            return f"family: cycles fill a region at {name}; start from one of limit_cycle at another value"
        if new.period > self.max_period:
            return f"the period is above max_period={self.max_period:g}"
        if len(self.places) > 10 and _returned(self.places[0], self.places[-2], new):
            return "closed"
        return ""

    def _collapse(self, place: CyclePlace, new: CyclePlace) -> str:
        """Add where the orbit became a point, or two rounds of one; why the curve ends there."""
        curve = self.curve
        which = _passed(place, new)
        assert which is not None
        before = _deviations(place)[which]

        def test(there: CyclePlace) -> float:
            return float(np.sum(before * _deviations(there)[which]) / np.sum(before**2))

        length = curve.along(place, new)
        found = locate(lambda s: curve.step(place, s), place, (0.0, length), test)
        if which == 0:
            hopf = curve.hopf_near(place if found is None else found[1])
            if hopf is not None:
                self._add(hopf, SpecialCycle("hopf", hopf))
            return "hopf: the orbit shrinks to a steady state"
        last = halved(curve, place if found is None else found[1])
        if last is not None:
            self._add(last, SpecialCycle("period doubling", last))
        return "period doubling: the orbit becomes two rounds of one with half the period"


def special_cycles(curve: CycleCurve, a: CyclePlace, b: CyclePlace) -> list[SpecialCycle]:
    """Special points between two neighbouring cycles, in their order.

    A fold is where the tangent has no component along the parameter, a period doubling where a multiplier passes -1, a torus is
    born where a pair of them passes the unit circle, and branches cross where one passes 1 and there is no fold.
    """
    length = curve.along(a, b)
    found: list[tuple[float, SpecialCycle]] = []
    turns = a.dq * b.dq < 0
    for kind, test in (("fold", _turning), ("period doubling", doubling), ("torus", _twisting), ("branch point", _crossing)):
        first, last = test(a), test(b)
        rounding = max(abs(first), abs(last)) < LEVEL
        if not first * last < 0 or rounding or (kind == "branch point" and turns):
            continue
        at = locate(lambda s: curve.step(a, s), a, (0.0, length), test)
        if at is None:
            continue
        angle = float("nan")
        if kind == "torus":
            pair = _pair(at[1])
            if abs(pair.imag) < REAL:  # the product of two real ones passes 1
                continue
            angle = float(abs(np.angle(pair)))
        if kind == "branch point" and abs(at[1].dq) < 1e-4:
            continue
        crossing = kind == "fold" and _crossing(a) * _crossing(b) > 0
        found.append((at[0], SpecialCycle("branch point" if crossing else kind, at[1], angle)))
    return [special for _, special in sorted(found, key=lambda pair: pair[0])]


def _turning(place: CyclePlace) -> float:
    return place.dq


def _crossing(place: CyclePlace) -> float:
    return signed_product(place.multipliers, -1.0)


def _pairs(place: CyclePlace) -> tuple[np.ndarray, np.ndarray]:
    """Both of each pair of multipliers, those within the bounds in which a product is computed."""
    values = place.multipliers
    values = values / np.maximum(np.abs(values) / LARGEST, 1.0)
    i, j = np.triu_indices(len(values), 1)
    return values[i], values[j]


def _twisting(place: CyclePlace) -> float:
    first, second = _pairs(place)
    return signed_product(first * second, -1.0) if len(first) else 1.0


def _pair(place: CyclePlace) -> complex:
    """Of the multipliers whose product is next to 1 the first."""
    first, second = _pairs(place)
    return complex(first[int(np.argmin(np.abs(first * second - 1)))])


def _fits(curve: CycleCurve, place: CyclePlace, new: CyclePlace, longest: float) -> bool:
    """Whether a step stays close to the tangent."""
    there = replace(new, scale=place.scale)
    size = np.sqrt(curve.product(there, new.du, new.dt, new.dq))
    bend = curve.product(place, new.du, new.dt, new.dq) / size
    return bool(bend > STRAIGHT and abs(new.q - place.q) < 2 * longest and abs(new.log_period - place.log_period) < 2 * longest)


def _deviations(place: CyclePlace) -> tuple[np.ndarray, np.ndarray]:
    """Of the orbit from its mean, and from itself half a period later, in the scales of the states."""
    times = np.linspace(0, 1, 128, endpoint=False)
    values = place.mesh.sample(place.u, times) / place.scale
    return values - values.mean(axis=0), values - np.roll(values, 64, axis=0)


def _passed(place: CyclePlace, new: CyclePlace) -> int | None:
    """Which of the deviations changed its sign."""
    for k, (a, b) in enumerate(zip(_deviations(place), _deviations(new), strict=True)):
        if float(np.sum(a * b)) < 0 and np.abs(a).max() > ROUNDING:
            return k
    return None


def _summary(place: CyclePlace, scale: np.ndarray) -> np.ndarray:
    return np.concatenate([[place.log_period, place.q], place.u.max(axis=(0, 1)) / scale, place.u.min(axis=(0, 1)) / scale])


def _returned(first: CyclePlace, last: CyclePlace, new: CyclePlace) -> bool:
    """Whether the step from `last` to `new` passes the first cycle, from its period and the ranges of the states."""
    begin, a, b = (_summary(p, first.scale) for p in (first, last, new))
    size = float((b - a) @ (b - a))
    share = float((begin - a) @ (b - a)) / max(size, 1e-300)
    return 0 <= share <= 1 and float(np.linalg.norm(begin - a - share * (b - a))) < 0.05 * np.sqrt(size)
