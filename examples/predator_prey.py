"""Recover the interaction of a predator and its prey from three records, and set it against a fitted Lotka-Volterra.

For each record the system

    N' = a N - f(N, P) N P,        P' = e f(N, P) N P - d P

is declared with the rate ``f`` of predation at an encounter unknown, recovered from the first four fifths of the points,
simulated with the uncertainty of its constants, and compared with Lotka and Volterra's, in which it is constant.  The
records are pelts of hare and lynx (Hudson's Bay Company, 1900-1920), Gause's Paramecium and Didinium (1934, figure 30), and a
synthetic one with saturating predation, where the truth is known.

    python -m examples.predator_prey --out out
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.evidence import errors
from symdyn.figure_style import BLUE, VERMILION

N, P, a, b, d, e, h = sp.symbols("N P a b d e h")
f = sp.Function("f")
#: Predation needs both; how much of it there is at an encounter is unknown.
HIDDEN = sd.ODESystem({N: a * N - N * P * f(N, P), P: e * N * P * f(N, P) - d * P})
LOTKA_VOLTERRA = sd.ODESystem({N: a * N - b * N * P, P: e * b * N * P - d * P})
#: Constant, rising and falling with the numbers of either, and saturation of the predator (Holling's types II and III).
LIBRARY = [sp.S.One, 1 / (1 + h * N), N / (1 + h * N**2), 1 / (1 + h * P), N, P, N**2, P**2]
BOUNDS = {a: (0, None), b: (0, None), d: (0, None), e: (0, None), h: (0, None)}
HELDOUT = 0.2
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Record:
    """A record of prey and predator.

    Attributes
    ----------
    name, title : str
    prey, predator, clock : str
        What N, P and time are, with their units.
    table : DataFrame
        Columns t, N, P; numbers near 1.
    truth : ODESystem or None
    """

    name: str
    title: str
    prey: str
    predator: str
    clock: str
    table: pd.DataFrame
    truth: sd.ODESystem | None = None


@dataclass(frozen=True)
class Result:
    """What became of a record."""

    record: Record
    found: sd.Recovery
    baseline: sd.ODESystem
    errors: pd.DataFrame
    run: xr.Dataset
    seconds: float


def hare_lynx() -> Record:
    table = pd.read_csv(DATA / "hudson_bay_1900_1920.csv", comment="#")
    table = pd.DataFrame({"t": table.year - 1900.0, "N": table.hare / 10, "P": table.lynx / 10})
    pelts = "pelts (10 000)"
    return Record("hare_lynx", "Snowshoe hare and Canada lynx", f"hare, {pelts}", f"lynx, {pelts}", "years since 1900", table)


def paramecium_didinium() -> Record:
    table = pd.read_csv(DATA / "gause1934_fig30_didinium.csv", comment="#")
    table = pd.DataFrame({"t": table.day.astype(float), "N": table.paramecium / 100, "P": table.didinium / 100})
    title = "Paramecium caudatum and Didinium nasutum"
    return Record("paramecium_didinium", title, "Paramecium (100)", "Didinium (100)", "days", table)


def synthetic(noise: float = 0.02, seed: int = 0) -> Record:
    """Twenty points of saturating predation with relative noise."""
    truth = HIDDEN.with_terms({f(N, P): b / (1 + h * N)}).with_parameters(a=0.6, b=0.5, d=0.5, e=0.6, h=0.15)
    truth = truth.with_initial(N=2.0, P=0.6)
    times = np.linspace(0, 19, 20)
    data = sd.simulate(truth, times, rtol=1e-10, atol=1e-12)
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"t": times, **{s: data[s].values * (1 + noise * rng.normal(size=20)) for s in ("N", "P")}})
    return Record("synthetic", "Saturating predation, 2 % noise", "prey", "predator", "time", table, truth)


def study(record: Record, surrogate: str | None = "pinn", samples: int = 500, progress: bool = True) -> Result:
    """Recover, fit the baseline, simulate with uncertainty, and compare."""
    begin = time.perf_counter()
    found = sd.recover(
        HIDDEN,
        record.table,
        library=LIBRARY,
        surrogate=surrogate,
        regressor="operon" if surrogate else None,
        heldout=HELDOUT,
        bounds={s: v for s, v in BOUNDS.items() if s != b},
        progress=progress,
    )
    baseline = sd.fit(LOTKA_VOLTERRA, found.observations, parameters={s: v for s, v in BOUNDS.items() if s != h})
    compared = {"recovered": (found.system, found.starts[0]), "Lotka-Volterra": (baseline.system, baseline.starts)}
    tables = [
        errors(system, found.observations, heldout=found.heldout, starts=starts).assign(system=name)
        for name, (system, starts) in compared.items()
    ]
    times = np.linspace(record.table.t.min(), record.table.t.max(), 201)
    ensemble = sd.simulate(
        found.system, times, **found.sample(samples, seed=1), reduce={"quantile": (0.05, 0.5, 0.95)}, on_failure="nan",
        progress=False,
    )  # fmt: skip
    single = [sd.simulate(s.with_initial(dict(zip((N, P), x0[0], strict=True))), times, on_failure="nan", progress=False)
              for s, x0 in compared.values()]  # fmt: skip
    run = ensemble.drop_vars(["status", "steps", "rejected", "evaluations"])
    for state in ("N", "P"):
        run[f"{state}_recovered"] = single[0][state]
        run[f"{state}_lotka_volterra"] = single[1][state]
    run.attrs["terms"] = str({str(k): str(v) for k, v in found.terms.items()})
    return Result(record, found, baseline.system, pd.concat(tables, ignore_index=True), run, time.perf_counter() - begin)


# ---- figures and report ------------------------------------------------------------------------


@sd.style()
def draw(result: Result, path: Path) -> None:
    """Data, recovered system with a 90 % band, and the baseline; the interaction beside them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    record, run = result.record, result.run
    table, cut = record.table, len(result.found.observations.trajectories[0].times)
    figure, axes = plt.subplots(2, 1, figsize=(7.5, 4.9), sharex=True, layout="constrained")
    for axis, state, label, color in zip(axes, ("N", "P"), (record.prey, record.predator), (BLUE, VERMILION), strict=True):
        band = run[f"{state}_quantile"]
        top = 1.35 * max(table[state].max(), float(run[f"{state}_recovered"].max()))
        axis.fill_between(run.time, band.sel(quantile=0.05), band.sel(quantile=0.95), color=color, alpha=0.18, lw=0)
        axis.plot(run.time, run[f"{state}_recovered"], color=color, lw=2, label="recovered, 90 % band")
        axis.plot(
            run.time, run[f"{state}_lotka_volterra"], color="black", lw=1.7, ls=(0, (1, 3)), label="fitted Lotka-Volterra"
        )
        axis.plot(table.t[:cut], table[state][:cut], "o", color=color, ms=5.5, label="data")
        axis.plot(table.t[cut:], table[state][cut:], "o", color=color, mfc="white", ms=5.5, label="held out")
        axis.axvspan(table.t.iloc[cut - 1], table.t.iloc[-1], color="0.5", alpha=0.08, lw=0)
        axis.set(ylabel=label, ylim=(0, top))
    axes[0].legend(ncols=4, loc="upper right")
    axes[1].set_xlabel(record.clock)
    formula = sp.latex(_short(result.found.terms[f(N, P)]))
    figure.suptitle(f"{record.title}:   predation $f N P$ with $f(N, P) = {formula}$", fontsize=11)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _short(expression: sp.Expr) -> sp.Expr:
    return expression.xreplace({n: sp.Float(n, 3) for n in expression.atoms(sp.Float)})


