"""Errors of all samplers on three beds by numbers of evaluations, each with the best of four spacings of the nodes.

``python -m benchmarks.sampler_table --out benchmarks/results/sampler_table.txt``; some minutes of CPU, ``--bed`` for a part.
The tables of numbers are those of symdyn, followed row by row in numpy with predictions of noise by matrix products; on the
beds line and ring `tests.transport.table` runs the same in kernels.  The bed mixture64 has five components with full
covariances in 64 dimensions, and its reference is DOP853 at 1e-9.  Euler's method in time and DPM-Solver-fast are no samplers
of the registry.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.methods.clocks import NodeClock
from symdyn.methods.samplers import SamplerScheme, SamplerTable

FIRST, LAST = 1.0, 1e-3
BUDGETS = (5, 10, 15, 20, 50)
SPACINGS = ("log-snr", "time", "quadratic", "karras")
COST = {"heun-edm": 2, "dpm-solver-2": 2, "dpm-solver-3": 3}
Noise = Callable[[np.ndarray, float], np.ndarray]


def growth(t):
    return 0.1 * t + 9.95 * t**2


def alpha(t):
    return np.exp(-growth(t) / 2)


def sigma(t):
    return np.sqrt(-np.expm1(-growth(t)))


def time_of(lam):
    """Of a logarithmic signal-to-noise ratio."""
    b = np.log1p(np.exp(-2 * lam))
    return 2 * b / (0.1 + np.sqrt(0.01 + 4 * 9.95 * b))


def log_snr(t):
    return np.log(alpha(t) / sigma(t))


def nodes(steps: int, spacing: str) -> np.ndarray:
    share = np.linspace(0, 1, steps + 1)
    if spacing == "time":
        found = FIRST + share * (LAST - FIRST)
    elif spacing == "quadratic":
        found = (FIRST**0.5 + share * (LAST**0.5 - FIRST**0.5)) ** 2
    elif spacing == "karras":
        one, other = np.exp(-log_snr(FIRST)) ** (1 / 7), np.exp(-log_snr(LAST)) ** (1 / 7)
        found = time_of(-7 * np.log(one + share * (other - one)))
    else:
        found = time_of(log_snr(FIRST) + share * (log_snr(LAST) - log_snr(FIRST)))
    found[0], found[-1] = FIRST, LAST
    return found


class Mixture:
    """A mixture of normal densities with full covariances, by their axes."""

    def __init__(self, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> None:
        self.weights, self.means, self.covariances = weights, means, covariances
        self.spread, self.axes = np.linalg.eigh(covariances)
        self.turned = np.einsum("kij,ki->kj", self.axes, means)

    def noise(self, x: np.ndarray, t: float) -> np.ndarray:
        """The prediction of noise."""
        a, s = alpha(t), sigma(t)
        away = np.stack([x @ axes - a * m for axes, m in zip(self.axes, self.turned, strict=True)])
        v = (a * a * self.spread + s * s)[:, None]
        logs = np.log(self.weights)[:, None] - 0.5 * (away**2 / v + np.log(v)).sum(-1)
        share = np.exp(logs - logs.max(axis=0))
        share /= share.sum(axis=0)
        return s * sum(r[:, None] * (z / w) @ axes.T for r, z, w, axes in zip(share, away, v, self.axes, strict=True))

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        k = rng.choice(len(self.weights), count, p=self.weights)
        z = rng.normal(size=(count, self.means.shape[1])) * np.sqrt(self.spread[k])
        return self.means[k] + np.einsum("nij,nj->ni", self.axes[k], z)


def mixture64() -> Mixture:
    """Five components in 64 dimensions, axes turned at random, variances from 1.02 down to 0.02."""
    rng = np.random.default_rng(64)
    covariances = []
    for _ in range(5):
        q, _ = np.linalg.qr(rng.normal(size=(64, 64)))
        covariances.append((q * (0.02 + np.exp(-np.arange(64) / 6.0))) @ q.T)
    return Mixture(np.array([0.1, 0.15, 0.2, 0.25, 0.3]), rng.normal(size=(5, 64)) * 0.8, np.array(covariances))


def follow(table: SamplerTable, x: np.ndarray, noise: Noise) -> np.ndarray:
    """Run a table of numbers."""
    states, values = {0: x}, {}
    for r, time in enumerate(table.times):
        if r:
            states[r] = np.zeros_like(x) + table.shifts[r, 0]
            for (kind, k), c in zip(table.terms[r], table.coefficients[r][0], strict=True):
                states[r] += c * (states if kind == "x" else values)[k]
        if table.evaluated[r]:
            values[r] = noise(states[r], float(time))
    return states[len(table.times) - 1]


def clock(at: np.ndarray) -> NodeClock:
    def rate(t):
        return -(0.1 + 19.9 * t) / 2

    return NodeClock(at, rate, lambda t: 0.0 * t, lambda t: -rate(t) / sigma(t), sigma, lambda t: -growth(t) / 2)


def euler(x: np.ndarray, noise: Noise, at: np.ndarray) -> np.ndarray:
    """Euler's method for the flow in time."""
    for t, u in pairwise(at):
        x = x + (u - t) * (0.1 + 19.9 * t) / 2 * (noise(x, t) / sigma(t) - x)
    return x


