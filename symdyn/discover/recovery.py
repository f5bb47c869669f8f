"""Recovery: the result of `recover`, a ranked set of systems with the evidence for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn.attached import RecoveryVerbs
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["Identifiability", "Recovery", "Terms"]

#: Relative error from which a run has nothing to do with the data, as of a chaotic system in the long run.
APART = 0.5
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
    """Combinations of constants that are not identifiable from the data.

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
class Recovery(RecoveryVerbs):
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
    formulas : dict of AppliedUndef to Expr
        The same with the names of constants as in `system` and `intervals`.
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
        The data used, and the validation data (None if there are none).
    starts : tuple of (trajectories, n) float64
        Fitted initial values of every trajectory for each system.
    warnings : tuple of str
        Notes for the user.
    complete : bool
        False if a budget of time or an interrupt ended the search.

    Recoveries of kinds of systems whose data are not trajectories of states are subclasses with figures of their own.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
    >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
    >>> type(found).__name__, round(float(found.terms[f(x)].coeff(x)), 6)
    ('Recovery', 3.0)
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
    formulas: Terms = field(default_factory=Terms)
    surrogate: Any = None
    observations: Any = None
    heldout: Any = None
    starts: tuple[np.ndarray, ...] = ()
    warnings: tuple[str, ...] = ()
    complete: bool = True

    def __repr__(self) -> str:
        best = self.table.iloc[0]
        lines = [f"Recovery: {len(self.systems)} systems from {self.observations.size} data, {self.evaluations} simulations"]
        lines += [f"    {u} = {_rounded(e)}" for u, e in self.terms.items()]
        lines.append(f"  weight {best['weight']:.2g}, relative error {best['rms']:.2g}")
        if best["rms"] > APART and best["one_step"] < APART:
            lines[-1] += f" running free, {best['one_step']:.2g} one step ahead"
        if np.isfinite(best["heldout_free_run"]):
            lines[-1] += (
                f", held out {best['heldout_one_step']:.2g} one step ahead, {best['heldout_free_run']:.2g} running free"
            )
        return "\n".join([*lines, *self._remarks()])

    def _remarks(self) -> list[str]:
        """What the data do not tell, and notes: the last lines of a printed recovery."""
        facts = self.identifiability
        lines = [f"  the data determine {facts.rank} of {facts.fitted} fitted values"] if facts.rank < facts.fitted else []
        lines += [f"  as good: {text}" for text in facts.equivalent]
        return [*lines, *(f"  note: {text}" for text in self.warnings)]

    def sample(self, count: int, *, seed: int = 0) -> dict[str, dict[str, xr.DataArray]]:
        """Draw constants and initial values of the first system from their normal approximation.

        Parameters
        ----------
        count : int
            Number of draws; each becomes a trajectory.
        seed : int
            Of the random numbers.

        Returns
        -------
        dict
            ``parameters`` and ``initial`` (of the first trajectory of the data), each a mapping to DataArrays (trajectory), in
            the units of the values, as `simulate` takes them: ``simulate(found.system, t, **found.sample(500))``.  Draws that
            change the sign of a value are repeated.

        Raises
        ------
        RecoveryError
            If the constants are so uncertain that nearly all draws change a sign.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, f = sp.Symbol("x"), sp.Function("f")
        >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
        >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
        >>> draws = found.sample(5)
        >>> draws["initial"]["x"].sizes["trajectory"], bool(np.allclose(draws["initial"]["x"], 1.0))
        (5, True)
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

    def latex(self) -> str:
        r"""The equations of the first system with numbers for its constants, as LaTeX.

        Returns
        -------
        str
            An ``aligned`` environment.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, f = sp.Symbol("x"), sp.Function("f")
        >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
        >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
        >>> print(found.latex())
        \begin{aligned}
        x_{t+1} &= 3.0 x
        \end{aligned}
        """
        known = {p: sp.Float(v) for p, v in self.system.defaults.items()}
        written = self.system.map_expressions(lambda e: _rounded(e.xreplace(known))).equations()
        rows = (f"{e.left_latex} &{e.join.strip()} {e.right_latex}" for e in written)
        return "\n".join([r"\begin{aligned}", " \\\\\n".join(rows), r"\end{aligned}"])


def _rounded(e: sp.Expr) -> sp.Expr:
    return e.xreplace({n: sp.Float(n, 4) for n in e.atoms(sp.Float)})
