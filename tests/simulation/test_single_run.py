"""Only where trajectories are asked for there is a dimension of them: in memory, on disk, of fields and of colonies."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

x, a = sp.symbols("x a")
DECAY = sd.ODESystem({x: -a * x}, {a: 1.0}, initial={x: 1.0}, observables={"double": 2 * x})
DEATH = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 30")
TIMES = [0.0, 0.5, 1.0]


def test_a_single_run_is_read_and_plotted_as_it_is():
    data = sd.simulate(DECAY, TIMES, rtol=1e-10, progress=False)
    assert data.x.dims == data["double"].dims == ("time",)
    assert float(data.x.sel(time=1)) == pytest.approx(np.exp(-1), rel=1e-8)
    assert data.status.dims == data.steps.dims == ()
    assert data.x.to_pandas().index.tolist() == TIMES
    assert data.to_dataframe().shape[0] == 3
    assert "trajectory" not in data.dims


@pytest.mark.parametrize(
    "system",
    [
        DECAY,
        DEATH,
        sd.SDESystem({x: -a * x}, {x: 0.1}, {a: 1.0}, initial={x: 1.0}),
        sd.DiscreteSystem({x: a * x}, {a: 0.5}, initial={x: 1.0}),
        sd.BranchingSystem([x], [[a]], [[0]], {a: 0.5}, initial={x: 3}),
    ],
    ids=lambda s: s.kind,
)
def test_the_axis_is_there_where_trajectories_are_asked_for(system):
    options = {"seed": 1, "progress": False}
    alone = sd.simulate(system, [0, 1, 2], **options)
    one, three = (sd.simulate(system, [0, 1, 2], trajectories=n, **options) for n in (1, 3))
    name = system.names[0]
    assert (alone[name].dims, one[name].dims) == (("time",), ("trajectory", "time"))
    assert (one.sizes["trajectory"], three.sizes["trajectory"]) == (1, 3)
    assert alone[name].values.tobytes() == one[name].values.tobytes() == three[name][0].values.tobytes()
    swept = sd.simulate(system, [0, 1, 2], initial={name: [2, 3]}, **options)
    assert (swept[name].dims, swept.status.dims) == ((f"{name}0", "time"), (f"{name}0",))
    values = xr.DataArray([2.0, 3.0], dims="trajectory")
    assert sd.simulate(system, [0, 1, 2], initial={name: values}, **options)[name].dims == ("trajectory", "time")


def test_passages_and_statistics_of_a_single_run():
    data = sd.simulate(DEATH, TIMES, seed=1, until="X <= 29", progress=False)
    assert data.first_passage.dims == ()
    assert 0 < float(data.first_passage) < 1
    reduced = sd.simulate(DEATH, TIMES, seed=1, reduce=["mean", "min", "quantile", "histogram"], progress=False)
    run = sd.simulate(DEATH, TIMES, seed=1, progress=False)
    assert (reduced.X_mean.dims, reduced.X_quantile.dims, reduced.status.dims) == (("time",), ("time", "quantile"), ())
    np.testing.assert_array_equal(reduced.X_mean, run.X)
    np.testing.assert_array_equal(reduced.X_min, run.X)
    swept = sd.simulate(DEATH, TIMES, parameters={"k": np.linspace(1, 2, 1500)}, seed=1, reduce=["max"], progress=False)
    assert (swept.X_max.dims, swept.status.dims) == (("k", "time"), ("k",))


@pytest.mark.parametrize("name", ["run.zarr", "run.nc"])
@pytest.mark.parametrize("sweep", [{}, {"k": [1.0, 2.0, 3.0]}])
@pytest.mark.parametrize("reduce", [None, ["mean", "max"]])
def test_the_axis_is_missing_on_disk_too(tmp_path, name, sweep, reduce):
    pytest.importorskip("zarr")
    pytest.importorskip("dask")
    options = {"parameters": sweep, "reduce": reduce, "seed": 2, "progress": False}
    expected = sd.simulate(DEATH, TIMES, **options)
    stored = sd.simulate(DEATH, TIMES, store=tmp_path / name, layout=sd.Layout(chunk=2), **options)
    xr.testing.assert_identical(stored.load(), expected)
    read = xr.open_zarr if name.endswith("zarr") else xr.open_dataset
    with read(tmp_path / name) as stranger:
        assert "trajectory" not in stranger.dims
        xr.testing.assert_equal(stranger.load(), expected)
    xr.testing.assert_identical(sd.simulate(DEATH, TIMES, store=tmp_path / name, **options).load(), expected)


def test_a_failure_names_the_run_and_its_dataset_has_no_axis():
    explosion = sd.ODESystem({x: a * x**2}, {a: 1.0}, initial={x: 1.0})
    with pytest.raises(
        sd.SimulationError, match=r"^the trajectory with x\(0\) = 1, a = 1 failed: .*last output is at t = 0\.5"
    ) as caught:
        sd.simulate(explosion, [0.0, 0.5, 1.5], progress=False)
    data = caught.value.dataset
    assert data.x.dims == ("time",)
    assert float(data.x[1]) == pytest.approx(2.0, rel=1e-4)
    assert np.isnan(data.x[2])
    assert data.status != 0


def test_fields_and_colonies_have_no_axis_either():
    u = sp.Symbol("u")
    heat = sd.PDESystem({u: a * sd.laplacian(u)}, (0, 1), parameters={a: 0.1}, initial={u: 1})
    field = sd.simulate(heat, TIMES, grid=4, progress=False)
    assert (field.u.dims, field.status.dims) == (("time", "x"), ())
    assert sd.simulate(heat, TIMES, grid=4, trajectories=1, progress=False).u.dims == ("trajectory", "time", "x")
    relaxing = sd.ODESystem({x: 1 - x}, initial={x: 0})
    colony = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.1, centers=[(0, 0)], kinetics=relaxing, secreted="x", influx=0.8, efflux=0.2,
        parameters={"D": 1, "tau": 0.5},
    ).full(mesh=0, keep_bulk=True)  # fmt: skip
    cells = sd.simulate(colony, [0, 0.1], initial={"U": 0}, step=0.05, progress=False)
    assert (cells.x_1.dims, cells.U_field.dims, cells.status.dims) == (("time",), ("time", "node"), ())
    swept = sd.simulate(colony, [0, 0.1], initial={"U": 0}, parameters={"D": [1, 2]}, step=0.05, progress=False)
    assert swept.x_1.dims == ("D", "time")
