"""recover(): from a system with unknown terms and data to systems without."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from symdyn.discover.information import check_level
from symdyn.discover.journal import Journal
from symdyn.discover.options import RecoverOptions, Report
from symdyn.discover.recovery import Recovery
from symdyn.discover.request import Request
from symdyn.discover.routes import route_of, stated
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["RecoverOptions", "recover"]


def recover(
    system: System | None,
    data: Any,
    *,
    unknown: Sequence[Any] | None = None,
    library: Any = None,
    surrogate: str | None = "auto",
    regressor: str | None = "auto",
    selection: bool = True,
    budget: float | None = None,
    seed: int = 0,
    progress: bool | Callable[[str, float], None] | None = None,
    heldout: float = 0.0,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    signs: Mapping[Any, int] | None = None,
    checkpoint: str | Path | None = None,
    options: RecoverOptions | None = None,
) -> Recovery:
    """Recover unknown terms of a system, or whole equations, from data.

    A surrogate learns states and unknown terms; a library, and a regressor on the learned terms, propose candidates;
    these are put back into the system, which is simulated with sensitivities and fitted to the data, while terms
    are added, dropped and exchanged by an information criterion.

    Parameters
    ----------
    system : ODESystem, DiscreteSystem, SDESystem, PDESystem, ReactionNetwork or None
        Unknown terms are undefined functions.  Parameters with a value are known, the others are fitted along.  None if
        nothing is known: every column of the data but time is then the state of an ODE, every variable of a dataset with
        axes x or y a field.  Their terms come from a general library with constants inside, unless `library` is given.
    data : Dataset, DataFrame, mapping of arrays, or a list of them
        See `symdyn.discover.data.observations`: several trajectories, missing values and unobserved states are fine.
        Times of a map are whole steps apart.
    unknown : sequence, optional
        States (or names) whose equations get a further unknown term of all states.
    library : int, sequence of Expr, or mapping, optional
        Degree of the monomials, or the candidate terms; for each function apart in a mapping.  Symbols in a term that
        are neither states nor parameters are constants that are fitted, such as ``h`` in ``x*y/(1 + h*x)``.
    surrogate, regressor : str or None
        Names in their registries; None leaves the stage out.  Without a surrogate there is nothing for a regressor.
        The surrogate 'auto' is 'smoothing' for ODEs whose states are all observed, else 'pinn', and for maps 'inversion'; where
        the data turn out to tell nothing of them it is left out, which is noted in `warnings`.  For fields it is none; 'pinn'
        has to be named.  The regressor 'auto' is 'sparse' for fields, and 'operon' for all others.
    selection : bool
        Whether terms are selected by simulation; otherwise the regressor's formulas are only fitted to the data.
    budget : float, optional
        Seconds after which the search ends with the best so far; a result cut short is noted in `warnings`, and is the
        only one that another run might not repeat.
    seed : int
        Of surrogate and regressor; the same seed gives the same result.
    progress : bool or callable, optional
        Show a bar (silent in pipes), or call ``progress(stage, fraction)``.
    heldout : float
        Last fraction of the times that is not used but predicted.
    bounds : mapping, optional
        Pairs (smallest, largest) of parameters, of constants in the library, and of initial values by state; a pair of
        equal numbers holds an initial value.
    signs : mapping, optional
        +1 or -1 for unknown functions whose sign is known along the data.
    checkpoint : str or Path, optional
        File that keeps what the search has computed, written every few seconds.  A search that was cut short, by its budget,
        an interrupt or a crash, goes on from it when it is run again, and ends with the numbers of one that was not; when
        a search is complete the file is removed.
    options : RecoverOptions, optional

    Returns
    -------
    Recovery

    Raises
    ------
    RecoveryError
        If the data hold none of the states, nothing is unknown or one unknown term is an argument of another, a parameter
        to be fitted does not enter the equations, an optional package is missing, or no candidate can be simulated along
        the data.

    References
    ----------
    Podina, Eastman, Kohandel, PMLR 202:27948 (2023); Rackauckas et al., arXiv:2001.04385.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, surrogate=None, progress=False)
    >>> {power: round(float(found.terms[f(x)].coeff(x, power)), 3) for power in range(4)}
    {0: 0.0, 1: 1.0, 2: -1.0, 3: 0.0}
    """
    route_of(system, data)
    if budget is not None and not budget > 0:
        raise RecoveryError(f"budget is {budget!r}; expected a positive number of seconds")
    options = options or RecoverOptions()
    check_level(options.level)
    if options.units is not None and (options.repair or system is None or not system.parts <= {"drift", "map"}):
        raise RecoveryError("units are for the unknown functions of an ODESystem or DiscreteSystem; leave them out here")
    deadline = None if budget is None else time.monotonic() + budget
    journal = Journal(checkpoint)
    with Report(progress) as report:
        request = Request(
            unknown, library, surrogate, regressor, selection, deadline, seed, report, heldout, bounds, signs,
            options, journal,
        )  # fmt: skip
        try:
            system = stated(system, data, request)
            found = route_of(system, data)(system, data, request)
        finally:
            journal.write()
    if found.complete:
        journal.remove()
    return found
