"""The suite of a card: equality first, then speeds, then what kernels take."""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.harness import Settings, Unfit
from benchmarks.results import Result

__all__ = ["cuda"]

NO_CARD = (
    "no CUDA card is found here; run this on a machine with a card and NVIDIA's driver, or see that it runs by "
    "NUMBA_ENABLE_CUDASIM=1 python -m benchmarks cuda --quick"
)
SLOW = "numba's CUDA simulator runs kernels as Python, too slowly for whole ensembles: add --quick"


def _say(begin: float, what: str) -> None:
    """Progress, for a machine that is lent by the minute."""
    sys.stderr.write(f"cuda: {what} ({time.monotonic() - begin:.0f} s)\n")
    sys.stderr.flush()


def _marked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"simulated": "yes"} for row in rows]


def cuda(settings: Settings) -> Result:
    """Kernels on a CUDA card: equality with the processor, Lorenz ensembles beside JAX, SSA beside crn-jax, occupancy."""
    try:
        from symdyn.codegen.cuda import toolchain
    except ImportError as error:
        raise Unfit(str(error)) from error
    if toolchain.card() is None:
        raise Unfit(NO_CARD)
    if toolchain.SIMULATED and not settings.quick:
        raise Unfit(SLOW)
    from benchmarks.cuda.capacity import measure
    from benchmarks.cuda.equality import equality
    from benchmarks.cuda.lorenz import lorenz
    from benchmarks.cuda.molecules import molecules
    from benchmarks.cuda.occupancy import occupancy
    from benchmarks.cuda.published import published

    begin, result = time.monotonic(), Result()
    capacity = None if toolchain.SIMULATED else measure(settings)
    result.tables["card"] = [{"card": toolchain.card()}] if capacity is None else [capacity.row()]
    _say(begin, "Lorenz ensembles")
    result.tables["Lorenz, t from 0 to 1"], result.ratios, greatest = lorenz(settings)
    if capacity is not None and greatest:
        result.tables["published, scaled to this card"], ratios = published(capacity, greatest)
        result.ratios += ratios
    _say(begin, "molecules")
    result.tables["exact simulation"], ratios = molecules(settings)
    result.ratios += ratios
    _say(begin, "equality with the processor")
    result.tables["equality with the processor"] = equality(settings)
    if capacity is not None:
        _say(begin, "what kernels take")
        result.tables["what a thread takes"] = occupancy(capacity)
    else:
        result.tables = {title: _marked(rows) for title, rows in result.tables.items()}
    _say(begin, "done")
    return result
