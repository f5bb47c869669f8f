"""Algebraic equations against published solutions, exact ones, minimal coordinates and difference quotients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.derive.sensitivities import sensitivities

t, x, y, z, k = sp.symbols("t x y z k")
u, v, lam, L, g = sp.symbols("u v lam L g")
TIGHT = {"rtol": 1e-11, "atol": 1e-13, "progress": False}
DECAY = sd.ODESystem({x: -k * x * y}, {k: 0.7}, algebraic={y: y + k * y**3 - x}, initial={x: 1})
PENDULUM = sd.ODESystem(
    {x: u, y: v, u: -lam * x, v: -lam * y - g}, {L: 1, g: 9.81}, algebraic={lam: x**2 + y**2 - L**2}
)  # fmt: skip


def hanging(angle, rate=0.0):
    """Initial values of the pendulum at an angle from the vertical."""
    s, c = math.sin(angle), math.cos(angle)
    return {x: s, y: -c, u: rate * c, v: rate * s}


def test_robertson_ends_at_the_published_solution():
    """Mazzia & Magherini, Test Set for IVP Solvers 2.4 (2008), problem ROBER, at t = 1e11."""
    a, b, c = sp.symbols("a b c")
    rates = {a: -0.04 * a + 1e4 * b * c, b: 0.04 * a - 1e4 * b * c - 3e7 * b**2}
    system = sd.ODESystem(rates, algebraic={c: a + b + c - 1}, initial={a: 1, b: 0})
    times = [0, 0.4, 4, 40, 400, 4e3, 4e4, 4e5, 4e6, 4e7, 1e11]
    data = sd.simulate(system, times, rtol=1e-8, atol=1e-14, progress=False)
    reference = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]
    assert data.method == "rodas5p"
    np.testing.assert_allclose([data[s][-1].item() for s in "abc"], reference, rtol=3e-7)
    full = sd.ODESystem({**rates, c: 3e7 * b**2}, initial={a: 1, b: 0, c: 0})
    same = sd.simulate(full, times[:6], method="rodas5p", rtol=1e-11, atol=1e-17, progress=False)
    for s in "abc":
        np.testing.assert_allclose(data[s][:6], same[s], rtol=3e-8)
    np.testing.assert_allclose(data.a + data.b + data.c, 1, rtol=1e-14)


def test_the_akzo_nobel_problem_ends_at_the_published_solution():
    """Mazzia & Magherini, Test Set for IVP Solvers 2.4 (2008), problem CHEMAKZO, of index 1, at t = 180."""
    a, b, c, d, e, f = sp.symbols("a b c d e f")
    r1, r2, r3 = 18.7 * a**4 * sp.sqrt(b), 0.58 * c * d, 0.58 / 34.4 * a * e
    r4, r5, inflow = 0.09 * a * d**2, 0.42 * f**2 * sp.sqrt(b), 3.3 * (0.9 / 737 - b)
    rates = {
        a: -2 * r1 + r2 - r3 - r4, b: -r1 / 2 - r4 - r5 / 2 + inflow, c: r1 - r2 + r3, d: -r2 + r3 - 2 * r4, e: r2 - r3 + r5
    }  # fmt: skip
    system = sd.ODESystem(rates, algebraic={f: 115.83 * a * d - f}, initial={a: 0.444, b: 0.00123, c: 0, d: 0.007, e: 0})
    data = sd.simulate(system, [0, 180], **TIGHT)
    reference = [
        0.1150794920661702, 0.1203831471567715e-2, 0.1611562887407974, 0.3656156421249283e-3, 0.1708010885264404e-1,
        0.4873531310307455e-2,
    ]  # fmt: skip
    np.testing.assert_allclose([data[s][-1].item() for s in "abcdef"], reference, rtol=1e-8)
    assert abs(data.f[0] - 115.83 * 0.444 * 0.007) < 1e-15


@pytest.mark.parametrize(("method", "order"), [("rodas4", 4), ("rodas5p", 5)])
def test_steps_and_interpolants_keep_their_order_in_algebraic_unknowns(method, order):
    """x = exp(sin t) with z = x cos t, which a cubic equation determines."""
    system = sd.ODESystem({x: z + (x - sp.exp(sp.sin(t))) * z}, algebraic={z: z**3 + z - (x * sp.cos(t)) ** 3 - x * sp.cos(t)})
    times, kernel, errors = np.linspace(0, 2, 1001), sd.compile(system, method=method), []
    exact = np.exp(np.sin(times))
    for steps in (40, 80, 160):
        run = kernel([[1.0, 1.0]], np.empty((1, 0)), times, rtol=1e10, atol=1e10, max_step=2 / steps)
        found = run.values[0].T
        errors.append([abs(found[0] - exact).max(), abs(found[1] - exact * np.cos(times)).max()])
    observed = np.log2(np.divide(errors[0], errors[2])) / 2
    assert (observed > order - 0.3).all()


def test_initial_values_of_unknowns_are_found_in_every_lane():
    data = sd.simulate(DECAY, [0], initial={x: [0.5, 1, 2, 40]}, parameters={k: [0.1, 3, 9]}, progress=False)
    assert dict(data.y.sizes) == {"x0": 4, "k": 3, "time": 1}
    residual = data.y + data.k * data.y**3 - data.x
    assert abs(residual / data.x).max() < 1e-14
    other = sd.ODESystem({x: -x}, algebraic={y: sp.Eq(y**2, x)}, initial={x: 4})
    for guess, root in ((1, 2), (-30, -2)):
        found = sd.simulate(other, [0, 1], initial={y: guess}, **TIGHT)
        np.testing.assert_allclose(found.y, [root, root * math.exp(-0.5)], rtol=1e-10)


def test_unknowns_without_consistent_values_are_a_failure_of_their_own():
    root = sd.ODESystem({x: -x}, algebraic={y: y**2 - x}, initial={x: 1})
    with pytest.raises(sd.SimulationError, match=r"singular.*0 = -x \+ y\*\*2 has the residual -1.*initial values for y"):
        sd.simulate(root, [0, 1], progress=False)
    data = sd.simulate(root, [0, 1], initial={x: [4, -1], y: 1}, on_failure="nan", progress=False)
    np.testing.assert_allclose(data.y[0], [2, 2 * math.exp(-0.5)], rtol=1e-6)
    assert np.isnan(data.y[1]).all()
    assert data.status.values.tolist()[0] == 0 != data.status.values[1]
    nowhere = sd.ODESystem({x: -x}, algebraic={y: sp.exp(y) + 1 + x}, initial={x: 1})
    with pytest.raises(sd.SimulationError, match="Newton's method found no values"):
        sd.simulate(nowhere, [0, 1], progress=False)


@pytest.mark.parametrize(("angle", "rate"), [(0.4, 0.0), (3.0, 0.0), (0.0, 8.0)], ids=["small", "large", "over the top"])
def test_the_pendulum_is_that_of_its_angle(angle, rate):
    """Several periods, through the horizontal and for the last one through the top, against phi'' = -g/L sin(phi)."""
    times = np.linspace(0, 12, 49)
    exact = solve_ivp(
        lambda _, q: [q[1], -9.81 * math.sin(q[0])], (0, 12), [angle, rate], "DOP853", times, rtol=1e-13, atol=1e-13
    )  # fmt: skip
    data = sd.simulate(PENDULUM, times, initial=hanging(angle, rate), **TIGHT)
    phi, omega = exact.y
    assert rate == 0 or phi[-1] > 6 * math.pi
    for name, reference in (("x", np.sin(phi)), ("y", -np.cos(phi)), ("lam", omega**2 + 9.81 * np.cos(phi))):
        np.testing.assert_allclose(data[name], reference, atol=2e-6 if angle == 3 else 1e-7)
    assert abs(data.x**2 + data.y**2 - 1).max() < 1e-14
    assert abs(data.x * data.u + data.y * data.v).max() < 1e-13


def test_constraints_do_not_drift():
    data = sd.simulate(PENDULUM, [0, 50, 100, 200], initial={x: 1, y: 0, u: 0, v: 0}, rtol=1e-4, progress=False)
    assert abs(data.x**2 + data.y**2 - 1).max() < 1e-9
    assert data.lam[0] == 0


def test_initial_values_against_a_hidden_constraint_are_refused_and_kept_otherwise():
    with pytest.raises(sd.SimulationError, match=r"contradict .* 0 = -L\*\*2 \+ x\*\*2 \+ y\*\*2 has the residual -0.75"):
        sd.simulate(PENDULUM, [0, 1], initial={x: 0.5, y: 0, u: 0, v: 0}, progress=False)
    with pytest.raises(sd.SimulationError, match=r"0 = 2\*u\*x \+ 2\*v\*y has the residual 0.6"):
        sd.simulate(PENDULUM, [0, 1], initial={x: 1, y: 0, u: 0.3, v: 0}, progress=False)
    data = sd.simulate(PENDULUM, [0, 1], initial={x: 1 + 1e-9, y: 0, u: 0, v: 0}, progress=False)
    assert data.x[0] == 1 + 1e-9


def test_a_pendulum_bounces_and_an_event_against_the_rod_is_refused():
    """Off an elastic wall at x = 0 it is the mirror image of the free one."""
    wall = PENDULUM.replace(events=(sd.Event(x < 0, {u: -u, v: -v}),))
    times = np.linspace(0, 5, 21)
    free, bound = (sd.simulate(p, times, initial=hanging(1.0), **TIGHT) for p in (PENDULUM, wall))
    np.testing.assert_allclose(bound.x, abs(free.x), atol=1e-8)
    np.testing.assert_allclose(bound.lam, free.lam, atol=1e-7)
    assert abs(bound.x**2 + bound.y**2 - 1).max() < 1e-13
    torn = PENDULUM.replace(events=(sd.Event(x < 0, {x: x - 1}),))
    with pytest.raises(sd.SimulationError, match="contradict a constraint"):
        sd.simulate(torn, times, initial=hanging(1.0), progress=False)


def test_an_unknown_that_is_differentiated_is_found():
    """x' = z with x = y and y = sin t, of index 2: z = cos t."""
    system = sd.ODESystem({x: z}, algebraic={y: y - sp.sin(t), z: x - y})
    data = sd.simulate(system, np.linspace(0, 3, 7), initial={x: 0}, **TIGHT)
    np.testing.assert_allclose(data.z, np.cos(data.time), atol=1e-9)
    np.testing.assert_allclose(data.y_dot, np.cos(data.time), atol=1e-9)
    assert data.equations == str(system)
    assert sd.ODESystem.from_text(data.model) == system


