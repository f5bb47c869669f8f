"""How the surrogates that are networks go to work: JAX is imported when one is trained, and not before."""

from __future__ import annotations

import importlib
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
    module: str,
    system: Any,
    observations: Any,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> SurrogateFit:
    """What ``train`` of a module of this package learns, with the seconds it took.

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
    training = importlib.import_module(f"symdyn.discover.surrogates.{module}")
    started = time.perf_counter()
    fit: SurrogateFit = training.train(system, observations, surrogate.options, seed=seed, progress=progress)
    return replace(fit, history={**fit.history, "seconds": time.perf_counter() - started})
