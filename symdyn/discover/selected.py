"""Unknown terms of ODE systems and maps: learned, proposed, and selected with the simulation in the loop."""

from __future__ import annotations

from typing import Any

from symdyn.discover.descent import NothingFollowsError
from symdyn.discover.evidence import hold_out
from symdyn.discover.pipeline import Pipeline
from symdyn.discover.reads import Reads
from symdyn.discover.recovery import Recovery
from symdyn.discover.repairing import repaired
from symdyn.discover.request import Request
from symdyn.discover.terms import with_unknown_terms
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations
from symdyn.inference.kinds import kind_of
from symdyn.system import System

__all__ = ["recovered"]

#: What is read here of what `recover` is given.
READS = Reads(
    "an ODESystem or DiscreteSystem with unknown terms",
    frozenset({
        "unknown", "library", "surrogate", "regressor", "selection", "heldout", "bounds", "signs", "conserved", "graph",
        "options.degree", "options.functions", "options.fit", "options.guesses", "options.noise", "options.windows",
        "options.largest", "options.beam", "options.rounds", "options.keep", "options.level", "options.process",
        "options.repeats", "options.units", "options.surrogate", "options.regressor",
    }),
    learning=frozenset({"regressor", "options.surrogate", "options.regressor"}),
    named=True,
)  # fmt: skip


def recovered(system: System, data: Any, request: Request) -> Recovery:
    """The stages of a recovery one after another; see `symdyn.discover.recover`."""
    if request.options.repair:
        return repaired(system, data, request)
    kind_of(system, "recover")
    if request.options.process not in ("auto", False) and request.signs:
        raise RecoveryError("options.process has no effect beside signs; leave one of them out")
    whole = with_unknown_terms(system, request.unknown)
    seen = observations(whole, data)
    seen, later = hold_out(whole, seen, request.heldout) if request.heldout else (seen, None)
    pipeline = Pipeline(whole, seen, later, request)
    learned = pipeline.learn()
    terms, formulas = pipeline.propose(learned)
    try:
        return pipeline.select(terms, formulas, learned)
    except NothingFollowsError:
        if not any(formulas) or not request.selection:
            raise
    # sensitivities to terms that are not in use may end a run, too
    pipeline.notes.append("went without the formulas of the regressor: their terms cannot be simulated along the data")
    terms, formulas = pipeline.propose(None)
    return pipeline.select(terms, formulas, learned)
