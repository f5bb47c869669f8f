"""JiTCDDE on the problems of `benchmarks.delays`, run by an interpreter that has it: times and solutions as JSON."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from jitcdde import jitcdde, t, y


def solved(equations, before, times, rtol):
    """The solution at some times, seconds of the integration, and seconds of the compilation."""
    begin = time.perf_counter()
    dde = jitcdde(equations, verbose=False)
    dde.compile_C(verbose=False)
    dde.constant_past(before)
    dde.set_integration_parameters(rtol=rtol, atol=rtol / 100)
    compiled = time.perf_counter()
    dde.step_on_discontinuities()
    out = [dde.integrate(s) for s in times]
    return np.array(out).tolist(), time.perf_counter() - compiled, compiled - begin


def main() -> None:
    times = np.arange(10, 30.1, 0.5)
    glass = [2 * y(0, t - 2) / (1 + y(0, t - 2) ** 9.65) - y(0)]
    loops = [1 / (1 + y(1, t - 3) ** 4) - y(0), 2 * y(0, t - 1.5) - y(1)]
    found = {}
    for rtol in (1e-4, 1e-6, 1e-8):
        for name, equations, before in (("mackey-glass", glass, [0.5]), ("two delays", loops, [0.5, 0.2])):
            found[f"{name} {rtol:g}"] = solved(equations, before, times, rtol)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
