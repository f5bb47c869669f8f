"""The suite for a card on numba's simulator, its scaling of published times, and the wheels for a machine without network."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import symdyn as sd
from benchmarks import cuda_wheels
from benchmarks.__main__ import main
from benchmarks.harness import Sample
from benchmarks.results import read
from symdyn.codegen.families import family_of

pytest.importorskip("numba_cuda")

from benchmarks.cuda.capacity import Capacity, computing, copying
from benchmarks.cuda.published import V100, published
from symdyn.codegen.cuda import toolchain

ROOT = Path(__file__).parents[1]


def test_the_suite_runs_on_the_simulator_and_claims_no_speeds(tmp_path):
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "benchmarks", "cuda", "--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    contents = read(tmp_path / "cuda.json")
    tables = contents["tables"]
    rows = [row for table in tables.values() for row in table]
    assert {row["simulated"] for row in rows} == {"yes"}
    assert not [key for row in rows for key in row if re.search(r"\bms\b|second|/s", key)]
    assert contents["ratios"] == []
    equal = tables["equality with the processor"]
    assert {row["verdict"] for row in equal} == {"equal"}
    with_form = {type(family_of(s)).__name__ for s in sd.METHODS.values() if family_of(s).on_device(s)}
    assert {f"{row['family']}family" for row in equal} == {name.lower() for name in with_form}
    lorenz = {row["solver"]: row for row in tables["Lorenz, t from 0 to 1"]}
    assert len(lorenz) == 4
    # RK4 has a local error of (h L)^5/120, which grows by a factor of 25 at most, of states of size 40; L is 10 or so, h 0.02
    assert 0 < lorenz["symdyn rk4"]["error"] < 25 * 40 * 50 * 0.2**5 / 120
    assert lorenz["symdyn tsit5"]["error"] < 25 * 40 * 1e-8
    for peer, ours in (("JAX, lax loop of RK4", "symdyn rk4"), ("diffrax Tsit5, vmap", None)):
        row = lorenz[peer]
        if "note" in row:
            assert "not installed" in row["note"]
        elif ours:  # the same scheme, in another package
            assert row["error"] == pytest.approx(lorenz[ours]["error"], rel=1e-8)
    assert {row["solver"] for row in tables["exact simulation"]} == {"symdyn ssa", "crn-jax"}


@pytest.mark.skipif(toolchain.card() is not None, reason="there is a card")
def test_without_a_card_the_suite_says_so(capsys, tmp_path):
    assert main(["cuda", "--out", str(tmp_path)]) == 2
    assert "cuda: no CUDA card is found here" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_measures_a_card_does_what_is_counted():
    """Of eight chains each step is one fused operation in the kernel's own precision, and nothing else multiplies."""
    for precision, other in (("f64", "f32"), ("f32", "f64")):
        ptx = toolchain.compile_ptx(*computing(f"float{precision[1:]}"))
        fused = len(re.findall(rf"fma\.rn\.{precision}", ptx))
        assert fused >= 8
        assert fused % 8 == 0
        assert not re.search(rf"fma\.rn\.{other}|mul\.(rn\.)?f", ptx)
    ptx = toolchain.compile_ptx(*copying())
    assert len(re.findall(r"ld\.global", ptx)) == len(re.findall(r"st\.global", ptx)) > 0


def test_published_times_are_scaled_by_what_the_card_can_do():
    arithmetic = {"float32": Sample((4 * V100["float32"],)), "float64": Sample((V100["float32"] / 2,))}
    twice = Capacity("made up", (9, 0), 100, 2048, Sample((2 * V100["memory"],)), arithmetic)
    rows, ratios = published(twice, {("adaptive", "float32"): Sample((10.0, 20.0))})
    row = next(row for row in rows if row["published"] == "DiffEqGPU.jl, adaptive")
    assert row["ms on a V100, float32"] == 69
    assert [row[f"scaled {how}"] for how in ("by memory", "by float32", "to float64")] == [34.5, 17.25, 138.0]
    found = {r.name: r.sample.values for r in ratios}
    assert found["Lorenz adaptive, float32 / MPGOS, adaptive, scaled by float32"] == (49 / 4 / 10, 49 / 4 / 20)
    assert len(found) == 2  # nothing of equal steps was run


def test_wheels_are_weighed(tmp_path):
    assert doctest.testmod(cuda_wheels).failed == 0
    (tmp_path / "freeze.txt").write_text("jax==0.10\nml_dtypes==1  # of jax\n")
    assert cuda_wheels.names([str(tmp_path / "freeze.txt"), "numba"]) == {"jax", "ml-dtypes", "numba"}
    for name, size in (("large", 3_000_000), ("small", 1_000_000)):
        (tmp_path / f"{name}-1-py3-none-any.whl").write_bytes(bytes(size))
    text, kept = cuda_wheels.weighed(tmp_path, 4.0)
    assert kept
    assert [line.split() for line in text.splitlines()][:2] == [["3.00", "MB", "large"], ["1.00", "MB", "small"]]
    assert cuda_wheels.weighed(tmp_path, 3.9) == (text.replace("within 4", "MORE THAN 3.9"), False)
    with pytest.raises(SystemExit):
        cuda_wheels.main([str(tmp_path)])
