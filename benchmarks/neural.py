"""Networks in equations: solutions, and training to an accuracy, beside diffrax, torchdiffeq and torchcde."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from benchmarks.dense_layers import make_diffrax, make_symdyn
from benchmarks.foreign import Foreign
from benchmarks.harness import Sample, Settings, attempt, cpu_seconds, interleaved, paired
from benchmarks.neural_prices import prices, steps
from benchmarks.neural_problems import area_paths, cde_weights, forcings, random_starts, spirals, stacked_paths
from benchmarks.results import Ratio, Result

__all__ = ["PARTS", "neural"]

#: Error that solutions of the controlled equation have at most, and tolerances from the loosest on.
ERROR, TOLERANCES = 1e-4, (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
#: A peer's training ends after this many times the CPU-seconds of symdyn's.
PATIENCE = 6.0
#: Noise of what is learned from.
AREA_NOISE, SPIRAL_NOISE = 0.02, 0.02


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2) / np.mean(truth**2)))


# ---- solutions ---------------------------------------------------------------------------------


def prediction(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """An ensemble of an ODE with a network 2-16-16-2 at a tolerance of 1e-6."""
    count = 300 if settings.quick else 10_000
    begin, rows = random_starts(count), []
    jobs: dict[str, Callable[[], np.ndarray]] = {}
    foreign: Foreign | None = None
    for name, make in (
        ("symdyn", lambda: partial(make_symdyn(16), begin)), ("diffrax", lambda: partial(make_diffrax(16), begin)),
        ("torchdiffeq", lambda: Foreign("torch", begin, "ode", 1e-6)),
    ):  # fmt: skip
        job, note = attempt(make)
        if note:
            rows.append({"solver": name, "trajectories": count, "note": note})
        else:
            jobs[name] = job
            foreign = job if isinstance(job, Foreign) else foreign
    found = {name: job() for name, job in jobs.items()}
    seconds = interleaved(jobs, settings.rounds, foreign.clock if foreign is not None else cpu_seconds)
    for name, sample in seconds.items():
        apart = float(np.abs(found[name] - found["symdyn"]).max())
        rows.append({"solver": name, "trajectories": count, "CPU-seconds": sample, "greatest difference": apart})
    if foreign is not None:
        foreign.close()
    return rows, _ratios(f"{count} solutions of a neural ODE", seconds, 4.0)


def paths(times: np.ndarray, values: np.ndarray) -> list[list[sd.Path]]:
    """The courses of both channels, in which values are missing."""
    return [[sd.Path(name, t, x[:, k]) for t, x in zip(times, values, strict=True)] for k, name in enumerate("uv")]


def controlled() -> sd.ODESystem:
    """Eight states that a network couples to two paths."""
    z, (u, v) = sp.symbols("z:8"), (sd.Path(name, [0, 1], [0, 0]) for name in "uv")
    first, second = cde_weights()
    field = sd.DenseLayers("f", [(*first, "tanh"), (*second, "tanh")])(*z)
    along, across = (p.diff(sp.Symbol("t")) for p in (u, v))
    rates = {s: field[2 * i] * along + field[2 * i + 1] * across for i, s in enumerate(z)}
    return sd.ODESystem(rates, initial=dict.fromkeys(z, 0))


def make_controlled(count: int, tolerance: float) -> Callable[[], np.ndarray]:
    """The last states of all paths, by one call."""
    system, (times, values, _) = controlled(), area_paths(count, 0)
    courses = [xr.DataArray(listed, dims="path") for listed in paths(times, values)]
    driven = system.with_inputs(dict(zip(system.inputs, courses, strict=True)))

    def run() -> np.ndarray:
        data = sd.simulate(driven, [0, 1], method="tsit5", rtol=tolerance, atol=tolerance / 100, progress=False)
        return np.stack([data[s].values[:, -1] for s in driven.names], axis=1)

    return run


def make_controlled_diffrax(count: int, tolerance: float) -> Callable[[], np.ndarray]:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    (a, b), (c, d) = cde_weights()
    times, values, _ = area_paths(count, 0)
    filled = stacked_paths(times, values)

    def field(t, z, _):
        return jnp.tanh(c @ jnp.tanh(a @ z + b) + d).reshape(8, 2)

    @jax.jit
    @jax.vmap
    def run(ts, ys):
        term = diffrax.ControlTerm(field, diffrax.LinearInterpolation(ts, ys)).to_ode()
        steps = diffrax.ClipStepSizeController(diffrax.PIDController(rtol=tolerance, atol=tolerance / 100), jump_ts=ts)
        return diffrax.diffeqsolve(
            term, diffrax.Tsit5(), 0.0, 1.0, None, jnp.zeros(8), stepsize_controller=steps, max_steps=4096
        ).ys[-1]

    return lambda: np.asarray(run(jnp.asarray(times), jnp.asarray(filled)))


def driven(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """A controlled equation of eight states along irregular paths with gaps; each solver has the loosest of good tolerances."""
    found = [_driven(count, settings) for count in ((50,) if settings.quick else (500, 5000))]
    return [r for rows, _ in found for r in rows], [r for _, ratios in found for r in ratios]


def _driven(count: int, settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    truth, rows = make_controlled(count, 1e-10)(), []
    jobs: dict[str, Any] = {}
    kept: dict[str, dict[str, Any]] = {}
    for name, make in (
        ("symdyn", make_controlled), ("diffrax", make_controlled_diffrax),
        ("torchcde", lambda count, tolerance: Foreign("torch", np.array([float(count)]), "cde", tolerance)),
    ):  # fmt: skip
        for tolerance in TOLERANCES:
            job, note = attempt(partial(make, count, tolerance))
            if note:
                rows.append({"solver": name, "paths": count, "note": note})
                break
            if (error := relative(job(), truth)) <= ERROR:
                jobs[name], kept[name] = job, {"tolerance": tolerance, "error": error}
                break
            if isinstance(job, Foreign):
                job.close()
    foreign = next((j for j in jobs.values() if isinstance(j, Foreign)), None)
    seconds = interleaved(jobs, settings.rounds, foreign.clock if foreign is not None else cpu_seconds)
    if foreign is not None:
        foreign.close()
    rows += [{"solver": n, "paths": count, "CPU-seconds": s, **kept[n]} for n, s in seconds.items()]
    return rows, _ratios(f"{count} solutions of a neural CDE", seconds, 4.0)


# ---- training ----------------------------------------------------------------------------------


def learn_spirals(iterations: int) -> sd.Learned:
    """Both rates of change of a spiral from eight noisy runs of 31 points."""
    x, y = sp.symbols("x y")
    f, g = (sd.network(name, [x, y], width=16) for name in "fg")
    times, data = spirals(8, SPIRAL_NOISE, seed=0)
    runs = [{"t": times, "x": run[:, 0], "y": run[:, 1]} for run in data]
    return sd.learn(sd.ODESystem({x: f(x, y), y: g(x, y)}), runs, members=1, iterations=iterations, progress=False)


def spiral_error(found: sd.Learned) -> float:
    times, truth = spirals(16, 0.0, seed=9)
    initial = {s: xr.DataArray(truth[:, 0, k], dims="run") for k, s in enumerate("xy")}
    data = sd.simulate(found.system, times, initial=initial, progress=False)
    return float(np.sqrt(np.mean((np.stack([data.x.values, data.y.values], axis=-1) - truth) ** 2)))


def adam(rate: float | Callable[[Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Adam's method (Kingma & Ba 2015): its state at first, and its steps; the rate may be a function of their number."""
    import jax
    import jax.numpy as jnp

    def begin(weights: Any) -> Any:
        none = jax.tree.map(jnp.zeros_like, weights)
        return none, none, jnp.zeros((), int)  # a plain number would be part of the compiled code: each step a new one

    def move(slopes: Any, state: Any) -> Any:
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[0], slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, state[1], slopes)
        k = state[2] + 1
        now = rate(k) if callable(rate) else rate
        change = jax.tree.map(
            lambda m, v: -now * m / (1 - 0.9**k) / (jnp.sqrt(v / (1 - 0.999**k)) + 1e-8), first, second
        )  # fmt: skip
        return change, (first, second, k)

    return begin, move


