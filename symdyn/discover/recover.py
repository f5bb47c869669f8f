"""recover(): from a system with unknown terms and data to systems without."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from symdyn.discover.checks import check_values
from symdyn.discover.options import STAGES, RecoverOptions, Request
from symdyn.discover.partners import partnered
from symdyn.discover.recovery import Recovery
from symdyn.discover.routes import measured, route_of
from symdyn.discover.second_order import second_order
from symdyn.inference.budget import Budget
from symdyn.inference.journal import Journal
from symdyn.inference.report import Report
from symdyn.optional import named
from symdyn.system import System

__all__ = ["RecoverOptions", "recover"]


@named()
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
    conserved: Sequence[Any] | None = None,
    graph: Mapping[Any, Collection[Any]] | None = None,
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
        Unknown terms are undefined functions, and networks (of `symdyn.learn`; initial values, which were fitted with them, are
        then fitted anew).  Parameters with a value are known, the others are fitted along.  Declared
        initial values of ODE systems and maps, which are those at the first time of the data, are known as well: they are
        held unless they are named in ``options.fit`` or given bounds; of several trajectories only those of states without
        data are.  A note in `warnings` says where the data contradict one.
        None if nothing is known: every column of the data but time is then the state of an ODE, every variable of a dataset
        with axes x or y a field.  Their terms come from a general library with constants inside, unless `library` is given or
        another option that the search among the terms of a library reads, as the table below has them.
        One column that rises and falls through the same value, which no equation of first order makes, is taken further: of a
        population, up to 400 data, models of textbooks with a second, hidden state are compared
        (`symdyn.discover.partners`), and from 20 positive data of one trajectory on those with a delay or a season
        (`symdyn.discover.paced`).  Else, from 20 data on, an equation of second order is looked for, with the velocity as a
        second state (`symdyn.discover.second_order`).  Such a model comes first where it follows the data.
    data : Dataset, DataFrame, mapping of arrays, pair (t, X) of arrays, or a list of these
        See `symdyn.inference.data.observations`: several trajectories, missing values and unobserved states are fine.
        Times of a map are whole steps apart.  Dates become days since the first.  A header that is no name in the text of
        a system, such as ``Temp (°C)``, becomes one, and a constant column is no state; `warnings` of the result say so.
    unknown : sequence, optional
        States (or names) whose equations get a further unknown term of all states.
    library : int, str, sequence of Expr, or mapping, optional
        Degree of the monomials, the name of a library for ODEs and maps of a kind of problem (second table below), or the
        candidate terms; for each function apart in a mapping.  Symbols in a term that are neither states nor parameters are
        constants that are fitted, such as ``h`` in ``x*y/(1 + h*x)``; exponents as n in ``x**n/(K**n + x**n)`` begin at 1, 2
        and 4 and stay between 0.5 and 10 unless bounds are given.
    surrogate, regressor : str or None
        Names in their registries; None leaves the stage out.  Without a surrogate there is nothing for a regressor.
        The surrogate 'auto' is 'smoothing' for ODEs whose states are all observed, else 'pinn', and for maps 'inversion'; where
        the data turn out to tell nothing of them it is left out, which is noted in `warnings`.  For fields it is none; 'pinn'
        has to be named.  The regressor 'auto' is 'sparse' for fields, and 'operon' for all others.
    selection : bool
        Whether terms are selected by simulation; otherwise the regressor's formulas are only fitted to the data.
    budget : float, optional
        Seconds from the call, imports included, after which the search ends with the best so far.  Time that is left when
        the search ends goes to further levels of it, each with about twice as many models as the one before.  A result cut
        short is noted in `warnings`; one with a budget is the only one that another run might not repeat.  An interrupt
        (Ctrl-C) ends the search with the best so far, too.
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
    conserved : sequence of str or Expr, optional
        Quantities that stay as they are, such as ``["x + y"]``; of maps, linear ones.  Every recovered system keeps them
        exactly: what one unknown function loses in a term, others gain.  Terms come from the library alone.
    graph : mapping, optional
        States that may enter the unknown functions in the equation of a state, beside itself: ``{"x": ["y"]}``.  Equations
        that it does not name are free.
    checkpoint : str or Path, optional
        File that keeps what the search has computed, written every few seconds.  A search that was cut short, by its budget,
        an interrupt or a crash, goes on from it when it is run again, and ends with the numbers of one that was not; when
        a search is complete its record is removed, and the file unless another has left its record there.  One search at a time
        uses a file.
    options : RecoverOptions, optional

    Returns
    -------
    Recovery

    Raises
    ------
    RecoveryError
        If an argument or option is malformed, names what there is not, or has no effect on what is recovered: the message
        names what has one.  If the data hold none of the states, nothing is unknown or one unknown term is an argument
        of another, a parameter to be fitted does not enter the equations, an optional package is missing, or no candidate
        can be simulated along the data.

    Notes
    -----
    What has an effect depends on what is recovered; an option that has none is refused.  ``budget``, ``checkpoint``,
    ``progress`` and ``seed`` are for all.  In the table, x is an effect; t leads to the search among the terms of a library
    where nothing is known; s is an effect where a surrogate is named; - is refused.  A repair is that of an ODESystem or
    DiscreteSystem with ``options.repair``; None is data of states, or of fields, of which nothing is known.

    ====================  ========  ======  ====  ===  ============  ===  =======
    option                ODE, map  repair  None  PDE  None, fields  SDE  network
    ====================  ========  ======  ====  ===  ============  ===  =======
    unknown               x         x       -     x    -             x    -
    library               x         x       t     x    x             x    x
    surrogate             x         -       t     x    -             -    -
    regressor             x         -       t     s    -             -    -
    selection             x         x       t     -    -             -    -
    heldout               x         x       x     x    x             x    -
    bounds                x         x       t     x    x             x    x
    signs                 x         -       t     s    -             x    -
    conserved             x         -       t     -    -             -    -
    graph                 x         -       t     -    -             -    -
    options.degree        x         x       t     x    x             x    -
    options.functions     x         x       t     x    -             x    -
    options.fit           x         x       -     x    -             x    x
    options.guesses       x         x       t     x    x             x    x
    options.noise         x         x       x     x    x             -    -
    options.windows       x         x       x     -    -             -    -
    options.largest       x         x       t     x    x             x    x
    options.beam          x         x       t     x    x             -    -
    options.rounds        x         x       t     x    x             -    -
    options.keep          x         x       x     x    x             x    x
    options.level         x         x       x     x    x             x    x
    options.process       x         -       x     -    -             -    -
    options.repeats       x         x       t     -    -             -    -
    options.repair        -         x       -     -    -             -    -
    options.units         x         -       t     -    -             -    -
    options.ties          -         -       x     -    -             -    -
    options.surrogate     x         -       t     s    -             -    -
    options.regressor     x         -       t     s    -             -    -
    ====================  ========  ======  ====  ===  ============  ===  =======

    ``surrogate="denoiser"`` is for scores: of an SDESystem that `reverse_time` made with unknown functions of all states and
    time, and samples of its data, a `LearnedScore` is returned.  It reads ``options.surrogate``, too: `width`,
    `depth`, `steps`, `batch` and `rate` of `symdyn.discover.surrogates.denoiser.Denoiser`.

    Named libraries have these terms of the states x, y among the arguments of an unknown function.  Those of populations are
    for the equation of x, and lack the factor x where the system has it, as in ``x' = x*f(x, y)``; those of populations and of
    chemistry are for states that are nowhere negative, whose initial values are fitted above zero.  With 'populations', and
    nothing known of the right-hand sides, the models of textbooks, with their signs, are together as likely as all other
    choices: exponential and logistic growth, the Allee effect, Lotka and Volterra's predator and prey, also with limited prey,
    and competition, Rosenzweig and MacArthur's, susceptible and infected; of maps geometric growth, the logistic map, Ricker's,
    and Beverton and Holt's.  A note says where that decides.

    =============  =======================================================================================================
    library        terms
    =============  =======================================================================================================
    'populations'  x, x*x, x*y, x**3; saturation x/(1 + h_x*x), x**2/(1 + g_x*x**2); Ricker's x*exp(-b_x*x); Holling's type II
                   x*y/(1 + h_x*x) and x*y/(1 + h_y*y), type III x**2*y/(1 + g_x*x**2) and x*y**2/(1 + g_y*y**2); ratio
                   dependence x*y/(x + r_x_y*y)
    'mechanics'    monomials up to degree 3 (of more than two states: 2) and cubes; sin(x), cos(x), abs(x)*x of all states,
                   positions and velocities alike
    'chemistry'    mass action: monomials up to degree 2 (of one state: 3); Michaelis-Menten x/(K_x + x), and y*x/(K_x + x);
                   Hill x**n_x/(k_x**n_x + x**n_x) and k_x**n_x/(k_x**n_x + x**n_x)
    =============  =======================================================================================================

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
    began = time.monotonic()
    options = RecoverOptions() if options is None else options
    asked: dict[str, Any] = dict(
        unknown=unknown, library=library, surrogate=surrogate, regressor=regressor, selection=selection, seed=seed,
        heldout=heldout, bounds=bounds, signs=signs, conserved=conserved, graph=graph, options=options,
    )  # fmt: skip
    check_values({**asked, "budget": budget, "progress": progress, "checkpoint": checkpoint})
    if isinstance(system, System) and system.networks:
        system = system.without_networks().replace(initial=MappingProxyType({}))
    data = measured(system, data)
    if isinstance(system, System) and not system.fields:
        system = system.with_initial_numbers(unknown=options.fit)
    with Journal(checkpoint) as journal, Report(progress, "recover", STAGES) as report:
        request = Request(**asked, budget=Budget(budget, began=began), report=report, journal=journal)
        known, (system, route) = system is not None, route_of(system, data, request)
        found = route.recovered(system, data, request)
        found = found if known or found.system.fields else second_order(partnered(found, request), data, request)
        if found.complete:
            journal.remove()
    read = found.observations.notes if found.observations is not None else ()  # networks have theirs among the warnings
    return replace(found, warnings=(*read, *found.warnings))
