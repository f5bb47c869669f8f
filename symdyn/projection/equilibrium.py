"""The stationary distribution of a master equation, and the moments of its distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from symdyn.projection.equation import MasterEquation
from symdyn.projection.labelled import check_layout, labelled
from symdyn.projection.search import StationarySearch, cropped, warn_of_edge
from symdyn.projection.statistics import moments
from symdyn.projection.transient import check_tolerance

__all__ = ["moments_of", "stationary"]


def stationary(
    equation: MasterEquation,
    parameters: Mapping[Any, float] | None = None,
    initial: Any = None,
    *,
    tolerance: float = 1e-10,
    layout: str | None = None,
) -> xr.DataArray:
    r"""The stationary distribution, :math:`A\pi = 0`.

    Jumps out of the set do not happen (a reflecting truncation).  A chain of one species that changes by one is solved by
    detailed balance, :math:`\pi(n) = \pi(n-1)\,b(n-1)/d(n)`, in logarithms; anything else by sparse elimination.  Where two
    species come in bursts, elimination takes minutes beyond some 200 x 200 states; a late `transient` is quicker there.

    Parameters
    ----------
    equation : MasterEquation
    parameters : mapping, optional
        Values over the defaults of the network.
    initial : mapping or DataArray, optional
        Where the process starts (see `transient`).  It matters where several sets of states are never left, because
        of a conservation law or absorbing states; by default the initial numbers of the network.
    tolerance : float
        Without upper bounds the set grows until ``edge_mass`` is below, and means and variances do not move by more
        than its square root.
    layout : {'box', 'list'}, optional
        As of `transient`.

    Returns
    -------
    xarray.DataArray
        ``attrs['edge_mass']`` is the probability that the next jump would leave the set, in the stationary state; if it
        is not negligible, there is a warning.  ``attrs['weight_error']`` is about the error of the weights of wells that
        exchange little, from the balance of what goes up and down; detailed balance has none.  ``attrs['searched']``
        names the box in which the distribution was found if there were no upper bounds: probability outside,
        behind a barrier of very low probability, is found with upper bounds only.

    Raises
    ------
    DeclarationError
        For rates that depend on time, and input that does not fit.
    SimulationError
        If the distribution is not unique and `initial` is missing, or the set grows beyond ``max_states``.

    References
    ----------
    Gupta, Mikelson, Khammash, J. Chem. Phys. 147, 154101 (2017) (reflecting truncation).

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> round(float(net.master_equation(upper={"X": 60}).stationary().sel(X=5)), 6)  # Poisson
    0.175467
    """
    check_tolerance(tolerance)
    check_layout(layout)
    transitions = equation.constant(parameters, "a stationary distribution")
    found = StationarySearch(equation, transitions, initial).run(tolerance)
    warn_of_edge(found)
    facts = {"method": found.method, "edge_mass": found.edge_mass}
    if found.solution is not None:
        facts["weight_error"] = found.solution.weight_error
    if equation.box is None:
        facts["searched"] = found.searched
    kept = cropped(found, [b is None for b in equation.upper])
    return labelled(equation, transitions, [kept], None, layout=layout, facts=facts)


def moments_of(equation: MasterEquation, p: xr.DataArray | None = None, order: int = 2, *, central: bool = False) -> xr.Dataset:
    """Moments up to an order of a distribution, the stationary one unless given.

    Parameters
    ----------
    equation : MasterEquation
    p : DataArray, optional
        A distribution, as `transient` and `stationary` give it.
    order : int
    central : bool
        Whether moments above the means are about them.

    Returns
    -------
    xarray.Dataset
        ``E[X]``, ``E[X^2]``, ``E[X*Y]``, ..., or ``M[X^2]``, ``M[X*Y]``, ... where they are central.

    Raises
    ------
    DeclarationError
        If the order is no whole number from 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> found = net.master_equation(upper={"X": 60}).moments(central=True)
    >>> {k: round(float(v), 6) for k, v in found.items()}
    {'E[X]': 5.0, 'M[X^2]': 5.0}
    """
    return moments(stationary(equation) if p is None else p, order, central=central)