def train_spirals_diffrax(goal: float, limit: float) -> tuple[float, float, int]:
    """CPU-seconds, error and updates of Adam on random pieces of ten points, as in the example of diffrax."""
    import diffrax
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    times, data = (jnp.asarray(v) for v in spirals(8, SPIRAL_NOISE, seed=0))
    ends, truth = (jnp.asarray(v) for v in spirals(16, 0.0, seed=9))
    model = eqx.nn.MLP(2, 2, 16, 2, activation=jnp.tanh, key=jax.random.PRNGKey(0))
    begin, move = adam(1e-2)

    def solve(net, begin, at):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, z, _: net(z)), diffrax.Tsit5(), at[0], at[-1], at[1] - at[0], begin,
            saveat=diffrax.SaveAt(ts=at), stepsize_controller=diffrax.PIDController(rtol=1e-3, atol=1e-6),
        ).ys  # fmt: skip

    @eqx.filter_jit
    def update(net, state, pieces):
        def loss(net):
            return jnp.mean((jax.vmap(lambda p: solve(net, p[0], times[:10]))(pieces) - pieces) ** 2)

        slopes = eqx.filter_grad(loss)(net)
        change, state = move(slopes, state)
        return eqx.apply_updates(net, change), state

    judge = eqx.filter_jit(lambda net: jnp.sqrt(jnp.mean((jax.vmap(lambda b: solve(net, b, ends))(truth[:, 0]) - truth) ** 2)))
    state, rng = begin(eqx.filter(model, eqx.is_inexact_array)), np.random.default_rng(0)
    pieces = lambda: jnp.stack([data[w, f : f + 10] for w, f in zip(rng.integers(8, size=32), rng.integers(22, size=32))])  # noqa: B905, E731
    update(model, state, pieces()), judge(model)  # compiled before it is timed
    began, judged, error, done = cpu_seconds(), 0.0, np.inf, 0
    while error > goal and cpu_seconds() - began - judged < limit:
        for _ in range(50):
            model, state = update(model, state, pieces())
            done += 1
        before = cpu_seconds()
        error = float(judge(model))
        judged += cpu_seconds() - before
    return cpu_seconds() - began - judged, error, done


