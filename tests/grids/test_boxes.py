"""Fields in boxes: exact solutions with every condition at walls, and what rectangles and intervals have too."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError, SimulationError
from symdyn.grids.linear_part_axes import axis_modes

u, v, x, y, z, t, D, c = sp.symbols("u v x y z t D c")
SPACE = (x, y, z)
BOX = sd.Box(1, 1.2, 0.9, (0.1, -0.2, 0.3))
WIDE = sd.PDESystem({u: functools.reduce(lambda e, _: sd.dz(e), range(14), u)}, sd.Box(1, 1, 1), boundary="periodic")
SIDES = ("left", "right", "bottom", "top", "front", "back")


def walled(exact, kinds):
    """Conditions of the kinds at the sides that a function meets."""
    found = {}
    for side, kind in zip(SIDES, kinds, strict=True):
        axis, end = divmod(SIDES.index(side), 2)
        place, normal = {SPACE[axis]: sp.Float(BOX.box[end][axis])}, (-1) ** (1 - end) * exact.diff(SPACE[axis])
        value = {"dirichlet": exact, "neumann": normal, "robin": exact + 2 * normal}[kind].xreplace(place)
        made = {"dirichlet": sd.Dirichlet, "neumann": sd.Neumann, "robin": lambda e: sd.Robin(1, 2, e)}
        found[side] = made[kind](value)
    return found


def error(system, exact, shape, end, order, **options):
    """The largest error at the end."""
    data = sd.simulate(system.discretize(shape, order=order), [0, end], progress=False, **options)
    centers = np.meshgrid(*(data[s.name].values for s in system.space), indexing="ij")
    return float(np.abs(data.u.values[-1] - sp.lambdify(SPACE, exact.subs(t, end))(*centers)).max())


WAVE = 2 + sp.cos(2 * x - y + z / 2 - t) * sp.exp(-t / 2) + x * y * z
MOVED = D * sd.laplacian(u) - sd.dot(sd.vector(1, c, -1), sd.grad(u)) - u * sd.dx(u) / 4


def source(rate):
    """What makes WAVE a solution: its own rate minus that of the equation."""
    w = WAVE
    spread = sum(w.diff(s, 2) for s in SPACE)
    return rate + w.diff(t) - (D * spread - w.diff(x) - c * w.diff(y) + w.diff(z) - w * w.diff(x) / 4)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("method", ["tsit5", "imex3"])
def test_walls_of_every_kind_that_move(order, method):
    kinds = ("dirichlet", "robin", "neumann", "dirichlet", "robin", "neumann")
    system = sd.PDESystem(
        {u: source(MOVED)}, BOX, boundary=walled(WAVE, kinds), parameters={D: 0.2, c: 0.5}, initial={u: WAVE.subs(t, 0)}
    )
    how = {"tsit5": {"rtol": 1e-9, "atol": 1e-11}, "imex3": {"rtol": 1e-8, "atol": 1e-10}}[method]
    shapes = {2: ((10, 12, 11), (15, 18, 16)), 4: ((12, 14, 13), (18, 21, 19)), 6: ((20, 20, 20), (30, 30, 30))}[order]
    exact = WAVE.subs({D: 0.2, c: 0.5})
    errors = [error(system, exact, shape, 0.05, order, method=method, **how) for shape in shapes]
    assert math.log(errors[0] / errors[1]) / math.log(1.5) > order - 0.6
    assert errors[1] < {2: 4e-3, 4: 1e-4, 6: 1e-6}[order]


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("boundary", ["periodic", "no-flux"])
def test_waves_decay_as_their_differences_say(order, boundary):
    """A product of waves is an eigenvector, whose eigenvalue is the sum of those along the axes."""
    numbers, shape, lengths = (1, 2, 3), (16, 20, 24), (1.0, 1.2, 0.9)
    turns = 2 if boundary == "periodic" else 1
    low = BOX.box[0]
    mode = sp.Mul(*(sp.cos(turns * sp.pi * k * (s - sp.Float(a)) / sp.Float(w))
                    for k, s, a, w in zip(numbers, SPACE, low, lengths, strict=True)))  # fmt: skip
    system = sd.PDESystem({u: D * sd.laplacian(u)}, BOX, boundary=boundary, parameters={D: 1}, initial={u: mode})
    kind = "periodic" if boundary == "periodic" else "mirror"
    rate = sum(axis_modes(n, w / n, order, kind, kind).symbol(2)[k]
               for k, n, w in zip(numbers, shape, lengths, strict=True))  # fmt: skip
    for method, options in (("tsit5", {"rtol": 1e-11, "atol": 1e-13}), ("etdrk4", {"step": 0.001})):
        data = sd.simulate(system.discretize(shape, order=order), [0, 0.002], method=method, progress=False, **options)
        start, end = data.u.values
        np.testing.assert_allclose(end, math.exp(0.002 * rate) * start, atol=1e-10)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("advection", ["central", "upwind", "weno5"])
def test_what_varies_along_one_axis_is_the_solution_on_an_interval(axis, advection):
    """Fluxes, closures next to walls, and limited ghosts, along each of the axes, to rounding."""
    s, (low, high) = SPACE[axis], BOX.box[:, axis]
    deriv, ends = (sd.dx, sd.dy, sd.dz)[axis], {0: sd.Dirichlet(1 + sp.sin(t)), 1: sd.Robin(1, 1, 2)}
    walls = {SIDES[2 * axis + k]: w for k, w in ends.items()}
    given = {"parameters": {D: 0.05}, "initial": {u: 1 + sp.exp(-20 * (s - sp.Float((low + high) / 2)) ** 2)}}
    how = {"method": "rk4", "step": 1e-3, "progress": False}
    shape = [8, 8, 8]
    shape[axis] = 24
    box = sd.PDESystem({u: D * deriv(deriv(u)) - deriv(u**2 / 2)}, BOX, boundary=walls, **given)
    line = sd.PDESystem({u: D * sd.dx(sd.dx(u)) - sd.dx(u**2 / 2)}, (low, high), space=[s],
                        boundary=dict(zip(("left", "right"), ends.values(), strict=True)), **given)  # fmt: skip
    found = sd.simulate(box.discretize(shape, advection=advection, order=4 if advection == "central" else 2), [0, 0.05], **how)
    known = sd.simulate(line.discretize(24, advection=advection, order=4 if advection == "central" else 2), [0, 0.05], **how)
    expected = np.expand_dims(known.u.values[-1], [a for a in range(3) if a != axis])
    np.testing.assert_allclose(found.u.values[-1], np.broadcast_to(expected, shape), rtol=1e-11)
    assert abs(known.u.values[-1] - known.u.values[0]).max() > 0.02


@pytest.mark.parametrize("method", ["tsit5", "imex3", "etdrk4"])
def test_spectral_waves_that_travel_and_decay(method):
    """u = exp(-D |k|^2 t) sin(k . (x - c t)), and v by Cole and Hopf's transform of such a wave along the diagonal."""
    box, k, speed = sd.Box(2 * math.pi, 2 * math.pi, 2 * math.pi), (1, -2, 1), (0.5, 1.0, -1.0)
    rate = D * sd.laplacian(u) - sd.dot(sd.vector(*speed), sd.grad(u))
    phase = sum(a * s for a, s in zip(k, SPACE, strict=True))
    heat = 2 + sp.exp(-3 * D * t) * sp.cos(x + y + z)  # of w, with v = -2 D d/ds log w along s = x + y + z
    hopf = -2 * D * heat.diff(x) / heat
    system = sd.PDESystem(
        {u: rate, v: D * sd.laplacian(v) - (sd.dx(v**2) + sd.dy(v**2) + sd.dz(v**2)) / 2}, box, boundary="periodic",
        parameters={D: 0.3}, initial={u: sp.sin(phase), v: hopf.subs(t, 0)},
    )  # fmt: skip
    options = {"step": 0.01} if method == "etdrk4" else {"rtol": 1e-8, "atol": 1e-10}
    data = sd.simulate(system.discretize(32, scheme="spectral"), [0, 0.2], method=method, progress=False, **options)
    centers = np.meshgrid(data.x, data.y, data.z, indexing="ij")
    moved = sum(a * s for a, s in zip(k, speed, strict=True)) * 0.2
    exact = math.exp(-0.3 * 6 * 0.2) * np.sin(sum(a * s for a, s in zip(k, centers, strict=True)) - moved)
    np.testing.assert_allclose(data.u.values[-1], exact, atol=1e-7)
    shape = sp.lambdify(SPACE, hopf.subs({D: 0.3, t: 0.2}))
    np.testing.assert_allclose(data.v.values[-1], shape(*centers), atol=2e-5)


