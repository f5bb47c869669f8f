"""Propensities that were recovered with their bands, and snapshots against what they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.figures import draw_curve, panels
from symdyn.discover.propensities.result import PropensityRecovery
from symdyn.figure_style import COLOURS, styled

__all__ = ["draw"]

#: Snapshots that are drawn, and the shortest time in a state for which its jumps are.
SNAPSHOTS, VISITS = 3, 10


@styled
def draw(recovery: PropensityRecovery, *, axes: Any = None) -> Any:
    """Every propensity with its 90 % band, then snapshots against the first system.

    A propensity is drawn over its first argument, the others at their means; of paths that are known completely with the jumps
    over the time in each state, else with how often each number occurs.

    Parameters
    ----------
    recovery : PropensityRecovery
    axes : sequence of matplotlib Axes, optional
        One for each unknown propensity and, of snapshots, one more; made unless given.

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
    >>> X, f = sp.Symbol("X"), sp.Function("f")
    >>> true = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> data = sd.simulate(true, np.linspace(0, 20, 41), initial={"X": 5}, trajectories=4, seed=1)
    >>> hidden = sd.ReactionNetwork([({}, {X: 1}, 5), ({X: 1}, {}, f(X))])
    >>> sd.recover(hidden, data, progress=False).plot().axes[0].get_xlabel()
    'X'
    """
    unknowns, more = list(recovery.terms), bool(recovery.distributions)
    count = len(unknowns) + more
    axes = panels(axes, count, "one for each propensity and one for snapshots", (4.6, 3.6), across=True)
    for axis, unknown in zip(axes, unknowns, strict=False):
        _propensity(recovery, axis, unknown)
    if more:
        _snapshots(recovery, axes[len(unknowns)])
    return axes[0].figure


def _propensity(recovery: PropensityRecovery, axis: Any, unknown: AppliedUndef) -> None:
    rows, species = recovery.counts.rows, recovery.counts.species
    argument = str(unknown.args[0])
    top = int(rows[:, species.index(argument)].max()) if argument in species else 50
    grid = np.linspace(0, top, 201)
    means = [rows[:, species.index(str(a))].mean() if str(a) in species else 1.0 for a in unknown.args]
    arguments = np.stack([grid, *(np.full(201, m) for m in means[1:])], axis=1)
    draw_curve(recovery, axis, unknown, grid, arguments)
    if recovery.counts.kind == "complete":
        _jump_rates(recovery, axis, unknown)
    elif argument in species:  # how often each number was seen
        twin = axis.twinx()
        edges = np.arange(0, top + 2, max(1, (top + 1) // 30)) - 0.5
        twin.hist(rows[:, species.index(argument)], bins=edges, color="0.85", zorder=0)
        twin.set_yticks([])
        axis.set_zorder(twin.get_zorder() + 1)
        axis.patch.set_visible(False)
    axis.set(xlabel=f"{argument}", ylabel=f"${sp.latex(unknown)}$", ylim=(0, None))
    axis.legend(frameon=False, fontsize=9)


def _jump_rates(recovery: PropensityRecovery, axis: Any, unknown: AppliedUndef) -> None:
    """Jumps over the time spent in a state, where a reaction with this rate alone has its change and no other argument."""
    network, data = recovery.declared, recovery.counts
    own = [k for k, rate in enumerate(network.propensities) if rate == unknown]
    if len(unknown.args) != 1 or len(own) != 1 or unknown.args[0] not in network.states:
        return
    change = network.changes[:, own[0]]
    if (network.changes == change[:, None]).all(axis=0).sum() > 1:
        return
    column = network.states.index(unknown.args[0])
    states = np.concatenate([t.values[:-1, column] for t in data.trajectories]).astype(int)
    waits = np.concatenate([np.diff(t.times) for t in data.trajectories])
    fired = np.concatenate([(np.diff(t.values, axis=0) == change).all(axis=1) for t in data.trajectories])
    time, jumps = np.bincount(states, weights=waits), np.bincount(states, weights=fired)
    often = np.flatnonzero(np.bincount(states) >= VISITS)
    rate = jumps[often] / time[often]
    axis.errorbar(
        often, rate, np.sqrt(jumps[often]) / time[often], fmt="o", ms=3, lw=0.8, color="0.4", label="jumps / time", zorder=0
    )


def _snapshots(recovery: PropensityRecovery, axis: Any) -> None:
    name = recovery.counts.species[0]
    seen = dict(recovery.counts.snapshots)
    chosen = np.unique(np.linspace(0, len(recovery.distributions) - 1, SNAPSHOTS).astype(int))
    for color, k in zip((COLOURS[0], COLOURS[1], COLOURS[2]), chosen, strict=False):
        when, p = recovery.distributions[k]
        numbers = seen[when][:, 0]
        width = max(1, int(np.ceil((numbers.max() - numbers.min() + 1) / 25)))
        edges = np.arange(numbers.min(), numbers.max() + width + 1, width) - 0.5
        axis.hist(numbers, edges, density=True, color=color, alpha=0.3)
        axis.plot(np.arange(len(p)), p, color=color, lw=1.5, label=f"{recovery.declared.time} = {when:g}")
    most = max(int(v[:, 0].max()) for v in seen.values())
    axis.set(xlabel=name, ylabel="share of the cells", xlim=(0, 1.1 * most + 1))
    axis.legend(frameon=False, fontsize=9, title="cells and model")
