"""Compiled candidates against finite differences, other integrators and linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.interpolate import make_smoothing_spline

import symdyn as sd
from symdyn.discover.whole.fits import Fitter
from symdyn.discover.whole.kernel import driver, integration
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import FUNCTIONS, INV, SIG, SIN, Atom, CandidateTerm, EquationModel, packed
from symdyn.errors import RecoveryError

x, y = sp.symbols("x y")
#: Damped pendulum with a saturating and a switching term.
TERMS = (
    (0, CandidateTerm((0, 1))),
    (1, CandidateTerm((0, 0), (Atom(SIN, (1.0, 0.0)),))),
    (1, CandidateTerm((0, 1))),
    (1, CandidateTerm((2, 1), (Atom(INV, (1.0, 0.0), 1.5, 2, (-1,)),))),
    (0, CandidateTerm((0, 0), (Atom(SIG, (0.0, 2.0), -0.5, 1, (-1, 1)),))),
)
COEFFICIENTS = (1.0, -0.9, -0.2, 0.3, 0.25)
SIDES = {
    x: y + 0.25 / (1 + sp.exp(2 * y - 0.5)),
    y: -0.9 * sp.sin(x) - 0.2 * y + 0.3 * x**2 * y / (1.5 + x**2),
}
START = np.array([1.2, 0.3])


def made(terms, coefficients, d=2):
    return EquationModel(d, [(e, term, c, term.values) for (e, term), c in zip(terms, coefficients, strict=True)])


def model():
    return made(TERMS, COEFFICIENTS)


def problem(t, values, method="tsit5"):
    """Data of unit weight in one trajectory."""
    n, d = values.shape
    begins = np.zeros(n, np.uint8)
    begins[0] = 1
    return EquationProblem(
        t=t, x=values, w=np.ones((n, d)), smooth=values, first=np.array([0, n]), nodes=np.zeros((n, 1, d)),
        at=np.zeros((n, 1)), quadrature=np.zeros((n, 1)), begins=begins, seen=np.full(d, float(n)), spread=np.ones(d),
        clean=False, floor=1e-3, given=np.zeros(d, bool),
        integration=integration(method, np.full(d, 1e-11), rtol=1e-11, largest=1e6, attempts=1e6),
    )  # fmt: skip


def run(m, start, t, method="tsit5"):
    """The states at `t` by the compiled functions."""
    fitter = Fitter(problem(t, np.zeros((len(t), 2)), method))
    made = fitter.call(m, np.array([start]), 1, (0, 0, 0, np.inf))
    assert made.info[0]
    return made.run


@pytest.mark.parametrize("method", ["tsit5", "bs32"])
def test_runs_agree_with_simulate(method):
    t = np.linspace(0, 6, 40)
    reference = sd.simulate(sd.ODESystem(SIDES, initial={x: START[0], y: START[1]}), t, rtol=1e-12, atol=1e-12, progress=False)
    found = run(model(), START, t, method)
    np.testing.assert_allclose(found[:, 0], reference["x"].values.ravel(), atol=2e-8)
    np.testing.assert_allclose(found[:, 1], reference["y"].values.ravel(), atol=2e-8)


@pytest.mark.parametrize("method", ["dop853", "rodas5p", "heun"])
def test_methods_of_another_form_are_refused(method):
    with pytest.raises(
        RecoveryError, match=f"explicit Runge-Kutta pair with one error estimate such as 'tsit5', not by '{method}'"
    ):
        integration(method, np.ones(1), rtol=1e-6)


def test_jacobian_matrices_agree_with_symbols():
    m, points = model(), np.random.default_rng(0).normal(size=(6, 2))
    f, J = np.empty((6, 2)), np.empty((6, 2, 2))
    driver().rate(points, m.data, m.theta, f, J)
    sides = sp.Matrix(list(SIDES.values()))
    slopes = sides.jacobian([x, y])
    for i, (a, b) in enumerate(points):
        np.testing.assert_allclose(f[i], np.array(sides.subs({x: a, y: b}), dtype=float).ravel(), rtol=1e-12)
        np.testing.assert_allclose(J[i], np.array(slopes.subs({x: a, y: b}), dtype=float), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("number", FUNCTIONS)
def test_every_function_has_its_value_and_slope(number):
    term = CandidateTerm((1,), (Atom(number, (0.7,), 0.4, 2),))
    m, points = made([(0, term)], [1.0], 1), np.array([[0.5], [1.3]])
    f, J = np.empty((2, 1)), np.empty((2, 1, 1))
    driver().rate(points, m.data, m.theta, f, J)
    r = sp.Symbol("r", positive=True)
    side = term.expression([r], [])
    np.testing.assert_allclose(f[:, 0], [float(side.subs(r, v)) for v in points[:, 0]], rtol=1e-10)
    np.testing.assert_allclose(J[:, 0, 0], [float(side.diff(r).subs(r, v)) for v in points[:, 0]], rtol=1e-9)


@pytest.mark.parametrize("windows", [1, 3])
def test_gradients_agree_with_finite_differences(windows):
    t = np.linspace(0, 5, 31)
    m, rng = model(), np.random.default_rng(1)
    data = run(m, START, t) + 0.1 * rng.normal(size=(31, 2))
    fitter = Fitter(problem(t, data))
    cut = fitter.problem.cut(windows)
    starts = data[cut[:, 0]].copy()
    made = fitter.call(m, starts, windows, (0, 0, 0, np.inf))
    assert made.info[0]
    rss, (own, gradient, _, _, start_gradient) = made.rss, made.arrow

    def total(theta, begin):
        return fitter.call(m.with_theta(theta), begin, windows, (0, 0, 0, np.inf)).rss.sum()

    assert total(m.theta, starts) == pytest.approx(rss.sum())
    h = 1e-6
    for k in range(len(m.theta)):
        e = h * (np.arange(len(m.theta)) == k)
        slope = (total(m.theta + e, starts) - total(m.theta - e, starts)) / (2 * h)
        assert -2 * gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-5)
    for at in np.ndindex(starts.shape):
        e = np.zeros_like(starts)
        e[at] = h
        slope = (total(m.theta, starts + e) - total(m.theta, starts - e)) / (2 * h)
        assert -2 * start_gradient[at] == pytest.approx(slope, rel=1e-5, abs=1e-5)
    assert np.allclose(own, own.T)
    assert np.linalg.eigvalsh(own).min() > -1e-10


def test_a_fit_finds_the_parameters_that_made_the_data():
    t = np.linspace(0, 8, 80)
    data = run(model(), START, t)
    begin = made(TERMS, [0.9, -0.8, -0.1, 0.2, 0.2])
    fit = Fitter(problem(t, data)).fit(begin, START[None] + 0.05, 1, 60, fall=1e-16)
    np.testing.assert_allclose(fit.model.theta, model().theta, rtol=1e-4)
    assert fit.total < 1e-12


def test_the_screen_tells_what_an_absent_term_would_gain():
    """The score test against fits with and without the term, near enough to a fit for residuals to be linear."""
    t = np.linspace(0, 4, 60)
    terms = [(0, CandidateTerm((0, 1))), (1, CandidateTerm((1, 0)))]
    full = made([*terms, (1, CandidateTerm((0, 1)))], [1.0, -1.0, -0.002])
    data = run(full, START, t)
    fitter = Fitter(problem(t, data))
    base = fitter.fit(made(terms, [1.0, -1.0]), START[None].copy(), 1, 40, fall=1e-16)
    library = [CandidateTerm((0, 1)), CandidateTerm((2, 0))]
    screened = fitter.screen(base, packed(library, 2))
    (A, g, diagonal), rss = screened.sums, screened.rss
    p = len(base.model.theta)
    column = p + 2  # the first term of the library in the second equation
    solved = np.linalg.solve(A[:, :p], np.c_[A[:, column], g[:p]])
    score = g[column] - A[:, column] @ solved[:, 1]
    own = diagonal[column] - A[:, column] @ solved[:, 0]
    assert score**2 / own == pytest.approx(rss.sum(), rel=0.01)
    assert score / own == pytest.approx(-0.002, rel=0.02)


def test_smoothing_splines_agree_with_scipy():
    rng = np.random.default_rng(0)
    t, w = np.sort(rng.uniform(0, 10, 40)), rng.uniform(0.5, 2, 40)
    v, values = np.sin(t) + 0.1 * rng.normal(size=40), np.empty(40)
    for penalty in (1e-4, 1e-1, 10.0):
        score = driver().spline(t, v, w, penalty, values)
        np.testing.assert_allclose(values, make_smoothing_spline(t, v, w=w, lam=penalty)(t), atol=1e-8)
        smoother = np.array([make_smoothing_spline(t, e, w=w, lam=penalty)(t) for e in np.eye(40)]).T
        expected = 40 * np.sum(w * (v - smoother @ v) ** 2) / (40 - np.trace(smoother)) ** 2
        assert score == pytest.approx(expected, rel=1e-6)


def test_extensions_agree_with_least_squares():
    rng = np.random.default_rng(2)
    Z, v = rng.normal(size=(50, 6)), rng.normal(size=50)
    Z /= np.linalg.norm(Z, axis=0)
    bases, gains = np.array([[0, 3], [2, 5]]), np.empty((2, 6))
    driver().extend(Z.T @ Z, Z.T @ v, bases, gains)
    for r, base in enumerate(bases):
        for l in range(6):
            if l in base:
                assert gains[r, l] == -1
                continue
            left = np.linalg.lstsq(Z[:, [*base, l]], v, rcond=None)[1][0]
            assert gains[r, l] == pytest.approx(v @ v - left, rel=1e-8)


def test_integrals_and_their_slopes_by_inner_constants():
    points, weights = np.polynomial.legendre.leggauss(4)
    t = np.linspace(0, 2, 21)
    gaps = np.diff(t, prepend=0.0)
    nodes = (t[:, None] - gaps[:, None] * 0.5 * (1 - points))[:, :, None]  # the state is time itself
    begins = np.zeros(21, np.uint8)
    begins[0] = 1
    terms = [CandidateTerm((2,)), CandidateTerm((1,), (Atom(INV, (1.0,), 0.5, 1, (-1,)),))]
    places = np.array([(1, 0, 0, 0)])
    out = np.empty((3, 21))
    driver().integrals(np.ascontiguousarray(nodes), 0.5 * gaps[:, None] * weights, begins, packed(terms, 1), places, out)
    np.testing.assert_allclose(out[0], t**3 / 3, atol=1e-12)
    np.testing.assert_allclose(out[1], t - 0.5 * np.log(1 + 2 * t), atol=1e-9)
    # -s/(K + s)^2 integrates to -log((K + t)/K) - K/(K + t) + 1
    np.testing.assert_allclose(out[2], -np.log((0.5 + t) / 0.5) - 0.5 / (0.5 + t) + 1, atol=1e-7)
