"""Moment equations against equations written out by hand, and what is refused of them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.stats
import sympy as sp

import symdyn as sd
from symdyn.derive.kramers_moyal import Channel
from symdyn.derive.moments import moments
from symdyn.errors import DeclarationError
from symdyn.models.moments import MomentSystem
from symdyn.models.reaction import Burst
from tests.derive.moment_runs import TIGHT, symbols


def sides(system: MomentSystem, count: int | None = None) -> list[sp.Expr]:
    return [sp.expand(f) for f in system.open_sides[:count]]


def test_raw_equations_of_the_brusselator(brusselator):
    c1, c2, c3, c4, om = symbols("c1", "c2", "c3", "c4", "V")
    m10, m01, m20, m11 = symbols("E[X]", "E[Y]", "E[X^2]", "E[X*Y]")
    m21, m12, m31, m22 = symbols("E[X^2*Y]", "E[X*Y^2]", "E[X^3*Y]", "E[X^2*Y^2]")
    w = c1 / om**2
    expected = [
        c3 * om + w * (m21 - m11) - (c2 + c4) * m10,
        c2 * m10 - w * (m21 - m11),
        c3 * om * (1 + 2 * m10) + (c2 + c4) * m10 - 2 * (c2 + c4) * m20 + 2 * w * m31 - w * m21 - w * m11,
        c2 * (m20 - m10 - m11) + c3 * om * m01 - c4 * m11 + w * (m11 + m22 - m12 - m31),
        c2 * m10 + 2 * c2 * m11 + w * (m21 + 2 * m12 - m11 - 2 * m22),
    ]
    assert sides(brusselator.moments(2)) == [sp.expand(e) for e in expected]


def test_sums_are_built_as_sympy_builds_them(brusselator):
    for f in brusselator.moments(3).open_sides:
        assert f == sp.Add(*(sp.Mul(*term.args) if term.is_Mul else term for term in f.args))


def test_equations_of_bursts_with_a_gene():
    text = "0 => G, kon*(1 - G); G => 0, koff*G*P^2; G -> G + geometric(b) P, kp; P -> 0, g"
    net = sd.ReactionNetwork.from_text(text, binary=["G"])
    kon, koff, kp, b, g = symbols("kon", "koff", "kp", "b", "g")
    m10, m01, m11, m02, m12, m03 = symbols("E[G]", "E[P]", "E[G*P]", "E[P^2]", "E[G*P^2]", "E[P^3]")
    m13, m14 = symbols("E[G*P^3]", "E[G*P^4]")
    expected = {
        m10: kon - koff * m12 - kon * m10,
        m01: b * kp * m10 - g * m01,
        m11: kon * m01 + b * kp * m10 - (kon + g) * m11 - koff * m13,
        m02: g * m01 + b * kp * m10 + 2 * b * kp * m11 + 2 * kp * b**2 * m10 - 2 * g * m02,
        m12: kon * m02 + g * m11 + b * kp * m10 + 2 * b * kp * m11 + 2 * kp * b**2 * m10 - koff * m14 - kon * m12 - 2 * g * m12,
        m03: b * kp * m10 + 3 * g * m02 + 3 * b * kp * (m11 + m12) + 6 * kp * b**2 * (m10 + m11) + 6 * kp * b**3 * m10
        - g * m01 - 3 * g * m03,
    }  # fmt: skip
    closed = net.moments(3, "derivative matching")
    assert dict(zip(closed.states, sides(closed), strict=True)) == {s: sp.expand(e) for s, e in expected.items()}


def test_linear_mapping_of_a_feedback_loop():
    text = "g + p -> 0, sb; 0 => g + p, su*(1 - g); g -> g + p, ru; 0 => p, rb*(1 - g); p -> 0, 1"
    net = sd.ReactionNetwork.from_text(text, {"sb": 0.004, "su": 0.25, "rb": 25, "ru": 60}, binary=("g",))
    closed = net.moments(2, "LMA")
    sb, su, ru, rb = symbols("sb", "su", "ru", "rb")
    m10, m01, m11, m02 = symbols("E[g]", "E[p]", "E[g*p]", "E[p^2]")
    expected = [
        su - sb * m11 - su * m10,
        rb + (ru - rb) * m10 - m01,
        ru * m10 + su * m01 - (1 + su) * m11 - sb * m11**2 / m10,
        rb + (ru - rb) * m10 + 2 * rb * m01 + 2 * (ru - rb) * m11 + m01 - 2 * m02,
    ]
    assert closed.states == (m10, m01, m11, m02)
    assert all(sp.expand(f - e) == 0 for f, e in zip(closed.drift, expected, strict=True))
    data = sd.simulate(closed, [0, 1, 2, 4, 8, 15], initial={"g": 1, "p": 0.001}, **TIGHT)
    assert np.allclose(data.p_mean[1:], [37.13647, 48.28292, 48.77858, 44.49166, 43.66836], rtol=1e-6)


def test_linear_mapping_of_cooperative_binding():
    net = sd.ReactionNetwork.from_text("g + 2 p -> 2 p, sb; p -> 0, 1", binary=("g",))
    m11, m12, sb = symbols("E[g*p]", "E[g*p^2]", "sb")
    closed = net.moments(3, "linear-mapping")
    assert sp.expand(closed.drift[0] + sb * (m12 - m11)) == 0
    assert closed.positive_means
    with pytest.raises(DeclarationError, match="order 3; got order 2"):
        net.moments(2, "linear-mapping")
    with pytest.raises(DeclarationError, match="one binary species"):
        sd.ReactionNetwork.from_text("2 p -> 0, k; g -> 0, 1", binary=("g",)).moments(2, "lma")


def test_stochastic_equations_of_cox_ingersoll_ross():
    x, k, th, s = symbols("x", "k", "th", "s")
    cir = sd.SDESystem({x: k * (th - x)}, {x: s * sp.sqrt(x)})
    mu1, mu2, m2 = symbols("E[x]", "E[x^2]", "M[x^2]")
    raw, central = moments(cir, 2, None), moments(cir, 2, None, central=True)
    assert sides(raw) == [sp.expand(k * (th - mu1)), sp.expand(2 * k * (th * mu1 - mu2) + s**2 * mu1)]
    assert sides(central) == [sp.expand(k * (th - mu1)), sp.expand(s**2 * mu1 - 2 * k * m2)]


def test_cox_ingersoll_ross_where_zero_is_reached():
    """2 k th < s^2, Feller's condition fails: moments in closed form, and a noncentral chi-square distribution."""
    x = sp.Symbol("x")
    k, th, s, x0, e = 1.0, 0.5, 1.5, 0.5, np.exp(-1.0)
    root = sp.sqrt(sp.Max(x, 0))
    exact = s**2 * (x0 * (e - e**2) / k + th * (1 - e) ** 2 / (2 * k))
    raw = sd.simulate(moments(sd.SDESystem({x: k * (th - x)}, {x: s * sp.sqrt(x)}), 2, None), [0, 1],
                      initial={"E[x]": x0, "E[x^2]": x0**2}, **TIGHT)  # fmt: skip
    found = float(raw["E[x]"][-1]), float(raw["E[x^2]"][-1] - raw["E[x]"][-1] ** 2)
    assert found == pytest.approx((0.5, 0.4863739032), abs=1e-9)
    assert exact == pytest.approx(0.4863739032, abs=1e-10)
    c = 2 * k / (s**2 * (1 - e))
    below = scipy.stats.ncx2.cdf(2 * c * 0.1, 4 * k * th / s**2, 2 * c * x0 * e)
    assert below == pytest.approx(0.35789585, abs=1e-8)
    paths = sd.simulate(sd.SDESystem({x: k * (th - x)}, {x: s * root}, initial={x: x0}), [0, 1], trajectories=40_000, seed=1,
                        step=1 / 256, progress=False).x.values[:, -1]  # fmt: skip
    assert (paths < 0.1).mean() == pytest.approx(below, abs=4.5 * np.sqrt(below * (1 - below) / 40_000))
    assert paths.mean() == pytest.approx(0.5, abs=4.5 * np.sqrt(exact / 40_000))


