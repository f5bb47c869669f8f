"""Limits of fast diffusion: eigenvalues, quorum thresholds and rhythms of published and independent computations."""

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq, fsolve

import symdyn as sd
from symdyn.analysis.field import Field, parameter_row
from symdyn.cells.limits import well_mixed
from symdyn.cells.modal import large_diffusion, neumann_modes
from symdyn.cells.phases import extremes, period
from symdyn.errors import DeclarationError
from symdyn.models import zoo

RING = [(0.5, 0), (-0.5, 0), (0, 0)]


def colony(centers=RING, influx=0.8, efflux=0.2, domain=None, **options):
    return sd.BulkCellSystem(
        domain=domain or sd.Disk(1), radius=0.05, centers=centers, kinetics=zoo.selkov(), secreted="v", influx=influx,
        efflux=efflux, **options,
    )  # fmt: skip


def spread(count):
    """Cells apart from each other."""
    angle = 2.4 * np.arange(count)
    r = 0.85 * np.sqrt((np.arange(count) + 0.5) / count)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)


def leading(system, **parameters):
    """Eigenvalues in the upper half plane, growing first, from differences of the right-hand side."""
    field, row = Field(system), parameter_row(system, parameters)
    start = np.array([system.initial[s] for s in system.states])
    x = fsolve(lambda x: field(x, row), start, xtol=1e-11)
    assert np.abs(field(x, row)).max() < 1e-9
    h = 1e-6
    jacobian = np.stack([(field(x + e, row) - field(x - e, row)) / (2 * h) for e in h * np.eye(len(x))], axis=1)
    values = np.linalg.eigvals(jacobian)
    values = values[values.imag > 0]
    return values[np.argsort(-values.real)]


# The rows were computed independently from the equations (3.16) and (3.19) of Iyaniwura & Ward (2021).
POINTS = [
    (0.8, 0.2, 1, 0.55, 0.01448 + 0.76332j, 0.00596),
    ([0.8, 0.8, 0.4], 0.2, 0.4, 0.6, 0.01391 + 0.77863j, -0.02544),
    ([0.8, 0.8, 0.2], [0.2, 0.2, 0.4], 0.5, 3, 0.01506 + 0.79349j, -0.0486),
]


@pytest.mark.parametrize(("influx", "efflux", "D", "tau", "fast", "mixed"), POINTS)
def test_leading_eigenvalues(influx, efflux, D, tau, fast, mixed):
    cells = colony(influx=influx, efflux=efflux)
    assert leading(large_diffusion(cells), D=D, tau=tau)[0] == pytest.approx(fast, abs=1.1e-5)
    assert leading(well_mixed(cells), tau=tau)[0].real == pytest.approx(mixed, abs=2e-5)


def test_modes_lead_from_the_limit_to_the_asymptotic_theory():
    cells = colony()
    assert leading(large_diffusion(cells), D=1, tau=0.55)[0] == pytest.approx(0.01448 + 0.76332j, abs=1e-5)
    assert leading(large_diffusion(cells, 10), D=1, tau=0.55)[0] == pytest.approx(0.0143 + 0.76199j, abs=1e-5)
    assert leading(large_diffusion(cells, 80), D=1, tau=0.55)[0] == pytest.approx(0.01426 + 0.76175j, abs=1e-5)


def test_modes_at_slow_diffusion():
    cells = colony(influx=[0.8, 0.8, 0.4])
    assert leading(large_diffusion(cells), D=0.05, tau=0.2)[0] == pytest.approx(0.037 + 0.80746j, abs=1.1e-5)
    assert leading(large_diffusion(cells, 80), D=0.05, tau=0.2)[0] == pytest.approx(0.03584 + 0.78002j, abs=1.1e-5)


@pytest.mark.parametrize("influx", [[0.8, 0.3, 0.5], [0.8, 0.0, 0.5], [0.0, 0.0, 0.0]])
def test_sources_solve_their_linear_equations(influx):
    """The explicit inverse against the linear system as it is written, walls that let nothing in included."""
    cells, D, tau = colony(influx=influx, efflux=[0.2, 0.4, 0.1]), 0.7, 0.4
    system = large_diffusion(cells)
    rng = np.random.default_rng(3)
    x = rng.uniform(0.2, 2, len(system.states))
    names = {p.name for p in system.parameters}  # without influx nothing depends on D
    rates = Field(system)(x, parameter_row(system, {k: q for k, q in (("D", D), ("tau", tau)) if k in names}))
    v, w, mean = x[0:6:2], x[1:6:2], x[6]
    nu = -1 / np.log(0.05)
    d1, d2, d0 = np.array(influx), np.array([0.2, 0.4, 0.1]), D * nu
    matrix = np.eye(3) + 2 * np.pi * nu * cells.greens.neumann(cells.centers)
    b = np.linalg.solve(d0 * np.eye(3) + d1[:, None] * matrix, d1 * mean - d2 * v)
    assert rates[0:6:2] == pytest.approx(0.9 * w + w * v**2 - v + 2 * np.pi * d0 / tau * b, rel=1e-12)
    assert rates[6] == pytest.approx(-mean / tau - 2 * d0 / tau * b.sum(), rel=1e-12)


