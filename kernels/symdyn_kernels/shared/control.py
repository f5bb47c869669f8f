r"""The step controller of every adaptive method.

With the error :math:`e_n` of a step relative to the tolerance, and those of the two steps before it, the next one is longer by

.. math:: s\, e_n^{\beta_1} e_{n-1}^{\beta_2} e_{n-2}^{\beta_3}

within bounds; after a rejection by :math:`s\, e_n^{\beta}`.  `symdyn.methods.controllers` gives the exponents for an order.

References
----------
Soederlind, ACM Transactions on Mathematical Software 29 (2003) 1-26.
"""

from __future__ import annotations

from symdyn_kernels.constants.adaptive import LEAST_ERROR
from symdyn_kernels.shared._numbers import greatest, least, math, power, shared

__all__ = ["after_acceptance", "after_rejection", "bounded", "first_length", "first_step", "resumed_length"]


@shared
def first_length(size, speed):
    """The first step (Hairer, Norsett & Wanner, II.4), from sums of squares of the states and of their rates over the scale."""
    return 1e-6 if size < 1e-10 or speed < 1e-10 else 0.01 * math.sqrt(size / speed)


@shared
def resumed_length(first, meant):
    """The step after a bend of the states: what was meant before, if a state changes by ten times its own size at most."""
    return greatest(first, least(meant, 1000.0 * first))


@shared
def bounded(factor, control, most):
    """A factor of the step with its safety, within the bounds of the controller; `most` is its upper bound."""
    return least(greatest(factor * control.safety, control.shrink), most)


@shared
def after_acceptance(error, before, earlier, control, most):
    """The factor of the step after one that was accepted; `before` and `earlier` are the errors of those before it."""
    factor = power(greatest(error, LEAST_ERROR), control.now)
    if control.before != 0.0:
        factor = factor * power(greatest(before, LEAST_ERROR), control.before)
    if control.earlier != 0.0:
        factor = factor * power(greatest(earlier, LEAST_ERROR), control.earlier)
    return bounded(factor, control, most)


@shared
def after_rejection(error, control):
    """The factor of the step after one that was rejected, at most 1."""
    return bounded(power(greatest(error, LEAST_ERROR), control.rejected), control, 1.0)


@shared
def first_step(size, slope):
    """A first step in which a state changes by a hundredth, or by that of a small one; both are relative to the tolerance."""
    return 0.01 * greatest(size, 1e-5) / greatest(slope, 1e-300)
