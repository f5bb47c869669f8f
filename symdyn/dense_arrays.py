"""Dense layers as arrays: what they are made of, checked, and their values and derivatives by numpy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.registry import suggest

__all__ = ["ACTIVATIONS", "Layer", "applied", "checked", "slopes"]

#: Functions of layers: elementwise ones, and 'softmax', whose outputs are positive and sum to 1.
ACTIVATIONS = ("identity", "tanh", "softplus", "softmax")


class Layer(NamedTuple):
    """One layer: weights (m, n), biases (m,), and a name of `ACTIVATIONS`.

    Examples
    --------
    >>> Layer(np.eye(2), np.zeros(2), "tanh").function
    'tanh'
    """

    weights: np.ndarray
    bias: np.ndarray
    function: str


def _activated(function: str, z: np.ndarray) -> np.ndarray:
    if function == "softmax":
        shares = np.exp(z - z.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)
    return np.tanh(z) if function == "tanh" else np.logaddexp(z, 0.0) if function == "softplus" else z


def _tangents(function: str, z: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Derivatives of a function at z (..., m), times the tangents (..., m, n) of z."""
    if function == "softmax":
        shares = _activated(function, z)[..., None]
        return shares * (along - (shares * along).sum(axis=-2, keepdims=True))
    if function == "tanh":
        slope = 1.0 - np.tanh(z) ** 2
    else:
        slope = 0.5 * (1.0 + np.tanh(0.5 * z)) if function == "softplus" else np.ones_like(z)
    return slope[..., None] * along


def applied(layers: Iterable[Layer], z: np.ndarray) -> np.ndarray:
    """Outputs (..., m) of layers one after another at inputs (..., n)."""
    for weights, bias, function in layers:
        z = _activated(function, z @ weights.T + bias)
    return z


def slopes(layers: Iterable[Layer], z: np.ndarray) -> np.ndarray:
    """Partial derivatives (..., m, n) of these outputs."""
    found = np.broadcast_to(np.eye(z.shape[-1]), (*z.shape, z.shape[-1]))
    for weights, bias, function in layers:
        before = z @ weights.T + bias
        found = _tangents(function, before, weights @ found)
        z = _activated(function, before)
    return found


def checked(name: str, k: int, layer: Any) -> Layer:
    """The layer k of dense layers with a name; a `DeclarationError` where it is none."""
    try:
        weights, bias, function = layer
    except (TypeError, ValueError):
        raise DeclarationError(
            f"layer {k} of {name} is {layer!r}; expected weights, biases or None, and a function, such as 'tanh'"
        ) from None
    try:
        weights = np.array(weights, dtype=float)
        bias = np.zeros(len(weights)) if bias is None else np.array(bias, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"layer {k} of {name} has weights or biases that are no numbers") from None
    if weights.ndim != 2 or 0 in weights.shape or bias.shape != weights.shape[:1]:
        raise DeclarationError(
            f"layer {k} of {name} has weights of shape {weights.shape} and biases {bias.shape}; expected (m, n) and (m,)"
        )
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise DeclarationError(f"layer {k} of {name} has weights or biases that are not finite")
    if function not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise DeclarationError(
            f"layer {k} of {name} has the function {function!r}; known: {known}.{suggest(str(function), ACTIVATIONS)}"
        )
    weights.setflags(write=False)
    bias.setflags(write=False)
    return Layer(weights, bias, str(function))
