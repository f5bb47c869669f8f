"""A stand-in for what is generated for an adaptive method and a model: Heun's second-order method for ``y' = -p y``.

`symdyn.codegen.cuda.adaptive` prints functions of these names and arguments.  Rows of `memory` are the state ``Y``, the next
one ``W``, the slope ``K`` at the state, and those of further stages; row `LAST` is the slope at the next state, or ``K``.
"""

from __future__ import annotations

N, FACTORS = 1, 1
STAGES, EXTRA = 2, 0
#: The square of the bound of the stability region.
STIFFNESS = 4.0
Y, W, K, S1, S2, ROWS = range(6)
LAST = S2
#: Whether the right-hand side may jump in time, and whether a condition ends trajectories.
STOPS, UNTIL = False, False


def load_parameters(parameters, i):
    """The parameters of trajectory `i`: all, or where they are."""
    return (parameters[0, i],)


def rhs(lane, y, p, memory, out):
    """The right-hand side at the time in `lane` and the state in row `y`, stored in row `out`."""
    memory[out, 0] = -p[0] * memory[y, 0]


def step(t, h, p, memory, factors):
    """One step: the next state in row `W`, and its slope; implicit methods use the array `factors`."""
    memory[W, 0] = memory[Y, 0] + h * memory[K, 0]
    rhs((t + h,), W, p, memory, S1)
    memory[W, 0] = memory[Y, 0] + h * (memory[K, 0] * 0.5 + memory[S1, 0] * 0.5)
    rhs((t + h,), W, p, memory, S2)


def error(h, memory, rtol, atol):
    """The square of the norm of the estimated error, 1 where it is just small enough."""
    x = h * (memory[S1, 0] - memory[K, 0]) * 0.5 / (max(abs(memory[Y, 0]), abs(memory[W, 0])) * rtol + atol)
    return x * x


def stiffness(memory):
    """The square of the step size times the dominant eigenvalue, nearly."""
    return 0.0 * memory[Y, 0]


def margin(lane, y, p, memory):
    """0 or above where the condition that ends trajectories is true at the time in `lane` and the state in row `y`."""
    return -1.0


def dense(t, h, p, memory):
    """Prepare `interpolant` for the step that was made."""


def interpolant(e, theta, memory):
    """Entry `e` of the state at the part `theta` of the step."""
    return memory[Y, e] + theta * (memory[W, e] - memory[Y, e])
