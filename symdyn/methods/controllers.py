r"""Step controllers: how the error of a step decides the length of the next one.

With :math:`e_n` the error of step n relative to the tolerance and k the order with which it vanishes, the next step is longer
by :math:`s\, e_n^{-\beta_1/k} e_{n-1}^{-\beta_2/k} e_{n-2}^{-\beta_3/k}`, where

.. math:: \beta_1 = k_P + k_I + k_D, \qquad \beta_2 = -(k_P + 2 k_D), \qquad \beta_3 = k_D

References
----------
Soederlind, ACM Transactions on Mathematical Software 29 (2003) 1-26; Gustafsson, Lundh & Soederlind, BIT 28 (1988) 270-287.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any, Self

from symdyn.errors import DeclarationError

__all__ = ["I_CONTROL", "PID", "PI_CONTROL"]


@dataclass(frozen=True, kw_only=True, repr=False)
class PID:
    r"""A proportional, integral and derivative controller of the step size.

    Parameters
    ----------
    proportional, integral, derivative : float
        The gains :math:`k_P, k_I, k_D`, dimensionless.  The integral part alone, with the gain 1, is the elementary controller;
        a proportional part of 0.2 to 0.4 avoids the sequences of rejections that it makes where stability limits the step.
    safety : float
        Part of the step that the error allows.
    shrink, grow : float
        Bounds of the factor by which a step changes.

    Raises
    ------
    DeclarationError
        For gains that are not finite, and bounds that do not let the step shrink and grow.

    References
    ----------
    Soederlind, ACM Transactions on Mathematical Software 29 (2003) 1-26, table 1.

    Examples
    --------
    An error of 2 to the power 4 of a method whose error has the order 4 halves the step, up to the safety:

    >>> PID().numbers(4)[0], 0.9 * 16 ** PID().numbers(4)[0]
    (-0.25, 0.45)
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    >>> steady = sd.methods.Tsit5(controller=sd.methods.PID(proportional=0.4, integral=0.3))
    >>> round(float(sd.simulate(decay, [0, 1], method=steady, progress=False).x[-1]), 5)
    0.36788
    """

    proportional: float = 0.0
    integral: float = 1.0
    derivative: float = 0.0
    safety: float = 0.9
    shrink: float = 0.2
    grow: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise DeclarationError(f"{field.name} of a step controller is {value!r}; expected a finite number")
        if self.proportional + self.integral + self.derivative <= 0:
            raise DeclarationError(
                f"the gains of {self} do not add up to a positive number, so that steps would grow with the error"
            )
        if not (0 < self.safety <= 1 and 0 < self.shrink < 1 < self.grow):
            raise DeclarationError(
                f"{self} does not let steps shrink and grow; expected 0 < safety <= 1, 0 < shrink < 1 < grow"
            )

    def __repr__(self) -> str:
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return f"PID({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    @classmethod
    def read(cls, value: Any) -> Self:
        """A controller from its text.

        Parameters
        ----------
        value : PID or str
            A controller is returned as it is.

        Returns
        -------
        PID

        Raises
        ------
        DeclarationError
            For anything else.

        Examples
        --------
        >>> PID.read(str(PI_CONTROL)) == PI_CONTROL
        True
        """
        if isinstance(value, cls):
            return value
        names = {f.name for f in fields(cls)}
        found = re.fullmatch(r"PID\((.*)\)", value) if isinstance(value, str) else None
        pairs = [part.partition("=") for part in found[1].split(",") if part.strip()] if found else [("", "", "")]
        try:
            given = {name.strip(): float(number) for name, _, number in pairs}
        except ValueError:
            given = {"": 0.0}
        if not given.keys() <= names:
            raise DeclarationError(
                f"controller is {value!r}; expected an object such as symdyn.methods.PID(proportional=0.4, integral=0.3)"
            )
        return cls(**given)

    def numbers(self, order: float, *, squared: bool = False) -> tuple[float, ...]:
        """The fields of `symdyn_kernels.arguments.parts.Control`.

        Parameters
        ----------
        order : float
            The error vanishes as ``h**order``.
        squared : bool
            Whether errors are given as their squares.

        Returns
        -------
        tuple of 7 floats
            Exponents of the last three errors and of the error of a rejected step; safety and bounds.

        Examples
        --------
        >>> PID(proportional=0.4, integral=0.3).numbers(2)[:3]
        (-0.35, 0.2, 0.0)
        """
        p, i, d = self.proportional, self.integral, self.derivative
        share = 1 / (order * (2 if squared else 1))
        exponents = -(p + i + d) * share, (p + 2 * d) * share, -d * share + 0.0, -share
        return *exponents, float(self.safety), float(self.shrink), float(self.grow)


#: The elementary controller, and the proportional and integral one of Gustafsson, Lundh & Soederlind.
I_CONTROL, PI_CONTROL = PID(), PID(proportional=0.4, integral=0.3)
