"""Initial values that are expressions of parameters: they follow sweeps, overrides and derivations, and stay in texts."""

from __future__ import annotations

import pickle
from itertools import pairwise
from math import exp

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from typer.testing import CliRunner

import symdyn as sd
from symdyn.cli import app
from symdyn.derive.sensitivities import sensitivities
from symdyn.io.datasets import read_dataset
from symdyn.models.text import model_text, text_of

S, P, k, n, V = sp.symbols("S P k n V")
SETTINGS = {"progress": False, "rtol": 1e-10}


def decay(**options):
    return sd.ODESystem({S: -k * S}, {k: 1}, initial={S: 2 * k}, **options)


def test_a_sweep_moves_the_initial_value():
    data = sd.simulate(decay(), [0, 1], parameters={k: [1, 2, 3]}, **SETTINGS)
    assert data.S.dims == ("k", "time")
    np.testing.assert_allclose(data.S, [[2 * q, 2 * q * exp(-q)] for q in (1, 2, 3)], rtol=1e-8)
    assert data.S0.attrs == {"initial": "S"}
    assert data.S0.values.tolist() == [2, 4, 6]


def test_an_override_moves_the_initial_value():
    data = sd.simulate(decay(), [0, 1], parameters={"k": 3}, **SETTINGS)
    assert float(data.S[0]) == 6
    assert data.attrs["initial"] == "S = 6"
    again = sd.ODESystem.from_text(data.attrs["model"])
    assert again == decay()
    assert again.initial == {S: 2 * k}


def test_a_store_is_refused_for_another_initial_value(tmp_path):
    options = {"trajectories": 2, "reduce": ["mean"], "store": tmp_path / "run.zarr", "progress": False}
    sd.simulate(decay(), [0, 1], initial={S: 3 * k}, **options)
    sd.simulate(decay(), [0, 1], initial={S: k + 2}, **options)  # the same number
    with pytest.raises(sd.SymdynError, match=r"initial S is 4\.0 and was 3\.0"):
        sd.simulate(decay(), [0, 1], initial={S: 4 * k}, **options)


def test_expressions_of_a_call_and_of_other_initial_values():
    system = sd.ODESystem({S: -k * S, P: k * S}, {k: 1}, initial={P: 10 - S, S: 1})
    data = sd.simulate(system, [0, 1], initial={"S": 2 * k}, parameters={k: [1, 2]}, **SETTINGS)
    assert data.P.isel(time=0).values.tolist() == [8, 6]
    assert data.S.isel(time=0).values.tolist() == [2, 4]
    swept = sd.simulate(system, [0, 1], initial={S: [1, 2, 3]}, **SETTINGS)
    assert swept.P.isel(time=0).values.tolist() == [9, 8, 7]  # along the sweep of S
    own = xr.DataArray([1.0, 4.0], dims="plate")
    assert sd.simulate(system, [0, 1], initial={S: own}, **SETTINGS).P.isel(time=0).values.tolist() == [9, 6]


def test_parameters_that_occur_only_in_initial_values():
    system = sd.ODESystem({S: -S}, initial={S: 2 * n})
    assert system.parameters == (n,)
    with pytest.raises(sd.DeclarationError, match="no value for the parameter n"):
        sd.simulate(system, [0, 1])
    assert float(sd.simulate(system, [0, 1], parameters={n: 3}, **SETTINGS).S[0]) == 6
    fixed = system.with_initial(S=1)
    assert fixed.parameters == ()
    assert fixed.with_initial(S=n * 3).parameters == (n,)
    assert system.with_initial(S=1) != system
    assert system.initial_numbers({"n": 2}) == {S: 4}
    assert system.initial_numbers() == {}


