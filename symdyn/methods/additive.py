"""Additive Runge-Kutta methods as data: an explicit and a diagonally implicit one that share abscissae and weights.

References
----------
Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ARK3", "ARK4", "AdditiveTableau"]


@dataclass(frozen=True, eq=False)
class AdditiveTableau:
    """The weights of both parts are the last row of `implicit`, so the last stage is nearly the new solution.

    Attributes
    ----------
    name : str
    order : int
    explicit, implicit : (s, s) arrays
    embedded : (s,) array
        Weights of the solution of one order less.
    """

    name: str
    order: int
    explicit: np.ndarray
    implicit: np.ndarray
    embedded: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        return self.implicit[-1]

    @property
    def diagonal(self) -> float:
        return float(self.implicit[-1, -1])

    @property
    def nodes(self) -> np.ndarray:
        """Abscissae of the stages."""
        return self.explicit.sum(axis=1)


def _tableau(
    name: str, order: int, explicit: list[list[float]], implicit: list[list[float]], embedded: list[float]
) -> AdditiveTableau:
    s = len(embedded)
    a, b = np.zeros((s, s)), np.zeros((s, s))
    for i in range(1, s):
        a[i, :i], b[i, : i + 1] = explicit[i - 1], implicit[i - 1]
    return AdditiveTableau(name, order, a, b, np.array(embedded))


_G = 1767732205903 / 4055673282236
#: ARK3(2)4L[2]SA and ARK4(3)6L[2]SA of Kennedy & Carpenter.
ARK3 = _tableau(
    "ark3", 3,
    [[1767732205903 / 2027836641118],
     [5535828885825 / 10492691773637, 788022342437 / 10882634858940],
     [6485989280629 / 16251701735622, -4246266847089 / 9704473918619, 10755448449292 / 10357097424841]],
    [[_G, _G],
     [2746238789719 / 10658868560708, -640167445237 / 6845629431997, _G],
     [1471266399579 / 7840856788654, -4482444167858 / 7529755066697, 11266239266428 / 11593286722821, _G]],
    [2756255671327 / 12835298489170, -10771552573575 / 22201958757719, 9247589265047 / 10645013368117,
     2193209047091 / 5459859503100],
)  # fmt: skip
ARK4 = _tableau(
    "ark4", 4,
    [[1 / 2],
     [13861 / 62500, 6889 / 62500],
     [-116923316275 / 2393684061468, -2731218467317 / 15368042101831, 9408046702089 / 11113171139209],
     [-451086348788 / 2902428689909, -2682348792572 / 7519795681897, 12662868775082 / 11960479115383,
      3355817975965 / 11060851509271],
     [647845179188 / 3216320057751, 73281519250 / 8382639484533, 552539513391 / 3454668386233,
      3354512671639 / 8306763924573, 4040 / 17871]],
    [[1 / 4, 1 / 4],
     [8611 / 62500, -1743 / 31250, 1 / 4],
     [5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4],
     [15267082809 / 155376265600, -71443401 / 120774400, 730878875 / 902184768, 2285395 / 8070912, 1 / 4],
     [82889 / 524892, 0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4]],
    [4586570599 / 29645900160, 0, 178811875 / 945068544, 814220225 / 1159782912, -3700637 / 11593932, 61727 / 225920],
)  # fmt: skip
