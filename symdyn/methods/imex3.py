"""ARK3(2)4L[2]SA, the additive Runge-Kutta pair of orders 3 and 2 of Kennedy & Carpenter."""

from __future__ import annotations

import numpy as np

from symdyn.methods.additive import AdditiveRungeKutta, lower_triangle
from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS

__all__ = ["Imex3"]

GAMMA = 1767732205903 / 4055673282236


class Imex3(AdaptiveOptions):
    r"""The additive Runge-Kutta method of order 3 that treats linear terms implicitly, also called 'ark3'.

    References
    ----------
    Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181, ARK3(2)4L[2]SA.

    Examples
    --------
    The solution of :math:`\dot u = -u` is :math:`e^{-t}`, 0.367879 at time 1:

    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Imex3(max_steps=1000), rtol=1e-8, progress=False)
    >>> data.u[-1].values.round(6).tolist()
    [0.367879, 0.367879]
    """

    method = "imex3"


METHODS.register(
    "imex3",
    AdditiveRungeKutta(
        name="imex3",
        order=3,
        error_order=2,
        explicit=lower_triangle([
            [1767732205903 / 2027836641118],
            [5535828885825 / 10492691773637, 788022342437 / 10882634858940],
            [6485989280629 / 16251701735622, -4246266847089 / 9704473918619, 10755448449292 / 10357097424841],
        ]),
        implicit=lower_triangle([
            [GAMMA, GAMMA],
            [2746238789719 / 10658868560708, -640167445237 / 6845629431997, GAMMA],
            [1471266399579 / 7840856788654, -4482444167858 / 7529755066697, 11266239266428 / 11593286722821, GAMMA],
        ]),
        embedded=np.array([
            2756255671327 / 12835298489170, -10771552573575 / 22201958757719, 9247589265047 / 10645013368117,
            2193209047091 / 5459859503100,
        ]),
        reference="Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181, ARK3(2)4L[2]SA",
        options=Imex3,
    ),
    "ark3",
)  # fmt: skip
