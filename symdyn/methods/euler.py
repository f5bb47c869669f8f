"""Euler's explicit method."""

from __future__ import annotations

from symdyn.methods.options import FieldOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, hermite

__all__ = ["Euler"]

B = (1.0,)


class Euler(FieldOptions):
    r"""Explicit Euler steps of length ``step``, :math:`u' = u + h f(u, t)`; see `FieldOptions`.

    Examples
    --------
    Ten steps of length 0.1 on :math:`\dot u = -u` give :math:`0.9^{10}`:

    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Euler(max_steps=100), step=0.1, progress=False)
    >>> data.u[-1].values.round(6).tolist()
    [0.348678, 0.348678]
    """

    method = "euler"


METHODS.register(
    "euler",
    ExplicitRungeKutta(
        name="euler",
        order=1,
        a=(B,),
        error=(),
        error_order=1,
        dense=hermite(B),
        dense_order=1,
        stiff_stage=0,
        stiffness_limit=2.0,
        reference="Euler, Institutionum calculi integralis (1768)",
        options=Euler,
    ),
)
