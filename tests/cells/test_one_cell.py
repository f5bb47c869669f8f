"""One cell in the middle of a disc: exact solution against the asymptotic theory, its order, and an independent solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_bvp
from scipy.optimize import root

import symdyn as sd
from symdyn.cells.exchange import AsymptoticExchange
from symdyn.cells.greens import DiskGreens
from symdyn.cells.one_cell import OneCellExchange, wall_ratio
from symdyn.cells.steady import steady_state
from symdyn.errors import DeclarationError
from symdyn.models import zoo


def values(d, tau, **changes):
    declared = dict(
        domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2
    )
    return sd.BulkCellSystem(**{**declared, **changes}).values({"D": d, "tau": tau})


def both(v):
    return steady_state(v, OneCellExchange(v)), steady_state(v, AsymptoticExchange(v))


#: Relative errors of the asymptotic source strength, computed independently.
ERRORS = {
    (0.1, 0.3): [9.9e-2, 3.1e-2, 6.7e-3, 2.0e-3],
    (1, 0.55): [1.1e-2, 3.4e-3, 6.9e-4, 2.0e-4],
    (5, 1): [5.7e-3, 1.6e-3, 2.7e-4, 7.4e-5],
}


@pytest.mark.parametrize(("d", "tau"), ERRORS)
def test_error_of_the_asymptotic_theory(d, tau):
    radii = np.array([0.1, 0.05, 0.02, 0.01])
    errors = []
    for radius in radii:
        exact, small = both(values(d, tau, radius=radius))
        errors.append(abs(small.sources[0, 0] / exact.sources[0, 0] - 1))
    assert errors == pytest.approx(ERRORS[d, tau], rel=0.035)
    # radius squared times its logarithm
    slopes = np.diff(np.log(errors)) / np.diff(np.log(radii))
    assert np.all((slopes > 1.6) & (slopes < 2))


def test_steady_state_in_numbers():
    exact, small = both(values(1, 0.55))
    assert exact.u[0] == pytest.approx(1.3126786, abs=5e-8)
    assert small.u[0] == pytest.approx(1.3103697, abs=5e-8)


@pytest.mark.parametrize(
    ("d", "exact", "asymptotic"),
    [
        (0.1, (0.09984, 0.61810), (0.10404, 0.62916)),
        (0.5, (0.30567, 1.23739), (0.30910, 1.23542)),
        (1, (0.46433, 1.18652), (0.46788, 1.18414)),
    ],
)
def test_hopf_bifurcations(d, exact, asymptotic):
    for kind, taus in ((OneCellExchange, exact), (AsymptoticExchange, asymptotic)):
        for tau in taus:

            def parts(x, kind=kind):
                v = values(d, x[0])
                exchange = kind(v)
                f = exchange.characteristic([1j * x[1]], v.kinetics.jacobian(steady_state(v, exchange).u))[0]
                return [f.real, f.imag]

            found = root(parts, [tau * 1.01, 0.78], tol=1e-12)
            assert found.success
            assert found.x[0] == pytest.approx(tau, abs=6e-6)


def test_eigenvalue_in_numbers():
    v = values(1, 0.55)
    exchange = OneCellExchange(v)
    jacobian = v.kinetics.jacobian(steady_state(v, exchange).u)
    size = np.abs(exchange.characteristic([0.1 + 0.8j], jacobian)[0])
    assert abs(exchange.characteristic([0.011966 + 0.741984j], jacobian)[0]) < 1e-5 * size


def test_ratio_at_the_wall_approaches_that_of_a_small_cell():
    phi2 = np.array([1 + 0.4j, 5.0])
    regular = DiskGreens(sd.Disk(2)).matrix([[0, 0]], phi2)[:, 0, 0]
    errors = []
    for radius in (1e-2, 1e-3, 1e-4):
        expected = -np.log(radius) + 2 * np.pi * regular
        errors.append(np.abs(wall_ratio(np.sqrt(phi2), radius, 2) / -expected - 1).max())
    assert errors[0] < 1e-2
    assert np.all(np.array(errors[:-1]) / errors[1:] > 60)


@pytest.mark.parametrize(("outer", "center"), [(1.0, (0, 0)), (2.5, (1, -1))])
def test_brusselator_in_a_large_cell_against_a_boundary_value_problem(outer, center):
    radius, d, tau, d1, d2 = 0.3, 0.4, 0.6, 0.7, 0.25
    v = values(d, tau, domain=sd.Disk(outer, center), radius=radius, centers=[center], kinetics=zoo.brusselator(),
               secreted="x", influx=d1, efflux=d2)  # fmt: skip
    exact = steady_state(v, OneCellExchange(v))

    def ends(a, b, p):
        x, flux = p[0], radius * d * a[1]
        rate = 1 + 3 * x - 4 * x + 2 * np.pi / tau * (d1 * a[0] - d2 * x)  # y = B/x
        return [flux - (d1 * a[0] - d2 * x), b[1], rate]

    r = np.linspace(radius, outer, 50)
    solved = solve_bvp(
        lambda r, u, p: [u[1], u[0] / d - u[1] / r], ends, r, np.full((2, 50), 0.1), p=[0.5], tol=1e-8, max_nodes=20000
    )
    assert solved.success
    assert exact.u == pytest.approx([solved.p[0], 3 / solved.p[0]], rel=1e-7)
    assert exact.sources[0, 0] == pytest.approx(radius * solved.y[1, 0], rel=1e-6)


def test_large_disc_is_the_plane():
    plane, disk = (OneCellExchange(values(0.5, 1, domain=d)).bulk([0.3j, 1.0]) for d in (sd.Plane(), sd.Disk(40)))
    assert disk == pytest.approx(plane, rel=1e-13)


@pytest.mark.parametrize("phi", [300.0, 1e4 + 1e4j, 1e-5])
def test_slow_and_fast_diffusion(phi):
    got = wall_ratio(np.array([phi]), 0.05, 1.0)[0]
    z = phi * 0.05
    # far from the wall within a decay length the ratio is that of a flat wall, curved to second order;
    # with fast diffusion all that flows in decays in the bulk: -2 pi eps U' = phi^2 (1 - eps^2) pi U
    expected = -1 / (z + 0.5 - 1 / (8 * z)) if abs(phi) > 1 else -2 / (phi**2 * (1 - 0.05**2))
    assert got == pytest.approx(expected, rel=1e-3)


def test_species_are_independent():
    one, two = values(0.5, 1), values(2, 0.3)
    v = replace(
        one,
        diffusion=np.array([0.5, 2.0]),
        delay=np.array([1, 0.3]),
        influx=np.array([[0.8], [0.8]]),
        efflux=np.array([[0.2], [0.2]]),
        secreted=np.array([[0], [1]]),
    )
    whole = OneCellExchange(v).bulk([0.7j])[0]
    assert np.diag(whole) == pytest.approx([OneCellExchange(w).bulk([0.7j])[0, 0, 0] for w in (one, two)])
    assert whole[0, 1] == whole[1, 0] == 0


def test_where_the_exact_solution_does_not_hold():
    with pytest.raises(DeclarationError, match=r"one cell in the middle of a Disk or in the Plane, got 2 in Disk"):
        OneCellExchange(values(1, 1, centers=[(0, 0), (0.5, 0)]))
    with pytest.raises(DeclarationError, match=r"got 1 in Rectangle.*use the asymptotic theory"):
        OneCellExchange(values(1, 1, domain=sd.Rectangle(1, 1), centers=[(0.5, 0.5)]))
    with pytest.raises(DeclarationError, match=r"lies at \(0.1, 0.0\), not in the middle \(0.0, 0.0\) of the disc"):
        OneCellExchange(values(1, 1, centers=[(0.1, 0)]))
    with pytest.raises(
        DeclarationError, match=r"the radius 1.5 of the cell is not below that of the disc, 1; pass a smaller one"
    ):
        OneCellExchange(replace(values(1, 1), radius=1.5))
