"""Stores: what is in them, and that a run which goes on gives the bits of one that was never interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.models import zoo
from symdyn.simulation import chunk_store
from symdyn.simulation.chunk_store import ChunkStore

pytest.importorskip("zarr")
pytest.importorskip("dask")

TIMES = [0.0, 0.5, 2.0]
#: Births and deaths: from nothing, molecules are Poisson distributed with the mean k (1 - exp(-t)).
NETWORK = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d", parameters={"k": 10, "d": 1})
REDUCE = {"mean": None, "var": None, "min": None, "quantile": (0.1, 0.5), "histogram": 16}


def births(store=None, **options):
    options = {"initial": {"X": 0}, "parameters": {"k": [5, 10]}, "trajectories": 2500, "seed": 3, "progress": False} | options
    return sd.simulate(NETWORK, options.pop("times", TIMES), store=store, **options)


def parts(path):
    return sorted((Path(path) / ".symdyn" / "parts").glob("*.npz"))


@pytest.mark.parametrize("name", ["run.zarr", "run.nc"])
@pytest.mark.parametrize("reduce", [None, REDUCE])
def test_a_store_holds_what_is_returned_without_it(tmp_path, name, reduce):
    expected = births(reduce=reduce)
    for chunk in (None, 300):
        path = tmp_path / str(chunk) / name
        xr.testing.assert_identical(births(path, reduce=reduce, layout=sd.Layout(chunk=chunk)).load(), expected)
        read = xr.open_zarr if name.endswith("zarr") else xr.open_dataset
        with read(path) as stranger:
            xr.testing.assert_identical(stranger.load().drop_attrs(), expected.drop_attrs())
            assert stranger.attrs.items() >= expected.attrs.items()
        again = births(path, reduce=reduce).load()  # nothing is left to do
        xr.testing.assert_identical(again, expected)
    assert sorted(p.name for p in path.parent.iterdir()) == [name]


def test_the_result_is_read_when_it_is_needed(tmp_path):
    data = births(tmp_path / "run", layout=sd.Layout(chunk=500))
    assert data.X.chunks == ((1, 1), (500,) * 5, (3,))
    assert float(data.X.sel(k=10, time=2).mean()) == pytest.approx(10 * (1 - np.exp(-2)), abs=4 * np.sqrt(10 / 2500))


def test_results_larger_than_the_memory_may_go_to_a_store(tmp_path, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.gather._physical_memory", lambda: 100_000)
    with pytest.raises(sd.DeclarationError, match=r"would take 0\.0 GB .* stream them to a folder with store="):
        births()
    assert births(tmp_path / "run").sizes["trajectory"] == 2500


def test_statuses_observables_and_passage_are_stored(tmp_path):
    options = dict(initial={"X": 5}, trajectories=40, seed=1, until="X <= 0", progress=False)
    net = sd.ReactionNetwork.from_text("X -> 0, 1", observables={"twice": 2 * sp.Symbol("X")})
    expected = sd.simulate(net, TIMES, **options)
    data = sd.simulate(net, TIMES, store=tmp_path / "run", layout=sd.Layout(chunk=16), **options)
    xr.testing.assert_identical(data.load(), expected)
    assert {"twice", "status", "first_passage"} <= set(data.data_vars)


def test_labels_of_text_and_sweeps_of_several_dimensions(tmp_path):
    k = xr.DataArray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dims=["cell", "kind"], coords={"kind": ["wild", "mutant"]})
    options = dict(parameters={"k": k, "d": [0.5, 1.0]}, trajectories=7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = births(tmp_path / "run", layout=sd.Layout(chunk=20), **options)
    assert data.sizes == {"cell": 3, "kind": 2, "d": 2, "trajectory": 7, "time": 3}
    assert data.X.chunks[:3] == ((1, 1, 1), (1, 1), (2,))
    xr.testing.assert_identical(data.load(), births(**options))


def test_failures_are_in_the_store_and_reported_as_without_it(tmp_path):
    system = sd.ODESystem.from_text("x' = x^2")  # infinite at t = 1/x(0)
    options = dict(initial={"x": xr.DataArray(np.linspace(0.1, 2, 60), dims="trajectory")}, progress=False)
    with pytest.raises(sd.SimulationError) as plain:
        sd.simulate(system, [0, 1], **options)
    for _ in range(2):
        with pytest.raises(sd.SimulationError) as stored:
            sd.simulate(system, [0, 1], store=tmp_path / "run", layout=sd.Layout(chunk=16), **options)
        assert str(stored.value) == str(plain.value)
        xr.testing.assert_identical(stored.value.dataset.load(), plain.value.dataset)


def test_stiff_trajectories_are_counted_over_all_chunks(tmp_path):
    stiff = sd.ODESystem.from_text("x' = -k*(x - cos(t)); k = 1")
    options = dict(initial={"x": 0.0}, parameters={"k": [1.0, 1e6, 1e7]}, progress=False)
    expected = sd.simulate(stiff, [0, 1, 20], **options)
    assert expected.attrs["stiff_trajectories"] == "2 passed on to rodas5p"
    xr.testing.assert_identical(
        sd.simulate(stiff, [0, 1, 20], store=tmp_path / "run", layout=sd.Layout(chunk=1), **options).load(), expected
    )


# ---- going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", [None, REDUCE])
def test_missing_and_damaged_chunks_are_done_again(tmp_path, reduce, caplog):
    expected = births(reduce=reduce)
    path = tmp_path / "run"
    births(path, reduce=reduce, layout=sd.Layout(chunk=500))
    lost, torn, *rest = parts(path)
    lost.unlink()
    torn.write_bytes(torn.read_bytes()[:-20])
    if reduce is None:
        chunk = path / "X" / "c.1.1.0"
        chunk.write_bytes(chunk.read_bytes()[:7])  # as a write that was not finished
        damaged = path / "steps" / "c.1.2"
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    times = {p: p.stat().st_mtime_ns for p in rest}
    xr.testing.assert_identical(births(path, reduce=reduce).load(), expected)
    redone = [p for p, before in times.items() if p.stat().st_mtime_ns != before]
    assert len(redone) == (2 if reduce is None else 0)
    assert "is damaged" in caplog.text
    assert str(ChunkStore.find(path)).startswith(f"{path}: 0 of ")  # nobody has looked yet


def test_a_store_that_is_not_complete_says_so_to_strangers(tmp_path):
    path = tmp_path / "run"
    stop_after(3, path)
    with xr.open_zarr(path) as data:
        assert data.status.values.ravel().tolist() == [0] * 1500 + [5] * 3500  # five chunks of 500 at each of two points
        assert int(np.isfinite(data.X).sum()) == 1500 * 3
        assert data.X.attrs == births().X.attrs
    found = ChunkStore.find(path)
    found.look()
    assert str(found) == f"{path}: 3 of 10 chunks complete, 1500 of 5000 trajectories, seed 3"


def stop_after(count, path, **options):
    """Interrupt a run after so many chunks."""
    write, done = ChunkStore.write, []

    def interrupted(self, *args):
        if len(done) == count:
            raise KeyboardInterrupt
        write(self, *args)
        done.append(args[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChunkStore, "write", interrupted)
        with pytest.warns(UserWarning, match=r"interrupted: \d+ of \d+ trajectories .* the same call resumes"):
            return births(path, layout=sd.Layout(chunk=500), **options).load()


@pytest.mark.parametrize(("name", "reduce"), [("run", None), ("run", REDUCE), ("run.nc", None)])
def test_an_interrupt_keeps_what_is_done(tmp_path, name, reduce):
    options = dict(reduce=reduce, trajectories=5000)
    path = tmp_path / name
    expected = births(**options)
    partial = stop_after(3, path, **options)
    done = partial.status == 0
    assert 0 < int(done.sum()) < 10_000
    assert (partial.steps == expected.steps).where(done, True).all()
    xr.testing.assert_identical(births(path, **options).load(), expected)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_chunk_whose_files_are_not_all_there_is_not_a_success(tmp_path, monkeypatch):
    expected, put = births(), chunk_store.put
    options = dict(layout=sd.Layout(chunk=5000))
    for count in range(6):  # X, steps, rejected, evaluations, status, and the attributes of the whole
        written = []

        def interrupted(path, data, count=count, written=written):
            if not path.name.endswith("zarr.json"):
                if len(written) == count:
                    raise KeyboardInterrupt
                written.append(path.parent.name)
            put(path, data)

        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            patch.setattr(chunk_store, "put", interrupted)
            found = births(tmp_path / str(count), **options).load()
        done = found.status == 0
        for name in expected.data_vars:
            assert (found[name] == expected[name]).where(done, True).all(), (count, name)
    assert "status" in written


def test_two_processes_may_finish_a_file_at_once(tmp_path, monkeypatch):
    path, write, expected = tmp_path / "run.nc", xr.Dataset.to_netcdf, births()

    def last(data, *args, **options):
        monkeypatch.setattr(xr.Dataset, "to_netcdf", write)
        births(path)  # another process is first, and takes away what this one is about to read
        return write(data, *args, **options)

    monkeypatch.setattr(xr.Dataset, "to_netcdf", last)
    for _ in range(2):
        xr.testing.assert_identical(births(path).load(), expected)
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_who_is_interrupted_does_not_undo_the_statistics_of_others(tmp_path, monkeypatch):
    path, write = tmp_path / "run", ChunkStore.write

    def interrupted(*args):
        monkeypatch.setattr(ChunkStore, "write", write)
        births(path, reduce=REDUCE)  # another process does everything
        raise KeyboardInterrupt

    monkeypatch.setattr(ChunkStore, "write", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        births(path, reduce=REDUCE)
    with xr.open_zarr(path) as stranger:
        xr.testing.assert_equal(stranger.load(), births(reduce=REDUCE))


def test_a_cluster_that_nobody_named_is_not_asked_to_read(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "default_client", lambda: "of somebody")
    assert births(tmp_path / "run").X.chunks is None


def test_a_seed_that_was_drawn_is_kept(tmp_path):
    path = tmp_path / "run"
    stop_after(3, path, seed=None)
    seed = ChunkStore.find(path).seed
    data = births(path, seed=None).load()
    assert data.attrs["seed"] == seed
    xr.testing.assert_identical(data, births(seed=seed))


SCRIPT = """
import os, signal, sys
import symdyn as sd
from symdyn import files
from symdyn.simulation import chunk_store

