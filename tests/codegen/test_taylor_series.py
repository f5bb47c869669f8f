"""Recurrences of Taylor coefficients against those of the composed function, which mpmath finds to 30 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.convolved import ConvolvedProgram
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.functions import programs
from symdyn.codegen.taylor_functions import RULES
from symdyn.codegen.taylor_series import SCALARS
from symdyn.methods.registry import METHODS

x, y, w, t, a, b = sp.symbols("x y w t a b")
#: Two states that are known functions of time, so that what is made of them can be differentiated.
X, Y = sp.Rational(1, 3) + 2 * t / 5 - 3 * t**2 / 7 + t**4 / 8, sp.Rational(3, 4) - t / 3 + t**3 / 5
VALUES = {a: sp.Rational(3, 10), b: sp.Rational(7, 4)}
H = 0.5
ORDERS = 9

FUNCTIONS = {
    "exp": sp.exp, "log": lambda u: sp.log(u + 2), "sqrt": lambda u: sp.sqrt(1 + u), "pow": lambda u: (1 + u) ** a,
    "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh,
    "asin": lambda u: sp.asin(u / 2), "acos": lambda u: sp.acos(u / 2), "atan": sp.atan, "asinh": sp.asinh,
    "acosh": lambda u: sp.acosh(u + 2), "atanh": lambda u: sp.atanh(u / 3), "erf": sp.erf, "erfc": sp.erfc,
    "atan2": lambda u: sp.atan2(u, u + 2),
}  # fmt: skip
EXPRESSIONS = [
    *(x + y, x - y, -x, 2 - x, x * y, x**2, x**3 * y, a * x * y - x / b, x * (a - y), (a - b * x) * (b - a * y) * (x - y)),
    *(x / y, 1 / y, a / (b + x), (x + y) / (1 + x * y), x / a, 1 / (1 + t), x / (1 + t), t / (2 + x)),
    *(t, sp.S(3), a, t**2, t * x, t**3 * y, (1 + a * t) * (b - t), sp.sin(b * t + a), sp.exp(-t) * x, sp.cos(t * x)),
    *((1 + x) ** sp.Rational(3, 2), (1 + x) ** y, b**x, b**t, (1 + t) ** x, (1 + x) ** t, x**a, (b + t) ** a),
    *(sp.atan2(x, 2), sp.atan2(2, x), sp.atan2(t, x), sp.sin(x) * sp.cos(x), sp.exp(-x) + sp.exp(2 * x), sp.sec(x), sp.coth(y)),
    *(x * sp.Abs(a - b), sp.Max(a, b) * t, sp.Piecewise((x, a > 1), (y, True)).subs(a, 2), sp.tanh(sp.sin(x) / (1 + y**2))),
]


def series(system: sd.ODESystem, initial: list[float], time: float, orders: int) -> np.ndarray:
    """Coefficients (orders + 1, n) of the states, by the two programs and the definition of the sums."""
    made = programs(system, METHODS["taylor"])[1]
    zeroth, higher = made.programs
    assert isinstance(higher, ConvolvedProgram)
    n, rows, kept = len(system.states), made.facts["rows"], made.facts["kept"]
    parameters = [float(system.defaults[p]) for p in system.parameters]
    found = [float(v) for v in evaluate(zeroth, [time, H], initial, parameters)]
    read, table = [*parameters, *found[:kept]], np.full((orders + 1, rows), np.nan)
    table[0], table[1, :n] = found[kept : kept + rows], found[kept + rows :]
    for k in range(1, orders):
        scalars = [H / (k + 1), 1 / k, k, H if k == 1 else 0.0]
        assert len(scalars) == len(SCALARS)
        sums = [sum(table[j, u] * table[k - j, v] for j in range(1, k)) for u, v in higher.pairs]
        made_now = evaluate(higher, [*scalars, *sums], [*table[k - 1], *table[k]], [*read, *table[0]])
        table[k, n:], table[k + 1, :n] = made_now[: rows - n], made_now[rows - n :]
    return table[:, :n]


def check(f: sp.Expr, at: sp.Rational) -> None:
    """Coefficients of w with w' = f(x(t), y(t), t) about a time, against those of f."""
    system = sd.ODESystem({x: X.diff(t), y: Y.diff(t), w: f}, {k: v for k, v in VALUES.items() if k in f.free_symbols})
    table = series(system, [float(X.subs(t, at)), float(Y.subs(t, at)), 0.0], float(at), ORDERS)
    g = sp.lambdify(t, f.subs(VALUES).subs({x: X, y: Y}, simultaneous=True), "mpmath")
    with mpmath.workdps(60):
        expected = [float(c) for c in mpmath.taylor(g, mpmath.mpf(at.p) / at.q, ORDERS - 1)]
    expected = [c * H ** (k + 1) / (k + 1) for k, c in enumerate(expected)]
    np.testing.assert_allclose(table[1:, 2], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("inner", [x, a - x, x * y, b * t])
def test_functions(name, inner):
    check(FUNCTIONS[name](inner), sp.Rational(1, 5))


@pytest.mark.parametrize("f", EXPRESSIONS, ids=str)
def test_expressions(f):
    check(f, sp.Rational(1, 5))


def test_no_recurrence_is_left_out():
    assert set(FUNCTIONS) == set(RULES)


def test_squares_products_and_functions_share_rows_and_sums():
    """x*y, x*(1 - y) and exp(-x)*exp(2*x) need the rows of x, y, the derivative of x and two exponentials, and no more."""
    system = sd.ODESystem({x: x * y, y: x * (1 - y) + sp.exp(-x) * sp.exp(2 * x, evaluate=False)})
    made = programs(system, METHODS["taylor"])[1]
    assert made.facts["rows"] <= 7
    higher = made.programs[1]
    assert len(set(higher.pairs)) == len(higher.pairs)
    assert (0, 1) in higher.pairs
