r"""One population that turns back, which no equation of first order makes: models of textbooks with a second, hidden one.

The hidden state is scaled so that it adds itself to, or takes itself from, the rate :math:`x'/x` of the one that was measured:
no data could tell its unit.  With positive constants a, b, c, d and the states x and h the models are

- infected, without the susceptible: :math:`x' = x (h - a), \; h' = -b x h`;
- the same, of whom some are born and die: :math:`h' = c - d h - b x h`;
- a prey, without its predator: :math:`x' = x (a - h), \; h' = h (b x - c)`, and a limited one, :math:`x' = x (a - d x - h)`;
- a predator, without its prey: :math:`x' = x (h - a), \; h' = h (b - c x)`, or a limited one, :math:`h' = h (b - c x - d h)`.

References
----------
Kermack, McKendrick, Proc. R. Soc. A 115, 700 (1927); Murray, Mathematical Biology I (2002), ch. 3 and 10.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.error_comparison import ErrorFits
from symdyn.discover.model_error import enough
from symdyn.discover.options import Request
from symdyn.discover.paced import paced
from symdyn.discover.ranked import RankedSystem, filled
from symdyn.discover.reads import given
from symdyn.discover.recovery import Recovery
from symdyn.discover.turning_back import TELLING, accepted, of_states, turning, turns, unmeasured
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import price
from symdyn.inference.data import Observations
from symdyn.inference.filtering import ErrorLaw
from symdyn.inference.fits import Fit
from symdyn.inference.fitting import fit
from symdyn.inference.naming import named_constants
from symdyn.models.ode import ODESystem

__all__ = ["partnered"]

#: What may be asked for beside.
BESIDE = {"library", "seed", "heldout", "options.keep", "options.level", "options.ties", "options.windows"}
#: Starts of each fit; models that are compared with process noise allowed for; and most data, of which that takes minutes.
STARTS, COMPARED, MOST_DATA = 20, 3, 400
#: By how many deviations of its noise a population may be measured below zero.
BELOW = 3.0
#: Slowest and fastest rates: one over so many times the duration, and so many in the usual interval.
SLOW, FAST = 100.0, 10.0
#: Least initial value, and largest, in units of the largest datum.
LEAST, MOST = 1e-4, 2.0


@dataclass(frozen=True)
class Book:
    """A model of a textbook.

    Attributes
    ----------
    name : str
    terms : tuple of (Symbol, int, Expr)
        States in whose equations terms stand, signs of their coefficients, and shapes; the effect of the hidden state on the
        measured one has no coefficient that is fitted.
    """

    name: str
    terms: tuple[tuple[sp.Symbol, int, sp.Expr], ...]


def _books(x: sp.Symbol, h: sp.Symbol) -> Iterator[Book]:
    fed, eaten = ((x, 1, x * h), (x, -1, x)), ((x, 1, x), (x, -1, x * h))
    lost, gained = (h, -1, x * h), ((h, 1, x * h), (h, -1, h))
    yield Book("infected, without the susceptible", (*fed, lost))
    yield Book("infected, without the susceptible, who are born and die", (*fed, (h, 1, sp.S.One), (h, -1, h), lost))
    yield Book("a prey, without its predator", (*eaten, *gained))
    yield Book("a limited prey, without its predator", (*eaten, (x, -1, x**2), *gained))
    yield Book("a predator, without its prey", (*fed, (h, 1, h), lost))
    yield Book("a predator, without its limited prey", (*fed, (h, 1, h), lost, (h, -1, h**2)))


def partnered(found: Recovery, request: Request) -> Recovery:
    """A recovery of one population, or where no equation of first order makes its course that of a model of a textbook.

    Models with a hidden population are compared first, then those with a delay and those with a season, see
    `symdyn.discover.paced`.  A model comes first if its own run turns back by much more than the noise that it leaves, which
    contradicts all autonomous equations of first order, if the data tell its constants, and if its forecasts from within the
    data are no worse than those of the first model before.

    Parameters
    ----------
    found : Recovery
        Of data of which nothing was known.
    request : Request
        What was asked for.
    """
    seen = found.observations
    if not _asked(request, BESIDE | {"options.noise"}) or len(found.system.names) != 1 or not _turns(seen):
        return found
    if not _asked(request, BESIDE):
        note = "models with a second state, a delay or a season, whose noise is fitted, were not compared beside options.noise"
        return replace(found, warnings=(*found.warnings, note))
    x = found.system.states[0]
    best = found
    with request.budget.keeping(lambda: True):
        best = _Partner(x, unmeasured("hidden", found.system), seen, request).result(found) or found
        best = paced(best, found.system, request)
    if request.budget.over():
        note = f"not all models with a second state, a delay or a season were compared, for {request.budget.end}"
        return replace(best, warnings=(*best.warnings, note), complete=False)
    return best


def _asked(request: Request, beside: Collection[str]) -> bool:
    """Whether nothing was asked for that these models do not have."""
    return set(given(request)) <= set(beside) and request.library in (None, "populations") and request.options.process == "auto"


def _turns(seen: Observations) -> bool:
    """Whether a state that is negative nowhere by more than the noise turns back, in not too many data.

    By much more than the noise, where the data suffice to estimate it; of few that the fits have to say.
    """
    telling = seen.size >= TELLING
    least = -BELOW * float(seen.noise[0]) if telling else 0.0
    if seen.size > MOST_DATA or min(float(np.nanmin(t.values)) for t in seen.trajectories) < least:
        return False
    return turns(seen) if telling else turning(seen, 0.0) is not None


class _Partner:
    """Models of the data of a state x with a hidden one h."""

    def __init__(self, x: sp.Symbol, h: sp.Symbol, seen: Observations, request: Request) -> None:
        self.x, self.h, self.seen, self.request = x, h, seen, request
        self.books, self.runs = tuple(_books(x, h)), 0
        self.declared = ODESystem({s: sp.Function(f"f_{s.name}")(x, h) for s in (x, h)})

    def fitted(self) -> list[tuple[float, Book, Fit]]:
        """Fits without process noise of all models that the data suffice for, with their criteria, the best first."""
        tables = [{"t": t.times, self.x.name: t.values[:, 0]} for t in self.seen.trajectories]
        found, n = [], self.seen.size
        for book in self.books:
            sides, bounds = self._formulas(book)
            cost = price([(len(bounds) - 2 + 2 * len(tables) + 1, n)], terms=0, library=1, data=n)
            if not self.request.budget.going() or not np.isfinite(cost):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    own = fit(
                        self.declared.with_terms(sides), tables if len(tables) > 1 else tables[0], parameters=bounds,
                        noise="normal", starts=STARTS, seed=self.request.seed, progress=False,
                        budget=self.request.budget.left() if self.request.budget.limited else None,
                    )  # fmt: skip
                except RecoveryError:  # no run of it follows the data
                    continue
            found.append((cost - 2 * own.log_likelihood, book, own))
        return sorted(found, key=lambda row: row[0])

    def result(self, before: Recovery) -> Recovery | None:
        """The recovery of the best of these models; None if equations of first order are not excluded, or foretell better."""
        fits = self.fitted()
        if not fits:
            return None
        models = [(book, self._ranked(book, own)) for _, book, own in fits[:COMPARED]]
        size = max(float(np.abs(own.starts[:, 1]).max()) for _, _, own in fits[:COMPARED])
        names = (self.x.name, self.h.name)
        data, later = of_states(self.seen, names, size), before.heldout and of_states(before.heldout, names, size)
        low = min(float(np.nanmin(t.values)) for t in self.seen.trajectories)
        pairs = [(ErrorLaw(None, own), m) for own in ((False, True) if low > 0 else (False,)) for _, m in models]
        rows = ErrorFits(pairs, data, fits[0][2].starts, {}, self.request.budget.going, process=enough(data))
        texts = {
            id(m): f"the first model has a second, {self.h}, that was not measured. It is of a textbook: {book.name}; "
            f"{self.h} has the unit of a rate. Of {len(self.books)} such models it follows the data best, others were not "
            "looked at; declare your own for these"
            for book, m in models
        }
        ranked = rows.ranked()
        return accepted(ranked, texts, before, data, later, self.request, self.runs + rows.runs)

    def _formulas(self, book: Book) -> tuple[dict[Any, sp.Expr], dict[Any, tuple[float, float]]]:
        """Right-hand sides in named constants, and bounds of these and of the initial values."""
        largest = max(float(np.nanmax(t.values)) for t in self.seen.trajectories)
        rates = self._rates
        size = {self.x: largest, self.h: float(np.sqrt(np.prod(rates)))}
        unknowns = dict(zip((self.x, self.h), self.declared.drift, strict=True))
        free = {term: sp.Dummy() for term in book.terms if term[0] == self.h or not term[2].has(self.h)}
        names = named_constants(self.declared, [(unknowns[state], c, ()) for (state, _, _), c in free.items()])
        sides: dict[Any, sp.Expr] = dict.fromkeys(unknowns.values(), sp.S.Zero)
        bounds: dict[Any, tuple[float, float]] = {self.x: (LEAST * largest, MOST * largest), self.h: rates}
        for state, sign, shape in book.terms:
            constant = names[free[term]] if (term := (state, sign, shape)) in free else sp.S.One
            sides[unknowns[state]] += sign * constant * shape
            if constant.free_symbols:
                unit = size[state] / float(shape.subs(size))
                bounds[constant] = (rates[0] * unit, rates[1] * unit)
        return sides, bounds

    @property
    def _rates(self) -> tuple[float, float]:
        """The slowest and the fastest rate that the data could show."""
        times = [t.times for t in self.seen.trajectories]
        usual = float(np.median(np.concatenate([np.diff(t) for t in times])))
        return 1 / (SLOW * max(float(t[-1] - t[0]) for t in times)), FAST / usual

    def _ranked(self, book: Book, own: Fit) -> RankedSystem:
        """A fitted model as it is shown in a result."""
        sides, bounds = self._formulas(book)
        values = {c: own.parameters[c.name] for c in bounds if c not in (self.x, self.h)}
        numbers = {c: sp.Float(v) for c, v in values.items()}
        owners = dict(zip((self.x, self.h), map(str, self.declared.drift), strict=True))
        line = f"recovered from {self.seen.size} data, with nothing known and a second state that was not measured"
        return RankedSystem(
            filled(self.declared, sides, values, line, own.starts[0]), sides,
            {u: e.xreplace(numbers) for u, e in sides.items()}, len(values), np.nan, start=own.starts,
            free=dict.fromkeys(values, (0.0, np.inf)), textbook=True,
            labels=tuple((owners[state], str(shape)) for state, _, shape in book.terms),
        )  # fmt: skip
