"""Exact inversion: round trips, growth of rounding, the last bit on a lattice, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.errors import DeclarationError
from tests.transport.beds import FIRST, LAST, line, preserving, ring, x, y


def sampled(steps: int, method, count: int = 128):
    """Nodes, and a run from noise to data with the last two of them among its times."""
    flow, start, _ = ring()
    nodes = sd.transport.nodes(flow, steps, span=(FIRST, LAST))
    initial = {k: xr.DataArray(v[:count], dims="trajectory") for k, v in start.items()}
    chosen = type(method)(nodes=nodes, **method.given)
    run = sd.simulate(
        flow, [FIRST, nodes[-2], LAST], initial=initial, trajectories=count, method=chosen, progress=False
    )  # fmt: skip
    return flow, nodes, run


def away(one, other) -> float:
    return max(float(abs(one[k].values - other[k].values).max()) for k in "xy")


@pytest.mark.parametrize(("method", "bound"), [(sd.methods.Bdia(), 1e-13), (sd.methods.OBelm(), 1e-11)])
@pytest.mark.parametrize("steps", [10, 20, 50, 200])
def test_data_come_back_through_noise(method, bound, steps):
    flow, nodes, run = sampled(steps, method)
    data = run.isel(time=-1)[["x", "y"]]
    found = sd.transport.invert(flow, data, nodes=nodes, method=method)
    assert away(found.decode(), data) <= bound
    assert away(found.noise, data) > 1  # it has gone somewhere


@pytest.mark.parametrize(
    ("method", "steps", "bound"),
    [(sd.methods.Bdia(), 10, 1e-13), (sd.methods.Bdia(), 200, 1e-13), (sd.methods.OBelm(), 10, 1e-11)],
)
def test_a_run_is_inverted_to_the_noise_from_which_it_began(method, steps, bound):
    flow, nodes, run = sampled(steps, method)
    found = sd.transport.invert(flow, run, nodes=nodes, method=method)
    assert away(found.noise, run.isel(time=0)) <= bound
    assert away(found.decode(), run.isel(time=-1)) <= bound


def test_without_the_second_state_the_noise_is_another_one():
    flow, nodes, run = sampled(20, sd.methods.Bdia())
    alone = sd.transport.invert(flow, run.isel(time=[-1]), nodes=nodes)
    assert 1e-3 < away(alone.noise, run.isel(time=0)) < 1  # as far as the method from the flow


@pytest.mark.parametrize("steps", [10, 20, 50, 100, 200])
def test_the_way_back_on_a_lattice_is_exact_to_the_last_bit(steps):
    flow, nodes, run = sampled(steps, sd.methods.Bdia())
    found = sd.transport.invert(flow, run.isel(time=-1)[["x", "y"]], nodes=nodes, bits="lattice")
    back = found.decode()
    assert all((back[k].values == found.data[k].values).all() for k in "xy")
    assert all((found.noise[k].values * 2.0**40 % 1 == 0).all() for k in "xy")
    assert away(found.data, run.isel(time=-1)) <= 2.0**-41
    plain = sd.transport.invert(flow, run.isel(time=-1)[["x", "y"]], nodes=nodes)
    assert away(found.noise, plain.noise) < 1e-9  # as accurate


def test_the_lattice_runs_of_simulate_too():
    flow, nodes, run = sampled(20, sd.methods.Bdia())
    found = sd.transport.invert(flow, run, nodes=nodes, bits="lattice")
    assert away(found.decode(), found.data) == 0
    assert away(found.noise, run.isel(time=0)) < 1e-9


@pytest.mark.parametrize(("gamma", "steps", "refused"), [(0.9, 50, False), (0.9, 200, True), (0.5, 20, False), (0.5, 50, True)])
def test_rounding_grows_as_the_inverse_power_of_gamma(gamma, steps, refused):
    # round trips of the sheet: 5e-13, 3e-6, 9e-10, 0.55
    flow, nodes, run = sampled(steps, sd.methods.Bdia(gamma=gamma))
    method, data = sd.methods.Bdia(gamma=gamma), run.isel(time=-1)[["x", "y"]]
    if refused:
        with pytest.raises(DeclarationError, match=r"rounding grows by .* beyond tolerance=1e-08.*gamma=1"):
            sd.transport.invert(flow, data, nodes=nodes, method=method, tolerance=1e-8)
    found = sd.transport.invert(flow, data, nodes=nodes, method=method, tolerance=1e9)
    lost = away(found.decode(), data)
    assert (lost > 1e-7) == refused
    assert found.growth >= gamma ** -(steps - 2)


def test_an_affine_part_and_two_groups_of_states():
    system = sd.ODESystem({x: 3 * (2 - x) + sp.sin(y), y: -5 * y + sp.cos(x)})
    data = {"x": [2.8, 0.5], "y": [0.1, 0.3]}
    for bits in (None, "lattice"):
        found = sd.transport.invert(system, data, nodes=np.linspace(0.5, 0.0, 41), bits=bits)
        assert away(found.decode(), found.data) <= (0 if bits else 1e-10)


def test_edits_are_decoded():
    flow, _, exact = line(64)
    nodes = sd.transport.nodes(flow, 60, span=(FIRST, LAST))
    found = sd.transport.invert(flow, {x: exact[:, 0]}, nodes=nodes)
    noised = preserving(x).marginal(sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5]))
    # a quarter of the quantiles further on in the noise is a quarter of the quantiles further on in the data
    moved = found.decode({"x": found.noise.x[16:]}, {"x": found.companion.x[16:]})
    assert moved.x.values == pytest.approx(exact[16:, 0], abs=1e-12)
    assert found.noise.x.values == pytest.approx(noised.at(FIRST).quantile((np.arange(64) + 0.5) / 64), abs=5e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "ddim"}, "'ddim' cannot be inverted exactly"),
        ({"method": "unipc-3"}, "'unipc-3' cannot be inverted exactly"),
        ({"method": "tsit5"}, "expected one that can be inverted"),
        ({"method": sd.methods.Bdia(nodes=[1, 0.5, 0.1])}, "nodes are given twice"),
        ({"method": sd.methods.Bdia(gamma=0.9), "bits": "lattice"}, "does not stay on a lattice"),
        ({"bits": "exact"}, "expected 'lattice'"),
        ({"nodes": [1, 0.1]}, "at least 3 finite times"),
        ({"nodes": [1, 0.1, 0.5]}, "in order"),
        ({"data": {"x": [0.1]}}, "expected values of x, y"),
        ({"data": {"x": [0.1], "y": [0.1, 0.2]}}, "equally many"),
        ({"data": {"x": [np.nan], "y": [0.1]}}, "not finite"),
        ({"data": {"x": [2000.0], "y": [0.1]}, "bits": "lattice"}, "leaves the lattice"),
        ({"tolerance": -1}, "tolerance is -1"),
    ],
)
def test_clear_errors(change, message):
    given = {"data": {"x": [0.1], "y": [0.2]}, "nodes": [1, 0.5, 0.1, 1e-3], **change}
    with pytest.raises(DeclarationError, match=message):
        sd.transport.invert(ring(64)[0], given.pop("data"), **given)
