"""Derivatives of PEtab problems against those of closed forms: by complex steps of what is simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

import symdyn as sd
from symdyn.errors import RecoveryError
from symdyn.inference import fit_problem
from symdyn.io.petab import fitting
from symdyn.io.petab.distributions import read_prior
from symdyn.io.petab.lanes import Accuracy, directions_of, shared
from symdyn.io.petab.tangents import Tangent
from tests.io.petab_tables import CONVERSION, MODEL, written

pytest.importorskip("libsbml")
pytest.importorskip("yaml")

TIGHT = Accuracy(None, 1e-11, 1e-13)
HEAD = "parameterId lowerBound upperBound nominalValue estimate\n"


def compare(
    problem: sd.PetabProblem, names: Sequence[str], exact: Callable[..., Sequence[complex]], values: Sequence[float]
) -> None:
    """Simulations and their derivatives, at two points at once."""
    points = [np.array([v, 1.3 * v]) for v in values]
    found, noise = problem.expected(dict(zip(names, points, strict=True)), TIGHT, {n: np.ones(2) for n in names})
    for b in range(2):
        here = [complex(p[b]) for p in points]
        assert found[0, b] == pytest.approx(np.real(exact(*here)), rel=1e-8, abs=1e-10)
        for k in range(len(names)):
            moved = [v + 1e-30j * (j == k) for j, v in enumerate(here)]
            assert found[1 + k, b] == pytest.approx(np.imag(exact(*moved)) / 1e-30, rel=1e-7, abs=1e-9)
    assert not noise[1:].any()


def test_through_periods_that_change_amounts_and_sizes(tmp_path):
    problem = sd.read_petab(
        written(
            tmp_path,
            parameter=HEAD + "s -1 9 0.25 true\nm 0 9 2 true\nw 0 9 2 true",
            condition="conditionId targetId targetValue\nfirst k 1+s-0.25\nsecond V w*V\nsecond C m*C+N\nthird V 8",
            experiment="experimentId time conditionId\ne 1 first\ne 3 second\ne 5 third",
            measurement="observableId experimentId time measurement\n"
            "c e 1 1\nc e 2 1\nn e 2 1\nc e 3 1\nn e 3 1\nc e 4 1\nc e 5 1\ng e 5 1\nc e 6 1",
        )
    )

    def exact(s, m, w):
        k, n = 0.75 + s, 5 * np.exp(-np.array([1, 2, 4]))
        after = (m * 3 * np.exp(-2 * k) + n[1]) / w
        last = after * np.exp(-2 * k) * w / 4
        return [
            3, 3 * np.exp(-k), n[0], after, n[1], after * np.exp(-k), last, last + n[2] + s, last * np.exp(-k),
        ]  # fmt: skip

    compare(problem, ["s", "m", "w"], exact, [0.25, 2.0, 2.0])


def test_through_a_steady_state_and_scales_of_noise(tmp_path):
    """Both rates of a conversion are estimated before and after, and enter initial values, overrides and logarithms."""
    path = written(
        tmp_path, 1,
        parameter="parameterId parameterScale lowerBound upperBound nominalValue estimate\n"
        "p log10 0.1 10 1 1\nq lin 0.1 10 1 1\nz log 0.1 10 1 1\ns lin 0 9 1 1",
        condition="conditionId k1 k2 a0\nbefore p q z\nafter 2 q*p z",
        observable="observableId observableFormula noiseFormula observableTransformation\n"
        "a observableParameter1_a*A+0.5 0.1 log10\nb B 0.1 log",
        measurement="observableId preequilibrationConditionId simulationConditionId time measurement observableParameters\n"
        "a before after 0 1 s\na before after 1 1 2\nb before after 1 1 \nb before after inf 1 ",
    )  # fmt: skip
    (tmp_path / "model.xml").write_text((CONVERSION / "model.xml").read_text())
    problem = sd.read_petab(path)

    def exact(p, q, z, s):
        rest, rate = q * p * z / (2 + q * p), 2 + q * p
        start = z * q / (p + q)
        later = rest + (start - rest) * np.exp(-rate)
        return [np.log10(s * start + 0.5), np.log10(2 * later + 0.5), np.log(z - later), np.log(z - rest)]

    compare(problem, ["p", "q", "z", "s"], exact, [0.8, 0.6, 1.7, 1.2])


def test_through_a_steady_state_at_which_sensitivities_vanish(tmp_path):
    """All of A becomes B, however fast: the rate before has no say, and only the total is handed on."""
    path = written(
        tmp_path, 1,
        parameter="parameterId parameterScale lowerBound upperBound nominalValue estimate\n"
        "p log10 0.1 10 1 1\nq lin 0.1 10 1 1\nz lin 0 9 1 1",
        condition="conditionId k1 k2 a0\nbefore p 0 z\nafter q p z",
        observable="observableId observableFormula noiseFormula\na A 0.1",
        measurement="observableId preequilibrationConditionId simulationConditionId time measurement\n"
        "a before after 0 1\na before after 1 1",
    )  # fmt: skip
    (tmp_path / "model.xml").write_text((CONVERSION / "model.xml").read_text())

    def exact(p, q, z):
        return [0 * z, z * p / (p + q) * (1 - np.exp(-p - q))]

    compare(sd.read_petab(path), ["p", "q", "z"], exact, [0.8, 1.2, 1.0])


def test_through_an_event_of_the_states(tmp_path):
    """N grows by s when C falls to 1, at log(3)/k."""
    event = """<listOfEvents><event useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><lt/><ci>C</ci><cn>1</cn></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="N"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/><ci>N</ci>
