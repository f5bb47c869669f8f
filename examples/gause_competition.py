"""Which Paramecium is left?  Density-dependent maps of two competing species, fitted to Gause's counts.

Gause (1934) counted Paramecium aurelia and P. caudatum every day, alone and together.  One day is a step of the maps

    N' = N g(load),   g = l/(1 + load)  (contest: Beverton and Holt; Leslie and Gower of several species),
                          exp(r - load)  (scramble: Ricker),   l/(1 + load^q)  (Maynard Smith and Slatkin)

where each individual of either species adds to the load.  With one species the first of them is the logistic equation
seen once a day.

- Appendix I, table 3: maps of one and of two species are fitted to whole runs, and their errors compared with those of
  the logistic and the Lotka-Volterra equations of as many parameters.  Of the maps of both species that of Leslie and
  Gower falls a little short for aurelia; contest among aurelia with scramble among caudatum does not, nor do exponents.
  A dozen forms were tried until these were found: their errors describe these data and promise nothing for others.
- Table 4: counts of days 0 to 8, of the species alone and together, tell which species is left and when the other falls
  below one individual, with a band from a bootstrap; days 9 to 16 are the judge.  Cultures had one loop of bacteria, or
  half a loop.  Each concentration is fitted by itself, and then both with the same growth and competition and
  capacities of their own.  By itself half a loop seems to let caudatum live, which died on day 16, and one loop to end
  it sooner than was seen; together they foretell both.  This was tried last, with the outcome known: the separate
  forecasts are the reason to distrust eight days of one culture, the joint one is no blind trial.

    python -m examples.gause_competition --out out

Gause, The Struggle for Existence (1934), Appendix I, tables 3 and 4: individuals per 0.5 cc.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.discover import errors
from symdyn.figure_style import BLUE, VERMILION

N, A, C = sp.symbols("N A C")
a, l, r = sp.symbols("a l r")
l1, l2, r2, q1, q2, a11, a12, a21, a22 = sp.symbols("l1 l2 r2 q1 q2 a11 a12 a21 a22")
DATA = Path(__file__).parent / "data"
COLORS = {"aurelia": BLUE, "caudatum": VERMILION}

#: Maps of one species and of two, with the bounds of their parameters.
GROWTH, EXPONENT, RATE, CROWDING = (1.0, 10.0), (0.3, 8.0), (0.01, 3.0), (1e-6, 1.0)
ALONE = {
    "Beverton-Holt": (sd.DiscreteSystem({N: l * N / (1 + a * N)}), {l: GROWTH, a: CROWDING}),
    "Ricker": (sd.DiscreteSystem({N: N * sp.exp(r - a * N)}), {r: RATE, a: CROWDING}),
}
LOADS = a11 * A + a12 * C, a21 * A + a22 * C
COMPETITION = dict.fromkeys((a11, a12, a21, a22), CROWDING)
TOGETHER = {
    "Leslie-Gower": (
        sd.DiscreteSystem({A: l1 * A / (1 + LOADS[0]), C: l2 * C / (1 + LOADS[1])}),
        {**COMPETITION, l1: GROWTH, l2: GROWTH},
    ),
    "Leslie-Gower and Ricker": (
        sd.DiscreteSystem({A: l1 * A / (1 + LOADS[0]), C: C * sp.exp(r2 - LOADS[1])}),
        {**COMPETITION, l1: GROWTH, r2: RATE},
    ),
    "Maynard Smith-Slatkin": (
        sd.DiscreteSystem({A: l1 * A / (1 + LOADS[0] ** q1), C: l2 * C / (1 + LOADS[1] ** q2)}),
        {**COMPETITION, l1: GROWTH, l2: GROWTH, q1: EXPONENT, q2: EXPONENT},
    ),
}
#: Root mean square errors of least-squares fits of differential equations to table 3, by parameters: of one species the
#: logistic, of two Lotka and Volterra's; with two individuals in the beginning, or numbers that are fitted.
EQUATIONS = {
    ("aurelia", 2): 33.37, ("aurelia", 3): 33.28, ("caudatum", 2): 13.91, ("caudatum", 3): 11.97,
    ("together", 6): (25.11, 9.47), ("together", 8): (24.17, 8.77),
}  # fmt: skip
#: Weights of the two species together: their scatter about smooth curves is about so large.
SCATTER = {A: 15.0, C: 9.5}
BEGUN, FREE = (2.0, 2.0), (0.01, 20.0)

# ---- table 3: following whole runs ---------------------------------------------------------------


def table(number: int) -> pd.DataFrame:
    """Table 3 or 4 of the appendix, a row for each day."""
    return pd.read_csv(DATA / f"gause1934_table{number}.csv", comment="#")


def follow(system: sd.DiscreteSystem, bounds: dict, data: pd.DataFrame, **options) -> tuple[sd.Fit, pd.Series]:
    """Fit whole runs; the fit, and root mean square errors of the free run by state."""
    fit = sd.fit(system, data, parameters=bounds, windows=1, **options)
    found = errors(fit.system, data).set_index("kind").loc["free-run"]
    return fit, found[list(system.names)].astype(float)


def alone() -> pd.DataFrame:
    """Each species by itself: errors of two maps, with two individuals in the beginning and with a fitted number."""
    rows, counts = [], table(3)
    for species in COLORS:
        data = pd.DataFrame({"t": counts.day.astype(float), "N": counts[f"{species}_alone"]})
        for name, (system, bounds) in ALONE.items():
            for start in (BEGUN, FREE):
                fit, error = follow(system, {**bounds, N: start}, data, noise={N: 20})  # all counts weigh the same
                rows.append(
                    {"species": species, "map": name, "parameters": fit.count, "error": float(error["N"]),
                     "logistic": EQUATIONS[species, fit.count], "fit": fit}
                )  # fmt: skip
    return pd.DataFrame(rows)


def together() -> pd.DataFrame:
    """Both species from two individuals: errors of three maps."""
    rows, counts = [], table(3)
    data = pd.DataFrame({"t": counts.day.astype(float), "A": counts.aurelia_mixed, "C": counts.caudatum_mixed})
    for name, (system, bounds) in TOGETHER.items():
        fit, error = follow(system, {**bounds, A: BEGUN, C: BEGUN}, data, noise=SCATTER)
        rows.append(
            {"map": name, "parameters": fit.count, "aurelia": float(error["A"]), "caudatum": float(error["C"]), "fit": fit}
        )
    return pd.DataFrame(rows)


# ---- table 4: who is left ------------------------------------------------------------------------

HALF, ONE = "halfloop", "oneloop"
alpha, beta, g1, g2 = sp.symbols("alpha beta g1 g2")
LAST, HORIZON, REPEATS, LEVELS = 8, 400, 400, (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Forecast:
    """What days 0 to 8 say of a mixed culture.

    Attributes
    ----------
    fitted, culture : str
        The cultures that were fitted, and the one that is foretold.
    left : float
        Share of the bootstrap in which aurelia stays at one individual or more.
    gone : (3,) array
        Quantiles 5, 50 and 95 % of the day on which caudatum falls below one individual; infinite where it does not.
    day16 : (3,) array
        The same of the number of caudatum on day 16.
    band : (species, 3, days) array
        The same of the numbers on every day.
    """

    fitted: str
    culture: str
    left: float
    gone: np.ndarray
    day16: np.ndarray
    band: np.ndarray


def cultures(*loops: str) -> tuple[sd.DiscreteSystem, dict, pd.DataFrame]:
    """Both species alone and together at each concentration: a map, bounds, and the counts of days 0 to 8.

    Growth and competition are the same everywhere; capacities K belong to a concentration.
    """
    counts = table(4).query(f"day <= {LAST}")
    equations, data = {}, {"t": counts.day.astype(float)}
    bounds = {g1: (1.01, 10.0), g2: (1.01, 10.0), alpha: (0.0, 10.0), beta: (0.0, 10.0)}
    for loop in loops:
        alone1, alone2, mixed1, mixed2, K1, K2 = (sp.Symbol(f"{s}_{loop}") for s in ("A", "C", "a", "c", "K1", "K2"))
        for state, growth, load in (
            (alone1, g1, alone1 / K1),
            (alone2, g2, alone2 / K2),
            (mixed1, g1, (mixed1 + alpha * mixed2) / K1),
            (mixed2, g2, (mixed2 + beta * mixed1) / K2),
        ):
            equations[state] = growth * state / (1 + (growth - 1) * load)
            bounds[state] = BEGUN
        bounds |= {K1: (50.0, 1000.0), K2: (10.0, 500.0)}
        names = ("aurelia_{}_alone", "caudatum_{}_alone", "aurelia_{}_mixed", "caudatum_{}_mixed")
        data |= {
            s.name: counts[n.format(loop)] for s, n in zip((alone1, alone2, mixed1, mixed2), names, strict=True)
        }  # fmt: skip
    return sd.DiscreteSystem(equations), bounds, pd.DataFrame(data)


def forecasts(*loops: str, seed: int = 1, repeats: int = REPEATS) -> list[Forecast]:
    """Fit cultures and foretell the mixed ones."""
    system, bounds, data = cultures(*loops)
    samples = sd.fit(system, data, parameters=bounds, windows=1).bootstrap(repeats, seed=seed)
    runs = sd.simulate(system, np.arange(HORIZON + 1.0), **samples, progress=False)
    return [_forecast(" and ".join(loops), loop, runs[f"a_{loop}"].values, runs[f"c_{loop}"].values) for loop in loops]


def _forecast(fitted: str, loop: str, aurelia: np.ndarray, caudatum: np.ndarray) -> Forecast:
    """Quantiles of runs (repeats, days)."""
    below = caudatum[:, 1:] < 1
    day = np.where(below.any(axis=1), below.argmax(axis=1) + 1, np.inf)
    band = np.stack([np.quantile(v, LEVELS, axis=0) for v in (aurelia, caudatum)])
    left = float((aurelia[:, 1:] >= 1).all(axis=1).mean())
    gone = np.quantile(day, LEVELS, method="higher")  # infinite days cannot be averaged
    return Forecast(fitted, loop, left, gone, band[1, :, 16], band)


def observed(loop: str) -> tuple[pd.DataFrame, float]:
    """Counts of a mixed culture, and the first day on which no caudatum was counted."""
    counts = table(4)
    seen = pd.DataFrame({s: counts[f"{s}_{loop}_mixed"] for s in COLORS}).set_index(counts.day)
    none = seen.index[seen.caudatum == 0]
    return seen, float(none[0]) if len(none) else np.inf


# ---- figures and report --------------------------------------------------------------------------


@sd.style()
def draw(single: pd.DataFrame, pair: pd.DataFrame, joint: list[Forecast]) -> Figure:
    """Table 3 alone and together with the best maps above, forecasts of table 4 below."""
    figure, axes = plt.subplots(2, 2, figsize=(7.5, 5.5), layout="constrained")
    days, counts = np.arange(26.0), table(3)
    best = pair.loc[pair.aurelia.idxmin()]
    both = sd.simulate(best.fit.system, days, progress=False)
    for species, color in COLORS.items():
        row = single[(single.species == species) & (single.parameters == 3)].sort_values("error").iloc[0]
        run = sd.simulate(row.fit.system, days, progress=False)
        state = "A" if species == "aurelia" else "C"
        for axis, culture, values, text in (
            (axes[0, 0], "alone", run.N, row["map"]),
            (axes[0, 1], "mixed", both[state], best["map"]),
        ):
            axis.plot(counts.day, counts[f"{species}_{culture}"], "o", color=color, ms=4.5, mec="white", mew=0.4)
            axis.plot(days, values.values.ravel(), color=color, lw=1.8, label=f"P. {species} ({text})")
    axes[0, 0].set(title="Table 3: each species alone", ylabel="individuals per 0.5 cc", ylim=(0, 880))
    axes[0, 1].set(title=f"Table 3: together, {best.parameters} parameters", ylim=(0, 500))
    for axis, forecast in zip(axes[1], joint, strict=True):
        _draw_forecast(axis, forecast)
    axes[1, 0].set_ylabel("individuals per 0.5 cc")
    for axis in axes.flat:
        axis.set_xlabel("days")
    for axis, place in zip(axes.flat[:3], ("upper left", "upper left", (0.39, 0.5)), strict=True):
        axis.legend(loc=place)
    return figure


def _draw_forecast(axis, forecast: Forecast) -> None:
    """One mixed culture on a logarithmic scale; a count of nothing lies on the floor."""
    floor, days = 0.5, np.arange(41)
    seen, _ = observed(forecast.culture)
    for (species, color), band in zip(COLORS.items(), forecast.band, strict=True):
        low, middle, high = np.maximum(band[:, days], floor / 2)
        axis.fill_between(days, low, high, color=color, alpha=0.16, lw=0)
        axis.plot(days, middle, color=color, lw=1.8, label=f"P. {species}, median and 90 % band")
        counted = seen[species].dropna()
        used, later = counted[counted.index <= LAST], counted[counted.index > LAST]
        axis.plot(used.index, used, "o", color=color, ms=5, mec="white", mew=0.4)
        axis.plot(later.index, np.maximum(later, floor), "o", mfc="white", color=color, ms=5)
    axis.axvspan(0, LAST, color="0.5", alpha=0.1, lw=0)
    axis.axhline(1, color="0.45", lw=0.8, ls=":")
    axis.annotate("counts used", (0.3, 820), fontsize=8.5, color="0.35", va="center")
    axis.annotate("one individual", (40, 1.06), fontsize=8.5, color="0.35", ha="right")
    name = {HALF: "half a loop", ONE: "one loop"}[forecast.culture]
    axis.set(title=f"Table 4: together, {name} of bacteria", yscale="log", ylim=(floor * 0.9, 1100), xlim=(-0.5, 40))
    axis.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])


def report(single: pd.DataFrame, pair: pd.DataFrame, told: list[Forecast]) -> str:
    """All numbers as text."""
    lines = ["Table 3, root mean square errors of free runs over days 0 to 25", ""]
    lines += [single.drop(columns="fit").round(2).to_string(index=False), ""]
    lines += [pair.drop(columns="fit").round(2).to_string(index=False), ""]
    lines += [f"Lotka-Volterra with {k[1]} parameters: {v[0]}, {v[1]}" for k, v in EQUATIONS.items() if k[0] == "together"]
    lines += ["", "Table 4, days 0 to 8 foretell the mixed cultures (5, 50 and 95 %)", ""]
    for f in told:
        seen, none = observed(f.culture)
        lines += [f"{f.culture}, fitted: {f.fitted}", f"  aurelia left in {f.left:.0%} of the bootstrap"]
        end = f"none counted on day {none:g}" if np.isfinite(none) else "some counted to the end, day 16"
        lines += [f"  caudatum below one individual on day {f.gone.tolist()}; {end}"]
        lines += [f"  caudatum on day 16: {f.day16.round(1).tolist()}; counted {seen.caudatum[16]:g}"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> list[Forecast]:
    parser = argparse.ArgumentParser(description="Fit and foretell Gause's competing Paramecium.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure and the report")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    single, pair = alone(), together()
    joint = forecasts(HALF, ONE)
    told = [*forecasts(HALF), *forecasts(ONE), *joint]
    text = report(single, pair, told)
    (out / "gause_competition.txt").write_text(text + "\n")
    draw(single, pair, joint).savefig(out / "gause_competition.png", dpi=150)
    print(f"{text}\n\nThe figure and the report are in {out.resolve()}")
    return told


if __name__ == "__main__":
    main()
