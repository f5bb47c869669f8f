"""Training of a denoiser by Adam's method in JAX, in single precision; weights are kept in double."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn.discover.surrogates._ensemble import keep_compiled
from symdyn.discover.surrogates._perceptron import Perceptron

__all__ = ["DenoiserTraining"]

#: Of Adam's method, and of losses that are reported: repetitions with new noise.
MOMENTS, SMALL, REPEATS = (0.9, 0.999), 1e-8, 8


class DenoiserTraining:
    """The state of a training.

    Parameters
    ----------
    shape : sequence of int
        Inputs, neurons of hidden layers, outputs.
    states, levels : tuple of float
        Frequencies of the features.
    noise : (float, float)
        Mean and standard deviation of the logarithm of the noise level.
    memory : float
        Weight of the past in the mean of the weights, which is the result.
    steps, batch : int
    rate : float
    seed : int
    """

    def __init__(
        self, shape: Sequence[int], *, states: tuple[float, ...], levels: tuple[float, ...], noise: tuple[float, float],
        memory: float, steps: int, batch: int, rate: float, seed: int,
    ) -> None:  # fmt: skip
        keep_compiled()
        self.net = Perceptron(tuple(shape))
        self.features = partial(_features, states=np.array(states, np.float32), levels=np.array(levels, np.float32))
        self.noise, self.memory, self.steps, self.batch, self.rate = noise, memory, steps, batch, rate
        rng = np.random.default_rng(seed)
        weights = []
        for k, (a, b) in enumerate(pairwise(shape)):
            small = 0.01 if k == len(shape) - 2 else 1.0
            weights.append((jnp.float32(small * rng.normal(size=(a, b)) / np.sqrt(a)), jnp.zeros(b, jnp.float32)))
        still = jax.tree.map(jnp.zeros_like, weights)
        self.state = (weights, weights, still, still, jnp.int32(0))
        self.key = jax.random.key(seed)
        self._run = jax.jit(self._steps, static_argnums=3)
        self._judge = jax.jit(self._loss)

    def layers(self) -> list[tuple[np.ndarray, np.ndarray, str]]:
        """Weights (m, n) and biases of each layer, with its function."""
        mean = self.state[1]
        functions = ["tanh"] * (len(mean) - 1) + ["identity"]
        return [(np.array(w, float).T, np.array(b, float), f) for (w, b), f in zip(mean, functions, strict=True)]

    def run(self, data: np.ndarray, held: np.ndarray, part: int, parts: int) -> tuple[float, float]:
        """One part of the steps; the losses on data and on samples held out, of the mean of the weights."""
        count = self.steps * (part + 1) // parts - self.steps * part // parts
        self.key, drawn, judged = jax.random.split(self.key, 3)
        self.state, train = self._run(self.state, jnp.float32(data), drawn, count)
        later = jnp.float32(np.tile(held, (max(1, REPEATS * 1000 // len(held)), 1))[: REPEATS * 4000])
        return float(train), float(self._judge(self.state[1], later, judged))

    def _loss(self, weights: Any, x: Any, key: Any) -> Any:
        """Squared errors of F, whose target is (x0 - u/(1 + r^2)) sqrt(1 + r^2)/r."""
        level, noise = jax.random.split(key)
        r = jnp.exp(self.noise[0] + self.noise[1] * jax.random.normal(level, (len(x), 1), jnp.float32))
        u = x + r * jax.random.normal(noise, x.shape, jnp.float32)
        root = jnp.sqrt(1 + r**2)
        target = (x - u / root**2) * root / r
        return jnp.mean((self.net.applied(weights, self.features(u / root, jnp.log(r) / 4)) - target) ** 2)

    def _steps(self, state: Any, data: Any, key: Any, count: int) -> Any:
        def one(state: Any, key: Any) -> Any:
            weights, mean, first, second, k = state
            chosen, drawn = jax.random.split(key)
            batch = data[jax.random.randint(chosen, (self.batch,), 0, len(data))]
            loss, slope = jax.value_and_grad(self._loss)(weights, batch, drawn)
            k = k + 1
            first = jax.tree.map(lambda m, g: MOMENTS[0] * m + (1 - MOMENTS[0]) * g, first, slope)
            second = jax.tree.map(lambda v, g: MOMENTS[1] * v + (1 - MOMENTS[1]) * g * g, second, slope)
            length = self.rate * 0.5 * (1 + jnp.cos(jnp.pi * jnp.float32(k) / self.steps)).astype(jnp.float32)
            ahead = [1 - m ** jnp.float32(k) for m in MOMENTS]

            def moved(w: Any, m: Any, v: Any) -> Any:
                return w - length * (m / ahead[0]) / (jnp.sqrt(v / ahead[1]) + SMALL)

            weights = jax.tree.map(moved, weights, first, second)
            mean = jax.tree.map(lambda a, b: self.memory * a + (1 - self.memory) * b, mean, weights)
            return (weights, mean, first, second, k), loss

        state, losses = jax.lax.scan(one, state, jax.random.split(key, count))
        return state, losses.mean()


def _features(v: Any, level: Any, states: Any, levels: Any) -> Any:
    """As `symdyn.discover.surrogates.denoiser.DenoiserFit.expressions` writes them."""
    waves = v[:, :, None] * states
    turns = level * levels
    waves = jnp.concatenate([jnp.sin(waves), jnp.cos(waves)], axis=2).reshape(len(v), -1)
    return jnp.concatenate([v, waves, jnp.sin(turns), jnp.cos(turns)], axis=1)
