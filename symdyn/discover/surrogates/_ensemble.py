"""Ensembles of networks: the loop over members, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from symdyn.codegen import cache
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit, TermSamples
from symdyn.system import System

__all__ = ["ensemble", "keep_compiled", "prepare"]


def prepare() -> None:
    """Double precision, and a place where compiled code is kept."""
    jax.config.update("jax_enable_x64", True)
    keep_compiled()


def keep_compiled() -> None:
    """A place where compiled code is kept."""
    # compiling takes as long as training: keep what was compiled, as for kernels, unless the program chose a place itself
    if not getattr(jax.config, "jax_compilation_cache_dir", None):
        jax.config.update("jax_compilation_cache_dir", str(cache.folder("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def ensemble(
    system: System,
    options: Any,
    times: tuple[np.ndarray, ...],
    member: Callable[[int, Callable[[int], bool | None]], MemberFit],
    progress: Callable[[int, int], bool | None] | None,
) -> SurrogateFit:
    """Train every member and average states, terms and parameters; samples on which members disagree weigh less.

    Parameters
    ----------
    times : tuple of (m,) float64
        Of the states, one array a trajectory.
    member : callable
        From its number, and a function that takes the iterations it has done, to what it learned.
    """
    found = []
    for k in range(options.members):

        def tell(done: int, before: int = k * options.iterations) -> bool | None:
            if progress is None:
                return None
            return progress(before + min(done, options.iterations), options.members * options.iterations)

        own = member(k, tell)
        found.append(  # with arrays of numpy, as files have them
            own._replace(
                states=tuple(map(np.asarray, own.states)), arguments=np.asarray(own.arguments), values=np.asarray(own.values),
                parameters=np.asarray(own.parameters),
            )
        )  # fmt: skip
    states, arguments, values, parameters, losses, _ = zip(*found, strict=True)
    ends = np.cumsum([0, *(len(u.args) for u in system.unknowns)])
    columns, every = np.mean(arguments, axis=0), np.stack(values)
    terms = {}
    for j, unknown in enumerate(system.unknowns):
        each = every[..., j].reshape(len(found), -1)
        mean, spread = each.mean(axis=0), each.std(axis=0)
        typical = np.sqrt(np.mean(spread**2))
        weights = 1 / (1 + (spread / typical) ** 2) if typical > 0 else np.ones(mean.size)
        own = columns[..., ends[j] : ends[j + 1]].reshape(-1, len(unknown.args))
        terms[unknown] = TermSamples(own, mean, weights / weights.mean())
    free = [p for p in system.parameters if p not in system.defaults]
    estimated = dict(zip(free, map(float, np.mean(parameters, axis=0)), strict=True))
    mean_states = tuple(np.mean(each, axis=0) for each in zip(*states, strict=True))
    return SurrogateFit(times, mean_states, terms, estimated, {"members": list(losses)}, tuple(found))