count, kind = int(sys.argv[2]), sys.argv[3]
whole = files.put

def put(path, data):
    # the chunk that comes next is written in part: some files are there, one is torn, and the process is gone
    global count
    if path.suffix == ".npz":
        count -= 1
    elif count == 0 and path.name != "zarr.json":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    whole(path, data)

chunk_store.put = files.put = put
net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d", parameters={"k": 10, "d": 1})
sd.simulate(net, [0.0, 0.5, 2.0], initial={"X": 0}, parameters={"k": [5, 10]}, trajectories=2500, seed=3,
            layout=sd.Layout(chunk=500), store=sys.argv[1], progress=False,
            reduce=["mean", "var", "quantile"] if kind == "reduced" else None)
"""


def process(path, count, kind):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", SCRIPT, str(path), str(count), kind]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["whole", "reduced"])
def test_a_killed_process_loses_one_chunk(tmp_path, kind):
    path = tmp_path / "run"
    assert process(path, 2, kind).returncode == -signal.SIGKILL
    assert len(parts(path)) == 2
    if kind == "whole":  # go on, to be killed again
        again = process(path, 1, kind)
        assert again.returncode == -signal.SIGKILL, again.stderr
        assert len(parts(path)) == 3
    reduce = ["mean", "var", "quantile"] if kind == "reduced" else None
    xr.testing.assert_identical(births(path, reduce=reduce).load(), births(reduce=reduce))


def test_a_process_that_is_killed_before_the_first_chunk_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / ".run-0123.unfinished").mkdir()  # where stores are made before they are moved into place
    (tmp_path / "run").mkdir()  # empty
    xr.testing.assert_identical(births(tmp_path / "run").load(), births())


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, r"seed is 4 and was 3"),
        ({"parameters": {"k": [5, 11]}}, r"labels of k is 5\.0 \.\.\. 11\.0 \(2 values, .*parameter k is"),
        ({"parameters": {"k": 5}}, "dims is trajectory: 2500 and was k: 2, trajectory: 2500"),
        ({"parameters": {"k": [5, 10], "d": 2}}, r"parameter d is 2\.0 and was 1\.0"),
        ({"initial": {"X": 1}}, r"initial X is 1\.0 and was 0\.0"),
        ({"times": [0, 1, 2]}, r"times is 0\.0 \.\.\. 2\.0 .* and was 0\.0 \.\.\. 2\.0"),
        ({"method": "tau"}, "method is tau and was ssa"),
        ({"until": "X >= 9"}, "until is X >= 9 and was "),
        ({"reduce": ["mean"]}, "reduce is .'mean': None. and was "),
        ({"trajectories": 2501}, "dims is k: 2, trajectory: 2501 and was"),
        ({"method": sd.methods.Ssa(max_steps=10**6)}, "max_steps is 1000000 and was None"),
    ],
)
def test_another_request_is_refused_and_what_differs_is_named(begun, change, message):
    with pytest.raises(sd.SymdynError, match=rf"was begun with something else: .*{message}.*Ask for the same, or name another"):
        births(begun, **change)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "run"
    births(path, layout=sd.Layout(chunk=1000))
    return path


def test_other_software_is_refused(begun, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.request.software", lambda *packages: {"numba": "0.1"})
    with pytest.raises(sd.SymdynError, match=r"numba is 0\.1 and was \d"):
        births(begun)


def test_a_store_that_exists_is_refused_if_nothing_is_to_be_resumed(begun):
    before = {p: p.stat().st_mtime_ns for p in begun.rglob("*")}
    with pytest.raises(sd.SymdynError, match="exists; resume=True resumes it, and to begin again remove it"):
        births(sd.Store(begun, resume=False))
    assert {p: p.stat().st_mtime_ns for p in begun.rglob("*")} == before


@pytest.mark.parametrize("name", ["run", "run.nc"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_store_is_not_touched(tmp_path, name, kind):
    path = tmp_path / name
    there = path / "mine.txt" if kind == "folder" else path
    there.parent.mkdir(exist_ok=True)
    there.write_text("mine")
    with pytest.raises(sd.SymdynError, match="is not a store of symdyn; name a path where there is nothing"):
        births(path)
    assert there.read_text() == "mine"


def test_a_manifest_that_cannot_be_read_is_named(begun, tmp_path):
    shutil.copytree(begun, tmp_path / "run")
    (tmp_path / "run" / ".symdyn" / "zarr.json").write_text("{")
    with pytest.raises(sd.SymdynError, match="has a manifest that cannot be read"):
        births(tmp_path / "run")


@pytest.mark.parametrize("store", [5, "", ".", "a\0b", "s3://bucket/run.zarr"])
def test_what_is_no_path_is_named(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sd.DeclarationError, match=r"store is .*; expected the path of a folder, or of a file with"):
        births(store)
    with pytest.raises(sd.DeclarationError, match=r"store is .*; expected the path of a folder$"):
        sd.studies.closure_validity(zoo.dimerisation(), [5], store=store, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "run", tmp_path / ("n" * 250)):
        with pytest.raises(sd.SymdynError, match=r"the store .* cannot be made: \w"):
            births(path)
    with pytest.raises(sd.SymdynError, match="cannot be looked at"):
        births(tmp_path / ("n" * 300))


def test_a_store_that_claims_a_thousand_million_chunks_is_looked_at_where_there_are_some(tmp_path, monkeypatch):
    births(tmp_path / "run")
    (manifest,) = (p for p in (tmp_path / "run").rglob("zarr.json") if b'"request"' in p.read_bytes())
    there = len(parts(tmp_path / "run"))
    known = json.loads(manifest.read_text())
    known["attributes"]["grid"]["shape"] = [1, 2**31]
    manifest.write_text(json.dumps(known))
    looked = []
    monkeypatch.setattr(ChunkStore, "_outcome", lambda self, index: looked.append(index))
    ChunkStore.find(tmp_path / "run").look()
    assert len(looked) == there


def test_a_store_may_lie_in_the_home_folder_and_behind_a_link(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "scratch")
    births("~/link")
    assert ChunkStore.find(tmp_path / "scratch") is not None


def test_nothing_is_begun_that_no_card_can_do(tmp_path, monkeypatch):
    pytest.importorskip("numba_cuda")
    monkeypatch.setattr("symdyn.codegen.cuda.toolchain.card", lambda: None)
    decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    for options, message in (
        ({}, "no CUDA card is found"),
        ({"layout": sd.Layout(precision="float32"), "rtol": 1e-9}, "seven digits"),
    ):
        with pytest.raises(sd.SymdynError, match=message):
            sd.simulate(decay, TIMES, target="cuda", store=tmp_path / "run", **options)
    assert not list(tmp_path.iterdir())


def test_the_store_of_a_simulation_is_not_one_of_a_study(begun):
    with pytest.raises(sd.SymdynError, match="holds a dataset; name another folder"):
        sd.studies.closure_validity(zoo.dimerisation(), [5], store=begun, progress=False)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(sd.SymdynError, match=r'this needs zarr, .*: pip install "symdyn-modeling\[distributed\]"'):
        births(tmp_path / "run")
    assert not list(tmp_path.iterdir())
