r"""Dense layers as terms of equations: tables of numbers that generated code applies in loops.

A `DenseLayers` is a chain of affine maps and functions, :math:`z \mapsto \varphi(W z + b)`.  A matrix times a vector is one
layer with the function 'identity'; a quadratic form is one whose arguments are products.  In expressions stand its outputs,
`DenseOutput`, and their partial derivatives, `DenseSlope`; the numbers are no symbols, and data of generated code.
"""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdyn.dense_arrays import applied, checked, slopes
from symdyn.dense_forms import curvatures, outputs
from symdyn.errors import DeclarationError
from symdyn.files import numbers as floats

__all__ = ["DenseLayers", "DenseOutput", "DenseSlope", "argument"]


class DenseLayers(sp.Atom):
    r"""Layers applied one after another, :math:`y = \varphi_L(W_L \cdots \varphi_1(W_1 x + b_1) \cdots + b_L)`.

    Parameters
    ----------
    name : str
        As the function is called in equations.
    layers : iterable of (weights, bias, function)
        Weights have the shape (m, n) for n inputs and m outputs of a layer, biases (m,), or None for zeros; functions are
        'tanh', 'softplus', :math:`\log(1 + e^z)`, 'softmax', :math:`e^{z_i} / \sum_j e^{z_j}` of all outputs of the layer, or
        'identity'.

    Attributes
    ----------
    inputs, outputs, size : int
        Numbers of inputs, of outputs, and of weights and biases.

    Raises
    ------
    DeclarationError
        For shapes that do not follow each other, numbers that are not finite, and unknown functions.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> rotation = DenseLayers("R", [([[0, -1], [1, 0]], None, "identity")])
    >>> rotation(x, y)
    (R_0(x, y), R_1(x, y))
    >>> rotation.evaluate([3.0, 4.0]).tolist()
    [-4.0, 3.0]
    """

    __slots__ = ("__dict__", "layers", "name")

    is_commutative = True

    def __new__(cls, name: str, layers: Iterable[Any]) -> DenseLayers:
        if not isinstance(name, str) or not name.isidentifier():
            raise DeclarationError(f"dense layers are called {name!r}; expected a name, such as 'f'")
        self = super().__new__(cls)
        self.name, self.layers = name, tuple(checked(name, k, layer) for k, layer in enumerate(layers))
        if not self.layers:
            raise DeclarationError(f"the network {name} has no layers")
        for k, (before, after) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if after.weights.shape[1] != len(before.bias):
                raise DeclarationError(
                    f"layer {k + 1} of {name} takes {after.weights.shape[1]} numbers, "
                    f"and the one before it makes {len(before.bias)}"
                )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return DenseLayers, (self.name, [tuple(layer) for layer in self.layers])

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.name, self.digest

    @property
    def inputs(self) -> int:
        """How many numbers the first layer takes."""
        return int(self.layers[0].weights.shape[1])

    @property
    def outputs(self) -> int:
        """How many numbers the last layer makes."""
        return len(self.layers[-1].bias)

    @property
    def size(self) -> int:
        """How many weights and biases there are."""
        return sum(layer.weights.size + layer.bias.size for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, numbers after each layer.

        >>> DenseLayers("f", [(np.ones((3, 2)), None, "tanh"), (np.ones((1, 3)), None, "identity")]).widths
        (2, 3, 1)
        """
        return (self.inputs, *(len(layer.bias) for layer in self.layers))

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of functions, weights and biases."""
        found = hashlib.sha256()
        for weights, bias, function in self.layers:
            found.update(f"{function}{weights.shape}".encode() + weights.tobytes() + bias.tobytes())
        return found.hexdigest()

    def arrays(self) -> dict[str, np.ndarray]:
        """Functions, weights and biases, as files keep them.

        Returns
        -------
        dict of str to array
            ``functions`` (layers,), and ``weights0`` (m, n) and ``bias0`` (m,) float64 of the first layer, and so on.

        Examples
        --------
        >>> sorted(DenseLayers("f", [([[1.0]], None, "tanh")]).arrays())
        ['bias0', 'functions', 'weights0']
        """
        found = {"functions": np.array([layer.function for layer in self.layers])}
        for k, (weights, bias, _) in enumerate(self.layers):
            found |= {f"weights{k}": weights, f"bias{k}": bias}
        return found

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, np.ndarray]) -> DenseLayers:
        """The layers whose `arrays` these are.

        Parameters
        ----------
        name : str
        arrays : mapping of str to array
            Others beside these are passed over.

        Returns
        -------
        DenseLayers

        Raises
        ------
        KeyError
            If an array is missing.
        DeclarationError, ValueError
            If one is not what it should be.

        Examples
        --------
        >>> layers = DenseLayers("f", [([[1.0]], None, "tanh")])
        >>> DenseLayers.from_arrays("f", layers.arrays()) == layers
        True
        """
        functions = enumerate(np.atleast_1d(arrays["functions"]))
        return cls(
            name, [(floats(arrays, f"weights{k}", None, None), floats(arrays, f"bias{k}", None), str(f)) for k, f in functions]
        )

    def __call__(self, *arguments: Any) -> Any:
        """The outputs at some arguments: one expression, or a tuple of them."""
        found = tuple(DenseOutput(self, k, *arguments) for k in range(self.outputs))
        return found[0] if self.outputs == 1 else found

    def evaluate(self, x: Any) -> np.ndarray:
        """Outputs (..., m) at inputs (..., n), by numpy.

        Parameters
        ----------
        x : (..., n) array

        Returns
        -------
        (..., m) float64

        Raises
        ------
        DeclarationError
            If the last axis has another length than there are inputs.

        Examples
        --------
        >>> DenseLayers("f", [([[1.0, 1.0]], [-3.0], "tanh")]).evaluate([1.0, 2.0]).tolist()
        [0.0]
        """
        return applied(self.layers, self._points(x))

    def jacobian(self, x: Any) -> np.ndarray:
        r"""Partial derivatives (..., m, n) at inputs (..., n): :math:`W_2\,\mathrm{diag}(1 - \tanh^2)\,W_1` for two layers.

        Parameters
        ----------
        x : (..., n) array

        Returns
        -------
        (..., m, n) float64

        Raises
        ------
        DeclarationError
            If the last axis has another length than there are inputs.

        Examples
        --------
        >>> DenseLayers("f", [([[1.0, 2.0]], [-3.0], "tanh")]).jacobian([1.0, 1.0]).tolist()
        [[1.0, 2.0]]
        """
        return slopes(self.layers, self._points(x))

    def _points(self, x: Any) -> np.ndarray:
        points = np.asarray(x, dtype=float)
        if points.shape[-1:] != (self.inputs,):
            raise DeclarationError(f"{self.name} takes {self.inputs} numbers along the last axis, got the shape {points.shape}")
        return points

    def written(self, arguments: Sequence[sp.Expr]) -> list[sp.Expr]:
        """The outputs as sums of elementary functions with all their numbers, for small layers.

        Parameters
        ----------
        arguments : sequence of Expr

        Returns
        -------
        list of Expr

        Examples
        --------
        >>> DenseLayers("f", [([[2.0]], [1.0], "tanh")]).written([sp.Symbol("x")])
        [tanh(2.0*x + 1.0)]
        """
        return outputs(self.layers, arguments)

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def _latex(self, printer: Any) -> str:
        return sp.latex(sp.Symbol(self.name))

    def _sympyrepr(self, printer: Any) -> str:
        return f"DenseLayers({self.name!r}, {self.digest})"


