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

import importlib
from typing import TYPE_CHECKING, Any

from symdyn import _started  # before all else: it looks at the clock
from symdyn.errors import CompileError, DeclarationError, ParseError, RecoveryError, SimulationError, SymdynError
from symdyn.models.boundary import Dirichlet, Neumann, Robin
from symdyn.models.branching import BranchingSystem
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.domains import Disk, Interval, Plane, Polygon, Rectangle
from symdyn.models.matrix import MatrixModel
from symdyn.models.moments import MomentSystem
from symdyn.models.ode import ODESystem
from symdyn.models.operators import div, dot, dx, dy, grad, integral, laplacian, mean, vector
from symdyn.models.pde import PDESystem
from symdyn.models.reaction import Burst, Event, Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.system import System

if TYPE_CHECKING:
    from symdyn import analysis, cells, discover, grids, leslie, methods, networks, projection, studies
    from symdyn.cells.colony import BulkCellSystem
    from symdyn.codegen.kernel import Kernel, compile
    from symdyn.derive.closures import CLOSURES
    from symdyn.discover.recover import recover
    from symdyn.discover.recovery import Recovery
    from symdyn.discover.regressors.operon import OperonRegression
    from symdyn.discover.regressors.pysr import PySRRegression
    from symdyn.discover.regressors.sparse import SparseRegression
    from symdyn.io.antimony import read_antimony
    from symdyn.io.sbml import read_sbml
    from symdyn.methods.registry import METHODS
    from symdyn.projection import MasterEquation
    from symdyn.simulation.run import simulate
    from symdyn.simulation.settings import Layout, Store

__version__ = "0.1.0"

#: Names whose modules bring in numba, jax or scikit-learn: they are imported when they are first used.
_LAZY = {
    "BulkCellSystem": "symdyn.cells.colony",
    "CLOSURES": "symdyn.derive.closures",
    "Kernel": "symdyn.codegen.kernel",
    "Layout": "symdyn.simulation.settings",
    "MasterEquation": "symdyn.projection",
    "METHODS": "symdyn.methods.registry",
    "OperonRegression": "symdyn.discover.regressors.operon",
    "PySRRegression": "symdyn.discover.regressors.pysr",
    "Recovery": "symdyn.discover.recovery",
    "SparseRegression": "symdyn.discover.regressors.sparse",
    "Store": "symdyn.simulation.settings",
    "compile": "symdyn.codegen.kernel",
    "read_antimony": "symdyn.io.antimony",
    "read_sbml": "symdyn.io.sbml",
    "recover": "symdyn.discover.recover",
    "simulate": "symdyn.simulation.run",
}

#: Packages that are imported when they are first used.
_PACKAGES = ("analysis", "cells", "discover", "grids", "leslie", "methods", "networks", "projection", "studies")

__all__ = [
    "CLOSURES",
    "METHODS",
    "BranchingSystem",
    "BulkCellSystem",
    "Burst",
    "CompileError",
    "DeclarationError",
    "Dirichlet",
    "DiscreteSystem",
    "Disk",
    "Event",
    "Interval",
    "Kernel",
    "Layout",
    "MasterEquation",
    "MatrixModel",
    "MomentSystem",
    "Neumann",
    "ODESystem",
    "OperonRegression",
    "PDESystem",
    "ParseError",
    "Plane",
    "Polygon",
    "PySRRegression",
    "Reaction",
    "ReactionNetwork",
    "Recovery",
    "RecoveryError",
    "Rectangle",
    "Robin",
    "SDESystem",
    "SimulationError",
    "SparseRegression",
    "Store",
    "SymdynError",
    "System",
    "analysis",
    "cells",
    "compile",
    "discover",
    "div",
    "dot",
    "dx",
    "dy",
    "grad",
    "grids",
    "integral",
    "laplacian",
    "leslie",
    "mean",
    "methods",
    "networks",
    "projection",
    "read_antimony",
    "read_sbml",
    "recover",
    "simulate",
    "studies",
    "vector",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    if name in _PACKAGES:
        return importlib.import_module(f"symdyn.{name}")
    raise AttributeError(f"module 'symdyn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
