"""Growth in random environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.leslie._values import matrix_of, numeric, refuse_changes
from symdyn.leslie.environment import probabilities_of
from symdyn.leslie.spectrum import spectrum
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.matrix import MatrixModel
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["StochasticGrowth", "counted_states", "stochastic_growth_rate", "tuljapurkar"]

#: A state of the scaled system; no stage may have its name.
LOG = "log_growth"
#: Names of further states of extended systems.
RESERVED = (LOG, "first_below")


@dataclass(frozen=True)
class StochasticGrowth:
    r"""Growth in a random environment.

    Attributes
    ----------
    log_growth_rate : float
        :math:`\ln \lambda_s`, the long-run mean of :math:`\ln N(t+1)/N(t)`.
    standard_error : float
        Of that rate, from the spread between trajectories.
    variance : float
        Growth per step of the variance of :math:`\ln N`, as in diffusion approximations of extinction.
    trajectories, steps : int
    """

    log_growth_rate: float
    standard_error: float
    variance: float
    trajectories: int
    steps: int

    @property
    def growth_factor(self) -> float:
        r""":math:`\lambda_s`."""
        return float(np.exp(self.log_growth_rate))


def stochastic_growth_rate(
    model: DiscreteSystem, *, steps: int = 2000, trajectories: int = 1000, burn_in: int = 200, seed: int = 0,
    stages: Sequence[Any] | None = None, parameters: Any = None, **options: Any,
) -> StochasticGrowth:  # fmt: skip
    r"""Stochastic growth rate of a population in a random environment, by simulation.

    .. math:: \ln \lambda_s = \lim_{t \to \infty} \frac{1}{t}\, \mathrm{E} \ln \frac{N(t)}{N(0)}

    The population is scaled to a total of 1 in every step and the logarithms of its growth are summed, so that no number
    overflows.

    Parameters
    ----------
    model : MatrixModel or DiscreteSystem
        Linear in the numbers, with random vital rates: from `random_environment`, `markov_environment`, or with ``dW`` in its
        entries.
    steps, trajectories, burn_in : int
        Steps that count in each trajectory, number of trajectories, and preceding steps in which the structure converges.
    seed : int
        Of the random numbers.
    stages : sequence, optional
        The states that are numbers of individuals; by default all but one called ``environment``.
    parameters, **options :
        As `simulate` takes them.

    Returns
    -------
    StochasticGrowth
        ``log_growth_rate`` with its ``standard_error``, and ``variance``, per step.

    Raises
    ------
    DeclarationError
        If the map is not homogeneous in the numbers (density dependence, immigration), or parameters are swept.

    References
    ----------
    Tuljapurkar, Population Dynamics in Variable Environments, Springer (1990); Heyde & Cohen, Theoretical Population Biology 27
    (1985) 120.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.stochastic_growth_rate(sd.leslie.random_environment([1.2, 0.9]))
    >>> abs(found.log_growth_rate - 0.038480) < 3 * found.standard_error  # (ln 1.2 + ln 0.9)/2
    True
    """
    if model.map is None:
        raise DeclarationError(f"expected a matrix model or a map, got {type(model).__name__}")
    refuse_changes(model, "a growth rate")
    numbers = counted_states(model, stages)
    _check_homogeneous(model, numbers)
    scaled = _scaled(model, numbers)
    start = {s: 1 / len(numbers) for s in numbers} | {LOG: 0.0}
    begin = {
        **{s.name: v for s, v in model.initial_numbers().items() if s not in numbers},
        **{getattr(k, "name", k): v for k, v in start.items()},
    }
    data = simulate(
        scaled, [0, burn_in, burn_in + steps], initial=begin, parameters=parameters, trajectories=trajectories, seed=seed,
        **{"progress": False, **options},
    )  # fmt: skip
    swept = [str(d) for d in data[LOG].dims if d not in ("trajectory", "time")]
    if swept:
        raise DeclarationError(
            f"the growth rate is that of one set of values, and {swept[0]} has several; give one set at a time"
        )
    gained = np.ravel(data[LOG].isel(time=2) - data[LOG].isel(time=1))
    rates = gained / steps
    return StochasticGrowth(
        float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(rates.size)) if rates.size > 1 else float("nan"),
        float(gained.var(ddof=1) / steps) if rates.size > 1 else float("nan"), rates.size, steps,
    )  # fmt: skip


def tuljapurkar(models: Sequence[Any], probabilities: Sequence[float] | None = None, *, ddof: int = 0) -> float:
    r"""Tuljapurkar's approximation of the growth rate in a random environment without memory, to second order in its variation.

    .. math:: \ln \lambda_s \approx \ln \bar\lambda - \frac{\tau^2}{2 \bar\lambda^2}, \qquad
        \tau^2 = \sum_{ij,kl} \mathrm{cov}(a_{ij}, a_{kl})\, \bar s_{ij} \bar s_{kl}

    with growth factor and sensitivities of the mean matrix.

    Parameters
    ----------
    models : sequence of (n, n) matrices or MatrixModel
        Environments, dimensionless.
    probabilities : sequence of float, optional
        Of the environments; equal by default.
    ddof : {0, 1}
        0 for covariances of the environments as a population, 1 as a sample.

    Returns
    -------
    float
        :math:`\ln \lambda_s`, per step.

    Raises
    ------
    DeclarationError
        If the probabilities do not add up to 1, or `ddof` is neither 0 nor 1.

    References
    ----------
    Tuljapurkar, Theoretical Population Biology 21 (1982) 141; Caswell, Matrix Population Models (2001), eq. 14.72.

    Examples
    --------
    >>> round(tuljapurkar([1.2, 0.9]), 6)  # ln 1.05 - 0.15**2 / (2 * 1.05**2)
    0.038586
    """
    matrices = np.array([numeric(matrix_of(m if isinstance(m, MatrixModel) else MatrixModel(m))) for m in models])
    k = len(matrices)
    shares = np.array(probabilities_of(probabilities, k, "the environments"))
    if ddof not in (0, 1) or (ddof == 1 and k < 2):
        raise DeclarationError(f"ddof is {ddof!r}; expected 0, or 1 for estimates from two matrices or more")
    mean = np.einsum("k,kij->ij", shares, matrices)
    found = spectrum(MatrixModel(mean))
    growth = float(found.growth_factor)
    v, w = found.reproductive_values, found.stable_structure
    projected = np.einsum("kij,ij->k", matrices - mean, np.outer(v, w) / (v @ w))
    variance = float(shares @ projected**2) * (k / (k - 1) if ddof else 1.0)
    return float(np.log(growth) - variance / (2 * growth**2))


def counted_states(model: System, stages: Sequence[Any] | None) -> tuple[sp.Symbol, ...]:
    """The states that are numbers of individuals."""
    if not model.whole_steps:
        raise DeclarationError(f"expected a matrix model, a map or a branching process, got {type(model).__name__}")
    clash = [n for n in model.names if n in RESERVED]
    if clash:
        raise DeclarationError(f"{clash[0]!r} names a variable of the result; give the stage another name")
    if stages is not None:
        return tuple(lookup(s, model.states, "state") for s in stages)
    return tuple(s for s in model.states if s.name != "environment")


def _check_homogeneous(model: DiscreteSystem, numbers: Sequence[sp.Symbol]) -> None:
    """Refuse maps that are not homogeneous of degree 1 in the numbers."""
    rows = [e for s, e in zip(model.states, model.map, strict=True) if s in numbers]
    rng = np.random.default_rng(0)
    blocks = [("lane", (model.time, *model.noise)), ("y", model.states), ("p", model.parameters)]
    program = lower("next", blocks, rows, [""] * len(rows))
    y = rng.uniform(0.5, 1.5, len(model.states))
    y = np.where([s in numbers for s in model.states], y, 0.0)
    lane = [np.asarray(v) for v in (0.0, *rng.standard_normal(len(model.noise)))]
    p = [np.asarray(model.defaults.get(s, rng.uniform(0.2, 0.8))) for s in model.parameters]
    with np.errstate(all="ignore"):
        once, twice = (np.asarray(evaluate(program, lane, [np.asarray(k * v) for v in y], p), float) for k in (1, 2))
    if not np.allclose(twice, 2 * once, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise DeclarationError(
            "the next numbers do not grow with the numbers (density dependence or immigration), so there is no growth rate; "
            "see symdyn.leslie.quasi_extinction, or model.at({...})"
        )


def _scaled(model: DiscreteSystem, numbers: Sequence[sp.Symbol]) -> DiscreteSystem:
    """The map of shares, and the logarithm of the growth that was divided out."""
    rows = dict(zip(model.states, model.map, strict=True))
    total, log = sp.Add(*(rows[s] for s in numbers)), sp.Symbol(LOG)
    equations = {s: e / total if s in numbers else e for s, e in rows.items()}
    equations[log] = log + sp.log(total)
    return DiscreteSystem(
        equations, dict(model.defaults), time=model.time, provenance=(*model.provenance, "scaled to a total of 1")
    )
