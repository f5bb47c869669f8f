"""Fields and colonies are planned, stored, resumed, reduced and stopped as every other system is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.models import zoo
from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.stored import Stored

pytest.importorskip("zarr")
pytest.importorskip("dask")

SPOT = "exp(-40*((x - 0.5)**2 + (y - 0.5)**2))"
SPOTS = zoo.gray_scott(sd.Rectangle(1, 1)).with_initial(u=f"1 - {SPOT}/2", v=f"{SPOT}/4")
CELL = sd.BulkCellSystem(
    domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2,
    parameters={"tau": 0.55},
)  # fmt: skip


def spots(**options):
    options = {"grid": (12, 16), "parameters": {"F": [0.02, 0.04], "k": [0.055, 0.06, 0.065]}, "progress": False} | options
    return sd.simulate(SPOTS, [0.0, 20.0, 50.0], **options)


def colonies(**options):
    options = {
        "initial": {"v_1": 1.0, "w_1": 1.0, "U": "steady"},
        "parameters": {"D": [0.5, 1.0, 2.0]},
        "progress": False,
    } | options
    return sd.simulate(CELL.full(mesh=0, keep_bulk=[2.0]), [0.0, 1.0, 2.0], **options)


RUNS = {"fields": spots, "colonies": colonies}


@pytest.fixture(scope="module", params=RUNS)
def case(request):
    """A sweep, and its result in memory."""
    return RUNS[request.param], RUNS[request.param]()


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_variables_have_the_sweep_then_time_then_positions(case):
    _, data = case
    if "u" in data:
        assert data.u.dims == ("F", "k", "time", "x", "y")
        assert data.u.shape == (2, 3, 3, 12, 16)
    else:
        assert data.U_field.dims == ("D", "bulk_time", "node")
        assert data.v_1.dims == ("D", "time")
        # the mean that is recorded at all times is that of the field that is recorded at one
        weights = CELL.full(mesh=0).elements.integral
        mean = (data.U_field.values @ weights / weights.sum()).ravel()
        np.testing.assert_allclose(mean, data.U.sel(time=2).values, rtol=1e-12)
    assert (data.status == 0).all()


@pytest.mark.parametrize("name", ["run.zarr", "run.nc"])
def test_a_store_holds_what_is_returned_without_it(case, tmp_path, name):
    run, expected = case
    for chunk in (None, 2):
        path = tmp_path / str(chunk) / name
        xr.testing.assert_identical(run(store=path, layout=sd.Layout(chunk=chunk)).load(), expected)
        xr.testing.assert_identical(run(store=path).load(), expected)  # nothing is left to do


def test_long_frames_are_stored_in_pieces_of_time(tmp_path, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.frames.PIECE_BYTES", 2 * 8 * 12 * 16)
    xr.testing.assert_identical(spots(store=tmp_path / "run").load(), spots())
    assert {p.name for p in (tmp_path / "run" / "u").iterdir() if p.name.startswith("c.0.0")} == {"c.0.0.0.0.0", "c.0.0.1.0.0"}


def test_threads_and_chunks_change_no_bit(case):
    run, expected = case
    for layout in (sd.Layout(threads=1), sd.Layout(threads=3, chunk=1), sd.Layout(threads=2, chunk=4)):
        xr.testing.assert_identical(run(layout=layout), expected)


def test_a_cluster_gives_the_bits_of_this_process(case, client, tmp_path, monkeypatch):
    run, expected = case
    xr.testing.assert_identical(run(executor=client), expected)
    monkeypatch.setattr(ChunkStore, "write", lambda *_: pytest.fail("written by this process"))
    xr.testing.assert_identical(run(executor=client, store=tmp_path / "run").load(), expected)


SCRIPT = """
import os, signal, sys
from symdyn import files
from tests.simulation.test_fields import RUNS, sd

whole, count = files.put, int(sys.argv[3])

def put(path, data):
    global count
    whole(path, data)
    if path.suffix == ".npz":
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)

