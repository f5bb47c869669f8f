"""A simulation that goes to a store: begun, gone on with, or refused because the store holds something else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.load import announce
from symdyn.errors import DeclarationError, SymdynError
from symdyn.simulation.chunks import Chunk
from symdyn.simulation.gather import Sink, blank
from symdyn.simulation.plan import Grid, Plan
from symdyn.simulation.request import check_same, describe
from symdyn.simulation.store import Store

__all__ = ["Stored", "find_store", "open_store"]

LOG = logging.getLogger("symdyn")


class Stored(Sink):
    """Writes chunks to a store as they come; what is interrupted is left out, to be done when the run goes on."""

    def __init__(self, plan: Plan, store: Store) -> None:
        super().__init__(plan, store.grid, store.outcomes)
        self.store = store
        self.address = str(store.path.absolute()), store.manifest["token"]

    @property
    def advice(self) -> str:
        return f"; the same call goes on with {self.store}"

    def take(self, index: int, chunk: Chunk) -> None:
        if chunk.complete:
            self.store.write(index, self.plan, chunk)

    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        self.store.finish(self.plan, attrs)
        return self.store.dataset(shared=self.shared)


def find_store(path: Path | None, resume: bool) -> Store | None:
    """The store to go on with, or None where one is to be begun.

    Raises
    ------
    DeclarationError
        If `resume` is neither true nor false.
    SymdynError
        If one is there and `resume` is false, or something else is there.
    """
    if not isinstance(resume, bool | np.bool_):
        raise DeclarationError(f"resume is {resume!r}; expected True or False")
    there = None if path is None else Store.find(path)
    if there is not None and not resume:
        raise SymdynError(f"the store {path} exists; resume=True goes on with it, and to begin again remove it or name another")
    return there


def open_store(path: Path, there: Store | None, plan: Plan, grid: Grid, attrs: Mapping[str, Any], *, tell: bool) -> Stored:
    """Go on with the store that is `there`, or begin one with chunks as in `grid`.

    Raises
    ------
    SymdynError
        If it was begun with something else.
    """
    request = describe(plan)
    if there is None:
        seed = plan.options.seed if plan.kernel.stochastic else None
        return Stored(plan, Store.begin(path, blank(plan, attrs), grid, request, seed))
    check_same(there.manifest["request"], request, f"the store {path} was begun with something else")
    there.look()
    if tell:
        announce()
        LOG.info("going on with %s", there)
    return Stored(plan, there)
