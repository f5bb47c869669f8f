"""Verbs of a fit that take long: they end in time, say what is missing, and go on to the bits of an uninterrupted run."""

from __future__ import annotations

import sys
import time
from functools import partial, partialmethod

import numpy as np
import pytest

import symdyn as sd
from symdyn.files import FileLock
from symdyn.inference import hamiltonian, resampling, sampling, walkers
from symdyn.inference.budget import Budget
from symdyn.inference.density import PosteriorDensity
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.plain_likelihood import PlainLikelihood
from symdyn.inference.stochastic_problem import StochasticProblem
from tests.inference.fit_cases import CASES, fitted

pytestmark = pytest.mark.filterwarnings(
    "ignore:\\s*ArviZ is undergoing:FutureWarning",
    "ignore:neither bounds",
    "ignore:the samples of",
    "ignore:.*steps diverged",
    "ignore:More chains",
)

#: By name: a case, the verb, its options, and the piece of work that is counted.
STEP, DENSITY = (LevenbergMarquardt, "step"), (PosteriorDensity, "__call__")
VERBS = {
    "profile": ("observed", "profile", {"parameter": "k"}, STEP),
    "profile of values": ("observed", "profile", {"parameter": "k", "values": [0.2, 0.5, 0.9]}, STEP),
    "bootstrap": ("shot", "bootstrap", {"repeats": 20}, STEP),
    "folds": ("shot", "cross_validate", {"folds": 4}, STEP),
    "folds of rows": ("petab", "cross_validate", {"folds": 4}, STEP),
    "folds of paths": ("lna", "cross_validate", {"by": "trajectory"}, STEP),
    "walkers": ("shot", "sample", {"draws": 6, "tune": 3, "thin": 2}, DENSITY),
    "walkers by simulations": ("particle", "sample", {"draws": 8, "tune": 3}, DENSITY),
    "validity": ("lna", "validity", {"repeats": 12}, (StochasticProblem, "scaled")),
}
SAID = r"(was interrupted|ended at its budget of .* s), after .*; the same call goes on from .*verb\.npz"


@pytest.fixture(scope="module")
def fit_of(tmp_path_factory):
    """Fits of cases, each made once."""
    made = {}

    def one(name):
        if name not in made:
            made[name] = fitted(CASES[name](tmp_path_factory.mktemp("case")))
        return made[name]

    return one


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(resampling, "TOGETHER", 8)


def bits(found):
    """Everything that a verb found."""
    if isinstance(found, dict):
        return {f"{group} {name}": v.values.tobytes() for group in found for name, v in found[group].items()}
    if hasattr(found, "groups"):  # samples
        return {f"{g} {name}": v.values.tobytes() for g in found.groups() for name, v in found[g].variables.items()}
    if hasattr(found, "variables"):
        return {str(name): v.values.tobytes() for name, v in found.variables.items()}
    return found.table.to_numpy(dtype=str).tobytes(), getattr(found, "parameters", found.table).to_numpy().tobytes()


def complete(found):
    """Whether it says that it is."""
    if hasattr(found, "groups"):
        return bool(found.posterior.attrs["complete"])
    return bool(found.complete)


def counted(monkeypatch, piece, stop=None):
    """Pieces of work as they are made; an interrupt comes instead of that numbered `stop`."""
    made = []

    def one(self, work, *args, **options):
        made.append(0)
        if len(made) == stop:
            raise KeyboardInterrupt
        return work(self, *args, **options)

    owner, name = piece
    monkeypatch.setattr(owner, name, partialmethod(one, getattr(owner, name)))
    return made


def cut(monkeypatch, how, piece, stop):
    """The options with which a verb ends before the piece numbered `stop`, or, of budgets, at that before."""
    made = counted(monkeypatch, piece, stop if how == "interrupt" else None)
    if how == "interrupt":
        return {}
    monkeypatch.setattr(Budget, "left", lambda self: float(stop - 1 - len(made)))
    return {"budget": float(stop)}


