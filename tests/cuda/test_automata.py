"""Automata on a card: on numba's simulator the bits that the processor gives, and no spilled registers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import CompileError
from tests.automata.rules import domany_kinzel, movers

SCRIPT = """
s, R, L = sp.symbols("s R L", cls=sp.IndexedBase)
p, q = sp.symbols("p q")
k = s[0] + s[1]
directed = sp.Piecewise((0, sp.Eq(k, 0)), (p, sp.Eq(k, 1)), (q, True))

def both(name, automaton, times, **options):
    for target in ("cpu", "cuda"):
        data = sd.simulate(automaton, times, target=target, seed=7, progress=False, **options)
        for f in (*automaton.names, *(f"{n}_density" for n in automaton.names), "steps", "status"):
            if f in data:
                results[f"{name} {f} {target}"] = data[f].values

chances = {p: 0.6, q: 0.8}
both("ring", sd.Automaton(directed, 9, chances, initial={"s": 0.7}), [0, 1, 2, 12], trajectories=5)
both("blocks", sd.Automaton(directed, 600, chances, initial={"s": 0.5}), [0, 3], trajectories=2)
both("density", sd.Automaton(directed, 64, chances, initial={"s": 1}, record="density"), [0, 4], trajectories=3)
certain = {"p": [0.0, 1.0, 0.5, 2.0], "q": 2.0**-60}
both("certain", sd.Automaton(directed, 65, boundary=1, initial={"s": 1}), [0, 1, 3], parameters=certain, on_failure="nan")
far = sp.Xor(sp.Eq(s[-7], 1), sp.And(sp.Eq(s[0], 1), sp.Eq(s[1], 0)), sp.Eq(s[63], 1))
start = np.random.default_rng(0).integers(0, 2, 130)
for wall in ("periodic", 0, 1):
    both(f"far {wall}", sd.Automaton(far, 130, boundary=wall), [0, 1, 2, 9], initial={"s": start})
two = {R: p * R[-1] + (1 - p) * L[0], L: sp.Piecewise((q, sp.Eq(R[1], 1)), (L[1], True))}
both("two", sd.Automaton(two, 3, chances, initial={"R": 0.5, "L": 0.2}), [0, 1, 2, 3, 4], trajectories=3)
"""


def test_the_simulator_gives_the_bits_of_the_processor(simulated):
    found = simulated(SCRIPT)
    names = {name.rsplit(" ", 1)[0] for name in found}
    assert {n.split()[0] for n in names} == {"ring", "blocks", "density", "certain", "far", "two"}
    for name in names:
        np.testing.assert_array_equal(found[f"{name} cuda"], found[f"{name} cpu"], err_msg=name)
    assert np.isnan(found["certain s_density cuda"][3]).all()
    # two full cells give an empty one, but for q = 2^-60; then one is filled next to the wall, and the one before it
    np.testing.assert_array_equal(found["certain s_density cuda"][1], [1, 0, 1 / 65])
    assert 0 < found["blocks s cuda"][:, 1].mean() < 1
    assert (found["ring steps cuda"] == 12).all()


@pytest.mark.parametrize("automaton", [domany_kinzel(700), movers(70)], ids=["random", "certain"])
def test_kernels_spill_no_registers(automaton):
    kernel = sd.compile(automaton, target="cuda")
    taken = kernel.resources
    assert taken.spilled_bytes == taken.local_bytes == 0
    assert taken.registers <= 128
    assert ".visible .entry" in kernel.ptx


def test_what_has_no_form_for_cards_is_refused():
    automaton = domany_kinzel(20)
    with pytest.raises(CompileError, match="no CUDA card is found here"):
        sd.simulate(automaton, [0, 1], target="cuda", progress=False)
    for options, message in (
        ({"precision": "float32"}, "float64 only"),
        ({"until": sp.Symbol("s") > 0}, "until has no effect"),
    ):
        with pytest.raises(CompileError, match=message):
            sd.compile(automaton, target="cuda", **options)
