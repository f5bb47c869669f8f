"""Exact stochastic simulation: million reactions a CPU-second, ours and of peers, and the time per event of large networks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.harness import interleaved, report
from benchmarks.networks import NETWORKS, Case
from benchmarks.ssa_peers import PEERS

__all__ = ["ssa"]

#: Trajectories of ours in an ensemble, and how many times the usual span a single long one takes.
ENSEMBLE, LONG = 1024, 20
CHAINS = (30, 100, 300, 1000, 3000)
CHAIN_EVENTS = 1_000_000


def _start(network: sd.ReactionNetwork, count: int) -> tuple[np.ndarray, np.ndarray]:
    initial = [network.initial[s] for s in network.states]
    parameters = [network.defaults[p] for p in network.parameters]
    return np.tile(initial, (count, 1)), np.tile(parameters, (count, 1))


def _measure(case: Case) -> list[dict[str, Any]]:
    begin = time.process_time()
    kernel = sd.compile(case.network)
    compiled = time.process_time() - begin
    events = float(kernel(*_start(case.network, ENSEMBLE), case.times, seed=1).steps.mean())
    long = np.linspace(0, LONG * case.end, len(case.times))
    jobs = {
        "symdyn, ensemble": lambda: kernel(*_start(case.network, ENSEMBLE), case.times, seed=1).values,
        "symdyn, one trajectory": lambda: kernel(*_start(case.network, 1), long, seed=1).values,
    }
    fired = {
        "symdyn, ensemble": ENSEMBLE * events,
        "symdyn, one trajectory": float(kernel(*_start(case.network, 1), long, seed=1).steps[0]),
    }
    rows = {name: {"network": case.name, "solver": name, "compile, s": compiled} for name in jobs}
    for name, make in PEERS.items():
        rows[name] = {"network": case.name, "solver": name}
        try:
            begin = time.perf_counter()
            run = make(case)
            rows[name]["compile, s"] = time.perf_counter() - begin
        except ImportError:
            rows[name]["compile, s"] = "not installed"
            continue
        fired[name] = case.peers * events
        jobs[name] = lambda run=run: run(case.peers)
    seconds = interleaved(jobs)
    for name, row in rows.items():
        if name in seconds:
            row["million events per CPU-second"] = fired[name] / seconds[name] / 1e6
            if "one" not in name:
                values = jobs[name]()[:, -1, 0]
                row["mean at the end"], row["its error"] = values.mean(), values.std() / len(values) ** 0.5
    return list(rows.values())


def _ratios(rows: list[dict[str, Any]]) -> dict[str, Any]:
    speed = {row["solver"]: row.get("million events per CPU-second", float("nan")) for row in rows}
    ours, alone = speed.pop("symdyn, ensemble"), speed.pop("symdyn, one trajectory")
    first = next(iter(PEERS))
    return {
        "network": rows[0]["network"],
        f"ensemble / {first}": ours / speed[first],
        f"one trajectory / {first}": alone / speed[first],
        "ensemble / fastest peer": ours / np.nanmax(list(speed.values())),
    }


def _chain(reactions: int) -> sd.ReactionNetwork:
    """Molecules that hop along a chain, of which each place makes two reactions."""
    n = reactions // 2
    hops = [f"S{i} <-> S{i + 1}, f, r" for i in range(n - 1)]
    text = "\n".join(["0 -> S0, b", *hops, f"S{n - 1} -> 0, d", *(f"S{i}(0) = 50" for i in range(n))])
    return sd.ReactionNetwork.from_text(text, {"b": 100.0, "f": 10.0, "r": 8.0, "d": 1.0})


def _large() -> list[dict[str, Any]]:
    rows = []
    for reactions in CHAINS:
        network = _chain(reactions)
        begin = time.process_time()
        kernel = sd.compile(network)
        compiled, known = time.process_time() - begin, kernel.cached
        times = [0.0, CHAIN_EVENTS / (reactions / 2 * 50 * 18)]
        job = {"one": lambda kernel=kernel, times=times, network=network: kernel(*_start(network, 1), times, seed=1)}
        fired = int(kernel(*_start(network, 1), times, seed=1).steps[0])
        rows.append(
            {"reactions": reactions, "ns per event, one trajectory": 1e9 * interleaved(job)["one"] / fired}
            | {"compile, s": "known" if known else compiled}
        )
    return rows


def ssa() -> None:
    """Four networks against peers; then chains of growing size."""
    rows: list[dict[str, Any]] = []
    ratios = []
    for case in NETWORKS:
        measured = _measure(case)
        rows += measured
        ratios.append(_ratios(measured))
    report("ssa", rows)
    report("ssa-ratios", ratios)
    report("ssa-large", _large())
