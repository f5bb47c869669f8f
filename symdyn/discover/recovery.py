"""Recovery: the result of `recover`, a ranked set of systems with the evidence for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn import html
from symdyn.attached import RecoveryVerbs
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, observations
from symdyn.inference.filtering import ErrorLaw
from symdyn.inference.information import normal_draws
from symdyn.inference.naming import rounded
from symdyn.system import System

__all__ = ["Forecaster", "Identifiability", "Recovery", "Terms"]

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


#: Systems of the table that notebooks show.
SHOWN = 5
#: Formulas on lines of their own.
DISPLAY = r"\displaystyle "


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


@dataclass(frozen=True)
class Forecaster:
    """A system that takes part in the bands of predictions.

    Attributes
    ----------
    system : System
        With fitted values.
    start : (trajectories, n) float64
        Fitted initial values.
    free : tuple of str
        Fitted parameters.
    law : ErrorLaw
        Of its errors.
    criterion : float
        Minus twice the logarithm of its weight, but for a constant.
    """

    system: System
    start: np.ndarray
    free: tuple[str, ...]
    law: ErrorLaw
    criterion: float


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
        A row for each system: terms, complexity (nodes), parameters, bic (`symdyn.inference.selection.criterion`), its
        weight among the models visited (NaN if only one was; less sharp where a note says that what the first leaves is
        not noise, see `symdyn.inference.criterion.weights`), rms (relative error of the fit), one_step, forecast (error of
        forecasts from within the data, see `RecoverOptions.process`; NaN unless measured), and heldout_one_step and
        heldout_free_run (relative errors; NaN if nothing was held out).
    intervals : DataFrame
        Constants and initial values of the first system with standard errors and intervals of probability `level`, given its
        terms.  They end at declared bounds, and are infinite where the data do not tell a value; both is noted.
    covariance : DataFrame
        Of the same values; zero for those that the data do not determine.
    identifiability : Identifiability
    inclusion : DataFrame
        Evidence for each library term: the weight of all visited systems that hold it (NaN if only one was visited).
    evaluations : int
        Simulations that the selection took.
    surrogate : SurrogateFit or None
    observations, heldout : Observations
        The data used, and the validation data (None if there are none).
    starts : tuple of (trajectories, n) float64
        Fitted initial values of every trajectory for each system.
    law : ErrorLaw or None
        How errors are distributed in the first system, where models were compared with process noise.
    noise : DataFrame or None
        Then the standard deviations of its errors by state: measurement, and model (in a unit of time; zero if there is none),
        as shares of the values where the law is logarithmic.
    forecasters : tuple of Forecaster
        Systems that were compared with process noise allowed for, the best first, which the bands of predictions mix.
    level : float
        Of the intervals.
    warnings : tuple of str
        Notes for the user.
    complete : bool
        False if a budget of time or an interrupt ended the search.
    logarithmic : bool
        Whether constants are positive and normal in their logarithms.

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

    logarithmic: ClassVar[bool] = False

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
    law: ErrorLaw | None = None
    noise: pd.DataFrame | None = None
    forecasters: tuple[Forecaster, ...] = ()
    level: float = 0.9
    warnings: tuple[str, ...] = ()
    complete: bool = True

    def __repr__(self) -> str:
        head = f"{type(self).__name__}: {len(self.systems)} systems from {self._data()}"
        weight = self.table["weight"][0]
        share = "no weight, as no other model was compared" if np.isnan(weight) else f"weight {weight:.2g}"
        facts = self.identifiability
        lines = [head, *(f"    {text}" for text in self._found()), f"  {share}, {self._quality()}", *self._constants()]
        if facts.rank < facts.fitted:
            lines.append(f"  the data determine {facts.rank} of {facts.fitted} fitted values")
        lines += [f"  as good: {text or 'nothing changed'}" for text in facts.equivalent]
        return "\n".join([*lines, *(f"  note: {text}" for text in self.warnings)])

    def _data(self) -> str:
        """What the systems were found from."""
        return f"{self.observations.size} data, {self.evaluations} simulations"

    def _found(self) -> list[str]:
        return [f"{u} = {rounded(e)}" for u, e in self.terms.items()] or [self.table["terms"][0]]

    def _quality(self) -> str:
        """How well the first system fits."""
        best = self.table.iloc[0]
        if "log_likelihood" in best:
            return f"log-likelihood {best['log_likelihood']:.6g}"
        text = f"relative error {best['rms']:.2g}"
        if best["rms"] > APART and best["one_step"] < APART:
            text += f" running free, {best['one_step']:.2g} one step ahead"
        if np.isfinite(best["heldout_free_run"]):
            text += f", held out {best['heldout_one_step']:.2g} one step ahead, {best['heldout_free_run']:.2g} running free"
        return text

    def _constants(self) -> list[str]:
        """A line with the intervals of the constants in the terms of the first system."""
        own = {s.name for e in self.formulas.values() for s in e.free_symbols}
        rows = self.intervals[self.intervals["constant"].isin(own)] if self.terms else self.intervals
        shown = (f"{r.constant} {r.lower:.4g} to {r.upper:.4g}" for r in rows.itertuples())
        return [f"  {100 * self.level:g} % intervals: {', '.join(shown)}"] if len(rows) else []

    def _beginnings(self) -> list[tuple[float, dict[str, Any]]]:
        """When the run of each trajectory begins, and with which values: the fitted, or else the first complete ones."""
        found = []
        for k, trajectory in enumerate(self.observations.trajectories):
            complete = np.flatnonzero(np.isfinite(trajectory.values).all(axis=1))
            if self.starts:
                found.append((trajectory.times[0], self.starts[0][k]))
            elif len(complete):
                found.append((trajectory.times[complete[0]], trajectory.values[complete[0]]))
        return [(float(t), dict(zip(self.system.names, map(float, x), strict=True))) for t, x in found]

    def _measured(self, data: Any) -> Observations:
        """Data as trajectories; those of the recovery if there are no others."""
        if data is None:
            return self.observations
        own = [s.name for s in self.system.helpers]

        def whole(part: Any) -> Any:  # of a run all states, from which another one begins
            return part.reset_coords([n for n in own if n in part.coords]) if isinstance(part, xr.Dataset) else part

        return observations(self.system, [whole(part) for part in data] if isinstance(data, list) else whole(data))

    def _mean_system(self) -> System:
        """What predicts means; another system where this one is random."""
        return self.system

    def draws(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw all that was fitted from its normal approximation, see `sample`.

        Parameters
        ----------
        count : int
            Number of draws.
        rng : Generator

        Returns
        -------
        (count, k) float64
            In the order of `intervals`, in the units of the values.

        Examples
        --------
        >>> import numpy as np, sympy as sp, symdyn as sd
        >>> x, f = sp.Symbol("x"), sp.Function("f")
        >>> data = {"t": np.arange(10), "x": 3.0 ** np.arange(10)}
        >>> found = sd.recover(sd.DiscreteSystem({x: f(x)}), data, library=[x], surrogate=None, progress=False)
        >>> found.draws(5, np.random.default_rng(0)).round(3)[0].tolist()
        [3.0, 1.0]
        """
        values, covariance = self.intervals["value"].to_numpy(), self.covariance.to_numpy()
        if self.logarithmic:
            relative = normal_draws(np.zeros(len(values)), covariance / np.outer(values, values), count, rng)
            return np.asarray(values * np.exp(relative))
        return normal_draws(values, covariance, count, rng)

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
            ``parameters`` and ``initial`` (of the first trajectory of the data, as far as they were fitted), each a mapping to
            DataArrays (trajectory), in the units of the values, as `simulate` takes them:
            ``simulate(found.system, t, **found.sample(500))``.  Draws that change the sign of a value are repeated.

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
        rng = np.random.default_rng(seed)
        draws = np.empty((0, len(values)))
        for _ in range(MOST_DRAWS):
            new = self.draws(count, rng)
            draws = np.concatenate([draws, new[(new * values >= 0).all(axis=1)]])[:count]
            if len(draws) == count:
                break
        else:
            raise RecoveryError(
                "the constants are so uncertain that draws rarely keep their signs; "
                "see 'intervals', give bounds or known values, or data that tell more"
            )
        columns = dict(zip(self.intervals["constant"], draws.T, strict=True))
        initial: dict[str, str] = {}
        if self.starts:
            begin = self.observations.trajectories[0].times[0]
            several = len(self.observations.trajectories) > 1 or f"{self.system.names[0]}({begin:g})" not in columns
            initial = {s: f"{s}({begin:g}){' of trajectory 0' if several else ''}" for s in self.system.names}

        def labelled(names: dict[str, str]) -> dict[str, xr.DataArray]:
            return {k: xr.DataArray(columns[v], dims="trajectory") for k, v in names.items() if v in columns}

        return {"parameters": labelled({p.name: p.name for p in self.system.parameters}), "initial": labelled(initial)}

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        head = f"<b>{type(self).__name__}: {len(self.systems)} systems from {escape(self._data())}</b>"
        formulas = (f"{sp.latex(u)} = {sp.latex(rounded(e))}" for u, e in self.terms.items())
        terms = "".join(f"<div>{html.formula(DISPLAY + text)}</div>" for text in formulas)
        facts = "".join(f"<div>{escape(line.strip())}</div>" for line in [self._quality(), *self._constants()])
        notes = "".join(f"<div>note: {escape(text)}</div>" for text in self.warnings)
        table = (
            self.table.head(SHOWN).dropna(axis=1, how="all").to_html(index=False, border=0, float_format=lambda v: f"{v:.3g}")
        )
        return f"<div>{head}{terms}{facts}{notes}{table}{html.methods(type(self))}</div>"

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
        written = self.system.map_expressions(lambda e: rounded(e.xreplace(known))).equations()
        rows = (f"{e.left_latex} &{e.join_latex} {e.right_latex}" for e in written)
        return "\n".join([r"\begin{aligned}", " \\\\\n".join(rows), r"\end{aligned}"])
