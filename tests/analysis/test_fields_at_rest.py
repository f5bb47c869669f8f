"""Fields at rest: exact counts, amplitude equations, independent discretisations, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import fsolve

import symdyn as sd
from symdyn.analysis import continuation, plot_continuation, steady_states
from symdyn.errors import DeclarationError


def chafee_infante(r: float = 6.0) -> sd.PDESystem:
    return sd.PDESystem.from_text(f"u' = laplacian(u) + r*(u - u**3); r = {r}", domain=(0, np.pi), boundary=sd.Dirichlet(0))


def test_chafee_infante_has_five_states_with_their_unstable_modes():
    # for n^2 < r < (n+1)^2 there are 2n + 1: zero with n growing modes, and pairs with k - 1 zeros, k - 1 growing modes
    found = steady_states(chafee_infante(), initial={"u": 1}, grid=60, starts=24)
    assert sorted(found.unstable.values.tolist()) == [0, 0, 1, 1, 2]
    assert found.stable.values.tolist() == [True, True, False, False, False]
    assert np.abs(found.residual).max() < 1e-9
    one = found.isel(branch=int(np.argmax(found.u.mean("x").values)))
    # energy of the first integral: u'^2/2 + r (u^2/2 - u^4/4) is constant
    u, h = one.u.values, float(one.x[1] - one.x[0])
    slope = (u[2:] - u[:-2]) / (2 * h)
    energy = slope**2 / 2 + 6 * (u[1:-1] ** 2 / 2 - u[1:-1] ** 4 / 4)
    assert np.ptp(energy) < 0.02 * energy.mean()


def test_turing_branch_of_the_brusselator_follows_its_amplitude_equation():
    a, du, dv = 2.0, 1.0, 8.0
    bc, kc = (1 + a * np.sqrt(du / dv)) ** 2, np.sqrt(a / np.sqrt(du * dv))
    jacobian, diffusion = np.array([[bc - 1, a * a], [-bc, -a * a]]), np.diag([du, dv])
    phi = np.array([1.0, -(bc - 1 - du * kc**2) / a**2])
    psi = np.array([1.0, a * a / (a * a + dv * kc**2)])  # of the transpose
    psi = psi / (psi @ phi)
    sign = np.array([1.0, -1.0])

    def quadratic(p, q):
        return sign * (2 * bc / a * p[0] * q[0] + 2 * a * (p[0] * q[1] + p[1] * q[0])) / 2

    w0 = -np.linalg.solve(jacobian, quadratic(phi, phi) / 2)
    w2 = -np.linalg.solve(jacobian - 4 * kc**2 * diffusion, quadratic(phi, phi) / 2)
    cubic = psi @ (2 * quadratic(phi, w0) + quadratic(phi, w2) + 0.75 * sign * phi[0] ** 2 * phi[1])
    slope = -(psi @ (sign * phi[0])) / cubic  # A^2 = slope (B - Bc)

    text = "u' = laplacian(u) + 2 - (B+1)*u + u**2*v; v' = 8*laplacian(v) + B*u - u**2*v"
    grid = sd.PDESystem.from_text(text, domain=(0, 3 * np.pi / kc)).discretize(96, order=6)
    rest = continuation(grid, "B", (2.7, 3.0), start={"u": 2, "v": 1.35}, at=2.7)
    crossing = rest.isel(point=(rest.special == "branch point").values)
    assert crossing.sizes["point"] == 1
    assert float(crossing.B[0]) == pytest.approx(bc, abs=1e-6)
    pattern = continuation(grid, "B", (2.7, 2.95), start=crossing.isel(point=0), switch=0, step=0.05)
    amplitude = 2 * (pattern.u * np.cos(kc * pattern.x)).mean("x").values
    away = pattern.B.values - bc
    near = (away > 1e-4) & (away < 3e-3)
    assert near.sum() >= 2
    assert amplitude[near] ** 2 / away[near] == pytest.approx(slope, rel=2e-3)
    assert pattern.stable.values[near].all()  # it is supercritical
    assert plot_continuation(rest, pattern).axes[0].get_ylabel() == "root mean square of u"


def swift_hohenberg_fold(r: float, u: np.ndarray, length: float) -> float:
    """A fold by cosine collocation, another discretisation: f = 0, J v = 0, |v| = 1, by Newton's method."""
    n = u.size
    x = (np.arange(n) + 0.5) * length / n
    k = np.arange(n) * np.pi / length
    basis = np.cos(np.outer(x, k))
    operator = basis @ np.diag(-((1 - k**2) ** 2)) @ np.linalg.inv(basis)
    values, vectors = np.linalg.eig(operator + np.diag(r + 3.6 * u - 3 * u**2))
    v = vectors[:, np.abs(values).argmin()].real
    v /= np.linalg.norm(v)
    for _ in range(12):
        jacobian = operator + np.diag(r + 3.6 * u - 3 * u**2)
        residual = np.concatenate([operator @ u + r * u + 1.8 * u**2 - u**3, jacobian @ v, [v @ v / 2 - 0.5]])
        whole = np.zeros((2 * n + 1, 2 * n + 1))
        whole[:n, :n], whole[:n, -1] = jacobian, u
        whole[n:-1, :n], whole[n:-1, n:-1], whole[n:-1, -1] = np.diag((3.6 - 6 * u) * v), jacobian, v
        whole[-1, n:-1] = v
        step = np.linalg.solve(whole, -residual)
        u, v, r = u + step[:n], v + step[n:-1], r + step[-1]
    assert np.abs(step).max() < 1e-9
    return float(r)


