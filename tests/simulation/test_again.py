"""Runs that follow others in a process: what is kept between them serves no other model, and no copy of the process."""

import os
import threading

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

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


def test_a_result_does_not_change_with_later_runs():
    first = sd.simulate(DECAY, [0.0, 1.0], progress=False)
    before = first.x.values.copy()
    sd.simulate(DECAY, [0.0, 1.0], initial={x: 5.0}, progress=False)
    assert np.array_equal(first.x.values, before)
    first.x.values[:] = 7.0
    first.time.attrs["note"] = "mine"
    second = sd.simulate(DECAY, [0.0, 1.0], progress=False)
    assert np.array_equal(second.x.values, before)
    assert "note" not in second.time.attrs


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no copies of processes here")
def test_a_copy_of_the_process_runs_too():
    last(DECAY)
    child = os.fork()
    if child == 0:
        os._exit(0 if abs(last(DECAY) - np.exp(-1)) < 1e-7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
