"""Closed moment equations: a Kalman filter along paths, and of cells that are not followed their sample moments."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
import sympy as sp
from scipy.special import factorial2

from symdyn.derive.closures import CLOSURES
from symdyn.derive.moments import moments
from symdyn.errors import RecoveryError, SymdynError
from symdyn.inference.data import Observations
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.likelihoods._moment_equations import MomentEquations
from symdyn.inference.likelihoods._normal import (
    NormalFilter,
    inverted,
    normal_terms,
    normal_unmet,
    without_lost,
)
from symdyn.inference.likelihoods._normal_smoother import SmoothingFilter
from symdyn.inference.likelihoods.registry import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms, eventful
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.methods.options import check_whole
from symdyn.models.moment_index import indices
from symdyn.models.moments import MomentSystem

__all__ = ["MomentLikelihood"]

#: Cells of one time below which a note says that there are few.
MANY = 30


@dataclass(frozen=True, kw_only=True)
class MomentLikelihood(FitLikelihood):
    r"""Closed moment equations of any order.

    Along paths a Kalman filter with their mean and covariance, whose higher moments start as those of normal variables after
    every measurement.  Of cells that are not followed the sample moments :math:`\bar\mu` of all orders up to `order` are
    compared with those expected, as normal variables with the covariance :math:`\Sigma / N` that moments up to twice the order
    give,

    .. math:: \log L = -\tfrac12 \sum_t \left( N_t\, (\bar\mu_t - \mu_t)^T \Sigma_t^{-1} (\bar\mu_t - \mu_t)
              + \log\det(2 \pi \Sigma_t / N_t) \right),

    which supposes many cells at each time and nothing of the shape of their distribution.

    Parameters
    ----------
    order : int
        Of the highest moments that are retained along paths, and of the sample moments of cells; the equations of these go to
        twice the order.
    closure : str
        Name of a closure in ``symdyn.CLOSURES``.
    taylor_order : int, optional
        For rates that are no polynomials.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"g": 1}, initial={"X": 0})
    >>> rng = np.random.RandomState(0)
    >>> data = {"t": np.repeat([0.5, 1.0], 300), "X": rng.poisson(20 * (1 - np.exp(-np.repeat([0.5, 1.0], 300))))}
    >>> fit = sd.fit(net, data, likelihood="moments", starts=2)
    >>> bool(abs(fit.parameters["k"] - 20) < 1)
    True
    """

    name: ClassVar[str] = "moments"
    definition: ClassVar[str] = (
        "closed moment equations: normal laws along paths, sample moments of cells that are not followed"
    )
    reference: ClassVar[str] = (
        "Zechner et al., PNAS 109, 8340 (2012); Milner, Gillespie, Wilkinson, Stat. Comput. 23, 287 (2013)"
    )
    order: int = 2
    closure: str = "normal"
    taylor_order: int | None = None

    def __post_init__(self) -> None:
        check_whole(1, order=self.order)
        if self.closure not in CLOSURES:
            raise RecoveryError(f"the closure is {self.closure!r}; known: {', '.join(CLOSURES)}")

    def unmet(self, setup: StochasticSetup) -> str | None:
        if reason := eventful(setup.system):
            return reason
        if not setup.snapshots and self.order < 2:
            return "needs order=2 or more along paths, for their covariance"
        if not setup.snapshots and CLOSURES[self.closure].needs_binary:
            return f"along paths takes no closure of binary species such as {self.closure!r}"
        try:
            self._closed(setup)
            if setup.snapshots:
                SampleMoments(setup, self._closed(setup), self.order)
        except SymdynError as error:
            return f"does not apply: {error}"
        return normal_unmet(setup) if not setup.snapshots else setup.conserved()

    def evaluator(self, setup: StochasticSetup) -> Evaluator:
        if setup.snapshots:
            return SampleMoments(setup, self._closed(setup), self.order)
        return SmoothingFilter(setup, MomentEquations.of(self._closed(setup)))

    def _closed(self, setup: StochasticSetup) -> MomentSystem:
        system = setup.system if setup.snapshots or setup.system.propensities is None else setup.system.replace(binary=())
        order = self.order * (2 if setup.snapshots else 1)
        return moments(system, order, self.closure, central=True, taylor_order=self.taylor_order)


class SampleMoments(Evaluator):
    """The likelihood of sample moments of cells."""

    def __init__(
        self, setup: StochasticSetup, closed: MomentSystem, order: int, by: tuple[sp.Symbol, ...] | None = None
    ) -> None:  # fmt: skip
        self.setup, self.closed, self.order = setup, closed, order
        self._inner = NormalFilter(setup, MomentEquations.of(closed), by)
        self.unknowns = tuple(sp.Symbol(f"z{i}_") for i in range(len(closed.states)))
        n = len(setup.observed)
        self.powers = [i for k in range(1, order + 1) for i in indices(n, k)]
        self.every = [i for k in range(1, 2 * order + 1) for i in indices(n, k)]
        renamed = dict(zip(closed.states, self.unknowns, strict=True))
        known = {p: sp.Float(v) for p, v in setup.known.items()}
        expected = [_expected(setup, closed, i).xreplace(renamed).xreplace(known) for i in self.every]
        inputs = (*self.unknowns, *setup.symbols)
        self.formulas = ArrayFormulas(expected, (*inputs, setup.system.time), inputs if self._inner.by else ())
        self.scale = np.array([np.prod(setup.data.scale ** np.array(i)) for i in self.every])
        place = {i: k for k, i in enumerate(self.every)}
        self.products = np.array([[place[tuple(map(sum, zip(a, b, strict=True)))] for b in self.powers] for a in self.powers])
        self.samples = self._sampled()
        few = min(((count, time) for time, _, _, count in self.samples), default=(MANY, 0.0))
        if few[0] < MANY:
            self.notes = (f"sample moments suppose many cells, and of time {few[1]:g} there are {few[0]}",)

    def without_slopes(self) -> SampleMoments:
        return SampleMoments(self.setup, self.closed, self.order, by=())

    def with_data(self, data: Observations) -> Evaluator:
        new = super().with_data(data)
        assert isinstance(new, SampleMoments)
        new.samples = new._sampled()
        return new

    def _sampled(self) -> list[tuple[float, np.ndarray, np.ndarray, int]]:
        """Time, places and values of sample moments, and the number of cells, of those with the same columns measured."""
        found = []
        for time, rows in self.setup.cells():
            patterns, which = np.unique(np.isfinite(rows), axis=0, return_inverse=True)
            for k, have in enumerate(patterns if time > self.setup.begin else ()):  # what begins alike tells nothing
                own = rows[which.ravel() == k]
                places = [j for j, i in enumerate(self.powers) if not any(i[o] for o in np.flatnonzero(~have))]
                filled = np.where(have, own, 0.0)
                terms = [np.prod(filled ** np.array(self.powers[j]), axis=1).mean() / self.scale[j] for j in places]
                if places:
                    found.append((time, np.array(places), np.array(terms), len(own)))
        return found

    def expected(self, values: np.ndarray, wanted: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (T,), expected moments (M, T, k) over their scales, and derivatives (M, T, k, P)."""
        z, dz, times = self._inner.unknowns(values, wanted)
        M, T, P = len(values), len(times), self._inner.count
        table = {s: z[..., i] for i, s in enumerate(self.unknowns)}
        table |= {s: values[:, k, None] for k, s in enumerate(self.setup.symbols)}
        found, slopes = self.formulas(table | {self.setup.system.time: times[None]})
        mean = np.stack([np.broadcast_to(v, (M, T)) for v in found], axis=-1)
        moved = np.zeros((*mean.shape, P))
        for (k, q), d in slopes.items():
            d = np.broadcast_to(d, (M, T))
            if q < len(self.unknowns):
                moved[:, :, k] += d[..., None] * dz[:, :, q]
            else:
                moved[:, :, k, q - len(self.unknowns)] += d
        return times, mean / self.scale, moved / self.scale[:, None]

    def columns_at(self, values: np.ndarray, times: list[float]) -> tuple[np.ndarray, np.ndarray] | None:
        grid, mean, _ = self.expected(values[None], times)
        raw, n = (mean[0] * self.scale)[np.searchsorted(grid, times)], len(self.setup.observed)
        first, second = (raw[:, [self.every.index(tuple(k * int(i == j) for i in range(n))) for j in range(n)]] for k in (1, 2))
        return first, second - first**2

    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        M, P = len(values), self._inner.count
        total = LikelihoodTerms(np.zeros(M), np.zeros((M, P)), np.zeros((M, P, P)))
        with np.errstate(all="ignore"):
            times, mean, moved = self.expected(values, [t for t, *_ in self.samples])
            for time, places, seen, count in self.samples:
                at = int(np.searchsorted(times, time))
                mu, slope = mean[:, at, places], moved[:, at, places]
                pairs = self.products[np.ix_(places, places)]
                spread = mean[:, at][:, pairs] - mu[:, :, None] * mu[:, None, :]
                crossed = slope[:, :, None] * mu[:, None, :, None]
                bent = moved[:, at][:, pairs] - crossed - np.swapaxes(crossed, 1, 2)
                inverse, logs = inverted(spread / count)
                have = np.full(M, len(places))
                terms = normal_terms(seen - mu, slope, inverse, logs, bent / count, have)
                for own, added in zip((total.value, total.gradient, total.information), terms, strict=True):
                    own += added
        return without_lost(total)


