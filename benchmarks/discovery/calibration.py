"""Whether the weight of an answer is the chance that it is right: claimed weights against shares of right structures.

Simulated ODE systems and maps with normal noise, a share of the standard deviation of each state.  Terms of some are hidden,
of others nothing is known.  A part has truths that the library does not hold, where every answer is wrong and none should be
claimed with confidence.
"""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
from scipy.stats import beta

import symdyn as sd
from benchmarks.discovery.structure import structure
from benchmarks.harness import attempt
from benchmarks.results import Result

__all__ = ["CASES", "NOISES", "TITLE", "Case", "band", "draw", "run", "summary"]

x, y, z = sp.symbols("x y z")
f, g, h = sp.symbols("f g h", cls=sp.Function)
exp, sqrt = sp.exp, sp.sqrt

#: Of the table of bins.
TITLE = "claimed weights of first answers, and shares that are right"
NOISES = (0.01, 0.05, 0.10)
#: Edges of the bins of claimed weight, and the probability that a band of a share holds.
BINS, LEVEL = (0.0, 0.3, 0.6, 0.9, 1.0), 0.9
#: A term below this share of the largest of its equation counts for none.
NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Case:
    """A system, and what is known of it.

    Attributes
    ----------
    sides : mapping of Symbol to Expr
        The true right-hand sides.
    known : mapping of Symbol to Expr, or None
        Right-hand sides with unknown functions; None where nothing is known.
    start : tuple of float
    times : (points,) float64
        Whole numbers for a map.
    library : int
        Degree of the monomials that are offered.
    inside : bool
        Whether the library holds the truth.
    stepwise : bool
        Whether it is a map.
    seen : int or None
        How many of the states are measured; all unless given.
    """

    sides: Mapping[sp.Symbol, sp.Expr]
    known: Mapping[sp.Symbol, sp.Expr] | None
    start: tuple[float, ...]
    times: np.ndarray
    library: int = 3
    inside: bool = True
    stepwise: bool = False
    seen: int | None = None


def _steps(count: int) -> np.ndarray:
    return np.arange(count + 1.0)


LV = {x: 1.3 * x - 0.9 * x * y, y: 0.8 * x * y - 1.8 * y}
VDP = {x: y, y: 1.5 * y - 1.5 * x**2 * y - x}
FHN = {x: x - x**3 / 3 - y + 0.5, y: 0.08 * x + 0.056 - 0.064 * y}
LORENZ = {x: -10 * x + 10 * y, y: 28 * x - x * z - y, z: x * y - 2.667 * z}
HENON = {x: 1 - 1.4 * x**2 + y, y: 0.3 * x}
SIR = {x: -0.6 * x * y, y: 0.6 * x * y - 0.2 * y}

