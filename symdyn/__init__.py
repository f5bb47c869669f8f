"""symdyn: write a dynamical system down as mathematics; derive, generate, simulate, recover.

>>> import numpy as np, sympy as sp, symdyn as sd
>>> x, y, a, b, c, d = sp.symbols("x y a b c d")
>>> lv = sd.ODESystem({x: a*x - b*x*y, y: c*x*y - d*y}, parameters={a: 0.5, b: 0.03, c: 0.03, d: 0.8})
>>> data = sd.simulate(lv, np.linspace(0, 20, 101), initial={x: 30, y: 4}, parameters={a: [0.4, 0.5]})
>>> dict(data.x.sizes)
{'a': 2, 'time': 101}

Everything else is found from here: ``help(symdyn.simulate)``, ``help(symdyn.ODESystem)``, ``list(symdyn.METHODS)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn import started  # before all else: it looks at the clock
from symdyn import verbs as _verbs  # gives the classes below what modules above them derive
from symdyn.dense import DenseLayers
from symdyn.errors import CompileError, DeclarationError, ParseError, RecoveryError, SimulationError, SymdynError
from symdyn.lazy import lazy
from symdyn.models.automaton import Automaton
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.boxes import Box, Interval, Rectangle
from symdyn.models.branching import BranchingSystem
from symdyn.models.colony import BulkCellSystem
from symdyn.models.controlled import closed_form_cell, liquid_network, neural_cde
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.domains import Disk, Plane, Polygon
from symdyn.models.events import Event, dose
from symdyn.models.lattices import Lattice
from symdyn.models.matrix import MatrixModel
from symdyn.models.moments import MomentSystem
from symdyn.models.neural_sde import neural_sde
from symdyn.models.ode import ODESystem
from symdyn.models.operators import at, div, dot, dx, dy, dz, grad, integral, laplacian, mean, vector
from symdyn.models.pde import PDESystem
from symdyn.models.reaction import Burst, Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.network_forms import network
from symdyn.neural_terms import TrainedNetwork
from symdyn.paths import Path
from symdyn.system import System
from symdyn.version import __version__

if TYPE_CHECKING:
    from symdyn import (
        analysis,
        automata,
        cells,
        derive,
        discover,
        explorer,
        extend,
        grids,
        io,
        leslie,
        methods,
        networks,
        projection,
        reduction,
        studies,
        transport,
    )
    from symdyn.analysis.identifiability import identifiability
    from symdyn.codegen.kernel import compile
    from symdyn.codegen.kernel_base import Kernel
    from symdyn.derive.closures import CLOSURES
    from symdyn.discover.learned_system import Learned
    from symdyn.discover.learning import learn
    from symdyn.discover.recover import recover
    from symdyn.discover.recovery import Recovery
    from symdyn.discover.regressors.operon import OperonRegression
    from symdyn.discover.regressors.pysr import PySRRegression
    from symdyn.discover.regressors.sparse import SparseRegression
    from symdyn.discover.scores.learned_score import LearnedScore
    from symdyn.explorer.notebook import explore
    from symdyn.figure_style import style
    from symdyn.inference.fits import Fit
    from symdyn.inference.fitting import fit
    from symdyn.inference.likelihoods import LIKELIHOODS
    from symdyn.inference.smoothing import smooth
    from symdyn.io.antimony import read_antimony
    from symdyn.io.archives.archive import Archive, read_archive
    from symdyn.io.datasets import to_frame
    from symdyn.io.drawing import plot
    from symdyn.io.petab.problem import PetabProblem, read_petab
    from symdyn.io.petab.selection import PetabSelection, select_petab
    from symdyn.io.pysb import read_pysb
    from symdyn.io.replaying import Replay, replay
    from symdyn.io.run_files import RunFile
    from symdyn.io.sbml import read_sbml
    from symdyn.methods.registry import METHODS
    from symdyn.models.mixture_functions import logsumexp, nonlinear, softmax
    from symdyn.models.rate_laws import hill, hillar, hillr, mm, mmr
    from symdyn.projection import MasterEquation
    from symdyn.quantities import Units
    from symdyn.simulation.brownian_path import BrownianPath
    from symdyn.simulation.cost_gradients import gradient
    from symdyn.simulation.global_sensitivities import global_sensitivities
    from symdyn.simulation.run import simulate
    from symdyn.simulation.settings import Layout, Store
    from symdyn.simulation.slopes import sensitivities

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "analysis": (),
        "analysis.identifiability": ("identifiability",),
        "automata": (),
        "cells": (),
        "codegen.kernel": ("compile",),
        "codegen.kernel_base": ("Kernel",),
        "derive": (),
        "derive.closures": ("CLOSURES",),
        "discover": (),
        "discover.learned_system": ("Learned",),
        "discover.scores.learned_score": ("LearnedScore",),
        "discover.learning": ("learn",),
        "discover.recover": ("recover",),
        "discover.recovery": ("Recovery",),
        "discover.regressors.operon": ("OperonRegression",),
        "discover.regressors.pysr": ("PySRRegression",),
        "discover.regressors.sparse": ("SparseRegression",),
        "explorer": (),
        "explorer.notebook": ("explore",),
        "extend": (),
        "figure_style": ("style",),
        "grids": (),
        "inference.fits": ("Fit",),
        "inference.fitting": ("fit",),
        "inference.likelihoods": ("LIKELIHOODS",),
        "inference.smoothing": ("smooth",),
        "io": (),
        "io.antimony": ("read_antimony",),
        "io.archives.archive": ("Archive", "read_archive"),
        "io.datasets": ("to_frame",),
        "io.drawing": ("plot",),
        "io.petab.problem": ("PetabProblem", "read_petab"),
        "io.petab.selection": ("PetabSelection", "select_petab"),
        "io.replaying": ("Replay", "replay"),
        "io.run_files": ("RunFile",),
        "io.pysb": ("read_pysb",),
        "io.sbml": ("read_sbml",),
        "leslie": (),
        "methods": (),
        "methods.registry": ("METHODS",),
        "models": (),
        "models.mixture_functions": ("logsumexp", "nonlinear", "softmax"),
        "models.rate_laws": ("hill", "hillar", "hillr", "mm", "mmr"),
        "networks": (),
        "projection": (),
        "projection.equation": ("MasterEquation",),
        "quantities": ("Units",),
        "reduction": (),
        "simulation.brownian_path": ("BrownianPath",),
        "simulation.cost_gradients": ("gradient",),
        "simulation.global_sensitivities": ("global_sensitivities",),
        "simulation.run": ("simulate",),
        "simulation.settings": ("Layout", "Store"),
        "simulation.slopes": ("sensitivities",),
        "studies": (),
        "transport": (),
    },
    eager=(
        "Automaton", "Box", "BranchingSystem", "BulkCellSystem", "Burst", "CompileError", "DeclarationError", "DenseLayers",
        "Dirichlet", "DiscreteSystem", "Disk", "Event", "Interval", "Lattice", "MatrixModel", "MomentSystem", "Neumann",
        "ODESystem", "PDESystem", "ParseError", "Path", "Plane", "Polygon", "Reaction", "ReactionNetwork", "RecoveryError",
        "Rectangle", "Robin", "SDESystem", "SimulationError", "SymdynError", "System", "TrainedNetwork", "at",
        "closed_form_cell", "div", "dose", "dot", "dx", "dy", "dz", "grad", "integral", "laplacian", "liquid_network", "mean",
        "network", "neural_cde", "neural_sde", "vector",
    ),
)  # fmt: skip
