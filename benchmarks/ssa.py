"""Exact stochastic simulation: million reactions a CPU-second, ours, by g++ of the same algorithm, and of peers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.gcc_lanes import make_gcc
from benchmarks.harness import Sample, Settings, attempt, interleaved, paired
from benchmarks.networks import NETWORKS, Case
from benchmarks.results import Ratio, Result
from benchmarks.ssa_peers import PEERS

__all__ = ["SPEED", "ssa"]

SPEED = "million events per CPU-second"
ENSEMBLE, SINGLE, GCC = "symdyn, ensemble", "symdyn, one trajectory", "g++, the same lanes"
#: The peer that the goal of 50 is about.
COMPILED = "GillesPy2 (C++)"
#: Trajectories of ours in an ensemble, and how many times the usual span a single long one takes.
TRAJECTORIES, LONG = 1024, 20
CHAINS = (30, 100, 300, 1000, 3000)
CHAIN_EVENTS = 1_000_000
#: Peers that simulate the chains, the part of the events that they simulate, and the longest chain that they are given.
LARGE_PEERS, PEER_SHARE, PEER_MOST = ("rebop",), 50, 300


def _start(network: sd.ReactionNetwork, count: int) -> tuple[np.ndarray, np.ndarray]:
    initial = [float(network.initial[s]) for s in network.states]
    parameters = [float(network.defaults[p]) for p in network.parameters]
    return np.tile(initial, (count, 1)), np.tile(parameters, (count, 1))


def _measure(case: Case, settings: Settings) -> list[dict[str, Any]]:
    count, peers = (256, 16) if settings.quick else (TRAJECTORIES, case.peers)
    begin = time.process_time()
    kernel = sd.compile(case.network)
    compiled = time.process_time() - begin
    many, one = _start(case.network, count), _start(case.network, 1)
    long = np.linspace(0, LONG * case.end, len(case.times))
    first = kernel(*many, case.times, seed=1)
    events = float(first.steps.mean())
    jobs: dict[str, Callable[[], Any]] = {
        ENSEMBLE: lambda: kernel(*many, case.times, seed=1).values,
        SINGLE: lambda: kernel(*one, long, seed=1).values,
    }
    fired = {ENSEMBLE: count * events, SINGLE: float(kernel(*one, long, seed=1).steps[0])}
    ends = {ENSEMBLE: first.values[:, -1, 0]}
    rows: dict[str, dict[str, Any]] = {name: {"network": case.name, "solver": name, "compile, s": compiled} for name in jobs}
    makers: dict[str, Callable[[], Any]] = {GCC: lambda: make_gcc(case.network, kernel.lanes(count))}
    makers |= {name: lambda make=make: make(case) for name, make in PEERS.items()}
    for name, make in makers.items():
        begin = time.perf_counter()
        run, note = attempt(make)
        rows[name] = {"network": case.name, "solver": name} | (
            {"note": note} if note else {"compile, s": time.perf_counter() - begin}
        )
        if note:
            continue
        if name == GCC:
            values, steps = run(*many, case.times, 1)
            fired[name], ends[name] = float(steps.sum()), values[:, -1, 0]
            jobs[name] = lambda run=run: run(*many, case.times, 1)
        else:
            fired[name], ends[name] = peers * events, run(peers)[:, -1, 0]
            jobs[name] = partial(getattr(run, "timed", run), peers)
    for name, seconds in interleaved(jobs, settings.rounds).items():
        rows[name][SPEED] = seconds.map(lambda s, n=fired[name]: n / s / 1e6)
    for name, end in ends.items():
        rows[name] |= {"mean at the end": end.mean(), "its error": end.std() / len(end) ** 0.5}
    return list(rows.values())


def _ratios(rows: list[dict[str, Any]]) -> list[Ratio]:
    speeds = {row["solver"]: row[SPEED] for row in rows if SPEED in row}
    peers = {name: s for name, s in speeds.items() if name in PEERS}
    label = rows[0]["network"]

    def ratio(ours: str, theirs: Sample, what: str, goal: float | None) -> Ratio:
        return Ratio(f"{label}: {ours} / {what}", paired(lambda a, b: a / b, speeds[ours], theirs), goal)

    found = [ratio(ENSEMBLE, s, name, 50.0 if name == COMPILED else None) for name, s in peers.items()]
    if peers:
        found.append(ratio(ENSEMBLE, paired(max, *peers.values()), "the fastest peer", 12.0))
        found.append(ratio(SINGLE, paired(max, *peers.values()), "the fastest peer", None))
    if GCC in speeds:
        found.append(ratio(ENSEMBLE, speeds[GCC], GCC, 0.8))
    return found


def _chain(reactions: int) -> sd.ReactionNetwork:
    """Molecules that hop along a chain, of which each place makes two reactions."""
    n = reactions // 2
    hops = [f"S{i} <-> S{i + 1}, f, r" for i in range(n - 1)]
    text = "\n".join(["0 -> S0, b", *hops, f"S{n - 1} -> 0, d", *(f"S{i}(0) = 50" for i in range(n))])
    return sd.ReactionNetwork.from_text(text, {"b": 100.0, "f": 10.0, "r": 8.0, "d": 1.0})


def _large(settings: Settings) -> list[dict[str, Any]]:
    rows = []
    for reactions in CHAINS[:3] if settings.quick else CHAINS:
        network = _chain(reactions)
        begin = time.process_time()
        kernel = sd.compile(network)
        compiled, known = time.process_time() - begin, kernel.cached
        times = [0.0, CHAIN_EVENTS / (reactions / 2 * 50 * 18)]
        job = {"one": partial(kernel, *_start(network, 1), times, seed=1)}
        fired = int(job["one"]().steps[0])
        nanoseconds = interleaved(job, settings.rounds)["one"].map(lambda s, n=fired: 1e9 * s / n)
        row = {
            "reactions": reactions,
            "ns per event, one trajectory": nanoseconds,
            "compile, s": "known" if known else compiled,
        }
        case = Case(f"chain, {reactions} reactions", network, times[1] / PEER_SHARE, 1)
        for name in LARGE_PEERS if reactions <= PEER_MOST else ():
            run, note = attempt(lambda name=name, case=case: PEERS[name](case))
            row[f"ns per event, {name}"] = note or interleaved({name: partial(run, 1)}, settings.rounds)[name].map(
                lambda s, n=fired / PEER_SHARE: 1e9 * s / n
            )
        rows.append(row)
    return rows


def ssa(settings: Settings) -> Result:
    """Exact stochastic simulation of four networks, and chains of growing size."""
    result = Result({"ssa": []})
    for case in NETWORKS:
        rows = _measure(case, settings)
        result.tables["ssa"] += rows
        result.ratios += _ratios(rows)
    result.tables["ssa-large"] = _large(settings)
    return result