def learn_areas(iterations: int) -> sd.Learned:
    """The area that a path sweeps, from the ends of 80 irregular paths with gaps, by a controlled equation of four states."""
    u, v = (sd.Path(name, [0, 1], [0, 0]) for name in "uv")
    z = [f"z{k}" for k in range(4)]
    equation = sd.neural_cde(z, [u, v], width=8, depth=1, initial=dict.fromkeys(z, 0))
    times, values, areas = area_paths(80, 1)
    noisy = areas + AREA_NOISE * np.random.default_rng(4).normal(size=80)
    runs = [{"t": [0, 1], "z0": [np.nan, a]} for a in noisy]
    inputs = dict(zip(equation.inputs, paths(times, values), strict=True))
    options: dict[str, Any] = {"noise": {"z0": AREA_NOISE}, "members": 1, "iterations": iterations, "progress": False}
    return sd.learn(equation, runs, inputs=inputs, starts="declared", **options)


def area_error(found: sd.Learned) -> float:
    times, values, areas = area_paths(100, 2)
    courses = [xr.DataArray(listed, dims="path") for listed in paths(times, values)]
    inputs = dict(zip(found.system.inputs, courses, strict=True))
    data = sd.simulate(found.system, [0, 1], inputs=inputs, progress=False)
    return float(np.sqrt(np.mean((data.z0.values[:, -1] - areas) ** 2)))


