"""Simulation from the shell: formats, and silence in pipes; in this process and as real commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
import symdyn.discover.recover
import symdyn.simulation.run
from symdyn.cli import ExitCode
from symdyn.io.datasets import read_dataset
from symdyn.io.tables import read_table
from tests.cli.commands import DECAY, ROOT, command, python, run


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
    for given in (("simulate", "decay.txt", "--times", "0:1:3"), ("run", "run.toml")):
        if given[0] == "run":
            run("simulate", "decay.txt", "--times", "0:1:3", "--out", "a.nc", "--record", "run.toml")
        found = run(*given, "--figure", "run.svg", "-q")
        assert (found.exit_code, found.stdout) == (ExitCode.SUCCESS, "")
        assert "<svg" in (here / "run.svg").read_text()
        assert run(*given, "--figure", "run.svg", "--out", "run.csv", "-q").stdout == ""
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


@pytest.mark.parametrize("out", [[], ["--out", "run.nc"]], ids=["text", "file"])
def test_a_text_is_simulated_without_packages_that_others_need(here, out):
    (here / "decay.txt").write_text("x' = -x\nx(0) = 1\n")
    program = (
        "import atexit, sys; from symdyn.cli import app\n"
        "others = {'scipy', 'libsbml', 'yaml', 'numba', 'dask', 'distributed'}\n"
        "atexit.register(lambda: print(sorted(others & set(sys.modules))))\n"
        "app()"
    )
    done = python("-c", program, "simulate", "decay.txt", "--times", "0:1:2", *out, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_network_stops_at_a_condition(here):
    (here / "net.txt").write_text("X -> 0, k; k = 1; X(0) = 5\n")
    done = run("simulate", "net.txt", "--times", "0:100:3", "--seed", "1", "--until", "X <= 2", "--quiet")
    assert done.exit_code == 0
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    last = dict(zip(rows[0], rows[-1], strict=True))
    assert float(last["X"]) == 2
    assert 0 < float(last["first_passage"]) < 100
