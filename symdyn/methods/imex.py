"""ARK4(3)6L[2]SA, the additive Runge-Kutta pair of orders 4 and 3 of Kennedy & Carpenter."""

from __future__ import annotations

import numpy as np

from symdyn.methods.additive import AdditiveRungeKutta, lower_triangle
from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS

__all__ = ["Imex"]


class Imex(AdaptiveOptions):
    r"""The additive Runge-Kutta method of order 4 that treats linear terms implicitly, also called 'ark4'.

    References
    ----------
    Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181, ARK4(3)6L[2]SA.

    Examples
    --------
    >>> Imex(max_steps=100)
    Imex(max_steps=100)
    """

    method = "imex"


METHODS.register(
    "imex",
    AdditiveRungeKutta(
        name="imex",
        order=4,
        error_order=3,
        explicit=lower_triangle([
            [1 / 2],
            [13861 / 62500, 6889 / 62500],
            [-116923316275 / 2393684061468, -2731218467317 / 15368042101831, 9408046702089 / 11113171139209],
            [-451086348788 / 2902428689909, -2682348792572 / 7519795681897, 12662868775082 / 11960479115383,
             3355817975965 / 11060851509271],
            [647845179188 / 3216320057751, 73281519250 / 8382639484533, 552539513391 / 3454668386233,
             3354512671639 / 8306763924573, 4040 / 17871],
        ]),
        implicit=lower_triangle([
            [1 / 4, 1 / 4],
            [8611 / 62500, -1743 / 31250, 1 / 4],
            [5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4],
            [15267082809 / 155376265600, -71443401 / 120774400, 730878875 / 902184768, 2285395 / 8070912, 1 / 4],
            [82889 / 524892, 0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4],
        ]),
        embedded=np.array([
            4586570599 / 29645900160, 0, 178811875 / 945068544, 814220225 / 1159782912, -3700637 / 11593932, 61727 / 225920,
        ]),
        reference="Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181, ARK4(3)6L[2]SA",
        options=Imex,
    ),
    "ark4",
)  # fmt: skip