def test_stochastic_equations_of_van_der_pol():
    x, y, e, w, a, g, t = symbols("x", "y", "e", "w", "A", "wg", "t")
    force = a * sp.cos(g * t)
    system = sd.SDESystem({x: y, y: e * (1 - x**2) * y - w**2 * x + force}, {x: 0, y: a})
    m10, m01, m20, m11, m02 = symbols("E[x]", "E[y]", "E[x^2]", "E[x*y]", "E[y^2]")
    m21, m31, m22 = symbols("E[x^2*y]", "E[x^3*y]", "E[x^2*y^2]")
    expected = [
        m01,
        force + e * (m01 - m21) - w**2 * m10,
        2 * m11,
        m02 + e * (m11 - m31) - w**2 * m20 + m10 * force,
        a**2 + 2 * e * (m02 - m22) + 2 * m01 * force - 2 * w**2 * m11,
    ]
    assert sides(moments(system, 2, "dm")) == [sp.expand(f) for f in expected]


@pytest.mark.parametrize("j", [1, 2, 3, 4])
def test_langevin_equation_of_schloegl(j):
    net = sd.ReactionNetwork.from_text("2 X -> 3 X, 1; 3 X -> 2 X, 1; 0 -> X, k1; X -> 0, k2")
    k1, k2 = symbols("k1", "k2")

    def mu(k):
        return sp.Integer(1) if k == 0 else sp.Symbol("E[X]" if k == 1 else f"E[X^{k}]")

    expected = j * (k1 * mu(j - 1) - k2 * mu(j) + (mu(j + 1) - mu(j)) - (mu(j + 2) - 3 * mu(j + 1) + 2 * mu(j)))
    if j > 1:
        noise = k1 * mu(j - 2) + k2 * mu(j - 1) + (mu(j) - mu(j - 1)) + (mu(j + 1) - 3 * mu(j) + 2 * mu(j - 1))
        expected += sp.Rational(j * (j - 1), 2) * noise
    assert sides(moments(net.langevin(), 4, "normal"))[j - 1] == sp.expand(expected)


