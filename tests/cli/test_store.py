"""Stores from a shell: results go there and nowhere else, and a store says how far it is."""

import pytest
import xarray as xr
from typer.testing import CliRunner

from symdyn.cli import ExitCode, app

pytest.importorskip("zarr")
pytest.importorskip("dask")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.txt").write_text("x' = -a*x; a = 2; x(0) = 3")
    return lambda *args: CliRunner().invoke(app, list(args), prog_name="symdyn")


SWEEP = ("simulate", "decay.txt", "--times", "0:1:3", "--set", "a=0:9:40", "--store", "run.zarr")


def test_a_sweep_goes_to_a_store(run):
    done = run(*SWEEP)
    assert (done.exit_code, done.output) == (ExitCode.SUCCESS, "")
    with xr.open_zarr("run.zarr") as data:
        assert data.sizes == {"a": 40, "time": 3}
    assert run("store", "run.zarr").output == "run.zarr: 2 of 2 chunks complete, 40 of 40 trajectories\n"
    assert run("replay", "run.zarr").output.startswith("the same bits: x (120), status (40)")
    assert run(*SWEEP, "--out", "run.csv").exit_code == ExitCode.SUCCESS  # what is there is also written


def test_a_store_that_exists_or_holds_something_else_is_refused(run):
    run(*SWEEP)
    refused = run(*SWEEP, "--no-resume")
    assert refused.exit_code == ExitCode.INPUT
    assert "the store run.zarr exists; resume=True resumes it" in refused.output
    other = run(*SWEEP, "--rtol", "1e-3")
    assert other.exit_code == ExitCode.INPUT
    assert "rtol is 0.001 and was 1e-06" in other.output


def test_a_file_is_not_written_over_the_store_that_it_is(run):
    refused = run(*SWEEP, "--store", "run.nc", "--out", "./run.nc")
    assert refused.exit_code == ExitCode.USAGE
    assert "this is the store" in refused.output


def test_what_is_no_store_is_named(run):
    missing = run("store", "run.zarr")
    assert (missing.exit_code, missing.output) == (
        ExitCode.INPUT, "symdyn: there is no store at run.zarr; 'symdyn simulate --store' makes one\n"
    )  # fmt: skip
    assert "is not a store of symdyn" in run("store", ".").output


def test_a_scheduler_that_does_not_answer_is_named(run, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("symdyn.simulation.cluster.PATIENCE", 0.2)
    done = run(*SWEEP, "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == ExitCode.INPUT
    assert "no scheduler answers at 'tcp://127.0.0.1:9'" in done.output