def test_numbers_of_a_box():
    """Means, integrals, values at points, scalars and events."""
    system = sd.PDESystem.from_text(
        "u' = dz(dz(u)) + 0*laplacian(u)\nheat' = integral(u) - heat\nm := mean(u*x)\np := at(u, 0.5, 0.25, 0.75)",
        domain=sd.Box(1, 1, 2), odes=["heat"], boundary={"z": "periodic"}, initial={"u": "1 + x*y", "heat": 0},
    )  # fmt: skip
    data = sd.simulate(system, [0, 1], grid=(20, 20, 8), method="tsit5", rtol=1e-9, progress=False)
    assert data.u.dims == ("time", "x", "y", "z")
    assert data.u.shape == (2, 20, 20, 8)
    assert float(data.p[-1]) == pytest.approx(1 + 0.5 * 0.25, abs=1e-12)
    # sums over cells are the midpoint rule, exact for what is linear
    assert float(data.heat[-1]) == pytest.approx(2.5 * (1 - math.exp(-1)), abs=1e-7)
    assert float(data.m[-1]) == pytest.approx(0.5 + 0.5 * (1 / 3 - 1 / (12 * 20**2)), abs=1e-12)


@pytest.mark.parametrize("order", [2, 4])
def test_a_layered_medium_repeats_with_the_period(order):
    """A jump where the period begins is one as elsewhere: in a medium that is moved by four cells all moves with it."""
    moved = (z - sp.Rational(1, 4), z >= sp.Rational(1, 4)), (z + sp.Rational(3, 4), True)

    def rates(place, state, **walls):
        layers = sp.Piecewise((2, place > 0.53), (1, True))
        rate = sd.div(layers * sd.grad(u)) + sd.dx(sd.dz(u)) * len(walls)
        system = sd.PDESystem({u: rate}, sd.Box(1, 1, 1), boundary={"z": "periodic", **walls})
        model = system.discretize(state.shape, order=order).model()
        return model.rates(state.ravel(), 0.0, np.empty(0)).reshape(state.shape)

    state, other = np.random.default_rng(0).random((9, 8, 16)), sp.Piecewise(*moved)
    here = rates(z, state, left=sd.Dirichlet(1 + z))
    there = rates(other, np.roll(state, 4, axis=-1), left=sd.Dirichlet(1 + other))
    np.testing.assert_allclose(there, np.roll(here, 4, axis=-1), rtol=0, atol=1e-11 * np.abs(here).max())
    closed = rates(z, state)
    assert abs(closed.sum()) < 1e-12 * np.abs(closed).sum()


