"""Registry of closures, with their properties."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import KINDS, Index
from symdyn.registry import Registry

__all__ = ["CLOSURES", "Closure", "find_closure"]


@dataclass(frozen=True)
class Closure:
    """A rule for the moments above the order of truncation.

    Parameters
    ----------
    name : str
    express : callable
        ``express(index, moments)`` gives the moment of that index, of the kind that `kind` says, by moments of lower
        order: ``moments[index]`` (of the same kind), ``moments.raw(index)``, ``moments.central(index)``,
        ``moments.cumulant(index)``, ``moments.mean(k)``, ``moments.covariance(j, k)``.  Moments between the order of the
        hierarchy, ``moments.order``, and that of the index are closed already.
    kind : {'raw', 'central', 'cumulant'}
        Kind of the moment that `express` returns.
    definition, reference : str
        Definition for provenance and documentation.
    aliases : tuple of str
        Other names, in lower case with hyphens.
    positive_means : bool
        Whether the expressions divide by means, which then must be positive at all times.
    least_order : int
        Lowest order of the hierarchy that the closure can close.
    needs_binary : bool
        Whether it applies to binary species (0 or 1).
    linearise : callable, optional
        ``linearise(channels, moments, species)`` replaces reactions before moments are derived (see the linear mapping).

    Raises
    ------
    DeclarationError
        For another `kind`.

    Examples
    --------
    Cumulants above the order vanish, as those of a normal distribution above the second do; its third raw moment is
    :math:`m^3 + 3 m v`:

    >>> closure = Closure("no higher cumulants", lambda index, moments: 0, kind="cumulant")
    >>> m, v = sp.symbols("m v")
    >>> known = {(1,): m, (2,): v}
    >>> print(Moments(1, "cumulant", known, close=closure.express, close_kind=closure.kind, order=2).raw((3,)))
    m**3 + 3*m*v
    """

    name: str
    express: Callable[[Index, Moments], sp.Expr]
    kind: str = "raw"
    definition: str = ""
    reference: str = ""
    aliases: tuple[str, ...] = ()
    positive_means: bool = False
    least_order: int = 1
    needs_binary: bool = False
    linearise: Callable[[Sequence[Any], Moments, Sequence[sp.Symbol]], Sequence[Any]] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DeclarationError(f"the closure {self.name!r} is of kind {self.kind!r}; expected one of {', '.join(KINDS)}")


#: Closures by name.
CLOSURES: Registry[Closure] = Registry("closure")


def find_closure(given: Any) -> Closure:
    """A closure by name or alias; a `Closure` itself; or a function ``closure(index, moments)``.

    A function returns raw moments unless it has an attribute ``kind`` with another kind.

    Raises
    ------
    SymdynError
        For names that are not known.
    DeclarationError
        For anything else.

    Examples
    --------
    >>> find_closure("CMN").name, find_closure("Log normal").name
    ('zero', 'log-normal')
    """
    if isinstance(given, Closure):
        return given
    if isinstance(given, str):
        name = re.sub(r"[\s_]+", "-", given.strip().lower())
        for closure in CLOSURES.values():
            if name == closure.name or name in closure.aliases:
                return closure
        return CLOSURES[name]
    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        try:
            inspect.signature(given).bind((), None)
        except TypeError:
            raise DeclarationError(
                f"the closure {name} cannot be called as closure(index, moments); give it these arguments"
            ) from None
        return Closure(name, given, getattr(given, "kind", "raw"), definition="a function of the user")
    raise DeclarationError(f"closure is {given!r}; expected a name ({', '.join(CLOSURES)}), a function(index, moments) or None")
