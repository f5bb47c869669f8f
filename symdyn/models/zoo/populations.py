"""Population models in continuous and discrete time."""

from __future__ import annotations

import sympy as sp

from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem

__all__ = ["logistic_map", "lotka_volterra", "ricker_map"]


def lotka_volterra() -> ODESystem:
    r"""Predator and prey of Lotka and Volterra.

    .. math:: \dot x = a x - b x y, \qquad \dot y = d x y - c y

    By default :math:`a = 1.5`, :math:`b = 0.1`, :math:`c = 1.5`, :math:`d = 0.075` per time and individual, from
    (10, 5).  :math:`d x - c \ln x + b y - a \ln y` is conserved.

    Returns
    -------
    ODESystem
        States x (prey) and y (predators).

    References
    ----------
    Lotka, Elements of Physical Biology, Williams & Wilkins (1925), ch. VIII; Volterra, Nature 118 (1926) 558-560.

    Examples
    --------
    >>> print(lotka_volterra())
    x' = a*x - b*x*y
    y' = -c*y + d*x*y
    """
    x, y, a, b, c, d = sp.symbols("x y a b c d")
    return ODESystem(
        {x: a * x - b * x * y, y: d * x * y - c * y},
        {a: 1.5, b: 0.1, c: 1.5, d: 0.075},
        initial={x: 10, y: 5},
        provenance=("zoo.lotka_volterra: Lotka (1925), Volterra (1926)",),
    )


def logistic_map() -> DiscreteSystem:
    r"""The logistic map, chaotic for most :math:`r > 3.57`.

    .. math:: x_{t+1} = r x_t (1 - x_t)

    Dimensionless; by default :math:`r = 3.9`, from 0.5.

    Returns
    -------
    DiscreteSystem
        State x in [0, 1].

    References
    ----------
    May, Nature 261 (1976) 459-467.

    Examples
    --------
    >>> print(logistic_map())
    x[t+1] = r*x*(1 - x)
    """
    x, r = sp.symbols("x r")
    return DiscreteSystem({x: r * x * (1 - x)}, {r: 3.9}, initial={x: 0.5}, provenance=("zoo.logistic_map: May (1976)",))


def ricker_map() -> DiscreteSystem:
    r"""Ricker's model of stock and recruitment.

    .. math:: N_{t+1} = N_t\, e^{r (1 - N_t / K)}

    By default :math:`r = 2.5` per generation and a capacity :math:`K = 100`, from 10: a cycle of period 2 at
    :math:`2 < r < 2.526`.

    Returns
    -------
    DiscreteSystem
        State N, the number of individuals.

    References
    ----------
    Ricker, Journal of the Fisheries Research Board of Canada 11 (1954) 559-623.

    Examples
    --------
    >>> print(ricker_map())
    N[t+1] = N*exp(r*(1 - N/K))
    """
    n, r, k = sp.symbols("N r K")
    return DiscreteSystem(
        {n: n * sp.exp(r * (1 - n / k))},
        {r: 2.5, k: 100},
        initial={n: 10},
        provenance=("zoo.ricker_map: Ricker (1954)",),
    )
