"""The command line: exit codes, formats, and silence in pipes; in this process and as real commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

import symdyn as sd
import symdyn.discover.recover
import symdyn.simulation.run
from symdyn.cli import ExitCode, app
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.io.datasets import read_dataset
from symdyn.io.models import read_model
from symdyn.io.tables import read_table
from symdyn.optional import OPTIONAL

ROOT = Path(__file__).parents[1]
DECAY = "x' = -a*x\na = 2\nx(0) = 3\nhalf := x/2\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model, as the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.txt").write_text(DECAY)
    return tmp_path


def run(*args: str):
    """The command in this process."""
    return CliRunner().invoke(app, list(args), prog_name="symdyn")


def command(*args: str, **options) -> subprocess.CompletedProcess:
    """The command as a script runs it."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", "NO_COLOR": "1"}
    whole = [sys.executable, "-m", "symdyn", *args]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, timeout=300, check=False, **options)


def words(text: str) -> str:
    """Text without the frames and line breaks of a terminal."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


# ---- simulate ------------------------------------------------------------------------------------


def test_results_go_to_standard_output_and_nothing_else_anywhere(here):
    command("simulate", "decay.txt", "--times", "0:1:2")  # compiles the driver, if it must
    done = command("simulate", "decay.txt", "--times", "0:1:3", "--set", "a=1,2", "--rtol", "1e-9")
    assert (done.returncode, done.stderr) == (0, "")
    (here / "out.csv").write_text(done.stdout)
    table = read_table("out.csv")
    assert list(table.columns) == ["a", "time", "x", "half", "status"]
    expected = 3 * np.exp(-table["a"] * table["time"])
    np.testing.assert_allclose(table["x"], expected, rtol=1e-7)
    np.testing.assert_allclose(table["half"], expected / 2, rtol=1e-7)


def test_a_figure_is_written_without_the_numbers_unless_these_are_asked_for(here):
    for command in (("simulate", "decay.txt", "--times", "0:1:3"), ("run", "run.toml")):
        if command[0] == "run":
            run("simulate", "decay.txt", "--times", "0:1:3", "--out", "a.nc", "--record", "run.toml")
        found = run(*command, "--figure", "run.svg", "-q")
        assert (found.exit_code, found.stdout) == (ExitCode.SUCCESS, "")
        assert "<svg" in (here / "run.svg").read_text()
        assert run(*command, "--figure", "run.svg", "--out", "run.csv", "-q").stdout == ""
        assert read_table("run.csv").shape == (3, 4)  # time, x, half, status
        for name in ("run.svg", "run.csv"):
            (here / name).unlink()


def test_reader_that_stops_early_is_no_error(here):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    whole = [sys.executable, "-m", "symdyn", "simulate", "decay.txt", "--times", "0:1:20000", "--quiet"]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=300) == 0


@pytest.mark.parametrize("name", ["runs.nc", "runs.json", "runs.csv"])
def test_formats_agree_with_the_library(here, name):
    done = run("simulate", "decay.txt", "--times", "0:1:3", "--set", "a=1:3:3", "--initial", "x=1,2", "--out", name)
    assert (done.exit_code, done.stdout) == (0, "")
    system = sd.ODESystem.from_text(DECAY)
    times, a = np.linspace(0, 1, 3), np.linspace(1, 3, 3)
    expected = symdyn.simulation.run.simulate(system, times, parameters={"a": a}, initial={"x": [1, 2]}, progress=False)
    if name.endswith(".csv"):
        table = read_table(name)
        np.testing.assert_array_equal(table["x"].to_numpy(), expected["x"].values.ravel())
        assert list(table.columns[:3]) == ["a", "x0", "time"]
    else:
        assert read_dataset(name).equals(expected)


@pytest.mark.parametrize(
    ("text", "options", "method"),
    [
        ("dx = -x*dt + dW\nx(0) = 0", ("--step", "0.5", "--seed", "1"), "euler-maruyama"),
        ("x[t+1] = 3*x*(1-x)\nx(0) = 0.5", (), "iterate"),
        ("x' = -x\nx(0) = 1", ("--method", "tsit5"), "tsit5"),
        ("X -> 0, 1; X(0) = 9", ("--method", "tau", "--epsilon", "0.1"), "tau"),
    ],
)
def test_kind_and_method(here, text, options, method):
    Path("m.txt").write_text(text)
    assert run("simulate", "m.txt", "--times", "0:2:3", "--out", "m.nc", *options).exit_code == 0
    assert read_dataset("m.nc").attrs["method"] == method


def test_map_is_iterated_exactly(here):
    Path("m.txt").write_text("x[t+1] = 3*x*(1-x)\nx(0) = 0.5")
    assert run("simulate", "m.txt", "--times", "0:2:3", "--out", "m.csv").exit_code == 0
    assert read_table("m.csv")["x"].tolist() == [0.5, 0.75, 0.5625]


def test_statistics_and_seed(here):
    Path("m.txt").write_text("dx = -x*dt + dW\nx(0) = 5")
    args = ("--times", "0:1:2", "--trajectories", "300", "--step", "0.1", "--reduce", "mean", "--reduce", "var")
    texts = [run("simulate", "m.txt", *args, "--seed", seed).stdout for seed in ("7", "7", "8")]
    assert texts[0] == texts[1] != texts[2]
    Path("m.csv").write_text(texts[0])
    table = read_table("m.csv")
    assert list(table.columns) == ["time", "x_count", "x_mean", "x_var", "failed"]
    # Euler-Maruyama: mean 5*0.9**10, variance 0.1*(1 - 0.9**20)/(1 - 0.81); five standard errors of 300 samples
    variance = 0.1 * (1 - 0.9**20) / (1 - 0.81)
    assert table["x_mean"][1] == pytest.approx(5 * 0.9**10, abs=5 * np.sqrt(variance / 300))
    assert table["x_var"][1] == pytest.approx(variance, rel=5 * np.sqrt(2 / 299))


def test_times_from_a_file(here):
    Path("t.txt").write_text("0\n0.25\n4\n")
    done = run("simulate", "decay.txt", "--times-file", "t.txt", "--out", "r.csv")
    assert done.exit_code == 0
    assert read_table("r.csv")["time"].tolist() == [0, 0.25, 4]


# ---- exit codes and messages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--times", "0:1"), "expected start:stop:count, such as 0:20:101"),
        ((), "one of --times and --times-file"),
        (("--times", "0:1:2", "--times-file", "t.txt"), "one of --times and --times-file"),
        (("--times", "0:1:2", "--set", "a"), "expected name=value"),
        (("--times", "0:1:2", "--initial", "x=1,y=2"), "an option takes one name: give it once more for y"),
        (("--times", "0:1:2", "--set", "a=b"), "--set: 'b' is not a finite number"),
        (("--times", "0:1:2", "--out", "runs.xlsx"), "expected .nc, .csv, .json"),
        (("--times", "0:1:2", "--kind", "pde"), "--kind"),
        (("--times", "0:1:2", "--trajectories", "0"), "--trajectories"),
        (("--times", "0:1:2", "--colour"), "--colour"),
    ],
)
def test_usage_errors_are_2(here, args, message):
    done = run("simulate", "decay.txt", *args)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert message in done.stderr
    assert re.fullmatch(r"symdyn: [^\n]+; see 'symdyn simulate --help'\n", done.stderr)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("smiulate",), "No such command 'smiulate'. Did you mean 'simulate'?; see 'symdyn --help'"),
        (("simulate",), "Missing argument 'model'; see 'symdyn simulate --help'"),
        (("cache", "empty"), "No such command 'empty'; see 'symdyn cache --help'"),
        (("new", "pde"), "'pde' is not one of 'ode', 'jump', "),
        (("--colour",), "No such option: --colour"),
    ],
)
def test_a_usage_error_is_one_line_with_the_help_to_read(args, message):
    done = run(*args)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert message.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1


def test_no_command_shows_the_help():
    assert "simulate" in words(run().output)


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("x' = __import__('os')", (), "m.txt"),
        ("x' = -a*x\nx(0) = 1", (), "no value for the parameter a"),
        ("x' = -x\nx(0) = 1", ("--set", "b=1"), "'b' is not a parameter"),
        ("x' = f(x)\nx(0) = 1", (), "unknown terms (f(x))"),
        ("x' = -x\nx(0) = 1", ("--method", "tsti5"), "Did you mean 'tsit5'?"),
        ("x' = -x\nx(0) = 1", ("--kind", "sde"), "with at least one noise"),
        ("x' = -x\nx(0) = 1", ("--rtol", "-1"), "expected a positive number"),
        ("x' = -x\nx(0) = 1", ("--precision", "float32"), "belongs to target='cuda'"),
        (None, (), "m.txt: No such file or directory"),
    ],
)
def test_input_errors_are_3(here, text, args, message):
    if text is not None:
        Path("m.txt").write_text(text)
    done = run("simulate", "m.txt", "--times", "0:1:2", *args)
    assert (done.exit_code, done.stdout) == (ExitCode.INPUT, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_failed_trajectories_are_4_and_write_nothing_unless_asked(here):
    Path("m.txt").write_text("x' = a*x^2\nx(0) = 1")  # x = 1/(1 - a*t) is infinite at t = 1/a
    args = ("simulate", "m.txt", "--times", "0:2:9", "--set", "a=0.1,1", "--out", "m.nc")
    done = run(*args)
    assert done.exit_code == ExitCode.FAILURE
    assert "1 of 2 trajectories failed" in done.stderr
    assert "--on-failure nan" in done.stderr
    assert not Path("m.nc").exists()
    done = run(*args, "--on-failure", "nan")
    assert done.exit_code == ExitCode.FAILURE
    found = read_dataset("m.nc")
    assert (found["status"].values.ravel() != 0).tolist() == [False, True]
    times = found["time"].values
    np.testing.assert_allclose(found["x"].values[0], 1 / (1 - 0.1 * times), rtol=1e-4)
    assert np.isnan(found["x"].values[1, times > 1]).all()


def test_codes_reach_the_shell(here):
    Path("m.txt").write_text("x' = -x")
    done = command("simulate", "m.txt", "--times", "0:1:2")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "symdyn: no value for the state x; give --initial x=...\n"
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def interruptible():
    """Ctrl-C as a program in the foreground takes it, for shells let those in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_is_130_and_keeps_what_was_done(here, monkeypatch, interruptible):
    simulate = symdyn.simulation.run.simulate

    def interrupted(*args, **kwargs):
        data = simulate(*args, **kwargs)
        data["status"][0, 1] = 5
        return data

    monkeypatch.setattr("symdyn.simulation.run.simulate", interrupted)
    args = ("simulate", "decay.txt", "--times", "0:1:2", "--trajectories", "2", "--set", "a=1,2", "--out", "r.nc")
    done = run(*args)
    assert done.exit_code == ExitCode.INTERRUPTED
    assert read_dataset("r.nc")["status"].values.tolist() == [[0, 5], [0, 0]]
    monkeypatch.setattr("symdyn.simulation.run.simulate", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    done = run(*args[:-1], "other.nc")
    assert done.exit_code == ExitCode.INTERRUPTED
    assert "interrupted" in done.stderr
    assert not Path("other.nc").exists()


def test_a_run_file_is_written_run_and_taken_from_results(here):
    done = run("simulate", "decay.txt", "--times", "0:2:5", "--out", "run.nc", "--record", "run.toml")
    assert done.exit_code == 0, done.output
    first = read_dataset(Path("run.nc"))
    assert run("run", "run.toml", "--out", "again.nc", "--threads", "1").exit_code == 0
    assert read_dataset(Path("again.nc")).drop_attrs().identical(first.drop_attrs())
    assert run("replay", "run.nc", "--record", "second.toml", "--quiet").exit_code == 0
    assert Path("second.toml").read_text() == Path("run.toml").read_text()
    Path("run.toml").write_text(Path("run.toml").read_text().replace("times", "tims"))
    done = run("run", "run.toml")
    assert done.exit_code == 3
    assert "Did you mean 'times'" in done.output
    assert run("simulate", "decay.txt", "--times", "0:2:5", "--record", "run.json").exit_code == 2


def test_a_run_is_replayed_and_a_difference_is_4(here):
    assert run("simulate", "decay.txt", "--times", "0:1:3", "--set", "a=1,2", "--out", "run.nc").exit_code == 0
    done = run("replay", "run.nc", "--out", "again.json", "--threads", "1")
    assert (done.exit_code, done.stdout.partition(": ")[0]) == (0, "the same bits")
    assert read_dataset("again.json").x.equals(read_dataset("run.nc").x)
    record = read_dataset("run.nc")
    record.x[1, 2] += 0.5
    record.to_netcdf("other.nc", engine="netcdf4")
    done = run("replay", "other.nc")
    assert (done.exit_code, done.stdout) == (4, "not the same\n  x: 1 of 6 numbers differ, by up to 0.5\n")
    (here / "text.json").write_text("[]")
    assert run("replay", "text.json").exit_code == 3


def test_exit_codes_are_in_the_help():
    text = words(run("simulate", "--help").stdout)
    for code in ExitCode:
        assert f" {int(code)} " in text


# ---- recover -------------------------------------------------------------------------------------


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


# ---- info and cache ------------------------------------------------------------------------------


def test_info_names_versions_targets_and_extras():
    facts = json.loads(run("info", "--json").stdout)
    assert facts["symdyn"] == sd.__version__
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["targets"]["cpu"]["lanes"] == [1, 8, 16, 32]
    assert facts["targets"]["cuda"]["available"] or "no card is found" in facts["targets"]["cuda"]["reason"]
    assert {name: found["extra"] for name, found in facts["optional"].items()} == dict(OPTIONAL.values())
    text = run("info").stdout
    for name, found in facts["optional"].items():
        line = next(line for line in text.splitlines() if line.startswith(name + " "))
        assert ("missing; the extra" in line) is not found["present"]
    assert facts["cache"]["directory"] in text


def test_doctor_runs_every_kind_of_system_and_names_what_fails(monkeypatch):
    from symdyn import doctor

    done = run("doctor")
    lines = {line[9:31].strip(): line for line in done.stdout.splitlines()}
    for name in doctor.CHECKS:
        assert lines[name].startswith(("ok ", "skipped ")), lines[name]
    assert (done.exit_code, lines["CUDA"][:7]) == (0, "skipped")
    assert sd.__version__ in done.stdout
    monkeypatch.setattr(doctor, "CHECKS", {"small": lambda: doctor._near(1.01, 1, 0.001), "map": doctor._iteration})
    done = run("doctor", "--json")
    assert done.exit_code == ExitCode.FAILURE
    assert "1 of 2 checks failed: small" in done.stderr
    assert json.loads(done.stdout)["checks"][0]["message"] == "ArithmeticError: 1.01, in theory 1"


def test_cache_is_cleared_of_compiled_code_only(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    for name in ("drivers/a.driver", "drivers/__pycache__/a.nbc", "models/b.o", "models/b.json", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    facts = json.loads(run("cache", "info", "--json").stdout)
    assert facts == {"directory": str(tmp_path), "drivers": 1, "models": 1, "bytes": 20}
    done = run("cache", "clear")
    assert done.exit_code == 0
    assert "0 drivers, 0 models" in done.stdout
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_cache_warm_asks_for_every_driver_once(monkeypatch):
    asked = []

    def note(*words, **parts):
        asked.append((*words, *(name for name, present in parts.items() if present)))

    monkeypatch.setattr("symdyn.io.warming.plain_driver", note)
    for family in ("adaptive", "jump", "leaping", "stepping", "taylor"):
        monkeypatch.setattr(f"symdyn.codegen.families.{family}.plain_driver", note)
    monkeypatch.setattr("symdyn.codegen.families.adaptive.common_driver", lambda **parts: note("loop", **parts))
    monkeypatch.setattr("symdyn.codegen.families.adaptive.method_functions", note)
    for family in FAMILIES.values():
        monkeypatch.setattr(type(family), "driver", lambda self, name: note(name))
    monkeypatch.setattr("symdyn.io.warming.projection_driver", lambda: note("projection"))
    monkeypatch.setattr("symdyn.io.warming.candidates_driver", lambda: note("candidates"))
    done = run("cache", "warm")
    assert (done.exit_code, done.stderr) == (0, "")
    adaptive = [name for name, scheme in sd.METHODS.items() if family_of(scheme) is FAMILIES["adaptive"]]
    parts = [(), ("algebraic",), ("delays",), ("algebraic", "delays")]
    loops = {("loop", *some) for some in ((*e, *p) for e in ((), ("events",)) for p in parts) if some}
    steps = {(name, *some) for name in adaptive for some in parts}
    single = (
        "elimination", "jump_large", "stencil", "stencil_steps", "adjoint", "adjoint_stiff", "reversible", "projection",
        "candidates", "stepping_tree", "brownian",
    )  # fmt: skip
    eventful = {("stepping_events",), ("jump_large", "QUEUED"), ("leaping", "EVENTS"), ("taylor", "EVENTS")}
    assert len(loops) == 7
    assert set(asked) == {
        *((name,) for name in sd.METHODS),
        *loops,
        *steps,
        *((name,) for name in single),
        *eventful,
        ("stepping_events", "DELAYS"),
        ("consistent",),
    }
    assert len(asked) == len(set(asked)) + len(adaptive)  # the drivers and the steps of these have one name here
    asked.clear()
    run("cache", "warm", "tsit5", "events")
    assert set(asked) == {("tsit5",), ("loop", "events"), *((name,) for name in adaptive), *eventful}
    asked.clear()
    monkeypatch.setattr(
        "symdyn.io.warming.ProcessPoolExecutor", lambda *a, **k: contextlib.nullcontext(SimpleNamespace(map=map))
    )
    run("cache", "warm", "tsit5", "--processes", "2")
    assert asked == [("tsit5",)]
    asked.clear()
    shown = run("cache", "warm", "--list").stdout
    assert not asked
    assert "events: models with events, doses or inputs" in shown
    assert ", tsit5" in shown
    wrong = run("cache", "warm", "event")
    assert wrong.exit_code == 2
    assert "'event' is not known. Did you mean 'events'? --list shows the names" in " ".join(
        wrong.stderr.replace("│", " ").split()
    )


def test_version():
    assert run("--version").stdout == f"{sd.__version__}\n"


def test_help_needs_nothing_heavy():
    program = (
        "import sys, symdyn.cli; "
        "print([m for m in ('numba', 'xarray', 'pandas', 'scipy', 'jax', 'matplotlib') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


def test_a_text_is_simulated_without_the_readers_of_other_formats(here):
    (here / "decay.txt").write_text("x' = -x\nx(0) = 1\n")
    program = (
        "import atexit, sys; from symdyn.cli import app; sys.argv[1:] = ['simulate', 'decay.txt', '--times', '0:1:2']\n"
        "atexit.register(lambda: print([m for m in ('scipy.stats', 'libsbml', 'yaml', 'numba') if m in sys.modules]))\n"
        "app()"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_network_stops_at_a_condition(here):
    (here / "net.txt").write_text("X -> 0, k; k = 1; X(0) = 5\n")
    done = run("simulate", "net.txt", "--times", "0:100:3", "--seed", "1", "--until", "X <= 2", "--quiet")
    assert done.exit_code == 0
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    last = dict(zip(rows[0], rows[-1], strict=True))
    assert float(last["X"]) == 2
    assert 0 < float(last["first_passage"]) < 100
