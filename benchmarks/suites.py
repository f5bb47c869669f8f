"""The suites by name, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.brownian_paths import paths
from benchmarks.cme import cme
from benchmarks.compile_time import compile_time
from benchmarks.cuda.suite import cuda
from benchmarks.dense_layers import dense
from benchmarks.derivation import derivation
from benchmarks.discovery.calibration import draw
from benchmarks.discovery.suite import calibration, discovery
from benchmarks.ensembles import ode, sizes, stiff
from benchmarks.exponents import exponents
from benchmarks.figures import draw_precision, draw_seconds, draw_speeds
from benchmarks.first_result import first
from benchmarks.grids import pde
from benchmarks.growth import growth
from benchmarks.harness import Settings
from benchmarks.large import large
from benchmarks.lattices import lattices
from benchmarks.neural import PARTS, neural
from benchmarks.populations import populations
from benchmarks.reduction import reduction
from benchmarks.results import Result
from benchmarks.sbml import sbml
from benchmarks.scheduling import scheduling
from benchmarks.scores import scores
from benchmarks.ssa import ssa
from benchmarks.stochastic import sde
from benchmarks.thread_scaling import threads

__all__ = ["FIGURES", "SEVERAL", "SUITES", "TABLES"]

#: Suites whose jobs take more than one core.
SEVERAL = {"threads", "scheduling", "cuda"}
#: Tables of suites that can be measured in pieces.
TABLES: dict[str, tuple[str, ...]] = {"neural": tuple(PARTS)}

SUITES: dict[str, Callable[[Settings], Result]] = {
    "ssa": ssa,
    "ode": ode,
    "sizes": sizes,
    "stiff": stiff,
    "large": large,
    "growth": growth,
    "sde": sde,
    "paths": paths,
    "populations": populations,
    "cme": cme,
    "pde": pde,
    "dense": dense,
    "neural": neural,
    "scores": scores,
    "lattices": lattices,
    "reduction": reduction,
    "derivation": derivation,
    "exponents": exponents,
    "sbml": sbml,
    "discovery": discovery,
    "calibration": calibration,
    "compile": compile_time,
    "first": first,
    "threads": threads,
    "scheduling": scheduling,
    "cuda": cuda,
}
FIGURES: dict[str, Callable[[Result, Path], None]] = {
    "ssa": draw_speeds,
    "ode": draw_precision,
    "stiff": draw_precision,
    "compile": draw_seconds,
    "calibration": draw,
}
