"""Bit-parallel simulation: deterministic rules cell by cell, random ones against the chain, and seeds."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.codegen.automaton_program import class_tables
from symdyn.errors import CompileError, DeclarationError, SimulationError

from .rules import L, R, domany_kinzel, movers, s


def neighbours(cells, distance, boundary):
    """The cells at a distance, by numpy."""
    if boundary == "periodic":
        return np.roll(cells, -distance)
    found = np.full(cells.size, boundary)
    if abs(distance) < cells.size:
        if distance >= 0:
            found[: cells.size - distance] = cells[distance:]
        else:
            found[-distance:] = cells[:distance]
    return found


@pytest.mark.parametrize("boundary", ["periodic", 0, 1])
@pytest.mark.parametrize("sites", [1, 2, 5, 63, 64, 65, 511, 512, 513, 1000])
def test_deterministic_rules_cell_by_cell(sites, boundary):
    """A rule with near and far neighbours on both sides: none of the shifts across words and ends may be wrong."""
    rule = sp.Xor(sp.Eq(s[-7], 1), sp.And(sp.Eq(s[0], 1), sp.Eq(s[1], 0)), sp.Eq(s[63], 1))
    start = np.random.default_rng(sites).integers(0, 2, sites)
    automaton = sd.Automaton(rule, sites, boundary=boundary)
    data = sd.simulate(automaton, [0, 1, 2, 30], initial={"s": start}, progress=False)
    cells = start
    for t in range(31):
        if t in (0, 1, 2, 30):
            assert (data.s.sel(time=t).values == cells).all()
            assert data.s_density.sel(time=t) == cells.mean()
        far, near, right, most = (neighbours(cells, d, boundary) for d in (-7, 0, 1, 63))
        cells = far ^ (near & (1 - right)) ^ most


def test_movers_with_two_names():
    automaton = movers(70)
    rng = np.random.default_rng(0)
    right, left = rng.integers(0, 2, (2, 70))
    data = sd.simulate(automaton, range(21), initial={"R": right, "L": left}, progress=False)
    for t in range(21):
        assert (data.R.values[t] == right).all()
        assert (data.L.values[t] == left).all()
        full = np.roll(right & left, 1)
        right, left = np.where(full, left, right), np.where(full, right, left)
        right, left = np.roll(right, 1), np.roll(left, -1)


def test_random_rules_follow_the_chain():
    """Densities and a pair of 20,000 rings within 4.5 standard errors of the exact distribution."""
    chain = domany_kinzel(6).step_operator()
    data = sd.simulate(domany_kinzel(6), [0, 1, 5, 20], trajectories=20_000, seed=3, progress=False)
    for t in (1, 5, 20):
        p = chain.evolve(chain.state("111111"), t)
        cells = data.s.sel(time=t).values
        for i in range(6):
            exact = p @ chain.bits(i)
            assert abs(cells[:, i].mean() - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 20_000)
        exact = p @ (chain.bits(0) * chain.bits(3))
        assert abs((cells[:, 0] * cells[:, 3]).mean() - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 20_000)


@pytest.mark.parametrize("chance", [0.5, 0.25, 0.1, 1 - 2**-20, 2**-12])
def test_independent_cells_have_their_probability(chance):
    """One step of a million cells; whole words and neighbouring cells are not correlated."""
    p = sp.Symbol("p")
    automaton = sd.Automaton({"s": p}, 2**20, {p: chance})
    data = sd.simulate(automaton, [0, 1], initial={"s": 0}, seed=5, progress=False)
    cells = data.s.values[1]
    error = np.sqrt(chance * (1 - chance) / cells.size)
    assert abs(cells.mean() - chance) < 4.5 * error
    for lag in (1, 8, 64, 512):
        both = (cells * np.roll(cells, lag)).mean()
        assert abs(both - chance**2) < 4.5 * np.sqrt(chance**2 * (1 - chance**2) / cells.size) + 1e-9 + 3 * chance * error


def test_certain_cells_are_certain():
    """Parameters that are 0 and 1 at run time: neither may fail once in 2^25 cells."""
    p = sp.Symbol("p")
    for value in (0.0, 1.0):
        data = sd.simulate(
            sd.Automaton({"s": p}, 2**20, {p: value}, record="density"),
            range(33),
            initial={"s": 1 - value},
            seed=1,
            progress=False,
        )
        assert (data.s_density.values[1:] == value).all()


def test_probabilities_are_exact_to_64_bits():
    p = sp.Symbol("p")
    automaton = sd.Automaton({"s": p}, 9)
    values = np.array([[0.75], [2.0**-64], [1 - 2.0**-53], [0.1], [0.0], [1.0]])
    tables, _ = class_tables(automaton, values, 8)
    words = tables.view(np.uint64)[:, 1].tolist()
    assert words[:3] == [3 * 2**62, 1, 2**64 - 2**11]
    assert abs(words[3] - sp.Float(0.1, 40) * 2**64) < 1
    assert tables[:, -1].tolist()[:2] == [62, 0]  # bits below are not drawn
    assert tables.view(np.uint64)[4:, 2:4].tolist() == [[0, 0], [2**64 - 1, 0]]


def test_the_same_seed_gives_the_same_bits():
    automaton = domany_kinzel(700)
    runs = [
        sd.simulate(automaton, [0, 3, 40], trajectories=50, seed=11, progress=False, layout=sd.Layout(threads=t, chunk=c))
        for t, c in ((1, None), (2, None), (2, 7), (1, 50))
    ]
    for other in runs[1:]:
        assert (other.s.values == runs[0].s.values).all()
    few = sd.simulate(automaton, [0, 3, 40], trajectories=3, seed=11, progress=False)
    assert (few.s.values == runs[0].s.values[:3]).all()
    # more output times draw the same numbers, and another seed others
    more = sd.simulate(automaton, range(41), trajectories=3, seed=11, progress=False)
    assert (more.s.sel(time=40).values == few.s.sel(time=40).values).all()
    other = sd.simulate(automaton, [0, 3, 40], trajectories=3, seed=12, progress=False)
    assert (other.s.sel(time=3).values != few.s.sel(time=3).values).any()


def test_sweeps_and_statistics():
    data = sd.simulate(
        domany_kinzel(512, record="density"), [0, 1], trajectories=40, seed=2, parameters={"p2": [0.2, 0.9]}, reduce=["mean"],
        progress=False,
    )  # fmt: skip
    assert data.s_density_mean.dims == ("p2", "time")
    for value in (0.2, 0.9):  # all pairs are full in the beginning
        error = np.sqrt(value * (1 - value) / (40 * 512))
        assert abs(float(data.s_density_mean.sel(p2=value, time=1)) - value) < 4.5 * error


def test_random_beginnings():
    data = sd.simulate(sd.Automaton(s[0], 4096), [0, 1], initial={"s": 0.3}, trajectories=30, seed=4, progress=False)
    assert abs(float(data.s.sel(time=0).mean()) - 0.3) < 4.5 * np.sqrt(0.21 / (4096 * 30))
    assert (data.s.sel(time=1) == data.s.sel(time=0)).all()
    part = np.linspace(0, 1, 4096)
    data = sd.simulate(sd.Automaton(s[0], 4096), [0], initial={"s": part}, trajectories=30, seed=4, progress=False)
    assert abs(float(data.s[..., :2048].mean()) - 0.25) < 4.5 * np.sqrt(0.25 / (2048 * 30))


def test_stores_and_results_say_what_they_are(tmp_path):
    run = sd.simulate(domany_kinzel(70), range(4), trajectories=8, seed=3, progress=False, store=tmp_path / "run.nc")
    again = sd.simulate(domany_kinzel(70), range(4), trajectories=8, seed=3, progress=False)
    assert (run.s.values == again.s.values).all()
    assert run.attrs["boundary"] == "periodic"
    assert run.attrs["sites"] == 70
    assert "s[i+1]" in run.attrs["equations"]


def test_directed_percolation_decays_at_its_critical_point():
    """Bond percolation, p2 = p1 (2 - p1), p1 = 0.6447001: density ~ t^-0.159464 (Jensen, J. Phys. A 32 (1999) 5233)."""
    p = sp.Symbol("p")
    k = s[0] + s[1]
    rule = sp.Piecewise((0, sp.Eq(k, 0)), (p, sp.Eq(k, 1)), (p * (2 - p), True))
    times = [0, *np.unique(np.geomspace(100, 10_000, 40).astype(int))]
    automaton = sd.Automaton(rule, 2**18, {p: 0.6447001}, initial={"s": 1}, record="density")
    data = sd.simulate(automaton, times, seed=1, progress=False).s_density.values[1:]
    slope = np.polyfit(np.log(times[1:]), np.log(data), 1)[0]
    assert abs(slope + 0.159464) < 0.005


def test_wrong_probabilities_fail_by_themselves():
    automaton = domany_kinzel(20)
    with pytest.raises(
        SimulationError, match=r"p1 = 1.5.*Here the probability that s is 1 next where s\[0\] = 0, s\[1\] = 1 is 1.5"
    ):
        sd.simulate(automaton, [0, 1], parameters={"p1": [0.5, 1.5]}, progress=False)
    data = sd.simulate(automaton, [0, 1], parameters={"p1": [0.5, 1.5, 0.7]}, on_failure="nan", seed=0, progress=False)
    assert np.isnan(data.s.sel(p1=1.5).values).all()
    assert np.isfinite(data.s.sel(p1=0.7).values).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"t": [0, 0.5]}, DeclarationError, "times of an automaton must differ by integers"),
        ({"initial": {"s": [1, 0]}}, DeclarationError, r"the shape \(2,\); expected one probability, or 20, one a site"),
        ({"initial": {"s": 2}}, DeclarationError, "is 2; expected a probability"),
        ({"initial": {"s": np.nan}}, DeclarationError, "is nan; expected a probability"),
        ({"initial": {"s": "full"}}, DeclarationError, "'full'; expected probabilities"),
        ({"initial": {"s": xr.DataArray(np.ones(20), dims="run")}}, DeclarationError, "vary along run; expected 'site'"),
        ({"initial": {"q": 1}}, DeclarationError, "'q' is not a state"),
        ({"until": "s > 0"}, CompileError, "until has no effect on an automaton"),
        ({"rtol": 1e-3}, DeclarationError, "rtol has no effect on 'bit-parallel'"),
        ({"step": 0.5}, DeclarationError, "step has no effect"),
        ({"method": "iterate"}, CompileError, "cells that are 0 or 1"),
        ({"grid": 4}, DeclarationError, "grid has no effect"),
    ],
)
def test_wrong_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        sd.simulate(domany_kinzel(20), arguments.pop("t", [0, 1]), progress=False, **arguments)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (s[0] + s[1], {}, r"where s\[0\] = 1, s\[1\] = 1 is 2; expected a probability"),
        (s[0] * sp.Symbol("p"), {"parameters": {"p": 2}}, r"where s\[0\] = 1 is 2"),
        ("s[0]", {}, "got the text"),
        (sp.Symbol("p"), {}, "has cells of these names: none"),
        ({}, {}, "has no rule"),
        ({"a b": s[0]}, {}, "is no name of cells"),
        ({s: R[0]}, {}, "no rule is given for R"),
        (s[sp.Symbol("i")], {}, "expected one distance"),
        (s[0, 1], {}, "expected one distance"),
        (s[64], {}, "64 sites away; expected at most 63"),
        (sp.Mul(*(s[i] for i in range(11))), {}, "depends on 11 cells; expected at most 10"),
        (s[0] * sp.Symbol("t"), {}, "depends on t"),
        (sp.Function("f")(s[0]), {}, "unknown term"),
        ({"s": s[0], "s_density": s[1]}, {}, "'s_density' is a name in the results"),
        (s[0] * sp.Symbol("site"), {}, "'site' is a name in the results"),
        (s[0], {"sites": 0}, "sites is 0"),
        (s[0], {"sites": 2.0}, "sites is 2.0"),
        (s[0], {"boundary": "open"}, "boundary is 'open'"),
        (s[0], {"boundary": True}, "boundary is True"),
        (s[0], {"record": "all"}, "record is 'all'"),
        (s[0], {"initial": {"s": 1.5}}, "is 1.5; expected the probability"),
        (s[0] * sp.I, {}, "."),
    ],
)
def test_wrong_declarations_are_refused(rule, options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.Automaton(rule, **{"sites": 5, **options})


def test_copies_and_equality():
    first, second = domany_kinzel(9), domany_kinzel(9)
    assert first == second
    assert first != domany_kinzel(10)
    assert first != domany_kinzel(9, boundary=0)
    assert first.with_parameters(p1=0.7).probabilities()[0].tolist() == [0, 0.7, 0.7, 0.8]
    assert "P(R[i] = 1 at t+1)" in str(sd.Automaton({R: R[-1], L: L[1]}, 4))
