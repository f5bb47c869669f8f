"""From fitted models to a Recovery of any kind: ranked systems, table, intervals, evidence for terms, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.recovery import Identifiability, Recovery, Terms
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import weights
from symdyn.inference.information import Information, intervals, limits
from symdyn.inference.misfit import Misfit
from symdyn.inference.naming import named_constants, written
from symdyn.inference.parameters import FreeColumns
from symdyn.system import System

__all__ = ["Compared", "RankedSystem", "TermModels", "filled", "possible", "ranked_recovery", "summed"]

#: A term as a pair (unknown function, shape), and a model as its criterion and terms.
Label = tuple[str, str]
Compared = tuple[float, Iterable[Label]]
Kind = TypeVar("Kind", bound=Recovery)

#: Columns of the table with relative errors, NaN unless measured.
ERRORS = ("rms", "one_step", "forecast", "heldout_one_step", "heldout_free_run")
#: Gaps of the criterion within which a system is equivalent to the first, and plausible.
EQUIVALENT, PLAUSIBLE = 2, 6
#: Fewer terms of a function are no library but a choice of whoever gave them, which says what the law may hold.
ALL = 3
RIGHT = Misfit()


@dataclass(frozen=True)
class RankedSystem:
    """A fitted system in a result.

    Attributes
    ----------
    system : System
        With the fitted values as defaults.
    formulas, terms : mapping of AppliedUndef to Expr
        Unknown functions with names, and with numbers, for the constants.
    parameters : int
        Fitted constants.
    criterion : float
    errors : mapping of str to float
        The columns `ERRORS` of the table, NaN unless given.
    log_likelihood : float or None
    start : (trajectories, n) float64 or None
        Fitted initial values.
    text : str or None
        What the table shows of the terms, unless these themselves.
    complexity : int or None
        Nodes, of the terms unless given.
    free : mapping of Symbol to (float, float)
        Parameters of the system that are fitted, with their bounds.
    labels : tuple of (str, str)
        Its terms: unknown function, and shape.
    prior : float
        Minus twice the logarithm of the prior of the terms.
    textbook : bool
        Whether it is a model that was known before the data.
    """

    system: System
    formulas: Mapping[AppliedUndef, sp.Expr]
    terms: Mapping[AppliedUndef, sp.Expr]
    parameters: int
    criterion: float
    errors: Mapping[str, float] = field(default_factory=dict)
    log_likelihood: float | None = None
    start: np.ndarray | None = None
    text: str | None = None
    complexity: int | None = None
    free: Mapping[sp.Symbol, tuple[float, float]] = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    prior: float = 0.0
    textbook: bool = False

    def row(self, weight: float) -> dict[str, Any]:
        """The row of the table."""
        nodes = sum(1 for e in self.terms.values() for _ in sp.preorder_traversal(e))
        return {
            "terms": written(self.terms) if self.text is None else self.text,
            "complexity": nodes if self.complexity is None else self.complexity,
            "parameters": self.parameters,
            "bic": self.criterion,
            "weight": weight,
            **({} if self.log_likelihood is None else {"log_likelihood": self.log_likelihood}),
            **{name: self.errors.get(name, np.nan) for name in ERRORS},
        }


def ranked_recovery(
    kind: type[Kind], models: Iterable[RankedSystem], facts: Information, *, level: float, compared: Iterable[Compared],
    library: Iterable[Label] = (), notes: Iterable[str], misfit: Misfit = RIGHT, **further: Any,
) -> Kind:  # fmt: skip
    """The result of a search.

    Parameters
    ----------
    kind : type
        `Recovery` or a subclass.
    models : iterable of RankedSystem
        Systems to be shown, best first.
    facts : Information
        Of the first.
    level : float
        Of the intervals.
    compared : iterable of (criterion, terms)
        All models visited, which share the weight: those shown in their order, then the others.  A term is a pair (unknown
        function, shape).  The weight of a single one is not known.
    library : iterable of (unknown function, shape)
        Terms that are listed with their evidence even if no model holds them.  Nothing is left to be added to a model that
        takes all of a function, `ALL` or more, and it stands for the laws beyond the library as well: half of the evidence of
        such models is that of these, and the weights of all models add up to the rest.
    notes : iterable of str
    misfit : Misfit
        Of the first model: the weights, and what counts as equivalent and plausible, allow for it.
    **further
        Other attributes.

    Raises
    ------
    RecoveryError
        Unless the level lies between 0 and 1.
    """
    ranked, compared, library = list(models), [(criterion, tuple(terms)) for criterion, terms in compared], tuple(library)
    shares = weights([c for c, _ in compared], misfit.missed) if len(compared) > 1 else np.full(1, np.nan)
    spent = [_spent(terms, library) for _, terms in compared]
    inside = 1 - 0.5 * sum(float(share) for share, unknowns in zip(shares, spent, strict=True) if unknowns)
    table = pd.DataFrame([m.row(float(share)) for m, share in zip(ranked, inside * shares, strict=False)])
    gaps = (table["bic"][1:] - table["bic"][0]) / (1 + misfit.missed)
    close = [tuple(table["terms"][1:][(gaps >= 0) & (gaps < width)]) for width in (EQUIVALENT, PLAUSIBLE)]
    alone = ["only one model was compared, so that no weight is claimed"] if len(compared) < 2 else []
    beyond = [
        f"the first model takes every term that the library offers for {' and '.join(spent[0])}: whether the law goes on, these"
        f" data were not asked, and {1 - inside:.0%} of the weight is that of laws beyond it; offer a larger library"
    ] if spent[0] and not alone else []  # fmt: skip
    frame = intervals(facts, level)
    if any(m.start is not None for m in ranked):
        further["starts"] = tuple(m.start for m in ranked)
    return kind(
        system=ranked[0].system,
        systems=tuple(m.system for m in ranked),
        terms=Terms(ranked[0].terms),
        formulas=Terms(ranked[0].formulas),
        table=table,
        intervals=frame,
        covariance=pd.DataFrame(facts.covariance, index=frame["constant"], columns=frame["constant"]),
        identifiability=Identifiability(len(facts.names), facts.rank, facts.condition, *close),
        inclusion=_inclusion(shares, [terms for _, terms in compared], library),
        level=level,
        warnings=(*notes, *misfit.notes, *alone, *beyond, *limits(facts, frame)),
        **further,
    )


@dataclass(frozen=True)
class TermModels:
    """Models of library terms in a result: what their constants are called, and how they are shown.

    Attributes
    ----------
    system : System
        As it was declared, with unknown functions.
    columns : FreeColumns
    line : str
        For the provenance of recovered systems.
    """

    system: System
    columns: FreeColumns
    line: str

    def names(self, chosen: np.ndarray) -> dict[sp.Symbol, sp.Symbol]:
        """Names of the constants of the terms `chosen` (K,), by their columns."""
        terms, columns = self.columns.terms, self.columns.columns
        owners = [(terms[k].unknown, columns[k], tuple(terms[k].constants)) for k in np.flatnonzero(chosen)]
        return named_constants(self.system, owners)

    def labels(self) -> list[Label]:
        """Terms as the table of evidence names them."""
        return [(", ".join(map(str, t.parts)), str(t.shape)) for t in self.columns.terms]

    def formulas(self, chosen: np.ndarray) -> dict[AppliedUndef, sp.Expr]:
        """Each unknown function in named constants."""
        return self.columns.expressions(chosen, self.names(chosen))

    def values(self, chosen: np.ndarray, theta: np.ndarray) -> dict[sp.Symbol, float]:
        """Values of the named constants, and of fitted parameters, for columns `theta` (P,)."""
        named = {c: c for c in self.columns.free} | self.names(chosen)
        found = dict(zip(self.columns.columns, map(float, theta), strict=True))
        return {name: found[c] for c, name in named.items()}

    def shown(
        self, model: Any, theta: np.ndarray, errors: Mapping[str, float] | None = None, *, start: np.ndarray | None = None,
        log_likelihood: float | None = None,
    ) -> RankedSystem:  # fmt: skip
        """A fitted model with columns `theta` (P,) as a system; see `RankedSystem` for the rest."""
        values, formulas = self.values(model.chosen, theta), self.formulas(model.chosen)
        known = {s: sp.Float(v) for s, v in values.items()}
        low, high = (self.values(model.chosen, b * self.columns.sizes) for b in (self.columns.low, self.columns.high))
        text = None if formulas else "; ".join(f"{c} = {v:.4g}" for c, v in values.items())
        return RankedSystem(
            filled(self.system, formulas, values, self.line, None if start is None else start[0]),
            formulas, {u: e.xreplace(known) for u, e in formulas.items()}, int(self.columns.active(model.chosen).sum()),
            model.criterion, errors or {}, log_likelihood, start, text,
            free={s: (low[s], high[s]) for s in values if low[s] < high[s]},
        )  # fmt: skip

    def recovery(
        self, kind: type[Kind], shown: Iterable[RankedSystem], visited: Sequence[Any], facts: Information, *,
        make: Callable[..., Kind] = ranked_recovery, **further: Any,
    ) -> Kind:  # fmt: skip
        """The result of a search that `visited` models; see `ranked_recovery`, or another function that makes it."""
        labels, names = self.labels(), self.names(visited[0].chosen)
        return make(
            kind, shown, facts.renamed({c.name: n.name for c, n in names.items()}), library=labels,
            compared=[(m.criterion, [labels[k] for k in np.flatnonzero(m.chosen)]) for m in visited], **further,
        )  # fmt: skip


def possible(models: Sequence[Any]) -> Sequence[Any]:
    """The models of a search by likelihood.

    Raises
    ------
    RecoveryError
        If there is none.
    """
    if not models:
        raise RecoveryError(
            "no candidate makes the data possible; check their units, give bounds or guesses of parameters, or a library"
        )
    return models


def _spent(terms: Iterable[Label], library: Iterable[Label]) -> list[str]:
    """Unknown functions of whose terms a model leaves none out."""
    offered, taken = (Counter(unknown for unknown, _ in dict.fromkeys(labels)) for labels in (library, terms))
    return [unknown for unknown, count in offered.items() if count >= ALL and taken[unknown] >= count]


def _inclusion(shares: np.ndarray, models: Iterable[Iterable[Label]], library: Iterable[Label]) -> pd.DataFrame:
    """Evidence for each term: the weight of all models that hold it."""
    evidence = dict.fromkeys(library, 0.0 * float(shares[0]))
    for share, terms in zip(shares, models, strict=True):
        for term in dict.fromkeys(terms):
            evidence[term] = evidence.get(term, 0.0) + float(share)
    frame = pd.DataFrame([(*term, weight) for term, weight in evidence.items()], columns=["unknown", "term", "weight"])
    return frame.sort_values("weight", ascending=False, kind="stable", ignore_index=True)


def summed(
    declared: System, parts: Sequence[tuple[AppliedUndef, sp.Expr]]
) -> tuple[dict[AppliedUndef, sp.Expr], list[sp.Symbol]]:
    """Formulas of unknown functions that are sums of shapes, and the coefficients of these in the order of the shapes."""
    working = [sp.Dummy() for _ in parts]
    names = named_constants(declared, [(u, c, ()) for (u, _), c in zip(parts, working, strict=True)])
    formulas: dict[AppliedUndef, sp.Expr] = dict.fromkeys(declared.unknowns, sp.S.Zero)
    for (unknown, shape), c in zip(parts, working, strict=True):
        formulas[unknown] += names[c] * shape
    return formulas, [names[c] for c in working]


def filled(
    declared: System, formulas: Mapping[AppliedUndef, sp.Expr], values: Mapping[sp.Symbol, float], line: str,
    start: Iterable[float] | None = None,
) -> Any:  # fmt: skip
    """The declared system with formulas in place of unknown functions, fitted values as defaults.

    Parameters
    ----------
    declared : System
    formulas : mapping of AppliedUndef to Expr
    values : mapping of Symbol to float
        Of the constants in them, and of parameters of the system.
    line : str
        For the provenance.
    start : (n,) float64, optional
        Initial values.
    """
    own = {s: v for s, v in values.items() if s not in declared.parameters}
    made = declared.with_terms(dict(formulas), own) if formulas else declared
    made = made.with_parameters({p: values[p] for p in declared.parameters if p in values and p in made.parameters})
    if start is not None:
        made = made.with_initial(dict(zip(declared.states, map(float, start), strict=True)))
    return made.replace(provenance=(*made.provenance, line))
