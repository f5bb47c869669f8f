"""Limit cycles followed as a parameter varies, from a Hopf point, a cycle, or a period doubling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.collocation import Mesh, closed
from symdyn.analysis.cycle_curve import CycleCurve, CyclePlace
from symdyn.analysis.cycle_doubling import doubled
from symdyn.analysis.cycle_following import MOST, CycleBranch, SpecialCycle, follow_cycle, settle
from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.following import read_span
from symdyn.analysis.forced_cycles import breaks_of, with_phase, without_phase
from symdyn.analysis.linearisation import read_state
from symdyn.analysis.starts import values_at
from symdyn.derive.forcing import ForcedSystem, repeated, with_oscillator
from symdyn.errors import DeclarationError, SimulationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.system import System

__all__ = ["continue_cycle"]

#: Intervals of an orbit at first, and corrections of its mesh.
INTERVALS, CORRECTIONS = 60, 12
#: Times of each orbit in the result.
NODES = 121
#: Periods of the start beyond which a branch ends.
LONG = 1000.0
#: How near a further multiplier is to 1 where cycles form families, as with conserved quantities.
ALONE = 1e-7
#: How near a pair of eigenvalues is to the imaginary axis at a start, relatively, and a multiplier to -1.
NEAR, NEAR_DOUBLING = 1e-3, 0.1


def continue_cycle(
    system: System,
    parameter: Any,
    span: Sequence[float],
    *,
    start: xr.Dataset,
    parameters: Mapping[Any, float] | None = None,
    log: bool | None = None,
    step: float = 0.1,
    points: int = 500,
    accuracy: float = 1e-7,
    max_period: float | None = None,
) -> xr.Dataset:
    r"""Follow a branch of limit cycles, stable or not, by orthogonal collocation and pseudo-arclength continuation.

    Orbits are piecewise polynomials of degree 4 on meshes that follow them; their error at the ends of intervals, that of the
    period and of multipliers, is of order 8.

    Parameters
    ----------
    system : ODESystem
        Without dependence on time, or forced by sines, cosines and mod of time, or by inputs, of which the span is taken as a
        period; the frequency may be the parameter.  Orbits are polynomials between the phases at which such a forcing jumps.
    parameter : symbol or str
        The parameter that varies.
    span : (low, high)
        Its range.
    start : Dataset
        A Hopf point, ``branch.isel(point=...)`` of `continuation` or `hopf_points`; a cycle of `limit_cycle`, or of another
        branch of cycles, from which the branch is followed in both directions; or a point 'period doubling' of a branch of
        cycles, at which the branch with twice the period begins.
    parameters : mapping, optional
        Values of the other parameters, over those at which `start` was found, over the defaults of the system.
    log : bool, optional
        Measure the parameter by its logarithm; by default if the span covers more than a decade.
    step : float
        Longest step relative to the ranges of the states, of the span (with `log`, of a factor e), and of the period.
    points : int
        Most cycles in each direction.
    accuracy : float
        Largest estimated error of an orbit between the ends of intervals, relative to the ranges of the states; the number
        of intervals, up to 1000, follows it.
    max_period : float, optional
        Longest period, in units of time; by default 1000 times that at the start.

    Returns
    -------
    xarray.Dataset
        With dim ``point``: the parameter, ``period``, ``multiplier`` and ``multiplier_imag`` (by ``index``, the largest
        first), ``stable``, ``trivial`` (how far the multiplier of the flow's direction is from 1), ``special`` ('', 'fold',
        'period doubling', 'torus', 'branch point', 'hopf'), ``angle`` (of the multipliers at which a torus is born, radians;
        NaN elsewhere) and ``error``, the estimate that `accuracy` bounds; the states by (``point``, ``node``) at the
        coordinate ``time``, from 0 to the period, denser where they vary fast.  Special points are part of the sequence,
        located to about 1e-10 relative.  ``attrs["ends"]`` says why the branch ends: 'homoclinic' where the period grows
        without bound while the parameter stands still, 'hopf' where the cycle shrinks to a steady state, 'family' where
        cycles fill a region at one value of the parameter, 'span', 'closed' and others.  Of forced systems ``rounds`` are the
        periods of the forcing in ``period``, and times are those in the forcing, as in `limit_cycle`.

    Raises
    ------
    DeclarationError
        If the system is no flow or depends on time otherwise, `start` is neither a Hopf point nor a cycle, or lies outside the
        span.
    SimulationError
        If Newton's method does not converge at the start.

    References
    ----------
    Doedel, Keller & Kernevez, Int. J. Bifurcation Chaos 1 (1991) 745; Ascher, Mattheij & Russell, Numerical Solution of
    Boundary Value Problems (1995), chapters 5 and 9.

    Examples
    --------
    Of :math:`r' = r (m + r^2 - r^4)` cycles are born at m = 0, unstable, and become stable in a fold at m = -1/4:

    >>> import sympy as sp, symdyn as sd
    >>> x, y, m = sp.symbols("x y m")
    >>> growth = m + (x**2 + y**2) - (x**2 + y**2) ** 2
    >>> system = sd.ODESystem({x: x * growth - y, y: y * growth + x})
    >>> hopf = sd.analysis.hopf_points(system, "m", (-1, 1)).isel(point=0)
    >>> cycles = continue_cycle(system, "m", (-1, 0.5), start=hopf)
    >>> fold = cycles.isel(point=cycles.special.values == "fold")
    >>> round(fold.m.item(), 9), cycles.stable.values[[1, -1]].tolist(), cycles.attrs["ends"]
    (-0.25, [False, True], 'span')
    """
    system = repeated(system)
    why = system.unmet(["drift"]) if isinstance(system, System) else "expected an ODESystem"
    if why is not None:
        raise DeclarationError(f"continue_cycle: {why}")
    check_positive(step=step, accuracy=accuracy, max_period=max_period)
    check_whole(points=points)
    options: dict[str, Any] = {"log": log, "step": step, "points": points, "accuracy": accuracy, "max_period": max_period}
    if not system.time_dependent:
        return _followed(system, parameter, span, start, parameters, **options)
    form = with_oscillator(system, "continue_cycle")
    begun = with_phase(form, start)
    return without_phase(form, system, _followed(form.system, parameter, span, begun, parameters, form, **options))


def _followed(
    system: System, parameter: Any, span: Sequence[float], start: Any, parameters: Mapping[Any, float] | None,
    form: ForcedSystem | None = None, *, log: bool | None, step: float, points: int, accuracy: float, max_period: float | None,
) -> xr.Dataset:  # fmt: skip
    """The branch of a system without dependence on time, which may be that of a forced system."""
    field = Field(system)
    low, high, log = read_span(span, log)
    if not isinstance(start, xr.Dataset):
        raise DeclarationError(f"start is {type(start).__name__}; expected a Hopf point or a cycle, a dataset of one point")
    row = parameter_row(system, values_at(system, start, parameters))
    breaks = np.empty(0) if form is None else breaks_of(form, parameter, row)
    still = len(system.states) - 1 if breaks.size else None  # the sine of the phase
    curve = CycleCurve(field, parameter, row, log=log, length=high - low, still=still)
    value = float(curve.p[curve.index])
    if not low <= value <= high:
        raise DeclarationError(f"the branch starts at {curve.symbol} = {value:g}, outside the span ({low:g}, {high:g})")
    begin = _begin(curve, start, value, accuracy, breaks)
    branch = follow_cycle(
        curve, begin, (low, high), step=step, points=points, accuracy=accuracy,
        max_period=LONG * begin.place.period if max_period is None else max_period,
    )  # fmt: skip
    return _dataset(branch)


def _begin(curve: CycleCurve, start: xr.Dataset, value: float, accuracy: float, breaks: np.ndarray) -> SpecialCycle:
    """The first cycle, with what it is if the branch begins there.

    Raises
    ------
    DeclarationError
        If `start` is something else.
    """
    system = curve.field.system
    if "period" in start and start["period"].ndim == 0 and all(n in start and start[n].ndim == 1 for n in system.names):
        cycle = _cycle(curve, start, value, accuracy, breaks)
        special = str(start["special"].item()) if "special" in start else ""
        if special == "period doubling":
            return SpecialCycle("period doubling", doubled(curve, _checked(cycle)))
        if special == "" and (np.abs(cycle.multipliers - 1) < ALONE).any():
            raise DeclarationError("the cycle is one of a family at this value of the parameter, which cannot be followed")
        return SpecialCycle("", cycle)
    frequency = float(start["frequency"]) if "frequency" in start and start["frequency"].ndim == 0 else np.nan
    if not np.isfinite(frequency):
        raise DeclarationError(
            "start is neither a Hopf point nor a cycle; expected hopf_points(...).isel(point=0), a point of a branch where "
            "special is 'hopf', or what limit_cycle returns"
        )
    x, q = read_state(system, start), curve.q(value)
    hopf = curve.hopf(x, q, frequency)
    if hopf is None or abs(hopf.q - q) > NEAR or abs(2 * np.pi / hopf.period / frequency - 1) > NEAR:
        raise DeclarationError(f"there is no Hopf point with the frequency {frequency:g} at {curve.symbol} = {value:g}")
    return SpecialCycle("hopf", hopf)


def _cycle(curve: CycleCurve, start: xr.Dataset, value: float, accuracy: float, breaks: np.ndarray) -> CyclePlace:
    """The cycle of a dataset, computed again on a mesh of its own; with breaks, from where the phase of the forcing is 0."""
    from scipy.interpolate import CubicSpline

    times, period = np.asarray(start["time"].values, float), float(start["period"])
    phase = times / period
    orbit = np.stack([start[n].values for n in curve.field.system.names], axis=1)
    if abs(phase[0]) > 1e-9 or abs(phase[-1] - 1) > 1e-9 or not (np.diff(phase) > 0).all():
        raise DeclarationError("the times of the cycle do not increase from 0 to its period; expected what limit_cycle returns")
    orbit[-1] = orbit[0]
    spline = CubicSpline(phase, orbit, bc_type="periodic")
    mesh, shift = Mesh(np.interp(np.linspace(0, 1, INTERVALS + 1), np.linspace(0, 1, len(phase)), phase)), 0.0
    if breaks.size:
        rounds, turned = int(start["rounds"]), np.arctan2(orbit[0, -1], orbit[0, -2]) / (2 * np.pi)
        shift = -turned / rounds
        mesh = Mesh(np.linspace(0, 1, INTERVALS + 1), np.sort((breaks + np.arange(rounds)[:, None]).ravel() / rounds))
    u = closed(spline(mesh.times + shift))
    if breaks.size:
        angle = 2 * np.pi * rounds * mesh.times
        u[..., -2], u[..., -1] = np.cos(angle), np.sin(angle)
    place: CyclePlace | None = CyclePlace(
        mesh, u, float(np.log(period)), curve.q(value), np.zeros_like(u), 0.0, 1.0, curve.scale(u)
    )
    assert place is not None
    place = curve.correct(place, u, place.log_period, place.q, at_q=True)
    for _ in range(CORRECTIONS):
        if place is None:
            break
        if place.mesh.error(place.u / place.scale) <= accuracy or place.mesh.count >= MOST:
            return place
        place = settle(curve, place, accuracy)
    raise SimulationError(
        f"Newton's method does not find the cycle at {curve.symbol} = {value:g}; check the parameters, or give more points",
        None,
    )


def _checked(cycle: CyclePlace) -> CyclePlace:
    """The cycle, if a multiplier is next to -1.

    Raises
    ------
    DeclarationError
        If not.
    """
    next_ = cycle.multipliers[int(np.argmin(np.abs(cycle.multipliers + 1)))] if cycle.multipliers.size else np.nan
    if not abs(next_ + 1) < NEAR_DOUBLING:
        raise DeclarationError(f"no multiplier of the cycle is -1; the next is {next_:.6g}")
    return cycle


def _dataset(branch: CycleBranch) -> xr.Dataset:
    """The cycles of a branch, labelled; in the direction in which the parameter ends larger."""
    curve, places, specials, ends = branch.curve, branch.places, branch.specials, branch.ends
    system = curve.field.system
    if len(ends) == 2 and places[0].q > places[-1].q:
        places, specials, ends = places[::-1], specials[::-1], ends[::-1]
    phases = [np.interp(np.linspace(0, 1, NODES), np.linspace(0, 1, p.mesh.count + 1), p.mesh.ends) for p in places]
    orbits = np.stack([p.mesh.sample(p.u, t) for p, t in zip(places, phases, strict=True)])
    multipliers = np.stack([_with_trivial(p) for p in places])
    times = np.stack([p.period * t for p, t in zip(places, phases, strict=True)])
    data = xr.Dataset(
        {
            **{name: (("point", "node"), orbits[..., i]) for i, name in enumerate(system.names)},
            "period": ("point", np.array([p.period for p in places]), {"long_name": "period, in units of time"}),
            "multiplier": (("point", "index"), multipliers.real, {"long_name": "real part of Floquet multipliers"}),
            "multiplier_imag": (
                ("point", "index"),
                multipliers.imag,
                {"long_name": "imaginary part of Floquet multipliers"},
            ),
            "stable": ("point", np.array([bool((np.abs(p.multipliers) < 1).all()) for p in places])),
            "trivial": ("point", np.array([abs(p.trivial - 1) for p in places])),
            "special": ("point", np.array([s.kind if s else "" for s in specials])),
            "angle": ("point", np.array([s.angle if s else np.nan for s in specials])),
            "error": ("point", np.array([p.mesh.error(p.u / p.scale) for p in places])),
        },
        {
            curve.symbol.name: ("point", np.array([curve.value(p.q) for p in places])),
            "time": (("point", "node"), times),
            "index": np.arange(1, multipliers.shape[1] + 1),
        },
    )
    others = listed_values((s.name, v) for s, v in zip(system.parameters, curve.p, strict=True) if s != curve.symbol)
    data.attrs = attributes(system, parameter=curve.symbol.name, ends="; ".join(ends), parameters=others)
    return data


def _with_trivial(place: CyclePlace) -> np.ndarray:
    """All multipliers, the largest first."""
    found = np.append(place.multipliers, place.trivial)
    return found[np.argsort(-np.abs(found), kind="stable")]
