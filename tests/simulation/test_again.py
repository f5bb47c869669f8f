"""Runs that follow others in a process: what is kept between them serves no other model, and no copy of the process."""

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.kernel import Kernel
from symdyn.simulation import ensemble

x, a = sp.symbols("x a")
DECAY = sd.ODESystem({x: -a * x}, parameters={a: 1.0}, initial={x: 1.0})


def last(system, **options):
    return float(sd.simulate(system, [0.0, 1.0], progress=False, rtol=1e-9, **options).x.values[-1])


def test_each_run_is_that_of_its_own_model_and_values():
    expected = {
        "decay": (DECAY, {}, np.exp(-1)),
        "a parameter": (DECAY, {"parameters": {a: 2.0}}, np.exp(-2)),
        "an initial value": (DECAY, {"initial": {x: 3.0}}, 3 * np.exp(-1)),
        "an equation": (sd.ODESystem({x: -2 * a * x}, parameters={a: 1.0}, initial={x: 1.0}), {}, np.exp(-2)),
        "a changed copy": (DECAY.replace(drift=(-3 * a * x,)), {}, np.exp(-3)),
        "a default": (DECAY.replace(defaults={a: 0.5}), {}, np.exp(-0.5)),
        "a condition": (DECAY, {"until": x <= 0.5}, 0.5),
        "another condition": (DECAY, {"until": x <= 0.8}, 0.8),
        "a method": (DECAY, {"method": "tsit5"}, np.exp(-1)),
    }
    for _ in range(2):
        found = {name: last(system, **options) for name, (system, options, _) in expected.items()}
        assert found == pytest.approx({name: value for name, (_, _, value) in expected.items()}, rel=1e-7)


def test_options_of_a_run_are_not_those_of_the_next_one():
    noisy = sd.SDESystem({x: -a * x}, {x: 0.1}, {a: 1.0}, initial={x: 1.0})
    for _ in range(2):
        for rtol in (1e-4, 1e-10):
            data = sd.simulate(DECAY, [0.0, 1.0], rtol=rtol, progress=False)
            assert data.attrs["rtol"] == rtol
            assert abs(float(data.x[-1]) - np.exp(-1)) < 10 * rtol
        for end in (1.0, 3.0):  # a thousand steps, whatever the time
            data = sd.simulate(noisy, [0.0, end], seed=1, progress=False)
            assert (data.attrs["step"], int(data.steps)) == (end / 1000, 1000)
    one, two = (sd.simulate(noisy, [0.0, 1.0], progress=False) for _ in range(2))
    assert one.attrs["seed"] != two.attrs["seed"]
    for data in (one, two):
        again = sd.simulate(noisy, [0.0, 1.0], seed=data.attrs["seed"], progress=False)
        assert again.x.values.tobytes() == data.x.values.tobytes()


def test_a_result_does_not_change_with_later_runs():
    first = sd.simulate(DECAY, [0.0, 1.0], progress=False)
    before = first.x.values.copy()
    sd.simulate(DECAY, [0.0, 1.0], initial={x: 5.0}, progress=False)
    assert np.array_equal(first.x.values, before)
    first.x.values[:] = 7.0
    first.time.attrs["note"] = first.steps.attrs["note"] = first.attrs["note"] = "mine"
    second = sd.simulate(DECAY, [0.0, 1.0], progress=False)
    assert np.array_equal(second.x.values, before)
    assert not any("note" in attrs for attrs in (second.time.attrs, second.steps.attrs, second.attrs))


def test_kernels_that_no_two_runs_share_go_with_their_run():
    def kernels():
        gc.collect()
        return sum(isinstance(o, Kernel) for o in gc.get_objects())

    field, before = sd.PDESystem.example(), kernels()
    for most in (2000, 3000):
        sd.simulate(field, [0.0, 0.01], grid=8, progress=False)
        sd.simulate(DECAY, [0.0, 1.0], method=sd.methods.Dop853(max_steps=most), progress=False)
    assert kernels() <= before


def test_equal_systems_keep_their_own_provenance():
    other = DECAY.replace(provenance=(*DECAY.provenance, "copied"))
    assert other == DECAY
    for _ in range(2):
        found = [sd.simulate(s, [0.0, 1.0], progress=False).provenance for s in (DECAY, other)]
        assert found == ["declared as ODESystem", "declared as ODESystem\ncopied"]


