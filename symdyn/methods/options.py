"""Options that belong to a method: one small frozen class for each family, from which the class of each method derives."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.methods.controllers import PID
from symdyn.system import System

__all__ = [
    "AdaptiveOptions",
    "FieldOptions",
    "FixedStepOptions",
    "JumpOptions",
    "LeapingOptions",
    "MethodOptions",
    "check_positive",
    "check_whole",
]

#: Sections of documentation in their order.
SECTIONS = ("Parameters", "Raises", "References", "Examples")


def check_positive(**values: Any) -> None:
    """Refuse values that are given (not None) and are no positive finite numbers.

    Parameters
    ----------
    **values : number or None
        Values of options by name.

    Raises
    ------
    DeclarationError
        Naming the value.

    Examples
    --------
    >>> check_positive(step=0.1, max_step=None)
    >>> check_positive(step=-1)
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: step is -1; expected a positive number
    """
    for name, value in values.items():
        if value is None:
            continue
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not (number and 0 < value < math.inf):
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")


def check_whole(least: int = 1, **values: Any) -> None:
    """Refuse values that are given (not None) and are no whole numbers from `least` below 2^63.

    Parameters
    ----------
    least : int
        Smallest value that is accepted.
    **values : int or None
        Values of options by name.

    Raises
    ------
    DeclarationError
        Naming the value.

    Examples
    --------
    >>> check_whole(0, seed=0)
    >>> check_whole(max_steps=0)
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: max_steps is 0; expected a whole number from 1 below 2^63
    """
    for name, value in values.items():
        if value is None:
            continue
        integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not (integer and least <= value < 2**63):
            raise DeclarationError(f"{name} is {value!r}; expected a whole number from {least} below 2^63")


@dataclass(frozen=True, kw_only=True, repr=False)
class MethodOptions:
    """A method with its options, for ``simulate(..., method=...)``; None leaves an option to the method.

    An object of a class that names no method has options of the default method of a system.  The class of a method derives
    from this one, or from that of its family, and names the method; a method that is registered with it (``options=``) has
    these options.  A class that adds a field checks it in ``__post_init__``, and the family of the method declares that it
    reads it: a field without a reader is refused.  Parameters and errors that the documentation of a method does not list
    are those of its family.

    Attributes
    ----------
    method : str
        The name in ``symdyn.METHODS``.

    Examples
    --------
    >>> class Kutta(AdaptiveOptions):
    ...     method = "kutta"
    >>> Kutta(max_step=0.1)
    Kutta(max_step=0.1)
    """

    method: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        family = cls.__mro__[1]
        if cls.method and "__doc__" in vars(cls) and cls.__doc__ and family.__doc__:  # there is none where Python is optimised
            cls.__doc__ = _completed(cls.__doc__, family.__doc__)

    @property
    def given(self) -> dict[str, Any]:
        """The options that have a value, by name."""
        kind: Any = type(self)
        values = {name: getattr(self, name) for name in _names(kind)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def recorded(self) -> dict[str, Any]:
        """The options that have a value, as numbers and text that datasets record and the class takes again."""
        return {name: str(value) if isinstance(value, PID) else value for name, value in self.given.items()}

    def numbers(self, step: float) -> dict[str, Any]:
        """The options of the driver that follow from those of the method.

        Parameters
        ----------
        step : float
            Length of the steps of fixed-step methods, in the unit of time.

        Returns
        -------
        dict of str to number
            Fields of `symdyn.codegen.families.task.Options`.

        Raises
        ------
        DeclarationError
            If ``step`` is no integer multiple of ``brownian_step``.

        Examples
        --------
        >>> AdaptiveOptions(max_step=0.5).numbers(step=0.1)
        {'max_step': 0.5}
        """
        return self.given

    def placed(self, times: np.ndarray) -> dict[str, Any]:
        """The options of the driver that follow from those of the method and the output times.

        Parameters
        ----------
        times : (T,) float64
            In the order of integration.

        Returns
        -------
        dict of str to value
            Fields of `symdyn.codegen.families.task.Options`; none unless steps end at times of their own.

        Examples
        --------
        >>> AdaptiveOptions().placed(np.array([0.0, 1.0]))
        {}
        """
        return {}

    def refuse_others(self, system: System) -> None:
        """Refuse a system that numbers among the options were not computed for.

        Parameters
        ----------
        system : System
            As it was declared.

        Raises
        ------
        CompileError
            With what differs.

        Examples
        --------
        >>> import symdyn as sd
        >>> AdaptiveOptions().refuse_others(sd.ODESystem.from_text("x' = -x"))
        """

    def run_as(self, scheme: Any) -> Any:
        """What runs a method with these options.

        Parameters
        ----------
        scheme : object
            The entry of ``symdyn.METHODS``.

        Returns
        -------
        object
            That entry, or what a family of methods runs in its place.

        Examples
        --------
        >>> import symdyn as sd
        >>> AdaptiveOptions().run_as(sd.METHODS["tsit5"]) is sd.METHODS["tsit5"]
        True
        """
        return scheme

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Names of the options of a class."""
    return tuple(f.name for f in fields(kind))