def test_folds_of_snaking_agree_with_another_discretisation():
    length = 40.0
    text = "u' = r*u - u - 2*laplacian(u) - laplacian(laplacian(u)) + 1.8*u**2 - u**3; r = -0.3"
    walls = {"u": "no-flux", "laplacian(u)": "no-flux"}
    grid = sd.PDESystem.from_text(text, domain=(0, length), boundary=walls).discretize(160, order=6)
    branch = continuation(grid, "r", (-0.36, -0.22), start={"u": "1.3*cos(x)/cosh(x/8)"}, at=-0.3, points=26, step=0.2)
    folds = branch.isel(point=(branch.special == "fold").values)
    assert folds.sizes["point"] >= 2
    for k in range(folds.sizes["point"]):
        r = float(folds.r[k])
        assert r == pytest.approx(swift_hohenberg_fold(r, folds.u.values[k], length), abs=1e-4)


def test_conserved_means_are_kept_and_mirror_images_found():
    text, inner = "u' = laplacian(u**3 - u - laplacian(u))", "u**3 - u - laplacian(u)"
    films = sd.PDESystem.from_text(text, domain=(0, 8), boundary={"u": "no-flux", inner: "no-flux"})
    found = steady_states(films, initial={"u": "0.1 + 0.5*cos(pi*x/8)"}, grid=48, starts=12)
    assert np.abs(found.u.mean("x") - 0.1).max() < 1e-10
    stable = found.isel(branch=found.stable.values)
    assert stable.sizes["branch"] == 2  # one wall between two phases, and its mirror image
    assert np.abs(stable.u.values[0] - stable.u.values[1][::-1]).max() < 1e-8


def test_a_pattern_on_a_ring_is_stable_and_a_moving_one_is_no_steady_state():
    length = 2 * np.pi / 0.8408964152537145
    text = "u' = laplacian(u) + 2 - (B+1)*u + u**2*v {}; v' = 8*laplacian(v) + B*u - u**2*v {}; B = 3.2"
    start = {"u": lambda x: 2 + np.cos(2 * np.pi * x / length), "v": lambda x: 1.6 - 0.3 * np.cos(2 * np.pi * x / length)}
    still = sd.PDESystem.from_text(text.format("", ""), domain=(0, length), boundary="periodic")
    found = steady_states(still, initial=start, grid=48, starts=1)
    assert found.stable.values.tolist() == [True]  # the shift along the ring is not counted
    assert float(found.u.std()) > 0.3
    moved = sd.PDESystem.from_text(text.format("+ 0.3*dx(u)", "+ 0.3*dx(v)"), domain=(0, length), boundary="periodic")
    found = steady_states(moved, initial=start, grid=48, starts=3)
    assert found.sizes["branch"] == 1  # no pattern: it moves with the flow
    assert float(found.u.std()) < 1e-6
    assert float(found.eigenvalue_imag[0]) == pytest.approx(0.3 * 2 * np.pi / length, rel=5e-3)


def test_means_in_rates_couple_all_cells():
    # about u = 1 the mean falls with exp(-2 t), waves with exp(-(1 + pi^2) t)
    found = steady_states(
        sd.PDESystem.from_text("u' = laplacian(u) + 1 - mean(u)*u", domain=(0, 1)), initial={"u": 2}, grid=16, starts=1
    )
    assert found.u.values == pytest.approx(1.0)
    assert float(found.eigenvalue_real[0]) == pytest.approx(-2, abs=1e-8)


