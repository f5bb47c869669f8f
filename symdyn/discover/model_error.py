"""Ranking of a few models with the error of the model beside that of measurement, and a test of what they foretell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from scipy.stats import ttest_1samp

from symdyn.codegen.kernel import compile
from symdyn.discover.error_comparison import ErrorFits, Fitted, once, together
from symdyn.discover.evidence import free_and_ahead
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import Compared, RankedSystem, filled, ranked_recovery, summed
from symdyn.discover.recovery import Forecaster, Recovery
from symdyn.discover.rivals import Offer, Rival, TextbookModel, rivals
from symdyn.inference.data import Observations
from symdyn.inference.error_fits import LOST, ErrorFit, laws
from symdyn.inference.filtering import ErrorLaw
from symdyn.inference.information import Information
from symdyn.inference.misfit import Misfit
from symdyn.inference.naming import written
from symdyn.inference.problem import data_counts, rough_states
from symdyn.system import System

__all__ = ["Weighed", "enough", "in_order", "less", "recovery_with_errors", "root_mean", "weighed"]

#: Data of a state below which two errors cannot be told apart.
LEAST = 12
#: Data for each fitted value below which the few of them may have been spent on errors of the model; error of the fit, relative
#: to the states, below which there are none; and most data and states of a comparison that was not asked for: it takes time.
FEW, EXACT, MOST, STATES = 10, 0.01, 60, 3
#: Models of the search that are compared.
COMPARED = 6
#: Gap of the criterion within which models take part in bands.
GAP = 8.0
#: Origins of forecasts that a test needs, and its level.
PAIRS, CHANCE = 3, 0.05
#: Share of the data's duration after them, and of the largest of them, by which growth goes on beyond what they tell.
AFTER, BEYOND = 0.5, 0.1
#: Bounds of coefficients by their signs.
SIGNED = {1: (0.0, np.inf), -1: (-np.inf, 0.0), 2: (-np.inf, np.inf)}


@dataclass(frozen=True)
class Weighed:
    """Models under a law of error.

    Attributes
    ----------
    models : list of RankedSystem
        The best first.
    first : ErrorFit or None
        That of the first where the order is that of the comparison; None where it is that of the search.
    forecasters : tuple of Forecaster
        Models that take part in bands.
    notes : list of str
    """

    models: list[RankedSystem]
    first: ErrorFit | None
    forecasters: tuple[Forecaster, ...]
    notes: list[str]


def recovery_with_errors(
    kind: type[Recovery], models: Iterable[RankedSystem], facts: Information, *, declared: System, offers: Sequence[Offer],
    data: Observations, later: Observations | None, options: RecoverOptions, compared: Iterable[Compared], misfit: Misfit,
    notes: Sequence[str], going: Callable[[], bool], held: np.ndarray | None = None, signed: bool = False,
    usual: Sequence[RankedSystem] = (), known: Sequence[TextbookModel] = (), standing: Sequence[str] = (), **further: Any,
) -> Recovery:  # fmt: skip
    """The result of a search, its models compared with process noise and by forecasts where that is asked for or shown.

    Parameters
    ----------
    kind, models, facts, compared, misfit, notes :
        As of `ranked_recovery`.
    declared, offers, data, later, going, held, usual, known :
        As of `weighed`.
    options : RecoverOptions
    signed : bool
        Whether signs are given; then there is no comparison.
    standing : sequence of str
        Notes on the fit of the first model of the search, which are told where that stays first.
    **further
        Other attributes of the result.
    """
    ranked, books = list(models), options.process == "auto"
    process = (None if known else False) if options.process == "auto" else options.process
    if not signed and _asked_for(process, data, ranked[0], len(facts.names), misfit.missed):
        found = weighed(
            declared, ranked, offers, data, later, automatic=process is None, largest=options.largest, going=going,
            held=held, usual=usual, known=known, books=books, process=options.process is True or enough(data),
        )  # fmt: skip
        if found is None and not going():
            notes = (*notes, "models were not compared with process noise, for there was no time")
        if found is not None:
            ranked, notes, further["forecasters"] = found.models, (*notes, *found.notes), found.forecasters
            if found.first is not None:  # what the first model of the search leaves of the data is not what this one does
                standing, misfit = (), Misfit()
                if options.noise:
                    notes = (
                        *notes,
                        "the noise that is given weighed the data in the search; that of the first model is fitted, see noise",
                    )
                facts, compared = found.first.information(), [(m.criterion, m.labels) for m in ranked]
                further |= {"law": found.first.law, "noise": found.first.errors()}
        standing = (*standing, *_beyond(ranked[0], data))
    return ranked_recovery(
        kind, ranked[: options.keep], facts, level=options.level, compared=compared, notes=(*notes, *standing), misfit=misfit,
        observations=data, heldout=later, **further,
    )  # fmt: skip


def _asked_for(process: bool | None, data: Observations, first: RankedSystem, fitted: int, missed: float) -> bool:
    """Whether models are compared with process noise: where it is asked for, the data are few or the residuals show it."""
    if process is not None:
        return process
    rough = first.errors.get("rms", 0.0) > EXACT
    return rough and data.size <= MOST and len(data.states) <= STATES and (data.size < FEW * fitted or missed > 0)


def enough(data: Observations) -> bool:
    """Whether there are data enough to tell two errors apart."""
    counts = data_counts(data)
    return bool(counts[counts > 0].min() >= LEAST)


def weighed(
    declared: System, models: Sequence[RankedSystem], offers: Sequence[Offer], data: Observations, later: Observations | None,
    *, automatic: bool, largest: int, going: Callable[[], bool], held: np.ndarray | None = None,
    usual: Sequence[RankedSystem] = (), known: Sequence[TextbookModel] = (), books: bool = False,
    process: bool = True,
) -> Weighed | None:  # fmt: skip
    r"""Fit the best models of a search, and small rivals, with and without process noise, and rank them.

    The criterion is that of Bayes, corrected for few data, of the likelihood of `symdyn.inference.filtering`, with the prior
    of the terms.  All models share whether errors are those of logarithms.  A comparison that was not asked for must not make
    forecasts worse: both the first model by the criterion and the first of the search are fitted to the data before each of
    several origins and foretell those after it.  Only where the errors of the former are less by more than chance, by the
    paired test of Student of :math:`\log (E_k^2 / E_{0,k}^2)` over the origins, does it come first; else nothing changes.  The
    terms of the latter were chosen by all data, which flatters its forecasts; a model of a textbook, which was not, comes
    first by the criterion alone.

    Parameters
    ----------
    declared : System
        With unknown functions.
    models : sequence of RankedSystem
    offers : sequence of Offer
        Terms of rivals; none where there are to be none.
    data, later : Observations
    automatic : bool
        Whether the order of the search is to be kept unless forecasts speak against it.
    largest : int
        Most terms of a rival.
    going : callable
        Whether there is time left.
    held : (trajectories, n) bool, optional
        Initial values that are known.
    usual : sequence of RankedSystem
        Models of textbooks that the search has fitted.
    known : sequence of TextbookModel
        Those that it has not.
    books : bool
        Whether only one of these changes the order: the best of them comes first if its criterion is smaller than that of the
        first of the search.  Other small models, of which none is known before the data, take part in bands alone.
    process : bool
        Whether there is process noise.

    Returns
    -------
    Weighed or None
        None if no model could be fitted, there was no time, or the order is not changed.
    """
    if not going():  # rivals and their kernel would be made for nothing
        return None
    first = np.array([table[0] for table in rough_states(declared, data)[0]])

    small: dict[ErrorLaw, list[RankedSystem]] = {}
    for law in laws(data):
        found = rivals(declared, offers, data, logarithmic=law.logarithmic, known=known)
        small[law] = [_built(declared, r, first) for r in found if len(r.terms) <= largest]
    within = together(declared, [m for own in small.values() for m in own], first)
    pairs: list[tuple[ErrorLaw, RankedSystem]] = []
    for law, own in small.items():
        others = {frozenset(m.labels): m for m in (*(m for m in own if not m.textbook), *usual, *models[:COMPARED])}
        # models of textbooks may have the same terms with other signs
        pairs += [(law, m) for m in (*others.values(), *(m for m in own if m.textbook))]

    def may_lead(model: RankedSystem) -> bool:
        return not books or model.textbook or model.labels == models[0].labels

    fits = ErrorFits(pairs, data, first, within, going, held=held, process=process)
    if books:  # most data are far from every textbook, and all other fits are not needed then
        some = fits.rows(may_lead)
        least = [min((c for c, m, _ in some if m.textbook == book), default=np.inf) for book in (True, False)]
        if least[0] > least[1] + GAP:
            return None
    rows = fits.ranked(may_lead)
    lead = next((k for k, row in enumerate(rows) if may_lead(row[1])), 0)
    if not rows or not np.isfinite(rows[lead][0]) or not going() or (books and not rows[lead][1].textbook):
        return None
    standing = fits.first(models[0]) if automatic else None
    ranked = in_order(rows[lead:], rows[:lead], models, standing, data, later, automatic=automatic)
    if known and rows[lead][1].textbook:
        ranked.notes.append(
            f"the first model is of a textbook of populations: no state is negative in the data, and the {len(known)} of these "
            "that were compared are taken to be likelier than other choices of as many terms"
        )
    return ranked


def in_order(
    rows: list[Fitted], aside: list[Fitted], models: Sequence[RankedSystem], standing: ErrorFit | None, data: Observations,
    later: Observations | None, *, automatic: bool,
) -> Weighed:  # fmt: skip
    """The models in their order, or in that of the search unless they are shown to foretell better than its first model.

    Those that are left aside, which have smaller criteria, take part in bands.
    """
    first = rows[0][2]
    like, ahead = first.likelihood, first.forecasts()
    errors = {f.origin: f.error(like) for f in ahead}
    still = root_mean([f.unchanged(like) for f in ahead])
    forecasters = tuple(
        Forecaster(_filled(model, fit), fit.values()[1], tuple(p.name for p in fit.likelihood.free), fit.law, criterion)
        for criterion, model, fit in (*aside, *rows)
        if criterion < rows[0][0] + GAP
    )
    if automatic and not rows[0][1].textbook:
        lost = dict.fromkeys(errors, LOST**2)
        before = lost if standing is None else {f.origin: f.error(like) for f in standing.forecasts()}
        common = sorted(errors.keys() & before.keys())
        if not less([errors[k] for k in common], [before[k] for k in common]):
            own = root_mean(list(before.values()))
            notes = _doubts(own, still)
            if rows[0][1].labels != models[0].labels or first.law.process:
                notes.append(
                    "with process noise allowed for, the criterion prefers "
                    f"{written(rows[0][1].terms)}, but its forecasts from within the data are not better by more than chance "
                    f"(error {root_mean(list(errors.values())):.2g}, of the first model {own:.2g}): the order is "
                    "that without, and bands mix all that were compared"
                )
            kept = replace(models[0], errors={**models[0].errors, "forecast": own})
            return Weighed([kept, *models[1:]], None, forecasters, notes)
    found = [_shown(model, fit, criterion, data, later) for criterion, model, fit in once(rows)]
    own = root_mean(list(errors.values()))
    found[0] = replace(found[0], errors={**found[0].errors, "forecast": own})
    notes = [*_doubts(own, still), *_noisy(first)]
    if aside:
        criterion, other, fit = aside[0]
        noisy = ", with process noise," if fit.law.process else ""
        notes.append(
            f"these data do not tell the law: {written(_terms(other, fit))}{noisy} has a criterion that is smaller by "
            f"{rows[0][0] - criterion:.2g} than that of the first model, and takes part in bands alone, for nothing but a few "
            "data speaks for it"
        )
    return Weighed(found, first, forecasters, notes)


def root_mean(squares: Sequence[float]) -> float:
    """Root of the geometric mean over origins; NaN if there are none."""
    return float(np.exp(0.5 * np.mean(np.log(squares)))) if squares else np.nan


def less(ours: Sequence[float], others: Sequence[float]) -> bool:
    """Whether mean squares of errors from the same origins are less by more than chance, by Student's test of log ratios."""
    return len(ours) >= PAIRS and bool(ttest_1samp(np.log(ours) - np.log(others), 0.0, alternative="less").pvalue < CHANCE)


