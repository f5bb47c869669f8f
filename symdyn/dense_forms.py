"""Dense layers written out: outputs and second derivatives as expressions with all their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import sympy as sp

__all__ = ["curvatures", "outputs"]

#: Weights, biases and the name of a function.
Stage = tuple[np.ndarray, np.ndarray, str]
FUNCTIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "tanh": sp.tanh, "softplus": lambda z: sp.log(1 + sp.exp(z)), "identity": lambda z: z
}  # fmt: skip


def outputs(layers: Iterable[Stage], arguments: Sequence[sp.Expr]) -> list[sp.Expr]:
    """The outputs of layers.

    Parameters
    ----------
    layers : iterable of (weights, bias, function)
    arguments : sequence of Expr

    Returns
    -------
    list of Expr

    Examples
    --------
    >>> outputs([(np.array([[2.0]]), np.array([1.0]), "tanh")], [sp.Symbol("x")])
    [tanh(2.0*x + 1.0)]
    """
    values = list(arguments)
    for weights, bias, function in layers:
        before = _sums(weights, values, bias)
        values = _shares(before) if function == "softmax" else [FUNCTIONS[function](z) for z in before]
    return values


def curvatures(layers: Iterable[Stage], i: int, j: int, arguments: Sequence[sp.Expr]) -> list[sp.Expr]:
    r"""Second derivatives of the outputs by two arguments, :math:`\varphi''(z) z_i z_j + \varphi'(z) z_{ij}` of each layer.

    Parts are shared: there are as many operations as weights, and not as many as paths through the layers.

    Parameters
    ----------
    layers : iterable of (weights, bias, function)
    i, j : int
        Positions of the arguments.
    arguments : sequence of Expr

    Returns
    -------
    list of Expr

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> curvatures([(np.array([[1.0, 2.0]]), np.array([0.0]), "softplus")], 0, 1, [x, y])[0].subs({x: 0, y: 0})
    0.500000000000000
    """
    values, u = list(arguments), sp.Dummy("u")
    by_i, by_j, by_both = ([sp.S.One if k == place else sp.S.Zero for k in range(len(values))] for place in (i, j, -1))
    for weights, bias, function in layers:
        before = _sums(weights, values, bias)
        along_i, along_j, both = (_sums(weights, known) for known in (by_i, by_j, by_both))
        if function == "softmax":
            values = _shares(before)
            by_i, by_j, by_both = _bent_shares(values, along_i, along_j, both)
            continue
        values = [FUNCTIONS[function](z) for z in before]
        slopes, bends = ([FUNCTIONS[function](u).diff(u, order).xreplace({u: z}) for z in before] for order in (1, 2))
        by_both = [
            _sum([_product(b, p, q), _product(s, r)])
            for b, p, q, s, r in zip(bends, along_i, along_j, slopes, both, strict=True)
        ]
        by_i, by_j = ([_product(*pair) for pair in zip(slopes, along, strict=True)] for along in (along_i, along_j))
    return by_both


def _shares(z: Sequence[sp.Expr]) -> list[sp.Expr]:
    r""":math:`e^{z_i} / \sum_j e^{z_j}`."""
    powers = [sp.exp(e) for e in z]
    total = _sum(powers)
    return [_product(p, 1 / total) for p in powers]


def _bent_shares(
    shares: Sequence[sp.Expr], by_i: Sequence[sp.Expr], by_j: Sequence[sp.Expr], by_both: Sequence[sp.Expr]
) -> tuple[list[sp.Expr], list[sp.Expr], list[sp.Expr]]:
    r"""First and second derivatives of shares s, :math:`s_i = s\,(z_i - s \cdot z_i)`, from those of their logarithms z."""

    def centred(along: Sequence[sp.Expr], weights: Sequence[sp.Expr]) -> sp.Expr:
        return _sum([_product(w, a) for w, a in zip(weights, along, strict=True)])

    def away(along: Sequence[sp.Expr], *means: sp.Expr) -> list[sp.Expr]:
        return [_sum([a, *(_product(sp.S.NegativeOne, m) for m in means)]) for a in along]

    from_i, from_j = away(by_i, centred(by_i, shares)), away(by_j, centred(by_j, shares))
    first_i = [_product(s, d) for s, d in zip(shares, from_i, strict=True)]
    first_j = [_product(s, d) for s, d in zip(shares, from_j, strict=True)]
    bends = away(by_both, centred(by_both, shares), centred(by_i, first_j))
    both = [_sum([_product(a, d), _product(s, b)]) for a, d, s, b in zip(first_j, from_i, shares, bends, strict=True)]
    return first_i, first_j, both


def _sums(weights: np.ndarray, values: Sequence[sp.Expr], bias: np.ndarray | None = None) -> list[sp.Expr]:
    """Sums of numbers times expressions, into which the numbers are not multiplied."""
    found = []
    for k, row in enumerate(weights.tolist()):
        terms = [_product(sp.Float(w), v) for w, v in zip(row, values, strict=True)]
        found.append(_sum([*terms, *([] if bias is None else [sp.Float(float(bias[k]))])]))
    return found


def _sum(terms: Sequence[sp.Expr]) -> sp.Expr:
    kept = [e for e in terms if e is not sp.S.Zero]
    return sp.Add(*kept, evaluate=not _long(kept))


def _product(*factors: sp.Expr) -> sp.Expr:
    if sp.S.Zero in factors:
        return sp.S.Zero
    return sp.Mul(*factors, evaluate=not _long(factors))


def _long(parts: Sequence[sp.Expr]) -> bool:
    """Whether sums are among the arguments: to sort them would compare them in all of their depth."""
    return any(e.is_Add or any(a.args for a in e.args) for e in parts)