def argument(value: Any) -> sp.Expr:
    """An argument of layers: an expression, or a number as one; text is refused.

    Examples
    --------
    >>> argument(2), argument(sp.Symbol("x"))
    (2, x)
    """
    if isinstance(value, sp.Expr):
        return value
    if isinstance(value, numbers.Integral):
        return sp.Integer(int(value))
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return sp.Float(float(value))
    raise DeclarationError(f"got {value!r} where an argument of a network belongs; expected an expression or a finite number")


class DenseOutput(sp.Expr):
    """One output of dense layers at some arguments; the expression that code is generated for.

    Parameters
    ----------
    layers : DenseLayers
    index : int
        Of the output.
    *arguments : Expr

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> layers = DenseLayers("f", [([[2.0]], None, "tanh")])
    >>> DenseOutput(layers, 0, x).diff(x), DenseOutput(layers, 0, x).subs(x, 0).evalf()
    (f'_0(x), 0)
    """

    is_commutative = True

    def __new__(cls, layers: DenseLayers, index: Any, *arguments: Any) -> DenseOutput:
        if len(arguments) != layers.inputs:
            raise DeclarationError(f"{layers} takes {layers.inputs} arguments, got {len(arguments)}")
        return super().__new__(cls, layers, sp.Integer(index), *map(argument, arguments))

    @property
    def layers(self) -> DenseLayers:
        """The layers."""
        return self.args[0]

    @property
    def index(self) -> int:
        """Of the output."""
        return int(self.args[1])

    @property
    def arguments(self) -> tuple[sp.Expr, ...]:
        """What the layers are applied to."""
        return tuple(self.args[2:])

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        parts = ((j, a.diff(s)) for j, a in enumerate(self.arguments))
        return sp.Add(*(DenseSlope(self.layers, self.index, j, *self.arguments) * d for j, d in parts if d != 0))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        values = [a.evalf() for a in self.arguments]
        if not all(v.is_Float or v.is_Integer for v in values):
            return self.func(self.layers, self.index, *values)
        return sp.Float(float(self.layers.evaluate([float(v) for v in values])[self.index]))

    def _called(self) -> str:
        return self.layers.name if self.layers.outputs == 1 else f"{self.layers.name}_{self.index}"

    def _sympystr(self, printer: Any) -> str:
        return f"{self._called()}({', '.join(map(printer.doprint, self.arguments))})"

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer.doprint(a) for a in self.arguments)
        return rf"{printer.doprint(sp.Symbol(self._called()))}\left({inner}\right)"


