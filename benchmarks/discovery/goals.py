"""Goals of recovery as ratios: what was reached over what should be, greater being better."""

from __future__ import annotations

import pandas as pd

from benchmarks.harness import Sample
from benchmarks.results import Ratio

__all__ = [
    "calibration", "fields", "flows", "intervals", "missing_terms", "repairs", "repeats", "short_paths", "stochastic",
    "surrogates", "whole_equations",
]  # fmt: skip

#: Shares of runs with exactly the right terms that should be reached, by points and noise.
EXACT = {
    (31, 0.0): 1.0, (31, 0.001): 1.0, (31, 0.005): 1.0, (31, 0.01): 1.0, (31, 0.025): 0.95, (31, 0.05): 0.8,
    (6, 0.0): 1.0, (6, 0.005): 0.3,
}  # fmt: skip
#: CPU-seconds that a recovery should take at most, and the error of a learned term without noise.
SECONDS, LEARNED = 1.0, 0.01
#: Systems of 70 whose coefficients the best published method finds to 1 %, by noise (arXiv:2302.10787, from its raw results).
PUBLISHED, SYSTEMS = {0.0: 65, 0.001: 59, 0.01: 43}, 70
#: Systems of ODEBench out of so many, by noise and share dropped: reconstructed, generalised, and with the exact structure.
ODEBENCH, ODES = {(0.0, 0.0): (42, 40, 38), (0.01, 0.0): (42, 39, 33), (0.05, 0.0): (41, 36, 29), (0.05, 0.5): (41, 33, 26)}, 42
#: Shares of repairs with exactly the right terms, by noise.
REPAIRED = {0.02: 1.0, 0.05: 20 / 24}
#: The same of two hidden terms, without the prior on terms that come again, by whether they are the same and noise.
HIDDEN = {
    ("the same term twice", 0.01): 59 / 60, ("the same term twice", 0.025): 57 / 60, ("the same term twice", 0.05): 53 / 60,
    ("two different terms", 0.01): 16 / 20, ("two different terms", 0.025): 12 / 20,
}  # fmt: skip
#: R² above which a run counts.
ACCURATE = 0.9
#: Fewest runs whose median or share says something.
ENOUGH = 5
#: Claimed weight from which answers count as confident, and the share of them that should be right.
CONFIDENT, RIGHT = 0.9, 0.85
#: Level of intervals, and the part of it that should be reached: 200 repeats tell shares to 2 %.
LEVEL, REACHED = 0.9, 0.95


def _ratio(name: str, value: float, goal: float | None = 1.0) -> Ratio:
    return Ratio(name, Sample((float(value),)), goal)


