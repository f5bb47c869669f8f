"""Growth rates of colonies against closed forms of rings, finite elements, and symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import root

import symdyn as sd
from symdyn.cells.asymptotic import rest
from symdyn.models import zoo


def ring(count, radius=0.5, start=0.0):
    angle = start + 2 * np.pi * np.arange(count) / count
    return [(radius * np.cos(a), radius * np.sin(a)) for a in angle]


def colony(centers, **changes):
    values = dict(domain=sd.Disk(1), radius=0.05, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(centers=centers, **{**values, **changes})


def closed_forms(cells, count, at):
    """Factors of det M of `count` cells on a ring and one in the middle (Iyaniwura & Ward 2021, proposition 3)."""
    nu, d, tau, d1, d2 = cells.values(at).nu, at["D"], at["tau"], 0.8, 0.2
    rest = cells.steady_state(at)

    def answer(root, place):
        v = float(rest.v[place])
        det, trace = 0.15 * (0.9 + v**2), (4 * v - (0.9 + v**2) - 0.15 * (0.9 + v**2) ** 2) / (0.9 + v**2)
        return (root + det) / (root**2 - trace * root + det)

    def factors(growth):
        g = cells.greens.matrix(np.array(cells.centers), np.array([(1 + tau * growth) / d]))[0]
        row, side, middle = g[0, :count], g[0, count], g[count, count]
        m0, mm = (1 + nu * d / d1 + 2 * np.pi * nu * d * d2 / (tau * d1) * answer(growth, k) for k in (0, count))
        waves = [(row * np.cos(2 * np.pi * j * np.arange(count) / count)).sum() for j in range(1, count // 2 + 1)]
        anti = [2 * np.pi * nu * w + m0 for w in waves]
        together = (row.sum() + m0 / (2 * np.pi * nu)) * (middle + mm / (2 * np.pi * nu)) - count * side**2
        return anti, together

    return factors


@pytest.mark.parametrize(
    ("count", "at"), [(3, {"D": 0.1, "tau": 0.2}), (4, {"D": 0.3, "tau": 0.4}), (5, {"D": 1.0, "tau": 0.6})]
)
def test_ring_and_center_by_closed_forms(count, at):
    cells = colony([*ring(count), (0, 0)])
    factors = closed_forms(cells, count, at)
    modes = cells.modes(at)
    places = np.flatnonzero(modes.eigenvalues.imag > 1e-9)
    assert len(places) == count + 1  # a mode for every cell
    for k in places:
        anti, together = factors(modes.eigenvalues[k])
        assert min(*(abs(a) for a in anti), abs(together)) < 1e-8
    # modes around the ring come in pairs, but for that of alternating cells
    upper = modes.eigenvalues[places]
    doubles = sum(
        np.abs(upper - value).argsort()[1] is not None and np.sort(np.abs(upper - value))[1] < 1e-9 for value in upper
    )
    assert doubles == 2 * ((count - 1) // 2)


def test_newton_from_many_starts_finds_nothing_else():
    cells, at = (
        colony([(0.47, -0.1), (-0.58, 0.05), (0.1, 0.6), (-0.2, -0.7)], influx=[0.8, 0.4, 0.6, 0.5]),
        {"D": 0.1, "tau": 0.3},
    )
    found = cells.eigenvalues(at)
    exchange, steady = rest(cells, at)
    jacobian = exchange.values.kinetics.jacobian(steady.u)

    def determinant(z):
        return exchange.characteristic(np.array([complex(*z)]), jacobian).view(float)

    reached = set()
    for start in np.stack(np.meshgrid(np.linspace(-0.4, 0.3, 8), np.linspace(0.4, 1.1, 8)), -1).reshape(-1, 2):
        solution = root(determinant, start, tol=1e-13)
        z = complex(*solution.x)
        if solution.success and z.real > -2 and abs(z.imag) < 3:
            assert np.abs(found - z).min() < 1e-7
            reached.add(int(np.abs(found - z).argmin()))
    assert len(reached) >= 3  # some roots draw hardly any start, which is why contours are used


@pytest.mark.parametrize("at", [{"D": 0.4, "tau": 0.5}, {"D": 1, "tau": 0.55}, {"D": 5, "tau": 0.5}])
def test_finite_elements_within_one_per_cent(at):
    cells = colony([(0.5, 0), (-0.5, 0), (0, 0)])
    asymptotic, elements = cells.eigenvalues(at)[0], cells.full(mesh=1).eigenvalues(at)[0]
    assert abs(asymptotic - elements) < 0.01 * abs(elements)


def test_eigenvalues_come_growing_first_and_in_pairs():
    found = colony([*ring(3), (0, 0)]).eigenvalues({"D": 0.1, "tau": 0.2})
    assert (np.diff(found.real) < 1e-8).all()
    assert found[::2] == pytest.approx(found[1::2].conj(), abs=1e-12)
    assert (found[::2].imag > 0).all()


def test_modes_solve_the_linear_problem():
    cells, at = colony([(0.5, 0), (-0.4, 0.3)], influx=[0.8, 0.4]), {"D": 0.3, "tau": 0.4}
    modes, (exchange, steady) = cells.modes(at), rest(cells, at)
    jacobian = exchange.values.kinetics.jacobian(steady.u)
    for k, value in enumerate(modes.eigenvalues):
        x = modes.states[:, k]
        inflow = exchange.transfer(np.array([value]))[0] @ x[[0, 2]]
        forced = np.zeros(4, complex)
        forced[[0, 2]] = inflow
        assert np.abs(value * x - jacobian @ x - forced).max() < 1e-9
    assert np.abs(modes.amplitudes.max(axis=0) - 1).max() < 1e-12
    assert "growing" in repr(modes)


def test_two_species_that_do_not_touch_are_two_colonies():
    # two copies of the kinetics in each cell, each with a signal of its own
    v, w, p, q = sp.symbols("v w p q")
    single = zoo.selkov()
    twin = [e.xreplace({v: p, w: q}) for e in single.drift]
    both = sd.ODESystem({**dict(zip((v, w), single.drift, strict=True)), p: twin[0], q: twin[1]}, dict(single.defaults))
    centers = [(0.5, 0), (-0.4, 0.3)]
    double = colony(centers, kinetics=both, secreted=("v", "p"))
    found = double.eigenvalues({"D_v": 0.3, "tau_v": 0.4, "D_p": 1.5, "tau_p": 0.5}, region=(-0.3, 0.5, -1.5, 1.5))
    apart = [
        colony(centers).eigenvalues({"D": d, "tau": t}, region=(-0.3, 0.5, -1.5, 1.5)) for d, t in ((0.3, 0.4), (1.5, 0.5))
    ]
    expected = np.concatenate(apart)
    assert len(found) == len(expected)
    assert np.abs(found[:, None] - expected).min(axis=1).max() < 1e-9


def test_regions_of_the_bulk_are_refused():
    cells = colony([(0, 0)])
    with pytest.raises(sd.DeclarationError, match=r"reaches to -2 = -1/tau, from where the bulk decays by itself"):
        cells.eigenvalues({"D": 1, "tau": 0.5}, region=(-3, 1, -1, 1))
