"""Steady states of cells and bulk: linear formula, published numbers, symmetries, other kinetics, errors."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq, root

import symdyn as sd
from symdyn.cells.exchange import AsymptoticExchange
from symdyn.cells.steady import _continued, _isolated, steady_state
from symdyn.errors import DeclarationError, SymdynError
from symdyn.models import zoo

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]


def values(d, tau, **changes):
    declared = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**declared, **changes}).values({"D": d, "tau": tau})


def found(v, guess=None):
    return steady_state(v, AsymptoticExchange(v), guess)


def test_three_cells():
    # Iyaniwura & Ward 2021, the parameters of their figure 5
    state = found(values(1, 0.55))
    assert state.u[0::2] == pytest.approx([1.52723, 1.52723, 1.54520], abs=5e-6)
    assert state.u[1::2] == pytest.approx([0.61873, 0.61873, 0.60834], abs=5e-6)
    assert state.sources[0] == pytest.approx([-0.04138, -0.04138, -0.03981], abs=5e-6)
    assert state.residual < 1e-14


@pytest.mark.parametrize(("d", "tau"), [(0.05, 0.2), (1, 0.55), (200, 3)])
def test_linear_formula_of_selkov(d, tau):
    # equation (2.28), whose P1 and P2 need influx
    v = values(d, tau, influx=[0.8, 0.3, 0.4], efflux=[0.2, 0.1, 0.4])
    v = replace(v, kinetics=replace(v.kinetics, parameters=[p * (1 + 0.1 * j) for j, p in enumerate(v.kinetics.parameters)]))
    names = [s.name for s in v.kinetics.fields[0].system.parameters]
    mu, alpha = (np.array([p[names.index(n)] for p in v.kinetics.parameters]) for n in ("mu", "alpha"))
    exchange = AsymptoticExchange(v)
    green = exchange.greens.matrix(v.centers, [1 / d])[0].real
    p1, p2 = 1 / v.influx[0], v.efflux[0] / v.influx[0]
    matrix = np.eye(3) + 2 * np.pi * v.nu * green + np.diag(v.nu * d * p1 + 2 * np.pi * v.nu * d / tau * p2)
    sources = np.linalg.solve(matrix, -v.nu * p2 * mu)
    state = steady_state(v, exchange)
    first = mu + 2 * np.pi * d / tau * sources
    assert state.sources[0] == pytest.approx(sources, rel=1e-13)
    assert state.u == pytest.approx(np.stack([first, mu / (alpha + first**2)], axis=1).ravel(), rel=1e-13)


def test_ring_of_identical_cells_has_identical_states():
    angle = np.pi * np.arange(6) / 3
    ring = 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    state = found(values(0.3, 0.4, centers=ring))
    assert state.u[0::2] == pytest.approx(np.full(6, state.u[0]), rel=1e-13)
    assert state.sources[0] == pytest.approx(np.full(6, state.sources[0, 0]), rel=1e-13)


def test_cells_in_another_order():
    places, influx, order = np.array([(0.5, 0.1), (-0.4, 0.0), (0.0, 0.6)]), np.array([0.8, 0.4, 0.3]), [2, 0, 1]
    one = found(values(1, 0.5, centers=places, influx=list(influx)))
    two = found(values(1, 0.5, centers=places[order], influx=list(influx[order])))
    assert two.u.reshape(3, 2) == pytest.approx(one.u.reshape(3, 2)[order], rel=1e-13)


def test_far_apart_in_the_plane_each_cell_is_alone():
    far = found(values(0.1, 0.5, domain=sd.Plane(), centers=[(-20, 0), (20, 0)]))
    alone = found(values(0.1, 0.5, domain=sd.Plane(), centers=[(0, 0)]))
    assert far.u == pytest.approx(np.tile(alone.u, 2), rel=1e-14)


def test_nothing_is_released_without_efflux():
    state = found(values(1, 0.5, efflux=0.0))
    assert state.sources == pytest.approx(np.zeros((1, 3)))
    assert state.u == pytest.approx(np.tile([2, 2 / 4.9], 3), rel=1e-13)


def test_brusselator_against_a_bracketing_root_finder():
    v = values(0.5, 0.7, kinetics=zoo.brusselator(), secreted="x", centers=[(0.3, 0.1)])
    loss = -AsymptoticExchange(v).transfer([0.0])[0, 0, 0].real
    # y = B/x leaves A - (1 + loss) x = 0
    x = brentq(lambda x: 1 + x**2 * (3 / x) - 4 * x - loss * x, 0.01, 1)
    assert found(v).u == pytest.approx([x, 3 / x], rel=1e-12)


def test_kinetics_of_two_kinds():
    s, y = sp.symbols("v y")
    another = sd.ODESystem({s: 1 + s**2 * y - 4 * s, y: 3 * s - s**2 * y})  # a Brusselator
    v = values(0.5, 0.7, kinetics=[zoo.selkov(), another, zoo.selkov()])
    transfer = AsymptoticExchange(v).transfer([0.0])[0].real

    def rates(u):
        out = np.array([
            0.9 * u[1] + u[1] * u[0] ** 2 - u[0], 0.15 * (2 - 0.9 * u[1] - u[1] * u[0] ** 2),
            1 + u[2] ** 2 * u[3] - 4 * u[2], 3 * u[2] - u[2] ** 2 * u[3],
            0.9 * u[5] + u[5] * u[4] ** 2 - u[4], 0.15 * (2 - 0.9 * u[5] - u[5] * u[4] ** 2),
        ])  # fmt: skip
        out[0::2] += transfer @ u[0::2]
        return out

    state = found(v)
    independent = root(rates, np.ones(6), tol=1e-13)
    assert independent.success
    assert state.u == pytest.approx(independent.x, rel=1e-10)


def test_two_species():
    v = replace(
        values(1, 0.5),
        diffusion=np.array([0.7, 3.0]),
        delay=np.array([0.3, 1.0]),
        influx=np.array([[0.8, 0.8, 0.4], [0.3, 0.5, 0.0]]),
        efflux=np.array([[0.2, 0.2, 0.2], [0.1, 0.05, 0.2]]),
        secreted=np.array([[0, 2, 4], [1, 3, 5]]),
    )
    exchange = AsymptoticExchange(v)
    state = steady_state(v, exchange)
    assert state.sources.shape == (2, 3)
    inflow = (exchange.gain * state.sources.ravel()).reshape(2, 3)
    first, second = state.u[0::2], state.u[1::2]
    uptake = second * (0.9 + first**2)
    assert uptake - first + inflow[0] == pytest.approx(np.zeros(3), abs=1e-13)
    assert 0.15 * (2 - uptake) + inflow[1] == pytest.approx(np.zeros(3), abs=1e-13)
    # the sources solve the boundary conditions
    assert exchange.bulk([0.0])[0].real @ state.sources.ravel() == pytest.approx(
        -exchange.uptake * state.u.reshape(3, 2).T.ravel(), abs=1e-14
    )


def switch():
    x, top = sp.symbols("x top")
    return sd.ODESystem({x: 20 * x * (top - x) * (x - sp.Rational(1, 4))}, {top: 1})


def test_guess_chooses_among_several():
    v = values(1, 1.0, kinetics=switch(), secreted="x", efflux=0.1)
    transfer = AsymptoticExchange(v).transfer([0.0])[0].real
    off, on, mixed = found(v, np.zeros(3)), found(v, np.ones(3)), found(v, [1.0, 0.0, 0.0])
    assert off.u == pytest.approx(np.zeros(3), abs=1e-15)
    assert np.all(on.u > 0.9)
    assert mixed.u[0] > 0.9
    assert np.all((mixed.u[1:] > 0) & (mixed.u[1:] < 0.05))
    for state in (on, mixed):
        assert 20 * state.u * (1 - state.u) * (state.u - 0.25) + transfer @ state.u == pytest.approx(np.zeros(3), abs=1e-12)


def test_useless_guess_does_no_harm():
    expected = found(values(1, 0.55)).u
    assert found(values(1, 0.55), np.full(6, -1e6)).u == pytest.approx(expected, rel=1e-12)


def test_filling_the_bulk_little_by_little():
    v = values(0.05, 0.2, influx=5.0)
    alone = -np.diag(2 * np.pi * v.efflux[0] / 0.2)
    start = _isolated(v)[0]
    # isolated, with chi = 1 + 2 pi d2/tau
    chi = 1 + 2 * np.pi * 0.2 / 0.2
    assert start[:2] == pytest.approx([2 / chi, 2 / (0.9 + (2 / chi) ** 2)], rel=1e-12)
    reached = _continued(v, alone, AsymptoticExchange(v).transfer([0.0])[0].real, start)
    assert reached == pytest.approx(found(v).u, rel=1e-12)


def test_none_at_all():
    x = sp.Symbol("x")
    v = values(1, 1.0, kinetics=sd.ODESystem({x: 1 + sp.exp(x)}), secreted="x", efflux=0.0)
    with pytest.raises(SymdynError, match=r"no steady state of 3 cells was found .*; pass guess=..., the 3 states"):
        found(v)


@pytest.mark.parametrize("guess", [np.ones(5), np.full(6, np.nan)])
def test_guess_of_another_kind(guess):
    with pytest.raises(DeclarationError, match=r"the guess of the steady state has . values; expected 6 finite numbers"):
        found(values(1, 0.5), guess)


@pytest.mark.parametrize("d", [1e-30, 1e-12, 1e-3, 0.05**2 * np.exp(2 * np.euler_gamma) / 4 * 0.995])
def test_signals_that_end_within_the_cells_are_refused(d):
    r"""Where 1 + 2 pi nu G = nu log(2 exp(-gamma) sqrt(D)/epsilon) + nu D/d1 vanishes, what cells secrete would not end."""
    with pytest.raises(SymdynError, match=r"holds where signals reach beyond the cells, .* from cells of radius 0.05"):
        found(values(d, 0.5, influx=1e6))
    assert found(values(1e14, 0.5)).residual < 1e-9


def test_growth_rates_at_which_the_bulk_decays_by_itself_are_refused():
    exchange = AsymptoticExchange(values(1, 0.5))
    for call in (exchange.bulk, exchange.transfer, lambda k: exchange.characteristic(k, np.eye(6))):
        with pytest.raises(DeclarationError, match="the growth rate -2 is -1/tau, at which the bulk decays on its own"):
            call(np.array([-2.0, 0.0]))


def test_a_state_called_like_the_sources_keeps_its_values():
    a, b = sp.symbols("A B")
    kinetics = sd.ODESystem({a: 3 - a, b: a - b})
    colony = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=kinetics, secreted="B", influx=0.8, efflux=0.2,
        parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    routes = [colony.steady_state()]
    if importlib.util.find_spec("skfem"):
        routes.append(colony.full(mesh=1).steady_state())
    for data in routes:
        assert data.A.values == pytest.approx([3, 3])
        # what flows in, 2 pi D A_j / tau, is what the kinetics lose
        assert 2 * np.pi / 0.5 * data.A_source.values == pytest.approx(data.B.values - 3, rel=1e-6)


@pytest.mark.parametrize(
    ("guess", "message"),
    [
        ([1, 2], "the guess has 2 values, the cells have 6 states: v_1, w_1"),
        ("abc", "the guess is 'abc'; expected 6 numbers, or a mapping from v_1"),
        ({"v_1": 1}, "the guess has no value for w_1"),
        ({"v_1": 1, "z": 2}, "the guess has a value for z, which is no state of the cells"),
        (dict.fromkeys(["v_1", "w_1", "v_2", "w_2", "v_3", "w_3"], "a"), "expected 6 numbers"),
    ],
)
def test_what_is_no_guess_is_refused(guess, message):
    colony = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2,
        parameters={"D": 1, "tau": 0.5},
    )  # fmt: skip
    with pytest.raises(DeclarationError, match=message):
        colony.steady_state(guess=guess)
    with pytest.raises(DeclarationError, match=r"the points are 'here'; expected pairs of numbers"):
        colony.bulk_field("here")
