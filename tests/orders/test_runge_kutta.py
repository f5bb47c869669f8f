"""Orders of the adaptive methods: exactly, from the order conditions of their tableaus, and observed with the drivers.

Both run over the registry, so a new method is tested by being registered.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

EXPLICIT = [name for name in METHODS if isinstance(METHODS[name], ExplicitRungeKutta)]
ROSENBROCK = [name for name in METHODS if isinstance(METHODS[name], Rosenbrock)]
PAIRS = [name for name in EXPLICIT if METHODS[name].adaptive]
ADAPTIVE = PAIRS + ROSENBROCK
THETAS = (0.15, 0.5, 0.77, 1.0)

# ---- order conditions --------------------------------------------------------------------------
# A rooted tree is the tuple of the subtrees of its root (Hairer, Norsett & Wanner, II.2).


@cache
def trees(order: int) -> tuple[tuple, ...]:
    """All rooted trees with `order` vertices."""

    def forests(vertices: int, largest: int):
        if vertices == 0:
            yield ()
        for size in range(min(vertices, largest), 0, -1):
            for count in range(1, vertices // size + 1):
                for some in combinations_with_replacement(trees(size), count):
                    for rest in forests(vertices - size * count, size - 1):
                        yield some + rest

    return tuple(forests(order - 1, order - 1))


def vertices(tree: tuple) -> int:
    return 1 + sum(map(vertices, tree))


def density(tree: tuple) -> int:
    """The product over all vertices of the number of vertices above and at each."""
    return vertices(tree) * prod(map(density, tree))


def weights(tree: tuple, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Elementary weight of each stage; `beta` at vertices with one branch (Hairer & Wanner, IV.7), else `alpha`."""
    matrix = beta if len(tree) == 1 else alpha
    return prod((matrix @ weights(branch, alpha, beta) for branch in tree), start=np.ones(len(alpha)))


def defects(b: np.ndarray, alpha: np.ndarray, beta: np.ndarray, order: int, theta: float = 1.0) -> float:
    """The largest violation of a condition of exactly this order."""
    return max(abs(b @ weights(tree, alpha, beta) - theta**order / density(tree)) for tree in trees(order))


def explicit_matrix(method: ExplicitRungeKutta) -> np.ndarray:
    """The strictly lower triangular matrix of all stages, those of the interpolant included."""
    rows = ((), *method.a, *method.extra)
    return np.array([[*row, *[0.0] * (len(rows) - len(row))] for row in rows])


def padded(row, size: int) -> np.ndarray:
    return np.array([*row, *[0.0] * (size - len(row))])


