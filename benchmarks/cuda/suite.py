"""The suite of a card: what it can do, equality with the processor, speeds, and what kernels take."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Settings, Unfit
from benchmarks.results import Ratio, Result

__all__ = ["cuda"]

NO_CARD = (
    "no CUDA card is found here; run this on a machine with a card and NVIDIA's driver, or see that it runs by "
    "NUMBA_ENABLE_CUDASIM=1 python -m benchmarks cuda --quick"
)
CARD, EQUAL, LORENZ = "card", "equality with the processor", "Lorenz, t from 0 to 1"
PUBLISHED, EXACT, TAKEN = "published, scaled to this card", "exact simulation", "what a thread takes"
SLOW = "numba's CUDA simulator runs kernels as Python, too slowly for whole ensembles: add --quick"


class _Parts:
    """Tables and ratios of parts, of which one that fails costs the others nothing: the machine may be lent by the minute."""

    def __init__(self) -> None:
        self.result, self._begin = Result(), time.monotonic()

    def run(self, title: str, make: Callable[[], Any]) -> Any:
        """What `make` makes, or None after a table with the reason."""
        sys.stderr.write(f"cuda: {title} (after {time.monotonic() - self._begin:.0f} s)\n")
        sys.stderr.flush()
        try:
            return make()
        except Exception as error:
            traceback.print_exc()
            self.result.tables[title] = [{"note": f"{type(error).__name__}: {error}"}]
            return None

    def keep(self, title: str, found: tuple[list[dict[str, Any]], list[Ratio]] | None) -> None:
        """Keep rows and ratios, if there are some."""
        if found is not None:
            self.result.tables[title], more = found
            self.result.ratios += more


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

    parts = _Parts()
    tables = parts.result.tables
    capacity = None if toolchain.SIMULATED else parts.run(CARD, lambda: measure(settings))
    if CARD not in tables:
        tables[CARD] = [{"card": toolchain.card()}] if capacity is None else [capacity.row()]
    if (rows := parts.run(EQUAL, lambda: equality(settings))) is not None:
        tables[EQUAL] = rows
    if (found := parts.run(LORENZ, lambda: lorenz(settings))) is not None:
        parts.keep(LORENZ, found[:2])
        if capacity is not None and found[2]:
            parts.keep(PUBLISHED, parts.run(PUBLISHED, lambda: published(capacity, found[2])))
    parts.keep(EXACT, parts.run(EXACT, lambda: molecules(settings)))
    if capacity is not None and (rows := parts.run(TAKEN, lambda: occupancy(capacity))) is not None:
        tables[TAKEN] = rows
    if toolchain.SIMULATED:
        parts.result.tables = {title: [row | {"simulated": "yes"} for row in rows] for title, rows in tables.items()}
    return parts.result