files.put = put
RUNS[sys.argv[1]](store=sys.argv[2], layout=sd.Layout(chunk=1))
"""


@pytest.mark.parametrize("kind", RUNS)
def test_a_sweep_that_is_killed_is_resumed_by_a_cluster_with_the_same_bits(kind, client, tmp_path):
    path = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, os.getcwd()]))}
    command = [sys.executable, "-c", SCRIPT, kind, str(path), "2"]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    parts = sorted((path / ".symdyn" / "parts").iterdir())
    assert len(parts) == 2
    before = [p.stat().st_mtime_ns for p in parts]
    xr.testing.assert_identical(RUNS[kind](store=path, executor=client).load(), RUNS[kind]())
    assert [p.stat().st_mtime_ns for p in parts] == before  # what was done is not done again


def test_another_start_is_refused_and_named(tmp_path):
    spots(store=tmp_path / "run")
    with pytest.raises(sd.SymdynError, match=r"initial u is '1' and was '1 - exp"):
        spots(store=tmp_path / "run", initial={"u": "1"})


def test_fields_are_reduced_over_trajectories_on_the_way():
    heat = sd.PDESystem.from_text("u' = -a*u", domain=(0, 1), initial={"u": "1 + x"})
    rates = xr.DataArray(np.linspace(0.5, 1.5, 9), dims="trajectory")
    kept = sd.simulate(heat, [0, 1], grid=3, parameters={"a": rates}, rtol=1e-9, progress=False)
    found = sd.simulate(
        heat,
        [0, 1],
        grid=3,
        parameters={"a": rates},
        rtol=1e-9,
        progress=False,
        reduce={"mean": None, "std": None, "quantile": [0.5]},
    )
    assert found.u_mean.dims == ("time", "x")
    exact = np.exp(-rates.values[:, None]) * (1 + (np.arange(3) + 0.5) / 3)
    np.testing.assert_allclose(found.u_mean[1], exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(found.u_std[1], exact.std(axis=0, ddof=1), rtol=1e-7)
    np.testing.assert_allclose(found.u_quantile[1, :, 0], exact[4], rtol=1e-7)
    assert kept.u.dims == ("trajectory", "time", "x")


def test_an_interrupt_keeps_what_is_done(monkeypatch, tmp_path):
    done, take = [], Stored.take

    def interrupted(self, index, chunk):
        take(self, index, chunk)
        done.append(index)
        if len(done) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(Stored, "take", interrupted)
        part = spots(store=tmp_path / "run", layout=sd.Layout(chunk=1)).load()
    assert "interrupted: 4 of 6 trajectories are incomplete" in str(caught[-1].message)
    assert (part.status.values.ravel() == 0).sum() == 2
    assert np.isfinite(part.u).all(dim=("time", "x", "y")).sum() == 2
    xr.testing.assert_identical(spots(store=tmp_path / "run").load(), spots())


@pytest.mark.parametrize("method", ["bs32", "tsit5", "imex", "etdrk4"])
def test_a_field_stops_where_its_mean_has_decayed(method):
    decay = sd.PDESystem.from_text("u' = D*laplacian(u) - a*u; D = 0.1", domain=(0, 1), initial={"u": "1 + cos(pi*x)"})
    times = np.linspace(0, 3, 7)
    data = sd.simulate(
        decay, times, grid=16, parameters={"a": [0.0, 0.5, 2.0]}, until="mean(u) <= 1/2", method=method, rtol=1e-8, atol=1e-10,
        progress=False,
    )  # fmt: skip
    expected = [np.inf, 2 * np.log(2), np.log(2) / 2]  # the wave has no mean, which decays with the rate a
    np.testing.assert_allclose(data.first_passage, expected, rtol=1e-6)
    after = data.u.isel(a=2, time=slice(1, None))  # it stays as it was
    assert (after == after.isel(time=0)).all()
    np.testing.assert_allclose(after.isel(time=0).mean(), 0.5, rtol=1e-6)
    assert (data.status == 0).all()


def test_a_condition_that_differs_from_point_to_point_is_refused():
    decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    with pytest.raises(sd.DeclarationError, match=r"u <= 1/2 differs from point to point; write it of mean\(\.\.\.\)"):
        sd.simulate(decay, [0, 1], grid=4, until="u <= 1/2")


def test_a_sweep_is_not_called_as_a_position():
    decay = sd.PDESystem.from_text("u' = -a*u; u(0) = 1", domain=(0, 1))
    with pytest.raises(sd.DeclarationError, match="'x' is a position of the fields; rename it"):
        sd.simulate(decay, [0, 1], grid=4, parameters={"a": xr.DataArray([1.0, 2.0], dims="x")})


def test_what_is_too_stiff_for_the_default_is_passed_on():
    heat = sd.PDESystem.from_text("u' = D*laplacian(u)", domain=(0, 1), initial={"u": "cos(pi*x)"})
    data = sd.simulate(heat, [0, 1], grid=200, parameters={"D": [0.001, 1.0]}, progress=False)
    assert data.attrs["stiff_trajectories"] == "1 passed on to imex"
    assert data.steps.values[1] < 1000
    h = 1 / 200
    rate = 4 / h**2 * np.sin(np.pi * h / 2) ** 2  # of the wave on these cells
    exact = np.exp(-rate * data.D.values)[:, None] * np.cos(np.pi * data.x.values)
    np.testing.assert_allclose(data.u.isel(time=1), exact, atol=1e-5)


@pytest.mark.parametrize("method", ["bs32", "tsit5", "imex", "etdrk4"])
def test_steps_of_fields_stop_at_jumps_in_time(method):
    """A pulse that lasts a hundredth of the time between outputs is not stepped over."""
    pulse = sd.PDESystem.from_text(
        "u' = 0.01*laplacian(u) + piecewise(100, t >= a and t < a + 0.01, 0)", domain=(0, 1), initial={"u": 0}
    )  # fmt: skip
    data = sd.simulate(
        pulse, [0.0, 1.0, 2.0], grid=8, parameters={"a": [0.3, 1.7]}, method=method, rtol=1e-8, atol=1e-10, progress=False
    )  # fmt: skip
    np.testing.assert_allclose(data.u.mean("x"), [[0, 1, 1], [0, 0, 1]], atol=1e-7)
