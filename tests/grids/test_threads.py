"""One grid on several threads: the same bits, and no memory but its own."""

from __future__ import annotations

import gc
import math
import multiprocessing
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from symdyn_kernels.stencils.layout import LEVELS, TILE

import symdyn as sd
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import axis_modes
from symdyn.grids.workspace import Workspace, team_of
from symdyn.simulation import ensemble

u, v, w, S, x, y, z, t, D = sp.symbols("u v w S x y z t D")

EQUATIONS = {
    # means, scalars, walls that move, and a first derivative between them
    "square": sd.PDESystem(
        {u: D * sd.laplacian(u) - sd.dx(u) * sd.mean(u) + S, v: sd.div(v * sd.grad(v)) - v * sd.integral(u**2)},
        sd.Rectangle(1, 2), odes={S: sd.mean(u * v) - S}, parameters={D: 0.1},
        boundary={u: {"left": sd.Dirichlet(sp.sin(t) * y), "top": sd.Robin(1, 1, S)}, v: {"y": sd.Neumann(x)}},
        initial={u: x * y, v: 1 + x, S: 0.5},
    ),
    "box": sd.PDESystem(
        {u: D * sd.laplacian(u) - sd.dz(u**2) + sd.at(v, 0.2, 0.3, 0.4), v: sd.dy(sd.dx(v)) * u - v},
        sd.Box(1, 1, 1), parameters={D: 0.1},
        boundary={u: {"front": sd.Dirichlet(x + t), "x": "periodic"}, v: {"x": "periodic"}},
        initial={u: z * sp.cos(2 * sp.pi * x), v: 1 + x * y},
    ),
}  # fmt: skip
SHAPES = {"square": (19, 21), "box": (9, 8, 11)}


@pytest.fixture(autouse=True)
def threads_for_small_grids(monkeypatch):
    monkeypatch.setattr(ensemble, "_processors", lambda: 99)  # no thread is bound to a processor
    for module in ("workspace", "linear_part"):
        monkeypatch.setattr(f"symdyn.grids.{module}.THREADED", 1)


@pytest.mark.parametrize("which", EQUATIONS)
@pytest.mark.parametrize(("method", "advection"), [("Bs32", "central"), ("Tsit5", "weno5"), ("Imex", "central")])
def test_the_number_of_threads_changes_no_bit(which, method, advection):
    grid = EQUATIONS[which].discretize(SHAPES[which], advection=advection)
    options = {"method": getattr(sd.methods, method)(max_step=1e-4), "rtol": 1e-3, "progress": False}
    runs = [sd.simulate(grid, [0, 2e-4, 5e-4], layout=sd.Layout(threads=k), **options) for k in (1, 2, 3, 7)]
    for other in runs[1:]:
        xr.testing.assert_identical(runs[0], other)
    assert int(runs[0].steps) > 2


#: One pass over fields, with a source that moves and rates that depend on the place.
PLAIN = {u: D * sd.laplacian(u) - u * v**2 + sp.cos(30 * t) * x, v: D * sd.laplacian(v) / 2 + u * v**2 * (1 + x * y) - v}
WALLS = {"periodic": "periodic", "walls": {u: sd.Robin(1, 0.2, 1 + x), v: sd.Dirichlet(0.3)},
         "mixed": {u: {"x": "periodic"}, v: {"x": "periodic", "bottom": sd.Neumann(x)}}}  # fmt: skip


@pytest.mark.parametrize(("shape", "order", "walls"), [
    ((131, 11), 2, "periodic"), ((23, 13), 4, "walls"), ((250, 7), 4, "walls"), ((321, 9), 6, "mixed"),
    ((75, 3, 9), 2, "walls"), ((13, 10, 9), 4, "mixed"), ((165, 7, 6), 4, "walls"), ((37, 5, 8), 2, "periodic"),
])  # fmt: skip
def test_steps_that_lines_make_together_change_no_bit(monkeypatch, shape, order, walls):
    domain = sd.Rectangle(1, 1) if len(shape) == 2 else sd.Box(1, 1, 1)
    pde = sd.PDESystem(PLAIN, domain, boundary=WALLS[walls], parameters={D: 1e-5}, initial={u: 1 + x * y, v: sp.cos(9 * x)})
    times = {"method": "euler", "step": 0.01, "progress": False}
    whole = sd.simulate(pde.discretize(shape, order=order), [0, 0.1, 0.23], layout=sd.Layout(threads=1), **times)
    monkeypatch.setattr("symdyn.grids.tables.KEPT", 0)  # as if no cache held any of it
    monkeypatch.setattr("symdyn.grids.tables.LEAST", 8)
    grid = pde.discretize(shape, order=order)
    assert grid.model().table[LEVELS] == 8  # at most: of few lines each thread makes fewer at once
    for threads in (1, 2, 3, 7):
        xr.testing.assert_identical(whole, sd.simulate(grid, [0, 0.1, 0.23], layout=sd.Layout(threads=threads), **times))


