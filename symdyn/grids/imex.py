r"""Implicit-explicit steps: what is linear and diagonal implicitly, all else explicitly.

With :math:`\dot z = \Lambda z + N(z)` in modes the implicit stages are divisions by :math:`1 - h\gamma\Lambda`, so the step
may change at no cost.

References
----------
Kennedy & Carpenter, Applied Numerical Mathematics 44 (2003) 139-181; Ascher, Ruuth & Wetton, SIAM Journal on Numerical
Analysis 32 (1995) 797-823.
"""

from __future__ import annotations

import math

import numpy as np
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

from symdyn.grids.imex_common import March, Split, Watch, combine, equal_steps, quietly, unwatched
from symdyn.grids.imex_control import Stepper, march_adaptive, march_equal
from symdyn.methods.additive import ARK4, AdditiveTableau

__all__ = ["march_additive", "march_sbdf2"]


class _Additive(Stepper):
    """One state on its way, with room for the stages."""

    def __init__(self, split: Split, tableau: AdditiveTableau, y: np.ndarray, t: float) -> None:
        self.split, self.tableau = split, tableau
        self.linear, self.values = split.linear, split.linear.eigenvalues
        size, stages = self.values.size, len(tableau.weights)
        # fast and slow rates of the stages take turns, so that a stage needs the first rows alone
        self.rows = [np.empty(size, self.linear.dtype) for _ in range(2 * stages)]
        self.z, self.new, self.work = (np.empty(size, self.linear.dtype) for _ in range(3))
        super().__init__(y, split.linear.blocks, tableau.order)
        self.linear.forward(self.y, self.z)
        self._begin(t)

    def _begin(self, t: float) -> None:
        """The first stage, which is the state itself."""
        self.split.nonlinear(self.z, t, self.rows[0], self.y)
        np.multiply(self.z, self.values, out=self.rows[1])

    @property
    def evaluations(self) -> int:
        return self.split.evaluations

    def slope(self) -> np.ndarray:
        return self.linear.back(self.rows[0] + self.rows[1])

    def attempt(self, t: float, h: float, *, estimate: bool = True) -> None:
        """Compute `new`, `after` and `error`, a step of length h ahead."""
        tab, rows = self.tableau, self.rows
        divisor = 1 / (1 - h * tab.diagonal * self.values)
        for i in range(1, len(tab.weights)):
            weights = [h * w for pair in zip(tab.explicit[i, :i], tab.implicit[i, :i], strict=True) for w in pair]
            combine(self.z, rows[: 2 * i], weights, self.new)
            self.new *= divisor
            self.split.nonlinear(self.new, t + h * tab.nodes[i], rows[2 * i])
            np.multiply(self.new, self.values, out=rows[2 * i + 1])
        # the last stage has the weights of the implicit part: only the difference of the explicit ones is missing
        combine(self.new, rows[::2], h * (tab.weights - tab.explicit[-1]), self.work)
        self.new, self.work = self.work, self.new
        self.linear.back(self.new, self.after)
        if estimate:
            difference = [h * w for w in tab.weights - tab.embedded for _ in range(2)]
            self.work[...] = 0
            self.linear.back(combine(self.work, rows, difference, self.work), self.error)

    def accept(self, t: float) -> None:
        """Go on from the new state, at time t."""
        self.z, self.new = self.new, self.z
        self.y, self.after = self.after, self.y
        self._begin(t)


def march_additive(
    split: Split,
    y: np.ndarray,
    times: np.ndarray,
    *,
    tableau: AdditiveTableau = ARK4,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    max_steps: int = 1_000_000,
    watch: Watch = unwatched,
) -> March:
    r"""Additive Runge-Kutta steps from one time to the next, which are met exactly.

    Steps are chosen so that the embedded error, in the norm of `scaled_error`, stays below one; with `step` they all have
    about that length.

    Parameters
    ----------
    split : Split
        What is linear, and the rest.
    y : (size,) array
        The state at ``times[0]``.
    times : (T,) array
    tableau : AdditiveTableau
    rtol, atol : float
    step : float, optional
    max_steps : int
        Accepted and rejected ones.
    watch : callable, optional
        Told of the time that was reached, it says whether to stop there.

    Examples
    --------
    >>> import math
    >>> from symdyn.grids.linear_part import LinearPart
    >>> from symdyn.grids.linear_part_axes import axis_modes
    >>> x = (np.arange(16) + 0.5) * np.pi / 8
    >>> heat = LinearPart([{((2,),): 1.0}], [[axis_modes(16, np.pi / 8, None, "periodic", "periodic")]])
    >>> def rates(y, t, out):
    ...     return np.add(heat.apply(lambda s: s, y), y, out=out)  # u' = u_xx + u
    >>> march = march_additive(Split(heat, rates), np.cos(2 * x), [0.0, 1.0], rtol=1e-8)
    >>> bool(np.allclose(march.frames[-1], math.exp(-3) * np.cos(2 * x), atol=1e-7))
    True
    """
    state = _Additive(split, tableau, y, float(times[0]))
    if step is not None:
        return march_equal(state, times, step, tableau.name, max_steps, watch)
    return march_adaptive(state, times, rtol, atol, max_steps, watch)


@quietly
def march_sbdf2(
    split: Split,
    y: np.ndarray,
    times: np.ndarray,
    *,
    step: float | None,
    max_steps: int = 10_000_000,
    watch: Watch = unwatched,
) -> March:
    r"""Backward differences of second order, extrapolating what is explicit, in steps of one length.

    .. math:: \tfrac{1}{2h} (3 z_{n+1} - 4 z_n + z_{n-1}) = \Lambda z_{n+1} + 2 N_n - N_{n-1}

    Each change of the length begins with a step of `march_additive`.
    """
    times = np.asarray(times, float)
    counts = equal_steps(times, step, "sbdf2")
    linear = split.linear
    frames = np.full((times.size, y.size), np.nan)
    frames[0] = y
    z, old, new = linear.forward(y), np.empty(linear.eigenvalues.size, linear.dtype), np.empty(0)
    now, past, work = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    new, here = np.empty_like(z), y.astype(float)
    length, steps = math.nan, 0
    divisor = np.empty(0)
    for k, count in enumerate(counts):
        h = float(times[k + 1] - times[k]) / count
        fresh = not abs(h - length) < 1e-10 * h
        if fresh:
            length, divisor = h, 1 / (3 - 2 * h * linear.eigenvalues)
        for i in range(count):
            t = float(times[k]) + i * h
            if steps >= max_steps:
                return March(frames, TOO_MANY_STEPS, steps, 0, split.evaluations)
            if watch(t):
                return March(frames, INTERRUPTED, steps, 0, split.evaluations)
            split.nonlinear(z, t, now, here)
            if fresh:
                first = _Additive(split, ARK4, here, t)
                first.attempt(t, h, estimate=False)
                new[...], fresh = first.new, False
            else:
                np.multiply(z, 4, out=new)
                new -= old
                combine(new, [now, past], [4 * h, -2 * h], work)
                np.multiply(work, divisor, out=new)
            old, z, new = z, new, old
            past, now = now, past
            linear.back(z, here)
            steps += 1
        if not np.isfinite(here).all():
            return March(frames, NOT_FINITE, steps, 0, split.evaluations)
        frames[k + 1] = here
    return March(frames, SUCCESS, steps, 0, split.evaluations)
