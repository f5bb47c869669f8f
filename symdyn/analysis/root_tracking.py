r"""All roots of polynomial right-hand sides: every path of the total-degree homotopy, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.certificates import Polynomials, proven
from symdyn.analysis.conservation import exact_integrals
from symdyn.analysis.effort import Effort
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.homotopy import ATTEMPTS, Paths, trackable, tracked_paths
from symdyn.analysis.polynomials import NotAlgebraic, polynomial_system
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.system import System

__all__ = ["ENDS", "root_paths"]

#: What may become of a path.
ENDS = ("real", "complex", "singular", "infinity", "pole", "lost")
#: Share of the largest coordinate below which the homogenising one is zero where no root is proven.
INFINITE = 1e-3
#: Rate at which the homogenising coordinate falls against the distance from the end, from which on its limit is zero: 1/m where
#: m paths meet at infinity.
FALLING = 0.05
#: Relative distance of end points of paths that may meet in one singular root, and of such that meet in a simple one.
CLOSE, SAME = 5e-2, 1e-9
#: Residual of scaled equations that is rounding, and such from which on a point lies between singular roots.
ROUNDING, BETWEEN = 1e-12, 1e-4
#: Relative size of a denominator that vanishes.
VANISHES = 1e-8
#: Seconds of a typical core.
LIMIT = 30.0


def root_paths(system: System, parameters: Mapping[Any, float] | None = None, *, seed: int = 0) -> xr.Dataset:
    r"""Follow all paths of the total-degree homotopy to the roots of polynomial or rational right-hand sides F.

    .. math:: H(z, s) = (1 - s)\,\gamma\,G(z) + s\,F(z), \qquad G_i(z) = z_i^{d_i} - z_0^{d_i}

    For almost every complex :math:`\gamma` the :math:`d_1 d_2 \cdots d_n` paths, Bezout's number, have no folds, and lead from
    the known roots of G to all isolated roots of F.  They are followed at once, in projective coordinates, in which roots at
    infinity are points with :math:`z_0 = 0`.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Autonomous.  Of a map the roots are fixed points.
    parameters : mapping, optional
        Numbers by symbol or name over the defaults of the system.
    seed : int, optional
        Of :math:`\gamma` and the coordinates.

    Returns
    -------
    xarray.Dataset
        With dim ``path``: the states, complex, where the path ends (NaN at infinity), and ``end``: ``real`` and ``complex``,
        simple roots that Krawczyk's test proves; ``singular``, where roots meet, or on a curve of roots; ``infinity``;
        ``pole``, where a denominator vanishes, so that it is no root; ``lost``, given up on the way.  ``multiplicity`` is how
        many paths end there, of singular roots within 5 percent; ``residual`` the largest ``|F|``.
        Attributes: ``bezout``, the number of paths, how many have
        which end, and ``complete``: 1 if none was lost and no two met in a simple root.

    Raises
    ------
    DeclarationError
        For right-hand sides that are not rational, of degrees above 10 or with more than 2,000 paths, those that depend on
        time, missing values, and steady states that form families.

    See Also
    --------
    steady_states : the real ones, counted in a second way, with their stability.

    References
    ----------
    Sommese & Wampler, The Numerical Solution of Systems of Polynomials (2005), chapters 7, 8 and 10.

    Examples
    --------
    A circle and a parabola that touches it from within meet twice at (0, -1), and in two further points:

    >>> import symdyn as sd
    >>> from symdyn.analysis import root_paths
    >>> found = root_paths(sd.ODESystem.from_text("x' = x^2 + y^2 - 1; y' = y - x^2 + 1"))
    >>> found.attrs["bezout"], found.attrs["real"], found.attrs["singular"]
    (4, 2, 2)
    """
    check_whole(0, seed=seed)
    field = Field(system)
    clash = [s for s in system.names if s in ("path", "end", "multiplicity", "residual")]
    if clash:
        raise DeclarationError(f"{clash[0]!r} names a variable of the result; give the state another name")
    p = parameter_row(system, parameters)
    values = dict(zip(system.parameters, p, strict=True))
    try:
        algebraic = polynomial_system(field.expressions, field.states, values)
    except NotAlgebraic as reason:
        raise DeclarationError(f"{reason}; search for roots with homotopy_roots or steady_states") from None
    equations, unknowns = algebraic.numerators, list(range(len(field.states)))
    degrees = [max((sum(m) for m in q.itermonoms()), default=0) for q in equations]
    if flat := [s for s, d in zip(system.states, degrees, strict=True) if d == 0]:
        raise DeclarationError(f"the right-hand side of {flat[0]} is constant, so it has no isolated roots")
    if exact_integrals(algebraic):
        raise DeclarationError(
            "the roots form families, one for each value of what is conserved; use steady_states with initial="
        )
    if not trackable(degrees):
        raise DeclarationError(
            f"there are {math.prod(degrees)} paths of degrees {degrees}; up to 2,000 of degree 10 are followed"
        )
    effort = Effort(LIMIT)
    try:
        for attempt in range(ATTEMPTS):
            scaled, scale, paths = tracked_paths(equations, unknowns, effort, seed + attempt)
            points, ends, partners = _ends(scaled, paths)
            whole = bool((ends != "lost").all()) and not (np.isin(ends, ("real", "complex")) & (partners > 1)).any()
            if whole:
                break
    except OverflowError as reason:
        raise DeclarationError(f"{reason}: {math.prod(degrees)} paths are too many; use steady_states") from None
    points = points * 2.0**scale
    ends[[k for k, x in enumerate(points) if _pole(algebraic.denominators, x)]] = "pole"
    order = np.lexsort((*points.T[::-1].imag, *points.T[::-1].real, [ENDS.index(e) for e in ends]))
    return _dataset(system, field, p, points[order], ends[order], partners[order], whole)


def _ends(scaled: Polynomials, paths: Paths) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (paths, n) in scaled unknowns, NaN where there is none, what they are, and how many paths end at each."""
    with np.errstate(all="ignore"):
        z, slopes = paths.ends, paths.slopes
        largest = np.abs(z).argmax(axis=1)
        row = np.arange(len(z))
        share = np.abs(z[:, 0] / z[row, largest])
        falling = paths.left * np.abs(slopes[:, 0] / z[:, 0] - slopes[row, largest] / z[row, largest])
        points = z[:, 1:] / z[:, :1]
        x, rho, ok = proven(scaled, points)
        again, wide, real = proven(scaled, x.real.astype(complex))
    real &= ok & (np.abs(x - again) <= rho + wide).all(axis=1)
    points = np.where(real[:, None], again.real, np.where(ok[:, None], x, points))
    ends = np.full(len(z), "singular", dtype="<U8")
    ends[(share < INFINITE) | (falling > FALLING) | ~np.isfinite(points).all(axis=1)] = "infinity"
    ends[ok], ends[real] = "complex", "real"
    ends[~paths.arrived] = "lost"
    points[np.isin(ends, ("infinity", "lost"))] = np.nan
    partners = np.ones(len(z), dtype=int)
    for kind, near in (("singular", CLOSE), ("real", SAME), ("complex", SAME)):
        left = list(np.flatnonzero(ends == kind))
        while left:
            first = points[left[0]]
            group = [k for k in left if np.abs(points[k] - first).max() <= near * (np.abs(first).max() + (kind == "singular"))]
            if kind == "singular" and len(group) > 1:
                # m paths are around a root of multiplicity m like roots of unity, so their mean is far closer to it
                mean = points[group].mean(axis=0)
                sizes = np.abs(scaled(np.vstack([mean, points[group]]))[0]).max(axis=1)
                if sizes[0] <= max(sizes[1:].min(), ROUNDING):
                    points[group] = mean
                elif sizes[0] > BETWEEN:
                    group = group[:1]
            partners[group] = len(group)
            left = [k for k in left if k not in group]
    return points, ends, partners


def _pole(denominators: Sequence[Any], x: np.ndarray) -> bool:
    """Whether a denominator vanishes."""
    for q in denominators:
        terms = [float(c) * np.prod(x ** np.array(m)) for m, c in q.iterterms()]
        if np.isfinite(x).all() and abs(sum(terms)) <= VANISHES * sum(map(abs, terms)):
            return True
    return False


def _dataset(
    system: System, field: Field, p: np.ndarray, points: np.ndarray, ends: np.ndarray, partners: np.ndarray, whole: bool
) -> xr.Dataset:
    with np.errstate(all="ignore"):
        residual = np.abs(field(points, np.broadcast_to(p, (len(points), p.size)))).max(axis=1)
    data = xr.Dataset({name: ("path", points[:, i]) for i, name in enumerate(system.names)})
    data["end"], data["multiplicity"], data["residual"] = ("path", ends), ("path", partners), ("path", residual)
    counts = {kind: int((ends == kind).sum()) for kind in ENDS}
    known = listed_values((s.name, v) for s, v in zip(system.parameters, p, strict=True))
    data.attrs = attributes(system, bezout=len(ends), **counts, complete=int(whole), parameters=known)
    return data
