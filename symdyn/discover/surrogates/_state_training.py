"""Training of networks of time in place of the states of ODEs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from symdyn.discover.surrogates._descent import descend
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._state_equations import StateEquations
from symdyn.discover.surrogates._windows import trained_on
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit, nested
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["train"]

#: Trials with softened equations to begin with, and their tolerance.
SOFT, SOFTENED = 30, 0.1
PATIENCE = 60  # trials without a better validation before stopping
SETTLED = 1e-4  # relative decrease over ten accepted trials that ends a training
SAMPLES = 200  # points on each trajectory at which states and terms are reported


def train(
    system: System, observed: Observations, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average states, terms and parameters."""
    prepare()
    reason = nested(system) or (None if observed.size else "the data hold no value of any state")
    if reason is not None:
        raise RecoveryError(reason)
    equations = StateEquations(system, observed, options)
    trained = [equations.weights(o) for o in trained_on(observed, options, np.random.default_rng(seed))]
    grid = np.linspace(equations.data.ends[:, 0], equations.data.ends[:, 1], SAMPLES, axis=1)

    minimise = partial(descend, equations.misfit, equations.slopes, precision=equations.precision)

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        d, judges = equations.data._replace(weights=trained[k]), equations.data.weights - trained[k]
        held = int(np.sum(judges > 0))

        def judge(w: np.ndarray) -> float:
            return float(np.sum(np.asarray(equations.differences(w, d._replace(weights=judges))) ** 2)) / held

        soft = d._replace(strict=d.strict * options.tolerance / SOFTENED)
        first = equations.first(np.random.default_rng([seed, k]))
        # few points judge: among weights within a standard error of the best, the longest trained are kept
        best, cost, losses, _ = minimise(
            minimise(first, data=soft, trials=SOFT, tolerance=10 * SETTLED).weights, data=d, trials=options.iterations,
            judge=judge if held else None, margin=1 + np.sqrt(2.0 / max(held, 1)), patience=PATIENCE, tolerance=SETTLED,
            tell=tell,
        )  # fmt: skip
        if not np.isfinite(cost):
            raise RecoveryError(
                "the training of the networks diverged: the equations are not finite near the data; "
                "check logarithms, roots and divisions of the known terms, or the values of parameters"
            )
        states, arguments, values = equations.sample(best, d, grid[..., None])
        return MemberFit(states, arguments, values, equations.terms.free(equations.split(best)[1]), losses, {})

    return ensemble(system, options, tuple(grid), member, progress)
