r"""Isolated zeros of square polynomial systems by homotopy continuation, all paths at once.

The paths of :math:`H(z, s) = (1 - s) \gamma G(z) + s F(z)` lead from the known zeros of
:math:`G_i = z_i^{d_i} - z_0^{d_i}` to all isolated zeros of the homogenised :math:`F` for almost every complex
:math:`\gamma` (Sommese & Wampler, The Numerical Solution of Systems of Polynomials, 2005, chapter 8).  In projective space
no path diverges: those that end at :math:`z_0 = 0` have gone to infinity.

What the paths lead to is a claim only once it is counted: every zero is proven to be one (`certificates`), and as many
different ones as the system has (`counting`) are all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from symdyn.analysis.certificates import Polynomials
from symdyn.analysis.effort import Effort
from symdyn.analysis.ledger import Ledger

__all__ = ["ATTEMPTS", "HomotopyResult", "Paths", "isolated_zeros", "trackable", "tracked_paths"]

#: Paths above which a system is refused.
MOST_PATHS = 2_000
#: Degree above which double precision may lose paths.
HIGHEST = 10
#: Longest and shortest step of the path parameter.
LONGEST, SHORTEST = 0.1, 1e-10
#: Attempts with other random numbers while paths are lost or meet.
ATTEMPTS = 3


@dataclass
class HomotopyResult:
    """Zeros, and what became of the paths."""

    points: list[list[Any]] = field(default_factory=list)
    complete: bool = True
    notes: list[str] = field(default_factory=list)


class Paths(NamedTuple):
    """Where paths end: (paths, n + 1) complex, which arrived, how far before the end others stood still, and their slopes."""

    ends: np.ndarray
    arrived: np.ndarray
    left: np.ndarray
    slopes: np.ndarray


class _Homogeneous:
    """Polynomials as arrays of exponents and coefficients, evaluated for many points at once."""

    def __init__(self, equations: Sequence[Any], unknowns: Sequence[int], scale: np.ndarray) -> None:
        self.n = len(unknowns)
        self.degrees = np.array([max(sum(m[i] for i in unknowns) for m in p.itermonoms()) for p in equations])
        monomials: dict[tuple[int, ...], int] = {}
        entries = []
        for row, (p, d) in enumerate(zip(equations, self.degrees, strict=True)):
            line = []
            for m, c in p.iterterms():
                short = tuple(m[i] for i in unknowns)
                column = monomials.setdefault((int(d) - sum(short), *short), len(monomials))
                line.append((column, c, int(np.dot(scale, short))))
            largest = max(math.floor(_log2(c)) + shift for _, c, shift in line)
            entries += [(row, column, _shifted(c, shift - largest)) for column, c, shift in line]
        self.exponents = np.array(list(monomials))
        self.matrix = np.zeros((self.n, len(monomials)))
        for row, column, value in entries:
            self.matrix[row, column] = value
        self.affine = Polynomials(self.exponents[:, 1:], self.matrix)
        self.top = int(self.exponents.max())

    def __call__(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (paths, n) and derivatives (paths, n, n + 1) at `z` (paths, n + 1)."""
        powers = np.ones((self.top + 1, *z.shape), complex)
        for k in range(1, self.top + 1):
            powers[k] = powers[k - 1] * z
        columns = np.arange(self.n + 1)
        parts = powers[self.exponents, :, columns]  # (monomials, n + 1, paths)
        before = np.ones_like(parts)
        after = np.ones_like(parts)
        for k in range(1, self.n + 1):
            before[:, k] = before[:, k - 1] * parts[:, k - 1]
            after[:, -1 - k] = after[:, -k] * parts[:, -k]
        values = self.matrix @ (before[:, -1] * parts[:, -1])
        lowered = self.exponents[..., None] * powers[np.maximum(self.exponents - 1, 0), :, columns]
        slopes = np.einsum("rm,mkp->prk", self.matrix, before * after * lowered)
        return values.T, slopes


def _log2(c: Any) -> float:
    """Logarithm of the absolute value of a rational number of any length."""
    return math.log2(abs(int(c.numerator))) - math.log2(int(c.denominator))


