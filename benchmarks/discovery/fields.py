"""Whole equations of fields from dense noisy data, beside pysindy's weak library with sequential thresholding.

Burgers, Korteweg-de Vries, Kuramoto-Sivashinsky and Fisher-KPP are simulated with differences of the sixth order, every second
cell is kept, and white noise of a given signal-to-noise ratio is added.  Both methods see the same data.  symdyn is told
nothing but the data: domain, periodicity, noise and hyper-parameters come from them.  pysindy gets the derivatives up to
the fourth of u and products with u and its powers, and the threshold that is best for it in hindsight, by the number of wrong
terms and then by the error: an advantage that symdyn has not.

    nice python -m benchmarks.discovery.fields --seeds 3
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.models import zoo
from symdyn.models.operators import linear_form

__all__ = ["PROBLEMS", "Problem", "noisy", "run"]

u, x = sp.symbols("u x")
#: A term c d^m/dx^m u^q is (q, m): its coefficient c.
Coefficients = dict[tuple[int, int], float]
#: Thresholds that pysindy may choose from.
THRESHOLDS = (0.01, 0.03, 0.1, 0.2, 0.4)


@dataclass(frozen=True)
class Problem:
    """An equation with data.

    Attributes
    ----------
    name : str
    system : PDESystem
        With an initial field.
    times : (T,) float64
    grid, every : int
        Cells, and which of them are kept.
    truth : mapping
        Coefficients by (q, m).
    """

    name: str
    system: sd.PDESystem
    times: np.ndarray
    grid: int
    every: int
    truth: Mapping[tuple[int, int], float]


def _solitons() -> sd.PDESystem:
    start = {u: sp.sech(x + 10) ** 2 + sp.sech((x - 2) / 2) ** 2 / 4}
    rate = -6 * u * sd.dx(u) - sd.dx(sd.laplacian(u))
    return sd.PDESystem({u: rate}, (-30, 30), boundary="periodic", initial=start)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "Burgers": lambda: Problem(
        "Burgers", zoo.burgers((-8, 8)).with_initial(u=sp.exp(-((x + 2) ** 2))), np.linspace(0, 10, 101), 512, 2,
        {(2, 1): -0.5, (1, 2): 0.1},
    ),
    "Korteweg-de Vries": lambda: Problem(
        "Korteweg-de Vries", _solitons(), np.linspace(0, 20, 201), 512, 2, {(2, 1): -3.0, (1, 3): -1.0}
    ),
    "Kuramoto-Sivashinsky": lambda: Problem(
        "Kuramoto-Sivashinsky", zoo.kuramoto_sivashinsky(), np.linspace(0, 100, 251), 512, 2,
        {(2, 1): -0.5, (1, 2): -1.0, (1, 4): -1.0},
    ),
    "Fisher-KPP": lambda: Problem(
        "Fisher-KPP", zoo.fisher_kpp((0, 60)).with_initial(u=sp.exp(-((x - 20) ** 2) / 4) / 2), np.linspace(0, 10, 101), 512, 2,
        {(1, 0): 1.0, (2, 0): -1.0, (1, 2): 1.0},
    ),
}  # fmt: skip


@cache
def _clean(name: str) -> xr.Dataset:
    problem = PROBLEMS[name]()
    method = "imex" if name == "Kuramoto-Sivashinsky" else "bs32"
    run = sd.simulate(problem.system.discretize(problem.grid, order=6), problem.times, method=method, rtol=1e-7, progress=False)
    return run[["u"]].isel(x=slice(0, None, problem.every))


def noisy(name: str, decibel: float, seed: int) -> xr.Dataset:
    """Data of a problem with white noise of this signal-to-noise ratio."""
    clean = _clean(name)
    size = float(np.sqrt((clean.u**2).mean())) * 10 ** (-decibel / 20)
    return clean.assign(u=clean.u + size * np.random.default_rng(seed).normal(size=clean.u.shape))


def by_symdyn(data: xr.Dataset) -> Coefficients:
    """Coefficients that `symdyn.recover` finds with nothing known."""
    found = sd.recover(None, data, progress=False)
    (expression,) = found.terms.values()
    coefficients: Coefficients = {}
    for (w, m), c in linear_form(sp.expand(expression), [u], [x], 1).items():
        coefficients[int(sp.degree(w, u)) if w.has(u) else 0, m[0]] = float(c)
    return coefficients


def by_pysindy(data: xr.Dataset, threshold: float, seed: int) -> Coefficients:
    """Coefficients by WeakPDELibrary and STLSQ; products other than u u_x have negative keys."""
    import pysindy as ps

    np.random.seed(seed)  # its windows lie where the global generator says
    grid = np.stack(np.meshgrid(data.x.values, data.time.values, indexing="ij"), axis=-1)
    library = ps.WeakPDELibrary(
        function_library=ps.PolynomialLibrary(degree=3, include_bias=False), include_bias=True, derivative_order=4,
        spatiotemporal_grid=grid, K=400, p=6,
    )  # fmt: skip
    model = ps.SINDy(optimizer=ps.STLSQ(threshold=threshold, alpha=1e-8, normalize_columns=False), feature_library=library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(data.u.values.T[..., None], t=data.time.values, feature_names=["u"])
    values, names = model.coefficients()[0], model.get_feature_names()
    return {_key(n): _factor(n) * float(c) for n, c in zip(names, values, strict=True) if c != 0}


def _key(name: str) -> tuple[int, int]:
    """What a name such as ``u^2`` or ``uu_11`` of pysindy means."""
    plain = name.replace(" ", "")
    if plain == "1":
        return 0, 0
    power, _, order = plain.partition("_")
    powers = {"u": 1, "u^2": 2, "u^3": 3, "uu": 2, "u^2u": 3, "u^3u": 4}[power]
    if not order:
        return powers, 0
    if powers == 1 or (powers, len(order)) == (2, 1):
        return powers, len(order)
    return -powers, len(order)


def _factor(name: str) -> float:
    return 0.5 if _key(name) == (2, 1) else 1.0


def _scores(found: Coefficients, truth: Mapping[tuple[int, int], float]) -> tuple[int, float]:
    """The number of wrong terms, and the error of all coefficients relative to the truth."""
    keys = {*found, *truth}
    gap = np.array([found.get(k, 0.0) - truth.get(k, 0.0) for k in sorted(keys)])
    return len(set(found) ^ set(truth)), float(np.linalg.norm(gap) / np.linalg.norm(list(truth.values())))


def run(
    seeds: Iterable[int] = (0, 1, 2), decibels: Iterable[float] = (40, 20), names: Iterable[str] = tuple(PROBLEMS), *,
    peer: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """Exact supports, coefficient errors and times of both methods.

    Returns
    -------
    DataFrame
        A row for each equation, signal-to-noise ratio and method: share of seeds with the exact terms, median relative error of
        the coefficients, median CPU seconds (of pysindy for one threshold).
    """
    rows = []
    for name in names:
        truth = PROBLEMS[name]().truth
        for decibel in decibels:
            for seed in seeds:
                data = noisy(name, decibel, seed)
                begin = time.process_time()
                wrong, error = _scores(by_symdyn(data), truth)
                rows.append((name, decibel, "symdyn", wrong == 0, error, time.process_time() - begin))
                if peer:
                    begin = time.process_time()
                    wrong, error = min(_scores(by_pysindy(data, t, seed), truth) for t in THRESHOLDS)
                    spent = (time.process_time() - begin) / len(THRESHOLDS)
                    rows.append((name, decibel, "pysindy", wrong == 0, error, spent))
    frame = pd.DataFrame(rows, columns=["equation", "snr", "method", "exact", "error", "cpu"])
    summary = frame.groupby(["equation", "snr", "method"], sort=False)
    return summary.agg(exact=("exact", "mean"), error=("error", "median"), cpu=("cpu", "median")).reset_index()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    print(run(range(parser.parse_args().seeds)).to_string(index=False, float_format=lambda v: f"{v:.3g}"))


if __name__ == "__main__":
    main()
