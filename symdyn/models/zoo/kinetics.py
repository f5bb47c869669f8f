"""Stiff chemical kinetics from the test set for initial value problem solvers (Mazzia & Magherini, 2008)."""

from __future__ import annotations

import sympy as sp

from symdyn.models.ode import ODESystem

__all__ = ["hires", "robertson"]


def robertson() -> ODESystem:
    r"""Robertson's autocatalytic reaction, the classical stiff problem: rates nine orders of magnitude apart.

    .. math:: \dot A = -k_1 A + k_3 B C, \qquad \dot B = k_1 A - k_2 B^2 - k_3 B C, \qquad \dot C = k_2 B^2

    Dimensionless; by default :math:`k_1 = 0.04`, :math:`k_2 = 3\cdot 10^7`, :math:`k_3 = 10^4`, from (1, 0, 0).
    ``A + B + C`` is conserved.  Usually integrated to t = 1e11.

    Returns
    -------
    ODESystem
        States A, B, C.

    References
    ----------
    Robertson, in Walsh (ed.), Numerical Analysis: An Introduction, Academic Press (1966) 178-182.

    Examples
    --------
    >>> import sympy as sp
    >>> sp.expand(sum(robertson().drift))
    0
    """
    a, b, c, k1, k2, k3 = sp.symbols("A B C k1 k2 k3")
    return ODESystem(
        {a: -k1 * a + k3 * b * c, b: k1 * a - k2 * b**2 - k3 * b * c, c: k2 * b**2},
        {k1: 0.04, k2: 3e7, k3: 1e4},
        initial={a: 1, b: 0, c: 0},
        provenance=("zoo.robertson: Robertson (1966)",),
    )


def hires() -> ODESystem:
    r"""HIRES: the high irradiance response of phytochrome in plants, eight species.

    .. math::
        \dot y_1 &= -k_1 y_1 + k_2 y_2 + k_6 y_3 + o \\
        \dot y_2 &= k_1 y_1 - (k_2 + k_3) y_2 \\
        \dot y_3 &= -(k_6 + k_1) y_3 + k_2 y_4 + k_5 y_5 \\
        \dot y_4 &= k_3 y_2 + k_1 y_3 - (k_4 + k_2) y_4 \\
        \dot y_5 &= -(k_5 + k_1) y_5 + k_2 (y_6 + y_7) \\
        \dot y_6 &= -k_+ y_6 y_8 + k_4 y_4 + k_1 y_5 - k_2 y_6 + k_- y_7 \\
        \dot y_7 &= k_+ y_6 y_8 - (k_2 + k_- + k_*) y_7, \qquad \dot y_8 = -\dot y_7

    Dimensionless; by default :math:`k_{1..6} = 1.71, 0.43, 8.32, 0.69, 0.035, 8.32`, :math:`k_+ = 280`,
    :math:`k_- = k_* = 0.69`, :math:`o = 0.0007`, from (1, 0, 0, 0, 0, 0, 0, 0.0057).  Usually integrated to
    t = 321.8122.

    Returns
    -------
    ODESystem
        States y1 to y8.

    References
    ----------
    Schäfer, Journal of Mathematical Biology 2 (1975) 41-56; Hairer & Wanner, Solving Ordinary Differential
    Equations II, 2nd ed. (1996), IV.10.

    Examples
    --------
    >>> len(hires().states)
    8
    """
    y1, y2, y3, y4, y5, y6, y7, y8 = y = sp.symbols("y1:9")
    k1, k2, k3, k4, k5, k6 = k = sp.symbols("k1:7")
    k_plus, k_minus, k_star, source = sp.symbols("k_plus k_minus k_star o")
    binding = k_plus * y6 * y8 - (k2 + k_minus + k_star) * y7
    drift = (
        -k1 * y1 + k2 * y2 + k6 * y3 + source,
        k1 * y1 - (k2 + k3) * y2,
        -(k6 + k1) * y3 + k2 * y4 + k5 * y5,
        k3 * y2 + k1 * y3 - (k4 + k2) * y4,
        -(k5 + k1) * y5 + k2 * (y6 + y7),
        -k_plus * y6 * y8 + k4 * y4 + k1 * y5 - k2 * y6 + k_minus * y7,
        binding,
        -binding,
    )
    values = dict(zip(k, (1.71, 0.43, 8.32, 0.69, 0.035, 8.32), strict=True))
    return ODESystem(
        dict(zip(y, drift, strict=True)),
        {**values, k_plus: 280, k_minus: 0.69, k_star: 0.69, source: 0.0007},
        initial={**dict.fromkeys(y, 0), y1: 1, y8: 0.0057},
        provenance=("zoo.hires: Schäfer (1975)",),
    )
