"""Figures of a recovery: its fit and continuation, its terms with their uncertainty, and the front of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.kernel import compile
from symdyn.discover.learned_system import Learned
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.figure_style import COLOURS, styled
from symdyn.inference.formulas import evaluated
from symdyn.inference.kinds import output_times
from symdyn.simulation.run import simulate

__all__ = ["draw_curve", "draw_fit", "draw_front", "draw_learned", "panels", "term_band", "term_values"]

#: Draws of the constants behind a band, and the band itself.
DRAWS, BAND = 400, (0.05, 0.95)
#: Points of a trajectory beyond which they are drawn small.
MANY = 150
#: Ratio of errors from which an axis is logarithmic.
WIDE = 5.0


@styled
def draw_fit(recovery: Recovery, *, axes: Any = None) -> Any:
    """Data, fit and continuation of every state, then every unknown term along the fit with its 90 % band.

    Parameters
    ----------
    recovery : Recovery
    axes : sequence of matplotlib Axes, optional
        One for each state, then one for each unknown term, but for those of states of the past; made unless given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    RecoveryError
        If there are fewer axes than panels.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, library=2, surrogate=None, progress=False)
    >>> [axis.get_ylabel() for axis in found.plot().axes]
    ['x', 'f(x)']
    """
    states = recovery.system.states
    unknowns = [u for u, e in recovery.terms.items() if not e.has(AppliedUndef)]  # others are of the past, too
    count = len(states) + len(unknowns)
    axes = panels(axes, count, "one for each state and unknown term", (7, 2.2))
    runs = _draw_states(recovery, axes[: len(states)])
    for axis, unknown in zip(axes[len(states) :], unknowns, strict=False):
        # over a state all trajectories make one curve, over time they would be several
        shown = runs if len(unknown.args) == 1 else runs[:1]
        _draw_term(recovery, axis, unknown, *(np.concatenate(parts) for parts in zip(*shown, strict=True)))
    return axes[0].figure


def _draw_states(recovery: Recovery, axes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw every trajectory; return times and states of their fits."""
    system, fits = recovery.system, []
    kernel = compile(system)
    row = np.array([[system.defaults[p] for p in system.parameters]])
    for k, trajectory in enumerate(recovery.observations.trajectories):
        later = recovery.heldout.trajectories[k] if recovery.heldout is not None else None
        end = later.times[-1] if later is not None else trajectory.times[-1]
        times = output_times(system, trajectory.times[0], end)
        run = kernel(recovery.starts[0][k][None], row, times).values[0]
        inside = times <= trajectory.times[-1]
        fits.append((times[inside], run[inside]))
        for i, (axis, state) in enumerate(zip(axes, system.names, strict=True)):
            style = {"color": COLOURS[k % len(COLOURS)]}
            said = (lambda text: text) if k == 0 else (lambda text: None)
            dots = {"ms": 4.0} if len(trajectory.times) <= MANY else {"ms": 1.5, "alpha": 0.5}
            measured = np.isfinite(trajectory.values[:, i]).any()
            if measured:
                axis.plot(trajectory.times, trajectory.values[:, i], "o", label=said("data"), **style, **dots)
            axis.plot(
                times[inside], run[inside, i], lw=1.5 if len(trajectory.times) <= MANY else 1.0, label=said("fit"), **style
            )
            if later is not None:
                if measured:
                    axis.plot(later.times, later.values[:, i], "o", mfc="none", label=said("held out"), **style, **dots)
                axis.plot(times[~inside], run[~inside, i], "--", label=said("free run"), **style)
            axis.set(ylabel=state, xlabel=system.time.name)
            axis.legend(frameon=False, ncols=2)
    return fits