@pytest.mark.parametrize("name", VERBS)
def test_what_was_cut_short_goes_on_to_the_same_bits(tmp_path, monkeypatch, fit_of, name):
    case, verb, options, piece = VERBS[name]
    if verb == "sample":
        pytest.importorskip("emcee")
    run, path = partial(getattr(fit_of(case), verb), **options), tmp_path / "verb.npz"
    with monkeypatch.context() as patch:
        made = counted(patch, piece)
        whole = run()
        steps = len(made) if piece is not DENSITY else len(made) - 6  # a step of walkers is two to four
        assert complete(whole)
        assert bits(run(budget=1e6, checkpoint=path, progress=lambda stage, fraction: None)) == bits(whole)
    assert not path.exists()
    for how in ("interrupt", "budget"):
        with monkeypatch.context() as patch, pytest.warns(UserWarning, match=SAID):
            part = run(checkpoint=path, **cut(patch, how, piece, steps))
        assert not complete(part)
        assert path.exists()
        with monkeypatch.context() as patch:
            made = counted(patch, piece)
            again = run(checkpoint=path)
            assert len(made) < steps / 2 + 6
        assert complete(again)
        assert bits(again) == bits(whole)
        assert not path.exists()
    with monkeypatch.context() as patch, pytest.warns(UserWarning, match=SAID):
        run(checkpoint=path, **cut(patch, "interrupt", piece, steps))
    # a record of other options is not taken, and is not lost
    other = {"level": 0.5} if verb == "profile" else {"seed": 7} if verb != "cross_validate" else {"folds": 2}
    with pytest.warns(
        UserWarning, match=r"the file keeps what one with another question, other data, options or budget has left"
    ):
        assert bits(run(checkpoint=path, **other)) == bits(run(**other))
    assert bits(run(checkpoint=path)) == bits(whole)
    assert not path.exists()


@pytest.mark.parametrize("name", VERBS)
def test_before_there_is_anything_an_interrupt_is_raised_and_a_budget_says_so(monkeypatch, fit_of, name):
    case, verb, options, piece = VERBS[name]
    run = partial(getattr(fit_of(case), verb), **options)
    for how, error, said in (("interrupt", KeyboardInterrupt, None), ("budget", sd.RecoveryError, "give it more time")):
        with monkeypatch.context() as patch:
            limit = cut(patch, how, piece, 2)
            if verb != "profile":
                with pytest.raises(error, match=said):
                    run(**limit)
                continue
            with pytest.warns(UserWarning, match="of .* first ones were not reached; with a checkpoint it would go on"):
                found = run(**limit)
        assert not found.complete
        best = fit_of(case).parameters["k"]
        reached = np.isfinite(found.ratio)
        assert found.value[reached].values == pytest.approx([best], rel=1e-9)
        assert np.isnan([found.lower, found.upper]).all()
        assert float(found.estimate) == pytest.approx(best, rel=1e-9)


def test_an_interrupted_sampler_of_chains_keeps_those_that_are_done(tmp_path, monkeypatch, fit_of):
    pytest.importorskip("nutpie")
    fit, path, ended, chains, stop = fit_of("observed"), tmp_path / "verb.npz", hamiltonian._ended, [], [2]
    run = partial(fit.sample, 8, tune=8, sampler="nuts", chains=4)
    whole = run()

    def interrupted(sampler, run):
        if [len(chains)] == stop:
            stop.clear()
            raise KeyboardInterrupt
        found = ended(sampler, run)
        chains.append(0)
        return found

    monkeypatch.setattr(hamiltonian, "_ended", interrupted)
    with pytest.warns(UserWarning, match=r"the sampler was interrupted, after 2 of 4 chains; the same call goes on from"):
        part = run(checkpoint=path)
    assert not complete(part)
    np.testing.assert_array_equal(part.posterior["k"], whole.posterior["k"][:2])
    again = run(checkpoint=path)
    assert bits(again) == bits(whole)
    assert len(chains) == 4
    chains.clear()
    monkeypatch.setattr(Budget, "left", lambda self: 1.0 - len(chains))
    with pytest.raises(sd.RecoveryError, match="with 1 of 4 chains, of which R-hat compares two; give it more time"):
        run(budget=1.0)


def test_what_is_there_at_the_end_of_the_time_is_that_of_a_whole_run(monkeypatch, fit_of):
    fit = fit_of("shot")
    with monkeypatch.context() as patch:
        made = counted(patch, STEP)
        whole = fit.bootstrap(20)
        steps = len(made)
    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="the bootstrap was interrupted, after 16 of 20"):
        part = fit.bootstrap(20, **cut(patch, "interrupt", STEP, steps))
    assert (part.done, part.repeats) == (16, 20)
    assert str(part).startswith("Bootstrap of 16 repeats of 20, cut short")
    np.testing.assert_array_equal(part["parameters"]["k"], whole["parameters"]["k"][:16])
    with monkeypatch.context() as patch:
        made = counted(patch, STEP)
        whole = fit.cross_validate(4)
        steps = len(made)
    with (
        monkeypatch.context() as patch,
        pytest.warns(UserWarning, match=r"the cross-validation was interrupted, after the folds"),
    ):
        part = fit.cross_validate(4, **cut(patch, "interrupt", STEP, steps))
    done = list(part.parameters.index)
    assert 0 < len(done) < 4
    assert f"{len(done)} of 4 folds ({', '.join(map(str, done))}), cut short" in str(part)
    assert part.table.reset_index(drop=True).equals(whole.table[whole.table["fold"].isin(done)].reset_index(drop=True))
    assert part.parameters.equals(whole.parameters.loc[done])
    with pytest.raises(sd.RecoveryError, match="one was cut short: go on from its checkpoint"):
        whole.compare(part)


