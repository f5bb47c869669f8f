"""A network at any values of its constants: propensities with their derivatives, and the generator on a box of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as ss
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.equation import master_equation
from symdyn.projection.rational import Generators

__all__ = ["Rates", "StateGrid", "grid", "roomy"]

#: Room above the largest number that was seen: so many of its square roots, and some more.
ROOM, MORE = 6.0, 10


class Rates:
    r"""Propensities :math:`a_r` and :math:`\partial a_r / \partial \log \theta_k` of a network, or by :math:`\theta_k`.

    Parameters
    ----------
    network : ReactionNetwork
        Without unknown functions.
    columns : sequence of Symbol
        The constants theta; all other parameters have values.
    logarithmic : bool
        Whether derivatives are by logarithms of the constants.
    """

    def __init__(self, network: ReactionNetwork, columns: Sequence[sp.Symbol], *, logarithmic: bool = True) -> None:
        self.count, self.columns, self.network = len(network.reactions), tuple(columns), network
        self._known = tuple(p for p in network.parameters if p not in self.columns)
        self._values = [np.asarray(network.defaults[p], dtype=float) for p in self._known]
        slopes = [(c if logarithmic else 1) * derivative(a, c) for c in self.columns for a in network.propensities]
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [
            ("none", ()),
            ("y", network.states),
            ("p", (*self.columns, *self._known)),
        ]
        self._value = lower("propensities", blocks, list(network.propensities), [""] * self.count)
        self._slope = lower("slopes", blocks, slopes, [""] * len(slopes))

    def at(self, theta: np.ndarray, states: np.ndarray, *, slopes: bool = True) -> tuple[np.ndarray, np.ndarray] | None:
        """Propensities (R, m) and slopes (P, R, m) at states (m, species), zero where a number would become negative.

        None if one is negative or not finite where its reaction can happen.
        """
        constants = [*map(np.asarray, theta), *self._values]
        numbers: tuple[list[np.ndarray], ...] = ([], list(states.T.astype(float)), constants)
        shape = (len(states),)
        possible = (states[:, :, None] + np.minimum(self.network.changes, 0)[None] >= 0).all(axis=1).T
        rates = np.stack([np.broadcast_to(v, shape) for v in evaluate(self._value, *numbers)])
        rates = np.where(possible, rates, 0.0)
        if not (np.isfinite(rates).all() and rates.min(initial=0.0) >= 0):
            return None
        if not slopes:
            return rates, np.empty((0, self.count, len(states)))
        found = [np.broadcast_to(v, shape) for v in evaluate(self._slope, *numbers)]
        bent = np.array(found).reshape(len(self.columns), self.count, len(states))
        return rates, np.where(possible[None], bent, 0.0)


@dataclass(frozen=True)
class StateGrid:
    """A box of states.

    Attributes
    ----------
    states : (n, species) int64
    generators : Generators
    shape : tuple of int
    """

    states: np.ndarray
    generators: Generators
    shape: tuple[int, ...]

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of states (m, species)."""
        return np.ravel_multi_index(tuple(rows.T), self.shape)


def grid(network: ReactionNetwork, upper: Mapping[sp.Symbol, int]) -> StateGrid:
    """The box up to `upper` with the jumps of every reaction at unit rate, which propensities multiply."""
    parts = []
    for r in range(len(network.reactions)):
        unit = [
            Reaction(q.reactants, q.products, sp.S.One if k == r else sp.S.Zero, False, q.bursts)
            for k, q in enumerate(network.reactions)
        ]
        values = {p: v for p, v in network.defaults.items() if any(p in b.mean.free_symbols for b in _bursts(network))}
        alone = ReactionNetwork(unit, values, species=network.states)
        parts.append(ss.csc_array(master_equation(alone, dict(upper)).generator().matrix()))
    shape = tuple(upper[s] + 1 for s in network.states)
    states = np.stack(np.unravel_index(np.arange(int(np.prod(shape))), shape), axis=1)
    return StateGrid(states, Generators(parts), shape)


def _bursts(network: ReactionNetwork) -> list[Any]:
    return [b for r in network.reactions for b in (r.bursts or {}).values()]


def roomy(most: float) -> int:
    """How large a number may become of which `most` was seen."""
    return int(np.ceil(most + ROOM * np.sqrt(most + 1))) + MORE
