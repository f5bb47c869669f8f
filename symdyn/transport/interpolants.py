r"""Stochastic interpolants between two mixtures, and the flow and diffusions that have their marginals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.models.sde import SDESystem
from symdyn.text.mixtures import logsumexp, softmax
from symdyn.transport.densities import GaussianMixture

__all__ = ["Interpolant", "interpolant"]


class Interpolant:
    r"""The process :math:`x_t = a\, x_0 + b\, x_1 + \gamma\, z` with independent ends from mixtures and normal z.

    Attributes
    ----------
    states : tuple of Symbol
    time : Symbol
    log_density : Expr
        :math:`\log p_t(x)`.
    score : dict of Symbol to Expr
        :math:`\partial \log p_t / \partial x_i = -E[z_i | x_t = x]/\gamma`.
    velocity : dict of Symbol to Expr
        :math:`E[\dot a x_0 + \dot b x_1 + \dot\gamma z \mid x_t = x]`.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> between = sd.transport.interpolant(sd.transport.Normal(0, 1), sd.transport.Normal(2, 1), [x], sp.cos(t), sp.sin(t))
    >>> print(between.flow())  # the mean moves, the spread stays
    x' = 2*cos(t)
    """

    def __init__(
        self,
        states: Sequence[sp.Symbol],
        time: sp.Symbol,
        parts: Sequence[tuple[sp.Expr, Sequence[sp.Expr], Sequence[sp.Expr]]],
    ) -> None:
        self.states, self.time = tuple(states), time
        logs = []
        for w, means, variances in parts:
            terms = (sp.log(2 * sp.pi * v) + (x - m) ** 2 / v for x, m, v in zip(states, means, variances, strict=True))
            logs.append(sp.log(w) - sp.Add(*terms) / 2)
        shares = [softmax(q, *logs) for q in logs]
        self.log_density = logsumexp(*logs)
        self.score, self.velocity = {}, {}
        for i, x in enumerate(states):
            rows = [(share, means[i], variances[i]) for share, (_, means, variances) in zip(shares, parts, strict=True)]
            self.score[x] = sp.Add(*(-share * (x - m) / v for share, m, v in rows))
            self.velocity[x] = sp.Add(*(
                share * (sp.diff(m, time) + sp.diff(v, time) / (2 * v) * (x - m)) for share, m, v in rows
            ))  # fmt: skip

    def flow(self) -> ODESystem:
        r"""The flow :math:`\dot x = b(x, t)`, which takes the first density to the second.

        Returns
        -------
        ODESystem

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, t = sp.symbols("x t")
        >>> normal = sd.transport.Normal(0, 1)
        >>> print(sd.transport.interpolant(normal, normal, [x], sp.cos(t), sp.sin(t)).flow())
        x' = 0
        """
        return ODESystem(self.velocity, time=self.time, provenance=("flow of a stochastic interpolant",))

    def diffusion(self, noise: Any) -> SDESystem:
        r"""The diffusion :math:`\mathrm dx = (b + e\, s)\, \mathrm dt + \sqrt{2 e}\, \mathrm dW`, with the same marginals.

        Parameters
        ----------
        noise : Expr or number
            :math:`e(t) \ge 0`.

        Returns
        -------
        SDESystem

        Raises
        ------
        DeclarationError
            For noise that is 0 or depends on states.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, t = sp.symbols("x t")
        >>> still = sd.transport.interpolant(sd.transport.Normal(0, 1), sd.transport.Normal(0, 1), [x], sp.cos(t), sp.sin(t))
        >>> print(still.diffusion(1))
        dx = -x*dt + sqrt(2)*dW
        """
        e = expression(noise)
        if e == 0 or e.is_negative or e.free_symbols & set(self.states):
            raise DeclarationError(f"noise is {e}; expected a positive number or a function of time (flow() is the case 0)")
        drift = {x: v + e * self.score[x] for x, v in self.velocity.items()}
        return SDESystem(
            drift, dict.fromkeys(self.states, sp.sqrt(2 * e)), time=self.time,
            provenance=(f"diffusion of a stochastic interpolant, e = {e}",),
        )  # fmt: skip


def interpolant(
    first: GaussianMixture, second: GaussianMixture, states: Sequence[Any], a: Any, b: Any, gamma: Any = 0, *, time: Any = "t"
) -> Interpolant:
    r"""The stochastic interpolant :math:`x_t = a(t)\, x_0 + b(t)\, x_1 + \gamma(t)\, z` of two mixtures, in closed form.

    Parameters
    ----------
    first, second : GaussianMixture
        With standard deviations (``stds=``); the interpolant has a component for each pair of theirs.
    states : sequence of Symbol or name
    a, b, gamma : Expr
        Of time, with a = 1, b = 0 at its beginning and a = 0, b = 1 at its end, and :math:`\gamma = 0` at both.
    time : Symbol or str

    Returns
    -------
    Interpolant

    Raises
    ------
    DeclarationError
        If dimensions differ, and for mixtures with full covariances.

    References
    ----------
    Albergo, Boffi & Vanden-Eijnden, Stochastic interpolants (arXiv:2303.08797, 2023), eqs. 2.32-2.36.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> two = sd.transport.GaussianMixture([1, 1], [-1.5, 1], [0.4, 0.6])
    >>> line = sd.transport.interpolant(two, sd.transport.Normal(0, 1), [x], 1 - t, t, sp.sqrt(2*t*(1 - t)))
    >>> len(line.log_density.args)
    2
    """
    if first.dimension != second.dimension or first.dimension != len(states):
        raise DeclarationError(
            f"the densities have {first.dimension} and {second.dimension} dimensions, and there are {len(states)} states"
        )
    if first.stds is None or second.stds is None:
        raise DeclarationError("interpolants are in closed form for mixtures with stds=")
    t = as_symbol(time, "time")
    a, b, square = expression(a), expression(b), sp.expand(expression(gamma) ** 2)
    parts = []
    for u, m0, s0 in zip(first.weights, first.means, first.stds, strict=True):
        for w, m1, s1 in zip(second.weights, second.means, second.stds, strict=True):
            means = [a * p + b * q for p, q in zip(m0, m1, strict=True)]
            variances = [sp.simplify(a**2 * p**2 + b**2 * q**2 + square) for p, q in zip(s0, s1, strict=True)]
            parts.append((u * w, means, variances))
    return Interpolant([as_symbol(s, "state") for s in states], t, parts)
