"""Fast diffusion: the bulk as its mean and its slowest modes, ordinary differential equations up to any diffusion."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp
from scipy.special import jnp_zeros, jv

from symdyn.cells.greens import greens
from symdyn.cells.limits import bounded, cells_and_bulk, quasi_static
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Rectangle
from symdyn.models.colony import BulkCellSystem
from symdyn.models.domains import Disk, Domain
from symdyn.models.ode import ODESystem

__all__ = ["large_diffusion", "neumann_modes"]


def large_diffusion(colony: BulkCellSystem, modes: int = 0) -> ODESystem:
    r"""Fast diffusion, :math:`D = D_0/\nu` with :math:`\nu = -1/\log\epsilon`: the mean of the bulk and its slowest modes.

    .. math::
        \dot U &= -\frac U\tau - \frac{2\pi D_0}{\tau|\Omega|} \sum_j b_j, \qquad
        \dot u_j = F_j(u_j) + e_1 \frac{2\pi D_0}{\tau} b_j \\
        \tau \dot a_k &= -(1 + D \kappa_k^2)\, a_k - 2\pi D_0 \sum_j \phi_k(x_j)\, b_j, \qquad k = 1 \ldots K \\
        D_0 b_j &+ d_{1j} \Bigl[\Bigl(I + 2\pi\nu \Bigl(\mathcal G_0 - \sum_k \frac{\phi_k \phi_k^T}{\kappa_k^2}\Bigr)
            \Bigr) b\Bigr]_j = d_{1j} \Bigl(U + \sum_k a_k \phi_k(x_j)\Bigr) - d_{2j} u_{1j}

    with the Neumann matrix :math:`\mathcal G_0` of the centers, and the modes :math:`-\Delta\phi_k = \kappa_k^2 \phi_k`,
    :math:`\partial_n\phi_k = 0`, normalised over the domain; all others follow the cells at once.  No modes make the limit
    of fast diffusion, all of them the asymptotic theory of small cells at any D; convergence is algebraic, and the slower
    the smaller D.  The linear equations for b are solved once: where
    :math:`d_1^{1/2} (I + 2\pi\nu\mathcal G) d_1^{1/2} = Q \Sigma Q^T`, their inverse is a sum of
    :math:`1/(D_0 + \sigma_k)`, so D stays a parameter.

    Parameters
    ----------
    colony : BulkCellSystem
        In a bounded domain; with modes in a Disk or a Rectangle.
    modes : int
        Modes beside the mean, K.  Those of a disc come in pairs of a cosine and a sine, of which the last may be parted.

    Returns
    -------
    ODESystem
        States and parameters of the colony, the bulk's states being its means; then ``a_1`` ... ``a_K`` (``a_1_v`` ... of
        several species).

    Raises
    ------
    DeclarationError
        In the plane, for influxes that are different symbols, for modes in other domains, and a number of modes that is none.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499, equation (3.16), the limit without modes.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> cell.large_diffusion().names, cell.large_diffusion(modes=2).names
    (('v_1', 'w_1', 'U'), ('v_1', 'w_1', 'U', 'a_1', 'a_2'))
    """
    bounded(colony, "the limit of fast diffusion")
    if isinstance(modes, bool) or not isinstance(modes, (int, np.integer)) or modes < 0:
        raise DeclarationError(f"modes is {modes!r}; expected a whole number from 0 on")
    if modes:
        squares, shapes = neumann_modes(colony.domain, int(modes), colony.centers)
    else:  # in any domain
        squares, shapes = np.empty(0), np.empty((0, colony.cells))
    area = float(colony.domain.measure)
    several = len(colony.bulk) > 1
    amplitudes = [
        [sp.Symbol(f"a_{k + 1}_{name}" if several else f"a_{k + 1}") for k in range(modes)] for name in colony.secreted
    ]  # fmt: skip
    fields = [
        [sp.Add(u, *(float(shapes[k, j]) * a for k, a in enumerate(row))) for j in range(colony.cells)]
        for u, row in zip(colony.bulk, amplitudes, strict=True)
    ]
    fast = greens(colony).neumann(colony.centers) - (shapes.T / squares) @ shapes
    sources, exchange = quasi_static(colony, fields, fast)
    bulk: dict[sp.Symbol, sp.Expr] = {}
    for s, (u, tau, d) in enumerate(zip(colony.bulk, colony.delay, colony.diffusivities, strict=True)):
        bulk[u] = -u / tau - 2 * math.pi / area / tau * sp.Add(*sources[s])
        for k, a in enumerate(amplitudes[s]):
            pulled = sp.Add(*(float(shapes[k, j]) * e for j, e in enumerate(sources[s])))
            bulk[a] = -(1 + float(squares[k]) * d) * a / tau - 2 * math.pi / tau * pulled
    line = f"bulk as its mean and {modes} slow modes" if modes else "limit of fast diffusion, D of the order of 1/nu"
    return cells_and_bulk(colony, exchange, bulk, line).with_initial({a: 0.0 for row in amplitudes for a in row})


def neumann_modes(domain: Domain, count: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Eigenvalues and eigenfunctions of the Laplacian with Neumann conditions, :math:`\Delta \phi_k = -\kappa_k^2 \phi_k`.

    The eigenfunctions are normalised over the domain; the constant one is left out.  On a disc of radius R they are
    :math:`J_n(j'_{ni} r/R) \cos n\theta` and :math:`\sin n\theta`, on a rectangle products of cosines.

    Parameters
    ----------
    domain : Disk or Rectangle
    count : int
        Number of modes.
    points : (p, 2) array
        Positions at which the modes are evaluated, in the units of length of the domain.

    Returns
    -------
    squares : (count,) array
        Squared wave numbers :math:`\kappa_k^2`, increasing and above zero, in units of inverse length squared.
    shapes : (count, p) array
        The modes at the points, in units of inverse length.

    Raises
    ------
    DeclarationError
        For other domains.

    Examples
    --------
    >>> squares, shapes = neumann_modes(Rectangle(1, 2), 2, np.array([[0.0, 0.0]]))
    >>> bool(np.allclose(squares, [np.pi**2 / 4, np.pi**2])), bool(np.allclose(shapes, 1))
    (True, True)
    """
    points = np.asarray(points, float).reshape(-1, 2)
    if isinstance(domain, Disk):
        return _disk(domain, count, points)
    if isinstance(domain, Rectangle):
        return _rectangle(domain, count, points)
    raise DeclarationError(
        f"modes are known of a Disk and a Rectangle, not of {domain!r}; take large_diffusion() without modes, or reduce()"
    )


