"""Small networks whose weights are one flat array."""

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
    """Layers of tanh or softplus, and a linear one at the end.

    Attributes
    ----------
    shape : tuple of int
        Inputs, neurons of each hidden layer, outputs.
    activation : {'tanh', 'softplus'}
    monotone : tuple of {-1, 0, 1}
        For each input, whether the outputs fall or grow with it; empty if nothing is known.

    Examples
    --------
    >>> net = Perceptron((2, 3, 1))
    >>> net.size, net(np.zeros(net.size), np.ones(2)).shape
    (13, (1,))
    """

    shape: tuple[int, ...]
    activation: str = "tanh"
    monotone: tuple[int, ...] = ()

    @cached_property
    def size(self) -> int:
        """How many weights there are."""
        return sum((a + 1) * b for a, b in pairwise(self.shape))

    def first(self, rng: np.random.Generator) -> np.ndarray:
        r"""Random weights and biases to begin with, (size,): even within :math:`\pm m^{-1/2}` for m inputs of a layer."""
        return np.concatenate([rng.uniform(-1, 1, (a + 1) * b) / np.sqrt(a) for a, b in pairwise(self.shape)])

    def matrices(self, weights: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        """Matrix (m, k) for m inputs and biases (k,) of each layer; those of monotone networks have signs."""
        found, at = [], 0
        for layer, (a, b) in enumerate(pairwise(self.shape)):
            matrix = weights[at : at + a * b].reshape(a, b)
            if self.monotone:
                turns = np.array(self.monotone if layer == 0 else [1] * a)[:, None]
                matrix = jnp.where(turns == 0, matrix, turns * jax.nn.softplus(matrix) * 2 / a)
            found.append((matrix, weights[at + a * b : at + (a + 1) * b]))
            at += (a + 1) * b
        return found

    def __call__(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        """Outputs (k,) of weights (size,) and inputs (m,)."""
        return self.applied(self.matrices(weights), inputs)

    def applied(self, layers: list[tuple[jax.Array, jax.Array]], inputs: jax.Array) -> jax.Array:
        """Outputs (k,) of what `matrices` gives."""
        z = inputs
        for k, (matrix, bias) in enumerate(layers):
            z = z @ matrix + bias
            if k < len(layers) - 1:
                z = jnp.tanh(z) if self.activation == "tanh" else jax.nn.softplus(z)
        return z