def test_sensitivities_are_difference_quotients():
    h, steps = 1e-3, np.array([-2, -1, 1, 2])

    def slope(values):
        return values[..., 0, :] / 12 - values[..., 1, :] * 2 / 3 + values[..., 2, :] * 2 / 3 - values[..., 3, :] / 12

    extended = sd.simulate(sensitivities(DECAY).system, [0, 1, 2], **TIGHT)
    by_k = sd.simulate(DECAY, [0, 1, 2], parameters={k: 0.7 + h * steps}, **TIGHT)
    by_x = sd.simulate(DECAY, [0, 1, 2], initial={x: 1 + h * steps}, **TIGHT)
    for name in ("x", "y"):
        np.testing.assert_allclose(extended[f"d{name}_dk"], slope(by_k[name].values) / h, atol=1e-9)
        np.testing.assert_allclose(extended[f"d{name}_dx"], slope(by_x[name].values) / h, atol=1e-9)
    released = PENDULUM.with_initial({x: L, y: 0, u: 0, v: 0})
    extended = sd.simulate(sensitivities(released, [L], initial=False).system, [0, 1, 2], **TIGHT)
    by_length = sd.simulate(released, [0, 1, 2], parameters={L: 1 + h * steps}, **TIGHT)
    for name in ("x", "lam"):
        np.testing.assert_allclose(extended[f"d{name}_dL"], slope(by_length[name].values) / h, rtol=1e-7, atol=1e-7)


