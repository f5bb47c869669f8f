"""What a fit finds: values with their uncertainty, the optima, residuals, and the fitted system."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as fisher

from symdyn import html
from symdyn.attached import FitVerbs
from symdyn.errors import RecoveryError
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.information import Information, arrow, intervals, inverse
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.stochastic_problem import StochasticProblem

__all__ = ["Fit", "observed_problem", "threshold"]

#: Differences of log-likelihoods, and of coordinates relative to their sizes, of one optimum.
SAME, NEAR = 0.1, 0.05
#: Values, and notes on their limits, that are printed.
SHOWN, MOST_LIMITS = 40, 10


@dataclass(frozen=True, eq=False, repr=False)
class Fit(FitVerbs):
    """Fitted parameters, what the data tell of them, and the system that they make; `symdyn.fit` makes one.

    Attributes
    ----------
    problem : FitProblem
        The likelihood, as a function of coordinates.
    theta : (P,) float64
        Coordinates of the optimum.
    scaled_starts : (V, n) float64
        Its initial values, scaled.
    ends : DataFrame
        A row for each start, the best first: ``log_posterior`` and the values where it ended.
    system : System
        With the fitted values, and the initial values of the first trajectory.
    notes : tuple of str
        What is to be known of the fit.
    level : float
        Of the intervals.
    seed : int
    complete : bool
        False if its budget or an interrupt ended the fit: more time may find a better one.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}), data, seed=0)
    >>> print(fit)
    Fit of 2 values to 8 measurements; 18 of 20 starts ended in the best optimum
    log-likelihood 22.8708, AIC -39.7416, BIC -39.5033
      k     0.50248 ± 0.0045   90% between 0.49376 and 0.5112
      x(0)  3.0124 ± 0.015   90% between 2.9834 and 3.0414
    """

    problem: FitProblem
    theta: np.ndarray
    scaled_starts: np.ndarray
    ends: pd.DataFrame
    system: Any
    notes: tuple[str, ...] = ()
    level: float = 0.9
    seed: int = 0
    complete: bool = True

    # ---- values -----------------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, float]:
        """Fitted values by name, initial values not among them."""
        return dict(zip(self.problem.names, map(float, self.problem.values(self.theta)), strict=True))

    @property
    def starts(self) -> np.ndarray:
        """Initial values of every trajectory, (trajectories, n)."""
        problem = self.problem
        if not isinstance(problem, ObservedProblem):
            return np.zeros((0, 0))
        return problem.starts_of(self.theta, self.scaled_starts)[problem.first]

    @property
    def windows(self) -> int:
        """Into how many windows the longest trajectory is cut."""
        problem = self.problem
        return int(np.bincount(problem.cut.origins[:, 0]).max()) if isinstance(problem, ObservedProblem) else 1

    @cached_property
    def information(self) -> Information:
        """Estimates in coordinates with their covariance: parameters, then initial values."""
        problem, P = self.problem, len(self.theta)
        local = problem.expand(np.zeros(1, dtype=int), self.theta[None], self.scaled_starts[None], fisher=True)
        open_ = problem.open_starts.ravel()
        moved = np.concatenate([np.ones(P, dtype=bool), open_])
        matrix = arrow(local.information[0], local.mixed[0], local.start_information[0])
        found = inverse(matrix[np.ix_(moved, moved)])
        inflation = problem.size / problem.freedom if problem.corrected else 1.0
        low, high = (
            np.concatenate([a, b[problem.open_starts]])
            for a, b in zip((problem.low, problem.high), problem.start_bounds, strict=True)
        )
        values = np.concatenate([self.theta, self.scaled_starts[problem.open_starts]])
        names = (*problem.names, *problem.start_names)
        freedom = problem.freedom if problem.corrected else np.inf
        covariance = np.where(found.undetermined[:, None] | found.undetermined, 0.0, found.covariance) * inflation
        return Information(
            names, values, covariance, found.undetermined, found.rank, found.condition, freedom, low, high
        )  # fmt: skip

    @property
    def covariance(self) -> pd.DataFrame:
        r"""Covariance matrix of the estimates by Laplace's approximation, rows and columns by name, initial values included.

        Of values themselves, :math:`\Sigma = D\,\Sigma_\theta D` with the slopes D of values against the coordinates of the
        search; its diagonal has the squares of ``intervals["standard error"]``.  Values that the data do not tell have infinite
        variance.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; x(0) = 1")
        >>> fit = sd.fit(decay, {"t": [0, 1, 2, 3, 4], "x": [1, 0.62, 0.36, 0.21, 0.14]}, parameters={"k": (0.1, 2)})
        >>> float(fit.covariance.loc["k", "k"] ** 0.5 / fit.intervals["standard error"][0]).__round__(9)
        1.0
        """
        errors, facts = self.intervals["standard error"].to_numpy(), self.information
        inner = np.sqrt(np.maximum(np.diag(facts.covariance), 0.0))
        scale = np.divide(errors, inner, out=np.zeros_like(inner), where=(inner > 0) & np.isfinite(errors))
        matrix = facts.covariance * scale[:, None] * scale
        np.fill_diagonal(matrix, errors**2)
        return pd.DataFrame(matrix, index=list(facts.names), columns=list(facts.names))

    @property
    def intervals(self) -> pd.DataFrame:
        """Columns constant, value, standard error, lower, upper: intervals of Laplace's approximation in the coordinates.

        They end at bounds, and are symmetric in the logarithm of values whose coordinate that is.
        """
        frame, columns = intervals(self.information, self.level), self.problem.columns
        with np.errstate(over="ignore"):
            for name in ("lower", "upper", "standard error", "value"):
                inner = frame[name].to_numpy().copy()
                for k, c in enumerate(columns):
                    at = frame["value"].to_numpy()[k]
                    inner[k] = (
                        (inner[k] * c.slope(c.value(at)) if np.isfinite(inner[k]) else inner[k])
                        if name == "standard error"
                        else np.clip(c.value(inner[k]), c.low, c.high)
                    )
                inner[len(columns) :] *= self._start_sizes
                frame[name] = inner
        return frame

    @property
    def _start_sizes(self) -> np.ndarray:
        """Scales of the initial values that are fitted."""
        opened = self.problem.open_starts
        return np.broadcast_to(self.problem.start_scale, opened.shape)[opened]

    @property
    def rank(self) -> int:
        """How many directions of the fitted values the data determine."""
        return self.information.rank

    @property
    def count(self) -> int:
        """How many values are fitted, scales of the noise that are estimated along not among them."""
        return self.problem.count

    @property
    def limits(self) -> list[str]:
        """Notes on values that the data do not tell, and on intervals that end at bounds."""
        table, problem = self.intervals, self.problem
        lost = table["constant"][self.information.undetermined]
        found = [f"the data do not tell {', '.join(lost)}: every value fits as well"] if len(lost) else []
        for c, lower, upper in zip(problem.columns, table["lower"], table["upper"], strict=False):
            for side, end, bound in (("lower", lower, c.low), ("upper", upper, c.high)):
                if np.isfinite(bound) and bound != 0 and np.isclose(end, bound, rtol=1e-9, atol=0):
                    found.append(f"the interval of {c.name} ends at its {side} bound, {bound:.6g}")
        return found

    # ---- likelihood -------------------------------------------------------------------------------------

    @cached_property
    def log_posterior(self) -> float:
        """Logarithm of the likelihood and of the densities of the priors."""
        rss = self.problem.expand(np.zeros(1, dtype=int), self.theta[None], self.scaled_starts[None]).rss
        return -0.5 * float(rss.sum())

    @property
    def log_likelihood(self) -> float:
        """Logarithm of the likelihood."""
        return self.log_posterior - float(self.problem.log_prior(self.theta[None])[0])

    @property
    def log_likelihood_error(self) -> float:
        """Standard error of `log_likelihood` where simulations estimate it, else 0."""
        return self.problem.error(self.theta)

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2 * (self.count + self.problem.concentrated) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's information criterion."""
        return float(np.log(self.problem.size)) * (self.count + self.problem.concentrated) - 2 * self.log_likelihood

    @property
    def optima(self) -> pd.DataFrame:
        """The optima that starts ended in, the best first: ``log_posterior``, ``reached`` (how often), and values."""
        names = [c for c in self.ends.columns if c != "log_posterior"]
        kept: list[dict[str, float]] = []
        for row in self.ends.to_dict(orient="records"):
            for other in kept:
                apart = [abs(row[n] - other[n]) > NEAR * (abs(other[n]) + 1e-12) for n in names]
                if other["log_posterior"] - row["log_posterior"] < SAME and not any(apart):
                    other["reached"] += 1
                    break
            else:
                kept.append({"log_posterior": row["log_posterior"], "reached": 1, **{n: row[n] for n in names}})
        return pd.DataFrame(kept, columns=["log_posterior", "reached", *names])

    # ---- residuals --------------------------------------------------------------------------------------

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """Columns trajectory, condition, time, observable, measured, expected, scale, residual: differences over the scale.

        Of fields also the position of each place, by axis.  Censored measurements have none.
        """
        problem = observed_problem(self, "residuals")
        cut, found = problem.cut, []
        prediction, times = problem.predicted(self.theta, self.scaled_starts), problem.times()
        for o, spec in enumerate(problem.setup.observed):
            y, mean = cut.values[..., o], prediction.mean[..., o]
            scale = np.sqrt(spec.law.variance(mean, prediction.parameters[o]))
            exact = (
                np.isfinite(y) if problem.noise.limits is None else np.isfinite(y) & np.isnan(problem.noise.limits[..., o, 0])
            )
            for v, j in zip(*np.nonzero(exact), strict=True):
                k = int(cut.origins[v, 0])
                found.append(
                    (
                        k, problem.setup.conditions[k] if problem.setup.conditions else "", times[v, j], spec.name, y[v, j],
                        mean[v, j], scale[v, j], spec.law.residuals(y[v, j], mean[v, j]) / scale[v, j],
                    )
                )  # fmt: skip
        names = ["trajectory", "condition", "time", "observable", "measured", "expected", "scale", "residual"]
        table = pd.DataFrame(found, columns=names)
        for a, axis in enumerate(getattr(problem.system, "space", ())):
            places = [t.place[a] if t.place else np.nan for t in problem.setup.data.trajectories]
            table[axis.name] = np.array(places)[table["trajectory"].to_numpy(dtype=int)]
        return table

    @property
    def noise(self) -> pd.Series:
        """Root mean square residual of every observable, in its units (of log-normal noise in its logarithm).

        Of exact measurements alone: where others are censored, the fitted scale of the noise is among `parameters`.
        """
        table = self.residuals
        square = (table["residual"] * table["scale"]) ** 2
        return square.groupby(table["observable"], sort=False).mean() ** 0.5

    # ---- text -------------------------------------------------------------------------------------------

    @property
    def _title(self) -> tuple[str, str]:
        """Of what it is, and how well it follows the data."""
        count, starts = len(self.intervals), len(self.ends)
        best = int(self.optima["reached"].iloc[0]) if starts else 0
        found = "from one start" if starts == 1 else f"{best} of {starts} starts ended in the best optimum"
        return (
            f"Fit of {count} value{'s' if count > 1 else ''} to {self.problem.size} measurements"
            f"{'' if self.complete else ', cut short'}; {found}",
            f"log-likelihood {self.log_likelihood:.6g}, AIC {self.aic:.6g}, BIC {self.bic:.6g}",
        )

    def __str__(self) -> str:
        table, lines, limits = self.intervals, list(self._title), self.limits
        width = max((len(n) for n in table["constant"][:SHOWN]), default=0)
        for _, row in table[:SHOWN].iterrows():
            lines.append(
                f"  {row['constant']:<{width}}  {row['value']:.5g} ± {row['standard error']:.2g}   "
                f"{self.level:.0%} between {row['lower']:.5g} and {row['upper']:.5g}"
            )
        if len(table) > SHOWN:
            lines.append(f"  and {len(table) - SHOWN} more, which the table intervals has")
        if len(limits) > MOST_LIMITS:
            limits = [*limits[:MOST_LIMITS], f"{len(limits) - MOST_LIMITS} more of this kind stand in limits"]
        return "\n".join([*lines, *(f"note: {n}" for n in (*self.notes, *limits))])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return self.system._repr_latex_()

    def _repr_html_(self) -> str:
        heads = ("", "value", "standard error", f"{self.level:.0%} from", "to")
        fields = ("value", "standard error", "lower", "upper")
        rows = [(escape(row["constant"]), *(f"{row[f]:.5g}" for f in fields)) for _, row in self.intervals.iterrows()]
        notes = "".join(f"<div>{escape(n)}</div>" for n in (*self.notes, *self.limits))
        equations, title = f"<div>{escape(self.system._repr_latex_())}</div>", escape("; ".join(self._title))
        return f"<div><b>{title}</b>{html.table(heads, rows)}{notes}{equations}{html.methods(type(self))}</div>"


def observed_problem(fit: Fit, what: str) -> ObservedProblem:
    """The likelihood of a system, which `what` needs.

    Raises
    ------
    RecoveryError
        For a fit of a PEtab problem, or of a system with randomness.
    """
    if isinstance(fit.problem, StochasticProblem):
        name = fit.problem.likelihood.name
        raise RecoveryError(f"a fit with the likelihood {name!r} has no {what}; it predicts, and has profiles and samples")
    if not isinstance(fit.problem, ObservedProblem):
        raise RecoveryError(
            f"a fit of a PEtab problem has no {what}; it has profiles, samples and cross-validations, and "
            "problem.simulate(fit.parameters) predicts"
        )
    return fit.problem


def threshold(fit: Fit, level: float) -> float:
    """By how much minus twice the logarithm of the posterior may exceed its least in a profile interval.

    The quantile of chi square, or of N log(1 + F/(N - k)) where the scales of all noise are estimated along.
    """
    problem = fit.problem
    if not problem.corrected:
        return float(chi2.ppf(level, 1))
    return float(problem.size * np.log1p(float(fisher.ppf(level, 1, problem.freedom)) / problem.freedom))