def train_areas_diffrax(goal: float, limit: float) -> tuple[float, float, int]:
    """CPU-seconds, error and updates of Adam on all paths, by Heun's method from knot to knot."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    times, values, areas = area_paths(80, 1)
    target = jnp.asarray(areas + AREA_NOISE * np.random.default_rng(4).normal(size=80))
    train = jnp.asarray(np.diff(stacked_paths(times, values), axis=1))
    times, values, wanted = area_paths(100, 2)
    test = jnp.asarray(np.diff(stacked_paths(times, values), axis=1))
    model, (begin, move) = eqx.nn.MLP(4, 8, 8, 1, activation=jnp.tanh, key=jax.random.PRNGKey(0)), adam(1e-2)

    def end(net, steps):
        def step(z, dx):
            k1 = net(z).reshape(4, 2) @ dx
            return z + (k1 + net(z + k1).reshape(4, 2) @ dx) / 2, None

        return jax.lax.scan(step, jnp.zeros(4), steps)[0][0]

    @eqx.filter_jit
    def update(net, state):
        slopes = eqx.filter_grad(lambda n: jnp.mean((jax.vmap(lambda s: end(n, s))(train) - target) ** 2))(net)
        change, state = move(slopes, state)
        return eqx.apply_updates(net, change), state

    judge = eqx.filter_jit(lambda net: jnp.sqrt(jnp.mean((jax.vmap(lambda s: end(net, s))(test) - wanted) ** 2)))
    state = begin(eqx.filter(model, eqx.is_inexact_array))
    update(model, state), judge(model)
    began, judged, error, done = cpu_seconds(), 0.0, np.inf, 0
    while error > goal and cpu_seconds() - began - judged < limit:
        for _ in range(50):
            model, state = update(model, state)
            done += 1
        before = cpu_seconds()
        error = float(judge(model))
        judged += cpu_seconds() - before
    return cpu_seconds() - began - judged, error, done


def train_torch(task: str, goal: float, limit: float) -> tuple[float, float, int]:
    """The same by the process of the other interpreter."""
    peer = Foreign("torch", np.array([goal, limit]), task, 0)
    before = peer.clock()
    error, done = peer()
    seconds = peer.clock() - before
    peer.close()
    return seconds, float(error), int(done)


def training(
    learn: Callable[[int], sd.Learned],
    judge: Callable[[sd.Learned], float],
    peers: dict[str, Any],
    what: str,
    settings: Settings,
) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """CPU-seconds until the error of symdyn's result, without compilation; one round.

    symdyn takes its usual number of steps, which knows nothing of the data that judge; peers end as soon as they are as good by
    these.
    """
    learn(steps(settings))  # compiles, also the finer steps to which a training comes
    begin = cpu_seconds()
    found = learn(steps(settings))
    spent = cpu_seconds() - begin
    goal = judge(found)
    rows: list[dict[str, Any]] = [{"package": "symdyn", "CPU-seconds": spent, "error": goal}]
    seconds = {"symdyn": Sample((spent,))}
    for name, train in peers.items():
        result, note = attempt(partial(train, goal, (2 if settings.quick else PATIENCE) * spent))
        if note:
            rows.append({"package": name, "note": note})
            continue
        taken, error, updates = result
        reached = error <= goal
        rows.append({"package": name, "CPU-seconds": taken, "error": error, "updates of Adam": updates}
                    | ({} if reached else {"note": "ended before that error"}))  # fmt: skip
        seconds[name] = Sample((taken,))
    return rows, _ratios(f"training of {what} to the same error", seconds, 3.0)


# ---- an irregular record as the input of known equations ---------------------------------------


def records(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Where an irregular path drives Lotka and Volterra's equations: known, and with one function learned from ends."""
    x, y = sp.symbols("x y")
    u = sd.Path("u", [0, 10], [0, 0], kind="cubic")
    f = sd.network("f", [u], width=6, depth=1)
    hybrid = sd.ODESystem({x: x * (1 - y + f(u)), y: y * (x - 1)}, initial={x: 1.2, y: 0.8})
    count = 60 if settings.quick else 400
    times, values, ends = forcings(count, 0)
    others = forcings(200, 1)

    def driven(times: np.ndarray, values: np.ndarray) -> list[sd.Path]:
        return [sd.Path("u", t, v, kind="cubic") for t, v in zip(times, values, strict=True)]

    def judge(system: sd.ODESystem) -> float:
        inputs = {system.inputs[0]: xr.DataArray(driven(*others[:2]), dims="path")}
        data = sd.simulate(system, [0, 10], inputs=inputs, progress=False)
        found = np.log(np.stack([data.x.values[:, -1], data.y.values[:, -1]], axis=1))
        return float(np.mean((found - others[2]) ** 2 / others[2].var(axis=0)))

    runs = [{"t": [0, 10], "x": [np.nan, a], "y": [np.nan, b]} for a, b in np.exp(ends)]
    begin = cpu_seconds()
    options: dict[str, Any] = {"noise": {x: 0.05, y: 0.05}, "members": 1, "iterations": steps(settings), "progress": False}
    found = sd.learn(hybrid, runs, inputs={u: driven(times, values)}, starts="declared", **options)
    spent = cpu_seconds() - begin
    summary = np.stack([values.mean(axis=1), values[:, -1], np.ones(count)], axis=1)
    weights = np.linalg.lstsq(summary, ends, rcond=None)[0]
    plain = np.stack([others[1].mean(axis=1), others[1][:, -1], np.ones(200)], axis=1) @ weights
    rows = [
        {"what is known": "all equations", "error / variance": judge(hybrid.with_terms({f(u): sp.Float(0.4) * u}))},
        {"what is known": f"all but one function of the path, {count} ends", "error / variance": judge(found.system),
         "training, CPU-seconds": spent},
        {"what is known": "nothing: mean and last value, linear",
         "error / variance": float(np.mean((plain - others[2]) ** 2 / others[2].var(axis=0)))},
    ]  # fmt: skip
    return rows, []


