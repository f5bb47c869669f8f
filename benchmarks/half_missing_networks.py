"""Small neural equations with noise for series with missing entries, in JAX: naive, and the stable kinds of Oh et al."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.neural import adam

STATES, INNER, BATCH, STEPS, RATE, DRAWS = 24, 48, 64, 1200, 4e-3, 5


def trained(kind: str, data: Any, tests: dict[float, Any], *, seed: int) -> dict[float, float]:
    """Mean squared errors at missing entries of each set of tests, after training on series."""
    import jax
    import jax.numpy as jnp

    def dense(key: Any, a: int, b: int, scale: float = 1.0) -> Any:
        return jax.random.normal(key, (a, b)) * scale / np.sqrt(a), jnp.zeros(b)

    def perceptron(p: Any, v: Any) -> Any:
        return jnp.tanh(jax.nn.silu(v @ p[0][0] + p[0][1]) @ p[1][0] + p[1][1])

    keys = iter(jax.random.split(jax.random.key(seed), 16))
    inputs = STATES + 6
    weights = {
        "drift": [dense(next(keys), inputs, INNER), dense(next(keys), INNER, STATES)],
        "noise": [dense(next(keys), STATES + 1, 24), dense(next(keys), 24, STATES)],
        "in_time": [dense(next(keys), 1, 12), dense(next(keys), 12, STATES)],
        "jump": [dense(next(keys), STATES + 4, INNER), dense(next(keys), INNER, STATES)],
        "out": [dense(next(keys), 2 * STATES, INNER), dense(next(keys), INNER, 2, 0.7)],
    }

    def passed(p: Any, gaps: Any, seen: Any, times: Any, normals: Any) -> Any:
        def step(z: Any, given: Any) -> Any:
            h, u, now, e = given
            v = jnp.concatenate([z, u, jnp.array([now, h])])
            drift, root = 3 * perceptron(p["drift"], v), jnp.sqrt(h)
            level = 0.3 * jax.nn.sigmoid(perceptron(p["in_time"], now[None]))
            if kind == "naive":
                z = z + drift * h + 0.3 * perceptron(p["noise"], jnp.concatenate([z, now[None]])) * root * e
            elif kind == "langevin":  # the drift knows no time
                z = z + 3 * perceptron(p["drift"], v.at[-2].set(0.0)) * h + level * root * e
            elif kind == "linear-noise":
                z = z + drift * h + level * z * root * e
            else:  # geometric, of the logarithm: every function of z > 0 is one of that, and jumps keep the sign too
                z = z + (drift - 0.5 * level**2) * h + level * root * e
            z = z + perceptron(p["jump"], jnp.concatenate([z, u])) * (u[2:].sum() > 0)
            return z, z

        return jax.lax.scan(step, jnp.full(STATES, 0.5), (gaps, seen, times, normals))[1]

    def guess(p: Any, t: Any, y: Any, mask: Any, key: Any) -> Any:
        u = jnp.concatenate([y * mask, mask.astype(float)], 1)
        e = jax.random.normal(key, (len(t), STATES))
        forth = passed(p, jnp.diff(t, prepend=t[0]), u, t / 6, e)
        back = passed(p, -jnp.diff(t[::-1], prepend=t[-1]), u[::-1], t[::-1] / 6, e[::-1])
        both = jnp.concatenate([forth, back[::-1]], 1)
        return jax.nn.silu(both @ p["out"][0][0] + p["out"][0][1]) @ p["out"][1][0] + p["out"][1][1]

    def loss(p: Any, t: Any, y: Any, mask: Any, key: Any) -> Any:
        hide, draw = jax.random.split(key)
        shown = mask & (jax.random.uniform(hide, mask.shape) > 0.3)
        found = jax.vmap(partial(guess, p))(t, y, shown, jax.random.split(draw, len(t)))
        hidden = mask & ~shown
        return jnp.sum(hidden * (found - y) ** 2) / jnp.sum(hidden)

    begin, move = adam(lambda k: RATE * (1 + jnp.cos(jnp.pi * (k - 1) / STEPS)) / 2)

    def clipped(slopes: Any) -> Any:
        size = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(slopes)))
        return jax.tree.map(lambda g: g / jnp.maximum(size, 1.0), slopes)

    arrays = [jnp.array(data[k]) for k in (0, 2, 3)]

    @jax.jit
    def train(p: Any, state: Any, key: Any) -> Any:
        def step(carried: Any, key: Any) -> Any:
            p, state = carried
            which = jax.random.randint(key, (BATCH,), 0, len(arrays[0]))
            slope = jax.grad(loss)(p, *(a[which] for a in arrays), key)
            change, state = move(clipped(slope), state)
            return (jax.tree.map(jnp.add, p, change), state), None

        return jax.lax.scan(step, (p, state), jax.random.split(key, STEPS))[0]

    weights, _ = train(weights, begin(weights), jax.random.key(1000 + seed))
    found = {}
    for m, (times, states, seen, mask) in tests.items():
        draws = [
            np.array(jax.vmap(partial(guess, weights))(
                jnp.array(times), jnp.array(seen), jnp.array(mask), jax.random.split(jax.random.key(q), len(times))
            )) for q in range(DRAWS)
        ]  # fmt: skip
        found[m] = float(((np.mean(draws, axis=0) - states)[~mask] ** 2).mean())
    return found
