"""What is generated does not depend on the grid, and says what it should."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdyn.grids.reflection import mirrored
from symdyn.models.boundary import Dirichlet
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import div, dx, dy, grad, laplacian, mean
from symdyn.models.pde import PDESystem

u, v, D, x, y, t = sp.symbols("u v D x y t")


def test_the_point_function_does_not_depend_on_the_grid():
    system = PDESystem(
        {u: D * laplacian(u) - u * v**2, v: 2 * D * laplacian(v) + u * v**2}, Rectangle(1, 1), boundary="periodic"
    )
    small, large = (system.discretize(n).model() for n in ((64, 64), (4096, 2048)))
    assert small.source == large.source
    assert small.module is large.module
    assert len(small.program.operations) < 25


def test_linear_terms_become_one_stencil():
    rates = {u: D * dx(dx(u)) + 2 * D * dy(dy(u)) + u, v: 3 * laplacian(u) - dx(dx(u))}
    system = PDESystem(rates, Rectangle(8, 8), boundary="periodic")
    passes = system.discretize((8, 8)).model().passes
    reads = passes.last.reads
    assert len(passes.arrays) == 2
    # one with the coefficient D, the field itself, and one with numbers alone
    assert {round(r.coefficients[r.offsets.index((0, 0))], 12) for r in reads} == {-6, 1, -10}


def test_fluxes_live_on_faces():
    system = PDESystem({u: div(u * grad(u))}, Rectangle(1, 1))
    passes = system.discretize((8, 8)).model().passes
    assert sorted(a.location for a in passes.arrays) == [-1, 0, 1]
    assert [kind for kind, _ in passes.schedule] == ["fill", "pass", "pass", "fill", "fill"]


def test_means_come_first():
    system = PDESystem({u: mean(u * dx(u) ** 2) - u * mean(u)}, (0, 1))
    model = system.discretize(32).model()
    centers = (np.arange(32) + 0.5) / 32
    state = np.cos(np.pi * centers)
    slope = np.gradient(np.pad(state, 1, mode="edge"), 1 / 32)[1:-1]
    np.testing.assert_allclose(
        model.rates(state, 0.0, np.empty(0)), (state * slope**2).mean() - state * state.mean(), atol=1e-13
    )


@pytest.mark.parametrize(
    ("rate", "boundary", "walls"),
    [
        (laplacian(u) + u**2, "no-flux", 4),
        (div(u * grad(u)) + dx(u) ** 2, "no-flux", 4),
        (laplacian(u) + dx(u), "no-flux", 2),
        (laplacian(u) + x, "no-flux", 2),
        (laplacian(u) + sp.sin(dx(u)) ** 2, "no-flux", 2),
        (laplacian(u) + dx(dy(u)), "no-flux", 0),
        (laplacian(u), {"left": Dirichlet(1)}, 3),
        (laplacian(u), {"top": Dirichlet(x)}, 1),
        (laplacian(u), {"x": "periodic"}, 2),
    ],
)
def test_walls_about_which_solutions_are_even(rate, boundary, walls):
    assert len(mirrored(PDESystem({u: rate}, Rectangle(1, 1), boundary=boundary))) == walls


def test_a_field_whose_equation_is_not_even_spoils_the_symmetry():
    system = PDESystem({u: laplacian(u), v: dx(u)}, (0, 1))
    assert not mirrored(system)


def test_states_are_packed_in_order():
    system = PDESystem({u: -u, v: -2 * v}, Rectangle(1, 1), odes={D: -3 * D})
    model = system.discretize((3, 8)).model()
    values = {u: np.arange(24.0).reshape(3, 8), v: 5.0, D: 7.0}
    state = model.pack(values)
    assert state.shape == (model.size,) == (49,)
    found = model.unpack(np.stack([state, model.rates(state, 0.0, np.empty(0))]))
    np.testing.assert_array_equal(found[u][1], -values[u])
    np.testing.assert_array_equal(found[v][1], np.full((3, 8), -10.0))
    assert found[D].tolist() == [7.0, -21.0]