CASES: dict[str, Case] = {
    "Lotka-Volterra, two terms": Case(LV, {x: 1.3 * x + f(x, y), y: g(x, y) - 1.8 * y}, (0.5, 4), np.linspace(0, 6, 61)),
    "Lotka-Volterra, one term": Case(LV, {x: 1.3 * x + f(x, y), y: LV[y]}, (0.5, 4), np.linspace(0, 6, 41)),
    "logistic growth": Case({x: x - x**2 / 4}, {x: f(x)}, (0.2,), np.linspace(0, 8, 41)),
    "Allee effect": Case({x: -x + 2 * x**2 - x**3 / 2}, {x: f(x)}, (0.7,), np.linspace(0, 8, 41)),
    "damped oscillator": Case({x: y, y: -2 * x - 0.3 * y}, {x: y, y: f(x, y)}, (2, 0), np.linspace(0, 10, 61)),
    "Duffing": Case({x: y, y: x - x**3 - 0.2 * y}, {x: y, y: f(x, y)}, (1.5, 1), np.linspace(0, 12, 81)),
    "van der Pol": Case(VDP, {x: y, y: f(x, y)}, (1, 0), np.linspace(0, 12, 81)),
    "FitzHugh-Nagumo": Case(FHN, {x: f(x, y), y: FHN[y]}, (-1, 1), np.linspace(0, 80, 81)),
    "epidemic": Case(SIR, {x: f(x, y), y: g(x, y)}, (3, 0.05), np.linspace(0, 15, 61), 2),
    "Lorenz, one equation": Case(LORENZ, {x: LORENZ[x], y: f(x, y, z), z: LORENZ[z]}, (-8, 8, 27), np.linspace(0, 2.5, 81), 2),
    "logistic map": Case({x: 3.7 * x - 3.7 * x**2}, {x: f(x)}, (0.3,), _steps(60), stepwise=True),
    "Henon map": Case(HENON, {x: f(x, y), y: HENON[y]}, (0.1, 0.1), _steps(60), stepwise=True),
    "damped map": Case(
        {x: 0.9 * x + 0.2 * y, y: 0.9 * y - 0.2 * x - 0.1 * x**3}, {x: 0.9 * x + 0.2 * y, y: f(x, y)}, (1.5, 0), _steps(50),
        stepwise=True,
    ),
    "logistic growth, nothing known": Case({x: x - x**2 / 4}, None, (0.2,), np.linspace(0, 8, 61)),
    "Lotka-Volterra, nothing known": Case(LV, None, (0.5, 4), np.linspace(0, 8, 101)),
    "saturating interaction, quadratics": Case(
        {x: x - 2 * x * y / (0.5 + x), y: x * y / (0.5 + x) - 0.6 * y}, {x: x + f(x, y), y: g(x, y) - 0.6 * y}, (1, 0.3),
        np.linspace(0, 15, 61), 2, inside=False,
    ),
    "budworm, quadratics": Case(
        {x: 0.6 * x * (1 - x / 8) - x**2 / (1 + x**2)}, {x: f(x)}, (7,), np.linspace(0, 12, 61), 2, inside=False
    ),
    "Gompertz growth, quadratics": Case({x: x * sp.log(5 / x)}, {x: f(x)}, (0.05,), np.linspace(0, 5, 61), 2, inside=False),
    "pendulum, quadratics": Case(
        {x: y, y: -sp.sin(x) - 0.05 * y}, {x: y, y: f(x, y)}, (2.6, 0), np.linspace(0, 20, 81), 2, inside=False
    ),
    "square root of a drag": Case(
        {x: y, y: -x - y / sqrt(0.2 + y**2)}, {x: y, y: f(x, y)}, (4, 0), np.linspace(0, 15, 81), 2, inside=False
    ),
    "forced by a clock": Case(
        {x: -x + y, y: z, z: -4 * y}, {x: f(x)}, (2, 1, 0), np.linspace(0, 12, 61), inside=False, seen=1
    ),
    "Ricker map, quadratics": Case(
        {x: x * exp(2.3 - x)}, {x: f(x)}, (0.3,), _steps(60), 2, inside=False, stepwise=True
    ),
    "a hidden predator, nothing known": Case(LV, None, (0.5, 4), np.linspace(0, 8, 81), seen=1),
}  # fmt: skip


def _system(sides: Mapping[sp.Symbol, sp.Expr], case: Case) -> sd.System:
    return (sd.DiscreteSystem if case.stepwise else sd.ODESystem)(dict(sides))


