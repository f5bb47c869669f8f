"""From fitted models to a Recovery: systems with constants of their own, a table, intervals, what is not identified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover.candidates import Candidates
from symdyn.discover.evidence import information, intervals, prediction_errors, weights
from symdyn.discover.problem import SelectionProblem
from symdyn.discover.recovery import Identifiability, Recovery, Terms
from symdyn.discover.selection import SelectedModel, Selection
from symdyn.system import System

__all__ = ["assembled", "inclusion", "written"]


def assembled(pipeline: Any, problem: SelectionProblem, selection: Selection, learned: Any, notes: Sequence[str]) -> Recovery:
    """The result of a pipeline whose search has ended.

    Parameters
    ----------
    pipeline : Pipeline
    problem : SelectionProblem
    selection : Selection
        The last stage of the search.
    learned : SurrogateFit or None
    notes : sequence of str
        Notes for the user.
    """
    seen, later, candidates = pipeline.seen, pipeline.later, problem.candidates
    models = problem.polish(selection, pipeline.options.keep)
    visited = selection.ranked()
    shares = weights([m.criterion for m in visited])
    first = [int(np.flatnonzero(selection.cut.origins[:, 0] == k)[0]) for k in range(len(seen.trajectories))]
    starts = tuple(m.starts[first] * seen.scale for m in models)
    kernel = compile(candidates.system)
    systems, rows = [], []
    for model, share, start in zip(models, shares, starts, strict=False):
        values = dict(zip(candidates.columns, map(float, model.theta * candidates.sizes), strict=True))
        systems.append(_system(pipeline.system, candidates, model, values, start[0], seen.size))
        known = {**pipeline.system.defaults, **values}
        off = {candidates.columns[k] for k in np.flatnonzero(~model.chosen)}
        row = np.array([0.0 if p in off else known[p] for p in candidates.system.parameters])
        measured = prediction_errors(kernel, row, start, seen, later).set_index(["part", "kind"])["relative"]
        expressions = candidates.expressions(model.chosen, {c: sp.Float(v) for c, v in values.items()})
        rows.append(
            {
                "terms": written(expressions),
                "complexity": sum(1 for e in expressions.values() for _ in sp.preorder_traversal(e)),
                "parameters": int(candidates.active(model.chosen[None]).sum()),
                "bic": model.criterion,
                "weight": share,
                "rms": measured["train", "free-run"],
                "one_step": measured["train", "one-step"],
                "heldout_one_step": measured.get(("heldout", "one-step"), np.nan),
                "heldout_free_run": measured.get(("heldout", "free-run"), np.nan),
            }
        )
    table = pd.DataFrame(rows)
    facts = information(selection.shooting, selection, models[0])
    gaps = table["bic"] - table["bic"][0]
    close = [tuple(table["terms"][1:][(gaps[1:] < width) & (gaps[1:] >= above)]) for above, width in ((0, 2), (0, 6))]
    values = {c: sp.Float(v) for c, v in zip(candidates.columns, models[0].theta * candidates.sizes, strict=True)}
    frame = intervals(facts, pipeline.options.level)
    named = _names(pipeline.system, candidates, models[0])
    frame["constant"] = frame["constant"].replace({c.name: n.name for c, n in named.items()})
    return Recovery(
        system=systems[0],
        systems=tuple(systems),
        terms=Terms(candidates.expressions(models[0].chosen, values)),
        formulas=Terms(candidates.expressions(models[0].chosen, {c: named.get(c, c) for c in candidates.columns})),
        table=table,
        intervals=frame,
        covariance=pd.DataFrame(facts.covariance(), index=frame["constant"], columns=frame["constant"]),
        identifiability=Identifiability(len(facts.names), facts.rank, facts.condition, *close),
        surrogate=learned,
        observations=seen,
        heldout=later,
        starts=starts,
        inclusion=inclusion(candidates, visited, shares),
        evaluations=selection.shooting.simulations,
        warnings=tuple(notes),
        complete=pipeline.complete,
    )


def _names(system: System, candidates: Candidates, model: SelectedModel) -> dict[sp.Symbol, sp.Symbol]:
    """Names for the fitted constants of a model: ``f_1, f_2, ...`` for those of f, in the order of its terms."""
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    names: dict[sp.Symbol, sp.Symbol] = {}
    counts: dict[str, int] = {}
    for k in np.flatnonzero(model.chosen):
        term = candidates.terms[k]
        for symbol in (candidates.columns[k], *term.constants):
            if symbol in names:
                continue
            if symbol in term.constants and not symbol.name.startswith(term.unknown.func.__name__ + "_"):
                names[symbol] = symbol  # named by the user's library
                continue
            label = term.unknown.func.__name__
            counts[label] = counts.get(label, 0) + 1
            while f"{label}_{counts[label]}" in taken:
                counts[label] += 1
            names[symbol] = sp.Symbol(f"{label}_{counts[label]}")
    return names


def _system(
    system: System,
    candidates: Candidates,
    model: SelectedModel,
    values: Mapping[sp.Symbol, float],
    start: np.ndarray,
    size: int,
) -> System:
    """The declared system with the terms of a model, its constants as defaults."""
    names = _names(system, candidates, model)
    symbols = {c: names.get(c, c) for c in candidates.columns}
    # constants of terms that are not in the model stay out: their working names may be those of others
    own = {names[c]: v for c, v in values.items() if c in names and names[c] not in system.parameters}
    filled = system.with_terms(candidates.expressions(model.chosen, symbols), own)
    fitted = {p: values[p] for p in filled.parameters if p in values and p in system.parameters}
    complete = filled.with_parameters(fitted).with_initial(dict(zip(system.states, map(float, start), strict=True)))
    line = f"recovered from {size} data with the simulation in the loop"
    return complete.replace(provenance=(*complete.provenance, line))


def inclusion(candidates: Any, visited: Sequence[Any], shares: np.ndarray) -> pd.DataFrame:
    """Evidence for each term of `candidates`: the weight of all visited models that hold it."""
    evidence = shares @ np.stack([m.chosen for m in visited]).astype(float)
    names = [(str(term.unknown), str(term.shape)) for term in candidates.terms]
    frame = pd.DataFrame(names, columns=["unknown", "term"]).assign(weight=evidence)
    return frame.sort_values("weight", ascending=False, kind="stable", ignore_index=True)


def written(expressions: Mapping[Any, sp.Expr]) -> str:
    """Terms with four digits, ``f(x) = 2.0*x; ...``."""
    short = {u: e.xreplace({n: sp.Float(n, 4) for n in e.atoms(sp.Float)}) for u, e in expressions.items()}
    return "; ".join(f"{u} = {e}" for u, e in short.items())
