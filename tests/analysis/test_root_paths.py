"""All roots of polynomial systems, searches along homotopies, and slopes of roots."""

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

import symdyn as sd
from symdyn.analysis import homotopy_roots, root_paths, root_slopes
from symdyn.errors import DeclarationError
from tests.derive.test_homotopies import SYSTEMS

text = sd.ODESystem.from_text
x, y = sp.symbols("x y")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_path_leads_to_a_root_of_its_own(name):
    sides, roots, real = SYSTEMS[name]
    found = root_paths(sd.ODESystem(sides))
    assert (found.attrs["bezout"], found.attrs["real"], found.attrs["complex"]) == (roots, real, roots - real)
    assert found.attrs["complete"] == 1
    points = np.stack([found[s.name].values for s in sides])
    values = np.array(sp.lambdify(list(sides), list(sides.values()))(*points))
    assert np.abs(values).max() < 1e-11
    assert np.abs(points[:, found.end.values == "real"].imag).max() == 0
    if name == "circle and cubic":
        assert np.sort(points[0, :2].real) == pytest.approx([-np.sqrt(2), np.sqrt(2)], abs=1e-12)


@pytest.mark.parametrize(
    ("system", "ends"),
    [
        ("x' = x^2 + y^2 - 1; y' = y - x^2 + 1", {"real": 2, "singular": 2}),  # a circle and a parabola that touches it
        ("x' = (x - 1)^3; y' = y - x", {"singular": 3}),
        ("x' = x + y - 1; y' = x + y - 3", {"infinity": 1}),  # parallel lines
        ("x' = x*y - 1; y' = x^2*y - 3", {"real": 1, "infinity": 5}),  # x = 3, y = 1/3
        ("x' = x + y/(x - 1); y' = y*(x - 2)", {"real": 2, "pole": 1, "infinity": 1}),  # (1, 0) is a pole
        ("x' = x^2 + 1; y' = y - x", {"complex": 2}),
    ],
)
def test_singular_and_diverging_paths_are_named(system, ends):
    found = root_paths(text(system))
    assert {
        k: v for k, v in found.attrs.items() if k in ("real", "complex", "singular", "infinity", "pole", "lost") and v
    } == ends
    assert found.attrs["bezout"] == sum(ends.values())
    infinite = found.end.values == "infinity"
    assert np.isnan(found.x.values[infinite]).all()
    assert np.isfinite(found.x.values[~infinite]).all()


def test_singular_roots_have_the_number_of_their_paths():
    found = root_paths(text("x' = x^2 + y^2 - 1; y' = y - x^2 + 1"))
    there = found.isel(path=found.end.values == "singular")
    assert there.multiplicity.values.tolist() == [2, 2]
    assert np.abs(there.x.values).max() < 1e-5
    assert there.y.values == pytest.approx([-1, -1], abs=1e-9)
    assert root_paths(text("x' = x^4; y' = y^2 - x")).multiplicity.values.tolist() == [8] * 8


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (text("x' = sin(x) - x"), "sin.*homotopy_roots"), (text("x' = x - y; y' = y - x"), "families"),
        (text("x' = x^11 - 1"), "degree"), (text("x' = 1; y' = y - x"), "constant"), (text("x' = a - x^2"), "no value"),
        (text("end' = end^2 - 1"), "another name"),
    ],
)  # fmt: skip
def test_what_has_no_paths_is_refused(system, message):
    with pytest.raises(DeclarationError, match=message):
        root_paths(system)


@pytest.mark.parametrize("name", SYSTEMS)
def test_of_a_hundred_starts_at_least_95_end_on_a_root_or_pass_a_fold(name):
    sides, _, real = SYSTEMS[name]
    found = homotopy_roots(sd.ODESystem(sides))
    arrived = found.end.values == "root"
    assert (arrived | (found.folds.values > 0)).sum() >= 95
    assert set(found.end.values[~arrived]) <= {"closed", "away", "failed"}
    known = root_paths(sd.ODESystem(sides)).isel(path=slice(0, real))
    expected = np.stack([known[s.name].values.real for s in sides], axis=1)
    distance = np.abs(found.roots.values[:, None] - expected[None]).max(axis=2)
    assert distance.min(axis=1).max() < 1e-9


