"""Crossings, stops, interrupts and failures, in every stepper and in the compiled loop."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STIFF, SUCCESS, TOO_MANY_STEPS

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.errors import CompileError
from symdyn.grids.problems import FieldProblem, make_problem
from symdyn.integration.crossing import crossing
from symdyn.integration.steppers import make_stepper
from symdyn.methods.registry import METHODS
from symdyn.models.operators import laplacian
from symdyn.models.pde import PDESystem
from tests.integrated import SCHEMES, integrated

u, t, x = sp.symbols("u t x")
K, NONE = 1.3, np.empty(0)


def decaying(method, scheme="finite differences", rate=-1.3 * u):
    """u' = -K u + (u_xx) from 1, which stays uniform."""
    pde = PDESystem({u: laplacian(u) + rate}, (0, 1), boundary="periodic")
    return make_problem(pde.discretize(8, scheme=scheme), SCHEMES[method], NONE)


def options(method, **others):
    return {"step": 0.002} if not family_of(SCHEMES[method]).adaptive else {"rtol": 1e-9, "atol": 1e-11, **others}


@pytest.mark.parametrize(("method", "scheme"), list(product(SCHEMES, ["finite differences", "spectral"])))
def test_a_mean_reaches_a_level_when_its_logarithm_says(method, scheme):
    """exp(-K t) = level at log(1/level)/K; the state there remains."""
    times, level = [0.0, 0.1, 0.3, 0.9, 1.5], 0.5
    found = integrated(
        decaying(method, scheme), method, np.ones(8), times, until=lambda t, y: level - y.mean(), **options(method)
    )  # fmt: skip
    accuracy = {"euler": 2e-3, "sbdf2": 1e-5}.get(method, 1e-7)
    exact = math.log(1 / level) / K
    assert found.status == SUCCESS
    assert found.passage == pytest.approx(exact, rel=accuracy)
    assert found.frames[1:3].mean(axis=1) == pytest.approx(np.exp(-K * np.array(times[1:3])), rel=accuracy)
    assert found.frames[3:].mean(axis=1) == pytest.approx([level, level], rel=1e-9)
    assert found.signals.reached[0] == 1.5


@pytest.mark.parametrize("method", SCHEMES)
def test_a_condition_that_is_true_at_first_ends_at_once(method):
    found = integrated(decaying(method), method, np.ones(8), [2.0, 3.0], until=lambda t, y: y[0] - 1, **options(method))
    assert (found.passage, found.steps) == (2.0, 0)
    assert (found.frames == 1).all()


@pytest.mark.parametrize("method", SCHEMES)
def test_a_condition_that_is_never_true_changes_nothing(method):
    times = [0.0, 0.4, 1.0]
    plain, watched = (
        integrated(decaying(method), method, np.ones(8), times, until=until, **options(method))
        for until in (None, lambda t, y: -1.0)
    )
    assert np.isnan(watched.passage)
    assert (watched.frames == plain.frames).all()
    assert (watched.steps, watched.rejected) == (plain.steps, plain.rejected)
    assert watched.evaluations >= plain.evaluations  # interpolants of some methods take more of them


def test_crossings_are_located_where_secants_fail():
    assert crossing(lambda s: -1.0 if s < 0.7 else 1e-9, -1.0, 1e-9) == pytest.approx(0.7, abs=1e-9)
    assert crossing(lambda s: s**9 - 1e-3, -1e-3, 1.0) == pytest.approx(1e-3 ** (1 / 9), rel=1e-12)


