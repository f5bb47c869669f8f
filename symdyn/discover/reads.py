"""The options that each route of a recovery reads; all others that are given are refused here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from symdyn.discover.named_libraries import library_names
from symdyn.discover.options import Request
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.errors import RecoveryError

__all__ = ["EVERYWHERE", "TERMS", "Reads", "given", "refuse_unread"]

#: Read by every route; what draws no random numbers gives the same for every seed.
EVERYWHERE = frozenset({"seed", "budget", "progress", "checkpoint"})
#: What is said of the terms of one unknown function alone.
TIED = frozenset({"regressor", "options.regressor", "selection", "options.repeats"})
#: What the search for unknown terms of a system reads, whatever its kind.
TERMS = frozenset({
    "unknown", "library", "heldout", "bounds", "options.degree", "options.functions", "options.fit", "options.guesses",
    "options.largest", "options.keep", "options.level",
})  # fmt: skip


@dataclass(frozen=True)
class Reads:
    """What a route reads.

    Attributes
    ----------
    what : str
        What the route recovers, in words of the user: ``"an SDESystem"``.
    options : frozenset of str
        Arguments of `recover` by name, and fields of `RecoverOptions` as ``"options.degree"``, that have their documented
        effect, beside those that are read everywhere.
    learning : frozenset of str
        Those of `options` that have an effect only where a surrogate learns the unknown terms.
    usual : bool
        Whether the surrogate 'auto' is one.
    surrogates : mapping
        The registry in which names of surrogates are looked up.
    shapes : frozenset of str
        Those of `options` that have no effect where the library holds the terms themselves.
    regressor : str
        The regressor 'auto'.
    named : bool
        Whether the library may be one of `symdyn.discover.named_libraries.NAMED`.

    Examples
    --------
    >>> Reads("an SDESystem", frozenset({"library", "options.degree"})).reads("options.degree")
    True
    """

    what: str
    options: frozenset[str]
    learning: frozenset[str] = frozenset()
    usual: bool = True
    surrogates: Mapping[str, Any] = field(default_factory=lambda: SURROGATES)
    shapes: frozenset[str] = frozenset({"options.degree"})
    regressor: str = "operon"
    named: bool = False

    def reads(self, name: str) -> bool:
        """Whether an option has an effect on the route."""
        return name in EVERYWHERE or name in self.options

    def idle(self, name: str, request: Request) -> str | None:
        """Why an option that the route reads has no effect beside the others of a request; None if it has one.

        Parameters
        ----------
        name : str
            One of `options`.
        request : Request
            Everything that was asked for.
        """
        if name in self.learning and (request.surrogate is None or (request.surrogate == "auto" and not self.usual)):
            return "without a surrogate; name one in surrogate="
        if name == "options.regressor" and request.regressor is None:
            return "without a regressor; name one in regressor="
        if name in self.shapes and _replaces(name, request.library):
            return "beside library=, which says which terms there are; leave one of them out"
        if name == "library" and not self.named and library_names(request.library):
            return "with a name, which unknown terms of ODE systems and maps take; give degree or terms"
        if name in TIED and request.conserved:
            return "beside conserved=, which ties terms of several unknown functions; leave one of them out"
        if name in {"options.largest", "options.beam", "options.rounds"} and not request.selection:
            return "with selection=False, where nothing is searched; leave one of them out"
        return None


def _replaces(name: str, library: Any) -> bool:
    """Whether a library leaves nothing for the option `name` of a library that is built."""
    degree = isinstance(library, int) and name == "options.degree"
    return degree or (isinstance(library, Collection) and not isinstance(library, Mapping))


def given(request: Request) -> Iterator[str]:
    """Names of what a request holds beside defaults: arguments, then ``options.`` and the name of a field.

    Examples
    --------
    >>> from symdyn.discover.options import RecoverOptions
    >>> list(given(Request(library=2, selection=False, options=RecoverOptions(largest=12))))
    ['library', 'selection', 'options.largest']
    """
    for one in fields(Request):
        if one.name in {"budget", "report", "options", "journal"}:  # read everywhere, but for the options that follow
            continue
        value = getattr(request, one.name)
        several = isinstance(value, Collection) and not isinstance(value, str)
        if len(value) > 0 if several else value not in (None, one.default):
            yield one.name
    yield from (f"options.{name}" for name in request.options.given)


def refuse_unread(request: Request, route: Reads) -> None:
    """Refuse what was given and has no effect.

    Parameters
    ----------
    request : Request
        What was asked for.
    route : Reads
        Of the route that is taken.

    Raises
    ------
    RecoveryError
        Naming the first such option, the route, and what has an effect there.

    Examples
    --------
    >>> refuse_unread(Request(signs={"f": 1}), Reads("an SDESystem", frozenset({"library", "heldout"})))
    Traceback (most recent call last):
    ...
    symdyn.errors.RecoveryError: signs has no effect on an SDESystem; leave it out. Beside budget, checkpoint, progress, \
seed, these have one: heldout, library
    """
    for name in given(request):
        if not route.reads(name):
            raise RecoveryError(
                f"{name} has no effect on {route.what}; leave it out. Beside {', '.join(sorted(EVERYWHERE))}, these have one: "
                f"{', '.join(sorted(route.options))}"
            )
        reason = route.idle(name, request)
        if reason is not None:
            raise RecoveryError(f"{name} has no effect on {route.what} {reason}")
