"""Options of the methods for fields on a grid, whose integrators are in `symdyn.grids`."""

from __future__ import annotations

from symdyn.methods.bs32 import Bs32
from symdyn.methods.euler import Euler
from symdyn.methods.options import FieldOptions, MethodOptions
from symdyn.methods.rk4 import Rk4
from symdyn.methods.tsit5 import Tsit5

__all__ = [
    "FIELD_METHODS",
    "Etdrk4",
    "Imex",
    "Imex3",
    "Sbdf2",
]


class Imex(FieldOptions):
    """The additive Runge-Kutta method of order 4 that treats linear terms implicitly; see `FieldOptions`.

    Examples
    --------
    >>> Imex(max_steps=100)
    Imex(max_steps=100)
    """

    method = "imex"


class Imex3(FieldOptions):
    r"""The additive Runge-Kutta method of order 3 that treats linear terms implicitly; see `FieldOptions`.

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


class Etdrk4(FieldOptions):
    r"""The exponential Runge-Kutta method of order 4, exact for linear terms; see `FieldOptions`.

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


class Sbdf2(FieldOptions):
    """Backward differences of order 2 for linear terms, in steps of length ``step``; see `FieldOptions`.

    Nonlinear terms are extrapolated from two steps.

    References
    ----------
    Ascher, Ruuth & Wetton, SIAM Journal on Numerical Analysis 32 (1995) 797, scheme SBDF.

    Examples
    --------
    Half the step size divides the error by 4:

    >>> import math
    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> def error(h):
    ...     data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Sbdf2(max_steps=1000), step=h, progress=False)
    ...     return float(data.u[-1, 0]) - math.exp(-1)
    >>> round(error(0.02) / error(0.01), 1)
    4.0
    """

    method = "sbdf2"


#: The classes of all methods for fields, by the names of the methods.
FIELD_METHODS: dict[str, type[MethodOptions]] = {
    cls.method: cls for cls in (Bs32, Tsit5, Euler, Rk4, Imex, Imex3, Etdrk4, Sbdf2)
}