def test_steps_made_together_end_where_single_ones_do(monkeypatch):
    """Few steps, a solution that grows without bounds, and conditions, which have each step looked at."""
    grows = {u: D * sd.laplacian(u) + 30 * u**2, v: D * sd.laplacian(v) - v}
    runs = []
    for kept, least, threads in ((1 << 24, 1, 1), (0, 8, 2)):
        monkeypatch.setattr("symdyn.grids.tables.KEPT", kept)
        monkeypatch.setattr("symdyn.grids.tables.LEAST", least)
        common = {"layout": sd.Layout(threads=threads), "step": 0.01, "progress": False, "on_failure": "nan"}
        for rates, most, until in ((PLAIN, 13, None), (grows, 99, None), (PLAIN, 99, "mean(v) > 0.1")):
            pde = sd.PDESystem(rates, sd.Rectangle(1, 1), parameters={D: 1e-5}, initial={u: 1 + x * y, v: sp.cos(9 * x)})
            method = sd.methods.Euler(max_steps=most)
            runs.append(sd.simulate(pde.discretize((131, 9)), [0, 0.1, 0.173, 0.23], method=method, until=until, **common))
    assert [int(r.steps) for r in runs[:2]] == [13, 18]  # 10 and 8 to the second and third output
    assert [bool(np.isnan(r.u[k]).all()) for r in runs[:2] for k in (1, 2)] == [False, True, False, True]
    assert 0 < float(runs[2].first_passage) < 0.23
    for k in range(3):
        xr.testing.assert_identical(runs[k], runs[k + 3])


def test_transforms_have_the_threads_of_the_process(monkeypatch):
    """As many as `default_threads` allows, whatever the machine has."""
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(ensemble, "_processors", lambda: 3)
    axes = [[axis_modes(8, 0.1, None, "periodic", "periodic")]]
    assert LinearPart([{((2,),): 1.0}], axes).threads == 3
    assert LinearPart([{((2,),): 1.0}], axes, threads=5).threads == 5
    monkeypatch.setenv("SYMDYN_NUM_THREADS", "2")
    assert LinearPart([{((2,),): 1.0}], axes).threads == 2


def test_steps_of_one_length_and_conditions_that_end_them():
    grid = EQUATIONS["box"].discretize(SHAPES["box"])
    for options in ({"method": "euler", "step": 1e-5}, {"method": "rk4", "step": 1e-4}):
        runs = [sd.simulate(grid, [0, 1e-4, 2e-4], until="mean(u) > 1e-4", layout=sd.Layout(threads=k), progress=False,
                            **options) for k in (1, 2, 5)]  # fmt: skip
        assert 0 < float(runs[0].first_passage) < 2e-4
        for other in runs[1:]:
            xr.testing.assert_identical(runs[0], other)


@pytest.mark.parametrize("advection", ["central", "weno5"])
def test_strips_of_any_width_change_no_bit(advection):
    """Planes that the last cache cannot hold are computed in strips, here of so few rows that some are cut."""
    model = EQUATIONS["box"].discretize(SHAPES["box"], advection=advection).model()
    state, p = np.random.default_rng(0).random(model.size), np.array([0.1])
    whole = model.rates(state, 0.5, p)
    for rows in (1, 3, 5):
        model.table[TILE] = rows
        for threads in (1, 2, 5):
            np.testing.assert_array_equal(model.rates(state, 0.5, p, threads=threads), whole)


def test_small_grids_have_one_thread(monkeypatch):
    monkeypatch.undo()
    assert team_of((64, 64), 8) == 1
    assert team_of((128, 128), 8) == 8
    assert team_of((4, 100_000), 8) == 4