def test_what_is_conserved_stays():
    system = sd.models.zoo.cahn_hilliard(sd.Box(16, 16, 16))
    data = sd.simulate(system, [0, 1, 2], grid=16, progress=False)
    assert float(np.ptp(data.u.values.mean(axis=(1, 2, 3)))) < 1e-12
    assert (np.diff(data.energy.values) < 0).all()


def test_steady_states_in_a_box():
    """Laplacian(u) - u + f = 0 with a wave f: what the differences make of it is known exactly."""
    wave = sp.cos(sp.pi * x) * sp.cos(2 * sp.pi * y) * sp.cos(sp.pi * z)
    grid = sd.PDESystem({u: sd.laplacian(u) - u + wave}, sd.Box(1, 1, 1)).discretize((8, 10, 9))
    found = sd.analysis.steady_states(grid, initial={u: 0}, starts=1)
    assert found.sizes["branch"] == 1
    assert bool(found.stable[0])
    rate = sum(axis_modes(n, 1 / n, 2, "mirror", "mirror").symbol(2)[k] for n, k in zip((8, 10, 9), (1, 2, 1), strict=True))
    shape = sp.lambdify(SPACE, wave)(*np.meshgrid(*grid.centers, indexing="ij"))
    np.testing.assert_allclose(found.u.values[0], shape / (1 - rate), atol=1e-10)
    assert found.eigenvalue_real.values[0] == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.Box(1, 1, 0), "depth of the Box is 0; expected a positive number"),
        (lambda: sd.Box(1, 1, 1, (0, 0)), r"corner of the Box is \(0, 0\); expected three numbers"),
        (lambda: sd.Rectangle(1, 1, (0, 0, 0)), "expected two numbers"),
        (lambda: sd.PDESystem({u: sd.dz(u)}, sd.Rectangle(1, 1)), "axis 3 of a domain of 2 dimensions"),
        (lambda: sd.PDESystem({u: u}, BOX).discretize((4, 4)), r"for each axis, grid=\(nx, ny, nz\)"),
        (lambda: sd.PDESystem({u: u}, BOX, boundary={"z": "no-flux", "under": "no-flux"}), "front, back"),
        (lambda: sd.PDESystem({u: u}, BOX).mesh(0.1), r"finite elements fill a Disk or a Polygon; Box\(.*\) has grids"),
        (lambda: WIDE.discretize(32, order=6).model(), "order 6 reach over 9 cells, and at most 8"),
        (lambda: sd.PDESystem({u: u}, BOX).discretize(8, scheme="spectral").model(), "walls along x, y, z"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises((DeclarationError, SimulationError), match=message):
        make()
