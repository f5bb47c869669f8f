"""A large network as LLVM IR: for each reaction a function that changes the states and the propensities they change.

``fire(lane, y, p, a)`` jumps to the function of the reaction whose number is ``lane[0]``, through a table; reactions that
change the same species share the function that computes propensities.  A negative number computes all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm
import sympy as sp

from symdyn.codegen.hoist import Hoisting
from symdyn.codegen.ir_printer import ScalarPrinter
from symdyn.codegen.jump_parts import Bursts, guarded, start_program, unsigned
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Made
from symdyn.codegen.propensities import Propensity, hoisted_propensities
from symdyn.models.reactions import ReactionNetwork

__all__ = ["fire_module"]

#: Propensities in one function, where all of them are computed: the time to compile a function grows faster than it.
SLICE = 64
#: Each set of propensities that some reaction changes has a function of its own, while together they are at most so many
#: times as long as a function for each species; a species that occurs everywhere would make them too long.
SHARED = 6
ARGUMENTS = "ptr %p0, ptr %p1, ptr %p2, ptr %p3"


def fire_module(network: ReactionNetwork, until: sp.Basic | None = None) -> Made:
    """The function ``fire`` and what `symdyn_kernels.drivers.jump_large` has to know.

    The facts ``setup``, ``rows``, ``bursts`` and ``start`` are those of `symdyn.codegen.jump_program.event_program`;
    ``starts`` and ``dependents`` are the dependency graph, rows in compressed form.
    """
    hoisting = Hoisting(network.parameters, [*network.states, network.time])
    reactions = hoisted_propensities(network, hoisting)
    bursts = Bursts(reactions, hoisting)
    needed = [*(r.value for r in reactions), *bursts.expressions]
    p = hoisting.rows([*needed, until] if until is not None else needed)
    lane = [sp.Symbol("reaction'"), *bursts.symbols]
    build = Lowering([("lane", lane), ("y", network.states), ("p", p)])
    values = [guarded(build, r) for r in reactions]
    module = _Module(build, network.states, values, until)
    readers = _readers(network, reactions)
    changed = [list(dict.fromkeys((*r.change, *r.bursts))) for r in reactions]
    graph = [sorted({j for s in species for j in readers[s]}) for species in changed]
    together = sum(map(len, set(map(tuple, graph)))) <= SHARED * (len(reactions) + sum(map(len, readers.values())))
    for j, reaction in enumerate(reactions):
        parts = [graph[j]] if together else [readers[s] for s in changed[j]]
        module.reaction(j, reaction, bursts.of(j), parts)
    starts = [0]
    for found in graph:
        starts.append(starts[-1] + len(found))
    facts = {
        "large": True,
        "setup": hoisting.setup(p, unsigned(network, reactions)).as_json(),
        "rows": len(p),
        "bursts": bursts.rows(p),
        "starts": starts,
        "dependents": [k for found in graph for k in found],
        "condition": until is not None,
        "start": None if until is None else start_program(network, until).as_json(),
    }
    return Made((), facts, module.text(), ("fire",))


def _readers(network: ReactionNetwork, reactions: Sequence[Propensity]) -> dict[sp.Symbol, list[int]]:
    """For each species the propensities in which it occurs, increasing."""
    readers: dict[sp.Symbol, list[int]] = {s: [] for s in network.states}
    for j, reaction in enumerate(reactions):
        for species in {*reaction.value.free_symbols, *reaction.needs} & set(readers):
            readers[species].append(j)
    return readers


class _Module:
    """The text of the module under construction."""

    def __init__(self, build: Lowering, states: Sequence[sp.Symbol], values: Sequence[int], until: sp.Basic | None) -> None:
        self.build, self.states, self.values = build, tuple(states), values
        self.place = {s: i for i, s in enumerate(states)}
        self.functions: list[str] = []
        self.declarations: set[str] = set()
        self.names: list[str] = []
        self.updates: dict[tuple[int, ...], str] = {}
        self.holds = until is not None
        if until is not None:
            truth = build.op("select", build.condition(until), build.constant(1), build.constant(0))
            self._function("holds", [truth], [len(values)], block=3)

    def _function(
        self, name: str, outputs: Sequence[int], indices: Sequence[int], *, block: int, then: Sequence[str] = ()
    ) -> None:
        """A function that stores values in a block and then calls others."""
        printer = ScalarPrinter(self.build.program(name, outputs, ()), indices, block)
        lines = [*printer.body(), *(f"  call void @{f}({ARGUMENTS})" for f in then)]
        self.declarations |= printer.declarations
        bases = [f"  %b{b} = getelementptr double, ptr %p{b}, i64 0" for b in range(4)]
        self.functions.append(
            "\n".join([f"define internal void @{name}({ARGUMENTS}) nounwind {{", *bases, *lines, "  ret void", "}"])
        )

    def _update(self, dependents: Sequence[int]) -> list[str]:
        """Names of the functions that compute these propensities."""
        names = []
        for begin in range(0, len(dependents), SLICE):
            part = tuple(dependents[begin : begin + SLICE])
            if part not in self.updates:
                self.updates[part] = f"update{len(self.updates)}"
                self._function(self.updates[part], [self.values[k] for k in part], part, block=3)
            names.append(self.updates[part])
        return names

    def reaction(self, j: int, reaction: Propensity, numbers: dict[sp.Symbol, sp.Expr], parts: Sequence[Sequence[int]]) -> None:
        """Add the function of one reaction; `parts` are lists of propensities to compute after it."""
        build, new = self.build, {}
        for species in dict.fromkeys((*reaction.change, *numbers)):
            value = build.op("add", build.value(species), build.constant(reaction.change.get(species, 0)))
            new[self.place[species]] = build.op("add", value, build.value(numbers[species])) if species in numbers else value
        after = [*(f for part in parts for f in self._update(part)), *(["holds"] if self.holds else [])]
        self._function(f"reaction{j}", list(new.values()), list(new), block=1, then=after)
        self.names.append(f"reaction{j}")

    def text(self) -> str:
        """The whole module."""
        everything = self._update(range(len(self.values)))
        table = ", ".join(f"ptr @{name}" for name in self.names)
        calls = "\n".join(f"  call void @{name}({ARGUMENTS})" for name in everything)
        entry = f"""@table = internal constant [{len(self.names)} x ptr] [{table}]
define void @fire({ARGUMENTS}) nounwind {{
  %x = load double, ptr %p0, align 8
  %k = fptosi double %x to i64
  %first = icmp slt i64 %k, 0
  br i1 %first, label %all, label %one
all:
{calls}
  ret void
one:
  %place = getelementptr [{len(self.names)} x ptr], ptr @table, i64 0, i64 %k
  %f = load ptr, ptr %place, align 8
  tail call void %f({ARGUMENTS})
  ret void
}}"""
        triple = f'target triple = "{llvm.get_process_triple()}"'
        return "\n".join([triple, *sorted(self.declarations), *self.functions, entry, ""])
