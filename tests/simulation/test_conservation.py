"""What reactions conserve is conserved in every trajectory, by every stochastic method; and numbers stay at 0 or above."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.methods.registry import METHODS

#: Networks by text, initial numbers, and what they conserve: coefficients of species.
NETWORKS = {
    "isomers": ("A <-> B, 1, 1", {"A": 3, "B": 0}, [{"A": 1, "B": 1}]),
    "dimers": ("2 A <-> B, 0.3, 1", {"A": 6, "B": 1}, [{"A": 1, "B": 2}]),
    "enzyme": (
        "E + S <-> C, 0.5, 0.3; C -> E + P, 0.7; P -> S, 0.1", {"E": 2, "S": 9, "C": 0, "P": 0},
        [{"E": 1, "C": 1}, {"S": 1, "C": 1, "P": 1}],
    ),
    "infection": ("S + I -> 2 I, 0.1; I -> R, 0.4; R -> S, 0.2", {"S": 12, "I": 2, "R": 0}, [{"S": 1, "I": 1, "R": 1}]),
    "many": ("A <-> B, 2, 1; B <-> C, 1, 3", {"A": 40000, "B": 100, "C": 0}, [{"A": 1, "B": 1, "C": 1}]),
    "bursts": ("G <-> H, 1, 1; H -> H + geometric(5) P, 2; P -> 0, 1", {"G": 1, "H": 0, "P": 0}, [{"G": 1, "H": 1}]),
}  # fmt: skip
TIMES = np.linspace(0, 20, 9)
EXAMPLE = sd.ReactionNetwork.from_text("A -> B, 1")
STOCHASTIC = [
    name for name, method in METHODS.items()
    if method.applies(EXAMPLE) is None and method.applies(EXAMPLE.langevin()) is not None and name != "uniformisation"
]  # fmt: skip


def test_the_methods_are_those_of_networks():
    assert {"ssa", "tau", "tau-implicit", "hybrid", "langevin"} <= set(STOCHASTIC)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", STOCHASTIC)
def test_totals_are_conserved(method, name):
    text, initial, laws = NETWORKS[name]
    net = sd.ReactionNetwork.from_text(text)
    if METHODS[method].applies(net) is not None:
        assert name == "bursts"  # the only one that a method may refuse
        return
    data = sd.simulate(net, TIMES, initial=initial, trajectories=64, seed=5, method=method, progress=False)
    assert min(float(data[s].min()) for s in initial) >= 0
    for law in laws:
        total, size = sum(c * data[s] for s, c in law.items()), sum(c * initial[s] for s, c in law.items())
        np.testing.assert_allclose(total, size, rtol=1e-12)


def test_langevin_far_below_where_it_holds_keeps_the_mean_of_isomers():
    """By symmetry the mean of A tends to half of the total, which stays 3."""
    net = sd.ReactionNetwork.from_text("A <-> B, 1, 1")
    data = sd.simulate(
        net, [0, 10, 50], initial={"A": 3, "B": 0}, trajectories=4000, seed=1, method="langevin", step=0.02, progress=False
    )
    a = data.A.values[:, 2]
    assert abs(a.mean() - 1.5) < 4.5 * a.std() / np.sqrt(a.size)
    np.testing.assert_allclose(data.A + data.B, 3, rtol=1e-12)


def test_a_langevin_equation_that_leaves_its_domain_says_so():
    net = sd.ReactionNetwork.from_text("A <-> B, 1, 1")
    with pytest.raises(sd.SimulationError, match=r"number of molecules became negative.*method='langevin'"):
        sd.simulate(net.langevin(), TIMES, initial={"A": 3, "B": 0}, trajectories=64, seed=1, progress=False)
