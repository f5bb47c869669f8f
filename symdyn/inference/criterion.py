"""Information criteria: what parameters and terms of a model cost, and the weights of models."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import sympy as sp

__all__ = ["BROKEN", "ORDER", "SPARE", "criterion", "order", "price", "weights"]

#: Each order of a term makes it less plausible by a factor of e, which is this in units of twice the logarithm.
ORDER = 2.0

#: More data than fitted values are needed than this, for a criterion to judge a model of unknown variance.
SPARE = 2
#: What a broken sign costs: more than any fit can gain back, yet finite, so that a search can leave such models.
BROKEN = 1e4


def price(
    parameters: Iterable[tuple[int, float]], *, terms: int, library: int, data: int | None = None, orders: float = 0,
    repeats: int = 0, places: int = 1, textbook: int = 0,
) -> float:  # fmt: skip
    r"""Price of a model, to be added to minus twice its log-likelihood.

    .. math:: \frac{N}{N - k - 2} \sum_i k_i \log n_i + 2 (q - m) \log Q + 2 m \log \min(Q, 2u) + 2 \sum_j o_j

    It is that of the Bayesian criterion, in which a parameter about which `n` independent data tell costs :math:`\log n`,
    corrected for few data, and extended by a prior of terms: each of `Q` library terms is as likely, otherwise one of many
    candidates would always seem to improve a model.  Where orders are given, a term of the order o is less plausible than a
    constant by :math:`e^{-o}`: of x and x cubed, which a short path hardly tells apart, x is taken.  What one equation loses
    another often gains, so a term of one unknown function comes again in another of `u` with the prior 1/(2u).  Where models of
    textbooks are taken to be as likely as all other choices of terms, one of T of them costs at most :math:`2 \log T` in place
    of its terms.

    Parameters
    ----------
    parameters : iterable of (int, float)
        Fitted parameters, and how many independent data tell about each of them: the sum of the first is k.
    terms, library : int
        Terms `q` of the model out of `Q`.
    data : int, optional
        Data `N` whose variance is fitted too; the correction for few data is left out where it is known.
    orders : float
        Sum of the orders of the terms, see `order`.
    repeats, places : int
        Terms `m` that another of the `u` unknown functions holds as well; of a term in three functions two are counted.
    textbook : int
        Models of textbooks `T` of which this is one; 0 if it is none.

    Returns
    -------
    float
        Infinite where there are not more data than fitted values.

    References
    ----------
    McQuarrie, Tsai, Regression and Time Series Model Selection (1998), sec. 2.3; Chen, Chen, Biometrika 95, 759 (2008).

    Examples
    --------
    >>> round(price([(2, 100.0)], terms=2, library=10), 3)  # 2 log 100 + 2 * 2 log 10
    18.421
    >>> price([(9, 10.0)], terms=9, library=10, data=10)
    inf
    """
    parameters = tuple(parameters)
    count = sum(k for k, _ in parameters)
    if data is not None and data <= count + SPARE:
        return np.inf
    few = 1.0 if data is None else data / (data - count - SPARE)
    prior = (terms - repeats) * np.log(max(library, 1)) + repeats * np.log(max(min(library, 2 * places), 1))
    prior = min(prior, np.log(textbook)) if textbook else prior
    return float(few * sum(k * np.log(n) for k, n in parameters) + 2 * prior + ORDER * orders)


def order(shape: sp.Expr, arguments: Collection[sp.Symbol]) -> int:
    """Order of a term in some arguments: the degree of a monomial, the larger one of a ratio, one for every function.

    >>> x, y, K = sp.symbols("x y K")
    >>> [order(e, {x, y}) for e in (sp.S.One, x * y**2, K**2 / (K**2 + x**2), sp.sqrt(x), y * sp.sin(x), sp.exp(-x / K))]
    [0, 3, 2, 1, 2, 1]
    """
    if not shape.free_symbols & set(arguments):
        return 0
    if shape.is_Add:
        return max(order(e, arguments) for e in shape.args)
    if shape.is_Mul:
        above, below = sp.fraction(shape)
        if below != 1:
            return max(order(above, arguments), order(below, arguments))
        return sum(order(e, arguments) for e in shape.args)
    if shape.is_Pow and shape.exp.is_number:
        return order(shape.base, arguments) * int(np.ceil(abs(float(shape.exp))))
    return max([1, *(order(e, arguments) for e in shape.args)])


def criterion(
    rss: float, data: int, nuisance: int, parameters: int, *, terms: int, library: int, floor: float, repeats: int = 0,
    places: int = 1, textbook: int = 0,
) -> float:  # fmt: skip
    r"""Information criterion of a model with noise of unknown size: small is good.

    .. math:: N \log(R/N + \epsilon) + \text{price}

    with the `price` of its parameters and terms, the weighted sum of squares `R` and `N` data less nuisance values, the initial
    values that are fitted; a mean square of `floor`, epsilon, counts as zero.
    """
    n = data - nuisance
    if not np.isfinite(rss) or n <= parameters + SPARE:
        return np.inf
    cost = price([(parameters, n)], terms=terms, library=library, data=n, repeats=repeats, places=places, textbook=textbook)
    return float(n * np.log(rss / n + floor) + cost)


def weights(criteria: Sequence[float], missed: float = 0.0) -> np.ndarray:
    r"""Shares of the evidence, adding up to one.

    .. math:: w_i \propto \exp\left(-\frac{c_i}{2 (1 + D)}\right)

    for criteria `c` and the log-likelihood `D` that the best model misses against one that could express the data.  Of models
    that are all wrong, the likelihood tells apart even those that are equally far from the truth; here it has the power
    1/(1 + D) of the coarsened posterior, that of the laws within a distance of the data which has the mean `D`: models count as
    different where they differ by more than the best one misses.  A model that is right misses nothing.

    Parameters
    ----------
    criteria : sequence of float
    missed : float
        See `symdyn.inference.misfit.misfit`.

    References
    ----------
    Miller, Dunson, J. Am. Stat. Assoc. 114, 1113 (2019), sec. 2.

    Examples
    --------
    >>> weights([10.0, 10.0, 1000.0]).round(9).tolist()
    [0.5, 0.5, 0.0]
    >>> weights([0.0, 20 * np.log(3)], missed=9.0).round(9).tolist()
    [0.75, 0.25]
    """
    gaps = np.asarray(criteria, dtype=float) - np.min(criteria)
    shares = np.exp(-0.5 * gaps / (1 + missed))
    return shares / shares.sum()