def _completed(text: str, family: str) -> str:
    """A docstring with the parameters and errors of another one, unless it lists its own."""
    begins = re.compile(rf"^(?=(?:{'|'.join(SECTIONS)})\n-+$)", re.M)
    head, *own = begins.split(inspect.cleandoc(text))
    named = {part.partition("\n")[0]: part for part in begins.split(inspect.cleandoc(family))[1:]}
    inherited = {name: named[name] for name in ("Parameters", "Raises") if name in named}
    parts = inherited | {part.partition("\n")[0]: part for part in own}
    return "\n\n".join([head.strip(), *(parts[name].strip() for name in SECTIONS if name in parts)]) + "\n"


@dataclass(frozen=True, kw_only=True, repr=False)
class AdaptiveOptions(MethodOptions):
    """Options of methods that choose their steps by ``rtol`` and ``atol``.

    Parameters
    ----------
    max_step : float, optional
        Longest step, in the unit of time, so that a short pulse of a time-dependent right-hand side is not stepped over.
    max_steps : int, optional
        Attempted steps allowed to each trajectory; a million by default.
    controller : PID or str, optional
        How errors decide the length of the next step, of methods that leave this open; as text in the form in which datasets
        record it.  By default the controller of the method.

    Raises
    ------
    DeclarationError
        For a `max_step` that is not positive, a `max_steps` that is no whole number from 1, and a `controller` that is none.

    Examples
    --------
    >>> AdaptiveOptions(max_step=0.5).given
    {'max_step': 0.5}
    >>> AdaptiveOptions(controller=PID(proportional=0.4, integral=0.3)).recorded
    {'controller': 'PID(proportional=0.4, integral=0.3)'}
    """

    max_step: float | None = None
    max_steps: int | None = None
    controller: PID | None = None

    def __post_init__(self) -> None:
        check_positive(max_step=self.max_step)
        check_whole(max_steps=self.max_steps)
        if self.controller is not None:
            object.__setattr__(self, "controller", PID.read(self.controller))


@dataclass(frozen=True, kw_only=True, repr=False)
class FixedStepOptions(MethodOptions):
    """Options of methods that take steps of a fixed length, ``step``, with Brownian increments.

    Parameters
    ----------
    brownian_step : float, optional
        Each step's Brownian increment is composed of pieces of this length, in the unit of time, so that one path can be
        followed at several step sizes; by default of one piece.

    Raises
    ------
    DeclarationError
        For a `brownian_step` that is not positive, or of which ``step`` is no integer multiple.

    Examples
    --------
    >>> FixedStepOptions(brownian_step=0.01).numbers(step=0.04)
    {'fine': 4}
    """

    brownian_step: float | None = None

    def __post_init__(self) -> None:
        check_positive(brownian_step=self.brownian_step)

    def numbers(self, step: float) -> dict[str, Any]:
        """The number of Brownian increments that make up a step, ``step / brownian_step``.

        Parameters
        ----------
        step : float
            Length of the steps, in the unit of time.

        Returns
        -------
        dict of str to int
            ``fine``, if ``brownian_step`` was given.

        Raises
        ------
        DeclarationError
            If ``step`` is no integer multiple of ``brownian_step``.

        Examples
        --------
        >>> FixedStepOptions(brownian_step=0.01).numbers(step=0.04)
        {'fine': 4}
        """
        if self.brownian_step is None:
            return {}
        pieces = round(step / self.brownian_step)
        if pieces < 1 or abs(pieces * self.brownian_step - step) > 1e-9 * step:
            raise DeclarationError(f"step {step:g} must be an integer multiple of brownian_step {self.brownian_step:g}")
        return {"fine": pieces}


@dataclass(frozen=True, kw_only=True, repr=False)
class JumpOptions(MethodOptions):
    """Options of methods that simulate every event.

    Parameters
    ----------
    max_steps : int, optional
        Events, and attempts that were none, allowed to each trajectory; a thousand million by default.

    Raises
    ------
    DeclarationError
        For a `max_steps` that is no whole number from 1.

    Examples
    --------
    >>> JumpOptions(max_steps=1000).given
    {'max_steps': 1000}
    """

    max_steps: int | None = None

    def __post_init__(self) -> None:
        check_whole(max_steps=self.max_steps)


@dataclass(frozen=True, kw_only=True, repr=False)
class LeapingOptions(JumpOptions):
    """Options of methods that simulate many events at once.

    Parameters
    ----------
    epsilon : float
        The largest relative change of a propensity that is expected in a leap, dimensionless.
    max_steps : int, optional
        Leaps and events allowed to each trajectory; a thousand million by default.

    Raises
    ------
    DeclarationError
        For an `epsilon` that is not positive, and a `max_steps` that is no whole number from 1.

    Examples
    --------
    >>> LeapingOptions().given
    {'epsilon': 0.03}
    """

    epsilon: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epsilon is None:
            raise DeclarationError("epsilon is None; expected a positive number")
        check_positive(epsilon=self.epsilon)


@dataclass(frozen=True, kw_only=True, repr=False)
class FieldOptions(MethodOptions):
    """Options of the other methods for fields.

    Parameters
    ----------
    max_steps : int, optional
        Attempted steps allowed to each trajectory; a million by default, of methods that take steps of one length more.

    Raises
    ------
    DeclarationError
        For a `max_steps` that is no whole number from 1.

    Examples
    --------
    >>> FieldOptions(max_steps=100).given
    {'max_steps': 100}
    """

    max_steps: int | None = None

    def __post_init__(self) -> None:
        check_whole(max_steps=self.max_steps)
