"""Right-hand sides fitted to trajectories by simulation, and the choice of their terms by what one run predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.discover.regressors.subsets import Shrinking
from symdyn.discover.whole.climbing import Climber
from symdyn.discover.whole.fits import EXPANSION, EquationFit, Fitter
from symdyn.discover.whole.moves import Screen
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import ABS, COS, EXP, INV, LOG, SIN, SQRT, TANH, Atom, CandidateTerm, EquationModel
from symdyn.errors import RecoveryError

__all__ = ["SimulatedFit", "TrajectoryFits", "table_term"]

#: Points of the windows, one stage after another; the last has one window.
LENGTHS = (12, 25, 50, 100)
#: Share of the errors of steps that the last fit is allowed, and steps that each datum may take.
FINE, STEPS = 1e-3, 20
#: Largest exponent of a state in a table.
LARGEST = 7
#: Number of each function in a table.
FUNCTIONS = {sp.sin: SIN, sp.cos: COS, sp.exp: EXP, sp.log: LOG, sp.Abs: ABS, sp.tanh: TANH}


def table_term(term: sp.Expr, symbols: Sequence[sp.Symbol], cost: float) -> CandidateTerm:
    """A term without a number before it as compiled functions read it, see `symdyn_kernels.candidates`.

    Raises
    ------
    RecoveryError
        If it is not a monomial times up to two functions.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> table_term(x * y**2 / (1 + 2 * x), (x, y), 1.0).key
    'x0 x1^2 inv(2x0+1)'
    """
    exponents, atoms = dict.fromkeys(symbols, 0), []
    for factor in sp.Mul.make_args(term):
        base, power = (factor, sp.S.One) if factor.func in FUNCTIONS else factor.as_base_exp()
        if base in exponents and power.is_Integer and power > 0:
            exponents[base] += int(power)
        elif factor.func in FUNCTIONS:
            atoms.append(_atom(FUNCTIONS[factor.func], factor.args[0], symbols))
        elif power == sp.S.Half or power == -1 or (base in exponents and power.is_Integer):
            atoms.append(_atom(SQRT, base, symbols) if power == sp.S.Half else _atom(INV, base**-power, symbols))
        elif factor != 1:
            atoms.append(None)
    if None in atoms or len(atoms) > 2 or max(exponents.values()) > LARGEST:
        raise RecoveryError(
            f"the library term {term} is not a monomial times one or two of sin, cos, exp, log, sqrt, abs, tanh and 1/z, with "
            "z = a + b*x**m + c*y**m, so that it cannot be simulated here: set refine=False, or name the term in the library "
            "of symdyn.recover"
        )
    return CandidateTerm(tuple(exponents.values()), tuple(a for a in atoms if a is not None), cost)


def _atom(function: int, argument: sp.Expr, symbols: Sequence[sp.Symbol]) -> Atom | None:
    """A function of ``B + sum_i W_i x_i^M``; None for one of another argument."""
    if not argument.is_polynomial(*symbols):
        return None
    weights, offset, powers = [0.0] * len(symbols), 0.0, set()
    for exponents, number in sp.Poly(argument, *symbols).terms():
        own = [i for i, e in enumerate(exponents) if e]
        if len(own) > 1:
            return None
        if own:
            weights[own[0]] = float(number)
            powers.add(exponents[own[0]])
        else:
            offset = float(number)
    if len(powers) != 1 or max(powers) > LARGEST:
        return None
    return Atom(function, tuple(weights), offset, powers.pop())


@dataclass(frozen=True)
class SimulatedFit:
    """A right-hand side fitted to trajectories.

    Attributes
    ----------
    coefficients, errors : (n, p) float64
        With their standard errors; both zero where a term was not chosen.
    windows : int
        Of a trajectory.
    score : float
    good : bool
        Whether the residuals are about as large as the noise.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    windows: int
    score: float
    good: bool


