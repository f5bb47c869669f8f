"""Expressions as graphs: what is visited, replaced, counted, written out and packed."""

from __future__ import annotations

import pickle

import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from symdyn import dag
from symdyn.errors import DeclarationError

x, y, z, a, b, c = sp.symbols("x y z a b c")


def tower(height):
    """Nested squares of sums: a graph of some nodes for each level, and a tree that doubles with each."""
    e = x
    for k in range(height):
        e = sp.sin(e + k) * sp.cos(e + k)
    return e


def test_every_node_is_visited_once_after_its_operands():
    visited = list(dag.nodes([tower(60), x, tower(60) + y]))
    assert len(visited) == len(set(visited)) < 60 * 10
    place = {e: k for k, e in enumerate(visited)}
    assert all(place[arg] < place[e] for e in visited for arg in e.args)


def test_bound_symbols_are_not_free():
    assert dag.free_symbols([sp.Sum(a * x, (x, 1, y)), z]) == {a, y, z}
    assert dag.free_symbols([sp.Lambda(x, x * a)(y), sp.Lambda(x, x * a)]) == {a, y}
    assert dag.free_symbols([tower(80), y]) == {x, y}


def test_replacing_keeps_the_form_of_products():
    inner = sp.Mul(2, x + y, evaluate=False)
    (kept,) = dag.replace([inner * z], {z: a})
    assert kept == sp.Mul(2, a, x + y, evaluate=False)
    assert dag.replace([z * (x + y), z * (x + y), z * x, z], {z: sp.Integer(3)}) == [
        sp.Mul(3, x + y, evaluate=False), sp.Mul(3, x + y, evaluate=False), 3 * x, 3,
    ]  # fmt: skip
    assert dag.replace([z * (x + y)], {z: sp.S.Zero}) == [0]
    assert dag.replace([z * (x + y)], {z: sp.S.One}) == [x + y]
    assert dag.replace([x + x**2], {x: y, x**2: z}) == [y + z]  # what is replaced is not looked into
    (same,) = dag.replace([kept], {z: a})
    assert same is kept


def test_sizes_are_those_of_the_tree():
    assert dag.size(x) == 1
    assert dag.size(sp.sin(x + 1) * sp.cos(x + 1)) == 1 + 2 * 4
    # T(k + 1) = 1 + 2 (1 + 1 + 1 + T(k)) but for the first, where x + 0 is x
    tree = dag.size(tower(1))
    for _ in range(59):
        tree = 7 + 2 * tree
    assert dag.size(tower(60)) == tree > 2**60
    assert dag.size(x + y, {x: 10}) == 12


def test_growth_is_refused_beyond_the_largest():
    dag.refuse_growth(dag.LARGEST, "the sum")
    with pytest.raises(DeclarationError, match="the sum has 1e\\+05 symbols"):
        dag.refuse_growth(dag.LARGEST + 1, "the sum")
    assert dag.put_in(a * b + c, {a: x + y, z: tower(60)}, "the sum") == b * (x + y) + c
    with pytest.raises(DeclarationError, match="more than 100000"):
        dag.put_in(a + 1, {a: tower(60)}, "the sum")


def test_rules_are_written_out_in_any_order_and_circles_are_found():
    rules = {a: b * c, b: c + x, c: y**2}
    assert dag.written_out(rules, "rule") == {a: y**2 * (x + y**2), b: y**2 + x, c: y**2}
    assert list(dag.written_out(rules, "rule")) == [a, b, c]
    # of two ways to the same rule neither is a circle
    assert dag.written_out({a: b + c, b: z, c: 2 * z, z: x}, "rule")[a] == 3 * x
    assert dag.written_out({a: b + z, b: c, c: z, z: x}, "rule")[a] == 2 * x
    for circle in ({a: a + 1}, {a: b, b: c, c: a}, {x: a, a: b, b: a}):
        with pytest.raises(DeclarationError, match="is defined by itself"):
            dag.written_out(circle, "rule")


def test_packed_expressions_are_the_same_after_pickling():
    expressions = [sp.Mul(2, x + y, evaluate=False), tower(30), x, sp.Mul(2, x + y, evaluate=False) * z, sp.sin(x) ** y]
    records, places = dag.pack(expressions)
    assert len(records) == len(list(dag.nodes(expressions)))
    assert dag.unpack(pickle.loads(pickle.dumps((records, places)))) == expressions


def test_fingerprints_tell_functions_operands_and_order_apart():
    different = [[x**y], [y**x], [sp.sin(x)], [sp.cos(x)], [x, y], [y, x], [x], [y], [x, x], [sp.sin(x), x], [x * y], [x + y]]
    assert len({dag.fingerprint(e) for e in different}) == len(different)
    assert dag.fingerprint([x + y * z]) == dag.fingerprint([z * y + x])


def test_what_was_made_twice_is_compared_once():
    """Equal graphs of 2^60 paths that share nothing: they cannot be compared path by path."""

    def made():
        clear_cache()  # else sympy gives the same objects again
        f, g, e = sp.Function("f"), sp.Function("g"), sp.Symbol("x")
        for _ in range(60):
            e = sp.Add(f(e, evaluate=False), g(e, evaluate=False), evaluate=False)
        return e

    parts = [made(), made()]
    for e in parts:
        assert len(list(dag.nodes([e]))) == 181
    one, other = (list(dag.nodes([e])) for e in parts)
    known = dag.Visited()
    assert len(list(dag.nodes(one, known))) == 181
    assert list(dag.nodes(other, known)) == []
    assert dag.fingerprint(parts) == dag.fingerprint([parts[0], parts[0]])


def test_traverses_may_run_inside_each_other():
    """What one gives the same operands as an equal expression elsewhere, the other is still about to visit."""

    def made():
        clear_cache()
        return sp.sin(sp.cos(sp.Symbol("x") + 1))

    one, other = made(), made()
    assert one is not other
    whole, seen = sp.Add(one, y, evaluate=False), []
    for node in dag.nodes([whole]):
        seen.append(node)
        assert list(dag.nodes([other, whole]))[-1] is whole
    assert len(seen) == len(set(seen)) == 7
    assert seen[-1] is whole