def test_an_end_of_an_interval_that_was_not_reached_is_not_known(monkeypatch, fit_of):
    """Cut short while its first values are fitted, a profile has those that came to rest, where the whole one has them too."""
    fit = fit_of("observed")
    whole, seen, known = fit.profile("k"), set(), []
    for stop in range(2, 9):
        with monkeypatch.context() as patch, pytest.warns(UserWarning, match="the profile of k was interrupted, after"):
            part = fit.profile("k", **cut(patch, "interrupt", STEP, stop))
        reached = part.where(np.isfinite(part.ratio), drop=True)
        seen.add(reached.sizes["value"])
        same = whole.sel(value=reached.value, method="nearest")
        np.testing.assert_allclose(same.value, reached.value, rtol=1e-9)
        assert (reached.ratio >= same.ratio - 1e-4).all()
        for end in ("lower", "upper"):
            assert np.isnan(part[end]) or float(part[end]) == pytest.approx(float(whole[end]), rel=0.02)
            known.append(bool(np.isfinite(part[end])))
    assert len(seen) > 1
    assert {*known} == {True, False}


def test_an_interrupt_between_any_two_lines_keeps_no_draw_that_was_not_made(monkeypatch, fit_of):
    pytest.importorskip("emcee")
    fit = fit_of("shot")
    run, code = partial(fit.sample, 5, tune=2), walkers.walker_chains.__code__
    monkeypatch.setattr(sampling, "_told", lambda arviz, fit, posterior, chain, *facts: chain)
    whole = run()
    lines, stop = [], None

    def traced(frame, event, argument):
        if frame.f_code is not code:
            return None
        if event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == stop:
                raise KeyboardInterrupt
        return traced

    def parted(at=None):
        nonlocal stop
        stop = at
        lines.clear()
        before = sys.gettrace()
        sys.settrace(traced)
        try:
            return run()
        except KeyboardInterrupt:
            return whole[:, :0]
        finally:
            sys.settrace(before)

    np.testing.assert_array_equal(parted(), whole)
    last = len(lines)
    with pytest.warns(UserWarning, match="the sampler was interrupted, after . of 5 draws of every walker"):
        parts = [parted(at) for at in range(last - 25, last - 9)]  # a step
    assert len({part.shape[1] for part in parts}) > 1
    for part in parts:
        np.testing.assert_array_equal(part, whole[:, : part.shape[1]])


def test_numbers_of_numpy_are_numbers_and_flags_are_none(fit_of):
    assert [Budget(kind(60)).seconds for kind in (np.float16, np.float32, np.int8)] == [60.0] * 3
    assert 59 < Budget(np.float16(60)).left() <= 60  # though the clock may be beyond what such a number can be
    assert 59 < Budget(np.float32(60), began=time.monotonic()).left() <= 60
    fit = fit_of("shot")
    for options, said in (({"repeats": True}, "repeats is True"), ({"trajectory": False}, "trajectory is False")):
        with pytest.raises(sd.RecoveryError, match=said):
            fit.bootstrap(**{"repeats": 3} | options)
    pytest.importorskip("emcee")
    assert bits(fit.sample(3, tune=2, walkers=np.int64(32))) == bits(fit.sample(3, tune=2, walkers=32))


def test_draws_end_in_time_for_what_is_done_with_all_of_them(monkeypatch, fit_of):
    """A step takes 2 s by a clock of its own, and so does evaluating the draws of a step once more."""
    pytest.importorskip("emcee")
    clock, density, each = [0.0], PosteriorDensity.__call__, PlainLikelihood.log_likelihoods
    fit = fit_of("shot")
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slowly(self, points):
        clock[0] += 1.0
        return density(self, points)

    def all_again(self, theta, *args):
        clock[0] += 2.0 * len(theta) / 32
        return each(self, theta, *args)

    monkeypatch.setattr(PosteriorDensity, "__call__", slowly)
    monkeypatch.setattr(PlainLikelihood, "log_likelihoods", all_again)
    with pytest.warns(UserWarning, match="the sampler ended at its budget of 100 s, after .* of 1000 draws of every walker"):
        found = fit.sample(1000, tune=5, budget=100.0)
    assert 90 <= clock[0] <= 110
    assert 14 <= found.posterior.sizes["draw"] <= 25  # of 2 or, by snooker steps, 4 s, and 2 s once more


