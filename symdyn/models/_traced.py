"""Functions of numbers, called with symbols: what a right-hand side written for numpy computes, as formulas."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
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
        return _each(formula, inputs)

    def __array_function__(self, function: Any, kinds: Any, values: Any, options: Any) -> Any:
        if function is not np.where or len(values) != 3:
            raise DeclarationError(f"np.{function.__name__} has no formula here; the function may use {ALLOWED}")
        return _each(_either, values)

    def __repr__(self) -> str:
        return str(self.formula)

    def __float__(self) -> float:
        raise DeclarationError(
            f"{self.formula} is a formula, which math's functions and arrays of numbers do not take; the function may use "
            f"{ALLOWED}"
        )

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"the function branches on {self.formula}; give both branches, np.where(condition, one, other), of numbers or of "
            "parts of y"
        )


class _Vector(np.ndarray):
    """An array of such numbers, which numpy's own loops would compare as objects, by their truth."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc.__name__ in FORMULAS and method == "__call__" and not options:
            return _each(FORMULAS[ufunc.__name__], inputs)
        if out := options.get("out"):
            options["out"] = tuple(map(_objects, out))
        return _kept(getattr(ufunc, method)(*map(_objects, inputs), **options))

    def __array_function__(self, function: Any, kinds: Any, values: Any, options: Any) -> Any:
        if function is np.where and len(values) == 3:
            return _each(_either, values)
        return _kept(super().__array_function__(function, kinds, values, options))


def _objects(value: Any) -> Any:
    """An array as numpy's own loops take it."""
    return value.view(np.ndarray) if isinstance(value, _Vector) else value


def _kept(found: Any) -> Any:
    """What numpy returns, again as an array of formulas."""
    return found.view(_Vector) if isinstance(found, np.ndarray) and found.dtype == object else found


def _either(condition: Any, one: Any, other: Any) -> sp.Expr:
    """What ``np.where`` chooses."""
    return sp.Piecewise((one, condition), (other, True))


def _each(formula: Callable[..., Any], values: Sequence[Any]) -> Any:
    """A formula of values, element by element where there are arrays."""
    values = [np.array(v, dtype=object) if isinstance(v, (list, tuple)) else v for v in values]
    if not any(isinstance(v, np.ndarray) and v.ndim for v in values):
        return _Traced(formula(*map(_plain, values)))
    shaped = np.broadcast_arrays(*map(_boxed, values))
    found = np.empty(shaped[0].shape, dtype=object).view(_Vector)
    for place in np.ndindex(found.shape):
        found[place] = _Traced(formula(*(_plain(a[place]) for a in shaped)))
    return found


def _method(name: str) -> Callable[[_Traced], _Traced]:
    """What an array of objects calls for each of them, ``np.sin`` the method ``sin``."""
    return lambda number: _Traced(FORMULAS[name](number.formula))


for _name in ("sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos",
              "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt", "fabs"):  # fmt: skip
    setattr(_Traced, _name, _method(_name))


def _boxed(value: Any) -> np.ndarray:
    """A value as an array of objects."""
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray).astype(object)
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


def _positional(function: Callable[..., Any]) -> Iterator[str]:
    """Names of arguments, of functions that tell them."""
    with contextlib.suppress(ValueError, TypeError):
        yield from inspect.signature(function).parameters


def traced(
    function: Callable[..., Any], time: sp.Symbol, states: Sequence[sp.Symbol], arguments: Sequence[sp.Symbol]
) -> list[Any]:
    """What a function of time, the vector of states and further arguments returns, as formulas.

    >>> t, a, *y = sp.symbols("t a x v")
    >>> traced(lambda t, y, a: [y[1], -a * np.sin(y[0])], t, y, [a])
    [v, -a*sin(x)]
    """
    vector = np.empty(len(states), dtype=object).view(_Vector)
    vector[:] = [_Traced(s) for s in states]
    second = next(itertools.islice(_positional(function), 1, 2), "")
    if second in ("t", "time", str(time)):
        raise DeclarationError(
            f"the second argument of the function is {second}; expected f(t, y), time first: pass lambda t, y: f(y, t)"
        )
    try:
        found = np.array(function(_Traced(time), vector, *(_Traced(a) for a in arguments)), dtype=object)
    except DeclarationError:
        raise
    except Exception as error:
        raise DeclarationError(
            f"the function failed with symbols in the place of numbers: {type(error).__name__}: {error}; called as "
            f"f({', '.join(map(str, ['t', 'y', *arguments]))}), it may use {ALLOWED}"
        ) from error
    rates = [_plain(r) for r in found.ravel()]
    if len(rates) != len(states):
        raise DeclarationError(
            f"the function returns {len(rates)} rates of change for the {len(states)} states {', '.join(map(str, states))}; "
            "expected one for each"
        )
    return rates
