"""Exact root finding: nothing is lost or made up at special values, and what is too much work is searched instead."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.analysis import steady_states, zeros
from symdyn.analysis.field import Field
from symdyn.analysis.squarefree import squarefree_part
from symdyn.analysis.univariate import real_roots
from symdyn.models import zoo

DIMERS = sd.ReactionNetwork.from_text("0 -> X, k\n2 X -> 0, c", volume="V", parameters={"k": 1, "c": 1, "V": 1})


def largest(closed, volume):
    """The largest moment of each branch."""
    found = steady_states(closed, {"V": volume})
    assert found.attrs["complete"] == 1
    return np.abs(np.stack([found[s].values for s in closed.names], axis=-1)).max(axis=-1)


@pytest.mark.parametrize("central", [False, True], ids=["raw", "central"])
@pytest.mark.parametrize("closure", ["normal", "poisson", "zero", "log-normal", "gamma"])
@pytest.mark.parametrize("network", [DIMERS, zoo.brusselator_network()], ids=["dimers", "brusselator"])
def test_branches_at_special_volumes_are_those_beside_them(network, closure, central):
    """Branches may be at infinity at a volume: then they grow as a power of the inverse distance from it."""
    closed = network.moments(2, closure, central=central)
    for volume in (0.5, 1.0, 2.0):
        near, nearer = (np.sort(largest(closed, round(volume * (1 + d), 9))) for d in (1e-4, 1e-6))
        assert near.size == nearer.size
        finite = nearer < 50 * near
        assert largest(closed, volume).size == finite.sum()


def test_a_branch_of_the_brusselator_passes_through_infinity():
    """Third-order normal closure at V = 1/2: the branch whose mean of Y vanishes there has E[X^3] with a simple pole."""
    closed = zoo.brusselator_network().moments(3)
    scaled = []
    for distance in (-1e-5, -1e-6, 1e-6, 1e-5):
        found = steady_states(closed, {"V": 0.5 + distance})
        branch = int(np.abs(found["E[Y]"].values).argmin())
        assert abs(found["E[Y]"].values[branch]) < 5 * abs(distance)
        scaled.append(found["E[X^3]"].values[branch] * distance)
    np.testing.assert_allclose(scaled, scaled[0], rtol=1e-3)


def test_no_branch_is_made_up():
    """Where pivots of the elimination vanish at multiple roots, Newton's method would not stay at a false branch."""
    closed = zoo.brusselator_network().moments(4)
    found = steady_states(closed, {"V": 10})
    assert found.attrs["complete"] == 1
    field = Field(closed)
    p = np.array([{**closed.defaults}[s] if s.name != "V" else 10.0 for s in closed.parameters])
    for k in range(found.sizes["branch"]):
        x = np.array([found[s].values[k] for s in closed.names])
        assert (np.abs(field(x, p)) <= 1e-8 * (np.abs(field.jacobian(x, p)) @ np.abs(x))).all()


def test_roots_and_their_multiplicities():
    """Roots 1, ..., 30, of multiplicity one to three, and one at zero."""
    coefficients = [1]
    for k in range(31):
        for _ in range(1 + k % 3):
            coefficients = [a - k * b for a, b in zip([*coefficients, 0], [0, *coefficients], strict=True)]
    assert len(squarefree_part(coefficients)) == 32
    found = real_roots(coefficients)
    np.testing.assert_array_equal([int(x + 0.5) for x in found], range(31))
    assert max(abs(x - k) for k, x in enumerate(found)) < 1e-55


def test_close_tiny_and_huge_roots():
    found = real_roots([1, 0, -(10**301)])
    assert abs(found[1] ** 2 / 10**301 - 1) < 1e-55
    # 10**40 (x - 1)**2 = x
    low, high = real_roots([10**40, -2 * 10**40 - 1, 10**40])
    assert abs((high - low) ** 2 - (4 * 10**40 + 1) / (low * 0 + 10**80)) < 1e-70
    assert abs(low * high - 1) < 1e-55


#: Order, volume and whether the lower state of Schloegl's system is there, which appears at 9.629, 17.668 and 25.330.
ONSETS = [(2, 9.625, False), (2, 9.633, True), (3, 17.65, False), (3, 17.69, True), (4, 25.3, False), (4, 25.36, True)]


@pytest.mark.parametrize(("order", "volume", "there"), ONSETS)
def test_onset_of_the_lower_state_with_derivative_matching(order, volume, there):
    """Besides a spurious state of large variance, stable on both sides."""
    found = steady_states(zoo.schloegl().moments(order, "derivative-matching"), {"V": volume})
    stable = found.isel(branch=found.stable.values)
    mean, variance = stable.X_mean.values / volume, stable.X_var.values / volume
    assert ((np.abs(mean - 8.3) < 0.6) & (variance < 100)).sum() == there
    assert (np.abs(mean - 35) < 1).sum() == 1  # the rate equations have 35.45
    assert mean.size == 2 + there


@pytest.mark.parametrize("central", [False, True], ids=["raw", "central"])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_what_is_too_much_work_is_searched(order, central, monkeypatch):
    closed = zoo.schloegl().moments(order, "normal", central=central)
    expected = steady_states(closed, {"V": 20})
    monkeypatch.setattr(zeros, "LIMIT", 1e-6)
    found = steady_states(closed, {"V": 20})
    assert found.attrs["complete"] == 0
    assert "takes too long; other steady states may exist" in found.attrs["notes"]
    np.testing.assert_allclose(found.X_mean[found.stable.values], expected.X_mean[expected.stable.values], rtol=1e-9)


def test_fifth_order_of_two_species_is_searched():
    """The mean of X is the volume in every closure, that of Y is 2.1983 volumes at third order."""
    found = steady_states(zoo.brusselator_network().moments(5), {"V": 100})
    stable = found.isel(branch=found.stable.values)
    assert stable.sizes["branch"] >= 1
    best = int(np.abs(stable.X_mean.values - 100).argmin())
    np.testing.assert_allclose([stable.X_mean[best], stable.Y_mean[best]], [100, 219.83], rtol=0.02)
