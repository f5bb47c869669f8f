"""Numerical methods, one file each: the scheme as data, and the class of its options.

>>> import symdyn as sd
>>> sd.methods.Tau(epsilon=0.01)
Tau(epsilon=0.01)

Names are imported when they are first used; ``symdyn.METHODS`` lists the methods by the names that ``method=`` takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy
from symdyn.methods.registry import METHODS

if TYPE_CHECKING:
    from symdyn.methods.align import Align
    from symdyn.methods.bdia import Bdia
    from symdyn.methods.bit_parallel import BitParallel
    from symdyn.methods.branching import Branching
    from symdyn.methods.bs32 import Bs32
    from symdyn.methods.controllers import PID
    from symdyn.methods.ddim import Ddim
    from symdyn.methods.deis import DeisRhoab3, DeisTab1, DeisTab2, DeisTab3
    from symdyn.methods.dop853 import Dop853
    from symdyn.methods.dpm_solver import DpmSolver2, DpmSolver3
    from symdyn.methods.dpm_solver_pp import DpmSolverPP2m, DpmSolverPP3m, ExpAB2
    from symdyn.methods.dpm_solver_v3 import DpmSolverV3Options, DpmSolverV31, DpmSolverV32, DpmSolverV33
    from symdyn.methods.er_sde import ErSde2, ErSde3
    from symdyn.methods.etdrk4 import Etdrk4
    from symdyn.methods.euler import Euler
    from symdyn.methods.euler_maruyama import EulerMaruyama
    from symdyn.methods.heun import Heun
    from symdyn.methods.heun_edm import HeunEdm
    from symdyn.methods.hybrid import Hybrid
    from symdyn.methods.imex import Imex
    from symdyn.methods.imex3 import Imex3
    from symdyn.methods.iterate import Iterate
    from symdyn.methods.krylov import Krylov
    from symdyn.methods.langevin import Langevin
    from symdyn.methods.milstein import Milstein
    from symdyn.methods.model_statistics import ModelStatistics
    from symdyn.methods.noisy_samplers import Ancestral, PredictorCorrector, SdeDpm1, SdeDpmPP2m
    from symdyn.methods.obelm import OBelm
    from symdyn.methods.options import (
        AdaptiveOptions,
        FieldOptions,
        FixedStepOptions,
        JumpOptions,
        LeapingOptions,
        MethodOptions,
    )
    from symdyn.methods.planned import Planned
    from symdyn.methods.pndm import Ipndm, Pndm
    from symdyn.methods.quicsort import Quicsort
    from symdyn.methods.reversible import ReversibleHeun, ReversibleRk4
    from symdyn.methods.rk4 import Rk4
    from symdyn.methods.rodas4 import Rodas4
    from symdyn.methods.rodas5p import Rodas5p
    from symdyn.methods.sampler_options import SamplerOptions
    from symdyn.methods.samplers import SamplerTable
    from symdyn.methods.sbdf2 import Sbdf2
    from symdyn.methods.seeds import Seeds2
    from symdyn.methods.shark import Shark
    from symdyn.methods.slowrk import SlowRk
    from symdyn.methods.sra1 import Sra1
    from symdyn.methods.ssa import Ssa
    from symdyn.methods.stochastic_options import StochasticOptions
    from symdyn.methods.tau import Tau
    from symdyn.methods.tau_implicit import TauImplicit
    from symdyn.methods.taylor import Taylor
    from symdyn.methods.tsit5 import Tsit5
    from symdyn.methods.ubu import Ubu
    from symdyn.methods.uniformisation import Uniformisation
    from symdyn.methods.unipc import UniPC2, UniPC3

METHODS.filled_by(__name__)
__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "align": ("Align",),
        "bit_parallel": ("BitParallel",),
        "branching": ("Branching",),
        "bdia": ("Bdia",),
        "ddim": ("Ddim",),
        "deis": (
            "DeisRhoab3",
            "DeisTab1",
            "DeisTab2",
            "DeisTab3",
        ),
        "dpm_solver": (
            "DpmSolver2",
            "DpmSolver3",
        ),
        "dpm_solver_pp": (
            "DpmSolverPP2m",
            "DpmSolverPP3m",
            "ExpAB2",
        ),
        "dpm_solver_v3": ("DpmSolverV31", "DpmSolverV32", "DpmSolverV33", "DpmSolverV3Options"),
        "er_sde": ("ErSde2", "ErSde3"),
        "heun_edm": ("HeunEdm",),
        "model_statistics": ("ModelStatistics",),
        "noisy_samplers": ("Ancestral", "PredictorCorrector", "SdeDpm1", "SdeDpmPP2m"),
        "obelm": ("OBelm",),
        "planned": ("Planned",),
        "pndm": (
            "Ipndm",
            "Pndm",
        ),
        "sampler_options": ("SamplerOptions",),
        "samplers": ("SamplerTable",),
        "seeds": ("Seeds2",),
        "unipc": (
            "UniPC2",
            "UniPC3",
        ),
        "bs32": ("Bs32",),
        "controllers": ("PID",),
        "dop853": ("Dop853",),
        "euler": ("Euler",),
        "euler_maruyama": ("EulerMaruyama",),
        "etdrk4": ("Etdrk4",),
        "heun": ("Heun",),
        "hybrid": ("Hybrid",),
        "imex": ("Imex",),
        "imex3": ("Imex3",),
        "iterate": ("Iterate",),
        "krylov": ("Krylov",),
        "langevin": ("Langevin",),
        "milstein": ("Milstein",),
        "options": (
            "AdaptiveOptions",
            "FieldOptions",
            "FixedStepOptions",
            "JumpOptions",
            "LeapingOptions",
            "MethodOptions",
        ),
        "reversible": ("ReversibleHeun", "ReversibleRk4"),
        "rk4": ("Rk4",),
        "rodas4": ("Rodas4",),
        "rodas5p": ("Rodas5p",),
        "sbdf2": ("Sbdf2",),
        "shark": ("Shark",),
        "slowrk": ("SlowRk",),
        "sra1": ("Sra1",),
        "ssa": ("Ssa",),
        "stochastic_options": ("StochasticOptions",),
        "tau": ("Tau",),
        "tau_implicit": ("TauImplicit",),
        "taylor": ("Taylor",),
        "tsit5": ("Tsit5",),
        "quicsort": ("Quicsort",),
        "ubu": ("Ubu",),
        "uniformisation": ("Uniformisation",),
    },
)