def test_a_switch_closes_where_the_algebraic_voltage_crosses():
    """A capacitor charges over R; at the voltage 1 across the diode a switch adds a load, and the current changes at once."""
    c, i, d, closed = sp.symbols("c i d closed")
    circuit = sd.ODESystem(
        {c: i, closed: 0}, algebraic={d: d - c - i / 4, i: i - 2 + c + closed * d}, initial={c: 0, closed: 0},
        events=sd.Event(d >= 1, {closed: 1}),
    )  # fmt: skip
    data = sd.simulate(circuit, [0, 0.1, 0.3, 1, 2], **TIGHT)
    # open: c' = 2 - c, d = c + (2 - c)/4; it is 1 at c = 2/3, t = log 1.5.  Closed: i (1 + 1/4) = 2 - 2 c
    switch = math.log(1.5)
    assert abs(data.fired_at[0, 0] - switch) < 1e-10
    after = 1 - np.exp(-1.6 * (data.time.values[3:] - switch)) / 3
    np.testing.assert_allclose(data.c[:3], 2 - 2 * np.exp(-data.time[:3]), atol=1e-9)
    np.testing.assert_allclose(data.c[3:], after, atol=1e-9)
    np.testing.assert_allclose(data.i[3:], 1.6 * (1 - after), atol=1e-9)
    at = sd.simulate(circuit.replace(events=(sd.Event(t >= 0.3, {closed: 1}),)), [0, 0.3], **TIGHT)
    assert abs(at.i[1] - 1.6 * (1 - at.c[1])) < 1e-12