@pytest.mark.parametrize(("method", "scheme"), list(product(SCHEMES, ["finite differences", "spectral"])))
def test_steps_end_before_a_jump_and_go_on_after_it(method, scheme):
    """A pulse of 1e3 from 0.4 to 0.4001, which steps would pass over: u gains 0.1."""
    pulse = sp.Piecewise((1000, (t > 0.4) & (t < 0.4001)), (0, True))
    problem = decaying(method, scheme, rate=pulse - u / 1000)
    ends = [0.4, 0.4001]
    stops = np.array([[a - 1e-15, np.nextafter(a, 1)] for a in ends])
    times = [0.0, 0.4, 1.0]
    how = {"step": 0.05} if not family_of(SCHEMES[method]).adaptive else {"rtol": 1e-8, "atol": 1e-10}
    found = integrated(problem, method, np.ones(8), times, stops=stops, **how)
    # the pulse, and decay with 1e-3
    exact = [math.exp(-4e-4), math.exp(-1e-3) + 0.1 * math.exp(-6e-4)]
    assert found.status == SUCCESS
    assert found.frames[1:].mean(axis=1) == pytest.approx(exact, abs=2e-6)


@pytest.mark.parametrize("method", SCHEMES)
def test_an_interrupt_leaves_what_there_is(method):
    stop = np.ones(1, np.int64)
    found = integrated(decaying(method), method, np.ones(8), [0.0, 1.0], stop=stop, **options(method))
    assert found.status == INTERRUPTED
    assert np.isfinite(found.frames).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("method", SCHEMES)
def test_steps_are_limited(method):
    how = options(method, max_step=0.01) | {"max_steps": 20}
    found = integrated(decaying(method), method, np.ones(8), [0.0, 10.0], **how)
    assert found.status == TOO_MANY_STEPS
    assert found.steps + found.rejected == 20


@pytest.mark.parametrize("method", SCHEMES)
def test_states_that_are_not_finite_end_an_integration(method):
    start = np.ones(8)
    start[3] = np.nan
    found = integrated(decaying(method), method, start, [0.0, 1.0], **options(method))
    assert found.status == NOT_FINITE
    assert np.isnan(found.frames[1]).all()


@pytest.mark.parametrize("method", ["bs32", "tsit5", "dop853"])
def test_the_compiled_loop_does_what_the_arrays_do(method):
    pde = PDESystem({u: laplacian(u) / 50 + u - u**3 + sp.sin(3 * t)}, (0, 1))
    grid = pde.discretize(30)
    start, times = np.cos(3 * grid.centers[0]), np.linspace(0, 3, 7)

    class Plain(FieldProblem):
        def compiled(self, scheme):
            return None

    fast, slow = (
        integrated(kind(grid.model(), NONE), method, start, times, rtol=1e-7, atol=1e-9) for kind in (FieldProblem, Plain)
    )
    assert np.abs(fast.frames - slow.frames).max() < 1e-6
    assert fast.steps == pytest.approx(slow.steps, abs=3)


def test_steps_that_stability_limits_are_noticed():
    pde = PDESystem({u: laplacian(u)}, (0, 1), initial={u: sp.cos(sp.pi * x)})
    grid = pde.discretize(100)
    start = np.cos(np.pi * grid.centers[0])
    problem = make_problem(grid, SCHEMES["bs32"], NONE)
    rate = 4 * 100**2
    assert integrated(problem, "bs32", start, [0.0, 1.0], decay=rate).status == STIFF
    assert integrated(problem, "bs32", start, [0.0, 0.02], decay=rate).status == SUCCESS  # few steps are to come
    assert integrated(problem, "bs32", start, [0.0, 0.1]).status == SUCCESS
    data = sd.simulate(pde, [0.0, 0.5], grid=100, progress=False)
    assert data.attrs["stiff_trajectories"] == "1 passed on to imex"
    assert data.u.values[-1] == pytest.approx(math.exp(-(math.pi**2) / 2) * start, abs=1e-4)
    assert "stiff_trajectories" not in sd.simulate(pde, [0.0, 0.5], grid=100, method="bs32", progress=False).attrs


def test_methods_without_a_form_for_arrays_are_refused():
    problem = make_problem(PDESystem({u: laplacian(u)}, (0, 1)).discretize(4), SCHEMES["bs32"], NONE)
    with pytest.raises(CompileError, match="rodas4 has no form for a FieldProblem"):
        make_stepper(problem, METHODS["rodas4"], estimates=True)
