"""What the parameters and terms of a model cost in an information criterion."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["SPARE", "price"]

#: More data than fitted values are needed than this, for a criterion to judge a model of unknown variance.
SPARE = 2


def price(
    parameters: Iterable[tuple[int, float]], *, terms: int, library: int, data: int | None = None, repeats: int = 0,
    places: int = 1,
) -> float:  # fmt: skip
    r"""Price of a model, to be added to minus twice its log-likelihood.

    .. math:: \frac{N}{N - k - 2} \sum_i k_i \log n_i + 2 (q - m) \log Q + 2 m \log \min(Q, 2u)

    It is that of the Bayesian criterion, in which a parameter about which `n` independent data tell costs :math:`\log n`,
    corrected for few data, and extended by a prior of terms: each of `Q` library terms is as likely, otherwise one of many
    candidates would always seem to improve a model.  What one equation loses another often gains, so a term of one unknown
    function comes again in another of `u` with the prior 1/(2u).

    Parameters
    ----------
    parameters : iterable of (int, float)
        Fitted parameters, and how many independent data tell about each of them: the sum of the first is k.
    terms, library : int
        Terms `q` of the model out of `Q`.
    data : int, optional
        Data `N` whose variance is fitted too; the correction for few data is left out where it is known.
    repeats, places : int
        Terms `m` that another of the `u` unknown functions holds as well; of a term in three functions two are counted.

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
    return float(few * sum(k * np.log(n) for k, n in parameters) + 2 * prior)
