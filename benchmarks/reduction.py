"""A field on a plane and its reduced equations; reduced solves beside pyMOR, delay models beside PyDMD."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.harness import Settings, attempt, cpu_seconds, interleaved, paired
from benchmarks.results import Ratio, Result
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower

__all__ = ["reduction"]

TIMES = np.linspace(0, 0.5, 26)
TRAINED = [0.02, 0.025, 0.035, 0.05]
#: Runs of a small and of a large ensemble, of which a call by itself is a large and a small part: of the field, and of a line.
FIELDS, LINES = (8, 64), (3, 64)
MODES, POINTS = 15, 60
ACCURACY: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-7, "progress": False}


def plane(cells: int) -> Any:
    """Burgers' equations of two velocities in a square with walls."""
    text = "u' = nu*laplacian(u) - u*dx(u) - v*dy(u); v' = nu*laplacian(v) - u*dx(v) - v*dy(v); nu = 0.03"
    initial = {"u": "sin(pi*x)*sin(2*pi*y)", "v": "-sin(2*pi*x)*sin(pi*y)"}
    pde = sd.PDESystem.from_text(text, domain=sd.Rectangle(1, 1), boundary=sd.Dirichlet(0), initial=initial)
    return pde.discretize((cells, cells))


def field(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """An ensemble of the grid and of 2 x 15 modes, at the same tolerances."""
    cells = 24 if settings.quick else 64
    full = plane(cells)
    runs = sd.simulate(full, TIMES, parameters={"nu": TRAINED}, **ACCURACY)
    begin = cpu_seconds()
    small = sd.reduction.pod(full, runs, MODES, POINTS)
    built = cpu_seconds() - begin
    rows: list[dict[str, Any]] = []
    ratios = []
    for count in FIELDS[:1] if settings.quick else FIELDS:
        new = np.linspace(0.021, 0.048, count)  # none of them was trained
        jobs = {
            name: partial(sd.simulate, system, TIMES, parameters={"nu": new}, **ACCURACY)
            for name, system in (("reduced", small), ("grid", full))
        }
        begin = cpu_seconds()
        jobs["reduced"]()
        first = cpu_seconds() - begin
        found = small.error(jobs["grid"](), **{k: v for k, v in ACCURACY.items() if k != "progress"})
        seconds = interleaved(jobs, settings.rounds)
        about = {
            "CPU-seconds to reduce": built, "first run": first, "greatest error": float(found.error.max()),
            "of the nearest states": float(found.projection.max()),
        }  # fmt: skip
        rows += [
            {"system": f"{cells} x {cells} cells, 2 fields", "runs": count, "CPU-seconds": seconds["grid"]},
            {"system": f"{2 * MODES} modes, {POINTS} points", "runs": count, "CPU-seconds": seconds["reduced"], **about},
        ]
        speed = paired(lambda a, b: b / a, seconds["reduced"], seconds["grid"])
        goal = 100 if count == FIELDS[-1] else None
        ratios.append(Ratio(f"{count} runs of {cells} x {cells} cells by {2 * MODES} modes", speed, goal=goal))
    return rows, ratios


def line() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """Burgers' equation by ten modes as a system, and as matrices A (viscosity) and Q (quadratic), with its start."""
    full = sd.PDESystem.from_text(
        "u' = nu*laplacian(u) - dx(u**2/2); nu = 0.01", domain=(0, 1), boundary=sd.Dirichlet(0), initial={"u": "sin(pi*x)"}
    ).discretize(256)
    runs = sd.simulate(full, TIMES, parameters={"nu": [0.005, 0.02, 0.05]}, rtol=1e-8, atol=1e-10, progress=False)
    small = sd.reduction.pod(full, runs, 10, exact=2)
    program = lower("rates", [("lane", []), ("y", small.states), ("p", small.parameters)], small.drift, small.names)

    def rates(z: np.ndarray, nu: float) -> np.ndarray:
        return np.stack(evaluate(program, [], [*z], [np.full(z.shape[1], nu)]))

    n, unit = len(small.states), np.eye(len(small.states))
    linear = rates(unit, 1.0) - rates(unit, 0.0)
    single, pairs = rates(unit, 0.0), rates((unit[:, :, None] + unit[:, None]).reshape(n, -1), 0.0).reshape(n, n, n)
    quadratic = (pairs - single[:, :, None] - single[:, None]) / 2
    return small, linear, quadratic, np.array([small.initial[s] for s in small.states])


def make_pymor(linear: np.ndarray, quadratic: np.ndarray, start: np.ndarray, values: np.ndarray, steps: int) -> Any:
    from pymor.algorithms.timestepping import ExplicitEulerTimeStepper
    from pymor.core.logger import set_log_levels
    from pymor.models.basic import InstationaryModel
    from pymor.operators.numpy import NumpyGenericOperator

    set_log_levels({"pymor": "ERROR"})

    def rate(u: np.ndarray, mu: Any) -> np.ndarray:  # pyMOR has it on the left of the equation
        return -(float(mu["nu"][0]) * (linear @ u) + np.einsum("ijk,jl,kl->il", quadratic, u, u))

    n = len(start)
    operator = NumpyGenericOperator(rate, dim_source=n, dim_range=n, parameters={"nu": 1})
    begin = operator.source.from_numpy(start[:, None])
    model = InstationaryModel(0.5, begin, operator, None, time_stepper=ExplicitEulerTimeStepper(steps), num_values=26)
    return lambda: np.stack([model.solve({"nu": value}).to_numpy()[:, -1] for value in values])


def solves(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Runs of ten reduced equations; pyMOR takes as many steps of Euler's explicit method as an error of 1e-3 needs."""
    built, rows, ratios = line(), list[dict[str, Any]](), list[Ratio]()
    for count in LINES[:1] if settings.quick else LINES:
        found = _solves(settings, *built, np.linspace(0.008, 0.03, count))
        rows, ratios = rows + found[0], ratios + found[1]
    return rows, ratios


def _solves(
    settings: Settings, small: Any, linear: np.ndarray, quadratic: np.ndarray, start: np.ndarray, values: np.ndarray
) -> tuple[list[dict[str, Any]], list[Ratio]]:
    run = partial(sd.simulate, small, TIMES, parameters={"nu": values}, rtol=1e-5, atol=1e-7, progress=False)
    sharp = sd.simulate(small, TIMES, parameters={"nu": values}, rtol=1e-10, atol=1e-12, progress=False)

    def last(data: Any) -> np.ndarray:
        return np.stack([data[n].values[:, -1] for n in small.names], axis=1)

    truth = last(sharp)
    jobs: dict[str, Any] = {"symdyn": run}
    errors = {"symdyn": float(np.linalg.norm(last(run()) - truth) / np.linalg.norm(truth))}
    steps, note = 250, ""
    while True:
        solve, note = attempt(partial(make_pymor, linear, quadratic, start, values, steps))
        if note:
            break
        errors["pyMOR"] = float(np.linalg.norm(solve() - truth) / np.linalg.norm(truth))
        if errors["pyMOR"] < 1e-3 or steps > 20_000:
            jobs["pyMOR"] = solve
            break
        steps *= 2
    seconds = interleaved(jobs, settings.rounds)
    count = len(values)
    rows: list[dict[str, Any]] = [
        {"solver": name, "runs": count, "CPU-seconds": s, "error": errors[name]} for name, s in seconds.items()
    ]
    if note:
        return [*rows, {"solver": "pyMOR", "note": note}], []
    speed = paired(lambda a, b: b / a, seconds["symdyn"], seconds["pyMOR"])
    goal = 100 if count == LINES[-1] else None
    return rows, [Ratio(f"{count} reduced solves: symdyn / pyMOR", speed, goal=goal)]


def lorenz() -> np.ndarray:
    system = sd.ODESystem.from_text("x' = 10*(y - x); y' = x*(28 - z) - y; z' = x*y - 8/3*z; x(0) = -8; y(0) = 8; z(0) = 27")
    return sd.simulate(system, np.arange(0, 100, 0.01), rtol=1e-10, atol=1e-12, progress=False).x.values


def make_pydmd(x: np.ndarray, delays: int, rank: int) -> Any:
    from pydmd import HankelDMD

    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return HankelDMD(svd_rank=rank, d=delays).fit(x[None])

    return fit


def delay_models(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Hankel-DMD of Lorenz's x: CPU-seconds of the fit."""
    x, delays, rank = lorenz(), 100, 20
    jobs = {"symdyn": lambda: sd.reduction.delays(x, delays, 1, step=0.01).dmd(rank)}
    solve, note = attempt(partial(make_pydmd, x, delays, rank))
    if not note:
        jobs["PyDMD"] = solve
    seconds = interleaved(jobs, settings.rounds)
    rows: list[dict[str, Any]] = [{"package": name, "CPU-seconds": s} for name, s in seconds.items()]
    if note:
        return [*rows, {"package": "PyDMD", "note": note}], []
    return rows, [Ratio("Hankel-DMD: symdyn / PyDMD", paired(lambda a, b: b / a, seconds["symdyn"], seconds["PyDMD"]))]


def reduction(settings: Settings) -> Result:
    """CPU-seconds of reduced systems and of the full ones, with their errors."""
    found = {"field": field(settings), "solves": solves(settings), "delays": delay_models(settings)}
    return Result({k: rows for k, (rows, _) in found.items()}, [r for _, ratios in found.values() for r in ratios])
