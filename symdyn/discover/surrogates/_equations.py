"""Networks inside equations: residuals of data and equations, and their derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._descent import Blocks
from symdyn.discover.surrogates._perceptron import Perceptron
from symdyn.discover.surrogates._term_networks import TermNetworks
from symdyn.system import System

__all__ = ["RISE", "Data", "Equations", "everywhere"]

#: How fast a network takes over from the initial value, over half the time of the data.
RISE = 4.0


class Data(NamedTuple):
    """Numbers of one data set, and units that change between stages; K experiments.

    Compiled code takes them as arguments, so that it serves other data of the same shape.
    """

    places: Any  # (K, N, axes) times, then positions, of the data
    values: Any  # (K, N, n), 0 where missing
    weights: Any  # (K, N, n) one over the noise, 0 where missing
    inside: Any  # (K, C, axes) collocation points
    ends: Any  # (K, 2) begin and end of time
    centre: Any  # (n,)
    size: Any  # (n,)
    rate: Any  # (n,) typical rates of change
    middle: Any  # (arguments,)
    spread: Any  # (arguments,)
    reach: Any  # (applications,) size of a term that matters
    strict: Any = 0.0  # weight of a residual of the equations, relative to the rates of change


class Equations(ABC):
    """Functions of flat weights: those of K experiments (K, P), then those of terms and free parameters (Q,).

    Parameters
    ----------
    system : System
    options
        With ``term_width``, ``decay`` and ``signs``.
    count : int
        Experiments.
    net : Perceptron
        Of the states of an experiment.
    further : int
        Weights of an experiment beside those of its network.
    """

    def __init__(self, system: System, options: Any, count: int, net: Perceptron, further: int = 0) -> None:
        self.terms = TermNetworks(system, options.term_width, options.decay, options.signs)
        self.count, self.net, self._size = count, net, count * (net.size + further)
        self.precision = np.concatenate([np.full(self._size, float(options.decay)), self.terms.precision])
        self.misfit, self.slopes = jax.jit(self._misfit), jax.jit(self._slopes)
        self.relative, self.differences = jax.jit(self._relative), jax.jit(self._differences)
        self.sample = jax.jit(lambda w, d, places: everywhere(self._sample)(d, *self.split(w), d.ends, places))

    def split(self, w: Any) -> tuple[Any, Any]:
        """Weights of the experiments (K, P), and shared ones (Q,)."""
        return w[: self._size].reshape(self.count, -1), w[self._size :]

    def first(self, rng: np.random.Generator) -> np.ndarray:
        """Weights to begin with."""
        own = np.stack([self.net.first(rng) for _ in range(self.count)])
        return np.concatenate([self._with_starts(own).ravel(), self.terms.first(rng)])

    def _with_starts(self, own: np.ndarray) -> np.ndarray:
        return own

    # ---- at one place --------------------------------------------------------------------------

    @abstractmethod
    def _state(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        """States (n,) of one experiment."""

    @abstractmethod
    def _residual(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> jax.Array:
        """What is left of the rates of change, (n,), relative to what is typical."""

    @abstractmethod
    def _sample(self, d: Data, w: Any, s: Any, ends: Any, place: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """States, arguments of every application, and its value."""

    # ---- at all of them ------------------------------------------------------------------------

    def _relative(self, w: Any, d: Data) -> jax.Array:
        """Relative residuals of the equations, (K, C, n)."""
        return everywhere(self._residual)(d, *self.split(w), d.ends, d.inside)

    def _differences(self, w: Any, d: Data) -> jax.Array:
        """Weighted differences to the data, (K, N, n)."""
        return d.weights * (everywhere(self._state)(d, *self.split(w), d.ends, d.places) - d.values)

    def _misfit(self, w: Any, d: Data) -> jax.Array:
        """Residuals of data and equations, (K, R)."""
        parts = (self._differences(w, d), d.strict * self._relative(w, d))
        return jnp.concatenate([p.reshape(self.count, -1) for p in parts], axis=1)

    def _slopes(self, w: Any, d: Data) -> Blocks:
        """Derivatives of the residuals by the weights, each at its own place."""
        parts = []
        for function, places, factor in (
            (self._state, d.places, d.weights), (self._residual, d.inside, d.strict * jnp.ones((1, 1, 1)))
        ):  # fmt: skip
            found = everywhere(jax.jacrev(function, argnums=(1, 2)))(d, *self.split(w), d.ends, places)
            parts.append([(factor[..., None] * v).reshape(self.count, -1, v.shape[3]) for v in found])
        return Blocks(*(jnp.concatenate(each, axis=1) for each in zip(*parts, strict=True)))


def everywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of data, weights, shared weights, ends and place, at places (K, C, axes) of all experiments."""
    return jax.vmap(jax.vmap(function, (None, None, None, None, 0)), (None, 0, None, 0, 0))