def test_a_search_finds_the_roots_of_equations_with_sines():
    """Roots of x + 5 sin y = 1, y + 5 cos x = 0 on a fine grid of one unknown."""
    found = homotopy_roots(sd.ODESystem({x: x + 5 * sp.sin(y) - 1, y: y + 5 * sp.cos(x)}))
    side = lambda u: u - 5 * np.sin(5 * np.cos(u)) - 1  # noqa: E731
    grid = np.linspace(-10, 10, 20001)
    signs = np.flatnonzero(np.diff(np.sign(side(grid))))
    expected = np.array([brentq(side, grid[k], grid[k + 1], xtol=1e-13) for k in signs])
    assert found.roots.values[:, 0] == pytest.approx(expected, abs=1e-9)
    assert (found.end.values == "root").sum() >= 95
    assert (found.root.values[found.end.values == "root"] >= 0).all()


def test_starts_and_kinds_of_a_search():
    system = text("x' = x^3 - 3*x - a")
    found = homotopy_roots(system, {"a": 5}, starts=[[-3.0], [0.0]], kind="newton")
    assert found.roots.values == pytest.approx(np.roots([1, 0, -3, -5])[:1].real.reshape(1, 1), abs=1e-12)
    assert found.folds.values[0] == 2
    for options, message in (
        ({"starts": [[1.0, 2.0]]}, r"shape \(1, 2\)"), ({"starts": 0}, "starts"), ({"kind": "flow"}, "singular"),
        ({"spread": -1}, "spread"),
    ):  # fmt: skip
        with pytest.raises(DeclarationError, match=message):
            homotopy_roots(system, {"a": 5}, **options)


def test_slopes_of_an_equilibrium_layer():
    """z = tanh(W z + b) moves with b by (1 - D W)^-1 D."""
    rng, n = np.random.default_rng(2), 20
    matrix = rng.normal(size=(n, n))
    matrix *= 0.9 / np.linalg.norm(matrix, 2)
    bias, states, shifts = rng.normal(size=n), sp.symbols(f"z0:{n}"), sp.symbols(f"b0:{n}")
    layer = sd.ODESystem(
        {s: sp.tanh(sum(w * q for w, q in zip(row, states, strict=True)) + b) - s
         for s, row, b in zip(states, matrix, shifts, strict=True)},
        dict(zip(shifts, bias, strict=True)),
    )  # fmt: skip

    def solved(b):
        point = np.zeros(n)
        for _ in range(400):
            point = np.tanh(matrix @ point + b)
        return point

    point = solved(bias)
    found = root_slopes(layer, dict(zip(states, point, strict=True)), by=shifts)
    decay = np.diag(1 - point**2)
    assert found.slope.values == pytest.approx(np.linalg.solve(np.eye(n) - decay @ matrix, decay), abs=1e-12)
    step = np.eye(n)[0] * 1e-5
    quotient = (solved(bias + step) - solved(bias - step)) / 2e-5
    assert found.slope.values[:, 0] == pytest.approx(quotient, abs=1e-8)


def test_slopes_at_folds_are_refused():
    with pytest.raises(DeclarationError, match=r"no root near|singular"):
        root_slopes(text("x' = a - x^2"), {"x": 0}, {"a": 0})
    with pytest.raises(DeclarationError, match="no root near"):
        root_slopes(text("x' = a - x^2"), {"x": 1}, {"a": 4})
    with pytest.raises(DeclarationError, match="singular"):
        root_slopes(text("x' = a*(y - x); y' = a*(x - y)"), {"x": 1, "y": 1}, {"a": 4})


def test_an_implicit_term_in_a_right_hand_side_has_the_slopes_of_difference_quotients():
    w = sp.Symbol("w")
    layer = sd.ODESystem({x: -x + y}, {w: 0.5}, algebraic={y: sp.Eq(y, sp.tanh(w * y + x))}, initial={x: 1})
    options = {"rtol": 1e-11, "atol": 1e-13, "progress": False}
    found = sd.sensitivities(layer, [0, 2], **options)
    above, below = (sd.simulate(layer, [0, 2], parameters={w: 0.5 + e}, **options) for e in (1e-4, -1e-4))
    for name in ("x", "y"):
        quotient = (above[name].values[-1] - below[name].values[-1]) / 2e-4
        assert found[f"d{name}_dw"].values[-1] == pytest.approx(quotient, abs=1e-8)
