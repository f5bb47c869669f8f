"""What a surrogate learns of unknown functions, and the formulas that a regressor makes of it.

Training is the longest single piece of many recoveries, so that it is kept in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.options import Request
from symdyn.discover.priors import read_signs
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.surrogates.registry import SurrogateFit, TermSamples
from symdyn.discover.terms import one_of_each
from symdyn.inference.budget import LateError
from symdyn.inference.parameters import LibraryTerm, open_constants
from symdyn.system import System

__all__ = ["formula_terms", "formulas_of", "start_theta", "surrogate_fit"]

#: Share of a budget of time that a surrogate may take.
SHARE = 0.5


def surrogate_fit(name: str, kinds: Any, system: System, seen: Any, request: Request, notes: list[str]) -> SurrogateFit | None:
    """The fit of a surrogate; None, and a note, if it takes longer than its share of the budget.

    Parameters
    ----------
    name : str
    kinds : mapping of str to type
        Where the name is one.
    system : System
    seen : Observations or FieldData
    request : Request
    notes : list of str

    Raises
    ------
    RecoveryError
        If there is no surrogate with that name, or it cannot learn this system.
    """
    unknowns, parameters = one_of_each(system.unknowns), system.parameters
    options = dict(request.options.surrogate)
    if request.signs:
        options.setdefault("signs", read_signs(unknowns, request.signs))
    surrogate = kinds[name](**options)
    progress = request.budget.share(SHARE).stopping(lambda fraction: request.report("surrogate", fraction))
    data = (a for t in seen.trajectories for a in (t.times, t.values))
    facts = (system.digest, request.seed, seen.scale, seen.noise, *getattr(seen, "positions", ()), *data)
    made: list[SurrogateFit] = []

    def compute() -> tuple[np.ndarray, ...]:
        made.append(surrogate.fit(system, seen, seed=request.seed, progress=progress))
        return tuple(_arrays(made[0], unknowns, parameters))

    try:
        arrays = request.journal((name, sorted(options.items(), key=str), *facts), compute)
    except LateError:
        notes.append(f"went without the surrogate {name!r}: it did not end within {SHARE:.0%} of the budget of time")
        return None
    return made[0] if made else _restored(iter(arrays), unknowns, parameters)  # whose history is not kept


def formulas_of(
    regressor: str, unknown: AppliedUndef, learned: SurrogateFit, request: Request, library: Sequence[sp.Expr] = (),
    without: Set[sp.Symbol] = frozenset(),
) -> list[sp.Expr]:  # fmt: skip
    """Formulas of a regressor for what was learned of an unknown function, in its arguments, best first.

    A `library` is that of the regressor unless it is given another; arguments that have a symbol of `without` are left out.
    """
    kept = [k for k, argument in enumerate(unknown.args) if not argument.free_symbols & without]
    if not kept:
        return []
    samples, names = learned.terms[unknown], [sp.Dummy(f"x{k}") for k in kept]
    swap = dict(zip((unknown.args[k] for k in kept), names, strict=True))
    own: dict[str, Any] = {"library": [e.xreplace(swap) for e in library]} if library else {}
    engine = REGRESSORS[regressor](names=names, random_state=request.seed, **(own | dict(request.options.regressor)))
    engine.fit(samples.arguments[:, kept], samples.values, sample_weight=samples.weights)
    back = {name: argument for argument, name in swap.items()}
    return [candidate.expression.xreplace(back) for candidate in engine.expressions_]


def _arrays(fit: SurrogateFit, unknowns: Sequence[AppliedUndef], parameters: Sequence[sp.Symbol]) -> Iterator[np.ndarray]:
    yield np.array([float(fit.parameters.get(p, np.nan)) for p in parameters])
    for unknown in unknowns:
        samples = fit.terms[unknown]
        yield from (samples.arguments, samples.values, samples.weights)
    for times, states in zip(fit.times, fit.states, strict=True):
        yield from (times, states)


def _restored(arrays: Iterator[np.ndarray], unknowns: Sequence[AppliedUndef], parameters: Sequence[sp.Symbol]) -> SurrogateFit:
    values = dict(zip(parameters, map(float, next(arrays)), strict=True))
    terms = {u: TermSamples(next(arrays), next(arrays), next(arrays)) for u in unknowns}
    rest = list(arrays)
    known = {p: v for p, v in values.items() if not np.isnan(v)}
    return SurrogateFit(tuple(rest[::2]), tuple(rest[1::2]), terms, known)


#: Formulas of a regressor that give terms, and the largest terms taken from them (nodes).
FORMULAS, LARGEST_TERM, MOST_NEW = 3, 20, 6
#: Places in the range of the data where denominators are looked at, beside the data.
POINTS = 256


def formula_terms(
    unknown: AppliedUndef,
    formulas: Sequence[sp.Expr],
    terms: list[LibraryTerm],
    taken: set[str],
    within: np.ndarray,
    allows: Callable[[sp.Expr], bool] = lambda term: True,
) -> list[list[tuple[int, float]]]:
    """Append the terms of formulas to `terms`; return each formula as places in that list with coefficients.

    Decimal numbers inside a term become constants that are fitted along.  Formulas with terms that are too large, or
    that need a fractional power or a logarithm of something not positive on the data, are passed over.

    Parameters
    ----------
    within : (m, k) float64
        Arguments of `unknown` along the data: terms with a pole in their range are passed over too.  A run of a map may jump
        over a pole and never show it; along that of an ODE the sensitivity to the term ends there, even if it is not used.
    allows : callable
        Whether a term may be used; formulas with others are passed over.
    """
    found = []
    new = 0
    known = {(t.unknown, t.shape): k for k, t in enumerate(terms)}
    for formula in formulas[:FORMULAS]:
        parts: list[tuple[int, float]] = []
        for part in sp.Add.make_args(sp.expand(formula)):
            coefficient, shape = part.as_coeff_Mul()
            if (unknown, shape) not in known:
                if new >= MOST_NEW or not _harmless(shape) or _pole(shape, unknown.args, within) or not allows(shape):
                    break
                opened, constants = open_constants(shape, unknown.func.__name__, taken)
                known[unknown, shape] = len(terms)
                terms.append(LibraryTerm(unknown, opened, constants))
                new += 1
            parts.append((known[unknown, shape], float(coefficient)))
        else:
            found.append(parts)
    return found


def _harmless(shape: sp.Expr) -> bool:
    """Whether a term is small, and defined wherever a trajectory may stray."""
    if sum(1 for _ in sp.preorder_traversal(shape)) > LARGEST_TERM or shape.has(sp.log):
        return False
    return all(p.exp.is_Integer for p in shape.atoms(sp.Pow))


def _pole(shape: sp.Expr, arguments: Sequence[sp.Expr], within: np.ndarray) -> bool:
    """Whether a denominator is zero anywhere in the range of the data, or fitting its constants could make it so.

    A denominator is safe only if its summands all keep the same sign: of ``7.1 - 3.5*N`` the constants can move to where
    the data are, although they keep their signs.
    """
    low, high = within.min(axis=0), within.max(axis=0)
    inside = low + (high - low) * np.random.default_rng(0).uniform(size=(POINTS, len(low)))
    points = list(np.concatenate([within, inside, [low, high]]).T)
    for power in shape.atoms(sp.Pow):
        if not power.exp.is_negative:
            continue
        parts = [np.sign(sp.lambdify(arguments, part, "numpy")(*points)) for part in sp.Add.make_args(power.base)]
        signs = np.unique(np.concatenate([np.ravel(part) for part in parts]))
        if not np.isfinite(signs).all() or {-1.0, 1.0} <= set(signs) or (signs == 0).all():
            return True
    return False


def start_theta(
    parts: Sequence[Sequence[tuple[int, float]]], columns: int, count: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chosen terms (K,) and scaled parameters (P,) of formulas, one for each unknown function."""
    chosen, theta = np.zeros(count, dtype=bool), np.zeros(columns)
    for formula in parts:
        for k, coefficient in formula:
            chosen[k] = True
            theta[k] += coefficient / sizes[k]
    return chosen, theta
