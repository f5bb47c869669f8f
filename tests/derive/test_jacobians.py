"""Jacobians as matrices of expressions, against derivatives by hand."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError


def test_of_equations_maps_and_rate_equations():
    x, v, mu, r = sp.symbols("x v mu r")
    oscillator = sd.ODESystem({x: v, v: mu * (1 - x**2) * v - x})
    assert oscillator.jacobian() == sp.Matrix([[0, 1], [-2 * mu * x * v - 1, mu * (1 - x**2)]])
    (entry,) = sd.DiscreteSystem({x: r * x * (1 - x)}).jacobian()
    assert sp.expand(entry - r * (1 - 2 * x)) == 0
    _A, _B, k1, k2 = sp.symbols("A B k1 k2")
    rates = sd.ReactionNetwork.from_text("A <-> B, k1, k2").rate_equations()
    assert rates.jacobian() == sp.Matrix([[-k1, k2], [k1, -k2]])


def test_others_are_refused():
    with pytest.raises(DeclarationError, match="has delays"):
        sd.ODESystem.from_text("x' = -x(t - 1)").jacobian()
    with pytest.raises(DeclarationError, match="has algebraic equations"):
        sd.ODESystem.from_text("x' = -z; 0 = z - x for z").jacobian()
