"""What a dataset says about the method: counts by kind, what was approximated, and where a trajectory stopped."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from symdyn_kernels.arguments.parts import Batch, Signals
from symdyn_kernels.status import INTERRUPTED

import symdyn as sd
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.codegen.families.task import Options
from symdyn.declaration import RESERVED_NAMES
from symdyn.simulation import ensemble

NETWORK_METHODS = ("ssa", "tau", "tau-implicit", "hybrid", "langevin")
APPROXIMATE = NETWORK_METHODS[1:]
DECAY = sd.ReactionNetwork.from_text("A -> 0, 1")
IMMIGRATION = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, 1", parameters={"k": 1e8})
ISOMERS = sd.ReactionNetwork.from_text("A <-> B, f, f; B -> C, 0.3", parameters={"f": 5000})


def run(net, t, initial, method, **options):
    return sd.simulate(net, t, initial=initial, seed=3, method=method, progress=False, **options)


# ---- counts ------------------------------------------------------------------------------------


def test_few_molecules_make_events_and_many_make_leaps():
    few = run(DECAY, [0, 0.7], {"A": 12}, "tau", trajectories=50)
    np.testing.assert_array_equal(few.exact_events, 12 - few.A.sel(time=0.7))
    assert (few.leaps == 0).all()
    many = run(IMMIGRATION, [0, 2], {"X": 1e8}, "tau", trajectories=5)
    assert (many.leaps == many.steps).all()
    assert (many.leaps == 7).all()  # of at most 0.3 relaxation times
    assert "implicit_leaps" not in many


def test_implicit_leaps_are_leaps():
    data = run(ISOMERS, [0, 1, 2], {"A": 10_000, "B": 5000, "C": 0}, "tau-implicit", trajectories=5)
    assert (data.steps == data.leaps + data.exact_events).all()
    assert (data.implicit_leaps > 0).all()
    assert (data.implicit_leaps < data.leaps).all()


def test_jumps_and_switches_of_hybrid_simulation():
    """M counts the jumps; X, from 10^6 to 50 000, begins to flow and stays so."""
    net = sd.ReactionNetwork.from_text("X -> 0, 1; X -> X + M, 2e-5")
    data = run(net, [0, 3], {"X": 1e6, "M": 0}, "hybrid", trajectories=50)
    np.testing.assert_array_equal(data.jumps, data.M.sel(time=3))
    assert (data.switches == 1).all()
    # from 5000 to a few: begins to flow, and jumps again below half of 1111 molecules
    there_and_back = run(DECAY, [0, 6], {"A": 5000}, "hybrid", trajectories=20)
    assert (there_and_back.switches == 2).all()
    np.testing.assert_allclose(there_and_back.jumps + there_and_back.A.sel(time=6), 555, atol=60)


@pytest.mark.parametrize("method", NETWORK_METHODS)
def test_counts_are_variables_that_say_what_they_count(method):
    data = run(DECAY, [0, 0.5], {"A": [5, 3000]}, method, trajectories=3)
    names = {"steps", "rejected", "evaluations", *family_of(sd.METHODS[method]).details(sd.METHODS[method])}
    assert set(data.data_vars) == {"A", "status", *names}
    for name in names:
        assert data[name].dims == ("A0", "trajectory")
        assert data[name].dtype == np.int64
        assert data[name].attrs["long_name"]


@pytest.mark.parametrize("method", ["tau-implicit", "hybrid"])
def test_counts_do_not_depend_on_the_layout_nor_on_reductions(method):
    settings = dict(initial={"A": [40, 9000], "B": 5000, "C": 0}, trajectories=7, method=method, seed=4, progress=False)
    first = sd.simulate(ISOMERS, [0, 0.01, 0.02], layout=sd.Layout(threads=1), **settings)
    names = family_of(sd.METHODS[method]).details(sd.METHODS[method])
    for layout, reduce in (({"threads": 2}, None), ({"chunk": 3}, None), ({}, ["mean"]), ({"chunk": 2}, ["mean"])):
        other = sd.simulate(ISOMERS, [0, 0.01, 0.02], layout=sd.Layout(**layout), reduce=reduce, **settings)
        for name in (*names, "steps", "rejected", "evaluations", "status"):
            assert other[name].identical(first[name]), name


def test_names_of_counts_are_reserved():
    for scheme in sd.METHODS.values():
        assert set(family_of(scheme).details(scheme)) <= RESERVED_NAMES
    with pytest.raises(sd.DeclarationError, match="'jumps' names a dimension or variable"):
        sd.ReactionNetwork.from_text("0 -> jumps, 1")


@pytest.mark.parametrize("method", NETWORK_METHODS)
def test_an_interrupt_leaves_nothing_that_looks_finished(method):
    kernel, signals = sd.compile(ISOMERS, method=method), Signals.new()
    signals.stop[0] = 1
    batch = Batch(np.full((5, 3), 1000.0), np.full((5, 1), 5000.0), np.array([0.0, 1.0]), np.arange(5))
    made = kernel.launch(kernel.empty(5, 2), batch, Options(), signals=signals)
    assert (made.status == INTERRUPTED).all()
    assert np.isnan(made.values[:, -1]).all()
    assert made.details.sum() == 0
    assert signals.done[0] == 0


@pytest.mark.parametrize("method", NETWORK_METHODS)
def test_ctrl_c_keeps_what_is_done(method, monkeypatch):
    """Interrupted at the first look, after which further trajectories are not begun."""
    original, calls = ensemble.wait, []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(ensemble, "wait", interrupted)
    net = ISOMERS.with_parameters(f=0.1) if method == "langevin" else ISOMERS  # its steps would be too long for fast rates
    with pytest.warns(UserWarning, match="interrupted"):
        data = run(
            net, [0, 1e3], {"A": 1000, "B": 1000, "C": 0}, method, trajectories=64, layout=sd.Layout(chunk=32, threads=1)
        )
    assert (data.status == INTERRUPTED).sum() >= 32
    assert np.isnan(data.A.values[data.status.values == INTERRUPTED, -1]).all()
    assert set(np.unique(data.status)) <= {0, INTERRUPTED}


# ---- what was approximated -----------------------------------------------------------------------


def test_attributes_say_what_was_approximated():
    attrs = {m: run(DECAY, [0, 0.1], {"A": 50}, m).attrs for m in NETWORK_METHODS}
    assert attrs["ssa"]["accuracy"] == "exact"
    assert (attrs["tau"]["method"], attrs["tau"]["order"]) == ("tau", 2)
    assert attrs["hybrid"]["threshold"] == pytest.approx(1 / 0.03**2)
    assert "noise of flowing reactions is neglected" in attrs["hybrid"]["accuracy"]
    assert "extents that would take more than there is are limited" in attrs["langevin"]["positivity"]
    assert attrs["langevin"]["order"] == 1
    for family in FAMILIES.values():
        assert set(family.counted) == {"steps", "rejected", "evaluations"}


# ---- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["tau", "tau-implicit", "hybrid"])
def test_extinction_of_few_is_met_exactly(method):
    """The last of 12 molecules: ``P(T <= t) = (1 - exp(-t))^12``; all steps are exact events."""
    data = run(DECAY, [0, 1, 100], {"A": 12}, method, trajectories=5000, until="A <= 0")
    assert stats.kstest(data.first_passage, lambda s: (1 - np.exp(-s)) ** 12).pvalue > 1e-4
    assert (data.steps == 12).all()
    assert "after" in data.attrs["until_checked"]


@pytest.mark.parametrize(("method", "late"), [("tau", 0.003), ("tau-implicit", 0.003), ("hybrid", 0), ("langevin", 0.002)])
def test_half_of_many_is_passed_at_the_end_of_a_step(method, late):
    """10^6 molecules decay to half in ln 2, give or take a thousandth; leaps change them by 0.3 %, steps are 0.002 long."""
    data = run(DECAY, [0, 0.5, 1, 2], {"A": 1e6}, method, trajectories=100, until="A <= 5e5")
    passage = data.first_passage.values
    assert (passage > np.log(2) - 0.006).all()
    assert (passage < np.log(2) + 0.006 + late).all()
    stopped = data.A.sel(time=[1, 2]).values
    assert (stopped[:, 0] == stopped[:, 1]).all()
    # after the first passage everything stays as it was then
    np.testing.assert_allclose(stopped[:, 0], 1e6 * np.exp(-passage), rtol=0.006)
    assert (data.A.sel(time=0.5).values > 5e5).all()


@pytest.mark.parametrize("method", ["tau", "tau-implicit", "hybrid"])
def test_the_passage_of_a_species_that_no_propensity_holds(method):
    """The time of the n-th of Poisson events is a gamma variable."""
    births = sd.ReactionNetwork.from_text("0 -> X, k; k = 1")
    few = run(births, [0, 200], {"X": 3}, method, trajectories=5000, until="X >= 10")
    assert stats.kstest(few.first_passage, stats.gamma(7).cdf).pvalue > 1e-4
    many = run(births, [0, 200], {"X": 0}, method, trajectories=1000, until="X >= 10000", parameters={"k": 1000})
    late = 0.0 if method == "hybrid" else 0.03  # a leap is up to 30 of them
    error = 0.1 / np.sqrt(1000)
    assert 10 - 4 * error < many.first_passage.mean() < 10 + late + 4 * error
    if method != "hybrid":  # which leaves out the noise of flow
        assert many.first_passage.std() == pytest.approx(0.1, rel=4 / np.sqrt(2000) + 0.01)


def test_pairs_that_change_a_species_of_the_condition_are_not_leapt_across():
    """Of 30 000 molecules the part 1/2 is B; B reaches a mean of 6 standard deviations never, one of 1/2 almost at once."""
    net = sd.ReactionNetwork.from_text("A <-> B, f, f; B -> C, 1e-9", parameters={"f": 5000})
    settings = dict(method="tau-implicit", trajectories=40)
    there = run(net, [0, 1], {"A": 15_000, "B": 15_000, "C": 0}, until="B >= 15043", **settings)
    assert (there.first_passage < 0.01).all()
    assert (there.implicit_leaps == 0).all()
    never = run(net, [0, 0.02], {"A": 15_000, "B": 15_000, "C": 0}, until="B >= 15520", **settings)
    assert np.isinf(never.first_passage).all()


@pytest.mark.parametrize("method", [*APPROXIMATE, "ssa"])
def test_a_condition_on_time_where_nothing_happens(method):
    quiet = run(DECAY, [0, 20], {"A": 0}, method, until="t >= 7.3")
    late = 0 if method in ("ssa", "hybrid") else 0.02
    assert 7.3 - 1e-9 <= quiet.first_passage <= 7.3 + late + 1e-9


@pytest.mark.parametrize("method", APPROXIMATE)
def test_conditions_on_time_and_in_the_beginning(method):
    data = run(IMMIGRATION, [0, 1, 2], {"X": 1e8}, method, trajectories=3, until="t >= 3/2 or X < k/2")
    assert (data.first_passage >= 1.5 - 1e-9).all()
    assert (data.first_passage <= 1.5 + 2 / 1000 + 1e-9).all()
    assert np.isfinite(data.X).all()
    for times in ([3.0], [3.0, 4.0, 5.0]):
        there = run(IMMIGRATION, times, {"X": 7}, method, until="X >= 7")
        assert there.first_passage == 3
        assert (there.X == 7).all()
    never = run(IMMIGRATION, [0, 1], {"X": 1e8}, method, until="X < 10")
    assert never.first_passage == np.inf


@pytest.mark.parametrize("method", ["ssa", "tau", "hybrid"])
def test_a_passage_is_not_known_where_a_trajectory_failed(method):
    data = run(DECAY, [0, 100], {"A": [0, 30]}, sd.METHODS[method].options(max_steps=7), until="A <= 0", on_failure="nan")
    assert data.first_passage.sel(A0=0) == 0
    assert np.isnan(data.first_passage.sel(A0=30))


@pytest.mark.parametrize("method", APPROXIMATE)
def test_stopping_does_not_depend_on_the_layout(method):
    settings = dict(initial={"A": [300, 900]}, trajectories=9, until="A < 200", method=method, seed=8, progress=False)
    first = sd.simulate(DECAY, [0, 1, 2], layout=sd.Layout(threads=1), **settings)
    assert np.isfinite(first.first_passage).mean() > 0.5
    for layout in ({"threads": 2}, {"chunk": 4}, {"lanes": 1}, {"lanes": 8}):
        assert sd.simulate(DECAY, [0, 1, 2], layout=sd.Layout(**layout), **settings).identical(first)


# ---- the edges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", NETWORK_METHODS)
def test_nothing_happens_where_nothing_can(method):
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g; 2 Y -> Y, 1", parameters={"k": 0, "g": 0})
    data = run(net, [-1, 0, 1e6], {"X": 5, "Y": 1 if method != "langevin" else 0}, method, trajectories=3)
    assert (data.X == 5).all()
    assert (data.Y[:, 0] == data.Y).all()
    assert (run(net, [2.0], {"X": 5, "Y": 1}, method).X == 5).all()


@pytest.mark.parametrize("method", APPROXIMATE)
def test_numbers_up_to_the_largest_whole_ones(method):
    """Means of 10^15 with deviations of 3e7: the stationary law, 1000 samples; the flow has no noise."""
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, 1; 0 -> Y, 1e20", parameters={"k": 1e15})
    data = run(net, [0, 8], {"X": 1e15, "Y": 0}, method, trajectories=1000)
    deviation = np.sqrt(1e15)
    x = data.X.values[:, 1]
    assert abs(x.mean() - 1e15) < 4.5 * deviation / np.sqrt(1000)
    if method != "hybrid":
        assert x.std() == pytest.approx(deviation, rel=0.1)
    np.testing.assert_allclose(data.Y.values[:, 1], 8e20, rtol=1e-9)  # beyond the range of 64-bit integers


@pytest.mark.parametrize("method", APPROXIMATE)
def test_numbers_that_overflow_are_failures(method):
    net = sd.ReactionNetwork.from_text("0 -> X, k; 0 -> Y, 1", parameters={"k": 1e308})
    with pytest.raises(sd.SimulationError, match=r"infinite or not a number.*last output is at t = 1"):
        run(net, [0, 1, 3, 4], {"X": 0, "Y": 0}, method)


@pytest.mark.parametrize("method", ["ssa", "tau", "hybrid"])
def test_sweeps_over_volume_and_counts(method):
    """In the volume V the concentration k = 3 is kept, from any number: ``<X> = 3 V (1 - exp(-t)) + X0 exp(-t)``."""
    net = sd.ReactionNetwork.from_text("0 -> X, 3; X -> 0, 1", parameters={"V": 1}, volume="V")
    data = run(net, [0, 2], {"X": [0, 40]}, method, parameters={"V": [1, 20, 2000]}, trajectories=2000)
    e = np.exp(-2)
    for volume in (1, 20, 2000):
        for start in (0, 40):
            x = data.X.sel(V=volume, X0=start, time=2).values
            mean = 3 * volume * (1 - e) + start * e
            assert abs(x.mean() - mean) < 4.5 * np.sqrt((3 * volume * (1 - e) + start * e * (1 - e)) / 2000)


@pytest.mark.parametrize("method", ["ssa", "tau", "tau-implicit", "hybrid"])
def test_the_limit_of_steps_is_kept_to_the_step(method):
    options = sd.METHODS[method].options
    data = run(DECAY, [0, 1e-9, 100], {"A": 30}, options(max_steps=7), on_failure="nan", trajectories=3)
    assert (data.steps == 7).all()
    assert (data.status == 2).all()
    assert (data.A.sel(time=1e-9) == 30).all()
    assert np.isnan(data.A.sel(time=100)).all()
    assert (run(DECAY, [0, 100], {"A": 30}, options(max_steps=200)).status == 0).all()


@pytest.mark.parametrize("method", APPROXIMATE)
def test_what_a_method_cannot_do_is_refused(method):
    with pytest.raises(sd.CompileError, match="delayed reactions"):
        run(sd.ReactionNetwork.from_text("0 -> X, 5 delay 1"), [0, 1], {"X": 0}, method)
    with pytest.raises(sd.DeclarationError, match="is -1"):
        run(DECAY, [0, 1], {"A": [3, -1]}, method)
    with pytest.raises(sd.DeclarationError, match="trajectories is 0"):
        run(DECAY, [0, 1], {"A": 3}, method, trajectories=0)
    if method != "langevin":
        with pytest.raises(sd.DeclarationError, match=r"1\.5; a number of molecules is a whole number"):
            run(DECAY, [0, 1], {"A": 1.5}, method)
    with pytest.raises(sd.DeclarationError, match="Z is not a symbol of this system"):
        run(DECAY, [0, 1], {"A": 1}, method, until=sp.Symbol("Z") < 1)