@pytest.mark.parametrize(
    ("text", "cls"),
    [
        ("S' = -k*S; P' = k*S; S(0) = 2*k/3 + 0.1; P(0) = 10 - S; k = 3", sd.ODESystem),
        ("dS = -k*S*dt + 0.1*dW; S(0) = exp(-k); k = 1", sd.SDESystem),
        ("S[t+1] = k*S*(1 - S); S(0) = 1/(2*k); k = 3", sd.DiscreteSystem),
        ("S -> P, k; S(0) = 2*n; P(0) = n - 1; n = 5; k = 1", sd.ReactionNetwork),
        ("S' = -S; S(0) = max(k, n); k = 1; n = 2", sd.ODESystem),
    ],
)
def test_texts_keep_the_expressions(text, cls):
    system = cls.from_text(text)
    written = model_text(system)
    assert cls.from_text(written) == system
    assert model_text(cls.from_text(written)) == written
    assert text_of(system) == written
    assert pickle.loads(pickle.dumps(system)) == system
    numbers = system.initial_numbers()
    data = sd.simulate(system, [0, 1, 2], seed=1, progress=False)
    for s in system.states:
        assert float(data[s.name][0]) == pytest.approx(numbers[s], rel=1e-15)
    assert f"S = {system.initial[sp.Symbol('S')]}" in repr(system)


def test_numbers_of_molecules_are_whole_after_evaluation():
    net = sd.ReactionNetwork.from_text("S -> P, k; S(0) = 2*n; P(0) = 0; k = 1; n = 5")
    data = sd.simulate(net, [0, 1], parameters={"n": [1, 2.5]}, trajectories=3, seed=0, progress=False)
    assert data.S.isel(time=0).values.tolist() == [[2] * 3, [5] * 3]
    with pytest.raises(sd.DeclarationError, match=r"the initial value of S is 0\.6; a number of molecules is a whole number"):
        sd.simulate(net, [0, 1], parameters={"n": 0.3})


def test_derived_systems_keep_the_expressions():
    net = sd.ReactionNetwork.from_text("S -> 0, k; S(0) = 2*n; k = 1; n = 5; V = 4", volume="V")
    assert net.rate_equations().initial == {S: 2 * n}
    assert net.langevin().initial == {S: 2 * n}
    concentrations = net.rate_equations(concentrations=True)
    assert concentrations.initial == {S: 2 * n / V}
    assert concentrations.initial_numbers() == {S: 2.5}
    scaled = sd.ReactionNetwork.from_text("S -> 0, k; S(0) = c*V; k = 1; c = 5; V = 4", volume="V")
    assert scaled.rate_equations(concentrations=True).initial == {S: sp.Symbol("c")}
    moments = net.moments(2)
    data = sd.simulate(moments, [0, 1], parameters={"n": [1, 2]}, **SETTINGS)
    np.testing.assert_allclose(data["S_mean"].isel(time=1), [2 * exp(-1), 4 * exp(-1)], rtol=1e-8)  # of independent deaths
    np.testing.assert_allclose(
        data["S_var"].isel(time=1), [2 * exp(-1) * (1 - exp(-1)), 4 * exp(-1) * (1 - exp(-1))], rtol=1e-6
    )
    p = net.master_equation(upper={"S": 10}).transient(1.0, parameters={"n": 3})
    assert float(sd.projection.mean(p, "S")) == pytest.approx(6 * exp(-1), rel=1e-6)
    assert net.renamed({"n": "N", "S": "X"}).initial == {sp.Symbol("X"): 2 * sp.Symbol("N")}
    other = sd.ReactionNetwork.from_text("P -> 0, k; P(0) = n")
    assert (net + other.replace(volume="V")).initial == {S: 2 * n, P: n}


def test_conserved_totals_follow_the_parameters():
    net = sd.ReactionNetwork.from_text("S <-> P, a, b; S(0) = n; P(0) = 2*n; n = 3")
    (law,) = net.conservation_laws()
    assert law.total == 9
    assert sp.expand(net.eliminate("P").observables[P]) == 3 * n - S


def test_sensitivities_begin_with_the_derivatives():
    system = sd.ODESystem({S: -k * S, P: k * S}, {k: 1}, initial={S: 2 * k**2, P: 10 - S})
    found = sensitivities(system, initial=True)
    start = {s.name: v for s, v in found.system.initial.items()}
    assert start["dS_dk"] == 4 * k
    assert start["dP_dk"] == -4 * k
    assert start["dP_dS"] == -1.0
    assert start["dS_dS"] == 1.0
    assert start["dS_dP"] == 0.0
    data = sd.simulate(found.system, [0, 1], **SETTINGS)
    exact = (4 - 2) * exp(-1)  # d/dk of 2 k^2 exp(-k)
    assert float(data["dS_dk"][1]) == pytest.approx(exact, rel=1e-7)


