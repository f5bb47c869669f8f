"""Unknown terms of fields, or all equations: by the weak form where data are dense, and by fits of simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from sympy.core.function import AppliedUndef

from symdyn.discover.fields.assemble import FieldOutcome, Ranked, assembled_fields, information_of
from symdyn.discover.fields.candidates import FieldCandidates, field_candidates
from symdyn.discover.fields.data import FieldData, read_fields
from symdyn.discover.fields.declared import declared_for
from symdyn.discover.fields.fits import FieldFit, FieldFits
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.learned import learn_fields, learned_formulas
from symdyn.discover.fields.libraries import conservative_library, field_library
from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.fields.simulated import Beginning, Simulated, first_cells, simulate_terms
from symdyn.discover.fields.starts import read_starts
from symdyn.discover.fields.weakly import WeakChoice, choose_weakly, is_dense
from symdyn.discover.reads import Reads
from symdyn.discover.request import Request
from symdyn.discover.surrogates.registry import FIELD_SURROGATES
from symdyn.discover.terms import one_of_each, with_unknown_terms
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.models.pde import PDESystem

__all__ = ["recovered"]

#: What is read here of what `recover` is given.
READS = Reads(
    "a PDESystem",
    frozenset({
        "unknown", "library", "surrogate", "regressor", "heldout", "bounds", "signs", "options.degree",
        "options.functions", "options.fit", "options.guesses", "options.noise", "options.largest", "options.beam",
        "options.rounds", "options.keep", "options.level", "options.surrogate", "options.regressor",
    }),
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
        seen = _with_noise(seen, request.options.noise)
    shapes = _shapes(system, request, whole=nothing)
    surrogate = None if nothing else learn_fields(system, seen, request, notes)
    learned = None if surrogate is None else learned_formulas(system, surrogate, shapes, request)
    guesses = dict(request.options.guesses)
    if learned is not None:
        shapes, guesses = dict(learned.shapes), {**learned.guesses, **guesses}
    made: dict[str, Any] = dict(fit=request.options.fit, guesses=guesses, bounds=request.bounds)
    everything = field_candidates(system, shapes, seen, **made)

    weak = None
    if is_dense(seen):
        weak = choose_weakly(everything, seen, largest=request.options.largest, stop=request.budget.over)
    request.report("selection", 0.2)
    if weak is not None and weak.decisive:
        decided = _by_weak_form(everything, weak, seen, later, request.options.keep, notes)
        request.report("selection", 1.0)
        return replace(assembled_fields(system, decided, seen, later, request.options.level), surrogate=surrogate)
    kept, left_out = _simulable(system, shapes, everything, seen)
    if left_out:
        notes.append(f"cannot be simulated with the walls, and were left out: {', '.join(left_out)}")
    candidates = everything if not left_out else field_candidates(system, kept, seen, **made)
    first = [] if surrogate is None or learned is None else learned.beginnings(candidates, surrogate.parameters)
    outcome = _by_simulation(candidates, everything, seen, later, weak, first, request, notes) or (
        _by_weak_form(everything, weak, seen, later, request.options.keep, notes) if weak is not None else None
    )
    if outcome is None:
        raise RecoveryError(
            "no candidate could be simulated along the data; check units, domain and boundary, or give guesses, bounds or "
            "a smaller library"
        )
    if request.budget.over():
        outcome.notes += request.budget.notes(f"{outcome.evaluations} simulations", outcome.level)
        outcome.complete = outcome.level > 0 and not request.budget.interrupted
    request.report("selection", 1.0)
    return replace(assembled_fields(system, outcome, seen, later, request.options.level), surrogate=surrogate)


def _with_noise(data: FieldData, noise: Mapping[Any, float]) -> FieldData:
    """The data with known standard deviations of their noise."""
    given = {getattr(k, "name", k): float(v) for k, v in noise.items()}
    wrong = [k for k in given if k not in data.fields]
    if wrong:
        raise RecoveryError(f"options.noise names {wrong[0]!r}; the fields with noise are {', '.join(data.fields)}")
    values = np.array([given.get(f, n) for f, n in zip(data.fields, data.noise, strict=True)])
    return FieldData(data.trajectories, data.fields, data.positions, data.scale, values)


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
    jacobian = np.concatenate([fits.slopes(best.fit, active), fits.start_slopes(best.fit)], axis=1)
    facts = information_of(candidates, best.chosen, best.theta, jacobian, best.fit.rss)
    models = [
        Ranked(m.chosen, m.theta, m.criterion, *_errors(fits, m.fit, seen, later)) for m in ranked[:keep]
    ]  # fmt: skip
    visited = [Ranked(m.chosen, m.theta, m.criterion) for m in ranked]
    starts = tuple(fits.lanes.initial(fits.starts.fields(r, best.fit.starts[None])) for r in range(len(seen.trajectories)))
    fitted = tuple(_dataset(fits, best.fit, r) for r in range(len(seen.trajectories)))
    return FieldOutcome(candidates, models, visited, facts, "simulation", starts, fitted, found.evaluations, found.level, notes)


def _errors(fits: FieldFits, fit: FieldFit, seen: FieldData, later: FieldData | None) -> tuple[float, float]:
    """Root mean square errors of a run relative to the size of the fields: along the data, and along those held out."""
    scale = seen.scale.reshape(1, -1, *[1] * len(seen.positions))
    found = []
    for part in (seen, later):
        squares = []
        for r, run in enumerate(part.trajectories if part is not None else ()):
            begin = fits.starts.times[r][0]
            kept = run.times >= begin
            times = np.unique(np.concatenate([[begin], run.times[kept]]))
            made = fits.lanes.run(fit.theta[None], fits.starts.fields(r, fit.starts[None]), times)[0]
            gap = (made[np.searchsorted(times, run.times[kept])] - run.values[kept]) / scale
            squares.append(np.square(gap[np.isfinite(run.values[kept])]))
        joined = np.concatenate(squares) if squares else np.full(1, np.nan)
        found.append(float(np.sqrt(joined.mean())) if np.isfinite(joined).all() else (np.inf if squares else np.nan))
    return found[0], found[1]


def _dataset(fits: FieldFits, fit: FieldFit, run: int) -> xr.Dataset:
    """The run of a fit at the times and places of the data."""
    system, data = fits.lanes.system, fits.lanes.data
    times = fits.starts.times[run]
    values = fits.lanes.run(fit.theta[None], fits.starts.fields(run, fit.starts[None]), times)[0]
    axes = [s.name for s in system.space]
    coords = {"time": times, **dict(zip(axes, data.positions, strict=True))}
    return xr.Dataset({f: (("time", *axes), values[:, i]) for i, f in enumerate(data.fields)}, coords)


# ---- by the weak form ----------------------------------------------------------------------------


def _by_weak_form(
    candidates: FieldCandidates, weak: WeakChoice, seen: FieldData, later: FieldData | None, keep: int, notes: list[str]
) -> FieldOutcome:
    """Models of the weak form; the first is run from the first snapshot, to see whether it follows the data."""
    ranked = [Ranked(c.chosen, c.theta, c.criterion) for c in weak.ranked]
    if weak.spread > 2 * FOLLOWED:
        notes.append(
            f"the equations hold to {weak.spread:.2g} times what noise explains: a term may be missing, or the data too coarse"
        )
    outcome = FieldOutcome(candidates, ranked[:keep], ranked, weak.facts, "weak form", notes=notes)
    chosen = candidates.active(ranked[0].chosen[None])[0]
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
    fit = FieldFit(ranked[0].theta, starts.first, np.zeros(0))
    rms, later_rms = _errors(fits, fit, seen, later)
    outcome.models[0] = replace(ranked[0], rms=rms, later=later_rms)
    if rms <= FOLLOWS:
        outcome.starts = tuple(lanes.initial(starts.fields(r, fit.starts[None])) for r in range(len(seen.trajectories)))
        outcome.fitted = tuple(_dataset(fits, fit, r) for r in range(len(seen.trajectories)))
    else:
        notes.append(
            f"a run from the first snapshot departs from the data (relative error {rms:.2g}): small errors grow, or a term is "
            "missing; the equations were tested between snapshots only"
        )
    outcome.evaluations = lanes.simulations
    return outcome
