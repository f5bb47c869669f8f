"""Unknown functions with a form, which networks learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from symdyn.dense_arrays import ACTIVATIONS
from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["Form", "form_of", "network"]

#: Most hidden layers and neurons of one.
DEEPEST, WIDEST = 8, 1024
HIDDEN = tuple(a for a in ACTIVATIONS if a not in ("identity", "softmax"))


@dataclass(frozen=True)
class Form:
    """What is known of an unknown function that a network learns.

    Attributes
    ----------
    arguments, width, depth : int
        Arguments, neurons of each hidden layer, hidden layers.
    activation : {'tanh', 'softplus'}
    monotone : tuple of {-1, 0, 1}
        For each argument, whether the function falls or grows with it.
    sign : {-1, 0, 1}
        Of the values.
    zero_at : tuple of (int, float)
        Arguments and their values, by position; where all have these values, the function is 0.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> network("f", [x], width=8, sign=1).form.sign
    1
    """

    arguments: int
    width: int = 16
    depth: int = 2
    activation: str = "tanh"
    monotone: tuple[int, ...] = ()
    sign: int = 0
    zero_at: tuple[tuple[int, float], ...] = ()


def network(
    name: str,
    arguments: Iterable[Any],
    *,
    width: int = 16,
    depth: int = 2,
    activation: str = "tanh",
    monotone: int | Mapping[Any, int] | None = None,
    sign: int | None = None,
    zero_at: Mapping[Any, float] | Sequence[float] | None = None,
) -> UndefinedFunction:
    r"""An unknown function that a network is to learn (`symdyn.learn`), with what is known of it.

    The network is :math:`W_3 \tanh(W_2 \tanh(W_1 z + b_1) + b_2) + b_3` for two hidden layers, where z are the arguments in
    units of the data.  The forms hold exactly and everywhere: with a `sign` s it is :math:`s \log(1 + e^N)`; with `monotone`
    no weight on the way from that argument has the wrong sign; with `zero_at` it is :math:`\sum_i (x_i - a_i) N_i(x)`,
    which every smooth function is that vanishes there (Hadamard's lemma).

    Parameters
    ----------
    name : str
    arguments : iterable of Symbol or Expr
        By which the options below name them; ``f(x, y)`` in an equation may have others, as many.
    width, depth : int
        Neurons of a hidden layer, and hidden layers.
    activation : {'tanh', 'softplus'}
    monotone : {1, -1} or mapping from arguments to {1, -1}, optional
        The function grows (1) or falls (-1) with all arguments, or with those named.
    sign : {1, -1}, optional
        All values are positive, or negative.
    zero_at : mapping from arguments to float, or sequence of float, optional
        A point at which the function is 0; of a mapping of some arguments, wherever they have these values.

    Returns
    -------
    UndefinedFunction
        ``f(x, y)`` stands in the right-hand sides of systems like any unknown term; ``f.form`` has the options.

    Raises
    ------
    DeclarationError
        For options out of range, and `zero_at` together with `sign` or `monotone`.

    References
    ----------
    Sill, Monotonic networks, NIPS 10 (1998): monotone by signs of weights.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, y, a, d = sp.symbols("x y a d")
    >>> f = sd.network("f", [x, y], width=8, zero_at={x: 0})
    >>> print(sd.ODESystem({x: a * x - f(x, y), y: f(x, y) - d * y}))
    x' = a*x - f(x, y)
    y' = -d*y + f(x, y)
    """
    given = list(arguments) if isinstance(arguments, Iterable) and not isinstance(arguments, (str, sp.Basic)) else [arguments]
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"the network is called {name!r}; expected a name, such as 'f'")
    if not given:
        raise DeclarationError(f"the network {name} has no arguments; name them, such as network({name!r}, [x, y])")
    for what, value, most in (("width", width, WIDEST), ("depth", depth, DEEPEST)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= most:
            raise DeclarationError(f"the {what} of the network {name} is {value!r}; expected a whole number from 1 to {most}")
    if activation not in HIDDEN:
        known = ", ".join(HIDDEN)
        raise DeclarationError(
            f"the activation of the network {name} is {activation!r}; known: {known}.{suggest(str(activation), HIDDEN)}"
        )
    if sign is not None and sign not in (1, -1):
        raise DeclarationError(f"the sign of the network {name} is {sign!r}; expected 1 or -1")
    turns = {} if monotone is None else _by_position(name, "monotone", monotone, given)
    if any(v not in (1, -1) for v in turns.values()):
        raise DeclarationError(f"monotone of the network {name} is {monotone!r}; expected 1 or -1, or these by argument")
    zeros = {} if zero_at is None else _by_position(name, "zero_at", zero_at, given)
    if not all(math.isfinite(v) for v in zeros.values()):
        raise DeclarationError(f"zero_at of the network {name} is {zero_at!r}; expected finite numbers")
    if zeros and (turns or sign):
        raise DeclarationError(f"the network {name} has zero_at with {'a sign' if sign else 'monotone'}; give one of both")
    directions = tuple(int(turns.get(j, 0)) for j in range(len(given))) if turns else ()
    form = Form(
        len(given), int(width), int(depth), activation, directions, int(sign or 0), tuple(sorted(zeros.items()))
    )  # fmt: skip
    return UndefinedFunction(name, form=form)


def _by_position(name: str, option: str, value: Any, arguments: list[Any]) -> dict[int, float]:
    """Values of an option by the positions of arguments."""
    names = [str(a) for a in arguments]
    if isinstance(value, Mapping):
        wrong = [str(k) for k in value if str(k) not in names]
        if wrong or not value:
            raise DeclarationError(
                f"{option} of the network {name} names {wrong or 'no argument'}; its arguments: {', '.join(names)}"
            )
        pairs = [(names.index(str(k)), v) for k, v in value.items()]
    elif isinstance(value, (list, tuple, np.ndarray)):
        if len(value) != len(names):
            raise DeclarationError(f"{option} of the network {name} has {len(value)} numbers for {len(names)} arguments")
        pairs = list(enumerate(value))
    else:
        pairs = [(j, value) for j in range(len(names))]
    try:
        return {j: float(v) for j, v in pairs}
    except (TypeError, ValueError):
        raise DeclarationError(f"{option} of the network {name} is {value!r}; expected numbers") from None


def form_of(term: AppliedUndef) -> Form:
    """The form of an unknown term: that of `network`, or by default.

    Raises
    ------
    DeclarationError
        If it has another number of arguments than it was declared with.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> form_of(sp.Function("g")(x)).width
    16
    """
    form = getattr(term.func, "form", None) or Form(len(term.args))
    if form.arguments != len(term.args):
        raise DeclarationError(f"the network {term.func.__name__} was declared with {form.arguments} arguments; got {term}")
    return form