def _doubts(own: float, still: float) -> list[str]:
    """A note where forecasts are no better than persistence."""
    if not own >= still:
        return []
    return [
        "the data do not tell enough to foretell them: forecasts of the first model from within the data have the error "
        f"{own:.2g}, those that nothing changes {still:.2g}"
    ]


def _beyond(first: RankedSystem, data: Observations) -> list[str]:
    """A note where the run of one state that is nowhere negative goes on to grow beyond the data, which do not tell that."""
    if len(data.states) > 1 or first.start is None or min(float(np.nanmin(t.values)) for t in data.trajectories) < 0:
        return []
    kernel, row = compile(first.system), np.array([[first.system.defaults[p] for p in first.system.parameters]])
    largest = max(float(np.nanmax(t.values)) for t in data.trajectories)
    for start, trajectory in zip(first.start, data.trajectories, strict=True):
        begin, end = trajectory.times[0], trajectory.times[-1]
        after = end + AFTER * (end - begin)
        (last,) = kernel(start[None], row, np.array([begin, after])).values[0, -1]
        if not last <= (1 + BEYOND) * largest:
            return [
                "the data do not tell enough to foretell where growth ends: by the first model "
                f"{data.states[0]} is {last:.3g} at time {after:.4g}, and no datum is above {largest:.3g}; what it says there "
                "rests on the form of its terms alone, for which bands do not allow"
            ]
    return []


