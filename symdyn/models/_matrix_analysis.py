"""What a matrix model can tell of itself: doors to `symdyn.leslie`, a layer above, which is imported when it is first asked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from symdyn.leslie.standing import LastStanding
    from symdyn.leslie.transients import Transient
    from symdyn.models.branching import BranchingSystem

__all__ = ["MatrixAnalysis"]


class MatrixAnalysis:
    """Demography of a matrix model, as attributes.

    Results are exact, sympy numbers in object arrays, where the model's numbers are and a closed form of degree two or less
    exists; formulas, where parameters have no values and the model has one or two stages; floats otherwise.  Of a
    density-dependent model they are those at low density, where nobody is in each other's way: `at` freezes it at others.
    """

    # ---- growth --------------------------------------------------------------------------------

    @property
    def eigenvalues(self) -> np.ndarray:
        """All eigenvalues of A, (n,) complex, largest modulus first."""
        return _of("spectrum").eigenvalues(self)

    @property
    def growth_factor(self) -> Any:
        r"""The dominant eigenvalue :math:`\lambda`: by so much the population grows in a step in the long run.

        Of a matrix with negative entries the eigenvalue of largest modulus, which may be complex.
        """
        return _of("spectrum").spectrum(self).growth_factor

    @property
    def stable_structure(self) -> np.ndarray:
        """Right eigenvector w of the growth factor, (n,), adding up to 1: shares of the stages in the long run."""
        return _of("spectrum").spectrum(self).stable_structure

    @property
    def reproductive_values(self) -> np.ndarray:
        """Left eigenvector v, (n,), with the first stage (or the first not 0) at 1: what an individual will be worth."""
        return _of("spectrum").spectrum(self).reproductive_values

    @property
    def damping_ratio(self) -> float:
        r""":math:`\lambda / |\lambda_2|`: how fast the stable structure is approached; 1 if it is not."""
        return _of("spectrum").damping_ratio(self)

    # ---- perturbation --------------------------------------------------------------------------

    @property
    def sensitivities(self) -> np.ndarray:
        r""":math:`\partial \lambda / \partial a_{ij} = v_i w_j / \langle v, w \rangle`, (n, n)."""
        return _of("perturbation").sensitivities(self)

    @property
    def elasticities(self) -> np.ndarray:
        r""":math:`(a_{ij} / \lambda)\, \partial \lambda / \partial a_{ij}`, (n, n), adding up to 1."""
        return _of("perturbation").elasticities(self)

    def second_derivatives(self, i: int, j: int) -> np.ndarray:
        r""":math:`\partial^2 \lambda / \partial a_{ij} \partial a_{kl}` for all k, l, as an (n, n) array."""
        return _of("perturbation").second_derivatives(self, i, j)

    def vital_rates(self, *, symbolic: bool = False) -> pd.DataFrame:
        """Sensitivity and elasticity of the growth factor to each parameter of the matrix; see `symdyn.leslie.vital_rates`."""
        return _of("perturbation").vital_rates(self, symbolic=symbolic)

    # ---- life history --------------------------------------------------------------------------

    @property
    def net_reproductive_rate(self) -> Any:
        r""":math:`R_0 = \rho(F (I - T)^{-1})`: offspring of an individual in its life, in newborns."""
        return _of("traits").net_reproductive_rate(self)

    @property
    def generation_time(self) -> float:
        r""":math:`\ln R_0 / \ln \lambda`: steps in which the population grows by the factor R0."""
        return _of("traits").generation_time(self)

    def life_table(self, stage: Any = None, **options: Any) -> pd.DataFrame:
        """Survivorship, mortality, fecundity and life expectancy by age; see `symdyn.leslie.life_table`."""
        return _of("traits").life_table(self, stage, **options)

    def life_history(self, stage: Any = None) -> pd.Series:
        """Life-history traits of an individual born into a stage; see `symdyn.leslie.life_history`."""
        return _of("traits").life_history(self, stage)

    # ---- transients ----------------------------------------------------------------------------

    @property
    def reactivity(self) -> Any:
        r"""Largest growth in the first step, relative to :math:`\lambda`, over all beginnings: :math:`\|A/\lambda\|_1`."""
        return _of("transients").reactivity(self)

    @property
    def first_step_attenuation(self) -> Any:
        r"""Least growth in the first step relative to :math:`\lambda`: the smallest column sum of :math:`A/\lambda`."""
        return _of("transients").first_step_attenuation(self)

    @property
    def maximal_amplification(self) -> Transient:
        """Largest size, relative to stable growth, that any beginning of total 1 reaches, and the step at which it does."""
        return _of("transients").maximal_amplification(self)

    @property
    def maximal_attenuation(self) -> Transient:
        """Least size, relative to stable growth, that any beginning of total 1 reaches, and the step at which it does."""
        return _of("transients").maximal_attenuation(self)

    def inertia(self, initial: Any) -> Any:
        r"""Size in the long run relative to a population that began with the stable structure.

        .. math:: \frac{\langle v, \hat n \rangle \sum_i w_i}{\langle v, w \rangle},
            \qquad \hat n = n / \textstyle\sum_i n_i
        """
        return _of("transients").inertia(self, initial)

    @property
    def inertia_bounds(self) -> tuple[Any, Any]:
        """Largest and least inertia of any beginning."""
        return _of("transients").inertia_bounds(self)

    @property
    def kreiss_bounds(self) -> tuple[float, float]:
        r"""Upper and lower Kreiss bounds, :math:`\sup_{r>1} (r - 1) \|(r I - \hat A)^{-1}\|_1` and its lower counterpart."""
        return _of("transients").kreiss_bounds(self)

    # ---- structure -----------------------------------------------------------------------------

    @property
    def irreducible(self) -> bool:
        """Whether every stage contributes to every other in time."""
        return _of("structure").irreducible(self)

    @property
    def primitive(self) -> bool:
        """Whether some power of A is positive: the stable structure is then reached from everywhere."""
        return _of("structure").primitive(self)

    @property
    def ergodic(self) -> bool:
        """Whether growth in the long run is the same from every beginning."""
        return _of("structure").ergodic(self)

    @property
    def period(self) -> int:
        """Index of imprimitivity: the greatest common divisor of the lengths of all loops."""
        return _of("structure").period(self)

    # ---- several species -----------------------------------------------------------------------

    def growth_factor_approximation(self) -> Any:
        """Growth factor to second order in the coupling; see `symdyn.leslie.growth_factor_approximation`."""
        return _of("coupled").growth_factor_approximation(self)

    def last_standing(self, initial: Any = None) -> LastStanding:
        """Which of two competing species is left in the end; see `symdyn.leslie.last_standing`."""
        return _of("standing").last_standing(self, initial)

    def demographic(self, *, offspring: str = "poisson") -> BranchingSystem:
        """The population as whole individuals who survive and reproduce by chance; see `symdyn.leslie.demographic`."""
        return _of("extinction").demographic(self, offspring=offspring)

    # ---- to be seen ----------------------------------------------------------------------------

    def summary(self) -> pd.Series:
        """Growth, life history and transients in a table."""
        return _of("overview").summary(self)

    def draw(self, ax: Axes | None = None) -> Axes:
        """The life-cycle graph; see `symdyn.leslie.draw`."""
        return _of("drawing").draw(self, ax)


def _of(module: str) -> Any:
    return importlib.import_module(f"symdyn.leslie.{module}")
