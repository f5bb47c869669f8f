"""The bulk as cells see it: the matrices of the theory, limits without influx, several species, roots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import root
from scipy.special import kv

import symdyn as sd
from symdyn.cells.exchange import AsymptoticExchange
from symdyn.cells.greens import DiskGreens, SmoothCorrection
from symdyn.cells.steady import steady_state
from symdyn.models import zoo

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]
NU = -1 / np.log(0.05)


def values(d, tau, **changes):
    declared = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**declared, **changes}).values({"D": d, "tau": tau})


def two_species(v, diffusion, delay):
    """Both states of each cell secreted, as species with permeabilities of their own."""
    return replace(
        v,
        diffusion=np.array(diffusion),
        delay=np.array(delay),
        influx=np.array([[0.8, 0.8, 0.4], [0.3, 0.5, 0.0]]),
        efflux=np.array([[0.2, 0.2, 0.2], [0.1, 0.05, 0.2]]),
        secreted=np.array([[0, 2, 4], [1, 3, 5]]),
    )


def refined(v, guess):
    """An eigenvalue near a guess, by the characteristic function."""
    exchange = AsymptoticExchange(v)
    jacobian = v.kinetics.jacobian(steady_state(v, exchange).u)
    scale = abs(exchange.characteristic([guess + 0.1], jacobian)[0])

    def parts(x):
        f = exchange.characteristic([complex(*x)], jacobian)[0] / scale
        return [f.real, f.imag]

    found = root(parts, [guess.real, guess.imag], tol=1e-13)
    assert found.success
    return complex(*found.x)


def test_matrix_is_that_of_the_theory_times_the_influx():
    v = values(0.7, 0.3, influx=[0.8, 0.4, 0.3], efflux=[0.2, 0.1, 0.3])
    exchange, growth = AsymptoticExchange(v), 0.1 + 0.8j
    d1, d2 = v.influx[0], v.efflux[0]
    green = DiskGreens(sd.Disk(1)).matrix(v.centers, [(1 + 0.3 * growth) / 0.7])[0]
    theory = np.eye(3) + 2 * np.pi * NU * green + NU * 0.7 * np.diag(1 / d1)
    assert exchange.bulk([growth])[0] / d1[:, None] == pytest.approx(theory, rel=1e-14)
    assert exchange.uptake / d1 == pytest.approx(NU * d2 / d1, rel=1e-14)
    assert exchange.gain == pytest.approx(np.full(3, 2 * np.pi * 0.7 / 0.3))
    sources = np.linalg.solve(theory, -NU * np.diag(d2 / d1))
    assert exchange.transfer([growth])[0] == pytest.approx(exchange.gain[:, None] * sources, rel=1e-13)


def test_cell_without_influx_loses_its_signal_to_a_bulk_that_it_does_not_feel():
    v = values(1, 0.5, influx=[0.8, 0.0, 0.8])
    transfer = AsymptoticExchange(v).transfer([0.2 + 0.5j])[0]
    assert transfer[1] == pytest.approx([0, -2 * np.pi * 0.2 / 0.5, 0], rel=1e-14)
    assert np.all(np.abs(transfer[[0, 2], 1]) > 0.01)


def test_matrices_of_conjugate_growth_rates_are_conjugate():
    exchange = AsymptoticExchange(values(1, 0.5))
    above, below = exchange.transfer([0.1 + 0.7j, 0.1 - 0.7j])
    assert below == pytest.approx(above.conj(), rel=1e-14)
    assert exchange.transfer([0.0])[0].imag == pytest.approx(np.zeros((3, 3)))


def test_species_do_not_mix_in_the_bulk():
    v = two_species(values(1, 0.5), [0.7, 3.0], [0.3, 1.0])
    exchange, growth = AsymptoticExchange(v), [0.1 + 0.8j, 0.3]
    whole = exchange.bulk(growth)
    assert whole.shape == (2, 6, 6)
    assert not whole[:, :3, 3:].any()
    assert not whole[:, 3:, :3].any()
    for s, rows in enumerate((slice(3), slice(3, 6))):
        one = slice(s, s + 1)
        parts = {name: getattr(v, name)[one] for name in ("diffusion", "delay", "influx", "efflux", "secreted")}
        alone = AsymptoticExchange(replace(v, **parts))
        assert whole[:, rows, rows] == pytest.approx(alone.bulk(growth), rel=1e-14)
        assert exchange.uptake[rows] == pytest.approx(alone.uptake)
        assert exchange.gain[rows] == pytest.approx(alone.gain)


def test_elements_instead_of_the_series():
    v = values(1, 0.5)
    series, elements = AsymptoticExchange(v), AsymptoticExchange(v, SmoothCorrection(sd.Disk(1)))
    assert elements.transfer([0.7j]) == pytest.approx(series.transfer([0.7j]), rel=1e-6)


def test_matrix_is_holomorphic():
    exchange, center = AsymptoticExchange(values(1, 0.5)), 0.1 + 0.7j
    around = exchange.bulk(center + 0.3 * np.exp(2j * np.pi * np.arange(32) / 32))
    assert around.mean(axis=0) == pytest.approx(exchange.bulk([center])[0], rel=1e-13)


@pytest.mark.parametrize(
    ("d", "tau", "expected"),
    [
        (1, 0.55, 0.0142582 + 0.7617123j),
        (1, 0.55, -0.13055 + 0.87518j),
        (1, 1.1, -0.02145 + 0.79155j),
        (1.021, 0.262, 0.00016 + 0.72882j),
        (0.0857, 0.199, 0.00003 + 0.82039j),
        (0.211, 0.365, 0.00007 + 0.81510j),
    ],
)
def test_eigenvalues_of_three_cells(d, tau, expected):
    # Iyaniwura & Ward 2021, Table 1 and section 4
    assert refined(values(d, tau), expected) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("tau", "together", "opposed"),
    [
        (5.5, -0.01098 + 0.8296j, -0.00919 + 0.8316j),
        (2.5, 0.02008 + 0.7990j, 0.020187 + 0.8083j),
        (0.5, -0.1844 + 0.7099j, -0.2404 + 0.7274j),
    ],
)
def test_eigenvalues_of_two_cells_in_the_plane(tau, together, opposed):
    # Iyaniwura, Gou & Ward 2021, section 3.4
    v = values(3, tau, domain=sd.Plane(), centers=[(1, 0), (-1, 0)])
    for expected in (together, opposed):
        assert refined(v, expected) == pytest.approx(expected, abs=8e-5)


def test_characteristic_function_of_two_cells_in_the_plane():
    v = values(3, 2.5, domain=sd.Plane(), centers=[(1, 0), (-1, 0)])
    exchange, growth = AsymptoticExchange(v), 0.05 + 0.6j
    u = steady_state(v, exchange).u
    a, b, c, d = v.kinetics.jacobian(u)[:2, :2].ravel()
    phi = np.sqrt((1 + 2.5 * growth) / 3)
    response = (growth - d) / ((growth - a) * (growth - d) - b * c)
    product = 1.0
    for sign in (1, -1):
        green = np.log(2) - np.euler_gamma - np.log(phi) + sign * kv(0, 2 * phi)
        product *= 1 + 3 * NU / 0.8 + 2 * np.pi * NU * 3 * 0.2 / (2.5 * 0.8) * response + NU * green
    expected = product * 0.8**2 * ((growth - a) * (growth - d) - b * c) ** 2
    assert exchange.characteristic([growth], v.kinetics.jacobian(u))[0] == pytest.approx(expected, rel=1e-10)
