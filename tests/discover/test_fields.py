"""Operators of partial differential equations from few and noisy snapshots, and whole equations from dense ones."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from numpy.polynomial.hermite import hermgauss

import symdyn as sd
from symdyn.discover.fields.candidates import field_candidates, linear_columns
from symdyn.discover.fields.data import read_fields
from symdyn.discover.fields.declared import declared_for
from symdyn.discover.fields.libraries import conservative_library, field_library
from symdyn.discover.fields.simulated import _search
from symdyn.discover.fields.weakly import choose_weakly
from symdyn.discover.terms import with_unknown_terms
from symdyn.errors import CompileError, RecoveryError
from symdyn.inference.journal import Journal
from symdyn.models import zoo

u, x, nu, D = sp.symbols("u x nu D")
f = sp.Function("f")
dx, laplacian = sd.dx, sd.laplacian
NU = 0.01 / np.pi


def cole_hopf(points, time):
    """The exact solution of Burgers' equation from -sin(pi x) (Basdevant et al., Computers & Fluids 14 (1986) 23)."""
    nodes, weights = hermgauss(100)
    y = points[:, None] - np.sqrt(4 * NU * time) * nodes
    exponent = -np.cos(np.pi * y) / (2 * np.pi * NU)
    mass = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * weights
    return -(np.sin(np.pi * y) * mass).sum(axis=1) / mass.sum(axis=1)


def burgers(level, seed=0, cells=100, times=(0.15, 0.3, 0.45, 0.6)):
    points = -1 + (np.arange(cells) + 0.5) * 2 / cells
    values = np.array([cole_hopf(points, t) for t in times])
    values = values + level * values.std() * np.random.default_rng(seed).normal(size=values.shape)
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": list(times), "x": points})


def noisy(run, level, seed=0, names=("u",)):
    rng = np.random.default_rng(seed)
    run = run[list(names)]
    return run.assign({n: run[n] + level * float(run[n].std()) * rng.normal(size=run[n].shape) for n in names})


