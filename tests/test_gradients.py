"""Derivatives along the graph against sympy's, and expressions whose trees nobody could walk."""

from __future__ import annotations

import pytest
import sympy as sp

from symdyn import dag
from symdyn.gradients import gradients

x, y, a, t = sp.symbols("x y a t")

EXPRESSIONS = [
    a * x**2 * y - 3 * x + sp.Rational(1, 2),
    x / (x + a) ** 3 + sp.sqrt(x * y),
    sp.exp(-a * x) * sp.sin(y * t) / (1 + y**4),
    x**a + a**x + x**y,
    sp.Max(x, y) * sp.log(1 + x**2) + sp.atan2(y, x),
    sp.Piecewise((x**2, x > 1), (a * x * y, True)),
    a * t,
]


@pytest.mark.parametrize("e", EXPRESSIONS, ids=str)
def test_are_those_of_sympy(e):
    found = gradients([e], [x, y, t])[0]
    here = {x: 1.7, y: 0.6, a: 1.3, t: 0.4}
    for s in (x, y, t):
        expected = e.diff(s).subs(here)
        assert float(found.get(s, sp.S.Zero).subs(here)) == pytest.approx(float(expected), rel=1e-12)
        assert (s in found) == (e.diff(s) != 0)


def test_polynomials_come_as_sympy_writes_them():
    e = a * x**2 * y - 3 * x
    assert gradients([e], [x, y])[0] == {x: e.diff(x), y: e.diff(y)}


def test_nested_expressions_take_linear_time():
    """f -> a f + f^2 sixty times: a graph of a few hundred nodes, a tree of 3^60."""
    e = f = x
    value, number = sp.Rational(1, 10**30), sp.S.One
    for _ in range(60):
        e = sp.Mul(a, f) + f**2
        number = number * (1 + 2 * value)
        value = value + value**2
        value = sp.Float(value, 60)
        f = e
    slope = gradients([e], [x])[0][x]
    assert sum(1 for _ in dag.nodes([slope])) < 2000
    assert dag.free_symbols([slope]) == {x, a}
    at = dag.replace([slope], {x: sp.Float("1e-30", 60), a: sp.Float(1, 60)})[0]
    assert float(at) == pytest.approx(float(number), rel=1e-12)


def test_graphs_survive_packing():
    e = sp.Mul(2, x + y, evaluate=False) * a + sp.Mul(3, x + a, evaluate=False)
    assert dag.unpack(dag.pack([e, x, e])) == [e, x, e]
    assert dag.fingerprint([e]) == dag.fingerprint(dag.unpack(dag.pack([e])))
    assert dag.fingerprint([e, x]) != dag.fingerprint([x, e])
    assert dag.free_symbols([sp.Sum(x * a, (x, 1, y))]) == {a, y}
