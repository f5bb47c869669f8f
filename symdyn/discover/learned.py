"""What a surrogate learns of unknown functions, and the formulas that a regressor makes of it.

Training is the longest single piece of many recoveries, so that it is kept in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.request import Request
from symdyn.discover.signs import read_signs
from symdyn.discover.surrogates.registry import SurrogateFit, TermSamples
from symdyn.discover.terms import one_of_each
from symdyn.inference.budget import LateError
from symdyn.system import System

__all__ = ["formulas_of", "surrogate_fit"]

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
