"""The diagonal part of rates, additive Runge-Kutta methods, backward differences and ETDRK4, on rates that numpy computes."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import axis_modes
from symdyn.grids.linear_part_terms import field_terms, linear_part_of, numeric_terms
from symdyn.grids.walls import axis_matrix
from symdyn.integration import DiagonalProblem
from symdyn.integration.steppers.exponential import Coefficients, phi
from symdyn.models.boundary import Dirichlet, Robin
from symdyn.models.boxes import Rectangle
from symdyn.models.operators import dx, dy, laplacian
from symdyn.models.pde import PDESystem
from tests.integrated import integrated

WALLS = {
    "periodic": ("periodic", "periodic"),
    "mirror": ("mirror", "mirror"),
    "values": ((1.0, 0.0), (1.0, 0.0)),
    "mixed": ((1.0, 0.3), "mirror"),
    "fluxes": ((0.0, 1.0), (0.0, 1.0)),
}
u, v, D = sp.symbols("u v D")


def fft_system(n, length, symbol):
    """Rates of u' = L u - (u^2/2)_x by FFT, and the cell centers."""
    x = (np.arange(n) + 0.5) * length / n
    k = 2 * np.pi * np.fft.rfftfreq(n, length / n)
    slope = 1j * k
    slope[-1] = 0

    def rates(y, t=0.0, out=None):
        found = np.fft.irfft(symbol(k) * np.fft.rfft(y) - slope * np.fft.rfft(y * y) / 2, n)
        if out is None:
            return found
        out[:] = found
        return out

    return x, rates


@pytest.fixture(scope="module")
def burgers():
    """A split, a start, and the solution at 1 by another method."""
    n, nu = 64, 0.1
    x, rates = fft_system(n, 2 * np.pi, lambda k: -nu * k**2)
    y = np.sin(x) + 0.5 * np.cos(2 * x)
    reference = solve_ivp(lambda t, y: rates(y), (0, 1), y, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    linear = LinearPart([{((2,),): nu}], [[axis_modes(n, 2 * np.pi / n, None, "periodic", "periodic")]])
    return linear, rates, y, reference


METHODS = ("imex3", "imex", "sbdf2", "etdrk4")


# ---- the linear part ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("pair", list(itertools.product(WALLS, WALLS)), ids="-".join)
def test_functions_of_the_linear_part_are_those_of_its_matrix(order, pair):
    shape, spacing = (7, 6), (0.5, 0.4)
    rows = [axis_modes(n, h, order, *WALLS[w]) for n, h, w in zip(shape, spacing, pair, strict=True)]
    matrices = [axis_matrix(n, h, 2, order, *WALLS[w])[0] for n, h, w in zip(shape, spacing, pair, strict=True)]
    L = 0.03 * np.kron(matrices[0], np.eye(6)) + 0.02 * np.kron(np.eye(7), matrices[1]) - 0.5 * np.eye(42)
    linear = LinearPart([{((2, 0),): 0.03, ((0, 2),): 0.02, ((0, 0),): -0.5}], [rows], scalars=1)
    y = np.random.default_rng(1).normal(size=43)
    assert np.allclose(linear.apply(lambda s: s, y), [*(L @ y[:42]), 0], atol=1e-12)
    assert np.allclose(linear.apply(np.exp, y), [*(expm(L) @ y[:42]), y[42]], atol=1e-12)


def test_complex_modes_between_walls_go_with_waves_along_the_other_axis():
    box = axis_modes(7, 0.5, 4, (1.0, 0.0), (1.0, 0.2))
    rotated = box.vectors @ np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))[0]
    skew = np.diag(np.arange(6.0), 1) - np.diag(np.arange(6.0), -1) - np.eye(7)
    values, vectors = np.linalg.eig(rotated @ skew @ np.linalg.inv(rotated))
    wall = box._replace(values=values, vectors=vectors, inverse=np.linalg.inv(vectors))
    assert not wall.real
    periodic = axis_modes(6, 0.4, 4, "periodic", "periodic")
    matrix = np.kron((vectors * values @ wall.inverse).real, np.eye(6)) + np.kron(
        np.eye(7), axis_matrix(6, 0.4, 2, 4, "periodic", "periodic")[0]
    )
    y = np.random.default_rng(1).normal(size=42)
    linear = LinearPart([{((2, 0),): 1.0, ((0, 2),): 1.0}], [[wall, periodic]])
    assert np.allclose(linear.apply(lambda s: s, y), matrix @ y, atol=1e-10)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_symbols_of_derivatives_on_a_ring_are_those_of_the_differences(order, derivative):
    n, h = 18, 0.3
    A = axis_matrix(n, h, derivative, order, "periodic", "periodic")[0]
    linear = LinearPart([{((derivative,),): 1.0}], [[axis_modes(n, h, order, "periodic", "periodic")]])
    y = np.random.default_rng(2).normal(size=n)
    assert np.allclose(linear.apply(lambda s: s, y), A @ y, rtol=1e-12, atol=1e-10)


