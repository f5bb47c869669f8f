"""The likelihood of observables of systems whose sensitivities would be too long: difference quotients in lanes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdyn.inference.observed_problem import ObservedProblem, extended

__all__ = ["STEP", "DifferencedProblem"]

#: Step of difference quotients, relative to a value, and the least one: of initial states relative to the largest of them,
#: of parameters, which have units of their own, to their declared value.
STEP, LEAST = 1e-3, 1e-5


class DifferencedProblem(ObservedProblem):
    """The likelihood of a `FitSetup` whose derivatives are central difference quotients of simulations side by side.

    Parameters
    ----------
    setup : FitSetup
    """

    def _extend(self) -> None:
        self.extended, self.clock = extended(self.system, tuple(self.x0.items()), (), self.relative)

    def _states(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        count, K = len(values[0]), len(self.moving)
        table = [np.tile(v, (2 * K + 1, 1)) for v in values]
        places = [self.targets.index(s) for s in self.moving]
        sizes = np.abs([values[i] for i in places]).reshape(K, *values[0].shape)  # (K, M, V)
        declared = np.abs([self.system.numeric_defaults.get(s, 0.0) for s in self.moving])
        usual = np.broadcast_to(declared.reshape(K, 1, 1), sizes.shape).copy()
        begun = np.array([s in self.x0 for s in self.moving], dtype=bool)
        usual[begun] = sizes[begun].max(axis=0, initial=0.0)
        steps = np.maximum(STEP * sizes, LEAST * np.where((usual == 0) & (sizes == 0), 1.0, usual))
        for k, (i, step) in enumerate(zip(places, steps, strict=True)):
            table[i][(1 + k) * count : (2 + k) * count] += step
            table[i][(1 + K + k) * count : (2 + K + k) * count] -= step
        states, _ = super()._states(table)
        states = states.reshape(2 * K + 1, count, *states.shape[1:])
        apart = states[1 : K + 1] - states[K + 1 :]
        return states[0], np.moveaxis(apart / (2 * steps[..., None, None]), 0, -1)
