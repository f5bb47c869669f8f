"""Common parts of the programs of small and large networks: propensities, bursts, guards, conditions at the first time."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.codegen.hoist import Hoisting
from symdyn.codegen.lower import Lowering, lower
from symdyn.codegen.program import Program
from symdyn.codegen.propensities import LoweredPropensity, hoisted_propensities
from symdyn.codegen.triggers import Crossing, crossings
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.schedules import Schedule
from symdyn.system import System

__all__ = ["MARGIN", "Bursts", "Ingredients", "guarded", "start_program"]

#: Relative margin of bounds in time: rounding must not bring them below a propensity.
MARGIN = 1e-9


def guarded(build: Lowering, reaction: LoweredPropensity) -> int:
    """The propensity of a reaction, 0 where it would make a number of molecules negative."""
    value = build.value(reaction.value)
    for species, needed in reaction.needs.items():
        enough = build.op("ge", build.value(species), build.constant(needed))
        value = build.op("select", enough, value, build.constant(0))
    return value


def _scale(mean: sp.Expr) -> sp.Expr:
    r"""1 / ln(1 + 1/b), with :math:`\ln(1 + 1/b) = 2 \operatorname{artanh}(1/(2 b + 1))`, right for large b too."""
    small, large = 1 / sp.log(1 + 1 / mean), 1 / (2 * sp.atanh(1 / (2 * mean + 1), evaluate=False))
    if mean.is_number:
        return small if mean < 1 else large
    return sp.Piecewise((small, mean < 1), (large, True))


class Bursts:
    r"""Random numbers of molecules, from random numbers that the driver draws for every event.

    A geometric number of mean b is :math:`\lfloor g / \ln(1 + 1/b) \rfloor` of a standard exponential g.  Reactions share
    the exponentials, as only one of them fires; Poisson numbers are drawn by the driver, which receives their means.

    Attributes
    ----------
    symbols : list of Symbol
        What the driver draws, in its order.
    expressions : list of Expr
        Everything that the parameters have to provide.
    """

    def __init__(self, reactions: Sequence[LoweredPropensity], hoisting: Hoisting) -> None:
        self._numbers: list[dict[sp.Symbol, sp.Expr]] = [{} for _ in reactions]
        geometric = [[(s, b) for s, b in r.bursts.items() if b.distribution == "geometric"] for r in reactions]
        exponentials = [sp.Symbol(f"g{k}'") for k in range(max(map(len, geometric)))]
        for numbers, listed in zip(self._numbers, geometric, strict=True):
            for (species, burst), g in zip(listed, exponentials, strict=False):
                slope = hoisting.slot(_scale(burst.mean))
                numbers[species] = sp.floor(sp.Mul(g, slope, evaluate=False), evaluate=False)
        self._means: list[sp.Symbol] = []
        poisson: list[sp.Symbol] = []
        for numbers, reaction in zip(self._numbers, reactions, strict=True):
            for species, burst in reaction.bursts.items():
                if burst.distribution == "poisson":
                    numbers[species] = sp.Symbol(f"m{len(poisson)}'")
                    poisson.append(numbers[species])
                    self._means.append(burst.mean if burst.mean.is_Symbol else hoisting.named(burst.mean))
        self._exponentials = len(exponentials)
        self.symbols: list[sp.Symbol] = [*exponentials, *poisson]
        self.expressions: list[sp.Expr] = [*(e for numbers in self._numbers for e in numbers.values()), *self._means]

    def of(self, reaction: int) -> dict[sp.Symbol, sp.Expr]:
        """For each species that has a burst in a reaction, its number in terms of `symbols`."""
        return self._numbers[reaction]

    def rows(self, p: Sequence[sp.Symbol]) -> list[int]:
        """For each of `symbols`: -1 for a standard exponential, else where in `p` the mean of the Poisson number is."""
        return [-1] * self._exponentials + [p.index(m) for m in self._means]


class Ingredients:
    """Hoisted propensities, bursts and conditions of an event, and the parameters that they need.

    Parameters
    ----------
    network : ReactionNetwork
    until : Boolean or None
    order : sequence of int
        Of the reactions.
    schedules : bool
        Whether the times of schedules are crossings; else the driver has them.
    changing : sequence of Symbol
        Parameters that change at the knots of inputs.

    Attributes
    ----------
    reactions : list of LoweredPropensity
        In that order.
    bursts : Bursts
    crossings : list
        Moments at which time alone changes a condition (`symdyn.codegen.triggers`).
    p : tuple of Symbol
        Parameters and what is hoisted.
    setup : Program
        From parameters to `p`, then to what must be finite and not negative: what stands for rate constants, volume, means.
    """

    def __init__(
        self, network: ReactionNetwork, until: sp.Basic | None, order: Sequence[int], *, schedules: bool = True,
        changing: Sequence[sp.Symbol] = (),
    ) -> None:  # fmt: skip
        hoisting = Hoisting(network.parameters, [*network.states, network.time, *changing])
        listed = hoisted_propensities(network, hoisting)
        self.reactions = [listed[j] for j in order]
        self.bursts = Bursts(self.reactions, hoisting)
        repeated = [e.trigger for e in network.events if schedules and isinstance(e.trigger, Schedule)]
        conditions = [e.trigger for e in network.events if not isinstance(e.trigger, Schedule)]
        conditions += [] if until is None else [until]
        self.crossings = crossings(conditions, network.time)
        self.crossings += [Crossing(s.after(network.time), after=False) for s in repeated]
        needed = [*(r.value for r in self.reactions), *self.bursts.expressions, *([] if until is None else [until])]
        needed += [r.delay for r in network.reactions]
        self.p = hoisting.rows([*needed, *(side for e in network.events for side in e.sides)])
        rates = [r.rate for r in listed if r.rate is not None]
        unsigned = dict.fromkeys([*rates, network.volume, *(b.mean for r in listed for b in r.bursts.values())])
        self.setup = hoisting.setup(self.p, [*unsigned])


def start_program(system: System, until: sp.Basic) -> Program:
    """1 where the condition holds for states, parameters and time, else 0."""
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    return lower("start", blocks, [sp.Piecewise((1, until), (0, True))], ["holds"])
