"""Oscillators: relaxation and chemical."""

from __future__ import annotations

import sympy as sp

from symdyn.models.ode import ODESystem

__all__ = ["brusselator", "orego", "selkov", "van_der_pol"]


def van_der_pol() -> ODESystem:
    r"""Van der Pol's oscillator, stiff for large damping.

    .. math:: \dot x = y, \qquad \dot y = \mu (1 - x^2) y - x

    Dimensionless; by default :math:`\mu = 1000`, from (2, 0); its period is then about 1614.

    Returns
    -------
    ODESystem
        States x, y.

    References
    ----------
    Van der Pol, Philosophical Magazine 2 (1926) 978-992; Hairer & Wanner, Solving Ordinary Differential Equations
    II, 2nd ed. (1996), IV.1.

    Examples
    --------
    >>> print(van_der_pol())
    x' = y
    y' = mu*y*(1 - x**2) - x
    """
    x, y, mu = sp.symbols("x y mu")
    return ODESystem(
        {x: y, y: mu * (1 - x**2) * y - x},
        {mu: 1000},
        initial={x: 2, y: 0},
        provenance=("zoo.van_der_pol: van der Pol (1926)",),
    )


def brusselator() -> ODESystem:
    r"""The Brusselator, an autocatalytic oscillator; a limit cycle for :math:`B > 1 + A^2`.

    .. math:: \dot x = A + x^2 y - (B + 1) x, \qquad \dot y = B x - x^2 y

    Dimensionless; by default :math:`A = 1`, :math:`B = 3`, from (1.5, 3).

    Returns
    -------
    ODESystem
        States x, y.

    References
    ----------
    Prigogine & Lefever, Journal of Chemical Physics 48 (1968) 1695-1700.

    Examples
    --------
    >>> print(brusselator())
    x' = A + x**2*y - x*(B + 1)
    y' = B*x - x**2*y
    """
    x, y, a, b = sp.symbols("x y A B")
    return ODESystem(
        {x: a + x**2 * y - (b + 1) * x, y: b * x - x**2 * y},
        {a: 1, b: 3},
        initial={x: 1.5, y: 3},
        provenance=("zoo.brusselator: Prigogine & Lefever (1968)",),
    )


def orego() -> ODESystem:
    r"""The Oregonator, a model of the Belousov-Zhabotinskii reaction (problem OREGO of the test sets).

    .. math:: \dot x = s (y - x y + x - q x^2), \qquad \dot y = \frac{z - y - x y}{s}, \qquad \dot z = w (x - z)

    Dimensionless; by default :math:`s = 77.27`, :math:`q = 8.375\cdot 10^{-6}`, :math:`w = 0.161`, from (1, 2, 3).
    Usually integrated to t = 360.

    Returns
    -------
    ODESystem
        States x, y, z: HBrO2, bromide and cerium(IV), scaled.

    References
    ----------
    Field & Noyes, Journal of Chemical Physics 60 (1974) 1877-1884; Hairer & Wanner, Solving Ordinary Differential
    Equations II, 2nd ed. (1996), IV.10.

    Examples
    --------
    >>> orego().names
    ('x', 'y', 'z')
    """
    x, y, z, s, q, w = sp.symbols("x y z s q w")
    return ODESystem(
        {x: s * (y - x * y + x - q * x**2), y: (z - y - x * y) / s, z: w * (x - z)},
        {s: 77.27, q: 8.375e-6, w: 0.161},
        initial={x: 1, y: 2, z: 3},
        provenance=("zoo.orego: Field & Noyes (1974)",),
    )


def selkov() -> ODESystem:
    r"""Sel'kov's model of glycolysis, the kinetics of cells in the studies of diffusion sensing.

    .. math:: \dot v = \alpha w + w v^2 - v, \qquad \dot w = \zeta \bigl(\mu - (\alpha w + w v^2)\bigr)

    Dimensionless; by default :math:`\alpha = 0.9`, :math:`\mu = 2`, :math:`\zeta = 0.15`, at rest in
    (:math:`\mu`, :math:`\mu/(\alpha + \mu^2)`).  It oscillates if
    :math:`\alpha < -\mu^2 + (\sqrt{1 + 8\zeta\mu^2} - 1)/(2\zeta)`, 0.69440 with these values of the other two.

    Returns
    -------
    ODESystem
        States v, w.

    References
    ----------
    Sel'kov, European Journal of Biochemistry 4 (1968) 79-86; Iyaniwura & Ward, SIAM Journal on Applied Dynamical
    Systems 20 (2021) 438-499.

    Examples
    --------
    >>> print(selkov())
    v' = alpha*w + v**2*w - v
    w' = zeta*(-alpha*w + mu - v**2*w)
    """
    v, w, alpha, mu, zeta = sp.symbols("v w alpha mu zeta")
    step = alpha * w + w * v**2
    return ODESystem(
        {v: step - v, w: zeta * (mu - step)},
        {alpha: 0.9, mu: 2, zeta: 0.15},
        initial={v: 2, w: 2 / 4.9},
        provenance=("zoo.selkov: Sel'kov (1968)",),
    )
