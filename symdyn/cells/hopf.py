"""Hopf curves of a colony in the plane of two parameters, through their folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells._hopf_condition import HopfCondition, HopfPoint
from symdyn.cells._hopf_following import fold, follow, place
from symdyn.cells._hopf_search import crossings, near_vector
from symdyn.cells.asymptotic import modes
from symdyn.errors import DeclarationError, SymdynError
from symdyn.given_values import lookup
from symdyn.models.colony import BulkCellSystem

__all__ = ["hopf_curve", "hopf_curves", "hopf_point"]

#: Bounds of parameters unless others are given.
BOUNDS = {"D": (0.05, 20.0), "tau": (0.02, 5.0)}


def hopf_curves(
    colony: BulkCellSystem,
    vary: tuple[Any, Any] = ("D", "tau"),
    *,
    parameters: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[float, float]] | None = None,
    scans: int = 5,
    samples: int = 24,
) -> list[xr.Dataset]:
    r"""All Hopf curves that cross one of the scanned lines, by the asymptotic theory.

    Along lines of the second parameter the number of growing eigenvalues is counted by winding numbers; where it changes, each
    crossing pair is located, and its curve followed by pseudo-arclength continuation in the logarithms of both parameters and
    of the frequency, through folds, to the bounds or around.

    Parameters
    ----------
    colony : BulkCellSystem
    vary : pair of parameters
    parameters : mapping, optional
        Values of the others over the defaults.
    bounds : mapping, optional
        Lowest and highest value of each of the two; by default 0.05 to 20 for ``D``, 0.02 to 5 for ``tau``.
    scans, samples : int
        Lines from bound to bound, evenly in logarithms, and values along each; a curve between lines, or a pair of
        crossings between values, is not found.

    Returns
    -------
    list of xarray.Dataset
        Each with the dim ``point`` along the curve: both parameters, ``omega``, and ``mode`` (dims ``point``, ``cell``), the
        complex strengths of the sources.  Attributes: ``closed``, and for each parameter ``fold_<name>``, its extreme values.

    Raises
    ------
    DeclarationError
        For names that are no parameters, missing bounds, and bounds that are not positive and increasing.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499; Govaerts, Numerical Methods for
    Bifurcations of Dynamical Equilibria (SIAM, 2000), chapter 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> ring = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> found = ring.hopf_curves(bounds={"D": (0.5, 2), "tau": (0.2, 1)}, scans=2, samples=4)
    >>> len(found), found[0].closed  # the colony oscillates between the two
    (2, 0)
    """
    names, base, box = _request(colony, vary, parameters, bounds)
    condition = HopfCondition(colony)
    curves: list[xr.Dataset] = []
    traced: list[tuple[np.ndarray, np.ndarray]] = []
    for point, _ in _starts(colony, condition, names, base, box, scans, samples):
        if any(_on(track, vectors, point, names) for track, vectors in traced):
            continue
        track, vectors, closed = follow(condition, names, base, box, point)
        traced.append((track, vectors))
        curves.append(_dataset(colony, condition, names, base, track, vectors, closed))
    return curves


def hopf_curve(
    colony: BulkCellSystem,
    vary: tuple[Any, Any] = ("D", "tau"),
    *,
    parameters: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[float, float]] | None = None,
    start: Mapping[Any, float] | None = None,
    scans: int = 5,
    samples: int = 24,
) -> xr.Dataset:
    r"""One Hopf curve in the plane of two parameters: through the point nearest to a start, or the border of stability.

    The curve :math:`\det M(i\omega; p) = 0` of the asymptotic theory is followed by pseudo-arclength continuation in the
    logarithms of both parameters and of the frequency, through folds, to the bounds or around.

    Parameters
    ----------
    colony : BulkCellSystem
    vary : pair of parameters
    parameters : mapping, optional
        Values of the others over the defaults.
    bounds : mapping, optional
        Lowest and highest value of each of the two; by default 0.05 to 20 for ``D``, 0.02 to 5 for ``tau``.
    start : mapping, optional
        Values of both parameters near the curve, and ``omega``, its angular frequency there.  Without a start, the curve of
        the point beside which fewest eigenvalues grow.
    scans, samples : int
        Without a start, the lines on which the curve is looked for and values along each, as for `hopf_curves`.

    Returns
    -------
    xarray.Dataset
        With the dim ``point`` along the curve: both parameters, ``omega``, and ``mode`` (dims ``point``, ``cell``), the
        complex strengths of the sources.  Attributes: ``closed``, and for each parameter ``fold_<name>``, its extreme values.

    Raises
    ------
    DeclarationError
        For names that are no parameters, missing bounds, and bounds that are not positive and increasing.
    SymdynError
        If no Hopf point is found.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499; Govaerts, Numerical Methods for
    Bifurcations of Dynamical Equilibria (SIAM, 2000), chapter 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> ring = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> curve = ring.hopf_curve(bounds={"D": (0.9, 1.1), "tau": (0.2, 1)}, start={"D": 1, "tau": 0.4})
    >>> on = {"D": float(curve.D[0]), "tau": float(curve.tau[0])}
    >>> abs(float(ring.eigenvalues(on)[0].real)) < 1e-6
    True
    """
    names, base, box = _request(colony, vary, parameters, bounds)
    condition = HopfCondition(colony)
    if start is not None:
        point = hopf_point(colony, names[1], {**base, **start})
    else:
        found = _starts(colony, condition, names, base, box, scans, samples)
        if not found:
            raise SymdynError(
                f"the number of growing eigenvalues never changes with {names[1]} between {box[1][0]:g} and {box[1][1]:g}; "
                "give other bounds, more scans or samples, or a start"
            )
        point = min(found, key=lambda f: min(f[1]))[0]
    return _dataset(colony, condition, names, base, *follow(condition, names, base, box, point))


def hopf_point(colony: BulkCellSystem, parameter: Any, parameters: Mapping[Any, float]) -> HopfPoint:
    """The Hopf point in one parameter nearest to a start.

    Parameters
    ----------
    colony : BulkCellSystem
    parameter : Symbol or str
        The one that is changed.
    parameters : mapping
        Values to start from, and ``omega``, the angular frequency, if a certain mode is meant; else the eigenvalue nearest to
        the imaginary axis is taken.

    Returns
    -------
    HopfPoint

    Raises
    ------
    SymdynError
        If Newton's method does not converge.
    """
    name = lookup(parameter, colony.parameters, "parameter").name
    given = {str(getattr(k, "name", k)): float(v) for k, v in parameters.items()}
    omega = given.pop("omega", None)
    values = {s.name: v for s, v in colony.resolve(given).items()}
    near = modes(colony, values)
    upper = np.flatnonzero(near.eigenvalues.imag > 1e-9)
    if not upper.size:
        raise SymdynError("no eigenvalue near the start oscillates, so none can cross the imaginary axis in a Hopf bifurcation")
    away = np.abs(near.eigenvalues[upper].real) if omega is None else np.abs(near.eigenvalues[upper] - 1j * omega)
    k = int(upper[np.argmin(away)])
    found = HopfCondition(colony).solve(values, float(near.eigenvalues[k].imag), near_vector(near, k), (name,))
    if found is None:
        raise SymdynError(
            f"no Hopf point is found from {name} = {values[name]:g}, where an eigenvalue is {near.eigenvalues[k]:.5g}; "
            "start nearer"
        )
    return found


# ---- search ------------------------------------------------------------------------------------


def _request(
    colony: BulkCellSystem,
    vary: tuple[Any, Any],
    parameters: Mapping[Any, float] | None,
    bounds: Mapping[Any, tuple[float, float]] | None,
) -> tuple[list[str], dict[str, float], np.ndarray]:
    """Names, fixed values and bounds (2, 2), checked."""
    if isinstance(vary, str) or len(vary) != 2:
        raise DeclarationError(f"vary is {vary!r}; expected two parameters, such as ('D', 'tau')")
    names = [lookup(p, colony.parameters, "parameter").name for p in vary]
    if names[0] == names[1]:
        raise DeclarationError(f"vary names {names[0]} twice; expected two different parameters, such as ('D', 'tau')")
    known = {**BOUNDS, **{str(getattr(k, "name", k)): v for k, v in (bounds or {}).items()}}
    box = []
    for name in names:
        if name not in known:
            raise DeclarationError(f"there are no bounds for {name}; pass bounds={{'{name}': (lowest, highest)}}")
        low, high = map(float, known[name])
        if not 0 < low < high < np.inf:
            raise DeclarationError(f"the bounds of {name} are {known[name]!r}; expected two positive numbers, the lower first")
        box.append((low, high))
    middle = {n: float(np.sqrt(low * high)) for n, (low, high) in zip(names, box, strict=True)}
    base = {s.name: v for s, v in colony.resolve({**(parameters or {}), **middle}).items()}
    return names, base, np.array(box)


def _starts(
    colony: BulkCellSystem, condition: HopfCondition, names: Sequence[str], base: dict[str, float], box: np.ndarray,
    scans: int, samples: int,
) -> list[tuple[HopfPoint, tuple[int, int]]]:  # fmt: skip
    lines, values = (np.geomspace(low, high, n) for (low, high), n in zip(box.tolist(), (scans, samples), strict=True))
    return [
        found for line in lines for found in crossings(colony, condition, {**base, names[0]: float(line)}, names[1], values)
    ]


def _on(track: np.ndarray, vectors: np.ndarray, point: HopfPoint, names: Sequence[str]) -> bool:
    """Whether a point lies on a known curve, to the distance of its points."""
    at = place(point, names)
    a, b = track[:-1], track[1:]
    way = b - a
    share = np.clip(((at - a) * way).sum(1) / np.maximum((way**2).sum(1), 1e-300), 0, 1)
    away = np.linalg.norm(a + share[:, None] * way - at, axis=1)
    near = int(np.argmin(away))
    return bool(away[near] < 0.01 and abs(np.vdot(vectors[near], point.vector)) > 0.8)


def _dataset(
    colony: BulkCellSystem, condition: HopfCondition, names: Sequence[str], base: dict[str, float], track: np.ndarray,
    vectors: np.ndarray, closed: bool,
) -> xr.Dataset:  # fmt: skip
    cells = len(colony.secreted) * colony.cells
    sources = vectors[:, :cells]
    lead = np.take_along_axis(sources, np.abs(sources).argmax(axis=1)[:, None], axis=1)
    sources = sources * (np.abs(lead) / lead) / np.linalg.norm(sources, axis=1, keepdims=True)
    values = np.exp(track)
    folds = {}
    for axis, name in enumerate(names):
        change = np.sign(np.diff(track[:, axis]))
        turns = np.flatnonzero(change[1:] * change[:-1] < 0) + 1
        folds[f"fold_{name}"] = [fold(condition, names, base, track, vectors[k], k, axis) for k in turns.tolist()]
    fixed = ", ".join(f"{k} = {v:g}" for k, v in base.items() if k not in names)
    return xr.Dataset(
        {
            **{name: ("point", values[:, axis]) for axis, name in enumerate(names)},
            "omega": ("point", values[:, 2]),
            "mode": (("point", "cell"), sources),
        },
        {"cell": np.arange(1, cells + 1)},
        {"closed": int(closed), **folds, "parameters": fixed, "route": "asymptotic"},
    )
