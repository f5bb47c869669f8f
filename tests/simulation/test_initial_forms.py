"""The forms in which initial values and parameters may be given: in order, as tables, and from the end of another run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError

X, V, K = sp.symbols("x v k")


@pytest.fixture(scope="module")
def swing():
    """x'' = -k x, solved by cos(sqrt(k) t) and sin(sqrt(k) t)/sqrt(k)."""
    return sd.ODESystem({X: V, V: -K * X}, {K: 4}, initial=[1, 0])


def run(system, t=(0, 1), **options):
    return sd.simulate(system, t, rtol=1e-10, atol=1e-12, progress=False, **options)


def test_numbers_in_the_order_of_the_states(swing):
    assert dict(swing.initial) == {X: 1.0, V: 0.0}
    for start in ([0, 2], (0, 2), np.array([0.0, 2.0]), pd.Series({"v": 2, "x": 0})):
        assert float(run(swing, initial=start).x[-1]) == pytest.approx(np.sin(2), abs=1e-8)


def test_a_row_for_each_run(swing):
    starts = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 2.0]])
    found = run(swing, initial=starts).x
    assert dict(found.sizes) == {"case": 3, "time": 2}
    np.testing.assert_allclose(found[:, -1], starts @ [np.cos(2), np.sin(2) / 2], atol=1e-8)


def test_tables_of_both_go_together(swing):
    found = run(swing, initial=pd.DataFrame({"v": [0, 3.0], "x": [1, 0.0]}), parameters=pd.DataFrame({"k": [1, 9.0]})).x
    np.testing.assert_allclose(found[:, -1], [np.cos(1), np.sin(3)], atol=1e-8)


def test_a_run_goes_on_where_another_ended(swing):
    first = run(swing, parameters={K: [1, 4]})
    more = run(swing, (1, 2), initial=first.isel(time=-1), parameters={K: [1, 4]}).x
    assert dict(more.sizes) == {"k": 2, "time": 2}
    np.testing.assert_allclose(more[:, -1], np.cos([2, 4]), atol=1e-7)
    wave = sd.PDESystem.from_text("u' = dx(u, 2)", domain=(0, np.pi), boundary="no-flux", initial={"u": "cos(x)"})
    half = sd.simulate(wave, [0, 0.25], grid=32, progress=False)
    end = sd.simulate(wave, [0.25, 0.5], initial=half.isel(time=-1), progress=False).u
    np.testing.assert_allclose(end[-1], np.exp(-0.5) * np.cos(end.x), atol=2e-3)


def test_all_forms_over_a_history_and_none_that_forgets_the_past():
    """x' = -x(t - 1) after x = 1: x(1) = x(0) - 1."""
    late = sd.ODESystem.from_text("x' = -x(t - 1); x(t <= 0) = 1")
    for start in ([2], np.array([2.0]), pd.Series({"x": 2}), pd.DataFrame({"x": [2.0]}), np.array([[2.0]])):
        assert float(run(late, initial=start).x[..., -1].squeeze()) == pytest.approx(1, abs=1e-8)
    end = run(late).isel(time=-1)
    with pytest.raises(DeclarationError, match=r"this ODESystem has delays, which need more of its past.*give them by name"):
        run(late, (1, 2), initial=end)
    waiting = sd.ReactionNetwork.from_text("x -> 0, 1 delay 2; x(0) = 5")
    ended = sd.simulate(waiting, [0, 1], seed=1, progress=False).isel(time=-1)
    with pytest.raises(DeclarationError, match="this ReactionNetwork has delayed reactions, which need more"):
        sd.simulate(waiting, [1, 2], seed=1, initial=ended, progress=False)
    with pytest.raises(DeclarationError, match="the history of x has no effect"):
        sd.ODESystem({X: V, V: -X}, initial=np.array([1.0, 0.0]), history={X: 1})


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([1], "1 initial values were given for 2 states; in their order: x, v"),
        ([[1, 2], [3, 4]], r"single numbers, and x has \[1, 2\]; a sweep is a mapping"),
        (np.ones((3, 3)), r"a column for each state, here 2 \(x, v\); got the shape \(3, 3\)"),
        (5, "must be a mapping such as"),
        ("xv", "must be a mapping such as"),
        ({1.0, 0.0}, "must be a mapping such as"),
        (np.array(1.0), "must be a mapping such as"),
        (pd.DataFrame({"y": [1.0]}), "'y' is not a state"),
        (pd.DataFrame([[1, 2, 3]], columns=["x", "v", "x"]), "state x is given twice"),
        (pd.Series([1, 2, 3], index=["x", "v", "x"]), "state x is given twice"),
        (np.array([1j, 0]), "expected real numbers"),
    ],
)
def test_other_forms_are_refused(swing, start, message):
    with pytest.raises(DeclarationError, match=message):
        run(swing, initial=start)


def test_what_has_no_order_needs_names(swing):
    with pytest.raises(DeclarationError, match="parameter values must be a mapping"):
        run(swing, parameters=[4])
    with pytest.raises(DeclarationError, match="which has none of x, v; its variables: y"):
        run(swing, initial=run(swing)[["x"]].rename(x="y"))
    with pytest.raises(DeclarationError, match="DataArray over time"):
        run(swing, initial=run(swing))
