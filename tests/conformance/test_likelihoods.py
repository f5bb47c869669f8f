"""What every likelihood of systems with randomness must do; a new one is taken up by its registration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import symdyn as sd

NET = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
TIMES = np.linspace(0.0, 6.0, 13)
TRUTH = {"k": 15.0, "g": 0.8}
LIMITS = {"k": (1.0, 200.0), "g": (0.05, 20.0)}


def data(noise: float = 2.0) -> list[dict]:
    run = sd.simulate(NET, TIMES, parameters=TRUTH, trajectories=12, seed=5, progress=False)
    rng = np.random.default_rng(1)
    values = run.X.values + noise * rng.normal(size=run.X.shape)
    values[:, 3], values[:4, 7] = np.nan, np.nan
    return [{"t": TIMES, "X": v} for v in values]


@pytest.mark.parametrize("name", list(sd.LIKELIHOODS))
def test_says_what_it_is(name):
    rule = sd.LIKELIHOODS[name]
    assert rule.name == name
    assert rule.definition
    assert rule.reference
    with pytest.raises(TypeError, match="nonsense"):
        rule(nonsense=1)


@pytest.mark.parametrize("name", list(sd.LIKELIHOODS))
def test_the_truth_is_found_with_missing_values_and_the_same_seed_gives_the_same_bits(name, tmp_path):
    options = {"abc": {"population": 60, "simulations": 500}, "particle": {"particles": 100}}.get(name, {})
    fits = [
        sd.fit(NET, data(), likelihood=sd.LIKELIHOODS[name](**options), noise=2.0, parameters=LIMITS, starts=2, seed=1)
        for _ in range(2)
    ]
    rows = fits[0].intervals.set_index("constant")
    for parameter, value in TRUTH.items():
        error = abs(np.log(fits[0].parameters[parameter] / value)) * value / rows.loc[parameter, "standard error"]
        assert error < 4
        assert rows.loc[parameter, "standard error"] < 0.5 * value
    assert fits[0].parameters == fits[1].parameters
    assert fits[0].log_likelihood == fits[1].log_likelihood
    fits[0].save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert again.log_likelihood == pytest.approx(fits[0].log_likelihood, rel=1e-12, abs=1e-9)
    assert name in str(fits[0])
    assert_the_value_alone_is_that_with_derivatives(fits[0].problem.evaluator)


def assert_the_value_alone_is_that_with_derivatives(evaluator):
    values = np.array([[14.0, 0.7], [20.0, 1.1]])
    if evaluator.noisy:
        return
    seen = evaluator.setup.data
    other = replace(seen, trajectories=tuple(replace(t, values=np.rint(0.9 * t.values)) for t in seen.trajectories))
    for own in (evaluator, evaluator.with_data(other), evaluator):  # of these data, of others, and of these again
        np.testing.assert_allclose(own.log_likelihood(values), own.expand(values).value, rtol=1e-9)
    bare = evaluator.without_slopes()
    assert bare is evaluator or bare.expand(values).gradient.shape == (2, 0)
