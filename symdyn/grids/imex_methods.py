"""Methods that treat what is linear implicitly or exactly, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from symdyn.grids.exponential import march_etdrk4
from symdyn.grids.imex import march_additive, march_sbdf2
from symdyn.grids.imex_common import March, Split, Watch
from symdyn.grids.linear_part_terms import linear_part_of
from symdyn.grids.spectral import SpectralModel, SpectralSplit
from symdyn.methods.additive import ARK3, ARK4

__all__ = ["IMPLICIT", "march", "split_of", "watching"]

#: By name how each goes through time; all of them take a split, a state and times.
IMPLICIT: dict[str, Callable[..., March]] = {
    "imex": partial(march_additive, tableau=ARK4),
    "imex3": partial(march_additive, tableau=ARK3),
    "sbdf2": march_sbdf2,
    "etdrk4": march_etdrk4,
}


def split_of(
    model: Any, p: np.ndarray, *, implicit: Mapping[Any, Any] | None = None, method: str = "imex", threads: int | None = None
) -> Split | SpectralSplit:
    """The rates of a model of a grid as a diagonal part and the rest.

    Parameters
    ----------
    model : GridModel or SpectralModel
    p : (k,) array
        Values of the parameters.
    implicit : mapping, optional
        From fields to linear expressions, such as ``{"u": "D*laplacian(u)"}``, that are treated implicitly in place of what is
        linear in their rates.
    method : str
        Named in messages.
    threads : int, optional

    Raises
    ------
    DeclarationError
        If nothing is linear with constant coefficients.
    """
    if isinstance(model, SpectralModel):
        return model.split(p, implicit=implicit, method=method, threads=threads)
    pde = model.pde
    values = dict(zip(pde.parameters, np.asarray(p, float).tolist(), strict=True))
    linear = linear_part_of(
        pde, tuple(model.shape), model.walls(p), values, order=model.order, implicit=implicit, method=method, threads=threads
    )
    return Split(linear, lambda y, t, out: model.rates(y, t, p, out))


def march(
    method: str,
    model: Any,
    y: np.ndarray,
    times: np.ndarray,
    p: np.ndarray,
    *,
    implicit: Mapping[Any, Any] | None = None,
    threads: int | None = None,
    stop: np.ndarray | None = None,
    done: np.ndarray | None = None,
    **options: Any,
) -> March:
    """Go through time by a method of `IMPLICIT`, whose `options` they are.

    `stop`, if set from elsewhere, interrupts, and `done` tells the time reached.
    """
    split = split_of(model, p, implicit=implicit, method=method, threads=threads)
    return IMPLICIT[method](split, np.asarray(y, float), np.asarray(times, float), watch=watching(stop, done), **options)


def watching(stop: np.ndarray | None, done: np.ndarray | None) -> Watch:
    """A watch that looks at `stop` and writes into `done`."""

    def watch(t: float) -> bool:
        if done is not None:
            done[0] = t
        return stop is not None and bool(stop[0])

    return watch
