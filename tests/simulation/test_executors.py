"""Runs on a real cluster of two processes: the bits of a run in this process, whatever is lost on the way."""

import asyncio
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from typer.testing import CliRunner

import symdyn as sd
from symdyn.cli import app
from symdyn.models import zoo
from symdyn.simulation.chunk_store import ChunkStore
from symdyn.simulation.cluster import Cluster, connect
from symdyn.simulation.executors import Executor

distributed = pytest.importorskip("distributed")
pytest.importorskip("zarr")
cluster_sweep = importlib.import_module("examples.cluster_sweep")

REDUCE = {"mean": None, "var": None, "std": None, "min": None, "max": None, "quantile": (0.1, 0.5), "histogram": 32}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def toggle(**options):
    """A switch that molecules of two kinds throw, from several points of a sweep."""
    net = sd.ReactionNetwork.from_text(
        "0 -> A, a/(1 + B^2); 0 -> B, b/(1 + A^2); A -> 0, 1; B -> 0, 1", parameters={"a": 20, "b": 20}
    )
    options = {"initial": {"A": 3, "B": 3}, "parameters": {"a": [10, 20]}, "trajectories": 2500, "seed": 11} | options
    return sd.simulate(net, [0.0, 1.0, 4.0], progress=False, **options)


@pytest.mark.parametrize("reduce", [None, REDUCE])
@pytest.mark.parametrize("layout", [{}, {"chunk": 70}, {"chunk": 2000, "threads": 2, "lanes": 8}])
def test_the_bits_are_those_of_this_process(client, reduce, layout):
    xr.testing.assert_identical(toggle(executor=client, reduce=reduce, layout=sd.Layout(**layout)), toggle(reduce=reduce))


def test_workers_write_to_the_store_that_they_see(client, tmp_path, monkeypatch):
    expected, reduced = toggle(), toggle(reduce=REDUCE)
    monkeypatch.setattr(ChunkStore, "write", lambda *_: pytest.fail("written by this process"))
    xr.testing.assert_identical(toggle(executor=client, store=tmp_path / "a", layout=sd.Layout(chunk=700)).load(), expected)
    xr.testing.assert_identical(toggle(executor=client, store=tmp_path / "b", reduce=REDUCE).load(), reduced)


