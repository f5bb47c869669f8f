"""Networks as terms of equations: unknown functions with a form, and the networks that take their place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from symdyn.dense import ACTIVATIONS, DenseLayers, DenseOutput
from symdyn.errors import DeclarationError
from symdyn.files import put_arrays, read_arrays
from symdyn.registry import suggest

__all__ = ["Form", "NetworkTerm", "TrainedNetwork", "form_of", "network"]

#: Most hidden layers and neurons of one.
DEEPEST, WIDEST = 8, 1024
#: What the first array of a file says.
FORMAT = "symdyn network 1"
HIDDEN = tuple(a for a in ACTIVATIONS if a != "identity")


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
            raise DeclarationError(f"{option} of the network {name} names {wrong or 'no argument'}; its arguments: {', '.join(names)}")
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


class TrainedNetwork(sp.Atom):
    """A network with its weights; called with arguments, it is a term of an equation.

    Parameters
    ----------
    layers : DenseLayers
    factors : sequence of (int, float), optional
        Positions j of arguments and numbers a: the term is the sum of ``(x_j - a)`` times an output each.  Without them it
        is the only output.

    Attributes
    ----------
    name, digest : str
    size : int
        Weights and biases.

    Raises
    ------
    DeclarationError
        If there are not as many outputs as factors.

    Examples
    --------
    >>> import symdyn as sd
    >>> x = sp.Symbol("x")
    >>> decay = TrainedNetwork(DenseLayers("f", [([[-1.0]], None, "tanh")]))
    >>> system = sd.ODESystem({x: decay(x)}, initial={x: 1})
    >>> print(system)
    x' = f(x)
    >>> run = sd.simulate(system, [0, 1], progress=False, rtol=1e-9)
    >>> bool(abs(np.sinh(run.x[-1]) - np.sinh(1) * np.exp(-1)) < 1e-7)  # sinh x decays as e^-t
    True
    """

    __slots__ = ("__dict__", "factors", "layers")

    is_commutative = True

    def __new__(cls, layers: DenseLayers, factors: Iterable[Any] = ()) -> TrainedNetwork:
        self = super().__new__(cls)
        self.layers, self.factors = layers, tuple((int(j), float(a)) for j, a in factors)
        if layers.outputs != (len(self.factors) or 1) or any(not 0 <= j < layers.inputs for j, _ in self.factors):
            raise DeclarationError(
                f"the network {layers.name} has {layers.outputs} outputs and {len(self.factors)} factors; expected one output, or "
                "one for each factor"
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainedNetwork, (self.layers, self.factors)

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.layers, self.factors

    @property
    def name(self) -> str:
        return self.layers.name

    @property
    def size(self) -> int:
        return self.layers.size

    @cached_property
    def digest(self) -> str:
        return f"{self.layers.digest[:16]}{''.join(f';{j}:{a!r}' for j, a in self.factors)}"

    def __call__(self, *arguments: Any) -> NetworkTerm:
        """The term at some arguments."""
        return NetworkTerm(self, *arguments)

    def evaluate(self, x: Any) -> np.ndarray:
        """Values (...,) at arguments (..., n), by numpy.

        Parameters
        ----------
        x : (..., n) array

        Returns
        -------
        (...,) float64

        Examples
        --------
        >>> TrainedNetwork(DenseLayers("f", [([[1.0]], [1.0], "identity")]), [(0, 3.0)]).evaluate([[3.0], [4.0]]).tolist()
        [0.0, 5.0]
        """
        x = np.asarray(x, dtype=float)
        found = self.layers.evaluate(x)
        return sum((x[..., j] - a) * found[..., q] for q, (j, a) in enumerate(self.factors)) if self.factors else found[..., 0]

    def __str__(self) -> str:
        return f"{self.name} := network({', '.join(map(str, self.layers.widths[1:-1]))}; {self.layers.digest[:12]})"

    # ---- files -----------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write the network to a file of numpy's npz format, without pickled objects.

        Parameters
        ----------
        path : str or Path

        Examples
        --------
        >>> import tempfile
        >>> f = TrainedNetwork(DenseLayers("f", [([[1.0]], None, "tanh")]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     f.save(f"{folder}/f.npz")
        ...     TrainedNetwork.load(f"{folder}/f.npz") == f
        True
        """
        put_arrays(Path(path), self.arrays())

    @classmethod
    def load(cls, path: Any) -> TrainedNetwork:
        """The network of a file that `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        TrainedNetwork

        Raises
        ------
        DeclarationError
            If the file is damaged, or of another kind.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/f.npz", weights=np.ones(3))
        ...     TrainedNetwork.load(f"{folder}/f.npz")
        Traceback (most recent call last):
        ...
        symdyn.errors.DeclarationError: f.npz is no network that symdyn wrote (no array 'format')
        """
        try:
            return cls.from_arrays(read_arrays(Path(path)))
        except KeyError as missing:
            reason = f"no array {missing}"
        except (ValueError, OSError, TypeError, IndexError) as error:
            reason = str(error)
        raise DeclarationError(f"{Path(path).name} is no network that symdyn wrote ({reason})")

    def arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes.

        Returns
        -------
        dict of str to array

        Examples
        --------
        >>> sorted(TrainedNetwork(DenseLayers("f", [([[1.0]], None, "tanh")])).arrays())
        ['bias0', 'factors', 'format', 'functions', 'name', 'weights0']
        """
        found = {
            "format": np.array(FORMAT),
            "name": np.array(self.name),
            "functions": np.array([layer.function for layer in self.layers.layers]),
            "factors": np.array(self.factors, dtype=float).reshape(-1, 2),
        }
        for k, layer in enumerate(self.layers.layers):
            found |= {f"weights{k}": layer.weights, f"bias{k}": layer.bias}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TrainedNetwork:
        """The network of arrays from `arrays`.

        Parameters
        ----------
        arrays : mapping of str to array

        Returns
        -------
        TrainedNetwork

        Raises
        ------
        KeyError
            If an array is missing.
        DeclarationError, ValueError
            If one is not what it should be.

        Examples
        --------
        >>> f = TrainedNetwork(DenseLayers("f", [([[1.0]], None, "tanh")]))
        >>> TrainedNetwork.from_arrays(f.arrays()) == f
        True
        """
        if (said := str(arrays["format"])) != FORMAT:
            raise ValueError(f"its format is {said[:40]!r}, expected {FORMAT!r}")
        functions = [str(f) for f in np.atleast_1d(arrays["functions"])]
        layers = []
        for k, function in enumerate(functions):
            weights, bias = arrays[f"weights{k}"], arrays[f"bias{k}"]
            if weights.dtype != np.float64 or bias.dtype != np.float64:
                raise ValueError(f"layer {k} has numbers of the type {weights.dtype}, expected float64")
            layers.append((weights, bias, function))
        factors = arrays["factors"]
        if factors.ndim != 2 or factors.shape[1] != 2 or not np.isfinite(factors).all():
            raise ValueError(f"factors have the shape {factors.shape}")
        return cls(DenseLayers(str(arrays["name"]), layers), factors.tolist())

    # ---- printing --------------------------------------------------------------------------------

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def _latex(self, printer: Any) -> str:
        return sp.latex(sp.Symbol(self.name))

    def _sympyrepr(self, printer: Any) -> str:
        return f"TrainedNetwork({self.name!r}, {self.digest})"


class NetworkTerm(sp.Expr):
    """A trained network at some arguments, as a term of an equation.

    Parameters
    ----------
    network : TrainedNetwork
    *arguments : Expr

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> f = TrainedNetwork(DenseLayers("f", [([[1.0, 2.0]], None, "tanh")]))
    >>> f(x, 2 * y)
    f(x, 2*y)
    >>> f(x, y).diff(y).subs({x: 0, y: 0}).evalf()
    2.00000000000000
    """

    is_commutative = True

    def __new__(cls, network: TrainedNetwork, *arguments: Any) -> NetworkTerm:
        if len(arguments) != network.layers.inputs:
            raise DeclarationError(f"the network {network.name} takes {network.layers.inputs} arguments, got {len(arguments)}")
        return super().__new__(cls, network, *map(sp.sympify, arguments))

    @property
    def network(self) -> TrainedNetwork:
        """The network."""
        return self.args[0]

    @property
    def arguments(self) -> tuple[sp.Expr, ...]:
        """What it is applied to."""
        return tuple(self.args[1:])

    @property
    def unknown(self) -> AppliedUndef:
        """The unknown term whose place it takes."""
        return sp.Function(self.network.name)(*self.arguments)

    def written(self) -> sp.Expr:
        """The term by the outputs of its layers.

        Returns
        -------
        Expr

        Examples
        --------
        >>> TrainedNetwork(DenseLayers("f", [([[1.0]], [1.0], "tanh")]), [(0, 3.0)])(sp.Symbol("x")).written()
        (x - 3.0)*f(x)
        """
        layers, x = self.network.layers, self.arguments
        if not self.network.factors:
            return DenseOutput(layers, 0, *x)
        return sp.Add(*((x[j] - sp.Float(a)) * DenseOutput(layers, q, *x) for q, (j, a) in enumerate(self.network.factors)))

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        return self.written().diff(s)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.written().evalf()

    def _sympystr(self, printer: Any) -> str:
        return f"{self.network.name}({', '.join(map(printer.doprint, self.arguments))})"

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer.doprint(a) for a in self.arguments)
        return rf"{printer.doprint(sp.Symbol(self.network.name))}\left({inner}\right)"
