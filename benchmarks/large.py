"""Stiff systems of 100 to 1,000 equations to a measured error, with and without compilation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.sparse import diags

import symdyn as sd
from benchmarks.compile_time import mark
from benchmarks.harness import Curve, Sample, Settings, Unfit, attempt, cpu_seconds, interleaved
from benchmarks.results import Ratio, Result

__all__ = ["Line", "brusselator", "large"]

#: Equations, and beyond which of them the peers without sparse matrices take minutes.
SIZES, DENSE_LIMIT = (100, 300, 1000), 300
DIFFUSION, LAST, TOLERANCES = 0.02, 10.0, (1e-4, 1e-6, 1e-8)
#: Relative error at which totals are compared, and what symdyn should be at least.
ERROR, GOAL = 1e-4, 1.0

Solve = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Line:
    """Brusselators on a line between walls of fixed values, u in the even places.

    Hairer, Wanner, Solving Ordinary Differential Equations II (1996), sec. IV.10.
    """

    cells: int

    @property
    def coupling(self) -> float:
        return DIFFUSION * (self.cells + 1) ** 2

    @property
    def start(self) -> np.ndarray:
        x = np.arange(1, self.cells + 1) / (self.cells + 1)
        return np.stack([1 + np.sin(2 * np.pi * x), np.full(self.cells, 3.0)], axis=1).ravel()

    def slope(self, y: np.ndarray, xp=np):
        """The right-hand side in whole arrays."""
        u, v = y[0::2], y[1::2]
        one, three = xp.ones(1), xp.full(1, 3.0)
        left, right = (xp.concatenate([w, s[:-1]]) for w, s in ((one, u), (three, v)))
        up, down = (xp.concatenate([s[1:], w]) for w, s in ((one, u), (three, v)))
        reaction = u * u * v
        du = 1 + reaction - 4 * u + self.coupling * (left - 2 * u + up)
        dv = 3 * u - reaction + self.coupling * (right - 2 * v + down)
        return xp.stack([du, dv], axis=1).reshape(-1)

    def reference(self) -> np.ndarray:
        """By scipy's Radau with the pattern of the matrix."""
        n = 2 * self.cells
        pattern = diags([np.ones(n)] * 5, [-2, -1, 0, 1, 2], shape=(n, n))
        run = solve_ivp(
            lambda t, y: self.slope(y), (0, LAST), self.start, "Radau", jac_sparsity=pattern, rtol=1e-10, atol=1e-12
        )
        return np.asarray(run.y[:, -1])


def brusselator(cells: int, number: int) -> sd.ODESystem:
    """The same as a system whose name of a parameter no cache knows."""
    line, a = Line(cells), sp.Symbol(f"a{number}")
    u, v = sp.symbols(f"u1:{cells + 1}"), sp.symbols(f"v1:{cells + 1}")
    k, inside = a * (cells + 1) ** 2, ([1, *u, 1], [3, *v, 3])
    drift = {}
    for i in range(cells):
        (ul, _, ur), (vl, _, vr) = (part[i : i + 3] for part in inside)
        drift[u[i]] = 1 + u[i] ** 2 * v[i] - 4 * u[i] + k * (ul - 2 * u[i] + ur)
        drift[v[i]] = 3 * u[i] - u[i] ** 2 * v[i] + k * (vl - 2 * v[i] + vr)
    initial = dict(zip((s for pair in zip(u, v, strict=True) for s in pair), line.start.tolist(), strict=True))
    return sd.ODESystem(drift, parameters={a: DIFFUSION}, initial=initial)


def _symdyn(line: Line) -> Callable[[float], Solve]:
    kernel = sd.compile(brusselator(line.cells, mark()), method="rodas5p")
    initial = line.start[None]
    kernel.prepare(1)
    return lambda tol: lambda: kernel(initial, [[DIFFUSION]], [0.0, LAST], rtol=tol, atol=tol).values[0, -1]


def _cvode(line: Line) -> Callable[[float], Solve]:
    from sksundae.cvode import CVODE

    def slope(t, y, out):
        out[:] = line.slope(y)

    def make(tol: float) -> Solve:
        solver = CVODE(slope, method="BDF", linsolver="band", lband=2, uband=2, rtol=tol, atol=tol)
        return lambda: np.asarray(solver.solve([0.0, LAST], line.start).y[-1])

    return make


def _diffsol(line: Line) -> Callable[[float], Solve]:
    import pydiffsol as ds

    n, start = line.cells, line.start
    first = ",\n".join(f"({i}:{i + 1}): {value!r}" for i, value in enumerate(start[0::2].tolist()))
    walls = f"(0:1): 1.0, (1:{n - 1}): 0.0, ({n - 1}:{n}): 1.0"
    text = f"""
in_i {{ alpha = 1 }}
L_ij {{ (0..{n},0..{n}): -2.0, (0..{n - 1},1..{n}): 1.0, (1..{n},0..{n - 1}): 1.0 }}
walls_i {{ {walls} }}
first_i {{ {first} }}
u_i {{ (0:{n}): p = first_i, ({n}:{2 * n}): q = 3.0 }}
lp_i {{ L_ij * p_j }}
lq_i {{ L_ij * q_j }}
F_i {{
  1.0 + p_i*p_i*q_i - 4.0*p_i + alpha*(lp_i + walls_i),
  3.0*p_i - p_i*p_i*q_i + alpha*(lq_i + 3.0*walls_i),
}}
"""
    solver = ds.Ode(text, matrix_type=ds.faer_sparse, linear_solver=ds.lu, ode_solver=ds.bdf)

    def make(tol: float) -> Solve:
        def solve() -> np.ndarray:
            solver.rtol = solver.atol = tol
            found = solver.solve_dense(np.array([line.coupling]), np.array([0.0, LAST])).ys[:, -1]
            return found.reshape(2, n).T.ravel()

        return solve

    return make