def test_stratonovich_equations_are_read_in_their_ito_form():
    """Geometric Brownian motion: in Stratonovich's sense the mean grows with a + s^2/2."""
    x, a, s = symbols("x", "a", "s")
    system = sd.SDESystem({x: a * x}, {x: s * x}, interpretation="stratonovich")
    mean = sp.Symbol("E[x]")
    assert sides(moments(system, 1, None)) == [sp.expand((a + s**2 / 2) * mean)]


def test_initial_values(brusselator):
    net = sd.ReactionNetwork.from_text("2 A -> B, 0.1; B -> 2 A, 1")
    a, b = net.states
    for kind, closed in (("raw", net.moments(2)), ("central", net.moments(2, central=True)), ("cumulant", net.cumulants(2))):
        data = sd.simulate(closed, [0, 1], initial={"A": scipy.stats.poisson(10), "B": [1, 2, 3]}, **TIGHT)
        assert data.A_mean.dims == ("B0", "time"), kind
        assert np.allclose(data.A_var[:, 0], 10)
        assert np.allclose(data.B_mean[:, 0], [1, 2, 3])
        assert np.allclose(data.B_var[:, 0], 0)
    closed = net.moments(2, central=True)
    assert closed.initial_values({a: 4.0, b: 2.0, sp.Symbol("M[A*B]"): -0.5})[sp.Symbol("M[A*B]")] == -0.5
    assert closed.with_initial(A=3, B=4).initial == {a: 3.0, b: 4.0}
    everything = {s: float(k) for k, s in enumerate(closed.states)}
    assert closed.initial_values(everything) == everything
    with pytest.raises(DeclarationError, match="the species B, from which"):
        closed.initial_values({a: 1.0})
    with pytest.raises(DeclarationError, match="distributions belong to species"):
        sd.simulate(closed, [0, 1], initial={"A": 1, "B": 1, "M[A*B]": scipy.stats.poisson(1)}, progress=False)
    with pytest.raises(DeclarationError, match="expected numbers"):
        sd.simulate(net.rate_equations(), [0, 1], initial={"A": scipy.stats.poisson(1), "B": 1}, progress=False)