def _shifted(c: Any, power: int) -> float:
    """``c * 2**power``, rounded once; `c` times it is not above two."""
    over, under = int(c.numerator), int(c.denominator)
    return (over << power) / under if power >= 0 else over / (under << -power)


def _start(degrees: np.ndarray) -> np.ndarray:
    """The zeros of the start system, (paths, n + 1) complex."""
    roots = [np.exp(2j * np.pi * np.arange(d) / d) for d in degrees]
    grid = np.stack([g.ravel() for g in np.meshgrid(*roots, indexing="ij")], axis=1)
    return np.hstack([np.ones((len(grid), 1)), grid])


def _starter(z: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives of the start system."""
    head, tail = z[:, :1], z[:, 1:]
    values = tail**degrees - head**degrees
    slopes = np.zeros((len(z), len(degrees), len(degrees) + 1), complex)
    k = np.arange(len(degrees))
    slopes[:, k, k + 1] = degrees * tail ** (degrees - 1)
    slopes[:, :, 0] = -degrees * head ** (degrees - 1)
    return values, slopes


def _scales(equations: Sequence[Any], unknowns: Sequence[int]) -> np.ndarray:
    """Powers of two of the unknowns that make the coefficients of each equation alike, by least squares of logarithms."""
    rows, right = [], []
    n = len(unknowns)
    for k, p in enumerate(equations):
        for m, c in p.iterterms():
            line = np.zeros(n + len(equations))
            line[:n] = [m[i] for i in unknowns]
            line[n + k] = 1
            rows.append(line)
            right.append(-_log2(c))
    found = np.linalg.lstsq(np.array(rows), np.array(right), rcond=1e-10)[0]
    return np.clip(np.rint(found[:n]), -300, 300).astype(int)


def _square(equations: Sequence[Any], unknowns: Sequence[int], rng: np.random.Generator) -> list[Any]:
    """As many equations as unknowns: random combinations of too many of them."""
    if len(equations) == len(unknowns):
        return list(equations)
    ordered = sorted(equations, key=lambda p: max(map(sum, p.itermonoms())))
    n = len(unknowns)
    return [p + sum(int(rng.integers(-99, 100)) * q for q in ordered[n:]) for p in ordered[:n]]


def trackable(degrees: Sequence[int]) -> bool:
    """Whether equations of these degrees have few enough paths, and low enough degrees for double precision."""
    return math.prod(degrees) <= MOST_PATHS and max(degrees) <= HIGHEST


def isolated_zeros(
    equations: Sequence[Any],
    unknowns: Sequence[int],
    effort: Effort | None = None,
    *,
    nonzero: Sequence[Any] = (),
    seed: int = 0,
    real: bool = True,
) -> HomotopyResult:
    """Isolated zeros of `equations` in the generators `unknowns`, to many digits.

    Parameters
    ----------
    equations : sequence of polynomial
        At least as many as unknowns.
    unknowns : sequence of int
    effort : Effort, optional
    nonzero : sequence of polynomial
        In the same unknowns; zeros where one of them vanishes need not be found.
    seed : int
        Of the random numbers that keep the paths apart.
    real : bool
        Real zeros alone.

    Raises
    ------
    OverflowError
        If the product of the degrees, the number of paths, is too large, or following them takes too long.
    """
    effort = effort or Effort(math.inf)
    rng = np.random.default_rng(seed)
    square = _square(equations, unknowns, rng)
    degrees = [max(map(sum, p.itermonoms())) for p in square]
    if not trackable(degrees):
        raise OverflowError(f"the degrees {degrees} are too high for homotopy continuation")
    scale = _scales(square, unknowns)
    system = _Homogeneous(square, unknowns, scale)
    ledger = Ledger(system.affine, square, equations, unknowns, nonzero, scale, effort)
    for k in range(ATTEMPTS):
        paths = _track(system, rng, effort)
        ledger.enter(paths.ends[paths.arrived])
        lost = not paths.arrived.all()
        if ledger.complete() or not (lost or ledger.more_to_find()) or (k and ledger.doubtful):
            break
    complete = ledger.complete()
    effort.left -= ledger.spent
    return HomotopyResult(ledger.points(real), complete, [] if complete else [ledger.why()])


def tracked_paths(
    equations: Sequence[Any], unknowns: Sequence[int], effort: Effort, seed: int
) -> tuple[Polynomials, np.ndarray, Paths]:
    """The polynomials in scaled unknowns, :math:`x_i = 2^{s_i} z_i`, the s, and all paths.

    Raises
    ------
    OverflowError
        If following the paths takes too long.
    """
    scale = _scales(equations, unknowns)
    system = _Homogeneous(equations, unknowns, scale)
    return system.affine, scale, _track(system, np.random.default_rng(seed), effort)


def _track(system: _Homogeneous, rng: np.random.Generator, effort: Effort) -> Paths:
    with np.errstate(all="ignore"):  # steps that overflow are refused and halved
        return _followed(system, rng, effort)


def _followed(system: _Homogeneous, rng: np.random.Generator, effort: Effort) -> Paths:
    degrees = system.degrees
    z = _start(degrees)
    n = system.n
    gamma = np.exp(2j * np.pi * rng.random())
    patch = rng.normal(size=n + 1) + 1j * rng.normal(size=n + 1)
    z /= (z @ patch)[:, None]
    count = len(z)
    s, step, streak = np.zeros(count), np.full(count, 0.02), np.zeros(count, int)
    alive, left = np.ones(count, bool), np.zeros(count)

    def field_at(points: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        f, df = system(points)
        g, dg = _starter(points, degrees)
        a, b = gamma * (1 - at)[:, None], at[:, None]
        jacobian = np.empty((len(points), n + 1, n + 1), complex)
        jacobian[:, :n] = a[..., None] * dg + b[..., None] * df
        jacobian[:, n] = patch
        value = np.hstack([a * g + b * f, (points @ patch)[:, None] - 1])
        rate = np.hstack([f - gamma * g, np.zeros((len(points), 1))])
        return value, jacobian, rate

    def solve(jacobian: np.ndarray, right: np.ndarray) -> np.ndarray:
        try:
            return np.linalg.solve(jacobian, right[..., None])[..., 0]
        except np.linalg.LinAlgError:
            return np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(jacobian, right, strict=True)])

    def tangent(points: np.ndarray, at: np.ndarray) -> np.ndarray:
        _, jacobian, rate = field_at(points, at)
        return -solve(jacobian, rate)

    while True:
        todo = np.flatnonzero(alive & (s < 1))
        if not todo.size:
            break
        effort.spend("paths", todo.size * system.matrix.shape[1] * (n + 1), "homotopy continuation")
        x, at = z[todo], s[todo]
        h = np.minimum(step[todo], 1 - at)
        column = h[:, None]
        k1 = tangent(x, at)
        k2 = tangent(x + column / 2 * k1, at + h / 2)
        k3 = tangent(x + column / 2 * k2, at + h / 2)
        k4 = tangent(x + column * k3, at + h)
        new = x + column / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        size = np.abs(new).max(axis=1)
        correction = np.full(todo.size, np.inf)
        first = correction
        for k in range(3):
            value, jacobian, _ = field_at(new, at + h)
            delta = solve(jacobian, value)
            new = new - delta
            correction = np.abs(delta).max(axis=1) / size
            first = correction if k == 0 else first
        good = (correction < 1e-9) & (first < 1e-3) & np.isfinite(new).all(axis=1)
        ok = todo[good]
        z[ok], s[ok] = new[good], (at + h)[good]
        s[ok] = np.where(s[ok] > 1 - 1e-14, 1.0, s[ok])
        streak[ok] += 1
        longer = ok[streak[ok] >= 3]
        step[longer], streak[longer] = np.minimum(2 * step[longer], LONGEST), 0
        bad = todo[~good]
        step[bad], streak[bad] = step[bad] / 2, 0
        # a path that cannot advance ends at a singular solution, close to its last point
        stuck = bad[step[bad] < SHORTEST * np.maximum(1 - s[bad], 1e-4)]
        near = stuck[1 - s[stuck] < 1e-2]
        left[near], s[near] = 1 - s[near], 2.0
        alive[np.setdiff1d(stuck, near)] = False
    slopes, ended = np.zeros_like(z), np.flatnonzero(left)
    if ended.size:
        slopes[ended] = tangent(z[ended], 1 - left[ended])
    return Paths(z, alive, left, slopes)