def test_influx_may_be_one_symbol():
    numbers, symbol = (
        large_diffusion(colony(influx=[0.8, 0.8, 0.4])),
        large_diffusion(colony(influx=[sp.Symbol("d"), "d", sp.Symbol("d") / 2])),
    )
    x = np.linspace(0.3, 2, 7)
    one = Field(numbers)(x, parameter_row(numbers, {"D": 0.7, "tau": 0.4}))
    assert Field(symbol)(x, parameter_row(symbol, {"D": 0.7, "tau": 0.4, "d": 0.8})) == pytest.approx(one, rel=1e-12)
    with pytest.raises(DeclarationError, match="influxes are a, b, 1"):
        large_diffusion(colony(influx=["a", "b", 1]))


def test_infinite_diffusion_is_well_mixed():
    cells = colony(influx=[0.8, 0.3, 0.5])
    fast, mixed = large_diffusion(cells), well_mixed(cells)
    x = np.linspace(0.3, 2, 7)
    gaps = [
        np.abs(
            Field(fast)(x, parameter_row(fast, {"D": D, "tau": 0.4})) - Field(mixed)(x, parameter_row(mixed, {"tau": 0.4}))
        ).max()
        for D in (1e4, 1e5)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)
    assert gaps[1] < 1e-3


# Hopf values of tau in the well-mixed limit against the number of cells, efflux 0.2, in the unit disc
QUORUM = {
    3: (0.3863, 0.6814), 4: (0.2774, 0.6623), 5: (0.2188, 0.6237), 6: (0.1811, 0.5838), 8: (0.1350, 0.5127),
    10: (0.1077, 0.4548), 12: (0.0896, 0.4078),
}  # fmt: skip


def in_phase(tau, product, count):
    """Identical cells in step: the largest real part of (v, w, U), written down by hand."""
    alpha, mu, zeta, d2 = 0.9, 2.0, 0.15, 0.2
    d1 = product / count
    # at rest F1 + F2/zeta = mu - v, so v follows from two linear equations
    a = np.array([[-1 - 2 * np.pi * d2 / tau, 2 * np.pi * d1 / tau], [2 * count * d2, -1 - 2 * count * d1]])
    v, _ = np.linalg.solve(a, [-mu, 0])
    w = mu / (alpha + v**2)
    g = alpha + v**2
    j = np.array(
        [
            [2 * v * w - 1 - 2 * np.pi * d2 / tau, g, 2 * np.pi * d1 / tau],
            [-2 * zeta * v * w, -zeta * g, 0],
            [2 * count * d2 / tau, 0, -(1 + 2 * count * d1) / tau],
        ]
    )
    return np.linalg.eigvals(j).real.max()


@pytest.mark.parametrize(("count", "ends"), QUORUM.items())
def test_quorum_by_hand(count, ends):
    product = 0.8 * count
    top = np.mean(ends)
    assert in_phase(top, product, count) > 0
    assert brentq(in_phase, 0.02, top, args=(product, count)) == pytest.approx(ends[0], abs=6e-5)
    assert brentq(in_phase, top, 2, args=(product, count)) == pytest.approx(ends[1], abs=6e-5)


@pytest.mark.parametrize(("count", "influx", "same"), [(3, 0.8, 3), (6, 0.4, 3), (8, 0.3, 3), (10, 0.8, 10)])
def test_quorum_depends_on_the_product_of_cells_and_influx(count, influx, same):
    """Hopf points of the derived system by continuation; the steady state is stable or not as the table says."""
    system = well_mixed(colony(spread(count), influx=influx))
    for tau, sign in ((0.98, -1), (1.02, 1)):
        for end, side in zip(QUORUM[same], (1, -1), strict=True):
            assert side * sign * leading(system, tau=tau * end)[0].real > 0


