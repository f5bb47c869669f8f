"""Recovery: what `recover` hands back, a ranked set of systems with what speaks for each."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.kernel import compile
from symdyn.codegen.lower import lower
from symdyn.discover.kinds import output_times
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["Identifiability", "Recovery", "Terms"]

#: Rounds in which draws that changed a sign are drawn again.
MOST_DRAWS = 1000


class Terms(dict[AppliedUndef, sp.Expr]):
    """The recovered terms by unknown function, ``terms[f(x, y)]``; ``terms[f]`` and ``terms["f"]`` work too."""

    def __missing__(self, key: Any) -> sp.Expr:
        name = key if isinstance(key, str) else getattr(key, "__name__", str(key))
        for unknown, value in self.items():
            if unknown.func.__name__ == name or str(unknown) == name:
                return value
        raise KeyError(f"{key} is not an unknown term; they are {', '.join(map(str, self))}")


@dataclass(frozen=True)
class Identifiability:
    """What the data cannot tell apart.

    Attributes
    ----------
    fitted, rank : int
        Fitted constants and initial values of the first system, and how many directions of them the data determine.
    condition : float
        Condition number of their scaled information matrix; infinite if it is singular.
    equivalent, plausible : tuple of str
        Terms of other systems whose criterion is within 2, and within 6, of the first.
    """

    fitted: int
    rank: int
    condition: float
    equivalent: tuple[str, ...]
    plausible: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """A ranked set of systems with the unknown terms filled in.

    Attributes
    ----------
    system : System
        The first of `systems`: fitted constants are its defaults, fitted initial values its initial values.  It is of the
        class that was declared, but for terms that ``unknown=[...]`` added to states: with those a matrix model becomes a
        plain DiscreteSystem, clamped at 0 where the model was.
    systems : tuple of System
        Best first, in the order of `table`.
    terms : dict of AppliedUndef to Expr
        The unknown terms of the first system, with numbers for all fitted constants.
    table : DataFrame
        A row for each system: terms, complexity (nodes), parameters, bic (`symdyn.discover.selection.criterion`), its
        weight among the models visited, rms (relative error of the fit), one_step, and heldout_one_step and
        heldout_free_run (relative errors; NaN if nothing was held out).
    intervals : DataFrame
        Constants and initial values of the first system with standard errors and 90 % intervals, given its terms.
    covariance : DataFrame
        Of the same values; zero for those that the data do not determine.
    identifiability : Identifiability
    inclusion : DataFrame
        Evidence for each library term: the weight of all visited systems that hold it.
    evaluations : int
        Simulations that the selection took.
    surrogate : SurrogateFit or None
    observations, heldout : Observations
        The data used, and those held out (None if none were).
    starts : tuple of (trajectories, n) float64
        Fitted initial values of every trajectory for each system.
    warnings : tuple of str
        What the user should know.

    Recoveries of kinds of systems whose data are not trajectories of states are subclasses with figures of their own.
    """

    system: System
    systems: tuple[System, ...]
    terms: Terms
    table: pd.DataFrame
    intervals: pd.DataFrame
    covariance: pd.DataFrame
    identifiability: Identifiability
    inclusion: pd.DataFrame
    evaluations: int
    surrogate: Any = None
    observations: Any = None
    heldout: Any = None
    starts: tuple[np.ndarray, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        best = self.table.iloc[0]
        lines = [f"Recovery: {len(self.systems)} systems from {self.observations.size} data, {self.evaluations} simulations"]
        lines += [f"    {u} = {_rounded(e)}" for u, e in self.terms.items()]
        lines.append(f"  weight {best['weight']:.2g}, relative error {best['rms']:.2g}")
        if np.isfinite(best["heldout_free_run"]):
            lines[-1] += (
                f", held out {best['heldout_one_step']:.2g} one step ahead, {best['heldout_free_run']:.2g} running free"
            )
        if self.identifiability.rank < self.identifiability.fitted:
            lines.append(f"  the data determine {self.identifiability.rank} of {self.identifiability.fitted} fitted values")
        lines += [f"  as good: {text}" for text in self.identifiability.equivalent]
        lines += [f"  note: {text}" for text in self.warnings]
        return "\n".join(lines)

    def sample(self, count: int, *, seed: int = 0) -> dict[str, dict[str, xr.DataArray]]:
        """Draw constants and initial values of the first system from their normal approximation.

        Parameters
        ----------
        count : int
            Number of draws; each becomes a trajectory.
        seed : int

        Returns
        -------
        dict
            ``parameters`` and ``initial`` (of the first trajectory of the data), as `simulate` takes them:
            ``simulate(found.system, t, **found.sample(500))``.  Draws in which a value changes its sign are drawn
            again, for rates and numbers of animals have one.
        """
        values = self.intervals["value"].to_numpy()
        eigenvalues, vectors = np.linalg.eigh(self.covariance.to_numpy())
        root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
        rng = np.random.default_rng(seed)
        draws = np.empty((0, len(values)))
        for _ in range(MOST_DRAWS):
            new = values + rng.normal(size=(count, len(values))) @ root.T
            draws = np.concatenate([draws, new[(new * values >= 0).all(axis=1)]])[:count]
            if len(draws) == count:
                break
        else:
            raise RecoveryError(
                "the constants are so uncertain that draws rarely keep their signs; "
                "see 'intervals', give bounds or known values, or data that tell more"
            )
        columns = dict(zip(self.intervals["constant"], draws.T, strict=True))
        begin = self.observations.trajectories[0].times[0]

        def labelled(names: dict[str, str]) -> dict[str, xr.DataArray]:
            return {k: xr.DataArray(columns[v], dims="trajectory") for k, v in names.items() if v in columns}

        parameters = {p.name: p.name for p in self.system.parameters}
        several = len(self.observations.trajectories) > 1 or f"{self.system.names[0]}({begin:g})" not in columns
        suffix = " of trajectory 0" if several else ""
        initial = {s: f"{s}({begin:g}){suffix}" for s in self.system.names}
        return {"parameters": labelled(parameters), "initial": labelled(initial)}

    def _repr_html_(self) -> str:
        latex = "".join(rf"<p>$\displaystyle {sp.latex(u)} = {sp.latex(_rounded(e))}$</p>" for u, e in self.terms.items())
        return latex + self.table.to_html(index=False, float_format=lambda v: f"{v:.3g}")

    def plot(self, *, axes: Any = None) -> Any:
        """Data, fit and continuation of every state, and each learned term against its formula.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each state, then one for each unknown term if a surrogate was fitted; made unless given.

        Returns
        -------
        matplotlib.figure.Figure
        """
        learned = dict(self.surrogate.terms) if self.surrogate is not None else {}
        count = len(self.system.states) + len(learned)
        if axes is None:
            pyplot = importlib.import_module("matplotlib.pyplot")
            _, axes = pyplot.subplots(count, 1, figsize=(7, 2.2 * count), layout="constrained", squeeze=False)
        axes = np.ravel(axes)
        if len(axes) < count:
            raise RecoveryError(f"plot got {len(axes)} axes; expected {count}, one for each state and learned term")
        self._plot_states(axes[: len(self.system.states)])
        for axis, (unknown, samples) in zip(axes[len(self.system.states) :], learned.items(), strict=False):
            values = self._values(unknown, samples.arguments)
            order = np.argsort(samples.arguments[:, 0]) if samples.arguments.shape[1] == 1 else np.arange(len(values))
            across = samples.arguments[order, 0] if samples.arguments.shape[1] == 1 else order
            axis.plot(across, samples.values[order], ".", ms=3, color="0.6", label="learned")
            axis.plot(across, values[order], lw=1.5, color="C3", label="formula")
            axis.set(
                xlabel=str(unknown.args[0]) if samples.arguments.shape[1] == 1 else "sample along the trajectories",
                ylabel=str(unknown),
            )
            axis.legend(frameon=False)
        return axes[0].figure

    def _plot_states(self, axes: np.ndarray) -> None:
        kernel = compile(self.system)
        row = np.array([[self.system.defaults[p] for p in self.system.parameters]])
        for k, trajectory in enumerate(self.observations.trajectories):
            later = self.heldout.trajectories[k] if self.heldout is not None else None
            end = later.times[-1] if later is not None else trajectory.times[-1]
            times = output_times(self.system, trajectory.times[0], end)
            run = kernel(self.starts[0][k][None], row, times).values[0]
            inside = times <= trajectory.times[-1]
            for i, (axis, state) in enumerate(zip(axes, self.system.names, strict=True)):
                color = f"C{k % 10}"
                axis.plot(trajectory.times, trajectory.values[:, i], "o", ms=4, color=color, label="data" if k == 0 else None)
                axis.plot(times[inside], run[inside, i], color=color, label="fit" if k == 0 else None)
                if later is not None:
                    axis.plot(
                        later.times,
                        later.values[:, i],
                        "o",
                        ms=4,
                        mfc="none",
                        color=color,
                        label="held out" if k == 0 else None,
                    )
                    axis.plot(times[~inside], run[~inside, i], "--", color=color, label="free run" if k == 0 else None)
                axis.set(ylabel=state, xlabel=self.system.time.name)
                axis.legend(frameon=False, ncols=2)

    def _values(self, unknown: AppliedUndef, arguments: np.ndarray) -> np.ndarray:
        """Values of a recovered term for rows of its arguments."""
        names = [sp.Dummy() for _ in unknown.args]
        known = {p: sp.Float(v) for p, v in self.system.defaults.items()}
        shape = self.terms[unknown].subs(dict(zip(unknown.args, names, strict=True)), simultaneous=True).xreplace(known)
        program = lower("term", [("none", ()), ("x", names)], [shape], [""])
        return np.broadcast_to(evaluate(program, [], list(arguments.T))[0], len(arguments))


def _rounded(e: sp.Expr) -> sp.Expr:
    return e.xreplace({n: sp.Float(n, 4) for n in e.atoms(sp.Float)})
