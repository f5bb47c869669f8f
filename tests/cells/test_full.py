"""Steady states and eigenvalues of the full system: exact for one cell, symmetric domains, convergence, and every error."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq, newton
from scipy.special import i0, i1, iv, k0, k1, kv

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.models import zoo

pytest.importorskip("skfem")

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]
BASE = {"D": 1.0, "tau": 0.55}


def colony(**changes):
    values = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**values, **changes})


@pytest.fixture(scope="module")
def three():
    return colony().full()


def one_cell(D, tau, *, r=0.05, d1=0.8, d2=0.2, alpha=0.9, mu=2.0, zeta=0.15):
    """Steady u1 and the leading eigenvalue of a cell in the middle of the unit disc, by Bessel functions."""

    def ratio(q):
        c = kv(1, q) / iv(1, q)
        return (kv(0, q * r) + c * iv(0, q * r)) / (r * q * (-kv(1, q * r) + c * iv(1, q * r)))

    A = -d2 * mu / (D - d1 * ratio(D**-0.5) + 2 * np.pi * D * d2 / tau)
    u = mu + 2 * np.pi * D * A / tau
    det, s = zeta * (alpha + u**2), alpha + u**2
    trace = (2 * mu * u - s - zeta * s**2) / s

    def secular(x):
        kinetic = (x + det) / (x**2 - x * trace + det)
        return D / d1 - ratio(np.sqrt((1 + tau * x) / D + 0j)) + 2 * np.pi * D * d2 / (tau * d1) * kinetic

    return u, A, newton(secular, 0.01 + 0.75j, tol=1e-13)


def test_the_formula_of_bessel_functions_uses_the_right_branch():
    q = 0.7
    c = k1(q) / i1(q)
    assert kv(0, 0.05 * q) + c * iv(0, 0.05 * q) == pytest.approx(k0(0.05 * q) + c * i0(0.05 * q))


@pytest.mark.parametrize(("D", "tau"), [(1.0, 0.55), (0.1, 0.3), (5.0, 1.0)])
def test_one_cell_is_exact_to_five_digits(D, tau):
    u, A, eigenvalue = one_cell(D, tau)
    full = colony(centers=[(0, 0)]).full(mesh=1)
    rest = full.steady_state({"D": D, "tau": tau})
    assert float(rest.v[0]) == pytest.approx(u, rel=1e-5)
    assert float(rest.A[0]) == pytest.approx(A, rel=5e-5)
    assert full.eigenvalues({"D": D, "tau": tau})[0] == pytest.approx(eigenvalue, rel=1e-5)


def test_one_cell_has_the_known_numbers():
    # u1 = 1.312679 and .011966 + .741984i, and by the asymptotic theory 1.3103697
    u, _, eigenvalue = one_cell(1.0, 0.55)
    assert u == pytest.approx(1.312679, abs=5e-7)
    assert eigenvalue == pytest.approx(0.011966 + 0.741984j, abs=1e-6)
    found = colony(centers=[(0, 0)]).full()
    assert float(found.steady_state(BASE).v[0]) == pytest.approx(1.312679, abs=5e-5)
    assert found.eigenvalues(BASE)[0] == pytest.approx(0.011966 + 0.741984j, abs=1e-5)


def test_convergence_under_refinement_has_order_four():
    u, _, eigenvalue = one_cell(1.0, 0.55)
    wrong = []
    for level in range(3):
        full = colony(centers=[(0, 0)]).full(mesh=level)
        wrong.append([abs(float(full.steady_state(BASE).v[0]) - u), abs(full.eigenvalues(BASE)[0] - eigenvalue)])
    orders = np.log2(np.array(wrong[:-1]) / wrong[1:])
    assert (orders > 3.5).all()


@pytest.mark.parametrize(
    ("D", "tau", "influx", "expected"),
    [
        (1.0, 0.55, 0.8, [0.014271 + 0.762630j]),
        (1.021, 0.262, 0.8, [0.00153 + 0.72967j]),
        (0.4, 0.6, [0.8, 0.8, 0.4], [0.01180 + 0.77425j]),
        (0.05, 0.2, [0.8, 0.8, 0.4], [0.03707 + 0.78399j, 0.01657 + 0.81665j, 0.01265 + 0.81797j]),
    ],
)
def test_eigenvalues_of_three_cells(D, tau, influx, expected):
    # by elements of second order on meshes of gmsh, 3517 unknowns
    full = colony(influx=influx).full()
    found = full.eigenvalues({"D": D, "tau": tau})
    growing = found[found.real > 0]
    assert growing[::2] == pytest.approx(expected, abs=2e-5)
    assert growing[1::2] == pytest.approx(np.conj(growing[::2]), abs=1e-14)
    near = full.eigenvalues({"D": D, "tau": tau}, near=0.02 + 0.78j, k=len(expected))
    assert near == pytest.approx(growing[::2], abs=1e-9)  # another way to the same eigenvalues


def test_hopf_bifurcation_of_three_cells(three):
    def growth(tau):
        return three.eigenvalues({"D": 1.0, "tau": tau}, k=1)[0].real

    assert brentq(growth, 0.24, 0.27, xtol=1e-6) == pytest.approx(0.25686, abs=2e-5)
    assert brentq(growth, 0.72, 0.76, xtol=1e-6) == pytest.approx(0.74406, abs=2e-5)


def test_asymptotic_theory_is_near(three):
    theory, full = three.colony.steady_state(BASE), three.steady_state(BASE)
    assert full.v.values == pytest.approx(theory.v.values, rel=5e-3)
    assert full.A.values == pytest.approx(theory.A.values, rel=2e-2)
    assert three.eigenvalues(BASE)[0] == pytest.approx(0.014258 + 0.761712j, abs=2e-3)  # where det M(lambda) = 0


def test_modes_solve_the_linearised_equations(three):
    values = three.values({"D": 0.05, "tau": 0.2})
    modes = three.modes({"D": 0.05, "tau": 0.2})
    (e,) = three.elements.matrices(values)
    rest = three.steady_state({"D": 0.05, "tau": 0.2})
    u = np.stack([rest.v, rest.w], axis=1).ravel()
    jacobian = values.kinetics.jacobian(u)
    for x, vector, bulk in zip(modes.eigenvalues, modes.vectors, modes.bulk[:, 0], strict=True):
        s = vector[values.secreted[0]]
        assert np.linalg.norm(e.tau * x * (e.M @ bulk) + e.A @ bulk - e.B @ s) < 1e-8 * np.linalg.norm(e.A @ bulk)
        change = jacobian @ vector
        change[values.secreted[0]] += e.C @ bulk - e.loss * s
        assert change == pytest.approx(x * vector, abs=1e-9)
    assert np.linalg.norm(modes.vectors, axis=1) == pytest.approx(1)
    assert np.all(np.diff(modes.eigenvalues.real) <= 1e-15)


def test_a_ring_of_cells_has_double_eigenvalues():
    angle = 2 * np.pi * np.arange(6) / 6
    ring = colony(centers=np.stack([0.5 * np.cos(angle), 0.5 * np.sin(angle)], axis=1)).full()
    found = ring.eigenvalues({"D": 0.05, "tau": 0.3})[::2]
    assert len(found) == 6
    # in phase, two travelling waves each of one and two wavelengths, in antiphase
    gaps = np.sort(np.abs(found[:, None] - found)[np.triu_indices(6, 1)])
    assert gaps[1] < 1e-6 < 1e-3 < gaps[2]


@pytest.mark.parametrize(
    ("domain", "centers"),
    [
        (sd.Rectangle(2, 1), [(0.4, 0.3), (1.6, 0.3)]),
        (sd.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), [(0.4, 0.3), (1.6, 0.3), (0.4, 1.7)]),
    ],
)
def test_mirrored_cells_are_as_one_in_a_square(domain, centers):
    single = colony(domain=sd.Rectangle(1, 1), centers=[(0.4, 0.3)]).full(mesh=0.05)
    mirrored = colony(domain=domain, centers=centers).full(mesh=0.05)
    alone, together = single.steady_state(BASE), mirrored.steady_state(BASE)
    assert together.v.values == pytest.approx(np.full(len(centers), float(alone.v[0])), rel=1e-5)
    assert float(together.U_mean) == pytest.approx(float(alone.U_mean), rel=1e-5)
    leading = single.eigenvalues(BASE)[0]
    assert np.abs(mirrored.eigenvalues(BASE) - leading).min() < 1e-5


def test_fast_diffusion_is_well_mixed(three):
    # (1 + 2 pi eps-exact perimeters) of a bulk without gradients: tau U' = -U - (2 pi/area) sum(d1 U - d2 v)
    d1, d2, tau, mu, alpha = 0.8, 0.2, 0.55, 2.0, 0.9
    area = np.pi * (1 - 3 * 0.05**2)
    exchange = 2 * np.pi / tau
    # v: mu - v + (2 pi/tau)(d1 U - d2 v) = 0 and U (1 + 6 pi d1/area) = 6 pi d2 v/area
    ratio = 6 * np.pi * d2 / area / (1 + 6 * np.pi * d1 / area)
    v = mu / (1 + exchange * (d2 - d1 * ratio))
    rest = three.steady_state({"D": 1e5, "tau": tau})
    assert rest.v.values == pytest.approx(np.full(3, v), rel=2e-5)
    assert rest.w.values == pytest.approx(np.full(3, mu / (alpha + v**2)), rel=5e-5)
    assert rest.U.values == pytest.approx(np.full(three.elements.size, ratio * v), rel=1e-4)


def test_two_species_pass_without_each_other():
    x, y = sp.symbols("x y")
    place = dict(domain=sd.Disk(1), radius=0.1, centers=[(0.3, 0), (-0.4, 0.2)])
    together = sd.BulkCellSystem(
        **place,
        kinetics=sd.ODESystem({x: 1 - x, y: 3 - 2 * y}),
        secreted=("x", "y"),
        influx={"x": 0.8, "y": 0.5},
        efflux={"x": 0.2, "y": 0.4},
        parameters={"D_x": 1, "tau_x": 0.5, "D_y": 0.3, "tau_y": 2},
    ).full(mesh=0)
    rest, found = together.steady_state(), together.eigenvalues()
    for k, (symbol, side, d1, d2, D, tau) in enumerate([(x, 1 - x, 0.8, 0.2, 1, 0.5), (y, 3 - 2 * y, 0.5, 0.4, 0.3, 2)]):
        alone = sd.BulkCellSystem(
            **place,
            kinetics=sd.ODESystem({symbol: side}),
            secreted=symbol,
            influx=d1,
            efflux=d2,
            parameters={"D": D, "tau": tau},
        ).full(mesh=0)
        one = alone.steady_state()
        assert rest[symbol.name].values == pytest.approx(one[symbol.name].values, rel=1e-11)
        assert rest.A.values[k] == pytest.approx(one.A.values, rel=1e-9)
        assert rest[f"U_{symbol}"].values == pytest.approx(one.U.values, rel=1e-10)
        for value in alone.eigenvalues():
            if value.real >= found.real.min():
                assert np.abs(found - value).min() < 1e-8


def test_conjugates_of_equal_cells_follow_each_other():
    """Cells that secrete nothing are alone, and each has the same pair."""
    found = colony(efflux=0, centers=[(0.5, 0), (-0.5, 0)]).full(mesh=0).eigenvalues(BASE)
    assert found[1::2] == pytest.approx(found[::2].conj(), abs=1e-12)
    assert (found.imag[::2] > 0.8).all()


def test_cells_that_only_sense_or_only_secrete():
    silent = colony(efflux=0).full(mesh=0)
    rest = silent.steady_state(BASE)
    assert rest.v.values == pytest.approx(np.full(3, 2.0))  # the kinetics alone
    assert np.abs(rest.U.values).max() < 1e-12
    kinetic = np.linalg.eigvals([[2 * 2 * 2 / 4.9 - 1, 4.9], [-0.15 * 2 * 2 * 2 / 4.9, -0.15 * 4.9]])
    assert np.abs(silent.eigenvalues(BASE)[:, None] - kinetic).min(axis=1).max() < 1e-8
    deaf = colony(influx=0).full(mesh=0).steady_state(BASE)
    assert deaf.v.values == pytest.approx(np.full(3, 2 / (1 + 2 * np.pi * 0.2 / 0.55)), rel=1e-4)


def test_a_full_system_is_a_system(three):
    again = pickle.loads(pickle.dumps(colony().full(mesh=0)))
    assert again.digest == colony().full(mesh=0).digest != three.digest
    assert [str(s) for s in three.states] == ["v_1", "w_1", "v_2", "w_2", "v_3", "w_3", "U"]
    other = three.with_parameters(D=1, tau=0.55)
    assert other.elements is three.elements
    assert other.eigenvalues(k=2) == pytest.approx(three.eigenvalues(BASE, k=2))
    assert str(three) == str(three.colony)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: f.eigenvalues(BASE, k=0), "k is 0; expected how many eigenvalues"),
        (lambda f: f.eigenvalues(BASE, near=np.nan), "near is nan; expected a finite complex number"),
        (lambda f: f.eigenvalues(BASE, near=0, k=10**6), "k is 1000000; the system has"),
        (lambda f: f.eigenvalues({"D": -1, "tau": 1}), "D is -1; expected a positive number"),
        (lambda f: f.steady_state({"D": 1}), "no value for the parameter tau"),
        (lambda f: f.steady_state(BASE, guess=[1, 2]), "the guess has 2 values, the cells have 6 states"),
        (lambda f: f.steady_state(BASE, guess={"v_1": 1}), "the guess has no value for w_1"),
        (lambda f: f.map_expressions(lambda e: e), "lie in the kinetics of its colony"),
        (lambda f: type(f).from_text("x' = 1"), "FullBulkCells is no text"),
        (lambda f: colony(domain=sd.Plane()).full(), "finite elements need a bounded domain"),
        (lambda f: colony().full(mesh="mesh.msh"), "the mesher is 'mesh.msh'"),
    ],
)
def test_what_is_refused(three, ask, message):
    with pytest.raises(DeclarationError, match=message):
        ask(three)


def test_no_steady_state_is_said():
    x = sp.Symbol("x")
    growing = colony(kinetics=sd.ODESystem({x: 1 + x**2}), secreted="x").full(mesh=0)
    with pytest.raises(sd.SymdynError, match="no steady state"):
        growing.steady_state({"D": 1, "tau": 100})
