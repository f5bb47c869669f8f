"""Taylor-series methods as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy as sp

from symdyn.dag import nodes
from symdyn.methods.options import AdaptiveOptions, MethodOptions
from symdyn.system import System

__all__ = ["WITHOUT_SERIES", "TaylorSeries"]

#: Functions of states or time that have no Taylor series everywhere, or none by a recurrence that is known here.
WITHOUT_SERIES = (
    sp.Abs, sp.sign, sp.Heaviside, sp.Min, sp.Max, sp.floor, sp.ceiling, sp.Mod, sp.Piecewise, sp.gamma, sp.loggamma,
)  # fmt: skip


@dataclass(frozen=True)
class TaylorSeries:
    r"""The Taylor series of the solution about each step's beginning, to an order that follows from the tolerance.

    .. math:: y(t + \theta h) = \sum_{k=0}^{p} c_k \theta^k, \qquad c_{k+1} = \frac{h}{k + 1} [\theta^k] f(t + \theta h, y)

    Coefficients of the right-hand side follow from those of the states by recurrences for products, quotients and
    functions.  The step is the longest at which the last two terms are within the tolerance, and it is known before
    it is made: steps are not rejected.

    Attributes
    ----------
    name : str
    slope, extra : float
        The order is ``slope*log(1/rtol) + extra``.  One half and 1 would be optimal if products took all of the time (Jorba &
        Zou 2005, eq. 3.6); operations that are done once an order, or once a step, make higher orders cheaper.
    least, most : int
        Bounds of the order.
    reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Jorba & Zou, Experimental Mathematics 14 (2005) 99-117.

    Examples
    --------
    >>> series = TaylorSeries("series", slope=0.5, extra=1.0, least=2, most=30, reference="Jorba & Zou (2005)")
    >>> series.order(1e-6), series.order(1e-12)  # ceil(6.91 + 1), ceil(13.82 + 1)
    (8, 15)
    """

    name: str
    slope: float
    extra: float
    least: int
    most: int
    reference: str
    options: type[MethodOptions] = AdaptiveOptions

    def order(self, rtol: float) -> int:
        """The order for a relative tolerance, ``slope*log(1/rtol) + extra`` rounded up, between `least` and `most`.

        Parameters
        ----------
        rtol : float
            Relative tolerance, dimensionless.

        Returns
        -------
        int

        Examples
        --------
        >>> TaylorSeries("series", 0.5, 1.0, least=2, most=10, reference="").order(1e-12)
        10
        """
        return min(self.most, max(self.least, math.ceil(self.slope * math.log(1 / rtol) + self.extra)))

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
        >>> taylor = sd.METHODS["taylor"]
        >>> taylor.applies(sd.ODESystem.from_text("x' = sin(t) - x"))
        >>> taylor.applies(sd.ODESystem.from_text("x' = abs(x)"))[:24]
        'Abs(x) has no Taylor ser'
        """
        if system.drift is None or system.unmet(["drift"], ["events", "shuffled", "inputs"]):
            return system.unmet(["drift"], ["events", "shuffled", "inputs"])
        varying: set[sp.Basic] = {*system.states, system.time}
        for node in nodes(system.drift):
            if node in varying or any(a in varying for a in node.args):
                varying.add(node)
                if isinstance(node, WITHOUT_SERIES):
                    return (
                        f"{node} has no Taylor series, or none by a recurrence that is known here; use 'dop853', which needs "
                        "only values of the right-hand side"
                    )
        return None
