"""Output of adaptive methods between steps: values do not depend on what else is asked for, nor on how it is laid out."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.methods.registry import METHODS

x, y, z, a = sp.symbols("x y z a")
SYSTEM = sd.ODESystem({x: a * (y - x), y: x * (2 - z) - y, z: x * y - z}, {a: 2.0})
METHOD_NAMES = [m for m, s in METHODS.items() if family_of(s).adaptive and s.applies(SYSTEM) is None]
COUNT = 21


def run(method, times, lanes=8, count=COUNT, **options):
    rng = np.random.default_rng(0)
    initial, parameters = rng.uniform(0.5, 2, (COUNT, 3)), rng.uniform(1, 3, (COUNT, 1))
    kernel = sd.compile(SYSTEM, method=method, lanes=lanes)
    return kernel(initial[:count], parameters[:count], times, rtol=1e-7, atol=1e-7, **options)


@pytest.mark.parametrize("lanes", [1, 8, 16, 32])
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_values_do_not_depend_on_the_other_output_times(method, lanes):
    """Many times in a step, one in a step, steps without any, times that coincide nearly: the same bits."""
    fine = np.sort(np.concatenate([np.linspace(0, 4, 401), [1.0 + 1e-15, 3.0 - 1e-12]]))
    every = run(method, fine)
    few = np.flatnonzero(np.isin(fine, [0, 0.5, 1.0, 1.01, 3.0, 4.0]))
    for times, picked in ((fine, slice(None)), (fine[few], few)):
        again = run(method, times, lanes=lanes)
        assert again.values.tobytes() == np.ascontiguousarray(every.values[:, picked]).tobytes()
        assert (again.steps == every.steps).all()


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("count", [1, 5, 9])
def test_lanes_that_stay_empty_write_nothing(method, count):
    times = np.linspace(0, 2, 8)
    full = run(method, times)
    assert run(method, times, count=count, lanes=16).values.tobytes() == full.values[:count].tobytes()


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_threads_and_chunks_change_no_bit(method):
    options = dict(initial={x: 1, y: 0.5, z: 0.3}, parameters={a: np.linspace(1, 3, 37)}, method=method, progress=False)
    whole = sd.simulate(SYSTEM, np.linspace(0, 4, 50), layout=sd.Layout(threads=1), **options)
    for layout in (dict(threads=2), dict(threads=2, chunk=5), dict(threads=1, chunk=1)):
        assert whole.identical(sd.simulate(SYSTEM, np.linspace(0, 4, 50), layout=sd.Layout(**layout), **options))


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_output_at_the_end_of_a_step_is_the_state_itself(method):
    """A run that ends at a time and one that goes on from there agree there but for the tolerance, and the first has no gap."""
    short, long = run(method, [0.0, 2.0]).values[:, 1], run(method, [0.0, 2.0, 4.0]).values[:, 1]
    np.testing.assert_allclose(short, long, rtol=3e-6)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_failed_trajectories_are_nan_from_their_failure_on(method):
    blow = sd.ODESystem({x: x**2, y: x})
    times = np.linspace(0, 2, 41)
    start = np.array([[1.0, 0.0], [0.1, 0.0], [2.0, 0.0], [0.25, 0.0]] * 3)
    found = sd.compile(blow, method=method, lanes=8)(start, np.zeros((12, 0)), times, rtol=1e-8, atol=1e-8)
    assert (found.status != 0).tolist() == [True, False, True, False] * 3
    for row, (begin, _) in enumerate(start):
        before = times < 1 / begin
        np.testing.assert_allclose(found.values[row, before, 0], begin / (1 - begin * times[before]), rtol=1e-3)
        assert np.isnan(found.values[row, times > 1.001 / begin]).all()
