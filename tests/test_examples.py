"""The examples run, and their numbers are what theory and the records say."""

import numpy as np
import pytest
import sympy as sp

from examples import predator_prey as example

N, P = example.N, example.P


def test_the_interaction_of_hare_and_lynx_is_lotka_volterras():
    result = example.study(example.hare_lynx(), surrogate=None, samples=50, progress=False)
    found = result.found.terms[example.f(N, P)]
    assert found.free_symbols == {N, P}
    assert sp.simplify(found / (N * P)).is_Number  # from a library that offers saturation and eight other terms
    # Howard (2009), as many others since, finds b = 0.028 and a = 0.545 a thousand pelts and year by smoothing posteriors
    assert float(found.coeff(N * P)) / 10 == pytest.approx(0.028, rel=0.2)
    heldout = result.errors[(result.errors.part == "heldout") & (result.errors.system == "recovered")]
    assert (heldout.relative < 0.2).all()


def test_saturation_is_found_where_it_is_true():
    record = example.synthetic()
    result = example.study(record, surrogate=None, samples=50, progress=False)
    point = {N: 3.0, P: 1.5}
    found = float(result.found.terms[example.f(N, P)].subs(point))
    # the scale of f is shared with e, so predation felt by the prey is compared
    assert found == pytest.approx(0.5 * 3.0 * 1.5 / (1 + 0.15 * 3.0), rel=0.05)
    errors = result.errors.set_index(["system", "part", "kind"]).relative
    assert errors["recovered", "heldout", "free-run"] < 0.1
    assert errors["recovered", "heldout", "free-run"] < errors["Lotka-Volterra", "heldout", "free-run"]
    assert np.isfinite(result.run.N_quantile).all()
