"""Coefficients of 70 polynomial chaotic flows from noisy trajectories, beside pysindy's weak form.

The protocol is that of Kaptanoglu et al., arXiv:2302.10787: five trajectories of 1000 points at 100 points a period, a
library of all monomials up to degree 4, normal noise relative to the root mean square of each state.  pysindy's
threshold and test functions are chosen on the exact derivatives of five further, noiseless trajectories; symdyn is not
shown those.  The error is
``||Xi - Xi_found|| / ||Xi||`` in the spectral norm, as published.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.discovery.flows import DEGREE, SYSTEMS, flow, trajectories

__all__ = ["coefficient_error", "run", "summary"]

TRAIN = 5
#: Thresholds of STLSQ that are tried, and number and half widths (shares of a trajectory) of its test functions.
THRESHOLDS, DOMAINS, WIDTHS = np.logspace(-3, 1, 30), 400, (1 / 20, 1 / 50)


def coefficient_error(true: np.ndarray, found: np.ndarray) -> float:
    """Relative error of a matrix of coefficients in the spectral norm."""
    return float(np.linalg.norm(true - found, 2) / np.linalg.norm(true, 2))


def by_symdyn(name: str, times: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Coefficients by `symdyn.SparseRegression`; the test trajectories are not looked at."""
    from symdyn import SparseRegression

    found = flow(name)
    assert found is not None
    names = found.system.states
    return SparseRegression(DEGREE, names=names).fit(list(train), t=[times] * len(train)).coef_


def by_pysindy(name: str, times: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Coefficients by pysindy's weak form with STLSQ.

    Threshold and width of the test functions are those with the least AICc on the exact derivatives of the noiseless test
    trajectories.
    """
    import pysindy

    found = flow(name)
    assert found is not None
    library = pysindy.PolynomialLibrary(degree=DEGREE)
    order = _order(library, train[0], found.terms, names=[s.name for s in found.system.states])
    states = test.reshape(-1, test.shape[2])
    values = np.asarray(library.transform(states))
    truth = values[:, order] @ found.coefficients.T
    best, least = np.zeros((train.shape[2], values.shape[1])), np.inf
    np.random.seed(0)  # pysindy places its test functions by the global generator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for width in WIDTHS:
            weak = pysindy.WeakPDELibrary(library, spatiotemporal_grid=times, K=DOMAINS, H_xt=[times[-1] * width], p=4)
            designs, targets = [], []
            for x in train:
                weak.fit(x)
                designs.append(np.asarray(weak.transform(x)))
                targets.append(np.asarray(weak.convert_u_dot_integral(x)))
            design, target = np.concatenate(designs), np.concatenate(targets)
            for threshold in THRESHOLDS:
                optimizer = pysindy.STLSQ(threshold=threshold, alpha=1e-5, max_iter=100)
                optimizer.fit(design, target)
                c = np.asarray(optimizer.coef_)
                k, m = np.count_nonzero(c), truth.size
                if not k:
                    break
                misfit = float(np.sum((truth - values @ c.T) ** 2)) + 1e-300
                score = m * np.log(misfit / m) + 2 * k + 2 * k * (k + 1) / max(m - k - 1, 1)
                if score < least:
                    best, least = c, score
    return best[:, order]


def _order(library: object, x: np.ndarray, terms: Sequence[object], names: Sequence[str]) -> list[int]:
    """Where our terms stand among pysindy's."""
    library.fit(x)  # type: ignore[attr-defined]
    theirs = library.powers_.tolist()  # type: ignore[attr-defined]
    import sympy as sp

    symbols = sp.symbols(names)
    return [theirs.index(list(sp.Poly(term, *symbols).monoms()[0])) for term in terms]


METHODS: dict[str, Callable[..., np.ndarray]] = {"symdyn": by_symdyn, "pysindy": by_pysindy}


def run(
    noise: float = 0.01,
    systems: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] = ("symdyn", "pysindy"),
    report: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """One row a system, seed and method: coefficient error, whether the support is exact, and CPU seconds."""
    rows = []
    for name in systems or SYSTEMS:
        found = flow(name)
        if found is None:
            raise ValueError(f"{name} is no autonomous polynomial flow of degree {DEGREE} or less")
        times, clean = trajectories(name, 2 * TRAIN)
        for seed in seeds:
            rng = np.random.default_rng([seed, 1])
            x = clean + noise * np.sqrt(np.mean(clean[:TRAIN] ** 2, axis=(0, 1))) * rng.normal(size=clean.shape)
            for method in methods:
                before = time.process_time()
                c = METHODS[method](name, times, x[:TRAIN], clean[TRAIN:])
                seconds = time.process_time() - before
                exact = bool(np.array_equal(c != 0, found.coefficients != 0))
                row = {"system": name, "noise": noise, "seed": seed, "method": method}
                row |= {"error": coefficient_error(found.coefficients, c), "exact": exact, "seconds": seconds}
                rows.append(row)
                if report is not None:
                    report(f"{name} {method}: error {row['error']:.1e}, exact {exact}, {seconds:.1f} s")
    return pd.DataFrame(rows)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """By noise and method: systems below 1 % and 10 % error, exact supports, median error and CPU seconds."""
    groups = frame.groupby(["noise", "method"])
    return pd.DataFrame(
        {
            "rows": groups.size(),
            "below 1 %": groups["error"].apply(lambda e: int((e < 0.01).sum())),
            "below 10 %": groups["error"].apply(lambda e: int((e < 0.1).sum())),
            "exact": groups["exact"].sum(),
            "median error": groups["error"].median(),
            "median seconds": groups["seconds"].median(),
        }
    )
