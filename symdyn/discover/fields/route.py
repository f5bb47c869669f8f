"""Unknown terms of fields, or all equations: by the weak form where data are dense, and by fits of simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn.discover.fields.candidates import FieldCandidates, field_candidates
from symdyn.discover.fields.data import FieldData, read_fields
from symdyn.discover.fields.declared import declared_for
from symdyn.discover.fields.fits import FieldFit, FieldFits
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.learned import learned_formulas
from symdyn.discover.fields.libraries import conservative_library, field_library
from symdyn.discover.fields.recovery import FieldOutcome, FieldRecovery, assembled_fields, information_of
from symdyn.discover.fields.simulated import Beginning, Simulated, first_cells, simulate_terms
from symdyn.discover.fields.starts import read_starts
from symdyn.discover.fields.weakly import WeakChoice, choose_weakly, is_dense
from symdyn.discover.learned import surrogate_fit
from symdyn.discover.options import Request
from symdyn.discover.reads import TERMS, Reads
from symdyn.discover.surrogates.registry import FIELD_SURROGATES
from symdyn.discover.terms import one_of_each, with_unknown_terms
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.inference.optimum import read_noise
from symdyn.models.pde import PDESystem

__all__ = ["recovered"]

#: What is read here of what `recover` is given.
READS = Reads(
    "a PDESystem",
    TERMS | {
        "surrogate", "regressor", "signs", "options.noise", "options.beam", "options.rounds", "options.surrogate",
        "options.regressor",
    },
    learning=frozenset({"regressor", "signs", "options.surrogate", "options.regressor"}),
    usual=False, surrogates=FIELD_SURROGATES, regressor="sparse", shapes=frozenset({"options.degree", "options.functions"}),
)  # fmt: skip
#: Residuals, in standard deviations of the noise, with which a run still follows the data.
FOLLOWED = 1.5
#: Share of the variance of the data beyond which a run does not follow them.
LOST = 0.5
#: Relative error of a run that is worth to be shown.
FOLLOWS = 0.5
#: How many times longer than in a search a single run may take.
PATIENCE = 10
#: Models of the weak form from which the search by simulation begins, and how much worse than the first they may be.
PROPOSED, WORSE = 5, 12.0


def recovered(system: PDESystem | None, data: Any, request: Request) -> FieldRecovery:
    """The stages of a recovery one after another; see `symdyn.discover.recover`."""
    notes: list[str] = []
    nothing = system is None
    if system is None:
        system, notes = declared_for(data)
    free = [p for p in system.parameters if p not in system.defaults]
    system = with_unknown_terms(system, request.unknown, needed=not (free or request.options.fit))
    seen, later = read_fields(system, data).split(request.heldout)
    if request.options.noise is not None:
        seen = replace(seen, noise=read_noise(system.fields, seen.noise, request.options.noise))
    shapes = _shapes(system, request, whole=nothing)
    surrogate = None
    if request.surrogate not in (None, "auto") and system.unknowns and not nothing:
        surrogate = surrogate_fit(request.surrogate, FIELD_SURROGATES, system, seen, request, notes)
    learned = None if surrogate is None else learned_formulas(system, surrogate, shapes, request)
    guesses = dict(request.options.guesses)
    if learned is not None:
        shapes, guesses = dict(learned.shapes), {**learned.guesses, **guesses}
    made: dict[str, Any] = dict(fit=request.options.fit, guesses=guesses, bounds=request.bounds)
    everything = field_candidates(system, shapes, seen, **made)

    weak = None
    shown: dict[str, Any] = dict(keep=request.options.keep, level=request.options.level)
    if is_dense(seen):
        weak = choose_weakly(everything, seen, largest=request.options.largest, stop=request.budget.over)
    request.report("selection", 0.2)
    if weak is not None and weak.decisive:
        decided = _by_weak_form(everything, weak, seen, later, notes)
        request.report("selection", 1.0)
        return replace(assembled_fields(system, decided, seen, later, **shown), surrogate=surrogate)
    kept, left_out = _simulable(system, shapes, everything, seen)
    if left_out:
        notes.append(f"cannot be simulated with the walls, and were left out: {', '.join(left_out)}")
    candidates = everything if not left_out else field_candidates(system, kept, seen, **made)
    first = [] if surrogate is None or learned is None else learned.beginnings(candidates, surrogate.parameters)
    outcome = _by_simulation(candidates, everything, seen, later, weak, first, request, notes) or (
        _by_weak_form(everything, weak, seen, later, notes) if weak is not None else None
    )
    if outcome is None:
        raise RecoveryError(
            "no candidate could be simulated along the data; check units, domain and boundary, or give guesses, bounds or "
            "a smaller library"
        )
    outcome.complete &= outcome.level > 0 or not request.budget.over()
    outcome.notes += request.budget.notes(f"{outcome.evaluations} simulations", outcome.level, late=not outcome.complete)
    request.report("selection", 1.0)
    return replace(assembled_fields(system, outcome, seen, later, **shown), surrogate=surrogate)


def _shapes(system: PDESystem, request: Request, *, whole: bool) -> dict[AppliedUndef, tuple[sp.Expr, ...]]:
    """Candidate terms of every unknown function."""
    options = request.options
    found = {}
    for u in one_of_each(system.unknowns):
        choice = request.library
        if whole and (choice is None or isinstance(choice, int)):
            degree = options.degree if choice is None else choice
            found[u] = conservative_library(system.fields, system.dimension, degree=degree)
        else:
            found[u] = field_library(system, u, choice, degree=options.degree, functions=options.functions)
    return found


def _simulable(
    system: PDESystem, shapes: Mapping[AppliedUndef, Sequence[sp.Expr]], candidates: FieldCandidates, data: FieldData
) -> tuple[dict[AppliedUndef, tuple[sp.Expr, ...]], list[str]]:
    """The terms that can be put on a grid, and the names of the others."""
    cells = first_cells(candidates, data)
    if _fits_a_grid(candidates.system, cells):
        return {u: tuple(terms) for u, terms in shapes.items()}, []
    zero = dict.fromkeys(shapes, sp.S.Zero)
    kept: dict[AppliedUndef, tuple[sp.Expr, ...]] = {}
    out = []
    for u, terms in shapes.items():
        fine = [t for t in terms if _fits_a_grid(system.with_terms({**zero, u: t}), cells)]
        out += [str(t) for t in terms if t not in fine]
        kept[u] = tuple(fine) or (sp.S.One,)
    return kept, out


def _fits_a_grid(system: PDESystem, cells: tuple[int, ...]) -> bool:
    try:
        system.discretize(cells, order=4).model()
    except DeclarationError:
        return False
    return True


# ---- by simulation -------------------------------------------------------------------------------


def _by_simulation(
    candidates: FieldCandidates, everything: FieldCandidates, seen: FieldData, later: FieldData | None, weak: WeakChoice | None,
    learned: Sequence[Beginning], request: Request, notes: list[str],
) -> FieldOutcome | None:  # fmt: skip
    """Models by simulation; None where runs do not follow the data and a weak form does better."""
    proposed = _proposed(candidates, everything, weak)
    if weak is not None and not proposed:
        notes.append("the terms of the weak form cannot be simulated with these walls; values are those of the weak form")
        return None
    options = request.options
    found = simulate_terms(
        candidates, seen, [*learned, *proposed], largest=options.largest, beam=options.beam, rounds=options.rounds,
        alone=weak is None, lost=LOST if weak is not None else np.inf, budget=request.budget,
        report=lambda fraction: request.report("selection", 0.2 + 0.7 * fraction), journal=request.journal,
    )  # fmt: skip
    if found is None:
        if weak is not None:
            notes.append("no run from the first snapshot follows the data; values are those of the weak form")
        return None
    best = found.search.ranked()[0]
    if not request.budget.over():
        for model in found.search.ranked()[: min(3, options.keep)]:
            found.search.visit(model.chosen, model.fit.theta, model.fit.starts, fine=True)
        best = found.search.ranked()[0]
    fits = found.search.fits
    spread = float(np.sqrt(best.fit.rss / fits.size))
    if weak is not None and (spread > FOLLOWED * np.sqrt(1 + found.search.floor) or not found.resolved):
        notes.append("runs from the first snapshot do not follow the data well enough; values are those of the weak form")
        return None
    if not found.resolved:
        notes.append(f"errors of the grid of {' x '.join(map(str, fits.lanes.cells))} cells are not small beside the residuals")
    if spread > 2 * FOLLOWED * np.sqrt(1 + found.search.floor):
        notes.append(f"the best system misses the data by {spread:.2g} times their estimated noise: a term may be missing")
    return _outcome(found, seen, later, options.keep, notes)


def _proposed(candidates: FieldCandidates, everything: FieldCandidates, weak: WeakChoice | None) -> list[Beginning]:
    """Models of the weak form in the columns that can be simulated."""
    if weak is None:
        return []
    place = {(t.unknown, t.shape): k for k, t in enumerate(candidates.terms)}
    found: list[Beginning] = []
    for choice in weak.ranked[:PROPOSED]:
        if choice.criterion > weak.ranked[0].criterion + WORSE:
            break
        chosen, theta = np.zeros(len(candidates.terms), dtype=bool), candidates.guesses[0] * candidates.always
        keys = [(everything.terms[k].unknown, everything.terms[k].shape) for k in np.flatnonzero(choice.chosen)]
        if not all(key in place for key in keys):
            continue
        for k, key in zip(np.flatnonzero(choice.chosen), keys, strict=True):
            chosen[place[key]], theta[place[key]] = True, choice.theta[k]
        for c in np.flatnonzero(everything.always):
            theta[candidates.columns.index(everything.columns[c])] = choice.theta[c]
        found.append((chosen, theta, None))
    return found


def _outcome(found: Simulated, seen: FieldData, later: FieldData | None, keep: int, notes: list[str]) -> FieldOutcome:
    search, fits = found.search, found.search.fits
    candidates, ranked = search.candidates, search.ranked()
    best = ranked[0]
    active = np.flatnonzero(candidates.active(best.chosen[None])[0])
    jacobian = fits.moved(best.fit.theta, best.fit.starts, active)[1]
    facts = information_of(candidates, best.chosen, best.theta, jacobian, best.fit.rss)
    errors = [(_error(fits, m.fit, seen), _error(fits, m.fit, later)) for m in ranked[:keep]]
    outcome = FieldOutcome(
        candidates, ranked, facts, "simulation", errors, evaluations=found.evaluations, level=search.level, notes=notes,
        complete=not found.late,
    )  # fmt: skip
    return _with_runs(outcome, fits, best.fit)


def _error(fits: FieldFits, fit: FieldFit, data: FieldData | None) -> float:
    """Root mean square error of the runs of a fit, relative to the size of the fields."""
    if data is None:
        return np.nan
    scale, gaps = fits.lanes.data.scale.reshape(1, -1, *[1] * len(data.positions)), []
    for r, run in enumerate(data.trajectories):
        begin = fits.starts.times[r][0]
        kept = run.times >= begin
        times = np.unique([begin, *run.times[kept]])
        gap = (_run(fits, fit, r, times)[np.searchsorted(times, run.times[kept])] - run.values[kept]) / scale
        gaps.append(gap[np.isfinite(run.values[kept])])
    joined = np.concatenate(gaps)
    return float(np.sqrt(np.square(joined).mean())) if np.isfinite(joined).all() else np.inf


def _run(fits: FieldFits, fit: FieldFit, run: int, times: np.ndarray) -> np.ndarray:
    """Fields (T, fields, *positions) of an experiment."""
    return fits.lanes.run(fit.theta[None], fits.starts.fields(run, fit.starts[None]), times)[0]


def _with_runs(outcome: FieldOutcome, fits: FieldFits, fit: FieldFit) -> FieldOutcome:
    """The outcome with the initial fields of a fit, and its runs at the times and places of the data."""
    lanes, axes = fits.lanes, [s.name for s in fits.lanes.system.space]
    for r, times in enumerate(fits.starts.times):
        values = _run(fits, fit, r, times)
        coords = {"time": times, **dict(zip(axes, lanes.data.positions, strict=True))}
        made = xr.Dataset({f: (("time", *axes), values[:, i]) for i, f in enumerate(lanes.data.fields)}, coords)
        outcome.starts += (lanes.initial(fits.starts.fields(r, fit.starts[None])),)
        outcome.fitted += (made,)
    return outcome


# ---- by the weak form ----------------------------------------------------------------------------


def _by_weak_form(
    candidates: FieldCandidates, weak: WeakChoice, seen: FieldData, later: FieldData | None, notes: list[str]
) -> FieldOutcome:
    """Models of the weak form; the first is run from the first snapshot, to see whether it follows the data."""
    first = weak.ranked[0]
    if weak.spread > 2 * FOLLOWED:
        notes.append(
            f"the equations hold to {weak.spread:.2g} times what noise explains: a term may be missing, or the data too coarse"
        )
    outcome = FieldOutcome(candidates, weak.ranked, weak.facts, "weak form", notes=notes)
    chosen = candidates.active(first.chosen[None])[0]
    alone = candidates.system.map_expressions(
        lambda e: e.xreplace({c: sp.S.Zero for c, a in zip(candidates.columns, chosen, strict=True) if not a})
    )
    try:
        lanes = Lanes(replace(candidates, system=alone), seen, first_cells(candidates, seen))
        starts = read_starts(lanes, seen, held=not candidates.system.initial)
        lanes.most *= PATIENCE
    except RecoveryError:
        notes.append("the system cannot be simulated with the walls that it has; give them further conditions")
        return outcome
    ones = np.ones(len(candidates.columns))
    fits = FieldFits(lanes, starts, ones, ones, lambda: False)
    fit = FieldFit(first.theta, starts.first, np.zeros(0))
    rms = _error(fits, fit, seen)
    outcome.errors = [(rms, _error(fits, fit, later))]
    if rms <= FOLLOWS:
        _with_runs(outcome, fits, fit)
    else:
        notes.append(
            f"a run from the first snapshot departs from the data (relative error {rms:.2g}): small errors grow, or a term is "
            "missing; the equations were tested between snapshots only"
        )
    outcome.evaluations = lanes.simulations
    return outcome
