"""Recovery from the shell: from files to a model that simulates."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
import symdyn.discover.recover
import symdyn.simulation.run
from symdyn.cli import ExitCode
from symdyn.io.models import read_model
from tests.cli.commands import run, words


@pytest.fixture
def logistic(here):
    """A model with an unknown term, and data that follow x' = x - x^2."""
    Path("hidden.txt").write_text("x' = f(x)\n")
    t = np.linspace(0, 4, 21)
    rows = [f"{a!r},{b!r}" for a, b in zip(t.tolist(), (1 / (1 + 4 * np.exp(-t))).tolist(), strict=True)]
    Path("data.csv").write_text("\n".join(["# logistic growth", "day,x", *rows]))


def test_recover_finds_the_term_and_writes_a_model_that_simulates(logistic):
    args = ("recover", "hidden.txt", "data.csv", "--surrogate", "none", "--out", "found", "--quiet")
    done = run(*args)
    assert done.exit_code == 0, done.stderr
    system = read_model("found/system.txt")
    assert system == sd.ODESystem.from_text(done.stdout)
    (state,) = system.states
    drift = system.drift[0].xreplace(dict(system.defaults))
    for value in (0.2, 0.5, 0.9):
        assert float(drift.subs(state, value)) == pytest.approx(value - value**2, abs=1e-3)
    files = {"report.md", "system.txt", "system.xml", "equations.tex", "table.csv", "recovery.json"}
    files |= {"recovery.npz", "fit.png", "front.png"}
    assert set(os.listdir("found")) == files
    assert "data.csv" in Path("found/report.md").read_text()
    assert json.loads(Path("found/recovery.json").read_text())["format"] == "symdyn-recovery"
    assert run("simulate", "found/system.txt", "--times", "0:4:5").exit_code == 0


def test_options_reach_the_library(logistic, monkeypatch):
    seen = {}

    def recover(system, data, **options):
        seen.update(options, rows=[len(table) for table in data])
        raise sd.RecoveryError("nothing found")

    monkeypatch.setattr(symdyn.discover.recover, "recover", recover)
    args = ("--seed", "3", "--budget", "10m", "--library-degree", "2", "--heldout", "0.25", "--regressor", "none")
    done = run("recover", "hidden.txt", "data.csv", "data.csv", *args)
    assert (done.exit_code, done.stdout) == (ExitCode.FAILURE, "")
    assert done.stderr == "symdyn: nothing found\n"
    assert seen == {
        "seed": 3, "budget": 600.0, "library": 2, "heldout": 0.25, "regressor": None, "surrogate": "auto",
        "progress": True, "checkpoint": None, "options": None, "rows": [21, 21],
    }  # fmt: skip
    run("recover", "hidden.txt", "data.csv", "--functions", "sin, exp")
    assert seen["options"].functions == ["sin", "exp"]
    run("recover", "hidden.txt", "data.csv", "--library", "chemistry")
    assert seen["library"] == "chemistry"
    done = run("recover", "hidden.txt", "data.csv", "--library", "chemistry", "--library-degree", "2")
    assert (done.exit_code, "--library says which terms there are" in " ".join(done.stderr.split())) == (ExitCode.USAGE, True)


def test_tables_alone_mean_that_nothing_is_known(logistic, monkeypatch):
    seen = {}

    def recover(system, data, **options):
        seen.update(options, system=system, rows=[len(table) for table in data])
        raise sd.RecoveryError("nothing found")

    monkeypatch.setattr(symdyn.discover.recover, "recover", recover)
    run("recover", "data.csv", "data.csv", "--out", "found")
    assert (seen["system"], seen["rows"], seen["checkpoint"]) == (None, [21, 21], Path("found/checkpoint.npz"))
    done = run("recover", "hidden.txt")
    assert done.exit_code == ExitCode.USAGE
    assert "there are no data beside hidden.txt" in done.stderr


def test_columns_that_are_no_states_are_left_out(logistic, monkeypatch):
    seen = {}

    def recover(system, data, **options):
        seen["columns"] = list(data[0].columns)
        raise sd.RecoveryError("nothing found")

    monkeypatch.setattr(symdyn.discover.recover, "recover", recover)
    Path("more.csv").write_text("time,site,x,c\n0,A,1,3\n1,A,2,3\n")
    done = run("recover", "hidden.txt", "more.csv")
    assert "symdyn: warning: more.csv: columns that are no state are ignored: site, c" in done.stderr
    assert seen["columns"] == ["time", "x"]
    run("recover", "more.csv", "--states", "c, x")
    assert seen["columns"] == ["time", "x", "c"]
    for args, message in (
        (("more.csv", "--states", "x,z"), "the data have no column 'z'"),
        (("hidden.txt", "more.csv", "--states", "x"), "the model names the states"),
    ):
        done = run("recover", *args)
        assert done.exit_code == ExitCode.USAGE
        assert message in words(done.stderr)


