"""All folds or Hopf points of a system within a range of a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.branch import BranchCurve
from symdyn.analysis.equilibria import steady_states
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.following import Branch, follow, read_span
from symdyn.analysis.special_points import Special
from symdyn.errors import DeclarationError
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["branches", "folds", "hopf_points"]

#: Values of the parameter at which all steady states are computed, unless others are given.
VALUES = 5
#: Relative distance below which two special points are one.
SAME = 1e-6


def folds(
    system: System, parameter: Any, span: Sequence[float], *, parameters: Mapping[Any, float] | None = None, **options: Any
) -> xr.Dataset:
    """All fold bifurcations: where two steady states coalesce and vanish.

    Parameters
    ----------
    system, parameter, span, parameters :
        As in `symdyn.analysis.continuation`.
    **options :
        As in `branches`: ``values``, ``initial``, ``log``, ``step``.

    Returns
    -------
    xarray.Dataset
        With dim ``point``, sorted by the parameter: the parameter, the states, ``eigenvalue_real`` (of the least stable
        eigenvalue that does not vanish: negative where a stable branch ends) and ``frequency``.  ``attrs["complete"]`` is 1
        if the steady states from which all branches were followed are complete.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> found = folds(sd.ODESystem({x: r + 3 * x - x**3}), r, (-5, 5))
    >>> found.r.values.round(9).tolist()
    [-2.0, 2.0]
    """
    return _points("fold", system, parameter, span, parameters, options)


def hopf_points(
    system: System, parameter: Any, span: Sequence[float], *, parameters: Mapping[Any, float] | None = None, **options: Any
) -> xr.Dataset:
    """All Hopf bifurcations: where a pair of eigenvalues crosses the imaginary axis and a limit cycle emerges.

    Parameters
    ----------
    system : ODESystem
    parameter : Symbol or str
        The bifurcation parameter.
    span : (float, float)
        Its range, in its unit.
    parameters : mapping, optional
        Values of the other parameters over the defaults.
    **options :
        As in `branches`: ``values``, ``initial``, ``log``, ``step``.

    Returns
    -------
    xarray.Dataset
        As that of `folds`; ``frequency`` is the imaginary part of the critical pair, in radians per unit of time, and
        ``eigenvalue_real`` the largest real part of the other eigenvalues.

    Raises
    ------
    DeclarationError
        For maps, unknown parameters, and parameters without values.

    References
    ----------
    Kuznetsov, Elements of Applied Bifurcation Theory, 3rd ed. (2004), secs. 3.4 and 10.2.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> found = hopf_points(zoo.brusselator(), "B", (1, 3))  # at B = 1 + A^2 with the frequency A = 1
    >>> found.B.values.round(9).tolist(), found.frequency.values.round(9).tolist()
    ([2.0], [1.0])
    """
    return _points("hopf", system, parameter, span, parameters, options)


def branches(
    system: System,
    parameter: Any,
    span: Sequence[float],
    *,
    parameters: Mapping[Any, float] | None = None,
    values: Sequence[float] | int = VALUES,
    initial: Mapping[Any, Any] | None = None,
    log: bool | None = None,
    step: float = 0.1,
) -> tuple[list[Branch], bool]:
    """Every branch that passes a steady state at one of the values of the parameter, and whether those are complete.

    Parameters
    ----------
    values : sequence of float, or int
        Where all steady states are computed; a number of values is spread over the span.
    initial : mapping, optional
        Fixes conserved quantities, as in `steady_states`.
    """
    low, high, log = read_span(span, log)
    field = Field(system)
    if field.is_map:
        raise DeclarationError("bifurcations are those of steady states of an ODESystem; maps are not covered yet")
    row = parameter_row(system, {k: v for k, v in (parameters or {}).items() if str(k) != str(parameter)}, without=parameter)
    curve = BranchCurve(field, parameter, row, log=log, length=high - low)
    if isinstance(values, (int, np.integer)):
        grid = (np.geomspace if log else np.linspace)(low, high, int(values)).tolist()
    else:
        grid = [float(v) for v in values]
    names = {s.name: float(v) for s, v in zip(system.parameters, row, strict=True) if s != curve.symbol}
    found: list[Branch] = []
    complete = True
    for value in sorted(grid):
        value = min(max(value, low), high)
        states = steady_states(system, {**names, curve.symbol.name: value}, initial=initial)
        complete &= bool(states.attrs["complete"])
        for k in range(states.sizes["branch"]):
            x = np.array([float(states[n][k]) for n in system.names])
            if not any(_passes(branch, x, value) for branch in found):
                own = BranchCurve(field, parameter, row, log=log, length=high - low)
                try:
                    found.append(follow(own, x, value, (low, high), step=step))
                except DeclarationError:  # singular just here: other values of the parameter show the branch
                    complete = False
    return found, complete


def _passes(branch: Branch, x: np.ndarray, value: float) -> bool:
    """Whether a branch goes through a state at a value of the parameter."""
    q = branch.curve.q(value)
    for a, b in zip(branch.places, branch.places[1:], strict=False):
        margin = 1e-9 * (1 + abs(q))
        if not min(a.q, b.q) - margin <= q <= max(a.q, b.q) + margin:
            continue
        near = a if abs(a.q - q) < abs(b.q - q) else b
        if (np.abs(near.x - x) > 0.5 * near.scale + 1e-9).any():
            continue
        place = branch.curve.at(near, q)
        if place is not None and (np.abs(place.x - x) <= 1e-5 * place.scale).all():
            return True
    return False


def _points(kind: str, system: System, parameter: Any, span: Any, parameters: Any, options: dict[str, Any]) -> xr.Dataset:
    """Special points of one kind on all branches."""
    found, complete = branches(system, parameter, span, parameters=parameters, **options)
    kept: list[tuple[BranchCurve, Special]] = []
    for branch in found:
        for special in branch.specials:
            if special is not None and special.kind == kind and not any(_same(special, other) for _, other in kept):
                kept.append((branch.curve, special))
    kept.sort(key=lambda pair: pair[1].place.q)
    name = getattr(parameter, "name", parameter)
    data = xr.Dataset({name: ("point", np.array([c.value(s.place.q) for c, s in kept]))})
    for i, state in enumerate(system.names):
        data[state] = ("point", np.array([s.place.x[i] for _, s in kept]))
    data["frequency"] = ("point", np.array([s.frequency for _, s in kept]))
    data["eigenvalue_real"] = ("point", np.array([_others(c, s) for c, s in kept]))
    data.attrs = attributes(system, complete=int(complete), kind=kind)
    return data


def _same(a: Special, b: Special) -> bool:
    near = np.abs(a.place.x - b.place.x) <= SAME * np.maximum(a.place.scale, b.place.scale)
    return bool(near.all() and abs(a.place.q - b.place.q) <= SAME * (1 + abs(a.place.q)))


def _others(curve: BranchCurve, special: Special) -> float:
    """The largest real part among the eigenvalues that are not on the axis here."""
    values = curve.eigenvalues(special.place)
    order = np.argsort(np.abs(values.real))
    rest = np.delete(values.real, order[: 2 if special.kind == "hopf" else 1])
    return float(rest.max()) if rest.size else -np.inf
