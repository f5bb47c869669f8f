"""The chemical master equation of a network: its states and its generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.attached import MasterVerbs
from symdyn.derive.jumps import refuse_events
from symdyn.errors import DeclarationError
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.bounds import read_bounds
from symdyn.projection.generator import Generator, assemble
from symdyn.projection.states import Box
from symdyn.projection.transitions import LONGEST_BURST, Jump, Transitions

__all__ = ["MasterEquation", "master_equation"]

MAX_STATES = 2_000_000


class MasterEquation(MasterVerbs):
    r"""The master equation of a reaction network, projected on finitely many states.

    .. math:: \dot P(n) = \sum_r a_r(n - S_r)\,P(n - S_r) - a_r(n)\,P(n)

    On a set J of states the projection keeps what stays inside and lets go what leaves.  Its solution is nowhere above the
    exact one, and the probability that is missing is the sum of the magnitudes of all errors, over all states, inside and
    outside (Munsky and Khammash, J. Chem. Phys. 124 (2006) 044104).

    A propensity counts as zero where its reaction would make a number negative, as in exact simulation.  Random bursts are
    cut off where they leave the set or where their tail is negligible; what they would carry is lost or, in stationary
    problems, does not happen.

    Parameters
    ----------
    network : ReactionNetwork
    upper, lower : mapping from species to int, or int, optional
        Inclusive bounds, or one of all species; 0 is the lower one by default.  If every species has an upper bound the
        states fill a box.  Otherwise states are added, and dropped, as probability moves: those that can be reached, and no
        others, so that conservation laws are respected.
    max_states : int
        Size beyond which the set must not grow.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> p = MasterEquation(net, upper={"X": 60}).stationary()
    >>> round(float(p.sel(X=5)), 6)  # Poisson
    0.175467
    >>> p = MasterEquation(net).transient(2.0, {"X": 0})
    >>> p.attrs["error_bound"] < 1e-8, round(float(sd.projection.mean(p, "X")), 6)  # 5 (1 - exp(-2))
    (True, 4.323324)
    """

    def __init__(
        self,
        network: ReactionNetwork,
        upper: Mapping[Any, int | None] | int | None = None,
        lower: Mapping[Any, int] | int | None = None,
        *,
        max_states: int = MAX_STATES,
    ) -> None:
        if not isinstance(network, ReactionNetwork):
            raise DeclarationError(
                f"expected a ReactionNetwork, got {type(network).__name__}; write "
                "one as ReactionNetwork.from_text('0 -> X, k', ...)"
            )
        if not isinstance(max_states, (int, np.integer)) or max_states < 1:
            raise DeclarationError(f"max_states is {max_states!r}; expected a whole number from 1")
        refuse_events(network, "a master equation")
        self.network, self.max_states = network, max_states
        highs = {**dict.fromkeys(network.binary, 1), **read_bounds(network, upper, "upper")}
        lows = read_bounds(network, lower, "lower")
        self.lower = tuple(lows.get(s, 0) for s in network.states)
        self.upper = tuple(highs.get(s) for s in network.states)
        for s, a, b in zip(network.names, self.lower, self.upper, strict=True):
            if a < 0 or (b is not None and b < a):
                raise DeclarationError(f"the bounds of {s} are {a} and {b}; expected 0 <= lower <= upper")
        if self.box is not None and self.box.size > max_states:
            raise DeclarationError(
                f"the box has {self.box.size} states, more than max_states={max_states}; lower the bounds, leave upper out so "
                "that only states that matter are kept, or raise max_states"
            )

    @property
    def box(self) -> Box | None:
        """The box of states, if all bounds are given."""
        if any(b is None for b in self.upper):
            return None
        return Box(self.lower, tuple(b - a + 1 for a, b in zip(self.lower, self.upper, strict=True) if b is not None))

    def __repr__(self) -> str:
        rows = (
            f"{s} {a}..{'' if b is None else b}" for s, a, b in zip(self.network.names, self.lower, self.upper, strict=True)
        )
        head = f"MasterEquation: {', '.join(rows)}"
        if self.box is None:
            return f"{head}\n  adaptive: at most {self.max_states} states"
        try:
            nonzeros = f", {self.generator().nonzeros} rates"
        except DeclarationError:  # a parameter has no value
            nonzeros = ""
        return f"{head}\n  {self.box.size} states{nonzeros}"

    # ---- pieces ------------------------------------------------------------------------------------

    def jumps(self, transitions: Transitions, *, wrt: Any = None, explicit: bool = False) -> list[Jump]:
        """What happens within the bounds; see `Transitions.jumps`."""

        def widest(i: int) -> int:
            top = self.upper[i]
            return LONGEST_BURST if top is None else top - self.lower[i]

        return transitions.jumps(widest, wrt=wrt, explicit=explicit)

    def generator(
        self, parameters: Mapping[Any, float] | None = None, *, time: float = 0.0, reflecting: bool = False
    ) -> Generator:
        """The generator on the box, `Generator`; ``.matrix()`` is it as a sparse matrix."""
        space = self.need_box("generator")
        transitions = Transitions(self.network, parameters)
        return assemble(space, transitions.propensities(space, time), self.jumps(transitions), reflecting=reflecting)

    def need_box(self, what: str) -> Box:
        """The box, or an error that asks for bounds."""
        if self.box is None:
            free = ", ".join(s for s, b in zip(self.network.names, self.upper, strict=True) if b is None)
            raise DeclarationError(f"{what} needs a fixed box of states: give upper bounds of {free}")
        return self.box

    def constant(self, parameters: Mapping[Any, float] | None, what: str) -> Transitions:
        """Rates that must not depend on time."""
        transitions = Transitions(self.network, parameters)
        if any(transitions.moving):
            raise DeclarationError(f"{what} needs rates that do not depend on time; fix {self.network.time} in them")
        return transitions


def master_equation(
    network: ReactionNetwork,
    upper: Mapping[Any, int | None] | int | None = None,
    lower: Mapping[Any, int] | int | None = None,
    *,
    max_states: int = MAX_STATES,
) -> MasterEquation:
    """The chemical master equation of a network, on a box of states or on a set that grows with the distribution.

    Parameters
    ----------
    network : ReactionNetwork
    upper, lower : mapping from species to int, or int, optional
        Inclusive bounds, or one of all species.  Without upper bounds states are added where probability flows.
    max_states : int
        Size beyond which a growing set must not go.

    Returns
    -------
    MasterEquation

    Raises
    ------
    DeclarationError
        For bounds that do not fit, and for a box of more than `max_states` states.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> round(float(net.master_equation(upper={"X": 60}).stationary().sel(X=5)), 6)  # Poisson
    0.175467
    """
    return MasterEquation(network, upper, lower, max_states=max_states)