def test_dates_are_told_of_in_the_report(logistic):
    rows = [f"2021-03-{1 + k:02d},{float(1 / (1 + 4 * np.exp(-k / 4)))!r}" for k in range(25)]
    Path("dates.csv").write_text("\n".join(["date,x", *rows]))
    done = run("recover", "hidden.txt", "dates.csv", "--surrogate", "none", "--library-degree", "2", "--out", "found", "-q")
    assert done.exit_code == 0, done.stderr
    assert "- times are days since 2021-03-01" in Path("found/report.md").read_text()


def test_a_messy_table_ends_in_files_that_simulate(here):
    """Two cultures that grow by 0.8 a day to 2, with dates, units, decimal commas, gaps and a constant column."""
    rows = []
    for culture, begin in (("A", 0.2), ("B", 3.5)):
        for k in range(0, 60, 2):
            value = 2 / (1 + (2 / begin - 1) * np.exp(-0.8 * k / 8))
            gap = "" if k in (6, 30) else f"{value:.9f}".replace(".", ",")
            rows.append(f"2021-03-{1 + k // 8:02d} {3 * (k % 8):02d}:00;{culture};{gap};37,5;")
    Path("messy.csv").write_text("\n".join(["# two cultures", "Datum;ID;Biomasse, nass [g/L];Temp (°C);", *rows]))
    done = run("recover", "messy.csv", "--library-degree", "2", "--surrogate", "none", "--out", "found", "-q")
    assert done.exit_code == 0, done.stderr
    system = read_model("found/system.txt")
    assert system.names == ("Biomasse_nass",)
    (state,) = system.states
    drift = system.drift[0].xreplace(dict(system.defaults))
    for value in (0.4, 1.0, 3.0):
        assert float(drift.subs(state, value)) == pytest.approx(0.8 * value * (1 - value / 2), abs=1e-3)
    report = Path("found/report.md").read_text()
    for note in (
        "times are days since 2021-03-01",
        "Biomasse_nass is the column 'Biomasse, nass [g/L]'",
        "the column 'ID' labels trajectories",
        "Temp is constant, 37.5, and no state",
    ):
        assert f"- {note}\n" in report
    done = run("simulate", "found/system.txt", "--times", "0:4:5", "-q")
    assert done.exit_code == 0
    assert float(done.stdout.splitlines()[-1].split(",")[1]) == pytest.approx(2 / (1 + 9 * np.exp(-0.8 * 4)), abs=1e-3)


def test_cells_of_a_network_are_read(here):
    """Poisson numbers with the mean 4 at every time: their production is 4 times the rate of removal."""
    Path("net.txt").write_text("0 -> X, f(X)\nX -> 0, d\nd = 1\n")
    rng = np.random.default_rng(1)
    rows = [f"{time},{count}" for time in (0, 1, 2) for count in rng.poisson(4, 60)]
    Path("cells.csv").write_text("\n".join(["time,X", *rows]))
    done = run("recover", "net.txt", "cells.csv", "--library-degree", "1", "--out", "found", "-q")
    assert done.exit_code == 0, done.stderr
    assert "X -> 0, d" in Path("found/system.txt").read_text()
    assert "nan" not in Path("found/report.md").read_text()


def test_data_that_cannot_be_read_are_3(logistic):
    Path("data.csv").write_text("day,x\n0,1\n1,many\n")
    done = run("recover", "hidden.txt", "data.csv")
    assert done.exit_code == ExitCode.INPUT
    assert "line 3, column 3" in done.stderr
    assert "data.csv" in done.stderr


def test_missing_optional_package_is_named(logistic, monkeypatch):
    def recover(*_, **__):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.base")

    monkeypatch.setattr(symdyn.discover.recover, "recover", recover)
    done = run("recover", "hidden.txt", "data.csv")
    assert done.exit_code == ExitCode.INPUT
    assert "this needs scikit-learn, which is not installed: pip install" in done.stderr