def hidden_advection():
    return sd.PDESystem(
        {u: f(u, dx(u), laplacian(u), dx(laplacian(u))) + nu * laplacian(u)},
        (-1, 1), boundary="periodic", parameters={nu: NU}, initial={u: -sp.sin(sp.pi * x)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def advection():
    return sd.recover(hidden_advection(), burgers(0.01), progress=False)


def test_the_advection_of_burgers_is_found_and_nothing_else(advection):
    # among 1, u, u^2, u^3, u_x, u u_x, u^2 u_x, u_xx, u u_xx, u^2 u_xx, u_xxx, u u_xxx, u^2 u_xxx, u_x^2
    assert len(advection.inclusion) == 14
    term = advection.terms[f]
    assert set(term.as_coefficients_dict()) == {u * dx(u)}
    assert float(term.coeff(u * dx(u))) == pytest.approx(-1, abs=0.02)
    assert advection.table["rms"][0] == pytest.approx(0.01, rel=0.15)
    assert advection.inclusion["term"][0] == "u*dx(u)"
    assert advection.inclusion["weight"][1] < 0.2
    row = advection.intervals.iloc[0]
    assert row["standard error"] < 0.005
    assert abs(row["value"] + 1) < 4 * row["standard error"]
    assert advection.formulas[f] == sp.Symbol("f_1") * u * dx(u)
    assert advection.identifiability.rank == advection.identifiability.fitted == 1


def test_what_was_found_simulates_on_another_grid_from_another_start(advection):
    assert isinstance(advection.system, sd.PDESystem)
    assert not advection.system.unknowns
    true = sd.PDESystem({u: -dx(u**2) / 2 + nu * laplacian(u)}, (-1, 1), boundary="periodic", parameters={nu: NU})
    start = {"u": "0.3 + 0.2*cos(pi*x)"}
    options = dict(initial=start, grid=300, progress=False)
    one, other = (sd.simulate(s, [0, 0.5], **options).u.values for s in (advection.system, true))
    np.testing.assert_allclose(one, other, atol=5e-3)


def test_a_figure_shows_snapshots_and_terms(advection):
    figure = advection.plot()
    assert len(figure.axes) == 2
    assert len(figure.axes[0].lines) == 2 * 4
    with pytest.raises(RecoveryError, match="plot got 1 axes; expected 2"):
        advection.plot(axes=figure.axes[:1])
    assert "simulations" in repr(advection)


def fisher(initial=None):
    start = {u: sp.exp(-((x - 10) ** 2) / 4) / 2}
    system = sd.PDESystem({u: D * laplacian(u) + u * (1 - u)}, (0, 30), parameters={D: 1}, initial=start)
    return sd.simulate(system.discretize(160, order=6), np.array([0.0, 1.5, 3, 4.5]), progress=False).isel(x=slice(1, None, 4))


def test_hidden_kinetics_from_four_noisy_snapshots():
    # the first snapshot is as noisy as the others: the initial field is fitted along
    found = sd.recover(
        sd.PDESystem({u: f(u) + D * laplacian(u)}, (0, 30), parameters={D: 1}), noisy(fisher(), 0.02), progress=False
    )
    term = sp.Poly(found.terms[f], u)
    assert set(term.monoms()) == {(1,), (2,)}
    assert float(term.coeff_monomial(u)) == pytest.approx(1, abs=0.1)
    assert float(term.coeff_monomial(u**2)) == pytest.approx(-1, abs=0.1)
    assert found.starts[0].shape[0] == 1


def test_hidden_diffusion_as_a_number_and_as_a_function():
    data = noisy(fisher(), 0.02, seed=1)
    known = u * (1 - u)
    number = sd.recover(sd.PDESystem({u: D * laplacian(u) + known}, (0, 30)), data, progress=False)
    row = number.intervals.set_index("constant").loc["D"]
    assert row["lower"] - row["standard error"] < 1 < row["upper"] + row["standard error"]
    assert number.system.defaults[D] == row["value"]
    diffusivity = sd.recover(
        sd.PDESystem({u: sd.div(f(u) * sd.grad(u)) + known}, (0, 30)), data, library=2, progress=False
    )  # fmt: skip
    assert diffusivity.terms[f].is_number
    assert float(diffusivity.terms[f]) == pytest.approx(1, abs=0.15)


@pytest.fixture(scope="module")
def solitons():
    # two solitons c/2 sech^2(sqrt(c) (x - a)/2) of u_t = -6 u u_x - u_xxx
    start = {u: sp.sech(x / sp.sqrt(2) + 4) ** 2 + sp.sech((x - 1) / 2) ** 2 / 2}
    system = sd.PDESystem({u: -6 * u * dx(u) - dx(laplacian(u))}, (-16, 16), boundary="periodic", initial=start)
    return sd.simulate(system.discretize(192, order=6), np.linspace(0, 8, 81), progress=False)


@pytest.mark.parametrize("decibel", [40, 20])
def test_the_whole_equation_of_korteweg_and_de_vries(solitons, decibel):
    level = 10 ** (-decibel / 20) * float(np.sqrt((solitons.u**2).mean()) / solitons.u.std())
    found = sd.recover(None, noisy(solitons, level), progress=False)
    (unknown,) = found.terms
    chosen = found.terms[unknown].as_coefficients_dict()
    assert set(chosen) == {dx(u**2), dx(laplacian(u))}
    assert float(chosen[dx(u**2)]) == pytest.approx(-3, rel=0.02)
    assert float(chosen[dx(laplacian(u))]) == pytest.approx(-1, rel=0.02)
    assert found.method == "weak form"
    assert found.system.periodic == {0}
    assert any("domain was taken from the positions" in w for w in found.warnings)


def test_the_weak_form_is_exact_without_noise(solitons):
    system = sd.PDESystem({u: f(u)}, (-16, 16), boundary="periodic")
    data = read_fields(system, solitons)
    candidates = field_candidates(system, {f(u): conservative_library([u], 1)}, data)
    chosen = choose_weakly(candidates, data, largest=4).ranked[0]
    names = [str(candidates.terms[k].shape) for k in np.flatnonzero(chosen.chosen)]
    assert names == ["dx(u**2)/2", "dx(laplacian(u))"]
    # differences of the sixth order with six cells in a unit of length
    np.testing.assert_allclose(chosen.theta[chosen.chosen], [-6, -1], rtol=2e-3)


def test_kinetics_in_two_dimensions():
    square = sd.Rectangle(1, 1)
    start = {u: sp.exp(-20 * ((x - sp.Rational(2, 5)) ** 2 + (sp.Symbol("y") - sp.Rational(1, 2)) ** 2)) / 2}
    true = sd.PDESystem({u: laplacian(u) / 50 + u - u**2}, square, initial=start)
    data = noisy(sd.simulate(true.discretize(16, order=4), np.array([0.0, 1, 2]), progress=False), 0.01)
    found = sd.recover(sd.PDESystem({u: laplacian(u) / 50 + f(u)}, square, initial=start), data, library=2, progress=False)
    term = sp.Poly(found.terms[f], u)
    assert float(term.coeff_monomial(u)) == pytest.approx(1, abs=0.03)
    assert float(term.coeff_monomial(u**2)) == pytest.approx(-1, abs=0.05)
    assert float(term.coeff_monomial(1)) == pytest.approx(0, abs=0.01)


def test_rates_are_split_into_linear_columns():
    system = sd.PDESystem({u: sd.div(f(u) * sd.grad(u)) + u}, (0, 1))
    data = xr.Dataset({"u": (("time", "x"), np.ones((2, 8)))}, {"time": [0, 1], "x": np.linspace(0, 1, 8)})
    candidates = field_candidates(system, {f(u): (sp.S.One, u)}, read_fields(system, data))
    columns, known = linear_columns(candidates)
    assert [(t.inner, t.orders, t.factor) for t in known[0]] == [(u, (0,), 1.0)]
    assert [(t.inner, t.orders) for t in columns[0][0]] == [(u, (2,))]
    assert [(t.inner, t.orders) for t in columns[0][1]] == [(u * dx(u), (1,))]


def test_dates_and_headers_of_fields_are_read_like_those_of_states():
    days, points = [0.0, 1.5, 2.0], np.linspace(0.0, 1.0, 8)
    values = np.outer([1.0, 2.0, 3.0], 1 + points)
    dates = np.datetime64("2021-03-01T00:00") + (np.array(days) * 1440).astype(int) * np.timedelta64(1, "m")
    data = xr.Dataset({"Temp (°C)": (("time", "x"), values)}, {"time": dates, "x": points})
    system, _ = declared_for(data)
    assert system.names == ("Temp",)
    seen = read_fields(system, data)
    np.testing.assert_array_equal(seen.trajectories[0].times, days)
    np.testing.assert_array_equal(seen.trajectories[0].values[:, 0], values)
    assert seen.notes == ("times are days since 2021-03-01", "Temp is the variable 'Temp (°C)'")
    for axis in ("time", "x"):
        with pytest.raises(RecoveryError, match=f"the dimension '{axis}' of the dataset has no values; give them"):
            read_fields(system, data.drop_vars(axis))


def test_terms_of_fields_in_boxes_are_recovered():
    true = sd.PDESystem({u: laplacian(u) / 50 + u - u**3}, sd.Box(1, 1, 1), boundary="periodic")
    start = {u: "sin(2*pi*x)*cos(2*pi*y)/2 + cos(2*pi*z)/3 + sin(2*pi*(x - z))/5"}
    film = sd.simulate(true, np.linspace(0, 0.8, 6), initial=start, grid=10, progress=False)[["u"]]
    hidden = sd.PDESystem({u: laplacian(u) / 50 + f(u)}, sd.Box(1, 1, 1), boundary="periodic")
    (found,) = sd.recover(hidden, film, progress=False).terms.values()
    assert {t.as_coeff_Mul()[1] for t in found.as_ordered_terms()} == {u, u**3}
    assert float(found.coeff(u, 1)) == pytest.approx(1, abs=0.05)
    assert float(found.coeff(u, 3)) == pytest.approx(-1, abs=0.05)


def test_libraries_come_from_the_arguments():
    system = hidden_advection()
    (unknown,) = system.unknowns
    assert field_library(system, unknown, ["u*dx(u)", u**2]) == (u * dx(u), u**2)
    with pytest.raises(RecoveryError, match="no term of the library is made of the arguments"):
        field_library(system, unknown, [sp.Symbol("x")])
    with pytest.raises(RecoveryError, match="the library has no terms for f"):
        field_library(system, unknown, {"g": 2})


def test_unknown_terms_cannot_be_simulated():
    with pytest.raises(CompileError, match=r"the system has unknown terms \(f\(u, dx\(u\)\)\); fill them in with with_terms"):
        sd.simulate(sd.PDESystem({u: f(u, dx(u))}, (0, 1)), [0, 1], initial={u: 1.0}, grid=8)


def test_errors_say_what_to_do():
    data = burgers(0.01)
    system = hidden_advection()
    with pytest.raises(RecoveryError, match="the system has no unknown term"):
        sd.recover(system.with_terms({f: u}), data)
    with pytest.raises(RecoveryError, match="lack the dimension 'x'"):
        sd.recover(system, data.rename(x="z"))
    with pytest.raises(RecoveryError, match="no variable of the data is a field"):
        sd.recover(system, data.rename(u="w"))
    with pytest.raises(RecoveryError, match=r"reach from .* expected different finite numbers within the domain"):
        sd.recover(system, data.assign_coords(x=data.x + 1))
    with pytest.raises(RecoveryError, match=r"expected an xarray\.Dataset"):
        sd.recover(system, {"t": [0, 1], "u": [0, 1]})
    with pytest.raises(RecoveryError, match="'w' is neither an unknown function nor a state"):
        sd.recover(system, data, unknown=["w"])
    with pytest.raises(RecoveryError, match="cannot hold out the fraction"):
        sd.recover(system, data, heldout=0.9)
    with pytest.raises(RecoveryError, match="all are NaN"):
        sd.recover(system, data * np.nan)
    with pytest.raises(RecoveryError, match="mark missing ones as NaN"):
        sd.recover(system, data.where(data.u < 0.5, np.inf))


def test_terms_with_constants_inside_are_judged_at_the_guesses_of_those():
    K = sp.Symbol("K")  # with K = 0 the term u/(K + u) would be the constant 1
    system = sd.PDESystem({u: f(u) + D * laplacian(u)}, (0, 30), parameters={D: 1})
    data = read_fields(system, fisher())
    candidates = field_candidates(system, {f(u): [sp.S.One, u, u / (K + u)]}, data)
    search, _ = _search(candidates, data, (40,), lambda: False, largest=3, floor=1e-6, journal=Journal())
    guess = candidates.guesses[0]
    assert guess[3] > 0
    model = search.visit(np.array([False, True, False]), np.array([0, 0.5, 0, 0]), search.fits.starts.first)
    (expansion,) = search.expansions(model)
    assert expansion.theta.tolist() == [0, model.theta[1], 0, guess[3]]
    nudged = expansion.theta + 1e-3 * np.array([[0, 0, 1, 0], [0, 0, -1, 0]])
    up, down = search.fits.residuals(nudged, np.repeat(model.fit.starts[None], 2, axis=0))
    slope = (up - down) / 2e-3
    assert expansion.information[2, 2] == pytest.approx(slope @ slope, rel=0.02)
    assert expansion.gradient[2] == pytest.approx(-slope @ model.fit.residual, rel=0.02)
    assert abs(expansion.information[0, 0] / expansion.information[2, 2] - 1) > 0.1


def test_a_search_ends_at_its_budget():
    found = sd.recover(hidden_advection(), burgers(0.01), budget=0.5, progress=False)
    assert not found.complete
    assert any("budget of time" in w for w in found.warnings)


def test_both_equations_of_two_fields_are_found_whole():
    v = sp.Symbol("v")
    start = {u: "1 + 0.3*cos(3*pi*x/40) + 0.2*cos(8*pi*x/40)", v: "0.9 + 0.2*cos(5*pi*x/40)"}
    run = sd.simulate(
        zoo.schnakenberg((0, 40)).with_initial(start).discretize(128, order=6), np.linspace(0, 6, 61), progress=False
    )
    found = sd.recover(None, noisy(run, 0.02, names=("u", "v")), heldout=0.2, progress=False)
    terms = {str(k.func): v.as_coefficients_dict() for k, v in found.terms.items()}
    assert set(terms["f_u"]) == {sp.S.One, u, u**2 * v, laplacian(u)}
    assert set(terms["f_v"]) == {sp.S.One, u**2 * v, laplacian(v)}
    assert float(terms["f_v"][laplacian(v)]) == pytest.approx(10, rel=0.02)
    assert found.system.periodic == frozenset()
    # noise relative to the size of the fields, which is about four times their spread
    assert found.table["heldout_free_run"][0] < 0.02


def test_fields_that_are_named_get_an_unknown_term_of_their_derivatives():
    system = sd.PDESystem({u: nu * laplacian(u)}, (-1, 1), parameters={nu: NU})
    added = with_unknown_terms(system, ["u"])
    assert added.unknowns == (sp.Function("f_u")(u, dx(u), laplacian(u)),)
    nested = sd.PDESystem({u: f(sp.Function("g")(u))}, (0, 1))
    with pytest.raises(RecoveryError, match="is an argument of another"):
        with_unknown_terms(nested, None)