def test_a_fit_that_was_cut_short_says_so(tmp_path, fit_of):
    case = CASES["observed"](tmp_path)
    part = fitted(case, budget=1e-9)
    assert not part.complete
    assert fit_of("observed").complete
    assert "measurements, cut short; " in str(part).splitlines()[0]
    assert "cut short" not in str(fit_of("observed"))
    part.save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert not again.complete
    assert str(again) == str(part)
    fit_of("observed").save(tmp_path / "whole.nc")
    assert sd.Fit.load(tmp_path / "whole.nc").complete
    for fit in (part, again):
        with pytest.warns(UserWarning, match="the fit was cut short, and profile begins where it stood; fit with more time"):
            fit.profile("k", values=[0.5])


def test_searches_at_once_do_not_share_a_file(tmp_path, monkeypatch, fit_of):
    path, fit, tried = tmp_path / "fit.npz", fit_of("shot"), []

    def meanwhile(stage, fraction):
        with pytest.raises(
            sd.RecoveryError, match=r"fit\.npz: another search that is going on \(process \d+\) keeps its record"
        ):
            fit.profile("k", checkpoint=path)
        tried.append(stage)

    case = CASES["observed"](tmp_path)
    found = fitted(case, checkpoint=path, progress=meanwhile)
    assert tried
    assert found.complete
    assert not [*tmp_path.iterdir()]
    held = FileLock(path)
    with pytest.raises(sd.RecoveryError, match="name another file for this one, or wait until that one has ended"):
        fitted(case, checkpoint=path)
    held.release()
    assert fitted(case, checkpoint=path).log_posterior == found.log_posterior


def test_the_record_of_a_fit_outlives_another_search_in_its_file(tmp_path, monkeypatch, fit_of):
    path, case = tmp_path / "both.npz", CASES["observed"](tmp_path)
    with monkeypatch.context() as patch:
        made = counted(patch, STEP)
        whole = fitted(case)
        steps = len(made)
    with monkeypatch.context() as patch:
        counted(patch, STEP, 20)
        assert not fitted(case, checkpoint=path).complete
    with pytest.warns(UserWarning, match=r"both\.npz: this search is complete, and the file keeps what one with another"):
        fit_of("shot").bootstrap(8, checkpoint=path)
    made = counted(monkeypatch, STEP)
    again = fitted(case, checkpoint=path)
    assert len(made) == steps - 19
    assert again.ends.equals(whole.ends)
    assert not path.exists()


@pytest.mark.parametrize("name", VERBS)
def test_progress_goes_from_stage_to_stage(fit_of, name):
    case, verb, options, _ = VERBS[name]
    if verb == "sample":
        pytest.importorskip("emcee")
    seen = []
    getattr(fit_of(case), verb)(**options, progress=lambda stage, fraction: seen.append((stage, fraction)))
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert [stage for stage, _ in seen] == sorted((stage for stage, _ in seen), key=stages.index)
    for stage in stages:
        fractions = [fraction for s, fraction in seen if s == stage]
        assert all(0 <= a <= b <= 1 for a, b in zip(fractions, [*fractions[1:], 1.0], strict=True))
        assert fractions[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("options", [{"budget": -1}, {"checkpoint": 3}, {"progress": "bar"}])
def test_wrong_limits_are_refused_by_every_verb(fit_of, options):
    for case, verb, own, _ in VERBS.values():
        if verb == "sample":
            pytest.importorskip("emcee")
        with pytest.raises(sd.RecoveryError, match=f"{next(iter(options))} is .*; expected"):
            getattr(fit_of(case), verb)(**own, **options)


def test_profiles_that_were_computed_before_are_drawn(fit_of):
    fit = fit_of("observed")
    curve = fit.profile("k", values=[0.2, 0.5])
    axes = fit.plot_profiles([curve, "s"]).axes
    assert [axis.get_xlabel() for axis in axes[:2]] == ["k", "s"]
    assert fit.plot_profiles(curve).axes[0].lines[0].get_xdata().size <= 3
    with pytest.raises(sd.RecoveryError, match=r"is no profile of k, s; take what fit\.profile returned"):
        fit.plot_profiles(curve.assign_attrs(parameter="q"))