def fast(x: np.ndarray, noise: Noise, evaluations: int) -> np.ndarray:
    """DPM-Solver-fast (Lu et al. 2022, 3.4): steps of order 3 as long as evaluations last, then of 2 and 1, even in log-snr."""
    whole, rest = divmod(evaluations, 3)
    orders = [3] * (whole - 1) + [2, 1] if rest == 0 else [3] * whole + [rest]
    at = nodes(len(orders), "log-snr")
    for k, (t, u) in zip(orders, pairwise(at), strict=True):
        name = {1: "ddim", 2: "dpm-solver-2", 3: "dpm-solver-3"}[k]
        x = follow(sd.METHODS[name].table([clock(np.array([t, u]))]), x, noise)
    return x


def rms(x: np.ndarray, exact: np.ndarray) -> float:
    return float(np.sqrt(((x - exact) ** 2).sum(axis=1).mean()))


def steps_for(method: str, evaluations: int) -> int:
    if method == "pndm":
        return evaluations - 9 if evaluations - 9 >= 3 else 0
    return evaluations // COST.get(method, 1)


def rows(x: np.ndarray, exact: np.ndarray, noise: Noise) -> dict[str, list[str]]:
    """Of each method the smallest error for each number of evaluations, with the first letter of its spacing."""
    samplers = [
        name for name, s in sd.METHODS.items() if isinstance(s, SamplerScheme) and "v3" not in name and name != "planned"
    ]
    cases = {name: (name, {}) for name in samplers} | {"bdia, gamma = 0.5": ("bdia", {"gamma": 0.5})}
    found: dict[str, list[str]] = {}
    for title, (name, options) in {"euler in time": ("", {}), **cases}.items():
        found[title] = []
        for budget in BUDGETS:
            errors = {}
            for spacing in SPACINGS:
                steps = steps_for(name, budget)
                if steps < 1:
                    continue
                at = nodes(steps, spacing)
                with np.errstate(all="ignore"):
                    if name:
                        end = follow(sd.METHODS[name].table([clock(at)], {"gamma": 1.0, **options}), x, noise)
                    else:
                        end = euler(x, noise, at)
                errors[spacing] = rms(end, exact)
            best = min(errors, key=lambda s: errors[s] if np.isfinite(errors[s]) else np.inf, default="")
            found[title].append(f"{errors[best]:.3g}{best[0]}" if best else "-")
    found["dpm-solver-fast"] = [f"{rms(fast(x, noise, budget), exact):.3g}l" for budget in BUDGETS]
    return found


def flow64(count: int = 128) -> tuple[np.ndarray, np.ndarray, Noise]:
    """Points of the noise in 64 dimensions and where DOP853 takes them."""
    mixture, rng = mixture64(), np.random.default_rng(1)
    x = alpha(FIRST) * mixture.sample(count, rng) + sigma(FIRST) * rng.normal(size=(count, 64))

    def rate(lam, flat):  # d(x/alpha)/d lam = -exp(-lam) noise
        t = time_of(lam)
        return (-np.exp(-lam) * mixture.noise(alpha(t) * flat.reshape(x.shape), t)).ravel()

    ends = log_snr(FIRST), log_snr(LAST)
    end = solve_ivp(rate, ends, (x / alpha(FIRST)).ravel(), method="DOP853", rtol=1e-9, atol=1e-10)
    return x, alpha(LAST) * end.y[:, -1].reshape(x.shape), mixture.noise


def flow_of(bed: str) -> tuple[np.ndarray, np.ndarray, Noise]:
    """Of the beds in one and two dimensions, with the same predictions of noise in numpy."""
    from tests.transport.beds import ANGLES, line, ring

    _, start, exact = line() if bed == "line" else ring()
    means = np.array([[-2.0], [0.3], [1.5]]) if bed == "line" else 1.5 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    weights, stds = (np.array([0.2, 0.5, 0.3]), [0.3, 0.2, 0.5]) if bed == "line" else (np.full(8, 1 / 8), [0.15] * 8)
    mixture = Mixture(weights, means, np.stack([s**2 * np.eye(means.shape[1]) for s in stds]))
    return np.stack(list(start.values()), axis=1), exact, mixture.noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bed", choices=("line", "ring", "mixture64"), action="append")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    lines = ["root mean square distance to the exact flow; best of l log-snr, t time, q quadratic, k karras"]
    for bed in given.bed or ("line", "ring", "mixture64"):
        lines.append(f"{bed:24s}" + "".join(f"{n:>12d}" for n in BUDGETS) + "  evaluations")
        for title, cells in rows(*(flow64() if bed == "mixture64" else flow_of(bed))).items():
            lines.append(f"  {title:22s}" + "".join(f"{c:>12s}" for c in cells))
            print(lines[-1], flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
