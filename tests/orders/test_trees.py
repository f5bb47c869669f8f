"""Orders of schemes along the tree of a Brownian path, in steps of one length and in steps from the state."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, q, p, w, t = sp.symbols("x y q p w t")
WELL = sd.SDESystem({x: x - x**3}, {x: sp.Rational(1, 2)}, initial={x: 1})
GROWTH = sd.SDESystem({x: x * 3 / 2, w: 0}, [[x], [1]], initial={x: 1, w: 0})
DIAGONAL = sd.SDESystem(
    {x: y - x, y: 1 - x * y}, {x: sp.sin(x) + t / 2, y: sp.sqrt(1 + y**2) * 2 / 5}, initial={x: 1, y: sp.Rational(1, 2)}
)
LANGEVIN = sd.SDESystem({q: p, p: q - q**3 - 2 * p + sp.sin(t)}, {p: 1}, initial={q: 1, p: 0})
LEVELS = np.arange(3, 8)


def final(system, method, times=(0, 1), count=400, **lengths):
    """The states at the last time, and the mean number of steps."""
    chosen = sd.METHODS[method].options(brownian="tree")
    data = sd.simulate(system, times, method=chosen, trajectories=count, seed=3, progress=False, **lengths)
    return {name: data[name].values[:, -1] for name in system.names}, float(data.steps.mean())


def distance(found, exact):
    return np.sqrt(np.mean(sum((found[name] - exact[name]) ** 2 for name in exact)))


@pytest.mark.parametrize(
    ("system", "method", "order"),
    [
        (WELL, "sra1", 1.5), (WELL, "shark", 1.5), (WELL, "slowrk", 1.5), (WELL, "milstein", 1), (GROWTH, "milstein", 1),
        (GROWTH, "euler-maruyama", 0.5), (GROWTH, "heun", 1), (GROWTH, "slowrk", 1.5), (DIAGONAL, "slowrk", 1.5),
        (DIAGONAL, "milstein", 1), (LANGEVIN, "align", 2), (LANGEVIN, "ubu", 2),
        (LANGEVIN, "sra1", 2), (LANGEVIN, "quicsort", 3),
    ],
)  # fmt: skip
def test_strong_orders_in_steps_of_one_length(system, method, order):
    """On the growth against the exact solution, else against steps 32 times shorter than the shortest, on the same paths."""
    errors = []
    if system is not GROWTH:
        exact, _ = final(system, method, step=2.0**-12)
    for level in LEVELS:
        found, steps = final(system, method, step=2.0**-level)
        assert steps == 2**level
        if system is GROWTH:
            exact = {"x": np.exp(1 + found["w"])}
        errors.append(distance(found, exact))
    assert -np.polyfit(LEVELS, np.log2(errors), 1)[0] == pytest.approx(order, abs=0.3)
    assert -np.polyfit(LEVELS, np.log2(errors), 1)[0] > sd.METHODS[method].strong_order - 0.15


def test_at_the_same_steps_quicsort_is_nearer_to_one_path_than_schemes_of_order_two():
    """All along the tree that serves two integrals; shorter steps than the shortest here have the path of the longest."""

    def run(method, level):
        chosen = sd.METHODS[method].options(brownian="tree", integrals=2)
        data = sd.simulate(LANGEVIN, [0, 1], method=chosen, trajectories=200, seed=3, step=2.0**-level, progress=False)
        return {name: data[name].values[:, -1] for name in "qp"}

    exact = run("quicsort", 11)
    third, align, ubu = (distance(run(method, 6), exact) for method in ("quicsort", "align", "ubu"))
    assert third < align / 100
    assert third < ubu / 100
    assert distance(run("align", 11), exact) < ubu / 500  # the same path by another scheme


def test_steps_from_the_state_keep_order_three():
    chosen = sd.methods.Quicsort(brownian="tree", max_step=0.5)
    exact, _ = final(LANGEVIN, "quicsort", times=(0, 2), step=2.0**-10, count=200)
    steps, errors = [], []
    for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        data = sd.simulate(
            LANGEVIN, [0, 2], method=chosen, trajectories=200, seed=3, rtol=tolerance, atol=tolerance, progress=False
        )
        errors.append(distance({name: data[name].values[:, -1] for name in "qp"}, exact))
        steps.append(float(data.steps.mean()))
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(3, abs=0.2)


def test_shark_has_about_three_quarters_of_the_error_of_sra1():
    exact, _ = final(WELL, "sra1", times=(0, 2), step=2.0**-12)
    ratio = [
        distance(final(WELL, "shark", times=(0, 2), step=2.0**-k)[0], exact)
        / distance(final(WELL, "sra1", times=(0, 2), step=2.0**-k)[0], exact)
        for k in (5, 6, 7)
    ]
    assert np.mean(ratio) == pytest.approx(0.77, abs=0.08)


@pytest.mark.parametrize(
    ("system", "method", "tolerances", "order"),
    [
        (WELL, "sra1", (1e-3, 1e-4, 1e-5, 1e-6), 1.5),
        (WELL, "shark", (1e-3, 1e-4, 1e-5, 1e-6), 1.5),
        (GROWTH, "slowrk", (1e-2, 1e-3, 1e-4, 1e-5), 1.5),
        (GROWTH, "milstein", (1e-1, 3e-2, 1e-2, 3e-3), 1),
    ],
)
def test_steps_from_the_state_keep_the_order(system, method, tolerances, order):
    steps, errors = [], []
    if system is WELL:
        exact, _ = final(WELL, "sra1", times=(0, 2), step=2.0**-13)
    for tolerance in tolerances:
        found, count = final(system, method, times=(0, 2), rtol=tolerance, atol=tolerance)
        if system is GROWTH:
            exact = {"x": np.exp(2 + found["w"])}
            scale = 1 / exact["x"]
            errors.append(np.sqrt(np.mean(((found["x"] - exact["x"]) * scale) ** 2)))
        else:
            errors.append(distance(found, exact))
        steps.append(count)
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] > order - 0.2


def test_at_the_same_work_the_error_is_below_that_of_embedded_estimates():
    """diffrax 0.7 with SRA1 and a PI controller on a virtual tree: 1.5e-4 at 676 accepted steps, 9.1e-4 at 147."""
    exact, _ = final(WELL, "sra1", times=(0, 2), step=2.0**-13)
    for tolerance, most, bound in ((1e-5, 676, 1.5e-4), (1e-4, 147, 9.1e-4)):
        found, steps = final(WELL, "sra1", times=(0, 2), rtol=tolerance, atol=tolerance)
        assert steps < most
        assert distance(found, exact) < bound / 3


def test_steps_shorten_where_the_leading_error_is_large():
    # the square root of Cox, Ingersoll & Ross: the drift is 0.16/y - y/2, and steps are as short as y permits
    root = sd.SDESystem.from_text("dy = (0.32/y - y/2)*dt + 0.6*dW; y(0) = 1")
    found, steps = final(root, "sra1", rtol=1e-4, atol=1e-4, count=200)
    exact, _ = final(root, "sra1", rtol=1e-7, atol=1e-7, count=200)
    fixed, _ = final(root, "sra1", step=2.0 ** -np.ceil(np.log2(steps)), count=200, on_failure="nan")
    kept = np.isfinite(fixed["y"])  # the others step across 0
    assert 190 <= kept.sum() < 200
    found, exact, fixed = ({"y": run["y"][kept]} for run in (found, exact, fixed))
    assert distance(found, exact) < distance(fixed, exact) / 3
