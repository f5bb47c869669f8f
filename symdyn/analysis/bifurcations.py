"""All folds or Hopf points of a system within a range of a parameter."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.branch import BranchCurve
from symdyn.analysis.conservation import sampled_integrals, tangent_space
from symdyn.analysis.critical_points import CriticalSystem, CriticalZero
from symdyn.analysis.equilibria import steady_states
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.following import Branch, follow, read_span
from symdyn.analysis.polynomials import NotAlgebraic
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["branches", "folds", "hopf_points"]

#: Values of the parameter at which all steady states are computed, unless others are given.
VALUES = 5
#: Relative distance below which two special points are one.
SAME = 1e-6


def folds(
    system: System, parameter: Any, span: Sequence[float], *, parameters: Mapping[Any, float] | None = None, **options: Any
) -> xr.Dataset:
    r"""All fold bifurcations: where two steady states coalesce and vanish.

    For right-hand sides that are rational in the states and in the parameter they are the real zeros of
    :math:`f(x, p) = 0,\ \det \partial f / \partial x = 0` at which the parameter has an extremum along the curve of steady
    states. All are found, on closed curves too, and ``attrs["complete"]`` is 1 if that is certain (see `steady_states`).
    Otherwise, and where it would take more than some seconds of a typical core, branches are followed, ``complete`` is 0, and
    ``attrs["notes"]`` says why.

    Parameters
    ----------
    system, parameter, span, parameters :
        As in `symdyn.analysis.continuation`.
    **options :
        As in `branches`: ``initial``, and ``values``, ``log``, ``step`` of the branches that are followed.

    Returns
    -------
    xarray.Dataset
        With dim ``point``, sorted by the parameter: the parameter, the states, ``eigenvalue_real`` (of the least stable
        eigenvalue that does not vanish: negative where a stable branch ends) and ``frequency``.  Attributes: ``complete`` (0 or
        1), ``method``, ``notes`` and how it was made.

    Raises
    ------
    DeclarationError
        If the span is not two increasing numbers, positive with ``log=True``, or the system is no autonomous
        `ODESystem`.

    References
    ----------
    Kuznetsov, Elements of Applied Bifurcation Theory, 3rd ed. (2004), secs. 3.2 and 10.2.

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
    r"""All Hopf bifurcations: where a pair of eigenvalues crosses the imaginary axis and a limit cycle emerges.

    For right-hand sides that are rational in the states and in the parameter they are among the real zeros of
    :math:`f(x, p) = 0,\ \Delta_{n-1}(x, p) = 0`, with the Hurwitz determinant of the characteristic polynomial of the Jacobian.
    ``attrs["complete"]`` is 1 where all of these are certain to have been found, as for `folds`.

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
        As in `branches`: ``initial``, and ``values``, ``log``, ``step`` of the branches that are followed.

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
) -> list[Branch]:
    """Every branch that passes one of the steady states that are found at some values of the parameter.

    Parameters
    ----------
    values : sequence of float, or int
        Where all steady states are computed; a number of values is spread over the span.
    initial : mapping, optional
        Fixes conserved quantities, as in `steady_states`.
    """
    low, high, log = read_span(span, log)
    field, row = _read(system, parameter, parameters)
    curve = BranchCurve(field, parameter, row, log=log, length=high - low)
    if isinstance(values, (int, np.integer)):
        grid = (np.geomspace if log else np.linspace)(low, high, int(values)).tolist()
    else:
        grid = [float(v) for v in values]
    names = {s.name: float(v) for s, v in zip(system.parameters, row, strict=True) if s != curve.symbol}
    found: list[Branch] = []
    for value in sorted(grid):
        value = min(max(value, low), high)
        states = steady_states(system, {**names, curve.symbol.name: value}, initial=initial)
        for k in range(states.sizes["branch"]):
            x = np.array([float(states[n][k]) for n in system.names])
            if not any(_passes(branch, x, value) for branch in found):
                own = BranchCurve(field, parameter, row, log=log, length=high - low)
                with contextlib.suppress(DeclarationError):  # singular just here: other values show the branch
                    found.append(follow(own, own.begin(x, own.q(value)), (low, high), step=step))
    return found


def _read(system: System, parameter: Any, parameters: Mapping[Any, float] | None) -> tuple[Field, np.ndarray]:
    """The right-hand sides and the values of the other parameters."""
    field = Field(system)
    if field.is_map:
        raise DeclarationError("bifurcations are those of steady states of an ODESystem; maps are not covered yet")
    others = {k: v for k, v in (parameters or {}).items() if str(k) != str(parameter)}
    return field, parameter_row(system, others, without=parameter)


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
    """Special points of one kind: all of them where that is certain, otherwise also those on the branches that are followed."""
    low, high, _ = read_span(span, options.get("log"))
    field, row = _read(system, parameter, parameters)
    symbol = lookup(parameter, system.parameters, "parameter")
    found, notes = _certain(kind, field, symbol, row, (low, high), options.get("initial"))
    method = "zeros of the test function"
    if notes:
        method = f"{method}, continuation" if found else "continuation"
        for branch in branches(system, parameter, span, parameters=parameters, **options):
            for special in branch.specials:
                if special is not None and special.kind == kind:
                    new = CriticalZero(special.place.x, branch.curve.value(special.place.q), special.frequency)
                    if not any(_same(new, other, branch.curve.log, special.place.scale) for other in found):
                        found.append(new)
        found.sort(key=lambda point: point.value)
    data = xr.Dataset({symbol.name: ("point", np.array([c.value for c in found]))})
    for i, state in enumerate(system.names):
        data[state] = ("point", np.array([c.x[i] for c in found]))
    data["frequency"] = ("point", np.array([c.frequency for c in found]))
    data["eigenvalue_real"] = ("point", np.array([_others(field, symbol, row, c, kind) for c in found]))
    others = listed_values((s.name, v) for s, v in zip(system.parameters, row, strict=True) if s != symbol)
    facts = dict(complete=int(not notes), method=method, notes="; ".join(notes), kind=kind, parameters=others)
    data.attrs = attributes(system, **facts)
    return data


def _certain(
    kind: str, field: Field, symbol: Any, row: np.ndarray, span: tuple[float, float], initial: Any
) -> tuple[list[CriticalZero], list[str]]:
    """Points from the test function, and why these need not be all."""
    other = "points on branches that pass none of the steady states looked for may exist"
    try:
        critical = CriticalSystem(field, symbol, row, _start(field, symbol, row, span, initial))
        found = critical.folds(span) if kind == "fold" else critical.hopf_points(span)
    except (NotAlgebraic, OverflowError) as reason:
        return [], [f"{reason}; {other}"]
    return found, [] if critical.complete else [f"{'; '.join(dict.fromkeys(critical.notes))}; {other}"]


def _start(field: Field, symbol: Any, row: np.ndarray, span: tuple[float, float], initial: Any) -> np.ndarray | None:
    """Initial values of the states, from which conserved quantities are computed; None if there are none.

    Raises
    ------
    NotAlgebraic
        If they depend on the parameter.
    """
    system = field.system
    points = []
    for value in span:
        values = {s.name: value if s == symbol else float(v) for s, v in zip(system.parameters, row, strict=True)}
        try:
            points.append(make_design(system, initial, values, None).rows(0, 1)[0][0])
        except DeclarationError:
            if initial is not None:
                raise
            return None
    if not np.array_equal(*points):
        raise NotAlgebraic("conserved quantities depend on the parameter")
    return points[0]


def _same(a: CriticalZero, b: CriticalZero, log: bool, scale: np.ndarray) -> bool:
    """Whether two points are one, their distance being measured as on the branch."""
    near = np.abs(a.x - b.x) <= SAME * scale
    size = a.value if log else 1 + abs(a.value)
    return bool(near.all() and abs(a.value - b.value) <= SAME * size)


def _others(field: Field, symbol: Any, row: np.ndarray, point: CriticalZero, kind: str) -> float:
    """The largest real part among the eigenvalues that are not on the axis here."""
    p = row.copy()
    p[field.system.parameters.index(symbol)] = point.value
    values = field.eigenvalues(point.x, p, tangent_space(sampled_integrals(field, p)))
    if kind == "hopf":
        order = np.argsort(np.abs(values - 1j * point.frequency) * np.abs(values + 1j * point.frequency))
    else:
        order = np.argsort(np.abs(values))
    rest = np.delete(values.real, order[: 2 if kind == "hopf" else 1])
    return float(rest.max()) if rest.size else -np.inf