def calibration(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.calibration.run`: the share of confident answers that are right over the goal, by noise."""
    confident = frame[frame["weight"] >= CONFIDENT]
    groups = [("all noises", confident), *((f"noise {noise:g}", own) for noise, own in confident.groupby("noise"))]
    return [
        _ratio(f"{name}: right of the answers with weight {CONFIDENT:g} and more / {RIGHT:g}", own["right"].mean() / RIGHT)
        for name, own in groups
        if len(own) >= ENOUGH
    ]


def missing_terms(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.lotka_volterra.run`: exact terms over the goal and over the best peer, errors, and time."""
    found: list[Ratio] = []
    for (points, noise), group in frame.groupby(["points", "noise"], sort=False):
        ours = group[group["method"] == "symdyn"]
        if ours.empty or ours["exact"].isna().all():
            continue
        row, case = ours.iloc[0], f"{points} points, noise {noise:g}"
        goal = EXACT.get((points, noise))
        if goal is not None:
            found.append(_ratio(f"{case}: exact terms / {goal:g} of the runs", row["exact"] / goal))
        peers = group.loc[~group["method"].str.startswith("symdyn"), "exact"].max()
        if peers > 0:
            found.append(_ratio(f"{case}: exact terms, symdyn / best peer", row["exact"] / peers))
        if noise and points == 31 and row["runs"] * row["exact"] >= ENOUGH:
            found.append(_ratio(f"{case}: noise / coefficient error", noise / row["coefficient error"]))
        seconds = row["CPU-seconds"]
        found.append(Ratio(f"{case}: {SECONDS:g} s / recovery", Sample((SECONDS / seconds.median,)), 1.0))
    return found


def surrogates(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.hidden_terms.run`: the error that is aimed at without noise over that of the best surrogate."""
    exact = frame[frame["noise"] == 0]
    if exact.empty:
        return []
    best = exact.groupby("surrogate")["error"].median().min()
    return [_ratio(f"hidden terms without noise: {LEARNED:g} / error of the best surrogate", LEARNED / best)]


def repairs(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.repairs.run`: the share with the right terms over the goal, by noise and what was wrong."""
    return [
        _ratio(f"noise {noise:g}, {kind}: right terms / {goal:.3g} of the repairs", group["exact"].mean() / goal)
        for (noise, kind), group in frame.groupby(["noise", "kind"], sort=False)
        if (goal := REPAIRED.get(noise)) is not None
    ]


def repeats(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.repeats.run`: the share with exactly the right terms over the goal, without the prior."""
    return [
        _ratio(f"{law}, noise {noise:g}: right terms / {goal:.3g} of the runs", group["exact"].mean() / goal)
        for (law, noise), group in frame[~frame["prior"]].groupby(["law", "noise"], sort=False)
        if (goal := HIDDEN.get((law, noise))) is not None
    ]


def intervals(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.coverage.run`: the share of 90 % intervals that hold the truth over what it should be."""
    found = []
    for row in frame.to_dict("records"):
        if row["exact"] >= ENOUGH:
            name = f"{row['case']}, noise {row['noise']:g}: intervals of {row['constant']} that hold / {LEVEL:g}"
            found.append(_ratio(name, row["covered"] / LEVEL, REACHED))
    return found


def stochastic(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.stochastic.run`: the same."""
    found = []
    for row in frame.to_dict("records"):
        if row["exact"] * row["repeats"] >= ENOUGH:
            name = f"{row['case']}: intervals of {row['constant']} that hold / {LEVEL:g}"
            found.append(_ratio(name, row["coverage"] / LEVEL, REACHED))
    return found


def short_paths(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.short_paths.run`: exact terms over the goal, and answers that are not degenerate."""
    found = []
    for row in frame.to_dict("records"):
        if row["repeats"] >= ENOUGH and row["goal"]:
            found.append(_ratio(f"{row['case']}: exact terms / {row['goal']:.2g}", row["exact"] / row["goal"]))
        found.append(_ratio(f"{row['case']}: answers that are not degenerate", 1 - row["degenerate"]))
    return found


def flows(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.chaotic.run`: systems found to 1 %, and errors beside PySINDy's weak form.

    The first needs all systems: some are easier than others.
    """
    found = []
    for noise, group in frame.groupby("noise"):
        ours, peer = (group.loc[group["method"] == m, "error"] for m in ("symdyn", "pysindy"))
        if group["system"].nunique() == SYSTEMS and noise in PUBLISHED:
            share = float((ours < 0.01).mean()) / (PUBLISHED[noise] / SYSTEMS)
            found.append(_ratio(f"flows, noise {noise:g}: systems to 1 %, symdyn / published", share))
        if len(ours) and len(peer):
            ratio = peer.median() / ours.median()
            found.append(_ratio(f"flows, noise {noise:g}: median error, PySINDy weak / symdyn", ratio))
    return found


def fields(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.fields.run`: the share of runs with exactly the right terms, which should be all."""
    ours = frame[frame["method"] == "symdyn"].to_dict("records")
    return [_ratio(f"{r['equation']}, {r['snr']:g} dB: exact terms", r["exact"]) for r in ours]


def whole_equations(frame: pd.DataFrame) -> list[Ratio]:
    """Of `benchmarks.discovery.odebench.run`: systems found over how many should be, if all were tried, and peers."""
    found = []
    frame = frame.assign(**{k: frame[k] > ACCURATE for k in ("reconstruction", "generalisation")})
    for (noise, dropped), group in frame.groupby(["noise", "dropped"]):
        case = f"ODEBench, noise {noise:g}, {dropped:.0%} dropped"
        ours = group[group["method"] == "symdyn"]
        peers = group[group["method"] != "symdyn"].groupby("method")
        goal = ODEBENCH.get((noise, dropped))
        for k, name in enumerate(("reconstruction", "generalisation", "exact")):
            if goal and ours["system"].nunique() == ODES:
                found.append(_ratio(f"{case}: {name} / {goal[k]} of {ODES}", ours[name].mean() * ODES / goal[k]))
            best = peers[name].mean().max() if len(peers) else 0.0
            if best > 0 and len(ours):
                found.append(_ratio(f"{case}: {name}, symdyn / best peer", ours[name].mean() / best))
    return found
