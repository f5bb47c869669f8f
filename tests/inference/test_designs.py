"""Designs against published ones, against all pairs, and against fits with the measurements that they choose."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

A, B, a, b, x, k, s = sp.symbols("A B a b x k s")
CHAIN = sd.ODESystem({A: -a * A, B: a * A - b * B}, initial={A: 1, B: 0})
TIMES = np.linspace(0, 10, 11)


def chain_fit(**options) -> sd.Fit:
    """A -> B -> with the rates of Box and Lucas, of data without error."""
    expected = 1.4 * (np.exp(-0.2 * TIMES) - np.exp(-0.7 * TIMES))
    return sd.fit(CHAIN, {"t": TIMES, "B": expected}, noise=0.05, guesses={a: 0.7, b: 0.2}, starts=1, **options)


def expected_slopes(t: np.ndarray) -> np.ndarray:
    """Derivatives (T, 2) of B by the logarithms of the rates 0.7 and 0.2, by central differences of the closed form."""

    def size(a: float, b: float) -> np.ndarray:
        return a / (a - b) * (np.exp(-b * t) - np.exp(-a * t))

    h = 1e-5
    up, down = np.exp(h), np.exp(-h)
    first = (size(0.7 * up, 0.2) - size(0.7 * down, 0.2)) / (2 * h)
    second = (size(0.7, 0.2 * up) - size(0.7, 0.2 * down)) / (2 * h)
    return np.stack([first, second], axis=1)


def test_two_consecutive_reactions() -> None:
    """Box & Lucas (1959): for the rates 0.7 and 0.2 the D-optimal times are 1.23 and 6.86."""
    found = chain_fit().design(np.linspace(0, 20, 2001), count=2, observables=["B"], beside=False)
    assert found.measurements.time.tolist() == pytest.approx([1.23, 6.86], abs=0.011)
    assert np.isinf(found.standard_errors["now"]).all()


@pytest.mark.parametrize("criterion", ["D", "A"])
def test_the_best_of_all_pairs(criterion: str) -> None:
    grid = np.linspace(0, 20, 41)
    found = chain_fit().design(grid, count=2, criterion=criterion)
    known, rows = expected_slopes(TIMES), expected_slopes(grid)
    best = {}
    for pair in combinations_with_replacement(range(41), 2):
        covariance = np.linalg.inv((known.T @ known + rows[list(pair)].T @ rows[list(pair)]) / 0.05**2)
        best[pair] = np.trace(covariance) if criterion == "A" else np.log(np.linalg.det(covariance))
    pair = min(best, key=best.__getitem__)
    chosen = [t for t, n in zip(found.measurements.time, found.measurements["count"], strict=True) for _ in range(n)]
    assert chosen == pytest.approx(grid[list(pair)].tolist())


def test_promises_are_kept_by_a_fit_with_the_measurements() -> None:
    """Of counts, with an initial value that is fitted: standard errors now are those of the fit, then those of all data."""
    t = np.arange(1.0, 7.0)
    system = sd.ODESystem({x: -k * x})
    first = sd.fit(system, {"t": t, "x": np.round(40 * np.exp(-0.5 * t))}, noise="poisson", starts=2, guesses={k: 0.5})
    found = first.design([1, 8, 10], count=2)
    assert found.measurements["count"].sum() == 2
    now = first.intervals["standard error"].to_numpy()
    assert found.standard_errors["now"].to_numpy() == pytest.approx(now, rel=1e-6)
    times = np.concatenate([t, np.repeat(found.measurements.time, found.measurements["count"])])
    order = np.argsort(times, kind="stable")
    expected = np.interp(times[order], np.unique(times), first.predict(np.unique(times)).x.values)
    again = first.problem.along(np.unique(times), 0)  # the expected information of Poisson's law, by hand
    _, slopes = again.evaluate(first.theta[None], first.scaled_starts[None])
    rows = slopes[0][0, 0][np.searchsorted(np.unique(times), times[order])]
    information = (rows / expected[:, None]).T @ rows
    units = [first.problem.columns[0].slope(first.parameters["k"]), first.problem.start_scale[0]]
    exact = np.sqrt(np.diag(np.linalg.inv(information))) * units
    assert found.standard_errors["then"].to_numpy() == pytest.approx(exact, rel=1e-5)


def test_larger_doses_tell_more_and_names_select() -> None:
    fit = chain_fit()
    found = fit.design(TIMES, count=3, conditions={"low": {A: 1}, "high": {"A": 5}}, of=["b"], criterion="A")
    assert set(found.measurements["condition"]) == {"high"}
    assert set(found.measurements["observable"]) == {"B"}
    alone = fit.design(TIMES, count=3, of=["b"], criterion="A")
    assert found.gain > alone.gain > 1
    assert "B of high at" in str(found)


def test_what_cannot_be_designed_is_refused() -> None:
    fit = chain_fit()
    for call, message in (
        (lambda: fit.design([-1.0]), "from 0, the first time"),
        (lambda: fit.design(["now"]), "expected finite ones"),
        (lambda: fit.design(TIMES, criterion="E"), "expected 'D' or 'A'"),
        (lambda: fit.design(TIMES, of=["q"]), "no fitted value"),
        (lambda: fit.design(TIMES, observables=["A"]), "no observable"),
        (lambda: fit.design(TIMES, observables=[]), "is empty"),
        (lambda: fit.design(TIMES, trajectory=1), "the data hold 1"),
        (lambda: fit.design(TIMES, conditions={"q": {a: 1}}), "which is fitted"),
        (lambda: fit.design(TIMES, conditions={"q": {A: s}}), "expected a number"),
    ):
        with pytest.raises(sd.RecoveryError, match=message):
            call()
    with pytest.raises(sd.DeclarationError, match="count"):
        fit.design(TIMES, count=0)
