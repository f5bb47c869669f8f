"""The validity study against thresholds and moments that are known otherwise."""

from functools import partial

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.models import zoo
from symdyn.simulation.executors import Executor, Here
from symdyn.studies import closure_validity, plot_branches, plot_validity, validity_table

QUIET = {"progress": False, "workers": 1}


@pytest.fixture(scope="module")
def monostable():
    return closure_validity(
        zoo.dimerisation(), [0.1, 0.3, 2, 3, 10], orders=(2, 3), closures=("normal", "poisson"), t_end=50, **QUIET
    )


@pytest.fixture(scope="module")
def bistable():
    return closure_validity(zoo.schloegl(), [4, 10, 20], orders=(2, 3), closures=("normal", "log-normal"), t_end=2, **QUIET)


def stationary_moments(volume, top=60):
    """Mean and variance of 0 -> X (rate V), 2 X -> 0 (rate n (n - 1)/V) from the null vector of its generator."""
    n = np.arange(top + 1)
    generator = np.zeros((top + 1, top + 1))
    for i in n:
        for j, rate in ((i + 1, volume), (i - 2, i * (i - 1) / volume)):
            if 0 <= j <= top:
                generator[j, i] += rate
                generator[i, i] -= rate
    generator[0] = 1
    p = np.linalg.solve(generator, np.eye(top + 1)[0])
    return p @ n, p @ n**2 - (p @ n) ** 2


# ---- one state: a lower threshold ----------------------------------------------------------------


def test_the_lower_threshold_is_a_root_of_the_discriminant(monostable):
    # the stationary mean of the normal closure at order 2 solves a cubic in which V occurs
    m, v = sp.symbols("m v")
    cubic = 8 * m**3 - 12 * m**2 + (4 - 4 * v**2) * m + 5 * v**2
    roots = sorted(float(r) for r in sp.Poly(sp.discriminant(cubic, m), v).nroots(n=30) if r.is_real and r > 1e-6)
    found = monostable.sel(closure="normal", order=2)
    np.testing.assert_allclose(found.transition_volume.values, roots, rtol=1e-5)
    assert roots[-1] == pytest.approx(2.442231, abs=1e-6)
    assert found.transition_kind.values.tolist() == ["fold", "fold"]
    assert float(found.lower.sel(criterion="consistent")) == pytest.approx(roots[-1], rel=1e-5)


def test_below_the_threshold_moments_become_infinite_in_finite_time(monostable):
    found = monostable.sel(closure="normal", order=2)
    assert found.verdict.values.tolist() == ["diverges", "diverges", "diverges", "inaccurate", "valid"]
    from_nothing = found.blow_up.sel(start="initial")
    np.testing.assert_allclose(from_nothing.sel(volume=[0.1, 2]), [0.107, 1.72], rtol=5e-3)
    assert np.isinf(from_nothing.sel(volume=10))


def test_the_poisson_closure_has_negative_variances(monostable):
    small = monostable.sel(closure="poisson", order=2, volume=0.1)
    assert str(small.verdict.values) == "unphysical"
    state = small.isel(branch=int(np.flatnonzero(small.stable)[0]))
    assert float(state["mean"][0]) == pytest.approx(1.5006, abs=1e-4)
    assert float(state.covariance[0, 0]) == pytest.approx(-0.7461, abs=1e-4)


def test_exact_moments_are_those_of_the_master_equation(monostable):
    for i, volume in enumerate(monostable.volume.values):
        mean, variance = stationary_moments(volume)
        assert float(monostable.exact_mean[i, 0]) == pytest.approx(mean, rel=1e-8)
        assert float(monostable.exact_covariance[i, 0, 0]) == pytest.approx(variance, rel=1e-8)
    one = monostable.sel(closure="normal", order=3, volume=10)
    mean, variance = stationary_moments(10)
    assert float(one.mean_error[0]) == pytest.approx(7.2000 / mean - 1, abs=1e-5)
    assert float(one.std_error[0]) == pytest.approx((5.3601 / variance) ** 0.5 - 1, abs=1e-5)


# ---- two states: an upper limit ------------------------------------------------------------------


