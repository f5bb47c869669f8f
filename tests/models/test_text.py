"""The text of a system reads back, also where that is known without reading it."""

import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.models import zoo
from symdyn.models.registry import KINDS
from symdyn.models.text import _plain, model_text, reads_back, text_of

x, y, a = sp.symbols("x y a")
NAMED = [getattr(zoo, name)() for name in zoo.__all__ if name != "chaotic"] + list(zoo.chaotic.values())
SYSTEMS = [
    *(s for s in (*NAMED, *(kind.example() for kind in KINDS.values())) if s.text_options is not None),
    sd.ODESystem({x: a * sp.sqrt(x) - sp.Abs(x) ** sp.Rational(1, 3) + sp.exp(-x) / (1 + sp.tanh(y)), y: sp.log(2 + y**2)}),
    sd.ODESystem({x: sp.pi * x + 0.1 * x**2.5 - sp.Rational(2, 3)}, {}, initial={x: 1e-7}),
    sd.ODESystem({x: sp.Max(x, a) - sp.Min(x, 1) + sp.Heaviside(x) + sp.floor(x)}),
    sd.SDESystem({x: -a * x}, {x: sp.sqrt(1 + x**2)}, interpretation="stratonovich"),
    sd.ODESystem({sp.Symbol("E[x]"): -sp.Symbol("E[x]")}),
    sd.ODESystem({x: sp.Piecewise((1, x > 0), (x, True))}),
    sd.ODESystem({x: -x}, observables={"double": 2 * x}),
    sd.ODESystem({x: -a * x}, {a: 1e-305}),
    sd.ODESystem({x: -x}, initial={x: 1e305}),
    sd.ODESystem({x: 1e-305 * x}),
    sd.ODESystem({x: 10**305 * x}),
    sd.ODESystem({x: (10**45 + 1) * x}),
]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: f"{type(s).__name__}-{'-'.join(s.names)[:24]}")
def test_what_is_known_to_read_back_reads_back(system):
    if _plain(system):
        assert reads_back(system, model_text(system))
    assert (text_of(system) is not None) == reads_back(system, model_text(system))


def test_most_systems_need_no_reading():
    assert sum(map(_plain, SYSTEMS)) > 10
    assert not _plain(sd.ODESystem({sp.Symbol("E[x]"): -sp.Symbol("E[x]")}))


def test_comparisons_of_sums_which_sympy_rewrites_in_a_circle_are_simulated():
    system = sd.ODESystem.from_text("A' = piecewise(1.1, A - k2 > -A + B, -7)\nB' = 0\nk2 = 1\nA(0) = 3\nB(0) = 0")
    assert float(sd.simulate(system, [0, 2]).A[-1]) == pytest.approx(3 + 1.1 * 2)  # 2 A > 1 throughout
    network = sd.ReactionNetwork.from_text("0 -> A, piecewise(2, A - k2 > -A + B, 0)\n0 -> B, 0*A\nk2 = 1\nA(0) = 0\nB(0) = 0")
    assert float(sd.simulate(network, [0, 2], seed=1).A[-1]) == 0  # 0 > 1 never


def test_a_system_as_a_file(tmp_path):
    net = sd.ReactionNetwork.from_text("A <-> B, k1, k2; k1 = 1; k2 = 2; A(0) = 90; B(0) = 0; when A < 20, A = A + 5")
    path = tmp_path / "net.txt"
    assert net.to_text(path) == path.read_text()
    assert sd.ReactionNetwork.from_text(path.read_text()).digest == net.digest
    with pytest.raises(DeclarationError, match="has no text that reads back"):
        sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g").moments(2).to_text()