def test_threads_share_a_kernel_and_no_numbers():
    rates = np.linspace(0.5, 4.0, 64)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda rate: last(DECAY, parameters={a: rate}), rates))
    assert found == pytest.approx(np.exp(-rates), rel=1e-7)
    assert found == [last(DECAY, parameters={a: rate}) for rate in rates]


def test_threads_of_a_run_serve_the_next_one():
    last(DECAY)
    count = threading.active_count()
    for _ in range(5):
        last(DECAY)
    assert threading.active_count() == count


def test_runs_in_several_threads_do_not_wait_for_each_other():
    results, both = {}, threading.Barrier(2, timeout=60)

    def run(rate):
        both.wait()
        results[rate] = last(DECAY, parameters={a: rate})

    threads = [threading.Thread(target=run, args=(rate,)) for rate in (1.0, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == pytest.approx({1.0: np.exp(-1), 2.0: np.exp(-2)}, rel=1e-7)


WAVE = sd.ODESystem.from_text("x' = v; v' = -x", initial={"x": 1, "v": 0})
DEATH = sd.ReactionNetwork.from_text("X -> 0, 1; X(0) = 1000")


@pytest.mark.parametrize(
    ("system", "times", "options"),
    [
        (WAVE, [0.0, 1.0], {}),
        (WAVE, [0.0, 2000.0], {}),
        (WAVE, [0.0, 300.0], {"until": "x < -0.999999"}),
        (DEATH, [0.0, 0.1, 9.0], {"seed": 3}),
        (DEATH, [0.0, 0.1, 9.0], {"seed": 3, "method": "tau"}),
        (sd.ODESystem.from_text("x' = -1000*(x - cos(t))", initial={"x": 0}), [0.0, 100.0], {}),
    ],
    ids=["short", "long", "stopped", "network", "leaps", "stiff"],
)
def test_a_run_has_the_same_bits_in_this_thread_and_in_another(system, times, options, monkeypatch):
    monkeypatch.setattr(ensemble, "_LONG", set())
    here = sd.simulate(system, times, progress=False, **options)
    again = sd.simulate(system, times, progress=False, **options)
    monkeypatch.setattr(ensemble, "FEW_STATES", 0)
    there = sd.simulate(system, times, progress=False, **options)
    assert there.identical(here)
    assert there.identical(again)


@pytest.mark.parametrize("states", [0, 20])
@pytest.mark.parametrize("most", [10, 1000])
def test_the_number_of_steps_is_limited_in_both(states, most, monkeypatch):
    monkeypatch.setattr(ensemble, "_LONG", set())
    monkeypatch.setattr(ensemble, "FEW_STATES", states)
    method = sd.methods.Dop853(max_steps=most)
    with pytest.raises(sd.SimulationError, match=r"the trajectory with x\(0\) = 1, v\(0\) = 0 failed: .*steps") as caught:
        sd.simulate(WAVE, [0.0, 1.0, 1e5], method=method, progress=False)
    assert int(caught.value.dataset.steps + caught.value.dataset.rejected) == most


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no copies of processes here")
def test_a_copy_of_the_process_runs_too():
    last(DECAY)
    child = os.fork()
    if child == 0:
        os._exit(0 if abs(last(DECAY) - np.exp(-1)) < 1e-7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_times_of_a_result_are_not_those_of_the_next_one():
    first = sd.simulate(DECAY, [0.0, 1.0], progress=False)
    with pytest.raises(ValueError, match="read-only"):
        first.time.values[1] = 60.0
    again = sd.simulate(DECAY, first.time.values, progress=False)
    assert again.time.values.tolist() == [0.0, 1.0]


def test_kernels_take_arrays_that_cannot_be_written_to():
    one, times = np.ones((2, 1)), np.array([0.0, 1.0])
    streams = np.arange(2)
    for array in (one, times, streams):
        array.flags.writeable = False
    found = sd.compile(DECAY)(one, one, times, streams=streams, rtol=1e-10).values[:, 1, 0]
    assert found == pytest.approx(np.exp([-1.0, -1.0]), rel=1e-8)


def test_a_model_that_was_run_goes_to_another_cache_too(tmp_path, monkeypatch):
    last(DECAY)
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    last(DECAY)
    assert list((tmp_path / "models").glob("*.o"))