def _expected(setup: StochasticSetup, closed: MomentSystem, powers: tuple[int, ...]) -> sp.Expr:
    """The raw moment of measurements with these powers, of moments of the species and of the noise."""
    states = setup.system.states
    total = sp.S.Zero
    for lower in itertools.product(*(range(p + 1) for p in powers)):
        product = sp.S.One
        for spec, p, q in zip(setup.observed, powers, lower, strict=True):  # noise may grow with the numbers
            product *= comb(p, q) * _noise_moment(spec, p - q) * spec.expression**q
        if product != 0:
            total += _mean_of(product, states, closed)
    return total


def _noise_moment(spec: NoisyObservable, power: int) -> sp.Expr:
    """A moment of the noise of a column."""
    if power == 0:
        return sp.S.One
    if spec.law.exact or power % 2:
        return sp.S.Zero
    if spec.law.name != "normal":
        raise RecoveryError(f"sample moments take normal noise or none, and that of {spec.name} is {spec.law.name}")
    [deviation] = spec.parameters or ()
    return deviation**power * int(factorial2(power - 1))


def _mean_of(e: sp.Expr, states: tuple[sp.Symbol, ...], closed: MomentSystem) -> sp.Expr:
    """The expected value of a polynomial of the species."""
    try:
        polynomial = sp.Poly(e, *states)
    except sp.PolynomialError:
        raise RecoveryError(f"sample moments take observables that are polynomials of the species, and {e} is none") from None
    return sp.Add(*(c * (closed.moments.raw(i) if any(i) else sp.S.One) for i, c in polynomial.terms()))


LIKELIHOODS.register("moments", MomentLikelihood)
