"""Seconds to derive moment equations: sparse polynomials against plain sympy expand, and whole systems up to kernels."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import sympy as sp
from sympy.core.cache import clear_cache

import symdyn as sd
from benchmarks.harness import Settings, interleaved, paired
from benchmarks.results import Ratio, Result
from symdyn.derive.closing import MomentNames
from symdyn.derive.hierarchy import Hierarchy
from symdyn.derive.kramers_moyal import jump_moments
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, indices

__all__ = ["derivation"]

SPECIES = 10
ORDERS = (3, 4)


def network() -> sd.ReactionNetwork:
    """Ten species: a source, decay, production of each by its neighbour, and four bimolecular reactions."""
    x = sp.symbols(f"x0:{SPECIES}")
    k0, k1, k2 = sp.symbols("k0 k1 k2")
    reactions: list = [({}, {x[0]: 1}, k0), *(({s: 1}, {}, k1) for s in x)]
    reactions += [({x[i]: 1}, {x[i]: 1, x[i + 1]: 1}, k2) for i in range(SPECIES - 1)]
    reactions += [({x[i]: 1, x[i + 1]: 1}, {x[i + 2]: 1}, k0) for i in range(0, SPECIES - 2, 2)]
    return sd.ReactionNetwork(reactions)


def brusselator() -> sd.ReactionNetwork:
    return sd.ReactionNetwork.from_text("2 X + Y -> 3 X, a; X -> Y, b; 0 -> X, c; X -> 0, d", volume="V")


def _indices(size: int, order: int) -> list[Index]:
    return [i for k in range(1, order + 1) for i in indices(size, k)]


def _by_expand(net: sd.ReactionNetwork, order: int) -> list[sp.Expr]:
    x = net.states
    equations = []
    for m in _indices(len(x), order):
        total = sp.S.Zero
        before = sp.Mul(*(s**p for s, p in zip(x, m, strict=True)))
        for change, rate in zip(net.changes.T.tolist(), net.propensities, strict=True):
            if any(c and p for c, p in zip(change, m, strict=True)):
                total += rate * (sp.Mul(*((s + c) ** p for s, c, p in zip(x, change, m, strict=True))) - before)
        equations.append(sp.expand(total))
    return equations


def _by_polynomials(net: sd.ReactionNetwork, order: int) -> list[sp.Expr]:
    size = len(net.states)
    everything = Moments(size, "raw", MomentNames(net.states, "raw"), order=order)
    hierarchy = Hierarchy(net.states, jump_moments(net, order), everything)
    return [hierarchy.equation(i) for i in _indices(size, order)]


def _fresh(job: Callable[[], object]) -> Callable[[], object]:
    """The job with nothing in sympy's cache."""

    def run() -> object:
        clear_cache()
        return job()

    return run


def _seconds(job: Callable[[], object]) -> tuple[float, Any]:
    begin = time.process_time()
    made = job()
    return time.process_time() - begin, made


def derivation(settings: Settings) -> Result:
    """Moment equations of ten species: sparse polynomials against plain sympy expand, and whole systems up to kernels."""
    net = network()
    result = Result({"derivation": [], "derivation-compiled": []})
    orders = ORDERS[:1] if settings.quick else ORDERS
    for order in orders:
        jobs = {
            "sympy expand": _fresh(partial(_by_expand, net, order)),
            "equations": _fresh(partial(_by_polynomials, net, order)),
            "closed system": _fresh(partial(net.moments, order)),
        }
        # sympy takes so long at the higher order that one round says enough
        times = interleaved(jobs, settings.rounds if order == ORDERS[0] else 1)
        facts = {"species": SPECIES, "order": order, "equations of moments": len(_indices(SPECIES, order))}
        result.tables["derivation"].append({**facts, **{f"{name}, s": t for name, t in times.items()}})
        for name, goal in (("equations", 20.0), ("closed system", None)):
            ratio = paired(lambda a, b: a / b, times["sympy expand"], times[name])
            result.ratios.append(Ratio(f"{SPECIES} species, order {order}: sympy expand / {name}", ratio, goal))
    for name, made, chosen in (("ten species", net, orders), ("Brusselator", brusselator(), (2, 4, 6, 8))):
        for order in chosen:
            clear_cache()
            derived, system = _seconds(partial(made.moments, order))
            seconds, _ = _seconds(partial(sd.compile, system, method="dop853"))
            row = {"network": name, "order": order, "equations": len(system.states)}
            result.tables["derivation-compiled"].append({**row, "derive, s": derived, "compile, s": seconds})
    return result
