"""Density dependence: factors by which vital rates decrease with density, and models that have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.leslie._values import check_split
from symdyn.models.matrix import MatrixModel
from symdyn.models.matrix_reading import read_block, read_vector
from symdyn.registry import suggest

__all__ = ["beverton_holt", "density_dependent", "density_library", "hassell", "leslie_gower", "logistic", "ricker", "usher"]

PARTS = ("fecundity", "survival", "all")


def beverton_holt(N: Any, b: Any) -> sp.Expr:
    """Compensatory density dependence, :math:`1 / (1 + b N)`, of contest competition.

    Parameters
    ----------
    N : Expr or number
        Density, individuals.
    b : Expr or number
        Strength, per individual.

    Returns
    -------
    Expr
        Dimensionless factor, 1 at density 0.

    Raises
    ------
    DeclarationError
        If N or b is text or no scalar expression.

    References
    ----------
    Beverton & Holt, On the Dynamics of Exploited Fish Populations (1957); Leslie & Gower, Biometrika 45 (1958) 316.

    Examples
    --------
    >>> beverton_holt(100, sp.Rational(1, 100))
    1/2
    """
    return 1 / (1 + expression(b) * expression(N))


def ricker(N: Any, b: Any) -> sp.Expr:
    """Over-compensatory density dependence, :math:`e^{-b N}`, of scramble competition.

    Parameters
    ----------
    N : Expr or number
        Density, individuals.
    b : Expr or number
        Strength, per individual.

    Returns
    -------
    Expr
        Dimensionless factor, 1 at density 0.

    Raises
    ------
    DeclarationError
        If N or b is text or no scalar expression.

    References
    ----------
    Ricker, Journal of the Fisheries Research Board of Canada 11 (1954) 559.

    Examples
    --------
    >>> ricker(100, sp.Rational(1, 100))
    exp(-1)
    """
    return sp.exp(-expression(b) * expression(N))


def logistic(N: Any, K: Any) -> sp.Expr:
    r"""Linear density dependence, :math:`\max(0, 1 - N/K)`, which is 0 from the capacity on.

    Parameters
    ----------
    N : Expr or number
        Density, individuals.
    K : Expr or number
        Capacity, individuals.

    Returns
    -------
    Expr
        Dimensionless factor, 1 at density 0.

    Raises
    ------
    DeclarationError
        If N or K is text or no scalar expression.

    References
    ----------
    Verhulst, Correspondance mathématique et physique 10 (1838) 113.

    Examples
    --------
    >>> logistic(25, 100), logistic(150, 100)
    (3/4, 0)
    """
    return sp.Max(0, 1 - expression(N) / expression(K))


def hassell(N: Any, b: Any, c: Any) -> sp.Expr:
    """Density dependence :math:`(1 + b N)^{-c}`, from contest competition at c = 1 to scramble competition at large c.

    Parameters
    ----------
    N : Expr or number
        Density, individuals.
    b : Expr or number
        Strength, per individual.
    c : Expr or number
        Exponent, dimensionless.

    Returns
    -------
    Expr
        Dimensionless factor, 1 at density 0.

    Raises
    ------
    DeclarationError
        If N, b or c is text or no scalar expression.

    References
    ----------
    Hassell, Journal of Animal Ecology 44 (1975) 283.

    Examples
    --------
    >>> hassell(100, sp.Rational(1, 100), 2)
    1/4
    """
    return (1 + expression(b) * expression(N)) ** (-expression(c))


def usher(N: Any, a: Any, b: Any) -> sp.Expr:
    """Sigmoid density dependence, :math:`1 / (1 + e^{a N - b})`, which is 1/2 at :math:`N = b/a`.

    Parameters
    ----------
    N : Expr or number
        Density, individuals.
    a : Expr or number
        Slope, per individual.
    b : Expr or number
        Offset, dimensionless.

    Returns
    -------
    Expr
        Dimensionless factor.

    Raises
    ------
    DeclarationError
        If N, a or b is text or no scalar expression.

    References
    ----------
    Usher, in Mathematical Models in Ecology, Blackwell (1972) 29.

    Examples
    --------
    >>> usher(300, sp.Rational(1, 100), 3)
    1/2
    """
    return 1 / (1 + sp.exp(expression(a) * expression(N) - expression(b)))


def density_library(N: Any, constant: str = "b") -> list[sp.Expr]:
    """Candidate terms for an unknown density dependence, for ``symdyn.recover(..., library=...)``.

    Parameters
    ----------
    N : Expr
        Density, individuals.
    constant : str
        Prefix of the names of the constants, which are fitted.

    Returns
    -------
    list of Expr
        1, N, and the factors `beverton_holt`, `ricker` and `hassell` with exponent 2.

    Raises
    ------
    DeclarationError
        If N or the constant is text or no scalar expression.

    Examples
    --------
    >>> density_library(sp.Symbol("N"))
    [1, N, 1/(N*b1 + 1), exp(-N*b2), (N*b3 + 1)**(-2)]
    """
    n = expression(N)
    b1, b2, b3 = sp.symbols([f"{constant}{k}" for k in (1, 2, 3)])
    return [sp.S.One, n, beverton_holt(n, b1), ricker(n, b2), hassell(n, b3, 2)]


def density_dependent(
    model: MatrixModel, factor: Any, *, on: str | Sequence[tuple[int, int]] = "fecundity",
    parameters: Mapping[Any, float] | None = None,
) -> MatrixModel:  # fmt: skip
    """A model whose vital rates are multiplied by a density-dependent factor.

    Parameters
    ----------
    model : MatrixModel
    factor : Expr
        Function of the states, such as ``beverton_holt(n1 + 2*n2, b)``; dimensionless.
    on : {'fecundity', 'survival', 'all'} or sequence of (row, column)
        Reproduction, all other entries, all of the matrix, or single entries counted from 0.
    parameters : mapping, optional
        Values of the parameters of the factor.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the factor depends on no state, or `on` is neither a part of the matrix nor entries of it.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> n1, n2, b = sp.symbols("n1 n2 b")
    >>> model = sd.leslie.from_life_table([0, 4], [0.5])
    >>> print(sd.leslie.density_dependent(model, sd.leslie.ricker(n1 + n2, b), parameters={b: 0.01}))
    n1[t+1] = 4*n2*exp(-b*(n1 + n2))
    n2[t+1] = 0.5*n1
    """
    e = expression(factor)
    if not e.free_symbols & set(model.states):
        raise DeclarationError(f"the factor {e} holds no state; the states: {', '.join(model.names)}")
    births, others = model.fecundity, model.transitions
    if on in ("fecundity", "survival"):
        check_split(model)
    if isinstance(on, str):
        if on not in PARTS:
            raise DeclarationError(f"on is {on!r}; known: {', '.join(PARTS)}, or pairs of row and column.{suggest(on, PARTS)}")
        births = births * e if on in ("fecundity", "all") else births
        others = others * e if on in ("survival", "all") else others
    else:
        n = len(model.states)
        places = {tuple(p) for p in on}
        wrong = [p for p in places if len(p) != 2 or not all(isinstance(k, int) and 0 <= k < n for k in p)]
        if wrong:
            raise DeclarationError(f"{wrong[0]} is no entry of a {n} x {n} matrix; rows and columns are counted from 0")
        births, others = (
            sp.ImmutableDenseMatrix(n, n, lambda i, j, m=m: m[i, j] * (e if (i, j) in places else 1)) for m in (births, others)
        )
    numbers = model.numeric_defaults
    dependent = MatrixModel(
        births + others, model.states, {**numbers, **(parameters or {})}, fecundity=births,
        immigration=model.immigration, species=model.species, clamped=model.clamped, initial=dict(model.initial),
        observables=dict(model.observables), events=model.events, time=model.time,
        provenance=(*model.provenance, f"vital rates times {e}"),
    )  # fmt: skip
    return dependent.replace(split=model.split)


def leslie_gower(
    growth: Sequence[Any], effects: Any, *, names: Sequence[str] | None = None, **options: Any
) -> MatrixModel:  # fmt: skip
    r"""Competing species without age structure: the discrete analogue of the Lotka–Volterra competition equations.

    .. math:: N_i(t+1) = \frac{\lambda_i N_i}{1 + \sum_j a_{ij} N_j}

    A single species follows the solution of the logistic equation over one step.

    Parameters
    ----------
    growth : sequence of k
        Growth factors :math:`\lambda_i` of the species alone at low density, dimensionless.
    effects : matrix, k x k
        :math:`a_{ij}`, the effect of an individual of species j on species i, per individual.
    names : sequence of str, optional
        ``N1, N2, ...`` by default.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the effects are no k x k matrix.

    References
    ----------
    Leslie & Gower, Biometrika 45 (1958) 316.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.leslie_gower([2, 3], [[0.01, 0.005], [0.004, 0.02]])
    >>> print(model)
    N1[t+1] = 2*N1/(0.01*N1 + 0.005*N2 + 1)
    N2[t+1] = 3*N2/(0.004*N1 + 0.02*N2 + 1)
    """
    factors = read_vector(growth, "the growth")
    k = len(factors)
    takes = read_block(effects, "the effects", (k, k))
    states = [sp.Symbol(n) for n in (names or [f"N{i}" for i in range(1, k + 1)])]
    crowd = takes * sp.Matrix(states)
    matrix = sp.diag(*(f / (1 + c) for f, c in zip(factors, crowd, strict=True)))
    given = {
        "provenance": ("competition model of Leslie and Gower (1958)",),
        "species": {s.name: [s] for s in states},
        **options,
    }
    return MatrixModel(matrix, states, fecundity=matrix, **given)
