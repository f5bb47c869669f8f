"""Networks in place of the unknown terms of a system, and its parameters that have no value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["LOOSE", "TermNetworks"]

#: Precision of the priors of free parameters, which begin at 1, and of initial values, in their units.
LOOSE = 1e-6


class TermNetworks:
    """One network for each unknown function, two hidden layers of tanh each; functions of flat weights.

    Attributes
    ----------
    nets : dict of str to Perceptron
        By the name of the function.
    size : int
        Weights of all networks and free parameters, which come last.
    """

    def __init__(self, system: System, width: int, decay: float, signs: Any) -> None:
        self.unknowns = system.unknowns
        groups = {u.func.__name__: len(u.args) for u in self.unknowns}
        self.signs = {getattr(k, "__name__", str(k)): v for k, v in (signs or {}).items()}
        wrong = set(self.signs) - set(groups)
        if wrong:
            known = ", ".join(groups) or "none"
            raise RecoveryError(f"signs names {min(wrong)!r}, no unknown term; the unknown terms: {known}")
        self.nets = {name: Perceptron((k, width, width, 1)) for name, k in groups.items()}
        ends = np.cumsum([0, *(net.size for net in self.nets.values())])
        self._own = {name: slice(int(a), int(b)) for name, (a, b) in zip(self.nets, pairwise(ends), strict=True)}
        ends_of = np.cumsum([0, *(len(u.args) for u in self.unknowns)])
        self._places = [slice(int(a), int(b)) for a, b in pairwise(ends_of)]  # of its arguments among all
        self._fixed = np.array([system.defaults.get(p, 1.0) for p in system.parameters])
        free = [p for p in system.parameters if p not in system.defaults]
        self._where = np.array([system.parameters.index(p) for p in free], dtype=int)
        self._networks = int(ends[-1])
        self.size = self._networks + len(free)
        self.precision = np.concatenate([np.full(self._networks, float(decay)), np.full(len(free), LOOSE)])

    def first(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to begin with, (size,)."""
        return np.concatenate([*(net.first(rng) for net in self.nets.values()), np.zeros(len(self._where))])

    def free(self, s: Any) -> Any:
        """The free parameters."""
        return 1.0 + s[self._networks :]

    def parameters(self, s: Any) -> jax.Array:
        """All parameters."""
        return jnp.asarray(self._fixed).at[self._where].set(self.free(s))

    def value(self, d: Any, s: jax.Array, j: int, arguments: jax.Array) -> jax.Array:
        """The j-th unknown term at its arguments, in the units ``middle``, ``spread`` and ``reach`` of `d`."""
        name, place = self.unknowns[j].func.__name__, self._places[j]
        raw = self.nets[name](s[self._own[name]], (arguments - d.middle[place]) / d.spread[place])[0]
        return d.reach[j] * (self.signs[name] * jax.nn.softplus(raw) if name in self.signs else raw)

    def values(self, d: Any, s: jax.Array, arguments: jax.Array) -> jax.Array:
        """All unknown terms (k,) at their arguments, one after another."""
        found = [self.value(d, s, j, arguments[place]) for j, place in enumerate(self._places)]
        return jnp.stack(found) if found else jnp.zeros(0)
