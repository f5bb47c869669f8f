"""Upwind and WENO fluxes: shocks at the right speed, without new extrema, conserving, and of their order where it is smooth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import sympy as sp

import symdyn as sd
from symdyn.models.boundary import Dirichlet
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import dx, dy, integral, laplacian
from symdyn.models.pde import PDESystem

u, h, q, c, x, y, t = sp.symbols("u h q c x y t")
SCHEMES = ("upwind", "weno5")


def run(system, n, end, advection, start=None, **options):
    """The dataset of a run, at the first and the last time."""
    options = {"method": "tsit5", "rtol": 1e-6, "atol": 1e-8, "progress": False, **options}
    return sd.simulate(system.discretize(n, advection=advection), [0, end], initial=start, **options)


@pytest.mark.parametrize("advection", SCHEMES)
@pytest.mark.parametrize("way", [1, -1])
def test_a_shock_of_burgers_moves_at_the_speed_of_rankine_and_hugoniot(advection, way):
    """Between 1 and 0 at 1/2, in both directions, out of a wall where u = 1."""
    walls = [Dirichlet(1), Dirichlet(0)][::way]
    system = PDESystem({u: -way * dx(u**2 / 2)}, (0, 1), boundary={"left": walls[0], "right": walls[1]})
    n, centers = 100, (np.arange(100) + 0.5) / 100
    start = np.where(centers < 0.25, 1.0, 0.0)[::way]
    values = run(system, n, 0.8, advection, {u: start}).u.values[-1][::way]
    assert abs(values[centers < 0.6] - 1).max() < 2e-3
    assert abs(values[centers > 0.7]).max() < 2e-3
    assert values.mean() == pytest.approx(0.65, abs=1e-6)  # the flux in is 1/2
    low, high = (1e-4, 1e-4) if advection == "upwind" else (1e-2, 1e-2)
    assert -low < values.min() <= values.max() < 1 + high


@pytest.mark.parametrize("advection", SCHEMES)
def test_jumps_stay_between_their_values_and_mass_to_rounding(advection):
    system = PDESystem({u: -c * dx(u)}, (0, 1), boundary="periodic", parameters={c: 1}, observables={"mass": integral(u)})
    start = np.where(abs((np.arange(80) + 0.5) / 80 - 0.4) < 0.2, 1.0, 0.0)
    data = run(system, 80, 1.0, advection, {u: start})
    values = data.u.values[-1]
    slack = 1e-4 if advection == "upwind" else 1e-2
    assert -slack < values.min() <= values.max() < 1 + slack
    assert abs(np.diff(values, append=values[0])).sum() < 2 + 10 * slack
    assert abs(np.ptp(data.mass.values)) < 1e-13
    assert abs(values - start).mean() < (0.12 if advection == "upwind" else 0.06)


@pytest.mark.parametrize(("advection", "order"), [("upwind", 1.6), ("weno5", 3.9)])
def test_orders_where_solutions_are_smooth(advection, order):
    """Burgers' equation before the shock, by characteristics."""
    system = PDESystem({u: -dx(u**2 / 2)}, (0, 1), boundary="periodic", initial={u: 1 + sp.sin(2 * sp.pi * x) / 4})
    errors = []

    def foot(place):
        return scipy.optimize.brentq(lambda s: s + 0.2 * (1 + np.sin(2 * np.pi * s) / 4) - place, place - 1, place + 1)

    for n in (40, 80):
        data = run(system, n, 0.2, advection, rtol=1e-10, atol=1e-12)
        feet = [foot(place) for place in data.x.values]
        errors.append(abs(data.u.values[-1] - 1 - np.sin(2 * np.pi * np.array(feet)) / 4).mean())
    assert np.log2(errors[0] / errors[1]) > order


@pytest.mark.parametrize("advection", SCHEMES)
def test_two_dimensions_are_one_along_each_axis(advection):
    """States that vary along one axis alone have the rates of one dimension."""
    state, none = np.random.default_rng(0).random(40), np.empty(0)

    def rates(system, n, values):
        return system.discretize(n, advection=advection).model().rates(np.ascontiguousarray(values).ravel(), 0.0, none)

    one = rates(PDESystem({u: -dx(u)}, (0, 1), boundary={"left": Dirichlet(1)}), 40, state)
    along = PDESystem({u: -dx(u)}, Rectangle(1, 1), boundary={"left": Dirichlet(1)})
    across = PDESystem({u: -dy(u)}, Rectangle(1, 1), boundary={"bottom": Dirichlet(1)})
    found = rates(along, (40, 16), np.broadcast_to(state[:, None], (40, 16))).reshape(40, 16)
    np.testing.assert_allclose(found, np.broadcast_to(one[:, None], (40, 16)), atol=1e-12)
    found = rates(across, (16, 40), np.broadcast_to(state, (16, 40))).reshape(16, 40)
    np.testing.assert_allclose(found, np.broadcast_to(one, (16, 40)), atol=1e-12)


@pytest.mark.parametrize("advection", SCHEMES)
def test_what_flows_in_through_a_wall_stays_bounded(advection):
    system = PDESystem({u: -dx(u)}, (0, 1), boundary={"left": Dirichlet(1)})
    values = run(system, 40, 0.5, advection, {u: np.zeros(40)}).u.values[-1]
    assert -1e-2 < values.min() <= values.max() < 1 + 1e-2
    assert values.mean() == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("advection", SCHEMES)
def test_a_dam_breaks_as_its_riemann_problem_says(advection):
    """Shallow water of depth 2 beside depth 1: the depth between the rarefaction and the shock."""
    system = PDESystem({h: -dx(q), q: -dx(q**2 / h + h**2 / 2)}, (-1, 1), observables={"mass": integral(h)})
    middle = scipy.optimize.brentq(
        lambda d: 2 * (np.sqrt(2) - np.sqrt(d)) - (d - 1) * np.sqrt((d + 1) / (2 * d)), 1, 2
    )  # fmt: skip
    n = 200
    centers = (np.arange(n) + 0.5) / n * 2 - 1
    data = run(system, n, 0.4, advection, {h: np.where(centers < 0, 2.0, 1.0), q: np.zeros(n)})
    assert data.h.sel(x=0.1, method="nearest").values[-1] == pytest.approx(middle, rel=2e-3)
    assert abs(np.ptp(data.mass.values)) < 1e-12


def test_diffusion_and_reactions_stay_as_they_are():
    """What is no flux is discretised as with central fluxes."""
    rates = {u: laplacian(u) + u * (1 - u) - u * dx(u)}
    system = PDESystem(rates, (0, 1), boundary=Dirichlet(0))
    state = np.random.default_rng(0).random(30)
    central, upwind = (system.discretize(30, advection=a).model().rates(state, 0.0, np.empty(0)) for a in ("central", "upwind"))
    np.testing.assert_allclose(central, upwind, rtol=1e-12)


def test_what_does_not_fit_is_refused():
    system = PDESystem({u: -dx(u)}, (0, 1), boundary="periodic")
    with pytest.raises(sd.DeclarationError, match=r"advection is 'upwnd'; expected 'central', 'upwind' or 'weno5'"):
        system.discretize(40, advection="upwnd")
    with pytest.raises(sd.DeclarationError, match="advection='weno5' belongs to finite differences"):
        system.discretize(40, scheme="spectral", advection="weno5")
