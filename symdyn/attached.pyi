"""Generated from the table of `symdyn.verbs` by ``python -m tests.house.attached_stub``; changes are lost."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from matplotlib.axes import Axes

from symdyn.analysis.identifiability import StructuralIdentifiability
from symdyn.automata.card_kernel import AutomatonCardKernel
from symdyn.automata.hamiltonians import StepHamiltonian
from symdyn.automata.kernel import AutomatonFrame, AutomatonKernel
from symdyn.automata.operators import StepOperator
from symdyn.automata.waves import WaveFunction
from symdyn.cells import spectrum
from symdyn.cells._reduced_cells import ReducedCells
from symdyn.cells.exchange import AsymptoticExchange
from symdyn.cells.frames import CellsFrame
from symdyn.cells.full import FullBulkCells
from symdyn.cells.greens._base import Greens
from symdyn.cells.kernel import CellsKernel
from symdyn.cells.values import CellValues
from symdyn.derive.semilinear import SemilinearForm
from symdyn.discover.recovery import Recovery
from symdyn.elements.frames import ElementFrame
from symdyn.elements.kernel import ElementKernel
from symdyn.elements.rest import ElementRest
from symdyn.elements.system import ElementSystem
from symdyn.grids.card_kernel import GridCardKernel
from symdyn.grids.frames import GridFrame
from symdyn.grids.kernel import GridKernel
from symdyn.grids.rest import GridRest
from symdyn.grids.system import GridSystem
from symdyn.inference.cross_validation import CrossValidation
from symdyn.inference.designs import ExperimentDesign
from symdyn.inference.fits import Fit
from symdyn.inference.resampling import BootstrapSamples
from symdyn.inference.validity import FitValidity
from symdyn.integration.rest import RestProblem
from symdyn.leslie.coupled import GrowthFactor
from symdyn.leslie.standing import LastStanding
from symdyn.leslie.transients import Transient
from symdyn.methods.options import MethodOptions
from symdyn.models.branching import BranchingSystem
from symdyn.models.colony import BulkCellSystem
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.events import Event
from symdyn.models.moments import MomentSystem
from symdyn.models.ode import ODESystem
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.networks.complexes import Structure
from symdyn.networks.conservation import ConservationLaw
from symdyn.projection.equation import MasterEquation
from symdyn.reduction.assimilation import Assimilation
from symdyn.reduction.reduced import ReducedSystem
from symdyn.transport.densities import GaussianMixture

class FlowVerbs:
    def moments(
        self, order: int, closure: Any = "normal", *, central: bool = False, taylor_order: int | None = None
    ) -> MomentSystem:
        """Equations of the moments up to an order, closed."""
    def cumulants(self, order: int, closure: Any = "normal", *, taylor_order: int | None = None) -> MomentSystem:
        """Equations of means and cumulants up to an order, closed as those of `moments`."""
    def to_sbml(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as SBML level 3 version 1."""
    def to_antimony(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as Antimony, which `read_antimony` reads back."""
    def index_reduced(self, *, eliminate: bool = False) -> Any:
        """The system with its algebraic equations differentiated until they determine their unknowns: of index 1."""
    def jacobian(self) -> sp.Matrix:
        """Derivatives of the rates of change, or of the next values of a map, by the states."""
    def to_text(self, path: str | Path | None = None) -> str:
        """A system as a text that ``from_text`` of its class reads back: equations, events, parameters and initial values."""
    def with_log_density(self, name: str = "log_density") -> ODESystem:
        """The system with one more state, the change of the logarithm of the density along its flow."""
    def semilinear(self) -> SemilinearForm:
        """Split rates of change into linear part and rest, :math:`\\dot x_i = a_i(t)\\, x_i + c_i(t) + g_i(t)\\, N_i(x, t)`."""
    def discretize(self, method: str, step: Any = "h", *, momenta: Iterable[Any] | None = None) -> DiscreteSystem:
        """The map that a method with steps of one length makes of differential equations."""
    def with_events(
        self, events: Event | Iterable[Event], parameters: Mapping[Any, float] | None = None
    ) -> ODESystem | SDESystem | ReactionNetwork:
        """The same system with further events, after those that it has; they are checked as in a new declaration."""

class MapVerbs:
    def to_sbml(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as SBML level 3 version 1."""
    def to_antimony(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as Antimony, which `read_antimony` reads back."""
    def modified_equation(self, step: Any = "h", order: int = 2) -> ODESystem:
        """The differential equation that a map with small steps follows, to any order in their length."""
    def jacobian(self) -> sp.Matrix:
        """Derivatives of the rates of change, or of the next values of a map, by the states."""
    def to_text(self, path: str | Path | None = None) -> str:
        """A system as a text that ``from_text`` of its class reads back: equations, events, parameters and initial values."""

class DiffusionVerbs:
    def to_sbml(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as SBML level 3 version 1."""
    def to_antimony(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as Antimony, which `read_antimony` reads back."""
    def exponent_at_zero(self) -> sp.Expr:
        """The rate at which solutions near 0 grow, :math:`\\lambda = f'(0) - \\tfrac12 \\sum_k g_k'(0)^2`, almost surely."""
    def moments(
        self, order: int, closure: Any = "normal", *, central: bool = False, taylor_order: int | None = None
    ) -> MomentSystem:
        """Equations of the moments up to an order, closed."""
    def cumulants(self, order: int, closure: Any = "normal", *, taylor_order: int | None = None) -> MomentSystem:
        """Equations of means and cumulants up to an order, closed as those of `moments`."""
    def probability_flow(self, score: Any, *, horizon: Any = None) -> ODESystem:
        """The ordinary differential equations whose flow has the marginals of a diffusion."""
    def reverse_time(self, score: Any, *, horizon: Any = None, noise: Any = 1) -> SDESystem | ODESystem:
        """The process that runs backwards from a time T, in :math:`\\tau = T - t`."""
    def h_transform(self, end: Mapping[Any, Any], *, horizon: Any) -> SDESystem:
        """A linear diffusion that is conditioned to be at a point at a time T: Doob's transform, a bridge."""
    def marginal(
        self, density: GaussianMixture, time: Any = None, *, start: Any = 0, alpha: Any = None, sigma: Any = None
    ) -> Any:
        """The density of a linear diffusion at all times, of :math:`\\dot m = a m + c,\\; \\dot v = 2 a v + g^2` in closed form."""
    def to_text(self, path: str | Path | None = None) -> str:
        """A system as a text that ``from_text`` of its class reads back: equations, events, parameters and initial values."""
    def with_events(
        self, events: Event | Iterable[Event], parameters: Mapping[Any, float] | None = None
    ) -> ODESystem | SDESystem | ReactionNetwork:
        """The same system with further events, after those that it has; they are checked as in a new declaration."""

class NetworkVerbs:
    def with_events(
        self, events: Event | Iterable[Event], parameters: Mapping[Any, float] | None = None
    ) -> ODESystem | SDESystem | ReactionNetwork:
        """The same system with further events, after those that it has; they are checked as in a new declaration."""
    def rate_equations(self, *, concentrations: bool = False) -> ODESystem:
        """The rate equations of a network, which are the limit of large volumes."""
    def langevin(self) -> SDESystem:
        """The chemical Langevin equation (Itô) of a network, in molecule numbers."""
    def linear_noise(self) -> MomentSystem:
        """Means by the rate equations and covariances by the linear noise approximation."""
    def system_size(self, order: int) -> MomentSystem:
        """Means and covariances of a network by the system-size expansion to any order."""
    def moments(
        self, order: int, closure: Any = "normal", *, central: bool = False, taylor_order: int | None = None
    ) -> MomentSystem:
        """Equations of the moments up to an order, closed."""
    def cumulants(self, order: int, closure: Any = "normal", *, taylor_order: int | None = None) -> MomentSystem:
        """Equations of means and cumulants up to an order, closed as those of `moments`."""
    def master_equation(
        self,
        upper: Mapping[Any, int | None] | int | None = None,
        lower: Mapping[Any, int] | int | None = None,
        *,
        max_states: int = ...,
    ) -> MasterEquation:
        """The chemical master equation of a network, on a box of states or on a set that grows with the distribution."""
    def renamed(self, names: Mapping[Any, Any]) -> ReactionNetwork:
        """The network with other names of species, parameters or observables."""
    def with_reactions(
        self, reactions: str | Iterable[Reaction | tuple[Any, ...]], parameters: Mapping[Any, float] | None = None
    ) -> ReactionNetwork:
        """The network with further reactions."""
    def __add__(self, second: ReactionNetwork) -> ReactionNetwork:
        """The union of two networks; species and parameters of the same name are identified."""
    def conservation_laws(self) -> tuple[ConservationLaw, ...]:
        """A basis of the conservation laws, :math:`y^T S = 0` with integers y."""
    def eliminate(self, species: Any, total: Any = None) -> ReactionNetwork:
        """The network without a conserved species, whose number follows from the others."""
    def structure(self) -> Structure:
        """The complexes of a network and the reactions between them."""
    @property
    def deficiency(self) -> int:
        """The deficiency of a network, :math:`\\delta = n - \\ell - \\operatorname{rank} S`."""
    def draw(self, ax: Axes | None = None, *, kind: str = "species") -> Axes:
        """Draw a network."""
    def _repr_html_(self) -> str:
        """The notebook page of a network: reactions, stoichiometry, values, conservation laws and deficiency."""
    def to_sbml(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as SBML level 3 version 1."""
    def to_text(self, path: str | Path | None = None) -> str:
        """A system as a text that ``from_text`` of its class reads back: equations, events, parameters and initial values."""
    def to_antimony(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as Antimony, which `read_antimony` reads back."""

class MatrixVerbs:
    @property
    def eigenvalues(self) -> np.ndarray:
        """All eigenvalues of A, largest modulus first; of equal moduli the largest real part first."""
    @property
    def growth_factor(self) -> Any:
        """The dominant eigenvalue :math:`\\lambda` of A, the asymptotic growth per step."""
    @property
    def stable_structure(self) -> np.ndarray:
        """Right eigenvector w of the growth factor, scaled to a sum of 1: the asymptotic shares of the stages."""
    @property
    def reproductive_values(self) -> np.ndarray:
        """Left eigenvector v of the growth factor, relative to its first entry that is not 0."""
    @property
    def damping_ratio(self) -> float:
        """Damping ratio :math:`\\lambda_1 / |\\lambda_2|`, with eigenvalues counted by multiplicity."""
    @property
    def sensitivities(self) -> np.ndarray:
        """Sensitivities of the growth factor to all entries of the matrix, also to those that are 0."""
    @property
    def elasticities(self) -> np.ndarray:
        """Elasticities of the growth factor, its proportional sensitivities, which add up to 1."""
    def second_derivatives(self, i: Any, j: Any) -> np.ndarray:
        """Second derivatives of the growth factor by the entry (i, j) and every other."""
    def vital_rates(self, *, symbolic: bool = False) -> pd.DataFrame:
        """Derivatives of the growth factor by the parameters of the matrix."""
    @property
    def net_reproductive_rate(self) -> Any:
        """Net reproductive rate :math:`R_0 = \\rho(F (I - T)^{-1})`: the growth factor from one generation to the next."""
    @property
    def generation_time(self) -> float:
        """Generation time :math:`\\ln R_0 / \\ln \\lambda`: the time in which the population grows by the factor R0."""
    def life_table(self, stage: Any = None, *, ages: int | None = None) -> pd.DataFrame:
        """Survivorship, mortality, fecundity and life expectancy by age."""
    def life_history(self, stage: Any = None) -> pd.Series:
        """Life-history traits of a cohort that begins in a stage."""
    @property
    def reactivity(self) -> Any:
        """Reactivity: the largest growth in the first step, relative to :math:`\\lambda`, over all initial structures."""
    @property
    def first_step_attenuation(self) -> Any:
        """The smallest growth in the first step, relative to :math:`\\lambda`, over all initial structures."""
    @property
    def maximal_amplification(self, initial: Any = None) -> Transient:
        """The largest size that is ever reached, :math:`\\max_{t \\ge 0} \\|\\hat A^t\\|_1`."""
    @property
    def maximal_attenuation(self, initial: Any = None) -> Transient:
        """The smallest size that is ever reached, :math:`\\min_{t \\ge 0} \\min_j \\sum_i (\\hat A^t)_{ij}`."""
    @property
    def inertia_bounds(self) -> tuple[Any, Any]:
        """Largest and smallest inertia over all initial structures, those with all individuals in one stage."""
    @property
    def kreiss_bounds(self) -> tuple[float, float]:
        """Bounds of amplification and attenuation from the resolvent."""
    def inertia(self, initial: Any) -> Any:
        """Population inertia: the asymptotic size relative to a population of the same total with the stable structure."""
    @property
    def irreducible(self) -> bool:
        """Whether every stage contributes, over time, to every other: the life-cycle graph is strongly connected."""
    @property
    def primitive(self) -> bool:
        """Whether the matrix is irreducible with loops of no common divisor, so that some power of it is positive."""
    @property
    def ergodic(self) -> bool:
        """Whether asymptotic growth is independent of the initial structure."""
    @property
    def period(self) -> int:
        """The greatest common divisor of the lengths of all loops, the index of imprimitivity."""
    def growth_factor_approximation(self) -> GrowthFactor:
        """The growth factor of two coupled populations to second order in their coupling."""
    def last_standing(self, initial: Any = None) -> LastStanding:
        """Which of two linearly competing species survives, and the separatrix between both outcomes."""
    def demographic(self, *, offspring: str = "poisson") -> BranchingSystem:
        """The branching process of discrete individuals, which survive, grow and reproduce at random and independently."""
    def summary(self) -> pd.Series:
        """Growth, life history, transients and structure of a matrix model; NaN where something is not defined."""
    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw the life-cycle graph: an arrow from stage to stage wherever one contributes to the other."""

class FieldVerbs:
    def to_sbml(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as SBML level 3 version 1."""
    def to_antimony(self, path: str | Path | None = None) -> str:
        """Write a network or an ODE system as Antimony, which `read_antimony` reads back."""
    def discretize(
        self,
        points: int | Sequence[int],
        *,
        order: int = 2,
        scheme: str = "finite differences",
        dealias: bool = True,
        implicit: Mapping[Any, Any] | None = None,
        advection: str = "central",
    ) -> GridSystem:
        """The system on a grid of cells, to be simulated."""
    def mesh(self, mesh: Any = None) -> ElementSystem:
        """The system on quadratic finite elements, to be simulated."""
    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> GridFrame | ElementFrame:
        """Initial values and variables of fields, on a grid of `discretize` with so many cells, or on a mesh of this size."""
    def at_rest(self) -> RestProblem:
        """Refused: a system of fields needs a grid before its stationary equations are numbers."""

class GridVerbs:
    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> GridFrame:
        """Initial values and variables of fields on a grid."""
    def kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> GridKernel:
        """The kernel of fields on a grid."""
    def card_kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> GridCardKernel:
        """The kernel of fields on a grid for CUDA cards."""
    def at_rest(self) -> GridRest:
        """The stationary equations of fields on a grid."""

class ElementVerbs:
    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> ElementFrame:
        """Initial values and variables of fields on elements."""
    def kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> ElementKernel:
        """The kernel of fields on elements."""
    def at_rest(self) -> ElementRest:
        """The stationary equations of fields on elements."""

class AutomatonVerbs:
    def mean_field(self) -> DiscreteSystem:
        """The map of densities in the mean-field closure, in which all cells are independent."""
    def pairs(self) -> DiscreteSystem:
        """The map of density and density of neighbouring pairs in the pair closure, in which cells are a Markov chain in space."""
    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> AutomatonFrame:
        """Initial probabilities and variables of an automaton."""
    def kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> AutomatonKernel:
        """The kernel of an automaton."""
    def card_kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> AutomatonCardKernel:
        """The kernel of an automaton for CUDA cards."""
    def step_operator(self, parameters: Mapping[Any, float] | None = None) -> StepOperator:
        """The step operator S of the Markov chain, :math:`p(t+1) = S\\,p(t)`, on all :math:`2^n` states of n cells."""
    def hamiltonian(self) -> StepHamiltonian:
        """The Hamiltonian H of a reversible automaton, :math:`S = e^{-iH}`, with energies in :math:`(-\\pi, \\pi]`."""
    def wave_function(self, p: Any = None, *, amplitudes: Any = None) -> WaveFunction:
        """The wave function of a distribution over the states of a reversible automaton, :math:`q_s = \\sqrt{p_s}`."""

class MasterVerbs:
    def transient(
        self,
        t: float | Sequence[float],
        initial: Any = None,
        parameters: Mapping[Any, float] | None = None,
        *,
        tolerance: float = 1e-08,
        method: str | MethodOptions = "krylov",
        start: float = 0.0,
        layout: str | None = None,
    ) -> xr.DataArray:
        """Distributions at one or several times."""
    def stationary(
        self,
        parameters: Mapping[Any, float] | None = None,
        initial: Any = None,
        *,
        tolerance: float = 1e-10,
        layout: str | None = None,
    ) -> xr.DataArray:
        """The stationary distribution, :math:`A\\pi = 0`."""
    def moments(self, p: xr.DataArray | None = None, order: int = 2, *, central: bool = False) -> xr.Dataset:
        """Moments up to an order of a distribution, the stationary one unless given."""
    def transient_sensitivity(
        self,
        t: float | Sequence[float],
        wrt: Any,
        initial: Any = None,
        parameters: Mapping[Any, float] | None = None,
        *,
        tolerance: float = 1e-08,
    ) -> xr.DataArray:
        """Derivatives of the transient distribution with respect to a parameter."""
    def stationary_sensitivity(
        self, parameters: Mapping[Any, float] | None = None, wrt: Any = None, initial: Any = None, *, tolerance: float = 1e-10
    ) -> xr.DataArray:
        """Derivative of the stationary distribution with respect to a parameter."""

class FitVerbs:
    def profile(
        self,
        parameter: Any,
        *,
        values: Sequence[float] | None = None,
        points: int = 41,
        level: float | None = None,
        budget: float | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | Callable[[str, float], None] | None = None,
    ) -> xr.Dataset:
        """Profile likelihood of one fitted parameter, and the interval that it gives."""
    def bootstrap(
        self,
        repeats: int = 200,
        *,
        seed: int = 0,
        parametric: bool = False,
        trajectory: int = 0,
        budget: float | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | Callable[[str, float], None] | None = None,
    ) -> BootstrapSamples:
        """Samples of fitted parameters and initial values, from fits to data made anew."""
    def predict(self, times: Sequence[float] | np.ndarray, *, trajectory: int = 0, level: float | None = None) -> xr.Dataset:
        """States and observables of a trajectory at any times from its beginning on, with bands of what is expected."""
    def smooth(
        self, times: Sequence[float] | np.ndarray | None = None, *, trajectory: int = 0, level: float | None = None
    ) -> xr.Dataset:
        """The law of the states of a fitted path at every time, given all that was measured of it; see `symdyn.smooth`."""
    def validity(
        self,
        repeats: int = 100,
        *,
        seed: int = 0,
        budget: float | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | Callable[[str, float], None] | None = None,
    ) -> FitValidity:
        """Whether the approximation in the likelihood of a fit matters: its bias beside the standard errors."""
    def cross_validate(
        self,
        folds: int | None = None,
        *,
        by: str = "time",
        seed: int | None = None,
        budget: float | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | Callable[[str, float], None] | None = None,
    ) -> CrossValidation:
        """Foretell every fold of the data by a fit to the others: :math:`\\sum_i \\log p(y_i\\,|\\,\\hat\\theta_{-f(i)})`."""
    def sample(
        self,
        draws: int = 1000,
        *,
        tune: int = 1000,
        sampler: str = "walkers",
        walkers: int | None = None,
        thin: int | None = None,
        chains: int | None = None,
        seed: int | None = None,
        budget: float | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | Callable[[str, float], None] | None = None,
    ) -> arviz.InferenceData:
        """Sample the posterior of a fit with an ensemble of walkers, of which half are simulated at once, or with its gradients."""
    def loo(self, samples: arviz.InferenceData, **options: Any) -> arviz.ELPDData:
        """Foretell each measurement by the posterior without it, from samples of the whole posterior."""
    def design(
        self,
        times: Sequence[float] | np.ndarray,
        *,
        count: int = 1,
        criterion: str = "D",
        of: Iterable[Any] | None = None,
        observables: Iterable[Any] | None = None,
        conditions: Mapping[str, Mapping[Any, Any]] | None = None,
        trajectory: int = 0,
        beside: bool = True,
    ) -> ExperimentDesign:
        """Choose further measurements from which the fitted values will be known best."""
    @property
    def identifiability(self) -> StructuralIdentifiability:
        """What exact data of the observables, at all times, would tell of the fitted values: `symdyn.identifiability`."""
    def plot(self, *, trajectories: Any = None, axes: Any = None) -> Any:
        """Data of every observable with the fitted curve and the band of what is expected, a panel for each."""
    def plot_optima(self, *, ax: Any = None) -> Any:
        """Where the starts ended: the logarithm of the posterior below its greatest value, in order."""
    def plot_residuals(self, *, axes: Any = None) -> Any:
        """Residuals over their scale along time, a panel for each observable, and their quantiles against the normal law."""
    def plot_profiles(self, names: Iterable[Any] | Any | None = None, *, axes: Any = None) -> Any:
        """Profile likelihoods: twice the fall of the log posterior along each parameter, the others fitted again."""
    def plot_correlations(self, *, ax: Any = None) -> Any:
        """Correlations of the fitted values: blue where both are too large together, red where one makes up for the other."""
    def plot_parameters(self, *, below: float = 10.0, ax: Any = None) -> Any:
        """Where starts ended, a line for each: values as shares of the range that the starts reached, the best optimum in front."""
    @property
    def correlations(self) -> pd.DataFrame:
        """Correlations of the fitted values by Laplace's approximation, :math:`C_{ij}/\\sqrt{C_{ii} C_{jj}}`."""
    def save(self, path: str | Path) -> None:
        """Write a fit with its data to a netCDF file, which `Fit.load` reads."""
    @staticmethod
    def load(path: str | Path) -> Fit:
        """Read a fit that ``fit.save(path)`` wrote, with its data: it predicts, and its profiles go on."""

class LearnedVerbs:
    def plot(self, *, axes: Any = None) -> Any:
        """Data and run of every state of the first trajectory, then every network along it, with twice the members' spread."""

class RecoveryVerbs:
    def plot(self, *, axes: Any = None) -> Any:
        """Data, fit and continuation of every state, then every unknown term along the fit with its 90 % band."""
    def plot_front(self, ax: Any = None) -> Any:
        """Error of every candidate over its complexity, the front of those that nothing simpler beats, and the one chosen."""
    def predict(
        self,
        times: Sequence[float] | np.ndarray,
        initial: Mapping[Any, Any] | None = None,
        parameters: Mapping[Any, Any] | None = None,
        *,
        band: float | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Simulate the first system."""
    def score(self, data: Any = None, initial: Mapping[Any, float] | None = None) -> pd.DataFrame:
        """Coefficients of determination of the first system on data, by state."""
    def optima(self, count: int = 20, *, seed: int = 0) -> pd.DataFrame:
        """Fit the first system again from scattered values of its constants, under the law of its errors."""
    def save(self, folder: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
        """Write a `Recovery` to a folder, which is created; files of the same names are replaced."""
    @staticmethod
    def load(folder: str | Path) -> Recovery:
        """Read a recovery that ``found.save(folder)`` wrote, with its data."""

class DiffusionRecoveryVerbs:
    def plot(self, *, axes: Any = None) -> Any:
        """Drift and squared noise with 90 % bands against averages of increments in bins: a panel for each unknown function."""

class FieldRecoveryVerbs:
    def plot(self, *, axes: Any = None) -> Any:
        """Snapshots of every field with the run of the first system, and how sure each term is."""
    def score(self, data: Any = None, initial: Mapping[Any, Any] | None = None) -> pd.DataFrame:
        """Coefficients of determination of runs of the first system on data, by field."""

class PropensityRecoveryVerbs:
    def plot(self, *, axes: Any = None) -> Any:
        """Every propensity with its 90 % band, then snapshots against the first system."""

class ColonyVerbs:
    def values(self, parameters: Mapping[Any, Any] | None = None) -> CellValues:
        """The colony with numbers in place of its parameters."""
    @property
    def greens(self) -> Greens:
        """Green's functions of the domain of a colony; colonies in equal domains share them."""
    def exchange(self, parameters: Mapping[Any, Any] | None = None) -> AsymptoticExchange:
        """The linear exchange of cells and bulk, to all orders in :math:`\\nu = -1/\\log\\epsilon`."""
    def steady_state(self, parameters: Mapping[Any, Any] | None = None, *, guess: Any = None) -> xr.Dataset:
        """Steady state of small cells, to all orders in :math:`\\nu`."""
    def bulk_field(self, at: Any, parameters: Mapping[Any, Any] | None = None) -> np.ndarray:
        """Steady bulk concentration of small cells, :math:`U(x) = -2\\pi\\sum_j A_j G(x; x_j)`."""
    def eigenvalues(self, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> np.ndarray:
        """Eigenvalues of the steady state by the theory of small cells, growing first; conjugates follow each other."""
    def modes(self, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> spectrum.Spectrum:
        """Eigenvalues of the steady state with their modes, by the theory of small cells."""
    def unstable_count(self, parameters: Mapping[Any, Any] | None = None) -> int:
        """Number of growing eigenvalues by the winding number, conjugates counted."""
    def hopf_curve(
        self,
        vary: tuple[Any, Any] = ...,
        *,
        parameters: Mapping[Any, float] | None = None,
        bounds: Mapping[Any, tuple[float, float]] | None = None,
        start: Mapping[Any, float] | None = None,
        scans: int = 5,
        samples: int = 24,
    ) -> xr.Dataset:
        """One Hopf curve in the plane of two parameters: through the point nearest to a start, or the border of stability."""
    def hopf_curves(
        self,
        vary: tuple[Any, Any] = ...,
        *,
        parameters: Mapping[Any, float] | None = None,
        bounds: Mapping[Any, tuple[float, float]] | None = None,
        scans: int = 5,
        samples: int = 24,
    ) -> list[xr.Dataset]:
        """All Hopf curves that cross one of the scanned lines, by the asymptotic theory."""
    def well_mixed(self) -> ODESystem:
        """Infinitely fast diffusion: all cells feel the mean of the bulk."""
    def at_wave(self, wave: Any) -> BulkCellSystem:
        """The same cells with perturbations of another wave vector."""
    def wave_growth(self, parameters: Mapping[Any, Any] | None = None, *, waves: int = 9) -> xr.Dataset:
        """Rightmost eigenvalue of each wave vector in the Brillouin zone, by the theory of small cells."""
    def large_diffusion(self, modes: int = 0) -> ODESystem:
        """Fast diffusion, :math:`D = D_0/\\nu` with :math:`\\nu = -1/\\log\\epsilon`: the mean of the bulk and its slowest modes."""
    def reduce(
        self,
        parameters: Mapping[Any, Any] | None = None,
        *,
        tolerance: float = 1e-06,
        diffusion: Any = None,
        delay: Any = None,
        frequencies: float | None = None,
        influx: Mapping[Any, Any] | None = None,
        mesh: Any = None,
    ) -> ReducedCells:
        """Ordinary differential equations for a colony, some ten to a hundred, with D and tau as parameters."""
    def full(self, mesh: Any = None, *, keep_bulk: Any = False) -> FullBulkCells:
        """The full system of a colony, partial and ordinary differential equations, by finite elements."""
    def draw(
        self,
        ax: Axes | None = None,
        *,
        values: Any = None,
        parameters: Mapping[Any, Any] | None = None,
        label: str | None = None,
        limits: tuple[float, float] | None = None,
        cmap: Any = "viridis",
        numbers: bool | None = None,
    ) -> Axes:
        """Draw a colony: its domain, and its cells to scale with their numbers."""
    def plot_bulk(
        self,
        parameters: Mapping[Any, Any] | None = None,
        ax: Axes | None = None,
        *,
        field: Any = None,
        mesh: Any = None,
        species: int = 0,
        levels: Any = 14,
        points: int = 110,
        label: str | None = None,
        numbers: bool | None = None,
    ) -> Axes:
        """Contours of the bulk concentration."""
    def plot_mode(
        self,
        modes: Any,
        k: int = 0,
        ax: Axes | None = None,
        *,
        species: int = 0,
        reference: int | None = None,
        numbers: bool | None = None,
    ) -> Axes:
        """A mode as phasors on the map: amplitude and phase of the secreted state of each cell."""
    def animate(
        self,
        data: xr.Dataset,
        path: str | os.PathLike[str],
        *,
        state: Any = None,
        species: int = 0,
        mesh: Any = None,
        frames: int | None = 100,
        fps: float = 20,
        dpi: float = 100,
    ) -> Path:
        """Cells that pulse over the bulk, and their traces, as a film."""

class FullVerbs:
    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> CellsFrame:
        """Initial values and variables of runs of the full system."""
    def kernel(self, method: str, options: MethodOptions, *, until: Any = None) -> CellsKernel:
        """The kernel of the full system of a colony."""

class ModeVerbs:
    def assimilate(
        self,
        sensors: Any,
        at: Mapping[str, Any],
        *,
        noise: Any = None,
        parameters: Mapping[Any, Any] | Sequence[Any] = ...,
        starts: int = 4,
        level: float = 0.9,
        seed: int = 0,
        **options: Any,
    ) -> Assimilation:
        """The initial coordinates, and parameters, that follow from measurements of the full system in a few places."""
    def save(self, path: Any) -> None:
        """Write a reduced system to a file of numpy's npz format, without pickled objects."""
    @staticmethod
    def load(path: Any) -> ReducedSystem:
        """What `ReducedSystem.save` wrote; it simulates to the same bits."""

class ReducedVerbs:
    def diagonal(
        self, vary: Mapping[Any, Any] | None = None, *, tolerance: float | None = None
    ) -> tuple[ODESystem, dict[str, Any]]:
        """The system at given diffusivities in its fastest form, in which no state of the bulk feels another."""