def _disk(domain: Disk, count: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # about z^2/4 modes lie below z, and the lowest zero of J_n' lies above n
    highest = 2 * math.sqrt(count + 1) + 4
    found: list[tuple[float, int, int]] = []
    for n in range(int(highest) + 1):
        zeros = jnp_zeros(n, int(highest / math.pi) + 2)
        found += [(float(z), n, phase) for z in zeros if z <= highest for phase in ((0,) if n == 0 else (0, 1))]
    found = sorted(found)[:count]
    offset = (points - domain.center) / domain.radius
    r, angle = np.hypot(*offset.T), np.arctan2(offset[:, 1], offset[:, 0])
    shapes = np.empty((count, len(points)))
    for k, (z, n, phase) in enumerate(found):
        # int_0^1 J_n(z r)^2 r dr = (1 - n^2/z^2) J_n(z)^2 / 2 where J_n'(z) = 0
        norm = math.sqrt((2 if n == 0 else 1) * math.pi * (1 - (n / z) ** 2) / 2) * abs(float(jv(n, z))) * domain.radius
        shapes[k] = jv(n, z * r) * (np.sin(n * angle) if phase else np.cos(n * angle)) / norm
    return np.array([(z / domain.radius) ** 2 for z, _, _ in found]), shapes


def _rectangle(domain: Rectangle, count: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # along each side as many waves as all modes could need
    p, q = np.divmod(np.arange((count + 1) ** 2), count + 1)
    squares = (np.pi * p / domain.width) ** 2 + (np.pi * q / domain.height) ** 2
    chosen = np.argsort(squares, kind="stable")[1 : count + 1]
    x, y = (points - domain.corner).T
    norms = np.sqrt((2.0 - (p == 0)) * (2.0 - (q == 0)) / domain.measure)[chosen, None]
    waves = np.cos(np.pi * np.outer(p[chosen], x) / domain.width) * np.cos(np.pi * np.outer(q[chosen], y) / domain.height)
    return squares[chosen], norms * waves