def test_moments_as_expressions(brusselator):
    closed = brusselator.moments(2)
    ex, ey, exx, exy = symbols("E[X]", "E[Y]", "E[X^2]", "E[X*Y]")
    assert (closed.mean("X"), closed.moment(X=1, Y=1)) == (ex, exy)
    assert sp.expand(closed.variance("X") - exx + ex**2) == 0
    assert sp.expand(closed.covariance("Y", "X") - exy + ex * ey) == 0
    assert sp.expand(closed.central_moment({"X": 2}) - closed.cumulant(X=2)) == 0
    assert sp.expand(closed.cumulant(X=2, Y=1)) == 0
    with pytest.raises(DeclarationError, match="'Z' is not a species of this system; its species: X, Y"):
        closed.mean("Z")
    with pytest.raises(DeclarationError, match="whole number >= 0"):
        closed.moment(X=-1)


def test_frozen_pickled_and_known_by_digest(brusselator):
    closed = brusselator.moments(3)
    again = pickle.loads(pickle.dumps(closed))
    assert again == closed
    assert again.digest == closed.digest
    assert again.open_sides == closed.open_sides
    assert again.cumulant(X=5) == closed.cumulant(X=5)
    assert closed.digest != brusselator.moments(3, "zero").digest
    assert closed.with_parameters(c1=1).defaults[sp.Symbol("c1")] == 1
    with pytest.raises(AttributeError, match="frozen"):
        closed.order = 2
    own = pickle.loads(pickle.dumps(brusselator.moments(2, lambda index, known: sp.Integer(0))))
    with pytest.raises(DeclarationError, match="nothing closes it"):
        own.moment(X=7)


def test_display(brusselator):
    closed = brusselator.moments(2)
    assert "X, Y up to order 2; normal closure of E[X^2*Y], E[X*Y^2], E[X^3*Y], E[X^2*Y^2]" in repr(closed)
    assert r"\langle X^{2} Y \rangle" in closed._repr_latex_()
    assert any("Goodman" in line for line in closed.provenance)
    assert closed.provenance[: len(brusselator.provenance)] == brusselator.provenance
    assert str(closed).splitlines()[-1] == "K[X^2*Y^2] = 0"


def test_binary_species_are_reduced():
    net = sd.ReactionNetwork.from_text("0 => g, a*(1 - g); g -> 0, b; g -> g + p, k; p -> 0, 1", binary=["g"])
    assert net.moments(3, None).names == ("E[g]", "E[p]", "E[g*p]", "E[p^2]", "E[g*p^2]", "E[p^3]")
    g = sp.Symbol("E[g]")
    for closed in (net.moments(2, None), net.moments(2, None, central=True), net.cumulants(2, None)):
        assert sp.expand(closed.variance("g") - g * (1 - g)) == 0
        # third central moment and cumulant of a Bernoulli variable
        assert sp.expand(closed.cumulant(g=3) - g * (1 - g) * (1 - 2 * g)) == 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((2, None), {}, r"need E\[X\^2\*Y\], E\[X\*Y\^2\], .*pass a closure"),
        ((2, 3), {}, "closure is 3; expected a name"),
        ((0,), {}, "order is 0"),
        ((2,), {"taylor_order": 2}, "expected a whole number above the order 2"),
        ((1, "gamma"), {}, "gamma closure uses moments of order 2; got order=1"),
        ((2, "conditional Gaussian"), {}, "binary=\\('G',\\)"),
        ((2, lambda index, known: known.raw(index)), {}, "asks for it while it closes it"),
    ],
)
def test_what_is_refused(brusselator, arguments, options, message):
    with pytest.raises(DeclarationError, match=message):
        brusselator.moments(*arguments, **options)


