"""Ensembles on a card: chunks, statistics, failures, hand-over; on numba's CUDA simulator, and on a card where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, SUCCESS

import symdyn as sd

pytest.importorskip("numba_cuda")

from examples import lorenz_gpu
from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.reductions import _groups

SUMMED = ["mean", "var", "std", "min", "max"]
SCRIPT = """
import xarray as xr
from symdyn.codegen.cuda import launch, toolchain
from symdyn.codegen.kernel import Batch, Options, Signals
from symdyn.simulation import plan, reduce

def keep(name, data):
    for variable, array in data.items():
        results[f"{name}/{variable}"] = array.values
    results[f"{name}/stiff"] = np.array(data.attrs.get("stiff_trajectories", ""))

def both(name, system, times, **options):
    for target in ("cpu", "cuda"):
        keep(f"{target}/{name}", sd.simulate(system, times, target=target, **options))

x, y, a, b, c, d, t = sp.symbols("x y a b c d t")
lv = sd.ODESystem({x: a*x - b*x*y, y: c*x*y - d*y}, parameters={a: 0.5, b: 0.03, c: 0.03, d: 0.8},
                  observables={sp.Symbol("growth"): a*x*sp.cos(t)})
spread = xr.DataArray(np.linspace(20, 40, 21), dims="trajectory")
sweep = dict(initial=dict(x=spread, y=4), parameters=dict(a=[0.4, 0.5]))
reduce.BLOCK = plan.BLOCK = 8  # blocks of a point: 8, 8 and 5 trajectories
both("sweep", lv, [0, 1, 2.5], initial=dict(x=[20, 40], y=4), parameters=dict(a=[0.4, 0.5]))
both("summed", lv, [0, 1, 2.5], reduce=["mean", "var", "std", "min", "max"], **sweep)
both("quantile", lv, [0, 1, 2.5], reduce=["mean", "quantile"], **sweep)
keep("chunks", sd.simulate(lv, [0, 1, 2.5], target="cuda", layout=sd.Layout(chunk=8), **sweep,
                            reduce=["mean", "var", "std", "min", "max"]))
launch.LARGEST = 11  # a chunk on the card has a block, or two of the last and the first point
keep("memory", sd.simulate(lv, [0, 1, 2.5], target="cuda", reduce=["mean", "var", "std", "min", "max"], **sweep))
keep("parts", sd.simulate(lv, [0, 1, 2.5], target="cuda", **sweep))
launch.LARGEST = 1000
keep("whole", sd.simulate(lv, [0, 1, 2.5], target="cuda", **sweep))

vdp = sd.ODESystem.from_text("x' = y\\ny' = mu*(1 - x^2)*y - x")
stiff = dict(initial=dict(x=2, y=0), parameters=dict(mu=xr.DataArray([1.0, 500.0, 2.0], dims="trajectory")))
both("stiff", vdp, [0, 3, 8], **stiff)
both("stiff means", vdp, [0, 3, 8], reduce=["mean", "max"], **stiff)

square = sd.ODESystem.from_text("x' = x^2")
for name, options in (("failure", {}), ("failure among means", dict(reduce=["mean"]))):
    for target in ("cpu", "cuda"):
        try:
            start = xr.DataArray([0.1, 1.0, 0.2], dims="trajectory")
            sd.simulate(square, [0, 0.5, 2], initial=dict(x=start), target=target, **options)
        except sd.SimulationError as error:
            results[f"{target}/{name}"] = np.array(str(error))
            keep(f"{target}/{name} data", error.dataset)

kernel = sd.compile(lv, method="tsit5", target="cuda")
batch = Batch(np.full((6, 2), 10.0), np.tile([0.5, 0.03, 0.03, 0.8], (6, 1)), np.array([0.0, 1.0]), np.arange(6))
launch.LARGEST = 2

class Stop:
    '''Signals that somebody interrupts while the first chunk runs.'''
    stop, done = np.zeros(1, np.int64), np.zeros(1, np.int64)

start = launch.start_on_card
def interrupted(*arguments, **options):
    Stop.stop[0] = 1
    return start(*arguments, **options)

