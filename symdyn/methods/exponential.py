r"""Exponential Runge-Kutta methods as data: combinations of :math:`\varphi` functions of the linear part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symdyn.methods._fields import unmet_fields
from symdyn.methods.controllers import I_CONTROL, PID
from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["ExponentialRungeKutta", "Phi"]

#: A coefficient: factors of :math:`\varphi_k(c h L)`, by (k, c).
Phi = Mapping[tuple[int, float], float]


@dataclass(frozen=True)
class ExponentialRungeKutta:
    r"""An exponential Runge-Kutta method for :math:`\dot y = L y + N(y, t)`, exact for L.

    .. math:: Y_i = e^{c_i h L} y + h \sum_{j < i} a_{ij}(hL)\, N(Y_j, t + c_j h), \qquad
              y' = e^{hL} y + h \sum_i b_i(hL)\, N_i

    Coefficients are sums of :math:`\varphi_k(c z)`, with
    :math:`\varphi_k(z) = \int_0^1 e^{(1-s) z} s^{k-1} / (k-1)!\, \mathrm ds`.

    Attributes
    ----------
    name : str
    order : int
    nodes : tuple of float
        :math:`c_i`.
    a : tuple of rows
        For stages 2 to s, each a tuple of coefficients `Phi`.
    b : tuple of Phi
    reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.
    controller : PID
        Of the step size, where the options of the method name no other one.

    References
    ----------
    Hochbruck & Ostermann, Acta Numerica 19 (2010) 209-286.

    Examples
    --------
    Without a linear part ETDRK4 is the classical Runge-Kutta method, as :math:`\varphi_k(0) = 1/k!`:

    >>> import math
    >>> import symdyn as sd
    >>> scheme = sd.METHODS["etdrk4"]
    >>> [round(sum(x / math.factorial(k) for (k, _), x in b.items()), 4) for b in scheme.b]
    [0.1667, 0.3333, 0.3333, 0.1667]
    """

    name: str
    order: int
    nodes: tuple[float, ...]
    a: tuple[tuple[Phi, ...], ...]
    b: tuple[Phi, ...]
    reference: str
    options: type[MethodOptions]
    controller: PID = I_CONTROL

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
        >>> sd.METHODS["etdrk4"].applies(sd.PDESystem.example())
        >>> sd.METHODS["etdrk4"].applies(sd.ODESystem.from_text("x' = -x"))
        'it takes systems of fields; this ODESystem has rates of change'
        """
        return unmet_fields(system)
