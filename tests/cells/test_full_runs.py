"""Runs of the full system: cycles, orders in time, exact solutions, balances, sweeps, fields, failures, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import simpson, solve_ivp
from scipy.interpolate import CubicSpline
from scipy.linalg import expm
from scipy.special import j1, jnp_zeros
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS

import symdyn as sd
from symdyn.cells.finite_elements import FiniteElements
from symdyn.cells.problems import make_problem
from symdyn.errors import DeclarationError, SimulationError
from symdyn.integration.steppers.additive import AdditiveStepper
from symdyn.models import zoo
from tests.integrated import integrated

pytest.importorskip("skfem")

METHODS = ("imex", "imex3", "sbdf2", "etdrk4")

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]
BASE = {"D": 1.0, "tau": 0.55}


def colony(**changes):
    values = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**values, **changes})


@pytest.fixture(scope="module")
def three():
    return colony().full(mesh=0)


def upward(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Times at which y passes its mean upwards."""
    curve = CubicSpline(t, y - y.mean())
    roots = curve.roots(extrapolate=False)
    return roots[curve(roots, 1) > 0]


@pytest.mark.parametrize(
    ("influx", "D", "tau", "start", "period", "ring", "centre", "lag"),
    [
        (0.8, 1.0, 0.55, (1.398, 0.750, 1.421, 0.739), 8.239, (1.1254, 2.0787), (1.1414, 2.0973), -0.9),
        ([0.8, 0.8, 0.4], 0.4, 0.6, (1.529, 0.483, 1.215, 0.613), 8.119, (1.352, 2.120), (1.023, 1.887), 7.4),
    ],
)
def test_cycles_of_three_cells(influx, D, tau, start, period, ring, centre, lag):
    # SBDF2 with a step of 0.02 on a mesh of gmsh, 2038 unknowns, until t = 600; here from near the cycle
    full = colony(influx=influx).full(mesh=0)
    a, b, c, d = start
    initial = {"v_1": a, "w_1": b, "v_2": a, "w_2": b, "v_3": c, "w_3": d, "U": "steady"}
    data = sd.simulate(
        full, np.arange(0, 60.01, 0.2), initial=initial, parameters={"D": D, "tau": tau}, step=0.2, progress=False
    )
    data = data.sel(time=slice(60 - 4 * period, None))
    t = data.time.values
    first, third = upward(t, data.v_1.values), upward(t, data.v_3.values)
    assert np.diff(first).mean() == pytest.approx(period, rel=5e-3)
    assert (data.v_1.min(), data.v_1.max()) == pytest.approx(ring, rel=5e-3)
    assert (data.v_3.min(), data.v_3.max()) == pytest.approx(centre, rel=5e-3)
    behind = (third[:3] - first[:3]) / period
    assert 360 * (np.mod(behind + 0.5, 1) - 0.5).mean() == pytest.approx(lag, abs=0.6)
    assert data.v_1.values == pytest.approx(data.v_2.values, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_orders_in_time(three, method):
    # on a smooth solution, after the layer of the beginning: cells, and the bulk next to their walls
    problem = make_problem(three, sd.METHODS[method], BASE)
    u = np.array([1.6, 0.6, 1.5, 0.62, 1.4, 0.65])
    start = np.concatenate([u, *problem.exchange.quasi_steady(u)])
    begun = integrated(problem, "imex", start, [0, 2], step=0.02).frames[-1]
    exact = integrated(problem, "imex", begun, [2, 6], step=0.0125).frames[-1]
    steps = (0.02, 0.01) if method == "sbdf2" else (0.2, 0.1)
    found = [integrated(problem, method, begun, [2, 6], step=h).frames[-1] for h in steps]
    for part in (slice(0, 6), slice(6, None)):
        errors = [np.abs(y - exact)[part].max() for y in found]
        assert -0.2 < np.log2(errors[0] / errors[1]) - sd.METHODS[method].order < 0.6


def test_exponential_methods_with_cells_that_exchange_in_one_direction():
    # the first both ways, the second only secretes, the third only takes up
    full = colony(influx=[0.8, 0, 0.5], efflux=[0.2, 0.3, 0]).full(mesh=0)
    options = dict(initial={"U": "steady", "v_1": 1.4, "v_2": 0.9}, parameters=BASE, progress=False, rtol=1e-8, atol=1e-10)
    times = np.linspace(0, 5, 11)
    modal, eliminated = (sd.simulate(full, times, method=m, **options) for m in ("etdrk4", "imex"))
    for name in full.states:
        assert modal[str(name)].values == pytest.approx(eliminated[str(name)].values, abs=1e-6)
    assert np.ptp(modal.v_1.values) > 0.1


def test_exponential_methods_refuse_meshes_of_too_many_unknowns():
    with pytest.raises(DeclarationError, match=r"this mesh has \d+ unknowns, more than 5000; take a coarser mesh"):
        sd.simulate(colony().full(mesh=1), [0, 1], method="etdrk4", parameters=BASE, progress=False)


def test_defaults_are_within_a_millionth_of_the_converged_run(three):
    options = dict(initial={"U": "steady", "v_1": 1.4, "w_1": 0.75}, parameters=BASE, progress=False)
    times = np.arange(0, 20.01, 0.5)
    found, exact = (sd.simulate(three, times, **options, **o) for o in ({}, {"rtol": 1e-9, "atol": 1e-12}))
    assert max(float(np.abs(found[k] - exact[k]).max()) for k in ("v_1", "w_1", "v_3", "U")) < 1e-6
    assert exact.steps > 2 * found.steps


def test_an_explicit_method_meets_the_implicit_one(three):
    options = dict(initial={"U": "steady", "v_1": 1.4}, parameters={"D": 0.01, "tau": 0.55}, progress=False, rtol=1e-8)
    explicit, implicit = (sd.simulate(three, [0, 0.02], method=m, **options) for m in ("tsit5", "imex"))
    assert explicit.v_1.values == pytest.approx(implicit.v_1.values, rel=1e-7)


@pytest.fixture(scope="module")
def linear():
    x, a = sp.symbols("x a")
    return colony(
        centers=[(0.4, 0), (-0.3, 0.2)], radius=0.1, secreted="x",
        kinetics=sd.ODESystem({x: a - 2 * x}, {a: 1.0}, initial={x: 0.3}), influx=[0.8, 0.5], efflux=[0.2, 0.6],
    ).full(mesh={"size": 0.3, "wall": 8})  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_linear_cells_follow_the_matrix_exponential(linear, method):
    values = linear.values({"D": 0.5, "tau": 0.8})
    (e,) = linear.elements.matrices(values)
    N = linear.elements.size
    L = np.zeros((N + 3, N + 3))  # bulk, cells, and the constant 1
    inverse = np.linalg.inv(e.M.toarray()) / e.tau
    L[:N, :N], L[:N, N : N + 2] = -inverse @ e.A.toarray(), inverse @ e.B.toarray()
    L[N : N + 2, :N], L[N : N + 2, N : N + 2], L[N : N + 2, -1] = e.C.toarray(), -np.diag(e.loss) - 2 * np.eye(2), 1
    exact = expm(1.5 * L) @ np.concatenate([np.full(N, 0.1), [0.3, 0.3, 1]])
    data = sd.simulate(linear, [0, 1.5], initial={"U": 0.1}, parameters={"D": 0.5, "tau": 0.8}, method=method, step=0.01)
    found = [float(data[k][-1]) for k in ("x_1", "x_2", "U")]
    mean = linear.elements.integral @ exact[:N] / linear.elements.area
    assert found == pytest.approx([*exact[N : N + 2], mean], rel=1e-4 if method == "sbdf2" else 3e-6)


def test_what_cells_and_bulk_hold_is_lost_by_decay_alone():
    # rates of the cells are zero: tau (int U)' + tau sum(x)' = -int U
    x = sp.Symbol("x")
    full = colony(kinetics=sd.ODESystem({x: 0 * x}), secreted="x").full(mesh=0)
    times = np.linspace(0, 2, 101)
    data = sd.simulate(
        full, times, initial={f"x_{j}": 1.0 + j for j in (1, 2, 3)}, parameters={"D": 0.3, "tau": 5.0}, step=0.02
    )
    bulk = data.U.values * full.elements.area
    total = bulk + sum(data[f"x_{j}"].values for j in (1, 2, 3))
    lost = np.array([simpson(bulk[: k + 1], x=times[: k + 1]) for k in range(0, 101, 10)]) / 5.0
    assert total[::10] + lost == pytest.approx(np.full(11, 9.0), abs=2e-4)
    # while nothing decays noticeably, the total stays to rounding
    slow = sd.simulate(full, [0, 0.1], initial={f"x_{j}": 2.0 for j in (1, 2, 3)}, parameters={"D": 0.3, "tau": 1e12})
    held = slow.U.values * full.elements.area + sum(slow[f"x_{j}"].values for j in (1, 2, 3))
    assert held == pytest.approx([6.0, 6.0], rel=1e-12)


def test_fast_diffusion_is_well_mixed(three):
    d1, d2, tau, alpha, mu, zeta = 0.8, 0.2, 0.55, 0.9, 2.0, 0.15
    area, m = np.pi * (1 - 3 * 0.05**2), 3

    def rates(t, y):
        v, w, U = y
        step = alpha * w + w * v**2
        gain = 2 * np.pi / tau * (d1 * U - d2 * v)
        return [step - v + gain, zeta * (mu - step), -U / tau - m * gain / area]

    exact = solve_ivp(rates, (0, 5), [1.2, 0.7, 0.3], rtol=1e-10, atol=1e-12).y[:, -1]
    initial = {**{f"v_{j}": 1.2 for j in (1, 2, 3)}, **{f"w_{j}": 0.7 for j in (1, 2, 3)}, "U": 0.3}
    data = sd.simulate(three, [0, 5], initial=initial, parameters={"D": 1e5, "tau": tau}, step=0.05)
    assert [float(data[k][-1]) for k in ("v_2", "w_2", "U")] == pytest.approx(exact, rel=1e-4)


def test_a_field_without_cells_at_work_decays_as_bessel_functions_say():
    # a mode of the disc: cos(theta) J1(k r) decays with (1 + D k^2)/tau; the cells are tiny and closed
    k = jnp_zeros(1, 1)[0]
    still = sd.ODESystem({sp.Symbol("s"): -sp.Symbol("s")})
    full = colony(centers=[(0, 0)], radius=0.002, kinetics=still, secreted="s", influx=0, efflux=0).full(
        mesh={"size": 0.15, "wall": 8}, keep_bulk=[0.5]
    )

    def start(x, y):
        r = np.hypot(x, y)
        return x / r * j1(k * r)

    data = sd.simulate(full, [0, 0.25, 0.5], initial={"s_1": 0, "U": start}, parameters={"D": 0.4, "tau": 0.7}, step=0.0125)
    field = data.U_field.isel(bulk_time=0)
    shape = start(data.node_x.values, data.node_y.values)
    rate = (shape @ full.elements.mass @ field.values) / (shape @ full.elements.mass @ shape)
    assert np.log(rate) == pytest.approx(-0.5 * (1 + 0.4 * k**2) / 0.7, rel=1e-4)


def test_the_bulk_may_begin_as_a_number_an_expression_a_function_or_at_rest(three):
    x, y = sp.symbols("x y", real=True)
    kept = colony().full(mesh=three.elements.mesh, keep_bulk=True)
    points = kept.elements.points

    def begin(value):
        return sd.simulate(kept, [0, 0.1], initial={"U": value}, parameters=BASE, progress=False).U_field[0].values

    assert (begin(0.25) == 0.25).all()
    expected = np.exp(-(points[:, 0] ** 2)) + points[:, 1]
    for value in (sp.exp(-(x**2)) + y, "exp(-x^2) + y", lambda x, y: np.exp(-(x**2)) + y):
        assert begin(value) == pytest.approx(expected, rel=1e-12)
    rest = kept.steady_state(BASE)
    data = sd.simulate(
        kept, [0, 3], parameters=BASE, progress=False,
        initial={"U": "steady", **{f"{n}_{j}": float(rest[n][j - 1]) for n in "vw" for j in (1, 2, 3)}},
    )  # fmt: skip
    assert data.U_field[0].values == pytest.approx(rest.U.values, rel=1e-10)
    assert data.U_field[1].values == pytest.approx(rest.U.values, rel=1e-9)
    assert float(data.U[1]) == pytest.approx(float(rest.U_mean), rel=1e-9)
    assert data.triangles.shape == (4 * kept.elements.mesh.nelements, 3)


def test_sweeps_are_runs_of_their_own(three):
    times = [0, 0.5, 1.0]
    initial = {"U": 0.2, "v_1": [1.0, 1.5, 2.0]}
    swept = sd.simulate(
        three, times, initial=initial, parameters={"D": [0.5, 1.0], "tau": 0.55}, progress=False, layout=sd.Layout(threads=1)
    )
    assert swept.v_1.dims == ("D", "v_10", "time")
    again = sd.simulate(
        three, times, initial=initial, parameters={"D": [0.5, 1.0], "tau": 0.55}, progress=False, layout=sd.Layout(threads=2)
    )
    xr.testing.assert_identical(swept, again)
    step = 0.05
    one = sd.simulate(three, times, initial={"U": 0.2, "v_1": 1.5}, parameters={"D": 1.0, "tau": 0.55}, step=step)
    many = sd.simulate(three, times, initial=initial, parameters={"D": [0.5, 1.0], "tau": 0.55}, step=step)
    for name in ("v_1", "w_3", "U"):
        assert many[name].sel(v_10=1.5, D=1.0).values == pytest.approx(one[name].values, rel=1e-12)
    assert (many.steps == 20).all()
    assert (many.attrs["method"], many.attrs["step"]) == ("imex", step)
    assert swept.attrs["rtol"] > 0  # by default steps are chosen by tolerances, which are recorded
    assert "step" not in swept.attrs
    assert (many.step_error < 1e-2).all()


def test_the_error_of_a_step_falls_with_the_step(three):
    error = [
        float(sd.simulate(three, [0, 4], initial={"U": "steady"}, parameters=BASE, step=h).step_error) for h in (0.2, 0.1, 0.05)
    ]
    assert (np.log2(np.divide(error[:-1], error[1:])) > 1).all()  # the layer of the beginning has the largest
    assert np.isnan(sd.simulate(three, [0, 1], parameters=BASE, step=0.1, method="sbdf2").step_error)  # it has no estimate


def test_uneven_times_meet_the_same_solution(three):
    even = sd.simulate(three, [0, 1, 2, 3], parameters=BASE, step=0.05)
    for method in METHODS:
        uneven = sd.simulate(three, [0, 0.37, 1, 1.9, 2, 3], parameters=BASE, step=0.02, method=method)
        assert uneven.v_1.sel(time=[1, 2, 3]).values == pytest.approx(even.v_1.sel(time=[1, 2, 3]).values, rel=1e-3)


def test_failures_give_nan_and_an_error_with_everything():
    x = sp.Symbol("x")
    full = colony(kinetics=sd.ODESystem({x: x**2}), secreted="x", efflux=0).full(mesh=0)
    options = dict(initial={"x_1": [0.1, 4.0], "x_2": 0.1, "x_3": 0.1}, parameters=BASE, step=0.02, progress=False)
    data = sd.simulate(full, [0, 0.1, 2], on_failure="nan", **options)
    assert data.status.values.ravel().tolist() == [SUCCESS, NOT_FINITE]
    assert np.isnan(data.x_1.isel(x_10=1).values).tolist() == [False, False, True]
    assert float(data.x_1[0, -1]) == pytest.approx(0.1 / (1 - 0.2), rel=1e-7)
    with pytest.raises(SimulationError, match=r"1 of 2 trajectories failed.*x_1\(0\) = 4.*a shorter step") as caught:
        sd.simulate(full, [0, 0.1, 2], **options)
    xr.testing.assert_identical(caught.value.dataset, data)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_keeps_what_is_done(three, monkeypatch, threads):
    attempt, calls = AdditiveStepper.attempt, []

    def stopping(self, t, h, *, estimate):
        calls.append(h)
        if len(calls) == 15:
            raise KeyboardInterrupt
        attempt(self, t, h, estimate=estimate)

    monkeypatch.setattr(AdditiveStepper, "attempt", stopping)
    with pytest.warns(UserWarning, match="interrupted: 2 of 2 trajectories are incomplete"):
        data = sd.simulate(
            three,
            [0, 0.5, 10],
            parameters={"D": [1, 2], "tau": 0.55},
            step=0.1,
            layout=sd.Layout(threads=threads),
            progress=False,
        )
    assert (data.status == INTERRUPTED).all()
    assert np.isfinite(data.v_1[0, 0])
    assert np.isnan(data.v_1[:, -1]).all()


def test_two_species_pass_without_each_other():
    x, y = sp.symbols("x y")
    shared = dict(domain=sd.Disk(1), radius=0.1, centers=[(0.3, 0), (-0.4, 0.2)])
    both = sd.BulkCellSystem(
        **shared, kinetics=sd.ODESystem({x: 1 - x, y: 3 - 2 * y}), secreted=("x", "y"), influx={"x": 0.8, "y": 0.5},
        efflux={"x": 0.2, "y": 0.4}, parameters={"D_x": 1, "tau_x": 0.5, "D_y": 0.3, "tau_y": 2},
    ).full(mesh=0)  # fmt: skip
    start = {"x_1": 0.2, "x_2": 0.5, "y_1": 0.1, "y_2": 0.7, "U_x": 0.3, "U_y": "steady"}
    data = sd.simulate(both, [0, 0.5, 1], initial=start, step=0.05)
    for symbol, side, d1, d2, D, tau in ((x, 1 - x, 0.8, 0.2, 1, 0.5), (y, 3 - 2 * y, 0.5, 0.4, 0.3, 2)):
        alone = sd.BulkCellSystem(
            **shared,
            kinetics=sd.ODESystem({symbol: side}),
            secreted=symbol,
            influx=d1,
            efflux=d2,
            parameters={"D": D, "tau": tau},
        ).full(mesh=0)
        initial = {f"{symbol}_1": start[f"{symbol}_1"], f"{symbol}_2": start[f"{symbol}_2"], "U": start[f"U_{symbol}"]}
        one = sd.simulate(alone, [0, 0.5, 1], initial=initial, step=0.05)
        assert data[f"{symbol}_1"].values == pytest.approx(one[f"{symbol}_1"].values, rel=1e-11)
        assert data[f"U_{symbol}"].values == pytest.approx(one.U.values, rel=1e-11)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "rodas4"},
            "'rodas4' cannot be used here: it takes systems of rates of change",
        ),
        ({"target": "cuda"}, "a FullBulkCells is simulated on the processor"),
        ({"rtol": 1e-3, "step": 0.1}, "rtol has no effect on 'imex' of fields in steps of one length"),
        ({"step": -1}, "step is -1; expected a positive number"),
        ({"step": "x"}, "step is 'x'"),
        ({"layout": sd.Layout(lanes=8)}, "lanes has no effect on 'imex' of fields"),
        ({"on_failure": "ignore"}, "on_failure is 'ignore'"),
        ({"initial": {"q": 1}}, "'q' is not a state"),
        ({"initial": [1]}, "1 initial values were given for 7 states"),
        ({"initial": {"U": sp.Symbol("z")}}, "the bulk U begins with an expression of z; expected one of x and y"),
        ({"initial": {"U": "1 +"}}, "line 1, column"),
        (
            {"initial": {"U": lambda x, y: x[:3]}},
            r"the bulk U begins with values of the shape \(3,\); expected a finite number",
        ),
        ({"initial": {"U": lambda x, y: np.full_like(x, np.inf)}}, "expected a finite number for each of the"),
        ({"parameters": {"D": 1}}, "no value for the parameter tau"),
        ({"parameters": {"D": -1, "tau": 1}}, "D is -1; expected a positive number"),
    ],
)
def test_what_is_refused(three, options, message):
    with pytest.raises((DeclarationError, sd.CompileError, sd.ParseError), match=message):
        sd.simulate(three, [0, 1], **{"parameters": BASE, **options})


@pytest.mark.parametrize(("keep", "message"), [([0.3], "names the time 0.3, which is none"), ("all", "keep_bulk is 'all'")])
def test_times_that_are_kept_are_output_times(three, keep, message):
    full = colony().full(mesh=three.elements.mesh, keep_bulk=keep)
    with pytest.raises(DeclarationError, match=message):
        sd.simulate(full, [0, 1], parameters=BASE)


def test_a_bulk_too_large_to_keep_is_refused(three):
    full = colony().full(mesh=three.elements.mesh, keep_bulk=True)
    with pytest.raises(DeclarationError, match=r"would take \d+\.\d GB of .* GB of memory; ask for fewer times"):
        sd.simulate(full, np.arange(1001), parameters=BASE, trajectories=10**5)


def test_meshes_are_shared(three):
    again = FiniteElements(sd.Disk(1), np.array(THREE), 0.05, three.elements.mesh)
    assert abs(again.stiffness - three.elements.stiffness).max() == 0
