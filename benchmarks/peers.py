"""Solvers behind one interface: ``make(problem, method, rtol, atol)`` gives ``solve(initial, parameters)``.

The values that come back have the shape (N, T, n).  Where it takes a peer long to hand them over, ``solve.timed`` does the same
work and leaves them where they are.
Each import is inside its maker: a peer that is not installed raises ImportError there, and its row says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.copasi import import_copasi, time_course
from benchmarks.problems import Problem

__all__ = ["MAKERS", "Solve"]

#: Equations above which heyoka's compact mode is faster, compilation aside: its code would be larger than the cache.
COMPACT = 50
Solve = Callable[[np.ndarray, np.ndarray], np.ndarray]


def make_symdyn(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    kernel = sd.compile(problem.system, method=method)
    return lambda initial, parameters: kernel(initial, parameters, problem.times, rtol=rtol, atol=atol).values


def make_numbalsoda(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    import numba
    import numbalsoda

    solver, n = getattr(numbalsoda, method), len(problem.system.states)
    rhs = numba.njit(problem.peer if problem.looped is None else problem.looped)

    if problem.looped is None:

        @numba.cfunc(numbalsoda.lsoda_sig)
        def function(t, y, dy, p):
            values = rhs(y, p)
            for i in range(n):
                dy[i] = values[i]
    else:

        @numba.cfunc(numbalsoda.lsoda_sig)
        def function(t, y, dy, p):
            rhs(y, p, dy)

    @numba.njit
    def run(address, initial, parameters, times):
        out = np.empty((len(initial), times.size, initial.shape[1]))
        for k in range(len(initial)):
            values, success = solver(address, initial[k], times, parameters[k], rtol, atol, 1_000_000)
            if success:
                out[k] = values
            else:
                out[k] = np.nan
        return out

    address = function.address

    def solve(initial: np.ndarray, parameters: np.ndarray, owner=function) -> np.ndarray:
        return run(address, initial, parameters, problem.times)

    return solve


def make_diffrax(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    vectors = problem.vectors
    term = diffrax.ODETerm(lambda t, y, p: jnp.stack(problem.peer(y, p)) if vectors is None else vectors(jnp, y, p))
    times = jnp.asarray(problem.times)
    control = diffrax.PIDController(rtol=rtol, atol=atol)

    @jax.jit
    @jax.vmap
    def run(y0, p):
        return diffrax.diffeqsolve(
            term, getattr(diffrax, method)(), times[0], times[-1], None, y0, p,
            saveat=diffrax.SaveAt(ts=times), stepsize_controller=control, max_steps=100_000, throw=False,
        ).ys  # fmt: skip

    return lambda initial, parameters: np.asarray(run(jnp.asarray(initial), jnp.asarray(parameters)))


def make_heyoka(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    import heyoka

    batch, n = 8, len(problem.system.states)
    states = heyoka.make_vars(*problem.system.names)
    drift = problem.peer(states, [heyoka.par[k] for k in range(len(problem.ranges))])
    zeros = np.zeros((n, batch))
    integrator = heyoka.taylor_adaptive_batch(
        list(zip(states, drift, strict=True)), zeros, pars=np.zeros((len(problem.ranges), batch)), tol=rtol,
        compact_mode=problem.vectors is not None and n > COMPACT,
    )  # fmt: skip
    grid = np.repeat(problem.times[:, None], batch, axis=1)

    def solve(initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        out = np.empty((len(initial), problem.times.size, n))
        for k in range(0, len(initial), batch):
            integrator.set_time(problem.times[0])
            integrator.state[:] = initial[k : k + batch].T
            integrator.pars[:] = parameters[k : k + batch].T
            out[k : k + batch] = np.moveaxis(integrator.propagate_grid(grid)[-1], -1, 0)
        return out

    return solve


def make_scipy(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    from scipy.integrate import solve_ivp

    span = (problem.times[0], problem.times[-1])

    def one(y0: np.ndarray, p: np.ndarray) -> np.ndarray:
        return solve_ivp(lambda t, y: problem.peer(y, p), span, y0, method, problem.times, rtol=rtol, atol=atol).y.T

    def solve(initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return np.array([one(y0, p) for y0, p in zip(initial, parameters, strict=True)])

    return solve


def make_copasi(problem: Problem, method: str, rtol: float, atol: float) -> Solve:
    """The equations as global quantities; the time of setting initial values is counted, that of reading results is not."""
    import_copasi()
    import basico

    system = problem.system
    rows = [*(f"y{i}" for i in range(len(system.states))), *(f"p{i}" for i in range(len(system.parameters)))]
    names = dict(zip((*system.states, *system.parameters), (sp.Symbol(f"Values[{r}]") for r in rows), strict=True))
    model = basico.new_model(name=problem.name)
    for row in rows:
        basico.add_parameter(row, type="fixed", initial_value=1.0)
    for row, f in zip(rows, system.drift, strict=False):
        text = sp.sstr(f.xreplace(names)).replace("**", "^")
        basico.set_parameters(row, exact=True, type="ode", expression=text)
    course = time_course(model, method, {"Relative Tolerance": rtol, "Absolute Tolerance": atol}, problem.times)
    values = [model.getModel().getModelValue(row) for row in rows]
    references = [v.getInitialValueReference() for v in values]

    def solve(initial: np.ndarray, parameters: np.ndarray, read: bool = True) -> np.ndarray:
        found = []
        for numbers in np.hstack([initial, parameters]):
            for value, number in zip(values, numbers, strict=True):
                value.setInitialValue(float(number))
            course.update(references)
            course.run()
            if read:
                found.append(course.read([f"Values[{row}]" for row in rows[: initial.shape[1]]]))
        return np.array(found)

    solve.timed = partial(solve, read=False)  # type: ignore[attr-defined]
    return solve


MAKERS = {
    "symdyn": make_symdyn,
    "numbalsoda": make_numbalsoda,
    "diffrax": make_diffrax,
    "heyoka": make_heyoka,
    "COPASI": make_copasi,
    "scipy": make_scipy,
}
