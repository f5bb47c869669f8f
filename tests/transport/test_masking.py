"""Masking by the greatest entry of a noised one-hot vector, against known numbers and against the noise itself."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.special import ndtr

import symdyn as sd

X, T = sp.symbols("x t")
OU = sd.SDESystem.from_text("dx = -x*dt + sqrt(2)*dW").marginal(sd.transport.Normal(0, 1))


def ratio(t):
    return np.exp(-t) / np.sqrt(-np.expm1(-2 * t))


def test_the_chance_to_be_kept_is_known():
    known = {10: ([0.5, 1, 2, 4], [0.1992225142, 0.3409357687, 0.6736454790, 0.9832222317]),
             1000: ([0.5, 1, 2, 4], [0.0045353695, 0.0166038995, 0.1202864180, 0.7639617200])}  # fmt: skip
    for count, (r, values) in known.items():
        np.testing.assert_allclose(sd.transport.masked_survival(r, count), values, atol=6e-11)
    r = np.linspace(0, 6, 13)
    np.testing.assert_allclose(sd.transport.masked_survival(r, 2), ndtr(r / np.sqrt(2)), rtol=1e-12)
    for count in (2, 7, 100_000):
        assert sd.transport.masked_survival(0, count) == pytest.approx(1 / count, rel=1e-11)
        assert sd.transport.masked_survival(np.inf, count) == pytest.approx(1, rel=1e-11)


def test_the_network_masks_as_one_noise_does():
    """An entry is the greatest until the ratio falls below the greatest difference of the noise, at all times of one draw."""
    times, tokens = np.linspace(0.02, 2, 100), 4000
    masking = sd.transport.masked_from_gaussian(OU, 5, times, tokens=tokens)
    looked = [0.02, 0.2, 0.6, 1.2, 2.0]  # knots, where the chances are exact
    begin = sd.transport.masked_survival(ratio(0.02), 5)
    expected = tokens * sd.transport.masked_survival(ratio(np.array(looked)), 5) / begin
    means = sd.simulate(masking.rate_equations(), looked, rtol=1e-10, atol=1e-8, progress=False)
    np.testing.assert_allclose(means.kept.values.ravel(), expected, rtol=1e-7)
    noise = np.random.default_rng(1).normal(size=(tokens, 5))
    lead = (noise[:, 1:] - noise[:, :1]).max(axis=1)
    seen = np.array([(lead < r).sum() for r in ratio(np.array(looked))])
    assert (np.diff(seen) <= 0).all()
    assert (np.abs(seen - expected * begin) < 4 * np.sqrt(tokens) / 2).all()
    jumps = sd.simulate(masking, looked, method="ssa", seed=3, progress=False).kept.values.ravel()
    assert (np.abs(jumps - expected) < 4 * np.sqrt(tokens) / 2).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((OU, 1, [0.1, 1]), "categories"),
        ((OU, 10, [1, 0.1]), "finite and increasing"),
        ((OU, 10, [0, 1]), "is not a positive number at 0; begin later"),
        (("OU", 10, [0.1, 1]), "expected a Marginal"),
        (
            (sd.transport.Marginal(sd.transport.Normal(0, 1), [X], T, [1], [0], [2 - T]), 10, [0.1, 1]),
            "alpha / sigma grows from 0.1",
        ),
        ((sd.SDESystem.from_text("dx = -a*x*dt + dW").marginal(sd.transport.Normal(0, 1)), 10, [0.1, 1]), "contains a, which"),
    ],
)
def test_what_is_no_masking_is_refused(arguments, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.transport.masked_from_gaussian(*arguments)


def test_ratios_are_not_negative():
    with pytest.raises(sd.DeclarationError, match="expected 0 or more"):
        sd.transport.masked_survival([1, -1], 3)
    with pytest.raises(sd.DeclarationError, match="expected 0 or more"):
        sd.transport.masked_survival(np.nan, 3)