def test_modes_are_well_conditioned_whatever_the_walls():
    for order, left, right in itertools.product((2, 4, 6), WALLS.values(), WALLS.values()):
        if "periodic" in (*left, *right):
            continue
        axis = axis_modes(48, 1 / 48, order, left[0], right[1])
        if axis.kind == "dense":
            assert np.linalg.cond(axis.vectors) < 10
            assert axis.values.max() < 1e-9 * abs(axis.values.min())  # nothing grows


def test_threads_change_no_bit():
    n = 160
    axis = axis_modes(n, 1 / n, 2, "periodic", "periodic")
    terms = [{((2, 0),): 1e-4, ((0, 2),): 1e-4}] * 2
    y = np.random.default_rng(3).normal(size=2 * n * n)
    one, two = (LinearPart(terms, [[axis, axis]] * 2, threads=k) for k in (1, 2))
    assert (one.apply(np.exp, y) == two.apply(np.exp, y)).all()


# ---- terms -------------------------------------------------------------------------------------


def test_terms_are_found_in_sums_products_and_divergences():
    from symdyn.models.operators import div, grad

    k, c = sp.symbols("k c")
    pde = PDESystem(
        {u: div(D * grad(u)) - k * u + 3 * dx(u) + laplacian(v) + u * v, v: laplacian(v - c * laplacian(v)) + dy(v**2)},
        Rectangle(1, 1),
        boundary="periodic",
    )
    assert field_terms(pde, u) == {((2, 0),): D, ((0, 2),): D, ((0, 0),): -k, ((1, 0),): 3}
    assert field_terms(pde, v) == {((2, 0),): 1, ((0, 2),): 1, ((4, 0),): -c, ((2, 2),): -2 * c, ((0, 4),): -c}


def test_first_derivatives_between_walls_stay_explicit():
    pde = PDESystem({u: D * laplacian(u) - dx(u) - dy(u)}, Rectangle(1, 1), boundary={"x": Dirichlet(0), "y": "periodic"})
    assert field_terms(pde, u) == {((2, 0),): D, ((0, 2),): D, ((0, 1),): -1}


def test_operands_with_conditions_like_those_of_the_field_are_part_of_it():
    kappa = sp.Symbol("kappa")
    w = u**3 - u - kappa * laplacian(u)
    pde = PDESystem({u: laplacian(w)}, (0, 1), boundary={u: "no-flux", w: "no-flux"})
    assert field_terms(pde, u) == {((2,),): -1, ((2,), (2,)): -kappa}
    other = PDESystem({u: laplacian(w)}, (0, 1), boundary={u: "no-flux", w: Dirichlet(0)})
    assert field_terms(other, u) == {}


def test_another_linear_part_may_be_given():
    pde = PDESystem({u: dx((1 + u**2) * dx(u))}, (0, 1), boundary="periodic")
    assert numeric_terms(pde, {}) == [{}]
    assert numeric_terms(pde, {}, {"u": "2*laplacian(u) - u"}) == [{((2,),): 2.0, ((0,),): -1.0}]
    with pytest.raises(DeclarationError, match=r"implicit\[u\] is .*; expected a sum of u and its derivatives"):
        numeric_terms(pde, {}, {"u": "laplacian(u**2)"})
    with pytest.raises(DeclarationError, match="w"):
        numeric_terms(pde, {}, {"w": "laplacian(w)"})


