"""One state integrated by a method, with all output times in an array."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from symdyn.integration import Options, Signals, integrate
from symdyn.methods.registry import METHODS


def integrated(problem, method, y, times, *, until=None, stops=None, stop=None, reached=None, **options):
    """Frames (T, size), NaN where there are none, and the fields of `Result`."""
    times = np.asarray(times, float)
    frames = np.full((times.size, problem.size), np.nan)
    signals = Signals.new(times[0])
    signals = Signals(signals.stop if stop is None else stop, signals.reached if reached is None else reached)
    result = integrate(
        problem, METHODS[method], y, times, options=Options(**options), record=lambda k, state: frames.__setitem__(k, state),
        signals=signals, until=until, stops=stops,
    )  # fmt: skip
    return SimpleNamespace(frames=frames, signals=signals, **result._asdict())
