"""A simulation that is written to a store: begun, resumed, or refused because the store contains another one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import xarray as xr

from symdyn.codegen.load import announce
from symdyn.errors import SymdynError
from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.chunks import Chunk
from symdyn.simulation.gather import Sink, blank
from symdyn.simulation.plan import ChunkGrid, Plan, Segments
from symdyn.simulation.request import check_same, describe

__all__ = ["Stored", "find_store", "open_store"]

LOG = logging.getLogger("symdyn")


#: A way of writing to a store.
Sunk = TypeVar("Sunk", bound="Stored")


class Stored(Sink):
    """Writes chunks to a store as they come; interrupted chunks are omitted, to be computed when the run is resumed."""

    def __init__(self, plan: Plan, store: ChunkStore) -> None:
        super().__init__(plan, store.grid, store.outcomes)
        self.store = store
        self.address = str(store.path.absolute()), store.manifest["token"]

    @property
    def advice(self) -> str:
        return f"; the same call resumes {self.store}"

    def take(self, index: int, chunk: Chunk) -> None:
        if chunk.complete:
            self.store.write(index, self.plan, chunk)

    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        self.store.finish(self.plan, attrs)
        return self.store.dataset(shared=self.shared)


def find_store(path: Path | None, resume: bool) -> ChunkStore | None:
    """The store to resume, or None where one is to be begun.

    Raises
    ------
    SymdynError
        If a store exists and `resume` is false, or the path is something else.
    """
    there = None if path is None else ChunkStore.find(path)
    if there is not None and not resume:
        raise SymdynError(f"the store {path} exists; resume=True resumes it, and to begin again remove it or name another")
    return there


def open_store(
    path: Path, there: ChunkStore | None, plan: Plan, grid: ChunkGrid, attrs: Mapping[str, Any], *, tell: bool,
    kind: type[Sunk] = Stored,  # type: ignore[assignment]
) -> Sunk:  # fmt: skip
    """Resume the store `there`, or begin one with chunks as in `grid`.

    Raises
    ------
    SymdynError
        If it was begun with something else.
    """
    request = describe(plan)
    if isinstance(grid, Segments):
        request["output times in a part"] = str(grid.every)
    if there is None:
        return kind(plan, ChunkStore.begin(path, blank(plan, attrs), grid, plan, request))
    check_same(there.manifest["request"], request, f"the store {path} was begun with something else")
    there.look()
    if tell:
        announce()
        LOG.info("going on with %s", there)
    return kind(plan, there)
