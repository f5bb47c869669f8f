"""Error against evaluations, for all samplers of a system and for nodes of all spacings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import CompileError, DeclarationError
from symdyn.figure_style import styled
from symdyn.methods.options import check_whole
from symdyn.methods.registry import METHODS
from symdyn.methods.samplers import SamplerScheme, needs_level
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest
from symdyn.studies.samplers import REFERENCE
from symdyn.transport.paths_to_data import flowed
from symdyn.transport.spacings import SPACINGS
from symdyn.transport.spacings import nodes as spaced
from symdyn.transport.values import parameter_numbers, state_rows

__all__ = ["plot_frontier", "sampler_frontier"]


def sampler_frontier(
    flow: ODESystem, *, evaluations: Sequence[int], span: Any, initial: Any, methods: Sequence[str] | None = None,
    parameters: Mapping[Any, Any] | None = None,
) -> xr.Dataset:  # fmt: skip
    """The errors of samplers for numbers of evaluations, each with the spacing of nodes that is best for it.

    Parameters
    ----------
    flow : ODESystem
        One that splits into a linear part and a rest.
    evaluations : sequence of int
        How often the nonlinear part may be evaluated.
    span : (float, float)
        First and last time, from noise to data.
    initial : mapping or xarray.Dataset
        States at the first time, one of each point.
    methods : sequence of str, optional
        All samplers that apply to the system, by default.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    xarray.Dataset
        ``error`` (sampler, evaluations), the root mean square distance to the exact flow (DOP853 at the tolerance 1e-9), not a
        number where a method cannot take a step or does not stay finite; ``spacing``; ``best`` (evaluations), the method with
        the smallest error.

    Raises
    ------
    DeclarationError
        For methods that are not known, or do not apply.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> system = sd.ODESystem.from_text("y' = -50*(1 + sin(t)^2)*y + 10*sin(3*t + y)")
    >>> found = sd.studies.sampler_frontier(system, evaluations=[20, 40], span=(0, 2), initial={"y": [1.0, 0.5]},
    ...     methods=["ddim", "deis-tab2"])
    >>> bool((found.error.diff("evaluations") < 0).all()), found.best.values.tolist()
    (True, ['deis-tab2', 'deis-tab2'])
    """
    budgets: list[Any] = list(evaluations) if isinstance(evaluations, (list, tuple, range, np.ndarray)) else [evaluations]
    for budget in budgets:
        check_whole(evaluations=budget)
    if not budgets or len(set(budgets)) < len(budgets):
        raise DeclarationError(f"evaluations are {evaluations!r}; expected different whole numbers")
    schemes = _schemes(flow, methods)
    first, last = (float(v) for v in spaced(flow, 1, span=span, spacing="time", parameters=parameters))
    [start] = state_rows(flow, initial, [first], "initial")
    exact, numbers = flowed(flow, start, (first, last), parameters, **REFERENCE), parameter_numbers(flow, parameters)
    leveled = needs_level(flow) is None
    spacings = [s for s in SPACINGS if (leveled or s in ("time", "quadratic")) and (s != "quadratic" or min(first, last) >= 0)]
    error = np.full((len(schemes), len(budgets)), np.nan)
    spacing = np.full(error.shape, "", dtype=f"<U{max(map(len, SPACINGS))}")
    grids: dict[tuple[int, str], np.ndarray] = {}
    for m, scheme in enumerate(schemes):
        runner = TableRunner(flow, scheme.name, numbers, len(start))
        for b, budget in enumerate(budgets):
            for name in spacings:
                count = _steps(scheme, runner, budget, first, last)
                if count < 1:
                    continue
                if (count, name) not in grids:
                    grids[count, name] = spaced(flow, count, span=(first, last), spacing=name, parameters=parameters)
                found = _error(scheme, runner, grids[count, name], start, exact)
                if not found >= error[m, b] and np.isfinite(found):
                    error[m, b], spacing[m, b] = found, name
    names = np.array([s.name for s in schemes])
    known = np.where(np.isfinite(error), error, np.inf)
    best = np.where(np.isfinite(known).any(axis=0), names[known.argmin(axis=0)], "")
    return xr.Dataset(
        {"error": (("sampler", "evaluations"), error), "spacing": (("sampler", "evaluations"), spacing),
         "best": ("evaluations", best)},
        {"sampler": names, "evaluations": budgets}, {"points": len(start), "first": first, "last": last},
    )  # fmt: skip


def _schemes(flow: ODESystem, methods: Sequence[str] | None) -> list[SamplerScheme]:
    """The samplers that are asked for, by default all that apply but that whose steps are to be planned."""
    known = {name: s for name, s in METHODS.items() if isinstance(s, SamplerScheme)}
    if methods is None:
        return [s for name, s in known.items() if name != "planned" and s.applies(flow) is None]
    found = []
    for name in [methods] if isinstance(methods, str) else methods:
        if name not in known:
            raise DeclarationError(f"methods has {name!r}; expected samplers.{suggest(str(name), known)}")
        if reason := known[name].applies(flow):
            raise DeclarationError(f"{name!r} cannot be used: {reason}")
        found.append(known[name])
    return found


def _steps(scheme: SamplerScheme, runner: TableRunner, budget: int, first: float, last: float) -> int:
    """The most steps that a number of evaluations allows; 0 if none."""

    def spent(steps: int) -> int:
        return scheme.table(runner.clocks(np.linspace(first, last, steps + 1))).evaluations

    each = spent(8) - spent(7)  # beyond the steps with which a method begins
    steps = min(budget, max(1, 8 + (budget - spent(8)) // each))
    while steps and spent(steps) > budget:
        steps -= 1
    return steps


def _error(scheme: SamplerScheme, runner: TableRunner, nodes: np.ndarray, start: np.ndarray, exact: np.ndarray) -> float:
    try:
        found = runner.run(scheme.table(runner.clocks(nodes)), start)[:, 0]
    except (CompileError, ZeroDivisionError, OverflowError):  # coefficients that are not finite at these nodes
        return np.nan
    return float(np.sqrt(((found - exact) ** 2).sum(axis=1).mean()))


@styled
def plot_frontier(data: xr.Dataset, *, most: int = 7) -> Figure:
    """Error against evaluations: a line for each of the best samplers, grey ones for the others, and the frontier of all.

    Parameters
    ----------
    data : xarray.Dataset
        From `sampler_frontier`.
    most : int
        Methods with a name in the figure: those with the smallest errors, in the mean of logarithms over evaluations.

    Returns
    -------
    Figure

    Raises
    ------
    DeclarationError
        If ``most`` is not a positive whole number.

    Examples
    --------
    >>> data = xr.Dataset({"error": (("sampler", "evaluations"), [[0.2, 0.1], [0.3, 0.02]])},
    ...     {"sampler": ["ddim", "deis-tab2"], "evaluations": [5, 10]})
    >>> figure = plot_frontier(data)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['frontier', 'deis-tab2', 'ddim']
    """
    check_whole(most=most)
    error = np.where(data.error.values > 0, data.error.values, np.nan)
    logs = np.log(error)
    rank = np.argsort(np.where(np.isfinite(logs), logs, np.nanmax(logs)).mean(axis=1), kind="stable")
    figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    x = data.evaluations.values
    ax.loglog(x, np.nanmin(error, axis=0), color="#d9d9d9", lw=7, solid_capstyle="round", label="frontier", zorder=1)
    markers = "osD^vPX"
    for place, m in enumerate(rank):
        if place < most:
            ax.loglog(
                x, error[m], marker=markers[place % len(markers)], ms=4, lw=1.3, label=str(data.sampler.values[m]), zorder=3
            )
        else:
            label = "others" if place == most else "_"
            ax.loglog(x, error[m], color="#b8b8b8", lw=0.7, label=label, zorder=2)
    ax.set(xlabel="evaluations", ylabel="rms distance to the exact flow")
    ax.set_xticks(x, [str(k) for k in x])
    ax.minorticks_off()
    figure.legend(loc="outside right center", frameon=False)
    return figure