def _noisy(fit: ErrorFit) -> list[str]:
    """A note on process noise where there is some."""
    if not fit.law.process:
        return []
    shares = ", ".join(f"{s} {v:.2g}" for s, v in fit.errors()["model"].items())
    unit = " (a share of the value)" if fit.law.logarithmic else ""
    return [
        f"the first model has an error of its own, process noise with these standard deviations{unit} in a unit of time: "
        f"{shares}; see noise. Its runs from initial values alone need not follow the data"
    ]


def _shown(
    model: RankedSystem, fit: ErrorFit, criterion: float, data: Observations, later: Observations | None
) -> RankedSystem:  # fmt: skip
    """A model with the values of a fit."""
    (values, starts), system = fit.values(), _filled(model, fit)
    row = np.array([values[p] for p in system.parameters])
    errors = free_and_ahead(compile(system), row, starts, data, later)
    if later is not None:
        runs = fit.foretold([t.times for t in later.trajectories])
        gaps = [(run - t.values) / data.scale for run, t in zip(runs, later.trajectories, strict=True)]
        known = np.concatenate([np.isfinite(t.values) for t in later.trajectories])
        squares = np.concatenate(gaps)[known] ** 2
        errors["heldout_free_run"] = float(np.sqrt(np.mean(np.where(np.isfinite(squares), squares, np.inf))))
    return replace(model, system=system, terms=_terms(model, fit), criterion=criterion, errors=errors, start=starts)


