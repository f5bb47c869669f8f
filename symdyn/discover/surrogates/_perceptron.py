"""Small networks of tanh whose weights are one flat array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Perceptron"]


@dataclass(frozen=True)
class Perceptron:
    """Layers of tanh, and a linear one at the end.

    Attributes
    ----------
    shape : tuple of int
        Inputs, neurons of each hidden layer, outputs.

    Examples
    --------
    >>> net = Perceptron((2, 3, 1))
    >>> net.size, net(np.zeros(net.size), np.ones(2)).shape
    (13, (1,))
    """

    shape: tuple[int, ...]

    @cached_property
    def size(self) -> int:
        """How many weights there are."""
        return sum((a + 1) * b for a, b in pairwise(self.shape))

    def first(self, rng: np.random.Generator) -> np.ndarray:
        r"""Random weights and biases to begin with, (size,): even within :math:`\pm m^{-1/2}` for m inputs of a layer."""
        return np.concatenate([rng.uniform(-1, 1, (a + 1) * b) / np.sqrt(a) for a, b in pairwise(self.shape)])

    def __call__(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        """Outputs (k,) of weights (size,) and inputs (m,)."""
        z, at = inputs, 0
        for layer, (a, b) in enumerate(pairwise(self.shape)):
            z = z @ weights[at : at + a * b].reshape(a, b) + weights[at + a * b : at + (a + 1) * b]
            at += (a + 1) * b
            if layer < len(self.shape) - 2:
                z = jnp.tanh(z)
        return z
