"""Derivatives by Fourier transforms: accuracy, aliasing, waves of the equations, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from symdyn_kernels.status import INTERRUPTED

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.grids.problems import FieldProblem, split_problem
from symdyn.grids.spectral import SpectralModel
from symdyn.grids.spectral_observe import SpectralObserver
from symdyn.models import zoo
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import div, dot, dx, dy, grad, integral, laplacian, mean
from symdyn.models.pde import PDESystem
from tests.integrated import integrated

u, v, w, x, y, D = sp.symbols("u v w x y D")
NONE = np.zeros(0)


def centers(model):
    """Positions of the points, one array an axis, of the shape of the grid."""
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(model.shape, model.spacing, strict=True)]
    return np.meshgrid(*axes, indexing="ij")


def at(e, model):
    """An expression of x and y at the points, flat."""
    X, Y = centers(model)
    return np.broadcast_to(sp.lambdify((x, y), e, "numpy")(X, Y), model.shape).ravel()


def coupled():
    """Every kind of term: divergences, products of derivatives, nested ones, means, positions and a scalar."""
    rates = {
        u: div((1 + u**2) * grad(u)) + dot(grad(u), grad(v)) + D * laplacian(v) + mean(u**2) * dx(v) + sp.sin(sp.pi * x),
        v: dx(u * dy(v * dx(u))) - v + w * dy(u),
    }
    return PDESystem(rates, Rectangle(2, 3), boundary="periodic", odes={w: -w + mean(u) * integral(u * v)}, parameters={D: 0.3})


def coupled_exact(U, V, number):
    mean_square, total = number

    def d(e, *by):
        return sp.diff(e, *by)

    first = d((1 + U**2) * d(U, x), x) + d((1 + U**2) * d(U, y), y) + d(U, x) * d(V, x) + d(U, y) * d(V, y)
    first += sp.Float(0.3) * (d(V, x, 2) + d(V, y, 2)) + mean_square * d(V, x) + sp.sin(sp.pi * x)
    return first, d(U * d(V * d(U, x), y), x) - V + sp.Float(0.7) * d(U, y), total


# ---- accuracy ----------------------------------------------------------------------------------


def test_errors_fall_exponentially():
    U = sp.exp(sp.sin(sp.pi * x) * sp.cos(2 * sp.pi * y / 3) / 2)
    V = sp.cos(sp.pi * x + 2 * sp.pi * y / 3)
    errors = []
    for n in (12, 24, 48):
        model = SpectralModel(coupled(), (n, n), dealias=False)
        a, b = at(U, model), at(V, model)
        first, second, total = coupled_exact(U, V, (float((a**2).mean()), a.mean() * 6 * (a * b).mean()))
        found = model.rates(np.concatenate([a, b, [0.7]]), 0.0, np.array([0.3]))
        assert found[-1] == pytest.approx(total - 0.7, abs=1e-13)
        exact = np.concatenate([at(first, model), at(second, model)])
        errors.append(np.abs(found[:-1] - exact).max() / np.abs(exact).max())
    assert errors[1] < 1e-3 * errors[0]
    assert errors[2] < 1e-11


def test_rates_of_every_order_of_axes_have_the_right_layout():
    pde = PDESystem({u: dx(u) + 2 * dy(u)}, Rectangle(1, 1), boundary="periodic")
    model = SpectralModel(pde, (10, 7))
    X, Y = centers(model)
    found = model.rates(np.sin(2 * np.pi * (X + 3 * Y)).ravel(), 0.0, NONE)
    assert np.allclose(found, 2 * np.pi * 7 * np.cos(2 * np.pi * (X + 3 * Y)).ravel(), atol=1e-12)


def test_split_and_rates_agree():
    pde = coupled().replace(rates=(coupled().rates[0] + D * laplacian(u), *coupled().rates[1:]))
    for dealias in (False, True):
        model = SpectralModel(pde, (16, 15), dealias=dealias)
        state = np.random.default_rng(4).normal(size=model.size)
        for implicit in (None, {"u": "2*laplacian(u) + dx(u)"}):
            split = split_problem(model, np.array([0.3]), implicit=implicit)
            z = split.linear_part.forward(state)
            total = split.nonlinear(z, 0.2, np.empty_like(z), state) + split.eigenvalues * z
            direct = model.rates(state, 0.2, np.array([0.3]))
            assert np.allclose(split.linear_part.back(total), direct, atol=1e-10 * np.abs(direct).max())
            again = split.nonlinear(z, 0.2, np.empty_like(z)) + split.eigenvalues * z
            assert np.allclose(again, total, atol=1e-10 * np.abs(total).max())


def test_coefficients_that_depend_on_time_or_on_means_are_followed():
    t = sp.Symbol("t")
    pde = PDESystem({u: sp.cos(t) * laplacian(u) + mean(u**2) * dx(u**2)}, (0, 2 * np.pi), boundary="periodic")
    model = SpectralModel(pde, (24,))
    (X,) = centers(model)
    found = model.rates(np.sin(X), 0.5, NONE)
    assert np.allclose(found, -np.cos(0.5) * np.sin(X) + 0.5 * np.sin(2 * X), atol=1e-13)


# ---- aliasing ----------------------------------------------------------------------------------


def test_products_of_short_waves_do_not_come_back_as_long_ones():
    n = 24
    pde = PDESystem({u: -dx(u**2) / 2}, (0, 2 * np.pi), boundary="periodic")
    (X,) = centers(SpectralModel(pde, (n,)))
    k = 7  # below n/3, twice of it above n/2
    clean = SpectralModel(pde, (n,)).rates(np.cos(k * X), 0.0, NONE)
    aliased = SpectralModel(pde, (n,), dealias=False).rates(np.cos(k * X), 0.0, NONE)
    assert np.abs(clean).max() < 1e-13
    # cos^2(7x) has the wave 14, which looks like 10 on 24 points: cos(14 x_j) = -cos(10 x_j) half a cell from the origin
    assert np.allclose(aliased, -(n - 2 * k) / 4 * np.sin((n - 2 * k) * X), atol=1e-12)


def test_without_aliases_waves_conserve_energy():
    n = 48
    pde = PDESystem({u: -dx(u**2) / 2}, (0, 1), boundary="periodic")
    waves = np.zeros(n // 2 + 1, complex)
    waves[: n // 2] = np.random.default_rng(5).normal(size=(2, n // 2)).T @ [1, 1j]
    state = np.fft.irfft(waves, n)
    clean, aliased = (SpectralModel(pde, (n,), dealias=d).rates(state, 0.0, NONE) for d in (True, False))
    assert abs(state @ clean) < 1e-13 * np.abs(state * clean).sum()
    assert abs(state @ aliased) > 1e-4 * np.abs(state * aliased).sum()
    assert abs(clean.sum()) < 1e-12


def test_what_is_linear_keeps_all_its_waves():
    pde = PDESystem({u: laplacian(u) + 2 * v, v: -u}, (0, 2 * np.pi), boundary="periodic")
    model = SpectralModel(pde, (24,))
    (X,) = centers(model)
    found = model.rates(np.concatenate([np.cos(10 * X), np.sin(11 * X)]), 0.0, NONE)
    assert np.allclose(found, np.concatenate([-100 * np.cos(10 * X) + 2 * np.sin(11 * X), -np.cos(10 * X)]), atol=1e-11)


# ---- equations ---------------------------------------------------------------------------------


def test_kuramoto_sivashinsky_against_a_stiff_solver():
    n, length, times = 128, 32 * np.pi, [0.0, 5.0, 10.0]
    pde = PDESystem({u: -laplacian(u) - laplacian(laplacian(u)) - dx(u**2) / 2}, (0, length), boundary="periodic")
    model = SpectralModel(pde, (n,), dealias=False)
    (X,) = centers(model)
    start = np.cos(X / 16) * (1 + np.sin(X / 16))
    k = 2 * np.pi * np.fft.rfftfreq(n, length / n)
    slope = 1j * k
    slope[-1] = 0

    def rates(t, s):
        return np.fft.irfft((k**2 - k**4) * np.fft.rfft(s) - slope * np.fft.rfft(s * s) / 2, n)

    with np.errstate(invalid="ignore", over="ignore"):  # BDF begins with differences of what it has not filled
        reference = solve_ivp(rates, (0, 10), start, method="BDF", t_eval=times, rtol=1e-9, atol=1e-11).y.T
    split = split_problem(model, NONE)
    exact = integrated(split, "etdrk4", start, times, rtol=1e-8, atol=1e-8).frames
    assert np.abs(exact - reference).max() < 2e-6
    assert np.abs(integrated(split, "imex", start, times, rtol=1e-8, atol=1e-8).frames - reference).max() < 2e-6
    assert np.abs(integrated(split, "sbdf2", start, times, step=1 / 256).frames - reference).max() < 2e-3


def test_kuramoto_sivashinsky_before_chaos_parts_the_routes():
    """On L = 22, where errors grow as exp(0.05 t), against an implicit Runge-Kutta method on matrices."""
    n, length = 64, 22.0
    X = (np.arange(n) + 0.5) * length / n
    k = 2 * np.pi * np.fft.rfftfreq(n, length / n)
    slope = 1j * k
    slope[-1] = 0
    waves = np.fft.rfft(np.eye(n), axis=0)
    linear = np.fft.irfft((k**2 - k**4)[:, None] * waves, n, axis=0)
    first = np.fft.irfft(slope[:, None] * waves, n, axis=0)
    q = 2 * np.pi / length
    start = np.cos(q * X) + np.sin(2 * q * X) / 2 + np.sin(3 * q * X) / 3
    times = np.array([0.0, 20.0, 40.0, 60.0])
    reference = solve_ivp(
        lambda t, y: linear @ y - first @ (y * y) / 2, (0, 60), start, method="Radau", t_eval=times, rtol=1e-8, atol=1e-8,
        jac=lambda t, y: linear - first * y,
    ).y.T  # fmt: skip
    assert np.abs(np.diff(reference, axis=0)).max(axis=1).min() > 1
    pde = zoo.kuramoto_sivashinsky((0, length))
    found = sd.simulate(
        pde.discretize(n, scheme="spectral"), times, initial={"u": start}, method="etdrk4", step=0.02, progress=False
    ).u.values
    assert np.abs(found - reference).max() < 5e-6
    fine = "cos(pi*x/11) + sin(2*pi*x/11)/2 + sin(3*pi*x/11)/3"  # every third of 192 cells has its center at one of 64
    found = sd.simulate(
        pde.discretize(192, order=6), times[:2], initial={"u": fine}, method="imex", rtol=1e-7, atol=1e-8, progress=False
    )
    assert np.abs(found.u.values[1, 1::3] - reference[1]).max() < 2e-5


@pytest.mark.parametrize("wave", [2, 8, 11, 15, 20])
def test_waves_of_kuramoto_sivashinsky_grow_as_they_should(wave):
    pde = zoo.kuramoto_sivashinsky((0, 32 * np.pi))
    model = SpectralModel(pde, (64,))
    (X,) = centers(model)
    k = wave / 16
    found = integrated(split_problem(model, NONE), "etdrk4", 1e-8 * np.cos(k * X), [0.0, 3.0], step=0.1).frames[-1]
    size = 2 * np.abs(np.fft.rfft(found)[wave]) / 64
    assert np.log(size / 1e-8) / 3 == pytest.approx(k**2 - k**4, rel=1e-6)


def test_burgers_follows_the_transform_of_cole_and_hopf():
    nu, n, t = 0.1, 192, 1.5
    model = SpectralModel(zoo.burgers(), (n,))
    (X,) = centers(model)
    # phi_t = nu phi_xx from phi = exp(cos(x)/(2 nu)), by its Fourier series, and u = -2 nu phi_x/phi
    fine = np.arange(512) * 2 * np.pi / 512
    waves = np.fft.rfft(np.exp(np.cos(fine) / (2 * nu))) / 512
    k = np.arange(40)
    sums = 2 * waves[:40].real * np.exp(-nu * k**2 * t)
    sums[0] /= 2
    phi, slope = np.cos(np.outer(X, k)) @ sums, -np.sin(np.outer(X, k)) @ (k * sums)
    found = integrated(split_problem(model, np.array([nu])), "etdrk4", np.sin(X), [0.0, t], rtol=1e-9, atol=1e-10).frames[-1]
    assert np.abs(found + 2 * nu * slope / phi).max() < 1e-7


def test_waves_are_carried_and_decay_to_rounding():
    model = SpectralModel(zoo.advection_diffusion(), (32,))
    (X,) = centers(model)
    p = [{"D": 0.1, "c": 1.3, "k": 0.2}[s.name] for s in model.parameters]
    found = integrated(split_problem(model, np.array(p)), "etdrk4", np.sin(2 * X) + 1, [0.0, 0.5, 4.0], step=4.0).frames
    for t, state in zip((0.5, 4.0), found[1:], strict=True):
        assert np.abs(state - np.exp(-0.2 * t) * (1 + np.exp(-0.4 * t) * np.sin(2 * (X - 1.3 * t)))).max() < 1e-13


def test_threads_change_no_bit():
    pde = zoo.gray_scott()
    p = np.array([float(pde.defaults[s]) for s in pde.parameters])
    state = np.random.default_rng(6).uniform(size=2 * 128 * 130)
    one, two = (SpectralModel(pde, (128, 130), threads=k).rates(state, 0.0, p) for k in (1, 2))
    assert (one == two).all()


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk4", 4)])
def test_explicit_steps_have_their_orders(method, order):
    model = SpectralModel(zoo.burgers(), (16,))
    (X,) = centers(model)
    p = np.array([0.1])
    reference = integrated(split_problem(model, p), "etdrk4", np.sin(X), [0.0, 1.0], rtol=1e-12, atol=1e-13).frames[-1]
    runs = [integrated(FieldProblem(model, p), method, np.sin(X), np.array([0.0, 1.0]), step=h) for h in (0.05, 0.025)]
    errors = [np.abs(r.frames[-1] - reference).max() for r in runs]
    assert errors[1] > 1e-8  # far from rounding errors
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.05)
    assert (runs[0].steps, runs[0].status) == (20, 0)


@pytest.mark.parametrize("method", ["bs32", "tsit5"])
def test_explicit_steps_follow_the_tolerance(method):
    model = SpectralModel(zoo.burgers(), (16,))
    (X,) = centers(model)
    p, times, done = np.array([0.1]), np.array([0.0, 0.4, 1.0]), np.zeros(1)
    reference = integrated(split_problem(model, p), "etdrk4", np.sin(X), times, rtol=1e-12, atol=1e-13).frames
    for tolerance in (1e-5, 1e-8):
        found = integrated(FieldProblem(model, p), method, np.sin(X), times, rtol=tolerance, atol=tolerance, reached=done)
        assert np.abs(found.frames - reference).max() < 10 * tolerance
        assert 0.4 < done[0] <= 1
    short = integrated(FieldProblem(model, p), method, np.sin(X), times, max_step=0.01)
    assert short.steps >= 100


def test_an_interrupt_leaves_what_there_is():
    model = SpectralModel(zoo.burgers(), (16,))
    (X,) = centers(model)
    p, stop = np.array([0.1]), np.ones(1, np.int64)
    for method in ("imex", "imex3", "etdrk4", "sbdf2"):
        for options in ({"step": 0.1}, {}) if method != "sbdf2" else ({"step": 0.1},):
            found = integrated(split_problem(model, p), method, np.sin(X), [0.0, 1.0], stop=stop, **options)
            assert found.status == INTERRUPTED
            assert np.isfinite(found.frames).all(axis=1).tolist() == [True, False]
    assert integrated(FieldProblem(model, p), "rk4", np.sin(X), np.array([0.0, 1.0]), step=0.1, stop=stop).status == INTERRUPTED


def test_what_is_observed_has_spectral_derivatives():
    pde = coupled()
    ends = [dx(u) ** 2 + laplacian(u * v), w * u, sp.S.One]
    observer = SpectralObserver(pde, (20, 24), ends=ends, numbers=[mean(dy(v) ** 2) + w, integral(u)])
    X, Y = centers(SpectralModel(pde, (20, 24)))
    a, b = np.sin(np.pi * X), np.cos(2 * np.pi * Y / 3)
    found = observer.rates(np.concatenate([a.ravel(), b.ravel(), [2.0]]), 0.0, np.array([0.3]))
    first = (np.pi * np.cos(np.pi * X)) ** 2 - (np.pi**2 + 4 * np.pi**2 / 9) * a * b
    assert np.allclose(found[:480], first.ravel(), atol=1e-11)
    assert np.allclose(found[480:960], 2 * a.ravel(), atol=1e-13)
    assert (found[960:1440] == 1).all()
    assert found[1440:] == pytest.approx([2 * np.pi**2 / 9 + 2, 0.0], abs=1e-12)


# ---- what is refused ---------------------------------------------------------------------------


def test_walls_are_refused():
    pde = PDESystem({u: laplacian(u)}, Rectangle(1, 1), boundary={"x": "periodic", "y": "no-flux"})
    with pytest.raises(DeclarationError, match=r"'spectral' needs a periodic box, .* walls along y; .*'finite differences'"):
        SpectralModel(pde, (8, 8))


def test_without_a_linear_part_there_is_no_split():
    model = SpectralModel(PDESystem({u: dx(u**2)}, (0, 1), boundary="periodic"), (8,))
    with pytest.raises(DeclarationError, match="'sbdf2' has nothing to treat"):
        split_problem(model, NONE, method="sbdf2")


@pytest.mark.parametrize("method", ["imex", "etdrk4", "tsit5"])
def test_calls_from_several_threads_do_not_meet(method):
    """One model, as the system keeps it, at work on several sets of parameters at once."""
    pde = PDESystem(
        {u: D * laplacian(u) + u * (1 - u) - mean(u**2)}, Rectangle(2, 1), boundary="periodic", initial={u: "sin(pi*x)**2"}
    )
    grid = pde.discretize((24, 24), scheme="spectral")

    def run(d):
        return sd.simulate(grid, np.array([0.0, 0.5]), parameters={D: d}, method=method, progress=False).u.values

    values = [0.1, 0.2, 0.3, 0.4]
    alone = [run(d) for d in values]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, values * 5))
    for k, found in enumerate(together):
        np.testing.assert_array_equal(found, alone[k % 4])
    swept = [
        sd.simulate(
            grid, np.array([0.0, 0.5]), parameters={D: values}, method=method, layout=sd.Layout(threads=n), progress=False
        )
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(swept[0].u.values, np.array(alone))
    np.testing.assert_array_equal(*(data.u.values for data in swept))
