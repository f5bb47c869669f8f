r"""How large parameters are, of which nothing is said, by the sizes of what was measured: the units that equations demand.

With states in other units, :math:`x_i \to e^{w_i} x_i`, a system is the same with other parameters,
:math:`p_j \to e^{a_j} p_j`, if each side f of an equation of :math:`x_i` is :math:`e^{w_i}` times as large: by Euler's theorem
if

.. math:: \sum_k w_k\, x_k \frac{\partial f}{\partial x_k} + \sum_j a_j\, p_j \frac{\partial f}{\partial p_j} = w_i f,

and so for what is measured, the deviation of its noise and initial values, each with the weight of its own column.  These are
linear equations for the weights.  Of their solutions the one is taken in which the columns have the sizes of the data, and
else the smallest weights, of given parameters before all, so that in other units the sizes are these ones, in other units.
Sides that are numbers may have any unit, and inputs have none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.inference.fit_setup import NoisyObservable
from symdyn.inference.formulas import ArrayFormulas

__all__ = ["natural_sizes"]

#: Points at which the equations hold, and the share of the largest singular value below which another one is none.
POINTS, ROUNDING = 8, 1e-9
#: Weight of a fitted parameter that is as small as one of a given parameter.
GIVEN = 1e-3


def natural_sizes(
    system: Any, observed: Sequence[NoisyObservable], scale: np.ndarray, fitted: Collection[sp.Symbol]
) -> dict[sp.Symbol, float]:
    """Sizes of the parameters of stochastic differential equations, and of symbols of what is measured; 1 without a unit.

    Parameters
    ----------
    system : SDESystem
    observed : sequence of NoisyObservable
    scale : (o,) float64
        Typical sizes of what was measured.
    fitted : collection of Symbol

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.inference.noise_laws import LAWS
    >>> walk = sd.SDESystem.from_text("dx = -k*(x - m)*dt + s*sqrt(x)*dW")
    >>> seen = [NoisyObservable("x", walk.states[0], LAWS["none"])]
    >>> {str(p): round(v, 9) for p, v in sorted(natural_sizes(walk, seen, [400], walk.parameters).items(), key=str)}
    {'k': 1.0, 'm': 400.0, 's': 20.0}
    """
    states = system.states
    past = {call: sp.Symbol(f"past_{k}_") for k, call in enumerate(system.delays)}
    places = {s: i for i, s in enumerate(states)}
    own = {s.name: i for s, i in places.items()}
    places |= {s: own[call.func.__name__.rstrip("'")] for call, s in past.items()}
    sides = [(e, i) for i, e in enumerate(system.part("drift"))]
    sides += [(e, i) for i in range(len(states)) for e in system.diffusion.row(i)]
    sides += [(sp.sympify(e), places[s]) for before in (system.initial, system.history) for s, e in before.items()]
    for k, spec in enumerate(observed, len(states)):
        sides.append((spec.expression, k))
        if spec.law.centred and not spec.law.positive:  # a deviation comes first
            sides += [(sp.sympify(e), k) for e in (spec.parameters or ())[:1]]
    inputs = {path: sp.Symbol(f"input_{k}_") for k, path in enumerate(system.inputs)}
    sides = [(e.xreplace(past | inputs), k) for e, k in sides if e.free_symbols - {system.time}]
    free = dag.free_symbols([e for e, _ in sides])
    symbols = sorted(free - {*states, *past.values(), *inputs.values(), system.time}, key=str)
    places |= {s: k for k, s in enumerate(symbols, len(states) + len(observed))}
    by = [s for s in places if s in free]
    rng = np.random.default_rng(0)
    table = {s: rng.uniform(0.5, 2.0, POINTS) for s in (*by, *inputs.values(), system.time)}
    with np.errstate(all="ignore"):
        values, slopes = ArrayFormulas([e for e, _ in sides], tuple(table), by)(table)
    parts = np.zeros((len(sides), POINTS, len(states) + len(observed) + len(symbols)))
    for k, (value, (_, place)) in enumerate(zip(values, sides, strict=True)):
        parts[k, :, place] -= value
    for (k, q), slope in slopes.items():
        parts[k, :, places[by[q]]] += table[by[q]] * slope
    small = np.ones(parts.shape[2])
    small[len(states) + len(observed) :] = [1.0 if s in fitted else GIVEN for s in symbols]
    rows = (parts * small).reshape(-1, len(small))
    rows = rows[np.isfinite(rows).all(axis=1)]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    _, singular, vectors = np.linalg.svd(rows / np.where(lengths > 0, lengths, 1.0))
    rank = int((singular > ROUNDING * singular.max(initial=0.0)).sum())
    weights = (vectors[rank:] * small).T
    measured, own_weights = weights[len(states) :][: len(observed)], weights[len(states) + len(observed) :]
    chosen = np.linalg.lstsq(measured, np.log(scale), rcond=ROUNDING)[0]
    return dict(zip(symbols, np.exp(own_weights @ chosen).tolist(), strict=True))