def _draw_term(recovery: Recovery, axis: Any, unknown: AppliedUndef, times: np.ndarray, run: np.ndarray) -> None:
    """A term along the fit: over its argument if that is a single state, else over time."""
    system = recovery.system
    place = {system.time: times, **dict(zip(system.states, run.T, strict=True)), **system.defaults}
    arguments = evaluated(unknown.args, place, times.shape).T
    single = len(unknown.args) == 1
    across = arguments[:, 0] if single else times
    draw_curve(recovery, axis, unknown, across, arguments)
    if recovery.surrogate is not None and unknown in recovery.surrogate.terms:
        samples = recovery.surrogate.terms[unknown]
        learned = recovery.surrogate.times
        where = samples.arguments[:, 0] if single else learned[0] if sum(map(len, learned)) == len(samples.values) else None
        if where is not None:
            axis.plot(where, samples.values[: len(where)], ".", ms=3, color="0.6", label="learned", zorder=0)
    axis.set(xlabel=str(unknown.args[0]) if single else system.time.name, ylabel=str(unknown))
    axis.legend(frameon=False, ncols=3)


def panels(axes: Any, count: int, each: str, size: tuple[float, float], *, across: bool = False) -> np.ndarray:
    """Axes of so many panels, made unless given, each of a size in inches, below one another or side by side.

    Raises
    ------
    RecoveryError
        If there are fewer axes than panels; `each` says what they are for.
    """
    if axes is None:
        from matplotlib import pyplot

        rows, columns = (1, count) if across else (count, 1)
        inches = (size[0] * columns, size[1] * rows)
        _, axes = pyplot.subplots(rows, columns, figsize=inches, layout="constrained", squeeze=False)
    axes = np.ravel(axes)
    if len(axes) < count:
        raise RecoveryError(f"plot got {len(axes)} axes; expected {count}, {each}")
    return axes


def draw_curve(
    recovery: Recovery, axis: Any, unknown: AppliedUndef, across: np.ndarray, arguments: np.ndarray, *, power: int = 1
) -> None:
    """A power of a recovered term for rows of its arguments, with its 90 % band, over `across` (m,)."""
    order = np.argsort(across)
    low, high = (band[order] ** power for band in term_band(recovery, unknown, arguments))
    axis.fill_between(across[order], low, high, color=COLOURS[3], alpha=0.25, lw=0, label="90 % of constants")
    axis.plot(
        across[order], term_values(recovery, unknown, arguments)[order] ** power, lw=1.5, color=COLOURS[3], label="formula"
    )


def term_values(recovery: Recovery, unknown: AppliedUndef, arguments: np.ndarray) -> np.ndarray:
    """Values of a recovered term for rows of its arguments, (m,)."""
    known = {p: sp.Float(v) for p, v in recovery.system.defaults.items()}
    return _values(unknown, recovery.terms[unknown].xreplace(known), arguments)


def _values(
    unknown: AppliedUndef, formula: sp.Expr, arguments: np.ndarray, draws: Mapping[sp.Symbol, np.ndarray] | None = None
) -> np.ndarray:
    """A formula (m,) for rows of its arguments, or (draws, m) for draws (draws, 1) of constants."""
    stand_in, draws = [sp.Dummy() for _ in unknown.args], draws or {}
    shape = formula.subs(dict(zip(unknown.args, stand_in, strict=True)), simultaneous=True)
    each = np.broadcast_shapes((len(arguments),), *(v.shape for v in draws.values()))
    return evaluated([shape], {**dict(zip(stand_in, arguments.T, strict=True)), **draws}, each)[0]


