"""Random environments: vital rates that vary from step to step, drawn from matrices or from distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import ndtri

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.leslie._joining import joined_defaults, same_stages
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.matrix import MatrixModel
from symdyn.models.random_steps import NOISE

__all__ = [
    "correlated_noise",
    "log_normal",
    "logit_normal",
    "markov_environment",
    "probabilities_of",
    "random_environment",
]


def random_environment(
    models: Sequence[Any], probabilities: Sequence[float] | None = None, *, noise: str = "dW", **options: Any
) -> MatrixModel:  # fmt: skip
    r"""A model whose matrix is drawn independently in each step, :math:`P(A(t) = A_k) = p_k`.

    Parameters
    ----------
    models : sequence of matrices or MatrixModel
        One for each environment, all of the same stages.
    probabilities : sequence of float, optional
        Of the environments; equal by default.
    noise : str
        Name of the standard normal number that selects; it begins with ``dW``.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the stages differ, or the probabilities do not add up to 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.random_environment([1.2, 0.9])
    >>> print(model)
    n1[t+1] = n1*Piecewise((1.2, dW < 0), (0.9, True))
    """
    local = same_stages(models, "environments")
    shares = probabilities_of(probabilities, len(local), "the environments")
    choose = _chooser(_noise(noise), shares)
    return MatrixModel(
        **_switched(local, choose, f"one of {len(local)} matrices drawn in each step"), **_options(local, options)
    )


def markov_environment(
    models: Sequence[Any], transition: Any, *, start: int = 0, noise: str = "dW"
) -> DiscreteSystem:  # fmt: skip
    r"""A model whose matrix follows a Markov chain of environments.

    .. math:: n(t+1) = A_{e(t)}\, n(t), \qquad P(e(t+1) = j \mid e(t) = i) = p_{ij}

    Parameters
    ----------
    models : sequence of k matrices or MatrixModel
    transition : matrix, k x k
        :math:`p_{ij}`, from environment i (row) to j, dimensionless; rows add up to 1.
    start : int
        The first environment, counted from 0.
    noise : str
        Name of the standard normal number that selects; it begins with ``dW``.

    Returns
    -------
    DiscreteSystem
        The stages and, as the last state, ``environment``, its index from 0.

    Raises
    ------
    DeclarationError
        If the stages differ, or the transition matrix is not stochastic.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.markov_environment([1.2, 0.9], [[0.8, 0.2], [0.5, 0.5]])
    >>> model.names, model.noise
    (('n1', 'environment'), (dW,))
    """
    local = same_stages(models, "environments")
    rows = np.asarray(transition, dtype=float)
    k = len(local)
    if rows.shape != (k, k):
        raise DeclarationError(f"the transition matrix has the shape {rows.shape}; expected {(k, k)}, one row an environment")
    shares = [probabilities_of(row, k, f"environment {i}") for i, row in enumerate(rows)]
    if start not in range(k):
        raise DeclarationError(f"the first environment is {start!r}; expected a number from 0 to {k - 1}")
    number, e = _noise(noise), sp.Symbol("environment")
    if e in local[0].states:
        raise DeclarationError("a stage is called environment, as the state that holds its number; rename the stage")
    maps = [m.map for m in local]
    equations = {
        s: _pieces([(f[i], sp.Eq(e, j)) for j, f in enumerate(maps)]) for i, s in enumerate(local[0].states)
    }  # fmt: skip
    following = [_chooser(number, row)([sp.Integer(j) for j in range(k)]) for row in shares]
    equations[e] = _pieces([(f, sp.Eq(e, j)) for j, f in enumerate(following)])
    return DiscreteSystem(
        equations, joined_defaults(local), initial={**local[0].initial, e: start}, time=local[0].time,
        provenance=(f"matrices chosen by a Markov chain of {k} environments",),
    )  # fmt: skip


def log_normal(mean: Any, deviation: Any, noise: Any = "dW") -> sp.Expr:
    r"""A positive vital rate with a log-normal distribution of given mean and standard deviation, such as a fecundity.

    .. math:: f = m \exp(\sigma \xi - \sigma^2/2), \qquad \sigma^2 = \ln(1 + s^2/m^2)

    Parameters
    ----------
    mean : Expr or number
        m, in the unit of the rate.
    deviation : Expr or number
        s, the standard deviation, in the unit of the rate.
    noise : Symbol, Expr or str
        :math:`\xi`, a standard normal number; a name begins with ``dW``.

    Returns
    -------
    Expr
        In the unit of the rate.

    Raises
    ------
    DeclarationError
        If the name of the noise does not begin with ``dW``.

    Examples
    --------
    >>> log_normal(2, 1)
    4*sqrt(5)*exp(dW*sqrt(log(5/4)))/5
    """
    m, s = expression(mean), expression(deviation)
    variance = sp.log(1 + s**2 / m**2)
    return m * sp.exp(sp.sqrt(variance) * _noise(noise) - variance / 2)


def logit_normal(median: Any, deviation: Any, noise: Any = "dW") -> sp.Expr:
    r"""A vital rate between 0 and 1 whose logit is normally distributed, such as a survival.

    .. math:: s = \frac{1}{1 + \frac{1 - m}{m} e^{-\sigma\xi}}

    Parameters
    ----------
    median : Expr or number
        m, between 0 and 1, dimensionless.
    deviation : Expr or number
        :math:`\sigma`, the standard deviation of the logit; that of the rate is about ``median*(1 - median)`` times as large.
    noise : Symbol, Expr or str
        :math:`\xi`, a standard normal number; a name begins with ``dW``.

    Returns
    -------
    Expr
        Dimensionless.

    Raises
    ------
    DeclarationError
        If the name of the noise does not begin with ``dW``.

    Examples
    --------
    >>> logit_normal(sp.Rational(4, 5), sp.Rational(1, 2))
    1/(1 + exp(-dW/2)/4)
    """
    m = expression(median)
    return 1 / (1 + (1 - m) / m * sp.exp(-expression(deviation) * _noise(noise)))


def correlated_noise(correlation: Any, name: str = "dW") -> list[sp.Expr]:
    r"""Standard normal numbers with given correlations, :math:`L \xi` with the Cholesky factor L.

    Parameters
    ----------
    correlation : (k, k) array of float
        Symmetric and positive definite with ones on the diagonal, dimensionless.
    name : str
        Prefix of the names of the independent numbers :math:`\xi`; it begins with ``dW``.

    Returns
    -------
    list of k Expr
        Dimensionless.

    Raises
    ------
    DeclarationError
        If the matrix is no correlation, or the name does not begin with ``dW``.

    Examples
    --------
    >>> correlated_noise([[1, 0.6], [0.6, 1]])
    [dW1, 0.6*dW1 + 0.8*dW2]
    """
    matrix = np.asarray(correlation, dtype=float)
    if (
        matrix.ndim != 2
        or matrix.shape[0] != matrix.shape[1]
        or not np.allclose(np.diag(matrix), 1)
        or not np.allclose(matrix, matrix.T)
    ):
        raise DeclarationError("correlations are a symmetric matrix with ones on its diagonal")
    try:
        lower = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise DeclarationError("the matrix is no correlation: it is not positive definite") from None
    symbols = [_noise(f"{name}{k}") for k in range(1, len(matrix) + 1)]
    return [
        sp.Add(*(expression(float(c)) * s if c != 1 else s for c, s in zip(row, symbols, strict=True) if c)) for row in lower
    ]


def _noise(value: Any) -> Any:
    """A random number by name, or an expression of such."""
    if isinstance(value, sp.Expr):
        return value
    if not isinstance(value, str) or not NOISE.fullmatch(value):
        raise DeclarationError(f"the random number is called {value!r}; its name begins with dW, such as dW_rain")
    return sp.Symbol(value)


def probabilities_of(values: Any, count: int, what: str) -> list[float]:
    """Probabilities of the given number of choices, equal by default."""
    if values is None:
        return [1 / count] * count
    shares = [float(v) for v in values]
    if len(shares) != count or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise DeclarationError(f"the probabilities of {what} are {shares}; expected {count} that add up to 1")
    return shares


def _chooser(noise: sp.Expr, shares: Sequence[float]) -> Any:
    """A selection among values by a standard normal number: thresholds are its quantiles."""
    limits = ndtri(np.minimum(np.cumsum(shares)[:-1], 1.0))

    def choose(values: Sequence[sp.Expr]) -> sp.Expr:
        # below the first limit the first value, and so on; a limit of -inf belongs to a value that is never chosen
        pairs = [(v, z) for v, z in zip(values, [*limits, np.inf], strict=True) if z > -np.inf]
        return _pieces([(v, noise < expression(float(z)) if z < np.inf else sp.true) for v, z in pairs])

    return choose


def _pieces(parts: Sequence[tuple[sp.Expr, Any]]) -> sp.Expr:
    """The value of the first condition that holds, of the last one without any."""
    if len({v for v, _ in parts}) == 1:
        return parts[0][0]
    return sp.Piecewise(*parts[:-1], (parts[-1][0], sp.true))


def _switched(local: Sequence[MatrixModel], choose: Any, line: str) -> dict[str, Any]:
    n = len(local[0].states)
    found: dict[str, Any] = {
        part: sp.ImmutableDenseMatrix(n, n, lambda i, j, part=part: choose([getattr(m, part)[i, j] for m in local]))
        for part in ("matrix", "fecundity")
    }
    arrivals = [choose([m.immigration[i] for m in local]) for i in range(n)]
    return {**found, "immigration": arrivals, "provenance": (line,)}


def _options(local: Sequence[MatrixModel], options: dict[str, Any]) -> dict[str, Any]:
    """Options of the models besides rates, where the caller gives none; other stages have none of their species."""
    known = {} if "states" in options else {"states": local[0].states, "species": local[0].species}
    given = {**known, "initial": dict(local[0].initial), "clamped": any(m.clamped for m in local), **options}
    return {**given, "parameters": {**joined_defaults(local), **(options.get("parameters") or {})}}
