"""BulkCellSystem: cells with kinetics of their own in a bulk through which what they secrete diffuses and decays."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from symdyn.cells._colony import DeclaredColony
from symdyn.cells._declaration import guess as read_guess
from symdyn.errors import DeclarationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdyn.cells.exchange import AsymptoticExchange
    from symdyn.cells.full import FullBulkCells
    from symdyn.cells.greens import Greens
    from symdyn.cells.reduction import ReducedCells
    from symdyn.cells.spectrum import Spectrum
    from symdyn.cells.steady import SteadyState
    from symdyn.models.ode import ODESystem

__all__ = ["BulkCellSystem"]


class BulkCellSystem(DeclaredColony):
    r"""Small cells that secrete into, and sense, a diffusing and decaying bulk.

    Of m cells, discs :math:`\Omega_j` of radius :math:`\epsilon` with kinetics :math:`F_j`, each exchanges one of its states,
    the secreted one, with the bulk through a permeable wall:

    .. math::
        \tau\, \partial_t U &= D \Delta U - U \quad \text{outside the cells}, \qquad
        \partial_n U = 0 \text{ on } \partial\Omega \\
        \epsilon D\, \partial_n U &= d_{1j} U - d_{2j} u_{1j} \quad \text{on } \partial\Omega_j \\
        \dot u_j &= F_j(u_j) + \frac{e_1}{\epsilon\tau} \oint_{\partial\Omega_j} (d_{1j} U - d_{2j} u_{1j})\, \mathrm dl

    Lengths, times and concentrations are dimensionless; n points out of the cell.  Several secreted states make several bulk
    species, each with such an equation.  From this one declaration come four routes: the asymptotic theory of small cells
    (`steady_state`, `eigenvalues`, `hopf_curve`), limits of fast diffusion (`large_diffusion`, `well_mixed`), the full system
    by finite elements (`full`), and a reduced system of ODEs that reproduces the latter to a tolerance (`reduce`).

    Parameters
    ----------
    domain : Disk, Rectangle, Polygon or Plane
    radius : float
        :math:`\epsilon`, of every cell.
    centers : sequence of (x, y)
    kinetics : ODESystem or sequence of them
        Inside the cells; one for all, or one for each.
    secreted : str, Symbol or sequence of them
        The state (of every kinetics) that passes the wall; several for several bulk species.
    influx, efflux : number, Symbol or sequence of them; with several species a mapping from each secreted state
        Permeabilities :math:`d_1` and :math:`d_2`, one for all cells or one for each; symbols become parameters.
    parameters : mapping, optional
        Default values.  The parameters are ``D`` and ``tau`` (``D_v``, ``tau_v`` ... of several species), symbols in
        permeabilities, and those of the kinetics: one for all cells, except those whose default differs from cell to cell,
        which are numbered, ``alpha_1`` ..., as are those named in `individual`.
    individual : sequence of str
        Kinetic parameters of which every cell has its own.

    Attributes
    ----------
    states : tuple of Symbol
        States of the cells, ``v_1, w_1, v_2, ...``, then the bulk concentrations, ``U`` (``U_v`` ... of several species).
    bulk : tuple of Symbol
        The bulk concentrations alone.
    kinetics : tuple of ODESystem
        Of each cell.

    Raises
    ------
    DeclarationError
        If cells overlap or leave the domain, or something is missing or does not fit.

    References
    ----------
    Gou & Ward, Journal of Nonlinear Science 26 (2016) 979-1029; Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems
    20 (2021) 438-499.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> colony = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> [p.name for p in colony.parameters]
    ['D', 'alpha', 'mu', 'tau', 'zeta']
    >>> complex(colony.eigenvalues({"D": 1, "tau": 0.55})[0].round(4))
    (0.0143+0.7617j)
    """

    @cached_property
    def greens(self) -> Greens:
        """Green's functions of the domain, see `symdyn.cells.greens`."""
        return _of("greens").greens_function(self.domain)

    def exchange(self, parameters: Mapping[Any, Any] | None = None) -> AsymptoticExchange:
        r"""The linear bulk as the cells see it, to all orders in :math:`\nu = -1/\log\epsilon`."""
        return _of("exchange").AsymptoticExchange(self.values(parameters), self.greens)

    # ---- asymptotic theory ---------------------------------------------------------------------

    def steady_state(self, parameters: Mapping[Any, Any] | None = None, *, guess: Any = None) -> xr.Dataset:
        r"""Steady state of small cells, to all orders in :math:`\nu`.

        Its error is of order :math:`\epsilon^2|\log\epsilon|/D` while D is small, and of :math:`\epsilon^2` where it is
        large: the area of the cells counts to the bulk.

        Parameters
        ----------
        parameters : mapping, optional
            Values over the defaults.
        guess : array (n,) or mapping of states to values, optional
            Where to begin, if there are several steady states.

        Returns
        -------
        xarray.Dataset
            Each state of the kinetics with dim ``cell`` (NaN where a cell has no such state), and the strength ``A`` of each
            cell as a source, :math:`U = -2\pi \sum_j A_j G(x; x_j)` (dims ``species`` and ``cell`` of several species); where a
            state is called A, it is ``A_source``.

        Raises
        ------
        SymdynError
            If none is found.
        """
        found = self._steady(parameters, guess)
        variables: dict[str, Any] = {}
        values = self.values(parameters)
        for j, (system, start) in enumerate(zip(self.kinetics, values.kinetics.starts, strict=True)):
            for k, name in enumerate(system.names):
                column = variables.setdefault(name, ("cell", np.full(self.cells, np.nan)))
                column[1][j] = found.u[start + k]
        sources = np.asarray(found.sources)
        one = len(self.secreted) == 1
        variables[self.source_name] = ("cell", sources[0]) if one else (("species", "cell"), sources)
        coords = {"cell": np.arange(1, self.cells + 1), **({} if one else {"species": list(self.secreted)})}
        return xr.Dataset(variables, coords, {"route": "asymptotic", "parameters": _text(self.resolve(parameters))})

    def eigenvalues(self, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> np.ndarray:
        """Eigenvalues of the steady state by the asymptotic theory, complex, growing first; conjugates follow each other.

        Parameters
        ----------
        parameters : mapping, optional
            Values over the defaults.
        region : pair of complex corners, ((re, re), (im, im)) or (re, re, im, im), optional
            Where to look; all that lie in it are found.  By default all growing ones and the slowly decaying.

        Returns
        -------
        (k,) complex array
        """
        return self.modes(parameters, region).eigenvalues

    def modes(self, parameters: Mapping[Any, Any] | None = None, region: Any = None) -> Spectrum:
        """Eigenvalues with their modes: fluxes c through the walls, and amplitudes and phases of the cells."""
        exchange = self.exchange(parameters)
        return _of("spectrum").spectrum(exchange.values, exchange, self._steady(parameters), region=region)

    def unstable_count(self, parameters: Mapping[Any, Any] | None = None) -> int:
        """Number of growing eigenvalues by the winding number alone, conjugates counted."""
        exchange = self.exchange(parameters)
        return _of("spectrum").unstable_count(exchange.values, exchange, self._steady(parameters))

    def hopf_curves(self, vary: tuple[str, str] = ("D", "tau"), **options: Any) -> list[xr.Dataset]:
        """Every Hopf curve in the plane of two parameters, see `symdyn.cells.hopf.hopf_curves`."""
        return _of("hopf").hopf_curves(self, vary, **options)

    def hopf_curve(self, vary: tuple[str, str] = ("D", "tau"), **options: Any) -> xr.Dataset:
        """One Hopf curve in the plane of two parameters, through its folds, see `symdyn.cells.hopf.hopf_curve`."""
        return _of("hopf").hopf_curve(self, vary, **options)

    def bulk_field(self, at: Any, parameters: Mapping[Any, Any] | None = None) -> np.ndarray:
        r"""Steady bulk concentration :math:`-2\pi\sum_j A_j G(x; x_j)` at points (p, 2), (p,); (S, p) of several species."""
        found, values = self._steady(parameters), self.values(parameters)
        try:
            points = np.asarray(at, float).reshape(-1, 2)
        except (TypeError, ValueError):
            raise DeclarationError(f"the points are {at!r}; expected pairs of numbers, [(x, y), ...]") from None
        rows = [
            -2 * np.pi * self.greens.field(points, values.centers, 1 / d).real @ a
            for d, a in zip(values.diffusion, np.asarray(found.sources), strict=True)
        ]
        return rows[0] if len(rows) == 1 else np.stack(rows)

    def _steady(self, parameters: Mapping[Any, Any] | None, guess: Any = None) -> SteadyState:
        exchange = self.exchange(parameters)
        return _of("steady").steady_state(exchange.values, exchange, None if guess is None else self._start(guess))

    def _start(self, guess: Any) -> np.ndarray:
        """A guess as an array (n,)."""
        return read_guess(guess, [s.name for j in range(self.cells) for s in self.cell_states(j)])

    # ---- ordinary differential equations -------------------------------------------------------

    def well_mixed(self) -> ODESystem:
        """The limit of infinitely fast diffusion, see `symdyn.cells.limits.well_mixed`."""
        return _of("limits").well_mixed(self)

    def large_diffusion(self, modes: int = 0) -> ODESystem:
        r"""The limit of fast diffusion, :math:`D = O(1/\nu)`, with `modes` slow modes of the bulk beside its mean."""
        return _of("modal").modal_system(self, modes) if modes else _of("limits").large_diffusion(self)

    def reduce(self, parameters: Mapping[Any, Any] | None = None, *, tolerance: float = 1e-6, **options: Any) -> ReducedCells:
        """A system of ODEs that stands for the finite elements to a tolerance, see `symdyn.cells.reduction.reduce`."""
        return _of("reduction").reduce(self, tolerance=tolerance, parameters=parameters, **options)

    # ---- finite elements -----------------------------------------------------------------------

    def full(self, mesh: Any = None, **options: Any) -> FullBulkCells:
        """The system of partial and ordinary differential equations by finite elements, see `FullBulkCells`."""
        return _of("full").FullBulkCells(self, mesh, **options)

    # ---- seeing --------------------------------------------------------------------------------

    def draw(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The domain and its cells, to scale, see `symdyn.cells.draw`."""
        return _of("figures").draw(self, ax, **options)

    def plot_bulk(self, parameters: Mapping[Any, Any] | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """The steady bulk concentration, see `symdyn.cells.plot_bulk`."""
        return _of("figures").plot_bulk(self, parameters, ax, **options)

    def plot_mode(self, modes: Any, k: int = 0, ax: Axes | None = None, **options: Any) -> Axes:
        """Amplitudes and phases of the cells in a mode, see `symdyn.cells.plot_mode`."""
        return _of("figures").plot_mode(self, modes, k, ax, **options)

    def animate(self, data: xr.Dataset, path: Any, **options: Any) -> Any:
        """A film of cells and bulk, see `symdyn.cells.animate_colony`."""
        return _of("figures").animate_colony(self, data, path, **options)

    def individually(self, *names: str) -> Self:
        """The same colony with kinetic parameters of which every cell has its own, ``alpha_1``, ``alpha_2`` ..."""
        shared = {p.name: v for p, v in self.defaults.items()}
        new = self._again(individual=(*self.individual, *names))
        own = {f"{n}_{j + 1}": shared[n] for n in names if n in shared for j in range(self.cells)}
        return new.with_parameters({k: v for k, v in own.items() if k in {p.name for p in new.parameters}})


def _of(module: str) -> Any:
    """A module of this package, imported when it is first asked: a colony is declared sooner than all routes are loaded."""
    return importlib.import_module(f"symdyn.cells.{module}")


def _text(values: Mapping[Any, float]) -> str:
    return ", ".join(f"{p} = {v:g}" for p, v in values.items())