def test_this_process_writes_where_workers_do_not_see_the_store(client, tmp_path, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.stored.Stored.address", property(lambda self: ("/nowhere", "?"), lambda *_: None))
    data = toggle(executor=client, store=tmp_path / "run", layout=sd.Layout(chunk=700))
    assert data.chunks == {}  # nor may they read it: missing files would be NaN to them
    xr.testing.assert_identical(data.load(), toggle())


def test_a_run_begun_here_is_gone_on_with_elsewhere(client, tmp_path):
    path = tmp_path / "run"
    toggle(store=path, layout=sd.Layout(chunk=400))
    for part in sorted((path / ".symdyn" / "parts").iterdir())[1::2]:
        part.unlink()
    xr.testing.assert_identical(toggle(store=path, executor=client).load(), toggle())


class Backwards(Executor):
    """Does everything here, the last first."""

    slots = 4

    def run(self, function, tasks, common=()):
        for i in reversed(range(len(tasks))):
            yield i, function(*common, *tasks[i])


@pytest.mark.parametrize("reduce", [None, REDUCE])
def test_the_order_of_completion_does_not_matter(reduce, tmp_path):
    expected = toggle(reduce=reduce)
    xr.testing.assert_identical(toggle(executor=Backwards(), reduce=reduce), expected)
    xr.testing.assert_identical(toggle(executor=Backwards(), reduce=reduce, store=tmp_path / "run").load(), expected)


class Counted(Executor):
    """Does everything here, and records the number of tasks."""

    slots = 2

    def run(self, function, tasks, common=()):
        self.tasks = len(tasks)
        return ((i, function(*common, *task)) for i, task in enumerate(tasks))


@pytest.mark.parametrize("reduce", [None, REDUCE])
def test_very_many_chunks_are_bundled(client, reduce, tmp_path, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.work.TASKS", 2)
    monkeypatch.setattr("symdyn.simulation.work.LEAST_TASKS", 3)
    counted, options = Counted(), {"reduce": reduce, "layout": sd.Layout(chunk=200)}
    expected = toggle(reduce=reduce)
    xr.testing.assert_identical(toggle(executor=counted, **options), expected)
    chunks = 26 if reduce is None else 6  # of 200 trajectories at each of two points, or of a block of 1024
    assert counted.tasks == -(-chunks // -(-chunks // 4))  # two for each of the two slots
    xr.testing.assert_identical(toggle(executor=client, store=tmp_path / "run", **options).load(), expected)


def test_a_bundle_takes_no_more_memory_than_a_chunk_may(monkeypatch):
    monkeypatch.setattr("symdyn.simulation.work.LEAST_TASKS", 1)
    monkeypatch.setattr("symdyn.simulation.work.TASKS", 0)
    counted = Counted()
    monkeypatch.setattr("symdyn.simulation.work.CHUNK_BYTES", 2 * 100 * 3 * 2 * 8)  # two chunks: trajectories, times, states
    toggle(executor=counted, layout=sd.Layout(chunk=100))
    assert counted.tasks == 25  # of 50 chunks


def test_failures_are_reported_as_in_this_process(client):
    system = sd.ODESystem.from_text("x' = x^2")  # infinite at t = 1/x(0)
    start = xr.DataArray(np.linspace(0.1, 2, 60), dims="trajectory")  # from the 29th on it is 1 or more
    errors = []
    for executor in (None, client):
        with pytest.raises(sd.SimulationError, match="32 of 60") as error:
            sd.simulate(system, [0, 1], initial={"x": start}, executor=executor, layout=sd.Layout(chunk=16), progress=False)
        errors.append(error.value)
    assert str(errors[0]) == str(errors[1])
    xr.testing.assert_identical(errors[0].dataset, errors[1].dataset)


# ---- what is lost --------------------------------------------------------------------------------


def long(**options):
    """Some tenths of a second of births and deaths."""
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, 1", parameters={"k": 10})
    options = {"initial": {"X": 0}, "trajectories": 2048, "seed": 7, "layout": sd.Layout(chunk=64), "progress": False} | options
    return sd.simulate(net, np.linspace(0, 1000, 3), **options)


class Watched(Cluster):
    """Calls a function after one of the answers."""

    def __init__(self, client, after, last=3):
        super().__init__(client)
        self.after, self.last, self.answers = after, last, 0

    def run(self, *args):
        for answer in super().run(*args):
            self.answers += 1
            if self.answers == self.last:
                self.after()
            yield answer


@pytest.fixture
def losing(client):
    """The cluster, of which one worker is killed in mid-run."""
    client.wait_for_workers(2)
    before = set(client.run(os.getpid).values())
    yield Watched(client, lambda: os.kill(min(before), signal.SIGKILL))
    client.wait_for_workers(2)
    assert min(before) not in client.run(os.getpid).values()  # it was at work until it was killed


@pytest.mark.parametrize("stored", [True, False])
def test_a_killed_worker_costs_its_chunk_only(losing, tmp_path, stored):
    data = long(executor=losing, store=tmp_path / "run" if stored else None)
    assert losing.answers == 32
    xr.testing.assert_identical(data.load(), long())


def test_a_study_loses_a_worker(losing):
    options = dict(orders=[2], t_end=20, transitions=False, reference="none", progress=False)
    volumes, losing.last = [2, 3, 5, 8], 5
    found = sd.studies.closure_validity(zoo.dimerisation(), volumes, executor=losing, **options)
    assert losing.answers == 8  # what is known exactly (nothing), then the closure, at each volume
    assert found.identical(sd.studies.closure_validity(zoo.dimerisation(), volumes, workers=1, **options))


def test_an_interrupt_keeps_what_is_done(client, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=r"interrupted: \d+ of 2048 trajectories .* the same call resumes"):
        partial = long(executor=Watched(client, interrupt), store=tmp_path / "run")
    assert int((partial.status == 0).sum()) >= 2 * 64
    xr.testing.assert_identical(long(executor=client, store=tmp_path / "run").load(), long())


# ---- from a shell --------------------------------------------------------------------------------


def test_the_example_on_a_scheduler(client, tmp_path, monkeypatch, capsys):
    store = str(tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["sweep", "--scheduler", client.scheduler.address, "--store", store])
    for _ in range(2):  # the second finds everything done
        cluster_sweep.main()
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 4
        for line in lines:
            found, theory = map(float, re.search(r"([0-9.]+) stayed minor, in theory ([0-9.]+)", line).groups())
            assert found == pytest.approx(theory, abs=4 * np.sqrt(theory * (1 - theory) / 2000) + 1e-12)


def test_the_command_line_names_a_scheduler(client, tmp_path):
    model, store = tmp_path / "m.txt", tmp_path / "run"
    model.write_text("0 -> X, 10; X -> 0, 1; X(0) = 0")
    options = ["--times", "0:2:3", "--trajectories", "200", "--seed", "3", "--store", str(store)]
    done = CliRunner().invoke(app, ["simulate", str(model), *options, "--scheduler", client.scheduler.address])
    assert (done.exit_code, done.output) == (0, "")
    expected = sd.simulate(sd.ReactionNetwork.from_text(model.read_text()), [0, 1, 2], trajectories=200, seed=3)
    with xr.open_zarr(store) as data:
        xr.testing.assert_equal(data.load(), expected)


def test_what_the_main_program_defines_travels(client, monkeypatch):
    own = type("Own", (sd.ODESystem,), {"__module__": "__main__"})  # as in a notebook: workers cannot import it
    monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
    x = sp.Symbol("x")
    options = {"initial": {x: np.linspace(1, 2, 40)}, "progress": False}
    expected = sd.simulate(own({x: -x}), [0, 1], **options)
    xr.testing.assert_identical(sd.simulate(own({x: -x}), [0, 1], executor=client, **options), expected)


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        (4, "executor is a builtins.int; expected a distributed.Client or None. .*Client.n_workers=4"),
        ("tcp://host:8786", r"executor is a builtins.str; .*Client\(\"tcp://host:8786\"\) reaches a scheduler"),
    ],
)
def test_what_is_no_executor_is_named(executor, message):
    with pytest.raises(sd.DeclarationError, match=message):
        toggle(executor=executor)


def test_a_cluster_in_the_place_of_its_client_is_named(client):
    with pytest.raises(sd.DeclarationError, match=r"LocalCluster; .*pass the client of the cluster, its get_client\(\)"):
        toggle(executor=client.cluster)


def test_closed_and_asynchronous_clients_are_refused(client):
    other = distributed.Client(client.scheduler.address, set_as_default=False)
    other.close()
    with pytest.raises(sd.SymdynError, match="the client is closed, not running; make another"):
        toggle(executor=other)

    async def ask():
        async with distributed.Client(client.scheduler.address, asynchronous=True, set_as_default=False) as waiting:
            toggle(executor=waiting)

    with pytest.raises(sd.DeclarationError, match="the client is asynchronous"):
        asyncio.run(ask())


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("symdyn.simulation.cluster.PATIENCE", 0.2)
    with pytest.raises(sd.SymdynError, match=r"no scheduler answers at 'tcp://127.0.0.1:9' .*start one with 'dask scheduler'"):
        connect("tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["host", "tcp://host", "http://host:80"])
def test_what_is_no_address_is_named_before_there_is_a_client(address, monkeypatch):
    monkeypatch.setattr(distributed, "Client", None)
    with pytest.raises(sd.SymdynError, match=rf"no scheduler answers at '{address}' \((missing port|unknown address scheme)"):
        connect(address)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_scheduler_behind_tls_takes_who_has_a_certificate(tmp_path):
    ca, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subject = ["-subj", "/CN=localhost", "-nodes", "-days", "1"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, "-keyout", key, "-out", ca], check=True)
    files = {
        f"tls_{role}_{kind}": path for role in ("scheduler", "worker", "client") for kind, path in (("cert", ca), ("key", key))
    }
    security = distributed.Security(tls_ca_file=ca, require_encryption=True, **files)
    with distributed.LocalCluster(1, processes=False, security=security, dashboard_address=None, protocol="tls") as cluster:
        address = cluster.scheduler_address
        with connect(address, ca=ca, cert=ca, key=key) as client:
            assert toggle(executor=client).identical(toggle())
        for given, message in (
            ({}, "no scheduler answers"),
            ({"ca": ca, "cert": ca}, "TLS takes three files"),
        ):
            with pytest.raises(sd.SymdynError, match=message):
                connect(address, **given)
    with pytest.raises(sd.DeclarationError, match="with certificates it begins with tls://"):
        connect("tcp://127.0.0.1:9", ca=ca, cert=ca, key=key)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for attempt in (lambda: connect("tcp://127.0.0.1:9"), lambda: toggle(executor=4)):
        with pytest.raises(
            sd.SymdynError,
            match=r'this needs distributed, which .*: pip install "symdyn-modeling\[distributed\]"',
        ):
            attempt()


def test_workers_with_other_software_are_refused(client, monkeypatch):
    monkeypatch.setattr("symdyn.simulation.work.software", lambda: {"numba": "0.1"})
    with pytest.raises(sd.SymdynError, match=r"the worker on \S+ has other software .*numba is \d\S+ and was 0\.1"):
        toggle(executor=client)


def test_a_task_that_takes_every_worker_down_is_an_error(client):
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    with pytest.raises(sd.SymdynError, match=r"lost with one worker after another .*a smaller chunk, .*needs less"):
        list(Cluster(client).run(os._exit, [(3,)]))
