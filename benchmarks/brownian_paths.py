"""Steps along a Brownian tree a CPU-second, beside diffrax's virtual tree and torchsde's, and errors of steps that adapt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.foreign import Foreign
from benchmarks.harness import Settings, attempt, cpu_seconds, interleaved, paired
from benchmarks.results import Ratio, Result

__all__ = ["paths"]

END, STEPS, OURS = 1.0, 256, "symdyn"
WELL = sd.SDESystem.from_text("dx = (x - x^3)*dt + 0.5*dW; x(0) = 1")
#: Trajectories of the study of errors, on [0, 2]; the reference has 2^15 steps.
ERRORS = 200
#: Trajectories of a peer in one turn.
FEW = 512
LEAST = 25


def make_symdyn(method: str, source: str) -> Callable[[int], np.ndarray]:
    kernel = sd.compile(WELL, method=sd.METHODS[method].options(brownian=source), trajectories=4096)
    return lambda count: kernel(np.ones((count, 1)), np.empty((count, 0)), [0.0, END], step=END / STEPS).values[:, -1, 0]


def make_diffrax(scheme: str, *, tree: bool) -> Callable[[int], np.ndarray]:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    levy = diffrax.SpaceTimeLevyArea if scheme == "SRA1" else diffrax.BrownianIncrement

    @jax.jit
    @jax.vmap
    def run(key):
        if tree:
            noise = diffrax.VirtualBrownianTree(0.0, END, 2.0**-10, (), key, levy_area=levy)
        else:
            noise = diffrax.UnsafeBrownianPath((), key, levy_area=levy)
        drift, diffusion = diffrax.ODETerm(lambda t, y, args: y - y**3), diffrax.ControlTerm(lambda t, y, args: 0.5, noise)
        found = diffrax.diffeqsolve(
            diffrax.MultiTerm(drift, diffusion), getattr(diffrax, scheme)(), 0.0, END, END / STEPS, jnp.asarray(1.0),
            saveat=diffrax.SaveAt(t1=True), adjoint=diffrax.ForwardMode(), max_steps=1000,
        )  # fmt: skip
        return found.ys[0]

    return lambda count: np.asarray(run(jax.random.split(jax.random.key(0), count)))


def make_torchsde() -> Foreign:
    """The starts are as many as it solves."""
    return Foreign("torch", np.ones(FEW), "well", END / STEPS)


SOLVERS: dict[str, tuple[Callable[[], Callable[..., np.ndarray]], int]] = {
    "symdyn SRA1, tree": (lambda: make_symdyn("sra1", "tree"), 4096),
    "symdyn Euler-Maruyama, tree": (lambda: make_symdyn("euler-maruyama", "tree"), 4096),
    "symdyn SRA1, stream": (lambda: make_symdyn("sra1", "stream"), 4096),
    "diffrax SRA1, virtual tree": (lambda: make_diffrax("SRA1", tree=True), FEW),
    "diffrax Euler, virtual tree": (lambda: make_diffrax("Euler", tree=True), FEW),
    "diffrax SRA1, unsafe path": (lambda: make_diffrax("SRA1", tree=False), FEW),
    "torchsde Euler, BrownianTree": (make_torchsde, FEW),
}
COMPARED = {
    "diffrax SRA1, virtual tree": "symdyn SRA1, tree",
    "diffrax Euler, virtual tree": "symdyn Euler-Maruyama, tree",
    "torchsde Euler, BrownianTree": "symdyn Euler-Maruyama, tree",
}


def _each(count: int, seconds: float) -> float:
    """Nanoseconds a step."""
    return seconds / count / STEPS * 1e9


def paths(settings: Settings) -> Result:
    """A double well in 256 steps along a tree: nanoseconds a step; and errors against steps where these adapt."""
    rows: dict[str, dict[str, Any]] = {}
    jobs: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for name, (make, full) in SOLVERS.items():
        count = full // 4 if settings.quick else full
        rows[name] = {"solver": name, "trajectories": count}
        solve, note = (make(), "") if name.startswith(OURS) else attempt(make)
        if note:
            rows[name]["note"] = note
            continue
        job = solve if isinstance(solve, Foreign) else partial(solve, count)
        end = job()
        rows[name] |= {"trajectories": len(end), "mean": end.mean(), "its error": end.std() / len(end) ** 0.5}
        jobs[name], counts[name] = job, len(end)
    foreign = next((job for job in jobs.values() if isinstance(job, Foreign)), None)
    seconds = interleaved(jobs, settings.rounds, foreign.clock if foreign is not None else cpu_seconds)
    if foreign is not None:
        foreign.close()
    times = {name: each.map(partial(_each, counts[name])) for name, each in seconds.items()}
    for name, each in times.items():
        rows[name]["ns a step"] = each
    ratios = [
        Ratio(f"double well along a tree: {own} / {name}", paired(lambda a, b: a / b, times[name], times[own]), LEAST)
        for name, own in COMPARED.items()
        if name in times
    ]
    return Result({"paths": list(rows.values()), "errors": _errors(settings)}, ratios)


def _errors(settings: Settings) -> list[dict[str, Any]]:
    """Root mean square errors at t = 2 of SRA1 on the same paths, by the mean number of steps."""

    def run(**lengths: Any) -> tuple[np.ndarray, float]:
        method = sd.methods.Sra1(brownian="tree")
        data = sd.simulate(WELL, [0, 2], method=method, trajectories=ERRORS, seed=5, progress=False, **lengths)
        return data.x.values[:, -1], float(data.steps.mean())

    exact, _ = run(step=2.0**-14)
    rows = []
    jobs = [("fixed", {"step": 2 / n}) for n in (64, 256, 1024)]
    jobs += [("from the state", {"rtol": tol, "atol": tol}) for tol in (1e-3, 1e-4, 1e-5, 1e-6)]
    for kind, lengths in jobs:
        end, steps = run(**lengths)
        rows.append({"steps": f"symdyn, {kind}", "mean number": steps, "error": np.sqrt(np.mean((end - exact) ** 2))})
    if settings.quick:
        return rows
    solve, note = attempt(_diffrax_errors)
    return rows + (solve if not note else [{"steps": "diffrax", "note": note}])


def _diffrax_errors() -> list[dict[str, Any]]:
    """The same of diffrax with its controllers, on its own paths."""
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def solve(key, controller, first):
        noise = diffrax.VirtualBrownianTree(0.0, 2.0, 2.0**-17, (), key, levy_area=diffrax.SpaceTimeLevyArea)
        terms: Any = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, y, args: y - y**3), diffrax.ControlTerm(lambda t, y, args: 0.5, noise)
        )
        found = diffrax.diffeqsolve(
            terms, diffrax.SRA1(), 0.0, 2.0, first, jnp.asarray(1.0), saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=controller, adjoint=diffrax.ForwardMode(), max_steps=100_000,
        )  # fmt: skip
        return found.ys[0], found.stats["num_accepted_steps"]

    keys = jax.random.split(jax.random.key(0), ERRORS // 2)

    def run(controller: Any, first: float) -> tuple[np.ndarray, np.ndarray]:
        return jax.jit(jax.vmap(lambda key: solve(key, controller, first)))(keys)

    exact, _ = run(diffrax.ConstantStepSize(), 2.0**-12)
    rows = []
    for tolerance in (1e-2, 1e-3, 1e-4):
        end, steps = run(diffrax.PIDController(0.0, tolerance, pcoeff=0.1, icoeff=0.3, dtmin=2.0**-14), 0.05)
        error = float(np.sqrt(np.mean((np.asarray(end) - np.asarray(exact)) ** 2)))
        rows.append({"steps": "diffrax, PI controller", "mean number": float(np.mean(steps)), "error": error})
    return rows