def test_the_second_state_appears_at_the_known_volumes(bistable):
    normal = bistable.sel(closure="normal")
    for order, volume in ((2, 5.0229), (3, 11.4427)):
        one = normal.sel(order=order)
        assert one.transition_volume.values[0] == pytest.approx(volume, rel=1e-3)
        assert float(one.upper.sel(criterion="consistent")) == pytest.approx(volume, rel=1e-3)
    assert normal.sel(order=2).verdict.values.tolist() == ["inaccurate", "several", "several"]
    assert normal.sel(order=3).verdict.values.tolist() == ["inaccurate", "inaccurate", "several"]
    assert normal.sel(order=2, volume=10).given_away.item() == "2 vs 3"


def test_which_state_is_reached_depends_on_the_start(bistable):
    two = bistable.sel(closure="normal", order=2, volume=10)
    ends = {round(float(two["mean"][b, 0]) / 10, 3) for b in two.reached.values}
    assert ends == {8.146, 34.194}
    three = bistable.sel(closure="log-normal", order=2, volume=10)
    stable = three["mean"].values[three.stable.values, 0] / 10
    np.testing.assert_allclose(stable, [8.465, 12.144, 34.354], atol=1e-3)


# ---- oscillation ---------------------------------------------------------------------------------


def test_the_hopf_point_of_the_brusselator():
    found = closure_validity(
        zoo.brusselator_network(), [0.6, 1, 5000, 9000], orders=[2], t_end=300, reference="none", **QUIET
    ).sel(closure="normal", order=2)
    assert found.transition_volume.values[-1] == pytest.approx(7149.85, rel=1e-4)
    assert 0.7665 < found.transition_volume.values[0] < 0.7823
    assert found.transition_kind.values.tolist() == ["hopf", "hopf"]
    assert found.verdict.sel(volume=[1, 9000]).values.tolist() == ["unchecked", "oscillates"]
    assert 0.4 < float(found.swing.sel(volume=9000).max()) < 1


# ---- how it runs ---------------------------------------------------------------------------------


def test_simulated_moments_agree_with_projected_ones_within_their_errors():
    options = dict(orders=[2], t_end=50, transitions=False, **QUIET)
    one, other = (closure_validity(zoo.dimerisation(), [10], reference=r, **options) for r in ("projection", "simulation"))
    z = (other.exact_mean - one.exact_mean) / other.exact_mean_error
    assert abs(float(z[0, 0])) < 4
    z = (other.exact_covariance - one.exact_covariance) / other.exact_covariance_error
    assert abs(float(z[0, 0, 0])) < 4


class Watched(Executor):
    """Runs everything here, notes the number of tasks, and interrupts before the task `last`."""

    slots = 1

    def __init__(self, last=None):
        self.last, self.tasks = last, 0

    def run(self, function, tasks, common=()):
        for found in Here().run(function, tasks, common):
            if self.tasks == self.last:
                raise KeyboardInterrupt
            self.tasks += 1
            yield found


