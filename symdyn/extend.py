"""The public extension interface: registries, what is registered in them, and the classes that extensions derive from.

Whatever is added is one file that imports from here and registers itself; CONTRIBUTING.md has a recipe for each.  What is
registered is found by name wherever a built-in one is: ``method="..."``, ``closure="..."``, ``regressor="..."``.

=====================  ================================================================  ================================
to be added            derive from, or make an object of                                 register in
=====================  ================================================================  ================================
a kind of system       `System`, `SteppedSystem`, `SpatialSystem`                        `KINDS`
verbs of a kind        a base of `symdyn.attached`, such as `FlowVerbs`
an integrator          `ExplicitRungeKutta`, `Rosenbrock`, `TaylorSeries`,               `METHODS`
                       `FixedStepScheme`, `StochasticScheme`
a network method       `NetworkScheme` of a type that a family runs                      `METHODS`
options of a method    `AdaptiveOptions`, `FixedStepOptions`, `LeapingOptions` ...       ``options=`` of the method
a family of methods    `Family`                                                          `FAMILIES`
a moment closure       `Closure`                                                         `CLOSURES`
a surrogate            `Surrogate` (returns a `SurrogateFit`)                            `SURROGATES`, `FIELD_SURROGATES`
a regressor            an estimator of scikit-learn (finds `Candidate`)                  `REGRESSORS`
a boundary condition   `Condition`                                                       `CONDITIONS`
finite differences     `Differences` (of `Stencil`)                                      `STENCILS`
a domain               `Domain`
Green's functions      `Greens`                                                          `GREENS`, by the class of domain
a likelihood           `FitLikelihood` (makes an `Evaluator`)                            `LIKELIHOODS`
an executor            `Executor`
=====================  ================================================================  ================================

Examples
--------
A closure: the third central moment of a species is that of a Poisson distribution with the same mean.

>>> import symdyn as sd
>>> from symdyn import extend
>>> def express(index, moments):
...     return moments.mean(0) if index == (3,) else 0
>>> poissonian = extend.Closure("poissonian", express, kind="central", definition="third central moment equal to the mean")
>>> net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c")
>>> print(net.moments(2, closure=poissonian, central=True).drift[0])
-2*E[X]**2*c + 2*E[X]*c - 2*M[X^2]*c + k
"""

from __future__ import annotations

from symdyn_kernels.arguments.parts import Batch, Run

from symdyn.attached import DiffusionVerbs, FieldVerbs, FlowVerbs, MatrixVerbs, NetworkVerbs
from symdyn.cells.greens import GREENS, Greens
from symdyn.codegen.families import FAMILIES
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch
from symdyn.derive.closures.registry import CLOSURES, Closure
from symdyn.discover.regressors.registry import REGRESSORS, Candidate, complexity_of
from symdyn.discover.surrogates.registry import (
    FIELD_SURROGATES,
    SURROGATES,
    NothingLearnedError,
    Surrogate,
    SurrogateFit,
    TermSamples,
)
from symdyn.grids.stencils import STENCILS, Differences, Stencil, weights
from symdyn.inference.likelihoods import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms, SmoothedPath
from symdyn.methods.jump import JumpScheme, NetworkScheme
from symdyn.methods.leaping import DiffusionScheme, HybridScheme, LeapScheme
from symdyn.methods.options import (
    AdaptiveOptions,
    FixedStepOptions,
    JumpOptions,
    LeapingOptions,
    MethodOptions,
    check_positive,
    check_whole,
)
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.methods.series import TaylorSeries
from symdyn.methods.stochastic import FixedStepScheme, MapScheme, StepSymbols, StochasticScheme
from symdyn.models.boundary import CONDITIONS, Condition
from symdyn.models.domains import Domain
from symdyn.models.moment_algebra import Moments
from symdyn.models.random_steps import SteppedSystem
from symdyn.models.registry import KINDS
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import ModelText
from symdyn.registry import Registry
from symdyn.simulation.executors import Executor
from symdyn.system import PARTS, Equation, System

__all__ = [
    "CLOSURES", "CONDITIONS", "FAMILIES", "FIELD_SURROGATES", "GREENS", "KINDS", "LIKELIHOODS", "METHODS", "PARTS",
    "REGRESSORS", "STENCILS", "SURROGATES", "AdaptiveOptions", "Batch", "Candidate", "Closure", "Condition", "Differences",
    "DiffusionScheme", "DiffusionVerbs", "Domain", "Equation", "Evaluator", "Executor", "ExplicitRungeKutta", "Family",
    "FieldVerbs", "FitLikelihood", "FixedStepOptions", "FixedStepScheme", "FlowVerbs", "Greens", "HybridScheme",
    "JumpOptions", "JumpScheme", "Launch", "LeapScheme", "LeapingOptions", "LikelihoodTerms", "MapScheme", "MatrixVerbs",
    "MethodOptions", "ModelText", "Moments", "NetworkScheme", "NetworkVerbs", "NothingLearnedError", "Registry", "Rosenbrock",
    "Run", "SmoothedPath", "SpatialSystem", "Stencil", "StepSymbols", "SteppedSystem", "StochasticScheme", "Surrogate",
    "SurrogateFit", "System", "TaylorSeries", "TermSamples", "check_positive", "check_whole", "complexity_of", "weights",
]  # fmt: skip
