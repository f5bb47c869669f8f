"""ETDRK4, the exponential Runge-Kutta method of order 4 of Cox & Matthews."""

from __future__ import annotations

from symdyn.methods.exponential import ExponentialRungeKutta
from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS

__all__ = ["Etdrk4"]


class Etdrk4(AdaptiveOptions):
    r"""The exponential Runge-Kutta method of order 4, exact for linear terms.

    Without ``step`` two steps are compared with one of twice the length; lengths are that between two output times, divided by
    powers of 2, so that the coefficients are computed seldom.

    References
    ----------
    Cox & Matthews, Journal of Computational Physics 176 (2002) 430, eqs. 26 to 29.

    Examples
    --------
    A single step of length 1 on the linear equation :math:`\dot u = -u` gives :math:`e^{-1}`:

    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Etdrk4(max_steps=10), step=1, progress=False)
    >>> data.u[-1].values.round(6).tolist()
    [0.367879, 0.367879]
    """

    method = "etdrk4"


HALF = {(1, 0.5): 0.5}
METHODS.register(
    "etdrk4",
    ExponentialRungeKutta(
        name="etdrk4",
        order=4,
        nodes=(0.0, 0.5, 0.5, 1.0),
        # the third row is that of the third stage, started from the second: exp(z/2) phi_1(z/2)/2 = phi_1(z) - phi_1(z/2)/2
        a=((HALF,), ({}, HALF), ({(1, 1.0): 1.0, (1, 0.5): -1.0}, {}, {(1, 0.5): 1.0})),
        b=(
            {(1, 1.0): 1.0, (2, 1.0): -3.0, (3, 1.0): 4.0},
            {(2, 1.0): 2.0, (3, 1.0): -4.0},
            {(2, 1.0): 2.0, (3, 1.0): -4.0},
            {(2, 1.0): -1.0, (3, 1.0): 4.0},
        ),
        reference="Cox & Matthews, Journal of Computational Physics 176 (2002) 430-455",
        options=Etdrk4,
    ),
)