def test_finished_parts_are_kept_and_used(tmp_path, caplog):
    def study(orders, executor=None):
        return closure_validity(
            zoo.dimerisation(), [1, 5], orders=orders, t_end=20, store=tmp_path, executor=executor, progress=False, workers=1
        )

    first = study([2])
    before = {p.name for p in tmp_path.iterdir()}
    both = study([2, 3])
    assert before < {p.name for p in tmp_path.iterdir()}
    watched = Watched()
    again = study([2, 3], watched)
    assert watched.tasks == 0
    assert again.identical(both)
    assert again.sel(order=[2]).verdict.equals(first.verdict)
    damaged = next(tmp_path.glob("cell_*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert study([2, 3], watched).identical(both)
    assert watched.tasks == 1
    assert f"{damaged} is damaged" in caplog.text


def test_parts_of_other_software_are_not_used(tmp_path, monkeypatch):
    options = dict(orders=[2], t_end=20, store=tmp_path, transitions=False, progress=False)
    closure_validity(zoo.dimerisation(), [5], **options, workers=1)
    versions = {"numba": "0.1"}
    for name in ("symdyn.studies.validity.software", "symdyn.simulation.request.software"):
        monkeypatch.setattr(name, lambda *_: versions)
    watched = Watched()
    closure_validity(zoo.dimerisation(), [5], **options, executor=watched)
    assert watched.tasks == 2  # the exact moments and one closure


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(sd.SymdynError, match=r"mine\.txt is a file; name a folder"):
        closure_validity(zoo.dimerisation(), [5], orders=[2], store=tmp_path / "mine.txt", **QUIET)


def test_an_interrupted_study_returns_what_is_done_and_goes_on(tmp_path):
    options = dict(orders=[2], t_end=20, progress=False)
    with pytest.warns(UserWarning, match="interrupted: 1 of 2 parts are done; store= would have saved them"):
        found = closure_validity(zoo.dimerisation(), [5, 10], executor=Watched(last=3), **options)
    assert sorted(found.verdict.values.ravel()) == ["", "valid"]
    with pytest.warns(UserWarning, match="interrupted: 1 of 2 parts are done; the same call goes on from there"):
        closure_validity(zoo.dimerisation(), [5, 10], executor=Watched(last=3), store=tmp_path, **options)
    watched = Watched()
    whole = closure_validity(zoo.dimerisation(), [5, 10], executor=watched, store=tmp_path, **options)
    assert watched.tasks == 1
    assert whole.identical(closure_validity(zoo.dimerisation(), [5, 10], workers=1, **options))


def test_workers_do_not_change_the_numbers():
    options = dict(orders=[2, 3], t_end=20, progress=False)
    one, two = (closure_validity(zoo.dimerisation(), [2, 5], workers=w, **options) for w in (1, 2))
    assert one.identical(two)


def test_a_closure_of_ones_own():
    def vanishing_third_cumulant(index, moments):
        return sp.S.Zero

    vanishing_third_cumulant.kind = "cumulant"
    found = closure_validity(
        zoo.dimerisation(), [5], orders=[2], closures=["Normal", vanishing_third_cumulant], t_end=20, **QUIET
    )
    assert found.closure.values.tolist() == ["normal", "vanishing_third_cumulant"]
    a, b = (found["mean"].isel(closure=i).values for i in (0, 1))
    np.testing.assert_allclose(a, b, rtol=1e-10)


# ---- what is shown -------------------------------------------------------------------------------


def test_the_table_says_where_a_closure_may_be_used(bistable):
    table = validity_table(bistable).set_index(["closure", "order"])
    assert table.loc[("normal", 2), "consistent"] == "<4 to 5.0228"
    assert table.loc[("normal", 2), "above"] == "several"
    assert table.loc[("normal", 2), "accurate"] == "nowhere"
    assert table.loc[("normal", 2), "molecules"].startswith("X 69.79 to ")  # the exact mean at V = 4 is 4 * 17.4478


def test_figures_show_every_closure_and_order(bistable):
    figure = plot_validity(bistable)
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["normal\norder", "log-normal\norder"]
    figure = plot_branches(bistable, closure="normal")
    assert [ax.get_title() for ax in figure.axes] == ["normal, order 2", "normal, order 3"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(network=sd.ReactionNetwork.from_text("X -> 0, k")), "declare it with volume='V'"),
        (dict(network=1), "expected a ReactionNetwork"),
        (dict(volumes=[2, 1]), "must be positive, finite and increase"),
        (dict(volumes=["a"]), "sequence of numbers"),
        (dict(orders=[1]), "orders from 2"),
        (dict(reference="fsp"), "expected one of auto, projection"),
        (dict(parameters={"q": 1}), "not a parameter"),
        (dict(starts=[{"Z": 1}]), "expected concentrations of the species X"),
    ],
)
def test_what_cannot_be_studied_is_said_before_anything_runs(change, message):
    values = dict(network=zoo.dimerisation(), volumes=[1, 2]) | change
    with pytest.raises(sd.DeclarationError, match=message):
        closure_validity(values.pop("network"), values.pop("volumes"), **values, **QUIET)


def test_unknown_closures_are_named():
    with pytest.raises(sd.SymdynError, match=r"unknown closure.*Did you mean 'normal'"):
        closure_validity(zoo.dimerisation(), [1], closures=["norml"], **QUIET)


def test_a_parameter_without_value_is_named():
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d", volume="V", parameters={"k": 1})
    with pytest.raises(sd.DeclarationError, match="no value for the parameter d"):
        closure_validity(net, [1], **QUIET)


def test_a_dataset_of_something_else_is_refused():
    for ask in (validity_table, plot_validity, partial(plot_branches, closure="normal")):
        with pytest.raises(sd.DeclarationError, match="expected the result of closure_validity"):
            ask(xr.Dataset({"x": 1}))
    with pytest.raises(sd.DeclarationError, match="expected the result of forecast"):
        sd.studies.forecast_table(xr.Dataset())