@pytest.mark.parametrize(("advection", "order"), [("central", 6), ("upwind", 2), ("weno5", 4)])
@pytest.mark.parametrize("which", ["line", "square", "box"])
@pytest.mark.parametrize("team", [1, 3])
def test_nothing_is_written_outside_of_its_memory(which, order, advection, team, monkeypatch):
    flux = {"line": (sd.dx(u**2),), "square": (sd.dx(u**2), sd.dy(u * v)), "box": (sd.dx(u**2), sd.dy(u * v), sd.dz(v))}[which]
    domain = {"line": (0, 1), "square": sd.Rectangle(1, 1), "box": sd.Box(1, 1, 1)}[which]
    walls = {"left": sd.Dirichlet(t), **({"top": sd.Robin(1, 1, x)} if which != "line" else {})}
    system = sd.PDESystem({u: sd.laplacian(u) - sum(flux) + w, v: sd.div(u * sd.grad(v)) - sd.mean(u)}, domain, boundary=walls,
                          odes={w: sd.mean(v) - w})  # fmt: skip
    model = system.discretize((20, 21, 22)[: system.dimension], advection=advection, order=order).model()
    margin, zeros, made = 1 << 15, np.zeros, []

    def guarded(count):
        made.append((zeros(count + 2 * margin), count))
        made[-1][0][:] = math.pi
        made[-1][0][margin : margin + count] = 0
        return made[-1][0][margin : margin + count]

    with monkeypatch.context() as patch:
        patch.setattr("symdyn.grids.workspace.np.zeros", guarded)
        space = Workspace(model, 3, team)
    state, p = np.linspace(0, 1, model.size), np.empty(0)
    found = np.empty(model.size)
    common = (model.table, model.numbers(p), p, state.ctypes.data, found.ctypes.data, 0.5, space.states)
    space.run(model.driver.evaluate, [(*common, work) for work in space.works])
    assert len(made) == 3
    for memory, count in made:
        assert (memory[:margin] == math.pi).all()
        assert (memory[margin + count :] == math.pi).all()
    np.testing.assert_array_equal(found, model.rates(state, 0.5, p))


def test_a_thread_that_does_not_begin_holds_up_no_other(monkeypatch):
    model = EQUATIONS["box"].discretize(SHAPES["box"]).model()
    state, p, begun = np.linspace(0, 1, model.size), np.array([0.1]), []
    expected, submit = model.rates(state, 0.5, p), ThreadPoolExecutor.submit

    def limited(pool, *arguments):
        if len(begun) == 2:
            raise RuntimeError("can't start new thread")
        begun.append(submit(pool, *arguments))
        return begun[-1]

    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", limited)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            model.rates(state, 0.5, p, threads=4)
    assert [future.done() for future in begun] == [True, True]  # none writes to memory that is given up
    np.testing.assert_array_equal(model.rates(state, 0.5, p, threads=4), expected)


def test_memory_of_rates_is_kept(monkeypatch):
    monkeypatch.setattr("symdyn.grids.workspace.KEPT", 0)
    model = EQUATIONS["box"].discretize(SHAPES["box"]).model()
    made = []
    monkeypatch.setattr("symdyn.grids.workspace.Workspace", lambda *a: made.append(Workspace(*a)) or made[-1])
    for _ in range(3):
        model.rates(np.ones(model.size), 0.0, np.array([0.1]), threads=2)
    assert len(made) == 1


def test_a_model_keeps_so_much_memory_whatever_the_number_of_callers(monkeypatch):
    model = EQUATIONS["box"].discretize(SHAPES["box"]).model()
    monkeypatch.setattr("symdyn.grids.workspace.KEPT", 14 * model.block)
    kept, spaces = [], [model.workspaces.lent(blocks, 1) for blocks in (6, 6, 6, 9)]
    for space in spaces:
        kept.append(weakref.ref(space.__enter__()))
    for space in spaces:
        space.__exit__(None, None, None)
    del space, spaces
    gc.collect()
    assert [k() is not None for k in kept] == [True, True, False, False]
    with model.workspaces.lent(6, 1) as first, model.workspaces.lent(6, 1) as second:
        assert {first, second} == {kept[0](), kept[1]()}


def test_a_copy_of_a_process_has_threads_of_its_own():
    grid = EQUATIONS["box"].discretize(SHAPES["box"])
    run = partial(sd.simulate, grid, [0, 1e-5], method="euler", step=1e-6, layout=sd.Layout(threads=2), progress=False)
    expected = float(run().u[-1].sum())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_sum_of, (run,)).get(60) == expected


def _sum_of(run):
    return float(run().u[-1].sum())
