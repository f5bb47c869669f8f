"""Expressions in files that no text holds: exactly what was written, and nothing that a file must not make."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.graphs import graph_of, read_graph

x, y = sp.symbols("x y")
LAYERS = sd.DenseLayers("f", [([[0.1, 1 / 3], [2.0, -1.0]], None, "tanh"), ([[1.0, 1e-300]], [0.7], "identity")])
EXPRESSIONS = [
    sp.Mul(0.1, x + 1, evaluate=False), x**sp.Rational(-3, 7) * sp.Float(1 / 3), sp.Piecewise((x, x < y), (sp.pi, True)),
    LAYERS(x, y) + LAYERS(y, x**2).diff(x), sp.Max(x, y, 0) * sp.exp(-x) / sp.log(y), sp.Add(x, x, evaluate=False),
    sp.Integer(0),
]  # fmt: skip


def test_expressions_come_back_exactly():
    arrays = {}
    facts = graph_of(EXPRESSIONS, arrays)
    assert read_graph(facts, arrays) == EXPRESSIONS
    assert len(arrays) == 4  # a table of weights, and one of biases, of each layer


@pytest.mark.parametrize("e", [sp.Function("g")(x), sp.Float("0.1", 30), sp.zoo, sp.Integral(x, x), sp.Symbol("x") + sp.I])
def test_what_is_not_written_is_refused(e):
    with pytest.raises(DeclarationError, match="cannot be written"):
        graph_of([e], {})


def test_different_symbols_of_one_name_are_refused():
    with pytest.raises(DeclarationError, match="two different symbols are called x"):
        graph_of([x * sp.Symbol("x", positive=True)], {})


@pytest.mark.parametrize(
    "records",
    [
        [["exp", [0]]], [["symbol", "x"], ["exp", [1]]], [["symbol", "x"], ["exp", [-1]]], [["symbol", "x"], ["lambdify", [0]]],
        [["float", "x"]], [["symbol", 3]], [["integer", "1"], ["DenseOutput", [0, 0]]], [["constant", "S"]], ["x"],
        [["layers", "f", []], ["Add", [0, 0]]], [["symbol", "x"], ["exp", [True]]],
        [["symbol", "x"], ["symbol", "y"], ["exp", [False]]], [["symbol", "x"], ["LessThan", [0, 0]], ["Add", [1, 1]]],
        [["symbol", "x"], ["Piecewise", [0]]], [["symbol", "x"], ["And", [0, 0]]], [["symbol", "x"], ["ExprCondPair", [0, 0]]],
    ],
)  # fmt: skip
def test_damaged_records_are_refused(records):
    with pytest.raises((ValueError, DeclarationError)):
        read_graph({"records": records, "places": [len(records) - 1]}, {"a": np.ones(2)})
