"""Declaring cells in a bulk: names, numbers, printing, and every error."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models import zoo

THREE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]


FIRES = sd.Event(sp.Symbol("v") > 1, {"v": 0})


def colony(**changes):
    """Three identical cells, unless something else is asked."""
    values = dict(domain=sd.Disk(1), radius=0.05, centers=THREE, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    return sd.BulkCellSystem(**{**values, **changes})


def names(symbols):
    return [s.name for s in symbols]


def test_states_of_cells_come_first_then_the_bulk():
    assert names(colony().states) == ["v_1", "w_1", "v_2", "w_2", "v_3", "w_3", "U"]
    assert names(colony().parameters) == ["D", "alpha", "mu", "tau", "zeta"]


def test_rates_in_the_symbols_of_the_colony():
    v, w, alpha = sp.symbols("v_2 w_2 alpha")
    assert sp.expand(colony().cell_rates(1)[0] - (alpha * w + w * v**2 - v)) == 0


def test_parameters_that_differ_are_numbered_and_keep_their_values():
    cell = zoo.selkov()
    mixed = colony(kinetics=[cell, cell, cell.with_parameters(alpha=0.86)])
    assert {p.name: v for p, v in mixed.defaults.items() if "alpha" in p.name} == {
        "alpha_1": 0.9,
        "alpha_2": 0.9,
        "alpha_3": 0.86,
    }
    rates = mixed.values({"D": 1, "tau": 1, "alpha_2": 0.5}).kinetics.rates(np.ones(6))
    assert rates == pytest.approx([0.9, 0.15 * 0.1, 0.5, 0.15 * 0.5, 0.86, 0.15 * 0.14])


def test_parameters_of_each_cell_on_request():
    own = colony().with_parameters(alpha=0.7, D=2).individually("alpha")
    assert {p.name: v for p, v in own.defaults.items()} == {
        "D": 2, "alpha_1": 0.7, "alpha_2": 0.7, "alpha_3": 0.7, "mu": 2, "zeta": 0.15,
    }  # fmt: skip


def test_values_of_permeabilities_and_places():
    numbers = colony(influx=[0.8, "q", 0.4], efflux="p").values({"D": 2, "tau": 0.5, "q": 0.1, "p": 0.3})
    assert numbers.influx.tolist() == [[0.8, 0.1, 0.4]]
    assert numbers.efflux.tolist() == [[0.3, 0.3, 0.3]]
    assert (numbers.diffusion.tolist(), numbers.delay.tolist()) == ([2], [0.5])
    assert numbers.secreted.tolist() == [[0, 2, 4]]
    assert numbers.nu == pytest.approx(0.333808, abs=1e-6)


def test_several_species():
    both = colony(secreted=("v", "w"), influx={"v": 0.8, "w": [0.1, 0.2, 0.3]}, efflux=0.2)
    assert names(both.bulk) == ["U_v", "U_w"]
    numbers = both.values({"D_v": 1, "D_w": 2, "tau_v": 0.5, "tau_w": 0.6})
    assert numbers.secreted.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert numbers.influx.tolist() == [[0.8] * 3, [0.1, 0.2, 0.3]]
    assert numbers.diffusion.tolist() == [1, 2]


def test_cells_of_different_kinds():
    a, x, y = sp.symbols("a x y")
    other = sd.ODESystem({x: a - x, sp.Symbol("v"): x - sp.Symbol("v"), y: -y}, {a: 2})
    mixed = colony(kinetics=[zoo.selkov(), other, zoo.selkov()])
    numbers = mixed.values({"D": 1, "tau": 1})
    assert numbers.secreted.tolist() == [[0, 3, 5]]
    u = np.array([1.0, 1, 0.5, 0.25, 1, 1, 1])
    assert numbers.kinetics.rates(u) == pytest.approx([0.9, 0.015, 1.5, 0.25, -1, 0.9, 0.015])
    block = numbers.kinetics.jacobian(u)[2:5, 2:5]
    assert block.tolist() == [[-1, 0, 0], [1, -1, 0], [0, 0, -1]]


def test_jacobian_by_finite_differences():
    kinetics = colony().values({"D": 1, "tau": 1}).kinetics
    u = np.array([1.2, 0.6, 0.9, 0.5, 1.5, 0.4])
    h = 1e-6
    slopes = np.stack([(kinetics.rates(u + h * e) - kinetics.rates(u - h * e)) / (2 * h) for e in np.eye(6)], axis=1)
    assert kinetics.jacobian(u) == pytest.approx(slopes, abs=1e-8)


def test_equations_are_written_once_for_alike_cells():
    text = str(colony(influx=[0.8, 0.8, 0.4]))
    assert text.splitlines() == [
        "tau*dt(U) = D*laplacian(U) - U",
        "0.05*D*dn(U) = 0.8*U - 0.2*v_j  (j = 1, 2)",
        "0.05*D*dn(U) = 0.4*U - 0.2*v_3",
        "v_j' = alpha*w_j + v_j**2*w_j - v_j + contour(d1*U - d2*v_j)/(0.05*tau)  (j = 1..3)",
        "w_j' = zeta*(-alpha*w_j + mu - v_j**2*w_j)  (j = 1..3)",
    ]
    assert r"\oint" in colony()._repr_latex_()


def test_equal_if_declared_alike_and_pickled():
    assert pickle.loads(pickle.dumps(colony())) == colony()
    assert colony() != colony(radius=0.04)
    assert colony(influx=0.7).digest != colony().digest


def test_unknown_terms_are_filled_in():
    v, w = sp.symbols("v w")
    f = sp.Function("f")
    hidden = colony(kinetics=sd.ODESystem({v: f(v, w) - v, w: 1 - f(v, w)}))
    assert [str(u) for u in hidden.unknowns] == ["f(v_1, w_1)", "f(v_2, w_2)", "f(v_3, w_3)"]
    k = sp.Symbol("k")
    filled = hidden.with_terms({f: k * v * w}, {k: 2.0})
    assert filled.values({"D": 1, "tau": 1}).kinetics.rates(np.ones(6)) == pytest.approx([1, -1] * 3)
    with pytest.raises(sd.DeclarationError, match="g is not an unknown term of these cells; their unknown terms: f"):
        hidden.with_terms({"g": v})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": sd.Interval(0, 1)}, "the domain is Interval.*expected Disk, Rectangle, Polygon, Plane or Lattice"),
        ({"radius": 1.5}, "the radius is 1.5; expected a number between 0 and 1"),
        ({"radius": True}, "the radius is True"),
        ({"centers": [(0, 0, 0)]}, "must be pairs of finite numbers"),
        ({"centers": []}, "at least one"),
        ({"centers": "ab"}, "the centers are 'ab'; expected pairs of numbers"),
        ({"centers": [(0, 0), (0.97, 0)]}, r"cell 2 at \(0.97, 0\) is not inside the Disk with its radius of 0.05"),
        ({"centers": [(0, 0), (0.4, 0), (0.48, 0)]}, "cells 2 and 3 overlap: they are 0.08 apart, two radii are 0.1"),
        ({"kinetics": [zoo.selkov()] * 2}, "2 kinetics for 3 cells; give one for all or one for each"),
        ({"kinetics": 3}, "the kinetics of a cell are int; expected an ODESystem"),
        ({"kinetics": sd.ODESystem({"v": sp.Symbol("t")})}, "the kinetics depend on t; expected an autonomous"),
        ({"kinetics": sd.ODESystem({"v": 1}, events=FIRES)}, "kinetics of a cell: .* rates of change and events"),
        ({"kinetics": sd.ODESystem({"v": sd.Path("u", [0, 1], [0, 1])})}, "kinetics of a cell: .* and inputs over time"),
        ({"secreted": "V"}, "secreted is 'V', which is no state of the kinetics; their states: v, w"),
        ({"secreted": ["v", "v"]}, "several different ones"),
        ({"influx": [1, 2]}, "influx has 2 values for 3 cells"),
        ({"influx": -1}, "influx holds -1; expected numbers from 0 on"),
        ({"efflux": "a b"}, "got the text 'a b'"),
        ({"efflux": {"w": 1}}, "efflux is given for w; expected v"),
        ({"secreted": ("v", "w"), "influx": [1, 2, 3]}, r"influx of several species is a mapping"),
        ({"kinetics": sd.ODESystem({"v": sp.Symbol("D") - sp.Symbol("v")})}, "'D', which belongs to the bulk"),
        ({"kinetics": sd.ODESystem({"v": sp.Symbol("v_2") - sp.Symbol("v")})}, "'v_2', which a numbered state"),
        ({"individual": ["beta"]}, "individual names 'beta', which is no parameter of the kinetics"),
        ({"parameters": {"Dd": 1}}, "'Dd' is not a parameter of this system"),
        ({"parameters": [("D", 1)]}, "parameter values are .*; expected a mapping from symbols or names to numbers"),
        ({"initial": [1]}, "state values are .*; expected a mapping"),
        ({"kinetics": sd.ODESystem({"v": -sp.Symbol("v"), "cell": sp.S(1)})}, "'cell', which belongs to the bulk or"),
        ({"kinetics": sd.ODESystem({"v": -sp.Symbol("v"), "U_mean": sp.S(1)})}, "'U_mean', which belongs to the bulk"),
        ({"influx": "v"}, "influx holds v, which is time or a state; permeabilities are numbers or symbols of their own"),
        ({"efflux": [0.2, "U", 0.2]}, "efflux holds U, which is time or a state"),
        ({"influx": "v_2"}, "influx holds v_2, which is"),
        ({"influx": sp.Symbol("t") + 1}, "influx holds t, which is"),
    ],
)  # fmt: skip
def test_errors_of_declaration(changes, message):
    with pytest.raises(sd.DeclarationError, match=message):
        colony(**changes)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"D": 1}, "no value for the parameter tau"),
        ({"D": 0, "tau": 1}, "D is 0; expected a positive number"),
        ({"D": 1, "tau": 1, "beta": 2}, "'beta' is not a parameter of this system"),
        ({"D": 1, "tau": 1, "q": -0.5}, "the influx of cell 2 is -0.5; expected 0 or more"),
    ],
)
def test_errors_of_values(parameters, message):
    with pytest.raises(sd.DeclarationError, match=message):
        colony(influx=[0.8, sp.Symbol("q"), 0.8], parameters={"q": 0.3}).values(parameters)


def test_text_and_direct_simulation_are_refused_with_advice():
    with pytest.raises(sd.DeclarationError, match=r"its kinetics may be: ODESystem\.from_text"):
        sd.BulkCellSystem.from_text("v' = -v")
    with pytest.raises(sd.DeclarationError, match=r"reduce\(tolerance=...\), full\(mesh=...\)"):
        sd.simulate(colony(), [0, 1])


def test_equal_domains_share_their_greens_functions():
    ell = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    one, other = (colony(domain=sd.Polygon(ell), centers=[(x, 0.5)]) for x in (0.4, 1.5))
    assert one.greens is other.greens
    assert one.greens is not colony().greens


def test_methods_show_the_signatures_of_their_functions():
    cells = colony()
    assert {"hopf_curve", "full", "reduce", "greens", "animate", "values"} <= set(dir(cells))
    names = list(inspect.signature(cells.hopf_curve).parameters)
    assert names == ["vary", "parameters", "bounds", "start", "scans", "samples"]
    assert "pseudo-arclength" in inspect.getdoc(cells.hopf_curve)
