"""One state integrated by a method, with all output times in an array."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from symdyn_kernels.arguments.parts import Signals

from symdyn.integration import StepOptions, integrate
from symdyn.methods.registry import METHODS
from symdyn.models.pde import PDESystem

#: Methods that integrate fields, by name.
SCHEMES = {name: scheme for name, scheme in METHODS.items() if scheme.applies(PDESystem.example().discretize(8)) is None}


def integrated(problem, method, y, times, *, until=None, stops=None, stop=None, reached=None, **options):
    """Frames (T, size), NaN where there are none, and the fields of `Result`."""
    times = np.asarray(times, float)
    frames = np.full((times.size, problem.size), np.nan)
    signals = Signals.new(stop)
    signals = signals if reached is None else signals._replace(reached=reached)
    result = integrate(
        problem, SCHEMES[method], y, times, options=StepOptions(**options),
        record=lambda k, state: frames.__setitem__(k, state), signals=signals, until=until, stops=stops,
    )  # fmt: skip
    return SimpleNamespace(frames=frames, signals=signals, **result._asdict())