def term_band(recovery: Recovery, unknown: AppliedUndef, arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of a term over draws of its constants from their normal approximation, given its form."""
    formula = recovery.formulas.get(unknown, recovery.terms[unknown])
    place = {name: k for k, name in enumerate(recovery.intervals["constant"])}
    free = [s for s in sorted(formula.free_symbols, key=str) if s.name in place]
    known = {p: sp.Float(v) for p, v in recovery.system.defaults.items() if p not in free}
    draws = recovery.draws(DRAWS, np.random.default_rng(0))
    found = _values(unknown, formula.xreplace(known), arguments, {s: draws[:, place[s.name], None] for s in free})
    low, high = np.nanquantile(np.atleast_2d(found), BAND, axis=0)
    return low, high


@styled
def draw_front(recovery: Recovery, ax: Any = None) -> Any:
    """Error of every candidate over its complexity, the front of those that nothing simpler beats, and the one chosen.

    Where the table has a log-likelihood, its distance from the best takes the place of the error.

    Parameters
    ----------
    recovery : Recovery
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, library=2, surrogate=None, progress=False)
    >>> found.plot_front().get_xlabel()
    'complexity (nodes)'
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(figsize=(5, 3.5), layout="constrained")[1]
    table, error, label = recovery.table, recovery.table["rms"], "relative error of the fit"
    if "log_likelihood" in table:  # steps of noisy paths are mostly noise, however good a model is
        error, label = table["log_likelihood"].max() - table["log_likelihood"], "log-likelihood below the best"
    table = table.assign(error=error)[np.isfinite(error)]
    ordered = table.sort_values(["complexity", "error"])
    best = ordered["error"] < ordered["error"].cummin().shift(fill_value=np.inf)
    ax.scatter(table["complexity"], table["error"], s=18, color="0.6", label="candidates")
    ax.plot(
        ordered["complexity"][best], ordered["error"][best], "o-", color=COLOURS[0], ms=5, label="nothing simpler is better"
    )
    ax.plot(table["complexity"][:1], table["error"][:1], "*", color=COLOURS[3], ms=14, label="chosen")
    wide = table["error"].min() > 0 and table["error"].max() > WIDE * table["error"].min()
    ax.set(xlabel="complexity (nodes)", ylabel=label, yscale="log" if wide else "linear")
    ax.legend(frameon=False)
    return ax


#: Half the width of bands, in standard deviations of the members.
WIDTH = 2.0


@styled
def draw_learned(learned: Learned, *, axes: Any = None) -> Any:
    """Data and run of every state of the first trajectory, then every network along it, with twice the members' spread.

    Parameters
    ----------
    learned : Learned
    axes : sequence of matplotlib Axes, optional
        One for each state, then one for each network; made unless given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    RecoveryError
        If there are fewer axes than panels, and for fields, SDEs and systems with inputs.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sd.network("f", [sp.Symbol("x")], width=3)
    >>> data = {"t": np.arange(30), "x": 2.0 * 0.9 ** np.arange(30)}
    >>> found = sd.learn(sd.DiscreteSystem({x: f(x)}), data, iterations=20, progress=False)
    >>> [axis.get_ylabel() for axis in found.plot().axes]
    ['x', 'f(x)']
    """
    system, run = learned.system, learned.observations.trajectories[0]
    if system.fields or system.inputs or system.noises:
        raise RecoveryError("plot draws ODEs and maps without inputs; of others draw learned.term(f).evaluate(points)")
    terms = system.networks
    axes = panels(axes, len(system.states) + len(terms), "one for each state and network", (7, 2.2))
    times = output_times(system, run.times[0], run.times[-1])
    path = simulate(system, times, progress=False)
    states = np.stack([path[s].values for s in system.names])
    for axis, name, values, seen in zip(axes, system.names, states, run.values.T, strict=False):
        axis.plot(run.times, seen, "o", ms=3, color="0.4", label="data")
        axis.plot(times, values, color=COLOURS[0], label="system")
        axis.set_ylabel(name)
    along = dict(zip(system.states, states, strict=True)) | {system.time: times} | dict(system.defaults)
    for axis, term in zip(axes[len(system.states) :], terms, strict=False):
        points = evaluated(term.arguments, along, times.shape).T
        values = term.network.evaluate(points)
        axis.plot(times, values, color=COLOURS[1])
        if len(learned.members) > 1:
            wide = WIDTH * learned.spread(term.network.name, points)
            axis.fill_between(times, values - wide, values + wide, color=COLOURS[1], alpha=0.25, lw=0)
        axis.set_ylabel(str(term))
    axes[0].legend(loc="best", fontsize=8)
    axes[len(system.states) + len(terms) - 1].set_xlabel(str(system.time))
    return axes[0].figure
