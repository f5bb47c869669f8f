"""Seconds from a system to a kernel, for models of 3 to 1,000 equations, beside heyoka and diffrax."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Sample, Settings, attempt, paired
from benchmarks.results import Ratio, Result
from symdyn.models import zoo

__all__ = ["SECONDS", "chain", "compile_time", "mark"]

SIZES = (3, 14, 30, 100, 300, 1000)
METHODS = ("dop853", "rodas5p")
#: Beyond these sizes compilation takes a peer minutes.
HEYOKA_LIMIT, DIFFRAX_LIMIT = {"default": 30, "compact": 1000}, 30
SECONDS = "CPU-seconds"
#: Sizes of which one round is enough, and what compilation should take at most, with 'dop853'.
SLOW = 300
GOALS = {3: 0.05, 14: 0.05, 30: 0.05, 300: 0.3, 1000: 5.0}


def mark() -> int:
    """A number for names of parameters that no cache knows."""
    with tempfile.TemporaryDirectory() as folder:
        return int(folder.encode().hex(), 16) % 10**9


def chain(n: int, number: int) -> sd.ODESystem:
    """n species, each made from its two neighbours and lost; three terms an equation.  The number makes the model new."""
    x, a, b = sp.symbols(f"x0:{n}"), sp.Symbol(f"a{number}"), sp.Symbol("b")
    return sd.ODESystem({x[k]: a * x[k - 1] * x[(k + 1) % n] - b * x[k] ** 2 - x[k] for k in range(n)})


def _seconds(job: Callable[[], Any]) -> float:
    begin = time.process_time()
    job()
    return time.process_time() - begin


def _ours(method: str, n: int, number: int) -> float:
    return _seconds(partial(sd.compile, chain(n, number), method=method))


def _known(method: str, n: int, number: int) -> float:
    _ours(method, n, number)
    return _ours(method, n, number)


def _heyoka(mode: str, n: int, number: int) -> float:
    import heyoka

    if n > HEYOKA_LIMIT[mode]:
        return float("nan")
    # a number in the equations that changes from round to round keeps its own cache from knowing them
    x, one = heyoka.make_vars(*(f"x{k}" for k in range(n))), 1.0 + number * 1e-12
    x = [x] if n == 1 else list(x)
    equations = [(x[k], heyoka.par[0] * x[k - 1] * x[(k + 1) % n] - heyoka.par[1] * x[k] ** 2 - one * x[k]) for k in range(n)]
    start, parameters = np.zeros((n, 8)), np.ones((2, 8))
    make = partial(heyoka.taylor_adaptive_batch, equations, start, pars=parameters, compact_mode=mode == "compact")
    return _seconds(make)


def _diffrax(n: int, number: int) -> float:
    import diffrax
    import jax
    import jax.numpy as jnp

    if n > DIFFRAX_LIMIT:
        return float("nan")
    jax.config.update("jax_enable_x64", True)
    one = 1.0 + number * 1e-12
    field = diffrax.ODETerm(
        lambda t, y, p: jnp.stack([p[0] * y[k - 1] * y[(k + 1) % n] - p[1] * y[k] ** 2 - one * y[k] for k in range(n)])
    )
    control = diffrax.PIDController(rtol=1e-6, atol=1e-6)

    @jax.jit
    @jax.vmap
    def run(y, p):
        return diffrax.diffeqsolve(field, diffrax.Tsit5(), 0.0, 1.0, None, y, p, stepsize_controller=control).ys

    shapes = jax.ShapeDtypeStruct((8, n), jnp.float64), jax.ShapeDtypeStruct((8, 2), jnp.float64)
    return _seconds(lambda: run.lower(*shapes).compile())


def compile_time(settings: Settings) -> Result:
    """From equations to compiled code, models of 3 to 1,000 equations, drivers being warm."""
    for method in METHODS:
        sd.compile(zoo.lorenz(), method=method)([[1.0] * 3], [[1.0] * 3], [0.0, 0.1])
    numbers = itertools.count(mark())
    jobs = {f"symdyn {m}, new": partial(_ours, m) for m in METHODS}
    jobs |= {f"symdyn {m}, known": partial(_known, m) for m in METHODS}
    jobs |= {f"heyoka, {mode} mode": partial(_heyoka, mode) for mode in HEYOKA_LIMIT} | {"diffrax Tsit5": _diffrax}
    result = Result({"compile": []})
    for n in SIZES[:3] if settings.quick else SIZES:
        rounds = 1 if n >= SLOW else settings.rounds
        found: dict[str, list[float]] = {}
        notes: dict[str, str] = {}
        for _, (name, job) in itertools.product(range(rounds), jobs.items()):
            peer = not name.startswith("symdyn")
            taken, note = attempt(partial(job, n, next(numbers))) if peer else (job(n, next(numbers)), "")
            if note:
                notes[name] = note
            elif taken == taken:
                found.setdefault(name, []).append(taken)
        samples = {name: Sample(tuple(values)) for name, values in found.items()}
        for name in jobs:
            cell = {"note": notes[name]} if name in notes else {SECONDS: samples[name]} if name in samples else {}
            if cell:
                result.tables["compile"].append({"equations": n, "terms": 3 * n, "compiler": name, **cell})
        new = samples["symdyn dop853, new"]
        if n in GOALS:
            label = f"{n} equations: {GOALS[n]:g} s / symdyn dop853"
            result.ratios.append(Ratio(label, new.map(lambda s, n=n: GOALS[n] / s), 1.0))
        peers = [s for name, s in samples.items() if name.startswith("heyoka")]
        if peers:
            ratio = paired(lambda mine, *theirs: min(theirs) / mine, new, *peers)
            result.ratios.append(Ratio(f"{n} equations: heyoka's faster mode / symdyn dop853", ratio, 1.0))
    return result
