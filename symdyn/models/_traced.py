"""Functions of numbers, called with symbols: what a right-hand side written for numpy computes, as formulas."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from numpy.lib.mixins import NDArrayOperatorsMixin

from symdyn.errors import DeclarationError

__all__ = ["traced"]

#: Formulas of numpy's functions of numbers.
FORMULAS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
        "power": operator.pow, "float_power": operator.pow, "negative": operator.neg, "positive": operator.pos,
        "absolute": sp.Abs, "fabs": sp.Abs, "sign": sp.sign, "square": lambda a: a**2, "reciprocal": lambda a: 1 / a,
        "sqrt": sp.sqrt, "cbrt": sp.cbrt, "exp": sp.exp, "exp2": lambda a: 2**a, "expm1": lambda a: sp.exp(a) - 1,
        "log": sp.log, "log2": lambda a: sp.log(a, 2), "log10": lambda a: sp.log(a, 10), "log1p": lambda a: sp.log(1 + a),
        "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "arcsin": sp.asin, "arccos": sp.acos, "arctan": sp.atan,
        "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "arcsinh": sp.asinh, "arccosh": sp.acosh, "arctanh": sp.atanh,
        "maximum": sp.Max, "minimum": sp.Min, "fmax": sp.Max, "fmin": sp.Min,
        "greater": operator.gt, "greater_equal": operator.ge, "less": operator.lt, "less_equal": operator.le,
    }
)  # fmt: skip
#: What such a function may do.
ALLOWED = (
    "arithmetic, numpy's functions of numbers such as np.sin, np.maximum and np.where, products A @ y, and np.zeros_like(y) to "
    "be filled in"
)


class _Traced(NDArrayOperatorsMixin):
    """A number that is known by its formula."""

    def __init__(self, formula: Any) -> None:
        self.formula = formula

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        formula = FORMULAS.get(ufunc.__name__)
        if formula is None or method != "__call__" or options:
            raise DeclarationError(f"np.{ufunc.__name__} has no formula here; the function may use {ALLOWED}")
        arrays = [i for i in inputs if isinstance(i, np.ndarray) and i.ndim]
        if not arrays:
            return _Traced(formula(*map(_plain, inputs)))
        shaped = np.broadcast_arrays(*(_boxed(i) for i in inputs))
        found = np.empty(shaped[0].shape, dtype=object)
        for place in np.ndindex(found.shape):
            found[place] = _Traced(formula(*(_plain(a[place]) for a in shaped)))
        return found

    def __array_function__(self, function: Any, kinds: Any, values: Any, options: Any) -> Any:
        if function is not np.where or len(values) != 3:
            raise DeclarationError(f"np.{function.__name__} has no formula here; the function may use {ALLOWED}")
        condition, one, other = map(_plain, values)
        return _Traced(sp.Piecewise((one, condition), (other, True)))

    def __float__(self) -> float:
        raise DeclarationError(
            f"{self.formula} is a formula, which math's functions and arrays of numbers do not take; the function may use "
            f"{ALLOWED}"
        )

    def __bool__(self) -> bool:
        raise DeclarationError(f"the function branches on {self.formula}; give both branches, np.where(condition, one, other)")


def _method(name: str) -> Callable[[_Traced], _Traced]:
    """What an array of objects calls for each of them, ``np.sin`` the method ``sin``."""
    return lambda number: _Traced(FORMULAS[name](number.formula))


for _name in ("sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos",
              "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt", "fabs"):  # fmt: skip
    setattr(_Traced, _name, _method(_name))


def _boxed(value: Any) -> np.ndarray:
    """A value as an array of objects."""
    if isinstance(value, np.ndarray):
        return value.astype(object)
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def _plain(value: Any) -> Any:
    """A formula, or a number of Python."""
    if isinstance(value, _Traced):
        return value.formula
    if isinstance(value, np.ndarray) and not value.ndim:
        return _plain(value.item())
    return value.item() if isinstance(value, np.generic) else value


def traced(
    function: Callable[..., Any], time: sp.Symbol, states: Sequence[sp.Symbol], arguments: Sequence[sp.Symbol]
) -> list[Any]:
    """What a function of time, the vector of states and further arguments returns, as formulas.

    >>> t, a, *y = sp.symbols("t a x v")
    >>> traced(lambda t, y, a: [y[1], -a * np.sin(y[0])], t, y, [a])
    [v, -a*sin(x)]
    """
    vector = np.empty(len(states), dtype=object)
    vector[:] = [_Traced(s) for s in states]
    try:
        found = function(_Traced(time), vector, *(_Traced(a) for a in arguments))
    except DeclarationError:
        raise
    except Exception as error:
        raise DeclarationError(
            f"the function failed with symbols in the place of numbers: {type(error).__name__}: {error}; called as "
            f"f({', '.join(map(str, ['t', 'y', *arguments]))}), it may use {ALLOWED}"
        ) from error
    rates = [_plain(r) for r in np.ravel(np.array(found, dtype=object))]
    if len(rates) != len(states):
        raise DeclarationError(
            f"the function returns {len(rates)} rates of change for the {len(states)} states {', '.join(map(str, states))}; "
            "expected one for each"
        )
    return rates
