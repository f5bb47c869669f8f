"""The classical method of order 4."""

from __future__ import annotations

from symdyn.methods.options import FieldOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, hermite

__all__ = ["Rk4"]

B = (1 / 6, 1 / 3, 1 / 3, 1 / 6)


class Rk4(FieldOptions):
    r"""The classical Runge-Kutta method of order 4 in steps of length ``step``; see `FieldOptions`.

    Examples
    --------
    One step of length 1 on :math:`\dot u = -u` gives the Taylor polynomial :math:`1 - 1 + 1/2 - 1/6 + 1/24`:

    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Rk4(max_steps=100), step=1, progress=False)
    >>> data.u[-1].values.round(6).tolist()
    [0.375, 0.375]
    """

    method = "rk4"


METHODS.register(
    "rk4",
    ExplicitRungeKutta(
        name="rk4",
        order=4,
        a=((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), B),
        error=(),
        error_order=4,
        dense=hermite(B),
        dense_order=3,
        stiff_stage=0,
        stiffness_limit=2.785,
        reference="Kutta, Zeitschrift fuer Mathematik und Physik 46 (1901) 435",
        options=Rk4,
    ),
)
