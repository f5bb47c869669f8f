"""Named networks against what is known of them."""

import numpy as np
import pytest
import sympy as sp

from symdyn.models import zoo


def test_the_rate_equation_of_schloegl_has_its_three_roots():
    net = zoo.schloegl()
    x = sp.Symbol("X")
    drift = sum(s * a for s, a in zip(net.stoichiometry.row(0), net.macroscopic, strict=True))
    cubic = sp.Poly(sp.expand(drift.subs(net.defaults).subs(x, 10 * x) / 10), x)
    coefficients = [float(c) for c in cubic.all_coeffs()]
    np.testing.assert_allclose(coefficients, [-1, 60, -1000, 4600], rtol=1e-14)
    roots = np.sort(np.roots(coefficients).real)
    np.testing.assert_allclose(roots, [7.703417, 16.842620, 35.453964], atol=1e-6)  # concentrations


NETWORKS = ("schloegl", "brusselator_network", "dimerisation", "gene_expression", "toggle_switch", "cascade")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_named_network_has_all_its_values(name):
    net = getattr(zoo, name)()
    assert set(net.defaults) == set(net.parameters)
    assert set(net.initial) == set(net.states)
    numbers = {**net.defaults, **net.initial, net.time: 0.0}
    assert all(float(a.subs(numbers)) >= 0 for a in net.propensities)
