"""Homotopies as systems: where starts arrive, are lost, and pass folds; Newton's flow."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.errors import DeclarationError


def katsura(n):
    """Katsura's system, which has 2**n complex roots."""
    u = sp.symbols(f"u0:{n + 1}")
    at = lambda i: u[abs(i)] if abs(i) <= n else 0  # noqa: E731
    sides = [sum(at(i) for i in range(-n, n + 1)) - 1]
    return dict(zip(u, sides + [sum(at(i) * at(m - i) for i in range(-n, n + 1)) - u[m] for m in range(n)], strict=True))


x, y, z = sp.symbols("x y z")
#: Systems with their numbers of complex and of real roots.
SYSTEMS = {
    "gradient of Himmelblau": (
        {x: 4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7), y: 2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7)}, 9, 9,
    ),
    "circle and cubic": ({x: x**2 + y**2 - 4, y: y - x**3 + x}, 6, 2),
    "symmetric": ({x: x + y + z - 1, y: x * y + y * z + z * x + 2, z: x * y * z + 1}, 6, 6),
    "Katsura 3": (katsura(3), 8, 6),
    "Katsura 5": (katsura(5), 32, 16),
}  # fmt: skip


def random_starts(states, count=60):
    rng = np.random.default_rng(0)
    rows = np.array([rng.normal(0, 3, len(states)) for _ in range(count)])
    return {f"{s}_start": xr.DataArray(rows[:, i], dims="start") for i, s in enumerate(states)}


@pytest.mark.parametrize(
    ("name", "roots", "lost"),
    [
        ("gradient of Himmelblau", 9, 0), ("circle and cubic", 2, 30), ("symmetric", 6, 33), ("Katsura 3", 6, 47),
        ("Katsura 5", 7, 49),
    ],
)  # fmt: skip
def test_along_the_parameter_starts_are_lost_at_folds(name, roots, lost):
    """Numbers of another program, with scipy's RK45 and Newton's method from the same starts."""
    sides = SYSTEMS[name][0]
    path = sd.derive.homotopy(sd.ODESystem(sides), along="parameter")
    run = sd.simulate(path, [0, 1], parameters=random_starts(sides), on_failure="nan", progress=False)
    arrived = run.status.values == 0
    points = np.stack([run[s.name].values[:, -1] for s in sides], axis=1)[arrived]
    assert (~arrived).sum() == lost
    assert len(np.unique(points.round(3), axis=0)) == roots
    residual = sp.lambdify(list(sides), list(sides.values()))
    assert np.abs(np.array(residual(*points.T))).max() < 1e-3


@pytest.mark.parametrize(("start", "folds"), [(-3.0, 2), (-2.0, 2), (1.5, 0), (3.0, 0)])
def test_folds_of_a_cubic_are_passed_and_counted(start, folds):
    """x^3 - 3x - 5 has extrema at -1 and 1; the curve of Newton's homotopy turns around there and nowhere else."""
    path = sd.derive.homotopy(sd.ODESystem({x: x**3 - 3 * x - 5}))
    run = sd.simulate(path, [0, 30], parameters={"x_start": start}, until="lam >= 1", rtol=1e-9, progress=False)
    assert run.folds.values[-1] == folds
    assert run.x.values[-1] == pytest.approx(np.roots([1, 0, -3, -5])[0].real, abs=1e-7)
    assert run.lam.values[-1] == pytest.approx(1, abs=1e-9)


def test_the_curve_stays_a_curve_of_zeros_at_unit_speed():
    path = sd.derive.homotopy(sd.ODESystem(SYSTEMS["circle and cubic"][0]), scale=2)
    run = sd.simulate(path, np.linspace(0, 6, 25), parameters={"x_start": 1, "y_start": 2}, rtol=1e-9, progress=False)
    values = np.stack([run.x.values**2 + run.y.values**2 - 4, run.y.values - run.x.values**3 + run.x.values])
    begun = values[:, :1]
    assert np.abs(values - (1 - run.lam.values) * begun).max() < 1e-7
    speed = (run.x_slope**2 + run.y_slope**2) / 4 + run.lam_slope**2
    assert np.abs(speed - 1).max() < 1e-7


def test_newtons_flow_lets_the_sides_decay_alike():
    flow = sd.derive.homotopy(sd.ODESystem({x: sp.exp(x) + y - 2, y: x * y - sp.Symbol("a")}, {"a": -0.5}), "flow")
    run = sd.simulate(flow, [0, 1, 3], initial={x: 1, y: 0.1}, rtol=1e-10, atol=1e-12, progress=False)
    for side, first in ((np.exp(run.x) + run.y - 2, np.e - 1.9), (run.x * run.y + 0.5, 0.6)):
        assert np.allclose(side, first * np.exp([0, -1, -3]), atol=1e-8)


def iterated(matrix, bias):
    """The equilibrium of z = tanh(W z + b) by iteration, and the number of iterations."""
    point, count = np.zeros(len(bias)), 0
    while np.linalg.norm(np.tanh(matrix @ point + bias) - point) > 1e-8:
        point, count = np.tanh(matrix @ point + bias), count + 1
    return point, count


def of_norm(rng, n, radius):
    matrix = rng.normal(size=(n, n))
    return matrix * radius / np.linalg.norm(matrix, 2), rng.normal(size=n)


def test_a_fixed_point_homotopy_leads_to_the_equilibrium_of_a_network():
    """From 0 the homotopy of z - tanh(W z + b) is z - lam tanh(W z + b); two of Newton's steps finish it."""
    rng = np.random.default_rng(1)
    assert [iterated(*of_norm(rng, 20, radius))[1] for radius in (0.5, 0.9, 1.2)] == [11, 19, 27]
    n = 7
    matrix, bias = of_norm(rng, n, 1.2)
    states = sp.symbols(f"z0:{n}")
    sides = {s: s - sp.tanh(sum(w * q for w, q in zip(row, states, strict=True)) + b)
             for s, row, b in zip(states, matrix, bias, strict=True)}  # fmt: skip
    path = sd.derive.homotopy(sd.ODESystem(sides, initial=dict.fromkeys(states, 0)), "fixed-point", along="parameter")
    run = sd.simulate(path, [0, 1], rtol=1e-3, atol=1e-4, progress=False)
    end = np.array([run[s.name].values[-1] for s in states])
    assert int(run.steps) <= 10
    for _ in range(2):
        value = np.tanh(matrix @ end + bias)
        end = end - np.linalg.solve(np.eye(n) - (1 - value**2)[:, None] * matrix, end - value)
    assert np.abs(end - iterated(matrix, bias)[0]).max() < 1e-7


def test_of_a_map_roots_are_fixed_points():
    path = sd.derive.homotopy(sd.DiscreteSystem({x: sp.cos(x)}, initial={x: 0}))
    run = sd.simulate(path, [0, 5], until="lam >= 1", rtol=1e-9, progress=False)
    assert run.x.values[-1] == pytest.approx(0.7390851332151607, abs=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x}), "newtn"), "the homotopy is 'newtn'.*newton"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x}), along="arc"), "along is 'arc'"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x}), "flow", along="arclength"), "leave along out"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x}), along="parameter", scale=2), "scale measures arc length"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x}), scale=y), "the scale is y"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: x * sp.Symbol("t")})), "depends on t"),
        (lambda: sd.derive.homotopy(sd.ODESystem({x: sp.Function("f")(x)})), "unknown term"),
        (lambda: sd.derive.homotopy(sd.SDESystem.from_text("dX = -X*dt + dW")), "Wiener noise"),
    ],
)
def test_what_is_no_homotopy_is_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()