def test_without_a_linear_part_the_message_says_what_to_do():
    pde = PDESystem({u: u * laplacian(u)}, (0, 1), boundary="periodic")
    with pytest.raises(DeclarationError, match=r"no rate .* 'etdrk4' has nothing .* implicit=\{'u': .* explicit method"):
        linear_part_of(pde, (16,), {u: (("periodic", "periodic"),)}, {}, order=2, method="etdrk4")


def test_derivatives_that_are_not_diagonal_are_refused():
    with pytest.raises(DeclarationError, match="order 1 along axis 1 between walls is not diagonal"):
        LinearPart([{((1,),): 1.0}], [[axis_modes(8, 0.1, 2, "mirror", "mirror")]])


# ---- orders and errors -------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_orders_in_time(burgers, method):
    linear, rates, y, reference = burgers
    order = sd.METHODS[method].order
    steps = np.array([1 / 16, 1 / 32, 1 / 64])
    errors = [
        np.abs(integrated(DiagonalProblem(linear, rates), method, y, [0.0, 1.0], step=h).frames[-1] - reference).max()
        for h in steps
    ]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert slopes[-1] == pytest.approx(order, abs=0.3)
    assert errors[-1] < 2e-3


@pytest.mark.parametrize("method", ["imex3", "imex", "etdrk4"])
def test_errors_follow_the_tolerance(burgers, method):
    linear, rates, y, reference = burgers
    for tolerance in (1e-4, 1e-6, 1e-8):
        found = integrated(DiagonalProblem(linear, rates), method, y, [0.0, 0.3, 1.0], rtol=tolerance, atol=tolerance)
        assert found.status == SUCCESS
        assert np.abs(found.frames[-1] - reference).max() < 20 * tolerance


@pytest.mark.parametrize("method", METHODS)
def test_stiff_waves_limit_no_step(method):
    # u' = nu u_xx + forcing towards cos(x - t): waves decay at rates up to 2.6e5, the solution is slow
    n, nu = 1024, 1.0
    x = (np.arange(n) + 0.5) * 2 * np.pi / n
    linear = LinearPart([{((2,),): nu}], [[axis_modes(n, 2 * np.pi / n, None, "periodic", "periodic")]])

    def rates(y, t, out):
        out[:] = linear.apply(lambda s: s, y) + np.sin(x - t) + nu * np.cos(x - t)
        return out

    found = integrated(DiagonalProblem(linear, rates), method, np.cos(x), [0.0, 1.0], step=0.02)
    assert np.abs(found.frames[-1] - np.cos(x - 1)).max() < 3e-4


def test_etdrk4_is_exact_for_linear_equations():
    n, d, c, k = 48, 0.3, 2.0, 0.7
    x = (np.arange(n) + 0.5) * 2 * np.pi / n
    axis = axis_modes(n, 2 * np.pi / n, None, "periodic", "periodic")
    linear = LinearPart([{((2,),): d, ((1,),): -c, ((0,),): -k}], [[axis]])
    split = DiagonalProblem(linear, lambda y, t, out: np.copyto(out, linear.apply(lambda s: s, y)) or out)
    found = integrated(split, "etdrk4", np.cos(3 * x), [0.0, 1.0], step=1.0)
    assert np.abs(found.frames[-1] - np.exp(-9 * d - k) * np.cos(3 * (x - c))).max() < 1e-13
    assert found.steps == 1


def test_scalars_are_carried_along_by_all_methods():
    # s' = 1 - s, u' = u_xx + s: the mean of u is the integral of s
    n = 16
    linear = LinearPart([{((2,),): 1.0}], [[axis_modes(n, 0.1, 2, "mirror", "mirror")]], scalars=1)

    def rates(y, t, out):
        out[:] = linear.apply(lambda s: s, y)
        out[:n] += y[n]
        out[n] = 1 - y[n]
        return out

    start = np.concatenate([np.cos(np.arange(n)), [0.0]])
    for method in METHODS:
        found = integrated(DiagonalProblem(linear, rates), method, start, [0.0, 2.0], step=0.01).frames[-1]
        assert found[n] == pytest.approx(1 - np.exp(-2), abs=1e-4)
        assert found[:n].mean() == pytest.approx(start[:n].mean() + 1 + np.exp(-2), abs=1e-4)