def _terms(model: RankedSystem, fit: ErrorFit) -> dict[Any, sp.Expr]:
    """The terms of a model with the values of a fit."""
    values, _ = fit.values()
    numbers = {p: sp.Float(values[p]) for p in model.free}
    return {u: e.xreplace(numbers) for u, e in model.formulas.items()}


def _filled(model: RankedSystem, fit: ErrorFit) -> System:
    """The system of a model with the values of a fit."""
    values, starts = fit.values()
    return model.system.with_parameters(values).with_initial(dict(zip(model.system.states, map(float, starts[0]), strict=True)))


def _built(declared: System, rival: Rival, starts: np.ndarray) -> RankedSystem:
    """A rival as a system."""
    formulas, names = summed(declared, [(o.unknown, o.shape) for o, _ in rival.terms])
    values = {c: value for c, (_, value) in zip(names, rival.terms, strict=True)}
    system = filled(declared, formulas, values, "a small model that follows steps of the data", starts[0])
    terms = {u: e.xreplace({s: sp.Float(v) for s, v in values.items()}) for u, e in formulas.items()}
    free, prior = dict.fromkeys(names, (-np.inf, np.inf)), sum(o.prior for o, _ in rival.terms)
    if rival.known is not None:
        prior, signs = rival.known.prior, rival.known.signs
        free = {c: SIGNED[signs[o.unknown, o.shape]] for c, (o, _) in zip(names, rival.terms, strict=True)}
    return RankedSystem(
        system, formulas, terms, len(values), np.nan, start=starts, prior=prior, free=free, textbook=rival.known is not None,
        labels=tuple((str(o.unknown), str(o.shape)) for o, _ in rival.terms),
    )  # fmt: skip
