"""A trajectory of a field that is written while it is computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.errors import DeclarationError, SimulationError, SymdynError
from symdyn.simulation import streamed
from symdyn.simulation.chunk_store import ChunkStore

u, v, S, x, y, t, k = sp.symbols("u v S x y t k")
TIMES = np.linspace(0, 1, 12)


def square():
    given = dict(odes={S: sd.mean(u) - S}, boundary={"x": sd.Dirichlet(sp.sin(t))}, parameters={k: 0.1}, observables={v: u + S})
    system = sd.PDESystem({u: k * sd.laplacian(u) - S * u}, sd.Rectangle(1, 1), initial={u: x * y, S: 1}, **given)
    return system.discretize((12, 10))


@pytest.mark.parametrize("method", ["bs32", "imex", "euler", "etdrk4"])
@pytest.mark.parametrize("name", ["run.zarr", "run.nc"])
def test_parts_make_the_whole(tmp_path, method, name):
    step = {"euler": {"step": 1e-3}, "etdrk4": {"step": 1e-2}}.get(method, {"rtol": 1e-8})
    whole = sd.simulate(square(), TIMES, method=method, progress=False, **step)
    parts = sd.simulate(square(), TIMES, method=method, store=sd.Store(tmp_path / name, every=5), progress=False, **step)
    assert parts.u.chunks is None or name == "run.nc" or parts.u.chunks[0] == (5, 5, 2)
    parts = parts.load()
    assert list(parts.data_vars) == list(whole.data_vars)
    assert int(parts.status) == 0
    for f in ("u", "S", "v"):
        assert parts[f].dims == whole[f].dims
        np.testing.assert_allclose(parts[f], whole[f], rtol=2e-5, atol=2e-7)
    if method == "euler":  # whose steps end at all output times anyway
        xr.testing.assert_allclose(parts, whole, rtol=1e-12)


@pytest.mark.parametrize("method", ["bs32", "imex3"])
@pytest.mark.parametrize("stop", [1, 2])
def test_what_is_interrupted_goes_on_with_the_same_bits(tmp_path, monkeypatch, method, stop):
    run = dict(method=method, progress=False)
    expected = sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "other", every=4), **run).load()
    original, done = streamed.compute, []

    def compute(*arguments, **options):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(streamed, "compute", compute)
        with pytest.warns(UserWarning, match="interrupted"):
            part = sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "run", every=4), **run).load()
    assert int(part.status) != 0
    np.testing.assert_array_equal(part.u[: 4 * stop], expected.u[: 4 * stop])
    assert np.isnan(part.u[4 * stop :]).all()
    calls = []
    monkeypatch.setattr(streamed, "compute", lambda *a, **o: calls.append(1) or original(*a, **o))
    xr.testing.assert_identical(sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "run", every=4), **run).load(), expected)
    assert len(calls) == 3 - stop


def test_what_there_is_can_be_read_while_it_goes_on(tmp_path, monkeypatch):
    """With the memory of one part: each has its own arrays of output times."""
    original, seen, sizes = streamed.compute, [], []

    def compute(part, *arguments, **options):
        if (tmp_path / "run").exists():
            seen.append(int(np.isfinite(xr.open_zarr(tmp_path / "run").u.mean(("x", "y"))).sum()))
        sizes.append(part.times.size)
        return original(part, *arguments, **options)

    monkeypatch.setattr(streamed, "compute", compute)
    sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "run", every=3), progress=False)
    assert seen == [0, 3, 6, 9]
    assert max(sizes) == 4


def test_a_damaged_part_and_what_follows_it_is_done_again(tmp_path):
    run = dict(store=sd.Store(tmp_path / "run", every=4), progress=False)
    expected = sd.simulate(square(), TIMES, **run).load()
    file = next((tmp_path / "run" / "u").glob("c.1.*"))
    file.write_bytes(file.read_bytes()[:-3])
    xr.testing.assert_identical(sd.simulate(square(), TIMES, **run).load(), expected)
    store = ChunkStore.find(tmp_path / "run")
    store.look()
    assert "3 of 3 segments of 4 times complete" in str(store)


def test_a_failure_ends_it(tmp_path):
    blown = sd.PDESystem({u: u**2}, (0, 1), initial={u: 1}).discretize(8)  # u = 1/(1 - t)
    times = np.linspace(0, 2, 21)
    with pytest.raises(SimulationError):
        sd.simulate(blown, times, store=sd.Store(tmp_path / "run", every=4), progress=False)
    data = sd.simulate(blown, times, store=sd.Store(tmp_path / "run", every=4), on_failure="nan", progress=False).load()
    assert int(data.status) != 0
    np.testing.assert_allclose(data.u[:9].mean("x"), 1 / (1 - times[:9]), rtol=1e-3)
    assert np.isnan(data.u[12:]).all()


def test_inputs_go_on(tmp_path):
    w = sd.Path("w", [0, 0.3, 0.7, 1], [0, 1, -1, 2], kind="linear")
    system = sd.PDESystem({u: sd.laplacian(u) / 10 + w}, (0, 1), initial={u: 0}).discretize(8)
    data = sd.simulate(system, TIMES, rtol=1e-9, store=sd.Store(tmp_path / "run", every=3), progress=False)
    course = lambda s: np.interp(s, [0, 0.3, 0.7, 1], [0, 1, -1, 2])  # noqa: E731
    fine = np.linspace(0, 1, 200_001)
    area = np.concatenate([[0], np.cumsum((course(fine[1:]) + course(fine[:-1])) / 2 * np.diff(fine))])
    np.testing.assert_allclose(data.u.mean("x"), np.interp(TIMES, fine, area), atol=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trajectories": 2}, "there are 2 trajectories"),
        ({"parameters": {k: [0.1, 0.2]}}, "there are 2 trajectories"),
        ({"until": "mean(u) > 1"}, "until= ends a trajectory"),
        ({"reduce": ["mean"]}, "reduce="),
    ],
)
def test_what_has_no_parts(tmp_path, options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "run", every=4), progress=False, **options)
    assert not (tmp_path / "run").exists()


def test_other_systems_and_stores(tmp_path):
    ode = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    with pytest.raises(DeclarationError, match="keeps few numbers"):
        sd.simulate(ode, TIMES, store=sd.Store(tmp_path / "run", every=4), progress=False)
    eventful = sd.PDESystem({u: -u}, (0, 1), initial={u: 1}, events=[sd.dose(u, 1, every=1, times=2, start=0.5)]).discretize(8)
    with pytest.raises(DeclarationError, match="events may depend"):
        sd.simulate(eventful, TIMES, store=sd.Store(tmp_path / "run", every=4), progress=False)
    with pytest.raises(DeclarationError, match="every is 0"):
        sd.Store(tmp_path, every=0)
    sd.simulate(square(), TIMES, store=sd.Store(tmp_path / "run", every=4), progress=False)
    for other in (tmp_path / "run", sd.Store(tmp_path / "run", every=5)):
        with pytest.raises(SymdynError, match=r"output times in a part is (none|5) and was 4"):
            sd.simulate(square(), TIMES, store=other, progress=False)
    assert math.isfinite(float(xr.open_zarr(tmp_path / "run").S[-1]))