def _ratios(what: str, seconds: dict[str, Sample], goal: float) -> list[Ratio]:
    if "symdyn" not in seconds:
        return []
    return [
        Ratio(f"{what}: symdyn / {name}", paired(lambda a, b: b / a, seconds["symdyn"], sample), goal=goal)
        for name, sample in seconds.items() if name != "symdyn"
    ]  # fmt: skip


def learned_spirals(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Training of a neural ODE."""
    peers = {"diffrax": train_spirals_diffrax, "torchdiffeq": partial(train_torch, "train-ode")}
    return training(learn_spirals, spiral_error, peers, "a neural ODE", settings)


def learned_areas(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """Training of a neural CDE."""
    peers = {"jax": train_areas_diffrax, "torchcde": partial(train_torch, "train-cde")}
    return training(learn_areas, area_error, peers, "a neural CDE", settings)


#: Tables, which can be measured in pieces.
PARTS: dict[str, Callable[[Settings], tuple[list[dict[str, Any]], list[Ratio]]]] = {
    "ode": prediction, "cde": driven, "records": records, "prices": prices, "ode training": learned_spirals,
    "cde training": learned_areas,
}  # fmt: skip


def neural(settings: Settings) -> Result:
    """Solutions and training of neural ordinary and controlled equations, and what prices of the solver's effort do."""
    found = {name: part(settings) for name, part in PARTS.items() if name in (settings.tables or PARTS)}
    return Result({k: rows for k, (rows, _) in found.items()}, [r for _, ratios in found.values() for r in ratios])
