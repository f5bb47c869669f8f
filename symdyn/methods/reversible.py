r"""Methods whose steps are taken back exactly, up to rounding: reversible Heun, and any explicit method with a second solution.

Both keep a second approximation z beside y, which begins at y.  The reversible Heun method, of order 2, is

.. math:: z' = 2 y - z + h f(z, t), \qquad y' = y + \tfrac h2 \big(f(z, t) + f(z', t + h)\big) ,

and around the increment :math:`\Psi_h(x, t)` of an explicit Runge-Kutta method, whose order is kept,

.. math:: y' = \lambda y + (1 - \lambda) z + \Psi_h(z, t), \qquad z' = z - \Psi_{-h}(y', t + h) .

The difference of y and z grows about as fast as the system contracts: for :math:`\dot x = -k x` like :math:`e^{k t}` whatever
the length of the steps, unless hk is below :math:`1 - \lambda`.  The methods are for dynamics that contract little over the
time of interest, as oscillations and flows that keep volumes do; where the solutions part a simulation fails and says so.

Steps that are taken back multiply the rounding of that difference by :math:`1/\lambda`, whatever their length.  With 0.99 of
`ReversibleRk4` that is 1e9 in 2,000 steps, from where on there is no way back; with the reversible Heun method it is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.rk4 import B
from symdyn.methods.runge_kutta import Row
from symdyn.system import System

__all__ = ["ReversibleHeun", "ReversibleMethod", "ReversibleRk4"]


@dataclass(frozen=True, kw_only=True)
class ReversibleMethod:
    r"""A method with steps of one length that are taken back exactly.

    Attributes
    ----------
    name, reference : str
    order : int
    a : tuple of rows
        Of the explicit Runge-Kutta method within, rows 2 to s + 1 as of `ExplicitRungeKutta`; empty for the reversible Heun
        method.
    coupling : float
        :math:`\lambda`; of no meaning for the reversible Heun method.
    apart : float
        Distance of y and z, relative to the largest value of a state so far, from which on a trajectory has failed.
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Kidger, Foster, Li & Lyons, NeurIPS 34 (2021), section 3; McCallum & Foster, arXiv:2410.11648 (2024).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.METHODS["reversible-heun"].order, sd.METHODS["reversible-rk4"].order
    (2, 4)
    """

    name: str
    reference: str
    order: int
    a: tuple[Row, ...]
    coupling: float
    apart: float
    options: type[MethodOptions]
    implicit = adaptive = False
    integrals = 0

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["reversible-heun"].applies(sd.ODESystem.from_text("x' = -x"))
        """
        return system.unmet(["drift"])


class ReversibleHeun(MethodOptions):
    """The reversible Heun method of order 2, in steps of length ``step``.

    Examples
    --------
    >>> import symdyn as sd
    >>> swing = sd.ODESystem.from_text("q' = p; p' = -q; q(0) = 1; p(0) = 0")
    >>> data = sd.simulate(swing, [0, 3.1416], method=sd.methods.ReversibleHeun(), step=0.01, progress=False)
    >>> data.q[-1].round(3).item()
    -1.0
    """

    method = "reversible-heun"


class ReversibleRk4(MethodOptions):
    """The classical Runge-Kutta method made reversible, of order 4, in steps of length ``step``.

    Gradients take up to about 1,800 steps back; `ReversibleHeun` any number.

    Examples
    --------
    >>> import symdyn as sd
    >>> swing = sd.ODESystem.from_text("q' = p; p' = -q; q(0) = 1; p(0) = 0")
    >>> data = sd.simulate(swing, [0, 3.1416], method=sd.methods.ReversibleRk4(), step=0.1, progress=False)
    >>> data.q[-1].round(5).item()
    -1.0
    """

    method = "reversible-rk4"


METHODS.register(
    "reversible-heun",
    ReversibleMethod(
        name="reversible-heun", order=2, a=(), coupling=1.0, apart=0.1, options=ReversibleHeun,
        reference="Kidger, Foster, Li & Lyons, NeurIPS 34 (2021): efficient and accurate gradients for neural SDEs",
    ),
)  # fmt: skip
METHODS.register(
    "reversible-rk4",
    ReversibleMethod(
        name="reversible-rk4", order=4, a=((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0), B), coupling=0.99, apart=1e-3,
        options=ReversibleRk4,
        reference="McCallum & Foster, arXiv:2410.11648 (2024), around Kutta's method of order 4",
    ),
)  # fmt: skip