def run(
    noises: Iterable[float] = NOISES, seeds: Iterable[int] = (0, 1), *, cases: Iterable[str] = tuple(CASES)
) -> pd.DataFrame:
    """A row for each recovery.

    Returns
    -------
    DataFrame
        Columns case, noise, seed, inside (the library holds the truth), weight (of the first system), right (its structure is
        the true one), misfit (a note says that what the model leaves is not noise), seconds of CPU time, note.
    """
    rows = []
    for name in cases:
        case = CASES[name]
        start = dict(zip(case.sides, case.start, strict=True))
        tight = {} if case.stepwise else {"rtol": 1e-10, "atol": 1e-11}
        exact = sd.simulate(_system(case.sides, case), case.times, initial=start, progress=False, **tight)
        values = {s: np.ravel(exact[s.name]) for s in case.sides}
        seen = dict(list(values.items())[: case.seen])
        declared = None if case.known is None else _system(case.known, case)
        for seed in seeds:
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            random = {s: v.std() * rng.standard_normal(v.shape) for s, v in seen.items()}
            for noise in noises:
                data = pd.DataFrame({"time": case.times} | {s.name: v + noise * random[s] for s, v in seen.items()})
                options = {} if declared is None else {"library": case.library, "surrogate": None}
                before = time.process_time()
                found, note = attempt(lambda s=declared, d=data, o=options: sd.recover(s, d, progress=False, **o))
                seconds = time.process_time() - before
                if found is None:
                    rows.append(
                        {"case": name, "noise": noise, "seed": seed, "inside": case.inside, "weight": np.nan, "note": note}
                    )
                    continue
                rows.append({
                    "case": name, "noise": noise, "seed": seed, "inside": case.inside,
                    "weight": float(found.table["weight"][0]), "right": case.inside and _right(case, found.system, values),
                    "misfit": any("not noise" in text for text in found.warnings), "seconds": seconds, "note": note,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _right(case: Case, system: sd.System, values: Mapping[sp.Symbol, np.ndarray]) -> bool:
    """Whether every right-hand side has the structure of the true one; states that were not measured may have other names."""
    sides = system.map if case.stepwise else system.drift
    if len(sides) != len(values):
        return False
    named = dict(zip(system.states, values, strict=True))
    return all(
        structure(e.subs(system.defaults).xreplace(named), values, least=NEGLIGIBLE)
        == structure(case.sides[s], values, least=NEGLIGIBLE)
        for s, e in zip(values, sides, strict=True)
    )


def band(right: int, answers: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of Clopper and Pearson (Biometrika 26, 404 (1934)) for a share.

    Examples
    --------
    >>> [round(v, 4) for v in band(10, 10)]  # the lower end is 0.05**(1/10)
    [0.7411, 1.0]
    """
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, right, answers - right + 1)) if right else 0.0
    return low, float(beta.ppf(1 - tail, right + 1, answers - right)) if right < answers else 1.0


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Answers by claimed weight: how many are right, the share with its band, and the mean weight that is claimed."""
    rows = {}
    answered = frame[frame["weight"].notna()]
    for low, high in itertools.pairwise(BINS):
        own = (
            answered[(answered["weight"] >= low) & ((answered["weight"] < high) | (high == BINS[-1]))]
            if len(answered)
            else answered
        )
        if not len(own):
            continue
        right = int(own["right"].sum())
        rows[f"{low:g} to {high:g}"] = {
            "answers": len(own), "claimed": float(own["weight"].mean()), "right": right, "share": right / len(own),
            "low": band(right, len(own))[0], "high": band(right, len(own))[1],
            "not in the library": int((~own["inside"].astype(bool)).sum()), "misfit noted": int(own["misfit"].sum()),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("weight")


def draw(result: Result, path: Path) -> None:
    """Shares that are right against the mean weights that are claimed, with their bands."""
    import matplotlib.pyplot as plt  # which the machine of another suite may lack

    rows = [row for row in result.tables[TITLE] if "share" in row]
    claimed, share = (np.array([row[k] for row in rows], dtype=float) for k in ("claimed", "share"))
    low, high = (np.array([row[k] for row in rows], dtype=float) for k in ("low", "high"))
    figure, ax = plt.subplots(figsize=(4.8, 4.6), layout="constrained")
    ax.plot([0, 1], [0, 1], color="#8a8a8a", linestyle="--", linewidth=1)
    ax.errorbar(claimed, share, [share - low, high - share], marker="o", color="#b3202a", capsize=3, linewidth=1.5)
    for row, a, b in zip(rows, claimed, share, strict=True):
        ax.annotate(f"{row['answers']}", (a, b), xytext=(6, -12), textcoords="offset points", fontsize=8)
    ax.set(xlim=(0, 1.04), ylim=(0, 1.04), xlabel="weight claimed", ylabel=f"share right, with {LEVEL:.0%} bands")
    ax.grid(alpha=0.25)
    figure.savefig(path, dpi=130)
    plt.close(figure)
