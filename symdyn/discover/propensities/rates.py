"""Propensities of a network at given states, with derivatives by the logarithms of their constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative
from symdyn.models.reactions import ReactionNetwork

__all__ = ["Rates"]


class Rates:
    r"""Propensities :math:`a_r` and :math:`\partial a_r / \partial \log \theta_k` of a network.

    Parameters
    ----------
    network : ReactionNetwork
        Without unknown functions.
    columns : sequence of Symbol
        The constants theta; all other parameters have values.
    """

    def __init__(self, network: ReactionNetwork, columns: Sequence[sp.Symbol]) -> None:
        self.count, self.columns, self.network = len(network.reactions), tuple(columns), network
        self._known = tuple(p for p in network.parameters if p not in self.columns)
        self._values = [np.asarray(network.defaults[p], dtype=float) for p in self._known]
        slopes = [c * derivative(a, c) for c in self.columns for a in network.propensities]
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
