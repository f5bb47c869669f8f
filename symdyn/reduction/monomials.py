"""Expressions as polynomials of low degree and a rest, without expanding anything of higher degree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.dense import DenseLayers, DenseOutput

__all__ = ["Monomials"]

#: From a monomial, the sorted places of its states, or an expression that is none, to coefficients by factor.
Form = dict[Any, dict[sp.Expr, float]]


class Monomials:
    """Reads expressions of states; equal subexpressions are read once.

    Parameters
    ----------
    places : mapping of Expr to int
        The states, or other expressions that count as such.
    degree : int
        Products of a higher degree stay as they are written.
    """

    def __init__(self, places: Mapping[sp.Basic, int], degree: int) -> None:
        self.places, self.degree = places, degree
        self._forms: dict[sp.Basic, Form] = {}
        self._vary: dict[sp.Basic, bool] = {}
        self._hidden: dict[tuple[str, tuple[sp.Expr, ...]], tuple[sp.Expr, ...]] = {}

    def varies(self, e: sp.Basic) -> bool:
        """Whether an expression contains a state."""
        found = self._vary.get(e)
        if found is None:
            found = self._vary[e] = e in self.places or any(map(self.varies, e.args))
        return found

    def form(self, e: sp.Expr) -> Form:
        r"""The expression as :math:`\sum_k c_k w_k` of monomials and other expressions.

        >>> u, v, a = sp.symbols("u v a")
        >>> Monomials({u: 0, v: 1}, 2).form(a * u * (2 - v) + sp.exp(v))
        {(0,): {a: 2.0}, (0, 1): {a: -1.0}, exp(v): {1: 1.0}}
        >>> Monomials({u: 0, v: 1}, 1).form(a * u * (2 - v))
        {u*(2 - v): {a: 1.0}}
        """
        found = self._forms.get(e)
        if found is None:
            found = self._forms[e] = self._form(e)
        return found

    def _form(self, e: sp.Expr) -> Form:
        if e in self.places:
            return {(self.places[e],): {sp.S.One: 1.0}}
        if not self.varies(e):
            return {(): _split(e)}
        if e.is_Add:
            total: Form = {}
            for term in e.args:
                _add(total, self.form(term), {sp.S.One: 1.0})
            return total
        if e.is_Mul:
            constant = sp.Mul(*(a for a in e.args if not self.varies(a)))
            rest = [a for a in e.args if self.varies(a)]
            product = self._product(rest)
            total = {}
            _add(total, {sp.Mul(*rest): {sp.S.One: 1.0}} if product is None else product, _split(constant))
            return total
        if e.is_Pow and e.exp.is_Integer and 0 < e.exp <= self.degree:
            product = self._product([e.base] * int(e.exp))
            if product is not None:
                return product
        if isinstance(e, DenseOutput) and e.layers.layers[-1].function == "identity":
            return self._layer(e)
        return {e: {sp.S.One: 1.0}}

    def _layer(self, e: DenseOutput) -> Form:
        """An output of dense layers: a sum of what its last layer is applied to."""
        weights, bias, _ = e.layers.layers[-1]
        before = e.layers.layers[:-1]
        if not before:
            arguments: tuple[sp.Expr, ...] = e.arguments
        else:
            key = e.layers.digest, e.arguments
            if key not in self._hidden:
                self._hidden[key] = tuple(DenseLayers(e.layers.name, before).written(e.arguments))
            arguments = self._hidden[key]
        total: Form = {(): {sp.S.One: float(bias[e.index])}}
        for value, argument in zip(weights[e.index].tolist(), arguments, strict=True):
            _add(total, self.form(argument), {sp.S.One: value})
        return total

    def _product(self, factors: list[sp.Expr]) -> Form | None:
        """The product of some factors, None where its degree is too high."""
        forms = [self.form(f) for f in factors]
        if len(forms) == 1:
            return forms[0]
        if any(not isinstance(key, tuple) for form in forms for key in form):
            return None
        if sum(max(map(len, form)) for form in forms) > self.degree:
            return None
        total = forms[0]
        for form in forms[1:]:
            product: Form = {}
            for key, coefficients in form.items():
                shifted = {tuple(sorted((*k, *key))): c for k, c in total.items()}
                _add(product, shifted, coefficients)
            total = product
        return total


def _split(e: sp.Expr) -> dict[sp.Expr, float]:
    """A factor without states as numbers times factors without a number."""
    found: dict[sp.Expr, float] = {}
    for term in sp.Add.make_args(e):
        number, factor = term.as_coeff_Mul()
        if factor.is_number:
            number, factor = number * factor, sp.S.One
        found[factor] = found.get(factor, 0.0) + float(number)
    return found


def _add(total: Form, form: Form, times: Mapping[sp.Expr, float]) -> None:
    for key, coefficients in form.items():
        row = total.setdefault(key, {})
        for a, x in coefficients.items():
            for b, y in times.items():
                factor = a if b is sp.S.One else b if a is sp.S.One else a * b
                row[factor] = row.get(factor, 0.0) + x * y
