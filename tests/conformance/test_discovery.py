"""What every registered surrogate and regressor must satisfy; a new one is tested by being registered."""

import importlib.util

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

pytest.importorskip("sklearn", reason="regressors need the extra 'discover'")
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.inference.data import observations

u, v, x, f = *sp.symbols("u v x"), sp.Function("f")
NEEDS = {"operon": "pyoperon", "pysr": "pysr"}


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_finds_a_product(name):
    package = NEEDS.get(name)
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"the regressor {name} needs {package}")
    x = np.random.default_rng(0).uniform(0.5, 2.0, (80, 2))
    model = REGRESSORS[name](names=[u, v], random_state=0).fit(x, 2.5 * x[:, 0] * x[:, 1])
    coefficient, shape = sp.expand(model.expression_).as_coeff_Mul()
    assert shape == u * v
    assert float(coefficient) == pytest.approx(2.5, rel=1e-6)
    assert model.expressions_[0].expression == model.expression_
    assert model.score(x, 2.5 * x[:, 0] * x[:, 1]) == pytest.approx(1.0, abs=1e-9)
    assert set(model.get_params()) >= {"names", "random_state"}


def logistic_growth():
    """x' = x (1 - x), and its solution."""
    times = np.linspace(0, 4, 21)
    return sd.ODESystem({x: f(x)}), times, 1 / (1 + 4 * np.exp(-times))


def logistic_map():
    """x[t+1] = x (1 - x), 20 times."""
    values = [0.8]
    for _ in range(20):
        values.append(values[-1] * (1 - values[-1]))
    return sd.DiscreteSystem({x: f(x)}), np.arange(21.0), np.array(values)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_learns_states_and_terms(name):
    pytest.importorskip("jax", reason="surrogates need the extra 'discover'")
    learned = 0
    for hidden, times, exact in (logistic_growth(), logistic_map()):
        seen = observations(hidden, {"t": times, "x": exact})
        reason = SURROGATES[name].applies(hidden, seen)
        if reason is not None:
            assert name in reason
            with pytest.raises(sd.RecoveryError, match=reason.split(";")[0]):
                SURROGATES[name]().fit(hidden, seen)
            continue
        learned += 1
        fit = SURROGATES[name]().fit(hidden, seen, seed=0)
        assert abs(np.interp(times, fit.times[0], fit.states[0][:, 0]) - exact).max() < 0.01
        samples = fit.terms[f(x)]
        inside = samples.arguments[:, 0]
        assert abs(samples.values - inside * (1 - inside)).max() < 0.02
        assert samples.weights.mean() == pytest.approx(1.0)
    assert learned