<ci>k</ci></apply></math></eventAssignment></listOfEventAssignments></event></listOfEvents></model>"""
    path = written(
        tmp_path, parameter=HEAD + "k 0 9 0.5 true", observable="observableId observableFormula noiseFormula\nn N 1",
        measurement="observableId time measurement\nn 1 1\nn 3 1",
    )  # fmt: skip
    model = MODEL.replace("</model>", event).replace("<cn>2</cn><ci>k</ci>", "<cn>2</cn><cn>0.5</cn>")
    (tmp_path / "model.xml").write_text(model)

    def exact(k):
        return [5 * np.exp(-1), 5 * np.exp(-3) + k * np.exp(np.log(3) / k - 3)]

    compare(sd.read_petab(path), ["k"], exact, [0.6])


def test_gradient_of_a_fit_is_that_of_the_likelihood(tmp_path):
    """Noise that is estimated, of Laplace and with a prior, against the density of a closed form."""
    path = written(
        tmp_path,
        parameter="parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
        "k 0.01 9 0.5 true log-normal -1;0.5\nsd 0.01 9 0.2 true  ",
        observable="observableId observableFormula noiseFormula noiseDistribution\nc C sd*(1+C) laplace",
        measurement="observableId time measurement\nc 1 1.7\nc 2 1.4",
    )
    fit = sd.fit(sd.read_petab(path), starts=1, guesses={"k": 0.4, "sd": 0.3})

    def log_posterior(k, sd):
        c = 3 * np.exp(-k * np.array([1, 2]))
        return stats.laplace.logpdf([1.7, 1.4], c, sd * (1 + c)).sum() + stats.lognorm.logpdf(k, 0.5, scale=np.exp(-1))

    theta = fit.problem.coordinates([0.4, 0.3])
    local = fit.problem.expand(np.zeros(1, int), theta[None], np.zeros((1, 0, 0)))
    plain, step = np.array([0.4, 0.3]), 1e-5
    quotients = [(log_posterior(*(plain + step * e)) - log_posterior(*(plain - step * e))) / (2 * step) for e in np.eye(2)]
    speed = [c.slope(v) for c, v in zip(fit.problem.columns, plain, strict=True)]
    assert local.gradient[0] == pytest.approx(np.array(quotients) * speed, rel=1e-6)


def test_experiments_share_systems_where_their_directions_allow():
    system = sd.ODESystem.from_text("x' = -a*b*x + c")
    a, b, c = system.parameters
    [x] = system.states
    one = np.ones(1)
    wide = {x: Tangent(one), a: Tangent(one, {4: one}), b: Tangent(one, {4: one, 2: one}), c: Tangent(one, {0: one})}
    narrow = {x: Tangent(one, {7: one}), a: Tangent(one), b: Tangent(one, {9: one}), c: Tangent(one)}
    (first, which), (second, other) = (directions_of(system, values) for values in (wide, narrow))
    assert (first, which) == (((a, b), (b,), (c,)), (4, 2, 0))
    assert (second, other) == (((), (b,)), (7, 9))
    assert shared([second, first])[second] == second  # there is none of initial values alone in the other
    assert shared([first, ((b,),)])[((b,),)] == first


def test_scales_and_deviations_are_found_along_trajectories(tmp_path, monkeypatch):
    """The best scale of C = 3 exp(-k t) is that of linear least squares, the best deviation the root mean square beside it."""
    measured = "\n".join(f"c {t} {y}" for t, y in zip(range(4), (6.2, 3.9, 2.1, 1.5), strict=True))
    path = written(
        tmp_path,
        observable="observableId observableFormula noiseFormula\nc s*C sd",
        parameter="parameterId lowerBound upperBound nominalValue estimate\nk 1e-2 10 0.5 true\ns 1e-3 1e3 1 true\n"
        "sd 1e-3 1e3 1 true",
        measurement=f"observableId time measurement\n{measured}",
    )
    problem = sd.read_petab(path)
    assert problem.observing == ("s", "sd")
    fit = sd.fit(problem, starts=2)
    theta = fit.problem.coordinates([0.3, 5.0, 4.0])[None]
    none, which = np.zeros((1, 0, 0)), np.zeros(1, dtype=int)
    moved, total = fit.problem.settled(which, theta, none, np.ones((1, 3), dtype=bool))
    found = fit.problem.values(moved)[0]
    assert total == pytest.approx(fit.problem.totals(moved, none))
    y, C = np.array([6.2, 3.9, 2.1, 1.5]), 3 * np.exp(-0.3 * np.arange(4))
    scale = y @ C / (C @ C)
    np.testing.assert_allclose(found, [0.3, scale, np.sqrt(np.mean((y - scale * C) ** 2))], rtol=2e-2)
    # a deviation that is a million times too small takes no more steps than one that is right
    monkeypatch.setattr(fitting, "SETTLING", 3)
    far, _ = fit.problem.settled(which, fit.problem.coordinates([0.3, 5.0, 1e-3])[None], none, np.ones((1, 3), dtype=bool))
    np.testing.assert_allclose(fit.problem.values(far), fit.problem.values(moved), rtol=2e-2)
    held, _ = fit.problem.settled(which, theta, none, np.array([[True, False, True]]))
    np.testing.assert_array_equal(held[:, :2], theta[:, :2])
    assert fit.problem.values(held)[0, 2] == pytest.approx(np.sqrt(np.mean((y - 5 * C) ** 2)), rel=2e-2)


def test_deviations_that_multiply_the_same_noise(tmp_path):
    """Each takes what the others have left: that of C is its root mean square, the factor of N that of N over it."""
    rows = [("c", t, 3 * np.exp(-0.3 * t) + 0.1 * (-1) ** t) for t in range(4)]
    rows += [("n", t, 2.5 * np.exp(-0.6 * t) - 2.0 * (-1) ** t) for t in range(4)]
    problem = sd.read_petab(written(
        tmp_path,
        observable="observableId observableFormula noiseFormula\nc C sd\nn N/2 sd*w",
        parameter="parameterId lowerBound upperBound nominalValue estimate\nk 1e-2 10 0.5 true\nsd 1e-6 1e6 1 true\n"
        "w 1e-6 1e6 1 true",
        measurement="observableId time measurement\n" + "\n".join(f"{o} {t} {float(y)!r}" for o, t, y in rows),
    ))  # fmt: skip
    fit = sd.fit(problem, starts=1)
    theta, none = fit.problem.coordinates([0.3, 3.0, 1e-4])[None], np.zeros((1, 0, 0))
    moved, _ = fit.problem.settled(np.zeros(1, dtype=int), theta, none, np.ones((1, 3), dtype=bool))
    np.testing.assert_allclose(fit.problem.values(moved), [[0.3, 0.1, 20.0]], rtol=2e-2)


@pytest.mark.parametrize("scale", ["lin", "log10"])
@pytest.mark.parametrize(("prior", "best"), [("uniform;1;3", 1.0), ("uniform;0.05;0.2", 0.2), ("parameterScaleUniform", 0.1)])
def test_deviations_keep_to_a_prior_that_is_narrower_than_their_bounds(tmp_path, scale, prior, best):
    """The root mean square 1/2 is outside of each, and the best deviation at that end; k is that of least squares."""
    t = np.arange(6.0)
    y = 3 * np.exp(-0.3 * t) + 0.5 * (-1) ** t
    if ";" not in prior:
        prior += ";0.01;0.1" if scale == "lin" else ";-2;-1"
    kind, _, numbers = prior.partition(";")
    problem = sd.read_petab(written(
        tmp_path, version=1,
        observable="observableId observableFormula noiseFormula\nc C sd",
        condition="conditionId\nc0",
        parameter="parameterId parameterScale lowerBound upperBound nominalValue estimate objectivePriorType "
        f"objectivePriorParameters\nk log10 1e-2 10 0.5 1 uniform 0.01;10\nsd {scale} 1e-3 10 1 1 {kind} {numbers}",
        measurement="observableId simulationConditionId time measurement\n"
        + "\n".join(f"c c0 {a} {b!r}" for a, b in zip(t, map(float, y), strict=True)),
    ))  # fmt: skip
    fit = sd.fit(problem, starts=4)
    assert fit.parameters["sd"] == pytest.approx(best, rel=1e-12)
    least = minimize_scalar(lambda k: ((y - 3 * np.exp(-k * t)) ** 2).sum(), bounds=(0.01, 10), method="bounded")
    assert fit.parameters["k"] == pytest.approx(least.x, rel=1e-4)


def test_a_prior_outside_of_the_bounds_is_refused(tmp_path):
    path = written(
        tmp_path,
        version=1,
        observable="observableId observableFormula noiseFormula\nc C sd",
        condition="conditionId\nc0",
        parameter="parameterId parameterScale lowerBound upperBound nominalValue estimate objectivePriorType "
        "objectivePriorParameters\nsd log10 1e-3 10 1 1 uniform 20;30",
        measurement="observableId simulationConditionId time measurement\nc c0 0 3\nc c0 1 2",
    )
    with pytest.raises(RecoveryError, match="prior of sd has values from 20 to 30, its bounds are 0"):
        sd.fit(sd.read_petab(path))


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("normal", "1;2"), ("laplace", "1;2"), ("cauchy", "1;2"), ("chisquare", "5"), ("exponential", "3"), ("gamma", "3;2"),
     ("rayleigh", "2"), ("log-normal", "0.3;0.1"), ("log-laplace", "0.3;0.1"), ("log-uniform", "0.1;9"),
     ("parameterScaleNormal", "0.2;0.3")],
)  # fmt: skip
def test_slopes_of_priors(name, numbers):
    """By difference quotients of the density; Laplace's parabola has its slope, and curvature slope/distance."""
    prior = read_prior(name, numbers, "p", scale="log10", low=0.01, high=1000.0)
    v, h = np.array([0.7, 1.9, 4.0]), 1e-4
    first, second = prior.slopes(v, fisher=False)
    below, at, above = (prior.log_density(v + k * h) for k in (-1, 0, 1))
    np.testing.assert_allclose(first, (above - below) / (2 * h), rtol=1e-5, atol=1e-7)
    if "aplace" not in name:
        np.testing.assert_allclose(second, (above - 2 * at + below) / h**2, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(prior.slopes(v, fisher=True)[1], second)
    elif name == "laplace":
        np.testing.assert_allclose(second, -np.abs(first / (v - 1)))
        np.testing.assert_allclose(prior.slopes(v, fisher=True)[1], -0.25)
    assert np.isfinite(prior.slopes(np.array([0.01]), fisher=False)[0]).all()  # at a bound


@pytest.mark.parametrize("prior", ["log-normal 0;0.02", "laplace 1.2;0.001"])
def test_a_prior_that_is_narrow_between_wide_bounds(tmp_path, prior):
    """Of a scale on a linear coordinate: the greatest density by a search along the line."""
    y = (6.2, 3.9, 2.1, 1.5)
    measured = "\n".join(f"c {t} {x}" for t, x in enumerate(y))
    path = written(
        tmp_path,
        observable="observableId observableFormula noiseFormula\nc s*C 0.3",
        parameter="parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
        f"s 1e-3 1e3 1 true {prior}",
        measurement=f"observableId time measurement\n{measured}",
    )
    problem = sd.read_petab(path)
    C = 3 * np.exp(-0.5 * np.arange(4))
    a, b = map(float, prior.split()[1].split(";"))
    law = (lambda s: abs(s - a) / b) if prior.startswith("laplace") else (lambda s: 0.5 * (np.log(s) / b) ** 2 + np.log(s))
    best = minimize_scalar(lambda s: ((s * C - y) ** 2).sum() / 0.18 + law(s), bounds=(0.5, 3), options={"xatol": 1e-10})
    assert sd.fit(problem, starts=3).parameters["s"] == pytest.approx(best.x, rel=1e-4)


def test_many_candidates_are_expanded_part_by_part(monkeypatch):
    problem = sd.fit(sd.read_petab(CONVERSION / "conversion.yaml"), starts=1).problem
    theta = np.log(np.linspace(0.2, 3.0, 14).reshape(7, 2))
    given = np.arange(7), theta, np.zeros((7, 0, 0))
    whole = problem.expand(*given)
    monkeypatch.setattr(fit_problem, "MOST_NUMBERS", 1.0)
    parts = problem.expand(*given)
    for name in ("rss", "gradient", "information"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
