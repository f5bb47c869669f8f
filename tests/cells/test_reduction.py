"""The reduction of the bulk: exact where it interpolates, bounded elsewhere, stable everywhere, and right in time."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.sparse.linalg import splu

import symdyn as sd
from symdyn.analysis.field import Field, parameter_row
from symdyn.cells._krylov import Pencil, Point, greedy_basis
from symdyn.cells.reduction import reduce
from symdyn.errors import DeclarationError
from symdyn.models import zoo

RING = [(0.5, 0), (-0.5, 0), (0, 0)]
HERE = {"D": 1, "tau": 0.55}


def colony(centers=RING, influx=0.8, efflux=0.2, **options):
    return sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=centers, kinetics=zoo.selkov(), secreted="v", influx=influx, efflux=efflux,
        **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    return colony()


@pytest.fixture(scope="module")
def full(cells):
    return cells.full(mesh=0)


@pytest.fixture(scope="module")
def wide(cells, full):
    return reduce(cells, mesh=full)


@pytest.fixture(scope="module")
def pencil(full):
    e = full.elements
    wall = sum(0.8 / 0.05 * w for w in e.walls).tocsc()
    return Pencil(e.stiffness, e.mass, [wall], e.loads.toarray())


def direct(full, D, sigma, influx=(0.8, 0.8, 0.8)):
    """The transfer matrix from the assembled matrices alone."""
    e = full.elements
    a = D * e.stiffness + (1 + sigma) * e.mass
    for d, wall in zip(influx, e.walls, strict=True):
        a = a + d / 0.05 * wall
    loads = e.loads.toarray()
    return loads.T @ splu(a.tocsc()).solve(loads.astype(a.dtype))


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


# ---- the basis --------------------------------------------------------------------------------------


def test_interpolates_values_and_slopes(pencil, full):
    """At the shifts the transfer matrix and its derivatives by sigma and D are those of the full system."""
    points = [Point(d, complex(0, w), (1.0,)) for d in (0.3, 2.0) for w in (0.0, 1.0, 8.0)]
    reduced = greedy_basis(pencil, points, 1e-13, drop=0.0)
    assert reduced.shifts
    for p in reduced.shifts:
        assert relative(reduced.transfer(p), direct(full, p.diffusion, p.sigma)) < 1e-10
        x = pencil.solve(p)
        y = np.linalg.solve(reduced.matrix(p), reduced.loads)
        assert relative(y.T @ y, x.T @ (pencil.mass @ x)) < 1e-10
        assert relative(y.T @ (reduced.kappa[:, None] * y), x.T @ (pencil.stiffness @ x)) < 1e-10


def test_bound_holds_and_is_sharp(pencil, full):
    points = [Point(d, complex(0, w), (1.0,)) for d in np.geomspace(0.05, 20, 11) for w in (0, 0.1, 0.5, 2, 8, 30)]
    reduced = greedy_basis(pencil, points, 1e-5)
    assert reduced.estimate <= 1e-5
    true = [relative(reduced.transfer(p), direct(full, p.diffusion, p.sigma)) for p in points[::6]]
    assert max(true) <= reduced.estimate * 1.0001
    # at every step of the search the bound was above the error it bounded, and by no more than a factor of 100
    for bound, error in reduced.history:
        assert error <= bound * 1.0001
    assert all(bound < 100 * error for bound, error in reduced.history[1:])


def test_matrices_are_symmetric_and_positive(wide):
    """Stable and passive for every D, delay and influx: no eigenvalue of A is below one."""
    pencil = wide.pencils[0]
    assert pencil.basis.T @ (wide.elements.mass @ pencil.basis) == pytest.approx(np.eye(pencil.size), abs=1e-10)
    stiffness = pencil.basis.T @ (wide.elements.stiffness @ pencil.basis)
    assert stiffness == pytest.approx(np.diag(pencil.kappa), abs=1e-9 * pencil.kappa[-1])
    assert pencil.kappa[0] == 0
    assert np.ptp(pencil.basis[:, 0]) < 1e-12
    rng = np.random.default_rng(5)
    for d, c in zip(np.exp(rng.uniform(-12, 12, 40)), np.exp(rng.uniform(-4, 4, 40)), strict=True):
        a = pencil.matrix(Point(float(d), 0.0, (float(c),))).real
        assert a == pytest.approx(a.T, rel=1e-12)
        assert np.linalg.eigvalsh(a).min() > 1 - 1e-9
        # positive real: the hermitian part of the transfer matrix anywhere in the right half plane
        s = complex(rng.exponential(5), rng.normal(0, 50))
        h = pencil.transfer(Point(float(d), s, (float(c),)))
        assert np.linalg.eigvalsh((h + h.conj().T) / 2).min() > -1e-12 * np.linalg.norm(h)


def test_few_states_for_one_diffusivity(cells, full):
    """As many states as a ladder of shifts by hand needs, 27, give 1e-7 or better for frequencies below 20."""
    for D, tau in ((5, 0.3), (1, 0.55), (0.1, 0.2), (0.02, 0.15)):
        small = reduce(cells, mesh=full, parameters={"D": D, "tau": tau}, tolerance=1e-7)
        assert small.pencils[0].size <= 30
        w = [0.0, 0.8, 6.0, 19.0]
        exact = [direct(full, D, 1j * tau * f) for f in w]
        found = small.transfer(frequencies=w)[0]
        errors = [relative(a, b) for a, b in zip(found, exact, strict=True)]
        assert max(errors) < 1e-7
        assert small.error(frequencies=w).values == pytest.approx(errors, rel=0.05, abs=1e-11)


def test_error_tells_where_the_range_ends(cells, full):
    small = reduce(cells, mesh=full, parameters=HERE)
    assert small.error().max() < 1e-6
    assert small.error({"D": 0.1}).max() > 1e-5


def test_tolerance_sets_the_number_of_states(cells, full):
    sizes = [reduce(cells, mesh=full, diffusion=(0.5, 5), tolerance=t).pencils[0].size for t in (1e-3, 1e-6, 1e-9)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_symbols_stay_parameters(full):
    """One reduction for all influxes within its range; through entries or through traces."""
    symbolic = colony(influx=["a", 0.8, sp.Symbol("a") / 2], parameters={"a": 0.8})
    small = reduce(symbolic, mesh=full, diffusion=(0.5, 2), influx={"a": (0.4, 1.6)})
    assert {"D", "tau", "a"} < {p.name for p in small.parameters}
    for a in (0.4, 0.7, 1.6):
        found = small.transfer({"D": 0.8, "tau": 0.5, "a": a}, 1.0)[0, 0]
        assert relative(found, direct(full, 0.8, 0.5j, (a, 0.8, a / 2))) < 1e-6
        numbers = reduce(colony(influx=[a, 0.8, a / 2]), mesh=full, parameters={"D": 0.8, "tau": 0.5})
        assert numbers.eigenvalues()[0] == pytest.approx(small.eigenvalues({"D": 0.8, "tau": 0.5, "a": a})[0], abs=1e-7)


# ---- the system -------------------------------------------------------------------------------------


@pytest.mark.parametrize("influx", [[0.8, 0.8, 0.8], [sp.Symbol("a"), 0.8, 0.0], [sp.Symbol("a"), sp.Symbol("a") / 2, "b"]])
def test_equations_are_the_projected_ones(full, influx):
    """The rates as expressions against matrices, walls entry by entry and through their traces."""
    small = reduce(colony(influx=influx), mesh=full, parameters={k: 0.6 for k in ("a", "b") if k in map(str, influx)})
    pencil, e = small.pencils[0], small.elements
    x = np.random.default_rng(2).uniform(0.1, 1, len(small.states))
    values = {"a": 0.7, "b": 0.3}
    given = {k: v for k, v in values.items() if k in {p.name for p in small.parameters}}
    d1 = [float(d.subs(values) if isinstance(d, sp.Expr) else values.get(d, d)) for d in influx]
    rates = Field(small)(x, parameter_row(small, {"D": 0.3, "tau": 0.4, **given}))
    v, w, z = x[0:6:2], x[1:6:2], x[6:]
    bulk, loads = pencil.basis @ z, e.loads.toarray()
    pulled = -(0.3 * (e.stiffness @ bulk) + e.mass @ bulk)
    for j, wall in enumerate(e.walls):
        pulled = pulled - d1[j] / 0.05 * (wall @ bulk) + 0.2 / 0.05 * loads[:, j] * v[j]
    assert rates[6:] == pytest.approx(pencil.basis.T @ pulled / 0.4, rel=1e-9, abs=1e-9 * np.abs(rates[6:]).max())
    inward = (d1 * (loads.T @ bulk) - 0.2 * e.perimeters * v) / (0.05 * 0.4)
    assert rates[0:6:2] == pytest.approx(0.9 * w + w * v**2 - v + inward, rel=1e-10)
    # what travels to another process is the same
    assert pickle.loads(pickle.dumps(small)) == small


def test_balance_is_exact(wide):
    """What leaves the cells is what the mean of the bulk gains, to rounding, whatever the tolerance."""
    x = np.random.default_rng(4).uniform(0.1, 1, len(wide.states))
    at = dict(zip(wide.names, x, strict=True))
    rate = dict(zip(wide.names, Field(wide)(x, parameter_row(wide, {"D": 0.3, "tau": 0.4})), strict=True))
    exchanged = sum(
        rate[f"v_{j}"] - (0.9 * at[f"w_{j}"] + at[f"w_{j}"] * at[f"v_{j}"] ** 2 - at[f"v_{j}"]) for j in (1, 2, 3)
    )  # fmt: skip
    content = np.sqrt(wide.elements.area)
    assert exchanged + content * (rate["z_1"] + at["z_1"] / 0.4) == pytest.approx(0, abs=1e-9 * abs(exchanged))


@pytest.mark.parametrize(("influx", "D", "tau"), [(0.8, 1, 0.55), ([0.8, 0.8, 0.4], 0.4, 0.6), ([0.8, 0.8, 0.4], 0.05, 0.2)])
def test_eigenvalues_of_the_full_system(full, influx, D, tau):
    own = colony(influx=influx)
    elements = own.full(mesh=full.elements.mesh)
    small = reduce(own, mesh=elements, tolerance=1e-8)
    exact = elements.eigenvalues({"D": D, "tau": tau}, k=6)
    found = small.eigenvalues({"D": D, "tau": tau})
    for value in exact[:4]:
        assert np.abs(found - value).min() < 2e-7
    assert (found.real > 1e-9).sum() == (exact.real > 1e-9).sum()


def test_published_eigenvalue(cells):
    """Computed once with another program on another mesh: 0.014271 + 0.762630i."""
    small = reduce(cells, parameters=HERE, mesh=1)
    assert small.eigenvalues()[0] == pytest.approx(0.014271 + 0.762630j, abs=5e-6)


def test_steady_state(wide, full):
    rest = wide.steady_state(HERE)
    x = np.array([float(rest[s]) for s in wide.names])
    assert np.abs(Field(wide)(x, parameter_row(wide, HERE))).max() < 1e-8
    exact = full.steady_state(HERE)
    assert x[0:6:2] == pytest.approx(exact.v.values, abs=1e-7)
    bulk = wide.reconstruct(x[6:])
    assert bulk.values == pytest.approx(exact.U.values, abs=2e-4)
    assert bulk.x.values == pytest.approx(full.elements.points[:, 0])


def test_runs_like_the_full_system_for_ten_periods(cells, full):
    """From an empty bulk through the transient into the cycle."""
    times = np.linspace(0, 82.5, 166)
    start = {"v_1": 1.6, "v_2": 1.5, "v_3": 1.4, "w_1": 0.6, "w_2": 0.6, "w_3": 0.6}
    exact = sd.simulate(full, times, initial={**start, "U": 0}, parameters=HERE, step=0.035, method="ark4", progress=False)
    options = dict(initial=start, method="rodas5p", rtol=1e-10, atol=1e-12, progress=False)
    for kind in ("range", "point", "diagonal"):
        small = reduce(cells, mesh=full, **({"parameters": HERE} if kind == "point" else {"diffusion": (0.5, 2)}))
        values = dict(HERE)
        if kind == "diagonal":
            small, values = small.diagonal({"D": 1.0})
            values = {**values, "tau": 0.55}
        data = sd.simulate(small, times, parameters=values, **options)
        for name in ("v_1", "v_2", "v_3", "w_1", "w_2", "w_3"):
            assert np.abs(data[name].values - exact[name].values).max() < 1e-6
        if kind != "diagonal":
            assert np.abs(data.U.values - exact.U.values).max() < 1e-6


@pytest.fixture(scope="module")
def filled(full):
    """The run of the full system from a bulk that begins with something."""
    start = {"v_1": 1.6, "v_2": 1.5, "v_3": 1.4, "w_1": 0.6, "w_2": 0.6, "w_3": 0.6}
    options = dict(parameters=HERE, step=0.01, method="ark4", progress=False)
    return start, sd.simulate(full, np.linspace(0, 10, 21), initial={**start, "U": 0.7}, **options)


@pytest.mark.parametrize("kind", ["range", "diagonal"])
def test_a_bulk_that_begins_with_something(cells, full, filled, kind):
    start, exact = filled
    small = reduce(cells.with_initial(U=0.7), mesh=full)
    values = dict(HERE)
    if kind == "diagonal":
        small, values = small.diagonal({"D": 1})
        values |= {"tau": 0.55}
    data = sd.simulate(small, exact.time.values, initial=start, parameters=values, method="rodas5p", rtol=1e-9, progress=False)
    for name in ("v_1", "v_2", "v_3"):
        assert np.abs(data[name].values - exact[name].values).max() < 3e-6
    if kind == "range":
        assert float(data.U[0]) == pytest.approx(0.7, abs=1e-12)
        walls = [float(data[f"U_{j}"][0]) for j in (1, 2, 3)]
        assert walls == pytest.approx([0.7] * 3, abs=1e-10)


@pytest.mark.parametrize(("influx", "efflux"), [(0.0, 0.2), ([0, 0.8, 0.4], [0.2, 0, 0])])
def test_walls_that_pass_one_way_only(full, influx, efflux):
    own = colony(influx=influx, efflux=efflux)
    times = np.linspace(0, 5, 6)
    values = {"D": 0.5, "tau": 0.4}
    exact = sd.simulate(
        own.full(mesh=full.elements.mesh), times, parameters=values, step=0.01, method="ark4", progress=False
    )  # fmt: skip
    small = reduce(own, mesh=full, diffusion=(0.1, 1))
    system, fixed = small.diagonal({"D": 0.5})
    options = dict(method="rodas5p", rtol=1e-9, progress=False)
    for data in (
        sd.simulate(small, times, parameters=values, **options),
        sd.simulate(system, times, parameters={**fixed, "tau": 0.4}, **options),
    ):
        for name in ("v_1", "v_2", "v_3", "w_3"):
            assert np.abs(data[name].values - exact[name].values).max() < 1e-6


def test_bulk_is_reconstructed(cells, full):
    """The field of a run against that of the full system."""
    times = np.array([0.0, 4.0, 8.0])
    own = cells.full(mesh=full.elements.mesh, keep_bulk=True)
    exact = sd.simulate(own, times, initial={"U": 0}, parameters=HERE, step=0.02, method="ark4", progress=False)
    small = reduce(cells, mesh=own, parameters=HERE, tolerance=1e-9)
    data = sd.simulate(small, times, method="rodas5p", rtol=1e-9, progress=False)
    field = small.reconstruct(data)
    assert field.dims == ("time", "node")
    assert np.abs(field.values[1:] - exact.U_field.values[1:]).max() < 1e-3
    mean = (field * full.elements.integral).sum("node") / full.elements.area
    assert mean.values == pytest.approx(data.U.values, abs=1e-10)


def test_sweep_over_diffusivities_with_one_kernel(cells, full, wide):
    """Each point of the diagonal sweep is the run at that diffusivity."""
    system, values = wide.diagonal({"D": [0.1, 1.0, 10.0]})
    assert "D" not in {p.name for p in system.parameters}
    times = np.linspace(0, 20, 11)
    options = dict(method="rodas5p", rtol=1e-9, atol=1e-11, progress=False)
    data = sd.simulate(system, times, parameters={**values, "tau": [0.2, 0.6]}, **options)
    assert dict(data.v_1.sizes) == {"D": 3, "tau": 2, "time": 11}
    for D in (0.1, 10.0):
        one = sd.simulate(wide, times, parameters={"D": D, "tau": 0.6}, **options)
        assert np.abs(data.v_3.sel(D=D, tau=0.6).values - one.v_3.values).max() < 2e-6
        assert np.abs(data.U_2.sel(D=D, tau=0.6).values - one.U_2.values).max() < 2e-6


def test_several_species():
    x, y = sp.symbols("x y")
    kinetics = sd.ODESystem({x: 1 - x * y, y: x * y - y}, initial={x: 1.2, y: 0.8})
    own = sd.BulkCellSystem(
        domain=sd.Rectangle(2, 1), radius=0.05, centers=[(0.5, 0.4), (1.4, 0.6)], kinetics=kinetics, secreted=["x", "y"],
        influx={"x": 0.5, "y": [0.2, 0.0]}, efflux={"x": [0.3, 0.1], "y": 0.4},
        parameters={"D_x": 1.5, "D_y": 0.3, "tau_x": 0.7, "tau_y": 0.4},
    )  # fmt: skip
    full = own.full(mesh=0)
    small = reduce(own, mesh=full)
    times = np.linspace(0, 10, 21)
    exact = sd.simulate(full, times, step=0.01, method="ark4", progress=False)
    data = sd.simulate(small, times, method="rodas5p", rtol=1e-9, progress=False)
    system, values = small.diagonal()
    third = sd.simulate(system, times, parameters=values, method="rodas5p", rtol=1e-9, progress=False)
    for name in ("x_1", "y_1", "x_2", "y_2"):
        assert np.abs(data[name].values - exact[name].values).max() < 2e-6
        assert np.abs(third[name].values - exact[name].values).max() < 2e-6
    assert small.error().dims == ("species", "frequency")
    assert small.reconstruct(data, "y").name == "U_y"


def test_threads_do_not_matter(wide):
    options = dict(method="rodas5p", progress=False, parameters={"D": 1, "tau": np.linspace(0.3, 0.6, 20)})
    one, two = (sd.simulate(wide, np.linspace(0, 5, 6), layout=sd.Layout(threads=n), **options) for n in (1, 2))
    xr.testing.assert_identical(one.v_1, two.v_1)


def test_threads_of_the_linear_algebra_do_not_matter(wide):
    """Another process with one thread finds the same basis, to rounding."""
    code = (
        "import json, symdyn as sd\n"
        "from symdyn.models import zoo\n"
        "c = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)], kinetics=zoo.selkov(),\n"
        "    secreted='v', influx=0.8, efflux=0.2)\n"
        "r = c.reduce(mesh=0)\n"
        "h = r.transfer({'D': 0.3, 'tau': 0.5}, 1.0)\n"
        "print(json.dumps([r.pencils[0].size, h.real.tolist(), h.imag.tolist()]))"
    )
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True).stdout
    size, real, imag = json.loads(found)
    assert size == wide.pencils[0].size
    here = wide.transfer({"D": 0.3, "tau": 0.5}, 1.0)
    assert np.array(real) + 1j * np.array(imag) == pytest.approx(here, rel=1e-11)


# ---- words ------------------------------------------------------------------------------------------


def test_text_and_provenance(wide):
    text = str(wide)
    assert "tau*z' = -(1 + D*kappa)*z" in text
    assert "w_j' =" in text
    assert "for D from" in wide.provenance[-1]
    assert wide.estimate <= 1e-6
    assert len(wide.shifts[0]) >= 3
    assert wide.with_parameters(D=2).pencils is wide.pencils


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0}, "the tolerance is 0"),
        ({"tolerance": "fine"}, "the tolerance is 'fine'"),
        ({"diffusion": (2, 1)}, "diffusion is|D is"),
        ({"diffusion": (1, -2)}, "expected a positive number or a range"),
        ({"frequencies": -1}, "frequencies is -1"),
        ({"influx": {"a": (1, 2)}}, "'a' is not a symbol of an influx"),
        ({"influx": (1, 2)}, "expected ranges of its symbols"),
    ],
)
def test_errors(cells, full, options, message):
    with pytest.raises(DeclarationError, match=message):
        reduce(cells, mesh=full, **options)


def test_more_errors(cells, full, wide):
    plane = sd.BulkCellSystem(
        domain=sd.Plane(), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v", influx=1, efflux=1
    )  # fmt: skip
    with pytest.raises(DeclarationError, match="lives in the Plane"):
        reduce(plane)
    with pytest.raises(DeclarationError, match="the mesh belongs to other cells"):
        reduce(colony([(0, 0)]), mesh=full)
    with pytest.raises(DeclarationError, match="the influx a has no value"):
        reduce(colony(influx="a"), mesh=full)
    with pytest.raises(DeclarationError, match="no value for D"):
        wide.diagonal()
    with pytest.raises(DeclarationError, match=r"D is \['x'\]"):
        wide.diagonal({"D": ["x"]})
    with pytest.raises(DeclarationError, match=r"expected \(\.\.\., "):
        wide.reconstruct(np.zeros(3))
    with pytest.raises(DeclarationError, match="no species 'q'"):
        wide.reconstruct(np.zeros(3), "q")
    with pytest.raises(DeclarationError, match="the dataset has no z_1"):
        wide.reconstruct(xr.Dataset())
    with pytest.raises(DeclarationError, match=r"begins with U = 0\.5"):
        reduce(cells.with_initial(U=0.5), mesh=full, parameters=HERE).diagonal({"D": [1, 2]})
    with pytest.raises(DeclarationError, match="ReducedCells is no text"):
        type(wide).from_text("x' = -x")
