"""Options of the methods for fields on a grid, whose integrators are in `symdyn.grids`."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods.options import AdaptiveOptions, MethodOptions, check_whole
from symdyn.methods.tsit5 import Tsit5

__all__ = [
    "FIELD_METHODS",
    "Bs32",
    "Etdrk4",
    "Euler",
    "FieldOptions",
    "Imex",
    "Imex3",
    "Rk4",
    "Sbdf2",
]


class Bs32(AdaptiveOptions):
    """The explicit Runge-Kutta method of order 3 of Bogacki & Shampine, the default of fields on differences.

    Parameters
    ----------
    max_step : float, optional
        Longest step, in the unit of time.
    max_steps : int, optional
        Attempted steps allowed to each trajectory; a million by default.

    Examples
    --------
    >>> Bs32(max_step=0.1)
    Bs32(max_step=0.1)
    """

    method = "bs32"


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


class Euler(FieldOptions):
    """Explicit Euler steps of length ``step``; see `FieldOptions`."""

    method = "euler"


class Rk4(FieldOptions):
    """The classical Runge-Kutta method of order 4 in steps of length ``step``; see `FieldOptions`."""

    method = "rk4"


class Imex(FieldOptions):
    """The additive Runge-Kutta method of order 4 that treats linear terms implicitly; see `FieldOptions`.

    Examples
    --------
    >>> Imex(max_steps=100)
    Imex(max_steps=100)
    """

    method = "imex"


class Imex3(FieldOptions):
    """The additive Runge-Kutta method of order 3 that treats linear terms implicitly; see `FieldOptions`."""

    method = "imex3"


class Etdrk4(FieldOptions):
    """The exponential Runge-Kutta method of order 4, exact for linear terms; see `FieldOptions`."""

    method = "etdrk4"


class Sbdf2(FieldOptions):
    """Backward differences of order 2 for linear terms, in steps of length ``step``; see `FieldOptions`."""

    method = "sbdf2"


#: The classes of all methods for fields, by the names of the methods.
FIELD_METHODS: dict[str, type[MethodOptions]] = {
    cls.method: cls for cls in (Bs32, Tsit5, Euler, Rk4, Imex, Imex3, Etdrk4, Sbdf2)
}
