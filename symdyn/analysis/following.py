"""Branches of steady states followed through folds as a parameter varies, with their bifurcations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.branch import BranchCurve, Place
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.field_branch import FieldCurve
from symdyn.analysis.field_states import FieldRest
from symdyn.analysis.linearisation import read_state
from symdyn.analysis.special_points import Special, special_points
from symdyn.analysis.starts import values_at
from symdyn.errors import DeclarationError
from symdyn.simulation.dataset import listed_values
from symdyn.system import System

__all__ = ["Branch", "continuation", "follow", "read_span"]

#: Shortest step, in scaled coordinates.
SHORTEST = 1e-9
#: Cosine of the largest angle between the tangents at both ends of a step.
STRAIGHT = 0.98
#: Growth of a state, against its size at the start, beyond which a branch counts as divergent.
GROWTH = 1e15


@dataclass
class Branch:
    """A followed curve: its points, what was found on the way, and why it ended at either end."""

    curve: BranchCurve | FieldCurve
    places: list[Place]
    specials: list[Special | None]
    ends: tuple[str, str]


def continuation(
    system: System,
    parameter: Any,
    span: Sequence[float],
    *,
    start: Any,
    parameters: Mapping[Any, float] | None = None,
    at: float | None = None,
    log: bool | None = None,
    step: float = 0.1,
    points: int = 5000,
    grid: Any = None,
    switch: int | None = None,
) -> xr.Dataset:
    r"""Follow a branch of steady states by pseudo-arclength continuation, in both directions from a start.

    Parameters
    ----------
    system : ODESystem or PDESystem
    parameter : symbol or str
        The parameter that varies.
    span : (low, high)
        Its range.
    start : mapping or Dataset
        A steady state: a value for each state, or one that was found by `steady_states`, ``found.isel(branch=0)``, or on
        another branch, ``branch.isel(point=7)``.  Of fields: initial values as for `symdyn.simulate`, or such a dataset.
    parameters : mapping, optional
        Values of the other parameters, over those at which `start` was found, over the defaults of the system.
    at : float, optional
        The value of the parameter to which `start` belongs; by default that at which it was found, or among the defaults, if
        that lies in the span, else the lower end.
    log : bool, optional
        Measure the parameter by its logarithm; by default if the span covers more than a decade.
    step : float
        Longest step relative to the sizes of the states and of the parameter (of its span if `log` is false).
    points : int
        Most points in each direction.
    grid : int or sequence of int, optional
        Cells along each axis, of fields without a grid.
    switch : int, optional
        Of fields: `start` is a branch point, such as a Turing point, and the branch that crosses there along this one of the
        eigenvectors with eigenvalue zero is followed, 0 for the first.

    Returns
    -------
    xarray.Dataset
        With dim ``point``: the states, the parameter, ``stable``, ``eigenvalue_real`` and ``eigenvalue_imag`` (of the
        eigenvalue with largest real part), ``special`` ('', 'fold', 'hopf', 'branch point') and ``frequency`` (of the
        oscillation that is born at a Hopf point, in radians per unit of time; NaN elsewhere).  Special points are part of
        the sequence, located to about 1e-10 relative.  ``attrs["ends"]`` says why the branch ends.

    Raises
    ------
    DeclarationError
        If `start` is not close to a steady state, or the span is not a range of the parameter.

    References
    ----------
    Keller, Applications of Bifurcation Theory (1977) 359-384; Govaerts, Numerical Methods for Bifurcations of Dynamical
    Equilibria (2000), chapters 2 to 4.

    Notes
    -----
    Fields are stepped on with sparse bordered equations, and of the eigenvalues the eight rightmost that are found by shift
    and inversion are looked at: where more than eight modes grow, crossings of further ones are not located.

    Examples
    --------
    A steady state and its mirror image are born in a fold at r = 0.

    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> branch = continuation(sd.ODESystem({x: r - x**2}), r, (-1, 1), start={x: 1}, at=1)
    >>> fold = branch.isel(point=branch.special == "fold")
    >>> abs(fold.r.item()) < 1e-10, branch.x.values[[0, -1]].round(9).tolist()
    (True, [-1.0, 1.0])

    A steady state that `steady_states` found is followed from the parameters at which it was found:

    >>> from symdyn.analysis import steady_states
    >>> cusp, a = sd.ODESystem({x: r + sp.Symbol("a") * x - x**3}), sp.Symbol("a")
    >>> found = steady_states(cusp, {r: 0.5, a: 0.75})
    >>> branch = continuation(cusp, r, (-1, 1), start=found.isel(branch=0))
    >>> branch.r.values[(branch.special == "fold").values].round(9).tolist()
    [0.25, -0.25]

    u = 0 on an interval of length pi loses its stability to sin(x) at r = 1, and to sin(2x) at r = 4; the former pattern:

    >>> fisher = sd.PDESystem.from_text("u' = laplacian(u) + r*u - u**3", domain=(0, 3.14159265), boundary=sd.Dirichlet(0))
    >>> rest = continuation(fisher, "r", (0, 5), start={"u": 0}, grid=32)
    >>> crossings = rest.isel(point=(rest.special == "branch point").values)
    >>> crossings.r.values.round(1).tolist()
    [1.0, 4.0]
    >>> pattern = continuation(fisher, "r", (0, 5), start=crossings.isel(point=0), switch=0)
    >>> bool(pattern.stable[1]), bool((pattern.u.max("x") ** 2 < pattern.r).all())
    (True, True)
    """
    low, high, log = read_span(span, log)
    values = values_at(system, start, parameters)
    given = _given(system, values, parameter)
    curve: BranchCurve | FieldCurve
    if "fields" in system.parts:
        values = values if given else {**values, getattr(parameter, "name", parameter): low if at is None else at}
        rest = FieldRest(system, start, values, grid)
        curve, state = FieldCurve(rest, parameter, log=log, length=high - low), rest.starts[0]
    elif grid is not None or switch is not None:
        raise DeclarationError(f"grid= and switch= belong to systems of fields; a {type(system).__name__} has none")
    else:
        field = Field(system)
        if field.is_map:
            raise DeclarationError(
                "continuation follows steady states of an ODESystem; fixed points of maps are not covered yet"
            )
        row = parameter_row(system, values, without=None if given else parameter)
        curve, state = BranchCurve(field, parameter, row, log=log, length=high - low), read_state(system, start)
    row = curve.p
    own = float(row[curve.index])
    value = at if at is not None else (own if low <= own <= high else low)
    if not low <= value <= high:
        raise DeclarationError(f"the branch starts at {curve.symbol} = {value:g}, outside the span ({low:g}, {high:g})")
    begin = curve.begin(state, curve.q(value), **({} if switch is None else {"switch": switch}))
    branch = follow(curve, begin, (low, high), step=step, points=points)
    return branch_dataset(branch)


def _given(system: System, parameters: Mapping[Any, float] | None, parameter: Any) -> bool:
    """Whether the varying parameter has a value of its own."""
    name = getattr(parameter, "name", parameter)
    return any(getattr(k, "name", k) == name for k in (*system.defaults, *(parameters or {})))


def read_span(span: Sequence[float], log: bool | None) -> tuple[float, float, bool]:
    """The ends of a range of a parameter, and whether it is measured by its logarithm.

    Raises
    ------
    DeclarationError
        For anything but two increasing numbers, positive ones with a logarithm.
    """
    try:
        low, high = (float(v) for v in span)
    except (TypeError, ValueError):
        raise DeclarationError(f"the span is {span!r}; expected two numbers (low, high)") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise DeclarationError(f"the span is {span!r}; expected two increasing finite numbers")
    if log is None:
        log = low > 0 and high / low > 10
    if log and low <= 0:
        raise DeclarationError(f"the span is {span!r}; with log=True both ends must be positive")
    return low, high, log


def follow(
    curve: BranchCurve | FieldCurve, begin: Place, span: tuple[float, float], *, step: float = 0.1, points: int = 5000
) -> Branch:
    """The branch through a place, within the span."""
    halves = []
    for sign in (-1.0, 1.0):
        first = Place(begin.x, begin.q, sign * begin.tangent, begin.scale)
        halves.append(_march(curve, first, span, step, points))
        if halves[-1][2] == "closed":
            break
    if len(halves) == 1:
        places, specials, end = halves[0]
        return Branch(curve, places, specials, (end, end))
    (back, found_back, end_back), (ahead, found_ahead, end_ahead) = halves
    turned = [Place(p.x, p.q, -p.tangent, p.scale) for p in back[:0:-1]]
    return Branch(curve, [*turned, *ahead], [*found_back[:0:-1], *found_ahead], (end_back, end_ahead))


def _march(
    curve: BranchCurve | FieldCurve, place: Place, span: tuple[float, float], longest: float, points: int
) -> tuple[list[Place], list[Special | None], str]:
    """Points in one direction, special ones among them, and why the continuation ended."""
    places: list[Place] = [place]
    specials: list[Special | None] = [None]
    bounds = sorted(curve.q(v) for v in span)
    longest *= float(np.sqrt(curve.coordinates))  # a root mean square over them
    length = longest / 20
    limit = GROWTH * (1 + np.abs(place.x))
    edge = 1e-12 * (abs(bounds[0]) + abs(bounds[1]))
    if not bounds[0] + edge < place.q + place.tangent[-1] * SHORTEST * 1e3 < bounds[1] - edge:
        return places, specials, "span"
    eigenvalues = curve.eigenvalues(place)
    while len(places) < points:
        new = curve.step(place, length)
        fits = new is not None and new.tangent @ curve.forward(place, new.x) > STRAIGHT * np.linalg.norm(
            curve.forward(place, new.x)
        )
        if new is None or not fits or abs(new.q - place.q) > 2 * longest:
            length /= 2
            if length < SHORTEST:
                return places, specials, "no further: the steps became too small"
            continue
        end = ""
        if not bounds[0] <= new.q <= bounds[1]:
            bound = bounds[0] if new.q < bounds[0] else bounds[1]
            last = curve.at(place, bound)
            if last is None:
                length /= 2
                if length < SHORTEST:
                    return places, specials, "span"
                continue
            new, end = last, "span"
        values = curve.eigenvalues(new)
        for special in special_points(curve, place, new, eigenvalues, values):
            places.append(special.place)
            specials.append(special)
        places.append(new)
        specials.append(None)
        if end:
            return places, specials, end
        if (np.abs(new.x) > limit).any():
            return places, specials, "infinity"
        if len(places) > 10 and _returned(places[0], place, new):
            return places, specials, "closed"
        place, eigenvalues = new, values
        length = min(1.5 * length, longest)
    return places, specials, f"{points} points"


def _returned(first: Place, last: Place, new: Place) -> bool:
    """Whether the step from `last` to `new` passes the first point."""
    there = np.append((first.x - last.x) / last.scale, first.q - last.q)
    gone = np.append((new.x - last.x) / last.scale, new.q - last.q)
    size = float(gone @ gone)
    share = float(there @ gone) / size
    return 0 <= share <= 1 and float(np.linalg.norm(there - share * gone)) < 0.05 * np.sqrt(size)


def branch_dataset(branch: Branch) -> xr.Dataset:
    """The points of a branch, labelled; in the direction in which the parameter begins to grow or ends larger."""
    curve, places, specials = branch.curve, branch.places, branch.specials
    system = curve.field.system
    if places[0].q > places[-1].q:
        places, specials = places[::-1], specials[::-1]
    eigenvalues = [curve.eigenvalues(p) for p in places]
    data = xr.Dataset(curve.variables(places), dict(curve.labels))
    data = data.assign_coords({curve.symbol.name: ("point", np.array([curve.value(p.q) for p in places]))})
    data["stable"] = ("point", np.array([curve.field.stable(v) for v in eigenvalues]))
    first = np.array([v[0] if v.size else -np.inf for v in eigenvalues], complex)
    data["eigenvalue_real"], data["eigenvalue_imag"] = ("point", first.real), ("point", first.imag)
    data["special"] = ("point", np.array([s.kind if s else "" for s in specials]))
    data["frequency"] = ("point", np.array([s.frequency if s else np.nan for s in specials]))
    others = listed_values((s.name, v) for s, v in zip(system.parameters, curve.p, strict=True) if s != curve.symbol)
    data.attrs = curve.attributes(parameter=curve.symbol.name, ends="; ".join(branch.ends), parameters=others)
    return data
