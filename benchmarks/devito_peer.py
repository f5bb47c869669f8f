"""Devito on Gray and Scott's equations with equal steps, run by an interpreter that has it: ``make bench`` makes one.

``python devito_peer.py START RESULT STEPS STEP`` reads the fields (2, n, n) or (2, n, n, n) from START, writes those after so
many steps of Euler's method to RESULT and prints ``ready``; for each line of standard input it then does the same again and
prints its CPU-seconds.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from devito import Eq, Grid, Operator, TimeFunction, configuration


def main() -> None:
    """Serve until standard input ends."""
    configuration["language"], configuration["log-level"] = "C", "ERROR"
    begin, result, steps, step = np.load(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    n, count = begin.shape[1], begin.ndim - 1
    grid = Grid(
        shape=(n,) * count, extent=(2.5 - 2.5 / n,) * count, dtype=np.float64
    )  # from the centre of the first cell to the last
    u, v = (TimeFunction(name=name, grid=grid, space_order=2) for name in "uv")
    reaction = u * v**2
    rates = {u: 2e-5 * u.laplace - reaction + 0.04 * (1 - u), v: 1e-5 * v.laplace + reaction - 0.1 * v}
    rules = [Eq(f.forward, f + step * rate) for f, rate in rates.items()]
    t = grid.stepping_dim
    for f in (u, v):  # the cells beyond each wall are those at the other one
        for axis in range(count):
            for beyond, other in ((-1, n - 1), (n, 0)):
                ends = [[*grid.dimensions[:axis], place, *grid.dimensions[axis + 1 :]] for place in (beyond, other)]
                rules.append(Eq(f[(t + 1, *ends[0])], f[(t + 1, *ends[1])]))
    solve = Operator(rules)

    def run() -> float:
        for f, values in zip((u, v), begin, strict=True):
            ghosts = (f.data_with_halo.shape[1] - n) // 2
            f.data_with_halo[0] = np.pad(values, ghosts, mode="wrap")
        before = time.process_time()
        solve(time_M=steps - 1)
        return time.process_time() - before

    run()
    np.save(result, np.stack([np.asarray(f.data[steps % 2]) for f in (u, v)]))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(run(), flush=True)


if __name__ == "__main__":
    main()
