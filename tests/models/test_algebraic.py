"""Declaration and text of algebraic equations, and their structure."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.text import text_of

t, x, y, z, k = sp.symbols("t x y z k")


def test_declaration_reads_expressions_equations_and_functions_of_time():
    X, Y = sp.Function("x"), sp.Function("y")
    plain = sd.ODESystem({x: -y * x}, algebraic={y: y + y**3 - x})
    assert plain.states == (x, y)
    assert plain.algebraic == (y,)
    assert plain.parts == {"drift", "algebraic"}
    assert sd.ODESystem({"x": -y * x}, algebraic={"y": sp.Eq(0, y + y**3 - x)}) == plain
    assert sd.ODESystem({X(t): -Y(t) * X(t)}, algebraic={Y(t): Y(t) + Y(t) ** 3 - X(t)}) == plain
    assert sd.ODESystem([sp.Eq(X(t).diff(t), -Y(t) * X(t))], algebraic={Y(t): Y(t) + Y(t) ** 3 - X(t)}) == plain
    second = sd.ODESystem([sp.Eq(X(t).diff(t, 2), Y(t))], algebraic={Y(t): Y(t) + X(t).diff(t)})
    assert str(second) == "x' = x_dot\nx_dot' = y\n0 = x_dot + y for y"
    assert plain != sd.ODESystem({x: -y * x, y: y + y**3 - x})
    assert pickle.loads(pickle.dumps(plain)) == plain
    assert plain.with_parameters() == plain.map_expressions(sp.expand) == plain
    assert "0 &= " in plain._repr_latex_()


@pytest.mark.parametrize(
    ("equations", "algebraic", "message"),
    [
        ({x: -x, y: x}, {y: y - x}, "y has a rate of change and an algebraic equation"),
        ({x: -x}, [y - x], "expected a mapping from each state"),
        ({x: -x}, {y: sp.Eq(x, x)}, "for y is always true"),
        ({x: -x}, {y: "y - x"}, "goes through from_text"),
        ({x: -y}, {y: y - sp.Function("x")(t - y)}, r"the delay of x\(t - y\), in an algebraic equation, depends on y"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(equations, algebraic, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.ODESystem(equations, algebraic=algebraic)


def test_text_says_which_state_an_equation_determines():
    read = sd.ODESystem.from_text
    system = read("x' = -y*x\n0 = y + y^3 - x; x(0) = 1; y(0) = 0.5")
    assert str(system) == "x' = -x*y\n0 = -x + y**3 + y for y"
    assert sd.ODESystem.from_text(text_of(system)) == system
    assert read("x' = -k*x; k = 2; 0 = z - y; 0 = y - x").algebraic == (z, y)
    assert read("x' = -k*x; 0 = y - k*x for y").parameters == (k,)
    assert read("x' = -x; 0 = y - k*x; y(0) = 1").algebraic == (y,)
    with pytest.raises(sd.ParseError, match=r"not clear which state .*\(names without a declaration: y, k\).* for z"):
        read("x' = -k*x; 0 = y - k*x")
    for text, message in (
        ("x' = -x; 0 = y - x for", "for is followed by one state"),
        ("x' = -x; 0 = ", "the right side is missing"),
        ("x' = -x; 0 = y - x for x", "x has two equations"),
        ("x' = -x; 0 = y - x for y; y = 3", "y is a parameter here and a state above|y is a state here and a parameter above"),
    ):
        with pytest.raises(sd.ParseError, match=message):
            read(text)
    with pytest.raises(sd.DeclarationError, match="no algebraic equations"):
        sd.DiscreteSystem.from_text("x[t+1] = x; 0 = y - x for y")


def test_sbml_has_algebraic_rules():
    libsbml = pytest.importorskip("libsbml")
    text = sd.ODESystem({x: -y * x}, algebraic={y: y + y**3 - x}, initial={x: 1}).to_sbml()
    model = libsbml.readSBMLFromString(text).getModel()
    assert sorted(model.getRule(i).isAlgebraic() for i in range(model.getNumRules())) == [False, True]


def test_structure_of_known_problems():
    """Index 3 of the pendulum, 2 of a prescribed path, 1 of an equilibrium (Hairer & Wanner, Solving ODEs II, VII.1)."""
    u, v, lam = sp.symbols("u v lam")
    rates = {x: u, y: v, u: -lam * x, v: -lam * y - 9.81}
    pendulum = sd.ODESystem(rates, algebraic={lam: x**2 + y**2 - 1}).index_reduced()
    assert "from index 3" in pendulum.provenance[-1]
    assert pendulum.constraints == (x**2 + y**2 - 1, 2 * u * x + 2 * v * y)
    assert pendulum.index_reduced() is pendulum
    assert "from index 2" in sd.ODESystem(rates, algebraic={lam: u * x + v * y}).index_reduced().provenance[-1]
    path = sd.ODESystem({x: z}, algebraic={y: y - sp.sin(t), z: x - y}).index_reduced()
    assert path.free == (y,)
    assert [s.name for s in path.algebraic] == ["z", "y_dot"]
    simple = sd.ODESystem({x: -y}, algebraic={y: y**3 - x})
    assert simple.index_reduced() is simple


def test_equations_find_their_unknowns():
    a, b = sp.symbols("a b")
    crossed = sd.ODESystem({x: -x}, algebraic={a: b - x, b: a + b})
    assert crossed.index_reduced().drift == (-x, a + b, b - x)


@pytest.mark.parametrize(
    ("equations", "algebraic", "message"),
    [
        ({x: -x}, {y: x + y, z: x - 2 * y}, r"x' = -x; 0 = x \+ y; 0 = x - 2\*y contain only x, y.* no equation is left for z"),
        ({x: -x}, {y: sp.cos(t)}, r"0 = cos\(t\) contains no state.* left for y"),
        ({x: z, y: -z}, {z: x + y - 1}, r"do not determine z: 0 = x \+ y - 1 follows from the other equations"),
    ],
)  # fmt: skip
def test_structural_singularity_names_equations_and_unknowns(equations, algebraic, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.ODESystem(equations, algebraic=algebraic).index_reduced()


def test_derivatives_that_are_not_known_are_refused():
    f, w = sp.Function("f"), sd.Path("w", [0, 1], [0, 1])
    with pytest.raises(sd.DeclarationError, match="unknown terms"):
        sd.ODESystem({x: z}, algebraic={z: x - f(x)}).index_reduced()
    with pytest.raises(sd.DeclarationError, match="second derivative of the input w"):
        sd.ODESystem({x: y, y: z}, algebraic={z: x - w}).index_reduced()


def test_equations_that_are_solved_leave_their_unknowns_as_observables():
    a, b, w = sp.symbols("a b w")
    K = sp.Symbol("K", positive=True)
    system = sd.ODESystem(
        {x: -a}, {K: 2}, algebraic={a: K * a - b - x, b: b + w - 1, w: w + w**3 - x}, initial={x: 1, w: 0.5},
        observables={"double": 2 * a}, events=sd.Event(a < sp.Rational(1, 5), {x: 2}),
    )  # fmt: skip
    solved = system.index_reduced(eliminate=True)
    assert solved.states == (x, w)
    assert solved.algebraic == (w,)
    assert solved.observables[b] == 1 - w
    assert sp.expand(solved.observables[a] - (1 - w + x) / K) == 0
    assert sp.expand(solved.observables[sp.Symbol("double")] - 2 * (1 - w + x) / K) == 0
    assert not solved.events[0].trigger.has(a)
    assert "solved for a = " in solved.provenance[-1]
    runs = [sd.simulate(s, [0, 1, 2], rtol=1e-10, atol=1e-12, progress=False) for s in (system, solved)]
    for name in ("x", "a", "b", "w", "double"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-8)
    with pytest.raises(sd.DeclarationError, match=r"index 1; this one has the constraint 0 = y - sin\(t\)"):
        sd.ODESystem({x: z}, algebraic={y: y - sp.sin(t), z: x - y}).index_reduced(eliminate=True)
    vanishing = sd.ODESystem({x: -y}, algebraic={y: k * y - x}).index_reduced(eliminate=True)
    assert vanishing.algebraic == (y,)


def test_initial_values_that_contain_a_solved_unknown_keep_their_meaning():
    x, y, z, k = sp.symbols("x y z k")
    system = sd.ODESystem({x: -x, y: -y}, {k: 3}, algebraic={z: z - k * x}, initial={x: 1, y: 2 * z, z: 3})
    assert system.initial_numbers()[y] == 6
    assert system.index_reduced(eliminate=True).initial_numbers() == {x: 1, y: 6}