def test_hopf_points_of_the_well_mixed_limit():
    found = sd.analysis.hopf_points(well_mixed(colony()), "tau", (0.2, 1))
    assert found.tau.values == pytest.approx([0.38626, 0.68139], abs=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_cells_rest(count):
    assert max(in_phase(tau, 0.8 * count, count) for tau in np.geomspace(0.01, 10, 200)) < 0


@pytest.mark.parametrize(("influx", "threshold"), [(0.8, 3), (0.4, 5), (0.3, 7)])
def test_thresholds(influx, threshold):
    taus = np.geomspace(0.01, 10, 300)
    grows = [max(in_phase(tau, influx * m, m) for tau in taus) > 0 for m in range(1, threshold + 1)]
    assert grows == [False] * (threshold - 1) + [True]


# Periods and ranges of v of (3.16), by an independent integration
RHYTHMS = [
    (POINTS[0], 8.232, [(1.1227, 2.0813), (1.140, 2.101)]),
    (POINTS[1], 8.076, [(1.332, 2.161), (1.005, 1.952)]),
    (POINTS[2], 7.931, [(1.897, 2.132), (1.081, 1.974)]),
]


@pytest.mark.parametrize(("point", "length", "ranges"), RHYTHMS)
def test_rhythms(point, length, ranges):
    influx, efflux, D, tau = point[:4]
    system = large_diffusion(colony(influx=influx, efflux=efflux))
    times = np.linspace(0, 900, 4501)
    data = sd.simulate(
        system, times, initial={"v_1": 1.9, "v_2": 1.9, "v_3": 1.6}, parameters={"D": D, "tau": tau}, progress=False
    )
    late = data
    assert period(late, "v", after=700).values == pytest.approx(length, abs=1.5e-3)
    found = extremes(late, "v", after=700)
    for cell, (low, high) in zip((1, 3), ranges, strict=True):
        assert float(found.lowest.sel(cell=cell)) == pytest.approx(low, abs=2e-3)
        assert float(found.highest.sel(cell=cell)) == pytest.approx(high, abs=2e-3)


def test_balance_of_several_species():
    """What leaves the cells enters the bulk, species by species."""
    x, y = sp.symbols("x y")
    kinetics = sd.ODESystem({x: -x * y, y: x * y - y})
    cells = sd.BulkCellSystem(
        domain=sd.Rectangle(2, 1), radius=0.02, centers=[(0.5, 0.4), (1.4, 0.6)], kinetics=kinetics, secreted=["x", "y"],
        influx={"x": 0.5, "y": [0.2, 0.7]}, efflux={"x": [0.3, 0.1], "y": 0.4},
    )  # fmt: skip
    parameters = {"D_x": 1.5, "D_y": 0.3, "tau_x": 0.7, "tau_y": 0.2}
    for system in (large_diffusion(cells), well_mixed(cells), large_diffusion(cells, 4)):
        state = np.random.default_rng(1).uniform(0.1, 1, len(system.states))
        at = dict(zip(system.names, state, strict=True))
        rate = dict(
            zip(
                system.names,
                Field(system)(state, parameter_row(system, {p.name: parameters[p.name] for p in system.parameters})),
                strict=True,
            )
        )
        kinetic = {
            "x": lambda j, at=at: -at[f"x_{j}"] * at[f"y_{j}"],
            "y": lambda j, at=at: at[f"x_{j}"] * at[f"y_{j}"] - at[f"y_{j}"],
        }
        for s in ("x", "y"):
            left = sum(rate[f"{s}_{j}"] - kinetic[s](j) for j in (1, 2))
            gained = 2.0 * (rate[f"U_{s}"] + at[f"U_{s}"] / parameters[f"tau_{s}"])
            assert left + gained == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("domain", [sd.Disk(1.3, (0.2, -0.1)), sd.Rectangle(1.5, 0.7, (-0.5, 0.1))])
def test_neumann_modes_are_orthonormal(domain):
    """By a quadrature that integrates them to rounding."""
    s, weight = np.polynomial.legendre.leggauss(40)
    if isinstance(domain, sd.Disk):
        r, angle = 1.3 * (s + 1) / 2, 2 * np.pi * np.arange(64) / 64
        points = np.stack([0.2 + np.outer(r, np.cos(angle)), -0.1 + np.outer(r, np.sin(angle))], axis=-1).reshape(-1, 2)
        weights = np.outer(weight * 1.3 / 2 * r, np.full(64, 2 * np.pi / 64)).ravel()
    else:
        x, y = np.meshgrid(-0.5 + 1.5 * (s + 1) / 2, 0.1 + 0.7 * (s + 1) / 2, indexing="ij")
        points, weights = np.stack([x, y], axis=-1).reshape(-1, 2), np.outer(weight, weight).ravel() * 1.5 * 0.7 / 4
    squares, shapes = neumann_modes(domain, 25, points)
    assert (np.diff(squares) >= -1e-9).all()
    assert squares[0] > 0
    assert (shapes * weights) @ shapes.T == pytest.approx(np.eye(25), abs=1e-10)
    assert shapes @ weights == pytest.approx(np.zeros(25), abs=1e-10)


@pytest.mark.parametrize("domain", [sd.Disk(1), sd.Rectangle(2, 1)])
def test_modes_sum_to_the_neumann_function(domain):
    """Between two points the sum over modes converges to the Neumann function, slowly."""
    points = np.array([(0.5, 0.2), (0.1, 0.6)])
    exact = sd.cells.greens.greens_function(domain).neumann(points)[0, 1]
    gaps = []
    for count in (100, 1600):
        squares, shapes = neumann_modes(domain, count, points)
        gaps.append(abs((shapes[:, 0] * shapes[:, 1] / squares).sum() - exact))
    assert gaps[1] < min(3e-3, gaps[0])


def test_errors():
    plane = colony(domain=sd.Plane())
    for route in (well_mixed, large_diffusion, lambda c: large_diffusion(c, 2)):
        with pytest.raises(DeclarationError, match="Plane, whose bulk has no mean"):
            route(plane)
    with pytest.raises(DeclarationError, match="modes is -1"):
        large_diffusion(colony(), -1)
    polygon = colony([(0.4, 0.3)], domain=sd.Polygon([(0, 0), (1, 0), (0.5, 1)]))
    with pytest.raises(DeclarationError, match="modes are known of a Disk and a Rectangle"):
        large_diffusion(polygon, 3)