class TrajectoryFits:
    """Fits of right-hand sides made of the terms of a library.

    Parameters
    ----------
    problem : EquationProblem
    terms : sequence of Expr
    symbols : sequence of Symbol
    equations : pair of (r, n p) and (r,) float64
        ``A c = b`` for all coefficients; with any, terms are not selected.
    defined : (p,) bool
        Terms that are finite along the data; others are not looked at.
    """

    #: Mean squared residual, in units of the noise, beyond which a fit is not believed.
    DOUBTFUL = 2.0

    def __init__(
        self,
        problem: EquationProblem,
        terms: Sequence[sp.Expr],
        symbols: Sequence[sp.Symbol],
        equations: tuple[np.ndarray, np.ndarray],
        defined: np.ndarray,
    ) -> None:
        cost = float(np.log(len(terms) * problem.d))  # each choice of a term and an equation is as likely
        numbers, shapes = zip(*(term.as_coeff_Mul() for term in terms), strict=True)
        self.problem, self.equations = problem, equations
        self.terms = [table_term(shape, symbols, cost) for shape in shapes]
        self.numbers = np.array(numbers, dtype=float)
        problem.integration = problem.integration._replace(attempts=max(problem.integration.attempts, float(STEPS * problem.n)))
        self.fitter = Fitter(problem)
        self.climber = Climber(self.fitter, np.inf, lambda part: None, None)
        looked = [term for term, finite in zip(self.terms, defined, strict=True) if finite]
        self.screen = None if len(equations[0]) else Screen(self.fitter, looked)

    def refined(self, first: np.ndarray) -> SimulatedFit | None:
        """A fit that begins with coefficients (n, p); None if it cannot be simulated along the data."""
        chosen = [(int(e), int(j)) for e, j in np.argwhere(first)]
        model = EquationModel(self.problem.d, [(e, self.terms[j], first[e, j] * self.numbers[j], []) for e, j in chosen])
        longest = int(np.diff(self.problem.first).max())
        windows = sorted({max(1, longest // points) for points in (*LENGTHS, longest)}, reverse=True)
        best = self.fitter.chain(model, windows, 12, self._climbed)
        return None if best is None else self._finished(best)

    def _climbed(self, fit: EquationFit) -> EquationFit:
        return fit if self.screen is None else self.climber.climbed(fit, self.screen)

    def _finished(self, fit: EquationFit) -> SimulatedFit | None:
        """The optimum, integrated more finely, with errors and under the equations."""
        problem, usual = self.problem, self.problem.integration
        problem.integration = usual.scaled(FINE, attempts=10)
        fit = self.fitter.fit(fit.model, fit.starts, fit.windows, 25, fall=1e-9) or fit
        made = self.fitter.call(fit.model, fit.starts, fit.windows, EXPANSION)
        problem.integration = usual
        if not made.info[0]:
            return None
        arrow, theta = made.arrow, fit.model.theta
        back = np.linalg.solve(arrow.starts, np.swapaxes(arrow.mixed, -1, -2))
        gram = arrow.parameters - np.einsum("vpi,viq->pq", arrow.mixed, back)
        place = [e * len(self.terms) + self.terms.index(term) for e, term in fit.model.terms]
        unit = 1 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
        scaled = gram * unit[:, None] * unit
        number = self.numbers[[p % len(self.terms) for p in place]]
        # about an optimum the sum of squares is a quadratic form in the coefficients: its least value under the equations
        left = Shrinking.under(scaled, scaled @ (theta / unit), self.equations[0][:, place] * unit / number, self.equations[1])
        if left is None:
            return None
        freedom = max(problem.seen.sum() - len(theta) - fit.starts.size, 1.0)
        coefficients, errors = np.zeros((2, problem.d * len(self.terms)))
        coefficients[place] = (left.coefficients * unit if len(self.equations[0]) else theta) / number
        errors[place] = unit / np.abs(number) * np.linalg.norm(left.root, axis=1) * np.sqrt(fit.total / freedom)
        shape = problem.d, len(self.terms)
        good = bool(np.max(problem.mean_squares(fit.rss)) < self.DOUBTFUL)
        return SimulatedFit(coefficients.reshape(shape), errors.reshape(shape), fit.windows, fit.score, good)
