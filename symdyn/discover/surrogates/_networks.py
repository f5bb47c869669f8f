"""How the surrogates that are networks go to work: JAX is imported when one is trained, and not before."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from symdyn.discover.surrogates.registry import SurrogateFit
from symdyn.errors import RecoveryError

__all__ = ["trained"]


def trained(
    surrogate: Any,
    name: str,
    packages: Sequence[str],
    training: Callable[[], Callable[..., SurrogateFit]],
    system: Any,
    observations: Any,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> SurrogateFit:
    """What a network learns, with the seconds it took.

    Parameters
    ----------
    surrogate : Surrogate
    name : str
        Of the surrogate, and
    packages : sequence of str
        what it needs.
    training : callable
        Imports the function that trains: ``train(system, observations, options, seed=..., progress=...)``.

    Raises
    ------
    RecoveryError
        If the surrogate does not apply, or a package is missing.
    """
    reason = surrogate.applies(system, observations)
    if reason is not None:
        raise RecoveryError(reason)
    for package in packages:
        if importlib.util.find_spec(package) is None:
            needed = " ".join(packages)
            raise RecoveryError(f"the surrogate {name!r} needs {package}; install it with: pip install {needed}")
    train = training()
    started = time.perf_counter()
    fit = train(system, observations, surrogate.options, seed=seed, progress=progress)
    return replace(fit, history={**fit.history, "seconds": time.perf_counter() - started})
