"""One state integrated by a method, with all output times in an array."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from symdyn.grids.options import array_methods
from symdyn.integration import StepOptions, StepSignals, integrate

#: Methods that have a form for arrays, by name.
SCHEMES = array_methods()


def integrated(problem, method, y, times, *, until=None, stops=None, stop=None, reached=None, **options):
    """Frames (T, size), NaN where there are none, and the fields of `Result`."""
    times = np.asarray(times, float)
    frames = np.full((times.size, problem.size), np.nan)
    signals = StepSignals.new(times[0])
    signals = StepSignals(signals.stop if stop is None else stop, signals.reached if reached is None else reached)
    result = integrate(
        problem, SCHEMES[method], y, times, options=StepOptions(**options),
        record=lambda k, state: frames.__setitem__(k, state), signals=signals, until=until, stops=stops,
    )  # fmt: skip
    return SimpleNamespace(frames=frames, signals=signals, **result._asdict())