def _diffrax(line: Line) -> Callable[[float], Solve]:
    import diffrax
    import jax
    import jax.numpy as jnp

    if 2 * line.cells > DENSE_LIMIT:
        raise Unfit(f"its matrices are dense: minutes beyond {DENSE_LIMIT} equations")
    jax.config.update("jax_enable_x64", True)
    term, start = diffrax.ODETerm(lambda t, y, p: line.slope(y, jnp)), jnp.asarray(line.start)

    @jax.jit
    def run(tol):
        control = diffrax.PIDController(rtol=tol, atol=tol)
        return diffrax.diffeqsolve(
            term, diffrax.Kvaerno5(), 0.0, LAST, None, start, stepsize_controller=control, max_steps=100_000
        ).ys[-1]

    run(1e-4)  # compiles
    return lambda tol: lambda: np.asarray(run(tol))


def _heyoka(line: Line) -> Callable[[float], Solve]:
    import heyoka

    if 2 * line.cells > DENSE_LIMIT:
        raise Unfit(f"explicit Taylor series: minutes beyond {DENSE_LIMIT} equations")
    names = [f"{kind}{i}" for i in range(line.cells) for kind in "uv"]
    states = np.array(heyoka.make_vars(*names), dtype=object)
    u, v, k = states[0::2], states[1::2], heyoka.par[0]
    inside = ([1.0, *u, 1.0], [3.0, *v, 3.0])
    equations = []
    for i in range(line.cells):
        (ul, _, ur), (vl, _, vr) = (part[i : i + 3] for part in inside)
        equations.append((u[i], 1.0 + u[i] * u[i] * v[i] - 4.0 * u[i] + k * (ul - 2.0 * u[i] + ur)))
        equations.append((v[i], 3.0 * u[i] - u[i] * u[i] * v[i] + k * (vl - 2.0 * v[i] + vr)))

    def make(tol: float) -> Solve:
        solver = heyoka.taylor_adaptive(equations, line.start, pars=[line.coupling], tol=tol, compact_mode=True)

        def solve() -> np.ndarray:
            solver.time, solver.state[:] = 0.0, line.start
            solver.propagate_until(LAST)
            return np.array(solver.state)

        return solve

    make(1e-4)  # compiles
    return make


MAKERS: dict[str, Callable[[Line], Callable[[float], Solve]]] = {
    "symdyn rodas5p": _symdyn,
    "CVODE BDF, a band, numpy": _cvode,
    "diffsol BDF, sparse": _diffsol,
    "diffrax Kvaerno5": _diffrax,
    "heyoka": _heyoka,
}


def large(settings: Settings) -> Result:
    """Brusselators on a line: CPU-seconds of a run to a measured error, with and without compilation."""
    result = Result({"error": []})
    for n in SIZES[:1] if settings.quick else SIZES:
        line = Line(n // 2)
        exact = line.reference()
        made: dict[str, tuple[float, Callable[[float], Solve]]] = {}
        for name, maker in MAKERS.items():
            attempt(partial(maker, Line(4)))  # imports are no compilation
            begin = cpu_seconds()
            make, note = attempt(partial(maker, line))
            if note:
                result.tables["error"].append({"equations": n, "solver": name, "note": note})
            else:
                made[name] = cpu_seconds() - begin, make
        runs: dict[str, tuple[float, ...]] = {}
        curves: dict[str, list[tuple[float, Sample]]] = {name: [] for name in made}
        for tol in TOLERANCES:
            jobs = {name: make(tol) for name, (_, make) in made.items()}
            errors = {name: float(np.abs(job() - exact).max() / np.abs(exact).max()) for name, job in jobs.items()}
            seconds = interleaved(jobs, settings.rounds)
            for name in jobs:
                curves[name].append((errors[name], seconds[name]))
                row = {"equations": n, "solver": name, "tolerance": tol, "error": errors[name]}
                result.tables["error"].append({**row, "compile, s": made[name][0], "run, s": seconds[name]})
        for name, points in curves.items():
            each = zip(*(seconds.values for _, seconds in points), strict=True)
            curve = [Curve([e for e, _ in points], [1 / s for s in values]) for values in each]
            runs[name] = tuple(1 / c.at(ERROR) for c in curve)
        (own, mine), *others = ((made[name][0], values) for name, values in runs.items())
        for name, (theirs, peer) in zip(list(runs)[1:], others, strict=True):
            for what, share in (("run", 0.0), ("compile and run", 1.0)):
                values = tuple((p + share * theirs) / (m + share * own) for p, m in zip(peer, mine, strict=True))
                result.ratios.append(Ratio(f"{n} equations to {ERROR:g}, {what}: {name} / symdyn", Sample(values), GOAL))
    return result
