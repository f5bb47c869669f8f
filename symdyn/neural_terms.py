"""Trained networks as terms of equations, and the files that keep them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.dense import DenseLayers, DenseOutput, argument
from symdyn.errors import DeclarationError
from symdyn.files import check_format, put_arrays, restored

__all__ = ["NetworkTerm", "TrainedNetwork"]

#: What the first array of a file says.
FORMAT = "symdyn network 1"


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
        if not isinstance(layers, DenseLayers):
            raise DeclarationError(f"a trained network is made of DenseLayers, got {type(layers).__name__}")
        try:
            self.layers, self.factors = layers, tuple((int(j), float(a)) for j, a in factors)
        except (TypeError, ValueError):
            raise DeclarationError(
                f"factors of the network {layers.name} are pairs (position, number), got {factors!r}"
            ) from None
        if not all(math.isfinite(a) for _, a in self.factors):
            raise DeclarationError(f"factors of the network {layers.name} hold numbers that are not finite")
        if layers.outputs != (len(self.factors) or 1) or any(not 0 <= j < layers.inputs for j, _ in self.factors):
            raise DeclarationError(
                f"the network {layers.name} has {layers.outputs} outputs and {len(self.factors)} factors; expected one output, "
                "or one for each factor"
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainedNetwork, (self.layers, self.factors)

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.layers, self.factors

    @property
    def name(self) -> str:
        """As the function is called in equations."""
        return self.layers.name

    @property
    def size(self) -> int:
        """How many weights and biases there are."""
        return self.layers.size

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the layers, and the factors."""
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
        OSError
            If it cannot be read.

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
        return restored(path, cls.from_arrays, "is no network that symdyn wrote")

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
        factors = np.array(self.factors, dtype=float).reshape(-1, 2)
        return {"format": np.array(FORMAT), "name": np.array(self.name), "factors": factors, **self.layers.arrays()}

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
        check_format(arrays, FORMAT)
        layers = DenseLayers.from_arrays(str(arrays["name"]), arrays)
        factors = arrays["factors"]
        if factors.ndim != 2 or factors.shape[1] != 2 or not np.isfinite(factors).all():
            raise ValueError(f"factors have the shape {factors.shape}")
        return cls(layers, factors.tolist())

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
        return super().__new__(cls, network, *map(argument, arguments))

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
