"""Paths that no autonomous system of their order can make: one state that turns back, two whose path crosses itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["flow_contradiction"]

#: How far, in standard deviations of the noise, a path must rise and fall, or leave another on both sides.
CLEAR = 6.0
#: Least share of the range of a state for that, which errors of the smoothing do not reach.
VISIBLE = 0.1
#: Cosine of the angle within which a path counts as straight about a crossing.
STRAIGHT = np.cos(np.pi / 6)
#: Points on the path from which crossings are sought, at most.
MOST = 600


def flow_contradiction(
    names: Sequence[str], times: Sequence[np.ndarray], curves: Sequence[np.ndarray], noise: np.ndarray
) -> str | None:
    """A note where smooth curves through data contradict an autonomous system of their order.

    Through each point of the phase space of ``x' = f(x)`` goes one trajectory, in one direction.  One state alone thus never
    comes back to a value from the other side; a path of two never crosses itself or another at an angle.  Of three states and
    more, crossings within the noise are no exception, and nothing is said.

    Parameters
    ----------
    names : sequence of str
        The n states.
    times, curves : sequence of (T,), (T, n) float64
        Smoothed states of each trajectory.
    noise : (n,) float64
        Standard deviation of the noise of the data.

    Returns
    -------
    str or None

    References
    ----------
    Hirsch, Smale, Devaney, Differential Equations, Dynamical Systems (2013), sec. 7.2: uniqueness.

    Examples
    --------
    >>> t = np.linspace(0, 6, 61)
    >>> flow_contradiction(["x"], [t], [np.exp(-t)[:, None]], np.array([0.01])) is None
    True
    >>> print(flow_contradiction(["x"], [t], [np.cos(t)[:, None]], np.array([0.01])))
    x falls through -0.019 at time 1.6 and rises through it at time 4.7, which no autonomous equation of first order for x \
alone does: a state is hidden; declare a second, unobserved one, or add columns for what else changes
    """
    ranges = np.ptp(np.concatenate(list(curves)), axis=0)
    size = np.maximum(CLEAR * np.asarray(noise, dtype=float), VISIBLE * ranges)
    if not np.all(size > 0):
        return None
    if len(names) == 1:
        return _turning(names[0], times, [c[:, 0] for c in curves], float(size[0]))
    return _crossing(names, times, [c / size for c in curves]) if len(names) == 2 else None


def _turning(name: str, times: Sequence[np.ndarray], curves: Sequence[np.ndarray], size: float) -> str | None:
    """Of one state: a value through which it rises and falls, by `size` each, within a trajectory or in two."""
    moves: dict[bool, list[tuple[float, float, np.ndarray, np.ndarray]]] = {True: [], False: []}
    for t, x in zip(times, curves, strict=True):
        for rising in (True, False):
            a, b = _largest_rise(x if rising else -x)
            if abs(x[b] - x[a]) >= size:
                moves[rising].append((min(x[a], x[b]), max(x[a], x[b]), t[a : b + 1], x[a : b + 1]))
    for low, high, t, x in moves[True]:
        for lower, higher, s, y in moves[False]:
            below, above = max(low, lower), min(high, higher)
            if above - below < size:
                continue
            value = 0.5 * (below + above)
            up, down = float(t[np.argmax(x >= value)]), float(s[np.argmax(y <= value)])
            first, second = sorted([(up, "rises"), (down, "falls")])
            return (
                f"{name} {first[1]} through {value:.2g} at time {first[0]:.4g} and {second[1]} through it at time "
                f"{second[0]:.4g}, which no autonomous equation of first order for {name} alone does: a state is hidden; "
                "declare a second, unobserved one, or add columns for what else changes"
            )
    return None


def _largest_rise(x: np.ndarray) -> tuple[int, int]:
    """Where the largest rise of a series begins and ends."""
    least = np.minimum.accumulate(x)
    end = int(np.argmax(x - least))
    return int(np.argmin(x[: end + 1])), end


def _crossing(names: Sequence[str], times: Sequence[np.ndarray], curves: Sequence[np.ndarray]) -> str | None:
    """Of two states, in units of what is clear: where paths cross and leave each other by 1 on both sides."""
    skip = max(1, -(-sum(map(len, curves)) // MOST))
    paths = [c[::skip] for c in curves]
    clocks = [t[::skip] for t in times]
    for i, p in enumerate(paths):
        for j in range(i, len(paths)):
            q = paths[j]
            a, b = np.diff(p, axis=0), np.diff(q, axis=0)
            between = q[None, :-1] - p[:-1, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                area = _cross(a[:, None], b[None])
                along, other = _cross(between, b[None]) / area, _cross(between, a[:, None]) / area
            hit = (along >= 0) & (along < 1) & (other >= 0) & (other < 1)
            if i == j:
                hit &= np.subtract.outer(np.arange(len(a)), np.arange(len(b))) < -1
            for k, m in np.argwhere(hit):
                sine = abs(area[k, m]) / (np.linalg.norm(a[k]) * np.linalg.norm(b[m]))
                if sine * min(_reach(p, k), _reach(q, m)) >= 1:
                    whose = "" if i == j else f" of trajectories {i} and {j}"
                    return (
                        f"the path of {names[0]} and {names[1]} crosses itself, at the times {clocks[i][k]:.3g} and "
                        f"{clocks[j][m]:.3g}{whose}, which no autonomous system of two equations for them does: a state is "
                        "hidden; declare a third, unobserved one, or add columns for what else changes"
                    )
    return None


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _reach(path: np.ndarray, k: int) -> float:
    """How far a path goes straight from its segment `k`, on the side where it does less."""
    steps = np.diff(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    straight = steps @ steps[k] >= STRAIGHT * lengths * lengths[k]
    ahead, behind = straight[k + 1 :], straight[:k][::-1]
    after = int(np.argmin(ahead)) if not ahead.all() else len(ahead)
    before = int(np.argmin(behind)) if not behind.all() else len(behind)
    half = 0.5 * lengths[k]
    return float(half + min(lengths[k + 1 : k + 1 + after].sum(), lengths[k - before : k].sum()))