def _equations(system: sd.ODESystem) -> str:
    values = {p: sp.Float(v, 3) for p, v in system.defaults.items()}
    return str(system.map_expressions(lambda x: _short(x.xreplace(values))))


def report(results: list[Result]) -> str:
    """The equations, what speaks for them, and the errors, as Markdown."""
    lines = ["# Predator and prey: what the data say about their interaction", ""]
    lines += ["`N' = a N - f(N, P) N P`, `P' = e f(N, P) N P - d P`; the last fifth of each record was held out. Errors are"]
    lines += [
        "root mean squares relative to the size of each state: one step ahead from the data, and free from the first point.",
        "",
    ]
    for result in results:
        found = result.found
        lines += [f"## {result.record.title}", "", f"![{result.record.title}]({result.record.name}.png)", ""]
        lines += [f"Recovered in {result.seconds:.1f} s from {found.observations.size} numbers:", "", "```"]
        lines += [_equations(found.system), "```", "", "The fitted Lotka-Volterra:", "", "```"]
        lines += [_equations(result.baseline), "```", ""]
        if result.record.truth is not None:
            lines += ["The truth:", "", "```", _equations(result.record.truth), "```", ""]
        wide = result.errors.pivot_table(index="system", columns=["part", "kind"], values="relative", sort=False)
        lines += [_markdown(wide.round(3).reset_index()), "", "Constants, with 90 % intervals given these terms:", ""]
        lines += [_markdown(found.intervals.round(4)), "", "The five best systems, and the evidence for each:", ""]
        lines += [_markdown(found.table[["terms", "parameters", "bic", "weight", "rms"]].head(5).round(3)), ""]
        if found.identifiability.equivalent:
            lines += [f"The data do not tell the first from: {'; '.join(found.identifiability.equivalent)}.", ""]
        if found.identifiability.rank < found.identifiability.fitted:
            lines += [
                f"The data determine only {found.identifiability.rank} of {found.identifiability.fitted} fitted values.",
                "",
            ]
        lines += [f"Note: {text}." for text in found.warnings] + [""] * bool(found.warnings)
    return "\n".join(lines)


def _markdown(table: pd.DataFrame) -> str:
    """A table in Markdown (pandas would need a further package for it)."""
    names = [" ".join(map(str, filter(None, c))) if isinstance(c, tuple) else str(c) for c in table.columns]
    rows = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(r) + " |" for r in (names, ["---"] * len(names), *rows))


def main(arguments: list[str] | None = None) -> list[Result]:
    parser = argparse.ArgumentParser(description="Recover predator-prey interactions from three records.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for figures, report and runs")
    parser.add_argument("--surrogate", choices=["pinn", "none"], default="pinn", help="learn the terms by a network first")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    for record in (hare_lynx(), paramecium_didinium(), synthetic()):
        print(f"{record.title} ...", flush=True)
        result = study(record, surrogate=None if options.surrogate == "none" else options.surrogate)
        draw(result, options.out / f"{record.name}.png")
        print(f"{result.found!r}\n({result.seconds:.1f} s)\n", flush=True)
        results.append(result)
    (options.out / "report.md").write_text(report(results))
    tree = xr.DataTree.from_dict({r.record.name: r.run for r in results})
    tree.to_netcdf(options.out / "runs.nc")
    print(f"Figures, report.md and runs.nc are in {options.out.resolve()}")
    return results


if __name__ == "__main__":
    main()
