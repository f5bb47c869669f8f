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
from benchmarks.receptor import receptor
from benchmarks.results import Ratio, Result
from benchmarks.ssa_peers import PEERS, make_bngsim

__all__ = ["SPEED", "ssa"]

SPEED = "million events per CPU-second"
ENSEMBLE, SINGLE, GCC = "symdyn, ensemble", "symdyn, one trajectory", "g++, the same lanes"
EACH = "ns per event"
#: The peer that the goal of 50 is about.
COMPILED = "GillesPy2 (C++)"
#: Trajectories of ours in an ensemble, and how many times the usual span a single long one takes.
TRAJECTORIES, LONG = 1024, 20
CHAINS = (30, 100, 300, 1000, 3000)
CHAIN_EVENTS = 1_000_000
#: Peers of large networks, of the time of ours the part that they simulate, and the longest chain that they are given.
LARGE_PEERS = {"rebop": (PEERS["rebop"], 50, 300), "bngsim": (make_bngsim, 10, 3000)}
#: Duration of the published network, and trajectories from which its number of events is known.
DURATION, COUNTED = 30.0, 64


#: What makes a peer's run, and its duration.
Peer = tuple[Callable[[Case], Any], float]


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


def _large(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """One trajectory of chains and of a published network: nanoseconds an event; ratios of the latter."""
    rows = []
    for reactions in CHAINS[:3] if settings.quick else CHAINS:
        network, span = _chain(reactions), CHAIN_EVENTS / (reactions / 2 * 50 * 18)
        peers = {name: (make, span / part) for name, (make, part, most) in LARGE_PEERS.items() if reactions <= most}
        rows.append(_one(f"chain, {reactions} reactions", network, span, peers, settings))
    network, span = receptor(), 1.0 if settings.quick else DURATION
    peers = {name: (make, span) for name, (make, _, _) in LARGE_PEERS.items()}
    rows.append(row := _one(f"FceRI, {len(network.reactions)} reactions", network, span, peers, settings))
    speeds = {name: row[f"{EACH}, {name}"] for name in peers if not isinstance(row[f"{EACH}, {name}"], str)}
    label, own = row["network"], row[f"{EACH}, symdyn"]
    return rows, [Ratio(f"{label}: {SINGLE} / {name}", paired(lambda a, b: b / a, own, s)) for name, s in speeds.items()]


def _one(name: str, network: sd.ReactionNetwork, span: float, peers: dict[str, Peer], settings: Settings) -> dict[str, Any]:
    """A row: one trajectory over a span of time, and those of peers over theirs."""
    begin = time.process_time()
    kernel = sd.compile(network)
    compiled, known = time.process_time() - begin, kernel.cached
    jobs: dict[str, Callable[[], Any]] = {"symdyn": partial(kernel, *_start(network, 1), [0.0, span], seed=1)}
    row: dict[str, Any] = {"network": name, "compile, s": "known" if known else compiled}
    fired = {"symdyn": float(jobs["symdyn"]().steps[0])}
    for peer, (make, end) in peers.items():
        run, note = attempt(partial(make, Case(name, network, end, 1)))
        row[f"{EACH}, {peer}"] = note
        if not note:
            jobs[peer] = partial(run, 1)
            fired[peer] = float(kernel(*_start(network, COUNTED), [0.0, end], seed=2).steps.mean())
    for job, seconds in interleaved(jobs, settings.rounds).items():
        row[f"{EACH}, {job}"] = seconds.map(lambda s, n=fired[job]: 1e9 * s / n)
    return row


def ssa(settings: Settings) -> Result:
    """Exact stochastic simulation of four networks, chains of growing size, and a published network of 3680 reactions."""
    result = Result({"ssa": []})
    for case in NETWORKS:
        rows = _measure(case, settings)
        result.tables["ssa"] += rows
        result.ratios += _ratios(rows)
    result.tables["ssa-large"], ratios = _large(settings)
    result.ratios += ratios
    return result
