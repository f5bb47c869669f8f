"""Densities and derived systems against the equations that they must satisfy, at random points in fifty digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.derive.time_reversal import fokker_planck_residual
from symdyn.errors import DeclarationError

x, y, t, mu, theta = sp.symbols("x y t mu theta")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
S = sp.Rational(8, 1000)
COSINE = sp.cos(sp.pi / 2 * (t + S) / (1 + S)) / sp.cos(sp.pi / 2 * S / (1 + S))
MIXTURE = sd.transport.GaussianMixture(
    [sp.Rational(2, 5), sp.Rational(3, 5)], [-1, sp.Rational(3, 2)], [sp.Rational(1, 2), sp.Rational(4, 5)]
)
#: Processes with what `marginal` is told besides, and alpha and sigma as the literature has them.
SCHEDULES = {
    "vp": (
        sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b)}), {},
        sp.exp(-sp.integrate(b, (t, 0, t)) / 2), sp.sqrt(1 - sp.exp(-sp.integrate(b, (t, 0, t)))),
    ),
    "sub-vp": (
        sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b * (1 - sp.exp(-2 * sp.integrate(b, (t, 0, t)))))}), {},
        sp.exp(-sp.integrate(b, (t, 0, t)) / 2), 1 - sp.exp(-sp.integrate(b, (t, 0, t))),
    ),
    "ve": (
        sd.SDESystem({x: 0}, {x: sp.Rational(1, 100) * 5000**t * sp.sqrt(2 * sp.log(5000))}), {"start": -sp.oo},
        sp.S.One, sp.Rational(1, 100) * 5000**t,
    ),
    "cosine": (
        sd.transport.diffusion(x, COSINE, sp.sqrt(1 - COSINE**2)), {"alpha": COSINE, "sigma": sp.sqrt(1 - COSINE**2)},
        COSINE, sp.sqrt(1 - COSINE**2),
    ),
    "edm": (sd.SDESystem({x: 0}, {x: sp.sqrt(2 * t)}), {}, sp.S.One, t),
    "flow matching": (sd.transport.diffusion(x, 1 - t, t), {}, 1 - t, t),
    "mean-reverting": (
        sd.SDESystem({x: 3 * (2 - x)}, {x: sp.sqrt(6) / 2}), {}, sp.exp(-3 * t), sp.sqrt(1 - sp.exp(-6 * t)) / 2,
    ),
}  # fmt: skip
POINTS = (("0.375", "0.2"), ("-1.75", "0.5"), ("2.5", "0.8125"))


FUNCTIONS = {
    "logsumexp": lambda *q: mpmath.log(sum(map(mpmath.exp, q))),
    "softmax": lambda one, *q: mpmath.exp(one) / sum(map(mpmath.exp, q)),
    "nonlinear": lambda inside: inside,
}


def is_zero(e: sp.Expr) -> bool:
    """Whether an expression vanishes at the points, in forty of fifty digits."""
    value = sp.lambdify([x, t], e, modules=[FUNCTIONS, "mpmath"], cse=True)
    with mpmath.workdps(50):
        return all(abs(value(mpmath.mpf(p), mpmath.mpf(q))) < mpmath.mpf(10) ** -40 for p, q in POINTS)


@pytest.fixture(scope="module", params=SCHEDULES)
def noised(request):
    process, options, alpha, sigma = SCHEDULES[request.param]
    density = MIXTURE if request.param in ("vp", "flow matching") else sd.transport.Normal(-1, sp.Rational(1, 2))
    return process, process.marginal(density, **options), alpha, sigma


def test_a_marginal_has_the_alpha_and_sigma_of_the_literature(noised):
    _, found, alpha, sigma = noised
    assert is_zero(found.alpha - alpha)
    assert is_zero(found.sigma - sigma)


def test_the_score_is_the_slope_of_the_density_and_the_predictions_are_ways_to_write_it(noised):
    _, found, alpha, sigma = noised
    slope = sp.diff(found.log_density, x)
    assert is_zero(found.score[x] - slope)
    assert is_zero(found.noise[x] + sigma * slope)
    assert is_zero(found.denoiser[x] - (x - found.shifts[0] + sigma**2 * slope) / alpha)
    assert is_zero(found.velocity[x] - (alpha * found.noise[x] - sigma * found.denoiser[x]))


def test_the_process_its_flow_and_their_reversals_have_one_marginal(noised):
    process, found, *_ = noised
    assert is_zero(fokker_planck_residual(process, found))
    flow = process.probability_flow(found)
    assert is_zero(fokker_planck_residual(flow, found))
    form = flow.semilinear()
    assert is_zero(form.drift[0] - flow.drift[0])
    assert is_zero(sp.diff(form.level, t) - form.linear[0] * form.level - form.scale[0])
    backwards = sp.exp(found.log_density).xreplace({t: 1 - t})
    back = process.reverse_time(found, horizon=1, noise=sp.Rational(1, 2))
    assert is_zero(fokker_planck_residual(back, backwards))


def test_the_reverse_of_the_reverse_is_the_process(noised):
    process, found, *_ = noised
    back = process.reverse_time(found, horizon=1)
    again = back.reverse_time({x: found.score[x].xreplace({t: 1 - t})}, horizon=1)
    assert is_zero(again.drift[0] - process.drift[0])
    assert is_zero(again.diffusion[0, 0] - process.diffusion[0, 0])


def test_the_divergence_of_noise_that_depends_on_states_enters_the_reversal():
    # the stationary density of dx = -x dt + sqrt(2 + 2 x^2) dW solves ((1 + x^2) p)' = -x p, so p = (1 + x^2)^(-3/2)
    process = sd.SDESystem({x: -x}, {x: sp.sqrt(2 + 2 * x**2)})
    p = (1 + x**2) ** sp.Rational(-3, 2)
    assert sp.simplify(fokker_planck_residual(process, p)) == 0
    back = process.reverse_time({x: sp.diff(sp.log(p), x)}, horizon=1)
    assert sp.simplify(back.drift[0] - process.drift[0]) == 0  # in equilibrium, and one dimension, it is reversible
    assert sp.simplify(process.probability_flow({x: sp.diff(sp.log(p), x)}).drift[0]) == 0


def test_a_family_of_diffusions_of_an_interpolant_has_one_marginal():
    second = sd.transport.GaussianMixture([1, 2], [-2, 1], [sp.Rational(1, 2), 1])
    between = sd.transport.interpolant(MIXTURE, second, [x], 1 - t, t, sp.sqrt(2 * t * (1 - t)))
    assert is_zero(fokker_planck_residual(between.flow(), sp.exp(between.log_density)))
    for e in (sp.Rational(1, 4), t * (1 - t)):
        assert is_zero(fokker_planck_residual(between.diffusion(e), sp.exp(between.log_density)))
    assert is_zero(between.score[x] - sp.diff(between.log_density, x))


def test_an_interpolant_has_the_values_of_the_sheet():
    first = sd.transport.GaussianMixture([0.5, 0.5], [-1.5, 1], [0.4, 0.6])
    second = sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
    between = sd.transport.interpolant(first, second, [x], 1 - t, t, sp.sqrt(2 * t * (1 - t)))
    place = {x: 0.5, t: 0.3}
    assert float(between.velocity[x].rewrite(sp.exp).subs(place)) == pytest.approx(-0.2489086607, abs=1e-10)
    assert float(between.score[x].rewrite(sp.exp).subs(place)) == pytest.approx(-0.0808370333, abs=1e-10)


def test_a_schedule_that_is_given_is_checked():
    with pytest.raises(DeclarationError, match="sigma= does not satisfy"):
        sd.SDESystem({x: -x}, {x: 1}).marginal(MIXTURE, alpha=sp.exp(-t), sigma=sp.sqrt(1 - sp.exp(-2 * t)))
    with pytest.raises(DeclarationError, match="give marginal alpha= and sigma="):
        sd.SDESystem({x: -sp.sin(t**2) * x}, {x: 1}).marginal(MIXTURE)


def test_what_holds_at_the_start_is_checked_of_a_schedule_that_is_given():
    process = sd.SDESystem({x: -x}, {x: sp.sqrt(2)})
    with pytest.raises(DeclarationError, match="alpha= is 2 at the start 0, where the density holds; expected 1"):
        process.marginal(MIXTURE, alpha=2 * sp.exp(-t), sigma=sp.sqrt(1 - sp.exp(-2 * t)))
    with pytest.raises(DeclarationError, match="sigma= is 2 at the start 0"):
        process.marginal(MIXTURE, alpha=sp.exp(-t), sigma=sp.sqrt(1 + 3 * sp.exp(-2 * t)))


def test_a_mean_that_is_reverted_to_at_a_rate_that_varies_has_a_marginal():
    # m' = b (2 - m) from the mean m(0) of the data, whatever b(t) is
    process = sd.SDESystem({x: b / 2 * (2 - x)}, {x: sp.sqrt(b)})
    found = process.marginal(MIXTURE)
    assert is_zero(found.shifts[0] - 2 * (1 - found.alpha))
    assert is_zero(fokker_planck_residual(process, found))


def test_a_reversal_keeps_observables_in_its_own_time():
    process = sd.SDESystem({x: -x}, {x: 1}, observables={y: t * x})
    assert sp.expand(process.reverse_time({x: -x}, horizon=3).observables[y] - (3 - t) * x) == 0
    assert sp.expand(process.probability_flow({x: -x}, horizon=3).observables[y] - (3 - t) * x) == 0
    assert process.probability_flow({x: -x}).observables == process.observables


def test_what_is_no_linear_diffusion_in_time_is_refused():
    u = sd.Path("u", [0, 1], [0, 1])
    driven = sd.SDESystem({x: -x}, {x: u})
    for derived in (
        lambda: driven.marginal(MIXTURE), lambda: driven.reverse_time({x: -x}, horizon=1),
        lambda: driven.probability_flow({x: -x}), lambda: driven.h_transform({x: 0}, horizon=1),
    ):  # fmt: skip
        with pytest.raises(DeclarationError, match="inputs over time"):
            derived()
    with pytest.raises(DeclarationError, match="horizon is t"):
        sd.SDESystem({x: -x}, {x: 1}).h_transform({x: 0}, horizon=t)
    with pytest.raises(DeclarationError, match="y has no noise"):
        sd.SDESystem({x: -x, y: -y}, {x: 1, y: 0}).h_transform({x: 0, y: 0}, horizon=1)
    with pytest.raises(DeclarationError, match="at the time -1, where there is no density"):
        sd.SDESystem({x: -x}, {x: 1}).marginal(sd.transport.Normal(0, 0.1)).at(-1)
    with pytest.raises(DeclarationError, match="must be finite"):
        sd.transport.Normal(float("inf"), 1)
    with pytest.raises(DeclarationError, match="q has 1; quantiles"):
        sd.transport.Normal(0, 1).quantile([0.5, 1])


def test_a_conditioned_process_is_the_bridge():
    # an Ornstein-Uhlenbeck bridge from x(0) to x(T) = z has the drift -x + 2 (z e^(T-t) - x) / (e^(2(T-t)) - 1)
    z, T = sp.symbols("z T", positive=True)
    bridge = sd.SDESystem({x: -x}, {x: sp.sqrt(2)}).h_transform({x: z}, horizon=T)
    known = -x + 2 * (z * sp.exp(T - t) - x) / (sp.exp(2 * (T - t)) - 1)
    assert sp.simplify(bridge.drift[0] - known) == 0


def test_guidance_of_two_normal_classes_moves_the_mean():
    sd_w = sd.transport.guided({x: -(x - 1)}, {x: -x / 2}, 3)
    assert sp.expand(sd_w[x] - (-(x - 1) + 3 * (-(x - 1) + x / 2))) == 0


def test_covariances_and_unequal_states():
    turned = sd.transport.GaussianMixture([1, 1], [[0, 1], [1, -1]], covariances=[[[1, 0.5], [0.5, 1]], [[2, 0], [0, 0.5]]])
    process = sd.SDESystem({x: -x, y: -y}, {x: 1, y: 1})
    found = process.marginal(turned)
    for s in (x, y):
        slope = (sp.diff(found.log_density, s) - found.score[s]).rewrite(sp.exp)
        assert abs(float(slope.subs({x: 0.3, y: -0.7, t: 0.4}))) < 1e-12
    each = sd.SDESystem({x: -x, y: -2 * y}, {x: 1, y: 3}).marginal(sd.transport.Normal([1, 2], [0.5, 0.7]))
    assert each.alpha is None
    assert [float(e.subs(t, 0.5)) for e in each.alphas] == pytest.approx(np.exp([-0.5, -1.0]))
    with pytest.raises(DeclarationError, match="covariances= need the same rate"):
        sd.SDESystem({x: -x, y: -2 * y}, {x: 1, y: 3}).marginal(turned)


def test_the_likelihood_along_the_flow_is_the_log_density():
    process = sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b)})
    bed = sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
    noised = process.marginal(bed)
    known = {-2.5: -2.7129160, -1: -6.8722594, 0: -1.11770216, 0.3: 0.00945025, 1.9: -1.74995544}
    assert noised.at(1e-3).log_pdf(list(known)) == pytest.approx(list(known.values()), abs=6e-8)
    flow = process.probability_flow(noised).with_log_density()
    run = sd.simulate(flow, [1e-3, 1], initial={"x": list(known)}, rtol=1e-12, atol=1e-12, method="dop853", progress=False)
    last = run.isel(time=-1)
    found = noised.at(1).log_pdf(last.x.values) - last.log_density.values
    assert found == pytest.approx(noised.at(1e-3).log_pdf(list(known)), abs=1e-10)


@pytest.mark.parametrize(("place", "width"), [(3, 0.05), (5, 0.05), (40, 0.01)])
def test_scores_far_away_do_not_underflow(place, width):
    mixture = sd.transport.GaussianMixture([0.5, 0.5], [-1, 1], [width, width])
    system = sd.ODESystem({x: sp.diff(mixture.log_density([x]), x)})
    data = sd.simulate(system, [0, 1e-9], initial={"x": place}, progress=False)
    slope = (float(data.x[-1]) - place) / 1e-9
    assert slope == pytest.approx(-(place - 1) / width**2, rel=2e-5)
