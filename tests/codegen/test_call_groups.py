"""Calls that one lane makes together: as many as possible, after what they need, and with the bits of separate calls."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.call_groups import call_groups
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.lower import lower

x, y, a, b = sp.symbols("x y a b")
BLOCKS = [("lane", ()), ("y", (x, y)), ("p", (a, b))]


def program(*expressions):
    return lower("f", BLOCKS, expressions, [str(k) for k in range(len(expressions))])


def sizes(*expressions) -> list[int]:
    """How many calls are made together, for every call of a vector."""
    return sorted(len(group) for group in call_groups(program(*expressions))[1].values())


@pytest.mark.parametrize(("count", "together"), [(1, []), (2, [2]), (8, [8]), (9, [8]), (11, [3, 8])])
def test_calls_that_do_not_wait_are_made_eight_at_a_time(count, together):
    assert sizes(*(sp.exp(k * x) for k in range(1, count + 1))) == together


def test_a_call_waits_for_what_it_needs():
    assert sizes(sp.exp(sp.exp(x)), sp.exp(y)) == [2]  # exp(x) with exp(y)
    assert sizes(sp.sin(sp.exp(x)), sp.exp(sp.sin(x))) == []
    assert sizes(x**a / (x**a + b**a) + y**a) == [3]
    assert sizes(sp.gamma(x), sp.gamma(y)) == []  # the C library has no vectors


def test_every_operation_comes_once_and_after_its_operands():
    found = program(sp.exp(sp.exp(x) + sp.sin(y)) * x, sp.exp(y) - sp.sin(x * sp.exp(a)), sp.Max(sp.exp(b), x) ** sp.sin(a))
    order, _ = call_groups(found)
    assert sorted(order) == list(range(len(found.operations)))
    place = {k: i for i, k in enumerate(order)}
    for k, (op, args, _) in enumerate(found.operations):
        assert op == "input" or all(place[arg] < place[k] for arg in args)


def test_vectors_of_several_lanes_keep_their_order():
    found = program(sp.exp(x), x + y, sp.exp(y))
    assert module_text((found,), 8, "").count("call <8 x double> @symdyn.exp.v8") == 2
    assert module_text((found,), 1, "").count("call <2 x double> @symdyn.exp.v2") == 1


@pytest.mark.parametrize("count", [2, 3, 8, 9, 17])
def test_one_lane_has_the_bits_of_many(count):
    terms = [sp.exp(-k * x) * y ** (a + k) + sp.sin(k + sp.exp(-k * y)) for k in range(count)]
    system = sd.DiscreteSystem({x: sp.Add(*terms) / (1 + sp.Add(*terms) ** 2), y: sp.cos(x) ** 2 + sp.cos(y / 3) ** 2})
    initial = np.random.default_rng(count).uniform(0.1, 0.9, (8, 2))
    one, eight = (sd.compile(system, lanes=lanes)(initial, np.full((8, 1), 1.3), np.arange(20.0)).values for lanes in (1, 8))
    assert np.isfinite(one).all()
    assert one.tobytes() == eight.tobytes()


def test_events_in_a_row_have_the_bits_of_lanes():
    net = sd.ReactionNetwork.from_text(
        "0 -> X, k/(1 + (Y/20)**n); 0 -> Y, k/(1 + (X/20)**n); X -> 0, 1; Y -> 0, 1", parameters={"k": 50, "n": 2.5}
    )
    parameters = np.array([[50.0, 2.5]] * 8)
    initial = np.tile([5.0, 40.0], (8, 1))
    one, eight = (sd.compile(net, lanes=lanes)(initial, parameters, np.arange(9.0), seed=3) for lanes in (1, 8))
    assert one.values.tobytes() == eight.values.tobytes()
    assert (one.steps > 100).all()