def test_matrix_models():
    f, q = sp.symbols("f q")
    model = sd.leslie.from_matrix([[0, f], [0.5, 0]], parameters={f: 2, q: 7}, initial=[10 * f, q])
    data = sd.simulate(model, [0, 1], parameters={f: [1, 3]}, progress=False)
    assert data.n1.isel(time=0).values.tolist() == [10, 30]
    assert data.n1.isel(time=1).values.tolist() == [7, 21]
    frozen = model.with_numbers(["f"])
    assert frozen.initial[sp.Symbol("n1")] == 20.0
    assert frozen.parameters == (q,)


def test_unknown_terms_and_recovery():
    f = sp.Function("f")
    t = np.linspace(0, 3, 31)
    data = {"t": t, "S": 3 * np.exp(-0.5 * t)}
    hidden = sd.ODESystem({S: f(S)}, {n: 1.5}, initial={S: 2 * n})
    assert hidden.with_terms({"f": -S}).parameters == (n,)
    found = sd.recover(hidden, data, surrogate=None, progress=False)
    assert float(found.terms[f(S)].coeff(S)) == pytest.approx(-0.5, abs=1e-3)
    assert n not in found.system.parameters
    assert found.system.initial[S] == pytest.approx(3, abs=1e-3)
    open_start = sd.ODESystem({S: -k * S}, initial={S: 2 * k})  # k has no value: neither has S(0)
    fitted = sd.fit(open_start, data, parameters=[S])
    assert fitted.system.defaults[k] == pytest.approx(0.5, rel=1e-4)
    assert fitted.system.initial[S] == pytest.approx(3, rel=1e-4)
    bound = sd.fit(open_start, {"t": t, "S": 2 * 0.4 * np.exp(-0.4 * t)})
    assert bound.system.defaults[k] == pytest.approx(0.4, rel=1e-6)
    assert bound.system.initial[S] == 2 * k


