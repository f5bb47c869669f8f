"""A search that was cut short goes on, with the numbers of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.files import put_arrays, read_arrays
from symdyn.inference import journal, multistart, term_search
from symdyn.inference.budget import Budget
from symdyn.inference.journal import Journal, digest_of
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.scoring import maximise
from symdyn.inference.selection import Selection
from symdyn.inference.simulated_data import SimulatedData
from symdyn.io.petab import fitting as petab_fitting
from tests.inference.fit_cases import CASES, fitted, k, observed

x, y = sp.symbols("x y")
f, g = sp.symbols("f g", cls=sp.Function)
HIDDEN = sd.ODESystem({x: 1.3 * x - f(x, y), y: g(x, y) - 1.8 * y})


@pytest.fixture
def data():
    t = np.linspace(0, 3, 16)
    true = HIDDEN.with_terms({f(x, y): 0.9 * x * y, g(x, y): 0.8 * x * y})
    run = sd.simulate(true, t, initial={x: 0.44, y: 4.6}, progress=False)
    noise = np.random.default_rng(1).normal(size=(2, 16)) * 0.01
    return pd.DataFrame({"t": t, "x": run.x.values + noise[0], "y": run.y.values + noise[1]})


def search(data, checkpoint=None):
    return sd.recover(HIDDEN, data, library=2, surrogate=None, progress=False, checkpoint=checkpoint)


def test_an_interrupted_search_goes_on_to_the_same_numbers(tmp_path, data, monkeypatch):
    whole = search(data)
    path = tmp_path / "search.npz"
    fit, calls = Selection.fit, []

    def interrupted(self, *args, **options):
        calls.append(0)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return fit(self, *args, **options)

    monkeypatch.setattr(Selection, "fit", interrupted)
    part = search(data, path)
    assert not part.complete
    assert any("was interrupted after" in note for note in part.warnings)
    assert path.exists()
    monkeypatch.undo()
    again = search(data, path)
    assert again.complete
    assert not path.exists()
    assert again.evaluations < whole.evaluations
    pd.testing.assert_frame_equal(again.table, whole.table, check_exact=True)
    pd.testing.assert_frame_equal(again.intervals, whole.intervals, check_exact=True)


def test_a_crash_keeps_what_was_done(tmp_path, data, monkeypatch):
    fit, calls = Selection.fit, []

    def crash(self, *args, **options):
        calls.append(0)
        if len(calls) == 4:
            raise MemoryError
        return fit(self, *args, **options)

    monkeypatch.setattr(Selection, "fit", crash)
    with pytest.raises(MemoryError):
        search(data, tmp_path / "search.npz")
    assert len(Journal(tmp_path / "search.npz")) == 3


def diffusion():
    """An Ornstein-Uhlenbeck process, of which drift and noise are unknown."""
    rng, values = np.random.default_rng(5), [1.0]
    for e in rng.normal(size=300):
        values.append(1 + 0.8 * (values[-1] - 1) + 0.3 * e)
    return sd.SDESystem({x: f(x)}, {x: g(x)}), {"t": 0.2 * np.arange(301), "x": np.array(values)}


def births():
    """Births and deaths, of which the births are unknown."""
    X = sp.Symbol("X")
    rng, t, n, rows = np.random.default_rng(5), 0.0, 0, [(0.0, 0)]
    for _ in range(200):
        t += rng.exponential(1 / (8.0 + n))
        n += 1 if rng.random() < 8.0 / (8.0 + n) else -1
        rows.append((t, n))
    network = sd.ReactionNetwork([({}, {X: 1}, f(X)), ({X: 1}, {}, 1.0)], initial={X: 0})
    return network, pd.DataFrame(rows, columns=["t", "X"])


@pytest.mark.parametrize("how", ["interrupt", "budget"])
@pytest.mark.parametrize("case", [diffusion, births])
def test_searches_with_likelihoods_go_on_to_the_same_numbers(tmp_path, monkeypatch, case, how):
    system, values = case()
    path = tmp_path / "search.npz"
    whole = sd.recover(system, values, progress=False)
    fits = []

    def counted(*args, **options):
        fits.append(0)
        if how == "interrupt" and len(fits) == 6:
            raise KeyboardInterrupt
        return maximise(*args, **options)

    monkeypatch.setattr(term_search, "maximise", counted)
    if how == "budget":
        monkeypatch.setattr(Budget, "left", lambda self: 6.0 - len(fits))
    part = sd.recover(system, values, progress=False, checkpoint=path)
    assert not part.complete
    assert {"interrupt": "was interrupted", "budget": "at its budget of time"}[how] in part.warnings[0]
    assert len(Journal(path)) > 0
    monkeypatch.undo()
    again = sd.recover(system, values, progress=False, checkpoint=path)
    assert again.complete
    assert not path.exists()
    assert again.evaluations < whole.evaluations
    for name in ("table", "intervals", "covariance", "inclusion"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(whole, name), check_exact=True)


def bits(fit):
    """Everything that a fit found."""
    ends = fit.ends.to_numpy().tobytes()
    return fit.theta.tobytes(), fit.scaled_starts.tobytes(), ends, fit.information.covariance.tobytes(), fit.notes


def counted(monkeypatch, stop=None):
    """Steps of fits and simulations of data, as they are made; an interrupt comes instead of that numbered `stop`."""
    made = []

    def one(self, work, *args):
        made.append(0)
        if len(made) == stop:
            raise KeyboardInterrupt
        return work(self, *args)

    for owner, name in ((LevenbergMarquardt, "step"), (SimulatedData, "like")):
        monkeypatch.setattr(owner, name, partialmethod(one, getattr(owner, name)))
    return made


@pytest.mark.parametrize("name", CASES)
def test_fits_that_were_cut_short_go_on_to_the_same_bits(tmp_path, monkeypatch, name):
    if name in ("scaled", "windowed"):  # which take long
        monkeypatch.setattr(petab_fitting, "WINDOWS", ((1, 1.0, 4, 0.3, 2), (2, 0.03, 4, 0.0, 1)))
        monkeypatch.setattr(petab_fitting.PetabFitProblem, "iterations", 5)
        monkeypatch.setattr(multistart, "POLISH", 3)
    case, path, rng = CASES[name](tmp_path), tmp_path / "fit.npz", np.random.default_rng(list(name.encode()))
    with monkeypatch.context() as patch:
        made = counted(patch)
        whole = bits(fitted(case))
        steps = len(made)
        assert bits(fitted(case, budget=1e6, checkpoint=path, progress=lambda stage, fraction: None)) == whole
    assert not path.exists()
    for how in ("interrupt", "budget"):
        stop = int(rng.integers(steps // 2, steps))
        with monkeypatch.context() as patch:
            made = counted(patch, stop if how == "interrupt" else None)
            if how == "budget":
                patch.setattr(Budget, "left", lambda self, made=made, stop=stop: float(stop - len(made)))
            part = fitted(case, checkpoint=path, budget=float(stop) if how == "budget" else None)
        words = {"interrupt": "was interrupted after", "budget": "ended at its budget of time"}[how]
        assert any(words in note for note in part.notes)
        assert np.isfinite(part.log_posterior)
        assert len(Journal(path)) > 0
        with monkeypatch.context() as patch:
            made = counted(patch)
            assert bits(fitted(case, checkpoint=path)) == whole
            assert len(made) < steps
        assert not path.exists()


def test_a_pool_of_starts_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    case, path = CASES["scaled"](tmp_path), tmp_path / "fit.npz"
    monkeypatch.setattr(petab_fitting.PetabFitProblem, "iterations", 3)
    monkeypatch.setattr(multistart, "POLISH", 3)
    with monkeypatch.context() as patch:
        made = counted(patch)
        whole = bits(fitted(case))
        steps = len(made)
    with monkeypatch.context() as patch:
        counted(patch, 4)
        part = fitted(case, checkpoint=path)
    assert "the search was interrupted after 0 iterations; this is the best so far" in part.notes
    assert np.isfinite(part.log_posterior)
    made = counted(monkeypatch)
    assert bits(fitted(case, checkpoint=path)) == whole
    assert len(made) == steps - 3


KILLED = """
import os, signal, sys
from pathlib import Path
from symdyn.inference import journal
from symdyn.inference.levenberg import LevenbergMarquardt
from tests.inference.fit_cases import CASES, fitted
step, made = LevenbergMarquardt.step, []
def one(self):
    made.append(0)
    if len(made) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    step(self)
