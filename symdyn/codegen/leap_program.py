r"""Lowering of a network for approximate methods: propensities, their orders, and the stoichiometry as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.networks import NetworkTables

from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.declaration import derivative
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = [
    "condition_program",
    "guarded_propensities",
    "orders_program",
    "propensity_program",
    "stoichiometry_arrays",
    "stoichiometry_facts",
]

KINDS = ("geometric", "poisson")


def guarded_propensities(network: ReactionNetwork) -> tuple[sp.Expr, ...]:
    """Propensities that are 0 where a reaction would make a number of molecules negative.

    Mass action vanishes there by itself at integer numbers.
    """
    return tuple(_guarded(r, a) for r, a in zip(network.reactions, network.propensities, strict=True))


def _guarded(reaction: Reaction, propensity: sp.Expr) -> sp.Expr:
    lost = [] if reaction.mass_action else [sp.Lt(s, -d) for s, d in reaction.change.items() if d < 0]
    return sp.Piecewise((sp.S.Zero, sp.Or(*lost)), (propensity, True)) if lost else propensity


def propensity_program(network: ReactionNetwork) -> Program:
    """The program ``propensities``: from time, numbers of molecules and parameters."""
    values = guarded_propensities(network)
    return lower("propensities", _blocks(network), values, [f"a{j}" for j in range(1, len(values) + 1)])


def orders_program(network: ReactionNetwork) -> Program:
    r"""The program ``orders``: :math:`\sum_k |n_k\,\partial a_j/\partial n_k| / a_j` of every reaction, then means of bursts.

    That is what multiplies a relative change of all species to bound the relative change of a propensity: the order of a
    mass-action reaction, 2 + 1/(n-1) for two molecules of a kind.
    """
    orders = [_order(r, a, network) for r, a in zip(network.reactions, network.propensities, strict=True)]
    means = [b.mean for r in network.reactions for b in (r.bursts or {}).values()]
    labels = [f"order {j}" for j in range(1, len(orders) + 1)] + [f"mean of burst {k}" for k in range(1, len(means) + 1)]
    return lower("orders", _blocks(network), [*orders, *means], labels)


def _blocks(network: ReactionNetwork) -> list[tuple[str, tuple[sp.Symbol, ...]]]:
    return [("lane", (network.time,)), ("y", network.states), ("p", network.parameters)]


def _order(reaction: Reaction, propensity: sp.Expr, network: ReactionNetwork) -> sp.Expr:
    species = set(network.states)
    if reaction.mass_action and not reaction.rate.free_symbols & species:
        terms = []
        for s, k in reaction.reactants.items():
            n = s if k == 1 else sp.Max(s, k)
            terms += [sp.S.One if i == 0 else n / (n - i) for i in range(k)]
        return sp.Add(*terms)
    slopes = [
        sp.Abs(s * derivative(propensity, s), evaluate=False) for s in sorted(propensity.free_symbols & species, key=str)
    ]  # or |exp(z)| is exp(re(z))
    return sp.Piecewise((sp.Add(*slopes) / propensity, propensity > 0), (sp.Integer(len(slopes)), True))


# ---- the stoichiometry as data -----------------------------------------------------------------


def stoichiometry_facts(network: ReactionNetwork) -> dict[str, list[int]]:
    """The arrays of `symdyn_kernels.arguments.networks.Structure` by name, as lists."""
    place = {s: i for i, s in enumerate(network.states)}
    ptr, species, fixed, burst = [0], [], [], []
    dptr, dspecies = [0], []
    kind: list[int] = []
    for reaction, propensity in zip(network.reactions, network.propensities, strict=True):
        change, bursts = reaction.change, reaction.bursts or {}
        number = {s: len(kind) + k for k, s in enumerate(bursts)}
        for s in dict.fromkeys((*change, *bursts)):
            species.append(place[s])
            fixed.append(change.get(s, 0))
            burst.append(number.get(s, -1))
        kind += [KINDS.index(b.distribution) for b in bursts.values()]
        ptr.append(len(species))
        dspecies += sorted(place[s] for s in propensity.free_symbols & place.keys())
        dptr.append(len(dspecies))
    return {
        "ptr": ptr, "species": species, "fixed": fixed, "burst": burst, "dptr": dptr, "dspecies": dspecies,
        "pair": _pairs(network), "kind": kind,
    }  # fmt: skip


def _pairs(network: ReactionNetwork) -> list[int]:
    """For each reaction the first one that reverses it, each used once, or -1."""
    pair = [-1] * len(network.reactions)
    waiting: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for j, reaction in enumerate(network.reactions):
        if reaction.bursts or not reaction.change:
            continue
        undone = tuple(sorted((s.name, -d) for s, d in reaction.change.items()))
        if waiting.get(undone):
            k = waiting[undone].pop(0)
            pair[j], pair[k] = k, j
        else:
            waiting.setdefault(tuple(sorted((s.name, d) for s, d in reaction.change.items())), []).append(j)
    return pair


def stoichiometry_arrays(facts: Mapping[str, Any]) -> NetworkTables:
    """The arrays that drivers take."""
    return NetworkTables(*(np.array(facts[name], dtype=np.int64) for name in NetworkTables._fields))


def condition_program(system: System, until: sp.Basic | None, sampled: Sequence[tuple[int, sp.Basic]]) -> Program:
    """1 where a trajectory ends, 0.75 where the condition of an event is not as it is noted in the last parameters, else 0."""
    held = [sp.Symbol(f"held'{k}") for k in range(len(system.events))]
    half = sp.Rational(1, 2)
    changed = [sp.Or(sp.And(e, held[k] < half), sp.And(sp.Not(e), held[k] > half)) for k, e in sampled]
    pieces = [*(() if until is None else ((1, until),)), (sp.Rational(3, 4), sp.Or(*changed)), (0, True)]
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", (*system.parameters, *held))]
    return lower("condition", blocks, [sp.Piecewise(*pieces)], ["ends"])
