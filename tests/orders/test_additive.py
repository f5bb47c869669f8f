"""Additive Runge-Kutta tableaux: order conditions of both parts and their coupling, and stability of the implicit one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from symdyn.methods.additive import AdditiveRungeKutta
from symdyn.methods.registry import METHODS

TABLEAUX = [scheme for scheme in METHODS.values() if isinstance(scheme, AdditiveRungeKutta)]


@pytest.mark.parametrize("tableau", TABLEAUX, ids=lambda t: t.name)
def test_tableaux_meet_the_order_conditions_of_both_parts_together(tableau):
    b, c = tableau.weights, tableau.nodes
    parts = tableau.explicit, tableau.implicit
    assert np.allclose(tableau.implicit.sum(axis=1), c, atol=1e-14)
    for weights, order in ((b, tableau.order), (tableau.embedded, tableau.error_order)):
        conditions = [(weights.sum(), 1), (weights @ c, 1 / 2)]
        if order >= 3:
            conditions += [(weights @ c**2, 1 / 3)] + [(weights @ a @ c, 1 / 6) for a in parts]
        if order >= 4:
            conditions += [(weights @ c**3, 1 / 4)] + [(weights @ (c * (a @ c)), 1 / 8) for a in parts]
            conditions += [(weights @ a @ c**2, 1 / 12) for a in parts]
            conditions += [(weights @ a @ e @ c, 1 / 24) for a, e in itertools.product(parts, parts)]
        assert [p for p, _ in conditions] == pytest.approx([q for _, q in conditions], abs=2e-14)


@pytest.mark.parametrize("tableau", TABLEAUX, ids=lambda t: t.name)
def test_implicit_parts_are_l_stable(tableau):
    a, b, one = tableau.implicit, tableau.weights, np.ones(len(tableau.weights))

    def growth(z):
        return 1 + z * b @ np.linalg.solve(np.eye(len(b)) - z * a, one)

    assert abs(growth(-1e5)) < 1e-3
    assert np.diag(a)[1:] == pytest.approx(tableau.diagonal)
    assert max(abs(growth(1j * w)) for w in np.linspace(0, 50, 201)) <= 1 + 1e-12