def test_what_is_refused_of_rates(p53, brusselator):
    with pytest.raises(DeclarationError, match=r"not a polynomial in the states; pass taylor_order=q .* taylor_order=3"):
        p53.moments(2)
    with pytest.raises(DeclarationError, match="reactions, or from rates of change with noise or without; got DiscreteSystem"):
        moments(sd.DiscreteSystem({"x": sp.Symbol("x") / 2}), 2)
    with pytest.raises(DeclarationError, match="unknown term of the states"):
        sd.ReactionNetwork.from_text("X => 0, f(X)").moments(2)
    with pytest.raises(sd.SymdynError, match="Did you mean 'normal'"):
        brusselator.moments(2, "norml")
    eventful = sd.ReactionNetwork.from_text("X -> 0, k; when X < 5, X = 9")
    for derived in (lambda: moments(eventful, 2), lambda: eventful.moments(2)):
        with pytest.raises(DeclarationError, match="has events"):
            derived()
    with pytest.raises(DeclarationError, match="derived, not written"):
        MomentSystem.from_text("x' = -x")


def test_a_drift_alone_moves_the_moments_of_random_initial_values():
    # x' = -a x from a random start: <x^k> = <x0^k> exp(-k a t), so its equation is d<x^k>/dt = -k a <x^k>
    x, a = sp.symbols("x a")
    closed = moments(sd.ODESystem({x: -a * x}, {a: 0.7}), 3, None)
    assert [sp.expand(f / s) for s, f in zip(closed.states, closed.drift, strict=True)] == [-a, -2 * a, -3 * a]


def test_a_saturating_rate_is_expanded_about_the_mean():
    # m' = -<r> with <r> = r(m) + r''(m) M2/2 + r'''(m) M3/6, M3 = 0 by the normal closure, and M2' = <r> - 2 <(n - m) r>
    net = sd.ReactionNetwork.from_text("X => 0, X/(K + X)")
    m, M2, K = symbols("E[X]", "M[X^2]", "K")
    r = m / (K + m)
    for given, error in (
        (2, "above the order 2"),
        (2.5, "taylor_order is 2.5; expected a whole number"),
        (None, "taylor_order=3"),
    ):
        with pytest.raises(DeclarationError, match=error):
            net.moments(2, central=True, taylor_order=given)
    closed = net.moments(2, central=True, taylor_order=3)
    mean = r + r.diff(m, 2) / 2 * M2
    assert sp.simplify(closed.drift[0] + mean) == 0
    assert sp.simplify(closed.drift[1] - (mean - 2 * r.diff(m) * M2)) == 0
    assert closed.provenance[-2] == "central moments up to order 2, rates expanded about the mean to order 3"
    assert "expanded" not in sd.ReactionNetwork.from_text("2 X -> 0, c").moments(2).provenance[-2]


def test_raw_and_central_moments_of_a_saturating_rate_change_alike():
    # E[X^3] = M3 + 3 m M2 + m^3, and E[X^2] = M2 + m^2
    net = sd.ReactionNetwork.from_text("0 -> X, 2; X => 0, X/(3 + X)")
    m, M2, M3 = values = 5.0, 1.5, 0.7
    raw = net.moments(3, taylor_order=4)
    central = net.moments(3, central=True, taylor_order=4)
    dm, d2, d3 = (float(f.subs(dict(zip(central.states, values, strict=True)))) for f in central.drift)
    at = dict(zip(raw.states, (m, M2 + m**2, M3 + 3 * m * M2 + m**3), strict=True))
    expected = dm, d2 + 2 * m * dm, d3 + 3 * (dm * M2 + m * d2) + 3 * m**2 * dm
    assert [float(f.subs(at)) for f in raw.drift] == pytest.approx(expected, rel=1e-12)


def test_moments_of_fixed_changes_and_bursts_multiply():
    # <2^3 m> = 8 b, and <(1 + m)^2> = 1 + 2 b + b + 2 b^2 of a geometric burst on 0, 1, 2, ...
    b, rate = symbols("b", "rate")
    channel = Channel(rate, {0: 2, 1: 1}, {1: Burst("geometric", b), 2: Burst("poisson", b)})
    first, second = (sp.Add(*(f * n for f, n in channel.moment(p).items())) for p in ({0: 3, 2: 1}, {1: 2}))
    assert first == 8 * b
    assert sp.expand(second - (1 + 3 * b + 2 * b**2)) == 0
    assert channel.moment({3: 1}) == {}
