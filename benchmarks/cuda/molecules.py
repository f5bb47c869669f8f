"""Exact stochastic simulation on a card, beside crn-jax."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.cuda.peers import import_jax
from benchmarks.harness import Sample, Settings, attempt, paired
from benchmarks.networks import NETWORKS, Case
from benchmarks.results import Ratio
from symdyn.codegen.cuda.launch import CardKernel
from symdyn.codegen.cuda.toolchain import SIMULATED

__all__ = ["molecules"]

PEER, OURS = "crn-jax", "symdyn ssa"
TRAJECTORIES, QUICK, SIMULATED_COUNT = 1 << 15, 1 << 12, 3
#: Part of the usual span: lockstep over the longest of so many trajectories takes a peer long.
PART, SIMULATED_PART = 0.25, 2e-3
#: Networks by their places, and rounds at most.
CHOSEN, ROUNDS = (0, 2), 3

Run = Callable[[], tuple[float, np.ndarray]]


def _ours(case: Case, count: int, end: float) -> tuple[Run, Callable[[], float]]:
    """What runs it, and the mean number of events of the last run."""
    kernel = cast(CardKernel, sd.compile(case.network, target="cuda"))
    initial = np.tile([float(case.network.initial[s]) for s in case.network.states], (count, 1))
    parameters = np.tile([float(case.network.defaults[p]) for p in case.network.parameters], (count, 1))
    events = [0.0]

    def run() -> tuple[float, np.ndarray]:
        before = kernel.card_seconds
        found = kernel(initial, parameters, (0.0, end), seed=1)
        events[0] = float(found.steps.mean())
        return kernel.card_seconds - before, found.values[:, -1]

    return run, lambda: events[0]


def _theirs(case: Case, count: int, end: float) -> Run:
    from crn_jax.gillespie import simulate_until
    from crn_jax.types import State

    jax = import_jax(simulated=SIMULATED)
    jnp, network = jax.numpy, case.network
    change = np.zeros((len(network.reactions), len(network.states)), np.float32)
    for j, reaction in enumerate(network.reactions):
        for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
            for species, number in side.items():
                change[j, network.states.index(species)] += sign * float(number)
    values = {p: float(v) for p, v in network.defaults.items()}
    rates = sp.lambdify([network.states], [a.xreplace(values) for a in network.propensities], jnp)
    initial = jnp.asarray([float(network.initial[s]) for s in network.states], jnp.float32)
    changes, zero = jnp.asarray(change), jnp.float32(0)

    def one(key: Any) -> Any:
        state, _ = simulate_until(
            key, State(zero, initial, jnp.float32(jnp.inf)), zero, jnp.float32(end), 1_000_000_000,
            lambda s, _: jnp.stack([jnp.asarray(a, jnp.float32) for a in rates(s.x)]),
            lambda s, j: s._replace(x=s.x + changes[j]),
            lambda s: s.time,
            lambda s, t: s._replace(time=jnp.asarray(t, jnp.float32)),
        )  # fmt: skip
        return state.x

    solve, keys = jax.jit(jax.vmap(one)), jax.random.split(jax.random.PRNGKey(0), count)

    def run() -> tuple[float, np.ndarray]:
        begin = time.perf_counter()
        found = solve(keys).block_until_ready()
        return time.perf_counter() - begin, np.asarray(found)

    return run


def _moments(ends: np.ndarray) -> dict[str, float]:
    return {"mean at the end": float(ends[:, 0].mean()), "its error": float(ends[:, 0].std() / len(ends) ** 0.5)}


def molecules(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Rows, and ratios to crn-jax."""
    rows: list[dict[str, Any]] = []
    ratios: list[Ratio] = []
    count = SIMULATED_COUNT if SIMULATED else QUICK if settings.quick else TRAJECTORIES
    for case in [NETWORKS[k] for k in (CHOSEN[:1] if SIMULATED else CHOSEN)]:
        end = case.end * (SIMULATED_PART if SIMULATED else PART)
        jobs: dict[str, Run] = {}
        jobs[OURS], events = _ours(case, count, end)
        theirs, note = attempt(partial(_theirs, case, count, end))
        jobs |= {} if note else {PEER: theirs}
        samples: dict[str, list[float]] = {}
        table = {name: {"network": case.name, "trajectories": count, "solver": name} for name in (OURS, PEER)}
        table[PEER] |= {"note": note} if note else {}
        for name, job in jobs.items():
            found, failed = attempt(job)
            table[name] |= {"note": failed} if failed else _moments(found[1])
            if not failed and not SIMULATED:
                samples[name] = []
        for _ in range(min(ROUNDS, settings.rounds)):
            for name, seconds in samples.items():
                seconds.append(jobs[name]()[0])
        speeds = {n: Sample(tuple(count * events() / s / 1e6 for s in seconds)) for n, seconds in samples.items()}
        for name, speed in speeds.items():
            table[name]["million events a second"] = speed
        if len(speeds) == 2:
            ratio = paired(lambda a, b: a / b, speeds[OURS], speeds[PEER])
            ratios.append(Ratio(f"{case.name}: {OURS} / {PEER}, on the card", ratio))
        rows += table.values()
    return rows, ratios
