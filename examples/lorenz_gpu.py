"""Eight million Lorenz systems on a CUDA card, beside the published times of DiffEqGPU.jl and of MPGOS.

    x' = 10 (y - x),    y' = x (r - z) - y,    z' = x y - 8/3 z,    from (1, 0, 0), t from 0 to 1, r between 0 and 21.

The ensemble is that of the published benchmark (Utkarsh et al., Comput. Methods Appl. Mech. Eng. 419 (2024) 116591), which runs
in single precision, and whose times are those of the card alone: the problems lie there already.  Here the time of the card
is printed too, and that of the whole call, with what is carried there and back.  A sample is compared with the processor.

    python -m examples.lorenz_gpu --trajectories 8388608
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np

import symdyn as sd

LORENZ = sd.ODESystem.from_text("x' = 10*(y - x)\ny' = x*(r - z) - y\nz' = x*y - 8/3*z")
TIMES = (0.0, 1.0)
TRAJECTORIES = 8_388_608
#: Milliseconds for 8.4 million trajectories in single precision on a V100, of the card alone.
PUBLISHED = {
    "DiffEqGPU.jl, adaptive": 69,
    "DiffEqGPU.jl, fixed step": 145,
    "MPGOS, adaptive": 49,
    "MPGOS, fixed step": 94,
}
#: Precisions, each with the tolerance that is asked of it.
RUNS = {"float32": 1e-6, "float64": 1e-8}


@dataclass(frozen=True)
class Timing:
    """What an ensemble took, in seconds, and how far a sample of it is from the processor's solution at tolerances of 1e-12."""

    trajectories: int
    steps: float
    card: float
    whole: float
    error: float


def measure(trajectories: int, precision: str, *, method: str = "tsit5", sample: int = 64) -> Timing:
    """Run the ensemble on the card."""
    kernel = sd.compile(LORENZ, method=method, target="cuda", precision=precision)
    rates = np.linspace(0, 21, trajectories)[:, None]
    start = np.broadcast_to([1.0, 0.0, 0.0], (trajectories, 3))
    tolerances = dict(rtol=RUNS[precision], atol=RUNS[precision])
    kernel(start[:1], rates[:1], TIMES, **tolerances)  # compiles
    before, begin = kernel.card_seconds, time.perf_counter()
    run = kernel(start, rates, TIMES, **tolerances)
    whole = time.perf_counter() - begin
    rows = np.linspace(0, trajectories - 1, min(sample, trajectories)).astype(int)
    exact = sd.compile(LORENZ, method="dop853")(start[rows], rates[rows], TIMES, rtol=1e-12, atol=1e-12)
    error = np.abs(run.values[rows] - exact.values).max()
    return Timing(trajectories, float(run.steps.mean()), kernel.card_seconds - before, whole, float(error))


def main(arguments: list[str] | None = None) -> None:
    """Print the times; without a card one line that says what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=TRAJECTORIES)
    parser.add_argument("--method", default="tsit5", help="tsit5 or dop853")
    given = parser.parse_args(arguments)
    if given.trajectories < 1:
        parser.error(f"--trajectories is {given.trajectories}; expected a whole number from 1")
    for precision, tolerance in RUNS.items():
        try:
            found = measure(given.trajectories, precision, method=given.method)
        except sd.CompileError as error:
            sys.exit(f"lorenz_gpu: {error}")
        print(
            f"{precision}, tolerance {tolerance:g}: {found.trajectories} trajectories of {found.steps:.1f} steps in "
            f"{found.card * 1e3:.1f} ms on the card ({found.trajectories / found.card / 1e6:.1f} million a second), "
            f"{found.whole * 1e3:.0f} ms in all; error {found.error:.1e}"
        )
    print(f"published, {TRAJECTORIES} trajectories in single precision on a V100, on the card:")
    for name, milliseconds in PUBLISHED.items():
        print(f"  {name}: {milliseconds} ms, {milliseconds * given.trajectories / TRAJECTORIES:.1f} ms for as many as here")


if __name__ == "__main__":
    main()
