"""How long numba takes for a driver, shown while it compiles."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from symdyn.bar import bar, drawn

__all__ = ["KILOBYTES", "forecast", "waiting"]

LOG = logging.getLogger("symdyn")
#: Kilobytes of machine code by driver, to which the time is proportional within a factor of 1.5; of others, those of most.
KILOBYTES = {
    "adaptive_events_algebraic_delays": 871,
    "adaptive_events_delays": 792,
    "adaptive_algebraic_delays": 502,
    "candidates": 449,
    "stepping_events_delays": 464,
    "adaptive_delays": 428,
    "adaptive_events_algebraic": 411,
    "adaptive_events": 350,
    "taylor_events": 319,
    "leaping_events": 259,
    "jump_large_queued": 262,
    "stepping_events": 234,
    "hybrid_events": 224,
    "adaptive_algebraic": 204,
    "adaptive_dop853": 184,
    "projection": 181,
    "adaptive_rodas5p": 165,
    "adaptive_tsit5": 158,
    "adaptive_rodas4": 158,
    "adaptive_bs32": 149,
    "steps_dop853_delays": 155,
    "jump_large": 136,
    "adjoint": 130,
    "adjoint_stiff": 130,
    "leaping": 128,
    "stencil_steps": 109,
    "jump": 73,
    "branching": 66,
    "stepping": 62,
    "sampler": 31,
    "automaton": 29,
    "elimination": 15,
}
USUAL = 100
#: Kilobytes a second; measured with numba 0.68 on a server of 2021.
RATE = 11.0
#: Seconds between two looks at the clock.
TICK = 0.2


def forecast(name: str) -> float:
    """Seconds that numba will take for a driver.

    Examples
    --------
    >>> forecast("adaptive_events") > 2 * forecast("adaptive_tsit5")
    True
    """
    return KILOBYTES.get(name, USUAL) / RATE


@contextlib.contextmanager
def waiting(name: str) -> Iterator[None]:
    """Draw how much of the forecast has passed, where somebody looks and messages of the package are shown."""
    if not (LOG.isEnabledFor(logging.INFO) and drawn(show=True)):
        yield
        return
    begin, ended, expected = time.perf_counter(), threading.Event(), forecast(name)
    shown = bar(
        show=True, total=round(expected, 1), desc=f"compiling {name}", leave=False, bar_format="{l_bar}{bar}| about {total} s"
    )

    def tick() -> None:
        while not ended.wait(TICK):
            shown.n = min(time.perf_counter() - begin, 0.99 * expected)
            shown.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        shown.close()
