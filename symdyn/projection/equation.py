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
from symdyn.projection.states import StateBox
from symdyn.projection.transitions import LONGEST_BURST, StateJump, Transitions

__all__ = ["MasterEquation", "master_equation"]

MAX_STATES = 2_000_000


class MasterEquation(MasterVerbs):
    r"""The master equation of a reaction network, projected on finitely many states.

    .. math:: \dot P(n) = \sum_r a_r(n - S_r)\,P(n - S_r) - a_r(n)\,P(n)

    On a set J of states the projection discards the probability that leaves the set.  Its solution is a lower bound of the
    exact one, and the missing probability equals the sum of the magnitudes of the errors over all states (Munsky and Khammash,
    J. Chem. Phys. 124 (2006) 044104).

    A propensity counts as zero where its reaction would make a number negative, as in exact simulation.  Random bursts are
    truncated where they leave the set or where their tail is negligible; their flow is lost or, in stationary problems,
    omitted.

    Parameters
    ----------
    network : ReactionNetwork
    upper, lower : mapping from species to int, or int, optional
        Inclusive bounds in molecules, or one of all species; 0 is the lower one by default.  If every species has an upper
        bound the states fill a box.  Otherwise states are added, and dropped, as probability moves: only those that can be
        reached, so that conservation laws are respected.
    max_states : int
        Largest number of states.

    Raises
    ------
    DeclarationError
        If bounds are not 0 <= lower <= upper, states are more than ``max_states``, or the network has events.

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
                "that only states of relevant probability are kept, or raise max_states"
            )

    @property
    def box(self) -> StateBox | None:
        """The box of states, if all bounds are given."""
        if any(b is None for b in self.upper):
            return None
        return StateBox(self.lower, tuple(b - a + 1 for a, b in zip(self.lower, self.upper, strict=True) if b is not None))

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

    def jumps(self, transitions: Transitions, *, wrt: Any = None, explicit: bool = False) -> list[StateJump]:
        """Jumps between states within the bounds, reactions of equal change combined; see `Transitions.jumps`.

        Parameters
        ----------
        transitions : Transitions
            Propensities and changes of the network for one choice of parameters.
        wrt : Symbol, optional
            Parameter by which the probabilities of burst sizes are differentiated.
        explicit : bool
            Whether bursts of geometric size are a jump for each size instead of one jump with a tail.

        Returns
        -------
        list of StateJump
            Changes in molecules, with the reactions and the probabilities of each.

        Raises
        ------
        SimulationError
            If the mean of a burst is negative or not finite.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
        >>> equation = net.master_equation(upper={"X": 3})
        >>> [jump.change for jump in equation.jumps(equation.constant(None, "jumps"))]
        [(1,), (-1,)]
        """

        def widest(i: int) -> int:
            top = self.upper[i]
            return LONGEST_BURST if top is None else top - self.lower[i]

        return transitions.jumps(widest, wrt=wrt, explicit=explicit)

    def generator(
        self, parameters: Mapping[Any, float] | None = None, *, time: float = 0.0, reflecting: bool = False
    ) -> Generator:
        """The generator of the master equation on the box, with columns that sum to minus the loss out of the box.

        Parameters
        ----------
        parameters : mapping, optional
            Values over the defaults of the network.
        time : float
            At which rates that depend on it are evaluated.
        reflecting : bool
            Whether jumps out of the box are omitted, so that probability is conserved.

        Returns
        -------
        Generator
            ``.matrix()`` is it as a sparse matrix (D, D), per time, acting on columns of probabilities.

        Raises
        ------
        DeclarationError
            If a species has no upper bound, or a parameter has no value.
        SimulationError
            If a propensity is negative or not finite in the box.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
        >>> net.master_equation(upper={"X": 2}).generator().matrix().toarray().tolist()
        [[-5.0, 1.0, 0.0], [5.0, -6.0, 2.0], [0.0, 5.0, -7.0]]
        """
        space = self.need_box("generator")
        transitions = Transitions(self.network, parameters)
        return assemble(space, transitions.propensities(space, time), self.jumps(transitions), reflecting=reflecting)

    def need_box(self, what: str) -> StateBox:
        """The box of states, or an error that asks for the missing bounds.

        Parameters
        ----------
        what : str
            The operation that needs the box, for the message.

        Returns
        -------
        StateBox

        Raises
        ------
        DeclarationError
            If a species has no upper bound.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
        >>> net.master_equation(upper={"X": 9}).need_box("a figure").size
        10
        """
        if self.box is None:
            free = ", ".join(s for s, b in zip(self.network.names, self.upper, strict=True) if b is None)
            raise DeclarationError(f"{what} needs a fixed box of states: give upper bounds of {free}")
        return self.box

    def constant(self, parameters: Mapping[Any, float] | None, what: str) -> Transitions:
        """The transitions at given parameters, with rates that must not depend on time.

        Parameters
        ----------
        parameters : mapping or None
            Values over the defaults of the network.
        what : str
            The operation that needs constant rates, for the message.

        Returns
        -------
        Transitions

        Raises
        ------
        DeclarationError
            If a rate depends on time, or a parameter has no value.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
        >>> {str(k): v for k, v in net.master_equation().constant({"k": 7}, "an example").values.items()}
        {'k': 7.0, 'g': 1.0}
        """
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
        Inclusive bounds in molecules, or one of all species.  Without upper bounds states are added as probability moves.
    max_states : int
        Largest number of states.

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