@pytest.mark.parametrize("end", [2, 3])
def test_unknowns_are_consistent_after_an_event_at_the_last_time(end):
    system = sd.ODESystem(
        {x: -x}, algebraic={z: z**3 + z - x}, initial={x: 2, z: 1}, events=sd.Event(t >= 2, {x: 10})
    )  # fmt: skip
    data = sd.simulate(system, np.arange(end + 1), **TIGHT)
    np.testing.assert_allclose([data.x[2], data.z[2]], [10, 2], rtol=1e-12)  # 2^3 + 2 = 10


def test_unknowns_follow_inputs_stops_and_conditions_that_end_a_run():
    drive = sd.Path("w", [0, 1, 3], [0, 2, 0], kind="linear")
    system = sd.ODESystem({x: z - x}, algebraic={z: z + z**3 - drive - sp.Heaviside(t - 2)}, initial={x: 0})
    data = sd.simulate(system, [0, 0.5, 1, 1.5, 2.5], **TIGHT)
    right = np.interp(data.time, [0, 1, 3], [0, 2, 0]) + (data.time > 2)
    np.testing.assert_allclose(data.z + data.z**3, right, atol=1e-12)
    ended = sd.simulate(DECAY, [0, 1, 2, 9], until="y <= 0.5", **TIGHT)
    passage = ended.first_passage.item()
    again = sd.simulate(DECAY, [0, passage], **TIGHT)
    assert abs(again.y[1] - 0.5) < 1e-9
    np.testing.assert_allclose(ended.y[3] + 0.7 * ended.y[3] ** 3, ended.x[3], rtol=1e-12)
    assert sd.simulate(DECAY, [0, 1], until="y >= 0.5", **TIGHT).first_passage == 0


def test_inputs_that_are_held_have_the_value_of_the_last_knot_there():
    """z = u at all outputs, those at jumps included, of courses with as many knots as they like."""
    drive = sd.Path("w", [0, 1, 3], [2, 5, 7], "hold")
    system = sd.ODESystem({x: 0}, initial={x: 0}, algebraic={z: z - drive}, observables={"seen": drive})
    courses = [drive, sd.Path("w", [0, 0.5, 2, 3], [2, 4, 6, 9], "hold"), sd.Path("w", [0, 4], [2, 3], "hold")]
    data = sd.simulate(system, [0, 1, 2, 3], inputs={drive: courses}, **TIGHT)
    np.testing.assert_allclose(data.z, [[2, 5, 5, 7], [2, 4, 6, 9], [2, 2, 2, 2]], atol=1e-12)
    np.testing.assert_allclose(data.z, data.seen, atol=1e-12)


