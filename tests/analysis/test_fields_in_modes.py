"""Fields at rest on spectral grids and by iterations: elliptic functions, Lame's eigenvalues, and factors of small problems."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq
from scipy.special import ellipj, ellipk

import symdyn as sd
from symdyn.analysis import continuation, steady_states
from symdyn.errors import DeclarationError
from symdyn.grids import rest, rest_modes

RING = "u' = laplacian(u) + r*(u - u**3); r = 2"
LENGTH = 2 * np.pi


def modulus(r: float) -> float:
    """m of the pattern sqrt(2 m/(1 + m)) sn(x sqrt(r/(1 + m)) | m), whose period 4 K(m) sqrt((1 + m)/r) is the length."""
    return brentq(lambda m: 4 * ellipk(m) * np.sqrt((1 + m) / r) - LENGTH, 1e-6, 1 - 1e-9, xtol=1e-14)


def pattern(x: np.ndarray, r: float) -> np.ndarray:
    """The pattern at points whose sine is odd about zero."""
    m = modulus(r)
    return np.sqrt(2 * m / (1 + m)) * ellipj(x * np.sqrt(r / (1 + m)), m)[0]


def growth(r: float) -> float:
    """Of the only mode that grows: about the pattern the equation is Lame's of degree two."""
    m = modulus(r)
    return r / (1 + m) * (2 * np.sqrt(1 - m + m * m) - (1 + m))


@pytest.mark.parametrize(("domain", "points"), [((0, LENGTH), 48), (sd.Box(LENGTH, 2, 2), (48, 8, 8))])
def test_patterns_on_spectral_grids_are_elliptic_functions(domain, points):
    pde = sd.PDESystem.from_text(RING, domain=domain, boundary="periodic")
    found = steady_states(pde.discretize(points, scheme="spectral"), initial={"u": "sin(x)"}, starts=1)
    wave = found.u.isel(branch=0).transpose(..., "x").values
    assert np.abs(wave - pattern(found.x.values, 2.0)).max() < 1e-9
    assert found.unstable.values.tolist() == [1]
    assert float(found.eigenvalue_real[0]) == pytest.approx(growth(2.0), abs=1e-8)
    assert float(found.residual[0]) < 1e-10


def test_zero_has_all_modes_of_a_ring():
    # r - k^2 for k = 0, 1 and -1
    pde = sd.PDESystem.from_text(RING, domain=(0, LENGTH), boundary="periodic")
    for options in ({"scheme": "spectral"}, {"order": 6}):
        found = steady_states(pde.discretize(16, **options), initial={"u": "sin(x)/1000"}, starts=4)
        zero = found.isel(branch=np.abs(found.u).max("x").values < 1e-12)
        assert zero.unstable.values.tolist() == [3]
        assert float(zero.eigenvalue_real[0]) == pytest.approx(2, abs=1e-9)


def test_branches_by_iterations_are_those_of_factors(monkeypatch):
    grid = sd.PDESystem.from_text(RING, domain=(0, LENGTH), boundary="periodic").discretize(16, scheme="spectral")
    monkeypatch.setattr(rest, "DENSE", 10)
    branch = continuation(grid, "r", (1.3, 1.5), start={"u": "sin(x)"}, at=1.4, step=0.3)
    for k, r in ((0, 1.3), (-1, 1.5)):
        assert float(branch.r[k]) == pytest.approx(r, abs=1e-8)
        size = np.sqrt(np.mean(pattern(np.arange(64) * LENGTH / 64, r) ** 2))
        assert float(np.sqrt((branch.u[k] ** 2).mean())) == pytest.approx(size, abs=1e-7)


def test_oscillations_are_found_by_iterations(monkeypatch):
    # lambda = 0.1 - k^2 +- 3i for waves k
    monkeypatch.setattr(rest, "DENSE", 10)
    text = "u' = laplacian(u) + 0.1*u - 3*v - u**3; v' = laplacian(v) + 0.1*v + 3*u"
    grid = sd.PDESystem.from_text(text, domain=(0, 60), boundary="periodic").discretize(96, scheme="spectral")
    found = steady_states(grid, initial={"u": 0, "v": 0}, starts=1)
    assert complex(found.eigenvalue_real[0], found.eigenvalue_imag[0]) == pytest.approx(0.1 + 3j, abs=1e-7)


def test_waves_that_are_carried_along_are_found_by_iterations(monkeypatch):
    # about u = 1: lambda = 5 - k^2 - 30 i k
    monkeypatch.setattr(rest, "DENSE", 10)
    text = "u' = laplacian(u) - 30*u*dx(u) + 5*(u - 1) - (u - 1)**3"
    grid = sd.PDESystem.from_text(text, domain=(0, LENGTH), boundary="periodic").discretize(32, scheme="spectral")
    found = steady_states(grid, initial={"u": 1}, starts=1)
    assert int(found.unstable[0]) == 5
    assert float(found.eigenvalue_real[0]) == pytest.approx(5, abs=1e-7)


def test_the_fastest_wave_may_lie_between_those_of_whole_octaves(monkeypatch):
    # r - (1 - k^2)^2 = 1 for the wave of twelve periods, beside which many others grow
    monkeypatch.setattr(rest, "DENSE", 10)
    text = "u' = u*(1 - u**2) - u - 2*laplacian(u) - laplacian(laplacian(u))"
    grid = sd.PDESystem.from_text(text, domain=(0, 12 * LENGTH), boundary="periodic").discretize(48, scheme="spectral")
    found = steady_states(grid, initial={"u": 0}, starts=1)
    assert float(found.eigenvalue_real[0]) == pytest.approx(1, abs=1e-9)
    assert "is an estimate" in found.attrs["notes"]


