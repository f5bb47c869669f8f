"""Runs of fields in explicit steps: outputs, ensembles, failures, interrupts, and the steps that diffusion forces."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.errors import DeclarationError, SimulationError
from symdyn.grids.stiffness import decay_rates
from symdyn.models.boundary import Dirichlet, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import laplacian
from symdyn.models.pde import PDESystem
from symdyn.simulation import ensemble
from tests.grids.explicit_runs import run

u, v, D, r, x, y, t = sp.symbols("u v D r x y t")


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk4", 4)])
def test_fixed_steps_have_their_order(method, order):
    """A uniform part u' = -u + sin(t), and a wave, which is an eigenvector of the differences."""
    n, d = 8, 0.02
    system = PDESystem({u: D * laplacian(u) - u + sp.sin(t)}, (0, 1), parameters={D: d}, initial={u: 1 + sp.cos(sp.pi * x)})
    rate = 1 + 4 * d * n**2 * math.sin(math.pi / (2 * n)) ** 2
    wave = math.exp(-2 * rate) * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    exact = 1.5 * math.exp(-2) + (math.sin(2) - math.cos(2)) / 2 + wave
    steps = (1 / 8, 1 / 16, 1 / 32) if method == "rk4" else (1 / 80, 1 / 160, 1 / 320)
    runs = [sd.simulate(system, np.array([0, 2.0]), grid=n, method=method, step=h, progress=False) for h in steps]
    errors = [abs(data.u.values[-1] - exact).max() for data in runs]
    assert errors[-1] > 1e-9
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), order, atol=0.15)


@pytest.mark.parametrize(("method", "power"), [("bs32", 1e-3), ("tsit5", 1e-5)])
def test_interpolated_outputs(method, power):
    """Outputs between the steps are as good as those at their ends."""
    system = PDESystem({u: -u * sp.cos(t)}, (0, 1), initial={u: 1})
    times = np.linspace(0, 6, 61)
    data = sd.simulate(system, times, grid=8, method=method, rtol=1e-6, atol=1e-9, progress=False)
    assert int(data.steps) < {"bs32": 1000, "tsit5": 61}[method]
    np.testing.assert_allclose(data.u.values[:, 0], np.exp(-np.sin(times)), rtol=power * 5e-2 if method == "bs32" else power)


def test_sweeps_ensembles_and_threads():
    rng = np.random.default_rng(3)
    starts = rng.random((3, 8, 70))
    system = PDESystem({u: D * laplacian(u) + r * u * (1 - u)}, Rectangle(1, 1), parameters={r: 1})
    found = [
        sd.simulate(
            system,
            np.array([0.0, 0.01]),
            initial={u: starts},
            parameters={D: [0.1, 0.2]},
            layout=sd.Layout(threads=k),
            progress=False,
        )
        for k in (1, 2)
    ]
    assert found[0].u.dims == ("D", "trajectory", "time", "x", "y")
    assert found[0].u.shape == (2, 3, 2, 8, 70)
    xr.testing.assert_identical(*found)
    alone = sd.simulate(system, np.array([0.0, 0.01]), initial={u: starts[1]}, parameters={D: 0.2}, progress=False)
    np.testing.assert_array_equal(found[0].u.values[1, 1], alone.u.values)
    named = xr.DataArray(starts, dims=("start", "x", "y"), coords={"start": ["a", "b", "c"]})
    data = sd.simulate(system, np.array([0.0, 0.01]), initial={u: named}, parameters={D: 0.2}, progress=False)
    assert data.start.values.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(data.u.values[1], alone.u.values)


def test_the_kinds_of_initial_values_agree():
    system = PDESystem({u: laplacian(u)}, (0, 1), parameters={D: 2}, initial={u: D * x})
    wanted = 2 * (np.arange(10) + 0.5) / 10
    for value in (D * x, "D*x", lambda s: 2 * s, wanted, list(wanted)):
        data = sd.simulate(system, np.array([0.0]), initial={u: value}, grid=10, progress=False)
        np.testing.assert_allclose(data.u.values[0], wanted, rtol=1e-15)


def test_grids_of_awkward_sizes():
    """Blocks of cells overlap at the end of a row; every cell is right."""
    rng = np.random.default_rng(5)
    for shape in ((5, 8), (3, 9), (4, 63), (6, 65), (3, 130), (70, 7)):
        system = PDESystem({u: laplacian(u) + x * y}, Rectangle(shape[0], shape[1]), boundary="periodic")
        a = rng.random(shape)
        grid = system.discretize(shape)
        found = grid.model().rates(a.ravel(), 0.0, np.empty(0)).reshape(shape)
        rolled = sum(np.roll(a, s, k) for s in (1, -1) for k in (0, 1)) - 4 * a
        np.testing.assert_allclose(found, rolled + np.multiply.outer(*grid.centers), atol=1e-11)