@pytest.mark.parametrize("lam", [0.0, -1e-9, -1e-3, -0.7, -3.9, -4.1, -60.0, 0.4, 2j, -1e-4 + 1e-5j, -5 + 30j])
def test_phi_functions_to_rounding(lam):
    with mpmath.workdps(120):
        z = mpmath.mpmathify(lam) if lam else mpmath.mpf("1e-25")
        exact = [mpmath.exp(z)]
        for k in range(3):
            exact.append((exact[k] - 1 / mpmath.factorial(k)) / z)
    found = phi(np.array([lam]), 3)
    assert [complex(x[0]) for x in found] == pytest.approx([complex(x) for x in exact], rel=1e-13, abs=1e-15)


def test_coefficients_of_etdrk4_are_those_of_cox_and_matthews():
    z = np.array([-0.7, -9.0, 0.4])
    e, cube = np.exp(z), z**3
    q = np.expm1(z / 2) / z
    weights = [
        (-4 - z + e * (4 - 3 * z + z**2)) / cube, (2 + z + e * (z - 2)) / cube, (-4 - 3 * z - z**2 + e * (4 - z)) / cube,
    ]  # fmt: skip
    found = Coefficients(sd.METHODS["etdrk4"], z / 0.1, 0.1, corrected=False)
    first, second, third, new = found.rows
    expected = [q, q, (np.exp(z / 2) - 1) * q, 2 * q, weights[0], 2 * weights[1], 2 * weights[1], weights[2]]
    for one, exact in zip([first[0], second[1], third[0], third[2], *new], expected, strict=True):
        assert one == pytest.approx(0.1 * exact, rel=1e-12)


# ---- what goes wrong ---------------------------------------------------------------------------


def blowing_up(y, t, out):
    """u' = u^2, which is infinite at t = 1 from 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.multiply(y, y, out=out)
    return out


def still():
    return LinearPart([{((0,),): 0.0}], [[axis_modes(4, 1.0, 2, "mirror", "mirror")]])


@pytest.mark.parametrize("method", ["imex3", "imex", "etdrk4"])
def test_solutions_that_end_are_noticed(method):
    found = integrated(DiagonalProblem(still(), blowing_up), method, np.ones(4), [0.0, 0.5, 2.0], rtol=1e-5)
    assert found.frames[1] == pytest.approx(2.0, rel=1e-4)
    assert np.isnan(found.frames[2]).all()
    assert found.status in (NOT_FINITE, STEP_TOO_SMALL)


@pytest.mark.parametrize("method", METHODS)
def test_steps_are_counted_and_limited(method, burgers):
    linear, rates, y, _ = burgers
    found = integrated(DiagonalProblem(linear, rates), method, y, [0.0, 1.0], step=0.01, max_steps=20)
    assert found.status == TOO_MANY_STEPS
    assert found.steps == 20
    found = integrated(DiagonalProblem(linear, rates), method, y, [0.0, 0.25, 1.0], step=0.01)
    assert (found.steps, found.status) == (100, SUCCESS)


@pytest.mark.parametrize("method", METHODS)
def test_infinite_states_end_equal_steps(method):
    found = integrated(DiagonalProblem(still(), blowing_up), method, np.full(4, 1e3), [0.0, 1.0], step=0.05)
    assert found.status == NOT_FINITE
    assert np.isnan(found.frames[-1]).all()


@pytest.mark.parametrize("step", [0, -1, np.inf, True, None, "short"])
def test_a_step_is_a_positive_number(step, burgers):
    linear, rates, y, _ = burgers
    with pytest.raises(DeclarationError, match=r"sbdf2 takes steps of one length: step is .*; expected a positive number"):
        integrated(DiagonalProblem(linear, rates), "sbdf2", y, [0.0, 1.0], step=step)


def test_robin_walls_keep_their_flux():
    # -D u_x = h u at both ends: the slowest mode decays at D q^2, q tan(q/2) = h/D
    n, d, h = 80, 0.5, 1.0
    pde = PDESystem({u: D * laplacian(u)}, (0, 1), boundary=Robin(h, d))
    pairs = {u: (((h, d), (h, d)),)}
    linear = linear_part_of(pde, (n,), pairs, {D: d}, order=4)
    q = float(mpmath.findroot(lambda q: q * mpmath.tan(q / 2) - h / d, 1.7))
    assert -linear.eigenvalues.max() == pytest.approx(d * q**2, rel=1e-6)