@pytest.mark.parametrize("boundary", ["no-flux", "periodic", {"x": sd.Robin(1, 2, 0.3), "y": "no-flux"}])
def test_jacobian_in_two_dimensions_is_that_of_the_rates(boundary):
    text = "u' = laplacian(u**2) + u*v*dx(u) - u; v' = 0.3*laplacian(v) + x*u**2/(1 + v) + dy(u*v)"
    periodic = boundary == "periodic"
    grid = sd.PDESystem.from_text(text, domain=sd.Rectangle(1, 2), boundary=boundary).discretize((13, 14), order=4)
    problem = grid.at_rest()
    rng = np.random.default_rng(0)
    y, v = 1 + 0.3 * rng.random(problem.size), rng.standard_normal(problem.size)
    matrix = problem.jacobian(y, np.empty(0), np.ones(problem.size))
    h = 1e-6
    wanted = (problem.residual(y + h * v, np.empty(0)) - problem.residual(y - h * v, np.empty(0))) / (2 * h)
    assert matrix @ v == pytest.approx(wanted, rel=1e-6, abs=1e-6 * np.abs(wanted).max())
    assert matrix.nnz < (0.8 if periodic else 0.75) * problem.size**2


def test_oscillating_modes_of_large_systems_are_found():
    # lambda = 0.1 - k^2 +- 3i for waves k: far from zero along the imaginary axis
    text = "u' = laplacian(u) + 0.1*u - 3*v - u**3; v' = laplacian(v) + 0.1*v + 3*u"
    found = steady_states(sd.PDESystem.from_text(text, domain=(0, 30)), initial={"u": 0, "v": 0}, grid=150, starts=1)
    assert complex(found.eigenvalue_real[0], found.eigenvalue_imag[0]) == pytest.approx(0.1 + 3j, abs=1e-6)
    assert int(found.unstable[0]) == 8  # of k = n pi/30 < 0.316, n = 0 .. 3, both signs


SLOW = "v' = 1e-5*laplacian(v) - 0.01*v"  # many eigenvalues beside zero


@pytest.mark.parametrize(
    ("text", "domain", "grid", "first", "count"),
    [
        # 5 - k^2 for waves k = n pi/100; of 71 growing modes eight are looked at
        ("u' = laplacian(u) + 5*u - u**3", (0, 100), 400, 5, 8),
        # 3 - (n pi/3)^2, n = 0 and 1
        (f"u' = laplacian(u) + 3*u - u**3; {SLOW}", (0, 3), 80, 3, 2),
        # the same waves with +-10i
        (f"u' = laplacian(u) + 2*u - 10*w - u**3; w' = laplacian(w) + 2*w + 10*u; {SLOW}", (0, 3), 60, 2 + 10j, 4),
        # 15 - pi^2 (m^2 + n^2), twice for (m, n) = (0, 1)
        (f"u' = laplacian(u) + 15*u - u**3; {SLOW}", sd.Rectangle(1, 1), (12, 12), 15, 3),
        # 3 - (j/2)^2 for 0 and the zeros j of J_1' twice, J_2' twice: 1.841, 3.054
        (f"u' = laplacian(u) + 3*u - u**3; {SLOW}", sd.Disk(2), 0.5, 3, 5),
    ],
)  # fmt: skip
def test_growing_modes_far_from_the_axis_are_found(text, domain, grid, first, count):
    pde = sd.PDESystem.from_text(text, domain=domain)
    found = steady_states(pde, initial=dict.fromkeys(pde.names, 0), grid=grid, starts=1)
    assert complex(found.eigenvalue_real[0], found.eigenvalue_imag[0]) == pytest.approx(first, abs=1e-6)
    assert not found.stable[0]
    assert int(found.unstable[0]) == count


def test_a_pattern_on_a_ring_is_found_once():
    k = 0.8408964152537145
    text = "u' = laplacian(u) + 2 - (B+1)*u + u**2*v; v' = 8*laplacian(v) + B*u - u**2*v; B = 3.2"
    ring = sd.PDESystem.from_text(text, domain=(0, 2 * np.pi / k), boundary="periodic")
    start = {"u": lambda x: 2 + np.cos(k * x), "v": lambda x: 1.6 - 0.3 * np.cos(k * x)}
    found = steady_states(ring, initial=start, grid=32, starts=12)
    assert found.unstable.values.tolist() == [0, 2]  # the pattern, and the uniform state with both waves
    problem = ring.discretize(32).at_rest()
    pattern = np.concatenate([found.u.values[0], found.v.values[0]])
    x = found.x.values
    moved = np.concatenate([np.cos(k * x + 0.3), np.sin(k * x + 0.3)])
    assert problem.aligned(moved, np.concatenate([np.cos(k * x), np.sin(k * x)])) == pytest.approx(moved, abs=1e-12)
    assert problem.shifts(pattern).shape[1] == 1
    # a value at a point does not move with the pattern
    held = sd.PDESystem.from_text("u' = laplacian(u) - at(u, 0.3)*u", domain=(0, 2 * np.pi / k), boundary="periodic")
    assert held.discretize(32).at_rest().shifts(np.cos(k * x)).shape[1] == 0