def test_failures_are_told():
    blow = PDESystem({u: laplacian(u) + u**2}, (0, 1), initial={u: 1}, parameters={})
    with pytest.raises(SimulationError, match=r"^the trajectory failed: .*Try other values, .*or on_failure") as caught:
        sd.simulate(blow, np.array([0.0, 0.5, 2.0]), grid=8, progress=False)
    values = caught.value.dataset.u.values
    np.testing.assert_allclose(values[1], 2.0, rtol=1e-4)
    assert np.isnan(values[2]).all()
    heat = PDESystem({u: laplacian(u)}, (0, 1), initial={u: sp.sin(9 * x)})
    unstable = pytest.warns(UserWarning, match="grow in steps of euler longer than 0.0002")
    with unstable, pytest.raises(SimulationError, match=r"shorter step.*imex"):
        sd.simulate(heat, np.array([0.0, 10.0]), grid=50, method="euler", step=0.01, progress=False)
    with pytest.warns(UserWarning, match="forces tsit5"), pytest.raises(SimulationError, match=r"larger max_steps.*imex"):
        sd.simulate(heat, np.array([0.0, 10.0]), grid=50, method=sd.methods.Tsit5(max_steps=20), progress=False)
    data = sd.simulate(blow, np.array([0.0, 0.5, 2.0]), grid=8, on_failure="nan", progress=False)
    assert data.status != 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            dict(method="bs32", step=0.1),
            "step has no effect on 'bs32' of fields; it belongs to align, etdrk4, euler, euler-maruyama, heun, imex",
        ),
        (dict(rtol=-1), "rtol is -1"),
        (dict(layout=sd.Layout(lanes=8)), "lanes has no effect on 'bs32' of fields"),
        (dict(layout=sd.Layout(inline=True)), "inline has no effect on 'bs32' of fields"),
        (dict(method=sd.methods.AdaptiveOptions(max_step=1), step=0.1), "step has no effect on 'bs32'"),
        (
            dict(method="imex", step=0.1, rtol=1e-3),
            "rtol has no effect on 'imex' of fields in steps of one length; it belongs to bs32",
        ),
        (dict(implicit="u"), "implicit is 'u'; expected a mapping"),
        (dict(implicit={u: u}, method="bs32"), "implicit= belongs to .* methods"),
        (dict(on_failure="no"), "on_failure is 'no'"),
        (dict(initial={u: np.ones(5)}), r"has the shape \(5,\); the grid has \(8,\)"),
        (dict(initial={u: np.full(8, np.nan)}), "not finite"),
        (dict(initial={u: "z*x"}), "holds z"),
        (dict(initial={"w": 1}), "not a state"),
        (dict(initial={u: object()}), "expected a number, an array"),
        (dict(initial={u: xr.DataArray(np.ones(8), dims="q")}), "expected 'x' among them"),
        (dict(initial={u: xr.DataArray(np.ones(8), {"x": np.arange(8)}, "x")}), "has other positions along x than the grid"),
        (dict(initial={u: np.ones(8) * 1j}), "is an array of complex128; expected a number, an array of real"),
        (dict(initial={u: lambda: 1}), "cannot be called with arrays of the positions x"),
        (dict(initial={u: lambda s: np.ones(3)}), r"returns the shape \(3,\)"),
        (dict(initial={u: sp.log(-x)}), r"the initial value log\(-x\) of u is not a finite number everywhere"),
        (dict(grid=(8, 8)), r"the grid is \(8, 8\); expected a number of cells for each axis, grid=nx, each from 1"),
        (dict(grid=2, order=4), "too few for order 4"),
        (dict(order=3), "order 2, 4 or 6"),
        (dict(scheme="fem"), "expected 'finite differences' or 'spectral'"),
    ],
)
def test_errors_of_runs(options, message):
    system = PDESystem({u: laplacian(u)}, (0, 1), initial={u: 1})
    with pytest.raises(DeclarationError, match=message):
        run(system, np.array([0.0, 1.0]), **{"grid": 8, "progress": False, **options})


def test_errors_of_grids_and_starts():
    system = PDESystem({u: laplacian(u), v: -v}, (0, 1))
    with pytest.raises(DeclarationError, match="nothing says how fine the grid is"):
        sd.simulate(system, np.array([0.0]), initial={u: 1, v: 2})
    with pytest.raises(DeclarationError, match="make them agree"):
        sd.simulate(system, np.array([0.0]), initial={u: np.ones(8), v: np.ones(9)})
    with pytest.raises(DeclarationError, match="no value for the state v"):
        sd.simulate(system, np.array([0.0]), initial={u: np.ones(8)})