LevenbergMarquardt.step, journal.PAUSE, journal.RARELY = one, 0.0, 0.0
fitted(CASES["observed"](Path()), checkpoint=sys.argv[1])
"""


def test_a_fit_whose_process_was_killed_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    path = tmp_path / "fit.npz"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    made = counted(monkeypatch)
    whole = bits(fitted(observed()))
    steps = len(made)
    made.clear()
    assert bits(fitted(observed(), checkpoint=path)) == whole
    assert len(made) == steps - 6
    assert not path.exists()


def test_fits_of_other_arguments_begin_anew(tmp_path, monkeypatch):
    path, made = tmp_path / "fit.npz", counted(monkeypatch, 20)
    (system, data), how = observed()
    fitted(observed(), checkpoint=path)
    moved = data | {"light": data["light"] * np.where(np.arange(13) == 6, 1 + 1e-15, 1)}
    others = [
        ((system, moved), how), ((system, data), how | {"priors": {k: stats.lognorm(1.1)}}),
        ((system, data), how | {"rtol": 1e-9}), ((system, data), how | {"seed": 1}),
        ((system, data), how | {"noise": "laplace"}), ((system.with_initial({"x": 1.1}), data), how),
    ]  # fmt: skip
    for other in others:
        made.clear()
        alone = bits(fitted(other))
        steps = len(made)
        made.clear()
        copy = tmp_path / "copy.npz"
        copy.write_bytes(path.read_bytes())
        assert bits(fitted(other, checkpoint=copy)) == alone
        assert len(made) == steps
    made.clear()
    fitted(observed(), checkpoint=path)
    assert 0 < len(made) < steps


def test_what_is_no_record_of_a_fit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "fit.npz"
    counted(monkeypatch, 9)
    fitted(observed(), checkpoint=path)
    whole = read_arrays(path)
    for damaged in (
        {name: a[:1] if a.ndim else a for name, a in whole.items()},
        {name: a.astype(np.float32) for name, a in whole.items()},
        {name: a for name, a in whole.items() if not name.endswith("-5")},
    ):
        put_arrays(path, damaged)
        with pytest.raises(sd.RecoveryError, match=r"fit\.npz: not a file of a search .*; delete it or name another"):
            fitted(observed(), checkpoint=path)
    with pytest.raises(sd.RecoveryError, match="does not exist; create it first"):
        fitted(observed(), checkpoint=tmp_path / "none" / "fit.npz")


def test_a_record_that_cannot_be_written_loses_no_fit(tmp_path, monkeypatch):
    def full(path, arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "put_arrays", full)
    monkeypatch.setattr(journal, "PAUSE", 0.0)
    monkeypatch.setattr(journal, "RARELY", 0.0)
    with pytest.warns(UserWarning, match=r"fit\.npz: not written \(.*No space left on device\)"):
        found = fitted(observed(), checkpoint=tmp_path / "fit.npz")
    monkeypatch.undo()
    assert bits(found) == bits(fitted(observed()))
    monkeypatch.setattr(journal.os, "access", lambda path, mode: False)
    with pytest.raises(sd.RecoveryError, match=r"the folder .* cannot be written; name a file elsewhere"):
        fitted(observed(), checkpoint=tmp_path / "fit.npz")


def test_writes_are_rare_where_they_take_long(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(journal.time, "monotonic", lambda: clock[0])
    written = []

    def slowly(path, arrays):
        written.append(clock[0])
        clock[0] += 0.5

    monkeypatch.setattr(journal, "put_arrays", slowly)
    kept = Journal(tmp_path / "j.npz").kept(["a fit"])
    while clock[0] < 200:
        clock[0] += 1.0
        kept.keep(lambda: (np.zeros(1),))
    assert np.diff(written).min() > 50  # a hundred times as long as a write
    assert written[0] == pytest.approx(11)


def test_entries_are_found_by_all_that_they_depend_on(tmp_path):
    journal, count = Journal(tmp_path / "j.npz"), []

    def compute():
        count.append(0)
        return np.arange(3.0), np.zeros((0, 2))

    for key in (("a", np.ones(2)), ("a", np.ones(2)), ("a", np.ones((2, 1))), ("b", np.ones(2)), ("a", np.ones(2, int))):
        journal(key, compute)
    assert len(count) == 4
    journal.write()
    journal.close()
    back = Journal(tmp_path / "j.npz")
    found = back(("b", np.ones(2)), compute)
    assert len(count) == 4
    np.testing.assert_array_equal(found[0], np.arange(3.0))
    assert found[1].shape == (0, 2)
    assert digest_of("ab", "c") != digest_of("a", "bc")


def test_what_is_no_journal_is_named(tmp_path):
    (tmp_path / "j.npz").write_text("nothing of the kind")
    with pytest.raises(sd.RecoveryError, match=r"j\.npz: not a file of a search .*; delete it or name another"):
        Journal(tmp_path / "j.npz")
    np.savez(tmp_path / "h.npz", a=np.arange(1000.0))
    (tmp_path / "h.npz").write_bytes((tmp_path / "h.npz").read_bytes()[:4000])
    with pytest.raises(sd.RecoveryError, match=r"h\.npz: not a file of a search"):
        Journal(tmp_path / "h.npz")
    np.savez(tmp_path / "k.npz", a=np.array([{}], dtype=object))
    with pytest.raises(sd.RecoveryError, match="not a file of a search"):
        Journal(tmp_path / "k.npz")
    put_arrays(tmp_path / "x.npz", {"x-0": np.arange(3.0)})
    with pytest.raises(sd.RecoveryError, match="not a file of a search"):
        Journal(tmp_path / "x.npz")
    with pytest.raises(sd.RecoveryError, match="does not exist; create it first"):
        Journal(tmp_path / "none" / "j.npz")
    for folder in ("", ".", "/", tmp_path):
        with pytest.raises(sd.RecoveryError, match=r"a folder; name a file, such as .*search\.npz"):
            Journal(folder)
    with pytest.raises(sd.RecoveryError, match="it cannot be locked"):
        Journal("a\0b")
