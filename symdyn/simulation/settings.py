"""Layout of the computation of a simulation, and the store of its results: two arguments of `symdyn.simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.codegen.cuda.join import PRECISIONS
from symdyn.codegen.kernel import LANES
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole

__all__ = ["Layout", "Store", "read_layout", "read_store"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Layout of the computation of a simulation; only `precision` changes the results.

    Parameters
    ----------
    lanes : 'auto', 1, 8, 16 or 32
        Trajectories that one call of the driver integrates side by side.
    threads : int, optional
        Threads of this process, by default as many as it may use; of each task on a cluster 1 by default.
    chunk : int, optional
        Trajectories that are computed, sent and stored as one; by default as suits memory, store and cluster.
    inline : bool
        Compile the driver for this model alone, see `symdyn.compile`: for long runs of few equations.
    precision : {'float64', 'float32'}
        Of the numbers on a card; `symdyn.compile` says what single precision costs.

    Raises
    ------
    DeclarationError
        For values of other kinds.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -a*x; x(0) = 1")
    >>> data = sd.simulate(decay, [0, 1], parameters={"a": [0, 1]}, layout=sd.Layout(lanes=8, threads=1), progress=False)
    >>> data.x.sel(time=1).values.round(4).tolist()
    [1.0, 0.3679]
    """

    lanes: int | str = "auto"
    threads: int | None = None
    chunk: int | None = None
    inline: bool = False
    precision: str = "float64"

    def __post_init__(self) -> None:
        if self.lanes != "auto" and self.lanes not in LANES:
            raise DeclarationError(f"lanes is {self.lanes!r}; expected 'auto' or one of {LANES}")
        check_whole(threads=self.threads, chunk=self.chunk)
        if not isinstance(self.inline, bool | np.bool_):
            raise DeclarationError(f"inline is {self.inline!r}; expected True or False")
        if self.precision not in tuple(PRECISIONS):
            raise DeclarationError(f"precision is {self.precision!r}; expected one of {tuple(PRECISIONS)}")

    @property
    def given(self) -> dict[str, Any]:
        """The values that differ from the defaults, by name."""
        return {name: value for name, value in vars(self).items() if value != getattr(type(self), name)}


@dataclass(frozen=True)
class Store:
    """Where the results of a simulation are written while it runs.

    Parameters
    ----------
    path : str or Path
        A folder that becomes a zarr store, or a file with the ending ``.nc``.
    resume : bool
        If the store exists: compute the chunks that it lacks, with the seed and the chunk sizes that it was begun with; the
        result is bitwise that of a run that was not interrupted.  If false, a store that exists is refused.
    every : int, optional
        Of one trajectory of fields: so many output times are written together, as soon as they are computed, and a run that is
        interrupted goes on after them.  The memory that it takes does not depend on the number of output times.  Methods begin
        anew with each such part, so that numbers with another `every` differ, by less than the tolerances, and `max_steps` is
        that of a part.

    Raises
    ------
    DeclarationError
        If `resume` is neither true nor false, and `every` no positive integer.

    Examples
    --------
    >>> Store("run.zarr", resume=False)
    Store(path='run.zarr', resume=False, every=None)
    """

    path: str | Path
    resume: bool = True
    every: int | None = None

    def __post_init__(self) -> None:
        check_whole(every=self.every)
        if not isinstance(self.resume, bool | np.bool_):
            raise DeclarationError(f"resume is {self.resume!r}; expected True or False")


#: The layout where none is given.
DEFAULT = Layout()


def read_layout(layout: Any) -> Layout:
    """A layout as it was given, or the default one.

    Raises
    ------
    DeclarationError
        For anything else.

    Examples
    --------
    >>> read_layout(None) == Layout()
    True
    """
    if layout is None or isinstance(layout, Layout):
        return layout or DEFAULT
    raise DeclarationError(f"layout is {layout!r}; expected a Layout, such as symdyn.Layout(threads=2)")


def read_store(store: Any) -> Store:
    """A store as it was given, a path as the store there, which is resumed.

    Examples
    --------
    >>> read_store("run.zarr")
    Store(path='run.zarr', resume=True, every=None)
    """
    return store if isinstance(store, Store) else Store(store)