def classical(method: Rosenbrock) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices alpha and Gamma of the untransformed method and its transformed weights m (Hairer & Wanner, IV.7)."""
    s = method.stages
    c = np.array([padded(row, s) for row in ((), *method.c)])
    gamma = np.linalg.inv(np.eye(s) / method.gamma - c)
    a = np.array([padded(row, s) for row in ((), *method.a)])
    m = a[-1] + np.eye(s)[-1]
    return a @ gamma, gamma, m


def test_there_are_as_many_trees_as_there_should_be():
    assert [len(trees(q)) for q in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]


@pytest.mark.parametrize("name", EXPLICIT)
def test_explicit_tableau_satisfies_the_conditions_of_its_order_and_no_more(name):
    method = METHODS[name]
    a = explicit_matrix(method)
    b = padded(method.a[-1], len(a))
    assert max(defects(b, a, a, q) for q in range(1, method.order + 1)) < 1e-12
    assert defects(b, a, a, method.order + 1) > 1e-7
    assert sum(method.a[-1]) == pytest.approx(1, abs=1e-14)
    nodes = a.sum(axis=1)
    assert nodes[method.stages] == pytest.approx(1, abs=1e-13)
    assert np.all((nodes > -1e-14) & (nodes < 1 + 1e-13))
    if method.adaptive:  # the nearer the more exact is the eigenvalue of a right-hand side that depends on time
        assert 0 < method.stiff_stage < method.stages
        assert nodes[method.stiff_stage] >= 3 / 4


@pytest.mark.parametrize("name", PAIRS)
def test_explicit_error_estimate_has_the_order_that_the_step_control_assumes(name):
    method = METHODS[name]
    a = explicit_matrix(method)

    def power(row) -> int:
        """p for an estimate that behaves like h**p."""
        e, q = padded(row, len(a)), 1
        while max(abs(e @ weights(tree, a, a)) for tree in trees(q)) < 1e-12:
            q += 1
        return q

    powers = [power(row) for row in method.error]
    combined = powers[0] if len(powers) == 1 else 2 * powers[0] - powers[1]  # err5**2 / err3 of DOP853
    assert combined == method.error_order + 1


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("name", EXPLICIT)
def test_explicit_interpolant_has_its_order_at_every_point_of_a_step(name, theta):
    method = METHODS[name]
    a = explicit_matrix(method)
    b = padded([sum(c * theta ** (k + 1) for k, c in enumerate(row)) for row in method.dense], len(a))
    assert max(defects(b, a, a, q, theta) for q in range(1, method.dense_order + 1)) < 1e-11
    if theta == 1:
        assert b == pytest.approx(padded(method.a[-1], len(a)), abs=1e-11)


@pytest.mark.parametrize("name", EXPLICIT)
def test_explicit_interpolant_has_the_slopes_of_both_ends(name):
    """From them, and from y0 and y1, the drivers take its first coefficients."""
    method = METHODS[name]
    at_begin = [row[0] for row in method.dense]
    at_end = [sum((k + 1) * c for k, c in enumerate(row)) for row in method.dense]
    first, last = np.eye(len(method.dense))[[0, method.stages]]
    np.testing.assert_allclose(at_begin, first, atol=1e-12)
    np.testing.assert_allclose(at_end, last, atol=1e-11)


@pytest.mark.parametrize("name", ROSENBROCK)
def test_rosenbrock_tableau_satisfies_the_conditions_of_its_order_and_no_more(name):
    method = METHODS[name]
    alpha, gamma, m = classical(method)
    b = m @ gamma
    assert max(defects(b, alpha, alpha + gamma, q) for q in range(1, method.order + 1)) < 1e-12
    assert defects(b, alpha, alpha + gamma, method.order + 1) > 1e-7
    assert alpha.sum(axis=1) == pytest.approx(method.alpha, abs=1e-12)
    assert gamma.sum(axis=1) == pytest.approx(method.gammas, abs=1e-12)
    # stiffly accurate: the weights are the last row, so that R(infinity) = 0
    assert b == pytest.approx((alpha + gamma)[-1], abs=1e-12)


@pytest.mark.parametrize("name", ROSENBROCK)
def test_rosenbrock_error_estimate_has_the_order_that_the_step_control_assumes(name):
    method = METHODS[name]
    alpha, gamma, _ = classical(method)
    e = gamma[-1]  # the estimate is u_s
    beta = alpha + gamma
    largest = [max(abs(e @ weights(tree, alpha, beta)) for tree in trees(q)) for q in range(1, method.error_order + 2)]
    assert max(largest[:-1]) < 1e-12
    assert largest[-1] > 1e-6


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("name", ROSENBROCK)
def test_rosenbrock_interpolant_has_its_order_at_every_point_of_a_step(name, theta):
    method = METHODS[name]
    alpha, gamma, m = classical(method)
    nested = sum(padded(row, len(m)) * theta**k for k, row in enumerate(method.dense))
    b = theta * (m + (1 - theta) * nested) @ gamma
    assert max(defects(b, alpha, alpha + gamma, q, theta) for q in range(1, method.dense_order + 1)) < 1e-11


# ---- observed orders ---------------------------------------------------------------------------

x, y, t = sp.symbols("x y t")
#: Nonlinear systems with their exact solutions; two depend on time explicitly.
PROBLEMS = {
    "rotation": (
        sd.ODESystem({x: -y * (x**2 + y**2), y: x * (x**2 + y**2)}),
        [1.0, 0.0],
        lambda s: np.stack([np.cos(s), np.sin(s)], axis=-1),
    ),
    "driven": (
        sd.ODESystem({x: -(1 + sp.sin(t) / 2) * y * (x**2 + y**2), y: (1 + sp.sin(t) / 2) * x * (x**2 + y**2)}),
        [1.0, 0.0],
        lambda s: np.stack([np.cos(s + (1 - np.cos(s)) / 2), np.sin(s + (1 - np.cos(s)) / 2)], axis=-1),
    ),
    "growth": (
        sd.ODESystem({x: x * sp.cos(t), y: (1 - y**2) * sp.sin(2 * t)}),
        [1.0, 0.5],
        lambda s: np.stack([np.exp(np.sin(s)), np.tanh(np.arctanh(0.5) + np.sin(s) ** 2)], axis=-1),
    ),
}
END = 6.0
#: Where rounding would hide the truncation error, and where steps are too long for it to be asymptotic.
SMALLEST, LARGEST = 3e-13, 1e-3


def observed(name: str, problem: str, times: np.ndarray) -> float:
    """Minus the slope of log error against log steps over a range of tolerances, or of steps of one length.

    The driver chooses the steps, but on problems whose scale hardly changes all of them shrink together as the
    tolerance does, and the error goes with the power of their number that is the order.
    """
    system, initial, exact = PROBLEMS[problem]
    kernel = sd.compile(system, method=name)
    steps, errors = [], []
    for power in np.arange(3, 13, 0.5):
        tolerance, step = 10.0**-power, 10.0 ** (-power / (METHODS[name].order + 1))
        run = kernel([initial], np.zeros((1, 0)), times, rtol=tolerance, atol=tolerance, step=step)
        error = np.abs(run.values[0] - exact(times)).max()
        if SMALLEST < error < LARGEST:
            steps.append(run.steps[0])
            errors.append(error)
    assert len(steps) >= 6
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", EXPLICIT + ROSENBROCK)
def test_observed_order_at_the_end_of_the_interval(name, problem):
    # half an order is left to the uneven steps of the control; a method of the next lower order misses by a whole one
    assert observed(name, problem, np.array([0.0, END])) > METHODS[name].order - 0.5


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", ADAPTIVE)
def test_observed_order_of_outputs_between_steps(name, problem):
    # an interpolant of order q adds an error of order q + 1 to that of the steps
    method = METHODS[name]
    times = np.linspace(0, END, 1001)
    assert observed(name, problem, times) > min(method.order, method.dense_order + 1) - 0.5