def test_results_are_the_same_bits_for_any_lanes_chunks_and_threads(tmp_path):
    values = np.linspace(0.3, 3, 21)
    run = {"t": np.linspace(0, 2, 5), "initial": {x: values}, "progress": False}
    data = sd.simulate(DECAY, **run)
    for layout in (sd.Layout(lanes=8), sd.Layout(chunk=5, threads=2)):
        other = sd.simulate(DECAY, **run, layout=layout)
        assert (other.x == data.x).all()
        assert (other.y == data.y).all()
    stored = sd.simulate(DECAY, **run, layout=sd.Layout(chunk=8), store=tmp_path / "run")
    assert (stored.y == data.y).all()
    for i in (0, 20):
        single = sd.simulate(DECAY, run["t"], initial={x: values[i]}, layout=sd.Layout(lanes=8), progress=False)
        assert (single.y == data.y[i]).all()
    swings = {"t": [0, 1, 2], "initial": {x: L, y: 0, u: 0, v: 0}, "parameters": {L: np.linspace(0.5, 2, 9)}, "progress": False}
    many, few = sd.simulate(PENDULUM, **swings), sd.simulate(PENDULUM, **swings, layout=sd.Layout(chunk=2))
    assert (many.lam == few.lam).all()
    for _ in range(2):  # the second time from the store
        assert (sd.simulate(PENDULUM, **swings, store=tmp_path / "swings").lam == many.lam).all()


def test_rows_are_interchanged_where_a_pivot_vanishes():
    """z2 = 1 + cos t and z1 = sin t from equations whose diagonal crosses zero at pi."""
    z1, z2 = sp.symbols("z1 z2")
    s = sp.sin(t)
    system = sd.ODESystem(
        {x: z1}, algebraic={z1: s * z1 + z2 - s**2 - 1 - sp.cos(t), z2: s * z2 - z1 + s - s * (1 + sp.cos(t))}, initial={x: 0}
    )  # fmt: skip
    for method in ("rodas4", "rodas5p"):
        data = sd.simulate(system, [0, 1, math.pi, 6], method=method, rtol=1e-9, atol=1e-11, progress=False)
        np.testing.assert_allclose(data.x, 1 - np.cos(data.time), atol=1e-7)
        np.testing.assert_allclose(data.z1, np.sin(data.time), atol=1e-10)


@pytest.mark.parametrize("method", ["dop853", "tsit5", "rk4", "euler", "taylor"])
def test_methods_for_rates_alone_refuse(method):
    with pytest.raises(sd.CompileError, match="this ODESystem has rates of change and algebraic equations"):
        sd.compile(DECAY, method=method)


def test_what_cannot_follow_algebraic_equations_refuses():
    one = sd.compile(DECAY)
    assert one.method == "rodas5p"
    with pytest.raises(sd.CompileError, match="algebraic equations"):
        sd.compile(DECAY, method="rodas4", inline=True)
    for ask in (
        lambda: DECAY.moments(2),
        lambda: sd.analysis.steady_states(DECAY),
        lambda: sd.analysis.blow_up(DECAY, t_end=1),
        lambda: sd.simulate(DECAY, [1, 0]),
        lambda: sensitivities(DECAY.replace(events=(sd.Event(x < 0.5, {x: 1}),))),
        lambda: sd.BulkCellSystem(
            domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="x", influx=1, efflux=1, kinetics=DECAY, parameters={}
        ),
    ):
        with pytest.raises(sd.DeclarationError, match="algebraic equations"):
            ask()
    f = sp.Function("f")
    with pytest.raises(sd.SymdynError):
        sd.recover(sd.ODESystem({x: -f(x)}, algebraic={y: y - x}), sd.simulate(DECAY, np.linspace(0, 1, 9), progress=False))
