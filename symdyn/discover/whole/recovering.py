"""The route of recoveries in which all right-hand sides are unknown."""

from __future__ import annotations

from typing import Any

from symdyn.discover.evidence import hold_out
from symdyn.discover.options import Request
from symdyn.discover.reads import Reads
from symdyn.discover.recovery import Recovery
from symdyn.discover.whole.equal import simplest, tied
from symdyn.discover.whole.evidence import lasts
from symdyn.discover.whole.exchanges import like_parts
from symdyn.discover.whole.fits import EquationFit
from symdyn.discover.whole.problem import contradicted, prepared
from symdyn.discover.whole.result import assembled, told
from symdyn.discover.whole.search import EquationSearch
from symdyn.discover.whole.states import declared
from symdyn.errors import RecoveryError
from symdyn.given_values import lookup
from symdyn.inference.data import Observations, observations
from symdyn.inference.optimum import read_noise

__all__ = ["recovered"]

#: What is read here of what `recover` is given.
READS = Reads(
    "equations of which nothing is known",
    frozenset({
        "heldout", "options.noise", "options.windows", "options.keep", "options.level", "options.process", "options.ties",
    }),
)  # fmt: skip
#: What ties of constants depend on.
UNITS = "; in other units of time and states it may be others, with RecoverOptions(ties=False) none"
#: Share of the data above which fitted values are many, and below which they are few.
MANY, FEW = 0.4, 0.1
#: Share of a budget for equations of first order that the data contradict.
WRONG = 0.2
#: Gap of the criterion within which a model that goes on comes before one that ends.
ENDING = 8.0


def recovered(system: None, data: Any, request: Request) -> Recovery:
    """Whole right-hand sides from data; see `symdyn.discover.recover`.

    Every column of the data but time is a state x, its right-hand side ``f_x(x, y, ...)``.  Terms are those of
    `symdyn.discover.whole.library`; candidates come from integral matching and are fitted by simulation.

    Raises
    ------
    RecoveryError
        If the data are too few or a state does not change, or no candidate can be simulated.
    """
    whole = declared(data)
    seen, later = hold_out(whole, observations(whole, data), request.heldout)
    given = request.options.noise or {}
    noise = read_noise(whole.states, seen.noise, given)
    known = {j: float(noise[j]) for j in (whole.states.index(lookup(k, whole.states, "state")) for k in given)}
    problem = prepared(seen, known)
    notes = list(contradicted(problem, seen))
    # most of the time is left for equations with a second state, where none for this one alone can be right
    budget = request.budget.share(WRONG) if notes and len(whole.states) == 1 else request.budget
    search = EquationSearch(
        problem, budget, report=lambda part: request.report("selection", part), journal=request.journal,
        windows=request.options.windows,
    )  # fmt: skip
    best: EquationFit | None = None
    with request.budget.keeping(search.best):
        best = search.run()
    best = search.best() if request.budget.interrupted else best
    if best is None:
        raise RecoveryError(
            "no candidate could be simulated along the data; give more points or longer trajectories, scale states that differ "
            "by orders of magnitude, or give the known part of the equations"
        )
    search.fitter.budget = request.budget
    notes += request.budget.notes(f"{search.fitter.runs} simulations", search.level, late=search.late)
    standing: list[str] = []  # notes on the first model
    if best.windows > 1:
        standing.append(f"no run over a whole trajectory follows the data; fitted in {len(best.starts)} windows")
    chosen, (best, ended) = best, _going_on(search, best, seen)
    standing += ended
    fitted = len(best.model.theta) + best.starts.size
    if fitted > MANY * seen.size:
        standing.append(f"the best model has {fitted} fitted values for {seen.size} data, which cannot tell equations apart")
    others = [f for f in search.fitter.ranked(best.windows) if f.model.key != best.model.key]
    better = [f for f in others if f.score < best.score]
    if better and not search.late and best is chosen:
        lost = "their runs are lost from starts within the noise"
        why = lost if search.sound(better[0]) else "the data do not determine their constants"
        standing.append(f"{len(better)} of the models have a lower criterion than the first and are left out: {why}")
    visited = [best, *(f for f in others if f.score >= best.score)]
    if request.options.ties and not search.late:
        like = [] if search.screen is None else like_parts(search.fitter, best, search.screen.terms)
        first, *others = simplest(search.fitter, best, visited[1:], like)
        if first.model.key != best.model.key:
            standing.append(
                f"constants that are one or equal, which its criterion counts, put the first model before others{UNITS}"
            )
        if first.ties:
            names = ", ".join(whole.names)
            standing.append(f"the first model is a law of like parts: an exchange of the states {names} leaves it as it is")
        first, ties = tied(search.fitter, first)
        visited = [first, *others]
        if ties:
            listed = ", ".join(told(whole, first, ties))
            standing.append(f"taken as equal, since the data do not tell them apart: {listed}{UNITS}")
    if not search.late and not search.sound(visited[0]):
        standing.append("the data do not determine all constants of the first model")

    def result(keep: int) -> Recovery:
        return assembled(
            whole, search.fitter, visited[:keep], visited, seen, later, options=request.options, notes=notes,
            standing=standing, complete=search.complete and not request.budget.interrupted,
        )  # fmt: skip

    with request.budget.keeping(lambda: True):
        return result(request.options.keep)
    notes.append("the evidence was interrupted; models after the first were left out")
    return result(1)


def _going_on(search: EquationSearch, best: EquationFit, seen: Observations) -> tuple[EquationFit, list[str]]:
    """The best model whose runs do not end soon after few data, if it is nearly as good as the first, and notes.

    A singularity that no datum shows is that of terms which were fitted to noise.
    """
    few = len(best.model.theta) + best.starts.size > FEW * seen.size
    if not few or search.problem.clean or search.late or best.windows > 1 or lasts(search.fitter, best, seen):
        return best, []
    near = (f for f in search.fitter.ranked(1) if best.score < f.score < best.score + ENDING)
    other = next((f for f in near if lasts(search.fitter, f, seen)), None)
    if other is None:
        return best, ["runs of the first model end in a singularity before the time of the data has passed once more"]
    return other, [
        "models with a lower criterion than the first are left out: their runs end in a singularity before the time of the "
        "data has passed once more"
    ]
