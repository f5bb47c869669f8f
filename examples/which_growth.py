"""Which law of growth?  Three models of Paramecium, by how well they foretell what they were not fitted to.

Gause's counts of Paramecium caudatum, alone, are fitted by three laws with the limit K:

    logistic     N' = r N (1 - N/K)
    Gompertz     N' = r N log(K/N)
    exponential  N' = r (K - N)

as counts with negative binomial noise.  Akaike's criterion judges them by the fit to all counts, cross-validation by the
density of counts that were left out: single ones, whose neighbours in time are known, or blocks of days, which is harder.  The
scores of two models are compared count by count, so that the difference has an error of its own.

    python -m examples.which_growth --out out

Gause, The Struggle for Existence (1934), Appendix I, table 3; Vehtari, Gelman, Gabry, Stat. Comput. 27, 1413 (2017).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, ORANGE

N, r, K = sp.symbols("N r K")
LAWS = {
    "logistic": sd.ODESystem({N: r * N * (1 - N / K)}),
    "Gompertz": sd.ODESystem({N: r * N * sp.log(K / N)}),
    "exponential": sd.ODESystem({N: r * (K - N)}),
}
BOUNDS = {r: (0.01, 5), K: (100, 1000), N: (0.1, 50)}
COLORS = {"logistic": BLUE, "Gompertz": ORANGE, "exponential": GREEN}
DATA = Path(__file__).parent / "data" / "gause1934_table3.csv"


def counts() -> pd.DataFrame:
    """Days and counts of P. caudatum alone."""
    table = pd.read_csv(DATA, comment="#")
    return pd.DataFrame({"t": table.day.astype(float), "N": table["caudatum_alone"]}).dropna()


def study() -> tuple[dict[str, sd.Fit], pd.DataFrame]:
    """The fits, and a row for each: AIC, and how much worse than the logistic law it foretells, with errors."""
    data = counts()
    fits = {name: sd.fit(law, data, parameters=BOUNDS, noise="negative binomial", starts=10) for name, law in LAWS.items()}
    rows = {}
    for name, fit in fits.items():
        rows[name] = {"AIC": fit.aic}
        for by, folds in (("measurement", len(data)), ("time", 5)):
            compared = fits["logistic"].cross_validate(folds, by=by).compare(fit.cross_validate(folds, by=by))
            rows[name] |= {f"{by}: worse by": compared["difference"], f"{by}: error": compared["error"]}
    return fits, pd.DataFrame.from_dict(rows, orient="index")


@sd.style()
def draw(fits: dict[str, sd.Fit], table: pd.DataFrame) -> Figure:
    """Counts with the curves, and the differences of the scores."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), width_ratios=(3, 2), layout="constrained")
    data, days = counts(), np.linspace(0, 25, 201)
    left.plot(data.t, data.N, "o", ms=4, color="0.5")
    for name, fit in fits.items():
        left.plot(days, fit.predict(days).N, color=COLORS[name], label=name)
    left.set(xlabel="days", ylabel="P. caudatum per 0.5 cc")
    left.legend()
    for place, name in enumerate(n for n in table.index if n != "logistic"):
        row = table.loc[name]
        for shift, by, marker in ((-0.12, "measurement", "o"), (0.12, "time", "s")):
            right.errorbar(
                place + shift, row[f"{by}: worse by"], 2 * row[f"{by}: error"], fmt=marker, color=COLORS[name], capsize=3
            )  # fmt: skip
    for label, marker in (("single counts", "o"), ("blocks of days", "s")):
        right.plot([], [], marker, color="0.4", label=label)
    right.axhline(0, color="0.4", lw=0.8)
    right.set_xticks(range(2), [n for n in table.index if n != "logistic"])
    right.set(ylabel="log score below the logistic's", xlim=(-0.5, 1.5))
    right.legend()
    return figure


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    fits, table = study()
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(fits, table)
    figure.savefig(out / "which_growth.png", dpi=150)
    plt.close(figure)
    print(table.round(2).to_string())
    return table


if __name__ == "__main__":
    main()