launch.start_on_card = interrupted
run = kernel.launch(kernel.empty(6, 2), batch, Options(), signals=Stop)
results["interrupted status"], results["interrupted values"], results["interrupted done"] = run.status, run.values, Stop.done
from symdyn.codegen.cuda import reductions
Stop.stop[0] = 1
summed = kernel.reduction(None, None).run(kernel.empty(6, 0), batch, Options(), np.array([0, 3, 6]), Stop)
results["interrupted summary"] = summed.summary
try:
    sd.simulate(lv, [0, 1], initial=dict(x=1, y=1), target="cuda", layout=sd.Layout(precision="float32"), rtol=1e-9)
except sd.DeclarationError as error:
    results["digits"] = np.array(str(error))
try:
    toolchain.compile_ptx(kernel.module.run, "")
except sd.CompileError as error:
    results["ptx"] = np.array(str(error))
results["seconds"] = np.array(kernel.card_seconds)
from examples import lorenz_gpu
for precision in lorenz_gpu.RUNS:
    results[f"lorenz {precision}"] = np.array(lorenz_gpu.measure(6, precision).error)
"""


@pytest.fixture
def found(simulated):
    """What the script found, by name."""
    return simulated(SCRIPT)


def variables(found: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The variables of a dataset that the script kept."""
    return {k.removeprefix(f"{name}/"): v for k, v in found.items() if k.startswith(f"{name}/")}


@pytest.mark.parametrize(
    "name", ["sweep", "summed", "quantile", "stiff", "stiff means", "failure data", "failure among means data"]
)
def test_datasets_of_card_and_processor_agree(found, name):
    """To rounding, over times in which step size control does not yet amplify it."""
    cpu, card = variables(found, f"cpu/{name}"), variables(found, f"cuda/{name}")
    assert cpu.keys() == card.keys()
    for variable, values in cpu.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(card[variable], values, rtol=1e-11, atol=1e-15, err_msg=variable)
        else:
            np.testing.assert_array_equal(card[variable], values, err_msg=variable)


def test_statistics_are_those_of_the_trajectories(found):
    """Mean, variance and extremes by their definitions, of the trajectories themselves."""
    whole, summed = variables(found, "whole"), variables(found, "cuda/summed")
    for name in ("x", "y", "growth"):
        values = whole[name]
        assert values.shape == (2, 21, 3)
        np.testing.assert_allclose(summed[f"{name}_mean"], values.mean(axis=1), rtol=1e-13)
        np.testing.assert_allclose(summed[f"{name}_var"], values.var(axis=1, ddof=1), rtol=1e-11, atol=1e-25)
        np.testing.assert_array_equal(summed[f"{name}_min"], values.min(axis=1))
        np.testing.assert_array_equal(summed[f"{name}_max"], values.max(axis=1))


def test_neither_chunks_nor_memory_change_a_bit(found):
    summed = variables(found, "cuda/summed")
    for name in ("chunks", "memory"):
        for variable, values in variables(found, name).items():
            np.testing.assert_array_equal(values, summed[variable], err_msg=f"{name} {variable}")
    for variable, values in variables(found, "parts").items():
        np.testing.assert_array_equal(values, variables(found, "whole")[variable], err_msg=variable)


def test_stiff_trajectories_are_passed_on_on_the_card(found):
    assert str(found["cuda/stiff/stiff"]) == "1 passed on to rodas5p"
    assert str(found["cuda/stiff means/stiff"]) == "1 passed on to rodas5p"
    np.testing.assert_allclose(found["cuda/stiff means/x_mean"], found["cuda/stiff/x"].mean(axis=0), rtol=1e-13)
    assert (found["cuda/stiff/status"] == SUCCESS).all()


@pytest.mark.parametrize("name", ["failure", "failure among means"])
def test_failures_read_as_on_the_processor(found, name):
    message = str(found[f"cuda/{name}"])
    assert message == str(found[f"cpu/{name}"])
    assert "1 of 3 trajectories failed. The first is trajectory[1] (x(0) = 1)" in message
    assert "its last output is at t = 0.5" in message  # 1/(1 - t) ends at 1


def test_an_interrupt_keeps_the_chunk_that_runs(found):
    assert found["interrupted status"].tolist() == [SUCCESS] * 2 + [INTERRUPTED] * 4
    assert np.isfinite(found["interrupted values"][:2]).all()
    assert np.isnan(found["interrupted values"][2:]).all()
    assert found["interrupted done"].tolist() == [2]
    count, *_, low, high = found["interrupted summary"]
    assert (count == 0).all()
    assert (low == np.inf).all()
    assert (high == -np.inf).all()


