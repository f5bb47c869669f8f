"""The drivers that can be compiled in advance, by names that say which simulations need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families import family_of
from symdyn.discover.whole.kernel import driver as candidates_driver
from symdyn.methods.registry import METHODS
from symdyn.projection.evolve import driver as projection_driver

__all__ = ["MEANINGS", "compiled", "drivers"]

#: What names stand for that are no methods.
MEANINGS = {
    "events": "models with events, doses or inputs over time, by every method that takes them",
    "algebraic": "models with algebraic equations, with and without events",
    "delays": "models with delays, with and without events and algebraic equations",
    "large": "models of thousands of operations by implicit methods, and networks of many reactions",
    "fields": "fields on grids",
    "projection": "master equations on finitely many states",
    "gradients": "gradients of costs by many parameters",
    "recovery": "recovery of whole equations from data",
}


def drivers() -> dict[str, list[Callable[[], object]]]:
    """Functions that compile the drivers, by the names of methods and of `MEANINGS`."""
    found: dict[str, list[Callable[[], object]]] = {
        name: [partial(family_of(scheme).driver, name)] for name, scheme in METHODS.items()
    }
    for part in MEANINGS:
        shared = [f for name, scheme in METHODS.items() for f in family_of(scheme).variants(name).get(part, ())]
        found[part] = list({(f.func, f.args, *f.keywords.items()): f for f in shared}.values())
    found["large"] += [partial(plain_driver, "elimination"), partial(plain_driver, "jump_large")]
    found["fields"] += [partial(plain_driver, "stencil"), partial(plain_driver, "stencil_steps")]
    found["projection"] += [projection_driver]
    found["gradients"] += [partial(plain_driver, "adjoint"), partial(plain_driver, "reversible")]
    found["recovery"] += [candidates_driver]
    return found


def compiled(
    places: Sequence[tuple[str, int]], processes: int = 1, prepare: Callable[[], object] | None = None
) -> Iterator[None]:
    """Compile drivers, each given by its name and its place in the list of `drivers`.

    Parameters
    ----------
    places : sequence of (str, int)
    processes : int
    prepare : callable, optional
        Called first in each further process.
    """
    if processes == 1:
        yield from map(_compiled, places)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=prepare) as pool:
        yield from pool.map(_compiled, places)


def _compiled(place: tuple[str, int]) -> None:
    name, k = place
    drivers()[name][k]()
