"""Equations that paths drive, liquid networks and the closed-form cell."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError

t = sp.Symbol("t")


def spirals(count, missing, seed=0):
    """Irregular samples of spirals, of which a third lacks one coordinate; 1 where they turn counter-clockwise."""
    rng = np.random.default_rng(seed)
    found, turns = [], rng.integers(2, size=count)
    for sense in turns:
        times = np.concatenate([[0], np.sort(rng.uniform(0, 1, 28)), [1]])
        angle = (2 * sense - 1) * 5 * times + rng.uniform(0, 2 * np.pi)
        radius = 0.3 + times
        u, v = radius * np.cos(angle), radius * np.sin(angle)
        for values in (u, v):
            values[1:-1][rng.uniform(size=28) < missing] = np.nan
        found.append((times, u, v))
    return found, turns


def test_the_area_of_irregular_paths_is_that_of_their_polygons():
    data, turns = spirals(40, missing=0.3)
    u, v = (sd.Path(name, data[0][0], values) for name, values in zip("uv", data[0][1:], strict=True))
    driven = sd.neural_cde(["a"], [u, v])
    area = driven.with_terms({driven.unknowns[0]: -v / 2, driven.unknowns[1]: u / 2})
    for (times, first, second), turn in zip(data[:3], turns, strict=False):
        paths = {u: sd.Path("u", times, first), v: sd.Path("v", times, second)}
        run = sd.simulate(area, [0, 1], initial={"a": 0}, inputs=paths, rtol=1e-10, progress=False)
        knots = np.union1d(*(p.curves[0].times for p in paths.values()))
        x, y = (np.interp(knots, p.curves[0].times, p.curves[0].values) for p in paths.values())
        found = float(run.a.values.ravel()[-1])
        assert found == pytest.approx(np.sum(x[:-1] * np.diff(y) - y[:-1] * np.diff(x)) / 2, abs=1e-9)
        assert (found > 0) == bool(turn)


def test_reparametrised_paths_have_the_same_end():
    """dz = -z dX with X from 0 to 2 ends at exp(-2), however fast X is passed."""
    for times in ([0, 1, 3], [0, 2.9, 3]):
        u = sd.Path("u", times, [0, 0.7, 2])
        driven = sd.neural_cde(["z"], [u])
        run = sd.simulate(
            driven.with_terms({driven.unknowns[0]: -sp.Symbol("z")}), [0, 3], initial={"z": 1}, rtol=1e-10, progress=False
        )
        assert float(run.z[-1]) == pytest.approx(np.exp(-2), abs=1e-9)


def test_channels_are_paths_with_slopes_and_the_time():
    u = sd.Path("u", [0, 1], [0, 1])
    driven = sd.neural_cde(["z", "w"], [t, u], width=4)
    assert {str(f) for f in driven.unknowns} == {"f_z_t(z, w)", "f_z_u(z, w)", "f_w_t(z, w)", "f_w_u(z, w)"}
    for states, channels, message in (
        (["z"], [u, u], "different"), (["z"], [], "different"), ([], [u], "state"), (["z"], ["q"], "no channel"),
        (["z"], [sd.Path("u", [0, 1], [0, 1], kind="hold")], "no slope"),
    ):  # fmt: skip
        with pytest.raises(DeclarationError, match=message):
            sd.neural_cde(states, channels)


def test_exact_steps_of_eight_liquid_units_have_the_errors_of_the_paper_in_numpy():
    """Frozen gates are of order 1 and gates in the middle of order 2; numbers of an independent computation."""
    rng, n = np.random.default_rng(0), 8
    recurrent, feed, bias = rng.normal(0, 1, (n, n)), rng.normal(0, 2, n), rng.normal(0, 1, n)
    leak, level = rng.uniform(0.2, 2, n), rng.normal(0, 1, n)
    network = sd.liquid_network(
        [f"x{i}" for i in range(n)], [sp.sin(t) + sp.sin(sp.Rational(31, 10) * t) / 2],
        recurrent=recurrent, feed=feed[:, None], bias=bias, leak=leak, level=level,
    )  # fmt: skip
    exact = sd.simulate(network, [0, 10], method="dop853", rtol=1e-11, atol=1e-13, progress=False)
    exact = np.array([float(exact[s][-1]) for s in network.names])
    errors = {}
    for order in (1, 2):
        held = sd.derive.hold(network, order=order)
        for h in (0.4, 0.2, 0.1, 0.05):
            run = sd.simulate(held, [0, round(10 / h)], parameters={"h": h}, progress=False)
            errors[order, h] = np.abs(np.array([float(run[s][-1]) for s in network.names]) - exact).max()
    expected = {1: (4.2e-2, 1.9e-2, 8.7e-3, 4.2e-3), 2: (2.6e-3, 5.8e-4, 1.4e-4, 3.3e-5)}
    for order, row in expected.items():
        assert [errors[order, h] for h in (0.4, 0.2, 0.1, 0.05)] == pytest.approx(row, rel=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recurrent": [[1, 2]]}, r"recurrent.*\(1, 2\).*\(1, 1\)"), ({"recurrent": [[np.nan]]}, "finite"),
        ({"recurrent": [["a"]]}, "no array"), ({"recurrent": [[1]], "bias": [1, 2]}, "bias"),
    ],
)  # fmt: skip
def test_liquid_networks_of_wrong_shapes_are_refused(options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.liquid_network(["x"], **options)
    with pytest.raises(DeclarationError, match="feed"):
        sd.liquid_network(["x"], [sp.sin(t)], recurrent=[[1]])


def test_the_closed_form_cell_forgets_with_time():
    cell = sd.closed_form_cell(["x"], ["u"], "tau")
    x, u = sp.symbols("x u")
    g, h, k = cell.unknowns
    filled = cell.with_terms(dict(zip(sorted((g, h, k), key=str), (sp.Integer(2), x, u), strict=True)))
    run = sd.simulate(filled, [0, 1], initial={"x": 3}, parameters={"u": 1, "tau": [0.0, 0.7, 50.0]}, progress=False)
    kept = 1 / (1 + np.exp(2 * np.array([0.0, 0.7, 50.0])))
    assert run.x.values[:, -1] == pytest.approx(kept * 3 + (1 - kept), rel=1e-13)
    with pytest.raises(DeclarationError, match="twice"):
        sd.closed_form_cell(["x"], ["x"], 1)
