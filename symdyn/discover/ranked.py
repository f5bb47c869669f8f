"""From fitted models to a Recovery of any kind: ranked systems, table, intervals, evidence for terms, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from symdyn.inference.naming import written
from symdyn.system import System

__all__ = ["Compared", "RankedSystem", "filled", "possible", "ranked_recovery"]

#: A term as a pair (unknown function, shape), and a model as its criterion and terms.
Label = tuple[str, str]
Compared = tuple[float, Iterable[Label]]
Kind = TypeVar("Kind", bound=Recovery)

#: Columns of the table with relative errors, NaN unless measured.
ERRORS = ("rms", "one_step", "forecast", "heldout_one_step", "heldout_free_run")
#: Gaps of the criterion within which a system is equivalent to the first, and plausible.
EQUIVALENT, PLAUSIBLE = 2, 6
RIGHT = Misfit()


@dataclass(frozen=True)
class RankedSystem:
    """A fitted system in a result.

    Attributes
    ----------
    system : System
        With the fitted values as defaults.
    terms : mapping of AppliedUndef to Expr
        Unknown functions with numbers for the constants.
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
    formulas : mapping of AppliedUndef to Expr
        Unknown functions with names for the constants.
    free : frozenset of Symbol
        Parameters of the system that are fitted.
    labels : tuple of (str, str)
        Its terms: unknown function, and shape.
    prior : float
        Minus twice the logarithm of the prior of the terms.
    """

    system: System
    terms: Mapping[AppliedUndef, sp.Expr]
    parameters: int
    criterion: float
    errors: Mapping[str, float] = field(default_factory=dict)
    log_likelihood: float | None = None
    start: np.ndarray | None = None
    text: str | None = None
    complexity: int | None = None
    formulas: Mapping[AppliedUndef, sp.Expr] = field(default_factory=dict)
    free: frozenset[sp.Symbol] = frozenset()
    labels: tuple[Label, ...] = ()
    prior: float = 0.0

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
    library: Iterable[Label] = (), formulas: Mapping[AppliedUndef, sp.Expr], notes: Iterable[str], misfit: Misfit = RIGHT,
    **further: Any,
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
        Terms that are listed with their evidence even if no model holds them.
    formulas : mapping of AppliedUndef to Expr
        Terms of the first system with names for the constants.
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
    ranked, compared = list(models), [(criterion, tuple(terms)) for criterion, terms in compared]
    shares = weights([c for c, _ in compared], misfit.missed) if len(compared) > 1 else np.full(1, np.nan)
    table = pd.DataFrame([m.row(float(share)) for m, share in zip(ranked, shares, strict=False)])
    gaps = (table["bic"][1:] - table["bic"][0]) / (1 + misfit.missed)
    close = [tuple(table["terms"][1:][(gaps >= 0) & (gaps < width)]) for width in (EQUIVALENT, PLAUSIBLE)]
    alone = ["only one model was compared, so that no weight is claimed"] if len(compared) < 2 else []
    frame = intervals(facts, level)
    if any(m.start is not None for m in ranked):
        further["starts"] = tuple(m.start for m in ranked)
    return kind(
        system=ranked[0].system,
        systems=tuple(m.system for m in ranked),
        terms=Terms(ranked[0].terms),
        formulas=Terms(formulas),
        table=table,
        intervals=frame,
        covariance=pd.DataFrame(facts.covariance, index=frame["constant"], columns=frame["constant"]),
        identifiability=Identifiability(len(facts.names), facts.rank, facts.condition, *close),
        inclusion=_inclusion(shares, [terms for _, terms in compared], library),
        level=level,
        warnings=(*notes, *misfit.notes, *alone, *limits(facts, frame)),
        **further,
    )


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


def _inclusion(shares: np.ndarray, models: Iterable[Iterable[Label]], library: Iterable[Label]) -> pd.DataFrame:
    """Evidence for each term: the weight of all models that hold it."""
    evidence = dict.fromkeys(library, 0.0 * float(shares[0]))
    for share, terms in zip(shares, models, strict=True):
        for term in dict.fromkeys(terms):
            evidence[term] = evidence.get(term, 0.0) + float(share)
    frame = pd.DataFrame([(*term, weight) for term, weight in evidence.items()], columns=["unknown", "term", "weight"])
    return frame.sort_values("weight", ascending=False, kind="stable", ignore_index=True)


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
