"""Fields: fronts, patterns and turbulence; each takes the domain as an argument."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symdyn.models.boxes import Rectangle
from symdyn.models.operators import dot, dx, grad, laplacian, mean
from symdyn.models.pde import PDESystem

__all__ = [
    "advection_diffusion",
    "burgers",
    "cahn_hilliard",
    "fisher_kpp",
    "gray_scott",
    "kuramoto_sivashinsky",
    "schnakenberg",
    "swift_hohenberg",
]

u, v, x = sp.symbols("u v x")
#: The square of Pearson (1993), and one of about ten wave lengths.
PEARSON, SQUARE = Rectangle(2.5, 2.5), Rectangle(64, 64)


def advection_diffusion(domain: Any = (0, 2 * math.pi)) -> PDESystem:
    r"""Something that is carried along, spreads and decays, on a periodic interval.

    .. math:: \partial_t u = D \partial_x^2 u - c\, \partial_x u - k u

    Waves :math:`e^{iqx}` decay with the rate :math:`D q^2 + k` and travel with the speed c.  By default
    :math:`D = 0.1`, :math:`c = 1`, :math:`k = 0`, from a sine.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    Examples
    --------
    >>> print(advection_diffusion())
    u' = D*laplacian(u) - c*dx(u) - k*u
    """
    d, c, k = sp.symbols("D c k")
    return PDESystem(
        {u: d * laplacian(u) - c * dx(u) - k * u},
        domain,
        boundary="periodic",
        parameters={d: 0.1, c: 1, k: 0},
        initial={u: sp.sin(x)},
        provenance=("zoo.advection_diffusion",),
    )


def fisher_kpp(domain: Any = (0, 100)) -> PDESystem:
    r"""The equation of Fisher and of Kolmogorov, Petrovskii & Piskunov: a population that grows and spreads.

    .. math:: \partial_t u = D \Delta u + r u (1 - u)

    Fronts travel with the speed :math:`2\sqrt{rD}` or faster; that with :math:`5\sqrt{rD/6}` is
    :math:`(1 + e^{\sqrt{r/(6D)}\,(x - ct)})^{-2}`.  By default :math:`D = r = 1`, without flux through the walls, from a
    front of that form at 20.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Fisher, Annals of Eugenics 7 (1937) 355-369; Ablowitz & Zeppetella, Bulletin of Mathematical Biology 41 (1979) 835-840.

    Examples
    --------
    >>> print(fisher_kpp())
    u' = D*laplacian(u) + r*u*(1 - u)
    """
    d, r = sp.symbols("D r")
    return PDESystem(
        {u: d * laplacian(u) + r * u * (1 - u)},
        domain,
        parameters={d: 1, r: 1},
        initial={u: (1 + sp.exp(sp.sqrt(r / (6 * d)) * (x - 20))) ** -2},
        provenance=("zoo.fisher_kpp: Fisher (1937)",),
    )


def burgers(domain: Any = (0, 2 * math.pi)) -> PDESystem:
    r"""Burgers' equation, in which waves steepen until viscosity balances it.

    .. math:: \partial_t u = \nu \partial_x^2 u - \partial_x \tfrac{u^2}{2}

    The transform :math:`u = -2\nu\, \partial_x \log\phi` of Cole and Hopf makes it the equation of heat.  By default
    :math:`\nu = 0.1` on a periodic interval, from a sine.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Burgers, Advances in Applied Mechanics 1 (1948) 171-199; Cole, Quarterly of Applied Mathematics 9 (1951) 225-236.

    Examples
    --------
    >>> print(burgers())
    u' = nu*laplacian(u) - dx(u**2)/2
    """
    nu = sp.Symbol("nu")
    return PDESystem(
        {u: nu * laplacian(u) - dx(u**2) / 2},
        domain,
        boundary="periodic",
        parameters={nu: 0.1},
        initial={u: sp.sin(x)},
        provenance=("zoo.burgers: Burgers (1948)",),
    )


def kuramoto_sivashinsky(domain: Any = (0, 32 * math.pi)) -> PDESystem:
    r"""The equation of Kuramoto and Sivashinsky: turbulence of flames and phases.

    .. math:: \partial_t u = -\partial_x^2 u - \partial_x^4 u - u\, \partial_x u

    Waves with wave number k grow with the rate :math:`k^2 - k^4`.  By default on a periodic interval of length
    :math:`32\pi`, from :math:`\cos(x/16)(1 + \sin(x/16))`.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Kuramoto & Tsuzuki, Progress of Theoretical Physics 55 (1976) 356-369; Sivashinsky, Acta Astronautica 4 (1977)
    1177-1206; Kassam & Trefethen, SIAM Journal on Scientific Computing 26 (2005) 1214-1233, for the initial values.

    Examples
    --------
    >>> print(kuramoto_sivashinsky())
    u' = -dx(u**2)/2 - laplacian(u) - laplacian(laplacian(u))
    """
    return PDESystem(
        {u: -laplacian(u) - laplacian(laplacian(u)) - dx(u**2) / 2},
        domain,
        boundary="periodic",
        initial={u: sp.cos(x / 16) * (1 + sp.sin(x / 16))},
        provenance=("zoo.kuramoto_sivashinsky: Kuramoto & Tsuzuki (1976), Sivashinsky (1977)",),
    )


def gray_scott(domain: Any = PEARSON) -> PDESystem:
    r"""The reaction of Gray and Scott with feed and removal: spots that divide, stripes, labyrinths.

    .. math::
        \partial_t u &= D_u \Delta u - u v^2 + F (1 - u) \\
        \partial_t v &= D_v \Delta v + u v^2 - (F + k) v

    By default :math:`D_u = 2\cdot 10^{-5}`, :math:`D_v = 10^{-5}`, :math:`F = 0.04`, :math:`k = 0.06` on a periodic square
    of side 2.5, from :math:`u = v = 1/2` in a square of side :math:`62\sqrt{D_v}` (Pearson's 20 of 256 cells) in its middle,
    made uneven by waves of some 1%, with :math:`u = 1, v = 0` around it.  Smaller spots, or :math:`v = 1/4` there as Pearson
    took it, die out for some of the parameters for which spots divide or last, such as :math:`F = 0.026, k = 0.061` and
    :math:`F = 0.035, k = 0.065`.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Fields u, v.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Gray & Scott, Chemical Engineering Science 39 (1984) 1087-1097; Pearson, Science 261 (1993) 189-192.

    Examples
    --------
    >>> print(gray_scott())
    u' = Du*laplacian(u) + F*(1 - u) - u*v**2
    v' = Dv*laplacian(v) + u*v**2 - v*(F + k)
    """
    du, dv, f, k = sp.symbols("Du Dv F k")
    system = PDESystem(
        {u: du * laplacian(u) - u * v**2 + f * (1 - u), v: dv * laplacian(v) + u * v**2 - (f + k) * v},
        domain,
        boundary="periodic",
        parameters={du: 2e-5, dv: 1e-5, f: 0.04, k: 0.06},
        provenance=("zoo.gray_scott: Pearson (1993)",),
    )
    middle = [sp.Float(float(a + b) / 2) for a, b in zip(*system.domain.box, strict=True)]
    half, edge = 31 * sp.sqrt(dv), 3 * sp.sqrt(dv)
    sides = [sp.tanh((s - m + half) / edge) - sp.tanh((s - m - half) / edge) for s, m in zip(system.space, middle, strict=True)]
    spot = sp.Mul(*(side / 2 for side in sides), 1 + _waves(system) / 5) / 2
    return system.with_initial({u: 1 - spot, v: spot})


def schnakenberg(domain: Any = (0, 20 * math.pi)) -> PDESystem:
    r"""Schnakenberg's reaction with diffusion, the simplest that makes Turing patterns.

    .. math::
        \partial_t u &= \Delta u + \gamma (a - u + u^2 v) \\
        \partial_t v &= d\, \Delta v + \gamma (b - u^2 v)

    The steady state is :math:`u = a + b`, :math:`v = b/(a + b)^2`.  With its Jacobian :math:`\gamma J` patterns arise where
    :math:`d J_{uu} + J_{vv} > 2\sqrt{d \det J}`, first with :math:`k^2 = \gamma\sqrt{\det J / d}`; for :math:`a = 0.1`,
    :math:`b = 0.9` from :math:`d = 8.5676` on.  By default so, with :math:`d = 10`, :math:`\gamma = 1`, without flux through
    the walls, from a small wave about the steady state.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Fields u, v.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Schnakenberg, Journal of Theoretical Biology 81 (1979) 389-400; Murray, Mathematical Biology II, 3rd ed. (2003), 2.3-2.4.

    Examples
    --------
    >>> print(schnakenberg())
    u' = gamma*(a + u**2*v - u) + laplacian(u)
    v' = d*laplacian(v) + gamma*(b - u**2*v)
    """
    a, b, d, gamma = sp.symbols("a b d gamma")
    return PDESystem(
        {u: laplacian(u) + gamma * (a - u + u**2 * v), v: d * laplacian(v) + gamma * (b - u**2 * v)},
        domain,
        parameters={a: 0.1, b: 0.9, d: 10, gamma: 1},
        initial={u: a + b + sp.cos(3 * x / 5) / 100, v: b / (a + b) ** 2},
        provenance=("zoo.schnakenberg: Schnakenberg (1979)",),
    )


def cahn_hilliard(domain: Any = SQUARE) -> PDESystem:
    r"""The equation of Cahn and Hilliard: two phases that part, and coarsen.

    .. math:: \partial_t u = \Delta (u^3 - u - \kappa \Delta u)

    The mean of u is conserved, and the mean of :math:`\tfrac14 (u^2 - 1)^2 + \tfrac\kappa2 |\nabla u|^2`, the observable
    ``energy``, never grows.  Waves about :math:`u = 0` grow with the rate :math:`k^2 - \kappa k^4`.  By default
    :math:`\kappa = 1` on a periodic square of side 64, from a few waves.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Cahn & Hilliard, Journal of Chemical Physics 28 (1958) 258-267.

    Examples
    --------
    >>> print(cahn_hilliard())
    u' = laplacian(-kappa*laplacian(u) + u**3 - u)
    """
    kappa, energy = sp.symbols("kappa energy")
    system = PDESystem(
        {u: laplacian(u**3 - u - kappa * laplacian(u))},
        domain,
        boundary="periodic",
        parameters={kappa: 1},
        observables={energy: mean((u**2 - 1) ** 2 / 4 + kappa * dot(grad(u), grad(u)) / 2)},
        provenance=("zoo.cahn_hilliard: Cahn & Hilliard (1958)",),
    )
    return system.with_initial({u: _waves(system)})


def swift_hohenberg(domain: Any = SQUARE) -> PDESystem:
    r"""The equation of Swift and Hohenberg: rolls near the onset of convection.

    .. math:: \partial_t u = r u - (1 + \Delta)^2 u - u^3

    Waves grow with the rate :math:`r - (1 - k^2)^2`.  By default :math:`r = 0.2` on a periodic square of side 64, from a few
    waves.

    Parameters
    ----------
    domain : pair of float, Interval, Rectangle or Box
        Where the field is.

    Returns
    -------
    PDESystem
        Field u.

    Raises
    ------
    DeclarationError
        If the domain is none that such a field can have.

    References
    ----------
    Swift & Hohenberg, Physical Review A 15 (1977) 319-328.

    Examples
    --------
    >>> print(swift_hohenberg())
    u' = r*u - u**3 - u - 2*laplacian(u) - laplacian(laplacian(u))
    """
    r = sp.Symbol("r")
    system = PDESystem(
        {u: r * u - u - 2 * laplacian(u) - laplacian(laplacian(u)) - u**3},
        domain,
        boundary="periodic",
        parameters={r: 0.2},
        provenance=("zoo.swift_hohenberg: Swift & Hohenberg (1977)",),
    )
    return system.with_initial({u: _waves(system)})


def _waves(system: PDESystem) -> sp.Expr:
    """A few waves that fit into the box, no two of them alike."""
    low, high = system.domain.box
    angles = [2 * sp.pi * (s - float(a)) / float(b - a) for s, a, b in zip(system.space, low, high, strict=True)]
    numbers = [(3, 2, 1), (5, -4, 2), (2, 7, -3), (9, 1, 4), (4, 8, -5), (7, -6, 6)]
    return sp.Add(*(sp.cos(sp.Add(*(q * w for q, w in zip(k, angles, strict=False))) + i) for i, k in enumerate(numbers))) / 20
