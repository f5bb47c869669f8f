"""Gradient methods as flows and maps, beside exact solutions, proofs and counts of iterations."""

import numpy as np
import pytest
import scipy.special
import sympy as sp
import xarray as xr

import symdyn as sd

x, y, a, mu, s, h = sp.symbols("x y a mu s h", positive=True)
t = sp.Symbol("t")
FUNCTIONS = (x**4, x**2 + 3 * x * y + 5 * y**2, a * x**2 + sp.log(1 + sp.exp(y - x)) + y**2)
FLOWS = [
    ("gradient", {}), ("gradient", {"mu": mu}), ("nesterov", {}), ("nesterov", {"mu": mu}), ("heavy-ball", {"mu": mu}),
    ("nesterov", {"resolution": s}), ("nesterov", {"mu": mu, "resolution": s}), ("heavy-ball", {"mu": mu, "resolution": s}),
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
@pytest.mark.parametrize(("kind", "options"), FLOWS, ids=str)
def test_lyapunov_functions_fall_along_the_flow_as_certified(function, kind, options):
    states = [v for v in (x, y) if v in function.free_symbols]
    flow = sd.derive.descent(function, states, kind, **({} if kind == "gradient" else options))
    found = sd.derive.descent_certificate(function, states, kind, **options)
    energy = found.lyapunov
    rate = energy.diff(t) + sum(energy.diff(v) * f for v, f in zip(flow.states, flow.drift, strict=True))
    assert sp.expand(rate + found.decay * energy + found.remainder) == 0


@pytest.mark.parametrize(("kind", "options"), FLOWS, ids=str)
def test_remainders_are_not_negative_for_convex_functions(kind, options):
    # eigenvalues of the Hessian from 0.489; the step is the inverse of the largest, 11.511
    found = sd.derive.descent_certificate(FUNCTIONS[1], [x, y], kind, **options)
    known = {"f_star": 0, "x_star": 0, "y_star": 0, "mu": 0.4894, "s": 1 / 11.5106}
    rng = np.random.default_rng(0)
    symbols = sorted(found.remainder.free_symbols, key=str)
    value = sp.lambdify(symbols, found.remainder)
    for _ in range(200):
        point = {"x": rng.normal(), "y": rng.normal(), "x_dot": rng.normal(), "y_dot": rng.normal(), "t": rng.uniform(0, 50)}
        assert value(*((known | point)[v.name] for v in symbols)) > -1e-12


def test_flows_and_methods_begin_at_rest_unless_told_otherwise():
    flow = sd.derive.descent(2 * x**2, x, mu=4)  # x'' + 4 x' + 4 x = 0 from 1 at rest is (1 + 2 t) exp(-2 t)
    assert float(sd.simulate(flow, [0, 1], initial={"x": 1}, rtol=1e-10, atol=1e-12).x[-1]) == pytest.approx(3 * np.exp(-2))
    steps = sd.derive.descent_map(2 * x**2, x, step=0.1)
    assert float(sd.simulate(steps, [0, 1], initial={"x": 1}).x[-1]) == pytest.approx(0.6)


def test_a_quartic_falls_along_its_exact_path():
    # x'' + 3 x'/t + 4 x^3 = 0 is solved by 1/(1 + t^2/2)
    flow = sd.derive.descent(x**4, [x])
    run = sd.simulate(flow, [1, 10], initial={"x": 2 / 3, "x_dot": -4 / 9}, rtol=1e-11, atol=1e-13)
    assert float(run.x[-1]) == pytest.approx(1 / 51, rel=1e-9)
    assert float(run.objective[-1]) == pytest.approx(51.0**-4, rel=1e-8)


def test_flat_functions_fall_along_a_power_of_time():
    """x'' + 3 x'/t + 8 x^7 = 0 is solved by c t^(-1/3) with 8 c^6 = 5/9, along which f = x^8 falls as t^(-8/3)."""
    c = (5 / 72) ** (1 / 6)
    run = sd.simulate(sd.derive.descent(x**8, [x]), [1, 1000], initial={"x": c, "x_dot": -c / 3}, rtol=1e-11, atol=1e-14)
    assert float(run.objective[-1]) == pytest.approx(c**8 * 1e-8, rel=1e-6)


def test_many_scales_fall_by_bessel_functions_within_the_bound():
    # sum of l x^2 / 2 over 40 l from 1e-6 to 1: x = 2 x(0) J1(t sqrt(l)) / (t sqrt(l))
    scales = xr.DataArray(np.logspace(-6, 0, 40), dims="scale")
    root = np.sqrt(scales)

    def bessel(at):
        return 2 / np.sqrt(40) * xr.apply_ufunc(scipy.special.j1, at * root) / (at * root)

    slope = (bessel(1 + 1e-6) - bessel(1 - 1e-6)) / 2e-6
    start = {"x": bessel(1.0), "x_dot": slope}
    flow, known = sd.derive.descent(a * x**2 / 2, [x]), {"initial": start, "parameters": {a: scales}}
    run = sd.simulate(flow, [1, 10, 100, 1000], rtol=1e-10, atol=1e-12, **known)
    assert np.abs(run.x.sel(time=100) - bessel(100.0)).max() < 1e-8
    found = [float(v**2 * run.objective.sel(time=v).sum()) for v in (10, 100, 1000)]
    assert found == pytest.approx([0.132163, 0.140722, 0.114986], abs=2e-6)
    bound = sd.derive.descent_certificate(a * x**2 / 2, [x]).bound
    assert float(bound.subs({"r_0": 1, "t": 100})) * 100**2 > 0.140722


def _iterations(method: sd.DiscreteSystem, steps: int, **parameters: float) -> int:
    """Until the sum of 50 quadratic functions with curvatures from 1e-4 to 1 has fallen to 1e-10."""
    scales = xr.DataArray(np.logspace(-4, 0, 50), dims="scale")
    run = sd.simulate(method, range(steps), initial={"x": 1, "x_dot": 0}, parameters={a: scales, **parameters})
    total = run.objective.sum("scale").values
    return int(np.argmax(total <= 1e-10 * total[0]))


@pytest.mark.parametrize(
    ("kind", "options", "count"),
    [
        ("nesterov", {"step": 1, "mu": 1e-4}, 841),
        ("nesterov", {"step": 1}, 5753),
        ("heavy-ball", {"step": 4 / 1.01**2, "momentum": (0.99 / 1.01) ** 2}, 907),
        ("triple-momentum", {"step": 1, "mu": 1e-4}, 1058),
    ],
)
def test_methods_take_the_iterations_of_their_own_formulas(kind, options, count):
    # counted with the textbook formulas in numpy
    assert _iterations(sd.derive.descent_map(a * x**2 / 2, [x], kind, **options), 6000) == count


def test_discretized_flows_are_fast_only_where_the_steps_are_symplectic():
    flow = sd.derive.descent(a * x**2 / 2, [x], mu=1e-4)
    assert _iterations(flow.discretize("symplectic-euler"), 1000, h=1.9) == 615
    assert _iterations(flow.discretize("leapfrog"), 1000, h=1.9) == 581


def test_the_heavy_ball_cycles_for_ever_where_its_flow_and_nesterov_arrive():
    # Lessard, Recht & Packard, SIAM J. Optim. 26 (2016) 57, section 4.6: curvatures 1 and 25
    pieces = sp.Piecewise((25 * x**2 / 2, x < 1), (x**2 / 2 + 24 * x - 12, x < 2), (25 * x**2 / 2 - 24 * x + 36, True))
    ball = sd.derive.descent_map(pieces, [x], "heavy-ball", step=sp.Rational(1, 9), momentum=sp.Rational(4, 9))
    run = sd.simulate(ball, range(401), initial={"x": 3.3, "x_dot": 0})
    assert sorted(run.x.values[-3:]) == pytest.approx([-1.802449, 0.646531, 2.115918], abs=1e-6)
    nesterov = sd.derive.descent_map(pieces, [x], step=sp.Rational(1, 25), mu=1)
    assert abs(float(sd.simulate(nesterov, range(201), initial={"x": 3.3, "x_dot": 0}).x[-1])) < 1e-12
    flow = sd.derive.descent(pieces, [x], "heavy-ball", mu=1)
    assert abs(float(sd.simulate(flow, [0, 30], initial={"x": 3.3, "x_dot": 0}).x[-1])) < 1e-6


def _exponents(system: sd.System, step: float) -> np.ndarray:
    """Of a linear flow, or of a linear map in the time of its flow, with curvature 1.7 and mu = 0.3."""
    sides = sp.Matrix(system.drift if system.map is None else system.map).jacobian(system.states)
    values = {a: 1.7, mu: 0.3, h: step, s: step**2}
    found = np.linalg.eigvals(np.array(sides.subs(values), dtype=complex))
    found = found if system.map is None else np.log(found) / step
    return found[np.argsort(found.imag)]


@pytest.mark.parametrize(
    ("kind", "near", "far"),
    [("nesterov", (7.6e-5, 7.6e-7), (8.5e-3, 8.5e-4)), ("heavy-ball", (1.6e-5, 1.6e-7), (3.9e-3, 3.9e-4))],
)
def test_flows_of_high_resolution_are_followed_to_the_next_order(kind, near, far):
    function = a * x**2 / 2
    method = sd.derive.descent_map(function, [x], kind, step=h**2, mu=mu)
    fine = sd.derive.descent(function, [x], kind, mu=mu, resolution=s)
    coarse = sd.derive.descent(function, [x], kind, mu=mu)
    for flow, differences in ((fine, near), (coarse, far)):
        found = [np.abs(_exponents(method, size) - _exponents(flow, size)).max() for size in (1e-2, 1e-3)]
        assert found == pytest.approx(differences, rel=0.02)
    for order in (1, 2):  # the flow that is derived from the method itself
        derived = method.modified_equation(order=order)
        found = [np.abs(_exponents(method, size) - _exponents(derived, size)).max() for size in (0.1, 0.05)]
        assert found[0] / found[1] == pytest.approx(2 ** (order + 1), rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: sd.derive.descent(x**2, [x], "newton"), "expected one of gradient"),
        (lambda: sd.derive.descent(x**2, [y]), "symbols that occur in it"),
        (lambda: sd.derive.descent(x**2, [x], "heavy-ball"), "mu="),
        (lambda: sd.derive.descent(x**2, [x], "gradient", mu=1), "leave them out"),
        (lambda: sd.derive.descent(x**2, [x], mu=0), "mu is 0; expected a positive number"),
        (lambda: sd.derive.descent(x**2, [x], mu=1, resolution=x), "resolution is x"),
        (lambda: sd.derive.descent_map(x**2, [x], step=-1), "step is -1"),
        (lambda: sd.derive.descent_certificate(x**2, [x], "gradient", mu=t), "mu is t"),
        (lambda: sd.derive.descent(x**2 * sp.Symbol("x_dot"), [x]), "the velocity x_dot"),
        (lambda: sd.derive.descent(x**2 * sp.Symbol("t"), [x]), "the time of the flow"),
        (lambda: sd.derive.descent_map(x**2, [x], "triple-momentum", step=1), "mu="),
        (lambda: sd.derive.descent_map(x**2, [x], "gradient", step=1, mu=1), "leave it out"),
        (lambda: sd.derive.descent_map(x**2, [x], step=1, mu=1, momentum=0.5), "leave one of them out"),
        (lambda: sd.derive.descent_certificate(x**2, [x], "gradient", resolution=1), "leave it out"),
    ],
)
def test_what_is_no_descent_is_refused(wrong, message):
    with pytest.raises(sd.DeclarationError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("kind", "hint"), [("high-resolution", "resolution="), ("triple-momentum", "descent_map.*modified_eq")]
)
def test_kinds_that_are_no_flows_of_their_own_say_where_they_are(kind, hint):
    with pytest.raises(sd.DeclarationError, match=hint):
        sd.derive.descent(sp.Symbol("x") ** 2, ["x"], kind, mu=2)
