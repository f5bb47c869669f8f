"""Declaring fields: what is read, printed and refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn import dag
from symdyn.codegen.kernel import compile
from symdyn.errors import CompileError, DeclarationError
from symdyn.models.boundary import NO_FLUX, Dirichlet, Neumann, Robin
from symdyn.models.boxes import Interval, Rectangle
from symdyn.models.domains import Plane
from symdyn.models.operators import (
    components,
    derivative_of,
    div,
    dot,
    dx,
    dy,
    dz,
    grad,
    integral,
    laplacian,
    linear_form,
    linear_part,
    mean,
    vector,
)
from symdyn.models.pde import PDESystem

u, v, S, D, a, x, y, t = sp.symbols("u v S D a x y t")
f = sp.Function("f")


def test_text_and_symbols_give_the_same_system():
    text = """
        u' = D*laplacian(u) + div(a*u*grad(v)) - dx(u)*S + f(u)
        v' = dy(dx(u)) - v
        S' = mean(u) - S
        D = 0.5; S(0) = 1
        total := integral(u + v)
    """
    read = PDESystem.from_text(text, {"a": 2}, domain=Rectangle(2, 1), odes=["S"], boundary="periodic")
    rates = {u: D * laplacian(u) + div(a * u * grad(v)) - dx(u) * S + f(u), v: dy(dx(u)) - v}
    made = PDESystem(rates, Rectangle(2, 1), odes={S: mean(u) - S}, boundary="periodic", parameters={D: 0.5, a: 2},
                     initial={S: 1}, observables={"total": integral(u + v)})  # fmt: skip
    assert read == made
    assert read.fields == (u, v)
    assert read.scalars == (S,)
    assert read.parameters == (D, a)
    assert read.unknowns == (f(u),)
    assert read.kind == "field"
    again = PDESystem.from_text(
        str(read), domain=Rectangle(2, 1), odes=["S"], boundary="periodic", observables=read.observables
    )
    assert again.digest == read.digest


def test_display():
    system = PDESystem({u: D * laplacian(u), v: -dx(u**2)}, (0, 1), odes={S: -S}, boundary={u: {"left": Dirichlet(1)}},
                       parameters={D: 2}, initial={u: sp.sin(x), v: 0})  # fmt: skip
    text = repr(system)
    for part in ("u' = D*laplacian(u)", "u along x: Dirichlet(1) left, no-flux right", "D = 2", "u = sin(x)", "Interval"):
        assert part in text
    latex = system._repr_latex_()
    assert r"\partial_{t} u" in latex
    assert r"\Delta u" in latex
    assert r"\dot{S}" in latex
    assert r"\partial_x \left(u^{2}\right)" in latex
    assert sp.latex(div(D * grad(u)) ** 2 + mean(u) ** 2 + dot(grad(u), vector(u, v)) + integral(u)).count(r"\nabla") >= 3


def test_numbers_are_shown_with_the_digits_that_they_need():
    walls = {"left": Robin(0.5, 1, 0.2), "right": Neumann(0.1)}
    system = PDESystem({u: 0.2, v: 0.3 * v}, (0, 1), boundary=walls, initial={u: 0.7, v: 0.1 * x})
    assert str(system) == "u' = 0.2\nv' = 0.3*v"
    assert "Robin(0.5, 1, 0.2) left, Neumann(0.1) right" in repr(system)
    assert "initial: u = 0.7, v = 0.1*x" in repr(system)


def test_unknown_terms_do_not_run():
    with pytest.raises(CompileError, match=r"the system has unknown terms \(f\(u\)\); fill them in with with_terms"):
        sd.simulate(PDESystem({u: f(u)}, (0, 1), initial={u: 1}), [0, 1], grid=4)


def test_copies():
    system = PDESystem({u: laplacian(u) + f(u)}, (0, 1), boundary=Dirichlet(a), parameters={a: 1}, initial={u: x})
    filled = system.with_terms({f: D * u * (1 - u)}, {D: 3})
    assert filled.rates == (laplacian(u) + D * u * (1 - u),)
    assert filled.parameters == (D, a)
    assert dict(filled.defaults) == {D: 3.0, a: 1.0}
    assert "with f(u)" in filled.provenance[-1]
    assert system.with_parameters(a=5).defaults[a] == 5
    assert system.with_initial(u="a*x").initial[u] == a * x
    assert pickle.loads(pickle.dumps(system)) == system
    grid = system.discretize(8)
    assert pickle.loads(pickle.dumps(grid)) == grid
    assert grid.with_parameters(a=5).pde.defaults[a] == 5
    other = PDESystem({u: laplacian(u) + f(u)}, (0, 1), boundary=Neumann(a), parameters={a: 1}, initial={u: x})
    assert len({system.digest, other.digest, grid.digest, system.discretize(9).digest}) == 4
    with pytest.raises(CompileError, match="unknown term"):
        grid.model()


def test_conditions_of_sides_and_fields():
    system = PDESystem(
        {u: laplacian(u), v: laplacian(v)},
        Rectangle(1, 1),
        boundary={"x": "periodic", v: {"y": (Dirichlet(0), Robin(1, "D", "a*sin(t)"))}, "top": Neumann(2)},
    )
    assert system.periodic == {0}
    assert system.conditions[u] == ("periodic", (NO_FLUX, Neumann(2)))
    assert system.conditions[v] == ("periodic", (Dirichlet(0), Robin(1, D, a * sp.sin(t))))
    assert system.parameters == (D, a)
    plain = PDESystem({u: laplacian(u)}, [0, 2])
    assert plain.domain == Interval(0, 2)
    assert plain.conditions[u] == ((NO_FLUX, NO_FLUX),)
    named = PDESystem({u: s_form(u)}, (0, 1), space=["s"])
    assert named.parameters == ()


def s_form(field):
    return laplacian(field) * sp.Symbol("s")


def test_operators_as_expressions():
    assert components(div(D * grad(u) + vector(v, 0)), 2) == dx(D * dx(u) + v) + dy(D * dy(u))
    assert components(dot(grad(u), grad(v)), 2) == dx(u) * dx(v) + dy(u) * dy(v)
    assert components(div(2 * (grad(u) - u * grad(v))), 1) == dx(2 * dx(u) - 2 * u * dx(v))
    assert dx(sp.Integer(3)) == 0
    assert laplacian(u) != laplacian(v)
    assert dag.fingerprint([laplacian(u)]) != dag.fingerprint([grad(u)])
    assert pickle.loads(pickle.dumps(laplacian(u))) == laplacian(u)
    assert derivative_of(u, (2, 1)) == dx(dx(dy(u)))


def test_what_is_linear():
    form = linear_form(laplacian(D * u + u**2 + S) - 3 * dx(S), {u}, (x, y), 2)
    assert form == {(u, (2, 0)): D, (u, (0, 2)): D, (u**2, (2, 0)): 1, (u**2, (0, 2)): 1}
    e = D * laplacian(u) + mean(u) * u + t * dx(u) + a * (u - v) - laplacian(laplacian(u)) + u * v
    terms, rest = linear_part(e, {u, v}, (x,), {D, a}, 1)
    assert terms == {(u, (2,)): D, (u, (0,)): a, (v, (0,)): -a, (u, (4,)): -1}
    assert sp.expand(rest - (mean(u) * u + t * dx(u) + u * v)) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PDESystem({}, (0, 1)), "non-empty mapping from each field"),
        (lambda: PDESystem({u: u}, Plane()), "lives on"),
        (lambda: PDESystem({u: u}, (1, 0)), "the interval ends at"),
        (lambda: PDESystem({u: [u, v]}, (0, 1)), "is one expression, not a sequence"),
        (lambda: PDESystem({u: dy(u)}, (0, 1)), "differentiates along axis 2 of a domain of 1"),
        (lambda: PDESystem({u: dz(u)}, Rectangle(1, 1)), "differentiates along axis 3"),
        (lambda: PDESystem({u: grad(u)}, (0, 1)), "is a vector where a number belongs"),
        (lambda: PDESystem({u: grad(u) * grad(v)}, (0, 1)), "is a vector where a number belongs"),
        (lambda: PDESystem({u: div(u)}, (0, 1)), "is no vector"),
        (lambda: PDESystem({u: div(vector(u, u))}, (0, 1)), "has 2 components on a domain of 1"),
        (lambda: PDESystem({u: dot(u, grad(u))}, (0, 1)), "is no vector"),
        (lambda: PDESystem({u: mean(u * mean(u))}, (0, 1)), "nests one mean, integral or value at a point in another"),
        (lambda: PDESystem({u: u}, (0, 1), odes={S: u}), "the rate u of the scalar S varies in space"),
        (lambda: PDESystem({u: u}, (0, 1), odes={u: u}), "as a field and one as a scalar"),
        (lambda: PDESystem({u: u}, (0, 1), odes=[u]), "no state is a field"),
        (lambda: PDESystem({u: u}, (0, 1), odes=["w"]), "not a state"),
        (lambda: PDESystem({x: x}, (0, 1)), "is the name of an axis"),
        (lambda: PDESystem({u: u}, (0, 1), space=["x", "y"]), "expected a name for each of 1 axes"),
        (lambda: PDESystem({u: u}, Rectangle(1, 1), space=["s", "s"]), r"space is \['s', 's'\]; expected a name"),
        (lambda: PDESystem({u: u}, (0, 1), space=3), "space is 3; expected a name for each of 1 axes"),
        (lambda: PDESystem({u: u}, (0, 1), odes=3), "odes is 3; expected a mapping from each scalar to its rate, or the names"),
        (lambda: PDESystem({u: u}, (0, 1), observables=[u]), r"observables are \[u\]; expected a mapping"),
        (lambda: PDESystem({u: u}, (0, 1), initial=[1]), r"initial is \[1\]; expected a mapping from states"),
        (lambda: PDESystem({u: u}, (0, 1), initial={u: laplacian(x)}), "the initial value .* of u contains an operator"),
        (lambda: PDESystem({u: u}, (0, 1), parameters=[1]), r"parameter values are \[1\]; expected a mapping"),
        (lambda: PDESystem({u: u}, (0, 1), boundary=None), "the boundary is None; expected"),
        (lambda: PDESystem({u: u}, (0, 1)).with_initial(3), "initial is 3; expected a mapping"),
        (lambda: PDESystem({u: u}, (0, 1)).with_initial({u: abs}), r"is a function; .* simulate\(..., initial={'u': ...}\)"),
        (lambda: PDESystem({u: u}, (0, 1)).with_initial(u=np.ones(4)), "of u is an array; a system keeps numbers"),
        (lambda: PDESystem({u: u}, (0, 1)).discretize(True), "the grid is True; expected .*, grid=nx, each from 1"),
        (lambda: PDESystem({u: u}, Rectangle(1, 1)).discretize(0), r"the grid is 0; expected .*, grid=\(nx, ny\), each from 1"),
        (
            lambda: sd.simulate(PDESystem({u: u}, (0, 1), initial={u: 1}), [1, 0], grid=4),
            "output times decrease, and integration backwards in time cannot be used here: .* has fields",
        ),
        (lambda: PDESystem({u: u}, ((0, 1), (0, 1))), "Rectangle"),
        (lambda: PDESystem({u: u}, (0, 1), boundary="open"), "the boundary is 'open'; expected"),
        (lambda: PDESystem({u: u}, (0, 1), boundary={u: 3}), "the boundary of u is 3"),
        (lambda: PDESystem({u: u}, (0, 1), boundary={"w": "periodic"}), "is no field, axis or side"),
        (lambda: PDESystem({u: u}, (0, 1), boundary={u: {"top": "no-flux"}}), "expected an axis or a side"),
        (lambda: PDESystem({u: u}, (0, 1), boundary={"left": "periodic", "right": "no-flux"}), "on one side only"),
        (lambda: PDESystem({u: u, v: v}, (0, 1), boundary={u: "periodic", v: Dirichlet(0)}), "periodic for all or for none"),
        (lambda: PDESystem({u: u}, (0, 1), boundary={"x": [NO_FLUX] * 3}), "has 3 conditions at x, which has 2 sides"),
        (lambda: PDESystem({u: u}, (0, 1), boundary=Dirichlet(u)), "holds a field or an operator"),
        (lambda: PDESystem({u: u}, (0, 1), boundary=Robin(t, 1, 0)), "may depend on parameters only, not on t"),
        (lambda: PDESystem({u: u}, (0, 1), initial={u: t}), "the initial value t of u holds t"),
        (lambda: PDESystem({u: u}, (0, 1), initial={"q": 1}), "not a state"),
        (lambda: PDESystem.from_text("u' = u"), "needs domain="),
        (lambda: PDESystem.from_text("x[t+1] = x", domain=(0, 1)), "is written u' ="),
        (lambda: PDESystem.from_text("u' = laplacian(u, u)", domain=(0, 1)), "has 2 arguments; laplacian takes 1"),
        (lambda: Robin(0, 0, 1), "a = b = 0"),
        (lambda: Dirichlet([1]), "where a scalar sympy expression belongs"),
    ],
)
def test_errors(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


def test_errors_of_higher_order():
    for rate in (-laplacian(laplacian(u)), dx(dx(dx(u))), laplacian(u**3 - u - laplacian(u))):
        with pytest.raises(DeclarationError, match="need a second condition at the walls"):
            PDESystem({u: rate}, (0, 1)).discretize(20).model()
    with pytest.raises(DeclarationError, match="needs a condition of its own"):
        PDESystem({u: laplacian(u * laplacian(u))}, (0, 1)).discretize(20).model()
    with pytest.raises(DeclarationError, match="no operator acts on that expression"):
        PDESystem({u: laplacian(u)}, (0, 1), boundary={u**2: "no-flux"}).discretize(20).model()


def test_fields_have_no_kernel_without_a_grid():
    with pytest.raises(CompileError, match=r"a PDESystem is compiled on a grid: system\.discretize\(points\) gives one"):
        compile(PDESystem({u: laplacian(u)}, (0, 1)))


def test_derivatives_of_higher_order():
    u = sp.Symbol("u")
    assert sd.dx(u, 2) == sd.dx(sd.dx(u))
    assert sd.dy(u, 1) == sd.dy(u)
    assert sd.dx(3, 2) == 0
    read = sd.PDESystem.from_text("u' = -dx(u, 2) - dx(u, 4)", domain=(0, 1), boundary="periodic")
    assert read.rates == (-sd.dx(sd.dx(u)) - sd.dx(sd.dx(sd.dx(sd.dx(u)))),)
    for order in (0, 9, 1.5, u, None):
        with pytest.raises(DeclarationError, match="the second argument is the order of the derivative, 1 to 8"):
            sd.dx(u, order)
    with pytest.raises(DeclarationError, match="dx takes 1 or 2"):
        sd.PDESystem.from_text("u' = dx(u, 2, 1)", domain=(0, 1), boundary="periodic")
