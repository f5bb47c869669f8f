"""Details of `recover`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal

from symdyn.inference.budget import Budget
from symdyn.inference.journal import Journal
from symdyn.inference.report import Report

__all__ = ["STAGES", "RecoverOptions", "Request"]

#: Stages of a recovery, and where each begins and ends on a bar.
STAGES: Mapping[str, tuple[float, float]] = {
    "surrogate": (0.0, 0.5),
    "regressor": (0.5, 0.6),
    "selection": (0.6, 1.0),
}


class _Usual(int):
    """A number that stands where none was given."""


@dataclass(frozen=True)
class RecoverOptions:
    """Details of `recover`; its table says which of them have an effect on what is recovered, and others are refused.

    Attributes
    ----------
    degree : int
        Of the monomials in the library, where no library is given.
    functions : sequence of str
        Functions in the library, see `symdyn.discover.library.FUNCTIONS`; for an SDESystem in that of the drifts.
    fit : sequence
        Parameters to fit although they have values; for ODE systems and maps also states, of which the declared initial
        values are fitted.
    guesses : mapping
        Values from which parameters and constants inside library terms are fitted.
    noise : mapping, optional
        Standard deviations of the measurement error by state, instead of estimates.
    windows : int, optional
        Windows into which each trajectory is cut at first, each with initial values of its own and two intervals of the data
        or more: of a trajectory that is too short for so many there are fewer.  Their number is chosen by the length unless
        given, and halved until one is left.
    largest : int
        Most terms in place of all unknown functions; of a repair most changes.
    beam, rounds : int
        Models whose neighbours are looked at, and how often, at each number of windows.
    keep : int
        Systems in the result.
    level : float
        Of the intervals.
    process : bool, None or 'auto'
        Whether models of ODE systems and maps are compared with an error of their own, process noise, beside that of
        measurement, see `symdyn.discover.model_error`; True ranks them so.
        With None they are compared where up to 60 data with noise are fewer than ten times the fitted values or leave
        residuals that are not noise, without process noise where a state has fewer than 12; the order changes only where
        forecasts from within the data are better by more than chance, or a model of a textbook has the least criterion.
        'auto' is None with the library of populations, whose births and deaths no equation follows exactly, where nothing is
        known and the search puts a model first that is in no textbook.  Without a library, of one or two states that are
        nowhere negative, it is None if a model of a textbook of populations has a smaller criterion than the first of the
        search and `noise` is not given, which is not that of a comparison.  Else it is False.  What is given leaves models
        with a hidden state aside, too.
    repair : bool
        The system is complete but may be partly wrong: terms are dropped, added and given other coefficients where the data
        pay for it; ``unknown`` names the states whose equations may be changed (all unless given).  The result is a
        `symdyn.discover.repairing.Repair`.
    repeats : bool
        A term of one unknown function is likely to come again in another, as what one population loses another gains.  A note
        says whether that decides the first place.  Without it all terms of the library are as likely.
    units : mapping, optional
        Units of states, time, parameters, unknown functions and constants of the library, by symbol or name: texts such as
        ``"mM/s"``, or 1.  What has none takes the unit it needs.  Terms of the unknown functions of ODE systems and maps that
        add different units, or have one in an exponential or a sine, are left out; see `symdyn.discover.units`.
    ties : bool
        Where nothing is known, constants of noisy data that are equal in size to one another or to a ratio of small integers,
        as far as the data tell, are taken to be, see `symdyn.discover.whole.equal`, but not where a comparison with process
        noise decides the first place.  Which numbers are simple depends on the
        units of time and states, and so does the result; False leaves all constants as they are fitted.  Notes name the ties,
        and say where they decide the first place.
    surrogate, regressor : mapping
        Options of those stages, by name.
    given : tuple of str
        Names of the fields above that were given a value; a property.

    Examples
    --------
    >>> options = RecoverOptions(degree=2, functions=("sin",))
    >>> options.degree, options.functions, options.largest
    (2, ('sin',), 12)
    >>> options.given
    ('degree', 'functions')
    """

    degree: int = _Usual(3)
    functions: Sequence[str] = ()
    fit: Sequence[Any] = ()
    guesses: Mapping[Any, float] = field(default_factory=dict)
    noise: Mapping[Any, float] | None = None
    windows: int | None = None
    largest: int = _Usual(12)
    beam: int = _Usual(3)
    rounds: int = _Usual(12)
    keep: int = _Usual(10)
    level: float = 0.9
    process: bool | Literal["auto"] | None = "auto"
    repair: bool = False
    repeats: bool = False
    units: Mapping[Any, Any] | None = None
    ties: bool = True
    surrogate: Mapping[str, Any] = field(default_factory=dict)
    regressor: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the fields that were given a value."""
        return tuple(one.name for one in fields(self) if _given(getattr(self, one.name), one.default))


def _given(value: Any, default: Any) -> bool:
    """Whether a value is not the default, nor nothing at all."""
    if isinstance(value, Collection) and not isinstance(value, str):
        return len(value) > 0
    return not isinstance(value, _Usual) if isinstance(default, _Usual) else value != default


@dataclass(frozen=True)
class Request:
    """What `recover` was asked for beside the system and the data; see there.

    Attributes
    ----------
    budget : Budget
        Of time; a route ends at it, or at an interrupt, with the best so far and a warning.
    report : Report
        To be called with a stage and its fraction.
    journal : Journal
        Stores expensive results, so that an interrupted search can be resumed.
    """

    unknown: Sequence[Any] | None = None
    library: Any = None
    surrogate: str | None = "auto"
    regressor: str | None = "auto"
    selection: bool = True
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    report: Report = field(default_factory=partial(Report, False, "recover", STAGES))
    heldout: float = 0.0
    bounds: Mapping[Any, tuple[Any, Any]] | None = None
    signs: Mapping[Any, int] | None = None
    conserved: Sequence[Any] | None = None
    graph: Mapping[Any, Collection[Any]] | None = None
    options: RecoverOptions = field(default_factory=RecoverOptions)
    journal: Journal = field(default_factory=Journal)