def test_means_are_kept_where_rates_are_defined_for_small_values_alone():
    text, inner = "u' = laplacian({})", "log((1+u)/(1-u)) - 3*u - 0.1*laplacian(u)"
    films = sd.PDESystem.from_text(text.format(inner), domain=(0, 3), boundary={"u": "no-flux", inner: "no-flux"})
    found = steady_states(films, initial={"u": "0.1 + 0.3*cos(pi*x/3)"}, grid=40, starts=3)
    assert found.sizes["branch"] >= 2
    assert np.abs(found.u.mean("x") - 0.1).max() < 1e-10


def test_what_one_value_of_a_parameter_conserves_is_not_left_out_of_the_branch():
    # with k = 0 the mean is conserved; with k > 0 it grows from zero at the rate k
    pde = sd.PDESystem.from_text("u' = laplacian(u) + k*(u - u**3); k = 0", domain=(0, 1))
    branch = continuation(pde, "k", (0, 2), start={"u": 0}, grid=20)
    assert branch.eigenvalue_real.values == pytest.approx(branch.k.values, abs=1e-9)
    assert not branch.stable.any()


def test_a_field_that_grows_beside_a_stiff_one_is_not_at_rest():
    pde = sd.PDESystem.from_text("u' = 1000*laplacian(u) + 1 - u; v' = u/10000", domain=(0, 1), boundary="no-flux")
    assert steady_states(pde, initial={"u": 1.0, "v": 1.0}, grid=64, starts=3).sizes["branch"] == 0


def test_oscillations_are_born_where_the_trace_vanishes():
    # of the Brusselator with equal diffusion at B = 1 + A^2, with the frequency A
    text = "u' = laplacian(u) + 2 - (B+1)*u + u**2*v; v' = laplacian(v) + B*u - u**2*v"
    rest = continuation(
        sd.PDESystem.from_text(text, domain=(0, 8)), "B", (4.5, 5.3), start={"u": 2, "v": 2.25}, at=4.5, grid=64
    )
    born = rest.isel(point=(rest.special == "hopf").values).isel(point=0)
    assert float(born.B) == pytest.approx(5, abs=1e-5)
    assert float(born.frequency) == pytest.approx(2, abs=1e-4)


def test_fisher_branch_by_solving_the_amplitude_of_one_mode_alone():
    # Galerkin with sin x, sin 3x: an independent small system close to the branch
    r = 1.2
    pattern = steady_states(
        sd.PDESystem.from_text("u' = laplacian(u) + r*u - u**3; r = 1.2", domain=(0, np.pi), boundary=sd.Dirichlet(0)),
        initial={"u": "0.5*sin(x)"}, grid=64, starts=1,
    )  # fmt: skip
    x, w = np.polynomial.legendre.leggauss(60)
    x, w = (x + 1) * np.pi / 2, w * np.pi / 2
    waves = np.array([np.sin(k * x) for k in (1, 3, 5)])

    def galerkin(c):
        u = c @ waves
        return (waves * w) @ (r * u - u**3) - np.array([1, 9, 25]) * c * np.pi / 2

    c = fsolve(galerkin, [0.5, 0.0, 0.0], xtol=1e-12)
    assert float(pattern.u.max()) == pytest.approx(c @ np.array([1, -1, 1]), rel=1e-3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: steady_states(chafee_infante(), initial={"u": 1}), "how fine the grid is"),
        (lambda: steady_states(chafee_infante(), initial={"u": 1}, grid=20, real=False), "real=False"),
        (lambda: steady_states(chafee_infante(), {"r": [1, 2]}, initial={"u": 1}, grid=20), "one value for each parameter"),
        (lambda: steady_states(sd.ODESystem.from_text("x' = 1 - x"), grid=3), "belongs to systems of fields"),
        (lambda: steady_states(chafee_infante(), grid=20), "no value for the state u"),
        (lambda: steady_states(chafee_infante(), initial={"u": 1}, grid=20, starts=0), "starts is 0"),
        (
            lambda: steady_states(sd.PDESystem.from_text("u' = cos(t) - u", domain=(0, 1)), initial={"u": 1}, grid=8),
            "depend on t",
        ),
        (lambda: continuation(chafee_infante(), "r", (0, 5), start={"u": 0}, grid=20, at=2.5, switch=0), "no branch to switch"),
        (lambda: continuation(sd.ODESystem.from_text("x' = r - x; r = 1"), "r", (0, 2), start={"x": 1}, switch=0), "switch="),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(make, words):
    with pytest.raises(DeclarationError, match=words):
        make()
