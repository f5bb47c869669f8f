"""Figure of a learned system: data, runs, and its networks along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.figures import panels
from symdyn.discover.learned_system import Learned
from symdyn.errors import RecoveryError
from symdyn.figure_style import COLOURS, styled
from symdyn.inference.kinds import output_times
from symdyn.simulation.run import simulate

__all__ = ["draw_learned"]

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
    parameters = [np.asarray(float(system.defaults[p])) for p in system.parameters]
    for axis, term in zip(axes[len(system.states) :], terms, strict=False):
        inputs = lower("inputs", [("time", [system.time]), ("y", system.states), ("p", system.parameters)], term.arguments,
                       [str(a) for a in term.arguments])  # fmt: skip
        points = np.stack(np.broadcast_arrays(*evaluate(inputs, [times], list(states), parameters)), axis=-1)
        values = term.network.evaluate(points)
        axis.plot(times, values, color=COLOURS[1])
        if len(learned.members) > 1:
            wide = WIDTH * learned.spread(term.network.name, points)
            axis.fill_between(times, values - wide, values + wide, color=COLOURS[1], alpha=0.25, lw=0)
        axis.set_ylabel(str(term))
    axes[0].legend(loc="best", fontsize=8)
    axes[len(system.states) + len(terms) - 1].set_xlabel(str(system.time))
    return axes[0].figure
