"""Implicit-explicit linear multistep methods as data."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods._fields import unmet_fields
from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["ImexMultistep"]


@dataclass(frozen=True)
class ImexMultistep:
    r"""A linear multistep method for :math:`\dot y = L y + N(y, t)`, implicit for L, in steps of one length.

    .. math:: y_{n+1} - h \beta L y_{n+1} = \sum_{j \ge 0} \big( \alpha_j y_{n-j} + h \gamma_j N_{n-j} \big)

    Attributes
    ----------
    name : str
    order : int
    implicit : float
        :math:`\beta`.
    past, explicit : tuples of float
        :math:`\alpha_j` and :math:`\gamma_j`, of the state at hand first.
    start : str
        The additive Runge-Kutta method whose steps the first values come from.
    reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.

    References
    ----------
    Ascher, Ruuth & Wetton, SIAM Journal on Numerical Analysis 32 (1995) 797-823.

    Examples
    --------
    Constants are solutions of y' = 0, and t of y' = 1:

    >>> import symdyn as sd
    >>> scheme = sd.METHODS["sbdf2"]
    >>> round(sum(scheme.past), 12), round(-scheme.past[1] + sum(scheme.explicit), 12)
    (1.0, 1.0)
    """

    name: str
    order: int
    implicit: float
    past: tuple[float, ...]
    explicit: tuple[float, ...]
    start: str
    reference: str
    options: type[MethodOptions]

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
        >>> sd.METHODS["sbdf2"].applies(sd.PDESystem.example())
        >>> sd.METHODS["sbdf2"].applies(sd.ODESystem.from_text("x' = -x"))
        'it takes systems of fields; this ODESystem has rates of change'
        """
        return unmet_fields(system)
