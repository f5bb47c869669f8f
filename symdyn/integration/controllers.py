r"""Lengths of steps: chosen by errors, among a base length divided by powers of 2, or all equal.

The formula of the first two is that of `symdyn_kernels.shared.control`, with the gains of a `symdyn.methods.controllers.PID`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Control

from symdyn.errors import DeclarationError
from symdyn.methods.controllers import PID

__all__ = ["Adaptive", "Controller", "Dyadic", "Equal", "after_acceptance", "after_rejection", "equal_steps", "first_step"]


def _plain(function: Any) -> Any:
    """A function of `symdyn_kernels.shared` without its compilation, which takes longer than most integrations."""
    python = function.py_func
    code, known = python.__code__, python.__globals__
    names = {k: _plain(known[k]) if hasattr(known[k], "py_func") else known[k] for k in code.co_names if k in known}
    return FunctionType(code, names | {"__builtins__": known["__builtins__"]})


@cache
def _formula(name: str) -> Any:
    from symdyn_kernels.shared import control  # imports numba, which most simulations do without

    return _plain(getattr(control, name))


def after_acceptance(error: float, before: float, earlier: float, control: Control, most: float) -> float:
    """The factor of the step after one that was accepted.

    Parameters
    ----------
    error, before, earlier : float
        Relative to the tolerance: of the step, and of those before it.
    control : Control
    most : float
        Upper bound of the factor.

    Returns
    -------
    float

    Examples
    --------
    >>> after_acceptance(1.0, 1.0, 1.0, Control(*PID().numbers(4)), 5.0)
    0.9
    """
    return _formula("after_acceptance")(error, before, earlier, control, most)


def after_rejection(error: float, control: Control) -> float:
    """The factor of the step after one whose error, relative to the tolerance, was too large.

    Parameters
    ----------
    error : float
    control : Control

    Returns
    -------
    float

    Examples
    --------
    >>> after_rejection(16.0, Control(*PID().numbers(4)))
    0.45
    """
    return _formula("after_rejection")(error, control)


def first_step(size: float, slope: float) -> float:
    """A first step, from the size of the states and of their slopes relative to the tolerance.

    Parameters
    ----------
    size, slope : float

    Returns
    -------
    float

    Examples
    --------
    >>> first_step(2.0, 4.0)
    0.005
    """
    return _formula("first_step")(size, slope)


#: By how much equal lengths may differ, as differences of rounded times do.
ROUNDING = 1e-10


class Controller(ABC):
    """Chooses the length of the next step.

    Examples
    --------
    Equal steps of at most 0.3 from 0 to 1:

    >>> control = Equal(0.3)
    >>> control.aim(0.0, 1.0)
    >>> control.following(0.0)
    (0.25, 0.25)
    """

    #: Whether it needs estimates of the error.
    estimates: bool = True

    @abstractmethod
    def aim(self, t: float, end: float) -> None:
        """Go from t to `end`, which is met exactly."""

    @abstractmethod
    def following(self, t: float) -> tuple[float, float]:
        """Length of the step from t, and the time at its end."""

    def accepted(self, error: float) -> None:  # noqa: B027
        """The step had this error, relative to the tolerance, at most 1."""

    def rejected(self, error: float) -> bool:
        """The step had this error; returns False if no shorter step makes sense."""
        return False

    def first(self, length: float) -> None:  # noqa: B027
        """Begin with about this length."""


class Equal(Controller):
    """Steps of one length between two times: `step`, or the next smaller one that meets them."""

    estimates = False

    def __init__(self, step: float) -> None:
        self.step, self.length = step, math.nan

    def aim(self, t: float, end: float) -> None:
        self.begin, self.end, self.done = t, end, 0
        gap = end - t
        self.count = max(1, math.ceil(gap / self.step * (1 - 1e-12)))
        self.length = _same(gap / self.count, self.length)

    def following(self, t: float) -> tuple[float, float]:
        self.done += 1
        return self.length, self.end if self.done == self.count else self.begin + self.done * self.length


def equal_steps(step: float | None, name: str) -> Equal:
    """Steps of one length, for the method called `name`.

    Parameters
    ----------
    step : float
    name : str

    Returns
    -------
    Equal

    Raises
    ------
    DeclarationError
        For a step that is no positive number.

    Examples
    --------
    >>> equal_steps(0.1, "rk4").step
    0.1
    """
    if isinstance(step, bool) or not (isinstance(step, (int, float, np.number)) and 0 < step < math.inf):
        raise DeclarationError(f"{name} takes steps of one length: step is {step!r}; expected a positive number, step=0.01")
    return Equal(float(step))


class _ByErrors(Controller):
    """What both kinds of adaptive control share."""

    def __init__(self, pid: PID, order: float, longest: float) -> None:
        self.control, self.longest = Control(*pid.numbers(order)), longest
        self.before = self.earlier = 1.0
        self.growing = True

    def _longer(self, error: float) -> float:
        most = self.control.grow if self.growing else 1.0
        factor = after_acceptance(error, self.before, self.earlier, self.control, most)
        self.before, self.earlier, self.growing = error, self.before, True
        return factor

    def _shorter(self, error: float) -> float:
        self.growing = False
        return after_rejection(error, self.control) if math.isfinite(error) else self.control.shrink


class Adaptive(_ByErrors):
    """Steps of any length.

    Parameters
    ----------
    pid : PID
    order : float
        The error vanishes as ``h**order``.
    longest : float
    """

    def __init__(self, pid: PID, order: float, longest: float) -> None:
        super().__init__(pid, order, longest)
        self.length = math.inf

    def first(self, length: float) -> None:
        self.length = length

    def aim(self, t: float, end: float) -> None:
        self.end = end

    def following(self, t: float) -> tuple[float, float]:
        left, self.length = self.end - t, min(self.length, self.longest)
        self.last = self.length >= 0.999 * left
        # two steps of half the way rather than a long and a tiny one
        self.taken = left if self.last else min(self.length, left / 2)
        return self.taken, self.end if self.last else t + self.taken

    def accepted(self, error: float) -> None:
        longer = self.taken * self._longer(error)
        # a step that was cut short says little
        self.length = max(self.length, longer) if self.taken < 0.9 * self.length else longer

    def rejected(self, error: float) -> bool:
        self.length = self.taken * self._shorter(error)
        return self.length > 4 * np.spacing(abs(self.end))


class Dyadic(_ByErrors):
    """Steps of the length between two times that are met, divided by a power of 2.

    They keep factors and coefficients that belong to a length.  A step is doubled where the controller asks for that much and
    the ends of longer steps are met.

    Parameters
    ----------
    pid, order, longest :
        As of `Adaptive`.
    """

    #: The most halvings.
    DEEPEST = 48

    def __init__(self, pid: PID, order: float, longest: float) -> None:
        super().__init__(pid, order, longest)
        self.level, self.width, self.wish = 0, math.nan, math.inf

    def first(self, length: float) -> None:
        self.wish = length

    def aim(self, t: float, end: float) -> None:
        width = _same(end - t, self.width)
        if math.isnan(self.width):
            self.level = _halvings(width / self.wish)
        elif width != self.width:
            self.level += math.ceil(math.log2(width / self.width))
        self.least = _halvings(width / self.longest)
        self.level = max(self.level, self.least)
        self.begin, self.end, self.width, self.place = t, end, width, 0

    def following(self, t: float) -> tuple[float, float]:
        length = self.width / 2**self.level
        self.last = self.place + 1 == 2**self.level
        return length, self.end if self.last else self.begin + (self.place + 1) * length

    def accepted(self, error: float) -> None:
        factor = self._longer(error)
        self.place += 1
        if factor >= 2 and self.level > self.least and self.place % 2 == 0:
            self.level, self.place = self.level - 1, self.place // 2

    def rejected(self, error: float) -> bool:
        finer = max(1, math.ceil(-math.log2(self._shorter(error) / self.control.safety)))
        self.level, self.place = self.level + finer, self.place * 2**finer
        return self.level < self.DEEPEST


def _halvings(ratio: float) -> int:
    """How often a length is halved to be that many times shorter."""
    return max(0, math.ceil(math.log2(ratio) - ROUNDING)) if ratio > 0 else 0


def _same(value: float, known: float) -> float:
    """`known` if the value differs by rounding only."""
    return known if abs(value - known) < ROUNDING * abs(known) else value