def test_terms_of_networks_keep_their_volume():
    net = sd.ReactionNetwork([({}, {S: 1}, sp.Function("f")()), ({S: 1}, {}, k)], volume="V", initial={S: 0})
    assert net.with_terms({"f": sp.Integer(2)}).parameters == (V, k)


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ({S: sp.Symbol("t") + k}, "contains the time t"),
        ({S: sp.Function("f")(k)}, r"contains the unknown term f\(k\)"),
        ({S: S + 1}, "the initial value of S is defined by itself"),
        ({S: P, P: 2 * S}, "is defined by itself"),
        ({S: sp.I * k}, "not real and finite"),
        ({S: sp.Symbol("k", positive=True)}, "two different symbols are called 'k'"),
    ],
)
def test_refused_expressions(initial, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.ODESystem({S: -k * S, P: k * S}, initial=initial)


def test_towers_and_pieces():
    system = sd.ODESystem.from_text("S' = -S; P' = -P; S(0) = exp(exp(exp(k))); P(0) = piecewise(k, k > 1, 2)")
    assert system.initial_numbers({"k": -1})[P] == 2
    assert system.initial_numbers({"k": -1})[S] == pytest.approx(exp(exp(exp(-1))), rel=1e-14)
    with pytest.raises(sd.DeclarationError, match="is no finite number"):
        system.initial_numbers({"k": 1000})
    with pytest.raises(sd.DeclarationError, match="is no finite number where k = 1000"):
        sd.simulate(system, [0, 1], parameters={"k": 1000})


def test_inputs_over_time_are_refused():
    u = sd.Path("u", [0, 5], [3, 4])
    with pytest.raises(sd.DeclarationError, match="contains the input u over time"):
        sd.ODESystem({S: u - S}, initial={S: 2 * u})
    system = sd.ODESystem({S: u - S}, initial={S: 1})
    for value in (2 * u, 2 * sp.Symbol("u")):
        with pytest.raises(sd.DeclarationError, match="contains the input u over time"):
            sd.simulate(system, [0, 1], initial={S: value})


def test_refused_in_calls_and_texts():
    with pytest.raises(sd.DeclarationError, match="depends on q, which is no parameter of this system; its parameters: k"):
        sd.simulate(decay(), [0, 1], initial={S: 2 * sp.Symbol("q")})
    with pytest.raises(sd.DeclarationError, match="the initial value 1/k of S is no finite number where k = 0"):
        sd.simulate(decay(), [0, 1], initial={S: 1 / k}, parameters={k: [1, 0]})
    for text, what in (
        ("S' = -S; S(0) = f(k)", "f is an unknown term"),
        ("S' = -S; z := 2*S; S(0) = z", "z is an observable"),
        ("S[t+1] = S/2 + dW; S(0) = dW", "dW is drawn in every step"),
        ("S[t+1] = S/2; S(0) = t", "t is the time step"),
    ):
        with pytest.raises(sd.ParseError, match=what):
            (sd.DiscreteSystem if "[" in text else sd.ODESystem).from_text(text)
    with pytest.raises(sd.DeclarationError, match="random number dW"):
        sd.DiscreteSystem({S: S / 2}, initial={S: sp.Symbol("dW")})


def test_initial_values_built_on_each_other_do_not_grow():
    x = sp.symbols("x:60")
    chain = {
        x[0]: k,
        **{b: (a + a**2) / (1 + a) + a for a, b in pairwise(x)},
    }  # 2 a; written out, 4**59 terms
    system = sd.ODESystem(dict.fromkeys(x, sp.S.Zero), {k: 1}, initial=chain)
    assert system.initial_numbers()[x[-1]] == pytest.approx(2.0**59)
    assert float(sd.simulate(system, [0, 1], progress=False)[x[-1].name][0]) == pytest.approx(2.0**59)


def test_the_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.txt").write_text("S' = -k*S\nS(0) = 2*k\nk = 1\n")
    runner = CliRunner()
    values = {}
    for given in ([], ["--initial", "S=3*k"], ["--initial", "S=1e1"], ["--initial", "S=5,6"]):
        out = runner.invoke(app, ["simulate", "m.txt", "--times", "0:1:2", "--set", "k=4", "--out", "o.nc", "-q", *given])
        assert out.exit_code == 0, out.output
        values[" ".join(given)] = np.ravel(read_dataset(tmp_path / "o.nc").S)
    assert [v[0] for v in values.values()] == [8, 12, 10, 5]
    wrong = runner.invoke(app, ["simulate", "m.txt", "--times", "0:1:2", "--initial", "S=3*k*"])
    assert wrong.exit_code == 2
    assert "missing" in wrong.output


def test_sbml_has_initial_assignments(tmp_path):
    pytest.importorskip("libsbml")
    net = sd.ReactionNetwork.from_text("S -> P, k; S(0) = 2*n; P(0) = 10 - S; k = 1; n = 3")
    path = tmp_path / "m.xml"
    net.to_sbml(path)
    assert path.read_text().count("<initialAssignment") == 2
    assert sd.read_sbml(path) == net
    decay().to_sbml(path)
    assert '<initialAssignment symbol="S">' in path.read_text()


@pytest.mark.parametrize("initial", [[1, 2], (1.0, 2.0), np.array([1.0, 2.0]), {"x": 1, "y": 2}])
def test_a_text_takes_initial_values_in_the_order_of_the_states(initial):
    found = sd.ODESystem.from_text("x' = -x; y' = -y; x(0) = 9", initial=initial).initial
    assert {s.name: v for s, v in found.items()} == {"x": 1.0, "y": 2.0}
    net = sd.ReactionNetwork.from_text("x -> y, 1; x(0) = 9", initial=initial)
    assert {s.name: v for s, v in net.initial.items()} == {"x": 1.0, "y": 2.0}


def test_what_a_text_cannot_take_is_named():
    for declare, text in ((sd.ODESystem.from_text, "x' = -k*x; y' = 0"), (sd.ReactionNetwork.from_text, "x -> y, k")):
        with pytest.raises(sd.DeclarationError, match="1 initial values were given for 2 states"):
            declare(text, initial=[1])
        with pytest.raises(sd.DeclarationError, match="expected a mapping from symbols or names to numbers"):
            declare(text, [1])
        with pytest.raises(sd.DeclarationError, match="expected a mapping from names to expressions"):
            declare(text, observables=["x"])
