"""The drivers that can be compiled in advance, by names that say which simulations need them."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from symdyn.codegen import portable
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families import family_of
from symdyn.discover.whole.kernel import driver as candidates_driver
from symdyn.files import put
from symdyn.methods.registry import METHODS
from symdyn.projection.evolve import driver as projection_driver

__all__ = ["MEANINGS", "compiled", "drivers", "made_portable", "portable_summary"]

#: What names stand for that are no methods.
MEANINGS = {
    "events": "models with events, doses or inputs over time, by every method that takes them",
    "algebraic": "models with algebraic equations, with and without events",
    "delays": "models with delays, with and without events and algebraic equations",
    "tree": "stochastic equations along the tree of a Brownian path",
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
    found["gradients"] += [
        partial(plain_driver, "adjoint"),
        partial(plain_driver, "adjoint_stiff"),
        partial(plain_driver, "reversible"),
    ]
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


def made_portable(
    places: Sequence[tuple[str, int]],
    processes: int = 1,
    prepare: Callable[[], object] | None = None,
    folder: Path | None = None,
) -> Iterator[None]:
    """Make drivers in the form that serves every processor of this architecture, in the folder of an installation.

    Those that it has for the present sources are left as they are.

    Parameters
    ----------
    places : sequence of (str, int)
    processes : int
    prepare : callable, optional
        Called first in each process.
    folder : Path, optional
        That of this installation; older forms of the same drivers are removed from it.

    Raises
    ------
    OSError
        Before anything is compiled, if the folder cannot be written to.
    """
    folder = folder or portable.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    with tempfile.TemporaryDirectory() as scratch:
        begin = partial(_begin_portable, scratch, prepare)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin) as pool:
            for _ in pool.map(_compiled, places):
                _take_over(Path(scratch, "made"), folder)
                yield


def portable_summary() -> str:
    """How many drivers made in advance this installation has, where, and their size."""
    sizes = [path.stat().st_size for path in portable.FOLDER.glob(f"*{portable.SUFFIX}")]
    return f"{portable.FOLDER}: {len(sizes)} drivers made in advance, {sum(sizes) / 1e6:.1f} MB"


def _take_over(made: Path, folder: Path) -> None:
    """Move drivers to a folder, in place of older forms of the same ones."""
    for path in made.glob(f"*{portable.SUFFIX}"):
        name = path.name.rpartition("_")[0]
        put(folder / path.name, path.read_bytes())
        path.unlink()
        for old in folder.glob(f"{name}_*{portable.SUFFIX}"):
            if old.name.rpartition("_")[0] == name and old.name != path.name:
                old.unlink(missing_ok=True)  # perhaps removed by another process


def _begin_portable(scratch: str, prepare: Callable[[], object] | None) -> None:
    """Set up a process that has not imported numba: it compiles anew, for the least processor that the optimiser may assume."""
    os.environ |= {
        "SYMDYN_CACHE_DIR": str(Path(scratch, "cache")),
        portable.WRITTEN: str(Path(scratch, "made")),
        "NUMBA_CPU_NAME": portable.BASE.get(platform.machine().lower(), "generic"),
        "NUMBA_CPU_FEATURES": "",
    }
    if prepare is not None:
        prepare()


def _compiled(place: tuple[str, int]) -> None:
    name, k = place
    drivers()[name][k]()
