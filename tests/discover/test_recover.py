"""recover(): unknown terms found again in data whose law is known, and honest words where that fails."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.descent import NothingFollowsError, descend
from symdyn.discover.options import RecoverOptions
from symdyn.discover.regressors.registry import REGRESSORS, Candidate
from symdyn.discover.surrogates.registry import SURROGATES, SurrogateFit, TermSamples

x, y, a, b, c, d, h, t = sp.symbols("x y a b c d h t")
f, g = sp.symbols("f g", cls=sp.Function)
needs_jax = pytest.mark.skipif(
    any(importlib.util.find_spec(p) is None for p in ("jax", "pyoperon", "sklearn")),
    reason="needs the packages of the extra 'discover': jax, pyoperon, scikit-learn",
)

# the missing-term problem of Rackauckas et al. (2020): 1.3 x - 0.9 x y, 0.8 x y - 1.8 y
HIDDEN = sd.ODESystem({x: a * x - f(x, y), y: g(x, y) - d * y}, parameters={a: 1.3, d: 1.8})
TRUE = HIDDEN.with_terms({f(x, y): sp.Rational(9, 10) * x * y, g(x, y): sp.Rational(8, 10) * x * y})
LIBRARY = [sp.S.One, x, y, x**2, x * y, y**2, x**3, x**2 * y, x * y**2, y**3, sp.sin(x), sp.sin(y)]
TIMES = np.linspace(0, 3, 31)


def table(system, times, initial, *, noise=0.0, seed=0, parameters=None):
    run = sd.simulate(system, times, initial=initial, parameters=parameters, rtol=1e-10, atol=1e-12, progress=False)
    random = np.random.RandomState(seed)
    values = np.stack([run[s].values.ravel() for s in system.names], axis=1)
    values = values + noise * values.mean(axis=0) * random.randn(*values.shape)
    return pd.DataFrame(values, columns=list(system.names)).assign(time=times)


def quick(system, data, **options):
    return sd.recover(system, data, **{"surrogate": None, "progress": False, **options})


def lotka_volterra(noise, seed):
    return table(TRUE, TIMES, {x: 0.44249296, y: 4.6280594}, noise=noise, seed=seed)


def test_exact_data_give_the_exact_law():
    found = quick(HIDDEN, lotka_volterra(0.0, 0), library=LIBRARY)
    assert {k: v.as_coeff_Mul()[1] for k, v in found.terms.items()} == {f(x, y): x * y, g(x, y): x * y}
    assert float(found.terms[f].coeff(x * y)) == pytest.approx(0.9, rel=1e-5)
    assert float(found.terms["g"].coeff(x * y)) == pytest.approx(0.8, rel=1e-5)
    assert found.table["weight"][0] > 0.5
    assert found.table["bic"].is_monotonic_increasing
    assert found.table["rms"][0] < 1e-5


def test_half_a_percent_of_noise_leaves_the_law():
    for seed in range(4):
        found = quick(HIDDEN, lotka_volterra(0.005, seed), library=LIBRARY)
        assert [e.as_coeff_Mul()[1] for e in found.terms.values()] == [x * y, x * y]
        known = found.intervals.set_index("constant")
        for name, value in (("f_1", 0.9), ("g_1", 0.8)):
            assert abs(known.loc[name, "value"] - value) < 4 * known.loc[name, "standard error"]


@pytest.mark.parametrize(("noise", "least"), [(0.025, 5), (0.05, 4)])
def test_much_noise_mostly_leaves_the_law(noise, least):
    right = 0
    for seed in range(6):
        found = quick(HIDDEN, lotka_volterra(noise, seed), library=LIBRARY)
        right += [e.as_coeff_Mul()[1] for e in found.terms.values()] == [x * y, x * y]
    assert right >= least


def test_six_exact_points_give_the_exact_law():
    data = table(TRUE, np.linspace(0, 3, 6), {x: 0.44249296, y: 4.6280594})
    found = quick(HIDDEN, data, library=LIBRARY)
    assert [e.as_coeff_Mul()[1] for e in found.terms.values()] == [x * y, x * y]
    assert float(found.terms[f].coeff(x * y)) == pytest.approx(0.9, rel=1e-3)
    assert float(found.terms[g].coeff(x * y)) == pytest.approx(0.8, rel=1e-3)


@pytest.mark.parametrize("where", ["x", "y"])
def test_a_rational_term_of_apoptosis_from_six_exact_points(where):
    # caspase-8, p53 and its inhibitor: the equations 53 of ODEBench (d'Ascoli et al., 2023), either saturating loss hidden
    z, j, k = sp.symbols("z j k")
    made = sp.Rational(3, 5) * z * (y + 0.1) - y / (5 * (y + 0.1))
    losses = {"x": 0.4 * x * y / (x + 0.1), "y": 7.95 * x * y / (y + 2)}
    sides = {s: f(x, y) if s == where else losses[s] for s in losses}
    system = sd.ODESystem({x: 0.1 - sides["x"] - x / 20, y: made - sides["y"], z: sides["y"] - made})
    initial = {x: 0.248, y: 0.0973, z: 0.0027}
    data = table(system.with_terms({f(x, y): losses[where]}), np.linspace(0, 40, 6), initial)
    found = quick(system, data, library=[1, x, y, x * y, x**2, y**2, x * y / (j + x), x * y / (k + y), x / (h + x)])
    visited = table(system.with_terms({f(x, y): losses[where]}), np.linspace(0, 40, 200), initial)
    learned, exact = (sp.lambdify((x, y), e)(visited["x"], visited["y"]) for e in (found.terms[f], losses[where]))
    assert np.linalg.norm(learned - exact) < 0.05 * np.linalg.norm(exact)


def test_predation_is_selected_for_hare_and_lynx():
    # pelts of the Hudson Bay Company, 1900 to 1920; growth and death are known in form, the interactions are not
    file = Path(__file__).parents[2] / "examples" / "data" / "hudson_bay_1900_1920.csv"
    counts = pd.read_csv(file, comment="#")
    data = {"t": counts["year"] - 1900.0, "x": counts["hare"] / 10, "y": counts["lynx"] / 10}
    system = sd.ODESystem({x: a * x - f(x, y), y: g(x, y) - d * y})
    found = quick(system, data, library=2, bounds=dict.fromkeys((a, d), (0, None)))
    assert [e.as_coeff_Mul()[1] for e in found.terms.values()] == [x * y, x * y]
    shares = found.inclusion.set_index(["unknown", "term"])["weight"]
    both = [("f(x, y)", "x*y"), ("g(x, y)", "x*y")]
    assert (shares.loc[both] > 0.9).all()
    assert (shares.drop(index=both) < 0.5).all()


def test_a_term_of_a_delayed_state_by_a_chain():
    # x' = 4/(1 + x(t - 2)^4) - x with the delay as four stages of half a unit each; only x is measured
    stages = sp.symbols("z1:5")
    chain = {s: 2 * (before - s) for before, s in zip((x, *stages), stages, strict=False)}
    last, times = stages[-1], np.linspace(0, 20, 61)
    system = sd.ODESystem({x: f(last) - x, **chain})
    truth = system.with_terms({f(last): 4 / (1 + last**4)})
    run = sd.simulate(truth, times, initial=dict.fromkeys((x, *stages), 0.5), progress=False)
    noisy = run.x.values + 0.03 * np.random.RandomState(0).randn(61)
    found = quick(system, {"t": times, "x": noisy}, library=[1, last, 1 / (1 + h * last), 1 / (1 + h * last**4)])
    assert sp.degree(sp.denom(sp.together(found.terms[f])), last) == 4
    known = found.intervals.set_index("constant")
    for name, value in (("f_1", 4.0), ("h", 1.0)):
        assert abs(known.loc[name, "value"] - value) < 4 * known.loc[name, "standard error"]


def test_the_found_system_is_an_ordinary_one():
    found = quick(HIDDEN, lotka_volterra(0.0, 0), library=2, heldout=0.2)
    assert isinstance(found.system, sd.ODESystem)
    assert not found.system.unknowns
    assert found.system is found.systems[0]
    assert len(found.systems) == len(found.table)
    again = sd.simulate(found.system, TIMES, progress=False)
    np.testing.assert_allclose(again.x.values.ravel(), lotka_volterra(0.0, 0)["x"], rtol=1e-4)
    assert "simulation in the loop" in found.system.provenance[-1]
    assert found.observations.size == 50
    assert found.heldout.size == 12
    assert found.table["heldout_free_run"][0] < 1e-4
    assert found.table["heldout_one_step"][0] < 1e-4
    shares = found.inclusion.set_index(["unknown", "term"])["weight"]
    assert shares["f(x, y)", "x*y"] == pytest.approx(1.0, abs=0.01)
    assert "f(x, y) = 0.9*x*y" in repr(found)
    assert "<table" in found._repr_html_()


def test_the_same_seed_gives_the_same_numbers():
    first, second = (quick(HIDDEN, lotka_volterra(0.01, 3), library=2) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)


def test_parameters_without_value_are_fitted_along():
    system = sd.ODESystem({x: a * x - f(x, y), y: c * f(x, y) - d * y})
    truth = system.with_terms({f(x, y): x * y / 2})
    data = table(truth, np.linspace(0, 12, 41), {x: 1.0, y: 1.0}, parameters={a: 1.0, c: 0.6, d: 0.7})
    found = quick(system, data, library=2, bounds=dict.fromkeys((a, c, d), (0, None)))
    assert found.terms[f(x, y)].as_coeff_Mul()[1] == x * y
    for p, value in ((a, 1.0), (c, 0.6), (d, 0.7)):
        assert found.system.defaults[p] == pytest.approx(value, rel=1e-4)


def test_several_trajectories_missing_values_and_uneven_times():
    uneven = np.array([0, 0.1, 0.25, 0.3, 0.5, 0.8, 0.9, 1.2, 1.4, 1.5, 1.9, 2.2, 2.3, 2.7, 3.0])
    runs = [
        table(TRUE, TIMES[::2], {x: 0.44, y: 4.6}, noise=0.005, seed=1),
        table(TRUE, uneven, {x: 2.0, y: 1.0}, noise=0.005, seed=2),
    ]
    runs[0].loc[3:6, "x"] = np.nan
    runs[1].loc[0, "y"] = np.nan
    found = quick(HIDDEN, runs, library=LIBRARY)
    assert [e.as_coeff_Mul()[1] for e in found.terms.values()] == [x * y, x * y]
    assert found.starts[0] == pytest.approx(np.array([[0.44, 4.6], [2.0, 1.0]]), rel=0.03)


def test_a_state_that_nobody_measured():
    # x' = -f(x) + y, y' = -y: y is never seen
    system = sd.ODESystem({x: y - f(x), y: -y})
    data = table(system.with_terms({f(x): x**2}), np.linspace(0, 4, 41), {x: 0.2, y: 3.0})
    found = quick(system, data[["time", "x"]], library=3)
    assert found.terms[f(x)].as_coeff_Mul()[1] == x**2
    assert float(found.terms[f(x)].coeff(x, 2)) == pytest.approx(1.0, rel=1e-3)
    assert found.starts[0][0] == pytest.approx([0.2, 3.0], rel=1e-3)


def test_constants_inside_library_terms_are_fitted():
    # Holling's second type: 1.5 x / (1 + 0.8 x)
    system = sd.ODESystem({x: -f(x)})
    data = table(system.with_terms({f(x): sp.Rational(3, 2) * x / (1 + sp.Rational(4, 5) * x)}), TIMES, {x: 5.0})
    found = quick(system, data, library=[sp.S.One, x, x**2, x**3, x / (1 + h * x)])
    known = found.intervals.set_index("constant")["value"]
    assert known["f_1"] == pytest.approx(1.5, rel=1e-3)
    assert known["h"] == pytest.approx(0.8, rel=1e-3)


@pytest.mark.parametrize(
    ("equation", "truth", "tells"),
    [
        (lambda u: 1 - x / u, 1 + x / 2, 1e-3),
        (lambda u: 1 - sp.log(u), 1 + x, 1e-3),
        (lambda u: 1 - sp.sqrt(u), 1 + x, 1e-3),
        (lambda u: 1 - x * u**-2, 1 + x / 5, 1e-3),
    ],
)
def test_an_unknown_term_below_the_line_or_inside_a_function(equation, truth, tells):
    # none of these has a slope where the term is zero
    data = table(sd.ODESystem({x: equation(truth)}), np.linspace(0, 4, 41), {x: 5.0})
    found = quick(sd.ODESystem({x: equation(f(x))}), data, library=1)
    for power in range(2):
        assert float(found.terms[f].coeff(x, power)) == pytest.approx(float(truth.coeff(x, power)), rel=tells)


def test_a_library_term_in_pieces():
    # consumption that saturates at once, at 2 (Holling's first type)
    pieces = sp.Piecewise((x, x < h), (h, True))
    data = table(sd.ODESystem({x: -pieces.subs(h, 2)}), np.linspace(0, 4, 41), {x: 5.0})
    found = quick(sd.ODESystem({x: -f(x)}), data, library=[1, x, x**2, pieces])
    known = found.intervals.set_index("constant")["value"]
    assert known["f_1"] == pytest.approx(1, rel=1e-4)
    assert known["h"] == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("scale", [1, 100])
def test_the_order_of_the_library_does_not_matter_to_a_shared_constant(scale):
    # Holling's third type, N**2 P/(1 + h N**2), beside the second with the same h, of another natural size
    n, p = sp.symbols("N P")
    system = sd.ODESystem({n: 0.6 * n - f(n, p), p: 0.6 * f(n, p) - 0.5 * p})
    truth = system.with_terms({f(n, p): 0.3 * n**2 * p / (scale**2 * (1 + 0.45 * (n / scale) ** 2))})
    run = sd.simulate(truth, np.linspace(0, 19, 39), initial={n: 2 * scale, p: 0.6 * scale}, progress=False)
    random = np.random.RandomState(2)
    data = {"t": np.linspace(0, 19, 39), **{s: run[s].values.ravel() * (1 + 0.02 * random.randn(39)) for s in "NP"}}
    types = [n * p / (1 + h * n), n**2 * p / (1 + h * n**2)]
    first, second = (quick(system, data, library=[*order, n * p, n, p, n**2]) for order in (types, types[::-1]))
    for found in (first, second):
        assert sp.degree(sp.denom(sp.together(found.terms[f])), n) == 2
        known = found.intervals.set_index("constant").loc["h"]
        assert abs(known["value"] * scale**2 - 0.45) < 4 * known["standard error"] * scale**2
    assert first.table["bic"][0] == pytest.approx(second.table["bic"][0])


def test_a_known_sign_excludes_terms_of_the_other():
    # x' = -x seen with f required positive in x' = f(x): no term with that sign fits as well as the truth
    data = table(sd.ODESystem({x: -x}), TIMES, {x: 2.0}, noise=0.01)
    system = sd.ODESystem({x: f(x)})
    free, held = quick(system, data, library=1), quick(system, data, library=1, signs={"f": 1})
    assert free.terms[f].coeff(x) < 0
    values = sp.lambdify(x, held.terms[f], "numpy")(data["x"].to_numpy())
    assert np.all(values >= -0.02 * np.abs(values).max())
    assert quick(system, data, library=1, signs={f: -1}).terms == free.terms


def test_unknown_terms_may_be_added_to_a_complete_system():
    model = sd.ODESystem({x: -a * x}, parameters={a: 0.5})
    data = table(sd.ODESystem({x: -x / 2 - x**3 / 5}), TIMES, {x: 2.0})
    found = quick(model, data, unknown=["x"], library=3)
    (name,) = found.terms
    assert str(name) == "f_x(x)"
    assert found.terms[name].as_coeff_Mul()[1] == x**3
    assert float(found.terms[name].coeff(x, 3)) == pytest.approx(-0.2, rel=1e-4)
    assert set(quick(model, data, unknown=["x", x, "x"], library=3).terms) == {name}  # named again is the same


def test_progress_is_told_and_a_budget_ends_the_search():
    told = []
    found = quick(
        HIDDEN, lotka_volterra(0.01, 0), library=2, budget=1e-3, progress=lambda stage, done: told.append((stage, done))
    )
    assert told[-1] == ("selection", 1.0)
    assert any("budget of time" in note for note in found.warnings)
    assert found.evaluations < quick(HIDDEN, lotka_volterra(0.01, 0), library=2).evaluations


def test_the_plot_shows_states():
    import matplotlib

    matplotlib.use("Agg")
    figure = quick(HIDDEN, lotka_volterra(0.01, 0), library=2, heldout=0.2).plot()
    assert [axis.get_ylabel() for axis in figure.axes] == ["x", "y", "f(x, y)", "g(x, y)"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["data", "fit", "held out", "free run"]


@needs_jax
def test_the_whole_path_with_network_and_regression():
    system = sd.ODESystem({x: -f(x)})
    data = table(system.with_terms({f(x): x**2}), np.linspace(0, 2, 25), {x: 2.0}, noise=0.002)
    small = RecoverOptions(surrogate={"iterations": 30, "members": 1})
    found = sd.recover(system, data, library=1, surrogate="pinn", regressor="sparse", progress=False, options=small)
    assert found.surrogate.terms[f(x)].values.shape[0] > 0
    assert found.terms[f(x)].as_coeff_Mul()[1] == x**2  # not in the library, proposed by the regressor
    assert float(found.terms[f(x)].coeff(x, 2)) == pytest.approx(1.0, rel=0.02)
    assert [axis.get_ylabel() for axis in found.plot().axes] == ["x", "f(x)"]


def test_formulas_that_stop_every_run_are_left_out(monkeypatch):
    calls = []

    def descended(*arguments, **options):
        calls.append(0)
        if len(calls) == 1:
            raise NothingFollowsError("no candidate could be simulated along the data")
        return descend(*arguments, **options)

    monkeypatch.setattr("symdyn.discover.pipeline.descend", descended)
    system = sd.ODESystem({x: -f(x)})
    data = table(system.with_terms({f(x): x**2}), np.linspace(0, 2, 25), {x: 2.0})
    found = sd.recover(system, data, library=2, regressor="sparse", progress=False)
    assert found.terms[f(x)].as_coeff_Mul()[1] == x**2
    assert "went without the formulas of the regressor" in found.warnings[0]
    monkeypatch.undo()
    hidden = sd.ODESystem({x: 0.5 * x - f(x, y), y: 0.03 * x * y - 0.8 * y})  # what is learned of y is rounding
    exact = table(hidden.with_terms({f(x, y): 0.03 * x * y}), np.linspace(0, 20, 81), {x: 30, y: 4})
    found = sd.recover(hidden, exact, unknown=["y"], library=2, progress=False)
    assert found.terms["f_y"] == 0
    assert float(found.terms[f].coeff(x * y)) == pytest.approx(0.03, rel=1e-4)


def test_stages_are_replaced_by_name(monkeypatch):
    # a surrogate that knows the answer, and a regressor that knows two formulas
    class Oracle:
        def fit(self, system, seen, *, seed=0, progress=None):
            along = np.linspace(0.5, 2.0, 30)
            samples = TermSamples(along[:, None], along**2, np.ones(30))
            runs = seen.trajectories
            return SurrogateFit(tuple(t.times for t in runs), tuple(t.values for t in runs), {f(x): samples}, {})

    class Formulas:
        def __init__(self, names, random_state):
            self.name = names[0]

        def fit(self, X, y, sample_weight=None):
            self.expressions_ = [
                Candidate(1.1 * self.name / (0.7 + self.name), 7, 0.1), Candidate(0.9 * self.name**2, 4, 0.0)
            ]  # fmt: skip

    monkeypatch.setitem(SURROGATES._load(), "oracle", Oracle)
    monkeypatch.setitem(REGRESSORS._load(), "formulas", Formulas)
    system = sd.ODESystem({x: -f(x)})
    data = table(system.with_terms({f(x): x**2}), np.linspace(0, 2, 25), {x: 2.0})
    stages = {"surrogate": "oracle", "regressor": "formulas", "progress": False}
    found = sd.recover(system, data, library=1, **stages)
    assert found.terms[f(x)].as_coeff_Mul()[1] == x**2  # a term that is not in the library
    assert float(found.terms[f(x)].coeff(x, 2)) == pytest.approx(1.0, rel=1e-5)
    assert "x/(f_c0 + x)" in set(found.inclusion["term"])  # its constant is fitted along
    fitted = sd.recover(system, data, library=1, selection=False, **stages)  # the two formulas and no others
    assert len(fitted.systems) == 2
    assert fitted.terms == found.terms


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: quick(HIDDEN, {"time": [0, 1], "z": [1, 2]}), "no column of the data is a state"),
        (lambda data: quick(TRUE, data), "the system has no unknown term"),
        (lambda data: quick(TRUE, data, unknown=["z"]), "'z' is neither an unknown function nor a state"),
        (lambda data: quick("x' = x", data), "recover needs an ODESystem, SDESystem, DiscreteSystem.* got str"),
        (lambda data: quick(HIDDEN, data, signs={"q": 1}), "signs names 'q'; known: f, g"),
        (lambda data: quick(HIDDEN, data, signs={"f": 2}), "the sign of f is 2"),
        (lambda data: quick(HIDDEN, data, library={"f": 2}), r"no terms for g\(x, y\)"),
        (lambda data: quick(HIDDEN, data, library=[t]), r"made of the arguments of f\(x, y\)"),
        (lambda data: quick(HIDDEN, data, heldout=0.99), "cannot hold out"),
        (lambda data: quick(HIDDEN, data, selection=False), "selection=False leaves only formulas"),
        (lambda data: quick(HIDDEN, data, library=[sp.log(-1 - x**2)]), "not finite on the data"),
        (lambda data: quick(HIDDEN, data, options=RecoverOptions(noise={"x": 0.0})), "the noise of x is 0.0"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(sd.RecoveryError, match=message):
        call(lotka_volterra(0.0, 0))


def test_unknown_stages_suggest_known_ones():
    with pytest.raises(sd.SymdynError, match="unknown surrogate 'pin'"):
        sd.recover(HIDDEN, lotka_volterra(0.0, 0), surrogate="pin", progress=False)


def test_recover_needs_no_optional_package_without_a_surrogate():
    code = (
        "import sys, symdyn as sd; sd.recover; "
        "print([m for m in ('jax', 'sklearn', 'pyoperon', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
