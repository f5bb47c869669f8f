"""Population models in continuous and discrete time."""

from __future__ import annotations

import sympy as sp

from symdyn.models.discrete import DiscreteSystem
from symdyn.models.matrix import MatrixModel
from symdyn.models.ode import ODESystem

__all__ = ["flour_beetle", "logistic_map", "lotka_volterra", "ricker_map"]


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


def flour_beetle() -> MatrixModel:
    r"""The flour beetle Tribolium in three stages, larvae, pupae and adults, whose cannibalism leads to chaos (LPA model).

    .. math::

        L_{t+1} = b A_t\, e^{-c_{el} L_t - c_{ea} A_t}, \qquad
        P_{t+1} = (1 - \mu_l) L_t, \qquad
        A_{t+1} = P_t\, e^{-c_{pa} A_t} + (1 - \mu_a) A_t

    A step takes two weeks.  By default :math:`b = 6.598`, :math:`c_{el} = 0.01209`, :math:`c_{ea} = 0.01155`,
    :math:`c_{pa} = 0.0047`, :math:`\mu_l = 0.2055` and :math:`\mu_a = 0.007629`, from (250, 5, 100): the control population,
    which comes to rest at (22.6, 18.0, 385.2).  In the experiment :math:`\mu_a` was set to 0.96 and :math:`c_{pa}` to
    values from 0 to 1, with a fixed point, an invariant loop, chaos and a cycle of period 3 in turn.

    Returns
    -------
    MatrixModel
        States L, P and A, numbers of animals.

    References
    ----------
    Costantino, Desharnais, Cushing & Dennis, Science 275 (1997) 389-391.

    Examples
    --------
    >>> print(flour_beetle())
    L[t+1] = A*b*exp(-A*c_ea - L*c_el)
    P[t+1] = L*(1 - mu_l)
    A[t+1] = A*(1 - mu_a) + P*exp(-A*c_pa)
    """
    larvae, pupae, adults, b, c_el, c_ea, c_pa, mu_l, mu_a = sp.symbols("L P A b c_el c_ea c_pa mu_l mu_a")
    return MatrixModel(
        [
            [0, 0, b * sp.exp(-c_el * larvae - c_ea * adults)],
            [1 - mu_l, 0, 0],
            [0, sp.exp(-c_pa * adults), 1 - mu_a],
        ],
        [larvae, pupae, adults],
        {b: 6.598, c_el: 0.01209, c_ea: 0.01155, c_pa: 0.0047, mu_l: 0.2055, mu_a: 0.007629},
        initial={larvae: 250, pupae: 5, adults: 100},
        provenance=("zoo.flour_beetle: Costantino et al. (1997)",),
    )