def test_an_interrupt_keeps_what_is_done(monkeypatch):
    calls = []

    def interrupted(pending, timeout):
        calls.append(timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(ensemble, "wait", interrupted)
    system = PDESystem({u: laplacian(u)}, (0, 1), initial={u: x})
    with (
        pytest.warns(UserWarning, match="forces bs32"),
        pytest.warns(UserWarning, match="interrupted: 3 of 3 trajectories are incomplete"),
    ):
        data = sd.simulate(
            system, np.linspace(0, 1e6, 4), grid=200, trajectories=3, method=sd.methods.Bs32(max_steps=10**9), progress=False
        )
    assert calls
    assert (data.status == 5).all()
    assert np.isnan(data.u.values[:, -1]).all()


def test_steps_that_diffusion_forces_are_foretold():
    """4 D T / h^2 over the limit of stability; nothing is said where few are needed, nor of implicit methods."""
    system = PDESystem({u: D * laplacian(u)}, (0, 1), parameters={D: 1}, initial={u: sp.cos(sp.pi * x)})
    with pytest.warns(UserWarning, match=r"forces bs32 to about 6\.4e\+03 steps.*method='imex'"):
        data = sd.simulate(
            system,
            np.array([0.0, 0.4]),
            grid=100,
            parameters={D: [0.5, 1.0]},
            on_failure="nan",
            progress=False,
            method=sd.methods.Bs32(max_steps=6000),
        )
    assert data.status.values.ravel().tolist() == [0, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in (dict(), dict(method="imex"), dict(method="rk4", step=6.9e-5), dict(method="sbdf2", step=0.01)):
            sd.simulate(system, np.array([0.0, 0.1]), grid=100, progress=False, **options)
    with pytest.warns(UserWarning, match="grow in steps of rk4 longer than 6.96e-05"):
        sd.simulate(system, np.array([0.0, 0.01]), grid=100, method="rk4", step=7.2e-5, progress=False)


@pytest.mark.parametrize("walls", ["periodic", "no-flux"])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_the_fastest_decay_is_that_of_the_matrix(order, walls):
    system = PDESystem({u: D * laplacian(u) - laplacian(u) / 3 - 2 * u + u**2}, Rectangle(1, 2), boundary=walls)
    grid = system.discretize((8, 10), order=order)
    model = grid.model()
    _, found = decay_rates(grid, np.array([[0.4], [1.0]]))
    rates = [model.rates(row, 0.0, np.array([1.0])) for row in 1e-6 * np.eye(80)]
    exact = -np.linalg.eigvalsh(np.array(rates) * 1e6).min()
    assert exact <= found * (1 + 1e-6)
    assert exact > (0.999 if walls == "periodic" else 0.93) * found


def test_walls_with_a_value_make_waves_decay_faster():
    """Beside one cells alternate with sizes that fall by q = 2 sqrt(3) - 3: 8/sqrt(3) D/h^2 in place of 4."""
    system = PDESystem({u: D * laplacian(u)}, (0, 1), boundary=Dirichlet(0), parameters={D: 1})
    (found,) = decay_rates(system.discretize(100), np.array([[0.5]]))
    assert found == pytest.approx(0.5 * 8 / np.sqrt(3) * 100**2, rel=1e-9)
    walls = {"x": Robin(D, 1, 0), "y": Dirichlet(0)}
    square = PDESystem({u: laplacian(u)}, Rectangle(1, 1), boundary=walls, parameters={D: 1})
    stiff, soft = decay_rates(square.discretize(50), np.array([[1e7], [0.0]]))
    assert stiff == pytest.approx(2 * 8 / np.sqrt(3) * 50**2, rel=1e-4)
    assert soft == pytest.approx((4 + 8 / np.sqrt(3)) * 50**2, rel=1e-9)


FRONT = "u' = laplacian(u) + {}; u(0) = exp(-x**2/4)"


@pytest.mark.parametrize(("rate", "last", "told"), [
    ("u*(1 - u)", 40.0, True),       # grows as exp(t) about 0: by exp(23) to a millionth
    ("u*(1 - u)", 20.0, False),
    ("u*(u - 0.1)*(1 - u)", 400.0, False),  # falls as exp(-0.1*t)
    ("2*u*(1 - u)", 12.0, True),
    ("0*u", 400.0, False),
])  # fmt: skip
def test_rounding_that_transforms_leave_in_empty_cells_is_told(rate, last, told):
    grid = PDESystem.from_text(FRONT.format(rate), domain=(0, 100)).discretize(200)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        sd.simulate(grid, [0, last], method="imex", on_failure="nan", progress=False)
        assert any("errors of rounding where u is 0" in str(w.message) for w in found) == told
        found.clear()
        sd.simulate(grid, [0, last], method="bs32", progress=False)
        assert not any("rounding" in str(w.message) for w in found)
