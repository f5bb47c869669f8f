"""The weak-form surrogate: smoothed states, and unknown terms as splines of time that match integrals of the equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import block_diag

from symdyn.discover.surrogates._pairs import LinearForm, Pairs
from symdyn.discover.surrogates._smoothed import Smoothed, SmoothStates
from symdyn.discover.surrogates.registry import SURROGATES, with_options
from symdyn.errors import RecoveryError

__all__ = ["Weak", "WeakOptions"]

DEGREE = 3
#: Penalties on curvature that are tried, relative to the trace of the normal matrix.
PENALTIES = np.logspace(-12, 2, 57)


@dataclass(frozen=True)
class WeakOptions:
    """Details of the weak form.

    Attributes
    ----------
    points : int
        Points of the quadrature, and samples, on each trajectory.
    width : float
        Half the support of a test function, in units of the time between data.
    order : int
        Test functions are ``(1 - s^2)^order``.
    knots : int
        Intervals of the splines of time on each trajectory, at most the number of data.
    signs : mapping, optional
        From the name of a term to +1 or -1 if its sign is known; samples of the other sign are left out.
    """

    points: int = 400
    width: float = 4.0
    order: int = 4
    knots: int = 40
    signs: Mapping[Any, int] | None = None

    def __post_init__(self) -> None:
        for name, least in (("points", 20), ("width", 1), ("order", 2), ("knots", 4)):
            if not getattr(self, name) >= least:
                raise RecoveryError(
                    f"the option {name} of the surrogate 'weak' is {getattr(self, name)!r}; expected {least} or more"
                )


class Weak(Smoothed):
    r"""Unknown terms that enter linearly, from integrals against test functions: no derivative of the data is taken.

    With smoothed states :math:`\hat x`, :math:`\dot x = A(x) + B(x)\,u` and cubic splines :math:`u(t)`,

    .. math:: -\int \dot\phi_k\, \hat x\, dt - \int \phi_k A(\hat x)\, dt = \int \phi_k B(\hat x)\, u\, dt

    holds for every test function; least squares with a penalty on :math:`\int \ddot u^2` whose weight minimises the
    generalised cross-validation.  Standard errors of the splines become weights.

    Parameters
    ----------
    options : WeakOptions, optional
    **changes
        Single options instead.

    References
    ----------
    Messenger, Bortz, Multiscale Model. Simul. 19, 1474 (2021); Craven, Wahba, Numer. Math. 31, 377 (1978).
    """

    name = "weak"

    def __init__(self, options: WeakOptions | None = None, **changes: Any) -> None:
        self.options = with_options(options or WeakOptions(), changes, "weak")

    def _along(self, run: SmoothStates, form: LinearForm, known: Mapping[Any, float], data: int) -> tuple[np.ndarray, ...]:
        span, m = run.times[-1] - run.times[0], len(run.times)
        tests, slopes = self._tests(run.times, self.options.width * span / max(data - 1, 1))
        plain = Pairs(run.times, run.value, np.zeros_like(run.value), np.ones(run.value.shape[1]))
        negative, design = form.parts(plain, known)  # minus A, and B
        n, k = design.shape[1:]
        knots = min(self.options.knots, data - 1)
        grid = np.concatenate([np.zeros(DEGREE), np.linspace(0, 1, knots + 1), np.ones(DEGREE)])
        s = (run.times - run.times[0]) / span
        basis = BSpline.design_matrix(np.clip(s, 0, 1 - 1e-12), grid, DEGREE).toarray()
        q = basis.shape[1]
        left = -slopes @ run.value + tests @ negative
        error = np.sqrt(np.maximum(slopes**2 @ run.value_error**2, 1e-300))
        matrix = np.einsum("wm,mnk,mq->nwkq", tests, design, basis).reshape(n * len(tests), k * q)
        scale = 1 / error.T.ravel()
        a, y = matrix * scale[:, None], left.T.ravel() * scale
        curve = np.diff(np.eye(q), n=2, axis=0)
        found, covariance = _penalised(a, y, block_diag(*[curve.T @ curve] * k))
        values = np.einsum("mq,kq->mk", basis, found.reshape(k, q))
        spread = np.stack(
            [np.einsum("mq,qr,mr->m", basis, covariance[j * q : j * q + q, j * q : j * q + q], basis) for j in range(k)], axis=1
        )
        return values, 1 / np.maximum(spread, 1e-12 * spread.max() + 1e-300).reshape(m, k)

    def _tests(self, times: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
        """Test functions and their derivatives times the weights of the quadrature, (w, m) each."""
        half = min(half, (times[-1] - times[0]) / 2.01)
        count = max(20, min(4 * self.options.knots, int(4 * (times[-1] - times[0]) / half)))
        centres = np.linspace(times[0] + half, times[-1] - half, count)
        s = (times - centres[:, None]) / half
        inside = np.abs(s) < 1
        room = np.where(inside, 1 - s**2, 0.0)
        step = times[1] - times[0]
        slope = np.where(inside, -2 * self.options.order * s * room ** (self.options.order - 1) / half, 0.0)
        return step * room**self.options.order, step * slope


def _penalised(a: np.ndarray, y: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with the penalty of least generalised cross-validation, and the covariance of the coefficients."""
    gram, right = a.T @ a, a.T @ y
    size = np.trace(gram) / max(np.trace(penalty), 1e-300)
    ridge = 1e-12 * np.trace(gram) / len(gram) * np.eye(len(gram))
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for weight in PENALTIES * size:
        inverse = np.linalg.inv(gram + weight * penalty + ridge)
        c = inverse @ right
        residual = y - a @ c
        left = len(y) - float(np.sum(inverse * gram))
        if left <= 1:
            continue
        score = len(y) * float(residual @ residual) / left**2
        if best is None or score < best[0]:
            best = (score, c, inverse * float(residual @ residual) / left)
    if best is None:
        raise RecoveryError("too few data for the surrogate 'weak'; go without, surrogate=None")
    return best[1], best[2]


SURROGATES.register("weak", Weak)