def test_equations_that_iterations_do_not_solve_are_named(monkeypatch):
    monkeypatch.setattr(rest, "DENSE", 10)
    monkeypatch.setattr("symdyn.analysis.iterated.KEPT", 2)
    monkeypatch.setattr("symdyn.analysis.iterated.CYCLES", 1)
    grid = sd.PDESystem.from_text(RING, domain=(0, LENGTH), boundary="periodic").discretize(32, scheme="spectral")
    found = steady_states(grid, initial={"u": "sin(x)"}, starts=1)
    assert found.sizes["branch"] == 0
    assert "1 of 1 iterations ended early: GMRES did not solve" in found.attrs["notes"]
    with pytest.raises(DeclarationError, match="GMRES did not solve the linear equations in 2 iterations"):
        continuation(grid, "r", (1.8, 2.2), start={"u": "sin(x)"}, at=2.0)
    # all perturbations of zero decay, which cannot be told without eigenvalues
    calm = sd.PDESystem.from_text("u' = laplacian(u) - (2 + cos(x))*u", domain=(0, LENGTH), boundary="periodic")
    zero = steady_states(calm.discretize(32, scheme="spectral"), initial={"u": 0}, starts=1)
    assert zero.stable.values.tolist() == [False]
    assert "do not count as stable" in zero.attrs["notes"]


def test_a_matrix_is_formed_where_iterations_fail(monkeypatch):
    monkeypatch.setattr(rest, "FEW", 10)
    monkeypatch.setattr("symdyn.analysis.iterated.KEPT", 2)
    monkeypatch.setattr("symdyn.analysis.iterated.CYCLES", 1)
    grid = sd.PDESystem.from_text(RING, domain=(0, LENGTH), boundary="periodic").discretize(32, scheme="spectral")
    found = steady_states(grid, parameters={"r": 1.5}, initial={"u": "sin(x)"}, starts=1)
    size = np.sqrt(np.mean(pattern(np.arange(64) * LENGTH / 64, 1.5) ** 2))
    assert float(np.sqrt((found.u[0] ** 2).mean())) == pytest.approx(size, abs=1e-7)
    assert "GMRES" not in found.attrs["notes"]
    assert "estimate" not in found.attrs["notes"]  # eigenvalues are those of the matrix


def test_three_dimensions_by_iterations_are_those_by_factors(monkeypatch):
    text = "u' = laplacian(u)/10 + 4*u - u**3 - v; v' = laplacian(v) + u - 2*v"
    walls = {"u": {"x": sd.Dirichlet(0.2), "y": "periodic", "front": sd.Robin(1, 1, 0)}, "v": {"y": "periodic"}}
    grid = sd.PDESystem.from_text(text, domain=sd.Box(1, 1, 2), boundary=walls).discretize((7, 6, 8))
    by_factors = steady_states(grid, initial={"u": 1, "v": 0.5}, starts=1)
    monkeypatch.setattr(rest, "FACTORISED", 10)
    made = []
    kind = rest_modes.ModalDerivative
    monkeypatch.setattr(rest, "ModalDerivative", lambda *a: made.append(kind(*a)) or made[-1])
    found = steady_states(grid, initial={"u": 1, "v": 0.5}, starts=1)
    assert made
    assert np.abs(found.u - by_factors.u).max() < 1e-9
    assert float(found.eigenvalue_real[0]) == pytest.approx(float(by_factors.eigenvalue_real[0]), abs=1e-8)


def test_products_are_those_of_differences_and_inverses_are_near():
    text = "u' = laplacian(u) - u*dx(u) + mean(v)*u; v' = laplacian(v)/2 - v**3 + u"
    grid = sd.PDESystem.from_text(text, domain=sd.Rectangle(1, 2), boundary="periodic").discretize((8, 9), scheme="spectral")
    model, rng, none = grid.model(), np.random.default_rng(0), np.empty(0)
    y, v, w = 1 + 0.3 * rng.random(model.size), *rng.standard_normal((2, model.size))
    derivative = rest_modes.ModalDerivative(model, y, none, np.ones(model.size))
    h = 1e-5
    wanted = (model.rates(y + h * v, 0.0, none) - model.rates(y - h * v, 0.0, none)) / (2 * h)
    assert derivative @ v == pytest.approx(wanted, abs=1e-7 * np.abs(wanted).max())
    assert derivative @ (v + 1j * w) == pytest.approx(wanted + 1j * (derivative @ w), abs=1e-7 * np.abs(wanted).max())
    shift = 40 + 30j  # so large that the approximation is good
    solved = derivative.inverse(shift)(v + 1j * w)
    assert np.linalg.norm(derivative @ solved - shift * solved - v - 1j * w) < 0.2 * np.linalg.norm(v + 1j * w)


u, S = sp.symbols("u S")


@pytest.mark.parametrize(
    ("pde", "words"),
    [
        (sd.PDESystem({u: sd.laplacian(u**2) - u**3}, (0, 1), boundary="periodic"), "an iterative solution"),
        (
            sd.PDESystem({u: sd.laplacian(u) - u, S: 1 - S}, (0, 1), odes=[S], boundary={"left": sd.Dirichlet(S)}),
            "hold scalars",
        ),
    ],
)
def test_what_has_no_modes_is_refused(monkeypatch, pde, words):
    monkeypatch.setattr(rest, "DENSE", 10)
    grid = pde.discretize(16, **({"scheme": "spectral"} if pde.periodic else {}))
    with pytest.raises(DeclarationError, match=words):
        steady_states(grid, initial=dict.fromkeys(pde.names, 1), starts=1)