class DenseSlope(sp.Expr):
    """The partial derivative of one output of dense layers by one of their arguments.

    Parameters
    ----------
    layers : DenseLayers
    index, by : int
        Of the output and of the argument.
    *arguments : Expr

    Examples
    --------
    >>> layers = DenseLayers("f", [([[2.0]], None, "tanh")])
    >>> DenseSlope(layers, 0, 0, sp.Integer(0)).evalf()
    2.00000000000000
    """

    is_commutative = True

    def __new__(cls, layers: DenseLayers, index: Any, by: Any, *arguments: Any) -> DenseSlope:
        if len(arguments) != layers.inputs:
            raise DeclarationError(f"{layers} takes {layers.inputs} arguments, got {len(arguments)}")
        return super().__new__(cls, layers, sp.Integer(index), sp.Integer(by), *map(argument, arguments))

    @property
    def layers(self) -> DenseLayers:
        """The layers."""
        return self.args[0]

    @property
    def place(self) -> int:
        """Of the derivative among all of them, row by row."""
        return int(self.args[1]) * self.layers.inputs + int(self.args[2])

    @property
    def arguments(self) -> tuple[sp.Expr, ...]:
        """What the layers are applied to."""
        return tuple(self.args[3:])

    def _eval_derivative(self, s: sp.Symbol) -> sp.Expr:
        """Second derivatives are written out, with as many operations as weights."""
        index, by = int(self.args[1]), int(self.args[2])
        parts = ((j, a.diff(s)) for j, a in enumerate(self.arguments))
        return sp.Add(*(curvatures(self.layers.layers, by, j, self.arguments)[index] * d for j, d in parts if d != 0))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        values = [a.evalf() for a in self.arguments]
        if not all(v.is_Float or v.is_Integer for v in values):
            return self.func(*self.args[:3], *values)
        return sp.Float(float(self.layers.jacobian([float(v) for v in values]).ravel()[self.place]))

    def _sympystr(self, printer: Any) -> str:
        inner = ", ".join(map(printer.doprint, self.arguments))
        output = "" if self.layers.outputs == 1 else f"_{self.args[1]}"
        return f"{self.layers.name}{output}'_{self.args[2]}({inner})"

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer.doprint(a) for a in self.arguments)
        output = "" if self.layers.outputs == 1 else f"_{{{self.args[1]}}}"
        return rf"\partial_{{{self.args[2]}}} {printer.doprint(sp.Symbol(self.layers.name))}{output}\left({inner}\right)"
