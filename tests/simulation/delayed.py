"""Runs of systems with delays."""

import symdyn as sd

METHODS = ("tsit5", "dop853", "rodas5p")


def run(system, times, method="tsit5", **options):
    return sd.simulate(system, times, method=method, progress=False, **{"rtol": 1e-9, "atol": 1e-12, **options})