def test_what_the_simulator_and_single_precision_cannot_do_is_said(found):
    assert "rtol is 1e-09, but single precision has seven digits; expected 1e-06 or more" in str(found["digits"])
    assert "unset NUMBA_ENABLE_CUDASIM" in str(found["ptx"])
    assert found["seconds"] > 0


def test_lorenz_ensemble_is_as_exact_as_its_tolerances(found):
    """An error of the tolerance times the size of the state, 40 at most, may grow by a factor of about 25.

    It does so near the origin, where the greatest eigenvalue is 9.7 (r = 21) and trajectories stay a third of a time unit.
    """
    assert found["lorenz float32"] < 25 * 40 * (1e-6 + 2.0**-22)
    assert found["lorenz float64"] < 25 * 40 * 1e-8
    assert found["lorenz float64"] < found["lorenz float32"] / 10


def test_blocks_are_grouped_by_what_fits():
    bounds = np.array([0, 1024, 2048, 2500, 3524])
    assert list(_groups(bounds, 2500)) == [(0, 3), (3, 4)]
    assert list(_groups(bounds, 2499)) == [(0, 2), (2, 4)]
    assert list(_groups(bounds, 10)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


# ---- what is asked for ---------------------------------------------------------------------------


def decay() -> sd.ODESystem:
    return sd.ODESystem.from_text("x' = -x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hybrid"}, "'hybrid' has no form for target='cuda'; those that have one: .*rodas5p.*tsit5"),
        ({"precision": "float16"}, "precision is 'float16'; known: float64, float32"),
        ({"target": "cpu", "precision": "float32"}, "precision has no effect on 'dop853'; it belongs to target='cuda'"),
    ],
)
def test_what_is_not_there_is_named(options, message):
    system = sd.ReactionNetwork.from_text("X -> 0, k") if options.get("method") == "hybrid" else decay()
    with pytest.raises((sd.CompileError, sd.DeclarationError), match=message):
        sd.compile(system, **{"target": "cuda", **options})


def test_the_whole_kernel_is_shown():
    kernel = sd.compile(decay(), method="tsit5", target="cuda")
    for part in ("def rhs(lane, y, p, memory, out)", "def step(", "def trajectory(", "def run(", "x' = -x"):
        assert part in str(kernel)
    compile(kernel.source, "kernel", "exec")  # it is valid Python
    assert "tsit5 of ODESystem(x)" in repr(kernel)


@pytest.mark.skipif(toolchain.card() is not None, reason="there is a card")
def test_without_a_card_there_is_one_error_with_the_install_line():
    with pytest.raises(sd.CompileError, match=r'no CUDA card is found.*pip install "symdyn-modeling\[cuda\]"'):
        sd.compile(decay(), method="tsit5", target="cuda")([[1.0]], [[]], [0.0, 1.0])
    with pytest.raises(SystemExit, match="lorenz_gpu: no CUDA card is found"):
        lorenz_gpu.main(["--trajectories", "8"])
    for reduce in (None, ["mean"]):
        with pytest.raises(sd.CompileError, match="no CUDA card is found"):
            sd.simulate(decay(), [0, 1], initial={"x": 1}, trajectories=2, target="cuda", reduce=reduce)


@pytest.mark.skipif(
    toolchain.card() is None, reason="NOT RUN: no CUDA card here; kernels ran on the simulator and were compiled"
)
@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas4", "rodas5p"])
def test_on_a_card(method):
    lv = sd.ODESystem.from_text("x' = a*x - b*x*y\ny' = c*x*y - d*y", parameters={"a": 0.5, "b": 0.03, "c": 0.03, "d": 0.8})
    start = {"x": xr.DataArray(np.linspace(20, 40, 5000), dims="trajectory"), "y": 4}
    cpu, card = (sd.simulate(lv, [0, 1, 2.5], initial=start, method=method, target=target) for target in ("cpu", "cuda"))
    np.testing.assert_allclose(card.x, cpu.x, rtol=1e-11)
    np.testing.assert_array_equal(card.steps, cpu.steps)
    summed = sd.simulate(lv, [0, 1, 2.5], initial=start, method=method, target="cuda", reduce=SUMMED)
    np.testing.assert_allclose(summed.x_mean, card.x.mean("trajectory"), rtol=1e-13)
    np.testing.assert_allclose(summed.x_var, card.x.var("trajectory", ddof=1), rtol=1e-11)
